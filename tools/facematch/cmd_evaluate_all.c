#include <math.h>
#include <stdlib.h>

#include "all_pairs.h"
#include "clock.h"
#include "commands.h"
#include "output.h"
#include "report.h"

static const double GROUPS_FMR = 1e-3;

typedef struct work {
    all_pairs pairs;
    figures figures;
    float threshold; /* of the groups */
} work;

/* The groups' threshold: the one that was given, or that of the rate on all comparisons. */
static bool evaluate_groups(work *w, const options *opts)
{
    fm_error err = {sizeof err, 0, ""};
    fm_operating_point point = {.struct_size = sizeof point};
    if (!w->pairs.groups)
        return true;
    w->threshold = (float)opts->threshold;
    if (isnan(opts->threshold)) {
        double fmr = opts->fmr != 0 ? opts->fmr : GROUPS_FMR;
        if (fm_evaluation_at_fmr(w->pairs.comparisons, fmr, &point, &err) != FM_OK) {
            out_library_error(NULL, &err);
            return false;
        }
        w->threshold = point.threshold;
    }
    return groups_compute(w->pairs.groups, w->threshold);
}

static json_t *make_json(const work *w, double seconds)
{
    json_t *object = json_pack("{s:I}", "people", (json_int_t)w->pairs.f.people.count);
    figures_json(object, &w->figures);
    if (w->pairs.groups) {
        json_object_set_new(object, "groups_threshold", out_real(w->threshold));
        json_object_set_new(object, "groups", groups_json(w->pairs.groups));
        json_object_set_new(object, "people_without_attributes",
                            json_integer((json_int_t)w->pairs.groups->unknown));
    }
    figures_json_run(object, &w->pairs.ctx, &w->pairs.f, seconds);
    return object;
}

static char *summary_of(const work *w)
{
    char genuine[32], impostor[32], photos[32], people[32];
    out_count(genuine, sizeof genuine, w->figures.report.genuine);
    out_count(impostor, sizeof impostor, w->figures.report.impostor);
    out_count(photos, sizeof photos, (int64_t)w->pairs.f.count);
    out_count(people, sizeof people, (int64_t)w->pairs.f.people.count);
    return out_format("%s impostor and %s genuine comparisons: all among %s photographs of %s "
                      "people, %zu of them without a face.",
                      impostor, genuine, photos, people, w->pairs.f.undetected);
}

static void print_text(const work *w, const char *summary, double seconds)
{
    out_line("%s", summary);
    figures_print(&w->figures);
    if (w->pairs.groups)
        groups_print(w->pairs.groups, w->threshold);
    out_line("%s, %s, %.1f seconds", w->pairs.ctx.model.name, figures_precision(w->pairs.ctx.opts),
             seconds);
}

static bool write_report(const work *w, const char *summary, const json_t *json)
{
    if (!w->pairs.ctx.opts->report)
        return true;
    report page = {.title = "Verification, every pair compared",
                   .words = w->pairs.ctx.opts->failures ? &REPORT_VERIFICATION_WITH_FAILURES
                                                        : &REPORT_VERIFICATION,
                   .summary = summary,
                   .ctx = &w->pairs.ctx,
                   .f = &w->pairs.f,
                   .comparisons = w->pairs.comparisons,
                   .figures = &w->figures,
                   .worst = &w->pairs.worst,
                   .groups = w->pairs.groups,
                   .groups_threshold = w->threshold};
    return report_write(&page, json);
}

static bool tell(const work *w, double seconds)
{
    char *summary = summary_of(w);
    json_t *json = make_json(w, seconds);
    bool ok = write_report(w, summary, json);
    if (ok && w->pairs.ctx.opts->json)
        out_json(json_incref(json));
    else if (ok)
        print_text(w, summary, seconds);
    json_decref(json);
    free(summary);
    return ok;
}

int cmd_evaluate_all_pairs(const options *opts)
{
    work w = {.pairs = {.ctx = {.opts = opts}}};
    if (!opts->images)
        return options_misuse(opts, "--images is needed");
    if (opts->fmr != 0 && !isnan(opts->threshold))
        return options_misuse(opts, "give --fmr or --threshold, not both");
    if (report_check(opts) != ANSWER_YES)
        return ANSWER_ERROR;
    double started = clock_seconds();
    bool ok = all_pairs_make(&w.pairs, opts) &&
              figures_compute(&w.figures, w.pairs.comparisons, w.pairs.ctx.embedder, 0) &&
              evaluate_groups(&w, opts) && tell(&w, clock_seconds() - started);
    all_pairs_free(&w.pairs);
    return ok ? ANSWER_YES : ANSWER_ERROR;
}
