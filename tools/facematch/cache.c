#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"
#include "replace.h"

static const char MAGIC[8] = {'F', 'M', 'V', 'E', 'C', 'S', '0', '1'};
enum { MOST_TEXT = 65536 };

/* --- reading --- */

static bool get(FILE *file, void *out, size_t size)
{
    return fread(out, 1, size, file) == size;
}

static char *get_text(FILE *file)
{
    uint32_t length = 0;
    if (!get(file, &length, sizeof length) || length > MOST_TEXT)
        return NULL;
    char *text = out_alloc(length + 1, 1);
    if (get(file, text, length))
        return text;
    free(text);
    return NULL;
}

static void free_entry(cache_entry *entry, size_t dim)
{
    if (entry->vector)
        explicit_bzero(entry->vector, dim * sizeof(float));
    free(entry->vector);
    free(entry->name);
}

static cache_entry *add_entry(cache *c)
{
    if (c->count == c->room) {
        size_t room = c->room ? 2 * c->room : 256;
        cache_entry *entries = out_alloc(room, sizeof *entries);
        if (c->count)
            memcpy(entries, c->entries, c->count * sizeof *entries);
        free(c->entries);
        c->entries = entries;
        c->room = room;
    }
    c->entries[c->count] = (cache_entry){0};
    return &c->entries[c->count];
}

static bool get_entry(FILE *file, cache *c)
{
    cache_entry *entry = add_entry(c);
    uint8_t found = 0;
    entry->name = get_text(file);
    entry->vector = out_alloc(c->dim, sizeof(float));
    if (entry->name && get(file, &entry->size, sizeof entry->size) &&
        get(file, &entry->changed_ns, sizeof entry->changed_ns) && get(file, &found, 1) &&
        found <= 1 && get(file, entry->vector, c->dim * sizeof(float))) {
        entry->found = found;
        c->count++;
        return true;
    }
    free_entry(entry, c->dim);
    return false;
}

static bool get_all(FILE *file, const char *path, cache *c)
{
    char magic[sizeof MAGIC] = "", *model = NULL, *settings = NULL;
    uint32_t dim = 0;
    uint64_t count = 0;
    bool ok = get(file, magic, sizeof magic) && memcmp(magic, MAGIC, sizeof magic) == 0 &&
              (model = get_text(file)) && (settings = get_text(file)) &&
              get(file, &dim, sizeof dim) && get(file, &count, sizeof count);
    bool same =
        ok && strcmp(model, c->model) == 0 && strcmp(settings, c->settings) == 0 && dim == c->dim;
    if (ok && !same)
        out_error(NULL, FM_E_MODEL_MISMATCH,
                  "%s: made with another model or other settings (%.12s, %s): delete it, or name "
                  "another file",
                  path, model, settings);
    for (uint64_t i = 0; i < count && ok && same; i++)
        ok = get_entry(file, c);
    if (!ok)
        out_error(NULL, FM_E_CORRUPT, "%s: no file of embeddings, or a damaged one", path);
    free(model);
    free(settings);
    return ok && same;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const cache_entry *)a)->name, ((const cache_entry *)b)->name);
}

bool cache_read(cache *c, const char *path, const char *model, const char *settings, size_t dim)
{
    *c = (cache){
        .model = out_format("%s", model), .settings = out_format("%s", settings), .dim = dim};
    FILE *file = fopen(path, "rb");
    if (!file && errno == ENOENT)
        return true;
    if (!file) {
        out_error(NULL, FM_E_IO, "%s: %s", path, strerror(errno));
        return false;
    }
    bool ok = get_all(file, path, c);
    fclose(file);
    if (ok && c->count)
        qsort(c->entries, c->count, sizeof *c->entries, by_name);
    c->sorted = c->count;
    return ok;
}

const cache_entry *cache_find(const cache *c, const char *name, int64_t size, int64_t changed_ns)
{
    cache_entry wanted = {.name = (char *)name};
    const cache_entry *entry =
        c->sorted ? bsearch(&wanted, c->entries, c->sorted, sizeof wanted, by_name) : NULL;
    return entry && entry->size == size && entry->changed_ns == changed_ns ? entry : NULL;
}

/* --- writing --- */

/* A photograph that has changed keeps its place. */
void cache_put(cache *c, const cache_entry *entry)
{
    cache_entry *own =
        c->sorted ? bsearch(entry, c->entries, c->sorted, sizeof *own, by_name) : NULL;
    bool is_new = !own;
    if (is_new) {
        own = add_entry(c);
        own->name = out_format("%s", entry->name);
        own->vector = out_alloc(c->dim, sizeof(float));
    }
    own->size = entry->size;
    own->changed_ns = entry->changed_ns;
    own->found = entry->found;
    memcpy(own->vector, entry->vector, c->dim * sizeof(float));
    c->count += is_new;
}

static bool put(FILE *file, const void *bytes, size_t size)
{
    return fwrite(bytes, 1, size, file) == size;
}

static bool put_text(FILE *file, const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    return put(file, &length, sizeof length) && put(file, text, length);
}

static bool put_all(FILE *file, const void *user)
{
    const cache *c = user;
    uint32_t dim = (uint32_t)c->dim;
    uint64_t count = c->count;
    bool ok = put(file, MAGIC, sizeof MAGIC) && put_text(file, c->model) &&
              put_text(file, c->settings) && put(file, &dim, sizeof dim) &&
              put(file, &count, sizeof count);
    for (size_t i = 0; i < c->count && ok; i++) {
        const cache_entry *entry = &c->entries[i];
        uint8_t found = entry->found;
        ok = put_text(file, entry->name) && put(file, &entry->size, sizeof entry->size) &&
             put(file, &entry->changed_ns, sizeof entry->changed_ns) && put(file, &found, 1) &&
             put(file, entry->vector, c->dim * sizeof(float));
    }
    return ok;
}

bool cache_write(const cache *c, const char *path)
{
    return replace_file(path, put_all, c);
}

void cache_free(cache *c)
{
    for (size_t i = 0; i < c->count; i++)
        free_entry(&c->entries[i], c->dim);
    free(c->entries);
    free(c->model);
    free(c->settings);
    *c = (cache){0};
}
