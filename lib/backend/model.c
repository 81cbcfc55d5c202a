#include "backend/model.h"
#include "core/error.h"
#include "core/memory.h"
#include <sodium.h>
#include <string.h>

enum { ID_DIGITS = FM_MODEL_ID_SIZE - 1 };

/* What one walk over the archive gathers. */
typedef struct survey {
    crypto_hash_sha256_state hash;
    char *manifest; /* NULL: the archive has none */
    size_t manifest_length;
} survey;

static void hash_record(crypto_hash_sha256_state *hash, const char *name, const void *bytes,
                        size_t size)
{
    uint8_t length[8];
    for (size_t i = 0; i < sizeof length; i++)
        length[i] = (uint8_t)((uint64_t)size >> (8 * i));
    crypto_hash_sha256_update(hash, (const unsigned char *)name, strlen(name) + 1);
    crypto_hash_sha256_update(hash, length, sizeof length);
    crypto_hash_sha256_update(hash, bytes, size);
}

static fm_status survey_record(void *user, const char *name, const void *bytes, size_t size,
                               fm_error *err)
{
    survey *s = user;
    if (strcmp(name, FMI_MANIFEST_RECORD) != 0) {
        hash_record(&s->hash, name, bytes, size);
        return FM_OK;
    }
    s->manifest = fmi_alloc(size);
    if (!s->manifest)
        return fmi_fail_memory(err);
    memcpy(s->manifest, bytes, size);
    s->manifest_length = size;
    return FM_OK;
}

static bool is_id(const char *text)
{
    return text && strlen(text) == ID_DIGITS && strspn(text, "0123456789abcdefABCDEF") == ID_DIGITS;
}

static fm_status check_options(const fm_model_options *options, fm_error *err)
{
    if (options->reserved != 0)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "fm_model_options.reserved is %u, not 0",
                        (unsigned)options->reserved);
    if (!options->allowed_ids && options->allowed_ids_count > 0)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "allowed_ids is NULL with a count of %zu",
                        options->allowed_ids_count);
    for (size_t i = 0; i < options->allowed_ids_count; i++)
        if (!is_id(options->allowed_ids[i]))
            return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                            "allowed_ids, entry %zu, is not a model id of %d hexadecimal digits",
                            i + 1, ID_DIGITS);
    return FM_OK;
}

/* The manifest's text: the archive's own, or the caller's. */
static fm_status choose_manifest(const survey *s, const fm_model_options *options,
                                 const char **text, size_t *length, fm_error *err)
{
    if (s->manifest && options->manifest_json)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "manifest_json is given for an archive that has a facematch.json");
    if (!s->manifest && !options->manifest_json)
        return fmi_fail(err, FM_E_CORRUPT,
                        "the archive has no facematch.json: add one, or give its text as "
                        "fm_model_options.manifest_json");
    *text = s->manifest ? s->manifest : options->manifest_json;
    *length = s->manifest ? s->manifest_length : strlen(options->manifest_json);
    return FM_OK;
}

static fm_status compute_id(char id[FM_MODEL_ID_SIZE], survey *s, const char *text, size_t length,
                            fm_error *err)
{
    static const char head[] = "manifest"; /* hashed with its NUL */
    unsigned char digest[crypto_hash_sha256_BYTES];
    char *canonical = NULL;
    fm_status status = fmi_manifest_canonical(&canonical, text, length, err);
    if (status != FM_OK)
        return status;
    crypto_hash_sha256_update(&s->hash, (const unsigned char *)head, sizeof head);
    crypto_hash_sha256_update(&s->hash, (const unsigned char *)canonical, strlen(canonical));
    crypto_hash_sha256_final(&s->hash, digest);
    sodium_bin2hex(id, FM_MODEL_ID_SIZE, digest, sizeof digest);
    fmi_free(canonical);
    return FM_OK;
}

static bool same_id(const char *id, const char *allowed)
{
    for (size_t i = 0; i < ID_DIGITS; i++) {
        char c =
            allowed[i] >= 'A' && allowed[i] <= 'F' ? (char)(allowed[i] - 'A' + 'a') : allowed[i];
        if (c != id[i])
            return false;
    }
    return true;
}

