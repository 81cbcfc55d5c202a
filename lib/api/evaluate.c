#include "core/error.h"
#include "core/options.h"
#include "evaluate/pairs.h"
#include <math.h>

enum { PAIRS_REPORT_0_1 = sizeof(fm_pairs_report) };

static fm_status check_pairs(const fmi_pairs *pairs, fm_error *err)
{
    size_t genuine = 0;
    if (!pairs->scores || !pairs->genuine)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL",
                        pairs->scores ? "genuine" : "scores");
    if (pairs->n < 1 || pairs->n > FM_LIMIT_PAIRS)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%zu pairs: expected 1..%d", pairs->n,
                        FM_LIMIT_PAIRS);
    for (size_t i = 0; i < pairs->n; i++) {
        if (isinf(pairs->scores[i]))
            return fmi_fail(err, FM_E_INVALID_ARGUMENT, "score of pair %zu is infinite", i);
        if (pairs->genuine[i] > 1)
            return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                            "genuine of pair %zu is %d, expected 0 or 1", i, pairs->genuine[i]);
        if (pairs->folds && (pairs->folds[i] < 0 || pairs->folds[i] >= FM_LIMIT_FOLDS))
            return fmi_fail(err, FM_E_INVALID_ARGUMENT, "fold of pair %zu is %d, expected 0..%d", i,
                            (int)pairs->folds[i], FM_LIMIT_FOLDS - 1);
        genuine += pairs->genuine[i];
    }
    if (genuine == 0 || genuine == pairs->n)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "all %zu pairs are %s: both kinds are needed",
                        pairs->n, genuine ? "genuine" : "of strangers");
    return FM_OK;
}

static fm_status check_fars(const double *fars, size_t fars_len, const double *tars, fm_error *err)
{
    if (fars_len > 0 && (!fars || !tars))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL, fars_len is %zu",
                        fars ? "tars" : "fars", fars_len);
    for (size_t i = 0; i < fars_len; i++)
        if (!(fars[i] > 0 && fars[i] < 1))
            return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                            "false accept rate %zu is %g, expected between 0 and 1 (both excluded)",
                            i, fars[i]);
    return FM_OK;
}

fm_status fm_evaluate_pairs(const float *scores, const uint8_t *genuine, const int32_t *folds,
                            size_t n, const double *fars, size_t fars_len, double *tars,
                            fm_pairs_report *out, fm_error *err)
{
    const fmi_pairs pairs = {scores, genuine, folds, n};
    fm_pairs_report report = {0};
    fm_status status = fmi_output_check(out, PAIRS_REPORT_0_1, "fm_pairs_report", err);
    if (status == FM_OK)
        status = check_pairs(&pairs, err);
    if (status == FM_OK)
        status = check_fars(fars, fars_len, tars, err);
    if (status == FM_OK)
        status = fmi_pairs_evaluate(&pairs, fars, fars_len, tars, &report, err);
    if (status == FM_OK)
        fmi_output_write(out, &report, sizeof report);
    return status;
}
