#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/fake.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/stream.h"
#include "gallery/gallery.h"
#include "gallery/transfer.h"
#include "helpers.h"
#include <dirent.h>
#include <facematch/facematch.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sodium.h>
#ifdef FM_POSTGRES
#include <libpq-fe.h>
#endif
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIM = 16 };

#define MANIFEST(name, dim)                                                                        \
    FMI_FAKE_MAGIC                                                                                 \
    "{\"format\":1,\"name\":\"" name "\",\"kind\":\"embedder\",\"family\":\"softmax\","            \
    "\"input\":{\"width\":32,\"height\":32,\"order\":\"RGB\",\"mean\":[127.5,127.5,127.5],"        \
    "\"std\":[128,128,128]},\"alignment\":{\"points\":[[10,12],[22,12],[16,18],[11,24],[21,24]],"  \
    "\"border\":\"zero\"},\"embedding\":{\"dim\":" dim ",\"normalize\":true},"                     \
    "\"metric\":\"cosine\",\"source\":\"test\",\"license\":\"Apache-2.0\","                        \
    "\"training_data\":\"none\"}"

static fm_error err = {sizeof err, 0, ""};
static fm_model *model, *other_model;
static fm_test_folder folder;
static char path[512], other_path[512], file[128];

/* With the argument "postgres" galleries are on the server of FACEMATCH_POSTGRES, and over the
 * servers of FACEMATCH_POSTGRES_SHARDS where there are some; but for those tests that are about
 * files. */
static const char *server, *shards;

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
    return fm_model_load_memory(&model, one, sizeof one - 1, NULL, &err) == FM_OK &&
                   fm_model_load_memory(&other_model, two, sizeof two - 1, NULL, &err) == FM_OK
               ? 0
               : -1;
}

static int free_models(void **state)
{
    (void)state;
    fm_model_free(model);
    fm_model_free(other_model);
    return 0;
}

static int make_folder(void **state)
{
    (void)state;
    if (fm_test_folder_make(&folder) != 0)
        return -1;
    fm_test_gallery(path, sizeof path, &folder, "people.fmg", server);
    fm_test_gallery(other_path, sizeof other_path, &folder, "other.fmg", server);
    fm_test_path(file, sizeof file, &folder, "people.jsonl");
    return 0;
}

/* How many files there are where galleries are files; else just the exported one. */
static void files_are(size_t count)
{
    assert_int_equal(fm_test_folder_count(&folder), server ? 1 : count);
}

static int remove_folder(void **state)
{
    (void)state;
    fm_test_folder_remove(&folder);
    return 0;
}

static fm_gallery *open_at(const char *where, const fm_model *with)
{
    fm_gallery *gallery = NULL;
    ok(fm_test_shard(where, with, shards, &err));
    ok(fm_gallery_open(&gallery, where, with, NULL, &err));
    return gallery;
}

static const float *vector(uint32_t number)
{
    static _Thread_local float v[DIM];
    uint32_t seed = number * 2654435761u + 1;
    for (int i = 0; i < DIM; i++)
        v[i] = (float)(fm_test_random(&seed) % 2001) / 1000 - 1;
    return v;
}

static void add_with(fm_gallery *gallery, const char *id, const float *v, const char *name,
                     const char *metadata, const char *label, float quality)
{
    fm_enroll_options options;
    fm_enroll_options_init(&options, sizeof options);
    options.display_name = name;
    options.metadata_json = metadata;
    options.label = label;
    options.has_quality = !isnan(quality);
    options.quality = isnan(quality) ? 0 : quality;
    ok(fm_gallery_add(gallery, id, v, DIM, &options, NULL, &err));
}

static void add(fm_gallery *gallery, const char *id, uint32_t number)
{
    add_with(gallery, id, vector(number), NULL, NULL, NULL, NAN);
}

/* Many at once, each synced to the disk would take long. */
typedef struct supply {
    const char *id; /* with a %u for its number */
    uint32_t count, first, each, at;
    fm_status end;
    char made[64];
} supply;

static fm_status give_next(void *user, fmi_new_template *add_this, bool *more, fm_error *error)
{
    supply *s = user;
    (void)error;
    *more = s->at < s->count * s->each;
    if (!*more)
        return s->end;
    snprintf(s->made, sizeof s->made, s->id, s->at / s->each);
    *add_this = (fmi_new_template){.id = s->made, .vector = vector(s->first + s->at)};
    s->at++;
    return FM_OK;
}

/* Identities with so many templates each, of vectors from `first` on. */
static void add_many(fm_gallery *gallery, const char *id, uint32_t count, uint32_t first,
                     uint32_t each)
{
    supply s = {.id = id, .count = count, .first = first, .each = each};
    int64_t templates = 0;
    ok(gallery->store->ops->import(gallery->store, give_next, &s, &templates, &err));
    assert_int_equal(templates, count * each);
}

#ifdef FM_POSTGRES
/* Of the tables that "UPDATE identities" and the like mean, each gallery has its own. */
static void server_sql(const char *where, const char *text)
{
    char table[512];
    const char *name = strstr(where, "gallery=") + 8;
    PGconn *conn = PQconnectdb(server);
    PGresult *result;
    char *number;
    snprintf(table, sizeof table,
             "SELECT gallery_no::text FROM facematch.galleries WHERE name = '%s'", name);
    result = PQexec(conn, table);
    assert_int_equal(PQntuples(result), 1);
    number = PQgetvalue(result, 0, 0);
    while (*text) {
        const char *word = text + strlen("UPDATE ");
        int length = (int)strcspn(word, " "), rest = (int)strcspn(word + length, ";");
        PGresult *done;
        snprintf(table, sizeof table, "UPDATE facematch.%.*s_%s%.*s", length, word, number, rest,
                 word + length);
        done = PQexec(conn, table);
        if (PQresultStatus(done) != PGRES_COMMAND_OK)
            fail_msg("%s: %s", table, PQerrorMessage(conn));
        PQclear(done);
        text = word + length + rest;
        text += strspn(text, "; ");
    }
    PQclear(result);
    PQfinish(conn);
}
#endif

