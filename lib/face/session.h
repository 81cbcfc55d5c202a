/* What an fm_session holds, and the steps from photograph to embedding. */
#ifndef FMI_SESSION_H
#define FMI_SESSION_H

#include "backend/model.h"
#include <facematch/embed.h>

struct fm_session {
    fm_model *embedder; /* or NULL */
    fm_model *detector; /* or NULL */
    fm_session_options options; /* defaults filled in; its detector pointer is not used */
    fmi_part *embed_part;
    fmi_part *pnet, *rnet, *onet;
};

/* detect.c: all faces, at most options.max_faces, sorted by the selection rule. *faces by fmi_alloc
 * (NULL when there is none). */
fm_status fmi_detect(fm_session *session, const fm_image *image, fm_face **faces, size_t *count,
                     fm_error *err);
/* select.c: sort by the session's rule */
void fmi_faces_sort(fm_face *faces, size_t count, fm_selection rule, const fm_image *image);
/* align.c: the affine map from crop to image that fits the face's points to the template */
fm_status fmi_align_solve(const float points[10], const double template_points[10], double m[6],
                          fm_error *err);
fm_status fmi_align(const fm_session *session, const fm_image *image, const fm_face *face,
                    fm_image **crop, fm_error *err);
/* embed.c: crops already of the model's input size */
fm_status fmi_embed_crops(fm_session *session, const fm_image *const *crops, size_t n, float *out,
                          fm_error *err);
/* embed.c: from a photograph (detect, choose, align), or from a crop when aligned. face_count and
 * used as in fm_embed; both may be NULL. out float32[dim] */
fm_status fmi_embed_image(fm_session *session, const fm_image *image, bool aligned,
                          const fm_face *face, float *out, fm_face *used, size_t *face_count,
                          fm_error *err);

#endif
