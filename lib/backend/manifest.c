#include "backend/manifest.h"
#include "backend/calibration.h"
#include "backend/fields.h"
#include "backend/manifest_words.h"
#include "backend/sections.h"
#include "core/error.h"
#include "core/memory.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum {
    SIDE_MAX = 4096,
    DIM_MAX = 65536,
    BATCH_MAX = 1024,
    BATCH_DEFAULT = 32,
    MTCNN_CELL = 12,
    MTCNN_STRIDE = 2
};

const fmi_word fmi_words_kind[] = {{"embedder", FM_MODEL_EMBEDDER},
                                   {"detector", FM_MODEL_DETECTOR},
                                   {"liveness", FM_MODEL_LIVENESS},
                                   {NULL, 0}};
const fmi_word fmi_words_family[] = {{"softmax", FM_FAMILY_SOFTMAX},
                                     {"triplet", FM_FAMILY_TRIPLET},
                                     {"bundle", FM_FAMILY_BUNDLE},
                                     {NULL, 0}};
const fmi_word fmi_words_metric[] = {{"cosine", FM_METRIC_COSINE},
                                     {"euclidean", FM_METRIC_EUCLIDEAN},
                                     {"squared_euclidean", FM_METRIC_SQEUCLIDEAN},
                                     {"inner_product", FM_METRIC_INNER_PRODUCT},
                                     {"weighted_chi_squared", FM_METRIC_CHI_SQUARED},
                                     {"siamese", FM_METRIC_SIAMESE},
                                     {NULL, 0}};
const fmi_word fmi_words_order[] = {{"RGB", 0}, {"BGR", 1}, {NULL, 0}};
const fmi_word fmi_words_border[] = {{"zero", 0}, {"replicate", 1}, {NULL, 0}};
const fmi_word fmi_words_layout[] = {{"contiguous", 0}, {"channels_last", 1}, {NULL, 0}};
static const fmi_word detectors[] = {{"mtcnn", 0}, {NULL, 0}};

const char *fmi_word_of(const fmi_word *words, int32_t value)
{
    while (words->word && words->value != value)
        words++;
    return words->word;
}

const char *fmi_manifest_metric_name(fm_metric metric)
{
    return fmi_word_of(fmi_words_metric, metric);
}

/* What a newer format means is unknown, so this comes before any other field. */
static fm_status read_format(const json_t *root, fm_error *err)
{
    int64_t format;
    fm_status status = fmi_field_whole(root, "format", 1, INT32_MAX, &format, err);
    if (status == FM_OK && format > FMI_MANIFEST_FORMAT)
        return fmi_fail(err, FM_E_VERSION,
                        "facematch.json: format is %d, this library reads up to %d", (int)format,
                        FMI_MANIFEST_FORMAT);
    return status;
}

static fm_status read_whole(const json_t *object, const char *path, int32_t min, int32_t max,
                            int32_t *out, fm_error *err)
{
    int64_t value = 0;
    fm_status status = fmi_field_whole(object, path, min, max, &value, err);
    if (status == FM_OK)
        *out = (int32_t)value;
    return status;
}

static fm_status read_floats(const json_t *object, const char *path, size_t n, double min,
                             double max, float *out, fm_error *err)
{
    double values[3];
    fm_status status = fmi_field_numbers(object, path, n, min, max, values, err);
    for (size_t i = 0; i < n && status == FM_OK; i++)
        out[i] = (float)values[i];
    return status;
}

static fm_status read_texts(fmi_manifest *m, const json_t *root, fm_error *err)
{
    fm_status status = fmi_field_optional_text(root, "name", &m->name, err);
    if (status == FM_OK)
        status = fmi_field_optional_text(root, "source", &m->source, err);
    if (status == FM_OK)
        status = fmi_field_optional_text(root, "license", &m->license, err);
    if (status == FM_OK)
        status = fmi_field_optional_text(root, "training_data", &m->training_data, err);
    return status;
}

static fm_status read_kind(fmi_manifest *m, const json_t *root, fm_error *err)
{
    fm_status status =
        fmi_field_word(root, "kind", fmi_words_kind, FM_E_UNSUPPORTED, &m->kind, err);
    if (status == FM_OK && m->kind == FM_MODEL_EMBEDDER)
        status =
            fmi_field_word(root, "family", fmi_words_family, FM_E_UNSUPPORTED, &m->family, err);
    return status;
}

