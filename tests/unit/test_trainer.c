/* Training with the stand-in for libtorch: what is learned, what is kept, what is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/fake.h"
#include "core/memory.h"
#include "core/random.h"
#include "helpers.h"
#include "image/image.h"
#include "train/trainer.h"
#include "training.h"
#include <facematch/facematch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 32, DIM = 16, PEOPLE = 10, LEFT_OUT = 6, EACH = 6, SIGNALS = 5, NUISANCES = 5 };

#define MODEL(normalize, metric, rest)                                                             \
    FMI_FAKE_MAGIC "{\"format\":1,\"name\":\"eyes\",\"kind\":\"embedder\",\"family\":\"softmax\"," \
                   "\"input\":{\"width\":32,\"height\":32,\"order\":\"RGB\","                      \
                   "\"mean\":[127.5,127.5,127.5],\"std\":[128,128,128]},"                          \
                   "\"alignment\":{\"points\":[[10,12],[22,12],[16,18],[11,24],[21,24]],"          \
                   "\"border\":\"zero\"},\"embedding\":{\"dim\":16,\"normalize\":" normalize "},"  \
                   "\"metric\":\"" metric "\"," rest                                               \
                   "\"source\":\"test\",\"license\":\"none\",\"training_data\":\"none\"}"
#define PLAIN    MODEL("true", "euclidean", "")
#define UNSCALED MODEL("false", "euclidean", "")
#define WITH_MAX MODEL("true", "cosine", "\"fake\":{\"feature_max\":true},")
#define FIXED    MODEL("true", "cosine", "\"fake\":{\"fixed\":true},")
#define BUNDLE                                                                                     \
    FMI_FAKE_MAGIC "{\"format\":1,\"name\":\"two\",\"kind\":\"embedder\",\"family\":\"bundle\","   \
                   "\"input\":{\"width\":32,\"height\":32,\"order\":\"RGB\","                      \
                   "\"mean\":[127.5,127.5,127.5],\"std\":[128,128,128]},"                          \
                   "\"alignment\":{\"points\":[[10,12],[22,12],[16,18],[11,24],[21,24]],"          \
                   "\"border\":\"zero\"},\"embedding\":{\"dim\":24,\"normalize\":true,"            \
                   "\"members\":[{\"part\":\"a\",\"dim\":16,\"weight\":1},"                        \
                   "{\"part\":\"b\",\"dim\":8,\"weight\":2,\"flip\":true}]},"                      \
                   "\"metric\":\"cosine\",\"source\":\"test\",\"license\":\"none\","               \
                   "\"training_data\":\"none\"}"
#define DETECTOR                                                                                   \
    FMI_FAKE_MAGIC "{\"format\":1,\"name\":\"finder\",\"kind\":\"detector\","                      \
                   "\"input\":{\"width\":48,\"height\":48,\"order\":\"RGB\","                      \
                   "\"mean\":[127.5,127.5,127.5],\"std\":[128,128,128]},"                          \
                   "\"detector\":{\"type\":\"mtcnn\",\"thresholds\":[0.6,0.7,0.7],"                \
                   "\"nms\":[0.5,0.7,0.7],\"factor\":0.709,\"cell\":12,\"stride\":2},"             \
                   "\"source\":\"test\",\"license\":\"none\",\"training_data\":\"none\"}"

static fm_error err = {sizeof err, 0, ""};
static fm_test_folder folder;

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

/* ---- faces: what tells people apart lies under what changes from one photograph to the next ----
 */

/* One of a few patterns of 8x8 cells and three channels, the same for all. */
static double pattern(uint64_t number, size_t cell)
{
    fmi_random random = fmi_random_at(7, number, cell, 0);
    return fmi_random_spread(&random, 1);
}

static double coefficient(uint64_t kind, uint64_t who, uint64_t which)
{
    fmi_random random = fmi_random_at(8 + kind, who, which, 0);
    return fmi_random_spread(&random, 1);
}

static fm_image *face_of(uint64_t person, uint64_t photograph)
{
    fm_image *image = NULL;
    double cells[192];
    for (size_t c = 0; c < 192; c++) {
        cells[c] = 128;
        for (uint64_t k = 0; k < SIGNALS; k++)
            cells[c] += 16 * coefficient(0, person, k) * pattern(k, c);
        for (uint64_t k = 0; k < NUISANCES; k++)
            cells[c] += 24 * coefficient(1, 1000 * person + photograph, k) * pattern(100 + k, c);
    }
    ok(fmi_image_new(&image, SIDE, SIDE, &err));
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++)
            for (size_t c = 0; c < 3; c++)
                image->owned[y * image->stride + 3 * x + c] =
                    (uint8_t)(fmin(fmax(cells[c * 64 + y / 4 * 8 + x / 4], 0), 255) + 0.5);
    return image;
}

static fm_status add_as(fm_trainer *trainer, uint64_t person, uint64_t photograph,
                        const char *named, fm_role role)
{
    fm_image *image = face_of(person, photograph);
    char name[32];
    fm_status status;
    snprintf(name, sizeof name, "%d-%d.png", (int)person, (int)photograph);
    status = fm_trainer_add_image(trainer, image, named, name, role, &err);
    fm_image_free(image);
    return status;
}

static fm_status add(fm_trainer *trainer, uint64_t person, uint64_t photograph, fm_role role)
{
    char named[16];
    snprintf(named, sizeof named, "person %d", (int)person);
    return add_as(trainer, person, photograph, named, role);
}

static void add_people(fm_trainer *trainer, uint64_t from, uint64_t count, fm_role role)
{
    for (uint64_t k = 0; k < EACH; k++)
        for (uint64_t p = from; p < from + count; p++)
            ok(add(trainer, p, k, role));
}

/* ---- trainers ---- */

typedef struct heard {
    int count[8], fatal;
    char message[512], person[64], image[64], other[64];
} heard;

static heard told;

static void hear(void *user, const fm_finding *finding)
{
    heard *h = user;
    h->count[finding->kind]++;
    h->fatal += finding->fatal;
    snprintf(h->message, sizeof h->message, "%s", finding->message);
    snprintf(h->person, sizeof h->person, "%s", finding->person);
    snprintf(h->image, sizeof h->image, "%s", finding->image);
    snprintf(h->other, sizeof h->other, "%s", finding->other);
}

