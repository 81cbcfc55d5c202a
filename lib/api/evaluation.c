#include "evaluate/evaluation.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/options.h"
#include <float.h>
#include <math.h>

/* Sizes in release 0.1: what a caller must bring at least. */
enum {
    OPTIONS_0_1 = sizeof(fm_evaluation_options),
    REPORT_0_1 = sizeof(fm_evaluation_report),
    POINT_0_1 = sizeof(fm_operating_point),
    FEWEST_POINTS = 8,
    MOST_BINS = 65536
};
static const double DEFAULT_CONFIDENCE = 0.95;

void fm_evaluation_options_init(fm_evaluation_options *options, uint32_t struct_size)
{
    fmi_options_init(options, struct_size);
}

fm_status fm_evaluation_new(fm_evaluation **out, const fm_evaluation_options *options,
                            fm_error *err)
{
    fm_evaluation_options own;
    fm_evaluation *e;
    fm_status status;
    if (!out)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "out is NULL");
    status = fmi_options_read(&own, sizeof own, options, OPTIONS_0_1, "fm_evaluation_options", err);
    if (status != FM_OK)
        return status;
    if (own.failures != FM_FAILURES_LEAVE_OUT && own.failures != FM_FAILURES_COUNT)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "there is no rule %d for failures",
                        (int)own.failures);
    if (own.confidence != 0 && !(own.confidence >= 0.5 && own.confidence < 1))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "confidence is %g, expected 0.5 or more, and below 1", own.confidence);
    e = fmi_calloc(1, sizeof *e);
    if (!e)
        return fmi_fail_memory(err);
    e->failures = own.failures;
    e->confidence = own.confidence != 0 ? own.confidence : DEFAULT_CONFIDENCE;
    *out = e;
    return FM_OK;
}

void fm_evaluation_free(fm_evaluation *evaluation)
{
    if (!evaluation)
        return;
    fmi_evaluation_dispose(evaluation);
    fmi_free(evaluation);
}

static fm_status check_scores(const float *scores, const uint8_t *genuine, size_t n, fm_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (isinf(scores[i]))
            return fmi_fail(err, FM_E_INVALID_ARGUMENT, "score of comparison %zu is infinite", i);
        if (genuine[i] > 1)
            return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                            "genuine of comparison %zu is %d, expected 0 or 1", i, genuine[i]);
    }
    return FM_OK;
}

static fm_status check_people(const uint8_t *genuine, const int32_t *first, const int32_t *second,
                              size_t n, fm_error *err)
{
    for (size_t i = 0; i < n; i++) {
        int32_t least = first[i] < second[i] ? first[i] : second[i];
        int32_t most = first[i] < second[i] ? second[i] : first[i];
        if (least < 0 || most >= FM_LIMIT_PEOPLE)
            return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                            "person of comparison %zu is %d, expected 0..%d", i,
                            (int)(least < 0 ? least : most), FM_LIMIT_PEOPLE - 1);
        if ((least == most) != (genuine[i] != 0))
            return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                            "comparison %zu is of persons %d and %d, but genuine is %d", i,
                            (int)first[i], (int)second[i], genuine[i]);
    }
    return FM_OK;
}

static fm_status check_addition(const fm_evaluation *e, const float *scores, const uint8_t *genuine,
                                const int32_t *first, const int32_t *second, size_t n,
                                fm_error *err)
{
    fm_status status;
    if (!e || (n > 0 && (!scores || !genuine)))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL",
                        !e        ? "evaluation"
                        : !scores ? "scores"
                                  : "genuine");
    if (!first != !second)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL, the other is not",
                        first ? "second" : "first");
    if (n > FM_LIMIT_COMPARISONS - e->added)
        return fmi_fail(err, FM_E_LIMIT, "more than %d comparisons", FM_LIMIT_COMPARISONS);
    if (n > 0 && e->added > 0 && e->with_people != (first != NULL))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "people must be told in all additions, or in none");
    status = check_scores(scores, genuine, n, err);
    return status == FM_OK && first ? check_people(genuine, first, second, n, err) : status;
}

fm_status fm_evaluation_add(fm_evaluation *evaluation, const float *scores, const uint8_t *genuine,
                            const int32_t *first, const int32_t *second, size_t n, fm_error *err)
{
    fm_status status = check_addition(evaluation, scores, genuine, first, second, n, err);
    if (status != FM_OK || n == 0)
        return status;
    return fmi_evaluation_append(evaluation, scores, genuine, first, second, n, err);
}

static fm_status begin(fm_evaluation *e, fm_error *err)
{
    if (!e)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "evaluation is NULL");
    return fmi_evaluation_sort(e, err);
}

static int64_t comparisons(const fm_evaluation *e, const fmi_side *side)
{
    return (int64_t)side->n + (e->failures == FM_FAILURES_LEAVE_OUT ? side->failed : 0);
}

static void fill_scores(const fm_evaluation *e, fm_evaluation_report *report)
{
    report->lowest = report->highest = NAN;
    for (int k = 0; k < 2; k++) {
        const fmi_side *side = &e->sides[k];
        size_t scored = fmi_side_at_least(side, 1);
        if (scored == 0)
            continue;
        report->lowest = fminf(report->lowest, fmi_key_score(side->keys[side->n - scored]));
        report->highest = fmaxf(report->highest, fmi_key_score(side->keys[side->n - 1]));
    }
}

