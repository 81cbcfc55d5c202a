/* What an fm_session holds, and the steps from photograph to embedding. */
#ifndef FMI_SESSION_H
#define FMI_SESSION_H

#include "backend/model.h"
#include <facematch/embed.h>

struct fm_session {
    fm_model *embedder;                     /* or NULL */
    fm_model *detector;                     /* or NULL */
    fm_model *liveness;                     /* or NULL */
    fm_session_options options;             /* defaults filled in; its models are not used */
    bool selection_given;                   /* the rule was set, not filled in */
    fmi_part *embed_parts[FMI_MEMBERS_MAX]; /* of the embedder's members */
    fmi_part *pnet, *rnet, *onet;
    fmi_part *liveness_parts[FMI_LIVENESS_NETS_MAX];
};

/* session.c: as fm_session_create; `options` is the library's own copy */
fm_status fmi_session_create(fm_session **out, const fm_model *embedder,
                             const fm_session_options *options, fm_error *err);
void fmi_session_free(fm_session *session); /* NULL is a no-op */
/* FM_E_STATE when the session lacks it */
fm_status fmi_session_need_embedder(const fm_session *session, fm_error *err);
fm_status fmi_session_need_detector(const fm_session *session, fm_error *err);

/* detect.c: all faces, at most options.max_faces, sorted by the selection rule. *faces by fmi_alloc
 * (NULL when there is none). */
fm_status fmi_detect(fm_session *session, const fm_image *image, fm_face **faces, size_t *count,
                     fm_error *err);
/* select.c: sort by the session's rule */
void fmi_faces_sort(fm_face *faces, size_t count, fm_selection rule, const fm_image *image);
/* select.c: how much of a face's box lies within an image, in square pixels */
double fmi_face_visible_area(const fm_face *face, double width, double height);
/* select.c: the first of the detected faces. *face_count is set on success, and to 0 with
 * FM_E_NOT_FOUND */
fm_status fmi_face_choose(fm_session *session, const fm_image *image, fm_face *chosen,
                          size_t *face_count, fm_error *err);
/* select.c: the failure of finding none; always FM_E_NOT_FOUND */
fm_status fmi_face_none(const fm_session *session, const fm_image *image, fm_error *err);
/* align.c: the affine map from crop to image that fits the face's points to the template */
fm_status fmi_align_solve(const float points[10], const double template_points[10], double m[6],
                          fm_error *err);
fm_status fmi_align(const fm_session *session, const fm_image *image, const fm_face *face,
                    fm_image **crop, fm_error *err);
/* align.c: onto any template, in pixels of the crop counted from the centre of the first */
fm_status fmi_align_to(const fm_image *image, const fm_face *face, const double template_points[10],
                       int32_t width, int32_t height, bool replicate, fm_image **crop,
                       fm_error *err);
/* align.c: from a crop of any size, aligned to one template, onto another */
fm_status fmi_align_again(const fm_image *image, const fmi_input *input,
                          const fmi_alignment *alignment, const fmi_input *to_input,
                          const fmi_alignment *to_alignment, fm_image **crop, fm_error *err);

/* One face as each member of the embedder wants to see it. Zero: none. */
typedef struct fmi_crops {
    fm_image *of[FMI_MEMBERS_MAX];
} fmi_crops;

/* crops.c; untouched on failure. From a face of a photograph, or from a crop of any size that is
 * aligned to the embedder's template. */
fm_status fmi_crops_of_face(const fmi_manifest *manifest, const fm_image *image,
                            const fm_face *face, fmi_crops *out, fm_error *err);
fm_status fmi_crops_of_crop(const fmi_manifest *manifest, const fm_image *image, fmi_crops *out,
                            fm_error *err);
void fmi_crops_free(fmi_crops *crops);
/* crops.c: a crop of the input's size as a network takes it, float32[3][height][width]; and
 * mirrored, which is the planes of the mirrored crop */
void fmi_crop_to_planes(const fmi_input *input, const fm_image *crop, float *planes);
void fmi_planes_mirror(const fmi_input *input, float *planes, size_t n);

/* embed.c: n faces */
fm_status fmi_embed_crops(fm_session *session, const fmi_crops *crops, size_t n, float *out,
                          fm_error *err);
/* embed.c: the same, not brought to unit length; on failure some of out may have been written */
fm_status fmi_embed_outputs(const fm_session *session, const fmi_crops *crops, size_t n, float *out,
                            fm_error *err);
/* embed.c: from a photograph (detect, choose, align), or from a crop when aligned. face_count and
 * used as in fm_embed; both may be NULL, and are left alone when aligned. out float32[dim] */
fm_status fmi_embed_image(fm_session *session, const fm_image *image, bool aligned,
                          const fm_face *face, float *out, fm_face *used, size_t *face_count,
                          fm_error *err);
/* batch.c: bodies of fm_embed_batch and fm_embed_aligned */
fm_status fmi_embed_photographs(fm_session *session, const fm_image *const *images, size_t n,
                                float *out, fm_status *statuses, fm_error *err);
fm_status fmi_embed_aligned(fm_session *session, const fm_image *const *crops, size_t n, float *out,
                            fm_error *err);

#endif
