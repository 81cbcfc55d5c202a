#include "groups.h"

#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "figures.h"
#include "output.h"

enum { MAX_GROUPS = 1024 };

static size_t find_person(const faces *f, const char *name)
{
    for (size_t i = 0; i < f->people.count; i++)
        if (strcmp(f->people.items[i], name) == 0)
            return i;
    return SIZE_MAX;
}

static size_t find_group(groups *g, const options *opts, const char *attribute, const char *value)
{
    for (size_t i = 0; i < g->count; i++)
        if (strcmp(g->list[i].attribute, attribute) == 0 && strcmp(g->list[i].value, value) == 0)
            return i;
    fm_evaluation *comparisons = g->count < MAX_GROUPS ? figures_new(opts) : NULL;
    if (!comparisons)
        return SIZE_MAX;
    g->list[g->count] = (group){.attribute = out_format("%s", attribute),
                                .value = out_format("%s", value),
                                .comparisons = comparisons};
    return g->count++;
}

static bool place_person(groups *g, const options *opts, const csv *r, size_t person)
{
    for (size_t a = 0; a < g->attributes; a++) {
        const char *value = r->cells[a + 1];
        if (!value[0])
            continue;
        size_t index = find_group(g, opts, r->titles[a + 1], value);
        if (index == SIZE_MAX)
            return csv_refuse(r, "too many groups");
        g->of[person * g->attributes + a] = index;
        g->list[index].people++;
    }
    return true;
}

static bool read_people(groups *g, const options *opts, const faces *f, csv *r)
{
    bool *seen = out_alloc(f->people.count, sizeof *seen), ok = true;
    while (csv_next(r, &ok)) {
        size_t person = find_person(f, r->cells[0]);
        if (person == SIZE_MAX)
            continue; /* not of this evaluation */
        ok = seen[person] ? csv_refuse(r, "a person who was told before")
                          : place_person(g, opts, r, person);
        seen[person] = true;
    }
    for (size_t i = 0; i < f->people.count; i++)
        g->unknown += !seen[i];
    free(seen);
    return ok;
}

bool groups_read(groups *g, const options *opts, const faces *f)
{
    csv r;
    if (!csv_open(&r, opts->attributes, 2,
                  "the first line must name the folder's column and at least one attribute, with "
                  "commas between and no quotes"))
        return false;
    g->attributes = r.columns - 1;
    g->list = out_alloc(MAX_GROUPS, sizeof *g->list);
    g->of = out_alloc(f->people.count * g->attributes, sizeof *g->of);
    memset(g->of, 0xff, f->people.count * g->attributes * sizeof *g->of);
    bool ok = read_people(g, opts, f, &r);
    csv_close(&r);
    return ok;
}

bool groups_add(groups *g, const faces *f, size_t i, const float *scores, const uint8_t *genuine,
                const int32_t *first, const int32_t *second)
{
    fm_error err = {sizeof err, 0, ""};
    for (size_t a = 0; a < g->attributes; a++) {
        size_t index = g->of[(size_t)f->photos[i].person * g->attributes + a];
        if (index == SIZE_MAX)
            continue;
        for (size_t from = 0, n = f->count - i - 1; from < n;) {
            size_t to = from;
            while (to < n && g->of[(size_t)second[to] * g->attributes + a] == index)
                to++;
            if (to > from &&
                fm_evaluation_add(g->list[index].comparisons, scores + from, genuine + from,
                                  first + from, second + from, to - from, &err) != FM_OK) {
                out_library_error(NULL, &err);
                return false;
            }
            from = to + 1;
        }
    }
    return true;
}

bool groups_compute(groups *g, float threshold)
{
    fm_error err = {sizeof err, 0, ""};
    for (size_t i = 0; i < g->count; i++) {
        group *one = &g->list[i];
        one->at.struct_size = sizeof one->at;
        fm_status status = fm_evaluation_at_threshold(one->comparisons, threshold, &one->at, &err);
        one->told = status == FM_OK;
        if (status != FM_OK && status != FM_E_STATE) {
            out_library_error(NULL, &err);
            return false;
        }
    }
    return true;
}

json_t *groups_json(const groups *g)
{
    json_t *list = json_array();
    for (size_t i = 0; i < g->count; i++) {
        const group *one = &g->list[i];
        json_t *object = json_pack("{s:o,s:o,s:I}", "attribute", out_text(one->attribute), "value",
                                   out_text(one->value), "people", (json_int_t)one->people);
        json_object_set_new(object, "fmr",
                            one->told ? figures_rate_json(&one->at.fmr) : json_null());
        json_object_set_new(object, "fnmr",
                            one->told ? figures_rate_json(&one->at.fnmr) : json_null());
        json_array_append_new(list, object);
    }
    return list;
}

void groups_print(const groups *g, float threshold)
{
    out_line("groups at threshold %.4f (comparisons within the group; 95 %% intervals):",
             (double)threshold);
    for (size_t i = 0; i < g->count; i++) {
        const group *one = &g->list[i];
        char fmr[128] = "too few comparisons to tell", fnmr[128] = "";
        if (one->told) {
            figures_rate_text(fmr, sizeof fmr, &one->at.fmr, false);
            figures_rate_text(fnmr, sizeof fnmr, &one->at.fnmr, false);
        }
        out_line("  %s %s, %zu people: FMR %s%s%s", one->attribute, one->value, one->people, fmr,
                 fnmr[0] ? ", FNMR " : "", fnmr);
    }
    if (g->unknown)
        out_line("  %zu people are not in the file of attributes", g->unknown);
}

void groups_free(groups *g)
{
    for (size_t i = 0; i < g->count; i++) {
        fm_evaluation_free(g->list[i].comparisons);
        free(g->list[i].attribute);
        free(g->list[i].value);
    }
    free(g->list);
    free(g->of);
    *g = (groups){0};
}
