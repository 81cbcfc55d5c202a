/* What only the manifest of a liveness model has. */
#include "backend/fields.h"
#include "backend/sections.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>

enum { POINTS_MAX = 65536 };

static const double SCALE_MAX = 100;

static const fmi_word outputs[] = {{"probabilities", 0}, {"logits", 1}, {NULL, 0}};

/* What a net leaves out is as for the whole. An archive's own network has no name. */
static fm_status read_net(fmi_liveness_net *out, const fmi_manifest *m, const json_t *entry,
                          fm_error *err)
{
    fm_status status = fmi_field_number(entry, "scale", 1, SCALE_MAX, &out->scale, err);
    if (status == FM_OK && (m->liveness.count > 1 || fmi_field_present(entry, "part")))
        status = fmi_manifest_read_part(out->part, entry, err);
    out->input = m->input;
    if (status == FM_OK && fmi_field_present(entry, "input"))
        status = fmi_manifest_read_input(&out->input, entry, err);
    return status;
}

static fm_status read_nets(fmi_manifest *m, const json_t *section, fm_error *err)
{
    const json_t *list;
    size_t n;
    fm_status status =
        fmi_field_array(section, "liveness.nets", 1, FMI_LIVENESS_NETS_MAX, &list, err);
    if (status != FM_OK)
        return status;
    n = json_array_size(list);
    m->liveness.nets = fmi_calloc(n, sizeof *m->liveness.nets);
    if (!m->liveness.nets)
        return fmi_fail_memory(err);
    m->liveness.count = n;
    for (size_t i = 0; i < n && status == FM_OK; i++) {
        status = read_net(&m->liveness.nets[i], m, json_array_get(list, i), err);
        if (status != FM_OK)
            status = fmi_fail_context(err, status, "liveness.nets, entry %zu", i + 1);
    }
    return status;
}

fm_status fmi_manifest_read_liveness(fmi_manifest *m, const json_t *root, fm_error *err)
{
    const json_t *section;
    int64_t classes = 0, live = 0;
    int32_t logits = 0;
    fm_status status = fmi_field_object(root, "liveness", &section, err);
    if (status == FM_OK)
        status = fmi_field_whole(section, "liveness.classes", 1, FMI_LIVENESS_CLASSES_MAX, &classes,
                                 err);
    if (status == FM_OK)
        status = fmi_field_whole(section, "liveness.live", 0, classes - 1, &live, err);
    if (status == FM_OK)
        status =
            fmi_field_word(section, "liveness.output", outputs, FM_E_UNSUPPORTED, &logits, err);
    if (status != FM_OK)
        return status;
    m->liveness.classes = (int32_t)classes;
    m->liveness.live = (int32_t)live;
    m->liveness.logits = logits != 0;
    return read_nets(m, section, err);
}

/* --- calibration --- */

static fm_status read_point(fmi_pad_point *points, size_t i, const json_t *list, fm_error *err)
{
    const json_t *entry = json_array_get(list, i);
    fmi_pad_point *p = &points[i];
    fm_status status = fmi_field_number(entry, "score", 0, 1, &p->score, err);
    if (status == FM_OK)
        status = fmi_field_number(entry, "apcer", 0, 1, &p->apcer, err);
    if (status == FM_OK)
        status = fmi_field_number(entry, "bpcer", 0, 1, &p->bpcer, err);
    if (status == FM_OK && i > 0 &&
        !(p->score > p[-1].score && p->apcer <= p[-1].apcer && p->bpcer >= p[-1].bpcer))
        status = fmi_fail(err, FM_E_CORRUPT,
                          "facematch.json: score and bpcer must rise, and apcer fall, from one "
                          "entry to the next");
    return status == FM_OK ? FM_OK
                           : fmi_fail_context(err, status, "calibration.points, entry %zu", i + 1);
}

static fm_status read_points(fmi_pad_calibration *out, const json_t *section, fm_error *err)
{
    const json_t *list;
    size_t n;
    fm_status status = fmi_field_array(section, "calibration.points", 2, POINTS_MAX, &list, err);
    if (status != FM_OK)
        return status;
    n = json_array_size(list);
    out->points = fmi_alloc_array(n, sizeof *out->points);
    if (!out->points)
        return fmi_fail_memory(err);
    for (size_t i = 0; i < n && status == FM_OK; i++)
        status = read_point(out->points, i, list, err);
    out->count = n;
    return status;
}

fm_status fmi_manifest_read_pad(fmi_pad_calibration *out, const json_t *section, fm_error *err)
{
    fm_status status =
        fmi_field_whole(section, "calibration.attacks", 1, INT64_MAX, &out->attacks, err);
    if (status == FM_OK)
        status = fmi_field_whole(section, "calibration.live", 1, INT64_MAX, &out->live, err);
    return status == FM_OK ? read_points(out, section, err) : status;
}
