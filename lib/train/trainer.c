/* Making a trainer: what can be trained of a model, and how. */
#include "train/trainer.h"
#include "core/error.h"
#include "core/memory.h"
#include "face/liveness.h"
#include "train/augment.h"
#include <math.h>
#include <string.h>

static const char ALL[] = "all";

static size_t dim_of(const fmi_manifest *manifest)
{
    return (size_t)(manifest->kind == FM_MODEL_LIVENESS ? manifest->liveness.classes
                                                        : manifest->embedding.dim);
}

size_t fmi_trainer_dim(const fm_trainer *trainer)
{
    return dim_of(&trainer->manifest);
}

size_t fmi_trainer_network_dim(const fm_trainer *trainer)
{
    return dim_of(&trainer->model->manifest);
}

static bool is_bundle(const fmi_manifest *manifest)
{
    return manifest->embedding.count > 1 || manifest->embedding.members[0].part[0] != '\0';
}

static bool has_weights(fm_metric metric)
{
    return metric == FM_METRIC_SIAMESE || metric == FM_METRIC_CHI_SQUARED;
}

static fm_status check_frozen(const fm_trainer *t, fm_error *err)
{
    if (t->augmenting)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "augmentation has no effect with \"all\" frozen, since each photograph is "
                        "looked at once: set it to 0, or freeze less");
    if (t->options.fresh)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "a network with weights drawn anew and \"all\" frozen gives nothing of "
                        "use: leave out one of them");
    if (t->options.head_dim == 0 && !t->learned)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "nothing is left to train: with \"all\" frozen there must be a head, or a "
                        "metric to learn");
    return FM_OK;
}

/* Does the combination make sense for the model? */
static fm_status check_model(const fm_trainer *t, fm_error *err)
{
    const fmi_manifest *m = &t->model->manifest;
    if (t->liveness)
        return fmi_frames_check_model(t, err);
    if (m->kind != FM_MODEL_EMBEDDER)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "model \"%s\" is not an embedder, nor a liveness model", m->name);
    if (is_bundle(m) && !(t->frozen && t->learned && t->options.head_dim == 0))
        return fmi_fail(err, FM_E_UNSUPPORTED,
                        "model \"%s\" has several networks: only a metric can be learned for it, "
                        "with \"all\" frozen and no head",
                        m->name);
    if (t->options.head_dim > 0 && !t->learned && has_weights(m->metric))
        return fmi_fail(err, FM_E_UNSUPPORTED,
                        "the metric of model \"%s\" has a weight for each of its %d numbers, so "
                        "that a head does not fit: learn a metric with it",
                        m->name, (int)m->embedding.dim);
    return t->frozen ? check_frozen(t, err) : FM_OK;
}

static fm_status copy_text(char **out, const char *text, fm_error *err)
{
    *out = fmi_strdup(text);
    return *out ? FM_OK : fmi_fail_memory(err);
}

static fm_status copy_names(fm_trainer *t, const fm_trainer_options *options, fm_error *err)
{
    fm_status status = copy_text(&t->device, options->device, err);
    t->options.device = t->device;
    t->options.freeze = NULL;
    t->options.freeze_count = 0;
    if (status != FM_OK || options->freeze_count == 0)
        return status;
    t->freeze = fmi_calloc(options->freeze_count, sizeof *t->freeze);
    if (!t->freeze)
        return fmi_fail_memory(err);
    for (size_t i = 0; i < options->freeze_count && status == FM_OK; i++) {
        if (strcmp(options->freeze[i], ALL) == 0)
            *(t->liveness ? &t->last_only : &t->frozen) = true;
        else
            status = copy_text(&t->freeze[t->freeze_count++], options->freeze[i], err);
    }
    return status;
}

/* The manifest of what will be saved. */
static fm_status derive_manifest(fm_trainer *t, fm_error *err)
{
    fmi_manifest *m = &t->manifest;
    *m = t->model->manifest;
    memset(&m->calibration, 0, sizeof m->calibration);
    memset(&m->pad, 0, sizeof m->pad);
    if (t->liveness)
        return FM_OK;
    memcpy(t->members, m->embedding.members, m->embedding.count * sizeof *t->members);
    m->embedding.members = t->members;
    if (t->options.head_dim > 0)
        m->embedding.dim = t->members[0].dim = t->options.head_dim;
    if (t->options.loss == FM_LOSS_TRIPLET)
        m->family = FM_FAMILY_TRIPLET;
    if (t->options.loss == FM_LOSS_SOFTMAX)
        m->family = FM_FAMILY_SOFTMAX;
    if (!t->learned)
        return FM_OK;
    m->metric = t->options.loss == FM_LOSS_SIAMESE ? FM_METRIC_SIAMESE : FM_METRIC_CHI_SQUARED;
    t->weights = fmi_calloc((size_t)m->embedding.dim + 1, sizeof(float));
    m->metric_weights = t->weights;
    return t->weights ? FM_OK : fmi_fail_memory(err);
}

