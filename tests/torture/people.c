#include "people.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Long and random enough to be looked for in files. */
const char *person_id(char out[FM_ID_MAX + 1], uint64_t number)
{
    uint64_t state = number ^ UINT64_C(0x6A09E667F3BCC908);
    size_t length = 24 + torture_random(&state) % 40;
    for (size_t i = 0; i < length; i++)
        out[i] = (char)('a' + torture_random(&state) % 26);
    snprintf(out + length, 32, "-%" PRIu64, number);
    return out;
}

uint64_t person_vector_number(uint64_t number, int t)
{
    return number * 8 + (uint64_t)t;
}

void person_texts(uint64_t number, char name[64], char metadata[96])
{
    uint64_t state = number;
    snprintf(name, 64, "name %016" PRIx64, torture_random(&state));
    snprintf(metadata, 96, "{\"secret\": \"%016" PRIx64 "%016" PRIx64 "\"}", torture_random(&state),
             torture_random(&state));
}

fm_status person_add(fm_gallery *gallery, person *p, uint64_t number, int t, fm_error *err)
{
    char id[FM_ID_MAX + 1], name[64], metadata[96];
    float vector[DIM];
    fm_enroll_options options;
    fm_enrollment done = {.struct_size = sizeof done};
    fm_status status;
    person_texts(number, name, metadata);
    torture_vector(vector, person_vector_number(number, t));
    fm_enroll_options_init(&options, sizeof options);
    if (!p->present) {
        options.display_name = name;
        options.metadata_json = metadata;
    }
    status = fm_gallery_add(gallery, person_id(id, number), vector, DIM, &options, &done, err);
    if (status != FM_OK)
        return status;
    CHECK(done.new_identity == !p->present, "%s: new: %d", id, (int)done.new_identity);
    p->present = 1;
    p->templates |= (uint8_t)(1 << t);
    p->ids[t] = done.template_id;
    return FM_OK;
}

fm_status person_remove_template(fm_gallery *gallery, person *p, uint64_t number, int t,
                                 fm_error *err)
{
    char id[FM_ID_MAX + 1];
    fm_status status = fm_gallery_remove_template(gallery, person_id(id, number), p->ids[t], err);
    if (status == FM_OK)
        p->templates &= (uint8_t) ~(1 << t);
    return status;
}

fm_status person_remove(fm_gallery *gallery, person *p, uint64_t number, fm_error *err)
{
    char id[FM_ID_MAX + 1];
    size_t removed = 0;
    fm_status status = fm_gallery_remove(gallery, person_id(id, number), &removed, err);
    if (status != FM_OK)
        return status;
    CHECK(removed == (size_t)__builtin_popcount(p->templates), "%s: %zu removed", id, removed);
    memset(p, 0, sizeof *p);
    return FM_OK;
}

static void check_texts(fm_gallery *gallery, const fm_identity *got, uint64_t number)
{
    char name[64], metadata[96], out[256];
    fm_error err = {.struct_size = sizeof err};
    person_texts(number, name, metadata);
    CHECK(!strcmp(got->display_name, name), "%s has the name %s", got->id, got->display_name);
    torture_ok(fm_gallery_get_metadata(gallery, got->id, out, sizeof out, NULL, &err), &err,
               "metadata");
    CHECK(!strcmp(out, metadata), "%s has the metadata %s", got->id, out);
}

static void check_template(fm_gallery *gallery, const person *p, uint64_t number, int t)
{
    char id[FM_ID_MAX + 1], who[FM_ID_MAX + 1];
    float want[DIM], got[DIM];
    int64_t template_id = 0;
    int there = p->templates >> t & 1;
    fm_error err = {.struct_size = sizeof err};
    person_id(id, number);
    torture_vector(want, person_vector_number(number, t));
    torture_who(gallery, want, who, &template_id);
    CHECK(!strcmp(who, there ? id : ""), "template %d of %s: the search says \"%s\"", t, id, who);
    if (!there)
        return;
    CHECK(template_id == p->ids[t], "%s: found by template %" PRId64 ", not %" PRId64, id,
          template_id, p->ids[t]);
    torture_ok(fm_gallery_get_embedding(gallery, id, p->ids[t], got, DIM, &err), &err, id);
    CHECK(!memcmp(want, got, sizeof got), "template %d of %s is torn", t, id);
}

void person_check(fm_gallery *gallery, const person *p, uint64_t number)
{
    char id[FM_ID_MAX + 1];
    fm_identity got;
    fm_error err = {.struct_size = sizeof err};
    fm_status status = fm_gallery_get(gallery, person_id(id, number), &got, &err);
    CHECK(status == (p->present ? FM_OK : FM_E_NOT_FOUND), "%s: %s", id, fm_status_name(status));
    if (p->present) {
        CHECK(got.templates == __builtin_popcount(p->templates), "%s has %d templates, not %d", id,
              (int)got.templates, __builtin_popcount(p->templates));
        check_texts(gallery, &got, number);
    }
    for (int t = 0; t < MOST_TEMPLATES; t++)
        check_template(gallery, p, number, t);
}

void person_find_out(fm_gallery *gallery, person *p, uint64_t number, int t)
{
    char id[FM_ID_MAX + 1];
    float vector[DIM];
    fm_identity got;
    fm_error err = {.struct_size = sizeof err};
    fm_status status = fm_gallery_get(gallery, person_id(id, number), &got, &err);
    CHECK(status == FM_OK || status == FM_E_NOT_FOUND, "%s: %s", id, err.message);
    if (status == FM_E_NOT_FOUND) {
        CHECK(t < 0 || !p->present, "%s is gone", id);
        memset(p, 0, sizeof *p);
    } else if (t >= 0) {
        char who[FM_ID_MAX + 1];
        int64_t template_id = 0;
        torture_vector(vector, person_vector_number(number, t));
        torture_who(gallery, vector, who, &template_id);
        p->present = 1;
        p->templates &= (uint8_t) ~(1 << t);
        if (who[0]) {
            p->templates |= (uint8_t)(1 << t);
            p->ids[t] = template_id;
        }
    }
    person_check(gallery, p, number);
}
