/* Training: from labelled photographs to a model file that the rest of the library uses like any
 * other.
 *
 *     fm_trainer_options options;
 *     fm_trainer_options_init(&options, sizeof options);
 *     options.detector = detector;
 *     options.fresh = 1;
 *     fm_trainer *trainer = NULL;
 *     if (fm_trainer_create(&trainer, architecture, &options, &err) != FM_OK) ...
 *     for (...) fm_trainer_add_image(trainer, photo, "anna", "anna/1.jpg", FM_ROLE_TRAIN, &err);
 *     do {
 *         if (fm_trainer_epoch(trainer, NULL, NULL, &err) != FM_OK) ...
 *         fm_trainer_stats(trainer, &stats, &err);
 *     } while (!stats.finished);
 *     fm_trainer_save(trainer, "mine.pt", NULL, &err);
 *     fm_trainer_free(trainer);
 *
 * A network begins as a loaded model: an architecture with weights drawn anew (fresh), or one that
 * was trained before. The model itself is not changed. docs/training.md goes through all of it.
 *
 * A liveness model is trained in the same way, on whole frames of live faces and of attacks, each
 * added by fm_trainer_add_frame.
 *
 * Everything random follows from options.seed: with one thread, the same photographs added in the
 * same order and the same options give the same weights, whether or not the run was interrupted and
 * resumed.
 */
#ifndef FACEMATCH_TRAIN_H
#define FACEMATCH_TRAIN_H

#include "image.h"
#include "liveness.h"
#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A network being trained, and its photographs. Opaque; free with fm_trainer_free. */
typedef struct fm_trainer fm_trainer;

/** What is made small. */
typedef int32_t fm_loss;
enum {
    /** max(|f(A)-f(P)|^2 - |f(A)-f(N)|^2 + margin, 0) over triplets of anchor, positive and
     * negative: Schroff et al., CVPR 2015, sec. 3.1. The model keeps its metric. */
    FM_LOSS_TRIPLET = 1,
    /** Cross entropy of a linear layer over the people, which is dropped when the model is saved:
     * Taigman et al., CVPR 2014, sec. 3.2. The model keeps its metric. */
    FM_LOSS_SOFTMAX = 2,
    /** Binary cross entropy of sigmoid(sum w_i |a_i-b_i| + b) over the pairs of a batch, genuine
     * and impostor ones with the same weight: Taigman et al. 2014, sec. 4.2. The model gets the
     * metric FM_METRIC_SIAMESE with the learned w and b. */
    FM_LOSS_SIAMESE = 3,
    /** The same of sigmoid(b - sum w_i (a_i-b_i)^2 / (a_i+b_i)); the paper has a linear SVM in the
     * place of the logistic loss (sec. 4.1). The model gets FM_METRIC_CHI_SQUARED with w. */
    FM_LOSS_CHI_SQUARED = 4
};

/** Which triplets of a batch count, chosen on its current embeddings. */
typedef int32_t fm_mining;
enum {
    /** One for each anchor that has a positive and a negative: the farthest positive, the nearest
     * negative. Hermans et al. 2017, arXiv:1703.07737, sec. 2. */
    FM_MINING_BATCH_HARD = 1,
    /** All whose negative is farther than the positive, yet within the margin. Schroff et al. 2015,
     * sec. 3.2. */
    FM_MINING_SEMI_HARD = 2,
    FM_MINING_ALL = 3 /**< all */
};

/** How the losses of a batch become one number. */
typedef int32_t fm_reduction;
enum {
    FM_REDUCTION_MEAN = 1, /**< over the mined triplets */
    FM_REDUCTION_SUM = 2   /**< their sum */
};

/** How weights follow their gradients. */
typedef int32_t fm_optimizer;
enum {
    FM_OPTIMIZER_ADAM = 1,   /**< Kingma & Ba 2015, beta 0.9 and 0.999 */
    FM_OPTIMIZER_SGD = 2,    /**< with momentum */
    FM_OPTIMIZER_ADAGRAD = 3 /**< Duchi et al. 2011, as Schroff et al. used it */
};

/** How the learning rate changes from epoch to epoch. */
typedef int32_t fm_schedule;
enum {
    FM_SCHEDULE_COSINE = 1,   /**< from learning_rate down to 0 over all epochs */
    FM_SCHEDULE_CONSTANT = 2, /**< as it is */
    FM_SCHEDULE_STEP = 3      /**< a tenth of it after each schedule_epochs */
};

