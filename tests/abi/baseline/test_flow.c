/* The library as a program uses it, from picture to person, through public headers only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support.h"
#include <math.h>
#include <pthread.h>

enum { PHOTO_BYTES = 3 * PHOTO_WIDTH * PHOTO_HEIGHT, FACE_X = 120, FACE_Y = 80, PEOPLE = 8 };

/* The fake detector cuts a square's left and top a little short. */
enum { NEAR_PX = FACE_SIZE / 5 };

typedef struct world {
    fm_model *embedder, *uncalibrated, *detector;
    fm_image *people[PEOPLE], *blank;
    uint8_t pixels[PEOPLE + 1][PHOTO_BYTES];
} world;

static world w;

#define ok(call) assert_status(call, FM_OK, &err, __LINE__)

static void assert_status(fm_status got, fm_status want, const fm_error *err, int line)
{
    if (got != want)
        fail_msg("line %d: %s, expected %s: %s", line, fm_status_name(got), fm_status_name(want),
                 got == FM_OK ? "" : err->message);
}

static void assert_message(const fm_error *err, const char *part)
{
    if (!strstr(err->message, part))
        fail_msg("\"%s\" does not say \"%s\"", err->message, part);
}

static fm_status wrap(fm_image **out, const uint8_t *pixels, fm_error *err)
{
    return fm_image_from_pixels(out, pixels, PHOTO_BYTES, PHOTO_WIDTH, PHOTO_HEIGHT, 0,
                                FM_PIXEL_RGB8, err);
}

static int set_up(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_status status = load_fake(&w.embedder, CALIBRATED, &err);
    (void)state;
    if (status == FM_OK)
        status = load_fake(&w.uncalibrated, UNCALIBRATED, &err);
    if (status == FM_OK)
        status = load_fake(&w.detector, DETECTOR, &err);
    for (uint32_t i = 0; status == FM_OK && i < PEOPLE; i++) {
        draw_person(w.pixels[i], i);
        draw_square(w.pixels[i], FACE_X, FACE_Y, FACE_SIZE);
        status = wrap(&w.people[i], w.pixels[i], &err);
    }
    draw_person(w.pixels[PEOPLE], 99);
    if (status == FM_OK)
        status = wrap(&w.blank, w.pixels[PEOPLE], &err);
    if (status != FM_OK)
        print_error("fixture: %s\n", err.message);
    return status == FM_OK ? make_test_folder() : -1;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < PEOPLE; i++)
        fm_image_free(w.people[i]);
    fm_image_free(w.blank);
    fm_model_free(w.embedder);
    fm_model_free(w.uncalibrated);
    fm_model_free(w.detector);
    return remove_test_folder();
}

static fm_session *open_session(const fm_model *embedder, const fm_model *detector)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_session_options options;
    fm_session *session = NULL;
    fm_session_options_init(&options, sizeof options);
    options.detector = detector;
    ok(fm_session_create(&session, embedder, &options, &err));
    return session;
}

static void embed(fm_session *session, const fm_image *image, float out[DIM])
{
    fm_error err = {sizeof err, FM_OK, ""};
    ok(fm_embed(session, image, NULL, out, DIM, NULL, NULL, &err));
}

static float largest_difference(const float *a, const float *b, size_t n)
{
    float largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmaxf(largest, fabsf(a[i] - b[i]));
    return largest;
}

/* A threshold between the likeness of one person to themself and that of any two drawn people. */
static float threshold_between_people(fm_session *session)
{
    fm_error err = {sizeof err, FM_OK, ""};
    float embeddings[PEOPLE][DIM], score, highest = -1;
    for (int i = 0; i < PEOPLE; i++)
        embed(session, w.people[i], embeddings[i]);
    for (int i = 0; i < PEOPLE; i++) {
        for (int j = 0; j < i; j++) {
            ok(fm_compare(w.embedder, embeddings[i], embeddings[j], DIM, &score, &err));
            highest = fmaxf(highest, score);
        }
    }
    assert_true(highest < 0.999f);
    return (1 + highest) / 2;
}

/* ---- from picture to person ---- */

static void test_flow_detects_the_drawn_square(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_session *session = open_session(NULL, w.detector);
    fm_face faces[4];
    size_t count = 0;
    (void)state;
    ok(fm_detect(session, w.people[0], faces, 4, &count, &err));
    assert_int_equal(count, 1);
    assert_true(fabsf(faces[0].x - FACE_X) < NEAR_PX && fabsf(faces[0].y - FACE_Y) < NEAR_PX);
    assert_true(fabsf(faces[0].width - FACE_SIZE) < NEAR_PX);
    assert_true(fabsf(faces[0].height - FACE_SIZE) < NEAR_PX);
    assert_true(faces[0].score > 0.5f && faces[0].score <= 1);
    assert_true(faces[0].points[2 * FM_POINT_LEFT_EYE] < faces[0].points[2 * FM_POINT_RIGHT_EYE]);
    ok(fm_detect(session, w.blank, faces, 4, &count, &err));
    assert_int_equal(count, 0);
    fm_session_free(session);
}

static void test_flow_through_a_file(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_session *session = open_session(w.embedder, w.detector);
    const char *path = test_path("photo.png");
    float from_file[DIM], from_pixels[DIM];
    fm_image *loaded = NULL;
    (void)state;
    ok(fm_image_save_file(w.people[1], path, &err));
    ok(fm_image_load_file(&loaded, path, NULL, &err));
    embed(session, loaded, from_file);
    embed(session, w.people[1], from_pixels);
    assert_memory_equal(from_file, from_pixels, sizeof from_file);
    fm_image_free(loaded);
    fm_session_free(session);
}

