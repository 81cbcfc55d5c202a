#include "face/pyramid.h"
#include "core/error.h"
#include "core/memory.h"
#include <stdlib.h>
#include <string.h>

/* Neighbouring tiles share this much, so that every window lies whole in exactly one of them. */
enum { OVERLAP = FMI_CELL - FMI_STRIDE };

/* Every size of sheet there is, by rising area. 168x76 holds the pyramid of a 250x250 photograph
 * and a smallest face of 40 px. On larger sheets the network is slower: its first layer takes 17
 * times the memory of its input. */
static const struct {
    int32_t width, height;
} SHEETS[] = {{32, 32},  {64, 32},  {64, 64},   {96, 64},  {128, 64},
              {112, 96}, {168, 76}, {128, 128}, {168, 168}};
enum { SHEET_SIZES = sizeof SHEETS / sizeof *SHEETS, LARGEST = SHEET_SIZES - 1, SHEET_SIDE = 168 };

/* How far down each pair of columns of a sheet is taken. */
typedef struct skyline {
    int32_t width, height;
    int32_t free_area;
    int32_t taken[SHEET_SIDE / 2];
} skyline;

static int32_t round_up_even(int32_t size)
{
    return size + (size & 1);
}

static int32_t area(const fmi_tile *tile)
{
    return tile->width * tile->height;
}

static void plan_levels(fmi_pyramid *pyramid, int32_t width, int32_t height, int32_t min_face_px,
                        double factor)
{
    double scale = (double)FMI_CELL / min_face_px;
    double shorter = (width < height ? width : height) * scale;
    for (; shorter >= FMI_CELL && pyramid->level_count < FMI_LEVELS_MAX; shorter *= factor) {
        fmi_level *level = &pyramid->levels[pyramid->level_count++];
        level->scale = scale;
        level->width = (int32_t)(width * scale + 1);
        level->height = (int32_t)(height * scale + 1);
        scale *= factor;
    }
}

/* Tiles along one side of a level. */
static size_t count_along(int32_t size)
{
    int32_t beyond = round_up_even(size) - SHEET_SIDE;
    return beyond <= 0 ? 1 : 1 + (size_t)((beyond - 1) / (SHEET_SIDE - OVERLAP) + 1);
}

static void cut_level(fmi_tile *tiles, size_t *count, const fmi_level *level, int32_t index)
{
    const int32_t step = SHEET_SIDE - OVERLAP;
    int32_t columns = (int32_t)count_along(level->width);
    int32_t rows = (int32_t)count_along(level->height);
    for (int32_t row = 0; row < rows; row++) {
        for (int32_t column = 0; column < columns; column++) {
            fmi_tile *tile = &tiles[(*count)++];
            int32_t width = round_up_even(level->width) - column * step;
            int32_t height = round_up_even(level->height) - row * step;
            memset(tile, 0, sizeof *tile);
            tile->level = index;
            tile->x = column * step;
            tile->y = row * step;
            tile->width = width < SHEET_SIDE ? width : SHEET_SIDE;
            tile->height = height < SHEET_SIDE ? height : SHEET_SIDE;
        }
    }
}

/* Tall ones first: they are the hardest to place. Then by level and place, for a definite order. */
static int compare_tiles(const void *left, const void *right)
{
    const fmi_tile *a = left, *b = right;
    if (a->height != b->height)
        return a->height > b->height ? -1 : 1;
    if (a->width != b->width)
        return a->width > b->width ? -1 : 1;
    if (a->level != b->level)
        return a->level < b->level ? -1 : 1;
    if (a->y != b->y)
        return a->y < b->y ? -1 : 1;
    return (a->x > b->x) - (a->x < b->x);
}

static void clear_skyline(skyline *sky, size_t sheet_size)
{
    memset(sky, 0, sizeof *sky);
    sky->width = SHEETS[sheet_size].width;
    sky->height = SHEETS[sheet_size].height;
    sky->free_area = sky->width * sky->height;
}

static int32_t highest_taken(const skyline *sky, int32_t x, int32_t width)
{
    int32_t y = 0;
    for (int32_t column = x / 2; column < (x + width) / 2; column++)
        if (sky->taken[column] > y)
            y = sky->taken[column];
    return y;
}

