#define _GNU_SOURCE 1 /* memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/fake.h"
#include "backend/model.h"
#include "core/memory.h"
#include "gallery/gallery.h"
#include "helpers.h"
#include <dirent.h>
#include <facematch/facematch.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#ifdef FM_POSTGRES
#include "gallery/postgres/postgres.h"
#include <libpq-fe.h>
#endif
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* PATIENCE_MS: for processes that change a gallery at once, however slow the machine is */
enum { DIM = 16, NOBODY_UID = 65534, PATIENCE_MS = 600000 };

#define MANIFEST(name, dim)                                                                        \
    FMI_FAKE_MAGIC                                                                                 \
    "{\"format\":1,\"name\":\"" name "\",\"kind\":\"embedder\",\"family\":\"softmax\","            \
    "\"input\":{\"width\":32,\"height\":32,\"order\":\"RGB\",\"mean\":[127.5,127.5,127.5],"        \
    "\"std\":[128,128,128]},\"alignment\":{\"points\":[[10,12],[22,12],[16,18],[11,24],[21,24]],"  \
    "\"border\":\"zero\"},\"embedding\":{\"dim\":" dim ",\"normalize\":true},"                     \
    "\"metric\":\"cosine\",\"source\":\"test\",\"license\":\"Apache-2.0\","                        \
    "\"training_data\":\"none\",\"calibration\":{\"dataset\":\"none\","                            \
    "\"impostor_comparisons\":10000,\"points\":[{\"fmr\":0.1,\"score\":0.5},"                      \
    "{\"fmr\":0.001,\"score\":0.75}]}}"

static fm_error err = {sizeof err, 0, ""};
static fm_model *model, *other_model;
static fm_test_folder folder;
static char path[512];

static void ok(fm_status status)
{
    fm_assert_status(status, FM_OK, &err);
}

static void refused(fm_status status, fm_status want, const char *part)
{
    fm_assert_status(status, want, &err);
    if (part)
        fm_assert_message(&err, part);
}

static int load_models(void **state)
{
    static const char one[] = MANIFEST("one", "16"), two[] = MANIFEST("two", "8");
    (void)state;
    if (fm_model_load_memory(&model, one, sizeof one - 1, NULL, &err) != FM_OK ||
        fm_model_load_memory(&other_model, two, sizeof two - 1, NULL, &err) != FM_OK) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    return 0;
}

static int free_models(void **state)
{
    (void)state;
    fm_model_free(model);
    fm_model_free(other_model);
    return 0;
}

/* With the argument "postgres" all galleries are on the server of FACEMATCH_POSTGRES, one for each
 * test, and over the servers of FACEMATCH_POSTGRES_SHARDS where there are some; but for those tests
 * that are about files. */
static const char *server, *shards;

static int make_folder(void **state)
{
    (void)state;
    if (fm_test_folder_make(&folder) != 0)
        return -1;
    fm_test_gallery(path, sizeof path, &folder, "people.fmg", server);
    return 0;
}

/* How many files there are where galleries are files. */
static void files_are(size_t count)
{
    assert_int_equal(fm_test_folder_count(&folder), server ? 0 : count);
}

static int remove_folder(void **state)
{
    (void)state;
    fm_test_folder_remove(&folder);
    return 0;
}

/* With the argument "sealed" all galleries are, and the tests must not notice; but for those that
 * are about plain bytes. */
static const uint8_t key_bytes[FM_GALLERY_KEY_SIZE] = {'k', 'e', 'y'};
static const fm_gallery_key sealing_key = {
    .struct_size = sizeof sealing_key, .bytes = key_bytes, .size = sizeof key_bytes};
static const fm_gallery_key *key;

static fm_gallery *open_with(const fm_model *with, fm_gallery_mode mode)
{
    fm_gallery_options options;
    fm_gallery *gallery = NULL;
    ok(fm_test_shard(path, with, shards, &err));
    fm_gallery_options_init(&options, sizeof options);
    options.mode = mode;
    options.key = key;
    ok(fm_gallery_open(&gallery, path, with, &options, &err));
    assert_non_null(gallery);
    return gallery;
}

static fm_gallery *open_gallery(void)
{
    return open_with(model, 0);
}

static void open_refused(const char *uri, const fm_model *with, fm_gallery_mode mode,
                         fm_status want, const char *part)
{
    fm_gallery_options options;
    fm_gallery *gallery = NULL;
    fm_gallery_options_init(&options, sizeof options);
    options.mode = mode;
    options.key = key;
    refused(fm_gallery_open(&gallery, uri, with, &options, &err), want, part);
    assert_null(gallery);
}

/* A direction of its own for each number. */
static const float *vector(uint32_t number)
{
    static _Thread_local float v[DIM];
    uint32_t seed = number * 2654435761u + 1;
    for (int i = 0; i < DIM; i++)
        v[i] = (float)(fm_test_random(&seed) % 2001) / 1000 - 1;
    return v;
}

static int64_t add(fm_gallery *gallery, const char *id, uint32_t number)
{
    fm_enrollment done = {.struct_size = sizeof done};
    ok(fm_gallery_add(gallery, id, vector(number), DIM, NULL, &done, &err));
    return done.template_id;
}

/* The best match, or "" for nobody. */
static const char *who(fm_gallery *gallery, uint32_t number)
{
    static _Thread_local fm_match match;
    fm_identify_options options = {
        .struct_size = sizeof options, .use_threshold = 1, .threshold = 0.999f};
    fm_error own = {sizeof own, 0, ""};
    size_t count = 0;
    fm_assert_status(
        fm_gallery_search(gallery, vector(number), 1, DIM, &options, &match, 1, &count, NULL, &own),
        FM_OK, &own);
    return count ? match.id : "";
}

static void sql(const char *text)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static size_t read_bytes(const char *name, unsigned char *out, size_t most)
{
    FILE *file = fopen(name, "rb");
    size_t size;
    assert_non_null(file);
    size = fread(out, 1, most, file);
    fclose(file);
    return size;
}

/* --- storing and reading --- */

static void test_gallery_add_and_get(void **state)
{
    fm_gallery *gallery = open_gallery();
    fm_enroll_options options;
    fm_enrollment done = {.struct_size = sizeof done};
    fm_identity who_is;
    (void)state;
    fm_enroll_options_init(&options, sizeof options);
    options.display_name = "Ánna";
    ok(fm_gallery_add(gallery, "anna", vector(1), DIM, &options, &done, &err));
    assert_int_equal(done.new_identity, 1);
    assert_int_equal(done.templates, 1);
    assert_true(done.template_id > 0);
    assert_int_equal(done.face_count, 0);
    ok(fm_gallery_add(gallery, "anna", vector(2), DIM, NULL, &done, &err));
    assert_int_equal(done.new_identity, 0);
    assert_int_equal(done.templates, 2);
    ok(fm_gallery_get(gallery, "anna", &who_is, &err));
    assert_string_equal(who_is.id, "anna");
    assert_string_equal(who_is.display_name, "Ánna"); /* NULL left it as it was */
    assert_int_equal(who_is.templates, 2);
    assert_true(who_is.created_ms > INT64_C(1600000000000));
    assert_true(who_is.updated_ms >= who_is.created_ms);
    refused(fm_gallery_get(gallery, "bert", &who_is, &err), FM_E_NOT_FOUND, "bert");
    assert_string_equal(who_is.id, "anna");
    fm_gallery_close(gallery);
}

static void test_gallery_describe_and_count(void **state)
{
    fm_gallery *gallery = open_gallery();
    fm_gallery_info info = {.struct_size = sizeof info};
    fm_model_info about = {.struct_size = sizeof about};
    size_t identities = 9, templates = 9;
    (void)state;
    ok(fm_gallery_count(gallery, &identities, &templates, &err));
    assert_int_equal(identities, 0);
    assert_int_equal(templates, 0);
    add(gallery, "anna", 1);
    add(gallery, "anna", 2);
    add(gallery, "bert", 3);
    ok(fm_gallery_describe(gallery, &info, &err));
    ok(fm_model_describe(model, &about, &err));
    assert_int_equal(info.dim, DIM);
    assert_int_equal(info.identities, 2);
    assert_int_equal(info.templates, 3);
    assert_string_equal(info.model_name, "one");
    assert_string_equal(info.model_id, about.id);
    assert_true(info.created_ms > INT64_C(1600000000000));
    ok(fm_gallery_count(gallery, NULL, NULL, &err));
    fm_gallery_close(gallery);
}

static void test_gallery_lists_pages_in_byte_order(void **state)
{
    static const char *const sorted[] = {"A", "B", "a", "a0", "b", "\xC3\xA9", "\xE2\x82\xAC"};
    enum { N = sizeof sorted / sizeof *sorted };
    static const int order[N] = {4, 0, 6, 2, 5, 1, 3};
    fm_gallery *gallery = open_gallery();
    fm_identity page[3];
    size_t count, seen = 0;
    const char *after = NULL;
    (void)state;
    for (uint32_t i = 0; i < N; i++)
        add(gallery, sorted[order[i]], i);
    do {
        ok(fm_gallery_list(gallery, after, page, 3, &count, &err));
        for (size_t i = 0; i < count; i++)
            assert_string_equal(page[i].id, sorted[seen++]);
        after = page[count ? count - 1 : 0].id;
    } while (count == 3);
    assert_int_equal(seen, N);
    ok(fm_gallery_list(gallery, "a-does-not-exist", page, 3, &count, &err));
    assert_string_equal(page[0].id, "a0");
    refused(fm_gallery_list(gallery, NULL, page, 0, &count, &err), FM_E_INVALID_ARGUMENT, NULL);
    refused(fm_gallery_list(gallery, NULL, NULL, 1, &count, &err), FM_E_INVALID_ARGUMENT, NULL);
    refused(fm_gallery_list(gallery, "\xFF", page, 1, &count, &err), FM_E_INVALID_ARGUMENT, NULL);
    fm_gallery_close(gallery);
}

