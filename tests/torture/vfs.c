/* A VFS in front of SQLite's own. It counts the steps that change something outside the process,
 * and at the one that was asked for does what a crash, a power cut or a broken disk would do.
 *
 * For the power cut it remembers every write since the last flush of a file, with the bytes that
 * were there before, and takes some of them back. Not thread-safe. */
#include "torture.h"
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct write_record {
    struct write_record *next; /* the one before */
    sqlite3_int64 at;
    sqlite3_int64 size_before; /* of the file */
    int length;
    unsigned char before[];
} write_record;

typedef struct trapped_file {
    sqlite3_file base;
    struct trapped_file *next_open;
    write_record *unflushed; /* newest first */
    sqlite3_file *real;
} trapped_file;

static sqlite3_vfs vfs, *real_vfs;
static sqlite3_io_methods methods;
static trapped_file *open_files;
static torture_trap trap;
static long steps_left, steps;
static uint64_t random_state;

static trapped_file *self(sqlite3_file *file)
{
    return (trapped_file *)file;
}

void torture_vfs_arm(torture_trap with, long step, uint64_t seed)
{
    trap = with;
    steps_left = step;
    steps = 0;
    random_state = seed;
}

long torture_vfs_steps(void)
{
    return steps;
}

int torture_vfs_has_unflushed(void)
{
    for (const trapped_file *f = open_files; f; f = f->next_open)
        if (f->unflushed)
            return 1;
    return 0;
}

static void forget_writes(trapped_file *f)
{
    while (f->unflushed) {
        write_record *next = f->unflushed->next;
        free(f->unflushed);
        f->unflushed = next;
    }
}

/* Newest first, so that what remains is what some order of the disk's writes would have left. */
static void take_back_writes(trapped_file *f)
{
    for (const write_record *w = f->unflushed; w; w = w->next) {
        if (torture_random(&random_state) % 3 == 0)
            continue;
        if (w->length > 0)
            f->real->pMethods->xWrite(f->real, w->before, w->length, w->at);
        if (torture_random(&random_state) % 2 == 0)
            f->real->pMethods->xTruncate(f->real, w->size_before);
    }
}

static void die(void)
{
    if (trap == TRAP_POWER)
        for (trapped_file *f = open_files; f; f = f->next_open)
            take_back_writes(f);
    raise(SIGKILL);
}

/* The next step: is it to fail, and how? */
static int next_step(int is_write)
{
    steps++;
    if (trap == TRAP_NONE || steps_left-- > 0)
        return SQLITE_OK;
    if (trap == TRAP_FULL) {
        steps_left = 0; /* and stays full */
        return is_write ? SQLITE_FULL : SQLITE_OK;
    }
    if (trap == TRAP_IO) {
        trap = TRAP_NONE;
        return SQLITE_IOERR;
    }
    return -1; /* to die */
}

static void remember_write(trapped_file *f, int length, sqlite3_int64 at)
{
    write_record *w = calloc(1, sizeof *w + (size_t)length);
    CHECK(w, "no memory");
    w->at = at;
    w->length = length;
    f->real->pMethods->xFileSize(f->real, &w->size_before);
    if (at + length > w->size_before)
        w->length = at < w->size_before ? (int)(w->size_before - at) : 0;
    if (w->length > 0)
        f->real->pMethods->xRead(f->real, w->before, w->length, at);
    w->next = f->unflushed;
    f->unflushed = w;
}

static int trapped_write(sqlite3_file *file, const void *bytes, int length, sqlite3_int64 at)
{
    trapped_file *f = self(file);
    int rc = next_step(1);
    if (rc > 0)
        return rc;
    remember_write(f, length, at);
    if (rc < 0) {
        f->real->pMethods->xWrite(f->real, bytes, length / 2, at);
        die();
    }
    return f->real->pMethods->xWrite(f->real, bytes, length, at);
}

/* What was written beyond the cut cannot come back. */
static void cut_writes(trapped_file *f, sqlite3_int64 size)
{
    for (write_record *w = f->unflushed; w; w = w->next) {
        if (w->size_before > size)
            w->size_before = size;
        if (w->at + w->length > size)
            w->length = w->at < size ? (int)(size - w->at) : 0;
    }
}

static int trapped_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int rc = next_step(0);
    if (rc > 0)
        return rc;
    if (rc < 0)
        die();
    cut_writes(self(file), size);
    return self(file)->real->pMethods->xTruncate(self(file)->real, size);
}

static int trapped_sync(sqlite3_file *file, int flags)
{
    trapped_file *f = self(file);
    int rc = next_step(0);
    if (rc > 0)
        return rc;
    if (rc < 0)
        die();
    rc = f->real->pMethods->xSync(f->real, flags);
    if (rc == SQLITE_OK)
        forget_writes(f);
    return rc;
}

