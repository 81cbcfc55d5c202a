/* The rows of a sealed gallery. Inside of what is sealed lies:
 *
 *   identity   length of id (1 byte), of display name (1), id, display name; padded
 *   metadata   the text; padded
 *   template   the vector (float32, little-endian), 1 if it has a quality (1 byte), quality (4),
 *              length of label (1), label (FM_LABEL_MAX)
 *
 * Padding (ISO/IEC 7816-4, to a multiple of 64) hides lengths, roughly; all templates are equally
 * long. */
#include "core/error.h"
#include "core/memory.h"
#include "gallery/check.h"
#include "gallery/sqlite/sqlite_seal.h"
#include <math.h>
#include <sodium.h>
#include <string.h>

enum { PAD = 64, TEMPLATE_TAIL = 1 + 4 + 1 + FM_LABEL_MAX };
enum { KIND_IDENTITY = 1, KIND_METADATA = 2, KIND_TEMPLATE = 3 };

/* What a sealed value belongs to: it opens nowhere else. */
typedef struct place {
    unsigned char bytes[1 + 4 * 8];
} place;

static place place_of(unsigned char kind, int64_t no, int64_t owner, int64_t created_ms,
                      int64_t updated_ms)
{
    const int64_t numbers[4] = {no, owner, created_ms, updated_ms};
    place where = {{kind}};
    for (int i = 0; i < 32; i++)
        where.bytes[1 + i] = (unsigned char)((uint64_t)numbers[i / 8] >> 8 * (i % 8));
    return where;
}

/* Seals `size` bytes of the working memory; SQLite copies them. */
static fm_status bind_sealed(const fmi_sqlite *s, sqlite3_stmt *stmt, int at, const place *where,
                             size_t size, fm_error *err)
{
    fmi_sealing *sealing = s->sealing;
    int rc;
    fmi_seal_close_bytes(sealing->seal, sealing->plain, size, where->bytes, sizeof where->bytes,
                         sealing->sealed);
    fmi_wipe(sealing->plain, size);
    rc = sqlite3_bind_blob(stmt, at, sealing->sealed, (int)(size + FMI_SEAL_OVERHEAD),
                           SQLITE_TRANSIENT);
    return rc == SQLITE_OK ? FM_OK : fmi_sqlite_fail(s, rc, err);
}

/* Opens a column into the working memory, which the caller wipes. */
static fm_status open_sealed(const fmi_sqlite *s, sqlite3_stmt *stmt, int column,
                             const place *where, size_t *size, fm_error *err)
{
    fmi_sealing *sealing = s->sealing;
    const void *bytes = sqlite3_column_blob(stmt, column);
    size_t length = (size_t)sqlite3_column_bytes(stmt, column);
    if (sqlite3_column_type(stmt, column) != SQLITE_BLOB || !bytes ||
        length > sealing->room + FMI_SEAL_OVERHEAD ||
        fmi_seal_open_bytes(sealing->seal, bytes, length, where->bytes, sizeof where->bytes,
                            sealing->plain) != FM_OK)
        return fmi_sqlite_corrupt(s, "a sealed row was changed", err);
    *size = length - FMI_SEAL_OVERHEAD;
    return FM_OK;
}

static size_t padded(const fmi_sealing *sealing, size_t size)
{
    size_t result = size;
    sodium_pad(&result, sealing->plain, size, PAD, sealing->room);
    return result;
}

/* FM_E_CORRUPT cannot be brought about by other means than our own mistakes. */
static fm_status unpadded(const fmi_sqlite *s, size_t *size, fm_error *err)
{
    if (sodium_unpad(size, s->sealing->plain, *size, PAD) != 0)
        return fmi_sqlite_corrupt(s, "a sealed row makes no sense", err);
    return FM_OK;
}

void fmi_sqlite_bind_id(const fmi_sqlite *s, sqlite3_stmt *stmt, int at, const char *id)
{
    unsigned char hash[FMI_SEAL_HASH];
    if (!s->sealing) {
        sqlite3_bind_text(stmt, at, id, -1, SQLITE_STATIC);
        return;
    }
    fmi_seal_hash_id(s->sealing->seal, id, hash);
    sqlite3_bind_blob(stmt, at, hash, sizeof hash, SQLITE_TRANSIENT);
}

