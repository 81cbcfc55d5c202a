/* Finding again, among bytes, what was removed.
 *
 * A copy may have been overwritten in part, so runs of RUN bytes of a value are looked for. Such a
 * run, wherever it begins, holds a whole window: WINDOW bytes of the value at a multiple of WINDOW.
 * All windows are in a hash table; where the bytes hold one, the match is extended to both sides.
 *
 * Vectors share no runs, people's ids and metadata do ("employee-number-0017"). So a part of a text
 * counts only if it is cut: if it goes on neither as the removed text nor as another one, but with
 * zeros or not at all. */
#include "core/memory.h"
#include "gallery/sqlite/sqlite.h"
#include <string.h>

enum {
    RUN = 16,
    WINDOW = RUN / 2,
    SHORTEST = 4,  /* fewer bytes cannot be told from other data */
    MOST_EQUAL = 4 /* windows with the same bytes that are kept */
};

struct fmi_trace {
    fmi_trace *next;
    size_t size;
    bool is_text;
    unsigned char bytes[];
};

typedef struct window {
    const fmi_trace *trace; /* NULL: a free place */
    const unsigned char *at;
} window;

struct fmi_trace_table {
    size_t mask;
    window places[];
};

void fmi_traces_add(fmi_traces *traces, const void *bytes, size_t size, bool is_text)
{
    fmi_trace *trace;
    if (size < SHORTEST || traces->lost)
        return;
    trace = fmi_alloc(sizeof *trace + size);
    if (!trace) {
        traces->lost = true;
        return;
    }
    trace->next = traces->first;
    trace->size = size;
    trace->is_text = is_text;
    memcpy(trace->bytes, bytes, size);
    traces->first = trace;
}

void fmi_traces_free(fmi_traces *traces)
{
    while (traces->first) {
        fmi_trace *next = traces->first->next;
        fmi_free_wiped(traces->first, sizeof *traces->first + traces->first->size);
        traces->first = next;
    }
    fmi_free(traces->table); /* pointers only */
    traces->table = NULL;
}

static size_t place_of(const fmi_trace_table *table, const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, WINDOW);
    return (size_t)((word * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & table->mask;
}

static void put_window(fmi_trace_table *table, const fmi_trace *trace, const unsigned char *at)
{
    static const unsigned char zero[WINDOW];
    size_t place = place_of(table, at);
    int equal = 0;
    if (!memcmp(at, zero, WINDOW)) /* cleared pages are full of them */
        return;
    for (; table->places[place].trace; place = (place + 1) & table->mask)
        equal += !memcmp(table->places[place].at, at, WINDOW);
    if (equal < MOST_EQUAL)
        table->places[place] = (window){trace, at};
}

bool fmi_traces_prepare(fmi_traces *traces)
{
    size_t windows = 0, places = 16;
    if (traces->lost)
        return false;
    for (const fmi_trace *t = traces->first; t; t = t->next)
        windows += t->size / WINDOW;
    while (places < 4 * windows)
        places *= 2;
    traces->table = fmi_calloc(1, sizeof *traces->table + places * sizeof(window));
    if (!traces->table)
        return false;
    traces->table->mask = places - 1;
    for (const fmi_trace *t = traces->first; t; t = t->next)
        for (size_t i = 0; t->size >= RUN && i + WINDOW <= t->size; i += WINDOW)
            put_window(traces->table, t, t->bytes + i);
    return true;
}

/* Bytes that are looked through. */
typedef struct area {
    const unsigned char *from, *to;
} area;

/* The value and the bytes have a window in common: how far does it go? */
static bool is_trace(const window *w, const unsigned char *at, area a)
{
    const unsigned char *begin = w->trace->bytes, *end = begin + w->trace->size;
    const unsigned char *left = w->at, *right = w->at + WINDOW, *from = at, *to = at + WINDOW;
    for (; left > begin && from > a.from && left[-1] == from[-1]; left--)
        from--;
    for (; right < end && to < a.to && *right == *to; right++)
        to++;
    if (to - from < RUN)
        return false;
    if (!w->trace->is_text)
        return true;
    return (left == begin || from == a.from || from[-1] == 0) &&
           (right == end || to == a.to || *to == 0);
}

static bool has_window(const fmi_trace_table *table, area a)
{
    for (const unsigned char *at = a.from; a.to - at >= WINDOW; at++) {
        size_t place = place_of(table, at);
        for (; table->places[place].trace; place = (place + 1) & table->mask)
            if (!memcmp(table->places[place].at, at, WINDOW) &&
                is_trace(&table->places[place], at, a))
                return true;
    }
    return false;
}

static bool has_whole(const fmi_trace *trace, area a)
{
    const unsigned char *at = a.from;
    while ((size_t)(a.to - at) >= trace->size) {
        at = memchr(at, trace->bytes[0], (size_t)(a.to - at) - trace->size + 1);
        if (!at)
            return false;
        if (!memcmp(at, trace->bytes, trace->size))
            return true;
        at++;
    }
    return false;
}

bool fmi_traces_in(const fmi_traces *traces, const unsigned char *bytes, size_t size)
{
    area a = {bytes, bytes + size};
    for (const fmi_trace *t = traces->first; t; t = t->next)
        if (t->size < RUN && has_whole(t, a))
            return true;
    return has_window(traces->table, a);
}
