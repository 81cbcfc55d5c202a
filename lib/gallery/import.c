/* Reading an exported gallery. Lines are checked as they are stored; when one is wrong, the store
 * takes all of them back. */
#include "core/error.h"
#include "core/stream.h"
#include "gallery/seal/seal_stream.h"
#include "gallery/transfer.h"
#include <string.h>

enum { LONGEST_HEADER = 1 << 16 };

typedef struct importer {
    fm_gallery *gallery;
    const fm_transfer_options *options;
    const char *path;
    fmi_lines lines;
    fmi_record record;
    fm_existing existing; /* of the identity at hand: 0 when it is new, else what is done with it */
    bool first;           /* nothing of it has been stored yet */
    bool ended;           /* the last line has been read */
    fmi_footer found;     /* in the file so far */
    char before[FM_ID_MAX + 1];
    fm_transfer done;
    fm_status failed; /* what reading answered: it has named the line already */
} importer;

/* What fm_gallery_add calls an invalid argument is damage in a file. */
static fm_status at_line(const importer *job, fm_status status, fm_error *err)
{
    if (status == FM_E_INVALID_ARGUMENT)
        status = FM_E_CORRUPT;
    return fmi_fail_context(err, status, "%s: line %lld", job->path, (long long)job->lines.number);
}

/* *line is NULL at the end of the file. Errors of the file itself name it. */
static fm_status next_line(importer *job, const char **line, size_t *size, fm_error *err)
{
    fm_status status = fmi_lines_next(&job->lines, line, size, err);
    return status == FM_E_LIMIT ? at_line(job, status, err) : status;
}

static fm_status parse(const char *line, size_t size, fmi_json *value, fm_error *err)
{
    size_t wrong;
    if (fmi_json_check(line, size, value, &wrong))
        return FM_OK;
    return fmi_fail(err, FM_E_CORRUPT, "not JSON from byte %zu on", wrong + 1);
}

/* --- the first line --- */

static fm_status check_header(const importer *job, const fmi_header *header, fm_error *err)
{
    const fmi_pin *pin = &job->gallery->store->pin;
    if (strcmp(header->model_id, pin->model_id) != 0)
        return fmi_fail(err, FM_E_MODEL_MISMATCH,
                        "the file is of model %s (%.12s), the gallery of %s (%.12s)",
                        header->model_name, header->model_id, pin->model_name, pin->model_id);
    if (header->dim != pin->dim ||
        strcmp(header->metric, fmi_manifest_metric_name(pin->metric)) != 0)
        return fmi_fail(err, FM_E_CORRUPT, "dimension or metric are not those of the model");
    return FM_OK;
}

static fm_status read_header(importer *job, fm_error *err)
{
    fmi_header header;
    fmi_json value;
    const char *line = NULL;
    size_t size = 0;
    fm_status status = next_line(job, &line, &size, err);
    if (status != FM_OK)
        return status;
    if (!line)
        return fmi_fail(err, FM_E_CORRUPT, "%s: the file is empty", job->path);
    if (parse(line, size, &value, err) != FM_OK)
        status = fmi_fail(err, FM_E_CORRUPT, "not the beginning of an exported gallery");
    if (status == FM_OK)
        status = fmi_header_read(&header, value, err);
    if (status == FM_OK)
        status = check_header(job, &header, err);
    return status == FM_OK ? FM_OK : at_line(job, status, err);
}

/* --- identities --- */

/* In the order of ids, so that one that is there twice is noticed without keeping all of them. */
static fm_status check_order(importer *job, fm_error *err)
{
    int order = strcmp(job->record.id, job->before);
    if (order == 0)
        return fmi_fail(err, FM_E_CORRUPT, "identity %s is there twice", job->record.id);
    if (order < 0)
        return fmi_fail(err, FM_E_CORRUPT, "identity %s does not come after %s", job->record.id,
                        job->before);
    memcpy(job->before, job->record.id, sizeof job->before);
    return FM_OK;
}

/* Is it in the gallery, and what then? */
static fm_status look_up(importer *job, fm_error *err)
{
    fmi_store *store = job->gallery->store;
    fm_identity known;
    fm_error why = {.struct_size = sizeof why}; /* that it is new is no error to be told */
    fm_status status = store->ops->get(store, job->record.id, &known, &why);
    job->existing = 0;
    job->first = true;
    if (status == FM_E_NOT_FOUND)
        return FM_OK;
    if (status != FM_OK)
        return fmi_fail(err, status, "%s", why.message);
    job->existing = job->options->on_existing;
    if (job->existing == FM_EXISTING_REFUSE)
        return fmi_fail(err, FM_E_EXISTS, "identity %s is in the gallery already", job->record.id);
    return FM_OK;
}

static fm_status read_identity(importer *job, fmi_json value, fm_error *err)
{
    fm_status status = fmi_record_read(&job->record, value, err);
    if (status == FM_OK)
        status = check_order(job, err);
    if (status == FM_OK)
        status = look_up(job, err);
    if (status != FM_OK)
        return at_line(job, status, err);
    job->found.identities++;
    if (job->existing == FM_EXISTING_SKIP)
        job->done.skipped++;
    else
        job->done.identities++;
    return FM_OK;
}

