/* Which photographs make a batch. All follows from (seed, epoch, step), so that a run can go on
 * anywhere. */
#ifndef FMI_SAMPLER_H
#define FMI_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fmi_sampler {
    uint64_t seed;
    size_t people;       /* at least 2; label k is the k-th */
    size_t photographs;  /* in order of people */
    const size_t *first; /* [people + 1]: where each one's begin; only drawing needs it */
    size_t people_per_batch, photographs_per_person;
    bool shuffled; /* photographs as they come, else so many of each of so many people */
} fmi_sampler;

/* Rows of a batch; the same in all. */
size_t fmi_sampler_rows(const fmi_sampler *sampler);
/* Batches that show each photograph about once. */
size_t fmi_sampler_steps(const fmi_sampler *sampler);
/* rows, labels: int32[fmi_sampler_rows]. A row is a place among the photographs. scratch:
 * int32[photographs]. */
void fmi_sampler_draw(const fmi_sampler *sampler, uint64_t epoch, uint64_t step, int32_t *rows,
                      int32_t *labels, int32_t *scratch);

#endif
