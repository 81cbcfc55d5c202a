#include "core/error.h"
#include "core/memory.h"
#include "face/pyramid.h"
#include "image/sums.h"
#include <string.h>

/* Rows or columns of the image that are averaged into one pixel of a level. */
typedef struct cell {
    int32_t from, to;
} cell;

static cell cell_of(int32_t index, int32_t image_size, int32_t level_size)
{
    /* an odd level is continued by its last pixel */
    int64_t i = index < level_size ? index : level_size - 1;
    cell c;
    c.from = (int32_t)(i * image_size / level_size);
    c.to = (int32_t)(((i + 1) * image_size + level_size - 1) / level_size);
    return c;
}

fm_status fmi_shrinker_init(fmi_shrinker *out, const fm_image *image, fm_error *err)
{
    size_t values = 3 * (size_t)image->width;
    fmi_shrinker shrinker = {image, NULL, NULL};
    shrinker.row = fmi_alloc(values);
    shrinker.sums = fmi_alloc_array(values, sizeof *shrinker.sums);
    if (!shrinker.row || !shrinker.sums) {
        fmi_shrinker_dispose(&shrinker);
        return fmi_fail_memory(err);
    }
    *out = shrinker;
    return FM_OK;
}

void fmi_shrinker_dispose(fmi_shrinker *shrinker)
{
    size_t values = 3 * (size_t)shrinker->image->width;
    if (shrinker->row)
        fmi_free_wiped(shrinker->row, values);
    if (shrinker->sums)
        fmi_free_wiped(shrinker->sums, values * sizeof *shrinker->sums);
}

/* Down each column first: that is the larger part of the work, and it runs along memory. */
static void sum_rows(const fmi_shrinker *shrinker, cell rows, cell columns)
{
    int32_t n = columns.to - columns.from;
    memset(shrinker->sums, 0, 3 * (size_t)n * sizeof *shrinker->sums);
    for (int32_t y = rows.from; y < rows.to; y++)
        fmi_add_bytes(shrinker->sums, fmi_row(shrinker->image, y, columns.from, n, shrinker->row),
                      3 * (size_t)n);
}

static void average(const uint32_t *sums, int32_t columns, int32_t rows, float rgb[3])
{
    uint64_t total[3] = {0, 0, 0};
    double share = 1.0 / ((double)columns * rows);
    for (int32_t i = 0; i < columns; i++, sums += 3) {
        total[0] += sums[0];
        total[1] += sums[1];
        total[2] += sums[2];
    }
    for (int c = 0; c < 3; c++)
        rgb[c] = (float)((double)total[c] * share);
}

void fmi_shrinker_draw(const fmi_shrinker *shrinker, const fmi_level *level, const fmi_tile *tile,
                       const fmi_planes *to)
{
    const fm_image *image = shrinker->image;
    cell first = cell_of(tile->x, image->width, level->width);
    cell last = cell_of(tile->x + tile->width - 1, image->width, level->width);
    cell columns = {first.from, last.to};
    for (int32_t y = 0; y < tile->height; y++) {
        cell rows = cell_of(tile->y + y, image->height, level->height);
        float *out = to->out + (size_t)y * to->row_stride;
        sum_rows(shrinker, rows, columns);
        for (int32_t x = 0; x < tile->width; x++) {
            cell c = cell_of(tile->x + x, image->width, level->width);
            float rgb[3];
            average(shrinker->sums + 3 * (size_t)(c.from - columns.from), c.to - c.from,
                    rows.to - rows.from, rgb);
            for (int p = 0; p < 3; p++)
                out[(size_t)p * to->plane_stride + (size_t)x] =
                    (rgb[to->bgr ? 2 - p : p] - to->mean[p]) / to->std[p];
        }
    }
}
