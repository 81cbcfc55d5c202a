/* The first stage: the smallest network looks at every window of every scaled copy of the image. */
#include "core/error.h"
#include "core/memory.h"
#include "face/detect.h"
#include "face/pyramid.h"
#include <math.h>
#include <string.h>

/* Planes of the network's output: how certain, then how far each corner should move. */
enum { OUTPUTS = 5 };

typedef struct sheet_memory {
    float *in, *out;
    size_t in_size, out_size; /* bytes */
} sheet_memory;

static int32_t windows_along(int32_t size)
{
    return (size - FMI_CELL) / FMI_STRIDE + 1;
}

static size_t windows_of(const fmi_sheet *sheet)
{
    return (size_t)windows_along(sheet->width) * (size_t)windows_along(sheet->height);
}

static fm_status open_memory(sheet_memory *memory, const fmi_pyramid *pyramid, fm_error *err)
{
    for (size_t i = 0; i < pyramid->sheet_count; i++) {
        const fmi_sheet *sheet = &pyramid->sheets[i];
        size_t in = 3 * (size_t)sheet->width * (size_t)sheet->height * sizeof(float);
        size_t out = OUTPUTS * windows_of(sheet) * sizeof(float);
        memory->in_size = in > memory->in_size ? in : memory->in_size;
        memory->out_size = out > memory->out_size ? out : memory->out_size;
    }
    /* zeroed once: between the tiles there may be anything, but it must be a number */
    memory->in = fmi_calloc(1, memory->in_size);
    memory->out = fmi_alloc(memory->out_size);
    return memory->in && memory->out ? FM_OK : fmi_fail_memory(err);
}

static void close_memory(sheet_memory *memory)
{
    if (memory->in)
        fmi_free_wiped(memory->in, memory->in_size);
    fmi_free(memory->out);
}

static void draw_sheet(const fm_session *session, const fmi_shrinker *shrinker,
                       const fmi_pyramid *pyramid, const fmi_sheet *sheet, float *in)
{
    size_t row = (size_t)sheet->width, plane = row * (size_t)sheet->height;
    for (size_t i = 0; i < sheet->tile_count; i++) {
        const fmi_tile *tile = &pyramid->tiles[sheet->first_tile + i];
        float *corner = in + (size_t)tile->sheet_y * row + tile->sheet_x;
        fmi_planes planes = fmi_detector_planes(session, corner, plane, row);
        fmi_shrinker_draw(shrinker, &pyramid->levels[tile->level], tile, &planes);
    }
}

/* The window of a level as a box of the image. */
static fmi_candidate window_box(const fmi_level *level, int32_t index, int32_t x, int32_t y)
{
    const float scale = (float)level->scale;
    fmi_candidate c;
    memset(&c, 0, sizeof c);
    c.left = floorf((float)(x + 1) / scale);
    c.top = floorf((float)(y + 1) / scale);
    c.right = floorf((float)(x + FMI_CELL) / scale);
    c.bottom = floorf((float)(y + FMI_CELL) / scale);
    c.level = index;
    return c;
}

static fm_status read_tile(fmi_candidates *list, const fmi_pyramid *pyramid, const fmi_sheet *sheet,
                           const fmi_tile *tile, const float *out, float threshold, fm_error *err)
{
    size_t row = (size_t)windows_along(sheet->width), plane = windows_of(sheet);
    int32_t columns = windows_along(tile->width), rows = windows_along(tile->height);
    for (int32_t i = 0; i < rows; i++) {
        const float *cell =
            out + (size_t)(tile->sheet_y / FMI_STRIDE + i) * row + tile->sheet_x / FMI_STRIDE;
        for (int32_t j = 0; j < columns; j++, cell++) {
            fmi_candidate c;
            fm_status status;
            if (!(*cell >= threshold))
                continue;
            c = window_box(&pyramid->levels[tile->level], tile->level, tile->x + FMI_STRIDE * j,
                           tile->y + FMI_STRIDE * i);
            c.score = *cell;
            for (size_t k = 0; k < 4; k++)
                c.shift[k] = cell[(k + 1) * plane];
            status = fmi_candidates_add(list, &c, FMI_WINDOWS_MOST, err);
            if (status != FM_OK)
                return status;
        }
    }
    return FM_OK;
}

static fm_status run_sheet(fm_session *session, const fmi_pyramid *pyramid, const fmi_sheet *sheet,
                           const sheet_memory *memory, fmi_candidates *list, fm_error *err)
{
    const fmi_manifest *manifest = &session->detector->manifest;
    const int64_t shape[4] = {1, 3, sheet->height, sheet->width};
    fm_status status =
        session->detector->backend->run(session->pnet, session->options.threads, memory->in, shape,
                                        memory->out, OUTPUTS * windows_of(sheet), err);
    for (size_t i = 0; i < sheet->tile_count && status == FM_OK; i++)
        status = read_tile(list, pyramid, sheet, &pyramid->tiles[sheet->first_tile + i],
                           memory->out, (float)manifest->detector.thresholds[0], err);
    return status;
}

static fm_status run_pyramid(fm_session *session, const fmi_pyramid *pyramid, const fm_image *image,
                             fmi_candidates *list, fm_error *err)
{
    sheet_memory memory = {NULL, NULL, 0, 0};
    fmi_shrinker shrinker;
    fm_status status = fmi_shrinker_init(&shrinker, image, err);
    if (status != FM_OK)
        return status;
    status = open_memory(&memory, pyramid, err);
    for (size_t i = 0; i < pyramid->sheet_count && status == FM_OK; i++) {
        draw_sheet(session, &shrinker, pyramid, &pyramid->sheets[i], memory.in);
        status = run_sheet(session, pyramid, &pyramid->sheets[i], &memory, list, err);
    }
    close_memory(&memory);
    fmi_shrinker_dispose(&shrinker);
    return status;
}

/* Move the corners as the network said, here in plain widths and heights. */
static void apply_shifts(fmi_candidates *list)
{
    for (size_t i = 0; i < list->count; i++) {
        fmi_candidate *c = &list->items[i];
        float width = c->right - c->left, height = c->bottom - c->top;
        c->left += c->shift[0] * width;
        c->top += c->shift[1] * height;
        c->right += c->shift[2] * width;
        c->bottom += c->shift[3] * height;
    }
}

fm_status fmi_propose(fm_session *session, const fm_image *image, fmi_candidates *list,
                      fm_error *err)
{
    const fmi_manifest *manifest = &session->detector->manifest;
    fmi_pyramid pyramid;
    fm_status status =
        fmi_pyramid_plan(&pyramid, image->width, image->height, session->options.min_face_px,
                         manifest->detector.factor, err);
    if (status != FM_OK)
        return status;
    if (pyramid.sheet_count > 0)
        status = run_pyramid(session, &pyramid, image, list, err);
    fmi_pyramid_dispose(&pyramid);
    if (status != FM_OK)
        return status;
    fmi_candidates_thin(list, manifest->detector.nms[0], FMI_OVERLAP_UNION_LEVELS);
    fmi_candidates_thin(list, manifest->detector.nms[1], FMI_OVERLAP_UNION);
    fmi_candidates_sort(list, FMI_BOXES_MOST);
    apply_shifts(list);
    fmi_candidates_square(list);
    return FM_OK;
}
