#include <math.h>
#include <stdlib.h>

#include "commands.h"
#include "context.h"
#include "liveness.h"
#include "output.h"

enum { DEFAULT_TOP = 5 };

typedef struct search {
    context ctx;
    fm_gallery *gallery;
    fm_identify_options decide;
    fm_liveness_options lines;
    fm_match *matches;
    size_t top, count;
    fm_identification result;
} search;

static json_t *make_json(const char *path, const search *s)
{
    const fm_identification *r = &s->result;
    bool searched =
        r->liveness.verdict == FM_LIVENESS_LIVE || s->decide.liveness != FM_LIVENESS_REQUIRE;
    json_t *matches = json_array();
    for (size_t i = 0; i < s->count; i++) {
        const fm_match *match = &s->matches[i];
        json_array_append_new(matches, json_pack("{s:o,s:o,s:o,s:i}", "id", out_text(match->id),
                                                 "score", out_real(match->score), "fmr",
                                                 out_real(match->fmr), "rank", match->rank));
    }
    json_t *object = json_pack("{s:o,s:o,s:o,s:o,s:i}", "image", out_text(path), "matches", matches,
                               "threshold", out_real(searched ? r->threshold : NAN), "fmr",
                               out_real(searched ? r->fmr : NAN), "face_count", r->face_count);
    if (object && s->ctx.liveness)
        json_object_set_new(object, "liveness", liveness_json(&r->liveness));
    return object;
}

static void print_text(const char *path, const search *s)
{
    char rate[128], people[32];
    out_count(people, sizeof people, s->result.identities);
    if (s->count == 0)
        out_line("%s: nobody of %s (threshold %.3f)", path, people, s->result.threshold);
    for (size_t i = 0; i < s->count; i++) {
        const fm_match *match = &s->matches[i];
        out_rate(rate, sizeof rate, match->fmr, s->ctx.model.calibration_min_fmr);
        out_line("%s: %d. %s, score %.3f, threshold %.3f; %s", path, match->rank, match->id,
                 match->score, s->result.threshold, rate);
    }
    if (s->result.face_count > 1)
        out_line("%s: %d faces; this is about the one of %.0f x %.0f pixels at %.0f, %.0f", path,
                 s->result.face_count, s->result.face.width, s->result.face.height,
                 s->result.face.x, s->result.face.y);
    if (s->ctx.liveness) {
        const fm_liveness_summary *seen = &s->result.liveness;
        char *text = liveness_text(seen->verdict, seen->reason, seen->score);
        out_line("%s: liveness: %s", path, text);
        free(text);
    }
}

/* Nobody was looked up. */
static int tell_not_live(const char *path, const search *s, const fm_error *err)
{
    if (s->ctx.opts->json) {
        json_t *object = make_json(path, s);
        liveness_refusal_json(object, err);
        out_json(object);
    } else {
        out_line("%s: not live: %s%s", path, err->message,
                 liveness_advice(s->result.liveness.reason));
    }
    return ANSWER_NO;
}

static int identify_one(void *data, const char *path)
{
    search *s = data;
    fm_error err = {sizeof err, 0, ""};
    fm_image *image = ctx_photo(path);
    if (!image)
        return ANSWER_ERROR;
    s->result = (fm_identification){.struct_size = sizeof s->result};
    fm_status status = fm_identify(s->gallery, s->ctx.session, image, &s->decide, s->matches,
                                   s->top, &s->count, &s->result, &err);
    fm_image_free(image);
    if (status == FM_E_NOT_LIVE)
        return tell_not_live(path, s, &err);
    if (status != FM_OK) {
        out_image_error(path, &err);
        return ANSWER_ERROR;
    }
    if (s->ctx.opts->json)
        out_json(make_json(path, s));
    else
        print_text(path, s);
    return s->count ? ANSWER_YES : ANSWER_NO;
}

static void prepare(search *s, const options *opts)
{
    fm_identify_options_init(&s->decide, sizeof s->decide);
    s->decide.aligned = opts->aligned;
    s->lines = liveness_lines(opts);
    s->decide.liveness = (fm_liveness_policy)opts->liveness;
    s->decide.liveness_options = &s->lines;
    if (opts->fpir > 0)
        s->decide.fpir = opts->fpir;
    if (!isnan(opts->threshold)) {
        s->decide.use_threshold = 1;
        s->decide.threshold = (float)opts->threshold;
    }
    s->top = opts->top ? (size_t)opts->top : DEFAULT_TOP;
    s->matches = out_alloc(s->top, sizeof *s->matches);
}

int cmd_identify(const options *opts)
{
    search s = {.gallery = NULL};
    int answer = ANSWER_ERROR;
    if (!opts->gallery)
        return options_misuse(opts, "--gallery is missing");
    if (opts->fpir > 0 && !isnan(opts->threshold))
        return options_misuse(opts, "give --fpir or --threshold, not both");
    if (liveness_check(opts) != ANSWER_YES)
        return ANSWER_ERROR;
    if (!ctx_open(&s.ctx, opts, NEEDS_EMBEDDER | NEEDS_DETECTOR))
        return ANSWER_ERROR;
    s.gallery = ctx_gallery_to_search(opts->gallery, s.ctx.embedder, (fm_gallery_index)opts->index,
                                      (int32_t)opts->threads);
    if (s.gallery) {
        prepare(&s, opts);
        answer = ctx_each("identifying", opts->args, opts->args_count, identify_one, &s);
    }
    free(s.matches);
    fm_gallery_close(s.gallery);
    ctx_close(&s.ctx);
    return answer;
}
