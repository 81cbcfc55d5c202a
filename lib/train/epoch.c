/* One epoch: batches through the network, the loss, its gradient back, a step of the optimiser. */
#include "core/error.h"
#include "core/memory.h"
#include "train/trainer.h"
#include <math.h>
#include <string.h>

enum { VARY = 4 }; /* purpose of random numbers; sampler.c has the first ones */

/* What a step works on. */
typedef struct bench {
    fm_trainer *trainer;
    size_t rows, dim, classes;
    size_t input_size; /* of the network with the largest */
    float *in;         /* [rows][input_size] */
    float *features;   /* [rows][dim] */
    float *x;          /* as compared: features, brought to unit length if the model does */
    float *gradient;   /* by x, then by features */
    float *logits;     /* [rows][classes] */
    float *logits_gradient;
    float *weights_gradient; /* [dim + 1] */
    float *block;            /* all of these */
    int32_t *photographs, *labels, *scratch;
} bench;

static void close_bench(bench *b)
{
    fmi_block_free(b->block);
    fmi_free(b->photographs);
}

static float *cut(float **rest, size_t n)
{
    float *piece = *rest;
    *rest += n;
    return piece;
}

static size_t largest_input(const fm_trainer *t)
{
    size_t most = 0;
    for (size_t net = 0; net < t->nets; net++) {
        size_t size = fmi_trainer_input_size(t, net);
        most = size > most ? size : most;
    }
    return most;
}

static fm_status open_bench(bench *b, fm_trainer *t, fm_error *err)
{
    size_t n = fmi_sampler_rows(&t->sampler);
    float *rest;
    memset(b, 0, sizeof *b);
    b->trainer = t;
    b->rows = n;
    b->dim = fmi_trainer_dim(t);
    b->input_size = largest_input(t);
    b->classes = (size_t)t->classes;
    b->block = fmi_block_alloc((n * (b->input_size + 3 * b->dim + 2 * b->classes) + b->dim + 1) *
                               sizeof(float));
    b->photographs = fmi_alloc_array(2 * n + t->sampler.photographs, sizeof(int32_t));
    if (!b->block || !b->photographs) {
        close_bench(b);
        return fmi_fail_memory(err);
    }
    rest = b->block;
    b->in = cut(&rest, n * b->input_size);
    b->features = cut(&rest, n * b->dim);
    b->x = cut(&rest, n * b->dim);
    b->gradient = cut(&rest, n * b->dim);
    b->logits = cut(&rest, n * b->classes);
    b->logits_gradient = cut(&rest, n * b->classes);
    b->weights_gradient = cut(&rest, b->dim + 1);
    b->labels = b->photographs + n;
    b->scratch = b->labels + n;
    return FM_OK;
}

static void draw_batch(bench *b, int32_t epoch, uint64_t step)
{
    fm_trainer *t = b->trainer;
    fmi_sampler_draw(&t->sampler, (uint64_t)epoch, step, b->photographs, b->labels, b->scratch);
    for (size_t i = 0; i < b->rows; i++) {
        b->photographs[i] = t->rows[b->photographs[i]];
        if (t->liveness)
            b->labels[i] = t->photographs.of[b->photographs[i]].label;
    }
}

/* All networks see a photograph varied in the same way. */
static fm_status fill_batch(bench *b, size_t net, uint64_t at, fm_error *err)
{
    fm_trainer *t = b->trainer;
    size_t size = fmi_trainer_input_size(t, net);
    fm_status status = FM_OK;
    for (size_t i = 0; i < b->rows && status == FM_OK; i++) {
        fmi_random random = fmi_random_at(t->options.seed, VARY, at, i);
        status = fmi_trainer_input(t, net, b->photographs[i], &random, b->in + i * size, err);
    }
    return status;
}

static fm_status run_forward(bench *b, size_t net, uint64_t at, fmi_run *run, fm_error *err)
{
    fm_trainer *t = b->trainer;
    int64_t shape[4];
    fm_status status;
    fmi_trainer_input_shape(t, net, b->rows, shape);
    status = t->model->backend->learner_forward(t->learner, net, at, b->in, shape, b->features,
                                                b->classes ? b->logits : NULL, err);
    if (status == FM_OK)
        status = fmi_watch_features(t, b->features, b->rows, run, err);
    if (status != FM_OK)
        return status;
    if (t->manifest.embedding.normalize)
        fmi_normalize_rows(b->features, b->rows, b->dim, b->x);
    else
        memcpy(b->x, b->features, b->rows * b->dim * sizeof *b->x);
    return FM_OK;
}

