#include "backend/backend.h"
#include "core/options.h"
#include <facematch/version.h>

#ifndef FM_GIT_ID
#define FM_GIT_ID "unknown"
#endif

#define TEXT_OF(value)        #value
#define TEXT(value)           TEXT_OF(value)
#define VERSION_TEXT(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

#if defined(__clang__)
#define COMPILER "clang " VERSION_TEXT(__clang_major__, __clang_minor__, __clang_patchlevel__)
#elif defined(__GNUC__)
#define COMPILER "gcc " VERSION_TEXT(__GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__)
#else
#define COMPILER "unknown"
#endif

const char *fm_version(void)
{
    return VERSION_TEXT(FM_VERSION_MAJOR, FM_VERSION_MINOR, FM_VERSION_PATCH);
}

int32_t fm_abi_version(void)
{
    return FM_ABI_VERSION;
}

fm_status fm_build_info_get(fm_build_info *info, fm_error *err)
{
    const fmi_backend *backend = fmi_backend_get();
    fm_build_info own = {sizeof own, FM_ABI_VERSION, NULL, NULL, NULL, COMPILER, FM_GIT_ID, 0};
    fm_status status = fmi_output_check(info, sizeof own, "fm_build_info", err);
    if (status != FM_OK)
        return status;
    own.version = fm_version();
    own.backend = backend->name;
    own.backend_version = backend->version();
    own.bfloat16 = backend->has_bfloat16();
    fmi_output_write(info, &own, sizeof own);
    return FM_OK;
}
