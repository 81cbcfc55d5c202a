/* What the programs of C and of C++ have in common: what they ask, and how answers are written. The
 * asking itself is each program's own. */
#ifndef FM_TEST_PARITY_H
#define FM_TEST_PARITY_H

#include <facematch/facematch.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    PHOTOS = 7,
    MOST_MATCHES = 5,
    COMPARISONS = 3000,
    FARS = 3,
    POINTS = 32,
    ENROLLED = 2,
    FRAMES = 3,
    TRAINED_ON = 6,
    FIRST_BIDEN = 1, /* where he is among the photographs */
    FIRST_OBAMA = 2
};

extern const char *const photo_names[PHOTOS];
extern const size_t enrolled[ENROLLED]; /* photographs */
extern const char *const enrolled_ids[ENROLLED];
extern const double fars[FARS];
extern const size_t frames[FRAMES]; /* of one attempt: photographs */
extern const size_t trained_on[TRAINED_ON];
extern const char *const trained_people[TRAINED_ON];

typedef struct comparisons {
    float scores[COMPARISONS];
    uint8_t genuine[COMPARISONS];
    int32_t first[COMPARISONS], second[COMPARISONS], folds[COMPARISONS];
} comparisons;

void draw_comparisons(comparisons *c);

/* Of a short run, without the detector; told by print_training_start. */
void set_training_options(fm_trainer_options *options);
#define TRAINED_MODEL "mobilefacenet.pt"
#define TRAINED_NAME  "mine.pt"

/* Each prints its part of the JSON. `first` is 1 for the first of a list. */
void print_start(const fm_model_info *embedder, const fm_model_info *detector);
void print_end(void);

void print_list(const char *name);
void print_list_end(int last);
void print_photo(int first, size_t photo, const fm_image_info *info, const uint8_t *rgb,
                 size_t rgb_bytes, const fm_gate_report *report, fm_status refusal);
void print_face(int first, const fm_face *face, const fm_face_quality *quality,
                const float *embedding, size_t dim);
void print_photo_end(void);
void print_row(int first, size_t photo, fm_status status, const float *embedding, size_t dim);
void print_verification(int first, size_t a, size_t b, const fm_verification *v);

void print_enrolled(void);
void print_identification(int first, size_t photo, const fm_identification *found,
                          const fm_match *matches, size_t count);

void print_comparisons(const comparisons *c);
void print_pairs(const fm_pairs_report *report, const double *tars);
void print_evaluation(const fm_evaluation_report *report, const fm_operating_point *at_fmr);
void print_curve(const fm_det_point *points, size_t count);
void print_calibration(const char *text);

void print_no_liveness(void);
void print_liveness_start(const fm_model_info *liveness);
void print_frame(int first, size_t photo, fm_status status, const fm_liveness_result *result);
void print_liveness_verify(const fm_verification *v);
void print_fusion(const fm_liveness_fusion *fused);

void print_training_start(const fm_trainer_options *options);
void print_step(int first, const fm_training_step *step);
void print_stats(int first, const fm_training_stats *stats);
void print_trained(const fm_model_info *saved, const float *embedding, size_t dim);

#ifdef __cplusplus
}
#endif

#endif
