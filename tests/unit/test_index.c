/* The first look at rows in 8 bits, by every kernel that runs here, and the searches on top. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/memory.h"
#include "gallery/index/index_exact.h"
#include "helpers.h"
#include "match/kernel.h"
#include "match/metric.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fm_error err = {sizeof err, 0, ""};

static void ok(fm_status status)
{
    fm_assert_status(status, FM_OK, &err);
}

static float uniform(uint32_t *seed)
{
    return (float)(fm_test_random(seed) % 200001) / 100000 - 1;
}

/* Kinds of vectors: even values, one spike, few levels, far from the origin, short, long. */
static void draw(float *v, size_t dim, int kind, uint32_t *seed)
{
    for (size_t i = 0; i < dim; i++)
        v[i] = kind == 2 ? (float)(fm_test_random(seed) % 3) / 2 : uniform(seed);
    for (size_t i = 0; i < dim && kind >= 3; i++)
        v[i] = kind == 3 ? v[i] * 1e-3f + 100 : v[i] * (kind == 4 ? 1e-9f : 1e9f);
    v[fm_test_random(seed) % dim] += kind == 1 ? 50 : 1e-12f;
}

static fmi_manifest bare(fm_metric metric, size_t dim)
{
    fmi_manifest m;
    memset(&m, 0, sizeof m);
    m.metric = metric;
    m.embedding.dim = (int32_t)dim;
    return m;
}

static const char *next_kernel(size_t number, fmi_scan_kernel *kernel)
{
    const char *name = NULL;
    *kernel = fmi_scan_kernel_number(number, &name);
    return *kernel ? name : NULL;
}

/* --- the first look --- */

enum { MOST_DIM = 600, ROWS = FMI_SCAN_ROWS * 5, AIMS = FMI_SCAN_QUERIES };

typedef struct scene {
    fmi_manifest manifest;
    fmi_scan_form form;
    float rows[ROWS][MOST_DIM], queries[AIMS][MOST_DIM];
    unsigned char *groups;
    int8_t codes[AIMS][MOST_DIM + 4];
    fmi_aim aims[AIMS];
} scene;

static void make_scene(scene *s, fm_metric metric, size_t dim, int kind, uint32_t *seed)
{
    s->manifest = bare(metric, dim);
    assert_true(fmi_scan_form_init(&s->form, &s->manifest));
    assert_int_equal(s->form.group_bytes % FMI_SCAN_ALIGN, 0);
    s->groups = fmi_pages_alloc(FMI_PAGE, false);
    assert_non_null(s->groups);
    for (size_t a = 0; a < AIMS; a++) {
        do
            draw(s->queries[a], dim, kind, seed);
        while (!fmi_aim_init(&s->aims[a], &s->form, s->codes[a], s->queries[a],
                             fmi_kernel_norm(s->queries[a], dim)));
    }
    for (size_t r = 0; r < ROWS; r++) {
        draw(s->rows[r], dim, r % 7 == 6 ? (int)(r % 6) : kind, seed);
        if (r % 5 == 4) /* like a query, or the same */
            for (size_t i = 0; i < dim; i++)
                s->rows[r][i] = s->queries[r % AIMS][i] * (r % 2 ? 1 : 1.001f);
        fmi_scan_write(&s->form, s->groups + r / FMI_SCAN_ROWS * s->form.group_bytes,
                       r % FMI_SCAN_ROWS, s->rows[r], fmi_kernel_norm(s->rows[r], dim));
    }
}

static void free_scene(scene *s)
{
    fmi_pages_free(s->groups, FMI_PAGE);
}

/* The bar is what the row itself scores: it must not be passed over. */
static void check_row(scene *s, fmi_scan_kernel scan, size_t r, size_t aim_count)
{
    static fmi_found found[AIMS];
    for (size_t a = 0; a < aim_count; a++)
        fmi_aim_raise(&s->aims[a], &s->form,
                      fmi_metric_score(&s->manifest, s->queries[a], s->rows[r]));
    scan(&s->form, s->groups, ROWS / FMI_SCAN_ROWS, s->aims, aim_count, found);
    for (size_t a = 0; a < aim_count; a++) {
        assert_true(found[a].hopeful[r / FMI_SCAN_ROWS] >> r % FMI_SCAN_ROWS & 1);
        assert_true(found[a].most[r / FMI_SCAN_ROWS][r % FMI_SCAN_ROWS] >= s->aims[a].bar);
    }
}

