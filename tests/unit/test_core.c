#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/file.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/options.h"
#include "core/text.h"
#include "helpers.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static fm_error new_error(void)
{
    fm_error err = {sizeof err, 0, "untouched"};
    return err;
}

/* --- errors ---------------------------------------------------------------------------------- */

static void test_error_text_and_status(void **state)
{
    fm_error err = new_error();
    (void)state;
    assert_int_equal(fmi_fail(&err, FM_E_IO, "%s: %d", "a.jpg", 7), FM_E_IO);
    assert_int_equal(err.status, FM_E_IO);
    assert_string_equal(err.message, "a.jpg: 7");
    assert_int_equal(fmi_fail(NULL, FM_E_LIMIT, "nobody listens"), FM_E_LIMIT);
    assert_int_equal(fmi_fail_memory(&err), FM_E_NO_MEMORY);
    assert_string_equal(err.message, "out of memory");
}

static void test_error_leaves_a_small_struct_alone(void **state)
{
    fm_error err = new_error();
    (void)state;
    err.struct_size = sizeof err - 1;
    assert_int_equal(fmi_fail(&err, FM_E_IO, "text"), FM_E_IO);
    assert_int_equal(fmi_fail_context(&err, FM_E_IO, "context"), FM_E_IO);
    assert_string_equal(err.message, "untouched");
    assert_int_equal(err.status, 0);
}

static void test_error_cuts_between_characters(void **state)
{
    char text[400];
    fm_error err;
    (void)state;
    for (size_t lead = 250; lead < 260; lead++) {
        err = new_error();
        memset(text, 'a', lead);
        strcpy(text + lead, "\xF0\x9F\x98\x80tail that is cut off");
        fmi_fail(&err, FM_E_IO, "%s", text);
        assert_true(fmi_utf8_valid(err.message, strlen(err.message)));
        assert_true(strlen(err.message) >= 252 - (lead < 252) * 3);
        assert_int_equal(strstr(err.message, "\xF0\x9F\x98\x80") != NULL, lead <= 251);
        assert_int_equal(strlen(err.message) > 255, 0);
    }
}

static void test_error_replaces_what_is_no_text(void **state)
{
    fm_error err = new_error();
    (void)state;
    fmi_fail(&err, FM_E_IO, "a\nb\x7F \xFF\xC0\xAF \xED\xA0\x80 \xC2\x85 \xC3\xA9");
    assert_string_equal(err.message, "a?b? ??? ??? ? \xC3\xA9");
}

static void test_error_context_keeps_the_reason(void **state)
{
    char path[400];
    fm_error err = new_error();
    (void)state;
    fmi_fail(&err, FM_E_CORRUPT, "the PNG picture is truncated");
    assert_int_equal(fmi_fail_context(&err, FM_E_CORRUPT, "%s", "x.png"), FM_E_CORRUPT);
    assert_string_equal(err.message, "x.png: the PNG picture is truncated");

    memset(path, 'p', sizeof path);
    strcpy(path + 300, "/last.png");
    fmi_fail(&err, FM_E_CORRUPT, "the PNG picture is truncated");
    fmi_fail_context(&err, FM_E_CORRUPT, "%s", path);
    fm_assert_message(&err, "...pp");
    fm_assert_message(&err, "/last.png: the PNG picture is truncated");
    assert_int_equal(strlen(err.message), FM_ERROR_MESSAGE_MAX - 1);
}

static void test_error_names_of_statuses(void **state)
{
    (void)state;
    assert_string_equal(fm_status_name(FM_OK), "FM_OK");
    assert_string_equal(fm_status_name(FM_E_BUSY), "FM_E_BUSY");
    assert_string_equal(fm_status_name(FM_E_TRAINING), "FM_E_TRAINING");
    assert_string_equal(fm_status_name(-22), "FM_E_UNKNOWN");
    assert_string_equal(fm_status_name(1), "FM_E_UNKNOWN");
    for (fm_status s = FM_E_NOT_LIVE; s <= FM_OK; s++)
        assert_string_not_equal(fm_status_name(s), "FM_E_UNKNOWN");
}

/* --- memory ---------------------------------------------------------------------------------- */

static void test_memory_overflow_is_refused(void **state)
{
    size_t product;
    (void)state;
    assert_true(fmi_mul_overflows(SIZE_MAX / 2 + 1, 2, &product));
    assert_false(fmi_mul_overflows(SIZE_MAX / 2, 2, &product));
    assert_int_equal(product, SIZE_MAX - 1);
    assert_null(fmi_calloc(SIZE_MAX / 2 + 1, 2));
    assert_null(fmi_alloc_array(SIZE_MAX / 2 + 1, 2));
}

