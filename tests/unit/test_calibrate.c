#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/manifest.h"
#include "core/memory.h"
#include "evaluate/calibrate.h"
#include "evaluate/tail.h"
#include "helpers.h"
#include "match/metric.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static fm_error err = {sizeof err, 0, ""};

static double uniform(uint32_t *random)
{
    return ((double)fm_test_random(random) + 0.5) / 16777216.0;
}

/* Impostor scores whose excesses over 1 are exactly generalised Pareto; genuine ones about 5. */
static fm_evaluation *make(size_t n, double shape, double scale, bool with_people)
{
    fm_evaluation *e = NULL;
    uint32_t random = 9;
    fm_assert_status(fm_evaluation_new(&e, NULL, &err), FM_OK, &err);
    for (size_t i = 0; i < n; i++) {
        uint8_t genuine = i % 20 == 0;
        double u = uniform(&random);
        double z = fabs(shape) < 1e-9 ? -log(u) : (pow(u, -shape) - 1) / shape;
        float score = (float)(genuine ? 5 + 2 * uniform(&random) : 1 + scale * z);
        int32_t a = (int32_t)(i % 500), b = genuine ? a : (int32_t)((i / 500 + a + 1) % 1000 + 500);
        fm_assert_status(fm_evaluation_add(e, &score, &genuine, with_people ? &a : NULL,
                                           with_people ? &b : NULL, 1, &err),
                         FM_OK, &err);
    }
    return e;
}

static fmi_calibration_tail fit(double shape, double scale)
{
    fm_evaluation *e = make(400000, shape, scale, false);
    fmi_calibration_tail tail;
    fm_assert_status(fmi_evaluation_sort(e, &err), FM_OK, &err);
    fm_assert_status(fmi_tail_fit(e, 0, &tail, &err), FM_OK, &err);
    fm_evaluation_free(e);
    return tail;
}

/* Above u the distribution is generalised Pareto again, with a scale of scale + shape (u - 1). The
 * standard errors are those of Hosking & Wallis 1987, equation 15 (their k is -shape). */
static void test_calibrate_tail_is_found_again(void **state)
{
    static const double shapes[] = {-0.3, -0.1, 0, 0.15};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        double shape = shapes[i], k = -shape, want_scale;
        fmi_calibration_tail t = fit(shape, 0.05);
        double n = (double)t.exceedances;
        double common = n * (1 + 2 * k) * (3 + 2 * k);
        double shape_error = sqrt((1 + k) * (2 + k) * (2 + k) * (1 + k + 2 * k * k) / common);
        double scale_error = sqrt((7 + 18 * k + 11 * k * k + 2 * k * k * k) / common);
        assert_true(t.present);
        assert_int_equal(t.exceedances, 380);
        want_scale = 0.05 + shape * (t.score - 1);
        assert_true(fabs(t.shape - shape) < 3 * shape_error);
        assert_true(fabs(t.scale / want_scale - 1) < 3 * scale_error);
        assert_true(fabs(sqrt(t.covariance[3]) / shape_error - 1) < 0.25);
        assert_true(fabs(sqrt(t.covariance[5]) / scale_error - 1) < 0.25);
        assert_true(fabs(sqrt(t.covariance[0]) * sqrt(n) - 1) < 0.05);
    }
}