static void add_metadata(fm_gallery *gallery, const char *json, fm_status want)
{
    fm_enroll_options options;
    fm_enroll_options_init(&options, sizeof options);
    options.metadata_json = json;
    fm_assert_status(fm_gallery_add(gallery, "anna", vector(1), DIM, &options, NULL, &err), want,
                     &err);
}

static void test_gallery_metadata(void **state)
{
    static const char text[] = "{\"born\": 1815,\n \"name\": \"\xC3\x81\"}";
    static const char *const bad[] = {"",    "[]", "7", "{", "{} x", "\"a\"", "{\"a\":\"\xFF\"}",
                                      "null"};
    fm_gallery *gallery = open_gallery();
    char out[64] = "untouched", *huge;
    size_t needed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        add_metadata(gallery, bad[i], FM_E_INVALID_ARGUMENT);
    refused(fm_gallery_get_metadata(gallery, "anna", out, sizeof out, NULL, &err), FM_E_NOT_FOUND,
            "anna");
    add(gallery, "anna", 1);
    ok(fm_gallery_get_metadata(gallery, "anna", out, sizeof out, &needed, &err));
    assert_string_equal(out, "{}");
    assert_int_equal(needed, 3);
    add_metadata(gallery, text, FM_OK);
    add(gallery, "anna", 2);
    strcpy(out, "untouched");
    refused(fm_gallery_get_metadata(gallery, "anna", out, sizeof text - 1, &needed, &err),
            FM_E_BUFFER_TOO_SMALL, NULL);
    assert_int_equal(needed, sizeof text);
    assert_string_equal(out, "untouched");
    refused(fm_gallery_get_metadata(gallery, "anna", NULL, 0, &needed, &err), FM_E_BUFFER_TOO_SMALL,
            NULL);
    ok(fm_gallery_get_metadata(gallery, "anna", out, sizeof text, NULL, &err));
    assert_string_equal(out, text);
    huge = malloc(FM_METADATA_MAX + 2);
    memset(huge, ' ', FM_METADATA_MAX + 1);
    huge[0] = '{';
    huge[1] = '}';
    huge[FM_METADATA_MAX + 1] = '\0';
    add_metadata(gallery, huge, FM_E_INVALID_ARGUMENT);
    huge[FM_METADATA_MAX] = '\0';
    add_metadata(gallery, huge, FM_OK);
    ok(fm_gallery_get_metadata(gallery, "anna", huge, FM_METADATA_MAX + 1, &needed, &err));
    assert_int_equal(needed, FM_METADATA_MAX + 1);
    free(huge);
    fm_gallery_close(gallery);
}

static void test_gallery_templates_and_embeddings(void **state)
{
    fm_gallery *gallery = open_gallery();
    fm_enroll_options options;
    fm_enrollment done = {.struct_size = sizeof done};
    fm_template list[2];
    float out[DIM] = {0};
    size_t count = 9;
    int64_t first = add(gallery, "anna", 1), foreign = add(gallery, "bert", 2);
    (void)state;
    fm_enroll_options_init(&options, sizeof options);
    options.label = "passport";
    options.has_quality = 1;
    options.quality = 0.75f;
    ok(fm_gallery_add(gallery, "anna", vector(3), DIM, &options, &done, &err));
    ok(fm_gallery_get_templates(gallery, "anna", NULL, 0, &count, &err));
    assert_int_equal(count, 2);
    ok(fm_gallery_get_templates(gallery, "anna", list, 1, &count, &err));
    assert_int_equal(count, 2);
    ok(fm_gallery_get_templates(gallery, "anna", list, 2, &count, &err));
    assert_int_equal(list[0].template_id, first);
    assert_true(isnan(list[0].quality));
    assert_string_equal(list[0].label, "");
    assert_int_equal(list[1].template_id, done.template_id);
    assert_true(list[1].quality == 0.75f);
    assert_string_equal(list[1].label, "passport");
    assert_true(list[1].created_ms >= list[0].created_ms);
    ok(fm_gallery_get_embedding(gallery, "anna", done.template_id, out, DIM, &err));
    assert_memory_equal(out, vector(3), sizeof out); /* as it was given, to the bit */
    refused(fm_gallery_get_embedding(gallery, "anna", foreign, out, DIM, &err), FM_E_NOT_FOUND,
            "anna");
    refused(fm_gallery_get_embedding(gallery, "anna", first, out, DIM - 1, &err),
            FM_E_BUFFER_TOO_SMALL, "16");
    refused(fm_gallery_get_embedding(gallery, "anna", 0, out, DIM, &err), FM_E_INVALID_ARGUMENT,
            NULL);
    refused(fm_gallery_get_templates(gallery, "carl", list, 2, &count, &err), FM_E_NOT_FOUND,
            "carl");
    refused(fm_gallery_get_templates(gallery, "anna", NULL, 2, &count, &err), FM_E_INVALID_ARGUMENT,
            NULL);
    fm_gallery_close(gallery);
}

static void test_gallery_limits_templates(void **state)
{
    fm_gallery *gallery = open_gallery();
    fm_template all[FM_LIMIT_TEMPLATES];
    size_t count;
    (void)state;
    for (uint32_t i = 0; i < FM_LIMIT_TEMPLATES; i++)
        add(gallery, "anna", i);
    refused(fm_gallery_add(gallery, "anna", vector(99), DIM, NULL, NULL, &err), FM_E_LIMIT, "64");
    ok(fm_gallery_get_templates(gallery, "anna", all, FM_LIMIT_TEMPLATES, &count, &err));
    assert_int_equal(count, FM_LIMIT_TEMPLATES);
    assert_string_equal(who(gallery, 99), "");
    fm_gallery_close(gallery);
}

static void test_gallery_removes(void **state)
{
    fm_gallery *gallery = open_gallery();
    fm_identity one;
    size_t removed = 9;
    int64_t first = add(gallery, "anna", 1), second = add(gallery, "anna", 2), last;
    (void)state;
    add(gallery, "bert", 3);
    assert_string_equal(who(gallery, 1), "anna");
    refused(fm_gallery_remove_template(gallery, "bert", first, &err), FM_E_NOT_FOUND, "bert");
    ok(fm_gallery_remove_template(gallery, "anna", first, &err));
    refused(fm_gallery_remove_template(gallery, "anna", first, &err), FM_E_NOT_FOUND, NULL);
    assert_string_equal(who(gallery, 1), "");
    assert_string_equal(who(gallery, 2), "anna");
    ok(fm_gallery_remove_template(gallery, "anna", second, &err));
    ok(fm_gallery_get(gallery, "anna", &one, &err)); /* stays, without templates */
    assert_int_equal(one.templates, 0);
    last = add(gallery, "anna", 4);
    assert_true(last > second);
    assert_string_equal(who(gallery, 4), "anna");
    ok(fm_gallery_remove_template(gallery, "anna", last, &err));
    assert_true(add(gallery, "anna", 4) > last); /* ids are never used again */
    ok(fm_gallery_remove(gallery, "anna", &removed, &err));
    assert_int_equal(removed, 1);
    refused(fm_gallery_remove(gallery, "anna", &removed, &err), FM_E_NOT_FOUND, "anna");
    refused(fm_gallery_get(gallery, "anna", &one, &err), FM_E_NOT_FOUND, NULL);
    assert_string_equal(who(gallery, 4), "");
    assert_string_equal(who(gallery, 3), "bert");
    ok(fm_gallery_remove(gallery, "bert", NULL, &err));
    fm_gallery_close(gallery);
}

static void test_gallery_survives_reopening(void **state)
{
    fm_gallery *gallery = open_gallery();
    fm_gallery_info before = {.struct_size = sizeof before}, after = before;
    (void)state;
    for (uint32_t i = 0; i < 50; i++) {
        char id[16];
        snprintf(id, sizeof id, "p%u", i);
        add(gallery, id, i);
    }
    ok(fm_gallery_remove(gallery, "p7", NULL, &err));
    ok(fm_gallery_describe(gallery, &before, &err));
    fm_gallery_close(gallery);
    files_are(1); /* log and shared memory are gone */
    gallery = open_with(model, FM_GALLERY_EXISTING);
    ok(fm_gallery_describe(gallery, &after, &err));
    assert_memory_equal(&before, &after, sizeof after);
    assert_string_equal(who(gallery, 7), "");
    assert_string_equal(who(gallery, 49), "p49");
    fm_gallery_close(gallery);
}

/* --- what is refused --- */

static void test_gallery_refuses_other_models(void **state)
{
    (void)state;
    fm_gallery_close(open_gallery());
    open_refused(path, other_model, 0, FM_E_MODEL_MISMATCH, "people.fmg");
    fm_assert_message(&err, "one (");
    fm_assert_message(&err, "two (");
    open_refused(path, other_model, FM_GALLERY_READ_ONLY, FM_E_MODEL_MISMATCH, NULL);
    fm_gallery_close(open_gallery());
}

static void test_gallery_refuses_what_is_no_gallery(void **state)
{
    static const char text[] = "Dear diary,\n";
    unsigned char noise[8192], back[8192];
    uint32_t seed = 3;
    (void)state;
    fm_test_write_file(path, text, sizeof text);
    open_refused(path, model, 0, FM_E_CORRUPT, "is not a gallery");
    fm_assert_message(&err, "people.fmg");
    assert_int_equal(read_bytes(path, back, sizeof back), sizeof text);
    assert_memory_equal(back, text, sizeof text);
    fm_test_write_file(path, "", 0);
    open_refused(path, model, 0, FM_E_CORRUPT, "is not a gallery");
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (unsigned char)fm_test_random(&seed);
    fm_test_write_file(path, noise, sizeof noise);
    open_refused(path, NULL, FM_GALLERY_READ_ONLY, FM_E_CORRUPT, "is not a gallery");
    unlink(path);
    sql("CREATE TABLE identities (id); PRAGMA user_version=1");
    open_refused(path, model, 0, FM_E_CORRUPT, "is not a gallery");
    open_refused(folder.path, model, 0, FM_E_IO, "not a file");
}