/** What a photograph is for. */
typedef int32_t fm_role;
enum {
    FM_ROLE_TRAIN = 1,     /**< to learn from */
    FM_ROLE_VALIDATION = 2 /**< of people left out of training: measures each epoch, and makes the
                                calibration of the saved model */
};

/** What a frame for a liveness model shows. From 0 on: the class of that number in what its networks
 * give (docs/models.md). */
typedef int32_t fm_frame_class;
enum {
    FM_FRAME_LIVE = -1,  /**< a live face: the class that the model's manifest calls live */
    FM_FRAME_ATTACK = -2 /**< an attack of any kind: one of the other classes, whichever */
};

/** How much photographs are varied each time they are shown: each value is drawn evenly between
 * what it says and its opposite. All 0: not at all. Frozen. */
typedef struct fm_augmentation {
    float flip;       /**< probability that the picture is mirrored, 0..1 */
    float shift;      /**< share of width and height, 0..0.5 */
    float scale;      /**< share of the size, 0..0.5 */
    float brightness; /**< share of the full range, 0..1 */
    float contrast;   /**< share of the contrast about mid grey, 0..1 */
    float blur;       /**< largest standard deviation of a Gaussian blur, pixels, 0..8; drawn between
                           0 and this */
} fm_augmentation;

/** Something that is wrong with the data or the run, with what to do about it. */
typedef int32_t fm_finding_kind;
enum {
    FM_FINDING_COLLAPSE = 1,    /**< all embeddings alike, the loss at the margin: fatal */
    FM_FINDING_EXPLOSION = 2,   /**< loss or weights no longer finite, or huge: fatal */
    FM_FINDING_NO_ACTIVE = 3,   /**< an epoch without one active triplet: nothing was learned */
    FM_FINDING_SINGLE = 4,      /**< a person with one photograph: of no use to pairs and triplets */
    FM_FINDING_WRONG_LABEL = 5, /**< a photograph far from its own person and near another */
    FM_FINDING_OVERLAP = 6      /**< a person both trained on and left out: fatal */
};

/** One finding. Frozen. Pointers are valid for the call only. */
typedef struct fm_finding {
    fm_finding_kind kind; /**< what it is about */
    int32_t fatal;       /**< 1: the call fails with FM_E_TRAINING and this message */
    const char *person;  /**< "" where it is about no one */
    const char *image;   /**< name given to fm_trainer_add_image; "" where it is about none */
    const char *other;   /**< FM_FINDING_WRONG_LABEL: the person it is nearest to; else "" */
    const char *message; /**< one line of UTF-8: what is wrong, and what to do */
} fm_finding;

/** Receives one finding, from the thread that trains.
 *
 * @param[in] user     as in the options.
 * @param[in] finding  valid for the call only. */
typedef void (*fm_finding_fn)(void *user, const fm_finding *finding);

/** How far fm_trainer_check has come; called by the thread that checks.
 *
 * @param[in] user   fm_trainer_options.user.
 * @param     done   photographs: it counts up to total twice, since the network looks at all of them
 *                   first, and then each is compared with the others.
 * @param     total  photographs.
 * @return 0 to go on; anything else stops: the call answers FM_E_CANCELED. */
typedef int32_t (*fm_check_fn)(void *user, int64_t done, int64_t total);

