#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/model.h"
#include "core/memory.h"
#include "gallery/gallery.h"
#include "gallery/postgres/postgres.h"
#include "helpers.h"
#include "match/metric.h"
#include <facematch/facematch.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What only galleries on a server have. FACEMATCH_POSTGRES and FACEMATCH_POSTGRES_SHARDS:
 * helpers.h. */
enum { MOST_DIM = 40, PEOPLE = 60, TEMPLATES = 300 };

static fm_error err = {sizeof err, 0, ""};
static const char *server, *shards;
static char path[512];

static void ok(fm_status status)
{
    fm_assert_status(status, FM_OK, &err);
}

static void refused(fm_status status, fm_status want, const char *part)
{
    fm_assert_status(status, want, &err);
    fm_assert_message(&err, part);
}

static int name_gallery(void **state)
{
    (void)state;
    fm_test_gallery(path, sizeof path, NULL, "server", server);
    return 0;
}

/* A model with nothing behind it but a metric. */
static fm_model bare_model(fm_metric metric, int32_t dim)
{
    static float weights[MOST_DIM];
    fm_model m;
    memset(&m, 0, sizeof m);
    atomic_init(&m.references, 1);
    for (int i = 0; i < MOST_DIM; i++)
        weights[i] = metric == FM_METRIC_SIAMESE ? -0.125f : 0.5f;
    m.manifest.kind = FM_MODEL_EMBEDDER;
    m.manifest.name = "bare";
    m.manifest.embedding.dim = dim;
    m.manifest.metric = metric;
    m.manifest.metric_weights = weights;
    m.manifest.metric_bias = 0.5f;
    memset(m.id, '0' + metric, sizeof m.id - 1);
    return m;
}

static fm_gallery *open_with(const fm_model *model)
{
    fm_gallery *gallery = NULL;
    ok(fm_test_shard(path, model, shards, &err));
    ok(fm_gallery_open(&gallery, path, model, NULL, &err));
    return gallery;
}

/* Another program's statement; @ stands for the gallery's number. */
static void sql(const fm_gallery *gallery, const char *text)
{
    PGconn *conn = PQconnectdb(server);
    char whole[2048];
    size_t used = 0;
    PGresult *result;
    for (; *text && used < sizeof whole - 24; text++)
        if (*text == '@')
            used += (size_t)sprintf(whole + used, "%lld",
                                    (long long)((const fmi_pg *)gallery->store)->no);
        else
            whole[used++] = *text;
    whole[used] = '\0';
    result = PQexec(conn, whole);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", whole, PQerrorMessage(conn));
    PQclear(result);
    PQfinish(conn);
}

/* The connection of the handle ends, as when the server is stopped. */
static void cut(const fm_gallery *gallery)
{
    char text[128]; /* as long as it takes: the calls that follow are to find it ended */
    snprintf(text, sizeof text, "DO $$ BEGIN ASSERT pg_terminate_backend(%d, 600000); END $$",
             PQbackendPID(((const fmi_pg *)gallery->store)->conn));
    sql(gallery, text);
}

/* --- the same answers as in memory --- */

typedef struct crowd {
    fm_model model;
    float vectors[TEMPLATES][MOST_DIM];
    uint32_t given;
} crowd;

/* Few values, so that there are ties; here and there the same template twice, and some of a size
 * that float32 does not hold the square of. */
static void draw(crowd *c, float *v, uint32_t *seed, bool wild)
{
    float scale = !wild ? 1 : fm_test_random(seed) % 2 ? 1e25f : 1e-25f;
    for (int32_t i = 0; i < c->model.manifest.embedding.dim; i++)
        v[i] = (float)(1 + fm_test_random(seed) % 8) / 8 * scale;
}

static fm_status give(void *user, fmi_new_template *add, bool *more, fm_error *error)
{
    static char id[16];
    crowd *c = user;
    (void)error;
    *more = c->given < TEMPLATES;
    if (!*more)
        return FM_OK;
    snprintf(id, sizeof id, "p%u", c->given * 7919 % PEOPLE);
    add->id = id;
    add->vector = c->vectors[c->given++];
    return FM_OK;
}

static void fill_index(const crowd *c, fmi_index *index)
{
    int64_t numbers[PEOPLE] = {0}, last = 0;
    for (uint32_t t = 0; t < TEMPLATES; t++) {
        uint32_t p = t * 7919 % PEOPLE;
        char id[16];
        snprintf(id, sizeof id, "p%u", p);
        if (!numbers[p])
            ok(fmi_index_add_identity(index, numbers[p] = ++last, id, &err));
        ok(fmi_index_add_template(index, numbers[p], t + 1, c->vectors[t], &err));
    }
}

