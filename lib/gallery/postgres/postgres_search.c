/* The search in the server: each partition gives the templates that are nearest by its own
 * arithmetic, and from those that could be among the best the answer is put together here, with the
 * scores that a search in memory gives.
 *
 * The server computes in float32. How far it can be off is known, so it is known what templates
 * that it did not give can score at most; while that could change the answer, more are asked for.
 * Vectors that are so long or short that float32 does not hold their squares are marked as wild,
 * and all of them are looked at. */
#include "core/error.h"
#include "core/memory.h"
#include "gallery/index/index_answer.h"
#include "gallery/postgres/postgres.h"
#include "match/kernel.h"
#include "match/metric.h"
#include "match/verify.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *distance, *class;
} operators[] = {[FM_METRIC_COSINE] = {"<=>", "vector_cosine_ops"},
                 [FM_METRIC_EUCLIDEAN] = {"<->", "vector_l2_ops"},
                 [FM_METRIC_SQEUCLIDEAN] = {"<->", "vector_l2_ops"},
                 [FM_METRIC_INNER_PRODUCT] = {"<#>", "vector_ip_ops"}};

const char *fmi_pg_operator(fm_metric metric)
{
    size_t i = (size_t)metric;
    return i < sizeof operators / sizeof *operators ? operators[i].distance : NULL;
}

const char *fmi_pg_operator_class(fm_metric metric)
{
    return fmi_pg_operator(metric) ? operators[metric].class : NULL;
}

static bool is_wild_norm(double norm)
{
    return !(norm >= 0x1p-30 && norm <= 0x1p30);
}

bool fmi_pg_is_wild(const float *vector, size_t dim)
{
    return is_wild_norm(fmi_kernel_norm(vector, dim));
}

/* What the gallery says about itself at the moment of the search. */
typedef struct state {
    int64_t identities, templates, shards, hnsw, wild;
    double largest; /* norm of a vector that is not wild */
} state;

/* The id of a hit; all that are made are freed together. */
typedef struct name {
    struct name *next;
    char id[];
} name;

/* The search for one query. */
typedef struct looking {
    fmi_pg *s;
    const fmi_search *search;
    const state *now;
    const float *query;
    double norm; /* of the query */
    float threshold;
    bool graph, everything; /* by the graph; by looking at all there is */
    int64_t asked;          /* of each partition */
    fmi_answer answer;
    name *names;
    struct {
        int64_t count;
        double worst; /* distance */
    } parts[FMI_PG_MOST_SHARDS];
} looking;

/* --- the statement --- */

typedef struct text {
    char *at;
    size_t size, used;
} text;

static size_t part_count(const looking *l)
{
    return l->now->shards > 0 ? (size_t)l->now->shards : 1;
}

static const char *part_name(const looking *l, size_t part, char out[64])
{
    if (l->now->shards > 0)
        snprintf(out, 64, "vectors_%lld_shard_%zu", (long long)l->s->no, part);
    else
        snprintf(out, 64, "vectors_%lld_local", (long long)l->s->no);
    return out;
}

#define COLUMNS "SELECT identity_no, template_id, embedding, "

/* With "+ 0" no index can give the order: then the search is exact, on whatever server. Spelled
 * alike in both places the distance is computed once. */
static void add_part(text *t, const looking *l, size_t part)
{
    const char *distance = fmi_pg_operator(l->s->base.pin.metric), *zero = l->graph ? "" : " + 0";
    char table[64];
    part_name(l, part, table);
    t->used +=
        (size_t)snprintf(t->at + t->used, t->size - t->used, "%s", part ? " UNION ALL " : "");
    if (l->everything)
        t->used += (size_t)snprintf(
            t->at + t->used, t->size - t->used,
            COLUMNS "0::double precision AS d, -1::bigint AS part FROM facematch.%s", table);
    else
        t->used +=
            (size_t)snprintf(t->at + t->used, t->size - t->used,
                             "(" COLUMNS "(embedding %s $1::vector)%s AS d, %zu::bigint AS part "
                             "FROM facematch.%s WHERE NOT wild ORDER BY (embedding %s "
                             "$1::vector)%s LIMIT $2::bigint)",
                             distance, zero, part, table, distance, zero);
    if (!l->everything && l->now->wild > 0)
        t->used +=
            (size_t)snprintf(t->at + t->used, t->size - t->used,
                             " UNION ALL " COLUMNS "0, -1 FROM facematch.%s WHERE wild", table);
}

