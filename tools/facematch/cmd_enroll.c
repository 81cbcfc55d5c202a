#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "context.h"
#include "output.h"
#include "progress.h"
#include "walk.h"

typedef struct enrolment {
    context ctx;
    fm_gallery *gallery; /* NULL until the first face, where it has to be made */
    const char *id;
    embedding vector;
    size_t enrolled, rejected, people;
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

static const char *reason_of(fm_status status, bool loaded)
{
    switch (status) {
    case FM_E_NOT_FOUND:
        return loaded ? "no_face" : "no_file";
    case FM_E_IO:
        return "unreadable";
    case FM_E_CORRUPT:
        return "corrupt";
    case FM_E_UNSUPPORTED:
        return "unsupported";
    case FM_E_LIMIT:
        return "limit";
    default:
        return "error";
    }
}

static void reject(enrolment *job, const char *path, const fm_error *err, bool loaded)
{
    const char *text = err->message;
    size_t named = strlen(path);
    if (strncmp(text, path, named) == 0 && strncmp(text + named, ": ", 2) == 0)
        text += named + 2;
    job->rejected++;
    out_note("%s: rejected: %s", path, text);
    if (job->ctx.opts->json)
        out_json(json_pack("{s:o,s:o,s:b,s:s,s:s,s:o}", "image", out_text(path), "id",
                           out_text(job->id), "enrolled", 0, "reason",
                           reason_of(err->status, loaded), "error", fm_status_name(err->status),
                           "message", out_text(text)));
}

static fm_status store(enrolment *job, fm_enrollment *out, fm_error *err)
{
    const options *opts = job->ctx.opts;
    fm_enroll_options beside;
    fm_enroll_options_init(&beside, sizeof beside);
    beside.display_name = opts->name;
    beside.metadata_json = opts->metadata;
    beside.label = opts->label;
    out->struct_size = sizeof *out;
    return fm_gallery_add(job->gallery, job->id, job->vector.values, job->vector.dim, &beside, out,
                          err);
}

static int tell(enrolment *job, const char *path, const fm_enrollment *done)
{
    job->enrolled++;
    job->people += done->new_identity != 0;
    if (job->ctx.opts->json)
        out_json(json_pack("{s:o,s:o,s:b}", "image", out_text(path), "id", out_text(job->id),
                           "enrolled", 1));
    else if (!job->ctx.opts->folder)
        out_line("%s: enrolled as %s, template %lld%s", path, job->id, (long long)done->template_id,
                 job->vector.face_count > 1 ? ", one of several faces" : "");
    return ANSWER_YES;
}

static int enroll_one(void *data, const char *path)
{
    enrolment *job = data;
    fm_error err = {sizeof err, 0, ""};
    fm_enrollment done;
    fm_image *image = NULL;
    if (job->broken)
        return ANSWER_ERROR;
    fm_status status = fm_image_load_file(&image, path, NULL, &err);
    bool loaded = status == FM_OK;
    if (loaded)
        status = ctx_embed_image(&job->ctx, job->ctx.session, image, &job->vector, &err);
    fm_image_free(image);
    if (status == FM_OK && !job->gallery) {
        job->gallery = ctx_gallery(job->ctx.opts->gallery, job->ctx.embedder, FM_GALLERY_CREATE);
        job->broken = !job->gallery;
        if (job->broken)
            return ANSWER_ERROR;
    }
    if (status == FM_OK)
        status = store(job, &done, &err);
    if (status == FM_OK)
        return tell(job, path, &done);
    reject(job, path, &err, loaded);
    return ANSWER_ERROR;
}

static void list_folder(const char *folder, walk_kind kind, names *out, int *answer)
{
    if (walk_folder(folder, kind, out))
        return;
    out_error(NULL, FM_E_IO, "%s: %s", folder, strerror(errno));
    *answer = ANSWER_ERROR;
}

static int enroll_person(enrolment *job, const char *folder, const char *id, const names *pictures)
{
    int answer = ANSWER_YES;
    job->id = id;
    if (!check_text("id", id, 1, FM_ID_MAX)) { /* the folder's name need not be UTF-8 */
        job->rejected += pictures->count;
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
    list_folder(folder, WALK_FOLDERS, &people, &answer);
    names *pictures = out_alloc(people.count, sizeof *pictures);
    for (size_t i = 0; i < people.count; i++) {
        char *path = out_format("%s/%s", folder, people.items[i]);
        list_folder(path, WALK_PICTURES, &pictures[i], &answer);
        total += pictures[i].count;
        free(path);
    }
    if (total == 0 && answer == ANSWER_YES) {
        out_error(NULL, FM_E_NOT_FOUND, "%s: no sub-folder with pictures in it", folder);
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
    if (!opts->json && (opts->folder || opts->args_count > 2))
        out_line("%zu photograph%s enrolled, %zu rejected; %zu new %s", job->enrolled,
                 job->enrolled == 1 ? "" : "s", job->rejected, job->people,
                 job->people == 1 ? "person" : "people");
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
    if (!check_texts(opts) || !ctx_open(&job.ctx, opts, NEEDS_EMBEDDER | NEEDS_DETECTOR))
        return ANSWER_ERROR;
    job.vector = embedding_new(&job.ctx);
    if (open_existing(&job))
        answer = enroll_all(&job);
    fm_gallery_close(job.gallery);
    embedding_free(&job.vector);
    ctx_close(&job.ctx);
    return answer;
}