static fm_status compute_loss(bench *b, fmi_loss_figures *figures, fm_error *err)
{
    fm_trainer *t = b->trainer;
    const fmi_triplet_options triplets = {t->options.mining, t->options.reduction,
                                          t->options.margin};
    fm_status status;
    if (t->liveness)
        return fmi_loss_liveness(b->features, b->labels, b->rows, b->dim, t->manifest.liveness.live,
                                 b->gradient, figures, err);
    switch (t->options.loss) {
    case FM_LOSS_TRIPLET:
        return fmi_loss_triplet(&triplets, b->x, b->labels, b->rows, b->dim, b->gradient, figures,
                                err);
    case FM_LOSS_SOFTMAX:
        status = fmi_loss_softmax(b->logits, b->labels, b->rows, b->classes, b->logits_gradient,
                                  figures, err);
        fmi_loss_distances(b->x, b->labels, b->rows, b->dim, NULL, figures);
        return status;
    case FM_LOSS_SIAMESE:
        return fmi_loss_siamese(b->x, b->labels, b->rows, b->dim, t->weights, b->gradient,
                                b->weights_gradient, figures, err);
    default:
        return fmi_loss_chi_squared(b->x, b->labels, b->rows, b->dim, t->weights, b->gradient,
                                    b->weights_gradient, figures, err);
    }
}

/* Back to what the learner knows: features before they were normalised, and its own parameters. */
static fm_status step_back(bench *b, double rate, fm_error *err)
{
    fm_trainer *t = b->trainer;
    bool softmax = t->options.loss == FM_LOSS_SOFTMAX && !t->liveness;
    if (!softmax && t->manifest.embedding.normalize)
        fmi_normalize_gradient(b->features, b->rows, b->dim, b->gradient);
    if (t->learned)
        fmi_learned_gradient(t, b->weights_gradient);
    t->changed = true;
    return t->model->backend->learner_step(t->learner, softmax ? NULL : b->gradient,
                                           softmax ? b->logits_gradient : NULL,
                                           t->learned ? b->weights_gradient : NULL, rate, err);
}

/* Sums over the steps of an epoch. */
typedef struct tally {
    double loss, mean_loss, active, distance[2];
    int64_t distances[2], active_count;
} tally;

static void add_distance(tally *sums, int kind, double distance)
{
    if (isnan(distance))
        return;
    sums->distance[kind] += distance;
    sums->distances[kind]++;
}

static double share(const fmi_loss_figures *figures)
{
    return figures->mined > 0 ? (double)figures->active / (double)figures->mined : 0;
}

static void add(tally *sums, const fm_trainer *t, const fmi_loss_figures *figures)
{
    sums->loss += figures->loss;
    sums->mean_loss += fmi_mean_loss(t, figures);
    sums->active += share(figures);
    sums->active_count += figures->active;
    add_distance(sums, 0, figures->positive_distance);
    add_distance(sums, 1, figures->negative_distance);
}

static fm_status step_net(bench *b, size_t net, uint64_t at, fmi_run *run,
                          fmi_loss_figures *figures, fm_error *err)
{
    fm_status status = fill_batch(b, net, at, err);
    if (status == FM_OK)
        status = fmi_learned_update(b->trainer, err);
    if (status == FM_OK)
        status = run_forward(b, net, at, run, err);
    if (status == FM_OK)
        status = compute_loss(b, figures, err);
    if (status == FM_OK)
        status = fmi_watch_step(b->trainer, figures, run, err);
    return status == FM_OK ? step_back(b, run->rate, err) : status;
}

/* Of several networks, figures of all: the mean loss, and what counts together. */
static fm_status one_step(bench *b, int32_t step, int32_t steps, fmi_run *run,
                          fmi_loss_figures *figures, fm_error *err)
{
    uint64_t at = (uint64_t)(run->epoch - 1) * (uint64_t)steps + (uint64_t)step;
    size_t nets = b->trainer->nets;
    fm_status status;
    draw_batch(b, run->epoch, (uint64_t)step);
    status = step_net(b, 0, at, run, figures, err);
    for (size_t net = 1; net < nets && status == FM_OK; net++) {
        fmi_loss_figures one;
        status = step_net(b, net, at, run, &one, err);
        if (status != FM_OK)
            return status;
        figures->loss += one.loss;
        figures->mined += one.mined;
        figures->active += one.active;
    }
    figures->loss /= (double)nets;
    if (status == FM_OK && isnan(run->first_loss))
        run->first_loss = figures->loss;
    return status;
}

