/* Training in libtorch, beside the same runs in PyTorch (learner_nets.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../unit/helpers.h"
#include "backend/model.h"
#include "core/file.h"
#include "core/memory.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As in learner_nets.py. */
enum { N = 6, SIDE = 16, ITEM = 3 * SIDE * SIDE, DIM = 8, CLASSES = 5, EXTRA = 3, STEPS = 20 };
enum { SEED = 77, WIDE = 10 /* the widest features */ };
static const double RATE = 0.01;

#define MANIFEST                                                                                   \
    "{\"format\":1,\"kind\":\"embedder\",\"family\":\"softmax\",\"input\":{\"width\":16,"          \
    "\"height\":16,\"order\":\"RGB\",\"mean\":[0,0,0],\"std\":[1,1,1]},\"alignment\":{\"points\":" \
    "[[1,2],[3,4],[5,6],[7,8],[9,10]],\"border\":\"zero\"},\"embedding\":{\"dim\":%d,"             \
    "\"normalize\":false},\"metric\":\"cosine\"}"

/* torch_chance.cpp, and libtorch's own view of the thread. */
void torch_seed(uint64_t seed);
void torch_draw(float *out, int64_t n);
int torch_threads(void) __asm__("_ZN2at15get_num_threadsEv");
bool torch_gradient(void) __asm__("_ZN3c108GradMode10is_enabledEv");
void torch_set_gradient(bool on) __asm__("_ZN3c108GradMode11set_enabledEb");
bool torch_inference(void) __asm__("_ZN3c1013InferenceMode10is_enabledEv");

static fm_test_folder folder;
static const fmi_backend *torch;
static fmi_net *net, *plain;
static float batches[STEPS][N * ITEM];
static const int64_t SHAPE[4] = {N, 3, SIDE, SIDE};

static void read_file(void *out, size_t size, const char *name)
{
    char path[128];
    uint8_t *bytes = NULL;
    size_t got = 0;
    fm_error err = {sizeof err, 0, ""};
    fm_test_path(path, sizeof path, &folder, name);
    fm_assert_status(fmi_file_read(&bytes, &got, path, UINT64_MAX, &err), FM_OK, &err);
    assert_int_equal(got, size);
    memcpy(out, bytes, size);
    fmi_block_free(bytes);
}

static fmi_net *load_bytes(const void *bytes, size_t size)
{
    fmi_net *loaded = NULL;
    fm_error err = {sizeof err, 0, ""};
    fm_assert_status(torch->load(&loaded, bytes, size, &err), FM_OK, &err);
    return loaded;
}

static fmi_net *load_file(const char *name)
{
    char path[128];
    uint8_t *bytes = NULL;
    size_t size = 0;
    fm_error err = {sizeof err, 0, ""};
    fmi_net *loaded;
    fm_test_path(path, sizeof path, &folder, name);
    fm_assert_status(fmi_file_read(&bytes, &size, path, UINT64_MAX, &err), FM_OK, &err);
    loaded = load_bytes(bytes, size);
    fmi_block_free(bytes);
    return loaded;
}

static int python(const char *arguments)
{
    char command[1024];
    snprintf(command, sizeof command, "/usr/bin/python3 tests/real/learner_nets.py %s", arguments);
    return system(command);
}

static fmi_learner_config defaults(void)
{
    fmi_learner_config c;
    memset(&c, 0, sizeof c);
    c.device = "cpu";
    c.threads = 1;
    c.seed = SEED;
    c.dim = DIM;
    c.optimizer = FM_OPTIMIZER_ADAM;
    return c;
}

static fmi_learner *make(fmi_net *of, const fmi_learner_config *config)
{
    fmi_learner *learner = NULL;
    fm_error err = {sizeof err, 0, ""};
    fm_assert_status(torch->learner_new(of, config, &learner, &err), FM_OK, &err);
    return learner;
}

static void assert_refused(fmi_net *of, const fmi_learner_config *config, fm_status status,
                           const char *part)
{
    fmi_learner *learner = NULL;
    fm_error err = {sizeof err, 0, ""};
    fm_assert_status(torch->learner_new(of, config, &learner, &err), status, &err);
    fm_assert_message(&err, part);
    assert_null(strchr(err.message, '\n'));
    assert_null(learner);
}

static size_t width_of(const fmi_learner_config *c)
{
    return (size_t)(c->head_dim > 0 ? c->head_dim : c->dim);
}

