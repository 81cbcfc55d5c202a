/* One page that shows an evaluation to people, and its twin for machines. */
#ifndef TOOL_REPORT_H
#define TOOL_REPORT_H

#include <stdio.h>

#include "figures.h"
#include "groups.h"
#include "pad_figures.h"
#include "worst.h"

/* What is compared with what, and what the two errors are called. */
typedef struct report_words {
    const char *match, *miss;           /* "FMR", "FNMR" */
    const char *curve_key;              /* of the twin */
    const char *match_axis, *miss_axis; /* of the curve */
    const char *accepted;               /* a share, "of genuine pairs accepted at" */
    const char *negative, *positive;    /* labels in the histogram */
    const char *curve, *histogram;      /* what they show, for who cannot see it */
    const char *histogram_caption;
    const char *worst_negative, *worst_negative_note;
    const char *worst_positive, *worst_positive_note;
    const char *definitions; /* of the two errors, and what is left out */
    const char *standard;    /* whose terms they are */
} report_words;

extern const report_words REPORT_VERIFICATION, REPORT_VERIFICATION_WITH_FAILURES,
    REPORT_IDENTIFICATION, REPORT_PAD;

typedef struct report {
    const char *title;
    const report_words *words;
    const char *summary; /* one sentence: what was compared */
    const context *ctx;
    const faces *f;     /* or, of PAD, */
    const pad_set *pad; /* else NULL */
    const pad_figures *pad_figures;
    fm_evaluation *comparisons;
    const figures *figures;
    const worst *worst;
    const groups *groups; /* or NULL */
    float groups_threshold;
    const double *cmc; /* [ranks]: shares of the known found up to each rank; or NULL */
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

/* report_pictures.c: the worst pairs, or photographs, as crops. */
void report_pictures(FILE *out, const report *r);

/* report_pad.c: what a page about PAD has in the place of the others' parts. */
void report_pad_tiles(FILE *out, const report *r);
void report_pad_verdicts(FILE *out, const report *r);

void report_rate(FILE *out, const fm_rate *rate); /* a cell of a table */

#endif