fm_status fmi_manifest_read_input(fmi_input *out, const json_t *object, fm_error *err)
{
    const json_t *input;
    int32_t bgr = 0;
    fm_status status = fmi_field_object(object, "input", &input, err);
    if (status == FM_OK)
        status = read_whole(input, "input.width", 1, SIDE_MAX, &out->width, err);
    if (status == FM_OK)
        status = read_whole(input, "input.height", 1, SIDE_MAX, &out->height, err);
    if (status == FM_OK)
        status = fmi_field_word(input, "input.order", fmi_words_order, FM_E_CORRUPT, &bgr, err);
    if (status == FM_OK)
        status = read_floats(input, "input.mean", 3, -1e6, 1e6, out->mean, err);
    if (status == FM_OK) /* pixels are divided by it */
        status = read_floats(input, "input.std", 3, 1e-6, 1e6, out->std, err);
    out->bgr = bgr != 0;
    return status;
}

/* Points in one place leave no room for a face to be scaled to. */
static bool points_coincide(const double points[10])
{
    for (size_t i = 1; i < 5; i++)
        if (points[2 * i] != points[0] || points[2 * i + 1] != points[1])
            return false;
    return true;
}

static fm_status read_points(fmi_alignment *out, const json_t *alignment, fm_error *err)
{
    const json_t *list;
    fm_status status = fmi_field_array(alignment, "alignment.points", 5, 5, &list, err);
    for (size_t i = 0; i < 5 && status == FM_OK; i++) {
        const json_t *point = json_array_get(list, i);
        bool good = json_is_array(point) && json_array_size(point) == 2;
        for (size_t k = 0; k < 2 && good; k++) {
            double *value = &out->points[2 * i + k];
            const json_t *number = json_array_get(point, k);
            *value = json_is_number(number) ? json_number_value(number) : NAN;
            good = fabs(*value) <= 1e6;
        }
        if (!good)
            status = fmi_fail(err, FM_E_CORRUPT,
                              "facematch.json: alignment.points, entry %zu, must be a point "
                              "[x, y] with values from -1e6 to 1e6",
                              i + 1);
    }
    if (status == FM_OK && points_coincide(out->points))
        return fmi_fail(err, FM_E_CORRUPT, "facematch.json: alignment.points are all in one place");
    return status;
}

static fm_status read_alignment(fmi_alignment *out, const json_t *object, fm_error *err)
{
    const json_t *alignment;
    int32_t replicate = 0;
    fm_status status = fmi_field_object(object, "alignment", &alignment, err);
    if (status == FM_OK)
        status = read_points(out, alignment, err);
    if (status == FM_OK)
        status = fmi_field_word(alignment, "alignment.border", fmi_words_border, FM_E_CORRUPT,
                                &replicate, err);
    out->replicate = replicate != 0;
    out->present = status == FM_OK;
    return status;
}

static fm_status read_weights(fmi_manifest *m, const json_t *root, fm_error *err)
{
    static const char path[] = "metric_weights.weights";
    const json_t *section, *list;
    size_t n = (size_t)m->embedding.dim;
    double bias = 0;
    fm_status status = fmi_field_object(root, "metric_weights", &section, err);
    if (status == FM_OK)
        status = fmi_field_array(section, path, n, n, &list, err);
    if (status == FM_OK &&
        (m->metric == FM_METRIC_SIAMESE || fmi_field_present(section, "metric_weights.bias")))
        status = fmi_field_number(section, "metric_weights.bias", -FLT_MAX, FLT_MAX, &bias, err);
    if (status != FM_OK)
        return status;
    m->metric_bias = (float)bias;
    m->metric_weights = fmi_alloc_array(n, sizeof(float));
    if (!m->metric_weights)
        return fmi_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        const json_t *number = json_array_get(list, i);
        double value = json_is_number(number) ? json_number_value(number) : NAN;
        if (!(fabs(value) <= FLT_MAX))
            return fmi_fail(err, FM_E_CORRUPT,
                            "facematch.json: %s, entry %zu, must be a number that fits a float",
                            path, i + 1);
        m->metric_weights[i] = (float)value;
    }
    return FM_OK;
}

fm_status fmi_manifest_read_part(char out[64], const json_t *entry, fm_error *err)
{
    const char *part = "";
    fm_status status = fmi_field_text(entry, "part", &part, err);
    if (status == FM_OK && (*part == '\0' || strlen(part) >= 64))
        status = fmi_fail(err, FM_E_CORRUPT, "facematch.json: part must have 1 to 63 characters");
    if (status == FM_OK)
        memcpy(out, part, strlen(part) + 1);
    return status;
}

