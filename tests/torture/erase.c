/* After a removal nothing of the person is in any file of the gallery.
 *
 *     torture_erase PEOPLE REMOVALS [SEED]
 *
 * Every other one of several removals is of a single template. After each, every byte of the files
 * is searched; again after an export, after compacting, and after a process was killed. */
#include "scan.h"
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct crowd {
    torture_folder folder;
    person *people;
    uint64_t count, seed;
} crowd;

/* Two templates for every third. */
static void fill(crowd *c, fm_gallery *gallery)
{
    fm_error err = {.struct_size = sizeof err};
    for (uint64_t i = 0; i < c->count; i++) {
        uint64_t number = i * 7 % c->count; /* ids do not come in order */
        torture_ok(person_add(gallery, &c->people[number], number, 0, &err), &err, "add");
        if (number % 3 == 0)
            torture_ok(person_add(gallery, &c->people[number], number, 1, &err), &err, "add");
    }
}

/* The person at all, or template t >= 0. */
static void check_gone(const crowd *c, uint64_t number, int t, const char *when)
{
    scan_bytes all = scan_read(&c->folder);
    CHECK(all.size > 0, "no files");
    for (int i = 0; i < MOST_TEMPLATES; i++)
        CHECK((t >= 0 && t != i) || !scan_has_vector(&all, number, i),
              "%s: template %d of %" PRIu64 " is in the files", when, i, number);
    CHECK(t >= 0 || !scan_has_texts(&all, number), "%s: texts of %" PRIu64 " are in the files",
          when, number);
    scan_free(&all);
}

static void check_there(const crowd *c, uint64_t number)
{
    scan_bytes all = scan_read(&c->folder);
    CHECK(scan_has_vector(&all, number, 0) && scan_has_texts(&all, number),
          "what is not removed is not found: the search is at fault");
    scan_free(&all);
}

static void remove_one(crowd *c, fm_gallery *gallery, uint64_t number)
{
    person *p = &c->people[number];
    fm_error err = {.struct_size = sizeof err};
    if (!p->present)
        return;
    if (p->templates >> 1 & 1) {
        torture_ok(person_remove_template(gallery, p, number, 1, &err), &err, "remove template");
        check_gone(c, number, 1, "a template removed");
    }
    torture_ok(person_remove(gallery, p, number, &err), &err, "remove");
    check_gone(c, number, -1, "removed");
}

/* Neither rebuilding the file nor writing another brings anything back. */
static void export_and_compact(crowd *c, fm_gallery *gallery, uint64_t gone)
{
    char name[128];
    fm_error err = {.struct_size = sizeof err};
    snprintf(name, sizeof name, "%s/people.jsonl", c->folder.path);
    torture_ok(fm_gallery_export(gallery, name, NULL, NULL, &err), &err, "export");
    check_gone(c, gone, -1, "exported");
    unlink(name);
    torture_ok(fm_gallery_compact(gallery, &err), &err, "compact");
    check_gone(c, gone, -1, "compacted");
}

/* A child enrols, removes and dies; the survivors' files must be clean after reopening. */
static void remove_and_die(crowd *c, uint64_t number)
{
    int status;
    pid_t pid = fork();
    CHECK(pid >= 0, "no process");
    if (pid == 0) {
        person p = {0};
        fm_error err = {.struct_size = sizeof err};
        fm_gallery *gallery = torture_open(c->folder.gallery, FM_GALLERY_EXISTING);
        torture_ok(person_add(gallery, &p, number, 0, &err), &err, "add");
        torture_ok(person_remove(gallery, &p, number, &err), &err, "remove");
        raise(SIGKILL);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "the child did not die");
    check_gone(c, number, -1, "removed and killed");
    fm_gallery_close(torture_open(c->folder.gallery, FM_GALLERY_EXISTING));
    check_gone(c, number, -1, "removed, killed and opened");
}

int main(int argc, char **argv)
{
    crowd c = {.count = argc > 2 ? strtoull(argv[1], NULL, 10) : 0};
    uint64_t removals = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    fm_gallery *gallery;
    if (c.count < 10 || removals < 1 || removals >= c.count) {
        fprintf(stderr, "torture_erase PEOPLE REMOVALS [SEED], 10 <= PEOPLE, REMOVALS < PEOPLE\n");
        return 2;
    }
    c.seed = argc > 3 ? strtoull(argv[3], NULL, 10) : (uint64_t)getpid();
    printf("seed %" PRIu64 "\n", c.seed);
    c.people = calloc(c.count, sizeof *c.people);
    CHECK(c.people, "no memory");
    torture_folder_make(&c.folder);
    gallery = torture_open(c.folder.gallery, FM_GALLERY_CREATE);
    fill(&c, gallery);
    check_there(&c, 0);
    for (uint64_t i = 0; i < removals; i++)
        remove_one(&c, gallery,
                   i % 10 ? torture_random(&c.seed) % c.count : i * c.count / removals);
    for (uint64_t i = 0; i < c.count; i += c.count / 10)
        if (!c.people[i].present)
            export_and_compact(&c, gallery, i);
    for (uint64_t i = 0; i < c.count; i++)
        person_check(gallery, &c.people[i], i);
    fm_gallery_close(gallery);
    for (uint64_t i = 0; i < 5; i++)
        remove_and_die(&c, c.count + i);
    torture_integrity(c.folder.gallery);
    torture_folder_remove(&c.folder);
    free(c.people);
    printf("%" PRIu64 " removals of %" PRIu64 " people: nothing left\n", removals, c.count);
    return 0;
}