typedef struct pass {
    float features[N * WIDE], logits[N * CLASSES], extra[EXTRA];
} pass;

static void forward(fmi_learner *learner, size_t step, pass *out)
{
    fm_error err = {sizeof err, 0, ""};
    fm_assert_status(torch->learner_forward(learner, 0, step, batches[step % STEPS], SHAPE,
                                            out->features, out->logits, &err),
                     FM_OK, &err);
}

/* The loss is half the squared distance to 0.25 (features) and 1 (logits, extra). */
static void train_step(fmi_learner *learner, const fmi_learner_config *c, size_t step, pass *out)
{
    float features[N * WIDE], logits[N * CLASSES], extra[EXTRA];
    fm_error err = {sizeof err, 0, ""};
    forward(learner, step, out);
    fm_assert_status(torch->learner_extra(learner, out->extra, &err), FM_OK, &err);
    for (size_t i = 0; i < N * width_of(c); i++)
        features[i] = out->features[i] - 0.25F;
    for (size_t i = 0; i < N * CLASSES; i++)
        logits[i] = out->logits[i] - 1;
    for (size_t i = 0; i < EXTRA; i++)
        extra[i] = out->extra[i] - 1;
    fm_assert_status(torch->learner_step(learner, features, c->classes ? logits : NULL,
                                         c->extra ? extra : NULL, RATE, &err),
                     FM_OK, &err);
}

static void train(fmi_learner *learner, const fmi_learner_config *c, size_t from, size_t to)
{
    static pass out;
    for (size_t step = from; step < to; step++)
        train_step(learner, c, step, &out);
}

static void run(fmi_learner *learner, const float *in, float *out)
{
    fm_error err = {sizeof err, 0, ""};
    fm_assert_status(torch->learner_run(learner, 0, in, SHAPE, out, &err), FM_OK, &err);
}

typedef struct bytes {
    void *data;
    size_t size;
} bytes;

static bytes state_of(const fmi_learner *learner)
{
    bytes b = {NULL, 0};
    fm_error err = {sizeof err, 0, ""};
    fm_assert_status(torch->learner_state(learner, &b.data, &b.size, &err), FM_OK, &err);
    return b;
}

static bytes archive_of(const fmi_learner *learner, size_t dim)
{
    char manifest[1024];
    bytes b = {NULL, 0};
    fm_error err = {sizeof err, 0, ""};
    snprintf(manifest, sizeof manifest, MANIFEST, (int)dim);
    fm_assert_status(
        torch->learner_archive(learner, manifest, strlen(manifest), &b.data, &b.size, &err), FM_OK,
        &err);
    return b;
}

static void assert_same(bytes a, bytes b)
{
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    fmi_free(a.data);
    fmi_free(b.data);
}

/* ---- beside PyTorch */

static const char *const stem[] = {"stem"}, *const others[] = {"stem2", "fc.bias"};

static fmi_learner_config run_config(size_t i)
{
    fmi_learner_config c = defaults();
    c.fresh = i != 1;
    c.optimizer = (fm_optimizer)(FM_OPTIMIZER_ADAM + i);
    c.momentum = i == 1 ? 0.9 : 0;
    c.weight_decay = i == 2 ? 0.001 : 0.01;
    c.head_dim = i == 0 ? 10 : i == 1 ? 0 : 4;
    c.classes = i == 2 ? 0 : CLASSES;
    c.extra = i == 0 ? EXTRA : 0;
    c.freeze = i == 0 ? stem : i == 1 ? NULL : others;
    c.freeze_count = i;
    if (i < 2)
        c.freeze_count = i == 0 ? 1 : 0;
    return c;
}

/* As the library loads a model: checked, frozen, fused. */
static void run_archive(bytes archive, size_t dim, float *out)
{
    const int64_t shape[3] = {3, SIDE, SIDE};
    fm_model_options options = {sizeof options, 0, UINT64_MAX, NULL, NULL, 0};
    fm_model *model = NULL;
    fmi_part *part = NULL;
    fm_error err = {sizeof err, 0, ""};
    fm_assert_status(fmi_model_load(&model, archive.data, archive.size, &options, &err), FM_OK,
                     &err);
    fm_assert_status(fmi_model_part(model, "", FM_PRECISION_FLOAT32, &part, &err), FM_OK, &err);
    fm_assert_status(fmi_model_run_items(model, part, 1, batches[0], N, shape, out, dim, &err),
                     FM_OK, &err);
    fmi_model_release(model);
}

