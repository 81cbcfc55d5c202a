/* Cross entropy of a softmax where the class is known, and for a liveness network of the sum over
 * all classes but "live" where it is only known to be an attack. */
#include "core/error.h"
#include "train/loss.h"
#include <math.h>
#include <string.h>

enum { NO_CLASS = -1 };

/* What goes for all rows. One class alone of a liveness network is that of a sigmoid, as if there
 * were another with logit 0. */
typedef struct task {
    size_t n, classes;
    int32_t live; /* NO_CLASS: people, not liveness */
} task;

typedef struct row {
    const task *of;
    const float *logits;
    int32_t label;
} row;

/* Is the class one that the label allows? `classes` stands for the other one of a sigmoid. */
static bool allowed(const row *r, size_t k)
{
    return r->label == FMI_CLASS_ATTACK ? k != (size_t)r->of->live : k == (size_t)r->label;
}

static double logit(const row *r, size_t k)
{
    return k < r->of->classes ? (double)r->logits[k] : 0;
}

/* -log of the probability of what the label allows; the gradient of that, divided by n. The largest
 * logit, of ties the lowest class, is taken off first: exp overflows above 709. */
static double loss_of_row(const row *r, float *gradient, int64_t *wrong)
{
    const task *t = r->of;
    size_t classes = t->classes == 1 && t->live != NO_CLASS ? 2 : t->classes, top = 0,
           best = SIZE_MAX;
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
    for (size_t k = 0; k < t->classes; k++) {
        double p = exp(logit(r, k) - logit(r, top)) / sum;
        double q = allowed(r, k) ? exp(logit(r, k) - logit(r, best)) / own : 0;
        gradient[k] = (float)((p - q) / (double)t->n);
    }
    *wrong += !allowed(r, top);
    return log(sum) + logit(r, top) - log(own) - logit(r, best);
}

static fm_status check_labels(const task *t, const int32_t *labels, fm_error *err)
{
    int32_t lowest = t->live == NO_CLASS ? 0 : FMI_CLASS_ATTACK;
    for (size_t i = 0; i < t->n; i++)
        if (labels[i] < lowest || labels[i] >= (int64_t)t->classes)
            return fmi_fail(err, FM_E_INVALID_ARGUMENT, "label %d is not one of %zu classes",
                            (int)labels[i], t->classes);
    return FM_OK;
}

static fm_status cross_entropy(const task *t, const float *logits, const int32_t *labels,
                               float *gradient, fmi_loss_figures *figures, fm_error *err)
{
    fm_status status = check_labels(t, labels, err);
    double sum = 0;
    if (status != FM_OK)
        return status;
    if (!fmi_loss_begin(figures, logits, t->n * t->classes)) {
        memset(gradient, 0, t->n * t->classes * sizeof *gradient);
        return FM_OK;
    }
    for (size_t i = 0; i < t->n; i++) {
        const row r = {t, logits + i * t->classes, labels[i]};
        sum += loss_of_row(&r, gradient + i * t->classes, &figures->active);
    }
    figures->mined = (int64_t)t->n;
    figures->loss = t->n > 0 ? sum / (double)t->n : 0;
    return FM_OK;
}

fm_status fmi_loss_softmax(const float *logits, const int32_t *labels, size_t n, size_t classes,
                           float *gradient, fmi_loss_figures *figures, fm_error *err)
{
    const task t = {n, classes, NO_CLASS};
    return cross_entropy(&t, logits, labels, gradient, figures, err);
}

fm_status fmi_loss_liveness(const float *logits, const int32_t *labels, size_t n, size_t classes,
                            int32_t live, float *gradient, fmi_loss_figures *figures, fm_error *err)
{
    const task t = {n, classes, live};
    return cross_entropy(&t, logits, labels, gradient, figures, err);
}
