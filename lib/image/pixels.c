#include "core/error.h"
#include "core/memory.h"
#include "image/image.h"
#include <string.h>

enum { LONGEST_SIDE = 65535 };

int32_t fmi_pixel_bytes(fm_pixel_format format)
{
    switch (format) {
    case FM_PIXEL_RGB8:
    case FM_PIXEL_BGR8:
        return 3;
    case FM_PIXEL_RGBA8:
    case FM_PIXEL_BGRA8:
        return 4;
    case FM_PIXEL_GRAY8:
        return 1;
    default:
        return 0;
    }
}

fm_status fmi_image_new(fm_image **out, int32_t width, int32_t height, fm_error *err)
{
    fm_image *image;
    size_t size;
    if (width < 1 || height < 1 || width > LONGEST_SIDE || height > LONGEST_SIDE)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%dx%d px: sides must be 1 to %d px",
                        (int)width, (int)height, LONGEST_SIDE);
    if (fmi_mul_overflows((size_t)width * 3, (size_t)height, &size))
        return fmi_fail_memory(err);
    image = fmi_calloc(1, sizeof *image);
    if (!image || !(image->owned = fmi_block_alloc(size))) {
        fmi_free(image);
        return fmi_fail_memory(err);
    }
    image->pixels = image->owned;
    image->owned_size = size;
    image->width = width;
    image->height = height;
    image->stride = (size_t)width * 3;
    image->format = FM_PIXEL_RGB8;
    image->orientation = 1;
    *out = image;
    return FM_OK;
}

void fmi_image_free(fm_image *image)
{
    if (!image)
        return;
    fmi_block_free(image->owned);
    fmi_free(image);
}

static void copy_reversed(uint8_t *rgb, const uint8_t *p, int32_t n, int32_t step)
{
    for (int32_t i = 0; i < n; i++, rgb += 3, p += step) {
        rgb[0] = p[2];
        rgb[1] = p[1];
        rgb[2] = p[0];
    }
}

static void copy_without_alpha(uint8_t *rgb, const uint8_t *p, int32_t n)
{
    for (int32_t i = 0; i < n; i++, rgb += 3, p += 4) {
        rgb[0] = p[0];
        rgb[1] = p[1];
        rgb[2] = p[2];
    }
}

void fmi_image_row_rgb(const fm_image *image, int32_t y, int32_t x, int32_t n, uint8_t *rgb)
{
    int32_t step = fmi_pixel_bytes(image->format);
    const uint8_t *p = image->pixels + (size_t)y * image->stride + (size_t)x * (size_t)step;
    switch (image->format) {
    case FM_PIXEL_BGR8:
    case FM_PIXEL_BGRA8:
        copy_reversed(rgb, p, n, step);
        break;
    case FM_PIXEL_RGBA8:
        copy_without_alpha(rgb, p, n);
        break;
    case FM_PIXEL_GRAY8:
        for (int32_t i = 0; i < n; i++, rgb += 3)
            rgb[0] = rgb[1] = rgb[2] = p[i];
        break;
    default:
        memcpy(rgb, p, (size_t)n * 3);
    }
}
