/* What the benchmarks in C share. */
#ifndef BENCH_H
#define BENCH_H

#include <facematch/status.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double clock_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static inline double now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

/* Processor time of the process: what a machine that is busy with other things leaves unchanged. */
static inline double cpu_ms(void)
{
    return clock_ms(CLOCK_PROCESS_CPUTIME_ID);
}

/* Ends the program where a call failed. */
static inline void require(fm_status status, const fm_error *err)
{
    if (status == FM_OK)
        return;
    fprintf(stderr, "%s: %s\n", fm_status_name(status), err->message);
    exit(2);
}

/* A file as it is. */
typedef struct photo {
    unsigned char *bytes;
    size_t size;
} photo;

/* Ends the program where there is none. bytes: for free. */
static inline photo read_photo(const char *path)
{
    photo p = {NULL, 0};
    FILE *file = fopen(path, "rb");
    long size = -1;
    if (file && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size > 0)
        p.bytes = malloc((size_t)size);
    if (p.bytes) {
        rewind(file);
        p.size = fread(p.bytes, 1, (size_t)size, file);
    }
    if (p.size == 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(2);
    }
    fclose(file);
    return p;
}

#endif
