/* What a batch is made of, and what is done to its pictures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/memory.h"
#include "helpers.h"
#include "train/augment.h"
#include "train/sampler.h"
#include <math.h>
#include <string.h>

enum { PEOPLE = 7, MOST = 64 };

static fm_error err = {sizeof err, 0, ""};

/* Seven people with 1 to 7 photographs. */
static const size_t first[] = {0, 1, 3, 6, 10, 15, 21, 28};

static fmi_sampler sampler_of(size_t people, size_t each, bool shuffled)
{
    const fmi_sampler sampler = {11, PEOPLE, 28, first, people, each, shuffled};
    return sampler;
}

typedef struct batch {
    int32_t rows[MOST], labels[MOST];
    size_t n;
} batch;

static batch draw(const fmi_sampler *sampler, uint64_t epoch, uint64_t step)
{
    int32_t scratch[28];
    batch b;
    memset(&b, 0, sizeof b);
    b.n = fmi_sampler_rows(sampler);
    assert_true(b.n <= MOST);
    fmi_sampler_draw(sampler, epoch, step, b.rows, b.labels, scratch);
    return b;
}

static void test_batch_has_so_many_of_so_many_people(void **state)
{
    const fmi_sampler sampler = sampler_of(3, 4, false);
    int seen[PEOPLE] = {0};
    (void)state;
    assert_int_equal(fmi_sampler_rows(&sampler), 12);
    assert_int_equal(fmi_sampler_steps(&sampler), 3);
    for (uint64_t step = 0; step < 40; step++) {
        batch b = draw(&sampler, 1, step);
        for (size_t i = 0; i < b.n; i++) {
            size_t label = (size_t)b.labels[i], size = first[label + 1] - first[label];
            assert_true((size_t)b.rows[i] >= first[label] && (size_t)b.rows[i] < first[label + 1]);
            assert_int_equal(b.labels[i], b.labels[i / 4 * 4]);
            for (size_t j = i / 4 * 4; j < i && size >= 4; j++)
                assert_int_not_equal(b.rows[j], b.rows[i]);
            for (size_t j = 0; j < i / 4 * 4; j++)
                assert_int_not_equal(b.labels[j], b.labels[i]);
        }
        for (size_t i = 0; i < b.n; i += 4)
            seen[b.labels[i]]++;
    }
    for (int k = 0; k < PEOPLE; k++) /* 17 times each, on the average */
        assert_in_range(seen[k], 10, 20);
}

static void test_few_people_make_smaller_batches(void **state)
{
    const fmi_sampler sampler = sampler_of(100, 4, false);
    (void)state;
    assert_int_equal(fmi_sampler_rows(&sampler), 28);
    assert_int_equal(fmi_sampler_steps(&sampler), 1);
}

static void test_shuffled_batches_show_all(void **state)
{
    const fmi_sampler sampler = sampler_of(2, 4, true);
    int seen[28] = {0};
    (void)state;
    assert_int_equal(fmi_sampler_rows(&sampler), 8);
    assert_int_equal(fmi_sampler_steps(&sampler), 4);
    for (uint64_t step = 0; step < 7; step++) { /* twice through all of them */
        batch b = draw(&sampler, 5, step);
        for (size_t i = 0; i < b.n; i++) {
            seen[b.rows[i]]++;
            assert_true((size_t)b.rows[i] >= first[b.labels[i]] &&
                        (size_t)b.rows[i] < first[b.labels[i] + 1]);
        }
    }
    for (int i = 0; i < 28; i++)
        assert_int_equal(seen[i], 2);
}

static void test_batches_follow_from_their_place(void **state)
{
    (void)state;
    for (int shuffled = 0; shuffled < 2; shuffled++) {
        fmi_sampler sampler = sampler_of(3, 2, shuffled), other = sampler;
        batch a = draw(&sampler, 2, 1), b = draw(&sampler, 2, 1), c = draw(&sampler, 2, 2),
              d = draw(&sampler, 3, 1), e;
        other.seed = 12;
        e = draw(&other, 2, 1);
        assert_memory_equal(&a, &b, sizeof a);
        assert_memory_not_equal(a.rows, c.rows, sizeof a.rows);
        assert_memory_not_equal(a.rows, d.rows, sizeof a.rows);
        assert_memory_not_equal(a.rows, e.rows, sizeof a.rows);
    }
}

