/* Losses of the metrics that have weights to learn. */
#include "core/error.h"
#include "core/memory.h"
#include "train/loss.h"
#include <math.h>
#include <string.h>

/* One term of the sum without its weight and sign, and its derivatives by a and b. */
typedef struct term {
    double value, by_a, by_b;
} term;

typedef term (*term_fn)(double a, double b);

/* What is learned, and how its value in the exponent begins. */
typedef struct kind {
    term_fn term;
    double sign;
} kind;

/* One batch at work; the sums are in one block. */
typedef struct batch {
    const kind *kind;
    const float *x, *weights;
    const int32_t *labels;
    size_t n, dim;
    double share[2];      /* of an impostor pair, of a genuine one */
    double *sums;         /* [n][dim] */
    double *weights_sums; /* [dim + 1] */
    fmi_loss_figures figures;
} batch;

static double sign_of(double v)
{
    return (v > 0) - (v < 0);
}

static term absolute_difference(double a, double b)
{
    double s = sign_of(a - b);
    return (term){fabs(a - b), s, -s};
}

static term chi_squared(double a, double b)
{
    double s = fabs(a) + fabs(b), q; /* q: -1..1 */
    if (s == 0)
        return (term){0, 0, 0};
    q = (a - b) / s;
    return (term){(a - b) * q, 2 * q - q * q * sign_of(a), -2 * q - q * q * sign_of(b)};
}

static double pair_logit(const batch *b, const float *x, const float *y)
{
    double sum = 0;
    for (size_t k = 0; k < b->dim; k++)
        sum += (double)b->weights[k] * b->kind->term((double)x[k], (double)y[k]).value;
    return (double)b->weights[b->dim] + b->kind->sign * sum;
}

/* by: the derivative of the batch's loss by the pair's logit. */
static void differentiate_pair(batch *b, size_t i, size_t j, double by)
{
    const float *x = b->x + i * b->dim, *y = b->x + j * b->dim;
    double *to_x = b->sums + i * b->dim, *to_y = b->sums + j * b->dim;
    for (size_t k = 0; k < b->dim; k++) {
        term t = b->kind->term((double)x[k], (double)y[k]);
        double weight = by * b->kind->sign * (double)b->weights[k];
        to_x[k] += weight * t.by_a;
        to_y[k] += weight * t.by_b;
        b->weights_sums[k] += by * b->kind->sign * t.value;
    }
    b->weights_sums[b->dim] += by;
}

/* Binary cross entropy of the logit: log(1 + exp(z)) - z where genuine, without overflow. */
static void add_pair(batch *b, size_t i, size_t j)
{
    bool genuine = b->labels[i] == b->labels[j];
    double z = pair_logit(b, b->x + i * b->dim, b->x + j * b->dim), e = exp(-fabs(z));
    double p = z >= 0 ? 1 / (1 + e) : e / (1 + e);
    b->figures.loss += b->share[genuine] * ((z > 0 ? z : 0) + log1p(e) - (genuine ? z : 0));
    b->figures.mined++;
    b->figures.active += (z > 0) != genuine;
    differentiate_pair(b, i, j, b->share[genuine] * (p - genuine));
}

static void share_out(batch *b)
{
    double count[2] = {0, 0};
    for (size_t i = 0; i < b->n; i++)
        for (size_t j = i + 1; j < b->n; j++)
            count[b->labels[i] == b->labels[j]]++;
    for (size_t k = 0; k < 2; k++)
        b->share[k] = count[k] > 0 ? (count[1 - k] > 0 ? 0.5 : 1) / count[k] : 0;
}

static void add_pairs(batch *b, float *gradient, float *weights_gradient)
{
    share_out(b);
    for (size_t i = 0; i < b->n; i++)
        for (size_t j = i + 1; j < b->n; j++)
            add_pair(b, i, j);
    for (size_t i = 0; i < b->n * b->dim; i++)
        gradient[i] = (float)b->sums[i];
    for (size_t k = 0; k <= b->dim; k++)
        weights_gradient[k] = (float)b->weights_sums[k];
}

static fm_status loss_of_metric(batch *b, float *gradient, float *weights_gradient,
                                fmi_loss_figures *figures, fm_error *err)
{
    size_t values = b->n * b->dim, sums = values + b->dim + 1, size;
    if (!fmi_loss_begin(&b->figures, b->weights, b->dim + 1) ||
        !fmi_loss_begin(&b->figures, b->x, values)) {
        memset(gradient, 0, values * sizeof *gradient);
        memset(weights_gradient, 0, (b->dim + 1) * sizeof *weights_gradient);
        *figures = b->figures;
        return FM_OK;
    }
    b->sums = fmi_mul_overflows(sums, sizeof(double), &size) ? NULL : fmi_block_alloc(size);
    if (!b->sums)
        return fmi_fail_memory(err);
    b->weights_sums = b->sums + values;
    fmi_loss_distances(b->x, b->labels, b->n, b->dim, NULL, &b->figures);
    add_pairs(b, gradient, weights_gradient);
    *figures = b->figures;
    fmi_block_free(b->sums);
    return FM_OK;
}

fm_status fmi_loss_siamese(const float *x, const int32_t *labels, size_t n, size_t dim,
                           const float *weights, float *gradient, float *weights_gradient,
                           fmi_loss_figures *figures, fm_error *err)
{
    static const kind siamese = {absolute_difference, 1};
    batch b = {.kind = &siamese, .x = x, .labels = labels, .n = n, .dim = dim, .weights = weights};
    return loss_of_metric(&b, gradient, weights_gradient, figures, err);
}

fm_status fmi_loss_chi_squared(const float *x, const int32_t *labels, size_t n, size_t dim,
                               const float *weights, float *gradient, float *weights_gradient,
                               fmi_loss_figures *figures, fm_error *err)
{
    static const kind chi = {chi_squared, -1};
    batch b = {.kind = &chi, .x = x, .labels = labels, .n = n, .dim = dim, .weights = weights};
    return loss_of_metric(&b, gradient, weights_gradient, figures, err);
}