static void test_gallery_refuses_newer_formats_and_other_tables(void **state)
{
    (void)state;
    fm_gallery_close(open_gallery());
    sql("PRAGMA user_version=3");
    open_refused(path, model, 0, FM_E_VERSION, "format 3");
    sql("PRAGMA user_version=2"); /* that of sealed ones */
    open_refused(path, model, 0, FM_E_CORRUPT, "lock");
    sql("PRAGMA user_version=1; CREATE TABLE extra (x)");
    open_refused(path, model, 0, FM_E_CORRUPT, "tables");
    sql("DROP TABLE extra; CREATE TRIGGER t AFTER INSERT ON templates BEGIN SELECT 1; END");
    open_refused(path, model, 0, FM_E_CORRUPT, "tables");
    sql("DROP TRIGGER t; DELETE FROM meta WHERE key='dim'");
    open_refused(path, model, 0, FM_E_CORRUPT, NULL);
}

static void test_gallery_notices_damaged_rows(void **state)
{
    static const char *const damage[] = {
        "UPDATE templates SET vector=x'00000000' WHERE template_id=2",
        "UPDATE templates SET vector=zeroblob(64) WHERE template_id=2",
        "UPDATE templates SET vector='text' WHERE template_id=2",
        "UPDATE templates SET vector=x'0000c07f' || substr(vector, 5) WHERE template_id=2",
        "UPDATE templates SET identity_no=77 WHERE template_id=2",
        "UPDATE identities SET id=CAST(x'FF' AS TEXT) WHERE id='anna'",
        "UPDATE identities SET id=printf('%.300c', 'x') WHERE id='anna'"};
    (void)state;
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        fm_gallery *gallery = open_gallery();
        add(gallery, "bert", 1);
        add(gallery, "anna", 2);
        fm_gallery_close(gallery);
        sql(damage[i]);
        open_refused(path, model, 0, FM_E_CORRUPT, "people.fmg");
        fm_gallery_close(open_with(NULL, 0)); /* so that it can be mended */
        unlink(path);
    }
}

static void test_gallery_notices_truncation(void **state)
{
    static unsigned char whole[1 << 20];
    fm_gallery *gallery = open_gallery();
    size_t size;
    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        char id[16];
        snprintf(id, sizeof id, "p%u", i);
        add(gallery, id, i);
    }
    fm_gallery_close(gallery);
    size = read_bytes(path, whole, sizeof whole);
    for (size_t keep = size - 4096; keep > 0; keep -= 4096) {
        fm_test_write_file(path, whole, keep);
        open_refused(path, model, 0, FM_E_CORRUPT, NULL);
    }
    fm_test_write_file(path, whole, 50);
    open_refused(path, model, 0, FM_E_CORRUPT, NULL);
    fm_test_write_file(path, whole, size);
    fm_gallery_close(open_gallery());
}

static void test_gallery_failing_to_open_creates_nothing(void **state)
{
    char missing[256];
    (void)state;
    open_refused(path, NULL, 0, FM_E_INVALID_ARGUMENT, "without a model");
    open_refused(path, model, FM_GALLERY_EXISTING, FM_E_NOT_FOUND, "people.fmg");
    open_refused(path, model, FM_GALLERY_READ_ONLY, FM_E_NOT_FOUND, "people.fmg");
    open_refused(path, model, 4, FM_E_INVALID_ARGUMENT, NULL);
    open_refused(path, model, -1, FM_E_INVALID_ARGUMENT, NULL);
    if (!server)
        open_refused(fm_test_path(missing, sizeof missing, &folder, "no/people.fmg"), model, 0,
                     FM_E_IO, "no/people.fmg");
    assert_int_equal(fm_test_folder_count(&folder), 0);
}

static void test_gallery_uris(void **state)
{
    static const char *const names[] = {"a?mode=memory", "b%41",      "c:d",
                                        "e#f&g",         "s p a c e", "\xC3\xA9.fmg"};
    char plain[256], uri[300];
    fm_gallery *gallery = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fm_test_path(plain, sizeof plain, &folder, names[i]);
        snprintf(uri, sizeof uri, "sqlite:%s", plain);
        ok(fm_gallery_open(&gallery, i % 2 ? uri : plain, model, NULL, &err));
        add(gallery, "anna", 1);
        fm_gallery_close(gallery);
        assert_int_equal(access(plain, F_OK), 0);
        files_are(i + 1);
    }
    open_refused("mysql://me:secret@host/db", model, 0, FM_E_UNSUPPORTED, "mysql");
    assert_null(strstr(err.message, "secret"));
    open_refused("sqlite:", model, 0, FM_E_INVALID_ARGUMENT, "empty");
    open_refused("", model, 0, FM_E_INVALID_ARGUMENT, "empty");
    refused(fm_gallery_open(&gallery, NULL, model, NULL, &err), FM_E_INVALID_ARGUMENT, "uri");
    refused(fm_gallery_open(NULL, path, model, NULL, &err), FM_E_INVALID_ARGUMENT, "out");
}

/* Names that mean something to SQLite are files to us. */
static void test_gallery_relative_paths(void **state)
{
    static const char *const names[] = {":memory:", "file:x?mode=memory", "plain"};
    fm_gallery *gallery = NULL;
    char *before = getcwd(NULL, 0);
    (void)state;
    assert_int_equal(chdir(folder.path), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ok(fm_gallery_open(&gallery, names[i], model, NULL, &err));
        fm_gallery_close(gallery);
        assert_int_equal(access(names[i], F_OK), 0);
    }
    assert_int_equal(chdir(before), 0);
    free(before);
    assert_int_equal(fm_test_folder_count(&folder), 3);
}

static void test_gallery_new_files_are_private(void **state)
{
    struct stat info;
    (void)state;
    fm_gallery_close(open_gallery());
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void test_gallery_ids(void **state)
{
    fm_gallery *gallery = open_gallery();
    char id[301];
    fm_identity one;
    (void)state;
    memset(id, 'x', sizeof id);
    id[300] = '\0';
    refused(fm_gallery_add(gallery, id, vector(1), DIM, NULL, NULL, &err), FM_E_INVALID_ARGUMENT,
            "255");
    id[256] = '\0';
    refused(fm_gallery_add(gallery, id, vector(1), DIM, NULL, NULL, &err), FM_E_INVALID_ARGUMENT,
            "255");
    id[255] = '\0';
    add(gallery, id, 1);
    ok(fm_gallery_get(gallery, id, &one, &err));
    assert_string_equal(one.id, id);
    assert_string_equal(who(gallery, 1), id);
    refused(fm_gallery_add(gallery, "", vector(1), DIM, NULL, NULL, &err), FM_E_INVALID_ARGUMENT,
            NULL);
    refused(fm_gallery_add(gallery, NULL, vector(1), DIM, NULL, NULL, &err), FM_E_INVALID_ARGUMENT,
            NULL);
    refused(fm_gallery_add(gallery, "a\xC3", vector(1), DIM, NULL, NULL, &err),
            FM_E_INVALID_ARGUMENT, "UTF-8");
    refused(fm_gallery_remove(gallery, "\xFF", NULL, &err), FM_E_INVALID_ARGUMENT, "UTF-8");
    fm_gallery_close(gallery);
}

static void test_gallery_refuses_bad_embeddings_and_options(void **state)
{
    fm_gallery *gallery = open_gallery();
    float bad[DIM] = {0};
    char text[FM_DISPLAY_NAME_MAX + 2];
    fm_enroll_options options;
    fm_enrollment done = {.struct_size = sizeof done, .template_id = 77}, before = done;
    size_t identities = 9;
    (void)state;
#define REFUSED(embedding, dim)                                                                    \
    refused(fm_gallery_add(gallery, "anna", embedding, dim, &options, &done, &err),                \
            FM_E_INVALID_ARGUMENT, NULL)
    fm_enroll_options_init(&options, sizeof options);
    REFUSED(bad, DIM);
    fm_assert_message(&err, "zero");
    bad[5] = NAN;
    REFUSED(bad, DIM);
    fm_assert_message(&err, "value 5 of 16");
    bad[5] = INFINITY;
    REFUSED(bad, DIM);
    REFUSED(vector(1), DIM - 1);
    REFUSED(vector(1), DIM + 1);
    REFUSED(NULL, DIM);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    options.display_name = text;
    REFUSED(vector(1), DIM);
    options.display_name = NULL;
    text[FM_LABEL_MAX + 1] = '\0';
    options.label = text;
    REFUSED(vector(1), DIM);
    options.label = NULL;
    options.has_quality = 1;
    options.quality = NAN;
    REFUSED(vector(1), DIM);
    options.quality = 1.1f;
    REFUSED(vector(1), DIM);
    options.quality = 1;
    options.struct_size = 4;
    REFUSED(vector(1), DIM);
#undef REFUSED
    assert_memory_equal(&done, &before, sizeof done);
    ok(fm_gallery_count(gallery, &identities, NULL, &err));
    assert_int_equal(identities, 0);
    fm_gallery_close(gallery);
    fm_gallery_close(NULL);
    refused(fm_gallery_count(NULL, NULL, NULL, &err), FM_E_INVALID_ARGUMENT, "gallery");
}

static void test_gallery_without_a_model(void **state)
{
    fm_gallery *gallery = open_gallery();
    fm_match match;
    size_t count;
    (void)state;
    add(gallery, "anna", 1);
    fm_gallery_close(gallery);
    gallery = open_with(NULL, 0);
    refused(fm_gallery_search(gallery, vector(1), 1, DIM, NULL, &match, 1, &count, NULL, &err),
            FM_E_STATE, "without a model");
    add(gallery, "bert", 2);
    ok(fm_gallery_remove(gallery, "anna", NULL, &err));
    fm_gallery_close(gallery);
    gallery = open_gallery();
    assert_string_equal(who(gallery, 2), "bert");
    fm_gallery_close(gallery);
}

/* --- read-only --- */

static void test_gallery_read_only(void **state)
{
    fm_gallery *gallery = open_gallery();
    int64_t id = add(gallery, "anna", 1);
    (void)state;
    fm_gallery_close(gallery);
    gallery = open_with(model, FM_GALLERY_READ_ONLY);
    assert_string_equal(who(gallery, 1), "anna");
    refused(fm_gallery_add(gallery, "bert", vector(2), DIM, NULL, NULL, &err), FM_E_PERMISSION,
            "read-only");
    refused(fm_gallery_remove(gallery, "anna", NULL, &err), FM_E_PERMISSION, NULL);
    refused(fm_gallery_remove_template(gallery, "anna", id, &err), FM_E_PERMISSION, NULL);
    fm_gallery_close(gallery);
    gallery = open_gallery();
    assert_string_equal(who(gallery, 1), "anna");
    fm_gallery_close(gallery);
}

/* Run in a child that may not write; 0 is success. */
static int run_without_rights(int (*body)(void))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && (setgid(NOBODY_UID) != 0 || setuid(NOBODY_UID) != 0))
            _exit(99);
        _exit(body());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

