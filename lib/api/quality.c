#include "face/quality.h"
#include "core/error.h"
#include "core/options.h"
#include "face/gate.h"
#include "image/image.h"

/* Size in release 0.1: what a caller must bring at least. */
enum { GATE_REPORT_0_1 = sizeof(fm_gate_report) };

void fm_gate_options_init(fm_gate_options *options, uint32_t struct_size)
{
    fmi_options_init(options, struct_size);
}

const char *fm_refusal_name(fm_refusal reason)
{
    static const char *const names[] = {
        "none",         "no_face",  "several_faces", "face_too_small", "low_detection_score",
        "blurred",      "too_dark", "too_bright",    "extreme_pose",   "looks_like_another",
        "unlike_itself"};
    if (reason < 0 || (size_t)reason >= sizeof names / sizeof names[0])
        return "unknown";
    return names[reason];
}

static fm_status check_handles(const fm_session *session, const fm_image *image, fm_error *err)
{
    if (session && image)
        return FM_OK;
    return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL", session ? "image" : "session");
}

fm_status fm_quality(fm_session *session, const fm_image *image, const fm_face *face,
                     fm_face_quality *out, fm_error *err)
{
    fm_face chosen;
    size_t count;
    fm_status status = check_handles(session, image, err);
    if (status != FM_OK)
        return status;
    if (!out)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "out is NULL");
    if (!face)
        status = fmi_face_choose(session, image, &chosen, &count, err);
    return status == FM_OK ? fmi_quality_of_face(image, face ? face : &chosen, out, err) : status;
}

fm_status fm_gate_check(fm_session *session, const fm_image *image, const fm_gate_options *options,
                        fm_gate_report *report, fm_error *err)
{
    fm_gate_options limits;
    fm_gate_report own;
    fm_status status = check_handles(session, image, err);
    if (status == FM_OK && report)
        status = fmi_output_check(report, GATE_REPORT_0_1, "fm_gate_report", err);
    if (status == FM_OK)
        status = fmi_gate_options_read(&limits, options, err);
    if (status == FM_OK)
        status = fmi_session_need_detector(session, err);
    if (status != FM_OK)
        return status;
    status = fmi_gate_photograph(session, image, false, &limits, &own, err);
    if (report && (status == FM_OK || own.reason != FM_REFUSAL_NONE))
        fmi_output_write(report, &own, sizeof own);
    return status;
}
