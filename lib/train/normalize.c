#include "match/kernel.h"
#include "train/loss.h"
#include <math.h>

/* 0 for what has no direction: the embedder refuses it, training leaves it as it is. */
static double length_of(const float *x, size_t dim)
{
    double length = fmi_kernel_norm(x, dim);
    return isfinite(length) ? length : 0;
}

void fmi_normalize_rows(const float *x, size_t n, size_t dim, float *y)
{
    for (size_t i = 0; i < n; i++, x += dim, y += dim) {
        double length = length_of(x, dim);
        for (size_t k = 0; k < dim; k++)
            y[k] = length > 0 ? (float)((double)x[k] / length) : x[k];
    }
}

/* With u = x / |x|: dL/dx = (dL/dy - u (u dL/dy)) / |x|. */
void fmi_normalize_gradient(const float *x, size_t n, size_t dim, float *dy)
{
    for (size_t i = 0; i < n; i++, x += dim, dy += dim) {
        double length = length_of(x, dim);
        double along = length > 0 ? fmi_kernel_dot(x, dy, dim) / length : 0;
        for (size_t k = 0; k < dim; k++) {
            double across = length > 0 ? (double)dy[k] - (double)x[k] / length * along : 0;
            dy[k] = length > 0 ? (float)(across / length) : 0;
        }
    }
}
