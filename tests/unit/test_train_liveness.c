/* Training a liveness model with the stand-in for libtorch, whose nets go by the blue of what they
 * see: here green is what tells a live face. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/fake.h"
#include "backend/fake_net.h"
#include "core/memory.h"
#include "face/liveness.h"
#include "helpers.h"
#include "image/image.h"
#include "train/trainer.h"
#include "training.h"
#include <facematch/facematch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 160, HEIGHT = 120, SIDE = 64, EACH = 6, PEOPLE = 6, LEFT_OUT = 3 };

#define INPUT                                                                                      \
    "\"input\":{\"width\":32,\"height\":32,\"order\":\"RGB\",\"mean\":[127.5,127.5,127.5],"        \
    "\"std\":[128,128,128]},"
#define TEXTS "\"source\":\"test\",\"license\":\"none\",\"training_data\":\"none\""
#define DETECTOR                                                                                   \
    FMI_FAKE_MAGIC                                                                                 \
    "{\"format\":1,\"name\":\"squares\",\"kind\":\"detector\"," INPUT                              \
    "\"detector\":{\"type\":\"mtcnn\",\"thresholds\":[0.6,0.7,0.7],\"factor\":0.709,\"cell\":12,"  \
    "\"stride\":2,\"nms\":[0.5,0.7,0.7]}," TEXTS "}"
#define MODEL(nets)                                                                                \
    FMI_FAKE_MAGIC                                                                                 \
    "{\"format\":1,\"name\":\"blue\",\"kind\":\"liveness\",\"input\":{\"width\":40,\"height\":40," \
    "\"order\":\"BGR\",\"mean\":[0,0,0],\"std\":[1,1,1]},\"liveness\":{" nets "}," TEXTS           \
    ",\"calibration\":{\"dataset\":\"drawn\",\"attacks\":1000,\"live\":1000,\"points\":["          \
    "{\"score\":0,\"apcer\":1,\"bpcer\":0},{\"score\":0.6,\"apcer\":0.05,\"bpcer\":0.02}]}}"
/* of two sizes */
#define TWO                                                                                        \
    MODEL("\"classes\":3,\"live\":1,\"output\":\"logits\",\"nets\":[{\"part\":\"near\",\"scale\":" \
          "1.6,\"input\":{\"width\":24,\"height\":32,\"order\":\"BGR\",\"mean\":[0,0,0],\"std\":"  \
          "[1,1,1]}},{\"part\":\"far\",\"scale\":2.5}]")
#define ONE MODEL("\"classes\":3,\"live\":1,\"output\":\"logits\",\"nets\":[{\"scale\":2}]")
/* that wants to see six times the face */
#define WIDE    MODEL("\"classes\":3,\"live\":1,\"output\":\"logits\",\"nets\":[{\"scale\":6}]")
#define SIGMOID MODEL("\"classes\":1,\"live\":0,\"output\":\"logits\",\"nets\":[{\"scale\":2}]")
#define SHARES                                                                                     \
    MODEL("\"classes\":3,\"live\":1,\"output\":\"probabilities\",\"nets\":[{\"scale\":2}]")

static fm_error err = {sizeof err, 0, ""};
static fm_test_folder folder;
static fm_model *detector;

static void ok(fm_status status)
{
    fm_assert_status(status, FM_OK, &err);
}

static const char *path_of(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    return fm_test_path(paths[next++ % 4], sizeof paths[0], &folder, name);
}

static int open_all(void **state)
{
    (void)state;
    detector = fm_test_model(DETECTOR);
    return fm_test_folder_make(&folder);
}

static int close_all(void **state)
{
    (void)state;
    fm_test_folder_remove(&folder);
    fm_model_free(detector);
    return fmi_memory_live_blocks() == 0 ? 0 : -1;
}

/* ---- frames ---- */

/* Where the face is; plain: it has no pattern, and so looks blurred. */
typedef struct square {
    uint32_t left, top, side;
    bool plain;
} square;

