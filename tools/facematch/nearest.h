/* The known word that a mistyped one is nearest to. */
#ifndef TOOL_NEAREST_H
#define TOOL_NEAREST_H

#include <stddef.h>

typedef struct nearest {
    const char *typed;
    size_t length;
    size_t distance;  /* only words nearer than this are taken */
    const char *word; /* NULL while none is near enough */
} nearest;

nearest nearest_begin(const char *typed, size_t length);
void nearest_offer(nearest *best, const char *word);

#endif
