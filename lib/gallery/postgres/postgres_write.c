/* What changes a gallery on a server. Each call is one transaction, and those who write to one
 * gallery take turns. Nothing here asks for memory: a removal goes through whatever there is. */
#include "core/error.h"
#include "core/log.h"
#include "core/memory.h"
#include "gallery/postgres/postgres.h"
#include "match/kernel.h"
#include <string.h>

/* --- adding --- */

/* What has been added since the turn began. It is written at the end: a row of the server's that
 * changes many times in one transaction leaves as many versions, which all are gone through. */
typedef struct tally {
    int64_t identities, templates, with_templates, wild;
    double largest;
} tally;

/* One addition: the identity it is for, and the numbers that are given. */
typedef struct adding {
    int64_t identity_no, templates, template_id, now;
    bool is_new, wild;
} adding;

static fm_status note_identity(void *user, const fmi_pg_row *row, fm_error *err)
{
    adding *a = user;
    (void)err;
    a->identity_no = fmi_pg_integer(row, 0);
    a->templates = fmi_pg_integer(row, 1);
    return FM_OK;
}

static fm_status look_up(fmi_pg *s, const char *id, const tally *sum, adding *a, fm_error *err)
{
    fmi_pg_params params = {0};
    fm_status status;
    fmi_pg_put_text(&params, id);
    status = fmi_pg_query(s,
                          "SELECT i.identity_no, (SELECT count(*) FROM facematch.templates_@ t "
                          "WHERE t.identity_no = i.identity_no) FROM facematch.identities_@ i "
                          "WHERE i.id = $1",
                          &params, note_identity, a, NULL, err);
    a->is_new = a->identity_no == 0;
    if (a->is_new)
        a->identity_no = s->turn.last_identity + sum->identities + 1;
    a->template_id = s->turn.last_template + sum->templates + 1;
    if (status == FM_OK && a->templates >= FM_LIMIT_TEMPLATES)
        status = fmi_fail(err, FM_E_LIMIT, "identity %s has %lld templates, the most that are kept",
                          id, (long long)a->templates);
    return status;
}

/* What was told, or else what is so anyway. */
static int64_t time_or(int64_t told, int64_t otherwise)
{
    return told ? told : otherwise;
}

/* Parameters 1 to 6 of both. */
#define INSERT_IDENTITY                                                                            \
    "INSERT INTO facematch.identities_@ "                                                          \
    "(identity_no, id, display_name, metadata, created_ms, updated_ms) VALUES "                    \
    "($1::bigint, $2::text, coalesce($3::text, ''), coalesce($4::text, '{}'), $5::bigint, "        \
    "$6::bigint)"
#define UPDATE_IDENTITY                                                                            \
    "UPDATE facematch.identities_@ SET display_name = coalesce($3::text, display_name), "          \
    "metadata = coalesce($4::text, metadata), created_ms = coalesce(created_ms, $5::bigint), "     \
    "updated_ms = $6::bigint WHERE identity_no = $1::bigint AND id = $2::text"
/* Parameters 7 to 12. In one statement with the identity: each takes a journey to the server. */
#define WITH_TEMPLATE(identity)                                                                    \
    "WITH i AS (" identity "), t AS (INSERT INTO facematch.templates_@ "                           \
    "(template_id, identity_no, created_ms, quality, label) VALUES ($7::bigint, $1::bigint, "      \
    "$8::bigint, $9::double precision, coalesce($10::text, ''))) "                                 \
    "INSERT INTO facematch.vectors_@ (identity_no, template_id, wild, embedding) VALUES "          \
    "($1::bigint, $7::bigint, $11::bigint <> 0, $12::vector)"

/* A commit that a shard made and the first server did not left a row there, of numbers that are now
 * given again. */