/* A red square on a ground of one colour. */
static fm_image *draw(square s, uint8_t green, uint8_t blue)
{
    fm_image *image = NULL;
    ok(fmi_image_new(&image, WIDTH, HEIGHT, &err));
    for (uint32_t y = 0; y < HEIGHT; y++)
        for (uint32_t x = 0; x < WIDTH; x++) {
            uint8_t *p = image->owned + y * image->stride + 3 * x;
            bool inside = x >= s.left && x < s.left + s.side && y >= s.top && y < s.top + s.side;
            bool spot = (x / 2 + y / 2) % 4 == 0 && !s.plain;
            p[0] = inside ? (spot ? 225 : 255) : 0;
            p[1] = inside ? 0 : green;
            p[2] = inside ? 0 : blue;
        }
    return image;
}

/* The ground is greener behind a live face, and its blue says nothing. */
static fm_image *frame_of(uint32_t person, uint32_t number, bool live)
{
    uint32_t seed = 977 * person + 31 * number + live + 1;
    square s = {.top = 28, .side = SIDE};
    uint8_t green, blue;
    for (int i = 0; i < 8; i++)
        fm_test_random(&seed);
    green = (uint8_t)((live ? 130 : 70) + fm_test_random(&seed) % 50);
    blue = (uint8_t)(40 + fm_test_random(&seed) % 160);
    s.left = 42 + fm_test_random(&seed) % 12;
    return draw(s, green, blue);
}

static fm_status add(fm_trainer *trainer, uint32_t person, uint32_t number, fm_frame_class shows,
                     fm_role role)
{
    fm_image *image = frame_of(person, number, shows == FM_FRAME_LIVE || shows == 1);
    char named[16];
    fm_status status;
    snprintf(named, sizeof named, "person %d", (int)person);
    status = fm_trainer_add_frame(trainer, image, shows, named, "frame", role, &err);
    fm_image_free(image);
    return status;
}

static void add_people(fm_trainer *trainer, uint32_t from, uint32_t count, fm_role role)
{
    for (uint32_t p = from; p < from + count; p++)
        for (uint32_t k = 0; k < EACH; k++)
            ok(add(trainer, p, k, k % 2 ? FM_FRAME_LIVE : FM_FRAME_ATTACK, role));
}

/* ---- trainers ---- */

static fm_trainer_options usual(void)
{
    fm_trainer_options options;
    fm_trainer_options_init(&options, sizeof options);
    options.detector = detector;
    options.people_per_batch = 4;
    options.photographs_per_person = 3;
    options.epochs = 6;
    options.steps_per_epoch = 30;
    options.optimizer = FM_OPTIMIZER_SGD;
    options.learning_rate = 2e-6f; /* inputs are up to 255 */
    options.seed = 3;
    return options;
}

static fm_trainer *with_people(const char *text, const fm_trainer_options *options)
{
    fm_trainer *trainer = NULL;
    ok(fm_test_trainer(&trainer, text, options, &err));
    add_people(trainer, 0, PEOPLE, FM_ROLE_TRAIN);
    add_people(trainer, 100, LEFT_OUT, FM_ROLE_VALIDATION);
    return trainer;
}

static void save(fm_trainer *trainer, const char *name)
{
    fm_trainer_save_options options;
    fm_trainer_save_options_init(&options, sizeof options);
    options.overwrite = 1;
    options.name = "mine";
    ok(fm_trainer_save(trainer, path_of(name), &options, &err));
}

/* ---- what a model says of those left out, through fm_liveness ---- */

typedef struct judged {
    double eer, loss; /* loss: of the fused score */
} judged;

static judged judge(const fm_model *model)
{
    fm_session_options options;
    fm_session *session = NULL;
    fm_evaluation *evaluation = NULL;
    fm_evaluation_report report = {.struct_size = sizeof report};
    fm_liveness_options lines;
    judged out = {0, 0};
    fm_session_options_init(&options, sizeof options);
    fm_liveness_options_init(&lines, sizeof lines);
    lines.use_thresholds = 1;
    options.detector = detector;
    options.liveness = model;
    ok(fm_session_create(&session, NULL, &options, &err));
    ok(fm_evaluation_new(&evaluation, NULL, &err));
    for (uint32_t i = 0; i < LEFT_OUT * EACH; i++) {
        uint8_t live = i % EACH % 2;
        fm_image *image = frame_of(100 + i / EACH, i % EACH, live);
        fm_liveness_result r = {.struct_size = sizeof r};
        ok(fm_liveness(session, image, NULL, &lines, &r, &err));
        ok(fm_evaluation_add(evaluation, &r.score, &live, NULL, NULL, 1, &err));
        out.loss -= log(live ? (double)r.score : 1 - (double)r.score) / (LEFT_OUT * EACH);
        fm_image_free(image);
    }
    ok(fm_evaluation_describe(evaluation, &report, &err));
    out.eer = report.eer;
    fm_evaluation_free(evaluation);
    fm_session_free(session);
    return out;
}