static void test_index_bound_holds(void **state)
{
    static const size_t dims[] = {1, 3, 4, 5, 16, 133};
    static scene s;
    fmi_scan_kernel scan;
    uint32_t seed = 3;
    (void)state;
    for (fm_metric metric = FM_METRIC_COSINE; metric <= FM_METRIC_INNER_PRODUCT; metric++)
        for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
            for (int kind = 0; kind < 6; kind++) {
                make_scene(&s, metric, dims[d], kind, &seed);
                for (size_t number = 0; next_kernel(number, &scan); number++)
                    for (size_t r = 0; r < ROWS; r++)
                        check_row(&s, scan, r, 1 + r % AIMS);
                free_scene(&s);
            }
}

static void check_equal(const scene *s, size_t a, const fmi_found *got, const fmi_found *want)
{
    double norm_q = fmi_kernel_norm(s->queries[a], s->form.dim);
    for (size_t r = 0; r < ROWS; r++) {
        float x = got->most[r / FMI_SCAN_ROWS][r % FMI_SCAN_ROWS];
        float y = want->most[r / FMI_SCAN_ROWS][r % FMI_SCAN_ROWS];
        double norm = fmi_kernel_norm(s->rows[r], s->form.dim);
        double scale = s->form.has_norms ? norm * (norm_q + norm) : 1;
        assert_int_equal(got->hopeful[r / FMI_SCAN_ROWS], 0xffff);
        assert_true(x == y || fabs((double)x - y) <= 1e-6 * scale);
    }
}

/* All compute the same, but for the rounding of the last few operations. */
static void test_index_kernels_agree(void **state)
{
    static scene s;
    static fmi_found want[AIMS], got[AIMS];
    fmi_scan_kernel scan, first;
    uint32_t seed = 11;
    (void)state;
    assert_non_null(next_kernel(0, &first));
    assert_true(first == fmi_scan_kernel_best());
    for (fm_metric metric = FM_METRIC_COSINE; metric <= FM_METRIC_INNER_PRODUCT; metric++)
        for (size_t dim = 1; dim <= MOST_DIM; dim += dim < 20 ? 1 : 145) {
            make_scene(&s, metric, dim, (int)(dim % 3), &seed);
            for (size_t a = 0; a < AIMS; a++)
                s.aims[a].bar = -INFINITY;
            first(&s.form, s.groups, ROWS / FMI_SCAN_ROWS, s.aims, AIMS, want);
            for (size_t number = 0; next_kernel(number, &scan); number++)
                for (size_t count = 1; count <= AIMS; count++) {
                    scan(&s.form, s.groups, ROWS / FMI_SCAN_ROWS, s.aims, count, got);
                    for (size_t a = 0; a < count; a++)
                        check_equal(&s, a, &got[a], &want[a]);
                }
            free_scene(&s);
        }
}

/* A score that is better by `part` of both lengths' product. */
static float better(const scene *s, size_t a, size_t r, double part)
{
    double score = fmi_metric_score(&s->manifest, s->queries[a], s->rows[r]);
    double both =
        fmi_kernel_norm(s->queries[a], s->form.dim) * fmi_kernel_norm(s->rows[r], s->form.dim);
    switch (s->form.metric) {
    case FM_METRIC_COSINE:
        return (float)(score + part);
    case FM_METRIC_EUCLIDEAN:
        return (float)-sqrt(score * score - 2 * part * both);
    case FM_METRIC_SQEUCLIDEAN:
        return (float)(score + 2 * part * both);
    default:
        return (float)(score + part * both);
    }
}

/* The bound is of use: a little above what a row scores, it is passed over. */
static void test_index_bound_is_narrow(void **state)
{
    static scene s;
    static fmi_found found[AIMS];
    fmi_scan_kernel scan;
    uint32_t seed = 21;
    (void)state;
    for (fm_metric metric = FM_METRIC_COSINE; metric <= FM_METRIC_INNER_PRODUCT; metric++) {
        make_scene(&s, metric, 128, 0, &seed);
        for (size_t number = 0; next_kernel(number, &scan); number++)
            for (size_t r = 0; r < ROWS; r++) {
                if (r % 7 == 6 || r % 5 == 4) /* of another kind, or much like a query */
                    continue;
                fmi_aim_raise(&s.aims[0], &s.form, better(&s, 0, r, 0.02));
                scan(&s.form, s.groups, ROWS / FMI_SCAN_ROWS, s.aims, 1, found);
                assert_false(found->hopeful[r / FMI_SCAN_ROWS] >> r % FMI_SCAN_ROWS & 1);
            }
        free_scene(&s);
    }
}

