#include "core/error.h"
#include "core/memory.h"
#include "train/loss.h"

typedef struct batch {
    const double *distances;
    const int32_t *labels;
    size_t n;
    fm_mining mining;
    double margin;
} batch;

static bool is_positive(const batch *b, size_t anchor, size_t row)
{
    return row != anchor && b->labels[row] == b->labels[anchor];
}

static void put(fmi_triplet *out, size_t k, size_t anchor, size_t positive, size_t negative)
{
    if (out)
        out[k] = (fmi_triplet){(int32_t)anchor, (int32_t)positive, (int32_t)negative};
}

/* The triplet of one anchor; 0 when there is none, else 1. */
static size_t mine_hardest(const batch *b, size_t anchor, fmi_triplet *out)
{
    const double *d = b->distances + anchor * b->n;
    size_t positive = b->n, negative = b->n; /* none */
    for (size_t j = 0; j < b->n; j++) {
        if (is_positive(b, anchor, j) && (positive == b->n || d[j] > d[positive]))
            positive = j;
        if (b->labels[j] != b->labels[anchor] && (negative == b->n || d[j] < d[negative]))
            negative = j;
    }
    if (positive == b->n || negative == b->n)
        return 0;
    put(out, 0, anchor, positive, negative);
    return 1;
}

static bool counts(const batch *b, double positive, double negative)
{
    return b->mining == FM_MINING_ALL || (negative > positive && negative - positive <= b->margin);
}

static size_t mine_many(const batch *b, size_t anchor, fmi_triplet *out)
{
    const double *d = b->distances + anchor * b->n;
    size_t k = 0;
    for (size_t p = 0; p < b->n; p++) {
        if (!is_positive(b, anchor, p))
            continue;
        for (size_t j = 0; j < b->n; j++)
            if (b->labels[j] != b->labels[anchor] && counts(b, d[p], d[j]))
                put(out, k++, anchor, p, j);
    }
    return k;
}

/* How many they are; out may be NULL. */
static size_t mine(const batch *b, fmi_triplet *out)
{
    size_t k = 0;
    for (size_t i = 0; i < b->n; i++) {
        fmi_triplet *next = out ? out + k : NULL;
        k += b->mining == FM_MINING_BATCH_HARD ? mine_hardest(b, i, next) : mine_many(b, i, next);
    }
    return k;
}

fm_status fmi_mine(const double *distances, const int32_t *labels, size_t n, fm_mining mining,
                   float margin, fmi_triplet **out, size_t *count, fm_error *err)
{
    batch b = {distances, labels, n, mining, (double)margin};
    fmi_triplet *triplets = NULL;
    size_t found;
    if (mining < FM_MINING_BATCH_HARD || mining > FM_MINING_ALL)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%d is not a way to mine", (int)mining);
    if (n > INT32_MAX)
        return fmi_fail(err, FM_E_LIMIT, "a batch of %zu rows is too large", n);
    found = mine(&b, NULL);
    if (found > 0) {
        triplets = fmi_alloc_array(found, sizeof *triplets);
        if (!triplets)
            return fmi_fail_memory(err);
        mine(&b, triplets);
    }
    *out = triplets;
    *count = found;
    return FM_OK;
}
