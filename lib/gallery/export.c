/* A gallery as lines of JSON, piece by piece: never more than one identity is in memory. */
#include "core/error.h"
#include "core/memory.h"
#include "core/stream.h"
#include "gallery/check.h"
#include "gallery/seal/seal_stream.h"
#include "gallery/transfer.h"
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PAGE = 64 };

/* The first failure is kept; after it nothing is written. */
typedef struct exporter {
    fm_gallery *gallery;
    const fm_transfer_options *options;
    fmi_sink *sink;
    fm_error *err;
    fm_status status;
    fm_transfer done;
    int64_t total; /* identities */
    size_t dim;
    unsigned char *bytes; /* of a vector */
    char *base64;
    fm_identity *page;
} exporter;

fm_status fmi_transfer_progress(const fm_transfer_options *options, int64_t done, int64_t total,
                                fm_error *err)
{
    if (!options->progress || options->progress(options->user, done, total) == 0)
        return FM_OK;
    return fmi_fail(err, FM_E_CANCELED, "canceled");
}

fm_status fmi_transfer_check_store(const fm_gallery *gallery, bool can, fm_error *err)
{
    if (can)
        return FM_OK;
    return fmi_fail(err, FM_E_UNSUPPORTED, "%s: not possible with galleries of this kind",
                    gallery->store->name);
}

/* To write there would destroy the gallery. To read there, too: closing any descriptor of its file
 * drops the locks that SQLite holds on it. */
fm_status fmi_transfer_check_path(const fm_gallery *gallery, const char *path, fm_error *err)
{
    struct stat a, b;
    if (stat(path, &a) == 0 && stat(gallery->store->name, &b) == 0 && a.st_dev == b.st_dev &&
        a.st_ino == b.st_ino)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is the gallery itself", path);
    return FM_OK;
}

/* --- pieces of JSON --- */

static void put(exporter *job, const char *bytes, size_t size)
{
    if (job->status != FM_OK)
        return;
    job->status = job->sink->write(job->sink, bytes, size, job->err);
    job->done.bytes += (int64_t)size;
}

static void put_plain(exporter *job, const char *text)
{
    put(job, text, strlen(text));
}

static void put_integer(exporter *job, int64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, number);
    put_plain(job, text);
}

static bool needs_escape(char c)
{
    return c == '"' || c == '\\' || (unsigned char)c < 0x20;
}

static void put_string(exporter *job, const char *text)
{
    put(job, "\"", 1);
    while (*text) {
        const char *start = text;
        char escaped[16];
        while (*text && !needs_escape(*text))
            text++;
        put(job, start, (size_t)(text - start));
        if (!*text)
            break;
        snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)*text++);
        put_plain(job, escaped);
    }
    put(job, "\"", 1);
}

/* Nine digits tell one float from every other. By jansson, because printf goes by the locale. */
static void put_quality(exporter *job, float quality)
{
    char text[64];
    json_t *json = isfinite(quality) ? json_real((double)quality) : json_null();
    size_t size = json_dumpb(json, text, sizeof text, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    json_decref(json);
    if (size > 0 && size <= sizeof text)
        put(job, text, size);
    else if (job->status == FM_OK)
        job->status = fmi_fail_memory(job->err);
}

/* Line breaks between the tokens become blanks; inside strings JSON has none. */
static void put_metadata(exporter *job, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\r\n");
        put(job, text, n);
        text += n;
        if (!*text)
            break;
        put(job, " ", 1);
        text++;
    }
}

/* --- one identity --- */

static void put_template(exporter *job, const fm_template *t, const float *vector)
{
    const size_t bytes = job->dim * sizeof(float);
    fmi_vector_to_le(job->bytes, vector, job->dim);
    sodium_bin2base64(job->base64, sodium_base64_ENCODED_LEN(bytes, sodium_base64_VARIANT_ORIGINAL),
                      job->bytes, bytes, sodium_base64_VARIANT_ORIGINAL);
    put_plain(job, "{\"created_ms\":");
    put_integer(job, t->created_ms);
    put_plain(job, ",\"quality\":");
    put_quality(job, t->quality);
    put_plain(job, ",\"label\":");
    put_string(job, t->label);
    put_plain(job, ",\"vector\":\"");
    put_plain(job, job->base64);
    put_plain(job, "\"}");
}

