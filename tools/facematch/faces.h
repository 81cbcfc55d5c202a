/* Many photographs of many people, each embedded once, by several threads, or taken from the file
 * of --embeddings. */
#ifndef TOOL_FACES_H
#define TOOL_FACES_H

#include "context.h"
#include "walk.h"

typedef struct face_photo {
    char *path;
    int32_t person; /* its name: people.items[person] */
    bool found;     /* a face, after faces_embed */
} face_photo;

typedef struct faces {
    names people;
    face_photo *photos;
    size_t count, room;
    float *vectors; /* [photo][dim] */
    size_t dim, undetected, reused;
} faces;

/* The number of a person; names must come in groups: a new one is compared with the last only. */
int32_t faces_person(faces *f, const char *name);

/* One more photograph; takes over the path. Its index. */
size_t faces_add(faces *f, char *path, int32_t person);

/* Every picture of every sub-folder, which is a person; only those named, unless only is NULL
 * (sorted by bytes). False: reported. */
bool faces_read_folder(faces *f, const char *folder, const names *only);

/* Names, one a line, sorted; empty lines are skipped. False: reported. */
bool faces_read_names(const char *path, names *out);

/* Embed all, or say why not. A photograph without a face is counted; one that cannot be read ends
 * the work. */
bool faces_embed(faces *f, const context *ctx);

const float *faces_vector(const faces *f, size_t photo);
void faces_free(faces *f); /* wipes */

#endif
