/* facematch.json from what was read of one: the fields of docs/models.md that the library knows. */
#include "backend/calibration.h"
#include "backend/manifest_words.h"
#include "core/error.h"
#include "core/memory.h"
#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 15 }; /* a number that was written with as many is written like that again */

/* A whole number looks like one. NULL for what is not finite, as for what there is no memory for:
 * neither is in a manifest. */
static json_t *real(double value)
{
    if (value == floor(value) && fabs(value) < 1e15)
        return json_integer((json_int_t)value);
    return json_real(value);
}

/* By the fewest digits that tell it from its neighbours: 0.1, not 0.100000001490116. */
static json_t *single(float value)
{
    char text[32];
    double shortest = (double)value;
    for (int digits = 6; digits <= FLT_DECIMAL_DIG; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        shortest = strtod(text, NULL);
        if ((float)shortest == value)
            break;
    }
    return real(shortest);
}

static json_t *reals(const double *values, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(list, real(values[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *singles(const float *values, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(list, single(values[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *input_json(const fmi_input *input)
{
    return json_pack("{s:i,s:i,s:s,s:o,s:o}", "width", (int)input->width, "height",
                     (int)input->height, "order", fmi_word_of(fmi_words_order, input->bgr), "mean",
                     singles(input->mean, 3), "std", singles(input->std, 3));
}

static json_t *alignment_json(const fmi_alignment *alignment)
{
    json_t *points = json_array();
    for (size_t i = 0; i < 5; i++)
        if (json_array_append_new(points, reals(alignment->points + 2 * i, 2)) != 0) {
            json_decref(points);
            points = NULL;
        }
    return json_pack("{s:o,s:s}", "points", points, "border",
                     fmi_word_of(fmi_words_border, alignment->replicate));
}

static json_t *member_json(const fmi_member *member)
{
    return json_pack("{s:s,s:i,s:o,s:b,s:o,s:o}", "part", member->part, "dim", (int)member->dim,
                     "weight", real(member->weight), "flip", member->flip, "input",
                     input_json(&member->input), "alignment", alignment_json(&member->alignment));
}

static json_t *members_json(const fmi_manifest *m)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->embedding.count; i++)
        if (json_array_append_new(list, member_json(&m->embedding.members[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *embedding_json(const fmi_manifest *m)
{
    const fmi_member *first = m->embedding.members;
    if (first->part[0] == '\0')
        return json_pack("{s:i,s:b,s:b}", "dim", (int)m->embedding.dim, "normalize",
                         m->embedding.normalize, "flip", first->flip);
    return json_pack("{s:i,s:b,s:o}", "dim", (int)m->embedding.dim, "normalize",
                     m->embedding.normalize, "members", members_json(m));
}

static json_t *weights_json(const fmi_manifest *m)
{
    json_t *object =
        json_pack("{s:o}", "weights", singles(m->metric_weights, (size_t)m->embedding.dim));
    if (m->metric == FM_METRIC_SIAMESE &&
        json_object_set_new(object, "bias", single(m->metric_bias)) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *detector_json(const fmi_manifest *m)
{
    return json_pack("{s:s,s:o,s:o,s:o,s:i,s:i,s:b}", "type", "mtcnn", "thresholds",
                     reals(m->detector.thresholds, 3), "nms", reals(m->detector.nms, 3), "factor",
                     real(m->detector.factor), "cell", (int)m->detector.cell, "stride",
                     (int)m->detector.stride, "second_look", m->detector.second_look);
}

/* An archive's own network has no name. */
static json_t *net_json(const fmi_liveness_net *net)
{
    return json_pack("{s:s*,s:o,s:o}", "part", net->part[0] ? net->part : NULL, "scale",
                     real(net->scale), "input", input_json(&net->input));
}

static json_t *liveness_json(const fmi_manifest *m)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->liveness.count; i++)
        if (json_array_append_new(list, net_json(&m->liveness.nets[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return json_pack("{s:i,s:i,s:s,s:o}", "classes", (int)m->liveness.classes, "live",
                     (int)m->liveness.live, "output",
                     m->liveness.logits ? "logits" : "probabilities", "nets", list);
}

static json_t *runtime_json(const fmi_manifest *m)
{
    return json_pack(
        "{s:s,s:s,s:i}", "memory_format", fmi_word_of(fmi_words_layout, m->runtime.channels_last),
        "memory_format_bfloat16", fmi_word_of(fmi_words_layout, m->runtime.channels_last_bfloat16),
        "batch", (int)m->runtime.batch);
}

static json_t *points_json(const fmi_calibration *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->count; i++) {
        const fmi_calibration_point *p = &c->points[i];
        bool interval = p->low != 0 || p->high != 0;
        json_t *entry = json_pack("{s:o,s:o}", "fmr", real(p->fmr), "score", real(p->score));
        if (interval && (json_object_set_new(entry, "low", real(p->low)) != 0 ||
                         json_object_set_new(entry, "high", real(p->high)) != 0)) {
            json_decref(entry);
            entry = NULL;
        }
        if (json_array_append_new(list, entry) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *misses_json(const fmi_calibration *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->genuine_count; i++)
        if (json_array_append_new(list, json_pack("{s:o,s:o}", "fnmr", real(c->genuine[i].fnmr),
                                                  "score", real(c->genuine[i].score))) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *tail_json(const fmi_calibration_tail *t, fm_metric metric)
{
    return json_pack("{s:s*,s:o,s:o,s:I,s:o,s:o,s:o}", "of",
                     metric == FM_METRIC_SIAMESE ? FMI_TAIL_OF_LOG_ODDS : NULL, "score",
                     real(t->score), "fmr", real(t->fmr), "exceedances", (json_int_t)t->exceedances,
                     "shape", real(t->shape), "scale", real(t->scale), "covariance",
                     reals(t->covariance, 6));
}

static json_t *pad_points_json(const fmi_pad_calibration *pad)
{
    json_t *list = json_array();
    for (size_t i = 0; i < pad->count; i++) {
        const fmi_pad_point *p = &pad->points[i];
        if (json_array_append_new(list, json_pack("{s:o,s:o,s:o}", "score", real(p->score), "apcer",
                                                  real(p->apcer), "bpcer", real(p->bpcer))) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *pad_json(const fmi_manifest *m)
{
    return json_pack("{s:s,s:I,s:I,s:o}", "dataset", m->calibration_dataset, "attacks",
                     (json_int_t)m->pad.attacks, "live", (json_int_t)m->pad.live, "points",
                     pad_points_json(&m->pad));
}

/* Without what was not told. */
static json_t *calibration_json(const fmi_manifest *m)
{
    const fmi_calibration *c = &m->calibration;
    json_t *object =
        json_pack("{s:s,s:I,s:o}", "dataset", m->calibration_dataset, "impostor_comparisons",
                  (json_int_t)c->impostor_comparisons, "points", points_json(c));
    bool bad = !object;
    if (c->people > 0)
        bad |= json_object_set_new(object, "people", json_integer((json_int_t)c->people)) != 0;
    if (c->genuine_comparisons > 0)
        bad |= json_object_set_new(object, "genuine_comparisons",
                                   json_integer((json_int_t)c->genuine_comparisons)) != 0;
    if (c->tail.present)
        bad |= json_object_set_new(object, "tail", tail_json(&c->tail, m->metric)) != 0;
    if (c->genuine_count > 0)
        bad |= json_object_set_new(object, "genuine", misses_json(c)) != 0;
    if (!bad)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *manifest_json(const fmi_manifest *m)
{
    json_t *root =
        json_pack("{s:i,s:s,s:s,s:s,s:s,s:s,s:o,s:o}", "format", FMI_MANIFEST_FORMAT, "name",
                  m->name, "kind", fmi_word_of(fmi_words_kind, m->kind), "source", m->source,
                  "license", m->license, "training_data", m->training_data, "input",
                  input_json(&m->input), "runtime", runtime_json(m));
    bool bad = !root;
    if (m->alignment.present)
        bad |= json_object_set_new(root, "alignment", alignment_json(&m->alignment)) != 0;
    if (m->kind == FM_MODEL_EMBEDDER) {
        const char *family = fmi_word_of(fmi_words_family, m->family);
        bad |= json_object_set_new(root, "family", json_string(family)) != 0;
        bad |= json_object_set_new(root, "embedding", embedding_json(m)) != 0;
        bad |= json_object_set_new(root, "metric",
                                   json_string(fmi_manifest_metric_name(m->metric))) != 0;
    }
    if (m->kind == FM_MODEL_EMBEDDER && m->metric_weights)
        bad |= json_object_set_new(root, "metric_weights", weights_json(m)) != 0;
    if (m->kind == FM_MODEL_DETECTOR)
        bad |= json_object_set_new(root, "detector", detector_json(m)) != 0;
    if (m->kind == FM_MODEL_LIVENESS)
        bad |= json_object_set_new(root, "liveness", liveness_json(m)) != 0;
    if (m->pad.count > 0)
        bad |= json_object_set_new(root, "calibration", pad_json(m)) != 0;
    if (m->calibration.count > 0)
        bad |= json_object_set_new(root, "calibration", calibration_json(m)) != 0;
    if (!bad)
        return root;
    json_decref(root);
    return NULL;
}

fm_status fmi_manifest_write(const fmi_manifest *manifest, char **out, size_t *size, fm_error *err)
{
    json_t *root = manifest_json(manifest);
    fm_status status =
        root ? fmi_fields_dump(root, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS), out, size, err)
             : fmi_fail_memory(err);
    json_decref(root);
    return status;
}
