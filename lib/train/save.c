/* The network of the best epoch as a model file like any other. */
#include "backend/calibration.h"
#include "backend/fields.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/text.h"
#include "evaluate/calibrate.h"
#include "train/trainer.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char UNKNOWN[] = "not stated";

/* Texts where the caller gives none. */
typedef struct texts {
    char *name, *source, *training_data, *dataset;
} texts;

static void dispose_texts(texts *own)
{
    fmi_free(own->name);
    fmi_free(own->source);
    fmi_free(own->training_data);
    fmi_free(own->dataset);
}

static char *printed(const char *format, const char *text, long long first, long long second)
{
    size_t size = strlen(format) + strlen(text) + 64;
    char *out = fmi_alloc(size);
    if (out)
        snprintf(out, size, format, text, first, second);
    return out;
}

/* File names need not be UTF-8. */
static char *name_of_file(const char *path)
{
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    size_t length = strlen(file), size = length + 1;
    char *name = fmi_alloc(size);
    if (length > 3 && strcmp(file + length - 3, ".pt") == 0)
        size -= 3;
    if (name)
        fmi_text_clean(name, size, file);
    return name;
}

static fm_status make_texts(texts *own, const fm_trainer *t, const char *path, fm_error *err)
{
    const fmi_photographs *p = &t->photographs;
    own->name = name_of_file(path);
    own->source = printed("trained by libfacematch from %s", t->model->manifest.name, 0, 0);
    own->training_data = printed("%s%lld people, %lld photographs", "", (long long)p->people_of[0],
                                 (long long)p->count_of[0]);
    own->dataset = printed("%s%lld people left out of training", "", (long long)p->people_of[1], 0);
    return own->name && own->source && own->training_data && own->dataset ? FM_OK
                                                                          : fmi_fail_memory(err);
}

static char *choose(const char *given, const char *otherwise)
{
    return (char *)(uintptr_t)(given ? given : otherwise); /* a manifest only reads it */
}

/* As a manifest holds it, read like one that comes from a file. */
static fm_status read_calibration(fmi_manifest *m, const char *text, fm_error *err)
{
    json_t *root = NULL;
    char *whole = printed("{\"calibration\":%s}", text, 0, 0);
    fm_status status =
        whole ? fmi_fields_open(&root, whole, strlen(whole), err) : fmi_fail_memory(err);
    if (status == FM_OK)
        status = fmi_manifest_read_calibration(m, root, err);
    json_decref(root);
    fmi_free(whole);
    return status;
}

/* None where there are too few comparisons for one. */
static fm_status add_calibration(fmi_manifest *m, fm_evaluation *evaluation, const char *dataset,
                                 fm_error *err)
{
    char *text = NULL;
    size_t size = 0;
    fm_status status = fmi_evaluation_sort(evaluation, err);
    if (status == FM_OK)
        status = fmi_calibrate(evaluation, m->metric, dataset, &text, &size, err);
    if (status == FM_E_STATE)
        return FM_OK;
    if (status == FM_OK)
        status = read_calibration(m, text, err);
    fmi_free(text);
    return status;
}

static void dispose_calibration(fmi_manifest *m)
{
    fmi_free(m->calibration_dataset);
    fmi_free(m->calibration.points);
    fmi_free(m->calibration.genuine);
}

static fm_status write_archive(fm_trainer *t, const fmi_manifest *m, const char *path,
                               fm_error *err)
{
    char *text = NULL;
    void *bytes = NULL;
    size_t length = 0, size = 0;
    fm_status status = fmi_manifest_write(m, &text, &length, err);
    if (status == FM_OK)
        status = t->model->backend->learner_archive(t->learner, text, length, &bytes, &size, err);
    if (status == FM_OK)
        status = fmi_file_write(path, bytes, size, err);
    fmi_free(text);
    fmi_free(bytes);
    return status;
}

static fm_status write_model(fm_trainer *t, const char *path, fm_evaluation *evaluation,
                             const fm_trainer_save_options *options, const texts *own,
                             fm_error *err)
{
    fmi_manifest m = t->manifest;
    fm_status status = FM_OK;
    m.name = choose(options->name, own->name);
    m.license = choose(options->license, t->options.fresh || !*m.license ? UNKNOWN : m.license);
    m.source = choose(options->source, own->source);
    m.training_data = choose(options->training_data, own->training_data);
    m.calibration_dataset = NULL;
    if (evaluation)
        status = add_calibration(&m, evaluation, choose(options->dataset, own->dataset), err);
    if (status == FM_OK)
        status = write_archive(t, &m, path, err);
    dispose_calibration(&m);
    return status;
}

/* The learner is left as the best epoch had it, and goes back when it is next needed. */
static fm_status take_best(fm_trainer *t, fm_evaluation **evaluation, fm_error *err)
{
    bool alike;
    fm_status status = fmi_trainer_settle(t, err);
    if (status == FM_OK && t->best.bytes) {
        t->changed = true;
        status = t->model->backend->learner_restore(t->learner, t->best.bytes, t->best.size, err);
    }
    if (status != FM_OK)
        return status;
    if (t->photographs.count_of[1] > 0 && !t->liveness)
        return fmi_validate(t, true, evaluation, &alike, err);
    status = fmi_trainer_scale_features(t, err);
    return status == FM_OK ? fmi_learned_update(t, err) : status;
}

static fm_status check_state(const fm_trainer *t, const char *path,
                             const fm_trainer_save_options *options, fm_error *err)
{
    if (t->failed)
        return fmi_fail(err, FM_E_STATE, "training has failed: there is no model to save");
    if (t->run.epoch == 0)
        return fmi_fail(err, FM_E_STATE, "no epoch was run yet: there is no model to save");
    if (!options->overwrite && access(path, F_OK) == 0)
        return fmi_fail(err, FM_E_EXISTS, "%s is there already", path);
    return FM_OK;
}

fm_status fmi_trainer_save(fm_trainer *t, const char *path, const fm_trainer_save_options *options,
                           fm_error *err)
{
    fm_evaluation *evaluation = NULL;
    texts own = {NULL, NULL, NULL, NULL};
    fm_status status = check_state(t, path, options, err);
    if (status == FM_OK)
        status = make_texts(&own, t, path, err);
    if (status == FM_OK)
        status = take_best(t, &evaluation, err);
    if (status == FM_OK)
        status = write_model(t, path, evaluation, options, &own, err);
    fm_evaluation_free(evaluation);
    dispose_texts(&own);
    return status;
}
