#include "gallery/gallery.h"
#include "core/error.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/text.h"
#include "match/metric.h"
#include "match/verify.h"
#include <float.h>
#include <string.h>

enum { DEFAULT_TIMEOUT_MS = 5000 };

/* --- the copy in memory --- */

static void clear_copy(void *user)
{
    fmi_index_clear(user);
}

static fm_status copy_identity(void *user, int64_t identity_no, const char *id, fm_error *err)
{
    return fmi_index_add_identity(user, identity_no, id, err);
}

static fm_status copy_template(void *user, int64_t identity_no, int64_t template_id,
                               const float *vector, fm_error *err)
{
    return fmi_index_add_template(user, identity_no, template_id, vector, err);
}

/* Where the store searches by itself, the copy is made when something is asked for that it cannot
 * do: then store_lock is held, and nobody else looks at it yet. */
static fm_status make_index(fm_gallery *gallery, const fmi_index_config *config, fm_error *err)
{
    if (gallery->index)
        return FM_OK;
    return fmi_index_new(&gallery->index, &gallery->model->manifest, config, err);
}

/* Others write to the store too. So does this handle, but what it adds is read back here, at the
 * next search: an enrolment that was stored cannot fail for want of memory. */
static fm_status update_index(fm_gallery *gallery, fm_error *err)
{
    const fmi_index_config config = {.threads = gallery->threads, .kind = FM_INDEX_EXACT};
    fmi_sync_target target = {NULL, clear_copy, copy_identity, copy_template};
    bool changed = true;
    fm_status status = make_index(gallery, &config, err);
    target.user = gallery->index;
    if (status == FM_OK)
        status = gallery->store->ops->changed(gallery->store, &gallery->sync, &changed, err);
    if (status != FM_OK || (!changed && fmi_index_is_settled(gallery->index)))
        return status;
    pthread_rwlock_wrlock(&gallery->index_lock);
    status = gallery->store->ops->sync(gallery->store, &gallery->sync, &target, err);
    if (status == FM_OK)
        status = fmi_index_settle(gallery->index, err);
    pthread_rwlock_unlock(&gallery->index_lock);
    return status;
}

/* --- opening and closing --- */

static fm_status make_locks(fm_gallery *gallery, fm_error *err)
{
    if (pthread_mutex_init(&gallery->store_lock, NULL) != 0)
        return fmi_fail_memory(err);
    if (pthread_rwlock_init(&gallery->index_lock, NULL) == 0)
        return FM_OK;
    pthread_mutex_destroy(&gallery->store_lock);
    return fmi_fail_memory(err);
}

static void make_pin(fmi_pin *pin, const fm_model *model)
{
    memset(pin, 0, sizeof *pin);
    memcpy(pin->model_id, model->id, sizeof pin->model_id);
    fmi_text_clean(pin->model_name, sizeof pin->model_name, model->manifest.name);
    pin->dim = model->manifest.embedding.dim;
    pin->metric = model->manifest.metric;
}

static bool is_scheme_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.';
}

static bool is_scheme(const char *uri, const char *scheme)
{
    return !strncmp(uri, scheme, strlen(scheme));
}

/* "sqlite:PATH" or PATH. A colon alone makes no scheme: it may be part of a file's name. */
static fm_status path_of(const char *uri, const char **path, fm_error *err)
{
    static const char ours[] = "sqlite:";
    const char *end = uri;
    *path = uri;
    if (is_scheme(uri, ours)) {
        *path = uri + sizeof ours - 1;
    } else {
        while (is_scheme_char(*end))
            end++;
        if (end > uri && !strncmp(end, "://", 3))
            return fmi_fail(err, FM_E_UNSUPPORTED,
                            "this library has no galleries of the scheme %.*s", (int)(end - uri),
                            uri);
    }
    if (**path == '\0')
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "the path of the gallery is empty");
    return FM_OK;
}

