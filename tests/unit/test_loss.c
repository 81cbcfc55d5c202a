/* Losses by hand and by finite differences; tests/train compares them with PyTorch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/memory.h"
#include "helpers.h"
#include "train/loss.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum { ROWS = 9, DIM = 5, VALUES = ROWS * DIM };

static fm_error err = {sizeof err, FM_OK, ""};

/* --- mining ---------------------------------------------------------------------------------- */

/* Points on a line: squared distances are whole. */
static void squares(const double *at, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            out[i * n + j] = (at[i] - at[j]) * (at[i] - at[j]);
}

static void check_mined(const double *at, const int32_t *labels, size_t n, fm_mining mining,
                        float margin, const fmi_triplet *want, size_t want_count)
{
    double distances[64] = {0};
    fmi_triplet *got = (fmi_triplet *)distances; /* something that must be overwritten */
    size_t count = 77;
    squares(at, n, distances);
    fm_assert_status(fmi_mine(distances, labels, n, mining, margin, &got, &count, &err), FM_OK,
                     &err);
    assert_int_equal(count, want_count);
    if (want_count == 0)
        assert_null(got);
    else
        assert_memory_equal(got, want, count * sizeof *got);
    fmi_free(got);
}

static void test_mining_by_hand(void **state)
{
    static const double at[] = {0, 3, 4, 6};
    static const int32_t labels[] = {1, 1, 2, 1};
    (void)state;
    check_mined(at, labels, 4, FM_MINING_BATCH_HARD, 1,
                (const fmi_triplet[]){{0, 3, 2}, {1, 0, 2}, {3, 0, 2}}, 3);
    check_mined(
        at, labels, 4, FM_MINING_ALL, 1,
        (const fmi_triplet[]){{0, 1, 2}, {0, 3, 2}, {1, 0, 2}, {1, 3, 2}, {3, 0, 2}, {3, 1, 2}}, 6);
    /* 0 to 1: 9, 0 to 2: 16. A difference of the margin counts, one of 0 does not. */
    check_mined(at, labels, 4, FM_MINING_SEMI_HARD, 7, (const fmi_triplet[]){{0, 1, 2}}, 1);
    check_mined(at, labels, 4, FM_MINING_SEMI_HARD, 6.5F, NULL, 0);
    check_mined((const double[]){0, 2, -2}, (const int32_t[]){1, 1, 2}, 3, FM_MINING_SEMI_HARD, 100,
                (const fmi_triplet[]){{1, 0, 2}}, 1);
}

static void test_mining_takes_the_lowest_of_equals(void **state)
{
    static const double at[] = {1, -1, 0, 1, -1, 2, 2};
    static const int32_t labels[] = {4, 4, 7, 7, 7, 4, 7};
    fmi_triplet *got = NULL;
    double distances[49];
    size_t count = 0;
    (void)state;
    squares(at, 7, distances);
    fm_assert_status(fmi_mine(distances, labels, 7, FM_MINING_BATCH_HARD, 1, &got, &count, &err),
                     FM_OK, &err);
    assert_int_equal(count, 7);
    assert_int_equal(got[2].positive, 6);
    assert_int_equal(got[2].negative, 0); /* as near as row 1 */
    fmi_free(got);
    check_mined((const double[]){0, 0, 0, 0}, (const int32_t[]){1, 2, 1, 2}, 4,
                FM_MINING_BATCH_HARD, 1,
                (const fmi_triplet[]){{0, 2, 1}, {1, 3, 0}, {2, 0, 1}, {3, 1, 0}}, 4);
    check_mined((const double[]){0, -1, 1, 5}, (const int32_t[]){1, 1, 1, 2}, 4,
                FM_MINING_BATCH_HARD, 1, (const fmi_triplet[]){{0, 1, 3}, {1, 2, 3}, {2, 1, 3}}, 3);
}

