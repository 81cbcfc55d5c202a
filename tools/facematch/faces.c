#include "faces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache.h"
#include "files.h"
#include "output.h"
#include "passed.h"
#include "workers.h"

/* --- which photographs --- */

int32_t faces_person(faces *f, const char *name)
{
    if (f->people.count == 0 || strcmp(f->people.items[f->people.count - 1], name) != 0)
        names_add(&f->people, out_format("%s", name));
    return (int32_t)f->people.count - 1;
}

size_t faces_add(faces *f, char *path, int32_t person)
{
    if (f->count == f->room) {
        size_t room = f->room ? 2 * f->room : 256;
        face_photo *photos = out_alloc(room, sizeof *photos);
        if (f->count)
            memcpy(photos, f->photos, f->count * sizeof *photos);
        free(f->photos);
        f->photos = photos;
        f->room = room;
    }
    f->photos[f->count] = (face_photo){path, person, false};
    return f->count++;
}

static bool read_person(faces *f, const char *folder, const char *name, passed *left)
{
    names pictures = {0};
    char *path = out_format("%s/%s", folder, name);
    bool ok = passed_walk(left, path, NULL, &pictures) || out_cannot_read(path);
    for (size_t i = 0; i < pictures.count; i++)
        faces_add(f, out_format("%s/%s", path, pictures.items[i]), faces_person(f, name));
    names_free(&pictures);
    free(path);
    return ok;
}

bool faces_read_folder(faces *f, const char *folder, const names *only)
{
    names people = {0};
    passed left = {0};
    bool ok = passed_walk(&left, folder, &people, NULL) || out_cannot_read(folder);
    for (size_t i = 0; i < people.count && ok; i++)
        if (!only || names_find(only, people.items[i]) != SIZE_MAX)
            ok = read_person(f, folder, people.items[i], &left);
    passed_tell(&left, folder);
    if (ok && f->count == 0) {
        out_error(NULL, FM_E_NOT_FOUND, "%s: no folder of a person with a picture in it", folder);
        ok = false;
    }
    names_free(&people);
    return ok;
}

bool faces_read_names(const char *path, names *out)
{
    FILE *file = files_open_text(path);
    char *line = NULL;
    size_t room = 0;
    if (!file)
        return false;
    while (getline(&line, &room, file) >= 0) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0])
            names_add(out, out_format("%s", line));
    }
    free(line);
    fclose(file);
    names_sort(out);
    return true;
}

/* --- embedding --- */

typedef struct work {
    faces *f;
    const context *ctx;
    bool *known;  /* [photo]: from the file */
    size_t *todo; /* the others */
    size_t todo_count;
} work;

static fm_status embed_photo(void *data, fm_session *session, size_t i, fm_error *err)
{
    const work *w = data;
    face_photo *photo = &w->f->photos[w->todo[i]];
    embedding vector = {.values = w->f->vectors + w->todo[i] * w->f->dim, .dim = w->f->dim};
    fm_image *image = NULL;
    fm_status status = fm_image_load_file(&image, photo->path, NULL, err);
    if (status != FM_OK)
        return status;
    status = ctx_embed_image(w->ctx, session, image, &vector, err);
    fm_image_free(image);
    photo->found = status == FM_OK;
    return status == FM_E_NOT_FOUND ? FM_OK : status;
}

static const char *path_of(const void *data, size_t i)
{
    const work *w = data;
    return w->f->photos[w->todo[i]].path;
}

static bool embed_unknown(work *w)
{
    w->todo = out_alloc(w->f->count, sizeof *w->todo);
    for (size_t i = 0; i < w->f->count; i++)
        if (!w->known[i])
            w->todo[w->todo_count++] = i;
    const workload load = {"embedding", w->todo_count, w, embed_photo, path_of};
    bool ok = workers_run(w->ctx, &load);
    free(w->todo);
    return ok;
}

/* --- the file of embeddings --- */

/* All that decides a vector beside the embedder. */
static char *settings_of(const context *ctx)
{
    const options *o = ctx->opts;
    fm_model_info info = {.struct_size = sizeof info};
    if (!ctx->detector || fm_model_describe(ctx->detector, &info, NULL) != FM_OK)
        info.id[0] = '\0';
    return out_format("detector %.16s, aligned %d, flip %d, precision %d, select %d, min-face %d",
                      info.id, o->aligned, o->flip, (int)o->precision, (int)o->selection,
                      (int)o->min_face);
}

/* The last two parts of the path: where the folder lies does not matter. */
static const char *short_name(const char *path)
{
    const char *name = path + strlen(path);
    for (int parts = 0; name > path; name--)
        if (name[-1] == '/' && ++parts == 2)
            break;
    return name;
}

static bool look(const char *path, cache_entry *entry)
{
    struct stat info;
    entry->name = (char *)short_name(path);
    if (stat(path, &info) != 0)
        return false; /* reading it will tell why */
    entry->size = info.st_size;
    entry->changed_ns = info.st_mtim.tv_sec * 1000000000LL + info.st_mtim.tv_nsec;
    return true;
}

static void take_known(faces *f, const cache *c, bool *known)
{
    for (size_t i = 0; i < f->count; i++) {
        cache_entry here = {0};
        const cache_entry *entry = NULL;
        if (look(f->photos[i].path, &here))
            entry = cache_find(c, here.name, here.size, here.changed_ns);
        if (!entry)
            continue;
        known[i] = true;
        f->reused++;
        f->photos[i].found = entry->found;
        memcpy(f->vectors + i * f->dim, entry->vector, f->dim * sizeof(float));
    }
}

static bool keep_new(const faces *f, cache *c, const bool *known, const char *path)
{
    if (f->reused == f->count)
        return true;
    for (size_t i = 0; i < f->count; i++) {
        cache_entry entry = {.found = f->photos[i].found, .vector = f->vectors + i * f->dim};
        if (!known[i] && look(f->photos[i].path, &entry))
            cache_put(c, &entry);
    }
    return cache_write(c, path);
}

static bool reserve(faces *f, const context *ctx)
{
    f->dim = (size_t)ctx->model.dim;
    if (f->count > SIZE_MAX / sizeof(float) / f->dim) {
        out_error(NULL, FM_E_LIMIT, "%zu photographs are too many", f->count);
        return false;
    }
    f->vectors = out_alloc(f->count * f->dim, sizeof(float));
    return true;
}

bool faces_embed(faces *f, const context *ctx)
{
    const char *file = ctx->opts->embeddings;
    cache c = {0};
    if (!reserve(f, ctx))
        return false;
    work w = {.f = f, .ctx = ctx};
    w.known = out_alloc(f->count, sizeof *w.known);
    char *settings = settings_of(ctx);
    bool ok = !file || cache_read(&c, file, ctx->model.id, settings, f->dim);
    if (ok && file)
        take_known(f, &c, w.known);
    ok = ok && (!file || f->reused == f->count || files_can_write(file));
    ok = ok && embed_unknown(&w) && (!file || keep_new(f, &c, w.known, file));
    for (size_t i = 0; i < f->count; i++)
        f->undetected += !f->photos[i].found;
    cache_free(&c);
    free(settings);
    free(w.known);
    return ok;
}

const float *faces_vector(const faces *f, size_t photo)
{
    return f->vectors + photo * f->dim;
}

void faces_free(faces *f)
{
    if (f->vectors)
        explicit_bzero(f->vectors, f->count * f->dim * sizeof(float));
    free(f->vectors);
    for (size_t i = 0; i < f->count; i++)
        free(f->photos[i].path);
    free(f->photos);
    names_free(&f->people);
    *f = (faces){0};
}
