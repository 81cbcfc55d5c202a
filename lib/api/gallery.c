#include "gallery/gallery.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/options.h"
#include "core/text.h"
#include "face/gate.h"
#include "face/liveness.h"
#include "face/session.h"
#include "gallery/check.h"
#include "gallery/seal/seal.h"
#include "match/verify.h"
#include <string.h>

/* Sizes in release 0.1: what a caller must bring at least. */
enum {
    GALLERY_OPTIONS_0_1 = sizeof(fm_gallery_options),
    GALLERY_INFO_0_1 = sizeof(fm_gallery_info),
    ENROLL_OPTIONS_0_1 = sizeof(fm_enroll_options),
    GATE_REPORT_0_1 = sizeof(fm_gate_report),
    ENROLLMENT_0_1 = sizeof(fm_enrollment),
    IDENTIFY_OPTIONS_0_1 = sizeof(fm_identify_options),
    IDENTIFICATION_0_1 = sizeof(fm_identification),
    VERIFY_OPTIONS_0_1 = sizeof(fm_verify_options),
    VERIFICATION_0_1 = sizeof(fm_verification)
};

void fm_gallery_options_init(fm_gallery_options *options, uint32_t struct_size)
{
    fmi_options_init(options, struct_size);
}

void fm_gallery_key_init(fm_gallery_key *key, uint32_t struct_size)
{
    fmi_options_init(key, struct_size);
}

void fm_enroll_options_init(fm_enroll_options *options, uint32_t struct_size)
{
    fmi_options_init(options, struct_size);
}

void fm_identify_options_init(fm_identify_options *options, uint32_t struct_size)
{
    fmi_options_init(options, struct_size);
}

static fm_status fail_null(fm_error *err, const char *name)
{
    return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL", name);
}

static fm_status check_id(const fm_gallery *gallery, const char *id, fm_error *err)
{
    return gallery ? fmi_text_check(id, 1, FM_ID_MAX, "id", err) : fail_null(err, "gallery");
}

static fm_status check_writable(const fm_gallery *gallery, fm_error *err)
{
    if (gallery->mode == FM_GALLERY_READ_ONLY)
        return fmi_fail(err, FM_E_PERMISSION, "%s was opened read-only", gallery->store->name);
    return FM_OK;
}

static fm_status check_dim(const fm_gallery *gallery, size_t dim, fm_error *err)
{
    if (dim != (size_t)gallery->store->pin.dim)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "embeddings have %zu values, those of the gallery have %d", dim,
                        (int)gallery->store->pin.dim);
    return FM_OK;
}

static fm_status check_optional_output(const void *out, uint32_t min_size, const char *name,
                                       fm_error *err)
{
    return out ? fmi_output_check(out, min_size, name, err) : FM_OK;
}

/* --- keys --- */

fm_status fm_gallery_rekey(fm_gallery *gallery, const fm_gallery_key *key, fm_error *err)
{
    fm_gallery_key own;
    fm_status status;
    if (!gallery || !key)
        return fail_null(err, gallery ? "key" : "gallery");
    status = fmi_key_read(&own, key, err);
    if (status == FM_OK)
        status = check_writable(gallery, err);
    return status == FM_OK ? fmi_gallery_rekey(gallery, &own, err) : status;
}

/* --- opening --- */

static fm_status check_open(const fm_model *model, const fm_gallery_options *options, fm_error *err)
{
    if (model && model->manifest.kind != FM_MODEL_EMBEDDER)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "model %s is not an embedder",
                        model->manifest.name);
    if (options->mode < 0 || options->mode > FM_GALLERY_READ_ONLY)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "there is no gallery mode %d",
                        (int)options->mode);
    if (options->timeout_ms < 0)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "timeout of %d ms", (int)options->timeout_ms);
    if (options->threads < 0 || options->threads > FMI_INDEX_THREADS)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%d threads, expected 1..%d",
                        (int)options->threads, FMI_INDEX_THREADS);
    if (options->reserved != 0)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "fm_gallery_options.reserved is not 0");
    if (options->index != FM_INDEX_EXACT && options->index != FM_INDEX_HNSW)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "there is no gallery index %d",
                        (int)options->index);
    return FM_OK;
}

