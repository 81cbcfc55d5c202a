/* What an fm_trainer holds, and the steps of its work. */
#ifndef FMI_TRAINER_H
#define FMI_TRAINER_H

#include "core/random.h"
#include "face/session.h"
#include "train/loss.h"
#include "train/sampler.h"
#include <facematch/evaluate.h>
#include <facematch/train.h>
#include <sodium.h>

typedef struct fmi_person {
    char *name;
    size_t photographs[2]; /* to train on, left out */
    int32_t label;         /* among those trained on; -1 before the first epoch and for others */
} fmi_person;

typedef struct fmi_photograph {
    fmi_crops crops;
    char *name;
    int32_t person;
    int32_t label; /* of a frame for a liveness model: its class, or FMI_CLASS_ATTACK; else 0 */
    fm_role role;
} fmi_photograph;

/* photographs.c */
typedef struct fmi_photographs {
    fmi_person *people;
    size_t people_count, people_room;
    int32_t *table; /* of places in people, by hash; -1: free */
    size_t table_size;
    fmi_photograph *of;
    size_t count, room;
    size_t people_of[2], count_of[2];     /* by role */
    crypto_hash_sha256_state fingerprint; /* of all that was added */
} fmi_photographs;

/* Numbers of the run that go into a checkpoint. */
typedef struct fmi_run {
    int32_t epoch, best_epoch, finished;
    int32_t idle;          /* epochs since the best */
    int32_t collapsed;     /* steps in a row that look like a collapse */
    int32_t swollen;       /* like an explosion */
    int32_t alike;         /* epochs in a row with all embeddings of those left out alike */
    int32_t drawn;         /* in which all embeddings draw together */
    int32_t astray;        /* with a loss far above what knowing nothing gives */
    int32_t told_inactive; /* FM_FINDING_NO_ACTIVE was told */
    double loss, active, positive_distance, negative_distance, rate;
    double eer, best_eer, first_eer;
    double validation_loss, best_validation_loss, first_validation_loss; /* of a liveness model */
    double first_distance, first_size, first_loss; /* of the first batch: what is normal */
    double weight, bias; /* a learned metric's where nothing was learned yet */
} fmi_run;

/* What fmi_backend.learner_state gave. */
typedef struct fmi_snapshot {
    void *bytes;
    size_t size;
} fmi_snapshot;

struct fm_trainer {
    fm_model *model;
    fm_session *detecting;      /* NULL without a detector */
    fm_liveness_options limits; /* of a liveness model: which frames are fit */
    fm_trainer_options options; /* defaults filled in; its pointers are to what follows */
    char *device;
    char **freeze; /* without "all" */
    size_t freeze_count;
    bool liveness;   /* the model is of that kind: frames.c */
    size_t nets;     /* that are trained; 1 but for a liveness model */
    bool last_only;  /* of each only the last layer is trained */
    bool frozen;     /* the network stays as it is: its outputs are computed once */
    bool learned;    /* the metric is */
    bool augmenting; /* photographs are varied */

    /* What will be saved. Texts are the model's; members and weights are own. */
    fmi_manifest manifest;
    fmi_member members[FMI_MEMBERS_MAX];
    float *weights; /* of a learned metric */

    fmi_photographs photographs;
    size_t *first;     /* of the sampler */
    int32_t *rows;     /* photographs in order of people: those to train on, those left out */
    int32_t *left_out; /* the latter */
    fmi_sampler sampler;
    float *outputs; /* frozen: [photographs][dim of the network] */

    fmi_learner *learner;
    int32_t classes; /* of the learner; -1: no learner */
    bool scales;     /* the learner has features to divide by their largest values */
    bool started;    /* the run has numbers: before or behind the first epoch */
    bool failed;     /* FM_E_TRAINING was answered */
    bool changed;    /* the learner is not what `last` says */
    fmi_run run;
    fmi_snapshot last, best; /* best.bytes NULL: the same as last */
};

/* options.c: fill in defaults, refuse what is out of range */
fm_status fmi_trainer_options_fill(fm_trainer_options *options, fm_model_kind kind, fm_error *err);

/* trainer.c */
fm_status fmi_trainer_create(fm_trainer **out, const fm_model *model,
                             const fm_trainer_options *options, fm_error *err);
void fmi_trainer_free(fm_trainer *trainer);
/* trainer.c: a learner with so many classes, at its beginning unless it has them already */
fm_status fmi_trainer_learner(fm_trainer *trainer, int32_t classes, fm_error *err);
/* trainer.c: floats of an embedding, and of what the network gives */
size_t fmi_trainer_dim(const fm_trainer *trainer);
size_t fmi_trainer_network_dim(const fm_trainer *trainer);

/* photographs.c; label: of a frame, else 0 */
fm_status fmi_trainer_add_image(fm_trainer *trainer, const fm_image *image, int32_t label,
                                const char *person, const char *name, fm_role role, fm_error *err);
void fmi_photographs_dispose(fmi_photographs *photographs);

/* input.c: what goes into a network of the learner for one photograph. random NULL: as it is. */
size_t fmi_trainer_input_size(const fm_trainer *trainer, size_t net); /* floats */
void fmi_trainer_input_shape(const fm_trainer *trainer, size_t net, size_t n, int64_t shape[4]);
fm_status fmi_trainer_input(const fm_trainer *trainer, size_t net, int32_t photograph,
                            const fmi_random *random, float *out, fm_error *err);
/* input.c: a frozen network's outputs; a no-op where they are there or not needed */
fm_status fmi_trainer_outputs(fm_trainer *trainer, fm_error *err);