static fm_model *load_saved(const char *name)
{
    fm_model *model = NULL;
    ok(fm_model_load(&model, path_of(name), NULL, &err));
    return model;
}

/* ---- what is learned ---- */

static void test_green_is_learned(void **state)
{
    static const char *const texts[] = {TWO, ONE, SIGMOID};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fm_trainer_options options = usual();
        fm_trainer *trainer = with_people(texts[i], &options);
        fm_training_stats stats = fm_test_stats(trainer);
        assert_true(isnan(stats.eer) && isnan(stats.validation_loss));
        assert_int_equal(stats.people, PEOPLE);
        assert_int_equal(stats.photographs, PEOPLE * EACH);
        assert_int_equal(stats.validation_people, LEFT_OUT);
        assert_int_equal(stats.validation_photographs, LEFT_OUT * EACH);
        stats = fm_test_train(trainer);
        print_message("EER %.3f, then %.3f in epoch %d; loss %.3f, then %.3f\n", stats.first_eer,
                      stats.best_eer, stats.best_epoch, stats.first_validation_loss,
                      stats.best_validation_loss);
        assert_true(stats.first_eer > 0.2);
        assert_true(stats.best_eer < 0.1);
        assert_true(stats.best_validation_loss < 0.3 * stats.first_validation_loss);
        assert_true(isnan(stats.positive_distance) && isnan(stats.negative_distance));
        assert_true(stats.active >= 0 && stats.active < 0.2);
        fm_trainer_free(trainer);
    }
}

/* Training sees what fm_liveness sees: the same figures come from the model alone, before and
 * after. */
static void test_figures_are_those_of_the_model(void **state)
{
    static const char *const texts[] = {TWO, ONE, SIGMOID};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fm_trainer_options options = usual();
        fm_trainer *trainer = with_people(texts[i], &options);
        fm_training_stats stats = fm_test_train(trainer);
        fm_model *before = fm_test_model(texts[i]), *after;
        judged was = judge(before), is;
        save(trainer, "mine.pt");
        after = load_saved("mine.pt");
        is = judge(after);
        assert_float_equal(was.eer, stats.first_eer, 1e-9);
        assert_float_equal(is.eer, stats.best_eer, 1e-9);
        if (before->manifest.liveness.count == 1) { /* the fused score is that of the net */
            assert_float_equal(was.loss, stats.first_validation_loss, 1e-3);
            assert_float_equal(is.loss, stats.best_validation_loss, 1e-3);
        }
        fm_model_free(before);
        fm_model_free(after);
        fm_trainer_free(trainer);
    }
}

/* The manifest is the model's, but for texts and the calibration. */
static void test_saved_model(void **state)
{
    fm_trainer_options options = usual();
    fm_trainer *trainer = with_people(TWO, &options);
    fm_model *model, *first = fm_test_model(TWO);
    fm_model_info info = {.struct_size = sizeof info};
    const fmi_liveness_net *nets;
    (void)state;
    ok(fm_trainer_epoch(trainer, NULL, NULL, &err));
    save(trainer, "mine.pt");
    model = load_saved("mine.pt");
    ok(fm_model_describe(model, &info, &err));
    assert_int_equal(info.kind, FM_MODEL_LIVENESS);
    assert_string_equal(info.name, "mine");
    assert_string_equal(info.calibration_dataset, "");
    assert_int_equal(model->manifest.pad.count, 0);
    assert_int_equal(model->manifest.liveness.classes, 3);
    assert_int_equal(model->manifest.liveness.live, 1);
    assert_true(model->manifest.liveness.logits);
    assert_int_equal(model->manifest.liveness.count, 2);
    nets = first->manifest.liveness.nets;
    assert_memory_equal(model->manifest.liveness.nets, nets, 2 * sizeof *nets);
    assert_string_not_equal(model->id, first->id);
    fm_model_free(first);
    fm_model_free(model);
    fm_trainer_free(trainer);
}