/* What the bound does not hold for is never passed over, and such queries are refused. */
static void test_index_bound_knows_its_range(void **state)
{
    static const float sizes[] = {0, 1e-38f, 1e-20f, 1e20f, 1e37f};
    enum { DIM = 9 };
    static scene s;
    static fmi_found found[AIMS];
    fmi_scan_kernel scan;
    uint32_t seed = 31;
    (void)state;
    for (fm_metric metric = FM_METRIC_COSINE; metric <= FM_METRIC_INNER_PRODUCT; metric++) {
        make_scene(&s, metric, DIM, 0, &seed);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            float v[DIM];
            fmi_aim aim;
            int8_t codes[DIM + 3];
            for (size_t j = 0; j < DIM; j++)
                v[j] = sizes[i] * s.queries[0][j];
            assert_false(fmi_aim_init(&aim, &s.form, codes, v, fmi_kernel_norm(v, DIM)));
            fmi_scan_write(&s.form, s.groups, i, v, fmi_kernel_norm(v, DIM));
        }
        for (size_t a = 0; a < AIMS; a++)
            fmi_aim_raise(&s.aims[a], &s.form, FLT_MAX);
        for (size_t number = 0; next_kernel(number, &scan); number++) {
            scan(&s.form, s.groups, 1, s.aims, AIMS, found);
            for (size_t a = 0; a < AIMS; a++)
                assert_int_equal(found[a].hopeful[0] & 31, 31);
        }
        free_scene(&s);
    }
}

static void test_index_long_vectors_and_other_metrics(void **state)
{
    fmi_scan_form form;
    fmi_manifest m = bare(FM_METRIC_COSINE, 16384);
    (void)state;
    assert_true(fmi_scan_form_init(&form, &m));
    m.embedding.dim = 16385;
    assert_false(fmi_scan_form_init(&form, &m));
    for (fm_metric metric = FM_METRIC_CHI_SQUARED; metric <= FM_METRIC_SIAMESE; metric++) {
        m = bare(metric, 8);
        assert_false(fmi_scan_form_init(&form, &m));
    }
}

/* --- searches --- */

enum { DIM = 12, PEOPLE = 3000, TEMPLATES = 8500, QUERIES = 70, K = 5 };

typedef struct crowd {
    fmi_manifest manifest;
    float vectors[TEMPLATES][DIM], queries[QUERIES][DIM];
    size_t owner[TEMPLATES];
    bool gone[TEMPLATES];
    float weights[DIM];
} crowd;

static crowd c;

static fmi_index *fill(fm_metric metric, int32_t threads, uint32_t seed)
{
    const fmi_index_config config = {.threads = threads};
    fmi_index *index = NULL;
    c.manifest = bare(metric, DIM);
    c.manifest.metric_weights = c.weights;
    memset(c.gone, 0, sizeof c.gone);
    ok(fmi_index_new(&index, &c.manifest, &config, &err));
    for (size_t p = 0; p < PEOPLE; p++) {
        char id[16];
        snprintf(id, sizeof id, "p%zu", p);
        ok(fmi_index_add_identity(index, (int64_t)p + 1, id, &err));
    }
    for (size_t i = 0; i < DIM; i++)
        c.weights[i] = 0.25f;
    for (size_t t = 0; t < TEMPLATES; t++) {
        draw(c.vectors[t], DIM, t % 50 == 49 ? (int)(t % 6) : 0, &seed);
        if (t % 9 == 8) /* ties */
            memcpy(c.vectors[t], c.vectors[fm_test_random(&seed) % t], sizeof c.vectors[t]);
        c.owner[t] = fm_test_random(&seed) % PEOPLE;
        ok(fmi_index_add_template(index, (int64_t)c.owner[t] + 1, (int64_t)t + 1, c.vectors[t],
                                  &err));
    }
    for (size_t q = 0; q < QUERIES; q++) {
        draw(c.queries[q], DIM, q % 10 == 9 ? (int)(q % 6) : 0, &seed);
        if (q % 3 == 0)
            memcpy(c.queries[q], c.vectors[q * 31], sizeof c.queries[q]);
        for (size_t i = 0; i < DIM && q % 11 == 10; i++)
            c.queries[q][i] *= 1e18f; /* no first look for this one */
    }
    return index;
}

