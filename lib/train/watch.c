/* Seeing that something is wrong, and saying what to do about it. */
#include "core/error.h"
#include "core/memory.h"
#include "train/trainer.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    COLLAPSED_STEPS = 10, /* in a row; a bad start recovers sooner */
    SWOLLEN_STEPS = 3,
    ALIKE_EPOCHS = 3,
    DRAWN_EPOCHS = 10,
    ASTRAY_EPOCHS = 3,
    MESSAGE_MAX = 5120 /* the longest names and what is said about them */
};

/* Of the first batch's distances: less is no distance. */
static const double COLLAPSED = 1e-3;
/* Of the same, for epochs. */
static const double DRAWN = 0.5;
/* Times the loss where nothing is known. */
static const double ASTRAY = 3;
/* Times the first batch's values, or these: more is out of control. */
static const double SWOLLEN = 1000;
static const double LOSS_MOST = 1e6;

fm_status fmi_tell(fm_trainer *t, const fm_finding *finding, fm_error *err)
{
    fm_finding own = *finding;
    own.person = own.person ? own.person : "";
    own.image = own.image ? own.image : "";
    own.other = own.other ? own.other : "";
    if (t->options.on_finding)
        t->options.on_finding(t->options.user, &own);
    if (!own.fatal)
        return FM_OK;
    t->failed = true;
    return fmi_fail(err, FM_E_TRAINING, "%s", own.message);
}

static fm_status tell_run(fm_trainer *t, fm_finding_kind kind, bool fatal, const char *message,
                          fm_error *err)
{
    const fm_finding finding = {kind, fatal, NULL, NULL, NULL, message};
    return fmi_tell(t, &finding, err);
}

fm_status fmi_fail_explosion(fm_trainer *t, const char *what, fm_error *err)
{
    char message[FM_ERROR_MESSAGE_MAX];
    snprintf(
        message, sizeof message,
        "explosion: %s not finite or huge, at a learning rate of %g: take a lower one, a tenth "
        "of it to begin with",
        what, (double)t->options.learning_rate);
    return tell_run(t, FM_FINDING_EXPLOSION, true, message, err);
}

static fm_status fail_collapse(fm_trainer *t, double distance, double loss, const fmi_run *run,
                               fm_error *err)
{
    char message[FM_ERROR_MESSAGE_MAX];
    snprintf(message, sizeof message,
             "collapse: all embeddings become alike (mean distance %.3g, at first %.3g) and the "
             "loss stays at %.3g, at a learning rate of %g: take a lower one%s",
             distance, run->first_distance, loss, (double)t->options.learning_rate,
             t->options.loss == FM_LOSS_TRIPLET && t->options.mining == FM_MINING_BATCH_HARD
                 ? ", or semi-hard mining"
                 : "");
    return tell_run(t, FM_FINDING_COLLAPSE, true, message, err);
}

static fm_status tell_person(fm_trainer *t, const fmi_person *person, fm_error *err)
{
    char message[MESSAGE_MAX];
    fm_finding finding = {0, 0, person->name, NULL, NULL, message};
    if (person->photographs[0] > 0 && person->photographs[1] > 0) {
        finding.kind = FM_FINDING_OVERLAP;
        finding.fatal = 1;
        snprintf(message, sizeof message,
                 "%s is both among those trained on and those left out, who must be others: take "
                 "the photographs out of one of the two",
                 person->name);
        return fmi_tell(t, &finding, err);
    }
    if (person->photographs[0] != 1 || t->liveness)
        return FM_OK;
    finding.kind = FM_FINDING_SINGLE;
    snprintf(message, sizeof message,
             "%s has one photograph, which makes no pair: add others, or leave the person out",
             person->name);
    return fmi_tell(t, &finding, err);
}

fm_status fmi_watch_photographs(fm_trainer *t, fm_error *err)
{
    fm_status status = FM_OK;
    for (size_t i = 0; i < t->photographs.people_count && status == FM_OK; i++)
        status = tell_person(t, &t->photographs.people[i], err);
    return status;
}

/* Root of the mean square. */
static double size_of(const float *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)values[i] * values[i];
    return sqrt(sum / (double)n);
}

fm_status fmi_watch_features(fm_trainer *t, const float *features, size_t n, fmi_run *run,
                             fm_error *err)
{
    double size = size_of(features, n * fmi_trainer_dim(t));
    if (!isfinite(size))
        return fmi_fail_explosion(t, "a value that the network gives is", err);
    if (isnan(run->first_size))
        run->first_size = size;
    run->swollen = size > SWOLLEN * fmax(run->first_size, 1) ? run->swollen + 1 : 0;
    return run->swollen < SWOLLEN_STEPS
               ? FM_OK
               : fmi_fail_explosion(t, "the values that the network gives are", err);
}

