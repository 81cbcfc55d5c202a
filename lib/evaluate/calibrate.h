/* From an experiment to the manifest's calibration. */
#ifndef FMI_CALIBRATE_H
#define FMI_CALIBRATE_H

#include "evaluate/evaluation.h"
#include <jansson.h>

/* A JSON object as docs/models.md has it, NUL-terminated, of *size bytes without the NUL; free it
 * with fmi_free. FM_E_STATE: too few comparisons for two points; FM_E_NO_MEMORY. */
fm_status fmi_calibrate(const fm_evaluation *e, const char *dataset, char **out, size_t *size,
                        fm_error *err);
/* pad.c: the same of a liveness model; kinds: 0 for live faces, else the kind of attack */
fm_status fmi_pad_calibrate(const float *scores, const int32_t *kinds, size_t n,
                            const char *dataset, char **out, size_t *size, fm_error *err);
/* calibrate.c: the object's text, as for fmi_calibrate */
fm_status fmi_calibration_dump(const json_t *object, char **out, size_t *size, fm_error *err);

#endif
