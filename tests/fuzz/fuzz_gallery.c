/* Any bytes as the file of a gallery: opening, reading and searching them may fail, and nothing
 * else.
 *
 * The bytes are opened four times: for management, and with the model that the seeds are pinned to;
 * each without a key, and with the one that a seed is sealed with. */
#include "../place.h"
#include "backend/model.h"
#include <facematch/gallery.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIM = 4, PAGE = 16 };

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

static void read_person(fm_gallery *gallery, const char *id)
{
    fm_template templates[FM_LIMIT_TEMPLATES];
    fm_identity person;
    char metadata[64];
    float vector[DIM];
    size_t count = 0;
    fm_status status = fm_gallery_get(gallery, id, &person, NULL);
    status = fm_gallery_get_metadata(gallery, id, metadata, sizeof metadata, NULL, NULL);
    status = fm_gallery_get_templates(gallery, id, templates, FM_LIMIT_TEMPLATES, &count, NULL);
    for (size_t i = 0; status == FM_OK && i < count; i++)
        status = fm_gallery_get_embedding(gallery, id, templates[i].template_id, vector, DIM, NULL);
}

static void read_all(fm_gallery *gallery)
{
    static fm_identity page[PAGE];
    fm_gallery_info info = {.struct_size = sizeof info};
    char after[FM_ID_MAX + 1] = "";
    size_t count = 0;
    fm_status status = fm_gallery_describe(gallery, &info, NULL);
    do {
        status = fm_gallery_list(gallery, after, page, PAGE, &count, NULL);
        for (size_t i = 0; status == FM_OK && i < count; i++)
            read_person(gallery, page[i].id);
        if (status == FM_OK && count > 0 && strcmp(page[count - 1].id, after) > 0)
            strcpy(after, page[count - 1].id);
        else
            break;
    } while (count == PAGE);
}

static void search_and_change(fm_gallery *gallery)
{
    static const float query[DIM] = {1, -2, 3, -4};
    fm_identify_options options = {
        .struct_size = sizeof options, .use_threshold = 1, .threshold = -FLT_MAX};
    fm_match matches[PAGE];
    size_t count;
    fm_status status =
        fm_gallery_search(gallery, query, 1, DIM, &options, matches, PAGE, &count, NULL, NULL);
    status = fm_gallery_add(gallery, "anna", query, DIM, NULL, NULL, NULL);
    status = fm_gallery_remove(gallery, "anna", NULL, NULL);
    (void)status;
}

static char folder[64];

static void remove_folder(void)
{
    rmdir(folder);
}

static const char *file_name(void)
{
    static char name[96];
    if (!folder[0]) {
        if (fm_test_make_folder(folder, sizeof folder, "fuzz") != 0)
            abort();
        atexit(remove_folder);
        snprintf(name, sizeof name, "%s/people.fmg", folder);
    }
    return name;
}

static void remove_files(void)
{
    char name[128];
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(name, sizeof name, "%s%s", file_name(), suffixes[i]);
        unlink(name);
    }
}

static int write_file(const uint8_t *data, size_t size)
{
    FILE *file = fopen(file_name(), "wb");
    size_t written = file ? fwrite(data, 1, size, file) : 0;
    return file && fclose(file) == 0 && written == size ? 0 : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_and_use(const fm_gallery_key *key)
{
    fm_gallery_options options = {.struct_size = sizeof options, .timeout_ms = 1, .key = key};
    fm_gallery *gallery = NULL;
    options.mode = FM_GALLERY_READ_ONLY;
    if (fm_gallery_open(&gallery, file_name(), NULL, &options, NULL) == FM_OK) {
        read_all(gallery);
        fm_gallery_close(gallery);
    }
    options.mode = FM_GALLERY_EXISTING;
    if (fm_gallery_open(&gallery, file_name(), embedder(), &options, NULL) == FM_OK) {
        search_and_change(gallery);
        read_all(gallery);
        fm_gallery_close(gallery);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t bytes[FM_GALLERY_KEY_SIZE] = "the key of the sealed seed";
    static const fm_gallery_key key = {
        .struct_size = sizeof key, .bytes = bytes, .size = sizeof bytes};
    const fm_gallery_key *const keys[] = {NULL, &key};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (write_file(data, size) != 0)
            abort();
        open_and_use(keys[i]);
        remove_files();
    }
    return 0;
}
