/* Models: a TorchScript archive that says about itself all that is needed to use it.
 *
 * A model is an embedder (face in, vector out), a detector or a liveness net.
 * Which family it is of (softmax or triplet), what input it wants and how its
 * vectors are compared travels inside the file, as facematch.json; see
 * docs/models.md. A model is immutable after load: any number of threads and
 * sessions may share it.
 *
 * A model file is code that libtorch runs. Load only files you trust, or
 * restrict loading to ids you know (fm_model_options.allowed_ids).
 */
#ifndef FACEMATCH_MODEL_H
#define FACEMATCH_MODEL_H

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One loaded network and its manifest. Opaque; free with fm_model_free. */
typedef struct fm_model fm_model;

/** What a network is for. */
typedef int32_t fm_model_kind;
enum {
    FM_MODEL_EMBEDDER = 1, /**< face in, vector out */
    FM_MODEL_DETECTOR = 2, /**< photograph in, faces out */
    FM_MODEL_LIVENESS = 3  /**< face in, alive or a picture out */
};

/** How the network was trained. Nothing in this interface depends on it. */
typedef int32_t fm_model_family;
enum {
    FM_FAMILY_SOFTMAX = 1, /**< classifier with its last layer dropped: Taigman et al., CVPR 2014 */
    FM_FAMILY_TRIPLET = 2, /**< metric loss: Schroff et al., CVPR 2015 */
    FM_FAMILY_BUNDLE = 3   /**< several networks, whose outputs make one embedding */
};

/** How two embeddings a, b are compared. Scores grow with likeness: distances are negated. */
typedef int32_t fm_metric;
enum {
    FM_METRIC_COSINE = 1,        /**< a.b / (|a| |b|) */
    FM_METRIC_EUCLIDEAN = 2,     /**< -|a - b| */
    FM_METRIC_SQEUCLIDEAN = 3,   /**< -|a - b|^2 */
    FM_METRIC_INNER_PRODUCT = 4, /**< a.b */
    FM_METRIC_CHI_SQUARED = 5,   /**< -sum w_i (a_i-b_i)^2 / (a_i+b_i): Taigman et al. 2014, sec. 4.1 */
    FM_METRIC_SIAMESE = 6        /**< sigmoid(sum w_i |a_i-b_i| + b): Taigman et al. 2014, sec. 4.2 */
};

/** Options of fm_model_load. Zero means default everywhere. */
typedef struct fm_model_options {
    uint32_t struct_size;      /**< sizeof(fm_model_options), set by fm_model_options_init */
    uint32_t reserved;         /**< 0 */
    uint64_t max_bytes;        /**< of the file; default 2 GiB; UINT64_MAX switches it off */
    const char *manifest_json; /**< text of a facematch.json, for an archive that carries none;
                                    borrowed for the call */
    const char *const *allowed_ids; /**< hexadecimal model ids that may be loaded; NULL: any;
                                         borrowed for the call */
    size_t allowed_ids_count;       /**< of allowed_ids; 0 with NULL */
    /* --- 0.1 ends here, append below --- */
} fm_model_options;

/** Bytes of a model id as text: 64 hexadecimal digits and the NUL. */
#define FM_MODEL_ID_SIZE 65

/** What a model says about itself. Strings live as long as the model; "" when not stated. */
typedef struct fm_model_info {
    uint32_t struct_size; /**< sizeof(fm_model_info), set by the caller */
    fm_model_kind kind;         /**< what it is for */
    fm_model_family family;     /**< 0 for a detector */
    fm_metric metric;           /**< 0 unless an embedder */
    int32_t dim;                /**< floats of an embedding; 0 unless an embedder */
    int32_t input_width_px;     /**< of the aligned crop */
    int32_t input_height_px;    /**< of the aligned crop */
    int32_t normalized;         /**< 1 if embeddings have unit L2 norm */
    char id[FM_MODEL_ID_SIZE];  /**< equal ids: comparable embeddings. Computed, never believed */
    const char *name;           /**< such as "mobilefacenet" */
    const char *source;         /**< where the weights come from, for people */
    const char *license;        /**< as its publisher states it, for people */
    const char *training_data;  /**< what it was trained on, for people */
    const char *calibration_dataset;  /**< "" when the model has no calibration */
    int64_t calibration_comparisons;  /**< impostor comparisons behind it; 0 without */
    double calibration_min_fmr;       /**< lowest rate it can vouch for; 0 without */
    /* --- 0.1 ends here, append below --- */
} fm_model_info;

