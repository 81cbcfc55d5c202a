/* What an evaluation of presentation attack detection tells, in the terms of ISO/IEC 30107-3. */
#ifndef TOOL_PAD_FIGURES_H
#define TOOL_PAD_FIGURES_H

#include "figures.h"
#include "pad.h"
#include "worst.h"

/* The photographs of one kind; they sum up: live + spoof + uncertain + undetected. */
typedef struct pad_kind {
    size_t count, live, spoof, uncertain, undetected;
    size_t reasons[FM_LIVENESS_REASON_BETWEEN + 1]; /* of those that are uncertain */
    fm_rate apcer;                                  /* of an attack: called live */
    fm_evaluation_report scores; /* of live faces and this kind; eer NaN: cannot */
} pad_kind;

typedef struct pad_figures {
    pad_kind *kinds; /* as those of the set */
    size_t kind_count, worst_kind;
    fm_rate bpcer;       /* live faces that are called attacks */
    fm_rate turned_away; /* live faces that are not called live: what --liveness require refuses */
    double acer;         /* mean of bpcer and the apcer of the worst kind */
    pad_lines *lines;    /* [folds], or one */
    int32_t folds;       /* 0: none */
    size_t uncertain, undetected, unscored;
    /* by scores alone, of the photographs that have a usable one */
    fm_evaluation *comparisons;
    figures scores;
    worst worst;
} pad_figures;

/* The verdict that counts: with folds, by the lines from the others. */
fm_liveness_verdict pad_verdict(const pad_figures *f, const pad_photo *photo);

/* False: reported. */
bool pad_figures_compute(pad_figures *f, const pad_set *p, const options *opts);
json_t *pad_figures_json(const pad_figures *f, const pad_set *p);
void pad_figures_print(const pad_figures *f, const pad_set *p);
void pad_figures_free(pad_figures *f);

#endif
