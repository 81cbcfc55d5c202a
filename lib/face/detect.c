/* Finding faces: the cascade of Zhang et al. 2016. The second and third stage look again, closer,
 * at the boxes that the stage before let through. */
#include "face/detect.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

enum { CROPS_AT_ONCE = 32, OUTPUTS_MOST = 15, FIRST_POINT = 5 };

typedef struct stage {
    fmi_part *part;
    int32_t side;   /* of the crops, pixels */
    size_t outputs; /* per crop: how certain, shifts of four corners, then 5 x and 5 y */
    float threshold;
} stage;

/* Pixels [x0,x1) x [y0,y1) of the image. */
typedef struct box {
    int32_t x0, y0, x1, y1;
} box;

fmi_planes fmi_detector_planes(const fm_session *session, float *out, size_t plane_stride,
                               size_t row_stride)
{
    const fmi_manifest *manifest = &session->detector->manifest;
    fmi_planes planes;
    memset(&planes, 0, sizeof planes);
    planes.out = out;
    planes.plane_stride = plane_stride;
    planes.row_stride = row_stride;
    memcpy(planes.mean, manifest->input.mean, sizeof planes.mean);
    memcpy(planes.std, manifest->input.std, sizeof planes.std);
    planes.bgr = manifest->input.bgr;
    return planes;
}

/* A corner as a pixel number, first pixel 1. */
static int32_t pixel(float value, int32_t low, int32_t high)
{
    return (int32_t)fminf(fmaxf(value, (float)low), (float)high);
}

/* What of the candidate lies inside the image; crops are cut there, as published. */
static box visible_box(const fmi_candidate *c, const fm_image *image)
{
    box b;
    b.x0 = pixel(c->left, 1, image->width) - 1;
    b.y0 = pixel(c->top, 1, image->height) - 1;
    b.x1 = pixel(c->right, 0, image->width);
    b.y1 = pixel(c->bottom, 0, image->height);
    return b;
}

static void drop_invisible(fmi_candidates *list, const fm_image *image)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        box b = visible_box(&list->items[i], image);
        if (b.x1 > b.x0 && b.y1 > b.y0)
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

static fm_status cut_crops(const fm_session *session, const fm_image *image,
                           const fmi_candidate *candidates, size_t n, int32_t side, float *crops,
                           fm_error *err)
{
    size_t plane = (size_t)side * (size_t)side;
    fm_status status = FM_OK;
    for (size_t i = 0; i < n && status == FM_OK; i++) {
        box b = visible_box(&candidates[i], image);
        fmi_planes planes =
            fmi_detector_planes(session, crops + 3 * plane * i, plane, (size_t)side);
        status = fmi_image_area_planes(image, b.x0, b.y0, b.x1, b.y1, side, side, &planes, err);
    }
    return status;
}

/* The points are fractions of the crop: 0 is its left (top) edge. */
static void read_points(fmi_candidate *c, const fm_image *image, const float *out)
{
    box b = visible_box(c, image);
    for (int i = 0; i < 5; i++) {
        c->points[2 * i] = (float)b.x0 + out[FIRST_POINT + i] * (float)(b.x1 - b.x0);
        c->points[2 * i + 1] = (float)b.y0 + out[FIRST_POINT + 5 + i] * (float)(b.y1 - b.y0);
    }
}

/* Keep the candidates that the stage believes in. */
static fm_status read_outputs(const stage *s, const fm_image *image, const fmi_candidate *from,
                              const float *outputs, size_t n, fmi_candidates *kept, fm_error *err)
{
    fm_status status = FM_OK;
    for (size_t i = 0; i < n && status == FM_OK; i++, outputs += s->outputs) {
        fmi_candidate c = from[i];
        if (!(outputs[0] > s->threshold))
            continue;
        c.score = outputs[0];
        memcpy(c.shift, outputs + 1, sizeof c.shift);
        if (s->outputs > FIRST_POINT)
            read_points(&c, image, outputs);
        status = fmi_candidates_add(kept, &c, FMI_BOXES_MOST, err);
    }
    return status;
}

static fm_status run_in_groups(const fm_session *session, const fm_image *image, const stage *s,
                               const fmi_candidates *list, float *crops, fmi_candidates *kept,
                               fm_error *err)
{
    const int64_t shape[3] = {3, s->side, s->side};
    float outputs[CROPS_AT_ONCE * OUTPUTS_MOST];
    fm_status status = FM_OK;
    for (size_t i = 0; i < list->count && status == FM_OK; i += CROPS_AT_ONCE) {
        const fmi_candidate *from = list->items + i;
        size_t n = list->count - i < CROPS_AT_ONCE ? list->count - i : CROPS_AT_ONCE;
        status = cut_crops(session, image, from, n, s->side, crops, err);
        if (status == FM_OK)
            status = fmi_model_run_items(session->detector, s->part, session->options.threads,
                                         crops, n, shape, outputs, s->outputs, err);
        if (status == FM_OK)
            status = read_outputs(s, image, from, outputs, n, kept, err);
    }
    return status;
}

