/* What the library says about frames, as JSON lines, for test_liveness.py.
 *
 *     liveness_frames look MODELS LIVENESS [BLUR] < paths, one a line
 *     liveness_frames sequence MODELS LIVENESS FRAMES [BLUR] < the paths of an attempt a line, with
 *                                                             tabs between; FRAMES are fused
 *     liveness_frames calibrate < "score kind" a line
 *
 * LIVENESS is an archive; without a calibration, its thresholds are 0.5. BLUR is the radius of a
 * box that frames are averaged over, twice. */
#include <facematch/facematch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCORES_MOST = 65536, SIDE_MOST = 4096 };

typedef struct work {
    fm_model *embedder, *detector, *liveness;
    fm_session *session;
    fm_liveness_options options;
    int32_t frames, blur;
    uint8_t *pixels; /* of the image, where it was blurred */
    fm_error err;
} work;

static char line[65536];

static fm_status load(work *w, const char *folder, const char *name, fm_model **out)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.pt", folder, name);
    return fm_model_load(out, path, NULL, &w->err);
}

static fm_status open_work(work *w, const char *folder, const char *liveness)
{
    fm_session_options options;
    fm_model_info info = {.struct_size = sizeof info};
    fm_status status = load(w, folder, "mobilefacenet", &w->embedder);
    if (status == FM_OK)
        status = load(w, folder, "mtcnn", &w->detector);
    if (status == FM_OK)
        status = fm_model_load(&w->liveness, liveness, NULL, &w->err);
    if (status == FM_OK)
        status = fm_model_describe(w->liveness, &info, &w->err);
    if (status != FM_OK)
        return status;
    fm_liveness_options_init(&w->options, sizeof w->options);
    w->options.use_thresholds = info.calibration_dataset[0] == '\0';
    w->options.live_score = w->options.spoof_score = 0.5f;
    fm_session_options_init(&options, sizeof options);
    options.detector = w->detector;
    options.liveness = w->liveness;
    return fm_session_create(&w->session, w->embedder, &options, &w->err);
}

static void close_work(work *w)
{
    fm_session_free(w->session);
    fm_model_free(w->embedder);
    fm_model_free(w->detector);
    fm_model_free(w->liveness);
    free(w->pixels);
}

/* The mean over 2 radius + 1 of n values, `step` bytes apart; beyond the ends the last one. */
static void average(uint8_t *values, int32_t n, size_t step, int32_t radius)
{
    static uint8_t kept[SIDE_MOST];
    for (int32_t i = 0; i < n; i++)
        kept[i] = values[(size_t)i * step];
    for (int32_t i = 0; i < n; i++) {
        int32_t sum = 0;
        for (int32_t k = i - radius; k <= i + radius; k++)
            sum += kept[k < 0 ? 0 : k < n ? k : n - 1];
        values[(size_t)i * step] = (uint8_t)((sum + radius) / (2 * radius + 1));
    }
}

static void blur(uint8_t *rgb, int32_t width, int32_t height, int32_t radius)
{
    for (int twice = 0; twice < 2; twice++) {
        for (int32_t i = 0; i < 3 * height; i++)
            average(rgb + (size_t)(i / 3) * 3 * (size_t)width + i % 3, width, 3, radius);
        for (int32_t i = 0; i < 3 * width; i++)
            average(rgb + i, height, 3 * (size_t)width, radius);
    }
}

/* Its pixels, if blurred, live until the next one is loaded. */
static fm_status load_frame(work *w, const char *path, fm_image **out)
{
    fm_image_info info = {.struct_size = sizeof info};
    fm_image *image = NULL;
    size_t size;
    fm_status status = fm_image_load_file(&image, path, NULL, &w->err);
    if (status == FM_OK)
        status = fm_image_describe(image, &info, &w->err);
    if (status != FM_OK || w->blur == 0 || info.width_px > SIDE_MOST ||
        info.height_px > SIDE_MOST) {
        *out = image;
        return status;
    }
    size = 3 * (size_t)info.width_px * (size_t)info.height_px;
    free(w->pixels);
    w->pixels = malloc(size);
    if (!w->pixels)
        exit(2);
    status = fm_image_copy_rgb(image, w->pixels, size, NULL, &w->err);
    fm_image_free(image);
    if (status != FM_OK)
        return status;
    blur(w->pixels, info.width_px, info.height_px, w->blur);
    return fm_image_from_pixels(out, w->pixels, size, info.width_px, info.height_px, 0,
                                FM_PIXEL_RGB8, &w->err);
}