/* Frozen nets stay what they were, the others do not. */
static void test_frozen_layers(void **state)
{
    static const char *near[] = {"near"}, *both[] = {"near", "far.layer"}, *none[] = {"nearest"};
    static const char *all[] = {"all"};
    fm_trainer_options options = usual();
    fm_trainer *trainer = NULL;
    fm_model *model;
    (void)state;
    options.freeze = near;
    options.freeze_count = 1;
    trainer = with_people(TWO, &options);
    ok(fm_trainer_epoch(trainer, NULL, NULL, &err));
    save(trainer, "mine.pt");
    model = load_saved("mine.pt");
    for (size_t row = 0; row < 3; row++) {
        fmi_part fixed = {.kind = LIVENESS, .dim = 3, .live = 1, .blue = 0};
        double moved = 0;
        for (size_t i = 0; i < FMI_FAKE_COLUMNS; i++) {
            double was = (double)(float)fmi_fake_weight(&fixed, row, i);
            assert_float_equal(fmi_fake_weight(&model->net->parts[0], row, i), was, 0);
            moved += fabs(fmi_fake_weight(&model->net->parts[1], row, i) - was);
        }
        assert_true(moved > 0);
    }
    fm_model_free(model);
    fm_trainer_free(trainer);
    options.freeze = none;
    trainer = NULL;
    fm_assert_status(fm_test_trainer(&trainer, TWO, &options, &err), FM_E_INVALID_ARGUMENT, &err);
    options.freeze = both;
    options.freeze_count = 2;
    fm_assert_status(fm_test_trainer(&trainer, TWO, &options, &err), FM_E_INVALID_ARGUMENT, &err);
    assert_null(trainer);
    options.freeze = all; /* but for the last layer, which is the only one here */
    options.freeze_count = 1;
    trainer = with_people(TWO, &options);
    ok(fm_trainer_epoch(trainer, NULL, NULL, &err));
    fm_trainer_free(trainer);
}

static void read_file(const char *name, char *out, size_t size, size_t *length)
{
    FILE *file = fopen(path_of(name), "rb");
    assert_non_null(file);
    *length = fread(out, 1, size, file);
    fclose(file);
}

/* Interrupted and gone on with, a run gives the same bytes. */
static void test_resume(void **state)
{
    static char whole[65536], resumed[65536];
    size_t length[2];
    fm_trainer_options options = usual();
    fm_trainer *first, *second;
    (void)state;
    options.steps_per_epoch = 4;
    options.augmentation.flip = 0.5f;
    options.augmentation.brightness = 0.1f;
    first = with_people(TWO, &options);
    fm_test_train(first);
    save(first, "whole.pt");
    fm_trainer_free(first);
    first = with_people(TWO, &options);
    ok(fm_trainer_epoch(first, NULL, NULL, &err));
    ok(fm_trainer_epoch(first, NULL, NULL, &err));
    ok(fm_trainer_checkpoint(first, path_of("run"), &err));
    second = with_people(TWO, &options);
    ok(fm_trainer_resume(second, path_of("run"), &err));
    assert_float_equal(fm_test_stats(second).validation_loss, fm_test_stats(first).validation_loss,
                       0);
    assert_float_equal(fm_test_stats(second).best_validation_loss,
                       fm_test_stats(first).best_validation_loss, 0);
    fm_test_train(second);
    save(second, "resumed.pt");
    read_file("whole.pt", whole, sizeof whole, &length[0]);
    read_file("resumed.pt", resumed, sizeof resumed, &length[1]);
    assert_int_equal(length[0], length[1]);
    assert_memory_equal(whole, resumed, length[0]);
    fm_trainer_free(second);
    /* a frame that shows something else */
    ok(fm_test_trainer(&second, TWO, &options, &err));
    add_people(second, 0, PEOPLE - 1, FM_ROLE_TRAIN);
    for (uint32_t k = 0; k < EACH; k++)
        ok(add(second, PEOPLE - 1, k,
               k == 0  ? 2
               : k % 2 ? FM_FRAME_LIVE
                       : FM_FRAME_ATTACK,
               FM_ROLE_TRAIN));
    add_people(second, 100, LEFT_OUT, FM_ROLE_VALIDATION);
    fm_assert_status(fm_trainer_resume(second, path_of("run"), &err), FM_E_STATE, &err);
    fm_assert_message(&err, "photographs");
    fm_trainer_free(second);
    fm_trainer_free(first);
}

