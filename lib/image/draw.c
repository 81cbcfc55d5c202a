#include "core/error.h"
#include "core/memory.h"
#include "image/image.h"
#include <math.h>
#include <string.h>

static const uint8_t first_colour[3] = {0, 230, 64}, other_colour[3] = {255, 140, 0};

/* The pixel that a coordinate falls on, within the image: clipped while it is a double, since any
 * float may come. */
static int32_t clip_coordinate(double value, int32_t size)
{
    return value > 0 ? value < size ? (int32_t)value : size : 0;
}

static void fill(fm_image *image, double x0, double y0, double x1, double y1,
                 const uint8_t colour[3])
{
    int32_t left = clip_coordinate(round(x0), image->width);
    int32_t right = clip_coordinate(round(x1), image->width);
    int32_t top = clip_coordinate(round(y0), image->height);
    int32_t bottom = clip_coordinate(round(y1), image->height);
    for (int32_t y = top; y < bottom; y++) {
        uint8_t *p = image->owned + (size_t)y * image->stride + (size_t)left * 3;
        for (int32_t x = left; x < right; x++, p += 3)
            memcpy(p, colour, 3);
    }
}

/* The lines lie within the box, so that a box as large as the image shows. */
static void draw_box(fm_image *image, const fm_face *face, double line, const uint8_t colour[3])
{
    double x0 = face->x, y0 = face->y, x1 = x0 + face->width, y1 = y0 + face->height;
    fill(image, x0, y0, x1, y0 + line, colour);
    fill(image, x0, y1 - line, x1, y1, colour);
    fill(image, x0, y0, x0 + line, y1, colour);
    fill(image, x1 - line, y0, x1, y1, colour);
}

static void draw_points(fm_image *image, const fm_face *face, double line, const uint8_t colour[3])
{
    double half = line > 1 ? line : 1;
    for (int i = 0; i < FM_POINT_COUNT; i++) {
        double x = face->points[2 * i], y = face->points[2 * i + 1];
        fill(image, x - half, y - half, x + half, y + half, colour);
    }
}

static int is_finite(const fm_face *face)
{
    int finite =
        isfinite(face->x) && isfinite(face->y) && isfinite(face->width) && isfinite(face->height);
    for (int i = 0; i < 2 * FM_POINT_COUNT; i++)
        finite = finite && isfinite(face->points[i]);
    return finite;
}

static double line_width(const fm_image *image)
{
    int32_t longer = image->width > image->height ? image->width : image->height;
    return ceil(longer / 200.0);
}

fm_status fmi_image_draw_faces(fm_image **out, const fm_image *image, const fm_face *faces,
                               size_t count, fm_error *err)
{
    fm_image *drawn = NULL;
    fm_status status;
    double line = line_width(image);
    for (size_t i = 0; i < count; i++)
        if (!is_finite(&faces[i]))
            return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                            "face %zu has a coordinate that is not finite", i);
    status = fmi_image_resize(&drawn, image, image->width, image->height, err);
    if (status != FM_OK)
        return status;
    /* the first one last: nothing is drawn over it */
    for (size_t i = count; i-- > 0;) {
        const uint8_t *colour = i == 0 ? first_colour : other_colour;
        draw_box(drawn, &faces[i], line, colour);
        draw_points(drawn, &faces[i], line, colour);
    }
    *out = drawn;
    return FM_OK;
}
