/* A live face, or a picture of one held before the camera?
 *
 *     fm_session_options options;
 *     fm_session_options_init(&options, sizeof options);
 *     options.detector = detector;
 *     options.liveness = liveness;
 *     ...
 *     fm_liveness_result seen = {.struct_size = sizeof seen};
 *     if (fm_liveness(session, photo, NULL, NULL, &seen, &err) == FM_OK)
 *         printf("%s (%s)\n", fm_liveness_verdict_name(seen.verdict),
 *                fm_liveness_reason_name(seen.reason));
 *
 * The answer has three values. Two thresholds come from the model's calibration: that from which on few
 * enough attacks get through, and that below which few enough live people are turned away. LIVE is from
 * the higher of the two on, SPOOF below the lower one. What lies between is UNCERTAIN, and so is a face
 * that is too small, blurred or cut off to tell. Where a net separates so well that the two cross, there
 * are fewer errors than asked for, and doubt: no more live faces than that are not LIVE, and no more
 * attacks are not SPOOF.
 *
 * Printed and replayed pictures are what the net was trained on. Masks, made-up faces and video that
 * never saw a camera are not detected: docs/liveness.md. Terms are those of ISO/IEC 30107-3.
 */
#ifndef FACEMATCH_LIVENESS_H
#define FACEMATCH_LIVENESS_H

#include "face.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a check of liveness answers. */
typedef int32_t fm_liveness_verdict;
enum {
    FM_LIVENESS_NOT_CHECKED = 0, /**< nobody asked */
    FM_LIVENESS_LIVE = 1,        /**< a living face before the camera */
    FM_LIVENESS_SPOOF = 2,       /**< a picture of one */
    FM_LIVENESS_UNCERTAIN = 3    /**< it cannot be told; fm_liveness_reason says why */
};

/** Why a verdict is UNCERTAIN, in the order in which it is looked at. */
typedef int32_t fm_liveness_reason;
enum {
    FM_LIVENESS_REASON_NONE = 0,       /**< the verdict is not UNCERTAIN */
    FM_LIVENESS_REASON_TOO_SMALL = 1,  /**< the face has too few pixels */
    FM_LIVENESS_REASON_CUT = 2,        /**< the frame's edge cuts the face */
    FM_LIVENESS_REASON_CROP = 3,       /**< too little of what the net wants to see around the face is
                                            in the frame: step back */
    FM_LIVENESS_REASON_BLURRED = 4,    /**< the face is out of focus */
    FM_LIVENESS_REASON_BETWEEN = 5,    /**< the score lies between the two thresholds */
    FM_LIVENESS_REASON_OTHER_FACE = 6, /**< of a sequence: frames of different people */
    FM_LIVENESS_REASON_STILL = 7,      /**< of a sequence: the same picture again */
    FM_LIVENESS_REASON_TOO_FEW = 8     /**< of a sequence: not enough frames yet */
};

/** What a decision does about liveness: verification, identification, enrolment. */
typedef int32_t fm_liveness_policy;
enum {
    FM_LIVENESS_OFF = 0,    /**< no check: the default */
    FM_LIVENESS_REPORT = 1, /**< check and tell; the decision is as without */
    FM_LIVENESS_REQUIRE = 2 /**< what is not LIVE is answered with FM_E_NOT_LIVE, whoever it is */
};

#define FM_LIMIT_LIVENESS_FRAMES 64 /**< frames of one attempt */

/** Where the lines are drawn. Zero means default; in min_* a negative number switches the check off. */
typedef struct fm_liveness_options {
    uint32_t struct_size;   /**< sizeof(fm_liveness_options), set by fm_liveness_options_init */
    int32_t use_thresholds; /**< 1: live_score and spoof_score decide; apcer and bpcer are ignored */
    double apcer;           /**< target: share of attacks that may be called live, 0 < apcer < 1;
                                 default 0.05 */
    double bpcer;           /**< target: share of live faces that may be called attacks,
                                 0 < bpcer < 1; default 0.05 */
    float live_score;       /**< scores of at least this are LIVE, 0..1 */
    float spoof_score;      /**< scores below this are SPOOF, 0..live_score */
    float min_size_px;      /**< too_small: shorter side of the face's box; default 50 */
    float min_inside;       /**< cut: share of the box that lies in the frame, up to 1; default 0.9 */
    float min_crop;         /**< crop: side of the smallest crop over the side that its net asks for,
                                 up to 1; default 0.3 */
    float min_sharpness;    /**< blurred: fm_face_quality.sharpness; default 0.015 */
    /* --- 0.1 ends here, append below --- */
} fm_liveness_options;

