/* Every template is looked at. For the four metrics that follow from a product of two vectors that
 * is done in float32 first, with a bound on its error; only rows that could still get into the
 * answer are scored properly. The answer is the same as without this first look.
 *
 * Rows lie in blocks, so that growing moves no vector (and leaves no copy of one behind). The order
 * of rows has no meaning: a removed row is replaced by the last one. */
#include "core/error.h"
#include "core/memory.h"
#include "gallery/index.h"
#include "match/kernel.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum { BLOCK_BYTES = 256 * 1024 };

typedef struct person {
    int64_t no;
    char *id;
    uint32_t templates;
} person;

typedef struct row {
    int64_t template_id;
    double norm;
    uint32_t person;
} row;

struct fmi_index {
    const fmi_manifest *manifest;
    size_t dim, block_rows;
    bool has_first_look;
    double dot_error; /* relative, of the first look */
    person *people;   /* by rising number */
    size_t people_count, people_room, with_templates;
    row *rows;
    size_t row_count, row_room;
    float **blocks; /* float32[block_rows][dim] each */
    size_t block_count, block_room;
};

fm_status fmi_index_new(fmi_index **out, const fmi_manifest *manifest, fm_error *err)
{
    fmi_index *index = fmi_calloc(1, sizeof *index);
    size_t row_bytes = (size_t)manifest->embedding.dim * sizeof(float);
    if (!index)
        return fmi_fail_memory(err);
    index->manifest = manifest;
    index->dim = (size_t)manifest->embedding.dim;
    index->block_rows = row_bytes < BLOCK_BYTES ? BLOCK_BYTES / row_bytes : 1;
    index->has_first_look =
        manifest->metric == FM_METRIC_COSINE || manifest->metric == FM_METRIC_EUCLIDEAN ||
        manifest->metric == FM_METRIC_SQEUCLIDEAN || manifest->metric == FM_METRIC_INNER_PRODUCT;
    index->dot_error = fmi_kernel_dot_error(index->dim);
    *out = index;
    return FM_OK;
}

static size_t block_bytes(const fmi_index *index)
{
    return index->block_rows * index->dim * sizeof(float);
}

static float *vector_of(const fmi_index *index, size_t r)
{
    return index->blocks[r / index->block_rows] + r % index->block_rows * index->dim;
}

static void drop_blocks(fmi_index *index, size_t keep)
{
    while (index->block_count > keep)
        fmi_free_wiped(index->blocks[--index->block_count], block_bytes(index));
}

void fmi_index_clear(fmi_index *index)
{
    drop_blocks(index, 0);
    for (size_t i = 0; i < index->people_count; i++)
        fmi_free_wiped(index->people[i].id, strlen(index->people[i].id));
    index->people_count = index->with_templates = index->row_count = 0;
}

void fmi_index_free(fmi_index *index)
{
    if (!index)
        return;
    fmi_index_clear(index);
    fmi_free(index->people);
    fmi_free(index->rows);
    fmi_free(index->blocks);
    fmi_free(index);
}

/* Room for one more in an array that grows by half. */
static bool make_room(void **array, size_t *room, size_t count, size_t item)
{
    size_t bytes, more = *room + *room / 2 + 16;
    void *moved;
    if (count < *room)
        return true;
    if (fmi_mul_overflows(more, item, &bytes))
        return false;
    moved = fmi_realloc(*array, bytes);
    if (!moved)
        return false;
    *array = moved;
    *room = more;
    return true;
}

fm_status fmi_index_add_identity(fmi_index *index, int64_t identity_no, const char *id,
                                 fm_error *err)
{
    void *people = index->people;
    bool fits = make_room(&people, &index->people_room, index->people_count, sizeof(person));
    char *copy;
    index->people = people;
    if (index->people_count >= UINT32_MAX)
        return fmi_fail(err, FM_E_LIMIT, "more than %u identities", (unsigned)UINT32_MAX);
    copy = fits ? fmi_strdup(id) : NULL;
    if (!copy)
        return fmi_fail_memory(err);
    index->people[index->people_count++] = (person){identity_no, copy, 0};
    return FM_OK;
}

/* Place of an identity in people, or people_count. */
static size_t find_person(const fmi_index *index, int64_t no)
{
    size_t low = 0, high = index->people_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->people[middle].no < no)
            low = middle + 1;
        else
            high = middle;
    }
    return low < index->people_count && index->people[low].no == no ? low : index->people_count;
}

static bool make_row_room(fmi_index *index)
{
    void *rows = index->rows, *blocks = index->blocks;
    bool fits = make_room(&rows, &index->row_room, index->row_count, sizeof(row));
    index->rows = rows;
    if (!fits || index->row_count < index->block_count * index->block_rows)
        return fits;
    fits = make_room(&blocks, &index->block_room, index->block_count, sizeof(float *));
    index->blocks = blocks;
    if (!fits)
        return false;
    index->blocks[index->block_count] = fmi_alloc(block_bytes(index));
    if (!index->blocks[index->block_count])
        return false;
    index->block_count++;
    return true;
}

fm_status fmi_index_add_template(fmi_index *index, int64_t identity_no, int64_t template_id,
                                 const float *vector, fm_error *err)
{
    size_t p = find_person(index, identity_no);
    if (p == index->people_count)
        return fmi_fail(err, FM_E_CORRUPT, "template %lld belongs to no identity",
                        (long long)template_id);
    if (!make_row_room(index))
        return fmi_fail_memory(err);
    memcpy(vector_of(index, index->row_count), vector, index->dim * sizeof *vector);
    index->rows[index->row_count++] =
        (row){template_id, fmi_kernel_norm(vector, index->dim), (uint32_t)p};
    index->with_templates += index->people[p].templates++ == 0;
    return FM_OK;
}