/* Put the tile as high up as it goes, then as far left; false when there is no room. */
static bool place(skyline *sky, fmi_tile *tile)
{
    int32_t best_y = sky->height, best_x = -1;
    if (area(tile) > sky->free_area)
        return false;
    for (int32_t x = 0; x + tile->width <= sky->width; x += 2) {
        int32_t y = highest_taken(sky, x, tile->width);
        if (y < best_y && y + tile->height <= sky->height) {
            best_y = y;
            best_x = x;
        }
    }
    if (best_x < 0)
        return false;
    tile->sheet_x = best_x;
    tile->sheet_y = best_y;
    sky->free_area -= area(tile);
    for (int32_t column = best_x / 2; column < (best_x + tile->width) / 2; column++)
        sky->taken[column] = best_y + tile->height;
    return true;
}

/* Move the tiles that go on one sheet of this size to the front; returns how many. */
static size_t fill_sheet(fmi_tile *tiles, size_t count, size_t sheet_size)
{
    skyline sky;
    size_t placed = 0;
    clear_skyline(&sky, sheet_size);
    for (size_t i = 0; i < count && sky.free_area >= FMI_CELL * FMI_CELL; i++) {
        if (place(&sky, &tiles[i])) {
            fmi_tile tile = tiles[i];
            memmove(&tiles[placed + 1], &tiles[placed], (i - placed) * sizeof tile);
            tiles[placed++] = tile;
        }
    }
    return placed;
}

/* The smallest sheet that takes all of the tiles, else the largest with what it takes. */
static size_t choose_sheet(fmi_tile *tiles, size_t count, int64_t total_area, size_t *placed)
{
    for (size_t size = 0; size < SHEET_SIZES; size++) {
        if (total_area > (int64_t)SHEETS[size].width * SHEETS[size].height)
            continue;
        *placed = fill_sheet(tiles, count, size);
        if (*placed == count)
            return size;
        qsort(tiles, count, sizeof *tiles, compare_tiles);
    }
    *placed = fill_sheet(tiles, count, LARGEST);
    return LARGEST;
}

static void lay_out(fmi_pyramid *pyramid)
{
    fmi_tile *tiles = pyramid->tiles;
    int64_t total_area = 0;
    qsort(tiles, pyramid->tile_count, sizeof *tiles, compare_tiles);
    for (size_t i = 0; i < pyramid->tile_count; i++)
        total_area += area(&tiles[i]);
    for (size_t done = 0, placed; done < pyramid->tile_count; done += placed) {
        fmi_sheet *sheet = &pyramid->sheets[pyramid->sheet_count++];
        size_t size = choose_sheet(tiles + done, pyramid->tile_count - done, total_area, &placed);
        sheet->width = SHEETS[size].width;
        sheet->height = SHEETS[size].height;
        sheet->first_tile = done;
        sheet->tile_count = placed;
        for (size_t i = done; i < done + placed; i++)
            total_area -= area(&tiles[i]);
    }
}

fm_status fmi_pyramid_plan(fmi_pyramid *out, int32_t width, int32_t height, int32_t min_face_px,
                           double factor, fm_error *err)
{
    fmi_pyramid pyramid;
    size_t tiles = 0;
    memset(&pyramid, 0, sizeof pyramid);
    plan_levels(&pyramid, width, height, min_face_px, factor);
    for (size_t i = 0; i < pyramid.level_count; i++)
        tiles += count_along(pyramid.levels[i].width) * count_along(pyramid.levels[i].height);
    pyramid.tiles = fmi_alloc_array(tiles, sizeof *pyramid.tiles);
    pyramid.sheets = fmi_alloc_array(tiles, sizeof *pyramid.sheets);
    if (!pyramid.tiles || !pyramid.sheets) {
        fmi_pyramid_dispose(&pyramid);
        return fmi_fail_memory(err);
    }
    for (size_t i = 0; i < pyramid.level_count; i++)
        cut_level(pyramid.tiles, &pyramid.tile_count, &pyramid.levels[i], (int32_t)i);
    lay_out(&pyramid);
    *out = pyramid;
    return FM_OK;
}

void fmi_pyramid_dispose(fmi_pyramid *pyramid)
{
    fmi_free(pyramid->tiles);
    fmi_free(pyramid->sheets);
    memset(pyramid, 0, sizeof *pyramid);
}
