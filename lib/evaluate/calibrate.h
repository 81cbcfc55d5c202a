/* From an experiment to the manifest's calibration. */
#ifndef FMI_CALIBRATE_H
#define FMI_CALIBRATE_H

#include "evaluate/evaluation.h"
#include <jansson.h>

/* metric: of the scores, 0: not known; decides the scale of the tail. A JSON object as
 * docs/models.md has it, NUL-terminated, of *size bytes without the NUL; free it with fmi_free.
 * FM_E_STATE: too few comparisons for two points; FM_E_NO_MEMORY. */
fm_status fmi_calibrate(const fm_evaluation *e, fm_metric metric, const char *dataset, char **out,
                        size_t *size, fm_error *err);
/* pad.c: the same of a liveness model; kinds: 0 for live faces, else the kind of attack */
fm_status fmi_pad_calibrate(const float *scores, const int32_t *kinds, size_t n,
                            const char *dataset, char **out, size_t *size, fm_error *err);

#endif