static void test_memory_counts_blocks(void **state)
{
    long before = fmi_memory_live_blocks();
    void *a = fmi_alloc(0), *b = fmi_calloc(3, 5), *c = fmi_alloc_array(2, 8);
    char *d = fmi_strdup("text");
    (void)state;
    assert_non_null(a);
    assert_non_null(c);
    assert_string_equal(d, "text");
    for (int i = 0; i < 15; i++)
        assert_int_equal(((char *)b)[i], 0);
    assert_int_equal(fmi_memory_live_blocks(), before + 4);
    a = fmi_realloc(a, 100);
    assert_int_equal(fmi_memory_live_blocks(), before + 4);
    fmi_free(a);
    fmi_free_wiped(b, 15);
    fmi_free(c);
    fmi_free(d);
    fmi_free(NULL);
    fmi_free_wiped(NULL, 0);
    assert_int_equal(fmi_memory_live_blocks(), before);
}

static void test_memory_fails_when_told(void **state)
{
    void *a, *b;
    (void)state;
    fmi_memory_fail_after(1);
    a = fmi_alloc(1);
    assert_null(fmi_alloc(1));
    assert_null(fmi_calloc(1, 1));
    assert_null(fmi_strdup("x"));
    b = fmi_realloc(a, 50);
    assert_null(b);
    fmi_memory_fail_after(-1);
    b = fmi_alloc(1);
    assert_non_null(b);
    fmi_free(a);
    fmi_free(b);
}

static void test_memory_wipes(void **state)
{
    unsigned char bytes[40];
    (void)state;
    memset(bytes, 0xAA, sizeof bytes);
    fmi_wipe(bytes + 4, 32);
    for (size_t i = 0; i < sizeof bytes; i++)
        assert_int_equal(bytes[i], i >= 4 && i < 36 ? 0 : 0xAA);
    fmi_wipe(NULL, 8);
}

/* --- options --------------------------------------------------------------------------------- */

typedef struct old_options {
    uint32_t struct_size;
    int32_t a;
} old_options;

typedef struct own_options {
    uint32_t struct_size;
    int32_t a, b;
    uint32_t pad;
} own_options;

typedef struct new_options {
    uint32_t struct_size;
    int32_t a, b;
    uint32_t pad;
    uint8_t tail[16];
} new_options;

static fm_status read_options(own_options *own, const void *options, fm_error *err)
{
    return fmi_options_read(own, sizeof *own, options, sizeof(old_options), "fm_x_options", err);
}

static void test_options_of_every_age(void **state)
{
    own_options own;
    old_options older = {sizeof older, 7};
    own_options same = {sizeof same, 1, 2, 3};
    new_options newer = {sizeof newer, 4, 5, 6, {0}};
    fm_error err = new_error();
    (void)state;
    assert_int_equal(read_options(&own, NULL, &err), FM_OK);
    assert_int_equal(own.struct_size, sizeof own);
    assert_int_equal(own.a, 0);

    assert_int_equal(read_options(&own, &older, &err), FM_OK);
    assert_int_equal(own.struct_size, sizeof own);
    assert_int_equal(own.a, 7);
    assert_int_equal(own.b, 0);

    assert_int_equal(read_options(&own, &same, &err), FM_OK);
    assert_int_equal(own.b, 2);

    assert_int_equal(read_options(&own, &newer, &err), FM_OK);
    assert_int_equal(own.struct_size, sizeof own);
    assert_int_equal(own.b, 5);

    for (size_t i = 0; i < sizeof newer.tail; i++) {
        memset(newer.tail, 0, sizeof newer.tail);
        newer.tail[i] = 1;
        fm_assert_status(read_options(&own, &newer, &err), FM_E_INVALID_ARGUMENT, &err);
        fm_assert_message(&err, "newer libfacematch");
    }
}

static void test_options_of_impossible_size(void **state)
{
    static const uint32_t sizes[] = {0, 1, 4, 7, 4097, UINT32_MAX};
    own_options own, given = {0, 1, 2, 3};
    fm_error err = new_error();
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        given.struct_size = sizes[i];
        fm_assert_status(read_options(&own, &given, &err), FM_E_INVALID_ARGUMENT, &err);
        fm_assert_message(&err, "fm_x_options_init");
    }
}

