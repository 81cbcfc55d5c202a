#define _GNU_SOURCE 1 /* memmem */
#include "scan.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 8, FILTER_BITS = 16 };

/* Sanitizers make looking at every byte slow. */
#define UNWATCHED __attribute__((no_sanitize("address", "thread", "undefined")))

static void append_file(scan_bytes *all, const char *name)
{
    FILE *file = fopen(name, "rb");
    long size = -1;
    if (!file) /* gone since the folder was read */
        return;
    if (fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    CHECK(size >= 0, "%s cannot be read", name);
    rewind(file);
    all->bytes = realloc(all->bytes, all->size + (size_t)size + 1);
    CHECK(all->bytes, "no memory");
    all->size += fread(all->bytes + all->size, 1, (size_t)size, file);
    fclose(file);
}

scan_bytes scan_read(const torture_folder *folder)
{
    scan_bytes all = {malloc(1), 0};
    DIR *dir = opendir(folder->path);
    struct dirent *entry;
    char name[512];
    CHECK(dir, "%s is gone", folder->path);
    while ((entry = readdir(dir)) != NULL) {
        snprintf(name, sizeof name, "%s/%s", folder->path, entry->d_name);
        if (entry->d_name[0] != '.')
            append_file(&all, name);
    }
    closedir(dir);
    return all;
}

void scan_free(scan_bytes *all)
{
    free(all->bytes);
    all->bytes = NULL;
    all->size = 0;
}

UNWATCHED static unsigned short two_bytes(const unsigned char *bytes)
{
    return (unsigned short)(bytes[0] | bytes[1] << 8);
}

/* A run of 16 bytes, wherever it begins, holds 8 that begin at a multiple of 8. */
UNWATCHED int scan_has_run(const scan_bytes *all, const void *value, size_t size)
{
    static unsigned char filter[1 << FILTER_BITS];
    const unsigned char *v = value;
    memset(filter, 0, sizeof filter);
    for (size_t i = 0; i + WINDOW <= size; i += WINDOW)
        filter[two_bytes(v + i)] = 1;
    for (size_t at = 0; at + WINDOW <= all->size; at++) {
        if (!filter[two_bytes(all->bytes + at)])
            continue;
        for (size_t i = 0; i + WINDOW <= size; i += WINDOW)
            if (!memcmp(v + i, all->bytes + at, WINDOW))
                return 1;
    }
    return 0;
}

int scan_has(const scan_bytes *all, const void *value, size_t size)
{
    return memmem(all->bytes, all->size, value, size) != NULL;
}

int scan_has_vector(const scan_bytes *all, uint64_t number, int t)
{
    float v[DIM], largest = 0;
    unsigned char quantised[DIM], offset[DIM];
    torture_vector(v, person_vector_number(number, t));
    for (int i = 0; i < DIM; i++)
        largest = fmaxf(largest, fabsf(v[i]));
    for (int i = 0; i < DIM; i++) {
        quantised[i] = (unsigned char)(signed char)lrintf(v[i] / largest * 127);
        offset[i] = (unsigned char)(quantised[i] ^ 0x80);
    }
    return scan_has_run(all, v, sizeof v) || scan_has_run(all, quantised, DIM) ||
           scan_has_run(all, offset, DIM);
}

int scan_has_texts(const scan_bytes *all, uint64_t number)
{
    char id[FM_ID_MAX + 1], name[64], metadata[96];
    person_id(id, number);
    person_texts(number, name, metadata);
    return scan_has(all, id, strlen(id)) || scan_has(all, name, strlen(name)) ||
           scan_has_run(all, metadata + 12, 32); /* the secret in it */
}
