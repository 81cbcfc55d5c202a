/* Several processes with several threads each change and search one gallery.
 *
 *     torture_stress SECONDS PROCESSES THREADS [SEED]
 *
 * Every worker has people of its own, and knows exactly what the gallery must say of them. For the
 * others it looks at a board that all share: where the owner's entry is the same, and not being
 * changed, before and after a search, the search must agree with it. */
#include "scan.h"
#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OWN = 6, MOST_WORKERS = 64, CHANGING = 1, REOPEN_EVERY = 40, REBUILD_EVERY = 300 };

typedef struct entry {
    /* bit 0: being changed; bits 1 to 3: the templates that are there; the rest counts changes */
    _Atomic uint64_t state;
    person at_end;
} entry;

typedef struct board {
    entry entries[MOST_WORKERS * OWN];
    _Atomic uint64_t changes, searches, reopened;
} board;

typedef struct worker {
    board *board;
    const char *path;
    fm_gallery *gallery;
    pthread_t thread;
    person people[OWN];
    uint64_t seed;
    double until;
    uint32_t number, workers;
} worker;

static uint64_t own_number(const worker *w, uint32_t i)
{
    return (uint64_t)w->number * OWN + i;
}

static void publish(entry *e, const person *p)
{
    uint64_t changes = (atomic_load(&e->state) >> 4) + 1;
    atomic_store(&e->state, changes << 4 | (uint64_t)p->templates << 1);
}

static void change_one(worker *w)
{
    uint32_t i = (uint32_t)(torture_random(&w->seed) % OWN);
    int t = (int)(torture_random(&w->seed) % MOST_TEMPLATES);
    uint64_t number = own_number(w, i);
    person *p = &w->people[i];
    entry *e = &w->board->entries[number];
    fm_error err = {.struct_size = sizeof err};
    atomic_fetch_or(&e->state, CHANGING);
    if (!(p->templates >> t & 1))
        torture_ok(person_add(w->gallery, p, number, t, &err), &err, "add");
    else if (torture_random(&w->seed) % 2 == 0)
        torture_ok(person_remove_template(w->gallery, p, number, t, &err), &err, "remove");
    else
        torture_ok(person_remove(w->gallery, p, number, &err), &err, "remove");
    publish(e, p);
    person_check(w->gallery, p, number);
    atomic_fetch_add(&w->board->changes, 1);
}

/* One of anybody's people, by one of the vectors. */
static void search_one(worker *w)
{
    uint64_t number = torture_random(&w->seed) % ((uint64_t)w->workers * OWN), before, after;
    int t = (int)(torture_random(&w->seed) % MOST_TEMPLATES);
    entry *e = &w->board->entries[number];
    char id[FM_ID_MAX + 1], who[FM_ID_MAX + 1];
    float vector[DIM];
    int64_t template_id;
    person_id(id, number);
    torture_vector(vector, person_vector_number(number, t));
    before = atomic_load(&e->state);
    torture_who(w->gallery, vector, who, &template_id);
    after = atomic_load(&e->state);
    CHECK(who[0] == '\0' || !strcmp(who, id), "%s is taken for %s", id, who);
    if (before == after && !(before & CHANGING))
        CHECK((before >> (t + 1) & 1) == (who[0] != '\0'), "template %d of %s: %s", t, id,
              who[0] ? "found, and removed" : "enrolled, and not found");
    atomic_fetch_add(&w->board->searches, 1);
}

static void reopen(worker *w)
{
    fm_gallery *own = torture_open(w->path, FM_GALLERY_CREATE);
    for (uint32_t i = 0; i < OWN; i++)
        person_check(own, &w->people[i], own_number(w, i));
    fm_gallery_close(own);
    atomic_fetch_add(&w->board->reopened, 1);
}

