/* Frames of one attempt: which of them count, and what they say together. */
#include "match/sequence.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/options.h"
#include "image/image.h"
#include "match/metric.h"
#include <math.h>
#include <string.h>

enum { GREY_SIDE = 64, GREY_PIXELS = GREY_SIDE * GREY_SIDE };
enum { MIN_FRAMES = 3, MAX_FRAMES = 10 };

static const float STILL_DIFFERENCE = 0.5f;
static const double SAME_FMR = 1e-3;
/* One frame must not outweigh all others: how certain a net can be is bounded. */
static const double SCORE_EDGE = 1e-6;
static const double LEAST_WEIGHT = 0.05;

/* A frame that later ones are held against: what its face's place looked like. */
typedef struct kept_frame {
    int32_t box[4];
    float grey[GREY_PIXELS];
} kept_frame;

struct fm_liveness_sequence {
    fm_model *liveness,
        *embedder; /* embedder NULL: frames are not compared with the first one's face */
    fm_liveness_sequence_options options;
    fmi_liveness_lines lines;
    float same_score;
    float *first_face, *this_face; /* float32[dim], with an embedder */
    kept_frame *kept;              /* [max_frames] */
    size_t kept_count;
    /* of the log-odds of frames that count */
    double weights, squared_weights, sum, sum_of_squares;
    fm_liveness_fusion state;
    fm_liveness_reason last_unusable;
};

/* --- beginning and end --- */

static size_t embedding_size(const fm_model *embedder)
{
    return (size_t)embedder->manifest.embedding.dim * sizeof(float);
}

void fmi_sequence_free(fm_liveness_sequence *sequence)
{
    if (!sequence)
        return;
    if (sequence->first_face)
        fmi_free_wiped(sequence->first_face, embedding_size(sequence->embedder));
    if (sequence->this_face)
        fmi_free_wiped(sequence->this_face, embedding_size(sequence->embedder));
    if (sequence->kept)
        fmi_free_wiped(sequence->kept,
                       (size_t)sequence->options.max_frames * sizeof *sequence->kept);
    fmi_model_release(sequence->liveness);
    fmi_model_release(sequence->embedder);
    fmi_free_wiped(sequence, sizeof *sequence);
}

static fm_status check_frames(const fm_liveness_sequence_options *o, fm_error *err)
{
    if (o->min_frames < 0 || o->min_frames > FM_LIMIT_LIVENESS_FRAMES)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "min_frames is %d, expected 1..%d",
                        (int)o->min_frames, FM_LIMIT_LIVENESS_FRAMES);
    if (o->max_frames != 0 && (o->max_frames < (o->min_frames ? o->min_frames : MIN_FRAMES) ||
                               o->max_frames > FM_LIMIT_LIVENESS_FRAMES))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "max_frames is %d, expected %d..%d",
                        (int)o->max_frames, (int)(o->min_frames ? o->min_frames : MIN_FRAMES),
                        FM_LIMIT_LIVENESS_FRAMES);
    return FM_OK;
}

static fm_status check_options(const fm_liveness_sequence_options *o, fm_error *err)
{
    fm_status status = check_frames(o, err);
    if (status == FM_OK)
        status = fmi_flag_check(o->use_same_score, "use_same_score", err);
    if (status == FM_OK && !(o->still_difference <= 255))
        status = fmi_fail(err, FM_E_INVALID_ARGUMENT,
                          "still_difference is %g, expected up to 255, 0 for the default, or "
                          "negative",
                          (double)o->still_difference);
    if (status == FM_OK && o->use_same_score && !isfinite(o->same_score))
        status = fmi_fail(err, FM_E_INVALID_ARGUMENT, "same_score is not finite");
    if (status == FM_OK && !o->use_same_score && !(o->same_fmr < 1))
        status = fmi_fail(err, FM_E_INVALID_ARGUMENT,
                          "same_fmr is %g, expected below 1, 0 for the default, or negative",
                          o->same_fmr);
    return status;
}

static void fill_defaults(fm_liveness_sequence_options *o)
{
    if (o->min_frames == 0)
        o->min_frames = MIN_FRAMES;
    if (o->max_frames == 0)
        o->max_frames = o->min_frames > MAX_FRAMES ? o->min_frames : MAX_FRAMES;
    if (o->still_difference == 0)
        o->still_difference = STILL_DIFFERENCE;
    if (o->same_fmr == 0)
        o->same_fmr = SAME_FMR;
    o->liveness = NULL; /* borrowed: lines have what is in it */
}

