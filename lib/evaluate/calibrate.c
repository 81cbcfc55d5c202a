#include "evaluate/calibrate.h"
#include "core/error.h"
#include "core/memory.h"
#include "evaluate/tail.h"
#include <jansson.h>
#include <math.h>

/* With fewer comparisons above it, a quantile says little. */
enum { FEWEST_ABOVE = 50, FEWEST_MISSES = 10, DECADES = 9 };
static const double STEPS[] = {5, 2, 1};
static const double MISSES[] = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,  0.2,  0.3,
                                0.4,   0.5,   0.6,   0.7,  0.8,  0.9,  0.95, 0.98, 0.99};

/* Of the lowest threshold with at most this rate: the score that just passes it. */
static fm_status add_point(const fm_evaluation *e, double rate, json_t *list, double *before,
                           fm_error *err)
{
    const fmi_side *side = &e->sides[FMI_IMPOSTOR];
    size_t above = fmi_side_at_least(side, fmi_evaluation_key_at_fmr(e, rate));
    fm_rate fmr, fnmr;
    double score;
    fm_status status;
    if (above < FEWEST_ABOVE)
        return FM_OK;
    score = fmi_key_score(side->keys[side->n - above]);
    if (!(score > *before))
        return FM_OK;
    status = fmi_evaluation_rates(e, side->keys[side->n - above], &fmr, &fnmr, err);
    if (status != FM_OK)
        return status;
    *before = score;
    if (json_array_append_new(list,
                              json_pack("{s:f,s:f,s:f,s:f}", "fmr", rate, "score", score, "low",
                                        fmin(rate, fmr.low), "high", fmax(rate, fmr.high))))
        return fmi_fail_memory(err);
    return FM_OK;
}

static fm_status add_points(const fm_evaluation *e, json_t *list, fm_error *err)
{
    double before = -HUGE_VAL;
    fm_status status = FM_OK;
    for (int decade = 1; decade <= DECADES; decade++)
        for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS && status == FM_OK; i++) {
            double rate = STEPS[i] / pow(10, decade);
            if (rate * (double)e->sides[FMI_IMPOSTOR].n >= FEWEST_ABOVE)
                status = add_point(e, rate, list, &before, err);
        }
    if (status == FM_OK && json_array_size(list) < 2)
        return fmi_fail(err, FM_E_STATE, "%zu impostor comparisons are too few for a calibration",
                        e->sides[FMI_IMPOSTOR].n);
    return status;
}

/* Thresholds with so many genuine comparisons below them. */
static fm_status add_misses(const fm_evaluation *e, json_t *list, fm_error *err)
{
    const fmi_side *side = &e->sides[FMI_GENUINE];
    double before = -HUGE_VAL;
    for (size_t i = 0; i < sizeof MISSES / sizeof *MISSES; i++) {
        size_t misses = (size_t)ceil(MISSES[i] * (double)side->n);
        double score = misses < side->n ? fmi_key_score(side->keys[misses]) : NAN;
        if (misses < FEWEST_MISSES || !(score > before))
            continue;
        before = score;
        if (json_array_append_new(
                list,
                json_pack("{s:f,s:f}", "fnmr", (double)misses / (double)side->n, "score", score)))
            return fmi_fail_memory(err);
    }
    return FM_OK;
}

static json_t *tail_json(const fmi_calibration_tail *t)
{
    const double *c = t->covariance;
    return json_pack("{s:s,s:f,s:f,s:I,s:f,s:f,s:[f,f,f,f,f,f]}", "model",
                     "generalised Pareto by probability-weighted moments", "score", t->score, "fmr",
                     t->fmr, "exceedances", (json_int_t)t->exceedances, "shape", t->shape, "scale",
                     t->scale, "covariance", c[0], c[1], c[2], c[3], c[4], c[5]);
}

/* The tail must begin before the table ends, and go on behind it. */
static bool reaches(const fmi_calibration_tail *t, const json_t *points)
{
    const json_t *last = json_array_get(points, json_array_size(points) - 1);
    double score = json_number_value(json_object_get(last, "score"));
    return t->present && score >= t->score && t->scale + t->shape * (score - t->score) > 0;
}

static fm_status fill(const fm_evaluation *e, json_t *object, fm_error *err)
{
    json_t *points = json_array(), *misses = json_array();
    fmi_calibration_tail tail;
    fm_status status = fmi_tail_fit(e, &tail, err);
    if (json_object_set_new(object, "points", points) ||
        json_object_set_new(object, "genuine", misses))
        return fmi_fail_memory(err);
    if (status == FM_OK)
        status = add_points(e, points, err);
    if (status == FM_OK)
        status = add_misses(e, misses, err);
    if (status != FM_OK)
        return status;
    if (json_array_size(misses) < 2)
        json_object_del(object, "genuine");
    if (reaches(&tail, points) && json_object_set_new(object, "tail", tail_json(&tail)))
        return fmi_fail_memory(err);
    return FM_OK;
}

fm_status fmi_calibration_dump(const json_t *object, char **out, size_t *size, fm_error *err)
{
    const size_t flags = JSON_INDENT(1) | JSON_REAL_PRECISION(9);
    size_t length = json_dumpb(object, NULL, 0, flags);
    char *text = length ? fmi_alloc(length + 1) : NULL;
    if (!text || json_dumpb(object, text, length, flags) != length) {
        fmi_free(text);
        return fmi_fail_memory(err);
    }
    text[length] = '\0';
    *out = text;
    *size = length;
    return FM_OK;
}

fm_status fmi_calibrate(const fm_evaluation *e, const char *dataset, char **out, size_t *size,
                        fm_error *err)
{
    json_t *object =
        json_pack("{s:s,s:i,s:I,s:I}", "dataset", dataset, "people", (int)fmi_evaluation_people(e),
                  "impostor_comparisons", (json_int_t)e->sides[FMI_IMPOSTOR].n,
                  "genuine_comparisons", (json_int_t)e->sides[FMI_GENUINE].n);
    fm_status status = object ? fill(e, object, err) : fmi_fail_memory(err);
    if (status == FM_OK)
        status = fmi_calibration_dump(object, out, size, err);
    json_decref(object);
    return status;
}
