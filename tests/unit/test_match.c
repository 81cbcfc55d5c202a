#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/model.h"
#include "helpers.h"
#include "match/kernel.h"
#include "match/metric.h"
#include "match/verify.h"
#include <facematch/compare.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { DIM = 3 };

static fm_error err = {sizeof err, 0, ""};
static float weights[DIM] = {0.5f, 1, 2};
static fmi_calibration_point points[] = {{1e-1, 0.2, 0, 0}, {1e-2, 0.4, 0, 0}, {1e-4, 0.5, 0, 0}};

static fmi_manifest manifest_of(fm_metric metric)
{
    fmi_manifest m;
    memset(&m, 0, sizeof m);
    m.kind = FM_MODEL_EMBEDDER;
    m.name = "test";
    m.embedding.dim = DIM;
    m.metric = metric;
    m.metric_weights = weights;
    m.metric_bias = 1;
    m.calibration.points = points;
    m.calibration.count = 3;
    return m;
}

static void check_score(fm_metric metric, const float *a, const float *b, double want)
{
    fmi_manifest m = manifest_of(metric);
    assert_float_equal(fmi_metric_score(&m, a, b), (float)want, 1e-6);
    assert_float_equal(fmi_metric_score(&m, b, a), (float)want, 1e-6);
}

static void test_match_metrics_by_hand(void **state)
{
    static const float a[DIM] = {1, 2, 2}, b[DIM] = {3, 0, 4};
    (void)state;
    check_score(FM_METRIC_COSINE, a, b, 11.0 / 15);
    check_score(FM_METRIC_EUCLIDEAN, a, b, -sqrt(12));
    check_score(FM_METRIC_SQEUCLIDEAN, a, b, -12);
    check_score(FM_METRIC_INNER_PRODUCT, a, b, 11);
    /* 0.5 * 4/4 + 1 * 4/2 + 2 * 4/6 */
    check_score(FM_METRIC_CHI_SQUARED, a, b, -(0.5 + 2 + 4.0 / 3));
    /* 0.5 * 2 + 1 * 2 + 2 * 2 + 1 */
    check_score(FM_METRIC_SIAMESE, a, b, 1 / (1 + exp(-8)));
}

static void test_match_score_grows_with_likeness(void **state)
{
    static const float a[DIM] = {1, 2, 2}, near[DIM] = {1.1f, 2, 2}, far[DIM] = {3, 0.1f, 0.2f};
    float falling[DIM] = {-1, -1, -1};
    (void)state;
    for (fm_metric metric = FM_METRIC_COSINE; metric <= FM_METRIC_SIAMESE; metric++) {
        fmi_manifest m = manifest_of(metric);
        if (metric == FM_METRIC_SIAMESE)
            m.metric_weights = falling;
        assert_true(fmi_metric_score(&m, a, near) > fmi_metric_score(&m, a, far));
        if (metric != FM_METRIC_INNER_PRODUCT)
            assert_true(fmi_metric_score(&m, a, a) > fmi_metric_score(&m, a, near));
    }
}

static void test_match_zero_and_huge_vectors_give_finite_scores(void **state)
{
    static const float zero[DIM] = {0}, a[DIM] = {1, 2, 2},
                       huge[DIM] = {FLT_MAX, -FLT_MAX, FLT_MAX},
                       minus[DIM] = {-FLT_MAX, FLT_MAX, -FLT_MAX};
    (void)state;
    for (fm_metric metric = FM_METRIC_COSINE; metric <= FM_METRIC_SIAMESE; metric++) {
        fmi_manifest m = manifest_of(metric);
        assert_true(isfinite(fmi_metric_score(&m, zero, zero)));
        assert_true(isfinite(fmi_metric_score(&m, zero, a)));
        assert_true(isfinite(fmi_metric_score(&m, huge, minus)));
    }
    check_score(FM_METRIC_COSINE, zero, a, 0);
    check_score(FM_METRIC_COSINE, huge, minus, -1);
    check_score(FM_METRIC_EUCLIDEAN, zero, a, -3);
    check_score(FM_METRIC_CHI_SQUARED, zero, zero, 0);
}

