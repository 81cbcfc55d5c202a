#include "pad_figures.h"

#include <math.h>
#include <stdlib.h>

#include "output.h"

/* A verdict as a score, so that rates of verdicts are rates at a threshold. */
static const float IS_LIVE = 1, IS_OPEN = 0.5f, IS_SPOOF = 0;

fm_liveness_verdict pad_verdict(const pad_figures *f, const pad_photo *photo)
{
    if (!photo->found)
        return FM_LIVENESS_NOT_CHECKED;
    if (!photo->scored || f->folds == 0)
        return photo->seen.verdict;
    const pad_lines *lines = &f->lines[pad_fold(photo, f->folds)];
    return photo->seen.score >= lines->live   ? FM_LIVENESS_LIVE
           : photo->seen.score < lines->spoof ? FM_LIVENESS_SPOOF
                                              : FM_LIVENESS_UNCERTAIN;
}

static bool reported(fm_status status, const fm_error *err)
{
    if (status != FM_OK)
        out_library_error(NULL, err);
    return status == FM_OK;
}

/* --- verdicts --- */

static void count(pad_figures *f, const pad_photo *photo)
{
    pad_kind *kind = &f->kinds[photo->kind];
    fm_liveness_verdict verdict = pad_verdict(f, photo);
    kind->count++;
    kind->live += verdict == FM_LIVENESS_LIVE;
    kind->spoof += verdict == FM_LIVENESS_SPOOF;
    kind->uncertain += verdict == FM_LIVENESS_UNCERTAIN;
    kind->undetected += verdict == FM_LIVENESS_NOT_CHECKED;
    f->uncertain += verdict == FM_LIVENESS_UNCERTAIN;
    f->undetected += !photo->found;
    f->unscored += !photo->scored;
    if (verdict == FM_LIVENESS_UNCERTAIN)
        kind->reasons[photo->scored ? FM_LIVENESS_REASON_BETWEEN : photo->seen.reason]++;
}

/* Attacks are of a person, too: another one for the library, since a match with the person would be
 * wrong. Intervals then allow for many photographs of one person, and are rather too wide. */
static bool add(fm_evaluation *e, const pad_set *p, const pad_photo *photo, float score)
{
    fm_error err = {sizeof err, 0, ""};
    uint8_t live = photo->kind == PAD_LIVE;
    int32_t first = photo->person;
    int32_t second = live ? first : first + (int32_t)p->people.count;
    bool known = p->with_people;
    return reported(
        fm_evaluation_add(e, &score, &live, known ? &first : NULL, known ? &second : NULL, 1, &err),
        &err);
}

static float verdict_score(const pad_figures *f, const pad_photo *photo)
{
    fm_liveness_verdict verdict = pad_verdict(f, photo);
    return verdict == FM_LIVENESS_LIVE    ? IS_LIVE
           : verdict == FM_LIVENESS_SPOOF ? IS_SPOOF
                                          : IS_OPEN;
}

/* Live faces and attacks of one kind (of all: PAD_LIVE); by verdicts, or by usable scores. */
static fm_evaluation *collect(const pad_figures *f, const pad_set *p, int32_t kind, bool verdicts,
                              const options *opts)
{
    fm_evaluation *e = figures_new(opts);
    bool ok = e != NULL;
    for (size_t i = 0; ok && i < p->count; i++) {
        const pad_photo *photo = &p->photos[i];
        if (kind != PAD_LIVE && photo->kind != PAD_LIVE && photo->kind != kind)
            continue;
        if (verdicts)
            ok = add(e, p, photo, verdict_score(f, photo));
        else if (photo->scored)
            ok = add(e, p, photo, photo->seen.score);
    }
    if (!ok) {
        fm_evaluation_free(e);
        e = NULL;
    }
    return e;
}

static bool rates_of_verdicts(pad_figures *f, const pad_set *p, int32_t kind, const options *opts)
{
    fm_error err = {sizeof err, 0, ""};
    fm_operating_point passing = {.struct_size = sizeof passing}, refusing = passing;
    fm_evaluation *e = collect(f, p, kind, true, opts);
    bool ok = e && reported(fm_evaluation_at_threshold(e, IS_LIVE, &passing, &err), &err) &&
              reported(fm_evaluation_at_threshold(e, IS_OPEN, &refusing, &err), &err);
    fm_evaluation_free(e);
    f->kinds[kind].apcer = passing.fmr;
    f->turned_away = passing.fnmr;
    f->bpcer = refusing.fnmr;
    return ok;
}

