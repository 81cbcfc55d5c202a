#include "match/verify.h"
#include "core/error.h"
#include "core/options.h"
#include "match/metric.h"
#include <math.h>

static const double DEFAULT_FMR = 1e-4;
static const double DEFAULT_FPIR = 1e-2;

static fm_status check_point(int32_t use_threshold, float threshold, double rate, const char *name,
                             fm_error *err)
{
    fm_status status = fmi_flag_check(use_threshold, "use_threshold", err);
    if (status != FM_OK)
        return status;
    if (use_threshold && !isfinite(threshold))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "threshold is not finite");
    if (!use_threshold && rate != 0 && !(rate > 0 && rate < 1))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "%s is %g, expected between 0 and 1 (both excluded), or 0 for the default",
                        name, rate);
    return FM_OK;
}

fm_status fmi_verify_options_check(const fm_verify_options *options, fm_error *err)
{
    fm_status status = fmi_flag_check(options->extrapolate, "extrapolate", err);
    return status == FM_OK
               ? check_point(options->use_threshold, options->threshold, options->fmr, "fmr", err)
               : status;
}

fm_status fmi_identify_options_check(const fm_identify_options *options, fm_error *err)
{
    if (options->score < 0 || options->score > FM_SCORE_MEAN)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "there is no score rule %d",
                        (int)options->score);
    return check_point(options->use_threshold, options->threshold, options->fpir, "fpir", err);
}

fm_status fmi_verify_threshold(const fmi_manifest *manifest, const fm_verify_options *options,
                               float *threshold, fm_error *err)
{
    double fmr = options->fmr != 0 ? options->fmr : DEFAULT_FMR;
    fm_status status = fmi_verify_options_check(options, err);
    if (status != FM_OK)
        return status;
    if (!options->use_threshold)
        return fmi_calibration_threshold(manifest, fmr, options->extrapolate != 0, threshold, err);
    *threshold = options->threshold;
    return FM_OK;
}

void fmi_verify_decide(const fmi_manifest *manifest, float score, float threshold,
                       fm_verification *out)
{
    out->match = score >= threshold;
    out->score = score;
    out->threshold = threshold;
    out->fmr = fmi_calibration_fmr(manifest, score);
    fmi_calibration_interval(manifest, score, &out->fmr_low, &out->fmr_high);
    out->threshold_fmr = fmi_calibration_fmr(manifest, threshold);
    fmi_calibration_interval(manifest, threshold, &out->threshold_fmr_low,
                             &out->threshold_fmr_high);
    out->threshold_fnmr = fmi_calibration_fnmr(manifest, threshold);
}

fm_status fmi_identify_threshold(const fmi_manifest *manifest, const fm_identify_options *options,
                                 size_t identities, float *threshold, fm_error *err)
{
    double fpir = options->fpir != 0 ? options->fpir : DEFAULT_FPIR, fmr;
    fm_status status = fmi_identify_options_check(options, err);
    if (status != FM_OK)
        return status;
    if (options->use_threshold) {
        *threshold = options->threshold;
        return FM_OK;
    }
    /* 1-(1-fpir)^(1/N), without the cancellation that a large N would bring */
    fmr = -expm1(log1p(-fpir) / (double)(identities ? identities : 1));
    return fmi_calibration_threshold(manifest, fmr, true, threshold, err);
}
