#include "core/error.h"
#include "core/memory.h"
#include "face/session.h"
#include <string.h>

static fm_status check_handles(const fm_session *session, const fm_image *image, fm_error *err)
{
    if (session && image)
        return FM_OK;
    return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL", session ? "image" : "session");
}

fm_status fm_detect(fm_session *session, const fm_image *image, fm_face *faces, size_t capacity,
                    size_t *count, fm_error *err)
{
    fm_face *found = NULL;
    size_t n = 0;
    fm_status status = check_handles(session, image, err);
    if (status != FM_OK)
        return status;
    if (!count)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "count is NULL");
    if (!faces && capacity > 0)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "faces is NULL, capacity is %zu", capacity);
    status = fmi_detect(session, image, &found, &n, err);
    if (status != FM_OK)
        return status;
    if (n > 0 && capacity > 0)
        memcpy(faces, found, (n < capacity ? n : capacity) * sizeof *faces);
    fmi_free(found);
    *count = n;
    return FM_OK;
}

fm_status fm_align(fm_session *session, const fm_image *image, const fm_face *face, fm_image **out,
                   fm_error *err)
{
    fm_face chosen;
    size_t count;
    fm_status status = check_handles(session, image, err);
    if (status != FM_OK)
        return status;
    if (!out)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "out is NULL");
    status = fmi_session_need_embedder(session, err);
    if (status == FM_OK && !face)
        status = fmi_face_choose(session, image, &chosen, &count, err);
    return status == FM_OK ? fmi_align(session, image, face ? face : &chosen, out, err) : status;
}
