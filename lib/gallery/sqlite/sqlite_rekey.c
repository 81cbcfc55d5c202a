/* Another key for a gallery, or its first one. Only the lock would have to change; but whoever has
 * an old copy of the file and the old key has the gallery's own key, too. So there is a new one,
 * and every row is sealed anew, in one transaction.
 *
 * What was plain, or sealed under the old key, would stay in free parts of the file. It is
 * therefore rebuilt, and its log emptied. */
#include "core/error.h"
#include "core/log.h"
#include "core/memory.h"
#include "gallery/sqlite/sqlite_seal.h"
#include <string.h>

/* `from` is read, `to` writes: the same file, each with its sealing. */
typedef struct change {
    fmi_sqlite *from;
    const fmi_sqlite *to;
    sqlite3_stmt *next, *update;
    char *metadata;
    int64_t identities, templates;
} change;

static void end_pass(change *c)
{
    sqlite3_finalize(c->next);
    sqlite3_finalize(c->update);
    c->next = c->update = NULL;
}

static fm_status begin_pass(change *c, const char *next, const char *update, fm_error *err)
{
    fm_status status = fmi_sqlite_prepare(c->from, &c->next, next, err);
    return status == FM_OK ? fmi_sqlite_prepare(c->from, &c->update, update, err) : status;
}

/* The row after `no`. A row must not be written while the statement that found it is under way, so
 * what is read of it is kept, and the statement reset. */
static fm_status find_next(const change *c, int64_t no, bool *row, fm_error *err)
{
    sqlite3_reset(c->next);
    sqlite3_bind_int64(c->next, 1, no);
    return fmi_sqlite_step(c->from, c->next, row, err);
}

static fm_status write_row(const change *c, fm_status status, fm_error *err)
{
    if (status == FM_OK)
        status = fmi_sqlite_run(c->to, c->update, err);
    sqlite3_reset(c->update);
    sqlite3_clear_bindings(c->update);
    return status;
}

static fm_status read_identity(const change *c, int64_t no, fm_identity *identity, fm_error *err)
{
    enum { METADATA = 5 };
    fm_status status = fmi_sqlite_identity(c->from, c->next, identity, err);
    if (status == FM_OK)
        status =
            c->from->sealing
                ? fmi_sealed_metadata(c->from, c->next, METADATA, no, c->metadata, err)
                : fmi_sqlite_text(c->from, c->next, METADATA, c->metadata, FM_METADATA_MAX, err);
    sqlite3_reset(c->next);
    return status;
}

static fm_status write_identity(const change *c, int64_t no, const fm_identity *identity,
                                fm_error *err)
{
    fm_status status;
    sqlite3_bind_int64(c->update, 1, no);
    fmi_sqlite_bind_id(c->to, c->update, 2, identity->id);
    status = fmi_sealed_bind_identity(c->to, c->update, 3, no, identity, err);
    if (status == FM_OK)
        status = fmi_sealed_bind_metadata(c->to, c->update, 4, no, c->metadata, err);
    return write_row(c, status, err);
}

static fm_status change_identities(change *c, fm_error *err)
{
    fm_identity identity = {0};
    int64_t no = INT64_MIN;
    bool row;
    fm_status status = begin_pass(c,
                                  "SELECT " FMI_IDENTITY_COLUMNS ", metadata FROM identities "
                                  "WHERE identity_no > ? ORDER BY identity_no LIMIT 1",
                                  "UPDATE identities SET id = ?2, display_name = ?3, metadata = ?4 "
                                  "WHERE identity_no = ?1",
                                  err);
    while (status == FM_OK && (status = find_next(c, no, &row, err)) == FM_OK && row) {
        no = sqlite3_column_int64(c->next, 0);
        status = read_identity(c, no, &identity, err);
        if (status == FM_OK)
            status = write_identity(c, no, &identity, err);
        c->identities++;
    }
    end_pass(c);
    fmi_wipe(&identity, sizeof identity);
    return status;
}

static fm_status read_template(const change *c, fm_template *about, fm_error *err)
{
    fm_status status = fmi_sqlite_template(c->from, c->next, about, err);
    if (status == FM_OK && !c->from->sealing)
        status = fmi_sqlite_vector(c->from, c->next, FMI_COLUMN_VECTOR, err);
    sqlite3_reset(c->next);
    return status;
}