/** Options of fm_trainer_create. Zero means default everywhere. */
typedef struct fm_trainer_options {
    uint32_t struct_size;           /**< sizeof(fm_trainer_options), set by fm_trainer_options_init */
    fm_loss loss;                   /**< default FM_LOSS_TRIPLET; of a liveness model
                                         FM_LOSS_SOFTMAX, and no other */
    fm_mining mining;               /**< default FM_MINING_BATCH_HARD */
    fm_reduction reduction;         /**< default FM_REDUCTION_MEAN */
    float margin;                   /**< of squared distances, 0 < margin <= 100; default 0.2 */
    int32_t people_per_batch;       /**< P, 2..10,000; default 8 */
    int32_t photographs_per_person; /**< K, 2..1,000, and P * K up to 4,096; default 4. A person
                                         with fewer is shown as often as needed */
    int32_t epochs;                 /**< 1..100,000; default 30 */
    int32_t steps_per_epoch;        /**< default: as many as show each photograph about once */
    fm_optimizer optimizer;         /**< default FM_OPTIMIZER_ADAM */
    float learning_rate;            /**< > 0; default 0.001, of a liveness model 0.0001 */
    float momentum;                 /**< of SGD, 0..1; default 0.9; below 0: none */
    float weight_decay;             /**< >= 0; default 0. Of a learned metric: towards equal weights */
    fm_schedule schedule;           /**< default FM_SCHEDULE_COSINE */
    int32_t schedule_epochs;        /**< of FM_SCHEDULE_STEP; default 10 */
    int32_t patience;               /**< epochs without a lower EER on the people left out (of a
                                         liveness model: or as low a one, and a lower loss) after
                                         which training ends; default: never */
    int32_t fresh;                  /**< 1: draw all weights anew, for a model that is an
                                         architecture; 0: go on from the model's own */
    int32_t head_dim;               /**< > 0: a new linear layer of so many outputs behind the
                                         network, which becomes part of the model */
    const char *const *freeze;      /**< names of layers that stay as they are, with all below them
                                         ("conv1", "block.2"); "all": the whole network, and of a
                                         liveness model all but the last layer of each network.
                                         Borrowed */
    size_t freeze_count;            /**< of freeze; 0 with NULL */
    fm_augmentation augmentation;   /**< default: none */
    uint64_t seed;                  /**< of everything random; default 0 */
    const char *device;       /**< "cpu" (default) or "cuda:0"; borrowed for the call */
    int32_t threads;          /**< cores one step may use, 1..256; default 1 */
    int32_t aligned;          /**< 1: photographs are crops already, and are resized to the input */
    const fm_model *detector; /**< finds the faces unless aligned */
    fm_finding_fn on_finding; /**< NULL: only fatal findings are told, as errors */
    void *user;               /**< for on_finding and on_check */
    const fm_liveness_options *liveness; /**< of a liveness model: its min_* say which frames are fit
                                              to train on and to measure by, as fm_liveness will
                                              have them; borrowed for the call; NULL for defaults */
    fm_check_fn on_check; /**< of fm_trainer_check, which it can stop; NULL for none. It must not call
                               the library on this trainer */
    /* --- 0.1 ends here, append below --- */
} fm_trainer_options;

/** Where a run stands within an epoch. Frozen. */
typedef struct fm_training_step {
    int32_t epoch,         /**< the first is 1 */
        epochs;            /**< of the run */
    int32_t step,          /**< of this epoch; the first is 1 */
        steps;             /**< of this epoch */
    double loss;           /**< of the step */
    double active;         /**< share of mined triplets (pairs, for a learned metric: those decided
                                wrongly) with a loss above 0; softmax: share classified wrongly */
    double positive_distance; /**< mean Euclidean distance of genuine pairs of the batch */
    double negative_distance; /**< of impostor pairs */
} fm_training_step;

/** How far an epoch has come; called by the thread that trains, after each step.
 *
 * @param[in] user  as given to fm_trainer_epoch.
 * @param[in] step  valid for the call only.
 * @return 0 to go on; anything else stops: the call answers FM_E_CANCELED. */
typedef int32_t (*fm_training_fn)(void *user, const fm_training_step *step);

/** How a run stands after its last whole epoch. */
typedef struct fm_training_stats {
    uint32_t struct_size; /**< sizeof(fm_training_stats), set by the caller */
    int32_t finished;     /**< 1: all epochs are done, or patience is at its end */
    int32_t epoch,             /**< whole ones that were run */
        epochs;                /**< of the run */
    int32_t steps;             /**< of an epoch */
    int32_t people;            /**< trained on */
    int64_t photographs;       /**< trained on */
    int32_t validation_people; /**< left out */
    int32_t best_epoch;        /**< with the lowest EER (and of a liveness model the lowest loss);
                                    0: before the first. Saved is that one */
    int64_t validation_photographs; /**< left out */
    double loss,               /**< mean over the epoch's steps; NaN before the first */
        active,                /**< likewise, of fm_training_step.active */
        positive_distance,     /**< likewise */
        negative_distance;     /**< likewise */
    double learning_rate; /**< of the epoch */
    double eer;           /**< on all pairs of the people left out, or on their frames; NaN without
                               them */
    double best_eer;      /**< of best_epoch */
    double first_eer;     /**< before the first epoch */
    double validation_loss; /**< of a liveness model, on the frames of the people left out; NaN without
                                 them; of others 0 */
    double best_validation_loss;  /**< of the epoch best_epoch */
    double first_validation_loss; /**< before the first epoch */
    /* --- 0.1 ends here, append below --- */
} fm_training_stats;

