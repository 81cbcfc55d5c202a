/* The answer to one query while it is being put together. */
#ifndef FMI_INDEX_ANSWER_H
#define FMI_INDEX_ANSWER_H

#include "gallery/index/index.h"

typedef struct fmi_answer {
    fmi_hit *hits; /* [k], best first */
    size_t count, k;
    float bar; /* scores below it cannot get in */
} fmi_answer;

/* A template's score; an identity keeps its best one. The score reaches the bar. */
void fmi_answer_offer(fmi_answer *answer, const fmi_hit *hit);

#endif