/* One value off in 1,000: what a sum in float32 would lose. */
static void test_match_sums_are_double(void **state)
{
    enum { N = 1000 };
    float a[N], b[N];
    fmi_manifest m = manifest_of(FM_METRIC_INNER_PRODUCT);
    (void)state;
    m.embedding.dim = N;
    for (int i = 0; i < N; i++)
        a[i] = b[i] = 1;
    a[0] = b[0] = 1e4f; /* 1e8 + 999 */
    assert_true(fmi_metric_score(&m, a, b) == (float)(1e8 + 999));
}

static void test_match_first_look_keeps_its_bound(void **state)
{
    enum { N = 517 };
    float a[N], b[N];
    uint32_t seed = 7;
    (void)state;
    for (int round = 0; round < 200; round++) {
        size_t n = 1 + fm_test_random(&seed) % N;
        double bound;
        for (size_t i = 0; i < n; i++) {
            a[i] = (float)(fm_test_random(&seed) % 20001) / 10000 - 1;
            b[i] = (float)(fm_test_random(&seed) % 20001) / 10000 - 1;
        }
        bound = fmi_kernel_dot_error(n) * fmi_kernel_norm(a, n) * fmi_kernel_norm(b, n);
        assert_true(fabs(fmi_kernel_dot_fast(a, b, n) - fmi_kernel_dot(a, b, n)) <= bound);
    }
}

static float threshold_at(const fmi_manifest *m, double fmr, bool extrapolate)
{
    float threshold = 0;
    fm_assert_status(fmi_calibration_threshold(m, fmr, extrapolate, &threshold, &err), FM_OK, &err);
    return threshold;
}

static void test_match_calibration_is_exact_at_points(void **state)
{
    fmi_manifest m = manifest_of(FM_METRIC_COSINE);
    fmi_calibration_point exact[] = {{1e-1, 0.25, 0, 0}, {1e-2, 0.5, 0, 0}, {1e-3, 0.75, 0, 0}};
    (void)state;
    m.calibration.points = exact;
    for (int i = 0; i < 3; i++) {
        assert_true(threshold_at(&m, exact[i].fmr, false) == (float)exact[i].score);
        assert_true(fmi_calibration_fmr(&m, (float)exact[i].score) == exact[i].fmr);
    }
}

/* A probability's line is one of its log-odds: 0.5 and 0.8 are 0 and log 4. */
static void test_match_calibration_of_probabilities(void **state)
{
    fmi_manifest m = manifest_of(FM_METRIC_SIAMESE);
    fmi_calibration_point odds[] = {{1e-1, 0.5, 0, 0}, {1e-2, 0.8, 0, 0}};
    float before = FLT_MAX;
    (void)state;
    m.calibration.points = odds;
    m.calibration.count = 2;
    assert_true(threshold_at(&m, 1e-2, false) == 0.8f);
    assert_float_equal(threshold_at(&m, pow(10, -1.5), false), 2.0f / 3, 1e-6);
    assert_float_equal(fmi_calibration_fmr(&m, 2.0f / 3) / pow(10, -1.5), 1, 1e-5);
    assert_float_equal(threshold_at(&m, pow(10, -0.5), false), 1.0f / 3, 1e-6);
    assert_float_equal(threshold_at(&m, 1e-4, true), 64.0f / 65, 1e-6);
    assert_true(fmi_calibration_fmr(&m, 1e-30f) == 1 && fmi_calibration_fmr(&m, 0) == 1);
    assert_true(fmi_calibration_fmr(&m, 1) == 1e-2);
    assert_true(threshold_at(&m, 1e-300, true) > 1); /* odds that no score tells */
    for (double fmr = 1e-12; fmr < 1; fmr *= 1.07) {
        float threshold = threshold_at(&m, fmr, true);
        assert_true(threshold > 0 && threshold <= 1 && threshold <= before);
        assert_true(threshold < before || threshold > 0.99999f);
        before = threshold;
        if (fmr >= 1e-2)
            assert_true(fmi_calibration_fmr(&m, threshold) <= fmr * (1 + 1e-9));
    }
}

static void test_match_calibration_interpolates_the_logarithm(void **state)
{
    fmi_manifest m = manifest_of(FM_METRIC_COSINE);
    (void)state;
    assert_float_equal(threshold_at(&m, pow(10, -1.5), false), 0.3f, 1e-6);
    assert_float_equal(threshold_at(&m, 1e-3, false), 0.45f, 1e-6);
    assert_float_equal(fmi_calibration_fmr(&m, 0.45f) / 1e-3, 1, 1e-5);
    assert_float_equal(fmi_calibration_fmr(&m, 0.3f) / pow(10, -1.5), 1, 1e-5);
}

