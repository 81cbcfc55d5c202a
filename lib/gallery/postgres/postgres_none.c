/* In the place of the PostgreSQL store where the library is built without libpq. */
#include "core/error.h"
#include "gallery/store.h"

fm_status fmi_store_postgres_open(fmi_store **out, const char *uri, const fmi_store_config *config,
                                  fm_error *err)
{
    (void)out;
    (void)uri;
    (void)config;
    return fmi_fail(err, FM_E_UNSUPPORTED,
                    "this library was built without galleries on PostgreSQL (postgresql://)");
}