static void compare(fm_gallery *gallery, const fmi_index *index, const float *query,
                    float threshold, size_t k, fm_score_rule rule)
{
    fm_identify_options options = {
        .struct_size = sizeof options, .use_threshold = 1, .threshold = threshold, .score = rule};
    fmi_hit want[PEOPLE];
    fm_match got[PEOPLE];
    size_t want_count = 0, got_count = 0;
    ok((rule == FM_SCORE_MEAN ? fmi_index_search_means : fmi_index_search)(
        index, query, 1, threshold, k, want, &want_count, &err));
    ok(fm_gallery_search(gallery, query, 1, (size_t)gallery->store->pin.dim, &options, got, k,
                         &got_count, NULL, &err));
    assert_int_equal(got_count, want_count);
    for (size_t i = 0; i < want_count; i++) {
        assert_string_equal(got[i].id, want[i].id);
        assert_true(got[i].score == want[i].score);
        assert_int_equal(got[i].template_id, want[i].template_id);
    }
}

static void compare_all(crowd *c, fm_gallery *gallery, const fmi_index *index, uint32_t *seed)
{
    for (int q = 0; q < 24; q++) {
        float query[MOST_DIM] = {0};
        size_t k = 1 + fm_test_random(seed) % PEOPLE;
        float threshold = -FLT_MAX;
        if (q % 4 == 0)
            memcpy(query, c->vectors[q], sizeof query);
        else if (q != 23) /* that one is of zeros */
            draw(c, query, seed, q % 8 == 7);
        if (q % 3 == 0)
            threshold = fmi_metric_score(&c->model.manifest, query, c->vectors[q + 1]);
        compare(gallery, index, query, threshold, k, 0);
        if (q % 12 == 1)
            compare(gallery, index, query, threshold, k, FM_SCORE_MEAN);
    }
}

static void test_postgres_answers_as_memory_does(void **state)
{
    static const int32_t dims[] = {1, 7, MOST_DIM};
    const fmi_index_config config = {.threads = 1};
    static crowd c;
    uint32_t seed = 5;
    (void)state;
    for (fm_metric metric = FM_METRIC_COSINE; metric <= FM_METRIC_SIAMESE; metric++)
        for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
            fmi_index *index = NULL;
            fm_gallery *gallery;
            int64_t templates = 0;
            c.model = bare_model(metric, dims[d]);
            c.given = 0;
            for (int t = 0; t < TEMPLATES; t++)
                draw(&c, c.vectors[t], &seed, t % 29 == 28);
            for (int t = 4; t < TEMPLATES; t += 5)
                memcpy(c.vectors[t], c.vectors[t - 3], sizeof c.vectors[t]);
            ok(fmi_index_new(&index, &c.model.manifest, &config, &err));
            fill_index(&c, index);
            name_gallery(NULL);
            gallery = open_with(&c.model);
            ok(gallery->store->ops->import(gallery->store, give, &c, &templates, &err));
            assert_int_equal(templates, TEMPLATES);
            gallery->sync.valid = false;
            compare_all(&c, gallery, index, &seed);
            fm_gallery_close(gallery);
            fmi_index_free(index);
        }
}

/* The graph of the server, where a gallery is large enough: here one template is. */
static void test_postgres_graph(void **state)
{
    static crowd c;
    fmi_pin pin = {.dim = MOST_DIM, .metric = FM_METRIC_COSINE, .model_name = "bare"};
    fmi_store_config config = {
        .pin = &pin, .timeout_ms = 5000, .index = FM_INDEX_HNSW, .graph_rows = 1};
    fm_gallery *gallery;
    fmi_store *store = NULL;
    uint32_t seed = 3;
    int64_t templates = 0;
    size_t wanted = 0, found = 0;
    (void)state;
    c.model = bare_model(FM_METRIC_COSINE, MOST_DIM);
    memcpy(pin.model_id, c.model.id, sizeof pin.model_id);
    config.mode = FM_GALLERY_CREATE;
    ok(fmi_store_postgres_open(&store, path, &config, &err)); /* so that shards have graphs, too */
    store->ops->close(store);
    gallery = open_with(&c.model);
    c.given = 0;
    for (int t = 0; t < TEMPLATES; t++)
        draw(&c, c.vectors[t], &seed, false);
    ok(gallery->store->ops->import(gallery->store, give, &c, &templates, &err));
    config.mode = FM_GALLERY_READ_ONLY;
    ok(fmi_store_postgres_open(&store, path, &config, &err));
    assert_true(((fmi_pg *)store)->hnsw);
    for (int q = 0; q < 20; q++) {
        fmi_hit hits[2][5] = {{{0}}};
        size_t counts[2];
        for (int exact = 0; exact < 2; exact++) {
            const fmi_search search = {.manifest = &c.model.manifest,
                                       .queries = c.vectors[q],
                                       .n = 1,
                                       .k = 5,
                                       .everybody = true,
                                       .exact = exact};
            fmi_searched about;
            ok(store->ops->search(store, &search, hits[exact], &counts[exact], &about, &err));
            assert_int_equal(about.identities, PEOPLE);
        }
        wanted += counts[1];
        for (size_t i = 0; i < counts[0]; i++)
            for (size_t j = 0; j < counts[1]; j++)
                found += !strcmp(hits[0][i].id, hits[1][j].id);
        for (size_t i = 0; i < 10; i++)
            fmi_free((char *)hits[i / 5][i % 5].id);
    }
    assert_int_equal(wanted, 100);
    assert_true(found >= 95);
    store->ops->close(store);
    fm_gallery_close(gallery);
}

