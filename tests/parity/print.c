/* Answers as JSON. Floats are strings in C's hexadecimal notation ("%a"; "nan"), which strtod,
 * Python's float.fromhex and Go's ParseFloat read without loss. */
#include "parity.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

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

static void print_doubles(const double *values, size_t n)
{
    printf("[");
    for (size_t i = 0; i < n; i++) {
        printf("%s", i ? ", " : "");
        print_number(values[i]);
    }
    printf("]");
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

static void print_separator(int first)
{
    printf("%s\n", first ? "" : ",");
}

void print_start(const fm_model_info *embedder, const fm_model_info *detector)
{
    printf("{\n\"version\": \"%s\",\n", fm_version());
    printf("\"models\": {\"embedder\": {\"file\": \"default.pt\", \"id\": \"%s\", \"dim\": %d, "
           "\"metric\": %d},\n \"detector\": {\"file\": \"mtcnn.pt\", \"id\": \"%s\"}},\n",
           embedder->id, (int)embedder->dim, (int)embedder->metric, detector->id);
}

void print_end(void)
{
    printf("}\n");
}

void print_list(const char *name)
{
    printf("\"%s\": [", name);
}

void print_list_end(int last)
{
    printf("]%s\n", last ? "" : ",");
}

/* FNV-1a of the pixels: decoding is the same everywhere. */
static uint64_t hash_of(const uint8_t *bytes, size_t size)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    return hash;
}

void print_photo(int first, size_t photo, const fm_image_info *info, const uint8_t *rgb,
                 size_t rgb_bytes, const fm_gate_report *report, fm_status refusal)
{
    print_separator(first);
    printf(" {\"file\": \"%s\", \"width\": %d, \"height\": %d, \"pixels_fnv1a\": \"%016" PRIx64
           "\", \"gate\": {\"status\": %d, \"reason\": \"%s\", ",
           photo_names[photo], (int)info->width_px, (int)info->height_px, hash_of(rgb, rgb_bytes),
           (int)refusal, fm_refusal_name(report->reason));
    print_field("value", (double)report->value);
    printf("\"limit\": ");
    print_number((double)report->limit);
    printf("}, \"faces\": [");
}

static void print_place(const fm_face *face)
{
    const float box[4] = {face->x, face->y, face->width, face->height};
    printf("\"box\": ");
    print_floats(box, 4);
    printf(", ");
}

/* Quality in the order of the struct's fields. */
void print_face(int first, const fm_face *face, const fm_face_quality *q, const float *embedding,
                size_t dim)
{
    const float figures[] = {q->quality,   q->size_px,    q->eye_distance_px, q->score,
                             q->sharpness, q->brightness, q->clipped,         q->yaw_deg,
                             q->pitch_deg, q->roll_deg};
    print_separator(first);
    printf("  {");
    print_place(face);
    print_field("score", (double)face->score);
    printf("\"points\": ");
    print_floats(face->points, 2 * FM_POINT_COUNT);
    printf(",\n   \"quality\": ");
    print_floats(figures, sizeof figures / sizeof *figures);
    printf(",\n   \"embedding\": ");
    print_floats(embedding, dim);
    printf("}");
}

void print_photo_end(void)
{
    printf("]}");
}

/* Null where there is no face. */
void print_row(int first, size_t photo, fm_status status, const float *embedding, size_t dim)
{
    print_separator(first);
    printf(" {\"file\": \"%s\", \"status\": %d, \"embedding\": ", photo_names[photo], (int)status);
    if (status == FM_OK)
        print_floats(embedding, dim);
    else
        printf("null");
    printf("}");
}

void print_verification(int first, size_t a, size_t b, const fm_verification *v)
{
    print_separator(first);
    printf(" {\"a\": \"%s\", \"b\": \"%s\", \"match\": %d, ", photo_names[a], photo_names[b],
           (int)v->match);
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
    printf("}");
}

void print_enrolled(void)
{
    printf("\"identify\": {\"enrolled\": [");
    for (size_t i = 0; i < ENROLLED; i++)
        printf("%s{\"id\": \"%s\", \"file\": \"%s\"}", i ? ", " : "", enrolled_ids[i],
               photo_names[enrolled[i]]);
    printf("],\n\"most\": %d, \"asked\": [", MOST_MATCHES);
}