static void remove_row(fmi_index *index, size_t r)
{
    size_t last = index->row_count - 1;
    person *owner = &index->people[index->rows[r].person];
    if (r != last) {
        index->rows[r] = index->rows[last];
        memcpy(vector_of(index, r), vector_of(index, last), index->dim * sizeof(float));
    }
    fmi_wipe(vector_of(index, last), index->dim * sizeof(float));
    index->row_count = last;
    index->with_templates -= --owner->templates == 0;
    drop_blocks(index, (last + index->block_rows - 1) / index->block_rows);
}

void fmi_index_remove_template(fmi_index *index, int64_t identity_no, int64_t template_id)
{
    size_t p = find_person(index, identity_no);
    for (size_t r = 0; r < index->row_count; r++)
        if (index->rows[r].person == p && index->rows[r].template_id == template_id) {
            remove_row(index, r);
            return;
        }
}

void fmi_index_remove_identity(fmi_index *index, int64_t identity_no)
{
    size_t p = find_person(index, identity_no);
    if (p == index->people_count)
        return;
    for (size_t r = index->row_count; r-- > 0;)
        if (index->rows[r].person == p)
            remove_row(index, r);
    for (size_t r = 0; r < index->row_count; r++)
        index->rows[r].person -= index->rows[r].person > p;
    fmi_free_wiped(index->people[p].id, strlen(index->people[p].id));
    index->people_count--;
    memmove(&index->people[p], &index->people[p + 1],
            (index->people_count - p) * sizeof *index->people);
}

size_t fmi_index_identities(const fmi_index *index)
{
    return index->with_templates;
}

/* A search on its way. */
typedef struct search {
    const fmi_index *index;
    const float *query;
    double norm;
    fmi_hit *hits; /* best first */
    size_t count, k;
    float bar; /* scores below it cannot get in */
} search;

/* Does a come before b in an answer? */
static bool goes_before(const fmi_hit *a, const fmi_hit *b)
{
    if (a->score != b->score)
        return a->score > b->score;
    return strcmp(a->id, b->id) < 0;
}

/* Put a hit in its place, given that the hit at `hole` is to go (or hole is one past the last). */
static void insert_hit(search *s, size_t hole, const fmi_hit *hit)
{
    for (; hole > 0 && goes_before(hit, &s->hits[hole - 1]); hole--)
        s->hits[hole] = s->hits[hole - 1];
    s->hits[hole] = *hit;
    if (s->count == s->k)
        s->bar = s->hits[s->k - 1].score;
}

static void offer(search *s, const fmi_hit *hit)
{
    for (size_t i = 0; i < s->count; i++) {
        fmi_hit *known = &s->hits[i];
        if (known->identity_no != hit->identity_no)
            continue;
        if (hit->score == known->score && hit->template_id < known->template_id)
            known->template_id = hit->template_id;
        if (hit->score > known->score)
            insert_hit(s, i, hit);
        return;
    }
    if (s->count < s->k)
        insert_hit(s, s->count++, hit);
    else if (goes_before(hit, &s->hits[s->k - 1]))
        insert_hit(s, s->k - 1, hit);
}

/* The highest score that a row can have, judged by its product in float32. */
static double most_it_can_be(const fmi_index *index, double dot, double norm_a, double norm_b)
{
    double both = norm_a * norm_b, most = dot + index->dot_error * both, distance;
    switch (index->manifest->metric) {
    case FM_METRIC_COSINE:
        return most / both + 1e-6; /* scores are rounded to float32 */
    case FM_METRIC_INNER_PRODUCT:
        return most + 1e-6 * both;
    default: /* |a-b|^2 = |a|^2 + |b|^2 - 2ab; norms are good to 1e-12 */
        distance = (norm_a * norm_a + norm_b * norm_b) * (1 - 1e-11) - 2 * most;
        distance = distance > 0 ? distance * (1 - 1e-6) : 0;
        return index->manifest->metric == FM_METRIC_EUCLIDEAN ? -sqrt(distance) : -distance;
    }
}

/* May a row be passed over? Outside the range in which the first look's bound holds: no. */
static bool is_hopeless(const search *s, const float *vector, double norm)
{
    double both = s->norm * norm, dot;
    if (!s->index->has_first_look || !(both > 1e-25 && both < 1e37))
        return false;
    dot = fmi_kernel_dot_fast(s->query, vector, s->index->dim);
    return fmax(most_it_can_be(s->index, dot, s->norm, norm), -FLT_MAX) < s->bar;
}

static void look_at(search *s, const row *candidate, const float *vector)
{
    const person *owner = &s->index->people[candidate->person];
    fmi_hit hit = {owner->id, owner->no, candidate->template_id, 0};
    if (is_hopeless(s, vector, candidate->norm))
        return;
    hit.score =
        fmi_metric_score_normed(s->index->manifest, s->query, s->norm, vector, candidate->norm);
    if (hit.score >= s->bar)
        offer(s, &hit);
}

size_t fmi_index_search(const fmi_index *index, const float *query, float threshold, size_t k,
                        fmi_hit *hits)
{
    search s = {index, query, fmi_kernel_norm(query, index->dim), hits, 0, k, threshold};
    for (size_t b = 0, r = 0; b < index->block_count; b++) {
        const float *vector = index->blocks[b];
        for (size_t i = 0; i < index->block_rows && r < index->row_count; i++, r++)
            look_at(&s, &index->rows[r], vector + i * index->dim);
    }
    return s.count;
}
