/* Liveness: thresholds, crops, every reason on both sides of its limit, sequences, decisions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/fake.h"
#include "core/memory.h"
#include "face/liveness.h"
#include "helpers.h"
#include "image/image.h"
#include <facematch/facematch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 320, HEIGHT = 240, SIDE = 80, LEFT = 120, TOP = 80 };
enum { BLUE_LIVE = 250, BLUE_BETWEEN = 180, BLUE_SPOOF = 30 };

#define INPUT                                                                                      \
    "\"input\":{\"width\":32,\"height\":32,\"order\":\"RGB\",\"mean\":[127.5,127.5,127.5],"        \
    "\"std\":[128,128,128]},"
#define TEXTS "\"source\":\"test\",\"license\":\"none\",\"training_data\":\"none\""
#define EMBEDDER(name, dim)                                                                        \
    FMI_FAKE_MAGIC                                                                                 \
    "{\"format\":1,\"name\":\"" name "\",\"kind\":\"embedder\",\"family\":\"softmax\"," INPUT      \
    "\"alignment\":{\"points\":[[13.6,14.2],[18.4,14.2],[16,16.6],[14.2,19],[17.8,19]],"           \
    "\"border\":\"zero\"},\"embedding\":{\"dim\":" dim                                             \
    ",\"normalize\":true},\"metric\":\"cosine\"," TEXTS                                            \
    ",\"calibration\":{\"dataset\":\"none\",\"impostor_comparisons\":100000,\"points\":["          \
    "{\"fmr\":0.1,\"score\":0.2},{\"fmr\":0.01,\"score\":0.4},{\"fmr\":0.001,\"score\":0.6},"      \
    "{\"fmr\":0.0001,\"score\":0.8}]}}"
#define DETECTOR                                                                                   \
    FMI_FAKE_MAGIC                                                                                 \
    "{\"format\":1,\"name\":\"squares\",\"kind\":\"detector\"," INPUT                              \
    "\"detector\":{\"type\":\"mtcnn\",\"thresholds\":[0.6,0.7,0.7],\"factor\":0.709,\"cell\":12,"  \
    "\"stride\":2,\"nms\":[0.5,0.7,0.7]}," TEXTS "}"
#define LIVENESS_WITH(nets, more)                                                                  \
    FMI_FAKE_MAGIC                                                                                 \
    "{\"format\":1,\"name\":\"blue\",\"kind\":\"liveness\",\"input\":{\"width\":40,\"height\":40," \
    "\"order\":\"BGR\",\"mean\":[0,0,0],\"std\":[1,1,1]},\"liveness\":{" nets "}," TEXTS more "}"
#define NETS                                                                                       \
    "\"classes\":3,\"live\":1,\"output\":\"logits\",\"nets\":[{\"part\":\"near\",\"scale\":2},"    \
    "{\"part\":\"far\",\"scale\":3}]"
/* 5 % of 1,000 attacks are at 0.6 and above, 5 % of 1,000 live faces below 0.3 */
#define CALIBRATION                                                                                \
    ",\"calibration\":{\"dataset\":\"drawn\",\"attacks\":1000,\"live\":1000,\"points\":["          \
    "{\"score\":0,\"apcer\":1,\"bpcer\":0},{\"score\":0.2,\"apcer\":0.3,\"bpcer\":0.01},"          \
    "{\"score\":0.3,\"apcer\":0.2,\"bpcer\":0.05},{\"score\":0.5,\"apcer\":0.1,\"bpcer\":0.1},"    \
    "{\"score\":0.6,\"apcer\":0.05,\"bpcer\":0.2},{\"score\":0.9,\"apcer\":0,\"bpcer\":0.4}]}"
#define LIVENESS LIVENESS_WITH(NETS, CALIBRATION)

static fm_error err = {sizeof err, 0, ""};
static fm_model *embedder, *other_embedder, *detector, *liveness, *uncalibrated;
static fm_session *session;

static void ok(fm_status status)
{
    fm_assert_status(status, FM_OK, &err);
}

static fm_status load(fm_model **model, const char *text)
{
    return fm_model_load_memory(model, text, strlen(text), NULL, &err);
}

static fm_session *new_session(const fm_model *embeds, const fm_model *detects,
                               const fm_model *judges)
{
    fm_session *made = NULL;
    fm_session_options options;
    fm_session_options_init(&options, sizeof options);
    options.detector = detects;
    options.liveness = judges;
    ok(fm_session_create(&made, embeds, &options, &err));
    return made;
}

static int load_models(void **state)
{
    (void)state;
    if (load(&embedder, EMBEDDER("people", "16")) ||
        load(&other_embedder, EMBEDDER("other", "8")) || load(&detector, DETECTOR) ||
        load(&liveness, LIVENESS) || load(&uncalibrated, LIVENESS_WITH(NETS, "")))
        return -1;
    session = new_session(embedder, detector, liveness);
    return 0;
}

static int free_models(void **state)
{
    (void)state;
    fm_session_free(session);
    fm_model_free(embedder);
    fm_model_free(other_embedder);
    fm_model_free(detector);
    fm_model_free(liveness);
    fm_model_free(uncalibrated);
    return fmi_memory_live_blocks() == 0 ? 0 : -1;
}

/* --- frames --- */

typedef struct drawing {
    uint32_t person;
    uint8_t blue;    /* of the ground: how live it is */
    uint32_t moment; /* shifts the pattern of the face */
    int32_t x, y, side;
    int blurred; /* 1: the face has no pattern */
} drawing;

static const drawing usual = {1, BLUE_LIVE, 0, LEFT, TOP, SIDE, 0};

/* A red square on patches of green, whose blue is the same everywhere. Free with free_frame. */
static fm_image *draw(drawing d)
{
    uint8_t *rgb = malloc(3 * WIDTH * HEIGHT);
    fm_image *image = NULL;
    assert_non_null(rgb);
    for (int32_t y = 0; y < HEIGHT; y++)
        for (int32_t x = 0; x < WIDTH; x++) {
            uint8_t *p = rgb + 3 * (y * WIDTH + x);
            uint32_t hash = (uint32_t)(x / 40 + 8 * (y / 40) + 64 * (int32_t)d.person + 1);
            int inside = x >= d.x && x < d.x + d.side && y >= d.y && y < d.y + d.side;
            int spot = (x / 2 + y / 2 + (int32_t)d.moment) % 4 == 0 && !d.blurred;
            p[0] = inside ? (spot ? 225 : 255) : 0;
            p[1] = inside ? 0 : (uint8_t)((hash * 2654435761u) >> 16);
            p[2] = inside ? 0 : d.blue;
        }
    ok(fm_image_from_pixels(&image, rgb, 3 * WIDTH * HEIGHT, WIDTH, HEIGHT, 0, FM_PIXEL_RGB8,
                            &err));
    return image;
}