static fm_status check_allowed(const char *id, const fm_model_options *options, fm_error *err)
{
    if (!options->allowed_ids)
        return FM_OK;
    for (size_t i = 0; i < options->allowed_ids_count; i++)
        if (same_id(id, options->allowed_ids[i]))
            return FM_OK;
    return fmi_fail(err, FM_E_PERMISSION, "model id %s is not among the allowed_ids", id);
}

/* All that can be known without running anything of the archive. */
static fm_status identify(fm_model *model, survey *s, const fm_model_options *options,
                          fm_error *err)
{
    const char *text = NULL;
    size_t length = 0;
    fm_status status = choose_manifest(s, options, &text, &length, err);
    if (status == FM_OK)
        status = fmi_manifest_parse(&model->manifest, text, length, err);
    if (status == FM_OK)
        status = compute_id(model->id, s, text, length, err);
    if (status == FM_OK)
        status = check_allowed(model->id, options, err);
    return status;
}

static fm_status fill(fm_model *model, const void *bytes, size_t size,
                      const fm_model_options *options, fm_error *err)
{
    survey s;
    fm_status status;
    memset(&s, 0, sizeof s);
    crypto_hash_sha256_init(&s.hash);
    status = model->backend->records(bytes, size, survey_record, &s, err);
    if (status == FM_OK)
        status = identify(model, &s, options, err);
    fmi_free(s.manifest);
    return status == FM_OK ? model->backend->load(&model->net, bytes, size, err) : status;
}

fm_status fmi_model_load(fm_model **out, const void *bytes, size_t size,
                         const fm_model_options *options, fm_error *err)
{
    fm_model *model;
    fm_status status = check_options(options, err);
    if (status != FM_OK)
        return status;
    if (sodium_init() < 0)
        return fmi_fail(err, FM_E_INTERNAL, "libsodium cannot be initialised");
    model = fmi_calloc(1, sizeof *model);
    if (!model)
        return fmi_fail_memory(err);
    atomic_init(&model->references, 1);
    model->backend = fmi_backend_get();
    status = fill(model, bytes, size, options, err);
    if (status != FM_OK) {
        fmi_model_release(model);
        return status;
    }
    *out = model;
    return FM_OK;
}

fm_model *fmi_model_retain(const fm_model *model)
{
    fm_model *own = (fm_model *)(uintptr_t)model;
    atomic_fetch_add_explicit(&own->references, 1, memory_order_relaxed);
    return own;
}

void fmi_model_release(fm_model *model)
{
    if (!model || atomic_fetch_sub_explicit(&model->references, 1, memory_order_acq_rel) > 1)
        return;
    if (model->net)
        model->backend->free(model->net);
    fmi_manifest_dispose(&model->manifest);
    fmi_free(model);
}

fm_status fmi_model_part(const fm_model *model, const char *part, fm_precision precision,
                         fmi_part **out, fm_error *err)
{
    const fmi_manifest *m = &model->manifest;
    fmi_part_config config;
    config.precision = precision;
    config.channels_last = precision == FM_PRECISION_BFLOAT16 ? m->runtime.channels_last_bfloat16
                                                              : m->runtime.channels_last;
    return model->backend->prepare(model->net, part, &config, out, err);
}

/* The largest batch first, then halves of it: 32, 16, 8, 4, 2, 1. How large pays off differs: a
 * narrow network's activations fall out of the caches early (mobilefacenet, one core, float32: 6.4
 * ms per face in batches of 8, 10.2 ms in batches of 32), a wide one's kernels gain
 * (dlib-resnet-v1, bfloat16: 3.4 and 3.1 ms). So the manifest says it. */
fm_status fmi_model_run_items(const fm_model *model, fmi_part *part, int32_t threads,
                              const float *in, size_t n, const int64_t shape[3], float *out,
                              size_t out_item_len, fm_error *err)
{
    size_t item_len = (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2];
    size_t batch = (size_t)model->manifest.runtime.batch;
    while (n > 0) {
        fm_status status;
        while (batch > n)
            batch /= 2;
        const int64_t batch_shape[4] = {(int64_t)batch, shape[0], shape[1], shape[2]};
        status =
            model->backend->run(part, threads, in, batch_shape, out, batch * out_item_len, err);
        if (status != FM_OK)
            return status;
        in += batch * item_len;
        out += batch * out_item_len;
        n -= batch;
    }
    return FM_OK;
}