/* How like the first one's a face must be. */
static fm_status begin_same_face(fm_liveness_sequence *s, const fm_session *session, fm_error *err)
{
    fm_status status;
    if (!s->options.use_same_score && s->options.same_fmr < 0)
        return FM_OK;
    status = fmi_session_need_embedder(session, err);
    if (status != FM_OK)
        return status;
    s->same_score = s->options.same_score;
    if (!s->options.use_same_score)
        status = fmi_calibration_threshold(&session->embedder->manifest, s->options.same_fmr, false,
                                           &s->same_score, err);
    if (status != FM_OK)
        return status;
    s->embedder = fmi_model_retain(session->embedder);
    s->first_face = fmi_alloc(embedding_size(s->embedder));
    s->this_face = fmi_alloc(embedding_size(s->embedder));
    return s->first_face && s->this_face ? FM_OK : fmi_fail_memory(err);
}

static void begin_state(fm_liveness_sequence *s)
{
    s->state.struct_size = sizeof s->state;
    s->state.verdict = FM_LIVENESS_UNCERTAIN;
    s->state.reason = FM_LIVENESS_REASON_TOO_FEW;
    s->state.score = NAN;
    s->state.apcer = s->state.bpcer = NAN;
    s->state.live_threshold = s->lines.live;
    s->state.spoof_threshold = s->lines.spoof;
}

static fm_status begin(fm_liveness_sequence *s, const fm_session *session, fm_error *err)
{
    fm_status status =
        fmi_liveness_lines_draw(&s->lines, session->liveness, s->options.liveness, err);
    if (status != FM_OK)
        return status;
    fill_defaults(&s->options);
    s->liveness = fmi_model_retain(session->liveness);
    s->lines.pad = &s->liveness->manifest.pad;
    begin_state(s);
    status = begin_same_face(s, session, err);
    if (status != FM_OK)
        return status;
    s->kept = fmi_calloc((size_t)s->options.max_frames, sizeof *s->kept);
    return s->kept ? FM_OK : fmi_fail_memory(err);
}

fm_status fmi_sequence_create(fm_liveness_sequence **out, const fm_session *session,
                              const fm_liveness_sequence_options *options, fm_error *err)
{
    fm_liveness_sequence *own;
    fm_status status = check_options(options, err);
    if (status == FM_OK)
        status = fmi_session_need_liveness(session, err);
    if (status != FM_OK)
        return status;
    own = fmi_calloc(1, sizeof *own);
    if (!own)
        return fmi_fail_memory(err);
    own->options = *options;
    status = begin(own, session, err);
    if (status != FM_OK) {
        fmi_sequence_free(own);
        return status;
    }
    *out = own;
    return FM_OK;
}

/* --- stills --- */

static void box_within(const fm_image *image, const fm_face *face, int32_t box[4])
{
    const double from[2] = {face->x, face->y}, size[2] = {face->width, face->height};
    const int32_t frame[2] = {image->width, image->height};
    for (int i = 0; i < 2; i++) {
        box[i] = (int32_t)fmin(fmax(from[i], 0), frame[i] - 1);
        box[i + 2] = (int32_t)fmin(fmax(from[i] + size[i], box[i] + 1), frame[i]);
    }
}

static fm_status see(const fm_image *image, const int32_t box[4], float grey[GREY_PIXELS],
                     fm_error *err)
{
    float rgb[3 * GREY_PIXELS];
    const fmi_planes to = {
        .out = rgb, .plane_stride = GREY_PIXELS, .row_stride = GREY_SIDE, .std = {1, 1, 1}};
    fm_status status = fmi_image_area_planes(image, box[0], box[1], box[2], box[3], GREY_SIDE,
                                             GREY_SIDE, &to, err);
    for (size_t i = 0; i < GREY_PIXELS && status == FM_OK; i++)
        grey[i] =
            0.299f * rgb[i] + 0.587f * rgb[GREY_PIXELS + i] + 0.114f * rgb[2 * GREY_PIXELS + i];
    fmi_wipe(rgb, sizeof rgb);
    return status;
}