static void free_frame(fm_image *image)
{
    uint8_t *pixels = (uint8_t *)(uintptr_t)image->pixels;
    fm_image_free(image);
    free(pixels);
}

/* The face that the fake detector would find. */
static fm_face face_at(float x, float y, float side)
{
    static const float points[10] = {0.3f,  0.35f, 0.7f,  0.35f, 0.5f,
                                     0.55f, 0.35f, 0.75f, 0.65f, 0.75f};
    fm_face face = {.x = x, .y = y, .width = side, .height = side, .score = 1};
    for (int i = 0; i < 10; i++)
        face.points[i] = (i % 2 ? y : x) + points[i] * side;
    return face;
}

static fm_liveness_result look_with(const fm_image *image, const fm_face *face,
                                    const fm_liveness_options *options)
{
    fm_liveness_result r = {.struct_size = sizeof r};
    ok(fm_liveness(session, image, face, options, &r, &err));
    return r;
}

static fm_liveness_result look(drawing d)
{
    fm_image *image = draw(d);
    fm_liveness_result r = look_with(image, NULL, NULL);
    free_frame(image);
    return r;
}

/* The mean of blue in a crop: the square, which has none, lies in it. */
static double mean_blue(const fm_face *face, double scale, double blue)
{
    double allowed = fmin(scale, 239 / (double)face->height);
    return blue * (1 - SIDE * SIDE / (allowed * allowed * (double)face->width * face->height));
}

/* What one of the fake nets says. */
static double expected_score(const fm_face *face, double scale, double blue, int32_t classes)
{
    double odds = exp((mean_blue(face, scale, blue) - 127.5) / 16);
    return classes == 1 ? odds / (odds + 1) : odds / (odds + classes - 1);
}

/* --- thresholds --- */

static fm_liveness_options options_of(double apcer, double bpcer)
{
    fm_liveness_options o;
    fm_liveness_options_init(&o, sizeof o);
    o.apcer = apcer;
    o.bpcer = bpcer;
    return o;
}

static void check_lines(double apcer, double bpcer, float live, float spoof)
{
    fm_liveness_options o = options_of(apcer, bpcer);
    fmi_liveness_lines lines;
    ok(fmi_liveness_lines_draw(&lines, liveness, &o, &err));
    assert_float_equal(lines.live, live, 1e-6);
    assert_float_equal(lines.spoof, spoof, 1e-6);
}

static void test_thresholds_meet_the_targets(void **state)
{
    (void)state;
    check_lines(0, 0, 0.6f, 0.3f);
    check_lines(0.05, 0.05, 0.6f, 0.3f);
    check_lines(0.001, 0.0501, 0.9f, 0.3f);
    check_lines(0.1, 0.1, 0.5f, 0.5f);
    /* asked for less than the net can: they change places */
    check_lines(0.3, 0.2, 0.6f, 0.2f);
}

static void test_thresholds_that_cannot_be(void **state)
{
    fm_liveness_options low = options_of(0.0005, 0), none = options_of(0, 0.0005);
    fmi_liveness_lines lines;
    (void)state;
    fm_assert_status(fmi_liveness_lines_draw(&lines, liveness, &low, &err), FM_E_LIMIT, &err);
    fm_assert_message(&err, "apcer");
    fm_assert_status(fmi_liveness_lines_draw(&lines, liveness, &none, &err), FM_E_LIMIT, &err);
    fm_assert_message(&err, "bpcer");
    fm_assert_status(fmi_liveness_lines_draw(&lines, uncalibrated, NULL, &err), FM_E_STATE, &err);
    fm_assert_message(&err, "calibration");
    low.use_thresholds = 1;
    low.live_score = 0.7f;
    low.spoof_score = 0.4f;
    ok(fmi_liveness_lines_draw(&lines, uncalibrated, &low, &err));
    assert_true(lines.live == 0.7f && lines.spoof == 0.4f);
    assert_true(isnan(fmi_liveness_apcer(lines.pad, 0.5f)));
    assert_true(isnan(fmi_liveness_bpcer(lines.pad, 0.5f)));
}

static void test_rates_are_those_of_the_safe_side(void **state)
{
    const fmi_pad_calibration *pad = &liveness->manifest.pad;
    (void)state;
    assert_float_equal(fmi_liveness_apcer(pad, 0), 1, 0);
    assert_float_equal(fmi_liveness_apcer(pad, 0.29f), 0.3, 1e-9);
    assert_float_equal(fmi_liveness_apcer(pad, 0.3f), 0.2, 1e-9);
    assert_float_equal(fmi_liveness_apcer(pad, 1), 0, 0);
    assert_float_equal(fmi_liveness_bpcer(pad, 0), 0, 0);
    assert_float_equal(fmi_liveness_bpcer(pad, 0.3f), 0.05, 1e-9);
    assert_float_equal(fmi_liveness_bpcer(pad, 0.31f), 0.1, 1e-9);
    assert_float_equal(fmi_liveness_bpcer(pad, 1), 1, 0);
}

/* --- the manifest --- */

static void check_manifest(const char *archive, fm_status status, const char *part)
{
    fm_model *model = NULL;
    fm_assert_status(load(&model, archive), status, &err);
    fm_assert_message(&err, part);
    assert_null(model);
}

#define POINTS(list)                                                                               \
    ",\"calibration\":{\"dataset\":\"d\",\"attacks\":9,\"live\":9,\"points\":[" list "]}"

static void test_manifest_is_checked(void **state)
{
    (void)state;
    check_manifest(LIVENESS_WITH("\"classes\":3", ""), FM_E_CORRUPT, "liveness.live");
    check_manifest(LIVENESS_WITH("\"classes\":0,\"live\":0", ""), FM_E_CORRUPT, "liveness.classes");
    check_manifest(LIVENESS_WITH("\"classes\":3,\"live\":3", ""), FM_E_CORRUPT, "liveness.live");
    check_manifest(LIVENESS_WITH("\"classes\":3,\"live\":1,\"output\":\"odds\"", ""),
                   FM_E_UNSUPPORTED, "liveness.output");
    check_manifest(LIVENESS_WITH("\"classes\":3,\"live\":1,\"output\":\"logits\",\"nets\":[]", ""),
                   FM_E_CORRUPT, "liveness.nets");
    check_manifest(LIVENESS_WITH("\"classes\":3,\"live\":1,\"output\":\"logits\",\"nets\":["
                                 "{\"part\":\"a\",\"scale\":2},{\"scale\":2}]",
                                 ""),
                   FM_E_CORRUPT, "entry 2");
    check_manifest(LIVENESS_WITH("\"classes\":3,\"live\":1,\"output\":\"logits\",\"nets\":["
                                 "{\"scale\":0.5}]",
                                 ""),
                   FM_E_CORRUPT, "scale");
    check_manifest(LIVENESS_WITH(NETS, POINTS("{\"score\":0,\"apcer\":1,\"bpcer\":0}")),
                   FM_E_CORRUPT, "calibration.points");
    check_manifest(LIVENESS_WITH(NETS, POINTS("{\"score\":0,\"apcer\":0.5,\"bpcer\":0},"
                                              "{\"score\":0.5,\"apcer\":0.6,\"bpcer\":0}")),
                   FM_E_CORRUPT, "entry 2");
    check_manifest(LIVENESS_WITH(NETS, POINTS("{\"score\":0,\"apcer\":1,\"bpcer\":0},"
                                              "{\"score\":1.5,\"apcer\":0,\"bpcer\":1}")),
                   FM_E_CORRUPT, "score");
    check_manifest(LIVENESS_WITH(NETS, ",\"calibration\":{\"dataset\":\"d\",\"attacks\":0}"),
                   FM_E_CORRUPT, "attacks");
}

