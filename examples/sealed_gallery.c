/* A gallery that cannot be read without its passphrase.
 *
 *     export FACEMATCH_PASSPHRASE=...
 *     sealed_gallery people.fmg enroll anna anna.jpg
 *     sealed_gallery people.fmg identify party.jpg
 *
 * The variable stands for wherever you keep secrets: a key ring, a device, or a person who is
 * asked. Exit status 0 done or recognised, 1 nobody of the gallery, 2 error. */
#include <facematch/facematch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { YES = 0, NOBODY = 1, FAILED = 2 };

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

/* A gallery that is made here is sealed; one that is there opens only with the same passphrase. */
static fm_status open_gallery(program *p, const char *uri)
{
    fm_gallery_options options;
    fm_gallery_key key;
    fm_gallery_options_init(&options, sizeof options);
    fm_gallery_key_init(&key, sizeof key);
    key.passphrase = getenv("FACEMATCH_PASSPHRASE");
    options.key = &key;
    return fm_gallery_open(&p->gallery, uri, p->embedder, &options, &p->err);
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
        status = open_gallery(p, gallery);
    if (status == FM_OK)
        status = fm_image_load_file(&p->photo, photo, NULL, &p->err);
    return status;
}

static int enroll(program *p, const char *id)
{
    if (fm_gallery_enroll(p->gallery, p->session, id, p->photo, NULL, NULL, &p->err) != FM_OK)
        return FAILED;
    printf("%s is enrolled\n", id);
    return YES;
}

static int identify(program *p)
{
    fm_match match;
    size_t count = 0;
    if (fm_identify(p->gallery, p->session, p->photo, NULL, &match, 1, &count, NULL, &p->err) !=
        FM_OK)
        return FAILED;
    printf("%s\n", count ? match.id : "nobody of this gallery");
    return count ? YES : NOBODY;
}

static void close_all(program *p)
{
    fm_image_free(p->photo);
    fm_gallery_close(p->gallery);
    fm_session_free(p->session);
    fm_model_free(p->detector), fm_model_free(p->embedder);
}

int main(int argc, char **argv)
{
    program p = {.err = {.struct_size = sizeof(fm_error)}};
    int enrolling = argc == 5 && strcmp(argv[2], "enroll") == 0;
    int result = FAILED;

    if (!getenv("FACEMATCH_PASSPHRASE") ||
        (!enrolling && !(argc == 4 && strcmp(argv[2], "identify") == 0))) {
        fprintf(stderr, "usage: FACEMATCH_PASSPHRASE=... sealed_gallery GALLERY enroll ID IMAGE\n"
                        "       FACEMATCH_PASSPHRASE=... sealed_gallery GALLERY identify IMAGE\n");
        return FAILED;
    }
    if (open_all(&p, argv[1], argv[argc - 1]) == FM_OK)
        result = enrolling ? enroll(&p, argv[3]) : identify(&p);
    if (result == FAILED)
        fprintf(stderr, "%s\n", p.err.message);
    close_all(&p);
    return result;
}