fm_status fm_gallery_open(fm_gallery **out, const char *uri, const fm_model *model,
                          const fm_gallery_options *options, fm_error *err)
{
    fm_gallery_options own;
    fm_gallery_key key;
    fm_status status;
    if (!out || !uri)
        return fail_null(err, out ? "uri" : "out");
    status =
        fmi_options_read(&own, sizeof own, options, GALLERY_OPTIONS_0_1, "fm_gallery_options", err);
    if (status == FM_OK)
        status = check_open(model, &own, err);
    if (status == FM_OK && own.key) {
        status = fmi_key_read(&key, own.key, err);
        own.key = &key;
    }
    return status == FM_OK ? fmi_gallery_open(out, uri, model, &own, err) : status;
}

void fm_gallery_close(fm_gallery *gallery)
{
    fmi_gallery_close(gallery);
}

fm_status fm_gallery_describe(fm_gallery *gallery, fm_gallery_info *info, fm_error *err)
{
    fm_gallery_info result = {0};
    fm_status status;
    if (!gallery)
        return fail_null(err, "gallery");
    status = fmi_output_check(info, GALLERY_INFO_0_1, "fm_gallery_info", err);
    if (status == FM_OK)
        status = fmi_gallery_count(gallery, &result.identities, &result.templates, err);
    if (status != FM_OK)
        return status;
    result.dim = gallery->store->pin.dim;
    result.sealed = gallery->store->sealed;
    result.created_ms = gallery->store->pin.created_ms;
    memcpy(result.model_id, gallery->store->pin.model_id, sizeof result.model_id);
    memcpy(result.model_name, gallery->store->pin.model_name, sizeof result.model_name);
    fmi_output_write(info, &result, sizeof result);
    return FM_OK;
}

/* --- enrolling --- */

static fmi_new_template new_template(const char *id, const float *embedding,
                                     const fm_enroll_options *own)
{
    return (fmi_new_template){.id = id,
                              .display_name = own->display_name,
                              .metadata = own->metadata_json,
                              .label = own->label,
                              .vector = embedding,
                              .has_quality = own->has_quality != 0,
                              .quality = own->quality};
}

static fm_status check_enroll_options(const fm_enroll_options *options, fm_error *err)
{
    const fmi_new_template add = new_template(NULL, NULL, options);
    fm_status status = fmi_flag_check(options->has_quality, "has_quality", err);
    if (status == FM_OK && options->reserved != 0)
        status = fmi_fail(err, FM_E_INVALID_ARGUMENT, "fm_enroll_options.reserved is not 0");
    return status == FM_OK ? fmi_check_beside(&add, err) : status;
}

/* An enrolment under way: the caller's options, and what comes of it. */
typedef struct enrolling {
    fm_enroll_options own;
    fm_gate_options limits;
    fmi_liveness_demand demand;
    fm_gate_report report;
    fm_enrollment result;
} enrolling;

static fm_status check_gate(enrolling *e, fm_error *err)
{
    fm_status status = check_optional_output(e->own.report, GATE_REPORT_0_1, "fm_gate_report", err);
    if (status == FM_OK)
        status = fmi_gate_options_read(&e->limits, e->own.gate, err);
    fmi_gate_report_clear(&e->report);
    return status;
}

/* All that can be checked before there is an embedding. */
static fm_status begin_enrollment(const fm_gallery *gallery, const char *id,
                                  const fm_enroll_options *options, const fm_enrollment *out,
                                  enrolling *e, fm_error *err)
{
    fm_status status = check_id(gallery, id, err);
    if (status == FM_OK)
        status = check_optional_output(out, ENROLLMENT_0_1, "fm_enrollment", err);
    if (status == FM_OK)
        status = fmi_options_read(&e->own, sizeof e->own, options, ENROLL_OPTIONS_0_1,
                                  "fm_enroll_options", err);
    if (status == FM_OK)
        status = check_enroll_options(&e->own, err);
    if (status == FM_OK)
        status = check_gate(e, err);
    return status == FM_OK ? check_writable(gallery, err) : status;
}

/* The one output that is written although the call fails, when it fails by the gate. */
static void tell_report(const enrolling *e, fm_status status)
{
    bool judged = status == FM_OK || status == FM_E_REFUSED || status == FM_E_NOT_LIVE ||
                  e->report.reason != FM_REFUSAL_NONE;
    if (e->own.report && judged)
        fmi_output_write(e->own.report, &e->report, sizeof e->report);
}

