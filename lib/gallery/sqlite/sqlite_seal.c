/* The lock of a sealed gallery, and how many rows it must have. */
#include "gallery/sqlite/sqlite_seal.h"
#include "core/error.h"
#include "core/memory.h"
#include <sodium.h>
#include <string.h>

enum {
    COUNTS = 2 * 8, /* identities and templates, little-endian */
    PIN_PLACE = 1 + FM_MODEL_ID_SIZE + 64 + 3 * 8,
    PIN_KIND = 4
};

#define GET_LOCK   "SELECT value FROM meta WHERE key = 'seal'"
#define GET_COUNTS "SELECT value FROM meta WHERE key = 'seal_counts'"
#define PUT_LOCK   "INSERT OR REPLACE INTO meta (key, value) VALUES ('seal', ?)"
#define PUT_COUNTS "INSERT OR REPLACE INTO meta (key, value) VALUES ('seal_counts', ?)"

/* --- entries of meta --- */

static fm_status put_bytes(const fmi_sqlite *s, const char *sql, const void *bytes, size_t size,
                           fm_error *err)
{
    sqlite3_stmt *stmt;
    fm_status status = fmi_sqlite_reuse(s, &stmt, sql, err);
    if (status != FM_OK)
        return status;
    sqlite3_bind_blob(stmt, 1, bytes, (int)size, SQLITE_STATIC);
    status = fmi_sqlite_run(s, stmt, err);
    fmi_sqlite_done(s, stmt);
    return status;
}

/* Up to max bytes; *size is 0 when there is no such entry, and max + 1 when it is another thing. */
static fm_status get_bytes(const fmi_sqlite *s, const char *sql, void *out, size_t max,
                           size_t *size, fm_error *err)
{
    sqlite3_stmt *stmt;
    bool row = false;
    fm_status status = fmi_sqlite_reuse(s, &stmt, sql, err);
    if (status != FM_OK)
        return status;
    *size = 0;
    status = fmi_sqlite_step(s, stmt, &row, err);
    if (status == FM_OK && row) {
        const void *bytes = sqlite3_column_blob(stmt, 0);
        size_t length = (size_t)sqlite3_column_bytes(stmt, 0);
        *size = bytes && length <= max && sqlite3_column_type(stmt, 0) == SQLITE_BLOB ? length
                                                                                      : max + 1;
        if (*size <= max)
            memcpy(out, bytes, *size);
    }
    fmi_sqlite_done(s, stmt);
    return status;
}

/* --- counts --- */

static void put_number(unsigned char *out, int64_t number)
{
    for (int i = 0; i < 8; i++)
        out[i] = (unsigned char)((uint64_t)number >> 8 * i);
}

static int64_t get_number(const unsigned char *in)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number |= (uint64_t)in[i] << 8 * i;
    return (int64_t)number;
}

/* The counts open only beside the model that they were written with. */
static void pin_place(const fmi_pin *pin, unsigned char out[PIN_PLACE])
{
    unsigned char *at = out;
    *at++ = PIN_KIND;
    memset(at, 0, FM_MODEL_ID_SIZE + sizeof pin->model_name);
    memcpy(at, pin->model_id, strlen(pin->model_id));
    at += FM_MODEL_ID_SIZE;
    memcpy(at, pin->model_name, strlen(pin->model_name));
    at += sizeof pin->model_name;
    put_number(at, pin->dim);
    put_number(at + 8, pin->metric);
    put_number(at + 16, pin->created_ms);
}

static fm_status put_counts(const fmi_sqlite *s, int64_t identities, int64_t templates,
                            fm_error *err)
{
    unsigned char plain[COUNTS], sealed[COUNTS + FMI_SEAL_OVERHEAD], place[PIN_PLACE];
    pin_place(&s->base.pin, place);
    put_number(plain, identities);
    put_number(plain + 8, templates);
    fmi_seal_close_bytes(s->sealing->seal, plain, sizeof plain, place, sizeof place, sealed);
    return put_bytes(s, PUT_COUNTS, sealed, sizeof sealed, err);
}

fm_status fmi_sealed_counts(const fmi_sqlite *s, int64_t *identities, int64_t *templates,
                            fm_error *err)
{
    unsigned char plain[COUNTS], sealed[COUNTS + FMI_SEAL_OVERHEAD], place[PIN_PLACE];
    size_t size;
    fm_status status = get_bytes(s, GET_COUNTS, sealed, sizeof sealed, &size, err);
    if (status != FM_OK)
        return status;
    pin_place(&s->base.pin, place);
    if (size != sizeof sealed ||
        fmi_seal_open_bytes(s->sealing->seal, sealed, size, place, sizeof place, plain) != FM_OK)
        return fmi_sqlite_corrupt(s, "what it says about its model or size was changed", err);
    *identities = get_number(plain);
    *templates = get_number(plain + 8);
    return FM_OK;
}

fm_status fmi_sealed_count_changes(const fmi_sqlite *s, fm_error *err)
{
    int64_t identities = 0, templates = 0;
    fmi_sealing *sealing = s->sealing;
    fm_status status;
    if (!sealing || (sealing->more_identities == 0 && sealing->more_templates == 0))
        return FM_OK;
    status = fmi_sealed_counts(s, &identities, &templates, err);
    if (status == FM_OK)
        status = put_counts(s, identities + sealing->more_identities,
                            templates + sealing->more_templates, err);
    fmi_sealed_forget_changes(s);
    return status;
}

