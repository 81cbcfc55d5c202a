/* Making a session: its models are of the right kind, and their networks are ready to run. */
#include "face/session.h"
#include "core/error.h"
#include "core/memory.h"
#include "face/pyramid.h"
#include <string.h>

static fm_status check_kind(const fm_model *model, fm_model_kind kind, const char *wanted,
                            fm_error *err)
{
    if (!model || model->manifest.kind == kind)
        return FM_OK;
    return fmi_fail(err, FM_E_INVALID_ARGUMENT, "model \"%s\" is not %s", model->manifest.name,
                    wanted);
}

static fm_status check_models(const fm_model *embedder, const fm_model *detector,
                              const fm_model *liveness, fm_error *err)
{
    fm_status status;
    if (!embedder && !detector && !liveness)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "a session needs an embedder, a detector, or both");
    status = check_kind(embedder, FM_MODEL_EMBEDDER, "an embedder", err);
    if (status == FM_OK)
        status = check_kind(detector, FM_MODEL_DETECTOR, "a detector", err);
    if (status == FM_OK)
        status = check_kind(liveness, FM_MODEL_LIVENESS, "a liveness model", err);
    if (status != FM_OK || !detector)
        return status;
    if (detector->manifest.detector.cell != FMI_CELL ||
        detector->manifest.detector.stride != FMI_STRIDE)
        return fmi_fail(
            err, FM_E_UNSUPPORTED,
            "detector \"%s\" has windows of %d px every %d px; only %d and %d are known",
            detector->manifest.name, (int)detector->manifest.detector.cell,
            (int)detector->manifest.detector.stride, FMI_CELL, FMI_STRIDE);
    return FM_OK;
}

static fm_status check_range(const char *name, int32_t value, int32_t low, int32_t high,
                             fm_error *err)
{
    if (value >= low && value <= high)
        return FM_OK;
    return fmi_fail(err, FM_E_INVALID_ARGUMENT, "fm_session_options.%s is %d, not %d to %d", name,
                    (int)value, (int)low, (int)high);
}

static fm_status check_options(const fm_session_options *o, fm_error *err)
{
    fm_status status =
        check_range("precision", o->precision, FM_PRECISION_FLOAT32, FM_PRECISION_BFLOAT16, err);
    if (status == FM_OK)
        status = check_range("threads", o->threads, 1, 256, err);
    if (status == FM_OK)
        status = check_range("flip", o->flip, 0, 1, err);
    if (status == FM_OK)
        status = check_range("min_face_px", o->min_face_px, FMI_CELL, 10000, err);
    if (status == FM_OK)
        status = check_range("max_faces", o->max_faces, 1, 10000, err);
    if (status == FM_OK)
        status =
            check_range("selection", o->selection, FM_SELECT_LARGEST, FM_SELECT_PROMINENT, err);
    if (status == FM_OK && !(o->min_score >= 0 && o->min_score <= 1))
        status = fmi_fail(err, FM_E_INVALID_ARGUMENT,
                          "fm_session_options.min_score is %g, not 0 to 1", (double)o->min_score);
    return status;
}

static void fill_defaults(fm_session_options *o)
{
    if (o->precision == 0)
        o->precision = FM_PRECISION_FLOAT32;
    if (o->threads == 0)
        o->threads = 1;
    if (o->min_face_px == 0)
        o->min_face_px = 40;
    if (o->max_faces == 0)
        o->max_faces = 256;
    if (o->selection == 0)
        o->selection = FM_SELECT_PROMINENT;
}

static fm_status prepare(fm_session *session, fm_error *err)
{
    const fm_model *detector = session->detector, *liveness = session->liveness;
    size_t members = session->embedder ? session->embedder->manifest.embedding.count : 0;
    size_t nets = liveness ? liveness->manifest.liveness.count : 0;
    fm_status status = FM_OK;
    for (size_t i = 0; i < members && status == FM_OK; i++)
        status =
            fmi_model_part(session->embedder, session->embedder->manifest.embedding.members[i].part,
                           session->options.precision, &session->embed_parts[i], err);
    if (status == FM_OK && detector)
        status = fmi_model_part(detector, "pnet", FM_PRECISION_FLOAT32, &session->pnet, err);
    if (status == FM_OK && detector)
        status = fmi_model_part(detector, "rnet", FM_PRECISION_FLOAT32, &session->rnet, err);
    if (status == FM_OK && detector)
        status = fmi_model_part(detector, "onet", FM_PRECISION_FLOAT32, &session->onet, err);
    for (size_t i = 0; i < nets && status == FM_OK; i++)
        status = fmi_model_part(liveness, liveness->manifest.liveness.nets[i].part,
                                FM_PRECISION_FLOAT32, &session->liveness_parts[i], err);
    return status;
}

fm_status fmi_session_create(fm_session **out, const fm_model *embedder,
                             const fm_session_options *options, fm_error *err)
{
    fm_session *session;
    fm_status status = check_models(embedder, options->detector, options->liveness, err);
    if (status != FM_OK)
        return status;
    session = fmi_calloc(1, sizeof *session);
    if (!session)
        return fmi_fail_memory(err);
    session->options = *options;
    session->options.detector = session->options.liveness = NULL;
    session->selection_given = options->selection != 0;
    fill_defaults(&session->options);
    session->embedder = embedder ? fmi_model_retain(embedder) : NULL;
    session->detector = options->detector ? fmi_model_retain(options->detector) : NULL;
    session->liveness = options->liveness ? fmi_model_retain(options->liveness) : NULL;
    status = check_options(&session->options, err);
    if (status == FM_OK)
        status = prepare(session, err);
    if (status != FM_OK) {
        fmi_session_free(session);
        return status;
    }
    *out = session;
    return FM_OK;
}

void fmi_session_free(fm_session *session)
{
    if (!session)
        return;
    fmi_model_release(session->embedder);
    fmi_model_release(session->detector);
    fmi_model_release(session->liveness);
    fmi_free_wiped(session, sizeof *session);
}

fm_status fmi_session_need_embedder(const fm_session *session, fm_error *err)
{
    if (session->embedder)
        return FM_OK;
    return fmi_fail(err, FM_E_STATE, "the session has no embedder: give one to fm_session_create");
}

fm_status fmi_session_need_detector(const fm_session *session, fm_error *err)
{
    if (session->detector)
        return FM_OK;
    return fmi_fail(err, FM_E_STATE,
                    "the session has no detector: set fm_session_options.detector");
}
