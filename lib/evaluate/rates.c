/* Shares of comparisons, and how certain they are.
 *
 * With S_i the sum, over the comparisons of person i, of (hit - share), the variance of a share of
 * n comparisons of pairs of people is sum_i S_i^2 / n^2, less what is in two of these sums: each
 * comparison's own square, n share (1 - share) in all. (Aronow et al. subtract the square of the
 * whole pair's sum, which is larger where two people meet in several comparisons: ours errs to the
 * side of wider intervals.) A genuine comparison is in one sum only, so nothing is subtracted: the
 * usual variance of clusters. */
#include "core/error.h"
#include "core/memory.h"
#include "evaluate/binomial.h"
#include "evaluate/evaluation.h"
#include <float.h>
#include <math.h>

/* Comparisons from..to-1 of a side are hits. */
typedef struct hits {
    const fmi_side *side;
    size_t from, to;
    bool pairs; /* of two people each */
} hits;

static void count_hits(const hits *h, int64_t *of)
{
    for (size_t i = h->from; i < h->to; i++) {
        of[h->side->people[i] >> 32]++;
        if (h->pairs)
            of[(uint32_t)h->side->people[i]]++;
    }
}

/* The number of independent comparisons that would be as certain; 0: there is no telling. */
static fm_status effective_trials(const fm_evaluation *e, const hits *h, double *out, fm_error *err)
{
    double n = (double)h->side->n, share = (double)(h->to - h->from) / n, squares = 0, variance;
    double spread = n * share * (1 - share), wider;
    int64_t people = 0, *of = fmi_calloc(e->people_room, sizeof *of);
    if (!of)
        return fmi_fail_memory(err);
    count_hits(h, of);
    for (size_t i = 0; i < e->people_room; i++) {
        double sum = (double)of[i] - share * (double)h->side->trials[i];
        squares += sum * sum;
        people += h->side->trials[i] > 0;
    }
    fmi_free(of);
    *out = 0;
    if (people < 2)
        return FM_OK;
    variance = (h->pairs ? squares - spread : squares) * (double)people / (double)(people - 1);
    wider = fmi_student_quantile(n - 1, e->confidence) /
            fmi_student_quantile((double)people - 1, e->confidence);
    *out = fmin(n, n * spread / fmax(variance, spread) * wider * wider);
    return FM_OK;
}

static fm_status rate_of(const fm_evaluation *e, const hits *h, fm_rate *out, fm_error *err)
{
    double n = (double)h->side->n, effective = n;
    fm_status status = FM_OK;
    out->hits = (int64_t)(h->to - h->from);
    out->trials = (int64_t)h->side->n;
    out->value = (double)out->hits / n;
    if (e->with_people && out->hits > 0 && out->hits < out->trials)
        status = effective_trials(e, h, &effective, err);
    if (status != FM_OK)
        return status;
    out->low = 0;
    out->high = 1;
    if (effective > 0)
        fmi_binomial_interval(out->value * effective, effective, e->confidence, &out->low,
                              &out->high);
    return FM_OK;
}

fm_status fmi_evaluation_rates(const fm_evaluation *e, uint32_t key, fm_rate *fmr, fm_rate *fnmr,
                               fm_error *err)
{
    const fmi_side *impostor = &e->sides[FMI_IMPOSTOR], *genuine = &e->sides[FMI_GENUINE];
    hits accepted = {impostor, impostor->n - fmi_side_at_least(impostor, key), impostor->n, true};
    hits refused = {genuine, 0, genuine->n - fmi_side_at_least(genuine, key), false};
    fm_status status = rate_of(e, &accepted, fmr, err);
    return status == FM_OK ? rate_of(e, &refused, fnmr, err) : status;
}

uint32_t fmi_evaluation_key_at_fmr(const fm_evaluation *e, double fmr)
{
    const fmi_side *side = &e->sides[FMI_IMPOSTOR];
    double n = (double)side->n;
    size_t allowed = (size_t)(fmr * n);
    /* the product may have been rounded up or down past a whole number */
    while (allowed < side->n && (double)(allowed + 1) / n <= fmr)
        allowed++;
    while (allowed > 0 && (double)allowed / n > fmr)
        allowed--;
    if (side->keys[side->n - 1 - allowed] == 0) /* all that have a score may be accepted */
        return fmi_key_of(-FLT_MAX);
    return side->keys[side->n - 1 - allowed] + 1;
}