static fm_status open_store(fm_gallery *gallery, const char *uri, const fmi_store_config *config,
                            fm_error *err)
{
    const char *path;
    fm_status status;
    if (is_scheme(uri, "postgresql://") || is_scheme(uri, "postgres://"))
        return fmi_store_postgres_open(&gallery->store, uri, config, err);
    status = path_of(uri, &path, err);
    return status == FM_OK ? fmi_store_sqlite_open(&gallery->store, path, config, err) : status;
}

static fm_status open_parts(fm_gallery *gallery, const char *uri, const fm_model *model,
                            const fm_gallery_options *options, fm_error *err)
{
    fmi_pin pin;
    fmi_store_config config = {.mode = gallery->mode,
                               .timeout_ms =
                                   options->timeout_ms ? options->timeout_ms : DEFAULT_TIMEOUT_MS,
                               .key = options->key,
                               .index = options->index};
    const fmi_index_config index_config = {.threads = options->threads, .kind = options->index};
    fm_status status;
    if (model) {
        gallery->model = fmi_model_retain(model);
        make_pin(&pin, model);
        config.pin = &pin;
    }
    gallery->threads = options->threads;
    status = open_store(gallery, uri, &config, err);
    if (status != FM_OK || !model || gallery->store->searches)
        return status;
    status = make_index(gallery, &index_config, err);
    return status == FM_OK ? update_index(gallery, err) : status;
}

fm_status fmi_gallery_open(fm_gallery **out, const char *uri, const fm_model *model,
                           const fm_gallery_options *options, fm_error *err)
{
    fm_gallery *gallery = fmi_calloc(1, sizeof *gallery);
    fm_status status;
    if (!gallery)
        return fmi_fail_memory(err);
    status = make_locks(gallery, err);
    if (status != FM_OK) {
        fmi_free(gallery);
        return status;
    }
    gallery->mode = options->mode ? options->mode : FM_GALLERY_CREATE;
    status = open_parts(gallery, uri, model, options, err);
    if (status == FM_OK)
        *out = gallery;
    else
        fmi_gallery_close(gallery);
    return status;
}

void fmi_gallery_close(fm_gallery *gallery)
{
    if (!gallery)
        return;
    if (gallery->store)
        gallery->store->ops->close(gallery->store);
    fmi_index_free(gallery->index);
    fmi_model_release(gallery->model);
    pthread_rwlock_destroy(&gallery->index_lock);
    pthread_mutex_destroy(&gallery->store_lock);
    fmi_free(gallery);
}

/* --- writing --- */

fm_status fmi_gallery_add(fm_gallery *gallery, const fmi_new_template *add,
                          const fm_gate_options *gate, fm_gate_report *report, fm_enrollment *out,
                          fm_error *err)
{
    fm_status status;
    pthread_mutex_lock(&gallery->store_lock);
    status = gate ? fmi_gallery_admit(gallery, add, gate, report, err) : FM_OK;
    if (status == FM_OK)
        status = gallery->store->ops->add(gallery->store, add, out, err);
    if (status == FM_OK)
        gallery->sync.valid = false;
    pthread_mutex_unlock(&gallery->store_lock);
    return status;
}

/* The copy follows at once, so that it need not be read anew. If another process has removed
 * something meanwhile, the rewrites do not add up, and it will be. */
static void forget(fm_gallery *gallery, const fmi_removal *removal, int64_t template_id)
{
    if (!gallery->index)
        return;
    pthread_rwlock_wrlock(&gallery->index_lock);
    if (template_id == 0)
        fmi_index_remove_identity(gallery->index, removal->identity_no);
    else
        fmi_index_remove_template(gallery->index, removal->identity_no, template_id);
    pthread_rwlock_unlock(&gallery->index_lock);
    gallery->sync.rewrites++;
    gallery->sync.valid = false;
}

