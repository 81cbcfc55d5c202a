#include "face/liveness.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/options.h"
#include "match/sequence.h"
#include <string.h>

/* Sizes in release 0.1: what a caller must bring at least. */
enum {
    LIVENESS_RESULT_0_1 = sizeof(fm_liveness_result),
    SEQUENCE_OPTIONS_0_1 = sizeof(fm_liveness_sequence_options),
    FUSION_0_1 = sizeof(fm_liveness_fusion)
};

/* --- names and options --- */

const char *fm_liveness_verdict_name(fm_liveness_verdict verdict)
{
    return fmi_liveness_verdict_name(verdict);
}

const char *fm_liveness_reason_name(fm_liveness_reason reason)
{
    return fmi_liveness_reason_name(reason);
}

void fm_liveness_options_init(fm_liveness_options *options, uint32_t struct_size)
{
    fmi_options_init(options, struct_size);
}

void fm_liveness_sequence_options_init(fm_liveness_sequence_options *options, uint32_t struct_size)
{
    fmi_options_init(options, struct_size);
}

static fm_status fail_null(fm_error *err, const char *name)
{
    return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL", name);
}

/* --- one frame --- */

/* The session can do it, and the thresholds are known. */
static fm_status begin(const fm_session *session, bool detect, const fm_liveness_options *options,
                       fmi_liveness_lines *lines, fm_error *err)
{
    fm_status status = fmi_session_need_liveness(session, err);
    if (status == FM_OK)
        status = fmi_liveness_lines_draw(lines, session->liveness, options, err);
    if (status == FM_OK && detect)
        status = fmi_session_need_detector(session, err);
    return status;
}

fm_status fm_liveness(fm_session *session, const fm_image *image, const fm_face *face,
                      const fm_liveness_options *options, fm_liveness_result *result, fm_error *err)
{
    fmi_liveness_lines lines;
    fm_liveness_result own;
    fm_face chosen;
    size_t count = 0;
    fm_status status;
    if (!session || !image)
        return fail_null(err, session ? "image" : "session");
    status = fmi_output_check(result, LIVENESS_RESULT_0_1, "fm_liveness_result", err);
    if (status == FM_OK)
        status = begin(session, !face, options, &lines, err);
    if (status == FM_OK && !face)
        status = fmi_face_choose(session, image, &chosen, &count, err);
    if (status == FM_OK)
        status = fmi_liveness_look(session, &image, face ? face : &chosen, 1, &lines, &own, err);
    if (status != FM_OK)
        return status;
    own.face_count = (int32_t)count;
    fmi_output_write(result, &own, sizeof own);
    return FM_OK;
}

/* --- many --- */

/* A batch at work. Of n images, `count` have a face. */
typedef struct batch {
    fm_session *session;
    const fm_image *const *images;
    size_t n, count;
    const fm_image **with_face;  /* [count] */
    fm_face *faces;              /* [count] */
    int32_t *face_counts;        /* [count] */
    size_t *rows;                /* [count]: where each one's result goes */
    fm_liveness_result *results; /* [count] */
    fm_status *statuses;         /* [n] */
} batch;

static void *result_at(fm_liveness_result *results, size_t stride, size_t i)
{
    return (char *)results + i * stride;
}

static fm_status check_batch(const fm_session *session, const fm_image *const *images, size_t n,
                             fm_liveness_result *results, size_t stride, const fm_status *statuses,
                             fm_error *err)
{
    fm_status status = FM_OK;
    if (!session)
        return fail_null(err, "session");
    if (n > FM_LIMIT_BATCH)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%zu images in one call, at most %d can be", n,
                        FM_LIMIT_BATCH);
    if (n == 0)
        return FM_OK;
    if (!images || !results || !statuses)
        return fail_null(err, !images ? "images" : !results ? "results" : "statuses");
    if (stride < LIVENESS_RESULT_0_1 || stride % _Alignof(fm_liveness_result) != 0)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "stride_bytes is %zu, expected sizeof(fm_liveness_result)", stride);
    for (size_t i = 0; i < n && status == FM_OK; i++) {
        const fm_liveness_result *one = result_at(results, stride, i);
        status = images[i] ? fmi_output_check(one, LIVENESS_RESULT_0_1, "fm_liveness_result", err)
                           : fmi_fail(err, FM_E_INVALID_ARGUMENT, "images[%zu] is NULL", i);
        if (status == FM_OK && one->struct_size > stride)
            status = fmi_fail(err, FM_E_INVALID_ARGUMENT,
                              "results[%zu].struct_size is %u, more than stride_bytes", i,
                              (unsigned)one->struct_size);
    }
    return status;
}

static void close_batch(batch *b)
{
    fmi_free(b->with_face);
    fmi_free(b->faces);
    fmi_free(b->face_counts);
    fmi_free(b->rows);
    fmi_free(b->results);
    fmi_free(b->statuses);
}

