#include "image/watched.h"
#include "core/memory.h"
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

/* In front of each block; as large as the strictest alignment wants. */
struct fmi_watched_block {
    alignas(max_align_t) fmi_watched_block *previous;
    fmi_watched_block *next;
    size_t size; /* with this header */
};

static _Thread_local fmi_watched *in_use;

fmi_watched_trouble fmi_watched_run(fmi_watched *memory, void (*work)(void *user), void *user)
{
    in_use = memory;
    if (setjmp(memory->escape) == 0)
        work(user);
    in_use = NULL;
    return memory->trouble;
}

static fmi_watched_block *header_of(void *block)
{
    return (fmi_watched_block *)block - 1;
}

static _Noreturn void escape(fmi_watched_trouble trouble)
{
    in_use->trouble = trouble;
    longjmp(in_use->escape, 1);
}

static void unlink_block(fmi_watched *memory, fmi_watched_block *header)
{
    if (header->previous)
        header->previous->next = header->next;
    else
        memory->first = header->next;
    if (header->next)
        header->next->previous = header->previous;
}

void *fmi_watched_alloc(size_t size)
{
    fmi_watched_block *header;
    if (size > in_use->largest || size > SIZE_MAX - sizeof *header)
        escape(FMI_WATCHED_TOO_LARGE);
    header = fmi_block_alloc(sizeof *header + size); /* decoders leave gaps when data is missing */
    if (!header)
        escape(FMI_WATCHED_NO_MEMORY);
    header->previous = NULL;
    header->next = in_use->first;
    header->size = sizeof *header + size;
    if (header->next)
        header->next->previous = header;
    in_use->first = header;
    return header + 1;
}

/* Never in place: what a moved block leaves behind is wiped. */
void *fmi_watched_realloc(void *block, size_t size)
{
    void *moved = fmi_watched_alloc(size);
    if (block) {
        size_t old = header_of(block)->size - sizeof(fmi_watched_block);
        memcpy(moved, block, old < size ? old : size);
        fmi_watched_free(block);
    }
    return moved;
}

void fmi_watched_free(void *block)
{
    if (!block)
        return;
    unlink_block(in_use, header_of(block));
    fmi_block_free(header_of(block));
}

void fmi_watched_assert(int holds)
{
    if (!holds)
        escape(FMI_WATCHED_ASSERTION);
}

void fmi_watched_release(fmi_watched *memory, void *block, void **base, size_t *size)
{
    unlink_block(memory, header_of(block));
    *base = header_of(block);
    *size = header_of(block)->size;
}

void fmi_watched_clear(fmi_watched *memory)
{
    fmi_watched_block *header = memory->first;
    while (header) {
        fmi_watched_block *next = header->next;
        fmi_block_free(header);
        header = next;
    }
    memory->first = NULL;
}
