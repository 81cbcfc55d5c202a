/* A session: the working memory around an embedder and, usually, a detector.
 *
 *     fm_session_options options;
 *     fm_session_options_init(&options, sizeof options);
 *     options.detector = detector;
 *     fm_session *session = NULL;
 *     if (fm_session_create(&session, embedder, &options, &err) != FM_OK) ...
 *
 * A session is confined: one thread at a time, any thread. For several threads
 * make several sessions on the same models; that is cheap.
 */
#ifndef FACEMATCH_SESSION_H
#define FACEMATCH_SESSION_H

#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Working memory around models. Opaque; free with fm_session_free. */
typedef struct fm_session fm_session;

/** Arithmetic of the embedder. Detector and liveness model always run in float32. */
typedef int32_t fm_precision;
enum {
    FM_PRECISION_FLOAT32 = 1, /**< the default */
    FM_PRECISION_BFLOAT16 = 2 /**< faster on CPUs with AVX512_BF16 or AMX; refused elsewhere */
};

/** Which of several faces is meant, and so the order in which faces are told.
 *
 * Ties are broken by score, then by position (top, then left). */
typedef int32_t fm_selection;
enum {
    FM_SELECT_LARGEST = 1,       /**< area of the box within the image */
    FM_SELECT_MOST_CENTRAL = 2,  /**< distance of the box's centre from the image's centre */
    FM_SELECT_HIGHEST_SCORE = 3, /**< the detector's own certainty */
    FM_SELECT_PROMINENT = 4      /**< large and central: that area minus four times the square of
                                      that distance; the default */
};

/** Options of fm_session_create. Zero means default everywhere. */
typedef struct fm_session_options {
    uint32_t struct_size;     /**< sizeof(fm_session_options), set by fm_session_options_init */
    fm_precision precision;   /**< default FM_PRECISION_FLOAT32 */
    const fm_model *detector; /**< a detector; NULL: only calls that need no detection work */
    int32_t threads;          /**< cores one call may use, 1..256; default 1. libtorch keeps this
                                   count per process or per thread, depending on how it was built;
                                   it is set for each call and put back after it */
    int32_t flip;             /**< 1: average each embedding with that of the mirrored face; costs a
                                   second forward pass */
    int32_t min_face_px;      /**< smallest face looked for, 12..10,000; default 40 */
    int32_t max_faces;        /**< most faces kept per image, 1..10,000; default 256 */
    fm_selection selection;   /**< default FM_SELECT_PROMINENT */
    float min_score;          /**< faces below this detection score are dropped, 0..1; default: the
                                   detector's own thresholds only */
    const fm_model *liveness; /**< a liveness model; NULL: no call can check it */
    /* --- 0.1 ends here, append below --- */
} fm_session_options;

/** Fill options with defaults.
 *
 * @param[out] options      written up to struct_size bytes; NULL is a no-op.
 * @param      struct_size  sizeof(fm_session_options) of the caller.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API void fm_session_options_init(fm_session_options *options, uint32_t struct_size);

/** Make a session. It holds references to its models: they may be freed at once.
 *
 * @param[out] out       the session; untouched on failure. Free with fm_session_free.
 * @param[in]  embedder  an embedder, or NULL for a session that only detects or checks liveness.
 * @param[in]  options   NULL for defaults (then without a detector).
 * @param[out] err       optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT (no model at all, a model of the wrong kind, a value out of
 *   range); FM_E_UNSUPPORTED (bfloat16 on a CPU or libtorch without it); FM_E_BACKEND;
 *   FM_E_NO_MEMORY.
 * Threads: any.   Cost: the first session of a model at a precision prepares the network, some
 *   100 ms; later ones share it.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_session_create(fm_session **out, const fm_model *embedder,
                                                const fm_session_options *options, fm_error *err);

/** Release a session. Its working memory is wiped.
 *
 * @param[in] session  NULL is a no-op.
 * Threads: no other thread may be using it.   Cost: O(1).   Since: 0.1. */
FM_API void fm_session_free(fm_session *session);

#ifdef __cplusplus
}
#endif

#endif
