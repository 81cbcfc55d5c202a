#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/memory.h"
#include "evaluate/binomial.h"
#include "helpers.h"
#include <facematch/evaluate.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static fm_error err = {sizeof err, 0, ""};

static void near(double got, double want, double within)
{
    if (!(fabs(got - want) <= within) && !(isnan(got) && isnan(want)))
        fail_msg("got %.12g, want %.12g", got, want);
}

/* --- intervals --- */

/* Newcombe 1998, Statistics in Medicine 17, table I, method 5. */
static void test_evaluation_interval_is_the_published_one(void **state)
{
    static const double rows[][4] = {{81, 263, 0.2527, 0.3676},
                                     {15, 148, 0.0578, 0.1617},
                                     {0, 20, 0.0000, 0.1684},
                                     {1, 29, 0.0009, 0.1776}};
    double low, high;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fmi_binomial_interval(rows[i][0], rows[i][1], 0.95, &low, &high);
        near(low, rows[i][2], 5e-5);
        near(high, rows[i][3], 5e-5);
    }
    fmi_binomial_interval(20, 20, 0.95, &low, &high);
    near(low, 1 - 0.168433, 1e-6);
    near(high, 1, 0);
}

/* Closed forms: no hits of n, 1 - (a/2)^(1/n); and both ends solve their own equation. */
static void test_evaluation_interval_of_rare_hits(void **state)
{
    double low, high;
    (void)state;
    fmi_binomial_interval(0, 1e7, 0.95, &low, &high);
    near(high / -expm1(log(0.025) / 1e7), 1, 1e-7);
    fmi_binomial_interval(1, 7e6, 0.95, &low, &high);
    near(low / -expm1(log1p(-0.025) / 7e6), 1, 1e-6);
    near(high * 7e6, 5.5716, 1e-3); /* Poisson: Garwood 1936 */
}

static void test_evaluation_student(void **state)
{
    (void)state;
    near(fmi_student_quantile(1, 0.95), 12.706205, 1e-5);
    near(fmi_student_quantile(10, 0.95), 2.228139, 1e-6);
    near(fmi_student_quantile(INFINITY, 0.95), 1.959964, 1e-6);
    near(fmi_student_quantile(5, 0.99), 4.032143, 1e-6);
}

static void test_evaluation_beta(void **state)
{
    (void)state;
    near(fmi_beta(2, 3, 0.5), 0.6875, 1e-12);
    near(fmi_beta(0.5, 0.5, 0.25), 1.0 / 3, 1e-12); /* arcsine law */
    near(fmi_beta(1, 7, 0.1), 1 - pow(0.9, 7), 1e-12);
    near(fmi_beta_quantile(2, 3, 0.6875), 0.5, 1e-12);
    near(fmi_beta(3, 4, 0), 0, 0);
    near(fmi_beta(3, 4, 1), 1, 0);
}

/* --- figures --- */

static fm_evaluation *make(fm_failures failures)
{
    fm_evaluation_options options;
    fm_evaluation *e = NULL;
    fm_evaluation_options_init(&options, sizeof options);
    options.failures = failures;
    fm_assert_status(fm_evaluation_new(&e, &options, &err), FM_OK, &err);
    return e;
}

static fm_evaluation_report describe(fm_evaluation *e)
{
    fm_evaluation_report report = {.struct_size = sizeof report};
    fm_assert_status(fm_evaluation_describe(e, &report, &err), FM_OK, &err);
    return report;
}

static fm_operating_point at_fmr(fm_evaluation *e, double fmr)
{
    fm_operating_point point = {.struct_size = sizeof point};
    fm_assert_status(fm_evaluation_at_fmr(e, fmr, &point, &err), FM_OK, &err);
    return point;
}

static fm_operating_point at(fm_evaluation *e, float threshold)
{
    fm_operating_point point = {.struct_size = sizeof point};
    fm_assert_status(fm_evaluation_at_threshold(e, threshold, &point, &err), FM_OK, &err);
    return point;
}

