#include <math.h>
#include <stdlib.h>

#include "commands.h"
#include "context.h"
#include "liveness.h"
#include "output.h"
#include "progress.h"

/* --- one by one --- */

static void print_json(const char *path, const fm_liveness_result *r)
{
    out_json(json_pack(
        "{s:o,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:i,s:o}", "image", out_text(path), "verdict",
        fm_liveness_verdict_name(r->verdict), "reason", fm_liveness_reason_name(r->reason), "score",
        out_real(r->score), "apcer", out_real(r->apcer), "bpcer", out_real(r->bpcer),
        "live_threshold", out_real(r->live_threshold), "spoof_threshold",
        out_real(r->spoof_threshold), "value", out_real(r->value), "limit", out_real(r->limit),
        "quality", out_real(r->quality), "face_count", r->face_count, "face", out_face(&r->face)));
}

static void print_text(const char *path, const fm_liveness_result *r)
{
    char *text = liveness_text(r->verdict, r->reason, r->score);
    if (r->reason == FM_LIVENESS_REASON_NONE || r->reason == FM_LIVENESS_REASON_BETWEEN)
        out_line("%s: %s; live from %.4f on, spoof below %.4f", path, text,
                 (double)r->live_threshold, (double)r->spoof_threshold);
    else
        out_line("%s: %s; %.3g where %.3g is needed%s", path, text, (double)r->value,
                 (double)r->limit, liveness_advice(r->reason));
    free(text);
    if (r->face_count > 1)
        out_line("%s: %d faces; this is about the one of %.0f x %.0f pixels at %.0f, %.0f", path,
                 r->face_count, r->face.width, r->face.height, r->face.x, r->face.y);
}

static int look_at(void *data, const char *path)
{
    const context *ctx = data;
    fm_error err = {sizeof err, 0, ""};
    fm_liveness_result result = {.struct_size = sizeof result};
    fm_liveness_options lines = liveness_lines(ctx->opts);
    fm_image *image = ctx_photo(path);
    if (!image)
        return ANSWER_ERROR;
    fm_status status = fm_liveness(ctx->session, image, NULL, &lines, &result, &err);
    fm_image_free(image);
    if (status != FM_OK) {
        out_image_error(path, &err);
        return ANSWER_ERROR;
    }
    if (ctx->opts->json)
        print_json(path, &result);
    else
        print_text(path, &result);
    return result.verdict == FM_LIVENESS_LIVE ? ANSWER_YES : ANSWER_NO;
}

/* --- frames of one attempt --- */

typedef struct attempt {
    context ctx;
    fm_liveness_sequence *sequence;
    fm_liveness_fusion so_far;
    json_t *frames; /* what each of them said, with --json */
} attempt;

static bool begin(attempt *a)
{
    const options *opts = a->ctx.opts;
    fm_error err = {sizeof err, 0, ""};
    fm_liveness_options lines = liveness_lines(opts);
    fm_liveness_sequence_options settings;
    fm_liveness_sequence_options_init(&settings, sizeof settings);
    settings.liveness = &lines;
    settings.min_frames = opts->min_frames ? (int32_t)opts->min_frames : 3;
    /* The last photograph decides, if none before it does. */
    settings.max_frames = (int32_t)opts->args_count;
    if (settings.max_frames < settings.min_frames)
        settings.max_frames = settings.min_frames;
    if (fm_liveness_sequence_create(&a->sequence, a->ctx.session, &settings, &err) == FM_OK)
        return true;
    out_library_error(NULL, &err);
    return false;
}

static void tell_frame(attempt *a, const char *path, const fm_liveness_result *r, bool face)
{
    if (a->ctx.opts->json) {
        json_array_append_new(
            a->frames,
            json_pack("{s:o,s:o,s:s,s:o}", "image", out_text(path), "verdict",
                      face ? json_string(fm_liveness_verdict_name(r->verdict)) : json_null(),
                      "reason", face ? fm_liveness_reason_name(r->reason) : "no_face", "score",
                      out_real(face ? r->score : NAN)));
        return;
    }
    char *text = face ? liveness_text(r->verdict, r->reason, r->score) : out_format("no face");
    out_line("%s: %s", path, text);
    free(text);
}

