/* Scores of two embeddings, and what a score means. */
#ifndef FMI_METRIC_H
#define FMI_METRIC_H

#include "backend/manifest.h"

/* By the manifest's metric; accumulated in double, rounded once. Both
 * float32[manifest->embedding.dim]. */
float fmi_metric_score(const fmi_manifest *manifest, const float *a, const float *b);

/* calibration.c. extrapolate: below the lowest rate that the calibration can vouch for, the tail
 * (or without one the last decade's line) instead of FM_E_LIMIT. FM_E_STATE without a calibration.
 */
fm_status fmi_calibration_threshold(const fmi_manifest *manifest, double fmr, bool extrapolate,
                                    float *threshold, fm_error *err);
double fmi_calibration_min_fmr(const fmi_calibration *c); /* 0 without a calibration */

/* NaN where the calibration does not tell. The interval of fmr is of 95 %. */
double fmi_calibration_fmr(const fmi_manifest *manifest, float score);
void fmi_calibration_interval(const fmi_manifest *manifest, float score, double *low, double *high);
double fmi_calibration_fnmr(const fmi_manifest *manifest, float score);

#endif
