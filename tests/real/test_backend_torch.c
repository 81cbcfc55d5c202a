/* The libtorch shim on the built models: what it refuses, what it leaves unchanged, and that
 * threads and batches do not change results. Models: $FACEMATCH_MODELS or ./models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/model.h"
#include "core/file.h"
#include "core/memory.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 112, ITEM = 3 * SIDE * SIDE, DIM = 192, ITEMS = 13 };

/* libtorch's own view of the thread, by the names that its C++ functions have in the library. */
int torch_threads(void) __asm__("_ZN2at15get_num_threadsEv");
void torch_set_threads(int n) __asm__("_ZN2at15set_num_threadsEi");
bool torch_gradient(void) __asm__("_ZN3c108GradMode10is_enabledEv");
void torch_set_gradient(bool on) __asm__("_ZN3c108GradMode11set_enabledEb");
bool torch_inference(void) __asm__("_ZN3c1013InferenceMode10is_enabledEv");

static const char *model_path(const char *name)
{
    static char path[1024];
    const char *folder = getenv("FACEMATCH_MODELS");
    snprintf(path, sizeof path, "%s/%s.pt", folder ? folder : "models", name);
    return path;
}

typedef struct archive {
    uint8_t *bytes;
    size_t size;
} archive;

static archive read_archive(const char *name)
{
    archive a = {NULL, 0};
    fm_error err = {sizeof err, 0, ""};
    if (fmi_file_read(&a.bytes, &a.size, model_path(name), UINT64_MAX, &err) != FM_OK)
        fail_msg("%s", err.message);
    return a;
}

/* Where a record's bytes begin. */
static uint8_t *find_record(archive a, const char *name)
{
    size_t length = strlen(name);
    for (uint8_t *p = a.bytes; p + 30 + length < a.bytes + a.size; p++) {
        size_t name_length = (size_t)p[26] | (size_t)p[27] << 8;
        if (memcmp(p, "PK\003\004", 4) == 0 && name_length > length &&
            memcmp(p + 30 + name_length - length, name, length) == 0)
            return p + 30 + name_length + ((size_t)p[28] | (size_t)p[29] << 8);
    }
    fail_msg("no record %s", name);
    return NULL;
}

/* Both headers of a record get another name of the same length. */
static void rename_record(archive a, const char *from, const char *to)
{
    size_t length = strlen(from), renamed = 0;
    for (uint8_t *p = a.bytes; p + length <= a.bytes + a.size; p++)
        if (memcmp(p, from, length) == 0) {
            memcpy(p, to, length);
            renamed++;
        }
    assert_int_equal(renamed, 2);
}

static fm_model *load(const char *name)
{
    fm_model *model = NULL;
    fm_error err = {sizeof err, 0, ""};
    archive a = read_archive(name);
    fm_model_options options = {sizeof options, 0, UINT64_MAX, NULL, NULL, 0};
    if (fmi_model_load(&model, a.bytes, a.size, &options, &err) != FM_OK)
        fail_msg("%s", err.message);
    fmi_block_free(a.bytes);
    return model;
}

static fm_status load_bytes(archive a, const fm_model_options *options, fm_error *err)
{
    fm_model_options own = {sizeof own, 0, UINT64_MAX, NULL, NULL, 0};
    fm_model *model = NULL;
    fm_status status = fmi_model_load(&model, a.bytes, a.size, options ? options : &own, err);
    if (status != FM_OK)
        assert_null(model);
    fmi_model_release(model);
    return status;
}

/* Pictures that differ, smooth enough to be like crops. */
static float *make_pictures(size_t n)
{
    float *pictures = malloc(n * ITEM * sizeof *pictures);
    assert_non_null(pictures);
    for (size_t i = 0; i < n * ITEM; i++) {
        double x = (double)(i % SIDE), y = (double)(i / SIDE % SIDE), k = (double)(i / ITEM);
        pictures[i] = (float)(sin(x * (0.05 + 0.01 * k)) * cos(y * (0.09 - 0.003 * k)));
    }
    return pictures;
}

static fmi_part *part_of(const fm_model *model, const char *name, fm_precision precision)
{
    fmi_part *part = NULL;
    fm_error err = {sizeof err, 0, ""};
    if (fmi_model_part(model, name, precision, &part, &err) != FM_OK)
        fail_msg("%s", err.message);
    return part;
}

static void embed(const fm_model *model, fmi_part *part, const float *in, size_t n, float *out)
{
    const int64_t shape[3] = {3, SIDE, SIDE};
    fm_error err = {sizeof err, 0, ""};
    if (fmi_model_run_items(model, part, 1, in, n, shape, out, DIM, &err) != FM_OK)
        fail_msg("%s", err.message);
}