static const float SCORES[] = {0.1f, 0.9f, 0.7f, 0.8f, 0.6f, 0.5f, 0.4f, 0.3f, 0.2f, NAN, NAN};
static const uint8_t GENUINE[] = {0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0};

static fm_evaluation *by_hand(fm_failures failures)
{
    fm_evaluation *e = make(failures);
    fm_assert_status(fm_evaluation_add(e, SCORES, GENUINE, NULL, NULL, 4, &err), FM_OK, &err);
    fm_assert_status(fm_evaluation_add(e, SCORES + 4, GENUINE + 4, NULL, NULL, 7, &err), FM_OK,
                     &err);
    return e;
}

static void test_evaluation_by_hand(void **state)
{
    fm_evaluation *e = by_hand(FM_FAILURES_LEAVE_OUT);
    fm_evaluation_report r = describe(e);
    fm_operating_point p = at(e, 0.6f);
    (void)state;
    assert_int_equal(r.genuine, 5);
    assert_int_equal(r.impostor, 6);
    assert_int_equal(r.genuine_failed, 1);
    assert_int_equal(r.impostor_failed, 1);
    assert_int_equal(r.people, 0);
    assert_true(r.lowest == 0.1f && r.highest == 0.9f);
    near(p.fmr.value, 0.2, 1e-15);
    near(p.fnmr.value, 0.25, 1e-15);
    assert_int_equal(p.fnmr.hits, 1);
    assert_int_equal(p.fnmr.trials, 4);
    near(p.fmr.low, 0.005050763, 1e-8); /* 1 of 5 */
    near(p.fmr.high, 0.716417936, 1e-8);
    p = at_fmr(e, 0.2);
    assert_true(p.threshold > 0.5f && p.threshold < 0.500001f);
    p = at_fmr(e, 0.39);
    near(p.fmr.value, 0.2, 1e-15);
    p.struct_size = sizeof p;
    fm_assert_status(fm_evaluation_at_fmr(e, 0.19, &p, &err), FM_E_LIMIT, &err);
    fm_evaluation_free(e);
}

static void test_evaluation_failures_may_count_as_errors(void **state)
{
    fm_evaluation *e = by_hand(FM_FAILURES_COUNT);
    fm_evaluation_report r = describe(e);
    fm_operating_point p = at(e, 0.6f);
    (void)state;
    assert_int_equal(r.genuine, 5);
    assert_int_equal(r.genuine_failed, 1);
    near(p.fmr.value, 1.0 / 6, 1e-15);
    near(p.fnmr.value, 0.4, 1e-15);
    near(at(e, -FLT_MAX).fnmr.value, 0.2, 1e-15);
    near(at_fmr(e, 0.99).fmr.value, 5.0 / 6, 1e-15);
    fm_evaluation_free(e);
}

/* The older function has its own code for the equal error rate. */
static void test_evaluation_agrees_with_pairs(void **state)
{
    enum { N = 5000 };
    float *scores = malloc(N * sizeof *scores);
    uint8_t *genuine = malloc(N);
    uint32_t random = 5;
    (void)state;
    for (int round = 0; round < 4; round++) {
        fm_evaluation *e = make(FM_FAILURES_COUNT);
        fm_pairs_report pairs = {.struct_size = sizeof pairs};
        double far = 0.013, tar;
        for (size_t i = 0; i < N; i++) {
            genuine[i] = fm_test_random(&random) % 3 == 0;
            scores[i] = (float)(fm_test_random(&random) % 100) / (round % 2 ? 7 : 7000) -
                        (genuine[i] ? 0 : 0.004f);
            if (round > 1 && i % 31 == 0)
                scores[i] = NAN;
        }
        fm_assert_status(fm_evaluate_pairs(scores, genuine, NULL, N, &far, 1, &tar, &pairs, &err),
                         FM_OK, &err);
        fm_assert_status(fm_evaluation_add(e, scores, genuine, NULL, NULL, N, &err), FM_OK, &err);
        near(describe(e).eer, pairs.eer, 1e-12);
        near(describe(e).eer_threshold, pairs.eer_threshold, 1e-9);
        near(1 - at_fmr(e, far).fnmr.value, tar, 1e-12);
        fm_evaluation_free(e);
    }
    free(scores);
    free(genuine);
}

