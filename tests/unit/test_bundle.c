/* Embedders of several networks: each sees the face in its own crop, and their outputs make one
 * embedding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/fake.h"
#include "core/memory.h"
#include "helpers.h"
#include "image/image.h"
#include <facematch/facematch.h>
#include <math.h>
#include <string.h>

enum { FIRST = 16, SECOND = 8, DIM = FIRST + SECOND, CROP = 32 };

#define INPUT(width, height)                                                                       \
    "\"input\":{\"width\":" width ",\"height\":" height ",\"order\":\"RGB\","                      \
    "\"mean\":[127.5,127.5,127.5],\"std\":[128,128,128]},"
#define SMALL                                                                                      \
    INPUT("32", "32")                                                                              \
    "\"alignment\":{\"points\":[[10,12],[22,12],[16,18],[11,24],[21,24]],\"border\":\"zero\"},"
#define LARGE                                                                                      \
    INPUT("48", "40")                                                                              \
    "\"alignment\":{\"points\":[[15,12],[33,12],[24,21],[16,30],[32,30]],\"border\":\"zero\"},"
#define MODEL(frame, embedding)                                                                    \
    FMI_FAKE_MAGIC                                                                                 \
    "{\"format\":1,\"name\":\"eyes\",\"kind\":\"embedder\",\"family\":\"bundle\"," frame           \
    "\"embedding\":{" embedding "},\"metric\":\"cosine\","                                         \
    "\"source\":\"test\",\"license\":\"none\",\"training_data\":\"none\"}"
#define RAW(dim) "\"dim\":" dim ",\"normalize\":false"
#define BUNDLE(normalize)                                                                          \
    "\"dim\":24,\"normalize\":" normalize ",\"members\":["                                         \
    "{\"part\":\"a\",\"dim\":16,\"weight\":0.5},"                                                  \
    "{\"part\":\"b\",\"dim\":8,\"weight\":2," LARGE "\"flip\":true}]"

static fm_error err = {sizeof err, 0, ""};

static void ok(fm_status status)
{
    fm_assert_status(status, FM_OK, &err);
}

static fm_session *open_session(const char *text, int flip)
{
    fm_model *model = NULL;
    fm_session *session = NULL;
    fm_session_options options;
    fm_session_options_init(&options, sizeof options);
    options.flip = flip;
    ok(fm_model_load_memory(&model, text, strlen(text), NULL, &err));
    ok(fm_session_create(&session, model, &options, &err));
    fm_model_free(model);
    return session;
}

/* A picture that changes slowly, so that resampling it twice does little. */
static fm_image *new_picture(void)
{
    fm_image *image = NULL;
    ok(fmi_image_new(&image, 200, 180, &err));
    for (int y = 0; y < 180; y++)
        for (int x = 0; x < 200; x++) {
            uint8_t *p = image->owned + (size_t)y * image->stride + 3 * (size_t)x;
            p[0] = (uint8_t)(128 + 90 * sin(x / 17.0) * cos(y / 23.0));
            p[1] = (uint8_t)(128 + 90 * sin(x / 29.0 + 1) * cos(y / 13.0));
            p[2] = (uint8_t)(128 + 90 * sin((x + y) / 19.0));
        }
    return image;
}

static const fm_face face = {60, 50, 80, 90, 0.99f, {80, 80, 124, 86, 100, 104, 82, 124, 116, 129}};

static void embed(const char *text, int flip, const fm_image *image, float *out, size_t dim)
{
    fm_session *session = open_session(text, flip);
    ok(fm_embed(session, image, &face, out, dim, NULL, NULL, &err));
    fm_session_free(session);
}

static void scale(float *v, size_t n, double length)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)v[i] * v[i];
    for (size_t i = 0; i < n; i++)
        v[i] = (float)(v[i] / sqrt(sum) * length);
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

/* By two models with one network each. The fake network of a second member goes on where the first
 * one's numbers end, so the long one has both. */
static void expect(const fm_image *image, float want[DIM])
{
    float longer[DIM];
    embed(MODEL(SMALL, RAW("16")), 0, image, want, FIRST);
    embed(MODEL(LARGE, RAW("24")), 1, image, longer, DIM);
    memcpy(want + FIRST, longer + FIRST, SECOND * sizeof *want);
    scale(want, FIRST, 0.5);
    scale(want + FIRST, SECOND, 2);
}

static void test_bundle_joins_what_its_members_give(void **state)
{
    fm_image *image = new_picture();
    float want[DIM], got[DIM];
    (void)state;
    expect(image, want);
    embed(MODEL(SMALL, BUNDLE("false")), 0, image, got, DIM);
    fm_assert_floats_near(got, want, DIM, 1e-6, 1e-5);
    embed(MODEL(SMALL, BUNDLE("true")), 0, image, got, DIM);
    scale(want, DIM, 1);
    fm_assert_floats_near(got, want, DIM, 1e-6, 1e-5);
    fm_image_free(image);
}

