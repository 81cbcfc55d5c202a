/* What is special where a liveness model is trained: frames of live faces and of attacks, seen by
 * each of its networks in its own crop, and how well their mean tells them apart. */
#include "core/error.h"
#include "core/memory.h"
#include "evaluate/evaluation.h"
#include "face/liveness.h"
#include "train/trainer.h"
#include <math.h>

fm_status fmi_frames_check_model(const fm_trainer *t, fm_error *err)
{
    const fm_trainer_options *o = &t->options;
    if (!t->model->manifest.liveness.logits)
        return fmi_fail(err, FM_E_UNSUPPORTED,
                        "model \"%s\" gives probabilities: only networks that give logits can be "
                        "trained",
                        t->model->manifest.name);
    if (o->loss != FM_LOSS_SOFTMAX || o->head_dim > 0)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "a liveness model is trained with the loss softmax, and without a head");
    if (o->aligned)
        return fmi_fail(
            err, FM_E_INVALID_ARGUMENT,
            "a liveness model is trained on whole frames, not on aligned crops: what is "
            "around the face counts");
    return FM_OK;
}

fm_status fmi_frames_class(const fm_trainer *t, fm_frame_class given, int32_t *out, fm_error *err)
{
    int32_t classes = t->model->manifest.liveness.classes;
    if (!t->liveness)
        return fmi_fail(
            err, FM_E_INVALID_ARGUMENT,
            "model \"%s\" is not of liveness: fm_trainer_add_image adds a photograph of "
            "a person",
            t->model->manifest.name);
    if (given < FM_FRAME_ATTACK || given >= classes)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "there is no class %d: model \"%s\" has 0 to %d, besides FM_FRAME_LIVE and "
                        "FM_FRAME_ATTACK",
                        (int)given, t->model->manifest.name, (int)classes - 1);
    *out = given == FM_FRAME_LIVE     ? t->model->manifest.liveness.live
           : given == FM_FRAME_ATTACK ? FMI_CLASS_ATTACK
                                      : given;
    return FM_OK;
}

fm_status fmi_frames_crops(const fm_trainer *t, const fm_image *image, const fm_face *face,
                           fmi_crops *out, fm_error *err)
{
    const fmi_manifest *manifest = &t->model->manifest;
    fm_status status = fmi_liveness_check_fit(manifest, &t->limits, image, face, err);
    return status == FM_OK ? fmi_liveness_crops(manifest, image, face, out, err) : status;
}

static bool is_live(const fm_trainer *t, size_t photograph)
{
    return t->photographs.of[photograph].label == t->model->manifest.liveness.live;
}

fm_status fmi_frames_check(const fm_trainer *t, fm_error *err)
{
    const fmi_photographs *p = &t->photographs;
    size_t live[2] = {0, 0};
    for (size_t i = 0; i < p->count; i++)
        live[p->of[i].role == FM_ROLE_VALIDATION] += is_live(t, i);
    for (int role = 0; role < 2; role++) {
        if (role == 1 && p->count_of[1] == 0)
            continue;
        if (live[role] == 0 || live[role] == p->count_of[role])
            return fmi_fail(err, FM_E_STATE, "there is no %s among the frames %s: both are needed",
                            live[role] == 0 ? "live face" : "attack",
                            role == 0 ? "to train on" : "of the people left out");
    }
    return FM_OK;
}

/* The people left out at work. */
typedef struct measure {
    size_t n, classes;
    float *outputs;  /* [n][classes], of one network */
    float *gradient; /* of no use here */
    int32_t *labels;
    float *scores;
    uint8_t *live;
} measure;

static void close_measure(measure *m)
{
    fmi_block_free(m->outputs);
    fmi_free(m->labels);
    fmi_free(m->live);
}

static fm_status open_measure(measure *m, const fm_trainer *t, fm_error *err)
{
    size_t n = t->photographs.count_of[1], classes = fmi_trainer_dim(t);
    *m = (measure){.n = n, .classes = classes};
    m->outputs = fmi_block_alloc((2 * n * classes + n) * sizeof(float));
    m->labels = fmi_alloc_array(n, sizeof *m->labels);
    m->live = fmi_alloc_array(n, sizeof *m->live);
    if (!m->outputs || !m->labels || !m->live) {
        close_measure(m);
        return fmi_fail_memory(err);
    }
    m->gradient = m->outputs + n * classes;
    m->scores = m->gradient + n * classes; /* zero, as blocks are */
    for (size_t i = 0; i < n; i++) {
        size_t photograph = (size_t)t->left_out[i];
        m->labels[i] = t->photographs.of[photograph].label;
        m->live[i] = is_live(t, photograph);
    }
    return FM_OK;
}

/* One network's share of scores and loss. */
static fm_status add_net(measure *m, fm_trainer *t, size_t net, double *loss, fm_error *err)
{
    const fmi_manifest *manifest = &t->model->manifest;
    double nets = (double)manifest->liveness.count;
    fmi_loss_figures figures;
    fm_status status = fmi_trainer_embed(t, net, t->left_out, m->n, m->outputs, err);
    if (status == FM_OK)
        status = fmi_loss_liveness(m->outputs, m->labels, m->n, m->classes, manifest->liveness.live,
                                   m->gradient, &figures, err);
    if (status != FM_OK)
        return status;
    *loss += figures.loss / nets;
    for (size_t i = 0; i < m->n; i++)
        m->scores[i] +=
            (float)(fmi_liveness_probability(manifest, m->outputs + i * m->classes) / nets);
    return FM_OK;
}

static fm_status find_eer(const measure *m, double *eer, fm_error *err)
{
    fm_evaluation *evaluation = NULL;
    fm_status status = fm_evaluation_new(&evaluation, NULL, err);
    if (status == FM_OK)
        status = fmi_evaluation_append(evaluation, m->scores, m->live, NULL, NULL, m->n, err);
    if (status == FM_OK)
        status = fmi_validate_eer(evaluation, eer, err);
    fm_evaluation_free(evaluation);
    return status;
}

fm_status fmi_frames_measure(fm_trainer *t, fmi_validation *out, fm_error *err)
{
    double loss = 0;
    measure m;
    fm_status status = open_measure(&m, t, err);
    if (status != FM_OK)
        return status;
    for (size_t net = 0; net < t->nets && status == FM_OK; net++)
        status = add_net(&m, t, net, &loss, err);
    if (status == FM_OK)
        status = find_eer(&m, &out->eer, err);
    if (status == FM_OK)
        out->loss = loss;
    close_measure(&m);
    return status;
}