/* e->result: what is known of the photograph; the rest is filled in. */
static fm_status store_embedding(fm_gallery *gallery, const char *id, const float *embedding,
                                 bool gated, enrolling *e, fm_enrollment *out, fm_error *err)
{
    const fmi_new_template add = new_template(id, embedding, &e->own);
    fm_status status = fmi_check_stored_vector(embedding, (size_t)gallery->store->pin.dim, err);
    if (status == FM_OK)
        status =
            fmi_gallery_add(gallery, &add, gated ? &e->limits : NULL, &e->report, &e->result, err);
    if (status == FM_OK && out)
        fmi_output_write(out, &e->result, sizeof e->result);
    tell_report(e, status);
    return status;
}

fm_status fm_gallery_add(fm_gallery *gallery, const char *id, const float *embedding, size_t dim,
                         const fm_enroll_options *options, fm_enrollment *out, fm_error *err)
{
    enrolling e = {0};
    fm_status status = begin_enrollment(gallery, id, options, out, &e, err);
    if (status != FM_OK)
        return status;
    if (!embedding)
        return fail_null(err, "embedding");
    status = check_dim(gallery, dim, err);
    return status == FM_OK
               ? store_embedding(gallery, id, embedding, e.own.gate != NULL, &e, out, err)
               : status;
}

static fm_status check_session(const fm_gallery *gallery, const fm_session *session,
                               const fm_image *image, int32_t aligned, fm_error *err)
{
    fm_status status = fmi_flag_check(aligned, "aligned", err);
    if (status != FM_OK)
        return status;
    if (!session || !image)
        return fail_null(err, session ? "image" : "session");
    if (!gallery->model)
        return fmi_fail(err, FM_E_STATE, "%s was opened without a model", gallery->store->name);
    if (!session->embedder)
        return fmi_fail(err, FM_E_STATE, "the session has no embedder");
    if (strcmp(session->embedder->id, gallery->model->id))
        return fmi_fail(err, FM_E_MODEL_MISMATCH,
                        "the session's embedder is %s (%.12s), that of the gallery %s (%.12s)",
                        session->embedder->manifest.name, session->embedder->id,
                        gallery->model->manifest.name, gallery->model->id);
    return FM_OK;
}

/* A new vector, to be freed by free_embedding. chosen: the face, if it is known already. face and
 * face_count stay as they are when none is looked for. */
static fm_status embed(const fm_gallery *gallery, fm_session *session, const fm_image *image,
                       bool aligned, const fm_face *chosen, float **out, fm_face *face,
                       int32_t *face_count, fm_error *err)
{
    bool look = !aligned && !chosen;
    float *vector = fmi_calloc((size_t)gallery->store->pin.dim, sizeof *vector);
    size_t found = 0;
    fm_status status;
    if (!vector)
        return fmi_fail_memory(err);
    status = fmi_embed_image(session, image, aligned, chosen, vector, look ? face : NULL,
                             look ? &found : NULL, err);
    if (status != FM_OK) {
        fmi_free(vector);
        return status;
    }
    if (look)
        *face_count = (int32_t)found;
    *out = vector;
    return FM_OK;
}

static void free_embedding(const fm_gallery *gallery, float *vector)
{
    fmi_free_wiped(vector, (size_t)gallery->store->pin.dim * sizeof *vector);
}

/* The photograph passes the gate, is live where that is asked for, and is embedded; without a
 * quality given, the measured one is it.
 */
static fm_status embed_admitted(const fm_gallery *gallery, fm_session *session,
                                const fm_image *image, enrolling *e, float **vector, fm_error *err)
{
    bool aligned = e->own.aligned != 0;
    fm_status status = fmi_session_need_embedder(session, err);
    if (status == FM_OK && !aligned)
        status = fmi_session_need_detector(session, err);
    if (status == FM_OK)
        status = fmi_gate_photograph(session, image, aligned, &e->limits, &e->report, err);
    if (status != FM_OK)
        return status;
    e->result.face = e->report.face;
    e->result.face_count = e->report.face_count;
    status = fmi_liveness_demand_face(&e->demand, session, image, &e->result.face,
                                      &e->result.liveness, err);
    if (status != FM_OK)
        return status;
    if (!e->own.has_quality) {
        e->own.has_quality = 1;
        e->own.quality = e->report.quality.quality;
    }
    return embed(gallery, session, image, aligned, &e->result.face, vector, NULL, NULL, err);
}