static void assert_archive_runs(fmi_learner *learner, const fmi_learner_config *c, const char *name)
{
    float want[N * WIDE], got[N * WIDE];
    size_t n = N * width_of(c);
    char path[128], arguments[600];
    bytes archive = archive_of(learner, width_of(c));
    run(learner, batches[0], want);
    run_archive(archive, width_of(c), got);
    fm_assert_floats_near(got, want, n, 1e-5, 1e-5);
    fm_test_write_file(fm_test_path(path, sizeof path, &folder, name), archive.data, archive.size);
    snprintf(arguments, sizeof arguments, "outputs %s %s/first.bin %s/out.bin", path, folder.path,
             folder.path);
    assert_int_equal(python(arguments), 0);
    read_file(got, n * sizeof *got, "out.bin");
    fm_assert_floats_near(got, want, n, 1e-5, 1e-5);
    fmi_free(archive.data);
}

/* In its file: features and logits of the last step, the extra parameters, an embedding. */
static void assert_run_equals(size_t i, const char *name)
{
    fmi_learner_config c = run_config(i);
    float want[2 * N * WIDE + N * CLASSES + EXTRA], *next = want, embedding[N * WIDE];
    size_t features = N * width_of(&c), logits = N * (size_t)c.classes;
    fmi_learner *learner = make(net, &c);
    fm_error err = {sizeof err, 0, ""};
    static pass out;
    char text[64];
    snprintf(text, sizeof text, "%s.bin", name);
    read_file(want, (2 * features + logits + c.extra) * sizeof *want, text);
    for (size_t step = 0; step < STEPS; step++)
        train_step(learner, &c, step, &out);
    fm_assert_floats_near(out.features, next, features, 1e-5, 1e-5);
    fm_assert_floats_near(out.logits, next += features, logits, 1e-5, 1e-5);
    fm_assert_status(torch->learner_extra(learner, out.extra, &err), FM_OK, &err);
    fm_assert_floats_near(out.extra, next += logits, c.extra, 1e-5, 1e-5);
    run(learner, batches[0], embedding);
    fm_assert_floats_near(embedding, next + c.extra, features, 1e-5, 1e-5);
    snprintf(text, sizeof text, "%s.pt", name);
    assert_archive_runs(learner, &c, text);
    torch->learner_free(learner);
}

static void test_learner_runs_equal_pytorch(void **state)
{
    static const char *const names[] = {"adam", "sgd", "adagrad"};
    char arguments[256];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_run_equals(i, names[i]);
        snprintf(arguments, sizeof arguments, "check %s %s", folder.path, names[i]);
        assert_int_equal(python(arguments), 0);
    }
}

/* ---- repetition */

static void test_learner_goes_on_from_a_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fmi_learner_config c = run_config(i);
        fmi_learner *whole = make(net, &c), *second;
        fm_error err = {sizeof err, 0, ""};
        bytes half;
        train(whole, &c, 0, 7);
        half = state_of(whole);
        train(whole, &c, 7, STEPS);
        second = make(net, &c);
        train(second, &c, 3, 5); /* none of this is left */
        forward(second, 0, &(pass){0});
        fm_assert_status(torch->learner_restore(second, half.data, half.size, &err), FM_OK, &err);
        train(second, &c, 7, STEPS);
        assert_same(state_of(whole), state_of(second));
        assert_same(archive_of(whole, width_of(&c)), archive_of(second, width_of(&c)));
        fmi_free(half.data);
        torch->learner_free(whole);
        torch->learner_free(second);
    }
}

typedef struct job {
    fmi_learner_config config;
    fmi_learner *learner;
    fm_status status;
} job;

static void *train_job(void *user)
{
    static const float gradient[N * WIDE] = {1, -1, 1};
    job *j = user;
    pass out;
    for (size_t step = 0; step < STEPS && j->status == FM_OK; step++) {
        j->status = torch->learner_forward(j->learner, 0, step, batches[step], SHAPE, out.features,
                                           out.logits, NULL);
        if (j->status == FM_OK)
            j->status = torch->learner_step(j->learner, gradient, NULL, NULL, RATE, NULL);
    }
    return NULL;
}

