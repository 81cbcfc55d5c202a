/* Checks on text that comes from outside. */
#ifndef FMI_TEXT_H
#define FMI_TEXT_H

#include <facematch/status.h>
#include <stdbool.h>

bool fmi_utf8_valid(const char *text,
                    size_t length); /* strict: no overlong forms, surrogates, NUL */

/* Non-NULL, valid UTF-8, min..max bytes, without control characters; `name` is used in the message.
 */
fm_status fmi_text_check(const char *text, size_t min, size_t max, const char *name, fm_error *err);

/* Bytes of the well-formed UTF-8 character that text begins with; 0 when it begins with none. */
size_t fmi_utf8_length(const char *text, size_t length);

/* One line fit for a message: cut at a character boundary, control characters and bytes that are
 * not UTF-8 become '?'. out_size > 0; out may not overlap text. */
void fmi_text_clean(char *out, size_t out_size, const char *text);

#endif