void fmi_sealed_forget_changes(const fmi_sqlite *s)
{
    if (s->sealing)
        s->sealing->more_identities = s->sealing->more_templates = 0;
}

void fmi_sealed_removed(const fmi_sqlite *s, int64_t identities, int64_t templates)
{
    if (s->sealing) {
        s->sealing->more_identities -= identities;
        s->sealing->more_templates -= templates;
    }
}

/* --- the lock --- */

fm_status fmi_sealing_new(fmi_sealing **out, const fmi_sqlite *s, fmi_seal *seal, fm_error *err)
{
    fmi_sealing *sealing = fmi_calloc(1, sizeof *sealing);
    size_t vector = (size_t)s->base.pin.dim * sizeof(float);
    if (!sealing) {
        fmi_seal_free(seal);
        return fmi_fail_memory(err);
    }
    sealing->seal = seal;
    sealing->room = FM_METADATA_MAX + 256 + vector;
    sealing->plain = fmi_calloc(1, sealing->room);
    sealing->sealed = fmi_alloc(sealing->room + FMI_SEAL_OVERHEAD);
    if (!sealing->plain || !sealing->sealed) {
        fmi_sealing_free(sealing);
        return fmi_fail_memory(err);
    }
    *out = sealing;
    return FM_OK;
}

void fmi_sealing_free(fmi_sealing *sealing)
{
    if (!sealing)
        return;
    fmi_seal_free(sealing->seal);
    if (sealing->plain)
        fmi_free_wiped(sealing->plain, sealing->room);
    fmi_free(sealing->sealed);
    fmi_sealed_forget_ids(sealing);
    fmi_free(sealing);
}

fm_status fmi_sealed_put_lock(const fmi_sqlite *s, int64_t identities, int64_t templates,
                              fm_error *err)
{
    fm_status status = put_bytes(s, PUT_LOCK, s->sealing->seal->lock, FMI_SEAL_LOCK, err);
    return status == FM_OK ? put_counts(s, identities, templates, err) : status;
}

fm_status fmi_sealed_create(fmi_sqlite *s, const fm_gallery_key *key, fm_error *err)
{
    fmi_seal *seal;
    fm_status status = fmi_seal_make(&seal, key, err);
    if (status == FM_OK)
        status = fmi_sealing_new(&s->sealing, s, seal, err);
    return status == FM_OK ? fmi_sealed_put_lock(s, 0, 0, err) : status;
}

static fm_status open_lock(fmi_sqlite *s, const fm_gallery_key *key, const void *lock, size_t size,
                           fm_error *err)
{
    fmi_seal *seal;
    fm_status status;
    /* The one that was just made here: a passphrase takes its time only once. */
    if (s->sealing && size == FMI_SEAL_LOCK && !memcmp(s->sealing->seal->lock, lock, size))
        return FM_OK;
    fmi_sealing_free(s->sealing);
    s->sealing = NULL;
    status = fmi_seal_open(&seal, key, lock, size, err);
    if (status != FM_OK)
        return fmi_fail_context(err, status, "%s", s->path);
    return fmi_sealing_new(&s->sealing, s, seal, err);
}

fm_status fmi_sealed_unlock(fmi_sqlite *s, const fm_gallery_key *key, bool sealed, fm_error *err)
{
    unsigned char lock[FMI_SEAL_LOCK];
    int64_t identities, templates;
    size_t size;
    fm_status status = get_bytes(s, GET_LOCK, lock, sizeof lock, &size, err);
    if (status != FM_OK)
        return status;
    if (sealed != (size > 0))
        return fmi_sqlite_corrupt(s, "its lock is missing, or one too many", err);
    if (!sealed && key)
        return fmi_fail(err, FM_E_STATE, "%s is not sealed: it opens without a key", s->path);
    if (!sealed)
        return FM_OK;
    if (!key)
        return fmi_fail(err, FM_E_PERMISSION, "%s is sealed: it opens only with its key", s->path);
    status = open_lock(s, key, lock, size, err);
    if (status != FM_OK)
        return status;
    s->base.sealed = true;
    return fmi_sealed_counts(s, &identities, &templates, err);
}

fm_status fmi_sealed_guard(const fmi_sqlite *s, fm_error *err)
{
    unsigned char lock[FMI_SEAL_LOCK];
    size_t size, expected = s->sealing ? FMI_SEAL_LOCK : 0;
    fm_status status = get_bytes(s, GET_LOCK, lock, sizeof lock, &size, err);
    if (status != FM_OK)
        return status;
    if (size != expected || (size && memcmp(lock, s->sealing->seal->lock, size) != 0))
        return fmi_fail(err, FM_E_PERMISSION,
                        "%s has another key since it was opened here: open it anew", s->path);
    return FM_OK;
}

fm_status fmi_sealed_explain(const fmi_sqlite *s, fm_status status, fm_error *err)
{
    fm_error reason = {sizeof reason, 0, ""};
    if (status != FM_E_NOT_FOUND && status != FM_E_CORRUPT)
        return status;
    if (fmi_sealed_guard(s, &reason) != FM_E_PERMISSION)
        return status;
    return fmi_fail(err, FM_E_PERMISSION, "%s", reason.message);
}
