/* Photographs: decoded from a file or from memory, or borrowed from the caller.
 *
 *     fm_image *photo = NULL;
 *     if (fm_image_load_file(&photo, "anna.jpg", NULL, &err) != FM_OK) ...
 *     fm_image_free(photo);
 *
 * An fm_image is immutable: any number of threads may read it at once.
 */
#ifndef FACEMATCH_IMAGE_H
#define FACEMATCH_IMAGE_H

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Pixels, upright, with their format. Opaque; free with fm_image_free. */
typedef struct fm_image fm_image;

/** Order of the bytes of one pixel, 8 bits each. */
typedef int32_t fm_pixel_format;

enum {
    FM_PIXEL_RGB8 = 1,  /**< 3 bytes: red, green, blue */
    FM_PIXEL_BGR8 = 2,  /**< 3 bytes: blue, green, red, as OpenCV has them */
    FM_PIXEL_RGBA8 = 3, /**< 4 bytes; alpha is ignored */
    FM_PIXEL_BGRA8 = 4, /**< 4 bytes; alpha is ignored */
    FM_PIXEL_GRAY8 = 5  /**< 1 byte */
};

/** Limits on what is decoded. 0 means the default, UINT64_MAX switches a limit off. */
typedef struct fm_image_options {
    uint32_t struct_size; /**< sizeof(fm_image_options), set by fm_image_options_init */
    uint32_t reserved;    /**< 0 */
    uint64_t max_bytes;   /**< of the encoded file; default 64 MiB */
    uint64_t max_pixels;  /**< width times height, checked before allocation; default 50,000,000 */
    /* --- 0.1 ends here, append below --- */
} fm_image_options;

/** Size and format of an image. */
typedef struct fm_image_info {
    uint32_t struct_size;   /**< sizeof(fm_image_info), set by the caller */
    int32_t width_px;       /**< after orientation, > 0 */
    int32_t height_px;      /**< after orientation, > 0 */
    fm_pixel_format format; /**< FM_PIXEL_RGB8 for decoded images */
    int32_t orientation;    /**< EXIF orientation that was undone: 1..8; 1 when there was none */
    int32_t reserved;       /**< 0 */
    /* --- 0.1 ends here, append below --- */
} fm_image_info;

/** Fill options with defaults.
 *
 * @param[out] options      written up to struct_size bytes; NULL is a no-op.
 * @param      struct_size  sizeof(fm_image_options) of the caller.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API void fm_image_options_init(fm_image_options *options, uint32_t struct_size);

/** Decode a file: JPEG, PNG, BMP, TGA, PNM (binary), GIF (first frame).
 *
 * Grey, grey with alpha, palette, RGBA and 16-bit pictures all become RGB8;
 * alpha is dropped. EXIF orientation 1 to 8 is applied.
 *
 * @param[out] out      the image; untouched on failure. Free with fm_image_free.
 * @param[in]  path     UTF-8 (any bytes the file system takes).
 * @param[in]  options  limits; NULL for defaults.
 * @param[out] err      optional error detail; names the file.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_NOT_FOUND (no such file); FM_E_IO (directory,
 *   unreadable); FM_E_CORRUPT (empty, truncated, not an image); FM_E_UNSUPPORTED (a picture format
 *   that is not read); FM_E_LIMIT; FM_E_NO_MEMORY.
 * Threads: any.   Cost: decodes, O(pixels).   Since: 0.1.
 * Source: EXIF 2.32 (CIPA DC-008-2019), tag 0x0112 Orientation. */
FM_API FM_NODISCARD fm_status fm_image_load_file(fm_image **out, const char *path,
                                                 const fm_image_options *options, fm_error *err);

/** Decode an encoded picture held in memory; as fm_image_load_file.
 *
 * @param[out] out      the image; untouched on failure. Free with fm_image_free.
 * @param[in]  data     the encoded bytes; borrowed for the call.
 * @param      size     number of bytes.
 * @param[in]  options  limits; NULL for defaults.
 * @param[out] err      optional error detail.
 * @return as fm_image_load_file, without FM_E_NOT_FOUND and FM_E_IO.
 * Threads: any.   Cost: decodes, O(pixels).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_image_load_memory(fm_image **out, const void *data, size_t size,
                                                   const fm_image_options *options, fm_error *err);

/** Wrap the caller's pixels without copying them.
 *
 * @param[out] out           the image; untouched on failure. Free with fm_image_free.
 * @param[in]  pixels        first byte of the top row. Borrowed: must stay valid and unchanged
 *                           until the image is freed.
 * @param      size          bytes readable at pixels; at least
 *                           (height_px - 1) * stride_bytes + width_px * bytes per pixel.
 * @param      width_px      1..65,535.
 * @param      height_px     1..65,535.
 * @param      stride_bytes  distance between rows; at least width_px * bytes per pixel; 0 means
 *                           rows follow each other without a gap.
 * @param      format        one of FM_PIXEL_*.
 * @param[out] err           optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT (NULL, size, stride or format); FM_E_NO_MEMORY.
 * Threads: any.   Cost: O(1), nothing is copied.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_image_from_pixels(fm_image **out, const void *pixels, size_t size,
                                                   int32_t width_px, int32_t height_px,
                                                   size_t stride_bytes, fm_pixel_format format,
                                                   fm_error *err);

/** Size and format.
 *
 * @param[in]     image  the image.
 * @param[in,out] info   struct_size set by the caller; the rest is written.
 * @param[out]    err    optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_image_describe(const fm_image *image, fm_image_info *info,
                                                fm_error *err);

/** Copy the pixels out as RGB8.
 *
 * @param[in]  image    the image.
 * @param[out] out      uint8[height][width][3], rows without gaps; untouched on failure.
 * @param      out_len  bytes available at out.
 * @param[out] needed   optional; height * width * 3, also set when the buffer is too small.
 * @param[out] err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_BUFFER_TOO_SMALL.
 * Threads: any.   Cost: O(pixels).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_image_copy_rgb(const fm_image *image, uint8_t *out, size_t out_len,
                                                size_t *needed, fm_error *err);

/** Write an image as PNG or JPEG (quality 90), by the ending of the path (.png, .jpg, .jpeg).
 *
 * The file appears whole or not at all: it is written beside the path, then renamed.
 *
 * @param[in]  image  the image.
 * @param[in]  path   where to; an existing file is replaced.
 * @param[out] err    optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_UNSUPPORTED (another ending); FM_E_IO; FM_E_NO_MEMORY.
 * Threads: any.   Cost: encodes, O(pixels), and waits for the disk.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_image_save_file(const fm_image *image, const char *path,
                                                 fm_error *err);

/** Release an image. Pixels the library decoded are wiped first.
 *
 * @param[in] image  NULL is a no-op.
 * Threads: no other thread may be using it.   Cost: O(pixels), which are wiped.   Since: 0.1. */
FM_API void fm_image_free(fm_image *image);

#ifdef __cplusplus
}
#endif

#endif
