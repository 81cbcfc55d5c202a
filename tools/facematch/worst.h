/* The comparisons that went most wrong: strangers most alike, and photographs of one person least.
 */
#ifndef TOOL_WORST_H
#define TOOL_WORST_H

#include <stdbool.h>
#include <stddef.h>

enum { WORST_KEPT = 8 };

typedef struct worst_pair {
    float score;
    size_t a, b; /* photographs */
} worst_pair;

typedef struct worst {
    worst_pair impostor[WORST_KEPT], genuine[WORST_KEPT]; /* worst first */
    size_t impostor_count, genuine_count;
} worst;

/* NaN is no comparison. */
void worst_offer(worst *w, bool genuine, float score, size_t a, size_t b);

#endif
