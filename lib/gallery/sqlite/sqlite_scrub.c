/* Making sure that what was removed is in no file of the gallery any more.
 *
 * secure_delete overwrites a row that is deleted, and a checkpoint that empties the log does away
 * with older versions of its page. What is left are copies that SQLite made when it moved rows from
 * one page to another (measured: in 4 of 1,000 removals): it does not clear the part of a page that
 * has become free in this way. Such a copy lies between the cell pointers and the cells of a b-tree
 * page; if one is found there, the file is rebuilt by VACUUM.
 *
 * The row itself is gone already, so nothing here makes the removal fail. That this is still to be
 * done was written in the removal's own transaction: `rewrites` is ahead of `scrubbed` until it is
 * done. What a process leaves undone, because it dies or because a reader is in the way, is done by
 * the next one that removes something or opens the gallery for writing. It no longer knows which
 * bytes to look for, so it rebuilds the file. */
#include "core/error.h"
#include "core/memory.h"
#include "gallery/sqlite/sqlite.h"
#include <string.h>
#include <time.h>

static size_t two_bytes(const unsigned char *p)
{
    return (size_t)p[0] << 8 | p[1];
}

/* The part of a page that may hold stale copies: of a b-tree page its gap, of any other (overflow,
 * free) all. The format: https://www.sqlite.org/fileformat2.html, sec. 1.6. */
static void stale_part(const unsigned char *page, size_t size, bool first, size_t *from, size_t *to)
{
    const unsigned char *header = page + (first ? 100 : 0);
    bool leaf = header[0] == 10 || header[0] == 13;
    size_t cells = two_bytes(header + 5);
    *from = 0;
    *to = size;
    if (!leaf && header[0] != 2 && header[0] != 5)
        return;
    *from = (size_t)(header - page) + (leaf ? 8 : 12) + 2 * two_bytes(header + 3);
    *to = cells ? cells : 65536;
    if (*to > size)
        *to = size;
    if (*from > *to)
        *from = *to;
}

static bool is_zero(const unsigned char *bytes, size_t size)
{
    return size == 0 || (bytes[0] == 0 && !memcmp(bytes, bytes + 1, size - 1));
}

static bool page_has_trace(const unsigned char *page, size_t size, bool first,
                           const fmi_traces *traces)
{
    size_t from, to;
    stale_part(page, size, first, &from, &to);
    return !is_zero(page + from, to - from) && fmi_traces_in(traces, page + from, to - from);
}

/* SQLite's own descriptor of the file, see sqlite_open.c; NULL when there is none. */
static sqlite3_file *file_of(const fmi_sqlite *s, sqlite3_int64 *size)
{
    sqlite3_file *file = NULL;
    if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
        !file || !file->pMethods || file->pMethods->xFileSize(file, size) != SQLITE_OK)
        return NULL;
    return file;
}

/* true when in doubt */
static bool file_has_trace(const fmi_sqlite *s, fmi_traces *traces)
{
    int64_t page_size = 0;
    sqlite3_int64 size = 0;
    sqlite3_file *file = file_of(s, &size);
    unsigned char *page;
    bool found;
    if (!file || !fmi_traces_prepare(traces) ||
        fmi_sqlite_integer(s, "PRAGMA page_size", &page_size, NULL) != FM_OK || page_size < 512)
        return true;
    page = fmi_alloc((size_t)page_size);
    found = !page;
    for (sqlite3_int64 at = 0; !found && at + page_size <= size; at += page_size)
        found = file->pMethods->xRead(file, page, (int)page_size, at) != SQLITE_OK ||
                page_has_trace(page, (size_t)page_size, at == 0, traces);
    fmi_free_wiped(page, (size_t)page_size);
    return found;
}

/* Removals up to this number have been seen to. A file of the first days lacks the entry. */
static fm_status mark(const fmi_sqlite *s, int64_t rewrites, fm_error *err)
{
    sqlite3_stmt *stmt;
    fm_status status = fmi_sqlite_prepare(
        s, &stmt,
        "INSERT INTO meta (key, value) VALUES ('scrubbed', ?1) ON CONFLICT (key) "
        "DO UPDATE SET value = ?1 WHERE value < ?1",
        err);
    if (status != FM_OK)
        return status;
    sqlite3_bind_int64(stmt, 1, rewrites);
    status = fmi_sqlite_run(s, stmt, err);
    sqlite3_finalize(stmt);
    return status;
}

static fm_status read_state(const fmi_sqlite *s, int64_t *rewrites, int64_t *scrubbed,
                            fm_error *err)
{
    fm_status status =
        fmi_sqlite_integer(s, "SELECT value FROM meta WHERE key = 'rewrites'", rewrites, err);
    if (status == FM_OK)
        status = fmi_sqlite_integer(
            s, "SELECT coalesce((SELECT value FROM meta WHERE key = 'scrubbed'), 0)", scrubbed,
            err);
    return status;
}

/* What is removed while the file is rebuilt has a higher number. VACUUM copies all rows into memory
 * and frees it as it is: those that are removed later are not to be found there. */
fm_status fmi_sqlite_rebuild(const fmi_sqlite *s, fm_error *err)
{
    int64_t rewrites = 0, scrubbed = 0;
    fm_status status = read_state(s, &rewrites, &scrubbed, err);
    if (status == FM_OK)
        status = fmi_sqlite_exec(s, "VACUUM", err);
    fmi_memory_return();
    if (status == FM_OK)
        status = fmi_sqlite_empty_log(s, err);
    if (status == FM_OK && scrubbed < rewrites)
        status = mark(s, rewrites, err);
    return status;
}

/* Where only the mark fails, there is no copy; the file will be rebuilt once more than needed. */
bool fmi_sqlite_scrub(const fmi_sqlite *s, fmi_traces *traces, int64_t rewrites, bool others_wait)
{
    if (!others_wait && fmi_sqlite_empty_log(s, NULL) != FM_OK)
        return false;
    if (others_wait || file_has_trace(s, traces))
        return fmi_sqlite_rebuild(s, NULL) == FM_OK;
    mark(s, rewrites, NULL);
    return true;
}

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Another process may be at it just now: it is given the time that looking through the file takes.
 */
fm_status fmi_sqlite_resume_scrub(const fmi_sqlite *s, fm_error *err)
{
    enum { BASE_MS = 50, BYTES_PER_MS = 256 * 1024, STEP_MS = 5 };
    const struct timespec step = {0, STEP_MS * 1000000};
    sqlite3_int64 size = 0;
    int64_t rewrites = 0, scrubbed = 0, now = 0, until;
    fm_status status = read_state(s, &rewrites, &scrubbed, err);
    if (status != FM_OK || scrubbed >= rewrites)
        return status;
    until = clock_ms() + BASE_MS + (file_of(s, &size) ? size / BYTES_PER_MS : 0);
    while (status == FM_OK && scrubbed < rewrites && clock_ms() < until) {
        nanosleep(&step, NULL);
        status = read_state(s, &now, &scrubbed, err);
    }
    if (status == FM_OK && scrubbed < rewrites)
        status = fmi_sqlite_rebuild(s, err);
    return status;
}
