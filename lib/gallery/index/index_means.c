/* The search by means: an identity is scored by one vector, the mean of those of its templates.
 *
 * The means are made anew for every search, which so costs one pass over all vectors: what is kept
 * in memory stays what the templates take. */
#include "core/error.h"
#include "core/memory.h"
#include "gallery/index/index_answer.h"
#include "gallery/index/index_exact.h"
#include "match/kernel.h"
#include <string.h>

typedef struct means {
    const fmi_index *index;
    size_t *ends;    /* of each person's part of order */
    uint32_t *order; /* rows, person by person, of each the oldest template first */
    double *sum;     /* [dim] */
    float *mean;     /* [dim] */
    double *norms;   /* [n], of the queries */
} means;

static void free_means(means *m)
{
    fmi_free(m->ends);
    fmi_free(m->order);
    fmi_free_wiped(m->sum, m->index->dim * sizeof *m->sum);
    fmi_free_wiped(m->mean, m->index->dim * sizeof *m->mean);
    fmi_free(m->norms);
}

static fm_status alloc_means(means *m, size_t n, fm_error *err)
{
    m->ends = fmi_alloc_array(m->index->people_count, sizeof *m->ends);
    m->order = fmi_alloc_array(m->index->row_count, sizeof *m->order);
    m->sum = fmi_calloc(m->index->dim, sizeof *m->sum);
    m->mean = fmi_calloc(m->index->dim, sizeof *m->mean);
    m->norms = fmi_alloc_array(n, sizeof *m->norms);
    return m->ends && m->order && m->sum && m->mean && m->norms ? FM_OK : fmi_fail_memory(err);
}

static void sort_by_template(const fmi_row *rows, uint32_t *part, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint32_t r = part[i];
        size_t hole = i;
        for (; hole > 0 && rows[part[hole - 1]].template_id > rows[r].template_id; hole--)
            part[hole] = part[hole - 1];
        part[hole] = r;
    }
}

/* Where rows lie depends on what was removed before; the order of a sum must not. */
static void sort_rows(means *m)
{
    const fmi_index *index = m->index;
    size_t start = 0;
    for (size_t p = 0; p < index->people_count; p++) {
        m->ends[p] = start;
        start += index->people[p].templates;
    }
    for (size_t r = 0; r < index->row_count; r++)
        m->order[m->ends[index->rows[r].person]++] = (uint32_t)r;
    for (size_t p = 0; p < index->people_count; p++) {
        size_t count = index->people[p].templates;
        sort_by_template(index->rows, m->order + m->ends[p] - count, count);
    }
}

/* The mean of one person's vectors, of unit length where the model's are. Returns its length. */
static double make_mean(means *m, size_t p)
{
    const fmi_index *index = m->index;
    size_t dim = index->dim, count = index->people[p].templates;
    double norm;
    memset(m->sum, 0, dim * sizeof *m->sum);
    for (size_t i = m->ends[p] - count; i < m->ends[p]; i++) {
        const float *vector = fmi_index_vector(index, m->order[i]);
        for (size_t j = 0; j < dim; j++)
            m->sum[j] += vector[j];
    }
    for (size_t j = 0; j < dim; j++)
        m->mean[j] = (float)(m->sum[j] / (double)count);
    norm = fmi_kernel_norm(m->mean, dim);
    if (!index->manifest->embedding.normalize || !(norm > 0))
        return norm;
    for (size_t j = 0; j < dim; j++)
        m->mean[j] = (float)(m->sum[j] / ((double)count * norm));
    return fmi_kernel_norm(m->mean, dim);
}

fm_status fmi_index_search_means(const fmi_index *index, const float *queries, size_t n,
                                 float threshold, size_t k, fmi_hit *hits, size_t *counts,
                                 fm_error *err)
{
    means m = {.index = index};
    fm_status status = alloc_means(&m, n, err);
    if (status != FM_OK) {
        free_means(&m);
        return status;
    }
    sort_rows(&m);
    for (size_t q = 0; q < n; q++) {
        m.norms[q] = fmi_kernel_norm(queries + q * index->dim, index->dim);
        counts[q] = 0;
    }
    for (size_t p = 0; p < index->people_count; p++) {
        fmi_hit hit = {index->people[p].id, index->people[p].no, 0, 0};
        double norm = index->people[p].templates ? make_mean(&m, p) : 0;
        for (size_t q = 0; q < n && index->people[p].templates; q++) {
            fmi_answer answer = {hits + q * k, counts[q], k, threshold};
            if (answer.count == k)
                answer.bar = answer.hits[k - 1].score;
            hit.score = fmi_metric_score_normed(index->manifest, queries + q * index->dim,
                                                m.norms[q], m.mean, norm);
            if (hit.score >= answer.bar)
                fmi_answer_offer(&answer, &hit);
            counts[q] = answer.count;
        }
    }
    free_means(&m);
    return FM_OK;
}
