#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "output.h"
#include "progress.h"
#include "train.h"

/* From so many people on, a fifth is left out unless the caller says otherwise. For a liveness
 * model one person's frames are something to judge by already. */
enum { PEOPLE_TO_LEAVE_OUT = 10, PEOPLE_TO_LEAVE_OUT_LIVE = 5, SHARE_LEFT_OUT = 5 };

/* --- the list of --list --- */

typedef struct list_line {
    char *person, *path;
    size_t number;
} list_line;

typedef struct list_lines {
    list_line *items;
    size_t count, room;
} list_lines;

static void keep_line(list_lines *lines, const char *person, const char *path, size_t number)
{
    if (lines->count == lines->room) {
        size_t room = lines->room ? 2 * lines->room : 256;
        list_line *items = out_alloc(room, sizeof *items);
        if (lines->count)
            memcpy(items, lines->items, lines->count * sizeof *items);
        free(lines->items);
        lines->items = items;
        lines->room = room;
    }
    lines->items[lines->count++] =
        (list_line){out_format("%s", person), out_format("%s", path), number};
}

/* Cut PERSON and PATH out of a line; false: it has not both. */
static bool split_line(char *line, char **person, char **path)
{
    size_t length = strlen(line);
    while (length > 0 && isspace((unsigned char)line[length - 1]))
        line[--length] = '\0';
    *person = line + strspn(line, " \t");
    char *gap = strchr(*person, '\t');
    if (!gap)
        gap = strchr(*person, ' ');
    if (!gap)
        return false;
    *path = gap + strspn(gap, " \t");
    while (gap > *person && gap[-1] == ' ')
        gap--;
    *gap = '\0';
    return true;
}

static bool read_lines(const char *path, list_lines *lines)
{
    FILE *file = files_open_text(path);
    char *line = NULL, *person, *photo;
    size_t room = 0, number = 0;
    bool ok = true;
    if (!file)
        return false;
    while (ok && getline(&line, &room, file) >= 0) {
        number++;
        const char *first = line + strspn(line, " \t\r\n");
        if (*first == '\0' || *first == '#')
            continue;
        ok = split_line(line, &person, &photo);
        if (ok)
            keep_line(lines, person, photo, number);
        else
            out_error(NULL, FM_E_CORRUPT, "%s, line %zu: not PERSON, a tab or blanks, PATH", path,
                      number);
    }
    if (ok && ferror(file))
        ok = out_cannot_read(path);
    free(line);
    fclose(file);
    return ok;
}

