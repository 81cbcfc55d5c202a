#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../place.h"
#include "helpers.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fm_assert_floats_near(const float *got, const float *want, size_t n, double atol, double rtol)
{
    double worst_excess = 0;
    size_t worst = n;
    for (size_t i = 0; i < n; i++) {
        double excess = fabs((double)got[i] - want[i]) - (atol + rtol * fabs((double)want[i]));
        if (!(excess <= worst_excess)) {
            worst = i;
            worst_excess = isnan(excess) ? HUGE_VAL : excess;
        }
    }
    if (worst < n)
        fail_msg("floats differ most at %zu of %zu: got %.9g, want %.9g (atol %g, rtol %g)", worst,
                 n, (double)got[worst], (double)want[worst], atol, rtol);
}

void fm_assert_status(fm_status got, fm_status want, const fm_error *err)
{
    if (got != want)
        fail_msg("status %s, want %s; message: %s", fm_status_name(got), fm_status_name(want),
                 err && got != FM_OK ? err->message : "(none)");
    if (err && got != FM_OK)
        assert_int_equal(err->status, want);
}

void fm_assert_message(const fm_error *err, const char *part)
{
    if (!strstr(err->message, part))
        fail_msg("message \"%s\" lacks \"%s\"", err->message, part);
}

int fm_test_folder_make(fm_test_folder *folder)
{
    return fm_test_make_folder(folder->path, sizeof folder->path, "test");
}

static size_t for_each_file(const fm_test_folder *folder, int (*visit)(const char *path))
{
    DIR *dir = opendir(folder->path);
    struct dirent *entry;
    size_t count = 0;
    while (dir && (entry = readdir(dir)) != NULL) {
        char path[512];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        if (visit)
            visit(fm_test_path(path, sizeof path, folder, entry->d_name));
    }
    if (dir)
        closedir(dir);
    return count;
}

size_t fm_test_folder_count(const fm_test_folder *folder)
{
    return for_each_file(folder, NULL);
}

void fm_test_folder_remove(const fm_test_folder *folder)
{
    for_each_file(folder, unlink);
    rmdir(folder->path);
}

const char *fm_test_path(char *out, size_t size, const fm_test_folder *folder, const char *name)
{
    assert_true((size_t)snprintf(out, size, "%s/%s", folder->path, name) < size);
    return out;
}

void fm_test_write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static const char *from_environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

int fm_test_servers(const char **server, const char **shards)
{
    *server = from_environment("FACEMATCH_POSTGRES");
    *shards = from_environment("FACEMATCH_POSTGRES_SHARDS");
    return *server != NULL;
}

void fm_test_gallery(char *out, size_t size, const fm_test_folder *folder, const char *name,
                     const char *server)
{
    static int number;
    if (!server)
        fm_test_path(out, size, folder, name);
    else
        assert_true((size_t)snprintf(out, size, "%s%cgallery=%s-%ld-%d", server,
                                     strchr(server, '?') ? '&' : '?', name, (long)getpid(),
                                     number++) < size);
}

fm_status fm_test_shard(const char *uri, const fm_model *model, const char *shards, fm_error *err)
{
    char text[2048], *rest = text;
    const char *servers[FM_LIMIT_SHARDS];
    size_t count = 0;
    fm_gallery *gallery = NULL;
    fm_status status;
    if (!shards || !model)
        return FM_OK;
    assert_true((size_t)snprintf(text, sizeof text, "%s", shards) < sizeof text);
    for (char *one; count < FM_LIMIT_SHARDS && (one = strtok_r(rest, " ", &rest)) != NULL;)
        servers[count++] = one;
    status = fm_gallery_open(&gallery, uri, model, NULL, err);
    if (status == FM_OK)
        status = fm_gallery_shard(gallery, servers, count, NULL, NULL, err);
    fm_gallery_close(gallery);
    return status == FM_E_EXISTS ? FM_OK : status;
}

uint32_t fm_test_many(uint32_t n, uint32_t few)
{
    return getenv("FM_TEST_FEW") ? few : n;
}

uint32_t fm_test_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}
