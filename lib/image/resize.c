#include "core/error.h"
#include "core/memory.h"
#include "image/image.h"
#include "image/sums.h"
#include <math.h>
#include <string.h>

/* --- area resampling ------------------------------------------------------------------------- */

/* The columns that make one cell: those inside the image, and how many there are in all. */
typedef struct bin {
    int32_t from, to; /* from the first column that is used */
    double share;     /* 1 / columns, those outside the image counted */
} bin;

typedef struct area {
    int32_t left, columns; /* of the box, as far as it lies inside the image */
    bin *bins;             /* [width] */
    uint32_t *sums;        /* [columns][3] */
    uint8_t *scratch;      /* [columns][3] */
    float shift[3], scale[3];
} area;

static int64_t clip(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Cell i of m over n pixels that begin at `start`. */
static void cell_range(int64_t start, int64_t n, int64_t i, int64_t m, int64_t *from, int64_t *to)
{
    *from = start + i * n / m;
    *to = start + ((i + 1) * n + m - 1) / m;
}

static void fill_bins(area *a, const fm_image *image, int64_t x0, int64_t n, int32_t width)
{
    for (int32_t i = 0; i < width; i++) {
        int64_t from, to;
        cell_range(x0, n, i, width, &from, &to);
        a->bins[i].share = 1.0 / (double)(to - from);
        a->bins[i].from = (int32_t)(clip(from, 0, image->width) - a->left);
        a->bins[i].to = (int32_t)(clip(to, 0, image->width) - a->left);
        if (a->columns == 0)
            a->bins[i].from = a->bins[i].to = 0;
    }
}

/* Sums of the rows [from, to) that lie inside the image, for the columns that are used. */
static void sum_rows(area *a, const fm_image *image, int64_t from, int64_t to)
{
    size_t n = (size_t)a->columns * 3;
    memset(a->sums, 0, n * sizeof *a->sums);
    from = clip(from, 0, image->height);
    to = clip(to, 0, image->height);
    for (int64_t y = from; y < to && n > 0; y++)
        fmi_add_bytes(a->sums, fmi_row(image, (int32_t)y, a->left, a->columns, a->scratch), n);
}

/* A cell has at most 65535 rows and columns of at most 255: the sums of rows fit 32 bits, those of
 * cells need 64. */
static void write_cells(const area *a, int32_t y, double row_share, int32_t width,
                        const fmi_planes *to)
{
    float *out = to->out + (size_t)y * to->row_stride;
    float *r = out + (to->bgr ? 2 : 0) * to->plane_stride;
    float *g = out + to->plane_stride;
    float *b = out + (to->bgr ? 0 : 2) * to->plane_stride;
    for (int32_t x = 0; x < width; x++) {
        const bin *c = a->bins + x;
        const uint32_t *p = a->sums + (size_t)c->from * 3, *end = a->sums + (size_t)c->to * 3;
        uint64_t s0 = 0, s1 = 0, s2 = 0;
        double share = row_share * c->share;
        for (; p < end; p += 3) {
            s0 += p[0];
            s1 += p[1];
            s2 += p[2];
        }
        r[x] = ((float)((double)s0 * share) - a->shift[0]) * a->scale[0];
        g[x] = ((float)((double)s1 * share) - a->shift[1]) * a->scale[1];
        b[x] = ((float)((double)s2 * share) - a->shift[2]) * a->scale[2];
    }
}

/* mean and std belong to the planes; the pixels' channels meet them in the other order for BGR */
static void take_normalisation(area *a, const fmi_planes *to)
{
    for (int c = 0; c < 3; c++) {
        int plane = to->bgr ? 2 - c : c;
        a->shift[c] = to->mean[plane];
        a->scale[c] = 1.0f / to->std[plane];
    }
}

static int area_open(area *a, void **block, size_t *size, const fm_image *image, int64_t x0,
                     int64_t x1, int32_t width)
{
    int64_t left = clip(x0, 0, image->width), right = clip(x1, 0, image->width);
    size_t bins = (size_t)width * sizeof(bin), pixels = (size_t)(right - left) * 3;
    *size = bins + pixels * (sizeof(uint32_t) + 1);
    *block = fmi_alloc(*size);
    if (!*block)
        return 0;
    a->left = (int32_t)left;
    a->columns = (int32_t)(right - left);
    a->bins = *block;
    a->sums = (uint32_t *)((char *)*block + bins);
    a->scratch = (uint8_t *)(a->sums + pixels);
    fill_bins(a, image, x0, x1 - x0, width);
    return 1;
}

fm_status fmi_image_area_planes(const fm_image *image, int32_t x0, int32_t y0, int32_t x1,
                                int32_t y1, int32_t width, int32_t height, const fmi_planes *to,
                                fm_error *err)
{
    area a = {0};
    void *block;
    size_t size;
    if (x1 <= x0 || y1 <= y0 || width < 1 || height < 1)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "box [%d,%d)x[%d,%d) into %dx%d px is empty",
                        (int)x0, (int)x1, (int)y0, (int)y1, (int)width, (int)height);
    if (!area_open(&a, &block, &size, image, x0, x1, width))
        return fmi_fail_memory(err);
    take_normalisation(&a, to);
    for (int32_t y = 0; y < height; y++) {
        int64_t from, until;
        cell_range(y0, (int64_t)y1 - y0, y, height, &from, &until);
        sum_rows(&a, image, from, until);
        write_cells(&a, y, 1.0 / (double)(until - from), width, to);
    }
    fmi_free_wiped(block, size);
    return FM_OK;
}