/* What a member leaves out is as for the whole. */
static fm_status read_member(fmi_member *out, const fmi_manifest *m, const json_t *entry,
                             fm_error *err)
{
    fm_status status = fmi_manifest_read_part(out->part, entry, err);
    if (status == FM_OK)
        status = read_whole(entry, "dim", 1, DIM_MAX, &out->dim, err);
    if (status == FM_OK) /* of a unit vector: more than this is a mistake */
        status = fmi_field_number(entry, "weight", 1e-6, 1e6, &out->weight, err);
    if (status == FM_OK && fmi_field_present(entry, "flip"))
        status = fmi_field_bool(entry, "flip", &out->flip, err);
    out->input = m->input;
    out->alignment = m->alignment;
    if (status == FM_OK && fmi_field_present(entry, "input"))
        status = fmi_manifest_read_input(&out->input, entry, err);
    if (status == FM_OK && fmi_field_present(entry, "alignment"))
        status = read_alignment(&out->alignment, entry, err);
    return status;
}

static fm_status make_members(fmi_manifest *m, size_t count, fm_error *err)
{
    m->embedding.members = fmi_calloc(count, sizeof *m->embedding.members);
    if (!m->embedding.members)
        return fmi_fail_memory(err);
    m->embedding.count = count;
    return FM_OK;
}

static fm_status read_members(fmi_manifest *m, const json_t *embedding, fm_error *err)
{
    const json_t *list;
    int64_t sum = 0;
    fm_status status =
        fmi_field_array(embedding, "embedding.members", 1, FMI_MEMBERS_MAX, &list, err);
    if (status == FM_OK)
        status = make_members(m, json_array_size(list), err);
    for (size_t i = 0; i < m->embedding.count && status == FM_OK; i++) {
        status = read_member(&m->embedding.members[i], m, json_array_get(list, i), err);
        sum += m->embedding.members[i].dim;
        if (status != FM_OK)
            status = fmi_fail_context(err, status, "embedding.members, entry %zu", i + 1);
    }
    if (status == FM_OK && sum != m->embedding.dim)
        return fmi_fail(err, FM_E_CORRUPT,
                        "facematch.json: embedding.dim is %d, but its members have %lld",
                        (int)m->embedding.dim, (long long)sum);
    return status;
}

/* An archive with one network, which is its own. */
static fm_status only_member(fmi_manifest *m, const json_t *embedding, fm_error *err)
{
    fm_status status = make_members(m, 1, err);
    fmi_member *member = m->embedding.members;
    if (status != FM_OK)
        return status;
    member->dim = m->embedding.dim;
    member->input = m->input;
    member->alignment = m->alignment;
    return fmi_field_present(embedding, "embedding.flip")
               ? fmi_field_bool(embedding, "embedding.flip", &member->flip, err)
               : FM_OK;
}

static fm_status read_embedding(fmi_manifest *m, const json_t *root, fm_error *err)
{
    const json_t *embedding;
    fm_status status = fmi_field_object(root, "embedding", &embedding, err);
    if (status == FM_OK)
        status = read_whole(embedding, "embedding.dim", 1, DIM_MAX, &m->embedding.dim, err);
    if (status == FM_OK)
        status = fmi_field_bool(embedding, "embedding.normalize", &m->embedding.normalize, err);
    if (status == FM_OK)
        status = (fmi_field_present(embedding, "embedding.members") ? read_members : only_member)(
            m, embedding, err);
    if (status == FM_OK)
        status =
            fmi_field_word(root, "metric", fmi_words_metric, FM_E_UNSUPPORTED, &m->metric, err);
    if (status == FM_OK && (m->metric == FM_METRIC_CHI_SQUARED || m->metric == FM_METRIC_SIAMESE))
        status = read_weights(m, root, err);
    return status;
}

/* The cascade's first network is fixed to one geometry: where its windows lie follows from it. */
static fm_status read_geometry(fmi_manifest *m, const json_t *section, fm_error *err)
{
    fm_status status = read_whole(section, "detector.cell", 1, SIDE_MAX, &m->detector.cell, err);
    if (status == FM_OK)
        status = read_whole(section, "detector.stride", 1, SIDE_MAX, &m->detector.stride, err);
    if (status == FM_OK && (m->detector.cell != MTCNN_CELL || m->detector.stride != MTCNN_STRIDE))
        return fmi_fail(err, FM_E_UNSUPPORTED,
                        "facematch.json: detector.cell %d with detector.stride %d: this library "
                        "knows %d with %d",
                        (int)m->detector.cell, (int)m->detector.stride, MTCNN_CELL, MTCNN_STRIDE);
    return status;
}