static fm_trainer_options usual(void)
{
    fm_trainer_options options;
    fm_trainer_options_init(&options, sizeof options);
    options.aligned = 1;
    options.people_per_batch = 5;
    options.photographs_per_person = 3;
    options.epochs = 6;
    options.steps_per_epoch = 10;
    options.optimizer = FM_OPTIMIZER_SGD;
    options.learning_rate = 0.5f;
    options.seed = 3;
    options.on_finding = hear;
    options.user = &told;
    return options;
}

static fm_trainer *create(const char *text, const fm_trainer_options *options)
{
    fm_trainer *trainer = NULL;
    memset(&told, 0, sizeof told);
    ok(fm_test_trainer(&trainer, text, options, &err));
    return trainer;
}

static fm_trainer *with_people(const char *text, const fm_trainer_options *options)
{
    fm_trainer *trainer = create(text, options);
    add_people(trainer, 0, PEOPLE, FM_ROLE_TRAIN);
    add_people(trainer, 100, LEFT_OUT, FM_ROLE_VALIDATION);
    return trainer;
}

static void expect_refused(const char *text, const fm_trainer_options *options, fm_status want,
                           const char *part)
{
    fm_trainer *trainer = NULL;
    fm_assert_status(fm_test_trainer(&trainer, text, options, &err), want, &err);
    fm_assert_message(&err, part);
    assert_null(trainer);
}

/* ---- what is learned ---- */

static void test_triplets_tell_strangers_apart(void **state)
{
    fm_trainer_options options = usual();
    fm_trainer *trainer = with_people(PLAIN, &options);
    fm_training_stats stats = fm_test_stats(trainer);
    (void)state;
    assert_int_equal(stats.epoch, 0);
    assert_int_equal(stats.people, PEOPLE);
    assert_int_equal(stats.photographs, PEOPLE * EACH);
    assert_int_equal(stats.validation_people, LEFT_OUT);
    assert_int_equal(stats.validation_photographs, LEFT_OUT * EACH);
    assert_int_equal(stats.steps, 10);
    assert_true(isnan(stats.loss) && isnan(stats.eer) && isnan(stats.first_eer));
    stats = fm_test_train(trainer);
    print_message("triplet: EER %.3f, then %.3f in epoch %d; loss %.3f\n", stats.first_eer,
                  stats.best_eer, stats.best_epoch, stats.loss);
    assert_true(stats.first_eer > 0.1);
    assert_true(stats.best_eer < 0.5 * stats.first_eer);
    assert_true(stats.positive_distance < stats.negative_distance);
    assert_int_equal(stats.epoch, 6);
    fm_assert_status(fm_trainer_epoch(trainer, NULL, NULL, &err), FM_E_STATE, &err);
    fm_trainer_free(trainer);
}

static void test_every_loss_and_miner_learns(void **state)
{
    static const struct {
        fm_loss loss;
        fm_mining mining;
        float rate;
    } rows[] = {{FM_LOSS_TRIPLET, FM_MINING_SEMI_HARD, 0.5f},
                {FM_LOSS_TRIPLET, FM_MINING_ALL, 0.5f},
                {FM_LOSS_SOFTMAX, 0, 0.1f},
                {FM_LOSS_SIAMESE, 0, 0.2f},
                {FM_LOSS_CHI_SQUARED, 0, 0.2f}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fm_trainer_options options = usual();
        fm_trainer *trainer;
        fm_training_stats stats;
        options.loss = rows[i].loss;
        options.mining = rows[i].mining;
        options.learning_rate = rows[i].rate;
        trainer = with_people(PLAIN, &options);
        stats = fm_test_train(trainer);
        print_message("loss %d, mining %d: EER %.3f, then %.3f; loss %.3f, active %.3f\n",
                      (int)rows[i].loss, (int)rows[i].mining, stats.first_eer, stats.best_eer,
                      stats.loss, stats.active);
        assert_true(stats.best_eer < 0.7 * stats.first_eer);
        fm_trainer_free(trainer);
    }
}

static void test_head_on_a_frozen_network(void **state)
{
    const char *all[] = {"all"};
    fm_trainer_options options = usual();
    fm_trainer *trainer;
    fm_training_stats stats;
    (void)state;
    options.freeze = all;
    options.freeze_count = 1;
    options.head_dim = 10;
    options.learning_rate = 0.05f;
    trainer = with_people(PLAIN, &options);
    stats = fm_test_train(trainer);
    print_message("head: EER %.3f, then %.3f\n", stats.first_eer, stats.best_eer);
    assert_true(stats.best_eer < 0.8 * stats.first_eer);
    fm_trainer_free(trainer);
}

/* The EER of the plain distance on the people left out, by the model alone. */
static double plain_eer(const char *text)
{
    fm_evaluation *evaluation = NULL;
    fm_evaluation_report report = {.struct_size = sizeof report};
    fm_model *model = fm_test_model(text);
    fm_session *session = NULL;
    enum { N = LEFT_OUT * EACH };
    static float x[N][64];
    fm_model_info info = {.struct_size = sizeof info};
    ok(fm_model_describe(model, &info, &err));
    ok(fm_session_create(&session, model, NULL, &err));
    ok(fm_evaluation_new(&evaluation, NULL, &err));
    for (size_t i = 0; i < N; i++) {
        fm_image *image = face_of(100 + i / EACH, i % EACH);
        const fm_image *crop = image;
        ok(fm_embed_aligned(session, &crop, 1, x[i], 64, &err));
        fm_image_free(image);
        for (size_t j = 0; j < i; j++) {
            uint8_t genuine = i / EACH == j / EACH;
            float score = 0;
            for (int32_t k = 0; k < info.dim; k++)
                score -= fabsf(x[i][k] - x[j][k]);
            ok(fm_evaluation_add(evaluation, &score, &genuine, NULL, NULL, 1, &err));
        }
    }
    ok(fm_evaluation_describe(evaluation, &report, &err));
    fm_evaluation_free(evaluation);
    fm_session_free(session);
    fm_model_free(model);
    return report.eer;
}

