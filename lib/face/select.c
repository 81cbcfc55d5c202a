#include "core/error.h"
#include "core/memory.h"
#include "face/session.h"
#include "image/image.h"

typedef struct ordering {
    fm_selection rule;
    double width, height; /* of the image */
} ordering;

/* How much of the stretch from `from` on lies within the image. */
static double visible(double from, double length, double image_length)
{
    double begin = from > 0 ? from : 0;
    double end = from + length < image_length ? from + length : image_length;
    return end > begin ? end - begin : 0;
}

/* Of a face that the image's edge cuts off only what is seen counts: its box is a guess, and often
 * larger than that of the face the picture is about. */
double fmi_face_visible_area(const fm_face *face, double width, double height)
{
    return visible(face->x, face->width, width) * visible(face->y, face->height, height);
}

/* Grows with preference. */
static double preference(const ordering *order, const fm_face *face)
{
    double dx = face->x + face->width / 2.0 - order->width / 2;
    double dy = face->y + face->height / 2.0 - order->height / 2;
    switch (order->rule) {
    case FM_SELECT_MOST_CENTRAL:
        return -(dx * dx + dy * dy);
    case FM_SELECT_HIGHEST_SCORE:
        return face->score;
    case FM_SELECT_LARGEST:
        return fmi_face_visible_area(face, order->width, order->height);
    default: /* FM_SELECT_PROMINENT: nothing is left of a square whose edge is at the centre */
        return fmi_face_visible_area(face, order->width, order->height) - 4 * (dx * dx + dy * dy);
    }
}

static int goes_before(const ordering *order, const fm_face *a, const fm_face *b)
{
    double left = preference(order, a), right = preference(order, b);
    if (left != right)
        return left > right;
    if (a->score != b->score)
        return a->score > b->score;
    if (a->y != b->y)
        return a->y < b->y;
    return a->x < b->x;
}

static void swap(fm_face *a, fm_face *b)
{
    fm_face kept = *a;
    *a = *b;
    *b = kept;
}

/* Sink the face at `root` until no face below it in the heap goes after it. */
static void sink(const ordering *order, fm_face *faces, size_t root, size_t count)
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && goes_before(order, &faces[child], &faces[child + 1]))
            child++;
        if (!goes_before(order, &faces[root], &faces[child]))
            return;
        swap(&faces[root], &faces[child]);
    }
}

/* A heap sort: qsort has no way to hand the rule to its comparison. */
void fmi_faces_sort(fm_face *faces, size_t count, fm_selection rule, const fm_image *image)
{
    const ordering order = {rule, image->width, image->height};
    for (size_t i = count / 2; i > 0; i--)
        sink(&order, faces, i - 1, count);
    for (size_t i = count; i > 1; i--) {
        swap(&faces[0], &faces[i - 1]);
        sink(&order, faces, 0, i - 1);
    }
}

fm_status fmi_face_none(const fm_session *session, const fm_image *image, fm_error *err)
{
    return fmi_fail(err, FM_E_NOT_FOUND, "no face of at least %d px found in the image of %dx%d px",
                    session->options.min_face_px, image->width, image->height);
}

fm_status fmi_face_choose(fm_session *session, const fm_image *image, fm_face *chosen,
                          size_t *face_count, fm_error *err)
{
    fm_face *faces = NULL;
    size_t count = 0;
    fm_status status = fmi_detect(session, image, &faces, &count, err);
    if (status != FM_OK)
        return status;
    if (count > 0)
        *chosen = faces[0];
    fmi_free(faces);
    *face_count = count;
    return count > 0 ? FM_OK : fmi_face_none(session, image, err);
}
