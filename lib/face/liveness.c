/* Frames to scores: for each network the crop it was trained on, one forward pass, and the mean. */
#include "face/liveness.h"
#include "core/error.h"
#include "core/memory.h"
#include "image/image.h"
#include <math.h>
#include <string.h>

enum { GROUP = 16 }; /* faces run together */

/* One side of a crop, [from, to) in whole pixels, cut off as the networks' training did it: `size`
 * about the middle of the face, moved into the frame. */
static void place_side(double from, double length, double size, int32_t frame, int32_t *first,
                       int32_t *end)
{
    double middle = length / 2 + from, begin = middle - size / 2, until = middle + size / 2;
    if (begin < 0) {
        until -= begin;
        begin = 0;
    }
    if (until > frame) {
        begin = fmax(begin - (until - frame), 0);
        until = frame;
    }
    /* of a face, or a frame, of less than a pixel, that pixel */
    *first = (int32_t)fmin(begin, frame - 1);
    *end = (int32_t)fmax(until, *first + 1);
}

/* A face's box scaled about its centre, and shrunk to what the frame allows. Returns the share of
 * the scale that was left. */
static double place_crop(const fm_image *image, const fm_face *face, double wanted, int32_t box[4])
{
    double most_x = (image->width - 1) / (double)face->width;
    double most_y = (image->height - 1) / (double)face->height;
    double scale = fmin(wanted, fmin(most_x, most_y));
    place_side(face->x, face->width, face->width * scale, image->width, &box[0], &box[2]);
    place_side(face->y, face->height, face->height * scale, image->height, &box[1], &box[3]);
    return scale / wanted;
}

/* One network at work. */
typedef struct runner {
    const fm_session *session;
    const fmi_liveness_net *net;
    fmi_part *part;
    size_t values;  /* of one crop's planes */
    size_t classes; /* of one output */
    float *planes;  /* [GROUP][values] */
    float *outputs; /* [GROUP][classes] */
} runner;

static void close_runner(runner *r)
{
    if (r->planes)
        fmi_free_wiped(r->planes, GROUP * r->values * sizeof(float));
    fmi_free(r->outputs);
}

static fm_status open_runner(runner *r, const fm_session *session, size_t number, fm_error *err)
{
    const fmi_manifest *manifest = &session->liveness->manifest;
    const fmi_input *input = &manifest->liveness.nets[number].input;
    memset(r, 0, sizeof *r);
    r->session = session;
    r->net = &manifest->liveness.nets[number];
    r->part = session->liveness_parts[number];
    r->values = 3 * (size_t)input->width * (size_t)input->height;
    r->classes = (size_t)manifest->liveness.classes;
    r->planes = fmi_alloc_array(GROUP * r->values, sizeof(float));
    r->outputs = fmi_alloc_array(GROUP * r->classes, sizeof(float));
    if (r->planes && r->outputs)
        return FM_OK;
    close_runner(r);
    return fmi_fail_memory(err);
}

double fmi_liveness_crop_share(const fmi_manifest *manifest, const fm_image *image,
                               const fm_face *face)
{
    double share = 1;
    int32_t box[4];
    for (size_t i = 0; i < manifest->liveness.count; i++)
        share = fmin(share, place_crop(image, face, manifest->liveness.nets[i].scale, box));
    return share;
}

static fm_status cut_crop(const runner *r, const fm_image *image, const fm_face *face, float *out,
                          fm_error *err)
{
    const fmi_input *input = &r->net->input;
    fmi_planes to = {.out = out,
                     .plane_stride = r->values / 3,
                     .row_stride = (size_t)input->width,
                     .bgr = input->bgr};
    int32_t box[4];
    memcpy(to.mean, input->mean, sizeof to.mean);
    memcpy(to.std, input->std, sizeof to.std);
    (void)place_crop(image, face, r->net->scale, box);
    return fmi_image_stretch_planes(image, box, input->width, input->height, &to, err);
}

