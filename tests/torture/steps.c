/* Every step of a change is the last one: the process is killed there, the power fails, the disk is
 * full or broken from there on. What was acknowledged must hold, all else be as it was or wholly
 * done, and of what is removed nothing may be left once the gallery has been opened again.
 *
 *     torture_steps EVERY OPEN_EVERY [SEED]
 *
 * EVERY 1 tries all steps, 2 every other one. Opening after a crash, with its OPEN_EVERY, has many
 * steps and waits each time.
 */
#include "scan.h"
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PEOPLE = 60, VICTIM = 17, NEWCOMER = 1000, MOST_STEPS = 2000 };

typedef enum change { ADD_PERSON, ADD_TEMPLATE, REMOVE_TEMPLATE, REMOVE, OPEN_PENDING } change;
static const char *const names[] = {"add a person", "add a template", "remove a template",
                                    "remove a person", "open after a crash"};
static const char *const traps[] = {"none", "kill", "power cut", "disk full", "I/O error"};

/* What the child reports, in memory that it shares with its parent through a pipe. */
typedef struct report {
    fm_status status;
    long steps; /* that the change took */
    int sprung; /* the trap was reached */
} report;

typedef struct scene {
    torture_folder folder;
    person people[PEOPLE];
    uint64_t seed;
    unsigned char *image; /* the gallery's file before the change */
    size_t image_size;
} scene;

static person *subject(scene *s, person *newcomer, change what, uint64_t *number)
{
    *number = what == ADD_PERSON ? NEWCOMER : VICTIM;
    return what == ADD_PERSON ? newcomer : &s->people[VICTIM];
}

/* Some have gone already, so that there are gaps and moved rows. */
static void prepare(scene *s)
{
    fm_gallery *gallery = torture_open(s->folder.gallery, FM_GALLERY_CREATE);
    fm_error err = {.struct_size = sizeof err};
    scan_bytes all;
    for (uint64_t i = 0; i < PEOPLE; i++)
        for (int t = 0; t < 2; t++)
            torture_ok(person_add(gallery, &s->people[i], i, t, &err), &err, "add");
    for (uint64_t i = 0; i < PEOPLE; i += 5)
        torture_ok(person_remove(gallery, &s->people[i], i, &err), &err, "remove");
    fm_gallery_close(gallery);
    all = scan_read(&s->folder);
    s->image = all.bytes;
    s->image_size = all.size;
}

static void restore(const scene *s)
{
    FILE *file;
    torture_folder_empty(&s->folder);
    file = fopen(s->folder.gallery, "wb");
    CHECK(file && fwrite(s->image, 1, s->image_size, file) == s->image_size, "cannot write");
    fclose(file);
}

static fm_status change_it(scene *s, fm_gallery *gallery, change what, fm_error *err)
{
    person newcomer = {0};
    uint64_t number;
    person *p = subject(s, &newcomer, what, &number);
    switch (what) {
    case ADD_PERSON:
        return person_add(gallery, p, number, 0, err);
    case ADD_TEMPLATE:
        return person_add(gallery, p, number, 2, err);
    case REMOVE_TEMPLATE:
        return person_remove_template(gallery, p, number, 1, err);
    default:
        return person_remove(gallery, p, number, err);
    }
}

/* A failed change must have changed nothing, and the handle must go on working. */
static void check_refusal(scene *s, fm_gallery *gallery, change what, torture_trap trap,
                          const fm_error *err)
{
    uint64_t number;
    person newcomer = {0}, *p = subject(s, &newcomer, what, &number);
    CHECK(err->status == FM_E_IO || (trap == TRAP_IO && err->status == FM_E_BUSY), "%s, %s: %s: %s",
          names[what], traps[trap], fm_status_name(err->status), err->message);
    CHECK(strstr(err->message, "people.fmg"), "the file is not named: %s", err->message);
    person_check(gallery, p, number);
    person_check(gallery, &s->people[1], 1);
}

