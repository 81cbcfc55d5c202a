#include "files.h"

#include <errno.h>
#include <facematch/facematch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"

static void skip_mark(FILE *file)
{
    static const char mark[] = {'\xEF', '\xBB', '\xBF'};
    for (size_t i = 0; i < sizeof mark; i++) {
        int c = getc(file);
        if (c == (unsigned char)mark[i])
            continue;
        if (c != EOF)
            ungetc(c, file);
        if (i > 0) /* half a mark is text; a pipe has none */
            rewind(file);
        return;
    }
}

/* Then errno says so. */
static bool is_folder(const char *path)
{
    struct stat info;
    bool folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    if (folder)
        errno = EISDIR;
    return folder;
}

FILE *files_open_text(const char *path)
{
    FILE *file = is_folder(path) ? NULL : fopen(path, "r");
    if (file)
        skip_mark(file);
    else
        out_cannot_read(path);
    return file;
}

/* Nothing is opened: of a pipe the first reader would get all. */
bool files_can_read(const char *path)
{
    return (access(path, R_OK) == 0 && !is_folder(path)) || out_cannot_read(path);
}

bool files_can_write(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder =
        slash ? out_format("%.*s", slash == path ? 1 : (int)(slash - path), path) : out_format(".");
    bool ok = access(folder, W_OK | X_OK) == 0 && !is_folder(path);
    if (!ok)
        out_error(NULL, FM_E_IO, "%s: %s", path, strerror(errno));
    free(folder);
    return ok;
}
