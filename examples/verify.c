/* verify A B: are two photographs of one person? Exit status 0 yes, 1 no, 2 error. */
#include <facematch/facematch.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    const char *folder = getenv("FACEMATCH_MODELS") ? getenv("FACEMATCH_MODELS") : "models";
    char embedder_path[4096], detector_path[4096];
    fm_error err = {sizeof err, FM_OK, ""};
    fm_verification v = {.struct_size = sizeof v};
    fm_session_options options;
    fm_model *embedder = NULL, *detector = NULL;
    fm_session *session = NULL;
    fm_image *a = NULL, *b = NULL;
    int status = 2;

    if (argc != 3)
        return fprintf(stderr, "usage: verify A B\n"), 2;
    snprintf(embedder_path, sizeof embedder_path, "%s/default.pt", folder);
    snprintf(detector_path, sizeof detector_path, "%s/mtcnn.pt", folder);
    fm_session_options_init(&options, sizeof options);
    if (fm_model_load(&embedder, embedder_path, NULL, &err) == FM_OK &&
        fm_model_load(&detector, detector_path, NULL, &err) == FM_OK &&
        (options.detector = detector) &&
        fm_session_create(&session, embedder, &options, &err) == FM_OK &&
        fm_image_load_file(&a, argv[1], NULL, &err) == FM_OK &&
        fm_image_load_file(&b, argv[2], NULL, &err) == FM_OK &&
        fm_verify(session, a, b, NULL, &v, &err) == FM_OK) {
        printf("%s: score %.3f, fmr %.1e\n", v.match ? "same" : "others", v.score, v.fmr);
        status = !v.match;
    } else {
        fprintf(stderr, "%s\n", err.message);
    }
    fm_image_free(b), fm_image_free(a);
    fm_session_free(session);
    fm_model_free(detector), fm_model_free(embedder);
    return status;
}
