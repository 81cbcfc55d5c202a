#include "figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "output.h"

const double FIGURES_ASKED[FIGURES_RATES] = {1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6};
const char *const FIGURES_NAMES[FIGURES_RATES] = {"1e-1", "1e-2", "1e-3", "1e-4", "1e-5", "1e-6"};

fm_evaluation *figures_new(const options *opts)
{
    fm_error err = {sizeof err, 0, ""};
    fm_evaluation *e = NULL;
    fm_evaluation_options settings;
    fm_evaluation_options_init(&settings, sizeof settings);
    settings.failures = opts->failures ? FM_FAILURES_COUNT : FM_FAILURES_LEAVE_OUT;
    if (fm_evaluation_new(&e, &settings, &err) != FM_OK)
        out_library_error(NULL, &err);
    return e;
}

/* FM_E_LIMIT and FM_E_STATE only mean that there is nothing to tell. */
static bool tell(figures_point *point, fm_status status, const fm_error *err)
{
    point->told = status == FM_OK;
    if (status == FM_OK || status == FM_E_LIMIT || status == FM_E_STATE)
        return true;
    out_library_error(NULL, err);
    return false;
}

/* The rate of one comparison, where a search is false when any of them is. */
static double rate_of_each(double rate, size_t enrolled)
{
    return enrolled ? -expm1(log1p(-rate) / (double)enrolled) : rate;
}

bool figures_compute(figures *out, fm_evaluation *e, const fm_model *model, size_t enrolled)
{
    fm_error err = {sizeof err, 0, ""};
    *out = (figures){.report = {.struct_size = sizeof out->report}};
    if (fm_evaluation_describe(e, &out->report, &err) != FM_OK) {
        out_library_error(NULL, &err);
        return false;
    }
    for (size_t i = 0; i < FIGURES_RATES; i++) {
        figures_point *measured = &out->measured[i], *calibrated = &out->calibrated[i];
        double rate = measured->asked = calibrated->asked = FIGURES_ASKED[i];
        float threshold = 0;
        measured->at.struct_size = calibrated->at.struct_size = sizeof measured->at;
        if (!tell(measured, fm_evaluation_at_fmr(e, rate, &measured->at, &err), &err))
            return false;
        if (!model)
            continue;
        fm_status status =
            fm_model_threshold(model, rate_of_each(rate, enrolled), &threshold, &err);
        if (status == FM_OK)
            status = fm_evaluation_at_threshold(e, threshold, &calibrated->at, &err);
        if (!tell(calibrated, status, &err))
            return false;
    }
    return true;
}

json_t *figures_rate_json(const fm_rate *rate)
{
    return json_pack("{s:o,s:o,s:o,s:I,s:I}", "value", out_real(rate->value), "low",
                     out_real(rate->low), "high", out_real(rate->high), "hits",
                     (json_int_t)rate->hits, "trials", (json_int_t)rate->trials);
}

json_t *figures_points_json(const figures_point *points, const char *match, const char *miss)
{
    json_t *list = json_array();
    for (size_t i = 0; i < FIGURES_RATES; i++)
        if (points[i].told)
            json_array_append_new(list,
                                  json_pack("{s:o,s:o,s:o,s:o}", "asked", out_real(points[i].asked),
                                            "threshold", out_real(points[i].at.threshold), match,
                                            figures_rate_json(&points[i].at.fmr), miss,
                                            figures_rate_json(&points[i].at.fnmr)));
    return list;
}

void figures_json(json_t *object, const figures *f)
{
    const fm_evaluation_report *r = &f->report;
    json_object_set_new(object, "genuine", json_integer(r->genuine));
    json_object_set_new(object, "impostor", json_integer(r->impostor));
    json_object_set_new(object, "genuine_failed", json_integer(r->genuine_failed));
    json_object_set_new(object, "impostor_failed", json_integer(r->impostor_failed));
    json_object_set_new(object, "eer", out_real(r->eer));
    json_object_set_new(object, "eer_low", out_real(r->eer_low));
    json_object_set_new(object, "eer_high", out_real(r->eer_high));
    json_object_set_new(object, "eer_threshold", out_real(r->eer_threshold));
    json_object_set_new(object, "operating_points",
                        figures_points_json(f->measured, "fmr", "fnmr"));
    json_object_set_new(object, "calibrated_points",
                        figures_points_json(f->calibrated, "fmr", "fnmr"));
}

const char *figures_precision(const options *opts)
{
    return opts->precision == FM_PRECISION_BFLOAT16 ? "bfloat16" : "float32";
}

void figures_json_run(json_t *object, const context *ctx, const faces *f, double seconds)
{
    json_object_set_new(object, "photographs", json_integer((json_int_t)f->count));
    json_object_set_new(object, "undetected", json_integer((json_int_t)f->undetected));
    json_object_set_new(object, "failures",
                        json_string(ctx->opts->failures ? "error" : "leave-out"));
    json_object_set_new(object, "seconds", out_real(seconds));
    json_object_set_new(object, "model", out_text(ctx->model.name));
    json_object_set_new(object, "precision", json_string(figures_precision(ctx->opts)));
    json_object_set_new(object, "flip", json_boolean(ctx->opts->flip));
}

void figures_percent(char *text, size_t size, double rate)
{
    double percent = 100 * rate;
    if (isnan(rate))
        snprintf(text, size, "-");
    else if (percent == 0 || percent >= 1)
        snprintf(text, size, "%.2f", percent);
    else
        snprintf(text, size, "%.*f", percent >= 0.1 ? 3 : percent >= 0.001 ? 4 : 6, percent);
}

void figures_rate_text(char *text, size_t size, const fm_rate *rate, bool complement)
{
    char value[32], low[32], high[32];
    bool c = complement;
    figures_percent(value, sizeof value, c ? 1 - rate->value : rate->value);
    figures_percent(low, sizeof low, c ? 1 - rate->high : rate->low);
    figures_percent(high, sizeof high, c ? 1 - rate->low : rate->high);
    snprintf(text, size, "%s %% (%s to %s)", value, low, high);
}

static void print_points(const char *title, const figures_point *points, const char *match,
                         const char *miss)
{
    bool any = false;
    for (size_t i = 0; i < FIGURES_RATES; i++)
        any |= points[i].told;
    if (!any)
        return;
    out_line("%s", title);
    out_line("  %-5s threshold  measured, 95 %% interval             1 - %s, 95 %% interval", match,
             miss);
    for (size_t i = 0; i < FIGURES_RATES; i++) {
        char fmr[128], tar[128];
        if (!points[i].told)
            continue;
        figures_rate_text(fmr, sizeof fmr, &points[i].at.fmr, false);
        figures_rate_text(tar, sizeof tar, &points[i].at.fnmr, true);
        out_line("  %s  %9.4f  %-35s %s", FIGURES_NAMES[i], (double)points[i].at.threshold, fmr,
                 tar);
    }
}

void figures_print(const figures *f)
{
    const fm_evaluation_report *r = &f->report;
    out_line("equal error rate  %.2f %% (%.2f to %.2f), threshold %.3f", 100 * r->eer,
             100 * r->eer_low, 100 * r->eer_high, r->eer_threshold);
    figures_print_points(f, "FMR", "FNMR");
}

void figures_print_points(const figures *f, const char *match, const char *miss)
{
    print_points("thresholds chosen on these comparisons:", f->measured, match, miss);
    print_points("thresholds of the model's calibration:", f->calibrated, match, miss);
}