typedef struct best {
    char id[16];
    float score;
    int64_t template_id;
} best;

static int by_rank(const void *a, const void *b)
{
    const best *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return strcmp(x->id, y->id);
}

static size_t brute_force(const float *query, float threshold, best *out)
{
    size_t count = 0;
    for (size_t p = 0; p < PEOPLE; p++) {
        snprintf(out[p].id, sizeof out[p].id, "p%zu", p);
        out[p].score = -INFINITY;
        out[p].template_id = 0;
    }
    for (size_t t = 0; t < TEMPLATES; t++) {
        float score = c.gone[t] ? -INFINITY : fmi_metric_score(&c.manifest, query, c.vectors[t]);
        if (score > out[c.owner[t]].score) {
            out[c.owner[t]].score = score;
            out[c.owner[t]].template_id = (int64_t)t + 1;
        }
    }
    qsort(out, PEOPLE, sizeof *out, by_rank);
    while (count < K && out[count].template_id && out[count].score >= threshold)
        count++;
    return count;
}

static void check_answers(const fmi_index *index, size_t n, float threshold)
{
    static best want[PEOPLE];
    fmi_hit hits[QUERIES * K];
    size_t counts[QUERIES];
    ok(fmi_index_search(index, c.queries[0], n, threshold, K, hits, counts, &err));
    for (size_t q = 0; q < n; q++) {
        assert_int_equal(counts[q], brute_force(c.queries[q], threshold, want));
        for (size_t i = 0; i < counts[q]; i++) {
            const fmi_hit *hit = &hits[q * K + i];
            assert_string_equal(hit->id, want[i].id);
            assert_true(hit->score == want[i].score);
            assert_int_equal(hit->template_id, want[i].template_id);
        }
    }
}

static void test_index_search_by_every_kernel(void **state)
{
    fmi_scan_kernel scan;
    (void)state;
    for (fm_metric metric = FM_METRIC_COSINE; metric <= FM_METRIC_INNER_PRODUCT; metric++) {
        fmi_index *index = fill(metric, 1, (uint32_t)metric);
        for (size_t number = 0; next_kernel(number, &scan); number++) {
            index->scan = scan;
            check_answers(index, QUERIES, -FLT_MAX);
        }
        check_answers(index, 3, metric == FM_METRIC_COSINE ? 0.75f : -0.75f);
        fmi_index_free(index);
    }
}

static void test_index_search_by_threads(void **state)
{
    (void)state;
    for (fm_metric metric = FM_METRIC_COSINE; metric <= FM_METRIC_CHI_SQUARED; metric++) {
        fmi_index *index = fill(metric, 2, 77);
        check_answers(index, 1, -FLT_MAX);
        check_answers(index, 7, -FLT_MAX);
        fmi_index_free(index);
    }
}

/* --- means --- */

static size_t brute_force_means(const float *query, float threshold, best *out)
{
    static double sums[PEOPLE][DIM];
    static size_t counts[PEOPLE];
    size_t count = 0;
    memset(sums, 0, sizeof sums);
    memset(counts, 0, sizeof counts);
    for (size_t t = 0; t < TEMPLATES; t++)
        for (size_t i = 0; i < DIM && !c.gone[t]; i++) {
            sums[c.owner[t]][i] += c.vectors[t][i];
            counts[c.owner[t]] += i == 0;
        }
    for (size_t p = 0; p < PEOPLE; p++) {
        float mean[DIM];
        for (size_t i = 0; i < DIM && counts[p]; i++)
            mean[i] = (float)(sums[p][i] / (double)counts[p]);
        if (!counts[p] || fmi_metric_score(&c.manifest, query, mean) < threshold)
            continue;
        snprintf(out[count].id, sizeof out[count].id, "p%zu", p);
        out[count++].score = fmi_metric_score(&c.manifest, query, mean);
    }
    qsort(out, count, sizeof *out, by_rank);
    return count < K ? count : K;
}

