#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "again.h"
#include "commands.h"
#include "context.h"
#include "liveness.h"
#include "output.h"
#include "passed.h"
#include "progress.h"
#include "walk.h"

/* How often photographs were rejected for a reason. */
typedef struct tally {
    const char *reason;
    size_t count;
} tally;

enum { MOST_REASONS = 24 }; /* of the gate, and those of reason_of */

typedef struct enrolment {
    context ctx;
    fm_gallery *gallery; /* NULL until the first photograph passes, where it has to be made */
    const char *id;
    again again; /* of the id */
    fm_gate_options gate;
    fm_liveness_options lines;
    /* of the photograph at hand */
    fm_gate_report report;
    fm_liveness_summary seen;
    tally reasons[MOST_REASONS];
    size_t enrolled, there, rejected, people;
    bool broken; /* the gallery cannot be written: going on is useless */
} enrolment;

/* A text that a gallery is going to take: one line of UTF-8, of so many bytes. */
static bool check_text(const char *what, const char *text, size_t least, size_t most)
{
    json_t *valid = json_string(text);
    size_t length = strlen(text);
    bool right = false;
    if (!valid)
        out_error(NULL, FM_E_INVALID_ARGUMENT, "the %s is not UTF-8", what);
    else if (length < least || length > most)
        out_error(NULL, FM_E_INVALID_ARGUMENT, "the %s has %zu bytes, not %zu to %zu", what, length,
                  least, most);
    else if (out_control(text))
        out_error(NULL, FM_E_INVALID_ARGUMENT, "the %s has a control character in it", what);
    else
        right = true;
    json_decref(valid);
    return right;
}

static bool check_metadata(const char *text)
{
    json_error_t error;
    if (strlen(text) > FM_METADATA_MAX) {
        out_error(NULL, FM_E_INVALID_ARGUMENT, "the metadata has %zu bytes, not up to %d",
                  strlen(text), FM_METADATA_MAX);
        return false;
    }
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    bool right = json_is_object(object);
    if (!object)
        out_error(NULL, FM_E_INVALID_ARGUMENT, "the metadata is not JSON: %s", error.text);
    else if (!right)
        out_error(NULL, FM_E_INVALID_ARGUMENT, "the metadata is JSON, but not an object");
    json_decref(object);
    return right;
}

/* Before anything is loaded or made. */
static bool check_texts(const options *opts)
{
    return (opts->folder || check_text("id", opts->args[0], 1, FM_ID_MAX)) &&
           (!opts->name || check_text("name", opts->name, 0, FM_DISPLAY_NAME_MAX)) &&
           (!opts->label || check_text("label", opts->label, 0, FM_LABEL_MAX)) &&
           (!opts->metadata || check_metadata(opts->metadata));
}

static bool allowed(const options *opts, fm_refusal reason)
{
    return (opts->allow >> reason & 1) != 0;
}

/* A limit of the library: 0 for its default, negative for none. */
static float limit_of(const options *opts, fm_refusal reason, double given)
{
    return given == 0 || allowed(opts, reason) ? -1 : isnan(given) ? 0 : (float)given;
}

static double rate_of(const options *opts, fm_refusal reason, double given)
{
    return allowed(opts, reason) ? -1 : given;
}

static void set_gate(const options *o, fm_gate_options *gate)
{
    fm_gate_options_init(gate, sizeof *gate);
    gate->off = o->no_gate;
    gate->other_faces = limit_of(o, FM_REFUSAL_SEVERAL_FACES, o->other_faces);
    gate->min_size_px = limit_of(o, FM_REFUSAL_FACE_TOO_SMALL, o->min_size);
    gate->min_score = limit_of(o, FM_REFUSAL_LOW_DETECTION_SCORE, o->min_score);
    gate->min_sharpness = limit_of(o, FM_REFUSAL_BLURRED, o->min_sharpness);
    gate->min_brightness = limit_of(o, FM_REFUSAL_TOO_DARK, o->min_brightness);
    gate->max_brightness = limit_of(o, FM_REFUSAL_TOO_BRIGHT, o->max_brightness);
    gate->max_yaw_deg = limit_of(o, FM_REFUSAL_EXTREME_POSE, o->max_yaw);
    gate->max_pitch_deg = limit_of(o, FM_REFUSAL_EXTREME_POSE, o->max_pitch);
    gate->max_roll_deg = limit_of(o, FM_REFUSAL_EXTREME_POSE, o->max_roll);
    gate->another_fpir = rate_of(o, FM_REFUSAL_LOOKS_LIKE_ANOTHER, o->fpir);
    gate->itself_fmr = rate_of(o, FM_REFUSAL_UNLIKE_ITSELF, o->fmr);
}

