#include "core/error.h"
#include "face/session.h"

/* Is there room for n embeddings? */
static fm_status check_room(const fm_session *session, size_t n, const float *out, size_t out_len,
                            fm_error *err)
{
    size_t dim;
    fm_status status = fmi_session_need_embedder(session, err);
    if (status != FM_OK)
        return status;
    dim = (size_t)session->embedder->manifest.embedding.dim;
    if (!out && n > 0)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "out is NULL");
    if (out_len < n * dim)
        return fmi_fail(err, FM_E_BUFFER_TOO_SMALL,
                        "out holds %zu floats, %zu embedding%s of %zu need %zu", out_len, n,
                        n == 1 ? "" : "s", dim, n * dim);
    return FM_OK;
}

/* Checks the images of a batch, before anything is multiplied by n. */
static fm_status check_batch(const fm_session *session, const fm_image *const *images, size_t n,
                             const char *name, fm_error *err)
{
    if (!session)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "session is NULL");
    if (n > FM_LIMIT_BATCH)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%zu %s in one call, at most %d can be", n,
                        name, FM_LIMIT_BATCH);
    if (!images && n > 0)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL", name);
    for (size_t i = 0; i < n; i++)
        if (!images[i])
            return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s[%zu] is NULL", name, i);
    return FM_OK;
}

fm_status fm_embed(fm_session *session, const fm_image *image, const fm_face *face, float *out,
                   size_t out_len, fm_face *used, size_t *face_count, fm_error *err)
{
    fm_status status;
    if (!session || !image)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL", session ? "image" : "session");
    status = check_room(session, 1, out, out_len, err);
    if (status != FM_OK)
        return status;
    return fmi_embed_image(session, image, false, face, out, used, face_count, err);
}

fm_status fm_embed_batch(fm_session *session, const fm_image *const *images, size_t n, float *out,
                         size_t out_len, fm_status *statuses, fm_error *err)
{
    fm_status status = check_batch(session, images, n, "images", err);
    if (status == FM_OK && !statuses && n > 0)
        status = fmi_fail(err, FM_E_INVALID_ARGUMENT, "statuses is NULL");
    if (status == FM_OK)
        status = check_room(session, n, out, out_len, err);
    if (status == FM_OK)
        status = fmi_session_need_detector(session, err);
    return status == FM_OK ? fmi_embed_photographs(session, images, n, out, statuses, err) : status;
}

fm_status fm_embed_aligned(fm_session *session, const fm_image *const *crops, size_t n, float *out,
                           size_t out_len, fm_error *err)
{
    fm_status status = check_batch(session, crops, n, "crops", err);
    if (status == FM_OK)
        status = check_room(session, n, out, out_len, err);
    return status == FM_OK ? fmi_embed_aligned(session, crops, n, out, err) : status;
}