/* The first line, 0.2 per decade, reaches a rate of 1 at 0. */
static void test_match_calibration_before_the_table(void **state)
{
    fmi_manifest m = manifest_of(FM_METRIC_COSINE);
    (void)state;
    assert_float_equal(threshold_at(&m, pow(10, -0.5), false), 0.1f, 1e-6);
    assert_float_equal(fmi_calibration_fmr(&m, 0.1f) / pow(10, -0.5), 1, 1e-5);
    assert_true(fmi_calibration_fmr(&m, -0.01f) == 1);
    assert_true(fmi_calibration_fmr(&m, -FLT_MAX) == 1);
}

/* The last decade, 1e-3 at 0.45 to 1e-4 at 0.5. */
static void test_match_calibration_behind_the_table(void **state)
{
    fmi_manifest m = manifest_of(FM_METRIC_COSINE);
    float threshold = 42;
    (void)state;
    assert_float_equal(threshold_at(&m, 1e-6, true), 0.6f, 1e-6);
    fm_assert_status(fmi_calibration_threshold(&m, 0.99e-4, false, &threshold, &err), FM_E_LIMIT,
                     &err);
    fm_assert_message(&err, "0.0001");
    assert_true(threshold == 42);
    assert_true(fmi_calibration_fmr(&m, 0.9f) == 1e-4);
    assert_true(fmi_calibration_fmr(&m, FLT_MAX) == 1e-4);
}

static void test_match_calibration_is_monotone_and_keeps_its_word(void **state)
{
    fmi_manifest m = manifest_of(FM_METRIC_COSINE);
    float before = FLT_MAX;
    (void)state;
    for (double fmr = 1e-8; fmr < 1; fmr *= 1.07) {
        float threshold = threshold_at(&m, fmr, true);
        assert_true(threshold < before);
        before = threshold;
        if (fmr >= 1e-4)
            assert_true(fmi_calibration_fmr(&m, threshold) <= fmr * (1 + 1e-12));
    }
    for (float score = -1; score < 1; score += 0.001f)
        assert_true(fmi_calibration_fmr(&m, score) >= fmi_calibration_fmr(&m, score + 0.001f));
}

static void test_match_calibration_refuses(void **state)
{
    static const double bad[] = {0, 1, -1, 2, NAN, INFINITY};
    fmi_manifest m = manifest_of(FM_METRIC_COSINE);
    float threshold = 42;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        fm_assert_status(fmi_calibration_threshold(&m, bad[i], true, &threshold, &err),
                         FM_E_INVALID_ARGUMENT, &err);
    m.calibration.count = 0;
    fm_assert_status(fmi_calibration_threshold(&m, 1e-3, true, &threshold, &err), FM_E_STATE, &err);
    assert_true(isnan(fmi_calibration_fmr(&m, 0.5f)));
    assert_true(threshold == 42);
}

static void test_match_identify_threshold_follows_the_size(void **state)
{
    fmi_manifest m = manifest_of(FM_METRIC_COSINE);
    fm_identify_options options = {.struct_size = sizeof options, .fpir = 0.05};
    float got = 0;
    (void)state;
    assert_int_equal(fmi_identify_threshold(&m, &options, 1, &got, &err), FM_OK);
    assert_true(got == threshold_at(&m, 0.05, true));
    assert_int_equal(fmi_identify_threshold(&m, &options, 0, &got, &err), FM_OK);
    assert_true(got == threshold_at(&m, 0.05, true));
    assert_int_equal(fmi_identify_threshold(&m, &options, 10, &got, &err), FM_OK);
    assert_float_equal(got, threshold_at(&m, 1 - pow(0.95, 0.1), true), 1e-6);
    /* 1 - 0.99^(1e-12) would be 0 without care; it is -log(0.99) * 1e-12 */
    options.fpir = 0;
    assert_int_equal(fmi_identify_threshold(&m, &options, 1000000000000, &got, &err), FM_OK);
    assert_float_equal(got, threshold_at(&m, -log(0.99) * 1e-12, true), 1e-6);
    options.use_threshold = 1;
    options.threshold = 0.123f;
    assert_int_equal(fmi_identify_threshold(&m, &options, 7, &got, &err), FM_OK);
    assert_true(got == 0.123f);
}

