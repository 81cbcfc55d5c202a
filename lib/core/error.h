/* Reporting a failure: fills the caller's fm_error without allocating. */
#ifndef FMI_ERROR_H
#define FMI_ERROR_H

#include <facematch/status.h>

/* Write status and text into err (NULL is fine) and return status, so that a caller can write
 * `return fmi_fail(err, FM_E_IO, "%s: %s", path, strerror(errno));`. Text that is too long is cut
 * at a UTF-8 boundary; control characters and bytes that are not UTF-8 become '?'. */
fm_status fmi_fail(fm_error *err, fm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Running out of memory has one text everywhere. */
fm_status fmi_fail_memory(fm_error *err);

/* Put "context: " before the text that a callee left in err; returns err's status as given. */
fm_status fmi_fail_context(fm_error *err, fm_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