static void test_options_init_keeps_to_its_size(void **state)
{
    own_options o = {99, 99, 99, 99};
    (void)state;
    fmi_options_init(&o, 8);
    assert_int_equal(o.struct_size, 8);
    assert_int_equal(o.a, 0);
    assert_int_equal(o.b, 99);
    fmi_options_init(NULL, sizeof o);
    o.struct_size = 99;
    fmi_options_init(&o, 3);
    assert_int_equal(o.struct_size, 99);
}

static void test_output_of_every_age(void **state)
{
    own_options own = {sizeof own, 1, 2, 3};
    old_options older = {sizeof older, 0};
    new_options newer;
    fm_error err = new_error();
    (void)state;
    memset(&newer, 0xEE, sizeof newer);
    newer.struct_size = sizeof newer;
    fm_assert_status(fmi_output_check(&older, 8, "fm_x", &err), FM_OK, &err);
    fmi_output_write(&older, &own, sizeof own);
    assert_int_equal(older.struct_size, sizeof older);
    assert_int_equal(older.a, 1);
    fmi_output_write(&newer, &own, sizeof own);
    assert_int_equal(newer.struct_size, sizeof newer);
    assert_int_equal(newer.b, 2);
    assert_int_equal(newer.tail[0], 0xEE);

    fm_assert_status(fmi_output_check(NULL, 8, "fm_x", &err), FM_E_INVALID_ARGUMENT, &err);
    older.struct_size = 7;
    fm_assert_status(fmi_output_check(&older, 8, "fm_x", &err), FM_E_INVALID_ARGUMENT, &err);
    fm_assert_message(&err, "sizeof(fm_x)");
}

/* --- text ------------------------------------------------------------------------------------ */