fm_status fm_gallery_enroll(fm_gallery *gallery, fm_session *session, const char *id,
                            const fm_image *image, const fm_enroll_options *options,
                            fm_enrollment *out, fm_error *err)
{
    enrolling e = {0};
    float *vector = NULL;
    fm_status status = begin_enrollment(gallery, id, options, out, &e, err);
    if (status == FM_OK)
        status = check_session(gallery, session, image, e.own.aligned, err);
    if (status == FM_OK)
        status = fmi_liveness_demand_read(&e.demand, session, e.own.liveness,
                                          e.own.liveness_options, e.own.aligned != 0, err);
    if (status != FM_OK)
        return status;
    status = embed_admitted(gallery, session, image, &e, &vector, err);
    if (status != FM_OK) {
        if (status == FM_E_NOT_LIVE && out)
            fmi_output_write(out, &e.result, sizeof e.result);
        tell_report(&e, status);
        return status;
    }
    status = store_embedding(gallery, id, vector, true, &e, out, err);
    free_embedding(gallery, vector);
    return status;
}

/* --- removing --- */

fm_status fm_gallery_remove(fm_gallery *gallery, const char *id, size_t *removed, fm_error *err)
{
    fm_status status = check_id(gallery, id, err);
    if (status == FM_OK)
        status = check_writable(gallery, err);
    return status == FM_OK ? fmi_gallery_remove(gallery, id, 0, removed, err) : status;
}

static fm_status check_template_id(int64_t template_id, fm_error *err)
{
    if (template_id <= 0)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "template id is %lld, expected at least 1",
                        (long long)template_id);
    return FM_OK;
}

fm_status fm_gallery_remove_template(fm_gallery *gallery, const char *id, int64_t template_id,
                                     fm_error *err)
{
    fm_status status = check_id(gallery, id, err);
    if (status == FM_OK)
        status = check_template_id(template_id, err);
    if (status == FM_OK)
        status = check_writable(gallery, err);
    return status == FM_OK ? fmi_gallery_remove(gallery, id, template_id, NULL, err) : status;
}

/* --- reading --- */

fm_status fm_gallery_get(fm_gallery *gallery, const char *id, fm_identity *out, fm_error *err)
{
    fm_status status = check_id(gallery, id, err);
    if (status != FM_OK)
        return status;
    return out ? fmi_gallery_get(gallery, id, out, err) : fail_null(err, "out");
}

fm_status fm_gallery_get_metadata(fm_gallery *gallery, const char *id, char *out, size_t out_len,
                                  size_t *needed, fm_error *err)
{
    char *text = NULL;
    size_t size;
    fm_status status = check_id(gallery, id, err);
    if (status != FM_OK)
        return status;
    if (!out && out_len > 0)
        return fail_null(err, "out");
    status = fmi_gallery_metadata(gallery, id, &text, err);
    if (status != FM_OK)
        return status;
    size = strlen(text) + 1;
    if (needed)
        *needed = size;
    if (size <= out_len)
        memcpy(out, text, size);
    else
        status = fmi_fail(err, FM_E_BUFFER_TOO_SMALL, "metadata takes %zu bytes, %zu are there",
                          size, out_len);
    fmi_free_wiped(text, size);
    return status;
}

fm_status fm_gallery_get_templates(fm_gallery *gallery, const char *id, fm_template *out,
                                   size_t capacity, size_t *count, fm_error *err)
{
    fm_template all[FM_LIMIT_TEMPLATES];
    size_t found = 0;
    fm_status status = check_id(gallery, id, err);
    if (status != FM_OK)
        return status;
    if (!count || (!out && capacity > 0))
        return fail_null(err, count ? "out" : "count");
    status = fmi_gallery_templates(gallery, id, all, &found, err);
    if (status != FM_OK)
        return status;
    if (out && capacity > 0 && found > 0)
        memcpy(out, all, (found < capacity ? found : capacity) * sizeof *out);
    *count = found;
    return FM_OK;
}

