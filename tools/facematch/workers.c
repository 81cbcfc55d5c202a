#include "workers.h"

#include <pthread.h>
#include <unistd.h>

#include "output.h"
#include "progress.h"

enum { MAX_THREADS = 256 };

typedef struct work {
    const context *ctx;
    const workload *load;
    pthread_mutex_t lock; /* guards what follows, and all output */
    size_t next;
    bool stop;
} work;

static bool take(work *w, size_t *i)
{
    pthread_mutex_lock(&w->lock);
    bool more = !w->stop && w->next < w->load->count;
    if (more)
        *i = w->next++;
    pthread_mutex_unlock(&w->lock);
    return more;
}

static void put(work *w, size_t i, fm_status status, const fm_error *err)
{
    pthread_mutex_lock(&w->lock);
    if (status != FM_OK && !w->stop) {
        w->stop = true;
        out_image_error(w->load->path(w->load->data, i), err);
    }
    bar_step();
    pthread_mutex_unlock(&w->lock);
}

static void *run_worker(void *data)
{
    work *w = data;
    size_t i = 0;
    pthread_mutex_lock(&w->lock);
    fm_session *session = w->stop ? NULL : ctx_session(w->ctx, 1);
    w->stop |= !session;
    pthread_mutex_unlock(&w->lock);
    while (session && take(w, &i)) {
        fm_error err = {sizeof err, 0, ""};
        put(w, i, w->load->one(w->load->data, session, i, &err), &err);
    }
    fm_session_free(session);
    return NULL;
}

static int worker_count(const options *opts)
{
    long cores = opts->threads ? (long)opts->threads : sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > MAX_THREADS ? MAX_THREADS : (int)cores;
}

bool workers_run(const context *ctx, const workload *load)
{
    pthread_t threads[MAX_THREADS];
    int wanted = worker_count(ctx->opts), started = 0;
    work w = {.ctx = ctx, .load = load, .lock = PTHREAD_MUTEX_INITIALIZER};
    if (load->count == 0)
        return true;
    bar_begin(load->label, load->count);
    while (started < wanted && pthread_create(&threads[started], NULL, run_worker, &w) == 0)
        started++;
    if (started == 0)
        run_worker(&w);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    bar_end();
    return !w.stop;
}
