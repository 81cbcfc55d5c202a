#include "core/error.h"
#include "core/memory.h"
#include "face/session.h"
#include "image/image.h"

typedef struct ordering {
    fm_selection rule;
    double centre_x, centre_y; /* of the image */
} ordering;

/* Grows with preference. */
static double preference(const ordering *order, const fm_face *face)
{
    double dx = face->x + face->width / 2.0 - order->centre_x;
    double dy = face->y + face->height / 2.0 - order->centre_y;
    switch (order->rule) {
    case FM_SELECT_MOST_CENTRAL:
        return -(dx * dx + dy * dy);
    case FM_SELECT_HIGHEST_SCORE:
        return face->score;
    default:
        return (double)face->width * face->height;
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
    const ordering order = {rule, image->width / 2.0, image->height / 2.0};
    for (size_t i = count / 2; i > 0; i--)
        sink(&order, faces, i - 1, count);
    for (size_t i = count; i > 1; i--) {
        swap(&faces[0], &faces[i - 1]);
        sink(&order, faces, 0, i - 1);
    }
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
    if (count == 0)
        return fmi_fail(err, FM_E_NOT_FOUND,
                        "no face of at least %d px found in the image of %dx%d px",
                        session->options.min_face_px, image->width, image->height);
    return FM_OK;
}
