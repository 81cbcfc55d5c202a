/* What must be the same for a run to go on as if it had never stopped. */
#include "image/bytes.h"
#include "train/trainer.h"
#include <string.h>

const char *const fmi_fingerprint_names[FMI_PRINTS] = {"model", "options", "photographs"};

static void add_text(crypto_hash_sha256_state *state, const char *text)
{
    crypto_hash_sha256_update(state, (const unsigned char *)text, strlen(text) + 1);
}

static void add_whole(crypto_hash_sha256_state *state, uint64_t value)
{
    uint8_t bytes[8];
    fmi_put_le64(bytes, value);
    crypto_hash_sha256_update(state, bytes, sizeof bytes);
}

static void add_float(crypto_hash_sha256_state *state, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    add_whole(state, bits);
}

static void take_model(const fm_trainer *t, uint8_t *out)
{
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    add_text(&state, t->model->id);
    add_text(&state, t->model->backend->name);
    crypto_hash_sha256_final(&state, out);
}

/* All but what changes no weight: device, threads, where findings go. */
static void take_options(const fm_trainer *t, uint8_t *out)
{
    const fm_trainer_options *o = &t->options;
    const fm_augmentation *a = &o->augmentation;
    const int32_t whole[] = {
        o->loss,     o->mining,          o->reduction, o->people_per_batch,
        o->epochs,   o->steps_per_epoch, o->optimizer, o->photographs_per_person,
        o->schedule, o->schedule_epochs, o->patience,  o->fresh,
        o->head_dim, t->frozen,          t->last_only};
    const float real[] = {o->margin, o->learning_rate, o->momentum,   o->weight_decay, a->flip,
                          a->shift,  a->scale,         a->brightness, a->contrast,     a->blur};
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    add_whole(&state, o->seed);
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        add_whole(&state, (uint64_t)(int64_t)whole[i]);
    for (size_t i = 0; i < sizeof real / sizeof *real; i++)
        add_float(&state, real[i]);
    for (size_t i = 0; i < t->freeze_count; i++)
        add_text(&state, t->freeze[i]);
    crypto_hash_sha256_final(&state, out);
}

void fmi_fingerprint_take(const fm_trainer *t, fmi_fingerprint *out)
{
    crypto_hash_sha256_state photographs = t->photographs.fingerprint;
    take_model(t, out->of[0]);
    take_options(t, out->of[1]);
    crypto_hash_sha256_final(&photographs, out->of[2]);
}
