/* Thresholds from a calibration, and what follows from a score. No pixels here. */
#include "backend/fields.h"
#include "backend/sections.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/options.h"
#include "face/liveness.h"
#include <math.h>
#include <string.h>

enum { LIVENESS_OPTIONS_0_1 = sizeof(fm_liveness_options) }; /* what a caller must bring at least */

static const double DEFAULT_RATE = 0.05;
static const float MIN_SIZE_PX = 50, MIN_INSIDE = 0.9f, MIN_CROP = 0.3f, MIN_SHARPNESS = 0.015f;

/* --- names --- */

static const char *name_of(const char *const *names, size_t count, int32_t value)
{
    return value >= 0 && (size_t)value < count ? names[value] : "unknown";
}

const char *fmi_liveness_verdict_name(fm_liveness_verdict verdict)
{
    static const char *const names[] = {"not_checked", "live", "spoof", "uncertain"};
    return name_of(names, sizeof names / sizeof names[0], verdict);
}

const char *fmi_liveness_reason_name(fm_liveness_reason reason)
{
    static const char *const names[] = {"none",    "too_small",  "cut",   "crop",   "blurred",
                                        "between", "other_face", "still", "too_few"};
    return name_of(names, sizeof names / sizeof names[0], reason);
}

/* --- options --- */

static fm_status check_rate(const char *name, double value, fm_error *err)
{
    if (value == 0 || (value > 0 && value < 1))
        return FM_OK;
    return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                    "fm_liveness_options.%s is %g, expected between 0 and 1 (both excluded), or 0 "
                    "for the default",
                    name, value);
}

static fm_status check_least(const char *name, float value, float most, fm_error *err)
{
    if (!isnan(value) && value <= most)
        return FM_OK;
    return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                    "fm_liveness_options.%s is %g, expected up to %g, 0 for the default, or "
                    "negative",
                    name, (double)value, (double)most);
}

static fm_status check_options(const fm_liveness_options *o, fm_error *err)
{
    fm_status status = fmi_flag_check(o->use_thresholds, "fm_liveness_options.use_thresholds", err);
    if (status == FM_OK && !o->use_thresholds)
        status = check_rate("apcer", o->apcer, err);
    if (status == FM_OK && !o->use_thresholds)
        status = check_rate("bpcer", o->bpcer, err);
    if (status == FM_OK && o->use_thresholds &&
        !(o->spoof_score >= 0 && o->spoof_score <= o->live_score && o->live_score <= 1))
        status = fmi_fail(err, FM_E_INVALID_ARGUMENT,
                          "fm_liveness_options.spoof_score is %g and live_score %g, expected "
                          "0 <= spoof_score <= live_score <= 1",
                          (double)o->spoof_score, (double)o->live_score);
    if (status == FM_OK)
        status = check_least("min_size_px", o->min_size_px, 1e6f, err);
    if (status == FM_OK)
        status = check_least("min_inside", o->min_inside, 1, err);
    if (status == FM_OK)
        status = check_least("min_crop", o->min_crop, 1, err);
    return status == FM_OK ? check_least("min_sharpness", o->min_sharpness, 1e6f, err) : status;
}

static void fill_defaults(fm_liveness_options *o)
{
    o->apcer = o->apcer == 0 ? DEFAULT_RATE : o->apcer;
    o->bpcer = o->bpcer == 0 ? DEFAULT_RATE : o->bpcer;
    o->min_size_px = o->min_size_px == 0 ? MIN_SIZE_PX : o->min_size_px;
    o->min_inside = o->min_inside == 0 ? MIN_INSIDE : o->min_inside;
    o->min_crop = o->min_crop == 0 ? MIN_CROP : o->min_crop;
    o->min_sharpness = o->min_sharpness == 0 ? MIN_SHARPNESS : o->min_sharpness;
}

/* --- the calibration --- */

/* Between two points nothing was measured: each rate is that of the point on its safe side. */

double fmi_liveness_apcer(const fmi_pad_calibration *pad, float score)
{
    double rate = 1;
    if (pad->count == 0)
        return NAN;
    for (size_t i = 0; i < pad->count && (float)pad->points[i].score <= score; i++)
        rate = pad->points[i].apcer;
    return rate;
}

double fmi_liveness_bpcer(const fmi_pad_calibration *pad, float score)
{
    double rate = 1;
    if (pad->count == 0)
        return NAN;
    for (size_t i = pad->count; i > 0 && (float)pad->points[i - 1].score >= score; i--)
        rate = pad->points[i - 1].bpcer;
    return rate;
}