double fmi_mean_loss(const fm_trainer *t, const fmi_loss_figures *figures)
{
    bool sum = t->options.loss == FM_LOSS_TRIPLET && t->options.reduction == FM_REDUCTION_SUM;
    return sum && figures->mined > 0 ? figures->loss / (double)figures->mined : figures->loss;
}

static double farther(double positive, double negative)
{
    return fmax(positive, negative); /* the number, if one is none */
}

/* The loss where nothing is known, but of triplets. */
static double chance(const fm_trainer *t)
{
    if (t->liveness)
        return log(fmax((double)fmi_trainer_dim(t), 2));
    return log(t->options.loss == FM_LOSS_SOFTMAX ? (double)t->classes : 2);
}

/* Would this be the loss of embeddings that are all alike? */
static bool at_loss(const fm_trainer *t, const fmi_loss_figures *figures)
{
    if (t->options.loss == FM_LOSS_TRIPLET)
        return figures->mined == 0 || fmi_mean_loss(t, figures) > 0.8 * (double)t->options.margin;
    return figures->loss > 0.9 * chance(t);
}

fm_status fmi_watch_step(fm_trainer *t, const fmi_loss_figures *figures, fmi_run *run,
                         fm_error *err)
{
    double distance = farther(figures->positive_distance, figures->negative_distance);
    double loss = fmi_mean_loss(t, figures);
    if (!(fabs(loss) < LOSS_MOST * fmax(1, run->first_distance * run->first_distance)))
        return fmi_fail_explosion(t, "the loss is", err);
    if (isnan(run->first_distance))
        run->first_distance = distance;
    if (isnan(run->first_loss) && !t->liveness) /* of all networks together, then */
        run->first_loss = loss;
    run->collapsed =
        distance <= COLLAPSED * run->first_distance && at_loss(t, figures) ? run->collapsed + 1 : 0;
    return run->collapsed < COLLAPSED_STEPS ? FM_OK : fail_collapse(t, distance, loss, run, err);
}

/* On the way to a collapse, which with embeddings of unit length may take for ever: they draw
 * together, and as much is wrong as where nothing is known. Where lengths are free they may shrink
 * to what the margin wants. */
static bool draws_together(const fm_trainer *t, double loss, const fmi_run *run)
{
    double margin = (double)t->options.margin, least = 0.95 * chance(t), most = HUGE_VAL;
    if (t->options.loss == FM_LOSS_SOFTMAX)
        return false;
    if (t->options.loss == FM_LOSS_TRIPLET) {
        least = 0.95 * margin;
        most = t->manifest.embedding.normalize ? HUGE_VAL : 1.1 * margin;
    }
    return loss > least && loss < most &&
           farther(run->positive_distance, run->negative_distance) < DRAWN * run->first_distance;
}

/* Surer of what is wrong than one who knows nothing, and than at the beginning; triplets by far
 * more than the margin, which is what no knowledge costs. */
static bool astray(const fm_trainer *t, double loss, const fmi_run *run)
{
    if (t->options.loss == FM_LOSS_TRIPLET)
        return loss > fmax(10 * (double)t->options.margin, ASTRAY * run->first_loss);
    return loss > fmax(ASTRAY * chance(t), run->first_loss);
}

/* An epoch of that kind is nothing yet; too many in a row are, or one at the end. */
static bool too_many(int32_t *epochs, bool another, int32_t most, const fmi_run *run)
{
    *epochs = another ? *epochs + 1 : 0;
    return *epochs >= most || (another && run->finished);
}

static fm_status watch_active(fm_trainer *t, int64_t active, fmi_run *run, fm_error *err)
{
    char message[FM_ERROR_MESSAGE_MAX];
    if (active > 0 || t->options.loss != FM_LOSS_TRIPLET || run->told_inactive)
        return FM_OK;
    run->told_inactive = 1;
    snprintf(message, sizeof message,
             "no triplet of epoch %d was active, so that nothing was learned: raise the margin, "
             "take more people into a batch, batch-hard mining, or stop here",
             (int)run->epoch);
    return tell_run(t, FM_FINDING_NO_ACTIVE, false, message, err);
}

fm_status fmi_watch_epoch(fm_trainer *t, const fmi_epoch_figures *figures, bool alike, fmi_run *run,
                          fm_error *err)
{
    double distance = farther(run->positive_distance, run->negative_distance);
    double loss = figures->mean_loss;
    if (too_many(&run->alike, alike, ALIKE_EPOCHS, run) ||
        too_many(&run->drawn, draws_together(t, loss, run), DRAWN_EPOCHS, run))
        return fail_collapse(t, distance, loss, run, err);
    if (too_many(&run->astray, astray(t, loss, run), ASTRAY_EPOCHS, run))
        return fmi_fail_explosion(t, "the loss is", err);
    return watch_active(t, figures->active, run, err);
}
