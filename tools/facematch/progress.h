/* A progress bar on standard error, where that is a terminal. One at a time; not thread-safe. */
#ifndef TOOL_PROGRESS_H
#define TOOL_PROGRESS_H

#include <stddef.h>

void bar_begin(const char *label, size_t total);
void bar_step(void); /* one more is done */
void bar_to(size_t done);
void bar_note(const char *text); /* shown behind the counts from now on, until bar_begin */
void bar_hide(void);             /* take it off the screen, so that a line can be printed */
void bar_end(void);

/* Interrupted, the program takes its bar off the screen before it dies. */
void bar_guard_signals(void);

#endif
