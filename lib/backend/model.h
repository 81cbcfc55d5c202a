/* A loaded model: the network, its manifest, its id, and a count of those who hold it. */
#ifndef FMI_MODEL_H
#define FMI_MODEL_H

#include "backend/backend.h"
#include "backend/manifest.h"
#include <stdatomic.h>

struct fm_model {
    atomic_int references;
    const fmi_backend *backend;
    fmi_net *net;
    fmi_manifest manifest;
    char id[FM_MODEL_ID_SIZE];
};

fm_status fmi_model_load(fm_model **out, const void *bytes, size_t size,
                         const fm_model_options *options, fm_error *err);
fm_model *fmi_model_retain(const fm_model *model); /* the same model */
void fmi_model_release(fm_model *model);           /* NULL is a no-op */

/* A prepared network of the model in the layout its manifest asks for; lives as long as it. */
fm_status fmi_model_part(const fm_model *model, const char *part, fm_precision precision,
                         fmi_part **out, fm_error *err);

/* Run a network over n items of one shape, cut into batches of few distinct sizes, so that libtorch
 * sees few shapes (its caches stay small) and activations stay in the CPU's caches. On failure some
 * of out may have been written.
 * in float32[n][item_len], out float32[n][out_item_len]; shape is that of one item (channels,
 * height, width). scratch-free: large n costs no extra memory. */
fm_status fmi_model_run_items(const fm_model *model, fmi_part *part, int32_t threads,
                              const float *in, size_t n, const int64_t shape[3], float *out,
                              size_t out_item_len, fm_error *err);

#endif
