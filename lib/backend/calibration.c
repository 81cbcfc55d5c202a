#include "backend/calibration.h"
#include "backend/fields.h"
#include "backend/sections.h"
#include "core/error.h"
#include "core/memory.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum { POINTS_MAX = 65536 };

/* A siamese score crowds at 0 and 1, where a straight line, and any usual distribution, is far off.
 * As a float it is 1 from odds of about 2^25 on, and 0 below 2^-150. */
static const double SURE = 1 - 0x1p-25, HOPELESS = 0x1p-150;

double fmi_calibration_scale(fm_metric metric, double score)
{
    double p = score > SURE ? SURE : score > HOPELESS ? score : HOPELESS;
    return metric == FM_METRIC_SIAMESE ? log(p) - log1p(-p) : score;
}

/* Rounded up. */
static float to_float(double score)
{
    float rounded;
    if (score >= FLT_MAX)
        return FLT_MAX;
    if (score <= -FLT_MAX)
        return -FLT_MAX;
    rounded = (float)score;
    return rounded < score ? nextafterf(rounded, FLT_MAX) : rounded;
}

float fmi_calibration_unscale(fm_metric metric, double value)
{
    if (metric != FM_METRIC_SIAMESE)
        return to_float(value);
    if (value > fmi_calibration_scale(metric, 1))
        return nextafterf(1, 2);
    return to_float(1 / (1 + exp(-value)));
}

static double number_or(const json_t *entry, const char *key, double otherwise)
{
    const json_t *number = json_object_get(entry, key);
    return json_is_number(number) ? json_number_value(number) : otherwise;
}

static bool is_score(fm_metric metric, double score)
{
    return metric == FM_METRIC_SIAMESE ? score >= 0 && score <= 1 : fabs(score) <= FLT_MAX;
}

static const char *range_of(fm_metric metric)
{
    return metric == FM_METRIC_SIAMESE ? "a score from 0 to 1" : "a score that fits a float";
}

static fm_status read_calibration_point(fmi_calibration *c, fm_metric metric, size_t i,
                                        const json_t *list, fm_error *err)
{
    const json_t *entry = json_array_get(list, i);
    fmi_calibration_point *p = &c->points[i];
    p->fmr = number_or(entry, "fmr", NAN);
    p->score = number_or(entry, "score", NAN);
    if (!(p->fmr > 0 && p->fmr <= 1 && is_score(metric, p->score)))
        return fmi_fail(err, FM_E_CORRUPT,
                        "facematch.json: calibration.points, entry %zu, must have an fmr above 0 "
                        "and up to 1, and %s",
                        i + 1, range_of(metric));
    p->low = number_or(entry, "low", 0);
    p->high = number_or(entry, "high", 0);
    if (!(p->low == 0 && p->high == 0) && !(p->low <= p->fmr && p->fmr <= p->high && p->high <= 1))
        return fmi_fail(err, FM_E_CORRUPT,
                        "facematch.json: calibration.points, entry %zu: low, fmr, high must rise",
                        i + 1);
    if (i > 0 && !(p->fmr < p[-1].fmr && p->score > p[-1].score))
        return fmi_fail(err, FM_E_CORRUPT,
                        "facematch.json: calibration.points, entry %zu: the fmr must fall and the "
                        "score rise from one entry to the next",
                        i + 1);
    return FM_OK;
}

static fm_status read_calibration_points(fmi_calibration *c, fm_metric metric,
                                         const json_t *section, fm_error *err)
{
    const json_t *list;
    size_t n;
    fm_status status = fmi_field_array(section, "calibration.points", 2, POINTS_MAX, &list, err);
    if (status != FM_OK)
        return status;
    n = json_array_size(list);
    c->points = fmi_alloc_array(n, sizeof *c->points);
    if (!c->points)
        return fmi_fail_memory(err);
    for (size_t i = 0; i < n && status == FM_OK; i++)
        status = read_calibration_point(c, metric, i, list, err);
    c->count = n;
    return status;
}

/* The scale of a distribution in which scores of any model lie. */
static const double LARGEST_SCALE = 1e30, SMALLEST_SCALE = 1e-30;

/* A tail of scores as they are says nothing about log-odds, nor the other way round. */
static fm_status check_scale(fm_metric metric, const json_t *tail, fm_error *err)
{
    const char *of = json_string_value(json_object_get(tail, "of"));
    bool log_odds = of && strcmp(of, FMI_TAIL_OF_LOG_ODDS) == 0;
    if (log_odds == (metric == FM_METRIC_SIAMESE))
        return FM_OK;
    return fmi_fail(err, FM_E_CORRUPT,
                    "facematch.json: calibration.tail is %sof log-odds, but the metric is %s: "
                    "calibrate anew, and say which metric it is",
                    log_odds ? "" : "not ", fmi_manifest_metric_name(metric));
}

