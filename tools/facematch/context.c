#include "context.h"

#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "keys.h"
#include "output.h"
#include "progress.h"
#include "search.h"

#define DEFAULT_EMBEDDER "default"
#define DEFAULT_DETECTOR "mtcnn"
#define DEFAULT_LIVENESS "minifasnet"

const char *ctx_kind_name(fm_model_kind kind)
{
    return kind == FM_MODEL_EMBEDDER   ? "embedder"
           : kind == FM_MODEL_DETECTOR ? "detector"
           : kind == FM_MODEL_LIVENESS ? "liveness"
                                       : "unknown";
}

static fm_model *load_model(const char *path, fm_model_kind kind, fm_model_info *info)
{
    fm_error err = {sizeof err, 0, ""};
    fm_model *model = NULL;
    info->struct_size = sizeof *info;
    if (fm_model_load(&model, path, NULL, &err) != FM_OK ||
        fm_model_describe(model, info, &err) != FM_OK) {
        out_library_error(path, &err);
    } else if (kind && info->kind != kind) {
        out_error(NULL, FM_E_INVALID_ARGUMENT, "%s: its kind is %s, not %s", path,
                  ctx_kind_name(info->kind), ctx_kind_name(kind));
    } else {
        return model;
    }
    fm_model_free(model);
    return NULL;
}

fm_model *ctx_model(const options *opts, const char *name, fm_model_kind kind, fm_model_info *info)
{
    char *path = search_model(opts, name);
    fm_model *model = path ? load_model(path, kind, info) : NULL;
    free(path);
    return model;
}

fm_session *ctx_session(const context *ctx, int32_t threads)
{
    fm_error err = {sizeof err, 0, ""};
    fm_session *session = NULL;
    fm_session_options settings;
    fm_session_options_init(&settings, sizeof settings);
    settings.detector = ctx->detector;
    settings.liveness = ctx->liveness;
    settings.threads = threads;
    settings.max_faces = MAX_FACES;
    settings.flip = ctx->opts->flip;
    if (ctx->opts->precision)
        settings.precision = (fm_precision)ctx->opts->precision;
    if (ctx->opts->selection)
        settings.selection = (fm_selection)ctx->opts->selection;
    if (ctx->opts->min_face)
        settings.min_face_px = (int32_t)ctx->opts->min_face;
    if (fm_session_create(&session, ctx->embedder, &settings, &err) != FM_OK)
        out_library_error(NULL, &err);
    return session;
}

/* Whether the one that is needed is there now. */
static bool load_needed(const context *ctx, bool needed, const char *name, const char *usual,
                        fm_model_kind kind, fm_model **out, fm_model_info *info)
{
    if (needed)
        *out = ctx_model(ctx->opts, name ? name : usual, kind, info);
    return *out || !needed;
}

/* Whichever of the two it is. */
static bool load_either(context *ctx, const char *name)
{
    fm_model *model = ctx_model(ctx->opts, name, 0, &ctx->model);
    if (model && ctx->model.kind == FM_MODEL_LIVENESS) {
        ctx->liveness = model;
    } else if (model && ctx->model.kind == FM_MODEL_EMBEDDER) {
        ctx->embedder = model;
    } else if (model) {
        out_error(NULL, FM_E_INVALID_ARGUMENT, "%s: its kind is %s, not embedder or liveness", name,
                  ctx_kind_name(ctx->model.kind));
        fm_model_free(model);
        model = NULL;
    }
    return model != NULL;
}

bool ctx_open_models(context *ctx, const options *opts, const char *embedder, unsigned needs)
{
    fm_model_info info;
    *ctx = (context){.opts = opts};
    if (opts->aligned)
        needs &= ~(unsigned)NEEDS_DETECTOR;
    bool embeds = needs & NEEDS_EMBEDDER;
    bool complete = (!(needs & NEEDS_EITHER) || load_either(ctx, embedder)) &&
                    load_needed(ctx, embeds, embedder, DEFAULT_EMBEDDER, FM_MODEL_EMBEDDER,
                                &ctx->embedder, &ctx->model) &&
                    load_needed(ctx, needs & NEEDS_DETECTOR, opts->detector, DEFAULT_DETECTOR,
                                FM_MODEL_DETECTOR, &ctx->detector, &info) &&
                    load_needed(ctx, needs & NEEDS_LIVENESS, opts->liveness_model, DEFAULT_LIVENESS,
                                FM_MODEL_LIVENESS, &ctx->liveness, embeds ? &info : &ctx->model);
    if (!complete)
        ctx_close(ctx);
    return complete;
}

