#include "gallery/index/index_answer.h"
#include <stdbool.h>
#include <string.h>

/* Does a come before b in an answer? */
static bool goes_before(const fmi_hit *a, const fmi_hit *b)
{
    if (a->score != b->score)
        return a->score > b->score;
    return strcmp(a->id, b->id) < 0;
}

/* Put a hit in its place, given that the hit at `hole` is to go (or hole is one past the last). */
static void insert_hit(fmi_answer *answer, size_t hole, const fmi_hit *hit)
{
    for (; hole > 0 && goes_before(hit, &answer->hits[hole - 1]); hole--)
        answer->hits[hole] = answer->hits[hole - 1];
    answer->hits[hole] = *hit;
    if (answer->count == answer->k)
        answer->bar = answer->hits[answer->k - 1].score;
}

void fmi_answer_offer(fmi_answer *answer, const fmi_hit *hit)
{
    for (size_t i = 0; i < answer->count; i++) {
        fmi_hit *known = &answer->hits[i];
        if (known->identity_no != hit->identity_no)
            continue;
        if (hit->score == known->score && hit->template_id < known->template_id)
            known->template_id = hit->template_id;
        if (hit->score > known->score)
            insert_hit(answer, i, hit);
        return;
    }
    if (answer->count < answer->k)
        insert_hit(answer, answer->count++, hit);
    else if (goes_before(hit, &answer->hits[answer->k - 1]))
        insert_hit(answer, answer->k - 1, hit);
}
