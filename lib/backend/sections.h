/* Parts of fmi_manifest_parse that stand in files of their own. What was read on failure,
 * fmi_manifest_dispose frees. */
#ifndef FMI_SECTIONS_H
#define FMI_SECTIONS_H

#include "backend/manifest.h"
#include <jansson.h>

/* manifest.c: the section "input" of an object */
fm_status fmi_manifest_read_input(fmi_input *out, const json_t *object, fm_error *err);
/* manifest.c: the field "part" of an entry, a name of 1 to 63 characters */
fm_status fmi_manifest_read_part(char out[64], const json_t *entry, fm_error *err);

/* liveness.c: the nets of a liveness model, and their calibration */
fm_status fmi_manifest_read_liveness(fmi_manifest *m, const json_t *root, fm_error *err);
fm_status fmi_manifest_read_pad(fmi_pad_calibration *out, const json_t *section, fm_error *err);

#endif
