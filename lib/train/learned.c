/* A metric that is learned: weights w_k = weight (1 + d_k) and b = bias (1 + d / sqrt(dim)), where
 * d are the learner's extra parameters. They begin at 0, so that the first epoch begins with the
 * plain distance, and a decay of them pulls to equal weights. The root makes one step of b do about
 * as much as one of all weights. */
#include "core/error.h"
#include "core/memory.h"
#include "train/trainer.h"
#include <float.h>
#include <math.h>

enum { BATCHES_MOST = 32 }; /* that the beginning is measured on */

static const double SURE = 2; /* what goes into the sigmoid for a usual pair: 0.88 */

typedef struct measure {
    double sum[2]; /* of the distances of impostor and genuine pairs */
    double count[2];
} measure;

static double distance(const fm_trainer *t, const float *a, const float *b, size_t dim)
{
    double sum = 0;
    for (size_t k = 0; k < dim; k++) {
        double d = fabs((double)a[k] - b[k]), s = fabs((double)a[k]) + fabs((double)b[k]);
        if (t->options.loss == FM_LOSS_SIAMESE)
            sum += d;
        else if (s > 0)
            sum += d * d / s;
    }
    return sum;
}

static void measure_batch(const fm_trainer *t, const float *x, const int32_t *labels, size_t n,
                          measure *m)
{
    size_t dim = fmi_trainer_dim(t);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            bool genuine = labels[i] == labels[j];
            m->sum[genuine] += distance(t, x + i * dim, x + j * dim, dim);
            m->count[genuine]++;
        }
}

/* On batches of an epoch that never comes. */
static fm_status measure_all(fm_trainer *t, float *x, int32_t *rows, int32_t *labels,
                             int32_t *scratch, measure *m, fm_error *err)
{
    size_t n = fmi_sampler_rows(&t->sampler), steps = fmi_sampler_steps(&t->sampler);
    fm_status status = FM_OK;
    for (size_t step = 0; step < steps && step < BATCHES_MOST && status == FM_OK; step++) {
        fmi_sampler_draw(&t->sampler, 0, step, rows, labels, scratch);
        for (size_t i = 0; i < n; i++)
            rows[i] = t->rows[rows[i]];
        status = fmi_trainer_embed(t, 0, rows, n, x, err);
        if (status == FM_OK)
            measure_batch(t, x, labels, n, m);
    }
    return status;
}

/* The middle between genuine and impostor pairs is where the sigmoid is at one half. */
static void begin_with(fm_trainer *t, const measure *m)
{
    double genuine = m->count[1] > 0 ? m->sum[1] / m->count[1] : 0;
    double impostor = m->count[0] > 0 ? m->sum[0] / m->count[0] : 0;
    double apart = impostor - genuine, middle = (impostor + genuine) / 2;
    double slope = 2 * SURE / fmax(apart, fmax(0.1 * middle, 1e-6));
    t->run.weight = t->options.loss == FM_LOSS_SIAMESE ? -slope : slope;
    t->run.bias = slope * fmax(middle, 1e-6);
}

fm_status fmi_learned_begin(fm_trainer *t, fm_error *err)
{
    size_t n = fmi_sampler_rows(&t->sampler), dim = fmi_trainer_dim(t);
    float *x;
    int32_t *rows;
    measure m = {{0}, {0}};
    fm_status status;
    if (!t->learned)
        return FM_OK;
    x = fmi_block_alloc(n * dim * sizeof *x);
    rows = fmi_alloc_array(2 * n + t->sampler.photographs, sizeof *rows);
    status =
        x && rows ? measure_all(t, x, rows, rows + n, rows + 2 * n, &m, err) : fmi_fail_memory(err);
    if (status == FM_OK)
        begin_with(t, &m);
    fmi_block_free(x);
    fmi_free(rows);
    return status;
}

static double bias_step(const fm_trainer *t)
{
    return t->run.bias / sqrt((double)fmi_trainer_dim(t));
}

void fmi_learned_gradient(const fm_trainer *t, float *gradient)
{
    size_t dim = fmi_trainer_dim(t);
    for (size_t k = 0; k < dim; k++)
        gradient[k] *= (float)t->run.weight;
    gradient[dim] *= (float)bias_step(t);
}

fm_status fmi_learned_update(fm_trainer *t, fm_error *err)
{
    size_t dim = fmi_trainer_dim(t);
    fm_status status;
    if (!t->learned)
        return FM_OK;
    status = t->model->backend->learner_extra(t->learner, t->weights, err);
    for (size_t k = 0; k < dim && status == FM_OK; k++)
        t->weights[k] = (float)(t->run.weight * (1 + (double)t->weights[k]));
    if (status == FM_OK)
        t->weights[dim] = (float)(t->run.bias + bias_step(t) * (double)t->weights[dim]);
    for (size_t k = 0; k <= dim && status == FM_OK; k++)
        if (!isfinite(t->weights[k]))
            status = fmi_fail_explosion(t, "a weight of the metric is", err);
    t->manifest.metric_bias = t->weights[dim];
    return status;
}