/* --- identities --- */

fm_status fmi_sealed_bind_identity(const fmi_sqlite *s, sqlite3_stmt *stmt, int at, int64_t no,
                                   const fm_identity *identity, fm_error *err)
{
    place where = place_of(KIND_IDENTITY, no, 0, identity->created_ms, identity->updated_ms);
    unsigned char *plain = s->sealing->plain;
    size_t id = strlen(identity->id), name = strlen(identity->display_name);
    plain[0] = (unsigned char)id;
    plain[1] = (unsigned char)name;
    memcpy(plain + 2, identity->id, id);
    memcpy(plain + 2 + id, identity->display_name, name);
    return bind_sealed(s, stmt, at, &where, padded(s->sealing, 2 + id + name), err);
}

static fm_status take_identity(const fmi_sqlite *s, sqlite3_stmt *stmt, size_t size,
                               fm_identity *out, fm_error *err)
{
    const unsigned char *plain = s->sealing->plain;
    unsigned char hash[FMI_SEAL_HASH];
    const void *stored = sqlite3_column_blob(stmt, 1);
    fm_status status = unpadded(s, &size, err);
    if (status != FM_OK)
        return status;
    if (size < 2 || size != 2 + (size_t)plain[0] + plain[1])
        return fmi_sqlite_corrupt(s, "a sealed row makes no sense", err);
    memcpy(out->id, plain + 2, plain[0]);
    out->id[plain[0]] = '\0';
    memcpy(out->display_name, plain + 2 + plain[0], plain[1]);
    out->display_name[plain[1]] = '\0';
    fmi_seal_hash_id(s->sealing->seal, out->id, hash);
    if (!stored || sqlite3_column_bytes(stmt, 1) != FMI_SEAL_HASH ||
        memcmp(stored, hash, sizeof hash) != 0)
        return fmi_sqlite_corrupt(s, "an identity is found under another's id", err);
    return FM_OK;
}

fm_status fmi_sealed_identity(const fmi_sqlite *s, sqlite3_stmt *stmt, fm_identity *out,
                              fm_error *err)
{
    int64_t no = sqlite3_column_int64(stmt, 0), created_ms = sqlite3_column_int64(stmt, 3),
            updated_ms = sqlite3_column_int64(stmt, 4);
    place where = place_of(KIND_IDENTITY, no, 0, created_ms, updated_ms);
    size_t size = 0, opened;
    fm_status status = open_sealed(s, stmt, 2, &where, &size, err);
    if (status != FM_OK)
        return status;
    opened = size;
    status = take_identity(s, stmt, size, out, err);
    fmi_wipe(s->sealing->plain, opened);
    if (status != FM_OK)
        return status;
    out->created_ms = created_ms;
    out->updated_ms = updated_ms;
    fmi_tally_identity(&s->sealing->identities, sqlite3_column_blob(stmt, 1), no);
    return FM_OK;
}

fm_status fmi_sealed_bind_metadata(const fmi_sqlite *s, sqlite3_stmt *stmt, int at, int64_t no,
                                   const char *text, fm_error *err)
{
    place where = place_of(KIND_METADATA, no, 0, 0, 0);
    size_t size = strlen(text);
    memcpy(s->sealing->plain, text, size);
    return bind_sealed(s, stmt, at, &where, padded(s->sealing, size), err);
}

fm_status fmi_sealed_metadata(const fmi_sqlite *s, sqlite3_stmt *stmt, int column, int64_t no,
                              char *out, fm_error *err)
{
    place where = place_of(KIND_METADATA, no, 0, 0, 0);
    size_t size = 0, opened;
    fm_status status = open_sealed(s, stmt, column, &where, &size, err);
    if (status != FM_OK)
        return status;
    opened = size;
    status = unpadded(s, &size, err);
    if (status == FM_OK && size > FM_METADATA_MAX)
        status = fmi_sqlite_corrupt(s, "a sealed row makes no sense", err);
    if (status == FM_OK) {
        memcpy(out, s->sealing->plain, size);
        out[size] = '\0';
    }
    fmi_wipe(s->sealing->plain, opened);
    return status;
}

/* --- templates --- */

