/* What the program says: results on standard output (for people, or as JSON), errors on standard
 * error. Text that came from outside never reaches a terminal with its control characters. */
#ifndef TOOL_OUTPUT_H
#define TOOL_OUTPUT_H

#include <facematch/facematch.h>
#include <jansson.h>
#include <stdbool.h>

/* Exit statuses. The worst of several answers is the greatest. */
enum { ANSWER_YES = 0, ANSWER_NO = 1, ANSWER_ERROR = 2 };

int out_worst(int a, int b);

/* From now on, errors are told as JSON too. */
void out_begin(bool json);

/* The exit status, given the answer: ANSWER_ERROR if results could not be written. */
int out_end(int answer);

/* True once standard output is gone: there is nobody left to work for. */
bool out_closed(void);

/* Memory that must be there, zeroed; without it the program says so and ends. */
void *out_alloc(size_t count, size_t size);

/* Text as by printf; free it. */
char *out_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line for people. */
void out_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One object, one line; takes over the object. */
void out_json(json_t *object);

/* An error; image is the photograph that it is about, or NULL. */
void out_error(const char *image, fm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A file or folder cannot be read, and errno says why; false. */
bool out_cannot_read(const char *path);

/* Where a gallery is, for people to read: the URI of a server without user, password and
 * parameters. Good until the next call. */
const char *out_place(const char *uri);

/* What the library said about a file, a gallery or the like; named first unless the text does. */
void out_library_error(const char *name, const fm_error *err);

/* The same about a photograph. */
void out_image_error(const char *path, const fm_error *err);

/* Something that is worth knowing but no error; standard error, never JSON. */
void out_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The first control character of a text (C0, DEL or C1), or NULL. */
char *out_control(const char *text);

json_t *out_real(double value);     /* null when it is not finite */
json_t *out_text(const char *text); /* what is not UTF-8 is replaced */
json_t *out_face(const fm_face *face);
json_t *out_quality(const fm_face_quality *quality);

/* 1234567 as "1,234,567". */
void out_count(char *text, size_t size, int64_t number);

/* A false match rate in words, such as "1 stranger in 1,000 scores this high". */
void out_rate(char *text, size_t size, double fmr, double least_fmr);

/* Milliseconds since 1970 as "2025-05-01 12:34 UTC". */
void out_time(char *text, size_t size, int64_t ms);

#endif
