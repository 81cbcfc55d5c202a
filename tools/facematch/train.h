/* facematch train: what its parts share. */
#ifndef TOOL_TRAIN_H
#define TOOL_TRAIN_H

#include <facematch/facematch.h>
#include <jansson.h>

#include "context.h"
#include "faces.h"

/* The photographs, those of --validation behind those of --data. */
typedef struct train_photos {
    faces data, validation;
    fm_frame_class *shows[2]; /* of data and validation, for a liveness model; else NULL */
    bool *left_out;           /* [person of data] */
    size_t left_out_count;
} train_photos;

/* What a finding is about: those of the library, and three of reading. */
enum { TRAIN_NO_FACE = FM_FINDING_OVERLAP + 1, TRAIN_UNFIT, TRAIN_UNREADABLE, TRAIN_KINDS };

typedef struct train_run {
    const options *opts;
    context ctx;
    train_photos photos;
    fm_trainer_options settings;
    fm_trainer *trainer;
    fm_training_stats stats;   /* after the last whole epoch */
    json_t *epochs;            /* [{...}]: one object per epoch, as --json prints it */
    json_t *findings;          /* [{"finding":..}] */
    size_t tally[TRAIN_KINDS]; /* of findings */
    json_t *held;              /* those of a check that is not finished; else NULL */
    int64_t checked;           /* photographs, as the library counted last */
    double started;
} train_run;

/* cmd_train.c: the user interrupted. */
bool train_is_stopped(void);

/* train_settings.c: what the options ask for. False: reported. */
bool train_check(const options *opts);
bool train_settings_make(train_run *run);
json_t *train_settings_json(const train_run *run); /* {name: value} of what was given */
const char *train_loss_name(const train_run *run);

/* train_photos.c */
bool train_photos_list(train_run *run); /* after the model is known */
bool train_photos_add(train_run *run);
void train_photos_free(train_photos *photos);

/* train_frames.c: for a liveness model, what --data holds; people who can be left out, as indices;
 * how many live faces and attacks there are, and how many frames are not used. False: reported. */
bool train_frames_list(train_photos *photos, const options *opts);
size_t train_frames_with_both(const train_photos *photos, size_t *people);
void train_frames_tell(const train_run *run);

/* train_findings.c: told to people on standard error, the first few of each kind, and with --json
 * as objects on standard output, all of them. */
void train_on_finding(void *user, const fm_finding *finding); /* user: a train_run */
/* Look for wrong labels, under a progress bar; where there are too many to be believed, that is
 * told instead. */
fm_status train_findings_check(train_run *run, fm_error *err);
int32_t train_on_check(void *user, int64_t done, int64_t total); /* user: a train_run */
void train_findings_end(const train_run *run); /* how many were not told to people */

/* train_report.c: the page and its twin, as things stand; nothing without --report. */
bool train_report_write(const train_run *run);
/* After a resume: the epochs that the twin of the page tells of. */
void train_report_read(train_run *run);

#endif