/* --- no resampling --------------------------------------------------------------------------- */

enum { CHUNK = 256 }; /* pixels converted at a time */

/* One pass over the pixels: three passes, a channel each, take twice as long. */
static void chunk_to_planes(const uint8_t *rgb, int32_t n, float *out, const fmi_planes *to,
                            float table[3][256])
{
    int32_t first = to->bgr ? 2 : 0, last = 2 - first;
    const float *red = table[first], *green = table[1], *blue = table[last];
    float *restrict r = out + (size_t)first * to->plane_stride;
    float *restrict g = out + to->plane_stride;
    float *restrict b = out + (size_t)last * to->plane_stride;
    for (int32_t i = 0; i < n; i++, rgb += 3) {
        r[i] = red[rgb[0]];
        g[i] = green[rgb[1]];
        b[i] = blue[rgb[2]];
    }
}

void fmi_image_to_planes(const fm_image *image, const fmi_planes *to)
{
    float table[3][256];
    uint8_t scratch[3 * CHUNK];
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++)
            table[c][v] = ((float)v - to->mean[c]) / to->std[c];
    for (int32_t y = 0; y < image->height; y++) {
        for (int32_t x = 0; x < image->width; x += CHUNK) {
            int32_t n = image->width - x < CHUNK ? image->width - x : CHUNK;
            const uint8_t *rgb = fmi_row(image, y, x, n, scratch);
            chunk_to_planes(rgb, n, to->out + (size_t)y * to->row_stride + x, to, table);
        }
    }
}

/* --- bilinear, with a triangle as wide as the shrinking asks for ------------------------------ */

typedef struct taps {
    int32_t *first, *count; /* [m] */
    float *weights;         /* [m][most] */
    int32_t most;
    void *block;
} taps;

