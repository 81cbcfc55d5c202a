/* Open-set identification (ISO/IEC 19795-1, clause on open-set figures): FPIR, the share of
 * strangers who are given a name, and FNIR, the share of known people who are not found first. As
 * comparisons: a stranger's is that with whom they look most like; a known person's is that with
 * themselves, and one that fails where somebody else comes first. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "commands.h"
#include "figures.h"
#include "output.h"
#include "progress.h"
#include "report.h"

enum { RANKS = 50 };

/* The photographs of the gallery come first, then those of the known, then the strangers'. */
typedef struct work {
    context ctx;
    faces f;
    size_t gallery_end, known_end; /* photographs */
    size_t enrolled;               /* people of the gallery */
    float *best;                   /* [person of the gallery]: of one search */
    size_t *best_photo;
    int64_t found_at[RANKS], known; /* searches of the known */
    double cmc[RANKS];
    size_t ranks;
    fm_evaluation *searches;
    worst worst;
    figures figures;
} work;

static bool read_folders(work *w, const options *opts)
{
    if (!faces_read_folder(&w->f, opts->gallery_images, NULL))
        return false;
    w->gallery_end = w->f.count;
    w->enrolled = w->f.people.count;
    names_add(&w->f.people, out_format("%s", "")); /* whoever comes next is somebody new */
    if (!faces_read_folder(&w->f, opts->known, NULL))
        return false;
    w->known_end = w->f.count;
    names_add(&w->f.people, out_format("%s", ""));
    return faces_read_folder(&w->f, opts->strangers, NULL);
}

/* The place in the gallery of a name; SIZE_MAX: not enrolled. */
static size_t enrolled_as(const work *w, const char *name)
{
    const names enrolled = {.items = w->f.people.items, .count = w->enrolled};
    return names_find(&enrolled, name);
}

static bool check_people(const work *w)
{
    for (size_t i = w->gallery_end; i < w->f.count; i++) {
        const char *name = w->f.people.items[w->f.photos[i].person];
        bool known = i < w->known_end, is_enrolled = enrolled_as(w, name) != SIZE_MAX;
        if (known == is_enrolled)
            continue;
        out_error(NULL, FM_E_INVALID_ARGUMENT,
                  known ? "%s is known, but has no folder in the gallery"
                        : "%s is a stranger, but in the gallery",
                  name);
        return false;
    }
    return true;
}

/* Everybody's best score for a photograph; -INFINITY without a template. */
static bool search(work *w, size_t probe)
{
    fm_error err = {sizeof err, 0, ""};
    for (size_t i = 0; i < w->enrolled; i++)
        w->best[i] = -INFINITY;
    for (size_t i = 0; i < w->gallery_end; i++) {
        size_t person = (size_t)w->f.photos[i].person;
        float score = 0;
        if (!w->f.photos[i].found)
            continue;
        if (fm_compare(w->ctx.embedder, faces_vector(&w->f, probe), faces_vector(&w->f, i),
                       w->f.dim, &score, &err) != FM_OK) {
            out_library_error(NULL, &err);
            return false;
        }
        if (score > w->best[person]) {
            w->best[person] = score;
            w->best_photo[person] = i;
        }
    }
    return true;
}

static bool add(work *w, float score, bool genuine, size_t first, size_t second)
{
    fm_error err = {sizeof err, 0, ""};
    int32_t a = (int32_t)first, b = (int32_t)second;
    uint8_t kind = genuine;
    if (fm_evaluation_add(w->searches, &score, &kind, &a, &b, 1, &err) == FM_OK)
        return true;
    out_library_error(NULL, &err);
    return false;
}

static bool add_known(work *w, size_t probe, size_t self)
{
    size_t rank = 0;
    float own = w->f.photos[probe].found ? w->best[self] : -INFINITY;
    bool scored = isfinite(own);
    for (size_t i = 0; i < w->enrolled && scored; i++)
        rank += w->best[i] > own;
    w->known++;
    if (scored && rank < RANKS)
        w->found_at[rank]++;
    if (scored)
        worst_offer(&w->worst, true, own, probe, w->best_photo[self]);
    return add(w, scored && rank == 0 ? own : NAN, true, self, self);
}

static bool add_stranger(work *w, size_t probe)
{
    size_t most = 0;
    bool found = w->f.photos[probe].found;
    for (size_t i = 1; i < w->enrolled && found; i++)
        if (w->best[i] > w->best[most])
            most = i;
    bool scored = found && isfinite(w->best[most]);
    if (scored)
        worst_offer(&w->worst, false, w->best[most], probe, w->best_photo[most]);
    return add(w, scored ? w->best[most] : NAN, false, (size_t)w->f.photos[probe].person, most);
}