static void sql(const char *where, const char *text)
{
    sqlite3 *db;
#ifdef FM_POSTGRES
    if (server) {
        server_sql(where, text);
        return;
    }
#endif
    assert_int_equal(sqlite3_open(where, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static char *read_text(const char *name, size_t *size)
{
    enum { MOST = 16 << 20 };
    FILE *f = fopen(name, "rb");
    char *text = calloc(1, MOST);
    assert_non_null(f);
    assert_non_null(text);
    *size = fread(text, 1, MOST - 1, f);
    fclose(f);
    return text;
}

/* --- the same again --- */

static void assert_same_identity(fm_gallery *a, fm_gallery *b, const fm_identity *one)
{
    fm_identity other;
    fm_template ours[FM_LIMIT_TEMPLATES], theirs[FM_LIMIT_TEMPLATES];
    char text[2][2048];
    size_t count[2];
    ok(fm_gallery_get(b, one->id, &other, &err));
    assert_memory_equal(one, &other, sizeof other);
    ok(fm_gallery_get_metadata(a, one->id, text[0], sizeof text[0], NULL, &err));
    ok(fm_gallery_get_metadata(b, one->id, text[1], sizeof text[1], NULL, &err));
    assert_string_equal(text[0], text[1]);
    ok(fm_gallery_get_templates(a, one->id, ours, FM_LIMIT_TEMPLATES, &count[0], &err));
    ok(fm_gallery_get_templates(b, one->id, theirs, FM_LIMIT_TEMPLATES, &count[1], &err));
    assert_int_equal(count[0], count[1]);
    for (size_t i = 0; i < count[0]; i++) {
        float v[2][DIM];
        assert_int_equal(ours[i].created_ms, theirs[i].created_ms);
        assert_memory_equal(&ours[i].quality, &theirs[i].quality, sizeof(float));
        assert_string_equal(ours[i].label, theirs[i].label);
        ok(fm_gallery_get_embedding(a, one->id, ours[i].template_id, v[0], DIM, &err));
        ok(fm_gallery_get_embedding(b, one->id, theirs[i].template_id, v[1], DIM, &err));
        assert_memory_equal(v[0], v[1], sizeof v[0]);
    }
}

static void assert_same(fm_gallery *a, fm_gallery *b)
{
    static fm_identity page[200];
    size_t count = 0, others = 0;
    ok(fm_gallery_list(a, NULL, page, 200, &count, &err));
    ok(fm_gallery_count(b, &others, NULL, &err));
    assert_int_equal(count, others);
    for (size_t i = 0; i < count; i++)
        assert_same_identity(a, b, &page[i]);
}

static const float odd_floats[DIM] = {1,           -0.0f,
                                      1e-45f,      -3.4028235e38f,
                                      0.1f,        1.17549435e-38f,
                                      3.14159274f, -1e-30f,
                                      16777217,    0.333333343f,
                                      2,           3,
                                      4,           5,
                                      6,           7};

static void fill(fm_gallery *gallery)
{
    static const char metadata[] = "{\"born\": 1815, \"big\":1.0e2,\t\"n\u00e4me\": "
                                   "[{\"a\":\"\\u00e9\\\\\\\"}{\"}, null, true, -0.50]}";
    add_with(gallery, "anna", odd_floats, "\xC3\x81nna \"the\\first\"", metadata, "passport", 0.1f);
    add_with(gallery, "anna", vector(2), NULL, NULL, NULL, NAN);
    add_with(gallery, "anna", vector(3), NULL, NULL, "\xE2\x82\xAC", 1);
    add_with(gallery, "Zo\xC3\xAB/\"'\\", vector(4), "", NULL, "", 0);
    add_with(gallery, "\xF0\x9F\x98\x80", vector(5), "smile", "{}", NULL, 0.333333343f);
    add_many(gallery, "p%u", 150, 100, 1);
    ok(fm_gallery_remove(gallery, "p7", NULL, &err));
}

static void test_transfer_round_trip(void **state)
{
    fm_gallery *a = open_at(path, model), *b = open_at(other_path, model);
    fm_transfer out = {.struct_size = sizeof out}, in = out;
    fm_template t;
    struct stat info;
    size_t count;
    (void)state;
    fill(a);
    ok(fm_gallery_get_templates(a, "p9", &t, 1, &count, &err));
    ok(fm_gallery_remove_template(a, "p9", t.template_id, &err)); /* stays, without templates */
    sql(path, "UPDATE identities SET created_ms = identity_no * 1000 + 1, updated_ms = "
              "identity_no * 1000 + 2; UPDATE templates SET created_ms = template_id + 77");
    ok(fm_gallery_export(a, file, NULL, &out, &err));
    assert_int_equal(stat(file, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(info.st_size, out.bytes);
    assert_int_equal(out.identities, 152);
    assert_int_equal(out.templates, 153);
    ok(fm_gallery_import(b, file, NULL, &in, &err));
    assert_int_equal(in.identities, 152);
    assert_int_equal(in.templates, 153);
    assert_int_equal(in.skipped, 0);
    assert_int_equal(in.bytes, out.bytes);
    assert_same(a, b);
    fm_gallery_close(a);
    fm_gallery_close(b);
    files_are(3);
}

/* What comes back is spelled as what went out. */
static void test_transfer_twice_gives_the_same_file(void **state)
{
    fm_gallery *a = open_at(path, model), *b = open_at(other_path, model);
    char *first, *second, second_file[128], *end;
    size_t sizes[2];
    (void)state;
    fill(a);
    ok(fm_gallery_export(a, file, NULL, NULL, &err));
    ok(fm_gallery_import(b, file, NULL, NULL, &err));
    fm_test_path(second_file, sizeof second_file, &folder, "second.jsonl");
    ok(fm_gallery_export(b, second_file, NULL, NULL, &err));
    first = read_text(file, &sizes[0]);
    second = read_text(second_file, &sizes[1]);
    end = strchr(first, '\n'); /* the first line has the time when the gallery was made */
    assert_int_equal(sizes[0], sizes[1]);
    assert_string_equal(end, strchr(second, '\n'));
    free(first);
    free(second);
    fm_gallery_close(a);
    fm_gallery_close(b);
}

static void test_transfer_of_nobody(void **state)
{
    fm_gallery *a = open_at(path, model), *b = open_at(other_path, model);
    fm_transfer in = {.struct_size = sizeof in, .identities = 9};
    (void)state;
    ok(fm_gallery_export(a, file, NULL, NULL, &err));
    ok(fm_gallery_import(b, file, NULL, &in, &err));
    assert_int_equal(in.identities, 0);
    fm_gallery_close(a);
    fm_gallery_close(b);
}

/* The index follows, and so does that of another handle. */
static void test_transfer_is_searched(void **state)
{
    fm_gallery *a = open_at(path, model), *b = open_at(other_path, model),
               *c = open_at(other_path, model);
    fm_identify_options options = {
        .struct_size = sizeof options, .use_threshold = 1, .threshold = 0.999f};
    fm_match match;
    size_t count = 0;
    (void)state;
    add(a, "anna", 1);
    add(b, "bert", 2);
    for (int i = 0; i < 2; i++) { /* both are up to date before */
        ok(fm_gallery_search(i ? c : b, vector(2), 1, DIM, &options, &match, 1, &count, NULL,
                             &err));
        assert_int_equal(count, 1);
    }
    ok(fm_gallery_export(a, file, NULL, NULL, &err));
    ok(fm_gallery_import(b, file, NULL, NULL, &err));
    for (int i = 0; i < 2; i++) {
        ok(fm_gallery_search(i ? c : b, vector(1), 1, DIM, &options, &match, 1, &count, NULL,
                             &err));
        assert_int_equal(count, 1);
        assert_string_equal(match.id, "anna");
    }
    fm_gallery_close(a);
    fm_gallery_close(b);
    fm_gallery_close(c);
}

/* An export takes what was there when it began. */
static int32_t add_from_elsewhere(void *user, int64_t done, int64_t total)
{
    fm_gallery *other = user;
    char id[32];
    fm_error own = {sizeof own, 0, ""};
    (void)total;
    snprintf(id, sizeof id, "zz%lld", (long long)done);
    fm_assert_status(fm_gallery_add(other, id, vector(1), DIM, NULL, NULL, &own), FM_OK, &own);
    return 0;
}

static void test_transfer_exports_one_state(void **state)
{
    fm_gallery *a = open_at(path, model), *b = open_at(path, model);
    fm_transfer_options options;
    fm_transfer out = {.struct_size = sizeof out};
    size_t identities;
    (void)state;
    add_many(a, "p%u", 200, 0, 1);
    fm_transfer_options_init(&options, sizeof options);
    options.progress = add_from_elsewhere;
    options.user = b;
    ok(fm_gallery_export(a, file, &options, &out, &err));
    assert_int_equal(out.identities, 200);
    ok(fm_gallery_count(a, &identities, NULL, &err));
    assert_true(identities > 202);
    fm_gallery_close(a);
    fm_gallery_close(b);
}

/* --- what is there already --- */

static void import_as(fm_gallery *gallery, fm_existing existing, fm_transfer *out, fm_status want,
                      const char *part)
{
    fm_transfer_options options;
    fm_transfer_options_init(&options, sizeof options);
    options.on_existing = existing;
    out->struct_size = sizeof *out;
    refused(fm_gallery_import(gallery, file, &options, out, &err), want, part);
}

static void test_transfer_existing(void **state)
{
    fm_gallery *a = open_at(path, model), *b = open_at(other_path, model);
    fm_transfer in = {.templates = 77};
    fm_identity before, after;
    size_t identities, templates;
    char metadata[32];
    (void)state;
    add_with(a, "anna", vector(1), "new", "{\"new\":1}", NULL, NAN);
    add(a, "anna", 2);
    add(a, "bert", 3);
    add_with(b, "anna", vector(4), "old", "{\"old\":1}", NULL, NAN);
    sql(other_path, "UPDATE identities SET created_ms = 5, updated_ms = 6");
    ok(fm_gallery_get(b, "anna", &before, &err));
    ok(fm_gallery_export(a, file, NULL, NULL, &err));
    import_as(b, 0, &in, FM_E_EXISTS, "people.jsonl: line 2");
    fm_assert_message(&err, "anna");
    import_as(b, FM_EXISTING_REFUSE, &in, FM_E_EXISTS, "anna");
    assert_int_equal(in.templates, 77);
    import_as(b, FM_EXISTING_SKIP, &in, FM_OK, NULL);
    assert_int_equal(in.identities, 1);
    assert_int_equal(in.templates, 1);
    assert_int_equal(in.skipped, 1);
    ok(fm_gallery_get(b, "anna", &after, &err));
    assert_memory_equal(&before, &after, sizeof after);
    ok(fm_gallery_remove(b, "bert", NULL, &err));
    import_as(b, FM_EXISTING_MERGE, &in, FM_OK, NULL);
    assert_int_equal(in.identities, 2);
    assert_int_equal(in.templates, 3);
    ok(fm_gallery_get(b, "anna", &after, &err));
    assert_int_equal(after.templates, 3);
    assert_string_equal(after.display_name, "old");
    assert_int_equal(after.created_ms, 5);
    assert_true(after.updated_ms > 1000);
    ok(fm_gallery_get_metadata(b, "anna", metadata, sizeof metadata, NULL, &err));
    assert_string_equal(metadata, "{\"old\":1}");
    add_many(b, "anna", 1, 3, FM_LIMIT_TEMPLATES - 4);
    import_as(b, FM_EXISTING_MERGE, &in, FM_E_LIMIT, "line 2");
    ok(fm_gallery_count(b, &identities, &templates, &err));
    assert_int_equal(identities, 2);
    assert_int_equal(templates, FM_LIMIT_TEMPLATES);
    fm_gallery_close(a);
    fm_gallery_close(b);
}

static void test_transfer_other_model(void **state)
{
    fm_gallery *a = open_at(path, model), *b = open_at(other_path, other_model);
    (void)state;
    add(a, "anna", 1);
    ok(fm_gallery_export(a, file, NULL, NULL, &err));
    refused(fm_gallery_import(b, file, NULL, NULL, &err), FM_E_MODEL_MISMATCH, "one (");
    fm_assert_message(&err, "two (");
    fm_assert_message(&err, "people.jsonl");
    fm_gallery_close(a);
    fm_gallery_close(b);
}

/* --- damage --- */

static bool contains(const char *all, size_t length, const void *bytes, size_t size)
{
    const char *at = all, *end = all + length;
    while ((size_t)(end - at) >= size) {
        at = memchr(at, *(const char *)bytes, (size_t)(end - at) - size + 1);
        if (!at)
            return false;
        if (!memcmp(at, bytes, size))
            return true;
        at++;
    }
    return false;
}

/* Is the sequence in a file of the gallery at other_path? */
static bool in_other(const void *bytes, size_t size)
{
    static const char *const suffixes[] = {"", "-wal"};
    bool found = false;
    for (size_t i = 0; i < 2; i++) {
        char name[sizeof path + 32];
        char *text;
        size_t length;
        snprintf(name, sizeof name, "%s%s", other_path, suffixes[i]);
        if (access(name, F_OK) != 0)
            continue;
        text = read_text(name, &length);
        found = found || contains(text, length, bytes, size);
        free(text);
    }
    return found;
}

static char header[512];

/* The first line as this library writes it. */
static void make_header(void)
{
    fm_gallery *a = open_at(path, model);
    size_t size;
    char *text;
    ok(fm_gallery_export(a, file, NULL, NULL, &err));
    fm_gallery_close(a);
    text = read_text(file, &size);
    assert_true((size_t)(strchr(text, '\n') - text) < sizeof header);
    memcpy(header, text, (size_t)(strchr(text, '\n') - text));
    free(text);
    unlink(file);
}

/* 16 float32 values: all 1, all 0, and NaN among ones */
#define GOOD_VECTOR                                                                                \
    "AACAPwAAgD8AAIA/AACAPwAAgD8AAIA/AACAPwAAgD8AAIA/AACAPwAAgD8A"                                 \
    "AIA/AACAPwAAgD8AAIA/AACAPw=="
#define ZERO_VECTOR                                                                                \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"                                 \
    "AAAAAAAAAAAAAAAAAAAAAAAAAA=="
#define NAN_VECTOR                                                                                 \
    "AADAfwAAgD8AAIA/AACAPwAAgD8AAIA/AACAPwAAgD8AAIA/AACAPwAAgD8A"                                 \
    "AIA/AACAPwAAgD8AAIA/AACAPw=="
#define VECTOR   "\"vector\":\"" GOOD_VECTOR "\""
#define TEMPLATE "{" VECTOR "}"
#define ANNA     "{\"id\":\"anna\",\"templates\":[" TEMPLATE "]}\n"
#define END(identities, templates)                                                                 \
    "{\"end\":true,\"identities\":" identities ",\"templates\":" templates "}\n"
#define ALONE(line) line "\n" END("1", "1")

typedef struct damage {
    const char *body, *message;
    fm_status status;
} damage;

static void write_lines(const char *first, const char *body)
{
    FILE *f = fopen(file, "wb");
    assert_non_null(f);
    fprintf(f, "%s%s%s", first, *first ? "\n" : "", body);
    fclose(f);
}

/* The file is refused with its name, whole, and leaves nothing. */
static void damaged(fm_gallery *gallery, const char *first, const damage *d)
{
    fm_transfer in = {.struct_size = sizeof in, .templates = 77};
    size_t identities = 9;
    write_lines(first, d->body);
    refused(fm_gallery_import(gallery, file, NULL, &in, &err), d->status, d->message);
    fm_assert_message(&err, "people.jsonl");
    assert_int_equal(in.templates, 77);
    ok(fm_gallery_count(gallery, &identities, NULL, &err));
    assert_int_equal(identities, 1);
}

static void test_transfer_damaged_lines(void **state)
{
    static const damage cases[] = {
        {ANNA, "cut short after line 2", FM_E_CORRUPT},
        {"", "cut short after line 1", FM_E_CORRUPT},
        {"{\"id\":\"anna\",\"templates\":[{\"vector\":\"AACAPw", "line 2: not JSON", FM_E_CORRUPT},
        {ANNA END("2", "1"), "line 3: 2 identities and 1 templates were to come", FM_E_CORRUPT},
        {ANNA END("1", "2"), "line 3", FM_E_CORRUPT},
        {ANNA END("-1", "2"), "identities", FM_E_CORRUPT},
        {ANNA "{\"end\":true}\n", "identities is missing", FM_E_CORRUPT},
        {ANNA END("1", "1") ANNA, "line 4: comes after the last", FM_E_CORRUPT},
        {ANNA "\n" END("1", "1"), "line 3: not JSON", FM_E_CORRUPT},
        {ANNA ANNA END("2", "2"), "line 3: identity anna is there twice", FM_E_CORRUPT},
        {"{\"id\":\"bert\",\"templates\":[]}\n" ANNA END("2", "1"),
         "line 3: identity anna does not", FM_E_CORRUPT},
        {ALONE("[]"), "line 2: not a JSON object", FM_E_CORRUPT},
        {ALONE("{}"), "id is missing", FM_E_CORRUPT},
        {ALONE("{\"id\":7,\"templates\":[]}"), "id is not a string", FM_E_CORRUPT},
        {ALONE("{\"id\":\"\",\"templates\":[]}"), "id has 0 bytes", FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\\u000ab\",\"templates\":[]}"), "control character", FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\\u0000\",\"templates\":[]}"), "not JSON", FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\\ud800\",\"templates\":[]}"), "not JSON", FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\xFF\",\"templates\":[]}"), "not JSON from byte 9", FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\xED\xA0\x80\",\"templates\":[]}"), "not JSON", FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"id\":\"b\",\"templates\":[]}"), "id is there twice", FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\"}"), "templates is missing", FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":{}}"), "templates is not an array", FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":[7]}"), "not a JSON object", FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":[{}]}"), "vector is missing", FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":[{\"vector\":[1]}]}"), "vector is not a string",
         FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":[{\"vector\":\"\"}]}"), "vector has 0 bytes",
         FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":[{\"vector\":\"AACAPw==\"}]}"), "vector has 4 bytes",
         FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":[{\"vector\":\"" GOOD_VECTOR "AACAPw==\"}]}"),
         "vector is longer", FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":[{\"vector\":\"AACAP*==\"}]}"), "not base64",
         FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":[{\"vector\":\"AACAPw\"}]}"), "not base64",
         FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":[{\"vector\":\"" ZERO_VECTOR "\"}]}"), "all zero",
         FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":[{\"vector\":\"" NAN_VECTOR "\"}]}"), "not finite",
         FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":[{\"quality\":2," VECTOR "}]}"), "quality is 2",
         FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":[{\"quality\":\"1\"," VECTOR "}]}"),
         "quality is not a number", FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":[{\"quality\":1e999," VECTOR "}]}"),
         "quality is not a number", FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":[{\"label\":\"\\u0007\"," VECTOR "}]}"), "control",
         FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":[{\"created_ms\":-1," VECTOR "}]}"), "created_ms",
         FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":[{\"created_ms\":1.5," VECTOR "}]}"), "created_ms",
         FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"created_ms\":99999999999999999999,\"templates\":[]}"), "created_ms",
         FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"updated_ms\":9007199254740993,\"templates\":[]}"), "no time",
         FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"display_name\":{},\"templates\":[]}"), "display_name",
         FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"metadata\":[],\"templates\":[]}"), "not an object", FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"metadata\":{\"x\":1,\"x\":2},\"templates\":[]}"), "metadata",
         FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\",\"templates\":[],}"), "not JSON", FM_E_CORRUPT},
        {ALONE("{\"id\":\"a\" \"templates\":[]}"), "not JSON", FM_E_CORRUPT},
    };
    fm_gallery *gallery;
    (void)state;
    make_header();
    gallery = open_at(other_path, model);
    add(gallery, "known", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        damaged(gallery, header, &cases[i]);
    write_lines(header, ALONE("{\"id\":\"zz\",\"templates\":[" TEMPLATE "],\"more\":[{}]}"));
    ok(fm_gallery_import(gallery, file, NULL, NULL, &err)); /* the pieces themselves are good */
    fm_gallery_close(gallery);
}

