#include "evaluate/calibrate.h"
#include "backend/manifest.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/options.h"
#include "core/text.h"
#include <string.h>

enum { OPTIONS_0_1 = sizeof(fm_calibration_options), DATASET_MAX = 1000 };

void fm_calibration_options_init(fm_calibration_options *options, uint32_t struct_size)
{
    fmi_options_init(options, struct_size);
}

static fm_status read_options(const fm_calibration_options *options, fm_calibration_options *own,
                              fm_error *err)
{
    fm_status status =
        fmi_options_read(own, sizeof *own, options, OPTIONS_0_1, "fm_calibration_options", err);
    if (status != FM_OK)
        return status;
    if (own->metric != 0 && !fmi_manifest_metric_name(own->metric))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "there is no metric %d", (int)own->metric);
    if (!own->dataset)
        own->dataset = "";
    return fmi_text_check(own->dataset, 0, DATASET_MAX, "dataset", err);
}

static fm_status check(const fm_evaluation *e, fm_error *err)
{
    if (!e)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "evaluation is NULL");
    if (e->failures != FM_FAILURES_LEAVE_OUT)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "a calibration is about scores: failures must be left out");
    return FM_OK;
}

/* Frees the text. */
static fm_status hand_over(char *text, size_t size, char *out, size_t out_len, size_t *needed,
                           fm_error *err)
{
    fm_status status = FM_OK;
    size++;
    if (needed)
        *needed = size;
    if (out && out_len >= size)
        memcpy(out, text, size);
    else
        status = fmi_fail(err, FM_E_BUFFER_TOO_SMALL, "the calibration has %zu bytes, out %zu",
                          size, out ? out_len : (size_t)0);
    fmi_free(text);
    return status;
}

fm_status fm_calibrate(fm_evaluation *evaluation, const fm_calibration_options *options, char *out,
                       size_t out_len, size_t *needed, fm_error *err)
{
    fm_calibration_options own;
    char *text = NULL;
    size_t size = 0;
    fm_status status = check(evaluation, err);
    if (status == FM_OK)
        status = read_options(options, &own, err);
    if (status == FM_OK)
        status = fmi_evaluation_sort(evaluation, err);
    if (status == FM_OK)
        status = fmi_calibrate(evaluation, own.metric, own.dataset, &text, &size, err);
    return status == FM_OK ? hand_over(text, size, out, out_len, needed, err) : status;
}

static fm_status check_scores(const float *scores, const int32_t *kinds, size_t n, fm_error *err)
{
    if (!scores || !kinds)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL", scores ? "kinds" : "scores");
    for (size_t i = 0; i < n; i++) {
        if (!(scores[i] >= 0 && scores[i] <= 1))
            return fmi_fail(err, FM_E_INVALID_ARGUMENT, "scores[%zu] is %g, expected 0 to 1", i,
                            (double)scores[i]);
        if (kinds[i] < 0)
            return fmi_fail(err, FM_E_INVALID_ARGUMENT, "kinds[%zu] is %d, expected at least 0", i,
                            (int)kinds[i]);
    }
    return FM_OK;
}

fm_status fm_liveness_calibrate(const float *scores, const int32_t *kinds, size_t n,
                                const fm_calibration_options *options, char *out, size_t out_len,
                                size_t *needed, fm_error *err)
{
    fm_calibration_options own;
    char *text = NULL;
    size_t size = 0;
    fm_status status = check_scores(scores, kinds, n, err);
    if (status == FM_OK)
        status = read_options(options, &own, err);
    if (status == FM_OK)
        status = fmi_pad_calibrate(scores, kinds, n, own.dataset, &text, &size, err);
    return status == FM_OK ? hand_over(text, size, out, out_len, needed, err) : status;
}
