/* What the library asks of the engine that runs networks: torch/ in earnest, fake.c in tests.
 *
 * Implementations translate every exception, leave no thread-local mode changed, and write nothing
 * on failure. An fmi_net may be used from any thread. */
#ifndef FMI_BACKEND_H
#define FMI_BACKEND_H

#include <facematch/session.h>
#include <facematch/train.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fmi_net fmi_net;   /* one loaded archive */
typedef struct fmi_part fmi_part; /* one network of it, prepared to run; owned by the net */

/* One record of the archive; the name is without the archive's top folder. A non-OK answer stops
 * the walk. */
typedef fm_status (*fmi_record_fn)(void *user, const char *name, const void *bytes, size_t size,
                                   fm_error *err);

/* The record that holds the manifest. */
#define FMI_MANIFEST_RECORD "extra/facematch.json"

typedef struct fmi_part_config {
    fm_precision precision;
    bool channels_last; /* memory layout that suits the network, from the manifest */
} fmi_part_config;

/* A copy of a net's network that is being trained, with its optimiser; confined to one thread at a
 * time. */
typedef struct fmi_learner fmi_learner;

typedef struct fmi_learner_config {
    /* Networks of the archive by their names, trained side by side, each with an optimiser of its
     * own; NULL: the archive's own network alone. With names: not skipped, no head, no classes. */
    const char *const *parts;
    size_t part_count;
    const char *device; /* "cpu", "cuda:0" */
    int32_t threads;
    uint64_t seed; /* of new weights, and with the step's number of all that is random in a step */
    bool fresh;    /* draw the network's weights anew */
    const char *const *freeze; /* prefixes of names of parameters, whole components; no "all" */
    size_t freeze_count;
    bool last_only; /* of each network only the layer trains that comes last of those with
                       parameters */
    /* The network itself is left out: what goes in is its output already, shape {n, dim, 1, 1}. It
     * is saved all the same. */
    bool skip_network;
    int32_t dim;      /* of the network's output */
    int32_t head_dim; /* > 0: a linear layer without bias behind it, saved with it. It begins as the
                         identity, cut or filled up with orthogonal rows from the seed. */
    int32_t classes;  /* > 0: a linear layer behind that, not saved */
    size_t extra;     /* further parameters, beginning at 0: of a metric; not saved */
    fm_optimizer optimizer;
    double momentum, weight_decay;
} fmi_learner_config;

typedef struct fmi_backend {
    const char *name;
    const char *(*version)(void);
    bool (*has_bfloat16)(void);

    /* Every record once, in bytewise order of the names. Runs nothing of what is inside, so that a
     * model can be refused before any of its code is looked at. FM_E_CORRUPT when the bytes are not
     * an archive. */
    fm_status (*records)(const void *bytes, size_t size, fmi_record_fn fn, void *user,
                         fm_error *err);

    /* bytes are borrowed for the call: nets do not keep them. */
    fm_status (*load)(fmi_net **out, const void *bytes, size_t size, fm_error *err);
    void (*free)(fmi_net *net);

    /* part "" is the archive's own network, else the name of a submodule ("pnet"). Prepared once
     * for each (part, config) and shared from then on; synchronised inside. FM_E_UNSUPPORTED for a
     * precision that cannot be had, FM_E_CORRUPT when there is no such part. */
    fm_status (*prepare)(fmi_net *net, const char *part, const fmi_part_config *config,
                         fmi_part **out, fm_error *err);

    /* in: float32, contiguous NCHW of `shape`. out: float32, the network's one output tensor,
     * contiguous, which must have exactly out_len elements (else FM_E_BACKEND, naming both). */
    fm_status (*run)(fmi_part *part, int32_t threads, const float *in, const int64_t shape[4],
                     float *out, size_t out_len, fm_error *err);

    /* Training. A network that takes part may have
     *   a method initialize() that draws all its weights from torch's default generator, and
     *   a buffer feature_max, float32[dim]: what its features are divided by, but not in training.
     * FM_E_UNSUPPORTED: fresh without initialize; FM_E_DEVICE: no such device;
     * FM_E_INVALID_ARGUMENT: no parameter has such a name, or none is left to train. */
    fm_status (*learner_new)(fmi_net *net, const fmi_learner_config *config, fmi_learner **out,
                             fm_error *err);
    void (*learner_free)(fmi_learner *learner);

    /* In training mode, for `backward`. part: which of config.parts; 0 without them. step: counts
     * from 0 through the whole run, and seeds what is random. features float32[n][head_dim or dim];
     * logits float32[n][classes], NULL without. The process's own random generator is as it was
     * afterwards. */
    fm_status (*learner_forward)(fmi_learner *learner, size_t part, uint64_t step, const float *in,
                                 const int64_t shape[4], float *features, float *logits,
                                 fm_error *err);
    /* Gradients of the loss by what `forward` gave last (one of the first two may be NULL) and by
     * the extra parameters (NULL without), then one step of that part's optimiser with that rate.
     * Nothing is kept of the forward pass. */
    fm_status (*learner_step)(fmi_learner *learner, const float *features_gradient,
                              const float *logits_gradient, const float *extra_gradient,
                              double rate, fm_error *err);
    /* In evaluation mode, float32[n][head_dim or dim]. */
    fm_status (*learner_run)(fmi_learner *learner, size_t part, const float *in,
                             const int64_t shape[4], float *out, fm_error *err);
    /* float32[config.extra] */
    fm_status (*learner_extra)(fmi_learner *learner, float *out, fm_error *err);
    bool (*learner_has_feature_max)(const fmi_learner *learner);
    fm_status (*learner_set_feature_max)(fmi_learner *learner, const float *largest, fm_error *err);

    /* All that changes in training, the optimiser's state too. *out by fmi_alloc. FM_E_CORRUPT:
     * another learner's, or damaged; then nothing is changed. */
    fm_status (*learner_state)(const fmi_learner *learner, void **out, size_t *size, fm_error *err);
    fm_status (*learner_restore)(fmi_learner *learner, const void *bytes, size_t size,
                                 fm_error *err);
    /* A whole archive with this manifest. *out by fmi_alloc. Can be trained again. */
    fm_status (*learner_archive)(const fmi_learner *learner, const char *manifest, size_t length,
                                 void **out, size_t *size, fm_error *err);
} fmi_backend;

/* The one linked in. */
const fmi_backend *fmi_backend_get(void);

#ifdef __cplusplus
}
#endif

#endif