/* "x" `times` times at the place of '*' in a line. */
static char *stretched(const char *pattern, size_t times)
{
    const char *star = strchr(pattern, '*');
    size_t head = (size_t)(star - pattern), size = strlen(pattern) + times;
    char *text = malloc(size);
    assert_non_null(text);
    memcpy(text, pattern, head);
    memset(text + head, 'x', times);
    strcpy(text + head + times, star + 1);
    return text;
}

static void remove_all_but(fm_gallery *gallery, const char *id)
{
    fm_identity page[8];
    size_t count;
    ok(fm_gallery_list(gallery, NULL, page, 8, &count, &err));
    for (size_t i = 0; i < count; i++)
        if (strcmp(page[i].id, id) != 0)
            ok(fm_gallery_remove(gallery, page[i].id, NULL, &err));
}

static void test_transfer_too_much(void **state)
{
    static const struct {
        const char *pattern;
        size_t most;
        fm_status status;
        const char *message;
    } cases[] = {
        {ALONE("{\"id\":\"*\",\"templates\":[" TEMPLATE "]}"), FM_ID_MAX, FM_E_CORRUPT, "id is"},
        {ALONE("{\"id\":\"a\",\"display_name\":\"*\",\"templates\":[" TEMPLATE "]}"),
         FM_DISPLAY_NAME_MAX, FM_E_CORRUPT, "display_name is"},
        {ALONE("{\"id\":\"b\",\"templates\":[{\"label\":\"*\"," VECTOR "}]}"), FM_LABEL_MAX,
         FM_E_CORRUPT, "label is"},
        {ALONE("{\"id\":\"c\",\"metadata\":{\"a\":\"*\"},\"templates\":[" TEMPLATE "]}"),
         FM_METADATA_MAX - 8, FM_E_CORRUPT, "metadata is"},
        {ALONE("{\"id\":\"d\",\"more\":\"*\",\"templates\":[" TEMPLATE "]}"), 100000, FM_E_LIMIT,
         "line 2: longer than"}};
    fm_gallery *gallery;
    (void)state;
    make_header();
    gallery = open_at(other_path, model);
    add(gallery, "known", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool line_limit = cases[i].status == FM_E_LIMIT;
        char *good = stretched(cases[i].pattern, cases[i].most),
             *bad = stretched(cases[i].pattern,
                              line_limit ? fmi_record_longest(DIM) : cases[i].most + 1);
        const damage d = {bad, cases[i].message, cases[i].status};
        damaged(gallery, header, &d);
        write_lines(header, good);
        ok(fm_gallery_import(gallery, file, NULL, NULL, &err));
        remove_all_but(gallery, "known");
        free(good);
        free(bad);
    }
    fm_gallery_close(gallery);
}

