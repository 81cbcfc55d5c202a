/* The converted networks, run by the library, against what their originals answer for the same
 * crops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <facematch/facematch.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_DIM = 512, CROPS = 37, CROP_PX = 112, CHIP_PX = 150 };

static const char *from_env(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

static const char *data_path(char out[4096], const char *folder, const char *name)
{
    snprintf(out, 4096, "%s/%s/%s", from_env("FACEMATCH_DATA", "../shared/data"), folder, name);
    return out;
}

/* A session of the model, or a skipped test. */
static fm_session *open_session(const char *name, fm_precision precision, size_t *dim)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_session_options options;
    fm_model_info info;
    fm_model *model = NULL;
    fm_session *session = NULL;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.pt", from_env("FACEMATCH_MODELS", "models"), name);
    if (access(path, R_OK) != 0) {
        print_message("%s is absent: set FACEMATCH_MODELS\n", path);
        skip();
    }
    if (fm_model_load(&model, path, NULL, &err) != FM_OK)
        fail_msg("%s", err.message);
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    assert_int_equal(fm_model_describe(model, &info, &err), FM_OK);
    assert_in_range(info.dim, 1, MAX_DIM);
    *dim = (size_t)info.dim;
    fm_session_options_init(&options, sizeof options);
    options.precision = precision;
    if (fm_session_create(&session, model, &options, &err) != FM_OK)
        fail_msg("%s", err.message);
    fm_model_free(model);
    return session;
}

/* Reference answers, or a skipped test. */
static json_t *load_reference(const char *folder, const char *name)
{
    char path[4096];
    json_error_t error;
    json_t *root;
    if (access(data_path(path, folder, name), R_OK) != 0) {
        print_message("%s is absent: set FACEMATCH_DATA\n", path);
        skip();
    }
    root = json_load_file(path, 0, &error);
    if (!root)
        fail_msg("%s:%d: %s", path, error.line, error.text);
    return root;
}

static fm_image *load_image(const char *folder, const char *name)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_image *image = NULL;
    char path[4096];
    if (fm_image_load_file(&image, data_path(path, folder, name), NULL, &err) != FM_OK)
        fail_msg("%s", err.message);
    return image;
}

static void embed_file(fm_session *session, const char *folder, const char *name, float *out,
                       size_t dim)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_image *image = load_image(folder, name);
    const fm_image *crops[1] = {image};
    if (fm_embed_aligned(session, crops, 1, out, dim, &err) != FM_OK)
        fail_msg("%s: %s", name, err.message);
    fm_image_free(image);
}

static void read_floats(const json_t *array, float *out, size_t n)
{
    assert_int_equal(json_array_size(array), n);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)json_number_value(json_array_get(array, i));
}

static double worst_difference(const float *a, const float *b, size_t n)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double difference = fabs((double)a[i] - b[i]);
        if (!(difference <= worst))
            worst = difference;
    }
    return worst;
}

