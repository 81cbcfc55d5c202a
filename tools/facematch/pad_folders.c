#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "pad.h"
#include "passed.h"

/* A folder of live faces, or of attacks; -1: of neither, which is reported. */
static int32_t kind_of(pad_set *p, const char *folder, const char *name)
{
    static const char spoof[] = "spoof";
    const size_t length = sizeof spoof - 1;
    if (strcmp(name, "live") == 0)
        return PAD_LIVE;
    if (strncmp(name, spoof, length) == 0 &&
        (!name[length] || (name[length] == '-' && name[length + 1])))
        return pad_number_of(&p->kinds, name);
    out_error(NULL, FM_E_INVALID_ARGUMENT,
              "%s/%s: does it hold live faces or attacks? Call it live, spoof, or spoof- with the "
              "kind of attack, such as spoof-print",
              folder, name);
    return -1;
}

/* The pictures of one folder; person NULL: by the digits of each one's name. folders: what is in it
 * beside, or NULL where that is passed over. */
static bool read_pictures(pad_set *p, const char *folder, int32_t kind, const char *person,
                          names *folders, passed *left)
{
    names pictures = {0};
    bool ok = passed_walk(left, folder, folders, &pictures) || out_cannot_read(folder);
    for (size_t i = 0; i < pictures.count && ok; i++) {
        const char *name = pictures.items[i];
        int32_t who = person ? pad_number_of(&p->people, person) : pad_person_of(p, name);
        ok = who >= 0;
        if (ok)
            pad_add(p, (pad_photo){
                           .path = out_format("%s/%s", folder, name), .kind = kind, .person = who});
        else
            out_error(NULL, FM_E_INVALID_ARGUMENT,
                      "%s/%s: who is this? Put it into a folder of the person's name, or begin the "
                      "file's name with digits of the person's own",
                      folder, name);
    }
    names_free(&pictures);
    return ok;
}

static bool read_kind(pad_set *p, const char *folder, const char *name, passed *left)
{
    char *path = out_format("%s/%s", folder, name);
    names people = {0};
    int32_t kind = kind_of(p, folder, name);
    bool ok = kind >= 0 && read_pictures(p, path, kind, NULL, &people, left);
    for (size_t i = 0; i < people.count && ok; i++) {
        char *inside = out_format("%s/%s", path, people.items[i]);
        ok = read_pictures(p, inside, kind, people.items[i], NULL, left);
        free(inside);
    }
    names_free(&people);
    free(path);
    return ok;
}

bool pad_read_folders(pad_set *p, const char *folder)
{
    names kinds = {0};
    passed left = {0};
    names_add(&p->kinds, out_format("live"));
    p->with_people = true;
    bool ok = passed_walk(&left, folder, &kinds, NULL) || out_cannot_read(folder);
    for (size_t i = 0; i < kinds.count && ok; i++)
        ok = read_kind(p, folder, kinds.items[i], &left);
    passed_tell(&left, folder);
    names_free(&kinds);
    return ok && pad_has_both(p, folder, false);
}
