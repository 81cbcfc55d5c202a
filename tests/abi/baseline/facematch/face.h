/* Finding faces, drawing them, and cutting out the crop that a model sees. */
#ifndef FACEMATCH_FACE_H
#define FACEMATCH_FACE_H

#include "image.h"
#include "session.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Points of a face, in this order, "left" as seen in the image. */
enum {
    FM_POINT_LEFT_EYE = 0,    /**< its middle */
    FM_POINT_RIGHT_EYE = 1,   /**< its middle */
    FM_POINT_NOSE_TIP = 2,    /**< the tip of the nose */
    FM_POINT_LEFT_MOUTH = 3,  /**< corner of the mouth */
    FM_POINT_RIGHT_MOUTH = 4  /**< corner of the mouth */
};
#define FM_POINT_COUNT 5 /**< points of a face */

/** One face, in pixels of the upright image: origin at the top left corner of the top left pixel,
 * x to the right, y down. The box may reach beyond the image. Frozen: this struct never grows. */
typedef struct fm_face {
    float x;      /**< left edge of the box */
    float y;      /**< top edge of the box */
    float width;  /**< > 0 */
    float height; /**< > 0 */
    float score;  /**< the detector's certainty, 0..1 */
    float points[2 * FM_POINT_COUNT]; /**< x, y of each FM_POINT_* in turn */
} fm_face;

/** Find the faces of an image.
 *
 * @param[in]  session   confined; must have a detector.
 * @param[in]  image     the image.
 * @param[out] faces     fm_face[capacity], sorted by the session's selection rule, so faces[0] is
 *                       the one that fm_embed would take; entries past the count are untouched.
 *                       NULL with capacity 0 just counts.
 * @param      capacity  faces that fit; fewer than found is no error: the first ones are written.
 * @param[out] count     number of faces found, whatever the capacity; 0 when there is none.
 * @param[out] err       optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_STATE (no detector); FM_E_BACKEND; FM_E_NO_MEMORY.
 * Threads: confined to session.
 * Cost: grows with the pixels of the image, and with a smaller min_face_px of the session.
 * Since: 0.1.
 * Source: Zhang et al. 2016 (arXiv:1604.02878), the MTCNN cascade. */
FM_API FM_NODISCARD fm_status fm_detect(fm_session *session, const fm_image *image, fm_face *faces,
                                        size_t capacity, size_t *count, fm_error *err);

/** The crop that the embedder sees: the face moved, turned and scaled onto the model's template.
 *
 * The similarity transform minimises the squared distance of the five points to the template.
 * Where the face is larger than the crop the image is low-pass filtered first.
 *
 * @param[in]  session  confined; must have an embedder.
 * @param[in]  image    the image.
 * @param[in]  face     its points are used. NULL: the session's detector finds and chooses one.
 * @param[out] out      an RGB8 image of the model's input size; untouched on failure. Free with
 *                      fm_image_free.
 * @param[out] err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT (NULL, points not finite or all in one place);
 *   FM_E_NOT_FOUND (no face); FM_E_STATE (no embedder, or no detector and no face given);
 *   FM_E_BACKEND; FM_E_NO_MEMORY.
 * Threads: confined to session.
 * Cost: that of fm_detect unless a face is given, and O(pixels of the crop and of the face).
 * Since: 0.1.
 * Source: Umeyama 1991 (IEEE TPAMI 13(4)), equations 34 to 42. */
FM_API FM_NODISCARD fm_status fm_align(fm_session *session, const fm_image *image,
                                       const fm_face *face, fm_image **out, fm_error *err);

/** A copy of an image with the boxes and points of faces drawn into it.
 *
 * @param[out] out    an RGB8 image; untouched on failure. Free with fm_image_free.
 * @param[in]  image  the image.
 * @param[in]  faces  fm_face[count]; the first is drawn in another colour. NULL with count 0.
 * @param      count  number of faces.
 * @param[out] err    optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT (NULL, a coordinate that is not finite); FM_E_NO_MEMORY.
 * Threads: any.   Cost: O(pixels).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_image_draw_faces(fm_image **out, const fm_image *image,
                                                  const fm_face *faces, size_t count,
                                                  fm_error *err);

#ifdef __cplusplus
}
#endif

#endif
