#include "output.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "input.h"
#include "progress.h"

static bool json_wanted;
static int write_error; /* errno of the first write to standard output that failed */

int out_worst(int a, int b)
{
    return a > b ? a : b;
}

void out_begin(bool json)
{
    json_wanted = json;
}

bool out_closed(void)
{
    return write_error != 0;
}

static void flush(void)
{
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && write_error == 0)
        write_error = errno ? errno : EIO;
}

int out_end(int answer)
{
    flush();
    if (!out_closed())
        return answer;
    /* A reader that has seen enough, such as head, is no news. */
    if (write_error != EPIPE)
        fprintf(stderr, "facematch: standard output: %s\n", strerror(write_error));
    return ANSWER_ERROR;
}

static void out_of_memory(void)
{
    bar_hide();
    fputs("facematch: out of memory\n", stderr);
    exit(ANSWER_ERROR);
}

void *out_alloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);
    if (!memory)
        out_of_memory();
    return memory;
}

static __attribute__((format(printf, 1, 0), nonnull(1))) char *format_list(const char *format,
                                                                           va_list list)
{
    va_list again;
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    size_t size = length < 0 ? 1 : (size_t)length + 1;
    char *text = out_alloc(size, 1);
    vsnprintf(text, size, format, list);
    return text;
}

char *out_format(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char *text = format_list(format, list);
    va_end(list);
    return text;
}

char *out_control(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    for (; *c; c++)
        if (*c < 0x20 || *c == 0x7f || (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0))
            return (char *)c;
    return NULL;
}

static void print_line(FILE *file, const char *before, char *text)
{
    for (char *c = text; (c = out_control(c)); c++)
        *c = '?';
    bar_hide();
    fprintf(file, "%s%s\n", before, text);
    free(text);
}

void out_line(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    print_line(stdout, "", format_list(format, list));
    va_end(list);
    flush();
}

void out_note(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    print_line(stderr, "facematch: ", format_list(format, list));
    va_end(list);
}

void out_json(json_t *object)
{
    /* 9 digits bring every float back as it was. */
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    if (!text)
        out_of_memory();
    bar_hide();
    puts(text);
    free(text);
    flush();
}

static void say_error(const char *image, fm_status status, const char *text)
{
    out_note("%s", text);
    if (!json_wanted)
        return;
    json_t *object =
        json_pack("{s:s,s:o}", "error", fm_status_name(status), "message", out_text(text));
    if (object && image)
        json_object_set_new(object, "image", out_text(image));
    out_json(object);
}

void out_error(const char *image, fm_status status, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char *text = format_list(format, list);
    va_end(list);
    say_error(image, status, text);
    free(text);
}

bool out_cannot_read(const char *path)
{
    out_error(NULL, errno == ENOENT ? FM_E_NOT_FOUND : FM_E_IO, "%s: %s", path, strerror(errno));
    return false;
}

const char *out_place(const char *uri)
{
    static char place[1024];
    const char *rest = uri + strcspn(uri, ":"), *at, *gallery;
    if (strncmp(uri, "postgres", 8) != 0 || strncmp(rest, "://", 3) != 0)
        return uri;
    rest += 3;
    while ((at = strchr(rest, '@')) != NULL && at < rest + strcspn(rest, "/?"))
        rest = at + 1;
    gallery = strstr(rest, "gallery=");
    snprintf(place, sizeof place, "postgresql://%.*s%s%.*s", (int)strcspn(rest, "?"), rest,
             gallery ? "?" : "", gallery ? (int)strcspn(gallery, "&") : 0, gallery ? gallery : "");
    return place;
}

/* Whether the message begins with the name, in which the library may have replaced bytes that are
 * not UTF-8. */
static bool begins_with(const char *message, const char *name)
{
    while (*name && (*message == *name || (*message == '?' && (unsigned char)*name >= 0x80))) {
        message++;
        name++;
    }
    return !*name;
}

static void pass_on(const char *image, const char *name, const fm_error *err)
{
    name = name ? out_place(name) : NULL;
    if (!name || begins_with(err->message, name))
        out_error(image, err->status, "%s", err->message);
    else
        out_error(image, err->status, "%s: %s", name, err->message);
}

void out_library_error(const char *name, const fm_error *err)
{
    pass_on(NULL, name, err);
}

void out_image_error(const char *path, const fm_error *err)
{
    pass_on(path, input_is(path) ? "standard input" : path, err);
}

json_t *out_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *out_text(const char *text)
{
    json_t *whole = json_string(text);
    if (whole)
        return whole;
    /* Byte by byte: each that does not begin a valid sequence becomes U+FFFD. */
    size_t length = strlen(text), used = 0;
    char *valid = out_alloc(3 * length + 1, 1);
    for (size_t at = 0; at < length;) {
        size_t step = 1;
        json_t *piece = NULL;
        for (; step <= 4 && at + step <= length; step++)
            if ((piece = json_stringn(text + at, step)))
                break;
        memcpy(valid + used, piece ? text + at : "\xEF\xBF\xBD", piece ? step : 3);
        used += piece ? step : 3;
        at += piece ? step : 1;
        json_decref(piece);
    }
    whole = json_string(valid);
    free(valid);
    return whole;
}

json_t *out_face(const fm_face *face)
{
    json_t *points = json_array();
    for (int i = 0; i < FM_POINT_COUNT; i++)
        json_array_append_new(points, json_pack("[o,o]", out_real(face->points[2 * i]),
                                                out_real(face->points[2 * i + 1])));
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "x", out_real(face->x), "y", out_real(face->y),
                     "width", out_real(face->width), "height", out_real(face->height), "score",
                     out_real(face->score), "points", points);
}

json_t *out_quality(const fm_face_quality *quality)
{
    const fm_face_quality *q = quality;
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "quality", out_real(q->quality),
                     "size_px", out_real(q->size_px), "eye_distance_px",
                     out_real(q->eye_distance_px), "score", out_real(q->score), "sharpness",
                     out_real(q->sharpness), "brightness", out_real(q->brightness), "clipped",
                     out_real(q->clipped), "yaw_deg", out_real(q->yaw_deg), "pitch_deg",
                     out_real(q->pitch_deg), "roll_deg", out_real(q->roll_deg));
}

void out_count(char *text, size_t size, int64_t number)
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)number);
    size_t used = 0;
    for (int i = 0; i < length && used + 2 < size; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
}

void out_rate(char *text, size_t size, double fmr, double least_fmr)
{
    if (!(fmr > 0) || !isfinite(fmr)) {
        snprintf(text, size, "the model has no calibration to tell how many strangers do");
        return;
    }
    if (fmr > 0.05) {
        snprintf(text, size, "%.0f in 100 strangers score this high", 100 * fmr);
        return;
    }
    char strangers[32];
    out_count(strangers, sizeof strangers, llround(1 / fmr));
    snprintf(text, size, "%s1 stranger in %s scores this high", fmr <= least_fmr ? "at most " : "",
             strangers);
}

void out_time(char *text, size_t size, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    if (!gmtime_r(&seconds, &parts) || !strftime(text, size, "%Y-%m-%d %H:%M UTC", &parts))
        snprintf(text, size, "%lld ms", (long long)ms);
}