static void test_transfer_many_templates(void **state)
{
    char *body = malloc(32768), *at = body;
    fm_gallery *gallery;
    (void)state;
    assert_non_null(body);
    make_header();
    gallery = open_at(other_path, model);
    add(gallery, "known", 1);
    at += sprintf(at, "{\"id\":\"anna\",\"templates\":[");
    for (int i = 0; i <= FM_LIMIT_TEMPLATES; i++)
        at += sprintf(at, "%s" TEMPLATE, i ? "," : "");
    sprintf(at, "]}\n" END("1", "65"));
    {
        const damage d = {body, "line 2: more than 64 templates", FM_E_LIMIT};
        damaged(gallery, header, &d);
    }
    fm_gallery_close(gallery);
    free(body);
}

static void test_transfer_headers(void **state)
{
    static const struct {
        const char *from, *to;
        damage d;
    } cases[] = {
        {"\"version\":1", "\"version\":2", {"", "format 2", FM_E_VERSION}},
        {"\"version\":1", "\"version\":0", {"", "format 0", FM_E_CORRUPT}},
        {"\"version\":1", "\"version\":1.0", {"", "version", FM_E_CORRUPT}},
        {"\"version\":1,", "", {"", "version is missing", FM_E_CORRUPT}},
        {"facematch-gallery", "facematch-galleri", {"", "not the beginning", FM_E_CORRUPT}},
        {"{\"format\"", "[\"format\"", {"", "not the beginning", FM_E_CORRUPT}},
        {"\"dim\":16", "\"dim\":17", {"", "dimension", FM_E_CORRUPT}},
        {"\"dim\":16", "\"dim\":\"16\"", {"", "dim is not", FM_E_CORRUPT}},
        {"cosine", "euclidean", {"", "metric", FM_E_CORRUPT}},
        {"\"model_name\":\"one\"", "\"model_name\":1", {"", "model_name", FM_E_CORRUPT}},
    };
    fm_gallery *gallery;
    (void)state;
    make_header();
    gallery = open_at(other_path, model);
    add(gallery, "known", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char changed[600], *at = strstr(header, cases[i].from);
        assert_non_null(at);
        snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - header), header, cases[i].to,
                 at + strlen(cases[i].from));
        damaged(gallery, changed, &cases[i].d);
    }
    {
        const damage empty = {"", "empty", FM_E_CORRUPT}, swapped = {ANNA, "not the", FM_E_CORRUPT};
        damaged(gallery, "", &empty);
        damaged(gallery, "", &swapped);
        damaged(gallery, "\xEF\xBB\xBF{}", &swapped);
    }
    fm_gallery_close(gallery);
}

