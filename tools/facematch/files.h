/* Files that the command line names. */
#ifndef TOOL_FILES_H
#define TOOL_FILES_H

#include <stdbool.h>
#include <stdio.h>

/* Open a text for reading, past the byte-order mark that some programs put before it; NULL:
 * reported. A folder is refused here, where its name is known. */
FILE *files_open_text(const char *path);

/* Whether there is a text that can be read; false: reported. */
bool files_can_read(const char *path);

/* Whether a file can be made at the path, before any work; false: reported. */
bool files_can_write(const char *path);

#endif
