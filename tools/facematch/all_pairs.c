#include "all_pairs.h"

#include <math.h>
#include <stdlib.h>

#include "output.h"
#include "progress.h"

/* The comparisons of one photograph with all behind it. */
typedef struct row {
    float *scores;
    uint8_t *genuine;
    int32_t *first, *second;
} row;

static void row_free(row *r)
{
    free(r->scores);
    free(r->genuine);
    free(r->first);
    free(r->second);
}

static bool compare_row(all_pairs *p, size_t i, row *r, fm_error *err)
{
    const face_photo *photos = p->f.photos;
    for (size_t j = i + 1; j < p->f.count; j++) {
        size_t at = j - i - 1;
        r->first[at] = photos[i].person;
        r->second[at] = photos[j].person;
        r->genuine[at] = photos[i].person == photos[j].person;
        r->scores[at] = NAN;
        if (photos[i].found && photos[j].found &&
            fm_compare(p->ctx.embedder, faces_vector(&p->f, i), faces_vector(&p->f, j), p->f.dim,
                       &r->scores[at], err) != FM_OK)
            return false;
        worst_offer(&p->worst, r->genuine[at], r->scores[at], i, j);
    }
    return true;
}

static bool compare_all(all_pairs *p)
{
    fm_error err = {sizeof err, 0, ""};
    size_t n = p->f.count;
    row r = {out_alloc(n, sizeof *r.scores), out_alloc(n, sizeof *r.genuine),
             out_alloc(n, sizeof *r.first), out_alloc(n, sizeof *r.second)};
    bool ok = true;
    bar_begin("comparing", n);
    for (size_t i = 0; i + 1 < n && ok; i++) {
        ok = compare_row(p, i, &r, &err) &&
             fm_evaluation_add(p->comparisons, r.scores, r.genuine, r.first, r.second, n - i - 1,
                               &err) == FM_OK;
        if (!ok)
            out_library_error(NULL, &err);
        else if (p->groups)
            ok = groups_add(p->groups, &p->f, i, r.scores, r.genuine, r.first, r.second);
        bar_step();
    }
    bar_end();
    row_free(&r);
    return ok;
}

static bool read_folder(all_pairs *p, const options *opts)
{
    names only = {0};
    bool ok = (!opts->people || faces_read_names(opts->people, &only)) &&
              faces_read_folder(&p->f, opts->images, opts->people ? &only : NULL);
    names_free(&only);
    if (ok && p->f.people.count < 2) {
        out_error(NULL, FM_E_STATE,
                  "%s: photographs of one person only make no impostor comparison", opts->images);
        ok = false;
    }
    return ok;
}

static bool read_groups(all_pairs *p, const options *opts)
{
    if (!opts->attributes)
        return true;
    p->groups = out_alloc(1, sizeof *p->groups);
    return groups_read(p->groups, opts, &p->f);
}

bool all_pairs_make(all_pairs *p, const options *opts)
{
    return read_folder(p, opts) && read_groups(p, opts) && (p->comparisons = figures_new(opts)) &&
           ctx_open(&p->ctx, opts, NEEDS_EMBEDDER | NEEDS_DETECTOR) &&
           faces_embed(&p->f, &p->ctx) && compare_all(p);
}

void all_pairs_free(all_pairs *p)
{
    if (p->groups)
        groups_free(p->groups);
    free(p->groups);
    fm_evaluation_free(p->comparisons);
    faces_free(&p->f);
    ctx_close(&p->ctx);
}