static void print_match(const fm_match *match)
{
    printf("{\"id\": \"%s\", \"rank\": %d, \"template_id\": %" PRId64 ", ", match->id,
           (int)match->rank, match->template_id);
    print_field("score", (double)match->score);
    printf("\"fmr\": ");
    print_number(match->fmr);
    printf("}");
}

void print_identification(int first, size_t photo, const fm_identification *found,
                          const fm_match *matches, size_t count)
{
    print_separator(first);
    printf(" {\"file\": \"%s\", \"identities\": %" PRId64 ", \"face_count\": %d, ",
           photo_names[photo], found->identities, (int)found->face_count);
    print_field("threshold", (double)found->threshold);
    print_field("fmr", found->fmr);
    printf("\"matches\": [");
    for (size_t i = 0; i < count; i++) {
        printf("%s", i ? ", " : "");
        print_match(&matches[i]);
    }
    printf("]}");
}

static void print_integers(const char *name, const int32_t *values)
{
    printf("\"%s\": [", name);
    for (size_t i = 0; i < COMPARISONS; i++)
        printf("%s%" PRId32, i ? "," : "", values[i]);
    printf("],\n");
}

void print_comparisons(const comparisons *c)
{
    printf("\"evaluate\": {\n\"scores\": ");
    print_floats(c->scores, COMPARISONS);
    printf(",\n\"genuine\": [");
    for (size_t i = 0; i < COMPARISONS; i++)
        printf("%s%d", i ? "," : "", (int)c->genuine[i]);
    printf("],\n");
    print_integers("first", c->first);
    print_integers("second", c->second);
    print_integers("folds", c->folds);
}

void print_pairs(const fm_pairs_report *report, const double *tars)
{
    printf("\"pairs\": {\"folds\": %d, \"undecided\": %" PRId64 ", ", (int)report->folds,
           report->undecided);
    print_field("accuracy", report->accuracy);
    print_field("accuracy_sem", report->accuracy_sem);
    print_field("eer", report->eer);
    print_field("eer_threshold", report->eer_threshold);
    print_field("threshold", report->threshold);
    printf("\n  \"fars\": ");
    print_doubles(fars, FARS);
    printf(", \"tars\": ");
    print_doubles(tars, FARS);
    printf("},\n");
}

static void print_rate(const char *name, const fm_rate *rate)
{
    printf("\"%s\": {", name);
    print_field("value", rate->value);
    print_field("low", rate->low);
    print_field("high", rate->high);
    printf("\"hits\": %" PRId64 ", \"trials\": %" PRId64 "}", rate->hits, rate->trials);
}

void print_evaluation(const fm_evaluation_report *report, const fm_operating_point *at_fmr)
{
    printf("\"people\": %d, ", (int)report->people);
    print_field("eer", report->eer);
    print_field("eer_low", report->eer_low);
    print_field("eer_high", report->eer_high);
    print_field("eer_threshold", report->eer_threshold);
    printf("\n\"at_fmr_0.01\": {");
    print_field("threshold", (double)at_fmr->threshold);
    print_rate("fmr", &at_fmr->fmr);
    printf(", ");
    print_rate("fnmr", &at_fmr->fnmr);
    printf("},\n");
}

void print_curve(const fm_det_point *points, size_t count)
{
    printf("\"curve\": [");
    for (size_t i = 0; i < count; i++) {
        const double point[] = {points[i].fmr, points[i].fnmr, (double)points[i].threshold};
        printf("%s", i ? ", " : "");
        print_doubles(point, 3);
    }
    printf("],\n");
}

void print_calibration(const char *text)
{
    printf("\"calibration\": ");
    print_text(text);
    printf("\n},\n");
}

void print_no_liveness(void)
{
    printf("\"liveness\": null,\n");
}

void print_liveness_start(const fm_model_info *liveness)
{
    printf("\"liveness\": {\"model\": {\"file\": \"minifasnet.pt\", \"id\": \"%s\"},\n",
           liveness->id);
}

static void print_verdict(fm_liveness_verdict verdict, fm_liveness_reason reason, double score)
{
    printf("\"verdict\": %d, \"reason\": %d, \"score\": ", (int)verdict, (int)reason);
    print_number(score);
}

