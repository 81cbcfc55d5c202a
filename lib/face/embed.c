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

/* One member of the embedder at work. */
typedef struct runner {
    const fm_session *session;
    const fmi_member *member;
    size_t number;   /* of the member */
    size_t values;   /* of one crop's planes */
    size_t dim;      /* of one output */
    size_t group;    /* crops run together */
    bool flip;       /* the mirrored crops are run, too */
    float *planes;   /* [group][values] */
    float *outputs;  /* [group][dim] */
    float *mirrored; /* [group][dim]; NULL unless flip */
} runner;

static void close_runner(runner *r)
{
    if (r->planes)
        fmi_free_wiped(r->planes, r->group * r->values * sizeof(float));
    if (r->outputs)
        fmi_free_wiped(r->outputs, r->group * r->dim * sizeof(float));
    if (r->mirrored)
        fmi_free_wiped(r->mirrored, r->group * r->dim * sizeof(float));
}

static fm_status open_runner(runner *r, const fm_session *session, size_t number, size_t n,
                             fm_error *err)
{
    const fmi_member *member = &session->embedder->manifest.embedding.members[number];
    memset(r, 0, sizeof *r);
    r->session = session;
    r->member = member;
    r->number = number;
    r->dim = (size_t)member->dim;
    r->values = 3 * (size_t)member->input.width * (size_t)member->input.height;
    r->group = GROUP_BYTES / (r->values * sizeof(float));
    r->group = r->group < 1 ? 1 : r->group > GROUP_MOST ? GROUP_MOST : r->group;
    r->group = r->group < n ? r->group : n;
    r->flip = member->flip || session->options.flip;
    r->planes = fmi_alloc_array(r->group * r->values, sizeof(float));
    r->outputs = fmi_alloc_array(r->group * r->dim, sizeof(float));
    if (r->flip)
        r->mirrored = fmi_alloc_array(r->group * r->dim, sizeof(float));
    if (r->planes && r->outputs && (r->mirrored || !r->flip))
        return FM_OK;
    close_runner(r);
    return fmi_fail_memory(err);
}

static void fill_planes(const runner *r, const fmi_crops *crops, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fmi_crop_to_planes(&r->member->input, crops[i].of[r->number], r->planes + i * r->values);
}

static fm_status run_network(const runner *r, size_t n, float *out, fm_error *err)
{
    const int64_t shape[3] = {3, r->member->input.height, r->member->input.width};
    return fmi_model_run_items(r->session->embedder, r->session->embed_parts[r->number],
                               r->session->options.threads, r->planes, n, shape, out, r->dim, err);
}

static fm_status run_mirrored(const runner *r, size_t n, fm_error *err)
{
    fm_status status;
    fmi_planes_mirror(&r->member->input, r->planes, n);
    status = run_network(r, n, r->mirrored, err);
    if (status != FM_OK)
        return status;
    for (size_t i = 0; i < n * r->dim; i++)
        r->outputs[i] = (r->outputs[i] + r->mirrored[i]) / 2;
    return FM_OK;
}

/* Refuse what is not a number; bring to a length, unless that is 0. */
static fm_status scale(float *vector, size_t dim, double length, fm_error *err)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)vector[i] * vector[i];
    if (!isfinite(sum))
        return fmi_fail(err, FM_E_BACKEND, "the embedding has a value that is not finite");
    if (length == 0)
        return FM_OK;
    if (sum <= 0)
        return fmi_fail(err, FM_E_BACKEND,
                        "the embedding is all zero and cannot be brought to unit length");
    for (size_t i = 0; i < dim; i++)
        vector[i] = (float)(vector[i] / sqrt(sum) * length);
    return FM_OK;
}

/* out: where the member's share of the first embedding goes, `stride` floats before that of the
 * next. */
