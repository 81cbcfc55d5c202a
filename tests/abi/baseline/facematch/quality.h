/* How good a photograph of a face is, and what an enrolment refuses for it.
 *
 *     fm_gate_report report = {.struct_size = sizeof report};
 *     if (fm_gate_check(session, photo, NULL, &report, &err) != FM_OK)
 *         fprintf(stderr, "%s\n", err.message);   // report.reason, report.value, report.limit
 *
 * The figures are of the photograph alone, whatever the embedder: faces are brought to one crop of
 * 112x112 px (eyes 35 px apart) for it. docs/enrolment.md tells how the limits were chosen.
 */
#ifndef FACEMATCH_QUALITY_H
#define FACEMATCH_QUALITY_H

#include "face.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The figures behind the gate. NaN where a crop made elsewhere does not tell. Frozen: this struct
 * never grows.
 *
 * "The middle of the face" are the columns 24 to 87 and rows 32 to 103 of the crop, as grey
 * 0.299 R + 0.587 G + 0.114 B. */
typedef struct fm_face_quality {
    float quality;         /**< all in one, 0..1: the product of min(1, size_px/112),
                                min(1, sharpness/0.05), min(1, brightness/80),
                                min(1, (255-brightness)/55), cos(yaw) cos(pitch) and score; what is
                                NaN is left out */
    float size_px;         /**< shorter side of the face's box */
    float eye_distance_px; /**< between the eyes, in the photograph */
    float score;           /**< the detector's certainty, 0..1 */
    float sharpness;   /**< variance of the Laplacian (4 neighbours) over the variance of the grey
                            values, in the middle of the face; 5/3, what rounding to 8 bit adds,
                            is taken off the former. Light and contrast drop out. 0.15 in the
                            median of press photographs, 0.01 out of focus */
    float brightness;  /**< mean grey of the middle of the face, 0..255 */
    float clipped;     /**< share of its pixels at or below 5, or at or above 250, 0..1 */
    float yaw_deg;     /**< > 0: the nose points to the right of the image */
    float pitch_deg;   /**< > 0: the nose points down */
    float roll_deg;    /**< > 0: turned clockwise, as seen in the image */
    float reserved[2]; /**< 0 */
} fm_face_quality;

/** Why a photograph was refused, in the order in which it is looked at. */
typedef int32_t fm_refusal;
enum {
    FM_REFUSAL_NONE = 0,                /**< let through */
    FM_REFUSAL_NO_FACE = 1,             /**< none was found */
    FM_REFUSAL_SEVERAL_FACES = 2,       /**< another face is nearly as large: other_faces */
    FM_REFUSAL_FACE_TOO_SMALL = 3,      /**< min_size_px */
    FM_REFUSAL_LOW_DETECTION_SCORE = 4, /**< min_score */
    FM_REFUSAL_BLURRED = 5,             /**< min_sharpness */
    FM_REFUSAL_TOO_DARK = 6,            /**< min_brightness */
    FM_REFUSAL_TOO_BRIGHT = 7,          /**< max_brightness */
    FM_REFUSAL_EXTREME_POSE = 8,        /**< max_yaw_deg, max_pitch_deg, max_roll_deg */
    FM_REFUSAL_LOOKS_LIKE_ANOTHER = 9, /**< matches another identity of the gallery */
    FM_REFUSAL_UNLIKE_ITSELF = 10      /**< does not match the identity it is meant for */
};

/** Limits of the gate. Zero means default, a negative number switches the check off. */
typedef struct fm_gate_options {
    uint32_t struct_size; /**< sizeof(fm_gate_options), set by fm_gate_options_init */
    int32_t off;          /**< 1: nothing is refused, but a photograph without a face */
    float other_faces;    /**< several_faces: another face counts when its area within the image is
                               at least this share of that of the face that is meant, and it is no
                               less certain than min_score; up to 1, default 0.5. The default
                               is off for a session whose selection rule was set: then the rule
                               decides */
    float min_size_px;    /**< face_too_small: shorter side of the box, default 50 */
    float min_score;      /**< low_detection_score: 0..1, default 0.9 */
    float min_sharpness;  /**< blurred: default 0.015 */
    float min_brightness; /**< too_dark: 0..255, default 30 */
    float max_brightness; /**< too_bright: 0..255, default 225 */
    float max_yaw_deg;    /**< extreme_pose: to either side, up to 180, default 45 */
    float max_pitch_deg;  /**< extreme_pose: up or down, up to 180, default 35 */
    float max_roll_deg;   /**< extreme_pose: to either side, up to 180, default 45 */
    int32_t use_scores;   /**< 1: the next two decide instead of those rates that are not off */
    float another_score;  /**< looks_like_another: scores of at least this much; finite */
    float itself_score;   /**< unlike_itself: scores below this; finite */
    double another_fpir;  /**< looks_like_another: the operating point of a search, as in
                               fm_identify_options; < 1, default 1e-2 */
    double itself_fmr;    /**< unlike_itself: the operating point of a verification, as in
                               fm_verify_options; < 1, default 1e-4. Without a calibration the two
                               rates are off by default */
    /* --- 0.1 ends here, append below --- */
} fm_gate_options;

