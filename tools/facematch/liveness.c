#include "liveness.h"

#include <math.h>
#include <stdlib.h>

#include "output.h"

int liveness_check(const options *opts)
{
    bool live = !isnan(opts->live_score), spoof = !isnan(opts->spoof_score);
    bool lines = opts->apcer > 0 || opts->bpcer > 0 || live || spoof;
    if (opts->liveness != FM_LIVENESS_OFF && opts->aligned)
        return options_misuse(opts, "--liveness needs whole photographs: it does not go with "
                                    "--aligned");
    if (opts->liveness == FM_LIVENESS_OFF && (opts->command->bit & FOR_DECISION) &&
        (lines || opts->liveness_model))
        return options_misuse(opts, "say --liveness report or --liveness require, too");
    if (live != spoof)
        return options_misuse(opts, "--live-score and --spoof-score go together");
    if (live && opts->folds)
        return options_misuse(opts, "with --folds, thresholds come from the other people: give no "
                                    "scores");
    if (live && (opts->apcer > 0 || opts->bpcer > 0))
        return options_misuse(opts, "give scores or rates, not both");
    if (live && opts->spoof_score > opts->live_score)
        return options_misuse(opts, "--spoof-score is above --live-score");
    return ANSWER_YES;
}

fm_liveness_options liveness_lines(const options *opts)
{
    fm_liveness_options lines;
    fm_liveness_options_init(&lines, sizeof lines);
    lines.apcer = opts->apcer;
    lines.bpcer = opts->bpcer;
    if (!isnan(opts->live_score)) {
        lines.use_thresholds = 1;
        lines.live_score = (float)opts->live_score;
        lines.spoof_score = (float)opts->spoof_score;
    }
    return lines;
}

json_t *liveness_json(const fm_liveness_summary *seen)
{
    return json_pack("{s:s,s:s,s:o}", "verdict", fm_liveness_verdict_name(seen->verdict), "reason",
                     fm_liveness_reason_name(seen->reason), "score", out_real(seen->score));
}

char *liveness_text(fm_liveness_verdict verdict, fm_liveness_reason reason, float score)
{
    bool reasoned = reason != FM_LIVENESS_REASON_NONE;
    return out_format("%s%s%s%s, score %.3f", fm_liveness_verdict_name(verdict),
                      reasoned ? " (" : "", reasoned ? fm_liveness_reason_name(reason) : "",
                      reasoned ? ")" : "", (double)score);
}

char *liveness_suffix(const fm_liveness_summary *seen)
{
    if (seen->verdict == FM_LIVENESS_NOT_CHECKED)
        return out_format("%s", "");
    char *text = liveness_text(seen->verdict, seen->reason, seen->score);
    char *suffix = out_format("; liveness: %s", text);
    free(text);
    return suffix;
}

void liveness_refusal_json(json_t *object, const fm_error *err)
{
    json_object_set_new(object, "error", json_string(fm_status_name(err->status)));
    json_object_set_new(object, "message", out_text(err->message));
}

const char *liveness_advice(fm_liveness_reason reason)
{
    switch (reason) {
    case FM_LIVENESS_REASON_TOO_SMALL:
        return "; come closer";
    case FM_LIVENESS_REASON_CUT:
        return "; bring the whole face into the frame";
    case FM_LIVENESS_REASON_CROP:
        return "; step back, so that there is more around the face";
    case FM_LIVENESS_REASON_BLURRED:
        return "; hold the camera still and focus on the face";
    case FM_LIVENESS_REASON_BETWEEN:
        return "; try again with more light, or with several frames";
    default:
        return "";
    }
}