static void test_mining_of_nothing(void **state)
{
    static const double at[] = {0, 1, 2};
    (void)state;
    for (fm_mining mining = FM_MINING_BATCH_HARD; mining <= FM_MINING_ALL; mining++) {
        check_mined(at, (const int32_t[]){5, 5, 5}, 3, mining, 1, NULL, 0);
        check_mined(at, (const int32_t[]){1, 2, 3}, 3, mining, 1, NULL, 0);
        check_mined(at, (const int32_t[]){1}, 1, mining, 1, NULL, 0);
        check_mined(at, NULL, 0, mining, 1, NULL, 0);
    }
}

static void test_mining_refuses(void **state)
{
    fmi_triplet *out = NULL;
    size_t count = 77;
    (void)state;
    fm_assert_status(fmi_mine(NULL, NULL, 0, 0, 1, &out, &count, &err), FM_E_INVALID_ARGUMENT,
                     &err);
    fm_assert_status(fmi_mine(NULL, NULL, 0, FM_MINING_ALL + 1, 1, &out, &count, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(
        fmi_mine(NULL, NULL, (size_t)INT32_MAX + 1, FM_MINING_ALL, 1, &out, &count, &err),
        FM_E_LIMIT, &err);
    assert_int_equal(count, 77);
}

/* --- losses ---------------------------------------------------------------------------------- */

/* A loss to be called in one way: weights and their gradient are NULL where it has none. */
typedef fm_status (*loss_fn)(const float *x, const int32_t *labels, size_t n, size_t dim,
                             const float *weights, float *gradient, float *weights_gradient,
                             fmi_loss_figures *figures);

static fm_status triplet_loss(fm_mining mining, fm_reduction reduction, float margin,
                              const float *x, const int32_t *labels, size_t n, size_t dim,
                              float *gradient, fmi_loss_figures *figures)
{
    fmi_triplet_options options = {mining, reduction, margin};
    return fmi_loss_triplet(&options, x, labels, n, dim, gradient, figures, &err);
}

static fm_status triplets_all(const float *x, const int32_t *labels, size_t n, size_t dim,
                              const float *weights, float *gradient, float *weights_gradient,
                              fmi_loss_figures *figures)
{
    (void)weights;
    (void)weights_gradient;
    return triplet_loss(FM_MINING_ALL, FM_REDUCTION_MEAN, 0.5F, x, labels, n, dim, gradient,
                        figures);
}

static fm_status triplets_hard(const float *x, const int32_t *labels, size_t n, size_t dim,
                               const float *weights, float *gradient, float *weights_gradient,
                               fmi_loss_figures *figures)
{
    (void)weights;
    (void)weights_gradient;
    return triplet_loss(FM_MINING_BATCH_HARD, FM_REDUCTION_SUM, 0.5F, x, labels, n, dim, gradient,
                        figures);
}

/* Behind the normalisation; small batches only. */
static fm_status triplets_normalized(const float *x, const int32_t *labels, size_t n, size_t dim,
                                     const float *weights, float *gradient, float *weights_gradient,
                                     fmi_loss_figures *figures)
{
    float y[VALUES];
    fm_status status;
    fmi_normalize_rows(x, n, dim, y);
    status = triplets_all(y, labels, n, dim, weights, gradient, weights_gradient, figures);
    if (status == FM_OK)
        fmi_normalize_gradient(x, n, dim, gradient);
    return status;
}

static fm_status softmax(const float *x, const int32_t *labels, size_t n, size_t dim,
                         const float *weights, float *gradient, float *weights_gradient,
                         fmi_loss_figures *figures)
{
    (void)weights;
    (void)weights_gradient;
    return fmi_loss_softmax(x, labels, n, dim, gradient, figures, &err);
}

static fm_status siamese(const float *x, const int32_t *labels, size_t n, size_t dim,
                         const float *weights, float *gradient, float *weights_gradient,
                         fmi_loss_figures *figures)
{
    return fmi_loss_siamese(x, labels, n, dim, weights, gradient, weights_gradient, figures, &err);
}

static fm_status chi_squared(const float *x, const int32_t *labels, size_t n, size_t dim,
                             const float *weights, float *gradient, float *weights_gradient,
                             fmi_loss_figures *figures)
{
    return fmi_loss_chi_squared(x, labels, n, dim, weights, gradient, weights_gradient, figures,
                                &err);
}

static const struct {
    const char *name;
    loss_fn loss;
    bool learned; /* has weights */
} LOSSES[] = {{"triplets, all", triplets_all, false},
              {"triplets, hard", triplets_hard, false},
              {"triplets, normalised", triplets_normalized, false},
              {"softmax", softmax, false},
              {"siamese", siamese, true},
              {"chi-squared", chi_squared, true}};

enum { LOSS_COUNT = sizeof LOSSES / sizeof *LOSSES };

static const int32_t LABELS[ROWS] = {0, 1, 2, 0, 1, 2, 0, 1, 3};

static void fill(float *values, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++)
        values[i] = (float)fm_test_random(&seed) / 0x1p23F - 1;
}

static void assert_slope(const char *name, double got, double want)
{
    if (!(fabs(got - want) <= 2e-3))
        fail_msg("%s: %.9g, not %.9g", name, got, want);
}

static void assert_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%.9g, not %.9g", got, want);
}

