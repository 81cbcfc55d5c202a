/* From a face to its embedding: a vector that lies near those of the same person. */
#ifndef FACEMATCH_EMBED_H
#define FACEMATCH_EMBED_H

#include "face.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Most images in one call of fm_embed_batch and fm_embed_aligned. */
#define FM_LIMIT_BATCH 4096

/** Embed one face of an image.
 *
 * @param[in]  session     confined; must have an embedder.
 * @param[in]  image       the image.
 * @param[in]  face        the face to embed. NULL: the session's detector finds the faces and its
 *                         selection rule chooses.
 * @param[out] out         float32[dim], unit L2 norm if the model says so (fm_model_info.normalized);
 *                         untouched on failure.
 * @param      out_len     floats that fit at out; at least dim.
 * @param[out] used        optional; the face that was embedded.
 * @param[out] face_count  optional; how many faces were found (1 when the face was given). Also set
 *                         to 0 when none was found.
 * @param[out] err         optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_BUFFER_TOO_SMALL; FM_E_NOT_FOUND (no face); FM_E_STATE
 *   (no embedder, or no detector and no face given); FM_E_BACKEND; FM_E_NO_MEMORY.
 * Threads: confined to session.   Cost: detection and one forward pass.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_embed(fm_session *session, const fm_image *image,
                                       const fm_face *face, float *out, size_t out_len,
                                       fm_face *used, size_t *face_count, fm_error *err);

/** Embed one face of each of several images; forward passes are shared.
 *
 * @param[in]  session   confined; must have an embedder and a detector.
 * @param[in]  images    const fm_image *[n].
 * @param      n         0..FM_LIMIT_BATCH; 0 is a no-op.
 * @param[out] out       float32[n][dim], row-major. Rows of images that failed are untouched, and
 *                       the whole of it if the call fails.
 * @param      out_len   floats that fit at out; at least n * dim.
 * @param[out] statuses  fm_status[n]: FM_OK or FM_E_NOT_FOUND (no face); untouched on failure.
 * @param[out] err       optional error detail.
 * @return FM_OK, also when some images have no face; FM_E_INVALID_ARGUMENT; FM_E_BUFFER_TOO_SMALL;
 *   FM_E_STATE (no embedder or no detector); FM_E_BACKEND; FM_E_NO_MEMORY.
 * Threads: confined to session.   Cost: n detections and n crops in shared forward passes.
 * Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_embed_batch(fm_session *session, const fm_image *const *images,
                                             size_t n, float *out, size_t out_len,
                                             fm_status *statuses, fm_error *err);

/** Embed crops made elsewhere: no detection; each is resized to the model's input.
 *
 * @param[in]  session  confined; must have an embedder.
 * @param[in]  crops    const fm_image *[n], aligned to the model's template.
 * @param      n        0..FM_LIMIT_BATCH; 0 is a no-op.
 * @param[out] out      float32[n][dim], row-major; untouched on failure.
 * @param      out_len  floats that fit at out; at least n * dim.
 * @param[out] err      optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_BUFFER_TOO_SMALL; FM_E_STATE (no embedder);
 *   FM_E_BACKEND; FM_E_NO_MEMORY.
 * Threads: confined to session.   Cost: n crops in shared forward passes.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_embed_aligned(fm_session *session, const fm_image *const *crops,
                                               size_t n, float *out, size_t out_len, fm_error *err);

#ifdef __cplusplus
}
#endif

#endif
