/* An affine map, sampled without aliasing.
 *
 * Where one output pixel covers s > 1 source pixels, several bilinear samples spread over it are
 * averaged. The spread is sqrt(s^2 - 1) source pixels: with what bilinear sampling blurs anyway
 * that comes near a box of s, and it fades to a plain bilinear sample as s comes down to 1. Beyond
 * a shrinking of 6 the source is first averaged over squares, so the samples stay few. */
#include "core/error.h"
#include "core/memory.h"
#include "image/image.h"
#include "image/sums.h"
#include <math.h>
#include <string.h>

enum { MOST_SAMPLES = 16 }; /* a side, within one output pixel */

/* What is sampled: RGB8, with its place in the source. */
typedef struct source {
    const uint8_t *pixels;
    size_t stride;
    int32_t width, height;
    int32_t replicate;
    uint8_t *owned;
    size_t owned_size;
} source;

typedef struct region {
    int32_t x0, y0, x1, y1;
} region;

/* --- the part of the source that is needed, reduced ------------------------------------------ */

static int32_t clip_edge(double value, int32_t high)
{
    return value > 0 ? value < high ? (int32_t)value : high : 0;
}

/* The corners of the output, mapped, bound all of it; `margin` for the neighbours that are read.
 * Widened to whole squares of f, and never empty. */
static region needed_region(const fm_image *image, const double m[6], int32_t width, int32_t height,
                            int32_t f, double margin)
{
    double low[2] = {HUGE_VAL, HUGE_VAL}, high[2] = {-HUGE_VAL, -HUGE_VAL};
    region r;
    for (int corner = 0; corner < 4; corner++) {
        double x = corner & 1 ? width : 0, y = corner & 2 ? height : 0;
        for (int axis = 0; axis < 2; axis++) {
            double at = m[3 * axis] * x + m[3 * axis + 1] * y + m[3 * axis + 2];
            low[axis] = fmin(low[axis], at);
            high[axis] = fmax(high[axis], at);
        }
    }
    r.x0 = clip_edge(floor(low[0] - margin), image->width - 1) / f * f;
    r.y0 = clip_edge(floor(low[1] - margin), image->height - 1) / f * f;
    r.x1 = clip_edge(ceil(high[0] + margin), image->width);
    r.y1 = clip_edge(ceil(high[1] + margin), image->height);
    r.x1 = r.x1 > r.x0 ? r.x1 : r.x0 + 1;
    r.y1 = r.y1 > r.y0 ? r.y1 : r.y0 + 1;
    return r;
}

static void average_squares(uint8_t *out, const uint32_t *sums, int32_t columns, int32_t f,
                            int32_t rows, int32_t replicate)
{
    for (int32_t x = 0; x < columns; x += f) {
        int32_t end = columns - x < f ? columns : x + f;
        /* where the image ends within a square, the rest is black, or like what there is */
        uint64_t count =
            replicate ? (uint64_t)(end - x) * (uint64_t)rows : (uint64_t)f * (uint64_t)f;
        for (int c = 0; c < 3; c++) {
            uint64_t sum = 0;
            for (int32_t k = x; k < end; k++)
                sum += sums[3 * k + c];
            *out++ = (uint8_t)((sum + count / 2) / count);
        }
    }
}

static void reduce(source *s, const fm_image *image, const region *r, int32_t f, uint32_t *sums,
                   uint8_t *scratch)
{
    int32_t columns = r->x1 - r->x0;
    for (int32_t y = 0; y < s->height; y++) {
        int32_t from = r->y0 + y * f, to = r->y1 - from < f ? r->y1 : from + f;
        memset(sums, 0, (size_t)columns * 3 * sizeof *sums);
        for (int32_t k = from; k < to; k++)
            fmi_add_bytes(sums, fmi_row(image, k, r->x0, columns, scratch), (size_t)columns * 3);
        average_squares(s->owned + (size_t)y * s->stride, sums, columns, f, to - from,
                        s->replicate);
    }
}