static fm_status clear_place(fmi_pg *s, const adding *a, fm_error *err)
{
    fmi_pg_params params = {0};
    if (s->turn.shards == 0)
        return FM_OK;
    fmi_pg_put_integer(&params, a->identity_no);
    fmi_pg_put_integer(&params, a->template_id);
    return fmi_pg_query(s,
                        "DELETE FROM facematch.vectors_@ WHERE identity_no = $1::bigint "
                        "AND template_id = $2::bigint",
                        &params, NULL, NULL, NULL, err);
}

static fm_status store_one(fmi_pg *s, const fmi_new_template *add, const adding *a, fm_error *err)
{
    fmi_pg_params params = {0};
    fmi_pg_put_integer(&params, a->identity_no);
    fmi_pg_put_text(&params, add->id);
    fmi_pg_put_text(&params, add->display_name);
    fmi_pg_put_text(&params, add->metadata);
    fmi_pg_put_integer(&params, time_or(add->identity_created_ms, a->now));
    fmi_pg_put_integer(&params, time_or(add->identity_updated_ms, a->now));
    if (!add->vector)
        return fmi_pg_query(s, a->is_new ? INSERT_IDENTITY : UPDATE_IDENTITY, &params, NULL, NULL,
                            NULL, err);
    fmi_pg_put_integer(&params, a->template_id);
    fmi_pg_put_integer(&params, time_or(add->created_ms, a->now));
    fmi_pg_put_real(&params, add->has_quality, (double)add->quality);
    fmi_pg_put_text(&params, add->label);
    fmi_pg_put_integer(&params, a->wild);
    fmi_pg_put_vector(s, &params, add->vector);
    return fmi_pg_query(s,
                        a->is_new ? WITH_TEMPLATE(INSERT_IDENTITY) : WITH_TEMPLATE(UPDATE_IDENTITY),
                        &params, NULL, NULL, NULL, err);
}

static void count_addition(const fmi_pg *s, const fmi_new_template *add, const adding *a,
                           tally *sum)
{
    double norm =
        add->vector && !a->wild ? fmi_kernel_norm(add->vector, (size_t)s->base.pin.dim) : 0;
    sum->identities += a->is_new;
    sum->templates += add->vector != NULL;
    sum->with_templates += add->vector && a->templates == 0;
    sum->wild += a->wild;
    sum->largest = norm > sum->largest ? norm : sum->largest;
}

static fm_status add_inside(fmi_pg *s, const fmi_new_template *add, tally *sum, fm_enrollment *out,
                            fm_error *err)
{
    adding a = {.now = fmi_pg_now_ms(),
                .wild = add->vector && fmi_pg_is_wild(add->vector, (size_t)s->base.pin.dim)};
    fm_status status = look_up(s, add->id, sum, &a, err);
    if (status == FM_OK && add->vector)
        status = clear_place(s, &a, err);
    if (status == FM_OK)
        status = store_one(s, add, &a, err);
    if (status != FM_OK)
        return status;
    count_addition(s, add, &a, sum);
    out->new_identity = a.is_new;
    if (add->vector) {
        out->template_id = a.template_id;
        out->templates = (int32_t)a.templates + 1;
    }
    return FM_OK;
}

/* What the gallery knows of itself, so that a search need not count. */
static fm_status write_tally(fmi_pg *s, const tally *sum, fm_error *err)
{
    fmi_pg_params params = {0};
    fmi_pg_put_integer(&params, sum->identities);
    fmi_pg_put_integer(&params, sum->templates);
    fmi_pg_put_integer(&params, sum->with_templates);
    fmi_pg_put_integer(&params, sum->wild);
    fmi_pg_put_real(&params, true, sum->largest);
    return fmi_pg_query(
        s,
        "UPDATE facematch.galleries SET last_identity = last_identity + $1::bigint, "
        "identities = identities + $1::bigint, last_template = last_template + $2::bigint, "
        "templates = templates + $2::bigint, with_templates = with_templates + $3::bigint, "
        "wild = wild + $4::bigint, largest = greatest(largest, $5::double precision) "
        "WHERE gallery_no = @",
        &params, NULL, NULL, NULL, err);
}

