/* What both tests of the shared library need: models of the fake backend and drawn photographs.
 * Only public headers, like a program of somebody else. */
#ifndef FM_TEST_API_SUPPORT_H
#define FM_TEST_API_SUPPORT_H

#include <dirent.h>
#include <facematch/facematch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAKE_MAGIC "FMFAKE1\n"

enum { DIM = 16, PHOTO_WIDTH = 320, PHOTO_HEIGHT = 240, FACE_SIZE = 80 };

#define MANIFEST_HEAD(name)                                                                        \
    "{\"format\":1,\"name\":\"" name "\",\"source\":\"test\","                                     \
    "\"license\":\"Apache-2.0\",\"training_data\":\"none\","
#define MANIFEST_INPUT(mean)                                                                       \
    "\"input\":{\"width\":32,\"height\":32,\"order\":\"RGB\","                                     \
    "\"mean\":[" mean "],\"std\":[128,128,128]},"
/* The template puts a red square in the middle third of the crop: so a crop shows what is around
 * the square, and that is what tells people apart. */
#define MANIFEST_EMBEDDER(mean)                                                                    \
    "\"kind\":\"embedder\",\"family\":\"softmax\"," MANIFEST_INPUT(                                \
        mean) "\"alignment\":{"                                                                    \
              "\"points\":[[13.6,14.2],[18.4,14.2],[16,16.6],[14.2,19],[17.8,19]],\"border\":"     \
              "\"zero\"},"                                                                         \
              "\"embedding\":{\"dim\":16,\"normalize\":true},\"metric\":\"cosine\""
#define MANIFEST_CALIBRATION                                                                       \
    ",\"calibration\":{\"dataset\":\"drawn\",\"impostor_comparisons\":100000,\"points\":["         \
    "{\"fmr\":0.1,\"score\":0.2},{\"fmr\":0.01,\"score\":0.4},{\"fmr\":0.001,\"score\":0.6},"      \
    "{\"fmr\":0.0001,\"score\":0.8}]}"

#define CALIBRATED                                                                                 \
    MANIFEST_HEAD("calibrated") MANIFEST_EMBEDDER("127.5,127.5,127.5") MANIFEST_CALIBRATION "}"
#define UNCALIBRATED MANIFEST_HEAD("uncalibrated") MANIFEST_EMBEDDER("127.5,127.5,127.5") "}"
#define OTHER        MANIFEST_HEAD("other") MANIFEST_EMBEDDER("100,100,100") MANIFEST_CALIBRATION "}"
#define DETECTOR                                                                                   \
    MANIFEST_HEAD("detector")                                                                      \
    "\"kind\":\"detector\",\"input\":{\"width\":48,\"height\":48,\"order\":\"RGB\","               \
    "\"mean\":[127.5,127.5,127.5],\"std\":[128,128,128]},"                                         \
    "\"detector\":{\"type\":\"mtcnn\",\"thresholds\":[0.6,0.7,0.7],\"nms\":[0.5,0.7,0.7],"         \
    "\"factor\":0.709,\"cell\":12,\"stride\":2}}"

/* Live is what has much blue around; see lib/backend/fake.h. */
#define LIVENESS                                                                                   \
    MANIFEST_HEAD("liveness")                                                                      \
    "\"kind\":\"liveness\",\"input\":{\"width\":40,\"height\":40,\"order\":\"BGR\","               \
    "\"mean\":[0,0,0],\"std\":[1,1,1]},\"liveness\":{\"classes\":3,\"live\":1,"                    \
    "\"output\":\"logits\",\"nets\":[{\"part\":\"near\",\"scale\":2},"                             \
    "{\"part\":\"far\",\"scale\":3}]},\"calibration\":{\"dataset\":\"drawn\",\"attacks\":1000,"    \
    "\"live\":1000,\"points\":[{\"score\":0,\"apcer\":1,\"bpcer\":0},"                             \
    "{\"score\":0.3,\"apcer\":0.2,\"bpcer\":0.05},{\"score\":0.6,\"apcer\":0.05,\"bpcer\":0.2},"   \
    "{\"score\":0.9,\"apcer\":0,\"bpcer\":0.4}]}}"

/* A folder of its own for every run; files are removed by name, then the folder. */
static char test_folder[64];

static inline const char *test_path(const char *name)
{
    static char paths[64][160];
    static unsigned next;
    char *path = paths[next++ % 64];
    snprintf(path, sizeof paths[0], "%s/%.80s", test_folder, name);
    return path;
}

static inline int make_test_folder(void)
{
    strcpy(test_folder, "/tmp/facematch-api-XXXXXX");
    return mkdtemp(test_folder) ? 0 : -1;
}

static inline int remove_test_folder(void)
{
    DIR *folder = opendir(test_folder);
    struct dirent *entry;
    while (folder && (entry = readdir(folder)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlink(test_path(entry->d_name));
    if (folder)
        closedir(folder);
    return rmdir(test_folder);
}

/* Load a model of the fake backend from its manifest's text. */
static inline fm_status load_fake(fm_model **out, const char *manifest, fm_error *err)
{
    char archive[4096];
    int length = snprintf(archive, sizeof archive, FAKE_MAGIC "%s", manifest);
    if (length < 0 || (size_t)length >= sizeof archive)
        return FM_E_INTERNAL;
    return fm_model_load_memory(out, archive, (size_t)length, NULL, err);
}

/* The fake detector takes squares of saturated red for faces. A little pattern makes them sharp
 * enough to be enrolled. */
static inline void draw_square(uint8_t *rgb, int32_t x, int32_t y, int32_t size)
{
    for (int32_t j = y; j < y + size; j++) {
        for (int32_t i = x; i < x + size; i++) {
            uint8_t *pixel = rgb + 3 * ((size_t)j * PHOTO_WIDTH + (size_t)i);
            pixel[0] = (i / 2 + j / 2) % 4 ? 255 : 225;
            pixel[1] = pixel[2] = 0;
        }
    }
}

/* Patches of blue and green, others for every person, none of them red. */
static inline void draw_person(uint8_t *rgb, uint32_t person)
{
    for (uint32_t y = 0; y < PHOTO_HEIGHT; y++) {
        for (uint32_t x = 0; x < PHOTO_WIDTH; x++) {
            uint32_t hash = (x / 40 + 8 * (y / 40) + 64 * person + 1) * 2654435761u;
            uint8_t *pixel = rgb + 3 * ((size_t)y * PHOTO_WIDTH + x);
            pixel[0] = 0;
            pixel[1] = (hash >> 16) & 255;
            pixel[2] = (hash >> 24) & 255;
        }
    }
}

#endif
