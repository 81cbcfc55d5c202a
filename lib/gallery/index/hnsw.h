/* An approximate index: a graph of neighbours (hnswlib), in memory only.
 *
 * The graph keeps each vector in 8 bits a number; whoever needs exact scores computes them for the
 * candidates that a search names. A vector is known by its slot, a number that adding it gives and
 * removing it frees for others. Any number of threads may search at once; everything else needs the
 * graph for itself. Nothing is thrown and nothing is printed. */
#ifndef FMI_HNSW_H
#define FMI_HNSW_H

#include <facematch/model.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fmi_hnsw fmi_hnsw;

/* Can the metric be searched, and was the library built with hnswlib? */
bool fmi_hnsw_serves(fm_metric metric);

/* FM_E_UNSUPPORTED where fmi_hnsw_serves says no. */
fm_status fmi_hnsw_new(fmi_hnsw **out, size_t dim, fm_metric metric, fm_error *err);
void fmi_hnsw_free(fmi_hnsw *graph);  /* wipes; NULL is a no-op */
void fmi_hnsw_clear(fmi_hnsw *graph); /* wipes */

size_t fmi_hnsw_count(const fmi_hnsw *graph);

/* Room for so many vectors, so that no copying is needed on the way. */
fm_status fmi_hnsw_reserve(fmi_hnsw *graph, size_t count, fm_error *err);

/* The i-th of the vectors that are added; float32[dim]. Called from one thread. */
typedef const float *(*fmi_hnsw_vector_fn)(void *user, size_t i);

/* All of n, by `threads` threads (at least 1), or none. slots[n]. With several threads the graph,
 * and so what an approximate search finds, differs a little from time to time. */
fm_status fmi_hnsw_add(fmi_hnsw *graph, fmi_hnsw_vector_fn vector, void *user, size_t n,
                       int32_t threads, uint32_t *slots, fm_error *err);

/* The slot must be in use. Its neighbours are connected with each other and its bytes are wiped. */
void fmi_hnsw_remove(fmi_hnsw *graph, uint32_t slot);

/* The slots of what is near, nearest first: at most `candidates`, and all when there are fewer.
 * slots[candidates]. */
fm_status fmi_hnsw_search(const fmi_hnsw *graph, const float *query, size_t candidates,
                          uint32_t *slots, size_t *count, fm_error *err);

/* Tests only: is the form in which this vector is kept anywhere in the graph's memory? */
bool fmi_hnsw_holds(const fmi_hnsw *graph, const float *vector);

#ifdef __cplusplus
}
#endif

#endif
