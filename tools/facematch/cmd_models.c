#include <stdlib.h>

#include "commands.h"
#include "context.h"
#include "output.h"
#include "search.h"
#include "walk.h"

static void print_json(const char *path, const fm_model_info *info)
{
    bool calibrated = info->calibration_dataset[0] != '\0';
    json_t *calibration =
        calibrated ? json_pack("{s:o,s:I,s:o}", "dataset", out_text(info->calibration_dataset),
                               "impostor_comparisons", (json_int_t)info->calibration_comparisons,
                               "min_fmr", out_real(info->calibration_min_fmr))
                   : json_null();
    out_json(json_pack("{s:o,s:s,s:i,s:o,s:s,s:i,s:i,s:o,s:o,s:o,s:o}", "name",
                       out_text(info->name), "kind", ctx_kind_name(info->kind), "dim", info->dim,
                       "license", out_text(info->license), "id", info->id, "input_width_px",
                       info->input_width_px, "input_height_px", info->input_height_px, "source",
                       out_text(info->source), "training_data", out_text(info->training_data),
                       "path", out_text(path), "calibration", calibration));
}

static void print_text(const char *path, const fm_model_info *info)
{
    char comparisons[32];
    out_line("%s: %s, %s", info->name, ctx_kind_name(info->kind), path);
    if (info->dim)
        out_line("  dim %d, input %d x %d pixels", info->dim, info->input_width_px,
                 info->input_height_px);
    out_line("  licence: %s", info->license[0] ? info->license : "not stated");
    out_line("  id: %s", info->id);
    out_count(comparisons, sizeof comparisons, info->calibration_comparisons);
    if (info->calibration_dataset[0])
        out_line("  calibration: %s, %s comparisons of strangers, down to a rate of %g",
                 info->calibration_dataset, comparisons, info->calibration_min_fmr);
    else if (info->kind == FM_MODEL_EMBEDDER)
        out_line("  calibration: none; decisions need --threshold");
}

static int tell_model(const options *opts, const char *path)
{
    fm_model_info info;
    fm_model *model = ctx_model(opts, path, 0, &info);
    if (!model)
        return ANSWER_ERROR;
    if (opts->json)
        print_json(path, &info);
    else
        print_text(path, &info);
    fm_model_free(model);
    return ANSWER_YES;
}

static int tell_folder(const options *opts, const char *folder, size_t *told)
{
    names files = {0};
    int answer = ANSWER_YES;
    if (!walk_folder(folder, WALK_MODELS, &files))
        return answer; /* most of the places are not there */
    for (size_t i = 0; i < files.count; i++) {
        char *path = out_format("%s/%s", folder, files.items[i]);
        answer = out_worst(answer, tell_model(opts, path));
        free(path);
    }
    *told += files.count;
    names_free(&files);
    return answer;
}

static int tell_all(const options *opts)
{
    names folders = search_folders(opts);
    size_t told = 0;
    int answer = ANSWER_YES;
    for (size_t i = 0; i < folders.count; i++)
        answer = out_worst(answer, tell_folder(opts, folders.items[i], &told));
    if (told == 0) {
        out_note("no models; scripts/setup.sh and facematch-models build them. Looked in:");
        for (size_t i = 0; i < folders.count; i++)
            out_note("  %s", folders.items[i]);
        answer = ANSWER_NO;
    }
    names_free(&folders);
    return answer;
}

int cmd_models(const options *opts)
{
    if (!opts->model)
        return tell_all(opts);
    char *path = search_model(opts, opts->model);
    int answer = path ? tell_model(opts, path) : ANSWER_ERROR;
    free(path);
    return answer;
}
