/* Many photographs, worked on by several threads with a session each. */
#ifndef TOOL_WORKERS_H
#define TOOL_WORKERS_H

#include "context.h"

typedef struct workload {
    const char *label; /* of the progress bar */
    size_t count;
    void *data;
    /* Called by several threads at once, each time with another i; must not print. Anything but
     * FM_OK ends the work. */
    fm_status (*one)(void *data, fm_session *session, size_t i, fm_error *err);
    const char *(*path)(const void *data, size_t i); /* to report the error about */
} workload;

/* With --threads, or as many as there are cores. False: reported. */
bool workers_run(const context *ctx, const workload *load);

#endif
