/* The identities of a sealed gallery in the order of their ids: the file's own order is that of the
 * hashes. All ids are opened and sorted once, and again when the gallery was written to. */
#include "core/error.h"
#include "core/memory.h"
#include "gallery/sqlite/sqlite_seal.h"
#include <stdlib.h>
#include <string.h>

void fmi_sealed_forget_ids(fmi_sealing *sealing)
{
    for (size_t i = 0; i < sealing->ids_count; i++)
        fmi_free_wiped(sealing->ids[i].id, strlen(sealing->ids[i].id));
    fmi_free(sealing->ids);
    sealing->ids = NULL;
    sealing->ids_count = 0;
    sealing->ids_valid = false;
}

static fm_status keep_id(fmi_sealing *sealing, size_t *room, int64_t no, const char *id,
                         fm_error *err)
{
    if (sealing->ids_count == *room) {
        size_t more = *room ? 2 * *room : 64, bytes;
        fmi_sealed_id *ids =
            fmi_mul_overflows(more, sizeof *ids, &bytes) ? NULL : fmi_realloc(sealing->ids, bytes);
        if (!ids)
            return fmi_fail_memory(err);
        sealing->ids = ids;
        *room = more;
    }
    sealing->ids[sealing->ids_count] = (fmi_sealed_id){no, fmi_strdup(id)};
    if (!sealing->ids[sealing->ids_count].id)
        return fmi_fail_memory(err);
    sealing->ids_count++;
    return FM_OK;
}

static fm_status read_ids(const fmi_sqlite *s, fm_error *err)
{
    fm_identity one = {0};
    size_t room = 0;
    sqlite3_stmt *stmt;
    bool row;
    fm_status status =
        fmi_sqlite_prepare(s, &stmt, "SELECT " FMI_IDENTITY_COLUMNS " FROM identities", err);
    if (status != FM_OK)
        return status;
    while ((status = fmi_sqlite_step(s, stmt, &row, err)) == FM_OK && row) {
        status = fmi_sealed_identity(s, stmt, &one, err);
        if (status == FM_OK)
            status = keep_id(s->sealing, &room, sqlite3_column_int64(stmt, 0), one.id, err);
        if (status != FM_OK)
            break;
    }
    sqlite3_finalize(stmt);
    fmi_wipe(&one, sizeof one);
    return status;
}

/* strcmp compares bytes as unsigned: the order of ids. */
static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const fmi_sealed_id *)a)->id, ((const fmi_sealed_id *)b)->id);
}

static fm_status fill(const fmi_sqlite *s, fm_error *err)
{
    int64_t identities = 0, templates = 0;
    fmi_sealing *sealing = s->sealing;
    fm_status status = fmi_sealed_counts(s, &identities, &templates, err);
    if (status == FM_OK)
        status = read_ids(s, err);
    if (status == FM_OK && (int64_t)sealing->ids_count != identities)
        status =
            fmi_sqlite_corrupt(s, "identities have vanished, or were added by other means", err);
    if (status == FM_OK && sealing->ids_count)
        qsort(sealing->ids, sealing->ids_count, sizeof *sealing->ids, compare_ids);
    return status;
}

static fm_status refresh(const fmi_sqlite *s, fm_error *err)
{
    fmi_sealing *sealing = s->sealing;
    int changes = sqlite3_total_changes(s->db);
    uint32_t version = 0;
    fm_status status = fmi_sqlite_data_version(s, &version, err);
    if (status != FM_OK ||
        (sealing->ids_valid && version == sealing->ids_version && changes == sealing->ids_changes))
        return status;
    fmi_sealed_forget_ids(sealing);
    status = fill(s, err);
    if (status != FM_OK) {
        fmi_sealed_forget_ids(sealing);
        return status;
    }
    sealing->ids_valid = true;
    sealing->ids_version = version;
    sealing->ids_changes = changes;
    return FM_OK;
}

fm_status fmi_sealed_page(const fmi_sqlite *s, const char *after_id, const fmi_sealed_id **ids,
                          size_t *count, fm_error *err)
{
    const fmi_sealing *sealing = s->sealing;
    size_t low = 0, high;
    fm_status status = refresh(s, err);
    if (status != FM_OK)
        return status;
    high = sealing->ids_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(sealing->ids[middle].id, after_id) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ids = sealing->ids ? sealing->ids + low : NULL;
    *count = sealing->ids_count - low;
    return FM_OK;
}