static fmi_manifest read_back_as(fm_evaluation *e, fm_metric metric, char **text)
{
    static const char form[] =
        "{\"format\":1,\"kind\":\"embedder\",\"family\":\"softmax\",\"input\":{\"width\":8,"
        "\"height\":8,\"order\":\"RGB\",\"mean\":[0,0,0],\"std\":[1,1,1]},\"alignment\":{"
        "\"points\":[[1,2],[3,4],[5,6],[7,8],[9,10]],\"border\":\"zero\"},\"embedding\":{"
        "\"dim\":1,\"normalize\":true},\"metric\":\"%s\",\"metric_weights\":{\"weights\":[1],"
        "\"bias\":0},"
        "\"calibration\":%s}";
    fmi_manifest m;
    size_t needed = 0;
    char *whole;
    fm_calibration_options options;
    fm_calibration_options_init(&options, sizeof options);
    options.dataset = "made up";
    options.metric = metric;
    assert_int_equal(fm_calibrate(e, &options, NULL, 0, &needed, &err), FM_E_BUFFER_TOO_SMALL);
    *text = malloc(needed);
    whole = malloc(needed + sizeof form + 32);
    fm_assert_status(fm_calibrate(e, &options, *text, needed, NULL, &err), FM_OK, &err);
    assert_int_equal(strlen(*text) + 1, needed);
    sprintf(whole, form, fmi_manifest_metric_name(metric), *text);
    fm_assert_status(fmi_manifest_parse(&m, whole, strlen(whole), &err), FM_OK, &err);
    free(whole);
    return m;
}

static fmi_manifest read_back(fm_evaluation *e, char **text)
{
    return read_back_as(e, FM_METRIC_COSINE, text);
}

static void test_calibrate_is_read_back(void **state)
{
    fm_evaluation *e = make(400000, -0.1, 0.05, true);
    char *text;
    fmi_manifest m = read_back(e, &text);
    const fmi_calibration *c = &m.calibration;
    (void)state;
    assert_string_equal(m.calibration_dataset, "made up");
    assert_int_equal(c->impostor_comparisons, 380000);
    assert_true(c->points[0].fmr == 0.5 && c->points[c->count - 1].fmr == 2e-4);
    assert_true(c->tail.present && c->genuine_count > 10);
    for (size_t i = 0; i < c->count; i++) {
        fm_operating_point p = {.struct_size = sizeof p};
        fm_assert_status(fm_evaluation_at_threshold(e, (float)c->points[i].score, &p, &err), FM_OK,
                         &err);
        assert_true(fabs(p.fmr.value / c->points[i].fmr - 1) < 0.02);
        assert_true(p.fmr.value <= c->points[i].fmr);
        assert_true(c->points[i].low < c->points[i].fmr && c->points[i].high > c->points[i].fmr);
    }
    for (size_t i = 0; i < c->genuine_count; i++) {
        fm_operating_point p = {.struct_size = sizeof p};
        fm_assert_status(fm_evaluation_at_threshold(e, (float)c->genuine[i].score, &p, &err), FM_OK,
                         &err);
        assert_true(fabs(p.fnmr.value - c->genuine[i].fnmr) < 1e-4);
    }
    free(text);
    fmi_manifest_dispose(&m);
    fm_evaluation_free(e);
}

/* The true rate of a score is known here. */
static void test_calibrate_tail_continues_the_table(void **state)
{
    fm_evaluation *e = make(400000, -0.1, 0.05, true);
    char *text;
    fmi_manifest m = read_back(e, &text);
    double before = 1, floor = 1 / (10 * 380000.0);
    float threshold;
    (void)state;
    assert_true(fabs(fmi_calibration_min_fmr(&m.calibration) / floor - 1) < 1e-12);
    for (double fmr = 1e-2; fmr > floor; fmr *= 0.9) {
        double told, low, high, truth;
        fm_assert_status(fmi_calibration_threshold(&m, fmr, false, &threshold, &err), FM_OK, &err);
        told = fmi_calibration_fmr(&m, threshold);
        assert_true(told <= fmr * (1 + 1e-9) && told > fmr * 0.999 && told < before);
        before = told;
        truth = pow(1 - 0.1 * (threshold - 1) / 0.05, 10);
        fmi_calibration_interval(&m, threshold, &low, &high);
        assert_true(low < told && told < high);
        if (!(low < truth && truth < high))
            fail_msg("asked for %g: %g is not within %g to %g", fmr, truth, low, high);
    }
    fm_assert_status(fmi_calibration_threshold(&m, floor / 2, false, &threshold, &err), FM_E_LIMIT,
                     &err);
    fm_assert_message(&err, "extrapolate");
    fm_assert_status(fmi_calibration_threshold(&m, floor / 2, true, &threshold, &err), FM_OK, &err);
    assert_true(fabs(fmi_calibration_fmr(&m, threshold) / floor - 1) < 1e-12); /* "at most" */
    assert_true(fmi_calibration_fmr(&m, FLT_MAX) > 0);
    free(text);
    fmi_manifest_dispose(&m);
    fm_evaluation_free(e);
}

