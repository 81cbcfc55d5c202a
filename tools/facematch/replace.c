#include "replace.h"

#include <errno.h>
#include <facematch/facematch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

bool replace_file(const char *path, replace_fn put, const void *user)
{
    char *beside = out_format("%s.XXXXXX", path);
    int fd = mkstemp(beside); /* mode 0600 */
    FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;
    bool ok = file && put(file, user) && !ferror(file);
    if (file)
        ok = fclose(file) == 0 && ok;
    ok = ok && rename(beside, path) == 0;
    if (!ok) {
        out_error(NULL, FM_E_IO, "%s: %s", path, strerror(errno ? errno : EIO));
        if (fd >= 0)
            unlink(beside);
    }
    free(beside);
    return ok;
}
