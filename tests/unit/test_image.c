#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/memory.h"
#include "helpers.h"
#include "image/image.h"
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
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

/* --- files made by hand ---------------------------------------------------------------------- */

typedef struct bytes {
    uint8_t data[1 << 18];
    size_t size;
} bytes;

static void put(bytes *b, const void *data, size_t size)
{
    assert_true(b->size + size <= sizeof b->data);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

static void put_byte(bytes *b, unsigned value)
{
    uint8_t byte = (uint8_t)value;
    put(b, &byte, 1);
}

static void put_be16(bytes *b, unsigned value)
{
    put_byte(b, value >> 8);
    put_byte(b, value);
}

static void put_be32(bytes *b, uint32_t value)
{
    put_be16(b, value >> 16);
    put_be16(b, value);
}

static void put_le16(bytes *b, unsigned value)
{
    put_byte(b, value);
    put_byte(b, value >> 8);
}

static void put_le32(bytes *b, uint32_t value)
{
    put_le16(b, value);
    put_le16(b, value >> 16);
}

static void put_written(void *context, void *data, int size)
{
    put(context, data, (size_t)size);
}

static void insert(bytes *b, size_t at, const bytes *what)
{
    assert_true(b->size + what->size <= sizeof b->data);
    memmove(b->data + at + what->size, b->data + at, b->size - at);
    memcpy(b->data + at, what->data, what->size);
    b->size += what->size;
}

/* A picture without symmetry, smooth enough for JPEG. */
static void paint(uint8_t *rgb, int width, int height)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++, rgb += 3) {
            rgb[0] = (uint8_t)(20 + 200 * x / width);
            rgb[1] = (uint8_t)(30 + 190 * y / height);
            rgb[2] = (uint8_t)(40 + 180 * x * y / (width * height));
        }
}

static void put_png_chunk(bytes *b, const char *type, const bytes *content)
{
    size_t at = b->size + 4;
    put_be32(b, (uint32_t)content->size);
    put(b, type, 4);
    put(b, content->data, content->size);
    put_be32(b, stbiw__crc32(b->data + at, (int)(b->size - at)));
}

static bytes part, raw; /* scratch of the makers below */

static void begin_png(bytes *b, uint32_t width, uint32_t height, unsigned depth, unsigned colour)
{
    b->size = 0;
    put(b, "\x89PNG\r\n\x1A\n", 8);
    part.size = 0;
    put_be32(&part, width);
    put_be32(&part, height);
    put_byte(&part, depth);
    put_byte(&part, colour);
    put(&part, "\0\0\0", 3);
    put_png_chunk(b, "IHDR", &part);
}

/* The rows in `raw`, each begun by its filter byte 0. */
static void end_png(bytes *b)
{
    int size = 0;
    uint8_t *packed = stbi_zlib_compress(raw.data, (int)raw.size, &size, 8);
    part.size = 0;
    put(&part, packed, (size_t)size);
    free(packed);
    put_png_chunk(b, "IDAT", &part);
    part.size = 0;
    put_png_chunk(b, "IEND", &part);
}

/* A TIFF block with one tag: Orientation. */
static void put_tiff(bytes *b, int big_endian, unsigned orientation)
{
    if (big_endian) {
        put(b, "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01", 18);
        put_be16(b, orientation);
    } else {
        put(b, "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18);
        put_le16(b, orientation);
    }
    put(b, "\0\0\0\0\0\0", 6);
}

static void make_app1(bytes *b, int big_endian, unsigned orientation)
{
    b->size = 0;
    put(b, "\xFF\xE1", 2);
    put_be16(b, 2 + 6 + 26);
    put(b, "Exif\0\0", 6);
    put_tiff(b, big_endian, orientation);
}

/* A JPEG of 8x8 px in which each channel has one value, from Huffman tables in which each category
 * of DC takes 4 bits and the end of a block 1: whatever the channels, and progressive too. */
typedef struct bit_writer {
    bytes *to;
    unsigned bits, count;
} bit_writer;

static void put_bits(bit_writer *w, unsigned value, unsigned count)
{
    while (count-- > 0) {
        w->bits = w->bits << 1 | (value >> count & 1);
        if (++w->count == 8) {
            put_byte(w->to, w->bits & 0xFF);
            if ((w->bits & 0xFF) == 0xFF)
                put_byte(w->to, 0);
            w->bits = w->count = 0;
        }
    }
}

static void put_flat_block(bit_writer *w, int value, int progressive)
{
    int dc = value - 128;
    unsigned category = 0, magnitude = (unsigned)abs(dc);
    while (magnitude >> category)
        category++;
    put_bits(w, category, 4);
    put_bits(w, dc < 0 ? (unsigned)dc + (1u << category) - 1 : (unsigned)dc, category);
    if (!progressive)
        put_bits(w, 0, 1);
}

static void make_flat_jpeg(bytes *b, const uint8_t *values, unsigned channels, int adobe,
                           int progressive)
{
    bit_writer w = {b, 0, 0};
    b->size = 0;
    put(b, "\xFF\xD8", 2);
    if (adobe >= 0) {
        put(b,
            "\xFF\xEE\0\x0E"
            "Adobe\0\x64\0\0\0\0",
            15);
        put_byte(b, (unsigned)adobe);
    }
    put(b, "\xFF\xDB\0\x43\0", 5);
    for (int i = 0; i < 64; i++)
        put_byte(b, 8);
    put(b, progressive ? "\xFF\xC2" : "\xFF\xC0", 2);
    put_be16(b, 8 + 3 * channels);
    put(b, "\x08\0\x08\0\x08", 5);
    put_byte(b, channels);
    for (unsigned c = 1; c <= channels; c++) {
        put_byte(b, c);
        put(b, "\x11\0", 2);
    }
    put(b,
        "\xFF\xC4\0\x1F\0"
        "\0\0\0\x0C\0\0\0\0\0\0\0\0\0\0\0\0",
        21);
    for (unsigned i = 0; i < 12; i++)
        put_byte(b, i);
    put(b,
        "\xFF\xC4\0\x14\x10"
        "\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0",
        22);
    put(b, "\xFF\xDA", 2);
    put_be16(b, 6 + 2 * channels);
    put_byte(b, channels);
    for (unsigned c = 1; c <= channels; c++) {
        put_byte(b, c);
        put_byte(b, 0);
    }
    put(b, progressive ? "\0\0\0" : "\0\x3F\0", 3);
    for (unsigned c = 0; c < channels; c++)
        put_flat_block(&w, values[c], progressive);
    put_bits(&w, 0x7F, 7);
    put(b, "\xFF\xD9", 2);
}

/* Codes of 9 bits after a clear code each: no dictionary is ever built. */
static void put_gif_frame(bytes *b, int width, int height, const uint8_t *indices)
{
    uint8_t block[255];
    unsigned bits = 0, count = 0, used = 0;
    put_byte(b, 0x2C);
    put_le32(b, 0);
    put_le16(b, (unsigned)width);
    put_le16(b, (unsigned)height);
    put_byte(b, 0);
    put_byte(b, 8);
    for (int i = 0; i < 2 * width * height + 1; i++) {
        unsigned code = i == 2 * width * height ? 257 : i % 2 ? indices[i / 2] : 256;
        bits |= code << count;
        for (count += 9; count >= 8 || (code == 257 && count > 0);
             count = count > 8 ? count - 8 : 0) {
            block[used++] = (uint8_t)bits;
            bits >>= 8;
            if (used == sizeof block) {
                put_byte(b, used);
                put(b, block, used);
                used = 0;
            }
        }
    }
    put_byte(b, used);
    put(b, block, used);
    if (used)
        put_byte(b, 0);
}

/* Two frames: the first is the picture, in 4 x 4 x 4 colours. */
static void make_gif(bytes *b, const uint8_t *rgb, int width, int height)
{
    uint8_t indices[64 * 64];
    b->size = 0;
    put(b, "GIF89a", 6);
    put_le16(b, (unsigned)width);
    put_le16(b, (unsigned)height);
    put(b, "\xF7\0\0", 3);
    for (unsigned i = 0; i < 256; i++) {
        put_byte(b, (i >> 4 & 3) * 85);
        put_byte(b, (i >> 2 & 3) * 85);
        put_byte(b, (i & 3) * 85);
    }
    for (int i = 0; i < width * height; i++)
        indices[i] =
            (uint8_t)((rgb[3 * i] / 64) << 4 | (rgb[3 * i + 1] / 64) << 2 | rgb[3 * i + 2] / 64);
    put(b, "\x21\xFE\x02hi\0", 6);
    put_gif_frame(b, width, height, indices);
    memset(indices, 0, sizeof indices);
    put_gif_frame(b, width, height, indices);
    put_byte(b, 0x3B);
}

static void make_pnm(bytes *b, const uint8_t *rgb, int width, int height, unsigned max)
{
    char head[64];
    b->size = 0;
    snprintf(head, sizeof head, "P6 # comment 7\n%d\t%d\n# more\n%u\n", width, height, max);
    put(b, head, strlen(head));
    for (int i = 0; i < 3 * width * height; i++) {
        unsigned value = (rgb[i] * max + 127) / 255;
        if (max > 255)
            put_be16(b, value);
        else
            put_byte(b, value);
    }
}

/* --- loading --------------------------------------------------------------------------------- */

enum { W = 37, H = 23 };
static uint8_t painted[W * H * 3];
static bytes file;

static fm_error new_error(void)
{
    fm_error err = {sizeof err, 0, "untouched"};
    return err;
}

static fm_image *load(const bytes *b)
{
    fm_error err = new_error();
    fm_image *image = NULL;
    fm_assert_status(fm_image_load_memory(&image, b->data, b->size, NULL, &err), FM_OK, &err);
    assert_int_equal(image->format, FM_PIXEL_RGB8);
    return image;
}

static void assert_load_fails(const void *data, size_t size, fm_status want, const char *text)
{
    fm_error err = new_error();
    fm_image *image = (fm_image *)&err;
    long blocks = fmi_memory_live_blocks();
    fm_assert_status(fm_image_load_memory(&image, data, size, NULL, &err), want, &err);
    fm_assert_message(&err, text);
    assert_ptr_equal(image, &err);
    assert_int_equal(fmi_memory_live_blocks(), blocks);
}

static const uint8_t *pixel(const fm_image *image, int x, int y)
{
    return image->pixels + (size_t)y * image->stride + (size_t)x * 3;
}

static void assert_pixels(const fm_image *image, const uint8_t *want, int width, int height,
                          int tolerance)
{
    assert_int_equal(image->width, width);
    assert_int_equal(image->height, height);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++) {
                int got = pixel(image, x, y)[c], wanted = want[(y * width + x) * 3 + c];
                if (abs(got - wanted) > tolerance)
                    fail_msg("pixel %d,%d channel %d: %d, want %d", x, y, c, got, wanted);
            }
}

