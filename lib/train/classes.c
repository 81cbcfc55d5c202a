/* The loss of a liveness network: cross entropy of its softmax where the class is known, and of the
 * sum over all classes but "live" where it is only known to be an attack. */
#include "core/error.h"
#include "train/loss.h"
#include <math.h>
#include <string.h>

/* One row of logits. One class alone is that of a sigmoid, as if there were another with logit 0.
 */
typedef struct row {
    const float *logits;
    size_t classes, live;
    int32_t label;
} row;

/* Is the class one that the label allows? `classes` stands for the other one of a sigmoid. */
static bool allowed(const row *r, size_t k)
{
    return r->label == FMI_CLASS_ATTACK ? k != r->live : k == (size_t)r->label;
}

static double logit(const row *r, size_t k)
{
    return k < r->classes ? (double)r->logits[k] : 0;
}

/* The largest logit is taken off first: exp overflows above 709. */
static double loss_of_row(const row *r, size_t n, float *gradient, int64_t *wrong)
{
    size_t classes = r->classes == 1 ? 2 : r->classes, top = 0, best = SIZE_MAX;
    double sum = 0, own = 0;
    for (size_t k = 0; k < classes; k++) {
        top = logit(r, k) > logit(r, top) ? k : top;
        if (allowed(r, k) && (best == SIZE_MAX || logit(r, k) > logit(r, best)))
            best = k;
    }
    for (size_t k = 0; k < classes; k++) {
        sum += exp(logit(r, k) - logit(r, top));
        own += allowed(r, k) ? exp(logit(r, k) - logit(r, best)) : 0;
    }
    for (size_t k = 0; k < r->classes; k++) {
        double p = exp(logit(r, k) - logit(r, top)) / sum;
        double q = allowed(r, k) ? exp(logit(r, k) - logit(r, best)) / own : 0;
        gradient[k] = (float)((p - q) / (double)n);
    }
    *wrong += !allowed(r, top);
    return log(sum) + logit(r, top) - log(own) - logit(r, best);
}

static fm_status check_labels(const int32_t *labels, size_t n, size_t classes, fm_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (labels[i] < FMI_CLASS_ATTACK || labels[i] >= (int32_t)classes)
            return fmi_fail(err, FM_E_INVALID_ARGUMENT, "label %d is not one of %zu classes",
                            (int)labels[i], classes);
    return FM_OK;
}

fm_status fmi_loss_liveness(const float *logits, const int32_t *labels, size_t n, size_t classes,
                            int32_t live, float *gradient, fmi_loss_figures *figures, fm_error *err)
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
        const row r = {logits + i * classes, classes, (size_t)live, labels[i]};
        sum += loss_of_row(&r, n, gradient + i * classes, &figures->active);
    }
    figures->mined = (int64_t)n;
    figures->loss = n > 0 ? sum / (double)n : 0;
    return FM_OK;
}