static int by_person(const void *a, const void *b)
{
    const list_line *x = a, *y = b;
    int order = strcmp(x->person, y->person);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

static bool read_list(faces *f, const char *path)
{
    list_lines lines = {0};
    bool ok = read_lines(path, &lines);
    if (ok && lines.count == 0) {
        out_error(NULL, FM_E_NOT_FOUND, "%s: no photographs in it", path);
        ok = false;
    }
    if (lines.count)
        qsort(lines.items, lines.count, sizeof *lines.items, by_person);
    for (size_t i = 0; i < lines.count; i++) {
        faces_add(f, lines.items[i].path, faces_person(f, lines.items[i].person));
        free(lines.items[i].person);
    }
    free(lines.items);
    return ok;
}

/* --- who is left out --- */

/* Steele, Lea and Flood 2014: splitmix64. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* The people who have a pair of photographs, as indices. */
static size_t with_pairs(const faces *f, size_t *people)
{
    size_t *photos = out_alloc(f->people.count, sizeof *photos), count = 0;
    for (size_t i = 0; i < f->count; i++)
        photos[f->photos[i].person]++;
    for (size_t i = 0; i < f->people.count; i++)
        if (photos[i] >= 2)
            people[count++] = i;
    free(photos);
    return count;
}

static size_t default_count(const train_photos *p, size_t paired)
{
    size_t from = p->shows[0] ? PEOPLE_TO_LEAVE_OUT_LIVE : PEOPLE_TO_LEAVE_OUT;
    return paired >= from ? paired / SHARE_LEFT_OUT : 0;
}

/* Draw `count` of them: the first steps of a Fisher-Yates shuffle. */
static void draw(train_photos *p, size_t *people, size_t paired, uint64_t seed)
{
    for (size_t i = 0; i < p->left_out_count; i++) {
        size_t j = i + (size_t)(next_random(&seed) % (paired - i)), drawn = people[j];
        people[j] = people[i];
        p->left_out[drawn] = true;
    }
}

static bool leave_out(train_photos *p, const options *opts)
{
    p->left_out = out_alloc(p->data.people.count, sizeof *p->left_out);
    if (opts->validation)
        return true;
    size_t *people = out_alloc(p->data.people.count, sizeof *people);
    size_t paired = p->shows[0] ? train_frames_with_both(p, people) : with_pairs(&p->data, people);
    size_t wanted = opts->leave_out >= 0 ? (size_t)opts->leave_out : default_count(p, paired);
    size_t least = p->shows[0] ? 1 : 2;
    bool ok = wanted == 0 || wanted + least <= paired;
    if (ok) {
        p->left_out_count = wanted;
        draw(p, people, paired, (uint64_t)opts->seed);
    } else {
        out_error(NULL, FM_E_INVALID_ARGUMENT,
                  "--leave-out %zu leaves fewer than %s of the %zu people with %s to train on",
                  wanted, least == 1 ? "one" : "two", paired,
                  p->shows[0] ? "live faces and attacks" : "two photographs or more");
    }
    free(people);
    return ok;
}

static bool list_people(train_photos *p, const options *opts)
{
    bool ok = opts->list ? read_list(&p->data, opts->list)
                         : faces_read_folder(&p->data, opts->data, NULL);
    return ok && (!opts->validation || faces_read_folder(&p->validation, opts->validation, NULL));
}

bool train_photos_list(train_run *run)
{
    train_photos *p = &run->photos;
    bool ok = run->ctx.liveness ? train_frames_list(p, run->opts) : list_people(p, run->opts);
    return ok && leave_out(p, run->opts);
}

void train_photos_free(train_photos *p)
{
    faces_free(&p->data);
    faces_free(&p->validation);
    free(p->left_out);
    free(p->shows[0]);
    free(p->shows[1]);
    *p = (train_photos){0};
}

/* --- reading --- */

static void skip(train_run *run, fm_finding_kind kind, const char *person, const char *path,
                 const fm_error *err, const char *advice)
{
    size_t named = strlen(path);
    const char *text = err->message;
    if (strncmp(text, path, named) == 0 && strncmp(text + named, ": ", 2) == 0)
        text += named + 2;
    char *message = out_format("%s: left out: %s%s", path, text, advice);
    const fm_finding finding = {
        .kind = kind, .person = person, .image = path, .other = "", .message = message};
    train_on_finding(run, &finding);
    free(message);
}

/* False: it cannot be gone on. */
static bool add_photo(train_run *run, const char *person, face_photo *photo,
                      const fm_frame_class *shows, fm_role role)
{
    fm_error err = {sizeof err, 0, ""};
    fm_image *image = NULL;
    fm_status status = fm_image_load_file(&image, photo->path, NULL, &err);
    if (status != FM_OK && status != FM_E_NO_MEMORY) {
        skip(run, TRAIN_UNREADABLE, person, photo->path, &err,
             "; replace the file, or take it away");
        return true;
    }
    if (status == FM_OK && shows)
        status = fm_trainer_add_frame(run->trainer, image, *shows, person, photo->path, role, &err);
    else if (status == FM_OK)
        status = fm_trainer_add_image(run->trainer, image, person, photo->path, role, &err);
    fm_image_free(image);
    photo->found = status == FM_OK;
    if (status == FM_E_NOT_FOUND)
        skip(run, TRAIN_NO_FACE, person, photo->path, &err,
             shows
                 ? "; take it away"
                 : "; take it away, or give --aligned if the pictures are crops of faces already");
    else if (status == FM_E_REFUSED)
        skip(run, TRAIN_UNFIT, person, photo->path, &err, "; take it away");
    else if (status != FM_OK)
        out_image_error(photo->path, &err);
    return status == FM_OK || status == FM_E_NOT_FOUND || status == FM_E_REFUSED;
}

static bool add_all(train_run *run, faces *f, const fm_frame_class *shows, const bool *left_out)
{
    bool ok = true;
    for (size_t i = 0; i < f->count && ok; i++) {
        int32_t person = f->photos[i].person;
        bool validation = !left_out || left_out[person];
        ok = add_photo(run, f->people.items[person], &f->photos[i], shows ? &shows[i] : NULL,
                       validation ? FM_ROLE_VALIDATION : FM_ROLE_TRAIN);
        f->undetected += ok && !f->photos[i].found;
        bar_step();
    }
    return ok;
}

bool train_photos_add(train_run *run)
{
    train_photos *p = &run->photos;
    bar_begin("reading", p->data.count + p->validation.count);
    bool ok = add_all(run, &p->data, p->shows[0], p->left_out) &&
              add_all(run, &p->validation, p->shows[1], NULL);
    bar_end();
    if (ok && p->data.undetected == p->data.count) {
        out_error(NULL, FM_E_NOT_FOUND, "not one of the %zu photographs can be used",
                  p->data.count);
        ok = false;
    }
    return ok;
}
