#include "match/kernel.h"
#include "train/loss.h"
#include <math.h>

bool fmi_loss_begin(fmi_loss_figures *figures, const float *values, size_t count)
{
    bool finite = true;
    for (size_t i = 0; i < count && finite; i++)
        finite = isfinite(values[i]);
    figures->loss = finite ? 0 : NAN;
    figures->mined = figures->active = 0;
    figures->positive_distance = figures->negative_distance = NAN;
    return finite;
}

void fmi_loss_distances(const float *x, const int32_t *labels, size_t n, size_t dim,
                        double *squared, fmi_loss_figures *figures)
{
    double sum[2] = {0, 0}, count[2] = {0, 0}; /* impostor, genuine */
    for (size_t i = 0; i < n; i++) {
        if (squared)
            squared[i * n + i] = 0;
        for (size_t j = i + 1; j < n; j++) {
            double d = fmi_kernel_squared_distance(x + i * dim, x + j * dim, dim);
            if (squared)
                squared[i * n + j] = squared[j * n + i] = d;
            sum[labels[i] == labels[j]] += sqrt(d);
            count[labels[i] == labels[j]]++;
        }
    }
    figures->negative_distance = count[0] > 0 ? sum[0] / count[0] : NAN;
    figures->positive_distance = count[1] > 0 ? sum[1] / count[1] : NAN;
}
