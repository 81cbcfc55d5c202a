#include "core/error.h"
#include "core/options.h"
#include "core/text.h"
#include "train/trainer.h"
#include <string.h>

/* Sizes in release 0.1: what a caller must bring at least. */
enum {
    OPTIONS_0_1 = sizeof(fm_trainer_options),
    STATS_0_1 = sizeof(fm_training_stats),
    SAVE_OPTIONS_0_1 = sizeof(fm_trainer_save_options),
    PERSON_MAX = 255,
    NAME_MAX_BYTES = 4095,
    TEXT_MAX = 1000
};

static fm_status fail_null(fm_error *err, const char *name)
{
    return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL", name);
}

void fm_trainer_options_init(fm_trainer_options *options, uint32_t struct_size)
{
    fmi_options_init(options, struct_size);
}

void fm_trainer_save_options_init(fm_trainer_save_options *options, uint32_t struct_size)
{
    fmi_options_init(options, struct_size);
}

fm_status fm_trainer_create(fm_trainer **out, const fm_model *model,
                            const fm_trainer_options *options, fm_error *err)
{
    fm_trainer_options own;
    fm_status status;
    if (!out || !model)
        return fail_null(err, out ? "model" : "out");
    status = fmi_options_read(&own, sizeof own, options, OPTIONS_0_1, "fm_trainer_options", err);
    if (status == FM_OK)
        status = fmi_trainer_options_fill(&own, model->manifest.kind, err);
    return status == FM_OK ? fmi_trainer_create(out, model, &own, err) : status;
}

static fm_status check_photograph(const fm_trainer *trainer, const fm_image *image,
                                  const char *person, const char *name, fm_role role, fm_error *err)
{
    fm_status status;
    if (!trainer || !image)
        return fail_null(err, trainer ? "image" : "trainer");
    status = fmi_text_check(person, 1, PERSON_MAX, "person", err);
    if (status == FM_OK && name)
        status = fmi_text_check(name, 0, NAME_MAX_BYTES, "name", err);
    if (status == FM_OK && role != FM_ROLE_TRAIN && role != FM_ROLE_VALIDATION)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "there is no role %d", (int)role);
    return status;
}

fm_status fm_trainer_add_image(fm_trainer *trainer, const fm_image *image, const char *person,
                               const char *name, fm_role role, fm_error *err)
{
    fm_status status = check_photograph(trainer, image, person, name, role, err);
    if (status == FM_OK && trainer->liveness)
        return fmi_fail(
            err, FM_E_INVALID_ARGUMENT,
            "model \"%s\" is of liveness: fm_trainer_add_frame tells what a frame shows",
            trainer->model->manifest.name);
    return status == FM_OK
               ? fmi_trainer_add_image(trainer, image, 0, person, name ? name : "", role, err)
               : status;
}

fm_status fm_trainer_add_frame(fm_trainer *trainer, const fm_image *image, fm_frame_class shows,
                               const char *person, const char *name, fm_role role, fm_error *err)
{
    int32_t label = 0;
    fm_status status = check_photograph(trainer, image, person, name, role, err);
    if (status == FM_OK)
        status = fmi_frames_class(trainer, shows, &label, err);
    return status == FM_OK
               ? fmi_trainer_add_image(trainer, image, label, person, name ? name : "", role, err)
               : status;
}

fm_status fm_trainer_check(fm_trainer *trainer, size_t *suspects, fm_error *err)
{
    return trainer ? fmi_trainer_check(trainer, suspects, err) : fail_null(err, "trainer");
}

fm_status fm_trainer_epoch(fm_trainer *trainer, fm_training_fn progress, void *user, fm_error *err)
{
    return trainer ? fmi_trainer_epoch(trainer, progress, user, err) : fail_null(err, "trainer");
}

fm_status fm_trainer_stats(const fm_trainer *trainer, fm_training_stats *stats, fm_error *err)
{
    fm_training_stats own;
    fm_status status = fmi_output_check(stats, STATS_0_1, "fm_training_stats", err);
    const fmi_run *run;
    if (status != FM_OK)
        return status;
    if (!trainer)
        return fail_null(err, "trainer");
    run = &trainer->run;
    memset(&own, 0, sizeof own);
    own.finished = run->finished;
    own.epoch = run->epoch;
    own.epochs = trainer->options.epochs;
    own.steps = fmi_trainer_steps(trainer);
    own.people = (int32_t)trainer->photographs.people_of[0];
    own.photographs = (int64_t)trainer->photographs.count_of[0];
    own.validation_people = (int32_t)trainer->photographs.people_of[1];
    own.validation_photographs = (int64_t)trainer->photographs.count_of[1];
    own.best_epoch = run->best_epoch;
    own.loss = run->loss;
    own.active = run->active;
    own.positive_distance = run->positive_distance;
    own.negative_distance = run->negative_distance;
    own.learning_rate = run->rate;
    own.eer = run->eer;
    own.best_eer = run->best_eer;
    own.first_eer = run->first_eer;
    if (trainer->liveness) {
        own.validation_loss = run->validation_loss;
        own.best_validation_loss = run->best_validation_loss;
        own.first_validation_loss = run->first_validation_loss;
    }
    fmi_output_write(stats, &own, sizeof own);
    return FM_OK;
}

static fm_status check_path(const char *path, fm_error *err)
{
    if (!path || !*path)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "the path is %s", path ? "empty" : "NULL");
    return FM_OK;
}

fm_status fm_trainer_checkpoint(const fm_trainer *trainer, const char *path, fm_error *err)
{
    fm_status status = trainer ? check_path(path, err) : fail_null(err, "trainer");
    return status == FM_OK ? fmi_trainer_checkpoint(trainer, path, err) : status;
}

fm_status fm_trainer_resume(fm_trainer *trainer, const char *path, fm_error *err)
{
    fm_status status = trainer ? check_path(path, err) : fail_null(err, "trainer");
    return status == FM_OK ? fmi_trainer_resume(trainer, path, err) : status;
}

static fm_status check_texts(const fm_trainer_save_options *options, fm_error *err)
{
    const struct {
        const char *name, *text;
    } texts[] = {{"name", options->name},
                 {"license", options->license},
                 {"source", options->source},
                 {"training_data", options->training_data},
                 {"dataset", options->dataset}};
    fm_status status = FM_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && status == FM_OK; i++)
        if (texts[i].text)
            status = fmi_text_check(texts[i].text, 0, TEXT_MAX, texts[i].name, err);
    return status;
}

fm_status fm_trainer_save(fm_trainer *trainer, const char *path,
                          const fm_trainer_save_options *options, fm_error *err)
{
    fm_trainer_save_options own;
    fm_status status = trainer ? check_path(path, err) : fail_null(err, "trainer");
    if (status == FM_OK)
        status = fmi_options_read(&own, sizeof own, options, SAVE_OPTIONS_0_1,
                                  "fm_trainer_save_options", err);
    if (status == FM_OK)
        status = fmi_flag_check(own.overwrite, "overwrite", err);
    if (status == FM_OK)
        status = check_texts(&own, err);
    return status == FM_OK ? fmi_trainer_save(trainer, path, &own, err) : status;
}

void fm_trainer_free(fm_trainer *trainer)
{
    fmi_trainer_free(trainer);
}
