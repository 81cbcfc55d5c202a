/* From crops, photographs and chosen faces to embeddings. */
#include "core/error.h"
#include "core/memory.h"
#include "face/session.h"
#include "image/image.h"
#include <math.h>
#include <string.h>

/* Crops that are run together: their planes take this much memory at most, or one crop's. */
enum { GROUP_MOST = 32 };
static const size_t GROUP_BYTES = (size_t)16 << 20;

typedef struct runner {
    fm_session *session;
    size_t values;   /* of one crop's planes */
    size_t dim;      /* of one embedding */
    size_t group;    /* crops run together */
    float *planes;   /* [group][values] */
    float *mirrored; /* [group][dim]: embeddings of the mirrored crops */
} runner;

static size_t dim_of(const fm_session *session)
{
    return (size_t)session->embedder->manifest.embedding.dim;
}

static void close_runner(runner *r)
{
    if (r->planes)
        fmi_free_wiped(r->planes, r->group * r->values * sizeof(float));
    if (r->mirrored)
        fmi_free_wiped(r->mirrored, r->group * r->dim * sizeof(float));
}

static fm_status open_runner(runner *r, fm_session *session, size_t n, fm_error *err)
{
    const fmi_manifest *manifest = &session->embedder->manifest;
    memset(r, 0, sizeof *r);
    r->session = session;
    r->dim = dim_of(session);
    r->values = 3 * (size_t)manifest->input.width * (size_t)manifest->input.height;
    r->group = GROUP_BYTES / (r->values * sizeof(float));
    r->group = r->group < 1 ? 1 : r->group > GROUP_MOST ? GROUP_MOST : r->group;
    r->group = r->group < n ? r->group : n;
    r->planes = fmi_alloc_array(r->group * r->values, sizeof(float));
    if (session->options.flip)
        r->mirrored = fmi_alloc_array(r->group * r->dim, sizeof(float));
    if (r->planes && (r->mirrored || !session->options.flip))
        return FM_OK;
    close_runner(r);
    return fmi_fail_memory(err);
}

static void fill_planes(const runner *r, const fm_image *const *crops, size_t n)
{
    const fmi_manifest *manifest = &r->session->embedder->manifest;
    for (size_t i = 0; i < n; i++) {
        fmi_planes to;
        memset(&to, 0, sizeof to);
        to.out = r->planes + i * r->values;
        to.plane_stride = r->values / 3;
        to.row_stride = (size_t)manifest->input.width;
        memcpy(to.mean, manifest->input.mean, sizeof to.mean);
        memcpy(to.std, manifest->input.std, sizeof to.std);
        to.bgr = manifest->input.bgr;
        fmi_image_to_planes(crops[i], &to);
    }
}

static void mirror_planes(const runner *r, size_t n)
{
    size_t width = (size_t)r->session->embedder->manifest.input.width;
    float *end = r->planes + n * r->values;
    for (float *row = r->planes; row < end; row += width) {
        for (size_t i = 0; i < width / 2; i++) {
            float kept = row[i];
            row[i] = row[width - 1 - i];
            row[width - 1 - i] = kept;
        }
    }
}

static fm_status run_network(const runner *r, size_t n, float *out, fm_error *err)
{
    const fm_model *model = r->session->embedder;
    const int64_t shape[3] = {3, model->manifest.input.height, model->manifest.input.width};
    return fmi_model_run_items(model, r->session->embed_part, r->session->options.threads,
                               r->planes, n, shape, out, r->dim, err);
}

static fm_status run_mirrored(const runner *r, size_t n, float *out, fm_error *err)
{
    fm_status status;
    mirror_planes(r, n);
    status = run_network(r, n, r->mirrored, err);
    if (status != FM_OK)
        return status;
    for (size_t i = 0; i < n * r->dim; i++)
        out[i] = (out[i] + r->mirrored[i]) / 2;
    return FM_OK;
}

