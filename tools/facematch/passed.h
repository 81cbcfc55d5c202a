/* What folders of photographs hold beside what is taken from them: told once, since what is left
 * out silently is missed late. */
#ifndef TOOL_PASSED_H
#define TOOL_PASSED_H

#include "walk.h"

typedef struct passed {
    names endings; /* of each picture or film that is not read, in small letters */
    size_t beside; /* pictures where only folders are looked at */
    names deep;    /* folders where only pictures are */
} passed;

/* The folders and the pictures of one more folder, as by walk_folder. NULL: these are passed over.
 */
bool passed_walk(passed *p, const char *folder, names *folders, names *pictures);

/* Tell all, as of one folder, and forget it. */
void passed_tell(passed *p, const char *folder);

#endif
