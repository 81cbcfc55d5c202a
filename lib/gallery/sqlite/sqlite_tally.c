/* Are all rows of a sealed gallery there, and do its indexes lead to them?
 *
 * Each row is sealed for itself, and SQLite does not notice when a byte that says how many rows a
 * page has, or where the next page is, was changed: rows would just vanish. So the rows that are
 * read into memory are counted and compared with the sealed counts, and a sum over their keys with
 * that of each index. */
#include "gallery/sqlite/sqlite_seal.h"
#include <string.h>

static uint64_t mix(uint64_t sum, uint64_t number)
{
    return (sum ^ number) * UINT64_C(0x9E3779B97F4A7C15);
}

void fmi_tally_identity(fmi_tally *tally, const unsigned char *hash, int64_t no)
{
    uint64_t words[FMI_SEAL_HASH / 8], sum = (uint64_t)no;
    memcpy(words, hash, sizeof words);
    for (size_t i = 0; i < FMI_SEAL_HASH / 8; i++)
        sum = mix(sum, words[i]);
    tally->rows++;
    tally->sum += sum;
}

void fmi_tally_template(fmi_tally *tally, int64_t no, int64_t template_id)
{
    tally->rows++;
    tally->sum += mix(mix(1, (uint64_t)no), (uint64_t)template_id);
}

void fmi_sealed_begin_tally(const fmi_sqlite *s)
{
    if (s->sealing)
        s->sealing->identities = s->sealing->templates = (fmi_tally){0, 0};
}

/* An index out of order would not be found through. */
static bool rises(const unsigned char *last, const unsigned char *hash, int64_t rows)
{
    return rows == 0 || memcmp(last, hash, FMI_SEAL_HASH) < 0;
}

static fm_status tally_ids(const fmi_sqlite *s, fmi_tally *tally, fm_error *err)
{
    unsigned char last[FMI_SEAL_HASH] = {0};
    sqlite3_stmt *stmt;
    bool row;
    fm_status status = fmi_sqlite_prepare(s, &stmt,
                                          "SELECT id, identity_no FROM identities "
                                          "INDEXED BY sqlite_autoindex_identities_1 ORDER BY id",
                                          err);
    if (status != FM_OK)
        return status;
    while ((status = fmi_sqlite_step(s, stmt, &row, err)) == FM_OK && row) {
        const unsigned char *hash = sqlite3_column_blob(stmt, 0);
        if (!hash || sqlite3_column_bytes(stmt, 0) != FMI_SEAL_HASH ||
            !rises(last, hash, tally->rows)) {
            status = fmi_sqlite_corrupt(s, "the index of its ids is damaged", err);
            break;
        }
        memcpy(last, hash, sizeof last);
        fmi_tally_identity(tally, hash, sqlite3_column_int64(stmt, 1));
    }
    sqlite3_finalize(stmt);
    return status;
}

static fm_status tally_owners(const fmi_sqlite *s, fmi_tally *tally, fm_error *err)
{
    int64_t last_no = INT64_MIN, last_id = INT64_MIN;
    sqlite3_stmt *stmt;
    bool row;
    fm_status status = fmi_sqlite_prepare(s, &stmt,
                                          "SELECT identity_no, template_id FROM templates "
                                          "INDEXED BY templates_by_identity "
                                          "ORDER BY identity_no, template_id",
                                          err);
    if (status != FM_OK)
        return status;
    while ((status = fmi_sqlite_step(s, stmt, &row, err)) == FM_OK && row) {
        int64_t no = sqlite3_column_int64(stmt, 0), id = sqlite3_column_int64(stmt, 1);
        if (no < last_no || (no == last_no && id <= last_id)) {
            status = fmi_sqlite_corrupt(s, "the index of its templates is damaged", err);
            break;
        }
        last_no = no;
        last_id = id;
        fmi_tally_template(tally, no, id);
    }
    sqlite3_finalize(stmt);
    return status;
}

static bool equal(const fmi_tally *a, const fmi_tally *b)
{
    return a->rows == b->rows && a->sum == b->sum;
}

fm_status fmi_sealed_check_tally(const fmi_sqlite *s, fm_error *err)
{
    const fmi_sealing *sealing = s->sealing;
    fmi_tally ids = {0, 0}, owners = {0, 0};
    int64_t identities = 0, templates = 0;
    fm_status status;
    if (!sealing)
        return FM_OK;
    status = fmi_sealed_counts(s, &identities, &templates, err);
    if (status == FM_OK &&
        (sealing->identities.rows != identities || sealing->templates.rows != templates))
        return fmi_sqlite_corrupt(s, "rows have vanished, or were added by other means", err);
    if (status == FM_OK)
        status = tally_ids(s, &ids, err);
    if (status == FM_OK)
        status = tally_owners(s, &owners, err);
    if (status == FM_OK &&
        (!equal(&ids, &sealing->identities) || !equal(&owners, &sealing->templates)))
        status = fmi_sqlite_corrupt(s, "an index of the gallery is damaged", err);
    return status;
}
