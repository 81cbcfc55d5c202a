/* How long a step of training takes, for train_step.py.
 *
 *     bench_train_step MODEL WIDTH HEIGHT THREADS PEOPLE PHOTOGRAPHS STEPS
 *
 * Triplet loss with batch-hard mining and Adam, from fresh weights; the pictures are noise around
 * one of each person. For each line that it reads it trains STEPS steps and prints their
 * milliseconds, on one line. */
#include "bench.h"
#include <facematch/facematch.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct bench {
    fm_trainer *trainer;
    double last_ms;
} bench;

static int32_t number(const char *text)
{
    return (int32_t)strtol(text, NULL, 10);
}

static void add_photographs(fm_trainer *trainer, int32_t width, int32_t height, int32_t people,
                            int32_t photographs)
{
    size_t size = (size_t)width * (size_t)height * 3;
    unsigned char *face = malloc(size), *pixels = malloc(size);
    fm_error err = {sizeof err, 0, ""};
    char name[32];
    if (!face || !pixels)
        exit(2);
    srand(7);
    for (int32_t person = 0; person < people; person++) {
        for (size_t i = 0; i < size; i++)
            face[i] = (unsigned char)(rand() % 192);
        for (int32_t photograph = 0; photograph < photographs; photograph++) {
            fm_image *image = NULL;
            for (size_t i = 0; i < size; i++)
                pixels[i] = (unsigned char)(face[i] + rand() % 64);
            snprintf(name, sizeof name, "%d", (int)person);
            require(
                fm_image_from_pixels(&image, pixels, size, width, height, 0, FM_PIXEL_RGB8, &err),
                &err);
            require(fm_trainer_add_image(trainer, image, name, NULL, FM_ROLE_TRAIN, &err), &err);
            fm_image_free(image);
        }
    }
    free(face);
    free(pixels);
}

static fm_trainer *make(char **argv)
{
    fm_trainer_options options;
    fm_model *model = NULL;
    fm_trainer *trainer = NULL;
    fm_error err = {sizeof err, 0, ""};
    fm_trainer_options_init(&options, sizeof options);
    options.threads = number(argv[4]);
    options.people_per_batch = number(argv[5]);
    options.photographs_per_person = number(argv[6]);
    options.steps_per_epoch = number(argv[7]);
    options.epochs = 10000;
    options.fresh = options.aligned = 1;
    require(fm_model_load(&model, argv[1], NULL, &err), &err);
    require(fm_trainer_create(&trainer, model, &options, &err), &err);
    fm_model_free(model);
    add_photographs(trainer, number(argv[2]), number(argv[3]), options.people_per_batch,
                    options.photographs_per_person);
    return trainer;
}

static int32_t count_step(void *user, const fm_training_step *step)
{
    bench *b = user;
    double now = now_ms();
    printf("%s%.3f", step->step > 1 ? " " : "", now - b->last_ms);
    b->last_ms = now;
    return 0;
}

int main(int argc, char **argv)
{
    char line[16];
    fm_error err = {sizeof err, 0, ""};
    bench b;
    if (argc != 8) {
        fprintf(stderr, "usage: bench_train_step MODEL WIDTH HEIGHT THREADS PEOPLE PHOTOGRAPHS "
                        "STEPS\n");
        return 2;
    }
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* as facematch train does */
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    b.trainer = make(argv);
    while (fgets(line, sizeof line, stdin)) {
        b.last_ms = now_ms();
        require(fm_trainer_epoch(b.trainer, count_step, &b, &err), &err);
        printf("\n");
        fflush(stdout);
    }
    fm_trainer_free(b.trainer);
    return 0;
}
