/* Comparing and deciding, 1:1: is this the person they claim to be?
 *
 * A score always grows with likeness. The caller chooses the operating point as
 * a false match rate: the share of strangers that would be let through.
 */
#ifndef FACEMATCH_COMPARE_H
#define FACEMATCH_COMPARE_H

#include "embed.h"
#include "liveness.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Operating point of a verification. */
typedef struct fm_verify_options {
    uint32_t struct_size;  /**< sizeof(fm_verify_options), set by fm_verify_options_init */
    int32_t use_threshold; /**< 1: decide by `threshold` and ignore `fmr` */
    double fmr;            /**< accepted false match rate, 0 < fmr < 1; 0: the default, 1e-4 */
    float threshold;       /**< scores of at least this much match; finite */
    int32_t aligned;       /**< 1: images already are the crops the model sees: no detection */
    int32_t extrapolate;   /**< 1: take the calibration's tail model at its word for an fmr below
                                calibration_min_fmr, which otherwise is FM_E_LIMIT */
    fm_liveness_policy liveness; /**< of the photograph that is presented, not with `aligned`: by
                                      fm_verify the second one; the first may be a document, and its
                                      picture is a print. Default FM_LIVENESS_OFF */
    const fm_liveness_options *liveness_options; /**< borrowed; NULL for defaults */
    /* --- 0.1 ends here, append below --- */
} fm_verify_options;

/** A decision and what it rests on. */
typedef struct fm_verification {
    uint32_t struct_size; /**< sizeof(fm_verification), set by the caller */
    int32_t match;        /**< 1: score >= threshold */
    float score;          /**< grows with likeness; its range depends on the metric */
    float threshold;      /**< the one that was used */
    double fmr;     /**< share of strangers that would score at least this high, "at most" when
                         it equals calibration_min_fmr; NaN without a calibration */
    double fmr_low; /**< 95 % interval of fmr; NaN where the calibration does not tell */
    double fmr_high; /**< its upper end */
    double threshold_fmr; /**< as fmr, at the threshold: the share of strangers let through */
    double threshold_fmr_low;  /**< 95 % interval of threshold_fmr, as of fmr */
    double threshold_fmr_high; /**< its upper end */
    double threshold_fnmr; /**< share of genuine comparisons below the threshold, as the calibration
                                saw them: the expected miss rate. NaN where it does not tell */
    fm_liveness_summary liveness; /**< of the photograph that was presented */
    /* --- 0.1 ends here, append below --- */
} fm_verification;

/** Fill options with defaults.
 *
 * @param[out] options      written up to struct_size bytes; NULL is a no-op.
 * @param      struct_size  sizeof(fm_verify_options) of the caller.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API void fm_verify_options_init(fm_verify_options *options, uint32_t struct_size);

/** Score two embeddings of one model by the model's metric.
 *
 * @param[in]  model  the embedder both came from.
 * @param[in]  a      float32[dim], finite.
 * @param[in]  b      float32[dim], finite; may alias a.
 * @param      dim    must equal the model's.
 * @param[out] score  grows with likeness; untouched on failure.
 * @param[out] err    optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT (NULL, dim, a value that is not finite, not an embedder).
 * Threads: immutable.   Cost: O(dim).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_compare(const fm_model *model, const float *a, const float *b,
                                         size_t dim, float *score, fm_error *err);

/** Decide whether two embeddings are of one person.
 *
 * @param[in]     model    the embedder both came from.
 * @param[in]     a        float32[dim], finite.
 * @param[in]     b        float32[dim], finite; may alias a.
 * @param         dim      must equal the model's.
 * @param[in]     options  NULL for defaults; `aligned` and `liveness` are not looked at.
 * @param[in,out] out      struct_size set by the caller; untouched on failure.
 * @param[out]    err      optional error detail.
 * @return FM_OK, whatever the decision; FM_E_INVALID_ARGUMENT; FM_E_STATE (no calibration and no
 *   threshold given); FM_E_LIMIT (fmr below what the calibration can vouch for).
 * Threads: immutable.   Cost: O(dim).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_verify_embeddings(const fm_model *model, const float *a,
                                                   const float *b, size_t dim,
                                                   const fm_verify_options *options,
                                                   fm_verification *out, fm_error *err);

/** Decide whether two photographs are of one person.
 *
 * In each the session's selection rule chooses the face.
 *
 * @param[in]     session  confined; must have an embedder and, unless aligned, a detector.
 * @param[in]     a        the first photograph.
 * @param[in]     b        the second photograph.
 * @param[in]     options  NULL for defaults.
 * @param[in,out] out      struct_size set by the caller; untouched on failure, but for FM_E_NOT_LIVE:
 *                         then `liveness` tells why, and all else is 0.
 * @param[out]    err      optional error detail; tells which of the two has no face.
 * @return as fm_verify_embeddings and fm_embed; with options->liveness as fm_liveness, too;
 *   FM_E_NOT_LIVE (required, and the second photograph was not found to be live).
 * Threads: confined to session.
 * Cost: that of two fm_embed, and of fm_liveness where it is asked for.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_verify(fm_session *session, const fm_image *a, const fm_image *b,
                                        const fm_verify_options *options, fm_verification *out,
                                        fm_error *err);

#ifdef __cplusplus
}
#endif

#endif
