#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/memory.h"
#include "gallery/index/hnsw.h"
#include "gallery/index/index_exact.h"
#include "helpers.h"
#include "match/kernel.h"
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIM = 24, COUNT = 900, PER_PERSON = 3, QUERIES = 60, K = 5, CANDIDATES = 128, THREADS = 4 };

static fm_error err = {sizeof err, 0, ""};
static float vectors[COUNT][DIM];
static float queries[QUERIES][DIM];

static void ok(fm_status status)
{
    fm_assert_status(status, FM_OK, &err);
}

/* About normal. */
static float noise(uint32_t *seed)
{
    float sum = 0;
    for (int i = 0; i < 6; i++)
        sum += (float)(fm_test_random(seed) % 10001) / 10000 - 0.5f;
    return sum;
}

/* Around the person's own direction; axes weigh less and less, as with faces. */
static void face(float *out, uint32_t person, uint32_t *seed)
{
    uint32_t own = person * 2654435761u + 1;
    double norm;
    for (int i = 0; i < DIM; i++)
        out[i] = (noise(&own) + 0.5f * noise(seed)) / sqrtf(1 + (float)i / 4);
    norm = fmi_kernel_norm(out, DIM);
    for (int i = 0; i < DIM; i++)
        out[i] /= (float)norm;
}

static int make_faces(void **state)
{
    uint32_t seed = 7;
    (void)state;
    for (uint32_t i = 0; i < COUNT; i++)
        face(vectors[i], i / PER_PERSON, &seed);
    for (uint32_t q = 0; q < QUERIES; q++)
        face(queries[q], q * 7, &seed);
    return 0;
}

/* Which vectors are in a graph, and where. */
typedef struct fixture {
    fmi_hnsw *graph;
    fm_metric metric;
    uint32_t slots[COUNT];
    bool there[COUNT];
} fixture;

static const float *vector_at(void *user, size_t i)
{
    const size_t *first = user;
    return vectors[*first + i];
}

static void add(fixture *f, size_t first, size_t n, int32_t threads)
{
    ok(fmi_hnsw_add(f->graph, vector_at, &first, n, threads, f->slots + first, &err));
    for (size_t i = first; i < first + n; i++)
        f->there[i] = true;
}

static void remove_one(fixture *f, size_t i)
{
    fmi_hnsw_remove(f->graph, f->slots[i]);
    f->there[i] = false;
}

static fixture *make(fm_metric metric, size_t n)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->metric = metric;
    ok(fmi_hnsw_new(&f->graph, DIM, metric, &err));
    add(f, 0, n, 1);
    return f;
}

static void drop(fixture *f)
{
    fmi_hnsw_free(f->graph);
    free(f);
}

static double likeness(fm_metric metric, const float *a, const float *b)
{
    double dot = fmi_kernel_dot(a, b, DIM), x = fmi_kernel_norm(a, DIM),
           y = fmi_kernel_norm(b, DIM);
    if (metric == FM_METRIC_COSINE)
        return x > 0 && y > 0 ? dot / (x * y) : 0;
    return metric == FM_METRIC_INNER_PRODUCT ? dot : 2 * dot - x * x - y * y;
}

/* The likeness of the k-th best. */
static double bar(const fixture *f, const float *query)
{
    double best[K];
    size_t n = 0;
    for (size_t i = 0; i < COUNT; i++) {
        double s = f->there[i] ? likeness(f->metric, query, vectors[i]) : -INFINITY;
        size_t at = n < K ? n++ : K;
        if (at == K && s <= best[K - 1])
            continue;
        for (at = at < K ? at : K - 1; at > 0 && best[at - 1] < s; at--)
            best[at] = best[at - 1];
        best[at] = s;
    }
    return best[K - 1];
}

static size_t vector_in(const fixture *f, uint32_t slot)
{
    for (size_t i = 0; i < COUNT; i++)
        if (f->there[i] && f->slots[i] == slot)
            return i;
    fail_msg("slot %u is not in use", (unsigned)slot);
    return 0;
}

/* Share of the true K that are among the candidates. */
static double recall(const fixture *f)
{
    uint32_t slots[CANDIDATES];
    size_t count, found = 0;
    for (size_t q = 0; q < QUERIES; q++) {
        double least = bar(f, queries[q]);
        ok(fmi_hnsw_search(f->graph, queries[q], CANDIDATES, slots, &count, &err));
        assert_in_range(count, K, CANDIDATES);
        for (size_t i = 0; i < count; i++)
            found += likeness(f->metric, queries[q], vectors[vector_in(f, slots[i])]) >= least;
    }
    return (double)found / (QUERIES * K);
}

