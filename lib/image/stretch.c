/* A box of an image, stretched to the planes a network reads, without a filter. */
#include "core/error.h"
#include "core/memory.h"
#include "image/image.h"
#include <math.h>

/* Weights are whole numbers of this many bits, and sums are cut off on the way, as by OpenCV's
 * resize of 8-bit pictures (INTER_LINEAR): networks see in training what that makes of a photograph.
 * Exact rounding makes every tenth value another by one grey level, and minifasnet's scores by up to
 * 0.01. A box that is one pixel off makes more: up to 0.11 (50 frames of data/liveness). */
enum { WEIGHT_BITS = 11, ONE = 1 << WEIGHT_BITS, CUT_FIRST = 4, CUT_NEXT = 16, CUT_LAST = 2 };

/* Where a cell takes its value from: two pixels, and how much of each. */
typedef struct tap {
    int32_t first, second;
    int32_t first_weight, second_weight;
} tap;

/* Cell i of m over the n pixels from `start` on. Beyond the ends is the last pixel again. */
static tap tap_of(int32_t start, int32_t n, int32_t i, int32_t m)
{
    float at = (float)((i + 0.5) * ((double)n / m) - 0.5), whole = floorf(at), share = at - whole;
    int32_t first = (int32_t)whole;
    tap t = {start, start, ONE, 0};
    if (first < 0)
        return t;
    t.first = start + (first < n ? first : n - 1);
    t.second = start + (first + 1 < n ? first + 1 : n - 1);
    t.first_weight = (int32_t)lrintf((1 - share) * ONE);
    t.second_weight = (int32_t)lrintf(share * ONE);
    return t;
}

static int32_t along(const uint8_t *row, const tap *x, int32_t left, int channel)
{
    size_t a = (size_t)(x->first - left) * 3 + (size_t)channel;
    size_t b = (size_t)(x->second - left) * 3 + (size_t)channel;
    return (row[a] * x->first_weight + row[b] * x->second_weight) >> CUT_FIRST;
}

static int32_t mix(const uint8_t *rows[2], const tap *x, const tap *y, int32_t left, int channel)
{
    int32_t above = (along(rows[0], x, left, channel) * y->first_weight) >> CUT_NEXT;
    int32_t below = (along(rows[1], x, left, channel) * y->second_weight) >> CUT_NEXT;
    return (above + below + (1 << (CUT_LAST - 1))) >> CUT_LAST;
}

static void write_row(const uint8_t *rows[2], const tap *columns, int32_t width, const tap *y,
                      int32_t left, float *out, const fmi_planes *to)
{
    for (int channel = 0; channel < 3; channel++) {
        int plane = to->bgr ? 2 - channel : channel;
        float *values = out + (size_t)plane * to->plane_stride;
        for (int32_t x = 0; x < width; x++)
            values[x] = ((float)mix(rows, &columns[x], y, left, channel) - to->mean[plane]) /
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
        write_row(rows, columns, width, &t, box[0], to->out + (size_t)y * to->row_stride, to);
    }
    fmi_free_wiped(block, size);
    return FM_OK;
}