/** What the gate found. Written by a call that is let through and by one that is refused, but not
 * by one that fails for another reason. */
typedef struct fm_gate_report {
    uint32_t struct_size;    /**< sizeof(fm_gate_report), set by the caller */
    fm_refusal reason;       /**< FM_REFUSAL_NONE: let through */
    float value;             /**< what was measured; 0 for FM_REFUSAL_NONE */
    float limit;             /**< what it was held against; 0 for FM_REFUSAL_NONE */
    int32_t face_count;      /**< faces found in the photograph; 0 when none was looked for */
    fm_face face;            /**< the face that is meant; all zero when there is none */
    fm_face_quality quality; /**< its figures; all NaN (reserved: 0) when there is none */
    char other_id[256];      /**< looks_like_another: whom it looks like; else "" */
    /* --- 0.1 ends here, append below --- */
} fm_gate_report;

/** Fill options with defaults.
 *
 * @param[out] options      written up to struct_size bytes; NULL is a no-op.
 * @param      struct_size  sizeof(fm_gate_options) of the caller.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API void fm_gate_options_init(fm_gate_options *options, uint32_t struct_size);

/** The name of a reason, such as "face_too_small"; "none" for FM_REFUSAL_NONE.
 *
 * @param reason  any value.
 * @return a static string; "unknown" for a value this version does not know.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API const char *fm_refusal_name(fm_refusal reason);

/** Measure one face of an image.
 *
 * The pose is estimated from the five points, as of a mean head in weak perspective. With the eyes
 * brought level,
 *     roll  = the angle that this took,
 *     yaw   = atan2(n_x, 0.60 d),
 *     pitch = atan2(n_y - 0.50 h, 0.62 h - 0.13 n_y),
 * where d is the distance of the eyes, h how far below their middle that of the mouth's corners
 * lies, n_y how far below it the nose's tip does, and n_x how far beside the line through both
 * middles.
 *
 * @param[in]  session  confined.
 * @param[in]  image    the image.
 * @param[in]  face     the face to measure. NULL: the session's detector finds and chooses one.
 * @param[out] out      the figures; untouched on failure.
 * @param[out] err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT (NULL, numbers of the face not finite, points all in one
 *   place); FM_E_NOT_FOUND (no face); FM_E_STATE (no detector and no face given); FM_E_BACKEND;
 *   FM_E_NO_MEMORY.
 * Threads: confined to session.   Cost: that of the detection; 1 ms when the face is given.
 * Since: 0.1.
 * Source: Pech-Pacheco et al. 2000 (ICPR, vol. 3), the variance of the Laplacian. */
FM_API FM_NODISCARD fm_status fm_quality(fm_session *session, const fm_image *image,
                                         const fm_face *face, fm_face_quality *out, fm_error *err);

/** Would this photograph be fit for enrolment? Everything but what needs a gallery.
 *
 * @param[in]     session  confined; must have a detector.
 * @param[in]     image    the photograph; the session's selection rule chooses the face.
 * @param[in]     options  NULL for defaults.
 * @param[in,out] report   optional; struct_size set by the caller; see there when it is written.
 * @param[out]    err      optional error detail; tells the reason in words.
 * @return FM_OK; FM_E_REFUSED (report->reason tells why); FM_E_NOT_FOUND (no face;
 *   report->reason is FM_REFUSAL_NO_FACE); FM_E_INVALID_ARGUMENT; FM_E_STATE (no detector);
 *   FM_E_BACKEND; FM_E_NO_MEMORY.
 * Threads: confined to session.   Cost: that of the detection.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_gate_check(fm_session *session, const fm_image *image,
                                            const fm_gate_options *options, fm_gate_report *report,
                                            fm_error *err);

#ifdef __cplusplus
}
#endif

#endif
