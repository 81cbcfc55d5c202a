/* Reading single fields of the manifest: each is there, of the right type and within its range, or
 * the answer is FM_E_CORRUPT and names it.
 *
 * A path such as "input.width" is what messages say; the field is looked up in `object` by the part
 * behind the last dot. Outputs are untouched on failure. */
#ifndef FMI_FIELDS_H
#define FMI_FIELDS_H

#include <facematch/status.h>
#include <jansson.h>
#include <stdbool.h>

/* The whole text as one JSON object; free with json_decref. Names duplicate keys and the line. */
fm_status fmi_fields_open(json_t **out, const char *text, size_t length, fm_error *err);

/* A value as text: *out by fmi_alloc, NUL-terminated, of *size bytes without the NUL. flags as for
 * json_dumpb. */
fm_status fmi_fields_dump(const json_t *value, size_t flags, char **out, size_t *size,
                          fm_error *err);

bool fmi_field_present(const json_t *object, const char *path);
fm_status fmi_field_object(const json_t *object, const char *path, const json_t **out,
                           fm_error *err);
fm_status fmi_field_array(const json_t *object, const char *path, size_t min, size_t max,
                          const json_t **out, fm_error *err);
fm_status fmi_field_whole(const json_t *object, const char *path, int64_t min, int64_t max,
                          int64_t *out, fm_error *err);
fm_status fmi_field_number(const json_t *object, const char *path, double min, double max,
                           double *out, fm_error *err);
/* exactly n numbers */
fm_status fmi_field_numbers(const json_t *object, const char *path, size_t n, double min,
                            double max, double *out, fm_error *err);
fm_status fmi_field_bool(const json_t *object, const char *path, bool *out, fm_error *err);
fm_status fmi_field_text(const json_t *object, const char *path, const char **out, fm_error *err);

/* A copy by fmi_strdup; "" where the field is left out. */
fm_status fmi_field_optional_text(const json_t *object, const char *path, char **out,
                                  fm_error *err);

/* One of several words; the table ends with a NULL word. `otherwise` is the status for a word that
 * is not in it. */
typedef struct fmi_word {
    const char *word;
    int32_t value;
} fmi_word;

fm_status fmi_field_word(const json_t *object, const char *path, const fmi_word *words,
                         fm_status otherwise, int32_t *out, fm_error *err);

#endif
