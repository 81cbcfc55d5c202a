/* The scored pairs are sorted, best first. A cut c accepts the first c of them; since pairs of
 * equal score cannot be told apart, only the ends of runs of equal scores are cuts. The threshold
 * of a cut is the middle between the scores on its two sides. Where several cuts do equally well on
 * the pairs that choose, the middle one of them is taken: the first or the last would lean to one
 * kind of error by accident. */
#include "evaluate/pairs.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct scored {
    float score;
    int32_t fold;
    int32_t genuine;
} scored;

typedef struct counts {
    int64_t genuine, impostor;                     /* all pairs */
    int64_t undecided_genuine, undecided_impostor; /* of these without a score */
} counts;

typedef struct work {
    scored *sorted; /* best first */
    size_t n;       /* scored pairs */
    counts total;
    counts fold[FM_LIMIT_FOLDS];
} work;

enum { NO_FOLD = -1 };

static int by_score_falling(const void *a, const void *b)
{
    float x = ((const scored *)a)->score, y = ((const scored *)b)->score;
    return (x < y) - (x > y);
}

static void count_pair(counts *c, bool genuine, bool decided)
{
    c->genuine += genuine;
    c->impostor += !genuine;
    c->undecided_genuine += genuine && !decided;
    c->undecided_impostor += !genuine && !decided;
}

static void sort_pairs(work *w, const fmi_pairs *pairs)
{
    for (size_t i = 0; i < pairs->n; i++) {
        bool decided = !isnan(pairs->scores[i]), genuine = pairs->genuine[i];
        int32_t fold = pairs->folds ? pairs->folds[i] : 0;
        count_pair(&w->total, genuine, decided);
        count_pair(&w->fold[fold], genuine, decided);
        if (decided)
            w->sorted[w->n++] = (scored){pairs->scores[i], fold, genuine};
    }
    qsort(w->sorted, w->n, sizeof *w->sorted, by_score_falling);
}

static bool is_cut(const work *w, size_t c)
{
    return c == 0 || c == w->n || w->sorted[c - 1].score > w->sorted[c].score;
}

/* The score at which a cut is made between two neighbours, of which either may be missing. */
static double threshold_between(const scored *above, const scored *below)
{
    if (above && below)
        return ((double)above->score + below->score) / 2;
    if (below)
        return nextafter(below->score, INFINITY);
    return above ? above->score : NAN;
}

static double threshold_at(const work *w, size_t cut)
{
    return threshold_between(cut > 0 ? &w->sorted[cut - 1] : NULL,
                             cut < w->n ? &w->sorted[cut] : NULL);
}

/* Cuts that do best, so far; the threshold of the one numbered `wanted` among them is kept. */
typedef struct champions {
    int64_t gain; /* genuine minus impostor pairs accepted */
    size_t count, wanted;
    double threshold;
} champions;

static void consider(champions *best, int64_t gain, const scored *above, const scored *below)
{
    if (above && below && above->score == below->score)
        return;
    if (best->count == 0 || gain > best->gain) {
        best->gain = gain;
        best->count = 0;
    }
    if (gain == best->gain && best->count++ == best->wanted)
        best->threshold = threshold_between(above, below);
}

/* Over the pairs that are not of `fold`. */
static champions find_champions(const work *w, int32_t fold, size_t wanted)
{
    champions best = {0, 0, wanted, NAN};
    const scored *above = NULL;
    int64_t gain = 0;
    for (size_t i = 0; i < w->n; i++) {
        const scored *pair = &w->sorted[i];
        if (pair->fold == fold)
            continue;
        consider(&best, gain, above, pair);
        gain += pair->genuine ? 1 : -1;
        above = pair;
    }
    consider(&best, gain, above, NULL);
    return best;
}

static double best_threshold(const work *w, int32_t fold)
{
    champions best = find_champions(w, fold, 0);
    return find_champions(w, fold, best.count / 2).threshold;
}

/* Share of each fold's pairs that its threshold decides rightly; with NaN nothing is accepted. */
static void fill_right(const work *w, const double *thresholds, int64_t *right)
{
    for (size_t i = 0; i < w->n; i++) {
        const scored *pair = &w->sorted[i];
        right[pair->fold] += (pair->score >= thresholds[pair->fold]) == (pair->genuine != 0);
    }
}

