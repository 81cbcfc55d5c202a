/* After a removal the template is in none of the memory that the process can write, its stacks
 * aside.
 *
 *     torture_memory PEOPLE REMOVALS
 *
 * Not for sanitizers: they keep what was freed. What is looked for is kept masked, so that the
 * search does not find itself. */
#include "people.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WINDOW = 8, WINDOWS = DIM * 4 / WINDOW, MOST_REGIONS = 4096, MOST_PEOPLE = 10000 };

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
        if (rights[0] != 'r' || rights[1] != 'w' || !strncmp(name, "[stack", 6) || name[0] == '/')
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

/* In a process of its own, so that its memory is not ours. */
static void fill(const torture_folder *folder, person *crowd, uint64_t people)
{
    int status, ends[2];
    pid_t pid;
    CHECK(pipe(ends) == 0, "no pipe");
    pid = fork();
    CHECK(pid >= 0, "no process");
    if (pid == 0) {
        fm_gallery *gallery = torture_open(folder->gallery, FM_GALLERY_CREATE);
        fm_error err = {.struct_size = sizeof err};
        for (uint64_t i = 0; i < people; i++) {
            torture_ok(person_add(gallery, &crowd[i], i, 0, &err), &err, "add");
            CHECK(write(ends[1], &crowd[i], sizeof *crowd) == (ssize_t)sizeof *crowd, "the pipe");
        }
        fm_gallery_close(gallery);
        _exit(0);
    }
    for (uint64_t i = 0; i < people; i++)
        CHECK(read(ends[0], &crowd[i], sizeof *crowd) == (ssize_t)sizeof *crowd, "the pipe");
    CHECK(waitpid(pid, &status, 0) == pid && status == 0, "the gallery was not filled");
    close(ends[0]);
    close(ends[1]);
}

/* What happens just before the removal. */
typedef enum before { NOTHING, ENROLMENT, READING, BEFORES } before;
static const char *const names[] = {"nothing", "enrolment", "reading"};

static void prepare(fm_gallery *gallery, person *p, uint64_t number, before what)
{
    fm_error err = {.struct_size = sizeof err};
    char id[FM_ID_MAX + 1];
    float v[DIM];
    if (what == ENROLMENT)
        torture_ok(person_add(gallery, p, number, 0, &err), &err, "add");
    else if (what == READING)
        torture_ok(
            fm_gallery_get_embedding(gallery, person_id(id, number), p->ids[0], v, DIM, &err), &err,
            "read");
    explicit_bzero(v, sizeof v);
}

int main(int argc, char **argv)
{
    uint64_t people = argc > 2 ? strtoull(argv[1], NULL, 10) : 0, left[BEFORES] = {0};
    uint64_t removals = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    static person crowd[MOST_PEOPLE];
    torture_folder folder;
    fm_error err = {.struct_size = sizeof err};
    fm_gallery *gallery;
    if (removals < 1 || removals > people || people + removals > MOST_PEOPLE) {
        fprintf(stderr, "torture_memory PEOPLE REMOVALS, together at most %d\n", MOST_PEOPLE);
        return 2;
    }
    torture_model();
    torture_folder_make(&folder);
    fill(&folder, crowd, people);
    gallery = torture_open(folder.gallery, FM_GALLERY_EXISTING);
    for (uint64_t i = 0; i < removals; i++) {
        before what = (before)(i % BEFORES);
        uint64_t number = what == ENROLMENT ? people + i : i;
        needle n;
        make_needle(&n, person_vector_number(number, 0));
        prepare(gallery, &crowd[number], number, what);
        CHECK(count_everywhere(&n, 0) > 0, "what is there is not found: the search is at fault");
        torture_ok(person_remove(gallery, &crowd[number], number, &err), &err, "remove");
        left[what] += count_everywhere(&n, 1) > 0;
    }
    fm_gallery_close(gallery);
    torture_folder_remove(&folder);
    for (before what = NOTHING; what < BEFORES; what++)
        printf("%s before: %" PRIu64 " removals left something in memory\n", names[what],
               left[what]);
    /* of what SQLite frees when it rebuilds the file, parts of pages stay */
    CHECK((left[NOTHING] + left[ENROLMENT] + left[READING]) * 50 <= removals,
          "templates are still in memory");
    return 0;
}