static void test_bundle_tells_its_size(void **state)
{
    static const char text[] = MODEL(SMALL, BUNDLE("true"));
    fm_model_info info = {.struct_size = sizeof info};
    fm_model *model = NULL;
    (void)state;
    ok(fm_model_load_memory(&model, text, sizeof text - 1, NULL, &err));
    ok(fm_model_describe(model, &info, &err));
    assert_int_equal(info.dim, DIM);
    assert_int_equal(info.family, FM_FAMILY_BUNDLE);
    assert_int_equal(info.input_width_px, CROP);
    fm_model_free(model);
}

static void test_bundle_flips_every_member_if_told_to(void **state)
{
    fm_image *image = new_picture();
    float plain[DIM], flipped[DIM];
    (void)state;
    embed(MODEL(SMALL, BUNDLE("false")), 0, image, plain, DIM);
    embed(MODEL(SMALL, BUNDLE("false")), 1, image, flipped, DIM);
    assert_true(cosine(plain, flipped, FIRST) < 0.9999);
    fm_assert_floats_near(flipped + FIRST, plain + FIRST, SECOND, 0, 0); /* was flipped already */
    fm_image_free(image);
}

static void test_flip_can_belong_to_a_model(void **state)
{
    fm_image *image = new_picture();
    float by_session[FIRST], by_model[FIRST];
    (void)state;
    embed(MODEL(SMALL, RAW("16")), 1, image, by_session, FIRST);
    embed(MODEL(SMALL, RAW("16") ",\"flip\":true"), 0, image, by_model, FIRST);
    fm_assert_floats_near(by_model, by_session, FIRST, 0, 0);
    fm_image_free(image);
}

/* More photographs than are run together, in crops of both kinds. */
static void test_bundle_embeds_batches(void **state)
{
    enum { N = 70 };
    static float got[N][DIM];
    fm_session *session = open_session(MODEL(SMALL, BUNDLE("true")), 0);
    fm_image *image = new_picture(), *crop = NULL;
    const fm_image *crops[N];
    float whole[DIM];
    (void)state;
    ok(fm_embed(session, image, &face, whole, DIM, NULL, NULL, &err));
    ok(fm_align(session, image, &face, &crop, &err));
    for (int i = 0; i < N; i++)
        crops[i] = crop;
    ok(fm_embed_aligned(session, crops, N, got[0], N * DIM, &err));
    for (int i = 0; i < N; i++)
        assert_memory_equal(got[i], got[0], sizeof got[0]);
    fm_assert_floats_near(got[0], whole, FIRST, 0.02, 0.02);
    /* the second member's crop takes in a little more than the first one's shows */
    assert_true(cosine(got[0] + FIRST, whole + FIRST, SECOND) > 0.95);
    fm_image_free(crop);
    fm_image_free(image);
    fm_session_free(session);
}

/* A crop of twice the size shows the same face. */
static void test_bundle_takes_crops_of_any_size(void **state)
{
    fm_session *session = open_session(MODEL(SMALL, BUNDLE("true")), 0);
    fm_image *image = new_picture(), *crop = NULL, *twice = NULL;
    float one[DIM], other[DIM];
    (void)state;
    ok(fm_align(session, image, &face, &crop, &err));
    ok(fmi_image_resize(&twice, crop, 2 * CROP, 2 * CROP, &err));
    ok(fm_embed_aligned(session, (const fm_image *const *)&crop, 1, one, DIM, &err));
    ok(fm_embed_aligned(session, (const fm_image *const *)&twice, 1, other, DIM, &err));
    assert_true(cosine(one, other, FIRST) > 0.999);
    assert_true(cosine(one + FIRST, other + FIRST, SECOND) > 0.999);
    fm_image_free(twice);
    fm_image_free(crop);
    fm_image_free(image);
    fm_session_free(session);
}

static void test_bundle_without_memory(void **state)
{
    fm_session *session = open_session(MODEL(SMALL, BUNDLE("true")), 1);
    fm_image *image = new_picture();
    float got[DIM], want[DIM];
    fm_status status = FM_E_NO_MEMORY;
    (void)state;
    ok(fm_embed(session, image, &face, want, DIM, NULL, NULL, &err));
    memset(got, 0, sizeof got);
    for (int64_t i = 0; status != FM_OK; i++) {
        assert_true(i < 100);
        fmi_memory_fail_after(i);
        status = fm_embed(session, image, &face, got, DIM, NULL, NULL, &err);
        fmi_memory_fail_after(-1);
        if (status != FM_OK) {
            fm_assert_status(status, FM_E_NO_MEMORY, &err);
            assert_true(got[0] == 0);
        }
    }
    assert_memory_equal(got, want, sizeof got);
    fm_image_free(image);
    fm_session_free(session);
    assert_int_equal(fmi_memory_live_blocks(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundle_joins_what_its_members_give),
        cmocka_unit_test(test_bundle_tells_its_size),
        cmocka_unit_test(test_bundle_flips_every_member_if_told_to),
        cmocka_unit_test(test_flip_can_belong_to_a_model),
        cmocka_unit_test(test_bundle_embeds_batches),
        cmocka_unit_test(test_bundle_takes_crops_of_any_size),
        cmocka_unit_test(test_bundle_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