static fm_status try_open(fm_gallery **out, fm_gallery_mode mode)
{
    fm_gallery_options options = {
        .struct_size = sizeof options, .mode = mode, .timeout_ms = PATIENCE_MS, .key = key};
    return fm_gallery_open(out, path, model, &options, &err);
}

static int read_in_closed_folder(void)
{
    fm_gallery *gallery = NULL;
    fm_identity one;
    int answer = 0;
    if (try_open(&gallery, FM_GALLERY_EXISTING) != FM_E_PERMISSION)
        return 1;
    if (try_open(&gallery, FM_GALLERY_READ_ONLY) != FM_OK)
        return 2;
    if (strcmp(who(gallery, 1), "anna") || fm_gallery_get(gallery, "bert", &one, &err) != FM_OK)
        answer = 3;
    if (fm_gallery_remove(gallery, "anna", NULL, &err) != FM_E_PERMISSION)
        answer = 4;
    fm_gallery_close(gallery);
    return answer;
}

static int refuse_log_in_closed_folder(void)
{
    fm_gallery *gallery = NULL;
    return try_open(&gallery, FM_GALLERY_READ_ONLY) != FM_E_PERMISSION ||
           !strstr(err.message, "-wal");
}

static void test_gallery_read_only_folder(void **state)
{
    static unsigned char log[1 << 20];
    char wal[sizeof path + 8];
    size_t size;
    fm_gallery *gallery = open_gallery();
    (void)state;
    add(gallery, "anna", 1);
    add(gallery, "bert", 2);
    snprintf(wal, sizeof wal, "%s-wal", path);
    size = read_bytes(wal, log, sizeof log);
    assert_true(size > 0);
    fm_gallery_close(gallery);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(folder.path, 0555), 0);
    assert_int_equal(run_without_rights(read_in_closed_folder), 0);
    assert_int_equal(chmod(folder.path, 0755), 0);
    fm_test_write_file(wal, log, size);
    assert_int_equal(chmod(folder.path, 0555), 0);
    assert_int_equal(run_without_rights(refuse_log_in_closed_folder), 0);
    assert_int_equal(chmod(folder.path, 0755), 0);
}

/* --- several users of one file --- */

static void test_gallery_sees_what_others_write(void **state)
{
    fm_gallery *a = open_gallery(), *b = open_gallery();
    int64_t second;
    (void)state;
    add(a, "anna", 1);
    assert_string_equal(who(b, 1), "anna");
    second = add(b, "anna", 2);
    add(a, "bert", 3);
    assert_string_equal(who(a, 2), "anna");
    assert_string_equal(who(b, 3), "bert");
    ok(fm_gallery_remove_template(b, "anna", second, &err));
    assert_string_equal(who(a, 2), "");
    assert_string_equal(who(a, 1), "anna");
    /* both remove before either looks */
    ok(fm_gallery_remove(a, "anna", NULL, &err));
    ok(fm_gallery_remove(b, "bert", NULL, &err));
    add(a, "carl", 4);
    for (uint32_t i = 1; i < 4; i++) {
        assert_string_equal(who(a, i), "");
        assert_string_equal(who(b, i), "");
    }
    assert_string_equal(who(a, 4), "carl");
    assert_string_equal(who(b, 4), "carl");
    fm_gallery_close(a);
    add(b, "dora", 5);
    assert_string_equal(who(b, 5), "dora");
    fm_gallery_close(b);
}

static bool anywhere(const void *bytes, size_t size);

static void tell_other(int pipe_end)
{
    assert_int_equal(write(pipe_end, "x", 1), 1);
}

static bool hear_other(int pipe_end)
{
    char byte;
    return read(pipe_end, &byte, 1) == 1;
}

/* In a process of its own: 0 when every search sees what the other one did just before. */
static int follow(int in, int out)
{
    fm_gallery *gallery = NULL;
    int answer = 1;
    if (try_open(&gallery, FM_GALLERY_READ_ONLY) != FM_OK)
        return 2;
    tell_other(out);
    if (hear_other(in) && !strcmp(who(gallery, 1), "anna")) {
        tell_other(out);
        if (hear_other(in) && !strcmp(who(gallery, 2), "bert") && !strcmp(who(gallery, 1), "")) {
            tell_other(out);
            answer = 0;
        }
    }
    fm_gallery_close(gallery);
    return answer;
}

static void test_gallery_other_process_sees_the_next_search(void **state)
{
    int there[2], back[2], status;
    pid_t child;
    fm_gallery *gallery;
    (void)state;
    fm_gallery_close(open_gallery());
    assert_int_equal(pipe(there), 0);
    assert_int_equal(pipe(back), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(there[1]);
        close(back[0]);
        _exit(follow(there[0], back[1]));
    }
    close(there[0]);
    close(back[1]);
    gallery = open_gallery();
    assert_true(hear_other(back[0]));
    add(gallery, "anna", 1);
    tell_other(there[1]);
    assert_true(hear_other(back[0]));
    add(gallery, "bert", 2);
    ok(fm_gallery_remove(gallery, "anna", NULL, &err));
    tell_other(there[1]);
    assert_true(hear_other(back[0]));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(there[1]);
    close(back[0]);
    fm_gallery_close(gallery);
}

/* --- a full disk --- */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit = {bytes, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &limit);
}

/* In a process of its own: 0 when the gallery refuses what does not fit and goes on afterwards. */
static int fill_the_disk(void)
{
    fm_gallery *gallery = open_gallery();
    fm_status status = FM_OK;
    uint32_t count = 0;
    size_t identities = 0;
    signal(SIGXFSZ, SIG_IGN);
    limit_files(300 * 1024);
    for (; status == FM_OK && count < 5000; count++) {
        char id[16];
        snprintf(id, sizeof id, "p%u", count);
        status = fm_gallery_add(gallery, id, vector(count), DIM, NULL, NULL, &err);
    }
    count--;
    if (status != FM_E_IO || !strstr(err.message, "people.fmg"))
        return 1;
    if (count < 10 || strcmp(who(gallery, count), "") || strcmp(who(gallery, count - 1), "p") < 0)
        return 2;
    if (fm_gallery_count(gallery, &identities, NULL, &err) != FM_OK || identities != count)
        return 3;
    limit_files(RLIM_INFINITY);
    if (fm_gallery_add(gallery, "late", vector(count), DIM, NULL, NULL, &err) != FM_OK)
        return 4;
    fm_gallery_close(gallery);
    gallery = open_gallery();
    if (strcmp(who(gallery, count), "late") || strcmp(who(gallery, 0), "p0") ||
        fm_gallery_count(gallery, &identities, NULL, &err) != FM_OK || identities != count + 1)
        return 5;
    fm_gallery_close(gallery);
    return 0;
}

static int make_on_full_disk(void)
{
    fm_gallery *gallery = NULL;
    signal(SIGXFSZ, SIG_IGN);
    limit_files(4096);
    if (try_open(&gallery, FM_GALLERY_CREATE) != FM_E_IO || !strstr(err.message, "people.fmg"))
        return 1;
    return 0;
}

static void test_gallery_full_disk(void **state)
{
    int status;
    pid_t child;
    (void)state;
    for (int making = 1; making >= 0; making--) {
        child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(making ? make_on_full_disk() : fill_the_disk());
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        files_are(making ? 0 : 1);
    }
}

/* --- removals that were not finished --- */

static int64_t meta(const char *name)
{
    char text[96];
    sqlite3 *db;
    sqlite3_stmt *stmt;
    int64_t value = -1;
    snprintf(text, sizeof text, "SELECT value FROM meta WHERE key = '%s'", name);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &stmt, NULL), SQLITE_OK);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}

static void test_gallery_finishes_removals_of_others(void **state)
{
    fm_gallery *gallery = open_gallery();
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        char id[32];
        snprintf(id, sizeof id, "somebody-number-%u", i);
        add(gallery, id, i);
    }
    ok(fm_gallery_remove(gallery, "somebody-number-0", NULL, &err));
    fm_gallery_close(gallery);
    assert_int_equal(meta("rewrites"), 1);
    assert_int_equal(meta("scrubbed"), 1);
    /* rows of which copies stay, as if their process had died */
    sql("PRAGMA secure_delete=OFF; DELETE FROM templates WHERE identity_no=2;"
        "DELETE FROM identities WHERE identity_no=2;"
        "UPDATE meta SET value=value+1 WHERE key='rewrites'");
    assert_true(anywhere("somebody-number-1", 17));
    fm_gallery_close(open_with(model, FM_GALLERY_READ_ONLY));
    assert_int_equal(meta("scrubbed"), 1); /* it may not */
    fm_gallery_close(open_with(NULL, FM_GALLERY_EXISTING));
    assert_false(anywhere("somebody-number-1", 17));
    assert_false(anywhere(vector(1), 16));
    assert_int_equal(meta("scrubbed"), 2);
    /* the next removal does it as well */
    gallery = open_gallery();
    sql("PRAGMA secure_delete=OFF; DELETE FROM templates WHERE identity_no=3;"
        "DELETE FROM identities WHERE identity_no=3;"
        "UPDATE meta SET value=value+1 WHERE key='rewrites'");
    assert_true(anywhere("somebody-number-2", 17));
    ok(fm_gallery_remove(gallery, "somebody-number-3", NULL, &err));
    assert_false(anywhere("somebody-number-2", 17));
    assert_false(anywhere("somebody-number-3", 17));
    fm_gallery_close(gallery);
    assert_int_equal(meta("scrubbed"), 4);
}

