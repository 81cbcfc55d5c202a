/* Where tests keep their files. */
#ifndef FM_TEST_PLACE_H
#define FM_TEST_PLACE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* In memory where that can be had: what is tried is not the disk, for which galleries wait at every
 * change. TMPDIR says otherwise. */
static inline const char *fm_test_place(void)
{
    const char *place = getenv("TMPDIR");
    if (place)
        return place;
    return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

/* A new folder there, named facematch-KIND-...; 0, or -1. */
static inline int fm_test_make_folder(char *out, size_t size, const char *kind)
{
    int length = snprintf(out, size, "%s/facematch-%s-XXXXXX", fm_test_place(), kind);
    return length > 0 && (size_t)length < size && mkdtemp(out) ? 0 : -1;
}

#endif
