/* Loading models, here of the fake backend: ids, permissions, references, running in batches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/fake.h"
#include "backend/model.h"
#include "core/memory.h"
#include "helpers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "\"format\":1,\"kind\":\"embedder\",\"family\":\"softmax\","
#define INPUT                                                                                      \
    "\"input\":{\"width\":16,\"height\":16,\"order\":\"RGB\",\"mean\":[127.5,127.5,127.5],"        \
    "\"std\":[128,128,128]},"
#define POINTS(x) "\"points\":[[" x ",5],[11,5],[8,8],[5,11],[10,11]]"
#define ALIGN     "\"alignment\":{" POINTS("4") ",\"border\":\"zero\"},"
#define EMBED     "\"embedding\":{\"dim\":6,\"normalize\":true},"
#define METRIC    "\"metric\":\"cosine\""
#define BODY      HEAD INPUT ALIGN EMBED METRIC
#define MANIFEST  "{" BODY "}"
#define CALIBRATION                                                                                \
    "\"calibration\":{\"dataset\":\"d\",\"impostor_comparisons\":1000,\"points\":["                \
    "{\"fmr\":0.1,\"score\":0.25},{\"fmr\":0.001,\"score\":0.75}]},"
#define DETECTOR                                                                                   \
    "{\"format\":1,\"kind\":\"detector\"," INPUT                                                   \
    "\"detector\":{\"type\":\"mtcnn\",\"thresholds\":[0.6,0.7,0.7],\"factor\":0.709,\"cell\":12,"  \
    "\"stride\":2,\"nms\":[0.5,0.7,0.7]}}"

enum { SIDE = 16, ITEM = 3 * SIDE * SIDE, DIM = 6 };

static const char good[] = FMI_FAKE_MAGIC MANIFEST;

static fm_status load_with(fm_model **out, const char *text, const fm_model_options *options,
                           fm_error *err)
{
    return fm_model_load_memory(out, text, strlen(text), options, err);
}

static fm_model *load(const char *text)
{
    fm_model *model = NULL;
    fm_error err = {sizeof err, 0, ""};
    fm_assert_status(load_with(&model, text, NULL, &err), FM_OK, &err);
    return model;
}

static void assert_refused(const char *text, const fm_model_options *options, fm_status status,
                           const char *part)
{
    fm_model *model = NULL;
    fm_error err = {sizeof err, 0, ""};
    fm_assert_status(load_with(&model, text, options, &err), status, &err);
    fm_assert_message(&err, part);
    assert_null(model);
    assert_int_equal(fmi_memory_live_blocks(), 0);
}

static void read_id(char id[FM_MODEL_ID_SIZE], const char *text)
{
    fm_model *model = load(text);
    memcpy(id, model->id, FM_MODEL_ID_SIZE);
    fm_model_free(model);
}

static void test_model_describes_itself(void **state)
{
    fm_model *model = load(FMI_FAKE_MAGIC "{\"name\":\"n\",\"source\":\"s\",\"license\":\"l\","
                                          "\"training_data\":\"t\"," CALIBRATION BODY "}");
    fm_model_info info = {.struct_size = sizeof info};
    fm_error err = {sizeof err, 0, ""};
    (void)state;
    fm_assert_status(fm_model_describe(model, &info, &err), FM_OK, &err);
    assert_int_equal(info.struct_size, sizeof info);
    assert_int_equal(info.kind, FM_MODEL_EMBEDDER);
    assert_int_equal(info.family, FM_FAMILY_SOFTMAX);
    assert_int_equal(info.metric, FM_METRIC_COSINE);
    assert_int_equal(info.dim, DIM);
    assert_int_equal(info.input_width_px, SIDE);
    assert_int_equal(info.input_height_px, SIDE);
    assert_int_equal(info.normalized, 1);
    assert_string_equal(info.id, model->id);
    assert_string_equal(info.name, "n");
    assert_string_equal(info.source, "s");
    assert_string_equal(info.license, "l");
    assert_string_equal(info.training_data, "t");
    assert_string_equal(info.calibration_dataset, "d");
    assert_int_equal(info.calibration_comparisons, 1000);
    assert_true(info.calibration_min_fmr == 0.001);
    fm_model_free(model);
}

static void test_model_describes_a_detector(void **state)
{
    fm_model *model = load(FMI_FAKE_MAGIC DETECTOR);
    fm_model_info info = {.struct_size = sizeof info};
    fm_error err = {sizeof err, 0, ""};
    (void)state;
    fm_assert_status(fm_model_describe(model, &info, &err), FM_OK, &err);
    assert_int_equal(info.kind, FM_MODEL_DETECTOR);
    assert_int_equal(info.family, 0);
    assert_int_equal(info.metric, 0);
    assert_int_equal(info.dim, 0);
    assert_string_equal(info.name, "");
    assert_string_equal(info.calibration_dataset, "");
    assert_true(info.calibration_min_fmr == 0);
    fm_model_free(model);
}

/* What tools/models computes in Python for an archive with the one record "fake" and MANIFEST. */
static const char golden_id[] = "fe38e6730dfd7503518aa77895b13edd09fb4d0d2c533875e8888eb1cf459f50";