static fm_status read_detector(fmi_manifest *m, const json_t *root, fm_error *err)
{
    const json_t *section;
    int32_t type;
    fm_status status = fmi_field_object(root, "detector", &section, err);
    if (status == FM_OK)
        status = fmi_field_word(section, "detector.type", detectors, FM_E_UNSUPPORTED, &type, err);
    if (status == FM_OK)
        status =
            fmi_field_numbers(section, "detector.thresholds", 3, 0, 1, m->detector.thresholds, err);
    if (status == FM_OK)
        status = fmi_field_numbers(section, "detector.nms", 3, 0, 1, m->detector.nms, err);
    if (status == FM_OK) /* the number of scaled copies grows without bound towards 1 */
        status = fmi_field_number(section, "detector.factor", 0.1, 0.9, &m->detector.factor, err);
    if (status == FM_OK && fmi_field_present(section, "detector.second_look"))
        status = fmi_field_bool(section, "detector.second_look", &m->detector.second_look, err);
    return status == FM_OK ? read_geometry(m, section, err) : status;
}

static fm_status read_layout(const json_t *section, const char *path, bool *channels_last,
                             fm_error *err)
{
    int32_t value = 0;
    fm_status status;
    if (!fmi_field_present(section, path))
        return FM_OK;
    status = fmi_field_word(section, path, fmi_words_layout, FM_E_CORRUPT, &value, err);
    if (status == FM_OK)
        *channels_last = value != 0;
    return status;
}

static fm_status read_runtime(fmi_manifest *m, const json_t *root, fm_error *err)
{
    const json_t *section;
    fm_status status;
    m->runtime.batch = BATCH_DEFAULT;
    if (!fmi_field_present(root, "runtime"))
        return FM_OK;
    status = fmi_field_object(root, "runtime", &section, err);
    if (status == FM_OK)
        status = read_layout(section, "runtime.memory_format", &m->runtime.channels_last, err);
    m->runtime.channels_last_bfloat16 = m->runtime.channels_last;
    if (status == FM_OK)
        status = read_layout(section, "runtime.memory_format_bfloat16",
                             &m->runtime.channels_last_bfloat16, err);
    if (status == FM_OK && fmi_field_present(section, "runtime.batch"))
        status = read_whole(section, "runtime.batch", 1, BATCH_MAX, &m->runtime.batch, err);
    return status;
}

static fm_status read_all(fmi_manifest *m, const json_t *root, fm_error *err)
{
    fm_status status = read_format(root, err);
    if (status == FM_OK)
        status = read_kind(m, root, err);
    if (status == FM_OK)
        status = read_texts(m, root, err);
    if (status == FM_OK)
        status = fmi_manifest_read_input(&m->input, root, err);
    if (status == FM_OK && (m->kind == FM_MODEL_EMBEDDER || fmi_field_present(root, "alignment")))
        status = read_alignment(&m->alignment, root, err);
    if (status == FM_OK && m->kind == FM_MODEL_EMBEDDER)
        status = read_embedding(m, root, err);
    if (status == FM_OK && m->kind == FM_MODEL_DETECTOR)
        status = read_detector(m, root, err);
    if (status == FM_OK && m->kind == FM_MODEL_LIVENESS)
        status = fmi_manifest_read_liveness(m, root, err);
    if (status == FM_OK)
        status = fmi_manifest_read_calibration(m, root, err);
    if (status == FM_OK)
        status = read_runtime(m, root, err);
    return status;
}

fm_status fmi_manifest_parse(fmi_manifest *out, const char *text, size_t length, fm_error *err)
{
    fmi_manifest own;
    json_t *root = NULL;
    fm_status status = fmi_fields_open(&root, text, length, err);
    if (status != FM_OK)
        return status;
    memset(&own, 0, sizeof own);
    status = read_all(&own, root, err);
    json_decref(root);
    if (status != FM_OK) {
        fmi_manifest_dispose(&own);
        return status;
    }
    *out = own;
    return FM_OK;
}

void fmi_manifest_dispose(fmi_manifest *manifest)
{
    fmi_free(manifest->name);
    fmi_free(manifest->source);
    fmi_free(manifest->license);
    fmi_free(manifest->training_data);
    fmi_free(manifest->calibration_dataset);
    fmi_free(manifest->embedding.members);
    fmi_free(manifest->metric_weights);
    fmi_free(manifest->liveness.nets);
    fmi_free(manifest->pad.points);
    fmi_free(manifest->calibration.points);
    fmi_free(manifest->calibration.genuine);
    memset(manifest, 0, sizeof *manifest);
}