/* 40 people in 3 photographs each; who is hit depends on the person. */
enum { PEOPLE = 40, PHOTOS = 3 * PEOPLE, ALL = PHOTOS * (PHOTOS - 1) / 2 };

typedef struct experiment {
    float scores[ALL];
    uint8_t genuine[ALL];
    int32_t first[ALL], second[ALL];
} experiment;

static void fill_experiment(experiment *x, float common)
{
    uint32_t random = 11;
    float of[PEOPLE];
    size_t n = 0;
    for (size_t i = 0; i < PEOPLE; i++)
        of[i] = common * (float)(fm_test_random(&random) % 1000) / 1000;
    for (int i = 0; i < PHOTOS; i++)
        for (int j = i + 1; j < PHOTOS; j++, n++) {
            x->first[n] = i / 3;
            x->second[n] = j / 3;
            x->genuine[n] = i / 3 == j / 3;
            x->scores[n] = (float)(fm_test_random(&random) % 1000) / 1000 + of[i / 3] + of[j / 3];
        }
}

/* The variance of the impostor rate over the sum of all pairs of comparisons with a person in
 * common, written down as plainly as it is defined. */
static double variance_by_definition(const experiment *x, float threshold, double share, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < ALL; i++)
        for (size_t j = 0; j < ALL && !x->genuine[i]; j++) {
            int common = (x->first[i] == x->first[j]) + (x->second[i] == x->second[j]) +
                         (x->first[i] == x->second[j]) + (x->second[i] == x->first[j]);
            double a = (x->scores[i] >= threshold) - share, b = (x->scores[j] >= threshold) - share;
            if (!x->genuine[j] && (i == j || common))
                sum += a * b * (i == j ? 1 : common);
        }
    return sum / ((double)n * (double)n) * PEOPLE / (PEOPLE - 1);
}

static void test_evaluation_interval_allows_for_people(void **state)
{
    static experiment x;
    double widths[2], independent_low, independent_high;
    (void)state;
    for (int common = 0; common < 2; common++) {
        fm_evaluation *e = make(FM_FAILURES_LEAVE_OUT);
        double variance, effective, t, low, high;
        fm_operating_point p;
        fill_experiment(&x, common ? 1.0f : 0.0f);
        fm_assert_status(fm_evaluation_add(e, x.scores, x.genuine, x.first, x.second, ALL, &err),
                         FM_OK, &err);
        assert_int_equal(describe(e).people, PEOPLE);
        p = at_fmr(e, 0.05);
        variance = variance_by_definition(&x, p.threshold, p.fmr.value, (size_t)p.fmr.trials);
        t = fmi_student_quantile((double)p.fmr.trials - 1, 0.95) /
            fmi_student_quantile(PEOPLE - 1, 0.95);
        effective = fmin((double)p.fmr.trials, p.fmr.value * (1 - p.fmr.value) / variance) * t * t;
        fmi_binomial_interval(p.fmr.value * effective, effective, 0.95, &low, &high);
        near(p.fmr.low, low, 1e-9);
        near(p.fmr.high, high, 1e-9);
        fmi_binomial_interval((double)p.fmr.hits, (double)p.fmr.trials, 0.95, &independent_low,
                              &independent_high);
        widths[common] = (p.fmr.high - p.fmr.low) / (independent_high - independent_low);
        fm_evaluation_free(e);
    }
    assert_in_range((int)(widths[0] * 100), 90, 140);
    assert_true(widths[1] > 3);
}

