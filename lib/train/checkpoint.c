/* A run on disk, to go on with.
 *
 *     8   "FMTRAIN\n"
 *     8   version, 1
 *   3*32  fingerprints: model, options, photographs
 *  10*8   whole numbers of the run, in the order of `fields`
 *  16*8   real numbers, as IEEE 754
 *     8   bytes of the state after the last whole epoch
 *     8   bytes of the best epoch's state; 0: it is the same
 *         the two states
 *    32   SHA-256 of all before
 *
 * Whole numbers have 8 bytes, the lowest first. */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/stream.h"
#include "image/bytes.h"
#include "train/trainer.h"
#include <string.h>

enum {
    MAGIC_SIZE = 8,
    VERSION = 1,
    WHOLE = 10,
    REAL = 16,
    DIGEST = crypto_hash_sha256_BYTES,
    HEAD = MAGIC_SIZE + 8 + FMI_PRINTS * DIGEST + 8 * (WHOLE + REAL + 2)
};
static const uint8_t MAGIC[MAGIC_SIZE] = {'F', 'M', 'T', 'R', 'A', 'I', 'N', '\n'};

typedef struct fields {
    int32_t *whole[WHOLE];
    double *real[REAL];
} fields;

static fields fields_of(fmi_run *run)
{
    const fields all = {
        {&run->epoch, &run->best_epoch, &run->finished, &run->idle, &run->collapsed, &run->swollen,
         &run->alike, &run->drawn, &run->astray, &run->told_inactive},
        {&run->loss, &run->active, &run->positive_distance, &run->negative_distance, &run->rate,
         &run->eer, &run->best_eer, &run->first_eer, &run->validation_loss,
         &run->best_validation_loss, &run->first_validation_loss, &run->first_distance,
         &run->first_size, &run->first_loss, &run->weight, &run->bias}};
    return all;
}

static void put_head(uint8_t head[HEAD], const fm_trainer *t)
{
    fmi_run run = t->run;
    fields all = fields_of(&run);
    fmi_fingerprint print;
    uint8_t *at = head + MAGIC_SIZE;
    memcpy(head, MAGIC, MAGIC_SIZE);
    fmi_put_le64(at, VERSION);
    fmi_fingerprint_take(t, &print);
    memcpy(at += 8, print.of, sizeof print.of);
    at += sizeof print.of;
    for (int i = 0; i < WHOLE; i++, at += 8)
        fmi_put_le64(at, (uint64_t)(int64_t)*all.whole[i]);
    for (int i = 0; i < REAL; i++, at += 8) {
        uint64_t bits;
        memcpy(&bits, all.real[i], sizeof bits);
        fmi_put_le64(at, bits);
    }
    fmi_put_le64(at, t->last.size);
    fmi_put_le64(at + 8, t->best.size);
}

static fm_status write_piece(fmi_sink *sink, crypto_hash_sha256_state *hash, const void *bytes,
                             size_t size, fm_error *err)
{
    if (size == 0)
        return FM_OK;
    crypto_hash_sha256_update(hash, bytes, size);
    return sink->write(sink, bytes, size, err);
}

static fm_status write_all(fmi_sink *sink, const fm_trainer *t, fm_error *err)
{
    uint8_t head[HEAD], digest[DIGEST];
    crypto_hash_sha256_state hash;
    fm_status status;
    crypto_hash_sha256_init(&hash);
    put_head(head, t);
    status = write_piece(sink, &hash, head, HEAD, err);
    if (status == FM_OK)
        status = write_piece(sink, &hash, t->last.bytes, t->last.size, err);
    if (status == FM_OK)
        status = write_piece(sink, &hash, t->best.bytes, t->best.size, err);
    crypto_hash_sha256_final(&hash, digest);
    if (status == FM_OK)
        status = sink->write(sink, digest, DIGEST, err);
    return status == FM_OK ? sink->finish(sink, err) : status;
}

fm_status fmi_trainer_checkpoint(const fm_trainer *t, const char *path, fm_error *err)
{
    fmi_sink *sink = NULL;
    fm_status status;
    if (t->failed)
        return fmi_fail(err, FM_E_STATE, "training has failed: there is nothing to go on with");
    if (!t->started)
        return fmi_fail(err, FM_E_STATE, "no epoch was run yet");
    status = fmi_sink_file(&sink, path, err);
    if (status != FM_OK)
        return status;
    status = write_all(sink, t, err);
    sink->close(sink);
    return status;
}

/* --- reading -----------------------------------------------------------------------------------
 */

typedef struct reading {
    fmi_fingerprint print;
    fmi_run run;
    fmi_snapshot last, best; /* within the file */
} reading;

static void take_run(fmi_run *run, const uint8_t *at)
{
    fields all = fields_of(run);
    for (int i = 0; i < WHOLE; i++, at += 8)
        *all.whole[i] = (int32_t)fmi_le64(at);
    for (int i = 0; i < REAL; i++, at += 8) {
        uint64_t bits = fmi_le64(at);
        memcpy(all.real[i], &bits, sizeof bits);
    }
}

