/* The lines of an exported gallery, read and checked. Whatever a line holds, reading it cannot do
 * more than fail. */
#include "core/error.h"
#include "core/memory.h"
#include "core/text.h"
#include "gallery/check.h"
#include "gallery/transfer.h"
#include <sodium.h>
#include <string.h>

enum { LONGEST_NAME = 31 };
static const int64_t LATEST_MS = INT64_C(1) << 53; /* what every reader of JSON can hold */

/* A member that is looked for. value.at is NULL when it is absent; null counts as absent, too. */
typedef struct member {
    const char *name;
    fmi_json value;
} member;

static bool is_given(const member *m)
{
    return m->value.at && fmi_json_kind(m->value) != 'n';
}

static fm_status fail_kind(const member *m, const char *expected, fm_error *err)
{
    return fmi_fail(err, FM_E_CORRUPT, is_given(m) ? "%s is not %s" : "%s is missing: %s", m->name,
                    expected);
}

/* Members that nobody looks for are left to later versions. */
static fm_status find_members(fmi_json object, member *members, size_t n, fm_error *err)
{
    fmi_json rest, key, value;
    if (fmi_json_kind(object) != '{')
        return fmi_fail(err, FM_E_CORRUPT, "not a JSON object");
    rest = fmi_json_inside(object);
    while (fmi_json_member(&rest, &key, &value)) {
        char name[LONGEST_NAME + 1];
        size_t size, i = 0;
        if (!fmi_json_text(key, name, LONGEST_NAME, &size))
            continue;
        while (i < n && strcmp(name, members[i].name) != 0)
            i++;
        if (i == n)
            continue;
        if (members[i].value.at)
            return fmi_fail(err, FM_E_CORRUPT, "%s is there twice", name);
        members[i].value = value;
    }
    return FM_OK;
}

static fm_status get_text(const member *m, char *out, size_t max, fm_error *err)
{
    size_t size;
    if (!is_given(m) || fmi_json_kind(m->value) != '"')
        return fail_kind(m, "a string", err);
    if (!fmi_json_text(m->value, out, max, &size))
        return fmi_fail(err, FM_E_CORRUPT, "%s is longer than %zu bytes", m->name, max);
    return FM_OK;
}

static fm_status get_optional_text(const member *m, char *out, size_t max, bool *given,
                                   fm_error *err)
{
    out[0] = '\0';
    *given = is_given(m);
    return *given ? get_text(m, out, max, err) : FM_OK;
}

static fm_status get_count(const member *m, int64_t *out, fm_error *err)
{
    if (!is_given(m) || fmi_json_kind(m->value) != '0' || !fmi_json_integer(m->value, out) ||
        *out < 0)
        return fail_kind(m, "a whole number from 0 on", err);
    return FM_OK;
}

static fm_status get_time(const member *m, int64_t *out, fm_error *err)
{
    fm_status status = FM_OK;
    *out = 0;
    if (is_given(m))
        status = get_count(m, out, err);
    if (status == FM_OK && *out > LATEST_MS)
        status = fmi_fail(err, FM_E_CORRUPT, "%s is no time", m->name);
    return status;
}

/* --- the first line and the last --- */

fm_status fmi_header_read(fmi_header *out, fmi_json line, fm_error *err)
{
    enum { FORMAT, VERSION, MODEL_ID, MODEL_NAME, DIM, METRIC, MEMBERS };
    member m[MEMBERS] = {{"format", {0}},     {"version", {0}}, {"model_id", {0}},
                         {"model_name", {0}}, {"dim", {0}},     {"metric", {0}}};
    char format[sizeof FMI_TRANSFER_FORMAT];
    fm_status status = find_members(line, m, MEMBERS, err);
    if (status == FM_OK)
        status = get_text(&m[FORMAT], format, sizeof format - 1, err);
    if (status != FM_OK || strcmp(format, FMI_TRANSFER_FORMAT) != 0)
        return fmi_fail(err, FM_E_CORRUPT, "not the beginning of an exported gallery");
    status = get_count(&m[VERSION], &out->version, err);
    if (status == FM_OK && out->version > FMI_TRANSFER_VERSION)
        return fmi_fail(err, FM_E_VERSION, "format %lld, this library knows up to %d",
                        (long long)out->version, FMI_TRANSFER_VERSION);
    if (status == FM_OK && out->version < 1)
        status = fmi_fail(err, FM_E_CORRUPT, "there is no format 0");
    if (status == FM_OK)
        status = get_text(&m[MODEL_ID], out->model_id, sizeof out->model_id - 1, err);
    if (status == FM_OK)
        status = get_text(&m[MODEL_NAME], out->model_name, sizeof out->model_name - 1, err);
    if (status == FM_OK)
        status = get_count(&m[DIM], &out->dim, err);
    if (status == FM_OK)
        status = get_text(&m[METRIC], out->metric, sizeof out->metric - 1, err);
    return status;
}

