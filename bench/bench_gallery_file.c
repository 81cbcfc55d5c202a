/* The file of a large gallery: how long it takes to open, what it takes in memory, and how long
 * one more enrolment, the search after it and a removal take.
 *
 *     bench_gallery_file make FILE TEMPLATES DIM    a gallery of random templates, one per identity
 *     bench_gallery_file measure FILE DIM           prints one JSON object
 *
 * Linked with the fake backend: no network is run here. The file is made by the library and filled
 * through SQLite in one transaction: a million acknowledged enrolments would take a million flushes
 * of the disk. Resident memory is that of the whole process. */
#include "bench.h"
#include <facematch/facematch.h>
#include <math.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_DIM = 4096, ENROLMENTS = 50, REMOVALS = 5 };

static fm_model *load_model(int dim)
{
    static const char text[] =
        "FMFAKE1\n{\"format\":1,\"name\":\"bench-%d\",\"kind\":\"embedder\","
        "\"family\":\"softmax\",\"input\":{\"width\":32,\"height\":32,\"order\":\"RGB\","
        "\"mean\":[127.5,127.5,127.5],\"std\":[128,128,128]},\"alignment\":{\"points\":"
        "[[10,12],[22,12],[16,18],[11,24],[21,24]],\"border\":\"zero\"},\"embedding\":{\"dim\":%d,"
        "\"normalize\":true},\"metric\":\"cosine\",\"source\":\"bench\",\"license\":\"none\","
        "\"training_data\":\"none\"}";
    char archive[1024];
    fm_error err = {.struct_size = sizeof err};
    fm_model *model = NULL;
    int size = snprintf(archive, sizeof archive, text, dim, dim);
    require(fm_model_load_memory(&model, archive, (size_t)size, NULL, &err), &err);
    return model;
}

static fm_gallery *open_gallery(const char *path, const fm_model *model, fm_gallery_mode mode)
{
    fm_gallery_options options;
    fm_error err = {.struct_size = sizeof err};
    fm_gallery *gallery = NULL;
    fm_gallery_options_init(&options, sizeof options);
    options.mode = mode;
    require(fm_gallery_open(&gallery, path, model, &options, &err), &err);
    return gallery;
}

/* A direction of its own for each number. */
static void draw(float *v, int dim, uint64_t number)
{
    uint64_t state = (number + 1) * UINT64_C(0x9E3779B97F4A7C15);
    double square = 0;
    for (int i = 0; i < dim; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        v[i] = (float)(state >> 40) / (float)(1 << 23) - 1;
        square += (double)v[i] * (double)v[i];
    }
    for (int i = 0; i < dim; i++)
        v[i] /= (float)sqrt(square);
}

/* --- make --- */

static void require_sql(sqlite3 *db, int rc, int want)
{
    if (rc == want)
        return;
    fprintf(stderr, "%s\n", sqlite3_errmsg(db));
    exit(2);
}

