/* What goes into the learner: planes of a crop, or what a frozen network made of it. */
#include "core/error.h"
#include "core/memory.h"
#include "image/image.h"
#include "train/augment.h"
#include "train/trainer.h"
#include <math.h>
#include <string.h>

enum { GROUP = 32 }; /* crops that are run together */

static const fmi_input *input_of(const fm_trainer *t, size_t net)
{
    const fmi_manifest *manifest = &t->model->manifest;
    return t->liveness ? &manifest->liveness.nets[net].input
                       : &manifest->embedding.members[0].input;
}

size_t fmi_trainer_input_size(const fm_trainer *t, size_t net)
{
    const fmi_input *input = input_of(t, net);
    return t->frozen ? fmi_trainer_network_dim(t)
                     : 3 * (size_t)input->width * (size_t)input->height;
}

void fmi_trainer_input_shape(const fm_trainer *t, size_t net, size_t n, int64_t shape[4])
{
    const fmi_input *input = input_of(t, net);
    shape[0] = (int64_t)n;
    shape[1] = t->frozen ? (int64_t)fmi_trainer_network_dim(t) : 3;
    shape[2] = t->frozen ? 1 : input->height;
    shape[3] = t->frozen ? 1 : input->width;
}

fm_status fmi_trainer_input(const fm_trainer *t, size_t net, int32_t photograph,
                            const fmi_random *random, float *out, fm_error *err)
{
    const fm_image *crop = t->photographs.of[photograph].crops.of[net];
    size_t dim = fmi_trainer_network_dim(t);
    fm_image *varied = NULL;
    fm_status status;
    if (t->frozen) {
        memcpy(out, t->outputs + (size_t)photograph * dim, dim * sizeof *out);
        return FM_OK;
    }
    if (!random || !t->augmenting) {
        fmi_crop_to_planes(input_of(t, net), crop, out);
        return FM_OK;
    }
    status = fmi_augment(&varied, crop, &t->options.augmentation, *random, err);
    if (status == FM_OK)
        fmi_crop_to_planes(input_of(t, net), varied, out);
    fmi_image_free(varied);
    return status;
}

static fm_status run_all(const fm_trainer *t, const fm_session *session, float *out, fm_error *err)
{
    size_t dim = fmi_trainer_network_dim(t);
    fm_status status = FM_OK;
    for (size_t i = 0; i < t->photographs.count && status == FM_OK; i += GROUP) {
        size_t some = t->photographs.count - i < GROUP ? t->photographs.count - i : GROUP;
        fmi_crops crops[GROUP]; /* borrowed */
        for (size_t k = 0; k < some; k++)
            crops[k] = t->photographs.of[i + k].crops;
        status = fmi_embed_outputs(session, crops, some, out + i * dim, err);
    }
    return status;
}

fm_status fmi_trainer_outputs(fm_trainer *t, fm_error *err)
{
    fm_session_options options = {0};
    fm_session *session = NULL;
    float *outputs;
    size_t size;
    fm_status status;
    if (!t->frozen || t->outputs)
        return FM_OK;
    options.threads = t->options.threads;
    if (fmi_mul_overflows(t->photographs.count, fmi_trainer_network_dim(t) * sizeof *outputs,
                          &size) ||
        !(outputs = fmi_block_alloc(size)))
        return fmi_fail_memory(err);
    status = fmi_session_create(&session, t->model, &options, err);
    if (status == FM_OK)
        status = run_all(t, session, outputs, err);
    fmi_session_free(session);
    if (status == FM_OK)
        t->outputs = outputs;
    else
        fmi_block_free(outputs);
    return status;
}
