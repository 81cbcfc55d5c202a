/* Galleries on a PostgreSQL server: what reads them, and the table of operations. */
#include "core/error.h"
#include "core/memory.h"
#include "gallery/postgres/postgres.h"
#include <math.h>
#include <string.h>

static fm_status note_integer(void *user, const fmi_pg_row *row, fm_error *err)
{
    (void)err;
    *(int64_t *)user = fmi_pg_integer(row, 0);
    return FM_OK;
}

fm_status fmi_pg_find_identity(fmi_pg *s, const char *id, int64_t *no, fm_error *err)
{
    fmi_pg_params params = {0};
    int64_t found = 0;
    fm_status status;
    fmi_pg_put_text(&params, id);
    status = fmi_pg_query(s, "SELECT identity_no FROM facematch.identities_@ WHERE id = $1",
                          &params, note_integer, &found, NULL, err);
    if (status == FM_OK)
        *no = found;
    return status;
}

static fm_status note_two(void *user, const fmi_pg_row *row, fm_error *err)
{
    int64_t *two = user;
    (void)err;
    two[0] = fmi_pg_integer(row, 0);
    two[1] = fmi_pg_integer(row, 1);
    return FM_OK;
}

fm_status fmi_pg_get_two(fmi_pg *s, const char *sql, int64_t two[2], fm_error *err)
{
    int64_t rows = 0;
    fm_status status = fmi_pg_query(s, sql, NULL, note_two, two, &rows, err);
    return status == FM_OK && rows != 1 ? fmi_pg_corrupt(s, "the gallery is no longer there", err)
                                        : status;
}

static fm_status pg_count(fmi_store *store, int64_t *identities, int64_t *templates, fm_error *err)
{
    int64_t two[2] = {0, 0};
    fm_status status = fmi_pg_get_two(
        fmi_pg_of(store),
        "SELECT identities, templates FROM facematch.galleries WHERE gallery_no = @", two, err);
    if (status != FM_OK)
        return status;
    *identities = two[0];
    *templates = two[1];
    return FM_OK;
}

/* --- reading --- */

#define IDENTITY_COLUMNS                                                                           \
    "i.id, i.display_name, i.created_ms, i.updated_ms, "                                           \
    "(SELECT count(*) FROM facematch.templates_@ t WHERE t.identity_no = i.identity_no)"

static fm_status read_identity(const fmi_pg_row *row, fm_identity *out, fm_error *err)
{
    int64_t templates = fmi_pg_integer(row, 4);
    fm_status status = fmi_pg_text(row, 0, out->id, FM_ID_MAX, err);
    if (status == FM_OK)
        status = fmi_pg_text(row, 1, out->display_name, FM_DISPLAY_NAME_MAX, err);
    if (status == FM_OK && templates > FM_LIMIT_TEMPLATES)
        status = fmi_pg_corrupt(row->s, "an identity has too many templates", err);
    out->created_ms = fmi_pg_integer(row, 2);
    out->updated_ms = fmi_pg_integer(row, 3);
    out->templates = (int32_t)templates;
    return status;
}

static fm_status note_identity(void *user, const fmi_pg_row *row, fm_error *err)
{
    return read_identity(row, user, err);
}

static fm_status pg_get(fmi_store *store, const char *id, fm_identity *out, fm_error *err)
{
    fm_identity result;
    fmi_pg_params params = {0};
    int64_t rows = 0;
    fm_status status;
    memset(&result, 0, sizeof result);
    fmi_pg_put_text(&params, id);
    status =
        fmi_pg_query(fmi_pg_of(store),
                     "SELECT " IDENTITY_COLUMNS " FROM facematch.identities_@ i WHERE i.id = $1",
                     &params, note_identity, &result, &rows, err);
    if (status == FM_OK && rows == 0)
        status = fmi_store_no_identity(id, err);
    if (status == FM_OK)
        *out = result;
    return status;
}

static fm_status page_add(void *user, const fmi_pg_row *row, fm_error *err)
{
    fmi_page *page = user;
    fm_identity *place = fmi_page_place(page, err);
    fm_status status = place ? read_identity(row, place, err) : FM_E_NO_MEMORY;
    page->count += status == FM_OK;
    return status;
}

