/* What is written of a manifest reads back as the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/manifest.h"
#include "core/memory.h"
#include "helpers.h"
#include <math.h>
#include <string.h>

#define HEAD(kind)                                                                                 \
    "{\"format\":1,\"name\":\"a \\\"name\\\" \\u00e4\",\"source\":\"from\",\"license\":\"CC0\","   \
    "\"training_data\":\"some\",\"kind\":\"" kind "\","                                            \
    "\"input\":{\"width\":112,\"height\":96,\"order\":\"BGR\",\"mean\":[122.782,117.001,0.1],"     \
    "\"std\":[128,255.5,1e-3]},"
#define POINTS                                                                                     \
    "\"alignment\":{\"points\":[[38.2946,51.6963],[73.5318,51.5014],[56.0252,71.7366],"            \
    "[41.5493,92.3655],[70.7299,92.2041]],\"border\":\"replicate\"},"
#define RUNTIME                                                                                    \
    "\"runtime\":{\"memory_format\":\"channels_last\","                                            \
    "\"memory_format_bfloat16\":\"contiguous\",\"batch\":8}"

static const char *const manifests[] = {
    HEAD("embedder") POINTS RUNTIME
    ",\"family\":\"softmax\",\"embedding\":{\"dim\":192,\"normalize\":true,\"flip\":true},"
    "\"metric\":\"cosine\","
    "\"calibration\":{\"dataset\":\"staff\",\"people\":17,\"impostor_comparisons\":100000,"
    "\"genuine_comparisons\":300,\"points\":[{\"fmr\":0.1,\"score\":-0.25,\"low\":0.05,"
    "\"high\":0.2},{\"fmr\":0.01,\"score\":0.4},{\"fmr\":1e-3,\"score\":0.6}],"
    "\"tail\":{\"score\":0.5,\"fmr\":0.005,\"exceedances\":500,\"shape\":-0.1,\"scale\":0.07,"
    "\"covariance\":[1,2.5,3,4,5,6]},\"genuine\":[{\"fnmr\":0.1,\"score\":0.3},"
    "{\"fnmr\":0.2,\"score\":0.35}]}}",
    HEAD("embedder") POINTS RUNTIME
    ",\"family\":\"triplet\",\"embedding\":{\"dim\":3,\"normalize\":false},"
    "\"metric\":\"siamese\",\"metric_weights\":{\"weights\":[-0.1,2,1e-30],\"bias\":3.3}}",
    HEAD("embedder") POINTS RUNTIME
    ",\"family\":\"triplet\",\"embedding\":{\"dim\":2,\"normalize\":false},"
    "\"metric\":\"weighted_chi_squared\",\"metric_weights\":{\"weights\":[0.333333343,2]}}",
    HEAD("embedder") POINTS RUNTIME
    ",\"family\":\"bundle\",\"embedding\":{\"dim\":24,\"normalize\":true,\"members\":["
    "{\"part\":\"a\",\"dim\":16,\"weight\":1},{\"part\":\"b\",\"dim\":8,\"weight\":1.5,"
    "\"flip\":true,\"input\":{\"width\":32,\"height\":32,\"order\":\"RGB\",\"mean\":[1,2,3],"
    "\"std\":[4,5,6]},\"alignment\":{\"points\":[[10,12],[22,12],[16,18],[11,24],[21,24]],"
    "\"border\":\"zero\"}}]},\"metric\":\"euclidean\"}",
    HEAD("embedder") POINTS RUNTIME
    ",\"family\":\"triplet\",\"embedding\":{\"dim\":1,\"normalize\":false},"
    "\"metric\":\"siamese\",\"metric_weights\":{\"weights\":[-1],\"bias\":3},"
    "\"calibration\":{\"dataset\":\"\",\"impostor_comparisons\":9000,\"points\":["
    "{\"fmr\":0.1,\"score\":0.5},{\"fmr\":0.01,\"score\":0.999999940}],\"tail\":{"
    "\"of\":\"log-odds\",\"score\":2,\"fmr\":0.02,\"exceedances\":200,\"shape\":-0.05,"
    "\"scale\":1.5,\"covariance\":[1,2,3,4,5,6]}}}",
    HEAD("detector") RUNTIME
    ",\"detector\":{\"type\":\"mtcnn\",\"thresholds\":[0.6,0.7,0.75],\"nms\":[0.5,0.7,1],"
    "\"factor\":0.709,\"cell\":12,\"stride\":2,\"second_look\":true}}",
    HEAD("liveness") RUNTIME
    ",\"liveness\":{\"classes\":3,\"live\":1,\"output\":\"logits\",\"nets\":["
    "{\"part\":\"near\",\"scale\":2.7},{\"part\":\"far\",\"scale\":4,\"input\":{\"width\":32,"
    "\"height\":24,\"order\":\"RGB\",\"mean\":[1,2,3],\"std\":[4,5,6]}}]},\"calibration\":{"
    "\"dataset\":\"door\",\"attacks\":250,\"live\":240,\"points\":[{\"score\":0,\"apcer\":1,"
    "\"bpcer\":0},{\"score\":0.123456789,\"apcer\":0.02,\"bpcer\":0.05}]}}",
    HEAD("liveness") RUNTIME ",\"liveness\":{\"classes\":1,\"live\":0,\"output\":"
                             "\"probabilities\",\"nets\":[{\"scale\":1}]}}",
};
enum { COUNT = sizeof manifests / sizeof manifests[0] };

static fm_error err = {sizeof err, 0, ""};

static fmi_manifest parse(const char *text)
{
    fmi_manifest m;
    fm_assert_status(fmi_manifest_parse(&m, text, strlen(text), &err), FM_OK, &err);
    return m;
}

static void assert_same_input(const fmi_input *a, const fmi_input *b)
{
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_int_equal(a->bgr, b->bgr);
    assert_memory_equal(a->mean, b->mean, sizeof a->mean);
    assert_memory_equal(a->std, b->std, sizeof a->std);
}

static void assert_same_alignment(const fmi_alignment *a, const fmi_alignment *b)
{
    assert_int_equal(a->present, b->present);
    assert_int_equal(a->replicate, b->replicate);
    assert_memory_equal(a->points, b->points, sizeof a->points);
}

static void assert_same_embedding(const fmi_manifest *a, const fmi_manifest *b)
{
    assert_int_equal(a->family, b->family);
    assert_int_equal(a->metric, b->metric);
    assert_int_equal(a->embedding.dim, b->embedding.dim);
    assert_int_equal(a->embedding.normalize, b->embedding.normalize);
    assert_int_equal(a->embedding.count, b->embedding.count);
    for (size_t i = 0; i < a->embedding.count; i++) {
        const fmi_member *x = &a->embedding.members[i], *y = &b->embedding.members[i];
        assert_string_equal(x->part, y->part);
        assert_int_equal(x->dim, y->dim);
        assert_int_equal(x->flip, y->flip);
        assert_true(x->weight == y->weight);
        assert_same_input(&x->input, &y->input);
        assert_same_alignment(&x->alignment, &y->alignment);
    }
    assert_int_equal(a->metric_weights == NULL, b->metric_weights == NULL);
    if (a->metric_weights)
        assert_memory_equal(a->metric_weights, b->metric_weights,
                            (size_t)a->embedding.dim * sizeof(float));
    assert_true(a->metric_bias == b->metric_bias);
}

static void assert_same_calibration(const fmi_calibration *a, const fmi_calibration *b)
{
    assert_int_equal(a->impostor_comparisons, b->impostor_comparisons);
    assert_int_equal(a->people, b->people);
    assert_int_equal(a->genuine_comparisons, b->genuine_comparisons);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->genuine_count, b->genuine_count);
    for (size_t i = 0; i < a->count; i++)
        assert_memory_equal(&a->points[i], &b->points[i], sizeof a->points[i]);
    for (size_t i = 0; i < a->genuine_count; i++)
        assert_memory_equal(&a->genuine[i], &b->genuine[i], sizeof a->genuine[i]);
    assert_int_equal(a->tail.present, b->tail.present);
    assert_int_equal(a->tail.exceedances, b->tail.exceedances);
    assert_true(a->tail.score == b->tail.score && a->tail.fmr == b->tail.fmr);
    assert_true(a->tail.shape == b->tail.shape && a->tail.scale == b->tail.scale);
    assert_memory_equal(a->tail.covariance, b->tail.covariance, sizeof a->tail.covariance);
}

static void assert_same_liveness(const fmi_manifest *a, const fmi_manifest *b)
{
    assert_int_equal(a->liveness.classes, b->liveness.classes);
    assert_int_equal(a->liveness.live, b->liveness.live);
    assert_int_equal(a->liveness.logits, b->liveness.logits);
    assert_int_equal(a->liveness.count, b->liveness.count);
    for (size_t i = 0; i < a->liveness.count; i++) {
        const fmi_liveness_net *x = &a->liveness.nets[i], *y = &b->liveness.nets[i];
        assert_string_equal(x->part, y->part);
        assert_true(x->scale == y->scale);
        assert_same_input(&x->input, &y->input);
    }
    assert_int_equal(a->pad.attacks, b->pad.attacks);
    assert_int_equal(a->pad.live, b->pad.live);
    assert_int_equal(a->pad.count, b->pad.count);
    for (size_t i = 0; i < a->pad.count; i++)
        assert_memory_equal(&a->pad.points[i], &b->pad.points[i], sizeof a->pad.points[i]);
}

static void assert_same(const fmi_manifest *a, const fmi_manifest *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->source, b->source);
    assert_string_equal(a->license, b->license);
    assert_string_equal(a->training_data, b->training_data);
    assert_string_equal(a->calibration_dataset, b->calibration_dataset);
    assert_same_input(&a->input, &b->input);
    assert_same_alignment(&a->alignment, &b->alignment);
    assert_same_embedding(a, b);
    assert_same_calibration(&a->calibration, &b->calibration);
    assert_same_liveness(a, b);
    assert_memory_equal(a->detector.thresholds, b->detector.thresholds, 3 * sizeof(double));
    assert_memory_equal(a->detector.nms, b->detector.nms, 3 * sizeof(double));
    assert_true(a->detector.factor == b->detector.factor);
    assert_int_equal(a->detector.cell, b->detector.cell);
    assert_int_equal(a->detector.stride, b->detector.stride);
    assert_int_equal(a->detector.second_look, b->detector.second_look);
    assert_int_equal(a->runtime.channels_last, b->runtime.channels_last);
    assert_int_equal(a->runtime.channels_last_bfloat16, b->runtime.channels_last_bfloat16);
    assert_int_equal(a->runtime.batch, b->runtime.batch);
}

static void test_manifest_reads_back_as_it_was_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        fmi_manifest m = parse(manifests[i]), again;
        char *text = NULL, *canonical[2] = {NULL, NULL};
        size_t size = 0;
        fm_assert_status(fmi_manifest_write(&m, &text, &size, &err), FM_OK, &err);
        assert_int_equal(strlen(text), size);
        again = parse(text);
        assert_same(&m, &again);
        if (i == 0) { /* the others' defaults are written out, which makes another id */
            fm_assert_status(
                fmi_manifest_canonical(&canonical[0], manifests[i], strlen(manifests[i]), &err),
                FM_OK, &err);
            fm_assert_status(fmi_manifest_canonical(&canonical[1], text, size, &err), FM_OK, &err);
            assert_string_equal(canonical[0], canonical[1]);
        }
        fmi_free(canonical[0]);
        fmi_free(canonical[1]);
        fmi_free(text);
        fmi_manifest_dispose(&m);
        fmi_manifest_dispose(&again);
    }
}

