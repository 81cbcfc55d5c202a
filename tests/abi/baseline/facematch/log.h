/* Listening to what the library has to say. Silent unless asked.
 *
 * Messages never hold pixels, embeddings, or the names and ids of people.
 */
#ifndef FACEMATCH_LOG_H
#define FACEMATCH_LOG_H

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How much a message matters. */
enum {
    FM_LOG_DEBUG = 1,   /**< what the library does, step by step */
    FM_LOG_INFO = 2,    /**< what it did */
    FM_LOG_WARNING = 3, /**< what somebody should look at */
    FM_LOG_ERROR = 4    /**< what went wrong where no call could say so */
};

/** Receives one message.
 *
 * May be called from any thread, several at once. `module` and `message` are
 * valid during the call only. Must not call back into the library.
 *
 * @param[in] user     as given to fm_log_set.
 * @param     level    one of FM_LOG_*.
 * @param[in] module   of the library, such as "gallery".
 * @param[in] message  one line of UTF-8. */
typedef void (*fm_log_fn)(void *user, int32_t level, const char *module, const char *message);

/** Set the one process-wide listener; NULL silences.
 *
 * When the call returns, the former listener is no longer running and will not
 * be called again.
 *
 * @param     fn         the listener, or NULL.
 * @param[in] user       handed to the listener as it is.
 * @param     min_level  FM_LOG_DEBUG..FM_LOG_ERROR; lower ones are not sent.
 * Threads: any.   Cost: waits until a message on its way has been taken.   Since: 0.1. */
FM_API void fm_log_set(fm_log_fn fn, void *user, int32_t min_level);

#ifdef __cplusplus
}
#endif

#endif