/* --- tests --- */

static void test_hnsw_finds_what_a_full_search_finds(void **state)
{
    static const fm_metric metrics[] = {FM_METRIC_COSINE, FM_METRIC_INNER_PRODUCT,
                                        FM_METRIC_EUCLIDEAN, FM_METRIC_SQEUCLIDEAN};
    (void)state;
    for (size_t m = 0; m < sizeof metrics / sizeof *metrics; m++) {
        fixture *f = make(metrics[m], COUNT);
        assert_int_equal(fmi_hnsw_count(f->graph), COUNT);
        assert_true(recall(f) >= 0.99);
        drop(f);
    }
}

static void test_hnsw_names_the_nearest_first(void **state)
{
    fixture *f = make(FM_METRIC_COSINE, COUNT);
    uint32_t slots[CANDIDATES];
    size_t count;
    (void)state;
    for (size_t i = 0; i < COUNT; i += 37) {
        double before = 2;
        ok(fmi_hnsw_search(f->graph, vectors[i], CANDIDATES, slots, &count, &err));
        assert_int_equal(slots[0], f->slots[i]);
        for (size_t j = 0; j < count; j++) {
            double s = likeness(f->metric, vectors[i], vectors[vector_in(f, slots[j])]);
            assert_true(s < before + 0.02); /* 8 bits do not tell more */
            before = s;
        }
    }
    drop(f);
}

static void test_hnsw_gives_all_there_are_and_no_more(void **state)
{
    fixture *f = make(FM_METRIC_EUCLIDEAN, 0);
    uint32_t slots[CANDIDATES];
    size_t count = 99;
    (void)state;
    ok(fmi_hnsw_search(f->graph, queries[0], CANDIDATES, slots, &count, &err));
    assert_int_equal(count, 0);
    add(f, 0, 1, 1);
    ok(fmi_hnsw_search(f->graph, queries[0], CANDIDATES, slots, &count, &err));
    assert_int_equal(count, 1);
    add(f, 1, 20, 1);
    ok(fmi_hnsw_search(f->graph, queries[0], CANDIDATES, slots, &count, &err));
    assert_int_equal(count, 21);
    ok(fmi_hnsw_search(f->graph, queries[0], 3, slots, &count, &err));
    assert_int_equal(count, 3);
    ok(fmi_hnsw_search(f->graph, queries[0], 0, slots, &count, &err));
    assert_int_equal(count, 0);
    drop(f);
}

static void test_hnsw_forgets_what_is_removed(void **state)
{
    fixture *f = make(FM_METRIC_COSINE, COUNT);
    (void)state;
    for (size_t i = 0; i < COUNT; i += 2) {
        assert_true(fmi_hnsw_holds(f->graph, vectors[i]));
        remove_one(f, i);
        assert_false(fmi_hnsw_holds(f->graph, vectors[i]));
    }
    assert_int_equal(fmi_hnsw_count(f->graph), COUNT / 2);
    assert_true(recall(f) >= 0.99);
    for (size_t i = 1; i < COUNT - 200; i += 2) /* most of the rest */
        remove_one(f, i);
    assert_true(recall(f) >= 0.99);
    drop(f);
}

/* As galleries live: people come and go, over and over. */
static void test_hnsw_stays_good_under_change(void **state)
{
    fixture *f = make(FM_METRIC_COSINE, COUNT / 2);
    uint32_t seed = 3, highest = 0;
    (void)state;
    for (int step = 0; step < 2 * COUNT; step++) {
        size_t i = fm_test_random(&seed) % COUNT;
        if (f->there[i])
            remove_one(f, i);
        else
            add(f, i, 1, 1);
        if (f->there[i] && f->slots[i] > highest)
            highest = f->slots[i];
    }
    assert_true(highest < COUNT * 2 / 3); /* slots are used again */
    assert_true(recall(f) >= 0.98);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(fmi_hnsw_holds(f->graph, vectors[i]), f->there[i]);
    drop(f);
}

static void test_hnsw_can_be_emptied_and_filled_again(void **state)
{
    fixture *f = make(FM_METRIC_COSINE, 300);
    uint32_t slots[CANDIDATES];
    size_t count;
    (void)state;
    for (size_t i = 0; i < 300; i++)
        remove_one(f, i);
    assert_int_equal(fmi_hnsw_count(f->graph), 0);
    ok(fmi_hnsw_search(f->graph, queries[0], CANDIDATES, slots, &count, &err));
    assert_int_equal(count, 0);
    add(f, 0, COUNT, 1);
    assert_true(recall(f) >= 0.99);
    fmi_hnsw_clear(f->graph);
    assert_int_equal(fmi_hnsw_count(f->graph), 0);
    assert_false(fmi_hnsw_holds(f->graph, vectors[5]));
    add(f, 0, COUNT, 1);
    assert_true(recall(f) >= 0.99);
    drop(f);
}

