/* Every comparison between photographs of a folder with a sub-folder for each person. */
#ifndef TOOL_ALL_PAIRS_H
#define TOOL_ALL_PAIRS_H

#include "figures.h"
#include "groups.h"
#include "worst.h"

typedef struct all_pairs {
    context ctx;
    faces f;
    fm_evaluation *comparisons;
    worst worst;
    groups *groups; /* or NULL */
} all_pairs;

/* Load, embed and compare what --images, --people and --embeddings say. False: reported. */
bool all_pairs_make(all_pairs *p, const options *opts);
void all_pairs_free(all_pairs *p);

#endif
