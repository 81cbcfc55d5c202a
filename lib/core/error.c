#include "core/error.h"
#include "core/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    DRAFT_SIZE = 4 * FM_ERROR_MESSAGE_MAX,
    SHORTEST_CONTEXT = 64 /* bytes of context that are kept however long the text behind it is */
};

static int can_hold_message(const fm_error *err)
{
    return err && err->struct_size >= sizeof(fm_error);
}

static void draft_text(char draft[DRAFT_SIZE], const char *format, va_list args)
{
    if (vsnprintf(draft, DRAFT_SIZE, format, args) < 0)
        draft[0] = '\0';
}

/* Of a context that is too long the end is kept: of a path that is the file's name. */
static const char *shorten_context(char *text, size_t room)
{
    size_t length = strlen(text);
    char *cut;
    if (length <= room)
        return text;
    cut = text + length - room;
    memcpy(cut, "...", 3);
    /* do not begin in the middle of a character */
    for (char *p = cut + 3; ((unsigned char)*p & 0xC0) == 0x80; p++)
        *p = '.';
    return cut;
}

fm_status fmi_fail(fm_error *err, fm_status status, const char *format, ...)
{
    char draft[DRAFT_SIZE];
    va_list args;
    if (!can_hold_message(err))
        return status;
    va_start(args, format);
    draft_text(draft, format, args);
    va_end(args);
    fmi_text_clean(err->message, sizeof err->message, draft);
    err->status = status;
    return status;
}

fm_status fmi_fail_memory(fm_error *err)
{
    return fmi_fail(err, FM_E_NO_MEMORY, "out of memory");
}

fm_status fmi_fail_context(fm_error *err, fm_status status, const char *format, ...)
{
    char draft[DRAFT_SIZE];
    size_t room, taken;
    va_list args;
    if (!can_hold_message(err))
        return status;
    va_start(args, format);
    draft_text(draft, format, args);
    va_end(args);
    err->message[sizeof err->message - 1] = '\0';
    taken = strlen(err->message) + 2;
    room = sizeof err->message - 1 > taken ? sizeof err->message - 1 - taken : 0;
    if (room < SHORTEST_CONTEXT)
        room = SHORTEST_CONTEXT;
    return fmi_fail(err, status, "%s: %s", shorten_context(draft, room), err->message);
}
