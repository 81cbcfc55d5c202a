/* The search of the exact index: a first look at the codes of a strip of rows, for some queries at
 * a time, then proper scores for the rows that could still get into an answer. The answer is the
 * same as without the first look.
 *
 * Threads have a range of rows each. An identity of the answer is among the first k of any range
 * in which it has its best score, so what is put together from the ranges' answers is the answer.
 */
#include "core/error.h"
#include "core/memory.h"
#include "gallery/index/index_answer.h"
#include "gallery/index/index_exact.h"
#include "match/kernel.h"
#include <pthread.h>
#include <string.h>

/* The search for one query in a range of rows. */
typedef struct search {
    const float *query;
    double norm;
    fmi_answer answer;
} search;

/* What one thread does. Searches of which nothing can be said from codes come last. */
typedef struct work {
    const fmi_index *index;
    size_t first_row, end_row; /* of its range */
    search searches[FMI_INDEX_PASS];
    fmi_aim aims[FMI_INDEX_PASS]; /* of the first aim_count */
    size_t count, aim_count;
} work;

/* --- rows --- */

static void score_row(const fmi_index *index, search *s, size_t r)
{
    const fmi_row *row = &index->rows[r];
    const fmi_person *owner = &index->people[row->person];
    fmi_hit hit = {owner->id, owner->no, row->template_id, 0};
    hit.score = fmi_metric_score_normed(index->manifest, s->query, s->norm,
                                        fmi_index_vector(index, r), row->norm);
    if (hit.score >= s->answer.bar)
        fmi_answer_offer(&s->answer, &hit);
}

/* The bar rises while the strip is gone through, so the bound is asked again before each row. */
static void score_found(const fmi_index *index, search *s, fmi_aim *aim, const fmi_found *found,
                        size_t first, size_t end)
{
    for (size_t g = 0, r = first; r < end; g++, r += FMI_SCAN_ROWS) {
        unsigned hopeful = found->hopeful[g];
        for (size_t i = 0; hopeful && r + i < end; i++, hopeful >>= 1) {
            float bar = s->answer.bar;
            if (!(hopeful & 1) || found->most[g][i] < aim->bar)
                continue;
            score_row(index, s, r + i);
            if (s->answer.bar != bar)
                fmi_aim_raise(aim, &index->form, s->answer.bar);
        }
    }
}

/* Rows first..end-1 of one chunk, FMI_SCAN_STRIP groups at most. */
static void search_strip(work *w, size_t first, size_t end)
{
    const fmi_index *index = w->index;
    fmi_found found[FMI_SCAN_QUERIES];
    size_t groups = (end - first + FMI_SCAN_ROWS - 1) / FMI_SCAN_ROWS;
    for (size_t q = 0; q < w->aim_count; q += FMI_SCAN_QUERIES) {
        size_t left = w->aim_count - q, some = left < FMI_SCAN_QUERIES ? left : FMI_SCAN_QUERIES;
        index->scan(&index->form, fmi_index_group(index, first), groups, &w->aims[q], some, found);
        for (size_t i = 0; i < some; i++)
            score_found(index, &w->searches[q + i], &w->aims[q + i], &found[i], first, end);
    }
    for (size_t q = w->aim_count; q < w->count; q++)
        for (size_t r = first; r < end; r++)
            score_row(index, &w->searches[q], r);
}

static void *search_range(void *user)
{
    enum { STRIP = FMI_SCAN_ROWS * FMI_SCAN_STRIP };
    work *w = user;
    const fmi_index *index = w->index;
    for (size_t first = w->first_row, end; first < w->end_row; first = end) {
        end = w->end_row - first < STRIP ? w->end_row : first + STRIP;
        if (index->has_codes && end > (first / index->chunk_rows + 1) * index->chunk_rows)
            end = (first / index->chunk_rows + 1) * index->chunk_rows;
        search_strip(w, first, end);
    }
    return NULL;
}

/* --- queries --- */

/* Searches in the order they have in `work`: those with an aim first. order[q] is the place of
 * query q. */
static void aim_queries(work *w, const float *queries, int8_t *codes, float threshold,
                        size_t order[FMI_INDEX_PASS])
{
    const fmi_index *index = w->index;
    size_t last = w->count;
    w->aim_count = 0;
    for (size_t q = 0; q < w->count; q++) {
        search s = {.query = queries + q * index->dim, .answer.bar = threshold};
        fmi_aim *aim = &w->aims[w->aim_count];
        s.norm = fmi_kernel_norm(s.query, index->dim);
        if (index->has_codes &&
            fmi_aim_init(aim, &index->form, codes + q * 4 * index->form.steps, s.query, s.norm)) {
            fmi_aim_raise(aim, &index->form, threshold);
            order[q] = w->aim_count++;
        } else {
            order[q] = --last;
        }
        w->searches[order[q]] = s;
    }
}