bool ctx_open(context *ctx, const options *opts, unsigned needs)
{
    if (opts->liveness != FM_LIVENESS_OFF)
        needs |= NEEDS_LIVENESS;
    if (opts->model && !(needs & NEEDS_EMBEDDER)) {
        options_misuse(opts, "--model is the embedder, which has no part in this; say %s",
                       needs & NEEDS_LIVENESS ? "--liveness-model" : "--detector");
        return false;
    }
    if (!ctx_open_models(ctx, opts, opts->model, needs))
        return false;
    ctx->session = ctx_session(ctx, opts->threads ? (int32_t)opts->threads : 1);
    if (!ctx->session)
        ctx_close(ctx);
    return ctx->session != NULL;
}

void ctx_close(context *ctx)
{
    fm_session_free(ctx->session);
    fm_model_free(ctx->liveness);
    fm_model_free(ctx->detector);
    fm_model_free(ctx->embedder);
    *ctx = (context){.opts = ctx->opts};
}

fm_status ctx_load(fm_image **out, const char *path, fm_error *err)
{
    return input_is(path) ? input_photo(out, err) : fm_image_load_file(out, path, NULL, err);
}

fm_image *ctx_photo(const char *path)
{
    fm_error err = {sizeof err, 0, ""};
    fm_image *image = NULL;
    if (ctx_load(&image, path, &err) != FM_OK)
        out_image_error(path, &err);
    return image;
}

embedding embedding_new(const context *ctx)
{
    size_t dim = (size_t)ctx->model.dim;
    return (embedding){.values = out_alloc(dim, sizeof(float)), .dim = dim};
}

void embedding_free(embedding *vector)
{
    if (vector->values)
        explicit_bzero(vector->values, vector->dim * sizeof(float));
    free(vector->values);
    vector->values = NULL;
}

fm_status ctx_embed_image(const context *ctx, fm_session *session, const fm_image *image,
                          embedding *out, fm_error *err)
{
    if (ctx->opts->aligned)
        return fm_embed_aligned(session, &image, 1, out->values, out->dim, err);
    return fm_embed(session, image, NULL, out->values, out->dim, &out->face, &out->face_count, err);
}

bool ctx_embed(const context *ctx, const char *path, embedding *out)
{
    fm_error err = {sizeof err, 0, ""};
    fm_image *image = ctx_photo(path);
    if (!image)
        return false;
    fm_status status = ctx_embed_image(ctx, ctx->session, image, out, &err);
    fm_image_free(image);
    if (status != FM_OK)
        out_image_error(path, &err);
    return status == FM_OK;
}

static fm_status open_gallery(fm_gallery **out, const char *uri, const fm_model *model,
                              fm_gallery_mode mode, fm_gallery_index index, int32_t threads,
                              fm_error *err)
{
    fm_gallery_options settings;
    fm_gallery_options_init(&settings, sizeof settings);
    settings.mode = mode;
    settings.index = index;
    settings.threads = threads;
    fm_status status = key_read(&opened_with, &settings.key, err);
    if (status != FM_OK)
        return status;
    return fm_gallery_open(out, uri, model, &settings, err);
}

fm_status ctx_try_gallery(fm_gallery **out, const char *uri, const fm_model *model,
                          fm_gallery_mode mode, fm_error *err)
{
    return open_gallery(out, uri, model, mode, FM_INDEX_EXACT, 0, err);
}

fm_gallery *ctx_gallery_to_search(const char *uri, const fm_model *model, fm_gallery_index index,
                                  int32_t threads)
{
    fm_error err = {sizeof err, 0, ""};
    fm_gallery *gallery = NULL;
    if (open_gallery(&gallery, uri, model, FM_GALLERY_READ_ONLY, index, threads, &err) != FM_OK)
        out_library_error(uri, &err);
    return gallery;
}

fm_gallery *ctx_gallery(const char *uri, const fm_model *model, fm_gallery_mode mode)
{
    fm_error err = {sizeof err, 0, ""};
    fm_gallery *gallery = NULL;
    if (ctx_try_gallery(&gallery, uri, model, mode, &err) != FM_OK)
        out_library_error(uri, &err);
    return gallery;
}

int ctx_each(const char *label, const char *const *paths, size_t count,
             int (*one)(void *data, const char *path), void *data)
{
    int answer = ANSWER_YES;
    bar_begin(label, count);
    for (size_t i = 0; i < count && !out_closed(); i++) {
        answer = out_worst(answer, one(data, paths[i]));
        bar_step();
    }
    bar_end();
    return answer;
}