fm_status fmi_gallery_remove(fm_gallery *gallery, const char *id, int64_t template_id,
                             size_t *removed, fm_error *err)
{
    fmi_removal removal;
    fm_status status;
    pthread_mutex_lock(&gallery->store_lock);
    status = gallery->store->ops->remove(gallery->store, id, template_id, &removal, err);
    if (status == FM_OK)
        forget(gallery, &removal, template_id);
    pthread_mutex_unlock(&gallery->store_lock);
    if (status != FM_OK)
        return status;
    if (removal.copies_remain)
        fmi_log(FM_LOG_WARNING, "gallery",
                "%s: copies of what was removed may remain in its files or its log",
                gallery->store->name);
    if (removed)
        *removed = removal.templates;
    return FM_OK;
}

/* What is in memory stays good. The rewrite that the store counts is ours. */
fm_status fmi_gallery_rekey(fm_gallery *gallery, const fm_gallery_key *key, fm_error *err)
{
    fm_status status;
    if (!gallery->store->ops->rekey)
        return fmi_fail(err, FM_E_UNSUPPORTED, "%s: galleries of this kind are not sealed",
                        gallery->store->name);
    pthread_mutex_lock(&gallery->store_lock);
    status = gallery->store->ops->rekey(gallery->store, key, err);
    if (status == FM_OK) {
        gallery->sync.rewrites++;
        gallery->sync.valid = false;
    }
    pthread_mutex_unlock(&gallery->store_lock);
    return status;
}

/* --- reading --- */

fm_status fmi_gallery_count(fm_gallery *gallery, int64_t *identities, int64_t *templates,
                            fm_error *err)
{
    fm_status status;
    pthread_mutex_lock(&gallery->store_lock);
    status = gallery->store->ops->count(gallery->store, identities, templates, err);
    pthread_mutex_unlock(&gallery->store_lock);
    return status;
}

fm_status fmi_gallery_get(fm_gallery *gallery, const char *id, fm_identity *out, fm_error *err)
{
    fm_status status;
    pthread_mutex_lock(&gallery->store_lock);
    status = gallery->store->ops->get(gallery->store, id, out, err);
    pthread_mutex_unlock(&gallery->store_lock);
    return status;
}

fm_status fmi_gallery_list(fm_gallery *gallery, const char *after_id, fm_identity *out,
                           size_t capacity, size_t *count, fm_error *err)
{
    fm_status status;
    pthread_mutex_lock(&gallery->store_lock);
    status = gallery->store->ops->list(gallery->store, after_id, out, capacity, count, err);
    pthread_mutex_unlock(&gallery->store_lock);
    return status;
}

fm_status fmi_gallery_metadata(fm_gallery *gallery, const char *id, char **text, fm_error *err)
{
    fm_status status;
    pthread_mutex_lock(&gallery->store_lock);
    status = gallery->store->ops->metadata(gallery->store, id, text, err);
    pthread_mutex_unlock(&gallery->store_lock);
    return status;
}

fm_status fmi_gallery_templates(fm_gallery *gallery, const char *id,
                                fm_template out[FM_LIMIT_TEMPLATES], size_t *count, fm_error *err)
{
    fm_status status;
    pthread_mutex_lock(&gallery->store_lock);
    status = gallery->store->ops->templates(gallery->store, id, out, count, err);
    pthread_mutex_unlock(&gallery->store_lock);
    return status;
}

static fm_status visit_vectors(fm_gallery *gallery, const char *id, int64_t template_id,
                               fmi_vector_fn fn, void *user, fm_error *err)
{
    fm_status status;
    pthread_mutex_lock(&gallery->store_lock);
    status = gallery->store->ops->vectors(gallery->store, id, template_id, fn, user, err);
    pthread_mutex_unlock(&gallery->store_lock);
    return status;
}

typedef struct vector_copy {
    float *out;
    size_t dim;
} vector_copy;

static fm_status copy_vector(void *user, const float *vector)
{
    const vector_copy *copy = user;
    memcpy(copy->out, vector, copy->dim * sizeof *vector);
    return FM_OK;
}

fm_status fmi_gallery_embedding(fm_gallery *gallery, const char *id, int64_t template_id,
                                float *out, fm_error *err)
{
    vector_copy copy = {out, (size_t)gallery->store->pin.dim};
    return visit_vectors(gallery, id, template_id, copy_vector, &copy, err);
}