fm_status fm_evaluation_describe(fm_evaluation *evaluation, fm_evaluation_report *out,
                                 fm_error *err)
{
    fm_evaluation_report report = {0};
    const fmi_side *sides;
    fm_status status = fmi_output_check(out, REPORT_0_1, "fm_evaluation_report", err);
    if (status == FM_OK)
        status = begin(evaluation, err);
    if (status != FM_OK)
        return status;
    sides = evaluation->sides;
    report.people = fmi_evaluation_people(evaluation);
    report.genuine = comparisons(evaluation, &sides[FMI_GENUINE]);
    report.impostor = comparisons(evaluation, &sides[FMI_IMPOSTOR]);
    report.genuine_failed = sides[FMI_GENUINE].failed;
    report.impostor_failed = sides[FMI_IMPOSTOR].failed;
    fill_scores(evaluation, &report);
    status = fmi_evaluation_eer(evaluation, &report, err);
    if (status == FM_OK)
        fmi_output_write(out, &report, sizeof report);
    return status;
}

static fm_status tell_point(const fm_evaluation *e, uint32_t key, float threshold,
                            fm_operating_point *out, fm_error *err)
{
    fm_operating_point point = {.threshold = threshold};
    fm_status status = fmi_evaluation_rates(e, key, &point.fmr, &point.fnmr, err);
    if (status == FM_OK)
        fmi_output_write(out, &point, sizeof point);
    return status;
}

fm_status fm_evaluation_at_threshold(fm_evaluation *evaluation, float threshold,
                                     fm_operating_point *out, fm_error *err)
{
    fm_status status = fmi_output_check(out, POINT_0_1, "fm_operating_point", err);
    if (status == FM_OK && !isfinite(threshold))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "threshold is not finite");
    if (status == FM_OK)
        status = begin(evaluation, err);
    return status == FM_OK ? tell_point(evaluation, fmi_key_of(threshold), threshold, out, err)
                           : status;
}

fm_status fm_evaluation_at_fmr(fm_evaluation *evaluation, double fmr, fm_operating_point *out,
                               fm_error *err)
{
    fm_status status = fmi_output_check(out, POINT_0_1, "fm_operating_point", err);
    uint32_t key;
    if (status == FM_OK && !(fmr > 0 && fmr < 1))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "fmr is %g, expected between 0 and 1 (both excluded)", fmr);
    if (status == FM_OK)
        status = begin(evaluation, err);
    if (status != FM_OK)
        return status;
    if (fmr < 1 / (double)evaluation->sides[FMI_IMPOSTOR].n)
        return fmi_fail(err, FM_E_LIMIT, "a rate of %g needs more than %zu impostor comparisons",
                        fmr, evaluation->sides[FMI_IMPOSTOR].n);
    key = fmi_evaluation_key_at_fmr(evaluation, fmr);
    return tell_point(evaluation, key, fmi_key_score(key), out, err);
}

fm_status fm_evaluation_curve(fm_evaluation *evaluation, fm_det_point *out, size_t out_len,
                              size_t *count, fm_error *err)
{
    fm_status status;
    if (!out || !count)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL", out ? "count" : "out");
    if (out_len < FEWEST_POINTS)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "out_len is %zu, expected at least %d", out_len,
                        FEWEST_POINTS);
    status = begin(evaluation, err);
    if (status == FM_OK)
        *count = fmi_evaluation_curve(evaluation, out, out_len);
    return status;
}

/* Comparisons with at least this score, which need not fit a float. */
static size_t at_least(const fmi_side *side, double score)
{
    float rounded = (float)score;
    if (rounded < score)
        rounded = nextafterf(rounded, INFINITY);
    return fmi_side_at_least(side, fmi_key_of(rounded));
}

static void fill_histogram(const fmi_side *side, double low, double high, size_t bins, int64_t *out)
{
    size_t above = at_least(side, low);
    for (size_t i = 0; i < bins; i++) {
        double end = i + 1 < bins ? low + (high - low) * (double)(i + 1) / (double)bins
                                  : nextafter(high, INFINITY);
        size_t rest = at_least(side, end);
        out[i] = (int64_t)(above - rest);
        above = rest;
    }
}

fm_status fm_evaluation_histogram(fm_evaluation *evaluation, float low, float high, size_t bins,
                                  int64_t *genuine, int64_t *impostor, fm_error *err)
{
    fm_status status;
    if (!genuine || !impostor)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL", genuine ? "impostor" : "genuine");
    if (!(isfinite(low) && isfinite(high) && low < high))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%g..%g is no range", (double)low,
                        (double)high);
    if (bins < 1 || bins > MOST_BINS)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "bins is %zu, expected 1..%d", bins, MOST_BINS);
    status = begin(evaluation, err);
    if (status != FM_OK)
        return status;
    fill_histogram(&evaluation->sides[FMI_GENUINE], low, high, bins, genuine);
    fill_histogram(&evaluation->sides[FMI_IMPOSTOR], low, high, bins, impostor);
    return FM_OK;
}
