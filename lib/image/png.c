/* The chunks of a PNG file (PNG specification, third edition, section 5). */
#include "image/bytes.h"
#include "image/container.h"
#include <string.h>

enum { SIGNATURE = 8, AROUND_DATA = 12 /* length, type and CRC of a chunk */ };

typedef struct chunk {
    const uint8_t *type, *data;
    size_t length;
} chunk;

static int next_chunk(const fmi_container *png, size_t *at, chunk *out)
{
    size_t left = png->size - *at;
    if (left < AROUND_DATA || fmi_be32(png->data + *at) > left - AROUND_DATA)
        return 0;
    out->length = fmi_be32(png->data + *at);
    out->type = png->data + *at + 4;
    out->data = out->type + 4;
    *at += AROUND_DATA + out->length;
    return 1;
}

static int is_type(const chunk *c, const char *type)
{
    return memcmp(c->type, type, 4) == 0;
}

/* From the first chunk, which need not be whole: a size above the limits is told first. */
fm_status fmi_png_open(fmi_container *png, fm_error *err)
{
    const uint8_t *d = png->data;
    if (png->size >= SIGNATURE + 8 && memcmp(d + SIGNATURE + 4, "CgBI", 4) == 0)
        return fmi_container_unsupported(png, "Apple's private chunks", err);
    if (png->size >= SIGNATURE + 8 && memcmp(d + SIGNATURE + 4, "IHDR", 4) != 0)
        return fmi_container_corrupt(png, "its first chunk is not IHDR", err);
    if (png->size < SIGNATURE + 16)
        return fmi_container_truncated(png, err);
    png->width = fmi_be32(d + SIGNATURE + 8);
    png->height = fmi_be32(d + SIGNATURE + 12);
    return FM_OK;
}

fm_status fmi_png_check(const fmi_container *png, fm_error *err)
{
    size_t at = SIGNATURE;
    int has_pixels = 0;
    chunk c;
    while (next_chunk(png, &at, &c)) {
        if (is_type(&c, "IDAT"))
            has_pixels = 1;
        else if (is_type(&c, "IEND"))
            return has_pixels ? FM_OK : fmi_container_corrupt(png, "it holds no pixels", err);
        else if (!is_type(&c, "IHDR") && !is_type(&c, "PLTE") && !(c.type[0] & 0x20))
            return fmi_container_corrupt(png, "unknown critical chunk", err);
    }
    return fmi_container_truncated(png, err);
}

const uint8_t *fmi_png_exif(const fmi_container *png, size_t *size)
{
    size_t at = SIGNATURE;
    chunk c;
    while (next_chunk(png, &at, &c)) {
        if (is_type(&c, "eXIf")) {
            *size = c.length;
            return c.data;
        }
    }
    return NULL;
}
