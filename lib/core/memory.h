/* Memory of the library: every allocation of the C core passes here, so tests can make the k-th
 * one fail. */
#ifndef FMI_MEMORY_H
#define FMI_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

void *fmi_alloc(size_t size);                /* size 0 gives a valid pointer */
void *fmi_calloc(size_t count, size_t size); /* NULL on overflow, too */
void *fmi_alloc_array(size_t count, size_t size);
void *fmi_realloc(void *block, size_t size);
void fmi_free(void *block);
char *fmi_strdup(const char *text);

/* For what must not linger: pixels, embeddings, keys. */
void fmi_wipe(void *block, size_t size);
void fmi_free_wiped(void *block, size_t size);

/* What may be large and soon goes: files, pixels. Zeroed; wiped when freed. From 1 MiB on straight
 * from the kernel: glibc raises its thresholds to twice the largest block that was ever freed, and
 * then every thread's arena keeps as much. */
void *fmi_block_alloc(size_t size);
void fmi_block_free(void *block);

/* Whole large pages, zeroed, for what is read through from end to end again and again: with small
 * ones the processor is held up at the end of each. size: a multiple of FMI_PAGE. Wiped when freed.
 * large: ask for large pages at once, so that even one used byte takes FMI_PAGE of memory. */
#define FMI_PAGE ((size_t)2 << 20)
void *fmi_pages_alloc(size_t size, bool large);
void fmi_pages_free(void *pages, size_t size);

/* For keys: zeroed, kept out of swap and core dumps where the system allows it, between pages that
 * must not be touched; wiped when freed. */
void *fmi_secret_alloc(size_t size);
void fmi_secret_free(void *block);

/* Whole pages of memory that was freed by others, unwiped, go back to the kernel, which forgets
 * what is in them. Where the C library cannot do that, nothing happens. */
void fmi_memory_return(void);

bool fmi_mul_overflows(size_t a, size_t b, size_t *product);

/* Tests only: let `successes` more allocations pass, then fail all; negative: never fail. */
void fmi_memory_fail_after(long successes);
long fmi_memory_live_blocks(void); /* allocated and not yet freed */

#endif
