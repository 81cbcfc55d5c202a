/* Of a face that was embedded nothing is left in memory: not the photograph, not the crop, not the
 * embedding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "remains.h"
#include <facematch/facematch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_WINDOWS = 20000, FEWEST_WINDOWS = 40 };

/* What is known of a face in the end, and what it takes to know it. */
typedef struct work {
    fm_model *detector, *embedder;
    fm_session *session;
    fm_image *photograph;
    float *embedding; /* [dim] */
    size_t dim;
} work;

typedef struct traces {
    fm_remains *photograph, *crop, *embedding;
} traces;

static fm_error err = {.struct_size = sizeof err};

/* Ends the process: in a child the tests must not go on. */
static void ok(fm_status status)
{
    if (status == FM_OK)
        return;
    fprintf(stderr, "%s\n", err.message);
    _exit(1);
}

static fm_model *load_model(const char *name)
{
    const char *folder = getenv("FACEMATCH_MODELS");
    char path[4096];
    fm_model *model = NULL;
    snprintf(path, sizeof path, "%s/%s.pt", folder ? folder : "models", name);
    ok(fm_model_load(&model, path, NULL, &err));
    return model;
}

static void load_photograph(work *w)
{
    const char *folder = getenv("FACEMATCH_PHOTOS");
    char path[4096];
    snprintf(path, sizeof path, "%s/obama.jpg", folder ? folder : "build/photos");
    ok(fm_image_load_file(&w->photograph, path, NULL, &err));
}

static void begin(work *w, const char *model)
{
    fm_session_options options;
    fm_model_info info = {.struct_size = sizeof info};
    memset(w, 0, sizeof *w);
    w->embedder = load_model(model);
    w->detector = load_model("mtcnn");
    ok(fm_model_describe(w->embedder, &info, &err));
    w->dim = (size_t)info.dim;
    w->embedding = calloc(w->dim, sizeof *w->embedding); /* stacks are not looked at */
    ok(w->embedding ? FM_OK : FM_E_NO_MEMORY);
    fm_session_options_init(&options, sizeof options);
    options.detector = w->detector;
    ok(fm_session_create(&w->session, w->embedder, &options, &err));
    load_photograph(w);
}

static void embed(work *w)
{
    ok(fm_embed(w->session, w->photograph, NULL, w->embedding, w->dim, NULL, NULL, &err));
}

static void look_for_pixels(fm_remains *out, const fm_image *image)
{
    fm_image_info info = {.struct_size = sizeof info};
    size_t size;
    uint8_t *pixels;
    ok(fm_image_describe(image, &info, &err));
    size = (size_t)info.width_px * (size_t)info.height_px * 3;
    pixels = malloc(size);
    ok(pixels ? FM_OK : FM_E_NO_MEMORY);
    ok(fm_image_copy_rgb(image, pixels, size, NULL, &err));
    fm_remains_look_for(out, pixels, size, 1 + size / MOST_WINDOWS);
    free(pixels);
}

/* In a process of its own, so that nothing of it ever was in this one's memory. */
static void look_at_face(traces *t, const char *model)
{
    work w;
    fm_image *crop = NULL;
    begin(&w, model);
    embed(&w);
    ok(fm_align(w.session, w.photograph, NULL, &crop, &err));
    look_for_pixels(t->photograph, w.photograph);
    look_for_pixels(t->crop, crop);
    fm_remains_look_for(t->embedding, w.embedding, w.dim * sizeof(float), FM_REMAINS_WINDOW);
}

static void make_traces(traces *t, const char *model)
{
    int status;
    pid_t child;
    t->photograph = fm_remains_new(MOST_WINDOWS);
    t->crop = fm_remains_new(MOST_WINDOWS);
    t->embedding = fm_remains_new(MOST_WINDOWS);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        look_at_face(t, model);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(t->photograph->count > FEWEST_WINDOWS && t->crop->count > FEWEST_WINDOWS &&
                t->embedding->count > FEWEST_WINDOWS);
}

static void assert_forgotten(const traces *t)
{
    assert_int_equal(fm_remains_find(t->photograph, true), 0);
    assert_int_equal(fm_remains_find(t->crop, true), 0);
    assert_int_equal(fm_remains_find(t->embedding, true), 0);
}

static void assert_forgets(const char *model)
{
    work w;
    traces t;
    make_traces(&t, model);
    begin(&w, model);
    embed(&w);
    assert_true(fm_remains_find(t.photograph, false) > 0); /* or the search is at fault */
    assert_true(fm_remains_find(t.embedding, false) > 0);
    explicit_bzero(w.embedding, w.dim * sizeof *w.embedding);
    free(w.embedding);
    fm_image_free(w.photograph);
    fm_session_free(w.session);
    assert_forgotten(&t); /* networks keep nothing for the next face */
    fm_model_free(w.detector);
    fm_model_free(w.embedder);
    assert_forgotten(&t);
    fm_remains_free(t.photograph);
    fm_remains_free(t.crop);
    fm_remains_free(t.embedding);
}

/* Its embedding is what the network gives. */
static void test_remains_of_raw_embeddings(void **state)
{
    (void)state;
    assert_forgets("dlib-resnet-v1");
}

/* Its embedding is scaled and has parts of several networks. */
static void test_remains_of_fused_embeddings(void **state)
{
    (void)state;
    assert_forgets("accurate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remains_of_raw_embeddings),
        cmocka_unit_test(test_remains_of_fused_embeddings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
