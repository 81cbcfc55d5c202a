/* The photographs of a training, as crops, and the people in them. */
#include "core/error.h"
#include "core/memory.h"
#include "image/image.h"
#include "train/trainer.h"
#include <string.h>

static size_t hash(const char *name)
{
    uint64_t value = 0;
    for (; *name; name++)
        value = fmi_mix(value + (unsigned char)*name + 1);
    return (size_t)value;
}

/* The entry of the table where the name is, or where it would be put. */
static size_t find(const fmi_photographs *p, const char *name)
{
    size_t at = hash(name) % p->table_size;
    while (p->table[at] >= 0 && strcmp(p->people[p->table[at]].name, name) != 0)
        at = (at + 1) % p->table_size;
    return at;
}

/* At most half of the table is used. */
static bool grow_table(fmi_photographs *p)
{
    size_t size = p->table_size ? 2 * p->table_size : 64;
    int32_t *table;
    if (2 * (p->people_count + 1) <= p->table_size)
        return true;
    table = fmi_alloc_array(size, sizeof *table);
    if (!table)
        return false;
    memset(table, 0xFF, size * sizeof *table);
    fmi_free(p->table);
    p->table = table;
    p->table_size = size;
    for (size_t i = 0; i < p->people_count; i++)
        p->table[find(p, p->people[i].name)] = (int32_t)i;
    return true;
}

static bool grow(void **array, size_t count, size_t *room, size_t size)
{
    size_t more = *room ? 2 * *room : 16;
    void *larger;
    if (count < *room)
        return true;
    larger = more <= INT32_MAX && more <= SIZE_MAX / size ? fmi_realloc(*array, more * size) : NULL;
    if (!larger)
        return false;
    *array = larger;
    *room = more;
    return true;
}

/* The place of that person, a new one if there is none of the name. */
static fm_status person_of(fmi_photographs *p, const char *name, int32_t *out, fm_error *err)
{
    fmi_person *person;
    size_t at;
    if (!grow_table(p))
        return fmi_fail_memory(err);
    at = find(p, name);
    if (p->table[at] >= 0) {
        *out = p->table[at];
        return FM_OK;
    }
    if (!grow((void **)&p->people, p->people_count, &p->people_room, sizeof *p->people))
        return fmi_fail_memory(err);
    person = &p->people[p->people_count];
    memset(person, 0, sizeof *person);
    person->label = -1;
    person->name = fmi_strdup(name);
    if (!person->name)
        return fmi_fail_memory(err);
    *out = (int32_t)p->people_count++;
    p->table[at] = *out;
    return FM_OK;
}

static void hash_photograph(crypto_hash_sha256_state *state, const fmi_photograph *photograph,
                            const char *person)
{
    uint8_t role = (uint8_t)photograph->role, label = (uint8_t)photograph->label;
    crypto_hash_sha256_update(state, (const unsigned char *)person, strlen(person) + 1);
    crypto_hash_sha256_update(state, &role, 1);
    crypto_hash_sha256_update(state, &label, 1);
    for (size_t i = 0; i < FMI_MEMBERS_MAX && photograph->crops.of[i]; i++)
        crypto_hash_sha256_update(state, photograph->crops.of[i]->owned,
                                  photograph->crops.of[i]->owned_size);
}

static fm_status make_crops(const fm_trainer *t, const fm_image *image, fmi_crops *crops,
                            fm_error *err)
{
    const fmi_manifest *manifest = &t->model->manifest;
    size_t count = 0;
    fm_face face;
    fm_status status;
    if (t->options.aligned)
        return fmi_crops_of_crop(manifest, image, crops, err);
    if (!t->detecting)
        return fmi_fail(err, FM_E_STATE,
                        "the trainer has no detector: set fm_trainer_options.detector, or aligned "
                        "where photographs are crops already");
    status = fmi_face_choose(t->detecting, image, &face, &count, err);
    if (status != FM_OK)
        return status;
    return t->liveness ? fmi_frames_crops(t, image, &face, crops, err)
                       : fmi_crops_of_face(manifest, image, &face, crops, err);
}

static void dispose_photograph(fmi_photograph *photograph)
{
    fmi_crops_free(&photograph->crops);
    fmi_free(photograph->name);
}

/* All that can fail comes first; a person without photographs is none. */
static fm_status append(fmi_photographs *p, fmi_photograph *own, const char *person, fm_error *err)
{
    int32_t role = own->role == FM_ROLE_VALIDATION;
    if (!grow((void **)&p->of, p->count, &p->room, sizeof *p->of))
        return fmi_fail_memory(err);
    fm_status status = person_of(p, person, &own->person, err);
    if (status != FM_OK)
        return status;
    hash_photograph(&p->fingerprint, own, person);
    p->of[p->count++] = *own;
    p->count_of[role]++;
    p->people_of[role] += p->people[own->person].photographs[role]++ == 0;
    return FM_OK;
}

fm_status fmi_trainer_add_image(fm_trainer *t, const fm_image *image, int32_t label,
                                const char *person, const char *name, fm_role role, fm_error *err)
{
    fmi_photograph own;
    fm_status status;
    if (t->started)
        return fmi_fail(err, FM_E_STATE, "training has begun: photographs are added before");
    memset(&own, 0, sizeof own);
    own.role = role;
    own.label = label;
    own.name = fmi_strdup(name);
    if (!own.name)
        return fmi_fail_memory(err);
    status = make_crops(t, image, &own.crops, err);
    if (status == FM_OK)
        status = append(&t->photographs, &own, person, err);
    if (status != FM_OK)
        dispose_photograph(&own);
    else if (t->outputs) { /* of fewer photographs */
        fmi_block_free(t->outputs);
        t->outputs = NULL;
    }
    return status;
}

void fmi_photographs_dispose(fmi_photographs *p)
{
    for (size_t i = 0; i < p->count; i++)
        dispose_photograph(&p->of[i]);
    for (size_t i = 0; i < p->people_count; i++)
        fmi_free(p->people[i].name);
    fmi_free(p->of);
    fmi_free(p->people);
    fmi_free(p->table);
}
