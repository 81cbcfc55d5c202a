/* Looks for bytes of which nothing should be left, in all memory that the process can write, its
 * stacks aside: a call saves registers there that copied them.
 *
 * What is looked for is kept masked, so that the search does not find itself. Not for sanitizers:
 * they keep what was freed. */
#ifndef FM_TEST_REMAINS_H
#define FM_TEST_REMAINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FM_REMAINS_WINDOW = 8 };

/* `most` windows of 8 bytes; in memory shared with the processes that are forked later, so that one
 * of them can say what to look for, and nothing of it ever was in this one. */
typedef struct fm_remains {
    size_t count, most;
    uint64_t masked[];
} fm_remains;

fm_remains *fm_remains_new(size_t most);
void fm_remains_free(fm_remains *remains);
/* Every `step` bytes a window, for as long as there is room; none of few different bytes, which may
 * be anybody's. */
void fm_remains_look_for(fm_remains *remains, const void *bytes, size_t size, size_t step);
/* In how many places one was found. tell: where, to stderr. */
size_t fm_remains_find(fm_remains *remains, bool tell);

#endif
