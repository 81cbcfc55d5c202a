/* facematch.json: read defensively, since it may come from anywhere. */
#ifndef FMI_MANIFEST_H
#define FMI_MANIFEST_H

#include <facematch/model.h>
#include <stdbool.h>

typedef struct fmi_calibration_point {
    double fmr, score;
    double low, high; /* interval of fmr; 0 and 0 where it is not told */
} fmi_calibration_point;

/* Behind the points: of the share `fmr` of impostor comparisons with at least `score`, those above
 * it follow a generalised Pareto distribution on the scale of the metric, on which `score` is, too:
 * fmi_calibration_scale. */
typedef struct fmi_calibration_tail {
    bool present;
    int64_t exceedances;
    double score, fmr, shape, scale;
    /* of log fmr, shape and log scale: 11 12 13 22 23 33 */
    double covariance[6];
} fmi_calibration_tail;

typedef struct fmi_calibration_miss {
    double fnmr, score; /* share of genuine comparisons below score */
} fmi_calibration_miss;

typedef struct fmi_calibration {
    int64_t impostor_comparisons;
    int64_t people, genuine_comparisons; /* 0: not told */
    size_t count;                        /* 0: no calibration; else >= 2 */
    fmi_calibration_point *points;       /* fmr strictly falling, score strictly rising */
    fmi_calibration_tail tail;
    size_t genuine_count;          /* 0: not told; else >= 2 */
    fmi_calibration_miss *genuine; /* both strictly rising */
} fmi_calibration;

/* The picture that a network takes. */
typedef struct fmi_input {
    int32_t width, height; /* 1..4096 */
    bool bgr;
    float mean[3], std[3];
} fmi_input;

/* How a face lies in it. */
typedef struct fmi_alignment {
    double points[10]; /* x, y of each FM_POINT_*, in input pixels */
    bool replicate;
    bool present; /* always for an embedder */
} fmi_alignment;

enum { FMI_MEMBERS_MAX = 8, FMI_LIVENESS_NETS_MAX = 8, FMI_LIVENESS_CLASSES_MAX = 64 };

/* One network of an embedder. */
typedef struct fmi_member {
    char part[64]; /* of the archive; "": its own network */
    int32_t dim;
    bool flip; /* its output is averaged with that of the mirrored face */
    /* Length of its share of the embedding. 0: the output as it is, of the only member. */
    double weight;
    fmi_input input;
    fmi_alignment alignment;
} fmi_member;

/* One network of a liveness model. */
typedef struct fmi_liveness_net {
    char part[64]; /* of the archive; "": its own network */
    double scale;  /* of the face's box: what the crop takes in */
    fmi_input input;
} fmi_liveness_net;

/* What a liveness score means: measured with so many attacks and live faces. */
typedef struct fmi_pad_point {
    double score;
    double apcer; /* share of attacks with at least this score */
    double bpcer; /* share of live faces below it */
} fmi_pad_point;

typedef struct fmi_pad_calibration {
    int64_t attacks, live;
    size_t count;          /* 0: no calibration; else >= 2 */
    fmi_pad_point *points; /* score strictly rising, apcer not rising, bpcer not falling */
} fmi_pad_calibration;

typedef struct fmi_manifest {
    fm_model_kind kind;
    fm_model_family family;
    char *name, *source, *license, *training_data,
        *calibration_dataset; /* never NULL once parsed */
    /* Of an embedder: the crop that callers are given and may give. Its members' own may differ. */
    fmi_input input;
    fmi_alignment alignment;
    struct {
        int32_t dim; /* 1..65536: the sum of the members' */
        bool normalize;
        size_t count; /* of members; 1 unless the archive is a bundle */
        fmi_member *members;
    } embedding;
    fm_metric metric;
    float *metric_weights; /* float32[dim], for chi-squared and siamese */
    float metric_bias;     /* siamese */
    fmi_calibration calibration;
    struct {
        double thresholds[3], nms[3], factor;
        int32_t cell, stride;
        bool second_look; /* measure the points of found faces again */
    } detector;
    struct {
        int32_t classes, live; /* outputs of a network, and which of them means "live" */
        bool logits;           /* outputs still have to become probabilities */
        size_t count;
        fmi_liveness_net *nets;
    } liveness;
    fmi_pad_calibration pad;
    struct {
        bool channels_last, channels_last_bfloat16;
        int32_t batch; /* inputs at once that are fastest per input, 1..1024 */
    } runtime;
} fmi_manifest;

/* FM_E_CORRUPT (not JSON, a field missing, of the wrong type or impossible: the field is named),
 * FM_E_VERSION (newer format), FM_E_UNSUPPORTED (unknown kind, family or metric). */
fm_status fmi_manifest_parse(fmi_manifest *out, const char *text, size_t length, fm_error *err);
void fmi_manifest_dispose(fmi_manifest *manifest);

/* The text of a facematch.json that reads back as the same. *out by fmi_alloc, NUL-terminated, of
 * *size bytes without the NUL. */
fm_status fmi_manifest_write(const fmi_manifest *manifest, char **out, size_t *size, fm_error *err);

/* The scale on which a calibration's lines and its tail are: log-odds of a siamese score, which is
 * a probability, and any other as it is. Odds that no score has count as the nearest that one has.
 */
double fmi_calibration_scale(fm_metric metric, double score);
/* The lowest score that is at least there, and for odds above all scores', one above 1. */
float fmi_calibration_unscale(fm_metric metric, double value);

/* As facematch.json spells it; NULL for a value that is none. */
const char *fmi_manifest_metric_name(fm_metric metric);

/* The bytes of the manifest that enter the model id; docs/models.md has the form. *out by
 * fmi_alloc. */
fm_status fmi_manifest_canonical(char **out, const char *text, size_t length, fm_error *err);

#endif
