/* The network as it is now, in evaluation mode: what a saved model would give. */
#include "core/error.h"
#include "core/memory.h"
#include "train/trainer.h"
#include <float.h>
#include <math.h>
#include <string.h>

/* Work on a few photographs at a time. */
typedef struct work {
    fm_trainer *trainer;
    size_t net, group, input_size, dim;
    bool flip;       /* outputs are averaged with those for the mirrored crops */
    float *in;       /* [group][input_size] */
    float *mirrored; /* [group][dim] */
} work;

static void close_work(work *w)
{
    fmi_block_free(w->in);
    fmi_block_free(w->mirrored);
}

static fm_status open_work(work *w, fm_trainer *t, size_t net, fm_error *err)
{
    w->trainer = t;
    w->net = net;
    w->group = (size_t)t->model->manifest.runtime.batch;
    w->input_size = fmi_trainer_input_size(t, net);
    w->dim = fmi_trainer_dim(t);
    w->flip = !t->frozen && !t->liveness && t->members[0].flip;
    w->in = fmi_block_alloc(w->group * w->input_size * sizeof(float));
    w->mirrored = w->flip ? fmi_block_alloc(w->group * w->dim * sizeof(float)) : NULL;
    if (w->in && (w->mirrored || !w->flip))
        return FM_OK;
    close_work(w);
    return fmi_fail_memory(err);
}

static fm_status run_learner(const work *w, size_t n, float *out, fm_error *err)
{
    int64_t shape[4];
    fmi_trainer_input_shape(w->trainer, w->net, n, shape);
    return w->trainer->model->backend->learner_run(w->trainer->learner, w->net, w->in, shape, out,
                                                   err);
}

static fm_status check_finite(fm_trainer *t, const float *values, size_t n, fm_error *err)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)values[i] * values[i];
    return isfinite(sum) ? FM_OK
                         : fmi_fail_explosion(t,
                                              t->liveness ? "a value that the network gives is"
                                                          : "a value of an embedding is",
                                              err);
}

static fm_status run_group(const work *w, const int32_t *photographs, size_t n, float *out,
                           fm_error *err)
{
    fm_status status = FM_OK;
    for (size_t i = 0; i < n && status == FM_OK; i++)
        status = fmi_trainer_input(w->trainer, w->net, photographs[i], NULL,
                                   w->in + i * w->input_size, err);
    if (status == FM_OK)
        status = run_learner(w, n, out, err);
    if (status == FM_OK && w->flip) {
        fmi_planes_mirror(&w->trainer->members[0].input, w->in, n);
        status = run_learner(w, n, w->mirrored, err);
        for (size_t i = 0; i < n * w->dim && status == FM_OK; i++)
            out[i] = (out[i] + w->mirrored[i]) / 2;
    }
    return status == FM_OK ? check_finite(w->trainer, out, n * w->dim, err) : status;
}

fm_status fmi_trainer_embed(fm_trainer *t, size_t net, const int32_t *photographs, size_t n,
                            float *out, fm_error *err)
{
    size_t dim = fmi_trainer_dim(t);
    work w;
    fm_status status = open_work(&w, t, net, err);
    if (status != FM_OK)
        return status;
    for (size_t i = 0; i < n && status == FM_OK; i += w.group)
        status =
            run_group(&w, photographs + i, n - i < w.group ? n - i : w.group, out + i * dim, err);
    close_work(&w);
    if (status == FM_OK && t->manifest.embedding.normalize)
        fmi_normalize_rows(out, n, dim, out);
    return status;
}

/* The largest value of each feature over all photographs trained on. */
static fm_status find_largest(fm_trainer *t, float *features, float *largest, const work *w,
                              fm_error *err)
{
    size_t n = t->sampler.photographs;
    fm_status status = FM_OK;
    for (size_t i = 0; i < n && status == FM_OK; i += w->group) {
        size_t some = n - i < w->group ? n - i : w->group;
        status = run_group(w, t->rows + i, some, features, err);
        for (size_t k = 0; k < some * w->dim && status == FM_OK; k++)
            largest[k % w->dim] = fmaxf(largest[k % w->dim], features[k]);
    }
    return status;
}

fm_status fmi_trainer_scale_features(fm_trainer *t, fm_error *err)
{
    const fmi_backend *backend = t->model->backend;
    size_t dim = fmi_trainer_dim(t);
    float *features, *ones, *largest;
    work w;
    fm_status status;
    if (!t->scales)
        return FM_OK;
    status = open_work(&w, t, 0, err);
    if (status != FM_OK)
        return status;
    features = fmi_block_alloc((w.group + 2) * dim * sizeof *features);
    if (!features) {
        close_work(&w);
        return fmi_fail_memory(err);
    }
    ones = features + w.group * dim;
    largest = ones + dim;
    for (size_t i = 0; i < dim; i++) {
        ones[i] = 1;
        largest[i] = 0;
    }
    t->changed = true;
    status = backend->learner_set_feature_max(t->learner, ones, err);
    if (status == FM_OK)
        status = find_largest(t, features, largest, &w, err);
    for (size_t i = 0; i < dim; i++) /* one that never was above 0 is not divided */
        largest[i] = largest[i] > FLT_EPSILON ? largest[i] : 1;
    if (status == FM_OK)
        status = backend->learner_set_feature_max(t->learner, largest, err);
    fmi_block_free(features);
    close_work(&w);
    return status;
}
