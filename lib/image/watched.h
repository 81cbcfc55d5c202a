/* The memory that stb_image and stb_image_write work in: every block is known, so that all of them
 * can be wiped and freed when a decoder gives up half-way, and one that runs out of memory is left
 * by a jump, since not all of its code expects NULL. */
#ifndef FMI_WATCHED_H
#define FMI_WATCHED_H

#include <setjmp.h>
#include <stddef.h>

typedef struct fmi_watched_block fmi_watched_block;

typedef enum fmi_watched_trouble {
    FMI_WATCHED_NONE,
    FMI_WATCHED_NO_MEMORY,
    FMI_WATCHED_TOO_LARGE, /* a block above `largest` was asked for */
    FMI_WATCHED_ASSERTION
} fmi_watched_trouble;

typedef struct fmi_watched {
    size_t largest; /* set by the owner, the rest zero */
    fmi_watched_block *first;
    fmi_watched_trouble trouble;
    jmp_buf escape;
} fmi_watched;

/* Call work(user) with this thread's fmi_watched_alloc working in `memory`. Blocks stay until
 * fmi_watched_clear. Nothing but NONE: work was left half-way. */
fmi_watched_trouble fmi_watched_run(fmi_watched *memory, void (*work)(void *user), void *user);

/* Only while work runs. */
void *fmi_watched_alloc(size_t size);
void *fmi_watched_realloc(void *block, size_t size);
void fmi_watched_free(void *block);
void fmi_watched_assert(int holds);

/* Take a block out: *base is freed by fmi_block_free. */
void fmi_watched_release(fmi_watched *memory, void *block, void **base, size_t *size);
/* Wipe and free all that is left. */
void fmi_watched_clear(fmi_watched *memory);

#endif
