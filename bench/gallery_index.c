/* The index of a gallery for bench/gallery.py: what fm_gallery_search runs once the store has been
 * asked whether somebody else has written, without the file and the model of a gallery. */
#include "gallery/index/index_exact.h"
#include <facematch/embed.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

typedef struct bench_index {
    fmi_manifest manifest;
    fmi_index *index;
    fmi_hit *hits;
    size_t rows;
} bench_index;

EXPORT void bench_index_free(bench_index *b);
EXPORT bench_index *bench_index_new(int32_t metric, int32_t dim, int32_t threads, int32_t kind);
EXPORT int bench_index_add(bench_index *b, const float *vectors, size_t n);
EXPORT int bench_index_search(bench_index *b, const float *queries, size_t n, size_t k,
                              int64_t *rows, float *scores);
EXPORT size_t bench_index_scanned(const bench_index *b);
EXPORT const char *bench_index_kernel(void);
EXPORT int bench_index_settle(bench_index *b);
EXPORT int bench_index_search_near(bench_index *b, const float *queries, size_t n, size_t k,
                                   int64_t *rows, float *scores);
EXPORT double bench_index_recall(bench_index *b, size_t samples, size_t k);
EXPORT double bench_read(const unsigned char *bytes, size_t size);

void bench_index_free(bench_index *b)
{
    if (!b)
        return;
    fmi_index_free(b->index);
    free(b->hits);
    free(b);
}

bench_index *bench_index_new(int32_t metric, int32_t dim, int32_t threads, int32_t kind)
{
    const fmi_index_config config = {.threads = threads, .kind = kind};
    bench_index *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->manifest.metric = metric;
    b->manifest.embedding.dim = dim;
    b->hits = calloc((size_t)FM_LIMIT_BATCH * 16, sizeof *b->hits);
    if (b->hits && fmi_index_new(&b->index, &b->manifest, &config, NULL) == FM_OK)
        return b;
    bench_index_free(b);
    return NULL;
}

/* Every vector a person of its own; ids in the order of the rows. */
int bench_index_add(bench_index *b, const float *vectors, size_t n)
{
    fm_status status = FM_OK;
    for (size_t i = 0; i < n && status == FM_OK; i++, b->rows++) {
        char id[24];
        int64_t no = (int64_t)b->rows + 1;
        snprintf(id, sizeof id, "%010zu", b->rows);
        status = fmi_index_add_identity(b->index, no, id, NULL);
        if (status == FM_OK)
            status = fmi_index_add_template(b->index, no, no,
                                            vectors + i * (size_t)b->manifest.embedding.dim, NULL);
    }
    return (int)status;
}

typedef fm_status (*search_fn)(const fmi_index *index, const float *queries, size_t n,
                               float threshold, size_t k, fmi_hit *hits, size_t *counts,
                               fm_error *err);

/* rows[n][k], scores[n][k]; k up to 16, n up to FM_LIMIT_BATCH. No threshold: k are always found.
 */
static int search(bench_index *b, search_fn how, const float *queries, size_t n, size_t k,
                  int64_t *rows, float *scores)
{
    size_t counts[FM_LIMIT_BATCH];
    fm_status status = how(b->index, queries, n, -3e38f, k, b->hits, counts, NULL);
    for (size_t i = 0; i < n * k && status == FM_OK; i++) {
        rows[i] = i % k < counts[i / k] ? b->hits[i].template_id - 1 : -1;
        scores[i] = b->hits[i].score;
    }
    return (int)status;
}

int bench_index_search(bench_index *b, const float *queries, size_t n, size_t k, int64_t *rows,
                       float *scores)
{
    return search(b, fmi_index_search, queries, n, k, rows, scores);
}

/* --- approximate search, for hnsw.py --- */

int bench_index_settle(bench_index *b)
{
    return (int)fmi_index_settle(b->index, NULL);
}

int bench_index_search_near(bench_index *b, const float *queries, size_t n, size_t k, int64_t *rows,
                            float *scores)
{
    return search(b, fmi_index_search_near, queries, n, k, rows, scores);
}

/* As fm_gallery_recall tells it; -1 on failure. */
double bench_index_recall(bench_index *b, size_t samples, size_t k)
{
    double recall = -1;
    return fmi_index_recall(b->index, samples, k, &recall, NULL) == FM_OK ? recall : -1;
}

/* --- what a scan reads --- */

/* Bytes that the first look of a search reads. */
size_t bench_index_scanned(const bench_index *b)
{
    return (b->rows + FMI_SCAN_ROWS - 1) / FMI_SCAN_ROWS * b->index->form.group_bytes;
}

const char *bench_index_kernel(void)
{
    const char *name = "";
    fmi_scan_kernel_number(0, &name);
    return name;
}

/* Seconds that reading the bytes once takes, and nothing else. */
double bench_read(const unsigned char *bytes, size_t size)
{
    struct timespec before, after;
    volatile uint64_t sink;
    uint64_t sum[8] = {0};
    clock_gettime(CLOCK_MONOTONIC, &before);
    for (size_t i = 0; i + 64 <= size; i += 64)
        for (size_t j = 0; j < 8; j++) {
            uint64_t word;
            memcpy(&word, bytes + i + 8 * j, 8);
            sum[j] += word;
        }
    sink = sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
    (void)sink;
    clock_gettime(CLOCK_MONOTONIC, &after);
    return (double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec);
}
