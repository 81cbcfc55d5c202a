/* facematch.json from anywhere: parse it, and spell it canonically. */
#include "backend/manifest.h"
#include "core/memory.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is accepted must be within the bounds that the rest of the library relies on. */
static void check(const fmi_manifest *m)
{
    if (m->input.width < 1 || m->input.width > 4096 || m->input.height < 1 ||
        m->input.height > 4096 || m->runtime.batch < 1 || !m->name || !m->calibration_dataset)
        abort();
    if (m->kind == FM_MODEL_EMBEDDER &&
        (m->embedding.dim < 1 || m->embedding.dim > 65536 || !m->alignment.present))
        abort();
    for (size_t i = 1; i < m->calibration.count; i++)
        if (!(m->calibration.points[i].fmr < m->calibration.points[i - 1].fmr))
            abort();
}

/* The canonical form of a text; NULL when it has none. */
static char *canonical(const char *text, size_t size)
{
    char *out = NULL;
    return fmi_manifest_canonical(&out, text, size, NULL) == FM_OK ? out : NULL;
}

/* Rounding to nine digits may make a whole number, which is spelled otherwise; after that the form
 * stays as it is. Control characters are not escaped, so not every form can be read again. */
static void check_canonical(const char *text, size_t size)
{
    char *once = canonical(text, size);
    char *twice = once ? canonical(once, strlen(once)) : NULL;
    char *thrice = twice ? canonical(twice, strlen(twice)) : NULL;
    if (twice && (!thrice || strcmp(twice, thrice) != 0))
        abort();
    fmi_free(once);
    fmi_free(twice);
    fmi_free(thrice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fmi_manifest manifest;
    if (fmi_manifest_parse(&manifest, (const char *)data, size, NULL) == FM_OK) {
        check(&manifest);
        fmi_manifest_dispose(&manifest);
    }
    check_canonical((const char *)data, size);
    if (fmi_memory_live_blocks() != 0)
        abort();
    return 0;
}