/* Detecting, aligning and embedding one after the other is what fm_embed does. */
static void test_flow_step_by_step(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_session *session = open_session(w.embedder, w.detector);
    float at_once[DIM], given[DIM], by_steps[DIM];
    fm_image *crop = NULL;
    fm_image_info info = {sizeof info, 0, 0, 0, 0, 0};
    fm_face face, used;
    size_t count = 0, found = 0;
    (void)state;
    ok(fm_detect(session, w.people[0], &face, 1, &count, &err));
    ok(fm_align(session, w.people[0], &face, &crop, &err));
    ok(fm_image_describe(crop, &info, &err));
    assert_int_equal(info.width_px, 32);
    assert_int_equal(info.height_px, 32);
    ok(fm_embed_aligned(session, (const fm_image *[]){crop}, 1, by_steps, DIM, &err));
    ok(fm_embed(session, w.people[0], NULL, at_once, DIM, &used, &found, &err));
    ok(fm_embed(session, w.people[0], &face, given, DIM, NULL, &count, &err));
    assert_memory_equal(&used, &face, sizeof face);
    assert_int_equal(found, 1);
    assert_int_equal(count, 1);
    assert_true(largest_difference(at_once, by_steps, DIM) <= 1e-6f);
    assert_memory_equal(at_once, given, sizeof given);
    fm_image_free(crop);
    fm_session_free(session);
}

static void test_flow_embeddings_are_of_unit_length(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_session *session = open_session(w.embedder, w.detector);
    float embedding[DIM], score = 0;
    double length = 0;
    (void)state;
    embed(session, w.people[2], embedding);
    for (int i = 0; i < DIM; i++)
        length += (double)embedding[i] * embedding[i];
    assert_true(fabs(length - 1) < 1e-5);
    ok(fm_compare(w.embedder, embedding, embedding, DIM, &score, &err));
    assert_true(fabsf(score - 1) < 1e-6f);
    fm_session_free(session);
}

static void test_flow_selection(void **state)
{
    static uint8_t pixels[PHOTO_BYTES];
    fm_error err = {sizeof err, FM_OK, ""};
    static const fm_selection rules[] = {0, FM_SELECT_LARGEST, FM_SELECT_MOST_CENTRAL,
                                         FM_SELECT_PROMINENT};
    fm_session_options options;
    fm_session *session = NULL;
    fm_image *image = NULL;
    fm_face face;
    size_t count = 0;
    (void)state;
    draw_person(pixels, 0);
    draw_square(pixels, 10, 10, 70);   /* the largest */
    draw_square(pixels, 180, 100, 50); /* the most central, and prominent: the default */
    ok(wrap(&image, pixels, &err));
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        fm_session_options_init(&options, sizeof options);
        options.detector = w.detector;
        options.selection = rules[i];
        ok(fm_session_create(&session, w.embedder, &options, &err));
        ok(fm_detect(session, image, &face, 1, &count, &err));
        assert_int_equal(count, 2);
        assert_true((face.width > 55) == (rules[i] == FM_SELECT_LARGEST));
        fm_session_free(session);
    }
    options.max_faces = 1;
    ok(fm_session_create(&session, w.embedder, &options, &err));
    ok(fm_detect(session, image, NULL, 0, &count, &err));
    assert_int_equal(count, 1);
    fm_session_free(session);
    fm_image_free(image);
}

static void test_flow_batch_with_a_faceless_image(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_session *session = open_session(w.embedder, w.detector);
    const fm_image *images[] = {w.people[0], w.blank, w.people[1]};
    float rows[3][DIM], untouched[DIM], alone[DIM];
    fm_status statuses[3] = {1, 1, 1};
    (void)state;
    memset(rows, 0xA5, sizeof rows);
    memset(untouched, 0xA5, sizeof untouched);
    ok(fm_embed_batch(session, images, 3, rows[0], 3 * DIM, statuses, &err));
    assert_int_equal(statuses[0], FM_OK);
    assert_int_equal(statuses[1], FM_E_NOT_FOUND);
    assert_int_equal(statuses[2], FM_OK);
    assert_memory_equal(rows[1], untouched, sizeof untouched);
    embed(session, w.people[1], alone);
    assert_true(largest_difference(rows[2], alone, DIM) <= 1e-6f);
    embed(session, w.people[0], alone);
    assert_true(largest_difference(rows[0], alone, DIM) <= 1e-6f);
    fm_session_free(session);
}

static void identify(fm_gallery *gallery, fm_session *session, const fm_image *image,
                     float threshold, const char *expected)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_identify_options options;
    fm_identification what = {.struct_size = sizeof what};
    fm_match matches[PEOPLE];
    size_t count = 99;
    fm_identify_options_init(&options, sizeof options);
    options.use_threshold = 1;
    options.threshold = threshold;
    ok(fm_identify(gallery, session, image, &options, matches, PEOPLE, &count, &what, &err));
    assert_int_equal(count, expected ? 1 : 0);
    assert_true(what.threshold == threshold);
    assert_int_equal(what.face_count, 1);
    assert_true(fabsf(what.face.x - FACE_X) < NEAR_PX);
    if (expected) {
        assert_string_equal(matches[0].id, expected);
        assert_int_equal(matches[0].rank, 1);
        assert_true(matches[0].score >= threshold);
        assert_true(matches[0].fmr > 0 && matches[0].fmr <= 1);
        assert_true(matches[0].template_id > 0);
    }
}