static void assert_loads(const bytes *b, const uint8_t *want, int width, int height, int tolerance)
{
    fm_image *image = load(b);
    assert_pixels(image, want, width, height, tolerance);
    fm_image_free(image);
}

static void assert_colour(const bytes *b, int red, int green, int blue, int tolerance)
{
    fm_image *image = load(b);
    const uint8_t *p = pixel(image, image->width / 2, image->height / 2);
    if (abs(p[0] - red) > tolerance || abs(p[1] - green) > tolerance ||
        abs(p[2] - blue) > tolerance)
        fail_msg("colour %d %d %d, want %d %d %d", p[0], p[1], p[2], red, green, blue);
    fm_image_free(image);
}

enum { PNG, JPEG, BMP, TGA, TGA_RLE, GIF, PNM, PNM16, KINDS };
static const char *const kind_names[] = {"PNG", "JPEG", "BMP", "TGA", "TGA", "GIF", "PNM", "PNM"};

static void make(bytes *b, int kind, const uint8_t *rgb, int width, int height)
{
    b->size = 0;
    stbi_write_tga_with_rle = kind == TGA_RLE;
    if (kind == PNG)
        stbi_write_png_to_func(put_written, b, width, height, 3, rgb, width * 3);
    else if (kind == JPEG)
        stbi_write_jpg_to_func(put_written, b, width, height, 3, rgb, 95);
    else if (kind == BMP)
        stbi_write_bmp_to_func(put_written, b, width, height, 3, rgb);
    else if (kind == TGA || kind == TGA_RLE)
        stbi_write_tga_to_func(put_written, b, width, height, 3, rgb);
    else if (kind == GIF)
        make_gif(b, rgb, width, height);
    else
        make_pnm(b, rgb, width, height, kind == PNM ? 255 : 65535);
}

static void test_image_loads_every_format(void **state)
{
    static const int tolerance[KINDS] = {0, 12, 0, 0, 0, 64, 0, 0};
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        make(&file, kind, painted, W, H);
        assert_loads(&file, painted, W, H, tolerance[kind]);
    }
}

static void test_image_loads_one_pixel(void **state)
{
    static const uint8_t one[3] = {85, 170, 255};
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        make(&file, kind, one, 1, 1);
        assert_loads(&file, one, 1, 1, kind == JPEG ? 8 : 0);
    }
}

/* Every length of file but the whole, and half of it with a tail of zeros or of another file. */
static void test_image_truncation_is_an_error(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        make(&file, kind, painted, W, H);
        assert_load_fails(file.data, file.size / 2, FM_E_CORRUPT, "is truncated");
        assert_load_fails(file.data, file.size / 2, FM_E_CORRUPT, kind_names[kind]);
        for (size_t size = 1; size < file.size; size += 1 + size / 16) {
            fm_image *image = NULL;
            uint8_t *exact = malloc(size);
            fm_status status;
            memcpy(exact, file.data, size);
            status = fm_image_load_memory(&image, exact, size, NULL, NULL);
            free(exact);
            if (status != FM_E_CORRUPT)
                fail_msg("%s cut to %zu of %zu bytes: %s", kind_names[kind], size, file.size,
                         fm_status_name(status));
        }
    }
}

static void test_image_tolerates_bytes_behind_the_end(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        fm_image *image;
        make(&file, kind, painted, W, H);
        put(&file, "\0\0\0trailing", 11);
        image = load(&file);
        assert_int_equal(image->width, W);
        fm_image_free(image);
    }
}

static void test_image_jpeg_cut_within_a_later_scan_or_after_a_thumbnail(void **state)
{
    bytes thumbnail = {.size = 0};
    (void)state;
    /* the end of a thumbnail within APP1 is not the end of the picture */
    make(&file, JPEG, painted, W, H);
    put(&thumbnail,
        "\xFF\xE1\0\x0C"
        "thumb\xFF\xD8\xFF\xDA\xFF\xD9",
        14);
    thumbnail.data[3] = 13;
    put_byte(&thumbnail, 0);
    insert(&file, 2, &thumbnail);
    assert_loads(&file, painted, W, H, 12);
    assert_load_fails(file.data, file.size - 2, FM_E_CORRUPT, "is truncated");
    assert_load_fails(file.data, file.size / 2, FM_E_CORRUPT, "is truncated");
}

static void test_image_refuses_what_is_no_picture(void **state)
{
    static const char text[] = "This is a letter, renamed to photo.jpg. It goes on for a while.\n";
    uint8_t zeros[64] = {0};
    (void)state;
    assert_load_fails(text, sizeof text - 1, FM_E_CORRUPT, "not a picture");
    assert_load_fails(text, 1, FM_E_CORRUPT, "not a picture");
    assert_load_fails(zeros, sizeof zeros, FM_E_CORRUPT, "not a picture");
    assert_load_fails(text, 0, FM_E_CORRUPT, "empty");
    assert_load_fails("BM, said the letter, and so on.....", 35, FM_E_CORRUPT, "not a picture");
    assert_load_fails("RIFF\x24\0\0\0WEBPVP8 ", 16, FM_E_UNSUPPORTED, "WebP");
    assert_load_fails("II*\0\x08\0\0\0", 8, FM_E_UNSUPPORTED, "TIFF");
    assert_load_fails("\0\0\0\x18"
                      "ftypheic\0\0\0\0",
                      16, FM_E_UNSUPPORTED, "HEIF");
    assert_load_fails("P3\n1 1 255\n1 2 3\n", 17, FM_E_UNSUPPORTED, "PNM");
}

static void test_image_corrupt_bytes_never_crash(void **state)
{
    uint32_t random = 1;
    long blocks = fmi_memory_live_blocks();
    (void)state;
    for (int kind = 0; kind < KINDS; kind++)
        for (int round = 0; round < 300; round++) {
            fm_image *image = NULL;
            make(&file, kind, painted, W, H);
            for (int i = 0; i < 1 + round % 8; i++)
                file.data[fm_test_random(&random) % (round % 2 ? 64 : file.size)] =
                    (uint8_t)fm_test_random(&random);
            if (fm_image_load_memory(&image, file.data, file.size, NULL, NULL) == FM_OK)
                fm_image_free(image);
        }
    assert_int_equal(fmi_memory_live_blocks(), blocks);
}

/* --- pixels of every depth ------------------------------------------------------------------- */

