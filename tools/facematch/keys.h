/* The keys of sealed galleries, out of files: never from the command line, which others can see. */
#ifndef TOOL_KEYS_H
#define TOOL_KEYS_H

#include <facematch/facematch.h>

/* One key: a file of 32 bytes or 64 hexadecimal digits, or one whose first line is a passphrase. */
typedef struct key_source {
    const char *key_file, *passphrase_file; /* at most one is not NULL */
    fm_gallery_key key;                     /* once it was read; points into text */
    char text[FM_PASSPHRASE_MAX + 4];
} key_source;

/* Read the file unless it was; *key is NULL when none was named. The file is read once: it may be a
 * pipe. */
fm_status key_read(key_source *source, const fm_gallery_key **key, fm_error *err);
void key_wipe(key_source *source);

/* The key of every gallery that this run opens. */
extern key_source opened_with;

#endif