/* Its first member tells it from the line of an identity, so that no long line is searched. */
bool fmi_footer_is(fmi_json line)
{
    fmi_json rest, key, value;
    if (fmi_json_kind(line) != '{')
        return false;
    rest = fmi_json_inside(line);
    return fmi_json_member(&rest, &key, &value) && key.end - key.at == 5 &&
           !memcmp(key.at, "\"end\"", 5) && fmi_json_kind(value) == 't';
}

fm_status fmi_footer_read(fmi_footer *out, fmi_json line, fm_error *err)
{
    member m[2] = {{"identities", {0}}, {"templates", {0}}};
    fm_status status = find_members(line, m, 2, err);
    if (status == FM_OK)
        status = get_count(&m[0], &out->identities, err);
    return status == FM_OK ? get_count(&m[1], &out->templates, err) : status;
}

/* --- an identity --- */

static size_t base64_size(size_t dim)
{
    return sodium_base64_ENCODED_LEN(dim * sizeof(float), sodium_base64_VARIANT_ORIGINAL);
}

/* Every character of a string may be written as \uXXXX. */
size_t fmi_record_longest(size_t dim)
{
    const size_t around = 512, escaped = 6;
    size_t template = around + escaped * FM_LABEL_MAX + 2 * base64_size(dim);
    return around + FM_METADATA_MAX + escaped * (FM_ID_MAX + FM_DISPLAY_NAME_MAX) +
           FM_LIMIT_TEMPLATES * template;
}

fm_status fmi_record_init(fmi_record *record, size_t dim, fm_error *err)
{
    memset(record, 0, sizeof *record);
    record->dim = dim;
    record->metadata = fmi_block_alloc(FM_METADATA_MAX + 1);
    record->vector = fmi_block_alloc(dim * sizeof(float));
    record->bytes = fmi_block_alloc(dim * sizeof(float));
    record->base64 = fmi_block_alloc(base64_size(dim));
    if (record->metadata && record->vector && record->bytes && record->base64)
        return FM_OK;
    fmi_record_dispose(record);
    return fmi_fail_memory(err);
}

void fmi_record_dispose(fmi_record *record)
{
    fmi_block_free(record->metadata);
    fmi_block_free(record->vector);
    fmi_block_free(record->bytes);
    fmi_block_free(record->base64);
    fmi_wipe(record, sizeof *record);
}

/* The text itself is what is kept, spelled as it is. */
static fm_status get_metadata(fmi_record *record, const member *m, fm_error *err)
{
    size_t size;
    record->has_metadata = is_given(m);
    if (!record->has_metadata)
        return FM_OK;
    size = (size_t)(m->value.end - m->value.at);
    if (size > FM_METADATA_MAX)
        return fmi_fail(err, FM_E_CORRUPT, "%s is longer than %d bytes", m->name, FM_METADATA_MAX);
    memcpy(record->metadata, m->value.at, size);
    record->metadata[size] = '\0';
    return FM_OK;
}

static fm_status get_templates(fmi_record *record, const member *m, fm_error *err)
{
    fmi_json rest, item;
    size_t count = 0;
    if (!is_given(m) || fmi_json_kind(m->value) != '[')
        return fail_kind(m, "an array", err);
    record->templates = rest = fmi_json_inside(m->value);
    while (fmi_json_item(&rest, &item))
        if (++count > FM_LIMIT_TEMPLATES)
            return fmi_fail(err, FM_E_LIMIT, "more than %d templates", FM_LIMIT_TEMPLATES);
    return FM_OK;
}

static fm_status check_identity(const fmi_record *record, fm_error *err)
{
    const fmi_new_template add = {.display_name = record->display_name,
                                  .metadata = record->has_metadata ? record->metadata : NULL};
    fm_status status = fmi_text_check(record->id, 1, FM_ID_MAX, "id", err);
    return status == FM_OK ? fmi_check_beside(&add, err) : status;
}

