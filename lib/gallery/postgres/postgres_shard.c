/* Spreading a gallery over servers: a table for vectors on each of them, and here foreign tables in
 * the place of the local partition. All that happens here is one transaction; the tables on the
 * other servers are made before it and dropped again when it fails. */
#include "core/error.h"
#include "core/log.h"
#include "core/memory.h"
#include "gallery/postgres/postgres.h"
#include "gallery/transfer.h"
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BATCH = 1000, LONGEST_SQL = 1 << 15 };

typedef struct shard {
    fmi_pg server; /* a connection of its own */
    PQconninfoOption *options;
    char table[40];
    bool made;
} shard;

typedef struct sharding {
    fmi_pg *s;
    shard *shards;
    size_t count;
    const fm_transfer_options *options;
    char vector_schema[FM_ID_MAX + 1]; /* quoted */
    int64_t sharded, last_identity, hnsw;
    fm_transfer done;
    char *sql; /* char[LONGEST_SQL], may have passwords */
    size_t used;
} sharding;

/* --- statements with literals: options of servers cannot be parameters --- */

static void say(sharding *job, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(sharding *job, const char *format, ...)
{
    va_list args;
    int size;
    va_start(args, format);
    size = vsnprintf(job->sql + job->used, LONGEST_SQL - job->used, format, args);
    va_end(args);
    job->used += (size_t)size < LONGEST_SQL - job->used ? (size_t)size : LONGEST_SQL - job->used;
}

/* "name 'value'", the value quoted by libpq. */
static void say_option(sharding *job, bool *first, const char *key, const char *value)
{
    char *literal = PQescapeLiteral(job->s->conn, value, strlen(value));
    say(job, "%s%s %s", *first ? "" : ", ", key, literal ? literal : "");
    *first = false;
    if (!literal) {
        job->used = LONGEST_SQL; /* it will not be run */
        return;
    }
    fmi_wipe(literal, strlen(literal));
    PQfreemem(literal);
}

static fm_status run_said(sharding *job, fm_error *err)
{
    fm_status status = job->used < LONGEST_SQL - 1
                           ? fmi_pg_exec_raw(job->s, job->sql, err)
                           : fmi_fail(err, FM_E_LIMIT, "the URI of a server is too long");
    fmi_wipe(job->sql, LONGEST_SQL);
    job->used = 0;
    return status;
}

/* --- the other servers --- */

static bool is_of_user(const char *key)
{
    return !strcmp(key, "user") || !strcmp(key, "password") || !strcmp(key, "sslpassword");
}

static bool is_ours(const char *key)
{
    return !strcmp(key, "client_encoding") || !strcmp(key, "fallback_application_name") ||
           !strcmp(key, "options");
}

static fm_status connect_shard(sharding *job, shard *one, const char *uri, fm_error *err)
{
    fm_status status;
    one->server.mode = FM_GALLERY_EXISTING;
    one->server.timeout_ms = job->s->timeout_ms;
    status = fmi_pg_read_uri(&one->server, uri, err);
    if (status != FM_OK)
        return status;
    *strstr(one->server.name, "?gallery=") = '\0'; /* there is none */
    one->options = PQconninfoParse(one->server.uri, NULL);
    if (!one->options)
        return fmi_fail_memory(err);
    status = fmi_pg_connect(&one->server, err);
    one->server.inside = true; /* it is not connected anew */
    return status;
}

/* Its operators have to be in the same schema here and there: they are sent by their full names. */
static fm_status check_vector(sharding *job, shard *one, fm_error *err)
{
    char sql[FMI_PG_SQL];
    fmi_pg_params params = {0};
    int64_t found = 0;
    fm_status status;
    FMI_PG_FORMAT(sql, "CREATE EXTENSION IF NOT EXISTS vector SCHEMA %s", job->vector_schema);
    status = fmi_pg_exec_raw(&one->server, sql, err);
    fmi_pg_put_text(&params, job->vector_schema);
    if (status == FM_OK)
        status = fmi_pg_get_integer(
            &one->server,
            "SELECT count(*) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
            "WHERE e.extname = 'vector' AND quote_ident(n.nspname) = $1",
            &params, &found, err);
    if (status == FM_OK && !found)
        status = fmi_fail(err, FM_E_UNSUPPORTED, "%s: pgvector is not in the schema %s there",
                          one->server.name, job->vector_schema);
    return status;
}

/* Its name is drawn: several galleries, of several servers, may have tables there. */
static fm_status make_table(sharding *job, shard *one, fm_error *err)
{
    const fmi_pin *pin = &job->s->base.pin;
    char sql[FMI_PG_SQL];
    fm_status status;
    snprintf(one->table, sizeof one->table, "vectors_%08x%08x", (unsigned)randombytes_random(),
             (unsigned)randombytes_random());
    FMI_PG_FORMAT(sql,
                  "CREATE SCHEMA IF NOT EXISTS facematch;"
                  "CREATE TABLE facematch.%s (identity_no bigint NOT NULL, "
                  "template_id bigint NOT NULL, wild boolean NOT NULL, "
                  "embedding %s.vector(%d) NOT NULL, PRIMARY KEY (identity_no, template_id));"
                  "ALTER TABLE facematch.%s ALTER embedding SET STORAGE %s;"
                  "CREATE INDEX ON facematch.%s (template_id) WHERE wild",
                  one->table, job->vector_schema, (int)pin->dim, one->table,
                  pin->dim <= FMI_PG_INLINE_DIM ? "PLAIN" : "EXTERNAL", one->table);
    status = fmi_pg_exec_raw(&one->server, sql, err);
    one->made = status == FM_OK;
    return status;
}

/* When the rows are there: one by one they take several times as long. Until then, and where it
 * fails, searches are exact. */
static void make_graphs(sharding *job)
{
    fm_error err = {.struct_size = sizeof err};
    fm_status status = FM_OK;
    for (size_t i = 0; i < job->count && status == FM_OK; i++) {
        char sql[FMI_PG_SQL];
        FMI_PG_FORMAT(sql,
                      "CREATE INDEX ON facematch.%s USING hnsw (embedding %s.%s) WHERE NOT wild",
                      job->shards[i].table, job->vector_schema,
                      fmi_pg_operator_class(job->s->base.pin.metric));
        status = fmi_pg_exec_raw(&job->shards[i].server, sql, &err);
    }
    if (status == FM_OK)
        status =
            fmi_pg_query(job->s, "UPDATE facematch.galleries SET hnsw = 1 WHERE gallery_no = @",
                         NULL, NULL, NULL, NULL, &err);
    if (status != FM_OK)
        fmi_log(FM_LOG_WARNING, "gallery", "there are no graphs on the shards: %s", err.message);
}

static fm_status prepare_shards(sharding *job, const char *const *servers, fm_error *err)
{
    fm_status status = FM_OK;
    for (size_t i = 0; i < job->count && status == FM_OK; i++) {
        status = connect_shard(job, &job->shards[i], servers[i], err);
        if (status == FM_OK)
            status = check_vector(job, &job->shards[i], err);
    }
    for (size_t i = 0; i < job->count && status == FM_OK; i++)
        status = make_table(job, &job->shards[i], err);
    return status;
}

static void free_shards(sharding *job, bool drop)
{
    for (size_t i = 0; job->shards && i < job->count; i++) {
        shard *one = &job->shards[i];
        char sql[FMI_PG_SQL];
        FMI_PG_FORMAT(sql, "DROP TABLE facematch.%s", one->table);
        if (drop && one->made && one->server.conn)
            fmi_pg_exec_raw(&one->server, sql, NULL);
        fmi_pg_disconnect(&one->server);
        for (PQconninfoOption *o = one->options; o && o->keyword; o++)
            if (o->val)
                fmi_wipe(o->val, strlen(o->val));
        PQconninfoFree(one->options);
        fmi_free_wiped(one->server.uri, one->server.uri_size);
        fmi_free(one->server.gallery);
        fmi_free(one->server.name);
    }
    fmi_free(job->shards);
}

/* --- this server --- */

/* What the URI does not say. A peer that has gone without a word is noticed after about a minute.
 */
static void say_defaults(sharding *job, const PQconninfoOption *options, bool *first)
{
    static const struct {
        const char *key, *value;
    } defaults[] = {{"connect_timeout", "5"},
                    {"keepalives_idle", "30"},
                    {"keepalives_interval", "10"},
                    {"keepalives_count", "3"},
                    {"tcp_user_timeout", "60000"}};
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
        const PQconninfoOption *o = options;
        while (o->keyword && strcmp(o->keyword, defaults[i].key) != 0)
            o++;
        if (o->keyword && !(o->val && *o->val))
            say_option(job, first, defaults[i].key, defaults[i].value);
    }
}

