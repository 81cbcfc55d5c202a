/* Sealed galleries. What they have in common with plain ones, test_gallery_sealed runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/fake.h"
#include "core/memory.h"
#include "gallery/gallery.h"
#include "gallery/seal/seal.h"
#include "helpers.h"
#include <dirent.h>
#include <facematch/facematch.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DIM = 16, PEOPLE = 200, PIECE = 16, LARGEST_FILE = 8 << 20 };

#define MANIFEST(name, dim)                                                                        \
    FMI_FAKE_MAGIC                                                                                 \
    "{\"format\":1,\"name\":\"" name "\",\"kind\":\"embedder\",\"family\":\"softmax\","            \
    "\"input\":{\"width\":32,\"height\":32,\"order\":\"RGB\",\"mean\":[127.5,127.5,127.5],"        \
    "\"std\":[128,128,128]},\"alignment\":{\"points\":[[10,12],[22,12],[16,18],[11,24],[21,24]],"  \
    "\"border\":\"zero\"},\"embedding\":{\"dim\":" dim ",\"normalize\":true},"                     \
    "\"metric\":\"cosine\",\"source\":\"test\",\"license\":\"Apache-2.0\","                        \
    "\"training_data\":\"none\"}"

static fm_error err = {sizeof err, 0, ""};
static uint32_t people; /* most tests make so many of them; set by main */
static fm_model *model, *other_model;
static fm_test_folder folder;
static char path[128];

static const uint8_t one_key[FM_GALLERY_KEY_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
static const uint8_t other_key[FM_GALLERY_KEY_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8, 8};
static const fm_gallery_key key = {
    .struct_size = sizeof key, .bytes = one_key, .size = sizeof one_key};
static const fm_gallery_key new_key = {
    .struct_size = sizeof new_key, .bytes = other_key, .size = sizeof other_key};
static const fm_gallery_key passphrase = {.struct_size = sizeof passphrase,
                                          .passphrase = "correct horse battery staple"};

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
    fmi_seal_set_cost(1, 8192); /* Argon2id at its least: what is tested here is not its cost */
    return fm_model_load_memory(&model, one, sizeof one - 1, NULL, &err) == FM_OK &&
                   fm_model_load_memory(&other_model, two, sizeof two - 1, NULL, &err) == FM_OK
               ? 0
               : -1;
}

static int free_models(void **state)
{
    (void)state;
    fmi_seal_set_cost(0, 0);
    fm_model_free(model);
    fm_model_free(other_model);
    return 0;
}

static int make_folder(void **state)
{
    (void)state;
    if (fm_test_folder_make(&folder) != 0)
        return -1;
    fm_test_path(path, sizeof path, &folder, "people.fmg");
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    fm_test_folder_remove(&folder);
    return 0;
}

static fm_status try_open(fm_gallery **out, const fm_model *with, const fm_gallery_key *under,
                          fm_gallery_mode mode)
{
    fm_gallery_options options;
    fm_gallery_options_init(&options, sizeof options);
    options.mode = mode;
    options.key = under;
    options.timeout_ms = 600000; /* several processes at once, however slow the machine is */
    return fm_gallery_open(out, path, with, &options, &err);
}

static fm_gallery *open_under(const fm_gallery_key *under)
{
    fm_gallery *gallery = NULL;
    ok(try_open(&gallery, model, under, 0));
    return gallery;
}

static void open_refused(const fm_gallery_key *under, fm_status want, const char *part)
{
    fm_gallery *gallery = NULL;
    refused(try_open(&gallery, model, under, FM_GALLERY_EXISTING), want, part);
    assert_null(gallery);
    refused(try_open(&gallery, model, under, FM_GALLERY_READ_ONLY), want, part);
    assert_null(gallery);
}

static const float *vector(uint32_t number)
{
    static float v[DIM];
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

static const char *who(fm_gallery *gallery, uint32_t number)
{
    static fm_match match;
    fm_identify_options options = {
        .struct_size = sizeof options, .use_threshold = 1, .threshold = 0.999f};
    size_t count = 0;
    ok(fm_gallery_search(gallery, vector(number), 1, DIM, &options, &match, 1, &count, NULL, &err));
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

/* The first column of the first row. */
static size_t sql_bytes(const char *text, unsigned char *out, size_t most)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;
    size_t size;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    size = (size_t)sqlite3_column_bytes(stmt, 0);
    assert_true(size <= most);
    memcpy(out, sqlite3_column_blob(stmt, 0), size);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return size;
}

static size_t read_bytes(const char *name, unsigned char *out, size_t most)
{
    FILE *file = fopen(name, "rb");
    size_t size;
    assert_non_null(file);
    size = fread(out, 1, most, file);
    fclose(file);
    assert_true(size < most);
    return size;
}

/* Tell every file of the folder to fn. */
static void each_file(void (*fn)(const unsigned char *bytes, size_t size, void *user), void *user)
{
    unsigned char *bytes = malloc(LARGEST_FILE);
    DIR *dir = opendir(folder.path);
    struct dirent *entry;
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        char name[512];
        if (entry->d_name[0] != '.')
            fn(bytes,
               read_bytes(fm_test_path(name, sizeof name, &folder, entry->d_name), bytes,
                          LARGEST_FILE),
               user);
    }
    closedir(dir);
    free(bytes);
}

typedef struct needle {
    const void *bytes;
    size_t size;
    bool found;
} needle;

