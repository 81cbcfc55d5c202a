/* Photographs that are enrolled already, so that an enrolment can be repeated, or gone on with. */
#ifndef TOOL_AGAIN_H
#define TOOL_AGAIN_H

#include <sys/types.h>

#include "context.h"

/* What is known of the id whose photographs are at hand. Zero where another one begins. */
typedef struct again {
    bool asked, known; /* known: it had templates before its first photograph here */
    size_t count;
    off_t sizes[FM_LIMIT_TEMPLATES]; /* of the files that again_enrolled was told of */
} again;

/* Whether the photograph is among the id's templates. It is embedded only where it can be: the id
 * was known before, or a file of its size was enrolled since. gallery: NULL where it is not made
 * yet. A photograph without a face is not there: its enrolment tells why. */
fm_status again_look(again *a, const context *ctx, fm_gallery *gallery, const char *id,
                     const char *path, const fm_image *image, bool *there, fm_error *err);

/* Whether --name or --metadata are others than the id has. Only with a photograph can they be
 * changed, so that is then stored, there already or not. */
fm_status again_changes(fm_gallery *gallery, const char *id, const options *opts, bool *changes,
                        fm_error *err);

/* A photograph of the id was stored. */
void again_enrolled(again *a, const char *path);

#endif
