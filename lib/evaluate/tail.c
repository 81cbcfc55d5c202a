/* Peaks over threshold: above a high enough score u, the excess y = score - u of nearly any
 * distribution is nearly generalised Pareto (Pickands 1975),
 *
 *   P(Y > y) = (1 + shape y / scale)^(-1 / shape).
 *
 * u is the score that one impostor comparison in 1,000 exceeds, or as many as make 200. Shape and
 * scale are estimated by probability-weighted moments (Hosking & Wallis 1987, Technometrics 29),
 * with a0 the mean of y and a1 that of (1 - F) y: shape = 2 - a0 / (a0 - 2 a1), scale = 2 a0 a1 /
 * (a0 - 2 a1). They have no finite variance from a shape of 1/2 on.
 *
 * All this is on the metric's scale (fmi_calibration_scale). Where many comparisons share the
 * highest score there is no tail: such a lump is in no distribution of this kind, which would go on
 * to tell rates below the lump's own.
 *
 * The covariance of (log share above u, shape, log scale) is a sum over people. A comparison's
 * influence on the three is the derivative of the estimates by its weight; with s_i the sum of the
 * influences of person i's comparisons, it is sum_i s_i s_i'. Each comparison is in two of these
 * sums: where comparisons are independent, standard errors come out by half too large at most. */
#include "evaluate/tail.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>

enum { FEWEST_EXCEEDANCES = 200, ONE_IN = 1000, MOST_OF = 10, MOST_EQUAL = 10, ESTIMATES = 3 };

typedef struct fit {
    const fmi_side *side;
    fm_metric metric;
    size_t k, from;  /* exceedances, and the first of them */
    double *excess;  /* [k], rising */
    double *minimum; /* [k]: the mean of min(excess, another one) */
    double a0, a1;
} fit;

static double score_of(const fit *f, size_t i)
{
    return fmi_calibration_scale(f->metric, fmi_key_score(f->side->keys[i]));
}

static void take_moments(fit *f)
{
    double sum = 0, weighted = 0, n = (double)f->k;
    for (size_t i = 0; i < f->k; i++) {
        double y = score_of(f, f->from + i) - score_of(f, f->from - 1);
        f->excess[i] = y;
        f->minimum[i] = (sum + (n - (double)i) * y) / n;
        weighted += (n - 1 - (double)i) / (n - 1) * y;
        sum += y;
    }
    f->a0 = sum / n;
    f->a1 = weighted / n;
}

static bool estimate(const fit *f, fmi_calibration_tail *t)
{
    double gap = f->a0 - 2 * f->a1;
    if (!(gap > 0))
        return false;
    t->exceedances = (int64_t)f->k;
    t->score = score_of(f, f->from - 1);
    t->fmr = (double)f->k / (double)f->side->n;
    t->shape = 2 - f->a0 / gap;
    t->scale = 2 * f->a0 * f->a1 / gap;
    return t->shape < 0.5 && t->scale > 0;
}

static void influence(const fit *f, size_t i, double out[ESTIMATES])
{
    double n = (double)f->k, gap = f->a0 - 2 * f->a1;
    double by_a0 = (f->excess[i] - f->a0) / n, by_a1 = (f->minimum[i] - 2 * f->a1) / n;
    out[0] = 1 / n;
    out[1] = (2 * f->a1 * by_a0 - 2 * f->a0 * by_a1) / (gap * gap);
    out[2] = by_a0 / f->a0 + by_a1 / f->a1 - (by_a0 - 2 * by_a1) / gap;
}

static void add_square(double covariance[6], const double s[ESTIMATES])
{
    for (size_t i = 0, at = 0; i < ESTIMATES; i++)
        for (size_t j = i; j < ESTIMATES; j++)
            covariance[at++] += s[i] * s[j];
}

static void add(double *sums, const double s[ESTIMATES])
{
    for (size_t i = 0; i < ESTIMATES; i++)
        sums[i] += s[i];
}

static fm_status covariance_of_people(const fm_evaluation *e, const fit *f, double covariance[6],
                                      fm_error *err)
{
    double *sums = fmi_calloc(e->people_room, ESTIMATES * sizeof *sums);
    if (!sums)
        return fmi_fail_memory(err);
    for (size_t i = 0; i < f->k; i++) {
        uint64_t people = f->side->people[f->from + i];
        double s[ESTIMATES];
        influence(f, i, s);
        add(sums + (people >> 32) * ESTIMATES, s);
        add(sums + (people & UINT32_MAX) * ESTIMATES, s);
    }
    for (size_t i = 0; i < e->people_room; i++) {
        sums[i * ESTIMATES] -= (double)f->side->trials[i] / (double)f->side->n;
        add_square(covariance, sums + i * ESTIMATES);
    }
    fmi_free(sums);
    return FM_OK;
}

static void covariance_of_comparisons(const fit *f, double covariance[6])
{
    for (size_t i = 0; i < f->k; i++) {
        double s[ESTIMATES];
        influence(f, i, s);
        add_square(covariance, s);
    }
}

static fm_status fit_exceedances(const fm_evaluation *e, fit *f, fmi_calibration_tail *t,
                                 fm_error *err)
{
    take_moments(f);
    t->present = estimate(f, t);
    if (!t->present)
        return FM_OK;
    if (e->with_people)
        return covariance_of_people(e, f, t->covariance, err);
    covariance_of_comparisons(f, t->covariance);
    return FM_OK;
}

fm_status fmi_tail_fit(const fm_evaluation *e, fm_metric metric, fmi_calibration_tail *out,
                       fm_error *err)
{
    const fmi_side *side = &e->sides[FMI_IMPOSTOR];
    fit f = {.side = side, .metric = metric, .k = side->n / ONE_IN};
    fmi_calibration_tail t = {.present = false};
    fm_status status = FM_OK;
    if (f.k < FEWEST_EXCEEDANCES)
        f.k = FEWEST_EXCEEDANCES;
    f.from = side->n - f.k;
    *out = t;
    if (f.k > side->n / MOST_OF || side->keys[f.from - 1] == 0 ||
        side->keys[side->n - 1 - MOST_EQUAL] == side->keys[side->n - 1])
        return FM_OK;
    f.excess = fmi_alloc_array(f.k, sizeof *f.excess);
    f.minimum = fmi_alloc_array(f.k, sizeof *f.minimum);
    status = f.excess && f.minimum ? fit_exceedances(e, &f, &t, err) : fmi_fail_memory(err);
    fmi_free(f.excess);
    fmi_free(f.minimum);
    if (status == FM_OK)
        *out = t;
    return status;
}
