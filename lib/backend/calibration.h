/* The manifest's table of what a score means. */
#ifndef FMI_READ_CALIBRATION_H
#define FMI_READ_CALIBRATION_H

#include "backend/manifest.h"
#include <jansson.h>

/* calibration.tail.of */
#define FMI_TAIL_OF_LOG_ODDS "log-odds"

/* What was read on failure, fmi_manifest_dispose frees. */
fm_status fmi_manifest_read_calibration(fmi_manifest *m, const json_t *root, fm_error *err);

#endif