fm_status fm_gallery_get_embedding(fm_gallery *gallery, const char *id, int64_t template_id,
                                   float *out, size_t out_len, fm_error *err)
{
    fm_status status = check_id(gallery, id, err);
    if (status == FM_OK)
        status = check_template_id(template_id, err);
    if (status != FM_OK)
        return status;
    if (!out)
        return fail_null(err, "out");
    if (out_len < (size_t)gallery->store->pin.dim)
        return fmi_fail(err, FM_E_BUFFER_TOO_SMALL, "an embedding has %d values, %zu fit",
                        (int)gallery->store->pin.dim, out_len);
    return fmi_gallery_embedding(gallery, id, template_id, out, err);
}

fm_status fm_gallery_list(fm_gallery *gallery, const char *after_id, fm_identity *out,
                          size_t capacity, size_t *count, fm_error *err)
{
    fm_status status;
    if (!gallery || !out || !count)
        return fail_null(err, !gallery ? "gallery" : !out ? "out" : "count");
    if (capacity < 1)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "capacity is 0, expected at least 1");
    status = fmi_text_check(after_id ? after_id : "", 0, FM_ID_MAX, "after_id", err);
    if (status != FM_OK)
        return status;
    return fmi_gallery_list(gallery, after_id ? after_id : "", out, capacity, count, err);
}

fm_status fm_gallery_count(fm_gallery *gallery, size_t *identities, size_t *templates,
                           fm_error *err)
{
    int64_t people = 0, vectors = 0;
    fm_status status;
    if (!gallery)
        return fail_null(err, "gallery");
    status = fmi_gallery_count(gallery, &people, &vectors, err);
    if (status != FM_OK)
        return status;
    if (identities)
        *identities = (size_t)people;
    if (templates)
        *templates = (size_t)vectors;
    return FM_OK;
}

/* --- comparing --- */

static fm_status begin_search(const fm_gallery *gallery, const fm_identify_options *options,
                              const fm_match *matches, size_t k, const size_t *counts,
                              const fm_identification *out, fm_identify_options *own, fm_error *err)
{
    fm_status status;
    if (!gallery || !matches || !counts)
        return fail_null(err, !gallery ? "gallery" : !matches ? "matches" : "count");
    if (k < 1 || k > FM_LIMIT_MATCHES)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%zu matches asked for, expected 1..%d", k,
                        FM_LIMIT_MATCHES);
    status = check_optional_output(out, IDENTIFICATION_0_1, "fm_identification", err);
    if (status == FM_OK)
        status = fmi_options_read(own, sizeof *own, options, IDENTIFY_OPTIONS_0_1,
                                  "fm_identify_options", err);
    if (status == FM_OK)
        status = fmi_identify_options_check(own, err);
    if (status == FM_OK && !gallery->model)
        status = fmi_fail(err, FM_E_STATE, "%s was opened without a model", gallery->store->name);
    return status;
}

fm_status fm_gallery_search(fm_gallery *gallery, const float *queries, size_t n, size_t dim,
                            const fm_identify_options *options, fm_match *matches, size_t k,
                            size_t *counts, fm_identification *out, fm_error *err)
{
    fm_identify_options own;
    fm_identification result = {0};
    bool zero;
    fm_status status = n == 0 && gallery
                           ? FM_OK
                           : begin_search(gallery, options, matches, k, counts, out, &own, err);
    if (status != FM_OK || n == 0)
        return status;
    if (n > FM_LIMIT_BATCH)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%zu queries, expected 0..%d", n,
                        FM_LIMIT_BATCH);
    if (!queries)
        return fail_null(err, "queries");
    status = check_dim(gallery, dim, err);
    for (size_t i = 0; i < n && status == FM_OK; i++)
        status = fmi_check_vector(queries + i * dim, dim, "query", &zero, err);
    if (status == FM_OK)
        status = fmi_gallery_search(gallery, queries, n, &own, matches, k, counts, &result, err);
    if (status == FM_OK && out)
        fmi_output_write(out, &result, sizeof result);
    return status;
}

fm_status fm_gallery_recall(fm_gallery *gallery, size_t samples, size_t k, double *recall,
                            fm_error *err)
{
    if (!gallery || !recall)
        return fail_null(err, gallery ? "recall" : "gallery");
    if (samples < 1 || samples > FM_LIMIT_BATCH)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%zu samples, expected 1..%d", samples,
                        FM_LIMIT_BATCH);
    if (k < 1 || k > FM_LIMIT_MATCHES)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "k of %zu, expected 1..%d", k,
                        FM_LIMIT_MATCHES);
    if (!gallery->model)
        return fmi_fail(err, FM_E_STATE, "%s was opened without a model", gallery->store->name);
    return fmi_gallery_recall(gallery, samples, k, recall, err);
}