static void find_needle(const unsigned char *bytes, size_t size, void *user)
{
    needle *n = user;
    const unsigned char *at = bytes, *end = bytes + size;
    while (!n->found && (size_t)(end - at) >= n->size) {
        at = memchr(at, *(const unsigned char *)n->bytes, (size_t)(end - at) - n->size + 1);
        if (!at)
            return;
        n->found = !memcmp(at, n->bytes, n->size);
        at++;
    }
}

static bool anywhere(const void *bytes, size_t size)
{
    needle n = {bytes, size, false};
    each_file(find_needle, &n);
    return n.found;
}

/* --- people, with all that can be known of them --- */

static void person_texts(uint32_t i, char id[64], char name[64], char metadata[96], char label[48])
{
    snprintf(id, 64, "person-number-%03u", i);
    snprintf(name, 64, "Display Name %03u Smith", i);
    snprintf(metadata, 96, "{\"secret\": \"something private about %03u\"}", i);
    snprintf(label, 48, "label of photo %03u", i);
}

static void add_person(fm_gallery *gallery, uint32_t i)
{
    char id[64], name[64], metadata[96], label[48];
    fm_enroll_options options;
    fm_enroll_options_init(&options, sizeof options);
    person_texts(i, id, name, metadata, label);
    options.display_name = name;
    options.metadata_json = metadata;
    options.label = label;
    options.has_quality = 1;
    options.quality = (float)i / 1000;
    ok(fm_gallery_add(gallery, id, vector(i), DIM, &options, NULL, &err));
}

static void add_people(fm_gallery *gallery, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        add_person(gallery, i);
}

/* A closed gallery under `key` at path, with people 0..count-1. Each is made once and then copied:
 * every enrolment waits for the disk. */
static void make_people(uint32_t count)
{
    static struct {
        uint32_t count;
        unsigned char *bytes;
        size_t size;
    } made[4];
    size_t i = 0;
    while (made[i].count && made[i].count != count)
        i++;
    assert_true(i < sizeof made / sizeof *made);
    if (!made[i].count) {
        fm_gallery *gallery = open_under(&key);
        unsigned char *bytes = malloc(LARGEST_FILE);
        add_people(gallery, count);
        fm_gallery_close(gallery);
        made[i].size = read_bytes(path, bytes, LARGEST_FILE);
        made[i].bytes = bytes;
        made[i].count = count;
    }
    fm_test_write_file(path, made[i].bytes, made[i].size);
}

