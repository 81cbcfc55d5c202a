/* From a frame to a verdict on whether its face is live. */
#ifndef FMI_LIVENESS_H
#define FMI_LIVENESS_H

#include "face/session.h"
#include <facematch/liveness.h>

/* The caller's options with all defaults filled in, and the thresholds that follow from them. */
typedef struct fmi_liveness_lines {
    fm_liveness_options limits;
    const fmi_pad_calibration *pad; /* of the model that they were drawn for */
    float live, spoof;
} fmi_liveness_lines;

/* liveness_verdict.c: bodies of fm_liveness_verdict_name and fm_liveness_reason_name */
const char *fmi_liveness_verdict_name(fm_liveness_verdict verdict);
const char *fmi_liveness_reason_name(fm_liveness_reason reason);

/* liveness_verdict.c: checked, with what is 0 filled in; NULL: the defaults */
fm_status fmi_liveness_options_read(fm_liveness_options *out, const fm_liveness_options *options,
                                    fm_error *err);
/* liveness_verdict.c: options NULL for defaults. FM_E_INVALID_ARGUMENT; FM_E_STATE (no calibration
 * and no thresholds); FM_E_LIMIT. */
fm_status fmi_liveness_lines_draw(fmi_liveness_lines *out, const fm_model *model,
                                  const fm_liveness_options *options, fm_error *err);
/* liveness_verdict.c: body of fm_liveness_thresholds */
fm_status fmi_liveness_thresholds(const char *calibration, const fm_liveness_options *options,
                                  float *live_score, float *spoof_score, fm_error *err);
/* liveness_verdict.c: by the score alone; the reason is BETWEEN or NONE */
void fmi_liveness_decide(const fmi_liveness_lines *lines, float score, fm_liveness_verdict *verdict,
                         fm_liveness_reason *reason);
/* liveness_verdict.c: share of attacks scoring at least this high, of live faces scoring below; NaN
 * without a calibration */
double fmi_liveness_apcer(const fmi_pad_calibration *pad, float score);
double fmi_liveness_bpcer(const fmi_pad_calibration *pad, float score);

/* liveness.c: the share of the class "live" in what a network gives, 0..1 */
double fmi_liveness_probability(const fmi_manifest *manifest, const float *output);
/* liveness.c: what each network looks at of a face, as it goes into it, in 8 bits and RGB;
 * untouched on failure */
fm_status fmi_liveness_crops(const fmi_manifest *manifest, const fm_image *image,
                             const fm_face *face, fmi_crops *out, fm_error *err);
/* liveness.c: side of the smallest crop over the side that its network asks for, up to 1 */
double fmi_liveness_crop_share(const fmi_manifest *manifest, const fm_image *image,
                               const fm_face *face);
/* liveness.c: what the networks say, 0..1, about n faces, one of each image; they overlap the image
 * and are finite */
fm_status fmi_liveness_scores(fm_session *session, const fm_image *const *images,
                              const fm_face *faces, size_t n, float *out, fm_error *err);
/* liveness_look.c: are the face's numbers finite, and does it overlap the image? */
fm_status fmi_liveness_check_face(const fm_image *image, const fm_face *face, fm_error *err);
/* liveness_look.c: can it be told of the face whether it is live, whatever its score? FM_E_REFUSED:
 * it is too small, cut, cropped or blurred. */
fm_status fmi_liveness_check_fit(const fmi_manifest *manifest, const fm_liveness_options *limits,
                                 const fm_image *image, const fm_face *face, fm_error *err);
/* liveness_look.c: a verdict on each of n faces. face_count is left 0. */
fm_status fmi_liveness_look(fm_session *session, const fm_image *const *images,
                            const fm_face *faces, size_t n, const fmi_liveness_lines *lines,
                            fm_liveness_result *out, fm_error *err);
/* FM_E_STATE when the session lacks a liveness model */
fm_status fmi_session_need_liveness(const fm_session *session, fm_error *err);

/* What a decision asks for. */
typedef struct fmi_liveness_demand {
    fm_liveness_policy policy;
    fmi_liveness_lines lines; /* unless FM_LIVENESS_OFF */
} fmi_liveness_demand;

/* demand.c: the policy makes sense, and the session can follow it */
fm_status fmi_liveness_demand_read(fmi_liveness_demand *out, const fm_session *session,
                                   fm_liveness_policy policy, const fm_liveness_options *options,
                                   bool aligned, fm_error *err);
/* demand.c: look at the face if that is asked for. FM_E_NOT_LIVE when liveness is required and was
 * not found; the summary is written in either case. */
fm_status fmi_liveness_demand_face(const fmi_liveness_demand *demand, fm_session *session,
                                   const fm_image *image, const fm_face *face,
                                   fm_liveness_summary *summary, fm_error *err);
/* demand.c: choose the face, too; face and face_count are set on success and with FM_E_NOT_LIVE */
fm_status fmi_liveness_demand_image(const fmi_liveness_demand *demand, fm_session *session,
                                    const fm_image *image, fm_face *face, size_t *face_count,
                                    fm_liveness_summary *summary, fm_error *err);

#endif
