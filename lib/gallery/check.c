#include "gallery/check.h"
#include "core/error.h"
#include "core/text.h"
#include <jansson.h>
#include <math.h>
#include <string.h>

fm_status fmi_check_vector(const float *v, size_t dim, const char *name, bool *zero, fm_error *err)
{
    *zero = true;
    for (size_t i = 0; i < dim; i++) {
        if (!isfinite(v[i]))
            return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is not finite: value %zu of %zu", name,
                            i, dim);
        *zero = *zero && v[i] == 0;
    }
    return FM_OK;
}

fm_status fmi_check_stored_vector(const float *v, size_t dim, fm_error *err)
{
    bool zero;
    fm_status status = fmi_check_vector(v, dim, "embedding", &zero, err);
    if (status == FM_OK && zero)
        status = fmi_fail(err, FM_E_INVALID_ARGUMENT, "embedding is all zero");
    return status;
}

static fm_status check_metadata(const char *text, fm_error *err)
{
    json_error_t problem;
    json_t *json;
    size_t length = strnlen(text, FM_METADATA_MAX + 1);
    if (length > FM_METADATA_MAX)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "metadata is longer than %d bytes",
                        FM_METADATA_MAX);
    json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
    if (!json && json_error_code(&problem) == json_error_out_of_memory)
        return fmi_fail_memory(err);
    if (!json)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "metadata is not a JSON object: %s",
                        problem.text);
    if (!json_is_object(json)) {
        json_decref(json);
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "metadata is JSON, but not an object");
    }
    json_decref(json);
    return FM_OK;
}

fm_status fmi_check_beside(const fmi_new_template *add, fm_error *err)
{
    fm_status status = FM_OK;
    if (add->display_name)
        status = fmi_text_check(add->display_name, 0, FM_DISPLAY_NAME_MAX, "display_name", err);
    if (status == FM_OK && add->label)
        status = fmi_text_check(add->label, 0, FM_LABEL_MAX, "label", err);
    if (status == FM_OK && add->metadata)
        status = check_metadata(add->metadata, err);
    if (status == FM_OK && add->has_quality && !(add->quality >= 0 && add->quality <= 1))
        status = fmi_fail(err, FM_E_INVALID_ARGUMENT, "quality is %g, expected 0..1",
                          (double)add->quality);
    return status;
}

void fmi_vector_to_le(unsigned char *out, const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++, out += 4) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        for (int b = 0; b < 4; b++)
            out[b] = (unsigned char)(bits >> 8 * b);
    }
}

void fmi_vector_from_le(float *out, const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++, bytes += 4) {
        uint32_t bits = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                        (uint32_t)bytes[3] << 24;
        memcpy(&out[i], &bits, sizeof bits);
    }
}