static void check_person(fm_gallery *gallery, uint32_t i)
{
    char id[64], name[64], metadata[96], label[48], text[96];
    fm_identity identity;
    fm_template about;
    float out[DIM];
    size_t count;
    person_texts(i, id, name, metadata, label);
    ok(fm_gallery_get(gallery, id, &identity, &err));
    assert_string_equal(identity.id, id);
    assert_string_equal(identity.display_name, name);
    assert_int_equal(identity.templates, 1);
    ok(fm_gallery_get_metadata(gallery, id, text, sizeof text, NULL, &err));
    assert_string_equal(text, metadata);
    ok(fm_gallery_get_templates(gallery, id, &about, 1, &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(about.label, label);
    assert_true(about.quality == (float)i / 1000);
    assert_true(about.created_ms == identity.created_ms);
    ok(fm_gallery_get_embedding(gallery, id, about.template_id, out, DIM, &err));
    assert_memory_equal(out, vector(i), sizeof out);
    assert_string_equal(who(gallery, i), id);
}

/* --- keys --- */

typedef struct asked {
    int times;
    fm_status answer;
    const uint8_t *key;
} asked;

static fm_status give_key(void *user, uint8_t out[FM_GALLERY_KEY_SIZE])
{
    asked *a = user;
    a->times++;
    memcpy(out, a->key, FM_GALLERY_KEY_SIZE);
    return a->answer;
}

static void test_seal_opens_with_its_key_only(void **state)
{
    fm_gallery *gallery = open_under(&key), *managed = NULL;
    fm_gallery_info info = {.struct_size = sizeof info};
    (void)state;
    ok(fm_gallery_describe(gallery, &info, &err));
    assert_int_equal(info.sealed, 1);
    add_people(gallery, 3);
    fm_gallery_close(gallery);
    open_refused(NULL, FM_E_PERMISSION, "is sealed");
    open_refused(&new_key, FM_E_PERMISSION, "another key");
    fm_assert_message(&err, "people.fmg");
    open_refused(&passphrase, FM_E_PERMISSION, "sealed with a key");
    refused(try_open(&managed, NULL, NULL, 0), FM_E_PERMISSION, "is sealed");
    refused(try_open(&managed, other_model, &key, 0), FM_E_MODEL_MISMATCH, "two");
    refused(try_open(&managed, other_model, NULL, 0), FM_E_PERMISSION, NULL);
    gallery = open_under(&key);
    for (uint32_t i = 0; i < 3; i++)
        check_person(gallery, i);
    fm_gallery_close(gallery);
    ok(try_open(&managed, NULL, &key, FM_GALLERY_READ_ONLY));
    ok(fm_gallery_remove(managed, "nobody", NULL, &err) == FM_E_PERMISSION ? FM_OK : FM_E_STATE);
    fm_gallery_close(managed);
}

static void test_seal_plain_ones_need_no_key(void **state)
{
    fm_gallery *gallery = open_under(NULL);
    fm_gallery_info info = {.struct_size = sizeof info, .sealed = 7};
    (void)state;
    ok(fm_gallery_describe(gallery, &info, &err));
    assert_int_equal(info.sealed, 0);
    fm_gallery_close(gallery);
    open_refused(&key, FM_E_STATE, "not sealed");
}

static void test_seal_callback(void **state)
{
    asked a = {0, FM_E_CANCELED, one_key};
    fm_gallery_key under = {.struct_size = sizeof under, .callback = give_key, .user = &a};
    fm_gallery *gallery = NULL;
    (void)state;
    refused(try_open(&gallery, model, &under, 0), FM_E_CANCELED, "callback");
    assert_null(gallery);
    assert_int_equal(fm_test_folder_count(&folder), 0); /* nothing was made */
    a = (asked){0, FM_OK, one_key};
    fm_gallery_close(open_under(&under));
    assert_int_equal(a.times, 1);
    fm_gallery_close(open_under(&key)); /* it makes no difference where a key came from */
    a.key = other_key;
    open_refused(&under, FM_E_PERMISSION, "another key");
    a.answer = FM_E_CANCELED;
    open_refused(&under, FM_E_CANCELED, "callback");
}

static void test_seal_passphrase(void **state)
{
    fm_gallery_key wrong = passphrase;
    fm_gallery *gallery = open_under(&passphrase);
    (void)state;
    add_person(gallery, 1);
    fm_gallery_close(gallery);
    assert_false(anywhere(passphrase.passphrase, strlen(passphrase.passphrase)));
    wrong.passphrase = "correct horse battery stable";
    open_refused(&wrong, FM_E_PERMISSION, "another passphrase");
    open_refused(&key, FM_E_PERMISSION, "sealed with a passphrase");
    fmi_seal_set_cost(2, 16384); /* that of new ones; this one's is written down in it */
    gallery = open_under(&passphrase);
    check_person(gallery, 1);
    fm_gallery_close(gallery);
    fmi_seal_set_cost(1, 8192);
}

/* A file must not make us work for hours or ask for all memory. */
static void test_seal_impossible_costs(void **state)
{
    static const char *const costs[] = {"00000000"
                                        "0020000000000000",
                                        "0b000000"
                                        "0020000000000000",
                                        "01000000"
                                        "0100004000000000",
                                        "01000000"
                                        "ff1f000000000000",
                                        "01000000"
                                        "0000000000000080",
                                        "ffffffff"
                                        "ffffffffffffffff"};
    (void)state;
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
        char text[200];
        fm_gallery_close(open_under(&passphrase));
        snprintf(text, sizeof text,
                 "UPDATE meta SET value = CAST(substr(value, 1, 2) || x'%s' || substr(value, 15) "
                 "AS BLOB) WHERE key = 'seal'",
                 costs[i]);
        sql(text);
        open_refused(&passphrase, FM_E_CORRUPT, "impossible");
        unlink(path);
    }
}

static void test_seal_bytes(void **state)
{
    static const char plain[] = "what is sealed", place[] = "here";
    unsigned char sealed[sizeof plain + FMI_SEAL_OVERHEAD], out[sizeof plain];
    unsigned char again[sizeof sealed];
    fmi_seal *seal = NULL, *other = NULL;
    (void)state;
    ok(fmi_seal_make(&seal, &key, &err));
    ok(fmi_seal_make(&other, &key, &err));
    fmi_seal_close_bytes(seal, plain, sizeof plain, place, sizeof place, sealed);
    fmi_seal_close_bytes(seal, plain, sizeof plain, place, sizeof place, again);
    assert_memory_not_equal(sealed, again, sizeof sealed);
    ok(fmi_seal_open_bytes(seal, sealed, sizeof sealed, place, sizeof place, out));
    assert_memory_equal(out, plain, sizeof plain);
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 1;
        assert_int_equal(fmi_seal_open_bytes(seal, sealed, sizeof sealed, place, sizeof place, out),
                         FM_E_CORRUPT);
        sealed[i] ^= 1;
        assert_int_equal(fmi_seal_open_bytes(seal, sealed, i, place, sizeof place, out),
                         FM_E_CORRUPT);
    }
    assert_int_equal(fmi_seal_open_bytes(seal, sealed, sizeof sealed, "hers", 5, out),
                     FM_E_CORRUPT);
    /* two galleries under one key share nothing */
    assert_int_equal(fmi_seal_open_bytes(other, sealed, sizeof sealed, place, sizeof place, out),
                     FM_E_CORRUPT);
    assert_memory_not_equal(seal->seal_key, seal->hash_key, 32);
    assert_memory_not_equal(seal->hash_key, other->hash_key, 32);
    fmi_seal_free(seal);
    fmi_seal_free(other);
    fmi_seal_free(NULL);
}

/* --- nothing plain in the files --- */

/* All pieces of 16 bytes of all templates, at every float, by their first half. */
typedef struct pieces {
    uint64_t *heads;
    size_t count, hits;
} pieces;

