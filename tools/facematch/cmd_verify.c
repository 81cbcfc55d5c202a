#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "context.h"
#include "liveness.h"
#include "output.h"

static fm_verify_options decision(const options *opts, const fm_liveness_options *lines)
{
    fm_verify_options decide;
    fm_verify_options_init(&decide, sizeof decide);
    decide.aligned = opts->aligned;
    decide.extrapolate = opts->extrapolate;
    decide.liveness = (fm_liveness_policy)opts->liveness;
    decide.liveness_options = lines;
    if (opts->fmr > 0)
        decide.fmr = opts->fmr;
    if (!isnan(opts->threshold)) {
        decide.use_threshold = 1;
        decide.threshold = (float)opts->threshold;
    }
    return decide;
}

static json_t *make_json(const context *ctx, const fm_verification *r)
{
    json_t *object = json_pack(
        "{s:b,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "match", r->match, "score",
        out_real(r->score), "threshold", out_real(r->threshold), "fmr", out_real(r->fmr), "fmr_low",
        out_real(r->fmr_low), "fmr_high", out_real(r->fmr_high), "threshold_fmr",
        out_real(r->threshold_fmr), "threshold_fmr_low", out_real(r->threshold_fmr_low),
        "threshold_fmr_high", out_real(r->threshold_fmr_high), "threshold_fnmr",
        out_real(r->threshold_fnmr), "model", out_text(ctx->model.name));
    if (object && ctx->opts->id)
        json_object_set_new(object, "id", out_text(ctx->opts->id));
    if (object && ctx->liveness)
        json_object_set_new(object, "liveness", liveness_json(&r->liveness));
    return object;
}

static int tell(const context *ctx, const fm_verification *result)
{
    char rate[128];
    if (ctx->opts->json) {
        out_json(make_json(ctx, result));
    } else {
        char *seen = liveness_suffix(&result->liveness);
        out_rate(rate, sizeof rate, result->fmr, ctx->model.calibration_min_fmr);
        out_line("%s: score %.3f, threshold %.3f; %s%s",
                 result->match ? "same person" : "not the same person", result->score,
                 result->threshold, rate, seen);
        free(seen);
    }
    return result->match ? ANSWER_YES : ANSWER_NO;
}

/* Nobody was compared with anybody: there are no figures. */
static int tell_not_live(const context *ctx, const fm_verification *result, const fm_error *err)
{
    fm_verification none = {.score = NAN,
                            .threshold = NAN,
                            .fmr = NAN,
                            .fmr_low = NAN,
                            .fmr_high = NAN,
                            .threshold_fmr = NAN,
                            .threshold_fmr_low = NAN,
                            .threshold_fmr_high = NAN,
                            .threshold_fnmr = NAN,
                            .liveness = result->liveness};
    if (ctx->opts->json) {
        json_t *object = make_json(ctx, &none);
        liveness_refusal_json(object, err);
        out_json(object);
    } else {
        out_line("not live: %s%s", err->message, liveness_advice(result->liveness.reason));
    }
    return ANSWER_NO;
}

static int answer_of(const context *ctx, fm_status status, const fm_verification *result,
                     const char *image, const fm_error *err)
{
    if (status == FM_OK)
        return tell(ctx, result);
    if (status == FM_E_NOT_LIVE)
        return tell_not_live(ctx, result, err);
    if (image)
        out_image_error(image, err);
    else
        out_library_error(NULL, err);
    return ANSWER_ERROR;
}

static int verify_photographs(const context *ctx)
{
    fm_error err = {sizeof err, 0, ""};
    fm_verification result = {.struct_size = sizeof result};
    fm_verify_options decide = decision(ctx->opts, NULL);
    embedding a = embedding_new(ctx), b = embedding_new(ctx);
    int answer = ANSWER_ERROR;
    /* Both are looked at, so that both are told when both are bad. */
    bool first = ctx_embed(ctx, ctx->opts->args[0], &a);
    bool second = ctx_embed(ctx, ctx->opts->args[1], &b);
    if (first && second) {
        fm_status status =
            fm_verify_embeddings(ctx->embedder, a.values, b.values, a.dim, &decide, &result, &err);
        answer = answer_of(ctx, status, &result, NULL, &err);
    }
    embedding_free(&a);
    embedding_free(&b);
    return answer;
}

/* The same where the second must be seen whole. */
static int verify_live(const context *ctx)
{
    fm_error err = {sizeof err, 0, ""};
    fm_verification result = {.struct_size = sizeof result};
    fm_liveness_options lines = liveness_lines(ctx->opts);
    fm_verify_options decide = decision(ctx->opts, &lines);
    fm_image *a = ctx_photo(ctx->opts->args[0]), *b = ctx_photo(ctx->opts->args[1]);
    int answer = ANSWER_ERROR;
    if (a && b) {
        fm_status status = fm_verify(ctx->session, a, b, &decide, &result, &err);
        answer = answer_of(ctx, status, &result, NULL, &err);
    }
    fm_image_free(a);
    fm_image_free(b);
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
    fm_liveness_options lines = liveness_lines(opts);
    fm_verify_options decide = decision(opts, &lines);
    int answer = ANSWER_ERROR;
    fm_gallery *gallery = ctx_gallery(opts->gallery, ctx->embedder, FM_GALLERY_READ_ONLY);
    fm_image *image = gallery && knows(gallery, opts) ? ctx_photo(opts->args[0]) : NULL;
    if (image) {
        fm_status status =
            fm_verify_identity(gallery, ctx->session, opts->id, image, &decide, &result, &err);
        answer = answer_of(ctx, status, &result, opts->args[0], &err);
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
    if (liveness_check(opts) != ANSWER_YES)
        return ANSWER_ERROR;
    if (!ctx_open(&ctx, opts, NEEDS_EMBEDDER | NEEDS_DETECTOR))
        return ANSWER_ERROR;
    int answer = opts->gallery    ? verify_identity(&ctx)
                 : opts->liveness ? verify_live(&ctx)
                                  : verify_photographs(&ctx);
    ctx_close(&ctx);
    return answer;
}
