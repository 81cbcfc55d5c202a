#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/memory.h"
#include "gallery/sqlite/sqlite.h"
#include "helpers.h"
#include <string.h>

static fmi_traces traces;

static int forget(void **state)
{
    (void)state;
    fmi_traces_free(&traces);
    memset(&traces, 0, sizeof traces);
    return 0;
}

static void look_for_text(const char *text)
{
    forget(NULL);
    fmi_traces_add(&traces, text, strlen(text), true);
    assert_true(fmi_traces_prepare(&traces));
}

/* The bytes in the middle of a page of zeros. */
static bool found(const void *bytes, size_t size)
{
    unsigned char page[512] = {0};
    memcpy(page + 200, bytes, size);
    return fmi_traces_in(&traces, page, sizeof page);
}

static void test_trace_any_run_of_a_vector(void **state)
{
    float vector[64];
    unsigned char bytes[sizeof vector];
    uint32_t seed = 7;
    (void)state;
    for (size_t i = 0; i < 64; i++)
        vector[i] = (float)fm_test_random(&seed) / 65536;
    memcpy(bytes, vector, sizeof bytes);
    fmi_traces_add(&traces, vector, sizeof vector, false);
    assert_true(fmi_traces_prepare(&traces));
    for (size_t from = 0; from + 16 <= sizeof bytes; from++)
        assert_true(found(bytes + from, 16));
    for (size_t from = 0; from + 12 <= sizeof bytes; from++)
        assert_false(found(bytes + from, 12));
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] ^= 1;
    assert_false(found(bytes, sizeof bytes));
}

static void test_trace_whole_texts(void **state)
{
    static const char id[] = "employee-number-000017";
    (void)state;
    look_for_text(id);
    assert_true(found(id, sizeof id - 1));
    assert_true(found("xxemployee-number-000017yy", 26));
    look_for_text("anna");
    assert_true(found("joanna-maria", 12));
    assert_false(found("ann", 3));
    look_for_text("bob"); /* three bytes are anywhere */
    assert_false(found("bob", 3));
}

/* Ids that begin or end alike are no traces of each other; what was cut off is one. */
static void test_trace_parts_of_texts(void **state)
{
    (void)state;
    look_for_text("employee-number-000017");
    assert_false(found("employee-number-000018", 22));
    assert_false(found("xmployee-number-00001x", 22));
    assert_true(found("employee-number-0000", 20)); /* and zeros behind it */
    assert_true(found("ee-number-000017", 16));
    assert_false(found("xe-number-000017", 16));
}

/* Values full of zeros or of one value must neither match cleared pages nor take for ever. */
static void test_trace_uniform_values(void **state)
{
    static float zeros[16384], ones[16384];
    unsigned char page[4096] = {0};
    (void)state;
    for (size_t i = 0; i < 16384; i++)
        ones[i] = 1;
    zeros[16383] = 1;
    fmi_traces_add(&traces, zeros, sizeof zeros, false);
    fmi_traces_add(&traces, ones, sizeof ones, false);
    assert_true(fmi_traces_prepare(&traces));
    assert_false(fmi_traces_in(&traces, page, sizeof page));
    assert_true(found(ones, 16));
}

static void test_trace_at_the_edges(void **state)
{
    unsigned char page[64];
    (void)state;
    look_for_text("abcdefghijklmnopqrstuvwxyz");
    memset(page, '#', sizeof page);
    memcpy(page, "klmnopqrstuvwxyz", 16);
    assert_true(fmi_traces_in(&traces, page, sizeof page));
    memset(page, '#', sizeof page);
    memcpy(page + 48, "abcdefghijklmnop", 16);
    assert_true(fmi_traces_in(&traces, page, sizeof page));
    assert_false(fmi_traces_in(&traces, page, 63));
    assert_false(fmi_traces_in(&traces, page, 0));
}

static void test_trace_without_memory(void **state)
{
    static const char text[] = "a text of some length";
    long live = fmi_memory_live_blocks();
    (void)state;
    fmi_memory_fail_after(0);
    fmi_traces_add(&traces, text, sizeof text, true);
    fmi_memory_fail_after(-1);
    assert_false(fmi_traces_prepare(&traces)); /* it cannot be looked for: take it to be there */
    forget(NULL);
    fmi_traces_add(&traces, text, sizeof text, true);
    fmi_memory_fail_after(0);
    assert_false(fmi_traces_prepare(&traces));
    fmi_memory_fail_after(-1);
    forget(NULL);
    assert_int_equal(fmi_memory_live_blocks(), live);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, forget, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_trace_any_run_of_a_vector), TEST(test_trace_whole_texts),
        TEST(test_trace_parts_of_texts),      TEST(test_trace_uniform_values),
        TEST(test_trace_at_the_edges),        TEST(test_trace_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