/** What the saved model says about itself. Zero means default everywhere. */
typedef struct fm_trainer_save_options {
    uint32_t struct_size; /**< sizeof(fm_trainer_save_options), set by its init function */
    int32_t overwrite;    /**< 1: replace a file that is there already */
    const char *name;          /**< default: the file's name without .pt */
    const char *license;       /**< default: the model's; of a fresh one "not stated" */
    const char *source;        /**< default: "trained by libfacematch from " and the model's name */
    const char *training_data; /**< default: the counts of people and photographs */
    const char *dataset;       /**< of the calibration; default: the count of people left out */
    /* --- 0.1 ends here, append below --- */
} fm_trainer_save_options;

/** Fill options with defaults.
 *
 * @param[out] options      written up to struct_size bytes; NULL is a no-op.
 * @param      struct_size  sizeof(fm_trainer_options) of the caller.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API void fm_trainer_options_init(fm_trainer_options *options, uint32_t struct_size);

/** Fill options with defaults.
 *
 * @param[out] options      written up to struct_size bytes; NULL is a no-op.
 * @param      struct_size  sizeof(fm_trainer_save_options) of the caller.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API void fm_trainer_save_options_init(fm_trainer_save_options *options, uint32_t struct_size);

/** Begin to train a copy of a model's network. It holds references to its models.
 *
 * @param[out] out      the trainer; untouched on failure. Free with fm_trainer_free.
 * @param[in]  model    an embedder, or a liveness model whose networks give logits. A bundle can be
 *                      given a learned metric, with "all" frozen and no head; nothing else of it can
 *                      be trained.
 * @param[in]  options  NULL for defaults.
 * @param[out] err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT (a value out of range, a detector, a layer that is not there,
 *   nothing left to train; a liveness model with another loss, a head or aligned, or limits out of
 *   range);
 *   FM_E_UNSUPPORTED (fresh for a model that cannot draw its weights; a bundle; a learned metric
 *   without a metric to learn; a liveness model that gives probabilities); FM_E_DEVICE (no such
 *   device); FM_E_BACKEND; FM_E_NO_MEMORY.
 * Threads: any.   Cost: copies the network.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_trainer_create(fm_trainer **out, const fm_model *model,
                                                const fm_trainer_options *options, fm_error *err);

/** Add a photograph: its face is found, aligned and kept as a crop of the model's input size.
 *
 * @param[in,out] trainer  unchanged on failure; before its first epoch.
 * @param[in]     image    copied: may be freed at once.
 * @param[in]     person   who is in it: UTF-8, 1..255 bytes.
 * @param[in]     name     of the photograph, for findings: UTF-8, up to 4,095 bytes; NULL: "".
 * @param         role     FM_ROLE_TRAIN or FM_ROLE_VALIDATION.
 * @param[out]    err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT (a liveness model's, too); FM_E_NOT_FOUND (no face);
 *   FM_E_STATE (an epoch was run already; neither a detector nor aligned); FM_E_BACKEND;
 *   FM_E_NO_MEMORY.
 * Threads: confined.   Cost: width * height * 3 bytes of the model's input.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_trainer_add_image(fm_trainer *trainer, const fm_image *image,
                                                   const char *person, const char *name,
                                                   fm_role role, fm_error *err);

/** Add a frame to the trainer of a liveness model: its face is found, and what each network looks at
 * is kept, cut as fm_liveness cuts it. A frame of which fm_liveness would say UNCERTAIN whatever the
 * score, since the face is too small, cut, blurred or has too little around it, is refused: nothing is
 * learned from what nobody is asked about, and measured is what is answered.
 *
 * @param[in,out] trainer  unchanged on failure; before its first epoch.
 * @param[in]     image    the whole frame; copied: may be freed at once.
 * @param         shows    FM_FRAME_LIVE, FM_FRAME_ATTACK, or the number of a class.
 * @param[in]     person   whose face it is, live or in a picture: UTF-8, 1..255 bytes. No one is both
 *                         trained on and left out.
 * @param[in]     name     of the frame, for findings: UTF-8, up to 4,095 bytes; NULL: "".
 * @param         role     FM_ROLE_TRAIN or FM_ROLE_VALIDATION.
 * @param[out]    err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT (no such class; an embedder's trainer); FM_E_NOT_FOUND (no
 *   face); FM_E_REFUSED (unfit by fm_trainer_options.liveness: the message has the reason, what was
 *   measured and the limit); FM_E_STATE (an epoch was run already; no detector); FM_E_BACKEND;
 *   FM_E_NO_MEMORY.
 * Threads: confined.   Cost: width * height * 3 bytes of each network's input.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_trainer_add_frame(fm_trainer *trainer, const fm_image *image,
                                                   fm_frame_class shows, const char *person,
                                                   const char *name, fm_role role, fm_error *err);

/** Look for photographs that seem to be of another person, by the network as it is now.
 *
 * Each, left out or not, is told to on_finding as FM_FINDING_WRONG_LABEL: one of a person with three
 * photographs or more whose mean distance to the others is above that to another person's. Worth
 * while with a network that knows faces: before training from a trained model, or after training.
 *
 * @param[in]  trainer  with photographs of two people.
 * @param[out] suspects how many were told; may be NULL; untouched on failure.
 * @param[out] err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_STATE (too few people); FM_E_UNSUPPORTED (a liveness
 *   model's); FM_E_TRAINING (embeddings that are not finite); FM_E_CANCELED;
 *   FM_E_BACKEND; FM_E_NO_MEMORY.
 * Threads: confined.   Cost: one pass over the photographs, and O(n^2 dim).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_trainer_check(fm_trainer *trainer, size_t *suspects, fm_error *err);

/** Train for one epoch, then measure on the people left out.
 *
 * @param[in,out] trainer   after a failure or when canceled: where it was after the last whole
 *                          epoch, unless the failure was FM_E_TRAINING, which is final.
 * @param         progress  called after each step; may be NULL. It must not call the library on
 *                          this trainer.
 * @param[in]     user      for progress.
 * @param[out]    err       optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_STATE (finished already; too few people or
 *   photographs; for a liveness model no live face, or no attack); FM_E_TRAINING (collapse, explosion,
 *   people in both roles: the message says what to do); FM_E_CANCELED; FM_E_BACKEND; FM_E_NO_MEMORY.
 * Threads: confined.
 * Cost: a forward and a backward pass for each step, and a forward pass of each photograph left out.
 * Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_trainer_epoch(fm_trainer *trainer, fm_training_fn progress,
                                               void *user, fm_error *err);

/** How the run stands.
 *
 * @param[in]     trainer  the trainer.
 * @param[in,out] stats    struct_size set by the caller; untouched on failure.
 * @param[out]    err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT.
 * Threads: confined.   Cost: O(1).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_trainer_stats(const fm_trainer *trainer, fm_training_stats *stats,
                                               fm_error *err);

/** Write all that is needed to go on from here, but the photographs.
 *
 * @param[in]  trainer  after an epoch, or after a first one that was canceled.
 * @param[in]  path     written beside it and renamed over it when all is on the disk; readable by
 *                      its owner alone.
 * @param[out] err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_STATE (no epoch yet, or training has failed); FM_E_IO;
 *   FM_E_NO_MEMORY.
 * Threads: confined.   Cost: writes weights and the optimiser's state.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_trainer_checkpoint(const fm_trainer *trainer, const char *path,
                                                    fm_error *err);

/** Go on where a checkpoint was written: made from the same model with the same options (threads,
 * device and callbacks may differ), the same photographs added in the same order.
 *
 * @param[in,out] trainer  before its first epoch; unchanged on failure.
 * @param[in]     path     what fm_trainer_checkpoint wrote. Load only what you trust.
 * @param[out]    err      optional error detail; says what differs.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_NOT_FOUND; FM_E_IO; FM_E_CORRUPT; FM_E_VERSION;
 *   FM_E_STATE (an epoch was run already; other photographs, options or model); FM_E_NO_MEMORY.
 * Threads: confined.   Cost: reads the file.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_trainer_resume(fm_trainer *trainer, const char *path,
                                                fm_error *err);

/** Write the network as a model file: the weights of the best epoch on the people left out, without
 * them those of the last.
 *
 * Its manifest is the model's, with a learned metric if there is one, and with a calibration from
 * all comparisons of the people left out, or none where these are too few. A liveness model's has
 * none: fm_liveness_calibrate makes one.
 *
 * @param[in]  trainer  after an epoch.
 * @param[in]  path     of the .pt file; written beside it and renamed when all is on the disk.
 * @param[in]  options  NULL for defaults.
 * @param[out] err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_STATE (no epoch yet, or training has failed);
 *   FM_E_EXISTS; FM_E_IO; FM_E_BACKEND; FM_E_NO_MEMORY.
 * Threads: confined.   Cost: writes the network, and makes the calibration.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_trainer_save(fm_trainer *trainer, const char *path,
                                              const fm_trainer_save_options *options,
                                              fm_error *err);

/** Release a trainer, its photographs wiped.
 *
 * @param[in] trainer  NULL is a no-op.
 * Threads: no other thread may be using it.   Cost: O(photographs), which are wiped.
 * Since: 0.1. */
FM_API void fm_trainer_free(fm_trainer *trainer);

#ifdef __cplusplus
}
#endif

#endif