/* features.c: a network as it is now, in evaluation mode */
fm_status fmi_trainer_embed(fm_trainer *trainer, size_t net, const int32_t *photographs, size_t n,
                            float *out, fm_error *err);
/* features.c: features are divided by their largest value over those trained on, if they want to */
fm_status fmi_trainer_scale_features(fm_trainer *trainer, fm_error *err);

/* learned.c: where the metric begins */
fm_status fmi_learned_begin(fm_trainer *trainer, fm_error *err);
/* learned.c: weights of the manifest from what the learner has learned */
fm_status fmi_learned_update(fm_trainer *trainer, fm_error *err);
/* learned.c: from the gradient by weights and bias to that by what the learner learns, in place */
void fmi_learned_gradient(const fm_trainer *trainer, float *gradient);

/* begin.c: photographs are ready to be drawn from */
fm_status fmi_trainer_prepare(fm_trainer *trainer, fm_error *err);
/* begin.c: all that comes before the first epoch */
fm_status fmi_trainer_begin(fm_trainer *trainer, fm_error *err);
/* begin.c: the learner is what it was after the last whole epoch */
fm_status fmi_trainer_settle(fm_trainer *trainer, fm_error *err);
int32_t
fmi_trainer_steps(const fm_trainer *trainer); /* of an epoch; 0 where nothing can be drawn */

/* epoch.c */
fm_status fmi_trainer_epoch(fm_trainer *trainer, fm_training_fn progress, void *user,
                            fm_error *err);

/* schedule.c: the learning rate of an epoch, the first being 1 */
double fmi_schedule_rate(const fm_trainer_options *options, int32_t epoch);

/* validate.c: all comparisons of those left out, unsorted; with_people as for a calibration */
fm_status fmi_validate(fm_trainer *trainer, bool with_people, fm_evaluation **out, bool *alike,
                       fm_error *err);
/* What those left out say; NaN without them. */
typedef struct fmi_validation {
    double eer;
    double loss; /* of a liveness model; else NaN */
    bool alike;  /* their embeddings are all the same */
} fmi_validation;
/* validate.c: of what was compared, which is sorted by it; *eer untouched on failure */
fm_status fmi_validate_eer(fm_evaluation *evaluation, double *eer, fm_error *err);
/* validate.c */
fm_status fmi_validate_figures(fm_trainer *trainer, fmi_validation *out, fm_error *err);

/* frames.c: can a liveness model be trained so? */
fm_status fmi_frames_check_model(const fm_trainer *trainer, fm_error *err);
/* frames.c: the label of a frame */
fm_status fmi_frames_class(const fm_trainer *trainer, fm_frame_class given, int32_t *out,
                           fm_error *err);
/* frames.c: what each network looks at of a face. FM_E_REFUSED: fm_liveness would not ask them */
fm_status fmi_frames_crops(const fm_trainer *trainer, const fm_image *image, const fm_face *face,
                           fmi_crops *out, fm_error *err);
/* frames.c: there are live faces and attacks */
fm_status fmi_frames_check(const fm_trainer *trainer, fm_error *err);
/* frames.c: eer and loss of those left out, of whom there are some */
fm_status fmi_frames_measure(fm_trainer *trainer, fmi_validation *out, fm_error *err);

/* watch.c: tell a finding; FM_E_TRAINING if it is fatal, else FM_OK */
fm_status fmi_tell(fm_trainer *trainer, const fm_finding *finding, fm_error *err);
fm_status fmi_watch_photographs(fm_trainer *trainer, fm_error *err);
/* watch.c: is what the network gives sound? Before the loss is looked at */
fm_status fmi_watch_features(fm_trainer *trainer, const float *features, size_t n, fmi_run *run,
                             fm_error *err);
/* watch.c: is the loss? */
fm_status fmi_watch_step(fm_trainer *trainer, const fmi_loss_figures *figures, fmi_run *run,
                         fm_error *err);
typedef struct fmi_epoch_figures {
    double mean_loss; /* of a triplet, a pair or a row */
    int64_t active;
} fmi_epoch_figures;
/* watch.c: alike: all embeddings of those left out are the same */
fm_status fmi_watch_epoch(fm_trainer *trainer, const fmi_epoch_figures *figures, bool alike,
                          fmi_run *run, fm_error *err);
/* watch.c: the loss without its reduction to a sum */
double fmi_mean_loss(const fm_trainer *trainer, const fmi_loss_figures *figures);
/* watch.c: what: "the loss is" */
fm_status fmi_fail_explosion(fm_trainer *trainer, const char *what, fm_error *err);

/* check.c */
fm_status fmi_trainer_check(fm_trainer *trainer, size_t *suspects, fm_error *err);

/* checkpoint.c */
fm_status fmi_trainer_checkpoint(const fm_trainer *trainer, const char *path, fm_error *err);
fm_status fmi_trainer_resume(fm_trainer *trainer, const char *path, fm_error *err);

/* fingerprint.c: what must be the same where a run goes on */
enum { FMI_PRINTS = 3 };
typedef struct fmi_fingerprint {
    uint8_t of[FMI_PRINTS][crypto_hash_sha256_BYTES];
} fmi_fingerprint;
extern const char *const fmi_fingerprint_names[FMI_PRINTS];
void fmi_fingerprint_take(const fm_trainer *trainer, fmi_fingerprint *out);

/* save.c; options as read, without defaults */
fm_status fmi_trainer_save(fm_trainer *trainer, const char *path,
                           const fm_trainer_save_options *options, fm_error *err);

#endif
