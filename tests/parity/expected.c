/* What the library answers to a program of C, as one JSON text for every binding to reproduce bit
 * for bit:
 *
 *     parity_expected MODELS PHOTOS > expected.json
 *
 * Floats are strings in C's hexadecimal notation ("%a"; "nan"), which strtod, Python's
 * float.fromhex and Go's ParseFloat read without loss. The session has the defaults and the
 * detector. Numbers belong to one machine and one library: the tests make the file anew. */
#include <facematch/facematch.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PHOTOS = 7,
    MOST_FACES = 16,
    MOST_MATCHES = 5,
    COMPARISONS = 3000,
    PEOPLE = 100,
    POINTS = 32
};

static const char *const photo_names[PHOTOS] = {"32bit.png",
                                                "biden.jpg",
                                                "obama.jpg",
                                                "obama2.jpg",
                                                "obama3.jpg",
                                                "obama_partial_face.jpg",
                                                "obama_partial_face2.jpg"};

typedef struct program {
    fm_model *embedder, *detector;
    fm_session *session;
    fm_image *photos[PHOTOS];
    size_t dim;
    float *embeddings; /* of the batch: PHOTOS rows */
    fm_status statuses[PHOTOS];
    fm_error err;
} program;

static void check(program *p, fm_status status, const char *what)
{
    if (status == FM_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, p->err.message);
    exit(2);
}

/* The sign and the digits of "nan" differ between C libraries. */
static void print_number(double value)
{
    if (isnan(value))
        printf("\"nan\"");
    else
        printf("\"%a\"", value);
}

static void print_field(const char *name, double value)
{
    printf("\"%s\": ", name);
    print_number(value);
    printf(", ");
}

static void print_floats(const float *values, size_t n)
{
    printf("[");
    for (size_t i = 0; i < n; i++) {
        printf("%s", i ? ", " : "");
        print_number((double)values[i]);
    }
    printf("]");
}

static void print_text(const char *text)
{
    printf("\"");
    for (; *text; text++) {
        if ((unsigned char)*text < ' ')
            printf("\\u%04x", (unsigned)(unsigned char)*text);
        else if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else
            printf("%c", *text);
    }
    printf("\"");
}

static void load_model(program *p, fm_model **out, const char *folder, const char *name,
                       fm_model_info *info)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    check(p, fm_model_load(out, path, NULL, &p->err), path);
    memset(info, 0, sizeof *info);
    info->struct_size = sizeof *info;
    check(p, fm_model_describe(*out, info, &p->err), path);
}

static void open_all(program *p, const char *models, const char *photos)
{
    fm_session_options options;
    fm_model_info embedder, detector;
    char path[4096];
    load_model(p, &p->embedder, models, "default.pt", &embedder);
    load_model(p, &p->detector, models, "mtcnn.pt", &detector);
    fm_session_options_init(&options, sizeof options);
    options.detector = p->detector;
    check(p, fm_session_create(&p->session, p->embedder, &options, &p->err), "session");
    p->dim = (size_t)embedder.dim;
    p->embeddings = calloc(PHOTOS * p->dim, sizeof *p->embeddings);
    if (!p->embeddings)
        exit(2);
    for (size_t i = 0; i < PHOTOS; i++) {
        snprintf(path, sizeof path, "%s/%s", photos, photo_names[i]);
        check(p, fm_image_load_file(&p->photos[i], path, NULL, &p->err), path);
    }
    printf("\"version\": \"%s\",\n", fm_version());
    printf("\"models\": {\"embedder\": {\"file\": \"default.pt\", \"id\": \"%s\", \"dim\": %d, "
           "\"metric\": %d},\n \"detector\": {\"file\": \"mtcnn.pt\", \"id\": \"%s\"}},\n",
           embedder.id, (int)embedder.dim, (int)embedder.metric, detector.id);
}

/* FNV-1a of the pixels: decoding is the same everywhere. */
static uint64_t hash_pixels(program *p, const fm_image *photo)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    size_t size = 0;
    uint8_t *pixels;
    if (fm_image_copy_rgb(photo, NULL, 0, &size, NULL) != FM_E_BUFFER_TOO_SMALL)
        exit(2);
    pixels = malloc(size);
    if (!pixels)
        exit(2);
    check(p, fm_image_copy_rgb(photo, pixels, size, NULL, &p->err), "pixels");
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ pixels[i]) * UINT64_C(1099511628211);
    free(pixels);
    return hash;
}

static void print_face(const fm_face *face)
{
    const float box[4] = {face->x, face->y, face->width, face->height};
    printf("\"box\": ");
    print_floats(box, 4);
    printf(", ");
    print_field("score", (double)face->score);
    printf("\"points\": ");
    print_floats(face->points, 2 * FM_POINT_COUNT);
}

