/* What an fm_gallery is inside: a store, a copy of its templates in memory, and two locks.
 *
 * Arguments have been checked by api/gallery.c. */
#ifndef FMI_GALLERY_H
#define FMI_GALLERY_H

#include "backend/model.h"
#include "gallery/index/index.h"
#include "gallery/store.h"
#include <pthread.h>

struct fm_gallery {
    fm_model *model; /* NULL: opened for management only */
    fm_gallery_mode mode;
    fmi_store *store;
    /* One connection, one user at a time: around every use of store and sync. */
    pthread_mutex_t store_lock;
    fmi_sync sync; /* how far the index has come */
    /* Searches share the index. Taken after store_lock where both are held. */
    pthread_rwlock_t index_lock;
    fmi_index *index; /* NULL without a model, and where the store searches, until it is needed */
    int32_t threads;  /* of a search in it */
};

fm_status fmi_gallery_open(fm_gallery **out, const char *uri, const fm_model *model,
                           const fm_gallery_options *options, fm_error *err);
void fmi_gallery_close(fm_gallery *gallery);

/* gate: looks_like_another and unlike_itself are looked for before anybody else can write; NULL: no
 * gate, and report is left alone */
fm_status fmi_gallery_add(fm_gallery *gallery, const fmi_new_template *add,
                          const fm_gate_options *gate, fm_gate_report *report, fm_enrollment *out,
                          fm_error *err);
/* admit.c: that part of the gate; store_lock is held */
fm_status fmi_gallery_admit(fm_gallery *gallery, const fmi_new_template *add,
                            const fm_gate_options *limits, fm_gate_report *report, fm_error *err);
/* template_id 0: the identity with all it has */
fm_status fmi_gallery_remove(fm_gallery *gallery, const char *id, int64_t template_id,
                             size_t *removed, fm_error *err);

fm_status fmi_gallery_rekey(fm_gallery *gallery, const fm_gallery_key *key, fm_error *err);

fm_status fmi_gallery_count(fm_gallery *gallery, int64_t *identities, int64_t *templates,
                            fm_error *err);
fm_status fmi_gallery_get(fm_gallery *gallery, const char *id, fm_identity *out, fm_error *err);
fm_status fmi_gallery_list(fm_gallery *gallery, const char *after_id, fm_identity *out,
                           size_t capacity, size_t *count, fm_error *err);
fm_status fmi_gallery_metadata(fm_gallery *gallery, const char *id, char **text, fm_error *err);
fm_status fmi_gallery_templates(fm_gallery *gallery, const char *id,
                                fm_template out[FM_LIMIT_TEMPLATES], size_t *count, fm_error *err);
fm_status fmi_gallery_embedding(fm_gallery *gallery, const char *id, int64_t template_id,
                                float *out, fm_error *err);

/* The score of an identity's best template. */
fm_status fmi_gallery_best_score(fm_gallery *gallery, const char *id, const float *query,
                                 float *score, fm_error *err);
/* n queries; matches[n][k], counts[n]. out: threshold, fmr, identities. */
fm_status fmi_gallery_search(fm_gallery *gallery, const float *queries, size_t n,
                             const fm_identify_options *options, fm_match *matches, size_t k,
                             size_t *counts, fm_identification *out, fm_error *err);

/* The same two for those who hold store_lock. */
fm_status fmi_gallery_best_score_held(fm_gallery *gallery, const char *id, const float *query,
                                      float *score, fm_error *err);
fm_status fmi_gallery_search_held(fm_gallery *gallery, const float *queries, size_t n,
                                  const fm_identify_options *options, fm_match *matches, size_t k,
                                  size_t *counts, fm_identification *out, fm_error *err);

fm_status fmi_gallery_recall(fm_gallery *gallery, size_t samples, size_t k, double *recall,
                             fm_error *err);

#endif
