/* One side of bench/binding_cost.py, in C: embeds the same batch of crops each time a line arrives.
 *
 *     bench_binding MODEL CROPS
 *
 * CROPS are 32 pictures of the model's input size, RGB, one after the other. For each line read it
 * prints the milliseconds from pixels to embeddings, and the first float for comparison. */
#include "bench.h"
#include <facematch/facematch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 32 };

typedef struct bench {
    fm_model *model;
    fm_session *session;
    uint8_t *pixels;
    size_t size; /* bytes of one crop */
    int32_t width, height;
    float *out;
    size_t dim;
    fm_error err;
} bench;

static void open_all(bench *b, const char *model, const char *crops)
{
    fm_model_info info;
    FILE *file = fopen(crops, "rb");
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    require(fm_model_load(&b->model, model, NULL, &b->err), &b->err);
    require(fm_model_describe(b->model, &info, &b->err), &b->err);
    require(fm_session_create(&b->session, b->model, NULL, &b->err), &b->err);
    b->width = info.input_width_px;
    b->height = info.input_height_px;
    b->dim = (size_t)info.dim;
    b->size = 3 * (size_t)b->width * (size_t)b->height;
    b->pixels = malloc(BATCH * b->size);
    b->out = calloc(BATCH * b->dim, sizeof *b->out);
    if (!file || !b->pixels || !b->out || fread(b->pixels, b->size, BATCH, file) != BATCH) {
        fprintf(stderr, "%s cannot be read\n", crops);
        exit(2);
    }
    fclose(file);
}

static void embed(bench *b)
{
    fm_image *images[BATCH];
    for (size_t i = 0; i < BATCH; i++)
        require(fm_image_from_pixels(&images[i], b->pixels + i * b->size, b->size, b->width,
                                     b->height, 0, FM_PIXEL_RGB8, &b->err),
                &b->err);
    require(fm_embed_aligned(b->session, (const fm_image *const *)images, BATCH, b->out,
                             BATCH * b->dim, &b->err),
            &b->err);
    for (size_t i = 0; i < BATCH; i++)
        fm_image_free(images[i]);
}

int main(int argc, char **argv)
{
    bench b;
    memset(&b, 0, sizeof b);
    b.err.struct_size = sizeof b.err;
    if (argc != 3) {
        fprintf(stderr, "usage: bench_binding MODEL CROPS\n");
        return 2;
    }
    open_all(&b, argv[1], argv[2]);
    for (int c = getchar(); c != EOF; c = getchar()) {
        double started = now_ms(), cpu = cpu_ms();
        embed(&b);
        cpu = cpu_ms() - cpu;
        printf("%.6f %.6f %a\n", now_ms() - started, cpu, (double)b.out[0]);
        fflush(stdout);
    }
    fm_session_free(b.session);
    fm_model_free(b.model);
    free(b.pixels);
    free(b.out);
    return 0;
}