static void test_flow_enroll_identify_remove(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_session *session = open_session(w.embedder, w.detector);
    const float threshold = threshold_between_people(session);
    fm_enrollment done = {.struct_size = sizeof done};
    /* by the calibration, made for other faces, drawn people look much alike */
    const fm_gate_options gate = {.struct_size = sizeof gate, .another_fpir = -1};
    fm_enroll_options enroll;
    fm_verify_options claim;
    fm_verification v = {.struct_size = sizeof v};
    fm_gallery *gallery = NULL;
    size_t removed = 0, identities = 0, templates = 0;
    (void)state;
    ok(fm_gallery_open(&gallery, test_path("flow.fmg"), w.embedder, NULL, &err));
    ok(fm_gallery_enroll(gallery, session, "anna", w.people[0], NULL, &done, &err));
    assert_int_equal(done.new_identity, 1);
    assert_int_equal(done.templates, 1);
    assert_int_equal(done.face_count, 1);
    assert_true(fabsf(done.face.x - FACE_X) < NEAR_PX);
    fm_enroll_options_init(&enroll, sizeof enroll);
    enroll.gate = &gate;
    ok(fm_gallery_enroll(gallery, session, "bert", w.people[1], &enroll, NULL, &err));
    ok(fm_gallery_enroll(gallery, session, "bert", w.people[1], &enroll, &done, &err));
    assert_int_equal(done.new_identity, 0);
    assert_int_equal(done.templates, 2);
    identify(gallery, session, w.people[0], threshold, "anna");
    identify(gallery, session, w.people[1], threshold, "bert");
    identify(gallery, session, w.people[2], threshold, NULL);

    fm_verify_options_init(&claim, sizeof claim);
    claim.use_threshold = 1;
    claim.threshold = threshold;
    ok(fm_verify_identity(gallery, session, "anna", w.people[0], &claim, &v, &err));
    assert_int_equal(v.match, 1);
    ok(fm_verify_identity(gallery, session, "anna", w.people[1], &claim, &v, &err));
    assert_int_equal(v.match, 0);

    ok(fm_gallery_remove(gallery, "bert", &removed, &err));
    assert_int_equal(removed, 2);
    identify(gallery, session, w.people[1], threshold, NULL);
    fm_gallery_close(gallery);
    ok(fm_gallery_open(&gallery, test_path("flow.fmg"), w.embedder, NULL, &err));
    ok(fm_gallery_count(gallery, &identities, &templates, &err));
    assert_int_equal(identities, 1);
    assert_int_equal(templates, 1);
    identify(gallery, session, w.people[0], threshold, "anna");
    fm_gallery_close(gallery);
    fm_session_free(session);
}

static void test_flow_aligned_needs_no_detector(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_session *with = open_session(w.embedder, w.detector);
    fm_session *without = open_session(w.embedder, NULL);
    fm_image *a = NULL, *b = NULL;
    fm_verify_options options;
    fm_verification whole = {.struct_size = sizeof whole}, crops = {.struct_size = sizeof crops};
    (void)state;
    ok(fm_align(with, w.people[3], NULL, &a, &err));
    ok(fm_align(with, w.people[4], NULL, &b, &err));
    fm_verify_options_init(&options, sizeof options);
    ok(fm_verify(with, w.people[3], w.people[4], &options, &whole, &err));
    options.aligned = 1;
    ok(fm_verify(without, a, b, &options, &crops, &err));
    assert_true(fabsf(whole.score - crops.score) <= 1e-6f);
    fm_image_free(a);
    fm_image_free(b);
    fm_session_free(with);
    fm_session_free(without);
}

/* ---- operating points ---- */

static void test_flow_verification_by_rate_and_by_threshold(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    const float a[DIM] = {1}, b[DIM] = {0.5f, 0.8660254f};
    fm_verify_options options;
    fm_verification v = {.struct_size = sizeof v};
    (void)state;
    ok(fm_verify_embeddings(w.embedder, a, b, DIM, NULL, &v, &err));
    assert_true(fabsf(v.score - 0.5f) < 1e-6f);
    assert_true(fabsf(v.threshold - 0.8f) < 1e-6f); /* the default, 1e-4 */
    assert_int_equal(v.match, 0);
    assert_true(fabs(log10(v.fmr) + 2.5) < 1e-4); /* half way from 0.01 to 0.001, in decades */

    fm_verify_options_init(&options, sizeof options);
    options.fmr = 0.01;
    ok(fm_verify_embeddings(w.embedder, a, b, DIM, &options, &v, &err));
    assert_true(fabsf(v.threshold - 0.4f) < 1e-6f);
    assert_int_equal(v.match, 1);

    options.use_threshold = 1;
    options.threshold = v.score; /* a score of at least this much */
    ok(fm_verify_embeddings(w.embedder, a, b, DIM, &options, &v, &err));
    assert_int_equal(v.match, 1);
    assert_true(v.threshold == options.threshold);
    options.threshold = nextafterf(v.score, 1);
    ok(fm_verify_embeddings(w.embedder, a, b, DIM, &options, &v, &err));
    assert_int_equal(v.match, 0);
    ok(fm_verify_embeddings(w.embedder, a, a, DIM, NULL, &v, &err));
    assert_true(v.fmr == 1e-4); /* the end of the table: "at most" */
}

