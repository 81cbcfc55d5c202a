/* How large, sharp, bright and turned a face is. */
#include "face/quality.h"
#include "core/error.h"
#include "core/memory.h"
#include "face/session.h"
#include "image/image.h"
#include <math.h>
#include <string.h>

/* All faces are measured on one crop, whatever the embedder sees, so that the figures mean the same
 * for every model: that of ArcFace, of which LEFT..BOTTOM is the middle of the face, without hair
 * and background. */
enum { SIDE = 112, LEFT = 24, RIGHT = 88, TOP = 32, BOTTOM = 104 };
static const double TEMPLATE_POINTS[10] = {38.2946, 51.6963, 73.5318, 51.5014, 56.0252,
                                           71.7366, 41.5493, 92.3655, 70.7299, 92.2041};

/* Grey values at or beyond which a pixel shows nothing. */
enum { DARKEST = 5, BRIGHTEST = 250 };

/* Rounding to whole grey values adds 1/12 to the variance of each pixel, and the Laplacian's
 * weights, 4*1 + 4*4, carry it over. */
static const double ROUNDING = 20.0 / 12;
/* Below this variance there is nothing to be sharp. */
static const double LEAST_CONTRAST = 1;

/* A mean head (that of the Basel Face Model: Paysan et al. 2009), seen from the front: how far the
 * nose's tip stands out from the plane of eyes and mouth, in distances of the eyes; and in
 * distances of the middles of eyes and mouth, how far below the eyes it lies, and how far it and
 * the mouth stand out before the eyes. */
static const double NOSE_DEPTH = 0.60, NOSE_BELOW = 0.50, NOSE_OUT = 0.62, MOUTH_OUT = 0.13;

static const double DEGREES = 57.29577951308232;

typedef struct sums {
    double grey, grey_squared, laplace, laplace_squared;
    int32_t clipped, count;
} sums;

static void to_grey(const fm_image *crop, int32_t y, uint8_t grey[SIDE])
{
    uint8_t rgb[3 * SIDE];
    fmi_image_row_rgb(crop, y, 0, SIDE, rgb);
    for (size_t x = 0; x < SIDE; x++)
        grey[x] = (uint8_t)((299 * rgb[3 * x] + 587 * rgb[3 * x + 1] + 114 * rgb[3 * x + 2] + 500) /
                            1000);
}

static void add_row(sums *s, const uint8_t *above, const uint8_t *row, const uint8_t *below)
{
    for (size_t x = LEFT; x < RIGHT; x++) {
        int laplace = above[x] + below[x] + row[x - 1] + row[x + 1] - 4 * row[x];
        s->grey += row[x];
        s->grey_squared += row[x] * row[x];
        s->laplace += laplace;
        s->laplace_squared += laplace * laplace;
        s->clipped += row[x] <= DARKEST || row[x] >= BRIGHTEST;
        s->count++;
    }
}

static double variance(double sum, double squared, double n)
{
    return fmax(squared / n - sum / n * (sum / n), 0);
}

/* crop: SIDE x SIDE */
static void measure_pixels(const fm_image *crop, fm_face_quality *out)
{
    sums s = {0};
    uint8_t grey[SIDE][SIDE];
    double n, contrast, edges;
    for (int32_t y = TOP - 1; y <= BOTTOM; y++)
        to_grey(crop, y, grey[y]);
    for (int32_t y = TOP; y < BOTTOM; y++)
        add_row(&s, grey[y - 1], grey[y], grey[y + 1]);
    n = s.count;
    contrast = variance(s.grey, s.grey_squared, n);
    edges = fmax(variance(s.laplace, s.laplace_squared, n) - ROUNDING, 0);
    out->sharpness = contrast < LEAST_CONTRAST ? 0 : (float)(edges / contrast);
    out->brightness = (float)(s.grey / n);
    out->clipped = (float)(s.clipped / n);
    fmi_wipe(grey, sizeof grey);
}