static fm_status write_template(const change *c, int64_t no, const fm_template *about,
                                fm_error *err)
{
    fm_status status;
    sqlite3_bind_int64(c->update, 1, about->template_id);
    status = fmi_sealed_bind_template(c->to, c->update, 2, no, about, c->from->vector, err);
    return write_row(c, status, err);
}

static fm_status change_templates(change *c, fm_error *err)
{
    fm_template about = {.template_id = INT64_MIN};
    bool row;
    fm_status status = begin_pass(c,
                                  "SELECT " FMI_TEMPLATE_COLUMNS " FROM templates t "
                                  "WHERE template_id > ? ORDER BY template_id LIMIT 1",
                                  "UPDATE templates SET vector = ?2, quality = NULL, label = '' "
                                  "WHERE template_id = ?1",
                                  err);
    while (status == FM_OK && (status = find_next(c, about.template_id, &row, err)) == FM_OK &&
           row) {
        int64_t no = sqlite3_column_int64(c->next, 1);
        status = read_template(c, &about, err);
        if (status == FM_OK)
            status = write_template(c, no, &about, err);
        c->templates++;
    }
    end_pass(c);
    return status;
}

/* Rows that someone took away are not to be forgotten by a new key. */
static fm_status check_counts(const change *c, fm_error *err)
{
    int64_t identities = c->identities, templates = c->templates;
    fm_status status =
        c->from->sealing ? fmi_sealed_counts(c->from, &identities, &templates, err) : FM_OK;
    if (status == FM_OK && (identities != c->identities || templates != c->templates))
        status =
            fmi_sqlite_corrupt(c->from, "rows have vanished, or were added by other means", err);
    return status;
}

static fm_status change_inside(change *c, fm_error *err)
{
    fm_status status = fmi_sealed_guard(c->from, err);
    if (status == FM_OK)
        status = change_identities(c, err);
    if (status == FM_OK)
        status = change_templates(c, err);
    if (status == FM_OK)
        status = check_counts(c, err);
    if (status == FM_OK)
        status = fmi_sealed_put_lock(c->to, c->identities, c->templates, err);
    if (status == FM_OK)
        status = fmi_sqlite_set_version(c->to, true, err);
    if (status == FM_OK)
        status =
            fmi_sqlite_exec(c->to, "UPDATE meta SET value = value + 1 WHERE key = 'rewrites'", err);
    return status;
}

static fm_status change_key(fmi_sqlite *s, const fmi_sqlite *to, fm_error *err)
{
    change c = {.from = s, .to = to, .metadata = fmi_alloc(FM_METADATA_MAX + 1)};
    fm_status status;
    if (!c.metadata)
        return fmi_fail_memory(err);
    status = fmi_sqlite_exec(s, "BEGIN IMMEDIATE", err);
    if (status == FM_OK) {
        status = change_inside(&c, err);
        if (status == FM_OK)
            status = fmi_sqlite_commit(s, err);
        else
            fmi_sqlite_rollback(s);
    }
    fmi_wipe(s->vector, (size_t)s->base.pin.dim * sizeof *s->vector);
    fmi_free_wiped(c.metadata, FM_METADATA_MAX + 1);
    return status;
}

fm_status fmi_sqlite_rekey(fmi_store *store, const fm_gallery_key *key, fm_error *err)
{
    fmi_sqlite *s = (fmi_sqlite *)store, to = *s;
    fmi_seal *seal;
    fm_status status = fmi_seal_make(&seal, key, err); /* before anybody is kept waiting */
    if (status == FM_OK)
        status = fmi_sealing_new(&to.sealing, s, seal, err);
    if (status != FM_OK)
        return status;
    status = change_key(s, &to, err);
    if (status != FM_OK) {
        fmi_sealing_free(to.sealing);
        return status;
    }
    fmi_sealing_free(s->sealing);
    s->sealing = to.sealing;
    s->base.sealed = true;
    if (fmi_sqlite_rebuild(s, NULL) != FM_OK)
        fmi_log(FM_LOG_WARNING, "gallery",
                "%s: rows in their old form may remain in the file or its log", s->path);
    return FM_OK;
}