/* --- the public functions --- */

static fm_model model_of(fm_metric metric)
{
    fm_model model;
    memset(&model, 0, sizeof model);
    model.manifest = manifest_of(metric);
    return model;
}

static void test_match_verify_embeddings_decides(void **state)
{
    static const float a[DIM] = {1, 0, 0}, b[DIM] = {0.45f, 0.8930286f, 0};
    fm_model model = model_of(FM_METRIC_COSINE);
    fm_verify_options options;
    fm_verification v = {.struct_size = sizeof v};
    (void)state;
    fm_verify_options_init(&options, sizeof options);
    fm_assert_status(fm_verify_embeddings(&model, a, b, DIM, NULL, &v, &err), FM_OK, &err);
    assert_int_equal(v.match, 0); /* at 1e-4 the threshold is 0.5 */
    assert_true(v.threshold == 0.5f);
    assert_float_equal(v.score, 0.45f, 1e-6);
    assert_float_equal(v.fmr / 1e-3, 1, 1e-4);
    options.fmr = 1e-2;
    fm_assert_status(fm_verify_embeddings(&model, a, b, DIM, &options, &v, &err), FM_OK, &err);
    assert_int_equal(v.match, 1);
    options.use_threshold = 1;
    options.threshold = v.score;
    fm_assert_status(fm_verify_embeddings(&model, a, b, DIM, &options, &v, &err), FM_OK, &err);
    assert_int_equal(v.match, 1);
    options.threshold = nextafterf(v.score, 2);
    fm_assert_status(fm_verify_embeddings(&model, a, b, DIM, &options, &v, &err), FM_OK, &err);
    assert_int_equal(v.match, 0);
}

