/* How well a model does on labelled comparisons: the figures that a claim of accuracy needs, and
 * the calibration that decisions rest on. */
#ifndef FACEMATCH_EVALUATE_H
#define FACEMATCH_EVALUATE_H

#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FM_LIMIT_FOLDS 1000      /**< folds of fm_evaluate_pairs */
#define FM_LIMIT_PAIRS 100000000 /**< pairs of fm_evaluate_pairs */

/** Figures of one run over pairs. */
typedef struct fm_pairs_report {
    uint32_t struct_size; /**< sizeof(fm_pairs_report), set by the caller */
    int32_t folds;        /**< that have pairs */
    int64_t pairs;        /**< n */
    int64_t genuine;      /**< pairs of one person, undecided ones included */
    int64_t impostor;     /**< pairs of two people, undecided ones included */
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
 * other folds is applied to it; with a single fold, to itself. Of thresholds that do equally well
 * the middle one is taken.
 *
 * @param[in]     scores    float32[n], likeness; NaN for a pair that could not be scored.
 * @param[in]     genuine   uint8[n]: 1 the same person, 0 strangers. Both must occur.
 * @param[in]     folds     int32[n], 0..FM_LIMIT_FOLDS-1; NULL: all one fold.
 * @param         n         1..FM_LIMIT_PAIRS.
 * @param[in]     fars      double[fars_len]: false accept rates, 0 < far < 1; NULL with 0.
 * @param         fars_len  number of rates.
 * @param[out]    tars      double[fars_len]: share of genuine pairs accepted at the lowest
 * threshold that keeps the false accept rate within far; NaN where far is below 1 / impostor pairs.
 * Untouched on failure.
 * @param[in,out] out       struct_size set by the caller; untouched on failure.
 * @param[out]    err       optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_NO_MEMORY.
 * Threads: any.   Cost: O(n (log n + folds)).   Since: 0.1.
 * Source: Huang et al. 2007, Labeled Faces in the Wild, sec. 4; ISO/IEC 19795-1:2021. */
FM_API FM_NODISCARD fm_status fm_evaluate_pairs(const float *scores, const uint8_t *genuine,
                                                const int32_t *folds, size_t n, const double *fars,
                                                size_t fars_len, double *tars, fm_pairs_report *out,
                                                fm_error *err);

/* --- any number of comparisons ---------------------------------------------------------------
 *
 * Terms are those of ISO/IEC 19795-1: a genuine comparison is one of two photographs of one person,
 * an impostor comparison one of two people's. FMR is the share of impostor comparisons with at
 * least the threshold's score, FNMR the share of genuine ones below it. */

#define FM_LIMIT_COMPARISONS 1000000000 /**< comparisons of an evaluation */
#define FM_LIMIT_PEOPLE      10000000   /**< numbers of people are below this */

/** A share, with an interval that covers the true one in 95 of 100 experiments (or as many as
 * fm_evaluation_options.confidence says).
 *
 * With people given to fm_evaluation_add, the interval allows for what comparisons have in common:
 * each person is in many of them, so that they say less than as many independent ones would. The
 * variance is that of data in pairs, robust to any dependence between pairs with a person in
 * common; it gives an effective number of comparisons, and that the interval of a binomial share.
 * Without people, and where there is no hit at all or nothing but hits, comparisons count as
 * independent: the interval is Clopper and Pearson's.
 *
 * Source: Clopper & Pearson 1934, Biometrika 26; Aronow, Samii & Assenova 2015, Political Analysis
 * 23 (variance); Korn & Graubard 1998, Survey Methodology 24 (effective number).
 * The struct is frozen. */
typedef struct fm_rate {
    double value; /**< hits / trials; NaN without trials, then low and high are 0 and 1 */
    double low,     /**< lower end of the interval */
        high;       /**< upper end of the interval */
    int64_t hits,   /**< comparisons with the error */
        trials;     /**< comparisons in all */
} fm_rate;

/** What comparisons without a score count as. */
typedef int32_t fm_failures;
enum {
    FM_FAILURES_LEAVE_OUT = 0, /**< comparisons without a score are only counted: FMR and FNMR */
    FM_FAILURES_COUNT = 1      /**< they are comparisons below every threshold: FAR and FRR */
};

/** Options of fm_evaluation_new. Zero means default everywhere. */
typedef struct fm_evaluation_options {
    uint32_t struct_size; /**< sizeof(fm_evaluation_options), set by fm_evaluation_options_init */
    fm_failures failures; /**< default FM_FAILURES_LEAVE_OUT */
    double confidence; /**< of all intervals, 0.5 <= confidence < 1; 0: the default, 0.95 */
    /* --- 0.1 ends here, append below --- */
} fm_evaluation_options;

/** All comparisons of an experiment. Takes 4 bytes for each, 12 where people are given, and twice
 * that while it is asked for the first figure after an addition. */
typedef struct fm_evaluation fm_evaluation;

/** Figures of all comparisons of an evaluation. */
typedef struct fm_evaluation_report {
    uint32_t struct_size;   /**< sizeof(fm_evaluation_report), set by the caller */
    int32_t people;         /**< who occur in a comparison; 0: not given */
    int64_t genuine,        /**< comparisons of one person, failed ones among them */
        impostor;           /**< comparisons of two people, failed ones among them */
    int64_t genuine_failed, /**< genuine ones without a score */
        impostor_failed;    /**< impostor ones without a score */
    double eer; /**< on the line between the two thresholds where FMR and FNMR cross */
    double eer_low, /**< lower end of its interval */
        eer_high;   /**< upper end of its interval */
    double eer_threshold;  /**< NaN, like eer, where they do not */
    float lowest,          /**< score; NaN when all failed */
        highest;           /**< score; NaN when all failed */
    /* --- 0.1 ends here, append below --- */
} fm_evaluation_report;

/** The rates at one threshold. */
typedef struct fm_operating_point {
    uint32_t struct_size; /**< sizeof(fm_operating_point), set by the caller */
    float threshold;      /**< scores of at least this much match */
    fm_rate fmr,          /**< of impostor comparisons, the share that matches */
        fnmr;             /**< of genuine comparisons, the share that does not */
    /* --- 0.1 ends here, append below --- */
} fm_operating_point;

/** A point of the curve of errors. Frozen. */
typedef struct fm_det_point {
    double fmr,      /**< false match rate at the threshold */
        fnmr;        /**< false non-match rate at the threshold */
    float threshold; /**< scores of at least this much match */
    float reserved;  /**< 0 */
} fm_det_point;

/** Fill options with defaults.
 *
 * @param[out] options      written up to struct_size bytes; NULL is a no-op.
 * @param      struct_size  sizeof(fm_evaluation_options) of the caller.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API void fm_evaluation_options_init(fm_evaluation_options *options, uint32_t struct_size);

/** Make an evaluation without comparisons.
 *
 * @param[out] out      untouched on failure; free with fm_evaluation_free.
 * @param[in]  options  NULL for defaults.
 * @param[out] err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_NO_MEMORY.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_evaluation_new(fm_evaluation **out,
                                                const fm_evaluation_options *options,
                                                fm_error *err);

/** Release an evaluation, its scores wiped.
 *
 * @param[in] evaluation  NULL is a no-op.
 * Threads: confined.   Cost: O(n).   Since: 0.1. */
FM_API void fm_evaluation_free(fm_evaluation *evaluation);

/** Add comparisons; any number of times.
 *
 * @param[in,out] evaluation  unchanged on failure.
 * @param[in]     scores      float32[n], likeness, no infinity; NaN for a comparison that could not
 *                            be made, since a photograph has no face, or for a search that missed.
 * @param[in]     genuine     uint8[n]: 1 one person, 0 two.
 * @param[in]     first       int32[n], 0..FM_LIMIT_PEOPLE-1: who is in the one photograph; NULL:
 * not known. Either all additions tell people, or none.
 * @param[in]     second      int32[n]: who is in the other; the same person exactly where genuine.
 * @param         n           comparisons; FM_LIMIT_COMPARISONS in all.
 * @param[out]    err         optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_LIMIT (too many); FM_E_NO_MEMORY.
 * Threads: confined.   Cost: O(n).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_evaluation_add(fm_evaluation *evaluation, const float *scores,
                                                const uint8_t *genuine, const int32_t *first,
                                                const int32_t *second, size_t n, fm_error *err);

/** Counts and the equal error rate.
 *
 * The interval of the equal error rate spans those of FMR and FNMR at its threshold.
 *
 * @param[in]     evaluation  both kinds of comparison must occur.
 * @param[in,out] out         struct_size set by the caller; untouched on failure.
 * @param[out]    err         optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_STATE (a kind is missing); FM_E_NO_MEMORY.
 * Threads: confined.   Cost: O(n) after an addition, else O(people + log n).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_evaluation_describe(fm_evaluation *evaluation,
                                                     fm_evaluation_report *out, fm_error *err);

/** The rates at a threshold.
 *
 * @param[in]     evaluation  as above.
 * @param         threshold   finite.
 * @param[in,out] out         struct_size set by the caller; untouched on failure.
 * @param[out]    err         optional error detail.
 * @return as fm_evaluation_describe.
 * Threads: confined.   Cost: as above, and O(hits) where people are known.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_evaluation_at_threshold(fm_evaluation *evaluation, float threshold,
                                                         fm_operating_point *out, fm_error *err);

/** The rates at the lowest threshold whose FMR is at most fmr.
 *
 * The intervals are those of the rates at this threshold; that it was chosen by the same data is
 * not in them.
 *
 * @param[in]     evaluation  as above.
 * @param         fmr         0 < fmr < 1.
 * @param[in,out] out         struct_size set by the caller; untouched on failure.
 * @param[out]    err         optional error detail.
 * @return as fm_evaluation_describe; FM_E_LIMIT: fmr is below 1 / impostor comparisons.
 * Threads: confined.   Cost: as above.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_evaluation_at_fmr(fm_evaluation *evaluation, double fmr,
                                                   fm_operating_point *out, fm_error *err);

/** The curve of errors (DET; with 1 - FNMR, ROC), thinned out.
 *
 * FMR rises from point to point. A curve of no more than out_len points is told in full; of a
 * longer one as many points as fit, evenly spread over the logarithm of FMR in one half and over
 * FNMR in the other, the ends among them. Every point told is one of the full curve.
 *
 * @param[in]  evaluation  as above.
 * @param[out] out         fm_det_point[out_len]; untouched on failure.
 * @param      out_len     at least 8.
 * @param[out] count       points written.
 * @param[out] err         optional error detail.
 * @return as fm_evaluation_describe.
 * Threads: confined.   Cost: O(n).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_evaluation_curve(fm_evaluation *evaluation, fm_det_point *out,
                                                  size_t out_len, size_t *count, fm_error *err);

/** How many scores lie in each of `bins` equal parts of low..high; scores outside count in none.
 *
 * @param[in]  evaluation  as above.
 * @param      low         finite.
 * @param      high        finite, above low; a score of exactly high is in the last part.
 * @param      bins        1..65536.
 * @param[out] genuine     int64[bins]; untouched on failure.
 * @param[out] impostor    int64[bins]; untouched on failure.
 * @param[out] err         optional error detail.
 * @return as fm_evaluation_describe.
 * Threads: confined.   Cost: O(bins log n).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_evaluation_histogram(fm_evaluation *evaluation, float low,
                                                      float high, size_t bins, int64_t *genuine,
                                                      int64_t *impostor, fm_error *err);

/* --- calibration ----------------------------------------------------------------------------- */

/** Options of fm_calibrate and fm_liveness_calibrate. Zero means default everywhere. */
typedef struct fm_calibration_options {
    uint32_t struct_size; /**< sizeof(fm_calibration_options), set by fm_calibration_options_init */
    fm_metric metric;     /**< of the scores, fm_model_info has it; must be told of a siamese one,
                               whose tail is that of its log-odds. 0: any other */
    const char *dataset;  /**< what was measured, for people: UTF-8, up to 1,000 bytes; NULL: "" */
    /* --- 0.1 ends here, append below --- */
} fm_calibration_options;

/** Fill options with defaults.
 *
 * @param[out] options      written up to struct_size bytes; NULL is a no-op.
 * @param      struct_size  sizeof(fm_calibration_options) of the caller.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API void fm_calibration_options_init(fm_calibration_options *options, uint32_t struct_size);

/** The calibration of a model, as its manifest has it (docs/models.md): a JSON object.
 *
 * A table of false match rates and scores from the impostor comparisons, down to the rate that 50
 * of them exceed, each with its interval; a generalised Pareto distribution for the highest scores
 * (where there are 2,000 comparisons or more), which goes on behind the table; and a table of miss
 * rates from the genuine ones. The same comparisons, added in any order, give the same text but for
 * the last digits of the covariance.
 *
 * @param[in]  evaluation  failures must be left out. Tell people: without them all intervals claim
 *                         too much.
 * @param[in]  options     NULL for defaults.
 * @param[out] out         NUL-terminated; untouched on failure. NULL to ask for the size.
 * @param      out_len     bytes that fit, the NUL included.
 * @param[out] needed      optional; bytes needed, the NUL included; also set when the buffer is too
 *                         small.
 * @param[out] err         optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_STATE (too few comparisons); FM_E_BUFFER_TOO_SMALL;
 *   FM_E_NO_MEMORY.
 * Threads: confined.   Cost: O(n) after an addition.   Since: 0.1.
 * Source: Pickands 1975, Annals of Statistics 3; Hosking & Wallis 1987, Technometrics 29. */
FM_API FM_NODISCARD fm_status fm_calibrate(fm_evaluation *evaluation,
                                           const fm_calibration_options *options, char *out,
                                           size_t out_len, size_t *needed, fm_error *err);

/** The calibration of a liveness model, as its manifest has it (docs/models.md): a JSON object.
 *
 * A table of scores with the share of attacks that score at least as high (of the kind of attack for
 * which it is highest) and the share of live faces that score below.
 *
 * @param[in]  scores   float32[n], 0..1: fm_liveness_result.score.
 * @param[in]  kinds    int32[n]: 0 for a live face, else the kind of attack.
 * @param      n        at least one live face and one attack.
 * @param[in]  options  NULL for defaults.
 * @param[out] out      NUL-terminated; untouched on failure. NULL to ask for the size.
 * @param      out_len  bytes that fit, the NUL included.
 * @param[out] needed   optional; bytes needed, the NUL included; also set when the buffer is too
 *                      small.
 * @param[out] err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_STATE (no live face, or no attack);
 *   FM_E_BUFFER_TOO_SMALL; FM_E_NO_MEMORY.
 * Threads: any.   Cost: O(n log n + n kinds).   Since: 0.1.
 * Source: ISO/IEC 30107-3, attack and bona fide presentation classification error rates. */
FM_API FM_NODISCARD fm_status fm_liveness_calibrate(const float *scores, const int32_t *kinds,
                                                    size_t n,
                                                    const fm_calibration_options *options,
                                                    char *out, size_t out_len, size_t *needed,
                                                    fm_error *err);

#ifdef __cplusplus
}
#endif

#endif