static void test_model_id_is_what_the_documents_say(void **state)
{
    char id[FM_MODEL_ID_SIZE];
    (void)state;
    read_id(id, good);
    assert_string_equal(id, golden_id);
}

static void test_model_id_ignores_texts_and_calibration(void **state)
{
    static const char *const same[] = {
        FMI_FAKE_MAGIC "{\"license\":\"other\",\"name\":\"x\"," BODY "}",
        FMI_FAKE_MAGIC "{" CALIBRATION BODY "}",
        FMI_FAKE_MAGIC "{" BODY ",\"runtime\":{\"batch\":2,\"memory_format\":\"channels_last\"}}",
        FMI_FAKE_MAGIC " {\n" METRIC ",\t" EMBED ALIGN INPUT HEAD "\"x\":1 }\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        char id[FM_MODEL_ID_SIZE];
        read_id(id, same[i]);
        assert_string_equal(id, golden_id);
    }
}

static void test_model_id_follows_what_makes_embeddings(void **state)
{
    static const char *const other[] = {
        FMI_FAKE_MAGIC "{" HEAD INPUT
                       "\"alignment\":{" POINTS("4.5") ",\"border\":\"zero\"}," EMBED METRIC "}",
        FMI_FAKE_MAGIC "{" HEAD INPUT
                       "\"alignment\":{" POINTS("4") ",\"border\":\"replicate\"}," EMBED METRIC "}",
        FMI_FAKE_MAGIC "{" HEAD "\"input\":{\"width\":16,\"height\":16,\"order\":\"BGR\","
                       "\"mean\":[127.5,127.5,127.5],\"std\":[128,128,128]}," ALIGN EMBED METRIC
                       "}",
        FMI_FAKE_MAGIC "{" HEAD INPUT ALIGN "\"embedding\":{\"dim\":6,\"normalize\":false}," METRIC
                       "}",
        FMI_FAKE_MAGIC "{" HEAD INPUT ALIGN EMBED "\"metric\":\"euclidean\"}",
        FMI_FAKE_MAGIC DETECTOR,
    };
    enum { COUNT = sizeof other / sizeof *other };
    char ids[COUNT + 1][FM_MODEL_ID_SIZE];
    (void)state;
    strcpy(ids[COUNT], golden_id);
    for (size_t i = 0; i < COUNT; i++)
        read_id(ids[i], other[i]);
    for (size_t i = 0; i <= COUNT; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
}

static void test_model_takes_a_manifest_from_the_caller(void **state)
{
    fm_model_options options = {.struct_size = sizeof options, .manifest_json = MANIFEST};
    fm_model *model = NULL;
    fm_error err = {sizeof err, 0, ""};
    (void)state;
    fm_assert_status(load_with(&model, FMI_FAKE_MAGIC, &options, &err), FM_OK, &err);
    assert_int_equal(model->manifest.embedding.dim, DIM);
    assert_string_equal(model->id, golden_id); /* stated or carried, the same facts */
    fm_model_free(model);
    assert_refused(good, &options, FM_E_INVALID_ARGUMENT, "manifest_json");
    options.manifest_json = "{\"format\":1}";
    assert_refused(FMI_FAKE_MAGIC, &options, FM_E_CORRUPT, "kind is missing");
    options.manifest_json = "";
    assert_refused(FMI_FAKE_MAGIC, &options, FM_E_CORRUPT, "not valid JSON");
}

static void test_model_refuses_bad_files(void **state)
{
    (void)state;
    assert_refused("FMFAKE2\n" MANIFEST, NULL, FM_E_CORRUPT, "not a model file");
    assert_refused("", NULL, FM_E_CORRUPT, "not a model file");
    assert_refused("FMFAKE1", NULL, FM_E_CORRUPT, "not a model file");
    assert_refused(FMI_FAKE_MAGIC, NULL, FM_E_CORRUPT, "manifest_json");
    assert_refused(FMI_FAKE_MAGIC "{\"format\":1,", NULL, FM_E_CORRUPT, "not valid JSON");
    assert_refused(FMI_FAKE_MAGIC "{\"format\":9}", NULL, FM_E_VERSION, "format is 9");
    assert_refused(FMI_FAKE_MAGIC "{\"format\":1,\"kind\":\"x\"}", NULL, FM_E_UNSUPPORTED, "kind");
}

static void test_model_checks_its_options(void **state)
{
    const char *bad_ids[] = {golden_id, "123"};
    const char *null_ids[] = {NULL};
    fm_model_options options = {.struct_size = sizeof options, .reserved = 1};
    (void)state;
    assert_refused(good, &options, FM_E_INVALID_ARGUMENT, "reserved");
    options = (fm_model_options){.struct_size = sizeof options, .allowed_ids_count = 1};
    assert_refused(good, &options, FM_E_INVALID_ARGUMENT, "allowed_ids is NULL");
    options.allowed_ids = null_ids;
    assert_refused(good, &options, FM_E_INVALID_ARGUMENT, "entry 1");
    options.allowed_ids = bad_ids;
    options.allowed_ids_count = 2;
    assert_refused(good, &options, FM_E_INVALID_ARGUMENT, "entry 2");
    options = (fm_model_options){.struct_size = sizeof options, .max_bytes = 10};
    assert_refused(good, &options, FM_E_LIMIT, "10");
    options = (fm_model_options){.struct_size = 4};
    assert_refused(good, &options, FM_E_INVALID_ARGUMENT, "struct_size");
}

static void test_model_loads_only_allowed_ids(void **state)
{
    static const char other[] = "00000000000000000000000000000000000000000000000000000000000000ff";
    char upper[FM_MODEL_ID_SIZE];
    const char *ids[] = {other, upper};
    fm_model_options options = {
        .struct_size = sizeof options, .allowed_ids = ids, .allowed_ids_count = 1};
    fm_model *model = NULL;
    fm_error err = {sizeof err, 0, ""};
    (void)state;
    assert_refused(good, &options, FM_E_PERMISSION, golden_id);
    options.allowed_ids_count = 0; /* a list without entries allows nothing */
    assert_refused(good, &options, FM_E_PERMISSION, golden_id);
    for (size_t i = 0; i < sizeof upper; i++)
        upper[i] = (char)(golden_id[i] >= 'a' ? golden_id[i] - 'a' + 'A' : golden_id[i]);
    options.allowed_ids_count = 2;
    fm_assert_status(load_with(&model, good, &options, &err), FM_OK, &err);
    fm_model_free(model);
}

static void test_model_messages_name_the_file(void **state)
{
    fm_test_folder folder;
    fm_model *model = NULL;
    fm_error err = {sizeof err, 0, ""};
    char path[256];
    (void)state;
    assert_int_equal(fm_test_folder_make(&folder), 0);
    fm_test_path(path, sizeof path, &folder, "cut.pt");
    fm_assert_status(fm_model_load(&model, path, NULL, &err), FM_E_NOT_FOUND, &err);
    fm_assert_message(&err, "cut.pt");
    fm_test_write_file(path, good, sizeof good - 4);
    fm_assert_status(fm_model_load(&model, path, NULL, &err), FM_E_CORRUPT, &err);
    fm_assert_message(&err, "cut.pt");
    fm_assert_message(&err, "not valid JSON");
    fm_test_write_file(path, good, sizeof good - 1);
    fm_assert_status(fm_model_load(&model, path, NULL, &err), FM_OK, &err);
    fm_model_free(model);
    fm_test_folder_remove(&folder);
}

static void test_model_lives_until_the_last_reference_goes(void **state)
{
    fm_model *model = load(good), *again = fmi_model_retain(model);
    fmi_part *part = NULL;
    fm_error err = {sizeof err, 0, ""};
    (void)state;
    assert_ptr_equal(again, model);
    fm_model_free(model);
    fm_assert_status(fmi_model_part(again, "", FM_PRECISION_FLOAT32, &part, &err), FM_OK, &err);
    assert_non_null(part);
    fmi_model_release(again);
    fm_model_free(NULL);
    assert_int_equal(fmi_memory_live_blocks(), 0);
}

static void test_model_survives_running_out_of_memory(void **state)
{
    static const char text[] = FMI_FAKE_MAGIC "{\"name\":\"n\"," CALIBRATION BODY "}";
    (void)state;
    for (long k = 0;; k++) {
        fm_model *model = NULL;
        fm_error err = {sizeof err, 0, ""};
        fm_status status;
        fmi_memory_fail_after(k);
        status = load_with(&model, text, NULL, &err);
        fmi_memory_fail_after(-1);
        if (status == FM_OK) {
            fm_model_free(model);
            assert_true(k >= 15);
            assert_int_equal(fmi_memory_live_blocks(), 0);
            break;
        }
        fm_assert_status(status, FM_E_NO_MEMORY, &err);
        assert_null(model);
        assert_int_equal(fmi_memory_live_blocks(), 0);
    }
}

static void test_model_knows_its_parts(void **state)
{
    fm_model *embedder = load(good), *detector = load(FMI_FAKE_MAGIC DETECTOR);
    static const char *const nets[] = {"pnet", "rnet", "onet"};
    fmi_part *part = NULL;
    fm_error err = {sizeof err, 0, ""};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fm_assert_status(fmi_model_part(detector, nets[i], FM_PRECISION_FLOAT32, &part, &err),
                         FM_OK, &err);
        fm_assert_status(fmi_model_part(embedder, nets[i], FM_PRECISION_FLOAT32, &part, &err),
                         FM_E_CORRUPT, &err);
        fm_assert_message(&err, nets[i]);
    }
    fm_assert_status(fmi_model_part(embedder, "", FM_PRECISION_BFLOAT16, &part, &err),
                     FM_E_UNSUPPORTED, &err);
    fm_model_free(detector);
    fm_model_free(embedder);
}

