/* After a removal the template is in none of the memory that the process can write.
 *
 *     torture_memory PEOPLE REMOVALS
 */
#include "people.h"
#include "remains.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_PEOPLE = 10000 };

/* Called where the stack is deeper than anything that is looked at; the vector on it is wiped. */
static __attribute__((noinline)) void look_for_vector(fm_remains *out, uint64_t vector_number)
{
    float v[DIM];
    torture_vector(v, vector_number);
    out->count = 0;
    fm_remains_look_for(out, v, sizeof v, FM_REMAINS_WINDOW);
    explicit_bzero(v, sizeof v);
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
    fm_remains *remains;
    if (removals < 1 || removals > people || people + removals > MOST_PEOPLE) {
        fprintf(stderr, "torture_memory PEOPLE REMOVALS, together at most %d\n", MOST_PEOPLE);
        return 2;
    }
    torture_model();
    torture_folder_make(&folder);
    fill(&folder, crowd, people);
    gallery = torture_open(folder.gallery, FM_GALLERY_EXISTING);
    remains = fm_remains_new(DIM * sizeof(float) / FM_REMAINS_WINDOW);
    for (uint64_t i = 0; i < removals; i++) {
        before what = (before)(i % BEFORES);
        uint64_t number = what == ENROLMENT ? people + i : i;
        look_for_vector(remains, person_vector_number(number, 0));
        prepare(gallery, &crowd[number], number, what);
        CHECK(fm_remains_find(remains, false) > 0,
              "what is there is not found: the search is at fault");
        torture_ok(person_remove(gallery, &crowd[number], number, &err), &err, "remove");
        left[what] += fm_remains_find(remains, true) > 0;
    }
    fm_remains_free(remains);
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
