/* Figures over scored pairs. */
#ifndef FMI_PAIRS_H
#define FMI_PAIRS_H

#include <facematch/evaluate.h>

/* Arguments as in fm_evaluate_pairs, checked already. */
typedef struct fmi_pairs {
    const float *scores;
    const uint8_t *genuine;
    const int32_t *folds; /* or NULL */
    size_t n;
} fmi_pairs;

fm_status fmi_pairs_evaluate(const fmi_pairs *pairs, const double *fars, size_t fars_len,
                             double *tars, fm_pairs_report *report, fm_error *err);

#endif