/* --- comparing --- */

typedef struct best_score {
    const fmi_manifest *manifest;
    const float *query;
    float score;
} best_score;

static fm_status keep_best(void *user, const float *vector)
{
    best_score *best = user;
    float score = fmi_metric_score(best->manifest, best->query, vector);
    if (score > best->score)
        best->score = score;
    return FM_OK;
}

fm_status fmi_gallery_best_score_held(fm_gallery *gallery, const char *id, const float *query,
                                      float *score, fm_error *err)
{
    best_score best = {&gallery->model->manifest, query, -FLT_MAX};
    fm_status status = gallery->store->ops->vectors(gallery->store, id, 0, keep_best, &best, err);
    if (status == FM_OK)
        *score = best.score;
    return status;
}

fm_status fmi_gallery_best_score(fm_gallery *gallery, const char *id, const float *query,
                                 float *score, fm_error *err)
{
    fm_status status;
    pthread_mutex_lock(&gallery->store_lock);
    status = fmi_gallery_best_score_held(gallery, id, query, score, err);
    pthread_mutex_unlock(&gallery->store_lock);
    return status;
}

static void tell_match(const fmi_manifest *manifest, const fmi_hit *hit, size_t place,
                       fm_match *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out->id, hit->id, strlen(hit->id));
    out->fmr = fmi_calibration_fmr(manifest, hit->score);
    out->template_id = hit->template_id;
    out->score = hit->score;
    out->rank = (int32_t)place + 1;
}

static void tell_matches(const fmi_manifest *manifest, const fmi_hit *hits, size_t n, size_t k,
                         const size_t *counts, fm_match *matches)
{
    for (size_t q = 0; q < n; q++)
        for (size_t i = 0; i < counts[q]; i++)
            tell_match(manifest, &hits[q * k + i], i, &matches[q * k + i]);
}

static void tell_search(const fmi_manifest *manifest, float threshold, int64_t identities,
                        fm_identification *out)
{
    out->threshold = threshold;
    out->fmr = fmi_calibration_fmr(manifest, threshold);
    out->identities = identities;
}

/* The index is held by the caller. hits: [n][k] */
static fm_status search_index(const fm_gallery *gallery, const float *queries, size_t n,
                              const fm_identify_options *options, fmi_hit *hits, fm_match *matches,
                              size_t k, size_t *counts, fm_identification *out, fm_error *err)
{
    const fmi_manifest *manifest = &gallery->model->manifest;
    size_t identities = fmi_index_identities(gallery->index);
    float threshold;
    fm_status status = fmi_identify_threshold(manifest, options, identities, &threshold, err);
    if (status == FM_OK)
        status = (options->score == FM_SCORE_MEAN ? fmi_index_search_means : fmi_index_search_near)(
            gallery->index, queries, n, threshold, k, hits, counts, err);
    if (status != FM_OK)
        return status;
    tell_matches(manifest, hits, n, k, counts, matches);
    tell_search(manifest, threshold, (int64_t)identities, out);
    return FM_OK;
}

/* The copy is up to date. */
static fm_status search_copy(fm_gallery *gallery, const float *queries, size_t n,
                             const fm_identify_options *options, fm_match *matches, size_t k,
                             size_t *counts, fm_identification *out, fm_error *err)
{
    fm_status status;
    fmi_hit *hits = fmi_alloc_array(n * k, sizeof *hits); /* neither is more than a few thousand */
    if (!hits)
        return fmi_fail_memory(err);
    pthread_rwlock_rdlock(&gallery->index_lock);
    status = search_index(gallery, queries, n, options, hits, matches, k, counts, out, err);
    pthread_rwlock_unlock(&gallery->index_lock);
    fmi_free(hits);
    return status;
}

static bool is_searched_there(const fm_gallery *gallery, const fm_identify_options *options)
{
    return gallery->store->searches && options->score != FM_SCORE_MEAN;
}