/* Before the first epoch the metric is the plain distance, since all weights are equal. */
static void test_learned_metric_begins_as_the_plain_distance(void **state)
{
    const char *all[] = {"all"};
    const char *const texts[] = {PLAIN, BUNDLE};
    (void)state;
    for (int i = 0; i < 2; i++) {
        fm_trainer_options options = usual();
        fm_trainer *trainer;
        fm_training_stats stats;
        options.freeze = all;
        options.freeze_count = 1;
        options.loss = FM_LOSS_SIAMESE;
        options.learning_rate = 0.2f;
        options.weight_decay = 0.001f;
        trainer = with_people(texts[i], &options);
        stats = fm_test_train(trainer);
        print_message("siamese on frozen: EER %.4f, then %.4f\n", stats.first_eer, stats.best_eer);
        assert_true(fabs(stats.first_eer - plain_eer(texts[i])) < 0.003);
        assert_true(stats.best_eer <= stats.first_eer);
        fm_trainer_free(trainer);
    }
}

static void test_one_thread_gives_the_same_weights_again(void **state)
{
    fm_trainer_options options = usual();
    fm_trainer *one, *two, *other;
    (void)state;
    options.augmentation.flip = 0.5f;
    options.augmentation.shift = 0.1f;
    one = with_people(PLAIN, &options);
    two = with_people(PLAIN, &options);
    options.seed = 4;
    other = with_people(PLAIN, &options);
    for (int i = 0; i < 2; i++) {
        ok(fm_trainer_epoch(one, NULL, NULL, &err));
        ok(fm_trainer_epoch(two, NULL, NULL, &err));
        ok(fm_trainer_epoch(other, NULL, NULL, &err));
    }
    assert_int_equal(one->last.size, two->last.size);
    assert_memory_equal(one->last.bytes, two->last.bytes, one->last.size);
    assert_memory_not_equal(one->last.bytes, other->last.bytes, one->last.size);
    fm_trainer_free(one);
    fm_trainer_free(two);
    fm_trainer_free(other);
}

/* ---- going on ---- */

static int32_t stop_at(void *user, const fm_training_step *step)
{
    int32_t *left = user;
    assert_true(step->step >= 1 && step->step <= step->steps && step->epoch <= step->epochs);
    return --*left < 0;
}

typedef struct kind {
    const char *text;
    fm_loss loss;
    int frozen, head, flip;
} kind;

static const kind kinds[] = {{PLAIN, FM_LOSS_TRIPLET, 0, 0, 1},
                             {WITH_MAX, FM_LOSS_SOFTMAX, 0, 0, 0},
                             {BUNDLE, FM_LOSS_SIAMESE, 1, 0, 0},
                             {PLAIN, FM_LOSS_CHI_SQUARED, 1, 12, 0}};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static const char *const everything[] = {"all"};

static fm_trainer_options options_of(const kind *k)
{
    fm_trainer_options options = usual();
    options.loss = k->loss;
    options.learning_rate = 0.1f;
    options.steps_per_epoch = 4;
    options.head_dim = k->head;
    options.augmentation.flip = k->flip ? 0.5f : 0;
    options.augmentation.blur = k->flip ? 1 : 0;
    options.freeze = k->frozen ? everything : NULL;
    options.freeze_count = k->frozen ? 1 : 0;
    options.weight_decay = 0.01f;
    return options;
}

static void assert_same_run(const fm_trainer *a, const fm_trainer *b)
{
    fm_training_stats left = fm_test_stats(a), right = fm_test_stats(b);
    assert_int_equal(a->last.size, b->last.size);
    assert_memory_equal(a->last.bytes, b->last.bytes, a->last.size);
    assert_int_equal(a->best.size, b->best.size);
    if (a->best.size > 0)
        assert_memory_equal(a->best.bytes, b->best.bytes, a->best.size);
    assert_memory_equal(&left, &right, sizeof left);
}

static void assert_same_files(const fm_trainer *a, const fm_trainer *b)
{
    fm_model *models[2] = {NULL, NULL};
    fm_trainer_save_options options;
    fm_trainer_save_options_init(&options, sizeof options);
    options.overwrite = 1;
    ok(fm_trainer_save((fm_trainer *)(uintptr_t)a, path_of("a.pt"), &options, &err));
    ok(fm_trainer_save((fm_trainer *)(uintptr_t)b, path_of("b.pt"), &options, &err));
    ok(fm_model_load(&models[0], path_of("a.pt"), NULL, &err));
    ok(fm_model_load(&models[1], path_of("b.pt"), NULL, &err));
    assert_string_equal(models[0]->id, models[1]->id);
    fm_model_free(models[0]);
    fm_model_free(models[1]);
}

static void test_killed_run_goes_on_to_the_same_weights(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        fm_trainer_options options = options_of(&kinds[i]);
        fm_trainer *whole = with_people(kinds[i].text, &options), *killed = NULL, *next;
        fm_test_train(whole);
        for (int32_t step = 3; step < 24; step += 7) { /* killed within the epoch of that step */
            int32_t left = step;
            next = with_people(kinds[i].text, &options);
            if (killed)
                ok(fm_trainer_resume(next, path_of("run"), &err));
            fm_trainer_free(killed);
            killed = next;
            left -= fm_test_stats(killed).epoch * 4;
            while (left >= 4) {
                ok(fm_trainer_epoch(killed, NULL, NULL, &err));
                left -= 4;
            }
            fm_assert_status(fm_trainer_epoch(killed, stop_at, &left, &err), FM_E_CANCELED, &err);
            ok(fm_trainer_checkpoint(killed, path_of("run"), &err));
        }
        next = with_people(kinds[i].text, &options);
        ok(fm_trainer_resume(next, path_of("run"), &err));
        assert_same_run(next, killed);
        fm_test_train(next);
        assert_same_run(next, whole);
        assert_same_files(next, whole);
        fm_trainer_free(next);
        fm_trainer_free(killed);
        fm_trainer_free(whole);
    }
}

/* Saving looks at the best epoch, canceling throws steps away: neither may change what comes. */
static void test_saving_and_canceling_leave_no_trace(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        fm_trainer_options options = options_of(&kinds[i]);
        fm_trainer *whole = with_people(kinds[i].text, &options);
        fm_trainer *other = with_people(kinds[i].text, &options);
        size_t suspects = 0;
        ok(fm_trainer_check(other, &suspects, &err));
        for (int epoch = 0; epoch < 3; epoch++) {
            int32_t left = epoch;
            fm_assert_status(fm_trainer_epoch(other, stop_at, &left, &err), FM_E_CANCELED, &err);
            ok(fm_trainer_epoch(other, NULL, NULL, &err));
            ok(fm_trainer_epoch(whole, NULL, NULL, &err));
            assert_same_files(other, other);
            ok(fm_trainer_check(other, &suspects, &err));
        }
        assert_same_run(other, whole);
        fm_trainer_free(whole);
        fm_trainer_free(other);
    }
}