static fm_status reduced_source(source *s, const fm_image *image, const region *r, int32_t f,
                                fm_error *err)
{
    size_t row = (size_t)(r->x1 - r->x0) * 3, sums_size = row * (sizeof(uint32_t) + 1);
    uint32_t *sums = fmi_alloc(sums_size);
    s->width = (r->x1 - r->x0 + f - 1) / f;
    s->height = (r->y1 - r->y0 + f - 1) / f;
    s->stride = (size_t)s->width * 3;
    s->owned_size = s->stride * (size_t)s->height;
    s->owned = fmi_alloc(s->owned_size);
    s->pixels = s->owned;
    if (sums && s->owned)
        reduce(s, image, r, f, sums, (uint8_t *)(sums + row));
    if (sums)
        fmi_free_wiped(sums, sums_size);
    if (sums && s->owned)
        return FM_OK;
    fmi_free(s->owned);
    return fmi_fail_memory(err);
}

/* --- sampling -------------------------------------------------------------------------------- */

/* Weights are fractions of it: 255 times its square fits 32 bits. */
enum { ONE = 2048 };

/* The samples of one output pixel, as offsets in the source from that of its centre. */
typedef struct pattern {
    int32_t count;
    double u[MOST_SAMPLES * MOST_SAMPLES], v[MOST_SAMPLES * MOST_SAMPLES];
} pattern;

static int32_t samples_along(double shrink)
{
    return shrink < 1 ? 1 : shrink < MOST_SAMPLES ? (int32_t)ceil(shrink) : MOST_SAMPLES;
}

static double spread_along(double shrink)
{
    return shrink > 1 ? sqrt(1 - 1 / (shrink * shrink)) : 0;
}

static void fill_pattern(pattern *p, const double m[6])
{
    double shrink_x = hypot(m[0], m[3]), shrink_y = hypot(m[1], m[4]);
    int32_t nx = samples_along(shrink_x), ny = samples_along(shrink_y);
    p->count = nx * ny;
    for (int32_t k = 0; k < p->count; k++) {
        double x = ((k % nx + 0.5) / nx - 0.5) * spread_along(shrink_x);
        double y = ((k / nx + 0.5) / ny - 0.5) * spread_along(shrink_y);
        p->u[k] = m[0] * x + m[1] * y;
        p->v[k] = m[3] * x + m[4] * y;
    }
}

/* The four pixels around (u, v), where pixel k has its centre at k; those outside are black. */
static void add_edge_sample(const source *s, double u, double v, uint64_t sum[3])
{
    int32_t x, y, fx, fy;
    if (!(u > -1 && v > -1 && u < s->width && v < s->height))
        return;
    x = (int32_t)floor(u);
    y = (int32_t)floor(v);
    fx = (int32_t)((u - x) * ONE);
    fy = (int32_t)((v - y) * ONE);
    for (int32_t dy = 0; dy < 2; dy++)
        for (int32_t dx = 0; dx < 2; dx++) {
            uint32_t weight = (uint32_t)((dx ? fx : ONE - fx) * (dy ? fy : ONE - fy));
            const uint8_t *p;
            if (x + dx < 0 || y + dy < 0 || x + dx >= s->width || y + dy >= s->height)
                continue;
            p = s->pixels + (size_t)(y + dy) * s->stride + (size_t)(x + dx) * 3;
            for (int c = 0; c < 3; c++)
                sum[c] += weight * p[c];
        }
}

static inline void add_inner_sample(const source *s, double u, double v, uint64_t sum[3])
{
    int32_t x = (int32_t)u, y = (int32_t)v;
    uint32_t fx = (uint32_t)((u - x) * ONE), fy = (uint32_t)((v - y) * ONE);
    uint32_t w3 = fx * fy, w2 = ONE * fy - w3, w1 = ONE * fx - w3, w0 = ONE * ONE - w1 - w2 - w3;
    const uint8_t *p = s->pixels + (size_t)y * s->stride + (size_t)x * 3, *q = p + s->stride;
    sum[0] += w0 * p[0] + w1 * p[3] + w2 * q[0] + w3 * q[3];
    sum[1] += w0 * p[1] + w1 * p[4] + w2 * q[1] + w3 * q[4];
    sum[2] += w0 * p[2] + w1 * p[5] + w2 * q[2] + w3 * q[5];
}

