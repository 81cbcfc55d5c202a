/* Networks rewritten for oneDNN compute what plain libtorch does: every shape of
 * reference_networks.py and the built models, in every order of sizes, by several threads at once.
 * Models: $FACEMATCH_MODELS or ./models. Python: $FACEMATCH_PYTHON or /usr/bin/python3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/backend.h"
#include "core/file.h"
#include "core/memory.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { MOST = 96, NAME = 512, THREADS = 4 };

typedef struct reference {
    char archive[NAME], part[NAME], in_name[NAME], out_name[NAME];
    int64_t shape[4];
    size_t out_len;
    float *in, *out;
    fmi_net *net; /* shared by all of one archive */
    fmi_part *exact, *fast;
} reference;

static char folder[] = "/tmp/test_fuse.XXXXXX";
static reference references[MOST];
static size_t count;

static uint8_t *read_all(const char *path, size_t *size)
{
    uint8_t *bytes = NULL;
    fm_error err = {sizeof err, 0, ""};
    if (fmi_file_read(&bytes, size, path, UINT64_MAX, &err) != FM_OK)
        fail_msg("%s: %s", path, err.message);
    return bytes;
}

static float *read_floats(const char *path, size_t n)
{
    size_t size = 0;
    uint8_t *bytes = read_all(path, &size);
    float *floats = malloc(size ? size : 1);
    assert_non_null(floats);
    assert_int_equal(size, n * sizeof *floats);
    memcpy(floats, bytes, size);
    fmi_block_free(bytes);
    return floats;
}

static fmi_net *load(const char *path)
{
    fmi_net *net = NULL;
    fm_error err = {sizeof err, 0, ""};
    size_t size = 0;
    uint8_t *bytes = read_all(path, &size);
    if (fmi_backend_get()->load(&net, bytes, size, &err) != FM_OK)
        fail_msg("%s: %s", path, err.message);
    fmi_block_free(bytes);
    return net;
}

static fmi_part *prepare(const reference *r, fm_precision precision)
{
    fmi_part *part = NULL;
    fm_error err = {sizeof err, 0, ""};
    fmi_part_config config = {precision, precision == FM_PRECISION_BFLOAT16};
    const char *name = strcmp(r->part, "-") == 0 ? "" : r->part;
    if (fmi_backend_get()->prepare(r->net, name, &config, &part, &err) != FM_OK)
        fail_msg("%s: %s", r->archive, err.message);
    return part;
}

static bool read_line(FILE *index, reference *r)
{
    int64_t *s = r->shape;
    return fscanf(index, "%511s %511s %ld %ld %ld %ld %zu %511s %511s", r->archive, r->part, &s[0],
                  &s[1], &s[2], &s[3], &r->out_len, r->in_name, r->out_name) == 9;
}

static void read_references(void)
{
    char path[NAME];
    FILE *index;
    snprintf(path, sizeof path, "%s/index", folder);
    index = fopen(path, "r");
    assert_non_null(index);
    for (; count < MOST && read_line(index, &references[count]); count++) {
        reference *r = &references[count];
        r->in = read_floats(r->in_name,
                            (size_t)(r->shape[0] * r->shape[1] * r->shape[2] * r->shape[3]));
        r->out = read_floats(r->out_name, r->out_len);
        bool again = count > 0 && strcmp(r[-1].archive, r->archive) == 0;
        r->net = again ? r[-1].net : load(r->archive);
        r->exact = prepare(r, FM_PRECISION_FLOAT32);
        if (fmi_backend_get()->has_bfloat16())
            r->fast = prepare(r, FM_PRECISION_BFLOAT16);
    }
    assert_true(feof(index) && count > 30);
    fclose(index);
}

/* The largest difference, as a part of the largest number. Not a number where one is none. */
static double difference(const reference *r, fmi_part *part, int32_t threads)
{
    double size = 0, worst = 0;
    fm_error err = {sizeof err, 0, ""};
    float *got = malloc(r->out_len * sizeof *got);
    if (!got || fmi_backend_get()->run(part, threads, r->in, r->shape, got, r->out_len, &err)) {
        printf("%s: %s\n", r->archive, err.message);
        worst = (double)NAN;
    }
    for (size_t i = 0; i < r->out_len && !isnan(worst); i++) {
        double off = fabs((double)got[i] - (double)r->out[i]);
        size = fmax(size, fabs((double)r->out[i]));
        worst = isnan(off) ? off : fmax(worst, off);
    }
    free(got);
    return worst / size;
}

