/* Sorted lists of names: of what a folder holds, and of other things. */
#ifndef TOOL_WALK_H
#define TOOL_WALK_H

#include <facematch/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct names {
    char **items;
    size_t count, capacity;
} names;

/* WALK_NOT_READ: pictures and films that the library does not decode. */
typedef enum walk_kind {
    WALK_FOLDERS,
    WALK_PICTURES,
    WALK_NOT_READ,
    WALK_MODELS,
    WALK_KINDS
} walk_kind;

/* Take over a text from out_format. */
void names_add(names *list, char *name);
void names_sort(names *list); /* by bytes */
/* Where a sorted list has the name; SIZE_MAX: nowhere. */
size_t names_find(const names *list, const char *name);
void names_free(names *list);

/* The names of a folder's entries of one kind, hidden ones left out, sorted by bytes; links are
 * followed. False: the folder cannot be read, and errno says why. */
bool walk_folder(const char *folder, walk_kind kind, names *out);

/* The same for several kinds, by one reading; NULL for a kind that is not asked for. */
bool walk_kinds(const char *folder, names *const out[WALK_KINDS]);

bool walk_is_file(const char *path);

#endif