typedef struct template_list {
    exporter *job;
    size_t count, told;
    fm_template items[FM_LIMIT_TEMPLATES];
} template_list;

static fm_status tell_vector(void *user, const float *vector)
{
    template_list *list = user;
    if (list->told < list->count) {
        put_plain(list->job, list->told ? "," : "");
        put_template(list->job, &list->items[list->told], vector);
    }
    list->told++;
    return list->job->status;
}

static void put_templates(exporter *job, const char *id)
{
    const fmi_store_ops *ops = job->gallery->store->ops;
    template_list list = {job, 0, 0, {{0}}};
    if (job->status == FM_OK)
        job->status = ops->templates(job->gallery->store, id, list.items, &list.count, job->err);
    if (job->status == FM_OK && list.count > 0)
        job->status = ops->vectors(job->gallery->store, id, 0, tell_vector, &list, job->err);
    if (job->status == FM_OK && list.told != list.count)
        job->status =
            fmi_fail(job->err, FM_E_CORRUPT, "%s: identity %s has %zu templates and %zu vectors",
                     job->gallery->store->name, id, list.count, list.told);
    job->done.templates += (int64_t)list.count;
}

static void put_identity(exporter *job, const fm_identity *identity)
{
    const fmi_store_ops *ops = job->gallery->store->ops;
    char *metadata = NULL;
    if (job->status == FM_OK)
        job->status = ops->metadata(job->gallery->store, identity->id, &metadata, job->err);
    if (job->status != FM_OK)
        return;
    put_plain(job, "{\"id\":");
    put_string(job, identity->id);
    put_plain(job, ",\"display_name\":");
    put_string(job, identity->display_name);
    put_plain(job, ",\"metadata\":");
    put_metadata(job, metadata);
    put_plain(job, ",\"created_ms\":");
    put_integer(job, identity->created_ms);
    put_plain(job, ",\"updated_ms\":");
    put_integer(job, identity->updated_ms);
    put_plain(job, ",\"templates\":[");
    put_templates(job, identity->id);
    put_plain(job, "]}\n");
    fmi_free_wiped(metadata, strlen(metadata));
    job->done.identities++;
}

/* --- the whole --- */

static void put_header(exporter *job)
{
    const fmi_pin *pin = &job->gallery->store->pin;
    put_plain(job, "{\"format\":\"" FMI_TRANSFER_FORMAT "\",\"version\":");
    put_integer(job, FMI_TRANSFER_VERSION);
    put_plain(job, ",\"model_id\":");
    put_string(job, pin->model_id);
    put_plain(job, ",\"model_name\":");
    put_string(job, pin->model_name);
    put_plain(job, ",\"dim\":");
    put_integer(job, pin->dim);
    put_plain(job, ",\"metric\":");
    put_string(job, fmi_manifest_metric_name(pin->metric));
    put_plain(job, ",\"created_ms\":");
    put_integer(job, pin->created_ms);
    put_plain(job, "}\n");
}

static void put_footer(exporter *job)
{
    put_plain(job, "{\"end\":true,\"identities\":");
    put_integer(job, job->done.identities);
    put_plain(job, ",\"templates\":");
    put_integer(job, job->done.templates);
    put_plain(job, "}\n");
}

static void tell_progress(exporter *job)
{
    if (job->status == FM_OK)
        job->status =
            fmi_transfer_progress(job->options, job->done.identities, job->total, job->err);
}

