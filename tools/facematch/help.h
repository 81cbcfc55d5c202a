/* --help, the manual page and completion, out of the tables of options and commands. */
#ifndef TOOL_HELP_H
#define TOOL_HELP_H

#include <stddef.h>

/* About the command that the words begin with, about all of a group, or about the program;
 * an exit status. */
int help_show(const char *const *words, size_t count);

/* facematch(1), as troff source. */
void help_man(void);

/* Completion for bash, as a script to be sourced. */
void help_completion(void);

#endif
