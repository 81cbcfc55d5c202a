/* What folders of photographs hold beside what is taken from them: told once, since what is left
 * out silently is missed late. */
#ifndef TOOL_PASSED_H
#define TOOL_PASSED_H

#include "walk.h"

enum { TAKES_FOLDERS = 1, TAKES_PICTURES = 2 };

typedef struct passed {
    names endings; /* of each picture or film that is not read, in small letters */
    size_t beside; /* pictures where only folders are looked at */
    names deep;    /* folders where only pictures are */
} passed;

/* One more folder; takes: what of it is not passed over. */
void passed_look(passed *p, const char *folder, unsigned takes);

/* Tell all, as of one folder, and forget it. */
void passed_tell(passed *p, const char *folder);

#endif