/* One net without a name, which is the archive's own, and one logit. */
static void test_an_archive_of_one_net(void **state)
{
    fm_model *model = NULL;
    fm_liveness_options o = options_of(0, 0);
    fm_liveness_result r = {.struct_size = sizeof r};
    fm_session *own;
    fm_image *image = draw((drawing){1, 150, 0, LEFT, TOP, SIDE, 0});
    (void)state;
    ok(load(&model, LIVENESS_WITH("\"classes\":1,\"live\":0,\"output\":\"logits\",\"nets\":["
                                  "{\"scale\":2}]",
                                  "")));
    own = new_session(NULL, detector, model);
    o.use_thresholds = 1;
    ok(fm_liveness(own, image, NULL, &o, &r, &err));
    assert_float_equal(r.score, expected_score(&r.face, 2, 150, 1), 0.02);
    fm_session_free(own);
    fm_model_free(model);
    free_frame(image);
}

/* --- one frame --- */

static void check_verdict(drawing d, fm_liveness_verdict verdict, fm_liveness_reason reason)
{
    fm_liveness_result r = look(d);
    assert_int_equal(r.verdict, verdict);
    assert_int_equal(r.reason, reason);
    assert_int_equal(r.face_count, 1);
    assert_true(r.score >= 0 && r.score <= 1);
    assert_float_equal(r.live_threshold, 0.6, 1e-6);
    assert_float_equal(r.spoof_threshold, 0.3, 1e-6);
}

static void test_verdicts(void **state)
{
    drawing d = usual;
    fm_liveness_result r;
    (void)state;
    check_verdict(d, FM_LIVENESS_LIVE, FM_LIVENESS_REASON_NONE);
    d.blue = BLUE_SPOOF;
    check_verdict(d, FM_LIVENESS_SPOOF, FM_LIVENESS_REASON_NONE);
    d.blue = BLUE_BETWEEN;
    check_verdict(d, FM_LIVENESS_UNCERTAIN, FM_LIVENESS_REASON_BETWEEN);
    r = look(d);
    assert_float_equal(r.score,
                       (expected_score(&r.face, 2, BLUE_BETWEEN, 3) +
                        expected_score(&r.face, 3, BLUE_BETWEEN, 3)) /
                           2,
                       0.02);
    assert_true(r.value == r.score && r.limit == r.live_threshold);
    assert_float_equal(r.apcer, fmi_liveness_apcer(&liveness->manifest.pad, r.score), 0);
    assert_float_equal(r.bpcer, fmi_liveness_bpcer(&liveness->manifest.pad, r.score), 0);
}

/* Blue grows to the right, so the score tells where the crop was taken. */
static double crop_centre(float x, float side)
{
    static uint8_t rgb[3 * WIDTH * HEIGHT];
    fm_image *image = NULL;
    fm_face face = face_at(x, 80, side);
    float score;
    fm_model *model = NULL;
    fm_session *own;
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        rgb[3 * i + 2] = (uint8_t)(100 + i % WIDTH / 5);
    ok(load(&model, LIVENESS_WITH("\"classes\":1,\"live\":0,\"output\":\"logits\",\"nets\":["
                                  "{\"scale\":2}]",
                                  "")));
    own = new_session(NULL, NULL, model);
    ok(fm_image_from_pixels(&image, rgb, sizeof rgb, WIDTH, HEIGHT, 0, FM_PIXEL_RGB8, &err));
    ok(fmi_liveness_scores(own, (const fm_image *const[]){image}, &face, 1, &score, &err));
    fm_image_free(image);
    fm_session_free(own);
    fm_model_free(model);
    /* logit to mean of blue to place */
    return (16 * log((double)score / (1 - (double)score)) + 127.5 - 100) * 5;
}

static void test_crops_are_moved_into_the_frame(void **state)
{
    (void)state;
    assert_float_equal(crop_centre(140, 40), 160, 4);   /* 120..200 */
    assert_float_equal(crop_centre(0, 40), 40, 4);      /* not -20..60, but 0..80 */
    assert_float_equal(crop_centre(300, 40), 280, 4);   /* 240..320 */
    assert_float_equal(crop_centre(-300, 340), 120, 5); /* shrunk to 239, and moved */
    assert_float_equal(crop_centre(60, 200), 160, 4);
}

static void test_stretching_interpolates(void **state)
{
    static const uint8_t rgb[2 * 2 * 3] = {0, 10, 20, 100, 110, 120, 40, 50, 60, 200, 210, 220};
    fm_image *image = NULL;
    float out[3 * 16];
    const fmi_planes to = {.out = out,
                           .plane_stride = 16,
                           .row_stride = 4,
                           .std = {1, 1, 2},
                           .mean = {0, 0, 20},
                           .bgr = 1};
    const int32_t whole[4] = {0, 0, 2, 2}, corner[4] = {1, 1, 2, 2};
    const float row[4] = {20, 45, 95, 120};
    (void)state;
    ok(fm_image_from_pixels(&image, rgb, sizeof rgb, 2, 2, 0, FM_PIXEL_RGB8, &err));
    ok(fmi_image_stretch_planes(image, whole, 4, 4, &to, &err));
    fm_assert_floats_near(out, row, 4, 0, 0);
    assert_float_equal(out[4 + 1], 59, 0);          /* 58.75: between the rows */
    assert_float_equal(out[32], (0 - 20) / 2.0, 0); /* red is the last plane */
    assert_float_equal(out[15], 220, 0);
    ok(fmi_image_stretch_planes(image, corner, 4, 4, &to, &err));
    for (int i = 0; i < 16; i++)
        assert_float_equal(out[i], 220, 0);
    fm_image_free(image);
}

