/* The first stage's view of an image: scaled copies ("levels") cut into tiles, and the tiles laid
 * out on sheets of a few fixed sizes.
 *
 * The engine keeps memory for every shape of input it has ever seen. Running the network on sheets
 * instead of on levels makes that a handful of shapes, whatever sizes the photographs have, and one
 * run in place of half a dozen. */
#ifndef FMI_PYRAMID_H
#define FMI_PYRAMID_H

#include "image/image.h"

/* What the first network looks at: windows of FMI_CELL pixels, one every FMI_STRIDE pixels. */
enum { FMI_CELL = 12, FMI_STRIDE = 2 };

/* Scaled copies that are looked at: enough for the largest image at any scale factor up to 0.9. */
enum { FMI_LEVELS_MAX = 96 };

typedef struct fmi_level {
    double scale; /* level pixels per image pixel */
    int32_t width, height;
} fmi_level;

/* A part of a level and its place on a sheet. All coordinates and sizes are even, so the windows of
 * the level and of the sheet coincide. A level of odd size is continued by one pixel. */
typedef struct fmi_tile {
    int32_t level;
    int32_t x, y, width, height;
    int32_t sheet_x, sheet_y;
} fmi_tile;

typedef struct fmi_sheet {
    int32_t width, height;
    size_t first_tile, tile_count;
} fmi_sheet;

typedef struct fmi_pyramid {
    fmi_level levels[FMI_LEVELS_MAX];
    fmi_tile *tiles;
    fmi_sheet *sheets;
    size_t level_count, tile_count, sheet_count; /* all 0 when no face of that size fits */
} fmi_pyramid;

/* factor: from one level to the next, 0 < factor < 1. */
fm_status fmi_pyramid_plan(fmi_pyramid *out, int32_t width, int32_t height, int32_t min_face_px,
                           double factor, fm_error *err);
void fmi_pyramid_dispose(fmi_pyramid *pyramid);

/* shrink.c: working memory for drawing tiles of an image */
typedef struct fmi_shrinker {
    const fm_image *image;
    uint8_t *row;
    uint32_t *sums;
} fmi_shrinker;

fm_status fmi_shrinker_init(fmi_shrinker *out, const fm_image *image, fm_error *err);
void fmi_shrinker_dispose(fmi_shrinker *shrinker);
/* Draw the pixels of a tile: averages of the image over each pixel's cell, as
 * fmi_image_area_planes of the whole image would give for this part of the level. */
void fmi_shrinker_draw(const fmi_shrinker *shrinker, const fmi_level *level, const fmi_tile *tile,
                       const fmi_planes *to);

#endif