static bool scores_of_kind(pad_figures *f, const pad_set *p, int32_t kind, const options *opts)
{
    fm_error err = {sizeof err, 0, ""};
    fm_evaluation_report *out = &f->kinds[kind].scores;
    fm_evaluation *e = collect(f, p, kind, false, opts);
    *out = (fm_evaluation_report){.struct_size = sizeof *out};
    fm_status status = e ? fm_evaluation_describe(e, out, &err) : FM_E_NO_MEMORY;
    if (status == FM_E_STATE)
        out->eer = out->eer_low = out->eer_high = out->eer_threshold = NAN;
    fm_evaluation_free(e);
    return e && (status == FM_E_STATE || reported(status, &err));
}

/* --- all --- */

static bool draw_lines(pad_figures *f, const pad_set *p, const options *opts)
{
    bool ok = true;
    f->folds = (int32_t)opts->folds;
    f->lines = out_alloc(f->folds ? (size_t)f->folds : 1, sizeof *f->lines);
    for (int32_t fold = 0; ok && fold < f->folds; fold++) {
        char *calibration = pad_calibration(p, "", f->folds, fold);
        ok = calibration && pad_lines_of(calibration, opts, &f->lines[fold]);
        free(calibration);
    }
    for (size_t i = 0; i < p->count && f->folds == 0; i++)
        if (p->photos[i].found)
            f->lines[0] =
                (pad_lines){p->photos[i].seen.live_threshold, p->photos[i].seen.spoof_threshold};
    return ok;
}

static bool compute_kinds(pad_figures *f, const pad_set *p, const options *opts)
{
    for (int32_t kind = 1; kind < (int32_t)f->kind_count; kind++) {
        if (!rates_of_verdicts(f, p, kind, opts) || !scores_of_kind(f, p, kind, opts))
            return false;
        if (f->worst_kind == 0 || f->kinds[kind].apcer.value > f->kinds[f->worst_kind].apcer.value)
            f->worst_kind = (size_t)kind;
    }
    f->acer = (f->kinds[f->worst_kind].apcer.value + f->bpcer.value) / 2;
    return true;
}

bool pad_figures_compute(pad_figures *f, const pad_set *p, const options *opts)
{
    f->kind_count = p->kinds.count;
    f->kinds = out_alloc(f->kind_count, sizeof *f->kinds);
    if (!draw_lines(f, p, opts))
        return false;
    for (size_t i = 0; i < p->count; i++) {
        const pad_photo *photo = &p->photos[i];
        count(f, photo);
        if (photo->scored)
            worst_offer(&f->worst, photo->kind == PAD_LIVE, photo->seen.score, i, i);
    }
    f->comparisons = collect(f, p, PAD_LIVE, false, opts);
    return f->comparisons && compute_kinds(f, p, opts) &&
           figures_compute(&f->scores, f->comparisons, NULL, 0);
}

void pad_figures_free(pad_figures *f)
{
    fm_evaluation_free(f->comparisons);
    free(f->kinds);
    free(f->lines);
    *f = (pad_figures){0};
}

/* --- telling --- */

static json_t *kind_json(const pad_kind *kind, const char *name, bool attack)
{
    json_t *reasons = json_object();
    for (int32_t r = 1; r <= FM_LIVENESS_REASON_BETWEEN; r++)
        if (kind->reasons[r])
            json_object_set_new(reasons, fm_liveness_reason_name(r),
                                json_integer((json_int_t)kind->reasons[r]));
    json_t *object =
        json_pack("{s:o,s:I,s:I,s:I,s:I,s:I,s:o}", "kind", out_text(name), "photographs",
                  (json_int_t)kind->count, "live", (json_int_t)kind->live, "spoof",
                  (json_int_t)kind->spoof, "uncertain", (json_int_t)kind->uncertain, "undetected",
                  (json_int_t)kind->undetected, "reasons", reasons);
    if (attack && object) {
        json_object_set_new(object, "apcer", figures_rate_json(&kind->apcer));
        json_object_set_new(object, "eer", out_real(kind->scores.eer));
        json_object_set_new(object, "eer_low", out_real(kind->scores.eer_low));
        json_object_set_new(object, "eer_high", out_real(kind->scores.eer_high));
    }
    return object;
}