static void test_hnsw_has_limits(void **state)
{
    fixture *f = make(FM_METRIC_COSINE, 10);
    (void)state;
    ok(fmi_hnsw_reserve(f->graph, 5000, &err));
    fm_assert_status(fmi_hnsw_reserve(f->graph, (size_t)INT32_MAX + 1, &err), FM_E_LIMIT, &err);
    fm_assert_status(fmi_hnsw_reserve(f->graph, SIZE_MAX, &err), FM_E_LIMIT, &err);
    assert_int_equal(fmi_hnsw_count(f->graph), 10);
    drop(f);
}

static void test_hnsw_refuses_other_metrics(void **state)
{
    fmi_hnsw *graph = NULL;
    (void)state;
    assert_false(fmi_hnsw_serves(FM_METRIC_CHI_SQUARED));
    fm_assert_status(fmi_hnsw_new(&graph, DIM, FM_METRIC_CHI_SQUARED, &err), FM_E_UNSUPPORTED,
                     &err);
    fm_assert_status(fmi_hnsw_new(&graph, DIM, FM_METRIC_SIAMESE, &err), FM_E_UNSUPPORTED, &err);
    assert_null(graph);
}

/* Vectors that no distance can tell apart, or none can hold, and more equal ones than a slot has
 * links. */
static const float *odd_vector(void *user, size_t i)
{
    static float v[DIM];
    (void)user;
    for (size_t j = 0; j < DIM; j++)
        v[j] = i < 100 ? vectors[0][j] : i < 110 ? 0 : i < 120 ? (j ? FLT_MAX : -FLT_MAX) : FLT_MIN;
    return v;
}

static void test_hnsw_survives_odd_vectors(void **state)
{
    static const fm_metric metrics[] = {FM_METRIC_COSINE, FM_METRIC_INNER_PRODUCT,
                                        FM_METRIC_EUCLIDEAN};
    enum { ODD = 130 };
    (void)state;
    for (size_t m = 0; m < sizeof metrics / sizeof *metrics; m++) {
        fixture *f = make(metrics[m], 500);
        uint32_t odd[ODD], slots[CANDIDATES];
        size_t count;
        ok(fmi_hnsw_add(f->graph, odd_vector, NULL, ODD, 1, odd, &err));
        for (size_t i = 0; i < ODD; i += 9) {
            ok(fmi_hnsw_search(f->graph, odd_vector(NULL, i), CANDIDATES, slots, &count, &err));
            assert_in_range(count, 1, CANDIDATES);
        }
        for (size_t i = 0; i < ODD; i++)
            fmi_hnsw_remove(f->graph, odd[i]);
        assert_true(recall(f) >= 0.98);
        drop(f);
    }
}

static void *search_all(void *user)
{
    const fixture *f = user;
    uint32_t slots[CANDIDATES];
    size_t count, sum = 0;
    fm_error own = {sizeof own, 0, ""};
    for (size_t q = 0; q < QUERIES; q++) {
        if (fmi_hnsw_search(f->graph, queries[q], CANDIDATES, slots, &count, &own) != FM_OK)
            return NULL;
        for (size_t i = 0; i < count; i++)
            sum = sum * 31 + slots[i];
    }
    return (void *)(uintptr_t)(sum | 1);
}

static void test_hnsw_works_with_several_threads(void **state)
{
    fixture *f = make(FM_METRIC_COSINE, 0);
    pthread_t threads[THREADS];
    void *alone, *result;
    (void)state;
    add(f, 0, COUNT, THREADS);
    assert_int_equal(fmi_hnsw_count(f->graph), COUNT);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(f->slots[i], i);
    assert_true(recall(f) >= 0.99);
    alone = search_all(f);
    assert_non_null(alone);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, search_all, f), 0);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &result);
        assert_ptr_equal(result, alone);
    }
    for (size_t i = 0; i < COUNT; i += 2)
        remove_one(f, i);
    for (size_t i = 0; i < COUNT; i += 2) /* one at a time, into slots that were used before */
        add(f, i, 1, THREADS);
    assert_true(recall(f) >= 0.99);
    drop(f);
}

/* --- in an index --- */

enum { PEOPLE = COUNT / PER_PERSON };

static fmi_manifest manifest;

