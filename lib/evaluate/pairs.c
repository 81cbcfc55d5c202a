/* The scored pairs are sorted, best first. A cut c accepts the first c of them; since pairs of equal
 * score cannot be told apart, only the ends of runs of equal scores are cuts. The threshold of a cut
 * is the middle between the scores on its two sides. Among cuts that do equally well the one that
 * accepts fewest is taken: letting a stranger in is the worse mistake.
 *
 * For each fold the best cut for all other folds is wanted: the maximum of gain(c) - own(c), where
 * gain counts genuine minus impostor pairs before c, and own the same within the fold. Between two
 * pairs of the fold own is constant, so a tree that answers "best cut in this range" makes it
 * O(n log n) for any number of folds. */
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
    int32_t *gain;  /* [n + 1], of each cut */
    uint32_t *tree; /* [2 * (n + 1)] best cut below each node; the leaves are the upper half */
    uint32_t *order; /* [n] places in `sorted`, fold by fold */
    size_t begin[FM_LIMIT_FOLDS + 1];
    counts total;
    counts fold[FM_LIMIT_FOLDS];
} work;

static const int32_t NOT_A_CUT = INT32_MIN / 2;

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

static void fill_gain(work *w)
{
    int32_t gain = 0;
    for (size_t c = 0; c <= w->n; c++) {
        w->gain[c] = is_cut(w, c) ? gain : NOT_A_CUT;
        if (c < w->n)
            gain += w->sorted[c].genuine ? 1 : -1;
    }
}

/* Places of each fold's pairs in `sorted`, rising (a counting sort). */
static void fill_order(work *w)
{
    size_t next[FM_LIMIT_FOLDS];
    for (size_t i = 0; i < w->n; i++)
        w->begin[w->sorted[i].fold + 1]++;
    for (size_t f = 0; f < FM_LIMIT_FOLDS; f++)
        w->begin[f + 1] += w->begin[f];
    memcpy(next, w->begin, sizeof next);
    for (size_t i = 0; i < w->n; i++)
        w->order[next[w->sorted[i].fold]++] = (uint32_t)i;
}

static uint32_t better(const work *w, uint32_t a, uint32_t b)
{
    if (w->gain[a] != w->gain[b])
        return w->gain[a] > w->gain[b] ? a : b;
    return a < b ? a : b;
}

static void fill_tree(work *w)
{
    size_t leaves = w->n + 1;
    for (size_t c = 0; c < leaves; c++)
        w->tree[leaves + c] = (uint32_t)c;
    for (size_t i = leaves - 1; i > 0; i--)
        w->tree[i] = better(w, w->tree[2 * i], w->tree[2 * i + 1]);
}

/* Best cut of from..to, both included. */
static uint32_t best_between(const work *w, size_t from, size_t to)
{
    uint32_t best = (uint32_t)from;
    size_t left = from + w->n + 1, right = to + w->n + 2;
    for (; left < right; left /= 2, right /= 2) {
        if (left & 1)
            best = better(w, best, w->tree[left++]);
        if (right & 1)
            best = better(w, best, w->tree[--right]);
    }
    return best;
}

/* Best cut for all pairs that are not of the fold. */
static size_t best_without(const work *w, int32_t fold)
{
    size_t from = 0, best = 0;
    int32_t own = 0, best_gain = NOT_A_CUT;
    for (size_t k = w->begin[fold]; k <= w->begin[fold + 1]; k++) {
        size_t to = k < w->begin[fold + 1] ? w->order[k] : w->n;
        uint32_t cut = best_between(w, from, to);
        if (w->gain[cut] != NOT_A_CUT && w->gain[cut] - own > best_gain) {
            best_gain = w->gain[cut] - own;
            best = cut;
        }
        if (k < w->begin[fold + 1])
            own += w->sorted[to].genuine ? 1 : -1;
        from = to + 1;
    }
    return best;
}

/* The score at which a cut is made, seen by pairs that are not of `fold` (-1: by all pairs). At the
 * ends there is a score on one side only: just above the best, or the worst itself. */
static double threshold_of(const work *w, size_t cut, int32_t fold)
{
    size_t above = cut, below = cut;
    while (above > 0 && w->sorted[above - 1].fold == fold)
        above--;
    while (below < w->n && w->sorted[below].fold == fold)
        below++;
    if (above > 0 && below < w->n)
        return ((double)w->sorted[above - 1].score + w->sorted[below].score) / 2;
    if (below < w->n)
        return nextafter(w->sorted[below].score, INFINITY);
    return above > 0 ? w->sorted[above - 1].score : NAN;
}

/* Share of a fold's pairs that a threshold decides rightly; with NaN nothing is accepted. */
static double fold_accuracy(const work *w, int32_t fold, double threshold)
{
    const counts *c = &w->fold[fold];
    int64_t right = c->undecided_impostor;
    for (size_t k = w->begin[fold]; k < w->begin[fold + 1]; k++) {
        const scored *pair = &w->sorted[w->order[k]];
        right += (pair->score >= threshold) == (pair->genuine != 0);
    }
    return (double)right / (double)(c->genuine + c->impostor);
}

static void report_accuracy(const work *w, fm_pairs_report *report)
{
    double accuracy[FM_LIMIT_FOLDS], sum = 0, squares = 0;
    int32_t used = 0;
    for (int32_t f = 0; f < FM_LIMIT_FOLDS; f++)
        used += w->fold[f].genuine + w->fold[f].impostor > 0;
    report->folds = used;
    report->threshold = threshold_of(w, w->tree[1], -1);
    for (int32_t f = 0, i = 0; f < FM_LIMIT_FOLDS; f++) {
        if (w->fold[f].genuine + w->fold[f].impostor == 0)
            continue;
        accuracy[i] = fold_accuracy(
            w, f, used == 1 ? report->threshold : threshold_of(w, best_without(w, f), f));
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
                   1 - (double)accepted_genuine / (double)w->total.genuine,
                   threshold_of(w, cut, -1)};
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
    if (!w)
        return;
    fmi_free_wiped(w->sorted, n * sizeof *w->sorted);
    fmi_free(w->gain);
    fmi_free(w->tree);
    fmi_free(w->order);
    fmi_free(w);
}

static work *work_new(size_t n)
{
    work *w = fmi_calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->sorted = fmi_calloc(n, sizeof *w->sorted);
    w->gain = fmi_calloc(n + 1, sizeof *w->gain);
    w->tree = fmi_calloc(2 * (n + 1), sizeof *w->tree);
    w->order = fmi_calloc(n, sizeof *w->order);
    if (w->sorted && w->gain && w->tree && w->order)
        return w;
    work_free(w, w->sorted ? n : 0);
    return NULL;
}

fm_status fmi_pairs_evaluate(const fmi_pairs *pairs, const double *fars, size_t fars_len,
                             double *tars, fm_pairs_report *report, fm_error *err)
{
    work *w = work_new(pairs->n);
    if (!w)
        return fmi_fail_memory(err);
    sort_pairs(w, pairs);
    fill_gain(w);
    fill_order(w);
    fill_tree(w);
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
