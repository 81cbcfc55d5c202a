#include "core/error.h"
#include "train/loss.h"
#include <math.h>
#include <string.h>

/* The largest of a row; ties: the lowest class. */
static size_t largest(const float *row, size_t classes)
{
    size_t best = 0;
    for (size_t k = 1; k < classes; k++)
        if (row[k] > row[best])
            best = k;
    return best;
}

/* -log of the label's probability; the gradient of that, divided by n. The largest logit is taken
 * off first: exp overflows above 709. */
static double loss_of_row(const float *row, size_t label, size_t classes, size_t top, size_t n,
                          float *gradient)
{
    double sum = 0, most = (double)row[top];
    for (size_t k = 0; k < classes; k++)
        sum += exp((double)row[k] - most);
    for (size_t k = 0; k < classes; k++) {
        double p = exp((double)row[k] - most) / sum;
        gradient[k] = (float)((p - (k == label)) / (double)n);
    }
    return log(sum) - ((double)row[label] - most);
}

static fm_status check_labels(const int32_t *labels, size_t n, size_t classes, fm_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (labels[i] < 0 || (size_t)labels[i] >= classes)
            return fmi_fail(err, FM_E_INVALID_ARGUMENT, "label %d is not one of %zu classes",
                            (int)labels[i], classes);
    return FM_OK;
}

fm_status fmi_loss_softmax(const float *logits, const int32_t *labels, size_t n, size_t classes,
                           float *gradient, fmi_loss_figures *figures, fm_error *err)
{
    fm_status status = check_labels(labels, n, classes, err);
    double sum = 0;
    if (status != FM_OK)
        return status;
    if (!fmi_loss_begin(figures, logits, n * classes)) {
        memset(gradient, 0, n * classes * sizeof *gradient);
        return FM_OK;
    }
    for (size_t i = 0; i < n; i++) {
        const float *row = logits + i * classes;
        size_t label = (size_t)labels[i], top = largest(row, classes);
        sum += loss_of_row(row, label, classes, top, n, gradient + i * classes);
        figures->active += top != label;
    }
    figures->mined = (int64_t)n;
    figures->loss = n > 0 ? sum / (double)n : 0;
    return FM_OK;
}
