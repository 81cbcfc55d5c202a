/* Any bytes as an exported gallery: to import them may fail, and nothing else. What fails leaves
 * the gallery as it was; what is imported can be read, exported and imported again.
 *
 * The gallery and the file are in memory where the system has it, since nothing here is about
 * disks. */
#include "../place.h"
#include "backend/model.h"
#include "core/json.h"
#include "core/memory.h"
#include <facematch/facematch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIM = 4, PAGE = 16 };

static char folder[64], gallery_name[96], file_name[96], second_name[96];
static fm_gallery *gallery;

static fm_model *embedder(void)
{
    static fm_model model;
    memset(&model, 0, sizeof model);
    atomic_init(&model.references, 1);
    model.manifest.kind = FM_MODEL_EMBEDDER;
    model.manifest.name = "fuzz";
    model.manifest.metric = FM_METRIC_COSINE;
    model.manifest.embedding.dim = DIM;
    memset(model.id, 'a', sizeof model.id - 1);
    return &model;
}

static void name_files(void)
{
    if (fm_test_make_folder(folder, sizeof folder, "fuzz") != 0)
        abort();
    snprintf(gallery_name, sizeof gallery_name, "%s/people.fmg", folder);
    snprintf(file_name, sizeof file_name, "%s/people.jsonl", folder);
    snprintf(second_name, sizeof second_name, "%s/again.jsonl", folder);
}

static void write_file(const uint8_t *data, size_t size)
{
    FILE *file = fopen(file_name, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
}

static void open_gallery(void)
{
    if (fm_gallery_open(&gallery, gallery_name, embedder(), NULL, NULL) != FM_OK)
        abort();
}

static void remove_files(void)
{
    fm_gallery_close(gallery); /* and with it SQLite's log */
    unlink(gallery_name);
    unlink(file_name);
    unlink(second_name);
    rmdir(folder);
}

static void count(size_t *identities, size_t *templates)
{
    if (fm_gallery_count(gallery, identities, templates, NULL) != FM_OK)
        abort();
}

static fm_status import(const char *path, fm_existing existing, fm_transfer *out)
{
    fm_transfer_options options = {.struct_size = sizeof options, .on_existing = existing};
    out->struct_size = sizeof *out;
    return fm_gallery_import(gallery, path, &options, out, NULL);
}

static void empty(void)
{
    static fm_identity page[PAGE];
    size_t found = PAGE;
    while (found == PAGE) {
        if (fm_gallery_list(gallery, NULL, page, PAGE, &found, NULL) != FM_OK)
            abort();
        for (size_t i = 0; i < found; i++)
            if (fm_gallery_remove(gallery, page[i].id, NULL, NULL) != FM_OK)
                abort();
    }
}

/* What was taken goes out and comes in again. */
static void move_on(const fm_transfer *taken)
{
    fm_transfer out = {.struct_size = sizeof out}, in;
    if (fm_gallery_export(gallery, second_name, NULL, &out, NULL) != FM_OK ||
        out.identities != taken->identities || out.templates != taken->templates)
        abort();
    if (out.identities > 0 && import(second_name, 0, &in) != FM_E_EXISTS)
        abort();
    if (import(second_name, FM_EXISTING_SKIP, &in) != FM_OK || in.skipped != out.identities ||
        in.templates != 0)
        abort();
    empty();
    if (import(second_name, 0, &in) != FM_OK || in.identities != out.identities ||
        in.templates != out.templates || in.bytes != out.bytes)
        abort();
    empty();
}

/* The reader of JSON alone: what it takes, it walks through. */
static void walk(const uint8_t *data, size_t size)
{
    char text[64];
    fmi_json value, rest, key;
    size_t wrong, length;
    int64_t number;
    if (!fmi_json_check((const char *)data, size, &value, &wrong))
        return;
    if (fmi_json_kind(value) == '"')
        fmi_json_text(value, text, sizeof text - 1, &length);
    if (fmi_json_kind(value) == '0')
        fmi_json_integer(value, &number);
    if (fmi_json_kind(value) != '{')
        return;
    rest = fmi_json_inside(value);
    while (fmi_json_member(&rest, &key, &value))
        if (fmi_json_text(key, text, sizeof text - 1, &length) && length >= sizeof text)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fm_transfer taken = {.templates = -1};
    size_t identities, templates;
    if (!gallery) {
        name_files();
        open_gallery();
        atexit(remove_files);
    }
    walk(data, size);
    write_file(data, size);
    if (import(file_name, 0, &taken) == FM_OK) {
        move_on(&taken);
    } else {
        count(&identities, &templates);
        if (identities != 0 || templates != 0 || taken.templates != -1)
            abort();
    }
    return 0;
}
