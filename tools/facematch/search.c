#include "search.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "output.h"

/* One more folder, unless it is one of them already under another name. */
static void add_folder(names *folders, char *folder)
{
    struct stat added, known;
    bool exists = stat(folder, &added) == 0;
    for (size_t i = 0; exists && i < folders->count; i++) {
        if (stat(folders->items[i], &known) == 0 && known.st_dev == added.st_dev &&
            known.st_ino == added.st_ino) {
            free(folder);
            return;
        }
    }
    names_add(folders, folder);
}

names search_folders(const options *opts)
{
    names folders = {0};
    const char *stated = getenv("FACEMATCH_MODELS"), *home = getenv("HOME");
    if (opts->models_dir)
        add_folder(&folders, out_format("%s", opts->models_dir));
    if (stated && stated[0])
        add_folder(&folders, out_format("%s", stated));
    add_folder(&folders, out_format("models"));
    if (home && home[0])
        add_folder(&folders, out_format("%s/.local/share/facematch/models", home));
    return folders;
}

static bool is_path(const char *name)
{
    size_t length = strlen(name);
    return strchr(name, '/') || (length > 3 && strcmp(name + length - 3, ".pt") == 0);
}

char *search_places(const options *opts)
{
    names folders = search_folders(opts);
    char *places = out_format("%s", "");
    for (size_t i = 0; i < folders.count; i++) {
        char *longer = out_format("%s%s%s", places, i ? ", " : "", folders.items[i]);
        free(places);
        places = longer;
    }
    names_free(&folders);
    return places;
}

static void report_missing(const options *opts, const char *name)
{
    char *places = search_places(opts);
    out_error(NULL, FM_E_NOT_FOUND,
              "no model '%s': there is no %s.pt in %s. Build the models with scripts/setup.sh or "
              "facematch-models, or say where they are with --models-dir or FACEMATCH_MODELS",
              name, name, places);
    free(places);
}

static char *find_in(const names *folders, const char *name)
{
    for (size_t i = 0; i < folders->count; i++) {
        char *path = out_format("%s/%s.pt", folders->items[i], name);
        if (walk_is_file(path))
            return path;
        free(path);
    }
    return NULL;
}

bool search_check(const options *opts)
{
    struct stat info;
    const char *folder = opts->models_dir;
    if (!folder || (stat(folder, &info) == 0 && S_ISDIR(info.st_mode)))
        return true;
    out_error(NULL, FM_E_NOT_FOUND, "--models-dir %s: the folder is not there", folder);
    return false;
}

char *search_find(const options *opts, const char *name)
{
    if (is_path(name))
        return out_format("%s", name);
    names folders = search_folders(opts);
    char *found = find_in(&folders, name);
    names_free(&folders);
    return found;
}

char *search_model(const options *opts, const char *name)
{
    char *found = search_find(opts, name);
    if (!found)
        report_missing(opts, name);
    return found;
}
