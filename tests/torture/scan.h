/* Looking for a person in bytes: the ids, texts and vectors, as float32 and as int8. */
#ifndef TORTURE_SCAN_H
#define TORTURE_SCAN_H

#include "people.h"
#include <stddef.h>

typedef struct scan_bytes {
    unsigned char *bytes;
    size_t size;
} scan_bytes;

/* All files of the folder, one after another; freed by scan_free. */
scan_bytes scan_read(const torture_folder *folder);
void scan_free(scan_bytes *all);

/* Is any run of 16 bytes of the value among them? The value has at least 16 bytes. */
int scan_has_run(const scan_bytes *all, const void *value, size_t size);
int scan_has(const scan_bytes *all, const void *value, size_t size);
/* The t-th vector, as float32 or quantised to int8 by its largest value, with sign or offset 128.
 */
int scan_has_vector(const scan_bytes *all, uint64_t number, int t);
/* id, name or metadata */
int scan_has_texts(const scan_bytes *all, uint64_t number);

#endif
