#include "core/log.h"
#include "core/text.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

enum { MESSAGE_SIZE = 1024, LEVEL_SILENT = FM_LOG_ERROR + 1 };

/* The only state of the process. Readers hold the lock while the listener runs: so a writer that
 * has it knows that no listener does. All pass the gate first; a writer keeps it shut until it has
 * the lock, or readers that follow each other closely would hold it off for ever. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t listener_lock = PTHREAD_RWLOCK_INITIALIZER;
static fm_log_fn listener_fn;
static void *listener_user;
static atomic_int listener_level = LEVEL_SILENT; /* read without the lock while nobody listens */

void fm_log_set(fm_log_fn fn, void *user, int32_t min_level)
{
    pthread_mutex_lock(&gate);
    pthread_rwlock_wrlock(&listener_lock);
    pthread_mutex_unlock(&gate);
    listener_fn = fn;
    listener_user = user;
    atomic_store(&listener_level, fn ? min_level : LEVEL_SILENT);
    pthread_rwlock_unlock(&listener_lock);
}

static void deliver(int32_t level, const char *module, const char *message)
{
    int locked;
    pthread_mutex_lock(&gate);
    locked = pthread_rwlock_rdlock(&listener_lock) == 0; /* not so with too many readers */
    pthread_mutex_unlock(&gate);
    if (!locked)
        return;
    if (listener_fn && level >= atomic_load_explicit(&listener_level, memory_order_relaxed))
        listener_fn(listener_user, level, module, message);
    pthread_rwlock_unlock(&listener_lock);
}

void fmi_log(int32_t level, const char *module, const char *format, ...)
{
    char draft[MESSAGE_SIZE], message[MESSAGE_SIZE];
    va_list args;
    int length;
    if (level < atomic_load_explicit(&listener_level, memory_order_relaxed))
        return;
    va_start(args, format);
    length = vsnprintf(draft, sizeof draft, format, args);
    va_end(args);
    if (length < 0)
        return;
    fmi_text_clean(message, sizeof message, draft);
    deliver(level, module, message);
}
