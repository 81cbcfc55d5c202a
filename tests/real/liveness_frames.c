/* Scores of frames, as JSON lines, for test_liveness.py: one frame a line of stdin, or the frames
 * of one attempt with tabs between them. Thresholds are those of the model, or 0.5 without a
 * calibration.
 *
 * liveness_frames MODELS [--sequence] < paths */
#include <facematch/facematch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct work {
    fm_model *embedder, *detector, *liveness;
    fm_session *session;
    fm_liveness_options options;
    fm_error err;
} work;

static fm_status load(work *w, const char *folder, const char *name, fm_model **out)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.pt", folder, name);
    return fm_model_load(out, path, NULL, &w->err);
}

static fm_status open_work(work *w, const char *folder)
{
    fm_session_options options;
    fm_model_info info = {.struct_size = sizeof info};
    fm_status status = load(w, folder, "mobilefacenet", &w->embedder);
    if (status == FM_OK)
        status = load(w, folder, "mtcnn", &w->detector);
    if (status == FM_OK)
        status = load(w, folder, "minifasnet", &w->liveness);
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
}

static fm_status one_frame(work *w, const char *path)
{
    fm_liveness_result r = {.struct_size = sizeof r};
    fm_face_quality q = {0};
    fm_image *image = NULL;
    fm_status status = fm_image_load_file(&image, path, NULL, &w->err);
    if (status == FM_OK)
        status = fm_liveness(w->session, image, NULL, &w->options, &r, &w->err);
    if (status == FM_OK)
        status = fm_quality(w->session, image, &r.face, &q, &w->err);
    fm_image_free(image);
    if (status == FM_E_NOT_FOUND) {
        printf("{\"path\":\"%s\",\"verdict\":\"no_face\"}\n", path);
        return FM_OK;
    }
    if (status != FM_OK)
        return status;
    printf(
        "{\"path\":\"%s\",\"verdict\":\"%s\",\"reason\":\"%s\",\"score\":%.9g,\"sharpness\":%.6g,"
        "\"quality\":%.6g,\"live_threshold\":%.9g,\"spoof_threshold\":%.9g,"
        "\"box\":[%.9g,%.9g,%.9g,%.9g]}\n",
        path, fm_liveness_verdict_name(r.verdict), fm_liveness_reason_name(r.reason),
        (double)r.score, (double)q.sharpness, (double)r.quality, (double)r.live_threshold,
        (double)r.spoof_threshold, (double)r.face.x, (double)r.face.y, (double)r.face.width,
        (double)r.face.height);
    return FM_OK;
}

static fm_status add_frame(work *w, fm_liveness_sequence *sequence, const char *path,
                           fm_liveness_fusion *out)
{
    fm_image *image = NULL;
    fm_status status = fm_image_load_file(&image, path, NULL, &w->err);
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
    status = fm_liveness_sequence_create(&sequence, w->session, &options, &w->err);
    for (char *path = strtok(paths, "\t"); path && status == FM_OK && !f.decided;
         path = strtok(NULL, "\t"))
        status = add_frame(w, sequence, path, &f);
    fm_liveness_sequence_free(sequence);
    if (status != FM_OK)
        return status;
    printf("{\"verdict\":\"%s\",\"reason\":\"%s\",\"score\":%.9g,\"frames\":%d,\"used\":%d,"
           "\"unusable\":%d,\"stills\":%d,\"other_faces\":%d,\"decided\":%d}\n",
           fm_liveness_verdict_name(f.verdict), fm_liveness_reason_name(f.reason),
           f.used > 0 ? (double)f.score : 0, (int)f.frames, (int)f.used, (int)f.unusable,
           (int)f.stills, (int)f.other_faces, (int)f.decided);
    return FM_OK;
}

int main(int argc, char **argv)
{
    static char line[65536];
    work w = {.err = {sizeof w.err, 0, ""}};
    int sequences = argc == 3 && !strcmp(argv[2], "--sequence");
    fm_status status;
    if (argc < 2)
        return 2;
    status = open_work(&w, argv[1]);
    while (status == FM_OK && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        status = sequences ? one_attempt(&w, line) : one_frame(&w, line);
    }
    if (status != FM_OK)
        fprintf(stderr, "%s: %s\n", line, w.err.message);
    close_work(&w);
    return status == FM_OK ? 0 : 2;
}