static void test_image_png_of_every_depth(void **state)
{
    (void)state;
    begin_png(&file, 1, 1, 16, 2);
    raw.size = 0;
    put(&raw, "\0\x12\x99\x80\x00\xFF\xFF", 7);
    end_png(&file);
    assert_colour(&file, 0x12, 0x80, 0xFF, 0);

    begin_png(&file, 1, 1, 16, 4);
    raw.size = 0;
    put(&raw, "\0\x77\x01\x10\x00", 5);
    end_png(&file);
    assert_colour(&file, 0x77, 0x77, 0x77, 0);

    begin_png(&file, 1, 1, 8, 6);
    raw.size = 0;
    put(&raw, "\0\x0A\x14\x1E\0", 5);
    end_png(&file);
    assert_colour(&file, 10, 20, 30, 0);

    begin_png(&file, 4, 1, 1, 0);
    raw.size = 0;
    put(&raw, "\0\x20", 2);
    end_png(&file);
    assert_colour(&file, 255, 255, 255, 0);

    begin_png(&file, 3, 1, 2, 3);
    part.size = 0;
    put(&part, "\1\2\3\4\5\6\7\x08\x09", 9);
    put_png_chunk(&file, "PLTE", &part);
    part.size = 0;
    put(&part, "\xFF\0\x80", 3);
    put_png_chunk(&file, "tRNS", &part);
    raw.size = 0;
    put(&raw, "\0\x18", 2);
    end_png(&file);
    assert_colour(&file, 4, 5, 6, 0);
}

static void test_image_grey_with_and_without_alpha(void **state)
{
    static const uint8_t grey[4] = {200, 9, 200, 0};
    (void)state;
    file.size = 0;
    stbi_write_png_to_func(put_written, &file, 1, 2, 2, grey, 2);
    assert_colour(&file, 200, 200, 200, 0);
    file.size = 0;
    stbi_write_png_to_func(put_written, &file, 2, 1, 1, grey, 2);
    assert_colour(&file, 9, 9, 9, 0);
    stbi_write_tga_with_rle = 0;
    file.size = 0;
    stbi_write_tga_to_func(put_written, &file, 1, 2, 2, grey);
    assert_colour(&file, 200, 200, 200, 0);
    file.size = 0;
    stbi_write_jpg_to_func(put_written, &file, 1, 1, 1, grey, 95);
    assert_colour(&file, 200, 200, 200, 4);
}

static void test_image_bmp_variants(void **state)
{
    static const uint8_t rgba[] = {1, 2, 3, 0, 5, 6, 7, 0};
    (void)state;
    file.size = 0; /* 32 bits with alpha, version 5 header */
    stbi_write_bmp_to_func(put_written, &file, 1, 2, 4, rgba);
    assert_colour(&file, 5, 6, 7, 0);

    file.size = 0; /* 8 bits with a palette of two, top row first, the last padding missing */
    put(&file, "BM\0\0\0\0\0\0\0\0\x3E\0\0\0\x28\0\0\0", 18);
    put_le32(&file, 1);
    put_le32(&file, (uint32_t)-2);
    put(&file, "\x01\0\x08\0\0\0\0\0", 8);
    put(&file, "\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0", 20);
    put(&file, "\x0A\x14\x1E\0\x28\x32\x3C\0", 8);
    put(&file, "\0\0\0\0\x01", 5);
    assert_colour(&file, 60, 50, 40, 0);
    file.data[30] = 1;
    assert_load_fails(file.data, file.size, FM_E_UNSUPPORTED, "compressed");
}

static void test_image_pnm_is_scaled_to_its_maximum(void **state)
{
    (void)state;
    file.size = 0;
    put(&file, "P5\n1 1\n15\n\x0F", 11);
    assert_colour(&file, 255, 255, 255, 0);
    file.size = 0;
    put(&file, "P5\n1 1\n1000\n\x01\xF4", 14);
    assert_colour(&file, 128, 128, 128, 0);
    file.size = 0;
    put(&file, "P6\n1 1\n255\n\x01\x02\x03", 14);
    assert_colour(&file, 1, 2, 3, 0);
    assert_load_fails("P5\n1 1\n0\n\x0F", 10, FM_E_CORRUPT, "maximum");
    assert_load_fails("P5\n0 1\n9\n\x0F", 10, FM_E_CORRUPT, "is 0");
    assert_load_fails("P5\n99999999999 1\n9\n", 20, FM_E_CORRUPT, "three numbers");
}

static void test_image_jpeg_channels(void **state)
{
    static const uint8_t grey[] = {77}, ycc[] = {128, 128, 228}, rgb[] = {10, 200, 60};
    static const uint8_t white[] = {255, 255, 255, 255}, red[] = {255, 0, 0, 255};
    static const uint8_t dark[] = {255, 255, 255, 51}, ycck[] = {255, 128, 128, 255};
    (void)state;
    for (int progressive = 0; progressive < 2; progressive++) {
        make_flat_jpeg(&file, grey, 1, -1, progressive);
        assert_colour(&file, 77, 77, 77, 1);
        make_flat_jpeg(&file, ycc, 3, -1, progressive);
        assert_colour(&file, 255, 57, 128, 2);
        make_flat_jpeg(&file, rgb, 3, 0, progressive);
        assert_colour(&file, 10, 200, 60, 1);
        /* Adobe writes CMYK inverted: 255 is no ink */
        make_flat_jpeg(&file, white, 4, 0, progressive);
        assert_colour(&file, 255, 255, 255, 1);
        make_flat_jpeg(&file, red, 4, 0, progressive);
        assert_colour(&file, 255, 0, 0, 1);
        make_flat_jpeg(&file, dark, 4, 0, progressive);
        assert_colour(&file, 51, 51, 51, 1);
        make_flat_jpeg(&file, ycck, 4, 2, progressive);
        assert_colour(&file, 0, 0, 0, 1);
        make_flat_jpeg(&file, white, 4, -1, progressive);
        assert_load_fails(file.data, file.size, FM_E_UNSUPPORTED, "four channels");
    }
}

static void test_image_jpeg_variants_that_are_not_read(void **state)
{
    static const uint8_t grey[] = {77};
    size_t at;
    (void)state;
    make_flat_jpeg(&file, grey, 1, -1, 0);
    for (at = 0; file.data[at] != 0xFF || file.data[at + 1] != 0xC0; at++)
        continue;
    file.data[at + 4] = 12;
    assert_load_fails(file.data, file.size, FM_E_UNSUPPORTED, "8 bits");
    file.data[at + 4] = 8;
    file.data[at + 1] = 0xC9;
    assert_load_fails(file.data, file.size, FM_E_UNSUPPORTED, "arithmetic");
}

/* --- orientation ----------------------------------------------------------------------------- */

/* Where a pixel of the upright image was stored: EXIF 2.32, written out as a table. */
static void stored_place(int orientation, int x, int y, int width, int height, int *sx, int *sy)
{
    int flip_x = width - 1 - x, flip_y = height - 1 - y;
    const int table[8][2] = {{x, y}, {flip_x, y}, {flip_x, flip_y}, {x, flip_y},
                             {y, x}, {y, flip_x}, {flip_y, flip_x}, {flip_y, x}};
    *sx = table[orientation - 1][0];
    *sy = table[orientation - 1][1];
}

static void assert_upright(const fm_image *image, int orientation, int tolerance)
{
    int width = orientation >= 5 ? H : W, height = orientation >= 5 ? W : H;
    static uint8_t want[W * H * 3];
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int sx, sy;
            stored_place(orientation, x, y, width, height, &sx, &sy);
            memcpy(want + (y * width + x) * 3, painted + (sy * W + sx) * 3, 3);
        }
    assert_int_equal(image->orientation, orientation);
    assert_pixels(image, want, width, height, tolerance);
}

static void test_image_every_exif_orientation(void **state)
{
    bytes app1;
    (void)state;
    for (int orientation = 1; orientation <= 8; orientation++)
        for (int big_endian = 0; big_endian < 2; big_endian++) {
            fm_image *image;
            fm_image_info info = {sizeof info, 0, 0, 0, 0, 0};
            make(&file, JPEG, painted, W, H);
            make_app1(&app1, big_endian, (unsigned)orientation);
            insert(&file, 2, &app1);
            image = load(&file);
            assert_upright(image, orientation, 12);
            assert_int_equal(fm_image_describe(image, &info, NULL), FM_OK);
            assert_int_equal(info.orientation, orientation);
            assert_int_equal(info.width_px, orientation >= 5 ? H : W);
            fm_image_free(image);
        }
}