/* Galleries of the first days say nothing about it. */
static void test_gallery_without_a_note_of_removals(void **state)
{
    fm_gallery *gallery = open_gallery();
    (void)state;
    add(gallery, "anna", 1);
    add(gallery, "bert", 2);
    fm_gallery_close(gallery);
    sql("DELETE FROM meta WHERE key='scrubbed'; UPDATE meta SET value=7 WHERE key='rewrites'");
    gallery = open_gallery();
    assert_string_equal(who(gallery, 2), "bert");
    ok(fm_gallery_remove(gallery, "anna", NULL, &err));
    fm_gallery_close(gallery);
    assert_int_equal(meta("scrubbed"), 8);
    sql("UPDATE meta SET value='soon' WHERE key='scrubbed'");
    gallery = open_gallery(); /* damaged; nothing else depends on it */
    assert_string_equal(who(gallery, 2), "bert");
    fm_gallery_close(gallery);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What SQLite asked to sleep; how long it then slept is for the machine to say. */
static int (*really_sleep)(sqlite3_vfs *vfs, int microseconds);
static int64_t asked_us;

static int sleep_counted(sqlite3_vfs *vfs, int microseconds)
{
    asked_us += microseconds;
    return really_sleep(vfs, microseconds);
}

static void count_sleep(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    asked_us = 0;
    really_sleep = vfs->xSleep;
    vfs->xSleep = sleep_counted;
}

static void count_no_more(void)
{
    sqlite3_vfs_find(NULL)->xSleep = really_sleep;
}

/* Another program that begins to write, and then takes its time. */
static sqlite3 *other_file;
#ifdef FM_POSTGRES
static PGconn *other_server;

static void run_sql(const char *text)
{
    PGresult *result = PQexec(other_server, text);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", text, PQerrorMessage(other_server));
    PQclear(result);
}
#endif

static void begin_other_write(void)
{
#ifdef FM_POSTGRES
    char text[256];
    if (server) {
        other_server = PQconnectdb(server);
        snprintf(text, sizeof text, "UPDATE facematch.galleries SET name = name WHERE name = '%s'",
                 strstr(path, "gallery=") + 8);
        run_sql("BEGIN");
        run_sql(text);
        return;
    }
#endif
    assert_int_equal(sqlite3_open(path, &other_file), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other_file, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

static void end_other_write(void)
{
#ifdef FM_POSTGRES
    if (server) {
        run_sql("ROLLBACK");
        PQfinish(other_server);
        return;
    }
#endif
    sqlite3_exec(other_file, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(other_file);
}

/* For 200 ms, and not for the 5 s that it does unless told otherwise. */
static void assert_waited(const fm_gallery *gallery)
{
    (void)gallery;
#ifdef FM_POSTGRES
    if (server) {
        PGresult *result = PQexec(((const fmi_pg *)gallery->store)->conn, "SHOW lock_timeout");
        assert_string_equal(PQgetvalue(result, 0, 0), "200ms");
        PQclear(result);
        return;
    }
#endif
    assert_true(asked_us >= 150000 && asked_us <= 200000);
}

static void test_gallery_is_busy_while_another_writes(void **state)
{
    fm_gallery_options options = {.struct_size = sizeof options, .timeout_ms = 200, .key = key};
    fm_gallery *gallery = NULL;
    fm_enrollment done = {.struct_size = sizeof done, .template_id = 77};
    size_t removed = 77, templates;
    double start;
    (void)state;
    ok(fm_gallery_open(&gallery, path, model, &options, &err));
    add(gallery, "anna", 1);
    begin_other_write();
    count_sleep();
    start = seconds();
    refused(fm_gallery_add(gallery, "bert", vector(2), DIM, NULL, &done, &err), FM_E_BUSY,
            "people.fmg");
    assert_true(seconds() - start >= 0.15);
    count_no_more();
    assert_waited(gallery);
    refused(fm_gallery_remove(gallery, "anna", &removed, &err), FM_E_BUSY, NULL);
    assert_int_equal(done.template_id, 77);
    assert_int_equal(removed, 77);
    assert_string_equal(who(gallery, 1), "anna"); /* reading goes on */
    assert_string_equal(who(gallery, 2), "");
    end_other_write();
    ok(fm_gallery_count(gallery, NULL, &templates, &err));
    assert_int_equal(templates, 1);
    add(gallery, "bert", 2);
    assert_string_equal(who(gallery, 2), "bert");
    fm_gallery_close(gallery);
}

/* Processes that make one gallery at the same time end up with one gallery. */
static void test_gallery_created_by_many_at_once(void **state)
{
    enum { PROCESSES = 6 };
    pid_t children[PROCESSES];
    fm_gallery *gallery;
    int status;
    (void)state;
    for (uint32_t i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            char id[16];
            fm_gallery *own = NULL;
            snprintf(id, sizeof id, "p%u", i);
            if (try_open(&own, FM_GALLERY_CREATE) != FM_OK)
                _exit(1);
            if (fm_gallery_add(own, id, vector(i), DIM, NULL, NULL, &err) != FM_OK)
                _exit(2);
            fm_gallery_close(own);
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    gallery = open_gallery();
    for (uint32_t i = 0; i < PROCESSES; i++) {
        char id[16];
        snprintf(id, sizeof id, "p%u", i);
        assert_string_equal(who(gallery, i), id);
    }
    fm_gallery_close(gallery);
    files_are(1); /* only now: SQLite's log stays if the last two close at the same moment */
}

static void test_gallery_keeps_what_a_killed_process_added(void **state)
{
    fm_gallery *gallery;
    int status;
    pid_t child;
    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        char id[16];
        snprintf(id, sizeof id, "p%u", i);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            fm_gallery *own = NULL;
            if (try_open(&own, FM_GALLERY_CREATE) != FM_OK ||
                fm_gallery_add(own, id, vector(i), DIM, NULL, NULL, &err) != FM_OK)
                _exit(1);
            raise(SIGKILL);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        gallery = open_gallery();
        assert_string_equal(who(gallery, i), id);
        fm_gallery_close(gallery);
    }
}

/* --- removal leaves nothing --- */

/* Is the sequence in any file of the folder? */
static bool anywhere(const void *bytes, size_t size)
{
    static unsigned char all[16 << 20];
    DIR *dir = opendir(folder.path);
    struct dirent *entry;
    bool found = false;
    assert_non_null(dir);
    while (!found && (entry = readdir(dir)) != NULL) {
        char name[512];
        size_t length;
        if (entry->d_name[0] == '.')
            continue;
        length =
            read_bytes(fm_test_path(name, sizeof name, &folder, entry->d_name), all, sizeof all);
        assert_true(length < sizeof all);
        found = memmem(all, length, bytes, size) != NULL;
    }
    closedir(dir);
    return found;
}

static void test_gallery_removal_leaves_no_bytes(void **state)
{
    static const char id[] = "anna-of-the-thousand-days", name[] = "A Name That Nobody Else Has",
                      metadata[] = "{\"secret\":\"nobody may read this any more\"}";
    fm_gallery *gallery = open_gallery();
    fm_enroll_options options;
    fm_enrollment done = {.struct_size = sizeof done};
    (void)state;
    add(gallery, "someone", 2);
    fm_enroll_options_init(&options, sizeof options);
    options.display_name = name;
    options.metadata_json = metadata;
    ok(fm_gallery_add(gallery, id, vector(1), DIM, &options, NULL, &err));
    ok(fm_gallery_add(gallery, id, vector(7), DIM, NULL, &done, &err));
    assert_true(anywhere(id, strlen(id)));
    assert_true(anywhere(name, strlen(name)));
    assert_true(anywhere(metadata, strlen(metadata)));
    assert_true(anywhere(vector(1), DIM * sizeof(float)));
    assert_true(anywhere(vector(7), DIM * sizeof(float)));
    ok(fm_gallery_remove_template(gallery, id, done.template_id, &err));
    assert_false(anywhere(vector(7), 16));
    ok(fm_gallery_remove(gallery, id, NULL, &err));
    assert_false(anywhere(id, strlen(id)));
    assert_false(anywhere(name, strlen(name)));
    assert_false(anywhere(metadata, strlen(metadata)));
    assert_false(anywhere(vector(1), 16));
    assert_true(anywhere(vector(2), DIM * sizeof(float)));
    fm_gallery_close(gallery);
}

static void long_id(char out[FM_ID_MAX + 1], uint32_t number)
{
    uint32_t seed = number * 747796405u + 5;
    size_t length = 24 + fm_test_random(&seed) % 200;
    for (size_t i = 0; i < length; i++)
        out[i] = (char)('a' + fm_test_random(&seed) % 26);
    out[length] = '\0';
}

/* SQLite moves rows from page to page and leaves copies behind: only many removals show it. */
static void test_gallery_removal_leaves_no_moved_copies(void **state)
{
    const uint32_t several = fm_test_many(400, 40), gone = several * 3 / 4;
    fm_gallery *gallery = open_gallery();
    char id[FM_ID_MAX + 1];
    (void)state;
    for (uint32_t i = 0; i < several; i++) {
        long_id(id, i);
        add(gallery, id, i);
    }
    for (uint32_t i = 0; i < gone; i++) {
        long_id(id, i * 7 % several);
        ok(fm_gallery_remove(gallery, id, NULL, &err));
        assert_false(anywhere(id, 16));
        assert_false(anywhere(id + strlen(id) - 16, 16));
        assert_false(anywhere(vector(i * 7 % several), 16));
    }
    fm_gallery_close(gallery);
}

/* --- searching --- */

/* A model with nothing behind it but a metric. */
static fm_model bare_model(fm_metric metric, int32_t dim, float *weights)
{
    fm_model m;
    memset(&m, 0, sizeof m);
    atomic_init(&m.references, 1);
    m.manifest.kind = FM_MODEL_EMBEDDER;
    m.manifest.name = "bare";
    m.manifest.embedding.dim = dim;
    m.manifest.metric = metric;
    m.manifest.metric_weights = weights;
    m.manifest.metric_bias = 0.5f;
    memset(m.id, '0' + metric, sizeof m.id - 1);
    return m;
}

/* The definitions, one value after the other. */
static double naive_score(const fm_model *m, const float *a, const float *b)
{
    double dot = 0, aa = 0, bb = 0, square = 0, chi = 0, sum = m->manifest.metric_bias;
    for (int32_t i = 0; i < m->manifest.embedding.dim; i++) {
        double x = a[i], y = b[i], w = m->manifest.metric_weights[i];
        dot += x * y;
        aa += x * x;
        bb += y * y;
        square += (x - y) * (x - y);
        chi += x + y > 0 ? w * (x - y) * (x - y) / (x + y) : 0;
        sum += w * fabs(x - y);
    }
    switch (m->manifest.metric) {
    case FM_METRIC_COSINE:
        return dot / (sqrt(aa) * sqrt(bb));
    case FM_METRIC_EUCLIDEAN:
        return -sqrt(square);
    case FM_METRIC_SQEUCLIDEAN:
        return -square;
    case FM_METRIC_INNER_PRODUCT:
        return dot;
    case FM_METRIC_CHI_SQUARED:
        return -chi;
    default:
        return 1 / (1 + exp(-sum));
    }
}

enum { PEOPLE = 60, TEMPLATES = 300, MOST_DIM = 70 };

typedef struct crowd {
    fm_model model;
    float weights[MOST_DIM], vectors[TEMPLATES][MOST_DIM];
    int owner[TEMPLATES];
    int64_t template_ids[TEMPLATES];
} crowd;

typedef struct expected {
    char id[16];
    float score;
    int64_t template_id;
} expected;

static int by_rank(const void *a, const void *b)
{
    const expected *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return strcmp(x->id, y->id);
}

static size_t brute_force(const crowd *c, const float *query, float threshold, expected *out)
{
    size_t count = 0;
    for (int p = 0; p < PEOPLE; p++) {
        expected best = {"", -INFINITY, 0};
        snprintf(best.id, sizeof best.id, "p%d", p);
        for (int t = 0; t < TEMPLATES; t++) {
            float score;
            if (c->owner[t] != p)
                continue;
            score = (float)naive_score(&c->model, query, c->vectors[t]);
            if (score > best.score) {
                best.score = score;
                best.template_id = c->template_ids[t];
            }
        }
        if (best.template_id && best.score >= threshold)
            out[count++] = best;
    }
    qsort(out, count, sizeof *out, by_rank);
    return count;
}

/* Values are few multiples of 1/8: sums are exact in any order, and there are many ties. */
static void draw(float *v, int32_t dim, uint32_t *seed)
{
    for (int32_t i = 0; i < dim; i++)
        v[i] = (float)(1 + fm_test_random(seed) % 8) / 8;
}

static void fill_crowd(crowd *c, int32_t dim, uint32_t *seed)
{
    for (int t = 0; t < TEMPLATES; t++) {
        if (t % 5 == 4) /* the same face twice, under any two ids */
            memcpy(c->vectors[t], c->vectors[fm_test_random(seed) % (uint32_t)t],
                   sizeof c->vectors[t]);
        else
            draw(c->vectors[t], dim, seed);
        c->owner[t] = (int)(fm_test_random(seed) % PEOPLE);
        c->template_ids[t] = t + 1;
    }
}

static fmi_index *index_of(const crowd *c, const fmi_index_config *config)
{
    fmi_index *index = NULL;
    ok(fmi_index_new(&index, &c->model.manifest, config, &err));
    for (int p = 0; p < PEOPLE; p++) {
        char id[16];
        snprintf(id, sizeof id, "p%d", p);
        ok(fmi_index_add_identity(index, p + 1, id, &err));
    }
    for (int t = 0; t < TEMPLATES; t++)
        ok(fmi_index_add_template(index, c->owner[t] + 1, c->template_ids[t], c->vectors[t], &err));
    return index;
}

static fm_gallery *gallery_of(crowd *c)
{
    fm_gallery *gallery = open_with(&c->model, 0);
    for (int t = 0; t < TEMPLATES; t++) {
        fm_enrollment done = {.struct_size = sizeof done};
        char id[16];
        snprintf(id, sizeof id, "p%d", c->owner[t]);
        ok(fm_gallery_add(gallery, id, c->vectors[t], (size_t)c->model.manifest.embedding.dim, NULL,
                          &done, &err));
        c->template_ids[t] = done.template_id;
    }
    return gallery;
}

static void draw_query(const crowd *c, float *query, int number, uint32_t *seed)
{
    if (number % 4 == 0)
        memcpy(query, c->vectors[number], sizeof c->vectors[0]);
    else
        draw(query, c->model.manifest.embedding.dim, seed);
}

/* Thresholds that all reach, and such that somebody just reaches. */
static float draw_threshold(const crowd *c, const float *query, int number)
{
    return number % 3 == 0 ? -FLT_MAX : (float)naive_score(&c->model, query, c->vectors[number]);
}

static void check_index(const crowd *c, const fmi_index *index, uint32_t *seed)
{
    for (int number = 0; number < 36; number++) {
        float query[MOST_DIM], threshold;
        expected want[PEOPLE];
        fmi_hit got[PEOPLE];
        size_t count, got_count, k = 1 + fm_test_random(seed) % PEOPLE;
        draw_query(c, query, number, seed);
        threshold = draw_threshold(c, query, number);
        count = brute_force(c, query, threshold, want);
        count = count < k ? count : k;
        ok(fmi_index_search(index, query, 1, threshold, k, got, &got_count, &err));
        assert_int_equal(got_count, count);
        for (size_t i = 0; i < count; i++) {
            assert_string_equal(got[i].id, want[i].id);
            assert_true(got[i].score == want[i].score);
            assert_int_equal(got[i].template_id, want[i].template_id);
        }
    }
}

static void test_gallery_search_equals_brute_force(void **state)
{
    static const int32_t dims[] = {1, 7, 16, 70};
    const fmi_index_config config = {.threads = 1};
    static crowd c;
    uint32_t seed = 5;
    (void)state;
    for (fm_metric metric = FM_METRIC_COSINE; metric <= FM_METRIC_SIAMESE; metric++)
        for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
            fmi_index *index;
            c.model = bare_model(metric, dims[d], c.weights);
            for (int i = 0; i < MOST_DIM; i++)
                c.weights[i] = metric == FM_METRIC_SIAMESE ? -0.125f : 0.5f;
            fill_crowd(&c, dims[d], &seed);
            index = index_of(&c, &config);
            check_index(&c, index, &seed);
            fmi_index_free(index);
        }
}

static void test_gallery_answers_a_batch(void **state)
{
    enum { QUERIES = 20, K = 7 };
    static crowd c;
    static float queries[QUERIES][MOST_DIM];
    fm_match matches[QUERIES * K];
    fm_identification about = {.struct_size = sizeof about};
    fm_identify_options options = {
        .struct_size = sizeof options, .use_threshold = 1, .threshold = -8};
    size_t counts[QUERIES];
    uint32_t seed = 9;
    fm_gallery *gallery;
    (void)state;
    c.model = bare_model(FM_METRIC_SQEUCLIDEAN, MOST_DIM, c.weights);
    fill_crowd(&c, MOST_DIM, &seed);
    gallery = gallery_of(&c);
    for (int q = 0; q < QUERIES; q++)
        draw_query(&c, queries[q], q, &seed);
    ok(fm_gallery_search(gallery, queries[0], QUERIES, MOST_DIM, &options, matches, K, counts,
                         &about, &err));
    assert_true(about.threshold == -8);
    assert_true(isnan(about.fmr));
    for (int q = 0; q < QUERIES; q++) {
        expected want[PEOPLE];
        size_t count = brute_force(&c, queries[q], -8, want);
        assert_int_equal(counts[q], count < K ? count : K);
        for (size_t i = 0; i < counts[q]; i++) {
            const fm_match *got = &matches[q * K + i];
            assert_string_equal(got->id, want[i].id);
            assert_true(got->score == want[i].score);
            assert_int_equal(got->template_id, want[i].template_id);
            assert_int_equal(got->rank, i + 1);
            assert_true(isnan(got->fmr));
        }
    }
    fm_gallery_close(gallery);
}

/* Under the mean the one with two halves wins over the one with a fair and a bad template. */
static void test_gallery_search_by_means(void **state)
{
    static crowd c;
    fm_gallery_options open_options;
    fm_identify_options options = {
        .struct_size = sizeof options, .use_threshold = 1, .threshold = -FLT_MAX};
    fm_gallery *gallery = NULL;
    const float halves[2][2] = {{0.5f, 0.5f}, {0.5f, -0.5f}}, mixed[2][2] = {{1, 0.25f}, {-1, 1}},
                query[2] = {1, 0};
    fm_match got[2];
    size_t count;
    (void)state;
    c.model = bare_model(FM_METRIC_COSINE, 2, c.weights);
    fm_gallery_options_init(&open_options, sizeof open_options);
    open_options.threads = 2;
    ok(fm_test_shard(path, &c.model, shards, &err));
    ok(fm_gallery_open(&gallery, path, &c.model, &open_options, &err));
    for (int i = 0; i < 2; i++) {
        ok(fm_gallery_add(gallery, "halves", halves[i], 2, NULL, NULL, &err));
        ok(fm_gallery_add(gallery, "mixed", mixed[i], 2, NULL, NULL, &err));
    }
    for (fm_score_rule rule = 0; rule <= FM_SCORE_MEAN; rule++) {
        options.score = rule;
        ok(fm_gallery_search(gallery, query, 1, 2, &options, got, 2, &count, NULL, &err));
        assert_int_equal(count, 2);
        assert_string_equal(got[0].id, rule == FM_SCORE_MEAN ? "halves" : "mixed");
        assert_true(rule != FM_SCORE_MEAN || got[0].score == 1);
        assert_true((got[0].template_id == 0) == (rule == FM_SCORE_MEAN));
    }
    fm_gallery_close(gallery);
}

/* The same through removals and reopening, with values of any size. */
static void test_gallery_search_of_uneven_values(void **state)
{
    enum { N = 122 };
    static const float scale[] = {1, 1e-25f, 1e25f};
    fm_gallery *gallery;
    fm_match got[5];
    fm_identify_options options = {
        .struct_size = sizeof options, .use_threshold = 1, .threshold = -1};
    size_t count;
    (void)state;
    gallery = open_gallery();
    for (uint32_t i = 0; i < N; i++) {
        char id[16];
        float v[DIM];
        for (int j = 0; j < DIM; j++) /* from 1e-30 to 1e30: no first look is possible there */
            v[j] = vector(i)[j] * powf(10, (float)(i % 61) - 30);
        snprintf(id, sizeof id, "p%03u", i);
        ok(fm_gallery_add(gallery, id, v, DIM, NULL, NULL, &err));
    }
    for (uint32_t i = 0; i < N; i += 3) {
        char id[16];
        snprintf(id, sizeof id, "p%03u", i);
        ok(fm_gallery_remove(gallery, id, NULL, &err));
    }
    for (uint32_t i = 1; i < N; i += 3)
        for (int s = 0; s < 3; s++) {
            float query[DIM];
            for (int j = 0; j < DIM; j++)
                query[j] = vector(i)[j] * scale[s];
            ok(fm_gallery_search(gallery, query, 1, DIM, &options, got, 5, &count, NULL, &err));
            assert_int_equal(count, 5);
            assert_int_equal(atoi(got[0].id + 1), i);
            assert_true(got[0].score > 0.999f);
            for (size_t j = 1; j < count; j++)
                assert_true(got[j].score <= got[j - 1].score);
            assert_true(got[1].score < 0.999f);
        }
    fm_gallery_close(gallery);
}

static void test_gallery_operating_points(void **state)
{
    fm_gallery *gallery = open_gallery();
    fm_identify_options options;
    fm_identification about = {.struct_size = sizeof about};
    fm_match match;
    float want;
    size_t count = 9;
    (void)state;
    fm_identify_options_init(&options, sizeof options);
    ok(fm_gallery_search(gallery, vector(1), 1, DIM, NULL, &match, 1, &count, &about, &err));
    assert_int_equal(count, 0);
    assert_int_equal(about.identities, 0);
    ok(fm_model_threshold(model, 1e-2, &want, &err));
    assert_true(about.threshold == want); /* as for one identity */
    for (uint32_t i = 0; i < 10; i++) {
        char id[16];
        snprintf(id, sizeof id, "p%u", i);
        add(gallery, id, i);
        add(gallery, id, i + 100);
    }
    options.fpir = 0.5;
    ok(fm_gallery_search(gallery, vector(1), 1, DIM, &options, &match, 1, &count, &about, &err));
    assert_int_equal(about.identities, 10);
    ok(fm_model_threshold(model, 1 - pow(0.5, 0.1), &want, &err));
    assert_float_equal(about.threshold, want, 1e-6);
    assert_float_equal(about.fmr, 1 - pow(0.5, 0.1), 1e-6);
    assert_int_equal(count, 1);
    assert_float_equal(match.fmr, 1e-3, 1e-12); /* of the table's end */
    /* below the table: the line goes on, the rate told is that of its end */
    options.fpir = 1e-4;
    ok(fm_gallery_search(gallery, vector(1), 1, DIM, &options, &match, 1, &count, &about, &err));
    assert_float_equal(about.threshold, 0.75 + 0.125 * 2, 1e-4);
    assert_float_equal(about.fmr, 1e-3, 1e-12);
    options.fpir = 1;
    refused(
        fm_gallery_search(gallery, vector(1), 1, DIM, &options, &match, 1, &count, &about, &err),
        FM_E_INVALID_ARGUMENT, "fpir");
    fm_gallery_close(gallery);
}

static void test_gallery_search_refuses(void **state)
{
    fm_gallery *gallery = open_gallery();
    fm_identify_options options;
    fm_match match;
    float bad[DIM] = {NAN};
    size_t count = 77;
    (void)state;
    fm_identify_options_init(&options, sizeof options);
#define REFUSED(g, q, n, dim, m, k, c)                                                             \
    refused(fm_gallery_search(g, q, n, dim, &options, m, k, c, NULL, &err), FM_E_INVALID_ARGUMENT, \
            NULL)
    REFUSED(NULL, vector(1), 1, DIM, &match, 1, &count);
    REFUSED(gallery, NULL, 1, DIM, &match, 1, &count);
    REFUSED(gallery, bad, 1, DIM, &match, 1, &count);
    REFUSED(gallery, vector(1), FM_LIMIT_BATCH + 1, DIM, &match, 1, &count);
    REFUSED(gallery, vector(1), SIZE_MAX / 2, DIM, &match, 1, &count);
    REFUSED(gallery, vector(1), 1, DIM + 1, &match, 1, &count);
    REFUSED(gallery, vector(1), 1, DIM, NULL, 1, &count);
    REFUSED(gallery, vector(1), 1, DIM, &match, 0, &count);
    REFUSED(gallery, vector(1), 1, DIM, &match, FM_LIMIT_MATCHES + 1, &count);
    REFUSED(gallery, vector(1), 1, DIM, &match, 1, NULL);
    options.use_threshold = 1;
    options.threshold = INFINITY;
    REFUSED(gallery, vector(1), 1, DIM, &match, 1, &count);
#undef REFUSED
    assert_int_equal(count, 77);
    ok(fm_gallery_search(gallery, NULL, 0, DIM, NULL, NULL, 1, NULL, NULL, &err));
    fm_gallery_close(gallery);
}

/* --- threads --- */

enum { ROUNDS = 60 };

static void *add_many(void *gallery)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        char id[16];
        fm_error own = {sizeof own, 0, ""};
        snprintf(id, sizeof id, "new%u", i);
        if (fm_gallery_add(gallery, id, vector(1000 + i), DIM, NULL, NULL, &own) != FM_OK)
            return "add failed";
        if (strcmp(who(gallery, 1000 + i), id))
            return "an added identity is not found";
        if (i % 3 == 0 && fm_gallery_remove(gallery, id, NULL, &own) != FM_OK)
            return "remove failed";
    }
    return NULL;
}

static void *search_many(void *gallery)
{
    for (uint32_t i = 0; i < 4 * ROUNDS; i++) {
        char id[16];
        snprintf(id, sizeof id, "p%u", i % 20);
        if (strcmp(who(gallery, i % 20), id))
            return "a known identity is not found";
    }
    return NULL;
}

static void test_gallery_threads(void **state)
{
    static void *(*const bodies[])(void *) = {add_many, search_many, search_many, search_many};
    enum { THREADS = sizeof bodies / sizeof *bodies };
    pthread_t threads[THREADS];
    fm_gallery *gallery = open_gallery();
    void *trouble;
    (void)state;
    for (uint32_t i = 0; i < 20; i++) {
        char id[16];
        snprintf(id, sizeof id, "p%u", i);
        add(gallery, id, i);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, bodies[i], gallery), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &trouble), 0);
        if (trouble)
            fail_msg("%s", (char *)trouble);
    }
    fm_gallery_close(gallery);
}

