/* What the files of the SQLite store share. */
#ifndef FMI_SQLITE_H
#define FMI_SQLITE_H

#include "gallery/store.h"
#include <sqlite3.h>

typedef struct fmi_sqlite_kept fmi_sqlite_kept;
typedef struct fmi_sealing fmi_sealing;

typedef struct fmi_sqlite {
    fmi_store base;
    sqlite3 *db;
    char *path; /* as the caller gave it */
    sqlite3_stmt *data_version;
    float *vector;         /* float32[dim], working memory */
    fmi_sqlite_kept *kept; /* prepared statements, for use again; NULL: none */
    fmi_sealing *sealing;  /* NULL: plain */
} fmi_sqlite;

/* What is selected of a row wherever it is read: the functions below go by these places. */
#define FMI_IDENTITY_COLUMNS "identity_no, id, display_name, created_ms, updated_ms"
#define FMI_TEMPLATE_COLUMNS "template_id, t.identity_no, t.created_ms, vector, quality, label"
enum { FMI_COLUMN_VECTOR = 3 };

/* sqlite_statement.c: statements, values, errors */
fm_status fmi_sqlite_fail(const fmi_sqlite *s, int rc, fm_error *err);
fm_status fmi_sqlite_corrupt(const fmi_sqlite *s, const char *what, fm_error *err);
fm_status fmi_sqlite_exec(const fmi_sqlite *s, const char *sql, fm_error *err);
fm_status fmi_sqlite_prepare(const fmi_sqlite *s, sqlite3_stmt **out, const char *sql,
                             fm_error *err);
/* The same for a statement that is used often: it ends with fmi_sqlite_done, not with
 * sqlite3_finalize, and is kept. `sql` must be a literal. */
fm_status fmi_sqlite_reuse(const fmi_sqlite *s, sqlite3_stmt **out, const char *sql, fm_error *err);
void fmi_sqlite_done(const fmi_sqlite *s, sqlite3_stmt *stmt); /* NULL is a no-op */
fmi_sqlite_kept *fmi_sqlite_kept_new(void);
void fmi_sqlite_kept_free(fmi_sqlite_kept *kept);
/* One step: *row tells whether there is one. */
fm_status fmi_sqlite_step(const fmi_sqlite *s, sqlite3_stmt *stmt, bool *row, fm_error *err);
/* The first column of the only row; FM_E_CORRUPT when there is none. */
fm_status fmi_sqlite_integer(const fmi_sqlite *s, const char *sql, int64_t *out, fm_error *err);
/* Run to the end; for statements without rows. */
fm_status fmi_sqlite_run(const fmi_sqlite *s, sqlite3_stmt *stmt, fm_error *err);
/* "" to max bytes of UTF-8 without NUL, else FM_E_CORRUPT; out[max + 1]. */
fm_status fmi_sqlite_text(const fmi_sqlite *s, sqlite3_stmt *stmt, int column, char *out,
                          size_t max, fm_error *err);
/* A template's vector into s->vector, from a plain column or from bytes. */
fm_status fmi_sqlite_vector(fmi_sqlite *s, sqlite3_stmt *stmt, int column, fm_error *err);
/* Copy the log into the file and cut it to nothing. FM_E_BUSY when a reader is in the way. */
fm_status fmi_sqlite_empty_log(const fmi_sqlite *s, fm_error *err);
fm_status fmi_sqlite_vector_bytes(fmi_sqlite *s, const unsigned char *bytes, fm_error *err);
void fmi_sqlite_rollback(const fmi_sqlite *s);
fm_status fmi_sqlite_commit(const fmi_sqlite *s, fm_error *err);

/* store_sqlite.c: inside a transaction, which the caller ends; out as by fmi_store_ops.add */
fm_status fmi_sqlite_add_inside(const fmi_sqlite *s, const fmi_new_template *add,
                                fm_enrollment *out, fm_error *err);

/* sqlite_import.c: operations of the store */
fm_status fmi_sqlite_import(fmi_store *store, fmi_next_fn next, void *user, int64_t *templates,
                            fm_error *err);
fm_status fmi_sqlite_begin_read(fmi_store *store, fm_error *err);
void fmi_sqlite_end_read(fmi_store *store);
fm_status fmi_sqlite_compact(fmi_store *store, fm_error *err);

/* sqlite_open.c: s->db, checked to be a gallery of this version, and s->base.pin */
fm_status fmi_sqlite_connect(fmi_sqlite *s, const fmi_store_config *config, fm_error *err);
int64_t fmi_sqlite_now_ms(void);
fm_status fmi_sqlite_set_version(const fmi_sqlite *s, bool sealed, fm_error *err);

/* store_sqlite.c */
fm_status fmi_sqlite_data_version(const fmi_sqlite *s, uint32_t *version, fm_error *err);
/* About a template but its vector; in sealed galleries that, too, into s->vector. */
fm_status fmi_sqlite_template(fmi_sqlite *s, sqlite3_stmt *stmt, fm_template *out, fm_error *err);
fm_status fmi_sqlite_identity(const fmi_sqlite *s, sqlite3_stmt *stmt, fm_identity *out,
                              fm_error *err);

/* sqlite_rekey.c */
fm_status fmi_sqlite_rekey(fmi_store *store, const fm_gallery_key *key, fm_error *err);

/* sqlite_trace.c: finding bytes again that were removed */
typedef struct fmi_trace fmi_trace;
typedef struct fmi_trace_table fmi_trace_table;
typedef struct fmi_traces { /* {0}: none yet */
    fmi_trace *first;
    fmi_trace_table *table;
    bool lost; /* memory did not suffice for one of them */
} fmi_traces;
void fmi_traces_add(fmi_traces *traces, const void *bytes, size_t size, bool is_text);
void fmi_traces_free(fmi_traces *traces); /* wipes */
/* Once, when all are added. false: they cannot be looked for. */
bool fmi_traces_prepare(fmi_traces *traces);
bool fmi_traces_in(const fmi_traces *traces, const unsigned char *bytes, size_t size);

/* sqlite_scrub.c: removed bytes must be found in no file of the gallery. A removal raises
 * `rewrites` in the table meta; `scrubbed` follows when it has been seen to. Those of removal
 * number `rewrites` are given; others_wait: an earlier one has not been seen to. false: copies may
 * remain */
bool fmi_sqlite_scrub(const fmi_sqlite *s, fmi_traces *traces, int64_t rewrites, bool others_wait);
/* Write the file anew, without what was removed. */
fm_status fmi_sqlite_rebuild(const fmi_sqlite *s, fm_error *err);
/* On opening: see to what a process left undone that died during a removal. */
fm_status fmi_sqlite_resume_scrub(const fmi_sqlite *s, fm_error *err);

#endif
