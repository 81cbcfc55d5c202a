#include "image/container.h"
#include "core/error.h"
#include "image/bytes.h"
#include <string.h>

fm_status fmi_container_truncated(const fmi_container *container, fm_error *err)
{
    return fmi_fail(err, FM_E_CORRUPT, "the %s picture is truncated (%zu bytes)", container->name,
                    container->size);
}

fm_status fmi_container_corrupt(const fmi_container *container, const char *why, fm_error *err)
{
    return fmi_fail(err, FM_E_CORRUPT, "the %s picture is corrupt: %s", container->name, why);
}

fm_status fmi_container_unsupported(const fmi_container *container, const char *why, fm_error *err)
{
    return fmi_fail(err, FM_E_UNSUPPORTED, "%s are not read: save the picture as JPEG or PNG%s%s",
                    why, container ? "; found in a file of the format " : "",
                    container ? container->name : "");
}

static int begins_with(const uint8_t *data, size_t size, size_t at, const char *text, size_t length)
{
    return size >= at + length && memcmp(data + at, text, length) == 0;
}

/* Picture formats that people do have, told apart from bytes that are no picture. */
static const char *foreign_format(const uint8_t *data, size_t size)
{
    static const struct {
        const char *name;
        size_t at, length;
        const char *magic;
    } known[] = {
        {"WebP pictures", 8, 4, "WEBP"},
        {"AVIF pictures", 4, 8, "ftypavif"},
        {"HEIF pictures", 4, 8, "ftypheic"},
        {"HEIF pictures", 4, 8, "ftypheix"},
        {"HEIF pictures", 4, 8, "ftypmif1"},
        {"TIFF pictures", 0, 4, "II*\0"},
        {"TIFF pictures", 0, 4, "MM\0*"},
        {"JPEG XL pictures", 0, 2, "\xFF\x0A"},
        {"JPEG XL pictures", 4, 4, "JXL "},
        {"JPEG 2000 pictures", 4, 4, "jP  "},
        {"JPEG 2000 pictures", 0, 4, "\xFF\x4F\xFF\x51"},
        {"Photoshop pictures", 0, 4, "8BPS"},
        {"Radiance HDR pictures", 0, 10, "#?RADIANCE"},
        {"QOI pictures", 0, 4, "qoif"},
        {"Windows icons", 0, 4, "\0\0\1\0"},
        {"PAM pictures", 0, 3, "P7\n"},
        {"PFM pictures", 0, 3, "PF\n"},
        {"PFM pictures", 0, 3, "Pf\n"},
        {"PNM pictures in text or bitmap form", 0, 3, "P1\n"},
        {"PNM pictures in text or bitmap form", 0, 3, "P2\n"},
        {"PNM pictures in text or bitmap form", 0, 3, "P3\n"},
        {"PNM pictures in text or bitmap form", 0, 3, "P4\n"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (begins_with(data, size, known[i].at, known[i].magic, known[i].length))
            return known[i].name;
    return NULL;
}

static fm_status gif_open(fmi_container *gif, fm_error *err)
{
    if (gif->size < 13)
        return fmi_container_truncated(gif, err);
    gif->width = fmi_le16(gif->data + 6);
    gif->height = fmi_le16(gif->data + 8);
    return FM_OK;
}

/* Past the sub-blocks from `at`; 0 when they run past the end. */
static size_t gif_skip_blocks(const fmi_container *gif, size_t at)
{
    while (at < gif->size) {
        size_t length = gif->data[at++];
        if (length == 0)
            return at;
        if (length > gif->size - at)
            return 0;
        at += length;
    }
    return 0;
}

static size_t gif_table_bytes(uint8_t flags)
{
    return flags & 0x80 ? (size_t)3 << ((flags & 7) + 1) : 0;
}

static fm_status gif_check(const fmi_container *gif, fm_error *err)
{
    size_t at = 13 + gif_table_bytes(gif->data[10]), frames = 0;
    while (at > 0 && at < gif->size) {
        switch (gif->data[at]) {
        case 0x3B:
            return frames ? FM_OK : fmi_container_corrupt(gif, "it holds no frame", err);
        case 0x21:
            at = gif_skip_blocks(gif, at + 2);
            break;
        case 0x2C:
            frames++;
            if (gif->size - at < 11)
                return fmi_container_truncated(gif, err);
            at = gif_skip_blocks(gif, at + 11 + gif_table_bytes(gif->data[at + 9]));
            break;
        default:
            return fmi_container_corrupt(gif, "unknown block", err);
        }
    }
    return fmi_container_truncated(gif, err);
}

static fm_status bmp_open(fmi_container *bmp, fm_error *err)
{
    const uint8_t *d = bmp->data;
    uint32_t header, compression;
    if (bmp->size < 26)
        return fmi_container_truncated(bmp, err);
    header = fmi_le32(d + 14);
    bmp->pixels_at = fmi_le32(d + 10);
    if (header == 12) {
        bmp->width = fmi_le16(d + 18);
        bmp->height = fmi_le16(d + 20);
        bmp->bits = fmi_le16(d + 24);
        return FM_OK;
    }
    if (header != 40 && header != 56 && header != 108 && header != 124)
        return fmi_container_unsupported(bmp, "headers of this size", err);
    if (bmp->size < 14 + header)
        return fmi_container_truncated(bmp, err);
    bmp->width = fmi_le32(d + 18);
    bmp->height = fmi_le32(d + 22);
    if (bmp->height > INT32_MAX) /* negative: the top row comes first */
        bmp->height = 0u - bmp->height;
    bmp->bits = fmi_le16(d + 28);
    compression = fmi_le32(d + 30);
    if (compression != 0 && compression != 3)
        return fmi_container_unsupported(bmp, "compressed pixels", err);
    return FM_OK;
}

static fm_status bmp_check(const fmi_container *bmp, fm_error *err)
{
    uint64_t used = ((uint64_t)bmp->width * bmp->bits + 7) / 8;
    uint64_t row = (used + 3) / 4 * 4;
    /* nobody misses the padding of the last row */
    uint64_t needed = bmp->pixels_at + row * (bmp->height - 1) + used;
    return needed > bmp->size ? fmi_container_truncated(bmp, err) : FM_OK;
}

static fm_status open_kind(fmi_container *c, fmi_container_kind kind, const char *name,
                           fm_status (*open)(fmi_container *, fm_error *), fm_error *err)
{
    fm_status status;
    c->kind = kind;
    c->name = name;
    status = open(c, err);
    if (status == FM_OK && (c->width == 0 || c->height == 0))
        return fmi_container_corrupt(c, "its width or height is 0", err);
    return status;
}

fm_status fmi_container_open(fmi_container *out, const uint8_t *data, size_t size, fm_error *err)
{
    fmi_container *c = out;
    const char *foreign;
    memset(c, 0, sizeof *c);
    c->data = data;
    c->size = size;
    if (size == 0)
        return fmi_fail(err, FM_E_CORRUPT, "the picture is empty (0 bytes)");
    if (begins_with(data, size, 0, "\xFF\xD8", 2))
        return open_kind(c, FMI_CONTAINER_JPEG, "JPEG", fmi_jpeg_open, err);
    if (begins_with(data, size, 0, "\x89PNG\r\n\x1A\n", 8))
        return open_kind(c, FMI_CONTAINER_PNG, "PNG", fmi_png_open, err);
    if (begins_with(data, size, 0, "GIF87a", 6) || begins_with(data, size, 0, "GIF89a", 6))
        return open_kind(c, FMI_CONTAINER_GIF, "GIF", gif_open, err);
    if (begins_with(data, size, 0, "BM", 2) && (size < 26 || data[15] == 0))
        return open_kind(c, FMI_CONTAINER_BMP, "BMP", bmp_open, err);
    if (begins_with(data, size, 0, "P5", 2) || begins_with(data, size, 0, "P6", 2))
        return open_kind(c, FMI_CONTAINER_PNM, "PNM", fmi_pnm_open, err);
    foreign = foreign_format(data, size);
    if (foreign)
        return fmi_container_unsupported(NULL, foreign, err);
    if (fmi_tga_plausible(data, size))
        return open_kind(c, FMI_CONTAINER_TGA, "TGA", fmi_tga_open, err);
    return fmi_fail(err, FM_E_CORRUPT,
                    "not a picture: the bytes are no JPEG, PNG, BMP, TGA, PNM or GIF");
}

fm_status fmi_container_check(const fmi_container *container, fm_error *err)
{
    switch (container->kind) {
    case FMI_CONTAINER_JPEG:
        return fmi_jpeg_check(container, err);
    case FMI_CONTAINER_PNG:
        return fmi_png_check(container, err);
    case FMI_CONTAINER_GIF:
        return gif_check(container, err);
    case FMI_CONTAINER_BMP:
        return bmp_check(container, err);
    case FMI_CONTAINER_PNM:
        return fmi_pnm_check(container, err);
    case FMI_CONTAINER_TGA:
        return fmi_tga_check(container, err);
    }
    return fmi_fail(err, FM_E_INTERNAL, "unknown container %d", (int)container->kind);
}

const uint8_t *fmi_container_exif(const fmi_container *container, size_t *size)
{
    *size = 0;
    if (container->kind == FMI_CONTAINER_JPEG)
        return fmi_jpeg_exif(container, size);
    if (container->kind == FMI_CONTAINER_PNG)
        return fmi_png_exif(container, size);
    return NULL;
}
