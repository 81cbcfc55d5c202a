/* After a removal the template is in none of the memory that the process can write, its stacks
 * aside.
 *
 *     torture_memory PEOPLE REMOVALS
 *
 * What is looked for is kept masked, so that the search does not find itself. */
#include "people.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 8, WINDOWS = DIM * 4 / WINDOW, MOST_REGIONS = 4096 };

typedef struct region {
    const unsigned char *from, *to;
    char name[64];
} region;

typedef struct needle {
    uint64_t masked[WINDOWS];
} needle;

static const uint64_t mask = UINT64_C(0xA5C35A3C965A69C3);

/* Called where the stack is deeper than anything that is looked at; the vector on it is wiped. */
static __attribute__((noinline)) void make_needle(needle *out, uint64_t vector_number)
{
    float v[DIM];
    torture_vector(v, vector_number);
    memcpy(out->masked, v, sizeof v);
    for (int i = 0; i < WINDOWS; i++)
        out->masked[i] ^= mask;
    explicit_bzero(v, sizeof v);
}

static size_t read_regions(region *out)
{
    FILE *file = fopen("/proc/self/maps", "r");
    char line[512], rights[8], name[256];
    size_t count = 0;
    CHECK(file, "no /proc/self/maps");
    while (fgets(line, sizeof line, file)) {
        uintptr_t from, to;
        name[0] = '\0';
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s %*s %*s %*s %255s", &from, &to, rights,
                   name) < 3)
            continue;
        if (rights[0] != 'r' || rights[1] != 'w' || !strncmp(name, "[stack", 6) ||
            name[0] == '/')
            continue;
        CHECK(count < MOST_REGIONS, "too many regions");
        out[count].from = (const unsigned char *)from;
        out[count].to = (const unsigned char *)to;
        snprintf(out[count++].name, sizeof out->name, "%.60s", name);
    }
    fclose(file);
    return count;
}

/* Runs of 16 bytes hold a whole window; see scan.c. Values lie at multiples of 4. */
static __attribute__((no_sanitize("address", "thread", "undefined"))) size_t
count_in(const region *r, const needle *n)
{
    static unsigned char filter[65536];
    size_t found = 0;
    memset(filter, 0, sizeof filter);
    for (int i = 0; i < WINDOWS; i++)
        filter[(unsigned short)n->masked[i]] = 1;
    for (const unsigned char *at = r->from; at + WINDOW <= r->to; at++) {
        uint64_t word;
        __builtin_memcpy(&word, at, sizeof word);
        word ^= mask;
        if (!filter[(unsigned short)word])
            continue;
        for (int i = 0; i < WINDOWS; i++)
            found += n->masked[i] == word;
    }
    return found;
}

static size_t count_everywhere(const needle *n, int tell)
{
    static region regions[MOST_REGIONS];
    size_t count = read_regions(regions), found = 0;
    for (size_t i = 0; i < count; i++) {
        size_t here = count_in(&regions[i], n);
        if (here && tell)
            fprintf(stderr, "%zu windows in %p-%p %s\n", here, (const void *)regions[i].from,
                    (const void *)regions[i].to, regions[i].name);
        found += here;
    }
    return found;
}

int main(int argc, char **argv)
{
    uint64_t people = argc > 2 ? strtoull(argv[1], NULL, 10) : 0, left = 0, windows = 0;
    uint64_t removals = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    static person crowd[10000];
    torture_folder folder;
    fm_error err = {.struct_size = sizeof err};
    fm_gallery *gallery;
    needle n;
    if (removals < 1 || removals > people || people > 10000) {
        fprintf(stderr, "torture_memory PEOPLE REMOVALS, at most 10000\n");
        return 2;
    }
    torture_folder_make(&folder);
    gallery = torture_open(folder.gallery, FM_GALLERY_CREATE);
    for (uint64_t i = 0; i < people; i++)
        torture_ok(person_add(gallery, &crowd[i], i, 0, &err), &err, "add");
    person_check(gallery, &crowd[0], 0);
    if (argc > 3) {
        fm_gallery_close(gallery);
        gallery = torture_open(folder.gallery, FM_GALLERY_CREATE);
    }
    for (uint64_t i = 0; i < removals; i++) {
        uint64_t number = i * 7 % people;
        size_t found;
        make_needle(&n, person_vector_number(number, 0));
        found = count_everywhere(&n, 0);
        CHECK(found > 0, "what is there is not found: the search is at fault");
        torture_ok(person_remove(gallery, &crowd[number], number, &err), &err, "remove");
        found = count_everywhere(&n, i < 10);
        left += found > 0;
        windows += found;
    }
    fm_gallery_close(gallery);
    torture_folder_remove(&folder);
    printf("%" PRIu64 " removals, %" PRIu64 " left something in memory (%" PRIu64 " windows)\n", removals, left, windows);
    return 0;
}