/* Cut anywhere, a file is refused, until only the last line's end is missing. */
static void test_transfer_cut_anywhere(void **state)
{
    fm_gallery *a = open_at(path, model), *b = open_at(other_path, model);
    size_t size, identities;
    char *whole;
    (void)state;
    add(a, "anna", 1);
    add_with(a, "bert", vector(2), "B", "{\"a\":[1]}", "x", 0.5f);
    ok(fm_gallery_export(a, file, NULL, NULL, &err));
    whole = read_text(file, &size);
    for (size_t keep = 0; keep < size - 1; keep++) {
        fm_test_write_file(file, whole, keep);
        refused(fm_gallery_import(b, file, NULL, NULL, &err), FM_E_CORRUPT, "people.jsonl");
    }
    ok(fm_gallery_count(b, &identities, NULL, &err));
    assert_int_equal(identities, 0);
    fm_test_write_file(file, whole, size - 1);
    ok(fm_gallery_import(b, file, NULL, NULL, &err));
    assert_same(a, b);
    free(whole);
    fm_gallery_close(a);
    fm_gallery_close(b);
}

/* Written by others: members in any order, with blanks, escapes and things unknown; CRLF. */
static void test_transfer_spelled_otherwise(void **state)
{
    static const char body[] =
        " { \"templates\" : [ { \"x\":[{\"vector\":1}], \"v\\u0065ctor\":\"" GOOD_VECTOR
        "\" , \"quality\" : 5e-1,\t\"label\":null } ] , \"\\u0069d\" : "
        "\"\\u00c4\\uD83D\\ude00\\/\" , "
        "\"metadata\" : null,\"y\":{\"id\":\"no\"} } \r\n"
        "{\"end\":true,\"templates\":1,\"identities\":1,\"z\":\"\"}";
    fm_gallery *gallery;
    fm_identity one;
    fm_template t;
    float v[DIM];
    size_t count;
    char metadata[8];
    (void)state;
    make_header();
    write_lines(header, body);
    gallery = open_at(other_path, model);
    ok(fm_gallery_import(gallery, file, NULL, NULL, &err));
    ok(fm_gallery_get(gallery, "\xC3\x84\xF0\x9F\x98\x80/", &one, &err));
    assert_true(one.created_ms > INT64_C(1600000000000)); /* none was told: now */
    assert_true(one.updated_ms >= one.created_ms);
    ok(fm_gallery_get_templates(gallery, one.id, &t, 1, &count, &err));
    assert_int_equal(count, 1);
    assert_true(t.quality == 0.5f);
    assert_true(t.created_ms >= one.created_ms);
    ok(fm_gallery_get_embedding(gallery, one.id, t.template_id, v, DIM, &err));
    for (int i = 0; i < DIM; i++)
        assert_true(v[i] == 1);
    ok(fm_gallery_get_metadata(gallery, one.id, metadata, sizeof metadata, NULL, &err));
    assert_string_equal(metadata, "{}");
    fm_gallery_close(gallery);
}