static void assert_near(const float *got, const float *want, size_t n, double tolerance)
{
    double size = 0, worst = 0;
    for (size_t i = 0; i < n; i++) {
        size = fmax(size, fabs((double)want[i]));
        worst = fmax(worst, fabs((double)got[i] - (double)want[i]));
        if (!isfinite(got[i]))
            fail_msg("value %zu is not finite", i);
    }
    if (!(worst <= tolerance * size))
        fail_msg("off by %g of %g", worst, size);
}

static double cosine(const float *a, const float *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

static void assert_one_line(const fm_error *err)
{
    assert_true(err->message[0] != '\0');
    assert_null(strpbrk(err->message, "\n\r"));
}

static void test_backend_torch_refuses_what_is_no_archive(void **state)
{
    static uint8_t text[] = "this is certainly not a TorchScript archive, but it is long enough";
    static uint8_t zip_head[64] = "PK\003\004";
    archive cases[] = {{text, sizeof text}, {text, 0}, {text, 1}, {zip_head, sizeof zip_head}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fm_error err = {sizeof err, 0, ""};
        assert_int_equal(load_bytes(cases[i], NULL, &err), FM_E_CORRUPT);
        assert_one_line(&err);
    }
}

static void test_backend_torch_refuses_truncated_archives(void **state)
{
    archive whole = read_archive("mtcnn");
    (void)state;
    for (size_t i = 0; i < 200; i++) {
        /* all over the file, and every byte of its end, where the table of records is */
        size_t cut = i < 100 ? whole.size / 100 * i : whole.size - (200 - i);
        archive a = {malloc(cut ? cut : 1), cut}; /* its own block, so that ASan sees overreads */
        fm_error err = {sizeof err, 0, ""};
        assert_non_null(a.bytes);
        memcpy(a.bytes, whole.bytes, cut);
        if (load_bytes(a, NULL, &err) != FM_E_CORRUPT)
            fail_msg("cut at %zu of %zu: %s", cut, whole.size, fm_status_name(err.status));
        assert_one_line(&err);
        free(a.bytes);
    }
    fmi_block_free(whole.bytes);
}

static void test_backend_torch_wants_a_manifest(void **state)
{
    archive a = read_archive("mobilefacenet");
    fm_error err = {sizeof err, 0, ""};
    fm_model_options options = {sizeof options, 0, UINT64_MAX, NULL, NULL, 0};
    char manifest[8192];
    size_t length;
    const char *begin = (const char *)find_record(a, "extra/facematch.json"), *end;
    (void)state;
    end = strstr(begin, "\n}\n");
    assert_non_null(end);
    length = (size_t)(end + 3 - begin);
    assert_true(length < sizeof manifest);
    memcpy(manifest, begin, length);
    manifest[length] = '\0';
    options.manifest_json = manifest;
    assert_int_equal(load_bytes(a, &options, &err), FM_E_INVALID_ARGUMENT);
    rename_record(a, "extra/facematch.json", "extra/someother.json");
    assert_int_equal(load_bytes(a, NULL, &err), FM_E_CORRUPT);
    assert_non_null(strstr(err.message, "manifest_json"));
    assert_int_equal(load_bytes(a, &options, &err), FM_OK);
    fmi_block_free(a.bytes);
}

/* Code that cannot be loaded proves that a refused model's code is not looked at. */
static void test_backend_torch_checks_ids_before_loading_code(void **state)
{
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    const char *ids[] = {zeros};
    archive a = read_archive("mtcnn");
    fm_error err = {sizeof err, 0, ""};
    fm_model_options options = {sizeof options, 0, UINT64_MAX, NULL, ids, 1};
    (void)state;
    memset(find_record(a, "/data.pkl"), 0xFF, 16);
    assert_int_equal(load_bytes(a, &options, &err), FM_E_PERMISSION);
    assert_int_equal(load_bytes(a, NULL, &err), FM_E_CORRUPT);
    assert_one_line(&err);
    fmi_block_free(a.bytes);
}

/* tools/models computes ids in Python, from the zip file alone. */
static void assert_python_agrees(const char *name)
{
    char command[2048], line[512] = "";
    fm_model *model = load(name);
    FILE *pipe;
    bool found = false;
    snprintf(command, sizeof command,
             "PYTHONPATH=tools/models /usr/bin/python3 -m facematch_models inspect '%s'",
             model_path(name));
    pipe = popen(command, "r");
    assert_non_null(pipe);
    while (fgets(line, sizeof line, pipe))
        if (strncmp(line, "id ", 3) == 0) {
            line[strcspn(line, "\n")] = '\0';
            assert_string_equal(line + 3, model->id);
            found = true;
        }
    assert_int_equal(pclose(pipe), 0);
    assert_true(found);
    fmi_model_release(model);
}

static void test_backend_torch_ids_equal_those_of_the_builder(void **state)
{
    (void)state;
    assert_python_agrees("mobilefacenet");
    assert_python_agrees("dlib-resnet-v1");
    assert_python_agrees("mtcnn");
}

static void test_backend_torch_names_both_sizes(void **state)
{
    fm_model *model = load("mobilefacenet");
    fmi_part *part = part_of(model, "", FM_PRECISION_FLOAT32);
    const int64_t shape[4] = {1, 3, SIDE, SIDE};
    fm_error err = {sizeof err, 0, ""};
    float *in = make_pictures(1), out[256];
    (void)state;
    for (size_t i = 0; i < 256; i++)
        out[i] = 42;
    assert_int_equal(model->backend->run(part, 1, in, shape, out, 128, &err), FM_E_BACKEND);
    assert_non_null(strstr(err.message, "192"));
    assert_non_null(strstr(err.message, "128"));
    for (size_t i = 0; i < 256; i++)
        assert_true(out[i] == 42);
    free(in);
    fmi_model_release(model);
}

static void test_backend_torch_knows_its_parts(void **state)
{
    fm_model *model = load("mtcnn");
    fmi_part *part = NULL, *pnet = part_of(model, "pnet", FM_PRECISION_FLOAT32);
    const char *wrong[] = {"qnet", "training", "forward", "pnet.conv1"};
    fm_error err = {sizeof err, 0, ""};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(fmi_model_part(model, wrong[i], FM_PRECISION_FLOAT32, &part, &err),
                         FM_E_CORRUPT);
        assert_non_null(strstr(err.message, wrong[i]));
    }
    assert_null(part);
    assert_ptr_equal(part_of(model, "pnet", FM_PRECISION_FLOAT32), pnet);
    assert_ptr_not_equal(part_of(model, "rnet", FM_PRECISION_FLOAT32), pnet);
    assert_int_equal(fmi_model_part(model, "pnet", 7, &part, &err), FM_E_UNSUPPORTED);
    fmi_model_release(model);
}