/* ---- what is refused ---- */

static void expect_refused(const char *text, const fm_trainer_options *options, fm_status want,
                           const char *part)
{
    fm_trainer *trainer = NULL;
    fm_assert_status(fm_test_trainer(&trainer, text, options, &err), want, &err);
    fm_assert_message(&err, part);
    assert_null(trainer);
}

static void test_refused(void **state)
{
    fm_trainer_options options = usual();
    (void)state;
    options.loss = FM_LOSS_TRIPLET;
    expect_refused(TWO, &options, FM_E_INVALID_ARGUMENT, "softmax");
    options = usual();
    options.head_dim = 8;
    expect_refused(TWO, &options, FM_E_INVALID_ARGUMENT, "head");
    options = usual();
    options.aligned = 1;
    expect_refused(TWO, &options, FM_E_INVALID_ARGUMENT, "whole frames");
    options = usual();
    expect_refused(SHARES, &options, FM_E_UNSUPPORTED, "probabilities");
    expect_refused(DETECTOR, &options, FM_E_INVALID_ARGUMENT, "not an embedder");
    options.loss = FM_LOSS_SOFTMAX;
    fm_trainer_free(with_people(TWO, &options));
}

static void expect_no_epoch(fm_trainer *trainer, fm_status want, const char *part)
{
    fm_assert_status(fm_trainer_epoch(trainer, NULL, NULL, &err), want, &err);
    fm_assert_message(&err, part);
}

typedef struct unfit {
    square face;
    const char *reason;
} unfit;

static const unfit unfit_frames[] = {{{20, 20, 56, false}, "too_small"},
                                     {{100, 28, 64, false}, "cut"},
                                     {{30, 20, 80, false}, "crop"},
                                     {{48, 28, 64, true}, "blurred"}};
enum { UNFIT = sizeof unfit_frames / sizeof *unfit_frames };

static fm_status add_unfit(fm_trainer *trainer, size_t i, fm_role role)
{
    fm_image *image = draw(unfit_frames[i].face, 90, 100);
    fm_status status =
        fm_trainer_add_frame(trainer, image, FM_FRAME_LIVE, "person 100", "unfit", role, &err);
    fm_image_free(image);
    return status;
}

/* The frame is refused for what fm_liveness, without limits but these, gives as its reason. */
static void check_reason(const fm_liveness_options *limits, size_t i, const char *want)
{
    fm_session_options options;
    fm_session *session = NULL;
    fm_model *model = fm_test_model(WIDE);
    fm_image *image = draw(unfit_frames[i].face, 90, 100);
    fm_liveness_result r = {.struct_size = sizeof r};
    fm_session_options_init(&options, sizeof options);
    options.detector = detector;
    options.liveness = model;
    ok(fm_session_create(&session, NULL, &options, &err));
    ok(fm_liveness(session, image, NULL, limits, &r, &err));
    assert_string_equal(fm_liveness_reason_name(r.reason), want);
    fm_session_free(session);
    fm_model_free(model);
    fm_image_free(image);
}

/* What fm_liveness would call uncertain, whatever its score, is neither trained on nor counted. */
static void test_unfit_frames_are_refused(void **state)
{
    fm_trainer_options options = usual();
    fm_liveness_options limits;
    fm_trainer *with, *without = with_people(WIDE, &options);
    (void)state;
    fm_liveness_options_init(&limits, sizeof limits);
    limits.use_thresholds = 1; /* 0: all is live */
    options.liveness = &limits;
    with = with_people(WIDE, &options);
    for (size_t i = 0; i < UNFIT; i++) {
        check_reason(&limits, i, unfit_frames[i].reason);
        for (fm_role role = FM_ROLE_TRAIN; role <= FM_ROLE_VALIDATION; role++) {
            fm_assert_status(add_unfit(with, i, role), FM_E_REFUSED, &err);
            fm_assert_message(&err, unfit_frames[i].reason);
        }
    }
    assert_int_equal(fm_test_stats(with).photographs, PEOPLE * EACH);
    assert_int_equal(fm_test_stats(with).validation_photographs, LEFT_OUT * EACH);
    ok(fm_trainer_epoch(with, NULL, NULL, &err));
    ok(fm_trainer_epoch(without, NULL, NULL, &err));
    assert_float_equal(fm_test_stats(with).eer, fm_test_stats(without).eer, 0);
    assert_float_equal(fm_test_stats(with).validation_loss, fm_test_stats(without).validation_loss,
                       0);
    fm_trainer_free(with);
    fm_trainer_free(without);
}

