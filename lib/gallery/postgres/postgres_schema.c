/* The tables on the server: made when the first gallery is, each step in one transaction that
 * others wait for, and checked on every connection. docs/postgres.md has them for people to read.
 */
#include "core/error.h"
#include "core/log.h"
#include "gallery/postgres/postgres.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "fm" and "gallery": the lock under which tables are made */
#define MIGRATION_LOCK "SELECT pg_advisory_xact_lock(26477, 1735683186)"

static const char *const migration[] = {
    "CREATE SCHEMA IF NOT EXISTS facematch",
    "CREATE TABLE facematch.version (version bigint NOT NULL)",
    "CREATE TABLE facematch.galleries ("
    "gallery_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
    "name text COLLATE \"C\" NOT NULL UNIQUE, model_id text NOT NULL, model_name text NOT NULL, "
    "dim bigint NOT NULL, metric bigint NOT NULL, created_ms bigint NOT NULL, "
    "writes bigint NOT NULL DEFAULT 0, rewrites bigint NOT NULL DEFAULT 0, "
    "last_identity bigint NOT NULL DEFAULT 0, last_template bigint NOT NULL DEFAULT 0, "
    "identities bigint NOT NULL DEFAULT 0, with_templates bigint NOT NULL DEFAULT 0, "
    "templates bigint NOT NULL DEFAULT 0, wild bigint NOT NULL DEFAULT 0, "
    "largest double precision NOT NULL DEFAULT 0, shards bigint NOT NULL DEFAULT 0, hnsw bigint "
    "NOT NULL DEFAULT 0)",
    "INSERT INTO facematch.version (version) VALUES (1)"};

static const char *const gallery_tables[] = {
    "CREATE TABLE facematch.identities_@ (identity_no bigint PRIMARY KEY, "
    "id text COLLATE \"C\" NOT NULL UNIQUE, display_name text NOT NULL, metadata text NOT NULL, "
    "created_ms bigint NOT NULL, updated_ms bigint NOT NULL)",
    "CREATE TABLE facematch.templates_@ (template_id bigint PRIMARY KEY, "
    "identity_no bigint NOT NULL REFERENCES facematch.identities_@, created_ms bigint NOT NULL, "
    "quality double precision, label text NOT NULL)",
    "CREATE INDEX templates_@_owner ON facematch.templates_@ (identity_no, template_id)"};

/* --- pgvector --- */

static fm_status note_version(void *user, const fmi_pg_row *row, fm_error *err)
{
    fmi_pg *s = user;
    char version[64];
    char *end;
    long major, minor;
    fm_status status = fmi_pg_text(row, 1, version, sizeof version - 1, err);
    if (status != FM_OK)
        return status;
    major = strtol(version, &end, 10);
    minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
    s->iterative = major > 0 || minor >= 8;
    return FM_OK;
}

/* *found: it is in the database, and its operators are found from now on. */
static fm_status look_for_vector(fmi_pg *s, bool *found, fm_error *err)
{
    int64_t rows = 0;
    fm_status status = fmi_pg_query(
        s,
        "SELECT set_config('search_path', 'pg_catalog, ' || quote_ident(n.nspname), false), "
        "e.extversion FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
        "WHERE e.extname = 'vector'",
        NULL, note_version, s, &rows, err);
    *found = rows > 0;
    return status;
}

/* --- making --- */

static fm_status run_all(fmi_pg *s, const char *const *sql, size_t count, fm_error *err)
{
    fm_status status = FM_OK;
    for (size_t i = 0; i < count && status == FM_OK; i++)
        status = fmi_pg_exec(s, sql[i], err);
    return status;
}

static fm_status table_version(fmi_pg *s, int64_t *version, fm_error *err)
{
    int64_t there = 0;
    fm_status status = fmi_pg_get_integer(
        s, "SELECT CASE WHEN to_regclass('facematch.version') IS NULL THEN 0::bigint ELSE 1 END",
        NULL, &there, err);
    *version = 0;
    if (status != FM_OK || !there)
        return status;
    status =
        fmi_pg_get_integer(s, "SELECT max(version) FROM facematch.version", NULL, version, err);
    if (status == FM_OK && *version < 1)
        status = fmi_pg_corrupt(s, "the table of versions is empty", err);
    if (status == FM_OK && *version > FMI_PG_SCHEMA_VERSION)
        status =
            fmi_fail(err, FM_E_VERSION, "%s has tables of format %lld, this library knows up to %d",
                     s->name, (long long)*version, FMI_PG_SCHEMA_VERSION);
    return status;
}

static fm_status migrate(fmi_pg *s, fm_error *err)
{
    int64_t version = 0;
    bool found = false;
    fm_status status = look_for_vector(s, &found, err);
    if (status == FM_OK && !found)
        status = fmi_pg_exec(s, "CREATE EXTENSION IF NOT EXISTS vector SCHEMA public", err);
    if (status == FM_OK)
        status = table_version(s, &version, err);
    if (status == FM_OK && version == 0)
        status = run_all(s, migration, sizeof migration / sizeof *migration, err);
    return status;
}

