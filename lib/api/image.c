#include "image/image.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/options.h"

enum { LONGEST_SIDE = 65535 };

static fm_status fail_null(fm_error *err, const char *name)
{
    return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL", name);
}

void fm_image_options_init(fm_image_options *options, uint32_t struct_size)
{
    fmi_options_init(options, struct_size);
}

fm_status fm_image_load_file(fm_image **out, const char *path, const fm_image_options *options,
                             fm_error *err)
{
    fm_image_options own;
    uint8_t *bytes = NULL;
    size_t size = 0;
    fm_status status;
    if (!out)
        return fail_null(err, "out");
    status = fmi_image_options_read(&own, options, err);
    if (status != FM_OK)
        return status;
    status = fmi_file_read(&bytes, &size, path, own.max_bytes, err);
    if (status != FM_OK)
        return status;
    status = fmi_image_decode(out, bytes, size, &own, err);
    fmi_block_free(bytes);
    return status == FM_OK ? FM_OK : fmi_fail_context(err, status, "%s", path);
}

fm_status fm_image_load_memory(fm_image **out, const void *data, size_t size,
                               const fm_image_options *options, fm_error *err)
{
    fm_image_options own;
    fm_status status;
    if (!out || !data)
        return fail_null(err, out ? "data" : "out");
    status = fmi_image_options_read(&own, options, err);
    return status == FM_OK ? fmi_image_decode(out, data, size, &own, err) : status;
}

/* Both factors are below 2^18: only the stride, which the caller states, can overflow. */
static fm_status check_pixels(size_t size, int32_t width, int32_t height, size_t stride,
                              int32_t pixel_bytes, fm_error *err)
{
    size_t row = (size_t)width * (size_t)pixel_bytes, needed;
    if (stride < row)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "stride of %zu bytes: a row of %d px takes %zu",
                        stride, (int)width, row);
    if (fmi_mul_overflows((size_t)height - 1, stride, &needed) || needed > SIZE_MAX - row)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "stride of %zu bytes is too large", stride);
    needed += row;
    if (size < needed)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "%zu bytes of pixels: %dx%d px with a stride of %zu take %zu", size,
                        (int)width, (int)height, stride, needed);
    return FM_OK;
}

fm_status fm_image_from_pixels(fm_image **out, const void *pixels, size_t size, int32_t width_px,
                               int32_t height_px, size_t stride_bytes, fm_pixel_format format,
                               fm_error *err)
{
    int32_t pixel_bytes = fmi_pixel_bytes(format);
    fm_image *image;
    fm_status status;
    if (!out || !pixels)
        return fail_null(err, out ? "pixels" : "out");
    if (pixel_bytes == 0)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%d is no pixel format", (int)format);
    if (width_px < 1 || height_px < 1 || width_px > LONGEST_SIDE || height_px > LONGEST_SIDE)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%dx%d px: sides must be 1 to %d px",
                        (int)width_px, (int)height_px, LONGEST_SIDE);
    if (stride_bytes == 0)
        stride_bytes = (size_t)width_px * (size_t)pixel_bytes;
    status = check_pixels(size, width_px, height_px, stride_bytes, pixel_bytes, err);
    if (status != FM_OK)
        return status;
    image = fmi_calloc(1, sizeof *image);
    if (!image)
        return fmi_fail_memory(err);
    image->pixels = pixels;
    image->width = width_px;
    image->height = height_px;
    image->stride = stride_bytes;
    image->format = format;
    image->orientation = 1;
    *out = image;
    return FM_OK;
}

fm_status fm_image_describe(const fm_image *image, fm_image_info *info, fm_error *err)
{
    fm_image_info own = {sizeof own, 0, 0, 0, 0, 0};
    fm_status status;
    if (!image)
        return fail_null(err, "image");
    status = fmi_output_check(info, sizeof own, "fm_image_info", err);
    if (status != FM_OK)
        return status;
    own.width_px = image->width;
    own.height_px = image->height;
    own.format = image->format;
    own.orientation = image->orientation;
    fmi_output_write(info, &own, sizeof own);
    return FM_OK;
}

fm_status fm_image_copy_rgb(const fm_image *image, uint8_t *out, size_t out_len, size_t *needed,
                            fm_error *err)
{
    size_t row, size;
    if (!image)
        return fail_null(err, "image");
    row = (size_t)image->width * 3;
    size = row * (size_t)image->height;
    if (!out || out_len < size) {
        if (needed)
            *needed = size;
        return fmi_fail(err, FM_E_BUFFER_TOO_SMALL, "%dx%d px of RGB8 take %zu bytes, not %zu",
                        (int)image->width, (int)image->height, size, out ? out_len : 0);
    }
    for (int32_t y = 0; y < image->height; y++)
        fmi_image_row_rgb(image, y, 0, image->width, out + (size_t)y * row);
    if (needed)
        *needed = size;
    return FM_OK;
}

fm_status fm_image_save_file(const fm_image *image, const char *path, fm_error *err)
{
    if (!image || !path)
        return fail_null(err, image ? "path" : "image");
    if (!*path)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "the path is empty");
    return fmi_image_save(image, path, err);
}

fm_status fm_image_draw_faces(fm_image **out, const fm_image *image, const fm_face *faces,
                              size_t count, fm_error *err)
{
    if (!out || !image || (!faces && count > 0))
        return fail_null(err, !out ? "out" : !image ? "image" : "faces");
    return fmi_image_draw_faces(out, image, faces, count, err);
}

void fm_image_free(fm_image *image)
{
    fmi_image_free(image);
}
