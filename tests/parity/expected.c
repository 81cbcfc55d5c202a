/* What the library answers to a program of C, as one JSON text for every binding to reproduce bit
 * for bit:
 *
 *     parity_expected MODELS PHOTOS > expected.json
 *
 * The session has the defaults and the detector. Numbers belong to one machine and one library: the
 * tests make the file anew. Without minifasnet.pt in MODELS, "liveness" is null. */
#include "parity.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_FACES = 16 };

typedef struct program {
    const char *models;
    fm_model *embedder, *detector;
    fm_session *session;
    fm_image *photos[PHOTOS];
    size_t dim;
    float *embeddings; /* of the batch: PHOTOS rows */
    fm_status statuses[PHOTOS];
    char folder[64];
    fm_error err;
} program;

static void check(program *p, fm_status status, const char *what)
{
    if (status == FM_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, p->err.message);
    exit(2);
}

static void *room(size_t bytes)
{
    void *made = calloc(1, bytes);
    if (!made)
        exit(2);
    return made;
}

static fm_model *load_model(program *p, const char *folder, const char *name, fm_model_info *info)
{
    char path[4096];
    fm_model *model = NULL;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    check(p, fm_model_load(&model, path, NULL, &p->err), path);
    memset(info, 0, sizeof *info);
    info->struct_size = sizeof *info;
    check(p, fm_model_describe(model, info, &p->err), path);
    return model;
}

static void open_all(program *p, const char *photos)
{
    fm_session_options options;
    fm_model_info embedder, detector;
    char path[4096];
    p->embedder = load_model(p, p->models, "default.pt", &embedder);
    p->detector = load_model(p, p->models, "mtcnn.pt", &detector);
    fm_session_options_init(&options, sizeof options);
    options.detector = p->detector;
    check(p, fm_session_create(&p->session, p->embedder, &options, &p->err), "session");
    p->dim = (size_t)embedder.dim;
    p->embeddings = room(PHOTOS * p->dim * sizeof *p->embeddings);
    for (size_t i = 0; i < PHOTOS; i++) {
        snprintf(path, sizeof path, "%s/%s", photos, photo_names[i]);
        check(p, fm_image_load_file(&p->photos[i], path, NULL, &p->err), path);
    }
    print_start(&embedder, &detector);
}

static void tell_face(program *p, const fm_image *photo, const fm_face *face, int first)
{
    fm_face_quality quality;
    float *embedding = room(p->dim * sizeof *embedding);
    check(p, fm_quality(p->session, photo, face, &quality, &p->err), "quality");
    check(p, fm_embed(p->session, photo, face, embedding, p->dim, NULL, NULL, &p->err), "embed");
    print_face(first, face, &quality, embedding, p->dim);
    free(embedding);
}

static void tell_photo(program *p, size_t index)
{
    const fm_image *photo = p->photos[index];
    fm_image_info info = {.struct_size = sizeof info};
    fm_gate_report report = {.struct_size = sizeof report};
    fm_face faces[MOST_FACES];
    size_t count = 0, size = 0;
    uint8_t *rgb;
    fm_status status;
    check(p, fm_image_describe(photo, &info, &p->err), "describe");
    if (fm_image_copy_rgb(photo, NULL, 0, &size, NULL) != FM_E_BUFFER_TOO_SMALL)
        exit(2);
    rgb = room(size);
    check(p, fm_image_copy_rgb(photo, rgb, size, NULL, &p->err), "pixels");
    check(p, fm_detect(p->session, photo, faces, MOST_FACES, &count, &p->err), "detect");
    status = fm_gate_check(p->session, photo, NULL, &report, &p->err);
    print_photo(index == 0, index, &info, rgb, size, &report, status);
    for (size_t i = 0; i < count && i < MOST_FACES; i++)
        tell_face(p, photo, &faces[i], i == 0);
    print_photo_end();
    free(rgb);
}

static void tell_photos(program *p)
{
    print_list("photographs");
    for (size_t i = 0; i < PHOTOS; i++)
        tell_photo(p, i);
    print_list_end(0);
}

static void list_photos(const program *p, const fm_image *photos[PHOTOS])
{
    for (size_t i = 0; i < PHOTOS; i++)
        photos[i] = p->photos[i];
}

/* All photographs in one call. */
static void tell_batch(program *p)
{
    const fm_image *photos[PHOTOS];
    list_photos(p, photos);
    check(p,
          fm_embed_batch(p->session, photos, PHOTOS, p->embeddings, PHOTOS * p->dim, p->statuses,
                         &p->err),
          "batch");
    print_list("batch");
    for (size_t i = 0; i < PHOTOS; i++)
        print_row(i == 0, i, p->statuses[i], p->embeddings + i * p->dim, p->dim);
    print_list_end(0);
}

