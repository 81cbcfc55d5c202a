#include "face/candidates.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

static bool is_finite(const fmi_candidate *c)
{
    bool finite = isfinite(c->left) && isfinite(c->top) && isfinite(c->right) &&
                  isfinite(c->bottom) && isfinite(c->score);
    for (int i = 0; i < 4; i++)
        finite = finite && isfinite(c->shift[i]);
    for (int i = 0; i < 10; i++)
        finite = finite && isfinite(c->points[i]);
    return finite;
}

static fm_status make_room(fmi_candidates *list, size_t most, fm_error *err)
{
    size_t capacity = list->capacity ? 2 * list->capacity : FIRST_CAPACITY;
    fmi_candidate *items;
    if (list->count < list->capacity)
        return FM_OK;
    if (list->count >= most) {
        fmi_candidates_sort(list, most / 2);
        return FM_OK;
    }
    if (capacity > most)
        capacity = most;
    items = fmi_realloc(list->items, capacity * sizeof *items);
    if (!items)
        return fmi_fail_memory(err);
    list->items = items;
    list->capacity = capacity;
    return FM_OK;
}

fm_status fmi_candidates_add(fmi_candidates *list, const fmi_candidate *candidate, size_t most,
                             fm_error *err)
{
    fm_status status;
    if (!is_finite(candidate))
        return fmi_fail(err, FM_E_BACKEND, "the detector gave a value that is not finite");
    status = make_room(list, most, err);
    if (status == FM_OK)
        list->items[list->count++] = *candidate;
    return status;
}

static int compare(const void *left, const void *right)
{
    const fmi_candidate *a = left, *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->level != b->level)
        return a->level < b->level ? -1 : 1;
    if (a->top != b->top)
        return a->top < b->top ? -1 : 1;
    return (a->left > b->left) - (a->left < b->left);
}

void fmi_candidates_sort(fmi_candidates *list, size_t most)
{
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, compare);
    if (list->count > most)
        list->count = most;
}

/* `last_pixel` 1 counts the pixel that the right and bottom corner lie on. */
static float area(const fmi_candidate *c, float last_pixel)
{
    return (c->right - c->left + last_pixel) * (c->bottom - c->top + last_pixel);
}

static float shared_area(const fmi_candidate *a, const fmi_candidate *b, float last_pixel)
{
    float width = fminf(a->right, b->right) - fmaxf(a->left, b->left) + last_pixel;
    float height = fminf(a->bottom, b->bottom) - fmaxf(a->top, b->top) + last_pixel;
    return fmaxf(width, 0) * fmaxf(height, 0);
}

static bool covers(const fmi_candidate *a, const fmi_candidate *b, double threshold,
                   fmi_overlap overlap)
{
    float last_pixel = overlap == FMI_OVERLAP_SMALLER ? 1 : 0;
    float shared, of;
    if (overlap == FMI_OVERLAP_UNION_LEVELS && a->level != b->level)
        return false;
    shared = shared_area(a, b, last_pixel);
    if (shared <= 0)
        return false;
    of = overlap == FMI_OVERLAP_SMALLER ? fminf(area(a, last_pixel), area(b, last_pixel))
                                        : area(a, last_pixel) + area(b, last_pixel) - shared;
    return shared > threshold * of;
}

void fmi_candidates_thin(fmi_candidates *list, double threshold, fmi_overlap overlap)
{
    size_t kept = 0;
    fmi_candidates_sort(list, list->count);
    for (size_t i = 0; i < list->count; i++) {
        size_t k = 0;
        while (k < kept && !covers(&list->items[k], &list->items[i], threshold, overlap))
            k++;
        if (k == kept)
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

void fmi_candidates_square(fmi_candidates *list)
{
    for (size_t i = 0; i < list->count; i++) {
        fmi_candidate *c = &list->items[i];
        float width = c->right - c->left, height = c->bottom - c->top;
        float side = fmaxf(width, height);
        c->left += (width - side) / 2;
        c->top += (height - side) / 2;
        c->right = c->left + side;
        c->bottom = c->top + side;
    }
}

void fmi_candidates_dispose(fmi_candidates *list)
{
    fmi_free(list->items);
    list->items = NULL;
    list->count = list->capacity = 0;
}