/* Beside another one, with dropout in both. */
static void test_learners_in_threads_do_as_alone(void **state)
{
    job jobs[3];
    pthread_t threads[2];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        jobs[i].config = run_config(1);
        jobs[i].learner = make(net, &jobs[i].config);
        jobs[i].status = FM_OK;
    }
    train_job(&jobs[2]);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, train_job, &jobs[i]), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(jobs[i].status, FM_OK);
    assert_same(state_of(jobs[0].learner), state_of(jobs[2].learner));
    assert_same(state_of(jobs[1].learner), state_of(jobs[2].learner));
    for (size_t i = 0; i < 3; i++)
        torch->learner_free(jobs[i].learner);
}

static void test_learner_draws_by_seed_and_step(void **state)
{
    fmi_learner_config c = defaults(), other = defaults();
    fmi_learner *a, *b;
    pass first, second;
    (void)state;
    c.fresh = other.fresh = true;
    other.seed = SEED + 1;
    a = make(net, &c);
    b = make(net, &other);
    run(a, batches[0], first.features);
    run(b, batches[0], second.features);
    assert_memory_not_equal(first.features, second.features, N * DIM * sizeof(float));
    forward(a, 0, &first);
    forward(a, 0, &second); /* batch statistics are those of the batch */
    assert_memory_equal(first.features, second.features, N * DIM * sizeof(float));
    forward(a, STEPS, &second); /* the same batch with another dropout */
    assert_memory_not_equal(first.features, second.features, N * DIM * sizeof(float));
    torch->learner_free(a);
    torch->learner_free(b);
}

static void test_learner_leaves_the_applications_chance_alone(void **state)
{
    float want[9], got[9];
    fmi_learner_config c = run_config(0);
    fmi_learner *learner;
    (void)state;
    torch_seed(5);
    torch_draw(want, 3);
    torch_draw(want + 3, 3);
    torch_draw(want + 6, 3);
    torch_seed(5);
    torch_draw(got, 3);
    learner = make(net, &c);
    torch_draw(got + 3, 3);
    train(learner, &c, 0, 2);
    torch_draw(got + 6, 3);
    assert_memory_equal(got, want, sizeof want);
    torch->learner_free(learner);
}

/* ---- the network it was made of, and the thread */

static void run_net(float *out)
{
    const fmi_part_config config = {FM_PRECISION_FLOAT32, false};
    fmi_part *part = NULL;
    fm_error err = {sizeof err, 0, ""};
    fm_assert_status(torch->prepare(net, "", &config, &part, &err), FM_OK, &err);
    fm_assert_status(torch->run(part, 1, batches[0], SHAPE, out, (size_t)(N * DIM), &err), FM_OK,
                     &err);
}

static void test_learner_leaves_the_model_alone(void **state)
{
    float before[N * DIM], after[N * DIM], own[N * DIM];
    fmi_learner_config c = defaults();
    fmi_learner *learner = make(net, &c), *later;
    (void)state;
    run_net(before);
    run(learner, batches[0], own);
    fm_assert_floats_near(own, before, N * DIM, 1e-5, 1e-5);
    train(learner, &c, 0, 3);
    run_net(after);
    assert_memory_equal(before, after, sizeof before);
    later = make(net, &c);
    run(later, batches[0], after);
    assert_memory_equal(own, after, sizeof own);
    run(learner, batches[0], after);
    assert_memory_not_equal(own, after, sizeof own);
    torch->learner_free(learner);
    torch->learner_free(later);
}

static void test_learner_puts_modes_back(void **state)
{
    fmi_learner_config c = defaults();
    int threads = torch_threads();
    (void)state;
    c.threads = threads + 1;
    for (int gradient = 0; gradient < 2; gradient++) {
        fmi_learner *learner;
        bytes saved;
        torch_set_gradient(gradient);
        learner = make(net, &c);
        train(learner, &c, 0, 2);
        saved = state_of(learner);
        assert_int_equal(torch->learner_restore(learner, saved.data, saved.size, NULL), FM_OK);
        fmi_free(saved.data);
        saved = archive_of(learner, DIM);
        fmi_free(saved.data);
        run(learner, batches[0], (pass){0}.features);
        torch->learner_free(learner);
        assert_int_equal(torch_gradient(), gradient);
        assert_int_equal(torch_threads(), threads);
        assert_false(torch_inference());
    }
}

/* ---- layers behind the network */