/* Who asks fm_liveness with other limits trains with them. */
static void test_limits_of_frames(void **state)
{
    fm_trainer_options options = usual();
    fm_liveness_options limits;
    (void)state;
    options.liveness = &limits;
    for (size_t i = 0; i < UNFIT; i++) {
        float *own[] = {&limits.min_size_px, &limits.min_inside, &limits.min_crop,
                        &limits.min_sharpness};
        fm_trainer *trainer = NULL;
        fm_liveness_options_init(&limits, sizeof limits);
        *own[i] = -1;
        ok(fm_test_trainer(&trainer, WIDE, &options, &err));
        memset(&limits, 0, sizeof limits); /* was borrowed for the call */
        for (size_t k = 0; k < UNFIT; k++)
            fm_assert_status(add_unfit(trainer, k, FM_ROLE_TRAIN), k == i ? FM_OK : FM_E_REFUSED,
                             &err);
        fm_trainer_free(trainer);
    }
    fm_liveness_options_init(&limits, sizeof limits);
    limits.min_inside = 2;
    expect_refused(WIDE, &options, FM_E_INVALID_ARGUMENT, "min_inside");
    limits.struct_size = 0;
    expect_refused(WIDE, &options, FM_E_INVALID_ARGUMENT, "fm_liveness_options");
}

static void test_frames_that_are_needed(void **state)
{
    fm_trainer_options options = usual();
    fm_trainer *trainer = NULL;
    (void)state;
    ok(fm_test_trainer(&trainer, TWO, &options, &err));
    expect_no_epoch(trainer, FM_E_STATE, "live face");
    ok(add(trainer, 1, 0, FM_FRAME_LIVE, FM_ROLE_TRAIN));
    expect_no_epoch(trainer, FM_E_STATE, "no attack among the frames to train on");
    ok(add(trainer, 1, 1, 2, FM_ROLE_TRAIN));
    ok(add(trainer, 2, 0, FM_FRAME_ATTACK, FM_ROLE_VALIDATION));
    expect_no_epoch(trainer, FM_E_STATE, "no live face among the frames of the people left out");
    ok(add(trainer, 2, 1, 1, FM_ROLE_VALIDATION)); /* the live class by its number */
    fm_assert_status(add(trainer, 2, 2, 3, FM_ROLE_VALIDATION), FM_E_INVALID_ARGUMENT, &err);
    fm_assert_message(&err, "0 to 2");
    ok(fm_trainer_epoch(trainer, NULL, NULL, &err));
    fm_assert_status(add(trainer, 3, 0, FM_FRAME_LIVE, FM_ROLE_TRAIN), FM_E_STATE, &err);
    fm_trainer_free(trainer);
    ok(fm_test_trainer(&trainer, TWO, &options, &err));
    add_people(trainer, 0, 2, FM_ROLE_TRAIN);
    add_people(trainer, 1, 1, FM_ROLE_VALIDATION);
    expect_no_epoch(trainer, FM_E_TRAINING, "person 1");
    fm_trainer_free(trainer);
}

/* ---- the loss ---- */

static double loss_at(const float *logits, const int32_t *labels, size_t classes, float *gradient)
{
    fmi_loss_figures figures;
    ok(fmi_loss_liveness(logits, labels, 4, classes, classes == 1 ? 0 : 1, gradient, &figures,
                         &err));
    return figures.loss;
}