static void test_image_png_exif_orientation(void **state)
{
    bytes chunk = {.size = 0};
    (void)state;
    for (int orientation = 1; orientation <= 8; orientation++) {
        fm_image *image;
        make(&file, PNG, painted, W, H);
        part.size = chunk.size = 0;
        put_tiff(&part, 1, (unsigned)orientation);
        put_png_chunk(&chunk, "eXIf", &part);
        insert(&file, 8 + 25, &chunk);
        image = load(&file);
        assert_upright(image, orientation, 0);
        fm_image_free(image);
    }
}

static void test_image_corrupt_exif_is_ignored(void **state)
{
    static const unsigned impossible[] = {0, 9, 65535};
    uint32_t random = 7;
    bytes app1;
    (void)state;
    for (int i = 0; i < 3; i++) {
        fm_image *image;
        make(&file, JPEG, painted, W, H);
        make_app1(&app1, 0, impossible[i]);
        insert(&file, 2, &app1);
        image = load(&file);
        assert_upright(image, 1, 12);
        fm_image_free(image);
    }
    for (int round = 0; round < 200; round++) {
        make(&file, JPEG, painted, W, H);
        make_app1(&app1, round & 1, 6);
        for (int i = 0; i < 4; i++)
            app1.data[10 + fm_test_random(&random) % 26] = (uint8_t)fm_test_random(&random);
        insert(&file, 2, &app1);
        fm_image_free(load(&file));
    }
}

/* --- limits ---------------------------------------------------------------------------------- */

static void test_image_limit_of_pixels_comes_before_memory(void **state)
{
    fm_image_options options;
    fm_image *image = NULL;
    fm_error err = new_error();
    (void)state;
    begin_png(&file, 60000, 60000, 8, 2);
    raw.size = 0;
    put_byte(&raw, 0);
    end_png(&file);
    fmi_memory_fail_after(0);
    assert_load_fails(file.data, file.size, FM_E_LIMIT, "60000x60000 px (3600000000 pixels)");
    assert_load_fails(file.data, file.size, FM_E_LIMIT, "limit of 50000000");
    assert_load_fails(file.data, 33, FM_E_LIMIT, "60000x60000");
    fmi_memory_fail_after(-1);

    fm_image_options_init(&options, sizeof options);
    options.max_pixels = UINT64_MAX;
    fm_assert_status(fm_image_load_memory(&image, file.data, file.size, &options, &err), FM_E_LIMIT,
                     &err);
    fm_assert_message(&err, "more than the decoder can take");
    begin_png(&file, 70000, 1, 8, 2);
    fm_assert_status(fm_image_load_memory(&image, file.data, file.size, &options, &err), FM_E_LIMIT,
                     &err);
    fm_assert_message(&err, "70000x1 px");
    assert_null(image);
}

static void test_image_limits_of_every_format(void **state)
{
    fm_image_options options;
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        fm_image *image = NULL;
        fm_error err = new_error();
        make(&file, kind, painted, W, H);
        fm_image_options_init(&options, sizeof options);
        options.max_pixels = W * H;
        options.max_bytes = file.size;
        fm_assert_status(fm_image_load_memory(&image, file.data, file.size, &options, &err), FM_OK,
                         &err);
        fm_image_free(image);
        image = NULL;
        options.max_pixels--;
        fm_assert_status(fm_image_load_memory(&image, file.data, file.size, &options, &err),
                         FM_E_LIMIT, &err);
        fm_assert_message(&err, "37x23 px");
        options.max_pixels = 0;
        options.max_bytes--;
        fm_assert_status(fm_image_load_memory(&image, file.data, file.size, &options, &err),
                         FM_E_LIMIT, &err);
        fm_assert_message(&err, "above the limit of");
        assert_null(image);
    }
}

/* A row of pixels said to be one pixel: what it unpacks to is refused before it is all unpacked. */
static void test_image_png_bomb(void **state)
{
    (void)state;
    begin_png(&file, 1, 1, 8, 2);
    raw.size = sizeof raw.data;
    memset(raw.data, 0, raw.size);
    end_png(&file);
    assert_load_fails(file.data, file.size, FM_E_CORRUPT, "far more data");
}

static void test_image_jpeg_with_too_many_scans(void **state)
{
    static const uint8_t grey[] = {77};
    bytes scans = {.size = 0};
    (void)state;
    make_flat_jpeg(&file, grey, 1, -1, 1);
    for (int i = 0; i < 500; i++)
        put(&scans, "\xFF\xDA\0\x08\x01\x01\0\0\0\0\x7F", 11);
    insert(&file, file.size - 2, &scans);
    assert_load_fails(file.data, file.size, FM_E_LIMIT, "500 scans");
}