static fm_status end_write(fmi_pg *s, fm_status status, fm_error *err)
{
    fmi_wipe(s->bytes, fmi_pg_vector_bytes((size_t)s->base.pin.dim));
    if (status == FM_OK)
        return fmi_pg_commit(s, err);
    fmi_pg_rollback(s);
    return status;
}

fm_status fmi_pg_add(fmi_store *store, const fmi_new_template *add, fm_enrollment *out,
                     fm_error *err)
{
    fmi_pg *s = fmi_pg_of(store);
    fm_enrollment result = *out;
    tally sum = {0};
    fm_status status = fmi_pg_begin_write(s, err);
    if (status != FM_OK)
        return status;
    status = add_inside(s, add, &sum, &result, err);
    if (status == FM_OK)
        status = write_tally(s, &sum, err);
    status = end_write(s, status, err);
    if (status == FM_OK)
        *out = result;
    return status;
}

static fm_status import_inside(fmi_pg *s, fmi_next_fn next, void *user, tally *sum, fm_error *err)
{
    for (;;) {
        fmi_new_template add = {0};
        fm_enrollment done = {0};
        bool more = false;
        fm_status status = next(user, &add, &more, err);
        if (status != FM_OK || !more)
            return status;
        status = add_inside(s, &add, sum, &done, err);
        if (status != FM_OK)
            return status;
    }
}

fm_status fmi_pg_import(fmi_store *store, fmi_next_fn next, void *user, int64_t *templates,
                        fm_error *err)
{
    fmi_pg *s = fmi_pg_of(store);
    tally sum = {0};
    fm_status status = fmi_pg_begin_write(s, err);
    if (status != FM_OK)
        return status;
    status = import_inside(s, next, user, &sum, err);
    if (status == FM_OK)
        status = write_tally(s, &sum, err);
    status = end_write(s, status, err);
    if (status == FM_OK)
        *templates = sum.templates;
    return status;
}

/* --- removing --- */

static fm_status change(fmi_pg *s, const char *sql, int64_t no, int64_t number, int64_t *rows,
                        fm_error *err)
{
    fmi_pg_params params = {0};
    fmi_pg_put_integer(&params, no);
    fmi_pg_put_integer(&params, number);
    return fmi_pg_query(s, sql, &params, NULL, NULL, rows, err);
}

#define OF_TEMPLATE                                                                                \
    "WHERE identity_no = $1::bigint AND ($2::bigint = 0 OR template_id = $2::bigint)"

static fm_status delete_templates(fmi_pg *s, int64_t template_id, fmi_removal *out, fm_error *err)
{
    int64_t rows = 0;
    fm_status status = change(s, "DELETE FROM facematch.vectors_@ " OF_TEMPLATE, out->identity_no,
                              template_id, NULL, err);
    if (status == FM_OK)
        status = change(s, "DELETE FROM facematch.templates_@ " OF_TEMPLATE, out->identity_no,
                        template_id, &rows, err);
    if (status == FM_OK)
        out->templates = (size_t)rows;
    return status;
}

static fm_status count_removal(fmi_pg *s, int64_t no, bool whole, int64_t templates, fm_error *err)
{
    fmi_pg_params params = {0};
    int64_t left = 0;
    fm_status status = FM_OK;
    fmi_pg_put_integer(&params, no);
    if (!whole)
        status = fmi_pg_get_integer(
            s, "SELECT count(*) FROM facematch.templates_@ WHERE identity_no = $1::bigint", &params,
            &left, err);
    if (status != FM_OK)
        return status;
    params = (fmi_pg_params){0};
    fmi_pg_put_integer(&params, whole);
    fmi_pg_put_integer(&params, templates);
    fmi_pg_put_integer(&params, templates > 0 && left == 0);
    return fmi_pg_query(s,
                        "UPDATE facematch.galleries SET rewrites = rewrites + 1, "
                        "identities = identities - $1::bigint, "
                        "templates = templates - $2::bigint, "
                        "with_templates = with_templates - $3::bigint WHERE gallery_no = @",
                        &params, NULL, NULL, NULL, err);
}