/* Of what is no matter of the gate. */
static const char *reason_of(fm_status status)
{
    switch (status) {
    case FM_E_NOT_FOUND:
        return "no_file";
    case FM_E_IO:
        return "unreadable";
    case FM_E_CORRUPT:
        return "corrupt";
    case FM_E_UNSUPPORTED:
        return "unsupported";
    case FM_E_LIMIT:
        return "limit";
    case FM_E_NOT_LIVE:
        return "not_live";
    default:
        return "error";
    }
}

static const char *advice(fm_refusal reason)
{
    switch (reason) {
    case FM_REFUSAL_NO_FACE:
        return "; use a photograph that shows the face from the front";
    case FM_REFUSAL_SEVERAL_FACES:
        return "; cut it down to one person, or tell by --select which face is meant";
    case FM_REFUSAL_FACE_TOO_SMALL:
        return "; come closer, or use a larger picture";
    case FM_REFUSAL_LOW_DETECTION_SCORE:
        return "; use a photograph that shows the whole face";
    case FM_REFUSAL_BLURRED:
        return "; hold the camera still and focus on the face";
    case FM_REFUSAL_TOO_DARK:
        return "; put more light on the face";
    case FM_REFUSAL_TOO_BRIGHT:
        return "; keep the face out of direct light";
    case FM_REFUSAL_EXTREME_POSE:
        return "; look straight into the camera";
    case FM_REFUSAL_LOOKS_LIKE_ANOTHER:
        return "; add the photograph to that id, or, if these are two people, say --allow "
               "looks_like_another";
    case FM_REFUSAL_UNLIKE_ITSELF:
        return "; check the id, or, if it is the same person, say --allow unlike_itself";
    default:
        return "";
    }
}

static void count_reason(enrolment *job, const char *reason)
{
    for (size_t i = 0; i < MOST_REASONS; i++) {
        tally *t = &job->reasons[i];
        if (t->reason && strcmp(t->reason, reason) != 0)
            continue;
        t->reason = reason;
        t->count++;
        return;
    }
}

/* The figures, null where no face was looked at. */
static void add_figures(const enrolment *job, json_t *object)
{
    const fm_gate_report *report = &job->report;
    bool measured = !isnan(report->quality.sharpness);
    if (report->reason > FM_REFUSAL_NO_FACE) {
        json_object_set_new(object, "value", out_real(report->value));
        json_object_set_new(object, "limit", out_real(report->limit));
    }
    if (report->reason == FM_REFUSAL_LOOKS_LIKE_ANOTHER)
        json_object_set_new(object, "other_id", out_text(report->other_id));
    json_object_set_new(object, "quality", measured ? out_quality(&report->quality) : json_null());
    if (job->ctx.liveness)
        json_object_set_new(object, "liveness", liveness_json(&job->seen));
}

static int reject(enrolment *job, const char *path, const fm_error *err)
{
    int answer = err->status == FM_E_NOT_LIVE ? ANSWER_NO : ANSWER_ERROR;
    const char *advised =
        answer == ANSWER_NO ? liveness_advice(job->seen.reason) : advice(job->report.reason);
    fm_refusal refusal = job->report.reason;
    const char *reason = refusal ? fm_refusal_name(refusal) : reason_of(err->status);
    const char *text = err->message;
    size_t named = strlen(path);
    if (strncmp(text, path, named) == 0 && strncmp(text + named, ": ", 2) == 0)
        text += named + 2;
    job->rejected++;
    count_reason(job, reason);
    out_note("%s: rejected: %s%s", path, text, advised);
    if (!job->ctx.opts->json)
        return answer;
    json_t *object = json_pack("{s:o,s:o,s:b,s:s,s:s,s:o}", "image", out_text(path), "id",
                               out_text(job->id), "enrolled", 0, "reason", reason, "error",
                               fm_status_name(err->status), "message", out_text(text));
    if (object)
        add_figures(job, object);
    out_json(object);
    return answer;
}

static int tell(enrolment *job, const char *path, const fm_enrollment *done)
{
    job->enrolled++;
    job->people += done->new_identity != 0;
    if (job->ctx.opts->json) {
        json_t *object = json_pack("{s:o,s:o,s:b}", "image", out_text(path), "id",
                                   out_text(job->id), "enrolled", 1);
        if (object)
            add_figures(job, object);
        out_json(object);
    } else if (!job->ctx.opts->folder) {
        char *seen = liveness_suffix(&job->seen);
        out_line("%s: enrolled as %s, template %lld, quality %.2f%s%s", path, job->id,
                 (long long)done->template_id, job->report.quality.quality,
                 done->face_count > 1 ? ", one of several faces" : "", seen);
        free(seen);
    }
    return ANSWER_YES;
}