/* An input that the network cannot take: the interpreter's report becomes one line. */
static void test_backend_torch_reports_failing_networks(void **state)
{
    fm_model *model = load("mtcnn");
    fmi_part *pnet = part_of(model, "pnet", FM_PRECISION_FLOAT32);
    const int64_t shapes[][4] = {{1, 3, 5, 5}, {1, 4, 24, 24}, {1, 3, 0, 12}};
    fm_error err = {sizeof err, 0, ""};
    static float in[4 * 24 * 24], out[5];
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        assert_int_equal(model->backend->run(pnet, 1, in, shapes[i], out, 5, &err), FM_E_BACKEND);
        assert_one_line(&err);
        assert_null(strstr(err.message, "Traceback"));
    }
    fmi_model_release(model);
}

static void assert_modes_survive(const fm_model *model, fmi_part *part, int threads, bool gradient)
{
    const int64_t shape[4] = {1, 3, 24, 24};
    static float in[3 * 24 * 24], out[5 * 7 * 7];
    fm_error err = {sizeof err, 0, ""};
    torch_set_threads(threads);
    torch_set_gradient(gradient);
    for (int32_t asked = 1; asked <= 3; asked++)
        for (size_t fail = 0; fail < 2; fail++) {
            fm_status status =
                model->backend->run(part, asked, in, shape, out, 5 * 7 * 7 + fail, &err);
            assert_int_equal(status, fail ? FM_E_BACKEND : FM_OK);
            assert_int_equal(torch_threads(), threads);
            assert_int_equal(torch_gradient(), gradient);
            assert_false(torch_inference());
        }
}

static void test_backend_torch_puts_modes_back(void **state)
{
    fm_model *model = load("mtcnn");
    fmi_part *part = part_of(model, "pnet", FM_PRECISION_FLOAT32);
    int threads = torch_threads();
    (void)state;
    assert_modes_survive(model, part, 1, true);
    assert_modes_survive(model, part, 2, false);
    torch_set_gradient(false); /* loading and preparing keep it, too */
    fm_model *other = load("mobilefacenet");
    part_of(other, "", FM_PRECISION_FLOAT32);
    assert_false(torch_gradient());
    fmi_model_release(other);
    torch_set_gradient(true);
    torch_set_threads(threads);
    fmi_model_release(model);
}

