#include <math.h>
#include <stdlib.h>

#include "clock.h"
#include "commands.h"
#include "context.h"
#include "figures.h"
#include "output.h"
#include "pairs.h"
#include "report.h"

typedef struct work {
    context ctx;
    pairs_list list;
    faces f; /* its photographs are those of the list */
    float *scores;
    fm_evaluation *comparisons;
    fm_pairs_report protocol;
    figures figures;
    worst worst;
} work;

static char *photo_path(const work *w, const pairs_photo *photo)
{
    static const char *const ENDINGS[] = {".jpg", ".jpeg", ".png", ".pgm"};
    for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++) {
        char *path = out_format("%s/%s/%s_%04ld%s", w->ctx.opts->images, photo->name, photo->name,
                                photo->number, ENDINGS[i]);
        if (walk_is_file(path))
            return path;
        free(path);
    }
    return out_format("%s/%s/%s_%04ld.jpg", w->ctx.opts->images, photo->name, photo->name,
                      photo->number);
}

/* The list is sorted by names. */
static void add_photos(work *w)
{
    for (size_t i = 0; i < w->list.photo_count; i++) {
        const pairs_photo *photo = &w->list.photos[i];
        faces_add(&w->f, photo_path(w, photo), faces_person(&w->f, photo->name));
    }
}

static bool score_pairs(work *w)
{
    fm_error err = {sizeof err, 0, ""};
    w->scores = out_alloc(w->list.count, sizeof *w->scores);
    for (size_t i = 0; i < w->list.count; i++) {
        size_t a = w->list.first[i], b = w->list.second[i];
        w->scores[i] = NAN;
        if (w->f.photos[a].found && w->f.photos[b].found &&
            fm_compare(w->ctx.embedder, faces_vector(&w->f, a), faces_vector(&w->f, b), w->f.dim,
                       &w->scores[i], &err) != FM_OK) {
            out_library_error(NULL, &err);
            return false;
        }
        worst_offer(&w->worst, w->list.genuine[i], w->scores[i], a, b);
    }
    return true;
}

/* A list may call two photographs of one name strangers, or the reverse: then people say nothing.
 */
static bool people_fit(const work *w, int32_t *first, int32_t *second)
{
    bool fit = true;
    for (size_t i = 0; i < w->list.count; i++) {
        first[i] = w->f.photos[w->list.first[i]].person;
        second[i] = w->f.photos[w->list.second[i]].person;
        fit &= (first[i] == second[i]) == (w->list.genuine[i] != 0);
    }
    return fit;
}

static bool evaluate(work *w)
{
    fm_error err = {sizeof err, 0, ""};
    int32_t *first = out_alloc(w->list.count, sizeof *first);
    int32_t *second = out_alloc(w->list.count, sizeof *second);
    bool fit = people_fit(w, first, second);
    w->protocol.struct_size = sizeof w->protocol;
    w->comparisons = figures_new(w->ctx.opts);
    bool ok = w->comparisons != NULL;
    if (ok && (fm_evaluate_pairs(w->scores, w->list.genuine, w->list.fold, w->list.count, NULL, 0,
                                 NULL, &w->protocol, &err) != FM_OK ||
               fm_evaluation_add(w->comparisons, w->scores, w->list.genuine, fit ? first : NULL,
                                 fit ? second : NULL, w->list.count, &err) != FM_OK)) {
        out_library_error(w->ctx.opts->pairs, &err);
        ok = false;
    }
    free(first);
    free(second);
    return ok && figures_compute(&w->figures, w->comparisons, w->ctx.embedder, 0);
}

static json_t *make_json(const work *w, double seconds)
{
    const fm_pairs_report *r = &w->protocol;
    json_t *tars = json_object();
    for (int i = 0; i < FIGURES_RATES; i++) {
        const figures_point *point = &w->figures.measured[i];
        json_object_set_new(tars, FIGURES_NAMES[i],
                            out_real(point->told ? 1 - point->at.fnmr.value : NAN));
    }
    json_t *object =
        json_pack("{s:I,s:o,s:o,s:o,s:i,s:I,s:o}", "pairs", (json_int_t)r->pairs, "accuracy",
                  out_real(r->accuracy), "accuracy_sem", out_real(r->accuracy_sem), "tar_at_far",
                  tars, "folds", r->folds, "undecided", (json_int_t)r->undecided, "threshold",
                  out_real(r->threshold));
    figures_json(object, &w->figures);
    figures_json_run(object, &w->ctx, &w->f, seconds);
    return object;
}

static void print_text(const work *w, double seconds)
{
    const fm_pairs_report *r = &w->protocol;
    char pairs[32], photos[32], sem[32] = "";
    out_count(pairs, sizeof pairs, r->pairs);
    out_count(photos, sizeof photos, (int64_t)w->f.count);
    out_line("%s pairs in %d fold%s of %s photographs, %zu without a face", pairs, r->folds,
             r->folds == 1 ? "" : "s", photos, w->f.undetected);
    if (!isnan(r->accuracy_sem))
        snprintf(sem, sizeof sem, " +- %.2f", 100 * r->accuracy_sem);
    out_line("accuracy          %.2f%s %%, threshold %.3f", 100 * r->accuracy, sem, r->threshold);
    figures_print(&w->figures);
    out_line("%s, %s, %.1f seconds", w->ctx.model.name, figures_precision(w->ctx.opts), seconds);
}

static bool write_report(const work *w, const json_t *json)
{
    char pairs[32], photos[32];
    if (!w->ctx.opts->report)
        return true;
    out_count(pairs, sizeof pairs, w->protocol.pairs);
    out_count(photos, sizeof photos, (int64_t)w->f.count);
    char *summary =
        out_format("%s labelled pairs of %s photographs in %d folds: accuracy %.2f %% by "
                   "the protocol of LFW's View 2.",
                   pairs, photos, w->protocol.folds, 100 * w->protocol.accuracy);
    report page = {.title = "Verification on labelled pairs",
                   .words = w->ctx.opts->failures ? &REPORT_VERIFICATION_WITH_FAILURES
                                                  : &REPORT_VERIFICATION,
                   .summary = summary,
                   .ctx = &w->ctx,
                   .f = &w->f,
                   .comparisons = w->comparisons,
                   .figures = &w->figures,
                   .worst = &w->worst};
    bool ok = report_write(&page, json);
    free(summary);
    return ok;
}

static void release(work *w)
{
    fm_evaluation_free(w->comparisons);
    free(w->scores);
    faces_free(&w->f);
    pairs_free(&w->list);
    ctx_close(&w->ctx);
}

int cmd_evaluate_pairs(const options *opts)
{
    work w = {.ctx = {.opts = opts}};
    if (!opts->images || !opts->pairs)
        return options_misuse(opts, "--images and --pairs are both needed");
    if (report_check(opts) != ANSWER_YES)
        return ANSWER_ERROR;
    if (!pairs_read(opts->pairs, &w.list))
        return ANSWER_ERROR;
    double started = clock_seconds();
    add_photos(&w);
    bool ok = ctx_open(&w.ctx, opts, NEEDS_EMBEDDER | NEEDS_DETECTOR) &&
              faces_embed(&w.f, &w.ctx) && score_pairs(&w) && evaluate(&w);
    json_t *json = ok ? make_json(&w, clock_seconds() - started) : NULL;
    ok = ok && write_report(&w, json);
    if (ok && opts->json)
        out_json(json_incref(json));
    else if (ok)
        print_text(&w, clock_seconds() - started);
    json_decref(json);
    release(&w);
    return ok ? ANSWER_YES : ANSWER_ERROR;
}
