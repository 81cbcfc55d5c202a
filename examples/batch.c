/* batch IMAGE...: embed many photographs in one call, and tell which of them show the same person.
 *
 * One call for all is faster than one for each: the network sees the faces together.
 * Exit status 0 done, 1 in some photographs there is no face, 2 error. */
#include <facematch/facematch.h>
#include <stdio.h>
#include <stdlib.h>

enum { DONE = 0, SOME_WITHOUT_FACE = 1, FAILED = 2 };

typedef struct program {
    fm_model *embedder, *detector;
    fm_session *session;
    size_t dim, count;
    fm_image **photos;
    float *embeddings;   /* [count][dim] */
    fm_status *statuses; /* [count] */
    fm_error err;
} program;

static fm_status load_model(fm_model **out, const char *name, fm_error *err)
{
    const char *folder = getenv("FACEMATCH_MODELS");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.pt", folder ? folder : "models", name);
    return fm_model_load(out, path, NULL, err);
}

static fm_status open_session(program *p)
{
    fm_session_options options;
    fm_model_info info = {.struct_size = sizeof info};
    fm_status status = load_model(&p->embedder, "default", &p->err);
    if (status == FM_OK)
        status = load_model(&p->detector, "mtcnn", &p->err);
    if (status == FM_OK)
        status = fm_model_describe(p->embedder, &info, &p->err);
    if (status != FM_OK)
        return status;
    p->dim = (size_t)info.dim;
    fm_session_options_init(&options, sizeof options);
    options.detector = p->detector;
    return fm_session_create(&p->session, p->embedder, &options, &p->err);
}

static fm_status embed_all(program *p, char **paths)
{
    p->photos = calloc(p->count, sizeof *p->photos);
    p->embeddings = calloc(p->count * p->dim, sizeof *p->embeddings);
    p->statuses = calloc(p->count, sizeof *p->statuses);
    if (!p->photos || !p->embeddings || !p->statuses) {
        snprintf(p->err.message, sizeof p->err.message, "out of memory");
        return FM_E_NO_MEMORY;
    }
    for (size_t i = 0; i < p->count; i++) {
        fm_status status = fm_image_load_file(&p->photos[i], paths[i], NULL, &p->err);
        if (status != FM_OK)
            return status;
    }
    return fm_embed_batch(p->session, (const fm_image *const *)p->photos, p->count, p->embeddings,
                          p->count * p->dim, p->statuses, &p->err);
}

/* Every photograph against those before it. */
static int compare_all(program *p, char **paths)
{
    int result = DONE;
    for (size_t i = 0; i < p->count; i++) {
        if (p->statuses[i] != FM_OK) {
            printf("%s: no face\n", paths[i]);
            result = SOME_WITHOUT_FACE;
        }
        for (size_t j = 0; j < i && p->statuses[i] == FM_OK; j++) {
            fm_verification v = {.struct_size = sizeof v};
            if (p->statuses[j] != FM_OK)
                continue;
            if (fm_verify_embeddings(p->embedder, p->embeddings + i * p->dim,
                                     p->embeddings + j * p->dim, p->dim, NULL, &v,
                                     &p->err) != FM_OK)
                return FAILED;
            if (v.match)
                printf("%s and %s: score %.3f, fmr %.1e\n", paths[j], paths[i], v.score, v.fmr);
        }
    }
    return result;
}

static void close_all(program *p)
{
    for (size_t i = 0; p->photos && i < p->count; i++)
        fm_image_free(p->photos[i]);
    free(p->photos), free(p->embeddings), free(p->statuses);
    fm_session_free(p->session);
    fm_model_free(p->detector), fm_model_free(p->embedder);
}

int main(int argc, char **argv)
{
    program p = {.err = {.struct_size = sizeof(fm_error)}};
    int result = FAILED;

    if (argc < 2 || argc - 1 > FM_LIMIT_BATCH)
        return fprintf(stderr, "usage: batch IMAGE... (up to %d)\n", FM_LIMIT_BATCH), FAILED;
    p.count = (size_t)argc - 1;
    if (open_session(&p) == FM_OK && embed_all(&p, argv + 1) == FM_OK)
        result = compare_all(&p, argv + 1);
    if (result == FAILED)
        fprintf(stderr, "%s\n", p.err.message);
    close_all(&p);
    return result;
}