/* Line breaks are the one thing of metadata that does not come back. */
static void test_transfer_metadata_with_line_breaks(void **state)
{
    fm_gallery *a = open_at(path, model), *b = open_at(other_path, model);
    char text[64];
    (void)state;
    add_with(a, "anna", vector(1), NULL, "{\n \"a\":\r\n 1 }", NULL, NAN);
    ok(fm_gallery_export(a, file, NULL, NULL, &err));
    ok(fm_gallery_import(b, file, NULL, NULL, &err));
    ok(fm_gallery_get_metadata(b, "anna", text, sizeof text, NULL, &err));
    assert_string_equal(text, "{  \"a\":   1 }");
    fm_gallery_close(a);
    fm_gallery_close(b);
}

/* --- what a failure leaves --- */

/* More than SQLite's cache holds, so that it is in the log before it is taken back. */
static void write_large_file(const char *last)
{
    enum { PEOPLE = 80, FILLER = 60000 };
    char *filler = calloc(1, FILLER + 1);
    FILE *f = fopen(file, "wb");
    assert_non_null(filler);
    assert_non_null(f);
    memset(filler, 'x', FILLER);
    fprintf(f, "%s\n", header);
    for (int i = 0; i < PEOPLE; i++)
        fprintf(f,
                "{\"id\":\"must-not-be-known-%03d\",\"metadata\":{\"a\":\"%s\"},"
                "\"templates\":[" TEMPLATE "]}\n",
                i, filler);
    fputs(last, f);
    fclose(f);
    free(filler);
}

static void test_transfer_rolled_back_bytes_are_gone(void **state)
{
    fm_gallery *gallery;
    (void)state;
    make_header();
    gallery = open_at(other_path, model);
    add(gallery, "known", 1);
    write_large_file(END("80", "81"));
    refused(fm_gallery_import(gallery, file, NULL, NULL, &err), FM_E_CORRUPT, "line 82");
    assert_false(in_other("must-not-be-known", 17));
    assert_false(in_other("xxxxxxxxxxxxxxxx", 16));
    assert_true(in_other("known", 5));
    write_large_file(END("80", "80"));
    ok(fm_gallery_import(gallery, file, NULL, NULL, &err));
    assert_true(in_other("must-not-be-known", 17));
    fm_gallery_close(gallery);
}

static int32_t stop_at_two(void *user, int64_t done, int64_t total)
{
    int *calls = user;
    assert_true(done >= 0 && (total == 0 || done <= total));
    return ++*calls == 2 ? 7 : 0;
}

static int32_t count_calls(void *user, int64_t done, int64_t total)
{
    int64_t *seen = user;
    assert_true(done >= seen[1]);
    seen[0]++;
    seen[1] = done;
    seen[2] = total;
    return 0;
}

static void test_transfer_progress_and_cancel(void **state)
{
    fm_gallery *a = open_at(path, model), *b = open_at(other_path, model);
    fm_transfer_options options;
    fm_transfer out = {.struct_size = sizeof out};
    int calls = 0;
    int64_t seen[3] = {0};
    size_t identities;
    (void)state;
    add_many(a, "p%u", 150, 0, 1);
    fm_test_write_file(file, "old", 3);
    fm_transfer_options_init(&options, sizeof options);
    options.progress = stop_at_two;
    options.user = &calls;
    refused(fm_gallery_export(a, file, &options, NULL, &err), FM_E_CANCELED, NULL);
    files_are(7); /* two galleries of three files, and "old" */
    options.progress = count_calls;
    options.user = seen;
    ok(fm_gallery_export(a, file, &options, &out, &err));
    assert_true(seen[0] >= 4);
    assert_int_equal(seen[1], 150);
    assert_int_equal(seen[2], 150);
    calls = 0;
    options.progress = stop_at_two;
    options.user = &calls;
    refused(fm_gallery_import(b, file, &options, NULL, &err), FM_E_CANCELED, NULL);
    ok(fm_gallery_count(b, &identities, NULL, &err));
    assert_int_equal(identities, 0);
    memset(seen, 0, sizeof seen);
    options.progress = count_calls;
    options.user = seen;
    ok(fm_gallery_import(b, file, &options, NULL, &err));
    assert_true(seen[0] >= 3);
    assert_int_equal(seen[1], out.bytes);
    assert_int_equal(seen[2], out.bytes);
    fm_gallery_close(a);
    fm_gallery_close(b);
}

