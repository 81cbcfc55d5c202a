/* The rows of the exact index: for every template its vector and, for the four metrics that follow
 * from a product of two vectors, its codes for the first look (scan.h). index_search.c searches.
 *
 * The order of rows has no meaning: a removed row is replaced by the last one. */
#include "gallery/index/index_exact.h"
#include "core/error.h"
#include "core/memory.h"
#include "match/kernel.h"
#include <string.h>

enum { BLOCK_BYTES = 256 * 1024 };

/* As many whole groups as fit a large page, or as many large pages as one group needs. */
static void plan_chunks(fmi_index *index)
{
    size_t group = index->form.group_bytes;
    index->chunk_bytes = (group + FMI_PAGE - 1) / FMI_PAGE * FMI_PAGE;
    index->chunk_rows = index->chunk_bytes / group * FMI_SCAN_ROWS;
}

fm_status fmi_index_new(fmi_index **out, const fmi_manifest *manifest,
                        const fmi_index_config *config, fm_error *err)
{
    fmi_index *index = fmi_calloc(1, sizeof *index);
    size_t row_bytes = (size_t)manifest->embedding.dim * sizeof(float);
    fm_status status = FM_OK;
    if (!index)
        return fmi_fail_memory(err);
    if (config->kind == FM_INDEX_HNSW)
        status =
            fmi_hnsw_new(&index->graph, (size_t)manifest->embedding.dim, manifest->metric, err);
    if (status != FM_OK) {
        fmi_free(index);
        return status;
    }
    index->manifest = manifest;
    index->config = *config;
    index->dim = (size_t)manifest->embedding.dim;
    index->block_rows = row_bytes < BLOCK_BYTES ? BLOCK_BYTES / row_bytes : 1;
    index->has_codes = fmi_scan_form_init(&index->form, manifest);
    if (index->has_codes)
        plan_chunks(index);
    index->scan = fmi_scan_kernel_best();
    *out = index;
    return FM_OK;
}

static size_t block_bytes(const fmi_index *index)
{
    return index->block_rows * index->dim * sizeof(float);
}

static size_t divide_up(size_t a, size_t b)
{
    return a / b + (a % b != 0);
}

/* Give back what `rows` rows do not need. */
static void drop_memory(fmi_index *index, size_t rows)
{
    while (index->block_count > divide_up(rows, index->block_rows))
        fmi_free_wiped(index->blocks[--index->block_count], block_bytes(index));
    while (index->has_codes && index->chunk_count > divide_up(rows, index->chunk_rows))
        fmi_pages_free(index->chunks[--index->chunk_count], index->chunk_bytes);
}

void fmi_index_clear(fmi_index *index)
{
    drop_memory(index, 0);
    if (index->graph)
        fmi_hnsw_clear(index->graph);
    for (size_t i = 0; i < index->people_count; i++)
        fmi_free_wiped(index->people[i].id, strlen(index->people[i].id));
    index->people_count = index->with_templates = index->row_count = index->last_found = 0;
}

