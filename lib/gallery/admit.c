/* The part of the enrolment gate that needs the gallery: nobody twice, and nobody mixed up. */
#include "core/error.h"
#include "face/gate.h"
#include "gallery/gallery.h"
#include "match/metric.h"
#include "match/verify.h"
#include <string.h>

static const double DEFAULT_FMR = 1e-4;

/* Without a calibration nothing says what a score means, so the default is to look at none. */
static bool is_on(const fm_gallery *gallery, const fm_gate_options *limits, double rate)
{
    bool calibrated = gallery->model && gallery->model->manifest.calibration.count > 0;
    return limits->use_scores ? rate >= 0 : rate > 0 || (rate == 0 && calibrated);
}

static void name_other(fm_gate_report *report, const char *id)
{
    size_t length = strlen(id);
    if (length < sizeof report->other_id)
        memcpy(report->other_id, id, length + 1);
}

/* The best two are enough: one of them may be the identity itself. */
static fm_status find_another(fm_gallery *gallery, const fmi_new_template *add,
                              const fm_gate_options *limits, fm_gate_report *report, fm_error *err)
{
    const fm_identify_options point = {.struct_size = sizeof point,
                                       .use_threshold = limits->use_scores,
                                       .fpir = limits->another_fpir,
                                       .threshold = limits->another_score};
    fm_match found[2];
    fm_identification about = {0};
    size_t count = 0;
    fm_status status =
        fmi_gallery_search_held(gallery, add->vector, 1, &point, found, 2, &count, &about, err);
    for (size_t i = 0; i < count && status == FM_OK; i++) {
        if (!strcmp(found[i].id, add->id))
            continue;
        name_other(report, found[i].id);
        return fmi_gate_refuse(report, FM_REFUSAL_LOOKS_LIKE_ANOTHER, (double)found[i].score,
                               (double)about.threshold, err,
                               "looks like %s: score %.3f, a match from %.3f on", found[i].id,
                               (double)found[i].score, (double)about.threshold);
    }
    return status;
}

static fm_status compare_with_itself(fm_gallery *gallery, const fmi_new_template *add,
                                     const fm_gate_options *limits, fm_gate_report *report,
                                     fm_error *err)
{
    fm_error own = {sizeof own, FM_OK, ""};
    float threshold = limits->itself_score, score;
    double fmr = limits->itself_fmr > 0 ? limits->itself_fmr : DEFAULT_FMR;
    fm_status status = limits->use_scores ? FM_OK
                                          : fmi_calibration_threshold(&gallery->model->manifest,
                                                                      fmr, true, &threshold, err);
    if (status != FM_OK)
        return status;
    status = fmi_gallery_best_score_held(gallery, add->id, add->vector, &score, &own);
    if (status == FM_E_NOT_FOUND) /* its first template */
        return FM_OK;
    if (status != FM_OK)
        return fmi_fail(err, status, "%s", own.message);
    if (score >= threshold)
        return FM_OK;
    return fmi_gate_refuse(report, FM_REFUSAL_UNLIKE_ITSELF, (double)score, (double)threshold, err,
                           "unlike the other templates of %s: score %.3f, a match from %.3f on",
                           add->id, (double)score, (double)threshold);
}

fm_status fmi_gallery_admit(fm_gallery *gallery, const fmi_new_template *add,
                            const fm_gate_options *limits, fm_gate_report *report, fm_error *err)
{
    bool another = is_on(gallery, limits, limits->another_fpir);
    bool itself = is_on(gallery, limits, limits->itself_fmr);
    fm_status status = FM_OK;
    if ((another || itself) && !gallery->model)
        return fmi_fail(err, FM_E_STATE, "%s was opened without a model", gallery->store->name);
    if (another)
        status = find_another(gallery, add, limits, report, err);
    if (status == FM_OK && itself)
        status = compare_with_itself(gallery, add, limits, report, err);
    return status;
}
