/* Sums of rows of pixels, the inner loop of everything that averages. */
#ifndef FMI_SUMS_H
#define FMI_SUMS_H

#include "image/image.h"

/* n pixels of row y from column x as RGB8: in place where the image has them so, else in scratch.
 */
static inline const uint8_t *fmi_row(const fm_image *image, int32_t y, int32_t x, int32_t n,
                                     uint8_t *scratch)
{
    if (image->format == FM_PIXEL_RGB8)
        return image->pixels + (size_t)y * image->stride + (size_t)x * 3;
    fmi_image_row_rgb(image, y, x, n, scratch);
    return scratch;
}

static inline void fmi_add_bytes(uint32_t *restrict sums, const uint8_t *restrict bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sums[i] += bytes[i];
}

#endif