static void test_reasons(void **state)
{
    fm_image *image = draw(usual), *flat = draw((drawing){1, BLUE_LIVE, 0, LEFT, TOP, SIDE, 1});
    fm_face small = face_at(150, 110, 10), edge = face_at(-30, 80, 80), large = face_at(0, 0, 235),
            whole = face_at(LEFT, TOP, SIDE);
    fm_liveness_result r;
    (void)state;
    r = look_with(image, &small, NULL);
    assert_int_equal(r.verdict, FM_LIVENESS_UNCERTAIN);
    assert_int_equal(r.reason, FM_LIVENESS_REASON_TOO_SMALL);
    assert_true(r.value == 10 && r.limit == 50 && r.face_count == 0);
    r = look_with(image, &edge, NULL);
    assert_int_equal(r.reason, FM_LIVENESS_REASON_CUT);
    assert_float_equal(r.value, 0.625, 1e-6);
    assert_float_equal(r.limit, 0.9, 1e-6);
    r = look_with(
        image, &large,
        &(fm_liveness_options){.struct_size = sizeof(fm_liveness_options), .min_crop = 0.35f});
    assert_int_equal(r.reason, FM_LIVENESS_REASON_CROP);
    assert_float_equal(r.value, 239 / 235.0 / 3, 1e-4);
    assert_float_equal(r.limit, 0.35, 1e-6);
    r = look_with(flat, &whole, NULL);
    assert_int_equal(r.reason, FM_LIVENESS_REASON_BLURRED);
    assert_true(r.value < r.limit);
    free_frame(flat);
    free_frame(image);
}

static void test_reasons_can_be_switched_off(void **state)
{
    fm_image *flat = draw((drawing){1, BLUE_LIVE, 0, LEFT, TOP, SIDE, 1});
    fm_face faces[] = {face_at(150, 110, 10), face_at(-30, 80, 80), face_at(0, 0, 235),
                       face_at(LEFT, TOP, SIDE)};
    fm_liveness_options o = options_of(0, 0);
    (void)state;
    o.min_size_px = o.min_inside = o.min_crop = o.min_sharpness = -1;
    for (size_t i = 0; i < 4; i++) {
        fm_liveness_result r = look_with(flat, &faces[i], &o);
        assert_true(r.reason == FM_LIVENESS_REASON_NONE || r.reason == FM_LIVENESS_REASON_BETWEEN);
    }
    free_frame(flat);
}

static void test_faces_that_make_no_sense(void **state)
{
    fm_image *image = draw(usual);
    fm_face bad[] = {face_at(400, 80, 80), face_at(NAN, 80, 80), face_at(100, 80, INFINITY),
                     face_at(100, 80, 0),  face_at(100, 80, -5), face_at(100, 80, 80)};
    fm_liveness_result r = {.struct_size = sizeof r}, untouched = r;
    (void)state;
    for (int i = 0; i < 10; i++)
        bad[5].points[i] = 7;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fm_assert_status(fm_liveness(session, image, &bad[i], NULL, &r, &err),
                         FM_E_INVALID_ARGUMENT, &err);
        assert_memory_equal(&r, &untouched, sizeof r);
    }
    free_frame(image);
}

/* Any face that overlaps the frame has a crop. */
static void test_faces_of_all_sizes(void **state)
{
    static const float sides[] = {1e-20f, 0.3f, 1, 10, 239, 241, 5000, 1e20f};
    static const float places[] = {-1e19f, -100, -0.4f, 0, 119.5f, 319.9f};
    fm_image *image = draw(usual);
    float score;
    (void)state;
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++)
        for (size_t k = 0; k < sizeof places / sizeof places[0]; k++) {
            fm_face face = face_at(places[k], k % 2 ? 0 : 239.5f, sides[i]);
            if (fmi_liveness_check_face(image, &face, NULL) != FM_OK)
                continue;
            double share = fmi_liveness_crop_share(&liveness->manifest, image, &face);
            ok(fmi_liveness_scores(session, (const fm_image *const[]){image}, &face, 1, &score,
                                   &err));
            assert_true(score >= 0 && score <= 1 && share >= 0 && share <= 1);
        }
    free_frame(image);
}

static void test_an_image_of_one_pixel(void **state)
{
    static const uint8_t rgb[3] = {1, 2, 3};
    fm_image *image = NULL;
    fm_face face = face_at(-5, -5, 10);
    fm_liveness_result r;
    (void)state;
    ok(fm_image_from_pixels(&image, rgb, 3, 1, 1, 0, FM_PIXEL_RGB8, &err));
    r = look_with(image, &face, NULL);
    assert_int_equal(r.verdict, FM_LIVENESS_UNCERTAIN);
    fm_image_free(image);
}

/* --- batches --- */

static void test_a_batch_gives_what_single_calls_give(void **state)
{
    enum { N = 37 };
    fm_image *images[N];
    fm_liveness_result results[N], one;
    fm_status statuses[N];
    (void)state;
    for (size_t i = 0; i < N; i++) {
        drawing d = usual;
        d.blue = (uint8_t)(5 * i + 60);
        d.side = i == 20 ? 0 : SIDE; /* nobody there */
        images[i] = draw(d);
        memset(&results[i], 0x5A, sizeof results[i]);
        results[i].struct_size = sizeof results[i];
    }
    ok(fm_liveness_batch(session, (const fm_image *const *)images, N, NULL, NULL, results,
                         sizeof results[0], statuses, &err));
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(statuses[i], i == 20 ? FM_E_NOT_FOUND : FM_OK);
        if (i == 20) {
            assert_int_equal(results[i].verdict, 0x5A5A5A5A);
            continue;
        }
        one = look_with(images[i], NULL, NULL);
        assert_memory_equal(&one.face, &results[i].face, sizeof one.face);
        assert_float_equal(one.score, results[i].score, 1e-6);
        assert_int_equal(one.verdict, results[i].verdict);
        assert_int_equal(one.reason, results[i].reason);
        assert_int_equal(one.face_count, results[i].face_count);
    }
    for (size_t i = 0; i < N; i++)
        free_frame(images[i]);
}