static void test_index_search_by_means(void **state)
{
    enum { N = 3 };
    static best want[PEOPLE];
    (void)state;
    for (fm_metric metric = FM_METRIC_COSINE; metric <= FM_METRIC_SIAMESE; metric += 2) {
        fmi_index *index = fill(metric, 1, 9);
        fmi_hit hits[N * K];
        size_t counts[N];
        for (size_t i = 0; i < 40; i++) {
            size_t t = i * 97 % TEMPLATES;
            fmi_index_remove_template(index, (int64_t)c.owner[t] + 1, (int64_t)t + 1);
            c.gone[t] = true;
        }
        ok(fmi_index_search_means(index, c.queries[0], N, -FLT_MAX, K, hits, counts, &err));
        for (size_t q = 0; q < N; q++) {
            assert_int_equal(counts[q], brute_force_means(c.queries[q], -FLT_MAX, want));
            for (size_t i = 0; i < counts[q]; i++) {
                assert_string_equal(hits[q * K + i].id, want[i].id);
                assert_true(hits[q * K + i].score == want[i].score);
                assert_int_equal(hits[q * K + i].template_id, 0);
            }
        }
        fmi_index_free(index);
    }
}

/* Two templates a right angle apart: the mean lies between them, and at which length counts. */
static void test_index_means_have_the_models_length(void **state)
{
    static const float along[2] = {1, 0}, across[2] = {0, 1},
                       between[2] = {0.70710678f, 0.70710678f};
    const fmi_index_config config = {.threads = 1};
    (void)state;
    for (int normalize = 0; normalize <= 1; normalize++) {
        fmi_manifest manifest = bare(FM_METRIC_EUCLIDEAN, 2);
        fmi_index *index = NULL;
        fmi_hit hit;
        size_t count = 0;
        manifest.embedding.normalize = normalize;
        ok(fmi_index_new(&index, &manifest, &config, &err));
        ok(fmi_index_add_identity(index, 1, "anna", &err));
        ok(fmi_index_add_identity(index, 2, "nobody's", &err));
        ok(fmi_index_add_template(index, 1, 1, along, &err));
        ok(fmi_index_add_template(index, 1, 2, across, &err));
        ok(fmi_index_search_means(index, between, 1, -FLT_MAX, 1, &hit, &count, &err));
        assert_int_equal(count, 1);
        assert_string_equal(hit.id, "anna");
        assert_float_equal(hit.score, normalize ? 0 : -(1 - sqrt(0.5)), 1e-6);
        ok(fmi_index_search_means(index, between, 1, 0.5f, 1, &hit, &count, &err));
        assert_int_equal(count, 0);
        fmi_index_free(index);
    }
}

/* --- removal --- */

static bool contains(const void *all, size_t length, const void *part, size_t size)
{
    const unsigned char *bytes = all;
    for (size_t i = 0; i + size <= length; i++)
        if (!memcmp(bytes + i, part, size))
            return true;
    return false;
}

/* What lies at the address, be it room that nothing was written to yet: read as a file, as nobody
 * may look at such bytes, and valgrind says so. */
static unsigned char *bytes_at(const void *address, size_t size)
{
    FILE *memory = fopen("/proc/self/mem", "rb");
    unsigned char *copy = malloc(size);
    assert_non_null(memory);
    assert_non_null(copy);
    setvbuf(memory, NULL, _IONBF, 0);
    assert_int_equal(fseek(memory, (long)(uintptr_t)address, SEEK_SET), 0);
    assert_int_equal(fread(copy, 1, size, memory), size);
    fclose(memory);
    return copy;
}

static bool is_anywhere(const fmi_index *index, const unsigned char *bytes, size_t size)
{
    size_t block_bytes = index->block_rows * index->dim * sizeof(float);
    bool found = false;
    for (size_t i = 0; i < index->block_count && !found; i++) {
        unsigned char *block = bytes_at(index->blocks[i], block_bytes);
        found = contains(block, block_bytes, bytes, size);
        free(block);
    }
    return found;
}

/* The codes of row r, the first chunk's groups being `groups`. */
static void codes_in(const fmi_index *index, const unsigned char *groups, size_t r,
                     unsigned char out[DIM])
{
    const unsigned char *group = groups + r / FMI_SCAN_ROWS * index->form.group_bytes;
    for (size_t i = 0; i < DIM / 4; i++)
        memcpy(out + 4 * i, group + 4 * (i * FMI_SCAN_ROWS + r % FMI_SCAN_ROWS), 4);
}

enum { LOOKED_AT = 256 }; /* rows, also behind the last one */