/* Searches through a graph on a shard are as broad as its sessions are told here. */
static void say_session(sharding *job, const PQconninfoOption *options, bool *first)
{
    char text[1024];
    while (options->keyword && strcmp(options->keyword, "options") != 0)
        options++;
    snprintf(
        text, sizeof text,
        "-c hnsw.ef_search=400 -c hnsw.iterative_scan=strict_order -c synchronous_commit=on %s",
        options->keyword && options->val ? options->val : "");
    say_option(job, first, "options", text);
}

static fm_status make_server(sharding *job, size_t i, fm_error *err)
{
    const long long no = (long long)job->s->no;
    const PQconninfoOption *options = job->shards[i].options;
    bool first = true;
    say(job, "CREATE SERVER facematch_%lld_%zu FOREIGN DATA WRAPPER postgres_fdw OPTIONS (", no, i);
    for (const PQconninfoOption *o = options; o->keyword; o++)
        if (o->val && *o->val && !is_of_user(o->keyword) && !is_ours(o->keyword))
            say_option(job, &first, o->keyword, o->val);
    say_defaults(job, options, &first);
    say_session(job, options, &first);
    say_option(job, &first, "extensions", "vector");
    say_option(job, &first, "async_capable", "true");
    say_option(job, &first, "fetch_size", "1000");
    say_option(job, &first, "batch_size", "100");
    say(job, "); CREATE USER MAPPING FOR CURRENT_USER SERVER facematch_%lld_%zu OPTIONS (", no, i);
    first = true;
    for (const PQconninfoOption *o = options; o->keyword; o++)
        if (o->val && *o->val && is_of_user(o->keyword))
            say_option(job, &first, o->keyword, o->val);
    say(job,
        "); CREATE FOREIGN TABLE facematch.vectors_%lld_shard_%zu PARTITION OF "
        "facematch.vectors_%lld FOR VALUES WITH (MODULUS %zu, REMAINDER %zu) "
        "SERVER facematch_%lld_%zu OPTIONS (schema_name 'facematch', table_name '%s')",
        no, i, no, job->count, i, no, i, job->shards[i].table);
    return run_said(job, err);
}