/* --- memory --- */

/* Let the k-th allocation fail for every k until the call goes through. */
#define FOR_EVERY_FAILURE(call)                                                                    \
    do {                                                                                           \
        fm_status status_ = FM_E_NO_MEMORY;                                                        \
        long live_ = fmi_memory_live_blocks();                                                     \
        for (long k_ = 0; status_ != FM_OK; k_++) {                                                \
            assert_int_equal(fmi_memory_live_blocks(), live_);                                     \
            fmi_memory_fail_after(k_);                                                             \
            status_ = (call);                                                                      \
            fmi_memory_fail_after(-1);                                                             \
            if (status_ != FM_OK)                                                                  \
                fm_assert_status(status_, FM_E_NO_MEMORY, &err);                                   \
        }                                                                                          \
    } while (0)

static void test_gallery_without_memory(void **state)
{
    fm_gallery *gallery = NULL;
    fm_identity page[4];
    fm_match match;
    char metadata[8];
    size_t count = 77;
    long live = fmi_memory_live_blocks();
    (void)state;
    FOR_EVERY_FAILURE(try_open(&gallery, FM_GALLERY_CREATE));
    files_are(3); /* no draft is left */
    FOR_EVERY_FAILURE(fm_gallery_add(gallery, "anna", vector(1), DIM, NULL, NULL, &err));
    FOR_EVERY_FAILURE(fm_gallery_add(gallery, "anna", vector(2), DIM, NULL, NULL, &err));
    FOR_EVERY_FAILURE(fm_gallery_list(gallery, NULL, page, 4, &count, &err));
    assert_int_equal(count, 1);
    assert_int_equal(page[0].templates, 2);
    FOR_EVERY_FAILURE(fm_gallery_get_metadata(gallery, "anna", metadata, 8, NULL, &err));
    fmi_memory_fail_after(0);
    fm_assert_status(
        fm_gallery_search(gallery, vector(1), 1, DIM, NULL, &match, 1, &count, NULL, &err),
        FM_E_NO_MEMORY, &err);
    for (long k = 1; k < 12; k++) {
        fm_status status;
        fmi_memory_fail_after(k);
        status = fm_gallery_search(gallery, vector(1), 1, DIM, NULL, &match, 1, &count, NULL, &err);
        fmi_memory_fail_after(-1);
        assert_true(status == FM_OK || status == FM_E_NO_MEMORY);
    }
    assert_string_equal(who(gallery, 2), "anna");
    fm_gallery_close(gallery);
    FOR_EVERY_FAILURE(try_open(&gallery, FM_GALLERY_CREATE));
    assert_string_equal(who(gallery, 1), "anna");
    fm_gallery_close(gallery);
    assert_int_equal(fmi_memory_live_blocks(), live);
}