static void report_accuracy(const work *w, fm_pairs_report *report)
{
    double thresholds[FM_LIMIT_FOLDS], accuracy[FM_LIMIT_FOLDS], sum = 0, squares = 0;
    int64_t right[FM_LIMIT_FOLDS], pairs;
    int32_t used = 0;
    for (int32_t f = 0; f < FM_LIMIT_FOLDS; f++)
        used += w->fold[f].genuine + w->fold[f].impostor > 0;
    report->folds = used;
    report->threshold = best_threshold(w, NO_FOLD);
    for (int32_t f = 0; f < FM_LIMIT_FOLDS; f++) {
        pairs = w->fold[f].genuine + w->fold[f].impostor;
        right[f] = w->fold[f].undecided_impostor;
        thresholds[f] = used == 1 || pairs == 0 ? report->threshold : best_threshold(w, f);
    }
    fill_right(w, thresholds, right);
    for (int32_t f = 0, i = 0; f < FM_LIMIT_FOLDS; f++) {
        pairs = w->fold[f].genuine + w->fold[f].impostor;
        if (pairs == 0)
            continue;
        accuracy[i] = (double)right[f] / (double)pairs;
        sum += accuracy[i++];
    }
    report->accuracy = sum / used;
    for (int32_t i = 0; i < used; i++)
        squares += (accuracy[i] - report->accuracy) * (accuracy[i] - report->accuracy);
    report->accuracy_sem = used > 1 ? sqrt(squares / (used - 1) / used) : NAN;
}

/* Rates at a cut, of all pairs: those without a score are not accepted. */
typedef struct rates {
    double false_match, false_non_match, threshold;
} rates;

static rates rates_at(const work *w, size_t cut, int64_t accepted_genuine)
{
    int64_t false_accepts = (int64_t)cut - accepted_genuine;
    return (rates){(double)false_accepts / (double)w->total.impostor,
                   1 - (double)accepted_genuine / (double)w->total.genuine, threshold_at(w, cut)};
}

/* On the straight line between the cuts on either side of the point where the rates meet. They need
 * not meet when pairs have no score: then the figures are NaN. */
static void report_eer(const work *w, fm_pairs_report *report)
{
    rates before = rates_at(w, 0, 0);
    int64_t accepted = 0;
    report->eer = report->eer_threshold = NAN;
    for (size_t c = 1; c <= w->n; c++) {
        rates here;
        double gap, share;
        accepted += w->sorted[c - 1].genuine;
        if (!is_cut(w, c))
            continue;
        here = rates_at(w, c, accepted);
        gap = before.false_non_match - before.false_match;
        if (here.false_match < here.false_non_match) {
            before = here;
            continue;
        }
        share = gap / (gap + here.false_match - here.false_non_match);
        report->eer = before.false_match + share * (here.false_match - before.false_match);
        report->eer_threshold = before.threshold + share * (here.threshold - before.threshold);
        return;
    }
}

/* Share of genuine pairs accepted by the last cut whose false accept rate is within far. */
static double tar_at(const work *w, double far)
{
    int64_t accepted = 0, best = 0, impostor = w->total.impostor;
    if (far < 1 / (double)impostor)
        return NAN;
    for (size_t c = 1; c <= w->n; c++) {
        accepted += w->sorted[c - 1].genuine;
        if ((double)((int64_t)c - accepted) / (double)impostor > far)
            break;
        if (is_cut(w, c))
            best = accepted;
    }
    return (double)best / (double)w->total.genuine;
}

static void work_free(work *w, size_t n)
{
    fmi_free_wiped(w->sorted, n * sizeof *w->sorted);
    fmi_free(w);
}

static work *work_new(size_t n)
{
    work *w = fmi_calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->sorted = fmi_calloc(n, sizeof *w->sorted);
    if (w->sorted)
        return w;
    fmi_free(w);
    return NULL;
}

fm_status fmi_pairs_evaluate(const fmi_pairs *pairs, const double *fars, size_t fars_len,
                             double *tars, fm_pairs_report *report, fm_error *err)
{
    work *w = work_new(pairs->n);
    if (!w)
        return fmi_fail_memory(err);
    sort_pairs(w, pairs);
    report->pairs = (int64_t)pairs->n;
    report->genuine = w->total.genuine;
    report->impostor = w->total.impostor;
    report->undecided = w->total.undecided_genuine + w->total.undecided_impostor;
    report_accuracy(w, report);
    report_eer(w, report);
    for (size_t i = 0; i < fars_len; i++)
        tars[i] = tar_at(w, fars[i]);
    work_free(w, pairs->n);
    return FM_OK;
}
