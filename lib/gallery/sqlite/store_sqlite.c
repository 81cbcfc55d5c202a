#include "core/error.h"
#include "core/memory.h"
#include "gallery/check.h"
#include "gallery/sqlite/sqlite.h"
#include "gallery/sqlite/sqlite_seal.h"
#include <math.h>
#include <string.h>

static fmi_sqlite *self(fmi_store *store)
{
    return (fmi_sqlite *)store;
}

static void sqlite_close_store(fmi_store *store)
{
    fmi_sqlite *s = self(store);
    sqlite3_finalize(s->data_version);
    fmi_sqlite_kept_free(s->kept);
    sqlite3_close(s->db); /* the last one to close empties the log and removes it */
    if (s->vector)
        fmi_free_wiped(s->vector, (size_t)s->base.pin.dim * sizeof *s->vector);
    fmi_sealing_free(s->sealing);
    fmi_free(s->path);
    fmi_free(s);
}

/* A statement whose first parameter is the id; ends with fmi_sqlite_done. */
static fm_status reuse_for(const fmi_sqlite *s, sqlite3_stmt **out, const char *sql, const char *id,
                           fm_error *err)
{
    fm_status status = fmi_sqlite_reuse(s, out, sql, err);
    if (status == FM_OK)
        fmi_sqlite_bind_id(s, *out, 1, id);
    return status;
}

/* *no is 0 when there is none. */
static fm_status find_identity(const fmi_sqlite *s, const char *id, int64_t *no, fm_error *err)
{
    sqlite3_stmt *stmt;
    bool row = false;
    fm_status status =
        reuse_for(s, &stmt, "SELECT identity_no FROM identities WHERE id = ?", id, err);
    if (status != FM_OK)
        return status;
    status = fmi_sqlite_step(s, stmt, &row, err);
    if (status == FM_OK)
        *no = row ? sqlite3_column_int64(stmt, 0) : 0;
    fmi_sqlite_done(s, stmt);
    return status;
}

/* Run a statement whose parameters are numbers. */
static fm_status run_numbers(const fmi_sqlite *s, const char *sql, int64_t a, int64_t b,
                             fm_error *err)
{
    sqlite3_stmt *stmt;
    fm_status status = fmi_sqlite_prepare(s, &stmt, sql, err);
    if (status != FM_OK)
        return status;
    sqlite3_bind_int64(stmt, 1, a);
    if (sqlite3_bind_parameter_count(stmt) > 1)
        sqlite3_bind_int64(stmt, 2, b);
    status = fmi_sqlite_run(s, stmt, err);
    sqlite3_finalize(stmt);
    return status;
}

static fm_status count_templates(const fmi_sqlite *s, int64_t no, int64_t *count, fm_error *err)
{
    sqlite3_stmt *stmt;
    bool row = false;
    fm_status status =
        fmi_sqlite_reuse(s, &stmt, "SELECT count(*) FROM templates WHERE identity_no = ?", err);
    if (status != FM_OK)
        return status;
    sqlite3_bind_int64(stmt, 1, no);
    status = fmi_sqlite_step(s, stmt, &row, err);
    if (status == FM_OK)
        *count = sqlite3_column_int64(stmt, 0);
    fmi_sqlite_done(s, stmt);
    return status;
}

/* --- keeping a copy up to date --- */

fm_status fmi_sqlite_data_version(const fmi_sqlite *s, uint32_t *version, fm_error *err)
{
    bool row = false;
    fm_status status = fmi_sqlite_step(s, s->data_version, &row, err);
    if (status == FM_OK)
        *version = (uint32_t)sqlite3_column_int64(s->data_version, 0);
    sqlite3_reset(s->data_version);
    return status;
}

static fm_status sqlite_changed(fmi_store *store, const fmi_sync *sync, bool *changed,
                                fm_error *err)
{
    uint32_t version = 0;
    fm_status status = fmi_sqlite_data_version(self(store), &version, err);
    if (status == FM_OK)
        *changed = !sync->valid || version != sync->token;
    return status;
}

static fm_status read_id(const fmi_sqlite *s, sqlite3_stmt *stmt, fm_identity *out, fm_error *err)
{
    return s->sealing ? fmi_sealed_identity(s, stmt, out, err)
                      : fmi_sqlite_text(s, stmt, 1, out->id, FM_ID_MAX, err);
}

