/* From pixels to a PNG or JPEG file. */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "image/image.h"
#include "image/watched.h"
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define STBI_WRITE_NO_STDIO
#define STBIW_MALLOC(size)         fmi_watched_alloc(size)
#define STBIW_REALLOC(block, size) fmi_watched_realloc(block, size)
#define STBIW_FREE(block)          fmi_watched_free(block)
#define STBIW_ASSERT(holds)        fmi_watched_assert(!!(holds))
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
/* not popped: gcc complains at the end of the file */
#pragma GCC diagnostic ignored "-Wunused-function"
/* stb shifts and adds signed numbers past their range, and means them to wrap */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("undefined"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC optimize("wrapv")
#endif
#include <stb/stb_image_write.h>
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

enum { JPEG_QUALITY = 90, LARGEST_PIXEL_BYTES = 1 << 30 /* stb_image_write counts in int */ };

typedef struct encode_job {
    const fm_image *image;
    int jpeg, ok;
    uint8_t *bytes; /* the file so far, in watched memory */
    size_t used, capacity;
} encode_job;

static void append(void *context, void *data, int size)
{
    encode_job *job = context;
    size_t n = (size_t)size;
    if (n > job->capacity - job->used) {
        job->capacity = 2 * job->capacity + n + 4096;
        job->bytes = fmi_watched_realloc(job->bytes, job->capacity);
    }
    memcpy(job->bytes + job->used, data, n);
    job->used += n;
}

static void run_stb(void *user)
{
    encode_job *job = user;
    int width = job->image->width, height = job->image->height;
    size_t row = (size_t)width * 3;
    uint8_t *rgb = fmi_watched_alloc(row * (size_t)height);
    for (int y = 0; y < height; y++)
        fmi_image_row_rgb(job->image, y, 0, width, rgb + (size_t)y * row);
    job->ok = job->jpeg ? stbi_write_jpg_to_func(append, job, width, height, 3, rgb, JPEG_QUALITY)
                        : stbi_write_png_to_func(append, job, width, height, 3, rgb, (int)row);
}

static fm_status encode_and_write(encode_job *job, const char *path, fm_error *err)
{
    fmi_watched memory = {.largest = SIZE_MAX};
    fmi_watched_trouble trouble = fmi_watched_run(&memory, run_stb, job);
    fm_status status;
    if (trouble == FMI_WATCHED_NO_MEMORY)
        status = fmi_fail_memory(err);
    else if (trouble != FMI_WATCHED_NONE || !job->ok)
        status = fmi_fail(err, FM_E_INTERNAL, "%s: the encoder refused the image", path);
    else
        status = fmi_file_write(path, job->bytes, job->used, err);
    fmi_watched_clear(&memory);
    return status;
}

static int ends_in(const char *path, const char *ending)
{
    size_t length = strlen(path), n = strlen(ending);
    return length > n && strcasecmp(path + length - n, ending) == 0;
}

fm_status fmi_image_save(const fm_image *image, const char *path, fm_error *err)
{
    encode_job job = {.image = image, .jpeg = ends_in(path, ".jpg") || ends_in(path, ".jpeg")};
    if (!job.jpeg && !ends_in(path, ".png"))
        return fmi_fail_context(
            err, fmi_fail(err, FM_E_UNSUPPORTED, "the ending is none of .png, .jpg and .jpeg"),
            "%s", path);
    if (((uint64_t)image->width * 3 + 1) * (uint64_t)image->height > LARGEST_PIXEL_BYTES)
        return fmi_fail(err, FM_E_UNSUPPORTED, "%dx%d px is more than can be encoded",
                        (int)image->width, (int)image->height);
    return encode_and_write(&job, path, err);
}