static void rebuild(const worker *w)
{
    sqlite3 *db;
    CHECK(sqlite3_open(w->path, &db) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_busy_timeout(db, TIMEOUT_MS);
    CHECK(sqlite3_exec(db, "VACUUM", NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void *work(void *argument)
{
    worker *w = argument;
    while (torture_now() < w->until) {
        change_one(w);
        for (int i = 0; i < 4; i++)
            search_one(w);
        if (torture_random(&w->seed) % REOPEN_EVERY == 0)
            reopen(w);
        if (torture_random(&w->seed) % REBUILD_EVERY == 0)
            rebuild(w);
    }
    for (uint32_t i = 0; i < OWN; i++) {
        person_check(w->gallery, &w->people[i], own_number(w, i));
        w->board->entries[own_number(w, i)].at_end = w->people[i];
    }
    return NULL;
}

static _Noreturn void run_process(const worker *like, uint32_t first, uint32_t threads)
{
    worker *workers = calloc(threads, sizeof *workers);
    fm_gallery *gallery = torture_open(like->path, FM_GALLERY_CREATE);
    CHECK(workers, "no memory");
    for (uint32_t i = 0; i < threads; i++) {
        workers[i] = *like;
        workers[i].gallery = gallery;
        workers[i].number = first + i;
        workers[i].seed = like->seed + first + i;
        CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0, "no thread");
    }
    for (uint32_t i = 0; i < threads; i++)
        pthread_join(workers[i].thread, NULL);
    fm_gallery_close(gallery);
    free(workers);
    exit(0);
}

/* What is there at the end is what the workers say, and of the rest there is no byte. */
static void check_end(const worker *like, const torture_folder *folder)
{
    fm_gallery *gallery = torture_open(folder->gallery, FM_GALLERY_EXISTING);
    fm_error err = {.struct_size = sizeof err};
    size_t identities = 0, want = 0;
    scan_bytes all;
    for (uint32_t i = 0; i < like->workers * OWN; i++) {
        person_check(gallery, &like->board->entries[i].at_end, i);
        want += like->board->entries[i].at_end.present;
    }
    torture_ok(fm_gallery_count(gallery, &identities, NULL, &err), &err, "count");
    CHECK(identities == want, "%zu identities, not %zu", identities, want);
    fm_gallery_close(gallery);
    torture_integrity(folder->gallery);
    all = scan_read(folder);
    for (uint32_t i = 0; i < like->workers * OWN; i++) {
        const person *p = &like->board->entries[i].at_end;
        CHECK(p->present || !scan_has_texts(&all, i), "texts of %u are in the files", i);
        for (int t = 0; t < MOST_TEMPLATES; t++)
            CHECK(p->templates >> t & 1 || !scan_has_vector(&all, i, t),
                  "template %d of %u is in the files", t, i);
    }
    scan_free(&all);
}

int main(int argc, char **argv)
{
    torture_folder folder;
    uint32_t processes = argc > 3 ? (uint32_t)atoi(argv[2]) : 0;
    uint32_t threads = argc > 3 ? (uint32_t)atoi(argv[3]) : 0;
    worker like = {.workers = processes * threads};
    int status;
    if (processes < 1 || threads < 1 || like.workers > MOST_WORKERS) {
        fprintf(stderr, "torture_stress SECONDS PROCESSES THREADS [SEED], together at most %d\n",
                MOST_WORKERS);
        return 2;
    }
    like.seed = argc > 4 ? strtoull(argv[4], NULL, 10) : (uint64_t)getpid() << 16;
    printf("seed %" PRIu64 "\n", like.seed);
    fflush(stdout);
    like.until = torture_now() + atof(argv[1]);
    like.board =
        mmap(NULL, sizeof *like.board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(like.board != MAP_FAILED, "no shared memory");
    torture_model();
    torture_folder_make(&folder);
    like.path = folder.gallery;
    for (uint32_t i = 0; i < processes; i++) {
        pid_t pid = fork();
        CHECK(pid >= 0, "no process");
        if (pid == 0)
            run_process(&like, i * threads, threads);
    }
    for (uint32_t i = 0; i < processes; i++) {
        CHECK(wait(&status) > 0, "a process is gone");
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a process ended with %x", status);
    }
    check_end(&like, &folder);
    torture_folder_remove(&folder);
    printf("%" PRIu64 " changes, %" PRIu64 " searches, opened %" PRIu64
           " times more: no lost update, no wrong answer\n",
           like.board->changes, like.board->searches, like.board->reopened);
    return 0;
}
