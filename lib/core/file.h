/* Whole files: read with a limit, written whole or not at all. */
#ifndef FMI_FILE_H
#define FMI_FILE_H

#include <facematch/status.h>

/* *out is freed by fmi_block_free. FM_E_NOT_FOUND, FM_E_IO (directory, unreadable), FM_E_CORRUPT
 * (empty), FM_E_LIMIT (larger than max_bytes), FM_E_NO_MEMORY; every message names the file. */
fm_status fmi_file_read(uint8_t **out, size_t *size, const char *path, uint64_t max_bytes,
                        fm_error *err);

/* Written beside path, flushed to the disk, then renamed over it; the messages name the file. On
 * failure nothing is left behind. FM_E_IO, FM_E_INVALID_ARGUMENT, FM_E_NO_MEMORY. */
fm_status fmi_file_write(const char *path, const void *data, size_t size, fm_error *err);

/* For what is read and written piece by piece (stream.c). */

/* A new file in the folder of path: its descriptor, or -1 with errno; its name into temporary,
 * which has room for the path and 64 bytes more. */
int fmi_file_create_beside(const char *path, char *temporary, size_t size, unsigned mode);
/* errno, or 0 */
int fmi_file_write_all(int fd, const void *data, size_t size);
fm_status fmi_file_fail_read(fm_error *err, int code);
fm_status fmi_file_fail_write(fm_error *err, int code);

#endif