static fm_status fail_corrupt(fm_error *err)
{
    return fmi_fail(err, FM_E_CORRUPT, "the checkpoint is damaged");
}

static fm_status check_bytes(const uint8_t *bytes, size_t size, fm_error *err)
{
    uint8_t digest[DIGEST];
    if (size < MAGIC_SIZE + 8 || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0)
        return fmi_fail(err, FM_E_CORRUPT, "not a checkpoint of a training");
    if (fmi_le64(bytes + MAGIC_SIZE) > VERSION)
        return fmi_fail(err, FM_E_VERSION, "the checkpoint is of a newer libfacematch");
    if (size < HEAD + DIGEST)
        return fail_corrupt(err);
    crypto_hash_sha256(digest, bytes, size - DIGEST);
    return memcmp(digest, bytes + size - DIGEST, DIGEST) == 0 ? FM_OK : fail_corrupt(err);
}

static fm_status parse(reading *r, uint8_t *bytes, size_t size, fm_error *err)
{
    const uint8_t *at = bytes + MAGIC_SIZE + 8;
    size_t rest;
    fm_status status = check_bytes(bytes, size, err);
    if (status != FM_OK)
        return status;
    rest = size - HEAD - DIGEST;
    memset(r, 0, sizeof *r);
    memcpy(r->print.of, at, sizeof r->print.of);
    at += sizeof r->print.of;
    take_run(&r->run, at);
    at += 8 * (WHOLE + REAL);
    if (fmi_le64(at) > rest || fmi_le64(at + 8) != rest - fmi_le64(at))
        return fail_corrupt(err);
    r->last.size = (size_t)fmi_le64(at);
    r->best.size = (size_t)fmi_le64(at + 8);
    r->last.bytes = bytes + HEAD;
    r->best.bytes = bytes + HEAD + r->last.size;
    return FM_OK;
}

static fm_status check_same(const fm_trainer *t, const reading *r, fm_error *err)
{
    fmi_fingerprint own;
    fmi_fingerprint_take(t, &own);
    for (int i = 0; i < FMI_PRINTS; i++)
        if (memcmp(own.of[i], r->print.of[i], DIGEST) != 0)
            return fmi_fail(err, FM_E_STATE, "the checkpoint was written with other %s",
                            fmi_fingerprint_names[i]);
    if (r->run.epoch < 0 || r->run.epoch > t->options.epochs || r->run.best_epoch < 0 ||
        r->run.best_epoch > r->run.epoch)
        return fail_corrupt(err);
    return FM_OK;
}

static fm_status copy(fmi_snapshot *out, const fmi_snapshot *from, fm_error *err)
{
    if (from->size == 0)
        return FM_OK;
    out->bytes = fmi_alloc(from->size);
    if (!out->bytes)
        return fmi_fail_memory(err);
    memcpy(out->bytes, from->bytes, from->size);
    out->size = from->size;
    return FM_OK;
}

/* The best one is tried, too: it is wanted only when all the work has been done. */
static fm_status restore(fm_trainer *t, const reading *r, fm_error *err)
{
    const fmi_backend *backend = t->model->backend;
    fm_status status = FM_OK;
    if (r->best.size > 0)
        status = backend->learner_restore(t->learner, r->best.bytes, r->best.size, err);
    if (status == FM_OK)
        status = backend->learner_restore(t->learner, r->last.bytes, r->last.size, err);
    return status;
}

/* The learner is made anew when it is wanted: it may have been changed. */
static void drop_learner(fm_trainer *t)
{
    t->model->backend->learner_free(t->learner);
    t->learner = NULL;
    t->classes = -1;
}

static fm_status go_on(fm_trainer *t, const reading *r, fm_error *err)
{
    fmi_snapshot last = {NULL, 0}, best = {NULL, 0};
    fm_status status = fmi_trainer_prepare(t, err);
    if (status == FM_OK)
        status = copy(&last, &r->last, err);
    if (status == FM_OK)
        status = copy(&best, &r->best, err);
    if (status == FM_OK)
        status = restore(t, r, err);
    if (status != FM_OK) {
        fmi_free(last.bytes);
        fmi_free(best.bytes);
        drop_learner(t);
        return status;
    }
    t->last = last;
    t->best = best;
    t->run = r->run;
    t->started = true;
    return FM_OK;
}

fm_status fmi_trainer_resume(fm_trainer *t, const char *path, fm_error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    reading r;
    fm_status status;
    if (t->started || t->failed)
        return fmi_fail(err, FM_E_STATE, "training has begun: a checkpoint is gone on with before");
    status = fmi_file_read(&bytes, &size, path, UINT64_MAX, err);
    if (status != FM_OK)
        return status;
    status = parse(&r, bytes, size, err);
    if (status == FM_OK)
        status = check_same(t, &r, err);
    if (status == FM_OK)
        status = go_on(t, &r, err);
    fmi_block_free(bytes);
    return status == FM_OK ? FM_OK : fmi_fail_context(err, status, "%s", path);
}
