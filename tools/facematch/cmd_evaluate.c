#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "commands.h"
#include "context.h"
#include "output.h"
#include "pairs.h"
#include "progress.h"
#include "walk.h"

enum { RATES = 2, MAX_THREADS = 256 };
static const double FARS[RATES] = {1e-2, 1e-3};
static const char *const FAR_NAMES[RATES] = {"1e-2", "1e-3"};

/* All photographs, each embedded once, by several threads. */
typedef struct work {
    context ctx;
    pairs_list list;
    float *vectors; /* [photo][dim] */
    bool *found;    /* [photo]: a face was found */
    size_t dim, undetected;
    pthread_mutex_t lock; /* guards what follows, and all output */
    size_t next;
    bool stop;
} work;

typedef struct figures {
    fm_pairs_report report;
    double tars[RATES];
    double seconds;
} figures;

static char *photo_path(const work *w, const pairs_photo *photo)
{
    static const char *const ENDINGS[] = {".jpg", ".jpeg", ".png", ".pgm"};
    char *path = NULL;
    for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++) {
        path = out_format("%s/%s/%s_%04ld%s", w->ctx.opts->images, photo->name, photo->name,
                          photo->number, ENDINGS[i]);
        if (walk_is_file(path))
            return path;
        free(path);
    }
    return out_format("%s/%s/%s_%04ld.jpg", w->ctx.opts->images, photo->name, photo->name,
                      photo->number);
}

static bool take(work *w, size_t *photo)
{
    pthread_mutex_lock(&w->lock);
    bool more = !w->stop && w->next < w->list.photo_count;
    if (more)
        *photo = w->next++;
    pthread_mutex_unlock(&w->lock);
    return more;
}

/* A photograph without a face is counted; one that cannot be read would make the figures wrong,
 * and ends the work. */
static void put(work *w, const char *path, size_t photo, fm_status status, bool loaded,
                const fm_error *err)
{
    pthread_mutex_lock(&w->lock);
    if (status == FM_OK) {
        w->found[photo] = true;
    } else if (status == FM_E_NOT_FOUND && loaded) {
        w->undetected++;
    } else if (!w->stop) {
        w->stop = true;
        out_image_error(path, err);
    }
    bar_step();
    pthread_mutex_unlock(&w->lock);
}

static void embed_photo(work *w, fm_session *session, size_t photo)
{
    fm_error err = {sizeof err, 0, ""};
    fm_image *image = NULL;
    char *path = photo_path(w, &w->list.photos[photo]);
    embedding vector = {.values = w->vectors + photo * w->dim, .dim = w->dim};
    fm_status status = fm_image_load_file(&image, path, NULL, &err);
    bool loaded = status == FM_OK;
    if (loaded)
        status = ctx_embed_image(&w->ctx, session, image, &vector, &err);
    fm_image_free(image);
    put(w, path, photo, status, loaded, &err);
    free(path);
}

static void *run_worker(void *data)
{
    work *w = data;
    size_t photo = 0;
    pthread_mutex_lock(&w->lock);
    fm_session *session = w->stop ? NULL : ctx_session(&w->ctx, 1);
    w->stop |= !session;
    pthread_mutex_unlock(&w->lock);
    while (session && take(w, &photo))
        embed_photo(w, session, photo);
    fm_session_free(session);
    return NULL;
}

static int worker_count(const options *opts)
{
    long cores = opts->threads ? (long)opts->threads : sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > MAX_THREADS ? MAX_THREADS : (int)cores;
}

static bool embed_photos(work *w)
{
    pthread_t threads[MAX_THREADS];
    int wanted = worker_count(w->ctx.opts), started = 0;
    bar_begin("embedding", w->list.photo_count);
    while (started < wanted && pthread_create(&threads[started], NULL, run_worker, w) == 0)
        started++;
    if (started == 0)
        run_worker(w);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    bar_end();
    return !w->stop;
}

static bool score_pairs(const work *w, float *scores)
{
    fm_error err = {sizeof err, 0, ""};
    for (size_t i = 0; i < w->list.count; i++) {
        size_t a = w->list.first[i], b = w->list.second[i];
        scores[i] = NAN;
        if (w->found[a] && w->found[b] &&
            fm_compare(w->ctx.embedder, w->vectors + a * w->dim, w->vectors + b * w->dim, w->dim,
                       &scores[i], &err) != FM_OK) {
            out_library_error(NULL, &err);
            return false;
        }
    }
    return true;
}

