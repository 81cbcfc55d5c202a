#include <stdlib.h>

#include "clock.h"
#include "commands.h"
#include "liveness.h"
#include "output.h"
#include "pad_figures.h"
#include "report.h"

typedef struct work {
    context ctx;
    pad_set set;
    pad_figures figures;
} work;

/* With folds the model's own thresholds are not asked for: it need not have any. */
static fm_liveness_options lines_of(const options *opts)
{
    fm_liveness_options lines = liveness_lines(opts);
    if (opts->folds) {
        lines.use_thresholds = 1;
        lines.live_score = lines.spoof_score = 0.5f;
    }
    return lines;
}

static char *summary_of(const work *w)
{
    char photos[32], live[32], attacks[32];
    out_count(photos, sizeof photos, (int64_t)w->set.count);
    out_count(live, sizeof live, (int64_t)w->figures.kinds[PAD_LIVE].count);
    out_count(attacks, sizeof attacks, (int64_t)(w->set.count - w->figures.kinds[PAD_LIVE].count));
    char *people = w->set.with_people ? out_format(" of %zu people", w->set.people.count)
                                      : out_format("%s", "");
    char *text = out_format("%s photographs%s: %s of live faces and %s of attacks, %zu of them "
                            "without a face.",
                            photos, people, live, attacks, w->figures.undetected);
    free(people);
    return text;
}

static json_t *make_json(const work *w, double seconds)
{
    json_t *object = pad_figures_json(&w->figures, &w->set);
    json_object_set_new(object, "seconds", out_real(seconds));
    json_object_set_new(object, "model", out_text(w->ctx.model.name));
    return object;
}

static bool write_report(work *w, const char *summary, const json_t *json)
{
    report page = {.title = "Presentation attack detection",
                   .words = &REPORT_PAD,
                   .summary = summary,
                   .ctx = &w->ctx,
                   .pad = &w->set,
                   .pad_figures = &w->figures,
                   .comparisons = w->figures.comparisons,
                   .figures = &w->figures.scores,
                   .worst = &w->figures.worst};
    return !w->ctx.opts->report || report_write(&page, json);
}

static bool tell(work *w, double seconds)
{
    char *summary = summary_of(w);
    json_t *json = make_json(w, seconds);
    bool ok = write_report(w, summary, json);
    if (ok && w->ctx.opts->json) {
        out_json(json_incref(json));
    } else if (ok) {
        out_line("%s", summary);
        pad_figures_print(&w->figures, &w->set);
        out_line("%s, %.1f seconds", w->ctx.model.name, seconds);
    }
    json_decref(json);
    free(summary);
    return ok;
}

int cmd_evaluate_pad(const options *opts)
{
    work w = {.ctx = {.opts = opts}};
    if (!opts->images || !opts->labels)
        return options_misuse(opts, "--images and --labels are both needed");
    if (liveness_check(opts) != ANSWER_YES || report_check(opts) != ANSWER_YES)
        return ANSWER_ERROR;
    double started = clock_seconds();
    fm_liveness_options lines = lines_of(opts);
    bool ok = pad_read(&w.set, opts->labels, opts->images, opts->folds > 0) &&
              pad_check_folds(&w.set, opts->labels, opts->folds) &&
              ctx_open(&w.ctx, opts, NEEDS_DETECTOR | NEEDS_LIVENESS) &&
              pad_look(&w.set, &w.ctx, &lines) && pad_figures_compute(&w.figures, &w.set, opts) &&
              tell(&w, clock_seconds() - started);
    pad_figures_free(&w.figures);
    pad_free(&w.set);
    ctx_close(&w.ctx);
    return ok ? ANSWER_YES : ANSWER_ERROR;
}