/* Just above the highest score for the cut before all others. */
static double threshold_between(uint32_t above, uint32_t below)
{
    if (!above)
        return nextafter(fmi_key_score(below), INFINITY);
    return ((double)fmi_key_score(above) + fmi_key_score(below)) / 2;
}

/* The threshold of a cut lies half way to the next score below it. */
static double threshold_after(const fm_evaluation *e, const fmi_cut *cut)
{
    fmi_cut next = *cut;
    return fmi_cut_next(e, &next) ? threshold_between(cut->key, next.key)
                                  : (double)fmi_key_score(cut->key);
}

static void find_eer(const fm_evaluation *e, fm_evaluation_report *report)
{
    fmi_cut before = {0}, here = {0};
    report->eer = report->eer_threshold = NAN;
    while (fmi_cut_next(e, &here)) {
        double match = fmi_cut_fmr(e, &here), gap, step, share, low;
        if (match < fmi_cut_fnmr(e, &here)) {
            before = here;
            continue;
        }
        gap = fmi_cut_fnmr(e, &before) - fmi_cut_fmr(e, &before);
        step = match - fmi_cut_fnmr(e, &here);
        share = gap / (gap + step);
        low = threshold_after(e, &before);
        report->eer = fmi_cut_fmr(e, &before) + share * (match - fmi_cut_fmr(e, &before));
        report->eer_threshold = low + share * (threshold_after(e, &here) - low);
        return;
    }
}

fm_status fmi_evaluation_eer(const fm_evaluation *e, fm_evaluation_report *report, fm_error *err)
{
    fm_rate fmr, fnmr;
    fm_status status;
    find_eer(e, report);
    report->eer_low = report->eer_high = NAN;
    if (isnan(report->eer))
        return FM_OK;
    status = fmi_evaluation_rates(e, fmi_key_of((float)report->eer_threshold), &fmr, &fnmr, err);
    if (status != FM_OK)
        return status;
    report->eer_low = fmin(report->eer, fmin(fmr.low, fnmr.low));
    report->eer_high = fmax(report->eer, fmax(fmr.high, fnmr.high));
    return FM_OK;
}

int32_t fmi_evaluation_people(const fm_evaluation *e)
{
    int32_t people = 0;
    for (size_t i = 0; e->with_people && i < e->people_room; i++)
        people += e->sides[0].trials[i] > 0 || e->sides[1].trials[i] > 0;
    return people;
}

/* Which part of the curve a point is in: it is told when it is the first of its part. */
typedef struct part {
    long match, miss;
} part;

static part part_of(const fm_evaluation *e, const fmi_cut *cut, size_t parts)
{
    double smallest = log(1 / (double)e->sides[FMI_IMPOSTOR].n), fmr = fmi_cut_fmr(e, cut);
    double depth = fmr > 0 && smallest < 0 ? 1 - log(fmr) / smallest : 0;
    return (part){fmr > 0 ? 1 + (long)(depth * (double)parts) : 0,
                  (long)(fmi_cut_fnmr(e, cut) * (double)parts)};
}

static fm_det_point point_at(const fm_evaluation *e, const fmi_cut *cut)
{
    float highest = fmaxf(fmi_key_score(e->sides[0].keys[e->sides[0].n - 1]),
                          fmi_key_score(e->sides[1].keys[e->sides[1].n - 1]));
    float threshold = cut->key ? fmi_key_score(cut->key) : nextafterf(highest, FLT_MAX);
    return (fm_det_point){fmi_cut_fmr(e, cut), fmi_cut_fnmr(e, cut), threshold, 0};
}

static size_t count_cuts(const fm_evaluation *e)
{
    fmi_cut cut = {0};
    size_t count = 1;
    while (fmi_cut_next(e, &cut))
        count++;
    return count;
}

size_t fmi_evaluation_curve(const fm_evaluation *e, fm_det_point *out, size_t out_len)
{
    bool all = count_cuts(e) <= out_len;
    size_t parts = (out_len - 6) / 2, count = 0; /* a part more each for the ends */
    fmi_cut cut = {0}, last = {0};
    part before = part_of(e, &cut, parts);
    out[count++] = point_at(e, &cut);
    while (fmi_cut_next(e, &cut)) {
        part here = part_of(e, &cut, parts);
        if (all || here.match != before.match || here.miss != before.miss)
            out[count++] = point_at(e, &cut);
        before = here;
        last = cut;
    }
    if (last.key && out[count - 1].threshold != fmi_key_score(last.key))
        out[count++] = point_at(e, &last);
    return count;
}