static fm_status one_frame(work *w, const char *path)
{
    fm_liveness_result r = {.struct_size = sizeof r};
    fm_image *image = NULL;
    fm_status status = load_frame(w, path, &image);
    if (status == FM_OK)
        status = fm_liveness(w->session, image, NULL, &w->options, &r, &w->err);
    fm_image_free(image);
    if (status == FM_E_NOT_FOUND) {
        printf("{\"path\":\"%s\",\"verdict\":\"no_face\",\"reason\":\"none\"}\n", path);
        return FM_OK;
    }
    if (status == FM_OK)
        printf("{\"path\":\"%s\",\"verdict\":\"%s\",\"reason\":\"%s\",\"score\":%.9g,"
               "\"live_threshold\":%.9g,\"spoof_threshold\":%.9g,"
               "\"box\":[%.9g,%.9g,%.9g,%.9g]}\n",
               path, fm_liveness_verdict_name(r.verdict), fm_liveness_reason_name(r.reason),
               (double)r.score, (double)r.live_threshold, (double)r.spoof_threshold,
               (double)r.face.x, (double)r.face.y, (double)r.face.width, (double)r.face.height);
    return status;
}

static fm_status add_frame(work *w, fm_liveness_sequence *sequence, const char *path,
                           fm_liveness_fusion *out)
{
    fm_image *image = NULL;
    fm_status status = load_frame(w, path, &image);
    if (status == FM_OK)
        status = fm_liveness_sequence_add(sequence, w->session, image, NULL, NULL, &w->err);
    fm_image_free(image);
    if (status == FM_OK || status == FM_E_NOT_FOUND)
        status = fm_liveness_sequence_result(sequence, out, &w->err);
    return status;
}

static fm_status one_attempt(work *w, char *paths)
{
    fm_liveness_fusion f = {.struct_size = sizeof f};
    fm_liveness_sequence_options options;
    fm_liveness_sequence *sequence = NULL;
    fm_status status;
    fm_liveness_sequence_options_init(&options, sizeof options);
    options.liveness = &w->options;
    options.min_frames = options.max_frames = w->frames;
    status = fm_liveness_sequence_create(&sequence, w->session, &options, &w->err);
    for (char *path = strtok(paths, "\t"); path && status == FM_OK && !f.decided;
         path = strtok(NULL, "\t"))
        status = add_frame(w, sequence, path, &f);
    fm_liveness_sequence_free(sequence);
    if (status == FM_OK)
        printf("{\"verdict\":\"%s\",\"reason\":\"%s\",\"score\":%.9g,\"frames\":%d,\"used\":%d,"
               "\"unusable\":%d,\"stills\":%d,\"other_faces\":%d,\"decided\":%d}\n",
               fm_liveness_verdict_name(f.verdict), fm_liveness_reason_name(f.reason),
               f.used > 0 ? (double)f.score : -1, (int)f.frames, (int)f.used, (int)f.unusable,
               (int)f.stills, (int)f.other_faces, (int)f.decided);
    return status;
}

static fm_status calibrate(work *w)
{
    static float scores[SCORES_MOST];
    static int32_t kinds[SCORES_MOST];
    static char text[1 << 22];
    size_t n = 0;
    int kind = 0;
    fm_calibration_options options;
    fm_status status;
    while (n < SCORES_MOST && scanf("%f %d", &scores[n], &kind) == 2)
        kinds[n++] = kind;
    fm_calibration_options_init(&options, sizeof options);
    options.dataset = "test_liveness.py";
    status = fm_liveness_calibrate(scores, kinds, n, &options, text, sizeof text, NULL, &w->err);
    if (status == FM_OK)
        puts(text);
    return status;
}

static fm_status run(work *w, int argc, char **argv)
{
    int sequences = argc > 4 && !strcmp(argv[1], "sequence");
    fm_status status;
    if (argc > 1 && !strcmp(argv[1], "calibrate"))
        return calibrate(w);
    if (argc < 4 || (!sequences && strcmp(argv[1], "look") != 0))
        return FM_E_INVALID_ARGUMENT;
    w->frames = sequences ? atoi(argv[4]) : 1;
    w->blur = argc > 4 + sequences ? atoi(argv[4 + sequences]) : 0;
    status = open_work(w, argv[2], argv[3]);
    while (status == FM_OK && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        status = sequences ? one_attempt(w, line) : one_frame(w, line);
    }
    return status;
}

int main(int argc, char **argv)
{
    work w = {.err = {sizeof w.err, 0, ""}};
    fm_status status = run(&w, argc, argv);
    if (status != FM_OK)
        fprintf(stderr, "%s: %s\n", line, w.err.message);
    close_work(&w);
    return status == FM_OK ? 0 : 2;
}