/* In the order of the struct's fields. */
static void print_quality(const fm_face_quality *q)
{
    const float figures[] = {q->quality,   q->size_px,    q->eye_distance_px, q->score,
                             q->sharpness, q->brightness, q->clipped,         q->yaw_deg,
                             q->pitch_deg, q->roll_deg};
    printf("\"quality\": ");
    print_floats(figures, sizeof figures / sizeof *figures);
}

static void print_detected(program *p, const fm_image *photo, const fm_face *face)
{
    fm_face_quality quality;
    float *embedding = calloc(p->dim, sizeof *embedding);
    if (!embedding)
        exit(2);
    check(p, fm_quality(p->session, photo, face, &quality, &p->err), "quality");
    check(p, fm_embed(p->session, photo, face, embedding, p->dim, NULL, NULL, &p->err), "embed");
    printf("  {");
    print_face(face);
    printf(",\n   ");
    print_quality(&quality);
    printf(",\n   \"embedding\": ");
    print_floats(embedding, p->dim);
    printf("}");
    free(embedding);
}

static void print_photo(program *p, size_t index)
{
    const fm_image *photo = p->photos[index];
    fm_image_info info = {.struct_size = sizeof info};
    fm_gate_report report;
    fm_face faces[MOST_FACES];
    size_t count = 0;
    fm_status status;
    memset(&report, 0, sizeof report);
    report.struct_size = sizeof report;
    check(p, fm_image_describe(photo, &info, &p->err), "describe");
    check(p, fm_detect(p->session, photo, faces, MOST_FACES, &count, &p->err), "detect");
    status = fm_gate_check(p->session, photo, NULL, &report, &p->err);
    printf(" {\"file\": \"%s\", \"width\": %d, \"height\": %d, \"pixels_fnv1a\": \"%016" PRIx64
           "\", \"gate\": {\"status\": %d, \"reason\": \"%s\", ",
           photo_names[index], (int)info.width_px, (int)info.height_px, hash_pixels(p, photo),
           (int)status, fm_refusal_name(report.reason));
    print_field("value", (double)report.value);
    printf("\"limit\": ");
    print_number((double)report.limit);
    printf("}, \"faces\": [");
    for (size_t i = 0; i < count && i < MOST_FACES; i++) {
        printf("%s\n", i ? "," : "");
        print_detected(p, photo, &faces[i]);
    }
    printf("]}%s\n", index + 1 < PHOTOS ? "," : "");
}

static void print_photos(program *p)
{
    printf("\"photographs\": [\n");
    for (size_t i = 0; i < PHOTOS; i++)
        print_photo(p, i);
    printf("],\n");
}

/* All photographs in one call; null where there is no face. */
static void print_batch(program *p)
{
    const fm_image *photos[PHOTOS];
    for (size_t i = 0; i < PHOTOS; i++)
        photos[i] = p->photos[i];
    check(p,
          fm_embed_batch(p->session, photos, PHOTOS, p->embeddings, PHOTOS * p->dim, p->statuses,
                         &p->err),
          "batch");
    printf("\"batch\": [\n");
    for (size_t i = 0; i < PHOTOS; i++) {
        printf(" {\"file\": \"%s\", \"status\": %d, \"embedding\": ", photo_names[i],
               (int)p->statuses[i]);
        if (p->statuses[i] == FM_OK)
            print_floats(p->embeddings + i * p->dim, p->dim);
        else
            printf("null");
        printf("}%s\n", i + 1 < PHOTOS ? "," : "");
    }
    printf("],\n");
}

static void print_verification(const fm_verification *v)
{
    printf("\"match\": %d, ", (int)v->match);
    print_field("score", (double)v->score);
    print_field("threshold", (double)v->threshold);
    print_field("fmr", v->fmr);
    print_field("fmr_low", v->fmr_low);
    print_field("fmr_high", v->fmr_high);
    print_field("threshold_fmr", v->threshold_fmr);
    print_field("threshold_fmr_low", v->threshold_fmr_low);
    print_field("threshold_fmr_high", v->threshold_fmr_high);
    printf("\"threshold_fnmr\": ");
    print_number(v->threshold_fnmr);
}

/* Every two photographs with a face, by fm_verify. */
static void print_verify(program *p)
{
    const char *separator = "";
    printf("\"verify\": [");
    for (size_t a = 0; a < PHOTOS; a++) {
        for (size_t b = a + 1; b < PHOTOS; b++) {
            fm_verification v = {.struct_size = sizeof v};
            if (p->statuses[a] != FM_OK || p->statuses[b] != FM_OK)
                continue;
            check(p, fm_verify(p->session, p->photos[a], p->photos[b], NULL, &v, &p->err),
                  "verify");
            printf("%s\n {\"a\": \"%s\", \"b\": \"%s\", ", separator, photo_names[a],
                   photo_names[b]);
            print_verification(&v);
            printf("}");
            separator = ",";
        }
    }
    printf("],\n");
}

