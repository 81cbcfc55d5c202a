/* Sealed galleries in SQLite: the rows of a plain one, with other values in some columns.
 *
 *   identities.id            keyed hash of the id, so that it can be looked up
 *   identities.display_name  id and display name, sealed; their place: number and both times
 *   identities.metadata      sealed; its place: the identity's number
 *   templates.vector         vector, quality and label, sealed; their place: both numbers, time
 *   templates.quality, label NULL and ""
 *   meta 'seal'              the lock (seal.h)
 *   meta 'seal_counts'       identities and templates, sealed; their place: all that the gallery
 *                            says about its model
 */
#ifndef FMI_SQLITE_SEAL_H
#define FMI_SQLITE_SEAL_H

#include "gallery/seal/seal.h"
#include "gallery/sqlite/sqlite.h"

/* What was read, or what an index tells: a number of rows, and a sum over their keys. */
typedef struct fmi_tally {
    int64_t rows;
    uint64_t sum;
} fmi_tally;

typedef struct fmi_sealed_id {
    int64_t no;
    char *id;
} fmi_sealed_id;

struct fmi_sealing {
    fmi_seal *seal;
    /* working memory: room bytes, and FMI_SEAL_OVERHEAD more */
    unsigned char *plain, *sealed;
    size_t room;
    int64_t more_identities, more_templates; /* by the transaction that is under way */
    fmi_tally identities, templates;         /* that were opened */
    /* All ids in their order, as of this state of the gallery; sqlite_ids.c */
    fmi_sealed_id *ids;
    size_t ids_count;
    bool ids_valid;
    uint32_t ids_version;
    int ids_changes;
};

/* --- opening; the lock is compared, so that another process's change of it is noticed --- */

fm_status fmi_sealing_new(fmi_sealing **out, const fmi_sqlite *s, fmi_seal *seal, fm_error *err);
void fmi_sealing_free(fmi_sealing *sealing); /* wipes; NULL is a no-op */
/* Into a new gallery whose pin is known. */
fm_status fmi_sealed_create(fmi_sqlite *s, const fm_gallery_key *key, fm_error *err);
/* s->sealing, or NULL for a plain one. sealed: what the file's version says. */
fm_status fmi_sealed_unlock(fmi_sqlite *s, const fm_gallery_key *key, bool sealed, fm_error *err);
/* FM_E_PERMISSION: the key was changed since. To be asked in every transaction that writes. */
fm_status fmi_sealed_guard(const fmi_sqlite *s, fm_error *err);
/* The same reason, if it is one, for what a read answered. */
fm_status fmi_sealed_explain(const fmi_sqlite *s, fm_status status, fm_error *err);
/* The lock and counts, anew. */
fm_status fmi_sealed_put_lock(const fmi_sqlite *s, int64_t identities, int64_t templates,
                              fm_error *err);

/* --- counting: what vanished or came in by other ways is noticed --- */

/* Written down before a commit, forgotten when it fails; nothing for plain galleries. */
fm_status fmi_sealed_count_changes(const fmi_sqlite *s, fm_error *err);
void fmi_sealed_forget_changes(const fmi_sqlite *s);
void fmi_sealed_removed(const fmi_sqlite *s, int64_t identities, int64_t templates);
fm_status fmi_sealed_counts(const fmi_sqlite *s, int64_t *identities, int64_t *templates,
                            fm_error *err);
/* Around reading all rows; sqlite_tally.c */
void fmi_sealed_begin_tally(const fmi_sqlite *s);
fm_status fmi_sealed_check_tally(const fmi_sqlite *s, fm_error *err);
void fmi_tally_identity(fmi_tally *tally, const unsigned char *hash, int64_t no);
void fmi_tally_template(fmi_tally *tally, int64_t no, int64_t template_id);

/* --- rows --- */

/* An id as a parameter, plain or hashed. */
void fmi_sqlite_bind_id(const fmi_sqlite *s, sqlite3_stmt *stmt, int at, const char *id);
/* From FMI_IDENTITY_COLUMNS. */
fm_status fmi_sealed_identity(const fmi_sqlite *s, sqlite3_stmt *stmt, fm_identity *out,
                              fm_error *err);
/* out[FM_METADATA_MAX + 1] */
fm_status fmi_sealed_metadata(const fmi_sqlite *s, sqlite3_stmt *stmt, int column, int64_t no,
                              char *out, fm_error *err);
/* From FMI_TEMPLATE_COLUMNS: s->vector and, unless NULL, out. */
fm_status fmi_sealed_template(fmi_sqlite *s, sqlite3_stmt *stmt, fm_template *out, fm_error *err);

fm_status fmi_sealed_insert_identity(const fmi_sqlite *s, const fmi_new_template *add, int64_t now,
                                     int64_t *no, fm_error *err);
/* NULL texts leave what is there. */
fm_status fmi_sealed_update_identity(const fmi_sqlite *s, int64_t no, const char *display_name,
                                     const char *metadata, int64_t now, fm_error *err);
fm_status fmi_sealed_insert_template(const fmi_sqlite *s, const fmi_new_template *add, int64_t now,
                                     int64_t no, fm_error *err);

/* What sqlite_rekey.c writes rows with. */
fm_status fmi_sealed_bind_identity(const fmi_sqlite *s, sqlite3_stmt *stmt, int at, int64_t no,
                                   const fm_identity *identity, fm_error *err);
fm_status fmi_sealed_bind_metadata(const fmi_sqlite *s, sqlite3_stmt *stmt, int at, int64_t no,
                                   const char *text, fm_error *err);
fm_status fmi_sealed_bind_template(const fmi_sqlite *s, sqlite3_stmt *stmt, int at, int64_t no,
                                   const fm_template *about, const float *vector, fm_error *err);

/* --- in the order of ids; sqlite_ids.c --- */

void fmi_sealed_forget_ids(fmi_sealing *sealing);

/* Those after after_id; *ids belongs to s and is good until the next call. */
fm_status fmi_sealed_page(const fmi_sqlite *s, const char *after_id, const fmi_sealed_id **ids,
                          size_t *count, fm_error *err);

#endif
