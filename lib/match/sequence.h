/* Several frames of one attempt. */
#ifndef FMI_SEQUENCE_H
#define FMI_SEQUENCE_H

#include "face/liveness.h"

/* options as read by fmi_options_read */
fm_status fmi_sequence_create(fm_liveness_sequence **out, const fm_session *session,
                              const fm_liveness_sequence_options *options, fm_error *err);
/* result: what the frame says alone */
fm_status fmi_sequence_add(fm_liveness_sequence *sequence, fm_session *session,
                           const fm_image *image, const fm_face *face, fm_liveness_result *result,
                           fm_error *err);
void fmi_sequence_result(const fm_liveness_sequence *sequence, fm_liveness_fusion *out);
void fmi_sequence_free(fm_liveness_sequence *sequence);

#endif