/* The least difference to a frame before, each looked at where its own face was: detection may
 * place the same face elsewhere by a pixel. */
static fm_status least_difference(const fm_liveness_sequence *s, const fm_image *image,
                                  double *least, fm_error *err)
{
    float grey[GREY_PIXELS];
    fm_status status = FM_OK;
    *least = INFINITY;
    for (size_t k = 0; k < s->kept_count && status == FM_OK; k++) {
        double sum = 0;
        status = see(image, s->kept[k].box, grey, err);
        for (size_t i = 0; i < GREY_PIXELS && status == FM_OK; i++)
            sum += fabs((double)grey[i] - s->kept[k].grey[i]);
        *least = fmin(*least, sum / GREY_PIXELS);
    }
    fmi_wipe(grey, sizeof grey);
    return status;
}

/* --- what they say together --- */

static double log_odds(double score)
{
    score = fmin(fmax(score, SCORE_EDGE), 1 - SCORE_EDGE);
    return log(score / (1 - score));
}

static void fuse(fm_liveness_sequence *s, const fm_liveness_result *frame)
{
    double weight = fmax((double)frame->quality, LEAST_WEIGHT), odds = log_odds(frame->score);
    s->weights += weight;
    s->squared_weights += weight * weight;
    s->sum += weight * odds;
    s->sum_of_squares += weight * odds * odds;
    s->state.used++;
}

/* How far the fused log-odds may be off; 0 for one frame, which does not tell. */
static double standard_error(const fm_liveness_sequence *s)
{
    double mean = s->sum / s->weights;
    double variance = fmax(s->sum_of_squares / s->weights - mean * mean, 0);
    double frames = s->weights * s->weights / s->squared_weights;
    return frames > 1 ? sqrt(variance / (frames - 1)) : 0;
}

static fm_liveness_reason why_too_few(const fm_liveness_sequence *s)
{
    if (s->state.other_faces > 0)
        return FM_LIVENESS_REASON_OTHER_FACE;
    if (s->state.stills > 0)
        return FM_LIVENESS_REASON_STILL;
    return s->state.unusable > 0 ? s->last_unusable : FM_LIVENESS_REASON_TOO_FEW;
}

static void leave_open(fm_liveness_sequence *s, fm_liveness_reason reason)
{
    s->state.verdict = FM_LIVENESS_UNCERTAIN;
    s->state.reason = reason;
    s->state.decided = s->state.frames >= s->options.max_frames;
}

static void decide(fm_liveness_sequence *s)
{
    fm_liveness_fusion *state = &s->state;
    double odds = state->used > 0 ? s->sum / s->weights : 0, may_be_off;
    bool last = state->frames >= s->options.max_frames;
    if (state->used > 0) {
        state->score = (float)(1 / (1 + exp(-odds)));
        state->apcer = fmi_liveness_apcer(s->lines.pad, state->score);
        state->bpcer = fmi_liveness_bpcer(s->lines.pad, state->score);
    }
    if (state->used < s->options.min_frames) {
        leave_open(s, why_too_few(s));
        return;
    }
    may_be_off = last ? 0 : standard_error(s);
    fmi_liveness_decide(&s->lines, state->score, &state->verdict, &state->reason);
    state->decided =
        last ||
        (state->verdict == FM_LIVENESS_LIVE && odds - may_be_off >= log_odds(s->lines.live)) ||
        (state->verdict == FM_LIVENESS_SPOOF && odds + may_be_off < log_odds(s->lines.spoof));
    if (!state->decided)
        leave_open(s, FM_LIVENESS_REASON_BETWEEN);
    if (state->other_faces > 0 && state->verdict != FM_LIVENESS_SPOOF) {
        state->verdict = FM_LIVENESS_UNCERTAIN;
        state->reason = FM_LIVENESS_REASON_OTHER_FACE;
    }
}

/* --- adding --- */

static fm_status check_models(const fm_liveness_sequence *s, const fm_session *session,
                              fm_error *err)
{
    fm_status status = fmi_session_need_liveness(session, err);
    if (status == FM_OK && s->embedder)
        status = fmi_session_need_embedder(session, err);
    if (status != FM_OK)
        return status;
    if (strcmp(session->liveness->id, s->liveness->id) != 0 ||
        (s->embedder && strcmp(session->embedder->id, s->embedder->id) != 0))
        return fmi_fail(err, FM_E_MODEL_MISMATCH,
                        "the attempt was begun with other models than the session has");
    return FM_OK;
}