/* --- threads --- */

/* A thread is worth its start from some thousand rows on. */
enum { LEAST_ROWS = 4096 };

static size_t thread_count(const fmi_index *index)
{
    size_t most = index->row_count / LEAST_ROWS, threads = (size_t)index->config.threads;
    threads = threads < most ? threads : most;
    return threads > 1 ? threads : 1;
}

/* works[0] is done here; so is what no thread can be had for. */
static void run(work *works, size_t count)
{
    pthread_t threads[FMI_INDEX_THREADS];
    bool started[FMI_INDEX_THREADS] = {false};
    for (size_t t = 1; t < count; t++)
        started[t] = pthread_create(&threads[t], NULL, search_range, &works[t]) == 0;
    for (size_t t = 0; t < count; t++)
        if (!started[t])
            search_range(&works[t]);
    for (size_t t = 1; t < count; t++)
        if (started[t])
            pthread_join(threads[t], NULL);
}

/* works[0] is ready but for its hits; the others become like it. */
static void share_out(work *works, size_t count, fmi_hit *hits, size_t k,
                      const size_t order[FMI_INDEX_PASS])
{
    size_t rows = works[0].index->row_count, groups = rows / FMI_SCAN_ROWS;
    for (size_t t = 1; t < count; t++)
        works[t] = works[0];
    for (size_t t = 0; t < count; t++) {
        works[t].first_row = t * groups / count * FMI_SCAN_ROWS;
        works[t].end_row = t + 1 == count ? rows : (t + 1) * groups / count * FMI_SCAN_ROWS;
        for (size_t q = 0; q < works[t].count; q++) {
            fmi_answer *answer = &works[t].searches[order[q]].answer;
            answer->hits = hits + (t * works[t].count + q) * k;
            answer->k = k;
        }
    }
}

/* One pass over the rows. hits: [threads][n][k], of which the first [n][k] become the answer. */
static void search_pass(work *works, size_t threads, const float *queries, int8_t *codes,
                        float threshold, size_t k, fmi_hit *hits, size_t *counts)
{
    size_t order[FMI_INDEX_PASS];
    aim_queries(&works[0], queries, codes, threshold, order);
    share_out(works, threads, hits, k, order);
    run(works, threads);
    for (size_t q = 0; q < works[0].count; q++) {
        fmi_answer *answer = &works[0].searches[order[q]].answer;
        for (size_t t = 1; t < threads; t++) {
            const fmi_answer *part = &works[t].searches[order[q]].answer;
            for (size_t i = 0; i < part->count; i++)
                if (part->hits[i].score >= answer->bar)
                    fmi_answer_offer(answer, &part->hits[i]);
        }
        counts[q] = answer->count;
    }
}

/* Memory of a search, for all its passes. */
typedef struct room {
    work *works;
    int8_t *codes;
    size_t codes_size;
    fmi_hit *hits;
} room;

static void free_room(room *m)
{
    fmi_free_wiped(m->codes, m->codes_size);
    fmi_free(m->works);
    fmi_free(m->hits);
}

static fm_status make_room_for(room *m, const fmi_index *index, size_t n, size_t threads, size_t k,
                               fm_error *err)
{
    size_t many = n < FMI_INDEX_PASS ? n : FMI_INDEX_PASS;
    m->codes_size = index->has_codes ? many * 4 * index->form.steps : 0;
    m->codes = fmi_calloc(1, m->codes_size);
    m->works = fmi_calloc(threads, sizeof *m->works);
    /* one thread writes to the caller's hits straight away */
    m->hits = threads > 1 ? fmi_calloc(threads * many * k, sizeof *m->hits) : NULL;
    return m->codes && m->works && (m->hits || threads == 1) ? FM_OK : fmi_fail_memory(err);
}

fm_status fmi_index_search(const fmi_index *index, const float *queries, size_t n, float threshold,
                           size_t k, fmi_hit *hits, size_t *counts, fm_error *err)
{
    size_t threads = thread_count(index);
    room m = {NULL, NULL, 0, NULL};
    fm_status status = make_room_for(&m, index, n, threads, k, err);
    for (size_t q = 0; q < n && status == FM_OK; q += FMI_INDEX_PASS) {
        size_t some = n - q < FMI_INDEX_PASS ? n - q : FMI_INDEX_PASS;
        memset(m.works, 0, sizeof *m.works);
        m.works[0].index = index;
        m.works[0].count = some;
        search_pass(m.works, threads, queries + q * index->dim, m.codes, threshold, k,
                    m.hits ? m.hits : hits + q * k, counts + q);
        if (m.hits)
            memcpy(hits + q * k, m.hits, some * k * sizeof *hits);
    }
    free_room(&m);
    return status;
}