static fm_status report(const bench *b, const fmi_run *run, int32_t step, int32_t steps,
                        const fmi_loss_figures *figures, fm_training_fn progress, void *user,
                        fm_error *err)
{
    fm_training_step told;
    if (!progress)
        return FM_OK;
    told.epoch = run->epoch;
    told.epochs = b->trainer->options.epochs;
    told.step = step + 1;
    told.steps = steps;
    told.loss = figures->loss;
    told.active = share(figures);
    told.positive_distance = figures->positive_distance;
    told.negative_distance = figures->negative_distance;
    if (progress(user, &told) == 0)
        return FM_OK;
    return fmi_fail(err, FM_E_CANCELED, "canceled in epoch %d", (int)run->epoch);
}

static fm_status run_steps(bench *b, fmi_run *run, fm_training_fn progress, void *user,
                           fmi_epoch_figures *out, fm_error *err)
{
    int32_t steps = fmi_trainer_steps(b->trainer);
    tally sums;
    fm_status status = FM_OK;
    memset(&sums, 0, sizeof sums);
    for (int32_t step = 0; step < steps && status == FM_OK; step++) {
        fmi_loss_figures figures;
        status = one_step(b, step, steps, run, &figures, err);
        if (status != FM_OK)
            return status;
        add(&sums, b->trainer, &figures);
        status = report(b, run, step, steps, &figures, progress, user, err);
    }
    run->loss = sums.loss / steps;
    run->active = sums.active / steps;
    run->positive_distance = sums.distances[0] ? sums.distance[0] / (double)sums.distances[0] : NAN;
    run->negative_distance = sums.distances[1] ? sums.distance[1] / (double)sums.distances[1] : NAN;
    out->mean_loss = sums.mean_loss / steps;
    out->active = sums.active_count;
    return status;
}

/* Is the epoch better than all before? Without people left out the last one counts. A liveness
 * model may well make no error at all: then by its loss. */
static bool is_best(const fm_trainer *t, const fmi_run *run)
{
    if (t->photographs.count_of[1] == 0)
        return true;
    if (run->eer == run->best_eer && t->liveness)
        return run->validation_loss < run->best_validation_loss;
    return !isnan(run->eer) && !(run->eer >= run->best_eer);
}

static void judge(const fm_trainer *t, fmi_run *run)
{
    if (is_best(t, run)) {
        run->best_eer = run->eer;
        run->best_validation_loss = run->validation_loss;
        run->best_epoch = run->epoch;
        run->idle = 0;
    } else {
        run->idle++;
    }
    run->finished = run->epoch == t->options.epochs ||
                    (t->options.patience > 0 && run->idle >= t->options.patience);
}

static void replace(fmi_snapshot *snapshot, fmi_snapshot by)
{
    fmi_free(snapshot->bytes);
    *snapshot = by;
}

/* After this the epoch counts; nothing in it fails after the state was taken. */
static fm_status keep(fm_trainer *t, const fmi_run *run, fm_error *err)
{
    fmi_snapshot own = {NULL, 0};
    fm_status status = t->model->backend->learner_state(t->learner, &own.bytes, &own.size, err);
    if (status != FM_OK)
        return status;
    if (run->best_epoch != run->epoch && !t->best.bytes) {
        t->best = t->last;
        t->last = own;
    } else {
        replace(&t->last, own);
    }
    if (run->best_epoch == run->epoch)
        replace(&t->best, (fmi_snapshot){NULL, 0});
    t->run = *run;
    t->changed = false;
    return FM_OK;
}

static fm_status run_epoch(fm_trainer *t, fm_training_fn progress, void *user, fm_error *err)
{
    fmi_run run = t->run;
    fmi_epoch_figures figures = {0, 0};
    fmi_validation found;
    bench b;
    fm_status status = open_bench(&b, t, err);
    if (status != FM_OK)
        return status;
    run.epoch++;
    run.rate = fmi_schedule_rate(&t->options, run.epoch);
    status = run_steps(&b, &run, progress, user, &figures, err);
    close_bench(&b);
    if (status == FM_OK)
        status = fmi_validate_figures(t, &found, err);
    if (status != FM_OK)
        return status;
    run.eer = found.eer;
    run.validation_loss = found.loss;
    judge(t, &run);
    status = fmi_watch_epoch(t, &figures, found.alike, &run, err);
    return status == FM_OK ? keep(t, &run, err) : status;
}

fm_status fmi_trainer_epoch(fm_trainer *t, fm_training_fn progress, void *user, fm_error *err)
{
    fm_status status = FM_OK;
    if (t->failed)
        return fmi_fail(err, FM_E_STATE, "training has failed");
    if (t->run.finished)
        return fmi_fail(err, FM_E_STATE, "training is finished after %d epochs", (int)t->run.epoch);
    if (!t->started)
        status = fmi_trainer_begin(t, err);
    if (status == FM_OK)
        status = fmi_trainer_settle(t, err);
    return status == FM_OK ? run_epoch(t, progress, user, err) : status;
}