static fm_status read_vector(fmi_sqlite *s, sqlite3_stmt *stmt, fm_error *err)
{
    return s->sealing ? fmi_sealed_template(s, stmt, NULL, err)
                      : fmi_sqlite_vector(s, stmt, FMI_COLUMN_VECTOR, err);
}

static fm_status sync_identities(fmi_sqlite *s, fmi_sync *sync, const fmi_sync_target *target,
                                 fm_error *err)
{
    fm_identity one;
    sqlite3_stmt *stmt;
    bool row;
    fm_status status = fmi_sqlite_prepare(s, &stmt,
                                          "SELECT " FMI_IDENTITY_COLUMNS " FROM identities "
                                          "WHERE identity_no > ? ORDER BY identity_no",
                                          err);
    if (status != FM_OK)
        return status;
    sqlite3_bind_int64(stmt, 1, sync->last_identity);
    while ((status = fmi_sqlite_step(s, stmt, &row, err)) == FM_OK && row) {
        int64_t no = sqlite3_column_int64(stmt, 0);
        status = no > sync->last_identity ? read_id(s, stmt, &one, err)
                                          : fmi_sqlite_corrupt(s, "identities repeat", err);
        if (status == FM_OK)
            status = target->identity(target->user, no, one.id, err);
        if (status != FM_OK)
            break;
        sync->last_identity = no;
    }
    sqlite3_finalize(stmt);
    return status;
}

static fm_status tell_template(const fmi_sqlite *s, const fmi_sync_target *target,
                               int64_t identity_no, int64_t template_id, fm_error *err)
{
    fm_status status = target->template(target->user, identity_no, template_id, s->vector, err);
    return status == FM_E_CORRUPT ? fmi_fail_context(err, status, "%s", s->path) : status;
}

static fm_status sync_templates(fmi_sqlite *s, fmi_sync *sync, const fmi_sync_target *target,
                                fm_error *err)
{
    sqlite3_stmt *stmt;
    bool row;
    fm_status status = fmi_sqlite_prepare(s, &stmt,
                                          "SELECT " FMI_TEMPLATE_COLUMNS " FROM templates t "
                                          "WHERE template_id > ? ORDER BY template_id",
                                          err);
    if (status != FM_OK)
        return status;
    sqlite3_bind_int64(stmt, 1, sync->last_template);
    while ((status = fmi_sqlite_step(s, stmt, &row, err)) == FM_OK && row) {
        int64_t id = sqlite3_column_int64(stmt, 0);
        status = id > sync->last_template ? read_vector(s, stmt, err)
                                          : fmi_sqlite_corrupt(s, "templates repeat", err);
        if (status == FM_OK)
            status = tell_template(s, target, sqlite3_column_int64(stmt, 1), id, err);
        if (status != FM_OK)
            break;
        sync->last_template = id;
    }
    sqlite3_finalize(stmt);
    return status;
}

static fm_status sync_inside(fmi_sqlite *s, fmi_sync *sync, const fmi_sync_target *target,
                             fm_error *err)
{
    uint32_t version = 0;
    int64_t rewrites = 0;
    bool whole;
    fm_status status = fmi_sqlite_data_version(s, &version, err);
    if (status == FM_OK)
        status =
            fmi_sqlite_integer(s, "SELECT value FROM meta WHERE key = 'rewrites'", &rewrites, err);
    if (status != FM_OK)
        return status;
    if (rewrites != sync->rewrites) {
        target->clear(target->user);
        *sync = (fmi_sync){.rewrites = rewrites};
    }
    whole = sync->last_identity == 0 && sync->last_template == 0;
    fmi_sealed_begin_tally(s);
    status = sync_identities(s, sync, target, err);
    if (status == FM_OK)
        status = sync_templates(s, sync, target, err);
    if (status == FM_OK && whole)
        status = fmi_sealed_check_tally(s, err);
    if (status == FM_OK) {
        sync->token = version;
        sync->valid = true;
    }
    return status;
}

static fm_status sqlite_sync(fmi_store *store, fmi_sync *sync, const fmi_sync_target *target,
                             fm_error *err)
{
    fmi_sqlite *s = self(store);
    fm_status status = fmi_sqlite_exec(s, "BEGIN", err);
    if (status != FM_OK)
        return status;
    status = fmi_sealed_explain(s, sync_inside(s, sync, target, err), err);
    fmi_wipe(s->vector, (size_t)s->base.pin.dim * sizeof *s->vector);
    fmi_sqlite_rollback(s); /* it has only read */
    return status;
}

/* --- writing --- */