static fm_status vouch(const char *name, double target, int64_t n, const char *what, fm_error *err)
{
    if (target * (double)n >= 1)
        return FM_OK;
    return fmi_fail(err, FM_E_LIMIT,
                    "%s of %g: the calibration rests on %lld %s, too few: it vouches for %.2g",
                    name, target, (long long)n, what, 1 / (double)n);
}

static fm_status from_calibration(fmi_liveness_lines *lines, fm_error *err)
{
    const fmi_pad_calibration *pad = lines->pad;
    size_t live = 0, spoof = pad->count;
    fm_status status = vouch("apcer", lines->limits.apcer, pad->attacks, "attacks", err);
    if (status == FM_OK)
        status = vouch("bpcer", lines->limits.bpcer, pad->live, "live faces", err);
    if (status != FM_OK)
        return status;
    while (live < pad->count && pad->points[live].apcer > lines->limits.apcer)
        live++;
    while (spoof > 0 && pad->points[spoof - 1].bpcer > lines->limits.bpcer)
        spoof--;
    if (live == pad->count || spoof == 0)
        return fmi_fail(err, FM_E_LIMIT, "the calibration has no score with an %s of %g",
                        live == pad->count ? "apcer" : "bpcer",
                        live == pad->count ? lines->limits.apcer : lines->limits.bpcer);
    spoof--;
    /* crossed: they change places, see liveness.h */
    lines->live = (float)pad->points[live > spoof ? live : spoof].score;
    lines->spoof = (float)pad->points[live > spoof ? spoof : live].score;
    return FM_OK;
}

fm_status fmi_liveness_options_read(fm_liveness_options *out, const fm_liveness_options *options,
                                    fm_error *err)
{
    fm_status status = fmi_options_read(out, sizeof *out, options, LIVENESS_OPTIONS_0_1,
                                        "fm_liveness_options", err);
    if (status == FM_OK)
        status = check_options(out, err);
    if (status == FM_OK)
        fill_defaults(out);
    return status;
}

/* Limits and what thresholds the caller gives. */
static fm_status read_limits(fmi_liveness_lines *out, const fm_liveness_options *options,
                             fm_error *err)
{
    fm_status status = fmi_liveness_options_read(&out->limits, options, err);
    if (status != FM_OK)
        return status;
    out->live = out->limits.live_score;
    out->spoof = out->limits.spoof_score;
    return FM_OK;
}

fm_status fmi_liveness_lines_draw(fmi_liveness_lines *out, const fm_model *model,
                                  const fm_liveness_options *options, fm_error *err)
{
    fmi_liveness_lines own = {.pad = &model->manifest.pad};
    fm_status status = read_limits(&own, options, err);
    if (status == FM_OK && !own.limits.use_thresholds && own.pad->count == 0)
        return fmi_fail(err, FM_E_STATE,
                        "liveness model \"%s\" has no calibration: give thresholds",
                        model->manifest.name);
    if (status == FM_OK && !own.limits.use_thresholds)
        status = from_calibration(&own, err);
    if (status == FM_OK)
        *out = own;
    return status;
}

static fm_status parse_calibration(fmi_pad_calibration *out, const char *text, fm_error *err)
{
    json_t *root = NULL;
    fm_status status = fmi_fields_open(&root, text, strlen(text), err);
    if (status == FM_OK)
        status = fmi_manifest_read_pad(out, root, err);
    json_decref(root);
    return status;
}

fm_status fmi_liveness_thresholds(const char *calibration, const fm_liveness_options *options,
                                  float *live_score, float *spoof_score, fm_error *err)
{
    fmi_pad_calibration pad = {0};
    fmi_liveness_lines own = {.pad = &pad};
    fm_status status = read_limits(&own, options, err);
    if (status == FM_OK)
        status = parse_calibration(&pad, calibration, err);
    if (status == FM_OK && !own.limits.use_thresholds)
        status = from_calibration(&own, err);
    fmi_free(pad.points);
    if (status != FM_OK)
        return status;
    *live_score = own.live;
    *spoof_score = own.spoof;
    return FM_OK;
}

void fmi_liveness_decide(const fmi_liveness_lines *lines, float score, fm_liveness_verdict *verdict,
                         fm_liveness_reason *reason)
{
    *reason = FM_LIVENESS_REASON_NONE;
    if (score >= lines->live) {
        *verdict = FM_LIVENESS_LIVE;
    } else if (score < lines->spoof) {
        *verdict = FM_LIVENESS_SPOOF;
    } else {
        *verdict = FM_LIVENESS_UNCERTAIN;
        *reason = FM_LIVENESS_REASON_BETWEEN;
    }
}
