/* What lies behind the data: a generalised Pareto distribution for the highest impostor scores. */
#ifndef FMI_TAIL_H
#define FMI_TAIL_H

#include "backend/manifest.h"
#include "evaluate/evaluation.h"

/* Of a sorted evaluation, on the metric's scale. out->present is false where there are too few
 * comparisons, or the model does not fit. FM_E_NO_MEMORY. */
fm_status fmi_tail_fit(const fm_evaluation *e, fm_metric metric, fmi_calibration_tail *out,
                       fm_error *err);

#endif
