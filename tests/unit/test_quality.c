/* The figures of a face, and the gate: every reason on both sides of its limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/fake.h"
#include "core/memory.h"
#include "face/gate.h"
#include "face/quality.h"
#include "helpers.h"
#include "image/image.h"
#include <facematch/facematch.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

enum { DIM = 16, CROP = 112, WIDTH = 320, HEIGHT = 240, SIDE = 80 };

#define INPUT                                                                                      \
    "\"input\":{\"width\":32,\"height\":32,\"order\":\"RGB\",\"mean\":[127.5,127.5,127.5],"        \
    "\"std\":[128,128,128]},"
#define EMBEDDER(name, calibration)                                                                \
    FMI_FAKE_MAGIC                                                                                 \
    "{\"format\":1,\"name\":\"" name "\",\"kind\":\"embedder\",\"family\":\"softmax\"," INPUT      \
    "\"alignment\":{\"points\":[[13.6,14.2],[18.4,14.2],[16,16.6],[14.2,19],[17.8,19]],"           \
    "\"border\":\"zero\"},\"embedding\":{\"dim\":16,\"normalize\":true},\"metric\":\"cosine\","    \
    "\"source\":\"test\",\"license\":\"none\",\"training_data\":\"none\"" calibration "}"
#define CALIBRATION                                                                                \
    ",\"calibration\":{\"dataset\":\"none\",\"impostor_comparisons\":100000,\"points\":["          \
    "{\"fmr\":0.1,\"score\":0.2},{\"fmr\":0.01,\"score\":0.4},{\"fmr\":0.001,\"score\":0.6},"      \
    "{\"fmr\":0.0001,\"score\":0.8}]}"
#define DETECTOR                                                                                   \
    FMI_FAKE_MAGIC                                                                                 \
    "{\"format\":1,\"name\":\"squares\",\"kind\":\"detector\"," INPUT                              \
    "\"detector\":{\"type\":\"mtcnn\",\"thresholds\":[0.6,0.7,0.7],\"factor\":0.709,\"cell\":12,"  \
    "\"stride\":2,\"nms\":[0.5,0.7,0.7]},"                                                         \
    "\"source\":\"test\",\"license\":\"none\",\"training_data\":\"none\"}"

static fm_error err = {sizeof err, 0, ""};
static fm_model *embedder, *plain, *detector;
static fm_session *session;
static fm_test_folder folder;
static char path[128];

static void ok(fm_status status)
{
    fm_assert_status(status, FM_OK, &err);
}

static int load(fm_model **model, const char *text)
{
    return fm_model_load_memory(model, text, strlen(text), NULL, &err) == FM_OK ? 0 : -1;
}

static fm_session *new_session(const fm_model *model, fm_selection rule)
{
    fm_session *made = NULL;
    fm_session_options options;
    fm_session_options_init(&options, sizeof options);
    options.detector = detector;
    options.selection = rule;
    ok(fm_session_create(&made, model, &options, &err));
    return made;
}

static int load_models(void **state)
{
    (void)state;
    if (load(&embedder, EMBEDDER("calibrated", CALIBRATION)) != 0 ||
        load(&plain, EMBEDDER("plain", "")) != 0 || load(&detector, DETECTOR) != 0)
        return -1;
    session = new_session(embedder, 0);
    return 0;
}

static int free_models(void **state)
{
    (void)state;
    fm_session_free(session);
    fm_model_free(embedder);
    fm_model_free(plain);
    fm_model_free(detector);
    return fmi_memory_live_blocks() == 0 ? 0 : -1;
}

static int make_folder(void **state)
{
    (void)state;
    if (fm_test_folder_make(&folder) != 0)
        return -1;
    fm_test_path(path, sizeof path, &folder, "people.fmg");
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    fm_test_folder_remove(&folder);
    return 0;
}

/* --- figures of a crop --- */

static fm_face_quality measure(const uint8_t grey[CROP][CROP])
{
    static uint8_t rgb[CROP][CROP][3];
    fm_face_quality q;
    fm_image *image = NULL;
    for (int y = 0; y < CROP; y++)
        for (int x = 0; x < CROP; x++)
            memset(rgb[y][x], grey[y][x], 3);
    ok(fm_image_from_pixels(&image, rgb, sizeof rgb, CROP, CROP, 0, FM_PIXEL_RGB8, &err));
    ok(fmi_quality_of_crop(image, &q, &err));
    fm_image_free(image);
    return q;
}

static void test_quality_of_an_even_crop(void **state)
{
    static uint8_t grey[CROP][CROP];
    fm_face_quality q;
    (void)state;
    memset(grey, 100, sizeof grey);
    q = measure(grey);
    assert_true(q.brightness == 100);
    assert_true(q.sharpness == 0 && q.clipped == 0 && q.quality == 0);
    assert_true(isnan(q.size_px) && isnan(q.eye_distance_px) && isnan(q.score));
    assert_true(isnan(q.yaw_deg) && isnan(q.pitch_deg) && isnan(q.roll_deg));
    assert_true(q.reserved[0] == 0 && q.reserved[1] == 0);
}

/* Columns in turn: the Laplacian is 2 * (b - a) in one and its negative in the next, so its
 * variance is 4 (b-a)^2, that of the grey values (b-a)^2 / 4. */
