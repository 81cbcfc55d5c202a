#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "context.h"
#include "keys.h"
#include "output.h"
#include "progress.h"

enum { PAGE = 256 };

/* With --model, a gallery of another model is refused; without, any is opened. */
static fm_gallery *open_gallery(const options *opts, fm_gallery_mode mode)
{
    fm_model_info info;
    fm_model *model = NULL;
    if (opts->model && !(model = ctx_model(opts, opts->model, FM_MODEL_EMBEDDER, &info)))
        return NULL;
    fm_gallery *gallery = ctx_gallery(opts->args[0], model, mode);
    fm_model_free(model);
    return gallery;
}

/* Of approximate search, over the five best; below 0: reported. */
static double find_recall(const options *opts)
{
    enum { SAMPLES = 200, BEST = 5 };
    fm_error err = {sizeof err, 0, ""};
    context ctx;
    double recall = -1;
    if (!ctx_open_models(&ctx, opts, opts->model, NEEDS_EMBEDDER))
        return recall;
    fm_gallery *gallery = ctx_gallery_to_search(opts->args[0], ctx.embedder, FM_INDEX_HNSW, 0);
    if (gallery && fm_gallery_recall(gallery, SAMPLES, BEST, &recall, &err) != FM_OK)
        out_library_error(opts->args[0], &err);
    fm_gallery_close(gallery);
    ctx_close(&ctx);
    return recall;
}

/* "1 person with 2 templates"; to be freed. */
static char *people_text(int64_t identities, int64_t templates)
{
    char people[32], all[32];
    out_count(people, sizeof people, identities);
    out_count(all, sizeof all, templates);
    return out_format("%s %s with %s template%s", people, identities == 1 ? "person" : "people",
                      all, templates == 1 ? "" : "s");
}

static void print_info(const options *opts, const fm_gallery_info *info)
{
    char created[64];
    char *people = people_text(info->identities, info->templates);
    out_time(created, sizeof created, info->created_ms);
    out_line("%s: %s of %d numbers", out_place(opts->args[0]), people, info->dim);
    out_line("made %s with %s (model id %s)%s", created, info->model_name, info->model_id,
             info->sealed ? ", sealed" : "");
    free(people);
}

int cmd_gallery_info(const options *opts)
{
    double recall = 1;
    fm_error err = {sizeof err, 0, ""};
    fm_gallery_info info = {.struct_size = sizeof info};
    fm_gallery *gallery = open_gallery(opts, FM_GALLERY_READ_ONLY);
    if (!gallery)
        return ANSWER_ERROR;
    fm_status status = fm_gallery_describe(gallery, &info, &err);
    fm_gallery_close(gallery);
    if (status != FM_OK) {
        out_library_error(opts->args[0], &err);
        return ANSWER_ERROR;
    }
    if (opts->recall && (recall = find_recall(opts)) < 0)
        return ANSWER_ERROR;
    if (opts->json) {
        json_t *result = json_pack("{s:i,s:I,s:I,s:I,s:o,s:o,s:b}", "dim", info.dim, "identities",
                                   (json_int_t)info.identities, "templates",
                                   (json_int_t)info.templates, "created_ms",
                                   (json_int_t)info.created_ms, "model_id", out_text(info.model_id),
                                   "model_name", out_text(info.model_name), "sealed", info.sealed);
        if (opts->recall)
            json_object_set_new(result, "recall", out_real(recall));
        out_json(result);
        return ANSWER_YES;
    }
    print_info(opts, &info);
    if (opts->recall)
        out_line("approximate search finds %.2f %% of the 5 best people", 100 * recall);
    return ANSWER_YES;
}

static json_t *identity_json(const fm_identity *identity)
{
    return json_pack("{s:o,s:o,s:I,s:I,s:i}", "id", out_text(identity->id), "display_name",
                     out_text(identity->display_name), "created_ms",
                     (json_int_t)identity->created_ms, "updated_ms",
                     (json_int_t)identity->updated_ms, "templates", identity->templates);
}

static void print_identity(const fm_identity *identity)
{
    char updated[64];
    out_time(updated, sizeof updated, identity->updated_ms);
    out_line("%s%s%s%s: %d template%s, changed %s", identity->id,
             identity->display_name[0] ? " (" : "", identity->display_name,
             identity->display_name[0] ? ")" : "", identity->templates,
             identity->templates == 1 ? "" : "s", updated);
}