/* Of people 0..PEOPLE-1, with ids that rise. */
static fmi_index *index_of(fm_metric metric, size_t graph_rows)
{
    const fmi_index_config config = {.threads = 2, .kind = FM_INDEX_HNSW, .graph_rows = graph_rows};
    fmi_index *index = NULL;
    manifest.metric = metric;
    manifest.embedding.dim = DIM;
    ok(fmi_index_new(&index, &manifest, &config, &err));
    for (int64_t p = 0; p < PEOPLE; p++) {
        char id[16];
        snprintf(id, sizeof id, "p%04d", (int)p);
        ok(fmi_index_add_identity(index, p + 1, id, &err));
        for (int64_t t = p * PER_PERSON; t < (p + 1) * PER_PERSON; t++)
            ok(fmi_index_add_template(index, p + 1, t + 1, vectors[t], &err));
    }
    return index;
}

static size_t connected(const fmi_index *index)
{
    return fmi_hnsw_count(index->graph);
}

/* What both find must be the same to the bit, and hardly anything may be missing. */
static void check_near(const fmi_index *index, float threshold)
{
    static fmi_hit near[QUERIES * K], exact[QUERIES * K];
    size_t near_counts[QUERIES], exact_counts[QUERIES], wanted = 0, found = 0;
    ok(fmi_index_search(index, queries[0], QUERIES, threshold, K, exact, exact_counts, &err));
    ok(fmi_index_search_near(index, queries[0], QUERIES, threshold, K, near, near_counts, &err));
    for (size_t q = 0; q < QUERIES; q++) {
        wanted += exact_counts[q];
        for (size_t i = 0, j = 0; i < near_counts[q]; i++) {
            const fmi_hit *hit = &near[q * K + i], *want = &exact[q * K];
            while (j < exact_counts[q] && want[j].identity_no != hit->identity_no)
                j++;
            if (j == exact_counts[q])
                break; /* something is missing before it */
            assert_string_equal(hit->id, want[j].id);
            assert_true(hit->score == want[j].score);
            assert_int_equal(hit->template_id, want[j].template_id);
            found++;
        }
    }
    assert_true((double)found >= 0.97 * (double)wanted);
}

static void test_near_search_agrees_with_exact_search(void **state)
{
    static const fm_metric metrics[] = {FM_METRIC_COSINE, FM_METRIC_INNER_PRODUCT,
                                        FM_METRIC_EUCLIDEAN, FM_METRIC_SQEUCLIDEAN};
    (void)state;
    for (size_t m = 0; m < sizeof metrics / sizeof *metrics; m++) {
        fmi_index *index = index_of(metrics[m], COUNT / 2);
        assert_false(fmi_index_is_settled(index));
        check_near(index, -FLT_MAX); /* there is no graph yet */
        ok(fmi_index_settle(index, &err));
        assert_true(fmi_index_is_settled(index));
        assert_int_equal(connected(index), COUNT);
        check_near(index, -FLT_MAX);
        check_near(index, metrics[m] <= FM_METRIC_COSINE ? 0.6f : -0.9f);
        check_near(index, FLT_MAX);
        fmi_index_free(index);
    }
}

static void test_near_search_follows_changes(void **state)
{
    fmi_index *index = index_of(FM_METRIC_COSINE, COUNT / 2);
    double recall = 0;
    (void)state;
    ok(fmi_index_settle(index, &err));
    for (int64_t p = 0; p < PEOPLE; p += 3)
        fmi_index_remove_identity(index, p + 1);
    for (int64_t p = 1; p < PEOPLE; p += 3)
        fmi_index_remove_template(index, p + 1, p * PER_PERSON + 2);
    assert_int_equal(connected(index), COUNT - PEOPLE / 3 * (PER_PERSON + 1));
    assert_false(fmi_hnsw_holds(index->graph, vectors[0]));
    check_near(index, -FLT_MAX);
    for (int64_t p = PEOPLE; p < PEOPLE + 20; p++) {
        char id[16];
        snprintf(id, sizeof id, "q%04d", (int)p);
        ok(fmi_index_add_identity(index, p + 1, id, &err));
        ok(fmi_index_add_template(index, p + 1, COUNT + p, queries[p - PEOPLE], &err));
    }
    assert_false(fmi_index_is_settled(index));
    check_near(index, -FLT_MAX); /* by exact search: none of the new ones may be missed */
    ok(fmi_index_settle(index, &err));
    check_near(index, -FLT_MAX);
    ok(fmi_index_recall(index, 50, K, &recall, &err));
    assert_true(recall >= 0.95 && recall <= 1);
    fmi_index_clear(index);
    assert_int_equal(connected(index), 0);
    assert_true(fmi_index_is_settled(index));
    ok(fmi_index_recall(index, 50, K, &recall, &err));
    assert_true(recall == 1);
    fmi_index_free(index);
}

