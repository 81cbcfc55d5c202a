/* Photographs of live faces and of attacks (presentation attack detection), and what a liveness
 * model says of each. */
#ifndef TOOL_PAD_H
#define TOOL_PAD_H

#include "context.h"
#include "walk.h"

enum { PAD_LIVE = 0 }; /* of the kinds */

typedef struct pad_photo {
    char *path;
    int32_t kind;   /* its name: kinds.items[kind] */
    int32_t person; /* people.items[person]; -1: nobody has told */
    bool found;     /* a face, after pad_look */
    bool scored;    /* it can be told: not too small, cut, blurred, ... */
    fm_liveness_result seen;
} pad_photo;

typedef struct pad_set {
    names kinds; /* "live" first */
    names people;
    pad_photo *photos;
    size_t count, room;
    bool with_people; /* everybody is known */
} pad_set;

/* Between the scores lies doubt. */
typedef struct pad_lines {
    float live, spoof;
} pad_lines;

/* What a table of labels says of the photographs of a folder; with_people: everybody must be known.
 * False: reported. */
bool pad_read(pad_set *p, const char *labels, const char *folder, bool with_people);

/* pad_folders.c: the pictures of the sub-folders live, spoof and spoof-KIND, and of theirs, which
 * are people. False: reported. */
bool pad_read_folders(pad_set *p, const char *folder);

/* Pieces of both. The place of a name, a new one if need be; who is in a picture by the first
 * digits of its file's name, -1: there are none; are there live faces and attacks? False: reported.
 */
int32_t pad_number_of(names *list, const char *name);
int32_t pad_person_of(pad_set *p, const char *path);
void pad_add(pad_set *p, pad_photo photo); /* takes over the path */
/* Whether there are live faces and attacks in the table, or the folder; false: reported. */
bool pad_has_both(const pad_set *p, const char *where, bool table);

/* Do the people fill so many folds? False: reported. */
bool pad_check_folds(const pad_set *p, const char *labels, int64_t folds);

/* Look at all. A photograph without a face is no error, one that cannot be read ends the work.
 * False: reported. */
bool pad_look(pad_set *p, const context *ctx, const fm_liveness_options *lines);

/* The calibration that the scores make, those of one of `folds` left out (-1: none). NULL:
 * reported. Free it. */
char *pad_calibration(const pad_set *p, const char *dataset, int32_t folds, int32_t left_out);

/* The lines that a calibration draws; targets of 0 are the library's defaults. False: reported. */
bool pad_lines_of(const char *calibration, const options *opts, pad_lines *out);

int32_t pad_fold(const pad_photo *photo, int32_t folds);
void pad_free(pad_set *p);

#endif
