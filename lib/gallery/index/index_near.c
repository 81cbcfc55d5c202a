/* The approximate search of an index: candidates from a graph of neighbours, scored and put in
 * order as in the exact search. */
#include "core/error.h"
#include "core/memory.h"
#include "gallery/index/index_answer.h"
#include "gallery/index/index_exact.h"
#include "match/kernel.h"
#include <float.h>
#include <math.h>

/* --- the graph --- */

/* How many rows are to come into the graph. Once there is one, it stays. */
static size_t waiting(const fmi_index *index)
{
    size_t least = index->config.graph_rows ? index->config.graph_rows : FMI_INDEX_GRAPH_ROWS;
    size_t connected = index->graph ? fmi_hnsw_count(index->graph) : 0;
    if (!index->graph || (connected == 0 && index->row_count < least))
        return 0;
    return index->row_count - connected;
}

bool fmi_index_is_settled(const fmi_index *index)
{
    return waiting(index) == 0;
}

/* Rows that are to come into the graph, and the slots they get. */
typedef struct newcomers {
    const fmi_index *index;
    size_t count;
    uint32_t *rows, *slots;
} newcomers;

static const float *vector_of(void *user, size_t i)
{
    const newcomers *n = user;
    return fmi_index_vector(n->index, n->rows[i]);
}

/* They are mostly the last ones. */
static void find_newcomers(newcomers *n)
{
    size_t left = n->count;
    for (size_t r = n->index->row_count; left > 0 && r-- > 0;)
        if (n->index->rows[r].slot == FMI_NO_SLOT)
            n->rows[--left] = (uint32_t)r;
}

/* Slots have numbers below the highest count of rows there ever was. */
static bool make_slot_room(fmi_index *index, size_t count)
{
    size_t more = index->slot_room + index->slot_room / 2, bytes;
    uint32_t *moved;
    if (count <= index->slot_room)
        return true;
    more = more > count ? more : count;
    if (fmi_mul_overflows(more, sizeof *moved, &bytes))
        return false;
    moved = fmi_realloc(index->row_of_slot, bytes);
    if (!moved)
        return false;
    index->row_of_slot = moved;
    index->slot_room = more;
    return true;
}

static fm_status connect(fmi_index *index, newcomers *n, fm_error *err)
{
    int32_t threads = index->config.threads > 1 ? index->config.threads : 1;
    fm_status status;
    if (!n->rows || !n->slots || !make_slot_room(index, index->slot_count + n->count))
        return fmi_fail_memory(err);
    find_newcomers(n);
    status = fmi_hnsw_add(index->graph, vector_of, n, n->count, threads, n->slots, err);
    for (size_t i = 0; i < n->count && status == FM_OK; i++) {
        index->rows[n->rows[i]].slot = n->slots[i];
        index->row_of_slot[n->slots[i]] = n->rows[i];
        if (n->slots[i] >= index->slot_count)
            index->slot_count = n->slots[i] + 1;
    }
    return status;
}

fm_status fmi_index_settle(fmi_index *index, fm_error *err)
{
    newcomers n = {index, waiting(index), NULL, NULL};
    fm_status status;
    if (n.count == 0)
        return FM_OK;
    if (index->row_count >= FMI_NO_SLOT)
        return fmi_fail(err, FM_E_LIMIT, "more templates than a graph holds");
    n.rows = fmi_alloc_array(n.count, sizeof *n.rows);
    n.slots = fmi_alloc_array(n.count, sizeof *n.slots);
    status = connect(index, &n, err);
    fmi_free(n.rows);
    fmi_free(n.slots);
    return status;
}

/* --- searching --- */

/* Candidates that are looked at for each identity that is asked for, and for any search. */
enum { PER_IDENTITY = 8, LEAST_CANDIDATES = 128 };

/* A walk through more templates has to be broader to miss as few: these numbers keep the recall of
 * the five best at 0.99 and more where faces lie as in bench/hnsw.py. */
static size_t candidates_of_size(size_t rows)
{
    double candidates = 256 * sqrt((double)rows / 1e5);
    return candidates > LEAST_CANDIDATES ? (size_t)candidates : LEAST_CANDIDATES;
}

/* For k identities, if all have so many templates. */
static size_t candidates_for(const fmi_index *index, size_t k, size_t templates)
{
    size_t want = k * templates; /* FM_LIMIT_MATCHES * FM_LIMIT_TEMPLATES at most */
    size_t least = candidates_of_size(index->row_count);
    want = want > least ? want : least;
    return want < index->row_count ? want : index->row_count;
}

static float offer_row(const fmi_index *index, const float *query, double norm, size_t r,
                       fmi_answer *answer)
{
    const fmi_row *row = &index->rows[r];
    const fmi_person *owner = &index->people[row->person];
    fmi_hit hit = {owner->id, owner->no, row->template_id, 0};
    hit.score = fmi_metric_score_normed(index->manifest, query, norm, fmi_index_vector(index, r),
                                        row->norm);
    if (hit.score >= answer->bar)
        fmi_answer_offer(answer, &hit);
    return hit.score;
}

/* The answer is complete when k are found, or when what was looked at reaches below the threshold;
 * else more is looked at: a few people with many templates can have filled all places. */