static void test_backend_torch_batches_equal_single_items(void **state)
{
    fm_model *model = load("mobilefacenet");
    fmi_part *part = part_of(model, "", FM_PRECISION_FLOAT32);
    float *in = make_pictures(ITEMS), together[ITEMS * DIM], one[DIM];
    (void)state;
    embed(model, part, in, ITEMS, together);
    for (size_t i = 0; i < ITEMS; i++) {
        embed(model, part, in + i * ITEM, 1, one);
        assert_near(together + i * DIM, one, DIM, 1e-4);
    }
    /* the pictures are told apart, so equality means something */
    assert_true(cosine(together, together + (ITEMS - 1) * DIM, DIM) < 0.999);
    free(in);
    fmi_model_release(model);
}

static void test_backend_torch_bfloat16_is_close(void **state)
{
    fm_model *model = load("mobilefacenet");
    fmi_part *exact = part_of(model, "", FM_PRECISION_FLOAT32), *fast = NULL;
    float *in = make_pictures(ITEMS), want[ITEMS * DIM], got[ITEMS * DIM], again[ITEMS * DIM];
    fm_error err = {sizeof err, 0, ""};
    fm_status status = fmi_model_part(model, "", FM_PRECISION_BFLOAT16, &fast, &err);
    (void)state;
    assert_int_equal(status, model->backend->has_bfloat16() ? FM_OK : FM_E_UNSUPPORTED);
    embed(model, exact, in, ITEMS, want);
    if (status == FM_OK) {
        embed(model, fast, in, ITEMS, got);
        for (size_t i = 0; i < ITEMS; i++)
            assert_true(cosine(got + i * DIM, want + i * DIM, DIM) > 0.995);
        assert_memory_not_equal(got, want, sizeof got);
    } else {
        assert_non_null(strstr(err.message, "bfloat16"));
    }
    embed(model, exact, in, ITEMS, again); /* preparing one precision leaves the other alone */
    assert_near(again, want, ITEMS * DIM, 1e-6);
    free(in);
    fmi_model_release(model);
}

typedef struct job {
    const fm_model *model;
    const float *in;
    float out[ITEMS * DIM];
    fm_status status;
} job;

static void *work(void *user)
{
    const int64_t shape[3] = {3, SIDE, SIDE};
    job *j = user;
    fmi_part *part = NULL;
    j->status = fmi_model_part(j->model, "", FM_PRECISION_FLOAT32, &part, NULL);
    for (int i = 0; i < 3 && j->status == FM_OK; i++)
        j->status = fmi_model_run_items(j->model, part, 1, j->in, ITEMS, shape, j->out, DIM, NULL);
    return NULL;
}

/* The first use, too, is by all of them at once. */
static void test_backend_torch_threads_share_a_network(void **state)
{
    enum { THREADS = 6 };
    static job jobs[THREADS], serial;
    pthread_t threads[THREADS];
    fm_model *model = load("mobilefacenet");
    float *in = make_pictures(ITEMS);
    (void)state;
    for (size_t i = 0; i < THREADS; i++) {
        jobs[i].model = model;
        jobs[i].in = in;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    serial.model = model;
    serial.in = in;
    work(&serial);
    assert_int_equal(serial.status, FM_OK);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(jobs[i].status, FM_OK);
        assert_near(jobs[i].out, serial.out, ITEMS * DIM, 1e-6);
    }
    free(in);
    fmi_model_release(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backend_torch_refuses_what_is_no_archive),
        cmocka_unit_test(test_backend_torch_refuses_truncated_archives),
        cmocka_unit_test(test_backend_torch_wants_a_manifest),
        cmocka_unit_test(test_backend_torch_checks_ids_before_loading_code),
        cmocka_unit_test(test_backend_torch_ids_equal_those_of_the_builder),
        cmocka_unit_test(test_backend_torch_names_both_sizes),
        cmocka_unit_test(test_backend_torch_knows_its_parts),
        cmocka_unit_test(test_backend_torch_reports_failing_networks),
        cmocka_unit_test(test_backend_torch_puts_modes_back),
        cmocka_unit_test(test_backend_torch_batches_equal_single_items),
        cmocka_unit_test(test_backend_torch_bfloat16_is_close),
        cmocka_unit_test(test_backend_torch_threads_share_a_network),
    };
    if (access(model_path("mobilefacenet"), R_OK) != 0 || access(model_path("mtcnn"), R_OK) != 0 ||
        access(model_path("dlib-resnet-v1"), R_OK) != 0) {
        printf("skipped: no models in $FACEMATCH_MODELS or ./models\n");
        return 0;
    }
    return cmocka_run_group_tests_name("backend_torch", tests, NULL, NULL);
}
