/* Writes to a gallery while somebody else does what they like to its server, and looks afterwards
 * at what is there.
 *
 *     store_writer write URI COUNT   enrols p0, p1, ...: "ok ID" for each that was acknowledged,
 *                                    "error STATUS MESSAGE" for each try that was not, which is
 * made again until it is store_writer check URI         prints all ids; ends with 1 when one of
 * them is not whole, or not found by its own template store_writer shard URI SERVER...
 *
 * The template of an id follows from its number, so that a check needs no list. */
#include "../torture/torture.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void tell(const char *format, const char *a, const char *b)
{
    printf(format, a, b);
    fflush(stdout);
}

static void pause_shortly(void)
{
    const struct timespec pause = {0, 50000000};
    nanosleep(&pause, NULL);
}

static fm_gallery *open_or_wait(const char *uri)
{
    fm_error err = {.struct_size = sizeof err};
    fm_gallery *gallery = NULL;
    while (fm_gallery_open(&gallery, uri, torture_model(), NULL, &err) != FM_OK) {
        tell("error %s %s\n", fm_status_name(err.status), err.message);
        pause_shortly();
    }
    return gallery;
}

static int write_people(const char *uri, unsigned long count)
{
    fm_gallery *gallery = open_or_wait(uri);
    fm_error err = {.struct_size = sizeof err};
    for (unsigned long i = 0; i < count; i++) {
        char id[32];
        float vector[DIM];
        snprintf(id, sizeof id, "p%lu", i);
        torture_vector(vector, i);
        while (fm_gallery_add(gallery, id, vector, DIM, NULL, NULL, &err) != FM_OK) {
            tell("error %s %s\n", fm_status_name(err.status), err.message);
            pause_shortly();
        }
        tell("ok %s%s\n", id, "");
    }
    fm_gallery_close(gallery);
    return 0;
}

/* An identity and its templates come and go together. */
static int check_one(fm_gallery *gallery, const fm_identity *one)
{
    fm_error err = {.struct_size = sizeof err};
    float want[DIM], got[DIM];
    char best[FM_ID_MAX + 1];
    fm_template templates[FM_LIMIT_TEMPLATES];
    size_t count = 0;
    int64_t template_id;
    torture_vector(want, strtoull(one->id + 1, NULL, 10));
    torture_ok(
        fm_gallery_get_templates(gallery, one->id, templates, FM_LIMIT_TEMPLATES, &count, &err),
        &err, "templates");
    for (size_t i = 0; i < count; i++) {
        torture_ok(
            fm_gallery_get_embedding(gallery, one->id, templates[i].template_id, got, DIM, &err),
            &err, "embedding");
        if (memcmp(want, got, sizeof got) != 0)
            return 1;
    }
    torture_who(gallery, want, best, &template_id);
    return count == 0 || count != (size_t)one->templates || strcmp(best, one->id) != 0;
}

static int check_people(const char *uri)
{
    fm_error err = {.struct_size = sizeof err};
    fm_gallery *gallery = NULL;
    fm_identity one;
    char after[FM_ID_MAX + 1] = "";
    size_t count = 1, identities = 0, seen = 0;
    int bad = 0;
    torture_ok(fm_gallery_open(&gallery, uri, torture_model(), NULL, &err), &err, "open");
    while (count > 0) {
        torture_ok(fm_gallery_list(gallery, after, &one, 1, &count, &err), &err, "list");
        if (count == 0)
            break;
        memcpy(after, one.id, sizeof after);
        puts(one.id);
        seen++;
        if (check_one(gallery, &one)) {
            fprintf(stderr, "%s is not whole\n", one.id);
            bad = 1;
        }
    }
    torture_ok(fm_gallery_count(gallery, &identities, NULL, &err), &err, "count");
    if (identities != seen) {
        fprintf(stderr, "%zu identities are counted, %zu are there\n", identities, seen);
        bad = 1;
    }
    fm_gallery_close(gallery);
    return bad;
}

static int shard(const char *uri, const char *const *servers, size_t count)
{
    fm_error err = {.struct_size = sizeof err};
    fm_gallery *gallery = NULL;
    torture_ok(fm_gallery_open(&gallery, uri, torture_model(), NULL, &err), &err, "open");
    torture_ok(fm_gallery_shard(gallery, servers, count, NULL, NULL, &err), &err, "shard");
    fm_gallery_close(gallery);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "write"))
        return write_people(argv[2], strtoul(argv[3], NULL, 10));
    if (argc == 3 && !strcmp(argv[1], "check"))
        return check_people(argv[2]);
    if (argc > 3 && !strcmp(argv[1], "shard"))
        return shard(argv[2], (const char *const *)argv + 3, (size_t)argc - 3);
    fprintf(stderr, "usage: store_writer write URI COUNT | check URI | shard URI SERVER...\n");
    return 2;
}