/* Nothing was stored. */
static int tell_again(enrolment *job, const char *path)
{
    const options *opts = job->ctx.opts;
    job->there++;
    if (opts->json)
        out_json(json_pack("{s:o,s:o,s:b,s:s}", "image", out_text(path), "id", out_text(job->id),
                           "enrolled", 0, "reason", "already_enrolled"));
    else if (!opts->folder)
        out_line("%s: already enrolled as %s", path, job->id);
    return ANSWER_YES;
}

/* As the library does it when it enrols. */
static fm_status demand_live(enrolment *job, const fm_image *image, fm_error *err)
{
    fm_liveness_result r = {.struct_size = sizeof r};
    fm_status status = fm_liveness(job->ctx.session, image, NULL, &job->lines, &r, err);
    if (status != FM_OK || r.verdict == FM_LIVENESS_LIVE)
        return status;
    char *text = liveness_text(r.verdict, r.reason, r.score);
    job->seen = (fm_liveness_summary){r.verdict, r.reason, r.score, 0};
    err->status = FM_E_NOT_LIVE;
    snprintf(err->message, sizeof err->message, "%s", text);
    free(text);
    return FM_E_NOT_LIVE;
}

/* Before a gallery is made, so that a photograph that is rejected leaves no empty one behind. A
 * crop (--aligned) is not looked at first: nobody has to find a face in it. */
static fm_status make_gallery(enrolment *job, const fm_image *image, fm_error *err)
{
    const options *opts = job->ctx.opts;
    fm_status status = opts->aligned
                           ? FM_OK
                           : fm_gate_check(job->ctx.session, image, &job->gate, &job->report, err);
    if (status == FM_OK && opts->liveness == FM_LIVENESS_REQUIRE)
        status = demand_live(job, image, err);
    if (status != FM_OK)
        return status;
    job->gallery = ctx_gallery(opts->gallery, job->ctx.embedder, FM_GALLERY_CREATE);
    job->broken = !job->gallery;
    return FM_OK;
}

static fm_status store(enrolment *job, const fm_image *image, fm_enrollment *out, fm_error *err)
{
    const options *opts = job->ctx.opts;
    fm_enroll_options beside;
    fm_enroll_options_init(&beside, sizeof beside);
    beside.aligned = opts->aligned;
    beside.display_name = opts->name;
    beside.metadata_json = opts->metadata;
    beside.label = opts->label;
    beside.gate = &job->gate;
    beside.report = &job->report;
    beside.liveness = (fm_liveness_policy)opts->liveness;
    beside.liveness_options = &job->lines;
    *out = (fm_enrollment){.struct_size = sizeof *out};
    fm_status status =
        fm_gallery_enroll(job->gallery, job->ctx.session, job->id, image, &beside, out, err);
    job->seen = out->liveness;
    return status;
}

static fm_status enroll_image(enrolment *job, const char *path, const fm_image *image,
                              fm_enrollment *done, bool *there, fm_error *err)
{
    bool changes = false;
    fm_status status = again_changes(job->gallery, job->id, job->ctx.opts, &changes, err);
    if (status == FM_OK && !changes)
        status = again_look(&job->again, &job->ctx, job->gallery, job->id, path, image, there, err);
    if (status == FM_OK && *there) /* what is required is, stored before or not */
        return job->ctx.opts->liveness == FM_LIVENESS_REQUIRE ? demand_live(job, image, err)
                                                              : FM_OK;
    if (status == FM_OK && !job->gallery)
        status = make_gallery(job, image, err);
    if (status == FM_OK && !job->broken)
        status = store(job, image, done, err);
    if (status == FM_OK && !job->broken)
        again_enrolled(&job->again, path);
    return status;
}

static int enroll_one(void *data, const char *path)
{
    enrolment *job = data;
    fm_error err = {sizeof err, 0, ""};
    fm_enrollment done;
    fm_image *image = NULL;
    bool there = false;
    if (job->broken)
        return ANSWER_ERROR;
    job->seen = (fm_liveness_summary){0};
    job->report = (fm_gate_report){.struct_size = sizeof job->report, .quality.sharpness = NAN};
    fm_status status = ctx_load(&image, path, &err);
    if (status == FM_OK)
        status = enroll_image(job, path, image, &done, &there, &err);
    fm_image_free(image);
    if (job->broken)
        return ANSWER_ERROR;
    if (status != FM_OK)
        return reject(job, path, &err);
    return there ? tell_again(job, path) : tell(job, path, &done);
}

static void list_folder(passed *left, const char *folder, names *folders, names *pictures,
                        int *answer)
{
    if (passed_walk(left, folder, folders, pictures))
        return;
    out_error(NULL, FM_E_IO, "%s: %s", folder, strerror(errno));
    *answer = ANSWER_ERROR;
}