static fm_status crop_of(const fmi_liveness_net *net, const fm_image *image, const fm_face *face,
                         fm_image **out, fm_error *err)
{
    const fmi_input *input = &net->input;
    size_t values = (size_t)input->width * (size_t)input->height;
    fmi_planes to = {.out = fmi_alloc_array(3 * values, sizeof(float)),
                     .plane_stride = values,
                     .row_stride = (size_t)input->width,
                     .std = {1, 1, 1}};
    int32_t box[4];
    fm_status status =
        to.out ? fmi_image_new(out, input->width, input->height, err) : fmi_fail_memory(err);
    (void)place_crop(image, face, net->scale, box);
    if (status == FM_OK)
        status = fmi_image_stretch_planes(image, box, input->width, input->height, &to, err);
    for (size_t i = 0; i < 3 * values && status == FM_OK; i++) {
        size_t at = i % values, row = at / to.row_stride, column = at % to.row_stride;
        (*out)->owned[row * (*out)->stride + 3 * column + i / values] = (uint8_t)to.out[i];
    }
    if (to.out)
        fmi_free_wiped(to.out, 3 * values * sizeof(float));
    return status;
}

_Static_assert(FMI_LIVENESS_NETS_MAX <= FMI_MEMBERS_MAX, "room for a crop of each");

fm_status fmi_liveness_crops(const fmi_manifest *manifest, const fm_image *image,
                             const fm_face *face, fmi_crops *out, fm_error *err)
{
    fmi_crops own = {{NULL}};
    fm_status status = FM_OK;
    for (size_t i = 0; i < manifest->liveness.count && status == FM_OK; i++)
        status = crop_of(&manifest->liveness.nets[i], image, face, &own.of[i], err);
    if (status == FM_OK)
        *out = own;
    else
        fmi_crops_free(&own);
    return status;
}

/* One logit alone is that of a sigmoid. */
double fmi_liveness_probability(const fmi_manifest *manifest, const float *output)
{
    int32_t n = manifest->liveness.classes, live = manifest->liveness.live;
    double sum = n == 1 ? exp(-(double)output[0]) : 0;
    if (!manifest->liveness.logits)
        return output[live];
    for (int32_t i = 0; i < n; i++)
        sum += i == live ? 1 : exp((double)output[i] - (double)output[live]);
    return 1 / sum;
}

static fm_status add_scores(const runner *r, size_t n, float *out, fm_error *err)
{
    const fmi_manifest *manifest = &r->session->liveness->manifest;
    for (size_t i = 0; i < n; i++) {
        double p = fmi_liveness_probability(manifest, r->outputs + i * r->classes);
        if (!(p >= 0 && p <= 1))
            return fmi_fail(err, FM_E_BACKEND, "network \"%s\" says %g, not 0 to 1", r->net->part,
                            p);
        out[i] += (float)(p / (double)manifest->liveness.count);
    }
    return FM_OK;
}

static fm_status run_group(const runner *r, const fm_image *const *images, const fm_face *faces,
                           size_t n, float *out, fm_error *err)
{
    const int64_t shape[3] = {3, r->net->input.height, r->net->input.width};
    fm_status status = FM_OK;
    for (size_t i = 0; i < n && status == FM_OK; i++)
        status = cut_crop(r, images[i], &faces[i], r->planes + i * r->values, err);
    if (status == FM_OK)
        status = fmi_model_run_items(r->session->liveness, r->part, r->session->options.threads,
                                     r->planes, n, shape, r->outputs, r->classes, err);
    return status == FM_OK ? add_scores(r, n, out, err) : status;
}

static fm_status run_net(const fm_session *session, size_t number, const fm_image *const *images,
                         const fm_face *faces, size_t n, float *out, fm_error *err)
{
    runner r;
    fm_status status = open_runner(&r, session, number, err);
    if (status != FM_OK)
        return status;
    for (size_t i = 0; i < n && status == FM_OK; i += GROUP)
        status = run_group(&r, images + i, faces + i, n - i < GROUP ? n - i : GROUP, out + i, err);
    close_runner(&r);
    return status;
}

fm_status fmi_liveness_scores(fm_session *session, const fm_image *const *images,
                              const fm_face *faces, size_t n, float *out, fm_error *err)
{
    fm_status status = FM_OK;
    for (size_t i = 0; i < n; i++)
        out[i] = 0;
    for (size_t k = 0; k < session->liveness->manifest.liveness.count && status == FM_OK; k++)
        status = run_net(session, k, images, faces, n, out, err);
    for (size_t i = 0; i < n; i++)
        out[i] = fminf(out[i], 1); /* a sum of rounded shares */
    return status;
}