/** What was found in one frame. */
typedef struct fm_liveness_result {
    uint32_t struct_size; /**< sizeof(fm_liveness_result), set by the caller */
    fm_liveness_verdict verdict; /**< never FM_LIVENESS_NOT_CHECKED */
    fm_liveness_reason reason; /**< FM_LIVENESS_REASON_NONE unless UNCERTAIN */
    float score;               /**< grows with liveness, 0..1: the mean of the nets'; told with every
                                    verdict */
    double apcer;          /**< share of attacks that score at least this high; NaN without a
                                calibration */
    double bpcer;          /**< share of live faces that score below; NaN without a calibration */
    float live_threshold;  /**< scores of at least this are LIVE */
    float spoof_threshold; /**< scores below this are SPOOF; never above live_threshold */
    float value;           /**< what was measured for the reason; 0 for none */
    float limit;           /**< what it was held against; 0 for none */
    float quality;         /**< fm_face_quality.quality of the face */
    int32_t face_count;    /**< faces found in the frame; 0 when none was looked for */
    fm_face face;          /**< the face that was looked at */
    /* --- 0.1 ends here, append below --- */
} fm_liveness_result;

/** What a decision tells about liveness. Frozen: this struct never grows. */
typedef struct fm_liveness_summary {
    fm_liveness_verdict verdict; /**< FM_LIVENESS_NOT_CHECKED under FM_LIVENESS_OFF: all is zero */
    fm_liveness_reason reason;   /**< FM_LIVENESS_REASON_NONE unless UNCERTAIN */
    float score;                 /**< as in fm_liveness_result */
    int32_t reserved;            /**< 0 */
} fm_liveness_summary;

