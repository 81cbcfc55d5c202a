/* Tables as text: a first line that names the columns, then a line a row, commas between the cells.
 * No quotes. */
#ifndef TOOL_CSV_H
#define TOOL_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { CSV_COLUMNS = 33 };

typedef struct csv {
    const char *path;
    FILE *file;
    char *line;
    size_t room, number; /* of the line */
    size_t columns;
    char *titles[CSV_COLUMNS], *cells[CSV_COLUMNS]; /* without blanks around them */
    char *first;                                    /* memory of the first line */
} csv;

/* Open and read the first line, of so many columns at least; `expected` says what it must be.
 * False: reported, and nothing is open. */
bool csv_open(csv *c, const char *path, size_t least, const char *expected);

/* The next line that is not empty: its cells. False: the end, or, with *ok false, reported. */
bool csv_next(csv *c, bool *ok);

/* The column of that title; SIZE_MAX: there is none. */
size_t csv_column(const csv *c, const char *title);

/* Report what is wrong with this line; always false. */
bool csv_refuse(const csv *c, const char *what);
void csv_close(csv *c);

#endif
