/* Sending a message to the listener of fm_log_set. */
#ifndef FMI_LOG_H
#define FMI_LOG_H

#include <facematch/log.h>

void fmi_log(int32_t level, const char *module, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
