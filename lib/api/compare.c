#include "backend/model.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/options.h"
#include "face/liveness.h"
#include "match/metric.h"
#include "match/verify.h"
#include <facematch/compare.h>
#include <math.h>
#include <string.h>

/* Sizes in release 0.1: what a caller must bring at least. */
enum { VERIFY_OPTIONS_0_1 = sizeof(fm_verify_options), VERIFICATION_0_1 = sizeof(fm_verification) };

void fm_verify_options_init(fm_verify_options *options, uint32_t struct_size)
{
    fmi_options_init(options, struct_size);
}

static fm_status check_vector(const float *v, size_t dim, const char *name, fm_error *err)
{
    if (!v)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "embedding %s is NULL", name);
    for (size_t i = 0; i < dim; i++)
        if (!isfinite(v[i]))
            return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                            "embedding %s is not finite: value %zu of %zu", name, i, dim);
    return FM_OK;
}

static fm_status check_embeddings(const fm_model *model, const float *a, const float *b, size_t dim,
                                  fm_error *err)
{
    fm_status status;
    if (!model)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "model is NULL");
    if (model->manifest.kind != FM_MODEL_EMBEDDER)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "model %s is not an embedder",
                        model->manifest.name);
    if (dim != (size_t)model->manifest.embedding.dim)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "embeddings have %zu values, model %s makes %d",
                        dim, model->manifest.name, (int)model->manifest.embedding.dim);
    status = check_vector(a, dim, "a", err);
    return status != FM_OK ? status : check_vector(b, dim, "b", err);
}

fm_status fm_compare(const fm_model *model, const float *a, const float *b, size_t dim,
                     float *score, fm_error *err)
{
    fm_status status = check_embeddings(model, a, b, dim, err);
    if (status != FM_OK)
        return status;
    if (!score)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "score is NULL");
    *score = fmi_metric_score(&model->manifest, a, b);
    return FM_OK;
}

/* Checks both structs and reads the options. */
static fm_status begin_decision(const fm_verify_options *options, const fm_verification *out,
                                fm_verify_options *own, fm_error *err)
{
    fm_status status = fmi_output_check(out, VERIFICATION_0_1, "fm_verification", err);
    if (status != FM_OK)
        return status;
    status =
        fmi_options_read(own, sizeof *own, options, VERIFY_OPTIONS_0_1, "fm_verify_options", err);
    return status != FM_OK ? status : fmi_verify_options_check(own, err);
}

fm_status fm_verify_embeddings(const fm_model *model, const float *a, const float *b, size_t dim,
                               const fm_verify_options *options, fm_verification *out,
                               fm_error *err)
{
    fm_verify_options own;
    fm_verification result = {0};
    float threshold;
    fm_status status = check_embeddings(model, a, b, dim, err);
    if (status == FM_OK)
        status = begin_decision(options, out, &own, err);
    if (status == FM_OK)
        status = fmi_verify_threshold(&model->manifest, &own, &threshold, err);
    if (status != FM_OK)
        return status;
    fmi_verify_decide(&model->manifest, fmi_metric_score(&model->manifest, a, b), threshold,
                      &result);
    fmi_output_write(out, &result, sizeof result);
    return FM_OK;
}

/* The photograph that is presented: is its face live, where that is asked for? */
static fm_status embed_presented(fm_session *session, const fm_image *image, bool aligned,
                                 const fmi_liveness_demand *demand, float *vector,
                                 fm_verification *result, fm_error *err)
{
    fm_face face;
    size_t count;
    fm_status status;
    if (demand->policy == FM_LIVENESS_OFF)
        return fmi_embed_image(session, image, aligned, NULL, vector, NULL, NULL, err);
    status =
        fmi_liveness_demand_image(demand, session, image, &face, &count, &result->liveness, err);
    return status == FM_OK ? fmi_embed_image(session, image, false, &face, vector, NULL, NULL, err)
                           : status;
}

static fm_status embed_both(fm_session *session, const fm_image *const images[2], bool aligned,
                            const fmi_liveness_demand *demand, float *vectors, size_t dim,
                            fm_verification *result, fm_error *err)
{
    fm_status status = fmi_embed_image(session, images[0], aligned, NULL, vectors, NULL, NULL, err);
    if (status != FM_OK)
        return fmi_fail_context(err, status, "first photograph");
    status = embed_presented(session, images[1], aligned, demand, vectors + dim, result, err);
    return status == FM_OK ? FM_OK : fmi_fail_context(err, status, "second photograph");
}

static fm_status check_photographs(const fm_session *session, const fm_image *a, const fm_image *b,
                                   fm_error *err)
{
    if (!session || !a || !b)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL",
                        !session ? "session"
                        : !a     ? "first photograph"
                                 : "second photograph");
    if (!session->embedder)
        return fmi_fail(err, FM_E_STATE, "the session has no embedder");
    return FM_OK;
}

fm_status fm_verify(fm_session *session, const fm_image *a, const fm_image *b,
                    const fm_verify_options *options, fm_verification *out, fm_error *err)
{
    const fm_image *const images[2] = {a, b};
    const fmi_manifest *manifest;
    fmi_liveness_demand demand;
    fm_verify_options own;
    fm_verification result = {0};
    size_t dim;
    float threshold, *vectors;
    fm_status status = check_photographs(session, a, b, err);
    if (status == FM_OK)
        status = begin_decision(options, out, &own, err);
    if (status == FM_OK)
        status = fmi_flag_check(own.aligned, "aligned", err);
    if (status == FM_OK)
        status = fmi_liveness_demand_read(&demand, session, own.liveness, own.liveness_options,
                                          own.aligned != 0, err);
    if (status != FM_OK)
        return status;
    manifest = &session->embedder->manifest;
    status = fmi_verify_threshold(manifest, &own, &threshold, err);
    if (status != FM_OK)
        return status;
    dim = (size_t)manifest->embedding.dim;
    vectors = fmi_calloc(2 * dim, sizeof *vectors);
    if (!vectors)
        return fmi_fail_memory(err);
    status = embed_both(session, images, own.aligned != 0, &demand, vectors, dim, &result, err);
    if (status == FM_OK)
        fmi_verify_decide(manifest, fmi_metric_score(manifest, vectors, vectors + dim), threshold,
                          &result);
    if (status == FM_OK || status == FM_E_NOT_LIVE)
        fmi_output_write(out, &result, sizeof result);
    fmi_free_wiped(vectors, 2 * dim * sizeof *vectors);
    return status;
}