/* Replace the list by those that pass the stage. */
static fm_status run_stage(const fm_session *session, const fm_image *image, const stage *s,
                           fmi_candidates *list, fm_error *err)
{
    fmi_candidates kept = {NULL, 0, 0};
    size_t group = list->count < CROPS_AT_ONCE ? list->count : CROPS_AT_ONCE;
    size_t size = group * 3 * (size_t)s->side * (size_t)s->side * sizeof(float);
    float *crops = fmi_alloc(size);
    fm_status status =
        crops ? run_in_groups(session, image, s, list, crops, &kept, err) : fmi_fail_memory(err);
    if (crops)
        fmi_free_wiped(crops, size);
    fmi_candidates_dispose(list);
    *list = kept;
    return status;
}

/* Move the corners as the network said; from the second stage on the last pixel counts. */
static void apply_shifts(fmi_candidates *list)
{
    for (size_t i = 0; i < list->count; i++) {
        fmi_candidate *c = &list->items[i];
        float width = c->right - c->left + 1, height = c->bottom - c->top + 1;
        c->left += c->shift[0] * width;
        c->top += c->shift[1] * height;
        c->right += c->shift[2] * width;
        c->bottom += c->shift[3] * height;
    }
}

static fm_status refine(const fm_session *session, const fm_image *image, fmi_candidates *list,
                        fm_error *err)
{
    const fmi_manifest *m = &session->detector->manifest;
    const stage second = {session->rnet, 24, 5, (float)m->detector.thresholds[1]};
    const stage third = {session->onet, 48, 15, (float)m->detector.thresholds[2]};
    fm_status status;
    drop_invisible(list, image);
    status = run_stage(session, image, &second, list, err);
    if (status != FM_OK)
        return status;
    fmi_candidates_thin(list, m->detector.nms[1], FMI_OVERLAP_UNION);
    apply_shifts(list);
    fmi_candidates_square(list);
    drop_invisible(list, image);
    status = run_stage(session, image, &third, list, err);
    if (status != FM_OK)
        return status;
    apply_shifts(list);
    fmi_candidates_thin(list, m->detector.nms[2], FMI_OVERLAP_SMALLER);
    return FM_OK;
}

static fm_face to_face(const fmi_candidate *c)
{
    fm_face face;
    face.x = c->left;
    face.y = c->top;
    face.width = c->right - c->left;
    face.height = c->bottom - c->top;
    face.score = c->score;
    memcpy(face.points, c->points, sizeof face.points);
    return face;
}

/* Faces that the session wants, in its order. */
static fm_status choose_faces(const fm_session *session, const fm_image *image,
                              const fmi_candidates *list, fm_face **faces, size_t *count,
                              fm_error *err)
{
    size_t most = (size_t)session->options.max_faces, n = 0;
    fm_face *found = list->count > 0 ? fmi_alloc_array(list->count, sizeof *found) : NULL;
    if (list->count > 0 && !found)
        return fmi_fail_memory(err);
    for (size_t i = 0; i < list->count; i++) {
        fm_face face = to_face(&list->items[i]);
        if (face.score >= session->options.min_score && face.width > 0 && face.height > 0)
            found[n++] = face;
    }
    if (n == 0) {
        fmi_free(found);
        found = NULL;
    }
    fmi_faces_sort(found, n, session->options.selection, image);
    *faces = found;
    *count = n < most ? n : most;
    return FM_OK;
}

fm_status fmi_detect(fm_session *session, const fm_image *image, fm_face **faces, size_t *count,
                     fm_error *err)
{
    fmi_candidates list = {NULL, 0, 0};
    fm_face *found = NULL;
    size_t n = 0;
    fm_status status = fmi_session_need_detector(session, err);
    if (status == FM_OK)
        status = fmi_propose(session, image, &list, err);
    if (status == FM_OK)
        status = refine(session, image, &list, err);
    if (status == FM_OK)
        status = choose_faces(session, image, &list, &found, &n, err);
    fmi_candidates_dispose(&list);
    if (status == FM_OK && session->detector->manifest.detector.second_look)
        status = fmi_points_again(session, image, found, n, err);
    if (status != FM_OK) {
        fmi_free(found);
        return status;
    }
    *faces = found;
    *count = n;
    return FM_OK;
}
