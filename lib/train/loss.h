/* Losses of a batch and their gradients, without a network: what goes in is what it gave.
 *
 * Sums are double, results float32. At a kink the gradient is PyTorch's: 0 for |v| at 0 and for
 * max(v, 0) at 0. A value in x, logits or weights that is not finite makes the loss NaN, with
 * gradients 0 and nothing mined. */
#ifndef FMI_LOSS_H
#define FMI_LOSS_H

#include <facematch/train.h>
#include <stdbool.h>

/* Of one batch. Distances are Euclidean, means over all pairs; NaN where there are none. */
typedef struct fmi_loss_figures {
    double loss;
    int64_t mined;  /* triplets, pairs, or rows that count */
    int64_t active; /* of these: loss above 0 (triplets), decided wrongly (pairs, softmax) */
    double positive_distance, negative_distance;
} fmi_loss_figures;

typedef struct fmi_triplet {
    int32_t anchor, positive, negative; /* rows of the batch */
} fmi_triplet;

typedef struct fmi_triplet_options {
    fm_mining mining;
    fm_reduction reduction;
    float margin;
} fmi_triplet_options;

/* figures.c: what the losses share. Fills all figures as of a batch with nothing in it; false where
 * one of the values is not finite: then with a loss of NaN. */
bool fmi_loss_begin(fmi_loss_figures *figures, const float *values, size_t count);
/* The two mean distances; squared float64[n][n], may be NULL. */
void fmi_loss_distances(const float *x, const int32_t *labels, size_t n, size_t dim,
                        double *squared, fmi_loss_figures *figures);

/* mining.c: the triplets of a batch, in order of anchor, then positive, then negative. Ties: the
 * lowest row. Semi-hard: 0 < negative's - positive's distance <= margin. *out by fmi_alloc, NULL
 * when there are none. distances: float64[n][n], squared. */
fm_status fmi_mine(const double *distances, const int32_t *labels, size_t n, fm_mining mining,
                   float margin, fmi_triplet **out, size_t *count, fm_error *err);

/* triplet.c. x float32[n][dim], as compared: normalised where the model is. gradient
 * float32[n][dim] of the loss by x. Nothing mined: loss 0, gradient 0. */
fm_status fmi_loss_triplet(const fmi_triplet_options *options, const float *x,
                           const int32_t *labels, size_t n, size_t dim, float *gradient,
                           fmi_loss_figures *figures, fm_error *err);

/* softmax.c: mean cross entropy. logits, gradient float32[n][classes]; labels 0..classes-1. Of a
 * liveness network also FMI_CLASS_ATTACK: any but `live`; one class alone is that of a sigmoid. */
enum { FMI_CLASS_ATTACK = -1 };
fm_status fmi_loss_softmax(const float *logits, const int32_t *labels, size_t n, size_t classes,
                           float *gradient, fmi_loss_figures *figures, fm_error *err);
fm_status fmi_loss_liveness(const float *logits, const int32_t *labels, size_t n, size_t classes,
                            int32_t live, float *gradient, fmi_loss_figures *figures,
                            fm_error *err);

/* metric.c: over all pairs i < j of the batch; the mean over genuine pairs and that over impostor
 * pairs count half each (where one kind is missing, the other counts in full).
 *   siamese      p = sigmoid(sum_k w_k |x_k - y_k| + b)
 *   chi-squared  p = sigmoid(b - sum_k w_k (x_k - y_k)^2 / (|x_k| + |y_k|)), 0/0 = 0
 * weights float32[dim + 1], the last one b; weights_gradient float32[dim + 1]. */
fm_status fmi_loss_siamese(const float *x, const int32_t *labels, size_t n, size_t dim,
                           const float *weights, float *gradient, float *weights_gradient,
                           fmi_loss_figures *figures, fm_error *err);
fm_status fmi_loss_chi_squared(const float *x, const int32_t *labels, size_t n, size_t dim,
                               const float *weights, float *gradient, float *weights_gradient,
                               fmi_loss_figures *figures, fm_error *err);

/* normalize.c: unit L2 norm, as the embedder has it, and the gradient back through it: from dy =
 * dL/dy to dL/dx, in place. A vector shorter than what the embedder takes for zero stays, with
 * gradient 0. */
void fmi_normalize_rows(const float *x, size_t n, size_t dim, float *y);
void fmi_normalize_gradient(const float *x, size_t n, size_t dim, float *dy);

#endif