static bool codes_are_anywhere(const fmi_index *index, const unsigned char codes[DIM])
{
    unsigned char *groups;
    bool found = false;
    if (index->chunk_count == 0)
        return false;
    groups = bytes_at(index->chunks[0], LOOKED_AT / FMI_SCAN_ROWS * index->form.group_bytes);
    for (size_t r = 0; r < LOOKED_AT && !found; r++) {
        unsigned char other[DIM];
        codes_in(index, groups, r, other);
        found = !memcmp(codes, other, DIM);
    }
    free(groups);
    return found;
}

static void test_index_removal_wipes(void **state)
{
    fmi_index *index = fill(FM_METRIC_EUCLIDEAN, 1, 5);
    (void)state;
    fmi_index_clear(index);
    assert_int_equal(index->chunk_count, 0);
    for (size_t p = 0; p < 40; p++) {
        char id[16];
        snprintf(id, sizeof id, "p%zu", p);
        ok(fmi_index_add_identity(index, (int64_t)p + 1, id, &err));
    }
    for (size_t t = 0; t < 200; t++) {
        uint32_t seed = (uint32_t)t + 1000;
        draw(c.vectors[t], DIM, 0, &seed);
        ok(fmi_index_add_template(index, (int64_t)(t % 40) + 1, (int64_t)t + 1, c.vectors[t],
                                  &err));
    }
    for (size_t t = 0; t < 200; t++) {
        size_t victim = t * 77 % 200, r = 0;
        unsigned char codes[DIM];
        while (index->rows[r].template_id != (int64_t)victim + 1)
            r++;
        codes_in(index, index->chunks[0], r, codes);
        assert_true(codes_are_anywhere(index, codes));
        assert_true(is_anywhere(index, (const unsigned char *)c.vectors[victim], 16));
        fmi_index_remove_template(index, (int64_t)(victim % 40) + 1, (int64_t)victim + 1);
        assert_false(codes_are_anywhere(index, codes));
        assert_false(is_anywhere(index, (const unsigned char *)c.vectors[victim], 16));
    }
    assert_int_equal(index->chunk_count, 0);
    fmi_index_free(index);
}

static void test_index_search_after_removals(void **state)
{
    fmi_index *index = fill(FM_METRIC_COSINE, 1, 6);
    (void)state;
    for (size_t i = 0; i < 300; i++) {
        size_t t = i * 29 % TEMPLATES;
        fmi_index_remove_template(index, (int64_t)c.owner[t] + 1, (int64_t)t + 1);
        c.gone[t] = true;
    }
    for (size_t p = 0; p < PEOPLE; p += 60) {
        fmi_index_remove_identity(index, (int64_t)p + 1);
        for (size_t t = 0; t < TEMPLATES; t++)
            c.gone[t] = c.gone[t] || c.owner[t] == p;
    }
    check_answers(index, QUERIES, -FLT_MAX);
    fmi_index_free(index);
}

static void test_index_without_memory(void **state)
{
    static const int32_t threads[] = {1, 2, 0}; /* 0: by means */
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fmi_index *index = fill(FM_METRIC_COSINE, threads[i], 8);
        long live = fmi_memory_live_blocks();
        fm_status status = FM_E_NO_MEMORY;
        for (long k = 0; status != FM_OK; k++) {
            fmi_hit hits[K];
            size_t count = 77;
            fmi_memory_fail_after(k);
            status = (threads[i] ? fmi_index_search : fmi_index_search_means)(
                index, c.queries[0], 1, -FLT_MAX, K, hits, &count, &err);
            fmi_memory_fail_after(-1);
            assert_int_equal(fmi_memory_live_blocks(), live);
            assert_int_equal(count, status == FM_OK ? K : 77);
            if (status != FM_OK)
                fm_assert_status(status, FM_E_NO_MEMORY, &err);
        }
        fmi_index_free(index);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_bound_holds),
        cmocka_unit_test(test_index_kernels_agree),
        cmocka_unit_test(test_index_bound_is_narrow),
        cmocka_unit_test(test_index_bound_knows_its_range),
        cmocka_unit_test(test_index_long_vectors_and_other_metrics),
        cmocka_unit_test(test_index_search_by_every_kernel),
        cmocka_unit_test(test_index_search_by_threads),
        cmocka_unit_test(test_index_search_by_means),
        cmocka_unit_test(test_index_means_have_the_models_length),
        cmocka_unit_test(test_index_removal_wipes),
        cmocka_unit_test(test_index_search_after_removals),
        cmocka_unit_test(test_index_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
