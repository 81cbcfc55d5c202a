/* Between the points of a calibration the logarithm of the rate is a straight line of the score, on
 * the scale of the metric (fmi_calibration_scale).
 *
 * Before the first point (rates above it) the line of the first two points goes on until the rate
 * is 1, and stays there: strangers' scores thin out about exponentially, so the line that holds at
 * the table's beginning is the best guess there is, and rates that high are no one's operating
 * point.
 *
 * Behind the last point the tail goes on, a generalised Pareto distribution that was fitted to the
 * highest scores, from the last point's rate, so that there is no step. It is believed down to a
 * tenth of what one comparison of those measured stands for: no lower rate is told, and no
 * threshold for one unless the caller asks for it.
 *
 * A calibration without a tail is believed to its last point. Where a threshold behind it is asked
 * for, it lies on the line from the last point to that of a rate ten times higher, since the last
 * two points alone may rest on a handful of comparisons. */
#include "core/error.h"
#include "match/metric.h"
#include <float.h>
#include <math.h>

static double scaled(const fmi_manifest *m, double score)
{
    return fmi_calibration_scale(m->metric, score);
}

/* Where a score lies between two others; 0 at the first. */
static double share_between(const fmi_manifest *m, double from, double to, double score)
{
    double start = scaled(m, from), length = scaled(m, to) - start;
    return length != 0 ? (scaled(m, score) - start) / length : score > from;
}

/* The place on the line through two points; exact at the first. */
static double place_on_line(const fmi_manifest *m, const fmi_calibration_point *p,
                            const fmi_calibration_point *q, double fmr)
{
    double share = (log(fmr) - log(p->fmr)) / (log(q->fmr) - log(p->fmr));
    double start = scaled(m, p->score);
    return start + share * (scaled(m, q->score) - start);
}

/* The rate on the line through two points; exact at the first. */
static double fmr_on_line(const fmi_manifest *m, const fmi_calibration_point *p,
                          const fmi_calibration_point *q, double score)
{
    double share = share_between(m, p->score, q->score, score);
    return p->fmr * exp(share * (log(q->fmr) - log(p->fmr)));
}

/* The place of a rate from the table's last one up to, but without, 1. */
static double place_within(const fmi_manifest *m, double fmr)
{
    const fmi_calibration *c = &m->calibration;
    size_t i = 0;
    if (fmr == c->points[c->count - 1].fmr)
        return scaled(m, c->points[c->count - 1].score);
    while (i + 2 < c->count && fmr <= c->points[i + 1].fmr)
        i++;
    return place_on_line(m, &c->points[i], &c->points[i + 1], fmr);
}

/* The share of the tail's exceedances above a place; 0 behind its end. */
static double tail_share(const fmi_calibration_tail *t, double place)
{
    double z = (place - t->score) / t->scale, inside = 1 + t->shape * z;
    if (fabs(t->shape) < 1e-9)
        return exp(-z);
    return inside > 0 ? pow(inside, -1 / t->shape) : 0;
}

static double tail_place(const fmi_calibration_tail *t, double share)
{
    double z = fabs(t->shape) < 1e-9 ? -log(share) : expm1(-t->shape * log(share)) / t->shape;
    return t->score + t->scale * z;
}

static double place_beyond(const fmi_manifest *m, double fmr)
{
    const fmi_calibration *c = &m->calibration;
    const fmi_calibration_point *last = &c->points[c->count - 1];
    double end = scaled(m, last->score), higher, start;
    if (c->tail.present)
        return tail_place(&c->tail, fmr / last->fmr * tail_share(&c->tail, end));
    higher = fmin(10 * last->fmr, c->points[0].fmr);
    start = place_within(m, higher);
    return end + (log(fmr) - log(last->fmr)) / (log(higher) - log(last->fmr)) * (start - end);
}

/* A point's own score where the rate is that of one: the way there and back would round it. */
static float threshold_of(const fmi_manifest *m, double fmr)
{
    const fmi_calibration *c = &m->calibration;
    for (size_t i = 0; i < c->count; i++)
        if (c->points[i].fmr == fmr)
            return fmi_calibration_unscale(0, c->points[i].score);
    return fmi_calibration_unscale(
        m->metric, fmr < c->points[c->count - 1].fmr ? place_beyond(m, fmr) : place_within(m, fmr));
}

