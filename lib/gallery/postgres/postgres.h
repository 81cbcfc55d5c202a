/* What the files of the PostgreSQL store share.
 *
 * On the server a gallery is a row of facematch.galleries and three tables that bear its number:
 * identities_N, templates_N (what is known of a template but its vector), and vectors_N, which is
 * partitioned by a hash of the identity. Its one partition is vectors_N_local; in a sharded gallery
 * the partitions are vectors_N_shard_0..., foreign tables on other servers. What counts is what the
 * first server has: a vector that templates_N does not know is never answered, because servers
 * commit one after the other. docs/postgres.md.
 *
 * SQL is made of literals and of numbers that we gave; everything else is a parameter. */
#ifndef FMI_POSTGRES_H
#define FMI_POSTGRES_H

#include "gallery/store.h"
#include <libpq-fe.h>

enum {
    FMI_PG_SCHEMA_VERSION = 1,
    FMI_PG_SQL = 2048, /* bytes of a statement that is put together */
    FMI_PG_LINE = 192, /* of a message of libpq */
    FMI_PG_MOST_SHARDS = FM_LIMIT_SHARDS,
    FMI_PG_INLINE_DIM = 1900,   /* a row with such a vector fits a page of the server */
    FMI_PG_MOST_DIM = 16000,    /* of pgvector's type */
    FMI_PG_MOST_HNSW_DIM = 2000 /* of its graph */
};

/* What the gallery said of itself when this handle's turn to write began. */
typedef struct fmi_pg_turn {
    int64_t last_identity, last_template, shards;
} fmi_pg_turn;

typedef struct fmi_pg {
    fmi_store base;
    PGconn *conn;    /* NULL: to be connected by the next call */
    char *uri;       /* for libpq, with the password */
    size_t uri_size; /* bytes to be wiped: taking a part out of it leaves its old end behind */
    char *gallery, *name;
    fm_gallery_mode mode;
    int32_t timeout_ms;
    fm_gallery_index index;
    size_t graph_rows; /* with fewer templates the search is exact */
    int64_t no;        /* of the gallery */
    fmi_pin seen;      /* what the server says on a new connection */
    int64_t seen_no;
    fmi_pg_turn turn;
    bool inside;          /* a transaction, so that a lost connection cannot be made anew */
    bool hnsw;            /* there are graphs */
    bool iterative;       /* pgvector goes on where a graph gave too few */
    bool undefined;       /* the last statement failed for want of a table */
    float *vector;        /* float32[dim], working memory */
    unsigned char *bytes; /* of a vector on the wire, fmi_pg_vector_bytes(dim) */
} fmi_pg;

/* --- postgres_statement.c: parameters, rows, errors --- */

enum { FMI_PG_MOST_PARAMS = 12 };

/* {0}: none yet. What is put in is borrowed, but for numbers. */
typedef struct fmi_pg_params {
    int count;
    const char *values[FMI_PG_MOST_PARAMS]; /* NULL: NULL */
    int lengths[FMI_PG_MOST_PARAMS], formats[FMI_PG_MOST_PARAMS];
    unsigned char numbers[FMI_PG_MOST_PARAMS][8];
} fmi_pg_params;

void fmi_pg_put_text(fmi_pg_params *params, const char *text);         /* NULL: NULL */
void fmi_pg_put_integer(fmi_pg_params *params, int64_t value);         /* $n::bigint */
void fmi_pg_put_real(fmi_pg_params *params, bool given, double value); /* $n::double precision */
/* $n::vector; from s->bytes, so there is one at a time. */
void fmi_pg_put_vector(const fmi_pg *s, fmi_pg_params *params, const float *vector);
size_t fmi_pg_vector_bytes(size_t dim);

/* A row of an answer; its values are those of the columns, in pgvector's and PostgreSQL's binary
 * form. A getter that fails answers FM_E_CORRUPT. */
typedef struct fmi_pg_row {
    const fmi_pg *s;
    PGresult *result;
    int row;
} fmi_pg_row;

bool fmi_pg_is_null(const fmi_pg_row *row, int column);
int64_t fmi_pg_integer(const fmi_pg_row *row, int column); /* bigint; 0 where it is none */
double fmi_pg_real(const fmi_pg_row *row, int column);     /* double precision; NaN */
/* "" to max bytes of UTF-8 without NUL; out[max + 1] */
fm_status fmi_pg_text(const fmi_pg_row *row, int column, char *out, size_t max, fm_error *err);
/* A direction, into s->vector; the copy in the answer is wiped. */
fm_status fmi_pg_vector(const fmi_pg_row *row, int column, fm_error *err);

typedef fm_status (*fmi_pg_row_fn)(void *user, const fmi_pg_row *row, fm_error *err);

/* Run a statement and tell its rows one by one as they come; fn may be NULL, params too. *rows: how
 * many rows it gave or changed; may be NULL. fn may not use the connection. Every @ in the
 * statement stands for the gallery's number. */
fm_status fmi_pg_query(fmi_pg *s, const char *sql, const fmi_pg_params *params, fmi_pg_row_fn fn,
                       void *user, int64_t *rows, fm_error *err);
