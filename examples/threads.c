/* threads N IMAGE...: count the faces of many photographs with N threads.
 *
 * Models are immutable and shared by all threads; a session belongs to one thread at a time, so
 * each thread has its own. Exit status 0 done, 2 error. */
#include <facematch/facematch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 64, FAILED = 2 };

/* The photographs, from which each thread takes the next one. */
typedef struct work {
    fm_model *detector;
    char **paths;
    int count, next, failed;
    pthread_mutex_t lock;
} work;

static const char *take(work *w)
{
    const char *path = NULL;
    pthread_mutex_lock(&w->lock);
    if (w->next < w->count)
        path = w->paths[w->next++];
    pthread_mutex_unlock(&w->lock);
    return path;
}

static void report_failure(work *w, const char *about, const fm_error *err)
{
    /* A file that cannot be read is named by the library. */
    int named = strncmp(err->message, about, strlen(about)) == 0;
    pthread_mutex_lock(&w->lock);
    fprintf(stderr, "%s%s%s\n", named ? "" : about, named ? "" : ": ", err->message);
    w->failed = 1;
    pthread_mutex_unlock(&w->lock);
}

static fm_status count_faces(fm_session *session, const char *path, fm_error *err)
{
    fm_image *photo = NULL;
    size_t faces = 0;
    fm_status status = fm_image_load_file(&photo, path, NULL, err);
    if (status == FM_OK)
        status = fm_detect(session, photo, NULL, 0, &faces, err);
    if (status == FM_OK)
        printf("%s: %zu\n", path, faces);
    fm_image_free(photo);
    return status;
}

static void *run(void *argument)
{
    work *w = argument;
    fm_error err = {sizeof err, FM_OK, ""}; /* each thread has its own: nothing is global */
    fm_session_options options;
    fm_session *session = NULL;

    fm_session_options_init(&options, sizeof options);
    options.detector = w->detector;
    if (fm_session_create(&session, NULL, &options, &err) != FM_OK) {
        report_failure(w, "session", &err);
        return NULL;
    }
    for (const char *path = take(w); path; path = take(w))
        if (count_faces(session, path, &err) != FM_OK)
            report_failure(w, path, &err);
    fm_session_free(session);
    return NULL;
}

static void run_all(work *w, int threads)
{
    pthread_t ids[MOST_THREADS];
    int started = 0;
    while (started < threads && pthread_create(&ids[started], NULL, run, w) == 0)
        started++;
    if (started == 0)
        run(w);
    while (started > 0)
        pthread_join(ids[--started], NULL);
}

int main(int argc, char **argv)
{
    const char *folder = getenv("FACEMATCH_MODELS") ? getenv("FACEMATCH_MODELS") : "models";
    int threads = argc > 2 ? atoi(argv[1]) : 0;
    fm_error err = {sizeof err, FM_OK, ""};
    work w = {.paths = argv + 2, .count = argc - 2};
    char path[4096];

    if (threads < 1 || threads > MOST_THREADS)
        return fprintf(stderr, "usage: threads N IMAGE... (N up to %d)\n", MOST_THREADS), FAILED;
    snprintf(path, sizeof path, "%s/mtcnn.pt", folder);
    if (fm_model_load(&w.detector, path, NULL, &err) != FM_OK)
        return fprintf(stderr, "%s\n", err.message), FAILED;
    pthread_mutex_init(&w.lock, NULL);
    run_all(&w, threads);
    pthread_mutex_destroy(&w.lock);
    fm_model_free(w.detector);
    return w.failed ? FAILED : 0;
}
