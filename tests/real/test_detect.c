/* Detection and alignment on real photographs, against a second set of crops of the same
 * photographs that others detected and aligned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <facematch/facematch.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Photographs looked at: every STEP-th of the folder. */
enum { STEP = 25, MOST = 400, DIM = 192, CROP_BYTES = 112 * 112 * 3, PHOTO_PX = 250 };

typedef struct samples {
    double values[MOST];
    size_t count;
} samples;

static fm_error err = {sizeof err, FM_OK, ""};
static fm_session *session;
static glob_t photographs;

static void ok(fm_status status)
{
    if (status != FM_OK)
        fail_msg("%s: %s", fm_status_name(status), err.message);
}

static const char *from_env(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

static int load_model(fm_model **model, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.pt", from_env("FACEMATCH_MODELS", "models"), name);
    if (access(path, R_OK) != 0) {
        print_message("%s is absent: set FACEMATCH_MODELS\n", path);
        return 0;
    }
    if (fm_model_load(model, path, NULL, &err) == FM_OK)
        return 0;
    print_error("%s\n", err.message);
    return -1;
}

static void find_photographs(void)
{
    char pattern[4096];
    snprintf(pattern, sizeof pattern, "%s/lfw/images/*/*.jpg",
             from_env("FACEMATCH_DATA", "../shared/data"));
    if (glob(pattern, 0, NULL, &photographs) != 0)
        print_message("%s: none there; set FACEMATCH_DATA\n", pattern);
}

/* The session stays NULL, and the tests skip, where a model is absent. */
static int open_all(void **state)
{
    fm_session_options options;
    fm_model *embedder = NULL, *detector = NULL;
    int failed;
    (void)state;
    find_photographs();
    failed = load_model(&embedder, "mobilefacenet") || load_model(&detector, "mtcnn");
    if (!failed && embedder && detector) {
        fm_session_options_init(&options, sizeof options);
        options.detector = detector;
        options.selection = FM_SELECT_MOST_CENTRAL;
        failed = fm_session_create(&session, embedder, &options, &err) != FM_OK;
    }
    fm_model_free(embedder);
    fm_model_free(detector);
    return failed ? -1 : 0;
}

static int close_all(void **state)
{
    (void)state;
    fm_session_free(session);
    globfree(&photographs);
    return 0;
}

static void need_everything(void)
{
    if (!session || photographs.gl_pathc == 0)
        skip();
}

static fm_image *load(const char *path)
{
    fm_image *image = NULL;
    ok(fm_image_load_file(&image, path, NULL, &err));
    return image;
}

static void add(samples *s, double value)
{
    assert_true(s->count < MOST);
    s->values[s->count++] = value;
}

static int compare_doubles(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static double quantile(samples *s, double q)
{
    assert_true(s->count > 0);
    qsort(s->values, s->count, sizeof *s->values, compare_doubles);
    return s->values[(size_t)(q * (double)(s->count - 1))];
}

/* --- every photograph has a face, about where the collection puts it ---------------------------
 */

static void test_detect_finds_the_face_of_each_photograph(void **state)
{
    samples off = {{0}, 0};
    size_t missed = 0;
    (void)state;
    need_everything();
    for (size_t i = 0; i < photographs.gl_pathc; i += STEP) {
        fm_image *image = load(photographs.gl_pathv[i]);
        fm_face face;
        size_t count;
        ok(fm_detect(session, image, &face, 1, &count, &err));
        fm_image_free(image);
        if (count > 0)
            add(&off, hypot(face.x + face.width / 2 - PHOTO_PX / 2,
                            face.y + face.height / 2 - PHOTO_PX / 2));
        else
            missed++;
    }
    assert_int_equal(missed, 0);
    assert_true(quantile(&off, 0.5) < 10);
    assert_true(quantile(&off, 1) < 60);
}

/* --- points have no side: a mirrored photograph gives mirrored points --------------------------
 */

static fm_image *mirrored(const fm_image *image, uint8_t *pixels)
{
    enum { ROW = 3 * PHOTO_PX };
    fm_image *out = NULL;
    ok(fm_image_copy_rgb(image, pixels, ROW * PHOTO_PX, NULL, &err));
    for (int y = 0; y < PHOTO_PX; y++)
        for (int x = 0; x < PHOTO_PX / 2; x++)
            for (int c = 0; c < 3; c++) {
                uint8_t *a = pixels + ROW * y + 3 * x + c;
                uint8_t *b = pixels + ROW * y + 3 * (PHOTO_PX - 1 - x) + c, kept = *a;
                *a = *b;
                *b = kept;
            }
    ok(fm_image_from_pixels(&out, pixels, ROW * PHOTO_PX, PHOTO_PX, PHOTO_PX, ROW, FM_PIXEL_RGB8,
                            &err));
    return out;
}

/* Mean of x over the points of a face and of its mirror image: half the width where both agree. */
static double middle(const fm_face *face, const fm_face *mirror)
{
    double sum = 0;
    for (int i = 0; i < FM_POINT_COUNT; i++)
        sum += face->points[2 * i] + mirror->points[2 * i];
    return sum / (2 * FM_POINT_COUNT);
}

static void test_detect_is_the_same_in_a_mirror(void **state)
{
    static uint8_t pixels[3 * PHOTO_PX * PHOTO_PX];
    samples bias = {{0}, 0};
    (void)state;
    need_everything();
    for (size_t i = 0; i < photographs.gl_pathc; i += STEP) {
        fm_image *image = load(photographs.gl_pathv[i]);
        fm_image *other = mirrored(image, pixels);
        fm_face face, mirror;
        size_t n, m;
        ok(fm_detect(session, image, &face, 1, &n, &err));
        ok(fm_detect(session, other, &mirror, 1, &m, &err));
        if (n > 0 && m > 0)
            add(&bias, middle(&face, &mirror) - PHOTO_PX / 2.0);
        fm_image_free(image);
        fm_image_free(other);
    }
    /* half a pixel would mean that pixels are counted from their centres somewhere */
    assert_true(fabs(quantile(&bias, 0.5)) < 0.3);
}

/* --- crops are like those that others made -----------------------------------------------------
 */

static fm_image *load_aligned(const char *photograph)
{
    char path[4096];
    const char *name = strstr(photograph, "/lfw/images/");
    assert_non_null(name);
    snprintf(path, sizeof path, "%.*s/lfw/aligned112/%s", (int)(name - photograph), photograph,
             name + strlen("/lfw/images/"));
    return load(path);
}

static double pixel_difference(const fm_image *a, const fm_image *b)
{
    static uint8_t left[CROP_BYTES], right[CROP_BYTES];
    double sum = 0;
    ok(fm_image_copy_rgb(a, left, sizeof left, NULL, &err));
    ok(fm_image_copy_rgb(b, right, sizeof right, NULL, &err));
    for (size_t i = 0; i < CROP_BYTES; i++)
        sum += abs(left[i] - right[i]);
    return sum / CROP_BYTES;
}

static double cosine(const fm_image *a, const fm_image *b)
{
    const fm_image *const crops[] = {a, b};
    float out[2 * DIM];
    double sum = 0;
    ok(fm_embed_aligned(session, crops, 2, out, 2 * DIM, &err));
    for (int i = 0; i < DIM; i++)
        sum += (double)out[i] * out[DIM + i];
    return sum;
}

static void test_align_makes_the_crops_that_others_made(void **state)
{
    samples difference = {{0}, 0}, likeness = {{0}, 0};
    (void)state;
    need_everything();
    for (size_t i = 0; i < photographs.gl_pathc; i += STEP) {
        fm_image *image = load(photographs.gl_pathv[i]);
        fm_image *theirs = load_aligned(photographs.gl_pathv[i]), *ours = NULL;
        ok(fm_align(session, image, NULL, &ours, &err));
        add(&difference, pixel_difference(ours, theirs));
        add(&likeness, cosine(ours, theirs));
        fm_image_free(image);
        fm_image_free(theirs);
        fm_image_free(ours);
    }
    assert_true(quantile(&difference, 0.5) < 9);
    assert_true(quantile(&likeness, 0.5) > 0.98);
    assert_true(quantile(&likeness, 0.05) > 0.93);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detect_finds_the_face_of_each_photograph),
        cmocka_unit_test(test_detect_is_the_same_in_a_mirror),
        cmocka_unit_test(test_align_makes_the_crops_that_others_made),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