/* The nearest person has more templates than are looked at for each identity. */
static void test_near_search_sees_past_many_templates(void **state)
{
    fmi_index *index = index_of(FM_METRIC_COSINE, COUNT / 2);
    fmi_hit hits[K];
    size_t count;
    uint32_t seed = 5;
    (void)state;
    for (int64_t p = PEOPLE; p < PEOPLE + 4; p++) {
        char id[16];
        snprintf(id, sizeof id, "r%04d", (int)p);
        ok(fmi_index_add_identity(index, p + 1, id, &err));
        for (int64_t t = 0; t < FM_LIMIT_TEMPLATES; t++) {
            float v[DIM];
            for (size_t i = 0; i < DIM; i++)
                v[i] = queries[0][i] + 0.01f * noise(&seed);
            ok(fmi_index_add_template(index, p + 1, p * 100 + t, v, &err));
        }
    }
    ok(fmi_index_settle(index, &err));
    ok(fmi_index_search_near(index, queries[0], 1, -FLT_MAX, K, hits, &count, &err));
    assert_int_equal(count, K);
    fmi_index_free(index);
}

static void test_near_search_leaves_small_indexes_alone(void **state)
{
    fmi_index *index = index_of(FM_METRIC_COSINE, 0);
    double recall = 0;
    (void)state;
    assert_true(fmi_index_is_settled(index));
    ok(fmi_index_settle(index, &err));
    assert_int_equal(connected(index), 0);
    ok(fmi_index_recall(index, 20, K, &recall, &err));
    assert_true(recall == 1);
    fmi_index_free(index);
}

static void test_near_search_without_memory(void **state)
{
    fmi_index *index = index_of(FM_METRIC_COSINE, COUNT / 2);
    fm_status status = FM_E_NO_MEMORY;
    (void)state;
    for (long k = 0; k < 10 && status == FM_E_NO_MEMORY; k++) {
        fmi_memory_fail_after(k);
        status = fmi_index_settle(index, &err);
        fmi_memory_fail_after(-1);
        assert_int_equal(fmi_index_is_settled(index), status == FM_OK);
        check_near(index, -FLT_MAX);
    }
    ok(status);
    fmi_index_free(index);
}

static void test_near_search_is_refused_for_other_metrics(void **state)
{
    const fmi_index_config config = {.kind = FM_INDEX_HNSW};
    fmi_index *index = NULL;
    (void)state;
    manifest.metric = FM_METRIC_SIAMESE;
    manifest.embedding.dim = DIM;
    fm_assert_status(fmi_index_new(&index, &manifest, &config, &err), FM_E_UNSUPPORTED, &err);
    assert_null(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hnsw_finds_what_a_full_search_finds),
        cmocka_unit_test(test_hnsw_names_the_nearest_first),
        cmocka_unit_test(test_hnsw_gives_all_there_are_and_no_more),
        cmocka_unit_test(test_hnsw_forgets_what_is_removed),
        cmocka_unit_test(test_hnsw_stays_good_under_change),
        cmocka_unit_test(test_hnsw_can_be_emptied_and_filled_again),
        cmocka_unit_test(test_hnsw_has_limits),
        cmocka_unit_test(test_hnsw_refuses_other_metrics),
        cmocka_unit_test(test_hnsw_survives_odd_vectors),
        cmocka_unit_test(test_hnsw_works_with_several_threads),
        cmocka_unit_test(test_near_search_agrees_with_exact_search),
        cmocka_unit_test(test_near_search_follows_changes),
        cmocka_unit_test(test_near_search_sees_past_many_templates),
        cmocka_unit_test(test_near_search_leaves_small_indexes_alone),
        cmocka_unit_test(test_near_search_without_memory),
        cmocka_unit_test(test_near_search_is_refused_for_other_metrics),
    };
    if (!fmi_hnsw_serves(FM_METRIC_COSINE)) { /* built without hnswlib */
        const struct CMUnitTest refused[] = {
            cmocka_unit_test(test_hnsw_refuses_other_metrics),
            cmocka_unit_test(test_near_search_is_refused_for_other_metrics),
        };
        return cmocka_run_group_tests(refused, NULL, NULL);
    }
    cmocka_set_test_filter(getenv("FM_TEST_ONLY"));
    return cmocka_run_group_tests(tests, make_faces, NULL);
}