static int list_pages(const options *opts, fm_gallery *gallery, fm_identity *page)
{
    fm_error err = {sizeof err, 0, ""};
    char after[FM_ID_MAX + 1] = "";
    size_t count = PAGE;
    while (count == PAGE && !out_closed()) {
        if (fm_gallery_list(gallery, after, page, PAGE, &count, &err) != FM_OK) {
            out_library_error(opts->args[0], &err);
            return ANSWER_ERROR;
        }
        for (size_t i = 0; i < count; i++) {
            if (opts->json)
                out_json(identity_json(&page[i]));
            else
                print_identity(&page[i]);
        }
        if (count)
            memcpy(after, page[count - 1].id, sizeof after);
    }
    return ANSWER_YES;
}

int cmd_gallery_list(const options *opts)
{
    fm_gallery *gallery = open_gallery(opts, FM_GALLERY_READ_ONLY);
    if (!gallery)
        return ANSWER_ERROR;
    fm_identity *page = out_alloc(PAGE, sizeof *page);
    int answer = list_pages(opts, gallery, page);
    free(page);
    fm_gallery_close(gallery);
    return answer;
}

/* All that is known about one person. */
typedef struct person {
    fm_identity identity;
    char metadata[FM_METADATA_MAX + 1];
    fm_template templates[FM_LIMIT_TEMPLATES];
    size_t count;
} person;

static void show_json(const person *p)
{
    json_t *templates = json_array(), *object = identity_json(&p->identity);
    for (size_t i = 0; i < p->count; i++) {
        const fm_template *t = &p->templates[i];
        json_array_append_new(
            templates, json_pack("{s:I,s:I,s:o,s:o}", "template_id", (json_int_t)t->template_id,
                                 "created_ms", (json_int_t)t->created_ms, "quality",
                                 out_real(t->quality), "label", out_text(t->label)));
    }
    json_t *metadata = json_loads(p->metadata, 0, NULL);
    json_object_set_new(object, "metadata", metadata ? metadata : json_null());
    json_object_set_new(object, "template_list", templates);
    out_json(object);
}

static void show_text(const person *p)
{
    print_identity(&p->identity);
    out_line("  metadata: %s", p->metadata);
    for (size_t i = 0; i < p->count; i++) {
        const fm_template *t = &p->templates[i];
        char created[64];
        out_time(created, sizeof created, t->created_ms);
        out_line("  template %lld, stored %s%s%s", (long long)t->template_id, created,
                 t->label[0] ? ", label " : "", t->label);
    }
}

int cmd_gallery_show(const options *opts)
{
    fm_error err = {sizeof err, 0, ""};
    fm_gallery *gallery = open_gallery(opts, FM_GALLERY_READ_ONLY);
    if (!gallery)
        return ANSWER_ERROR;
    const char *id = opts->args[1];
    person *p = out_alloc(1, sizeof *p);
    bool ok = fm_gallery_get(gallery, id, &p->identity, &err) == FM_OK &&
              fm_gallery_get_metadata(gallery, id, p->metadata, sizeof p->metadata, NULL, &err) ==
                  FM_OK &&
              fm_gallery_get_templates(gallery, id, p->templates, FM_LIMIT_TEMPLATES, &p->count,
                                       &err) == FM_OK;
    if (!ok)
        out_library_error(opts->args[0], &err);
    else if (opts->json)
        show_json(p);
    else
        show_text(p);
    free(p);
    fm_gallery_close(gallery);
    return ok ? ANSWER_YES : ANSWER_ERROR;
}

int cmd_gallery_remove(const options *opts)
{
    fm_error err = {sizeof err, 0, ""};
    const char *id = opts->args[1];
    size_t removed = 1;
    fm_gallery *gallery = open_gallery(opts, FM_GALLERY_EXISTING);
    if (!gallery)
        return ANSWER_ERROR;
    fm_status status = opts->template_id
                           ? fm_gallery_remove_template(gallery, id, opts->template_id, &err)
                           : fm_gallery_remove(gallery, id, &removed, &err);
    fm_gallery_close(gallery);
    if (status != FM_OK) {
        out_library_error(opts->args[0], &err);
        return ANSWER_ERROR;
    }
    if (opts->json)
        out_json(json_pack("{s:o,s:I}", "id", out_text(id), "removed", (json_int_t)removed));
    else if (opts->template_id)
        out_line("removed template %lld of %s", (long long)opts->template_id, id);
    else
        out_line("removed %s with %zu template%s", id, removed, removed == 1 ? "" : "s");
    return ANSWER_YES;
}

/* --- moving --- */

static volatile sig_atomic_t stopped_by;

static void on_stop(int number)
{
    stopped_by = number;
}

/* A bar for what the library counts. Interrupted, the library is given the time to undo. */
typedef struct moving {
    const char *label;
    bool begun;
    struct sigaction interrupt, terminate; /* as they were */
} moving;