/* Removing goes through whatever memory there is: what is lost is only the check for copies. */
static void test_gallery_removal_needs_no_memory(void **state)
{
    fm_gallery *gallery = open_gallery();
    (void)state;
    add(gallery, "anna-whom-nobody-knows", 1);
    assert_string_equal(who(gallery, 1), "anna-whom-nobody-knows");
    fmi_memory_fail_after(0);
    ok(fm_gallery_remove(gallery, "anna-whom-nobody-knows", NULL, &err));
    fmi_memory_fail_after(-1);
    assert_string_equal(who(gallery, 1), "");
    assert_false(anywhere("anna-whom-nobody-knows", 22));
    fm_gallery_close(gallery);
}

/* --- photographs --- */

static fm_image *photograph(uint8_t pixels[32 * 32 * 3], uint32_t number)
{
    fm_image *image = NULL;
    uint8_t cells[4 * 4 * 3];
    uint32_t seed = number * 977 + 1;
    for (size_t i = 0; i < sizeof cells; i++)
        cells[i] = (uint8_t)fm_test_random(&seed);
    for (size_t y = 0; y < 32; y++)
        for (size_t x = 0; x < 32; x++)
            memcpy(pixels + (y * 32 + x) * 3, cells + (y / 8 * 4 + x / 8) * 3, 3);
    ok(fm_image_from_pixels(&image, pixels, 32 * 32 * 3, 32, 32, 96, FM_PIXEL_RGB8, &err));
    return image;
}

