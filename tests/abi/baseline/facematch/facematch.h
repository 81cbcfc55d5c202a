/* libfacematch: is this the person they claim to be, and who of the people I know is this?
 *
 * A complete program:
 *
 *     #include <facematch/facematch.h>
 *     #include <stdio.h>
 *
 *     int main(void)
 *     {
 *         fm_error err = {sizeof err, 0, ""};
 *         fm_model *embedder = NULL, *detector = NULL;
 *         fm_session *session = NULL;
 *         fm_image *a = NULL, *b = NULL;
 *         fm_session_options options;
 *         fm_verification v = {.struct_size = sizeof v};
 *         int ok = 0;
 *
 *         fm_session_options_init(&options, sizeof options);
 *         if (fm_model_load(&embedder, "models/mobilefacenet.pt", NULL, &err) == FM_OK &&
 *             fm_model_load(&detector, "models/mtcnn.pt", NULL, &err) == FM_OK &&
 *             (options.detector = detector) &&
 *             fm_session_create(&session, embedder, &options, &err) == FM_OK &&
 *             fm_image_load_file(&a, "a.jpg", NULL, &err) == FM_OK &&
 *             fm_image_load_file(&b, "b.jpg", NULL, &err) == FM_OK)
 *             ok = fm_verify(session, a, b, NULL, &v, &err) == FM_OK;
 *         if (ok)
 *             printf("%s: score %.3f, false match rate %.1e\n", v.match ? "same person" : "strangers",
 *                    v.score, v.fmr);
 *         else
 *             fprintf(stderr, "%s\n", err.message);
 *         fm_image_free(b);
 *         fm_image_free(a);
 *         fm_session_free(session);
 *         fm_model_free(detector);
 *         fm_model_free(embedder);
 *         return ok ? !v.match : 2;
 *     }
 *
 * Conventions that hold for every function:
 *   - On failure outputs are untouched; the last parameter, which may be NULL, gets one line of text.
 *   - The creator of a handle hands it out first; free functions take NULL and never fail.
 *   - Handles hold references to those they were made from, so the order of freeing never matters.
 *   - Structs begin with struct_size and grow only at their end; an options pointer may be NULL.
 *   - No pointer returned by the library has to be freed, and none points into a buffer that a later
 *     call overwrites.
 */
#ifndef FACEMATCH_FACEMATCH_H
#define FACEMATCH_FACEMATCH_H

#include "compare.h"
#include "embed.h"
#include "evaluate.h"
#include "face.h"
#include "gallery.h"
#include "image.h"
#include "liveness.h"
#include "log.h"
#include "model.h"
#include "quality.h"
#include "session.h"
#include "status.h"
#include "train.h"
#include "transfer.h"
#include "version.h"

#endif