static void test_resume_says_what_differs(void **state)
{
    fm_trainer_options options = options_of(&kinds[0]), changed = options;
    fm_trainer *trainer = with_people(PLAIN, &options), *other;
    (void)state;
    fm_assert_status(fm_trainer_checkpoint(trainer, path_of("run"), &err), FM_E_STATE, &err);
    ok(fm_trainer_epoch(trainer, NULL, NULL, &err));
    ok(fm_trainer_checkpoint(trainer, path_of("run"), &err));
    fm_assert_status(fm_trainer_resume(trainer, path_of("run"), &err), FM_E_STATE, &err);
    fm_trainer_free(trainer);

    other = with_people(WITH_MAX, &options);
    fm_assert_status(fm_trainer_resume(other, path_of("run"), &err), FM_E_STATE, &err);
    fm_assert_message(&err, "other model");
    fm_trainer_free(other);
    changed.learning_rate = 0.2f;
    other = with_people(PLAIN, &changed);
    fm_assert_status(fm_trainer_resume(other, path_of("run"), &err), FM_E_STATE, &err);
    fm_assert_message(&err, "other options");
    fm_trainer_free(other);
    changed = options;
    changed.threads = 2;
    other = with_people(PLAIN, &changed);
    ok(add(other, 0, EACH, FM_ROLE_TRAIN));
    fm_assert_status(fm_trainer_resume(other, path_of("run"), &err), FM_E_STATE, &err);
    fm_assert_message(&err, "other photographs");
    fm_assert_status(fm_trainer_resume(other, path_of("none"), &err), FM_E_NOT_FOUND, &err);
    fm_test_train(other); /* as if nothing had been tried */
    fm_trainer_free(other);
    other = with_people(PLAIN, &changed);
    ok(fm_trainer_resume(other, path_of("run"), &err));
    fm_trainer_free(other);
}

static void test_damaged_checkpoint_is_refused(void **state)
{
    fm_trainer_options options = options_of(&kinds[0]);
    fm_trainer *trainer = with_people(PLAIN, &options);
    static uint8_t bytes[1 << 20];
    size_t size;
    FILE *file;
    (void)state;
    ok(fm_trainer_epoch(trainer, NULL, NULL, &err));
    ok(fm_trainer_checkpoint(trainer, path_of("run"), &err));
    fm_trainer_free(trainer);
    file = fopen(path_of("run"), "rb");
    assert_non_null(file);
    size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_true(size > 1000 && size < sizeof bytes);
    trainer = with_people(PLAIN, &options);
    for (size_t i = 0; i < size; i += i < 320 ? 5 : size / 40) {
        bytes[i] ^= 0x40;
        fm_test_write_file(path_of("bad"), bytes, size);
        bytes[i] ^= 0x40;
        if (i >= 8 && i < 16)
            fm_assert_status(fm_trainer_resume(trainer, path_of("bad"), &err), FM_E_VERSION, &err);
        else
            fm_assert_status(fm_trainer_resume(trainer, path_of("bad"), &err), FM_E_CORRUPT, &err);
        fm_test_write_file(path_of("bad"), bytes, i ? i : 1);
        fm_assert_status(fm_trainer_resume(trainer, path_of("bad"), &err), FM_E_CORRUPT, &err);
    }
    ok(fm_trainer_resume(trainer, path_of("run"), &err));
    fm_trainer_free(trainer);
}

static void test_patience_ends_a_run(void **state)
{
    fm_trainer_options options = usual();
    fm_trainer *trainer;
    fm_training_stats stats;
    (void)state;
    options.epochs = 1000;
    options.patience = 2;
    options.schedule = FM_SCHEDULE_CONSTANT;
    trainer = with_people(PLAIN, &options);
    stats = fm_test_train(trainer);
    assert_true(stats.epoch < 1000);
    assert_int_equal(stats.epoch, stats.best_epoch + 2);
    fm_trainer_free(trainer);
}

static void test_schedules(void **state)
{
    fm_trainer_options options = usual();
    (void)state;
    options.epochs = 4;
    options.learning_rate = 1;
    options.schedule_epochs = 2;
    options.schedule = FM_SCHEDULE_CONSTANT;
    assert_true(fmi_schedule_rate(&options, 4) == 1);
    options.schedule = FM_SCHEDULE_STEP;
    assert_true(fmi_schedule_rate(&options, 2) == 1);
    assert_true(fabs(fmi_schedule_rate(&options, 3) - 0.1) < 1e-12);
    options.schedule = FM_SCHEDULE_COSINE;
    assert_true(fmi_schedule_rate(&options, 1) == 1);
    assert_true(fabs(fmi_schedule_rate(&options, 3) - 0.5) < 1e-12);
    assert_true(fmi_schedule_rate(&options, 4) > 0.1);
}

/* ---- what is told ---- */

static void expect_failure(fm_trainer *trainer, fm_finding_kind which, const char *part)
{
    fm_status status = FM_OK;
    while (status == FM_OK)
        status = fm_trainer_epoch(trainer, NULL, NULL, &err);
    fm_assert_status(status, FM_E_TRAINING, &err);
    fm_assert_message(&err, part);
    assert_int_equal(told.count[which], 1);
    assert_int_equal(told.fatal, 1);
    assert_string_equal(told.message, err.message);
    fm_assert_status(fm_trainer_epoch(trainer, NULL, NULL, &err), FM_E_STATE, &err);
    fm_assert_status(fm_trainer_save(trainer, path_of("never.pt"), NULL, &err), FM_E_STATE, &err);
    fm_assert_status(fm_trainer_checkpoint(trainer, path_of("never"), &err), FM_E_STATE, &err);
    fm_trainer_free(trainer);
}