/* --- the connection --- */

static const float *one_vector(int number)
{
    static float v[MOST_DIM];
    for (int i = 0; i < MOST_DIM; i++)
        v[i] = (float)((number * 31 + i * i * (number + 1)) % 17) - 8;
    return v;
}

static void test_postgres_connects_anew(void **state)
{
    fm_model model = bare_model(FM_METRIC_COSINE, MOST_DIM);
    fm_gallery *gallery = open_with(&model);
    fm_identify_options options = {
        .struct_size = sizeof options, .use_threshold = 1, .threshold = 0.999f};
    fm_match match;
    size_t count = 9, identities = 9;
    (void)state;
    ok(fm_gallery_add(gallery, "anna", one_vector(1), MOST_DIM, NULL, NULL, &err));
    for (int i = 0; i < 2; i++) {
        cut(gallery);
        refused(fm_gallery_add(gallery, "bert", one_vector(2), MOST_DIM, NULL, NULL, &err), FM_E_IO,
                "the next call connects anew");
        assert_null(strstr(err.message, "may or may not")); /* it was not even begun */
        ok(fm_gallery_count(gallery, &identities, NULL, &err));
        assert_int_equal(identities, 1);
    }
    cut(gallery);
    refused(fm_gallery_search(gallery, one_vector(1), 1, MOST_DIM, &options, &match, 1, &count,
                              NULL, &err),
            FM_E_IO, "connects anew");
    assert_int_equal(count, 9);
    ok(fm_gallery_search(gallery, one_vector(1), 1, MOST_DIM, &options, &match, 1, &count, NULL,
                         &err));
    assert_int_equal(count, 1);
    assert_string_equal(match.id, "anna");
    fm_gallery_close(gallery);
}

typedef struct cutting {
    fm_gallery *gallery;
    int told;
} cutting;

static fm_status cut_at_three(void *user, fmi_new_template *add, bool *more, fm_error *error)
{
    static char id[16];
    cutting *job = user;
    (void)error;
    if (job->told == 3)
        cut(job->gallery);
    snprintf(id, sizeof id, "p%d", job->told++);
    add->id = id;
    add->vector = one_vector(job->told);
    *more = true;
    return FM_OK;
}

static void test_postgres_cut_import_leaves_nothing(void **state)
{
    fm_model model = bare_model(FM_METRIC_COSINE, MOST_DIM);
    fm_gallery *gallery = open_with(&model);
    cutting job = {gallery, 0};
    int64_t templates = 77;
    size_t identities = 9;
    (void)state;
    refused(gallery->store->ops->import(gallery->store, cut_at_three, &job, &templates, &err),
            FM_E_IO, "connects anew");
    assert_int_equal(job.told, 4);
    assert_int_equal(templates, 77);
    ok(fm_gallery_count(gallery, &identities, NULL, &err));
    assert_int_equal(identities, 0);
    fm_gallery_close(gallery);
}

static void test_postgres_tells_no_password(void **state)
{
    static const char *const uris[] = {
        "postgresql://me:s3cret@127.0.0.1:1/db", "postgresql://me:s3cret%/db",
        "postgresql://127.0.0.1:1/db?user=me&password=s3cret&gallery=x",
        "postgresql://me:s3cret@127.0.0.1:1/db?nothing=1"};
    fm_gallery *gallery = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof uris / sizeof *uris; i++) {
        fm_status status = fm_gallery_open(&gallery, uris[i], NULL, NULL, &err);
        assert_int_equal(status, i % 2 ? FM_E_INVALID_ARGUMENT : FM_E_IO);
        assert_null(strstr(err.message, "s3cret"));
    }
}