/* Only what is written in UTF-8 comes back as it was, and in the order of its bytes. */
static fm_status check_encoding(fmi_pg *s, fm_error *err)
{
    const char *encoding = PQparameterStatus(s->conn, "server_encoding");
    if (encoding && !strcmp(encoding, "UTF8"))
        return FM_OK;
    return fmi_fail(err, FM_E_UNSUPPORTED, "%s: the database's encoding is %s, galleries need UTF8",
                    s->name, encoding ? encoding : "not known");
}

static fm_status insert_gallery(fmi_pg *s, const fmi_pin *pin, fm_error *err)
{
    fmi_pg_params params = {0};
    fmi_pg_put_text(&params, s->gallery);
    fmi_pg_put_text(&params, pin->model_id);
    fmi_pg_put_text(&params, pin->model_name);
    fmi_pg_put_integer(&params, pin->dim);
    fmi_pg_put_integer(&params, pin->metric);
    fmi_pg_put_integer(&params, fmi_pg_now_ms());
    return fmi_pg_get_integer(
        s,
        "INSERT INTO facematch.galleries (name, model_id, model_name, dim, metric, created_ms) "
        "VALUES ($1, $2, $3, $4::bigint, $5::bigint, $6::bigint) RETURNING gallery_no",
        &params, &s->no, err);
}

static fm_status make_vectors(fmi_pg *s, const fmi_pin *pin, fm_error *err)
{
    char sql[FMI_PG_SQL];
    fm_status status;
    FMI_PG_FORMAT(sql,
                  "CREATE TABLE facematch.vectors_@ (identity_no bigint NOT NULL, "
                  "template_id bigint NOT NULL, wild boolean NOT NULL, "
                  "embedding vector(%d) NOT NULL) PARTITION BY HASH (identity_no)",
                  (int)pin->dim);
    status = fmi_pg_exec(s, sql, err);
    FMI_PG_FORMAT(sql,
                  "CREATE TABLE facematch.vectors_@_local PARTITION OF facematch.vectors_@ "
                  "(PRIMARY KEY (identity_no, template_id)) "
                  "FOR VALUES WITH (MODULUS 1, REMAINDER 0);"
                  "ALTER TABLE facematch.vectors_@_local ALTER embedding SET STORAGE %s;"
                  "CREATE INDEX vectors_@_wild ON facematch.vectors_@_local (template_id) "
                  "WHERE wild",
                  pin->dim <= FMI_PG_INLINE_DIM ? "PLAIN" : "EXTERNAL");
    return status == FM_OK ? fmi_pg_exec(s, sql, err) : status;
}

static fm_status make_gallery(fmi_pg *s, const fmi_pin *pin, fm_error *err)
{
    fm_status status = insert_gallery(s, pin, err);
    if (status == FM_OK)
        status = run_all(s, gallery_tables, sizeof gallery_tables / sizeof *gallery_tables, err);
    return status == FM_OK ? make_vectors(s, pin, err) : status;
}

/* --- reading what is there --- */

static fm_status note_gallery(void *user, const fmi_pg_row *row, fm_error *err)
{
    fmi_pg *s = user;
    fmi_pin *pin = &s->seen;
    int64_t dim = fmi_pg_integer(row, 3), metric = fmi_pg_integer(row, 4);
    fm_status status = fmi_pg_text(row, 1, pin->model_id, sizeof pin->model_id - 1, err);
    if (status == FM_OK)
        status = fmi_pg_text(row, 2, pin->model_name, sizeof pin->model_name - 1, err);
    if (status != FM_OK)
        return status;
    s->seen_no = fmi_pg_integer(row, 0);
    s->hnsw = fmi_pg_integer(row, 6) != 0;
    if (s->seen_no < 1 || strlen(pin->model_id) != FM_MODEL_ID_SIZE - 1 || dim < 1 ||
        dim > FMI_PG_MOST_DIM || metric < FM_METRIC_COSINE || metric > FM_METRIC_SIAMESE)
        return fmi_pg_corrupt(s, "what it says about its model is impossible", err);
    pin->dim = (int32_t)dim;
    pin->metric = (fm_metric)metric;
    pin->created_ms = fmi_pg_integer(row, 5);
    return FM_OK;
}

static fm_status read_gallery(fmi_pg *s, bool *found, fm_error *err)
{
    fmi_pg_params params = {0};
    int64_t rows = 0;
    fm_status status;
    fmi_pg_put_text(&params, s->gallery);
    status = fmi_pg_query(s,
                          "SELECT gallery_no, model_id, model_name, dim, metric, created_ms, hnsw "
                          "FROM facematch.galleries WHERE name = $1",
                          &params, note_gallery, s, &rows, err);
    *found = rows > 0;
    return status;
}