/* The same without @, of any length. */
fm_status fmi_pg_query_raw(fmi_pg *s, const char *sql, const fmi_pg_params *params,
                           fmi_pg_row_fn fn, void *user, int64_t *rows, fm_error *err);
/* Statements without parameters and rows, several with ; between them. */
fm_status fmi_pg_exec(fmi_pg *s, const char *sql, fm_error *err);
fm_status fmi_pg_exec_raw(fmi_pg *s, const char *sql, fm_error *err);
/* The first column of the only row, a bigint; FM_E_CORRUPT when there is none. */
fm_status fmi_pg_get_integer(fmi_pg *s, const char *sql, const fmi_pg_params *params, int64_t *out,
                             fm_error *err);
void fmi_pg_first_line(char out[FMI_PG_LINE], const char *text);
fm_status fmi_pg_corrupt(const fmi_pg *s, const char *what, fm_error *err);
/* err for a failure of the connection; it is given up when it is lost. result may be NULL. */
fm_status fmi_pg_fail(fmi_pg *s, const PGresult *result, fm_error *err);

/* Into an array of FMI_PG_SQL bytes or the like. */
#define FMI_PG_FORMAT(sql, ...) snprintf(sql, sizeof(sql), __VA_ARGS__)

/* --- postgres_connect.c --- */

/* s->uri, s->gallery and s->name from the caller's URI. */
fm_status fmi_pg_read_uri(fmi_pg *s, const char *uri, fm_error *err);
/* To s->uri: connected and set up, nothing looked at yet. */
fm_status fmi_pg_connect(fmi_pg *s, fm_error *err);
/* Connected? If not, connect, and look whether the gallery is still there; inside a transaction
 * that is an error. */
fm_status fmi_pg_ready(fmi_pg *s, fm_error *err);
void fmi_pg_disconnect(fmi_pg *s);
fm_status fmi_pg_begin_write(fmi_pg *s, fm_error *err); /* takes the gallery's row: BUSY */
fm_status fmi_pg_begin_read(fmi_pg *s, fm_error *err);  /* one state */
fm_status fmi_pg_commit(fmi_pg *s, fm_error *err);      /* rolls back when it fails */
void fmi_pg_rollback(fmi_pg *s);
int64_t fmi_pg_now_ms(void);

/* --- postgres_schema.c --- */

/* On a connection that is new: the tables are there and of this version, the gallery is there and
 * of this model; made where that is wanted. pin: as in fmi_store_config. */
fm_status fmi_pg_find_gallery(fmi_pg *s, const fmi_pin *pin, fm_error *err);
/* The same for a connection that was made anew: it must be the same gallery. */
fm_status fmi_pg_find_again(fmi_pg *s, fm_error *err);
/* The graphs, if there are none: a no-op where they cannot be made. */
fm_status fmi_pg_make_graph(fmi_pg *s, fm_error *err);

/* --- postgres_search.c --- */

/* NULL: pgvector has none for this metric */
const char *fmi_pg_operator(fm_metric metric);
const char *fmi_pg_operator_class(fm_metric metric);
/* Is the server's own arithmetic (float32) out of its depth with this vector? */
bool fmi_pg_is_wild(const float *vector, size_t dim);
fm_status fmi_pg_search(fmi_store *store, const fmi_search *search, fmi_hit *hits, size_t *counts,
                        fmi_searched *out, fm_error *err);

/* --- postgres_write.c --- */

fm_status fmi_pg_add(fmi_store *store, const fmi_new_template *add, fm_enrollment *out,
                     fm_error *err);
fm_status fmi_pg_remove(fmi_store *store, const char *id, int64_t template_id, fmi_removal *out,
                        fm_error *err);
fm_status fmi_pg_import(fmi_store *store, fmi_next_fn next, void *user, int64_t *templates,
                        fm_error *err);
fm_status fmi_pg_compact(fmi_store *store, fm_error *err);

/* --- postgres_shard.c --- */

fm_status fmi_pg_shard(fmi_store *store, const char *const *servers, size_t count,
                       const fm_transfer_options *options, fm_transfer *out, fm_error *err);

/* --- postgres_sync.c --- */

/* Held by writers of the gallery till they end; an export waits for them for a moment. */
#define FMI_PG_WRITER_LOCK      "pg_advisory_xact_lock(26478, @)"
#define FMI_PG_WAIT_FOR_WRITERS "SELECT pg_advisory_lock_shared(26478, @)"
#define FMI_PG_LET_WRITERS      "SELECT pg_advisory_unlock_shared(26478, @)"

fm_status fmi_pg_changed(fmi_store *store, const fmi_sync *sync, bool *changed, fm_error *err);
fm_status fmi_pg_sync(fmi_store *store, fmi_sync *sync, const fmi_sync_target *target,
                      fm_error *err);
fm_status fmi_pg_begin_export(fmi_store *store, fm_error *err);
void fmi_pg_end_export(fmi_store *store);

/* --- store_postgres.c --- */

fm_status fmi_pg_get_two(fmi_pg *s, const char *sql, int64_t two[2], fm_error *err);

/* *no is 0 when there is none. */
fm_status fmi_pg_find_identity(fmi_pg *s, const char *id, int64_t *no, fm_error *err);

static inline fmi_pg *fmi_pg_of(fmi_store *store)
{
    return (fmi_pg *)store;
}

#endif