/* Every two photographs with a face. */
static void tell_verify(program *p)
{
    int first = 1;
    print_list("verify");
    for (size_t a = 0; a < PHOTOS; a++) {
        for (size_t b = a + 1; b < PHOTOS; b++) {
            fm_verification v = {.struct_size = sizeof v};
            if (p->statuses[a] != FM_OK || p->statuses[b] != FM_OK)
                continue;
            check(p, fm_verify(p->session, p->photos[a], p->photos[b], NULL, &v, &p->err),
                  "verify");
            print_verification(first, a, b, &v);
            first = 0;
        }
    }
    print_list_end(0);
}

static void tell_asked(program *p, fm_gallery *gallery, size_t index, int first)
{
    fm_match matches[MOST_MATCHES];
    fm_identification found = {.struct_size = sizeof found};
    size_t count = 0;
    check(p,
          fm_identify(gallery, p->session, p->photos[index], NULL, matches, MOST_MATCHES, &count,
                      &found, &p->err),
          "identify");
    print_identification(first, index, &found, matches, count);
}

/* A gallery of some of the batch's embeddings, then all photographs with a face. */
static void tell_identify(program *p)
{
    char path[128];
    int first = 1;
    fm_gallery *gallery = NULL;
    snprintf(path, sizeof path, "%s/people.fmg", p->folder);
    check(p, fm_gallery_open(&gallery, path, p->embedder, NULL, &p->err), "gallery");
    for (size_t i = 0; i < ENROLLED; i++)
        check(p,
              fm_gallery_add(gallery, enrolled_ids[i], p->embeddings + enrolled[i] * p->dim, p->dim,
                             NULL, NULL, &p->err),
              "enrolment");
    print_enrolled();
    for (size_t i = 0; i < PHOTOS; i++) {
        if (p->statuses[i] != FM_OK)
            continue;
        tell_asked(p, gallery, i, first);
        first = 0;
    }
    printf("]},\n");
    fm_gallery_close(gallery);
    unlink(path);
}

static void tell_pairs(program *p, const comparisons *c)
{
    double tars[FARS];
    fm_pairs_report report = {.struct_size = sizeof report};
    check(p,
          fm_evaluate_pairs(c->scores, c->genuine, c->folds, COMPARISONS, fars, FARS, tars, &report,
                            &p->err),
          "pairs");
    print_pairs(&report, tars);
}

static void tell_calibration(program *p, fm_evaluation *evaluation)
{
    char *text;
    size_t size = 0;
    if (fm_calibrate(evaluation, NULL, NULL, 0, &size, NULL) != FM_E_BUFFER_TOO_SMALL)
        exit(2);
    text = room(size);
    check(p, fm_calibrate(evaluation, NULL, text, size, NULL, &p->err), "calibration");
    print_calibration(text);
    free(text);
}

static void tell_evaluation(program *p, const comparisons *c)
{
    fm_evaluation *evaluation = NULL;
    fm_evaluation_report report = {.struct_size = sizeof report};
    fm_operating_point point = {.struct_size = sizeof point};
    fm_det_point points[POINTS];
    size_t count = 0;
    check(p, fm_evaluation_new(&evaluation, NULL, &p->err), "evaluation");
    check(p,
          fm_evaluation_add(evaluation, c->scores, c->genuine, c->first, c->second, COMPARISONS,
                            &p->err),
          "comparisons");
    check(p, fm_evaluation_describe(evaluation, &report, &p->err), "report");
    check(p, fm_evaluation_at_fmr(evaluation, 0.01, &point, &p->err), "point");
    check(p, fm_evaluation_curve(evaluation, points, POINTS, &count, &p->err), "curve");
    print_evaluation(&report, &point);
    print_curve(points, count);
    tell_calibration(p, evaluation);
    fm_evaluation_free(evaluation);
}

static void tell_frames(program *p, fm_session *session)
{
    const fm_image *photos[PHOTOS];
    fm_liveness_result results[PHOTOS];
    fm_status statuses[PHOTOS];
    print_list("frames");
    for (size_t i = 0; i < PHOTOS; i++) {
        fm_liveness_result result = {.struct_size = sizeof result};
        fm_status status = fm_liveness(session, p->photos[i], NULL, NULL, &result, &p->err);
        if (status != FM_E_NOT_FOUND)
            check(p, status, "liveness");
        print_frame(i == 0, i, status, &result);
        results[i].struct_size = sizeof results[i];
    }
    print_list_end(0);
    list_photos(p, photos);
    check(p,
          fm_liveness_batch(session, photos, PHOTOS, NULL, NULL, results, sizeof *results, statuses,
                            &p->err),
          "liveness of a batch");
    print_list("batch");
    for (size_t i = 0; i < PHOTOS; i++)
        print_frame(i == 0, i, statuses[i], &results[i]);
    print_list_end(0);
}

static void tell_sequence(program *p, fm_session *session)
{
    fm_liveness_sequence *attempt = NULL;
    fm_liveness_fusion fused = {.struct_size = sizeof fused};
    check(p, fm_liveness_sequence_create(&attempt, session, NULL, &p->err), "sequence");
    print_list("sequence");
    for (size_t i = 0; i < FRAMES; i++) {
        fm_liveness_result result = {.struct_size = sizeof result};
        check(p,
              fm_liveness_sequence_add(attempt, session, p->photos[frames[i]], NULL, &result,
                                       &p->err),
              "frame");
        print_frame(i == 0, frames[i], FM_OK, &result);
    }
    print_list_end(0);
    check(p, fm_liveness_sequence_result(attempt, &fused, &p->err), "fusion");
    print_fusion(&fused);
    fm_liveness_sequence_free(attempt);
}

