#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "output.h"
#include "page.h"
#include "train.h"
#include "walk.h"

static const fm_augmentation LIGHT = {0.5f, 0.04f, 0.05f, 0.08f, 0.15f, 0};
/* What parts a print from a face is finer than what moving a crop's pixels leaves. */
static const fm_augmentation LIGHT_FRAMES = {0.5f, 0, 0, 0.08f, 0.15f, 0};
static const fm_augmentation STRONG = {0.5f, 0.08f, 0.12f, 0.2f, 0.35f, 1.5f};

/* --- --augment --- */

typedef struct augment_key {
    const char *name;
    size_t offset;
    float most;
} augment_key;

static const augment_key KEYS[] = {{"flip", offsetof(fm_augmentation, flip), 1},
                                   {"shift", offsetof(fm_augmentation, shift), 0.5f},
                                   {"scale", offsetof(fm_augmentation, scale), 0.5f},
                                   {"brightness", offsetof(fm_augmentation, brightness), 1},
                                   {"contrast", offsetof(fm_augmentation, contrast), 1},
                                   {"blur", offsetof(fm_augmentation, blur), 8},
                                   {NULL, 0, 0}};

/* One KEY=VALUE of `length` bytes. */
static bool parse_pair(const options *opts, const char *text, size_t length, fm_augmentation *out)
{
    const char *equals = memchr(text, '=', length);
    size_t named = equals ? (size_t)(equals - text) : length;
    for (const augment_key *key = KEYS; equals && key->name; key++) {
        if (strlen(key->name) != named || memcmp(key->name, text, named) != 0)
            continue;
        char *end = NULL;
        double value = strtod(equals + 1, &end);
        if (end == equals + 1 || end != text + length || !(value >= 0) || value > key->most) {
            options_misuse(opts, "--augment %s takes a number from 0 to %g", key->name,
                           (double)key->most);
            return false;
        }
        *(float *)((char *)out + key->offset) = (float)value;
        return true;
    }
    options_misuse(opts,
                   "--augment takes none, light, strong, or flip=, shift=, scale=, brightness=, "
                   "contrast= and blur= with commas between, not '%.*s'",
                   (int)length, text);
    return false;
}

static bool all_frozen(const options *opts)
{
    for (size_t i = 0; i < opts->freeze.count; i++)
        if (strcmp(opts->freeze.items[i], "all") == 0)
            return true;
    return false;
}

static const char *augment_of(const options *opts)
{
    return opts->augment ? opts->augment : all_frozen(opts) ? "none" : "light";
}

static const char *augment_for(const train_run *run)
{
    return run->opts->augment || !run->ctx.liveness ? augment_of(run->opts) : "light";
}

static bool parse_augment(const options *opts, const char *text, fm_augmentation *out)
{
    *out = (fm_augmentation){0};
    if (strcmp(text, "none") == 0)
        return true;
    if (strcmp(text, "light") == 0 || strcmp(text, "strong") == 0) {
        *out = text[0] == 'l' ? LIGHT : STRONG;
        return true;
    }
    for (;;) {
        size_t length = strcspn(text, ",");
        if (!parse_pair(opts, text, length, out))
            return false;
        if (!text[length])
            return true;
        text += length + 1;
    }
}

/* --- combinations --- */

static bool refuse(const options *opts, bool wrong, const char *what)
{
    if (wrong)
        options_misuse(opts, "%s", what);
    return !wrong;
}

static bool check_sources(const options *o)
{
    return refuse(o, !o->arch == !o->from, "give --arch or --from, one of the two") &&
           refuse(o, o->model, "--model is for other commands; say --from, or --arch") &&
           refuse(o, !o->data == !o->list, "give --data or --list, one of the two") &&
           refuse(o, o->labels && !o->data, "--labels goes with --data") &&
           refuse(o, o->validation && o->leave_out >= 0,
                  "give --leave-out or --validation, not both") &&
           refuse(o, !o->out, "--out is needed") &&
           refuse(o, o->resume && !o->checkpoint, "--resume needs --checkpoint");
}

static bool check_pieces(const options *o)
{
    bool triplet = !o->loss || o->loss == FM_LOSS_TRIPLET;
    return refuse(o, !triplet && (o->mining || o->margin != 0 || o->reduction),
                  "--mining, --margin and --reduction are of --loss triplet") &&
           refuse(o, o->optimizer != FM_OPTIMIZER_SGD && !isnan(o->momentum),
                  "--momentum is of --optimizer sgd") &&
           refuse(o, o->schedule != FM_SCHEDULE_STEP && o->schedule_epochs,
                  "--schedule-epochs is of --schedule step");
}

static bool is_free(const options *opts, const char *path, const char *else_do)
{
    if (opts->force || access(path, F_OK) != 0)
        return true;
    out_error(NULL, FM_E_EXISTS, "%s is there already; %s", path, else_do);
    return false;
}

static bool check_files(const options *o)
{
    size_t length = strlen(o->out);
    if (length < 4 || strcmp(o->out + length - 3, ".pt") != 0)
        return refuse(o, true, "--out takes a path that ends in .pt");
    if (o->report && !page_is_html(o->report))
        return refuse(o, true, "--report takes a path that ends in .html");
    return is_free(o, o->out, "--force replaces it") &&
           (!o->checkpoint || o->resume ||
            is_free(o, o->checkpoint, "--resume goes on from it, --force begins anew")) &&
           files_can_write(o->out) && (!o->checkpoint || files_can_write(o->checkpoint)) &&
           (!o->report || files_can_write(o->report));
}

/* Sub-folders are what every training reads, unless a table names the photographs: people, or live
 * and spoof. */
