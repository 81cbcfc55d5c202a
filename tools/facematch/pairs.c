#include "pairs.h"

#include <errno.h>
#include <facematch/facematch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "output.h"

enum { MAX_FIELDS = 5, MAX_NUMBER = 1000000000 };

typedef struct reader {
    const char *path;
    FILE *file;
    char *line;
    size_t room, number; /* of the line */
    char *fields[MAX_FIELDS];
    size_t field_count;
} reader;

/* A photograph of a pair, and the place among 2 * count that waits for its index. */
typedef struct mention {
    pairs_photo photo;
    size_t place;
} mention;

/* The fields of the next line that is not empty; false at the end of the file. */
static bool next_line(reader *r)
{
    for (r->field_count = 0; r->field_count == 0;) {
        if (getline(&r->line, &r->room, r->file) < 0)
            return false;
        r->number++;
        char *rest = r->line, *field;
        while (r->field_count < MAX_FIELDS && (field = strtok_r(rest, " \t\r\n", &rest)))
            r->fields[r->field_count++] = field;
    }
    return true;
}

static bool refuse(const reader *r, const char *what)
{
    out_error(NULL, FM_E_CORRUPT, "%s, line %zu: %s", r->path, r->number ? r->number : 1, what);
    return false;
}

static bool parse_number(const char *text, long most, long *out)
{
    char *end = NULL;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || number < 1 || number > most)
        return false;
    *out = number;
    return true;
}

static bool read_header(reader *r, pairs_list *list, long *per_fold)
{
    long folds = 0;
    if (!next_line(r) || r->field_count != 2 ||
        !parse_number(r->fields[0], FM_LIMIT_FOLDS, &folds) ||
        !parse_number(r->fields[1], FM_LIMIT_PAIRS / (2 * folds), per_fold))
        return refuse(r, "the first line must be FOLDS PAIRS, such as 10 300");
    list->folds = (int32_t)folds;
    list->count = (size_t)folds * 2 * (size_t)*per_fold;
    return true;
}

static bool read_pair(reader *r, pairs_list *list, size_t i, mention *two)
{
    bool genuine = r->field_count == 3;
    if (r->field_count != 3 && r->field_count != 4)
        return refuse(r, "not NAME I J, nor NAME1 I NAME2 J");
    if (!parse_number(r->fields[1], MAX_NUMBER, &two[0].photo.number) ||
        !parse_number(r->fields[genuine ? 2 : 3], MAX_NUMBER, &two[1].photo.number))
        return refuse(r, "the number of a photograph is not a whole number from 1 on");
    two[0].photo.name = out_format("%s", r->fields[0]);
    two[1].photo.name = out_format("%s", r->fields[genuine ? 0 : 2]);
    two[0].place = 2 * i;
    two[1].place = 2 * i + 1;
    list->genuine[i] = genuine;
    return true;
}

/* The lists grow with the file, whatever its first line claims. */
static void *grown(void *items, size_t count, size_t room, size_t size)
{
    void *larger = out_alloc(room, size);
    if (count)
        memcpy(larger, items, count * size);
    free(items);
    return larger;
}

static bool read_pairs(reader *r, pairs_list *list, mention **mentions, size_t *read)
{
    size_t room = 0;
    while (next_line(r)) {
        if (*read == list->count)
            return refuse(r, "more pairs than the first line says");
        if (*read == room) {
            room = room ? 2 * room : 1024;
            list->genuine = grown(list->genuine, *read, room, 1);
            *mentions = grown(*mentions, 2 * *read, 2 * room, sizeof **mentions);
        }
        if (!read_pair(r, list, *read, *mentions + 2 * *read))
            return false;
        ++*read;
    }
    return *read == list->count || refuse(r, "fewer pairs than the first line says");
}

static int by_photo(const void *a, const void *b)
{
    const mention *x = a, *y = b;
    int order = strcmp(x->photo.name, y->photo.name);
    return order ? order
                 : (x->photo.number > y->photo.number) - (x->photo.number < y->photo.number);
}

/* Give each photograph one index, however often it is mentioned. */
static void index_photos(pairs_list *list, mention *mentions)
{
    size_t total = 2 * list->count;
    qsort(mentions, total, sizeof *mentions, by_photo);
    list->photos = out_alloc(total, sizeof *list->photos);
    list->first = out_alloc(list->count, sizeof *list->first);
    list->second = out_alloc(list->count, sizeof *list->second);
    for (size_t i = 0; i < total; i++) {
        if (i > 0 && by_photo(&mentions[i - 1], &mentions[i]) == 0) {
            free(mentions[i - 1].photo.name);
            list->photo_count--;
        }
        list->photos[list->photo_count] = mentions[i].photo;
        size_t place = mentions[i].place;
        (place % 2 ? list->second : list->first)[place / 2] = list->photo_count++;
    }
}

static void number_folds(pairs_list *list, size_t per_fold)
{
    list->fold = out_alloc(list->count, sizeof *list->fold);
    for (size_t i = 0; i < list->count; i++)
        list->fold[i] = (int32_t)(i / (2 * per_fold));
}

bool pairs_read(const char *path, pairs_list *out)
{
    reader r = {.path = path, .file = files_open_text(path)};
    mention *mentions = NULL;
    size_t read = 0;
    long per_fold = 0;
    *out = (pairs_list){0};
    if (!r.file)
        return false;
    bool ok = read_header(&r, out, &per_fold) && read_pairs(&r, out, &mentions, &read);
    if (ok) {
        index_photos(out, mentions);
        number_folds(out, (size_t)per_fold);
    } else {
        for (size_t i = 0; i < 2 * read; i++)
            free(mentions[i].photo.name);
        pairs_free(out);
    }
    free(mentions);
    free(r.line);
    fclose(r.file);
    return ok;
}

void pairs_free(pairs_list *list)
{
    for (size_t i = 0; i < list->photo_count; i++)
        free(list->photos[i].name);
    free(list->photos);
    free(list->first);
    free(list->second);
    free(list->genuine);
    free(list->fold);
    *list = (pairs_list){0};
}