static void assert_close(const reference *r, fmi_part *part, int32_t threads, double tolerance)
{
    double off = difference(r, part, threads);
    if (!(off <= tolerance))
        fail_msg("%s %s %ldx%ldx%ldx%ld: off by %g of its largest", r->archive, r->part,
                 r->shape[0], r->shape[1], r->shape[2], r->shape[3], off);
}

static void test_fuse_computes_the_same(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) /* what was prepared and used is used again */
        for (size_t i = 0; i < count; i++)
            assert_close(&references[i], references[i].exact, 1, 2e-5);
}

static void test_fuse_computes_the_same_on_two_cores(void **state)
{
    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_close(&references[i], references[i].exact, 2, 2e-5);
        assert_close(&references[i], references[i].exact, 1, 2e-5);
    }
}

static void test_fuse_computes_about_the_same_in_bfloat16(void **state)
{
    (void)state;
    for (size_t i = 0; i < count; i++)
        if (references[i].fast)
            assert_close(&references[i], references[i].fast, 1, 0.05);
}

static void *work(void *user)
{
    const size_t from = *(const size_t *)user;
    static char wrong;
    for (size_t round = 0; round < 3; round++)
        for (size_t i = 0; i < count; i++) {
            const reference *r = &references[(i * 7 + from * 11) % count];
            if (!(difference(r, r->exact, 1) <= 2e-5))
                return &wrong;
        }
    return NULL;
}

static void test_fuse_serves_threads_at_once(void **state)
{
    pthread_t threads[THREADS];
    size_t from[THREADS];
    (void)state;
    for (size_t i = 0; i < THREADS; i++) {
        from[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &from[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

/* A network forgets sizes when there are many, also while others run it. */
static void test_fuse_takes_any_number_of_sizes(void **state)
{
    const reference *r = &references[0];
    static float in[3 * 90 * 20], out[7 * 90 * 20];
    fm_error err = {sizeof err, 0, ""};
    (void)state;
    for (int64_t height = 8; height < 90; height++) {
        const int64_t shape[4] = {1, 3, height, 20};
        if (fmi_backend_get()->run(r->exact, 1, in, shape, out, (size_t)(7 * height * 20), &err))
            fail_msg("%s", err.message);
    }
    assert_close(r, r->exact, 1, 2e-5);
}

static void test_fuse_refuses_sizes_that_are_none(void **state)
{
    const int64_t shapes[][4] = {
        {1, 3, 0, 20}, {1, 3, 20, 0}, {0, 3, 20, 20}, {1, 4, 20, 20}, {1, 0, 20, 20}};
    const reference *r = &references[0];
    static float in[4 * 20 * 20], out[7 * 20 * 20];
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        fm_error err = {sizeof err, 0, ""};
        assert_int_equal(fmi_backend_get()->run(r->exact, 1, in, shapes[i], out, 2800, &err),
                         FM_E_BACKEND);
        assert_true(err.message[0] != '\0');
        assert_null(strpbrk(err.message, "\n\r"));
    }
    assert_close(r, r->exact, 1, 2e-5);
}

static int make_references(void)
{
    char command[4 * NAME];
    const char *models = getenv("FACEMATCH_MODELS"), *python = getenv("FACEMATCH_PYTHON");
    if (!mkdtemp(folder))
        return -1;
    snprintf(command, sizeof command, "'%s' tests/real/reference_networks.py '%s' '%s'",
             python ? python : "/usr/bin/python3", folder, models ? models : "models");
    return system(command);
}

static void clean_up(void)
{
    char command[NAME];
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count || references[i + 1].net != references[i].net)
            fmi_backend_get()->free(references[i].net);
        free(references[i].in);
        free(references[i].out);
    }
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    if (system(command) != 0)
        fprintf(stderr, "%s stays\n", folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fuse_computes_the_same),
        cmocka_unit_test(test_fuse_computes_the_same_on_two_cores),
        cmocka_unit_test(test_fuse_computes_about_the_same_in_bfloat16),
        cmocka_unit_test(test_fuse_serves_threads_at_once),
        cmocka_unit_test(test_fuse_takes_any_number_of_sizes),
        cmocka_unit_test(test_fuse_refuses_sizes_that_are_none),
    };
    int status = make_references(), failed;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        printf("skipped: no torch for Python\n");
        return 0;
    }
    if (status != 0)
        return 1;
    read_references();
    failed = cmocka_run_group_tests_name("fuse", tests, NULL, NULL);
    clean_up();
    return failed;
}
