#include "pad.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "output.h"
#include "workers.h"

/* --- the labels --- */

typedef struct columns {
    size_t path, label, attack, person; /* the last two may be absent: SIZE_MAX */
} columns;

int32_t pad_number_of(names *list, const char *name)
{
    for (size_t i = list->count; i-- > 0;) /* most often it is that of the line before */
        if (strcmp(list->items[i], name) == 0)
            return (int32_t)i;
    names_add(list, out_format("%s", name));
    return (int32_t)list->count - 1;
}

/* -1: the label is neither. */
static int32_t kind_of(pad_set *p, const csv *c, const columns *at)
{
    const char *label = c->cells[at->label];
    const char *attack = at->attack == SIZE_MAX ? "" : c->cells[at->attack];
    if (strcmp(label, "live") == 0)
        return PAD_LIVE;
    if (strcmp(label, "spoof") != 0 || strcmp(attack, "live") == 0)
        return -1;
    return pad_number_of(&p->kinds, attack[0] ? attack : "attack");
}

int32_t pad_person_of(pad_set *p, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    name += strcspn(name, "0123456789");
    int length = (int)strspn(name, "0123456789");
    if (length == 0)
        return -1;
    char *digits = out_format("%.*s", length, name);
    int32_t person = pad_number_of(&p->people, digits);
    free(digits);
    return person;
}

/* By the column, if there is one. */
static int32_t person_of(pad_set *p, const csv *c, const columns *at)
{
    if (at->person == SIZE_MAX)
        return pad_person_of(p, c->cells[at->path]);
    return c->cells[at->person][0] ? pad_number_of(&p->people, c->cells[at->person]) : -1;
}

void pad_add(pad_set *p, pad_photo photo)
{
    if (p->count == p->room) {
        size_t room = p->room ? 2 * p->room : 256;
        pad_photo *photos = out_alloc(room, sizeof *photos);
        if (p->count)
            memcpy(photos, p->photos, p->count * sizeof *photos);
        free(p->photos);
        p->photos = photos;
        p->room = room;
    }
    p->photos[p->count++] = photo;
}

static bool read_line(pad_set *p, const char *folder, const csv *c, const columns *at)
{
    const char *path = c->cells[at->path];
    int32_t kind = kind_of(p, c, at);
    if (!path[0])
        return csv_refuse(c, "there is no path");
    if (kind < 0)
        return csv_refuse(c, "the label must be live, or spoof with a kind of attack");
    int32_t person = p->with_people ? person_of(p, c, at) : -1;
    if (p->with_people && person < 0)
        return csv_refuse(c, at->person == SIZE_MAX
                                 ? "who is this? There is no column person, and no digit in the "
                                   "file's name"
                                 : "there is no person");
    pad_add(p, (pad_photo){.path = path[0] == '/' ? out_format("%s", path)
                                                  : out_format("%s/%s", folder, path),
                           .kind = kind,
                           .person = person});
    return true;
}

bool pad_has_both(const pad_set *p, const char *where, bool table)
{
    size_t live = 0;
    for (size_t i = 0; i < p->count; i++)
        live += p->photos[i].kind == PAD_LIVE;
    if (live > 0 && live < p->count)
        return true;
    out_error(NULL, FM_E_STATE, "%s: there must be live faces and attacks, %s", where,
              table ? "labels live and spoof" : "folders live and spoof");
    return false;
}

static bool read_lines(pad_set *p, const char *folder, csv *c)
{
    columns at = {csv_column(c, "path"), csv_column(c, "label"), csv_column(c, "attack"),
                  csv_column(c, "person")};
    bool ok = true;
    if (at.path == SIZE_MAX || at.label == SIZE_MAX)
        return csv_refuse(c, "there must be columns path and label");
    p->with_people |= at.person != SIZE_MAX;
    while (csv_next(c, &ok))
        ok = read_line(p, folder, c, &at);
    return ok;
}