static void test_manifest_numbers_are_short(void **state)
{
    fmi_manifest m = parse(manifests[1]);
    char *text = NULL;
    size_t size = 0;
    (void)state;
    fm_assert_status(fmi_manifest_write(&m, &text, &size, &err), FM_OK, &err);
    assert_non_null(strstr(text, "[122.782,117.001,0.1]"));
    assert_non_null(strstr(text, "\"bias\":3.3"));
    assert_null(strstr(text, "calibration"));
    fmi_free(text);
    m.metric_weights[1] = NAN;
    fm_assert_status(fmi_manifest_write(&m, &text, &size, &err), FM_E_NO_MEMORY, &err);
    fmi_manifest_dispose(&m);
}

static void test_manifest_is_not_written_without_memory(void **state)
{
    fmi_manifest m = parse(manifests[0]);
    char *text = NULL;
    size_t size = 77;
    (void)state;
    fmi_memory_fail_after(0);
    fm_assert_status(fmi_manifest_write(&m, &text, &size, &err), FM_E_NO_MEMORY, &err);
    fmi_memory_fail_after(-1);
    assert_null(text);
    assert_int_equal(size, 77);
    fmi_manifest_dispose(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manifest_reads_back_as_it_was_written),
        cmocka_unit_test(test_manifest_numbers_are_short),
        cmocka_unit_test(test_manifest_is_not_written_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
