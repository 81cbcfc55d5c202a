/* From the bytes of a picture to upright RGB8 pixels. */
#include "core/error.h"
#include "core/memory.h"
#include "core/options.h"
#include "image/container.h"
#include "image/image.h"
#include "image/watched.h"
#include <inttypes.h>
#include <limits.h>

#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_ONLY_TGA
#define STBI_ONLY_GIF
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS       65535
#define STBI_MALLOC(size)         fmi_watched_alloc(size)
#define STBI_REALLOC(block, size) fmi_watched_realloc(block, size)
#define STBI_FREE(block)          fmi_watched_free(block)
#define STBI_ASSERT(holds)        fmi_watched_assert(!!(holds))
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
/* not popped: gcc complains at the end of the file */
#pragma GCC diagnostic ignored "-Wunused-function"
/* stb shifts and adds signed numbers past their range, and means them to wrap */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("undefined"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC optimize("wrapv")
#endif
#include <stb/stb_image.h>
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

enum { LONGEST_SIDE = 65535 };
static const uint64_t default_max_bytes = (uint64_t)64 << 20;
static const uint64_t default_max_pixels = 50000000;

fm_status fmi_image_options_read(fm_image_options *own, const fm_image_options *options,
                                 fm_error *err)
{
    fm_status status =
        fmi_options_read(own, sizeof *own, options, sizeof *own, "fm_image_options", err);
    if (status != FM_OK)
        return status;
    if (own->reserved != 0)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "fm_image_options.reserved is not 0");
    if (own->max_bytes == 0)
        own->max_bytes = default_max_bytes;
    if (own->max_pixels == 0)
        own->max_pixels = default_max_pixels;
    return FM_OK;
}

static fm_status check_size(const fmi_container *c, uint64_t max_pixels, fm_error *err)
{
    uint64_t pixels = (uint64_t)c->width * c->height;
    if (pixels > max_pixels)
        return fmi_fail(err, FM_E_LIMIT,
                        "the picture is %" PRIu32 "x%" PRIu32 " px (%" PRIu64
                        " pixels), above the limit of %" PRIu64 " pixels",
                        c->width, c->height, pixels, max_pixels);
    if (c->width > LONGEST_SIDE || c->height > LONGEST_SIDE)
        return fmi_fail(err, FM_E_LIMIT,
                        "the picture is %" PRIu32 "x%" PRIu32
                        " px, above the limit of %d px a side",
                        c->width, c->height, LONGEST_SIDE);
    if (pixels > INT_MAX / 8 || c->size > INT_MAX / 2)
        return fmi_fail(err, FM_E_LIMIT,
                        "the picture is %" PRIu32 "x%" PRIu32
                        " px and %zu bytes, more than the decoder can take",
                        c->width, c->height, c->size);
    return FM_OK;
}

typedef struct stb_job {
    const fmi_container *container;
    uint8_t *pixels; /* NULL: refused, and why */
    const char *reason;
    int width, height;
} stb_job;

static void run_stb(void *user)
{
    stb_job *job = user;
    int channels;
    job->pixels = stbi_load_from_memory(job->container->data, (int)job->container->size,
                                        &job->width, &job->height, &channels, 3);
    if (!job->pixels)
        job->reason = stbi_failure_reason();
}

/* What stb_image may ask for at once: twice the file, of which it keeps copies, or 16 bytes a
 * pixel, for deep, padded and progressive pictures. A picture that asks for more is a bomb. */
static size_t largest_block(const fmi_container *c)
{
    size_t by_pixels = (size_t)16 * (c->width + 64) * (c->height + 64);
    size_t by_bytes = 2 * c->size;
    return (by_pixels > by_bytes ? by_pixels : by_bytes) + (1 << 16);
}

static fm_status explain(const stb_job *job, fmi_watched_trouble trouble, fm_error *err)
{
    if (trouble == FMI_WATCHED_NO_MEMORY)
        return fmi_fail_memory(err);
    if (trouble == FMI_WATCHED_TOO_LARGE)
        return fmi_container_corrupt(job->container, "it holds far more data than pixels", err);
    return fmi_container_corrupt(job->container, job->reason ? job->reason : "impossible data",
                                 err);
}

static fm_status decode_by_stb(fm_image *image, const fmi_container *c, fm_error *err)
{
    fmi_watched memory = {.largest = largest_block(c)};
    stb_job job = {.container = c};
    void *base;
    fm_status status = FM_OK;
    fmi_watched_trouble trouble = fmi_watched_run(&memory, run_stb, &job);
    if (trouble != FMI_WATCHED_NONE || !job.pixels) {
        status = explain(&job, trouble, err);
    } else if ((uint32_t)job.width != c->width || (uint32_t)job.height != c->height) {
        status = fmi_container_corrupt(c, "it states two different sizes", err);
    } else {
        fmi_watched_release(&memory, job.pixels, &base, &image->owned_size);
        image->owned = base;
        image->pixels = job.pixels;
    }
    fmi_watched_clear(&memory);
    return status;
}

static fm_status decode_pixels(fm_image **out, const fmi_container *c, fm_error *err)
{
    fm_image *image;
    fm_status status;
    if (c->kind == FMI_CONTAINER_PNM) {
        status = fmi_image_new(out, (int32_t)c->width, (int32_t)c->height, err);
        if (status == FM_OK)
            fmi_pnm_decode(c, (*out)->owned);
        return status;
    }
    image = fmi_calloc(1, sizeof *image);
    if (!image)
        return fmi_fail_memory(err);
    status = decode_by_stb(image, c, err);
    if (status != FM_OK) {
        fmi_free(image);
        return status;
    }
    image->width = (int32_t)c->width;
    image->height = (int32_t)c->height;
    image->stride = (size_t)c->width * 3;
    image->format = FM_PIXEL_RGB8;
    image->orientation = 1;
    *out = image;
    return FM_OK;
}

static fm_status turn_upright(fm_image **image, const fmi_container *c, fm_error *err)
{
    size_t size;
    const uint8_t *exif = fmi_container_exif(c, &size);
    int32_t orientation = exif ? fmi_exif_orientation(exif, size) : 1;
    return orientation ? fmi_image_orient(image, orientation, err) : fmi_fail_memory(err);
}

fm_status fmi_image_decode(fm_image **out, const uint8_t *data, size_t size,
                           const fm_image_options *options, fm_error *err)
{
    fmi_container container;
    fm_image *image = NULL;
    fm_status status;
    if (size > options->max_bytes)
        return fmi_fail(err, FM_E_LIMIT, "%zu bytes, above the limit of %" PRIu64, size,
                        options->max_bytes);
    status = fmi_container_open(&container, data, size, err);
    if (status == FM_OK)
        status = check_size(&container, options->max_pixels, err);
    if (status == FM_OK)
        status = fmi_container_check(&container, err);
    if (status == FM_OK)
        status = decode_pixels(&image, &container, err);
    if (status == FM_OK)
        status = turn_upright(&image, &container, err);
    if (status != FM_OK) {
        fmi_image_free(image);
        return status;
    }
    *out = image;
    return FM_OK;
}