static bool has_folders(const char *folder, bool needed)
{
    names found = {0};
    bool ok = walk_folder(folder, WALK_FOLDERS, &found) || out_cannot_read(folder);
    if (ok && needed && found.count == 0) {
        out_error(NULL, FM_E_NOT_FOUND,
                  "%s: no folders in it; it takes one for each person, with the person's "
                  "photographs, or for a liveness model live and spoof",
                  folder);
        ok = false;
    }
    names_free(&found);
    return ok;
}

/* What is to be read, before models are: those take a while. */
static bool check_photographs(const options *o)
{
    return (!o->data || has_folders(o->data, !o->labels)) &&
           (!o->list || files_can_read(o->list)) && (!o->labels || files_can_read(o->labels)) &&
           (!o->validation || has_folders(o->validation, true));
}

bool train_check(const options *opts)
{
    fm_augmentation augmentation;
    return check_sources(opts) && check_pieces(opts) &&
           parse_augment(opts, augment_of(opts), &augmentation) && check_files(opts) &&
           check_photographs(opts);
}

/* --- to the library --- */

static int32_t threads_of(const options *opts)
{
    long cores = opts->threads ? (long)opts->threads : sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > 256 ? 256 : (int32_t)cores;
}

/* What makes no sense for the kind of model. */
static bool check_kind(const train_run *run)
{
    const options *o = run->opts;
    if (!run->ctx.liveness)
        return refuse(o, o->labels, "--labels is for a liveness model");
    return refuse(o, o->mining || o->margin != 0 || o->reduction,
                  "--mining, --margin and --reduction are not for a liveness model");
}

bool train_settings_make(train_run *run)
{
    const options *o = run->opts;
    fm_trainer_options *s = &run->settings;
    if (!check_kind(run))
        return false;
    fm_trainer_options_init(s, sizeof *s);
    s->loss = (fm_loss)o->loss;
    s->mining = (fm_mining)o->mining;
    s->reduction = (fm_reduction)o->reduction;
    s->margin = (float)o->margin;
    s->people_per_batch = (int32_t)o->people_per_batch;
    s->photographs_per_person = (int32_t)o->photographs;
    s->epochs = (int32_t)o->epochs;
    s->steps_per_epoch = (int32_t)o->steps;
    s->optimizer = (fm_optimizer)o->optimizer;
    s->learning_rate = (float)o->rate;
    s->momentum = isnan(o->momentum) ? 0 : o->momentum == 0 ? -1 : (float)o->momentum;
    s->weight_decay = (float)o->weight_decay;
    s->schedule = (fm_schedule)o->schedule;
    s->schedule_epochs = (int32_t)o->schedule_epochs;
    s->patience = (int32_t)o->patience;
    s->fresh = o->arch != NULL;
    s->head_dim = (int32_t)o->head;
    s->freeze = o->freeze.items;
    s->freeze_count = o->freeze.count;
    s->seed = (uint64_t)o->seed;
    s->device = o->device;
    s->threads = threads_of(o);
    s->aligned = o->aligned;
    s->detector = run->ctx.detector;
    s->on_finding = train_on_finding;
    s->on_check = train_on_check;
    s->user = run;
    if (run->ctx.liveness && strcmp(augment_for(run), "light") == 0) {
        s->augmentation = LIGHT_FRAMES;
        return true;
    }
    return parse_augment(o, augment_of(o), &s->augmentation);
}

/* --- what was given --- */

static const char *choice_name(const option_spec *spec, int64_t value)
{
    for (const option_choice *choice = spec->choices; choice->name; choice++)
        if (choice->value == value)
            return choice->name;
    return NULL;
}

static json_t *texts_json(const text_list *list)
{
    json_t *array = list->count ? json_array() : NULL;
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, out_text(list->items[i]));
    return array;
}

/* NULL: not given, or the default. */
static json_t *value_of(const options *opts, const option_spec *spec)
{
    const void *member = (const char *)opts + spec->offset;
    const int64_t *integer = member;
    const double *real = member;
    const char *name;
    switch (spec->kind) {
    case OPTION_FLAG:
        return *(const bool *)member ? json_true() : NULL;
    case OPTION_TEXT:
        return *(const char *const *)member ? out_text(*(const char *const *)member) : NULL;
    case OPTION_TEXTS:
        return texts_json(member);
    case OPTION_INTEGER:
        return *integer > 0 || (spec->min == 0 && *integer == 0) ? json_integer(*integer) : NULL;
    case OPTION_CHOICE:
        name = choice_name(spec, *integer);
        return name ? json_string(name) : NULL;
    case OPTION_REAL:
    case OPTION_RATE:
        return *real != 0 && !isnan(*real) ? out_real(*real) : NULL;
    case OPTION_SET:
        break;
    }
    return NULL;
}

json_t *train_settings_json(const train_run *run)
{
    json_t *object = json_object();
    for (const option_spec *spec = OPTIONS; spec->name; spec++)
        if ((spec->commands & FOR_TRAIN) && strcmp(spec->name, "json") != 0)
            json_object_set_new(object, spec->name, value_of(run->opts, spec));
    json_object_set_new(object, "loss", json_string(train_loss_name(run)));
    json_object_set_new(object, "augment", json_string(augment_for(run)));
    json_object_set_new(object, "threads", json_integer(run->settings.threads));
    return object;
}

const char *train_loss_name(const train_run *run)
{
    switch (run->settings.loss) {
    case FM_LOSS_SOFTMAX:
        return "softmax";
    case FM_LOSS_SIAMESE:
        return "siamese";
    case FM_LOSS_CHI_SQUARED:
        return "chi-squared";
    default:
        return "triplet";
    }
}