static void test_calibrate_tells_misses(void **state)
{
    fm_evaluation *e = make(400000, -0.1, 0.05, true);
    char *text;
    fmi_manifest m = read_back(e, &text);
    (void)state;
    assert_true(fabs(fmi_calibration_fnmr(&m, 6) - 0.5) < 0.02);
    assert_true(fabs(fmi_calibration_fnmr(&m, 5.2f) - 0.1) < 0.02);
    assert_true(fmi_calibration_fnmr(&m, 0) == m.calibration.genuine[0].fnmr);
    assert_true(fmi_calibration_fnmr(&m, 100) >= 0.98);
    m.calibration.genuine_count = 0;
    assert_true(isnan(fmi_calibration_fnmr(&m, 6)));
    free(text);
    fmi_manifest_dispose(&m);
    fm_evaluation_free(e);
}

static void test_calibrate_twice_gives_the_same(void **state)
{
    char *text[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        fm_evaluation *e = make(50000, 0.1, 0.05, true);
        fmi_manifest m = read_back(e, &text[i]);
        fmi_manifest_dispose(&m);
        fm_evaluation_free(e);
    }
    assert_string_equal(text[0], text[1]);
    free(text[0]);
    free(text[1]);
}

static void test_calibrate_few_have_no_tail(void **state)
{
    fm_evaluation *e = make(1500, 0.1, 0.05, true);
    char *text;
    fmi_manifest m = read_back(e, &text);
    (void)state;
    assert_false(m.calibration.tail.present);
    assert_true(fmi_calibration_min_fmr(&m.calibration) == 0.05);
    free(text);
    fmi_manifest_dispose(&m);
    fm_evaluation_free(e);
}

static void test_calibrate_without_memory(void **state)
{
    fm_evaluation *e = make(20000, 0.1, 0.05, true);
    static char text[65536];
    long before;
    (void)state;
    fm_assert_status(fmi_evaluation_sort(e, &err), FM_OK, &err);
    before = fmi_memory_live_blocks();
    for (long k = 0;; k++) {
        fmi_memory_fail_after(k);
        fm_status status = fm_calibrate(e, NULL, text, sizeof text, NULL, &err);
        fmi_memory_fail_after(-1);
        assert_int_equal(fmi_memory_live_blocks(), before);
        if (status == FM_OK)
            break;
        assert_int_equal(status, FM_E_NO_MEMORY);
        assert_true(k < 200);
    }
    fm_evaluation_free(e);
}

/* --- siamese scores: probabilities ------------------------------------------------------------ */

enum { PROBABILITIES = 400000 };

/* Log-odds of impostors are normal, those of every 20th, a genuine one, 6 deviations higher; as
 * scores. */
static fm_evaluation *make_probabilities(double mean, double deviation, size_t n)
{
    fm_evaluation *e = NULL;
    uint32_t random = 11;
    fm_assert_status(fm_evaluation_new(&e, NULL, &err), FM_OK, &err);
    for (size_t i = 0; i < n; i++) {
        uint8_t genuine = i % 20 == 0;
        double normal = sqrt(-2 * log(uniform(&random))) * cos(6.283185307 * uniform(&random));
        double odds = mean + deviation * (normal + 6 * genuine);
        float score = (float)(1 / (1 + exp(-odds)));
        fm_assert_status(fm_evaluation_add(e, &score, &genuine, NULL, NULL, 1, &err), FM_OK, &err);
    }
    return e;
}

/* The true rates of thresholds far behind the table. Fitted to the probabilities themselves, they
 * are off by four decades and more. */