/* --- what is on the server --- */

static void test_postgres_other_formats(void **state)
{
    fm_model model = bare_model(FM_METRIC_COSINE, MOST_DIM);
    fm_gallery *gallery = open_with(&model), *other = NULL;
    fm_status status;
    (void)state;
    sql(gallery, "UPDATE facematch.version SET version = 2");
    status = fm_gallery_open(&other, path, &model, NULL, &err);
    sql(gallery, "UPDATE facematch.version SET version = 1");
    refused(status, FM_E_VERSION, "format 2");
    sql(gallery, "UPDATE facematch.galleries SET model_id = 'x' WHERE gallery_no = @");
    refused(fm_gallery_open(&other, path, &model, NULL, &err), FM_E_CORRUPT, "impossible");
    fm_gallery_close(gallery);
}

/* What another server committed and this one did not: rows of vectors_N alone. */
static void test_postgres_strays_are_not_answered(void **state)
{
    fm_model model = bare_model(FM_METRIC_COSINE, 2);
    fm_gallery *gallery = open_with(&model);
    fm_identify_options options = {
        .struct_size = sizeof options, .use_threshold = 1, .threshold = -1};
    const float a[2] = {1, 0}, b[2] = {0, 1};
    fm_match match[3];
    size_t count = 0;
    (void)state;
    ok(fm_gallery_add(gallery, "anna", a, 2, NULL, NULL, &err));
    for (int i = 0; i < 2; i++) {
        /* of nobody, of a template that anna does not have, and of the numbers that come next */
        sql(gallery, "INSERT INTO facematch.vectors_@ SELECT n, t, false, '[0,1]'::vector FROM "
                     "(VALUES (99, 1), (1, 98), (2, 2), (1, 2)) x (n, t)");
        options.score = i ? FM_SCORE_MEAN : FM_SCORE_BEST;
        ok(fm_gallery_search(gallery, b, 1, 2, &options, match, 3, &count, NULL, &err));
        assert_int_equal(count, 1);
        assert_string_equal(match[0].id, "anna");
        assert_true(match[0].score == 0);
        if (!i)
            sql(gallery,
                "DELETE FROM facematch.vectors_@ WHERE template_id > 1 OR identity_no > 1");
    }
    if (shards) { /* their places are taken, the others are cleaned up */
        ok(fm_gallery_add(gallery, "bert", a, 2, NULL, NULL, &err));
        ok(fm_gallery_search(gallery, a, 1, 2, &options, match, 3, &count, NULL, &err));
        assert_int_equal(count, 2);
        assert_true(match[0].score == 1 && match[1].score == 1);
        ok(fm_gallery_compact(gallery, &err));
        sql(gallery, "DO $$ BEGIN ASSERT (SELECT count(*) FROM facematch.vectors_@) = 2; END $$");
    }
    fm_gallery_close(gallery);
}

static void test_postgres_shards_once(void **state)
{
    static const char *const nowhere[] = {"postgresql://127.0.0.1:1/db"};
    fm_model model = bare_model(FM_METRIC_COSINE, MOST_DIM);
    fm_gallery *gallery = open_with(&model);
    size_t identities = 9;
    (void)state;
    ok(fm_gallery_add(gallery, "anna", one_vector(1), MOST_DIM, NULL, NULL, &err));
    if (shards)
        refused(fm_gallery_shard(gallery, nowhere, 1, NULL, NULL, &err), FM_E_EXISTS, "already");
    else
        refused(fm_gallery_shard(gallery, nowhere, 1, NULL, NULL, &err), FM_E_IO, "127.0.0.1:1");
    ok(fm_gallery_add(gallery, "bert", one_vector(2), MOST_DIM, NULL, NULL, &err));
    ok(fm_gallery_count(gallery, &identities, NULL, &err));
    assert_int_equal(identities, 2);
    fm_gallery_close(gallery);
}

#define TEST(name) cmocka_unit_test_setup(name, name_gallery)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_postgres_answers_as_memory_does),  TEST(test_postgres_graph),
        TEST(test_postgres_connects_anew),           TEST(test_postgres_cut_import_leaves_nothing),
        TEST(test_postgres_tells_no_password),       TEST(test_postgres_other_formats),
        TEST(test_postgres_strays_are_not_answered), TEST(test_postgres_shards_once),
    };
    if (!fm_test_servers(&server, &shards))
        return 77; /* skipped: there is no server */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