static void test_triplet_by_hand(void **state)
{
    /* at 0, 1 | 1.5: 0 has d 1 and 2.25: loss 0 with margin 1; 1 has 1 and 0.25: 1.75 */
    static const float x[] = {0, 1, 1.5F};
    static const int32_t labels[] = {7, 7, 9};
    float gradient[3];
    fmi_loss_figures f;
    (void)state;
    fm_assert_status(
        triplet_loss(FM_MINING_BATCH_HARD, FM_REDUCTION_SUM, 1, x, labels, 3, 1, gradient, &f),
        FM_OK, &err);
    assert_near(f.loss, 1.75, 0);
    assert_int_equal(f.mined, 2);
    assert_int_equal(f.active, 1);
    assert_near(f.positive_distance, 1, 0);
    assert_near(f.negative_distance, 1, 0);
    fm_assert_floats_near(gradient, (const float[]){-2, 3, -1}, 3, 0, 0);
    fm_assert_status(
        triplet_loss(FM_MINING_BATCH_HARD, FM_REDUCTION_MEAN, 1, x, labels, 3, 1, gradient, &f),
        FM_OK, &err);
    assert_near(f.loss, 0.875, 0);
    fm_assert_floats_near(gradient, (const float[]){-1, 1.5F, -0.5F}, 3, 0, 0);
    /* margin 1.25: the loss of row 0 is exactly 0, and so is its gradient */
    fm_assert_status(
        triplet_loss(FM_MINING_SEMI_HARD, FM_REDUCTION_SUM, 1.25F, x, labels, 3, 1, gradient, &f),
        FM_OK, &err);
    assert_near(f.loss, 0, 0);
    assert_int_equal(f.mined, 1);
    assert_int_equal(f.active, 0);
    fm_assert_floats_near(gradient, (const float[]){0, 0, 0}, 3, 0, 0);
}

static void test_softmax_by_hand(void **state)
{
    static const float logits[] = {0, 0, 0, 0, 800, -800, 0, 0};
    static const int32_t labels[] = {1, 1};
    float gradient[8];
    fmi_loss_figures f;
    (void)state;
    fm_assert_status(fmi_loss_softmax(logits, labels, 2, 4, gradient, &f, &err), FM_OK, &err);
    assert_near(f.loss, (log(4) + 1600) / 2, 1e-12);
    assert_int_equal(f.mined, 2);
    assert_int_equal(f.active, 2); /* of equals the lowest class is the answer */
    assert_true(isnan(f.positive_distance) && isnan(f.negative_distance));
    fm_assert_floats_near(
        gradient, (const float[]){0.125F, -0.375F, 0.125F, 0.125F, 0.5F, -0.5F, 0, 0}, 8, 0, 0);
}

