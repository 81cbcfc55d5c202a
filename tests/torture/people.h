/* What must be true of a gallery: a model of it that is told every acknowledged change.
 *
 * Each person is a number; id, name, metadata and vectors follow from it, so that one that was torn
 * cannot be mistaken for a whole one. */
#ifndef TORTURE_PEOPLE_H
#define TORTURE_PEOPLE_H

#include "torture.h"

enum { MOST_TEMPLATES = 3 };

typedef struct person {
    uint8_t present;   /* the identity exists */
    uint8_t templates; /* bit t: the t-th vector of the person is there */
    int64_t ids[MOST_TEMPLATES];
} person;

const char *person_id(char out[FM_ID_MAX + 1], uint64_t number);
void person_texts(uint64_t number, char name[64], char metadata[96]);
uint64_t person_vector_number(uint64_t number, int t);

/* Enrol the t-th vector; the first time with name and metadata. FM_OK fills the model. */
fm_status person_add(fm_gallery *gallery, person *p, uint64_t number, int t, fm_error *err);
fm_status person_remove_template(fm_gallery *gallery, person *p, uint64_t number, int t,
                                 fm_error *err);
fm_status person_remove(fm_gallery *gallery, person *p, uint64_t number, fm_error *err);

/* Is the person as the model says, to the byte? */
void person_check(fm_gallery *gallery, const person *p, uint64_t number);
/* What the gallery has of a person whose last change was not acknowledged. Either state will do, no
 * third one: the change was to template t, or to all (t < 0). */
void person_find_out(fm_gallery *gallery, person *p, uint64_t number, int t);

#endif