static void test_learner_head_begins_as_the_identity(void **state)
{
    const int64_t shape[4] = {DIM, DIM, 1, 1};
    float unit[DIM][DIM] = {{0}}, got[DIM * 2 * DIM];
    fm_error err = {sizeof err, 0, ""};
    (void)state;
    for (size_t i = 0; i < DIM; i++)
        unit[i][i] = 1;
    for (int32_t rows = 4; rows <= 2 * DIM; rows += 4) { /* 4, 8, 12, 16 */
        fmi_learner_config c = defaults();
        fmi_learner *learner;
        c.skip_network = true;
        c.head_dim = rows;
        learner = make(net, &c);
        fm_assert_status(torch->learner_run(learner, 0, unit[0], shape, got, &err), FM_OK, &err);
        for (int32_t i = 0; i < DIM; i++) /* got[i][k] = weight[k][i] */
            for (int32_t k = 0; k < rows && k < DIM; k++)
                assert_true(got[i * rows + k] == (i == k));
        for (int32_t k = DIM; k < rows; k++)
            for (int32_t l = DIM; l <= k; l++) {
                double product = 0;
                for (int32_t i = 0; i < DIM; i++)
                    product += (double)got[i * rows + k] * (double)got[i * rows + l];
                assert_true(fabs(product - (k == l)) < 1e-6);
            }
        torch->learner_free(learner);
    }
}

/* What goes in is the network's output: the network stays as it is, and is saved. */
static void test_learner_without_its_network(void **state)
{
    const int64_t shape[4] = {N, DIM, 1, 1};
    float before[N * DIM], in[N * DIM], gradient[N * WIDE] = {1, 2, -1}, out[N * WIDE],
                                                     want[N * WIDE];
    fmi_learner_config c = defaults();
    fm_error err = {sizeof err, 0, ""};
    fmi_learner *learner;
    bytes archive;
    (void)state;
    run_net(before);
    c.skip_network = true;
    assert_refused(net, &c, FM_E_INVALID_ARGUMENT, "nothing is left to train");
    c.head_dim = 4;
    learner = make(net, &c);
    memcpy(in, before, sizeof in);
    for (uint64_t step = 0; step < 5; step++) {
        fm_assert_status(torch->learner_forward(learner, 0, step, in, shape, out, NULL, &err),
                         FM_OK, &err);
        fm_assert_status(torch->learner_step(learner, gradient, NULL, NULL, RATE, &err), FM_OK,
                         &err);
    }
    fm_assert_status(torch->learner_run(learner, 0, in, shape, want, &err), FM_OK, &err);
    archive = archive_of(learner, 4);
    run_archive(archive, 4, out);
    fm_assert_floats_near(out, want, N * 4, 1e-5, 1e-5);
    assert_true(fabsf(want[0] - before[0]) > 1e-3F);
    assert_int_equal(torch->learner_forward(learner, 0, 0, batches[0], SHAPE, out, NULL, &err),
                     FM_E_BACKEND);
    fmi_free(archive.data);
    torch->learner_free(learner);
}

static void test_learner_wraps_what_was_wrapped(void **state)
{
    fmi_learner_config c = defaults();
    float before[N * DIM], want[N * WIDE], got[N * WIDE];
    fmi_net *inner = NULL;
    c.head_dim = DIM; /* begins as the identity */
    (void)state;
    run_net(before);
    for (size_t depth = 0; depth < 3; depth++) {
        fmi_learner *learner = make(inner ? inner : net, &c);
        bytes archive;
        run(learner, batches[0], got);
        fm_assert_floats_near(got, before, N * DIM, 1e-5, 1e-5);
        train(learner, &c, 0, 3);
        run(learner, batches[0], before);
        assert_archive_runs(learner, &c, "wrapped.pt");
        archive = archive_of(learner, DIM);
        torch->free(inner);
        inner = load_bytes(archive.data, archive.size);
        fmi_free(archive.data);
        torch->learner_free(learner);
    }
    c.freeze = (const char *const[]){"base", "head"};
    c.freeze_count = 2;
    c.head_dim = 4;
    fmi_learner *learner = make(inner, &c);
    assert_false(torch->learner_has_feature_max(learner));
    run(learner, batches[0], want);
    for (size_t i = 0; i < N * 4; i++)
        assert_true(fabsf(want[i] - before[i / 4 * DIM + i % 4]) < 1e-5F);
    torch->learner_free(learner);
    c.head_dim = 0;
    assert_refused(inner, &c, FM_E_INVALID_ARGUMENT, "nothing is left to train");
    torch->free(inner);
}

