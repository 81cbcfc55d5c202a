#include "torture.h"
#include "../place.h"
#include "backend/fake.h"
#include <dirent.h>
#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

_Noreturn void torture_fail(const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "FAILED: %s\n", text);
    fflush(NULL);
    _exit(1);
}

void torture_ok(fm_status status, const fm_error *err, const char *what)
{
    CHECK(status == FM_OK, "%s: %s: %s", what, fm_status_name(status), err->message);
}

double torture_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* splitmix64, Steele et al. 2014 */
uint64_t torture_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

const fm_model *torture_model(void)
{
    static const char archive[] = FMI_FAKE_MAGIC
        "{\"format\":1,\"name\":\"torture\",\"kind\":\"embedder\",\"family\":\"softmax\","
        "\"input\":{\"width\":32,\"height\":32,\"order\":\"RGB\",\"mean\":[127.5,127.5,127.5],"
        "\"std\":[128,128,128]},\"alignment\":{\"points\":[[10,12],[22,12],[16,18],[11,24],"
        "[21,24]],\"border\":\"zero\"},\"embedding\":{\"dim\":128,\"normalize\":true},"
        "\"metric\":\"cosine\",\"source\":\"test\",\"license\":\"none\","
        "\"training_data\":\"none\"}";
    static fm_model *model;
    fm_error err = {.struct_size = sizeof err};
    if (!model)
        torture_ok(fm_model_load_memory(&model, archive, sizeof archive - 1, NULL, &err), &err,
                   "model");
    return model;
}

fm_gallery *torture_open(const char *path, fm_gallery_mode mode)
{
    fm_gallery_options options;
    fm_error err = {.struct_size = sizeof err};
    fm_gallery *gallery = NULL;
    fm_gallery_options_init(&options, sizeof options);
    options.mode = mode;
    options.timeout_ms = TIMEOUT_MS;
    torture_ok(fm_gallery_open(&gallery, path, torture_model(), &options, &err), &err, "open");
    return gallery;
}

void torture_vector(float out[DIM], uint64_t number)
{
    uint64_t state = number * 2 + 1;
    double square = 0;
    for (int i = 0; i < DIM; i++) {
        out[i] = (float)(torture_random(&state) >> 40) / (float)(1 << 23) - 1;
        square += (double)out[i] * (double)out[i];
    }
    for (int i = 0; i < DIM; i++)
        out[i] /= (float)sqrt(square);
}

void torture_who(fm_gallery *gallery, const float *vector, char out[FM_ID_MAX + 1],
                 int64_t *template_id)
{
    fm_identify_options options;
    fm_error err = {.struct_size = sizeof err};
    fm_match match = {.id = "", .template_id = 0};
    size_t count = 0;
    fm_identify_options_init(&options, sizeof options);
    options.use_threshold = 1;
    options.threshold = 0.9999f;
    torture_ok(fm_gallery_search(gallery, vector, 1, DIM, &options, &match, 1, &count, NULL, &err),
               &err, "search");
    CHECK(count == 0 || (match.rank == 1 && match.score > 0.99999f), "rank %d, score %.9g",
          (int)match.rank, (double)match.score);
    strcpy(out, count ? match.id : "");
    *template_id = count ? match.template_id : 0;
}

void torture_folder_make(torture_folder *folder)
{
    CHECK(fm_test_make_folder(folder->path, sizeof folder->path, "torture") == 0, "no folder");
    snprintf(folder->gallery, sizeof folder->gallery, "%s/people.fmg", folder->path);
}

void torture_folder_empty(const torture_folder *folder)
{
    DIR *dir = opendir(folder->path);
    struct dirent *entry;
    char name[512];
    CHECK(dir, "%s is gone", folder->path);
    while ((entry = readdir(dir)) != NULL) {
        snprintf(name, sizeof name, "%s/%s", folder->path, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(name);
    }
    closedir(dir);
}

void torture_folder_remove(const torture_folder *folder)
{
    torture_folder_empty(folder);
    rmdir(folder->path);
}

static void check_answer(sqlite3 *db, const char *sql, const char *want)
{
    sqlite3_stmt *stmt;
    const char *got = NULL;
    CHECK(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK, "%s: %s", sql,
          sqlite3_errmsg(db));
    if (sqlite3_step(stmt) == SQLITE_ROW)
        got = (const char *)sqlite3_column_text(stmt, 0);
    CHECK(want ? got && !strcmp(got, want) : !got, "%s: %s", sql, got ? got : "no answer");
    sqlite3_finalize(stmt);
}

void torture_integrity(const char *path)
{
    sqlite3 *db;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK, "%s: %s", path, sqlite3_errmsg(db));
    sqlite3_busy_timeout(db, TIMEOUT_MS);
    check_answer(db, "PRAGMA integrity_check", "ok");
    check_answer(db, "PRAGMA foreign_key_check", NULL);
    sqlite3_close(db);
}
