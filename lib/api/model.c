#include "backend/model.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/options.h"
#include "match/metric.h"
#include <math.h>
#include <string.h>

#define DEFAULT_MAX_BYTES ((uint64_t)2 << 30)

static fm_status fail_null(fm_error *err, const char *name)
{
    return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL", name);
}

static fm_status read_options(fm_model_options *own, const fm_model_options *options, fm_error *err)
{
    fm_status status =
        fmi_options_read(own, sizeof *own, options, sizeof *own, "fm_model_options", err);
    if (status == FM_OK && own->max_bytes == 0)
        own->max_bytes = DEFAULT_MAX_BYTES;
    return status;
}

void fm_model_options_init(fm_model_options *options, uint32_t struct_size)
{
    fmi_options_init(options, struct_size);
}

fm_status fm_model_load(fm_model **out, const char *path, const fm_model_options *options,
                        fm_error *err)
{
    fm_model_options own;
    uint8_t *bytes = NULL;
    size_t size = 0;
    fm_status status;
    if (!out || !path)
        return fail_null(err, out ? "path" : "out");
    status = read_options(&own, options, err);
    if (status != FM_OK)
        return status;
    status = fmi_file_read(&bytes, &size, path, own.max_bytes, err);
    if (status != FM_OK)
        return status;
    status = fmi_model_load(out, bytes, size, &own, err);
    fmi_block_free(bytes);
    return status == FM_OK ? FM_OK : fmi_fail_context(err, status, "%s", path);
}

fm_status fm_model_load_memory(fm_model **out, const void *data, size_t size,
                               const fm_model_options *options, fm_error *err)
{
    fm_model_options own;
    fm_status status;
    if (!out || !data)
        return fail_null(err, out ? "data" : "out");
    status = read_options(&own, options, err);
    if (status != FM_OK)
        return status;
    if (size > own.max_bytes)
        return fmi_fail(err, FM_E_LIMIT, "the model's %zu bytes are above the limit of %llu", size,
                        (unsigned long long)own.max_bytes);
    return fmi_model_load(out, data, size, &own, err);
}

static void describe(fm_model_info *info, const fm_model *model)
{
    const fmi_manifest *m = &model->manifest;
    const fmi_calibration *c = &m->calibration;
    info->kind = m->kind;
    info->family = m->family;
    info->metric = m->metric;
    info->dim = m->embedding.dim;
    info->input_width_px = m->input.width;
    info->input_height_px = m->input.height;
    info->normalized = m->embedding.normalize;
    memcpy(info->id, model->id, sizeof info->id);
    info->name = m->name;
    info->source = m->source;
    info->license = m->license;
    info->training_data = m->training_data;
    info->calibration_dataset = m->calibration_dataset;
    info->calibration_comparisons = c->impostor_comparisons;
    info->calibration_min_fmr = fmi_calibration_min_fmr(c);
}

fm_status fm_model_describe(const fm_model *model, fm_model_info *info, fm_error *err)
{
    fm_model_info own;
    fm_status status;
    if (!model)
        return fail_null(err, "model");
    status = fmi_output_check(info, sizeof own, "fm_model_info", err);
    if (status != FM_OK)
        return status;
    memset(&own, 0, sizeof own);
    describe(&own, model);
    fmi_output_write(info, &own, sizeof own);
    return FM_OK;
}

static fm_status check_calibrated(const fm_model *model, fm_error *err)
{
    if (model->manifest.kind != FM_MODEL_EMBEDDER)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is not an embedder", model->manifest.name);
    if (model->manifest.calibration.count == 0)
        return fmi_fail(err, FM_E_STATE, "%s has no calibration", model->manifest.name);
    return FM_OK;
}

fm_status fm_model_threshold(const fm_model *model, double fmr, float *threshold, fm_error *err)
{
    fm_status status;
    if (!model || !threshold)
        return fail_null(err, model ? "threshold" : "model");
    if (!(fmr > 0 && fmr < 1))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "fmr is %g: it must be above 0 and below 1",
                        fmr);
    status = check_calibrated(model, err);
    return status == FM_OK ? fmi_calibration_threshold(&model->manifest, fmr, false, threshold, err)
                           : status;
}

fm_status fm_model_fmr(const fm_model *model, float score, double *fmr, fm_error *err)
{
    fm_status status;
    if (!model || !fmr)
        return fail_null(err, model ? "fmr" : "model");
    if (!isfinite(score))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "score is %g: it must be finite",
                        (double)score);
    status = check_calibrated(model, err);
    if (status == FM_OK)
        *fmr = fmi_calibration_fmr(&model->manifest, score);
    return status;
}

void fm_model_free(fm_model *model)
{
    fmi_model_release(model);
}