bool pad_read(pad_set *p, const char *labels, const char *folder, bool with_people)
{
    csv c;
    if (!csv_open(&c, labels, 2,
                  "the first line must name the columns, with commas between: path,label,attack"))
        return false;
    names_add(&p->kinds, out_format("live"));
    p->with_people = with_people;
    bool ok = read_lines(p, folder, &c);
    csv_close(&c);
    return ok && pad_has_both(p, labels, true);
}

bool pad_check_folds(const pad_set *p, const char *labels, int64_t folds)
{
    if (folds <= (int64_t)p->people.count)
        return true;
    out_error(NULL, FM_E_INVALID_ARGUMENT, "%s: %zu people do not fill %lld folds", labels,
              p->people.count, (long long)folds);
    return false;
}

void pad_free(pad_set *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->photos[i].path);
    free(p->photos);
    names_free(&p->kinds);
    names_free(&p->people);
    *p = (pad_set){0};
}

/* --- looking --- */

typedef struct look {
    pad_set *p;
    const fm_liveness_options *lines;
} look;

static fm_status look_at(void *data, fm_session *session, size_t i, fm_error *err)
{
    const look *l = data;
    pad_photo *photo = &l->p->photos[i];
    fm_image *image = NULL;
    fm_status status = fm_image_load_file(&image, photo->path, NULL, err);
    if (status != FM_OK)
        return status;
    photo->seen.struct_size = sizeof photo->seen;
    status = fm_liveness(session, image, NULL, l->lines, &photo->seen, err);
    fm_image_free(image);
    photo->found = status == FM_OK;
    photo->scored = photo->found && (photo->seen.reason == FM_LIVENESS_REASON_NONE ||
                                     photo->seen.reason == FM_LIVENESS_REASON_BETWEEN);
    return status == FM_E_NOT_FOUND ? FM_OK : status;
}

static const char *path_of(const void *data, size_t i)
{
    return ((const look *)data)->p->photos[i].path;
}

bool pad_look(pad_set *p, const context *ctx, const fm_liveness_options *lines)
{
    look l = {p, lines};
    const workload load = {"looking", p->count, &l, look_at, path_of};
    return workers_run(ctx, &load);
}

/* --- thresholds --- */

int32_t pad_fold(const pad_photo *photo, int32_t folds)
{
    return folds > 0 ? photo->person % folds : 0;
}

static char *calibrate(const float *scores, const int32_t *kinds, size_t n, const char *dataset)
{
    fm_error err = {sizeof err, 0, ""};
    fm_calibration_options settings;
    char *text = NULL;
    size_t needed = 0;
    fm_calibration_options_init(&settings, sizeof settings);
    settings.dataset = dataset;
    fm_status status = fm_liveness_calibrate(scores, kinds, n, &settings, NULL, 0, &needed, &err);
    if (status == FM_E_BUFFER_TOO_SMALL) {
        text = out_alloc(needed, 1);
        status = fm_liveness_calibrate(scores, kinds, n, &settings, text, needed, NULL, &err);
    }
    if (status == FM_OK)
        return text;
    out_library_error(NULL, &err);
    free(text);
    return NULL;
}

char *pad_calibration(const pad_set *p, const char *dataset, int32_t folds, int32_t left_out)
{
    float *scores = out_alloc(p->count, sizeof *scores);
    int32_t *kinds = out_alloc(p->count, sizeof *kinds);
    size_t n = 0;
    for (size_t i = 0; i < p->count; i++) {
        const pad_photo *photo = &p->photos[i];
        if (!photo->scored || (left_out >= 0 && pad_fold(photo, folds) == left_out))
            continue;
        scores[n] = photo->seen.score;
        kinds[n++] = photo->kind;
    }
    char *text = calibrate(scores, kinds, n, dataset);
    free(scores);
    free(kinds);
    return text;
}

bool pad_lines_of(const char *calibration, const options *opts, pad_lines *out)
{
    fm_error err = {sizeof err, 0, ""};
    fm_liveness_options targets;
    fm_liveness_options_init(&targets, sizeof targets);
    targets.apcer = opts->apcer;
    targets.bpcer = opts->bpcer;
    if (fm_liveness_thresholds(calibration, &targets, &out->live, &out->spoof, &err) == FM_OK)
        return true;
    out_library_error(NULL, &err);
    return false;
}