static int32_t show_progress(void *user, int64_t done, int64_t total)
{
    moving *job = user;
    if (!job->begun)
        bar_begin(job->label, (size_t)total);
    job->begun = true;
    if (total > 0)
        bar_to((size_t)(done < total ? done : total));
    return stopped_by != 0;
}

static void moving_begin(moving *job, const char *label, fm_transfer_options *settings)
{
    struct sigaction stop = {.sa_handler = on_stop};
    sigemptyset(&stop.sa_mask);
    *job = (moving){.label = label};
    sigaction(SIGINT, &stop, &job->interrupt);
    sigaction(SIGTERM, &stop, &job->terminate);
    settings->progress = show_progress;
    settings->user = job;
}

static void moving_end(const moving *job)
{
    bar_end();
    sigaction(SIGINT, &job->interrupt, NULL);
    sigaction(SIGTERM, &job->terminate, NULL);
    if (stopped_by)
        raise(stopped_by);
}

/* "-" as the name of a file; NULL: reported. */
static const char *stream_name(const options *opts, bool output)
{
    const char *name = opts->args[1];
    struct stat info;
    if (strcmp(name, "-") != 0)
        return name;
    if (!output)
        return "/dev/stdin";
    if (opts->json)
        options_misuse(opts, "- leaves no room for --json");
    else if (fstat(STDOUT_FILENO, &info) == 0 && S_ISREG(info.st_mode))
        options_misuse(opts, "standard output is a file: name it instead of -");
    else
        return "/dev/stdout";
    return NULL;
}

int cmd_gallery_export(const options *opts)
{
    fm_error err = {sizeof err, 0, ""};
    fm_transfer done = {.struct_size = sizeof done};
    fm_transfer_options settings;
    moving job;
    char bytes[32];
    const char *path = stream_name(opts, true);
    fm_gallery *gallery = path ? open_gallery(opts, FM_GALLERY_READ_ONLY) : NULL;
    key_source file = {.key_file = opts->file_key, .passphrase_file = opts->file_passphrase};
    if (!gallery)
        return ANSWER_ERROR;
    fm_transfer_options_init(&settings, sizeof settings);
    moving_begin(&job, "exporting", &settings);
    fm_status status = key_read(&file, &settings.key, &err);
    if (status == FM_OK)
        status = fm_gallery_export(gallery, path, &settings, &done, &err);
    key_wipe(&file);
    fm_gallery_close(gallery);
    moving_end(&job);
    if (status != FM_OK) {
        out_library_error(opts->args[1], &err);
        return ANSWER_ERROR;
    }
    if (opts->json) {
        out_json(json_pack("{s:I,s:I,s:I}", "identities", (json_int_t)done.identities, "templates",
                           (json_int_t)done.templates, "bytes", (json_int_t)done.bytes));
        return ANSWER_YES;
    }
    char *people = people_text(done.identities, done.templates);
    out_count(bytes, sizeof bytes, done.bytes);
    if (path == opts->args[1])
        out_line("exported %s to %s, %s bytes", people, path, bytes);
    free(people);
    return ANSWER_YES;
}

static void tell_import(const options *opts, const fm_transfer *done)
{
    char skipped[32];
    if (opts->json) {
        out_json(json_pack("{s:I,s:I,s:I,s:I}", "identities", (json_int_t)done->identities,
                           "templates", (json_int_t)done->templates, "skipped",
                           (json_int_t)done->skipped, "bytes", (json_int_t)done->bytes));
        return;
    }
    char *people = people_text(done->identities, done->templates);
    out_count(skipped, sizeof skipped, done->skipped);
    out_line("imported %s%s%s%s", people, done->skipped ? ", skipped " : "",
             done->skipped ? skipped : "", done->skipped ? " that were there" : "");
    free(people);
}

/* The file of a gallery that an import would make; NULL: it is there already, or no file. */
static const char *file_to_be_made(const char *uri)
{
    const char *path = strncmp(uri, "sqlite:", 7) == 0 ? uri + 7 : uri;
    return strncmp(uri, "postgres", 8) != 0 && access(path, F_OK) != 0 ? path : NULL;
}

/* What a failed import made, and nobody has open or filled since. */
static void take_away(const char *path)
{
    char *shared = out_format("%s-shm", path);
    if (access(shared, F_OK) != 0)
        unlink(path);
    free(shared);
}

/* Close the gallery. `made` was made for an import that failed, and goes; else NULL. */
static void end_import(fm_gallery *gallery, const char *made)
{
    fm_gallery_info info = {.struct_size = sizeof info};
    bool empty = made && fm_gallery_describe(gallery, &info, NULL) == FM_OK && info.identities == 0;
    fm_gallery_close(gallery);
    if (empty)
        take_away(made);
}