/* The face of a photograph that is presented, live where that is asked for, as a new vector to be
 * freed by free_embedding. face and face_count stay as they are when none is looked for. */
static fm_status embed_presented(const fm_gallery *gallery, fm_session *session,
                                 const fm_image *image, bool aligned,
                                 const fmi_liveness_demand *demand, float **vector, fm_face *face,
                                 int32_t *face_count, fm_liveness_summary *summary, fm_error *err)
{
    fm_face chosen;
    size_t found = 0;
    fm_status status;
    if (demand->policy == FM_LIVENESS_OFF)
        return embed(gallery, session, image, aligned, NULL, vector, face, face_count, err);
    status = fmi_liveness_demand_image(demand, session, image, &chosen, &found, summary, err);
    if (status == FM_OK || status == FM_E_NOT_LIVE) {
        *face = chosen;
        *face_count = (int32_t)found;
    }
    return status == FM_OK ? embed(gallery, session, image, false, &chosen, vector, NULL, NULL, err)
                           : status;
}

static void tell_not_live(const fm_identification *result, size_t *count, fm_identification *out)
{
    *count = 0;
    if (out)
        fmi_output_write(out, result, sizeof *result);
}

fm_status fm_identify(fm_gallery *gallery, fm_session *session, const fm_image *image,
                      const fm_identify_options *options, fm_match *matches, size_t capacity,
                      size_t *count, fm_identification *out, fm_error *err)
{
    fmi_liveness_demand demand;
    fm_identify_options own;
    fm_identification result = {0};
    float *vector = NULL;
    fm_status status = begin_search(gallery, options, matches, capacity, count, out, &own, err);
    if (status == FM_OK)
        status = check_session(gallery, session, image, own.aligned, err);
    if (status == FM_OK)
        status = fmi_liveness_demand_read(&demand, session, own.liveness, own.liveness_options,
                                          own.aligned != 0, err);
    if (status != FM_OK)
        return status;
    status = embed_presented(gallery, session, image, own.aligned != 0, &demand, &vector,
                             &result.face, &result.face_count, &result.liveness, err);
    if (status == FM_E_NOT_LIVE)
        tell_not_live(&result, count, out);
    if (status != FM_OK)
        return status;
    status = fmi_gallery_search(gallery, vector, 1, &own, matches, capacity, count, &result, err);
    if (status == FM_OK && out)
        fmi_output_write(out, &result, sizeof result);
    free_embedding(gallery, vector);
    return status;
}

fm_status fm_verify_identity(fm_gallery *gallery, fm_session *session, const char *id,
                             const fm_image *image, const fm_verify_options *options,
                             fm_verification *out, fm_error *err)
{
    fmi_liveness_demand demand;
    fm_verify_options own;
    fm_verification result = {0};
    fm_face face;
    int32_t face_count = 0;
    float *vector = NULL, threshold, score;
    fm_status status = check_id(gallery, id, err);
    if (status == FM_OK)
        status = fmi_output_check(out, VERIFICATION_0_1, "fm_verification", err);
    if (status == FM_OK)
        status = fmi_options_read(&own, sizeof own, options, VERIFY_OPTIONS_0_1,
                                  "fm_verify_options", err);
    if (status == FM_OK)
        status = check_session(gallery, session, image, own.aligned, err);
    if (status == FM_OK)
        status = fmi_liveness_demand_read(&demand, session, own.liveness, own.liveness_options,
                                          own.aligned != 0, err);
    if (status == FM_OK)
        status = fmi_verify_threshold(&gallery->model->manifest, &own, &threshold, err);
    if (status != FM_OK)
        return status;
    status = embed_presented(gallery, session, image, own.aligned != 0, &demand, &vector, &face,
                             &face_count, &result.liveness, err);
    if (status == FM_E_NOT_LIVE)
        fmi_output_write(out, &result, sizeof result);
    if (status != FM_OK)
        return status;
    status = fmi_gallery_best_score(gallery, id, vector, &score, err);
    if (status == FM_OK) {
        fmi_verify_decide(&gallery->model->manifest, score, threshold, &result);
        fmi_output_write(out, &result, sizeof result);
    }
    free_embedding(gallery, vector);
    return status;
}
