#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "all_pairs.h"
#include "commands.h"
#include "files.h"
#include "output.h"
#include "pad.h"

/* The folder's name, without slashes at its end. */
static char *folder_name(const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    size_t start = length;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return out_format("%.*s", (int)(length - start), path + start);
}

static char *make_calibration(const all_pairs *p, const options *opts)
{
    fm_error err = {sizeof err, 0, ""};
    fm_calibration_options settings;
    char *name = folder_name(opts->images), *text = NULL;
    size_t needed = 0;
    fm_calibration_options_init(&settings, sizeof settings);
    settings.metric = p->ctx.model.metric;
    settings.dataset = opts->dataset ? opts->dataset : name;
    fm_status status = fm_calibrate(p->comparisons, &settings, NULL, 0, &needed, &err);
    if (status == FM_E_BUFFER_TOO_SMALL) {
        text = out_alloc(needed, 1);
        status = fm_calibrate(p->comparisons, &settings, text, needed, NULL, &err);
    }
    if (status != FM_OK) {
        out_library_error(opts->images, &err);
        free(text);
        text = NULL;
    }
    free(name);
    return text;
}

/* The file appears whole or not at all. */
static bool write_file(const char *path, const char *text)
{
    char *beside = out_format("%s.part", path);
    FILE *file = fopen(beside, "w");
    bool ok = file && fputs(text, file) >= 0 && fputc('\n', file) >= 0;
    if (file)
        ok = fclose(file) == 0 && ok;
    ok = ok && rename(beside, path) == 0;
    if (!ok) {
        out_error(NULL, FM_E_IO, "%s: %s", path, strerror(errno));
        if (file)
            unlink(beside);
    }
    free(beside);
    return ok;
}

/* On standard output the calibration itself: true. Else, in a file, and there is a line to tell. */
static bool put_calibration(const options *opts, const char *text, json_t **calibration)
{
    *calibration = json_loads(text, 0, NULL);
    if (opts->out)
        return write_file(opts->out, text);
    out_json(json_incref(*calibration));
    return true;
}

static void tell_file(const all_pairs *p, const options *opts, const json_t *calibration)
{
    size_t points = json_array_size(json_object_get(calibration, "points"));
    bool tail = json_object_get(calibration, "tail") != NULL;
    json_int_t impostor = json_integer_value(json_object_get(calibration, "impostor_comparisons"));
    char count[32];
    out_count(count, sizeof count, impostor);
    if (opts->json)
        out_json(json_pack("{s:o,s:o,s:I,s:i,s:b,s:I}", "out", out_text(opts->out), "model",
                           out_text(p->ctx.model.name), "impostor_comparisons", impostor, "points",
                           (int)points, "tail", tail, "undetected", (json_int_t)p->f.undetected));
    else
        out_line("%s: %s impostor comparisons of %zu people, %zu points%s; %zu photographs without "
                 "a face",
                 opts->out, count, p->f.people.count, points, tail ? " and a tail" : ", no tail",
                 p->f.undetected);
}

static bool calibrate_embedder(const options *opts)
{
    all_pairs p = {.ctx = {.opts = opts}};
    json_t *calibration = NULL;
    char *text = all_pairs_make(&p, opts) ? make_calibration(&p, opts) : NULL;
    bool ok = text && put_calibration(opts, text, &calibration);
    if (ok && opts->out)
        tell_file(&p, opts, calibration);
    json_decref(calibration);
    free(text);
    all_pairs_free(&p);
    return ok;
}

/* --- liveness --- */

static void tell_pad_file(const pad_set *set, const context *ctx, const json_t *calibration)
{
    const char *out = ctx->opts->out;
    size_t points = json_array_size(json_object_get(calibration, "points")), left_out = 0;
    json_int_t attacks = json_integer_value(json_object_get(calibration, "attacks"));
    json_int_t live = json_integer_value(json_object_get(calibration, "live"));
    for (size_t i = 0; i < set->count; i++)
        left_out += !set->photos[i].scored;
    if (ctx->opts->json)
        out_json(json_pack("{s:o,s:o,s:I,s:I,s:I,s:i,s:I}", "out", out_text(out), "model",
                           out_text(ctx->model.name), "attacks", attacks, "attack_kinds",
                           (json_int_t)set->kinds.count - 1, "live", live, "points", (int)points,
                           "unscored", (json_int_t)left_out));
    else
        out_line(
            "%s: %lld live faces, %zu kind%s of attack with at least %lld photographs, %zu points; "
            "%zu photographs without a usable face",
            out, (long long)live, set->kinds.count - 1, set->kinds.count == 2 ? "" : "s",
            (long long)attacks, points, left_out);
}

static bool calibrate_liveness(const options *opts)
{
    context ctx = {.opts = opts};
    pad_set set = {.count = 0};
    fm_liveness_options lines;
    json_t *calibration = NULL;
    char *name = folder_name(opts->images), *text = NULL;
    fm_liveness_options_init(&lines, sizeof lines);
    lines.use_thresholds = 1; /* scores are asked for, not verdicts */
    bool ok = pad_read(&set, opts->labels, opts->images, false) &&
              ctx_open(&ctx, opts, NEEDS_DETECTOR | NEEDS_LIVENESS) && pad_look(&set, &ctx, &lines);
    if (ok)
        text = pad_calibration(&set, opts->dataset ? opts->dataset : name, 0, -1);
    ok = text && put_calibration(opts, text, &calibration);
    if (ok && opts->out)
        tell_pad_file(&set, &ctx, calibration);
    json_decref(calibration);
    free(text);
    free(name);
    pad_free(&set);
    ctx_close(&ctx);
    return ok;
}

int cmd_calibrate(const options *opts)
{
    if (!opts->images)
        return options_misuse(opts, "--images is needed");
    if (!opts->pad && (opts->labels || opts->liveness_model))
        return options_misuse(opts, "say --pad, too");
    if (opts->pad && !opts->labels)
        return options_misuse(opts, "--pad needs --labels");
    if (opts->pad && (opts->people || opts->embeddings || opts->aligned))
        return options_misuse(opts, "--pad does not go with --people, --embeddings and --aligned");
    if (opts->out && !files_can_write(opts->out))
        return ANSWER_ERROR;
    bool ok = opts->pad ? calibrate_liveness(opts) : calibrate_embedder(opts);
    return ok ? ANSWER_YES : ANSWER_ERROR;
}
