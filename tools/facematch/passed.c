#include "passed.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

static void add_endings(names *endings, const names *files)
{
    for (size_t i = 0; i < files->count; i++) {
        char *ending = out_format("%s", strrchr(files->items[i], '.'));
        for (char *c = ending; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        names_add(endings, ending);
    }
}

/* A folder that cannot be read is told by whoever wants something of it. */
void passed_look(passed *p, const char *folder, unsigned takes)
{
    names files = {0}, pictures = {0}, folders = {0};
    if (walk_folder(folder, WALK_NOT_READ, &files))
        add_endings(&p->endings, &files);
    if (!(takes & TAKES_PICTURES) && walk_folder(folder, WALK_PICTURES, &pictures))
        p->beside += pictures.count;
    if (!(takes & TAKES_FOLDERS) && walk_folder(folder, WALK_FOLDERS, &folders))
        for (size_t i = 0; i < folders.count; i++)
            names_add(&p->deep, out_format("%s/%s", folder, folders.items[i]));
    names_free(&files);
    names_free(&pictures);
    names_free(&folders);
}

/* "2 .heic, 1 .webp" */
static char *count_endings(names *endings)
{
    char *text = out_format("%s", "");
    names_sort(endings);
    for (size_t i = 0, end; i < endings->count; i = end) {
        for (end = i; end < endings->count && !strcmp(endings->items[end], endings->items[i]);)
            end++;
        char *longer = out_format("%s%s%zu %s", text, i ? ", " : "", end - i, endings->items[i]);
        free(text);
        text = longer;
    }
    return text;
}

void passed_tell(passed *p, const char *folder)
{
    char *endings = count_endings(&p->endings);
    bool one = p->endings.count == 1;
    if (p->endings.count)
        out_note("%s: passed over %zu file%s of a kind that is not read (%s); convert %s to JPEG "
                 "or PNG",
                 folder, p->endings.count, one ? "" : "s", endings, one ? "it" : "them");
    one = p->beside == 1;
    if (p->beside)
        out_note("%s: passed over %zu picture%s beside the folders in it, which belong%s to none "
                 "of them",
                 folder, p->beside, one ? "" : "s", one ? "s" : "");
    one = p->deep.count == 1;
    if (p->deep.count)
        out_note("%s: passed over %zu folder%s that lie%s too deep%s %s; pictures are taken from "
                 "the folder above",
                 folder, p->deep.count, one ? "" : "s", one ? "s" : "", one ? ":" : ", such as",
                 p->deep.items[0]);
    free(endings);
    names_free(&p->endings);
    names_free(&p->deep);
    *p = (passed){0};
}
