/* EXIF 2.32, tag 0x0112. */
#include "core/error.h"
#include "core/memory.h"
#include "image/image.h"
#include <libexif/exif-data.h>
#include <limits.h>
#include <string.h>

enum { TILE = 32 }; /* pixels; turned tile by tile, both sides stay in the cache */

static int32_t orientation_of(ExifData *exif)
{
    ExifEntry *entry = exif_content_get_entry(exif->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
    int32_t value = 1;
    if (entry && entry->format == EXIF_FORMAT_SHORT && entry->components >= 1 && entry->size >= 2)
        value = exif_get_short(entry->data, exif_data_get_byte_order(exif));
    return value >= 1 && value <= 8 ? value : 1;
}

int32_t fmi_exif_orientation(const uint8_t *tiff, size_t size)
{
    static const uint8_t prefix[6] = {'E', 'x', 'i', 'f', 0, 0};
    ExifData *exif;
    uint8_t *block;
    int32_t orientation = 0;
    if (size > UINT_MAX - sizeof prefix)
        return 1;
    block = fmi_alloc(size + sizeof prefix);
    exif = exif_data_new();
    if (block && exif) {
        memcpy(block, prefix, sizeof prefix);
        memcpy(block + sizeof prefix, tiff, size);
        /* as the file has it: no tag invented, none corrected */
        exif_data_unset_option(exif, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
        exif_data_load_data(exif, block, (unsigned int)(size + sizeof prefix));
        orientation = orientation_of(exif);
    }
    if (exif)
        exif_data_unref(exif);
    fmi_free(block);
    return orientation;
}

/* Where the first pixel of the upright image lies in the stored one, and the steps from there, in
 * bytes, for one pixel to the right and one down. */
typedef struct walk {
    const uint8_t *first;
    ptrdiff_t right, down;
} walk;

static walk walk_upright(const fm_image *image, int32_t orientation)
{
    ptrdiff_t pixel = 3, row = (ptrdiff_t)image->stride;
    int from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    int from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    walk w = {image->pixels, pixel, row};
    if (from_right) {
        w.first += pixel * (image->width - 1);
        w.right = -pixel;
    }
    if (from_bottom) {
        w.first += row * (image->height - 1);
        w.down = -row;
    }
    if (orientation >= 5) {
        ptrdiff_t swapped = w.right;
        w.right = w.down;
        w.down = swapped;
    }
    return w;
}

static void copy_tile(fm_image *to, const walk *w, int32_t x0, int32_t y0)
{
    int32_t x1 = to->width - x0 < TILE ? to->width : x0 + TILE;
    int32_t y1 = to->height - y0 < TILE ? to->height : y0 + TILE;
    for (int32_t y = y0; y < y1; y++) {
        uint8_t *out = to->owned + (size_t)y * to->stride + (size_t)x0 * 3;
        const uint8_t *in = w->first + y * w->down + x0 * w->right;
        for (int32_t x = x0; x < x1; x++, out += 3, in += w->right) {
            out[0] = in[0];
            out[1] = in[1];
            out[2] = in[2];
        }
    }
}

fm_status fmi_image_orient(fm_image **image, int32_t orientation, fm_error *err)
{
    const fm_image *stored = *image;
    int32_t width = orientation >= 5 ? stored->height : stored->width;
    int32_t height = orientation >= 5 ? stored->width : stored->height;
    fm_image *upright = NULL;
    fm_status status;
    walk w;
    if (orientation == 1)
        return FM_OK;
    status = fmi_image_new(&upright, width, height, err);
    if (status != FM_OK)
        return status;
    w = walk_upright(stored, orientation);
    for (int32_t y = 0; y < height; y += TILE)
        for (int32_t x = 0; x < width; x += TILE)
            copy_tile(upright, &w, x, y);
    upright->orientation = orientation;
    fmi_image_free(*image);
    *image = upright;
    return FM_OK;
}
