/* The figures of fm_face_quality. */
#ifndef FMI_QUALITY_H
#define FMI_QUALITY_H

#include <facematch/quality.h>
#include <stdbool.h>

/* Of a face of an image. FM_E_INVALID_ARGUMENT when its numbers make no sense. */
fm_status fmi_quality_of_face(const fm_image *image, const fm_face *face, fm_face_quality *out,
                              fm_error *err);
/* Of an image that already is a crop: what only a photograph tells is NaN. */
fm_status fmi_quality_of_crop(const fm_image *crop, fm_face_quality *out, fm_error *err);
void fmi_quality_unknown(fm_face_quality *out); /* all NaN */

#endif