/* The same by resampling people: the standard error must be near that of the formula. */
static void test_evaluation_interval_agrees_with_resampled_people(void **state)
{
    enum { ROUNDS = 400 };
    static experiment x;
    fm_evaluation *e = make(FM_FAILURES_LEAVE_OUT);
    double sum = 0, squares = 0, error, normal = 1.959964;
    uint32_t random = 77;
    fm_operating_point p;
    (void)state;
    fill_experiment(&x, 1);
    fm_assert_status(fm_evaluation_add(e, x.scores, x.genuine, x.first, x.second, ALL, &err), FM_OK,
                     &err);
    p = at_fmr(e, 0.2);
    for (int round = 0; round < ROUNDS; round++) {
        int times[PEOPLE] = {0};
        double hits = 0, trials = 0, rate;
        for (int i = 0; i < PEOPLE; i++)
            times[fm_test_random(&random) % PEOPLE]++;
        for (size_t i = 0; i < ALL; i++) {
            double weight = x.genuine[i] ? 0 : times[x.first[i]] * times[x.second[i]];
            trials += weight;
            hits += weight * (x.scores[i] >= p.threshold);
        }
        rate = hits / trials;
        sum += rate;
        squares += rate * rate;
    }
    error = sqrt(squares / ROUNDS - sum / ROUNDS * (sum / ROUNDS));
    assert_in_range((int)(100 * (p.fmr.high - p.fmr.low) / (2 * normal * error)), 80, 130);
    fm_evaluation_free(e);
}

static void test_evaluation_curve_is_thinned_out(void **state)
{
    enum { N = 20000, ROOM = 64 };
    fm_evaluation *e = make(FM_FAILURES_LEAVE_OUT);
    float *scores = malloc(N * sizeof *scores);
    uint8_t *genuine = malloc(N);
    fm_det_point points[ROOM];
    uint32_t random = 3;
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < N; i++) {
        genuine[i] = i % 4 == 0;
        scores[i] = (float)fm_test_random(&random) + (genuine[i] ? 8000000.0f : 0);
    }
    fm_assert_status(fm_evaluation_add(e, scores, genuine, NULL, NULL, N, &err), FM_OK, &err);
    for (size_t room = 8; room <= ROOM; room++) {
        fm_assert_status(fm_evaluation_curve(e, points, room, &count, &err), FM_OK, &err);
        assert_in_range(count, 3, room);
        assert_true(points[0].fmr == 0 && points[0].fnmr == 1);
        assert_true(points[count - 1].fmr == 1 && points[count - 1].fnmr == 0);
        for (size_t i = 0; i < count; i++) {
            fm_operating_point p = at(e, points[i].threshold);
            assert_true(p.fmr.value == points[i].fmr && p.fnmr.value == points[i].fnmr);
            assert_true(i == 0 || points[i].threshold < points[i - 1].threshold);
        }
    }
    assert_true(count > ROOM / 2);
    free(scores);
    free(genuine);
    fm_evaluation_free(e);
}

static void test_evaluation_short_curve_is_whole(void **state)
{
    fm_evaluation *e = by_hand(FM_FAILURES_LEAVE_OUT);
    fm_det_point points[16];
    size_t count = 0;
    (void)state;
    fm_assert_status(fm_evaluation_curve(e, points, 16, &count, &err), FM_OK, &err);
    assert_int_equal(count, 10);
    assert_true(points[3].threshold == 0.7f);
    near(points[3].fmr, 0.2, 1e-15);
    near(points[3].fnmr, 0.5, 1e-15);
    fm_evaluation_free(e);
}

