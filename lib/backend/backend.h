/* What the library asks of the engine that runs networks: torch/ in earnest, fake.c in tests.
 *
 * Implementations translate every exception, leave no thread-local mode changed, and write nothing
 * on failure. An fmi_net may be used from any thread. */
#ifndef FMI_BACKEND_H
#define FMI_BACKEND_H

#include <facematch/session.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fmi_net fmi_net;   /* one loaded archive */
typedef struct fmi_part fmi_part; /* one network of it, prepared to run; owned by the net */

/* One record of the archive; the name is without the archive's top folder. A non-OK answer stops
 * the walk. */
typedef fm_status (*fmi_record_fn)(void *user, const char *name, const void *bytes, size_t size,
                                   fm_error *err);

/* The record that holds the manifest. */
#define FMI_MANIFEST_RECORD "extra/facematch.json"

typedef struct fmi_part_config {
    fm_precision precision;
    bool channels_last; /* memory layout that suits the network, from the manifest */
} fmi_part_config;

typedef struct fmi_backend {
    const char *name;
    const char *(*version)(void);
    bool (*has_bfloat16)(void);

    /* Every record once, in bytewise order of the names. Runs nothing of what is inside, so that a
     * model can be refused before any of its code is looked at. FM_E_CORRUPT when the bytes are not
     * an archive. */
    fm_status (*records)(const void *bytes, size_t size, fmi_record_fn fn, void *user,
                         fm_error *err);

    /* bytes are borrowed for the call: nets do not keep them. */
    fm_status (*load)(fmi_net **out, const void *bytes, size_t size, fm_error *err);
    void (*free)(fmi_net *net);

    /* part "" is the archive's own network, else the name of a submodule ("pnet"). Prepared once
     * for each (part, config) and shared from then on; synchronised inside. FM_E_UNSUPPORTED for a
     * precision that cannot be had, FM_E_CORRUPT when there is no such part. */
    fm_status (*prepare)(fmi_net *net, const char *part, const fmi_part_config *config,
                         fmi_part **out, fm_error *err);

    /* in: float32, contiguous NCHW of `shape`. out: float32, the network's one output tensor,
     * contiguous, which must have exactly out_len elements (else FM_E_BACKEND, naming both). */
    fm_status (*run)(fmi_part *part, int32_t threads, const float *in, const int64_t shape[4],
                     float *out, size_t out_len, fm_error *err);
} fmi_backend;

/* The one linked in. */
const fmi_backend *fmi_backend_get(void);

#ifdef __cplusplus
}
#endif

#endif