static int compare_heads(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void count_pieces(const unsigned char *bytes, size_t size, void *user)
{
    pieces *p = user;
    for (size_t at = 0; at + PIECE <= size; at++) {
        uint64_t head;
        memcpy(&head, bytes + at, sizeof head);
        p->hits += bsearch(&head, p->heads, p->count, sizeof head, compare_heads) != NULL;
    }
}

static size_t float_runs_in_files(void)
{
    pieces p = {malloc(PEOPLE * DIM * sizeof(uint64_t)), 0, 0};
    for (uint32_t i = 0; i < people; i++)
        for (int at = 0; at + PIECE / 4 <= DIM; at++)
            memcpy(&p.heads[p.count++], vector(i) + at, sizeof *p.heads);
    qsort(p.heads, p.count, sizeof *p.heads, compare_heads);
    each_file(count_pieces, &p);
    free(p.heads);
    return p.hits;
}

static void expect_texts(uint32_t i, bool there)
{
    char id[64], name[64], metadata[96], label[48];
    person_texts(i, id, name, metadata, label);
    assert_int_equal(anywhere(id, strlen(id)), there);
    assert_int_equal(anywhere(name, strlen(name)), there);
    assert_int_equal(anywhere(metadata, strlen(metadata)), there);
    assert_int_equal(anywhere(label, strlen(label)), there);
}

static void test_seal_leaves_nothing_plain(void **state)
{
    static const char *const parts[] = {"person-number", "Display Name", "secret", "label of"};
    const fm_gallery_key *const under[] = {NULL, &key};
    (void)state;
    for (int sealed = 0; sealed < 2; sealed++) {
        fm_gallery *gallery;
        if (sealed)
            make_people(people);
        gallery = open_under(under[sealed]);
        for (uint32_t i = sealed ? people : 0; i < people + 5; i++)
            add_person(gallery, i);
        for (int closed = 0; closed < 2; closed++) { /* with its log, and without */
            assert_true(sealed ? float_runs_in_files() == 0
                               : float_runs_in_files() >= people * (DIM - PIECE / 4 + 1));
            for (size_t i = 0; i < 4; i++)
                assert_int_equal(anywhere(parts[i], strlen(parts[i])), !sealed);
            for (uint32_t i = 0; i < people; i += 40)
                expect_texts(i, !sealed);
            if (!closed)
                fm_gallery_close(gallery);
        }
        unlink(path);
    }
}

/* --- changed bytes --- */

/* What can be read of a gallery, as a number. */
static uint64_t mix(uint64_t digest, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        digest = (digest ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001B3);
    return digest;
}

static bool digest_person(fm_gallery *gallery, const fm_identity *identity, uint64_t *digest)
{
    static char text[128];
    fm_template about[2];
    fm_identity again;
    float out[DIM];
    size_t count = 0;
    memset(text, 0, sizeof text);
    if (fm_gallery_get(gallery, identity->id, &again, &err) != FM_OK ||
        fm_gallery_get_metadata(gallery, identity->id, text, sizeof text, NULL, &err) != FM_OK ||
        fm_gallery_get_templates(gallery, identity->id, about, 2, &count, &err) != FM_OK)
        return false;
    *digest = mix(*digest, identity, sizeof *identity);
    *digest = mix(*digest, &again, sizeof again);
    *digest = mix(*digest, text, sizeof text);
    *digest = mix(*digest, about, count * sizeof *about);
    for (size_t i = 0; i < count; i++) {
        if (fm_gallery_get_embedding(gallery, identity->id, about[i].template_id, out, DIM, &err) !=
            FM_OK)
            return false;
        *digest = mix(*digest, out, sizeof out);
    }
    return true;
}

static bool digest_searches(fm_gallery *gallery, uint64_t *digest)
{
    enum { QUERIES = 8, BEST = 5 };
    static fm_match matches[BEST];
    fm_identify_options options = {
        .struct_size = sizeof options, .use_threshold = 1, .threshold = -1};
    for (uint32_t i = 0; i < QUERIES; i++) {
        size_t count = 0;
        memset(matches, 0, sizeof matches);
        if (fm_gallery_search(gallery, vector(i * PEOPLE / QUERIES), 1, DIM, &options, matches,
                              BEST, &count, NULL, &err) != FM_OK)
            return false;
        for (size_t k = 0; k < count; k++)
            matches[k].fmr = 0; /* NaN: without a calibration */
        *digest = mix(*digest, matches, sizeof matches);
    }
    return true;
}

/* false: opening or reading failed, and was told as something that may happen */
static bool digest_gallery(uint64_t *digest, size_t first, size_t every)
{
    static fm_identity all[PEOPLE + 1];
    fm_gallery *gallery = NULL;
    fm_gallery_info info = {.struct_size = sizeof info};
    size_t count = 0;
    bool read = try_open(&gallery, model, &key, FM_GALLERY_READ_ONLY) == FM_OK;
    *digest = 0;
    memset(all, 0, sizeof all);
    read = read && fm_gallery_describe(gallery, &info, &err) == FM_OK &&
           digest_searches(gallery, digest) &&
           fm_gallery_list(gallery, NULL, all, PEOPLE + 1, &count, &err) == FM_OK;
    if (read) {
        *digest = mix(*digest, &info, sizeof info);
        *digest = mix(*digest, all, count * sizeof *all);
    }
    for (size_t i = first; read && i < count; i += every)
        read = digest_person(gallery, &all[i], digest);
    fm_gallery_close(gallery);
    return read;
}

static void write_at(FILE *file, size_t at, unsigned char byte)
{
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_equal(fputc(byte, file), byte);
    assert_int_equal(fflush(file), 0);
}

static void test_seal_notices_changed_bytes(void **state)
{
    enum { EVERY = 17 };
    const int changes = (int)fm_test_many(2000, 100);
    unsigned char *bytes = malloc(LARGEST_FILE);
    uint64_t digests[EVERY], changed;
    uint32_t seed = 20;
    int noticed = 0, in_rows = 0;
    size_t size;
    FILE *file;
    (void)state;
    make_people(PEOPLE);
    size = read_bytes(path, bytes, LARGEST_FILE);
    for (size_t first = 0; first < EVERY; first++)
        assert_true(digest_gallery(&digests[first], first, EVERY));
    file = fopen(path, "r+b");
    assert_non_null(file);
    for (int i = 0; i < changes; i++) {
        size_t at = (fm_test_random(&seed) % 4096 << 16 | fm_test_random(&seed) % 65536) % size;
        unsigned char byte = (unsigned char)(bytes[at] ^ (1 + fm_test_random(&seed) % 255));
        write_at(file, at, byte);
        if (!digest_gallery(&changed, (size_t)i % EVERY, EVERY)) {
            noticed++;
            if (err.status != FM_E_CORRUPT && err.status != FM_E_PERMISSION &&
                err.status != FM_E_VERSION && err.status != FM_E_NOT_FOUND)
                fail_msg("byte %zu: %s %s", at, fm_status_name(err.status), err.message);
        } else if (changed != digests[i % EVERY]) {
            fail_msg("byte %zu of %zu: %02x instead of %02x gives other answers", at, size, byte,
                     bytes[at]);
        }
        in_rows += bytes[at] != 0;
        write_at(file, at, bytes[at]);
    }
    fclose(file);
    assert_true(digest_gallery(&changed, 0, EVERY) && changed == digests[0]);
    print_message("%d of %d changes noticed, %d of them not in empty space\n", noticed, changes,
                  in_rows);
    assert_true(noticed > changes / 2);
    free(bytes);
}

/* Rows that are whole, but not where they belong. */
static void test_seal_notices_changed_rows(void **state)
{
#define SWAP(table, column, a, b)                                                                  \
    "CREATE TEMP TABLE x AS SELECT rowid AS r, " column " AS v FROM " table ";"                    \
    "UPDATE " table " SET " column " = CAST('other' AS BLOB) WHERE rowid = " #a ";"                \
    "UPDATE " table " SET " column " = (SELECT v FROM x WHERE r = " #a ") WHERE rowid = " #b ";"   \
    "UPDATE " table " SET " column " = (SELECT v FROM x WHERE r = " #b ") WHERE rowid = " #a
    static const struct {
        const char *change, *part;
    } cases[] = {
        {SWAP("templates", "vector", 2, 3), "changed"},
        {SWAP("templates", "identity_no", 2, 3), "changed"},
        {SWAP("identities", "id", 2, 3), "another's id"},
        {SWAP("identities", "display_name", 2, 3), "changed"},
        {SWAP("identities", "id", 2, 3) ";DROP TABLE x;" SWAP("identities", "display_name", 2, 3),
         "changed"},
        {"UPDATE identities SET identity_no = 99 WHERE identity_no = 4", "changed"},
        {"UPDATE templates SET template_id = 99 WHERE template_id = 5", "changed"},
        {"UPDATE templates SET identity_no = 1 WHERE template_id = 2", "changed"},
        {"UPDATE templates SET created_ms = created_ms + 1 WHERE template_id = 2", "changed"},
        {"UPDATE identities SET created_ms = created_ms + 1 WHERE identity_no = 2", "changed"},
        {"UPDATE identities SET updated_ms = updated_ms + 1 WHERE identity_no = 2", "changed"},
        {"UPDATE templates SET vector = CAST(vector AS TEXT) WHERE template_id = 2", "changed"},
        {"UPDATE templates SET vector = zeroblob(1000000) WHERE template_id = 2", "changed"},
        {"UPDATE templates SET vector = x'' WHERE template_id = 2", "changed"},
        {"UPDATE identities SET display_name = metadata WHERE identity_no = 2", "changed"},
        {"DELETE FROM templates WHERE template_id = 2", "vanished"},
        {"DELETE FROM templates; DELETE FROM identities", "vanished"},
        {"DELETE FROM identities WHERE identity_no = 5; DELETE FROM templates "
         "WHERE identity_no = 5",
         "vanished"},
        {"UPDATE meta SET value = 'x' || substr(value, 2) WHERE key = 'model_name'", "its model"},
        {"UPDATE meta SET value = value + 1 WHERE key = 'created_ms'", "its model"},
        {"DELETE FROM meta WHERE key = 'seal_counts'", "its model"},
        {"DELETE FROM meta WHERE key = 'seal'", "lock"},
        {"UPDATE meta SET value = x'01' WHERE key = 'seal'", "lock"},
        {"UPDATE meta SET value = CAST(value || x'00' AS BLOB) WHERE key = 'seal'", "lock"},
        {"PRAGMA user_version = 1", "lock"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_people(5);
        sql(cases[i].change);
        open_refused(&key, FM_E_CORRUPT, cases[i].part);
        fm_assert_message(&err, "people.fmg");
        unlink(path);
    }
#undef SWAP
}

/* What opening does not read is checked when it is read. */
static void test_seal_notices_changed_metadata(void **state)
{
    char text[200], id[64], name[64], metadata[96], label[48];
    fm_gallery *gallery;
    (void)state;
    make_people(5);
    sql("CREATE TEMP TABLE x AS SELECT identity_no AS r, metadata AS v FROM identities;"
        "UPDATE identities SET metadata = (SELECT v FROM x WHERE r = 3 - identity_no)"
        "WHERE identity_no < 3");
    gallery = open_under(&key);
    for (uint32_t i = 0; i < 2; i++) {
        person_texts(i, id, name, metadata, label);
        strcpy(text, "untouched");
        refused(fm_gallery_get_metadata(gallery, id, text, sizeof text, NULL, &err), FM_E_CORRUPT,
                "changed");
        assert_string_equal(text, "untouched");
        ok(fm_gallery_remove(gallery, id, NULL, &err)); /* damage can be removed */
    }
    check_person(gallery, 2);
    fm_gallery_close(gallery);
    fm_gallery_close(open_under(&key));
}

/* --- change of key --- */

static void test_seal_rekey(void **state)
{
    static unsigned char old[4096];
    fm_gallery *gallery;
    size_t size;
    (void)state;
    make_people(30);
    gallery = open_under(&key);
    size = sql_bytes("SELECT vector FROM templates WHERE template_id = 7", old, sizeof old);
    assert_true(anywhere(old, PIECE));
    ok(fm_gallery_rekey(gallery, &new_key, &err));
    assert_false(anywhere(old, PIECE)); /* the log is empty, too */
    assert_false(anywhere(old + size - PIECE, PIECE));
    for (uint32_t i = 0; i < 30; i++)
        check_person(gallery, i); /* the handle stays good */
    add_person(gallery, 30);
    fm_gallery_close(gallery);
    open_refused(&key, FM_E_PERMISSION, "another key");
    gallery = open_under(&new_key);
    for (uint32_t i = 0; i < 31; i++)
        check_person(gallery, i);
    ok(fm_gallery_rekey(gallery, &passphrase, &err));
    ok(fm_gallery_rekey(gallery, &passphrase, &err));
    fm_gallery_close(gallery);
    open_refused(&new_key, FM_E_PERMISSION, "sealed with a passphrase");
    gallery = open_under(&passphrase);
    check_person(gallery, 30);
    assert_false(anywhere("person-number", 13));
    fm_gallery_close(gallery);
}

static void test_seal_rekey_of_a_plain_one(void **state)
{
    fm_gallery *gallery = open_under(NULL);
    fm_gallery_info info = {.struct_size = sizeof info};
    fm_template about;
    size_t count;
    (void)state;
    add_people(gallery, 40);
    add(gallery, "without-anything", 999);
    assert_true(float_runs_in_files() > 0);
    ok(fm_gallery_rekey(gallery, &key, &err));
    ok(fm_gallery_describe(gallery, &info, &err));
    assert_int_equal(info.sealed, 1);
    assert_int_equal(info.templates, 41);
    assert_int_equal(float_runs_in_files(), 0);
    expect_texts(7, false);
    fm_gallery_close(gallery);
    open_refused(NULL, FM_E_PERMISSION, "is sealed");
    gallery = open_under(&key);
    for (uint32_t i = 0; i < 40; i += 13)
        check_person(gallery, i);
    ok(fm_gallery_get_templates(gallery, "without-anything", &about, 1, &count, &err));
    assert_true(isnan(about.quality));
    assert_string_equal(about.label, "");
    fm_gallery_close(gallery);
}

static void test_seal_rekey_refuses(void **state)
{
    fm_gallery *gallery, *read_only = NULL;
    (void)state;
    make_people(5);
    gallery = open_under(&key);
    ok(try_open(&read_only, model, &key, FM_GALLERY_READ_ONLY));
    refused(fm_gallery_rekey(read_only, &new_key, &err), FM_E_PERMISSION, "read-only");
    fm_gallery_close(read_only);
    sql("UPDATE identities SET metadata = zeroblob(200) WHERE identity_no = 3");
    refused(fm_gallery_rekey(gallery, &new_key, &err), FM_E_CORRUPT, "changed");
    check_person(gallery, 1); /* nothing has changed */
    fm_gallery_close(gallery);
    open_refused(&new_key, FM_E_PERMISSION, NULL);
    gallery = open_under(&key);
    sql("DELETE FROM templates WHERE identity_no = 3; DELETE FROM identities WHERE identity_no = "
        "3");
    refused(fm_gallery_rekey(gallery, &new_key, &err), FM_E_CORRUPT, "vanished");
    fm_gallery_close(gallery);
}

static void expect_locked_out(fm_gallery *gallery)
{
    fm_identity identity;
    fm_match match;
    fm_template about;
    fm_identify_options options = {
        .struct_size = sizeof options, .use_threshold = 1, .threshold = 0.5f};
    float out[DIM];
    char text[64], id[] = "person-number-001";
    size_t count;
    refused(fm_gallery_add(gallery, "new", vector(7), DIM, NULL, NULL, &err), FM_E_PERMISSION,
            "open it anew");
    refused(fm_gallery_remove(gallery, id, NULL, &err), FM_E_PERMISSION, "anew");
    refused(fm_gallery_get(gallery, id, &identity, &err), FM_E_PERMISSION, "anew");
    refused(fm_gallery_list(gallery, NULL, &identity, 1, &count, &err), FM_E_PERMISSION, "anew");
    refused(fm_gallery_get_metadata(gallery, id, text, sizeof text, NULL, &err), FM_E_PERMISSION,
            "anew");
    refused(fm_gallery_get_templates(gallery, id, &about, 1, &count, &err), FM_E_PERMISSION,
            "anew");
    refused(fm_gallery_get_embedding(gallery, id, 2, out, DIM, &err), FM_E_PERMISSION, "anew");
    refused(fm_gallery_search(gallery, vector(1), 1, DIM, &options, &match, 1, &count, NULL, &err),
            FM_E_PERMISSION, "anew");
    refused(fm_gallery_rekey(gallery, &passphrase, &err), FM_E_PERMISSION, "anew");
}

static void test_seal_rekey_locks_others_out(void **state)
{
    fm_gallery *plain = open_under(NULL), *first = open_under(NULL), *second;
    fm_identity identity;
    size_t count;
    (void)state;
    add_people(plain, 3);
    check_person(first, 1);
    ok(fm_gallery_rekey(first, &key, &err));
    expect_locked_out(plain);
    second = open_under(&key);
    check_person(second, 1);
    ok(fm_gallery_list(second, NULL, &identity, 1, &count, &err));
    ok(fm_gallery_rekey(first, &key, &err)); /* the same, and yet not */
    expect_locked_out(second);
    add_person(first, 3);
    fm_gallery_close(second);
    fm_gallery_close(plain);
    check_person(first, 3);
    fm_gallery_close(first);
}

/* --- removal --- */

static void test_seal_removal_leaves_no_sealed_bytes(void **state)
{
    static unsigned char template[4096], name[4096], metadata[4096], id[64];
    size_t sizes[4];
    fm_gallery *gallery;
    (void)state;
    make_people(30);
    gallery = open_under(&key);
    sizes[0] = sql_bytes("SELECT vector FROM templates WHERE identity_no=9", template, 4096);
    sizes[1] = sql_bytes("SELECT display_name FROM identities WHERE identity_no=9", name, 4096);
    sizes[2] = sql_bytes("SELECT metadata FROM identities WHERE identity_no=9", metadata, 4096);
    sizes[3] = sql_bytes("SELECT id FROM identities WHERE identity_no=9", id, sizeof id);
    assert_true(anywhere(template, sizes[0]) && anywhere(name, sizes[1]));
    assert_true(anywhere(metadata, sizes[2]) && anywhere(id, sizes[3]));
    ok(fm_gallery_remove(gallery, "person-number-008", NULL, &err));
    assert_false(anywhere(template, PIECE) || anywhere(template + sizes[0] - PIECE, PIECE));
    assert_false(anywhere(name, PIECE) || anywhere(name + sizes[1] - PIECE, PIECE));
    assert_false(anywhere(metadata, PIECE) || anywhere(id, PIECE));
    fm_gallery_close(gallery);
    gallery = open_under(&key);
    check_person(gallery, 7);
    check_person(gallery, 9);
    fm_gallery_close(gallery);
}

/* --- exported files --- */

static fm_status export_under(fm_gallery *gallery, const char *file, const fm_gallery_key *under)
{
    fm_transfer_options options;
    fm_transfer_options_init(&options, sizeof options);
    options.key = under;
    return fm_gallery_export(gallery, file, &options, NULL, &err);
}

static fm_status import_under(fm_gallery *gallery, const char *file, const fm_gallery_key *under)
{
    fm_transfer_options options;
    fm_transfer_options_init(&options, sizeof options);
    options.key = under;
    return fm_gallery_import(gallery, file, &options, NULL, &err);
}

/* A gallery beside the one at path. */
static fm_gallery *open_beside(const char *name, const fm_gallery_key *under)
{
    char other[128];
    fm_gallery *gallery = NULL;
    fm_gallery_options options;
    fm_gallery_options_init(&options, sizeof options);
    options.key = under;
    ok(fm_gallery_open(&gallery, fm_test_path(other, sizeof other, &folder, name), model, &options,
                       &err));
    return gallery;
}

static void test_seal_exported_files(void **state)
{
    char file[128];
    fm_gallery *from, *plain, *sealed;
    (void)state;
    fm_test_path(file, sizeof file, &folder, "people.sealed");
    make_people(people);
    from = open_under(&key);
    ok(export_under(from, file, &new_key));
    assert_false(anywhere("person-number", 13));
    assert_false(anywhere("created_ms\"", 11));
    plain = open_beside("plain.fmg", NULL);
    sealed = open_beside("sealed.fmg", &passphrase);
    refused(import_under(plain, file, NULL), FM_E_PERMISSION, "people.sealed: it is sealed");
    refused(import_under(plain, file, &key), FM_E_PERMISSION, "another key");
    refused(import_under(plain, file, &passphrase), FM_E_PERMISSION, "sealed with a key");
    ok(import_under(sealed, file, &new_key));
    assert_false(anywhere("person-number", 13));
    ok(import_under(plain, file, &new_key));
    for (uint32_t i = 0; i < people; i += 13) {
        check_person(plain, i);
        check_person(sealed, i);
    }
    ok(export_under(sealed, file, &passphrase));
    fm_gallery_close(plain);
    fm_gallery_close(sealed);
    sealed = open_beside("another.fmg", &key);
    ok(import_under(sealed, file, &passphrase));
    check_person(sealed, 7);
    ok(export_under(sealed, file, NULL)); /* plain, by choice */
    refused(import_under(sealed, file, &key), FM_E_STATE, "not sealed");
    refused(import_under(sealed, file, NULL), FM_E_EXISTS, NULL);
    fm_gallery_close(sealed);
    fm_gallery_close(from);
}

/* Pieces of 64 KiB: cut, changed, exchanged, repeated. */
static void test_seal_notices_changed_exports(void **state)
{
    enum { HEAD = 8 + 102 + 24, PIECE_BYTES = 65536 + 17, CHANGES = 150 };
    static unsigned char bytes[1 << 20], changed[1 << 20];
    char file[128];
    fm_gallery *from, *to = open_beside("to.fmg", NULL);
    uint32_t seed = 9;
    size_t size, templates;
    (void)state;
    fm_test_path(file, sizeof file, &folder, "people.sealed");
    make_people(PEOPLE);
    from = open_under(&key);
    ok(export_under(from, file, &key));
    fm_gallery_close(from);
    size = read_bytes(file, bytes, sizeof bytes);
    assert_true(size > HEAD + PIECE_BYTES && size < HEAD + 2 * PIECE_BYTES);
    for (int i = 0; i < CHANGES; i++) {
        size_t at = i < HEAD + 2 ? (size_t)i : fm_test_random(&seed) % size;
        fm_status status;
        memcpy(changed, bytes, size);
        changed[at] ^= (unsigned char)(1 + fm_test_random(&seed) % 255);
        fm_test_write_file(file, changed, size);
        status = import_under(to, file, &key);
        if (status != FM_E_CORRUPT && status != FM_E_PERMISSION && status != FM_E_STATE)
            fail_msg("byte %zu: %s %s", at, fm_status_name(status), err.message);
    }
    for (int i = 0; i < 40; i++) {
        size_t keep = i == 0 ? HEAD : i == 1 ? HEAD + PIECE_BYTES : fm_test_random(&seed) % size;
        fm_test_write_file(file, bytes, keep);
        refused(import_under(to, file, &key), keep < 8 ? FM_E_STATE : FM_E_CORRUPT,
                "people.sealed");
    }
    memcpy(changed, bytes, size); /* the last piece twice */
    memcpy(changed + size, bytes + HEAD + PIECE_BYTES, size - HEAD - PIECE_BYTES);
    fm_test_write_file(file, changed, 2 * size - HEAD - PIECE_BYTES);
    refused(import_under(to, file, &key), FM_E_CORRUPT, "people.sealed");
    memcpy(changed + HEAD, bytes + HEAD + PIECE_BYTES, size - HEAD - PIECE_BYTES); /* alone */
    fm_test_write_file(file, changed, size - PIECE_BYTES);
    refused(import_under(to, file, &key), FM_E_CORRUPT, "people.sealed");
    ok(fm_gallery_count(to, NULL, &templates, &err));
    assert_int_equal(templates, 0);
    fm_test_write_file(file, bytes, size);
    ok(import_under(to, file, &key));
    check_person(to, PEOPLE - 1);
    fm_gallery_close(to);
}

/* --- several processes, little memory --- */

static void test_seal_created_by_many_at_once(void **state)
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
            gallery = NULL;
            if (try_open(&gallery, model, &passphrase, 0) != FM_OK)
                _exit(1);
            add_person(gallery, i);
            fm_gallery_close(gallery);
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    gallery = open_under(&passphrase);
    for (uint32_t i = 0; i < PROCESSES; i++)
        check_person(gallery, i);
    fm_gallery_close(gallery);
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

static void test_seal_without_memory(void **state)
{
    fm_gallery *gallery = NULL;
    fm_identity page[4];
    long live = fmi_memory_live_blocks();
    size_t count;
    (void)state;
    FOR_EVERY_FAILURE(try_open(&gallery, model, &key, 0));
    FOR_EVERY_FAILURE(fm_gallery_add(gallery, "anna", vector(1), DIM, NULL, NULL, &err));
    fm_gallery_close(gallery);
    gallery = NULL;
    FOR_EVERY_FAILURE(try_open(&gallery, model, &key, 0));
    add(gallery, "bert", 2);
    for (long k = 0, done = 0; !done; k++) { /* the ids that were read are kept */
        fm_status status;
        fmi_memory_fail_after(k);
        status = fm_gallery_list(gallery, NULL, page, 4, &count, &err);
        fmi_memory_fail_after(-1);
        assert_true(status == FM_OK || status == FM_E_NO_MEMORY);
        done = status == FM_OK;
    }
    assert_int_equal(count, 2);
    for (long k = 0, done = 0; !done; k++) {
        fm_status status;
        fmi_memory_fail_after(k);
        status = fm_gallery_rekey(gallery, &new_key, &err);
        fmi_memory_fail_after(-1);
        assert_true(status == FM_OK || status == FM_E_NO_MEMORY);
        done = status == FM_OK;
    }
    assert_string_equal(who(gallery, 2), "bert");
    fm_gallery_close(gallery);
    gallery = open_under(&new_key);
    assert_string_equal(who(gallery, 1), "anna");
    fm_gallery_close(gallery);
    assert_int_equal(fmi_memory_live_blocks(), live);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_seal_opens_with_its_key_only),
        TEST(test_seal_plain_ones_need_no_key),
        TEST(test_seal_callback),
        TEST(test_seal_passphrase),
        TEST(test_seal_impossible_costs),
        TEST(test_seal_bytes),
        TEST(test_seal_leaves_nothing_plain),
        TEST(test_seal_notices_changed_bytes),
        TEST(test_seal_notices_changed_rows),
        TEST(test_seal_notices_changed_metadata),
        TEST(test_seal_rekey),
        TEST(test_seal_rekey_of_a_plain_one),
        TEST(test_seal_rekey_refuses),
        TEST(test_seal_rekey_locks_others_out),
        TEST(test_seal_removal_leaves_no_sealed_bytes),
        TEST(test_seal_exported_files),
        TEST(test_seal_notices_changed_exports),
        TEST(test_seal_created_by_many_at_once),
        TEST(test_seal_without_memory),
    };
    people = fm_test_many(PEOPLE, 40);
    return cmocka_run_group_tests(tests, load_models, free_models);
}