/* What a process left undone is made good; that this fails is no reason to refuse the gallery. */
static fm_gallery *open_with_trap(scene *s, torture_trap trap, long step, report *r, fm_error *err)
{
    fm_gallery_options options;
    fm_gallery *gallery = NULL;
    fm_gallery_options_init(&options, sizeof options);
    options.timeout_ms = 100;
    torture_vfs_arm(trap, step, s->seed);
    r->status = fm_gallery_open(&gallery, s->folder.gallery, torture_model(), &options, err);
    return gallery;
}

static void check_open_refusal(const fm_error *err, torture_trap trap)
{
    CHECK(trap == TRAP_FULL || trap == TRAP_IO, "it is not opened: %s", err->message);
    CHECK(err->status == FM_E_IO || err->status == FM_E_BUSY, "it is not opened: %s: %s",
          fm_status_name(err->status), err->message);
    CHECK(strstr(err->message, "people.fmg"), "the file is not named: %s", err->message);
}

static _Noreturn void child(scene *s, change what, torture_trap trap, long step, int pipe_end)
{
    report r = {0};
    fm_error err = {.struct_size = sizeof err};
    fm_gallery *gallery;
    torture_vfs_install();
    if (what == OPEN_PENDING)
        gallery = open_with_trap(s, trap, step, &r, &err);
    else
        gallery = torture_open(s->folder.gallery, FM_GALLERY_EXISTING);
    if (what != OPEN_PENDING) {
        torture_vfs_arm(trap, step, s->seed);
        r.status = change_it(s, gallery, what, &err);
    }
    r.steps = torture_vfs_steps();
    r.sprung = r.steps > step;
    CHECK(r.status != FM_OK || what == OPEN_PENDING || !torture_vfs_has_unflushed() ||
              what == REMOVE || what == REMOVE_TEMPLATE,
          "%s: acknowledged, and not flushed", names[what]);
    torture_vfs_arm(TRAP_NONE, 0, 0);
    if (!gallery)
        check_open_refusal(&err, trap);
    else if (r.status != FM_OK)
        check_refusal(s, gallery, what, trap, &err);
    if (write(pipe_end, &r, sizeof r) != (ssize_t)sizeof r)
        _exit(3);
    raise(SIGKILL); /* nothing is to be put in order by closing */
    _exit(4);
}

/* false: it died before it could report */
static int run_child(scene *s, change what, torture_trap trap, long step, report *r)
{
    int ends[2], status;
    ssize_t size;
    pid_t pid;
    CHECK(pipe(ends) == 0, "no pipe");
    pid = fork();
    CHECK(pid >= 0, "no process");
    if (pid == 0)
        child(s, what, trap, step, ends[1]);
    close(ends[1]);
    size = read(ends[0], r, sizeof *r);
    close(ends[0]);
    CHECK(waitpid(pid, &status, 0) == pid, "the child is gone");
    CHECK(WIFSIGNALED(status), "%s, %s at step %ld: the child ended with %d", names[what],
          traps[trap], step, WEXITSTATUS(status));
    return size == (ssize_t)sizeof *r;
}

static void expect(person *p, change what)
{
    if (what == REMOVE || what == OPEN_PENDING)
        memset(p, 0, sizeof *p);
    else if (what == REMOVE_TEMPLATE)
        p->templates &= (uint8_t)~2u;
}

/* What is gone from the gallery is in no file. */
static void check_bytes(const scene *s, const person *p, uint64_t number, const char *when)
{
    scan_bytes all = scan_read(&s->folder);
    for (int t = 0; t < 2; t++)
        CHECK(p->templates >> t & 1 || !scan_has_vector(&all, number, t),
              "%s: template %d is in the files", when, t);
    CHECK(p->present || !scan_has_texts(&all, number), "%s: texts are in the files", when);
    scan_free(&all);
}