static void test_flow_verification_without_a_calibration(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    const float a[DIM] = {1};
    fm_verify_options options;
    fm_verification v = {.struct_size = sizeof v};
    (void)state;
    assert_status(fm_verify_embeddings(w.uncalibrated, a, a, DIM, NULL, &v, &err), FM_E_STATE, &err,
                  __LINE__);
    assert_message(&err, "calibration");
    fm_verify_options_init(&options, sizeof options);
    options.use_threshold = 1;
    options.threshold = 0.5f;
    ok(fm_verify_embeddings(w.uncalibrated, a, a, DIM, &options, &v, &err));
    assert_int_equal(v.match, 1);
    assert_true(isnan(v.fmr));
}

static void test_flow_rate_below_the_calibration(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    const float a[DIM] = {1};
    fm_verify_options options;
    fm_verification v = {.struct_size = sizeof v};
    (void)state;
    fm_verify_options_init(&options, sizeof options);
    options.fmr = 1e-5;
    assert_status(fm_verify_embeddings(w.embedder, a, a, DIM, &options, &v, &err), FM_E_LIMIT, &err,
                  __LINE__);
    assert_message(&err, "0.0001");
}

/* For N people the rate per comparison is 1-(1-fpir)^(1/N): the threshold rises with the gallery.
 */
static void test_flow_identification_rate_is_shared_by_the_gallery(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_identify_options options;
    fm_identification one = {.struct_size = sizeof one}, ten = {.struct_size = sizeof ten};
    fm_gallery *gallery = NULL;
    fm_match match;
    float vector[DIM] = {1};
    size_t count = 0;
    (void)state;
    fm_identify_options_init(&options, sizeof options);
    options.fpir = 0.1;
    ok(fm_gallery_open(&gallery, test_path("rates.fmg"), w.embedder, NULL, &err));
    ok(fm_gallery_add(gallery, "person 0", vector, DIM, NULL, NULL, &err));
    ok(fm_gallery_search(gallery, vector, 1, DIM, &options, &match, 1, &count, &one, &err));
    assert_int_equal(count, 1);
    assert_true(fabs(one.fmr - 0.1) < 1e-6 && fabsf(one.threshold - 0.2f) < 1e-5f);
    for (int i = 1; i < 10; i++) {
        char id[32];
        snprintf(id, sizeof id, "person %d", i);
        ok(fm_gallery_add(gallery, id, vector, DIM, NULL, NULL, &err));
    }
    ok(fm_gallery_search(gallery, vector, 1, DIM, &options, &match, 1, &count, &ten, &err));
    assert_string_equal(match.id, "person 0"); /* equal scores in the order of ids */
    assert_int_equal(ten.identities, 10);
    assert_true(fabs(ten.fmr - (1 - pow(0.9, 0.1))) < 1e-6);
    assert_true(ten.threshold > one.threshold && ten.threshold < 0.4f);
    fm_gallery_close(gallery);
}

/* ---- learned metrics ---- */

enum { STRANGERS = 80, SHOTS = 2, VECTORS = STRANGERS * SHOTS };

/* A model whose metric has all its weights alike; calibration is NULL or an object. */
static fm_model *load_learned(const char *metric, const char *weight, const char *calibration)
{
    static char archive[32768];
    fm_error err = {sizeof err, FM_OK, ""};
    const char *embedder = MANIFEST_EMBEDDER("127.5,127.5,127.5");
    fm_model *model = NULL;
    int n = snprintf(archive, sizeof archive, FAKE_MAGIC MANIFEST_HEAD("learned") "%.*s\"%s\"",
                     (int)(strlen(embedder) - strlen("\"cosine\"")), embedder, metric);
    n += snprintf(archive + n, sizeof archive - (size_t)n, ",\"metric_weights\":{\"weights\":[");
    for (int i = 0; i < DIM; i++)
        n += snprintf(archive + n, sizeof archive - (size_t)n, i ? ",%s" : "%s", weight);
    n += snprintf(archive + n, sizeof archive - (size_t)n, "],\"bias\":4}");
    if (calibration)
        n += snprintf(archive + n, sizeof archive - (size_t)n, ",\"calibration\":%s", calibration);
    n += snprintf(archive + n, sizeof archive - (size_t)n, "}");
    assert_true((size_t)n < sizeof archive);
    ok(fm_model_load_memory(&model, archive, (size_t)n, NULL, &err));
    return model;
}

/* People are spread about; the shots of one lie close together. */
static void make_vectors(float vectors[VECTORS][DIM])
{
    uint32_t random = 3;
    for (int i = 0; i < VECTORS; i++)
        for (int k = 0; k < DIM; k++) {
            random = random * 1664525u + 1013904223u;
            vectors[i][k] = (float)(random >> 8) / 0x1p23f - 1;
            if (i % SHOTS)
                vectors[i][k] = vectors[i - 1][k] + 0.2f * vectors[i][k];
        }
}

static fm_evaluation *compare_all(const fm_model *model, float vectors[VECTORS][DIM])
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_evaluation *e = NULL;
    ok(fm_evaluation_new(&e, NULL, &err));
    for (int i = 0; i < VECTORS; i++)
        for (int j = 0; j < i; j++) {
            int32_t a = i / SHOTS, b = j / SHOTS;
            uint8_t genuine = a == b;
            float score;
            ok(fm_compare(model, vectors[i], vectors[j], DIM, &score, &err));
            ok(fm_evaluation_add(e, &score, &genuine, &a, &b, 1, &err));
        }
    return e;
}

