#include "face/gate.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/options.h"
#include "face/quality.h"
#include "image/image.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { GATE_OPTIONS_0_1 = sizeof(fm_gate_options) }; /* what a caller must bring at least */

/* How docs/enrolment.md says that they were chosen. */
static const float OTHER_FACES = 0.5f, MIN_SIZE_PX = 50, MIN_SCORE = 0.9f, MIN_SHARPNESS = 0.015f,
                   MIN_BRIGHTNESS = 30, MAX_BRIGHTNESS = 225, MAX_YAW_DEG = 45, MAX_PITCH_DEG = 35,
                   MAX_ROLL_DEG = 45;

/* --- options --- */

static fm_status check_limit(const char *name, double value, double most, fm_error *err)
{
    if (!isnan(value) && value <= most)
        return FM_OK;
    return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                    "fm_gate_options.%s is %g, expected up to %g, 0 for the default, or negative",
                    name, value, most);
}

static fm_status check_scores(const fm_gate_options *o, fm_error *err)
{
    fm_status status = fmi_flag_check(o->use_scores, "fm_gate_options.use_scores", err);
    if (status != FM_OK)
        return status;
    if (!o->use_scores) {
        /* a rate of 1 lets everything through: that is what "off" is for */
        status = check_limit("another_fpir", o->another_fpir, nextafter(1, 0), err);
        return status == FM_OK ? check_limit("itself_fmr", o->itself_fmr, nextafter(1, 0), err)
                               : status;
    }
    if (!isfinite(o->another_score) || !isfinite(o->itself_score))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "a score of fm_gate_options is not finite");
    return FM_OK;
}

static fm_status check_options(const fm_gate_options *o, fm_error *err)
{
    const struct {
        const char *name;
        float value, most;
    } limits[] = {
        {"other_faces", o->other_faces, 1},
        {"min_size_px", o->min_size_px, 1e6f},
        {"min_score", o->min_score, 1},
        {"min_sharpness", o->min_sharpness, 1e6f},
        {"min_brightness", o->min_brightness, 255},
        {"max_brightness", o->max_brightness, 255},
        {"max_yaw_deg", o->max_yaw_deg, 180},
        {"max_pitch_deg", o->max_pitch_deg, 180},
        {"max_roll_deg", o->max_roll_deg, 180},
    };
    fm_status status = fmi_flag_check(o->off, "fm_gate_options.off", err);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0] && status == FM_OK; i++)
        status = check_limit(limits[i].name, (double)limits[i].value, (double)limits[i].most, err);
    return status == FM_OK ? check_scores(o, err) : status;
}

static void fill(float *limit, float fallback, bool off)
{
    *limit = off ? -1 : *limit == 0 ? fallback : *limit;
}

static void fill_defaults(fm_gate_options *o)
{
    bool off = o->off != 0;
    fill(&o->other_faces, 0, off); /* depends on the session */
    fill(&o->min_size_px, MIN_SIZE_PX, off);
    fill(&o->min_score, MIN_SCORE, off);
    fill(&o->min_sharpness, MIN_SHARPNESS, off);
    fill(&o->min_brightness, MIN_BRIGHTNESS, off);
    fill(&o->max_brightness, MAX_BRIGHTNESS, off);
    fill(&o->max_yaw_deg, MAX_YAW_DEG, off);
    fill(&o->max_pitch_deg, MAX_PITCH_DEG, off);
    fill(&o->max_roll_deg, MAX_ROLL_DEG, off);
    if (off) {
        o->use_scores = 0;
        o->another_fpir = o->itself_fmr = -1;
    }
}

fm_status fmi_gate_options_read(fm_gate_options *own, const fm_gate_options *options, fm_error *err)
{
    fm_status status =
        fmi_options_read(own, sizeof *own, options, GATE_OPTIONS_0_1, "fm_gate_options", err);
    if (status == FM_OK)
        status = check_options(own, err);
    if (status == FM_OK)
        fill_defaults(own);
    return status;
}

/* --- reports --- */

void fmi_gate_report_clear(fm_gate_report *report)
{
    memset(report, 0, sizeof *report);
    report->struct_size = sizeof *report;
    fmi_quality_unknown(&report->quality);
}

fm_status fmi_gate_refuse(fm_gate_report *report, fm_refusal reason, double value, double limit,
                          fm_error *err, const char *format, ...)
{
    char text[2 * FM_ERROR_MESSAGE_MAX]; /* fmi_fail cuts it between characters */
    va_list args;
    va_start(args, format);
    if (vsnprintf(text, sizeof text, format, args) < 0)
        text[0] = '\0';
    va_end(args);
    report->reason = reason;
    report->value = (float)value;
    report->limit = (float)limit;
    return fmi_fail(err, FM_E_REFUSED, "%s", text);
}

/* --- the photograph --- */

/* Of a face that reaches beyond the image, what is seen. */
static double visible_area(const fm_image *image, const fm_face *face)
{
    return fmi_face_visible_area(face, image->width, image->height);
}