fm_status fmi_record_read(fmi_record *record, fmi_json line, fm_error *err)
{
    enum { ID, DISPLAY_NAME, METADATA, CREATED, UPDATED, TEMPLATES, MEMBERS };
    member m[MEMBERS] = {{"id", {0}},         {"display_name", {0}}, {"metadata", {0}},
                         {"created_ms", {0}}, {"updated_ms", {0}},   {"templates", {0}}};
    fm_status status = find_members(line, m, MEMBERS, err);
    if (status == FM_OK)
        status = get_text(&m[ID], record->id, FM_ID_MAX, err);
    if (status == FM_OK)
        status = get_optional_text(&m[DISPLAY_NAME], record->display_name, FM_DISPLAY_NAME_MAX,
                                   &record->has_display_name, err);
    if (status == FM_OK)
        status = get_metadata(record, &m[METADATA], err);
    if (status == FM_OK)
        status = get_time(&m[CREATED], &record->created_ms, err);
    if (status == FM_OK)
        status = get_time(&m[UPDATED], &record->updated_ms, err);
    if (status == FM_OK)
        status = get_templates(record, &m[TEMPLATES], err);
    return status == FM_OK ? check_identity(record, err) : status;
}

/* --- a template --- */

static fm_status get_quality(fmi_record *record, const member *m, fm_error *err)
{
    double quality = 0;
    record->has_quality = is_given(m);
    if (record->has_quality &&
        (fmi_json_kind(m->value) != '0' || !fmi_json_real(m->value, &quality)))
        return fail_kind(m, "a number", err);
    record->quality = (float)quality;
    return FM_OK;
}

static fm_status get_vector(fmi_record *record, const member *m, fm_error *err)
{
    const size_t bytes = record->dim * sizeof(float);
    size_t size = 0;
    fm_status status = get_text(m, record->base64, base64_size(record->dim) - 1, err);
    if (status != FM_OK)
        return status;
    if (sodium_base642bin(record->bytes, bytes, record->base64, strlen(record->base64), NULL, &size,
                          NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return fmi_fail(err, FM_E_CORRUPT, "%s is not base64 of %zu bytes", m->name, bytes);
    if (size != bytes)
        return fmi_fail(err, FM_E_CORRUPT, "%s has %zu bytes, not 4 times %zu", m->name, size,
                        record->dim);
    fmi_vector_from_le(record->vector, record->bytes, record->dim);
    return fmi_check_stored_vector(record->vector, record->dim, err);
}

static fm_status read_template(fmi_record *record, fmi_json item, fm_error *err)
{
    enum { CREATED, QUALITY, LABEL, VECTOR, MEMBERS };
    member m[MEMBERS] = {{"created_ms", {0}}, {"quality", {0}}, {"label", {0}}, {"vector", {0}}};
    bool has_label;
    fm_status status = find_members(item, m, MEMBERS, err);
    if (status == FM_OK)
        status = get_time(&m[CREATED], &record->template_created_ms, err);
    if (status == FM_OK)
        status = get_quality(record, &m[QUALITY], err);
    if (status == FM_OK)
        status = get_optional_text(&m[LABEL], record->label, FM_LABEL_MAX, &has_label, err);
    return status == FM_OK ? get_vector(record, &m[VECTOR], err) : status;
}

fm_status fmi_record_next(fmi_record *record, bool *more, fm_error *err)
{
    fmi_new_template add;
    fmi_json item;
    fm_status status;
    *more = fmi_json_item(&record->templates, &item);
    if (!*more)
        return FM_OK;
    status = read_template(record, item, err);
    if (status != FM_OK)
        return status;
    add = fmi_record_template(record);
    add.metadata = NULL; /* has been checked */
    return fmi_check_beside(&add, err);
}

fmi_new_template fmi_record_template(const fmi_record *record)
{
    return (fmi_new_template){.id = record->id,
                              .display_name =
                                  record->has_display_name ? record->display_name : NULL,
                              .metadata = record->has_metadata ? record->metadata : NULL,
                              .label = record->label,
                              .vector = record->vector,
                              .has_quality = record->has_quality,
                              .quality = record->quality,
                              .identity_created_ms = record->created_ms,
                              .identity_updated_ms = record->updated_ms,
                              .created_ms = record->template_created_ms};
}
