#include "core/json.h"
#include "core/text.h"
#include <jansson.h>
#include <string.h>

/* --- checking --- */

typedef struct scan {
    const char *at, *end;
    size_t depth;
    char close[FMI_JSON_DEPTH]; /* what ends each container that is open */
} scan;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip_blanks(scan *s)
{
    while (s->at < s->end && is_blank(*s->at))
        s->at++;
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits of \uXXXX; -1 when there are fewer. */
static int32_t four_digits(const char *at, const char *end)
{
    int32_t value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(at[i]);
        if (digit < 0)
            return -1;
        value = 16 * value + digit;
    }
    return value;
}

/* What follows a backslash and its u: the character, and the bytes it takes (4, or 10 for a pair);
 * -1 for none, NUL and half pairs. */
static int32_t escaped_character(const char *at, const char *end, size_t *taken)
{
    int32_t high = four_digits(at, end), low;
    *taken = 4;
    if (high <= 0 || (high >= 0xDC00 && high <= 0xDFFF))
        return -1;
    if (high < 0xD800 || high > 0xDBFF)
        return high;
    if (end - at < 10 || at[4] != '\\' || at[5] != 'u')
        return -1;
    low = four_digits(at + 6, end);
    *taken = 10;
    return low >= 0xDC00 && low <= 0xDFFF ? 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00) : -1;
}

static bool scan_escape(scan *s)
{
    size_t taken;
    if (s->end - s->at < 2)
        return false;
    if (s->at[1] != 'u') {
        if (!strchr("\"\\/bfnrt", s->at[1]) || s->at[1] == '\0')
            return false;
        s->at += 2;
        return true;
    }
    if (escaped_character(s->at + 2, s->end, &taken) < 0)
        return false;
    s->at += 2 + taken;
    return true;
}

static bool scan_string(scan *s)
{
    if (s->at == s->end || *s->at != '"')
        return false;
    s->at++;
    while (s->at < s->end && *s->at != '"') {
        size_t n = 1;
        if (*s->at == '\\') {
            if (!scan_escape(s))
                return false;
            continue;
        }
        if ((unsigned char)*s->at < 0x20)
            return false;
        if ((unsigned char)*s->at >= 0x80)
            n = fmi_utf8_length(s->at, (size_t)(s->end - s->at));
        if (n == 0)
            return false;
        s->at += n;
    }
    if (s->at == s->end)
        return false;
    s->at++;
    return true;
}

static bool scan_digits(scan *s)
{
    const char *start = s->at;
    while (s->at < s->end && is_digit(*s->at))
        s->at++;
    return s->at > start;
}

static bool scan_number(scan *s)
{
    if (*s->at == '-')
        s->at++;
    if (s->at < s->end && *s->at == '0')
        s->at++;
    else if (!scan_digits(s))
        return false;
    if (s->at < s->end && *s->at == '.') {
        s->at++;
        if (!scan_digits(s))
            return false;
    }
    if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
        s->at++;
        if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
            s->at++;
        return scan_digits(s);
    }
    return true;
}

static bool scan_word(scan *s, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(s->end - s->at) < size || memcmp(s->at, word, size))
        return false;
    s->at += size;
    return true;
}

static bool scan_key(scan *s)
{
    skip_blanks(s);
    if (!scan_string(s))
        return false;
    skip_blanks(s);
    if (s->at == s->end || *s->at != ':')
        return false;
    s->at++;
    return true;
}

static bool open_container(scan *s, bool *empty)
{
    char close = *s->at == '{' ? '}' : ']';
    if (s->depth == FMI_JSON_DEPTH)
        return false;
    s->close[s->depth++] = close;
    s->at++;
    skip_blanks(s);
    *empty = s->at < s->end && *s->at == close;
    return *empty || close == ']' || scan_key(s);
}

/* After a value: what it closes, and then a comma, unless all is closed. */
static bool go_on(scan *s)
{
    while (s->depth > 0) {
        char close = s->close[s->depth - 1];
        skip_blanks(s);
        if (s->at == s->end)
            return false;
        if (*s->at == ',') {
            s->at++;
            return close == ']' || scan_key(s);
        }
        if (*s->at != close)
            return false;
        s->at++;
        s->depth--;
    }
    return true;
}

static bool scan_scalar(scan *s)
{
    switch (*s->at) {
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        return (*s->at == '-' || is_digit(*s->at)) && scan_number(s);
    }
}

static bool scan_value(scan *s)
{
    do {
        bool empty = false;
        skip_blanks(s);
        if (s->at == s->end)
            return false;
        if (*s->at == '{' || *s->at == '[') {
            if (!open_container(s, &empty))
                return false;
            if (!empty)
                continue;
        } else if (!scan_scalar(s)) {
            return false;
        }
        if (!go_on(s))
            return false;
    } while (s->depth > 0);
    return true;
}

