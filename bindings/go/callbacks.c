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