static void fill_items(float *items, size_t n)
{
    uint32_t random = 7;
    for (size_t i = 0; i < n * ITEM; i++)
        items[i] = (float)(fm_test_random(&random) % 1000) / 500 - 1;
}

/* Whatever the number of items, each gets what it gets alone. */
static void test_model_batches_equal_single_items(void **state)
{
    enum { MOST = 37 };
    static float items[MOST * ITEM], together[(MOST + 1) * DIM], alone[DIM];
    const int64_t shape[3] = {3, SIDE, SIDE};
    fm_model *model = load(FMI_FAKE_MAGIC "{" BODY ",\"runtime\":{\"batch\":12}}");
    fmi_part *part = NULL;
    fm_error err = {sizeof err, 0, ""};
    (void)state;
    fill_items(items, MOST);
    fm_assert_status(fmi_model_part(model, "", FM_PRECISION_FLOAT32, &part, &err), FM_OK, &err);
    for (size_t n = 0; n <= MOST; n++) {
        for (size_t i = 0; i < (MOST + 1) * DIM; i++)
            together[i] = 99;
        fm_assert_status(fmi_model_run_items(model, part, 1, items, n, shape, together, DIM, &err),
                         FM_OK, &err);
        for (size_t i = 0; i < n; i++) {
            fm_assert_status(
                fmi_model_run_items(model, part, 1, items + i * ITEM, 1, shape, alone, DIM, &err),
                FM_OK, &err);
            fm_assert_floats_near(together + i * DIM, alone, DIM, 0, 0);
        }
        assert_true(together[n * DIM] == 99); /* and nothing beyond */
    }
    assert_memory_not_equal(together, together + DIM, DIM * sizeof(float));
    fm_model_free(model);
}

