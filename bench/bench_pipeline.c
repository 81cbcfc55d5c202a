/* How long from an encoded photograph to its embedding, one thread; and what bfloat16 gains.
 *
 *     bench_pipeline MODELS_FOLDER PHOTO...
 *
 * Prints one JSON object per embedder: the median and 95th percentile in milliseconds of
 * fm_image_load_memory + fm_embed over the photographs (each taken twice, in turn with the other
 * steps, after a warm-up), and per face of a batch of 32 in float32 and bfloat16. */
#include "bench.h"
#include <facematch/facematch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 32, BATCH_RUNS = 15, WARM_UP = 10, ROUNDS = 2, MAX_DIM = 65536 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(double *values, size_t n, double share)
{
    qsort(values, n, sizeof *values, by_value);
    return values[(size_t)(share * (double)(n - 1) + 0.5)];
}

static fm_model *load(const char *folder, const char *name)
{
    fm_error err = {sizeof err, 0, ""};
    fm_model *model = NULL;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.pt", folder, name);
    require(fm_model_load(&model, path, NULL, &err), &err);
    return model;
}

static fm_session *session_of(const fm_model *embedder, const fm_model *detector,
                              fm_precision precision)
{
    fm_error err = {sizeof err, 0, ""};
    fm_session_options options;
    fm_session *session = NULL;
    fm_session_options_init(&options, sizeof options);
    options.detector = detector;
    options.precision = precision;
    options.threads = 1;
    require(fm_session_create(&session, embedder, &options, &err), &err);
    return session;
}

/* Milliseconds of one photograph; `faces` counts those that had a face. */
static double time_photo(fm_session *session, const photo *p, float *embedding, size_t *faces)
{
    fm_error err = {sizeof err, 0, ""};
    fm_image *image = NULL;
    double start = now_ms();
    require(fm_image_load_memory(&image, p->bytes, p->size, NULL, &err), &err);
    fm_status status = fm_embed(session, image, NULL, embedding, MAX_DIM, NULL, NULL, &err);
    double took = now_ms() - start;
    if (status != FM_E_NOT_FOUND)
        require(status, &err);
    *faces += status == FM_OK;
    fm_image_free(image);
    return took;
}

static double time_batch(fm_session *session, const fm_image *const *crops, float *out,
                         size_t out_len)
{
    fm_error err = {sizeof err, 0, ""};
    double start = now_ms();
    require(fm_embed_aligned(session, crops, BATCH, out, out_len, &err), &err);
    return (now_ms() - start) / BATCH;
}

/* Both precisions take turns, so that a machine whose speed drifts treats them alike. */
static void print_batch(const fm_model *model, const fm_image *const *crops, float *out,
                        size_t out_len)
{
    fm_build_info build = {.struct_size = sizeof build};
    fm_error err = {sizeof err, 0, ""};
    double times[2][BATCH_RUNS];
    fm_session *sessions[2] = {NULL, NULL};
    require(fm_build_info_get(&build, &err), &err);
    int precisions = build.bfloat16 ? 2 : 1;
    for (int p = 0; p < precisions; p++) {
        sessions[p] = session_of(model, NULL, p ? FM_PRECISION_BFLOAT16 : FM_PRECISION_FLOAT32);
        time_batch(sessions[p], crops, out, out_len);
    }
    for (int i = 0; i < BATCH_RUNS; i++)
        for (int p = 0; p < precisions; p++)
            times[p][i] = time_batch(sessions[p], crops, out, out_len);
    double quick = 0, full = percentile(times[0], BATCH_RUNS, 0.5);
    printf(", \"batch\": %d, \"batch_float32_ms\": %.3f", BATCH, full);
    if (build.bfloat16) {
        quick = percentile(times[1], BATCH_RUNS, 0.5);
        printf(", \"batch_bfloat16_ms\": %.3f, \"bfloat16_gain\": %.2f", quick, full / quick);
    }
    printf(", \"libtorch\": \"%s\", \"git\": \"%s\"}\n", build.backend_version, build.git_id);
    fm_session_free(sessions[0]);
    fm_session_free(sessions[1]);
}

static void bench(const char *folder, const char *name, const fm_model *detector,
                  const photo *photos, size_t n)
{
    fm_error err = {sizeof err, 0, ""};
    fm_model *model = load(folder, name);
    fm_session *session = session_of(model, detector, FM_PRECISION_FLOAT32);
    float *out = malloc(BATCH * sizeof(float) * MAX_DIM);
    double *times = malloc(n * ROUNDS * sizeof *times);
    fm_image *crop = NULL;
    const fm_image *crops[BATCH];
    size_t faces = 0, done = 0, ignored = 0;
    if (!out || !times)
        exit(2);
    for (size_t i = 0; i < WARM_UP; i++)
        time_photo(session, &photos[i % n], out, &ignored);
    for (size_t i = 0; i < n * ROUNDS; i++)
        times[done++] = time_photo(session, &photos[i % n], out, &faces);
    double median = percentile(times, done, 0.5), p95 = percentile(times, done, 0.95);
    printf("{\"embedder\": \"%s\", \"photographs\": %zu, \"with_face\": %zu, \"threads\": 1, "
           "\"median_ms\": %.3f, \"p95_ms\": %.3f",
           name, n, faces / ROUNDS, median, p95);
    fm_image *image = NULL;
    require(fm_image_load_memory(&image, photos[0].bytes, photos[0].size, NULL, &err), &err);
    require(fm_align(session, image, NULL, &crop, &err), &err);
    for (int i = 0; i < BATCH; i++)
        crops[i] = crop;
    print_batch(model, crops, out, (size_t)BATCH * MAX_DIM);
    fm_image_free(crop);
    fm_image_free(image);
    free(times);
    free(out);
    fm_session_free(session);
    fm_model_free(model);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: bench_pipeline MODELS_FOLDER PHOTO...\n");
        return 2;
    }
    size_t n = (size_t)argc - 2;
    photo *photos = malloc(n * sizeof *photos);
    if (!photos)
        return 2;
    for (size_t i = 0; i < n; i++)
        photos[i] = read_photo(argv[i + 2]);
    fm_model *detector = load(argv[1], "mtcnn");
    bench(argv[1], "fast", detector, photos, n);
    bench(argv[1], "default", detector, photos, n);
    bench(argv[1], "accurate", detector, photos, n);
    bench(argv[1], "dlib-resnet-v1", detector, photos, n);
    fm_model_free(detector);
    for (size_t i = 0; i < n; i++)
        free(photos[i].bytes);
    free(photos);
    return 0;
}
