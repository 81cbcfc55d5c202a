/* From scores of live faces and attacks to the calibration of a liveness model. */
#include "backend/fields.h"
#include "core/error.h"
#include "core/memory.h"
#include "evaluate/calibrate.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A point of the table for each change of a rate by this much of itself. */
static const double STEP = 0.1;

typedef struct scored {
    float score;
    int32_t kind; /* 0: live; else of attack */
} scored;

/* The scores so far, from the highest down, of one kind. */
typedef struct tally {
    int32_t kind;
    int64_t n, above;
} tally;

typedef struct work {
    scored *sorted; /* falling */
    size_t n;
    tally *kinds; /* kinds[0]: live */
    size_t kind_count;
} work;

typedef struct point {
    double score, apcer, bpcer;
} point;

static int falling(const void *a, const void *b)
{
    float left = ((const scored *)a)->score, right = ((const scored *)b)->score;
    return (left < right) - (left > right);
}

static int by_kind(const void *a, const void *b)
{
    int32_t left = ((const scored *)a)->kind, right = ((const scored *)b)->kind;
    return (left > right) - (left < right);
}

static void count_kinds(work *w)
{
    qsort(w->sorted, w->n, sizeof *w->sorted, by_kind);
    for (size_t i = 0; i < w->n; i++) {
        if (i == 0 || w->sorted[i].kind != w->sorted[i - 1].kind)
            w->kinds[w->kind_count++].kind = w->sorted[i].kind;
        w->kinds[w->kind_count - 1].n++;
    }
    qsort(w->sorted, w->n, sizeof *w->sorted, falling);
}

static fm_status check(const work *w, fm_error *err)
{
    if (w->kind_count < 2 || w->kinds[0].kind != 0)
        return fmi_fail(err, FM_E_STATE, "a calibration of liveness needs live faces and attacks");
    return FM_OK;
}

static void count(work *w, int32_t kind)
{
    size_t low = 0, high = w->kind_count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (w->kinds[middle].kind <= kind)
            low = middle;
        else
            high = middle;
    }
    w->kinds[low].above++;
}

/* With the threshold here: the rates of what has been counted so far. The worst kind decides. */
static point rates_at(const work *w, double score)
{
    point p = {score, 0, 1 - (double)w->kinds[0].above / (double)w->kinds[0].n};
    for (size_t k = 1; k < w->kind_count; k++)
        p.apcer = fmax(p.apcer, (double)w->kinds[k].above / (double)w->kinds[k].n);
    return p;
}

static bool is_worth_it(const point *last, const point *next)
{
    double more_attacks = next->apcer - last->apcer, fewer_live = last->bpcer - next->bpcer;
    return (more_attacks > 0 && more_attacks >= STEP * last->apcer) ||
           (fewer_live > 0 && fewer_live >= STEP * next->bpcer);
}

/* Every threshold at which something changes, from the highest down: just above a score, where it
 * is left out, and at it. points: room for 2n+1. */
static size_t make_table(work *w, point *points)
{
    size_t used = 0;
    for (size_t i = 0; i < w->n;) {
        float score = w->sorted[i].score, above = nextafterf(score, 2);
        point before = rates_at(w, above);
        size_t end = i;
        if (above <= 1 && (used == 0 || points[used - 1].score > (double)above))
            points[used++] = before;
        while (end < w->n && w->sorted[end].score >= score)
            count(w, w->sorted[end++].kind);
        points[used++] = rates_at(w, score);
        i = end;
    }
    if (points[used - 1].score > 0) {
        points[used] = points[used - 1];
        points[used++].score = 0;
    }
    return used;
}

/* Two points in a row with the same rates as their neighbours tell nothing; nor do small steps.
 * What lies between two that stay has the rates of the one on its safe side. */
static fm_status write_table(const point *points, size_t n, json_t *list, fm_error *err)
{
    const point *last = NULL;
    for (size_t i = 0; i < n; i++) {
        const point *p = &points[i];
        bool next_differs = i + 1 < n && last && is_worth_it(p, &points[i + 1]);
        if (last && i + 1 < n && !is_worth_it(last, p) && !next_differs)
            continue;
        json_t *entry =
            json_pack("{s:f,s:f,s:f}", "score", p->score, "apcer", p->apcer, "bpcer", p->bpcer);
        if (!entry || json_array_insert_new(list, 0, entry))
            return fmi_fail_memory(err);
        last = p;
    }
    return FM_OK;
}

static int64_t rarest_attack(const work *w)
{
    int64_t least = w->kinds[1].n;
    for (size_t k = 2; k < w->kind_count; k++)
        least = w->kinds[k].n < least ? w->kinds[k].n : least;
    return least;
}

static fm_status tell(work *w, const char *dataset, char **out, size_t *size, fm_error *err)
{
    point *points = fmi_alloc_array(2 * w->n + 1, sizeof *points);
    json_t *list = json_array();
    json_t *object =
        json_pack("{s:s,s:I,s:I,s:I,s:O}", "dataset", dataset, "attacks",
                  (json_int_t)rarest_attack(w), "attack_kinds", (json_int_t)(w->kind_count - 1),
                  "live", (json_int_t)w->kinds[0].n, "points", list);
    fm_status status = points && list && object ? FM_OK : fmi_fail_memory(err);
    if (status == FM_OK)
        status = write_table(points, make_table(w, points), list, err);
    if (status == FM_OK)
        status = fmi_fields_dump(object, JSON_INDENT(1) | JSON_REAL_PRECISION(9), out, size, err);
    json_decref(object);
    json_decref(list);
    fmi_free(points);
    return status;
}

fm_status fmi_pad_calibrate(const float *scores, const int32_t *kinds, size_t n,
                            const char *dataset, char **out, size_t *size, fm_error *err)
{
    work w = {.n = n};
    fm_status status = FM_OK;
    w.sorted = fmi_alloc_array(n, sizeof *w.sorted);
    w.kinds = fmi_calloc(n, sizeof *w.kinds);
    if (!w.sorted || !w.kinds)
        status = fmi_fail_memory(err);
    for (size_t i = 0; i < n && status == FM_OK; i++)
        w.sorted[i] = (scored){scores[i], kinds[i]};
    if (status == FM_OK) {
        count_kinds(&w);
        status = check(&w, err);
    }
    if (status == FM_OK)
        status = tell(&w, dataset, out, size, err);
    fmi_free(w.sorted);
    fmi_free(w.kinds);
    return status;
}
