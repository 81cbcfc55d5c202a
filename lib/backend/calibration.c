#include "backend/calibration.h"
#include "backend/fields.h"
#include "backend/sections.h"
#include "core/error.h"
#include "core/memory.h"
#include <float.h>
#include <math.h>

enum { POINTS_MAX = 65536 };

static double number_or(const json_t *entry, const char *key, double otherwise)
{
    const json_t *number = json_object_get(entry, key);
    return json_is_number(number) ? json_number_value(number) : otherwise;
}

static fm_status read_calibration_point(fmi_calibration *c, size_t i, const json_t *list,
                                        fm_error *err)
{
    const json_t *entry = json_array_get(list, i);
    fmi_calibration_point *p = &c->points[i];
    p->fmr = number_or(entry, "fmr", NAN);
    p->score = number_or(entry, "score", NAN);
    if (!(p->fmr > 0 && p->fmr <= 1 && fabs(p->score) <= FLT_MAX))
        return fmi_fail(err, FM_E_CORRUPT,
                        "facematch.json: calibration.points, entry %zu, must have an fmr above 0 "
                        "and up to 1, and a score that fits a float",
                        i + 1);
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

static fm_status read_calibration_points(fmi_calibration *c, const json_t *section, fm_error *err)
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
        status = read_calibration_point(c, i, list, err);
    c->count = n;
    return status;
}

/* The scale of a distribution in which scores of any model lie. */
static const double LARGEST_SCALE = 1e30, SMALLEST_SCALE = 1e-30;

static fm_status read_tail(fmi_calibration *c, const json_t *section, fm_error *err)
{
    fmi_calibration_tail *t = &c->tail;
    const fmi_calibration_point *last = &c->points[c->count - 1];
    const json_t *tail;
    fm_status status = fmi_field_object(section, "calibration.tail", &tail, err);
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
    if (status == FM_OK &&
        (last->score < t->score || t->scale + t->shape * (last->score - t->score) <= 0))
        return fmi_fail(err, FM_E_CORRUPT,
                        "facematch.json: calibration.tail does not reach the last of "
                        "calibration.points");
    t->present = status == FM_OK;
    return status;
}

static fm_status read_misses(fmi_calibration *c, const json_t *section, fm_error *err)
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
        if (!(p->fnmr > 0 && p->fnmr <= 1 && fabs(p->score) <= FLT_MAX) ||
            (i > 0 && !(p->fnmr > p[-1].fnmr && p->score > p[-1].score)))
            return fmi_fail(err, FM_E_CORRUPT,
                            "facematch.json: %s, entry %zu, must have an fnmr above 0 and up to 1 "
                            "and a score, both above those before",
                            path, i + 1);
    }
    c->genuine_count = n;
    return FM_OK;
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
        status = read_calibration_points(&m->calibration, section, err);
    if (status == FM_OK && fmi_field_present(section, "calibration.tail"))
        status = read_tail(&m->calibration, section, err);
    if (status == FM_OK && fmi_field_present(section, "calibration.genuine"))
        status = read_misses(&m->calibration, section, err);
    return status;
}
