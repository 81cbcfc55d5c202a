#include "core/file.h"
#include "core/error.h"
#include "core/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 1 << 16 };

fm_status fmi_file_fail_read(fm_error *err, int code)
{
    char text[128] = "";
    if (code == ENOENT || code == ENOTDIR)
        return fmi_fail(err, FM_E_NOT_FOUND, "no such file");
    if (strerror_r(code, text, sizeof text) != 0)
        return fmi_fail(err, FM_E_IO, "cannot be read (errno %d)", code);
    return fmi_fail(err, FM_E_IO, "cannot be read: %s", text);
}

static fm_status fail_limit(fm_error *err, uint64_t size, uint64_t max_bytes)
{
    return fmi_fail(err, FM_E_LIMIT, "%" PRIu64 " bytes or more, above the limit of %" PRIu64, size,
                    max_bytes);
}

static ssize_t read_some(int fd, uint8_t *to, size_t room)
{
    ssize_t n;
    do
        n = read(fd, to, room < SSIZE_MAX ? room : SSIZE_MAX);
    while (n < 0 && errno == EINTR);
    return n;
}

/* Room for the expected size and one byte more, by which the end of the file is seen. */
static fm_status first_capacity(int fd, uint64_t max_bytes, size_t *capacity, fm_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fmi_file_fail_read(err, errno);
    if (S_ISDIR(st.st_mode))
        return fmi_fail(err, FM_E_IO, "is a directory");
    *capacity = CHUNK;
    if (!S_ISREG(st.st_mode))
        return FM_OK;
    if ((uint64_t)st.st_size > max_bytes)
        return fail_limit(err, (uint64_t)st.st_size, max_bytes);
    if ((uint64_t)st.st_size >= SIZE_MAX)
        return fmi_fail_memory(err);
    *capacity = (size_t)st.st_size + 1;
    return FM_OK;
}

/* Until the end, whatever the size was said to be: pipes have none, and files grow. */
static fm_status read_all(int fd, uint8_t **buffer, size_t *used, size_t capacity,
                          uint64_t max_bytes, fm_error *err)
{
    for (;;) {
        ssize_t n = read_some(fd, *buffer + *used, capacity - *used);
        if (n < 0)
            return fmi_file_fail_read(err, errno);
        if (n == 0)
            return *used ? FM_OK : fmi_fail(err, FM_E_CORRUPT, "the file is empty");
        *used += (size_t)n;
        if (*used > max_bytes)
            return fail_limit(err, *used, max_bytes);
        if (*used == capacity) {
            uint8_t *larger = capacity <= SIZE_MAX / 2 ? fmi_block_alloc(2 * capacity) : NULL;
            if (!larger)
                return fmi_fail_memory(err);
            memcpy(larger, *buffer, capacity);
            fmi_block_free(*buffer);
            *buffer = larger;
            capacity *= 2;
        }
    }
}

static fm_status read_open_file(uint8_t **out, size_t *size, int fd, uint64_t max_bytes,
                                fm_error *err)
{
    size_t capacity = 0, used = 0;
    uint8_t *buffer;
    fm_status status = first_capacity(fd, max_bytes, &capacity, err);
    if (status != FM_OK)
        return status;
    buffer = fmi_block_alloc(capacity);
    if (!buffer)
        return fmi_fail_memory(err);
    status = read_all(fd, &buffer, &used, capacity, max_bytes, err);
    if (status != FM_OK) {
        fmi_block_free(buffer);
        return status;
    }
    *out = buffer;
    *size = used;
    return FM_OK;
}

fm_status fmi_file_read(uint8_t **out, size_t *size, const char *path, uint64_t max_bytes,
                        fm_error *err)
{
    fm_status status;
    int fd;
    if (!path || !*path)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "the path is %s", path ? "empty" : "NULL");
    do
        fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        status = fmi_file_fail_read(err, errno);
    } else {
        status = read_open_file(out, size, fd, max_bytes, err);
        close(fd);
    }
    return status == FM_OK ? FM_OK : fmi_fail_context(err, status, "%s", path);
}

fm_status fmi_file_fail_write(fm_error *err, int code)
{
    char text[128] = "";
    if (strerror_r(code, text, sizeof text) != 0)
        return fmi_fail(err, FM_E_IO, "cannot be written (errno %d)", code);
    return fmi_fail(err, FM_E_IO, "cannot be written: %s", text);
}

/* A short name of its own: path's may be as long as names can be. */
int fmi_file_create_beside(const char *path, char *temporary, size_t size, unsigned mode)
{
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_REALTIME, &now);
    for (int attempt = 0; attempt < 100; attempt++) {
        int fd;
        snprintf(temporary, size, "%.*s.facematch-%ld-%lx.tmp", folder, path, (long)getpid(),
                 (unsigned long)now.tv_nsec + (unsigned long)attempt);
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
        if (fd >= 0 || (errno != EEXIST && errno != EINTR))
            return fd;
    }
    return -1;
}

int fmi_file_write_all(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size > 0) {
        ssize_t n = write(fd, at, size < SSIZE_MAX ? size : SSIZE_MAX);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

static fm_status write_through(const char *path, char *temporary, size_t room, const void *data,
                               size_t size, fm_error *err)
{
    int code, fd = fmi_file_create_beside(path, temporary, room, 0666);
    if (fd < 0)
        return fmi_file_fail_write(err, errno);
    code = fmi_file_write_all(fd, data, size);
    if (code == 0 && fsync(fd) != 0)
        code = errno;
    if (close(fd) != 0 && code == 0)
        code = errno;
    if (code == 0 && rename(temporary, path) != 0)
        code = errno;
    if (code == 0)
        return FM_OK;
    unlink(temporary);
    return fmi_file_fail_write(err, code);
}

fm_status fmi_file_write(const char *path, const void *data, size_t size, fm_error *err)
{
    size_t room;
    char *temporary;
    fm_status status;
    if (!path || !*path)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "the path is %s", path ? "empty" : "NULL");
    room = strlen(path) + 64;
    if (room > INT_MAX)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "the path is %zu bytes long", strlen(path));
    temporary = fmi_alloc(room);
    if (!temporary)
        return fmi_fail_memory(err);
    status = write_through(path, temporary, room, data, size, err);
    fmi_free(temporary);
    return status == FM_OK ? FM_OK : fmi_fail_context(err, status, "%s", path);
}
