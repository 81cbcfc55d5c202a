#include "pad.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "output.h"
#include "workers.h"

/* --- the labels --- */

typedef struct columns {
    size_t path, label, attack, person; /* the last two may be absent: SIZE_MAX */
} columns;

static int32_t number_of(names *list, const char *name)
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
    return number_of(&p->kinds, attack[0] ? attack : "attack");
}

/* Who it is by the column, or by the first digits of the file's name; -1: there are none. */
static int32_t person_of(pad_set *p, const csv *c, const columns *at)
{
    if (at->person != SIZE_MAX)
        return c->cells[at->person][0] ? number_of(&p->people, c->cells[at->person]) : -1;
    const char *path = c->cells[at->path], *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    name += strcspn(name, "0123456789");
    int length = (int)strspn(name, "0123456789");
    if (length == 0)
        return -1;
    char *digits = out_format("%.*s", length, name);
    int32_t person = number_of(&p->people, digits);
    free(digits);
    return person;
}

static void add_photo(pad_set *p, pad_photo photo)
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

static bool read_line(pad_set *p, const options *opts, const csv *c, const columns *at)
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
    add_photo(p, (pad_photo){.path = path[0] == '/' ? out_format("%s", path)
                                                    : out_format("%s/%s", opts->images, path),
                             .kind = kind,
                             .person = person});
    return true;
}

static bool read_lines(pad_set *p, const options *opts, csv *c)
{
    columns at = {csv_column(c, "path"), csv_column(c, "label"), csv_column(c, "attack"),
                  csv_column(c, "person")};
    bool ok = true;
    size_t live = 0;
    if (at.path == SIZE_MAX || at.label == SIZE_MAX)
        return csv_refuse(c, "there must be columns path and label");
    p->with_people = at.person != SIZE_MAX || opts->folds;
    while (csv_next(c, &ok))
        ok = read_line(p, opts, c, &at);
    if (!ok)
        return false;
    for (size_t i = 0; i < p->count; i++)
        live += p->photos[i].kind == PAD_LIVE;
    if (live > 0 && live < p->count)
        return true;
    out_error(NULL, FM_E_STATE, "%s: there must be live faces and attacks", opts->labels);
    return false;
}

bool pad_read(pad_set *p, const options *opts)
{
    csv c;
    if (!csv_open(&c, opts->labels, 2, "the first line must name the columns: path,label,attack"))
        return false;
    names_add(&p->kinds, out_format("live"));
    bool ok = read_lines(p, opts, &c);
    csv_close(&c);
    if (ok && opts->folds > (int64_t)p->people.count) {
        out_error(NULL, FM_E_INVALID_ARGUMENT, "%s: %zu people do not fill %lld folds",
                  opts->labels, p->people.count, (long long)opts->folds);
        ok = false;
    }
    return ok;
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

/* As liveness.h has it: the lowest score with few enough attacks, the highest with few enough live
 * faces; and where they cross, they change places. */
static bool draw_lines(const json_t *points, double apcer, double bpcer, pad_lines *out)
{
    double live = NAN, spoof = NAN;
    for (size_t i = 0; i < json_array_size(points); i++) {
        const json_t *point = json_array_get(points, i);
        double score = json_number_value(json_object_get(point, "score"));
        if (isnan(live) && json_number_value(json_object_get(point, "apcer")) <= apcer)
            live = score;
        if (json_number_value(json_object_get(point, "bpcer")) <= bpcer)
            spoof = score;
    }
    *out = (pad_lines){(float)fmax(live, spoof), (float)fmin(live, spoof)};
    return !isnan(live) && !isnan(spoof);
}

bool pad_lines_of(const char *calibration, const options *opts, pad_lines *out)
{
    double apcer = opts->apcer > 0 ? opts->apcer : 0.05;
    double bpcer = opts->bpcer > 0 ? opts->bpcer : 0.05;
    json_t *object = json_loads(calibration, 0, NULL);
    json_int_t attacks = json_integer_value(json_object_get(object, "attacks"));
    json_int_t live = json_integer_value(json_object_get(object, "live"));
    bool ok = apcer * (double)attacks >= 1 && bpcer * (double)live >= 1 &&
              draw_lines(json_object_get(object, "points"), apcer, bpcer, out);
    if (!ok)
        out_error(NULL, FM_E_LIMIT,
                  "%lld attacks of the rarest kind and %lld live faces are too few for an apcer of "
                  "%g and a bpcer of %g",
                  (long long)attacks, (long long)live, apcer, bpcer);
    json_decref(object);
    return ok;
}
