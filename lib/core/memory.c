#include "core/memory.h"
#include <sodium.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <string.h>
#include <sys/mman.h>

/* For tests; relaxed, because nothing is ordered by them. */
static atomic_long fail_after = -1;
static atomic_long live_blocks = 0;

static bool allocation_may_pass(void)
{
    long left = atomic_load_explicit(&fail_after, memory_order_relaxed);
    while (left > 0)
        if (atomic_compare_exchange_weak_explicit(&fail_after, &left, left - 1,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    return left < 0;
}

static void *count_block(void *block)
{
    if (block)
        atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
    return block;
}

void fmi_memory_return(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

bool fmi_mul_overflows(size_t a, size_t b, size_t *product)
{
    return __builtin_mul_overflow(a, b, product);
}

void *fmi_alloc(size_t size)
{
    return allocation_may_pass() ? count_block(malloc(size ? size : 1)) : NULL;
}

void *fmi_calloc(size_t count, size_t size)
{
    size_t total;
    if (fmi_mul_overflows(count, size, &total) || !allocation_may_pass())
        return NULL;
    return count_block(calloc(total ? total : 1, 1));
}

void *fmi_alloc_array(size_t count, size_t size)
{
    size_t total;
    return fmi_mul_overflows(count, size, &total) ? NULL : fmi_alloc(total);
}

void *fmi_realloc(void *block, size_t size)
{
    if (!block)
        return fmi_alloc(size);
    return allocation_may_pass() ? realloc(block, size ? size : 1) : NULL;
}

void fmi_free(void *block)
{
    if (!block)
        return;
    atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
    free(block);
}

char *fmi_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = fmi_alloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

void fmi_wipe(void *block, size_t size)
{
    if (block && size)
        sodium_memzero(block, size);
}

void fmi_free_wiped(void *block, size_t size)
{
    fmi_wipe(block, size);
    fmi_free(block);
}

/* In front of each block. */
typedef struct block_header {
    alignas(max_align_t) size_t size; /* with this header */
} block_header;

static const size_t FROM_KERNEL = (size_t)1 << 20;

void *fmi_block_alloc(size_t size)
{
    block_header *header;
    if (size > SIZE_MAX - sizeof *header)
        return NULL;
    size += sizeof *header;
    if (size < FROM_KERNEL) {
        header = fmi_calloc(1, size);
    } else {
        void *pages = MAP_FAILED;
        if (allocation_may_pass())
            pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        header = count_block(pages == MAP_FAILED ? NULL : pages);
    }
    if (!header)
        return NULL;
    header->size = size;
    return header + 1;
}

void fmi_block_free(void *block)
{
    block_header *header;
    size_t size;
    if (!block)
        return;
    header = (block_header *)block - 1;
    size = header->size;
    if (size < FROM_KERNEL) {
        fmi_free_wiped(header, size);
        return;
    }
    atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
    fmi_wipe(header, size);
    munmap(header, size);
}

/* More is mapped than asked for, and what lies outside whole pages given back. */
void *fmi_pages_alloc(size_t size, bool large)
{
    char *mapped = MAP_FAILED, *pages;
    size_t before;
    if (size > SIZE_MAX - FMI_PAGE)
        return NULL;
    if (allocation_may_pass())
        mapped =
            mmap(NULL, size + FMI_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        return NULL;
    before = FMI_PAGE - (uintptr_t)mapped % FMI_PAGE;
    pages = mapped + before;
    munmap(mapped, before);
    if (before < FMI_PAGE)
        munmap(pages + size, FMI_PAGE - before);
#ifdef MADV_HUGEPAGE
    if (large)
        madvise(pages, size, MADV_HUGEPAGE); /* a wish: refused, all goes on as well */
#endif
    return count_block(pages);
}

void fmi_pages_free(void *pages, size_t size)
{
    if (!pages)
        return;
    atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
    fmi_wipe(pages, size);
    munmap(pages, size);
}

void *fmi_secret_alloc(size_t size)
{
    void *block = NULL;
    if (sodium_init() >= 0 && allocation_may_pass())
        block = count_block(sodium_malloc(size));
    fmi_wipe(block, size); /* sodium_malloc fills it with a pattern */
    return block;
}

void fmi_secret_free(void *block)
{
    if (!block)
        return;
    atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
    sodium_free(block);
}

void fmi_memory_fail_after(long successes)
{
    atomic_store_explicit(&fail_after, successes, memory_order_relaxed);
}

long fmi_memory_live_blocks(void)
{
    return atomic_load_explicit(&live_blocks, memory_order_relaxed);
}
