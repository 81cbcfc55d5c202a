#include "core/text.h"
#include "core/error.h"
#include <string.h>

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The second byte is where overlong forms, surrogates and values past U+10FFFF show. */
static bool second_byte_fits(unsigned char first, unsigned char second)
{
    if (!is_continuation(second))
        return false;
    switch (first) {
    case 0xE0:
        return second >= 0xA0;
    case 0xED:
        return second <= 0x9F;
    case 0xF0:
        return second >= 0x90;
    case 0xF4:
        return second <= 0x8F;
    default:
        return true;
    }
}

size_t fmi_utf8_length(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n, i;
    if (length == 0 || s[0] == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xC2 || s[0] > 0xF4)
        return 0;
    n = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (length < n || !second_byte_fits(s[0], s[1]))
        return 0;
    for (i = 2; i < n; i++)
        if (!is_continuation(s[i]))
            return 0;
    return n;
}

/* C0, DEL and C1 */
static bool is_control(const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;
    return (n == 1 && (s[0] < 0x20 || s[0] == 0x7F)) || (n == 2 && s[0] == 0xC2 && s[1] < 0xA0);
}

bool fmi_utf8_valid(const char *text, size_t length)
{
    size_t i = 0;
    while (i < length) {
        size_t n = fmi_utf8_length(text + i, length - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

fm_status fmi_text_check(const char *text, size_t min, size_t max, const char *name, fm_error *err)
{
    size_t length, i = 0;
    if (!text)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL", name);
    length = max < SIZE_MAX ? strnlen(text, max + 1) : strlen(text);
    if (length > max)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is longer than %zu bytes", name, max);
    if (length < min)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s has %zu bytes; at least %zu are needed",
                        name, length, min);
    while (i < length) {
        size_t n = fmi_utf8_length(text + i, length - i);
        if (n == 0)
            return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is not UTF-8 at byte %zu", name, i);
        if (is_control(text + i, n))
            return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s has a control character at byte %zu",
                            name, i);
        i += n;
    }
    return FM_OK;
}

void fmi_text_clean(char *out, size_t out_size, const char *text)
{
    size_t length = strlen(text), used = 0, i = 0;
    while (i < length) {
        size_t n = fmi_utf8_length(text + i, length - i);
        bool bad = n == 0 || is_control(text + i, n);
        size_t width = bad ? 1 : n;
        if (used + width >= out_size)
            break;
        if (bad)
            out[used] = '?';
        else
            memcpy(out + used, text + i, n);
        used += width;
        i += n ? n : 1;
    }
    out[used] = '\0';
}