/* The same model with the calibration measured with it; its id stays. */
static fm_model *calibrated(fm_model *model, const char *metric, const char *weight,
                            fm_evaluation *e)
{
    static char text[16384];
    fm_error err = {sizeof err, FM_OK, ""};
    fm_model_info before = {.struct_size = sizeof before}, after = {.struct_size = sizeof after};
    fm_calibration_options options;
    ok(fm_model_describe(model, &before, &err));
    fm_calibration_options_init(&options, sizeof options);
    options.metric = before.metric;
    ok(fm_calibrate(e, &options, text, sizeof text, NULL, &err));
    fm_model *with = load_learned(metric, weight, text);
    ok(fm_model_describe(with, &after, &err));
    assert_string_equal(before.id, after.id);
    fm_model_free(model);
    return with;
}

/* Thresholds of rates, as measured on the same comparisons. */
static void check_rates(const fm_model *model, fm_evaluation *e, float vectors[VECTORS][DIM])
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_evaluation_report report = {.struct_size = sizeof report};
    fm_operating_point at = {.struct_size = sizeof at};
    fm_verify_options options;
    fm_verification v = {.struct_size = sizeof v};
    ok(fm_evaluation_describe(e, &report, &err));
    assert_true(report.eer < 0.01);
    fm_verify_options_init(&options, sizeof options);
    for (double fmr = 0.5; fmr > 1e-3; fmr /= 3) {
        options.fmr = fmr;
        ok(fm_verify_embeddings(model, vectors[0], vectors[1], DIM, &options, &v, &err));
        assert_int_equal(v.match, 1);
        assert_true(v.threshold_fmr <= fmr * 1.001 && v.threshold_fmr > fmr * 0.9);
        ok(fm_evaluation_at_threshold(e, v.threshold, &at, &err));
        assert_true(at.fmr.value <= fmr * 1.3 && at.fmr.value > fmr * 0.7);
        ok(fm_verify_embeddings(model, vectors[0], vectors[2], DIM, &options, &v, &err));
        assert_true(v.score < 1 && v.fmr > 0);
    }
}

/* The gallery's answers are the best of fm_compare, whose first operand it stores. */
static void check_search(fm_gallery *gallery, const fm_model *model, float vectors[VECTORS][DIM])
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_identify_options options;
    fm_identification found = {.struct_size = sizeof found};
    fm_match match;
    size_t count = 0;
    fm_identify_options_init(&options, sizeof options);
    options.fpir = 0.5;
    for (int i = 0; i < STRANGERS; i++) {
        char id[32];
        float score;
        snprintf(id, sizeof id, "stranger %d", i);
        ok(fm_gallery_search(gallery, vectors[SHOTS * i + 1], 1, DIM, &options, &match, 1, &count,
                             &found, &err));
        assert_int_equal(count, 1);
        assert_string_equal(match.id, id);
        ok(fm_compare(model, vectors[SHOTS * i], vectors[SHOTS * i + 1], DIM, &score, &err));
        assert_true(match.score == score && score >= found.threshold);
    }
}

/* From photographs: verify, enroll, identify, the claim of an identity. */
static void check_photographs(fm_gallery *gallery, const fm_model *model)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_session *session = open_session(model, w.detector);
    const fm_gate_options gate = {.struct_size = sizeof gate, .another_fpir = -1};
    fm_verification same = {.struct_size = sizeof same}, other = {.struct_size = sizeof other};
    fm_verify_options claim;
    fm_enroll_options enroll;
    fm_identify_options options;
    fm_match match;
    size_t count = 0;
    fm_verify_options_init(&claim, sizeof claim);
    claim.fmr = 0.01;
    ok(fm_verify(session, w.people[0], w.people[0], &claim, &same, &err));
    ok(fm_verify(session, w.people[0], w.people[1], &claim, &other, &err));
    assert_int_equal(same.match, 1);
    assert_true(other.score < same.score);
    fm_enroll_options_init(&enroll, sizeof enroll);
    enroll.gate = &gate;
    ok(fm_gallery_enroll(gallery, session, "anna", w.people[0], &enroll, NULL, &err));
    fm_identify_options_init(&options, sizeof options);
    options.use_threshold = 1;
    options.threshold = same.score;
    ok(fm_identify(gallery, session, w.people[0], &options, &match, 1, &count, NULL, &err));
    assert_int_equal(count, 1);
    assert_string_equal(match.id, "anna");
    ok(fm_verify_identity(gallery, session, "anna", w.people[0], &claim, &same, &err));
    assert_int_equal(same.match, 1);
    claim.use_threshold = 1;
    claim.threshold = same.score;
    ok(fm_verify_identity(gallery, session, "anna", w.people[1], &claim, &other, &err));
    assert_int_equal(other.match, 0);
    fm_session_free(session);
}

static void go_through(const char *metric, const char *weight)
{
    static float vectors[VECTORS][DIM];
    fm_error err = {sizeof err, FM_OK, ""};
    char name[64];
    fm_model *model = load_learned(metric, weight, NULL);
    fm_gallery *gallery = NULL;
    fm_evaluation *e;
    make_vectors(vectors);
    e = compare_all(model, vectors);
    model = calibrated(model, metric, weight, e);
    check_rates(model, e, vectors);
    snprintf(name, sizeof name, "%s.fmg", metric);
    ok(fm_gallery_open(&gallery, test_path(name), model, NULL, &err));
    for (int i = 0; i < STRANGERS; i++) {
        char id[32];
        snprintf(id, sizeof id, "stranger %d", i);
        ok(fm_gallery_add(gallery, id, vectors[SHOTS * i], DIM, NULL, NULL, &err));
    }
    check_search(gallery, model, vectors);
    check_photographs(gallery, model);
    fm_gallery_close(gallery);
    fm_evaluation_free(e);
    fm_model_free(model);
}