void fmi_index_free(fmi_index *index)
{
    if (!index)
        return;
    fmi_index_clear(index);
    fmi_hnsw_free(index->graph);
    fmi_free(index->row_of_slot);
    fmi_free(index->people);
    fmi_free(index->rows);
    fmi_free(index->blocks);
    fmi_free(index->chunks);
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
    bool fits = make_room(&people, &index->people_room, index->people_count, sizeof(fmi_person));
    char *copy;
    index->people = people;
    if (index->people_count >= UINT32_MAX)
        return fmi_fail(err, FM_E_LIMIT, "more than %u identities", (unsigned)UINT32_MAX);
    copy = fits ? fmi_strdup(id) : NULL;
    if (!copy)
        return fmi_fail_memory(err);
    index->people[index->people_count++] = (fmi_person){identity_no, copy, 0};
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

static bool make_block_room(fmi_index *index)
{
    void *blocks = index->blocks;
    bool fits = make_room(&blocks, &index->block_room, index->block_count, sizeof(float *));
    index->blocks = blocks;
    if (!fits)
        return false;
    index->blocks[index->block_count] = fmi_alloc(block_bytes(index));
    if (!index->blocks[index->block_count])
        return false;
    index->block_count++;
    return true;
}

/* Large pages from the second chunk on: in a small gallery they would mostly be empty. */
static bool make_chunk_room(fmi_index *index)
{
    void *chunks = index->chunks;
    bool fits = make_room(&chunks, &index->chunk_room, index->chunk_count, sizeof(unsigned char *));
    index->chunks = chunks;
    if (!fits)
        return false;
    index->chunks[index->chunk_count] = fmi_pages_alloc(index->chunk_bytes, index->chunk_count > 0);
    if (!index->chunks[index->chunk_count])
        return false;
    index->chunk_count++;
    return true;
}

static bool make_row_room(fmi_index *index)
{
    void *rows = index->rows;
    bool fits = make_room(&rows, &index->row_room, index->row_count, sizeof(fmi_row));
    index->rows = rows;
    if (fits && index->row_count >= index->block_count * index->block_rows)
        fits = make_block_room(index);
    if (fits && index->has_codes && index->row_count >= index->chunk_count * index->chunk_rows)
        fits = make_chunk_room(index);
    return fits;
}

/* find_person, begun where templates that are told in order are found at once. */
static size_t find_next_person(fmi_index *index, int64_t no)
{
    for (size_t p = index->last_found; p < index->last_found + 2; p++)
        if (p < index->people_count && index->people[p].no == no)
            return index->last_found = p;
    return index->last_found = find_person(index, no);
}

fm_status fmi_index_add_template(fmi_index *index, int64_t identity_no, int64_t template_id,
                                 const float *vector, fm_error *err)
{
    size_t p = find_next_person(index, identity_no), r = index->row_count;
    double norm = fmi_kernel_norm(vector, index->dim);
    if (p == index->people_count)
        return fmi_fail(err, FM_E_CORRUPT, "template %lld belongs to no identity",
                        (long long)template_id);
    if (!make_row_room(index))
        return fmi_fail_memory(err);
    memcpy(fmi_index_vector(index, r), vector, index->dim * sizeof *vector);
    if (index->has_codes)
        fmi_scan_write(&index->form, fmi_index_group(index, r), r % FMI_SCAN_ROWS, vector, norm);
    index->rows[index->row_count++] = (fmi_row){template_id, norm, (uint32_t)p, FMI_NO_SLOT};
    index->with_templates += index->people[p].templates++ == 0;
    return FM_OK;
}

static void move_row(fmi_index *index, size_t to, size_t from)
{
    index->rows[to] = index->rows[from];
    if (index->rows[to].slot != FMI_NO_SLOT)
        index->row_of_slot[index->rows[to].slot] = (uint32_t)to;
    memcpy(fmi_index_vector(index, to), fmi_index_vector(index, from), index->dim * sizeof(float));
    if (index->has_codes)
        fmi_scan_copy(&index->form, fmi_index_group(index, to), to % FMI_SCAN_ROWS,
                      fmi_index_group(index, from), from % FMI_SCAN_ROWS);
}

static void remove_row(fmi_index *index, size_t r)
{
    size_t last = index->row_count - 1;
    fmi_person *owner = &index->people[index->rows[r].person];
    if (index->rows[r].slot != FMI_NO_SLOT)
        fmi_hnsw_remove(index->graph, index->rows[r].slot);
    if (r != last)
        move_row(index, r, last);
    fmi_wipe(fmi_index_vector(index, last), index->dim * sizeof(float));
    if (index->has_codes)
        fmi_scan_wipe(&index->form, fmi_index_group(index, last), last % FMI_SCAN_ROWS);
    index->row_count = last;
    index->with_templates -= --owner->templates == 0;
    drop_memory(index, last);
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