double fmi_calibration_min_fmr(const fmi_calibration *c)
{
    if (c->count == 0)
        return 0;
    if (!c->tail.present)
        return c->points[c->count - 1].fmr;
    return fmin(c->points[c->count - 1].fmr, 1 / (10 * (double)c->impostor_comparisons));
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
    lowest = fmi_calibration_min_fmr(c);
    if (fmr < lowest && !extrapolate)
        return fmi_fail(err, FM_E_LIMIT,
                        "false match rate %g is below %g, the lowest that the calibration of model "
                        "%s can vouch for: give a higher rate, a threshold, or ask to extrapolate",
                        fmr, lowest, manifest->name);
    *threshold = threshold_of(manifest, fmr);
    return FM_OK;
}

/* The first of the two points whose line holds at a score that is not behind the last. */
static size_t line_at(const fmi_calibration *c, double score)
{
    size_t i = 0;
    while (i + 2 < c->count && score >= c->points[i + 1].score)
        i++;
    return i;
}

double fmi_calibration_fmr(const fmi_manifest *manifest, float score)
{
    const fmi_calibration *c = &manifest->calibration;
    const fmi_calibration_point *last;
    size_t i;
    if (c->count == 0)
        return NAN;
    last = &c->points[c->count - 1];
    if (score >= last->score && c->tail.present)
        return fmax(fmi_calibration_min_fmr(c),
                    last->fmr * tail_share(&c->tail, scaled(manifest, score)) /
                        tail_share(&c->tail, scaled(manifest, last->score)));
    if (score >= last->score)
        return last->fmr;
    i = line_at(c, score);
    return fmin(1, fmr_on_line(manifest, &c->points[i], &c->points[i + 1], score));
}

/* The standard error of the logarithm of the tail's rate, by the gradient of
 * log fmr - log(1 + shape z) / shape in log fmr, shape and log scale. */
static double tail_error(const fmi_calibration_tail *t, double place)
{
    const double *c = t->covariance;
    double z = (place - t->score) / t->scale, inside = 1 + t->shape * z;
    double by_shape = fabs(t->shape) < 1e-9
                          ? z * z / 2
                          : log(inside) / (t->shape * t->shape) - z / (t->shape * inside);
    double by_scale = z / inside;
    double variance = c[0] + 2 * c[1] * by_shape + 2 * c[2] * by_scale +
                      c[3] * by_shape * by_shape + 2 * c[4] * by_shape * by_scale +
                      c[5] * by_scale * by_scale;
    return sqrt(fmax(0, variance));
}

static void tail_interval(const fmi_manifest *m, float score, double fmr, double *low, double *high)
{
    const fmi_calibration *c = &m->calibration;
    static const double NORMAL_95 = 1.959963984540054;
    double lowest = fmi_calibration_min_fmr(c), at = scaled(m, score), width;
    bool behind = fmr <= lowest;
    if (behind)
        at = place_beyond(m, lowest);
    width = exp(NORMAL_95 * tail_error(&c->tail, at));
    *low = behind ? 0 : fmr / width;
    *high = fmin(1, fmr * width);
}

/* A side of the interval goes like the rate: along a line of its logarithm. */
static double side_on_line(double a, double b, double share)
{
    return a > 0 && b > 0 ? fmin(1, a * exp(share * (log(b) - log(a)))) : 0;
}

void fmi_calibration_interval(const fmi_manifest *manifest, float score, double *low, double *high)
{
    const fmi_calibration *c = &manifest->calibration;
    const fmi_calibration_point *p, *q;
    double share;
    *low = *high = NAN;
    if (c->count == 0)
        return;
    if (score >= c->points[c->count - 1].score && c->tail.present) {
        tail_interval(manifest, score, fmi_calibration_fmr(manifest, score), low, high);
        return;
    }
    p = &c->points[line_at(c, score)];
    q = p + 1;
    if (p->high == 0 || q->high == 0)
        return;
    share = share_between(manifest, p->score, q->score, score);
    *low = side_on_line(p->low, q->low, share);
    *high = side_on_line(p->high, q->high, share);
}

double fmi_calibration_fnmr(const fmi_manifest *manifest, float score)
{
    const fmi_calibration *c = &manifest->calibration;
    const fmi_calibration_miss *p = c->genuine, *q;
    size_t i = 0;
    if (c->genuine_count == 0)
        return NAN;
    if (score <= p[0].score)
        return p[0].fnmr;
    if (score >= p[c->genuine_count - 1].score)
        return p[c->genuine_count - 1].fnmr;
    while (score >= p[i + 1].score)
        i++;
    p += i;
    q = p + 1;
    return p->fnmr *
           exp(share_between(manifest, p->score, q->score, score) * (log(q->fnmr) - log(p->fnmr)));
}
