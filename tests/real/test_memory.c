/* Does the library keep its memory? Many embeddings of photographs of many sizes, then many
 * short-lived threads with a session each; resident memory after the first tenth of the embeddings
 * against the end.
 *
 *     test_memory --embeddings 20000 --sizes 50 --threads 200
 *
 * Prints one JSON object. Exit status 0 fine, 1 it grew, 2 error; 0 too when models or photographs
 * are absent, which it says. */
#include <facematch/facematch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    MAX_SIZES = 200,
    SMALLEST_PX = 64,
    LARGEST_PX = 260,
    ALLOWED_GROWTH_KIB = 4096,
    MAX_DIM = 512
};

typedef struct plan {
    long embeddings, sizes, threads;
} plan;

typedef struct memory_test {
    plan plan;
    fm_model *embedder, *detector;
    fm_session *session;
    uint8_t *pixels[MAX_SIZES];
    fm_image *photos[MAX_SIZES];
    fm_error err;
} memory_test;

/* Resident memory, KiB. */
typedef struct figures {
    long after_tenth, before_threads, end;
} figures;

typedef struct thread_job {
    const memory_test *test;
    const fm_image *photo;
    fm_status status;
} thread_job;

static long resident_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kib = -1;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib;
}

static const char *from_env(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

static int parse_plan(plan *out, int argc, char **argv)
{
    *out = (plan){2000, 50, 200};
    for (int i = 1; i + 1 < argc; i += 2) {
        long value = strtol(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--embeddings") == 0)
            out->embeddings = value;
        else if (strcmp(argv[i], "--sizes") == 0)
            out->sizes = value;
        else if (strcmp(argv[i], "--threads") == 0)
            out->threads = value;
        else
            return -1;
    }
    return argc % 2 == 1 && out->sizes >= 1 && out->sizes <= MAX_SIZES && out->threads >= 0 &&
                   out->embeddings / 10 >= out->sizes
               ? 0
               : -1;
}

/* The part of the photograph that holds the face and about as much again around it. */
typedef struct cut {
    int32_t x, y, side;
} cut;

/* Each pixel is the mean of the box of the source that it covers. */
static void shrink(const uint8_t *from, int32_t from_width, const cut *of, uint8_t *to,
                   int32_t side)
{
    for (int32_t y = 0; y < side; y++) {
        int32_t y0 = of->y + y * of->side / side, y1 = of->y + (y + 1) * of->side / side;
        for (int32_t x = 0; x < side; x++) {
            int32_t x0 = of->x + x * of->side / side, x1 = of->x + (x + 1) * of->side / side;
            for (int c = 0; c < 3; c++) {
                uint32_t sum = 0, count = (uint32_t)((y1 - y0) * (x1 - x0));
                for (int32_t j = y0; j < y1; j++)
                    for (int32_t i = x0; i < x1; i++)
                        sum += from[3 * (j * from_width + i) + c];
                *to++ = (uint8_t)(sum / count);
            }
        }
    }
}

static fm_status find_face(memory_test *t, const fm_image *photo, const fm_image_info *info,
                           cut *out)
{
    fm_face face;
    size_t count = 0;
    float side;
    fm_status status = fm_detect(t->session, photo, &face, 1, &count, &t->err);
    if (status != FM_OK || count == 0)
        return status == FM_OK ? FM_E_NOT_FOUND : status;
    side = 1.4f * (face.width > face.height ? face.width : face.height);
    out->side = (int32_t)side;
    out->x = (int32_t)(face.x + (face.width - side) / 2);
    out->y = (int32_t)(face.y + (face.height - side) / 2);
    return out->x >= 0 && out->y >= 0 && out->x + out->side <= info->width_px &&
                   out->y + out->side <= info->height_px
               ? FM_OK
               : FM_E_NOT_FOUND;
}

static fm_status make_photos(memory_test *t, const uint8_t *rgb, int32_t width, const cut *from)
{
    for (long i = 0; i < t->plan.sizes; i++) {
        int32_t side = SMALLEST_PX + (int32_t)(i * (LARGEST_PX - SMALLEST_PX) / t->plan.sizes);
        size_t size = 3 * (size_t)side * (size_t)side;
        t->pixels[i] = malloc(size);
        if (!t->pixels[i])
            return FM_E_NO_MEMORY;
        shrink(rgb, width, from, t->pixels[i], side);
        if (fm_image_from_pixels(&t->photos[i], t->pixels[i], size, side, side, 0, FM_PIXEL_RGB8,
                                 &t->err) != FM_OK)
            return t->err.status;
    }
    return FM_OK;
}

static fm_status load_photo(memory_test *t, const char *path)
{
    fm_image *photo = NULL;
    fm_image_info info;
    uint8_t *rgb = MAP_FAILED;
    size_t size = 0;
    cut from;
    fm_status status = fm_image_load_file(&photo, path, NULL, &t->err);
    if (status != FM_OK)
        return status;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    status = fm_image_describe(photo, &info, &t->err);
    if (status == FM_OK)
        status = find_face(t, photo, &info, &from);
    if (status == FM_OK) {
        size = 3 * (size_t)info.width_px * (size_t)info.height_px;
        /* not malloc: after a block of its size, glibc would keep as much in every arena */
        rgb = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        status =
            rgb != MAP_FAILED ? fm_image_copy_rgb(photo, rgb, size, NULL, &t->err) : FM_E_NO_MEMORY;
    }
    if (status == FM_OK)
        status = make_photos(t, rgb, info.width_px, &from);
    if (rgb != MAP_FAILED)
        munmap(rgb, size);
    fm_image_free(photo);
    return status;
}

static fm_status open_session(const memory_test *t, fm_session **out, fm_error *err)
{
    fm_session_options options;
    fm_session_options_init(&options, sizeof options);
    options.detector = t->detector;
    return fm_session_create(out, t->embedder, &options, err);
}

static fm_status embed(fm_session *session, const fm_image *photo, fm_error *err)
{
    float embedding[MAX_DIM];
    return fm_embed(session, photo, NULL, embedding, MAX_DIM, NULL, NULL, err);
}

static void *run_thread(void *user)
{
    thread_job *job = user;
    fm_session *session = NULL;
    job->status = open_session(job->test, &session, NULL);
    if (job->status == FM_OK)
        job->status = embed(session, job->photo, NULL);
    fm_session_free(session);
    return NULL;
}

/* With FACEMATCH_MEMORY_TRACE set: what is resident on the way, to see where it grows. */
static void trace(const char *what, long i)
{
    if (getenv("FACEMATCH_MEMORY_TRACE"))
        fprintf(stderr, "%ld %s: %ld KiB\n", i, what, resident_kib());
}

static fm_status run_embeddings(memory_test *t, long from, long to)
{
    fm_status status = FM_OK;
    for (long i = from; status == FM_OK && i < to; i++)
        status = embed(t->session, t->photos[i % t->plan.sizes], &t->err);
    trace("embeddings", to);
    return status;
}

static fm_status run_threads(memory_test *t, long from, long to)
{
    for (long i = from; i < to; i++) {
        thread_job job = {t, t->photos[i % t->plan.sizes], FM_OK};
        pthread_t thread;
        if (pthread_create(&thread, NULL, run_thread, &job) != 0 || pthread_join(thread, NULL) != 0)
            return FM_E_INTERNAL;
        if (job.status != FM_OK)
            return job.status;
    }
    trace("threads", to);
    return FM_OK;
}

static fm_status run(memory_test *t, figures *out)
{
    const long embeddings = t->plan.embeddings;
    fm_status status = run_embeddings(t, 0, embeddings / 10);
    out->after_tenth = resident_kib();
    for (long i = 1; status == FM_OK && i < 10; i++)
        status = run_embeddings(t, i * embeddings / 10, (i + 1) * embeddings / 10);
    out->before_threads = resident_kib();
    for (long i = 0; status == FM_OK && i < 10; i++)
        status = run_threads(t, i * t->plan.threads / 10, (i + 1) * t->plan.threads / 10);
    out->end = resident_kib();
    return status;
}

static void clean_up(memory_test *t)
{
    for (long i = 0; i < MAX_SIZES; i++) {
        fm_image_free(t->photos[i]);
        free(t->pixels[i]);
    }
    fm_session_free(t->session);
    fm_model_free(t->detector);
    fm_model_free(t->embedder);
}

/* Exit status: 0, 1 when memory grew, 2 on an error. */
static int measure(memory_test *t, const char *embedder, const char *detector, const char *photo)
{
    figures kib = {-1, -1, -1};
    fm_status status = fm_model_load(&t->embedder, embedder, NULL, &t->err);
    if (status == FM_OK)
        status = fm_model_load(&t->detector, detector, NULL, &t->err);
    if (status == FM_OK)
        status = open_session(t, &t->session, &t->err);
    if (status == FM_OK)
        status = load_photo(t, photo);
    if (status == FM_OK)
        status = run(t, &kib);
    if (status != FM_OK || kib.after_tenth < 0 || kib.end < 0) {
        fprintf(stderr, "%s: %s\n", fm_status_name(status), t->err.message);
        return 2;
    }
    printf("{\"embeddings\": %ld, \"threads\": %ld, \"rss_after_tenth_kib\": %ld, "
           "\"rss_before_threads_kib\": %ld, \"rss_end_kib\": %ld, \"growth_kib\": %ld}\n",
           t->plan.embeddings, t->plan.threads, kib.after_tenth, kib.before_threads, kib.end,
           kib.end - kib.after_tenth);
    return kib.end - kib.after_tenth >= ALLOWED_GROWTH_KIB;
}

int main(int argc, char **argv)
{
    static memory_test test;
    const char *models = from_env("FACEMATCH_MODELS", "models");
    char embedder[4096], detector[4096], photo[4096];
    int result;
    if (parse_plan(&test.plan, argc, argv) != 0) {
        fprintf(stderr,
                "usage: test_memory [--embeddings N] [--sizes 1..%d] [--threads N]; "
                "a tenth of the embeddings must cover all sizes\n",
                MAX_SIZES);
        return 2;
    }
    test.err.struct_size = sizeof test.err;
    snprintf(embedder, sizeof embedder, "%s/mobilefacenet.pt", models);
    snprintf(detector, sizeof detector, "%s/mtcnn.pt", models);
    snprintf(photo, sizeof photo, "%s/obama.jpg", from_env("FACEMATCH_PHOTOS", "build/photos"));
    if (access(embedder, R_OK) != 0 || access(detector, R_OK) != 0 || access(photo, R_OK) != 0) {
        printf("skipped: %s, %s or %s is absent: set FACEMATCH_MODELS and FACEMATCH_PHOTOS\n",
               embedder, detector, photo);
        return 0;
    }
    result = measure(&test, embedder, detector, photo);
    clean_up(&test);
    return result;
}