static void print_matches(const fm_match *matches, size_t count)
{
    printf("\"matches\": [");
    for (size_t i = 0; i < count; i++) {
        printf("%s{\"id\": \"%s\", \"rank\": %d, \"template_id\": %" PRId64 ", ", i ? ", " : "",
               matches[i].id, (int)matches[i].rank, matches[i].template_id);
        print_field("score", (double)matches[i].score);
        printf("\"fmr\": ");
        print_number(matches[i].fmr);
        printf("}");
    }
    printf("]");
}

static void print_asked(program *p, fm_gallery *gallery, size_t index)
{
    fm_match matches[MOST_MATCHES];
    fm_identification found;
    size_t count = 0;
    memset(&found, 0, sizeof found);
    found.struct_size = sizeof found;
    check(p,
          fm_identify(gallery, p->session, p->photos[index], NULL, matches, MOST_MATCHES, &count,
                      &found, &p->err),
          "identify");
    printf(" {\"file\": \"%s\", \"identities\": %" PRId64 ", \"face_count\": %d, ",
           photo_names[index], found.identities, (int)found.face_count);
    print_field("threshold", (double)found.threshold);
    print_field("fmr", found.fmr);
    print_matches(matches, count);
    printf("}");
}

/* A gallery of the batch's embeddings of biden.jpg and obama.jpg, then all photographs with a face.
 */
static void print_identify(program *p, const char *path)
{
    static const size_t enrolled[] = {1, 2};
    static const char *const ids[] = {"biden", "obama"};
    const char *separator = "";
    fm_gallery *gallery = NULL;
    check(p, fm_gallery_open(&gallery, path, p->embedder, NULL, &p->err), "gallery");
    printf("\"identify\": {\"enrolled\": [");
    for (size_t i = 0; i < 2; i++) {
        check(p,
              fm_gallery_add(gallery, ids[i], p->embeddings + enrolled[i] * p->dim, p->dim, NULL,
                             NULL, &p->err),
              "enrolment");
        printf("%s{\"id\": \"%s\", \"file\": \"%s\"}", i ? ", " : "", ids[i],
               photo_names[enrolled[i]]);
    }
    printf("],\n\"most\": %d, \"asked\": [", MOST_MATCHES);
    for (size_t i = 0; i < PHOTOS; i++) {
        if (p->statuses[i] != FM_OK)
            continue;
        printf("%s\n", separator);
        print_asked(p, gallery, i);
        separator = ",";
    }
    printf("]},\n");
    fm_gallery_close(gallery);
}

typedef struct comparisons {
    float scores[COMPARISONS];
    uint8_t genuine[COMPARISONS];
    int32_t first[COMPARISONS], second[COMPARISONS], folds[COMPARISONS];
} comparisons;

static uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Made up: one in ten genuine, two bells that overlap. */
static void draw_comparisons(comparisons *c)
{
    uint32_t state = 10;
    for (size_t i = 0; i < COMPARISONS; i++) {
        double sum = 0;
        for (int k = 0; k < 12; k++)
            sum += draw(&state) / 16777216.0;
        c->genuine[i] = i % 10 == 0;
        c->scores[i] = (float)((sum - 6) * 0.12 + (c->genuine[i] ? 0.6 : 0.0));
        c->folds[i] = (int32_t)(i / 10 % 10);
        c->first[i] = (int32_t)(draw(&state) % PEOPLE);
        c->second[i] = c->genuine[i] ? c->first[i] : (c->first[i] + 1 + (int32_t)(i % 37)) % PEOPLE;
    }
    c->scores[15] = NAN;
}

static void print_integers(const char *name, const int32_t *values)
{
    printf("\"%s\": [", name);
    for (size_t i = 0; i < COMPARISONS; i++)
        printf("%s%" PRId32, i ? "," : "", values[i]);
    printf("],\n");
}

static void print_comparisons(const comparisons *c)
{
    printf("\"scores\": ");
    print_floats(c->scores, COMPARISONS);
    printf(",\n\"genuine\": [");
    for (size_t i = 0; i < COMPARISONS; i++)
        printf("%s%d", i ? "," : "", (int)c->genuine[i]);
    printf("],\n");
    print_integers("first", c->first);
    print_integers("second", c->second);
    print_integers("folds", c->folds);
}