static void test_model_names_a_wrong_output_size(void **state)
{
    static float item[ITEM], out[7] = {1, 2, 3, 4, 5, 6, 7};
    const int64_t shape[3] = {3, SIDE, SIDE};
    fm_model *model = load(good);
    fmi_part *part = NULL;
    fm_error err = {sizeof err, 0, ""};
    (void)state;
    fm_assert_status(fmi_model_part(model, "", FM_PRECISION_FLOAT32, &part, &err), FM_OK, &err);
    fm_assert_status(fmi_model_run_items(model, part, 1, item, 1, shape, out, 7, &err),
                     FM_E_BACKEND, &err);
    fm_assert_message(&err, "6");
    fm_assert_message(&err, "7");
    assert_true(out[0] == 1);
    fm_model_free(model);
}

static void test_model_threshold_and_rate_come_from_the_calibration(void **state)
{
    fm_model *calibrated = load(FMI_FAKE_MAGIC "{" CALIBRATION BODY "}"), *plain = load(good);
    fm_model *detector = load(FMI_FAKE_MAGIC DETECTOR);
    fm_error err = {sizeof err, 0, ""};
    float threshold = -5;
    double fmr = -5;
    (void)state;
    fm_assert_status(fm_model_threshold(calibrated, 0.01, &threshold, &err), FM_OK, &err);
    assert_true(fabs((double)threshold - 0.5) < 1e-6); /* halfway in the logarithm of the rate */
    fm_assert_status(fm_model_fmr(calibrated, 0.5F, &fmr, &err), FM_OK, &err);
    assert_true(fabs(fmr - 0.01) < 1e-6);
    threshold = -5;
    fmr = -5;
    fm_assert_status(fm_model_threshold(plain, 0.01, &threshold, &err), FM_E_STATE, &err);
    fm_assert_status(fm_model_fmr(plain, 0.5F, &fmr, &err), FM_E_STATE, &err);
    fm_assert_status(fm_model_threshold(detector, 0.01, &threshold, &err), FM_E_INVALID_ARGUMENT,
                     &err);
    fm_assert_status(fm_model_threshold(calibrated, 1e-4, &threshold, &err), FM_E_LIMIT, &err);
    fm_assert_status(fm_model_threshold(calibrated, 1, &threshold, &err), FM_E_INVALID_ARGUMENT,
                     &err);
    fm_assert_status(fm_model_threshold(calibrated, NAN, &threshold, &err), FM_E_INVALID_ARGUMENT,
                     &err);
    fm_assert_status(fm_model_fmr(calibrated, INFINITY, &fmr, &err), FM_E_INVALID_ARGUMENT, &err);
    assert_true(threshold == -5 && fmr == -5);
    fm_model_free(detector);
    fm_model_free(plain);
    fm_model_free(calibrated);
}

