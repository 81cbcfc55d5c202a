#include "match/metric.h"
#include "match/kernel.h"
#include <float.h>
#include <math.h>

/* Sums run in LANES interleaved parts: compilers may not reorder a sum of floating-point numbers,
 * so this is what lets them use vector registers. */
enum { LANES = 8, FAST_LANES = 16 };

static double sum_lanes(const double lane[LANES])
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

double fmi_kernel_dot(const float *a, const float *b, size_t n)
{
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += (double)a[i + j] * b[i + j];
    for (size_t j = 0; i < n; i++, j++)
        lane[j] += (double)a[i] * b[i];
    return sum_lanes(lane);
}

double fmi_kernel_norm(const float *a, size_t n)
{
    return sqrt(fmi_kernel_dot(a, a, n));
}

float fmi_kernel_dot_fast(const float *a, const float *b, size_t n)
{
    float lane[FAST_LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + FAST_LANES <= n; i += FAST_LANES)
        for (size_t j = 0; j < FAST_LANES; j++)
            lane[j] += a[i + j] * b[i + j];
    for (size_t j = 0; i < n; i++, j++)
        lane[j] += a[i] * b[i];
    for (size_t j = 0; j < FAST_LANES; j++)
        sum += lane[j];
    return sum;
}

double fmi_kernel_dot_error(size_t n)
{
    /* Each product passes at most n / FAST_LANES + FAST_LANES + 1 roundings of 2^-24 (Higham 2002,
     * Accuracy and Stability of Numerical Algorithms, sec. 3.1, and sum |a_i b_i| <= |a||b|);
     * doubled, which covers the terms of higher order for any n up to 2^20. */
    return 2.0 * ((double)n / FAST_LANES + FAST_LANES + 2) * 0x1p-24;
}

double fmi_kernel_squared_distance(const float *a, const float *b, size_t n)
{
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++) {
            double d = (double)a[i + j] - b[i + j];
            lane[j] += d * d;
        }
    for (size_t j = 0; i < n; i++, j++) {
        double d = (double)a[i] - b[i];
        lane[j] += d * d;
    }
    return sum_lanes(lane);
}

/* The features are those of a rectified layer, so a_i + b_i is |a_i| + |b_i|. Written with the
 * latter, a stray negative value cannot turn the distance round. Where both are 0 they agree. */
static double chi_squared(const float *w, const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)a[i] - b[i], s = fabs((double)a[i]) + fabs((double)b[i]);
        if (s > 0)
            sum += w[i] * d * d / s;
    }
    return sum;
}

static double siamese(const float *w, double bias, const float *a, const float *b, size_t n)
{
    double sum = bias;
    for (size_t i = 0; i < n; i++)
        sum += w[i] * fabs((double)a[i] - b[i]);
    return 1 / (1 + exp(-sum));
}

/* A vector of zeros has no direction: it is as unlike everything as a right angle is. */
static double cosine(double dot, double norm_a, double norm_b)
{
    double c = norm_a > 0 && norm_b > 0 ? dot / (norm_a * norm_b) : 0;
    return c > 1 ? 1 : c < -1 ? -1 : c;
}

/* Rounded once. A score is finite whatever the vectors. */
static float to_score(double value)
{
    return value > FLT_MAX ? FLT_MAX : value < -FLT_MAX ? -FLT_MAX : (float)value;
}

float fmi_metric_score_normed(const fmi_manifest *manifest, const float *a, double norm_a,
                              const float *b, double norm_b)
{
    size_t n = (size_t)manifest->embedding.dim;
    switch (manifest->metric) {
    case FM_METRIC_COSINE:
        return to_score(cosine(fmi_kernel_dot(a, b, n), norm_a, norm_b));
    case FM_METRIC_EUCLIDEAN:
        return to_score(-sqrt(fmi_kernel_squared_distance(a, b, n)));
    case FM_METRIC_SQEUCLIDEAN:
        return to_score(-fmi_kernel_squared_distance(a, b, n));
    case FM_METRIC_INNER_PRODUCT:
        return to_score(fmi_kernel_dot(a, b, n));
    case FM_METRIC_CHI_SQUARED:
        return to_score(-chi_squared(manifest->metric_weights, a, b, n));
    default:
        return to_score(siamese(manifest->metric_weights, manifest->metric_bias, a, b, n));
    }
}

float fmi_metric_score(const fmi_manifest *manifest, const float *a, const float *b)
{
    size_t n = (size_t)manifest->embedding.dim;
    if (manifest->metric != FM_METRIC_COSINE)
        return fmi_metric_score_normed(manifest, a, 0, b, 0);
    return fmi_metric_score_normed(manifest, a, fmi_kernel_norm(a, n), b, fmi_kernel_norm(b, n));
}
