#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "context.h"
#include "output.h"

static void print_json(const context *ctx, const char *path, const embedding *vector)
{
    json_t *values = json_array();
    for (size_t i = 0; i < vector->dim; i++)
        json_array_append_new(values, out_real(vector->values[i]));
    out_json(json_pack("{s:o,s:o,s:o,s:o}", "image", out_text(path), "face",
                       ctx->opts->aligned ? json_null() : out_face(&vector->face), "model",
                       out_text(ctx->model.name), "embedding", values));
}

static void print_text(const context *ctx, const char *path, const embedding *vector)
{
    enum { ROOM = 20 }; /* for one float with 9 digits, and a blank */
    if (ctx->opts->aligned)
        out_line("%s: %zu numbers by %s", path, vector->dim, ctx->model.name);
    else
        out_line("%s: face of %.0f x %.0f pixels at %.0f, %.0f; %zu numbers by %s", path,
                 vector->face.width, vector->face.height, vector->face.x, vector->face.y,
                 vector->dim, ctx->model.name);
    char *line = out_alloc(vector->dim + 1, ROOM);
    size_t used = 0;
    for (size_t i = 0; i < vector->dim; i++)
        used += (size_t)snprintf(line + used, ROOM, " %.9g", vector->values[i]);
    out_line(" %s", line);
    free(line);
}

static int embed_one(void *data, const char *path)
{
    const context *ctx = data;
    embedding vector = embedding_new(ctx);
    bool ok = ctx_embed(ctx, path, &vector);
    if (ok && ctx->opts->json)
        print_json(ctx, path, &vector);
    else if (ok)
        print_text(ctx, path, &vector);
    embedding_free(&vector);
    return ok ? ANSWER_YES : ANSWER_ERROR;
}

int cmd_embed(const options *opts)
{
    context ctx;
    if (!ctx_open(&ctx, opts, NEEDS_EMBEDDER | NEEDS_DETECTOR))
        return ANSWER_ERROR;
    int answer = ctx_each("embedding", opts->args, opts->args_count, embed_one, &ctx);
    ctx_close(&ctx);
    return answer;
}
