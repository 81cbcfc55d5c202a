/* What an index of templates is inside; for index_*.c only. */
#ifndef FMI_INDEX_EXACT_H
#define FMI_INDEX_EXACT_H

#include "gallery/index/hnsw.h"
#include "gallery/index/index.h"
#include "gallery/index/scan.h"

typedef struct fmi_person {
    int64_t no;
    char *id;
    uint32_t templates;
} fmi_person;

typedef struct fmi_row {
    int64_t template_id;
    double norm;
    uint32_t person;
    uint32_t slot; /* in the graph, or FMI_NO_SLOT */
} fmi_row;

#define FMI_NO_SLOT UINT32_MAX

struct fmi_index {
    const fmi_manifest *manifest;
    fmi_index_config config;
    size_t dim;
    bool has_codes; /* there is a first look */
    fmi_scan_form form;
    fmi_scan_kernel scan;
    fmi_person *people; /* by rising number */
    size_t people_count, people_room, with_templates;
    size_t
        last_found; /* whose template came last: the next one is mostly of the same or the next */
    fmi_row *rows;
    size_t row_count, row_room;
    /* Vectors lie in blocks, so that growing moves none of them (and leaves no copy behind). */
    float **blocks; /* float32[block_rows][dim] each */
    size_t block_rows, block_count, block_room;
    unsigned char **chunks; /* groups of scan.h, chunk_bytes each */
    size_t chunk_rows, chunk_bytes, chunk_count, chunk_room;
    fmi_hnsw *graph;       /* NULL: searches are exact */
    uint32_t *row_of_slot; /* [slot_room] */
    size_t slot_count, slot_room;
};

static inline float *fmi_index_vector(const fmi_index *index, size_t r)
{
    return index->blocks[r / index->block_rows] + r % index->block_rows * index->dim;
}

/* The group that a row's codes are in. */
static inline unsigned char *fmi_index_group(const fmi_index *index, size_t r)
{
    return index->chunks[r / index->chunk_rows] +
           r % index->chunk_rows / FMI_SCAN_ROWS * index->form.group_bytes;
}

#endif
