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

fm_status fmi_crops_of_face(const fm_session *session, const fm_image *image, const fm_face *face,
                            fmi_crops *out, fm_error *err)
{
    const fmi_manifest *manifest = &session->embedder->manifest;
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
fm_status fmi_crops_of_crop(const fm_session *session, const fm_image *image, fmi_crops *out,
                            fm_error *err)
{
    const fmi_manifest *manifest = &session->embedder->manifest;
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
