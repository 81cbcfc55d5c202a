/* Photographs that seem to be of another person than they are said to be. */
#include "core/error.h"
#include "core/memory.h"
#include "train/trainer.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FEWEST = 3, MESSAGE_MAX = 5120 };

typedef struct check {
    fm_trainer *trainer;
    size_t n, dim;
    float *x;       /* [n][dim] */
    double *sums;   /* [people]: of a photograph's distances to theirs */
    int32_t *order; /* [n] */
} check;

static void close_check(check *c)
{
    fmi_block_free(c->x);
    fmi_free(c->sums);
    fmi_free(c->order);
}

static fm_status open_check(check *c, fm_trainer *t, fm_error *err)
{
    c->trainer = t;
    c->n = t->photographs.count;
    c->dim = fmi_trainer_dim(t);
    c->x = fmi_block_alloc(c->n * c->dim * sizeof *c->x);
    c->sums = fmi_alloc_array(t->photographs.people_count, sizeof *c->sums);
    c->order = fmi_alloc_array(c->n, sizeof *c->order);
    if (c->x && c->sums && c->order)
        return FM_OK;
    close_check(c);
    return fmi_fail_memory(err);
}

/* So many were looked at, or compared. */
static fm_status tell_progress(const check *c, size_t done, fm_error *err)
{
    const fm_trainer_options *o = &c->trainer->options;
    if (!o->on_check || o->on_check(o->user, (int64_t)done, (int64_t)c->n) == 0)
        return FM_OK;
    return fmi_fail(err, FM_E_CANCELED, "canceled while photographs were checked");
}

/* By as many as the network takes at once, to tell how far it is in between. */
static fm_status embed(const check *c, fm_error *err)
{
    size_t batch = (size_t)c->trainer->model->manifest.runtime.batch;
    fm_status status = FM_OK;
    for (size_t i = 0; i < c->n; i++)
        c->order[i] = (int32_t)i;
    for (size_t i = 0; i < c->n && status == FM_OK; i += batch) {
        size_t some = c->n - i < batch ? c->n - i : batch;
        status = fmi_trainer_embed(c->trainer, 0, c->order + i, some, c->x + i * c->dim, err);
        if (status == FM_OK)
            status = tell_progress(c, i + some, err);
    }
    if (status == FM_OK && c->trainer->manifest.metric == FM_METRIC_COSINE)
        fmi_normalize_rows(c->x, c->n, c->dim, c->x); /* what is compared is the direction */
    return status;
}

static double distance(const check *c, size_t i, size_t j)
{
    double sum = 0;
    for (size_t k = 0; k < c->dim; k++) {
        double d = (double)c->x[i * c->dim + k] - c->x[j * c->dim + k];
        sum += d * d;
    }
    return sqrt(sum);
}

static size_t photographs_of(const fmi_person *person)
{
    return person->photographs[0] + person->photographs[1];
}

/* Who else is nearest to the photograph; *mean: how near. */
static const fmi_person *nearest(const check *c, size_t i, double *mean)
{
    const fmi_photographs *p = &c->trainer->photographs;
    const fmi_person *best = NULL;
    memset(c->sums, 0, p->people_count * sizeof *c->sums);
    for (size_t j = 0; j < c->n; j++)
        if (j != i)
            c->sums[p->of[j].person] += distance(c, i, j);
    for (size_t k = 0; k < p->people_count; k++) {
        size_t count = photographs_of(&p->people[k]);
        if ((int32_t)k == p->of[i].person || count == 0)
            continue;
        if (!best || c->sums[k] / (double)count < *mean) {
            best = &p->people[k];
            *mean = c->sums[k] / (double)count;
        }
    }
    return best;
}

static bool suspect(const check *c, size_t i, const fmi_person **other)
{
    const fmi_photographs *p = &c->trainer->photographs;
    int32_t person = p->of[i].person;
    size_t count = photographs_of(&p->people[person]);
    double mean = INFINITY;
    if (count < FEWEST)
        return false;
    *other = nearest(c, i, &mean);
    return *other && c->sums[person] / (double)(count - 1) > mean;
}

static void tell(const check *c, size_t i, const fmi_person *other)
{
    const fmi_photograph *photograph = &c->trainer->photographs.of[i];
    const char *person = c->trainer->photographs.people[photograph->person].name;
    char message[MESSAGE_MAX];
    const fm_finding finding = {FM_FINDING_WRONG_LABEL, 0,           person,
                                photograph->name,       other->name, message};
    snprintf(message, sizeof message,
             "%s looks more like %s than like %s, whom it is said to show: look at it, and correct "
             "it or take it out",
             photograph->name[0] ? photograph->name : "a photograph", other->name, person);
    (void)fmi_tell(c->trainer, &finding, NULL);
}

static fm_status compare(const check *c, size_t *found, fm_error *err)
{
    const fmi_person *other = NULL;
    fm_status status = FM_OK;
    for (size_t i = 0; i < c->n && status == FM_OK; i++) {
        if (suspect(c, i, &other)) {
            tell(c, i, other);
            (*found)++;
        }
        status = tell_progress(c, i + 1, err);
    }
    return status;
}

fm_status fmi_trainer_check(fm_trainer *t, size_t *suspects, fm_error *err)
{
    size_t found = 0;
    check c;
    fm_status status;
    if (t->liveness)
        return fmi_fail(err, FM_E_UNSUPPORTED,
                        "a liveness model does not tell people apart, so labels cannot be checked");
    if (t->photographs.people_count < 2)
        return fmi_fail(err, FM_E_STATE, "there are not photographs of two people to compare");
    status = fmi_trainer_outputs(t, err);
    if (status == FM_OK)
        status = fmi_trainer_learner(t, t->classes < 0 ? 0 : t->classes, err);
    if (status == FM_OK)
        status = fmi_trainer_settle(t, err);
    if (status == FM_OK)
        status = open_check(&c, t, err);
    if (status != FM_OK)
        return status;
    status = embed(&c, err);
    if (status == FM_OK)
        status = compare(&c, &found, err);
    close_check(&c);
    if (status == FM_OK && suspects)
        *suspects = found;
    return status;
}