static void put_identities(exporter *job)
{
    const fmi_store_ops *ops = job->gallery->store->ops;
    char after[FM_ID_MAX + 1] = "";
    size_t count = PAGE;
    while (count == PAGE && job->status == FM_OK) {
        count = 0;
        job->status = ops->list(job->gallery->store, after, job->page, PAGE, &count, job->err);
        for (size_t i = 0; i < count && job->status == FM_OK; i++)
            put_identity(job, &job->page[i]);
        if (count > 0)
            memcpy(after, job->page[count - 1].id, sizeof after);
        tell_progress(job);
    }
}

/* Inside begin_read and end_read. */
static void write_all(exporter *job)
{
    int64_t templates;
    job->status =
        job->gallery->store->ops->count(job->gallery->store, &job->total, &templates, job->err);
    tell_progress(job);
    put_header(job);
    put_identities(job);
    put_footer(job);
    if (job->status == FM_OK)
        job->status = job->sink->finish(job->sink, job->err);
}

static fm_status get_memory(exporter *job)
{
    const size_t bytes = job->dim * sizeof(float);
    job->bytes = fmi_block_alloc(bytes);
    job->base64 = fmi_block_alloc(sodium_base64_ENCODED_LEN(bytes, sodium_base64_VARIANT_ORIGINAL));
    job->page = fmi_block_alloc(PAGE * sizeof *job->page);
    return job->bytes && job->base64 && job->page ? FM_OK : fmi_fail_memory(job->err);
}

static void export_locked(exporter *job)
{
    fmi_store *store = job->gallery->store;
    job->status = store->ops->begin_read(store, job->err);
    if (job->status != FM_OK)
        return;
    write_all(job);
    store->ops->end_read(store);
}

fm_status fmi_gallery_export(fm_gallery *gallery, const char *path,
                             const fm_transfer_options *options, fm_transfer *out, fm_error *err)
{
    exporter job = {.gallery = gallery, .options = options, .err = err};
    job.dim = (size_t)gallery->store->pin.dim;
    job.status = fmi_transfer_check_store(gallery, gallery->store->ops->begin_read != NULL, err);
    if (job.status == FM_OK)
        job.status = fmi_transfer_check_path(gallery, path, err);
    if (job.status == FM_OK)
        job.status = get_memory(&job);
    if (job.status == FM_OK)
        job.status = fmi_sink_file(&job.sink, path, err);
    if (job.status == FM_OK && options->key)
        job.status = fmi_seal_sink(&job.sink, path, options->key, err);
    if (job.status == FM_OK) {
        pthread_mutex_lock(&gallery->store_lock);
        export_locked(&job);
        pthread_mutex_unlock(&gallery->store_lock);
    }
    if (job.sink)
        job.sink->close(job.sink);
    fmi_block_free(job.bytes);
    fmi_block_free(job.base64);
    fmi_block_free(job.page);
    if (job.status == FM_OK)
        *out = job.done;
    return job.status;
}

fm_status fmi_gallery_compact(fm_gallery *gallery, fm_error *err)
{
    fm_status status = fmi_transfer_check_store(gallery, gallery->store->ops->compact != NULL, err);
    if (status != FM_OK)
        return status;
    pthread_mutex_lock(&gallery->store_lock);
    status = gallery->store->ops->compact(gallery->store, err);
    pthread_mutex_unlock(&gallery->store_lock);
    return status;
}

/* A rewrite: a copy in memory is read anew when it is needed. */
fm_status fmi_gallery_shard(fm_gallery *gallery, const char *const *servers, size_t n,
                            const fm_transfer_options *options, fm_transfer *out, fm_error *err)
{
    fm_status status = fmi_transfer_check_store(gallery, gallery->store->ops->shard != NULL, err);
    if (status != FM_OK)
        return status;
    pthread_mutex_lock(&gallery->store_lock);
    status = gallery->store->ops->shard(gallery->store, servers, n, options, out, err);
    if (status == FM_OK)
        gallery->sync.valid = false;
    pthread_mutex_unlock(&gallery->store_lock);
    return status;
}
