/* What the evaluations tell: counts, the equal error rate, operating points. */
#ifndef TOOL_FIGURES_H
#define TOOL_FIGURES_H

#include <facematch/facematch.h>
#include <jansson.h>

#include "context.h"
#include "faces.h"

enum { FIGURES_RATES = 6, FIGURES_CURVE = 400 };

/* An operating point, and the rate for which it was sought; told: the data reach that rate. */
typedef struct figures_point {
    double asked;
    bool told;
    fm_operating_point at;
} figures_point;

typedef struct figures {
    fm_evaluation_report report;
    figures_point measured[FIGURES_RATES];   /* the threshold from these comparisons */
    figures_point calibrated[FIGURES_RATES]; /* the threshold from the model's calibration */
} figures;

extern const double FIGURES_ASKED[FIGURES_RATES];
extern const char *const FIGURES_NAMES[FIGURES_RATES]; /* "1e-1" ... */

/* Without a model there are no points of its calibration. With people enrolled, the rates are those
 * of searches among them, of which each comparison has its share. False: reported. */
bool figures_compute(figures *out, fm_evaluation *e, const fm_model *model, size_t enrolled);
fm_evaluation *figures_new(const options *opts); /* with --failures; NULL: reported */

json_t *figures_rate_json(const fm_rate *rate);
json_t *figures_points_json(const figures_point *points, const char *match, const char *miss);
/* Keys into an object: the counts, eer.., operating_points, calibrated_points. */
void figures_json(json_t *object, const figures *f);
void figures_print(const figures *f);
void figures_print_points(const figures *f, const char *match, const char *miss);

/* The keys that every evaluation ends with. */
void figures_json_run(json_t *object, const context *ctx, const faces *f, double seconds);
const char *figures_precision(const options *opts);

/* "0.123 %" with as many digits as the rate needs, and with its interval "0.12 % (0.10 to 0.15 %)".
 */
void figures_percent(char *text, size_t size, double rate);
void figures_rate_text(char *text, size_t size, const fm_rate *rate, bool complement);

#endif
