/* A box of an image, stretched to the planes a network reads, without a filter. */
#include "core/error.h"
#include "core/memory.h"
#include "image/image.h"
#include <math.h>

/* Where a cell takes its value from: two pixels, and the second one's share. */
typedef struct tap {
    int32_t first, second;
    float share;
} tap;

/* Cell i of m over the n pixels from `start` on, which lie inside the image. */
static tap tap_of(int32_t start, int32_t n, int32_t i, int32_t m)
{
    double at = (i + 0.5) * n / m - 0.5;
    int32_t first = (int32_t)floor(at);
    tap t = {start, start, 0};
    if (first < 0)
        return t;
    t.first = start + (first < n ? first : n - 1);
    t.second = start + (first + 1 < n ? first + 1 : n - 1);
    t.share = (float)(at - first);
    return t;
}

static uint8_t mix(const uint8_t *rows[2], const tap *x, float down, int32_t left, int channel)
{
    size_t a = (size_t)(x->first - left) * 3 + (size_t)channel;
    size_t b = (size_t)(x->second - left) * 3 + (size_t)channel;
    float above = (float)rows[0][a] + x->share * (float)(rows[0][b] - rows[0][a]);
    float below = (float)rows[1][a] + x->share * (float)(rows[1][b] - rows[1][a]);
    return (uint8_t)(above + down * (below - above) + 0.5f);
}

static void write_row(const uint8_t *rows[2], const tap *columns, int32_t width, float down,
                      int32_t left, float *out, const fmi_planes *to)
{
    for (int channel = 0; channel < 3; channel++) {
        int plane = to->bgr ? 2 - channel : channel;
        float *values = out + (size_t)plane * to->plane_stride;
        for (int32_t x = 0; x < width; x++)
            values[x] = ((float)mix(rows, &columns[x], down, left, channel) - to->mean[plane]) /
                        to->std[plane];
    }
}

fm_status fmi_image_stretch_planes(const fm_image *image, const int32_t box[4], int32_t width,
                                   int32_t height, const fmi_planes *to, fm_error *err)
{
    int32_t across = box[2] - box[0], down = box[3] - box[1];
    size_t taps = (size_t)width * sizeof(tap), row = (size_t)across * 3, size = taps + 2 * row;
    char *block = fmi_alloc(size);
    tap *columns = (tap *)block;
    uint8_t *two[2];
    if (!block)
        return fmi_fail_memory(err);
    two[0] = (uint8_t *)block + taps;
    two[1] = two[0] + row;
    for (int32_t x = 0; x < width; x++)
        columns[x] = tap_of(box[0], across, x, width);
    for (int32_t y = 0; y < height; y++) {
        tap t = tap_of(box[1], down, y, height);
        const uint8_t *rows[2] = {two[0], two[1]};
        fmi_image_row_rgb(image, t.first, box[0], across, two[0]);
        fmi_image_row_rgb(image, t.second, box[0], across, two[1]);
        write_row(rows, columns, width, t.share, box[0], to->out + (size_t)y * to->row_stride, to);
    }
    fmi_free_wiped(block, size);
    return FM_OK;
}
