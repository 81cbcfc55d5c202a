/* The two halves of detection: proposals from the whole image, and their refinement. */
#ifndef FMI_DETECT_H
#define FMI_DETECT_H

#include "face/candidates.h"
#include "face/session.h"
#include "image/image.h"

/* Windows of the first stage that are remembered, and boxes that go into each of the next two; of
 * more, the best are kept. Beyond any real picture: they bound time and memory. */
enum { FMI_WINDOWS_MOST = 32768, FMI_BOXES_MOST = 16384 };

/* Planes as the detector's manifest wants them. */
fmi_planes fmi_detector_planes(const fm_session *session, float *out, size_t plane_stride,
                               size_t row_stride);

/* propose.c: the first stage. `list` must be empty; after a failure it still must be disposed of.
 */
fm_status fmi_propose(fm_session *session, const fm_image *image, fmi_candidates *list,
                      fm_error *err);

/* points.c: measure the faces' points once more, each face at the place where it was found */
fm_status fmi_points_again(const fm_session *session, const fm_image *image, fm_face *faces,
                           size_t count, fm_error *err);

#endif