static void bind_text_or_null(sqlite3_stmt *stmt, int at, const char *text)
{
    if (text)
        sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

/* What was told, or else what is so anyway. */
static int64_t time_or(int64_t told, int64_t otherwise)
{
    return told ? told : otherwise;
}

/* Parameters: 1 id, 2 display name, 3 metadata, 4 when it changed, 5 (of a new one) when it was
 * made
 */
static fm_status write_identity(const fmi_sqlite *s, const char *sql, const fmi_new_template *add,
                                int64_t now, fm_error *err)
{
    sqlite3_stmt *stmt;
    fm_status status = reuse_for(s, &stmt, sql, add->id, err);
    if (status != FM_OK)
        return status;
    bind_text_or_null(stmt, 2, add->display_name);
    bind_text_or_null(stmt, 3, add->metadata);
    sqlite3_bind_int64(stmt, 4, time_or(add->identity_updated_ms, now));
    if (sqlite3_bind_parameter_count(stmt) > 4)
        sqlite3_bind_int64(stmt, 5, time_or(add->identity_created_ms, now));
    status = fmi_sqlite_run(s, stmt, err);
    fmi_sqlite_done(s, stmt);
    return status;
}

static fm_status insert_identity(const fmi_sqlite *s, const fmi_new_template *add, int64_t now,
                                 int64_t *no, fm_error *err)
{
    fm_status status;
    if (s->sealing)
        return fmi_sealed_insert_identity(s, add, now, no, err);
    status = write_identity(
        s,
        "INSERT INTO identities (id, display_name, metadata, created_ms, updated_ms) "
        "VALUES (?1, coalesce(?2, ''), coalesce(?3, '{}'), ?5, ?4)",
        add, now, err);
    if (status == FM_OK)
        *no = sqlite3_last_insert_rowid(s->db);
    return status;
}

static fm_status update_identity(const fmi_sqlite *s, const fmi_new_template *add, int64_t now,
                                 int64_t no, int64_t *templates, fm_error *err)
{
    fm_status status = count_templates(s, no, templates, err);
    if (status != FM_OK)
        return status;
    if (*templates >= FM_LIMIT_TEMPLATES)
        return fmi_fail(err, FM_E_LIMIT, "identity %s has %lld templates, the most that are kept",
                        add->id, (long long)*templates);
    if (s->sealing)
        return fmi_sealed_update_identity(s, no, add->display_name, add->metadata,
                                          time_or(add->identity_updated_ms, now), err);
    return write_identity(s,
                          "UPDATE identities SET display_name = coalesce(?2, display_name), "
                          "metadata = coalesce(?3, metadata), updated_ms = ?4 WHERE id = ?1",
                          add, now, err);
}

/* Through SQLite's interface for blobs, straight from us to its page: what is bound to a statement
 * is put together to a row, and that copy would be left in freed memory. */
static fm_status write_vector(const fmi_sqlite *s, int64_t template_id, const void *bytes, int size,
                              fm_error *err)
{
    sqlite3_blob *blob = NULL;
    fm_status status = FM_OK;
    int rc = sqlite3_blob_open(s->db, "main", "templates", "vector", template_id, 1, &blob);
    if (rc == SQLITE_OK)
        rc = sqlite3_blob_write(blob, bytes, size, 0);
    if (rc != SQLITE_OK)
        status = fmi_sqlite_fail(s, rc, err);
    sqlite3_blob_close(blob);
    return status;
}

static fm_status insert_template(const fmi_sqlite *s, const fmi_new_template *add, int64_t now,
                                 int64_t no, fm_error *err)
{
    size_t dim = (size_t)s->base.pin.dim, size = dim * sizeof(float);
    unsigned char *blob;
    sqlite3_stmt *stmt = NULL;
    fm_status status;
    if (s->sealing)
        return fmi_sealed_insert_template(s, add, now, no, err);
    blob = fmi_alloc(size);
    if (!blob)
        return fmi_fail_memory(err);
    status = fmi_sqlite_reuse(s, &stmt,
                              "INSERT INTO templates (identity_no, created_ms, quality, label, "
                              "vector) VALUES (?, ?, ?, coalesce(?, ''), ?)",
                              err);
    if (status == FM_OK) {
        fmi_vector_to_le(blob, add->vector, dim);
        sqlite3_bind_int64(stmt, 1, no);
        sqlite3_bind_int64(stmt, 2, time_or(add->created_ms, now));
        if (add->has_quality)
            sqlite3_bind_double(stmt, 3, (double)add->quality);
        bind_text_or_null(stmt, 4, add->label);
        sqlite3_bind_zeroblob(stmt, 5, (int)size);
        status = fmi_sqlite_run(s, stmt, err);
    }
    fmi_sqlite_done(s, stmt);
    if (status == FM_OK)
        status = write_vector(s, sqlite3_last_insert_rowid(s->db), blob, (int)size, err);
    fmi_free_wiped(blob, size);
    return status;
}

fm_status fmi_sqlite_add_inside(const fmi_sqlite *s, const fmi_new_template *add,
                                fm_enrollment *out, fm_error *err)
{
    int64_t no = 0, templates = 0, now = fmi_sqlite_now_ms();
    fm_status status = fmi_sealed_guard(s, err);
    if (status == FM_OK)
        status = find_identity(s, add->id, &no, err);
    if (status != FM_OK)
        return status;
    out->new_identity = no == 0;
    status = no == 0 ? insert_identity(s, add, now, &no, err)
                     : update_identity(s, add, now, no, &templates, err);
    if (status != FM_OK || !add->vector)
        return status;
    status = insert_template(s, add, now, no, err);
    out->template_id = sqlite3_last_insert_rowid(s->db);
    out->templates = (int32_t)templates + 1;
    return status;
}

static fm_status sqlite_add(fmi_store *store, const fmi_new_template *add, fm_enrollment *out,
                            fm_error *err)
{
    fmi_sqlite *s = self(store);
    fm_enrollment result = *out;
    fm_status status = fmi_sqlite_exec(s, "BEGIN IMMEDIATE", err);
    if (status != FM_OK)
        return status;
    status = fmi_sqlite_add_inside(s, add, &result, err);
    if (status != FM_OK) {
        fmi_sqlite_rollback(s);
        return status;
    }
    status = fmi_sqlite_commit(s, err);
    if (status == FM_OK)
        *out = result;
    return status;
}

/* As bytes, however damaged they are; in the same way as write_vector. */
static void trace_vector(const fmi_sqlite *s, int64_t template_id, fmi_traces *traces)
{
    sqlite3_blob *blob = NULL;
    unsigned char *bytes = NULL;
    int size = 0;
    if (sqlite3_blob_open(s->db, "main", "templates", "vector", template_id, 0, &blob) ==
        SQLITE_OK) {
        size = sqlite3_blob_bytes(blob);
        bytes = fmi_alloc((size_t)size);
    }
    if (bytes && sqlite3_blob_read(blob, bytes, size, 0) == SQLITE_OK)
        fmi_traces_add(traces, bytes, (size_t)size, false);
    else
        traces->lost = true;
    sqlite3_blob_close(blob);
    fmi_free_wiped(bytes, (size_t)size);
}

static fm_status trace_vectors(const fmi_sqlite *s, int64_t no, int64_t template_id,
                               fmi_traces *traces, size_t *count, fm_error *err)
{
    sqlite3_stmt *stmt;
    bool row;
    fm_status status =
        fmi_sqlite_prepare(s, &stmt,
                           "SELECT template_id FROM templates WHERE identity_no = ?1 "
                           "AND (?2 = 0 OR template_id = ?2)",
                           err);
    if (status != FM_OK)
        return status;
    sqlite3_bind_int64(stmt, 1, no);
    sqlite3_bind_int64(stmt, 2, template_id);
    while ((status = fmi_sqlite_step(s, stmt, &row, err)) == FM_OK && row) {
        trace_vector(s, sqlite3_column_int64(stmt, 0), traces);
        ++*count;
    }
    sqlite3_finalize(stmt);
    return status;
}

static fm_status trace_texts(const fmi_sqlite *s, const char *id, fmi_traces *traces, fm_error *err)
{
    sqlite3_stmt *stmt;
    bool row = false;
    fm_status status = reuse_for(
        s, &stmt, "SELECT id, display_name, metadata FROM identities WHERE id = ?", id, err);
    if (status != FM_OK)
        return status;
    status = fmi_sqlite_step(s, stmt, &row, err);
    for (int i = 0; row && i < 3; i++) {
        const void *text = sqlite3_column_blob(stmt, i);
        if (text)
            fmi_traces_add(traces, text, (size_t)sqlite3_column_bytes(stmt, i), true);
    }
    fmi_sqlite_done(s, stmt);
    return status;
}

static fm_status delete_identity(const fmi_sqlite *s, const char *id, int64_t no,
                                 fmi_traces *traces, fm_error *err)
{
    fm_status status = trace_texts(s, id, traces, err);
    if (status == FM_OK)
        status = run_numbers(s, "DELETE FROM templates WHERE identity_no = ?", no, 0, err);
    if (status == FM_OK)
        status = run_numbers(s, "DELETE FROM identities WHERE identity_no = ?", no, 0, err);
    return status;
}

static fm_status touch_identity(const fmi_sqlite *s, int64_t no, fm_error *err)
{
    if (s->sealing)
        return fmi_sealed_update_identity(s, no, NULL, NULL, fmi_sqlite_now_ms(), err);
    return run_numbers(s, "UPDATE identities SET updated_ms = ?2 WHERE identity_no = ?1", no,
                       fmi_sqlite_now_ms(), err);
}

static fm_status delete_template(const fmi_sqlite *s, int64_t no, int64_t template_id,
                                 fm_error *err)
{
    fm_status status =
        run_numbers(s, "DELETE FROM templates WHERE template_id = ?", template_id, 0, err);
    if (status == FM_OK)
        status = touch_identity(s, no, err);
    return status;
}

/* *rewrites: the number of this removal; *others_wait: as in fmi_sqlite_scrub */
static fm_status count_removal(const fmi_sqlite *s, int64_t *rewrites, bool *others_wait,
                               fm_error *err)
{
    int64_t behind = 0;
    fm_status status = fmi_sqlite_integer(
        s,
        "SELECT value - coalesce((SELECT value FROM meta WHERE key = 'scrubbed'), 0) "
        "FROM meta WHERE key = 'rewrites'",
        &behind, err);
    if (status == FM_OK)
        status =
            fmi_sqlite_exec(s, "UPDATE meta SET value = value + 1 WHERE key = 'rewrites'", err);
    if (status == FM_OK)
        status =
            fmi_sqlite_integer(s, "SELECT value FROM meta WHERE key = 'rewrites'", rewrites, err);
    *others_wait = behind > 0;
    return status;
}

static fm_status remove_inside(const fmi_sqlite *s, const char *id, int64_t template_id,
                               fmi_removal *out, fmi_traces *traces, fm_error *err)
{
    fm_status status = fmi_sealed_guard(s, err);
    if (status == FM_OK)
        status = find_identity(s, id, &out->identity_no, err);
    if (status == FM_OK && out->identity_no == 0)
        status = fmi_store_no_identity(id, err);
    if (status == FM_OK)
        status = trace_vectors(s, out->identity_no, template_id, traces, &out->templates, err);
    if (status == FM_OK && template_id != 0 && out->templates == 0)
        status = fmi_store_no_template(id, template_id, err);
    if (status == FM_OK)
        status = template_id == 0 ? delete_identity(s, id, out->identity_no, traces, err)
                                  : delete_template(s, out->identity_no, template_id, err);
    if (status == FM_OK)
        fmi_sealed_removed(s, template_id == 0, (int64_t)out->templates);
    return status;
}

static fm_status sqlite_remove(fmi_store *store, const char *id, int64_t template_id,
                               fmi_removal *out, fm_error *err)
{
    fmi_sqlite *s = self(store);
    fmi_traces traces = {0};
    fmi_removal result = {0};
    int64_t rewrites = 0;
    bool others_wait = false;
    fm_status status = fmi_sqlite_exec(s, "BEGIN IMMEDIATE", err);
    if (status != FM_OK)
        return status;
    status = remove_inside(s, id, template_id, &result, &traces, err);
    if (status == FM_OK)
        status = count_removal(s, &rewrites, &others_wait, err);
    if (status == FM_OK)
        status = fmi_sqlite_commit(s, err);
    else
        fmi_sqlite_rollback(s);
    if (status == FM_OK) {
        result.copies_remain = !fmi_sqlite_scrub(s, &traces, rewrites, others_wait);
        *out = result;
    }
    fmi_traces_free(&traces);
    return status;
}

/* --- reading --- */

static fm_status sqlite_count(fmi_store *store, int64_t *identities, int64_t *templates,
                              fm_error *err)
{
    fmi_sqlite *s = self(store);
    sqlite3_stmt *stmt;
    bool row = false;
    fm_status status = fmi_sqlite_prepare(
        s, &stmt, "SELECT (SELECT count(*) FROM identities), (SELECT count(*) FROM templates)",
        err);
    if (status != FM_OK)
        return status;
    status = fmi_sqlite_step(s, stmt, &row, err);
    if (status == FM_OK) {
        *identities = sqlite3_column_int64(stmt, 0);
        *templates = sqlite3_column_int64(stmt, 1);
    }
    sqlite3_finalize(stmt);
    return status;
}

#define IDENTITY_COLUMNS                                                                           \
    FMI_IDENTITY_COLUMNS                                                                           \
    ", (SELECT count(*) FROM templates t WHERE t.identity_no = i.identity_no)"

fm_status fmi_sqlite_identity(const fmi_sqlite *s, sqlite3_stmt *stmt, fm_identity *out,
                              fm_error *err)
{
    fm_status status;
    if (s->sealing)
        return fmi_sealed_identity(s, stmt, out, err);
    status = fmi_sqlite_text(s, stmt, 1, out->id, FM_ID_MAX, err);
    if (status == FM_OK)
        status = fmi_sqlite_text(s, stmt, 2, out->display_name, FM_DISPLAY_NAME_MAX, err);
    out->created_ms = sqlite3_column_int64(stmt, 3);
    out->updated_ms = sqlite3_column_int64(stmt, 4);
    return status;
}

static fm_status read_identity(const fmi_sqlite *s, sqlite3_stmt *stmt, fm_identity *out,
                               fm_error *err)
{
    int64_t templates = sqlite3_column_int64(stmt, 5);
    fm_status status = fmi_sqlite_identity(s, stmt, out, err);
    if (status != FM_OK)
        return status;
    if (templates > FM_LIMIT_TEMPLATES)
        return fmi_sqlite_corrupt(s, "an identity has too many templates", err);
    out->templates = (int32_t)templates;
    return FM_OK;
}

static fm_status sqlite_get(fmi_store *store, const char *id, fm_identity *out, fm_error *err)
{
    fmi_sqlite *s = self(store);
    fm_identity result = {{0}, {0}, 0, 0, 0, 0};
    sqlite3_stmt *stmt;
    bool row = false;
    fm_status status =
        reuse_for(s, &stmt, "SELECT " IDENTITY_COLUMNS " FROM identities i WHERE id = ?", id, err);
    if (status != FM_OK)
        return status;
    status = fmi_sqlite_step(s, stmt, &row, err);
    if (status == FM_OK)
        status = row ? read_identity(s, stmt, &result, err) : fmi_store_no_identity(id, err);
    if (status == FM_OK && strcmp(result.id, id))
        status = fmi_sqlite_corrupt(s, "an identity is found under another's id", err);
    if (status == FM_OK)
        *out = result;
    fmi_sqlite_done(s, stmt);
    return fmi_sealed_explain(s, status, err);
}

static fm_status page_add(fmi_page *page, const fmi_sqlite *s, sqlite3_stmt *stmt, fm_error *err)
{
    fm_identity *place = fmi_page_place(page, err);
    fm_status status = place ? read_identity(s, stmt, place, err) : FM_E_NO_MEMORY;
    page->count += status == FM_OK;
    return status;
}

static fm_status list_by_number(const fmi_sqlite *s, const fmi_sealed_id *ids, size_t count,
                                fmi_page *p, fm_error *err)
{
    sqlite3_stmt *stmt;
    bool row = false;
    fm_status status = fmi_sqlite_prepare(
        s, &stmt, "SELECT " IDENTITY_COLUMNS " FROM identities i WHERE identity_no = ?", err);
    if (status != FM_OK)
        return status;
    while (status == FM_OK && p->count < count) {
        sqlite3_reset(stmt);
        sqlite3_bind_int64(stmt, 1, ids[p->count].no);
        status = fmi_sqlite_step(s, stmt, &row, err);
        if (status == FM_OK)
            status = row ? page_add(p, s, stmt, err)
                         : fmi_sqlite_corrupt(s, "an identity is missing", err);
    }
    sqlite3_finalize(stmt);
    return status;
}

static fm_status list_by_id(const fmi_sqlite *s, const char *after_id, size_t capacity, fmi_page *p,
                            fm_error *err)
{
    sqlite3_stmt *stmt;
    bool row = true;
    fm_status status = reuse_for(
        s, &stmt, "SELECT " IDENTITY_COLUMNS " FROM identities i WHERE id > ? ORDER BY id",
        after_id, err);
    if (status != FM_OK)
        return status;
    while (p->count < capacity && (status = fmi_sqlite_step(s, stmt, &row, err)) == FM_OK && row)
        if ((status = page_add(p, s, stmt, err)) != FM_OK)
            break;
    fmi_sqlite_done(s, stmt);
    return status;
}

/* The ids and the rows are to be those of one state of the file. */
static fm_status list_sealed(const fmi_sqlite *s, const char *after_id, size_t capacity,
                             fmi_page *p, fm_error *err)
{
    bool own = sqlite3_get_autocommit(s->db) != 0;
    const fmi_sealed_id *ids;
    size_t count = 0;
    fm_status status = own ? fmi_sqlite_exec(s, "BEGIN", err) : FM_OK;
    if (status != FM_OK)
        return status;
    status = fmi_sealed_page(s, after_id, &ids, &count, err);
    if (status == FM_OK)
        status = list_by_number(s, ids, count < capacity ? count : capacity, p, err);
    if (own)
        fmi_sqlite_rollback(s); /* it has only read */
    return status;
}

static fm_status sqlite_list(fmi_store *store, const char *after_id, fm_identity *out,
                             size_t capacity, size_t *count, fm_error *err)
{
    fmi_sqlite *s = self(store);
    fmi_page p = {NULL, 0, 0};
    fm_status status = s->sealing ? list_sealed(s, after_id, capacity, &p, err)
                                  : list_by_id(s, after_id, capacity, &p, err);
    if (status == FM_OK)
        fmi_page_hand_over(&p, out, count);
    fmi_free(p.items);
    return fmi_sealed_explain(s, status, err);
}

static fm_status read_metadata(const fmi_sqlite *s, sqlite3_stmt *stmt, char *out, fm_error *err)
{
    return s->sealing ? fmi_sealed_metadata(s, stmt, 0, sqlite3_column_int64(stmt, 1), out, err)
                      : fmi_sqlite_text(s, stmt, 0, out, FM_METADATA_MAX, err);
}

static fm_status sqlite_metadata(fmi_store *store, const char *id, char **out, fm_error *err)
{
    fmi_sqlite *s = self(store);
    sqlite3_stmt *stmt;
    bool row = false;
    char *text = NULL;
    fm_status status =
        reuse_for(s, &stmt, "SELECT metadata, identity_no FROM identities WHERE id = ?", id, err);
    if (status != FM_OK)
        return status;
    status = fmi_sqlite_step(s, stmt, &row, err);
    if (status == FM_OK && !row)
        status = fmi_store_no_identity(id, err);
    if (status == FM_OK) {
        text = fmi_alloc(FM_METADATA_MAX + 1);
        status = text ? read_metadata(s, stmt, text, err) : fmi_fail_memory(err);
    }
    fmi_sqlite_done(s, stmt);
    if (status == FM_OK)
        *out = text;
    else
        fmi_free(text);
    return fmi_sealed_explain(s, status, err);
}

fm_status fmi_sqlite_template(fmi_sqlite *s, sqlite3_stmt *stmt, fm_template *out, fm_error *err)
{
    bool given = sqlite3_column_type(stmt, 4) != SQLITE_NULL;
    double quality = given ? sqlite3_column_double(stmt, 4) : 0;
    if (s->sealing)
        return fmi_sealed_template(s, stmt, out, err);
    *out = (fm_template){.template_id = sqlite3_column_int64(stmt, 0),
                         .created_ms = sqlite3_column_int64(stmt, 2),
                         .quality = given ? (float)quality : NAN};
    if (!(quality >= 0 && quality <= 1))
        return fmi_sqlite_corrupt(s, "a template's quality is not in 0..1", err);
    return fmi_sqlite_text(s, stmt, 5, out->label, FM_LABEL_MAX, err);
}

/* An identity without templates gives one row of NULLs. */
static fm_status sqlite_templates(fmi_store *store, const char *id,
                                  fm_template out[FM_LIMIT_TEMPLATES], size_t *count, fm_error *err)
{
    fmi_sqlite *s = self(store);
    size_t n = 0, rows = 0;
    sqlite3_stmt *stmt;
    bool row;
    fm_status status =
        reuse_for(s, &stmt,
                  "SELECT " FMI_TEMPLATE_COLUMNS " FROM identities i LEFT JOIN templates t "
                  "ON t.identity_no = i.identity_no WHERE i.id = ? ORDER BY template_id",
                  id, err);
    if (status != FM_OK)
        return status;
    while ((status = fmi_sqlite_step(s, stmt, &row, err)) == FM_OK && row) {
        rows++;
        if (sqlite3_column_type(stmt, 0) == SQLITE_NULL)
            continue;
        status = n < FM_LIMIT_TEMPLATES
                     ? fmi_sqlite_template(s, stmt, &out[n++], err)
                     : fmi_sqlite_corrupt(s, "an identity has too many templates", err);
        if (status != FM_OK)
            break;
    }
    fmi_sqlite_done(s, stmt);
    if (status == FM_OK && rows == 0)
        status = fmi_store_no_identity(id, err);
    if (status == FM_OK)
        *count = n;
    return fmi_sealed_explain(s, status, err);
}

static fm_status tell_vectors(fmi_sqlite *s, sqlite3_stmt *stmt, size_t *told, fmi_vector_fn fn,
                              void *user, fm_error *err)
{
    bool row;
    fm_status status;
    while ((status = fmi_sqlite_step(s, stmt, &row, err)) == FM_OK && row) {
        status = read_vector(s, stmt, err);
        if (status == FM_OK)
            status = fn(user, s->vector);
        if (status != FM_OK)
            break;
        ++*told;
    }
    return status;
}

static fm_status sqlite_vectors(fmi_store *store, const char *id, int64_t template_id,
                                fmi_vector_fn fn, void *user, fm_error *err)
{
    fmi_sqlite *s = self(store);
    int64_t no = 0;
    size_t told = 0;
    sqlite3_stmt *stmt;
    fm_status status = find_identity(s, id, &no, err);
    if (status == FM_OK && no == 0)
        status = fmi_store_no_identity(id, err);
    if (status == FM_OK)
        status = reuse_for(s, &stmt,
                           "SELECT " FMI_TEMPLATE_COLUMNS " FROM identities i JOIN templates t "
                           "ON t.identity_no = i.identity_no WHERE i.id = ?1 "
                           "AND (?2 = 0 OR template_id = ?2) ORDER BY template_id",
                           id, err);
    if (status != FM_OK)
        return fmi_sealed_explain(s, status, err);
    sqlite3_bind_int64(stmt, 2, template_id);
    status = tell_vectors(s, stmt, &told, fn, user, err);
    fmi_sqlite_done(s, stmt);
    fmi_wipe(s->vector, (size_t)s->base.pin.dim * sizeof *s->vector);
    if (status == FM_OK && told == 0)
        status = fmi_store_no_template(id, template_id, err);
    return fmi_sealed_explain(s, status, err);
}

static const fmi_store_ops sqlite_ops = {.close = sqlite_close_store,
                                         .count = sqlite_count,
                                         .changed = sqlite_changed,
                                         .sync = sqlite_sync,
                                         .add = sqlite_add,
                                         .remove = sqlite_remove,
                                         .get = sqlite_get,
                                         .list = sqlite_list,
                                         .metadata = sqlite_metadata,
                                         .templates = sqlite_templates,
                                         .vectors = sqlite_vectors,
                                         .import = fmi_sqlite_import,
                                         .begin_read = fmi_sqlite_begin_read,
                                         .end_read = fmi_sqlite_end_read,
                                         .compact = fmi_sqlite_compact,
                                         .rekey = fmi_sqlite_rekey};

static fm_status open_store(fmi_sqlite *s, const char *path, const fmi_store_config *config,
                            fm_error *err)
{
    fm_status status;
    s->path = fmi_strdup(path);
    if (!s->path)
        return fmi_fail_memory(err);
    s->base.name = s->path;
    status = fmi_sqlite_connect(s, config, err);
    if (status == FM_OK)
        status = fmi_sqlite_prepare(s, &s->data_version, "PRAGMA data_version", err);
    if (status != FM_OK)
        return status;
    s->kept = fmi_sqlite_kept_new();
    if (!s->kept)
        return fmi_fail_memory(err);
    s->vector = fmi_calloc((size_t)s->base.pin.dim, sizeof *s->vector);
    return s->vector ? FM_OK : fmi_fail_memory(err);
}

fm_status fmi_store_sqlite_open(fmi_store **out, const char *path, const fmi_store_config *config,
                                fm_error *err)
{
    fmi_sqlite *s = fmi_calloc(1, sizeof *s);
    fm_status status;
    if (!s)
        return fmi_fail_memory(err);
    s->base.ops = &sqlite_ops;
    status = open_store(s, path, config, err);
    if (status == FM_OK)
        *out = &s->base;
    else
        sqlite_close_store(&s->base);
    return status;
}