/* As fm_quality documents it. */
static void measure_pose(const float p[10], fm_face_quality *out)
{
    double eyes_x = ((double)p[0] + p[2]) / 2, eyes_y = ((double)p[1] + p[3]) / 2;
    double mouth_x = ((double)p[6] + p[8]) / 2, mouth_y = ((double)p[7] + p[9]) / 2;
    double dx = (double)p[2] - p[0], dy = (double)p[3] - p[1], d = hypot(dx, dy);
    double roll = d > 0 ? atan2(dy, dx) : 0, c = cos(roll), s = sin(roll);
    /* mouth and nose from the middle of the eyes, with the eyes brought level */
    double mx = c * (mouth_x - eyes_x) + s * (mouth_y - eyes_y);
    double my = c * (mouth_y - eyes_y) - s * (mouth_x - eyes_x);
    double nx = c * (p[4] - eyes_x) + s * (p[5] - eyes_y);
    double ny = c * (p[5] - eyes_y) - s * (p[4] - eyes_x);
    double beside = my > 0 ? nx - mx * fmin(fmax(ny / my, 0), 1) : nx;
    out->eye_distance_px = (float)d;
    out->roll_deg = (float)(roll * DEGREES);
    out->yaw_deg = (float)(atan2(beside, NOSE_DEPTH * d) * DEGREES);
    out->pitch_deg = (float)(atan2(ny - NOSE_BELOW * my, NOSE_OUT * my - MOUTH_OUT * ny) * DEGREES);
}

static double share(double value)
{
    return isnan(value) ? 1 : fmin(fmax(value, 0), 1);
}

static void sum_up(fm_face_quality *q)
{
    double light = fmin(q->brightness / 80.0, (255 - q->brightness) / 55.0);
    double turned = cos(q->yaw_deg / DEGREES) * cos(q->pitch_deg / DEGREES);
    if (fabsf(q->yaw_deg) > 90 || fabsf(q->pitch_deg) > 90)
        turned = 0; /* two cosines below 0 are no frontal face */
    q->quality = (float)(share(q->size_px / 112.0) * share(q->sharpness / 0.05) * share(light) *
                         share(turned) * share(q->score));
}

void fmi_quality_unknown(fm_face_quality *out)
{
    memset(out, 0, sizeof *out);
    out->quality = out->size_px = out->eye_distance_px = out->score = NAN;
    out->sharpness = out->brightness = out->clipped = NAN;
    out->yaw_deg = out->pitch_deg = out->roll_deg = NAN;
}

static fm_status check_box(const fm_face *face, fm_error *err)
{
    if (isfinite(face->width) && isfinite(face->height) && face->width > 0 && face->height > 0 &&
        isfinite(face->score))
        return FM_OK;
    return fmi_fail(err, FM_E_INVALID_ARGUMENT, "the face is %g x %g px, its score %g",
                    (double)face->width, (double)face->height, (double)face->score);
}

fm_status fmi_quality_of_face(const fm_image *image, const fm_face *face, fm_face_quality *out,
                              fm_error *err)
{
    fm_face_quality own;
    fm_image *crop = NULL;
    fm_status status = check_box(face, err);
    if (status == FM_OK)
        status = fmi_align_to(image, face, TEMPLATE_POINTS, SIDE, SIDE, true, &crop, err);
    if (status != FM_OK)
        return status;
    fmi_quality_unknown(&own);
    measure_pixels(crop, &own);
    fmi_image_free(crop);
    measure_pose(face->points, &own);
    own.size_px = fminf(face->width, face->height);
    own.score = face->score;
    sum_up(&own);
    *out = own;
    return FM_OK;
}

fm_status fmi_quality_of_crop(const fm_image *crop, fm_face_quality *out, fm_error *err)
{
    fm_image *small = NULL;
    fm_status status = fmi_image_resize(&small, crop, SIDE, SIDE, err);
    if (status != FM_OK)
        return status;
    fmi_quality_unknown(out);
    measure_pixels(small, out);
    fmi_image_free(small);
    sum_up(out);
    return FM_OK;
}
