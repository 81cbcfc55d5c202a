#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/memory.h"
#include "helpers.h"
#include <facematch/evaluate.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static fm_error err = {sizeof err, 0, ""};

static fm_pairs_report evaluate(const float *scores, const uint8_t *genuine, const int32_t *folds,
                                size_t n, const double *fars, size_t fars_len, double *tars)
{
    fm_pairs_report report;
    memset(&report, 0, sizeof report);
    report.struct_size = sizeof report;
    fm_assert_status(
        fm_evaluate_pairs(scores, genuine, folds, n, fars, fars_len, tars, &report, &err), FM_OK,
        &err);
    return report;
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-9) && !(isnan(got) && isnan(want)))
        fail_msg("got %.12g, want %.12g", got, want);
}

static void test_evaluate_perfect_separation(void **state)
{
    static const float scores[] = {0.9f, 0.8f, 0.2f, 0.1f};
    static const uint8_t genuine[] = {1, 1, 0, 0};
    static const double fars[] = {0.5, 0.4};
    double tars[2] = {-1, -1};
    fm_pairs_report r = evaluate(scores, genuine, NULL, 4, fars, 2, tars);
    (void)state;
    assert_int_equal(r.pairs, 4);
    assert_int_equal(r.genuine, 2);
    assert_int_equal(r.impostor, 2);
    assert_int_equal(r.undecided, 0);
    assert_int_equal(r.folds, 1);
    near(r.accuracy, 1);
    near(r.accuracy_sem, NAN);
    near(r.eer, 0);
    near(r.threshold, ((double)0.8f + 0.2f) / 2);
    near(r.eer_threshold, ((double)0.8f + 0.2f) / 2);
    near(tars[0], 1);
    near(tars[1], NAN); /* below 1 / 2 impostors */
}

static void test_evaluate_all_tied(void **state)
{
    static const float scores[] = {0.5f, 0.5f, 0.5f, 0.5f, 0.5f};
    static const uint8_t genuine[] = {1, 1, 1, 0, 0};
    static const double far = 0.5;
    double tar = -1;
    fm_pairs_report r = evaluate(scores, genuine, NULL, 5, &far, 1, &tar);
    (void)state;
    near(r.accuracy, 0.6); /* all accepted: equal scores cannot be split */
    near(r.threshold, 0.5);
    near(r.eer, 0.5);
    near(r.eer_threshold, 0.5);
    near(tar, 0);
}

/* Sorted: g .9, g .8, i .7, g .6, i .5, i .4, g .3, i .2, i .1, with one of each without a score.
 */
static void test_evaluate_by_hand(void **state)
{
    static const float scores[] = {0.1f, 0.9f, 0.7f, 0.8f, 0.6f, 0.5f, 0.4f, 0.3f, 0.2f, NAN, NAN};
    static const uint8_t genuine[] = {0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 0};
    static const double fars[] = {1.0 / 6, 2.0 / 6, 0.5, 0.49, 0.16, 0.999};
    double tars[6];
    fm_pairs_report r = evaluate(scores, genuine, NULL, 11, fars, 6, tars);
    (void)state;
    assert_int_equal(r.undecided, 2);
    /* best: 4 accepted (3 g, 1 i): 3 + 5 right of 11; 2 accepted (2 g): 2 + 6 right. Of two
     * the middle is the second, that accepts more. */
    near(r.accuracy, 8.0 / 11);
    near(r.threshold, ((double)0.6f + 0.5f) / 2);
    /* genuine: 5, impostors: 6. FNMR 2/5 at 4 accepted (FMR 1/6), FMR 3/6 at 6 accepted. Between 5
     * (2/6, 2/5) and 6 accepted (3/6, 2/5): FNMR is constant, so they meet at 2/5. */
    near(r.eer, 0.4);
    near(tars[0], 3.0 / 5);
    near(tars[1], 3.0 / 5);
    near(tars[2], 4.0 / 5);
    near(tars[3], 3.0 / 5);
    near(tars[4], NAN);
    near(tars[5], 4.0 / 5);
}

/* Two folds whose best thresholds differ: each is judged with the other's. */
static void test_evaluate_folds_use_the_others_threshold(void **state)
{
    static const float scores[] = {0.9f, 0.7f, 0.5f, 0.3f, 0.6f, 0.5f, 0.2f, 0.1f};
    static const uint8_t genuine[] = {1, 1, 0, 0, 1, 1, 0, 0};
    static const int32_t folds[] = {3, 3, 3, 3, 999, 999, 999, 999};
    fm_pairs_report r = evaluate(scores, genuine, folds, 8, NULL, 0, NULL);
    (void)state;
    assert_int_equal(r.folds, 2);
    /* fold 3 with 0.35: 0.5 accepted wrongly, 3 of 4; fold 999 with 0.6: 0.6 accepted (equal), 0.5
     * refused wrongly, 3 of 4. 0.6 is (0.7f + 0.5f) / 2, a little below 0.6f. */
    near(r.accuracy, 0.75);
    near(r.accuracy_sem, 0);
}

