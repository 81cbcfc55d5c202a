#include "walk.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "output.h"

static const char *const PICTURES[] = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp",
                                       ".tga", ".gif",  ".pnm", ".ppm",  ".pgm", NULL};
/* As cameras, telephones and browsers write them. */
static const char *const NOT_READ[] = {
    ".webp", ".heic", ".heif", ".hif",  ".avif", ".jxl", ".jp2", ".tif",  ".tiff", ".psd", ".svg",
    ".dng",  ".raw",  ".arw",  ".cr2",  ".cr3",  ".nef", ".orf", ".raf",  ".rw2",  ".mp4", ".m4v",
    ".mov",  ".avi",  ".mkv",  ".webm", ".wmv",  ".3gp", ".mpg", ".mpeg", NULL};
static const char *const MODELS[] = {".pt", NULL};
static const char *const *const ENDINGS[] = {
    [WALK_PICTURES] = PICTURES, [WALK_NOT_READ] = NOT_READ, [WALK_MODELS] = MODELS};

void names_add(names *list, char *name)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        char **items = out_alloc(capacity, sizeof *items);
        if (list->count)
            memcpy(items, list->items, list->count * sizeof *items);
        free(list->items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = name;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_sort(names *list)
{
    if (list->count)
        qsort(list->items, list->count, sizeof *list->items, by_bytes);
}

size_t names_find(const names *list, const char *name)
{
    char **place = list->count
                       ? bsearch(&name, list->items, list->count, sizeof *list->items, by_bytes)
                       : NULL;
    return place ? (size_t)(place - list->items) : SIZE_MAX;
}

void names_free(names *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (names){0};
}

bool walk_is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static bool ends_with_one_of(const char *name, const char *const *endings)
{
    size_t length = strlen(name);
    for (; *endings; endings++) {
        size_t ending = strlen(*endings);
        if (length > ending && strcasecmp(name + length - ending, *endings) == 0)
            return true;
    }
    return false;
}

static bool is_of_kind(const char *folder, const char *name, walk_kind kind)
{
    if (name[0] == '.')
        return false;
    if (kind != WALK_FOLDERS && !ends_with_one_of(name, ENDINGS[kind]))
        return false;
    char *path = out_format("%s/%s", folder, name);
    struct stat info;
    /* What cannot be looked at is kept: opening it will tell why. */
    bool right = stat(path, &info) != 0 ? kind != WALK_FOLDERS
                                        : (kind == WALK_FOLDERS) == S_ISDIR(info.st_mode);
    free(path);
    return right;
}

bool walk_kinds(const char *folder, names *const out[WALK_KINDS])
{
    DIR *directory = opendir(folder);
    if (!directory)
        return false;
    for (struct dirent *entry; (entry = readdir(directory));)
        for (int kind = 0; kind < WALK_KINDS; kind++)
            if (out[kind] && is_of_kind(folder, entry->d_name, (walk_kind)kind))
                names_add(out[kind], out_format("%s", entry->d_name));
    closedir(directory);
    for (int kind = 0; kind < WALK_KINDS; kind++)
        if (out[kind])
            names_sort(out[kind]);
    return true;
}

bool walk_folder(const char *folder, walk_kind kind, names *out)
{
    names *found[WALK_KINDS] = {NULL};
    found[kind] = out;
    return walk_kinds(folder, found);
}