bool fmi_json_check(const char *text, size_t size, fmi_json *value, size_t *wrong)
{
    scan s;
    bool valid;
    s.at = text;
    s.end = text + size;
    s.depth = 0;
    skip_blanks(&s);
    value->at = s.at;
    valid = scan_value(&s);
    value->end = s.at;
    if (valid)
        skip_blanks(&s);
    *wrong = (size_t)(s.at - text);
    return valid && s.at == s.end;
}

/* --- walking --- */

char fmi_json_kind(fmi_json value)
{
    return is_digit(*value.at) || *value.at == '-' ? '0' : *value.at;
}

fmi_json fmi_json_inside(fmi_json container)
{
    return (fmi_json){container.at + 1, container.end - 1};
}

/* The next quote with an even number of backslashes in front of it. */
static const char *end_of_string(const char *at, const char *end)
{
    const char *start = at + 1;
    for (;;) {
        const char *quote = memchr(start, '"', (size_t)(end - start)), *p = quote;
        while (p > start && p[-1] == '\\')
            p--;
        if ((quote - p) % 2 == 0)
            return quote + 1;
        start = quote + 1;
    }
}

static const char *end_of_container(const char *at, const char *end)
{
    size_t depth = 0;
    do {
        if (*at == '"') {
            at = end_of_string(at, end);
            continue;
        }
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        at++;
    } while (depth > 0);
    return at;
}

static const char *end_of_value(const char *at, const char *end)
{
    if (*at == '"')
        return end_of_string(at, end);
    if (*at == '{' || *at == '[')
        return end_of_container(at, end);
    while (at < end && *at != ',' && *at != '}' && *at != ']' && !is_blank(*at))
        at++;
    return at;
}

/* To the next value, past the comma or colon in front of it. */
static bool next_value(fmi_json *rest, fmi_json *value)
{
    while (rest->at < rest->end && (is_blank(*rest->at) || *rest->at == ',' || *rest->at == ':'))
        rest->at++;
    if (rest->at == rest->end)
        return false;
    value->at = rest->at;
    rest->at = value->end = end_of_value(rest->at, rest->end);
    return true;
}

bool fmi_json_item(fmi_json *rest, fmi_json *item)
{
    return next_value(rest, item);
}

bool fmi_json_member(fmi_json *rest, fmi_json *key, fmi_json *value)
{
    return next_value(rest, key) && next_value(rest, value);
}

/* --- values --- */

static size_t put_utf8(char out[4], int32_t c)
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(first[n] | c);
    return n;
}

/* A backslash and what follows it; the bytes they take. */
static size_t decode_escape(const char *at, const char *end, char out[4], size_t *n)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *known;
    size_t taken;
    if (at[1] == 'u') {
        *n = put_utf8(out, escaped_character(at + 2, end, &taken));
        return 2 + taken;
    }
    known = strchr(from, at[1]);
    out[0] = known ? to[known - from] : at[1];
    *n = 1;
    return 2;
}

bool fmi_json_text(fmi_json string, char *out, size_t max, size_t *size)
{
    fmi_json inside = fmi_json_inside(string);
    size_t used = 0;
    while (inside.at < inside.end) {
        size_t left = (size_t)(inside.end - inside.at), n;
        const char *escape = memchr(inside.at, '\\', left), *from = inside.at;
        char bytes[4];
        if (escape == from) {
            inside.at += decode_escape(inside.at, inside.end, bytes, &n);
            from = bytes;
        } else {
            n = escape ? (size_t)(escape - from) : left;
            inside.at += n;
        }
        if (n > max - used)
            return false;
        memcpy(out + used, from, n);
        used += n;
    }
    out[used] = '\0';
    *size = used;
    return true;
}

bool fmi_json_integer(fmi_json number, int64_t *out)
{
    bool negative = *number.at == '-';
    int64_t value = 0;
    for (const char *at = number.at + negative; at < number.end; at++) {
        int digit = *at - '0';
        if (!is_digit(*at) || value > (INT64_MAX - digit) / 10)
            return false;
        value = 10 * value + digit;
    }
    *out = negative ? -value : value;
    return true;
}

/* By jansson, because strtod goes by the process's locale. */
bool fmi_json_real(fmi_json number, double *out)
{
    json_t *json = json_loadb(number.at, (size_t)(number.end - number.at), JSON_DECODE_ANY, NULL);
    bool known = json_is_number(json);
    if (known)
        *out = json_number_value(json);
    json_decref(json);
    return known;
}
