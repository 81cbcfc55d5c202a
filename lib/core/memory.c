#include "core/memory.h"
#include <sodium.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

void fmi_memory_fail_after(long successes)
{
    atomic_store_explicit(&fail_after, successes, memory_order_relaxed);
}

long fmi_memory_live_blocks(void)
{
    return atomic_load_explicit(&live_blocks, memory_order_relaxed);
}