static fm_status check_others(const fm_session *session, const fm_image *image,
                              const fm_gate_options *limits, const fm_face *faces, size_t count,
                              fm_gate_report *report, fm_error *err)
{
    double wanted = limits->other_faces, least;
    size_t meant = 1;
    if (wanted == 0)
        wanted = session->selection_given ? -1 : (double)OTHER_FACES;
    if (wanted < 0)
        return FM_OK;
    least = wanted * visible_area(image, &faces[0]);
    for (size_t i = 1; i < count; i++)
        if (faces[i].score >= limits->min_score && visible_area(image, &faces[i]) >= least)
            meant++;
    if (meant == 1)
        return FM_OK;
    return fmi_gate_refuse(report, FM_REFUSAL_SEVERAL_FACES, (double)meant, 1, err,
                           "%zu faces could be meant, one is expected", meant);
}

static fm_status check_detection(const fm_gate_options *limits, fm_gate_report *report,
                                 fm_error *err)
{
    const fm_face_quality *q = &report->quality;
    if (limits->min_size_px > 0 && q->size_px < limits->min_size_px)
        return fmi_gate_refuse(report, FM_REFUSAL_FACE_TOO_SMALL, (double)q->size_px,
                               (double)limits->min_size_px, err,
                               "the face is %.0f px wide, at least %.0f px are needed",
                               (double)q->size_px, (double)limits->min_size_px);
    if (limits->min_score > 0 && q->score < limits->min_score)
        return fmi_gate_refuse(report, FM_REFUSAL_LOW_DETECTION_SCORE, (double)q->score,
                               (double)limits->min_score, err,
                               "it is a face with a score of %.3f only, at least %.3f is needed",
                               (double)q->score, (double)limits->min_score);
    return FM_OK;
}

static fm_status check_pixels(const fm_gate_options *limits, fm_gate_report *report, fm_error *err)
{
    const fm_face_quality *q = &report->quality;
    if (limits->min_sharpness > 0 && q->sharpness < limits->min_sharpness)
        return fmi_gate_refuse(report, FM_REFUSAL_BLURRED, (double)q->sharpness,
                               (double)limits->min_sharpness, err,
                               "the face is blurred: sharpness %.4f, at least %.4f is needed",
                               (double)q->sharpness, (double)limits->min_sharpness);
    if (limits->min_brightness > 0 && q->brightness < limits->min_brightness)
        return fmi_gate_refuse(report, FM_REFUSAL_TOO_DARK, (double)q->brightness,
                               (double)limits->min_brightness, err,
                               "the face is too dark: brightness %.0f, at least %.0f is needed",
                               (double)q->brightness, (double)limits->min_brightness);
    if (limits->max_brightness > 0 && q->brightness > limits->max_brightness)
        return fmi_gate_refuse(report, FM_REFUSAL_TOO_BRIGHT, (double)q->brightness,
                               (double)limits->max_brightness, err,
                               "the face is too bright: brightness %.0f, at most %.0f is allowed",
                               (double)q->brightness, (double)limits->max_brightness);
    return FM_OK;
}

static fm_status check_angle(const char *how, float angle, float limit, fm_gate_report *report,
                             fm_error *err)
{
    if (limit < 0 || !(fabsf(angle) > limit))
        return FM_OK;
    return fmi_gate_refuse(report, FM_REFUSAL_EXTREME_POSE, (double)angle, (double)limit, err,
                           "the face is turned %s by %.0f degrees, at most %.0f are allowed", how,
                           fabs((double)angle), (double)limit);
}

fm_status fmi_gate_figures(const fm_gate_options *limits, fm_gate_report *report, fm_error *err)
{
    const fm_face_quality *q = &report->quality;
    fm_status status = check_detection(limits, report, err);
    if (status == FM_OK)
        status = check_pixels(limits, report, err);
    if (status == FM_OK)
        status = check_angle("sideways", q->yaw_deg, limits->max_yaw_deg, report, err);
    if (status == FM_OK)
        status = check_angle("up or down", q->pitch_deg, limits->max_pitch_deg, report, err);
    if (status == FM_OK)
        status = check_angle("on its side", q->roll_deg, limits->max_roll_deg, report, err);
    return status;
}

/* faces: sorted by the session's rule; count > 0 */
static fm_status look_at(const fm_session *session, const fm_image *image,
                         const fm_gate_options *limits, const fm_face *faces, size_t count,
                         fm_gate_report *report, fm_error *err)
{
    fm_status status;
    report->face = faces[0];
    report->face_count = (int32_t)count;
    status = fmi_quality_of_face(image, &faces[0], &report->quality, err);
    if (status == FM_OK)
        status = check_others(session, image, limits, faces, count, report, err);
    return status == FM_OK ? fmi_gate_figures(limits, report, err) : status;
}

fm_status fmi_gate_photograph(fm_session *session, const fm_image *image, bool aligned,
                              const fm_gate_options *limits, fm_gate_report *report, fm_error *err)
{
    fm_face *faces = NULL;
    size_t count = 0;
    fm_status status;
    fmi_gate_report_clear(report);
    if (aligned) {
        status = fmi_quality_of_crop(image, &report->quality, err);
        return status == FM_OK ? fmi_gate_figures(limits, report, err) : status;
    }
    status = fmi_detect(session, image, &faces, &count, err);
    if (status == FM_OK && count > 0) {
        status = look_at(session, image, limits, faces, count, report, err);
    } else if (status == FM_OK) {
        report->reason = FM_REFUSAL_NO_FACE;
        status = fmi_face_none(session, image, err);
    }
    fmi_free(faces);
    return status;
}