static void test_evaluate_pairs_without_scores(void **state)
{
    static const float scores[] = {NAN, NAN, NAN, NAN};
    static const uint8_t genuine[] = {1, 0, 0, 0};
    static const int32_t folds[] = {0, 0, 1, 1};
    static const double far = 0.5;
    double tar = -1;
    fm_pairs_report r = evaluate(scores, genuine, folds, 4, &far, 1, &tar);
    (void)state;
    assert_int_equal(r.undecided, 4);
    near(r.accuracy, (0.5 + 1) / 2);
    near(r.accuracy_sem, 0.25); /* sd 0.5/sqrt(2), over sqrt(2) */
    near(r.eer, NAN);
    near(r.eer_threshold, NAN);
    near(r.threshold, NAN);
    near(tar, 0);
}

/* --- brute force: the definitions, read literally --- */

typedef struct sample {
    const float *scores;
    const uint8_t *genuine;
    const int32_t *folds;
    size_t n;
} sample;

static int falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Thresholds between the distinct scores of the pairs that are not of fold `without`, strictest
 * first. */
static size_t candidates(const sample *s, int32_t without, double *out)
{
    double sorted[512];
    size_t n = 0, count = 0;
    for (size_t i = 0; i < s->n; i++)
        if (!isnan(s->scores[i]) && s->folds[i] != without)
            sorted[n++] = s->scores[i];
    if (n == 0)
        return 0;
    qsort(sorted, n, sizeof *sorted, falling);
    out[count++] = nextafter(sorted[0], INFINITY);
    for (size_t i = 1; i < n; i++)
        if (sorted[i] < sorted[i - 1])
            out[count++] = (sorted[i] + sorted[i - 1]) / 2;
    out[count++] = sorted[n - 1];
    return count;
}

/* Right decisions among pairs of a fold (inside) or of all others. */
static size_t right(const sample *s, double threshold, int32_t fold, bool inside, size_t *of)
{
    size_t good = 0;
    *of = 0;
    for (size_t i = 0; i < s->n; i++) {
        if ((s->folds[i] == fold) != inside)
            continue;
        ++*of;
        good += (s->scores[i] >= threshold) == (s->genuine[i] != 0);
    }
    return good;
}

/* The middle one of those that do best. */
static double best_threshold(const sample *s, int32_t without)
{
    double list[513], best[513];
    size_t count = candidates(s, without, list), most = 0, ties = 0, of;
    for (size_t i = 0; i < count; i++) {
        size_t good = right(s, list[i], without, false, &of);
        if (ties == 0 || good > most) {
            most = good;
            ties = 0;
        }
        if (good == most)
            best[ties++] = list[i];
    }
    return ties > 0 ? best[ties / 2] : NAN;
}

static void check_accuracy(const sample *s, const fm_pairs_report *r, int32_t folds)
{
    double sum = 0, squares = 0, accuracy[8];
    int32_t used = 0;
    for (int32_t f = 0; f < folds; f++) {
        size_t of, good;
        right(s, 0, f, true, &of);
        if (of == 0)
            continue;
        good = right(s, best_threshold(s, f), f, true, &of);
        accuracy[used] = (double)good / (double)of;
        sum += accuracy[used++];
    }
    assert_int_equal(r->folds, used);
    if (used < 2)
        return;
    for (int32_t i = 0; i < used; i++)
        squares += pow(accuracy[i] - sum / used, 2);
    near(r->accuracy, sum / used);
    near(r->accuracy_sem, sqrt(squares / (used - 1)) / sqrt(used));
    near(r->threshold, best_threshold(s, -1));
}

static void rates(const sample *s, double threshold, double *far, double *tar)
{
    double accepted[2] = {0, 0}, all[2] = {0, 0};
    for (size_t i = 0; i < s->n; i++) {
        all[s->genuine[i]]++;
        accepted[s->genuine[i]] += s->scores[i] >= threshold;
    }
    *far = accepted[0] / all[0];
    *tar = accepted[1] / all[1];
}

static void check_rates(const sample *s, const fm_pairs_report *r, double far, double tar)
{
    double list[513], want = 0, last_far = 0, last_tar = 0, eer = NAN;
    size_t count = candidates(s, -1, list);
    for (size_t i = 0; i < count; i++) {
        double here_far, here_tar;
        rates(s, list[i], &here_far, &here_tar);
        if (here_far <= far)
            want = here_tar; /* the last one counts: lowest threshold */
        if (isnan(eer) && here_far >= 1 - here_tar) {
            double before = 1 - last_tar - last_far, after = here_far - (1 - here_tar);
            eer = last_far + before / (before + after) * (here_far - last_far);
        }
        last_far = here_far;
        last_tar = here_tar;
    }
    near(r->eer, eer);
    if (!isnan(tar))
        near(tar, want);
}

