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

/* What makes a frame unfit to tell by. */
typedef struct fault {
    fm_liveness_reason reason; /* FM_LIVENESS_REASON_NONE: it is fit */
    float value, limit;
} fault;

/* In the order of fm_liveness_reason. */
static fault find_fault(const fm_liveness_options *limits, const fmi_manifest *manifest,
                        const fm_image *image, const fm_face *face, const fm_face_quality *quality)
{
    const double measured[4] = {quality->size_px, share_inside(image, face),
                                (float)fmi_liveness_crop_share(manifest, image, face),
                                quality->sharpness};
    static const fm_liveness_reason reasons[4] = {FM_LIVENESS_REASON_TOO_SMALL,
                                                  FM_LIVENESS_REASON_CUT, FM_LIVENESS_REASON_CROP,
                                                  FM_LIVENESS_REASON_BLURRED};
    const float least[4] = {limits->min_size_px, limits->min_inside, limits->min_crop,
                            limits->min_sharpness};
    for (int i = 0; i < 4; i++)
        if (least[i] > 0 && measured[i] < (double)least[i])
            return (fault){reasons[i], (float)measured[i], least[i]};
    return (fault){FM_LIVENESS_REASON_NONE, 0, 0};
}

fm_status fmi_liveness_check_fit(const fmi_manifest *manifest, const fm_liveness_options *limits,
                                 const fm_image *image, const fm_face *face, fm_error *err)
{
    fm_face_quality quality;
    fault found;
    fm_status status = fmi_quality_of_face(image, face, &quality, err);
    if (status != FM_OK)
        return status;
    found = find_fault(limits, manifest, image, face, &quality);
    if (found.reason == FM_LIVENESS_REASON_NONE)
        return FM_OK;
    return fmi_fail(err, FM_E_REFUSED,
                    "it cannot be told whether the face is live: %s, %.3g where %.3g is needed",
                    fmi_liveness_reason_name(found.reason), (double)found.value,
                    (double)found.limit);
}

static void judge(const fmi_liveness_lines *lines, const fmi_manifest *manifest,
                  const fm_image *image, const fm_face *face, const fm_face_quality *quality,
                  float score, fm_liveness_result *out)
{
    fault found = find_fault(&lines->limits, manifest, image, face, quality);
    memset(out, 0, sizeof *out);
    out->struct_size = sizeof *out;
    out->score = score;
    out->apcer = fmi_liveness_apcer(lines->pad, score);
    out->bpcer = fmi_liveness_bpcer(lines->pad, score);
    out->live_threshold = lines->live;
    out->spoof_threshold = lines->spoof;
    out->quality = quality->quality;
    out->face = *face;
    fmi_liveness_decide(lines, score, &out->verdict, &out->reason);
    if (found.reason == FM_LIVENESS_REASON_NONE && out->reason == FM_LIVENESS_REASON_BETWEEN)
        found = (fault){out->reason, score, lines->live};
    if (found.reason == FM_LIVENESS_REASON_NONE)
        return;
    out->verdict = FM_LIVENESS_UNCERTAIN;
    out->reason = found.reason;
    out->value = found.value;
    out->limit = found.limit;
}

fm_status fmi_liveness_look(fm_session *session, const fm_image *const *images,
                            const fm_face *faces, size_t n, const fmi_liveness_lines *lines,
                            fm_liveness_result *out, fm_error *err)
{
    float *scores = fmi_alloc_array(n, sizeof *scores);
    fm_status status = scores ? FM_OK : fmi_fail_memory(err);
    for (size_t i = 0; i < n && status == FM_OK; i++)
        status = fmi_liveness_check_face(images[i], &faces[i], err);
    if (status == FM_OK)
        status = fmi_liveness_scores(session, images, faces, n, scores, err);
    for (size_t i = 0; i < n && status == FM_OK; i++) {
        fm_face_quality quality;
        status = fmi_quality_of_face(images[i], &faces[i], &quality, err);
        if (status == FM_OK)
            judge(lines, &session->liveness->manifest, images[i], &faces[i], &quality, scores[i],
                  &out[i]);
    }
    fmi_free(scores);
    return status;
}
