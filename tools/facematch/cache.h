/* Embeddings kept from run to run, in a file that only its owner may read.
 *
 *   "FMVECS01", then, each with its length (4 bytes) before it, the id of the model and the
 * settings; 4 bytes dim, 8 bytes count; and for each photograph: its name with its length, 8 bytes
 * size, 8 bytes time of change in nanoseconds, 1 byte (1: a face was found), float32[dim].
 *
 * Numbers are those of this machine: the file is no format for exchange. */
#ifndef TOOL_CACHE_H
#define TOOL_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cache_entry {
    char *name;
    int64_t size, changed_ns;
    bool found;
    float *vector; /* [dim] */
} cache_entry;

typedef struct cache {
    char *model, *settings;
    size_t dim, count, room;
    size_t sorted; /* so many are in the order of their names; what was put stands behind them */
    cache_entry *entries;
} cache;

/* What the file holds, or nothing where there is no such file. False: reported (another model or
 * other settings, damaged, unreadable). */
bool cache_read(cache *c, const char *path, const char *model, const char *settings, size_t dim);

/* The entry of a photograph that has not changed since, or NULL. */
const cache_entry *cache_find(const cache *c, const char *name, int64_t size, int64_t changed_ns);

/* Keep one more, or in the place of what was read under its name. Copies everything. */
void cache_put(cache *c, const cache_entry *entry);

/* The file appears whole or not at all. False: reported. */
bool cache_write(const cache *c, const char *path);

void cache_free(cache *c); /* wipes */

#endif