static fm_status search_one(const fmi_index *index, const float *query, float threshold, size_t k,
                            uint32_t *slots, fmi_hit *hits, size_t *count, fm_error *err)
{
    const size_t most = candidates_for(index, k, FM_LIMIT_TEMPLATES);
    const double norm = fmi_kernel_norm(query, index->dim);
    for (size_t templates = PER_IDENTITY;; templates *= 2) {
        const size_t candidates = candidates_for(index, k, templates);
        fmi_answer answer = {hits, 0, k, threshold};
        float last = threshold;
        size_t found;
        fm_status status = fmi_hnsw_search(index->graph, query, candidates, slots, &found, err);
        if (status != FM_OK)
            return status;
        for (size_t i = 0; i < found; i++)
            last = offer_row(index, query, norm, index->row_of_slot[slots[i]], &answer);
        *count = answer.count;
        if (answer.count == k || last < threshold || found < candidates || candidates == most)
            return FM_OK;
    }
}

fm_status fmi_index_search_near(const fmi_index *index, const float *queries, size_t n,
                                float threshold, size_t k, fmi_hit *hits, size_t *counts,
                                fm_error *err)
{
    fm_status status = FM_OK;
    uint32_t *slots;
    if (!index->graph || fmi_hnsw_count(index->graph) == 0 || !fmi_index_is_settled(index))
        return fmi_index_search(index, queries, n, threshold, k, hits, counts, err);
    slots = fmi_alloc_array(candidates_for(index, k, FM_LIMIT_TEMPLATES), sizeof *slots);
    if (!slots)
        return fmi_fail_memory(err);
    for (size_t q = 0; q < n && status == FM_OK; q++)
        status = search_one(index, queries + q * index->dim, threshold, k, slots, hits + q * k,
                            &counts[q], err);
    fmi_free(slots);
    return status;
}

/* --- its recall --- */

/* A query that lies near a template, as another photograph of the person would: turned towards the
 * template of somebody else. No search has been made easier for it by being in the graph. */
static void draw_query(const fmi_index *index, size_t sample, size_t samples, float *query)
{
    const double turn = 1; /* two people score alike, at about 0.7 as a cosine */
    size_t r = index->row_count / samples * sample,
           other = (r + index->row_count / 2 + 1) % index->row_count;
    const float *a = fmi_index_vector(index, r), *b = fmi_index_vector(index, other);
    double norm_a = index->rows[r].norm, norm_b = index->rows[other].norm, norm;
    for (size_t i = 0; i < index->dim; i++)
        query[i] = (float)(a[i] + (norm_b > 0 ? turn * b[i] * norm_a / norm_b : 0));
    norm = fmi_kernel_norm(query, index->dim);
    for (size_t i = 0; i < index->dim && norm > 0; i++)
        query[i] = (float)(query[i] * norm_a / norm);
}

static size_t found_in_common(const fmi_hit *want, size_t want_count, const fmi_hit *got,
                              size_t got_count)
{
    size_t common = 0;
    for (size_t i = 0; i < want_count; i++)
        for (size_t j = 0; j < got_count; j++)
            common += want[i].identity_no == got[j].identity_no;
    return common;
}

/* query: float32[dim], hits: [2][k] */
static fm_status measure_recall(const fmi_index *index, size_t samples, size_t k,
                                fmi_search_fn search, void *user, float *query, fmi_hit *hits,
                                double *recall, fm_error *err)
{
    size_t wanted = 0, found = 0;
    samples = samples < index->row_count ? samples : index->row_count;
    for (size_t i = 0; i < samples; i++) {
        size_t want, got;
        fm_status status;
        draw_query(index, i, samples, query);
        status = search(user, query, k, true, hits, &want, err);
        if (status == FM_OK)
            status = search(user, query, k, false, hits + k, &got, err);
        if (status != FM_OK)
            return status;
        wanted += want;
        found += found_in_common(hits, want, hits + k, got);
    }
    *recall = wanted ? (double)found / (double)wanted : 1;
    return FM_OK;
}

fm_status fmi_index_recall_of(const fmi_index *index, size_t samples, size_t k,
                              fmi_search_fn search, void *user, double *recall, fm_error *err)
{
    float *query = fmi_alloc_array(index->dim, sizeof *query);
    fmi_hit *hits = fmi_calloc(2 * k, sizeof *hits); /* k is at most FM_LIMIT_MATCHES */
    fm_status status = query && hits ? FM_OK : fmi_fail_memory(err);
    if (status == FM_OK)
        status = measure_recall(index, samples, k, search, user, query, hits, recall, err);
    fmi_free_wiped(query, query ? index->dim * sizeof *query : 0);
    fmi_free(hits);
    return status;
}

static fm_status search_here(void *user, const float *query, size_t k, bool exact, fmi_hit *hits,
                             size_t *count, fm_error *err)
{
    return (exact ? fmi_index_search : fmi_index_search_near)(user, query, 1, -FLT_MAX, k, hits,
                                                              count, err);
}

fm_status fmi_index_recall(const fmi_index *index, size_t samples, size_t k, double *recall,
                           fm_error *err)
{
    return fmi_index_recall_of(index, samples, k, search_here, (void *)index, recall, err);
}