fm_status fmi_sealed_bind_template(const fmi_sqlite *s, sqlite3_stmt *stmt, int at, int64_t no,
                                   const fm_template *about, const float *vector, fm_error *err)
{
    place where = place_of(KIND_TEMPLATE, about->template_id, no, about->created_ms, 0);
    size_t dim = (size_t)s->base.pin.dim, label = strlen(about->label);
    unsigned char *tail = s->sealing->plain + dim * sizeof *vector;
    bool has_quality = !isnan(about->quality);
    float quality = has_quality ? about->quality : 0;
    fmi_vector_to_le(s->sealing->plain, vector, dim);
    memset(tail, 0, TEMPLATE_TAIL);
    tail[0] = has_quality;
    fmi_vector_to_le(tail + 1, &quality, 1);
    tail[5] = (unsigned char)label;
    memcpy(tail + 6, about->label, label);
    return bind_sealed(s, stmt, at, &where, dim * sizeof *vector + TEMPLATE_TAIL, err);
}

static fm_status take_template(fmi_sqlite *s, size_t size, fm_template *out, fm_error *err)
{
    size_t bytes = (size_t)s->base.pin.dim * sizeof *s->vector;
    const unsigned char *tail = s->sealing->plain + bytes;
    if (size != bytes + TEMPLATE_TAIL || tail[5] > FM_LABEL_MAX)
        return fmi_sqlite_corrupt(s, "a sealed row makes no sense", err);
    if (out) {
        fmi_vector_from_le(&out->quality, tail + 1, 1);
        if (!tail[0])
            out->quality = NAN;
        memcpy(out->label, tail + 6, tail[5]);
        out->label[tail[5]] = '\0';
    }
    return fmi_sqlite_vector_bytes(s, s->sealing->plain, err);
}

fm_status fmi_sealed_template(fmi_sqlite *s, sqlite3_stmt *stmt, fm_template *out, fm_error *err)
{
    int64_t id = sqlite3_column_int64(stmt, 0), no = sqlite3_column_int64(stmt, 1),
            created_ms = sqlite3_column_int64(stmt, 2);
    place where = place_of(KIND_TEMPLATE, id, no, created_ms, 0);
    size_t size = 0;
    fm_status status = open_sealed(s, stmt, FMI_COLUMN_VECTOR, &where, &size, err);
    if (status != FM_OK)
        return status;
    if (out)
        *out = (fm_template){.template_id = id, .created_ms = created_ms};
    status = take_template(s, size, out, err);
    fmi_wipe(s->sealing->plain, size);
    fmi_tally_template(&s->sealing->templates, no, id);
    return status;
}

/* --- writing --- */

#define NEXT(column, table)                                                                        \
    "SELECT 1 + max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = '" table "'), 0), "     \
    "coalesce((SELECT max(" column ") FROM " table "), 0))"

static int64_t time_or(int64_t time, int64_t now)
{
    return time ? time : now;
}

static void make_identity(fm_identity *out, const fmi_new_template *add, int64_t now)
{
    memset(out, 0, sizeof *out);
    memcpy(out->id, add->id, strlen(add->id));
    if (add->display_name)
        memcpy(out->display_name, add->display_name, strlen(add->display_name));
    out->created_ms = time_or(add->identity_created_ms, now);
    out->updated_ms = time_or(add->identity_updated_ms, now);
}

/* The number is part of what is sealed, so it has to be known before. */
fm_status fmi_sealed_insert_identity(const fmi_sqlite *s, const fmi_new_template *add, int64_t now,
                                     int64_t *no, fm_error *err)
{
    fm_identity identity;
    sqlite3_stmt *stmt;
    fm_status status = fmi_sqlite_integer(s, NEXT("identity_no", "identities"), no, err);
    if (status == FM_OK)
        status = fmi_sqlite_reuse(s, &stmt,
                                  "INSERT INTO identities (identity_no, id, display_name, "
                                  "metadata, created_ms, updated_ms) VALUES (?, ?, ?, ?, ?, ?)",
                                  err);
    if (status != FM_OK)
        return status;
    make_identity(&identity, add, now);
    sqlite3_bind_int64(stmt, 1, *no);
    fmi_sqlite_bind_id(s, stmt, 2, add->id);
    status = fmi_sealed_bind_identity(s, stmt, 3, *no, &identity, err);
    if (status == FM_OK)
        status =
            fmi_sealed_bind_metadata(s, stmt, 4, *no, add->metadata ? add->metadata : "{}", err);
    sqlite3_bind_int64(stmt, 5, identity.created_ms);
    sqlite3_bind_int64(stmt, 6, identity.updated_ms);
    if (status == FM_OK)
        status = fmi_sqlite_run(s, stmt, err);
    fmi_sqlite_done(s, stmt);
    fmi_wipe(&identity, sizeof identity);
    s->sealing->more_identities += status == FM_OK;
    return status;
}