static void test_a_batch_with_given_faces(void **state)
{
    fm_image *image = draw(usual);
    const fm_image *const images[2] = {image, image};
    fm_face faces[2] = {face_at(LEFT, TOP, SIDE), face_at(150, 110, 10)};
    fm_liveness_result results[2] = {{.struct_size = sizeof results[0]},
                                     {.struct_size = sizeof results[0]}};
    fm_status statuses[2];
    (void)state;
    ok(fm_liveness_batch(session, images, 2, faces, NULL, results, sizeof results[0], statuses,
                         &err));
    assert_int_equal(results[0].verdict, FM_LIVENESS_LIVE);
    assert_int_equal(results[1].reason, FM_LIVENESS_REASON_TOO_SMALL);
    faces[1].x = 1000;
    fm_assert_status(fm_liveness_batch(session, images, 2, faces, NULL, results, sizeof results[0],
                                       statuses, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    ok(fm_liveness_batch(session, images, 0, NULL, NULL, NULL, 0, NULL, &err));
    free_frame(image);
}

static void test_a_batch_without_a_face(void **state)
{
    fm_image *empty = draw((drawing){1, BLUE_LIVE, 0, 0, 0, 0, 0});
    fm_liveness_result results[2] = {{.struct_size = sizeof results[0]},
                                     {.struct_size = sizeof results[0]}};
    fm_status statuses[2];
    (void)state;
    ok(fm_liveness_batch(session, (const fm_image *const[]){empty, empty}, 2, NULL, NULL, results,
                         sizeof results[0], statuses, &err));
    assert_true(statuses[0] == FM_E_NOT_FOUND && statuses[1] == FM_E_NOT_FOUND);
    assert_int_equal(results[0].verdict, FM_LIVENESS_NOT_CHECKED);
    free_frame(empty);
}

/* --- sequences --- */

static fm_liveness_sequence *begin_sequence(const fm_liveness_sequence_options *options)
{
    fm_liveness_sequence *made = NULL;
    ok(fm_liveness_sequence_create(&made, session, options, &err));
    return made;
}

static fm_liveness_reason add(fm_liveness_sequence *sequence, drawing d)
{
    fm_liveness_result r = {.struct_size = sizeof r};
    fm_image *image = draw(d);
    ok(fm_liveness_sequence_add(sequence, session, image, NULL, &r, &err));
    free_frame(image);
    return r.reason;
}

static fm_liveness_fusion so_far(const fm_liveness_sequence *sequence)
{
    fm_liveness_fusion f = {.struct_size = sizeof f};
    ok(fm_liveness_sequence_result(sequence, &f, &err));
    return f;
}

static void check_so_far(const fm_liveness_sequence *sequence, fm_liveness_verdict verdict,
                         fm_liveness_reason reason, int decided)
{
    fm_liveness_fusion f = so_far(sequence);
    assert_int_equal(f.verdict, verdict);
    assert_int_equal(f.reason, reason);
    assert_int_equal(f.decided, decided);
    assert_int_equal(f.frames, f.used + f.unusable + f.stills + f.other_faces);
}

static drawing moment(uint32_t n, uint8_t blue)
{
    drawing d = usual;
    d.moment = n;
    d.blue = blue;
    return d;
}

static void test_a_sequence_decides_as_soon_as_it_is_clear(void **state)
{
    static const uint8_t blues[] = {BLUE_LIVE, BLUE_SPOOF};
    (void)state;
    for (int i = 0; i < 2; i++) {
        fm_liveness_verdict verdict = i == 0 ? FM_LIVENESS_LIVE : FM_LIVENESS_SPOOF;
        fm_liveness_sequence *s = begin_sequence(NULL);
        fm_image *image = draw(usual);
        check_so_far(s, FM_LIVENESS_UNCERTAIN, FM_LIVENESS_REASON_TOO_FEW, 0);
        assert_true(isnan(so_far(s).score) && isnan(so_far(s).apcer));
        for (uint32_t k = 0; k < 3; k++) {
            check_so_far(s, FM_LIVENESS_UNCERTAIN, FM_LIVENESS_REASON_TOO_FEW, 0);
            assert_int_equal(add(s, moment(k, blues[i])), FM_LIVENESS_REASON_NONE);
        }
        check_so_far(s, verdict, FM_LIVENESS_REASON_NONE, 1);
        fm_assert_status(fm_liveness_sequence_add(s, session, image, NULL, NULL, &err), FM_E_STATE,
                         &err);
        fm_assert_message(&err, fm_liveness_verdict_name(verdict));
        fm_liveness_sequence_free(s);
        free_frame(image);
    }
}

static void test_a_sequence_that_stays_unclear_ends(void **state)
{
    fm_liveness_sequence_options o;
    fm_liveness_sequence *s;
    (void)state;
    fm_liveness_sequence_options_init(&o, sizeof o);
    o.min_frames = 2;
    o.max_frames = 4;
    o.same_fmr = -1; /* to the fake embedder other light is another face */
    s = begin_sequence(&o);
    for (uint32_t k = 0; k < 4; k++)
        assert_int_equal(add(s, moment(k, BLUE_BETWEEN)), FM_LIVENESS_REASON_BETWEEN);
    check_so_far(s, FM_LIVENESS_UNCERTAIN, FM_LIVENESS_REASON_BETWEEN, 1);
    fm_liveness_sequence_free(s);
    /* frames that contradict each other are not clear, and the last one settles it */
    s = begin_sequence(&o);
    add(s, moment(0, BLUE_LIVE));
    add(s, moment(1, 80));
    check_so_far(s, FM_LIVENESS_UNCERTAIN, FM_LIVENESS_REASON_BETWEEN, 0);
    add(s, moment(2, 80));
    check_so_far(s, FM_LIVENESS_UNCERTAIN, FM_LIVENESS_REASON_BETWEEN, 0);
    add(s, moment(3, 80));
    check_so_far(s, FM_LIVENESS_SPOOF, FM_LIVENESS_REASON_NONE, 1);
    fm_liveness_sequence_free(s);
}

static void test_log_odds_are_averaged(void **state)
{
    fm_liveness_sequence *s = begin_sequence(NULL);
    double sum = 0, weights = 0;
    (void)state;
    for (uint32_t k = 0; k < 2; k++) {
        drawing d = moment(k, (uint8_t)(150 + 30 * k));
        fm_liveness_result r = look(d);
        sum += (double)r.quality * log((double)r.score / (1 - (double)r.score));
        weights += (double)r.quality;
        add(s, d);
    }
    assert_float_equal(so_far(s).score, 1 / (1 + exp(-sum / weights)), 1e-5);
    fm_liveness_sequence_free(s);
}

static void test_a_still_is_named(void **state)
{
    fm_liveness_sequence_options o;
    fm_liveness_sequence *s;
    (void)state;
    fm_liveness_sequence_options_init(&o, sizeof o);
    o.max_frames = 4;
    s = begin_sequence(&o);
    assert_int_equal(add(s, usual), FM_LIVENESS_REASON_NONE);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(so_far(s).decided, 0);
        assert_int_equal(add(s, usual), FM_LIVENESS_REASON_STILL);
    }
    check_so_far(s, FM_LIVENESS_UNCERTAIN, FM_LIVENESS_REASON_STILL, 1);
    assert_int_equal(so_far(s).stills, 3);
    fm_liveness_sequence_free(s);
    /* two stills in turn are stills, too */
    s = begin_sequence(&o);
    add(s, moment(0, BLUE_LIVE));
    add(s, moment(1, BLUE_LIVE));
    assert_int_equal(add(s, moment(0, BLUE_LIVE)), FM_LIVENESS_REASON_STILL);
    assert_int_equal(add(s, moment(1, BLUE_LIVE)), FM_LIVENESS_REASON_STILL);
    fm_liveness_sequence_free(s);
    o.still_difference = -1;
    s = begin_sequence(&o);
    for (int k = 0; k < 3; k++)
        assert_int_equal(add(s, usual), FM_LIVENESS_REASON_NONE);
    check_so_far(s, FM_LIVENESS_LIVE, FM_LIVENESS_REASON_NONE, 1);
    fm_liveness_sequence_free(s);
}

static void test_another_face_is_refused(void **state)
{
    fm_liveness_sequence_options o;
    fm_liveness_sequence *s;
    drawing stranger = moment(3, BLUE_LIVE);
    (void)state;
    stranger.person = 7;
    fm_liveness_sequence_options_init(&o, sizeof o);
    o.use_same_score = 1;
    o.same_score = 0.995f;
    s = begin_sequence(&o);
    add(s, moment(0, BLUE_LIVE));
    assert_int_equal(add(s, stranger), FM_LIVENESS_REASON_OTHER_FACE);
    check_so_far(s, FM_LIVENESS_UNCERTAIN, FM_LIVENESS_REASON_OTHER_FACE, 0);
    for (uint32_t k = 1; k < 3; k++)
        assert_int_equal(add(s, moment(k, BLUE_LIVE)), FM_LIVENESS_REASON_NONE);
    /* it would be live, had nobody else been there */
    check_so_far(s, FM_LIVENESS_UNCERTAIN, FM_LIVENESS_REASON_OTHER_FACE, 1);
    assert_int_equal(so_far(s).other_faces, 1);
    fm_liveness_sequence_free(s);
    o.use_same_score = 0;
    o.same_fmr = -1;
    s = begin_sequence(&o);
    add(s, moment(0, BLUE_LIVE));
    assert_int_equal(add(s, stranger), FM_LIVENESS_REASON_NONE);
    fm_liveness_sequence_free(s);
}

static void test_unusable_frames_do_not_count(void **state)
{
    fm_liveness_sequence_options o;
    fm_liveness_sequence *s;
    drawing flat = moment(0, BLUE_LIVE);
    fm_image *empty = draw((drawing){1, BLUE_LIVE, 0, 0, 0, 0, 0});
    (void)state;
    flat.blurred = 1;
    fm_liveness_sequence_options_init(&o, sizeof o);
    o.max_frames = 3;
    o.still_difference = -1;
    s = begin_sequence(&o);
    fm_assert_status(fm_liveness_sequence_add(s, session, empty, NULL, NULL, &err), FM_E_NOT_FOUND,
                     &err);
    assert_int_equal(so_far(s).frames, 0);
    for (uint32_t k = 0; k < 3; k++)
        assert_int_equal(add(s, flat), FM_LIVENESS_REASON_BLURRED);
    check_so_far(s, FM_LIVENESS_UNCERTAIN, FM_LIVENESS_REASON_BLURRED, 1);
    assert_int_equal(so_far(s).unusable, 3);
    fm_liveness_sequence_free(s);
    free_frame(empty);
}

static void test_sequences_need_their_models(void **state)
{
    fm_session *no_embedder = new_session(NULL, detector, liveness);
    fm_session *no_liveness = new_session(embedder, detector, NULL);
    fm_session *other = new_session(other_embedder, detector, liveness);
    fm_liveness_sequence_options o;
    fm_liveness_sequence *s = NULL;
    fm_image *image = draw(usual);
    (void)state;
    fm_liveness_sequence_options_init(&o, sizeof o);
    fm_assert_status(fm_liveness_sequence_create(&s, no_embedder, NULL, &err), FM_E_STATE, &err);
    fm_assert_status(fm_liveness_sequence_create(&s, no_liveness, NULL, &err), FM_E_STATE, &err);
    assert_null(s);
    o.same_fmr = -1;
    ok(fm_liveness_sequence_create(&s, no_embedder, &o, &err));
    ok(fm_liveness_sequence_add(s, no_embedder, image, NULL, NULL, &err));
    fm_liveness_sequence_free(s);
    s = begin_sequence(NULL);
    fm_assert_status(fm_liveness_sequence_add(s, other, image, NULL, NULL, &err),
                     FM_E_MODEL_MISMATCH, &err);
    fm_assert_status(fm_liveness_sequence_add(s, no_liveness, image, NULL, NULL, &err), FM_E_STATE,
                     &err);
    fm_assert_status(fm_liveness_sequence_add(s, no_embedder, image, NULL, NULL, &err), FM_E_STATE,
                     &err);
    assert_int_equal(so_far(s).frames, 0);
    fm_liveness_sequence_free(s);
    fm_session_free(no_embedder);
    fm_session_free(no_liveness);
    fm_session_free(other);
    free_frame(image);
}

/* --- decisions --- */

static fm_status verify(uint8_t blue, fm_liveness_policy policy, fm_verification *out)
{
    fm_image *document = draw(moment(0, BLUE_LIVE)), *presented = draw(moment(1, blue));
    fm_verify_options o;
    fm_status status;
    memset(out, 0xFF, sizeof *out);
    out->struct_size = sizeof *out;
    fm_verify_options_init(&o, sizeof o);
    o.use_threshold = 1;
    o.threshold = -1;
    o.liveness = policy;
    status = fm_verify(session, document, presented, &o, out, &err);
    free_frame(document);
    free_frame(presented);
    return status;
}

static void test_verification_follows_the_policy(void **state)
{
    fm_verification v;
    (void)state;
    ok(verify(BLUE_SPOOF, FM_LIVENESS_OFF, &v));
    assert_true(v.match == 1 && v.liveness.verdict == FM_LIVENESS_NOT_CHECKED);
    ok(verify(BLUE_SPOOF, FM_LIVENESS_REPORT, &v));
    assert_true(v.match == 1 && v.liveness.verdict == FM_LIVENESS_SPOOF);
    fm_assert_status(verify(BLUE_SPOOF, FM_LIVENESS_REQUIRE, &v), FM_E_NOT_LIVE, &err);
    fm_assert_message(&err, "spoof");
    assert_true(v.match == 0 && v.score == 0 && v.liveness.verdict == FM_LIVENESS_SPOOF);
    fm_assert_status(verify(BLUE_BETWEEN, FM_LIVENESS_REQUIRE, &v), FM_E_NOT_LIVE, &err);
    fm_assert_message(&err, "between");
    assert_true(v.match == 0 && v.liveness.reason == FM_LIVENESS_REASON_BETWEEN);
    ok(verify(BLUE_LIVE, FM_LIVENESS_REQUIRE, &v));
    assert_true(v.match == 1 && v.liveness.verdict == FM_LIVENESS_LIVE);
    assert_true(v.liveness.score > 0.6f && v.liveness.reserved == 0);
}

static void test_policies_that_cannot_be_followed(void **state)
{
    fm_session *without = new_session(embedder, detector, NULL);
    fm_image *image = draw(usual);
    fm_verify_options o;
    fm_verification v = {.struct_size = sizeof v}, untouched = v;
    (void)state;
    fm_verify_options_init(&o, sizeof o);
    o.liveness = FM_LIVENESS_REPORT;
    fm_assert_status(fm_verify(without, image, image, &o, &v, &err), FM_E_STATE, &err);
    o.aligned = 1;
    fm_assert_status(fm_verify(session, image, image, &o, &v, &err), FM_E_INVALID_ARGUMENT, &err);
    fm_assert_message(&err, "aligned");
    o.aligned = 0;
    o.liveness = 3;
    fm_assert_status(fm_verify(session, image, image, &o, &v, &err), FM_E_INVALID_ARGUMENT, &err);
    assert_memory_equal(&v, &untouched, sizeof v);
    fm_session_free(without);
    free_frame(image);
}

typedef struct people {
    fm_test_folder folder;
    fm_gallery *gallery;
} people;

static people open_people(void)
{
    people p = {{""}, NULL};
    char path[128];
    assert_int_equal(fm_test_folder_make(&p.folder), 0);
    fm_test_path(path, sizeof path, &p.folder, "people.fmg");
    ok(fm_gallery_open(&p.gallery, path, embedder, NULL, &err));
    return p;
}

static void close_people(people *p)
{
    fm_gallery_close(p->gallery);
    fm_test_folder_remove(&p->folder);
}

static fm_status enroll(people *p, const char *id, uint8_t blue, fm_liveness_policy policy,
                        fm_enrollment *out)
{
    fm_image *image = draw(moment(0, blue));
    fm_gate_options gate;
    fm_gate_report report = {.struct_size = sizeof report};
    fm_enroll_options o;
    fm_status status;
    memset(out, 0xFF, sizeof *out);
    out->struct_size = sizeof *out;
    fm_gate_options_init(&gate, sizeof gate);
    gate.off = 1;
    fm_enroll_options_init(&o, sizeof o);
    o.gate = &gate;
    o.report = &report;
    o.liveness = policy;
    status = fm_gallery_enroll(p->gallery, session, id, image, &o, out, &err);
    free_frame(image);
    return status;
}

static fm_status identify(people *p, uint8_t blue, fm_liveness_policy policy, size_t *count,
                          fm_identification *out)
{
    fm_image *image = draw(moment(1, blue));
    fm_identify_options o;
    fm_match match;
    fm_status status;
    memset(out, 0xFF, sizeof *out);
    out->struct_size = sizeof *out;
    *count = 77;
    fm_identify_options_init(&o, sizeof o);
    o.use_threshold = 1;
    o.threshold = -1;
    o.liveness = policy;
    status = fm_identify(p->gallery, session, image, &o, &match, 1, count, out, &err);
    free_frame(image);
    return status;
}

static fm_status verify_identity(people *p, uint8_t blue, fm_liveness_policy policy,
                                 fm_verification *out)
{
    fm_image *image = draw(moment(1, blue));
    fm_verify_options o;
    fm_status status;
    memset(out, 0xFF, sizeof *out);
    out->struct_size = sizeof *out;
    fm_verify_options_init(&o, sizeof o);
    o.use_threshold = 1;
    o.threshold = -1;
    o.liveness = policy;
    status = fm_verify_identity(p->gallery, session, "anna", image, &o, out, &err);
    free_frame(image);
    return status;
}

static void test_a_gallery_follows_the_policy(void **state)
{
    people p = open_people();
    fm_enrollment e;
    fm_identification i;
    fm_verification v;
    size_t count;
    (void)state;
    fm_assert_status(enroll(&p, "anna", BLUE_SPOOF, FM_LIVENESS_REQUIRE, &e), FM_E_NOT_LIVE, &err);
    assert_true(e.liveness.verdict == FM_LIVENESS_SPOOF && e.face_count == 1 && e.templates == 0);
    ok(fm_gallery_count(p.gallery, &count, NULL, &err));
    assert_int_equal(count, 0);
    ok(enroll(&p, "anna", BLUE_LIVE, FM_LIVENESS_REQUIRE, &e));
    assert_true(e.liveness.verdict == FM_LIVENESS_LIVE && e.templates == 1);
    ok(enroll(&p, "bert", BLUE_SPOOF, FM_LIVENESS_REPORT, &e));
    assert_int_equal(e.liveness.verdict, FM_LIVENESS_SPOOF);

    ok(identify(&p, BLUE_SPOOF, FM_LIVENESS_REPORT, &count, &i));
    assert_true(count == 1 && i.liveness.verdict == FM_LIVENESS_SPOOF && i.identities == 2);
    fm_assert_status(identify(&p, BLUE_SPOOF, FM_LIVENESS_REQUIRE, &count, &i), FM_E_NOT_LIVE,
                     &err);
    assert_true(count == 0 && i.liveness.verdict == FM_LIVENESS_SPOOF && i.identities == 0);
    assert_true(i.face_count == 1 && i.face.width > 50);
    ok(identify(&p, BLUE_LIVE, FM_LIVENESS_REQUIRE, &count, &i));
    assert_true(count == 1 && i.liveness.verdict == FM_LIVENESS_LIVE);
    ok(identify(&p, BLUE_LIVE, FM_LIVENESS_OFF, &count, &i));
    assert_int_equal(i.liveness.verdict, FM_LIVENESS_NOT_CHECKED);

    fm_assert_status(verify_identity(&p, BLUE_BETWEEN, FM_LIVENESS_REQUIRE, &v), FM_E_NOT_LIVE,
                     &err);
    assert_true(v.match == 0 && v.liveness.verdict == FM_LIVENESS_UNCERTAIN);
    ok(verify_identity(&p, BLUE_LIVE, FM_LIVENESS_REQUIRE, &v));
    assert_true(v.match == 1 && v.liveness.verdict == FM_LIVENESS_LIVE);
    close_people(&p);
}

/* --- calibration --- */

/* The text alone gives the thresholds that the model with it has. */
static void same_thresholds(const fm_model *model, const char *text)
{
    static const double rates[] = {0.25, 0.4, 0.5, 0.75, 0.95};
    for (size_t i = 0; i < 25; i++) {
        fm_liveness_options o;
        fmi_liveness_lines lines;
        float live = -1, spoof = -1;
        fm_status want;
        fm_liveness_options_init(&o, sizeof o);
        o.apcer = rates[i / 5];
        o.bpcer = rates[i % 5];
        want = fmi_liveness_lines_draw(&lines, model, &o, &err);
        fm_assert_status(fm_liveness_thresholds(text, &o, &live, &spoof, &err), want, &err);
        assert_float_equal(live, want == FM_OK ? lines.live : -1, 0);
        assert_float_equal(spoof, want == FM_OK ? lines.spoof : -1, 0);
    }
}

static void test_a_calibration_is_what_was_measured(void **state)
{
    /* attacks of two kinds; the second is the worse one */
    static const float scores[] = {0.9f, 0.8f, 0.7f, 0.2f, 0.1f, 0.75f, 0.05f, 0.3f};
    static const int32_t kinds[] = {0, 0, 0, 0, 1, 2, 1, 1};
    char text[4096], archive[8192];
    size_t needed = 0;
    fm_model *model = NULL;
    const fmi_pad_calibration *pad;
    (void)state;
    fm_assert_status(fm_liveness_calibrate(scores, kinds, 8, NULL, NULL, 0, &needed, &err),
                     FM_E_BUFFER_TOO_SMALL, &err);
    ok(fm_liveness_calibrate(scores, kinds, 8, NULL, text, sizeof text, &needed, &err));
    assert_int_equal(needed, strlen(text) + 1);
    snprintf(archive, sizeof archive, "%.*s,\"calibration\":%s}",
             (int)strlen(LIVENESS_WITH(NETS, "")) - 1, LIVENESS_WITH(NETS, ""), text);
    ok(load(&model, archive));
    same_thresholds(model, text);
    pad = &model->manifest.pad;
    assert_true(pad->attacks == 1 && pad->live == 4);
    assert_float_equal(fmi_liveness_apcer(pad, 0.75f), 1, 0);
    assert_float_equal(fmi_liveness_apcer(pad, 0.7501f), 0, 0);
    assert_float_equal(fmi_liveness_bpcer(pad, 0.2f), 0, 0);
    assert_float_equal(fmi_liveness_bpcer(pad, 0.7f), 0.25, 1e-9);
    assert_float_equal(fmi_liveness_bpcer(pad, 0.8f), 0.5, 1e-9);
    assert_float_equal(fmi_liveness_bpcer(pad, 0.95f), 1, 0);
    fm_model_free(model);
    fm_assert_status(
        fm_liveness_calibrate(scores, kinds, 4, NULL, text, sizeof text, &needed, &err), FM_E_STATE,
        &err);
    fm_assert_status(
        fm_liveness_calibrate(scores + 4, kinds + 4, 4, NULL, text, sizeof text, &needed, &err),
        FM_E_STATE, &err);
}

/* --- failing allocations --- */

/* What a call works on, made while memory is there. */
typedef struct workplace {
    fm_image *frames[2];
    fm_liveness_sequence *sequence;
} workplace;

typedef fm_status (*step_fn)(workplace *w);

static fm_status step_look(workplace *w)
{
    fm_liveness_result r = {.struct_size = sizeof r};
    return fm_liveness(session, w->frames[0], NULL, NULL, &r, &err);
}

static fm_status step_batch(workplace *w)
{
    const fm_image *const images[2] = {w->frames[0], w->frames[1]};
    fm_liveness_result r[2] = {{.struct_size = sizeof r[0]}, {.struct_size = sizeof r[0]}};
    fm_status found[2];
    return fm_liveness_batch(session, images, 2, NULL, NULL, r, sizeof r[0], found, &err);
}

static fm_status step_create(workplace *w)
{
    fm_liveness_sequence *made = NULL;
    fm_status status = fm_liveness_sequence_create(&made, session, NULL, &err);
    (void)w;
    assert_true((status == FM_OK) == (made != NULL));
    fm_liveness_sequence_free(made);
    return status;
}

static fm_status step_add(workplace *w)
{
    fm_status status =
        fm_liveness_sequence_add(w->sequence, session, w->frames[0], NULL, NULL, &err);
    assert_int_equal(so_far(w->sequence).frames, status == FM_OK);
    return status;
}

static fm_status step_verify(workplace *w)
{
    fm_verify_options o;
    fm_verification v = {.struct_size = sizeof v};
    fm_verify_options_init(&o, sizeof o);
    o.liveness = FM_LIVENESS_REQUIRE;
    return fm_verify(session, w->frames[0], w->frames[1], &o, &v, &err);
}

static fm_status step_calibrate(workplace *w)
{
    static const float scores[] = {0.9f, 0.1f, 0.2f};
    static const int32_t kinds[] = {0, 1, 2};
    char text[4096];
    (void)w;
    return fm_liveness_calibrate(scores, kinds, 3, NULL, text, sizeof text, NULL, &err);
}

static fm_status step_thresholds(workplace *w)
{
    static const char text[] = "{\"attacks\":100,\"live\":100,\"points\":[{\"score\":0,\"apcer\":1,"
                               "\"bpcer\":0},{\"score\":1,\"apcer\":0,\"bpcer\":0}]}";
    float live, spoof;
    (void)w;
    return fm_liveness_thresholds(text, NULL, &live, &spoof, &err);
}

static fm_status step_load(workplace *w)
{
    fm_model *model = NULL;
    fm_status status = load(&model, LIVENESS);
    (void)w;
    fm_model_free(model);
    return status;
}

static void test_failing_allocations(void **state)
{
    static const step_fn steps[] = {step_look,   step_batch,     step_create,     step_add,
                                    step_verify, step_calibrate, step_thresholds, step_load};
    workplace w = {{draw(moment(0, BLUE_LIVE)), draw(moment(1, BLUE_LIVE))}, NULL};
    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        fm_status status = FM_E_NO_MEMORY;
        w.sequence = begin_sequence(NULL);
        for (long k = 0; status != FM_OK; k += fm_test_many(1, 7)) {
            long blocks = fmi_memory_live_blocks();
            assert_true(k < 2000);
            fmi_memory_fail_after(k);
            status = steps[i](&w);
            fmi_memory_fail_after(-1);
            if (status != FM_OK)
                fm_assert_status(status, FM_E_NO_MEMORY, &err);
            assert_int_equal(fmi_memory_live_blocks(), blocks);
        }
        fm_liveness_sequence_free(w.sequence);
    }
    free_frame(w.frames[0]);
    free_frame(w.frames[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thresholds_meet_the_targets),
        cmocka_unit_test(test_thresholds_that_cannot_be),
        cmocka_unit_test(test_rates_are_those_of_the_safe_side),
        cmocka_unit_test(test_manifest_is_checked),
        cmocka_unit_test(test_an_archive_of_one_net),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_crops_are_moved_into_the_frame),
        cmocka_unit_test(test_stretching_interpolates),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_reasons_can_be_switched_off),
        cmocka_unit_test(test_faces_that_make_no_sense),
        cmocka_unit_test(test_faces_of_all_sizes),
        cmocka_unit_test(test_an_image_of_one_pixel),
        cmocka_unit_test(test_a_batch_gives_what_single_calls_give),
        cmocka_unit_test(test_a_batch_with_given_faces),
        cmocka_unit_test(test_a_batch_without_a_face),
        cmocka_unit_test(test_a_sequence_decides_as_soon_as_it_is_clear),
        cmocka_unit_test(test_a_sequence_that_stays_unclear_ends),
        cmocka_unit_test(test_log_odds_are_averaged),
        cmocka_unit_test(test_a_still_is_named),
        cmocka_unit_test(test_another_face_is_refused),
        cmocka_unit_test(test_unusable_frames_do_not_count),
        cmocka_unit_test(test_sequences_need_their_models),
        cmocka_unit_test(test_verification_follows_the_policy),
        cmocka_unit_test(test_policies_that_cannot_be_followed),
        cmocka_unit_test(test_a_gallery_follows_the_policy),
        cmocka_unit_test(test_a_calibration_is_what_was_measured),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, load_models, free_models);
}
