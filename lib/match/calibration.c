/* Between the points of a calibration the logarithm of the rate is a straight line of the score.
 *
 * Before the first point (rates above it) the line of the first two points goes on until the rate
 * is 1, and stays there: strangers' scores thin out about exponentially, so the line that holds at
 * the table's beginning is the best guess there is, and rates that high are no one's operating
 * point.
 *
 * Behind the last point nothing was measured. A rate is never told lower than the last one. A
 * threshold is, if the caller asks for it: along the line from the last point to that of a rate ten
 * times higher, since the last two points alone may rest on a handful of comparisons. */
#include "core/error.h"
#include "match/metric.h"
#include <float.h>
#include <math.h>

/* Rounded up: a threshold never lets through more than was asked for. */
static float threshold_to_float(double score)
{
    float rounded;
    if (score >= FLT_MAX)
        return FLT_MAX;
    if (score <= -FLT_MAX)
        return -FLT_MAX;
    rounded = (float)score;
    return rounded < score ? nextafterf(rounded, FLT_MAX) : rounded;
}

/* The score on the line through two points; exact at the first. */
static double score_on_line(const fmi_calibration_point *p, const fmi_calibration_point *q,
                            double fmr)
{
    double share = (log(fmr) - log(p->fmr)) / (log(q->fmr) - log(p->fmr));
    return p->score + share * (q->score - p->score);
}

/* The rate on the line through two points; exact at the first. */
static double fmr_on_line(const fmi_calibration_point *p, const fmi_calibration_point *q,
                          double score)
{
    double share = (score - p->score) / (q->score - p->score);
    return p->fmr * exp(share * (log(q->fmr) - log(p->fmr)));
}

/* The score of a rate from the table's last one up to, but without, 1. */
static double score_within(const fmi_calibration *c, double fmr)
{
    size_t i = 0;
    if (fmr == c->points[c->count - 1].fmr)
        return c->points[c->count - 1].score;
    while (i + 2 < c->count && fmr <= c->points[i + 1].fmr)
        i++;
    return score_on_line(&c->points[i], &c->points[i + 1], fmr);
}

static double score_beyond(const fmi_calibration *c, double fmr)
{
    fmi_calibration_point last = c->points[c->count - 1], higher;
    higher.fmr = fmin(10 * last.fmr, c->points[0].fmr);
    higher.score = score_within(c, higher.fmr);
    return score_on_line(&last, &higher, fmr);
}

fm_status fmi_calibration_threshold(const fmi_manifest *manifest, double fmr, bool extrapolate,
                                    float *threshold, fm_error *err)
{
    const fmi_calibration *c = &manifest->calibration;
    double lowest;
    if (!(fmr > 0 && fmr < 1))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "false match rate %g is not between 0 and 1 (both excluded)", fmr);
    if (c->count == 0)
        return fmi_fail(err, FM_E_STATE,
                        "model %s has no calibration: give a threshold instead of a rate",
                        manifest->name);
    lowest = c->points[c->count - 1].fmr;
    if (fmr < lowest && !extrapolate)
        return fmi_fail(err, FM_E_LIMIT,
                        "false match rate %g is below %g, the lowest that the calibration of model "
                        "%s can vouch for: give a higher rate or a threshold",
                        fmr, lowest, manifest->name);
    *threshold = threshold_to_float(fmr < lowest ? score_beyond(c, fmr) : score_within(c, fmr));
    return FM_OK;
}

double fmi_calibration_fmr(const fmi_manifest *manifest, float score)
{
    const fmi_calibration *c = &manifest->calibration;
    size_t i = 0;
    if (c->count == 0)
        return NAN;
    if (score >= c->points[c->count - 1].score)
        return c->points[c->count - 1].fmr;
    while (i + 2 < c->count && score >= c->points[i + 1].score)
        i++;
    return fmin(1, fmr_on_line(&c->points[i], &c->points[i + 1], score));
}
