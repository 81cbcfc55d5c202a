/* In the place of index_hnsw.cpp where the library is built without hnswlib: there is no graph. */
#include "core/error.h"
#include "gallery/index/hnsw.h"

bool fmi_hnsw_serves(fm_metric metric)
{
    (void)metric;
    return false;
}

fm_status fmi_hnsw_new(fmi_hnsw **out, size_t dim, fm_metric metric, fm_error *err)
{
    (void)out;
    (void)dim;
    (void)metric;
    return fmi_fail(err, FM_E_UNSUPPORTED, "this library was built without approximate search");
}

void fmi_hnsw_free(fmi_hnsw *graph)
{
    (void)graph;
}

void fmi_hnsw_clear(fmi_hnsw *graph)
{
    (void)graph;
}

size_t fmi_hnsw_count(const fmi_hnsw *graph)
{
    (void)graph;
    return 0;
}

fm_status fmi_hnsw_reserve(fmi_hnsw *graph, size_t count, fm_error *err)
{
    (void)graph;
    (void)count;
    return fmi_hnsw_new(NULL, 0, 0, err);
}

fm_status fmi_hnsw_add(fmi_hnsw *graph, fmi_hnsw_vector_fn vector, void *user, size_t n,
                       int32_t threads, uint32_t *slots, fm_error *err)
{
    (void)graph;
    (void)vector;
    (void)user;
    (void)n;
    (void)threads;
    (void)slots;
    return fmi_hnsw_new(NULL, 0, 0, err);
}

void fmi_hnsw_remove(fmi_hnsw *graph, uint32_t slot)
{
    (void)graph;
    (void)slot;
}

fm_status fmi_hnsw_search(const fmi_hnsw *graph, const float *query, size_t candidates,
                          uint32_t *slots, size_t *count, fm_error *err)
{
    (void)graph;
    (void)query;
    (void)candidates;
    (void)slots;
    (void)count;
    return fmi_hnsw_new(NULL, 0, 0, err);
}