static void test_transfer_busy_and_not_itself(void **state)
{
    fm_gallery_options quick = {.struct_size = sizeof quick, .timeout_ms = 50};
    fm_gallery *a = open_at(path, model), *b = NULL;
    char link_name[128];
    sqlite3 *db;
    (void)state;
    add(a, "anna", 1);
    ok(fm_gallery_export(a, file, NULL, NULL, &err));
    ok(fm_gallery_open(&b, other_path, model, &quick, &err));
    assert_int_equal(sqlite3_open(other_path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    refused(fm_gallery_import(b, file, NULL, NULL, &err), FM_E_BUSY, "other.fmg");
    refused(fm_gallery_compact(b, &err), FM_E_BUSY, "other.fmg");
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(db);
    ok(fm_gallery_import(b, file, NULL, NULL, &err));
    refused(fm_gallery_export(a, path, NULL, NULL, &err), FM_E_INVALID_ARGUMENT, "itself");
    fm_test_path(link_name, sizeof link_name, &folder, "link");
    assert_int_equal(symlink(path, link_name), 0);
    refused(fm_gallery_export(a, link_name, NULL, NULL, &err), FM_E_INVALID_ARGUMENT, "itself");
    refused(fm_gallery_import(a, link_name, NULL, NULL, &err), FM_E_INVALID_ARGUMENT, "itself");
    fm_gallery_close(a);
    fm_gallery_close(b);
}

static void test_transfer_through_a_link(void **state)
{
    fm_gallery *a = open_at(path, model);
    char link_name[128];
    struct stat info;
    (void)state;
    add(a, "anna", 1);
    fm_test_path(link_name, sizeof link_name, &folder, "link");
    fm_test_write_file(file, "old", 3);
    assert_int_equal(symlink(file, link_name), 0);
    ok(fm_gallery_export(a, link_name, NULL, NULL, &err));
    assert_int_equal(lstat(link_name, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(lstat(file, &info), 0);
    assert_true(S_ISREG(info.st_mode) && info.st_size > 100);
    fm_gallery_close(a);
}

static void *export_to_pipe(void *user)
{
    fm_error own = {sizeof own, 0, ""};
    fm_assert_status(fm_gallery_export(user, file, NULL, NULL, &own), FM_OK, &own);
    return NULL;
}

static void test_transfer_through_a_pipe(void **state)
{
    fm_gallery *a = open_at(path, model), *b = open_at(other_path, model);
    pthread_t writer;
    (void)state;
    fill(a);
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_int_equal(pthread_create(&writer, NULL, export_to_pipe, a), 0);
    ok(fm_gallery_import(b, file, NULL, NULL, &err));
    pthread_join(writer, NULL);
    assert_same(a, b);
    fm_gallery_close(a);
    fm_gallery_close(b);
}

static void test_transfer_full_disk(void **state)
{
    fm_gallery *a = open_at(path, model);
    (void)state;
    fill(a);
    refused(fm_gallery_export(a, "/dev/full", NULL, NULL, &err), FM_E_IO, "/dev/full");
    fm_gallery_close(a);
}

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

static void test_transfer_without_memory(void **state)
{
    fm_gallery *a = open_at(path, model), *b = open_at(other_path, model);
    (void)state;
    add_with(a, "anna", vector(1), "A", "{\"a\":1}", "x", 0.5f);
    add(a, "anna", 2);
    add(a, "bert", 3);
    FOR_EVERY_FAILURE(fm_gallery_export(a, file, NULL, NULL, &err));
    FOR_EVERY_FAILURE(fm_gallery_import(b, file, NULL, NULL, &err));
    assert_same(a, b);
    FOR_EVERY_FAILURE(fm_gallery_compact(b, &err));
    assert_same(a, b);
    files_are(7);
    fm_gallery_close(a);
    fm_gallery_close(b);
}

/* --- compacting --- */

static void test_transfer_compact(void **state)
{
    enum { GONE = 20 };
    fm_gallery *a = open_at(other_path, model), *reader = open_at(other_path, model);
    struct stat before, after;
    size_t identities;
    (void)state;
    add_many(a, "somebody-with-a-name-%u", 300, 0, 2);
    sql(other_path, "UPDATE identities SET display_name = 'A Name That Will Be Replaced ' || id");
    sql(other_path, "UPDATE identities SET display_name = '' WHERE identity_no > 3");
    for (uint32_t i = 0; i < GONE; i++) {
        char id[40];
        snprintf(id, sizeof id, "somebody-with-a-name-%u", i);
        ok(fm_gallery_remove(a, id, NULL, &err));
    }
    assert_int_equal(stat(other_path, &before), 0);
    ok(fm_gallery_compact(a, &err));
    assert_int_equal(stat(other_path, &after), 0);
    assert_true(after.st_size < before.st_size);
    assert_false(in_other("A Name That Will Be", 19));
    for (uint32_t i = 0; i < 2 * GONE; i++)
        assert_false(in_other(vector(i), 16));
    assert_true(in_other(vector(599), 16));
    ok(fm_gallery_count(reader, &identities, NULL, &err));
    assert_int_equal(identities, 300 - GONE);
    add(reader, "later", 7);
    fm_gallery_close(reader);
    fm_gallery_close(a);
}

/* Is the sequence in any file of the folder? */
static bool anywhere(const void *bytes, size_t size)
{
    DIR *dir = opendir(folder.path);
    struct dirent *entry;
    bool found = false;
    assert_non_null(dir);
    while (!found && (entry = readdir(dir)) != NULL) {
        char name[512], *text;
        size_t length;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        text = read_text(fm_test_path(name, sizeof name, &folder, entry->d_name), &length);
        found = contains(text, length, bytes, size);
        free(text);
    }
    closedir(dir);
    return found;
}

/* A person as the gallery and an export write them: id, values, and these in base64. */
static bool is_anywhere(const char *id, const float *v)
{
    char base64[128];
    sodium_bin2base64(base64, sizeof base64, (const unsigned char *)v, DIM * sizeof *v,
                      sodium_base64_VARIANT_ORIGINAL);
    return anywhere(id, strlen(id)) || anywhere(v, 16) || anywhere(v + DIM - 4, 16) ||
           anywhere(base64, 16) || anywhere(base64 + 60, 16);
}

/* Who was removed is in no file, before and after the gallery is exported, compacted and closed. */
static void test_transfer_after_removal(void **state)
{
    fm_gallery *a = open_at(path, model);
    (void)state;
    add_many(a, "somebody-or-other-%u", 1000, 0, 1);
    assert_true(is_anywhere("somebody-or-other-537", vector(537)));
    ok(fm_gallery_remove(a, "somebody-or-other-537", NULL, &err));
    ok(fm_gallery_export(a, file, NULL, NULL, &err));
    assert_false(is_anywhere("somebody-or-other-537", vector(537)));
    assert_true(is_anywhere("somebody-or-other-538", vector(538)));
    ok(fm_gallery_compact(a, &err));
    assert_false(is_anywhere("somebody-or-other-537", vector(537)));
    fm_gallery_close(a);
    assert_false(is_anywhere("somebody-or-other-537", vector(537)));
    assert_true(is_anywhere("somebody-or-other-538", vector(538)));
}

/* --- the store's own import --- */

static void test_transfer_store_import(void **state)
{
    fm_gallery *a = open_at(path, model);
    supply failing = {.id = "p%u", .count = 10, .each = 2, .end = FM_E_IO};
    int64_t templates = 0;
    size_t identities;
    fmi_store *store = a->store;
    (void)state;
    assert_int_equal(store->ops->import(store, give_next, &failing, &templates, &err), FM_E_IO);
    assert_int_equal(templates, 0);
    ok(fm_gallery_count(a, &identities, NULL, &err));
    assert_int_equal(identities, 0);
    add_many(a, "p%u", 10, 0, 2);
    ok(fm_gallery_count(a, &identities, NULL, &err));
    assert_int_equal(identities, 10);
    fm_gallery_close(a);
}

/* --- lines and JSON --- */

typedef struct drops {
    fmi_source base;
    const char *text;
    size_t at, most;
} drops;

static fm_status read_drop(fmi_source *source, void *out, size_t room, size_t *got, fm_error *error)
{
    drops *d = (drops *)source;
    size_t left = strlen(d->text) - d->at;
    (void)error;
    *got = left < d->most ? left : d->most;
    assert_true(room >= *got);
    memcpy(out, d->text + d->at, *got);
    d->at += *got;
    return FM_OK;
}

static void test_transfer_lines(void **state)
{
    static const char *const want[] = {"one", "", "three", "fourfour"};
    (void)state;
    for (size_t most = 1; most < 20; most++) {
        drops d = {{read_drop, NULL, 0}, "one\n\nthree\nfourfour", 0, most};
        fmi_lines lines = {.source = &d.base, .limit = 8};
        const char *line;
        size_t size;
        for (int i = 0; i < 4; i++) {
            ok(fmi_lines_next(&lines, &line, &size, &err));
            assert_non_null(line);
            assert_int_equal(size, strlen(want[i]));
            assert_memory_equal(line, want[i], size);
            assert_int_equal(lines.number, i + 1);
        }
        for (int i = 0; i < 2; i++) {
            ok(fmi_lines_next(&lines, &line, &size, &err));
            assert_null(line);
        }
        assert_int_equal(lines.bytes, 19);
        fmi_lines_dispose(&lines);
        d.at = 0;
        lines = (fmi_lines){.source = &d.base, .limit = 7};
        for (int i = 0; i < 3; i++)
            ok(fmi_lines_next(&lines, &line, &size, &err));
        refused(fmi_lines_next(&lines, &line, &size, &err), FM_E_LIMIT, "7 bytes");
        fmi_lines_dispose(&lines);
    }
}

static bool is_json(const char *text)
{
    size_t size = strlen(text), wrong;
    char *copy = malloc(size ? size : 1); /* exactly as long, so that overreads are seen */
    fmi_json value;
    bool valid;
    assert_non_null(copy);
    memcpy(copy, text, size);
    valid = fmi_json_check(copy, size, &value, &wrong);
    free(copy);
    return valid;
}

static void test_transfer_json_grammar(void **state)
{
    static const char *const good[] = {"0",
                                       "-0",
                                       "1",
                                       "-12.50e+3",
                                       "1E5",
                                       "0.1",
                                       "\"\"",
                                       "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                                       "\"\\u0041\\uD83D\\uDE00\"",
                                       "\"\xC3\xA9\x7F\"",
                                       "true",
                                       "false",
                                       "null",
                                       "[]",
                                       "{}",
                                       " [ ] ",
                                       "[1,[2,{\"a\":[]}],{}]",
                                       "{\"a\":1,\"a\":2}",
                                       "\t\r\n {\"\":null}"};
    static const char *const bad[] = {"",
                                      " ",
                                      "01",
                                      "-",
                                      "1.",
                                      ".5",
                                      "1e",
                                      "1e+",
                                      "+1",
                                      "--1",
                                      "0x1",
                                      "NaN",
                                      "tru",
                                      "truee",
                                      "nul",
                                      "\"",
                                      "\"a",
                                      "\"\\\"",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\\u12g4\"",
                                      "\"\\ud800\"",
                                      "\"\\ud800\\u0041\"",
                                      "\"\\udc00\"",
                                      "\"\\u0000\"",
                                      "\"\n\"",
                                      "\"\xFF\"",
                                      "\"\xC0\x80\"",
                                      "[",
                                      "]",
                                      "[1",
                                      "[1,",
                                      "[1,]",
                                      "[,1]",
                                      "[1 2]",
                                      "{",
                                      "{\"a\"",
                                      "{\"a\":",
                                      "{\"a\":1",
                                      "{\"a\":1,",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{1:2}",
                                      "{\"a\" 1}",
                                      "[}",
                                      "{]",
                                      "[1}",
                                      "1 2",
                                      "[]]",
                                      "'a'",
                                      "\"a\"b",
                                      "\"\\"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!is_json(good[i]))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (is_json(bad[i]))
            fail_msg("taken: %s", bad[i]);
}

static void test_transfer_json_depth(void **state)
{
    char text[2 * (FMI_JSON_DEPTH + 1) + 1] = "";
    (void)state;
    memset(text, '[', FMI_JSON_DEPTH);
    memset(text + FMI_JSON_DEPTH, ']', FMI_JSON_DEPTH);
    assert_true(is_json(text));
    memset(text, '[', FMI_JSON_DEPTH + 1);
    memset(text + FMI_JSON_DEPTH + 1, ']', FMI_JSON_DEPTH + 1);
    assert_false(is_json(text));
}

static fmi_json json(const char *text)
{
    fmi_json value;
    size_t wrong;
    assert_true(fmi_json_check(text, strlen(text), &value, &wrong));
    return value;
}

static void test_transfer_json_values(void **state)
{
    static const struct {
        const char *text;
        bool fits;
        int64_t value;
    } numbers[] = {{"0", true, 0},
                   {"-0", true, 0},
                   {"9223372036854775807", true, INT64_MAX},
                   {"-9223372036854775807", true, -INT64_MAX},
                   {"9223372036854775808", false, 0},
                   {"1.0", false, 0},
                   {"1e2", false, 0}};
    char out[8];
    size_t size;
    double real;
    fmi_json rest = fmi_json_inside(json("{\"a\":[1,\"]\\\"\",{}] , \"b\":-2}")), key, value;
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int64_t got = 0;
        assert_int_equal(fmi_json_integer(json(numbers[i].text), &got), numbers[i].fits);
        assert_int_equal(got, numbers[i].value);
    }
    assert_true(fmi_json_real(json("0.25"), &real) && real == 0.25);
    assert_true(fmi_json_real(json("-3"), &real) && real == -3);
    assert_false(fmi_json_real(json("1e999"), &real));
    assert_true(fmi_json_text(json("\"\\u20ac\\n\\/\""), out, 5, &size));
    assert_int_equal(size, 5);
    assert_string_equal(out, "\xE2\x82\xAC\n/");
    assert_false(fmi_json_text(json("\"\\u20ac\\n\\/\""), out, 4, &size));
    assert_true(fmi_json_member(&rest, &key, &value));
    assert_int_equal(fmi_json_kind(value), '[');
    assert_int_equal(value.end - value.at, 12);
    assert_true(fmi_json_member(&rest, &key, &value));
    assert_int_equal(fmi_json_kind(value), '0');
    assert_false(fmi_json_member(&rest, &key, &value));
}

#define ONLY_FILES(name)                                                                           \
    static void file_##name(void **state)                                                          \
    {                                                                                              \
        if (server)                                                                                \
            skip();                                                                                \
        name(state);                                                                               \
    }
ONLY_FILES(test_transfer_rolled_back_bytes_are_gone)
ONLY_FILES(test_transfer_busy_and_not_itself)
ONLY_FILES(test_transfer_full_disk)
ONLY_FILES(test_transfer_compact)
ONLY_FILES(test_transfer_after_removal)

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_transfer_round_trip),
        TEST(test_transfer_twice_gives_the_same_file),
        TEST(test_transfer_of_nobody),
        TEST(test_transfer_is_searched),
        TEST(test_transfer_exports_one_state),
        TEST(test_transfer_existing),
        TEST(test_transfer_other_model),
        TEST(test_transfer_damaged_lines),
        TEST(test_transfer_too_much),
        TEST(test_transfer_many_templates),
        TEST(test_transfer_headers),
        TEST(test_transfer_cut_anywhere),
        TEST(test_transfer_spelled_otherwise),
        TEST(test_transfer_metadata_with_line_breaks),
        TEST(file_test_transfer_rolled_back_bytes_are_gone),
        TEST(test_transfer_progress_and_cancel),
        TEST(file_test_transfer_busy_and_not_itself),
        TEST(test_transfer_through_a_link),
        TEST(test_transfer_through_a_pipe),
        TEST(file_test_transfer_full_disk),
        TEST(test_transfer_without_memory),
        TEST(file_test_transfer_compact),
        TEST(file_test_transfer_after_removal),
        TEST(test_transfer_store_import),
        TEST(test_transfer_lines),
        TEST(test_transfer_json_grammar),
        TEST(test_transfer_json_depth),
        TEST(test_transfer_json_values),
    };
    if (argc > 1 && !strcmp(argv[1], "postgres") && !fm_test_servers(&server, &shards))
        return 77; /* skipped: there is no server */
    return cmocka_run_group_tests(tests, load_models, free_models);
}