/* What templates_N does not know was left behind by a commit that another server did not make. */
static fm_status make_statement(const looking *l, char **out, fm_error *err)
{
    const long long no = (long long)l->s->no;
    text t = {NULL, 1024 + part_count(l) * 768, 0};
    t.at = fmi_alloc(t.size);
    if (!t.at)
        return fmi_fail_memory(err);
    t.used = (size_t)snprintf(t.at, t.size,
                              "SELECT c.identity_no, c.template_id, i.id, c.embedding, c.d, c.part "
                              "FROM (");
    for (size_t part = 0; part < part_count(l); part++)
        add_part(&t, l, part);
    snprintf(t.at + t.used, t.size - t.used,
             ") c LEFT JOIN facematch.templates_%lld t ON t.template_id = c.template_id "
             "AND t.identity_no = c.identity_no "
             "LEFT JOIN facematch.identities_%lld i ON i.identity_no = t.identity_no",
             no, no);
    *out = t.at;
    return FM_OK;
}

/* --- candidates --- */

static fm_status keep_name(looking *l, const char *id, const char **out, fm_error *err)
{
    size_t size = strlen(id) + 1;
    name *one = fmi_alloc(sizeof *one + size);
    if (!one)
        return fmi_fail_memory(err);
    memcpy(one->id, id, size);
    one->next = l->names;
    l->names = one;
    *out = one->id;
    return FM_OK;
}

static void forget_names(looking *l)
{
    while (l->names) {
        name *one = l->names;
        l->names = one->next;
        fmi_free(one);
    }
}

static fm_status look_at(void *user, const fmi_pg_row *row, fm_error *err)
{
    looking *l = user;
    char id[FM_ID_MAX + 1];
    int64_t part = fmi_pg_integer(row, 5);
    fmi_hit hit = {NULL, fmi_pg_integer(row, 0), fmi_pg_integer(row, 1), 0};
    fm_status status = fmi_pg_vector(row, 3, err);
    if (status != FM_OK)
        return status;
    if (part >= 0 && part < FMI_PG_MOST_SHARDS) {
        double d = fmi_pg_real(row, 4);
        l->parts[part].worst =
            l->parts[part].count++ == 0 || d > l->parts[part].worst ? d : l->parts[part].worst;
    }
    if (fmi_pg_is_null(row, 2))
        return FM_OK;
    hit.score = fmi_metric_score(l->search->manifest, l->query, l->s->vector);
    if (hit.score < l->answer.bar)
        return FM_OK;
    status = fmi_pg_text(row, 2, id, FM_ID_MAX, err);
    if (status == FM_OK)
        status = keep_name(l, id, &hit.id, err);
    if (status == FM_OK)
        fmi_answer_offer(&l->answer, &hit);
    return status;
}

/* The highest score that a template at this distance or further away can have. A sum of n float32
 * products is off by n roundings of 2^-24 at most, relative to the product of the norms (Higham
 * 2002, sec. 3.1); a cosine has three such sums. A sum of squares is off by as much relative to
 * itself. The factors leave room for the roundings in between. */
static double highest_beyond(const looking *l, double distance)
{
    double roundings = ((double)l->s->base.pin.dim + 16) * 0x1p-24, least;
    switch (l->s->base.pin.metric) {
    case FM_METRIC_COSINE:
        return 1 - distance + 4 * roundings;
    case FM_METRIC_INNER_PRODUCT:
        return -distance + 2 * roundings * l->norm * l->now->largest;
    default:
        least = distance * (1 - 2 * roundings);
        least = least > 1e-15 ? least - 1e-15 : 0;
        return l->s->base.pin.metric == FM_METRIC_EUCLIDEAN ? -least : -least * least;
    }
}