static int enroll_person(enrolment *job, const char *folder, const char *id, const names *pictures)
{
    int answer = ANSWER_YES;
    job->id = id;
    job->again = (again){0};
    if (!check_text("id", id, 1, FM_ID_MAX)) { /* the folder's name need not be UTF-8 */
        job->rejected += pictures->count;
        for (size_t i = 0; i < pictures->count; i++)
            count_reason(job, "bad_id");
        return ANSWER_ERROR;
    }
    for (size_t i = 0; i < pictures->count && !out_closed(); i++) {
        char *path = out_format("%s/%s/%s", folder, id, pictures->items[i]);
        answer = out_worst(answer, enroll_one(job, path));
        free(path);
        bar_step();
    }
    return answer;
}

static int enroll_folder(enrolment *job, const char *folder)
{
    names people = {0};
    size_t total = 0;
    int answer = ANSWER_YES;
    passed left = {0};
    list_folder(&left, folder, &people, NULL, &answer);
    names *pictures = out_alloc(people.count, sizeof *pictures);
    for (size_t i = 0; i < people.count; i++) {
        char *path = out_format("%s/%s", folder, people.items[i]);
        list_folder(&left, path, NULL, &pictures[i], &answer);
        total += pictures[i].count;
        free(path);
    }
    passed_tell(&left, folder);
    if (total == 0 && answer == ANSWER_YES) {
        out_error(NULL, FM_E_NOT_FOUND,
                  "%s: no sub-folder with pictures in it; it takes one for each person, called "
                  "like the id",
                  folder);
        answer = ANSWER_ERROR;
    }
    bar_begin("enrolling", total);
    for (size_t i = 0; i < people.count; i++) {
        answer = out_worst(answer, enroll_person(job, folder, people.items[i], &pictures[i]));
        names_free(&pictures[i]);
    }
    bar_end();
    free(pictures);
    names_free(&people);
    return answer;
}

/* A gallery that is there is opened at once, so that a wrong one is known before the work. */
static bool open_existing(enrolment *job)
{
    const char *uri = job->ctx.opts->gallery;
    fm_error err = {sizeof err, 0, ""};
    fm_status status =
        ctx_try_gallery(&job->gallery, uri, job->ctx.embedder, FM_GALLERY_EXISTING, &err);
    if (status == FM_OK || status == FM_E_NOT_FOUND)
        return true;
    out_library_error(uri, &err);
    return false;
}

/* "3 photographs enrolled, 1 already there, 2 rejected (1 no_face, 1 blurred); 2 new people" */
static void sum_up(const enrolment *job)
{
    char *why = out_format("%s", "");
    for (const tally *t = job->reasons; t < job->reasons + MOST_REASONS && t->reason; t++) {
        char *longer =
            out_format("%s%s%zu %s", why, t == job->reasons ? " (" : ", ", t->count, t->reason);
        free(why);
        why = longer;
    }
    char *there = job->there ? out_format(", %zu already there", job->there) : out_format("%s", "");
    char *text = out_format("%zu photograph%s enrolled%s, %zu rejected%s%s; %zu new %s",
                            job->enrolled, job->enrolled == 1 ? "" : "s", there, job->rejected, why,
                            why[0] ? ")" : "", job->people, job->people == 1 ? "person" : "people");
    if (job->ctx.opts->json)
        out_note("%s", text);
    else
        out_line("%s", text);
    free(why);
    free(there);
    free(text);
}

static int enroll_all(enrolment *job)
{
    const options *opts = job->ctx.opts;
    int answer;
    if (opts->folder) {
        answer = enroll_folder(job, opts->folder);
    } else {
        job->id = opts->args[0];
        answer = ctx_each("enrolling", opts->args + 1, opts->args_count - 1, enroll_one, job);
    }
    bool many = opts->folder ? job->enrolled + job->there + job->rejected > 0
                             : !opts->json && opts->args_count > 2;
    if (many)
        sum_up(job);
    return answer;
}

int cmd_enroll(const options *opts)
{
    enrolment job = {.gallery = NULL};
    int answer = ANSWER_ERROR;
    if (!opts->gallery)
        return options_misuse(opts, "--gallery is missing");
    if (opts->folder ? opts->args_count > 0 : opts->args_count < 2)
        return options_misuse(opts, "give an id and photographs, or --folder");
    if (opts->folder && (opts->name || opts->metadata))
        return options_misuse(opts, "--name and --metadata are of one person, not of a --folder");
    if (liveness_check(opts) != ANSWER_YES)
        return ANSWER_ERROR;
    if (!check_texts(opts) || !ctx_open(&job.ctx, opts, NEEDS_EMBEDDER | NEEDS_DETECTOR))
        return ANSWER_ERROR;
    set_gate(opts, &job.gate);
    job.lines = liveness_lines(opts);
    if (open_existing(&job))
        answer = enroll_all(&job);
    fm_gallery_close(job.gallery);
    ctx_close(&job.ctx);
    return answer;
}
