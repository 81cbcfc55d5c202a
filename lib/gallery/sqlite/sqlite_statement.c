#include "core/error.h"
#include "core/memory.h"
#include "core/text.h"
#include "gallery/check.h"
#include "gallery/sqlite/sqlite.h"
#include "gallery/sqlite/sqlite_seal.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static fm_status status_of(int rc)
{
    switch (rc & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: /* the write-ahead log's locks stayed contended */
        return FM_E_BUSY;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOLFS:
        return FM_E_IO;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return FM_E_PERMISSION;
    case SQLITE_NOMEM:
        return FM_E_NO_MEMORY;
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
        return FM_E_INTERNAL;
    default: /* NOTADB, CORRUPT, and what only a damaged schema or row can bring about */
        return FM_E_CORRUPT;
    }
}

fm_status fmi_sqlite_fail(const fmi_sqlite *s, int rc, fm_error *err)
{
    fm_status status = status_of(rc);
    if (status == FM_E_NO_MEMORY)
        return fmi_fail_memory(err);
    if (status == FM_E_BUSY)
        return fmi_fail(err, status, "%s: another process holds the gallery", s->path);
    fmi_fail(err, status, "%s", s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
    return fmi_fail_context(err, status, "%s", s->path);
}

fm_status fmi_sqlite_corrupt(const fmi_sqlite *s, const char *what, fm_error *err)
{
    fmi_fail(err, FM_E_CORRUPT, "%s", what);
    return fmi_fail_context(err, FM_E_CORRUPT, "%s", s->path);
}

fm_status fmi_sqlite_exec(const fmi_sqlite *s, const char *sql, fm_error *err)
{
    int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? FM_OK : fmi_sqlite_fail(s, rc, err);
}

fm_status fmi_sqlite_prepare(const fmi_sqlite *s, sqlite3_stmt **out, const char *sql,
                             fm_error *err)
{
    int rc = sqlite3_prepare_v2(s->db, sql, -1, out, NULL);
    return rc == SQLITE_OK ? FM_OK : fmi_sqlite_fail(s, rc, err);
}

/* --- statements that are kept --- */

enum { MOST_KEPT = 16 };

struct fmi_sqlite_kept {
    size_t count;
    struct {
        sqlite3_stmt *stmt;
        bool taken;
    } item[MOST_KEPT];
};

fmi_sqlite_kept *fmi_sqlite_kept_new(void)
{
    return fmi_calloc(1, sizeof(fmi_sqlite_kept));
}

void fmi_sqlite_kept_free(fmi_sqlite_kept *kept)
{
    for (size_t i = 0; kept && i < kept->count; i++)
        sqlite3_finalize(kept->item[i].stmt);
    fmi_free(kept);
}

fm_status fmi_sqlite_reuse(const fmi_sqlite *s, sqlite3_stmt **out, const char *sql, fm_error *err)
{
    fmi_sqlite_kept *kept = s->kept;
    fm_status status;
    for (size_t i = 0; kept && i < kept->count; i++)
        if (!kept->item[i].taken && !strcmp(sqlite3_sql(kept->item[i].stmt), sql)) {
            kept->item[i].taken = true;
            *out = kept->item[i].stmt;
            return FM_OK;
        }
    status = fmi_sqlite_prepare(s, out, sql, err);
    if (status == FM_OK && kept && kept->count < MOST_KEPT) {
        kept->item[kept->count].stmt = *out;
        kept->item[kept->count++].taken = true;
    }
    return status;
}

/* Bindings point to what is the caller's. */
void fmi_sqlite_done(const fmi_sqlite *s, sqlite3_stmt *stmt)
{
    fmi_sqlite_kept *kept = s->kept;
    for (size_t i = 0; stmt && kept && i < kept->count; i++)
        if (kept->item[i].stmt == stmt) {
            sqlite3_reset(stmt);
            sqlite3_clear_bindings(stmt);
            kept->item[i].taken = false;
            return;
        }
    sqlite3_finalize(stmt);
}

/* --- steps and values --- */

fm_status fmi_sqlite_step(const fmi_sqlite *s, sqlite3_stmt *stmt, bool *row, fm_error *err)
{
    int rc = sqlite3_step(stmt);
    *row = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? FM_OK : fmi_sqlite_fail(s, rc, err);
}

fm_status fmi_sqlite_integer(const fmi_sqlite *s, const char *sql, int64_t *out, fm_error *err)
{
    sqlite3_stmt *stmt;
    bool row = false;
    fm_status status = fmi_sqlite_prepare(s, &stmt, sql, err);
    if (status != FM_OK)
        return status;
    status = fmi_sqlite_step(s, stmt, &row, err);
    if (status == FM_OK && (!row || sqlite3_column_type(stmt, 0) != SQLITE_INTEGER))
        status = fmi_sqlite_corrupt(s, "an entry of the gallery is missing", err);
    if (status == FM_OK)
        *out = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return status;
}

fm_status fmi_sqlite_run(const fmi_sqlite *s, sqlite3_stmt *stmt, fm_error *err)
{
    bool row;
    return fmi_sqlite_step(s, stmt, &row, err);
}

fm_status fmi_sqlite_text(const fmi_sqlite *s, sqlite3_stmt *stmt, int column, char *out,
                          size_t max, fm_error *err)
{
    const char *text;
    size_t size;
    if (sqlite3_column_type(stmt, column) != SQLITE_TEXT)
        return fmi_sqlite_corrupt(s, "a text of the gallery is missing", err);
    text = (const char *)sqlite3_column_text(stmt, column);
    if (!text)
        return fmi_fail_memory(err);
    size = (size_t)sqlite3_column_bytes(stmt, column);
    if (size > max || !fmi_utf8_valid(text, size))
        return fmi_sqlite_corrupt(s, "a text of the gallery is too long or not UTF-8", err);
    memcpy(out, text, size);
    out[size] = '\0';
    return FM_OK;
}

fm_status fmi_sqlite_vector_bytes(fmi_sqlite *s, const unsigned char *bytes, fm_error *err)
{
    size_t dim = (size_t)s->base.pin.dim;
    bool finite = true, zero = true;
    fmi_vector_from_le(s->vector, bytes, dim);
    for (size_t i = 0; i < dim; i++) {
        finite = finite && isfinite(s->vector[i]);
        zero = zero && s->vector[i] == 0;
    }
    return finite && !zero ? FM_OK : fmi_sqlite_corrupt(s, "a template is not a direction", err);
}

fm_status fmi_sqlite_vector(fmi_sqlite *s, sqlite3_stmt *stmt, int column, fm_error *err)
{
    size_t dim = (size_t)s->base.pin.dim;
    const unsigned char *blob;
    if (sqlite3_column_type(stmt, column) != SQLITE_BLOB ||
        (size_t)sqlite3_column_bytes(stmt, column) != dim * sizeof(float))
        return fmi_sqlite_corrupt(s, "a template has the wrong length", err);
    blob = sqlite3_column_blob(stmt, column);
    return blob ? fmi_sqlite_vector_bytes(s, blob, err) : fmi_fail_memory(err);
}

void fmi_sqlite_rollback(const fmi_sqlite *s)
{
    /* fails only where SQLite has rolled back by itself */
    if (!sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    fmi_sealed_forget_changes(s);
}

/* Where flushing the log has failed, the transaction stands in it as if it were whole, and would be
 * there after a crash although it was refused. The next one to write takes its place: one that
 * changes nothing. */
static void bury_transaction(const fmi_sqlite *s)
{
    char sql[64];
    int64_t version = 0;
    if (fmi_sqlite_integer(s, "PRAGMA user_version", &version, NULL) != FM_OK)
        return;
    snprintf(sql, sizeof sql, "PRAGMA user_version=%lld", (long long)version);
    sqlite3_exec(s->db, sql, NULL, NULL, NULL);
}

fm_status fmi_sqlite_commit(const fmi_sqlite *s, fm_error *err)
{
    fm_status status = fmi_sealed_count_changes(s, err);
    if (status == FM_OK)
        status = fmi_sqlite_exec(s, "COMMIT", err);
    if (status != FM_OK)
        fmi_sqlite_rollback(s);
    if (status == FM_E_IO)
        bury_transaction(s);
    return status;
}

/* PRAGMA wal_checkpoint answers with a row that begins with 1 when a reader was in the way. */
fm_status fmi_sqlite_empty_log(const fmi_sqlite *s, fm_error *err)
{
    int64_t blocked = 1;
    fm_status status = fmi_sqlite_integer(s, "PRAGMA wal_checkpoint(TRUNCATE)", &blocked, err);
    if (status == FM_OK && blocked)
        status =
            fmi_fail(err, FM_E_BUSY, "%s: another process is reading, so its log stays", s->path);
    return status;
}
