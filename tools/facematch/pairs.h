/* A list of labelled pairs of photographs, in the format of LFW's pairs.txt. */
#ifndef TOOL_PAIRS_H
#define TOOL_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct pairs_photo {
    char *name;
    long number;
} pairs_photo;

/* Photographs are told once each; a pair names two of them by index. */
typedef struct pairs_list {
    int32_t folds;
    size_t count;
    size_t *first, *second;
    uint8_t *genuine;
    int32_t *fold;
    pairs_photo *photos;
    size_t photo_count;
} pairs_list;

/* False: reported, with the line. */
bool pairs_read(const char *path, pairs_list *out);
void pairs_free(pairs_list *list);

#endif