static void test_quality_of_stripes(void **state)
{
    static uint8_t grey[CROP][CROP];
    fm_face_quality q;
    (void)state;
    for (int y = 0; y < CROP; y++)
        for (int x = 0; x < CROP; x++)
            grey[y][x] = x % 2 ? 140 : 100;
    q = measure(grey);
    assert_true(q.brightness == 120);
    assert_true(fabs((double)q.sharpness - (4 * 1600 - 20.0 / 12) / 400) < 1e-4);
    assert_true(fabsf(q.quality - 1) < 1e-6f); /* 16 is sharp, 120 is well lit */
}

static void test_quality_counts_what_is_clipped(void **state)
{
    static uint8_t grey[CROP][CROP];
    (void)state;
    memset(grey, 5, sizeof grey);
    assert_true(measure(grey).clipped == 1);
    memset(grey, 6, sizeof grey);
    assert_true(measure(grey).clipped == 0);
    memset(grey, 249, sizeof grey);
    assert_true(measure(grey).clipped == 0);
    memset(grey[0], 250, sizeof grey / 2); /* rows 0..55, of which 32..55 are in the middle */
    assert_true(fabs((double)measure(grey).clipped - 24.0 / 72) < 1e-6);
}

/* What lies outside the middle of the face does not matter. */
static void test_quality_looks_at_the_middle(void **state)
{
    static uint8_t grey[CROP][CROP];
    fm_face_quality q;
    (void)state;
    for (int y = 0; y < CROP; y++)
        for (int x = 0; x < CROP; x++)
            grey[y][x] = x < 23 || x >= 89 || y < 31 || y >= 105 ? (x ^ y) & 1 ? 255 : 0 : 100;
    q = measure(grey);
    assert_true(q.brightness == 100 && q.sharpness == 0);
}

static void fill_noise(uint8_t grey[CROP][CROP], double contrast, double light, int smooth)
{
    static double v[CROP][CROP], w[CROP][CROP];
    uint32_t seed = 5;
    for (int y = 0; y < CROP; y++)
        for (int x = 0; x < CROP; x++)
            v[y][x] = (double)(fm_test_random(&seed) % 2001) / 1000 - 1;
    for (; smooth > 0; smooth--) {
        for (int y = 0; y < CROP; y++)
            for (int x = 0; x < CROP; x++)
                w[y][x] = (v[y][x] + v[y][(x + 1) % CROP] + v[(y + 1) % CROP][x] +
                           v[(y + 1) % CROP][(x + 1) % CROP]) /
                          4;
        memcpy(v, w, sizeof v);
    }
    for (int y = 0; y < CROP; y++)
        for (int x = 0; x < CROP; x++)
            grey[y][x] = (uint8_t)lround(fmin(fmax(light + contrast * v[y][x], 0), 255));
}

static void test_quality_sharpness_falls_with_blur_only(void **state)
{
    static uint8_t grey[CROP][CROP];
    float last = 100, clear, dim;
    (void)state;
    for (int smooth = 0; smooth < 6; smooth++) {
        fill_noise(grey, 100, 127, smooth);
        assert_true(measure(grey).sharpness < 0.9f * last);
        last = measure(grey).sharpness;
    }
    fill_noise(grey, 100, 127, 4);
    clear = measure(grey).sharpness;
    fill_noise(grey, 40, 60, 4); /* less light, less contrast */
    dim = measure(grey).sharpness;
    assert_true(fabsf(dim - clear) < 0.1f * clear);
}

/* --- figures of a face --- */

/* The mean head that the pose is estimated with, turned and seen from far away. */
static void project(float points[10], double yaw, double pitch, double roll, double scale, double x,
                    double y)
{
    /* distances of the eyes: to the right, down, towards the camera */
    static const double head[5][3] = {
        {-0.5, 0, 0}, {0.5, 0, 0}, {0, 0.54, 0.67}, {-0.4, 1.08, 0.14}, {0.4, 1.08, 0.14}};
    const double degree = 57.29577951308232;
    double a = yaw / degree, b = pitch / degree, c = roll / degree;
    for (int i = 0; i < 5; i++) {
        double px = head[i][0] * cos(a) + head[i][2] * sin(a);
        double pz = head[i][2] * cos(a) - head[i][0] * sin(a);
        double py = head[i][1] * cos(b) + pz * sin(b);
        points[2 * i] = (float)(x + scale * (px * cos(c) - py * sin(c)));
        points[2 * i + 1] = (float)(y + scale * (px * sin(c) + py * cos(c)));
    }
}

static fm_image *new_picture(int32_t width, int32_t height)
{
    fm_image *image = NULL;
    ok(fmi_image_new(&image, width, height, &err));
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++)
            memset(image->owned + (size_t)y * image->stride + 3 * (size_t)x,
                   96 + (7 * x + 13 * y + x * y / 11) % 64, 3);
    return image;
}

static fm_face_quality pose(double yaw, double pitch, double roll)
{
    fm_image *image = new_picture(WIDTH, HEIGHT);
    fm_face face = {100, 60, 90, 110, 0.75f, {0}};
    fm_face_quality q;
    project(face.points, yaw, pitch, roll, 42, 150, 100);
    ok(fm_quality(session, image, &face, &q, &err));
    fm_image_free(image);
    return q;
}

static void assert_degrees(float got, double want, double within)
{
    if (!(fabs((double)got - want) <= within))
        fail_msg("%g degrees, not %g", (double)got, want);
}

