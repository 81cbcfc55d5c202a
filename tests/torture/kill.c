/* A process that changes a gallery is killed at a random moment, again and again. Whatever it was
 * told is done must be there afterwards, whole; what it was doing is done wholly or not at all; and
 * SQLite finds nothing wrong with the file.
 *
 *     torture_kill ROUNDS [SEED]
 *
 * Of ten changes six are enrolments, three removals, and one rebuilds the file or copies the log
 * into it. The child tells each through a pipe before it begins and after it was acknowledged. */
#include "people.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PEOPLE = 24, ROUNDS_PER_FILE = 40, LONGEST_LIFE_US = 120000 };

typedef enum change { ADD, REMOVE_TEMPLATE, REMOVE, REBUILD, CHECKPOINT } change;

typedef struct message {
    int done; /* 0: beginning */
    change what;
    uint32_t number;
    int t;
    person after; /* once done */
} message;

typedef struct crowd {
    torture_folder folder;
    person people[PEOPLE];
    uint64_t seed, acknowledged[2]; /* enrolments, removals */
} crowd;

static void tell(int pipe_end, const message *m)
{
    if (write(pipe_end, m, sizeof *m) != (ssize_t)sizeof *m)
        _exit(0); /* the parent has gone */
}

/* Which change is next? */
static message choose(const person *people, uint64_t *state)
{
    message m = {.number = (uint32_t)(torture_random(state) % PEOPLE),
                 .t = (int)(torture_random(state) % MOST_TEMPLATES)};
    const person *p = &people[m.number];
    uint64_t dice = torture_random(state) % 20;
    if (dice < 2)
        m.what = dice == 0 ? REBUILD : CHECKPOINT;
    else if (p->templates >> m.t & 1)
        m.what = dice < 8 ? REMOVE : REMOVE_TEMPLATE;
    else
        m.what = ADD;
    return m;
}

static void checkpoint(const char *path)
{
    sqlite3 *db;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_busy_timeout(db, TIMEOUT_MS);
    CHECK(sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL) == SQLITE_OK, "%s",
          sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void apply(fm_gallery *gallery, const char *path, person *people, const message *m)
{
    person *p = &people[m->number];
    fm_error err = {.struct_size = sizeof err};
    if (m->what == ADD)
        torture_ok(person_add(gallery, p, m->number, m->t, &err), &err, "add");
    else if (m->what == REMOVE_TEMPLATE)
        torture_ok(person_remove_template(gallery, p, m->number, m->t, &err), &err, "remove");
    else if (m->what == REMOVE)
        torture_ok(person_remove(gallery, p, m->number, &err), &err, "remove");
    else if (m->what == REBUILD)
        torture_ok(fm_gallery_compact(gallery, &err), &err, "compact");
    else
        checkpoint(path);
}

static _Noreturn void child(crowd *c, int pipe_end, uint64_t state)
{
    fm_gallery *gallery = torture_open(c->folder.gallery, FM_GALLERY_CREATE);
    for (;;) {
        message m = choose(c->people, &state);
        tell(pipe_end, &m);
        apply(gallery, c->folder.gallery, c->people, &m);
        m.done = 1;
        m.after = c->people[m.number];
        tell(pipe_end, &m);
    }
}

/* What the child said before it died; true when the last thing was never acknowledged. */
static int hear(crowd *c, int pipe_end, message *last)
{
    message m;
    ssize_t size;
    int open = 0;
    while ((size = read(pipe_end, &m, sizeof m)) == (ssize_t)sizeof m) {
        open = !m.done;
        *last = m;
        if (m.done && m.what <= REMOVE) {
            c->people[m.number] = m.after;
            c->acknowledged[m.what != ADD]++;
        }
    }
    CHECK(size == 0, "the pipe: %s", strerror(errno));
    return open;
}

static void check_all(crowd *c, const message *unknown)
{
    fm_gallery *gallery;
    size_t identities = 0, want = 0;
    fm_error err = {.struct_size = sizeof err};
    gallery = torture_open(c->folder.gallery, FM_GALLERY_CREATE);
    if (unknown && unknown->what <= REMOVE)
        person_find_out(gallery, &c->people[unknown->number], unknown->number,
                        unknown->what == REMOVE ? -1 : unknown->t);
    for (uint32_t i = 0; i < PEOPLE; i++) {
        person_check(gallery, &c->people[i], i);
        want += c->people[i].present;
    }
    torture_ok(fm_gallery_count(gallery, &identities, NULL, &err), &err, "count");
    CHECK(identities == want, "%zu identities, not %zu", identities, want);
    fm_gallery_close(gallery);
    torture_integrity(c->folder.gallery);
}

static void one_round(crowd *c)
{
    int ends[2], status;
    message last = {0};
    uint64_t own = torture_random(&c->seed);
    struct timespec life = {0, (long)(torture_random(&c->seed) % LONGEST_LIFE_US) * 1000};
    pid_t pid;
    CHECK(pipe(ends) == 0, "no pipe");
    pid = fork();
    CHECK(pid >= 0, "no process");
    if (pid == 0) {
        close(ends[0]);
        child(c, ends[1], own);
    }
    close(ends[1]);
    nanosleep(&life, NULL);
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, &status, 0) == pid, "the child is gone");
    CHECK(WIFSIGNALED(status), "the child ended with %d", WEXITSTATUS(status));
    check_all(c, hear(c, ends[0], &last) ? &last : NULL);
    close(ends[0]);
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 0;
    static crowd c;
    if (rounds < 1) {
        fprintf(stderr, "torture_kill ROUNDS [SEED]\n");
        return 2;
    }
    c.seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)getpid();
    printf("seed %" PRIu64 "\n", c.seed);
    torture_model();
    torture_folder_make(&c.folder);
    for (long i = 0; i < rounds; i++) {
        if (i % ROUNDS_PER_FILE == 0) {
            torture_folder_empty(&c.folder);
            memset(c.people, 0, sizeof c.people);
        }
        one_round(&c);
    }
    torture_folder_remove(&c.folder);
    printf("%ld kills; %" PRIu64 " enrolments and %" PRIu64 " removals acknowledged, none lost\n",
           rounds, c.acknowledged[0], c.acknowledged[1]);
    return 0;
}
