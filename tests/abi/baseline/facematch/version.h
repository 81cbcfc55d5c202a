/* Which library this is: at compile time by macro, at run time by call. */
#ifndef FACEMATCH_VERSION_H
#define FACEMATCH_VERSION_H

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FM_VERSION_MAJOR 0 /**< of the headers; as the next two */
#define FM_VERSION_MINOR 1 /**< rises with what is added, before 1.0 with breaks too */
#define FM_VERSION_PATCH 0 /**< rises with what is mended */

/** Rises with every change that breaks programs compiled before. */
#define FM_ABI_VERSION 1

/** How the running library was built. Strings are static. Since: 0.1. */
typedef struct fm_build_info {
    uint32_t struct_size;        /**< sizeof(fm_build_info), set by the caller */
    int32_t abi_version;         /**< as fm_abi_version() */
    const char *version;         /**< as fm_version() */
    const char *backend;         /**< "libtorch", or "fake" in test builds */
    const char *backend_version; /**< such as "1.13.1" */
    const char *compiler;        /**< such as "gcc 12.2.0" */
    const char *git_id;          /**< commit the library was built from, or "unknown" */
    int32_t bfloat16;            /**< 1 if this CPU and libtorch can run in bfloat16 */
    /* --- 0.1 ends here, append below --- */
} fm_build_info;

/** "MAJOR.MINOR.PATCH" of the running library; static.
 *
 * @return a static string.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API const char *fm_version(void);

/** FM_ABI_VERSION of the running library: compare it with the macro at start-up.
 *
 * @return FM_ABI_VERSION as it was when the library was built.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API int32_t fm_abi_version(void);

/** How the running library was built.
 *
 * @param[in,out] info  struct_size set by the caller; the rest is written.
 * @param[out]    err   optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT (NULL, or struct_size below that of 0.1).
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_build_info_get(fm_build_info *info, fm_error *err);

#ifdef __cplusplus
}
#endif

#endif
