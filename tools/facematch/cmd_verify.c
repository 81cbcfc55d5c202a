#include <math.h>
#include <string.h>

#include "commands.h"
#include "context.h"
#include "output.h"

static fm_verify_options decision(const options *opts)
{
    fm_verify_options decide;
    fm_verify_options_init(&decide, sizeof decide);
    decide.aligned = opts->aligned;
    decide.extrapolate = opts->extrapolate;
    if (opts->fmr > 0)
        decide.fmr = opts->fmr;
    if (!isnan(opts->threshold)) {
        decide.use_threshold = 1;
        decide.threshold = (float)opts->threshold;
    }
    return decide;
}

static int tell(const context *ctx, const fm_verification *result)
{
    char rate[128];
    if (ctx->opts->json) {
        json_t *object = json_pack(
            "{s:b,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "match", result->match, "score",
            out_real(result->score), "threshold", out_real(result->threshold), "fmr",
            out_real(result->fmr), "fmr_low", out_real(result->fmr_low), "fmr_high",
            out_real(result->fmr_high), "threshold_fmr", out_real(result->threshold_fmr),
            "threshold_fmr_low", out_real(result->threshold_fmr_low), "threshold_fmr_high",
            out_real(result->threshold_fmr_high), "threshold_fnmr",
            out_real(result->threshold_fnmr), "model", out_text(ctx->model.name));
        if (object && ctx->opts->id)
            json_object_set_new(object, "id", out_text(ctx->opts->id));
        out_json(object);
    } else {
        out_rate(rate, sizeof rate, result->fmr, ctx->model.calibration_min_fmr);
        out_line("%s: score %.3f, threshold %.3f; %s",
                 result->match ? "same person" : "not the same person", result->score,
                 result->threshold, rate);
    }
    return result->match ? ANSWER_YES : ANSWER_NO;
}

static int verify_photographs(const context *ctx)
{
    fm_error err = {sizeof err, 0, ""};
    fm_verification result = {.struct_size = sizeof result};
    fm_verify_options decide = decision(ctx->opts);
    embedding a = embedding_new(ctx), b = embedding_new(ctx);
    int answer = ANSWER_ERROR;
    /* Both are looked at, so that both are told when both are bad. */
    bool first = ctx_embed(ctx, ctx->opts->args[0], &a);
    bool second = ctx_embed(ctx, ctx->opts->args[1], &b);
    if (first && second) {
        if (fm_verify_embeddings(ctx->embedder, a.values, b.values, a.dim, &decide, &result,
                                 &err) == FM_OK)
            answer = tell(ctx, &result);
        else
            out_library_error(NULL, &err);
    }
    embedding_free(&a);
    embedding_free(&b);
    return answer;
}

static bool knows(fm_gallery *gallery, const options *opts)
{
    fm_error err = {sizeof err, 0, ""};
    fm_identity identity;
    bool known = fm_gallery_get(gallery, opts->id, &identity, &err) == FM_OK;
    if (!known)
        out_library_error(opts->gallery, &err);
    return known;
}

static int verify_identity(const context *ctx)
{
    const options *opts = ctx->opts;
    fm_error err = {sizeof err, 0, ""};
    fm_verification result = {.struct_size = sizeof result};
    fm_verify_options decide = decision(opts);
    int answer = ANSWER_ERROR;
    fm_gallery *gallery = ctx_gallery(opts->gallery, ctx->embedder, FM_GALLERY_READ_ONLY);
    fm_image *image = gallery && knows(gallery, opts) ? ctx_photo(opts->args[0]) : NULL;
    if (image) {
        if (fm_verify_identity(gallery, ctx->session, opts->id, image, &decide, &result, &err) ==
            FM_OK)
            answer = tell(ctx, &result);
        else
            out_image_error(opts->args[0], &err);
    }
    fm_image_free(image);
    fm_gallery_close(gallery);
    return answer;
}

int cmd_verify(const options *opts)
{
    context ctx;
    if (!opts->gallery != !opts->id)
        return options_misuse(opts, "--gallery and --id go together");
    if (opts->args_count != (opts->gallery ? 1 : 2))
        return options_misuse(opts, opts->gallery ? "with --gallery, give one photograph"
                                                  : "give two photographs");
    if (opts->fmr > 0 && !isnan(opts->threshold))
        return options_misuse(opts, "give --fmr or --threshold, not both");
    if (!ctx_open(&ctx, opts, NEEDS_EMBEDDER | NEEDS_DETECTOR))
        return ANSWER_ERROR;
    int answer = opts->gallery ? verify_identity(&ctx) : verify_photographs(&ctx);
    ctx_close(&ctx);
    return answer;
}