/* What was found out about a frame; nothing of the attempt is changed before all is. */
typedef struct finding {
    kept_frame place;
    double difference; /* to the nearest frame before */
    bool still, other;
    double likeness; /* to the first frame's face */
} finding;

static fm_status compare_face(fm_liveness_sequence *s, fm_session *session, const fm_image *image,
                              const fm_face *face, finding *f, fm_error *err)
{
    fm_status status;
    if (!s->embedder)
        return FM_OK;
    status = fmi_embed_image(session, image, false, face, s->this_face, NULL, NULL, err);
    if (status != FM_OK || s->state.used + s->state.unusable == 0)
        return status;
    f->likeness = fmi_metric_score(&s->embedder->manifest, s->first_face, s->this_face);
    f->other = f->likeness < (double)s->same_score;
    return FM_OK;
}

static fm_status find_out(fm_liveness_sequence *s, fm_session *session, const fm_image *image,
                          const fm_face *face, finding *f, fm_liveness_result *result,
                          fm_error *err)
{
    fm_status status = fmi_liveness_look(session, &image, face, 1, &s->lines, result, err);
    if (status != FM_OK)
        return status;
    box_within(image, face, f->place.box);
    status = see(image, f->place.box, f->place.grey, err);
    if (status == FM_OK)
        status = least_difference(s, image, &f->difference, err);
    f->still = f->difference <= (double)s->options.still_difference;
    if (status == FM_OK && !f->still)
        status = compare_face(s, session, image, face, f, err);
    return status;
}

static void refuse(fm_liveness_result *result, fm_liveness_reason reason, double value,
                   double limit)
{
    result->verdict = FM_LIVENESS_UNCERTAIN;
    result->reason = reason;
    result->value = (float)value;
    result->limit = (float)limit;
}

static bool is_usable(const fm_liveness_result *result)
{
    return result->reason == FM_LIVENESS_REASON_NONE ||
           result->reason == FM_LIVENESS_REASON_BETWEEN;
}

static void take(fm_liveness_sequence *s, const finding *f, fm_liveness_result *result)
{
    bool first = s->state.used + s->state.unusable == 0;
    s->state.frames++;
    if (f->still) {
        s->state.stills++;
        refuse(result, FM_LIVENESS_REASON_STILL, f->difference,
               (double)s->options.still_difference);
    } else if (f->other) {
        s->state.other_faces++;
        refuse(result, FM_LIVENESS_REASON_OTHER_FACE, f->likeness, (double)s->same_score);
    } else if (is_usable(result)) {
        fuse(s, result);
    } else {
        s->state.unusable++;
        s->last_unusable = result->reason;
    }
    if (first && s->embedder)
        memcpy(s->first_face, s->this_face, embedding_size(s->embedder));
    if (!f->still)
        s->kept[s->kept_count++] = f->place;
    decide(s);
}

fm_status fmi_sequence_add(fm_liveness_sequence *sequence, fm_session *session,
                           const fm_image *image, const fm_face *face, fm_liveness_result *result,
                           fm_error *err)
{
    finding f = {.difference = INFINITY};
    fm_face chosen;
    size_t found = 0;
    fm_status status = check_models(sequence, session, err);
    if (status == FM_OK && sequence->state.decided)
        status = fmi_fail(err, FM_E_STATE, "the attempt is decided: %s",
                          fmi_liveness_verdict_name(sequence->state.verdict));
    if (status == FM_OK && face)
        chosen = *face;
    else if (status == FM_OK)
        status = fmi_face_choose(session, image, &chosen, &found, err);
    if (status == FM_OK)
        status = find_out(sequence, session, image, &chosen, &f, result, err);
    if (status == FM_OK) {
        result->face_count = (int32_t)found;
        take(sequence, &f, result);
    }
    fmi_wipe(&f, sizeof f);
    return status;
}

void fmi_sequence_result(const fm_liveness_sequence *sequence, fm_liveness_fusion *out)
{
    *out = sequence->state;
}
