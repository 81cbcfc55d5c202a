#include <stdlib.h>

#include "output.h"
#include "pad.h"
#include "train.h"

/* Take over what was read: photographs, the people in them, and what they show. */
static void take(pad_set *from, faces *f, fm_frame_class **shows)
{
    names people = f->people;
    f->people = from->people;
    from->people = people;
    *shows = out_alloc(from->count, sizeof **shows);
    for (size_t i = 0; i < from->count; i++) {
        pad_photo *photo = &from->photos[i];
        (*shows)[faces_add(f, photo->path, photo->person)] =
            photo->kind == PAD_LIVE ? FM_FRAME_LIVE : FM_FRAME_ATTACK;
        photo->path = NULL;
    }
}

static bool read_folder(faces *f, fm_frame_class **shows, const char *folder, const char *labels)
{
    pad_set set = {0};
    bool ok = labels ? pad_read(&set, labels, folder, true) : pad_read_folders(&set, folder);
    if (ok)
        take(&set, f, shows);
    pad_free(&set);
    return ok;
}

bool train_frames_list(train_photos *p, const options *opts)
{
    if (!opts->data) {
        out_error(NULL, FM_E_INVALID_ARGUMENT,
                  "a liveness model is trained on --data, with folders live and spoof or with "
                  "--labels");
        return false;
    }
    return read_folder(&p->data, &p->shows[0], opts->data, opts->labels) &&
           (!opts->validation || read_folder(&p->validation, &p->shows[1], opts->validation, NULL));
}

/* Those of whom there are live faces and attacks: left out, each of them can be judged by. */
size_t train_frames_with_both(const train_photos *p, size_t *people)
{
    const faces *f = &p->data;
    bool *seen = out_alloc(2 * f->people.count, sizeof *seen);
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++)
        seen[2 * (size_t)f->photos[i].person + (p->shows[0][i] == FM_FRAME_LIVE)] = true;
    for (size_t i = 0; i < f->people.count; i++)
        if (seen[2 * i] && seen[2 * i + 1])
            people[count++] = i;
    free(seen);
    return count;
}

void train_frames_tell(const train_run *run)
{
    const train_photos *p = &run->photos;
    size_t count[2][2] = {{0}}; /* [left out][live], of those with a face */
    for (int part = 0; part < 2; part++) {
        const faces *f = part ? &p->validation : &p->data;
        for (size_t i = 0; i < f->count; i++)
            if (f->photos[i].found)
                count[part || p->left_out[f->photos[i].person]]
                     [p->shows[part][i] == FM_FRAME_LIVE]++;
    }
    out_line("  to train on: %zu live, %zu attacks; left out: %zu live, %zu attacks", count[0][1],
             count[0][0], count[1][1], count[1][0]);
    if (p->data.undetected + p->validation.undetected > 0)
        out_line("  not used: %zu of %zu: %zu without a face, %zu unfit, %zu unreadable",
                 p->data.undetected + p->validation.undetected, p->data.count + p->validation.count,
                 run->tally[TRAIN_NO_FACE], run->tally[TRAIN_UNFIT], run->tally[TRAIN_UNREADABLE]);
}
