/* Liveness where a decision asks for it. */
#include "core/error.h"
#include "face/liveness.h"

fm_status fmi_liveness_demand_read(fmi_liveness_demand *out, const fm_session *session,
                                   fm_liveness_policy policy, const fm_liveness_options *options,
                                   bool aligned, fm_error *err)
{
    fm_status status;
    if (policy < FM_LIVENESS_OFF || policy > FM_LIVENESS_REQUIRE)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "there is no liveness policy %d", (int)policy);
    out->policy = policy;
    if (policy == FM_LIVENESS_OFF)
        return FM_OK;
    if (aligned)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "liveness needs the whole photograph: not with aligned");
    status = fmi_session_need_liveness(session, err);
    if (status == FM_OK)
        status = fmi_liveness_lines_draw(&out->lines, session->liveness, options, err);
    return status;
}

static fm_status refuse(const fm_liveness_result *seen, fm_error *err)
{
    if (seen->verdict == FM_LIVENESS_SPOOF)
        return fmi_fail(err, FM_E_NOT_LIVE, "spoof: a score of %.3f, live from %.3f on",
                        (double)seen->score, (double)seen->live_threshold);
    return fmi_fail(
        err, FM_E_NOT_LIVE, "uncertain whether it is live: %s, %.3g where %.3g is needed",
        fmi_liveness_reason_name(seen->reason), (double)seen->value, (double)seen->limit);
}

fm_status fmi_liveness_demand_face(const fmi_liveness_demand *demand, fm_session *session,
                                   const fm_image *image, const fm_face *face,
                                   fm_liveness_summary *summary, fm_error *err)
{
    fm_liveness_result seen;
    fm_status status;
    if (demand->policy == FM_LIVENESS_OFF)
        return FM_OK;
    status = fmi_liveness_look(session, &image, face, 1, &demand->lines, &seen, err);
    if (status != FM_OK)
        return status;
    *summary = (fm_liveness_summary){seen.verdict, seen.reason, seen.score, 0};
    if (demand->policy == FM_LIVENESS_REQUIRE && seen.verdict != FM_LIVENESS_LIVE)
        return refuse(&seen, err);
    return FM_OK;
}

fm_status fmi_liveness_demand_image(const fmi_liveness_demand *demand, fm_session *session,
                                    const fm_image *image, fm_face *face, size_t *face_count,
                                    fm_liveness_summary *summary, fm_error *err)
{
    fm_status status = fmi_face_choose(session, image, face, face_count, err);
    return status == FM_OK ? fmi_liveness_demand_face(demand, session, image, face, summary, err)
                           : status;
}
