/* How many photographs a second the library identifies, decoded from memory, on several threads:
 * what a service can at best do.
 *
 *     bench_identify MODELS_FOLDER THREADS SECONDS PHOTO...
 *
 * The gallery has the first photograph's face alone. Prints one JSON object. */
#include "bench.h"
#include <facematch/facematch.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_THREADS = 64, MATCHES = 10 };

static struct {
    fm_model *embedder, *detector;
    fm_gallery *gallery;
    photo *photos;
    size_t photo_count;
    double end_ms;
    atomic_long answered;
} bench;

static fm_session *open_session(void)
{
    fm_error err = {.struct_size = sizeof err};
    fm_session_options options;
    fm_session *session = NULL;
    fm_session_options_init(&options, sizeof options);
    options.detector = bench.detector;
    require(fm_session_create(&session, bench.embedder, &options, &err), &err);
    return session;
}

static void identify(fm_session *session, const photo *p)
{
    fm_error err = {.struct_size = sizeof err};
    fm_match matches[MATCHES];
    size_t count = 0;
    fm_image *image = NULL;
    require(fm_image_load_memory(&image, p->bytes, p->size, NULL, &err), &err);
    require(fm_identify(bench.gallery, session, image, NULL, matches, MATCHES, &count, NULL, &err),
            &err);
    fm_image_free(image);
}

static void *work(void *first)
{
    fm_session *session = open_session();
    for (size_t i = *(size_t *)first; now_ms() < bench.end_ms; i++) {
        identify(session, &bench.photos[i % bench.photo_count]);
        atomic_fetch_add(&bench.answered, 1);
    }
    fm_session_free(session);
    return NULL;
}

static void load_model(fm_model **out, const char *folder, const char *name)
{
    fm_error err = {.struct_size = sizeof err};
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.pt", folder, name);
    require(fm_model_load(out, path, NULL, &err), &err);
}

static void open_gallery(const char *path)
{
    fm_error err = {.struct_size = sizeof err};
    fm_image *image = NULL;
    fm_session *session = open_session();
    require(fm_gallery_open(&bench.gallery, path, bench.embedder, NULL, &err), &err);
    require(fm_image_load_memory(&image, bench.photos[0].bytes, bench.photos[0].size, NULL, &err),
            &err);
    require(fm_gallery_enroll(bench.gallery, session, "first", image, NULL, NULL, &err), &err);
    fm_image_free(image);
    fm_session_free(session);
}

static void run(size_t threads, double seconds)
{
    pthread_t running[MOST_THREADS];
    size_t first[MOST_THREADS];
    double begin = now_ms(), taken;
    bench.end_ms = begin + 1e3 * seconds;
    for (size_t i = 0; i < threads; i++) {
        first[i] = i;
        if (pthread_create(&running[i], NULL, work, &first[i]) != 0)
            exit(2);
    }
    for (size_t i = 0; i < threads; i++)
        pthread_join(running[i], NULL);
    taken = (now_ms() - begin) / 1e3;
    printf("{\"threads\": %zu, \"photographs\": %ld, \"seconds\": %.2f, \"per_second\": %.2f}\n",
           threads, atomic_load(&bench.answered), taken,
           (double)atomic_load(&bench.answered) / taken);
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/facematch-bench-XXXXXX", path[64];
    long threads = argc > 4 ? strtol(argv[2], NULL, 10) : 0;
    if (threads < 1 || threads > MOST_THREADS || !mkdtemp(folder)) {
        fprintf(stderr, "usage: bench_identify MODELS_FOLDER THREADS SECONDS PHOTO...\n");
        return 2;
    }
    bench.photo_count = (size_t)argc - 4;
    bench.photos = calloc(bench.photo_count, sizeof *bench.photos);
    if (!bench.photos)
        return 2;
    for (size_t i = 0; i < bench.photo_count; i++)
        bench.photos[i] = read_photo(argv[4 + i]);
    load_model(&bench.embedder, argv[1], "default");
    load_model(&bench.detector, argv[1], "mtcnn");
    snprintf(path, sizeof path, "%s/people.fmg", folder);
    open_gallery(path);
    run((size_t)threads, strtod(argv[3], NULL));
    fm_gallery_close(bench.gallery);
    fm_model_free(bench.embedder);
    fm_model_free(bench.detector);
    unlink(path);
    rmdir(folder);
    return 0;
}