void print_frame(int first, size_t photo, fm_status status, const fm_liveness_result *r)
{
    print_separator(first);
    printf(" {\"file\": \"%s\", \"result\": ", photo_names[photo]);
    if (status != FM_OK) {
        printf("null}");
        return;
    }
    printf("{");
    print_verdict(r->verdict, r->reason, (double)r->score);
    printf(", ");
    print_field("apcer", r->apcer);
    print_field("bpcer", r->bpcer);
    print_field("live_threshold", (double)r->live_threshold);
    print_field("spoof_threshold", (double)r->spoof_threshold);
    print_field("value", (double)r->value);
    print_field("limit", (double)r->limit);
    print_field("quality", (double)r->quality);
    print_place(&r->face);
    printf("\"face_count\": %d}}", (int)r->face_count);
}

void print_liveness_verify(const fm_verification *v)
{
    printf("\"verify\": {");
    print_verdict(v->liveness.verdict, v->liveness.reason, (double)v->liveness.score);
    printf("},\n");
}

void print_fusion(const fm_liveness_fusion *f)
{
    printf("\"fusion\": {");
    print_verdict(f->verdict, f->reason, (double)f->score);
    printf(", ");
    print_field("apcer", f->apcer);
    print_field("bpcer", f->bpcer);
    print_field("live_threshold", (double)f->live_threshold);
    print_field("spoof_threshold", (double)f->spoof_threshold);
    printf("\"decided\": %d, \"frames\": %d, \"used\": %d, \"unusable\": %d, \"stills\": %d, "
           "\"other_faces\": %d}},\n",
           (int)f->decided, (int)f->frames, (int)f->used, (int)f->unusable, (int)f->stills,
           (int)f->other_faces);
}

void print_training_start(const fm_trainer_options *o)
{
    printf("\"training\": {\"file\": \"%s\", \"options\": {\"people_per_batch\": %d, "
           "\"photographs_per_person\": %d, \"epochs\": %d, \"steps_per_epoch\": %d, "
           "\"seed\": %" PRIu64 ", ",
           TRAINED_MODEL, (int)o->people_per_batch, (int)o->photographs_per_person, (int)o->epochs,
           (int)o->steps_per_epoch, o->seed);
    printf("\"learning_rate\": ");
    print_number((double)o->learning_rate);
    printf(", \"freeze\": [");
    for (size_t i = 0; i < o->freeze_count; i++)
        printf("%s\"%s\"", i ? ", " : "", o->freeze[i]);
    printf("]},\n \"augmentation\": {\"flip\": ");
    print_number((double)o->augmentation.flip);
    printf(", \"shift\": ");
    print_number((double)o->augmentation.shift);
    printf("},\n\"photographs\": [");
    for (size_t i = 0; i < TRAINED_ON; i++)
        printf("%s{\"file\": \"%s\", \"person\": \"%s\"}", i ? ", " : "",
               photo_names[trained_on[i]], trained_people[i]);
    printf("],\n\"run\": [");
}

static void print_progress(double loss, double active, double positive, double negative)
{
    print_field("loss", loss);
    print_field("active", active);
    print_field("positive_distance", positive);
    printf("\"negative_distance\": ");
    print_number(negative);
}

void print_step(int first, const fm_training_step *s)
{
    print_separator(first);
    printf(" {\"step\": %d, \"steps\": %d, \"epoch\": %d, \"epochs\": %d, ", (int)s->step,
           (int)s->steps, (int)s->epoch, (int)s->epochs);
    print_progress(s->loss, s->active, s->positive_distance, s->negative_distance);
    printf("}");
}

void print_stats(int first, const fm_training_stats *s)
{
    print_separator(first);
    printf(" {\"finished\": %d, \"epoch\": %d, \"epochs\": %d, \"steps\": %d, \"people\": %d, "
           "\"photographs\": %" PRId64 ", \"best_epoch\": %d, ",
           (int)s->finished, (int)s->epoch, (int)s->epochs, (int)s->steps, (int)s->people,
           s->photographs, (int)s->best_epoch);
    print_field("learning_rate", s->learning_rate);
    print_field("eer", s->eer);
    print_progress(s->loss, s->active, s->positive_distance, s->negative_distance);
    printf("}");
}

void print_trained(const fm_model_info *saved, const float *embedding, size_t dim)
{
    printf("\"saved\": {\"file\": \"%s\", \"id\": \"%s\", \"embedding\": ", TRAINED_NAME,
           saved->id);
    print_floats(embedding, dim);
    printf("}}\n");
}