/* Could templates that were not given change the answer? A graph that gave k is taken at its word.
 */
static bool is_certain(const looking *l)
{
    const fmi_answer *answer = &l->answer;
    const bool full = answer->count == answer->k;
    double beyond = -INFINITY;
    if (l->graph && full)
        return true;
    for (size_t part = 0; part < part_count(l); part++)
        if (l->parts[part].count >= l->asked) {
            double score = highest_beyond(l, l->parts[part].worst);
            beyond = score > beyond || isnan(score) ? score : beyond;
        }
    if (isnan(beyond))
        return false;
    return beyond < (double)l->threshold ||
           (full && (double)answer->hits[answer->k - 1].score > beyond) || beyond == -INFINITY;
}

/* --- one query --- */

/* A cosine is that of directions, so float32 need not hold the query's square. */
static fm_status put_query(looking *l, fmi_pg_params *params, fm_error *err)
{
    const size_t dim = (size_t)l->s->base.pin.dim;
    float *unit;
    if (l->s->base.pin.metric != FM_METRIC_COSINE) {
        fmi_pg_put_vector(l->s, params, l->query);
        return FM_OK;
    }
    unit = fmi_alloc_array(dim, sizeof *unit);
    if (!unit)
        return fmi_fail_memory(err);
    for (size_t i = 0; i < dim; i++)
        unit[i] = (float)(l->query[i] / l->norm);
    fmi_pg_put_vector(l->s, params, unit);
    fmi_free_wiped(unit, dim * sizeof *unit);
    return FM_OK;
}

static fm_status ask(looking *l, const char *sql, fm_error *err)
{
    fmi_pg_params params = {0};
    fm_status status = FM_OK;
    l->answer.count = 0;
    l->answer.bar = l->threshold;
    forget_names(l);
    memset(l->parts, 0, sizeof l->parts);
    if (!l->everything) {
        status = put_query(l, &params, err);
        fmi_pg_put_integer(&params, l->asked);
    }
    return status == FM_OK ? fmi_pg_query_raw(l->s, sql, &params, look_at, l, NULL, err) : status;
}

static fm_status give_names(looking *l, fm_error *err)
{
    fm_status status = FM_OK;
    for (size_t i = 0; i < l->answer.count; i++) {
        l->answer.hits[i].id = fmi_strdup(l->answer.hits[i].id);
        if (!l->answer.hits[i].id)
            status = fmi_fail_memory(err);
    }
    return status;
}

static fm_status look(looking *l, size_t *count, fm_error *err)
{
    char *sql = NULL;
    fm_status status = make_statement(l, &sql, err);
    for (l->asked = 2 * (int64_t)l->search->k + 16; status == FM_OK; l->asked *= 4) {
        status = ask(l, sql, err);
        if (status == FM_OK && (l->everything || is_certain(l)))
            break;
    }
    fmi_free(sql);
    if (status == FM_OK)
        status = give_names(l, err);
    else
        memset(l->answer.hits, 0, l->search->k * sizeof *l->answer.hits);
    forget_names(l);
    if (status == FM_OK)
        *count = l->answer.count;
    return status;
}

/* --- the whole --- */

static fm_status note_state(void *user, const fmi_pg_row *row, fm_error *err)
{
    state *now = user;
    (void)err;
    now->identities = fmi_pg_integer(row, 0);
    now->templates = fmi_pg_integer(row, 1);
    now->shards = fmi_pg_integer(row, 2);
    now->hnsw = fmi_pg_integer(row, 3);
    now->wild = fmi_pg_integer(row, 4);
    now->largest = fmi_pg_real(row, 5);
    return FM_OK;
}