static fm_status pg_list(fmi_store *store, const char *after_id, fm_identity *out, size_t capacity,
                         size_t *count, fm_error *err)
{
    fmi_page p = {NULL, 0, 0};
    fmi_pg_params params = {0};
    fm_status status;
    fmi_pg_put_text(&params, after_id);
    fmi_pg_put_integer(&params, capacity < INT32_MAX ? (int64_t)capacity : INT32_MAX);
    status = fmi_pg_query(fmi_pg_of(store),
                          "SELECT " IDENTITY_COLUMNS " FROM facematch.identities_@ i "
                          "WHERE i.id > $1 ORDER BY i.id LIMIT $2::bigint",
                          &params, page_add, &p, NULL, err);
    if (status == FM_OK)
        fmi_page_hand_over(&p, out, count);
    fmi_free(p.items);
    return status;
}

static fm_status note_metadata(void *user, const fmi_pg_row *row, fm_error *err)
{
    return fmi_pg_text(row, 0, user, FM_METADATA_MAX, err);
}

static fm_status pg_metadata(fmi_store *store, const char *id, char **out, fm_error *err)
{
    char *text = fmi_alloc(FM_METADATA_MAX + 1);
    fmi_pg_params params = {0};
    int64_t rows = 0;
    fm_status status;
    if (!text)
        return fmi_fail_memory(err);
    fmi_pg_put_text(&params, id);
    status =
        fmi_pg_query(fmi_pg_of(store), "SELECT metadata FROM facematch.identities_@ WHERE id = $1",
                     &params, note_metadata, text, &rows, err);
    if (status == FM_OK && rows == 0)
        status = fmi_store_no_identity(id, err);
    if (status == FM_OK)
        *out = text;
    else
        fmi_free(text);
    return status;
}

typedef struct template_list {
    fm_template *items;
    size_t count, rows;
} template_list;

/* An identity without templates gives one row of NULLs. */
static fm_status note_template(void *user, const fmi_pg_row *row, fm_error *err)
{
    template_list *list = user;
    fm_template *out = &list->items[list->count];
    double quality = fmi_pg_real(row, 2);
    list->rows++;
    if (fmi_pg_is_null(row, 0))
        return FM_OK;
    if (list->count == FM_LIMIT_TEMPLATES)
        return fmi_pg_corrupt(row->s, "an identity has too many templates", err);
    list->count++;
    *out = (fm_template){.template_id = fmi_pg_integer(row, 0),
                         .created_ms = fmi_pg_integer(row, 1),
                         .quality = fmi_pg_is_null(row, 2) ? NAN : (float)quality};
    if (!fmi_pg_is_null(row, 2) && !(quality >= 0 && quality <= 1))
        return fmi_pg_corrupt(row->s, "a template's quality is not in 0..1", err);
    return fmi_pg_text(row, 3, out->label, FM_LABEL_MAX, err);
}

static fm_status pg_templates(fmi_store *store, const char *id, fm_template out[FM_LIMIT_TEMPLATES],
                              size_t *count, fm_error *err)
{
    template_list list = {out, 0, 0};
    fmi_pg_params params = {0};
    fm_status status;
    fmi_pg_put_text(&params, id);
    status = fmi_pg_query(fmi_pg_of(store),
                          "SELECT t.template_id, t.created_ms, t.quality, t.label FROM "
                          "facematch.identities_@ i LEFT JOIN facematch.templates_@ t "
                          "ON t.identity_no = i.identity_no WHERE i.id = $1 ORDER BY t.template_id",
                          &params, note_template, &list, NULL, err);
    if (status == FM_OK && list.rows == 0)
        status = fmi_store_no_identity(id, err);
    if (status == FM_OK)
        *count = list.count;
    return status;
}

typedef struct telling {
    fmi_vector_fn fn;
    void *user;
} telling;

static fm_status tell_vector(void *user, const fmi_pg_row *row, fm_error *err)
{
    const telling *job = user;
    fm_status status = fmi_pg_vector(row, 0, err);
    return status == FM_OK ? job->fn(job->user, row->s->vector) : status;
}

