/* Trains a liveness model step by step, for test_liveness_steps.py.
 *
 *     liveness_steps MODEL DETECTOR FOLDER [SETTING=VALUE ...] < frames
 *
 * A frame a line: role (fm_role), what it shows (fm_frame_class), person, path, with tabs between.
 * Settings: optimizer, rate, momentum, decay, epochs, steps, seed, any number of freeze. On stdout
 * a line of JSON for each step, with its loss and the frames of its batch, and one for each epoch.
 * FOLDER gets crops.0, crops.1, ... (uint8[frame][height][width][3], RGB: what each network is
 * shown) and trained.pt. */
#include "core/memory.h"
#include "image/image.h"
#include "train/trainer.h"
#include <facematch/facematch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FROZEN_MOST = 8, STEPS_MOST = 64 };

typedef struct work {
    fm_model *model, *detector;
    fm_trainer *trainer;
    fm_trainer_options options;
    const char *frozen[FROZEN_MOST];
    const char *folder;
    double losses[STEPS_MOST]; /* of the epoch's steps */
    fm_error err;
} work;

static fm_status set(work *w, const char *text)
{
    const char *value = strchr(text, '=');
    fm_trainer_options *o = &w->options;
    size_t name = value ? (size_t)(value++ - text) : 0;
    if (name == 9 && !memcmp(text, "optimizer", name))
        o->optimizer = atoi(value);
    else if (name == 4 && !memcmp(text, "rate", name))
        o->learning_rate = strtof(value, NULL);
    else if (name == 8 && !memcmp(text, "momentum", name))
        o->momentum = strtof(value, NULL);
    else if (name == 5 && !memcmp(text, "decay", name))
        o->weight_decay = strtof(value, NULL);
    else if (name == 6 && !memcmp(text, "epochs", name))
        o->epochs = atoi(value);
    else if (name == 5 && !memcmp(text, "steps", name))
        o->steps_per_epoch = atoi(value);
    else if (name == 4 && !memcmp(text, "seed", name))
        o->seed = strtoull(value, NULL, 10);
    else if (name == 6 && !memcmp(text, "freeze", name) && o->freeze_count < FROZEN_MOST)
        w->frozen[o->freeze_count++] = value;
    else
        return FM_E_INVALID_ARGUMENT;
    return FM_OK;
}

static fm_status open_work(work *w, int argc, char **argv)
{
    fm_status status = argc < 4 ? FM_E_INVALID_ARGUMENT : FM_OK;
    fm_trainer_options_init(&w->options, sizeof w->options);
    for (int i = 4; i < argc && status == FM_OK; i++)
        status = set(w, argv[i]);
    if (status != FM_OK)
        return status;
    w->folder = argv[3];
    w->options.freeze = w->frozen;
    w->options.people_per_batch = 2; /* six frames in a batch */
    w->options.photographs_per_person = 3;
    status = fm_model_load(&w->model, argv[1], NULL, &w->err);
    if (status == FM_OK)
        status = fm_model_load(&w->detector, argv[2], NULL, &w->err);
    w->options.detector = w->detector;
    return status == FM_OK ? fm_trainer_create(&w->trainer, w->model, &w->options, &w->err)
                           : status;
}

static fm_status add_frame(work *w, char *line)
{
    char *role = strtok(line, "\t"), *shows = strtok(NULL, "\t"), *person = strtok(NULL, "\t");
    char *path = strtok(NULL, "\n");
    fm_image *image = NULL;
    fm_status status = path ? fm_image_load_file(&image, path, NULL, &w->err) : FM_E_CORRUPT;
    if (status == FM_OK)
        status =
            fm_trainer_add_frame(w->trainer, image, atoi(shows), person, path, atoi(role), &w->err);
    fm_image_free(image);
    return status;
}

static fm_status write_crops(const work *w, size_t net)
{
    const fmi_photographs *p = &w->trainer->photographs;
    char path[4096];
    FILE *file;
    bool ok;
    snprintf(path, sizeof path, "%s/crops.%zu", w->folder, net);
    file = fopen(path, "wb");
    ok = file != NULL;
    for (size_t i = 0; i < p->count && ok; i++) {
        const fm_image *crop = p->of[i].crops.of[net];
        for (int32_t y = 0; y < crop->height && ok; y++)
            ok = fwrite(crop->owned + (size_t)y * crop->stride, 3, (size_t)crop->width, file) ==
                 (size_t)crop->width;
    }
    return file && fclose(file) == 0 && ok ? FM_OK : FM_E_IO;
}

static int32_t on_step(void *user, const fm_training_step *step)
{
    work *w = user;
    if (step->step > STEPS_MOST)
        return 1;
    w->losses[step->step - 1] = step->loss;
    return 0;
}

/* What the trainer drew for the epoch's steps, drawn again. */
static fm_status tell_steps(const work *w, const fm_training_stats *stats)
{
    const fm_trainer *t = w->trainer;
    size_t n = fmi_sampler_rows(&t->sampler);
    int32_t *rows = fmi_alloc_array(2 * n + t->sampler.photographs, sizeof *rows);
    if (!rows)
        return FM_E_NO_MEMORY;
    for (int32_t step = 0; step < stats->steps; step++) {
        fmi_sampler_draw(&t->sampler, (uint64_t)stats->epoch, (uint64_t)step, rows, rows + n,
                         rows + 2 * n);
        printf("{\"loss\":%.17g,\"frames\":[", w->losses[step]);
        for (size_t i = 0; i < n; i++)
            printf("%s%d", i ? "," : "", (int)t->rows[rows[i]]);
        printf("]}\n");
    }
    fmi_free(rows);
    return FM_OK;
}

static fm_status run_epoch(work *w, fm_training_stats *stats)
{
    fm_status status = fm_trainer_epoch(w->trainer, on_step, w, &w->err);
    if (status == FM_OK)
        status = fm_trainer_stats(w->trainer, stats, &w->err);
    if (status == FM_OK)
        status = tell_steps(w, stats);
    if (status == FM_OK)
        printf("{\"epoch\":%d,\"eer\":%.17g,\"validation_loss\":%.17g,\"best_epoch\":%d,"
               "\"first_validation_loss\":%.17g}\n",
               (int)stats->epoch, stats->eer, stats->validation_loss, (int)stats->best_epoch,
               stats->first_validation_loss);
    return status;
}

static fm_status run(work *w)
{
    static char line[4096];
    fm_training_stats stats = {.struct_size = sizeof stats};
    fm_status status = FM_OK;
    while (status == FM_OK && fgets(line, sizeof line, stdin))
        status = add_frame(w, line);
    for (size_t net = 0; net < w->trainer->nets && status == FM_OK; net++)
        status = write_crops(w, net);
    while (status == FM_OK && !stats.finished)
        status = run_epoch(w, &stats);
    if (status != FM_OK)
        return status;
    snprintf(line, sizeof line, "%s/trained.pt", w->folder);
    return fm_trainer_save(w->trainer, line, NULL, &w->err);
}

int main(int argc, char **argv)
{
    work w = {.err = {sizeof w.err, 0, ""}};
    fm_status status = open_work(&w, argc, argv);
    if (status == FM_OK)
        status = run(&w);
    if (status != FM_OK)
        fprintf(stderr, "liveness_steps: %s: %s\n", fm_status_name(status), w.err.message);
    fm_trainer_free(w.trainer);
    fm_model_free(w.model);
    fm_model_free(w.detector);
    return status == FM_OK ? 0 : 2;
}