static void test_random_numbers_are_even(void **state)
{
    fmi_random random = fmi_random_at(1, 2, 3, 4);
    int counts[10] = {0};
    double sum = 0;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        double x = fmi_random_unit(&random), y = fmi_random_spread(&random, 3);
        assert_true(x >= 0 && x < 1 && y >= -3 && y < 3);
        counts[fmi_random_below(&random, 10)]++;
        sum += y;
    }
    for (int k = 0; k < 10; k++)
        assert_in_range(counts[k], 9500, 10500);
    assert_true(fabs(sum / 100000) < 0.03);
}

/* ---- pictures ---- */

enum { SIDE = 40 };

static fm_image *picture(void)
{
    fm_image *image = NULL;
    fm_assert_status(fmi_image_new(&image, SIDE, SIDE, &err), FM_OK, &err);
    for (size_t i = 0; i < image->owned_size; i++) {
        double x = (double)(i / 3 % SIDE), y = (double)(i / 3 / SIDE);
        image->owned[i] = (uint8_t)(128 + 60 * sin(x / 5 + (double)(i % 3)) + 40 * cos(y / 7));
    }
    return image;
}

static fm_image *varied(const fm_image *image, const fm_augmentation *by, uint64_t place)
{
    fm_image *out = NULL;
    fm_assert_status(fmi_augment(&out, image, by, fmi_random_at(1, 2, 3, place), &err), FM_OK,
                     &err);
    assert_int_equal(out->owned_size, image->owned_size);
    return out;
}

static uint8_t at(const fm_image *image, int x, int y, int c)
{
    return image->pixels[(size_t)y * image->stride + 3 * (size_t)x + (size_t)c];
}

static double mean_of(const fm_image *image)
{
    double sum = 0;
    for (size_t i = 0; i < image->owned_size; i++)
        sum += image->owned[i];
    return sum / (double)image->owned_size;
}

static double spread_of(const fm_image *image)
{
    double mean = mean_of(image), sum = 0;
    for (size_t i = 0; i < image->owned_size; i++)
        sum += (image->owned[i] - mean) * (image->owned[i] - mean);
    return sqrt(sum / (double)image->owned_size);
}

static void test_nothing_is_varied_by_zero(void **state)
{
    const fm_augmentation none = {0};
    fm_image *image = picture(), *out = varied(image, &none, 0);
    (void)state;
    assert_false(fmi_augmentation_any(&none));
    assert_memory_equal(image->owned, out->owned, image->owned_size);
    fm_image_free(out);
    fm_image_free(image);
}

static void test_flip_mirrors(void **state)
{
    const fm_augmentation always = {.flip = 1}, half = {.flip = 0.5f};
    fm_image *image = picture(), *out = varied(image, &always, 0);
    int flipped = 0;
    (void)state;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < 3; c++)
                assert_int_equal(at(out, x, y, c), at(image, SIDE - 1 - x, y, c));
    fm_image_free(out);
    for (uint64_t k = 0; k < 200; k++) {
        out = varied(image, &half, k);
        flipped += at(out, 3, 3, 0) != at(image, 3, 3, 0);
        fm_image_free(out);
    }
    assert_in_range(flipped, 70, 130);
    fm_image_free(image);
}

/* Where a bright dot goes, over many draws. */
static void test_shift_and_scale_stay_within_bounds(void **state)
{
    const fm_augmentation shift = {.shift = 0.1f}, scale = {.scale = 0.2f};
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        fm_image *image = NULL;
        double low = 99, high = -99;
        fm_assert_status(fmi_image_new(&image, SIDE, SIDE, &err), FM_OK, &err);
        for (int y = 0; y < 4; y++)
            memset(image->owned + (size_t)(18 + y) * image->stride + 3 * (size_t)28, 255, 12);
        for (uint64_t k = 0; k < 300; k++) {
            fm_image *out = varied(image, kind ? &scale : &shift, k);
            double sum = 0, moment = 0;
            for (int y = 0; y < SIDE; y++)
                for (int x = 0; x < SIDE; x++) {
                    sum += at(out, x, y, 0);
                    moment += at(out, x, y, 0) * (x + 0.5);
                }
            low = fmin(low, moment / sum);
            high = fmax(high, moment / sum);
            fm_image_free(out);
        }
        /* the dot is at 30, 10 from the centre */
        assert_true(low > (kind ? 27.8 : 25.8) && low < (kind ? 28.4 : 26.6));
        assert_true(high < (kind ? 32.2 : 34.2) && high > (kind ? 31.6 : 33.4));
        fm_image_free(image);
    }
}

