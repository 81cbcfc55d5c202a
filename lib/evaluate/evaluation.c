#include "evaluate/evaluation.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, PASSES = 3 };
#define SIGN 0x80000000u

uint32_t fmi_key_of(float score)
{
    uint32_t bits;
    if (isnan(score))
        return 0;
    score += 0.0f; /* -0 becomes 0, of which it is no neighbour */
    memcpy(&bits, &score, sizeof bits);
    return bits & SIGN ? ~bits : bits | SIGN;
}

float fmi_key_score(uint32_t key)
{
    uint32_t bits = key & SIGN ? key & ~SIGN : ~key;
    float score;
    memcpy(&score, &bits, sizeof score);
    return key ? score : NAN;
}

/* A larger block, the old one wiped; NULL: as it was. */
static void *moved(void *old, size_t used, size_t room, size_t size)
{
    void *block = fmi_alloc_array(room, size);
    if (block && used)
        memcpy(block, old, used * size);
    if (block)
        fmi_free_wiped(old, used * size);
    return block;
}

static bool reserve(fmi_side *side, size_t more, bool with_people)
{
    size_t need = side->n + more, room = side->room ? side->room : 1024;
    void *keys, *people = NULL;
    if (need <= side->room)
        return true;
    while (room < need)
        room *= 2;
    keys = moved(side->keys, side->n, room, sizeof *side->keys);
    if (!keys)
        return false;
    side->keys = keys; /* the room of both counts only when both have it */
    if (with_people) {
        people = moved(side->people, side->n, room, sizeof *side->people);
        if (!people)
            return false;
        side->people = people;
    }
    side->room = room;
    return true;
}

static void append_one(fm_evaluation *e, float score, fmi_side *side, uint64_t people)
{
    bool failed = isnan(score);
    side->failed += failed;
    if (failed && e->failures == FM_FAILURES_LEAVE_OUT)
        return;
    if (side->people)
        side->people[side->n] = people;
    side->keys[side->n++] = fmi_key_of(score);
}

fm_status fmi_evaluation_append(fm_evaluation *e, const float *scores, const uint8_t *genuine,
                                const int32_t *first, const int32_t *second, size_t n,
                                fm_error *err)
{
    size_t of_kind[2] = {0, 0};
    for (size_t i = 0; i < n; i++)
        of_kind[genuine[i]]++;
    for (int k = 0; k < 2; k++)
        if (!reserve(&e->sides[k], of_kind[k], first != NULL))
            return fmi_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        uint64_t people = first ? (uint64_t)first[i] << 32 | (uint32_t)second[i] : 0;
        append_one(e, scores[i], &e->sides[genuine[i]], people);
        if (first && (size_t)first[i] >= e->people_room)
            e->people_room = (size_t)first[i] + 1;
        if (first && (size_t)second[i] >= e->people_room)
            e->people_room = (size_t)second[i] + 1;
    }
    e->with_people = first != NULL;
    e->added += n;
    e->sorted = e->sorted && n == 0;
    return FM_OK;
}

/* One pass of a radix sort, from the lowest digit up. */
static void sort_by_digit(const fmi_side *from, fmi_side *to, int pass)
{
    size_t starts[DIGITS] = {0}, at = 0;
    int shift = pass * DIGIT_BITS;
    for (size_t i = 0; i < from->n; i++)
        starts[from->keys[i] >> shift & (DIGITS - 1)]++;
    for (size_t d = 0; d < DIGITS; d++) {
        size_t count = starts[d];
        starts[d] = at;
        at += count;
    }
    for (size_t i = 0; i < from->n; i++) {
        size_t place = starts[from->keys[i] >> shift & (DIGITS - 1)]++;
        to->keys[place] = from->keys[i];
        if (from->people)
            to->people[place] = from->people[i];
    }
}

static void free_arrays(fmi_side *side)
{
    if (side->keys)
        fmi_free_wiped(side->keys, side->n * sizeof *side->keys);
    fmi_free(side->people);
}

static fm_status sort_side(fmi_side *side, fm_error *err)
{
    fmi_side other = *side, swap;
    other.room = side->n;
    other.keys = fmi_alloc_array(side->n, sizeof *other.keys);
    other.people = side->people ? fmi_alloc_array(side->n, sizeof *other.people) : NULL;
    if (!other.keys || (side->people && !other.people)) {
        fmi_free(other.keys);
        fmi_free(other.people);
        return fmi_fail_memory(err);
    }
    for (int pass = 0; pass < PASSES; pass++) {
        sort_by_digit(side, &other, pass);
        swap = *side;
        *side = other;
        other = swap;
    }
    free_arrays(&other);
    return FM_OK;
}

static fm_status count_trials(fm_evaluation *e, fmi_side *side, fm_error *err)
{
    fmi_free(side->trials);
    side->trials = fmi_calloc(e->people_room, sizeof *side->trials);
    if (!side->trials)
        return fmi_fail_memory(err);
    for (size_t i = 0; i < side->n; i++) {
        uint32_t first = (uint32_t)(side->people[i] >> 32), second = (uint32_t)side->people[i];
        side->trials[first]++;
        if (second != first)
            side->trials[second]++;
    }
    return FM_OK;
}

fm_status fmi_evaluation_sort(fm_evaluation *e, fm_error *err)
{
    fm_status status = FM_OK;
    for (int k = 0; k < 2; k++)
        if (e->sides[k].n == 0)
            return fmi_fail(err, FM_E_STATE, "there is no %s comparison with a score",
                            k == FMI_GENUINE ? "genuine" : "impostor");
    for (int k = 0; k < 2 && status == FM_OK && !e->sorted; k++) {
        status = sort_side(&e->sides[k], err);
        if (status == FM_OK && e->with_people)
            status = count_trials(e, &e->sides[k], err);
    }
    if (status == FM_OK)
        e->sorted = true;
    return status;
}

void fmi_evaluation_dispose(fm_evaluation *e)
{
    for (int k = 0; k < 2; k++) {
        free_arrays(&e->sides[k]);
        fmi_free(e->sides[k].trials);
    }
}

size_t fmi_side_at_least(const fmi_side *side, uint32_t key)
{
    size_t low = 0, high = side->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (side->keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return side->n - low;
}

/* Comparisons without a score are behind the last cut. */
bool fmi_cut_next(const fm_evaluation *e, fmi_cut *cut)
{
    uint32_t highest = 0;
    for (int k = 0; k < 2; k++) {
        const fmi_side *side = &e->sides[k];
        if (cut->accepted[k] < side->n && side->keys[side->n - 1 - cut->accepted[k]] > highest)
            highest = side->keys[side->n - 1 - cut->accepted[k]];
    }
    if (highest == 0)
        return false;
    cut->key = highest;
    for (int k = 0; k < 2; k++) {
        const fmi_side *side = &e->sides[k];
        while (cut->accepted[k] < side->n && side->keys[side->n - 1 - cut->accepted[k]] == highest)
            cut->accepted[k]++;
    }
    return true;
}

double fmi_cut_fmr(const fm_evaluation *e, const fmi_cut *cut)
{
    return (double)cut->accepted[FMI_IMPOSTOR] / (double)e->sides[FMI_IMPOSTOR].n;
}

double fmi_cut_fnmr(const fm_evaluation *e, const fmi_cut *cut)
{
    size_t n = e->sides[FMI_GENUINE].n;
    return (double)(n - cut->accepted[FMI_GENUINE]) / (double)n;
}