static void test_match_verify_embeddings_refuses(void **state)
{
    static const float a[DIM] = {1, 0, 0}, bad[DIM] = {1, NAN, 0};
    fm_model model = model_of(FM_METRIC_COSINE);
    fm_verify_options options = {.struct_size = sizeof options, .fmr = 1e-5};
    fm_verification v = {.struct_size = sizeof v, .match = 7, .fmr_low = 7}, before = v;
    (void)state;
    fm_assert_status(fm_verify_embeddings(&model, a, a, DIM, &options, &v, &err), FM_E_LIMIT, &err);
    options.fmr = 1;
    fm_assert_status(fm_verify_embeddings(&model, a, a, DIM, &options, &v, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    options =
        (fm_verify_options){.struct_size = sizeof options, .use_threshold = 1, .threshold = NAN};
    fm_assert_status(fm_verify_embeddings(&model, a, a, DIM, &options, &v, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fm_verify_embeddings(&model, a, bad, DIM, NULL, &v, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    fm_assert_message(&err, "value 1 of 3");
    fm_assert_status(fm_verify_embeddings(&model, a, a, DIM + 1, NULL, &v, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fm_verify_embeddings(&model, NULL, a, DIM, NULL, &v, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fm_verify_embeddings(&model, a, a, DIM, NULL, NULL, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    model.manifest.calibration.count = 0;
    fm_assert_status(fm_verify_embeddings(&model, a, a, DIM, NULL, &v, &err), FM_E_STATE, &err);
    assert_memory_equal(&v, &before, sizeof v);
    options.threshold = 0.5f;
    fm_assert_status(fm_verify_embeddings(&model, a, a, DIM, &options, &v, &err), FM_OK, &err);
    assert_int_equal(v.match, 1);
    assert_true(isnan(v.fmr));
}

/* With a tail behind the table, and a table of misses. */
static void test_match_verify_tells_what_the_calibration_knows(void **state)
{
    static const float a[DIM] = {1, 0, 0};
    static fmi_calibration_miss misses[] = {{0.01, 0.3}, {0.1, 0.5}};
    fm_model model = model_of(FM_METRIC_COSINE);
    fmi_calibration *c = &model.manifest.calibration;
    fm_verify_options options = {.struct_size = sizeof options, .fmr = 1e-3};
    fm_verification v = {.struct_size = sizeof v};
    (void)state;
    fm_assert_status(fm_verify_embeddings(&model, a, a, DIM, &options, &v, &err), FM_OK, &err);
    assert_true(isnan(v.fmr_low) && isnan(v.threshold_fmr_high) && isnan(v.threshold_fnmr));
    assert_float_equal(v.threshold_fmr / 1e-3, 1, 1e-4);
    c->impostor_comparisons = 100000;
    c->tail = (fmi_calibration_tail){true, 1000, 0.4, 1e-2, 0, 0.02, {1e-2, 0, 0, 0, 0, 0}};
    c->genuine = misses;
    c->genuine_count = 2;
    options.fmr = 1e-5;
    fm_assert_status(fm_verify_embeddings(&model, a, a, DIM, &options, &v, &err), FM_OK, &err);
    /* a shape of 0: 0.02 log 10 a decade behind the last point, 1e-4 at 0.5 */
    assert_float_equal(v.threshold, 0.5 + 0.02 * log(10), 1e-5);
    assert_float_equal(v.threshold_fmr / 1e-5, 1, 1e-4);
    assert_float_equal(v.threshold_fmr_high / 1e-5, exp(1.959964 * 0.1), 1e-3);
    assert_true(v.threshold_fnmr == 0.1);
    assert_float_equal(v.fmr / 1e-6, 1, 1e-9); /* of a score of 1: the floor, "at most" */
    assert_true(v.fmr_low == 0 && v.fmr_high > 1e-6);
    options.fmr = 0.9e-6;
    fm_assert_status(fm_verify_embeddings(&model, a, a, DIM, &options, &v, &err), FM_E_LIMIT, &err);
    options.extrapolate = 1;
    fm_assert_status(fm_verify_embeddings(&model, a, a, DIM, &options, &v, &err), FM_OK, &err);
    options.extrapolate = 2;
    fm_assert_status(fm_verify_embeddings(&model, a, a, DIM, &options, &v, &err),
                     FM_E_INVALID_ARGUMENT, &err);
}

static void test_match_compare(void **state)
{
    static const float a[DIM] = {1, 2, 2}, b[DIM] = {3, 0, 4}, bad[DIM] = {1, INFINITY, 0};
    fm_model model = model_of(FM_METRIC_INNER_PRODUCT);
    float score = 42;
    (void)state;
    fm_assert_status(fm_compare(&model, a, b, DIM, &score, &err), FM_OK, &err);
    assert_true(score == 11);
    fm_assert_status(fm_compare(&model, a, a, DIM, &score, &err), FM_OK, &err);
    assert_true(score == 9);
    fm_assert_status(fm_compare(&model, a, bad, DIM, &score, &err), FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fm_compare(NULL, a, b, DIM, &score, &err), FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fm_compare(&model, a, b, DIM, NULL, &err), FM_E_INVALID_ARGUMENT, &err);
    model.manifest.kind = FM_MODEL_DETECTOR;
    fm_assert_status(fm_compare(&model, a, b, DIM, &score, &err), FM_E_INVALID_ARGUMENT, &err);
    assert_true(score == 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match_metrics_by_hand),
        cmocka_unit_test(test_match_score_grows_with_likeness),
        cmocka_unit_test(test_match_zero_and_huge_vectors_give_finite_scores),
        cmocka_unit_test(test_match_sums_are_double),
        cmocka_unit_test(test_match_first_look_keeps_its_bound),
        cmocka_unit_test(test_match_calibration_is_exact_at_points),
        cmocka_unit_test(test_match_calibration_of_probabilities),
        cmocka_unit_test(test_match_calibration_interpolates_the_logarithm),
        cmocka_unit_test(test_match_calibration_before_the_table),
        cmocka_unit_test(test_match_calibration_behind_the_table),
        cmocka_unit_test(test_match_calibration_is_monotone_and_keeps_its_word),
        cmocka_unit_test(test_match_calibration_refuses),
        cmocka_unit_test(test_match_identify_threshold_follows_the_size),
        cmocka_unit_test(test_match_verify_embeddings_decides),
        cmocka_unit_test(test_match_verify_embeddings_refuses),
        cmocka_unit_test(test_match_verify_tells_what_the_calibration_knows),
        cmocka_unit_test(test_match_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