static fm_status make_partitions(sharding *job, fm_error *err)
{
    fm_status status =
        fmi_pg_exec(job->s,
                    "CREATE EXTENSION IF NOT EXISTS postgres_fdw SCHEMA public;"
                    "ALTER TABLE facematch.vectors_@ DETACH PARTITION facematch.vectors_@_local;"
                    "ALTER TABLE facematch.vectors_@_local RENAME TO vectors_@_moving",
                    err);
    for (size_t i = 0; i < job->count && status == FM_OK; i++) {
        status = make_server(job, i, err);
        if (status != FM_OK)
            fmi_fail_context(err, status, "server %zu", i + 1);
    }
    return status;
}

static fm_status move_rows(sharding *job, fm_error *err)
{
    fm_status status = fmi_transfer_progress(job->options, 0, job->last_identity, err);
    for (int64_t from = 0; from < job->last_identity && status == FM_OK; from += BATCH) {
        fmi_pg_params params = {0};
        int64_t to = from + BATCH < job->last_identity ? from + BATCH : job->last_identity;
        fmi_pg_put_integer(&params, from);
        fmi_pg_put_integer(&params, to);
        status = fmi_pg_query(job->s,
                              "INSERT INTO facematch.vectors_@ (identity_no, template_id, wild, "
                              "embedding) SELECT identity_no, template_id, wild, embedding FROM "
                              "facematch.vectors_@_moving WHERE identity_no > $1::bigint "
                              "AND identity_no <= $2::bigint",
                              &params, NULL, NULL, NULL, err);
        if (status == FM_OK)
            status = fmi_transfer_progress(job->options, to, job->last_identity, err);
    }
    return status;
}

