#include "core/error.h"
#include "core/memory.h"
#include "train/loss.h"
#include <string.h>

/* The loss is a sum of squared distances, each so many times: hence a weight for each pair, and one
 * pass over the pairs for the gradient however many triplets there are. */
typedef struct work {
    double *distances; /* [n][n], squared */
    double *weights;   /* [n][n] */
    double *row;       /* [dim]: the gradient of one row */
} work;

static void close_work(work *w)
{
    fmi_block_free(w->distances);
}

static fm_status open_work(work *w, size_t n, size_t dim, fm_error *err)
{
    size_t square, all;
    if (fmi_mul_overflows(n, n, &square) || square > SIZE_MAX / 4 || dim > SIZE_MAX / 4 ||
        fmi_mul_overflows(2 * square + dim, sizeof(double), &all))
        return fmi_fail_memory(err);
    w->distances = fmi_block_alloc(all);
    if (!w->distances)
        return fmi_fail_memory(err);
    w->weights = w->distances + square;
    w->row = w->weights + square;
    return FM_OK;
}

/* Loss and counts of the triplets, and what each pair weighs in the loss. */
static void weigh(const fmi_triplet_options *options, const fmi_triplet *triplets, size_t count,
                  size_t n, const work *w, fmi_loss_figures *figures)
{
    double share = options->reduction == FM_REDUCTION_MEAN && count > 0 ? 1 / (double)count : 1;
    double sum = 0;
    figures->mined = (int64_t)count;
    for (size_t k = 0; k < count; k++) {
        size_t anchor = (size_t)triplets[k].anchor * n;
        size_t positive = anchor + (size_t)triplets[k].positive;
        size_t negative = anchor + (size_t)triplets[k].negative;
        double loss = w->distances[positive] - w->distances[negative] + (double)options->margin;
        if (!(loss > 0))
            continue;
        sum += loss;
        figures->active++;
        w->weights[positive] += share;
        w->weights[negative] -= share;
    }
    figures->loss = sum * share;
}

static void differentiate(const work *w, const float *x, size_t n, size_t dim, float *gradient)
{
    for (size_t i = 0; i < n; i++) {
        const float *a = x + i * dim;
        memset(w->row, 0, dim * sizeof *w->row);
        for (size_t j = 0; j < n; j++) {
            const float *b = x + j * dim;
            double weight = 2 * (w->weights[i * n + j] + w->weights[j * n + i]);
            if (weight == 0)
                continue;
            for (size_t k = 0; k < dim; k++)
                w->row[k] += weight * ((double)a[k] - b[k]);
        }
        for (size_t k = 0; k < dim; k++)
            gradient[i * dim + k] = (float)w->row[k];
    }
}

fm_status fmi_loss_triplet(const fmi_triplet_options *options, const float *x,
                           const int32_t *labels, size_t n, size_t dim, float *gradient,
                           fmi_loss_figures *figures, fm_error *err)
{
    fmi_loss_figures found;
    fmi_triplet *triplets = NULL;
    size_t count = 0;
    work w = {NULL, NULL, NULL};
    fm_status status;
    if (!fmi_loss_begin(&found, x, n * dim)) {
        memset(gradient, 0, n * dim * sizeof *gradient);
        *figures = found;
        return FM_OK;
    }
    status = open_work(&w, n, dim, err);
    if (status != FM_OK)
        return status;
    fmi_loss_distances(x, labels, n, dim, w.distances, &found);
    status =
        fmi_mine(w.distances, labels, n, options->mining, options->margin, &triplets, &count, err);
    if (status == FM_OK) {
        weigh(options, triplets, count, n, &w, &found);
        differentiate(&w, x, n, dim, gradient);
        *figures = found;
    }
    fmi_free(triplets);
    close_work(&w);
    return status;
}
