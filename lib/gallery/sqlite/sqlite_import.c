/* The operations of the SQLite store that move whole galleries. */
#include "core/error.h"
#include "gallery/sqlite/sqlite.h"

static fm_status import_inside(const fmi_sqlite *s, fmi_next_fn next, void *user,
                               int64_t *templates, fm_error *err)
{
    for (;;) {
        fmi_new_template add = {0};
        fm_enrollment done = {0};
        bool more = false;
        fm_status status = next(user, &add, &more, err);
        if (status != FM_OK || !more)
            return status;
        status = fmi_sqlite_add_inside(s, &add, &done, err);
        if (status != FM_OK)
            return status;
        *templates += add.vector != NULL;
    }
}

/* The log has grown by as much as was imported. What was rolled back is in it, too, and must not
 * stay there. If a reader is in the way, the last one to close the gallery empties it. */
fm_status fmi_sqlite_import(fmi_store *store, fmi_next_fn next, void *user, int64_t *templates,
                            fm_error *err)
{
    const fmi_sqlite *s = (const fmi_sqlite *)store;
    int64_t count = 0;
    fm_status status = fmi_sqlite_exec(s, "BEGIN IMMEDIATE", err);
    if (status != FM_OK)
        return status;
    status = import_inside(s, next, user, &count, err);
    if (status == FM_OK)
        status = fmi_sqlite_commit(s, err);
    else
        fmi_sqlite_rollback(s);
    fmi_sqlite_empty_log(s, NULL);
    if (status == FM_OK)
        *templates = count;
    return status;
}

/* The first statement that reads fixes the state. */
fm_status fmi_sqlite_begin_read(fmi_store *store, fm_error *err)
{
    return fmi_sqlite_exec((const fmi_sqlite *)store, "BEGIN", err);
}

void fmi_sqlite_end_read(fmi_store *store)
{
    fmi_sqlite_rollback((const fmi_sqlite *)store);
}

/* Before and after: without an empty log older versions of pages would stay in it, and a reader
 * that is in the way is better known before the work. */
fm_status fmi_sqlite_compact(fmi_store *store, fm_error *err)
{
    const fmi_sqlite *s = (const fmi_sqlite *)store;
    fm_status status = fmi_sqlite_empty_log(s, err);
    return status == FM_OK ? fmi_sqlite_rebuild(s, err) : status;
}
