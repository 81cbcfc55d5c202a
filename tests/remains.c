#include "remains.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { MOST_REGIONS = 4096, FILTER_BITS = 20, FEWEST_BYTES = 6 };

typedef struct region {
    const unsigned char *from, *to;
    char name[64];
} region;

static const uint64_t mask = UINT64_C(0xA5C35A3C965A69C3);

static size_t size_of(size_t most)
{
    return sizeof(fm_remains) + most * FM_REMAINS_WINDOW;
}

fm_remains *fm_remains_new(size_t most)
{
    fm_remains *r =
        mmap(NULL, size_of(most), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r == MAP_FAILED)
        abort();
    r->most = most;
    return r;
}

void fm_remains_free(fm_remains *r)
{
    munmap(r, size_of(r->most));
}

static bool is_telling(const unsigned char *window)
{
    int different = 0;
    for (int i = 0; i < FM_REMAINS_WINDOW; i++)
        different += memchr(window, window[i], (size_t)i) == NULL;
    return different >= FEWEST_BYTES;
}

void fm_remains_look_for(fm_remains *r, const void *bytes, size_t size, size_t step)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i + FM_REMAINS_WINDOW <= size && r->count < r->most; i += step) {
        uint64_t word;
        if (!is_telling(at + i))
            continue;
        memcpy(&word, at + i, sizeof word);
        r->masked[r->count++] = word ^ mask;
    }
}

static size_t read_regions(region *out)
{
    FILE *file = fopen("/proc/self/maps", "r");
    char line[512], rights[8], name[256];
    size_t count = 0;
    if (!file)
        abort();
    while (fgets(line, sizeof line, file)) {
        uintptr_t from, to;
        name[0] = '\0';
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s %*s %*s %*s %255s", &from, &to, rights,
                   name) < 3)
            continue;
        if (rights[0] != 'r' || rights[1] != 'w' || !strncmp(name, "[stack", 6) || name[0] == '/')
            continue;
        if (count == MOST_REGIONS)
            abort();
        out[count].from = (const unsigned char *)from;
        out[count].to = (const unsigned char *)to;
        snprintf(out[count++].name, sizeof out->name, "%.60s", name);
    }
    fclose(file);
    return count;
}

static unsigned char filter[(1 << FILTER_BITS) / 8];

static size_t place(uint64_t masked)
{
    return (size_t)(masked ^ masked >> FILTER_BITS) & ((1 << FILTER_BITS) - 1);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* At any address: blocks of the kernel's own begin where they like. */
static __attribute__((no_sanitize("address", "thread", "undefined"))) size_t
count_in(const region *where, const fm_remains *r)
{
    size_t found = 0;
    for (const unsigned char *at = where->from; at + FM_REMAINS_WINDOW <= where->to; at++) {
        uint64_t word;
        __builtin_memcpy(&word, at, sizeof word);
        word ^= mask;
        if (filter[place(word) / 8] & 1 << place(word) % 8)
            found += bsearch(&word, r->masked, r->count, sizeof word, compare) != NULL;
    }
    return found;
}

size_t fm_remains_find(fm_remains *r, bool tell)
{
    static region regions[MOST_REGIONS];
    size_t count, found = 0;
    qsort(r->masked, r->count, sizeof *r->masked, compare);
    memset(filter, 0, sizeof filter);
    for (size_t i = 0; i < r->count; i++)
        filter[place(r->masked[i]) / 8] |= (unsigned char)(1 << place(r->masked[i]) % 8);
    count = read_regions(regions);
    for (size_t i = 0; i < count; i++) {
        size_t here = count_in(&regions[i], r);
        if (here && tell)
            fprintf(stderr, "%zu windows in %p-%p %s\n", here, (const void *)regions[i].from,
                    (const void *)regions[i].to, regions[i].name);
        found += here;
    }
    return found;
}