/** Fill options with defaults.
 *
 * @param[out] options      written up to struct_size bytes; NULL is a no-op.
 * @param      struct_size  sizeof(fm_model_options) of the caller.
 * Threads: any.   Cost: O(1).   Since: 0.1. */
FM_API void fm_model_options_init(fm_model_options *options, uint32_t struct_size);

/** Load a model file.
 *
 * @param[out] out      the model; untouched on failure. Free with fm_model_free.
 * @param[in]  path     of a TorchScript archive (.pt).
 * @param[in]  options  NULL for defaults.
 * @param[out] err      optional error detail; names the file.
 * @return FM_OK; FM_E_INVALID_ARGUMENT (NULL; a manifest given for an archive that has one);
 *   FM_E_NOT_FOUND; FM_E_IO; FM_E_CORRUPT (not an archive, truncated, a manifest with wrong or
 *   impossible fields, or none at all and none given); FM_E_VERSION (newer manifest format);
 *   FM_E_UNSUPPORTED (unknown kind or metric); FM_E_PERMISSION (id not allowed); FM_E_LIMIT;
 *   FM_E_BACKEND; FM_E_NO_MEMORY.
 * Threads: any.   Cost: reads and hashes the whole file.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_model_load(fm_model **out, const char *path,
                                            const fm_model_options *options, fm_error *err);

/** Load a model from memory; as fm_model_load.
 *
 * @param[out] out      the model; untouched on failure. Free with fm_model_free.
 * @param[in]  data     bytes of the archive; borrowed for the call.
 * @param      size     number of bytes.
 * @param[in]  options  NULL for defaults.
 * @param[out] err      optional error detail.
 * @return as fm_model_load, without FM_E_NOT_FOUND and FM_E_IO.
 * Threads: any.   Cost: hashes all of it.   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_model_load_memory(fm_model **out, const void *data, size_t size,
                                                   const fm_model_options *options, fm_error *err);

/** What the model says about itself.
 *
 * @param[in]     model  the model.
 * @param[in,out] info   struct_size set by the caller; the rest is written.
 * @param[out]    err    optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT.
 * Threads: immutable.   Cost: O(1).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_model_describe(const fm_model *model, fm_model_info *info,
                                                fm_error *err);

/** The score at which strangers match at a given rate.
 *
 * Between two points of the calibration the logarithm of the rate is interpolated.
 *
 * @param[in]  model      an embedder with a calibration.
 * @param      fmr        false match rate, calibration_min_fmr <= fmr < 1.
 * @param[out] threshold  scores of at least this much are a match; untouched on failure.
 * @param[out] err        optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_STATE (no calibration); FM_E_LIMIT (a rate lower
 *   than the calibration can vouch for).
 * Threads: immutable.   Cost: O(points of the calibration).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_model_threshold(const fm_model *model, double fmr,
                                                 float *threshold, fm_error *err);

/** The share of strangers that would score at least this high.
 *
 * @param[in]  model  an embedder with a calibration.
 * @param      score  a finite score of this model's metric.
 * @param[out] fmr    0 < fmr <= 1; never below calibration_min_fmr, which then reads "at most".
 * @param[out] err    optional error detail.
 * @return FM_OK; FM_E_INVALID_ARGUMENT; FM_E_STATE (no calibration).
 * Threads: immutable.   Cost: O(points of the calibration).   Since: 0.1. */
FM_API FM_NODISCARD fm_status fm_model_fmr(const fm_model *model, float score, double *fmr,
                                           fm_error *err);

/** Release a model. Sessions and galleries made from it stay valid.
 *
 * @param[in] model  NULL is a no-op.
 * Threads: any, once.   Cost: O(1).   Since: 0.1. */
FM_API void fm_model_free(fm_model *model);

#ifdef __cplusplus
}
#endif

#endif
