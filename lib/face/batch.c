/* Many images at a time: crops are collected in groups, so that forward passes are shared and
 * memory does not grow with the number of images. */
#include "core/error.h"
#include "core/memory.h"
#include "face/session.h"
#include "image/image.h"
#include <string.h>

enum { GROUP = 32 };

/* Makes the crops of an image; FM_E_NOT_FOUND leaves it out. */
typedef fm_status (*crop_maker)(fm_session *session, const fm_image *image, fmi_crops *crops,
                                fm_error *err);

typedef struct group {
    fmi_crops crops[GROUP];
    size_t rows[GROUP]; /* where each one's embedding goes */
    size_t count;
} group;

typedef struct batch {
    fm_session *session;
    const fm_image *const *images;
    crop_maker make_crops;
    size_t n, dim;
    float *embeddings;   /* [n][dim] */
    fm_status *statuses; /* [n] */
} batch;

static void release_crops(group *g)
{
    for (size_t i = 0; i < g->count; i++)
        fmi_crops_free(&g->crops[i]);
    g->count = 0;
}

static fm_status collect(batch *b, size_t first, group *g, fm_error *err)
{
    for (size_t i = first; i < b->n && i < first + GROUP; i++) {
        fmi_crops crops;
        fm_status status = b->make_crops(b->session, b->images[i], &crops, err);
        if (status != FM_OK && status != FM_E_NOT_FOUND)
            return fmi_fail_context(err, status, "image %zu of %zu", i + 1, b->n);
        b->statuses[i] = status;
        if (status == FM_OK) {
            g->crops[g->count] = crops;
            g->rows[g->count++] = i;
        }
    }
    return FM_OK;
}

static fm_status embed_group(batch *b, const group *g, float *scratch, fm_error *err)
{
    fm_status status = fmi_embed_crops(b->session, g->crops, g->count, scratch, err);
    for (size_t i = 0; i < g->count && status == FM_OK; i++)
        memcpy(b->embeddings + g->rows[i] * b->dim, scratch + i * b->dim, b->dim * sizeof(float));
    return status;
}

static fm_status run_groups(batch *b, float *scratch, fm_error *err)
{
    fm_status status = FM_OK;
    for (size_t first = 0; first < b->n && status == FM_OK; first += GROUP) {
        group g;
        g.count = 0;
        status = collect(b, first, &g, err);
        if (status == FM_OK)
            status = embed_group(b, &g, scratch, err);
        release_crops(&g);
    }
    return status;
}

static void hand_over(const batch *b, float *out, fm_status *statuses)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->statuses[i] == FM_OK)
            memcpy(out + i * b->dim, b->embeddings + i * b->dim, b->dim * sizeof(float));
    if (statuses)
        memcpy(statuses, b->statuses, b->n * sizeof *statuses);
}

static fm_status run_batch(batch *b, float *out, fm_status *statuses, fm_error *err)
{
    size_t group_size = GROUP * b->dim * sizeof(float), size = b->n * b->dim * sizeof(float);
    float *scratch = fmi_alloc(group_size);
    fm_status status = FM_OK;
    b->embeddings = fmi_alloc(size);
    b->statuses = fmi_alloc_array(b->n, sizeof *b->statuses);
    if (!scratch || !b->embeddings || !b->statuses)
        status = fmi_fail_memory(err);
    if (status == FM_OK)
        status = run_groups(b, scratch, err);
    if (status == FM_OK)
        hand_over(b, out, statuses);
    if (scratch)
        fmi_free_wiped(scratch, group_size);
    if (b->embeddings)
        fmi_free_wiped(b->embeddings, size);
    fmi_free(b->statuses);
    return status;
}

static fm_status crops_of_photograph(fm_session *session, const fm_image *image, fmi_crops *crops,
                                     fm_error *err)
{
    fm_face face;
    size_t count;
    fm_status status = fmi_face_choose(session, image, &face, &count, err);
    return status == FM_OK
               ? fmi_crops_of_face(&session->embedder->manifest, image, &face, crops, err)
               : status;
}

static fm_status crops_of_crop(fm_session *session, const fm_image *image, fmi_crops *crops,
                               fm_error *err)
{
    return fmi_crops_of_crop(&session->embedder->manifest, image, crops, err);
}

fm_status fmi_embed_photographs(fm_session *session, const fm_image *const *images, size_t n,
                                float *out, fm_status *statuses, fm_error *err)
{
    batch b = {session, images, crops_of_photograph, n, 0, NULL, NULL};
    b.dim = (size_t)session->embedder->manifest.embedding.dim;
    return n > 0 ? run_batch(&b, out, statuses, err) : FM_OK;
}

fm_status fmi_embed_aligned(fm_session *session, const fm_image *const *crops, size_t n, float *out,
                            fm_error *err)
{
    batch b = {session, crops, crops_of_crop, n, 0, NULL, NULL};
    b.dim = (size_t)session->embedder->manifest.embedding.dim;
    return n > 0 ? run_batch(&b, out, NULL, err) : FM_OK;
}
