/* The templates of a gallery in memory, and the search among them.
 *
 * Identities are told apart by their numbers, which only rise. Any number of threads may search at
 * once; everything else needs the index for itself. */
#ifndef FMI_INDEX_H
#define FMI_INDEX_H

#include "backend/manifest.h"
#include <facematch/gallery.h>

typedef struct fmi_index fmi_index;

/* One identity found. id belongs to the index. */
typedef struct fmi_hit {
    const char *id;
    int64_t identity_no, template_id; /* of equally good templates the oldest */
    float score;
} fmi_hit;

typedef struct fmi_index_config {
    int32_t threads; /* that a search may use; 0: 1 */
    fm_gallery_index kind;
    size_t graph_rows; /* with fewer templates the graph is left out; 0: FMI_INDEX_GRAPH_ROWS */
} fmi_index_config;

/* The manifest must outlive the index. FM_E_UNSUPPORTED: no graph for this metric, or none at all.
 */
fm_status fmi_index_new(fmi_index **out, const fmi_manifest *manifest,
                        const fmi_index_config *config, fm_error *err);
void fmi_index_free(fmi_index *index); /* wipes; NULL is a no-op */
void fmi_index_clear(fmi_index *index);

/* The number must be higher than all before. FM_E_NO_MEMORY leaves the index as it was. */
fm_status fmi_index_add_identity(fmi_index *index, int64_t identity_no, const char *id,
                                 fm_error *err);
/* FM_E_CORRUPT when there is no such identity. */
fm_status fmi_index_add_template(fmi_index *index, int64_t identity_no, int64_t template_id,
                                 const float *vector, fm_error *err);
/* What is not there is ignored. */
void fmi_index_remove_identity(fmi_index *index, int64_t identity_no);
void fmi_index_remove_template(fmi_index *index, int64_t identity_no, int64_t template_id);

size_t fmi_index_identities(const fmi_index *index); /* with at least one template */

/* To be called after templates have been added: brings the graph up to date, if there is to be one.
 * Until then, and after FM_E_NO_MEMORY, searches are exact. */
bool fmi_index_is_settled(const fmi_index *index);
fm_status fmi_index_settle(fmi_index *index, fm_error *err);

enum {
    FMI_INDEX_PASS = 64,    /* queries that share a pass over the rows */
    FMI_INDEX_THREADS = 256 /* of a search, at most */
};

/* Of each of n queries the best k identities that reach the threshold, best first, equal scores in
 * the order of ids. queries[n][dim], hits[n][k], counts[n]; the same as comparing with every
 * template by fmi_metric_score, whatever the number of threads. FM_E_NO_MEMORY before anything is
 * written. */
fm_status fmi_index_search(const fmi_index *index, const float *queries, size_t n, float threshold,
                           size_t k, fmi_hit *hits, size_t *counts, fm_error *err);

/* The same, the score of an identity being that of the mean of its templates' vectors (computed in
 * double, rounded once; of unit length where the manifest says so). template_id is 0. */
fm_status fmi_index_search_means(const fmi_index *index, const float *queries, size_t n,
                                 float threshold, size_t k, fmi_hit *hits, size_t *counts,
                                 fm_error *err);

/* index_near.c: through the graph, if there is one; exact searches of fewer templates are faster.
 * What it finds has its exact score and place; it can miss some. */
enum { FMI_INDEX_GRAPH_ROWS = 50000 };
fm_status fmi_index_search_near(const fmi_index *index, const float *queries, size_t n,
                                float threshold, size_t k, fmi_hit *hits, size_t *counts,
                                fm_error *err);

/* By fmi_index_search_near, of the k best identities that fmi_index_search finds: the share that is
 * found, over `samples` queries that lie near templates. 1 when there is nothing to find. */
fm_status fmi_index_recall(const fmi_index *index, size_t samples, size_t k, double *recall,
                           fm_error *err);

/* The same for a search elsewhere in the same templates; the index gives the queries. hits[k],
 * zeroed; nothing of their ids is looked at. */
typedef fm_status (*fmi_search_fn)(void *user, const float *query, size_t k, bool exact,
                                   fmi_hit *hits, size_t *count, fm_error *err);
fm_status fmi_index_recall_of(const fmi_index *index, size_t samples, size_t k,
                              fmi_search_fn search, void *user, double *recall, fm_error *err);

#endif
