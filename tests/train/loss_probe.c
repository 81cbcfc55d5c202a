/* Computes losses for test_losses.py. Batches come on stdin one behind the other, in this machine's
 * byte order: a request, float32 x[n][dim], int32 labels[n], for siamese and chi-squared float32
 * weights[dim + 1]. Each answer on stdout: int64 count, float64 loss, mined, active,
 * positive_distance, negative_distance, int32 triplets[count][3], float32 gradient[n][dim], and the
 * weights' [dim + 1]. Exit status 1, with a message, when something is wrong. */
#include "core/memory.h"
#include "train/loss.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct request {
    int32_t loss; /* fm_loss */
    int32_t n, dim;
    int32_t normalize; /* 1: x is normalised, and the gradient is that by x before */
    int32_t mining, reduction;
    float margin;
} request;

typedef struct answer {
    fmi_loss_figures figures;
    fmi_triplet *triplets;
    size_t count;
    float *gradient, *weights_gradient;
} answer;

static void die(const char *text)
{
    fprintf(stderr, "loss_probe: %s\n", text);
    exit(1);
}

static void *need(size_t count, size_t size)
{
    void *block = fmi_calloc(count, size);
    if (!block)
        die("out of memory");
    return block;
}

static void read_all(void *to, size_t size)
{
    if (fread(to, 1, size, stdin) != size)
        die("the request ends too early");
}

static void write_all(const void *from, size_t size)
{
    if (fwrite(from, 1, size, stdout) != size)
        die("the answer cannot be written");
}

static fm_status triplet(const request *r, const float *x, const int32_t *labels, answer *a,
                         fm_error *err)
{
    size_t n = (size_t)r->n, dim = (size_t)r->dim;
    fmi_triplet_options options = {r->mining, r->reduction, r->margin};
    double *distances = need(n * n, sizeof *distances);
    fmi_loss_figures unused;
    fm_status status;
    fmi_loss_distances(x, labels, n, dim, distances, &unused);
    status = fmi_mine(distances, labels, n, r->mining, r->margin, &a->triplets, &a->count, err);
    fmi_free(distances);
    if (status != FM_OK)
        return status;
    return fmi_loss_triplet(&options, x, labels, n, dim, a->gradient, &a->figures, err);
}

static fm_status loss(const request *r, const float *x, const int32_t *labels, const float *weights,
                      answer *a, fm_error *err)
{
    size_t n = (size_t)r->n, dim = (size_t)r->dim;
    switch (r->loss) {
    case FM_LOSS_TRIPLET:
        return triplet(r, x, labels, a, err);
    case FM_LOSS_SOFTMAX:
        return fmi_loss_softmax(x, labels, n, dim, a->gradient, &a->figures, err);
    case FM_LOSS_SIAMESE:
        return fmi_loss_siamese(x, labels, n, dim, weights, a->gradient, a->weights_gradient,
                                &a->figures, err);
    default:
        return fmi_loss_chi_squared(x, labels, n, dim, weights, a->gradient, a->weights_gradient,
                                    &a->figures, err);
    }
}

static void write_answer(const answer *a, size_t values, size_t weights)
{
    int64_t count = (int64_t)a->count;
    double figures[] = {a->figures.loss, (double)a->figures.mined, (double)a->figures.active,
                        a->figures.positive_distance, a->figures.negative_distance};
    write_all(&count, sizeof count);
    write_all(figures, sizeof figures);
    if (a->count > 0)
        write_all(a->triplets, a->count * sizeof *a->triplets);
    write_all(a->gradient, values * sizeof(float));
    write_all(a->weights_gradient, weights * sizeof(float));
}

static void serve(const request *r)
{
    size_t n = (size_t)r->n, dim = (size_t)r->dim, values = n * dim;
    size_t weights = r->loss >= FM_LOSS_SIAMESE ? dim + 1 : 0;
    float *raw = need(values, sizeof *raw), *x = need(values, sizeof *x);
    float *w = need(weights, sizeof *w);
    int32_t *labels = need(n, sizeof *labels);
    fm_error err = {sizeof err, FM_OK, ""};
    answer a;
    memset(&a, 0, sizeof a);
    a.gradient = need(values, sizeof *a.gradient);
    a.weights_gradient = need(weights, sizeof *a.weights_gradient);
    read_all(raw, values * sizeof *raw);
    read_all(labels, n * sizeof *labels);
    read_all(w, weights * sizeof *w);
    memcpy(x, raw, values * sizeof *x);
    if (r->normalize)
        fmi_normalize_rows(raw, n, dim, x);
    if (loss(r, x, labels, w, &a, &err) != FM_OK)
        die(err.message);
    if (r->normalize)
        fmi_normalize_gradient(raw, n, dim, a.gradient);
    write_answer(&a, values, weights);
    fmi_free(raw);
    fmi_free(x);
    fmi_free(w);
    fmi_free(labels);
    fmi_free(a.triplets);
    fmi_free(a.gradient);
    fmi_free(a.weights_gradient);
}

int main(void)
{
    request r;
    while (fread(&r, sizeof r, 1, stdin) == 1) {
        if (r.n < 0 || r.dim < 1 || r.n > 4096 || r.dim > 4096)
            die("the request makes no sense");
        serve(&r);
    }
    return fflush(stdout) == 0 && fmi_memory_live_blocks() == 0 ? 0 : 1;
}