static fm_status open_detector(fm_trainer *t, const fm_model *detector, fm_error *err)
{
    fm_session_options options = {0};
    options.detector = detector;
    options.threads = t->options.threads;
    return detector ? fmi_session_create(&t->detecting, NULL, &options, err) : FM_OK;
}

fm_status fmi_trainer_learner(fm_trainer *t, int32_t classes, fm_error *err)
{
    const char *parts[FMI_LIVENESS_NETS_MAX];
    fmi_learner_config config = {0};
    fm_status status;
    if (t->classes == classes)
        return FM_OK;
    t->model->backend->learner_free(t->learner); /* first: there may be no room for two */
    t->learner = NULL;
    t->classes = -1;
    for (size_t i = 0; t->liveness && i < t->nets; i++)
        parts[i] = t->model->manifest.liveness.nets[i].part;
    config.parts = parts;
    config.part_count = t->liveness ? t->nets : 0;
    config.last_only = t->last_only;
    config.device = t->device;
    config.threads = t->options.threads;
    config.seed = t->options.seed;
    config.fresh = t->options.fresh;
    config.freeze = (const char *const *)t->freeze;
    config.freeze_count = t->frozen ? 0 : t->freeze_count;
    config.skip_network = t->frozen;
    config.dim = (int32_t)fmi_trainer_network_dim(t);
    config.head_dim = t->options.head_dim;
    config.classes = classes;
    config.extra = t->learned ? fmi_trainer_dim(t) + 1 : 0;
    config.optimizer = t->options.optimizer;
    config.momentum = (double)t->options.momentum;
    config.weight_decay = (double)t->options.weight_decay;
    status = t->model->backend->learner_new(t->model->net, &config, &t->learner, err);
    if (status != FM_OK)
        return status;
    t->classes = classes;
    t->scales =
        !t->frozen && !t->liveness && t->model->backend->learner_has_feature_max(t->learner);
    return FM_OK;
}

/* The head was trained behind features as they are in training, and would see others afterwards. */
static fm_status check_learner(const fm_trainer *t, fm_error *err)
{
    if (!t->scales || t->options.head_dim == 0)
        return FM_OK;
    return fmi_fail(err, FM_E_UNSUPPORTED,
                    "model \"%s\" divides its features by their largest values: a head behind them "
                    "needs \"all\" frozen",
                    t->model->manifest.name);
}

static fm_status fill(fm_trainer *t, const fm_trainer_options *options, fm_error *err)
{
    fm_status status;
    t->options = *options;
    t->options.detector = NULL;
    t->options.liveness = NULL;
    t->liveness = t->model->manifest.kind == FM_MODEL_LIVENESS;
    t->nets = t->liveness ? t->model->manifest.liveness.count : 1;
    t->learned = options->loss == FM_LOSS_SIAMESE || options->loss == FM_LOSS_CHI_SQUARED;
    t->augmenting = fmi_augmentation_any(&options->augmentation);
    t->run.loss = t->run.active = t->run.positive_distance = t->run.negative_distance = NAN;
    t->run.rate = t->run.eer = t->run.best_eer = t->run.first_eer = NAN;
    t->run.validation_loss = t->run.best_validation_loss = t->run.first_validation_loss = NAN;
    t->run.first_distance = t->run.first_size = t->run.first_loss = NAN;
    crypto_hash_sha256_init(&t->photographs.fingerprint);
    status = copy_names(t, options, err);
    if (status == FM_OK)
        status = check_model(t, err);
    if (status == FM_OK && t->liveness)
        status = fmi_liveness_options_read(&t->limits, options->liveness, err);
    if (status == FM_OK)
        status = derive_manifest(t, err);
    if (status == FM_OK)
        status = open_detector(t, options->detector, err);
    if (status == FM_OK) /* how many people there are is not known yet, and does not matter here */
        status = fmi_trainer_learner(t, 0, err);
    return status == FM_OK ? check_learner(t, err) : status;
}

fm_status fmi_trainer_create(fm_trainer **out, const fm_model *model,
                             const fm_trainer_options *options, fm_error *err)
{
    fm_trainer *t = fmi_calloc(1, sizeof *t);
    fm_status status;
    if (!t)
        return fmi_fail_memory(err);
    t->classes = -1;
    t->model = fmi_model_retain(model);
    status = fill(t, options, err);
    if (status != FM_OK) {
        fmi_trainer_free(t);
        return status;
    }
    *out = t;
    return FM_OK;
}

void fmi_trainer_free(fm_trainer *t)
{
    if (!t)
        return;
    t->model->backend->learner_free(t->learner);
    fmi_photographs_dispose(&t->photographs);
    fmi_block_free(t->outputs);
    fmi_free(t->first);
    fmi_free(t->rows);
    fmi_free(t->last.bytes);
    fmi_free(t->best.bytes);
    fmi_free(t->weights);
    for (size_t i = 0; i < t->freeze_count; i++)
        fmi_free(t->freeze[i]);
    fmi_free(t->freeze);
    fmi_free(t->device);
    fmi_session_free(t->detecting);
    fmi_model_release(t->model);
    fmi_free_wiped(t, sizeof *t);
}
