/* A live face or a picture of one: what the commands that decide share. */
#ifndef TOOL_LIVENESS_H
#define TOOL_LIVENESS_H

#include <jansson.h>

#include "context.h"

/* Whether the options about liveness go together: ANSWER_YES, or reported. */
int liveness_check(const options *opts);

/* Where the lines are drawn. */
fm_liveness_options liveness_lines(const options *opts);

json_t *liveness_json(const fm_liveness_summary *seen);

/* For people: "live, score 0.998" or "uncertain (too_small), score 0.312". Free it. */
char *liveness_text(fm_liveness_verdict verdict, fm_liveness_reason reason, float score);

/* As `, live, score 0.998` behind other words; nothing where nothing was checked. Free it. */
char *liveness_suffix(const fm_liveness_summary *seen);

/* What required and was not found to be live: keys into an object. */
void liveness_refusal_json(json_t *object, const fm_error *err);

/* What to do about it, to stand behind the message; "" where nothing helps. */
const char *liveness_advice(fm_liveness_reason reason);

#endif