/** The name of a verdict: "not_checked", "live", "spoof", "uncertain".
 *
 * @param verdict  any value.
 * @return a static string; "unknown" for a value this version does not know.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API const char *fm_liveness_verdict_name(fm_liveness_verdict verdict);

/** The name of a reason, such as "too_small"; "none" for FM_LIVENESS_REASON_NONE.
 *
 * @param reason  any value.
 * @return a static string; "unknown" for a value this version does not know.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API const char *fm_liveness_reason_name(fm_liveness_reason reason);

/** Fill options with defaults.
 *
 * @param[out] options      written up to struct_size bytes; NULL is a no-op.
 * @param      struct_size  sizeof(fm_liveness_options) of the caller.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API void fm_liveness_options_init(fm_liveness_options *options, uint32_t struct_size);

/** Is this face live?
 *
 * @param[in]     session  confined; must have a liveness model and, unless a face is given, a
 *                         detector.
 * @param[in]     image    the whole frame, as the camera gave it: what is around the face counts.
 * @param[in]     face     the face that is meant. NULL: the session's detector finds and chooses one.
 * @param[in]     options  NULL for defaults.
 * @param[in,out] result   struct_size set by the caller; untouched on failure.
 * @param[out]    err      optional error detail.
 * @return FM_OK, whatever the verdict; FM_E_INVALID_ARGUMENT (NULL, a value out of range, numbers of
 *   the face not finite, a face that lies outside of the frame); FM_E_NOT_FOUND (no face);
 *   FM_E_STATE (no liveness model; no detector and no face given; no calibration and no thresholds
 *   given); FM_E_LIMIT (a target lower than the calibration can vouch for); FM_E_BACKEND;
 *   FM_E_NO_MEMORY.
 * Threads: confined to session.   Cost: detection, and one forward pass of each net.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_liveness(fm_session *session, const fm_image *image,
                                          const fm_face *face, const fm_liveness_options *options,
                                          fm_liveness_result *result, fm_error *err);

/** Look at one face of each of several images; forward passes are shared. The verdicts are those of
 * fm_liveness, one by one: nothing is fused.
 *
 * @param[in]     session       confined; as for fm_liveness.
 * @param[in]     images        const fm_image *[n].
 * @param         n             0..FM_LIMIT_BATCH; 0 is a no-op.
 * @param[in]     faces         fm_face[n], or NULL: the session's detector finds and chooses them.
 * @param[in]     options       NULL for defaults.
 * @param[in,out] results       n structs, each with its struct_size set by the caller; untouched on
 *                              failure, and those of images without a face.
 * @param         stride_bytes  from one result to the next: sizeof(fm_liveness_result) of the caller.
 * @param[out]    statuses      fm_status[n]: FM_OK or FM_E_NOT_FOUND (no face); untouched on failure.
 * @param[out]    err           optional error detail.
 * @return FM_OK, also when some images have no face; else as fm_liveness.
 * Threads: confined to session.
 * Cost: n detections, and n crops in shared forward passes of each net.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_liveness_batch(fm_session *session, const fm_image *const *images,
                                                size_t n, const fm_face *faces,
                                                const fm_liveness_options *options,
                                                fm_liveness_result *results, size_t stride_bytes,
                                                fm_status *statuses, fm_error *err);

/** The thresholds that a calibration gives, before it is in a model: those that fm_liveness would
 * take from it.
 *
 * @param[in]  calibration  what fm_liveness_calibrate wrote: JSON, NUL-terminated.
 * @param[in]  options      the targets apcer and bpcer; NULL for defaults.
 * @param[out] live_score   scores of at least this are LIVE; untouched on failure.
 * @param[out] spoof_score  scores below this are SPOOF; untouched on failure.
 * @param[out] err          optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_CORRUPT (not such a calibration); FM_E_LIMIT (a target
 *   lower than the calibration can vouch for); FM_E_NO_MEMORY.
 * Threads: any.   Cost: reads the text.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_liveness_thresholds(const char *calibration,
                                                     const fm_liveness_options *options,
                                                     float *live_score, float *spoof_score,
                                                     fm_error *err);

/* --- several frames of one attempt ---
 *
 *     while (!so_far.decided && next_frame(&frame)) {
 *         fm_liveness_sequence_add(attempt, session, frame, NULL, NULL, &err);
 *         fm_liveness_sequence_result(attempt, &so_far, &err);
 *     }
 */

/** The frames of one person before one camera. Opaque; free with fm_liveness_sequence_free. */
typedef struct fm_liveness_sequence fm_liveness_sequence;

/** How frames become one verdict. Zero means default everywhere. */
typedef struct fm_liveness_sequence_options {
    uint32_t struct_size;    /**< sizeof(fm_liveness_sequence_options), set by
                                  fm_liveness_sequence_options_init */
    int32_t min_frames;      /**< that count before there is a verdict, 1..FM_LIMIT_LIVENESS_FRAMES;
                                  default 3 */
    int32_t max_frames;      /**< after which there is one, UNCERTAIN if need be; those that do not
                                  count included; min_frames..FM_LIMIT_LIVENESS_FRAMES; default 10,
                                  or min_frames if that is more */
    float still_difference;  /**< still: two frames whose faces differ by no more than this (mean of
                                  the absolute differences of grey, 0..255, of the face brought to
                                  64x64 px at the same place of both); default 0.5, negative: off */
    double same_fmr;         /**< other_face: a frame whose face does not match that of the first one
                                  at this false match rate, < 1; default 1e-3, negative: off, and the
                                  session needs no embedder */
    int32_t use_same_score;  /**< 1: same_score decides instead of same_fmr */
    float same_score;        /**< other_face: scores below this; finite */
    const fm_liveness_options *liveness; /**< of each frame, and the thresholds of the verdict;
                                              borrowed for the call; NULL for defaults */
    /* --- 0.1 ends here, append below --- */
} fm_liveness_sequence_options;