/* The identity's number by itself, so that only the server that has its vectors is asked. */
static fm_status pg_vectors(fmi_store *store, const char *id, int64_t template_id, fmi_vector_fn fn,
                            void *user, fm_error *err)
{
    fmi_pg *s = fmi_pg_of(store);
    telling job = {fn, user};
    fmi_pg_params params = {0};
    int64_t no = 0, rows = 0;
    fm_status status = fmi_pg_find_identity(s, id, &no, err);
    if (status == FM_OK && no == 0)
        status = fmi_store_no_identity(id, err);
    if (status != FM_OK)
        return status;
    fmi_pg_put_integer(&params, no);
    fmi_pg_put_integer(&params, template_id);
    status = fmi_pg_query(s,
                          "SELECT v.embedding FROM facematch.templates_@ t JOIN "
                          "facematch.vectors_@ v ON v.identity_no = $1::bigint "
                          "AND v.template_id = t.template_id WHERE t.identity_no = $1::bigint "
                          "AND ($2::bigint = 0 OR t.template_id = $2::bigint) "
                          "ORDER BY t.template_id",
                          &params, tell_vector, &job, &rows, err);
    fmi_wipe(s->vector, (size_t)s->base.pin.dim * sizeof *s->vector);
    if (status == FM_OK && rows == 0)
        status = fmi_store_no_template(id, template_id, err);
    return status;
}

/* --- opening and closing --- */

static void pg_close(fmi_store *store)
{
    fmi_pg *s = fmi_pg_of(store);
    fmi_pg_disconnect(s);
    if (s->uri)
        fmi_free_wiped(s->uri, s->uri_size);
    if (s->vector)
        fmi_free_wiped(s->vector, (size_t)s->base.pin.dim * sizeof *s->vector);
    if (s->bytes)
        fmi_free_wiped(s->bytes, fmi_pg_vector_bytes((size_t)s->base.pin.dim));
    fmi_free(s->gallery);
    fmi_free(s->name);
    fmi_free(s);
}

static const fmi_store_ops pg_ops = {.close = pg_close,
                                     .count = pg_count,
                                     .changed = fmi_pg_changed,
                                     .sync = fmi_pg_sync,
                                     .add = fmi_pg_add,
                                     .remove = fmi_pg_remove,
                                     .get = pg_get,
                                     .list = pg_list,
                                     .metadata = pg_metadata,
                                     .templates = pg_templates,
                                     .vectors = pg_vectors,
                                     .import = fmi_pg_import,
                                     .begin_read = fmi_pg_begin_export,
                                     .end_read = fmi_pg_end_export,
                                     .compact = fmi_pg_compact,
                                     .search = fmi_pg_search,
                                     .shard = fmi_pg_shard};

static fm_status open_store(fmi_pg *s, const char *uri, const fmi_store_config *config,
                            fm_error *err)
{
    fm_status status = fmi_pg_read_uri(s, uri, err);
    if (status == FM_OK && config->key)
        status = fmi_fail(err, FM_E_UNSUPPORTED,
                          "%s: galleries on a server are not sealed, because it could not search "
                          "them",
                          s->name);
    if (status == FM_OK)
        status = fmi_pg_connect(s, err);
    if (status == FM_OK)
        status = fmi_pg_find_gallery(s, config->pin, err);
    if (status != FM_OK)
        return status;
    s->base.searches = fmi_pg_operator(s->base.pin.metric) != NULL;
    s->vector = fmi_calloc((size_t)s->base.pin.dim, sizeof *s->vector);
    s->bytes = fmi_calloc(1, fmi_pg_vector_bytes((size_t)s->base.pin.dim));
    if (!s->vector || !s->bytes)
        return fmi_fail_memory(err);
    return config->pin && s->index == FM_INDEX_HNSW ? fmi_pg_make_graph(s, err) : FM_OK;
}

fm_status fmi_store_postgres_open(fmi_store **out, const char *uri, const fmi_store_config *config,
                                  fm_error *err)
{
    fmi_pg *s = fmi_calloc(1, sizeof *s);
    fm_status status;
    if (!s)
        return fmi_fail_memory(err);
    s->base.ops = &pg_ops;
    s->mode = config->mode;
    s->timeout_ms = config->timeout_ms;
    s->index = config->index;
    s->graph_rows = config->graph_rows ? config->graph_rows : FMI_INDEX_GRAPH_ROWS;
    status = open_store(s, uri, config, err);
    if (status == FM_OK)
        *out = &s->base;
    else
        pg_close(&s->base);
    return status;
}
