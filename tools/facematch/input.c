#include "input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

/* One byte more than the library takes, so that it tells what is too long. */
enum { FIRST_ROOM = 1 << 16, MOST = (64 << 20) + 1 };

typedef struct content {
    char *bytes;
    size_t used, room;
} content;

bool input_is(const char *path)
{
    return strcmp(path, "-") == 0;
}

static void drop(content *c)
{
    explicit_bzero(c->bytes, c->used);
    free(c->bytes);
}

static void grow(content *c)
{
    content larger = {.used = c->used, .room = 2 * c->room < MOST ? 2 * c->room : MOST};
    larger.bytes = out_alloc(larger.room, 1);
    memcpy(larger.bytes, c->bytes, c->used);
    drop(c);
    *c = larger;
}

/* False: errno says why. Not by /dev/stdin, which cannot be opened where it is a socket. */
static bool read_all(content *c)
{
    for (;;) {
        ssize_t n = read(STDIN_FILENO, c->bytes + c->used, c->room - c->used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        c->used += (size_t)n;
        if (c->used == MOST)
            return true;
        if (c->used == c->room)
            grow(c);
    }
}

fm_status input_photo(fm_image **out, fm_error *err)
{
    content c = {.bytes = out_alloc(FIRST_ROOM, 1), .room = FIRST_ROOM};
    fm_status status = FM_E_IO;
    if (read_all(&c)) {
        status = fm_image_load_memory(out, c.bytes, c.used, NULL, err);
    } else {
        err->status = status;
        snprintf(err->message, sizeof err->message, "cannot be read: %s", strerror(errno));
    }
    drop(&c);
    return status;
}