/* Rows of few candidates are looked up by number, whatever the statistics say. */
static fm_status read_state(fmi_pg *s, state *now, fm_error *err)
{
    int64_t rows = 0;
    fm_status status =
        fmi_pg_exec(s, "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off", err);
    if (status == FM_OK)
        status = fmi_pg_query(s,
                              "SELECT with_templates, templates, shards, hnsw, wild, largest "
                              "FROM facematch.galleries WHERE gallery_no = @",
                              NULL, note_state, now, &rows, err);
    if (status == FM_OK && (rows != 1 || now->shards < 0 || now->shards > FMI_PG_MOST_SHARDS))
        status = fmi_pg_corrupt(s, "the gallery is no longer there", err);
    return status;
}

/* As broad as in memory; pgvector allows up to 1,000. Shards have theirs by the foreign server. */
static fm_status set_breadth(fmi_pg *s, const state *now, size_t k, fm_error *err)
{
    char sql[256];
    double breadth = 256 * sqrt((double)now->templates / 1e5);
    breadth = fmax(fmax(breadth, 128), 2 * (double)k + 16);
    FMI_PG_FORMAT(sql, "SET LOCAL hnsw.ef_search = %d%s", (int)fmin(breadth, 1000),
                  s->iterative ? ";SET LOCAL hnsw.iterative_scan = strict_order" : "");
    return fmi_pg_exec(s, sql, err);
}

static bool needs_everything(const fmi_pg *s, double norm)
{
    if (s->base.pin.metric == FM_METRIC_COSINE)
        return !(norm > 0 && norm <= DBL_MAX);
    return norm > 0x1p30;
}

static fm_status search_inside(fmi_pg *s, const fmi_search *search, fmi_hit *hits, size_t *counts,
                               fmi_searched *out, fm_error *err)
{
    const size_t dim = (size_t)s->base.pin.dim;
    state now = {0};
    looking l = {.s = s, .search = search, .now = &now, .threshold = -FLT_MAX};
    fm_status status = read_state(s, &now, err);
    if (status == FM_OK && !search->everybody)
        status = fmi_identify_threshold(search->manifest, search->options, (size_t)now.identities,
                                        &l.threshold, err);
    l.graph = !search->exact && s->index == FM_INDEX_HNSW && now.hnsw &&
              (size_t)now.templates >= s->graph_rows;
    if (status == FM_OK && l.graph)
        status = set_breadth(s, &now, search->k, err);
    for (size_t q = 0; q < search->n && status == FM_OK; q++) {
        l.query = search->queries + q * dim;
        l.norm = fmi_kernel_norm(l.query, dim);
        l.everything = needs_everything(s, l.norm);
        l.answer = (fmi_answer){hits + q * search->k, 0, search->k, l.threshold};
        status = look(&l, &counts[q], err);
    }
    *out = (fmi_searched){now.identities, l.threshold};
    return status;
}

/* Where somebody else has sharded the gallery in between, its old table is gone: once more. */
fm_status fmi_pg_search(fmi_store *store, const fmi_search *search, fmi_hit *hits, size_t *counts,
                        fmi_searched *out, fm_error *err)
{
    fmi_pg *s = fmi_pg_of(store);
    bool again = true;
    for (;;) {
        fm_status status = fmi_pg_begin_read(s, err);
        if (status != FM_OK)
            return status;
        status = search_inside(s, search, hits, counts, out, err);
        fmi_wipe(s->vector, (size_t)s->base.pin.dim * sizeof *s->vector);
        fmi_wipe(s->bytes, fmi_pg_vector_bytes((size_t)s->base.pin.dim));
        again = again && status != FM_OK && s->undefined;
        fmi_pg_rollback(s); /* it has only read */
        if (!again)
            return status;
        for (size_t i = 0; i < search->n * search->k; i++)
            fmi_free((char *)hits[i].id);
        memset(hits, 0, search->n * search->k * sizeof *hits);
        again = false;
    }
}