static void check_gradient(const int32_t *labels, size_t classes)
{
    float logits[12] = {0.3f, -1.2f, 0.7f, 2, 0.1f, -0.4f, 1.5f, -2, 0.25f, -0.8f, 0.6f, 1.1f};
    float gradient[12], unused[12];
    loss_at(logits, labels, classes, gradient);
    for (size_t i = 0; i < 4 * classes; i++) {
        const float step = 1e-2f;
        float kept = logits[i];
        double up, down;
        logits[i] = kept + step;
        up = loss_at(logits, labels, classes, unused);
        logits[i] = kept - step;
        down = loss_at(logits, labels, classes, unused);
        logits[i] = kept;
        assert_float_equal(gradient[i], (up - down) / (2 * (double)step), 1e-4);
    }
}

static void test_loss(void **state)
{
    static const int32_t labels[] = {1, FMI_CLASS_ATTACK, 2, 0}, two[] = {0, -1, -1, 0};
    static const int32_t bad[] = {3, 0, 0, 0}, worse[] = {-2, 0, 0, 0};
    static const float even[12] = {0}, huge[4] = {1000, 1000, 1000, 1000};
    float gradient[12];
    fmi_loss_figures f;
    (void)state;
    check_gradient(labels, 3);
    check_gradient(two, 1);
    assert_float_equal(loss_at(even, labels, 3, gradient), (3 * log(3) + log(1.5)) / 4, 1e-9);
    assert_float_equal(loss_at(huge, two, 1, gradient), 500, 1e-3);
    fm_assert_status(fmi_loss_liveness(even, bad, 4, 3, 1, gradient, &f, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fmi_loss_liveness(even, worse, 4, 3, 1, gradient, &f, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    ok(fmi_loss_liveness((const float[]){NAN, 0, 0}, labels, 1, 3, 1, gradient, &f, &err));
    assert_true(isnan(f.loss) && gradient[0] == 0);
    ok(fmi_loss_liveness((const float[]){2, 3, 1, 2, 3, 1}, labels, 2, 3, 1, gradient, &f, &err));
    assert_int_equal(f.mined, 2);
    assert_int_equal(f.active, 1); /* the attack is taken for live */
}

/* ---- without memory ---- */

static void test_without_memory(void **state)
{
    fm_trainer_options options = usual();
    fm_trainer_save_options again;
    fm_trainer *trainer = NULL, *other = NULL;
    fm_model *model = fm_test_model(TWO);
    fm_image *image = frame_of(1, 0, true);
    (void)state;
    options.steps_per_epoch = 1;
    options.people_per_batch = options.photographs_per_person = 2;
    fm_trainer_save_options_init(&again, sizeof again);
    again.overwrite = 1;
    UNTIL_ENOUGH(fm_trainer_create(&trainer, model, &options, &err));
    ok(fm_trainer_create(&other, model, &options, &err));
    UNTIL_ENOUGH(fm_trainer_add_frame(trainer, image, FM_FRAME_LIVE, "person 1", "frame",
                                      FM_ROLE_TRAIN, &err));
    ok(add(other, 1, 0, FM_FRAME_LIVE, FM_ROLE_TRAIN));
    for (int i = 0; i < 2; i++) {
        fm_trainer *one = i ? other : trainer;
        ok(add(one, 1, 1, FM_FRAME_ATTACK, FM_ROLE_TRAIN));
        ok(add(one, 2, 0, FM_FRAME_LIVE, FM_ROLE_VALIDATION));
        ok(add(one, 2, 1, FM_FRAME_ATTACK, FM_ROLE_VALIDATION));
    }
    assert_int_equal(fm_test_stats(trainer).photographs, 2);
    UNTIL_ENOUGH(fm_trainer_epoch(trainer, NULL, NULL, &err));
    UNTIL_ENOUGH(fm_trainer_epoch(trainer, NULL, NULL, &err));
    UNTIL_ENOUGH(fm_trainer_checkpoint(trainer, path_of("run"), &err));
    UNTIL_ENOUGH(fm_trainer_resume(other, path_of("run"), &err));
    UNTIL_ENOUGH(fm_trainer_save(other, path_of("mine.pt"), &again, &err));
    fm_image_free(image);
    fm_model_free(model);
    fm_trainer_free(trainer);
    fm_trainer_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_green_is_learned),
        cmocka_unit_test(test_figures_are_those_of_the_model),
        cmocka_unit_test(test_saved_model),
        cmocka_unit_test(test_frozen_layers),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unfit_frames_are_refused),
        cmocka_unit_test(test_limits_of_frames),
        cmocka_unit_test(test_frames_that_are_needed),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