static void test_flow_siamese_metric(void **state)
{
    (void)state;
    go_through("siamese", "-1.5");
}

static void test_flow_chi_squared_metric(void **state)
{
    (void)state;
    go_through("weighted_chi_squared", "0.25");
}

/* Scores under other weights are not comparable: neither are the galleries. */
static void test_flow_weights_of_a_metric_are_in_the_id(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_model *a = load_learned("siamese", "-1.5", NULL),
             *b = load_learned("siamese", "-1.25", NULL);
    fm_gallery *gallery = NULL;
    (void)state;
    ok(fm_gallery_open(&gallery, test_path("weights.fmg"), a, NULL, &err));
    fm_gallery_close(gallery);
    gallery = NULL;
    assert_status(fm_gallery_open(&gallery, test_path("weights.fmg"), b, NULL, &err),
                  FM_E_MODEL_MISMATCH, &err, __LINE__);
    fm_model_free(a);
    fm_model_free(b);
}

/* ---- models ---- */

static fm_status load_with(fm_model **out, const char *archive, fm_model_options *options,
                           fm_error *err)
{
    return fm_model_load_memory(out, archive, strlen(archive), options, err);
}

static void test_flow_manifest_given_by_the_caller(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_model_options options;
    fm_model *model = NULL;
    fm_model_info info = {.struct_size = sizeof info};
    fm_session *session;
    float got[DIM], want[DIM];
    (void)state;
    fm_model_options_init(&options, sizeof options);
    options.manifest_json = CALIBRATED;
    ok(load_with(&model, FAKE_MAGIC, &options, &err));
    ok(fm_model_describe(model, &info, &err));
    assert_string_equal(info.name, "calibrated");
    assert_int_equal(info.dim, DIM);
    assert_int_equal(info.normalized, 1);
    assert_int_equal(info.metric, FM_METRIC_COSINE);
    assert_string_equal(info.calibration_dataset, "drawn");
    assert_true(info.calibration_min_fmr == 1e-4);
    session = open_session(model, w.detector);
    fm_model_free(model);
    embed(session, w.people[0], got);
    fm_session_free(session);
    session = open_session(w.embedder, w.detector);
    embed(session, w.people[0], want);
    fm_session_free(session);
    assert_memory_equal(got, want, sizeof got);
    assert_status(load_with(&model, FAKE_MAGIC CALIBRATED, &options, &err), FM_E_INVALID_ARGUMENT,
                  &err, __LINE__);
}

/* A calibration or a name changes nothing in what embeddings mean; the input's mean does. */
static void test_flow_model_id(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_model_info a = {.struct_size = sizeof a}, b = a, c = a;
    fm_model *other = NULL;
    (void)state;
    ok(load_fake(&other, OTHER, &err));
    ok(fm_model_describe(w.embedder, &a, &err));
    ok(fm_model_describe(w.uncalibrated, &b, &err));
    ok(fm_model_describe(other, &c, &err));
    assert_int_equal(strlen(a.id), 64);
    assert_int_equal(strspn(a.id, "0123456789abcdef"), 64);
    assert_string_equal(a.id, b.id);
    assert_string_not_equal(a.id, c.id);
    fm_model_free(other);
}

static void test_flow_allowed_ids(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_model_info info = {.struct_size = sizeof info};
    fm_model_options options;
    fm_model *model = NULL;
    const char *ids[2];
    char other[FM_MODEL_ID_SIZE];
    (void)state;
    ok(fm_model_describe(w.embedder, &info, &err));
    memset(other, '0', sizeof other - 1);
    other[sizeof other - 1] = '\0';
    fm_model_options_init(&options, sizeof options);
    ids[0] = other;
    ids[1] = info.id;
    options.allowed_ids = ids;
    options.allowed_ids_count = 2;
    ok(load_with(&model, FAKE_MAGIC CALIBRATED, &options, &err));
    fm_model_free(model);
    model = NULL;
    options.allowed_ids_count = 1;
    assert_status(load_with(&model, FAKE_MAGIC CALIBRATED, &options, &err), FM_E_PERMISSION, &err,
                  __LINE__);
    assert_message(&err, info.id);
    assert_null(model);
}

static void test_flow_bfloat16_is_refused_by_the_fake(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_build_info info = {.struct_size = sizeof info};
    fm_session_options options;
    fm_session *session = NULL;
    (void)state;
    ok(fm_build_info_get(&info, &err));
    assert_string_equal(info.backend, "fake");
    assert_int_equal(info.bfloat16, 0);
    assert_string_equal(info.version, fm_version());
    assert_int_equal(info.abi_version, FM_ABI_VERSION);
    fm_session_options_init(&options, sizeof options);
    options.precision = FM_PRECISION_BFLOAT16;
    assert_status(fm_session_create(&session, w.embedder, &options, &err), FM_E_UNSUPPORTED, &err,
                  __LINE__);
    assert_message(&err, "float32");
}

/* ---- texts of errors ---- */

