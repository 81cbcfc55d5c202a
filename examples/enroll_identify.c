/* Enrol people, then ask who is in a photograph.
 *
 *     enroll_identify people.fmg enroll anna anna.jpg
 *     enroll_identify people.fmg identify party.jpg
 *
 * Exit status 0 done or recognised, 1 nobody of the gallery, 2 error. */
#include <facematch/facematch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { YES = 0, NOBODY = 1, FAILED = 2, MOST_MATCHES = 5 };

typedef struct program {
    fm_model *embedder, *detector;
    fm_session *session;
    fm_gallery *gallery;
    fm_image *photo;
    fm_error err;
} program;

static fm_status load_model(fm_model **out, const char *name, fm_error *err)
{
    const char *folder = getenv("FACEMATCH_MODELS");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.pt", folder ? folder : "models", name);
    return fm_model_load(out, path, NULL, err);
}

static fm_status open_all(program *p, const char *gallery, const char *photo)
{
    fm_session_options options;
    fm_status status = load_model(&p->embedder, "default", &p->err);
    if (status == FM_OK)
        status = load_model(&p->detector, "mtcnn", &p->err);
    if (status == FM_OK) {
        fm_session_options_init(&options, sizeof options);
        options.detector = p->detector;
        status = fm_session_create(&p->session, p->embedder, &options, &p->err);
    }
    if (status == FM_OK)
        status = fm_gallery_open(&p->gallery, gallery, p->embedder, NULL, &p->err);
    if (status == FM_OK)
        status = fm_image_load_file(&p->photo, photo, NULL, &p->err);
    return status;
}

static int enroll(program *p, const char *id)
{
    fm_enrollment done;
    memset(&done, 0, sizeof done);
    done.struct_size = sizeof done;
    if (fm_gallery_enroll(p->gallery, p->session, id, p->photo, NULL, &done, &p->err) != FM_OK)
        return FAILED;
    printf("%s: %s, now %d templates\n", id, done.new_identity ? "new" : "known",
           (int)done.templates);
    return YES;
}

static int identify(program *p)
{
    fm_match matches[MOST_MATCHES];
    size_t count = 0;
    if (fm_identify(p->gallery, p->session, p->photo, NULL, matches, MOST_MATCHES, &count, NULL,
                    &p->err) != FM_OK)
        return FAILED;
    for (size_t i = 0; i < count; i++)
        printf("%d. %s: score %.3f, false match rate %.1e\n", (int)matches[i].rank, matches[i].id,
               matches[i].score, matches[i].fmr);
    if (count == 0)
        printf("nobody of this gallery\n");
    return count > 0 ? YES : NOBODY;
}

static void close_all(program *p)
{
    fm_image_free(p->photo);
    fm_gallery_close(p->gallery);
    fm_session_free(p->session);
    fm_model_free(p->detector);
    fm_model_free(p->embedder);
}

int main(int argc, char **argv)
{
    program p = {.err = {.struct_size = sizeof(fm_error)}};
    int enrolling = argc == 5 && strcmp(argv[2], "enroll") == 0;
    int result = FAILED;

    if (!enrolling && !(argc == 4 && strcmp(argv[2], "identify") == 0)) {
        fprintf(stderr, "usage: enroll_identify GALLERY enroll ID IMAGE\n"
                        "       enroll_identify GALLERY identify IMAGE\n");
        return FAILED;
    }
    if (open_all(&p, argv[1], argv[argc - 1]) == FM_OK)
        result = enrolling ? enroll(&p, argv[3]) : identify(&p);
    if (result == FAILED)
        fprintf(stderr, "%s\n", p.err.message);
    close_all(&p);
    return result;
}