static fm_status read_by_number(const fmi_sqlite *s, int64_t no, fm_identity *out, fm_error *err)
{
    sqlite3_stmt *stmt;
    bool row = false;
    fm_status status = fmi_sqlite_reuse(
        s, &stmt, "SELECT " FMI_IDENTITY_COLUMNS " FROM identities WHERE identity_no = ?", err);
    if (status != FM_OK)
        return status;
    sqlite3_bind_int64(stmt, 1, no);
    status = fmi_sqlite_step(s, stmt, &row, err);
    if (status == FM_OK)
        status = row ? fmi_sealed_identity(s, stmt, out, err)
                     : fmi_sqlite_corrupt(s, "an identity is missing", err);
    fmi_sqlite_done(s, stmt);
    return status;
}

static fm_status write_by_number(const fmi_sqlite *s, int64_t no, const fm_identity *identity,
                                 const char *metadata, fm_error *err)
{
    sqlite3_stmt *stmt;
    fm_status status = fmi_sqlite_reuse(
        s, &stmt,
        "UPDATE identities SET display_name = ?2, metadata = coalesce(?3, metadata), "
        "updated_ms = ?4 WHERE identity_no = ?1",
        err);
    if (status != FM_OK)
        return status;
    sqlite3_bind_int64(stmt, 1, no);
    status = fmi_sealed_bind_identity(s, stmt, 2, no, identity, err);
    if (status == FM_OK && metadata)
        status = fmi_sealed_bind_metadata(s, stmt, 3, no, metadata, err);
    sqlite3_bind_int64(stmt, 4, identity->updated_ms);
    if (status == FM_OK)
        status = fmi_sqlite_run(s, stmt, err);
    fmi_sqlite_done(s, stmt);
    return status;
}

fm_status fmi_sealed_update_identity(const fmi_sqlite *s, int64_t no, const char *display_name,
                                     const char *metadata, int64_t now, fm_error *err)
{
    fm_identity identity = {0};
    fm_status status = read_by_number(s, no, &identity, err);
    if (status == FM_OK) {
        if (display_name)
            memcpy(identity.display_name, display_name, strlen(display_name) + 1);
        identity.updated_ms = now;
        status = write_by_number(s, no, &identity, metadata, err);
    }
    fmi_wipe(&identity, sizeof identity);
    return status;
}

fm_status fmi_sealed_insert_template(const fmi_sqlite *s, const fmi_new_template *add, int64_t now,
                                     int64_t no, fm_error *err)
{
    fm_template about = {.created_ms = time_or(add->created_ms, now),
                         .quality = add->has_quality ? add->quality : NAN};
    sqlite3_stmt *stmt;
    fm_status status =
        fmi_sqlite_integer(s, NEXT("template_id", "templates"), &about.template_id, err);
    if (status == FM_OK)
        status = fmi_sqlite_reuse(s, &stmt,
                                  "INSERT INTO templates (template_id, identity_no, created_ms, "
                                  "label, vector) VALUES (?, ?, ?, '', ?)",
                                  err);
    if (status != FM_OK)
        return status;
    if (add->label)
        memcpy(about.label, add->label, strlen(add->label));
    sqlite3_bind_int64(stmt, 1, about.template_id);
    sqlite3_bind_int64(stmt, 2, no);
    sqlite3_bind_int64(stmt, 3, about.created_ms);
    status = fmi_sealed_bind_template(s, stmt, 4, no, &about, add->vector, err);
    if (status == FM_OK)
        status = fmi_sqlite_run(s, stmt, err);
    fmi_sqlite_done(s, stmt);
    s->sealing->more_templates += status == FM_OK;
    return status;
}