static bool search_all(work *w)
{
    bool ok = true;
    w->best = out_alloc(w->enrolled, sizeof *w->best);
    w->best_photo = out_alloc(w->enrolled, sizeof *w->best_photo);
    bar_begin("searching", w->f.count - w->gallery_end);
    for (size_t i = w->gallery_end; i < w->f.count && ok; i++) {
        const face_photo *photo = &w->f.photos[i];
        bar_step();
        if (!photo->found && !w->ctx.opts->failures)
            continue;
        ok = !photo->found || search(w, i);
        if (ok && i < w->known_end)
            ok = add_known(w, i, enrolled_as(w, w->f.people.items[photo->person]));
        else if (ok)
            ok = add_stranger(w, i);
    }
    bar_end();
    return ok;
}

/* A miss by rank is no comparison without a face: it always counts. */
static fm_evaluation *new_searches(void)
{
    fm_error err = {sizeof err, 0, ""};
    fm_evaluation *e = NULL;
    fm_evaluation_options settings;
    fm_evaluation_options_init(&settings, sizeof settings);
    settings.failures = FM_FAILURES_COUNT;
    if (fm_evaluation_new(&e, &settings, &err) != FM_OK)
        out_library_error(NULL, &err);
    return e;
}

static void sum_ranks(work *w)
{
    int64_t found = 0;
    w->ranks = w->enrolled < RANKS ? w->enrolled : RANKS;
    for (size_t i = 0; i < w->ranks; i++) {
        found += w->found_at[i];
        w->cmc[i] = w->known ? (double)found / (double)w->known : NAN;
    }
}

static json_t *make_json(const work *w, double seconds)
{
    json_t *ranks = json_array();
    for (size_t i = 0; i < w->ranks; i++)
        json_array_append_new(ranks, out_real(w->cmc[i]));
    json_t *object =
        json_pack("{s:I,s:I,s:I,s:o,s:o,s:o,s:o}", "enrolled", (json_int_t)w->enrolled, "known",
                  (json_int_t)w->known, "strangers", (json_int_t)w->figures.report.impostor,
                  "rank_1", out_real(w->cmc[0]), "cmc", ranks, "operating_points",
                  figures_points_json(w->figures.measured, "fpir", "fnir"), "calibrated_points",
                  figures_points_json(w->figures.calibrated, "fpir", "fnir"));
    figures_json_run(object, &w->ctx, &w->f, seconds);
    return object;
}

static void print_text(const work *w, const char *summary, double seconds)
{
    out_line("%s", summary);
    out_line("rank 1            %.2f %%, rank 5 %.2f %%", 100 * w->cmc[0],
             100 * w->cmc[w->ranks > 4 ? 4 : w->ranks - 1]);
    figures_print_points(&w->figures, "FPIR", "FNIR");
    out_line("%s, %s, %.1f seconds", w->ctx.model.name, figures_precision(w->ctx.opts), seconds);
}

static bool tell(const work *w, double seconds)
{
    char enrolled[32], known[32], strangers[32];
    out_count(enrolled, sizeof enrolled, (int64_t)w->enrolled);
    out_count(known, sizeof known, w->known);
    out_count(strangers, sizeof strangers, w->figures.report.impostor);
    char *summary = out_format("%s people enrolled by %zu photographs; searched for %s other "
                               "photographs of them and %s of strangers.",
                               enrolled, w->gallery_end, known, strangers);
    json_t *json = make_json(w, seconds);
    report page = {.title = "Open-set identification",
                   .summary = summary,
                   .ctx = &w->ctx,
                   .f = &w->f,
                   .comparisons = w->searches,
                   .figures = &w->figures,
                   .worst = &w->worst,
                   .words = &REPORT_IDENTIFICATION,
                   .cmc = w->cmc,
                   .ranks = w->ranks};
    bool ok = !w->ctx.opts->report || report_write(&page, json);
    if (ok && w->ctx.opts->json)
        out_json(json_incref(json));
    else if (ok)
        print_text(w, summary, seconds);
    json_decref(json);
    free(summary);
    return ok;
}

static void release(work *w)
{
    fm_evaluation_free(w->searches);
    free(w->best);
    free(w->best_photo);
    faces_free(&w->f);
    ctx_close(&w->ctx);
}

int cmd_evaluate_identify(const options *opts)
{
    work w = {.ctx = {.opts = opts}};
    if (!opts->gallery_images || !opts->known || !opts->strangers)
        return options_misuse(opts, "--gallery-images, --known and --strangers are all needed");
    if (report_check(opts) != ANSWER_YES)
        return ANSWER_ERROR;
    double started = clock_seconds();
    bool ok = read_folders(&w, opts) && check_people(&w) && (w.searches = new_searches()) &&
              ctx_open(&w.ctx, opts, NEEDS_EMBEDDER | NEEDS_DETECTOR) &&
              faces_embed(&w.f, &w.ctx) && search_all(&w);
    if (ok)
        sum_ranks(&w);
    ok = ok && figures_compute(&w.figures, w.searches, w.ctx.embedder, w.enrolled) &&
         tell(&w, clock_seconds() - started);
    release(&w);
    return ok ? ANSWER_YES : ANSWER_ERROR;
}
