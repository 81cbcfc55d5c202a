#include "backend/fields.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

#define FILE_NAME "facematch.json"

fm_status fmi_fields_open(json_t **out, const char *text, size_t length, fm_error *err)
{
    json_error_t problem;
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
    if (!root && json_error_code(&problem) == json_error_out_of_memory)
        return fmi_fail_memory(err);
    if (!root)
        return fmi_fail(err, FM_E_CORRUPT, FILE_NAME " is not valid JSON: line %d: %s",
                        problem.line, problem.text);
    if (!json_is_object(root)) {
        json_decref(root);
        return fmi_fail(err, FM_E_CORRUPT, FILE_NAME " is not a JSON object");
    }
    *out = root;
    return FM_OK;
}

fm_status fmi_fields_dump(const json_t *value, size_t flags, char **out, size_t *size,
                          fm_error *err)
{
    size_t length = json_dumpb(value, NULL, 0, flags);
    char *text = length ? fmi_alloc(length + 1) : NULL;
    if (!text || json_dumpb(value, text, length, flags) != length) {
        fmi_free(text);
        return fmi_fail_memory(err);
    }
    text[length] = '\0';
    *out = text;
    *size = length;
    return FM_OK;
}

static const json_t *look_up(const json_t *object, const char *path)
{
    const char *dot = strrchr(path, '.');
    return json_object_get(object, dot ? dot + 1 : path);
}

static fm_status fail_missing(const char *path, fm_error *err)
{
    return fmi_fail(err, FM_E_CORRUPT, FILE_NAME ": %s is missing", path);
}

bool fmi_field_present(const json_t *object, const char *path)
{
    return look_up(object, path) != NULL;
}

fm_status fmi_field_object(const json_t *object, const char *path, const json_t **out,
                           fm_error *err)
{
    const json_t *value = look_up(object, path);
    if (!value)
        return fail_missing(path, err);
    if (!json_is_object(value))
        return fmi_fail(err, FM_E_CORRUPT, FILE_NAME ": %s must be an object", path);
    *out = value;
    return FM_OK;
}

fm_status fmi_field_array(const json_t *object, const char *path, size_t min, size_t max,
                          const json_t **out, fm_error *err)
{
    const json_t *value = look_up(object, path);
    size_t n;
    if (!value)
        return fail_missing(path, err);
    if (!json_is_array(value))
        return fmi_fail(err, FM_E_CORRUPT, FILE_NAME ": %s must be a list", path);
    n = json_array_size(value);
    if (n < min || n > max)
        return min == max
                   ? fmi_fail(err, FM_E_CORRUPT, FILE_NAME ": %s has %zu entries, not %zu", path, n,
                              min)
                   : fmi_fail(err, FM_E_CORRUPT, FILE_NAME ": %s has %zu entries, not %zu to %zu",
                              path, n, min, max);
    *out = value;
    return FM_OK;
}

fm_status fmi_field_whole(const json_t *object, const char *path, int64_t min, int64_t max,
                          int64_t *out, fm_error *err)
{
    const json_t *value = look_up(object, path);
    if (!value)
        return fail_missing(path, err);
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return fmi_fail(err, FM_E_CORRUPT,
                        FILE_NAME ": %s must be a whole number from %lld to %lld", path,
                        (long long)min, (long long)max);
    *out = json_integer_value(value);
    return FM_OK;
}

/* jansson hands out finite numbers only, but who asks for one may need it within bounds. */
static bool number_within(const json_t *value, double min, double max)
{
    double number = json_is_number(value) ? json_number_value(value) : NAN;
    return isfinite(number) && number >= min && number <= max;
}

fm_status fmi_field_number(const json_t *object, const char *path, double min, double max,
                           double *out, fm_error *err)
{
    const json_t *value = look_up(object, path);
    if (!value)
        return fail_missing(path, err);
    if (!number_within(value, min, max))
        return fmi_fail(err, FM_E_CORRUPT, FILE_NAME ": %s must be a number from %g to %g", path,
                        min, max);
    *out = json_number_value(value);
    return FM_OK;
}

fm_status fmi_field_numbers(const json_t *object, const char *path, size_t n, double min,
                            double max, double *out, fm_error *err)
{
    const json_t *array = NULL;
    fm_status status = fmi_field_array(object, path, n, n, &array, err);
    if (status != FM_OK)
        return status;
    for (size_t i = 0; i < n; i++)
        if (!number_within(json_array_get(array, i), min, max))
            return fmi_fail(err, FM_E_CORRUPT,
                            FILE_NAME ": %s, entry %zu, must be a number from %g to %g", path,
                            i + 1, min, max);
    for (size_t i = 0; i < n; i++)
        out[i] = json_number_value(json_array_get(array, i));
    return FM_OK;
}

fm_status fmi_field_bool(const json_t *object, const char *path, bool *out, fm_error *err)
{
    const json_t *value = look_up(object, path);
    if (!value)
        return fail_missing(path, err);
    if (!json_is_boolean(value))
        return fmi_fail(err, FM_E_CORRUPT, FILE_NAME ": %s must be true or false", path);
    *out = json_is_true(value);
    return FM_OK;
}

fm_status fmi_field_text(const json_t *object, const char *path, const char **out, fm_error *err)
{
    const json_t *value = look_up(object, path);
    if (!value)
        return fail_missing(path, err);
    if (!json_is_string(value))
        return fmi_fail(err, FM_E_CORRUPT, FILE_NAME ": %s must be a text", path);
    *out = json_string_value(value);
    return FM_OK;
}

fm_status fmi_field_word(const json_t *object, const char *path, const fmi_word *words,
                         fm_status otherwise, int32_t *out, fm_error *err)
{
    const char *text = NULL;
    fm_status status = fmi_field_text(object, path, &text, err);
    if (status != FM_OK)
        return status;
    for (; words->word; words++)
        if (strcmp(words->word, text) == 0) {
            *out = words->value;
            return FM_OK;
        }
    return fmi_fail(err, otherwise, FILE_NAME ": %s is \"%.40s\", which this library does not know",
                    path, text);
}

fm_status fmi_field_optional_text(const json_t *object, const char *path, char **out, fm_error *err)
{
    const char *text = "";
    fm_status status =
        fmi_field_present(object, path) ? fmi_field_text(object, path, &text, err) : FM_OK;
    if (status != FM_OK)
        return status;
    *out = fmi_strdup(text);
    return *out ? FM_OK : fmi_fail_memory(err);
}