static void test_text_utf8_is_strict(void **state)
{
    static const char *const good[] = {"",
                                       "a",
                                       "\xC3\xA9",
                                       "\xE2\x82\xAC",
                                       "\xF0\x9F\x98\x80",
                                       "\xEF\xBF\xBF",
                                       "\xF4\x8F\xBF\xBF",
                                       "\xED\x9F\xBF"};
    static const char *const bad[] = {"\x80",
                                      "\xC0\xAF",
                                      "\xC1\xBF",
                                      "\xE0\x80\xAF",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xF0\x80\x80\xAF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFF",
                                      "\xE2\x82",
                                      "a\xC3"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(fmi_utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(fmi_utf8_valid(bad[i], strlen(bad[i])));
    assert_false(fmi_utf8_valid("a\0b", 3));
}

static void test_text_check(void **state)
{
    fm_error err = new_error();
    (void)state;
    assert_int_equal(fmi_text_check("anna", 1, 4, "id", &err), FM_OK);
    assert_int_equal(fmi_text_check("Zo\xC3\xAB", 1, 255, "id", &err), FM_OK);
    fm_assert_status(fmi_text_check(NULL, 0, 4, "id", &err), FM_E_INVALID_ARGUMENT, &err);
    fm_assert_message(&err, "id is NULL");
    fm_assert_status(fmi_text_check("", 1, 4, "id", &err), FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fmi_text_check("annas", 1, 4, "id", &err), FM_E_INVALID_ARGUMENT, &err);
    fm_assert_message(&err, "longer than 4 bytes");
    fm_assert_status(fmi_text_check("ab\xFF", 1, 9, "id", &err), FM_E_INVALID_ARGUMENT, &err);
    fm_assert_message(&err, "not UTF-8 at byte 2");
    fm_assert_status(fmi_text_check("a\tb", 1, 9, "id", &err), FM_E_INVALID_ARGUMENT, &err);
    fm_assert_message(&err, "control character at byte 1");
    fm_assert_status(fmi_text_check("a\xC2\x85", 1, 9, "id", &err), FM_E_INVALID_ARGUMENT, &err);
}

/* --- files ----------------------------------------------------------------------------------- */

static fm_test_folder folder;

static int make_folder(void **state)
{
    (void)state;
    return fm_test_folder_make(&folder);
}

static int remove_folder(void **state)
{
    (void)state;
    fm_test_folder_remove(&folder);
    return 0;
}

static void test_file_reads_with_a_limit(void **state)
{
    char path[256];
    uint8_t *bytes = NULL;
    size_t size = 0;
    fm_error err = new_error();
    (void)state;
    fm_test_path(path, sizeof path, &folder, "Zo\xC3\xAB \xFF.bin");
    fm_test_write_file(path, "12345", 5);
    fm_assert_status(fmi_file_read(&bytes, &size, path, 5, &err), FM_OK, &err);
    assert_int_equal(size, 5);
    assert_memory_equal(bytes, "12345", 5);
    fmi_block_free(bytes);

    bytes = NULL;
    fm_assert_status(fmi_file_read(&bytes, &size, path, 4, &err), FM_E_LIMIT, &err);
    fm_assert_message(&err, "5 bytes");
    fm_assert_message(&err, "limit of 4");
    assert_null(bytes);
}

static void test_file_tells_why_it_cannot_read(void **state)
{
    char path[256];
    uint8_t *bytes = NULL;
    size_t size = 77;
    fm_error err = new_error();
    (void)state;
    fm_test_path(path, sizeof path, &folder, "missing.bin");
    fm_assert_status(fmi_file_read(&bytes, &size, path, 9, &err), FM_E_NOT_FOUND, &err);
    fm_assert_message(&err, "missing.bin: no such file");
    fm_assert_status(fmi_file_read(&bytes, &size, folder.path, 9, &err), FM_E_IO, &err);
    fm_assert_message(&err, "directory");
    fm_test_path(path, sizeof path, &folder, "empty.bin");
    fm_test_write_file(path, "", 0);
    fm_assert_status(fmi_file_read(&bytes, &size, path, 9, &err), FM_E_CORRUPT, &err);
    fm_assert_message(&err, "empty.bin: the file is empty");
    fm_assert_status(fmi_file_read(&bytes, &size, "", 9, &err), FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fmi_file_read(&bytes, &size, NULL, 9, &err), FM_E_INVALID_ARGUMENT, &err);
    assert_null(bytes);
    assert_int_equal(size, 77);
}

static void *feed_pipe(void *user)
{
    FILE *pipe = fopen(user, "wb");
    for (int i = 0; pipe && i < 200000; i++)
        fputc(i & 0xFF, pipe);
    if (pipe)
        fclose(pipe);
    return NULL;
}

static void test_file_reads_a_pipe(void **state)
{
    char path[256];
    uint8_t *bytes = NULL;
    size_t size = 0;
    pthread_t feeder;
    fm_error err = new_error();
    (void)state;
    fm_test_path(path, sizeof path, &folder, "pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(pthread_create(&feeder, NULL, feed_pipe, path), 0);
    fm_assert_status(fmi_file_read(&bytes, &size, path, 200000, &err), FM_OK, &err);
    pthread_join(feeder, NULL);
    assert_int_equal(size, 200000);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(bytes[i], i & 0xFF);
    fmi_block_free(bytes);
}

static void test_file_read_without_memory(void **state)
{
    char path[256];
    uint8_t *bytes = NULL;
    size_t size = 0;
    long blocks = fmi_memory_live_blocks();
    fm_error err = new_error();
    (void)state;
    fm_test_path(path, sizeof path, &folder, "short.bin");
    fm_test_write_file(path, "12345", 5);
    fmi_memory_fail_after(0);
    fm_assert_status(fmi_file_read(&bytes, &size, path, 9, &err), FM_E_NO_MEMORY, &err);
    fmi_memory_fail_after(-1);
    assert_int_equal(fmi_memory_live_blocks(), blocks);
}

static void test_file_is_written_whole_or_not_at_all(void **state)
{
    char path[256];
    uint8_t *bytes = NULL;
    size_t size = 0, before;
    fm_error err = new_error();
    (void)state;
    fm_test_path(path, sizeof path, &folder, "written.bin");
    fm_assert_status(fmi_file_write(path, "first", 5, &err), FM_OK, &err);
    before = fm_test_folder_count(&folder);
    fm_assert_status(fmi_file_write(path, "second", 6, &err), FM_OK, &err);
    assert_int_equal(fm_test_folder_count(&folder), before);
    fm_assert_status(fmi_file_read(&bytes, &size, path, 99, &err), FM_OK, &err);
    assert_int_equal(size, 6);
    assert_memory_equal(bytes, "second", 6);
    fmi_block_free(bytes);

    fm_assert_status(fmi_file_write(folder.path, "x", 1, &err), FM_E_IO, &err);
    fm_test_path(path, sizeof path, &folder, "no/such/folder.bin");
    fm_assert_status(fmi_file_write(path, "x", 1, &err), FM_E_IO, &err);
    fm_assert_message(&err, "no/such/folder.bin: cannot be written");
    fm_assert_status(fmi_file_write("/dev/null/x", "x", 1, &err), FM_E_IO, &err);
    assert_int_equal(fm_test_folder_count(&folder), before);
}

/* A target that cannot be replaced: the file beside it must be gone again. */
static void test_file_leaves_nothing_behind(void **state)
{
    char target[256], inside[256];
    size_t before;
    fm_error err = new_error();
    (void)state;
    fm_test_path(target, sizeof target, &folder, "occupied");
    assert_int_equal(mkdir(target, 0700), 0);
    before = fm_test_folder_count(&folder);
    fm_assert_status(fmi_file_write(target, "x", 1, &err), FM_E_IO, &err);
    assert_int_equal(fm_test_folder_count(&folder), before);
    fm_test_path(inside, sizeof inside, &folder, "occupied");
    assert_int_equal(rmdir(inside), 0);
}

/* --- log ------------------------------------------------------------------------------------- */

typedef struct heard {
    atomic_int count, running;
    int32_t level;
    char module[32], message[256];
} heard;

static void listen_once(void *user, int32_t level, const char *module, const char *message)
{
    heard *h = user;
    h->level = level;
    snprintf(h->module, sizeof h->module, "%s", module);
    snprintf(h->message, sizeof h->message, "%s", message);
    atomic_fetch_add(&h->count, 1);
}

static void test_log_levels_and_text(void **state)
{
    heard h = {0};
    (void)state;
    fmi_log(FM_LOG_ERROR, "core", "nobody listens");
    fm_log_set(listen_once, &h, FM_LOG_WARNING);
    fmi_log(FM_LOG_INFO, "core", "too low");
    assert_int_equal(h.count, 0);
    fmi_log(FM_LOG_WARNING, "core", "line\n%d", 2);
    assert_int_equal(h.count, 1);
    assert_int_equal(h.level, FM_LOG_WARNING);
    assert_string_equal(h.module, "core");
    assert_string_equal(h.message, "line?2");
    fm_log_set(NULL, NULL, FM_LOG_DEBUG);
    fmi_log(FM_LOG_ERROR, "core", "nobody listens");
    assert_int_equal(h.count, 1);
}

static void listen_slowly(void *user, int32_t level, const char *module, const char *message)
{
    heard *h = user;
    (void)level;
    (void)module;
    (void)message;
    atomic_fetch_add(&h->running, 1);
    usleep(500);
    atomic_fetch_add(&h->count, 1);
    atomic_fetch_sub(&h->running, 1);
}

static atomic_int talking;

static void *talk(void *user)
{
    (void)user;
    while (atomic_load(&talking))
        fmi_log(FM_LOG_ERROR, "core", "message");
    return NULL;
}

static void test_log_old_listener_is_done_when_set_returns(void **state)
{
    pthread_t talkers[3];
    (void)state;
    atomic_store(&talking, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&talkers[i], NULL, talk, NULL), 0);
    for (int round = 0; round < 20; round++) {
        heard h = {0}; /* gone after the round: a late call would write over the next one */
        int count;
        fm_log_set(listen_slowly, &h, FM_LOG_DEBUG);
        usleep(2000);
        fm_log_set(NULL, NULL, FM_LOG_DEBUG);
        assert_int_equal(atomic_load(&h.running), 0);
        count = atomic_load(&h.count);
        usleep(1500);
        assert_int_equal(atomic_load(&h.count), count);
    }
    atomic_store(&talking, 0);
    for (int i = 0; i < 3; i++)
        pthread_join(talkers[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_text_and_status),
        cmocka_unit_test(test_error_leaves_a_small_struct_alone),
        cmocka_unit_test(test_error_cuts_between_characters),
        cmocka_unit_test(test_error_replaces_what_is_no_text),
        cmocka_unit_test(test_error_context_keeps_the_reason),
        cmocka_unit_test(test_error_names_of_statuses),
        cmocka_unit_test(test_memory_overflow_is_refused),
        cmocka_unit_test(test_memory_counts_blocks),
        cmocka_unit_test(test_memory_fails_when_told),
        cmocka_unit_test(test_memory_wipes),
        cmocka_unit_test(test_options_of_every_age),
        cmocka_unit_test(test_options_of_impossible_size),
        cmocka_unit_test(test_options_init_keeps_to_its_size),
        cmocka_unit_test(test_output_of_every_age),
        cmocka_unit_test(test_text_utf8_is_strict),
        cmocka_unit_test(test_text_check),
        cmocka_unit_test(test_file_reads_with_a_limit),
        cmocka_unit_test(test_file_tells_why_it_cannot_read),
        cmocka_unit_test(test_file_reads_a_pipe),
        cmocka_unit_test(test_file_read_without_memory),
        cmocka_unit_test(test_file_is_written_whole_or_not_at_all),
        cmocka_unit_test(test_file_leaves_nothing_behind),
        cmocka_unit_test(test_log_levels_and_text),
        cmocka_unit_test(test_log_old_listener_is_done_when_set_returns),
    };
    return cmocka_run_group_tests_name("core", tests, make_folder, remove_folder);
}
