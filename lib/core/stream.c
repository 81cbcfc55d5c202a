#include "core/stream.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 1 << 16 };

/* --- writing a file --- */

typedef struct file_sink {
    fmi_sink base;
    const char *name; /* as the caller gave it */
    char *target;     /* where a name leads to, if it is a link */
    char *temporary;  /* NULL: written to directly */
    int fd;
    uint8_t *buffer;
    size_t used;
} file_sink;

static fm_status fail_sink(const file_sink *s, int code, fm_error *err)
{
    fm_status status = fmi_file_fail_write(err, code);
    return fmi_fail_context(err, status, "%s", s->name);
}

static fm_status flush_sink(file_sink *s, fm_error *err)
{
    int code = fmi_file_write_all(s->fd, s->buffer, s->used);
    s->used = 0;
    return code == 0 ? FM_OK : fail_sink(s, code, err);
}

static fm_status file_sink_write(fmi_sink *sink, const void *bytes, size_t size, fm_error *err)
{
    file_sink *s = (file_sink *)sink;
    const uint8_t *from = bytes;
    while (size > 0) {
        size_t n = size < BUFFER - s->used ? size : BUFFER - s->used;
        memcpy(s->buffer + s->used, from, n);
        s->used += n;
        from += n;
        size -= n;
        if (s->used == BUFFER) {
            fm_status status = flush_sink(s, err);
            if (status != FM_OK)
                return status;
        }
    }
    return FM_OK;
}

static fm_status file_sink_finish(fmi_sink *sink, fm_error *err)
{
    file_sink *s = (file_sink *)sink;
    fm_status status = flush_sink(s, err);
    if (status != FM_OK)
        return status;
    if (s->temporary && fsync(s->fd) != 0)
        return fail_sink(s, errno, err);
    if (close(s->fd) != 0) {
        s->fd = -1;
        return fail_sink(s, errno, err);
    }
    s->fd = -1;
    if (s->temporary && rename(s->temporary, s->target) != 0)
        return fail_sink(s, errno, err);
    fmi_free(s->temporary);
    s->temporary = NULL;
    return FM_OK;
}

static void file_sink_close(fmi_sink *sink)
{
    file_sink *s = (file_sink *)sink;
    if (s->fd >= 0)
        close(s->fd);
    if (s->temporary)
        unlink(s->temporary);
    fmi_free(s->temporary);
    fmi_free(s->target);
    fmi_block_free(s->buffer);
    fmi_free(s);
}

/* A link stays, and what it leads to is replaced. */
static char *follow(const char *path)
{
    struct stat info;
    char resolved[PATH_MAX];
    if (lstat(path, &info) == 0 && S_ISLNK(info.st_mode) && realpath(path, resolved))
        return fmi_strdup(resolved);
    return fmi_strdup(path);
}

static fm_status open_beside(file_sink *s, fm_error *err)
{
    size_t room = strlen(s->target) + 64;
    char *temporary = fmi_alloc(room);
    if (!temporary)
        return fmi_fail_memory(err);
    s->fd = fmi_file_create_beside(s->target, temporary, room, 0600);
    if (s->fd >= 0) {
        s->temporary = temporary;
        return FM_OK;
    }
    fmi_free(temporary);
    return fail_sink(s, errno, err);
}

static fm_status open_sink(file_sink *s, fm_error *err)
{
    struct stat info;
    s->target = follow(s->name);
    s->buffer = fmi_block_alloc(BUFFER);
    if (!s->target || !s->buffer)
        return fmi_fail_memory(err);
    if (stat(s->name, &info) != 0 || S_ISREG(info.st_mode))
        return open_beside(s, err);
    do
        s->fd = open(s->name, O_WRONLY | O_CLOEXEC);
    while (s->fd < 0 && errno == EINTR);
    return s->fd >= 0 ? FM_OK : fail_sink(s, errno, err);
}

fm_status fmi_sink_file(fmi_sink **out, const char *path, fm_error *err)
{
    file_sink *s;
    fm_status status;
    if (strlen(path) > INT_MAX - 64)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "the path is %zu bytes long", strlen(path));
    s = fmi_calloc(1, sizeof *s);
    if (!s)
        return fmi_fail_memory(err);
    s->base = (fmi_sink){file_sink_write, file_sink_finish, file_sink_close};
    s->name = path;
    s->fd = -1;
    status = open_sink(s, err);
    if (status == FM_OK)
        *out = &s->base;
    else
        file_sink_close(&s->base);
    return status;
}

