/* Making sure that what was removed is in no file of the gallery any more.
 *
 * secure_delete overwrites a row that is deleted, and a checkpoint that empties the log does away
 * with older versions of its page. What is left are copies that SQLite made when it moved rows from
 * one page to another (measured: in 4 of 1,000 removals): it does not clear the part of a page that
 * has become free in this way. Such a copy lies between the cell pointers and the cells of a b-tree
 * page; if one is found there, the file is rebuilt by VACUUM.
 *
 * The row itself is gone already, so nothing here makes the removal fail. */
#include "core/memory.h"
#include "gallery/sqlite.h"
#include <string.h>

enum { SHORTEST_TRACE = 4 }; /* fewer bytes cannot be told from other data */

static void add_piece(fmi_traces *traces, const unsigned char *bytes, size_t size)
{
    if (traces->count == FMI_TRACES)
        return;
    memcpy(traces->item[traces->count].bytes, bytes, size);
    traces->item[traces->count++].size = size;
}

/* Beginning and end: a copy may have been overwritten in part. */
void fmi_traces_add(fmi_traces *traces, const void *bytes, size_t size)
{
    size_t piece = size < FMI_TRACE_BYTES ? size : FMI_TRACE_BYTES;
    if (size < SHORTEST_TRACE)
        return;
    add_piece(traces, bytes, piece);
    if (size > piece)
        add_piece(traces, (const unsigned char *)bytes + size - piece, piece);
}

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

static bool contains(const unsigned char *bytes, size_t size, const unsigned char *piece,
                     size_t piece_size)
{
    const unsigned char *at = bytes, *end = bytes + size;
    while ((size_t)(end - at) >= piece_size) {
        at = memchr(at, piece[0], (size_t)(end - at) - piece_size + 1);
        if (!at)
            return false;
        if (!memcmp(at, piece, piece_size))
            return true;
        at++;
    }
    return false;
}

static bool page_has_trace(const unsigned char *page, size_t size, bool first,
                           const fmi_traces *traces)
{
    size_t from, to;
    stale_part(page, size, first, &from, &to);
    if (is_zero(page + from, to - from))
        return false;
    for (size_t i = 0; i < traces->count; i++)
        if (contains(page + from, to - from, traces->item[i].bytes, traces->item[i].size))
            return true;
    return false;
}

/* Reads through SQLite's own descriptor; see sqlite_open.c. true when in doubt. */
static bool file_has_trace(const fmi_sqlite *s, const fmi_traces *traces)
{
    int64_t page_size = 0;
    sqlite3_int64 file_size = 0;
    sqlite3_file *file = NULL;
    unsigned char *page;
    bool found;
    if (fmi_sqlite_integer(s, "PRAGMA page_size", &page_size, NULL) != FM_OK || page_size < 512 ||
        sqlite3_file_control(s->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
        !file || !file->pMethods || file->pMethods->xFileSize(file, &file_size) != SQLITE_OK)
        return true;
    page = fmi_alloc((size_t)page_size);
    found = !page;
    for (sqlite3_int64 at = 0; !found && at + page_size <= file_size; at += page_size)
        found = file->pMethods->xRead(file, page, (int)page_size, at) != SQLITE_OK ||
                page_has_trace(page, (size_t)page_size, at == 0, traces);
    fmi_free_wiped(page, (size_t)page_size);
    return found;
}

bool fmi_sqlite_rebuild(const fmi_sqlite *s)
{
    return sqlite3_exec(s->db, "VACUUM", NULL, NULL, NULL) == SQLITE_OK &&
           fmi_sqlite_empty_log(s, NULL) == FM_OK;
}

bool fmi_sqlite_scrub(const fmi_sqlite *s, const fmi_traces *traces)
{
    if (fmi_sqlite_empty_log(s, NULL) != FM_OK)
        return false;
    return !file_has_trace(s, traces) || fmi_sqlite_rebuild(s);
}