static fm_status read_end(importer *job, fmi_json value, fm_error *err)
{
    fmi_footer footer;
    const char *line;
    size_t size;
    fm_status status = fmi_footer_read(&footer, value, err);
    if (status == FM_OK &&
        (footer.identities != job->found.identities || footer.templates != job->found.templates))
        status = fmi_fail(err, FM_E_CORRUPT,
                          "%lld identities and %lld templates were to come, %lld and %lld did",
                          (long long)footer.identities, (long long)footer.templates,
                          (long long)job->found.identities, (long long)job->found.templates);
    if (status != FM_OK)
        return at_line(job, status, err);
    status = next_line(job, &line, &size, err);
    if (status == FM_OK && line) {
        fmi_fail(err, FM_E_CORRUPT, "comes after the last one");
        return at_line(job, FM_E_CORRUPT, err);
    }
    job->ended = status == FM_OK;
    return status;
}

static fm_status tell_progress(const importer *job, fm_error *err)
{
    return fmi_transfer_progress(job->options, job->lines.bytes, (int64_t)job->lines.source->size,
                                 err);
}

static fm_status next_identity(importer *job, fm_error *err)
{
    fmi_json value;
    const char *line = NULL;
    size_t size = 0;
    fm_status status = FM_OK;
    if (job->found.identities % FMI_PROGRESS_EVERY == 0)
        status = tell_progress(job, err);
    if (status == FM_OK)
        status = next_line(job, &line, &size, err);
    if (status != FM_OK)
        return status;
    if (!line)
        return fmi_fail(err, FM_E_CORRUPT, "%s: cut short after line %lld", job->path,
                        (long long)job->lines.number);
    status = parse(line, size, &value, err);
    if (status != FM_OK)
        return at_line(job, status, err);
    return fmi_footer_is(value) ? read_end(job, value, err) : read_identity(job, value, err);
}

/* --- what the store asks for --- */

/* One that was there keeps its name, metadata and times; the first of a new one brings them. */
static fmi_new_template as_stored(importer *job)
{
    fmi_new_template add = fmi_record_template(&job->record);
    if (job->existing)
        add.identity_created_ms = add.identity_updated_ms = 0;
    if (job->existing || !job->first)
        add.display_name = add.metadata = NULL;
    job->first = false;
    return add;
}

/* The next template of the identity at hand, or a new identity that has none. */
static fm_status next_of_identity(importer *job, fmi_new_template *add, bool *found, fm_error *err)
{
    bool more = true;
    *found = false;
    while (!*found && more) {
        fm_status status = fmi_record_next(&job->record, &more, err);
        if (status != FM_OK)
            return at_line(job, status, err);
        job->found.templates += more;
        *found = more && job->existing != FM_EXISTING_SKIP;
    }
    if (*found) {
        *add = as_stored(job);
    } else if (job->first && !job->existing) {
        *add = as_stored(job);
        add->vector = NULL;
        *found = true;
    }
    return FM_OK;
}

static fm_status find_next(importer *job, fmi_new_template *add, bool *more, fm_error *err)
{
    for (;;) {
        fm_status status = next_of_identity(job, add, more, err);
        if (status != FM_OK || *more)
            return status;
        status = next_identity(job, err);
        if (status != FM_OK || job->ended)
            return status;
    }
}

static fm_status tell_next(void *user, fmi_new_template *add, bool *more, fm_error *err)
{
    importer *job = user;
    job->failed = find_next(job, add, more, err);
    return job->failed;
}

/* --- the whole --- */

static fm_status import_locked(importer *job, fm_error *err)
{
    fmi_store *store = job->gallery->store;
    fm_status status = store->ops->import(store, tell_next, job, &job->done.templates, err);
    /* The store does not know the line, but that is where a template too many comes from. */
    if (status == FM_E_LIMIT && job->failed == FM_OK)
        status = at_line(job, status, err);
    if (status == FM_OK)
        job->gallery->sync.valid = false;
    return status;
}

static fm_status import_lines(importer *job, fm_error *err)
{
    fm_status status;
    job->lines.limit = LONGEST_HEADER;
    status = read_header(job, err);
    if (status != FM_OK)
        return status;
    job->lines.limit = fmi_record_longest(job->record.dim);
    pthread_mutex_lock(&job->gallery->store_lock);
    status = import_locked(job, err);
    pthread_mutex_unlock(&job->gallery->store_lock);
    return status;
}

fm_status fmi_gallery_import(fm_gallery *gallery, const char *path,
                             const fm_transfer_options *options, fm_transfer *out, fm_error *err)
{
    fm_transfer_options own = *options;
    importer job = {.gallery = gallery, .options = &own, .path = path};
    fmi_source *source = NULL;
    fm_status status = fmi_transfer_check_store(gallery, gallery->store->ops->import != NULL, err);
    if (status == FM_OK)
        status = fmi_transfer_check_path(gallery, path, err);
    if (!own.on_existing)
        own.on_existing = FM_EXISTING_REFUSE;
    if (status == FM_OK)
        status = fmi_source_file(&source, path, err);
    if (status != FM_OK)
        return status;
    status = fmi_seal_source(&source, path, own.key, err);
    job.lines.source = source;
    if (status == FM_OK)
        status = fmi_record_init(&job.record, (size_t)gallery->store->pin.dim, err);
    if (status == FM_OK) {
        status = import_lines(&job, err);
        fmi_record_dispose(&job.record);
    }
    fmi_lines_dispose(&job.lines);
    source->close(source);
    job.done.bytes = job.lines.bytes;
    if (status == FM_OK)
        *out = job.done;
    return status;
}