static fm_status read_tail(fmi_calibration *c, fm_metric metric, const json_t *section,
                           fm_error *err)
{
    fmi_calibration_tail *t = &c->tail;
    double last = fmi_calibration_scale(metric, c->points[c->count - 1].score);
    const json_t *tail;
    fm_status status = fmi_field_object(section, "calibration.tail", &tail, err);
    if (status == FM_OK)
        status = check_scale(metric, tail, err);
    if (status == FM_OK)
        status = fmi_field_whole(tail, "calibration.tail.exceedances", 1, INT64_MAX,
                                 &t->exceedances, err);
    if (status == FM_OK)
        status =
            fmi_field_number(tail, "calibration.tail.score", -FLT_MAX, FLT_MAX, &t->score, err);
    if (status == FM_OK)
        status = fmi_field_number(tail, "calibration.tail.fmr", DBL_MIN, 1, &t->fmr, err);
    if (status == FM_OK)
        status = fmi_field_number(tail, "calibration.tail.shape", -10, 10, &t->shape, err);
    if (status == FM_OK)
        status = fmi_field_number(tail, "calibration.tail.scale", SMALLEST_SCALE, LARGEST_SCALE,
                                  &t->scale, err);
    if (status == FM_OK)
        status = fmi_field_numbers(tail, "calibration.tail.covariance", 6, -1e30, 1e30,
                                   t->covariance, err);
    if (status == FM_OK && (last < t->score || t->scale + t->shape * (last - t->score) <= 0))
        return fmi_fail(err, FM_E_CORRUPT,
                        "facematch.json: calibration.tail does not reach the last of "
                        "calibration.points");
    t->present = status == FM_OK;
    return status;
}

static fm_status read_misses(fmi_calibration *c, fm_metric metric, const json_t *section,
                             fm_error *err)
{
    static const char path[] = "calibration.genuine";
    const json_t *list;
    size_t n;
    fm_status status = fmi_field_array(section, path, 2, POINTS_MAX, &list, err);
    if (status != FM_OK)
        return status;
    n = json_array_size(list);
    c->genuine = fmi_alloc_array(n, sizeof *c->genuine);
    if (!c->genuine)
        return fmi_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        fmi_calibration_miss *p = &c->genuine[i];
        p->fnmr = number_or(json_array_get(list, i), "fnmr", NAN);
        p->score = number_or(json_array_get(list, i), "score", NAN);
        if (!(p->fnmr > 0 && p->fnmr <= 1 && is_score(metric, p->score)) ||
            (i > 0 && !(p->fnmr > p[-1].fnmr && p->score > p[-1].score)))
            return fmi_fail(err, FM_E_CORRUPT,
                            "facematch.json: %s, entry %zu, must have an fnmr above 0 and up to 1 "
                            "and %s, both above those before",
                            path, i + 1, range_of(metric));
    }
    c->genuine_count = n;
    return FM_OK;
}

static int64_t count_or_none(const json_t *section, const char *key)
{
    json_int_t count = json_integer_value(json_object_get(section, key));
    return count > 0 ? count : 0;
}

/* For people to read: nothing is decided by them. */
static void read_counts(fmi_calibration *c, const json_t *section)
{
    c->people = count_or_none(section, "people");
    c->genuine_comparisons = count_or_none(section, "genuine_comparisons");
}

fm_status fmi_manifest_read_calibration(fmi_manifest *m, const json_t *root, fm_error *err)
{
    const json_t *section;
    fm_status status;
    if (m->kind == FM_MODEL_DETECTOR || !fmi_field_present(root, "calibration")) {
        m->calibration_dataset = fmi_strdup("");
        return m->calibration_dataset ? FM_OK : fmi_fail_memory(err);
    }
    status = fmi_field_object(root, "calibration", &section, err);
    if (status == FM_OK)
        status =
            fmi_field_optional_text(section, "calibration.dataset", &m->calibration_dataset, err);
    if (status == FM_OK && m->kind == FM_MODEL_LIVENESS)
        return fmi_manifest_read_pad(&m->pad, section, err);
    if (status == FM_OK)
        status = fmi_field_whole(section, "calibration.impostor_comparisons", 1, INT64_MAX,
                                 &m->calibration.impostor_comparisons, err);
    if (status == FM_OK)
        status = read_calibration_points(&m->calibration, m->metric, section, err);
    if (status == FM_OK)
        read_counts(&m->calibration, section);
    if (status == FM_OK && fmi_field_present(section, "calibration.tail"))
        status = read_tail(&m->calibration, m->metric, section, err);
    if (status == FM_OK && fmi_field_present(section, "calibration.genuine"))
        status = read_misses(&m->calibration, m->metric, section, err);
    return status;
}
