/* Error rates of groups of people, at one threshold: --attributes. */
#ifndef TOOL_GROUPS_H
#define TOOL_GROUPS_H

#include <facematch/facematch.h>
#include <jansson.h>

#include "faces.h"

typedef struct group {
    char *attribute, *value;
    size_t people;              /* of those with photographs */
    fm_evaluation *comparisons; /* both people are of the group */
    bool told;
    fm_operating_point at;
} group;

typedef struct groups {
    group *list;
    size_t count, room;
    size_t attributes;
    size_t *of;     /* [person][attribute]: index of the group, or SIZE_MAX */
    size_t unknown; /* people without a line in the file */
} groups;

/* A first line of names, the folder's first, then a line for each person; commas between. False:
 * reported. */
bool groups_read(groups *g, const options *opts, const faces *f);

/* The comparisons of photograph i with those from i + 1 on. */
bool groups_add(groups *g, const faces *f, size_t i, const float *scores, const uint8_t *genuine,
                const int32_t *first, const int32_t *second);

bool groups_compute(groups *g, float threshold);
json_t *groups_json(const groups *g);
void groups_print(const groups *g, float threshold);
void groups_free(groups *g);

#endif