static void tell_liveness(program *p)
{
    fm_session_options options;
    fm_model_info info;
    fm_model *liveness;
    fm_session *session = NULL;
    fm_verify_options reporting;
    fm_verification v = {.struct_size = sizeof v};
    char path[4096];
    snprintf(path, sizeof path, "%s/minifasnet.pt", p->models);
    if (access(path, R_OK) != 0) {
        fprintf(stderr, "%s is not there: liveness is left out\n", path);
        print_no_liveness();
        return;
    }
    liveness = load_model(p, p->models, "minifasnet.pt", &info);
    fm_session_options_init(&options, sizeof options);
    options.detector = p->detector;
    options.liveness = liveness;
    check(p, fm_session_create(&session, p->embedder, &options, &p->err), "session");
    print_liveness_start(&info);
    tell_frames(p, session);
    fm_verify_options_init(&reporting, sizeof reporting);
    reporting.liveness = FM_LIVENESS_REPORT;
    check(p,
          fm_verify(session, p->photos[FIRST_OBAMA], p->photos[FIRST_OBAMA + 1], &reporting, &v,
                    &p->err),
          "verify");
    print_liveness_verify(&v);
    tell_sequence(p, session);
    fm_session_free(session);
    fm_model_free(liveness);
}

static int32_t tell_step(void *user, const fm_training_step *step)
{
    int *first = user;
    print_step(*first, step);
    *first = 0;
    return 0;
}

/* What was saved, as it embeds one of the photographs. */
static void tell_saved(program *p, fm_trainer *trainer)
{
    char path[128];
    fm_model_info info;
    fm_session_options options;
    fm_session *session = NULL;
    fm_model *saved;
    float *embedding;
    snprintf(path, sizeof path, "%s/%s", p->folder, TRAINED_NAME);
    check(p, fm_trainer_save(trainer, path, NULL, &p->err), "saving");
    saved = load_model(p, p->folder, TRAINED_NAME, &info);
    fm_session_options_init(&options, sizeof options);
    options.detector = p->detector;
    check(p, fm_session_create(&session, saved, &options, &p->err), "session");
    embedding = room((size_t)info.dim * sizeof *embedding);
    check(p,
          fm_embed(session, p->photos[FIRST_OBAMA], NULL, embedding, (size_t)info.dim, NULL, NULL,
                   &p->err),
          "embed");
    print_trained(&info, embedding, (size_t)info.dim);
    free(embedding);
    fm_session_free(session);
    fm_model_free(saved);
    unlink(path);
}

static void tell_training(program *p)
{
    fm_trainer_options options;
    fm_training_stats stats = {.struct_size = sizeof stats};
    fm_model_info info;
    fm_model *model = load_model(p, p->models, TRAINED_MODEL, &info);
    fm_trainer *trainer = NULL;
    int first = 1;
    set_training_options(&options);
    options.detector = p->detector;
    check(p, fm_trainer_create(&trainer, model, &options, &p->err), "trainer");
    for (size_t i = 0; i < TRAINED_ON; i++)
        check(p,
              fm_trainer_add_image(trainer, p->photos[trained_on[i]], trained_people[i], NULL,
                                   FM_ROLE_TRAIN, &p->err),
              "photograph");
    print_training_start(&options);
    while (!stats.finished) {
        check(p, fm_trainer_epoch(trainer, tell_step, &first, &p->err), "epoch");
        check(p, fm_trainer_stats(trainer, &stats, &p->err), "stats");
        print_stats(first, &stats);
    }
    print_list_end(0);
    tell_saved(p, trainer);
    fm_trainer_free(trainer);
    fm_model_free(model);
}

static void close_all(program *p)
{
    for (size_t i = 0; i < PHOTOS; i++)
        fm_image_free(p->photos[i]);
    fm_session_free(p->session);
    fm_model_free(p->detector);
    fm_model_free(p->embedder);
    free(p->embeddings);
    rmdir(p->folder);
}

int main(int argc, char **argv)
{
    static comparisons made_up;
    program p = {.folder = "/tmp/facematch-parity-XXXXXX", .err.struct_size = sizeof p.err};
    if (argc != 3 || !mkdtemp(p.folder)) {
        fprintf(stderr, "usage: parity_expected MODELS PHOTOS\n");
        return 2;
    }
    p.models = argv[1];
    open_all(&p, argv[2]);
    tell_photos(&p);
    tell_batch(&p);
    tell_verify(&p);
    tell_identify(&p);
    draw_comparisons(&made_up);
    print_comparisons(&made_up);
    tell_pairs(&p, &made_up);
    tell_evaluation(&p, &made_up);
    tell_liveness(&p);
    tell_training(&p);
    print_end();
    close_all(&p);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 2;
}
