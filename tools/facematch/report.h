/* One page that shows an evaluation to people, and its twin for machines. */
#ifndef TOOL_REPORT_H
#define TOOL_REPORT_H

#include <stdio.h>

#include "figures.h"
#include "groups.h"
#include "worst.h"

typedef struct report {
    const char *title;
    const char *summary; /* one sentence: what was compared */
    const context *ctx;
    const faces *f;
    fm_evaluation *comparisons;
    const figures *figures;
    const worst *worst;
    const groups *groups; /* or NULL */
    float groups_threshold;
    bool identification; /* FPIR and FNIR stand in the place of FMR and FNMR */
    const double *cmc;   /* [ranks]: shares of the known found up to each rank; or NULL */
    size_t ranks;
} report;

/* Whether --report can be written, before any work: ANSWER_YES, or reported. */
int report_check(const options *opts);

/* Write PATH, which ends in .html, and the JSON beside it, which is not taken over; both whole or
 * not at all. False: reported. */
bool report_write(const report *r, const json_t *json);

/* report_charts.c: figures as SVG. */
void report_error_curve(FILE *out, const report *r);
void report_histogram(FILE *out, const report *r);
void report_ranks(FILE *out, const report *r);

/* report_pictures.c: the worst pairs, as crops. */
void report_pictures(FILE *out, const report *r);

#endif