static void test_calibrate_tail_of_probabilities(void **state)
{
    static const double means[] = {-2, -8, -12}, deviations[] = {1.5, 3, 3};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fm_evaluation *e = make_probabilities(means[i], deviations[i], PROBABILITIES);
        char *text;
        fmi_manifest m = read_back_as(e, FM_METRIC_SIAMESE, &text);
        assert_true(m.calibration.tail.present);
        assert_true(fabs(m.calibration.tail.shape) < 0.3);
        for (double fmr = 1e-2; fmr > 3e-7; fmr /= 2) {
            float threshold = 0;
            double truth, low, high;
            fm_assert_status(fmi_calibration_threshold(&m, fmr, false, &threshold, &err), FM_OK,
                             &err);
            assert_true(threshold > 0 && threshold < 1);
            truth = log((double)threshold) - log1p(-(double)threshold);
            truth = erfc((truth - means[i]) / deviations[i] / sqrt(2)) / 2;
            fmi_calibration_interval(&m, threshold, &low, &high);
            if (!(low / 1.5 < truth && truth < high * 1.5))
                fail_msg("asked for %g: %g is not within %g to %g", fmr, truth, low, high);
            assert_true(fmi_calibration_fmr(&m, threshold) <= fmr * (1 + 1e-9));
        }
        free(text);
        fmi_manifest_dispose(&m);
        fm_evaluation_free(e);
    }
}

/* Odds so high that many a stranger's score is 1: the table ends there, and with it what is told.
 */
static void test_calibrate_probabilities_that_are_one(void **state)
{
    fm_evaluation *e = make_probabilities(8, 3, PROBABILITIES);
    fm_operating_point p = {.struct_size = sizeof p};
    char *text;
    fmi_manifest m = read_back_as(e, FM_METRIC_SIAMESE, &text);
    const fmi_calibration *c = &m.calibration;
    float threshold = 0;
    (void)state;
    fm_assert_status(fm_evaluation_at_threshold(e, 1, &p, &err), FM_OK, &err);
    assert_true(p.fmr.value > 5e-4); /* 9.3 / 3 deviations */
    assert_false(c->tail.present);
    assert_true(c->points[c->count - 1].score == 1);
    assert_true(fmi_calibration_fmr(&m, 1) >= p.fmr.value);
    assert_true(fmi_calibration_fmr(&m, 1) == fmi_calibration_min_fmr(c));
    fm_assert_status(fmi_calibration_threshold(&m, 1e-6, true, &threshold, &err), FM_OK, &err);
    assert_true(threshold > 1); /* nobody: of those with 1, one in 1,000 is a stranger */
    free(text);
    fmi_manifest_dispose(&m);
    fm_evaluation_free(e);
}

static void test_calibrate_scores_all_alike(void **state)
{
    fm_evaluation *e = make_probabilities(60, 1, 4000);
    static char text[4096];
    (void)state;
    fm_assert_status(fm_calibrate(e, NULL, text, sizeof text, NULL, &err), FM_E_STATE, &err);
    fm_assert_message(&err, "equal scores");
    fm_evaluation_free(e);
    e = make_probabilities(-2, 1, 200);
    fm_assert_status(fm_calibrate(e, NULL, text, sizeof text, NULL, &err), FM_E_STATE, &err);
    fm_assert_message(&err, "too few");
    fm_evaluation_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calibrate_tail_is_found_again),
        cmocka_unit_test(test_calibrate_is_read_back),
        cmocka_unit_test(test_calibrate_tail_continues_the_table),
        cmocka_unit_test(test_calibrate_tells_misses),
        cmocka_unit_test(test_calibrate_twice_gives_the_same),
        cmocka_unit_test(test_calibrate_few_have_no_tail),
        cmocka_unit_test(test_calibrate_without_memory),
        cmocka_unit_test(test_calibrate_tail_of_probabilities),
        cmocka_unit_test(test_calibrate_probabilities_that_are_one),
        cmocka_unit_test(test_calibrate_scores_all_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