static double clip_between(double value, double low, double high)
{
    return value > low ? value < high ? value : high : low;
}

static void sample_pixel(const source *s, const pattern *p, double u0, double v0, uint8_t *out)
{
    uint64_t sum[3] = {0, 0, 0}, whole = (uint64_t)ONE * ONE * (uint64_t)p->count;
    const double last_u = s->width - 1, last_v = s->height - 1;
    for (int32_t k = 0; k < p->count; k++) {
        double u = u0 + p->u[k], v = v0 + p->v[k];
        if (s->replicate) {
            u = clip_between(u, 0, last_u);
            v = clip_between(v, 0, last_v);
        }
        if (u >= 0 && v >= 0 && u < last_u && v < last_v)
            add_inner_sample(s, u, v, sum);
        else
            add_edge_sample(s, u, v, sum);
    }
    for (int c = 0; c < 3; c++)
        out[c] = (uint8_t)((sum[c] + whole / 2) / whole);
}

static void warp_pixels(fm_image *to, const source *s, const double m[6])
{
    pattern p;
    fill_pattern(&p, m);
    for (int32_t y = 0; y < to->height; y++)
        for (int32_t x = 0; x < to->width; x++)
            sample_pixel(s, &p, m[0] * (x + 0.5) + m[1] * (y + 0.5) + m[2],
                         m[3] * (x + 0.5) + m[4] * (y + 0.5) + m[5],
                         to->owned + (size_t)y * to->stride + (size_t)x * 3);
}

/* --- both ------------------------------------------------------------------------------------ */

static fm_status check_map(const double m[6], fm_error *err)
{
    for (int i = 0; i < 6; i++)
        if (!isfinite(m[i]) || fabs(m[i]) > 1e9)
            return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                            "the map from crop to image has a coefficient of %g", m[i]);
    return FM_OK;
}

/* Pixels of the source, reduced by f from r->x0 and r->y0 on, for an output coordinate: and centres
 * move from 0.5 to 0. */
static void map_to_region(double to[6], const double m[6], const region *r, int32_t f)
{
    for (int i = 0; i < 6; i++)
        to[i] = m[i] / f;
    to[2] -= (double)r->x0 / f + 0.5;
    to[5] -= (double)r->y0 / f + 0.5;
}

static fm_status warp_into(fm_image *to, const fm_image *image, const double m[6],
                           int32_t replicate, fm_error *err)
{
    source s = {image->pixels, image->stride, image->width, image->height, replicate, NULL, 0};
    region r = {0, 0, image->width, image->height};
    double least = fmin(fmin(hypot(m[0], m[3]), hypot(m[1], m[4])), 65536), local[6];
    int32_t f = least >= 6 ? (int32_t)(least / 3) : 1;
    if (f > 1 || image->format != FM_PIXEL_RGB8) {
        fm_status status;
        r = needed_region(image, m, to->width, to->height, f, 2.0 * f + 2);
        status = reduced_source(&s, image, &r, f, err);
        if (status != FM_OK)
            return status;
    }
    map_to_region(local, m, &r, f);
    warp_pixels(to, &s, local);
    fmi_free_wiped(s.owned, s.owned_size);
    return FM_OK;
}

fm_status fmi_image_warp(fm_image **out, const fm_image *image, const double m[6], int32_t width,
                         int32_t height, int32_t replicate, fm_error *err)
{
    fm_image *to = NULL;
    fm_status status = check_map(m, err);
    if (status == FM_OK)
        status = fmi_image_new(&to, width, height, err);
    if (status == FM_OK)
        status = warp_into(to, image, m, replicate, err);
    if (status != FM_OK) {
        fmi_image_free(to);
        return status;
    }
    *out = to;
    return FM_OK;
}