static void test_learner_divides_by_feature_max(void **state)
{
    fmi_learner_config c = defaults(), headed = defaults();
    float before[N * DIM], after[N * DIM], largest[DIM];
    fm_error err = {sizeof err, 0, ""};
    fmi_learner *learner = make(net, &c), *other;
    (void)state;
    for (size_t i = 0; i < DIM; i++)
        largest[i] = (float)(i + 2);
    assert_true(torch->learner_has_feature_max(learner));
    run(learner, batches[0], before);
    fm_assert_status(torch->learner_set_feature_max(learner, largest, &err), FM_OK, &err);
    run(learner, batches[0], after);
    for (size_t i = 0; i < N * DIM; i++)
        assert_true(fabsf(after[i] * largest[i % DIM] - before[i]) < 1e-5F);
    assert_archive_runs(learner, &c, "divided.pt");
    torch->learner_free(learner);
    headed.head_dim = DIM;
    other = make(net, &headed);
    assert_false(torch->learner_has_feature_max(other));
    assert_int_equal(torch->learner_set_feature_max(other, largest, &err), FM_E_UNSUPPORTED);
    torch->learner_free(other);
    other = make(plain, &c);
    assert_false(torch->learner_has_feature_max(other));
    torch->learner_free(other);
}

/* ---- what is refused */

static void test_learner_refuses_what_cannot_be(void **state)
{
    fmi_learner_config c = defaults();
    (void)state;
    c.fresh = true;
    assert_refused(plain, &c, FM_E_UNSUPPORTED, "initialize");
    c = defaults();
    c.freeze = (const char *const[]){"stem", "ste"};
    c.freeze_count = 2;
    assert_refused(net, &c, FM_E_INVALID_ARGUMENT, "\"ste\"");
    assert_refused(net, &c, FM_E_INVALID_ARGUMENT, "stem2.conv");
    c.freeze = (const char *const[]){"drop"};
    c.freeze_count = 1;
    assert_refused(net, &c, FM_E_INVALID_ARGUMENT, "\"drop\"");
    c.freeze = (const char *const[]){"stem", "stem2", "fc"};
    c.freeze_count = 3;
    assert_refused(net, &c, FM_E_INVALID_ARGUMENT, "nothing is left to train");
    c = defaults();
    const char *devices[] = {"cuda:99", "cuda:", "cuda:x", "cuda", "tpu", ""};
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        c.device = devices[i];
        assert_refused(net, &c, FM_E_DEVICE, "cpu");
        assert_refused(net, &c, FM_E_DEVICE, devices[i]);
    }
}

static void test_learner_reports_wrong_sizes(void **state)
{
    const int64_t shape[4] = {N, 4, SIDE, SIDE};
    fmi_learner_config c = defaults();
    fm_error err = {sizeof err, 0, ""};
    static float in[N * 4 * SIDE * SIDE];
    float out[N * DIM] = {42};
    fmi_learner *learner;
    (void)state;
    c.dim = 9;
    learner = make(net, &c);
    fm_assert_status(torch->learner_forward(learner, 0, 0, in, SHAPE, out, NULL, &err),
                     FM_E_BACKEND, &err);
    fm_assert_message(&err, "48");
    fm_assert_message(&err, "54");
    fm_assert_status(torch->learner_run(learner, 0, in, shape, out, &err), FM_E_BACKEND, &err);
    fm_assert_status(torch->learner_step(learner, in, NULL, NULL, RATE, &err), FM_E_INTERNAL, &err);
    assert_true(out[0] == 42);
    torch->learner_free(learner);
}

static void test_learner_refuses_other_states(void **state)
{
    fmi_learner_config c = run_config(1);
    fmi_learner *learner = make(net, &c), *other;
    fm_error err = {sizeof err, 0, ""};
    bytes good, before;
    (void)state;
    train(learner, &c, 0, 2);
    good = state_of(learner);
    train(learner, &c, 2, 4);
    before = state_of(learner);
    for (size_t size = 0; size < good.size; size += 1 + good.size / 97)
        fm_assert_status(torch->learner_restore(learner, good.data, size, &err), FM_E_CORRUPT,
                         &err);
    for (size_t at = 0; at < good.size; at += 1 + good.size / 97) {
        ((uint8_t *)good.data)[at] ^= 4;
        fm_assert_status(torch->learner_restore(learner, good.data, good.size, &err), FM_E_CORRUPT,
                         &err);
        ((uint8_t *)good.data)[at] ^= 4;
    }
    for (size_t i = 0; i < 5; i++) {
        fmi_learner_config differs = c;
        differs.optimizer = i == 0 ? FM_OPTIMIZER_ADAM : c.optimizer;
        differs.classes += i == 1;
        differs.extra += i == 2;
        differs.head_dim = i == 3 ? DIM : 0;
        other = make(i == 4 ? plain : net, &differs);
        fm_assert_status(torch->learner_restore(other, good.data, good.size, &err), FM_E_CORRUPT,
                         &err);
        fm_assert_message(&err, "another network or other options");
        torch->learner_free(other);
    }
    assert_same(before, state_of(learner));
    fmi_free(good.data);
    torch->learner_free(learner);
}