static void test_quality_pose_one_axis_at_a_time(void **state)
{
    (void)state;
    for (int angle = -60; angle <= 60; angle += 10) {
        fm_face_quality q = pose(angle, 0, 0);
        assert_degrees(q.yaw_deg, angle, 2);
        assert_degrees(q.roll_deg, 0, 0.01);
        q = pose(0, angle / 2.0, 0);
        assert_degrees(q.pitch_deg, angle / 2.0, 2);
        assert_degrees(q.yaw_deg, 0, 0.01);
        q = pose(0, 0, 2 * angle);
        assert_degrees(q.roll_deg, 2 * angle, 0.01);
        assert_degrees(q.yaw_deg, 0, 0.01);
        assert_degrees(q.pitch_deg, 0, 1);
    }
}

static void test_quality_pose_of_several_axes(void **state)
{
    (void)state;
    for (int yaw = -30; yaw <= 30; yaw += 15)
        for (int pitch = -20; pitch <= 20; pitch += 10) {
            fm_face_quality q = pose(yaw, pitch, 15);
            assert_degrees(q.yaw_deg, yaw, 6);
            assert_degrees(q.pitch_deg, pitch, 6);
        }
}

static void test_quality_of_a_face(void **state)
{
    fm_face_quality q = pose(0, 0, 0);
    double expected;
    (void)state;
    assert_true(q.size_px == 90 && q.score == 0.75f);
    assert_true(fabsf(q.eye_distance_px - 42) < 0.001f);
    assert_true(q.brightness > 100 && q.brightness < 150);
    expected = 90.0 / 112 * fmin(1, (double)q.sharpness / 0.05) *
               cos((double)q.pitch_deg / 57.29577951308232) * 0.75;
    assert_true(fabs((double)q.quality - expected) < 1e-5);
    q = pose(80, 0, 0);
    assert_true((double)q.quality < 0.25 * expected);
}

static void test_quality_refuses_what_is_no_face(void **state)
{
    fm_image *image = new_picture(WIDTH, HEIGHT);
    const fm_face good = {100, 60, 90, 110, 1, {120, 90, 160, 90, 140, 110, 125, 130, 155, 130}};
    fm_face_quality q, before;
    fm_face bad[6];
    (void)state;
    memset(&q, 0xA5, sizeof q);
    before = q;
    for (int i = 0; i < 6; i++)
        bad[i] = good;
    bad[0].width = 0;
    bad[1].height = NAN;
    bad[2].score = INFINITY;
    bad[3].points[4] = NAN;
    memset(bad[4].points, 0, sizeof bad[4].points);
    bad[5].width = INFINITY;
    for (int i = 0; i < 6; i++)
        fm_assert_status(fm_quality(session, image, &bad[i], &q, &err), FM_E_INVALID_ARGUMENT,
                         &err);
    fm_assert_status(fm_quality(session, image, NULL, &q, &err), FM_E_NOT_FOUND, &err);
    assert_memory_equal(&q, &before, sizeof q);
    fm_image_free(image);
}

/* --- the gate: photographs --- */

/* The fake detector's idea of a face, in two reds, so that it is sharp. */
static void draw_face(fm_image *image, int32_t x0, int32_t y0, int32_t side)
{
    for (int32_t y = y0; y < y0 + side; y++)
        for (int32_t x = x0; x < x0 + side; x++) {
            uint8_t *p = image->owned + (size_t)y * image->stride + 3 * (size_t)x;
            p[0] = (x / 2 + y / 2) % 4 ? 255 : 225;
            p[1] = p[2] = 0;
        }
}

static fm_image *portrait(void)
{
    fm_image *image = new_picture(WIDTH, HEIGHT);
    draw_face(image, 120, 80, SIDE);
    return image;
}

static fm_gate_options open_gate(void)
{
    fm_gate_options gate;
    fm_gate_options_init(&gate, sizeof gate);
    gate.other_faces = gate.min_size_px = gate.min_score = gate.min_sharpness = -1;
    gate.min_brightness = gate.max_brightness = -1;
    gate.max_yaw_deg = gate.max_pitch_deg = gate.max_roll_deg = -1;
    gate.another_fpir = gate.itself_fmr = -1;
    return gate;
}

static fm_gate_report check(fm_session *with, const fm_image *image, const fm_gate_options *gate,
                            fm_refusal reason)
{
    fm_gate_report report;
    memset(&report, 0xA5, sizeof report);
    report.struct_size = sizeof report;
    fm_assert_status(fm_gate_check(with, image, gate, &report, &err),
                     reason == FM_REFUSAL_NONE      ? FM_OK
                     : reason == FM_REFUSAL_NO_FACE ? FM_E_NOT_FOUND
                                                    : FM_E_REFUSED,
                     &err);
    assert_string_equal(fm_refusal_name(report.reason), fm_refusal_name(reason));
    assert_int_equal(report.struct_size, sizeof report);
    assert_string_equal(report.other_id, "");
    return report;
}

/* The limit a little on either side of what is measured. */
static void both_sides(const fm_image *image, size_t offset, float measured, bool most,
                       fm_refusal reason)
{
    fm_gate_options gate = open_gate();
    float *limit = (float *)((char *)&gate + offset);
    float below = measured - 0.001f * fabsf(measured), above = measured + 0.001f * fabsf(measured);
    fm_gate_report report;
    *limit = most ? above : below;
    check(session, image, &gate, FM_REFUSAL_NONE);
    *limit = most ? below : above;
    report = check(session, image, &gate, reason);
    assert_true(report.value == measured || report.value == -measured);
    assert_true(report.limit == *limit);
    assert_int_equal(report.face_count, 1);
    assert_true(report.face.width > 0.8f * SIDE);
    gate.off = 1;
    check(session, image, &gate, FM_REFUSAL_NONE);
}