static fm_status remove_inside(fmi_pg *s, const char *id, int64_t template_id, fmi_removal *out,
                               fm_error *err)
{
    const bool whole = template_id == 0;
    fm_status status = fmi_pg_find_identity(s, id, &out->identity_no, err);
    if (status == FM_OK && out->identity_no == 0)
        status = fmi_store_no_identity(id, err);
    if (status == FM_OK)
        status = delete_templates(s, template_id, out, err);
    if (status == FM_OK && !whole && out->templates == 0)
        status = fmi_store_no_template(id, template_id, err);
    if (status == FM_OK && whole)
        status = change(s,
                        "DELETE FROM facematch.identities_@ WHERE identity_no = $1::bigint "
                        "AND $2::bigint = 0",
                        out->identity_no, 0, NULL, err);
    else if (status == FM_OK)
        status = change(s,
                        "UPDATE facematch.identities_@ SET updated_ms = $2::bigint "
                        "WHERE identity_no = $1::bigint",
                        out->identity_no, fmi_pg_now_ms(), NULL, err);
    if (status == FM_OK)
        status = count_removal(s, out->identity_no, whole, (int64_t)out->templates, err);
    return status;
}

/* A server keeps what was removed until it vacuums, and in its log until that is used again. */
fm_status fmi_pg_remove(fmi_store *store, const char *id, int64_t template_id, fmi_removal *out,
                        fm_error *err)
{
    fmi_pg *s = fmi_pg_of(store);
    fmi_removal result = {.copies_remain = true};
    fm_status status = fmi_pg_begin_write(s, err);
    if (status != FM_OK)
        return status;
    status = end_write(s, remove_inside(s, id, template_id, &result, err), err);
    if (status == FM_OK)
        *out = result;
    return status;
}

/* --- compacting --- */

/* What commits between servers left behind. */
static fm_status delete_strays(fmi_pg *s, fm_error *err)
{
    fm_status status = fmi_pg_begin_write(s, err);
    if (status != FM_OK)
        return status;
    status = fmi_pg_query(s,
                          "DELETE FROM facematch.vectors_@ v WHERE NOT EXISTS (SELECT 1 FROM "
                          "facematch.templates_@ t WHERE t.template_id = v.template_id "
                          "AND t.identity_no = v.identity_no)",
                          NULL, NULL, NULL, NULL, err);
    return end_write(s, status, err);
}

/* VACUUM FULL writes the tables anew, into other files. */
fm_status fmi_pg_compact(fmi_store *store, fm_error *err)
{
    fmi_pg *s = fmi_pg_of(store);
    int64_t shards = 0;
    fm_status status = fmi_pg_get_integer(
        s, "SELECT shards FROM facematch.galleries WHERE gallery_no = @", NULL, &shards, err);
    if (status == FM_OK && shards > 0)
        status = delete_strays(s, err);
    if (status == FM_OK)
        status = fmi_pg_exec(s, "VACUUM (FULL, ANALYZE) facematch.identities_@", err);
    if (status == FM_OK)
        status = fmi_pg_exec(s, "VACUUM (FULL, ANALYZE) facematch.templates_@", err);
    if (status == FM_OK && shards == 0)
        status = fmi_pg_exec(s, "VACUUM (FULL, ANALYZE) facematch.vectors_@_local", err);
    if (status == FM_OK && shards > 0)
        fmi_log(FM_LOG_WARNING, "gallery",
                "%s: the vectors are on other servers, which have to be vacuumed there", s->name);
    return status;
}