static void run(sqlite3 *db, const char *sql)
{
    require_sql(db, sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void fill(sqlite3 *db, long templates, int dim)
{
    static float v[MAX_DIM];
    sqlite3_stmt *person, *face;
    char id[32];
    require_sql(db,
                sqlite3_prepare_v2(db,
                                   "INSERT INTO identities (id, display_name, metadata, "
                                   "created_ms, updated_ms) VALUES (?, '', '{}', 1, 1)",
                                   -1, &person, NULL),
                SQLITE_OK);
    require_sql(db,
                sqlite3_prepare_v2(db,
                                   "INSERT INTO templates (identity_no, created_ms, label, vector) "
                                   "VALUES (last_insert_rowid(), 1, '', ?)",
                                   -1, &face, NULL),
                SQLITE_OK);
    for (long i = 0; i < templates; i++) {
        draw(v, dim, (uint64_t)i);
        snprintf(id, sizeof id, "person-%08ld", i);
        sqlite3_bind_text(person, 1, id, -1, SQLITE_STATIC);
        require_sql(db, sqlite3_step(person), SQLITE_DONE);
        sqlite3_reset(person);
        sqlite3_bind_blob(face, 1, v, dim * (int)sizeof *v, SQLITE_STATIC);
        require_sql(db, sqlite3_step(face), SQLITE_DONE);
        sqlite3_reset(face);
    }
    sqlite3_finalize(person);
    sqlite3_finalize(face);
}

static int make(const char *path, long templates, int dim)
{
    fm_model *model = load_model(dim);
    sqlite3 *db;
    fm_gallery_close(open_gallery(path, model, FM_GALLERY_CREATE));
    require_sql(NULL, sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    run(db, "PRAGMA synchronous=OFF; BEGIN");
    fill(db, templates, dim);
    run(db, "COMMIT");
    sqlite3_close(db);
    fm_model_free(model);
    return 0;
}

/* --- measure --- */

static double resident_mib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long size = 0, pages = 0;
    if (!file || fscanf(file, "%ld %ld", &size, &pages) != 2)
        pages = 0;
    if (file)
        fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1048576;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_value);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* The milliseconds of a search that must find `id`, or nobody when NULL. */
static double search_ms(fm_gallery *gallery, const float *v, int dim, const char *id)
{
    fm_identify_options options;
    fm_error err = {.struct_size = sizeof err};
    fm_match match;
    size_t count = 0;
    double start = now_ms();
    fm_identify_options_init(&options, sizeof options);
    options.use_threshold = 1;
    options.threshold = 0.999f;
    require(fm_gallery_search(gallery, v, 1, (size_t)dim, &options, &match, 1, &count, NULL, &err),
            &err);
    start = now_ms() - start;
    if (id ? count != 1 || strcmp(match.id, id) != 0 : count != 0) {
        fprintf(stderr, "wrong answer: %s instead of %s\n", count ? match.id : "nobody",
                id ? id : "nobody");
        exit(1);
    }
    return start;
}

/* Every enrolment is searched for twice: at once, when it has to be read, and again. */
static void enrol_and_search(fm_gallery *gallery, int dim)
{
    static float v[MAX_DIM];
    double add[ENROLMENTS], first[ENROLMENTS], second[ENROLMENTS], gone[REMOVALS];
    fm_error err = {.struct_size = sizeof err};
    char id[32];
    for (int i = 0; i < ENROLMENTS; i++) {
        draw(v, dim, (uint64_t)1 << 40 | (uint64_t)i);
        snprintf(id, sizeof id, "new-%d", i);
        add[i] = now_ms();
        require(fm_gallery_add(gallery, id, v, (size_t)dim, NULL, NULL, &err), &err);
        add[i] = now_ms() - add[i];
        first[i] = search_ms(gallery, v, dim, id);
        second[i] = search_ms(gallery, v, dim, id);
    }
    for (int i = 0; i < ENROLMENTS; i++) {
        double start = now_ms();
        snprintf(id, sizeof id, "new-%d", i);
        if (i == REMOVALS)
            break;
        require(fm_gallery_remove(gallery, id, NULL, &err), &err);
        gone[i] = now_ms() - start;
        draw(v, dim, (uint64_t)1 << 40 | (uint64_t)i);
        search_ms(gallery, v, dim, NULL);
    }
    printf("\"enrol_ms\": %.2f, ", median(add, ENROLMENTS)); /* which sorts them */
    printf("\"enrol_ms_worst\": %.2f, ", add[ENROLMENTS - 1]);
    printf("\"search_after_enrolment_ms\": %.2f, \"search_ms\": %.2f, ", median(first, ENROLMENTS),
           median(second, ENROLMENTS));
    printf("\"remove_ms\": %.1f", median(gone, REMOVALS));
}

static int measure(const char *path, int dim)
{
    fm_model *model = load_model(dim);
    fm_gallery_info info = {.struct_size = sizeof info};
    fm_error err = {.struct_size = sizeof err};
    double before = resident_mib(), start = now_ms(), cpu = cpu_ms(), opened, data;
    fm_gallery *gallery = open_gallery(path, model, FM_GALLERY_EXISTING);
    opened = (now_ms() - start) / 1e3;
    cpu = (cpu_ms() - cpu) / 1e3;
    require(fm_gallery_describe(gallery, &info, &err), &err);
    data = (double)info.templates * dim * 4 / 1048576;
    printf("{\"templates\": %lld, \"dim\": %d, \"open_s\": %.3f, \"open_cpu_s\": %.3f, "
           "\"float_data_mib\": %.1f, ",
           (long long)info.templates, dim, opened, cpu, data);
    printf(
        "\"resident_before_mib\": %.1f, \"resident_after_mib\": %.1f, \"resident_share\": %.3f, ",
        before, resident_mib(), (resident_mib() - before) / data);
    enrol_and_search(gallery, dim);
    printf(", \"resident_at_end_mib\": %.1f}\n", resident_mib());
    for (int i = REMOVALS; i < ENROLMENTS; i++) { /* so that it can be measured again */
        char id[32];
        snprintf(id, sizeof id, "new-%d", i);
        require(fm_gallery_remove(gallery, id, NULL, &err), &err);
    }
    fm_gallery_close(gallery);
    fm_model_free(model);
    return 0;
}

int main(int argc, char **argv)
{
    int dim = argc > 3 ? atoi(argv[argc - 1]) : 0;
    if (dim >= 1 && dim <= MAX_DIM && argc == 5 && !strcmp(argv[1], "make"))
        return make(argv[2], atol(argv[3]), dim);
    if (dim >= 1 && dim <= MAX_DIM && argc == 4 && !strcmp(argv[1], "measure"))
        return measure(argv[2], dim);
    fprintf(stderr, "bench_gallery_file make FILE TEMPLATES DIM | measure FILE DIM\n");
    return 2;
}