/* Refuse what is not a number; bring to unit length where the model says so. */
static fm_status finish(const runner *r, float *embedding, fm_error *err)
{
    double sum = 0;
    for (size_t i = 0; i < r->dim; i++)
        sum += (double)embedding[i] * embedding[i];
    if (!isfinite(sum))
        return fmi_fail(err, FM_E_BACKEND, "the embedding has a value that is not finite");
    if (!r->session->embedder->manifest.embedding.normalize)
        return FM_OK;
    if (sum <= 0)
        return fmi_fail(err, FM_E_BACKEND,
                        "the embedding is all zero and cannot be brought to unit length");
    for (size_t i = 0; i < r->dim; i++)
        embedding[i] = (float)(embedding[i] / sqrt(sum));
    return FM_OK;
}

static fm_status run_group(const runner *r, const fm_image *const *crops, size_t n, float *out,
                           fm_error *err)
{
    fm_status status;
    fill_planes(r, crops, n);
    status = run_network(r, n, out, err);
    if (status == FM_OK && r->mirrored)
        status = run_mirrored(r, n, out, err);
    for (size_t i = 0; i < n && status == FM_OK; i++)
        status = finish(r, out + i * r->dim, err);
    return status;
}

static fm_status run_groups(fm_session *session, const fm_image *const *crops, size_t n, float *out,
                            fm_error *err)
{
    runner r;
    fm_status status = open_runner(&r, session, n, err);
    if (status != FM_OK)
        return status;
    for (size_t i = 0; i < n && status == FM_OK; i += r.group) {
        size_t some = n - i < r.group ? n - i : r.group;
        status = run_group(&r, crops + i, some, out + i * r.dim, err);
    }
    close_runner(&r);
    return status;
}

fm_status fmi_embed_crops(fm_session *session, const fm_image *const *crops, size_t n, float *out,
                          fm_error *err)
{
    size_t size = n * dim_of(session) * sizeof(float);
    float *embeddings;
    fm_status status;
    if (n == 0)
        return FM_OK;
    embeddings = fmi_alloc(size);
    if (!embeddings)
        return fmi_fail_memory(err);
    status = run_groups(session, crops, n, embeddings, err);
    if (status == FM_OK)
        memcpy(out, embeddings, size);
    fmi_free_wiped(embeddings, size);
    return status;
}

static fm_status embed_face(fm_session *session, const fm_image *image, const fm_face *face,
                            float *out, fm_error *err)
{
    fm_image *crop = NULL;
    fm_status status = fmi_align(session, image, face, &crop, err);
    if (status != FM_OK)
        return status;
    status = fmi_embed_crops(session, (const fm_image *const *)&crop, 1, out, err);
    fmi_image_free(crop);
    return status;
}

/* An image that already is a crop, of any size. */
static fm_status embed_crop(fm_session *session, const fm_image *image, float *out, fm_error *err)
{
    const fmi_manifest *manifest = &session->embedder->manifest;
    fm_image *crop = NULL;
    fm_status status =
        fmi_image_resize(&crop, image, manifest->input.width, manifest->input.height, err);
    if (status != FM_OK)
        return status;
    status = fmi_embed_crops(session, (const fm_image *const *)&crop, 1, out, err);
    fmi_image_free(crop);
    return status;
}

fm_status fmi_embed_image(fm_session *session, const fm_image *image, bool aligned,
                          const fm_face *face, float *out, fm_face *used, size_t *face_count,
                          fm_error *err)
{
    fm_face chosen;
    size_t count = 1;
    fm_status status = fmi_session_need_embedder(session, err);
    if (status != FM_OK)
        return status;
    if (aligned)
        return embed_crop(session, image, out, err);
    if (face)
        chosen = *face;
    else
        status = fmi_face_choose(session, image, &chosen, &count, err);
    if (status == FM_OK)
        status = embed_face(session, image, &chosen, out, err);
    if (face_count && (status == FM_OK || count == 0))
        *face_count = count;
    if (used && status == FM_OK)
        *used = chosen;
    return status;
}