static void test_explosion_is_told(void **state)
{
    fm_trainer_options options = usual();
    (void)state;
    options.learning_rate = 10;
    options.epochs = 30;
    expect_failure(with_people(UNSCALED, &options), FM_FINDING_EXPLOSION, "learning rate of 10");
    options.loss = FM_LOSS_SOFTMAX;
    expect_failure(with_people(UNSCALED, &options), FM_FINDING_EXPLOSION, "learning rate of 10");
}

/* The loss of what is not lost yet stays below any limit, but far above where it began. */
static void test_losses_that_go_astray_are_told(void **state)
{
    static const fm_loss losses[] = {FM_LOSS_TRIPLET, FM_LOSS_SOFTMAX, FM_LOSS_SIAMESE};
    (void)state;
    for (int i = 0; i < 3; i++) {
        fm_trainer_options options = usual();
        options.loss = losses[i];
        options.freeze = everything;
        options.freeze_count = 1;
        options.head_dim = 16;
        options.learning_rate = i ? 10 : 1;
        options.momentum = -1;
        expect_failure(with_people(i ? PLAIN : UNSCALED, &options), FM_FINDING_EXPLOSION,
                       "the loss is not finite or huge");
    }
}

/* Weights that decay to nothing take all embeddings with them. */
static void test_collapse_is_told(void **state)
{
    fm_trainer_options options = usual();
    (void)state;
    options.learning_rate = 0.01f;
    options.momentum = -1;
    options.weight_decay = 60;
    options.epochs = 100;
    options.margin = 0.5f;
    expect_failure(with_people(UNSCALED, &options), FM_FINDING_COLLAPSE, "collapse");
    options.mining = FM_MINING_SEMI_HARD;
    expect_failure(with_people(UNSCALED, &options), FM_FINDING_COLLAPSE, "collapse");
    options.loss = FM_LOSS_SOFTMAX;
    expect_failure(with_people(UNSCALED, &options), FM_FINDING_COLLAPSE, "collapse");
}

/* Where labels mean nothing and all that can be moved is what all embeddings have in common, they
 * draw together for ever, without being alike. */
static void test_collapse_that_takes_for_ever_is_told(void **state)
{
    const char *names[] = {"layer.weight"};
    fm_trainer_options options = usual();
    fm_trainer *trainer;
    (void)state;
    options.freeze = names;
    options.freeze_count = 1;
    options.learning_rate = 30;
    options.epochs = 30;
    trainer = create(PLAIN, &options);
    for (uint64_t k = 0; k < EACH; k++)
        for (uint64_t p = 0; p < PEOPLE; p++) {
            char named[2] = {(char)('a' + (p + 3 * k) % PEOPLE), 0};
            ok(add_as(trainer, p, k, named, FM_ROLE_TRAIN));
        }
    expect_failure(trainer, FM_FINDING_COLLAPSE, "become alike");
}

static void test_people_in_both_roles_are_told(void **state)
{
    fm_trainer_options options = usual();
    fm_trainer *trainer = with_people(PLAIN, &options);
    (void)state;
    ok(add(trainer, 3, EACH, FM_ROLE_VALIDATION));
    fm_assert_status(fm_trainer_epoch(trainer, NULL, NULL, &err), FM_E_TRAINING, &err);
    assert_string_equal(told.person, "person 3");
    assert_int_equal(told.count[FM_FINDING_OVERLAP], 1);
    assert_int_equal(told.fatal, 1);
    fm_trainer_free(trainer);
}

static void test_single_photographs_and_idle_epochs_are_told(void **state)
{
    fm_trainer_options options = usual();
    fm_trainer *trainer;
    (void)state;
    options.margin = 0.0001f;
    options.mining = FM_MINING_SEMI_HARD;
    options.people_per_batch = 2;
    options.photographs_per_person = 2;
    options.steps_per_epoch = 1;
    options.epochs = 5;
    trainer = with_people(PLAIN, &options);
    ok(add(trainer, 50, 0, FM_ROLE_TRAIN));
    ok(add(trainer, 150, 0, FM_ROLE_VALIDATION)); /* left out: makes comparisons with others */
    fm_test_train(trainer);
    assert_int_equal(told.count[FM_FINDING_SINGLE], 1);
    assert_int_equal(told.count[FM_FINDING_NO_ACTIVE], 1);
    assert_int_equal(told.fatal, 0);
    fm_trainer_free(trainer);
}

/* Without what changes from one photograph to the next even a fixed matrix knows people. */
static void test_wrong_labels_are_told(void **state)
{
    fm_trainer_options options = usual();
    fm_trainer *trainer;
    size_t suspects = 99;
    (void)state;
    options.epochs = 12;
    trainer = with_people(PLAIN, &options);
    ok(add_as(trainer, 4, EACH, "person 7", FM_ROLE_TRAIN));
    fm_test_train(trainer);
    ok(fm_trainer_check(trainer, &suspects, &err));
    print_message("%zu suspects; %s\n", suspects, told.message);
    assert_int_equal(told.count[FM_FINDING_WRONG_LABEL], suspects);
    fm_trainer_free(trainer);

    options.epochs = 30;
    trainer = create(PLAIN, &options);
    for (uint64_t p = 0; p < 3; p++)
        for (int k = 0; k < 4; k++) /* one photograph of each, several times */
            ok(add(trainer, p, 0, FM_ROLE_TRAIN));
    ok(fm_trainer_check(trainer, &suspects, &err));
    assert_int_equal(suspects, 0);
    ok(add_as(trainer, 1, 0, "person 2", FM_ROLE_TRAIN));
    ok(fm_trainer_check(trainer, &suspects, &err));
    assert_int_equal(suspects, 1);
    assert_string_equal(told.person, "person 2");
    assert_string_equal(told.other, "person 1");
    assert_string_equal(told.image, "1-0.png");
    assert_int_equal(told.fatal, 0);
    ok(fm_trainer_check(trainer, NULL, &err));
    fm_trainer_free(trainer);
}

typedef struct counted {
    int64_t done, total, calls, stop_at; /* stop_at: of which call */
    int rounds;
} counted;

static int32_t count_checked(void *user, int64_t done, int64_t total)
{
    counted *c = user;
    c->rounds += done <= c->done || c->calls == 0;
    c->done = done;
    c->total = total;
    return ++c->calls == c->stop_at;
}

