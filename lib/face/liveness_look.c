/* A verdict on a face: what its photograph is fit for, then what the networks say. */
#include "core/error.h"
#include "core/memory.h"
#include "face/liveness.h"
#include "face/quality.h"
#include "image/image.h"
#include <math.h>
#include <string.h>

fm_status fmi_session_need_liveness(const fm_session *session, fm_error *err)
{
    if (session->liveness)
        return FM_OK;
    return fmi_fail(err, FM_E_STATE,
                    "the session has no liveness model: set fm_session_options.liveness");
}

static double share_inside(const fm_image *image, const fm_face *face)
{
    return fmi_face_visible_area(face, image->width, image->height) /
           ((double)face->width * face->height);
}

fm_status fmi_liveness_check_face(const fm_image *image, const fm_face *face, fm_error *err)
{
    if (!isfinite(face->x) || !isfinite(face->y) || !isfinite(face->width) ||
        !isfinite(face->height) || !(face->width > 0) || !(face->height > 0))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "the face is %g x %g px at %g, %g",
                        (double)face->width, (double)face->height, (double)face->x,
                        (double)face->y);
    if (!(share_inside(image, face) > 0))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "the face, %g x %g px at %g, %g, lies outside of the image of %dx%d px",
                        (double)face->width, (double)face->height, (double)face->x, (double)face->y,
                        (int)image->width, (int)image->height);
    return FM_OK;
}

/* Is something wrong with the frame? In the order of fm_liveness_reason. */
static void hold_against(const fm_liveness_options *limits, const double measured[4],
                         fm_liveness_result *out)
{
    static const fm_liveness_reason reasons[4] = {FM_LIVENESS_REASON_TOO_SMALL,
                                                  FM_LIVENESS_REASON_CUT, FM_LIVENESS_REASON_CROP,
                                                  FM_LIVENESS_REASON_BLURRED};
    const float least[4] = {limits->min_size_px, limits->min_inside, limits->min_crop,
                            limits->min_sharpness};
    for (int i = 0; i < 4; i++)
        if (least[i] > 0 && measured[i] < (double)least[i]) {
            out->verdict = FM_LIVENESS_UNCERTAIN;
            out->reason = reasons[i];
            out->value = (float)measured[i];
            out->limit = least[i];
            return;
        }
}

static void judge(const fmi_liveness_lines *lines, const fm_image *image, const fm_face *face,
                  const fm_face_quality *quality, const fmi_liveness_score *said,
                  fm_liveness_result *out)
{
    const double measured[4] = {quality->size_px, share_inside(image, face), said->crop,
                                quality->sharpness};
    memset(out, 0, sizeof *out);
    out->struct_size = sizeof *out;
    out->score = said->score;
    out->apcer = fmi_liveness_apcer(lines->pad, said->score);
    out->bpcer = fmi_liveness_bpcer(lines->pad, said->score);
    out->live_threshold = lines->live;
    out->spoof_threshold = lines->spoof;
    out->quality = quality->quality;
    out->face = *face;
    fmi_liveness_decide(lines, said->score, &out->verdict, &out->reason);
    if (out->reason == FM_LIVENESS_REASON_BETWEEN) {
        out->value = said->score;
        out->limit = lines->live;
    }
    hold_against(&lines->limits, measured, out);
}

fm_status fmi_liveness_look(fm_session *session, const fm_image *const *images,
                            const fm_face *faces, size_t n, const fmi_liveness_lines *lines,
                            fm_liveness_result *out, fm_error *err)
{
    fmi_liveness_score *said = fmi_alloc_array(n, sizeof *said);
    fm_status status = said ? FM_OK : fmi_fail_memory(err);
    for (size_t i = 0; i < n && status == FM_OK; i++)
        status = fmi_liveness_check_face(images[i], &faces[i], err);
    if (status == FM_OK)
        status = fmi_liveness_scores(session, images, faces, n, said, err);
    for (size_t i = 0; i < n && status == FM_OK; i++) {
        fm_face_quality quality;
        status = fmi_quality_of_face(images[i], &faces[i], &quality, err);
        if (status == FM_OK)
            judge(lines, images[i], &faces[i], &quality, &said[i], &out[i]);
    }
    fmi_free(said);
    return status;
}
