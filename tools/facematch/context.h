/* What the commands work with: models, a session, a gallery, photographs. Functions that do not
 * answer with a status report what goes wrong, so callers only pass on that it did. */
#ifndef TOOL_CONTEXT_H
#define TOOL_CONTEXT_H

#include <facematch/facematch.h>

#include "options.h"

enum { NEEDS_EMBEDDER = 1, NEEDS_DETECTOR = 2, NEEDS_LIVENESS = 4 };
enum { NEEDS_EITHER = 8 }; /* an embedder or a liveness model, whichever has the embedder's name */
enum { MAX_FACES = 256 };  /* told per photograph */

typedef struct context {
    const options *opts;
    fm_model *embedder, *detector, *liveness;
    fm_model_info model; /* of the embedder, or of the liveness model where there is none */
    fm_session *session;
} context;

/* One face of one photograph as a vector. */
typedef struct embedding {
    float *values;
    size_t dim;
    fm_face face;
    size_t face_count; /* 0 with --aligned */
} embedding;

/* Load what is needed (no detector with --aligned; a liveness model, too, with --liveness) and make
 * a session; false: reported, as is --model where no embedder is needed. */
bool ctx_open(context *ctx, const options *opts, unsigned needs);
void ctx_close(context *ctx);

/* The models alone, the embedder under a name or path other than --model; false: reported. */
bool ctx_open_models(context *ctx, const options *opts, const char *embedder, unsigned needs);

/* A further session on the same models, for another thread; NULL: reported. */
fm_session *ctx_session(const context *ctx, int32_t threads);

/* A model by name or path; kind 0 takes any. NULL: reported. */
fm_model *ctx_model(const options *opts, const char *name, fm_model_kind kind, fm_model_info *info);

/* A photograph, of standard input where the path is -. */
fm_status ctx_load(fm_image **out, const char *path, fm_error *err);

/* The same; NULL: reported. */
fm_image *ctx_photo(const char *path);

/* Embed the face that is meant, in memory that embedding_free wipes. */
bool ctx_embed(const context *ctx, const char *path, embedding *out);
fm_status ctx_embed_image(const context *ctx, fm_session *session, const fm_image *image,
                          embedding *out, fm_error *err);
embedding embedding_new(const context *ctx);
void embedding_free(embedding *vector);

/* Open a gallery, with the key that was named (keys.h); model may be NULL. NULL: reported. */
fm_gallery *ctx_gallery(const char *uri, const fm_model *model, fm_gallery_mode mode);

/* The same for reading, with a choice of how it is searched. */
fm_gallery *ctx_gallery_to_search(const char *uri, const fm_model *model, fm_gallery_index index,
                                  int32_t threads);

/* The same without a report. */
fm_status ctx_try_gallery(fm_gallery **out, const char *uri, const fm_model *model,
                          fm_gallery_mode mode, fm_error *err);

const char *ctx_kind_name(fm_model_kind kind);

/* Do something with each photograph, under a progress bar; the worst answer. */
int ctx_each(const char *label, const char *const *paths, size_t count,
             int (*one)(void *data, const char *path), void *data);

#endif