/* The fake detector's first network: one red square on grey, seen by a window it suits. */
static void test_model_fake_detector_sees_a_red_square(void **state)
{
    enum { SIZE = 40, CELLS = (SIZE - 2) / 2 - 4 };
    static float in[3 * SIZE * SIZE], out[5 * CELLS * CELLS];
    const int64_t shape[4] = {1, 3, SIZE, SIZE};
    fm_model *model = load(FMI_FAKE_MAGIC DETECTOR);
    fmi_part *part = NULL;
    fm_error err = {sizeof err, 0, ""};
    const float *best = out;
    int row, column;
    (void)state;
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++)
            for (int c = 0; c < 3; c++) {
                bool red = x >= 20 && x < 27 && y >= 10 && y < 17;
                in[(c * SIZE + y) * SIZE + x] = red ? (c == 0 ? 0.996F : -0.996F) : 0;
            }
    fm_assert_status(fmi_model_part(model, "pnet", FM_PRECISION_FLOAT32, &part, &err), FM_OK, &err);
    fm_assert_status(model->backend->run(part, 1, in, shape, out, sizeof out / sizeof *out, &err),
                     FM_OK, &err);
    for (const float *p = out; p < out + CELLS * CELLS; p++)
        best = *p > *best ? p : best;
    assert_true(*best > 0.85F && *best <= 1);
    row = (int)(best - out) / CELLS;
    column = (int)(best - out) % CELLS;
    /* with the regression the box is the square */
    const float want[4] = {20, 10, 27, 17};
    float got[4];
    for (int k = 0; k < 4; k++) {
        float edge = (float)(2 * (k % 2 ? row : column) + (k < 2 ? 0 : 12));
        got[k] = edge + 12 * best[(k + 1) * CELLS * CELLS];
    }
    fm_assert_floats_near(got, want, 4, 0.1, 0);
    assert_true(out[0] == 0); /* far away there is nothing */
    fm_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model_describes_itself),
        cmocka_unit_test(test_model_describes_a_detector),
        cmocka_unit_test(test_model_id_is_what_the_documents_say),
        cmocka_unit_test(test_model_id_ignores_texts_and_calibration),
        cmocka_unit_test(test_model_id_follows_what_makes_embeddings),
        cmocka_unit_test(test_model_takes_a_manifest_from_the_caller),
        cmocka_unit_test(test_model_refuses_bad_files),
        cmocka_unit_test(test_model_checks_its_options),
        cmocka_unit_test(test_model_loads_only_allowed_ids),
        cmocka_unit_test(test_model_messages_name_the_file),
        cmocka_unit_test(test_model_lives_until_the_last_reference_goes),
        cmocka_unit_test(test_model_survives_running_out_of_memory),
        cmocka_unit_test(test_model_knows_its_parts),
        cmocka_unit_test(test_model_batches_equal_single_items),
        cmocka_unit_test(test_model_names_a_wrong_output_size),
        cmocka_unit_test(test_model_threshold_and_rate_come_from_the_calibration),
        cmocka_unit_test(test_model_fake_detector_sees_a_red_square),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
