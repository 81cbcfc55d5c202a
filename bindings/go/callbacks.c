#include "callbacks.h"
#include "_cgo_export.h"

static void logged(void *user, int32_t level, const char *module, const char *message)
{
    facematchGoLogged((uintptr_t)user, level, (char *)module, (char *)message);
}

static int32_t moved(void *user, int64_t done, int64_t total)
{
    return facematchGoMoved((uintptr_t)user, done, total);
}

static fm_status asked(void *user, uint8_t key[FM_GALLERY_KEY_SIZE])
{
    return facematchGoAsked((uintptr_t)user, key);
}

static void found(void *user, const fm_finding *finding)
{
    facematchGoFound((uintptr_t)user, (fm_finding *)finding);
}

static int32_t checked(void *user, int64_t done, int64_t total)
{
    return facematchGoChecked((uintptr_t)user, done, total);
}

static int32_t stepped(void *user, const fm_training_step *step)
{
    return facematchGoStepped((uintptr_t)user, (fm_training_step *)step);
}

void facematch_go_listen(uintptr_t listener, int32_t min_level)
{
    fm_log_set(listener ? logged : NULL, (void *)listener, min_level);
}

void facematch_go_progress(fm_transfer_options *options, uintptr_t progress)
{
    options->progress = moved;
    options->user = (void *)progress;
}

void facematch_go_key(fm_gallery_key *key, uintptr_t source)
{
    key->callback = asked;
    key->user = (void *)source;
}

void facematch_go_hear(fm_trainer_options *options, uintptr_t listener)
{
    options->on_finding = found;
    options->on_check = checked;
    options->user = (void *)listener;
}

fm_status facematch_go_epoch(fm_trainer *trainer, uintptr_t progress, fm_error *err)
{
    return fm_trainer_epoch(trainer, stepped, (void *)progress, err);
}