static double cosine(const float *a, const float *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

static void test_parity_dlib(void **state)
{
    size_t dim = 0, compared = 0;
    json_t *reference = load_reference("dlib_reference", "descriptors.json");
    fm_session *session = open_session("dlib-resnet-v1", FM_PRECISION_FLOAT32, &dim);
    const char *name;
    json_t *entry;
    double worst = 0;
    (void)state;
    json_object_foreach(reference, name, entry)
    {
        const json_t *descriptor = json_object_get(entry, "descriptor");
        float got[MAX_DIM], want[MAX_DIM];
        char file[256];
        double difference;
        if (!descriptor)
            continue;
        snprintf(file, sizeof file, "%s_chip150.png", name);
        read_floats(descriptor, want, dim);
        embed_file(session, "dlib_reference", file, got, dim);
        difference = worst_difference(got, want, dim);
        worst = fmax(worst, difference);
        if (!(difference <= 1e-5))
            fail_msg("%s: differs by %.3g from dlib's own descriptor", name, difference);
        compared++;
    }
    assert_int_equal(compared, 6);
    print_message("dlib-resnet-v1: 6 descriptors, worst difference %.3g\n", worst);
    fm_session_free(session);
    json_decref(reference);
}

static void test_parity_mobilefacenet(void **state)
{
    size_t dim = 0;
    json_t *root = load_reference("mobilefacenet_reference", "embeddings.json");
    json_t *reference = json_object_get(root, "embeddings"), *entry;
    fm_session *session = open_session("mobilefacenet", FM_PRECISION_FLOAT32, &dim);
    const char *name;
    double worst = 1;
    (void)state;
    assert_int_equal(json_object_size(reference), 8);
    json_object_foreach(reference, name, entry)
    {
        float got[MAX_DIM], want[MAX_DIM];
        double likeness;
        read_floats(json_object_get(entry, "raw"), want, dim);
        embed_file(session, "lfw/aligned112", name, got, dim);
        likeness = cosine(got, want, dim);
        worst = fmin(worst, likeness);
        if (!(likeness >= 0.9995))
            fail_msg("%s: cosine %.6f to what the TFLite runtime answers", name, likeness);
    }
    print_message("mobilefacenet: 8 embeddings, lowest cosine %.6f\n", worst);
    fm_session_free(session);
    json_decref(root);
}

/* Real pixels that all differ: windows of one photograph. */
typedef struct crops {
    uint8_t *pixels;
    fm_image *images[CROPS];
} crops;

static void make_crops(crops *out)
{
    fm_image *chip;
    size_t size = 0;
    char path[4096];
    if (access(data_path(path, "dlib_reference", "obama_chip150.png"), R_OK) != 0) {
        print_message("%s is absent: set FACEMATCH_DATA\n", path);
        skip();
    }
    chip = load_image("dlib_reference", "obama_chip150.png");
    assert_int_equal(fm_image_copy_rgb(chip, NULL, 0, &size, NULL), FM_E_BUFFER_TOO_SMALL);
    assert_int_equal(size, 3 * CHIP_PX * CHIP_PX);
    out->pixels = malloc(size);
    assert_non_null(out->pixels);
    assert_int_equal(fm_image_copy_rgb(chip, out->pixels, size, NULL, NULL), FM_OK);
    fm_image_free(chip);
    for (size_t i = 0; i < CROPS; i++) {
        size_t offset = 3 * (i * CHIP_PX + (7 * i) % (CHIP_PX - CROP_PX));
        assert_int_equal(fm_image_from_pixels(&out->images[i], out->pixels + offset, size - offset,
                                              CROP_PX, CROP_PX, 3 * CHIP_PX, FM_PIXEL_RGB8, NULL),
                         FM_OK);
    }
}

static void free_crops(crops *all)
{
    for (size_t i = 0; i < CROPS; i++)
        fm_image_free(all->images[i]);
    free(all->pixels);
}

static void embed_crops(fm_session *session, const crops *all, size_t first, size_t n, float *out,
                        size_t dim)
{
    fm_error err = {sizeof err, FM_OK, ""};
    const fm_image *list[CROPS];
    for (size_t i = 0; i < n; i++)
        list[i] = all->images[first + i];
    if (fm_embed_aligned(session, list, n, out, n * dim, &err) != FM_OK)
        fail_msg("%s", err.message);
}

static void check_batch(const char *name)
{
    static float together[CROPS * MAX_DIM], alone[CROPS * MAX_DIM];
    size_t dim = 0;
    crops all;
    fm_session *session = open_session(name, FM_PRECISION_FLOAT32, &dim);
    double difference;
    make_crops(&all);
    embed_crops(session, &all, 0, CROPS, together, dim);
    for (size_t i = 0; i < CROPS; i++)
        embed_crops(session, &all, i, 1, alone + i * dim, dim);
    difference = worst_difference(together, alone, CROPS * dim);
    print_message("%s: a batch of %d, worst difference to one by one %.3g\n", name, CROPS,
                  difference);
    assert_true(difference <= 1e-5);
    assert_true(cosine(alone, alone + (CROPS - 1) * dim, dim) < 0.9999);
    free_crops(&all);
    fm_session_free(session);
}

static void test_parity_batch_mobilefacenet(void **state)
{
    (void)state;
    check_batch("mobilefacenet");
}

static void test_parity_batch_dlib(void **state)
{
    (void)state;
    check_batch("dlib-resnet-v1");
}

static void check_bfloat16(const char *name)
{
    static float exact[CROPS * MAX_DIM], quick[CROPS * MAX_DIM];
    fm_build_info info;
    fm_session *full, *half;
    size_t dim = 0;
    crops all;
    double worst = 1;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    assert_int_equal(fm_build_info_get(&info, NULL), FM_OK);
    if (!info.bfloat16) {
        print_message("this CPU or libtorch cannot run in bfloat16\n");
        skip();
    }
    full = open_session(name, FM_PRECISION_FLOAT32, &dim);
    half = open_session(name, FM_PRECISION_BFLOAT16, &dim);
    make_crops(&all);
    embed_crops(full, &all, 0, CROPS, exact, dim);
    embed_crops(half, &all, 0, CROPS, quick, dim);
    for (size_t i = 0; i < CROPS; i++)
        worst = fmin(worst, cosine(exact + i * dim, quick + i * dim, dim));
    print_message("%s: bfloat16 to float32, lowest cosine %.6f\n", name, worst);
    assert_true(worst >= 0.999);
    assert_true(worst_difference(exact, quick, CROPS * dim) > 0);
    free_crops(&all);
    fm_session_free(full);
    fm_session_free(half);
}

static void test_parity_bfloat16_mobilefacenet(void **state)
{
    (void)state;
    check_bfloat16("mobilefacenet");
}

static void test_parity_bfloat16_dlib(void **state)
{
    (void)state;
    check_bfloat16("dlib-resnet-v1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parity_dlib),
        cmocka_unit_test(test_parity_mobilefacenet),
        cmocka_unit_test(test_parity_batch_mobilefacenet),
        cmocka_unit_test(test_parity_batch_dlib),
        cmocka_unit_test(test_parity_bfloat16_mobilefacenet),
        cmocka_unit_test(test_parity_bfloat16_dlib),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