static void check_after(scene *s, change what, int reported, const report *r, const char *when)
{
    person newcomer = {0}, *p, before;
    uint64_t number;
    int t = what == ADD_TEMPLATE ? 2 : what == ADD_PERSON ? 0 : what == REMOVE_TEMPLATE ? 1 : -1;
    fm_gallery *gallery = torture_open(s->folder.gallery, FM_GALLERY_EXISTING);
    p = subject(s, &newcomer, what, &number);
    before = *p;
    if (reported && r->status == FM_OK)
        expect(p, what);
    if (what == OPEN_PENDING)
        memset(p, 0, sizeof *p);
    if (reported && r->status == FM_OK && what <= ADD_TEMPLATE) {
        person_find_out(gallery, p, number, t);
        CHECK(p->templates >> t & 1, "%s: an acknowledged template is lost", when);
    } else if (reported || what == OPEN_PENDING) {
        person_check(gallery, p, number);
    } else {
        person_find_out(gallery, p, number, t);
    }
    if (what > ADD_TEMPLATE)
        check_bytes(s, p, number, when);
    *p = before;
    for (uint64_t i = 0; i < PEOPLE; i++)
        if (i != VICTIM)
            person_check(gallery, &s->people[i], i);
    fm_gallery_close(gallery);
    torture_integrity(s->folder.gallery);
}

/* A file whose removal was committed, and then the process died. */
static void leave_pending(scene *s, long step)
{
    report r;
    restore(s);
    run_child(s, REMOVE, TRAP_KILL, step, &r);
}

static long try_step(scene *s, change what, torture_trap trap, long step, long pending_step)
{
    char when[128];
    report r = {0};
    int reported;
    snprintf(when, sizeof when, "%s, %s at step %ld", names[what], traps[trap], step);
    if (what == OPEN_PENDING)
        leave_pending(s, pending_step);
    else
        restore(s);
    reported = run_child(s, what, trap, step, &r);
    CHECK(reported || trap == TRAP_KILL || trap == TRAP_POWER, "%s: no report", when);
    check_after(s, what, reported, &r, when);
    return reported && !r.sprung ? -1 : r.steps; /* -1: there is no such step */
}

/* The first step at which the removal is committed: killed there, the person is gone. */
static long find_commit(scene *s)
{
    person gone = {0}, there = s->people[VICTIM];
    for (long step = 0; step < MOST_STEPS; step++) {
        fm_gallery *gallery;
        fm_identity got;
        fm_status status;
        char id[FM_ID_MAX + 1];
        leave_pending(s, step);
        gallery = torture_open(s->folder.gallery, FM_GALLERY_READ_ONLY);
        status = fm_gallery_get(gallery, person_id(id, VICTIM), &got, NULL);
        person_check(gallery, status == FM_OK ? &there : &gone, VICTIM);
        fm_gallery_close(gallery);
        if (status != FM_OK)
            return step;
    }
    torture_fail("no step commits the removal");
}

int main(int argc, char **argv)
{
    static scene s;
    long tried = 0, commit;
    long every = argc > 2 ? atol(argv[1]) : 0, open_every = argc > 2 ? atol(argv[2]) : 0;
    if (every < 1 || open_every < 1) {
        fprintf(stderr, "torture_steps EVERY OPEN_EVERY [SEED]\n");
        return 2;
    }
    s.seed = argc > 3 ? strtoull(argv[3], NULL, 10) : (uint64_t)getpid();
    printf("seed %" PRIu64 "\n", s.seed);
    torture_model();
    torture_folder_make(&s.folder);
    prepare(&s);
    commit = find_commit(&s);
    for (change what = ADD_PERSON; what <= OPEN_PENDING; what++)
        for (torture_trap trap = TRAP_KILL; trap <= TRAP_IO; trap++) {
            long stride = what == OPEN_PENDING ? open_every : every;
            long step = (long)(torture_random(&s.seed) % (uint64_t)stride);
            for (; step < MOST_STEPS && try_step(&s, what, trap, step, commit) >= 0; step += stride)
                tried++;
            printf("%s, %s: %ld steps\n", names[what], traps[trap], step);
            fflush(stdout);
            CHECK(step > 3, "%s has no steps", names[what]);
        }
    torture_folder_remove(&s.folder);
    free(s.image);
    printf("%ld steps were the last one: no change lost, torn or left in the files\n", tried);
    return 0;
}
