#include "again.h"

#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

/* How far apart two vectors of one photograph may lie, as a share of their length. Another CPU's
 * rounding, which can tip a pixel of the crop, is up to 3e-3 off; two photographs of one person lie
 * 0.17 apart and more (docs/enrolment.md). */
static const double APART = 5e-3;

/* The vectors and not their score, which does not tell it under every metric: others can score
 * higher than a vector does with itself (inner_product), or all but as high (siamese, near 1). */
static bool same(const embedding *a, const embedding *b)
{
    double apart = 0, length = 0;
    for (size_t i = 0; i < a->dim; i++) {
        double d = (double)a->values[i] - (double)b->values[i];
        apart += d * d;
        length += (double)a->values[i] * (double)a->values[i];
    }
    return apart <= APART * APART * length;
}

static fm_status look_among(const context *ctx, fm_gallery *gallery, const char *id,
                            const embedding *vector, bool *there, fm_error *err)
{
    fm_template templates[FM_LIMIT_TEMPLATES];
    size_t count = 0;
    embedding other = embedding_new(ctx);
    fm_status status =
        fm_gallery_get_templates(gallery, id, templates, FM_LIMIT_TEMPLATES, &count, err);
    for (size_t i = 0; i < count && status == FM_OK && !*there; i++) {
        status = fm_gallery_get_embedding(gallery, id, templates[i].template_id, other.values,
                                          other.dim, err);
        if (status == FM_OK)
            *there = same(vector, &other);
        else if (status == FM_E_NOT_FOUND) /* removed meanwhile */
            status = FM_OK;
    }
    embedding_free(&other);
    return status == FM_E_NOT_FOUND ? FM_OK : status;
}

static fm_status ask(again *a, fm_gallery *gallery, const char *id, fm_error *err)
{
    size_t count = 0;
    fm_status status =
        gallery ? fm_gallery_get_templates(gallery, id, NULL, 0, &count, err) : FM_E_NOT_FOUND;
    if (status != FM_OK && status != FM_E_NOT_FOUND)
        return status;
    a->asked = true;
    a->known = count > 0;
    return FM_OK;
}

static bool has_size(const again *a, const char *path)
{
    struct stat file;
    bool found = false;
    if (a->count > 0 && stat(path, &file) == 0)
        for (size_t i = 0; i < a->count && !found; i++)
            found = a->sizes[i] == file.st_size;
    return found;
}

fm_status again_look(again *a, const context *ctx, fm_gallery *gallery, const char *id,
                     const char *path, const fm_image *image, bool *there, fm_error *err)
{
    fm_status status = a->asked ? FM_OK : ask(a, gallery, id, err);
    *there = false;
    if (status != FM_OK || !gallery || (!a->known && !has_size(a, path)))
        return status;
    embedding vector = embedding_new(ctx);
    status = ctx_embed_image(ctx, ctx->session, image, &vector, err);
    if (status == FM_OK)
        status = look_among(ctx, gallery, id, &vector, there, err);
    else if (status == FM_E_NOT_FOUND || status == FM_E_INVALID_ARGUMENT)
        status = FM_OK; /* no face, or no crop */
    embedding_free(&vector);
    return status;
}

/* Whether two texts are the same JSON. */
static bool same_json(const char *a, const char *b)
{
    json_t *x = json_loads(a, 0, NULL), *y = json_loads(b, 0, NULL);
    bool equal = x && y && json_equal(x, y);
    json_decref(x);
    json_decref(y);
    return equal;
}

fm_status again_changes(fm_gallery *gallery, const char *id, const options *opts, bool *changes,
                        fm_error *err)
{
    static char metadata[FM_METADATA_MAX + 1];
    fm_identity identity;
    *changes = false;
    if (!gallery || (!opts->name && !opts->metadata))
        return FM_OK;
    fm_status status = fm_gallery_get(gallery, id, &identity, err);
    if (status == FM_OK && opts->metadata)
        status = fm_gallery_get_metadata(gallery, id, metadata, sizeof metadata, NULL, err);
    if (status == FM_OK)
        *changes = (opts->name && strcmp(opts->name, identity.display_name) != 0) ||
                   (opts->metadata && !same_json(opts->metadata, metadata));
    return status == FM_E_NOT_FOUND ? FM_OK : status;
}

void again_enrolled(again *a, const char *path)
{
    struct stat file;
    if (a->count < FM_LIMIT_TEMPLATES && stat(path, &file) == 0)
        a->sizes[a->count++] = file.st_size;
}
