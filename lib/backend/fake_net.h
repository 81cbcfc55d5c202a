/* What the two halves of the stand-in for libtorch share: running networks and training them. */
#ifndef FMI_FAKE_NET_H
#define FMI_FAKE_NET_H

#include "backend/backend.h"
#include "backend/manifest.h"

enum {
    FMI_FAKE_CHANNELS = 3,
    FMI_FAKE_GRID = 8,
    FMI_FAKE_CELLS = FMI_FAKE_CHANNELS * FMI_FAKE_GRID * FMI_FAKE_GRID,
    FMI_FAKE_COLUMNS = FMI_FAKE_CELLS + 1, /* of a trained matrix: the last one is added */
    FMI_FAKE_PARTS_MAX = FMI_MEMBERS_MAX + 4
};

typedef enum part_kind { EMBEDDER, PNET, RNET, ONET, LIVENESS } part_kind;

struct fmi_part {
    part_kind kind;
    int32_t dim;          /* of the embedder; 0: whatever is asked for. Classes of a liveness net */
    int32_t live;         /* the class that means so */
    int64_t blue;         /* the plane it looks at */
    size_t first_row;     /* of the matrix: a bundle's members differ */
    const float *trained; /* [dim][FMI_FAKE_COLUMNS]; NULL: the fixed matrix */
    char name[64];
};

struct fmi_net {
    fm_model_kind kind; /* 0: no manifest */
    size_t count;
    fmi_part parts[FMI_FAKE_PARTS_MAX];
    float *trained;
    size_t trained_rows;
    bool feature_max, fixed; /* see fake.h */
};

/* One picture of the input. */
typedef struct fmi_fake_view {
    const float *planes;
    int64_t height, width;
} fmi_fake_view;

/* fake.c */
void fmi_fake_cells(const fmi_fake_view *view, float cells[FMI_FAKE_CELLS]);
/* What the output `row` of an embedder or a liveness net takes of a cell; of column FMI_FAKE_CELLS:
 * what is added */
double fmi_fake_weight(const fmi_part *part, size_t row, size_t column);

/* fake_learner.c: as in fmi_backend */
fm_status fmi_fake_learner_new(fmi_net *net, const fmi_learner_config *config, fmi_learner **out,
                               fm_error *err);
void fmi_fake_learner_free(fmi_learner *learner);
fm_status fmi_fake_learner_forward(fmi_learner *learner, size_t part, uint64_t step,
                                   const float *in, const int64_t shape[4], float *features,
                                   float *logits, fm_error *err);
fm_status fmi_fake_learner_step(fmi_learner *learner, const float *features_gradient,
                                const float *logits_gradient, const float *extra_gradient,
                                double rate, fm_error *err);
fm_status fmi_fake_learner_run(fmi_learner *learner, size_t part, const float *in,
                               const int64_t shape[4], float *out, fm_error *err);
fm_status fmi_fake_learner_extra(fmi_learner *learner, float *out, fm_error *err);
bool fmi_fake_learner_has_feature_max(const fmi_learner *learner);
fm_status fmi_fake_learner_set_feature_max(fmi_learner *learner, const float *largest,
                                           fm_error *err);
fm_status fmi_fake_learner_state(const fmi_learner *learner, void **out, size_t *size,
                                 fm_error *err);
fm_status fmi_fake_learner_restore(fmi_learner *learner, const void *bytes, size_t size,
                                   fm_error *err);
fm_status fmi_fake_learner_archive(const fmi_learner *learner, const char *manifest, size_t length,
                                   void **out, size_t *size, fm_error *err);

#endif