static double triangle(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static void fill_taps(taps *t, int32_t i, int32_t n, double scale, double support)
{
    double centre = (i + 0.5) * scale, total = 0;
    int32_t first = (int32_t)clip((int64_t)floor(centre - support), 0, n - 1);
    int32_t end = (int32_t)clip((int64_t)ceil(centre + support), first + 1, n);
    float *weights = t->weights + (size_t)i * (size_t)t->most;
    for (int32_t k = first; k < end; k++)
        total += triangle((k + 0.5 - centre) / support);
    for (int32_t k = first; k < end; k++)
        weights[k - first] = (float)(triangle((k + 0.5 - centre) / support) / total);
    t->first[i] = first;
    t->count[i] = end - first;
}

/* From n pixels to m. */
static int taps_open(taps *t, int32_t n, int32_t m)
{
    double scale = (double)n / m, support = scale > 1 ? scale : 1;
    size_t cells;
    t->most = (int32_t)ceil(support) * 2 + 2;
    cells = (size_t)m * ((size_t)t->most + 2); /* at most 2 n + 6 m */
    t->block = fmi_alloc_array(cells, sizeof(float));
    if (!t->block)
        return 0;
    t->first = t->block;
    t->count = t->first + m;
    t->weights = (float *)(t->count + m);
    for (int32_t i = 0; i < m; i++)
        fill_taps(t, i, n, scale, support);
    return 1;
}

static void add_weighted(float *restrict sums, const uint8_t *restrict bytes, size_t n,
                         float weight)
{
    for (size_t i = 0; i < n; i++)
        sums[i] += weight * (float)bytes[i];
}

static uint8_t to_byte(float value)
{
    return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)(value + 0.5f);
}

static void resize_row(uint8_t *out, const float *sums, const taps *t, int32_t width)
{
    for (int32_t x = 0; x < width; x++) {
        const float *w = t->weights + (size_t)x * (size_t)t->most;
        const float *p = sums + (size_t)t->first[x] * 3;
        float s[3] = {0, 0, 0};
        for (int32_t k = 0; k < t->count[x]; k++, p += 3)
            for (int c = 0; c < 3; c++)
                s[c] += w[k] * p[c];
        for (int c = 0; c < 3; c++)
            *out++ = to_byte(s[c]);
    }
}

/* Rows first, then columns: one row of sums is all that is held. */
static void resize_pixels(fm_image *to, const fm_image *image, const taps *across, const taps *down,
                          float *sums, uint8_t *scratch)
{
    size_t n = (size_t)image->width * 3;
    for (int32_t y = 0; y < to->height; y++) {
        const float *w = down->weights + (size_t)y * (size_t)down->most;
        memset(sums, 0, n * sizeof *sums);
        for (int32_t k = 0; k < down->count[y]; k++)
            add_weighted(sums, fmi_row(image, down->first[y] + k, 0, image->width, scratch), n,
                         w[k]);
        resize_row(to->owned + (size_t)y * to->stride, sums, across, to->width);
    }
}

static void copy_pixels(fm_image *to, const fm_image *image)
{
    for (int32_t y = 0; y < to->height; y++)
        fmi_image_row_rgb(image, y, 0, image->width, to->owned + (size_t)y * to->stride);
}

static fm_status resample(fm_image *to, const fm_image *image, fm_error *err)
{
    taps across = {0}, down = {0};
    size_t n = (size_t)image->width * 3, size = n * (sizeof(float) + 1);
    float *sums = fmi_alloc(size);
    int ready = sums && taps_open(&across, image->width, to->width) &&
                taps_open(&down, image->height, to->height);
    if (ready)
        resize_pixels(to, image, &across, &down, sums, (uint8_t *)(sums + n));
    fmi_free(down.block);
    fmi_free(across.block);
    if (sums)
        fmi_free_wiped(sums, size);
    return ready ? FM_OK : fmi_fail_memory(err);
}

fm_status fmi_image_resize(fm_image **out, const fm_image *image, int32_t width, int32_t height,
                           fm_error *err)
{
    fm_image *to = NULL;
    fm_status status = fmi_image_new(&to, width, height, err);
    if (status != FM_OK)
        return status;
    if (width == image->width && height == image->height)
        copy_pixels(to, image);
    else
        status = resample(to, image, err);
    if (status != FM_OK) {
        fmi_image_free(to);
        return status;
    }
    *out = to;
    return FM_OK;
}