static fm_status open_batch(batch *b, fm_error *err)
{
    b->with_face = fmi_alloc_array(b->n, sizeof *b->with_face);
    b->faces = fmi_alloc_array(b->n, sizeof *b->faces);
    b->face_counts = fmi_alloc_array(b->n, sizeof *b->face_counts);
    b->rows = fmi_alloc_array(b->n, sizeof *b->rows);
    b->results = fmi_alloc_array(b->n, sizeof *b->results);
    b->statuses = fmi_alloc_array(b->n, sizeof *b->statuses);
    if (b->with_face && b->faces && b->face_counts && b->rows && b->results && b->statuses)
        return FM_OK;
    return fmi_fail_memory(err);
}

static fm_status collect(batch *b, const fm_face *given, fm_error *err)
{
    for (size_t i = 0; i < b->n; i++) {
        size_t found = 0;
        fm_status status = FM_OK;
        if (given)
            b->faces[b->count] = given[i];
        else
            status = fmi_face_choose(b->session, b->images[i], &b->faces[b->count], &found, err);
        if (status != FM_OK && status != FM_E_NOT_FOUND)
            return fmi_fail_context(err, status, "image %zu of %zu", i + 1, b->n);
        b->statuses[i] = status;
        if (status != FM_OK)
            continue;
        b->with_face[b->count] = b->images[i];
        b->face_counts[b->count] = (int32_t)found;
        b->rows[b->count++] = i;
    }
    return FM_OK;
}

static void hand_over(const batch *b, fm_liveness_result *results, size_t stride,
                      fm_status *statuses)
{
    for (size_t k = 0; k < b->count; k++) {
        b->results[k].face_count = b->face_counts[k];
        fmi_output_write(result_at(results, stride, b->rows[k]), &b->results[k],
                         sizeof b->results[k]);
    }
    memcpy(statuses, b->statuses, b->n * sizeof *statuses);
}

fm_status fm_liveness_batch(fm_session *session, const fm_image *const *images, size_t n,
                            const fm_face *faces, const fm_liveness_options *options,
                            fm_liveness_result *results, size_t stride_bytes, fm_status *statuses,
                            fm_error *err)
{
    fmi_liveness_lines lines;
    batch b = {.session = session, .images = images, .n = n};
    fm_status status = check_batch(session, images, n, results, stride_bytes, statuses, err);
    if (status == FM_OK)
        status = begin(session, !faces, options, &lines, err);
    if (status != FM_OK || n == 0)
        return status;
    status = open_batch(&b, err);
    if (status == FM_OK)
        status = collect(&b, faces, err);
    if (status == FM_OK)
        status = fmi_liveness_look(session, b.with_face, b.faces, b.count, &lines, b.results, err);
    if (status == FM_OK)
        hand_over(&b, results, stride_bytes, statuses);
    close_batch(&b);
    return status;
}

/* --- several frames of one attempt --- */

fm_status fm_liveness_sequence_create(fm_liveness_sequence **out, const fm_session *session,
                                      const fm_liveness_sequence_options *options, fm_error *err)
{
    fm_liveness_sequence_options own;
    fm_status status;
    if (!out || !session)
        return fail_null(err, out ? "session" : "out");
    status = fmi_options_read(&own, sizeof own, options, SEQUENCE_OPTIONS_0_1,
                              "fm_liveness_sequence_options", err);
    return status == FM_OK ? fmi_sequence_create(out, session, &own, err) : status;
}

fm_status fm_liveness_sequence_add(fm_liveness_sequence *sequence, fm_session *session,
                                   const fm_image *image, const fm_face *face,
                                   fm_liveness_result *result, fm_error *err)
{
    fm_liveness_result own;
    fm_status status = FM_OK;
    if (!sequence || !session || !image)
        return fail_null(err, !sequence ? "sequence" : !session ? "session" : "image");
    if (result)
        status = fmi_output_check(result, LIVENESS_RESULT_0_1, "fm_liveness_result", err);
    if (status == FM_OK && !face)
        status = fmi_session_need_detector(session, err);
    if (status == FM_OK)
        status = fmi_sequence_add(sequence, session, image, face, &own, err);
    if (status == FM_OK && result)
        fmi_output_write(result, &own, sizeof own);
    return status;
}

fm_status fm_liveness_thresholds(const char *calibration, const fm_liveness_options *options,
                                 float *live_score, float *spoof_score, fm_error *err)
{
    if (!calibration || !live_score || !spoof_score)
        return fail_null(err, !calibration  ? "calibration"
                              : !live_score ? "live_score"
                                            : "spoof_score");
    return fmi_liveness_thresholds(calibration, options, live_score, spoof_score, err);
}

fm_status fm_liveness_sequence_result(const fm_liveness_sequence *sequence, fm_liveness_fusion *out,
                                      fm_error *err)
{
    fm_liveness_fusion own;
    fm_status status = sequence ? FM_OK : fail_null(err, "sequence");
    if (status == FM_OK)
        status = fmi_output_check(out, FUSION_0_1, "fm_liveness_fusion", err);
    if (status != FM_OK)
        return status;
    fmi_sequence_result(sequence, &own);
    fmi_output_write(out, &own, sizeof own);
    return FM_OK;
}

void fm_liveness_sequence_free(fm_liveness_sequence *sequence)
{
    fmi_sequence_free(sequence);
}