static void test_light_changes_mean_and_contrast(void **state)
{
    const fm_augmentation brightness = {.brightness = 0.1f}, contrast = {.contrast = 0.5f};
    fm_image *image = picture();
    double mean = mean_of(image), spread = spread_of(image), low = 1e9, high = 0;
    (void)state;
    for (uint64_t k = 0; k < 200; k++) {
        fm_image *out = varied(image, &brightness, k);
        assert_true(fabs(mean_of(out) - mean) < 26);
        assert_true(fabs(spread_of(out) - spread) < 2);
        low = fmin(low, mean_of(out) - mean);
        high = fmax(high, mean_of(out) - mean);
        fm_image_free(out);
    }
    assert_true(low < -20 && high > 20);
    low = 1e9;
    high = 0;
    for (uint64_t k = 0; k < 200; k++) {
        fm_image *out = varied(image, &contrast, k);
        low = fmin(low, spread_of(out) / spread);
        high = fmax(high, spread_of(out) / spread);
        fm_image_free(out);
    }
    assert_true(low > 0.48 && low < 0.6 && high > 1.3 && high < 1.52);
    fm_image_free(image);
}

/* A dot becomes a Gaussian of the drawn width, with as much light. */
static void test_blur_is_gaussian(void **state)
{
    const fm_augmentation blur = {.blur = 3};
    fm_image *image = NULL;
    double widest = 0;
    (void)state;
    fm_assert_status(fmi_image_new(&image, SIDE, SIDE, &err), FM_OK, &err);
    memset(image->owned + 20 * image->stride, 255, image->stride); /* a line across */
    for (uint64_t k = 0; k < 100; k++) {
        fm_image *out = varied(image, &blur, k);
        double sum = 0, second = 0;
        for (int y = 0; y < SIDE; y++) {
            sum += at(out, 20, y, 1);
            second += at(out, 20, y, 1) * (y - 20.0) * (y - 20.0);
        }
        assert_true(fabs(sum - 255) < 12);
        assert_true(second / sum < 9.5);
        widest = fmax(widest, sqrt(second / sum));
        fm_image_free(out);
    }
    assert_true(widest > 2.5);
    fm_image_free(image);
}

static void test_augmentation_is_checked(void **state)
{
    const fm_augmentation good = {1, 0.5f, 0.5f, 1, 1, 8};
    (void)state;
    fm_assert_status(fmi_augmentation_check(&good, &err), FM_OK, &err);
    for (int field = 0; field < 6; field++)
        for (int k = 0; k < 3; k++) {
            fm_augmentation bad = good;
            float values[] = {-0.01f, 8.01f, NAN};
            (&bad.flip)[field] = values[k];
            fm_assert_status(fmi_augmentation_check(&bad, &err), FM_E_INVALID_ARGUMENT, &err);
        }
}

static void test_augmentation_without_memory(void **state)
{
    const fm_augmentation all = {0.5f, 0.1f, 0.1f, 0.1f, 0.1f, 4}, light = {.brightness = 0.1f};
    fm_image *image = picture(), *out = NULL;
    (void)state;
    for (int i = 0; i < 2; i++) {
        fm_status status = FM_E_NO_MEMORY;
        for (long k = 0; status != FM_OK; k++) {
            fmi_memory_fail_after(k);
            status = fmi_augment(&out, image, i ? &light : &all, fmi_random_at(1, 2, 3, 0), &err);
            fmi_memory_fail_after(-1);
            if (status != FM_OK)
                fm_assert_status(status, FM_E_NO_MEMORY, &err);
        }
        fm_image_free(out);
    }
    fm_image_free(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_has_so_many_of_so_many_people),
        cmocka_unit_test(test_few_people_make_smaller_batches),
        cmocka_unit_test(test_shuffled_batches_show_all),
        cmocka_unit_test(test_batches_follow_from_their_place),
        cmocka_unit_test(test_random_numbers_are_even),
        cmocka_unit_test(test_nothing_is_varied_by_zero),
        cmocka_unit_test(test_flip_mirrors),
        cmocka_unit_test(test_shift_and_scale_stay_within_bounds),
        cmocka_unit_test(test_light_changes_mean_and_contrast),
        cmocka_unit_test(test_blur_is_gaussian),
        cmocka_unit_test(test_augmentation_is_checked),
        cmocka_unit_test(test_augmentation_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
