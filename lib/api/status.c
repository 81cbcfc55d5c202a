#include <facematch/status.h>

#define NAME(status)                                                                               \
    case status:                                                                                   \
        return #status

const char *fm_status_name(fm_status status)
{
    switch (status) {
        NAME(FM_OK);
        NAME(FM_E_INTERNAL);
        NAME(FM_E_INVALID_ARGUMENT);
        NAME(FM_E_NO_MEMORY);
        NAME(FM_E_BUFFER_TOO_SMALL);
        NAME(FM_E_NOT_FOUND);
        NAME(FM_E_IO);
        NAME(FM_E_CORRUPT);
        NAME(FM_E_VERSION);
        NAME(FM_E_UNSUPPORTED);
        NAME(FM_E_BACKEND);
        NAME(FM_E_DEVICE);
        NAME(FM_E_LIMIT);
        NAME(FM_E_CANCELED);
        NAME(FM_E_STATE);
        NAME(FM_E_MODEL_MISMATCH);
        NAME(FM_E_PERMISSION);
        NAME(FM_E_EXISTS);
        NAME(FM_E_BUSY);
        NAME(FM_E_REFUSED);
        NAME(FM_E_TRAINING);
        NAME(FM_E_NOT_LIVE);
    default:
        return "FM_E_UNKNOWN";
    }
}