static void test_a_check_tells_how_far_it_is_and_can_be_stopped(void **state)
{
    fm_trainer_options options = usual();
    counted whole = {0}, stopped = {0};
    size_t suspects = 99;
    (void)state;
    options.on_finding = NULL;
    options.on_check = count_checked;
    options.user = &whole;
    fm_trainer *trainer = with_people(PLAIN, &options);
    ok(fm_trainer_check(trainer, NULL, &err));
    assert_int_equal(whole.rounds, 2);
    assert_int_equal(whole.done, whole.total);
    assert_true(whole.calls > whole.total);
    fm_trainer_free(trainer);

    options.user = &stopped;
    trainer = with_people(PLAIN, &options);
    for (int64_t at = 1; at <= whole.calls; at++) {
        stopped = (counted){.stop_at = at};
        fm_assert_status(fm_trainer_check(trainer, &suspects, &err), FM_E_CANCELED, &err);
        assert_int_equal(stopped.calls, at);
        assert_int_equal(suspects, 99);
    }
    stopped = (counted){0};
    ok(fm_trainer_check(trainer, &suspects, &err));
    assert_int_equal(stopped.calls, whole.calls);
    assert_int_not_equal(suspects, 99);
    fm_trainer_free(trainer);
}

static void test_too_few_photographs_are_refused(void **state)
{
    fm_trainer_options options = usual();
    fm_trainer *trainer = create(PLAIN, &options);
    size_t suspects = 7;
    (void)state;
    fm_assert_status(fm_trainer_epoch(trainer, NULL, NULL, &err), FM_E_STATE, &err);
    ok(add(trainer, 0, 0, FM_ROLE_TRAIN));
    ok(add(trainer, 0, 1, FM_ROLE_TRAIN));
    fm_assert_status(fm_trainer_epoch(trainer, NULL, NULL, &err), FM_E_STATE, &err);
    fm_assert_message(&err, "at least two");
    fm_assert_status(fm_trainer_check(trainer, &suspects, &err), FM_E_STATE, &err);
    assert_int_equal(suspects, 7);
    fm_assert_status(fm_trainer_save(trainer, path_of("x.pt"), NULL, &err), FM_E_STATE, &err);
    ok(add(trainer, 1, 0, FM_ROLE_TRAIN));
    ok(add(trainer, 2, 0, FM_ROLE_VALIDATION));
    ok(add(trainer, 3, 0, FM_ROLE_VALIDATION));
    fm_assert_status(fm_trainer_epoch(trainer, NULL, NULL, &err), FM_E_STATE, &err);
    fm_assert_message(&err, "left out");
    ok(add(trainer, 3, 1, FM_ROLE_VALIDATION));
    ok(fm_trainer_epoch(trainer, NULL, NULL, &err));
    fm_assert_status(add(trainer, 4, 0, FM_ROLE_TRAIN), FM_E_STATE, &err);
    fm_trainer_free(trainer);

    trainer = create(PLAIN, &options);
    ok(add(trainer, 0, 0, FM_ROLE_TRAIN));
    ok(add(trainer, 1, 0, FM_ROLE_TRAIN));
    fm_assert_status(fm_trainer_epoch(trainer, NULL, NULL, &err), FM_E_STATE, &err);
    fm_assert_message(&err, "two photographs");
    fm_trainer_free(trainer);
    options.loss = FM_LOSS_SOFTMAX; /* needs no pairs */
    trainer = create(PLAIN, &options);
    ok(add(trainer, 0, 0, FM_ROLE_TRAIN));
    ok(add(trainer, 1, 0, FM_ROLE_TRAIN));
    ok(fm_trainer_epoch(trainer, NULL, NULL, &err));
    assert_true(isnan(fm_test_stats(trainer).eer));
    fm_trainer_free(trainer);
}

static void test_what_makes_no_sense_is_refused(void **state)
{
    const char *names[] = {"layer", "layer.bias", "lay"};
    fm_trainer_options options = usual();
    (void)state;
    options.freeze = names;
    options.freeze_count = 1;
    expect_refused(PLAIN, &options, FM_E_INVALID_ARGUMENT, "nothing is left");
    options.freeze = names + 2;
    expect_refused(PLAIN, &options, FM_E_INVALID_ARGUMENT, "\"lay\"");
    options.freeze = everything;
    expect_refused(PLAIN, &options, FM_E_INVALID_ARGUMENT, "nothing is left");
    options.loss = FM_LOSS_SOFTMAX;
    expect_refused(PLAIN, &options, FM_E_INVALID_ARGUMENT, "nothing is left");
    options.head_dim = 8;
    options.augmentation.flip = 0.5f;
    expect_refused(PLAIN, &options, FM_E_INVALID_ARGUMENT, "looked at once");
    options.augmentation.flip = 0;
    options.fresh = 1;
    expect_refused(PLAIN, &options, FM_E_INVALID_ARGUMENT, "anew");
    options = usual();
    options.fresh = 1;
    expect_refused(FIXED, &options, FM_E_UNSUPPORTED, "draw");
    options.fresh = 0;
    options.head_dim = 8;
    expect_refused(WITH_MAX, &options, FM_E_UNSUPPORTED, "frozen");
    expect_refused(BUNDLE, &options, FM_E_UNSUPPORTED, "several networks");
    options = usual();
    options.loss = FM_LOSS_SIAMESE;
    expect_refused(BUNDLE, &options, FM_E_UNSUPPORTED, "several networks");
    expect_refused(DETECTOR, &options, FM_E_INVALID_ARGUMENT, "not an embedder");
    options.device = "cuda:0";
    expect_refused(PLAIN, &options, FM_E_DEVICE, "cuda:0");
}

/* ---- what is saved ---- */

static fm_model *saved(fm_trainer *trainer, const char *name,
                       const fm_trainer_save_options *options)
{
    fm_model *model = NULL;
    ok(fm_trainer_save(trainer, path_of(name), options, &err));
    ok(fm_model_load(&model, path_of(name), NULL, &err));
    return model;
}

