#include "csv.h"

#include <facematch/facematch.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "output.h"

bool csv_refuse(const csv *c, const char *what)
{
    out_error(NULL, FM_E_CORRUPT, "%s, line %zu: %s", c->path, c->number ? c->number : 1, what);
    return false;
}

/* Cells of a line; 0 for too many or for quotes, which are not read. */
static size_t split(char *line, char **cells)
{
    size_t count = 0;
    line[strcspn(line, "\r\n")] = '\0';
    if (strchr(line, '"'))
        return 0;
    for (char *cell; (cell = strsep(&line, ","));) {
        if (count == CSV_COLUMNS)
            return 0;
        cell += strspn(cell, " \t");
        for (char *end = cell + strlen(cell); end > cell && (end[-1] == ' ' || end[-1] == '\t');)
            *--end = '\0';
        cells[count++] = cell;
    }
    return count;
}

static bool read_titles(csv *c, size_t least, const char *expected)
{
    c->number = 1;
    if (getline(&c->line, &c->room, c->file) < 0)
        return csv_refuse(c, "the file is empty");
    if (strchr(c->line, '"'))
        return csv_refuse(c, "there are quotes: cells are read without them");
    c->first = out_format("%s", c->line);
    c->columns = split(c->first, c->titles);
    return c->columns >= least || csv_refuse(c, expected);
}

bool csv_open(csv *c, const char *path, size_t least, const char *expected)
{
    *c = (csv){.path = path, .file = files_open_text(path)};
    if (!c->file)
        return false;
    bool ok = read_titles(c, least, expected);
    if (!ok)
        csv_close(c);
    return ok;
}

bool csv_next(csv *c, bool *ok)
{
    while (*ok && getline(&c->line, &c->room, c->file) >= 0) {
        c->number++;
        if (c->line[strspn(c->line, " \t\r\n")] == '\0')
            continue;
        *ok = split(c->line, c->cells) == c->columns ||
              csv_refuse(c, "not as many cells as the first line has, or quotes");
        return *ok;
    }
    return false;
}

size_t csv_column(const csv *c, const char *title)
{
    for (size_t i = 0; i < c->columns; i++)
        if (strcmp(c->titles[i], title) == 0)
            return i;
    return SIZE_MAX;
}

void csv_close(csv *c)
{
    free(c->line);
    free(c->first);
    fclose(c->file);
    *c = (csv){0};
}