/* ---- memory */

static long resident_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void test_learner_does_not_grow(void **state)
{
    fmi_learner_config c = run_config(0);
    fmi_learner *learner = make(net, &c);
    float out[N * WIDE];
    long before;
    (void)state;
    train(learner, &c, 0, 50);
    before = resident_kib();
    for (size_t i = 0; i < 500; i += 10) {
        bytes b;
        train(learner, &c, i, i + 10);
        run(learner, batches[0], out);
        b = state_of(learner);
        fmi_free(b.data);
        b = archive_of(learner, 10);
        fmi_free(b.data);
        if (i == 50)
            before = resident_kib();
    }
    printf("resident: %ld KiB, then %ld KiB\n", before, resident_kib());
    assert_true(resident_kib() - before < 1024);
    torch->learner_free(learner);
}

static void test_learner_survives_a_lack_of_memory(void **state)
{
    fmi_learner_config c = defaults();
    fmi_learner *learner = make(net, &c);
    fm_error err = {sizeof err, 0, ""};
    void *out = NULL;
    size_t size = 0;
    (void)state;
    fmi_memory_fail_after(0);
    fm_status of_state = torch->learner_state(learner, &out, &size, &err);
    fm_status of_archive = torch->learner_archive(learner, "{}", 2, &out, &size, &err);
    fmi_memory_fail_after(1);
    fm_status of_second = torch->learner_archive(learner, "{}", 2, &out, &size, &err);
    fmi_memory_fail_after(-1);
    assert_int_equal(of_state, FM_E_NO_MEMORY);
    assert_int_equal(of_archive, FM_E_NO_MEMORY);
    assert_int_equal(of_second, FM_E_NO_MEMORY);
    assert_null(out);
    torch->learner_free(learner);
}

static int set_up(void **state)
{
    char arguments[256], path[256];
    (void)state;
    torch = fmi_backend_get();
    if (fm_test_folder_make(&folder) != 0)
        return -1;
    snprintf(arguments, sizeof arguments, "make %s", folder.path);
    if (python(arguments) != 0)
        return -1;
    net = load_file("net.pt");
    plain = load_file("plain.pt");
    read_file(batches, sizeof batches, "batches.bin");
    fm_test_write_file(fm_test_path(path, sizeof path, &folder, "first.bin"), batches[0],
                       sizeof batches[0]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    torch->free(net);
    torch->free(plain);
    fm_test_folder_remove(&folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learner_runs_equal_pytorch),
        cmocka_unit_test(test_learner_goes_on_from_a_state),
        cmocka_unit_test(test_learners_in_threads_do_as_alone),
        cmocka_unit_test(test_learner_draws_by_seed_and_step),
        cmocka_unit_test(test_learner_leaves_the_applications_chance_alone),
        cmocka_unit_test(test_learner_leaves_the_model_alone),
        cmocka_unit_test(test_learner_puts_modes_back),
        cmocka_unit_test(test_learner_head_begins_as_the_identity),
        cmocka_unit_test(test_learner_without_its_network),
        cmocka_unit_test(test_learner_wraps_what_was_wrapped),
        cmocka_unit_test(test_learner_divides_by_feature_max),
        cmocka_unit_test(test_learner_refuses_what_cannot_be),
        cmocka_unit_test(test_learner_reports_wrong_sizes),
        cmocka_unit_test(test_learner_refuses_other_states),
        cmocka_unit_test(test_learner_does_not_grow),
        cmocka_unit_test(test_learner_survives_a_lack_of_memory),
    };
    return cmocka_run_group_tests_name("learner", tests, set_up, tear_down);
}