/** What the frames of an attempt say together. */
typedef struct fm_liveness_fusion {
    uint32_t struct_size;        /**< sizeof(fm_liveness_fusion), set by the caller */
    fm_liveness_verdict verdict; /**< UNCERTAIN until it is decided */
    fm_liveness_reason reason;   /**< FM_LIVENESS_REASON_NONE unless UNCERTAIN */
    float score;                 /**< 0..1: the mean of the log-odds of the frames' scores, weighted by
                                      their quality, as a score; NaN while no frame counts */
    double apcer;          /**< of single frames with such a score, as in fm_liveness_result */
    double bpcer;          /**< of single frames with such a score, as in fm_liveness_result */
    float live_threshold;  /**< scores of at least this are LIVE */
    float spoof_threshold; /**< scores below this are SPOOF */
    int32_t decided;       /**< 1: the verdict is final, and no further frame is taken */
    int32_t frames;        /**< that were added and had a face */
    int32_t used;          /**< that count */
    int32_t unusable;      /**< that were too small, cut, cropped or blurred: they do not count */
    int32_t stills;        /**< that showed what another one had shown: they do not count */
    int32_t other_faces;   /**< that showed somebody else: they do not count, and with one of them an
                                attempt never is LIVE */
    /* --- 0.1 ends here, append below --- */
} fm_liveness_fusion;

/** Fill options with defaults.
 *
 * @param[out] options      written up to struct_size bytes; NULL is a no-op.
 * @param      struct_size  sizeof(fm_liveness_sequence_options) of the caller.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API void fm_liveness_sequence_options_init(fm_liveness_sequence_options *options,
                                              uint32_t struct_size);

/** Begin an attempt. It holds references to the session's models, not to the session.
 *
 * @param[out] out      the attempt; untouched on failure. Free with fm_liveness_sequence_free.
 * @param[in]  session  with a liveness model, and an embedder unless same_fmr is off.
 * @param[in]  options  NULL for defaults.
 * @param[out] err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_STATE (a model is missing, or a calibration whose
 *   thresholds were not given); FM_E_LIMIT (a rate lower than a calibration can vouch for);
 *   FM_E_NO_MEMORY.
 * Threads: confined to session.   Cost: O(1).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_liveness_sequence_create(fm_liveness_sequence **out,
                                                          const fm_session *session,
                                                          const fm_liveness_sequence_options *options,
                                                          fm_error *err);

/** Add a frame.
 *
 * The attempt is decided as soon as it is clear: min_frames count, and the fused log-odds lie beyond a
 * threshold by more than their standard error. With the last frame it is decided by where they lie.
 *
 * @param[in,out] sequence  the attempt; as it was on failure.
 * @param[in]     session   confined; with the models that the attempt was begun with.
 * @param[in]     image     the whole frame.
 * @param[in]     face      the face that is meant. NULL: the session's detector finds and chooses one.
 * @param[in,out] result    optional; what this frame says alone, or why it does not count (UNCERTAIN,
 *                          with a reason); struct_size set by the caller; untouched on failure.
 * @param[out]    err       optional error detail.
 * @return FM_OK, also for a frame that does not count; FM_E_NOT_FOUND (no face: not a frame of the
 *   attempt); FM_E_STATE (decided already; a model is missing); FM_E_MODEL_MISMATCH (the session has
 *   other models); else as fm_liveness and fm_embed.
 * Threads: confined to sequence and session.   Cost: that of fm_liveness and fm_embed.
 * Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_liveness_sequence_add(fm_liveness_sequence *sequence,
                                                       fm_session *session, const fm_image *image,
                                                       const fm_face *face,
                                                       fm_liveness_result *result, fm_error *err);

/** What the frames so far say together; without any, UNCERTAIN: too_few.
 *
 * @param[in]     sequence  the attempt.
 * @param[in,out] out       struct_size set by the caller; untouched on failure.
 * @param[out]    err       optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT.
 * Threads: confined to sequence.   Cost: O(frames).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_liveness_sequence_result(const fm_liveness_sequence *sequence,
                                                          fm_liveness_fusion *out, fm_error *err);

/** Release an attempt. What it kept of the frames is wiped.
 *
 * @param[in] sequence  NULL is a no-op.
 * Threads: no other thread may be using it.   Cost: O(frames).   Since: 0.1. */
FM_API void fm_liveness_sequence_free(fm_liveness_sequence *sequence);

#ifdef __cplusplus
}
#endif

#endif