/* False: reported. */
static bool add_frame(attempt *a, const char *path)
{
    fm_error err = {sizeof err, 0, ""};
    fm_liveness_result r = {.struct_size = sizeof r};
    fm_image *image = ctx_photo(path);
    if (!image)
        return false;
    fm_status status = fm_liveness_sequence_add(a->sequence, a->ctx.session, image, NULL, &r, &err);
    fm_image_free(image);
    if (status != FM_OK && status != FM_E_NOT_FOUND) {
        out_image_error(path, &err);
        return false;
    }
    tell_frame(a, path, &r, status == FM_OK);
    a->so_far.struct_size = sizeof a->so_far;
    status = fm_liveness_sequence_result(a->sequence, &a->so_far, &err);
    if (status != FM_OK)
        out_library_error(NULL, &err);
    return status == FM_OK;
}

static void tell_attempt(attempt *a)
{
    const fm_liveness_fusion *f = &a->so_far;
    if (a->ctx.opts->json) {
        out_json(json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:b,s:i,s:i,s:i,s:i,s:i,s:O}", "verdict",
                           fm_liveness_verdict_name(f->verdict), "reason",
                           fm_liveness_reason_name(f->reason), "score", out_real(f->score), "apcer",
                           out_real(f->apcer), "bpcer", out_real(f->bpcer), "live_threshold",
                           out_real(f->live_threshold), "spoof_threshold",
                           out_real(f->spoof_threshold), "decided", f->decided, "frames", f->frames,
                           "used", f->used, "unusable", f->unusable, "stills", f->stills,
                           "other_faces", f->other_faces, "images", a->frames));
        return;
    }
    bool reasoned = f->reason != FM_LIVENESS_REASON_NONE;
    char *score =
        isnan(f->score) ? out_format("no score") : out_format("score %.3f", (double)f->score);
    out_line("attempt: %s%s%s%s, %s; %d of %d frames count (%d unusable, %d stills, %d of another "
             "face)",
             fm_liveness_verdict_name(f->verdict), reasoned ? " (" : "",
             reasoned ? fm_liveness_reason_name(f->reason) : "", reasoned ? ")" : "", score,
             f->used, f->frames, f->unusable, f->stills, f->other_faces);
    free(score);
}

static int judge(const options *opts)
{
    attempt a = {.frames = json_array()};
    bool ok = ctx_open(&a.ctx, opts, NEEDS_EMBEDDER | NEEDS_DETECTOR | NEEDS_LIVENESS) && begin(&a);
    for (size_t i = 0; ok && i < opts->args_count && !a.so_far.decided; i++)
        ok = add_frame(&a, opts->args[i]);
    if (ok)
        tell_attempt(&a);
    int answer = !ok ? ANSWER_ERROR : a.so_far.verdict == FM_LIVENESS_LIVE ? ANSWER_YES : ANSWER_NO;
    fm_liveness_sequence_free(a.sequence);
    json_decref(a.frames);
    ctx_close(&a.ctx);
    return answer;
}

int cmd_liveness(const options *opts)
{
    context ctx;
    if (liveness_check(opts) != ANSWER_YES)
        return ANSWER_ERROR;
    if (opts->min_frames && !opts->sequence)
        return options_misuse(opts, "--min-frames goes with --sequence");
    if (opts->sequence && opts->args_count > FM_LIMIT_LIVENESS_FRAMES)
        return options_misuse(opts, "an attempt has up to %d frames", FM_LIMIT_LIVENESS_FRAMES);
    if (opts->sequence)
        return judge(opts);
    if (!ctx_open(&ctx, opts, NEEDS_DETECTOR | NEEDS_LIVENESS))
        return ANSWER_ERROR;
    int answer = ctx_each("looking", opts->args, opts->args_count, look_at, &ctx);
    ctx_close(&ctx);
    return answer;
}
