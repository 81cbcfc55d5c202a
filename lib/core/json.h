/* JSON read where it lies: nothing is copied and nothing is allocated, so that what is in it need
 * not be wiped twice. A text is checked once; after that it can be walked through without failure.
 */
#ifndef FMI_JSON_H
#define FMI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FMI_JSON_DEPTH = 2100 }; /* a little more than jansson takes, which checks metadata */

/* One value without blanks around it, or what is left of the inside of an object or array. */
typedef struct fmi_json {
    const char *at, *end;
} fmi_json;

/* Is this one value as RFC 8259 has it, in UTF-8, without \u0000 and half surrogate pairs? If not,
 * *wrong is the place of the first byte that does not fit. */
bool fmi_json_check(const char *text, size_t size, fmi_json *value, size_t *wrong);

/* Of a checked text. '{', '[', '"', 't', 'f' and 'n' by the first character, '0' for numbers. */
char fmi_json_kind(fmi_json value);
fmi_json fmi_json_inside(fmi_json container);
bool fmi_json_item(fmi_json *rest, fmi_json *item);
bool fmi_json_member(fmi_json *rest, fmi_json *key, fmi_json *value);

/* Decode a string of at most max bytes; out[max + 1]. false: longer. */
bool fmi_json_text(fmi_json string, char *out, size_t max, size_t *size);
/* false: not a whole number (a fraction or exponent makes it none), or it does not fit. */
bool fmi_json_integer(fmi_json number, int64_t *out);
/* false: too large, or no memory */
bool fmi_json_real(fmi_json number, double *out);

#endif
