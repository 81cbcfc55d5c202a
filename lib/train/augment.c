#include "train/augment.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

enum { RADIUS_MOST = 24 }; /* three of the largest standard deviations */

static fm_status check_one(const char *name, float value, double most, fm_error *err)
{
    if (value >= 0 && (double)value <= most)
        return FM_OK;
    return fmi_fail(err, FM_E_INVALID_ARGUMENT, "augmentation.%s is %g, expected 0..%g", name,
                    (double)value, most);
}

fm_status fmi_augmentation_check(const fm_augmentation *a, fm_error *err)
{
    fm_status status = check_one("flip", a->flip, 1, err);
    if (status == FM_OK)
        status = check_one("shift", a->shift, 0.5, err);
    if (status == FM_OK)
        status = check_one("scale", a->scale, 0.5, err);
    if (status == FM_OK)
        status = check_one("brightness", a->brightness, 1, err);
    if (status == FM_OK)
        status = check_one("contrast", a->contrast, 1, err);
    return status == FM_OK ? check_one("blur", a->blur, 8, err) : status;
}

static bool moves(const fm_augmentation *a)
{
    return a->flip > 0 || a->shift > 0 || a->scale > 0;
}

bool fmi_augmentation_any(const fm_augmentation *a)
{
    return moves(a) || a->brightness > 0 || a->contrast > 0 || a->blur > 0;
}

/* What is drawn for one showing. All is drawn, used or not: so one setting does not change what
 * another gives. */
typedef struct variation {
    bool flip;
    double shift_x, shift_y, scale; /* pixels; factor */
    double brightness, contrast;    /* levels; factor */
    double sigma;
} variation;

static variation draw(const fm_image *image, const fm_augmentation *a, fmi_random *random)
{
    variation v;
    v.flip = fmi_random_unit(random) < (double)a->flip;
    v.shift_x = fmi_random_spread(random, (double)a->shift) * image->width;
    v.shift_y = fmi_random_spread(random, (double)a->shift) * image->height;
    v.scale = 1 + fmi_random_spread(random, (double)a->scale);
    v.brightness = fmi_random_spread(random, (double)a->brightness) * 255;
    v.contrast = 1 + fmi_random_spread(random, (double)a->contrast);
    v.sigma = fmi_random_unit(random) * (double)a->blur;
    return v;
}

/* From places of the new picture to those of the old: about the centre, after the shift. */
static fm_status move(fm_image **out, const fm_image *image, const variation *v, fm_error *err)
{
    double half_width = image->width / 2.0, half_height = image->height / 2.0;
    double along = (v->flip ? -1 : 1) / v->scale, down = 1 / v->scale;
    const double m[6] = {along, 0,    half_width - along * (half_width + v->shift_x),
                         0,     down, half_height - down * (half_height + v->shift_y)};
    return fmi_image_warp(out, image, m, image->width, image->height, 1, err);
}

static void light(fm_image *image, const variation *v)
{
    uint8_t table[256];
    for (int i = 0; i < 256; i++) {
        double value = (i - 127.5) * v->contrast + 127.5 + v->brightness;
        table[i] = (uint8_t)(fmin(fmax(value, 0), 255) + 0.5);
    }
    for (size_t i = 0; i < image->owned_size; i++)
        image->owned[i] = table[image->owned[i]];
}

/* One pass along rows or columns: n pixels `step` bytes apart, three channels. The edge pixel
 * stands for those beyond it. */
static void blur_line(uint8_t *line, size_t step, int32_t n, const float *kernel, int32_t radius,
                      float *scratch)
{
    for (int32_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            scratch[3 * (size_t)i + c] = line[(size_t)i * step + c];
    for (int32_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++) {
            float sum = 0;
            for (int32_t k = -radius; k <= radius; k++) {
                int32_t at = i + k < 0 ? 0 : i + k >= n ? n - 1 : i + k;
                sum += kernel[k + radius] * scratch[3 * (size_t)at + c];
            }
            line[(size_t)i * step + c] = (uint8_t)(sum + 0.5f);
        }
}

static fm_status blur(fm_image *image, double sigma, fm_error *err)
{
    int32_t longest = image->width > image->height ? image->width : image->height;
    int32_t radius = (int32_t)ceil(3 * sigma);
    size_t size = 3 * (size_t)longest * sizeof(float);
    float kernel[2 * RADIUS_MOST + 1], *scratch;
    double sum = 0;
    for (int32_t k = -radius; k <= radius; k++)
        sum += exp(-k * k / (2 * sigma * sigma));
    for (int32_t k = -radius; k <= radius; k++)
        kernel[k + radius] = (float)(exp(-k * k / (2 * sigma * sigma)) / sum);
    scratch = fmi_alloc(size);
    if (!scratch)
        return fmi_fail_memory(err);
    for (int32_t y = 0; y < image->height; y++)
        blur_line(image->owned + (size_t)y * image->stride, 3, image->width, kernel, radius,
                  scratch);
    for (int32_t x = 0; x < image->width; x++)
        blur_line(image->owned + 3 * (size_t)x, image->stride, image->height, kernel, radius,
                  scratch);
    fmi_free_wiped(scratch, size);
    return FM_OK;
}

static fm_status copy(fm_image **out, const fm_image *image, fm_error *err)
{
    fm_status status = fmi_image_new(out, image->width, image->height, err);
    for (int32_t y = 0; y < image->height && status == FM_OK; y++)
        fmi_image_row_rgb(image, y, 0, image->width, (*out)->owned + (size_t)y * (*out)->stride);
    return status;
}

fm_status fmi_augment(fm_image **out, const fm_image *image, const fm_augmentation *augmentation,
                      fmi_random random, fm_error *err)
{
    variation v = draw(image, augmentation, &random);
    fm_image *own = NULL;
    fm_status status = moves(augmentation) ? move(&own, image, &v, err) : copy(&own, image, err);
    if (status == FM_OK && v.sigma > 0.1) /* less changes nothing that bytes can hold */
        status = blur(own, v.sigma, err);
    if (status != FM_OK) {
        fmi_image_free(own);
        return status;
    }
    light(own, &v);
    *out = own;
    return FM_OK;
}
