#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "all_pairs.h"
#include "commands.h"
#include "output.h"

/* The folder's name, without slashes at its end. */
static char *folder_name(const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    size_t start = length;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return out_format("%.*s", (int)(length - start), path + start);
}

static char *make_calibration(const all_pairs *p, const options *opts)
{
    fm_error err = {sizeof err, 0, ""};
    fm_calibration_options settings;
    char *name = folder_name(opts->images), *text = NULL;
    size_t needed = 0;
    fm_calibration_options_init(&settings, sizeof settings);
    settings.metric = p->ctx.model.metric;
    settings.dataset = opts->dataset ? opts->dataset : name;
    fm_status status = fm_calibrate(p->comparisons, &settings, NULL, 0, &needed, &err);
    if (status == FM_E_BUFFER_TOO_SMALL) {
        text = out_alloc(needed, 1);
        status = fm_calibrate(p->comparisons, &settings, text, needed, NULL, &err);
    }
    if (status != FM_OK) {
        out_library_error(opts->images, &err);
        free(text);
        text = NULL;
    }
    free(name);
    return text;
}

/* The file appears whole or not at all. */
static bool write_file(const char *path, const char *text)
{
    char *beside = out_format("%s.part", path);
    FILE *file = fopen(beside, "w");
    bool ok = file && fputs(text, file) >= 0 && fputc('\n', file) >= 0;
    if (file)
        ok = fclose(file) == 0 && ok;
    ok = ok && rename(beside, path) == 0;
    if (!ok) {
        out_error(NULL, FM_E_IO, "%s: %s", path, strerror(errno));
        if (file)
            unlink(beside);
    }
    free(beside);
    return ok;
}

/* On standard output the calibration itself, else a line about the file. */
static bool tell(const all_pairs *p, const options *opts, const char *text)
{
    json_t *calibration = json_loads(text, 0, NULL);
    if (!opts->out) {
        out_json(calibration);
        return true;
    }
    if (!write_file(opts->out, text)) {
        json_decref(calibration);
        return false;
    }
    size_t points = json_array_size(json_object_get(calibration, "points"));
    bool tail = json_object_get(calibration, "tail") != NULL;
    long long impostor = json_integer_value(json_object_get(calibration, "impostor_comparisons"));
    char count[32];
    out_count(count, sizeof count, impostor);
    json_decref(calibration);
    if (opts->json)
        out_json(json_pack("{s:o,s:o,s:I,s:i,s:b,s:I}", "out", out_text(opts->out), "model",
                           out_text(p->ctx.model.name), "impostor_comparisons",
                           (json_int_t)impostor, "points", (int)points, "tail", tail, "undetected",
                           (json_int_t)p->f.undetected));
    else
        out_line("%s: %s impostor comparisons of %zu people, %zu points%s; %zu photographs without "
                 "a face",
                 opts->out, count, p->f.people.count, points, tail ? " and a tail" : ", no tail",
                 p->f.undetected);
    return true;
}

int cmd_calibrate(const options *opts)
{
    all_pairs p = {.ctx = {.opts = opts}};
    if (!opts->images)
        return options_misuse(opts, "--images is needed");
    char *text = all_pairs_make(&p, opts) ? make_calibration(&p, opts) : NULL;
    bool ok = text && tell(&p, opts, text);
    free(text);
    all_pairs_free(&p);
    return ok ? ANSWER_YES : ANSWER_ERROR;
}