static bool evaluate(const work *w, figures *out)
{
    fm_error err = {sizeof err, 0, ""};
    float *scores = out_alloc(w->list.count, sizeof *scores);
    bool ok = score_pairs(w, scores);
    out->report.struct_size = sizeof out->report;
    if (ok && fm_evaluate_pairs(scores, w->list.genuine, w->list.fold, w->list.count, FARS, RATES,
                                out->tars, &out->report, &err) != FM_OK) {
        out_library_error(w->ctx.opts->pairs, &err);
        ok = false;
    }
    free(scores);
    return ok;
}

static const char *precision_name(const options *opts)
{
    return opts->precision == FM_PRECISION_BFLOAT16 ? "bfloat16" : "float32";
}

static void print_json(const work *w, const figures *f)
{
    const fm_pairs_report *r = &f->report;
    json_t *tars = json_object();
    for (int i = 0; i < RATES; i++)
        json_object_set_new(tars, FAR_NAMES[i], out_real(f->tars[i]));
    out_json(json_pack("{s:I,s:o,s:o,s:o,s:o,s:I,s:o,s:i,s:I,s:I,s:I,s:o,s:o,s:I,s:o,s:s,s:b}",
                       "pairs", (json_int_t)r->pairs, "accuracy", out_real(r->accuracy),
                       "accuracy_sem", out_real(r->accuracy_sem), "eer", out_real(r->eer),
                       "tar_at_far", tars, "undetected", (json_int_t)w->undetected, "seconds",
                       out_real(f->seconds), "folds", r->folds, "genuine", (json_int_t)r->genuine,
                       "impostor", (json_int_t)r->impostor, "undecided", (json_int_t)r->undecided,
                       "eer_threshold", out_real(r->eer_threshold), "threshold",
                       out_real(r->threshold), "photographs", (json_int_t)w->list.photo_count,
                       "model", out_text(w->ctx.model.name), "precision",
                       precision_name(w->ctx.opts), "flip", w->ctx.opts->flip));
}

static void print_text(const work *w, const figures *f)
{
    const fm_pairs_report *r = &f->report;
    char pairs[32], photos[32], sem[32] = "";
    out_count(pairs, sizeof pairs, r->pairs);
    out_count(photos, sizeof photos, (int64_t)w->list.photo_count);
    out_line("%s pairs in %d fold%s of %s photographs, %zu without a face", pairs, r->folds,
             r->folds == 1 ? "" : "s", photos, w->undetected);
    if (!isnan(r->accuracy_sem))
        snprintf(sem, sizeof sem, " +- %.2f", 100 * r->accuracy_sem);
    out_line("accuracy          %.2f%s %%, threshold %.3f", 100 * r->accuracy, sem, r->threshold);
    out_line("equal error rate  %.2f %%, threshold %.3f", 100 * r->eer, r->eer_threshold);
    for (int i = 0; i < RATES; i++) {
        if (isnan(f->tars[i]))
            out_line("TAR at FAR %s   too few pairs to tell", FAR_NAMES[i]);
        else
            out_line("TAR at FAR %s   %.2f %%", FAR_NAMES[i], 100 * f->tars[i]);
    }
    out_line("%s, %s, %.1f seconds", w->ctx.model.name, precision_name(w->ctx.opts), f->seconds);
}

static bool reserve(work *w)
{
    w->dim = (size_t)w->ctx.model.dim;
    if (w->list.photo_count > SIZE_MAX / sizeof(float) / w->dim) {
        out_error(NULL, FM_E_LIMIT, "%zu photographs are too many", w->list.photo_count);
        return false;
    }
    w->vectors = out_alloc(w->list.photo_count * w->dim, sizeof(float));
    w->found = out_alloc(w->list.photo_count, sizeof *w->found);
    return true;
}

static void release(work *w)
{
    if (w->vectors)
        explicit_bzero(w->vectors, w->list.photo_count * w->dim * sizeof(float));
    free(w->vectors);
    free(w->found);
    pairs_free(&w->list);
    ctx_close(&w->ctx);
}

int cmd_evaluate_pairs(const options *opts)
{
    work w = {.lock = PTHREAD_MUTEX_INITIALIZER};
    figures f = {.seconds = 0};
    if (!opts->images || !opts->pairs)
        return options_misuse(opts, "--images and --pairs are both needed");
    if (!pairs_read(opts->pairs, &w.list))
        return ANSWER_ERROR;
    double started = clock_seconds();
    bool ok = ctx_open(&w.ctx, opts, NEEDS_EMBEDDER | NEEDS_DETECTOR) && reserve(&w) &&
              embed_photos(&w) && evaluate(&w, &f);
    f.seconds = clock_seconds() - started;
    if (ok && opts->json)
        print_json(&w, &f);
    else if (ok)
        print_text(&w, &f);
    release(&w);
    return ok ? ANSWER_YES : ANSWER_ERROR;
}
