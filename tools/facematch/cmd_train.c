#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "commands.h"
#include "output.h"
#include "progress.h"
#include "search.h"
#include "train.h"

static volatile sig_atomic_t stop_wanted;

static void on_stop(int number)
{
    (void)number;
    stop_wanted = 1;
}

/* The first interruption ends the step at hand, a second one the program. */
static void guard_signals(void)
{
    struct sigaction action = {.sa_handler = on_stop, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool train_is_stopped(void)
{
    return stop_wanted;
}

/* --- beginning --- */

static void tell_no_architecture(const options *o)
{
    char *places = search_places(o);
    out_error(NULL, FM_E_NOT_FOUND,
              "no architecture '%s' in %s; facematch-models build %s --out models makes it, or in "
              "the source PYTHONPATH=tools/models .venv/bin/python -m facematch_models build %s",
              o->arch, places, o->arch, o->arch);
    free(places);
}

static bool open_models(train_run *run)
{
    const options *o = run->opts;
    char *path = o->arch ? search_find(o, o->arch) : NULL;
    bool there = !o->arch || path;
    if (!there)
        tell_no_architecture(o);
    bool ok = there && ctx_open_models(&run->ctx, o, o->arch ? path : o->from,
                                       NEEDS_EITHER | NEEDS_DETECTOR);
    free(path);
    return ok;
}

static bool create(train_run *run)
{
    fm_error err = {sizeof err, 0, ""};
    const fm_model *model = run->ctx.liveness ? run->ctx.liveness : run->ctx.embedder;
    if (!train_settings_make(run))
        return false;
    if (fm_trainer_create(&run->trainer, model, &run->settings, &err) == FM_OK)
        return true;
    out_library_error(run->ctx.model.name, &err);
    return false;
}

static bool read_stats(train_run *run)
{
    fm_error err = {sizeof err, 0, ""};
    run->stats.struct_size = sizeof run->stats;
    if (fm_trainer_stats(run->trainer, &run->stats, &err) == FM_OK)
        return true;
    out_library_error(NULL, &err);
    return false;
}

static bool resume(train_run *run)
{
    fm_error err = {sizeof err, 0, ""};
    const char *path = run->opts->checkpoint;
    if (!run->opts->resume || access(path, F_OK) != 0)
        return true;
    if (fm_trainer_resume(run->trainer, path, &err) != FM_OK) {
        out_library_error(path, &err);
        return false;
    }
    if (!read_stats(run))
        return false;
    train_report_read(run);
    out_note("%s: goes on after epoch %d of %d", path, run->stats.epoch, run->stats.epochs);
    return true;
}

static void tell_begin(const train_run *run)
{
    const fm_training_stats *s = &run->stats;
    char photographs[32], left_out[32];
    if (run->opts->json)
        return;
    out_count(photographs, sizeof photographs, s->photographs);
    out_count(left_out, sizeof left_out, s->validation_photographs);
    out_line("%s: %s photographs of %d people to train on, %s of %d people left out",
             run->ctx.model.name, photographs, s->people, left_out, s->validation_people);
    if (run->ctx.liveness)
        train_frames_tell(run);
}

/* --- epochs --- */

static int32_t on_step(void *user, const fm_training_step *step)
{
    static char label[48]; /* the bar keeps a pointer to it */
    const train_run *run = user;
    char note[80];
    int length;
    if (step->step == 1) {
        snprintf(label, sizeof label, "epoch %d/%d", step->epoch, step->epochs);
        bar_begin(label, (size_t)step->steps);
    }
    length =
        snprintf(note, sizeof note, "loss %.3g, active %.0f %%", step->loss, 100 * step->active);
    if (!run->ctx.liveness)
        snprintf(note + length, sizeof note - (size_t)length, ", distances %.2f %.2f",
                 step->positive_distance, step->negative_distance);
    bar_note(note);
    bar_to((size_t)step->step);
    return stop_wanted;
}

static void tell_interrupted(const train_run *run)
{
    const char *file = run->opts->checkpoint;
    int32_t epoch = run->stats.epoch;
    if (file && epoch > 0)
        out_error(NULL, FM_E_CANCELED,
                  "interrupted after epoch %d of %d, which %s holds: the same command with "
                  "--resume goes on",
                  epoch, run->stats.epochs, file);
    else
        out_error(NULL, FM_E_CANCELED, "interrupted: nothing is kept%s",
                  file ? " of the first epoch" : "; with --checkpoint a run can be resumed");
}

static bool tell_failed(const train_run *run, fm_status status, const fm_error *err)
{
    if (status == FM_E_CANCELED) {
        tell_interrupted(run);
        return false;
    }
    out_library_error(NULL, err);
    if (status == FM_E_TRAINING)
        train_report_write(run);
    return false;
}

static json_t *epoch_json(const fm_training_stats *s, double seconds)
{
    json_t *object = json_pack("{s:i,s:i,s:i,s:b,s:i,s:I,s:i,s:I,s:i,s:o}", "epoch", s->epoch,
                               "epochs", s->epochs, "steps", s->steps, "finished", s->finished != 0,
                               "people", s->people, "photographs", (json_int_t)s->photographs,
                               "validation_people", s->validation_people, "validation_photographs",
                               (json_int_t)s->validation_photographs, "best_epoch", s->best_epoch,
                               "loss", out_real(s->loss));
    json_object_set_new(object, "active", out_real(s->active));
    json_object_set_new(object, "positive_distance", out_real(s->positive_distance));
    json_object_set_new(object, "negative_distance", out_real(s->negative_distance));
    json_object_set_new(object, "learning_rate", out_real(s->learning_rate));
    json_object_set_new(object, "eer", out_real(s->eer));
    json_object_set_new(object, "best_eer", out_real(s->best_eer));
    json_object_set_new(object, "first_eer", out_real(s->first_eer));
    json_object_set_new(object, "validation_loss", out_real(s->validation_loss));
    json_object_set_new(object, "best_validation_loss", out_real(s->best_validation_loss));
    json_object_set_new(object, "first_validation_loss", out_real(s->first_validation_loss));
    json_object_set_new(object, "seconds", out_real(seconds));
    return object;
}

/* Of a liveness model. */
static void print_frames_epoch(const fm_training_stats *s, double seconds)
{
    char left_out[96] = "";
    if (s->epoch == 1 && !isnan(s->first_eer))
        out_line("before the first epoch: EER %.2f %%, loss %.4g on people left out",
                 100 * s->first_eer, s->first_validation_loss);
    if (!isnan(s->eer))
        snprintf(left_out, sizeof left_out, "; EER %.2f %%, loss %.4g on people left out%s",
                 100 * s->eer, s->validation_loss,
                 s->best_epoch == s->epoch ? " (the best so far)" : "");
    out_line("epoch %d/%d: loss %.4g, %.1f %% decided wrongly%s, %.1f s", s->epoch, s->epochs,
             s->loss, 100 * s->active, left_out, seconds);
}

static void print_epoch(const fm_training_stats *s, double seconds)
{
    char eer[64] = "";
    if (s->epoch == 1 && !isnan(s->first_eer))
        out_line("before the first epoch: EER %.2f %%", 100 * s->first_eer);
    if (!isnan(s->eer))
        snprintf(eer, sizeof eer, ", EER %.2f %%%s", 100 * s->eer,
                 s->best_epoch == s->epoch ? " (the lowest so far)" : "");
    out_line("epoch %d/%d: loss %.4g, active %.1f %%, distances %.3f within and %.3f between "
             "people%s, %.1f s",
             s->epoch, s->epochs, s->loss, 100 * s->active, s->positive_distance,
             s->negative_distance, eer, seconds);
}

/* After a whole epoch: tell it, then keep it. The page first, so that a run that is killed between
 * the two finds every epoch of its checkpoint in it. */
static bool end_epoch(train_run *run, double seconds)
{
    fm_error err = {sizeof err, 0, ""};
    if (!read_stats(run))
        return false;
    json_t *object = epoch_json(&run->stats, seconds);
    json_array_append(run->epochs, object);
    if (run->opts->json)
        out_json(object);
    else {
        json_decref(object);
        (run->ctx.liveness ? print_frames_epoch : print_epoch)(&run->stats, seconds);
    }
    if (!train_report_write(run))
        return false;
    if (!run->opts->checkpoint ||
        fm_trainer_checkpoint(run->trainer, run->opts->checkpoint, &err) == FM_OK)
        return true;
    out_library_error(run->opts->checkpoint, &err);
    return false;
}

static bool train(train_run *run)
{
    fm_error err = {sizeof err, 0, ""};
    bool ok = true;
    while (ok && !run->stats.finished) {
        double started = clock_seconds();
        fm_status status = fm_trainer_epoch(run->trainer, on_step, run, &err);
        bar_end();
        ok = status == FM_OK ? end_epoch(run, clock_seconds() - started)
                             : tell_failed(run, status, &err);
    }
    return ok;
}

/* --- the model --- */

static bool save(train_run *run)
{
    fm_error err = {sizeof err, 0, ""};
    fm_trainer_save_options settings;
    fm_trainer_save_options_init(&settings, sizeof settings);
    settings.overwrite = run->opts->force;
    if (fm_trainer_save(run->trainer, run->opts->out, &settings, &err) == FM_OK)
        return true;
    out_library_error(run->opts->out, &err);
    return false;
}

/* A liveness model has thresholds once it is calibrated, which takes photographs that had no part
 * in its training. */
static void print_next(const train_run *run, const fm_model_info *info)
{
    if (run->ctx.liveness)
        out_line("  not calibrated, so it has no thresholds yet: facematch calibrate --pad "
                 "--liveness-model %s makes them",
                 run->opts->out);
    else if (info->calibration_dataset[0])
        out_line("  calibrated down to a false match rate of %.1e", info->calibration_min_fmr);
    else
        out_line("  not calibrated, so decisions need --threshold: leave more people out, or see "
                 "facematch calibrate --help");
}

static void print_summary(const train_run *run, const fm_model_info *info, double seconds)
{
    const fm_training_stats *s = &run->stats;
    if (s->best_epoch == 0)
        out_line("%s: as before the first epoch, EER %.2f %%: no epoch was better on people never "
                 "seen",
                 run->opts->out, 100 * s->first_eer);
    else if (!isnan(s->best_eer))
        out_line("%s: epoch %d of %d, EER %.2f %% on people never seen (%.2f %% before training)",
                 run->opts->out, s->best_epoch, s->epoch, 100 * s->best_eer, 100 * s->first_eer);
    else
        out_line("%s: epoch %d, measured on nobody", run->opts->out, s->epoch);
    print_next(run, info);
    out_line("  id %s, %.1f seconds", info->id, seconds);
}

/* The model is read back: what is told of it is what others will find. */
static bool tell_model(const train_run *run)
{
    const fm_training_stats *s = &run->stats;
    size_t unused = run->photos.data.undetected + run->photos.validation.undetected;
    fm_model_info info;
    fm_model *model = ctx_model(run->opts, run->opts->out, run->ctx.model.kind, &info);
    double seconds = clock_seconds() - run->started;
    if (!model)
        return false;
    if (run->opts->json)
        out_json(json_pack("{s:o,s:o,s:s,s:i,s:i,s:o,s:o,s:o,s:o,s:b,s:I,s:I,s:o}", "out",
                           out_text(run->opts->out), "model", out_text(info.name), "id", info.id,
                           "epochs", s->epoch, "best_epoch", s->best_epoch, "eer",
                           out_real(s->best_eer), "first_eer", out_real(s->first_eer),
                           "validation_loss", out_real(s->best_validation_loss),
                           "first_validation_loss", out_real(s->first_validation_loss),
                           "calibrated", info.calibration_dataset[0] != '\0', "findings",
                           (json_int_t)json_array_size(run->findings), "unused", (json_int_t)unused,
                           "seconds", out_real(seconds)));
    else
        print_summary(run, &info, seconds);
    fm_model_free(model);
    return true;
}

/* Worth while with a network that knows faces: before a trained one is trained further, after a
 * fresh one was. */
static bool check_labels(train_run *run, bool trained)
{
    bool fresh = run->settings.fresh;
    fm_error err = {sizeof err, 0, ""};
    if (run->ctx.liveness || fresh != trained || (!trained && run->stats.epoch > 0))
        return true;
    fm_status status = train_findings_check(run, &err);
    return status == FM_OK || tell_failed(run, status, &err);
}

static bool work(train_run *run)
{
    if (!open_models(run) || !train_photos_list(run) || !create(run) || !train_photos_add(run) ||
        !read_stats(run) || !resume(run))
        return false;
    tell_begin(run);
    guard_signals();
    if (!check_labels(run, false) || !train(run) || !check_labels(run, true))
        return false;
    return train_report_write(run) && save(run) && tell_model(run);
}

/* Every step needs the same memory again. Given back to the system in between, it has to be cleared
 * anew: a seventh of a step's time. The library leaves the settings of its host alone. */
static void keep_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

int cmd_train(const options *opts)
{
    train_run run = {.opts = opts, .ctx = {.opts = opts}};
    if (!train_check(opts))
        return ANSWER_ERROR;
    keep_memory();
    run.epochs = json_array();
    run.findings = json_array();
    run.started = clock_seconds();
    bool ok = work(&run);
    train_findings_end(&run);
    fm_trainer_free(run.trainer);
    train_photos_free(&run.photos);
    ctx_close(&run.ctx);
    json_decref(run.epochs);
    json_decref(run.findings);
    return ok ? ANSWER_YES : ANSWER_ERROR;
}
