/* The arithmetic under the metrics, for those who compare one vector with many. */
#ifndef FMI_KERNEL_H
#define FMI_KERNEL_H

#include "backend/manifest.h"

/* Accumulated in double. */
double fmi_kernel_dot(const float *a, const float *b, size_t n);
double fmi_kernel_norm(const float *a, size_t n);
double fmi_kernel_squared_distance(const float *a, const float *b, size_t n);

/* Accumulated in float32, for a first look: as long as 1e-25 < |a||b| < 1e37 it differs from the
 * true product by at most fmi_kernel_dot_error(n) * |a||b|. */
float fmi_kernel_dot_fast(const float *a, const float *b, size_t n);
double fmi_kernel_dot_error(size_t n);

/* fmi_metric_score where the norms are known already; the same result to the bit. */
float fmi_metric_score_normed(const fmi_manifest *manifest, const float *a, double norm_a,
                              const float *b, double norm_b);

#endif
