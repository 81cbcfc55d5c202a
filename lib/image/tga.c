/* Truevision TGA, which has no signature: only a header that makes sense is believed. */
#include "image/bytes.h"
#include "image/container.h"

enum { HEADER = 18, TYPE_PALETTE = 1, TYPE_RGB = 2, TYPE_GREY = 3, TYPE_RLE = 8 };

static int bits_fit(int kind, uint32_t palette_bits, uint32_t bits)
{
    if (kind == TYPE_PALETTE)
        return (bits == 8 || bits == 16) && (palette_bits == 15 || palette_bits == 16 ||
                                             palette_bits == 24 || palette_bits == 32);
    if (kind == TYPE_GREY)
        return bits == 8 || bits == 16;
    return bits == 15 || bits == 16 || bits == 24 || bits == 32;
}

int fmi_tga_plausible(const uint8_t *data, size_t size)
{
    int type = size >= HEADER ? data[2] : 0, kind = type & ~TYPE_RLE;
    return (kind == TYPE_PALETTE || kind == TYPE_RGB || kind == TYPE_GREY) &&
           data[1] == (kind == TYPE_PALETTE) && fmi_le16(data + 12) && fmi_le16(data + 14) &&
           bits_fit(kind, data[7], data[16]) && (data[17] & 0xC0) == 0;
}

fm_status fmi_tga_open(fmi_container *tga, fm_error *err)
{
    const uint8_t *d = tga->data;
    size_t palette = d[1] ? (size_t)fmi_le16(d + 5) * ((d[7] + 7u) / 8) : 0;
    if (d[1] && fmi_le16(d + 3) != 0)
        return fmi_container_unsupported(tga, "palettes that do not start at 0", err);
    tga->width = fmi_le16(d + 12);
    tga->height = fmi_le16(d + 14);
    tga->bits = d[16];
    tga->pixels_at = HEADER + (size_t)d[0] + palette;
    return FM_OK;
}

static fm_status check_packets(const fmi_container *tga, fm_error *err)
{
    uint64_t left = (uint64_t)tga->width * tga->height;
    size_t at = tga->pixels_at, pixel = (tga->bits + 7) / 8;
    while (left > 0) {
        uint64_t count;
        size_t bytes;
        if (at >= tga->size)
            return fmi_container_truncated(tga, err);
        count = (tga->data[at] & 0x7Fu) + 1u;
        bytes = tga->data[at] & 0x80 ? pixel : pixel * (size_t)count;
        if (bytes > tga->size - at - 1)
            return fmi_container_truncated(tga, err);
        at += 1 + bytes;
        left -= count < left ? count : left;
    }
    return FM_OK;
}

fm_status fmi_tga_check(const fmi_container *tga, fm_error *err)
{
    uint64_t bytes = (uint64_t)tga->width * tga->height * ((tga->bits + 7) / 8);
    if (tga->data[2] & TYPE_RLE)
        return check_packets(tga, err);
    return tga->pixels_at + bytes > tga->size ? fmi_container_truncated(tga, err) : FM_OK;
}
