/* Measuring the points of found faces again.
 *
 * The last stage sees a face where the stage before took it to be, often off its centre, and its
 * points are a few hundredths of the eye distance off. Seen again in the square about the box that
 * was found, once as it is and once mirrored, the points are surer: their mean is taken. */
#include "core/error.h"
#include "core/memory.h"
#include "face/detect.h"
#include <math.h>
#include <string.h>

enum { LOOKS = 2, FACES_AT_ONCE = 16, SIDE = 48, OUTPUTS = 15, FIRST_POINT = 5 };

static const size_t PLANES = (size_t)3 * SIDE * SIDE;

/* From the crop to the image; the second look is mirrored. */
static void crop_map(const fm_face *face, int look, double m[6])
{
    double side = fmax(face->width, face->height), step = side / SIDE;
    memset(m, 0, 6 * sizeof *m);
    m[0] = look == 0 ? step : -step;
    m[2] = face->x + face->width / 2.0 - SIDE / 2.0 * m[0];
    m[4] = step;
    m[5] = face->y + face->height / 2.0 - SIDE / 2.0 * m[4];
}

/* A box beyond all measure is no place to look at. */
static bool can_look(const fm_face *face, const fm_image *image)
{
    float longest = (float)(image->width > image->height ? image->width : image->height);
    return face->width < 2 * longest && face->height < 2 * longest &&
           fabsf(face->x) < 2 * longest && fabsf(face->y) < 2 * longest;
}

static fm_status cut_crop(const fm_session *session, const fm_image *image, const double m[6],
                          float *planes, fm_error *err)
{
    fmi_planes to = fmi_detector_planes(session, planes, (size_t)SIDE * SIDE, SIDE);
    fm_image *crop = NULL;
    fm_status status = fmi_image_warp(&crop, image, m, SIDE, SIDE, false, err);
    if (status == FM_OK)
        fmi_image_to_planes(crop, &to);
    fmi_image_free(crop);
    return status;
}

/* The mean over both looks; nothing changes where one of them sees no face. */
static fm_status read_looks(fm_face *face, const float *outputs, double threshold, fm_error *err)
{
    static const int mirrored[FM_POINT_COUNT] = {1, 0, 2, 4, 3};
    double sum[2 * FM_POINT_COUNT] = {0}, m[6];
    for (int look = 0; look < LOOKS; look++, outputs += OUTPUTS) {
        if (!(outputs[0] > threshold))
            return FM_OK;
        crop_map(face, look, m);
        for (int i = 0; i < FM_POINT_COUNT; i++) {
            int from = look == 0 ? i : mirrored[i];
            double x = outputs[FIRST_POINT + from], y = outputs[FIRST_POINT + 5 + from];
            sum[2 * i] += m[0] * SIDE * x + m[2];
            sum[2 * i + 1] += m[4] * SIDE * y + m[5];
        }
    }
    for (int i = 0; i < 2 * FM_POINT_COUNT; i++)
        if (!isfinite(sum[i]))
            return fmi_fail(err, FM_E_BACKEND, "the detector gave a value that is not finite");
    for (int i = 0; i < 2 * FM_POINT_COUNT; i++)
        face->points[i] = (float)(sum[i] / LOOKS);
    return FM_OK;
}

static fm_status look_at_some(const fm_session *session, const fm_image *image,
                              fm_face *const *some, size_t n, float *crops, fm_error *err)
{
    const int64_t shape[3] = {3, SIDE, SIDE};
    double threshold = session->detector->manifest.detector.thresholds[2], m[6];
    float outputs[FACES_AT_ONCE * LOOKS * OUTPUTS];
    fm_status status = FM_OK;
    for (size_t i = 0; i < LOOKS * n && status == FM_OK; i++) {
        crop_map(some[i / LOOKS], (int)(i % LOOKS), m);
        status = cut_crop(session, image, m, crops + PLANES * i, err);
    }
    if (status == FM_OK)
        status = fmi_model_run_items(session->detector, session->onet, session->options.threads,
                                     crops, LOOKS * n, shape, outputs, OUTPUTS, err);
    for (size_t i = 0; i < n && status == FM_OK; i++)
        status = read_looks(some[i], outputs + LOOKS * OUTPUTS * i, threshold, err);
    return status;
}

fm_status fmi_points_again(const fm_session *session, const fm_image *image, fm_face *faces,
                           size_t count, fm_error *err)
{
    size_t group = count < FACES_AT_ONCE ? count : FACES_AT_ONCE, n = 0;
    size_t size = group * LOOKS * PLANES * sizeof(float);
    fm_face *some[FACES_AT_ONCE];
    fm_status status = FM_OK;
    float *crops;
    if (count == 0)
        return FM_OK;
    crops = fmi_alloc(size);
    if (!crops)
        return fmi_fail_memory(err);
    for (size_t i = 0; i < count && status == FM_OK; i++) {
        if (can_look(&faces[i], image))
            some[n++] = &faces[i];
        if (n > 0 && (n == group || i + 1 == count)) {
            status = look_at_some(session, image, some, n, crops, err);
            n = 0;
        }
    }
    fmi_free_wiped(crops, size);
    return status;
}