/* Embeddings of those left out by the model alone give the EER that training told. */
static double eer_of(const fm_model *model)
{
    enum { N = LEFT_OUT * EACH };
    static float x[N][64];
    fm_session *session = NULL;
    fm_evaluation *evaluation = NULL;
    fm_evaluation_report report = {.struct_size = sizeof report};
    fm_model_info info = {.struct_size = sizeof info};
    ok(fm_model_describe(model, &info, &err));
    ok(fm_session_create(&session, model, NULL, &err));
    ok(fm_evaluation_new(&evaluation, NULL, &err));
    for (size_t i = 0; i < N; i++) {
        fm_image *image = face_of(100 + i / EACH, i % EACH);
        const fm_image *crop = image;
        ok(fm_embed_aligned(session, &crop, 1, x[i], 64, &err));
        fm_image_free(image);
        for (size_t j = 0; j < i; j++) {
            uint8_t genuine = i / EACH == j / EACH;
            float score = 0;
            ok(fm_compare(model, x[i], x[j], (size_t)info.dim, &score, &err));
            ok(fm_evaluation_add(evaluation, &score, &genuine, NULL, NULL, 1, &err));
        }
    }
    ok(fm_evaluation_describe(evaluation, &report, &err));
    fm_evaluation_free(evaluation);
    fm_session_free(session);
    return report.eer;
}

static void test_saved_model_is_the_best_epoch(void **state)
{
    static const fm_metric metrics[] = {FM_METRIC_EUCLIDEAN, FM_METRIC_COSINE, FM_METRIC_SIAMESE,
                                        FM_METRIC_CHI_SQUARED};
    static const fm_model_family families[] = {FM_FAMILY_TRIPLET, FM_FAMILY_SOFTMAX,
                                               FM_FAMILY_BUNDLE, FM_FAMILY_SOFTMAX};
    static const int32_t dims[] = {16, 16, 24, 12};
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        fm_trainer_options options = options_of(&kinds[i]);
        fm_trainer_save_options to;
        fm_trainer *trainer, *again = NULL;
        fm_training_stats stats;
        fm_model_info info = {.struct_size = sizeof info};
        fm_model *model;
        fm_trainer_save_options_init(&to, sizeof to);
        to.overwrite = 1;
        options.learning_rate = i == 0 ? 1 : 0.3f;
        options.schedule = FM_SCHEDULE_CONSTANT; /* so that the last epoch is not the best */
        trainer = with_people(kinds[i].text, &options);
        stats = fm_test_train(trainer);
        model = saved(trainer, "mine.pt", &to);
        ok(fm_model_describe(model, &info, &err));
        assert_int_equal(info.metric, metrics[i]);
        assert_int_equal(info.family, families[i]);
        assert_int_equal(info.dim, dims[i]);
        assert_string_equal(info.name, "mine");
        assert_string_equal(info.license, "none");
        assert_string_equal(info.training_data, "10 people, 60 photographs");
        assert_string_equal(info.calibration_dataset, "6 people left out of training");
        assert_int_equal(info.calibration_comparisons, LEFT_OUT * EACH * (LEFT_OUT - 1) * EACH / 2);
        print_message("saved: epoch %d of %d, EER %.4f\n", stats.best_epoch, stats.epoch,
                      stats.best_eer);
        assert_true(fabs(eer_of(model) - stats.best_eer) < 0.005);
        if (i < 2) { /* can be trained again */
            memset(&told, 0, sizeof told);
            options.loss = FM_LOSS_TRIPLET;
            options.learning_rate = 0.01f;
            ok(fm_trainer_create(&again, model, &options, &err));
            add_people(again, 0, PEOPLE, FM_ROLE_TRAIN);
            ok(fm_trainer_epoch(again, NULL, NULL, &err));
            fm_trainer_free(again);
        }
        fm_model_free(model);
        fm_trainer_free(trainer);
    }
}

static void test_saving_says_what_it_is_told(void **state)
{
    fm_trainer_options options = usual();
    fm_trainer_save_options to;
    fm_model_info info = {.struct_size = sizeof info};
    fm_trainer *trainer;
    fm_model *model;
    (void)state;
    options.fresh = 1;
    trainer = create(PLAIN, &options);
    add_people(trainer, 0, PEOPLE, FM_ROLE_TRAIN);
    ok(fm_trainer_epoch(trainer, NULL, NULL, &err));
    model = saved(trainer, "first.pt", NULL);
    ok(fm_model_describe(model, &info, &err));
    assert_string_equal(info.license, "not stated");
    assert_string_equal(info.source, "trained by libfacematch from eyes");
    assert_string_equal(info.calibration_dataset, "");
    fm_model_free(model);
    fm_assert_status(fm_trainer_save(trainer, path_of("first.pt"), NULL, &err), FM_E_EXISTS, &err);
    fm_assert_status(fm_trainer_save(trainer, path_of("no/where.pt"), NULL, &err), FM_E_IO, &err);
    fm_trainer_save_options_init(&to, sizeof to);
    to.overwrite = 1;
    to.name = "Ärmel";
    to.license = "CC0";
    to.source = "here";
    to.training_data = "drawn";
    model = saved(trainer, "first.pt", &to);
    ok(fm_model_describe(model, &info, &err));
    assert_string_equal(info.name, "Ärmel");
    assert_string_equal(info.license, "CC0");
    assert_string_equal(info.source, "here");
    assert_string_equal(info.training_data, "drawn");
    fm_model_free(model);
    fm_trainer_free(trainer);
}

/* ---- photographs ---- */

/* On photographs the face is found: a red square on a ground that differs. */
static fm_image *photograph(uint32_t person, int with_face)
{
    fm_image *image = NULL;
    ok(fmi_image_new(&image, 240, 200, &err));
    for (uint32_t y = 0; y < 200; y++)
        for (uint32_t x = 0; x < 240; x++) {
            uint8_t *p = image->owned + y * image->stride + 3 * x;
            int inside = with_face && x >= 80 && x < 160 && y >= 60 && y < 140;
            uint32_t hash = (x / 30 + 8 * (y / 30) + 64 * person + 1) * 2654435761u;
            p[0] = inside ? 255 : 0;
            p[1] = inside ? 0 : (uint8_t)(hash >> 16);
            p[2] = inside ? 0 : (uint8_t)(hash >> 24);
        }
    return image;
}

