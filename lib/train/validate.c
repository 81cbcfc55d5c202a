/* All comparisons of the people left out, by the network and the metric as they are now. */
#include "core/error.h"
#include "core/memory.h"
#include "evaluate/evaluation.h"
#include "match/kernel.h"
#include "train/trainer.h"
#include <math.h>
#include <string.h>

static const double ALIKE = 1e-5; /* distances, of the embeddings' size, that are nothing */

/* One row of the table of comparisons. */
typedef struct row {
    float *scores;
    uint8_t *genuine;
    int32_t *first, *second;
} row;

typedef struct table {
    size_t n, dim;
    float *x;      /* [n][dim] */
    double *norms; /* [n] */
    row row;
} table;

static void close_table(table *b)
{
    fmi_block_free(b->x);
    fmi_free(b->norms);
    if (b->row.scores)
        fmi_free_wiped(b->row.scores, b->n * sizeof *b->row.scores);
    fmi_free(b->row.genuine);
    fmi_free(b->row.first);
    fmi_free(b->row.second);
}

static fm_status open_table(table *b, fm_trainer *t, fm_error *err)
{
    memset(b, 0, sizeof *b);
    b->n = t->photographs.count_of[1];
    b->dim = fmi_trainer_dim(t);
    b->x = fmi_block_alloc(b->n * b->dim * sizeof *b->x);
    b->norms = fmi_alloc_array(b->n, sizeof *b->norms);
    b->row.scores = fmi_alloc_array(b->n, sizeof *b->row.scores);
    b->row.genuine = fmi_alloc_array(b->n, sizeof *b->row.genuine);
    b->row.first = fmi_alloc_array(b->n, sizeof *b->row.first);
    b->row.second = fmi_alloc_array(b->n, sizeof *b->row.second);
    if (b->x && b->norms && b->row.scores && b->row.genuine && b->row.first && b->row.second)
        return FM_OK;
    close_table(b);
    return fmi_fail_memory(err);
}

static fm_status fill_table(table *b, fm_trainer *t, fm_error *err)
{
    fm_status status = fmi_trainer_scale_features(t, err);
    if (status == FM_OK)
        status = fmi_learned_update(t, err);
    if (status == FM_OK)
        status = fmi_trainer_embed(t, 0, t->left_out, b->n, b->x, err);
    for (size_t i = 0; i < b->n && status == FM_OK; i++)
        b->norms[i] = fmi_kernel_norm(b->x + i * b->dim, b->dim);
    return status;
}

/* Is each as far from the first as nothing? */
static bool all_alike(const table *b)
{
    for (size_t i = 1; i < b->n; i++) {
        double sum = 0;
        for (size_t k = 0; k < b->dim; k++) {
            double d = (double)b->x[i * b->dim + k] - b->x[k];
            sum += d * d;
        }
        if (sqrt(sum) > ALIKE * fmax(b->norms[i], b->norms[0]))
            return false;
    }
    return true;
}

static fm_status compare(const table *b, const fm_trainer *t, bool with_people,
                         fm_evaluation *evaluation, fm_error *err)
{
    fm_status status = FM_OK;
    for (size_t i = 1; i < b->n && status == FM_OK; i++) {
        int32_t person = t->photographs.of[t->left_out[i]].person;
        for (size_t j = 0; j < i; j++) {
            b->row.scores[j] = fmi_metric_score_normed(&t->manifest, b->x + i * b->dim, b->norms[i],
                                                       b->x + j * b->dim, b->norms[j]);
            b->row.first[j] = person;
            b->row.second[j] = t->photographs.of[t->left_out[j]].person;
            b->row.genuine[j] = b->row.second[j] == person;
        }
        status = fmi_evaluation_append(evaluation, b->row.scores, b->row.genuine,
                                       with_people ? b->row.first : NULL,
                                       with_people ? b->row.second : NULL, i, err);
    }
    return status;
}

fm_status fmi_validate(fm_trainer *t, bool with_people, fm_evaluation **out, bool *alike,
                       fm_error *err)
{
    fm_evaluation *evaluation = NULL;
    table b;
    fm_status status = fm_evaluation_new(&evaluation, NULL, err);
    if (status != FM_OK)
        return status;
    status = open_table(&b, t, err);
    if (status == FM_OK) {
        status = fill_table(&b, t, err);
        if (status == FM_OK)
            status = compare(&b, t, with_people, evaluation, err);
        *alike = status == FM_OK && all_alike(&b);
        close_table(&b);
    }
    if (status == FM_OK)
        *out = evaluation;
    else
        fm_evaluation_free(evaluation);
    return status;
}

fm_status fmi_validate_eer(fm_evaluation *evaluation, double *eer, fm_error *err)
{
    fm_evaluation_report report;
    fm_status status = fmi_evaluation_sort(evaluation, err);
    if (status == FM_OK)
        status = fmi_evaluation_eer(evaluation, &report, err);
    if (status == FM_OK)
        *eer = report.eer;
    return status;
}

fm_status fmi_validate_figures(fm_trainer *t, fmi_validation *out, fm_error *err)
{
    fm_evaluation *evaluation = NULL;
    fm_status status;
    *out = (fmi_validation){NAN, NAN, false};
    if (t->photographs.count_of[1] == 0)
        return FM_OK;
    if (t->liveness)
        return fmi_frames_measure(t, out, err);
    status = fmi_validate(t, false, &evaluation, &out->alike, err);
    if (status == FM_OK)
        status = fmi_validate_eer(evaluation, &out->eer, err);
    fm_evaluation_free(evaluation);
    return status;
}
