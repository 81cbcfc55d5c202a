/* Files that are there as a whole or not at all, and that only their owner may read. */
#ifndef FACEMATCH_REPLACE_H
#define FACEMATCH_REPLACE_H

#include <stdbool.h>
#include <stdio.h>

/* false: it could not write */
typedef bool (*replace_fn)(FILE *file, const void *user);

/* Written beside the path, mode 0600, then renamed. Tells why it failed. */
bool replace_file(const char *path, replace_fn put, const void *user);

#endif
