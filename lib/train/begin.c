/* Before the first epoch, and before anything that needs the learner as it was. */
#include "core/error.h"
#include "core/memory.h"
#include "train/trainer.h"
#include <math.h>
#include <string.h>

static void give_labels(fmi_photographs *p)
{
    int32_t label = 0;
    for (size_t i = 0; i < p->people_count; i++)
        p->people[i].label = p->people[i].photographs[0] > 0 ? label++ : -1;
}

static bool any_with_two(const fmi_photographs *p, int role)
{
    for (size_t i = 0; i < p->people_count; i++)
        if (p->people[i].photographs[role] > 1)
            return true;
    return false;
}

static fm_status check_photographs(const fm_trainer *t, fm_error *err)
{
    const fmi_photographs *p = &t->photographs;
    if (t->liveness)
        return fmi_frames_check(t, err);
    if (p->people_of[0] < 2)
        return fmi_fail(err, FM_E_STATE,
                        "there are photographs of %zu %s to train on: at least two are needed",
                        p->people_of[0], p->people_of[0] == 1 ? "person" : "people");
    if (t->options.loss != FM_LOSS_SOFTMAX && !any_with_two(p, 0))
        return fmi_fail(err, FM_E_STATE,
                        "no one to train on has two photographs: there is no pair of one person");
    if (p->count_of[1] > 0 && (p->people_of[1] < 2 || !any_with_two(p, 1)))
        return fmi_fail(err, FM_E_STATE,
                        "the people left out must be two or more, and one of them must have two "
                        "photographs: else there is nothing to compare");
    if (p->count_of[1] > 1 && (p->count_of[1] - 1) / 2 > FM_LIMIT_COMPARISONS / p->count_of[1])
        return fmi_fail(err, FM_E_STATE,
                        "%zu photographs of people left out make more than %d comparisons",
                        p->count_of[1], FM_LIMIT_COMPARISONS);
    return FM_OK;
}

/* Photographs in order of labels, then those left out; `first` tells where people begin. */
static void order_photographs(fm_trainer *t, size_t *first, int32_t *rows)
{
    const fmi_photographs *p = &t->photographs;
    size_t people = p->people_of[0], out = p->count_of[0];
    memset(first, 0, (people + 2) * sizeof *first);
    for (size_t i = 0; i < p->people_count; i++)
        if (p->people[i].label >= 0)
            first[p->people[i].label + 2] = p->people[i].photographs[0];
    for (size_t k = 2; k <= people + 1; k++)
        first[k] += first[k - 1];
    for (size_t i = 0; i < p->count; i++) { /* moves first[k + 1] to where k + 1 begins */
        const fmi_photograph *photograph = &p->of[i];
        size_t at = photograph->role == FM_ROLE_TRAIN
                        ? first[p->people[photograph->person].label + 1]++
                        : out++;
        rows[at] = (int32_t)i;
    }
}

static fmi_sampler sampler_of(const fm_trainer *t)
{
    fmi_sampler sampler;
    sampler.seed = t->options.seed;
    sampler.people = t->photographs.people_of[0];
    sampler.photographs = t->photographs.count_of[0];
    sampler.first = t->first;
    sampler.people_per_batch = (size_t)t->options.people_per_batch;
    sampler.photographs_per_person = (size_t)t->options.photographs_per_person;
    sampler.shuffled = t->options.loss == FM_LOSS_SOFTMAX;
    return sampler;
}

static fm_status make_sampler(fm_trainer *t, fm_error *err)
{
    const fmi_photographs *p = &t->photographs;
    size_t *first = fmi_alloc_array(p->people_of[0] + 2, sizeof *first);
    int32_t *rows = fmi_alloc_array(p->count, sizeof *rows);
    if (!first || !rows) {
        fmi_free(first);
        fmi_free(rows);
        return fmi_fail_memory(err);
    }
    order_photographs(t, first, rows);
    fmi_free(t->first);
    fmi_free(t->rows);
    t->first = first;
    t->rows = rows;
    t->left_out = rows + p->count_of[0];
    t->sampler = sampler_of(t);
    return FM_OK;
}

int32_t fmi_trainer_steps(const fm_trainer *t)
{
    fmi_sampler sampler = sampler_of(t);
    if (t->options.steps_per_epoch > 0)
        return t->options.steps_per_epoch;
    return sampler.people > 0 ? (int32_t)fmi_sampler_steps(&sampler) : 0;
}

fm_status fmi_trainer_prepare(fm_trainer *t, fm_error *err)
{
    bool of_people = t->options.loss == FM_LOSS_SOFTMAX && !t->liveness;
    int32_t classes = of_people ? (int32_t)t->photographs.people_of[0] : 0;
    fm_status status = check_photographs(t, err);
    if (status != FM_OK)
        return status;
    give_labels(&t->photographs);
    status = make_sampler(t, err);
    if (status != FM_OK)
        return status;
    status = fmi_trainer_outputs(t, err);
    return status == FM_OK ? fmi_trainer_learner(t, classes, err) : status;
}

/* The learner's state, as one that can be gone back to. */
static fm_status keep(fm_trainer *t, fm_error *err)
{
    fmi_snapshot own = {NULL, 0};
    fm_status status = t->model->backend->learner_state(t->learner, &own.bytes, &own.size, err);
    if (status != FM_OK)
        return status;
    fmi_free(t->last.bytes);
    t->last = own;
    t->changed = false;
    return FM_OK;
}

fm_status fmi_trainer_begin(fm_trainer *t, fm_error *err)
{
    fmi_validation found;
    fm_status status = fmi_watch_photographs(t, err);
    if (status == FM_OK)
        status = fmi_trainer_prepare(t, err);
    if (status == FM_OK)
        status = fmi_learned_begin(t, err);
    if (status == FM_OK)
        status = fmi_validate_figures(t, &found, err);
    if (status == FM_OK)
        status = keep(t, err);
    if (status != FM_OK)
        return status;
    t->run.first_eer = t->run.eer = t->run.best_eer = found.eer;
    t->run.first_validation_loss = t->run.validation_loss = t->run.best_validation_loss =
        found.loss;
    t->started = true;
    return FM_OK;
}

fm_status fmi_trainer_settle(fm_trainer *t, fm_error *err)
{
    fm_status status;
    if (!t->changed || !t->last.bytes)
        return FM_OK;
    status = t->model->backend->learner_restore(t->learner, t->last.bytes, t->last.size, err);
    if (status == FM_OK)
        t->changed = false;
    return status;
}
