#ifndef TOOL_CLOCK_H
#define TOOL_CLOCK_H

/* Seconds of a clock that never goes back. */
double clock_seconds(void);

#endif