static fm_status run_group(const runner *r, const fmi_crops *crops, size_t n, float *out,
                           size_t stride, fm_error *err)
{
    fm_status status;
    fill_planes(r, crops, n);
    status = run_network(r, n, r->outputs, err);
    if (status == FM_OK && r->flip)
        status = run_mirrored(r, n, err);
    for (size_t i = 0; i < n && status == FM_OK; i++) {
        status = scale(r->outputs + i * r->dim, r->dim, r->member->weight, err);
        memcpy(out + i * stride, r->outputs + i * r->dim, r->dim * sizeof *out);
    }
    return status;
}

static fm_status run_member(const fm_session *session, size_t number, const fmi_crops *crops,
                            size_t n, float *out, fm_error *err)
{
    size_t stride = (size_t)session->embedder->manifest.embedding.dim;
    runner r;
    fm_status status = open_runner(&r, session, number, n, err);
    if (status != FM_OK)
        return status;
    for (size_t i = 0; i < n && status == FM_OK; i += r.group) {
        size_t some = n - i < r.group ? n - i : r.group;
        status = run_group(&r, crops + i, some, out + i * stride, stride, err);
    }
    close_runner(&r);
    return status;
}

/* The members' shares one behind the other. */
fm_status fmi_embed_outputs(const fm_session *session, const fmi_crops *crops, size_t n, float *out,
                            fm_error *err)
{
    const fmi_manifest *manifest = &session->embedder->manifest;
    size_t first = 0;
    fm_status status = FM_OK;
    for (size_t k = 0; k < manifest->embedding.count && status == FM_OK; k++) {
        status = run_member(session, k, crops, n, out + first, err);
        first += (size_t)manifest->embedding.members[k].dim;
    }
    return status;
}

static fm_status run_members(const fm_session *session, const fmi_crops *crops, size_t n,
                             float *out, fm_error *err)
{
    const fmi_manifest *manifest = &session->embedder->manifest;
    size_t dim = (size_t)manifest->embedding.dim;
    fm_status status = fmi_embed_outputs(session, crops, n, out, err);
    for (size_t i = 0; i < n && status == FM_OK; i++)
        status = scale(out + i * dim, dim, manifest->embedding.normalize, err);
    return status;
}

fm_status fmi_embed_crops(fm_session *session, const fmi_crops *crops, size_t n, float *out,
                          fm_error *err)
{
    size_t size = n * (size_t)session->embedder->manifest.embedding.dim * sizeof(float);
    float *embeddings;
    fm_status status;
    if (n == 0)
        return FM_OK;
    embeddings = fmi_alloc(size);
    if (!embeddings)
        return fmi_fail_memory(err);
    status = run_members(session, crops, n, embeddings, err);
    if (status == FM_OK)
        memcpy(out, embeddings, size);
    fmi_free_wiped(embeddings, size);
    return status;
}

static fm_status embed_and_free(fm_session *session, fmi_crops *crops, float *out, fm_error *err)
{
    fm_status status = fmi_embed_crops(session, crops, 1, out, err);
    fmi_crops_free(crops);
    return status;
}

fm_status fmi_embed_image(fm_session *session, const fm_image *image, bool aligned,
                          const fm_face *face, float *out, fm_face *used, size_t *face_count,
                          fm_error *err)
{
    fmi_crops crops;
    fm_face chosen;
    size_t count = 1;
    fm_status status = fmi_session_need_embedder(session, err);
    if (status != FM_OK)
        return status;
    if (aligned) {
        status = fmi_crops_of_crop(&session->embedder->manifest, image, &crops, err);
        return status == FM_OK ? embed_and_free(session, &crops, out, err) : status;
    }
    if (face)
        chosen = *face;
    else
        status = fmi_face_choose(session, image, &chosen, &count, err);
    if (status == FM_OK)
        status = fmi_crops_of_face(&session->embedder->manifest, image, &chosen, &crops, err);
    if (status == FM_OK)
        status = embed_and_free(session, &crops, out, err);
    if (face_count && (status == FM_OK || count == 0))
        *face_count = count;
    if (used && status == FM_OK)
        *used = chosen;
    return status;
}