static void test_gate_limits_of_figures(void **state)
{
    fm_image *image = portrait();
    fm_gate_options gate = open_gate();
    fm_face_quality q = check(session, image, &gate, FM_REFUSAL_NONE).quality, alone;
    (void)state;
    ok(fm_quality(session, image, NULL, &alone, &err));
    assert_memory_equal(&q, &alone, sizeof q);
    both_sides(image, offsetof(fm_gate_options, min_size_px), q.size_px, false,
               FM_REFUSAL_FACE_TOO_SMALL);
    both_sides(image, offsetof(fm_gate_options, min_score), q.score, false,
               FM_REFUSAL_LOW_DETECTION_SCORE);
    assert_true(q.sharpness > 0);
    both_sides(image, offsetof(fm_gate_options, min_sharpness), q.sharpness, false,
               FM_REFUSAL_BLURRED);
    both_sides(image, offsetof(fm_gate_options, min_brightness), q.brightness, false,
               FM_REFUSAL_TOO_DARK);
    both_sides(image, offsetof(fm_gate_options, max_brightness), q.brightness, true,
               FM_REFUSAL_TOO_BRIGHT);
    fm_image_free(image);
}

/* The fake detector's faces all look straight ahead. */
static void judged(fm_gate_options gate, fm_face_quality figures, fm_refusal reason, double value)
{
    fm_gate_report report;
    fm_gate_options limits;
    fm_status status;
    fmi_gate_report_clear(&report);
    report.quality = figures;
    ok(fmi_gate_options_read(&limits, &gate, &err));
    status = fmi_gate_figures(&limits, &report, &err);
    fm_assert_status(status, reason ? FM_E_REFUSED : FM_OK, &err);
    assert_int_equal(report.reason, reason);
    assert_true((double)report.value == value);
}

static void test_gate_limits_of_angles(void **state)
{
    static const size_t limits[] = {offsetof(fm_gate_options, max_yaw_deg),
                                    offsetof(fm_gate_options, max_pitch_deg),
                                    offsetof(fm_gate_options, max_roll_deg)};
    static const size_t figures[] = {offsetof(fm_face_quality, yaw_deg),
                                     offsetof(fm_face_quality, pitch_deg),
                                     offsetof(fm_face_quality, roll_deg)};
    static const float defaults[] = {45, 35, 45};
    (void)state;
    for (int i = 0; i < 3; i++)
        for (int sign = -1; sign <= 1; sign += 2) {
            fm_gate_options gate = open_gate();
            fm_face_quality q = {0};
            float *limit = (float *)((char *)&gate + limits[i]);
            float *angle = (float *)((char *)&q + figures[i]);
            *limit = 20;
            *angle = (float)sign * 20;
            judged(gate, q, FM_REFUSAL_NONE, 0);
            *angle = (float)sign * 20.5f;
            judged(gate, q, FM_REFUSAL_EXTREME_POSE, sign * 20.5);
            *limit = 0;
            *angle = (float)sign * defaults[i];
            judged(gate, q, FM_REFUSAL_NONE, 0);
            *angle = (float)sign * (defaults[i] + 1);
            judged(gate, q, FM_REFUSAL_EXTREME_POSE, sign * (defaults[i] + 1.0));
            *limit = -1;
            judged(gate, q, FM_REFUSAL_NONE, 0);
        }
}