static void test_softmax_refuses_a_label(void **state)
{
    static const float logits[4] = {0};
    float gradient[4] = {7, 7, 7, 7};
    fmi_loss_figures f = {.loss = 77};
    (void)state;
    fm_assert_status(fmi_loss_softmax(logits, (const int32_t[]){0, 2}, 2, 2, gradient, &f, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fmi_loss_softmax(logits, (const int32_t[]){-1, 0}, 2, 2, gradient, &f, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    assert_near(f.loss, 77, 0);
    fm_assert_floats_near(gradient, (const float[]){7, 7, 7, 7}, 4, 0, 0);
}

/* Each pair's logit is 0, so its loss is log 2 and the derivative by it 1/2. */
static void test_metrics_by_hand(void **state)
{
    static const float x[] = {1, 0, 3, 0, 0, 2}, weights[] = {0, 0, 0};
    static const int32_t labels[] = {1, 1, 2};
    float gradient[6], by_weights[3];
    fmi_loss_figures f;
    (void)state;
    fm_assert_status(siamese(x, labels, 3, 2, weights, gradient, by_weights, &f), FM_OK, &err);
    assert_near(f.loss, log(2), 1e-15);
    assert_int_equal(f.mined, 3);
    assert_int_equal(f.active, 1); /* the genuine one: half a chance is no yes */
    assert_near(f.positive_distance, 2, 0);
    assert_near(f.negative_distance, (sqrt(5) + sqrt(13)) / 2, 1e-15);
    fm_assert_floats_near(by_weights, (const float[]){-0.25F * 2 + 0.125F * 4, 0.125F * 4, 0}, 3, 0,
                          0);
    fm_assert_status(chi_squared(x, labels, 3, 2, weights, gradient, by_weights, &f), FM_OK, &err);
    assert_near(f.loss, log(2), 1e-15);
    fm_assert_floats_near(by_weights, (const float[]){0.25F * 1 - 0.125F * 4, -0.125F * 4, 0}, 3, 0,
                          0);
    fm_assert_floats_near(gradient, (const float[]){0, 0, 0, 0, 0, 0}, 6, 0, 0);
}

/* One kind of pairs counts in full; |0| and 0/0 have gradient 0. */
static void test_metrics_at_zero(void **state)
{
    static const float x[] = {0, 0, 0, 0}, weights[] = {1, -2, 0.5F};
    static const int32_t genuine[] = {3, 3}, impostor[] = {3, 4};
    float gradient[4], by_weights[3];
    fmi_loss_figures f;
    (void)state;
    for (size_t k = 0; k < LOSS_COUNT; k++) {
        if (!LOSSES[k].learned)
            continue;
        fm_assert_status(LOSSES[k].loss(x, genuine, 2, 2, weights, gradient, by_weights, &f), FM_OK,
                         &err);
        assert_near(f.loss, log1p(exp(-0.5)), 1e-15);
        assert_near(by_weights[2], 1 / (1 + exp(-0.5)) - 1, 1e-7);
        assert_near(f.positive_distance, 0, 0);
        assert_true(isnan(f.negative_distance));
        fm_assert_floats_near(gradient, (const float[]){0, 0, 0, 0}, 4, 0, 0);
        fm_assert_status(LOSSES[k].loss(x, impostor, 2, 2, weights, gradient, by_weights, &f),
                         FM_OK, &err);
        assert_near(f.loss, log1p(exp(0.5)), 1e-15);
        assert_int_equal(f.active, 1);
    }
}

static double value(size_t k, const float *x, const float *weights)
{
    float gradient[VALUES], by_weights[DIM + 1];
    fmi_loss_figures f;
    fm_assert_status(LOSSES[k].loss(x, LABELS, ROWS, DIM, weights, gradient, by_weights, &f), FM_OK,
                     &err);
    return f.loss;
}

/* The slope over a step of values[i], as float32 has it. */
static double slope(size_t k, float *x, float *weights, float *values, size_t i)
{
    float was = values[i], up = was + 0x1p-13F, down = was - 0x1p-13F;
    double above, below;
    values[i] = up;
    above = value(k, x, weights);
    values[i] = down;
    below = value(k, x, weights);
    values[i] = was;
    return (above - below) / ((double)up - (double)down);
}

static void test_gradients_are_slopes(void **state)
{
    float x[VALUES], weights[DIM + 1], gradient[VALUES], by_weights[DIM + 1];
    fmi_loss_figures f;
    (void)state;
    for (size_t k = 0; k < LOSS_COUNT; k++) {
        fill(x, VALUES, 5);
        fill(weights, DIM + 1, 6);
        fm_assert_status(LOSSES[k].loss(x, LABELS, ROWS, DIM, weights, gradient, by_weights, &f),
                         FM_OK, &err);
        assert_true(f.mined > 0 && f.active > 0);
        for (size_t i = 0; i < VALUES; i++)
            assert_slope(LOSSES[k].name, gradient[i], slope(k, x, weights, x, i));
        for (size_t i = 0; i <= DIM && LOSSES[k].learned; i++)
            assert_slope(LOSSES[k].name, by_weights[i], slope(k, x, weights, weights, i));
    }
}

/* No pair, no triplet: loss and gradient 0. */
static void test_nothing_to_learn_from(void **state)
{
    static const float x[] = {0.5F, -1};
    static const int32_t label[] = {0};
    float weights[] = {1, 1, 1}, gradient[2], by_weights[3];
    fmi_loss_figures f;
    (void)state;
    for (size_t k = 0; k < LOSS_COUNT; k++) {
        if (LOSSES[k].loss == softmax)
            continue; /* one row is enough */
        for (size_t n = 0; n <= 1; n++) {
            memset(gradient, 0xFF, sizeof gradient);
            memset(by_weights, 0xFF, sizeof by_weights);
            fm_assert_status(LOSSES[k].loss(x, label, n, 2, weights, gradient, by_weights, &f),
                             FM_OK, &err);
            assert_near(f.loss, 0, 0);
            assert_int_equal(f.mined, 0);
            assert_true(isnan(f.positive_distance) && isnan(f.negative_distance));
            for (size_t i = 0; i < n * 2; i++)
                assert_near(gradient[i], 0, 0);
            for (size_t i = 0; i < 3 && LOSSES[k].learned; i++)
                assert_near(by_weights[i], 0, 0);
        }
    }
    fm_assert_status(fmi_loss_softmax(x, label, 0, 2, gradient, &f, &err), FM_OK, &err);
    assert_near(f.loss, 0, 0);
}

static void test_values_that_are_not_finite(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    float x[VALUES], weights[DIM + 1], gradient[VALUES], by_weights[DIM + 1];
    fmi_loss_figures f;
    (void)state;
    for (size_t k = 0; k < LOSS_COUNT; k++)
        for (size_t i = 0; i < 3; i++)
            for (int of_weights = 0; of_weights <= LOSSES[k].learned; of_weights++) {
                fill(x, VALUES, 5);
                fill(weights, DIM + 1, 6);
                *(of_weights ? weights + DIM : x + VALUES - 1) = bad[i];
                memset(gradient, 0xFF, sizeof gradient);
                fm_assert_status(
                    LOSSES[k].loss(x, LABELS, ROWS, DIM, weights, gradient, by_weights, &f), FM_OK,
                    &err);
                assert_true(isnan(f.loss));
                assert_int_equal(f.mined, 0);
                for (size_t v = 0; v < VALUES; v++)
                    assert_near(gradient[v], 0, 0);
                for (size_t v = 0; v <= DIM && LOSSES[k].learned; v++)
                    assert_near(by_weights[v], 0, 0);
            }
}

/* As large and as small as floats get: the loss stays finite. */
static void test_extreme_values(void **state)
{
    static const float scales[] = {FLT_MAX, 0x1p-140F, FLT_MIN};
    float x[VALUES], weights[DIM + 1], gradient[VALUES], by_weights[DIM + 1];
    fmi_loss_figures f;
    (void)state;
    for (size_t k = 0; k < LOSS_COUNT; k++)
        for (size_t i = 0; i < 9; i++) {
            fill(x, VALUES, 5);
            fill(weights, DIM + 1, 6);
            for (size_t v = 0; v < VALUES; v++)
                x[v] *= scales[i % 3];
            for (size_t v = 0; v <= DIM; v++)
                weights[v] *= scales[i / 3];
            fm_assert_status(
                LOSSES[k].loss(x, LABELS, ROWS, DIM, weights, gradient, by_weights, &f), FM_OK,
                &err);
            assert_true(isfinite(f.loss));
            for (size_t v = 0; v < VALUES; v++)
                assert_false(isnan(gradient[v]));
        }
}

static void test_losses_without_memory(void **state)
{
    float x[VALUES], weights[DIM + 1], gradient[VALUES], by_weights[DIM + 1];
    (void)state;
    fill(x, VALUES, 5);
    fill(weights, DIM + 1, 6);
    for (size_t k = 0; k < LOSS_COUNT; k++) {
        fmi_loss_figures f = {.loss = 77};
        long live = fmi_memory_live_blocks(), allowed = 0;
        fm_status status = FM_E_NO_MEMORY;
        gradient[0] = by_weights[0] = 7;
        for (; status != FM_OK; allowed++) {
            assert_near(f.loss, 77, 0);
            assert_near(gradient[0], 7, 0);
            assert_near(by_weights[0], 7, 0);
            fmi_memory_fail_after(allowed);
            status = LOSSES[k].loss(x, LABELS, ROWS, DIM, weights, gradient, by_weights, &f);
            fmi_memory_fail_after(-1);
            if (status != FM_OK)
                fm_assert_status(status, FM_E_NO_MEMORY, &err);
            assert_int_equal(fmi_memory_live_blocks(), live);
        }
        assert_true(allowed > 1 || LOSSES[k].loss == softmax);
        assert_true(f.loss > 0 && f.loss < 77);
    }
}

static void test_a_batch_too_large_for_memory(void **state)
{
    fmi_triplet_options options = {FM_MINING_ALL, FM_REDUCTION_SUM, 1};
    fmi_loss_figures f;
    (void)state;
    fm_assert_status(fmi_loss_triplet(&options, NULL, NULL, SIZE_MAX / 2, 0, NULL, &f, &err),
                     FM_E_NO_MEMORY, &err);
}

/* --- normalisation --------------------------------------------------------------------------- */

static void test_normalization_by_hand(void **state)
{
    static const float x[] = {3, 4, 0, 0, 1e-30F, 0, NAN, 1};
    float y[8], by[] = {25, 0, 5, 5, 0, 1e-30F, 3, 3};
    (void)state;
    fmi_normalize_rows(x, 4, 2, y);
    fm_assert_floats_near(y, (const float[]){0.6F, 0.8F, 0, 0, 1, 0}, 6, 0, 1e-7);
    assert_true(isnan(y[6]) && y[7] == 1);
    fmi_normalize_gradient(x, 4, 2, by);
    fm_assert_floats_near(by, (const float[]){3.2F, -2.4F, 0, 0, 0, 1, 0, 0}, 8, 0, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mining_by_hand),
        cmocka_unit_test(test_mining_takes_the_lowest_of_equals),
        cmocka_unit_test(test_mining_of_nothing),
        cmocka_unit_test(test_mining_refuses),
        cmocka_unit_test(test_triplet_by_hand),
        cmocka_unit_test(test_softmax_by_hand),
        cmocka_unit_test(test_softmax_refuses_a_label),
        cmocka_unit_test(test_metrics_by_hand),
        cmocka_unit_test(test_metrics_at_zero),
        cmocka_unit_test(test_gradients_are_slopes),
        cmocka_unit_test(test_nothing_to_learn_from),
        cmocka_unit_test(test_values_that_are_not_finite),
        cmocka_unit_test(test_extreme_values),
        cmocka_unit_test(test_losses_without_memory),
        cmocka_unit_test(test_a_batch_too_large_for_memory),
        cmocka_unit_test(test_normalization_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