static void test_evaluate_equals_brute_force(void **state)
{
    enum { MOST = 300, FOLDS = 7 };
    uint32_t seed = 11;
    (void)state;
    for (int round = 0; round < 300; round++) {
        float scores[MOST];
        uint8_t genuine[MOST];
        int32_t folds[MOST];
        size_t n = 4 + fm_test_random(&seed) % (MOST - 4), impostors = 0;
        uint32_t steps = 2 + fm_test_random(&seed) % 60; /* few steps: many ties */
        double far = (double)(1 + fm_test_random(&seed) % 998) / 1000, tar = -1;
        sample s = {scores, genuine, folds, n};
        fm_pairs_report r;
        for (size_t i = 0; i < n; i++) {
            genuine[i] = i < 2 ? (uint8_t)i : fm_test_random(&seed) % 2;
            folds[i] = (int32_t)(fm_test_random(&seed) % FOLDS);
            scores[i] = (float)(fm_test_random(&seed) % steps + genuine[i] * steps / 3) / 16;
            if (fm_test_random(&seed) % 20 == 0)
                scores[i] = NAN;
            impostors += !genuine[i];
        }
        r = evaluate(scores, genuine, folds, n, &far, 1, &tar);
        check_accuracy(&s, &r, FOLDS);
        assert_true(isnan(tar) == (far < 1.0 / (double)impostors));
        check_rates(&s, &r, far, tar);
    }
}

static void test_evaluate_refuses(void **state)
{
    float scores[] = {0.5f, 0.4f};
    uint8_t genuine[] = {1, 0};
    int32_t folds[] = {0, 1000};
    double far = 0.5, tar = -1;
    fm_pairs_report r = {.struct_size = sizeof r, .pairs = 77}, before = r;
    (void)state;
#define REFUSED(...)                                                                               \
    fm_assert_status(fm_evaluate_pairs(__VA_ARGS__, &err), FM_E_INVALID_ARGUMENT, &err)
    REFUSED(NULL, genuine, NULL, 2, &far, 1, &tar, &r);
    REFUSED(scores, NULL, NULL, 2, &far, 1, &tar, &r);
    REFUSED(scores, genuine, NULL, 0, &far, 1, &tar, &r);
    REFUSED(scores, genuine, NULL, (size_t)FM_LIMIT_PAIRS + 1, &far, 1, &tar, &r);
    REFUSED(scores, genuine, folds, 2, &far, 1, &tar, &r);
    fm_assert_message(&err, "1000");
    folds[1] = -1;
    REFUSED(scores, genuine, folds, 2, &far, 1, &tar, &r);
    REFUSED(scores, genuine, NULL, 2, NULL, 1, &tar, &r);
    REFUSED(scores, genuine, NULL, 2, &far, 1, NULL, &r);
    REFUSED(scores, genuine, NULL, 2, &far, 1, &tar, NULL);
    REFUSED(scores, genuine, NULL, 1, &far, 1, &tar, &r);
    fm_assert_message(&err, "both kinds");
    far = 1;
    REFUSED(scores, genuine, NULL, 2, &far, 1, &tar, &r);
    far = NAN;
    REFUSED(scores, genuine, NULL, 2, &far, 1, &tar, &r);
    genuine[1] = 2;
    REFUSED(scores, genuine, NULL, 2, NULL, 0, NULL, &r);
    genuine[1] = 0;
    scores[0] = INFINITY;
    REFUSED(scores, genuine, NULL, 2, NULL, 0, NULL, &r);
    r.struct_size = before.struct_size = 8;
    scores[0] = 0.5f;
    REFUSED(scores, genuine, NULL, 2, NULL, 0, NULL, &r);
#undef REFUSED
    assert_true(tar == -1);
    assert_memory_equal(&r, &before, sizeof r);
}

static void test_evaluate_without_memory(void **state)
{
    static const float scores[] = {0.5f, 0.4f};
    static const uint8_t genuine[] = {1, 0};
    fm_pairs_report r = {.struct_size = sizeof r, .pairs = 77};
    long live = fmi_memory_live_blocks(), k = 0;
    fm_status status = FM_E_NO_MEMORY;
    (void)state;
    for (; status != FM_OK; k++) {
        assert_int_equal(r.pairs, 77);
        fmi_memory_fail_after(k);
        status = fm_evaluate_pairs(scores, genuine, NULL, 2, NULL, 0, NULL, &r, &err);
        fmi_memory_fail_after(-1);
        if (status != FM_OK)
            fm_assert_status(status, FM_E_NO_MEMORY, &err);
        assert_int_equal(fmi_memory_live_blocks(), live);
    }
    assert_true(k > 1);
    assert_int_equal(r.pairs, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evaluate_perfect_separation),
        cmocka_unit_test(test_evaluate_all_tied),
        cmocka_unit_test(test_evaluate_by_hand),
        cmocka_unit_test(test_evaluate_folds_use_the_others_threshold),
        cmocka_unit_test(test_evaluate_pairs_without_scores),
        cmocka_unit_test(test_evaluate_equals_brute_force),
        cmocka_unit_test(test_evaluate_refuses),
        cmocka_unit_test(test_evaluate_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