static void test_image_options_are_checked(void **state)
{
    fm_image_options options;
    fm_image *image = NULL;
    fm_error err = new_error();
    (void)state;
    make(&file, PNG, painted, W, H);
    fm_image_options_init(&options, sizeof options);
    options.reserved = 1;
    fm_assert_status(fm_image_load_memory(&image, file.data, file.size, &options, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    memset(&options, 0, sizeof options);
    fm_assert_status(fm_image_load_memory(&image, file.data, file.size, &options, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fm_image_load_memory(NULL, file.data, file.size, NULL, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fm_image_load_memory(&image, NULL, 4, NULL, &err), FM_E_INVALID_ARGUMENT,
                     &err);
    assert_null(image);
}

/* --- files ----------------------------------------------------------------------------------- */

static fm_test_folder folder;

static int setup(void **state)
{
    (void)state;
    paint(painted, W, H);
    return fm_test_folder_make(&folder);
}

static int teardown(void **state)
{
    (void)state;
    fm_test_folder_remove(&folder);
    return 0;
}

static void test_image_file_messages_name_the_file(void **state)
{
    char path[256];
    fm_image *image = NULL;
    fm_error err = new_error();
    (void)state;
    make(&file, PNG, painted, W, H);
    fm_test_path(path, sizeof path, &folder, "Zo\xC3\xAB \xE6\x97\xA5 \xFF.png");
    fm_test_write_file(path, file.data, file.size);
    fm_assert_status(fm_image_load_file(&image, path, NULL, &err), FM_OK, &err);
    assert_pixels(image, painted, W, H, 0);
    fm_image_free(image);
    image = NULL;

    fm_test_path(path, sizeof path, &folder, "half.png");
    fm_test_write_file(path, file.data, file.size / 2);
    fm_assert_status(fm_image_load_file(&image, path, NULL, &err), FM_E_CORRUPT, &err);
    fm_assert_message(&err, "half.png: the PNG picture is truncated");
    fm_test_path(path, sizeof path, &folder, "none.png");
    fm_assert_status(fm_image_load_file(&image, path, NULL, &err), FM_E_NOT_FOUND, &err);
    fm_assert_message(&err, "none.png");
    fm_assert_status(fm_image_load_file(&image, folder.path, NULL, &err), FM_E_IO, &err);
    fm_assert_status(fm_image_load_file(&image, NULL, NULL, &err), FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fm_image_load_file(NULL, path, NULL, &err), FM_E_INVALID_ARGUMENT, &err);
    assert_null(image);
}

static void save_and_load(const fm_image *image, const char *name, int tolerance)
{
    char path[256];
    fm_image *again = NULL;
    fm_error err = new_error();
    fm_test_path(path, sizeof path, &folder, name);
    fm_assert_status(fm_image_save_file(image, path, &err), FM_OK, &err);
    fm_assert_status(fm_image_load_file(&again, path, NULL, &err), FM_OK, &err);
    assert_pixels(again, painted, W, H, tolerance);
    fm_image_free(again);
}

static void test_image_save_round_trip(void **state)
{
    fm_image *image = NULL;
    struct stat st;
    char path[256];
    (void)state;
    assert_int_equal(
        fm_image_from_pixels(&image, painted, sizeof painted, W, H, 0, FM_PIXEL_RGB8, NULL), FM_OK);
    save_and_load(image, "saved.png", 0);
    save_and_load(image, "saved.PNG", 0);
    save_and_load(image, "saved.jpg", 14);
    save_and_load(image, "saved.JpEg", 14);
    save_and_load(image, "saved.png", 0);
    assert_int_equal(stat(fm_test_path(path, sizeof path, &folder, "saved.png"), &st), 0);
    assert_int_equal(st.st_mode & 0400, 0400);
    fm_image_free(image);
}

static void test_image_save_failures(void **state)
{
    fm_image *image = NULL;
    char path[256];
    size_t before;
    fm_error err = new_error();
    (void)state;
    assert_int_equal(
        fm_image_from_pixels(&image, painted, sizeof painted, W, H, 0, FM_PIXEL_RGB8, NULL), FM_OK);
    before = fm_test_folder_count(&folder);
    fm_test_path(path, sizeof path, &folder, "saved.gif");
    fm_assert_status(fm_image_save_file(image, path, &err), FM_E_UNSUPPORTED, &err);
    fm_assert_message(&err, "saved.gif");
    fm_assert_status(fm_image_save_file(image, ".png", &err), FM_E_UNSUPPORTED, &err);
    fm_test_path(path, sizeof path, &folder, "no-folder/saved.png");
    fm_assert_status(fm_image_save_file(image, path, &err), FM_E_IO, &err);
    fm_assert_message(&err, "no-folder/saved.png");
    fm_assert_status(fm_image_save_file(image, "/proc/saved.jpg", &err), FM_E_IO, &err);
    fm_assert_status(fm_image_save_file(image, "", &err), FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fm_image_save_file(image, NULL, &err), FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fm_image_save_file(NULL, path, &err), FM_E_INVALID_ARGUMENT, &err);
    assert_int_equal(fm_test_folder_count(&folder), before);
    fm_image_free(image);
}

/* --- borrowed pixels ------------------------------------------------------------------------- */

static void test_image_borrowed_formats_and_strides(void **state)
{
    static const fm_pixel_format formats[] = {FM_PIXEL_RGB8, FM_PIXEL_BGR8, FM_PIXEL_RGBA8,
                                              FM_PIXEL_BGRA8, FM_PIXEL_GRAY8};
    static const int order[5][3] = {{0, 1, 2}, {2, 1, 0}, {0, 1, 2}, {2, 1, 0}, {0, 0, 0}};
    (void)state;
    for (int f = 0; f < 5; f++)
        for (size_t gap = 0; gap < 8; gap += 7) {
            size_t step = (size_t)fmi_pixel_bytes(formats[f]), stride = W * step + gap;
            size_t size = (H - 1) * stride + W * step, needed = 0;
            uint8_t *pixels = malloc(size), want[W * H * 3], got[W * H * 3];
            fm_image *image = NULL;
            fm_image_info info = {sizeof info, 0, 0, 0, 0, 0};
            for (size_t i = 0; i < size; i++)
                pixels[i] = (uint8_t)(i * 31 + i / 256);
            for (int y = 0; y < H; y++)
                for (int x = 0; x < W; x++)
                    for (int c = 0; c < 3; c++)
                        want[(y * W + x) * 3 + c] =
                            pixels[(size_t)y * stride + (size_t)x * step + (size_t)order[f][c]];
            assert_int_equal(fm_image_from_pixels(&image, pixels, size, W, H, gap ? stride : 0,
                                                  formats[f], NULL),
                             FM_OK);
            assert_int_equal(fm_image_describe(image, &info, NULL), FM_OK);
            assert_int_equal(info.format, formats[f]);
            assert_int_equal(info.orientation, 1);
            assert_int_equal(fm_image_copy_rgb(image, got, sizeof got, &needed, NULL), FM_OK);
            assert_int_equal(needed, sizeof got);
            assert_memory_equal(got, want, sizeof got);
            fm_image_free(image);
            free(pixels);
        }
}

static void test_image_borrowed_arguments(void **state)
{
    static const struct {
        int32_t width, height;
        size_t size, stride;
        fm_pixel_format format;
    } bad[] = {
        {0, 1, 100, 0, FM_PIXEL_RGB8},
        {1, 0, 100, 0, FM_PIXEL_RGB8},
        {-1, 1, 100, 0, FM_PIXEL_RGB8},
        {65536, 1, 1 << 20, 0, FM_PIXEL_RGB8},
        {1, INT32_MIN, 100, 0, FM_PIXEL_RGB8},
        {4, 4, 47, 0, FM_PIXEL_RGB8},
        {4, 4, 100, 11, FM_PIXEL_RGB8},
        {4, 4, 3 * 13 + 11, 13, FM_PIXEL_RGB8},
        {4, 4, 100, SIZE_MAX, FM_PIXEL_RGB8},
        {4, 4, 100, SIZE_MAX / 3, FM_PIXEL_RGB8},
        {4, 4, 63, 0, FM_PIXEL_RGBA8},
        {4, 4, 100, 0, 0},
        {4, 4, 100, 0, 6},
    };
    uint8_t pixels[100] = {0}, out[48];
    size_t needed = 0;
    fm_image *image = NULL;
    fm_error err = new_error();
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        fm_assert_status(fm_image_from_pixels(&image, pixels, bad[i].size, bad[i].width,
                                              bad[i].height, bad[i].stride, bad[i].format, &err),
                         FM_E_INVALID_ARGUMENT, &err);
    assert_null(image);
    fm_assert_status(fm_image_from_pixels(&image, NULL, 100, 4, 4, 0, FM_PIXEL_RGB8, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fm_image_from_pixels(NULL, pixels, 100, 4, 4, 0, FM_PIXEL_RGB8, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fm_image_from_pixels(&image, pixels, 48, 4, 4, 0, FM_PIXEL_RGB8, &err), FM_OK,
                     &err);
    memset(out, 0xEE, sizeof out);
    fm_assert_status(fm_image_copy_rgb(image, out, 47, &needed, &err), FM_E_BUFFER_TOO_SMALL, &err);
    assert_int_equal(needed, 48);
    assert_int_equal(out[0], 0xEE);
    fm_assert_status(fm_image_copy_rgb(image, NULL, 0, NULL, &err), FM_E_BUFFER_TOO_SMALL, &err);
    fm_assert_status(fm_image_copy_rgb(NULL, out, 48, &needed, &err), FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fm_image_describe(image, NULL, &err), FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fm_image_describe(NULL, NULL, &err), FM_E_INVALID_ARGUMENT, &err);
    fm_image_free(image);
    fm_image_free(NULL);
}

/* --- area resampling ------------------------------------------------------------------------- */

static fm_image *random_image(int32_t width, int32_t height, uint32_t seed)
{
    fm_image *image = NULL;
    assert_int_equal(fmi_image_new(&image, width, height, NULL), FM_OK);
    for (size_t i = 0; i < image->owned_size; i++)
        image->owned[i] = (uint8_t)fm_test_random(&seed);
    return image;
}

static double value_or_black(const fm_image *image, int64_t x, int64_t y, int c)
{
    if (x < 0 || y < 0 || x >= image->width || y >= image->height)
        return 0;
    return pixel(image, (int)x, (int)y)[c];
}

/* Adaptive average pooling as PyTorch defines it, in double. */
static double area_reference(const fm_image *image, int x0, int y0, int x1, int y1, int width,
                             int height, int i, int j, int c)
{
    int64_t nx = (int64_t)x1 - x0, ny = (int64_t)y1 - y0;
    int64_t ax = i * nx / width, bx = ((i + 1) * nx + width - 1) / width;
    int64_t ay = j * ny / height, by = ((j + 1) * ny + height - 1) / height;
    double sum = 0;
    for (int64_t y = ay; y < by; y++)
        for (int64_t x = ax; x < bx; x++)
            sum += value_or_black(image, x0 + x, y0 + y, c);
    return sum / (double)((bx - ax) * (by - ay));
}

static void check_area(const fm_image *image, const fm_image *view, int x0, int y0, int x1, int y1,
                       int width, int height, int bgr)
{
    size_t row = (size_t)width + 3, plane = row * (size_t)height + 5, n = plane * 3;
    float *got = calloc(n, sizeof(float)), *want = calloc(n, sizeof(float));
    fmi_planes to = {got, plane, row, {127.5f, 10, 0}, {128, 0.5f, 3}, bgr};
    fm_error err = new_error();
    for (int j = 0; j < height; j++)
        for (int i = 0; i < width; i++)
            for (int p = 0; p < 3; p++)
                want[(size_t)p * plane + (size_t)j * row + (size_t)i] =
                    (float)((area_reference(image, x0, y0, x1, y1, width, height, i, j,
                                            bgr ? 2 - p : p) -
                             (double)to.mean[p]) /
                            (double)to.std[p]);
    fm_assert_status(fmi_image_area_planes(view, x0, y0, x1, y1, width, height, &to, &err), FM_OK,
                     &err);
    fm_assert_floats_near(got, want, n, 1e-4, 1e-6); /* gaps stay zero, too */
    free(got);
    free(want);
}

static void test_image_area_bins(void **state)
{
    static const int cases[][6] = {
        {0, 0, 61, 47, 24, 24},  {0, 0, 61, 47, 61, 47},    {5, 3, 20, 17, 24, 24},
        {0, 0, 61, 47, 1, 1},    {-10, -7, 30, 33, 12, 48}, {40, 30, 100, 90, 24, 24},
        {-50, 0, -10, 40, 7, 7}, {61, 47, 90, 90, 5, 5},    {-500, -400, 900, 700, 33, 17},
        {7, 9, 8, 10, 4, 4},     {0, 0, 61, 47, 18, 14},    {-3, 2, 4, 46, 2, 9},
    };
    fm_image *image = random_image(61, 47, 5);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int bgr = 0; bgr < 2; bgr++)
            check_area(image, image, cases[i][0], cases[i][1], cases[i][2], cases[i][3],
                       cases[i][4], cases[i][5], bgr);
    fm_image_free(image);
}

static void test_image_area_of_other_formats(void **state)
{
    fm_image *rgb = random_image(31, 19, 6), *view = NULL;
    uint8_t pixels[31 * 19 * 4];
    (void)state;
    for (size_t i = 0; i < 31 * 19; i++) {
        pixels[4 * i] = rgb->owned[3 * i + 2];
        pixels[4 * i + 1] = rgb->owned[3 * i + 1];
        pixels[4 * i + 2] = rgb->owned[3 * i];
        pixels[4 * i + 3] = 99;
    }
    assert_int_equal(
        fm_image_from_pixels(&view, pixels, sizeof pixels, 31, 19, 0, FM_PIXEL_BGRA8, NULL), FM_OK);
    check_area(rgb, view, -3, 2, 25, 30, 9, 11, 0);
    fm_image_free(view);
    fm_image_free(rgb);
}

/* Sums beyond 32 bits, and boxes as far out as integers go. */
static void test_image_area_of_extremes(void **state)
{
    uint8_t *white = malloc((size_t)20000 * 1000);
    float got[3], want[3] = {255, 255, 255}, black[3] = {0, 0, 0};
    fmi_planes to = {got, 1, 1, {0, 0, 0}, {1, 1, 1}, 0};
    fm_image *image = NULL;
    fm_error err = new_error();
    (void)state;
    memset(white, 255, (size_t)20000 * 1000);
    assert_int_equal(fm_image_from_pixels(&image, white, (size_t)20000 * 1000, 20000, 1000, 0,
                                          FM_PIXEL_GRAY8, NULL),
                     FM_OK);
    fm_assert_status(fmi_image_area_planes(image, 0, 0, 20000, 1000, 1, 1, &to, &err), FM_OK, &err);
    fm_assert_floats_near(got, want, 3, 1e-4, 0);
    fm_assert_status(
        fmi_image_area_planes(image, INT32_MIN, INT32_MIN, INT32_MAX, INT32_MAX, 1, 1, &to, &err),
        FM_OK, &err);
    fm_assert_floats_near(got, black, 3, 1e-3, 0);
    fm_assert_status(fmi_image_area_planes(image, 5, 5, 5, 9, 1, 1, &to, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fmi_image_area_planes(image, 5, 5, 9, 9, 0, 1, &to, &err),
                     FM_E_INVALID_ARGUMENT, &err);
    fm_image_free(image);
    free(white);
}

static void test_image_to_planes(void **state)
{
    enum { PW = 300, PH = 3 };
    fm_image *image = random_image(PW, PH, 8);
    float got[3 * PW * PH], want[3 * PW * PH];
    (void)state;
    for (int bgr = 0; bgr < 2; bgr++) {
        fmi_planes to = {got, PW * PH, PW, {1, 2, 3}, {4, 5, 6}, bgr};
        for (int p = 0; p < 3; p++)
            for (int i = 0; i < PW * PH; i++)
                want[p * PW * PH + i] =
                    ((float)image->owned[3 * i + (bgr ? 2 - p : p)] - to.mean[p]) / to.std[p];
        fmi_image_to_planes(image, &to);
        fm_assert_floats_near(got, want, 3 * PW * PH, 0, 0);
    }
    fm_image_free(image);
}

/* --- resizing -------------------------------------------------------------------------------- */

static void test_image_resize_identity(void **state)
{
    fm_image *image = random_image(19, 11, 3), *same = NULL;
    (void)state;
    assert_int_equal(fmi_image_resize(&same, image, 19, 11, NULL), FM_OK);
    assert_pixels(same, image->owned, 19, 11, 0);
    fm_image_free(same);
    fm_image_free(image);
}

static double triangle(double x)
{
    return fabs(x) < 1 ? 1 - fabs(x) : 0;
}

static double resize_reference(const fm_image *image, int width, int height, int i, int j, int c)
{
    double sx = (double)image->width / width, sy = (double)image->height / height;
    double wx = sx > 1 ? sx : 1, wy = sy > 1 ? sy : 1, sum = 0, total = 0;
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++) {
            double w = triangle((x + 0.5 - (i + 0.5) * sx) / wx) *
                       triangle((y + 0.5 - (j + 0.5) * sy) / wy);
            total += w;
            sum += w * pixel(image, x, y)[c];
        }
    return sum / total;
}

static void test_image_resize_against_reference(void **state)
{
    static const int sizes[][2] = {{19, 40}, {50, 5}, {1, 1}, {18, 23}, {112, 96}, {7, 7}};
    fm_image *image = random_image(29, 21, 4);
    (void)state;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int width = sizes[k][0], height = sizes[k][1];
        fm_image *got = NULL;
        uint8_t *want = malloc((size_t)(width * height * 3));
        for (int i = 0; i < width * height * 3; i++)
            want[i] = (uint8_t)(0.5 + resize_reference(image, width, height, i / 3 % width,
                                                       i / 3 / width, i % 3));
        assert_int_equal(fmi_image_resize(&got, image, width, height, NULL), FM_OK);
        assert_pixels(got, want, width, height, 1);
        fm_image_free(got);
        free(want);
    }
    fm_image_free(image);
}

/* --- warping --------------------------------------------------------------------------------- */

static void test_image_warp_identity_and_shift(void **state)
{
    static const double identity[6] = {1, 0, 0, 0, 1, 0}, shift[6] = {1, 0, 3, 0, 1, -2};
    fm_image *image = random_image(21, 17, 9), *got = NULL;
    (void)state;
    assert_int_equal(fmi_image_warp(&got, image, identity, 21, 17, 0, NULL), FM_OK);
    assert_pixels(got, image->owned, 21, 17, 0);
    fm_image_free(got);
    for (int replicate = 0; replicate < 2; replicate++) {
        assert_int_equal(fmi_image_warp(&got, image, shift, 21, 17, replicate, NULL), FM_OK);
        for (int y = 0; y < 17; y++)
            for (int x = 0; x < 21; x++)
                for (int c = 0; c < 3; c++) {
                    int sx = x + 3 > 20 ? 20 : x + 3, sy = y - 2 < 0 ? 0 : y - 2;
                    double want = replicate ? pixel(image, sx, sy)[c]
                                            : value_or_black(image, x + 3, y - 2, c);
                    assert_int_equal(pixel(got, x, y)[c], (int)want);
                }
        fm_image_free(got);
    }
    fm_image_free(image);
}

/* A plane is what bilinear sampling reproduces exactly, however it is turned. */
static void test_image_warp_of_a_plane(void **state)
{
    static const double scales[] = {0.3, 1, 1.7, 3.2};
    fm_image *image = NULL;
    (void)state;
    assert_int_equal(fmi_image_new(&image, 200, 200, NULL), FM_OK);
    for (int y = 0; y < 200; y++)
        for (int x = 0; x < 200; x++) {
            image->owned[(y * 200 + x) * 3] = (uint8_t)x;
            image->owned[(y * 200 + x) * 3 + 1] = (uint8_t)y;
            image->owned[(y * 200 + x) * 3 + 2] = (uint8_t)((x + y) / 2);
        }
    for (size_t k = 0; k < sizeof scales / sizeof *scales; k++) {
        double s = scales[k] * 0.8, t = scales[k] * 0.6;
        const double m[6] = {s, -t, 100 - 15 * s + 15 * t, t, s, 100 - 15 * s - 15 * t};
        fm_image *got = NULL;
        assert_int_equal(fmi_image_warp(&got, image, m, 30, 30, 0, NULL), FM_OK);
        for (int y = 0; y < 30; y++)
            for (int x = 0; x < 30; x++) {
                double u = m[0] * (x + 0.5) + m[1] * (y + 0.5) + m[2] - 0.5;
                double v = m[3] * (x + 0.5) + m[4] * (y + 0.5) + m[5] - 0.5;
                assert_true(fabs(pixel(got, x, y)[0] - u) < 0.51);
                assert_true(fabs(pixel(got, x, y)[1] - v) < 0.51);
                assert_true(fabs(pixel(got, x, y)[2] - (u + v) / 2) < 1.01);
            }
        fm_image_free(got);
    }
    fm_image_free(image);
}

/* The mean over the square that one output pixel covers, from many bilinear samples. */
static double supersampled(const fm_image *image, const double m[6], int x, int y, int c)
{
    enum { N = 48 };
    double sum = 0;
    for (int j = 0; j < N; j++)
        for (int i = 0; i < N; i++) {
            double px = x + (i + 0.5) / N, py = y + (j + 0.5) / N;
            double u = m[0] * px + m[1] * py + m[2] - 0.5, v = m[3] * px + m[4] * py + m[5] - 0.5;
            int64_t ix = (int64_t)floor(u), iy = (int64_t)floor(v);
            double fx = u - (double)ix, fy = v - (double)iy;
            sum += (1 - fy) * ((1 - fx) * value_or_black(image, ix, iy, c) +
                               fx * value_or_black(image, ix + 1, iy, c)) +
                   fy * ((1 - fx) * value_or_black(image, ix, iy + 1, c) +
                         fx * value_or_black(image, ix + 1, iy + 1, c));
        }
    return sum / (N * N);
}

/* Noise shrunk without a filter would stay noise: against the reference its error would be near 70.
 */
static void test_image_warp_shrinks_without_aliasing(void **state)
{
    static const double scales[] = {1.6, 2.5, 3.9, 4.1, 6.5, 11, 23};
    static const double tolerance[] = {12, 5.5, 3, 2.5, 4, 3, 2}; /* root mean square */
    fm_image *image = random_image(400, 380, 11);
    (void)state;
    for (size_t k = 0; k < sizeof scales / sizeof *scales; k++) {
        double s = scales[k] * cos(0.4), t = scales[k] * sin(0.4), square = 0;
        const double m[6] = {s, -t, 200 - 8 * s + 8 * t, t, s, 190 - 8 * s - 8 * t};
        fm_image *got = NULL;
        assert_int_equal(fmi_image_warp(&got, image, m, 16, 16, 0, NULL), FM_OK);
        for (int i = 0; i < 16 * 16; i++) {
            double d = pixel(got, i % 16, i / 16)[1] - supersampled(image, m, i % 16, i / 16, 1);
            square += d * d / (16 * 16);
        }
        if (sqrt(square) > tolerance[k])
            fail_msg("scale %g: error of %g, want at most %g", scales[k], sqrt(square),
                     tolerance[k]);
        fm_image_free(got);
    }
    fm_image_free(image);
}

static void test_image_warp_borders(void **state)
{
    static const double far_off[6] = {1, 0, 1e8, 0, 1, -1e8}, small[6] = {40, 0, -90, 0, 40, -90};
    fm_image *image = NULL, *got = NULL;
    (void)state;
    assert_int_equal(fmi_image_new(&image, 101, 101, NULL), FM_OK);
    memset(image->owned, 200, image->owned_size);
    assert_int_equal(fmi_image_warp(&got, image, far_off, 4, 4, 0, NULL), FM_OK);
    assert_int_equal(pixel(got, 2, 2)[0], 0);
    fm_image_free(got);
    assert_int_equal(fmi_image_warp(&got, image, far_off, 4, 4, 1, NULL), FM_OK);
    assert_int_equal(pixel(got, 2, 2)[0], 200);
    fm_image_free(got);
    assert_int_equal(fmi_image_warp(&got, image, small, 7, 7, 1, NULL), FM_OK);
    for (int i = 0; i < 49; i++)
        assert_int_equal(pixel(got, i % 7, i / 7)[0], 200);
    fm_image_free(got);
    assert_int_equal(fmi_image_warp(&got, image, small, 7, 7, 0, NULL), FM_OK);
    assert_int_equal(pixel(got, 0, 0)[0], 0);
    assert_int_equal(pixel(got, 3, 3)[0], 200);
    assert_true(pixel(got, 2, 3)[0] > 60 && pixel(got, 2, 3)[0] < 190);
    fm_image_free(got);
    fm_image_free(image);
}

static void test_image_warp_arguments(void **state)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY, 1e300};
    fm_image *image = random_image(9, 9, 2), *got = NULL;
    fm_error err = new_error();
    (void)state;
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 4; k++) {
            double m[6] = {1, 0, 0, 0, 1, 0};
            m[i] = bad[k];
            fm_assert_status(fmi_image_warp(&got, image, m, 4, 4, 0, &err), FM_E_INVALID_ARGUMENT,
                             &err);
        }
    assert_null(got);
    /* a map onto nothing, and onto far more than there is */
    for (int replicate = 0; replicate < 2; replicate++) {
        const double nothing[6] = {0, 0, 4, 0, 0, 4}, much[6] = {1e9, 0, -2e9, 0, 1e9, -2e9};
        const double thin[6] = {1e6, 0, 0, 0, 1e-6, 4};
        assert_int_equal(fmi_image_warp(&got, image, nothing, 4, 4, replicate, NULL), FM_OK);
        fm_image_free(got);
        assert_int_equal(fmi_image_warp(&got, image, thin, 4, 4, replicate, NULL), FM_OK);
        fm_image_free(got);
        got = NULL;
        assert_int_not_equal(fmi_image_warp(&got, image, much, 4, 4, replicate, NULL),
                             FM_E_INTERNAL);
        fm_image_free(got);
    }
    fm_image_free(image);
}

static void test_image_warp_of_other_formats(void **state)
{
    static const double m[6] = {1.3, -0.4, 5, 0.4, 1.3, 2};
    fm_image *rgb = random_image(40, 40, 12), *view = NULL, *a = NULL, *b = NULL;
    uint8_t swapped[40 * 40 * 3];
    (void)state;
    for (int i = 0; i < 40 * 40 * 3; i++)
        swapped[i] = rgb->owned[i / 3 * 3 + 2 - i % 3];
    assert_int_equal(
        fm_image_from_pixels(&view, swapped, sizeof swapped, 40, 40, 0, FM_PIXEL_BGR8, NULL),
        FM_OK);
    assert_int_equal(fmi_image_warp(&a, rgb, m, 20, 20, 1, NULL), FM_OK);
    assert_int_equal(fmi_image_warp(&b, view, m, 20, 20, 1, NULL), FM_OK);
    assert_pixels(b, a->owned, 20, 20, 1);
    fm_image_free(a);
    fm_image_free(b);
    fm_image_free(view);
    fm_image_free(rgb);
}

/* --- drawing --------------------------------------------------------------------------------- */

static size_t changed(const fm_image *a, const fm_image *b)
{
    size_t count = 0;
    for (int y = 0; y < a->height; y++)
        for (int x = 0; x < a->width; x++)
            count += memcmp(pixel(a, x, y), pixel(b, x, y), 3) != 0;
    return count;
}

static void test_image_draw_faces(void **state)
{
    const fm_face faces[2] = {
        {20, 30, 40, 50, 1, {30, 40, 50, 40, 40, 55, 32, 70, 48, 70}},
        {120, 100, 60, 70, 1, {130, 120, 160, 120, 150, 140, 135, 160, 165, 160}},
    };
    fm_image *image = NULL, *drawn = NULL;
    (void)state;
    assert_int_equal(fmi_image_new(&image, 250, 200, NULL), FM_OK);
    assert_int_equal(fm_image_draw_faces(&drawn, image, faces, 2, NULL), FM_OK);
    assert_memory_not_equal(pixel(drawn, 40, 30), "\0\0\0", 3);   /* top edge */
    assert_memory_not_equal(pixel(drawn, 40, 79), "\0\0\0", 3);   /* bottom edge */
    assert_memory_not_equal(pixel(drawn, 20, 50), "\0\0\0", 3);   /* left edge */
    assert_memory_not_equal(pixel(drawn, 59, 50), "\0\0\0", 3);   /* right edge */
    assert_memory_not_equal(pixel(drawn, 30, 40), "\0\0\0", 3);   /* left eye */
    assert_memory_not_equal(pixel(drawn, 165, 160), "\0\0\0", 3); /* a mouth corner */
    assert_memory_equal(pixel(drawn, 25, 35), "\0\0\0", 3);
    assert_memory_equal(pixel(drawn, 61, 50), "\0\0\0", 3);
    assert_memory_not_equal(pixel(drawn, 40, 30), pixel(drawn, 140, 100), 3);
    assert_int_equal(changed(image, image), 0);
    fm_image_free(drawn);
    assert_int_equal(fm_image_draw_faces(&drawn, image, NULL, 0, NULL), FM_OK);
    assert_int_equal(changed(image, drawn), 0);
    fm_image_free(drawn);
    fm_image_free(image);
}

static size_t pixels_of_a_box(int32_t size)
{
    fm_face face = {(float)size / 4, (float)size / 4, (float)size / 2, (float)size / 2, 1, {0}};
    fm_image *image = NULL, *drawn = NULL;
    size_t count;
    assert_int_equal(fmi_image_new(&image, size, size, NULL), FM_OK);
    assert_int_equal(fm_image_draw_faces(&drawn, image, &face, 1, NULL), FM_OK);
    count = changed(image, drawn);
    fm_image_free(drawn);
    fm_image_free(image);
    return count;
}

static void test_image_draw_lines_scale_with_the_image(void **state)
{
    size_t small = pixels_of_a_box(400), large = pixels_of_a_box(1600);
    (void)state;
    assert_true(small > 400 * 2 * 2 * 0.9);
    assert_true(large > small * 14); /* four times as long and as thick */
}

static void test_image_draw_clips(void **state)
{
    static const float values[] = {-3e38f, -1e10f, -5, 0, 10.5f, 31.9f, 32, 1e10f, 3e38f};
    enum { N = sizeof values / sizeof *values };
    fm_image *image = random_image(32, 24, 13), *drawn = NULL;
    fm_error err = new_error();
    (void)state;
    for (int i = 0; i < N * N; i++) {
        fm_face face = {values[i % N], values[i / N], values[i / N], values[i % N], 1, {0}};
        for (int p = 0; p < 10; p++)
            face.points[p] = values[(i + p) % N];
        fm_assert_status(fm_image_draw_faces(&drawn, image, &face, 1, &err), FM_OK, &err);
        fm_image_free(drawn);
    }
    drawn = NULL;
    for (int field = 0; field < 14; field++) {
        fm_face face = {1, 1, 9, 9, 1, {0}};
        float *fields[] = {&face.x, &face.y, &face.width, &face.height};
        *(field < 4 ? fields[field] : &face.points[field - 4]) = field % 2 ? NAN : INFINITY;
        fm_assert_status(fm_image_draw_faces(&drawn, image, &face, 1, &err), FM_E_INVALID_ARGUMENT,
                         &err);
    }
    fm_assert_status(fm_image_draw_faces(&drawn, image, NULL, 1, &err), FM_E_INVALID_ARGUMENT,
                     &err);
    fm_assert_status(fm_image_draw_faces(&drawn, NULL, NULL, 0, &err), FM_E_INVALID_ARGUMENT, &err);
    fm_assert_status(fm_image_draw_faces(NULL, image, NULL, 0, &err), FM_E_INVALID_ARGUMENT, &err);
    assert_null(drawn);
    fm_image_free(image);
}

/* --- running out of memory ------------------------------------------------------------------- */

/* Let each allocation in turn fail, until none does. */
static void exhaust(fm_status (*work)(void))
{
    long blocks = fmi_memory_live_blocks();
    fm_status status = FM_E_NO_MEMORY;
    long k = 0;
    for (; status == FM_E_NO_MEMORY; k++) {
        fmi_memory_fail_after(k);
        status = work();
        fmi_memory_fail_after(-1);
        assert_int_equal(fmi_memory_live_blocks(), blocks);
    }
    assert_int_equal(status, FM_OK);
    assert_true(k > 1);
}

static fm_status load_file_bytes(void)
{
    fm_image *image = NULL;
    fm_error err = {sizeof err, 0, ""};
    fm_status status = fm_image_load_memory(&image, file.data, file.size, NULL, &err);
    assert_int_equal(image != NULL, status == FM_OK);
    if (status == FM_E_NO_MEMORY)
        assert_string_equal(err.message, "out of memory");
    fm_image_free(image);
    return status;
}

static fm_status load_a_file(void)
{
    char path[256];
    fm_image *image = NULL;
    fm_test_path(path, sizeof path, &folder, "memory.png");
    fm_status status = fm_image_load_file(&image, path, NULL, NULL);
    fm_image_free(image);
    return status;
}

static fm_image *subject;

static fm_status save_png(void)
{
    char path[256];
    return fm_image_save_file(subject, fm_test_path(path, sizeof path, &folder, "memory.png"),
                              NULL);
}

static fm_status save_jpeg(void)
{
    char path[256];
    return fm_image_save_file(subject, fm_test_path(path, sizeof path, &folder, "memory.jpg"),
                              NULL);
}

static fm_status process(void)
{
    static const double m[6] = {5, 1, 0, -1, 5, 9};
    float out[3 * 4];
    fmi_planes to = {out, 4, 2, {0, 0, 0}, {1, 1, 1}, 0};
    fm_image *warped = NULL, *resized = NULL, *drawn = NULL;
    fm_status status = fmi_image_warp(&warped, subject, m, 8, 8, 0, NULL);
    if (status == FM_OK)
        status = fmi_image_resize(&resized, subject, 9, 9, NULL);
    if (status == FM_OK)
        status = fm_image_draw_faces(&drawn, subject, NULL, 0, NULL);
    if (status == FM_OK)
        status = fmi_image_area_planes(subject, 0, 0, 9, 9, 2, 2, &to, NULL);
    fm_image_free(warped);
    fm_image_free(resized);
    fm_image_free(drawn);
    return status;
}

static void test_image_every_allocation_may_fail(void **state)
{
    bytes app1;
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        make(&file, kind, painted, W, H);
        if (kind == JPEG) {
            make_app1(&app1, 1, 6);
            insert(&file, 2, &app1);
        }
        exhaust(load_file_bytes);
    }
    begin_png(&file, 2, 1, 16, 6);
    raw.size = 0;
    put(&raw, "\0\1\2\3\4\5\6\7\x08\1\2\3\4\5\6\7\x08", 17);
    end_png(&file);
    exhaust(load_file_bytes);
    subject = random_image(14, 12, 14);
    exhaust(save_png);
    exhaust(save_jpeg);
    exhaust(load_a_file);
    exhaust(process);
    fm_image_free(subject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image_loads_every_format),
        cmocka_unit_test(test_image_loads_one_pixel),
        cmocka_unit_test(test_image_truncation_is_an_error),
        cmocka_unit_test(test_image_tolerates_bytes_behind_the_end),
        cmocka_unit_test(test_image_jpeg_cut_within_a_later_scan_or_after_a_thumbnail),
        cmocka_unit_test(test_image_refuses_what_is_no_picture),
        cmocka_unit_test(test_image_corrupt_bytes_never_crash),
        cmocka_unit_test(test_image_png_of_every_depth),
        cmocka_unit_test(test_image_grey_with_and_without_alpha),
        cmocka_unit_test(test_image_bmp_variants),
        cmocka_unit_test(test_image_pnm_is_scaled_to_its_maximum),
        cmocka_unit_test(test_image_jpeg_channels),
        cmocka_unit_test(test_image_jpeg_variants_that_are_not_read),
        cmocka_unit_test(test_image_every_exif_orientation),
        cmocka_unit_test(test_image_png_exif_orientation),
        cmocka_unit_test(test_image_corrupt_exif_is_ignored),
        cmocka_unit_test(test_image_limit_of_pixels_comes_before_memory),
        cmocka_unit_test(test_image_limits_of_every_format),
        cmocka_unit_test(test_image_png_bomb),
        cmocka_unit_test(test_image_jpeg_with_too_many_scans),
        cmocka_unit_test(test_image_options_are_checked),
        cmocka_unit_test(test_image_file_messages_name_the_file),
        cmocka_unit_test(test_image_save_round_trip),
        cmocka_unit_test(test_image_save_failures),
        cmocka_unit_test(test_image_borrowed_formats_and_strides),
        cmocka_unit_test(test_image_borrowed_arguments),
        cmocka_unit_test(test_image_area_bins),
        cmocka_unit_test(test_image_area_of_other_formats),
        cmocka_unit_test(test_image_area_of_extremes),
        cmocka_unit_test(test_image_to_planes),
        cmocka_unit_test(test_image_resize_identity),
        cmocka_unit_test(test_image_resize_against_reference),
        cmocka_unit_test(test_image_warp_identity_and_shift),
        cmocka_unit_test(test_image_warp_of_a_plane),
        cmocka_unit_test(test_image_warp_shrinks_without_aliasing),
        cmocka_unit_test(test_image_warp_borders),
        cmocka_unit_test(test_image_warp_arguments),
        cmocka_unit_test(test_image_warp_of_other_formats),
        cmocka_unit_test(test_image_draw_faces),
        cmocka_unit_test(test_image_draw_lines_scale_with_the_image),
        cmocka_unit_test(test_image_draw_clips),
        cmocka_unit_test(test_image_every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("image", tests, setup, teardown);
}