static void test_flow_error_names_the_file(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_image *image = NULL;
    fm_model *model = NULL;
    fm_gallery *gallery = NULL;
    fm_gallery_options existing;
    (void)state;
    assert_status(fm_image_load_file(&image, test_path("absent.jpg"), NULL, &err), FM_E_NOT_FOUND,
                  &err, __LINE__);
    assert_message(&err, "absent.jpg");
    assert_status(fm_model_load(&model, test_path("absent.pt"), NULL, &err), FM_E_NOT_FOUND, &err,
                  __LINE__);
    assert_message(&err, "absent.pt");
    fm_gallery_options_init(&existing, sizeof existing);
    existing.mode = FM_GALLERY_EXISTING;
    assert_status(fm_gallery_open(&gallery, test_path("absent.fmg"), w.embedder, &existing, &err),
                  FM_E_NOT_FOUND, &err, __LINE__);
    assert_message(&err, "absent.fmg");
}

static void test_flow_error_names_the_bad_field(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_model *model = NULL;
    (void)state;
    assert_status(load_fake(&model, MANIFEST_HEAD("x") "\"kind\":\"embedder\"}", &err),
                  FM_E_CORRUPT, &err, __LINE__);
    assert_true(strstr(err.message, "family") || strstr(err.message, "input"));
    assert_status(load_fake(&model, MANIFEST_HEAD("x") "\"kind\":\"oracle\"}", &err),
                  FM_E_UNSUPPORTED, &err, __LINE__);
    assert_message(&err, "oracle");
}

static void test_flow_error_tells_which_photograph_has_no_face(void **state)
{
    fm_error first = {sizeof first, FM_OK, ""}, second = first;
    fm_session *session = open_session(w.embedder, w.detector);
    fm_verification v = {.struct_size = sizeof v};
    (void)state;
    assert_int_equal(fm_verify(session, w.blank, w.people[0], NULL, &v, &first), FM_E_NOT_FOUND);
    assert_int_equal(fm_verify(session, w.people[0], w.blank, NULL, &v, &second), FM_E_NOT_FOUND);
    assert_string_not_equal(first.message, second.message);
    assert_message(&first, "first");
    assert_message(&second, "second");
    fm_session_free(session);
}

static void test_flow_error_names_both_models(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    const char *path = test_path("pinned.fmg");
    fm_gallery *gallery = NULL;
    fm_model *other = NULL;
    (void)state;
    ok(load_fake(&other, OTHER, &err));
    ok(fm_gallery_open(&gallery, path, w.embedder, NULL, &err));
    fm_gallery_close(gallery);
    gallery = NULL;
    assert_status(fm_gallery_open(&gallery, path, other, NULL, &err), FM_E_MODEL_MISMATCH, &err,
                  __LINE__);
    assert_message(&err, "calibrated");
    assert_message(&err, "other");
    assert_message(&err, "pinned.fmg");
    fm_model_free(other);
}

static void test_flow_error_gives_the_numbers(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_session *session = open_session(w.embedder, w.detector);
    float small[DIM];
    (void)state;
    assert_status(fm_embed(session, w.people[0], NULL, small, DIM - 1, NULL, NULL, &err),
                  FM_E_BUFFER_TOO_SMALL, &err, __LINE__);
    assert_message(&err, "15");
    assert_message(&err, "16");
    fm_session_free(session);
}

/* ---- life times ---- */

typedef struct handles {
    fm_model *embedder, *detector;
    fm_session *session;
    fm_gallery *gallery;
} handles;

/* All that is left must still work. */
static void use(const handles *h)
{
    fm_error err = {sizeof err, FM_OK, ""};
    fm_model_info info = {.struct_size = sizeof info};
    float vector[DIM] = {0, 1};
    size_t count = 0;
    fm_match match;
    if (h->embedder)
        ok(fm_model_describe(h->embedder, &info, &err));
    if (h->detector)
        ok(fm_model_describe(h->detector, &info, &err));
    if (h->session)
        embed(h->session, w.people[0], vector);
    if (h->gallery)
        ok(fm_gallery_search(h->gallery, vector, 1, DIM, NULL, &match, 1, &count, NULL, &err));
    if (h->gallery && h->session)
        ok(fm_gallery_enroll(h->gallery, h->session, "anna", w.people[0], NULL, NULL, &err));
}

static void release(handles *h, int which)
{
    switch (which) {
    case 0:
        fm_model_free(h->embedder);
        h->embedder = NULL;
        break;
    case 1:
        fm_model_free(h->detector);
        h->detector = NULL;
        break;
    case 2:
        fm_session_free(h->session);
        h->session = NULL;
        break;
    default:
        fm_gallery_close(h->gallery);
        h->gallery = NULL;
    }
}

static void test_flow_any_order_of_freeing(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    const char *path = test_path("order.fmg");
    (void)state;
    for (int order = 0; order < 256; order++) {
        const int turns[4] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 & 3};
        handles h = {NULL, NULL, NULL, NULL};
        if ((1 << turns[0] | 1 << turns[1] | 1 << turns[2] | 1 << turns[3]) != 15)
            continue;
        ok(load_fake(&h.embedder, CALIBRATED, &err));
        ok(load_fake(&h.detector, DETECTOR, &err));
        h.session = open_session(h.embedder, h.detector);
        unlink(path);
        ok(fm_gallery_open(&h.gallery, path, h.embedder, NULL, &err));
        for (int i = 0; i < 4; i++) {
            use(&h);
            release(&h, turns[i]);
        }
    }
}

/* ---- threads ---- */

enum { THREADS = 6, ROUNDS = 10 };

typedef struct embed_job {
    float got[PEOPLE][DIM];
    int failed;
} embed_job;