int cmd_gallery_import(const options *opts)
{
    fm_error err = {sizeof err, 0, ""};
    fm_transfer done = {.struct_size = sizeof done};
    fm_transfer_options settings;
    moving job;
    const char *made = file_to_be_made(opts->args[0]);
    fm_gallery *gallery = open_gallery(opts, FM_GALLERY_CREATE);
    key_source file = {.key_file = opts->file_key, .passphrase_file = opts->file_passphrase};
    if (!gallery)
        return ANSWER_ERROR;
    fm_transfer_options_init(&settings, sizeof settings);
    settings.on_existing = (fm_existing)opts->on_existing;
    moving_begin(&job, "importing", &settings);
    fm_status status = key_read(&file, &settings.key, &err);
    if (status == FM_OK)
        status = fm_gallery_import(gallery, stream_name(opts, false), &settings, &done, &err);
    key_wipe(&file);
    end_import(gallery, status == FM_OK ? NULL : made);
    moving_end(&job);
    if (status != FM_OK) {
        out_library_error(opts->args[1], &err);
        return ANSWER_ERROR;
    }
    tell_import(opts, &done);
    return ANSWER_YES;
}

int cmd_gallery_compact(const options *opts)
{
    fm_error err = {sizeof err, 0, ""};
    fm_gallery *gallery = open_gallery(opts, FM_GALLERY_EXISTING);
    if (!gallery)
        return ANSWER_ERROR;
    fm_status status = fm_gallery_compact(gallery, &err);
    fm_gallery_close(gallery);
    if (status != FM_OK) {
        out_library_error(opts->args[0], &err);
        return ANSWER_ERROR;
    }
    if (opts->json)
        out_json(json_pack("{s:b}", "compacted", 1));
    else
        out_line("compacted %s", out_place(opts->args[0]));
    return ANSWER_YES;
}

int cmd_gallery_shard(const options *opts)
{
    fm_error err = {sizeof err, 0, ""};
    fm_transfer done = {.struct_size = sizeof done};
    fm_transfer_options settings;
    moving job;
    char people[32], templates[32];
    const size_t servers = opts->args_count - 1;
    fm_gallery *gallery = open_gallery(opts, FM_GALLERY_CREATE);
    if (!gallery)
        return ANSWER_ERROR;
    fm_transfer_options_init(&settings, sizeof settings);
    moving_begin(&job, "moving", &settings);
    fm_status status = fm_gallery_shard(gallery, opts->args + 1, servers, &settings, &done, &err);
    fm_gallery_close(gallery);
    moving_end(&job);
    if (status != FM_OK) {
        out_library_error(opts->args[0], &err);
        return ANSWER_ERROR;
    }
    if (opts->json) {
        out_json(json_pack("{s:I,s:I,s:I}", "servers", (json_int_t)servers, "identities",
                           (json_int_t)done.identities, "templates", (json_int_t)done.templates));
        return ANSWER_YES;
    }
    out_count(people, sizeof people, done.identities);
    out_count(templates, sizeof templates, done.templates);
    out_line("%s: %s templates of %s people are now on %zu server%s", out_place(opts->args[0]),
             templates, people, servers, servers == 1 ? "" : "s");
    return ANSWER_YES;
}

/* --- change of key --- */

int cmd_gallery_rekey(const options *opts)
{
    fm_error err = {sizeof err, 0, ""};
    key_source fresh = {.key_file = opts->new_key_file,
                        .passphrase_file = opts->new_passphrase_file};
    const fm_gallery_key *key = NULL;
    fm_status status = key_read(&fresh, &key, &err);
    if (status == FM_OK && !key)
        return options_misuse(opts, "--new-key-file or --new-passphrase-file is missing");
    if (status != FM_OK) {
        out_library_error(NULL, &err);
        return ANSWER_ERROR;
    }
    fm_gallery *gallery = open_gallery(opts, FM_GALLERY_EXISTING);
    if (gallery)
        status = fm_gallery_rekey(gallery, key, &err);
    key_wipe(&fresh);
    if (gallery && status != FM_OK)
        out_library_error(opts->args[0], &err);
    fm_gallery_close(gallery);
    if (!gallery || status != FM_OK)
        return ANSWER_ERROR;
    if (opts->json)
        out_json(
            json_pack("{s:o,s:b}", "gallery", out_text(out_place(opts->args[0])), "sealed", 1));
    else
        out_line("%s is sealed with the new %s", out_place(opts->args[0]),
                 opts->new_key_file ? "key" : "passphrase");
    return ANSWER_YES;
}