static void free_hits(fmi_hit *hits, size_t count)
{
    for (size_t i = 0; hits && i < count; i++)
        fmi_free((char *)hits[i].id);
    fmi_free(hits);
}

/* In the store; store_lock is held. */
static fm_status search_store(fm_gallery *gallery, const float *queries, size_t n,
                              const fm_identify_options *options, fm_match *matches, size_t k,
                              size_t *counts, fm_identification *out, fm_error *err)
{
    const fmi_manifest *manifest = &gallery->model->manifest;
    const fmi_search search = {
        .manifest = manifest, .options = options, .queries = queries, .n = n, .k = k};
    fmi_searched done = {0};
    fmi_hit *hits = fmi_calloc(n * k, sizeof *hits);
    size_t *found = fmi_calloc(n, sizeof *found);
    fm_status status = hits && found ? gallery->store->ops->search(gallery->store, &search, hits,
                                                                   found, &done, err)
                                     : fmi_fail_memory(err);
    if (status == FM_OK) {
        memcpy(counts, found, n * sizeof *found);
        tell_matches(manifest, hits, n, k, counts, matches);
        tell_search(manifest, done.threshold, done.identities, out);
    }
    free_hits(hits, n * k);
    fmi_free(found);
    return status;
}

fm_status fmi_gallery_search_held(fm_gallery *gallery, const float *queries, size_t n,
                                  const fm_identify_options *options, fm_match *matches, size_t k,
                                  size_t *counts, fm_identification *out, fm_error *err)
{
    fm_status status;
    if (is_searched_there(gallery, options))
        return search_store(gallery, queries, n, options, matches, k, counts, out, err);
    status = update_index(gallery, err);
    return status == FM_OK ? search_copy(gallery, queries, n, options, matches, k, counts, out, err)
                           : status;
}

fm_status fmi_gallery_search(fm_gallery *gallery, const float *queries, size_t n,
                             const fm_identify_options *options, fm_match *matches, size_t k,
                             size_t *counts, fm_identification *out, fm_error *err)
{
    const bool there = is_searched_there(gallery, options);
    fm_status status;
    pthread_mutex_lock(&gallery->store_lock);
    status = there ? search_store(gallery, queries, n, options, matches, k, counts, out, err)
                   : update_index(gallery, err);
    pthread_mutex_unlock(&gallery->store_lock);
    return status == FM_OK && !there
               ? search_copy(gallery, queries, n, options, matches, k, counts, out, err)
               : status;
}

/* --- recall --- */

static fm_status search_both(void *user, const float *query, size_t k, bool exact, fmi_hit *hits,
                             size_t *count, fm_error *err)
{
    const fm_gallery *gallery = user;
    const fmi_search search = {.manifest = &gallery->model->manifest,
                               .queries = query,
                               .n = 1,
                               .k = k,
                               .everybody = true,
                               .exact = exact};
    fmi_searched done;
    fm_status status =
        gallery->store->ops->search(gallery->store, &search, hits, count, &done, err);
    for (size_t i = 0; i < k; i++) { /* numbers are enough */
        fmi_free((char *)hits[i].id);
        hits[i].id = NULL;
    }
    return status;
}

fm_status fmi_gallery_recall(fm_gallery *gallery, size_t samples, size_t k, double *recall,
                             fm_error *err)
{
    fm_status status;
    const bool there = gallery->store->searches;
    pthread_mutex_lock(&gallery->store_lock);
    status = update_index(gallery, err);
    if (status == FM_OK && there) /* made-up queries come from the copy, answers from the store */
        status = fmi_index_recall_of(gallery->index, samples, k, search_both, gallery, recall, err);
    pthread_mutex_unlock(&gallery->store_lock);
    if (status != FM_OK || there)
        return status;
    pthread_rwlock_rdlock(&gallery->index_lock);
    status = fmi_index_recall(gallery->index, samples, k, recall, err);
    pthread_rwlock_unlock(&gallery->index_lock);
    return status;
}