static void test_gate_default_limits(void **state)
{
    static const struct {
        size_t limit, figure;
        float passes, fails;
        fm_refusal reason;
    } cases[] = {
        {offsetof(fm_gate_options, min_size_px), offsetof(fm_face_quality, size_px), 50, 49.9f,
         FM_REFUSAL_FACE_TOO_SMALL},
        {offsetof(fm_gate_options, min_score), offsetof(fm_face_quality, score), 0.9f, 0.899f,
         FM_REFUSAL_LOW_DETECTION_SCORE},
        {offsetof(fm_gate_options, min_sharpness), offsetof(fm_face_quality, sharpness), 0.015f,
         0.0149f, FM_REFUSAL_BLURRED},
        {offsetof(fm_gate_options, min_brightness), offsetof(fm_face_quality, brightness), 30,
         29.9f, FM_REFUSAL_TOO_DARK},
        {offsetof(fm_gate_options, max_brightness), offsetof(fm_face_quality, brightness), 225,
         225.1f, FM_REFUSAL_TOO_BRIGHT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fm_gate_options gate = open_gate();
        fm_face_quality q = {0};
        float *figure = (float *)((char *)&q + cases[i].figure);
        *(float *)((char *)&gate + cases[i].limit) = 0;
        *figure = cases[i].passes;
        judged(gate, q, FM_REFUSAL_NONE, 0);
        *figure = cases[i].fails;
        judged(gate, q, cases[i].reason, (double)cases[i].fails);
        *figure = NAN;
        judged(gate, q, FM_REFUSAL_NONE, 0);
    }
}

static void test_gate_no_face(void **state)
{
    fm_image *image = new_picture(WIDTH, HEIGHT);
    fm_gate_options gate = open_gate();
    fm_gate_report report = check(session, image, NULL, FM_REFUSAL_NO_FACE);
    (void)state;
    assert_int_equal(report.face_count, 0);
    assert_true(isnan(report.quality.quality) && report.face.width == 0);
    gate.off = 1;
    check(session, image, &gate, FM_REFUSAL_NO_FACE);
    fm_image_free(image);
}

static void test_gate_several_faces(void **state)
{
    fm_image *image = new_picture(WIDTH, HEIGHT);
    fm_session *ruled = new_session(embedder, FM_SELECT_LARGEST);
    fm_gate_options gate = open_gate();
    fm_gate_report report;
    double share;
    (void)state;
    draw_face(image, 60, 70, 100);
    draw_face(image, 220, 80, 66);
    report = check(session, image, &gate, FM_REFUSAL_NONE);
    assert_int_equal(report.face_count, 2);
    assert_true(report.face.width > 80);
    share = 66.0 * 66 / (100.0 * 100);
    gate.other_faces = (float)(share + 0.03);
    check(session, image, &gate, FM_REFUSAL_NONE);
    gate.other_faces = (float)(share - 0.03);
    report = check(session, image, &gate, FM_REFUSAL_SEVERAL_FACES);
    assert_true(report.value == 2 && report.limit == 1);
    check(ruled, image, &gate, FM_REFUSAL_SEVERAL_FACES); /* asked for, so looked for */
    gate.other_faces = 0;                                 /* the default, 0.5: of no matter here */
    check(session, image, &gate, FM_REFUSAL_NONE);
    draw_face(image, 215, 75, 90);
    check(session, image, &gate, FM_REFUSAL_SEVERAL_FACES);
    check(ruled, image, &gate, FM_REFUSAL_NONE); /* the rule decides */
    gate.min_score = 0.9999f; /* uncertain ones do not count; nor does it itself */
    check(session, image, &gate, FM_REFUSAL_LOW_DETECTION_SCORE);
    fm_session_free(ruled);
    fm_image_free(image);
}

static void test_gate_defaults(void **state)
{
    fm_image *image = portrait(), *small = new_picture(WIDTH, HEIGHT);
    fm_gate_options gate;
    (void)state;
    fm_gate_options_init(&gate, sizeof gate);
    draw_face(small, 120, 80, 46);
    check(session, small, &gate, FM_REFUSAL_FACE_TOO_SMALL);
    check(session, small, NULL, FM_REFUSAL_FACE_TOO_SMALL);
    gate.off = 1;
    check(session, small, &gate, FM_REFUSAL_NONE);
    check(session, image, NULL, FM_REFUSAL_NONE);
    fm_image_free(small);
    fm_image_free(image);
}

static void test_gate_refusal_names(void **state)
{
    (void)state;
    assert_string_equal(fm_refusal_name(FM_REFUSAL_NONE), "none");
    assert_string_equal(fm_refusal_name(FM_REFUSAL_NO_FACE), "no_face");
    assert_string_equal(fm_refusal_name(FM_REFUSAL_SEVERAL_FACES), "several_faces");
    assert_string_equal(fm_refusal_name(FM_REFUSAL_FACE_TOO_SMALL), "face_too_small");
    assert_string_equal(fm_refusal_name(FM_REFUSAL_LOW_DETECTION_SCORE), "low_detection_score");
    assert_string_equal(fm_refusal_name(FM_REFUSAL_BLURRED), "blurred");
    assert_string_equal(fm_refusal_name(FM_REFUSAL_TOO_DARK), "too_dark");
    assert_string_equal(fm_refusal_name(FM_REFUSAL_TOO_BRIGHT), "too_bright");
    assert_string_equal(fm_refusal_name(FM_REFUSAL_EXTREME_POSE), "extreme_pose");
    assert_string_equal(fm_refusal_name(FM_REFUSAL_LOOKS_LIKE_ANOTHER), "looks_like_another");
    assert_string_equal(fm_refusal_name(FM_REFUSAL_UNLIKE_ITSELF), "unlike_itself");
    assert_string_equal(fm_refusal_name(-1), "unknown");
    assert_string_equal(fm_refusal_name(FM_REFUSAL_UNLIKE_ITSELF + 1), "unknown");
}

/* --- the gate: people --- */

/* At this cosine to the first axis, `way` telling apart vectors of one cosine. */
static const float *at_cosine(double cosine, int way)
{
    static _Thread_local float v[DIM];
    memset(v, 0, sizeof v);
    v[0] = (float)cosine;
    v[way] = (float)sqrt(1 - cosine * cosine);
    return v;
}

static fm_status try_add(fm_gallery *gallery, const char *id, const float *v,
                         const fm_gate_options *gate, fm_gate_report *report)
{
    fm_enroll_options options;
    fm_enroll_options_init(&options, sizeof options);
    options.gate = gate;
    options.report = report;
    memset(report, 0xA5, sizeof *report);
    report->struct_size = sizeof *report;
    return fm_gallery_add(gallery, id, v, DIM, &options, NULL, &err);
}

static void add(fm_gallery *gallery, const char *id, const float *v)
{
    ok(fm_gallery_add(gallery, id, v, DIM, NULL, NULL, &err));
}

static fm_gallery *open_gallery(const fm_model *with)
{
    fm_gallery *gallery = NULL;
    ok(fm_gallery_open(&gallery, path, with, NULL, &err));
    return gallery;
}

static void assert_refused(fm_status status, const fm_gate_report *report, fm_refusal reason,
                           double value, double limit)
{
    fm_assert_status(status, FM_E_REFUSED, &err);
    assert_string_equal(fm_refusal_name(report->reason), fm_refusal_name(reason));
    assert_true(fabs((double)report->value - value) < 1e-5);
    assert_true(fabs((double)report->limit - limit) < 1e-3);
}

static size_t templates_of(fm_gallery *gallery, const char *id)
{
    fm_identity who;
    return fm_gallery_get(gallery, id, &who, NULL) == FM_OK ? (size_t)who.templates : 0;
}

/* One identity: fpir 0.01 is fmr 0.01, a score of 0.4. Two: 0.005013, 0.46. */
static void test_gate_looks_like_another(void **state)
{
    fm_gallery *gallery = open_gallery(embedder);
    fm_gate_options gate;
    fm_gate_report report;
    fm_status status;
    (void)state;
    fm_gate_options_init(&gate, sizeof gate);
    add(gallery, "anna", at_cosine(1, 1));
    status = try_add(gallery, "bert", at_cosine(0.401, 1), &gate, &report);
    assert_refused(status, &report, FM_REFUSAL_LOOKS_LIKE_ANOTHER, 0.401, 0.4);
    assert_string_equal(report.other_id, "anna");
    fm_assert_message(&err, "anna");
    assert_true(isnan(report.quality.quality));
    assert_int_equal(templates_of(gallery, "bert"), 0);
    ok(try_add(gallery, "bert", at_cosine(0.399, 1), &gate, &report));
    assert_int_equal(report.reason, FM_REFUSAL_NONE);
    assert_int_equal(templates_of(gallery, "bert"), 1);
    /* a further template of bert that looks like anna */
    gate.itself_fmr = -1;
    status = try_add(gallery, "bert", at_cosine(0.47, 2), &gate, &report);
    assert_refused(status, &report, FM_REFUSAL_LOOKS_LIKE_ANOTHER, 0.47, 0.46);
    ok(try_add(gallery, "bert", at_cosine(0.45, 2), &gate, &report));
    /* like itself alone is no matter, nor is likeness to itself more than to another */
    ok(try_add(gallery, "anna", at_cosine(1, 1), &gate, &report));
    gate.another_fpir = 0.15; /* per comparison 0.078: 0.221 */
    status = try_add(gallery, "anna", at_cosine(1, 1), &gate, &report);
    assert_refused(status, &report, FM_REFUSAL_LOOKS_LIKE_ANOTHER, 0.45, 0.2216);
    assert_string_equal(report.other_id, "bert");
    gate.another_fpir = -1;
    ok(try_add(gallery, "clara", at_cosine(1, 1), &gate, &report));
    fm_gallery_close(gallery);
}

/* fmr 1e-4: a score of 0.8, of the best of the templates. */
static void test_gate_unlike_itself(void **state)
{
    fm_gallery *gallery = open_gallery(embedder);
    fm_gate_options gate;
    fm_gate_report report;
    fm_status status;
    (void)state;
    fm_gate_options_init(&gate, sizeof gate);
    ok(try_add(gallery, "anna", at_cosine(1, 1), &gate, &report)); /* nothing to be unlike to */
    status = try_add(gallery, "anna", at_cosine(0.799, 1), &gate, &report);
    assert_refused(status, &report, FM_REFUSAL_UNLIKE_ITSELF, 0.799, 0.8);
    assert_string_equal(report.other_id, "");
    assert_int_equal(templates_of(gallery, "anna"), 1);
    ok(try_add(gallery, "anna", at_cosine(0.801, 1), &gate, &report));
    ok(try_add(gallery, "anna", at_cosine(0.5, 1), &gate, &report)); /* like the second */
    gate.itself_fmr = 1e-3;                                          /* a score of 0.6 */
    status = try_add(gallery, "anna", at_cosine(0.59, 2), &gate, &report);
    assert_refused(status, &report, FM_REFUSAL_UNLIKE_ITSELF, 0.59, 0.6);
    ok(try_add(gallery, "anna", at_cosine(0.61, 2), &gate, &report));
    gate.itself_fmr = 1e-9; /* below the table's end: its line goes on, past any cosine */
    status = try_add(gallery, "anna", at_cosine(1, 1), &gate, &report);
    assert_refused(status, &report, FM_REFUSAL_UNLIKE_ITSELF, 1, 1.8);
    gate.itself_fmr = -1;
    ok(try_add(gallery, "anna", at_cosine(-1, 1), &gate, &report));
    fm_gallery_close(gallery);
}

static void test_gate_scores_instead_of_rates(void **state)
{
    fm_gallery *gallery = open_gallery(plain);
    fm_gate_options gate;
    fm_gate_report report;
    fm_status status;
    (void)state;
    fm_gate_options_init(&gate, sizeof gate);
    add(gallery, "anna", at_cosine(1, 1));
    /* without a calibration there is no default, and no rate can be asked for */
    ok(try_add(gallery, "again", at_cosine(1, 1), &gate, &report));
    ok(fm_gallery_remove(gallery, "again", NULL, &err));
    gate.another_fpir = 0.01;
    fm_assert_status(try_add(gallery, "again", at_cosine(1, 1), &gate, &report), FM_E_STATE, &err);
    assert_int_equal(report.reason, (fm_refusal)0xA5A5A5A5); /* no matter of the gate */
    gate.another_fpir = 0;
    gate.use_scores = 1;
    gate.another_score = 0.7f;
    gate.itself_score = 0.9f;
    status = try_add(gallery, "bert", at_cosine(0.71, 1), &gate, &report);
    assert_refused(status, &report, FM_REFUSAL_LOOKS_LIKE_ANOTHER, 0.71, 0.7);
    ok(try_add(gallery, "bert", at_cosine(0.69, 1), &gate, &report));
    status = try_add(gallery, "anna", at_cosine(0.89, 2), &gate, &report);
    assert_refused(status, &report, FM_REFUSAL_UNLIKE_ITSELF, 0.89, 0.9);
    ok(try_add(gallery, "anna", at_cosine(0.91, 2), &gate, &report));
    gate.another_fpir = gate.itself_fmr = -1;
    ok(try_add(gallery, "bert", at_cosine(1, 1), &gate, &report));
    fm_gallery_close(gallery);
}

static void test_gate_add_has_none_by_default(void **state)
{
    fm_gallery *gallery = open_gallery(embedder), *managed = NULL;
    fm_gate_options gate;
    fm_gate_report report;
    (void)state;
    fm_gate_options_init(&gate, sizeof gate);
    add(gallery, "anna", at_cosine(1, 1));
    ok(try_add(gallery, "again", at_cosine(1, 1), NULL, &report));
    assert_int_equal(report.reason, FM_REFUSAL_NONE);
    ok(fm_gallery_open(&managed, path, NULL, NULL, &err));
    fm_assert_status(try_add(managed, "x", at_cosine(1, 1), &gate, &report), FM_OK, &err);
    gate.another_fpir = 0.01;
    fm_assert_status(try_add(managed, "y", at_cosine(1, 1), &gate, &report), FM_E_STATE, &err);
    fm_gallery_close(managed);
    fm_gallery_close(gallery);
}

typedef struct applicant {
    fm_gallery *gallery;
    char id[8];
    fm_status status;
} applicant;

static void *apply(void *data)
{
    applicant *a = data;
    fm_gate_options gate;
    fm_enroll_options options;
    fm_gate_options_init(&gate, sizeof gate);
    fm_enroll_options_init(&options, sizeof options);
    options.gate = &gate;
    a->status = fm_gallery_add(a->gallery, a->id, at_cosine(1, 1), DIM, &options, NULL, NULL);
    return NULL;
}

/* Of several who are alike and come at once, one gets in. */
static void test_gate_lets_one_of_many_in(void **state)
{
    enum { APPLICANTS = 8 };
    fm_gallery *gallery = open_gallery(embedder);
    pthread_t threads[APPLICANTS];
    applicant all[APPLICANTS];
    size_t identities = 0;
    (void)state;
    for (int i = 0; i < APPLICANTS; i++) {
        all[i] = (applicant){gallery, {'a', (char)('0' + i), 0}, FM_OK};
        assert_int_equal(pthread_create(&threads[i], NULL, apply, &all[i]), 0);
    }
    for (int i = 0; i < APPLICANTS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(all[i].status == FM_OK || all[i].status == FM_E_REFUSED);
    }
    ok(fm_gallery_count(gallery, &identities, NULL, &err));
    assert_int_equal(identities, 1);
    fm_gallery_close(gallery);
}

/* --- enrolling photographs --- */

static void test_enroll_refuses_and_reports(void **state)
{
    fm_gallery *gallery = open_gallery(embedder);
    fm_image *good = portrait(), *small = new_picture(WIDTH, HEIGHT);
    fm_image *empty = new_picture(WIDTH, HEIGHT);
    fm_gate_options gate;
    fm_gate_report report = {.struct_size = sizeof report};
    fm_enroll_options options;
    fm_enrollment done = {.struct_size = sizeof done}, before = done;
    (void)state;
    fm_gate_options_init(&gate, sizeof gate);
    fm_enroll_options_init(&options, sizeof options);
    options.report = &report;
    draw_face(small, 120, 80, 46);
    fm_assert_status(fm_gallery_enroll(gallery, session, "anna", small, &options, &done, &err),
                     FM_E_REFUSED, &err);
    assert_int_equal(report.reason, FM_REFUSAL_FACE_TOO_SMALL);
    assert_memory_equal(&done, &before, sizeof done);
    fm_assert_status(fm_gallery_enroll(gallery, session, "anna", small, NULL, NULL, &err),
                     FM_E_REFUSED, &err); /* the gate is there without being asked for */
    fm_assert_status(fm_gallery_enroll(gallery, session, "anna", empty, &options, &done, &err),
                     FM_E_NOT_FOUND, &err);
    assert_int_equal(report.reason, FM_REFUSAL_NO_FACE);
    assert_int_equal(templates_of(gallery, "anna"), 0);
    ok(fm_gallery_enroll(gallery, session, "anna", good, &options, &done, &err));
    assert_int_equal(report.reason, FM_REFUSAL_NONE);
    assert_int_equal(report.face_count, 1);
    assert_int_equal(done.face_count, 1);
    assert_memory_equal(&done.face, &report.face, sizeof done.face);
    fm_assert_status(fm_gallery_enroll(gallery, session, "bert", good, &options, &done, &err),
                     FM_E_REFUSED, &err);
    assert_int_equal(report.reason, FM_REFUSAL_LOOKS_LIKE_ANOTHER);
    assert_string_equal(report.other_id, "anna");
    assert_true(report.quality.size_px > 0); /* the figures are there all the same */
    options.gate = &gate;
    gate.off = 1;
    ok(fm_gallery_enroll(gallery, session, "bert", good, &options, &done, &err));
    fm_image_free(empty);
    fm_image_free(small);
    fm_image_free(good);
    fm_gallery_close(gallery);
}

static void test_enroll_stores_the_quality(void **state)
{
    fm_gallery *gallery = open_gallery(embedder);
    fm_image *image = portrait();
    fm_gate_report report = {.struct_size = sizeof report};
    fm_enroll_options options;
    fm_template stored[3];
    size_t count = 0;
    (void)state;
    fm_enroll_options_init(&options, sizeof options);
    options.report = &report;
    ok(fm_gallery_enroll(gallery, session, "anna", image, &options, NULL, &err));
    options.has_quality = 1;
    options.quality = 0.25f;
    ok(fm_gallery_enroll(gallery, session, "anna", image, &options, NULL, &err));
    options.has_quality = 0;
    options.aligned = 1;
    options.gate = &(fm_gate_options){.struct_size = sizeof(fm_gate_options), .off = 1};
    ok(fm_gallery_enroll(gallery, session, "anna", image, &options, NULL, &err));
    assert_true(isnan(report.quality.size_px));
    assert_int_equal(report.face_count, 0);
    ok(fm_gallery_get_templates(gallery, "anna", stored, 3, &count, &err));
    assert_int_equal(count, 3);
    assert_true(stored[0].quality > 0 && stored[0].quality <= 1);
    assert_true(stored[1].quality == 0.25f);
    assert_true(stored[2].quality == report.quality.quality);
    fm_image_free(image);
    fm_gallery_close(gallery);
}

/* Of a crop, the light and the sharpness are judged. */
static void test_enroll_judges_crops(void **state)
{
    static uint8_t grey[CROP * CROP];
    fm_gallery *gallery = open_gallery(embedder);
    fm_image *image = NULL;
    fm_gate_options gate = open_gate();
    fm_gate_report report = {.struct_size = sizeof report};
    fm_enroll_options options;
    (void)state;
    for (size_t i = 0; i < sizeof grey; i++)
        grey[i] = i % 3 ? 20 : 4;
    ok(fm_image_from_pixels(&image, grey, sizeof grey, CROP, CROP, 0, FM_PIXEL_GRAY8, &err));
    fm_enroll_options_init(&options, sizeof options);
    options.aligned = 1;
    options.report = &report;
    fm_assert_status(fm_gallery_enroll(gallery, session, "anna", image, &options, NULL, &err),
                     FM_E_REFUSED, &err);
    assert_int_equal(report.reason, FM_REFUSAL_TOO_DARK);
    options.gate = &gate;
    ok(fm_gallery_enroll(gallery, session, "anna", image, &options, NULL, &err));
    fm_image_free(image);
    fm_gallery_close(gallery);
}

#define FOR_EVERY_FAILURE(call)                                                                    \
    do {                                                                                           \
        fm_status status_ = FM_E_NO_MEMORY;                                                        \
        long live_ = fmi_memory_live_blocks();                                                     \
        for (long k_ = 0; status_ != FM_OK; k_ += fm_test_many(1, 5)) {                            \
            assert_int_equal(fmi_memory_live_blocks(), live_);                                     \
            fmi_memory_fail_after(k_);                                                             \
            status_ = (call);                                                                      \
            fmi_memory_fail_after(-1);                                                             \
            if (status_ != FM_OK)                                                                  \
                fm_assert_status(status_, FM_E_NO_MEMORY, &err);                                   \
        }                                                                                          \
    } while (0)

static void test_enroll_without_memory(void **state)
{
    fm_gallery *gallery = open_gallery(embedder);
    fm_image *image = portrait();
    fm_face_quality q;
    fm_gate_report report = {.struct_size = sizeof report};
    (void)state;
    FOR_EVERY_FAILURE(fm_quality(session, image, NULL, &q, &err));
    FOR_EVERY_FAILURE(fm_gate_check(session, image, NULL, &report, &err));
    FOR_EVERY_FAILURE(fm_gallery_enroll(gallery, session, "anna", image, NULL, NULL, &err));
    assert_int_equal(templates_of(gallery, "anna"), 1);
    fm_image_free(image);
    fm_gallery_close(gallery);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_quality_of_an_even_crop),
        TEST(test_quality_of_stripes),
        TEST(test_quality_counts_what_is_clipped),
        TEST(test_quality_looks_at_the_middle),
        TEST(test_quality_sharpness_falls_with_blur_only),
        TEST(test_quality_pose_one_axis_at_a_time),
        TEST(test_quality_pose_of_several_axes),
        TEST(test_quality_of_a_face),
        TEST(test_quality_refuses_what_is_no_face),
        TEST(test_gate_limits_of_figures),
        TEST(test_gate_limits_of_angles),
        TEST(test_gate_default_limits),
        TEST(test_gate_no_face),
        TEST(test_gate_several_faces),
        TEST(test_gate_defaults),
        TEST(test_gate_refusal_names),
        TEST(test_gate_looks_like_another),
        TEST(test_gate_unlike_itself),
        TEST(test_gate_scores_instead_of_rates),
        TEST(test_gate_add_has_none_by_default),
        TEST(test_gate_lets_one_of_many_in),
        TEST(test_enroll_refuses_and_reports),
        TEST(test_enroll_stores_the_quality),
        TEST(test_enroll_judges_crops),
        TEST(test_enroll_without_memory),
    };
    return cmocka_run_group_tests(tests, load_models, free_models);
}