static void *embed_everybody(void *user)
{
    embed_job *job = user;
    fm_session_options options;
    fm_session *session = NULL;
    fm_session_options_init(&options, sizeof options);
    options.detector = w.detector;
    job->failed = fm_session_create(&session, w.embedder, &options, NULL) != FM_OK;
    for (int i = 0; !job->failed && i < PEOPLE; i++)
        job->failed =
            fm_embed(session, w.people[i], NULL, job->got[i], DIM, NULL, NULL, NULL) != FM_OK;
    fm_session_free(session);
    return NULL;
}

static void test_flow_sessions_in_threads_equal_serial(void **state)
{
    static embed_job serial, jobs[THREADS];
    pthread_t threads[THREADS];
    (void)state;
    embed_everybody(&serial);
    assert_false(serial.failed);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, embed_everybody, &jobs[i]), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_false(jobs[i].failed);
        assert_memory_equal(jobs[i].got, serial.got, sizeof serial.got);
    }
}

typedef struct gallery_job {
    fm_gallery *gallery;
    int number;
    fm_status status;
    int wrong;
} gallery_job;

/* Adds and removes; what stays is one identity a round. */
static void *write_gallery(void *user)
{
    gallery_job *job = user;
    for (int i = 0; i < ROUNDS && job->status == FM_OK; i++) {
        float vector[DIM] = {0};
        char id[32];
        vector[1 + (job->number * ROUNDS + i) % (DIM - 1)] = 1;
        snprintf(id, sizeof id, "stays %d %d", job->number, i);
        job->status = fm_gallery_add(job->gallery, id, vector, DIM, NULL, NULL, NULL);
        snprintf(id, sizeof id, "goes %d", job->number);
        if (job->status == FM_OK)
            job->status = fm_gallery_add(job->gallery, id, vector, DIM, NULL, NULL, NULL);
        if (job->status == FM_OK)
            job->status = fm_gallery_remove(job->gallery, id, NULL, NULL);
    }
    return NULL;
}

/* Whatever the writers do, the one that was there before is found, and best. */
static void *search_gallery(void *user)
{
    gallery_job *job = user;
    const float vector[DIM] = {1};
    for (int i = 0; i < 20 * ROUNDS && job->status == FM_OK; i++) {
        fm_match matches[3];
        fm_identity identity;
        size_t count = 0;
        job->status =
            fm_gallery_search(job->gallery, vector, 1, DIM, NULL, matches, 3, &count, NULL, NULL);
        if (job->status == FM_OK && (count != 1 || strcmp(matches[0].id, "first") != 0))
            job->wrong++;
        if (job->status == FM_OK)
            job->status = fm_gallery_get(job->gallery, "first", &identity, NULL);
    }
    return NULL;
}

static void test_flow_searches_beside_writes(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    const float first[DIM] = {1};
    gallery_job jobs[THREADS];
    pthread_t threads[THREADS];
    fm_gallery *gallery = NULL;
    size_t identities = 0, templates = 0;
    (void)state;
    ok(fm_gallery_open(&gallery, test_path("threads.fmg"), w.embedder, NULL, &err));
    ok(fm_gallery_add(gallery, "first", first, DIM, NULL, NULL, &err));
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (gallery_job){gallery, i, FM_OK, 0};
        assert_int_equal(
            pthread_create(&threads[i], NULL, i % 2 ? write_gallery : search_gallery, &jobs[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(jobs[i].status, FM_OK);
        assert_int_equal(jobs[i].wrong, 0);
    }
    ok(fm_gallery_count(gallery, &identities, &templates, &err));
    assert_int_equal(identities, 1 + THREADS / 2 * ROUNDS);
    assert_int_equal(templates, identities);
    fm_gallery_close(gallery);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flow_detects_the_drawn_square),
        cmocka_unit_test(test_flow_through_a_file),
        cmocka_unit_test(test_flow_step_by_step),
        cmocka_unit_test(test_flow_embeddings_are_of_unit_length),
        cmocka_unit_test(test_flow_selection),
        cmocka_unit_test(test_flow_batch_with_a_faceless_image),
        cmocka_unit_test(test_flow_enroll_identify_remove),
        cmocka_unit_test(test_flow_aligned_needs_no_detector),
        cmocka_unit_test(test_flow_verification_by_rate_and_by_threshold),
        cmocka_unit_test(test_flow_verification_without_a_calibration),
        cmocka_unit_test(test_flow_rate_below_the_calibration),
        cmocka_unit_test(test_flow_identification_rate_is_shared_by_the_gallery),
        cmocka_unit_test(test_flow_siamese_metric),
        cmocka_unit_test(test_flow_chi_squared_metric),
        cmocka_unit_test(test_flow_weights_of_a_metric_are_in_the_id),
        cmocka_unit_test(test_flow_manifest_given_by_the_caller),
        cmocka_unit_test(test_flow_model_id),
        cmocka_unit_test(test_flow_allowed_ids),
        cmocka_unit_test(test_flow_bfloat16_is_refused_by_the_fake),
        cmocka_unit_test(test_flow_error_names_the_file),
        cmocka_unit_test(test_flow_error_names_the_bad_field),
        cmocka_unit_test(test_flow_error_tells_which_photograph_has_no_face),
        cmocka_unit_test(test_flow_error_names_both_models),
        cmocka_unit_test(test_flow_error_gives_the_numbers),
        cmocka_unit_test(test_flow_any_order_of_freeing),
        cmocka_unit_test(test_flow_sessions_in_threads_equal_serial),
        cmocka_unit_test(test_flow_searches_beside_writes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
