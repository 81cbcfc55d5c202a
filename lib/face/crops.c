/* One crop of a face for each member of the embedder: each was trained on pictures of its own. */
#include "core/error.h"
#include "face/session.h"
#include "image/image.h"
#include <string.h>

void fmi_crops_free(fmi_crops *crops)
{
    for (size_t i = 0; i < FMI_MEMBERS_MAX; i++)
        fmi_image_free(crops->of[i]);
    memset(crops, 0, sizeof *crops);
}

static fm_status hand_over(fmi_crops *own, fm_status status, fmi_crops *out)
{
    if (status == FM_OK)
        *out = *own;
    else
        fmi_crops_free(own);
    return status;
}

fm_status fmi_crops_of_face(const fmi_manifest *manifest, const fm_image *image,
                            const fm_face *face, fmi_crops *out, fm_error *err)
{
    fmi_crops own = {{NULL}};
    fm_status status = FM_OK;
    for (size_t i = 0; i < manifest->embedding.count && status == FM_OK; i++) {
        const fmi_member *member = &manifest->embedding.members[i];
        status = fmi_align_to(image, face, member->alignment.points, member->input.width,
                              member->input.height, member->alignment.replicate, &own.of[i], err);
    }
    return hand_over(&own, status, out);
}

static bool same_template(const fmi_manifest *manifest, const fmi_member *member)
{
    return manifest->input.width == member->input.width &&
           manifest->input.height == member->input.height &&
           !memcmp(manifest->alignment.points, member->alignment.points,
                   sizeof member->alignment.points);
}

/* A crop shows what its template takes in: a member whose own takes in more sees its border. */
fm_status fmi_crops_of_crop(const fmi_manifest *manifest, const fm_image *image, fmi_crops *out,
                            fm_error *err)
{
    fmi_crops own = {{NULL}};
    fm_status status = FM_OK;
    for (size_t i = 0; i < manifest->embedding.count && status == FM_OK; i++) {
        const fmi_member *member = &manifest->embedding.members[i];
        if (same_template(manifest, member))
            status =
                fmi_image_resize(&own.of[i], image, member->input.width, member->input.height, err);
        else
            status = fmi_align_again(image, &manifest->input, &manifest->alignment, &member->input,
                                     &member->alignment, &own.of[i], err);
    }
    return hand_over(&own, status, out);
}

void fmi_crop_to_planes(const fmi_input *input, const fm_image *crop, float *planes)
{
    fmi_planes to;
    memset(&to, 0, sizeof to);
    to.out = planes;
    to.plane_stride = (size_t)input->width * (size_t)input->height;
    to.row_stride = (size_t)input->width;
    memcpy(to.mean, input->mean, sizeof to.mean);
    memcpy(to.std, input->std, sizeof to.std);
    to.bgr = input->bgr;
    fmi_image_to_planes(crop, &to);
}

void fmi_planes_mirror(const fmi_input *input, float *planes, size_t n)
{
    size_t width = (size_t)input->width;
    float *end = planes + n * 3 * width * (size_t)input->height;
    for (float *row = planes; row < end; row += width) {
        for (size_t i = 0; i < width / 2; i++) {
            float kept = row[i];
            row[i] = row[width - 1 - i];
            row[width - 1 - i] = kept;
        }
    }
}