static int trapped_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    int rc = next_step(0);
    if (rc > 0 && (flags & SQLITE_SHM_UNLOCK) == 0)
        return rc;
    if (rc < 0)
        die();
    return self(file)->real->pMethods->xShmLock(self(file)->real, offset, n, flags);
}

static int trapped_close(sqlite3_file *file)
{
    trapped_file *f = self(file), **link = &open_files;
    int rc = f->real->pMethods->xClose(f->real);
    while (*link && *link != f)
        link = &(*link)->next_open;
    if (*link)
        *link = f->next_open;
    forget_writes(f);
    return rc;
}

static int trapped_delete(sqlite3_vfs *v, const char *name, int sync_folder)
{
    int rc = next_step(0);
    (void)v;
    if (rc > 0)
        return rc;
    if (rc < 0)
        die();
    return real_vfs->xDelete(real_vfs, name, sync_folder);
}

/* What is only passed on. */
#define REAL(file) self(file)->real->pMethods
static int pass_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at)
{
    return REAL(f)->xRead(self(f)->real, out, n, at);
}
static int pass_file_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return REAL(f)->xFileSize(self(f)->real, size);
}
static int pass_lock(sqlite3_file *f, int level)
{
    return REAL(f)->xLock(self(f)->real, level);
}
static int pass_unlock(sqlite3_file *f, int level)
{
    return REAL(f)->xUnlock(self(f)->real, level);
}
static int pass_check_lock(sqlite3_file *f, int *out)
{
    return REAL(f)->xCheckReservedLock(self(f)->real, out);
}
static int pass_control(sqlite3_file *f, int op, void *argument)
{
    return REAL(f)->xFileControl(self(f)->real, op, argument);
}
static int pass_sector_size(sqlite3_file *f)
{
    return REAL(f)->xSectorSize(self(f)->real);
}
static int pass_characteristics(sqlite3_file *f)
{
    return REAL(f)->xDeviceCharacteristics(self(f)->real);
}
static int pass_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return REAL(f)->xShmMap(self(f)->real, page, size, extend, out);
}
static void pass_shm_barrier(sqlite3_file *f)
{
    REAL(f)->xShmBarrier(self(f)->real);
}
static int pass_shm_unmap(sqlite3_file *f, int remove)
{
    return REAL(f)->xShmUnmap(self(f)->real, remove);
}

static int trapped_open(sqlite3_vfs *v, const char *name, sqlite3_file *file, int flags, int *out)
{
    trapped_file *f = self(file);
    int rc;
    (void)v;
    memset(f, 0, sizeof *f);
    f->real = (sqlite3_file *)(f + 1);
    rc = real_vfs->xOpen(real_vfs, name, f->real, flags, out);
    if (rc != SQLITE_OK)
        return rc;
    f->base.pMethods = &methods;
    f->next_open = open_files;
    open_files = f;
    return SQLITE_OK;
}

static int pass_access(sqlite3_vfs *v, const char *name, int flags, int *out)
{
    (void)v;
    return real_vfs->xAccess(real_vfs, name, flags, out);
}
static int pass_full_name(sqlite3_vfs *v, const char *name, int size, char *out)
{
    (void)v;
    return real_vfs->xFullPathname(real_vfs, name, size, out);
}

void torture_vfs_install(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    CHECK(real_vfs, "SQLite has no VFS");
    methods = (sqlite3_io_methods){.iVersion = 2,
                                   .xClose = trapped_close,
                                   .xRead = pass_read,
                                   .xWrite = trapped_write,
                                   .xTruncate = trapped_truncate,
                                   .xSync = trapped_sync,
                                   .xFileSize = pass_file_size,
                                   .xLock = pass_lock,
                                   .xUnlock = pass_unlock,
                                   .xCheckReservedLock = pass_check_lock,
                                   .xFileControl = pass_control,
                                   .xSectorSize = pass_sector_size,
                                   .xDeviceCharacteristics = pass_characteristics,
                                   .xShmMap = pass_shm_map,
                                   .xShmLock = trapped_shm_lock,
                                   .xShmBarrier = pass_shm_barrier,
                                   .xShmUnmap = pass_shm_unmap};
    vfs = *real_vfs;
    vfs.pNext = NULL;
    vfs.zName = "torture";
    vfs.szOsFile = (int)sizeof(trapped_file) + real_vfs->szOsFile;
    vfs.xOpen = trapped_open;
    vfs.xDelete = trapped_delete;
    vfs.xAccess = pass_access;
    vfs.xFullPathname = pass_full_name;
    CHECK(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK, "the VFS is refused");
}