static fm_status read_what_is_there(fmi_pg *s, bool *found, fm_error *err)
{
    bool vector = false;
    int64_t version = 0;
    fm_status status = table_version(s, &version, err);
    *found = false;
    if (status != FM_OK || version == 0)
        return status;
    status = look_for_vector(s, &vector, err);
    if (status == FM_OK && !vector)
        status = fmi_pg_corrupt(s, "the extension vector is no longer there", err);
    return status == FM_OK ? read_gallery(s, found, err) : status;
}

static fm_status make_inside(fmi_pg *s, const fmi_pin *pin, fm_error *err)
{
    bool found = false, vector = false;
    fm_status status = fmi_pg_exec(s, MIGRATION_LOCK, err);
    if (status == FM_OK)
        status = check_encoding(s, err);
    if (status == FM_OK)
        status = migrate(s, err);
    if (status == FM_OK)
        status = look_for_vector(s, &vector, err);
    if (status == FM_OK)
        status = read_gallery(s, &found, err);
    return status == FM_OK && !found ? make_gallery(s, pin, err) : status;
}

/* A search path that was set in a transaction which fails is forgotten with it; then so is the
 * connection. */
static fm_status make(fmi_pg *s, const fmi_pin *pin, fm_error *err)
{
    fm_status status;
    if (pin->dim > FMI_PG_MOST_DIM)
        return fmi_fail(err, FM_E_UNSUPPORTED, "%s: pgvector has vectors of up to %d numbers",
                        s->name, FMI_PG_MOST_DIM);
    status = fmi_pg_exec(s, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", err);
    if (status != FM_OK)
        return status;
    s->inside = true;
    status = make_inside(s, pin, err);
    if (status == FM_OK)
        return fmi_pg_commit(s, err);
    fmi_pg_rollback(s);
    return status;
}

fm_status fmi_pg_find_gallery(fmi_pg *s, const fmi_pin *pin, fm_error *err)
{
    bool found = false;
    fm_status status = read_what_is_there(s, &found, err);
    if (status == FM_OK && !found) {
        if (s->mode != FM_GALLERY_CREATE)
            return fmi_fail(err, FM_E_NOT_FOUND, "%s does not exist", s->name);
        if (!pin)
            return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                            "%s does not exist, and without a model none can be made", s->name);
        status = make(s, pin, err);
        if (status == FM_OK)
            status = read_what_is_there(s, &found, err);
        if (status == FM_OK && !found)
            status = fmi_pg_corrupt(s, "the gallery is no longer there", err);
    }
    if (status != FM_OK)
        return status;
    s->base.pin = s->seen;
    s->no = s->seen_no;
    return fmi_store_check_pin(&s->base, pin, err);
}

fm_status fmi_pg_find_again(fmi_pg *s, fm_error *err)
{
    const fmi_pin *before = &s->base.pin;
    bool found = false;
    fm_status status = read_what_is_there(s, &found, err);
    bool same = found && s->seen_no == s->no && !strcmp(before->model_id, s->seen.model_id) &&
                before->dim == s->seen.dim && before->metric == s->seen.metric;
    if (status == FM_OK && !same)
        status = fmi_pg_corrupt(s, "it is not the gallery that was opened: open it anew", err);
    return status;
}

/* --- graphs --- */

static fm_status make_graph_inside(fmi_pg *s, fm_error *err)
{
    char sql[FMI_PG_SQL];
    int64_t shards = 0;
    fm_status status = fmi_pg_get_integer(
        s, "SELECT shards FROM facematch.galleries WHERE gallery_no = @", NULL, &shards, err);
    if (status != FM_OK || shards > 0)
        return status;
    FMI_PG_FORMAT(sql,
                  "CREATE INDEX IF NOT EXISTS vectors_@_hnsw ON facematch.vectors_@_local "
                  "USING hnsw (embedding %s) WHERE NOT wild;"
                  "UPDATE facematch.galleries SET hnsw = 1 WHERE gallery_no = @",
                  fmi_pg_operator_class(s->base.pin.metric));
    status = fmi_pg_exec(s, sql, err);
    s->hnsw = status == FM_OK;
    return status;
}

fm_status fmi_pg_make_graph(fmi_pg *s, fm_error *err)
{
    fm_status status = FM_OK;
    if (s->base.pin.dim > FMI_PG_MOST_HNSW_DIM || !fmi_pg_operator(s->base.pin.metric))
        return fmi_fail(err, FM_E_UNSUPPORTED,
                        "%s: pgvector has no graph for this metric, or for so many numbers",
                        s->name);
    if (!s->hnsw && s->mode != FM_GALLERY_READ_ONLY) {
        status = fmi_pg_begin_write(s, err);
        if (status != FM_OK)
            return status;
        status = make_graph_inside(s, err);
        if (status == FM_OK)
            status = fmi_pg_commit(s, err);
        else
            fmi_pg_rollback(s);
    }
    if (status == FM_OK && !s->hnsw)
        fmi_log(FM_LOG_WARNING, "gallery",
                "%s: there is no graph on the server, so searches are exact", s->name);
    return status;
}
