/* All comparisons of an experiment, sorted by score on demand. */
#ifndef FMI_EVALUATION_H
#define FMI_EVALUATION_H

#include <facematch/evaluate.h>
#include <stdbool.h>

/* A score as a number of the same order; 0 stands for a comparison without a score. */
uint32_t fmi_key_of(float score);
float fmi_key_score(uint32_t key);

/* The comparisons of one kind. */
typedef struct fmi_side {
    uint32_t *keys;   /* rising once sorted */
    uint64_t *people; /* first << 32 | second, beside the keys; NULL: not known */
    size_t n, room;
    int64_t failed;  /* without a score; among the keys only where they count */
    int64_t *trials; /* [people_room]: of each person; only once sorted */
} fmi_side;

enum { FMI_IMPOSTOR = 0, FMI_GENUINE = 1 };

struct fm_evaluation {
    fm_failures failures;
    double confidence;
    bool with_people, sorted;
    size_t people_room; /* highest person + 1 */
    size_t added;
    fmi_side sides[2];
};

/* FM_E_STATE without comparisons of both kinds that have, or count as having, a score. */
fm_status fmi_evaluation_sort(fm_evaluation *e, fm_error *err);
fm_status fmi_evaluation_append(fm_evaluation *e, const float *scores, const uint8_t *genuine,
                                const int32_t *first, const int32_t *second, size_t n,
                                fm_error *err);
void fmi_evaluation_dispose(fm_evaluation *e);

/* The rest wants a sorted evaluation. Comparisons with a key of at least `key`. */
size_t fmi_side_at_least(const fmi_side *side, uint32_t key);

/* From the highest score down: cuts between different scores. Begins before the first. */
typedef struct fmi_cut {
    uint32_t key;       /* the lowest that is accepted */
    size_t accepted[2]; /* comparisons of each side */
} fmi_cut;
bool fmi_cut_next(const fm_evaluation *e, fmi_cut *cut);

double fmi_cut_fmr(const fm_evaluation *e, const fmi_cut *cut);
double fmi_cut_fnmr(const fm_evaluation *e, const fmi_cut *cut);

/* rates.c */
fm_status fmi_evaluation_rates(const fm_evaluation *e, uint32_t key, fm_rate *fmr, fm_rate *fnmr,
                               fm_error *err);
fm_status fmi_evaluation_eer(const fm_evaluation *e, fm_evaluation_report *report, fm_error *err);
/* The key of the lowest threshold with at most this share of impostor comparisons. */
uint32_t fmi_evaluation_key_at_fmr(const fm_evaluation *e, double fmr);
int32_t fmi_evaluation_people(const fm_evaluation *e);
size_t fmi_evaluation_curve(const fm_evaluation *e, fm_det_point *out, size_t out_len);

#endif
