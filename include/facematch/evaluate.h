/* How well a model does on labelled pairs: the figures that a claim of accuracy needs. */
#ifndef FACEMATCH_EVALUATE_H
#define FACEMATCH_EVALUATE_H

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FM_LIMIT_FOLDS 1000
#define FM_LIMIT_PAIRS 100000000

/** Figures of one run over pairs. */
typedef struct fm_pairs_report {
    uint32_t struct_size; /**< sizeof(fm_pairs_report), set by the caller */
    int32_t folds;
    int64_t pairs;
    int64_t genuine;
    int64_t impostor;
    int64_t undecided;    /**< pairs without a score: counted as "not the same person" */
    double accuracy;      /**< mean over folds, the threshold chosen on the others */
    double accuracy_sem;  /**< standard error of that mean; NaN with a single fold */
    double eer;           /**< rate where false match and false non-match rate meet */
    double eer_threshold; /**< score at which they do */
    double threshold;     /**< best for accuracy over all pairs */
    /* --- 0.1 ends here, append below --- */
} fm_pairs_report;

/** Evaluate scored pairs.
 *
 * Accuracy follows the protocol of LFW, View 2: for each fold the threshold that does best on all
 * other folds is applied to it; with a single fold, to itself. Of thresholds that do equally well the
 * middle one is taken.
 *
 * @param[in]     scores    float32[n], likeness; NaN for a pair that could not be scored.
 * @param[in]     genuine   uint8[n]: 1 the same person, 0 strangers. Both must occur.
 * @param[in]     folds     int32[n], 0..FM_LIMIT_FOLDS-1; NULL: all one fold.
 * @param         n         1..FM_LIMIT_PAIRS.
 * @param[in]     fars      double[fars_len]: false accept rates, 0 < far < 1; NULL with 0.
 * @param         fars_len  number of rates.
 * @param[out]    tars      double[fars_len]: share of genuine pairs accepted at the lowest threshold
 *                          that keeps the false accept rate within far; NaN where far is below
 *                          1 / impostor pairs. Untouched on failure.
 * @param[in,out] out       struct_size set by the caller; untouched on failure.
 * @param[out]    err       optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_NO_MEMORY.
 * Threads: any.   Cost: O(n (log n + folds)).   Since: 0.1.
 * Source: Huang et al. 2007, Labeled Faces in the Wild, sec. 4; ISO/IEC 19795-1:2021. */
FM_API FM_NODISCARD fm_status fm_evaluate_pairs(const float *scores, const uint8_t *genuine,
                                                const int32_t *folds, size_t n, const double *fars,
                                                size_t fars_len, double *tars, fm_pairs_report *out,
                                                fm_error *err);

#ifdef __cplusplus
}
#endif

#endif
