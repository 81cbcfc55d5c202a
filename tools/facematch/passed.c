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

bool passed_walk(passed *p, const char *folder, names *folders, names *pictures)
{
    names unread = {0}, beside = {0}, deep = {0};
    names *const found[WALK_KINDS] = {[WALK_FOLDERS] = folders ? folders : &deep,
                                      [WALK_PICTURES] = pictures ? pictures : &beside,
                                      [WALK_NOT_READ] = &unread};
    bool ok = walk_kinds(folder, found);
    add_endings(&p->endings, &unread);
    p->beside += beside.count;
    for (size_t i = 0; i < deep.count; i++)
        names_add(&p->deep, out_format("%s/%s", folder, deep.items[i]));
    names_free(&unread);
    names_free(&beside);
    names_free(&deep);
    return ok;
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