/* Of each fold, and who is in it; or of all, and nobody. */
static json_t *lines_json(const pad_figures *f, const pad_set *p)
{
    json_t *list = json_array();
    for (int32_t i = 0; i < (f->folds ? f->folds : 1); i++) {
        json_t *people = json_array();
        for (int32_t k = i; f->folds && k < (int32_t)p->people.count; k += f->folds)
            json_array_append_new(people, out_text(p->people.items[k]));
        json_array_append_new(list, json_pack("{s:o,s:o,s:o}", "live_threshold",
                                              out_real(f->lines[i].live), "spoof_threshold",
                                              out_real(f->lines[i].spoof), "people", people));
    }
    return list;
}

json_t *pad_figures_json(const pad_figures *f, const pad_set *p)
{
    json_t *object = json_object(), *kinds = json_array();
    for (size_t k = 0; k < f->kind_count; k++)
        json_array_append_new(kinds, kind_json(&f->kinds[k], p->kinds.items[k], k != PAD_LIVE));
    json_object_set_new(object, "people",
                        p->with_people ? json_integer((json_int_t)p->people.count) : json_null());
    json_object_set_new(object, "folds", json_integer(f->folds));
    json_object_set_new(object, "thresholds", lines_json(f, p));
    json_object_set_new(object, "kinds", kinds);
    json_object_set_new(object, "apcer", figures_rate_json(&f->kinds[f->worst_kind].apcer));
    json_object_set_new(object, "apcer_kind", out_text(p->kinds.items[f->worst_kind]));
    json_object_set_new(object, "bpcer", figures_rate_json(&f->bpcer));
    json_object_set_new(object, "turned_away", figures_rate_json(&f->turned_away));
    json_object_set_new(object, "acer", out_real(f->acer));
    json_object_set_new(object, "uncertain", out_real((double)f->uncertain / (double)p->count));
    json_object_set_new(object, "undetected", json_integer((json_int_t)f->undetected));
    json_object_set_new(object, "unscored", json_integer((json_int_t)f->unscored));
    json_object_set_new(object, "photographs", json_integer((json_int_t)p->count));
    json_object_set_new(object, "eer", out_real(f->scores.report.eer));
    json_object_set_new(object, "eer_low", out_real(f->scores.report.eer_low));
    json_object_set_new(object, "eer_high", out_real(f->scores.report.eer_high));
    json_object_set_new(object, "eer_threshold", out_real(f->scores.report.eer_threshold));
    json_object_set_new(object, "operating_points",
                        figures_points_json(f->scores.measured, "apcer", "bpcer"));
    return object;
}

static void print_kind(const pad_kind *kind, const char *name)
{
    char *why = out_format("%s", "");
    for (int32_t r = 1; r <= FM_LIVENESS_REASON_BETWEEN; r++) {
        if (!kind->reasons[r])
            continue;
        char *longer = out_format("%s%s%zu %s", why, why[0] ? ", " : " (", kind->reasons[r],
                                  fm_liveness_reason_name(r));
        free(why);
        why = longer;
    }
    out_line("  %-12s %6zu: %zu live, %zu spoof, %zu uncertain%s%s, %zu without a face", name,
             kind->count, kind->live, kind->spoof, kind->uncertain, why, why[0] ? ")" : "",
             kind->undetected);
    free(why);
}

void pad_figures_print(const pad_figures *f, const pad_set *p)
{
    const fm_evaluation_report *r = &f->scores.report;
    char rate[128];
    if (f->folds)
        out_line("verdicts, thresholds from the other people of %d folds:", f->folds);
    else
        out_line("verdicts, live from %.4f on, spoof below %.4f:", (double)f->lines[0].live,
                 (double)f->lines[0].spoof);
    for (size_t k = 0; k < f->kind_count; k++)
        print_kind(&f->kinds[k], p->kinds.items[k]);
    for (size_t k = 1; k < f->kind_count; k++) {
        figures_rate_text(rate, sizeof rate, &f->kinds[k].apcer, false);
        out_line("APCER %-12s %s; EER %.2f %%", p->kinds.items[k], rate,
                 100 * f->kinds[k].scores.eer);
    }
    figures_rate_text(rate, sizeof rate, &f->bpcer, false);
    out_line("BPCER              %s", rate);
    figures_rate_text(rate, sizeof rate, &f->turned_away, false);
    out_line("live, turned away  %s: BPCER and uncertain", rate);
    out_line("ACER               %.2f %%", 100 * f->acer);
    out_line("uncertain          %.2f %% of all", 100 * (double)f->uncertain / (double)p->count);
    out_line("equal error rate   %.2f %% (%.2f to %.2f), threshold %.4f", 100 * r->eer,
             100 * r->eer_low, 100 * r->eer_high, r->eer_threshold);
    figures_print_points(&f->scores, "APCER", "BPCER");
}