static void test_gallery_photographs(void **state)
{
    uint8_t a[32 * 32 * 3], b[32 * 32 * 3];
    fm_image *anna = photograph(a, 1), *bert = photograph(b, 2);
    fm_gallery *gallery = open_gallery();
    const fm_gate_options gate = {.struct_size = sizeof gate, .off = 1}; /* these are no faces */
    fm_session *session = NULL, *other = NULL;
    fm_enroll_options enroll;
    fm_identify_options identify;
    fm_verify_options verify;
    fm_enrollment done = {.struct_size = sizeof done};
    fm_identification about = {.struct_size = sizeof about};
    fm_verification v = {.struct_size = sizeof v};
    fm_match match;
    size_t count = 0;
    (void)state;
    ok(fm_session_create(&session, model, NULL, &err));
    ok(fm_session_create(&other, other_model, NULL, &err));
    fm_enroll_options_init(&enroll, sizeof enroll);
    fm_identify_options_init(&identify, sizeof identify);
    fm_verify_options_init(&verify, sizeof verify);
    enroll.aligned = identify.aligned = verify.aligned = 1;
    enroll.gate = &gate;
    verify.use_threshold = identify.use_threshold = 1;
    verify.threshold = identify.threshold = 0.999f;
    ok(fm_gallery_enroll(gallery, session, "anna", anna, &enroll, &done, &err));
    assert_int_equal(done.face_count, 0);
    assert_int_equal(done.new_identity, 1);
    ok(fm_identify(gallery, session, anna, &identify, &match, 1, &count, &about, &err));
    assert_int_equal(count, 1);
    assert_string_equal(match.id, "anna");
    assert_int_equal(match.template_id, done.template_id);
    assert_int_equal(about.identities, 1);
    assert_int_equal(about.face_count, 0);
    ok(fm_identify(gallery, session, bert, &identify, &match, 1, &count, NULL, &err));
    assert_int_equal(count, 0);
    ok(fm_verify_identity(gallery, session, "anna", anna, &verify, &v, &err));
    assert_int_equal(v.match, 1);
    assert_true(v.score > 0.999f);
    ok(fm_verify_identity(gallery, session, "anna", bert, &verify, &v, &err));
    assert_int_equal(v.match, 0);
    refused(fm_verify_identity(gallery, session, "bert", bert, &verify, &v, &err), FM_E_NOT_FOUND,
            "bert");
    refused(fm_gallery_enroll(gallery, other, "anna", anna, &enroll, NULL, &err),
            FM_E_MODEL_MISMATCH, "two");
    refused(fm_identify(gallery, other, anna, &identify, &match, 1, &count, NULL, &err),
            FM_E_MODEL_MISMATCH, "two");
    refused(fm_gallery_enroll(gallery, session, "anna", anna, NULL, NULL, &err), FM_E_STATE,
            NULL); /* no detector */
    ok(fm_gallery_remove_template(gallery, "anna", done.template_id, &err));
    refused(fm_verify_identity(gallery, session, "anna", anna, &verify, &v, &err), FM_E_NOT_FOUND,
            "no templates");
    fm_session_free(session);
    fm_session_free(other);
    fm_gallery_close(gallery);
    fm_image_free(anna);
    fm_image_free(bert);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

#define ONLY_PLAIN(name)                                                                           \
    static void plain_##name(void **state)                                                         \
    {                                                                                              \
        if (key)                                                                                   \
            skip();                                                                                \
        name(state);                                                                               \
    }
ONLY_PLAIN(test_gallery_refuses_what_is_no_gallery)
ONLY_PLAIN(test_gallery_refuses_newer_formats_and_other_tables)
ONLY_PLAIN(test_gallery_notices_damaged_rows)
ONLY_PLAIN(test_gallery_uris)
ONLY_PLAIN(test_gallery_relative_paths)
ONLY_PLAIN(test_gallery_finishes_removals_of_others) /* it looks for a plain id in the file */
ONLY_PLAIN(test_gallery_removal_leaves_no_bytes)
ONLY_PLAIN(test_gallery_without_memory)

#define ONLY_FILES(name)                                                                           \
    static void file_##name(void **state)                                                          \
    {                                                                                              \
        if (server)                                                                                \
            skip();                                                                                \
        name(state);                                                                               \
    }
ONLY_FILES(plain_test_gallery_refuses_what_is_no_gallery)
ONLY_FILES(plain_test_gallery_refuses_newer_formats_and_other_tables)
ONLY_FILES(plain_test_gallery_notices_damaged_rows)
ONLY_FILES(test_gallery_notices_truncation)
ONLY_FILES(plain_test_gallery_uris)
ONLY_FILES(plain_test_gallery_relative_paths)
ONLY_FILES(test_gallery_new_files_are_private)
ONLY_FILES(test_gallery_read_only_folder)
ONLY_FILES(test_gallery_full_disk)
ONLY_FILES(plain_test_gallery_finishes_removals_of_others)
ONLY_FILES(test_gallery_without_a_note_of_removals)
ONLY_FILES(plain_test_gallery_removal_leaves_no_bytes)
ONLY_FILES(plain_test_gallery_without_memory)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_gallery_add_and_get),
        TEST(test_gallery_describe_and_count),
        TEST(test_gallery_lists_pages_in_byte_order),
        TEST(test_gallery_metadata),
        TEST(test_gallery_templates_and_embeddings),
        TEST(test_gallery_limits_templates),
        TEST(test_gallery_removes),
        TEST(test_gallery_survives_reopening),
        TEST(test_gallery_refuses_other_models),
        TEST(file_plain_test_gallery_refuses_what_is_no_gallery),
        TEST(file_plain_test_gallery_refuses_newer_formats_and_other_tables),
        TEST(file_plain_test_gallery_notices_damaged_rows),
        TEST(file_test_gallery_notices_truncation),
        TEST(test_gallery_failing_to_open_creates_nothing),
        TEST(file_plain_test_gallery_uris),
        TEST(file_plain_test_gallery_relative_paths),
        TEST(file_test_gallery_new_files_are_private),
        TEST(test_gallery_ids),
        TEST(test_gallery_refuses_bad_embeddings_and_options),
        TEST(test_gallery_without_a_model),
        TEST(test_gallery_read_only),
        TEST(file_test_gallery_read_only_folder),
        TEST(test_gallery_sees_what_others_write),
        TEST(test_gallery_other_process_sees_the_next_search),
        TEST(file_test_gallery_full_disk),
        TEST(file_plain_test_gallery_finishes_removals_of_others),
        TEST(file_test_gallery_without_a_note_of_removals),
        TEST(test_gallery_is_busy_while_another_writes),
        TEST(test_gallery_created_by_many_at_once),
        TEST(test_gallery_keeps_what_a_killed_process_added),
        TEST(file_plain_test_gallery_removal_leaves_no_bytes),
        TEST(test_gallery_removal_leaves_no_moved_copies),
        TEST(test_gallery_search_equals_brute_force),
        TEST(test_gallery_answers_a_batch),
        TEST(test_gallery_search_by_means),
        TEST(test_gallery_search_of_uneven_values),
        TEST(test_gallery_operating_points),
        TEST(test_gallery_search_refuses),
        TEST(test_gallery_threads),
        TEST(file_plain_test_gallery_without_memory),
        TEST(test_gallery_removal_needs_no_memory),
        TEST(test_gallery_photographs),
    };
    key = argc > 1 && !strcmp(argv[1], "sealed") ? &sealing_key : NULL;
    if (argc > 1 && !strcmp(argv[1], "postgres") && !fm_test_servers(&server, &shards))
        return 77; /* skipped: there is no server */
    return cmocka_run_group_tests(tests, load_models, free_models);
}