static void print_pairs(program *p, const comparisons *c)
{
    static const double fars[] = {0.1, 0.01, 0.001};
    double tars[3];
    fm_pairs_report report = {.struct_size = sizeof report};
    check(p,
          fm_evaluate_pairs(c->scores, c->genuine, c->folds, COMPARISONS, fars, 3, tars, &report,
                            &p->err),
          "pairs");
    printf("\"pairs\": {\"folds\": %d, \"undecided\": %" PRId64 ", ", (int)report.folds,
           report.undecided);
    print_field("accuracy", report.accuracy);
    print_field("accuracy_sem", report.accuracy_sem);
    print_field("eer", report.eer);
    print_field("eer_threshold", report.eer_threshold);
    print_field("threshold", report.threshold);
    printf("\n  \"fars\": [\"%a\", \"%a\", \"%a\"], \"tars\": [", fars[0], fars[1], fars[2]);
    for (size_t i = 0; i < 3; i++) {
        printf("%s", i ? ", " : "");
        print_number(tars[i]);
    }
    printf("]},\n");
}

static void print_rate(const char *name, const fm_rate *rate)
{
    printf("\"%s\": {", name);
    print_field("value", rate->value);
    print_field("low", rate->low);
    print_field("high", rate->high);
    printf("\"hits\": %" PRId64 ", \"trials\": %" PRId64 "}", rate->hits, rate->trials);
}

static void print_curve(program *p, fm_evaluation *evaluation)
{
    fm_det_point points[POINTS];
    size_t count = 0;
    check(p, fm_evaluation_curve(evaluation, points, POINTS, &count, &p->err), "curve");
    printf("\"curve\": [");
    for (size_t i = 0; i < count; i++) {
        printf("%s[", i ? ", " : "");
        print_number(points[i].fmr);
        printf(", ");
        print_number(points[i].fnmr);
        printf(", ");
        print_number((double)points[i].threshold);
        printf("]");
    }
    printf("],\n");
}

static void print_calibration(program *p, fm_evaluation *evaluation)
{
    char *text;
    size_t size = 0;
    if (fm_calibrate(evaluation, NULL, NULL, 0, &size, NULL) != FM_E_BUFFER_TOO_SMALL)
        exit(2);
    text = malloc(size);
    if (!text)
        exit(2);
    check(p, fm_calibrate(evaluation, NULL, text, size, NULL, &p->err), "calibration");
    printf("\"calibration\": ");
    print_text(text);
    free(text);
}

static void print_evaluation(program *p, const comparisons *c)
{
    fm_evaluation *evaluation = NULL;
    fm_evaluation_report report = {.struct_size = sizeof report};
    fm_operating_point point = {.struct_size = sizeof point};
    check(p, fm_evaluation_new(&evaluation, NULL, &p->err), "evaluation");
    check(p,
          fm_evaluation_add(evaluation, c->scores, c->genuine, c->first, c->second, COMPARISONS,
                            &p->err),
          "comparisons");
    check(p, fm_evaluation_describe(evaluation, &report, &p->err), "report");
    check(p, fm_evaluation_at_fmr(evaluation, 0.01, &point, &p->err), "point");
    printf("\"people\": %d, ", (int)report.people);
    print_field("eer", report.eer);
    print_field("eer_low", report.eer_low);
    print_field("eer_high", report.eer_high);
    print_field("eer_threshold", report.eer_threshold);
    printf("\n\"at_fmr_0.01\": {");
    print_field("threshold", (double)point.threshold);
    print_rate("fmr", &point.fmr);
    printf(", ");
    print_rate("fnmr", &point.fnmr);
    printf("},\n");
    print_curve(p, evaluation);
    print_calibration(p, evaluation);
    fm_evaluation_free(evaluation);
}

static void close_all(program *p)
{
    for (size_t i = 0; i < PHOTOS; i++)
        fm_image_free(p->photos[i]);
    fm_session_free(p->session);
    fm_model_free(p->detector);
    fm_model_free(p->embedder);
    free(p->embeddings);
}

int main(int argc, char **argv)
{
    static comparisons made_up;
    char folder[] = "/tmp/facematch-parity-XXXXXX", path[64];
    program p;
    if (argc != 3 || !mkdtemp(folder)) {
        fprintf(stderr, "usage: parity_expected MODELS PHOTOS\n");
        return 2;
    }
    memset(&p, 0, sizeof p);
    p.err.struct_size = sizeof p.err;
    snprintf(path, sizeof path, "%s/people.fmg", folder);
    printf("{\n");
    open_all(&p, argv[1], argv[2]);
    print_photos(&p);
    print_batch(&p);
    print_verify(&p);
    print_identify(&p, path);
    draw_comparisons(&made_up);
    printf("\"evaluate\": {\n");
    print_comparisons(&made_up);
    print_pairs(&p, &made_up);
    print_evaluation(&p, &made_up);
    printf("}\n}\n");
    close_all(&p);
    unlink(path);
    rmdir(folder);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 2;
}
