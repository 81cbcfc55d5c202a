/* What a call answers: a status, and on failure one line of text.
 *
 *     fm_error err = {sizeof err};
 *     if (fm_model_load(&model, "models/mobilefacenet.pt", NULL, &err) != FM_OK)
 *         fprintf(stderr, "%s\n", err.message);
 *
 * There is no "last error" kept anywhere: the text is written into the
 * caller's own struct, so it is right whatever other threads do.
 */
#ifndef FACEMATCH_STATUS_H
#define FACEMATCH_STATUS_H

#include <stddef.h>
#include <stdint.h>

#include "export.h"

#ifdef __cplusplus
extern "C" {
#endif

/** 0 is success, negative is failure. Values never change meaning. */
typedef int32_t fm_status;

enum {
    FM_OK = 0,                  /**< done */
    FM_E_INTERNAL = -1,         /**< a defect of the library: please report it */
    FM_E_INVALID_ARGUMENT = -2, /**< NULL, out of range, not UTF-8, wrong length */
    FM_E_NO_MEMORY = -3,        /**< the system gives no more */
    FM_E_BUFFER_TOO_SMALL = -4, /**< `needed` tells the size; nothing was written */
    FM_E_NOT_FOUND = -5,        /**< no such file, identity or template; no face in the image */
    FM_E_IO = -6,               /**< the operating system refused to read or write */
    FM_E_CORRUPT = -7,          /**< the bytes are not what their format demands */
    FM_E_VERSION = -8,          /**< made by a newer library */
    FM_E_UNSUPPORTED = -9,      /**< valid, but not something this build or machine can do */
    FM_E_BACKEND = -10,         /**< libtorch reported an error */
    FM_E_DEVICE = -11,          /**< the device is missing or failed */
    FM_E_LIMIT = -12,           /**< a limit of the options was exceeded */
    FM_E_CANCELED = -13,        /**< a callback of the caller stopped the call */
    FM_E_STATE = -14,          /**< the handle lacks what the call needs (a detector, a calibration) */
    FM_E_MODEL_MISMATCH = -15, /**< embeddings of different models cannot be compared */
    FM_E_PERMISSION = -16,     /**< read-only, or not allowed by the options */
    FM_E_EXISTS = -17,         /**< already there */
    FM_E_BUSY = -18,           /**< another process holds the gallery */
    FM_E_REFUSED = -19,        /**< the photograph was refused: by the enrolment gate, see quality.h,
                                    or as unfit to train on, see fm_trainer_add_frame */
    FM_E_TRAINING = -20,       /**< training failed: collapse, explosion, people in both roles */
    FM_E_NOT_LIVE = -21        /**< liveness was required, and not found; see liveness.h */
};

/** Bytes of fm_error.message, the final NUL included. */
#define FM_ERROR_MESSAGE_MAX 256

/** Filled by a failing call. The caller owns it; it may live on the stack.
 *
 * Set struct_size to sizeof(fm_error) before the first call; a struct whose
 * struct_size is too small to hold a message is left alone. On success nothing
 * is written. Writing it allocates nothing, so running out of memory is reported
 * like any other failure. Since: 0.1. */
typedef struct fm_error {
    uint32_t struct_size;               /**< sizeof(fm_error), set by the caller */
    fm_status status;                   /**< the status that the call returned */
    char message[FM_ERROR_MESSAGE_MAX]; /**< one line of UTF-8, always NUL-terminated */
} fm_error;

/** The name of a status, such as "FM_E_NO_MEMORY".
 *
 * @param status  any value.
 * @return a static string; "FM_E_UNKNOWN" for a value this version does not know.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API const char *fm_status_name(fm_status status);

#ifdef __cplusplus
}
#endif

#endif
