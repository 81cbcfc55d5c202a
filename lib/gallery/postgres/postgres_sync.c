/* Reading a whole gallery from a server: into a copy in memory, for searches that the server cannot
 * do, and for an export, from one state of all its servers. */
#include "core/error.h"
#include "core/memory.h"
#include "gallery/postgres/postgres.h"
#include <stdio.h>
#include <string.h>

/* --- a copy in memory --- */

fm_status fmi_pg_changed(fmi_store *store, const fmi_sync *sync, bool *changed, fm_error *err)
{
    int64_t writes = 0;
    fm_status status = fmi_pg_get_integer(
        fmi_pg_of(store), "SELECT writes FROM facematch.galleries WHERE gallery_no = @", NULL,
        &writes, err);
    if (status == FM_OK)
        *changed = !sync->valid || (uint32_t)writes != sync->token;
    return status;
}

typedef struct syncing {
    fmi_pg *s;
    fmi_sync *sync;
    const fmi_sync_target *target;
} syncing;

static fm_status tell_identity(void *user, const fmi_pg_row *row, fm_error *err)
{
    syncing *job = user;
    int64_t no = fmi_pg_integer(row, 0);
    char id[FM_ID_MAX + 1];
    fm_status status = no > job->sync->last_identity
                           ? fmi_pg_text(row, 1, id, FM_ID_MAX, err)
                           : fmi_pg_corrupt(job->s, "identities repeat", err);
    if (status == FM_OK)
        status = job->target->identity(job->target->user, no, id, err);
    if (status == FM_OK)
        job->sync->last_identity = no;
    return status;
}

static fm_status tell_template(void *user, const fmi_pg_row *row, fm_error *err)
{
    syncing *job = user;
    int64_t template_id = fmi_pg_integer(row, 0);
    fm_status status = template_id > job->sync->last_template
                           ? fmi_pg_vector(row, 2, err)
                           : fmi_pg_corrupt(job->s, "templates repeat", err);
    if (status == FM_OK)
        status = job->target->template(job->target->user, fmi_pg_integer(row, 1), template_id,
                                       job->s->vector, err);
    if (status == FM_OK)
        job->sync->last_template = template_id;
    return status;
}

static fm_status sync_inside(syncing *job, fm_error *err)
{
    fmi_pg_params identity = {0}, template = {0};
    int64_t two[2] = {0, 0};
    fm_status status = fmi_pg_get_two(
        job->s, "SELECT writes, rewrites FROM facematch.galleries WHERE gallery_no = @", two, err);
    if (status != FM_OK)
        return status;
    if (two[1] != job->sync->rewrites) {
        job->target->clear(job->target->user);
        *job->sync = (fmi_sync){.rewrites = two[1]};
    }
    fmi_pg_put_integer(&identity, job->sync->last_identity);
    fmi_pg_put_integer(&template, job->sync->last_template);
    status = fmi_pg_query(job->s,
                          "SELECT identity_no, id FROM facematch.identities_@ "
                          "WHERE identity_no > $1::bigint ORDER BY identity_no",
                          &identity, tell_identity, job, NULL, err);
    if (status == FM_OK)
        status = fmi_pg_query(job->s,
                              "SELECT t.template_id, t.identity_no, v.embedding FROM "
                              "facematch.templates_@ t JOIN facematch.vectors_@ v "
                              "ON v.identity_no = t.identity_no AND v.template_id = t.template_id "
                              "WHERE t.template_id > $1::bigint AND v.template_id > $1::bigint "
                              "ORDER BY t.template_id",
                              &template, tell_template, job, NULL, err);
    if (status == FM_OK) {
        job->sync->token = (uint32_t)two[0];
        job->sync->valid = true;
    }
    return status;
}

fm_status fmi_pg_sync(fmi_store *store, fmi_sync *sync, const fmi_sync_target *target,
                      fm_error *err)
{
    fmi_pg *s = fmi_pg_of(store);
    syncing job = {s, sync, target};
    fm_status status = fmi_pg_begin_read(s, err);
    if (status != FM_OK)
        return status;
    status = sync_inside(&job, err);
    fmi_wipe(s->vector, (size_t)s->base.pin.dim * sizeof *s->vector);
    fmi_pg_rollback(s); /* it has only read */
    return status;
}

/* --- one state --- */

/* Shards take theirs when they are first asked. A row of each is asked for while no writer is
 * between its begin and its end, so that all have the same one. */
static fm_status ask_shards(fmi_pg *s, int64_t shards, fm_error *err)
{
    fm_status status = FM_OK;
    for (int64_t i = 0; i < shards && status == FM_OK; i++) {
        char sql[128];
        FMI_PG_FORMAT(sql, "SELECT 1 FROM facematch.vectors_@_shard_%d LIMIT 1", (int)i);
        status = fmi_pg_exec(s, sql, err);
    }
    return status;
}

fm_status fmi_pg_begin_export(fmi_store *store, fm_error *err)
{
    fmi_pg *s = fmi_pg_of(store);
    int64_t two[2] = {0, 0};
    fm_status status = fmi_pg_ready(s, err);
    if (status == FM_OK)
        status = fmi_pg_exec(s, FMI_PG_WAIT_FOR_WRITERS, err);
    if (status != FM_OK)
        return status;
    status = fmi_pg_begin_read(s, err);
    if (status == FM_OK)
        status = fmi_pg_get_two(
            s, "SELECT shards, 0::bigint FROM facematch.galleries WHERE gallery_no = @", two, err);
    if (status == FM_OK)
        status = ask_shards(s, two[0], err);
    if (status == FM_OK)
        status = fmi_pg_exec(s, FMI_PG_LET_WRITERS, err);
    if (status == FM_OK)
        return FM_OK;
    fmi_pg_rollback(s);
    if (s->conn)
        fmi_pg_exec(s, FMI_PG_LET_WRITERS, NULL);
    return status;
}

void fmi_pg_end_export(fmi_store *store)
{
    fmi_pg_rollback(fmi_pg_of(store)); /* it has only read */
}