static void test_evaluation_histogram(void **state)
{
    fm_evaluation *e = by_hand(FM_FAILURES_COUNT);
    int64_t genuine[4], impostor[4];
    static const int64_t want_genuine[4] = {0, 1, 1, 2}, want_impostor[4] = {2, 1, 2, 0};
    (void)state;
    fm_assert_status(fm_evaluation_histogram(e, 0, 1, 4, genuine, impostor, &err), FM_OK, &err);
    assert_memory_equal(genuine, want_genuine, sizeof genuine);
    assert_memory_equal(impostor, want_impostor, sizeof impostor);
    fm_evaluation_free(e);
}

static void test_evaluation_wants_both_kinds(void **state)
{
    static const float scores[] = {1, NAN};
    static const uint8_t genuine[] = {1, 0};
    fm_evaluation *e = make(FM_FAILURES_LEAVE_OUT);
    fm_evaluation_report report = {.struct_size = sizeof report}, before = report;
    (void)state;
    fm_assert_status(fm_evaluation_add(e, scores, genuine, NULL, NULL, 2, &err), FM_OK, &err);
    fm_assert_status(fm_evaluation_describe(e, &report, &err), FM_E_STATE, &err);
    fm_assert_message(&err, "no impostor");
    assert_memory_equal(&report, &before, sizeof report);
    fm_evaluation_free(e);
}

static void test_evaluation_refuses_people_that_contradict(void **state)
{
    static const float scores[] = {1, 0};
    static const uint8_t genuine[] = {1, 0};
    static const int32_t first[] = {3, 4}, same[] = {3, 4}, second[] = {3, 5};
    fm_evaluation *e = make(FM_FAILURES_LEAVE_OUT);
    (void)state;
    fm_assert_status(fm_evaluation_add(e, scores, genuine, first, same, 2, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fm_evaluation_add(e, scores, genuine, first, second, 2, &err), FM_OK, &err);
    fm_assert_status(fm_evaluation_add(e, scores, genuine, NULL, NULL, 2, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    assert_int_equal(describe(e).genuine, 1);
    fm_evaluation_free(e);
}

static void test_evaluation_without_memory(void **state)
{
    static experiment x;
    long before = fmi_memory_live_blocks();
    (void)state;
    fill_experiment(&x, 0);
    for (long k = 0;; k++) {
        fm_evaluation *e = NULL;
        fm_operating_point p = {.struct_size = sizeof p};
        fmi_memory_fail_after(k);
        fm_status status = fm_evaluation_new(&e, NULL, &err);
        if (status == FM_OK)
            status = fm_evaluation_add(e, x.scores, x.genuine, x.first, x.second, ALL, &err);
        if (status == FM_OK)
            status = fm_evaluation_at_fmr(e, 0.1, &p, &err);
        fmi_memory_fail_after(-1);
        fm_evaluation_free(e);
        assert_int_equal(fmi_memory_live_blocks(), before);
        if (status == FM_OK)
            break;
        assert_int_equal(status, FM_E_NO_MEMORY);
        assert_true(k < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evaluation_interval_is_the_published_one),
        cmocka_unit_test(test_evaluation_interval_of_rare_hits),
        cmocka_unit_test(test_evaluation_student),
        cmocka_unit_test(test_evaluation_beta),
        cmocka_unit_test(test_evaluation_by_hand),
        cmocka_unit_test(test_evaluation_failures_may_count_as_errors),
        cmocka_unit_test(test_evaluation_agrees_with_pairs),
        cmocka_unit_test(test_evaluation_interval_allows_for_people),
        cmocka_unit_test(test_evaluation_interval_agrees_with_resampled_people),
        cmocka_unit_test(test_evaluation_curve_is_thinned_out),
        cmocka_unit_test(test_evaluation_short_curve_is_whole),
        cmocka_unit_test(test_evaluation_histogram),
        cmocka_unit_test(test_evaluation_wants_both_kinds),
        cmocka_unit_test(test_evaluation_refuses_people_that_contradict),
        cmocka_unit_test(test_evaluation_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
