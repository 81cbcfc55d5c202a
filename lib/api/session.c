#include "face/session.h"
#include "core/error.h"
#include "core/options.h"

/* Size in release 0.1: what a caller must bring at least. */
enum { SESSION_OPTIONS_0_1 = sizeof(fm_session_options) };

void fm_session_options_init(fm_session_options *options, uint32_t struct_size)
{
    fmi_options_init(options, struct_size);
}

fm_status fm_session_create(fm_session **out, const fm_model *embedder,
                            const fm_session_options *options, fm_error *err)
{
    fm_session_options own;
    fm_status status;
    if (!out)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "out is NULL");
    status =
        fmi_options_read(&own, sizeof own, options, SESSION_OPTIONS_0_1, "fm_session_options", err);
    return status == FM_OK ? fmi_session_create(out, embedder, &own, err) : status;
}

void fm_session_free(fm_session *session)
{
    fmi_session_free(session);
}
