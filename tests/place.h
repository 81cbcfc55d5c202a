/* Where tests keep their files. */
#ifndef FM_TEST_PLACE_H
#define FM_TEST_PLACE_H

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

#endif