static void test_faces_are_found_in_photographs(void **state)
{
    fm_trainer_options options = usual();
    fm_model *detector = fm_test_model(DETECTOR), *embedder = fm_test_model(PLAIN);
    fm_trainer *trainer;
    (void)state;
    options.aligned = 0;
    trainer = create(PLAIN, &options);
    fm_assert_status(add(trainer, 0, 0, FM_ROLE_TRAIN), FM_E_STATE, &err);
    fm_assert_message(&err, "detector");
    fm_trainer_free(trainer);
    options.detector = embedder;
    expect_refused(PLAIN, &options, FM_E_INVALID_ARGUMENT, "not a detector");
    options.detector = detector;
    trainer = create(PLAIN, &options);
    fm_model_free(detector);
    fm_model_free(embedder);
    for (uint32_t p = 0; p < 4; p++) {
        char name[16];
        fm_image *image = photograph(p / 2, 1);
        snprintf(name, sizeof name, "%d", (int)p / 2);
        ok(fm_trainer_add_image(trainer, image, name, NULL, FM_ROLE_TRAIN, &err));
        fm_image_free(image);
    }
    fm_image *blank = photograph(9, 0);
    fm_assert_status(fm_trainer_add_image(trainer, blank, "9", NULL, FM_ROLE_TRAIN, &err),
                     FM_E_NOT_FOUND, &err);
    fm_image_free(blank);
    assert_int_equal(fm_test_stats(trainer).people, 2);
    assert_int_equal(fm_test_stats(trainer).photographs, 4);
    ok(fm_trainer_epoch(trainer, NULL, NULL, &err));
    fm_trainer_free(trainer);
}

static void test_many_people(void **state)
{
    fm_trainer_options options = usual();
    fm_trainer *trainer = create(PLAIN, &options);
    (void)state;
    options.steps_per_epoch = 0;
    for (int k = 0; k < 2; k++)
        for (uint64_t p = 0; p < 300; p++)
            ok(add(trainer, p, (uint64_t)k, FM_ROLE_TRAIN));
    assert_int_equal(fm_test_stats(trainer).people, 300);
    assert_int_equal(fm_test_stats(trainer).photographs, 600);
    ok(fm_trainer_epoch(trainer, NULL, NULL, &err));
    fm_trainer_free(trainer);
}

/* ---- without memory ---- */

static fm_status attempt(const kind *k, fm_trainer **out)
{
    fm_trainer_options options = options_of(k);
    options.steps_per_epoch = 1;
    memset(&told, 0, sizeof told);
    return fm_test_trainer(out, k->text, &options, &err);
}

static void test_trainer_without_memory(void **state)
{
    long live = fmi_memory_live_blocks();
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        fm_trainer_options options = options_of(&kinds[i]);
        fm_trainer *trainer = NULL, *smooth = NULL;
        fm_model *model = fm_test_model(kinds[i].text);
        fm_image *image = face_of(200, 0);
        size_t suspects;
        options.steps_per_epoch = 1;
        UNTIL_ENOUGH(fm_trainer_create(&trainer, model, &options, &err));
        ok(attempt(&kinds[i], &smooth));
        fm_model_free(model);
        for (uint64_t p = 0; p < 5; p++)
            for (uint64_t k = 0; k < 2; k++) {
                fm_role role = p < 3 ? FM_ROLE_TRAIN : FM_ROLE_VALIDATION;
                ok(add(trainer, p, k, role));
                ok(add(smooth, p, k, role));
            }
        UNTIL_ENOUGH(fm_trainer_add_image(trainer, image, "new", "x", FM_ROLE_TRAIN, &err));
        ok(fm_trainer_add_image(smooth, image, "new", "x", FM_ROLE_TRAIN, &err));
        fm_image_free(image);
        UNTIL_ENOUGH(fm_trainer_check(trainer, &suspects, &err));
        UNTIL_ENOUGH(fm_trainer_epoch(trainer, NULL, NULL, &err));
        UNTIL_ENOUGH(fm_trainer_epoch(trainer, NULL, NULL, &err));
        UNTIL_ENOUGH(fm_trainer_checkpoint(trainer, path_of("run"), &err));
        UNTIL_ENOUGH(fm_trainer_resume(smooth, path_of("run"), &err));
        assert_same_run(trainer, smooth);
        unlink(path_of("tight.pt"));
        UNTIL_ENOUGH(fm_trainer_save(trainer, path_of("tight.pt"), NULL, &err));
        assert_same_files(trainer, smooth);
        ok(fm_trainer_epoch(trainer, NULL, NULL, &err));
        fm_trainer_free(trainer);
        fm_trainer_free(smooth);
    }
    assert_int_equal(fmi_memory_live_blocks(), live);
}

static int set_up(void **state)
{
    (void)state;
    return fm_test_folder_make(&folder);
}

static int tear_down(void **state)
{
    (void)state;
    fm_test_folder_remove(&folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_triplets_tell_strangers_apart),
        cmocka_unit_test(test_every_loss_and_miner_learns),
        cmocka_unit_test(test_head_on_a_frozen_network),
        cmocka_unit_test(test_learned_metric_begins_as_the_plain_distance),
        cmocka_unit_test(test_one_thread_gives_the_same_weights_again),
        cmocka_unit_test(test_killed_run_goes_on_to_the_same_weights),
        cmocka_unit_test(test_saving_and_canceling_leave_no_trace),
        cmocka_unit_test(test_resume_says_what_differs),
        cmocka_unit_test(test_damaged_checkpoint_is_refused),
        cmocka_unit_test(test_patience_ends_a_run),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_explosion_is_told),
        cmocka_unit_test(test_losses_that_go_astray_are_told),
        cmocka_unit_test(test_collapse_is_told),
        cmocka_unit_test(test_collapse_that_takes_for_ever_is_told),
        cmocka_unit_test(test_people_in_both_roles_are_told),
        cmocka_unit_test(test_single_photographs_and_idle_epochs_are_told),
        cmocka_unit_test(test_wrong_labels_are_told),
        cmocka_unit_test(test_a_check_tells_how_far_it_is_and_can_be_stopped),
        cmocka_unit_test(test_too_few_photographs_are_refused),
        cmocka_unit_test(test_what_makes_no_sense_is_refused),
        cmocka_unit_test(test_saved_model_is_the_best_epoch),
        cmocka_unit_test(test_saving_says_what_it_is_told),
        cmocka_unit_test(test_faces_are_found_in_photographs),
        cmocka_unit_test(test_many_people),
        cmocka_unit_test(test_trainer_without_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
