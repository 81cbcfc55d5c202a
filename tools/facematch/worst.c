#include "worst.h"

#include <math.h>

/* Keep the greatest: of scores, or, with a sign of -1, of their opposites. */
static void offer(worst_pair *list, size_t *count, worst_pair pair, float sign)
{
    if (*count == WORST_KEPT && !(sign * pair.score > sign * list[WORST_KEPT - 1].score))
        return;
    size_t at = *count < WORST_KEPT ? (*count)++ : WORST_KEPT - 1;
    for (; at > 0 && sign * list[at - 1].score < sign * pair.score; at--)
        list[at] = list[at - 1];
    list[at] = pair;
}

void worst_offer(worst *w, bool genuine, float score, size_t a, size_t b)
{
    worst_pair pair = {score, a, b};
    if (isnan(score))
        return;
    if (genuine)
        offer(w->genuine, &w->genuine_count, pair, -1);
    else
        offer(w->impostor, &w->impostor_count, pair, 1);
}