static fm_status note_gallery(void *user, const fmi_pg_row *row, fm_error *err)
{
    sharding *job = user;
    job->sharded = fmi_pg_integer(row, 0);
    job->last_identity = fmi_pg_integer(row, 1);
    job->hnsw = fmi_pg_integer(row, 2);
    job->done.identities = fmi_pg_integer(row, 3);
    job->done.templates = fmi_pg_integer(row, 4);
    return fmi_pg_text(row, 5, job->vector_schema, sizeof job->vector_schema - 1, err);
}

static fm_status look_at_gallery(sharding *job, fm_error *err)
{
    int64_t rows = 0;
    fm_status status =
        fmi_pg_query(job->s,
                     "SELECT g.shards, g.last_identity, g.hnsw, g.identities, g.templates, "
                     "quote_ident(n.nspname) FROM facematch.galleries g, pg_extension e "
                     "JOIN pg_namespace n ON n.oid = e.extnamespace "
                     "WHERE e.extname = 'vector' AND g.gallery_no = @",
                     NULL, note_gallery, job, &rows, err);
    if (status == FM_OK && rows != 1)
        status = fmi_pg_corrupt(job->s, "the gallery is no longer there", err);
    if (status == FM_OK && job->sharded)
        status = fmi_fail(err, FM_E_EXISTS, "%s is spread over %lld servers already", job->s->name,
                          (long long)job->sharded);
    return status;
}

static fm_status shard_inside(sharding *job, const char *const *servers, fm_error *err)
{
    char sql[256];
    fm_status status = look_at_gallery(job, err);
    if (status == FM_OK)
        status = prepare_shards(job, servers, err);
    if (status == FM_OK)
        status = make_partitions(job, err);
    if (status == FM_OK)
        status = move_rows(job, err);
    FMI_PG_FORMAT(sql,
                  "DROP TABLE facematch.vectors_@_moving; UPDATE facematch.galleries "
                  "SET shards = %zu, hnsw = 0, rewrites = rewrites + 1 WHERE gallery_no = @",
                  job->count);
    return status == FM_OK ? fmi_pg_exec(job->s, sql, err) : status;
}

/* When it is not known whether the transaction was made, the tables may be in use: they stay. */
fm_status fmi_pg_shard(fmi_store *store, const char *const *servers, size_t count,
                       const fm_transfer_options *options, fm_transfer *out, fm_error *err)
{
    sharding job = {.s = fmi_pg_of(store), .count = count, .options = options};
    bool undone = true;
    fm_status status;
    job.shards = fmi_calloc(count, sizeof *job.shards);
    job.sql = fmi_calloc(1, LONGEST_SQL);
    status = job.shards && job.sql ? fmi_pg_begin_write(job.s, err) : fmi_fail_memory(err);
    if (status == FM_OK) {
        status = shard_inside(&job, servers, err);
        if (status == FM_OK) {
            status = fmi_pg_commit(job.s, err);
            if (status == FM_OK && job.hnsw)
                make_graphs(&job);
            undone = status != FM_OK && job.s->conn;
        } else {
            fmi_pg_rollback(job.s);
        }
    }
    free_shards(&job, undone);
    fmi_free(job.sql);
    if (status == FM_OK)
        *out = job.done;
    return status;
}