/* --- reading a file --- */

typedef struct file_source {
    fmi_source base;
    const char *name;
    int fd;
} file_source;

static fm_status fail_source(const file_source *s, int code, fm_error *err)
{
    fm_status status = fmi_file_fail_read(err, code);
    return fmi_fail_context(err, status, "%s", s->name);
}

static fm_status file_source_read(fmi_source *source, void *out, size_t room, size_t *got,
                                  fm_error *err)
{
    const file_source *s = (const file_source *)source;
    ssize_t n;
    do
        n = read(s->fd, out, room < SSIZE_MAX ? room : SSIZE_MAX);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return fail_source(s, errno, err);
    *got = (size_t)n;
    return FM_OK;
}

static void file_source_close(fmi_source *source)
{
    file_source *s = (file_source *)source;
    if (s->fd >= 0)
        close(s->fd);
    fmi_free(s);
}

fm_status fmi_source_file(fmi_source **out, const char *path, fm_error *err)
{
    struct stat info;
    file_source *s = fmi_calloc(1, sizeof *s);
    fm_status status = FM_OK;
    if (!s)
        return fmi_fail_memory(err);
    s->base = (fmi_source){file_source_read, file_source_close, 0};
    s->name = path;
    do
        s->fd = open(path, O_RDONLY | O_CLOEXEC);
    while (s->fd < 0 && errno == EINTR);
    if (s->fd < 0 || fstat(s->fd, &info) != 0)
        status = fail_source(s, errno, err);
    else if (S_ISREG(info.st_mode))
        s->base.size = (uint64_t)info.st_size;
    if (status == FM_OK)
        *out = &s->base;
    else
        file_source_close(&s->base);
    return status;
}

/* --- lines --- */

/* Room for more: first by moving what is there to the beginning, then by a larger buffer. */
static fm_status make_room(fmi_lines *lines, fm_error *err)
{
    size_t rest = lines->used - lines->at, capacity = lines->capacity;
    char *larger = lines->buffer;
    if (capacity - rest < BUFFER) {
        capacity = capacity ? 2 * capacity : 2 * BUFFER;
        larger = fmi_block_alloc(capacity);
        if (!larger)
            return fmi_fail_memory(err);
    }
    if (rest > 0)
        memmove(larger, lines->buffer + lines->at, rest);
    if (larger != lines->buffer)
        fmi_block_free(lines->buffer);
    lines->buffer = larger;
    lines->capacity = capacity;
    lines->used = rest;
    lines->at = 0;
    return FM_OK;
}

static fm_status read_more(fmi_lines *lines, fm_error *err)
{
    size_t got = 0;
    fm_status status = FM_OK;
    if (lines->capacity - lines->used < BUFFER)
        status = make_room(lines, err);
    if (status == FM_OK)
        status = lines->source->read(lines->source, lines->buffer + lines->used, BUFFER, &got, err);
    if (status != FM_OK)
        return status;
    lines->used += got;
    lines->bytes += (int64_t)got;
    lines->ended = got == 0;
    return FM_OK;
}

static fm_status take_line(fmi_lines *lines, size_t length, size_t taken, const char **line,
                           size_t *size, fm_error *err)
{
    lines->number++;
    if (length > lines->limit)
        return fmi_fail(err, FM_E_LIMIT, "longer than %zu bytes", lines->limit);
    *line = lines->buffer + lines->at;
    *size = length;
    lines->at += taken;
    return FM_OK;
}

fm_status fmi_lines_next(fmi_lines *lines, const char **line, size_t *size, fm_error *err)
{
    size_t looked_at = 0;
    for (;;) {
        const char *start = lines->buffer ? lines->buffer + lines->at : NULL;
        size_t rest = lines->used - lines->at;
        const char *end =
            rest > looked_at ? memchr(start + looked_at, '\n', rest - looked_at) : NULL;
        fm_status status;
        if (end)
            return take_line(lines, (size_t)(end - start), (size_t)(end - start) + 1, line, size,
                             err);
        if (rest > lines->limit || (lines->ended && rest > 0))
            return take_line(lines, rest, rest, line, size, err);
        if (lines->ended) {
            *line = NULL;
            return FM_OK;
        }
        looked_at = rest;
        status = read_more(lines, err);
        if (status != FM_OK)
            return status;
    }
}

void fmi_lines_dispose(fmi_lines *lines)
{
    fmi_block_free(lines->buffer);
    lines->buffer = NULL;
}
