#include "keys.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"

key_source opened_with;

static fm_status fail(fm_error *err, fm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static fm_status fail(fm_error *err, fm_status status, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(err->message, sizeof err->message, format, list);
    va_end(list);
    err->status = status;
    return status;
}

/* Only said: in containers, secrets are often readable by all, and nobody else is there. */
static void warn_if_open(const char *path, int fd)
{
    struct stat info;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 077))
        out_note("%s may be read by others: chmod 600 keeps it secret", path);
}

/* No stdio: its buffers would keep a copy. */
static fm_status read_file(const char *path, char *out, size_t max, size_t *size, fm_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t more = 1;
    *size = 0;
    if (fd < 0)
        return fail(err, errno == ENOENT ? FM_E_NOT_FOUND : FM_E_IO, "%s: %s", path,
                    strerror(errno));
    warn_if_open(path, fd);
    while (*size < max && (more = read(fd, out + *size, max - *size)) > 0)
        *size += (size_t)more;
    if (more < 0)
        fail(err, FM_E_IO, "%s: %s", path, strerror(errno));
    close(fd);
    return more < 0 ? FM_E_IO : FM_OK;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c - 'A' + 10;
}

/* Turns 64 hexadecimal digits, with a line end or without, into 32 bytes, in place. */
static bool from_hex(char *text, size_t size)
{
    if (size < 2 * FM_GALLERY_KEY_SIZE ||
        strspn(text, "0123456789abcdefABCDEF") != 2 * FM_GALLERY_KEY_SIZE)
        return false;
    for (size_t i = 2 * FM_GALLERY_KEY_SIZE; i < size; i++)
        if (!isspace((unsigned char)text[i]))
            return false;
    for (size_t i = 0; i < FM_GALLERY_KEY_SIZE; i++)
        text[i] = (char)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
    return true;
}

static fm_status read_key(key_source *source, fm_error *err)
{
    size_t size;
    fm_status status =
        read_file(source->key_file, source->text, sizeof source->text - 1, &size, err);
    if (status != FM_OK)
        return status;
    source->text[size] = '\0';
    if (size != FM_GALLERY_KEY_SIZE && !from_hex(source->text, size))
        return fail(err, FM_E_INVALID_ARGUMENT,
                    "%s holds no key: 32 bytes, or 64 hexadecimal digits, are expected",
                    source->key_file);
    source->key.bytes = (const uint8_t *)source->text;
    source->key.size = FM_GALLERY_KEY_SIZE;
    return FM_OK;
}

static fm_status read_passphrase(key_source *source, fm_error *err)
{
    size_t size, length;
    fm_status status =
        read_file(source->passphrase_file, source->text, sizeof source->text - 1, &size, err);
    if (status != FM_OK)
        return status;
    source->text[size] = '\0';
    length = strcspn(source->text, "\r\n");
    if (length == 0 || length > FM_PASSPHRASE_MAX || (length < size && !source->text[length]))
        return fail(err, FM_E_INVALID_ARGUMENT,
                    "%s holds no passphrase: a line of up to %d bytes is expected",
                    source->passphrase_file, FM_PASSPHRASE_MAX);
    source->text[length] = '\0';
    source->key.passphrase = source->text;
    return FM_OK;
}

fm_status key_read(key_source *source, const fm_gallery_key **key, fm_error *err)
{
    fm_status status = FM_OK;
    *key = NULL;
    if (!source->key_file && !source->passphrase_file)
        return FM_OK;
    if (source->key_file && source->passphrase_file)
        return fail(err, FM_E_INVALID_ARGUMENT, "a gallery has a key or a passphrase, not both");
    if (source->key.struct_size == 0) {
        status = source->key_file ? read_key(source, err) : read_passphrase(source, err);
        if (status != FM_OK) {
            key_wipe(source);
            return status;
        }
        source->key.struct_size = sizeof source->key;
    }
    *key = &source->key;
    return FM_OK;
}

void key_wipe(key_source *source)
{
    explicit_bzero(source->text, sizeof source->text);
    source->key = (fm_gallery_key){0};
}
