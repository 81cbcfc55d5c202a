/* Every public function, given what it must refuse: the status it answers, the text it leaves, and
 * that nothing else is written. What a row calls, tells its name: the last test compares the names
 * with lib/facematch.map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support.h"
#include <math.h>

enum { TAIL = 16, ERR_FULL = 0, ERR_NONE = 1, ERR_SHORT = 2, ERR_FORMS = 3 };

/* A struct as a program compiled against a newer header would pass it. */
#define GROWN(type)                                                                                \
    struct {                                                                                       \
        type head;                                                                                 \
        unsigned char tail[TAIL];                                                                  \
    }

/* Where all rows write to. Before a row all is 0xA5; on failure it must still be. */
typedef struct outputs {
    fm_image *image;
    fm_model *model;
    fm_session *session;
    fm_gallery *gallery;
    size_t count, counts[4];
    float value, floats[8 * DIM];
    double number, numbers[4];
    uint8_t bytes[16];
    char text[16];
    fm_status statuses[4];
    fm_face face, faces[4];
    fm_identity identity, identities[2];
    fm_template templates[2];
    fm_match matches[4];
    GROWN(fm_build_info) build_info;
    GROWN(fm_image_info) image_info;
    GROWN(fm_model_info) model_info;
    GROWN(fm_gallery_info) gallery_info;
    GROWN(fm_enrollment) enrollment;
    GROWN(fm_identification) identification;
    GROWN(fm_verification) verification;
    GROWN(fm_gate_report) gate_report;
    fm_face_quality quality;
    GROWN(fm_pairs_report) report;
    GROWN(fm_transfer) transfer;
    GROWN(fm_evaluation_report) figures;
    GROWN(fm_operating_point) point;
    GROWN(fm_liveness_result) liveness;
    GROWN(fm_liveness_fusion) fusion;
    fm_liveness_sequence *sequence;
    fm_evaluation *evaluation;
    fm_trainer *trainer;
    GROWN(fm_training_stats) stats;
    fm_det_point curve[16];
    int64_t bins[2][4];
} outputs;

typedef struct inputs {
    fm_model *embedder, *uncalibrated, *other, *detector, *liveness;
    fm_session *session, *detecting, *embedding, *strange, *judging, *checking;
    fm_image *photo, *blank;
    const fm_image *pair[2], *holed[2];
    fm_gallery *gallery, *read_only, *managed, *plain, *lenient;
    int64_t template_id;
    float vector[2 * DIM], zero[DIM], nan[DIM], infinite[DIM];
    fm_face known_face;
    uint8_t pixels[3 * PHOTO_WIDTH * PHOTO_HEIGHT], blank_pixels[3 * PHOTO_WIDTH * PHOTO_HEIGHT];
    char id_255[256], id_256[257], id_300[301], label_64[65], metadata_long[FM_METADATA_MAX + 16];
} inputs;

static inputs in;
static outputs out, before;
static fm_error row_err;
static int failures;
static char called[256][64];
static size_t called_count;

static const char *const not_utf8[] = {"\xff", "a\xc0\x80", "\xed\xa0\x80", "\xe2\x82",
                                       "\xf5\x80\x80\x80"};
enum { NOT_UTF8 = sizeof not_utf8 / sizeof not_utf8[0] };

/* ---- rows ---- */

static void remember(const char *call)
{
    size_t length = strcspn(call, "( ");
    if (strncmp(call, "fm_", 3) != 0) /* a helper around one of them */
        return;
    for (size_t i = 0; i < called_count; i++)
        if (strlen(called[i]) == length && memcmp(called[i], call, length) == 0)
            return;
    assert_true(called_count < 256 && length < sizeof called[0]);
    memcpy(called[called_count], call, length);
    called[called_count++][length] = '\0';
}

static void set_sizes(void)
{
    out.build_info.head.struct_size = sizeof out.build_info.head;
    out.image_info.head.struct_size = sizeof out.image_info.head;
    out.model_info.head.struct_size = sizeof out.model_info.head;
    out.gallery_info.head.struct_size = sizeof out.gallery_info.head;
    out.enrollment.head.struct_size = sizeof out.enrollment.head;
    out.identification.head.struct_size = sizeof out.identification.head;
    out.verification.head.struct_size = sizeof out.verification.head;
    out.gate_report.head.struct_size = sizeof out.gate_report.head;
    out.report.head.struct_size = sizeof out.report.head;
    out.transfer.head.struct_size = sizeof out.transfer.head;
    out.figures.head.struct_size = sizeof out.figures.head;
    out.point.head.struct_size = sizeof out.point.head;
    out.stats.head.struct_size = sizeof out.stats.head;
    out.liveness.head.struct_size = sizeof out.liveness.head;
    out.fusion.head.struct_size = sizeof out.fusion.head;
}

static fm_error *begin(int form)
{
    memset(&out, 0xA5, sizeof out);
    memset(&row_err, 0xA5, sizeof row_err);
    row_err.struct_size = form == ERR_SHORT ? sizeof row_err - 1 : sizeof row_err;
    set_sizes();
    return form == ERR_NONE ? NULL : &row_err;
}

static int is_filled(const void *block, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (((const unsigned char *)block)[i] != 0xA5)
            return 0;
    return 1;
}

static void complain(int line, const char *call, const char *what)
{
    print_error("line %d: %s\n    %s\n", line, call, what);
    failures++;
}

static void check_error(int line, const char *call, int form, fm_status status)
{
    int written = !is_filled(&row_err.status, sizeof row_err - offsetof(fm_error, status));
    if (status == FM_OK || form != ERR_FULL) {
        if (written)
            complain(line, call, "the error was written to");
        return;
    }
    if (row_err.status != status)
        complain(line, call, "err.status is not the status that was returned");
    if (!memchr(row_err.message, 0, sizeof row_err.message) || row_err.message[0] == '\0')
        complain(line, call, "the message is empty or has no end");
    else if (strchr(row_err.message, '\n'))
        complain(line, call, "the message has more than one line");
}

static void free_what_was_made(void)
{
    if (out.image != before.image)
        fm_image_free(out.image);
    if (out.session != before.session)
        fm_session_free(out.session);
    if (out.gallery != before.gallery)
        fm_gallery_close(out.gallery);
    if (out.sequence != before.sequence)
        fm_liveness_sequence_free(out.sequence);
    if (out.model != before.model)
        fm_model_free(out.model);
    if (out.trainer != before.trainer)
        fm_trainer_free(out.trainer);
}

static void end(int line, const char *call, int form, fm_status expected, fm_status status)
{
    char what[400];
    remember(call);
    if (status != expected) {
        snprintf(what, sizeof what, "answers %s, expected %s: %.200s", fm_status_name(status),
                 fm_status_name(expected),
                 form == ERR_FULL && status != FM_OK ? row_err.message : "");
        complain(line, call, what);
    }
    check_error(line, call, form, status);
    if (status != FM_OK && memcmp(&out, &before, sizeof out) != 0)
        complain(line, call, "an output was written to");
    if (status == FM_OK)
        free_what_was_made();
}

/* `call` is made with a full, without and with too short an error; `prepare` comes before it. */
#define ROW(expected, prepare, call)                                                               \
    do {                                                                                           \
        for (int form = 0; form < ERR_FORMS; form++) {                                             \
            fm_error *err = begin(form);                                                           \
            fm_status status;                                                                      \
            prepare;                                                                               \
            memcpy(&before, &out, sizeof before);                                                  \
            status = call;                                                                         \
            end(__LINE__, #call, form, expected, status);                                          \
        }                                                                                          \
    } while (0)

#define GIVES(expected, call) ROW(expected, (void)0, call)
#define REFUSED(call)         ROW(FM_E_INVALID_ARGUMENT, (void)0, call)

/* A function that answers nothing: that it returns is all there is to see. */
#define RETURNS(call)                                                                              \
    do {                                                                                           \
        call;                                                                                      \
        remember(#call);                                                                           \
    } while (0)

static void expect_newer(int line, const char *call)
{
    row_err.message[sizeof row_err.message - 1] = '\0';
    if (!strstr(row_err.message, "newer"))
        complain(line, call, "the message does not speak of a newer library");
}

/* An options struct in all sizes. `call` uses `options`. */
#define OPTION_SIZES(type, call)                                                                   \
    do {                                                                                           \
        GROWN(type) grown;                                                                         \
        const type *options = &grown.head;                                                         \
        type##_init(&grown.head, sizeof grown.head);                                               \
        GIVES(FM_OK, call);                                                                        \
        memset(&grown, 0, sizeof grown);                                                           \
        REFUSED(call);                                                                             \
        grown.head.struct_size = sizeof grown.head - 1;                                            \
        REFUSED(call);                                                                             \
        grown.head.struct_size = UINT32_MAX;                                                       \
        REFUSED(call);                                                                             \
        grown.head.struct_size = sizeof grown;                                                     \
        GIVES(FM_OK, call);                                                                        \
        grown.tail[TAIL - 1] = 1;                                                                  \
        REFUSED(call);                                                                             \
        {                                                                                          \
            fm_error *err = begin(ERR_FULL);                                                       \
            (void)!(call);                                                                         \
            expect_newer(__LINE__, #call);                                                         \
        }                                                                                          \
    } while (0)

/* An output struct in all sizes. `call` fills out.field. */
#define OUTPUT_SIZES(field, call)                                                                  \
    do {                                                                                           \
        ROW(FM_E_INVALID_ARGUMENT, out.field.head.struct_size = 0, call);                          \
        ROW(FM_E_INVALID_ARGUMENT, out.field.head.struct_size = sizeof out.field.head - 1, call);  \
        ROW(FM_OK, out.field.head.struct_size = sizeof out.field, call);                           \
        if (out.field.head.struct_size != sizeof out.field)                                        \
            complain(__LINE__, #call, "struct_size was written to");                               \
        GIVES(FM_OK, call);                                                                        \
        if (!is_filled(out.field.tail, TAIL))                                                      \
            complain(__LINE__, #call, "written past struct_size");                                 \
    } while (0)

/* Text that is no id of an identity. `call` uses `id`; it must answer `known` for a good one. */
#define ID_TEXTS(good_status, call)                                                                \
    do {                                                                                           \
        const char *id = NULL;                                                                     \
        REFUSED(call);                                                                             \
        id = "";                                                                                   \
        REFUSED(call);                                                                             \
        id = in.id_256;                                                                            \
        REFUSED(call);                                                                             \
        id = in.id_300;                                                                            \
        REFUSED(call);                                                                             \
        for (int k = 0; k < NOT_UTF8; k++) {                                                       \
            id = not_utf8[k];                                                                      \
            REFUSED(call);                                                                         \
        }                                                                                          \
        id = in.id_255;                                                                            \
        GIVES(good_status, call);                                                                  \
    } while (0)

/* One member of an options struct set to what it must not be; the rest as by default. */
#define OPTION(expected, type, assignment, call)                                                   \
    do {                                                                                           \
        type options_, *options = &options_;                                                       \
        type##_init(options, sizeof *options);                                                     \
        options->assignment;                                                                       \
        GIVES(expected, call);                                                                     \
    } while (0)

/* ---- fixture ---- */

static void fill_texts(void)
{
    memset(in.id_255, 'x', 255);
    memset(in.id_256, 'x', 256);
    memset(in.id_300, 'x', 300);
    memset(in.label_64, 'l', 64);
    memset(in.metadata_long, ' ', FM_METADATA_MAX - 1);
    in.metadata_long[0] = '{';
    in.metadata_long[FM_METADATA_MAX - 1] = ' ';
    in.metadata_long[FM_METADATA_MAX] = '}';
}

static void fill_vectors(void)
{
    for (int i = 0; i < 2 * DIM; i++)
        in.vector[i] = i % DIM == 0;
    memcpy(in.nan, in.vector, sizeof in.nan);
    memcpy(in.infinite, in.vector, sizeof in.infinite);
    in.nan[DIM - 1] = NAN;
    in.infinite[1] = -INFINITY;
}

static int make_images(fm_error *err)
{
    memset(in.pixels, 100, sizeof in.pixels);
    memset(in.blank_pixels, 100, sizeof in.blank_pixels);
    draw_square(in.pixels, 120, 80, FACE_SIZE);
    if (fm_image_from_pixels(&in.photo, in.pixels, sizeof in.pixels, PHOTO_WIDTH, PHOTO_HEIGHT, 0,
                             FM_PIXEL_RGB8, err) != FM_OK ||
        fm_image_from_pixels(&in.blank, in.blank_pixels, sizeof in.blank_pixels, PHOTO_WIDTH,
                             PHOTO_HEIGHT, 0, FM_PIXEL_RGB8, err) != FM_OK)
        return -1;
    in.pair[0] = in.pair[1] = in.photo;
    in.holed[0] = in.photo;
    return 0;
}

static int make_sessions(fm_error *err)
{
    fm_session_options options;
    fm_session_options_init(&options, sizeof options);
    if (load_fake(&in.embedder, CALIBRATED, err) != FM_OK ||
        load_fake(&in.uncalibrated, UNCALIBRATED, err) != FM_OK ||
        load_fake(&in.other, OTHER, err) != FM_OK ||
        load_fake(&in.detector, DETECTOR, err) != FM_OK ||
        load_fake(&in.liveness, LIVENESS, err) != FM_OK ||
        fm_session_create(&in.embedding, in.embedder, &options, err) != FM_OK)
        return -1;
    options.detector = in.detector;
    if (fm_session_create(&in.session, in.embedder, &options, err) != FM_OK ||
        fm_session_create(&in.strange, in.other, &options, err) != FM_OK ||
        fm_session_create(&in.detecting, NULL, &options, err) != FM_OK)
        return -1;
    options.liveness = in.liveness;
    if (fm_session_create(&in.checking, in.embedder, &options, err) != FM_OK)
        return -1;
    options.detector = NULL;
    return fm_session_create(&in.judging, NULL, &options, err) == FM_OK ? 0 : -1;
}

static int make_galleries(fm_error *err)
{
    fm_gallery_options read_only;
    fm_enrollment added = {.struct_size = sizeof added};
    fm_gallery_options_init(&read_only, sizeof read_only);
    read_only.mode = FM_GALLERY_READ_ONLY;
    if (fm_gallery_open(&in.gallery, test_path("people.fmg"), in.embedder, NULL, err) != FM_OK ||
        fm_gallery_add(in.gallery, "anna", in.vector, DIM, NULL, &added, err) != FM_OK ||
        fm_gallery_open(&in.read_only, test_path("people.fmg"), in.embedder, &read_only, err) !=
            FM_OK ||
        fm_gallery_open(&in.managed, test_path("people.fmg"), NULL, NULL, err) != FM_OK ||
        fm_gallery_open(&in.plain, test_path("plain.fmg"), in.uncalibrated, NULL, err) != FM_OK ||
        fm_gallery_add(in.plain, "anna", in.vector, DIM, NULL, NULL, err) != FM_OK ||
        fm_gallery_open(&in.lenient, test_path("lenient.fmg"), in.uncalibrated, NULL, err) != FM_OK)
        return -1;
    in.template_id = added.template_id;
    return 0;
}

static int set_up(void **state)
{
    fm_error err = {sizeof err, FM_OK, ""};
    size_t count = 0;
    (void)state;
    fill_texts();
    fill_vectors();
    if (make_test_folder() == 0 && make_images(&err) == 0 && make_sessions(&err) == 0 &&
        make_galleries(&err) == 0 &&
        fm_detect(in.session, in.photo, &in.known_face, 1, &count, &err) == FM_OK && count == 1)
        return 0;
    print_error("fixture: %s\n", err.message);
    return -1;
}

static int tear_down(void **state)
{
    (void)state;
    fm_gallery_close(in.gallery);
    fm_gallery_close(in.read_only);
    fm_gallery_close(in.managed);
    fm_gallery_close(in.plain);
    fm_gallery_close(in.lenient);
    fm_session_free(in.session);
    fm_session_free(in.detecting);
    fm_session_free(in.strange);
    fm_session_free(in.embedding);
    fm_session_free(in.checking);
    fm_session_free(in.judging);
    fm_model_free(in.liveness);
    fm_model_free(in.embedder);
    fm_model_free(in.uncalibrated);
    fm_model_free(in.other);
    fm_model_free(in.detector);
    fm_image_free(in.photo);
    fm_image_free(in.blank);
    return remove_test_folder();
}

static int no_failures(void **state)
{
    (void)state;
    failures = 0;
    return 0;
}

/* ---- the table ---- */

static void test_version(void **state)
{
    (void)state;
    RETURNS(fm_version());
    RETURNS(fm_abi_version());
    RETURNS(fm_status_name(INT32_MIN));
    assert_string_equal(fm_status_name(INT32_MAX), "FM_E_UNKNOWN");
    assert_string_equal(fm_status_name(1), "FM_E_UNKNOWN");
    REFUSED(fm_build_info_get(NULL, err));
    OUTPUT_SIZES(build_info, fm_build_info_get(&out.build_info.head, err));
    RETURNS(fm_log_set(NULL, NULL, INT32_MIN));
    RETURNS(fm_log_set(NULL, NULL, INT32_MAX));
    assert_int_equal(failures, 0);
}

/* An init function writes struct_size bytes at most, and nothing where there is no room for it. */
#define INIT(type)                                                                                 \
    do {                                                                                           \
        GROWN(type) grown;                                                                         \
        RETURNS(type##_init(NULL, sizeof(type)));                                                  \
        memset(&grown, 0xA5, sizeof grown);                                                        \
        type##_init(&grown.head, 0);                                                               \
        type##_init(&grown.head, 3);                                                               \
        if (!is_filled(&grown, sizeof grown))                                                      \
            complain(__LINE__, #type "_init", "written to with struct_size below 4");              \
        type##_init(&grown.head, sizeof(type) - 4);                                                \
        if (grown.head.struct_size != sizeof(type) - 4 ||                                          \
            !is_filled((char *)&grown + sizeof(type) - 4, TAIL + 4))                               \
            complain(__LINE__, #type "_init", "written past struct_size");                         \
        type##_init(&grown.head, sizeof(type));                                                    \
        if (grown.head.struct_size != sizeof(type) || !is_filled(grown.tail, TAIL))                \
            complain(__LINE__, #type "_init", "written past struct_size");                         \
        type##_init(&grown.head, sizeof grown);                                                    \
        if (grown.head.struct_size != sizeof grown || grown.tail[0] || grown.tail[TAIL - 1])       \
            complain(__LINE__, #type "_init", "the tail of a longer struct is not zero");          \
    } while (0)

static void test_inits(void **state)
{
    (void)state;
    INIT(fm_image_options);
    INIT(fm_gate_options);
    INIT(fm_model_options);
    INIT(fm_session_options);
    INIT(fm_verify_options);
    INIT(fm_gallery_options);
    INIT(fm_gallery_key);
    INIT(fm_enroll_options);
    INIT(fm_transfer_options);
    INIT(fm_identify_options);
    INIT(fm_evaluation_options);
    INIT(fm_calibration_options);
    INIT(fm_trainer_options);
    INIT(fm_trainer_save_options);
    INIT(fm_liveness_options);
    INIT(fm_liveness_sequence_options);
    assert_int_equal(failures, 0);
}

static void test_frees_take_null(void **state)
{
    (void)state;
    RETURNS(fm_image_free(NULL));
    RETURNS(fm_model_free(NULL));
    RETURNS(fm_session_free(NULL));
    RETURNS(fm_gallery_close(NULL));
    RETURNS(fm_evaluation_free(NULL));
    RETURNS(fm_trainer_free(NULL));
    RETURNS(fm_liveness_sequence_free(NULL));
}

static void test_image_load(void **state)
{
    const char *photo = test_path("photo.png");
    (void)state;
    GIVES(FM_OK, fm_image_save_file(in.photo, photo, err));
    REFUSED(fm_image_load_file(NULL, photo, NULL, err));
    REFUSED(fm_image_load_file(&out.image, NULL, NULL, err));
    GIVES(FM_E_NOT_FOUND, fm_image_load_file(&out.image, test_path("absent.png"), NULL, err));
    GIVES(FM_E_IO, fm_image_load_file(&out.image, test_folder, NULL, err));
    OPTION_SIZES(fm_image_options, fm_image_load_file(&out.image, photo, options, err));
    OPTION(FM_E_LIMIT, fm_image_options, max_bytes = 1,
           fm_image_load_file(&out.image, photo, options, err));
    OPTION(FM_E_LIMIT, fm_image_options, max_pixels = PHOTO_WIDTH * PHOTO_HEIGHT - 1,
           fm_image_load_file(&out.image, photo, options, err));
    OPTION(FM_OK, fm_image_options, max_pixels = UINT64_MAX,
           fm_image_load_file(&out.image, photo, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_image_options, reserved = 1,
           fm_image_load_file(&out.image, photo, options, err));
    assert_int_equal(failures, 0);
}

static void test_image_load_memory(void **state)
{
    static const char pgm[] = "P5 2 1 255\nab", huge[] = "P5 65535 65535 255\nab";
    const size_t size = sizeof pgm - 1;
    (void)state;
    REFUSED(fm_image_load_memory(NULL, pgm, size, NULL, err));
    REFUSED(fm_image_load_memory(&out.image, NULL, size, NULL, err));
    GIVES(FM_E_CORRUPT, fm_image_load_memory(&out.image, pgm, 0, NULL, err));
    GIVES(FM_E_CORRUPT, fm_image_load_memory(&out.image, pgm, size - 1, NULL, err));
    GIVES(FM_E_LIMIT, fm_image_load_memory(&out.image, pgm, SIZE_MAX, NULL, err));
    GIVES(FM_E_LIMIT, fm_image_load_memory(&out.image, huge, sizeof huge - 1, NULL, err));
    OPTION_SIZES(fm_image_options, fm_image_load_memory(&out.image, pgm, size, options, err));
    OPTION(FM_E_LIMIT, fm_image_options, max_bytes = size - 1,
           fm_image_load_memory(&out.image, pgm, size, options, err));
    OPTION(FM_E_LIMIT, fm_image_options, max_pixels = 1,
           fm_image_load_memory(&out.image, pgm, size, options, err));
    assert_int_equal(failures, 0);
}

static void test_image_from_pixels(void **state)
{
    static const int32_t bad_sides[] = {0, -1, INT32_MIN, 65536, INT32_MAX};
    static const fm_pixel_format bad_formats[] = {0, -1, 6, INT32_MAX, INT32_MIN};
    const uint8_t *p = in.pixels;
    (void)state;
    GIVES(FM_OK, fm_image_from_pixels(&out.image, p, 12, 2, 2, 0, FM_PIXEL_RGB8, err));
    GIVES(FM_OK, fm_image_from_pixels(&out.image, p, 13, 2, 2, 7, FM_PIXEL_RGB8, err));
    REFUSED(fm_image_from_pixels(NULL, p, 12, 2, 2, 0, FM_PIXEL_RGB8, err));
    REFUSED(fm_image_from_pixels(&out.image, NULL, 12, 2, 2, 0, FM_PIXEL_RGB8, err));
    REFUSED(fm_image_from_pixels(&out.image, p, 11, 2, 2, 0, FM_PIXEL_RGB8, err));
    REFUSED(fm_image_from_pixels(&out.image, p, 0, 2, 2, 0, FM_PIXEL_RGB8, err));
    REFUSED(fm_image_from_pixels(&out.image, p, 12, 2, 2, 7, FM_PIXEL_RGB8, err));
    REFUSED(fm_image_from_pixels(&out.image, p, 12, 2, 2, 5, FM_PIXEL_RGB8, err));
    REFUSED(fm_image_from_pixels(&out.image, p, SIZE_MAX, 2, 2, SIZE_MAX, FM_PIXEL_RGB8, err));
    REFUSED(fm_image_from_pixels(&out.image, p, 12, 2, 3, SIZE_MAX / 2, FM_PIXEL_RGB8, err));
    for (size_t i = 0; i < sizeof bad_sides / sizeof bad_sides[0]; i++) {
        int32_t side = bad_sides[i];
        REFUSED(fm_image_from_pixels(&out.image, p, SIZE_MAX, side, 2, 0, FM_PIXEL_GRAY8, err));
        REFUSED(fm_image_from_pixels(&out.image, p, SIZE_MAX, 2, side, 0, FM_PIXEL_GRAY8, err));
    }
    for (size_t i = 0; i < sizeof bad_formats / sizeof bad_formats[0]; i++)
        REFUSED(fm_image_from_pixels(&out.image, p, 100, 2, 2, 0, bad_formats[i], err));
    assert_int_equal(failures, 0);
}

static void test_image_read(void **state)
{
    (void)state;
    REFUSED(fm_image_describe(NULL, &out.image_info.head, err));
    REFUSED(fm_image_describe(in.photo, NULL, err));
    OUTPUT_SIZES(image_info, fm_image_describe(in.photo, &out.image_info.head, err));
    REFUSED(fm_image_copy_rgb(NULL, out.bytes, sizeof out.bytes, NULL, err));
    GIVES(FM_E_BUFFER_TOO_SMALL, fm_image_copy_rgb(in.photo, out.bytes, 16, NULL, err));
    GIVES(FM_E_BUFFER_TOO_SMALL, fm_image_copy_rgb(in.photo, NULL, 0, NULL, err));
    GIVES(FM_E_BUFFER_TOO_SMALL, fm_image_copy_rgb(in.photo, NULL, SIZE_MAX, NULL, err));
    ROW(FM_E_INVALID_ARGUMENT, (void)0, fm_image_copy_rgb(NULL, NULL, 0, &out.count, err));
    REFUSED(fm_image_save_file(NULL, test_path("new.png"), err));
    REFUSED(fm_image_save_file(in.photo, NULL, err));
    GIVES(FM_E_UNSUPPORTED, fm_image_save_file(in.photo, test_path("new.webp"), err));
    GIVES(FM_E_UNSUPPORTED, fm_image_save_file(in.photo, test_path("new"), err));
    GIVES(FM_E_IO, fm_image_save_file(in.photo, test_path("absent/new.png"), err));
    assert_int_equal(failures, 0);
}

static void test_image_copy_tells_what_it_needs(void **state)
{
    size_t needed = 0;
    uint8_t byte = 0xA5;
    (void)state;
    assert_int_equal(fm_image_copy_rgb(in.photo, &byte, 1, &needed, NULL), FM_E_BUFFER_TOO_SMALL);
    assert_int_equal(needed, sizeof in.pixels);
    assert_int_equal(byte, 0xA5);
}

static void test_image_draw_faces(void **state)
{
    fm_face faces[2];
    (void)state;
    GIVES(FM_OK, fm_image_draw_faces(&out.image, in.photo, NULL, 0, err));
    REFUSED(fm_image_draw_faces(NULL, in.photo, NULL, 0, err));
    REFUSED(fm_image_draw_faces(&out.image, NULL, NULL, 0, err));
    REFUSED(fm_image_draw_faces(&out.image, in.photo, NULL, 1, err));
    faces[0] = faces[1] = in.known_face;
    faces[1].x = NAN;
    REFUSED(fm_image_draw_faces(&out.image, in.photo, faces, 2, err));
    faces[1] = in.known_face;
    faces[1].points[9] = INFINITY;
    REFUSED(fm_image_draw_faces(&out.image, in.photo, faces, 2, err));
    faces[1] = in.known_face;
    faces[1].width = -INFINITY;
    REFUSED(fm_image_draw_faces(&out.image, in.photo, faces, 2, err));
    faces[1] = (fm_face){3e38f, -3e38f, 3e38f, 3e38f, 0, {0}};
    GIVES(FM_OK, fm_image_draw_faces(&out.image, in.photo, faces, 2, err));
    assert_int_equal(failures, 0);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

#define OTHER_ID "0000000000000000000000000000000000000000000000000000000000000000"

static void test_model_load(void **state)
{
    static const char *const other_id[] = {OTHER_ID};
    static const char *const null_id[] = {NULL};
    const char *path = test_path("model.fake");
    (void)state;
    write_file(path, FAKE_MAGIC CALIBRATED);
    write_file(test_path("empty.fake"), "");
    REFUSED(fm_model_load(NULL, path, NULL, err));
    REFUSED(fm_model_load(&out.model, NULL, NULL, err));
    GIVES(FM_E_NOT_FOUND, fm_model_load(&out.model, test_path("absent"), NULL, err));
    GIVES(FM_E_IO, fm_model_load(&out.model, test_folder, NULL, err));
    GIVES(FM_E_CORRUPT, fm_model_load(&out.model, test_path("empty.fake"), NULL, err));
    OPTION_SIZES(fm_model_options, fm_model_load(&out.model, path, options, err));
    OPTION(FM_E_LIMIT, fm_model_options, max_bytes = 10,
           fm_model_load(&out.model, path, options, err));
    OPTION(FM_OK, fm_model_options, max_bytes = UINT64_MAX,
           fm_model_load(&out.model, path, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_model_options, reserved = 1,
           fm_model_load(&out.model, path, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_model_options, manifest_json = CALIBRATED,
           fm_model_load(&out.model, path, options, err));
    OPTION(FM_E_PERMISSION, fm_model_options, allowed_ids = other_id;
           options->allowed_ids_count = 1, fm_model_load(&out.model, path, options, err));
    OPTION(FM_E_PERMISSION, fm_model_options, allowed_ids = other_id,
           fm_model_load(&out.model, path, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_model_options, allowed_ids_count = 1,
           fm_model_load(&out.model, path, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_model_options, allowed_ids = null_id;
           options->allowed_ids_count = 1, fm_model_load(&out.model, path, options, err));
    assert_int_equal(failures, 0);
}

static void test_model_load_memory(void **state)
{
    static const char good[] = FAKE_MAGIC CALIBRATED, bare[] = FAKE_MAGIC, junk[] = "not a model";
    static const char newer[] = FAKE_MAGIC "{\"format\":2}";
    static const char *const other_id[] = {OTHER_ID};
    const size_t size = sizeof good - 1;
    (void)state;
    REFUSED(fm_model_load_memory(NULL, good, size, NULL, err));
    REFUSED(fm_model_load_memory(&out.model, NULL, size, NULL, err));
    GIVES(FM_E_CORRUPT, fm_model_load_memory(&out.model, good, 0, NULL, err));
    GIVES(FM_E_CORRUPT, fm_model_load_memory(&out.model, junk, sizeof junk - 1, NULL, err));
    GIVES(FM_E_CORRUPT, fm_model_load_memory(&out.model, good, size - 1, NULL, err));
    GIVES(FM_E_CORRUPT, fm_model_load_memory(&out.model, bare, sizeof bare - 1, NULL, err));
    GIVES(FM_E_VERSION, fm_model_load_memory(&out.model, newer, sizeof newer - 1, NULL, err));
    GIVES(FM_E_LIMIT, fm_model_load_memory(&out.model, good, SIZE_MAX, NULL, err));
    OPTION_SIZES(fm_model_options, fm_model_load_memory(&out.model, good, size, options, err));
    OPTION(FM_E_LIMIT, fm_model_options, max_bytes = size - 1,
           fm_model_load_memory(&out.model, good, size, options, err));
    OPTION(FM_E_PERMISSION, fm_model_options, allowed_ids = other_id;
           options->allowed_ids_count = 1,
           fm_model_load_memory(&out.model, good, size, options, err));
    OPTION(FM_E_CORRUPT, fm_model_options, manifest_json = "{",
           fm_model_load_memory(&out.model, bare, sizeof bare - 1, options, err));
    assert_int_equal(failures, 0);
}

static void test_model_read(void **state)
{
    static const double bad_rates[] = {0, -1, 1, 2, NAN, INFINITY, -INFINITY};
    (void)state;
    REFUSED(fm_model_describe(NULL, &out.model_info.head, err));
    REFUSED(fm_model_describe(in.embedder, NULL, err));
    OUTPUT_SIZES(model_info, fm_model_describe(in.embedder, &out.model_info.head, err));

    GIVES(FM_OK, fm_model_threshold(in.embedder, 1e-4, &out.value, err));
    REFUSED(fm_model_threshold(NULL, 1e-3, &out.value, err));
    REFUSED(fm_model_threshold(in.embedder, 1e-3, NULL, err));
    for (size_t i = 0; i < sizeof bad_rates / sizeof bad_rates[0]; i++)
        REFUSED(fm_model_threshold(in.embedder, bad_rates[i], &out.value, err));
    GIVES(FM_E_LIMIT, fm_model_threshold(in.embedder, 0.99e-4, &out.value, err));
    GIVES(FM_E_STATE, fm_model_threshold(in.uncalibrated, 1e-3, &out.value, err));

    GIVES(FM_OK, fm_model_fmr(in.embedder, 0.5f, &out.number, err));
    REFUSED(fm_model_fmr(NULL, 0.5f, &out.number, err));
    REFUSED(fm_model_fmr(in.embedder, 0.5f, NULL, err));
    REFUSED(fm_model_fmr(in.embedder, NAN, &out.number, err));
    REFUSED(fm_model_fmr(in.embedder, INFINITY, &out.number, err));
    GIVES(FM_E_STATE, fm_model_fmr(in.uncalibrated, 0.5f, &out.number, err));
    assert_int_equal(failures, 0);
}

#define SESSION_OPTION(expected, assignment)                                                       \
    OPTION(expected, fm_session_options, assignment,                                               \
           fm_session_create(&out.session, in.embedder, options, err))

static void test_session_create(void **state)
{
    (void)state;
    REFUSED(fm_session_create(NULL, in.embedder, NULL, err));
    REFUSED(fm_session_create(&out.session, NULL, NULL, err));
    REFUSED(fm_session_create(&out.session, in.detector, NULL, err));
    GIVES(FM_OK, fm_session_create(&out.session, in.embedder, NULL, err));
    OPTION_SIZES(fm_session_options, fm_session_create(&out.session, in.embedder, options, err));
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, detector = in.embedder);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, liveness = in.detector);
    SESSION_OPTION(FM_OK, liveness = in.liveness);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, precision = -1);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, precision = 3);
    SESSION_OPTION(FM_E_UNSUPPORTED, precision = FM_PRECISION_BFLOAT16);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, threads = -1);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, threads = 257);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, threads = INT32_MAX);
    SESSION_OPTION(FM_OK, threads = 256);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, flip = 2);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, flip = -1);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, min_face_px = 11);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, min_face_px = -1);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, min_face_px = 10001);
    SESSION_OPTION(FM_OK, min_face_px = 12);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, max_faces = -1);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, max_faces = 10001);
    SESSION_OPTION(FM_OK, max_faces = 10000);
    SESSION_OPTION(FM_OK, selection = FM_SELECT_PROMINENT);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, selection = 5);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, selection = -1);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, min_score = NAN);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, min_score = INFINITY);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, min_score = -0.1f);
    SESSION_OPTION(FM_E_INVALID_ARGUMENT, min_score = 1.1f);
    SESSION_OPTION(FM_OK, min_score = 1);
    assert_int_equal(failures, 0);
}

static void test_detect_and_align(void **state)
{
    fm_face bad = in.known_face;
    (void)state;
    GIVES(FM_OK, fm_detect(in.session, in.photo, out.faces, 4, &out.count, err));
    GIVES(FM_OK, fm_detect(in.session, in.photo, NULL, 0, &out.count, err));
    REFUSED(fm_detect(NULL, in.photo, out.faces, 4, &out.count, err));
    REFUSED(fm_detect(in.session, NULL, out.faces, 4, &out.count, err));
    REFUSED(fm_detect(in.session, in.photo, NULL, 4, &out.count, err));
    REFUSED(fm_detect(in.session, in.photo, out.faces, 4, NULL, err));
    GIVES(FM_E_STATE, fm_detect(in.embedding, in.photo, out.faces, 4, &out.count, err));

    GIVES(FM_OK, fm_align(in.session, in.photo, NULL, &out.image, err));
    GIVES(FM_OK, fm_align(in.embedding, in.photo, &in.known_face, &out.image, err));
    REFUSED(fm_align(NULL, in.photo, NULL, &out.image, err));
    REFUSED(fm_align(in.session, NULL, NULL, &out.image, err));
    REFUSED(fm_align(in.session, in.photo, NULL, NULL, err));
    GIVES(FM_E_STATE, fm_align(in.embedding, in.photo, NULL, &out.image, err));
    GIVES(FM_E_STATE, fm_align(in.detecting, in.photo, &in.known_face, &out.image, err));
    GIVES(FM_E_NOT_FOUND, fm_align(in.session, in.blank, NULL, &out.image, err));
    bad.points[3] = NAN;
    REFUSED(fm_align(in.session, in.photo, &bad, &out.image, err));
    bad.points[3] = INFINITY;
    REFUSED(fm_align(in.session, in.photo, &bad, &out.image, err));
    for (int i = 0; i < 2 * FM_POINT_COUNT; i++)
        bad.points[i] = 50;
    REFUSED(fm_align(in.session, in.photo, &bad, &out.image, err));
    for (int i = 0; i < 2 * FM_POINT_COUNT; i++)
        bad.points[i] = 1e30f * in.known_face.points[i];
    REFUSED(fm_align(in.session, in.photo, &bad, &out.image, err));
    for (int i = 0; i < 2 * FM_POINT_COUNT; i++)
        bad.points[i] = in.known_face.points[i] - 1e5f; /* beyond the image: all border */
    GIVES(FM_OK, fm_align(in.session, in.photo, &bad, &out.image, err));
    assert_int_equal(failures, 0);
}

static void test_embed(void **state)
{
    fm_face bad = in.known_face;
    fm_session *s = in.session;
    (void)state;
    GIVES(FM_OK, fm_embed(s, in.photo, NULL, out.floats, DIM, &out.face, &out.count, err));
    GIVES(FM_OK, fm_embed(s, in.photo, NULL, out.floats, SIZE_MAX, NULL, NULL, err));
    GIVES(FM_OK,
          fm_embed(in.embedding, in.photo, &in.known_face, out.floats, DIM, NULL, NULL, err));
    REFUSED(fm_embed(NULL, in.photo, NULL, out.floats, DIM, &out.face, &out.count, err));
    REFUSED(fm_embed(s, NULL, NULL, out.floats, DIM, &out.face, &out.count, err));
    REFUSED(fm_embed(s, in.photo, NULL, NULL, DIM, &out.face, &out.count, err));
    GIVES(FM_E_BUFFER_TOO_SMALL,
          fm_embed(s, in.photo, NULL, out.floats, DIM - 1, &out.face, &out.count, err));
    GIVES(FM_E_BUFFER_TOO_SMALL,
          fm_embed(s, in.photo, NULL, out.floats, 0, &out.face, &out.count, err));
    GIVES(FM_E_STATE,
          fm_embed(in.embedding, in.photo, NULL, out.floats, DIM, &out.face, &out.count, err));
    GIVES(FM_E_STATE, fm_embed(in.detecting, in.photo, NULL, out.floats, DIM, NULL, NULL, err));
    GIVES(FM_E_NOT_FOUND, fm_embed(s, in.blank, NULL, out.floats, DIM, &out.face, NULL, err));
    bad.points[0] = NAN;
    REFUSED(fm_embed(s, in.photo, &bad, out.floats, DIM, &out.face, &out.count, err));
    assert_int_equal(failures, 0);
}

/* The one output that is written though the call fails: how many faces there are, none. */
static void test_embed_counts_no_faces(void **state)
{
    float floats[DIM];
    size_t count = 7;
    (void)state;
    assert_int_equal(fm_embed(in.session, in.blank, NULL, floats, DIM, NULL, &count, NULL),
                     FM_E_NOT_FOUND);
    assert_int_equal(count, 0);
}

#define BATCH_LIMITS(call)                                                                         \
    do {                                                                                           \
        size_t n = 0, out_len = 0;                                                                 \
        GIVES(FM_OK, call);                                                                        \
        n = 2;                                                                                     \
        out_len = 2 * DIM;                                                                         \
        GIVES(FM_OK, call);                                                                        \
        out_len = 2 * DIM - 1;                                                                     \
        GIVES(FM_E_BUFFER_TOO_SMALL, call);                                                        \
        out_len = SIZE_MAX;                                                                        \
        n = FM_LIMIT_BATCH + 1;                                                                    \
        REFUSED(call);                                                                             \
        n = SIZE_MAX;                                                                              \
        REFUSED(call);                                                                             \
        n = SIZE_MAX / DIM + 2;                                                                    \
        REFUSED(call);                                                                             \
    } while (0)

static void test_embed_many(void **state)
{
    fm_session *s = in.session;
    fm_status *st = out.statuses;
    float *f = out.floats;
    (void)state;
    BATCH_LIMITS(fm_embed_batch(s, in.pair, n, f, out_len, st, err));
    REFUSED(fm_embed_batch(NULL, in.pair, 2, f, 2 * DIM, st, err));
    REFUSED(fm_embed_batch(s, NULL, 2, f, 2 * DIM, st, err));
    REFUSED(fm_embed_batch(s, in.holed, 2, f, 2 * DIM, st, err));
    REFUSED(fm_embed_batch(s, in.pair, 2, NULL, 2 * DIM, st, err));
    REFUSED(fm_embed_batch(s, in.pair, 2, f, 2 * DIM, NULL, err));
    GIVES(FM_OK, fm_embed_batch(s, NULL, 0, NULL, 0, NULL, err));
    REFUSED(fm_embed_batch(NULL, NULL, 0, NULL, 0, NULL, err));
    GIVES(FM_E_STATE, fm_embed_batch(in.embedding, in.pair, 2, f, 2 * DIM, st, err));
    GIVES(FM_E_STATE, fm_embed_batch(in.detecting, in.pair, 2, f, 2 * DIM, st, err));

    BATCH_LIMITS(fm_embed_aligned(s, in.pair, n, f, out_len, err));
    REFUSED(fm_embed_aligned(NULL, in.pair, 2, f, 2 * DIM, err));
    REFUSED(fm_embed_aligned(s, NULL, 2, f, 2 * DIM, err));
    REFUSED(fm_embed_aligned(s, in.holed, 2, f, 2 * DIM, err));
    REFUSED(fm_embed_aligned(s, in.pair, 2, NULL, 2 * DIM, err));
    GIVES(FM_OK, fm_embed_aligned(s, NULL, 0, NULL, 0, err));
    REFUSED(fm_embed_aligned(NULL, NULL, 0, NULL, 0, err));
    GIVES(FM_E_STATE, fm_embed_aligned(in.detecting, in.pair, 2, f, 2 * DIM, err));
    assert_int_equal(failures, 0);
}

/* Vectors and dimensions that no comparison takes. `call` uses `model`, `a`, `b` and `dim`. */
#define VECTORS(call)                                                                              \
    do {                                                                                           \
        static const size_t bad_dims[] = {0, DIM - 1, DIM + 1, SIZE_MAX};                          \
        const fm_model *model = in.embedder;                                                       \
        const float *a = in.vector, *b = in.vector;                                                \
        size_t dim = DIM;                                                                          \
        GIVES(FM_OK, call);                                                                        \
        model = NULL;                                                                              \
        REFUSED(call);                                                                             \
        model = in.detector;                                                                       \
        REFUSED(call);                                                                             \
        model = in.embedder;                                                                       \
        a = NULL;                                                                                  \
        REFUSED(call);                                                                             \
        a = in.nan;                                                                                \
        REFUSED(call);                                                                             \
        a = in.infinite;                                                                           \
        REFUSED(call);                                                                             \
        a = in.vector;                                                                             \
        b = NULL;                                                                                  \
        REFUSED(call);                                                                             \
        b = in.nan;                                                                                \
        REFUSED(call);                                                                             \
        b = in.infinite;                                                                           \
        REFUSED(call);                                                                             \
        b = in.vector;                                                                             \
        for (size_t i = 0; i < 4; i++) {                                                           \
            dim = bad_dims[i];                                                                     \
            REFUSED(call);                                                                         \
        }                                                                                          \
    } while (0)

/* Operating points that no verification takes. `call` uses `options`. */
#define VERIFY_OPTIONS(call)                                                                       \
    do {                                                                                           \
        OPTION_SIZES(fm_verify_options, call);                                                     \
        OPTION(FM_E_INVALID_ARGUMENT, fm_verify_options, extrapolate = 2, call);                   \
        OPTION(FM_E_INVALID_ARGUMENT, fm_verify_options, fmr = NAN, call);                         \
        OPTION(FM_E_INVALID_ARGUMENT, fm_verify_options, fmr = INFINITY, call);                    \
        OPTION(FM_E_INVALID_ARGUMENT, fm_verify_options, fmr = -1e-4, call);                       \
        OPTION(FM_E_INVALID_ARGUMENT, fm_verify_options, fmr = 1, call);                           \
        OPTION(FM_E_LIMIT, fm_verify_options, fmr = 1e-5, call);                                   \
        OPTION(FM_E_INVALID_ARGUMENT, fm_verify_options, use_threshold = 2, call);                 \
        OPTION(FM_E_INVALID_ARGUMENT, fm_verify_options, use_threshold = -1, call);                \
        OPTION(FM_OK, fm_verify_options, use_threshold = 1; options->fmr = NAN, call);             \
        OPTION(FM_E_INVALID_ARGUMENT, fm_verify_options, use_threshold = 1;                        \
               options->threshold = NAN, call);                                                    \
        OPTION(FM_E_INVALID_ARGUMENT, fm_verify_options, use_threshold = 1;                        \
               options->threshold = INFINITY, call);                                               \
        OPTION(FM_E_INVALID_ARGUMENT, fm_verify_options, use_threshold = 1;                        \
               options->threshold = -INFINITY, call);                                              \
    } while (0)

static void test_compare(void **state)
{
    const float *v = in.vector;
    fm_verification *to = &out.verification.head;
    (void)state;
    VECTORS(fm_compare(model, a, b, dim, &out.value, err));
    REFUSED(fm_compare(in.embedder, v, v, DIM, NULL, err));

    VECTORS(fm_verify_embeddings(model, a, b, dim, NULL, to, err));
    REFUSED(fm_verify_embeddings(in.embedder, v, v, DIM, NULL, NULL, err));
    OUTPUT_SIZES(verification, fm_verify_embeddings(in.embedder, v, v, DIM, NULL, to, err));
    VERIFY_OPTIONS(fm_verify_embeddings(in.embedder, v, v, DIM, options, to, err));
    GIVES(FM_E_STATE, fm_verify_embeddings(in.uncalibrated, v, v, DIM, NULL, to, err));
    assert_int_equal(failures, 0);
}

static void test_verify(void **state)
{
    const fm_image *p = in.photo;
    fm_session *s = in.session;
    fm_verification *to = &out.verification.head;
    (void)state;
    REFUSED(fm_verify(NULL, p, p, NULL, to, err));
    REFUSED(fm_verify(s, NULL, p, NULL, to, err));
    REFUSED(fm_verify(s, p, NULL, NULL, to, err));
    REFUSED(fm_verify(s, p, p, NULL, NULL, err));
    OUTPUT_SIZES(verification, fm_verify(s, p, p, NULL, to, err));
    VERIFY_OPTIONS(fm_verify(s, p, p, options, to, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_verify_options, aligned = 2,
           fm_verify(s, p, p, options, to, err));
    OPTION(FM_OK, fm_verify_options, aligned = 1, fm_verify(in.embedding, p, p, options, to, err));
    GIVES(FM_E_STATE, fm_verify(in.embedding, p, p, NULL, to, err));
    GIVES(FM_E_STATE, fm_verify(in.detecting, p, p, NULL, to, err));
    GIVES(FM_E_NOT_FOUND, fm_verify(s, in.blank, p, NULL, to, err));
    GIVES(FM_E_NOT_FOUND, fm_verify(s, p, in.blank, NULL, to, err));
    assert_int_equal(failures, 0);
}

static void test_gallery_open(void **state)
{
    const char *uri = test_path("people.fmg"), *absent = test_path("absent.fmg");
    const fm_gallery_key unasked = {.struct_size = sizeof unasked, .passphrase = "open"};
    (void)state;
    write_file(test_path("text.fmg"),
               "this is not a gallery, but text that is long enough to be\n");
    REFUSED(fm_gallery_open(NULL, uri, in.embedder, NULL, err));
    REFUSED(fm_gallery_open(&out.gallery, NULL, in.embedder, NULL, err));
    GIVES(FM_E_MODEL_MISMATCH, fm_gallery_open(&out.gallery, uri, in.other, NULL, err));
    REFUSED(fm_gallery_open(&out.gallery, "", in.embedder, NULL, err));
    REFUSED(fm_gallery_open(&out.gallery, "sqlite:", in.embedder, NULL, err));
    REFUSED(fm_gallery_open(&out.gallery, uri, in.detector, NULL, err));
    GIVES(FM_E_UNSUPPORTED,
          fm_gallery_open(&out.gallery, "mysql://host/people", in.embedder, NULL, err));
#ifdef FM_POSTGRES
    GIVES(FM_E_IO, /* nobody listens */
          fm_gallery_open(&out.gallery, "postgres://127.0.0.1:1/people", in.embedder, NULL, err));
    REFUSED(fm_gallery_open(&out.gallery, "postgresql://a:b%/c", in.embedder, NULL, err));
    REFUSED(fm_gallery_open(&out.gallery, "postgresql://a/b?no=1", in.embedder, NULL, err));
    REFUSED(fm_gallery_open(&out.gallery, "postgresql://a/b?gallery=", in.embedder, NULL, err));
    REFUSED(fm_gallery_open(&out.gallery, "postgresql://a/b?gallery=%f", in.embedder, NULL, err));
    REFUSED(fm_gallery_open(&out.gallery, "postgresql://a/b?gallery=%FF", in.embedder, NULL, err));
    OPTION(FM_E_UNSUPPORTED, fm_gallery_options, key = &unasked,
           fm_gallery_open(&out.gallery, "postgresql://a/b", in.embedder, options, err));
#else
    GIVES(FM_E_UNSUPPORTED,
          fm_gallery_open(&out.gallery, "postgresql://host/people", in.embedder, NULL, err));
#endif
    GIVES(FM_E_CORRUPT,
          fm_gallery_open(&out.gallery, test_path("text.fmg"), in.embedder, NULL, err));
    OPTION(FM_E_STATE, fm_gallery_options, key = &unasked,
           fm_gallery_open(&out.gallery, uri, in.embedder, options, err));
    REFUSED(fm_gallery_open(&out.gallery, absent, NULL, NULL, err)); /* no model to make it for */
    OPTION_SIZES(fm_gallery_options, fm_gallery_open(&out.gallery, uri, in.embedder, options, err));
    OPTION(FM_E_NOT_FOUND, fm_gallery_options, mode = FM_GALLERY_EXISTING,
           fm_gallery_open(&out.gallery, absent, NULL, options, err));
    OPTION(FM_E_NOT_FOUND, fm_gallery_options, mode = FM_GALLERY_EXISTING,
           fm_gallery_open(&out.gallery, absent, in.embedder, options, err));
    OPTION(FM_E_NOT_FOUND, fm_gallery_options, mode = FM_GALLERY_READ_ONLY,
           fm_gallery_open(&out.gallery, absent, in.embedder, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_options, mode = 4,
           fm_gallery_open(&out.gallery, uri, in.embedder, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_options, mode = -1,
           fm_gallery_open(&out.gallery, uri, in.embedder, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_options, timeout_ms = -1,
           fm_gallery_open(&out.gallery, uri, in.embedder, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_options, threads = -1,
           fm_gallery_open(&out.gallery, uri, in.embedder, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_options, threads = 257,
           fm_gallery_open(&out.gallery, uri, in.embedder, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_options, threads = -1,
           fm_gallery_open(&out.gallery, uri, in.embedder, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_options, threads = 257,
           fm_gallery_open(&out.gallery, uri, in.embedder, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_options, reserved = 1,
           fm_gallery_open(&out.gallery, uri, in.embedder, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_options, index = -1,
           fm_gallery_open(&out.gallery, uri, in.embedder, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_options, index = FM_INDEX_HNSW + 1,
           fm_gallery_open(&out.gallery, uri, in.embedder, options, err));
    assert_int_not_equal(access(absent, F_OK), 0);
    assert_int_equal(failures, 0);
}

static fm_status no_key(void *user, uint8_t key[FM_GALLERY_KEY_SIZE])
{
    memset(key, 7, FM_GALLERY_KEY_SIZE);
    return user ? FM_E_CANCELED : FM_OK;
}

/* Every key that must be refused. `call` uses `options`, which is the key. */
#define KEYS(call)                                                                                 \
    do {                                                                                           \
        OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_key, user = NULL, call);                          \
        OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_key, struct_size = 8, call);                      \
        OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_key, size = FM_GALLERY_KEY_SIZE, call);           \
        OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_key, bytes = key, call);                          \
        OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_key, bytes = key; options->size = 31, call);      \
        OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_key, bytes = key; options->size = 33, call);      \
        OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_key, bytes = key; options->size = 32;             \
               options->reserved = 1, call);                                                       \
        OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_key, bytes = key; options->size = 32;             \
               options->passphrase = "open", call);                                                \
        OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_key, bytes = key; options->size = 32;             \
               options->callback = no_key, call);                                                  \
        OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_key, bytes = zeros; options->size = 32, call);    \
        OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_key, passphrase = "", call);                      \
        OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_key, passphrase = in.metadata_long, call);        \
        OPTION(FM_E_INVALID_ARGUMENT, fm_gallery_key, passphrase = "open";                         \
               options->size = 4, call);                                                           \
        OPTION(FM_E_CANCELED, fm_gallery_key, callback = no_key; options->user = key, call);       \
    } while (0)

static const fm_gallery_options *with(const fm_gallery_key *key)
{
    static fm_gallery_options options;
    fm_gallery_options_init(&options, sizeof options);
    options.key = key;
    return &options;
}

/* A key as a program compiled against a newer header would pass it. */
static void try_newer_key(const char *uri)
{
    GROWN(fm_gallery_key) grown;
    memset(&grown, 0, sizeof grown);
    grown.head.struct_size = sizeof grown;
    grown.head.callback = no_key;
    GIVES(FM_OK, fm_gallery_open(&out.gallery, uri, in.embedder, with(&grown.head), err));
    grown.tail[TAIL - 1] = 1;
    REFUSED(fm_gallery_open(&out.gallery, uri, in.embedder, with(&grown.head), err));
}

static void test_gallery_keys(void **state)
{
    uint8_t key[FM_GALLERY_KEY_SIZE] = {1, 2, 3}, other[FM_GALLERY_KEY_SIZE] = {9},
            zeros[FM_GALLERY_KEY_SIZE] = {0};
    const char *uri = test_path("sealed.fmg");
    fm_gallery_key good;
    fm_gallery *g = NULL;
    (void)state;
    KEYS(fm_gallery_open(&out.gallery, uri, in.embedder, with(options), err));
    assert_int_not_equal(access(uri, F_OK), 0);
    fm_gallery_key_init(&good, sizeof good);
    good.callback = no_key;
    assert_int_equal(fm_gallery_open(&g, uri, in.embedder, with(&good), NULL), FM_OK);
    try_newer_key(uri);
    OPTION(FM_E_PERMISSION, fm_gallery_key, bytes = other;
           options->size = 32, fm_gallery_open(&out.gallery, uri, in.embedder, with(options), err));
    OPTION(FM_E_PERMISSION, fm_gallery_key, passphrase = "open",
           fm_gallery_open(&out.gallery, uri, in.embedder, with(options), err));
    GIVES(FM_E_PERMISSION, fm_gallery_open(&out.gallery, uri, in.embedder, with(NULL), err));
    KEYS(fm_gallery_rekey(g, options, err));
    REFUSED(fm_gallery_rekey(NULL, &good, err));
    REFUSED(fm_gallery_rekey(g, NULL, err));
    GIVES(FM_E_PERMISSION, fm_gallery_rekey(in.read_only, &good, err));
    OPTION(FM_OK, fm_gallery_key, bytes = key;
           options->size = 32, fm_gallery_rekey(g, options, err));
    GIVES(FM_E_PERMISSION, fm_gallery_open(&out.gallery, uri, in.embedder, with(&good), err));
    fm_gallery_close(g);
    assert_int_equal(failures, 0);
}

/* What may stand beside a template. `call` uses `options`. */
#define ENROLL_OPTIONS(call)                                                                       \
    do {                                                                                           \
        OPTION_SIZES(fm_enroll_options, call);                                                     \
        OPTION(FM_E_INVALID_ARGUMENT, fm_enroll_options, display_name = in.id_256, call);          \
        OPTION(FM_E_INVALID_ARGUMENT, fm_enroll_options, display_name = "\xff", call);             \
        OPTION(FM_E_INVALID_ARGUMENT, fm_enroll_options, label = in.label_64, call);               \
        OPTION(FM_E_INVALID_ARGUMENT, fm_enroll_options, label = "\xc0\x80", call);                \
        OPTION(FM_OK, fm_enroll_options, label = in.label_64 + 1, call);                           \
        OPTION(FM_OK, fm_enroll_options, display_name = in.id_255, call);                          \
        OPTION(FM_E_INVALID_ARGUMENT, fm_enroll_options, metadata_json = "", call);                \
        OPTION(FM_E_INVALID_ARGUMENT, fm_enroll_options, metadata_json = "[]", call);              \
        OPTION(FM_E_INVALID_ARGUMENT, fm_enroll_options, metadata_json = "{\"a\":}", call);        \
        OPTION(FM_E_INVALID_ARGUMENT, fm_enroll_options, metadata_json = "{} {}", call);           \
        OPTION(FM_E_INVALID_ARGUMENT, fm_enroll_options, metadata_json = "{\"\xff\":1}", call);    \
        OPTION(FM_E_INVALID_ARGUMENT, fm_enroll_options, metadata_json = in.metadata_long, call);  \
        OPTION(FM_E_INVALID_ARGUMENT, fm_enroll_options, has_quality = 2, call);                   \
        OPTION(FM_E_INVALID_ARGUMENT, fm_enroll_options, has_quality = 1;                          \
               options->quality = NAN, call);                                                      \
        OPTION(FM_E_INVALID_ARGUMENT, fm_enroll_options, has_quality = 1;                          \
               options->quality = 1.01f, call);                                                    \
        OPTION(FM_E_INVALID_ARGUMENT, fm_enroll_options, has_quality = 1;                          \
               options->quality = -0.01f, call);                                                   \
    } while (0)

/* Limits that no gate takes. `call` uses `gate`; it must answer FM_OK for a gate that is off. */
#define GATE_OPTIONS(call)                                                                         \
    do {                                                                                           \
        OPTION_SIZES_OF_GATE(call);                                                                \
        GATE(FM_E_INVALID_ARGUMENT, off = 2, call);                                                \
        GATE(FM_E_INVALID_ARGUMENT, other_faces = 1.5f, call);                                     \
        GATE(FM_E_INVALID_ARGUMENT, min_size_px = NAN, call);                                      \
        GATE(FM_E_INVALID_ARGUMENT, min_size_px = INFINITY, call);                                 \
        GATE(FM_E_INVALID_ARGUMENT, min_score = 1.01f, call);                                      \
        GATE(FM_E_INVALID_ARGUMENT, min_sharpness = NAN, call);                                    \
        GATE(FM_E_INVALID_ARGUMENT, min_brightness = 256, call);                                   \
        GATE(FM_E_INVALID_ARGUMENT, max_brightness = NAN, call);                                   \
        GATE(FM_E_INVALID_ARGUMENT, max_yaw_deg = 181, call);                                      \
        GATE(FM_E_INVALID_ARGUMENT, max_pitch_deg = NAN, call);                                    \
        GATE(FM_E_INVALID_ARGUMENT, max_roll_deg = 181, call);                                     \
        GATE(FM_E_INVALID_ARGUMENT, use_scores = 2, call);                                         \
        GATE(FM_E_INVALID_ARGUMENT, use_scores = 1; options_.itself_score = NAN, call);            \
        GATE(FM_E_INVALID_ARGUMENT, use_scores = 1; options_.another_score = INFINITY, call);      \
        GATE(FM_E_INVALID_ARGUMENT, another_fpir = 1, call);                                       \
        GATE(FM_E_INVALID_ARGUMENT, itself_fmr = NAN, call);                                       \
        GATE(FM_OK, max_yaw_deg = -1, call);                                                       \
    } while (0)

/* One limit of a gate that is off set to what it must not be. */
#define GATE(expected, assignment, call)                                                           \
    do {                                                                                           \
        fm_gate_options options_, *gate = &options_;                                               \
        fm_gate_options_init(gate, sizeof *gate);                                                  \
        gate->off = 1;                                                                             \
        gate->assignment;                                                                          \
        GIVES(expected, call);                                                                     \
    } while (0)

#define OPTION_SIZES_OF_GATE(call)                                                                 \
    do {                                                                                           \
        GROWN(fm_gate_options) grown;                                                              \
        const fm_gate_options *gate = &grown.head;                                                 \
        memset(&grown, 0, sizeof grown);                                                           \
        grown.head.off = 1;                                                                        \
        REFUSED(call);                                                                             \
        grown.head.struct_size = sizeof grown.head - 1;                                            \
        REFUSED(call);                                                                             \
        grown.head.struct_size = sizeof grown;                                                     \
        GIVES(FM_OK, call);                                                                        \
        grown.tail[TAIL - 1] = 1;                                                                  \
        REFUSED(call);                                                                             \
    } while (0)

static fm_status enroll_with(const fm_gate_options *gate, fm_gate_report *report, fm_error *err)
{
    fm_enroll_options options;
    fm_enroll_options_init(&options, sizeof options);
    options.gate = gate;
    options.report = report;
    return fm_gallery_enroll(in.gallery, in.session, "gated", in.photo, &options,
                             &out.enrollment.head, err);
}

static fm_status add_with(const fm_gate_options *gate, fm_gate_report *report, fm_error *err)
{
    fm_enroll_options options;
    fm_enroll_options_init(&options, sizeof options);
    options.gate = gate;
    options.report = report;
    return fm_gallery_add(in.gallery, "gated", in.vector, DIM, &options, &out.enrollment.head, err);
}

static void test_gate(void **state)
{
    static const fm_gate_options off = {.struct_size = sizeof off, .off = 1};
    static const fm_gate_options dark = {.struct_size = sizeof dark, .min_brightness = 200};
    fm_gate_report *report = &out.gate_report.head;
    fm_session *s = in.session;
    const fm_image *p = in.photo;
    (void)state;
    RETURNS(fm_refusal_name(INT32_MIN));
    RETURNS(fm_refusal_name(INT32_MAX));
    REFUSED(fm_quality(NULL, p, NULL, &out.quality, err));
    REFUSED(fm_quality(s, NULL, NULL, &out.quality, err));
    REFUSED(fm_quality(s, p, NULL, NULL, err));
    GIVES(FM_OK, fm_quality(s, p, NULL, &out.quality, err));
    GIVES(FM_OK, fm_quality(in.embedding, p, &in.known_face, &out.quality, err));
    GIVES(FM_E_STATE, fm_quality(in.embedding, p, NULL, &out.quality, err));
    GIVES(FM_E_NOT_FOUND, fm_quality(s, in.blank, NULL, &out.quality, err));
    REFUSED(fm_gate_check(NULL, p, &off, report, err));
    REFUSED(fm_gate_check(s, NULL, &off, report, err));
    GIVES(FM_OK, fm_gate_check(s, p, &off, NULL, err));
    GIVES(FM_OK, fm_gate_check(in.detecting, p, &off, NULL, err));
    GIVES(FM_E_STATE, fm_gate_check(in.embedding, p, &off, report, err));
    GIVES(FM_OK, fm_gate_check(s, p, NULL, NULL, err));
    GIVES(FM_E_REFUSED, fm_gate_check(s, p, &dark, NULL, err));
    GIVES(FM_E_REFUSED, enroll_with(&dark, NULL, err));
    GIVES(FM_E_NOT_FOUND, fm_gate_check(s, in.blank, &off, NULL, err));
    OUTPUT_SIZES(gate_report, fm_gate_check(s, p, &off, report, err));
    OUTPUT_SIZES(gate_report, enroll_with(&off, report, err));
    OUTPUT_SIZES(gate_report, add_with(&off, report, err));
    GATE_OPTIONS(fm_gate_check(s, p, gate, report, err));
    GATE_OPTIONS(enroll_with(gate, report, err));
    assert_int_equal(fm_gallery_remove(in.gallery, "gated", NULL, NULL), FM_OK);
    GATE_OPTIONS(add_with(gate, report, err));
    assert_int_equal(fm_gallery_remove(in.gallery, "gated", NULL, NULL), FM_OK);
    assert_int_equal(failures, 0);
}

/* ---- liveness ---- */

#define LIVENESS_OPTIONS(call)                                                                     \
    do {                                                                                           \
        OPTION_SIZES(fm_liveness_options, call);                                                   \
        OPTION(FM_E_INVALID_ARGUMENT, fm_liveness_options, use_thresholds = 2, call);              \
        OPTION(FM_E_INVALID_ARGUMENT, fm_liveness_options, apcer = -0.1, call);                    \
        OPTION(FM_E_INVALID_ARGUMENT, fm_liveness_options, apcer = 1, call);                       \
        OPTION(FM_E_INVALID_ARGUMENT, fm_liveness_options, bpcer = NAN, call);                     \
        OPTION(FM_E_LIMIT, fm_liveness_options, apcer = 1e-9, call);                               \
        OPTION(FM_E_LIMIT, fm_liveness_options, bpcer = 1e-9, call);                               \
        OPTION(FM_E_INVALID_ARGUMENT, fm_liveness_options, use_thresholds = 1;                     \
               options->live_score = 1.1f, call);                                                  \
        OPTION(FM_E_INVALID_ARGUMENT, fm_liveness_options, use_thresholds = 1;                     \
               options->spoof_score = 0.1f, call);                                                 \
        OPTION(FM_E_INVALID_ARGUMENT, fm_liveness_options, use_thresholds = 1;                     \
               options->live_score = NAN, call);                                                   \
        OPTION(FM_E_INVALID_ARGUMENT, fm_liveness_options, min_size_px = INFINITY, call);          \
        OPTION(FM_E_INVALID_ARGUMENT, fm_liveness_options, min_inside = 1.1f, call);               \
        OPTION(FM_E_INVALID_ARGUMENT, fm_liveness_options, min_crop = NAN, call);                  \
        OPTION(FM_E_INVALID_ARGUMENT, fm_liveness_options, min_sharpness = INFINITY, call);        \
        OPTION(FM_OK, fm_liveness_options, min_size_px = -1, call);                                \
    } while (0)

static void test_liveness(void **state)
{
    fm_liveness_result *to = &out.liveness.head;
    fm_session *s = in.checking;
    const fm_image *p = in.photo;
    fm_face away = in.known_face, endless = in.known_face;
    (void)state;
    away.x = 1000;
    endless.width = INFINITY;
    RETURNS(fm_liveness_verdict_name(INT32_MIN));
    RETURNS(fm_liveness_verdict_name(INT32_MAX));
    RETURNS(fm_liveness_reason_name(-1));
    RETURNS(fm_liveness_reason_name(INT32_MAX));
    assert_string_equal(fm_liveness_verdict_name(FM_LIVENESS_UNCERTAIN), "uncertain");
    assert_string_equal(fm_liveness_verdict_name(4), "unknown");
    assert_string_equal(fm_liveness_reason_name(FM_LIVENESS_REASON_TOO_FEW), "too_few");
    assert_string_equal(fm_liveness_reason_name(9), "unknown");
    REFUSED(fm_liveness(NULL, p, NULL, NULL, to, err));
    REFUSED(fm_liveness(s, NULL, NULL, NULL, to, err));
    REFUSED(fm_liveness(s, p, NULL, NULL, NULL, err));
    REFUSED(fm_liveness(s, p, &away, NULL, to, err));
    REFUSED(fm_liveness(s, p, &endless, NULL, to, err));
    GIVES(FM_OK, fm_liveness(in.judging, p, &in.known_face, NULL, to, err));
    GIVES(FM_E_STATE, fm_liveness(in.judging, p, NULL, NULL, to, err));
    GIVES(FM_E_STATE, fm_liveness(in.session, p, NULL, NULL, to, err));
    GIVES(FM_E_NOT_FOUND, fm_liveness(s, in.blank, NULL, NULL, to, err));
    OUTPUT_SIZES(liveness, fm_liveness(s, p, NULL, NULL, to, err));
    LIVENESS_OPTIONS(fm_liveness(s, p, NULL, options, to, err));
    assert_int_equal(failures, 0);
}

static void test_liveness_batch(void **state)
{
    fm_liveness_result *to = &out.liveness.head;
    const size_t size = sizeof *to;
    fm_session *s = in.checking;
    (void)state;
    REFUSED(fm_liveness_batch(NULL, in.pair, 1, NULL, NULL, to, size, out.statuses, err));
    REFUSED(fm_liveness_batch(s, NULL, 1, NULL, NULL, to, size, out.statuses, err));
    REFUSED(fm_liveness_batch(s, in.pair, 1, NULL, NULL, NULL, size, out.statuses, err));
    REFUSED(fm_liveness_batch(s, in.pair, 1, NULL, NULL, to, size, NULL, err));
    REFUSED(fm_liveness_batch(s, in.pair, 1, NULL, NULL, to, 0, out.statuses, err));
    REFUSED(fm_liveness_batch(s, in.pair, 1, NULL, NULL, to, size + 1, out.statuses, err));
    REFUSED(
        fm_liveness_batch(s, in.pair, FM_LIMIT_BATCH + 1, NULL, NULL, to, size, out.statuses, err));
    REFUSED(fm_liveness_batch(s, in.pair, SIZE_MAX, NULL, NULL, to, size, out.statuses, err));
    REFUSED(fm_liveness_batch(s, &in.holed[1], 1, NULL, NULL, to, size, out.statuses, err));
    GIVES(FM_OK, fm_liveness_batch(s, NULL, 0, NULL, NULL, NULL, 0, NULL, err));
    GIVES(FM_E_STATE,
          fm_liveness_batch(in.session, in.pair, 1, NULL, NULL, to, size, out.statuses, err));
    GIVES(FM_E_STATE,
          fm_liveness_batch(in.judging, in.pair, 1, NULL, NULL, to, size, out.statuses, err));
    GIVES(FM_OK, fm_liveness_batch(in.judging, in.pair, 1, &in.known_face, NULL, to, size,
                                   out.statuses, err));
    ROW(FM_E_INVALID_ARGUMENT, to->struct_size = sizeof *to - 1,
        fm_liveness_batch(s, in.pair, 1, NULL, NULL, to, size, out.statuses, err));
    ROW(FM_E_INVALID_ARGUMENT, to->struct_size = sizeof *to + 8,
        fm_liveness_batch(s, in.pair, 1, NULL, NULL, to, size, out.statuses, err));
    LIVENESS_OPTIONS(fm_liveness_batch(s, in.pair, 1, NULL, options, to, size, out.statuses, err));
    assert_int_equal(failures, 0);
}

#define SEQUENCE_OPTION(expected, assignment)                                                      \
    OPTION(expected, fm_liveness_sequence_options, assignment,                                     \
           fm_liveness_sequence_create(&out.sequence, in.checking, options, err))

static void test_liveness_sequence(void **state)
{
    static const fm_liveness_options bad = {.struct_size = sizeof bad, .apcer = 2};
    fm_liveness_sequence *made = NULL;
    fm_liveness_result *to = &out.liveness.head;
    fm_session *s = in.checking;
    const fm_image *p = in.photo;
    (void)state;
    REFUSED(fm_liveness_sequence_create(NULL, s, NULL, err));
    REFUSED(fm_liveness_sequence_create(&out.sequence, NULL, NULL, err));
    GIVES(FM_E_STATE, fm_liveness_sequence_create(&out.sequence, in.session, NULL, err));
    GIVES(FM_E_STATE, fm_liveness_sequence_create(&out.sequence, in.judging, NULL, err));
    OPTION_SIZES(fm_liveness_sequence_options,
                 fm_liveness_sequence_create(&out.sequence, s, options, err));
    SEQUENCE_OPTION(FM_E_INVALID_ARGUMENT, min_frames = -1);
    SEQUENCE_OPTION(FM_E_INVALID_ARGUMENT, min_frames = FM_LIMIT_LIVENESS_FRAMES + 1);
    SEQUENCE_OPTION(FM_OK, min_frames = FM_LIMIT_LIVENESS_FRAMES);
    SEQUENCE_OPTION(FM_E_INVALID_ARGUMENT, max_frames = 2);
    SEQUENCE_OPTION(FM_E_INVALID_ARGUMENT, max_frames = FM_LIMIT_LIVENESS_FRAMES + 1);
    SEQUENCE_OPTION(FM_E_INVALID_ARGUMENT, still_difference = NAN);
    SEQUENCE_OPTION(FM_E_INVALID_ARGUMENT, still_difference = 256);
    SEQUENCE_OPTION(FM_E_INVALID_ARGUMENT, same_fmr = 1);
    SEQUENCE_OPTION(FM_E_INVALID_ARGUMENT, same_fmr = NAN);
    SEQUENCE_OPTION(FM_E_LIMIT, same_fmr = 1e-9);
    SEQUENCE_OPTION(FM_E_INVALID_ARGUMENT, use_same_score = 2);
    SEQUENCE_OPTION(FM_E_INVALID_ARGUMENT, use_same_score = 1; options->same_score = NAN);
    SEQUENCE_OPTION(FM_E_INVALID_ARGUMENT, liveness = &bad);
    assert_int_equal(fm_liveness_sequence_create(&made, s, NULL, NULL), FM_OK);
    REFUSED(fm_liveness_sequence_add(NULL, s, p, NULL, to, err));
    REFUSED(fm_liveness_sequence_add(made, NULL, p, NULL, to, err));
    REFUSED(fm_liveness_sequence_add(made, s, NULL, NULL, to, err));
    GIVES(FM_E_STATE, fm_liveness_sequence_add(made, in.session, p, NULL, to, err));
    GIVES(FM_E_NOT_FOUND, fm_liveness_sequence_add(made, s, in.blank, NULL, to, err));
    ROW(FM_E_INVALID_ARGUMENT, to->struct_size = 0,
        fm_liveness_sequence_add(made, s, p, NULL, to, err));
    GIVES(FM_OK, fm_liveness_sequence_add(made, s, p, NULL, to, err));
    REFUSED(fm_liveness_sequence_result(NULL, &out.fusion.head, err));
    REFUSED(fm_liveness_sequence_result(made, NULL, err));
    OUTPUT_SIZES(fusion, fm_liveness_sequence_result(made, &out.fusion.head, err));
    fm_liveness_sequence_free(made);
    assert_int_equal(failures, 0);
}

/* What a policy may not be, in each call that takes one. */
#define POLICIES(type, with_liveness, without)                                                     \
    do {                                                                                           \
        static const fm_liveness_options bad_ = {.struct_size = sizeof bad_, .apcer = 2};          \
        OPTION(FM_E_INVALID_ARGUMENT, type, liveness = -1, with_liveness);                         \
        OPTION(FM_E_INVALID_ARGUMENT, type, liveness = 3, with_liveness);                          \
        OPTION(FM_E_INVALID_ARGUMENT, type, liveness = FM_LIVENESS_REPORT;                         \
               options->aligned = 1, with_liveness);                                               \
        OPTION(FM_E_INVALID_ARGUMENT, type, liveness = FM_LIVENESS_REQUIRE;                        \
               options->liveness_options = &bad_, with_liveness);                                  \
        OPTION(FM_E_STATE, type, liveness = FM_LIVENESS_REPORT, without);                          \
        OPTION(FM_OK, type, liveness = FM_LIVENESS_REPORT, with_liveness);                         \
    } while (0)

static void test_liveness_policies(void **state)
{
    const fm_image *p = in.photo;
    fm_verification *v = &out.verification.head;
    fm_identification *i = &out.identification.head;
    fm_gallery *g = in.gallery;
    (void)state;
    POLICIES(fm_verify_options, fm_verify(in.checking, p, p, options, v, err),
             fm_verify(in.session, p, p, options, v, err));
    POLICIES(fm_verify_options, fm_verify_identity(g, in.checking, "anna", p, options, v, err),
             fm_verify_identity(g, in.session, "anna", p, options, v, err));
    POLICIES(fm_identify_options,
             fm_identify(g, in.checking, p, options, out.matches, 4, &out.count, i, err),
             fm_identify(g, in.session, p, options, out.matches, 4, &out.count, i, err));
    POLICIES(fm_enroll_options,
             fm_gallery_enroll(g, in.checking, "checked", p, options, &out.enrollment.head, err),
             fm_gallery_enroll(g, in.session, "checked", p, options, &out.enrollment.head, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_enroll_options, reserved = 1,
           fm_gallery_enroll(g, in.checking, "checked", p, options, &out.enrollment.head, err));
    assert_int_equal(fm_gallery_remove(g, "checked", NULL, NULL), FM_OK);
    assert_int_equal(failures, 0);
}

static void test_liveness_calibrate(void **state)
{
    static const float scores[] = {0.9f, 0.1f}, high[] = {0.9f, 1.1f}, nan[] = {NAN, 0.1f};
    static const int32_t kinds[] = {0, 1}, live[] = {0, 0}, attacks[] = {1, 1}, bad[] = {0, -1};
    static char text[4096];
    (void)state;
    REFUSED(fm_liveness_calibrate(NULL, kinds, 2, NULL, text, sizeof text, NULL, err));
    REFUSED(fm_liveness_calibrate(scores, NULL, 2, NULL, text, sizeof text, NULL, err));
    REFUSED(fm_liveness_calibrate(high, kinds, 2, NULL, text, sizeof text, NULL, err));
    REFUSED(fm_liveness_calibrate(nan, kinds, 2, NULL, text, sizeof text, NULL, err));
    REFUSED(fm_liveness_calibrate(scores, bad, 2, NULL, text, sizeof text, NULL, err));
    GIVES(FM_E_STATE, fm_liveness_calibrate(scores, kinds, 0, NULL, text, sizeof text, NULL, err));
    GIVES(FM_E_STATE, fm_liveness_calibrate(scores, live, 2, NULL, text, sizeof text, NULL, err));
    GIVES(FM_E_STATE,
          fm_liveness_calibrate(scores, attacks, 2, NULL, text, sizeof text, NULL, err));
    GIVES(FM_E_BUFFER_TOO_SMALL, fm_liveness_calibrate(scores, kinds, 2, NULL, NULL, 0, NULL, err));
    OPTION_SIZES(fm_calibration_options,
                 fm_liveness_calibrate(scores, kinds, 2, options, text, sizeof text, NULL, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_calibration_options, dataset = "a\nb",
           fm_liveness_calibrate(scores, kinds, 2, options, text, sizeof text, NULL, err));
    assert_int_equal(failures, 0);
}

static void test_liveness_thresholds(void **state)
{
#define POINTS                                                                                     \
    "\"points\":[{\"score\":0,\"apcer\":1,\"bpcer\":0},{\"score\":1,\"apcer\":0,\"bpcer\":0}]}"
    static const char text[] = "{\"attacks\":100,\"live\":100," POINTS;
    float live = -1, spoof = -1;
    (void)state;
    REFUSED(fm_liveness_thresholds(NULL, NULL, &live, &spoof, err));
    REFUSED(fm_liveness_thresholds(text, NULL, NULL, &spoof, err));
    REFUSED(fm_liveness_thresholds(text, NULL, &live, NULL, err));
    GIVES(FM_E_CORRUPT, fm_liveness_thresholds("", NULL, &live, &spoof, err));
    GIVES(FM_E_CORRUPT, fm_liveness_thresholds("[]", NULL, &live, &spoof, err));
    GIVES(FM_E_CORRUPT, fm_liveness_thresholds("{\"live\":100," POINTS, NULL, &live, &spoof, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_liveness_options, apcer = 1,
           fm_liveness_thresholds(text, options, &live, &spoof, err));
    OPTION(FM_E_LIMIT, fm_liveness_options, apcer = 0.001,
           fm_liveness_thresholds(text, options, &live, &spoof, err));
    OPTION(FM_E_LIMIT, fm_liveness_options, bpcer = 0.001,
           fm_liveness_thresholds(text, options, &live, &spoof, err));
    assert_true(live == -1 && spoof == -1);
    OPTION_SIZES(fm_liveness_options, fm_liveness_thresholds(text, options, &live, &spoof, err));
    assert_true(live == 1 && spoof == 1);
    assert_int_equal(failures, 0);
#undef POINTS
}

/* Without a calibration one photograph can be that of many. */
static void test_gallery_enroll(void **state)
{
    fm_gallery *g = in.lenient;
    fm_session *s = in.session;
    const fm_image *p = in.photo;
    fm_enrollment *to = &out.enrollment.head;
    (void)state;
    REFUSED(fm_gallery_enroll(NULL, s, "enrolled", p, NULL, to, err));
    REFUSED(fm_gallery_enroll(g, NULL, "enrolled", p, NULL, to, err));
    REFUSED(fm_gallery_enroll(g, s, "enrolled", NULL, NULL, to, err));
    GIVES(FM_OK, fm_gallery_enroll(g, s, "enrolled", p, NULL, NULL, err));
    ID_TEXTS(FM_OK, fm_gallery_enroll(g, s, id, p, NULL, to, err));
    OUTPUT_SIZES(enrollment, fm_gallery_enroll(g, s, "enrolled", p, NULL, to, err));
    ENROLL_OPTIONS(fm_gallery_enroll(g, s, "enrolled-options", p, options, to, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_enroll_options, aligned = 2,
           fm_gallery_enroll(g, s, "enrolled", p, options, to, err));
    OPTION(FM_OK, fm_enroll_options, aligned = 1,
           fm_gallery_enroll(g, in.embedding, "enrolled-crop", p, options, to, err));
    GIVES(FM_E_STATE, fm_gallery_enroll(g, in.embedding, "new", p, NULL, to, err));
    GIVES(FM_E_STATE, fm_gallery_enroll(g, in.detecting, "new", p, NULL, to, err));
    GIVES(FM_E_NOT_FOUND, fm_gallery_enroll(g, s, "new", in.blank, NULL, to, err));
    GIVES(FM_E_STATE, fm_gallery_enroll(in.managed, s, "new", p, NULL, to, err));
    GIVES(FM_E_PERMISSION, fm_gallery_enroll(in.read_only, s, "new", p, NULL, to, err));
    GIVES(FM_E_MODEL_MISMATCH, fm_gallery_enroll(g, in.strange, "new", p, NULL, to, err));
    assert_int_equal(failures, 0);
}

static void test_gallery_add(void **state)
{
    static const size_t bad_dims[] = {0, DIM - 1, DIM + 1, SIZE_MAX};
    fm_gallery *g = in.gallery;
    const float *v = in.vector;
    fm_enrollment *to = &out.enrollment.head;
    (void)state;
    REFUSED(fm_gallery_add(NULL, "added", v, DIM, NULL, to, err));
    REFUSED(fm_gallery_add(g, "added", NULL, DIM, NULL, to, err));
    REFUSED(fm_gallery_add(g, "added", in.zero, DIM, NULL, to, err));
    REFUSED(fm_gallery_add(g, "added", in.nan, DIM, NULL, to, err));
    REFUSED(fm_gallery_add(g, "added", in.infinite, DIM, NULL, to, err));
    for (size_t i = 0; i < 4; i++)
        REFUSED(fm_gallery_add(g, "added", v, bad_dims[i], NULL, to, err));
    GIVES(FM_OK, fm_gallery_add(g, "added", v, DIM, NULL, NULL, err));
    ID_TEXTS(FM_OK, fm_gallery_add(g, id, v, DIM, NULL, to, err));
    OUTPUT_SIZES(enrollment, fm_gallery_add(g, "added", v, DIM, NULL, to, err));
    ENROLL_OPTIONS(fm_gallery_add(g, "added-options", v, DIM, options, to, err));
    GIVES(FM_E_PERMISSION, fm_gallery_add(in.read_only, "new", v, DIM, NULL, to, err));
    assert_int_equal(failures, 0);
}

static void test_gallery_templates_are_limited(void **state)
{
    fm_enrollment *to = &out.enrollment.head;
    (void)state;
    for (int i = 0; i < FM_LIMIT_TEMPLATES; i++)
        assert_int_equal(fm_gallery_add(in.gallery, "full", in.vector, DIM, NULL, NULL, NULL),
                         FM_OK);
    GIVES(FM_E_LIMIT, fm_gallery_add(in.gallery, "full", in.vector, DIM, NULL, to, err));
    assert_int_equal(failures, 0);
}

static void test_gallery_remove(void **state)
{
    fm_gallery *g = in.gallery;
    (void)state;
    REFUSED(fm_gallery_remove(NULL, "anna", &out.count, err));
    ID_TEXTS(FM_E_NOT_FOUND, fm_gallery_remove(in.plain, id, &out.count, err));
    GIVES(FM_E_NOT_FOUND, fm_gallery_remove(g, "stranger", &out.count, err));
    GIVES(FM_E_PERMISSION, fm_gallery_remove(in.read_only, "anna", &out.count, err));

    REFUSED(fm_gallery_remove_template(NULL, "anna", in.template_id, err));
    ID_TEXTS(FM_E_NOT_FOUND, fm_gallery_remove_template(in.plain, id, 1, err));
    GIVES(FM_E_NOT_FOUND, fm_gallery_remove_template(g, "stranger", in.template_id, err));
    GIVES(FM_E_NOT_FOUND, fm_gallery_remove_template(g, "anna", INT64_MAX, err));
    REFUSED(fm_gallery_remove_template(g, "anna", 0, err));
    GIVES(FM_E_NOT_FOUND, fm_gallery_remove_template(g, "anna", in.template_id + 1, err));
    GIVES(FM_E_PERMISSION, fm_gallery_remove_template(in.read_only, "anna", in.template_id, err));
    assert_int_equal(failures, 0);
}

static void test_gallery_look_up(void **state)
{
    fm_gallery *g = in.gallery;
    (void)state;
    REFUSED(fm_gallery_describe(NULL, &out.gallery_info.head, err));
    REFUSED(fm_gallery_describe(g, NULL, err));
    OUTPUT_SIZES(gallery_info, fm_gallery_describe(g, &out.gallery_info.head, err));
    REFUSED(fm_gallery_count(NULL, &out.count, &out.counts[0], err));
    GIVES(FM_OK, fm_gallery_count(g, NULL, NULL, err));

    REFUSED(fm_gallery_get(NULL, "anna", &out.identity, err));
    REFUSED(fm_gallery_get(g, "anna", NULL, err));
    ID_TEXTS(FM_E_NOT_FOUND, fm_gallery_get(in.plain, id, &out.identity, err));

    REFUSED(fm_gallery_list(NULL, NULL, out.identities, 2, &out.count, err));
    REFUSED(fm_gallery_list(g, NULL, NULL, 2, &out.count, err));
    REFUSED(fm_gallery_list(g, NULL, out.identities, 0, &out.count, err));
    REFUSED(fm_gallery_list(g, NULL, out.identities, 2, NULL, err));
    REFUSED(fm_gallery_list(g, in.id_256, out.identities, 2, &out.count, err));
    for (int i = 0; i < NOT_UTF8; i++)
        REFUSED(fm_gallery_list(g, not_utf8[i], out.identities, 2, &out.count, err));
    GIVES(FM_OK, fm_gallery_list(g, "", out.identities, 2, &out.count, err));
    assert_int_equal(failures, 0);
}

static void test_gallery_look_inside(void **state)
{
    fm_gallery *g = in.gallery;
    const size_t room = sizeof out.text;
    (void)state;
    GIVES(FM_OK, fm_gallery_get_metadata(g, "anna", out.text, room, &out.count, err));
    REFUSED(fm_gallery_get_metadata(NULL, "anna", out.text, room, &out.count, err));
    ID_TEXTS(FM_E_NOT_FOUND,
             fm_gallery_get_metadata(in.plain, id, out.text, room, &out.count, err));
    GIVES(FM_E_BUFFER_TOO_SMALL, fm_gallery_get_metadata(g, "anna", out.text, 2, NULL, err));
    GIVES(FM_E_BUFFER_TOO_SMALL, fm_gallery_get_metadata(g, "anna", out.text, 0, NULL, err));
    GIVES(FM_E_BUFFER_TOO_SMALL, fm_gallery_get_metadata(g, "anna", NULL, 0, NULL, err));

    REFUSED(fm_gallery_get_templates(NULL, "anna", out.templates, 2, &out.count, err));
    REFUSED(fm_gallery_get_templates(g, "anna", NULL, 2, &out.count, err));
    REFUSED(fm_gallery_get_templates(g, "anna", out.templates, 2, NULL, err));
    GIVES(FM_OK, fm_gallery_get_templates(g, "anna", NULL, 0, &out.count, err));
    ID_TEXTS(FM_E_NOT_FOUND, fm_gallery_get_templates(in.plain, id, NULL, 0, &out.count, err));

    GIVES(FM_OK, fm_gallery_get_embedding(g, "anna", in.template_id, out.floats, DIM, err));
    REFUSED(fm_gallery_get_embedding(NULL, "anna", in.template_id, out.floats, DIM, err));
    REFUSED(fm_gallery_get_embedding(g, "anna", in.template_id, NULL, DIM, err));
    GIVES(FM_E_BUFFER_TOO_SMALL,
          fm_gallery_get_embedding(g, "anna", in.template_id, out.floats, DIM - 1, err));
    REFUSED(fm_gallery_get_embedding(g, "anna", -1, out.floats, DIM, err));
    GIVES(FM_E_NOT_FOUND, fm_gallery_get_embedding(g, "anna", INT64_MAX, out.floats, DIM, err));
    ID_TEXTS(FM_E_NOT_FOUND, fm_gallery_get_embedding(in.plain, id, 1, out.floats, DIM, err));
    assert_int_equal(failures, 0);
}

static void test_gallery_metadata_tells_what_it_needs(void **state)
{
    char text[2] = {'x', 'x'};
    size_t needed = 0;
    (void)state;
    assert_int_equal(fm_gallery_get_metadata(in.gallery, "anna", text, 2, &needed, NULL),
                     FM_E_BUFFER_TOO_SMALL);
    assert_int_equal(needed, 3);
    assert_memory_equal(text, "xx", 2);
}

static const fm_transfer_options *sealed_by(const fm_gallery_key *key)
{
    static fm_transfer_options options;
    fm_transfer_options_init(&options, sizeof options);
    options.key = key;
    return &options;
}

static void test_gallery_transfer(void **state)
{
    fm_gallery *g = in.gallery;
    uint8_t key[FM_GALLERY_KEY_SIZE] = {1}, zeros[FM_GALLERY_KEY_SIZE] = {0};
    const fm_gallery_key good = {.struct_size = sizeof good, .callback = no_key};
    fm_transfer *to = &out.transfer.head;
    char path[256], again[256];
    static const char *const servers[3] = {"postgresql://a/b", "postgresql://c/d", NULL};
    (void)state;
    snprintf(path, sizeof path, "%s", test_path("people.jsonl"));
    snprintf(again, sizeof again, "%s", test_path("people.fmg"));
    REFUSED(fm_gallery_export(NULL, path, NULL, to, err));
    REFUSED(fm_gallery_export(g, NULL, NULL, to, err));
    REFUSED(fm_gallery_export(g, "", NULL, to, err));
    REFUSED(fm_gallery_export(g, again, NULL, to, err));
    GIVES(FM_E_IO, fm_gallery_export(g, "/nonexistent/folder/x", NULL, to, err));
    GIVES(FM_OK, fm_gallery_export(in.read_only, path, NULL, NULL, err));
    OPTION_SIZES(fm_transfer_options, fm_gallery_export(g, path, options, to, err));
    OUTPUT_SIZES(transfer, fm_gallery_export(g, path, NULL, to, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_transfer_options, on_existing = 4,
           fm_gallery_export(g, path, options, to, err));

    REFUSED(fm_gallery_import(NULL, path, NULL, to, err));
    REFUSED(fm_gallery_import(g, NULL, NULL, to, err));
    REFUSED(fm_gallery_import(g, "", NULL, to, err));
    REFUSED(fm_gallery_import(g, again, NULL, to, err));
    GIVES(FM_E_NOT_FOUND, fm_gallery_import(g, "/nonexistent/folder/x", NULL, to, err));
    GIVES(FM_E_IO, fm_gallery_import(g, "/", NULL, to, err));
    GIVES(FM_E_EXISTS, fm_gallery_import(g, path, NULL, to, err));
    GIVES(FM_E_PERMISSION, fm_gallery_import(in.read_only, path, NULL, to, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_transfer_options, on_existing = -1,
           fm_gallery_import(g, path, options, to, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_transfer_options, on_existing = 4,
           fm_gallery_import(g, path, options, to, err));
    OPTION(FM_E_EXISTS, fm_transfer_options, on_existing = FM_EXISTING_REFUSE,
           fm_gallery_import(g, path, options, to, err));
    OPTION(FM_OK, fm_transfer_options, on_existing = FM_EXISTING_SKIP,
           fm_gallery_import(g, path, options, to, err));
    KEYS(fm_gallery_export(g, path, sealed_by(options), to, err));
    GIVES(FM_E_STATE, fm_gallery_import(g, path, sealed_by(&good), to, err));
    GIVES(FM_OK, fm_gallery_export(g, path, sealed_by(&good), to, err));
    KEYS(fm_gallery_import(g, path, sealed_by(options), to, err));
    GIVES(FM_E_PERMISSION, fm_gallery_import(g, path, NULL, to, err));
    GIVES(FM_E_EXISTS, fm_gallery_import(g, path, sealed_by(&good), to, err));

    REFUSED(fm_gallery_compact(NULL, err));
    GIVES(FM_E_PERMISSION, fm_gallery_compact(in.read_only, err));
    GIVES(FM_OK, fm_gallery_compact(g, err));

    REFUSED(fm_gallery_shard(NULL, servers, 2, NULL, to, err));
    REFUSED(fm_gallery_shard(g, NULL, 2, NULL, to, err));
    REFUSED(fm_gallery_shard(g, servers, 0, NULL, to, err));
    REFUSED(fm_gallery_shard(g, servers, 3, NULL, to, err)); /* the third one is NULL */
    REFUSED(fm_gallery_shard(g, servers, FM_LIMIT_SHARDS + 1, NULL, to, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_transfer_options, on_existing = 4,
           fm_gallery_shard(g, servers, 2, options, to, err));
    GIVES(FM_E_PERMISSION, fm_gallery_shard(in.read_only, servers, 2, NULL, to, err));
    GIVES(FM_E_UNSUPPORTED, fm_gallery_shard(g, servers, 2, NULL, to, err));
    assert_int_equal(failures, 0);
}

/* All sizes of the structs of an import, into a gallery where it goes through each time. */
static void test_gallery_import_structs(void **state)
{
    fm_transfer_options skip = {.struct_size = sizeof skip, .on_existing = FM_EXISTING_SKIP};
    fm_error error = {sizeof error, 0, ""};
    fm_gallery *g = NULL;
    char path[256];
    fm_transfer *to = &out.transfer.head;
    (void)state;
    snprintf(path, sizeof path, "%s", test_path("nobody.jsonl"));
    assert_int_equal(fm_gallery_open(&g, test_path("nobody.fmg"), in.embedder, NULL, &error),
                     FM_OK);
    assert_int_equal(fm_gallery_export(g, path, NULL, NULL, &error), FM_OK);
    OPTION_SIZES(fm_transfer_options, fm_gallery_import(g, path, options, to, err));
    OUTPUT_SIZES(transfer, fm_gallery_import(g, path, &skip, to, err));
    fm_gallery_close(g);
    assert_int_equal(failures, 0);
}

/* Operating points that no identification takes. `call` uses `options`. */
#define IDENTIFY_OPTIONS(call)                                                                     \
    do {                                                                                           \
        OPTION_SIZES(fm_identify_options, call);                                                   \
        OPTION(FM_E_INVALID_ARGUMENT, fm_identify_options, fpir = NAN, call);                      \
        OPTION(FM_E_INVALID_ARGUMENT, fm_identify_options, fpir = INFINITY, call);                 \
        OPTION(FM_E_INVALID_ARGUMENT, fm_identify_options, fpir = -0.1, call);                     \
        OPTION(FM_E_INVALID_ARGUMENT, fm_identify_options, fpir = 1, call);                        \
        OPTION(FM_OK, fm_identify_options, fpir = 1e-12, call);                                    \
        OPTION(FM_E_INVALID_ARGUMENT, fm_identify_options, use_threshold = 2, call);               \
        OPTION(FM_OK, fm_identify_options, use_threshold = 1; options->fpir = NAN, call);          \
        OPTION(FM_E_INVALID_ARGUMENT, fm_identify_options, use_threshold = 1;                      \
               options->threshold = NAN, call);                                                    \
        OPTION(FM_E_INVALID_ARGUMENT, fm_identify_options, use_threshold = 1;                      \
               options->threshold = INFINITY, call);                                               \
        OPTION(FM_OK, fm_identify_options, score = FM_SCORE_MEAN, call);                           \
        OPTION(FM_E_INVALID_ARGUMENT, fm_identify_options, score = 3, call);                       \
        OPTION(FM_E_INVALID_ARGUMENT, fm_identify_options, score = -1, call);                      \
    } while (0)

static void test_identify(void **state)
{
    fm_gallery *g = in.gallery;
    fm_session *s = in.session;
    const fm_image *p = in.photo;
    fm_match *m = out.matches;
    size_t *c = &out.count;
    fm_identification *to = &out.identification.head;
    (void)state;
    REFUSED(fm_identify(NULL, s, p, NULL, m, 4, c, to, err));
    REFUSED(fm_identify(g, NULL, p, NULL, m, 4, c, to, err));
    REFUSED(fm_identify(g, s, NULL, NULL, m, 4, c, to, err));
    REFUSED(fm_identify(g, s, p, NULL, NULL, 4, c, to, err));
    REFUSED(fm_identify(g, s, p, NULL, m, 4, NULL, to, err));
    REFUSED(fm_identify(g, s, p, NULL, m, 0, c, to, err));
    REFUSED(fm_identify(g, s, p, NULL, m, FM_LIMIT_MATCHES + 1, c, to, err));
    REFUSED(fm_identify(g, s, p, NULL, m, SIZE_MAX, c, to, err));
    GIVES(FM_OK, fm_identify(g, s, p, NULL, m, 4, c, NULL, err));
    OUTPUT_SIZES(identification, fm_identify(g, s, p, NULL, m, 4, c, to, err));
    IDENTIFY_OPTIONS(fm_identify(g, s, p, options, m, 4, c, to, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_identify_options, aligned = -1,
           fm_identify(g, s, p, options, m, 4, c, to, err));
    OPTION(FM_OK, fm_identify_options, aligned = 1,
           fm_identify(g, in.embedding, p, options, m, 4, c, to, err));
    GIVES(FM_E_STATE, fm_identify(g, in.embedding, p, NULL, m, 4, c, to, err));
    GIVES(FM_E_STATE, fm_identify(g, in.detecting, p, NULL, m, 4, c, to, err));
    GIVES(FM_E_STATE, fm_identify(in.managed, s, p, NULL, m, 4, c, to, err));
    GIVES(FM_E_MODEL_MISMATCH, fm_identify(g, in.strange, p, NULL, m, 4, c, to, err));
    GIVES(FM_E_NOT_FOUND, fm_identify(g, s, in.blank, NULL, m, 4, c, to, err));
    assert_int_equal(failures, 0);
}

static void test_gallery_search(void **state)
{
    static const size_t bad_dims[] = {0, DIM - 1, DIM + 1, SIZE_MAX};
    fm_gallery *g = in.gallery;
    const float *v = in.vector;
    fm_match *m = out.matches;
    size_t *c = out.counts;
    fm_identification *to = &out.identification.head;
    (void)state;
    GIVES(FM_OK, fm_gallery_search(g, v, 2, DIM, NULL, m, 2, c, NULL, err));
    GIVES(FM_OK, fm_gallery_search(g, NULL, 0, DIM, NULL, NULL, 1, NULL, NULL, err));
    REFUSED(fm_gallery_search(NULL, v, 1, DIM, NULL, m, 2, c, to, err));
    REFUSED(fm_gallery_search(g, NULL, 1, DIM, NULL, m, 2, c, to, err));
    REFUSED(fm_gallery_search(g, v, 1, DIM, NULL, NULL, 2, c, to, err));
    REFUSED(fm_gallery_search(g, v, 1, DIM, NULL, m, 2, NULL, to, err));
    REFUSED(fm_gallery_search(g, in.nan, 1, DIM, NULL, m, 2, c, to, err));
    REFUSED(fm_gallery_search(g, in.infinite, 1, DIM, NULL, m, 2, c, to, err));
    REFUSED(fm_gallery_search(g, v, FM_LIMIT_BATCH + 1, DIM, NULL, m, 2, c, to, err));
    REFUSED(fm_gallery_search(g, v, SIZE_MAX, DIM, NULL, m, 2, c, to, err));
    REFUSED(fm_gallery_search(g, v, 1, DIM, NULL, m, 0, c, to, err));
    REFUSED(fm_gallery_search(g, v, 1, DIM, NULL, m, FM_LIMIT_MATCHES + 1, c, to, err));
    REFUSED(fm_gallery_search(g, v, 1, DIM, NULL, m, SIZE_MAX, c, to, err));
    for (size_t i = 0; i < 4; i++)
        REFUSED(fm_gallery_search(g, v, 1, bad_dims[i], NULL, m, 2, c, to, err));
    OUTPUT_SIZES(identification, fm_gallery_search(g, v, 1, DIM, NULL, m, 2, c, to, err));
    IDENTIFY_OPTIONS(fm_gallery_search(g, v, 1, DIM, options, m, 2, c, to, err));
    GIVES(FM_E_STATE, fm_gallery_search(in.managed, v, 1, DIM, NULL, m, 2, c, to, err));
    GIVES(FM_E_STATE, fm_gallery_search(in.plain, v, 1, DIM, NULL, m, 2, c, to, err));
    assert_int_equal(failures, 0);
}

static void test_gallery_recall(void **state)
{
    fm_gallery *g = in.gallery;
    double *to = &out.number;
    (void)state;
    GIVES(FM_OK, fm_gallery_recall(g, 1, 1, to, err));
    GIVES(FM_OK, fm_gallery_recall(g, FM_LIMIT_BATCH, FM_LIMIT_MATCHES, to, err));
    REFUSED(fm_gallery_recall(NULL, 1, 1, to, err));
    REFUSED(fm_gallery_recall(g, 1, 1, NULL, err));
    REFUSED(fm_gallery_recall(g, 0, 1, to, err));
    REFUSED(fm_gallery_recall(g, FM_LIMIT_BATCH + 1, 1, to, err));
    REFUSED(fm_gallery_recall(g, SIZE_MAX, 1, to, err));
    REFUSED(fm_gallery_recall(g, 1, 0, to, err));
    REFUSED(fm_gallery_recall(g, 1, FM_LIMIT_MATCHES + 1, to, err));
    REFUSED(fm_gallery_recall(g, 1, SIZE_MAX, to, err));
    GIVES(FM_E_STATE, fm_gallery_recall(in.managed, 1, 1, to, err));
    assert_int_equal(failures, 0);
}

static void test_verify_identity(void **state)
{
    fm_gallery *g = in.gallery;
    fm_session *s = in.session;
    const fm_image *p = in.photo;
    fm_verification *to = &out.verification.head;
    (void)state;
    REFUSED(fm_verify_identity(NULL, s, "anna", p, NULL, to, err));
    REFUSED(fm_verify_identity(g, NULL, "anna", p, NULL, to, err));
    REFUSED(fm_verify_identity(g, s, "anna", NULL, NULL, to, err));
    REFUSED(fm_verify_identity(g, s, "anna", p, NULL, NULL, err));
    OUTPUT_SIZES(verification, fm_verify_identity(g, s, "anna", p, NULL, to, err));
    VERIFY_OPTIONS(fm_verify_identity(g, s, "anna", p, options, to, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_verify_options, aligned = 2,
           fm_verify_identity(g, s, "anna", p, options, to, err));
    GIVES(FM_E_NOT_FOUND, fm_verify_identity(g, s, "stranger", p, NULL, to, err));
    GIVES(FM_E_NOT_FOUND, fm_verify_identity(g, s, "anna", in.blank, NULL, to, err));
    GIVES(FM_E_MODEL_MISMATCH, fm_verify_identity(g, in.strange, "anna", p, NULL, to, err));
    ID_TEXTS(FM_OK, fm_verify_identity(g, s, id, p, NULL, to, err));
    GIVES(FM_E_STATE, fm_verify_identity(g, in.embedding, "anna", p, NULL, to, err));
    GIVES(FM_E_STATE, fm_verify_identity(g, in.detecting, "anna", p, NULL, to, err));
    GIVES(FM_E_STATE, fm_verify_identity(in.managed, s, "anna", p, NULL, to, err));
    assert_int_equal(failures, 0);
}

static void test_evaluate(void **state)
{
    float scores[] = {0.9f, 0.1f, 0.8f, 0.2f}, bad_scores[] = {0.9f, INFINITY, 0.8f, 0.2f};
    uint8_t genuine[] = {1, 0, 1, 0}, all_genuine[] = {1, 1, 1, 1}, odd[] = {1, 0, 2, 0};
    int32_t folds[] = {0, 0, 1, 1}, negative[] = {0, 0, -1, 1}, large[] = {0, 0, 0, 1000};
    double fars[] = {0.5}, zero[] = {0}, one[] = {1}, nan[] = {NAN};
    fm_pairs_report *to = &out.report.head;
    double *t = out.numbers;
    (void)state;
    REFUSED(fm_evaluate_pairs(NULL, genuine, folds, 4, fars, 1, t, to, err));
    REFUSED(fm_evaluate_pairs(scores, NULL, folds, 4, fars, 1, t, to, err));
    REFUSED(fm_evaluate_pairs(scores, genuine, folds, 0, fars, 1, t, to, err));
    REFUSED(fm_evaluate_pairs(scores, genuine, folds, FM_LIMIT_PAIRS + 1u, fars, 1, t, to, err));
    REFUSED(fm_evaluate_pairs(scores, genuine, folds, SIZE_MAX, fars, 1, t, to, err));
    REFUSED(fm_evaluate_pairs(scores, genuine, folds, 4, NULL, 1, t, to, err));
    REFUSED(fm_evaluate_pairs(scores, genuine, folds, 4, fars, 1, NULL, to, err));
    REFUSED(fm_evaluate_pairs(scores, genuine, folds, 4, fars, 1, t, NULL, err));
    REFUSED(fm_evaluate_pairs(scores, genuine, folds, 4, zero, 1, t, to, err));
    REFUSED(fm_evaluate_pairs(scores, genuine, folds, 4, one, 1, t, to, err));
    REFUSED(fm_evaluate_pairs(scores, genuine, folds, 4, nan, 1, t, to, err));
    REFUSED(fm_evaluate_pairs(bad_scores, genuine, folds, 4, fars, 1, t, to, err));
    REFUSED(fm_evaluate_pairs(scores, all_genuine, folds, 4, fars, 1, t, to, err));
    REFUSED(fm_evaluate_pairs(scores, odd, folds, 4, fars, 1, t, to, err));
    REFUSED(fm_evaluate_pairs(scores, genuine, negative, 4, fars, 1, t, to, err));
    REFUSED(fm_evaluate_pairs(scores, genuine, large, 4, fars, 1, t, to, err));
    GIVES(FM_OK, fm_evaluate_pairs(scores, genuine, NULL, 4, NULL, 0, NULL, to, err));
    OUTPUT_SIZES(report, fm_evaluate_pairs(scores, genuine, folds, 4, fars, 1, t, to, err));
    assert_int_equal(failures, 0);
}

/* Free what a row made, if it made one. */
static fm_status new_evaluation(const fm_evaluation_options *options, fm_error *err)
{
    fm_status status = fm_evaluation_new(&out.evaluation, options, err);
    if (status == FM_OK) {
        fm_evaluation_free(out.evaluation);
        memset(&out.evaluation, 0xA5, sizeof out.evaluation);
    }
    return status;
}

static void test_evaluation_new(void **state)
{
    (void)state;
    REFUSED(fm_evaluation_new(NULL, NULL, err));
    GIVES(FM_OK, new_evaluation(NULL, err));
    OPTION_SIZES(fm_evaluation_options, new_evaluation(options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_evaluation_options, failures = 2,
           new_evaluation(options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_evaluation_options, failures = -1,
           new_evaluation(options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_evaluation_options, confidence = 1,
           new_evaluation(options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_evaluation_options, confidence = 0.4,
           new_evaluation(options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_evaluation_options, confidence = NAN,
           new_evaluation(options, err));
    assert_int_equal(failures, 0);
}

static fm_evaluation *some_evaluation(const float *scores, const uint8_t *genuine,
                                      const int32_t *first, const int32_t *second)
{
    fm_evaluation *e = NULL;
    fm_error err = {sizeof err, 0, ""};
    assert_int_equal(fm_evaluation_new(&e, NULL, &err), FM_OK);
    assert_int_equal(fm_evaluation_add(e, scores, genuine, first, second, 4, &err), FM_OK);
    return e;
}

static void test_evaluation_add(void **state)
{
    float scores[] = {0.9f, 0.1f, 0.8f, NAN}, bad_scores[] = {0.9f, -INFINITY, 0.8f, 0.2f};
    uint8_t genuine[] = {1, 0, 1, 0}, odd[] = {1, 0, 2, 0};
    int32_t first[] = {0, 0, 1, 2}, second[] = {0, 1, 1, 1}, negative[] = {0, 0, -1, 2};
    int32_t large[] = {0, 0, 1, FM_LIMIT_PEOPLE}, other[] = {1, 1, 1, 1};
    fm_evaluation *e = some_evaluation(scores, genuine, first, second);
    (void)state;
    REFUSED(fm_evaluation_add(NULL, scores, genuine, first, second, 4, err));
    REFUSED(fm_evaluation_add(e, NULL, genuine, first, second, 4, err));
    REFUSED(fm_evaluation_add(e, scores, NULL, first, second, 4, err));
    REFUSED(fm_evaluation_add(e, scores, genuine, NULL, second, 4, err));
    REFUSED(fm_evaluation_add(e, scores, genuine, first, NULL, 4, err));
    REFUSED(fm_evaluation_add(e, scores, genuine, NULL, NULL, 4, err));
    REFUSED(fm_evaluation_add(e, bad_scores, genuine, first, second, 4, err));
    REFUSED(fm_evaluation_add(e, scores, odd, first, second, 4, err));
    REFUSED(fm_evaluation_add(e, scores, genuine, negative, second, 4, err));
    REFUSED(fm_evaluation_add(e, scores, genuine, large, second, 4, err));
    REFUSED(fm_evaluation_add(e, scores, genuine, other, second, 4, err));
    GIVES(FM_E_LIMIT, fm_evaluation_add(e, scores, genuine, first, second, SIZE_MAX, err));
    GIVES(FM_E_LIMIT,
          fm_evaluation_add(e, scores, genuine, first, second, FM_LIMIT_COMPARISONS, err));
    GIVES(FM_OK, fm_evaluation_add(e, NULL, NULL, NULL, NULL, 0, err));
    GIVES(FM_OK, fm_evaluation_add(e, scores, genuine, first, second, 4, err));
    fm_evaluation_free(e);
    assert_int_equal(failures, 0);
}

static void test_evaluation_read(void **state)
{
    float scores[] = {0.9f, 0.1f, 0.8f, 0.2f};
    uint8_t genuine[] = {1, 0, 1, 0}, strangers[] = {0, 0, 0, 0};
    fm_evaluation *e = some_evaluation(scores, genuine, NULL, NULL);
    fm_evaluation *half = some_evaluation(scores, strangers, NULL, NULL);
    int64_t *bins = out.bins[0], *more = out.bins[1];
    (void)state;
    REFUSED(fm_evaluation_describe(NULL, &out.figures.head, err));
    REFUSED(fm_evaluation_describe(e, NULL, err));
    GIVES(FM_E_STATE, fm_evaluation_describe(half, &out.figures.head, err));
    OUTPUT_SIZES(figures, fm_evaluation_describe(e, &out.figures.head, err));
    REFUSED(fm_evaluation_at_threshold(NULL, 0.5f, &out.point.head, err));
    REFUSED(fm_evaluation_at_threshold(e, NAN, &out.point.head, err));
    REFUSED(fm_evaluation_at_threshold(e, INFINITY, &out.point.head, err));
    REFUSED(fm_evaluation_at_threshold(e, 0.5f, NULL, err));
    GIVES(FM_E_STATE, fm_evaluation_at_threshold(half, 0.5f, &out.point.head, err));
    OUTPUT_SIZES(point, fm_evaluation_at_threshold(e, 0.5f, &out.point.head, err));
    REFUSED(fm_evaluation_at_fmr(NULL, 0.5, &out.point.head, err));
    REFUSED(fm_evaluation_at_fmr(e, 0.5, NULL, err));
    REFUSED(fm_evaluation_at_fmr(e, 0, &out.point.head, err));
    REFUSED(fm_evaluation_at_fmr(e, 1, &out.point.head, err));
    REFUSED(fm_evaluation_at_fmr(e, NAN, &out.point.head, err));
    GIVES(FM_E_LIMIT, fm_evaluation_at_fmr(e, 0.4, &out.point.head, err));
    GIVES(FM_E_STATE, fm_evaluation_at_fmr(half, 0.5, &out.point.head, err));
    OUTPUT_SIZES(point, fm_evaluation_at_fmr(e, 0.5, &out.point.head, err));
    REFUSED(fm_evaluation_curve(NULL, out.curve, 16, &out.count, err));
    REFUSED(fm_evaluation_curve(e, NULL, 16, &out.count, err));
    REFUSED(fm_evaluation_curve(e, out.curve, 16, NULL, err));
    REFUSED(fm_evaluation_curve(e, out.curve, 7, &out.count, err));
    GIVES(FM_E_STATE, fm_evaluation_curve(half, out.curve, 16, &out.count, err));
    GIVES(FM_OK, fm_evaluation_curve(e, out.curve, 16, &out.count, err));
    REFUSED(fm_evaluation_histogram(NULL, 0, 1, 4, bins, more, err));
    REFUSED(fm_evaluation_histogram(e, NAN, 1, 4, bins, more, err));
    REFUSED(fm_evaluation_histogram(e, 0, INFINITY, 4, bins, more, err));
    REFUSED(fm_evaluation_histogram(e, 1, 1, 4, bins, more, err));
    REFUSED(fm_evaluation_histogram(e, 0, 1, 0, bins, more, err));
    REFUSED(fm_evaluation_histogram(e, 0, 1, 65537, bins, more, err));
    REFUSED(fm_evaluation_histogram(e, 0, 1, 4, NULL, more, err));
    REFUSED(fm_evaluation_histogram(e, 0, 1, 4, bins, NULL, err));
    GIVES(FM_E_STATE, fm_evaluation_histogram(half, 0, 1, 4, bins, more, err));
    GIVES(FM_OK, fm_evaluation_histogram(e, 0, 1, 4, bins, more, err));
    fm_evaluation_free(e);
    fm_evaluation_free(half);
    assert_int_equal(failures, 0);
}

static void test_calibrate(void **state)
{
    enum { N = 4000 };
    static float scores[N];
    static uint8_t genuine[N];
    static char text[65536];
    float few[] = {0.9f, 0.1f, 0.8f, 0.2f};
    uint8_t kinds[] = {1, 0, 1, 0};
    fm_evaluation *e = NULL, *small = some_evaluation(few, kinds, NULL, NULL), *counted = NULL;
    fm_evaluation_options count;
    (void)state;
    for (size_t i = 0; i < N; i++) {
        scores[i] = (float)i / N;
        genuine[i] = i % 2;
    }
    fm_evaluation_options_init(&count, sizeof count);
    count.failures = FM_FAILURES_COUNT;
    assert_int_equal(fm_evaluation_new(&e, NULL, NULL), FM_OK);
    assert_int_equal(fm_evaluation_new(&counted, &count, NULL), FM_OK);
    assert_int_equal(fm_evaluation_add(e, scores, genuine, NULL, NULL, N, NULL), FM_OK);
    assert_int_equal(fm_evaluation_add(counted, scores, genuine, NULL, NULL, N, NULL), FM_OK);
    REFUSED(fm_calibrate(NULL, NULL, text, sizeof text, NULL, err));
    REFUSED(fm_calibrate(counted, NULL, text, sizeof text, NULL, err));
    GIVES(FM_E_STATE, fm_calibrate(small, NULL, text, sizeof text, NULL, err));
    GIVES(FM_E_BUFFER_TOO_SMALL, fm_calibrate(e, NULL, NULL, 0, NULL, err));
    GIVES(FM_E_BUFFER_TOO_SMALL, fm_calibrate(e, NULL, out.text, 16, NULL, err));
    GIVES(FM_OK, fm_calibrate(e, NULL, text, sizeof text, &out.count, err));
    OPTION_SIZES(fm_calibration_options, fm_calibrate(e, options, text, sizeof text, NULL, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_calibration_options, metric = 7,
           fm_calibrate(e, options, text, sizeof text, NULL, err));
    for (size_t i = 0; i < NOT_UTF8; i++)
        OPTION(FM_E_INVALID_ARGUMENT, fm_calibration_options, dataset = not_utf8[i],
               fm_calibrate(e, options, text, sizeof text, NULL, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_calibration_options, dataset = "a\nb",
           fm_calibrate(e, options, text, sizeof text, NULL, err));
    fm_evaluation_free(e);
    fm_evaluation_free(small);
    fm_evaluation_free(counted);
    assert_int_equal(failures, 0);
}

#define TRAINER(expected, assignment)                                                              \
    OPTION(expected, fm_trainer_options, assignment,                                               \
           fm_trainer_create(&out.trainer, in.embedder, options, err))

static void test_trainer_create(void **state)
{
    const char *names[] = {"layer.bias", "", "nothing", NULL};
    (void)state;
    REFUSED(fm_trainer_create(NULL, in.embedder, NULL, err));
    REFUSED(fm_trainer_create(&out.trainer, NULL, NULL, err));
    REFUSED(fm_trainer_create(&out.trainer, in.detector, NULL, err));
    GIVES(FM_OK, fm_trainer_create(&out.trainer, in.embedder, NULL, err));
    OPTION_SIZES(fm_trainer_options, fm_trainer_create(&out.trainer, in.embedder, options, err));
    TRAINER(FM_E_INVALID_ARGUMENT, loss = -1);
    TRAINER(FM_E_INVALID_ARGUMENT, loss = 5);
    TRAINER(FM_E_INVALID_ARGUMENT, mining = 4);
    TRAINER(FM_E_INVALID_ARGUMENT, reduction = 3);
    TRAINER(FM_E_INVALID_ARGUMENT, margin = -0.1f);
    TRAINER(FM_E_INVALID_ARGUMENT, margin = 101);
    TRAINER(FM_E_INVALID_ARGUMENT, margin = NAN);
    TRAINER(FM_E_INVALID_ARGUMENT, people_per_batch = 1);
    TRAINER(FM_E_INVALID_ARGUMENT, people_per_batch = 10001);
    TRAINER(FM_E_INVALID_ARGUMENT, people_per_batch = 1025); /* times 4 */
    TRAINER(FM_OK, people_per_batch = 1024);
    TRAINER(FM_E_INVALID_ARGUMENT, photographs_per_person = 1);
    TRAINER(FM_E_INVALID_ARGUMENT, photographs_per_person = 1001);
    TRAINER(FM_E_INVALID_ARGUMENT, epochs = -1);
    TRAINER(FM_E_INVALID_ARGUMENT, epochs = 100001);
    TRAINER(FM_E_INVALID_ARGUMENT, steps_per_epoch = -1);
    TRAINER(FM_E_INVALID_ARGUMENT, optimizer = 4);
    TRAINER(FM_E_INVALID_ARGUMENT, learning_rate = -1);
    TRAINER(FM_E_INVALID_ARGUMENT, learning_rate = NAN);
    TRAINER(FM_E_INVALID_ARGUMENT, learning_rate = INFINITY);
    TRAINER(FM_E_INVALID_ARGUMENT, momentum = 1.5f);
    TRAINER(FM_E_INVALID_ARGUMENT, momentum = NAN);
    TRAINER(FM_OK, momentum = -1);
    TRAINER(FM_E_INVALID_ARGUMENT, weight_decay = -1);
    TRAINER(FM_E_INVALID_ARGUMENT, weight_decay = NAN);
    TRAINER(FM_E_INVALID_ARGUMENT, schedule = 4);
    TRAINER(FM_E_INVALID_ARGUMENT, schedule_epochs = -1);
    TRAINER(FM_E_INVALID_ARGUMENT, patience = -1);
    TRAINER(FM_E_INVALID_ARGUMENT, fresh = 2);
    TRAINER(FM_E_INVALID_ARGUMENT, head_dim = -1);
    TRAINER(FM_E_INVALID_ARGUMENT, head_dim = 65537);
    TRAINER(FM_E_INVALID_ARGUMENT, freeze_count = 1);
    TRAINER(FM_OK, freeze_count = 1; options->freeze = names);
    TRAINER(FM_E_INVALID_ARGUMENT, freeze_count = 2; options->freeze = names);
    TRAINER(FM_E_INVALID_ARGUMENT, freeze_count = 1; options->freeze = names + 2);
    TRAINER(FM_E_INVALID_ARGUMENT, freeze_count = 1; options->freeze = names + 3);
    TRAINER(FM_E_INVALID_ARGUMENT, augmentation.flip = 1.1f);
    TRAINER(FM_E_INVALID_ARGUMENT, augmentation.shift = 0.6f);
    TRAINER(FM_E_INVALID_ARGUMENT, augmentation.blur = NAN);
    TRAINER(FM_E_INVALID_ARGUMENT, device = "");
    TRAINER(FM_E_DEVICE, device = "none:0");
    TRAINER(FM_E_INVALID_ARGUMENT, threads = -1);
    TRAINER(FM_E_INVALID_ARGUMENT, threads = 257);
    TRAINER(FM_E_INVALID_ARGUMENT, aligned = 2);
    TRAINER(FM_E_INVALID_ARGUMENT, detector = in.embedder);
    for (size_t i = 0; i < NOT_UTF8; i++)
        TRAINER(FM_E_INVALID_ARGUMENT, device = not_utf8[i]);
    assert_int_equal(failures, 0);
}

static fm_trainer *new_trainer(fm_error *err)
{
    fm_trainer_options options;
    fm_trainer *trainer = NULL;
    fm_trainer_options_init(&options, sizeof options);
    options.detector = in.detector;
    options.epochs = 3;
    assert_int_equal(fm_trainer_create(&trainer, in.uncalibrated, &options, err), FM_OK);
    return trainer;
}

static void test_trainer_add_image(void **state)
{
    fm_trainer *trainer = new_trainer(NULL), *blind = NULL;
    static char name[4097];
    (void)state;
    memset(name, 'n', 4096);
    assert_int_equal(fm_trainer_create(&blind, in.embedder, NULL, NULL), FM_OK);
    REFUSED(fm_trainer_add_image(NULL, in.photo, "anna", NULL, FM_ROLE_TRAIN, err));
    REFUSED(fm_trainer_add_image(trainer, NULL, "anna", NULL, FM_ROLE_TRAIN, err));
    REFUSED(fm_trainer_add_image(trainer, in.photo, "anna", name, FM_ROLE_TRAIN, err));
    REFUSED(fm_trainer_add_image(trainer, in.photo, "anna", "a\nb", FM_ROLE_TRAIN, err));
    REFUSED(fm_trainer_add_image(trainer, in.photo, "anna", NULL, 0, err));
    REFUSED(fm_trainer_add_image(trainer, in.photo, "anna", NULL, 3, err));
    GIVES(FM_E_NOT_FOUND,
          fm_trainer_add_image(trainer, in.blank, "anna", NULL, FM_ROLE_TRAIN, err));
    GIVES(FM_E_STATE, fm_trainer_add_image(blind, in.photo, "anna", NULL, FM_ROLE_TRAIN, err));
    ID_TEXTS(FM_OK, fm_trainer_add_image(trainer, in.photo, id, NULL, FM_ROLE_TRAIN, err));
    name[4095] = '\0';
    GIVES(FM_OK, fm_trainer_add_image(trainer, in.photo, "anna", name, FM_ROLE_TRAIN, err));
    fm_trainer_free(trainer);
    fm_trainer_free(blind);
    assert_int_equal(failures, 0);
}

static void test_trainer_add_frame(void **state)
{
    static char name[4097];
    fm_trainer_options options;
    fm_liveness_options limits;
    fm_trainer *trainer = NULL, *blind = NULL, *strict = NULL, *embedding = new_trainer(NULL);
    (void)state;
    memset(name, 'n', 4096);
    fm_trainer_options_init(&options, sizeof options);
    fm_liveness_options_init(&limits, sizeof limits);
    assert_int_equal(fm_trainer_create(&blind, in.liveness, &options, NULL), FM_OK);
    options.detector = in.detector;
    assert_int_equal(fm_trainer_create(&trainer, in.liveness, &options, NULL), FM_OK);
    options.liveness = &limits;
    limits.min_inside = 2;
    REFUSED(fm_trainer_create(&out.trainer, in.liveness, &options, err));
    limits.min_inside = 0;
    limits.min_size_px = 10000;
    assert_int_equal(fm_trainer_create(&strict, in.liveness, &options, NULL), FM_OK);
#define FRAME(trainer, image, shows, person, name, role)                                           \
    fm_trainer_add_frame(trainer, image, shows, person, name, role, err)
    REFUSED(FRAME(NULL, in.photo, FM_FRAME_LIVE, "anna", NULL, FM_ROLE_TRAIN));
    REFUSED(FRAME(trainer, NULL, FM_FRAME_LIVE, "anna", NULL, FM_ROLE_TRAIN));
    REFUSED(FRAME(trainer, in.photo, FM_FRAME_ATTACK - 1, "anna", NULL, FM_ROLE_TRAIN));
    REFUSED(FRAME(trainer, in.photo, 64, "anna", NULL, FM_ROLE_TRAIN));
    REFUSED(FRAME(trainer, in.photo, FM_FRAME_LIVE, "anna", name, FM_ROLE_TRAIN));
    REFUSED(FRAME(trainer, in.photo, FM_FRAME_LIVE, "anna", NULL, 0));
    REFUSED(FRAME(trainer, in.photo, FM_FRAME_LIVE, "anna", NULL, 3));
    REFUSED(FRAME(embedding, in.photo, FM_FRAME_LIVE, "anna", NULL, FM_ROLE_TRAIN));
    REFUSED(fm_trainer_add_image(trainer, in.photo, "anna", NULL, FM_ROLE_TRAIN, err));
    GIVES(FM_E_NOT_FOUND, FRAME(trainer, in.blank, FM_FRAME_LIVE, "anna", NULL, FM_ROLE_TRAIN));
    GIVES(FM_E_STATE, FRAME(blind, in.photo, FM_FRAME_LIVE, "anna", NULL, FM_ROLE_TRAIN));
    GIVES(FM_E_UNSUPPORTED, fm_trainer_check(trainer, NULL, err));
    GIVES(FM_E_REFUSED, FRAME(strict, in.photo, FM_FRAME_LIVE, "anna", NULL, FM_ROLE_TRAIN));
    GIVES(FM_E_STATE, fm_trainer_epoch(trainer, NULL, NULL, err)); /* no frames */
    ID_TEXTS(FM_OK, FRAME(trainer, in.photo, FM_FRAME_LIVE, id, NULL, FM_ROLE_TRAIN));
    GIVES(FM_E_STATE, fm_trainer_epoch(trainer, NULL, NULL, err)); /* no attack */
    GIVES(FM_OK, FRAME(trainer, in.photo, 0, "anna", "a", FM_ROLE_VALIDATION));
    GIVES(FM_OK, FRAME(trainer, in.photo, FM_FRAME_ATTACK, "bert", "b", FM_ROLE_TRAIN));
    GIVES(FM_E_STATE, fm_trainer_epoch(trainer, NULL, NULL, err)); /* no live face left out */
#undef FRAME
    fm_trainer_free(trainer);
    fm_trainer_free(blind);
    fm_trainer_free(strict);
    fm_trainer_free(embedding);
    assert_int_equal(failures, 0);
}

static void test_trainer_run(void **state)
{
    fm_trainer *trainer = new_trainer(NULL), *other = new_trainer(NULL);
    const char *path = test_path("mine.pt");
    fm_trainer_save_options again;
    (void)state;
    fm_trainer_save_options_init(&again, sizeof again);
    again.overwrite = 1;
    REFUSED(fm_trainer_check(NULL, &out.count, err));
    GIVES(FM_E_STATE, fm_trainer_check(trainer, &out.count, err));
    REFUSED(fm_trainer_epoch(NULL, NULL, NULL, err));
    GIVES(FM_E_STATE, fm_trainer_epoch(trainer, NULL, NULL, err));
    for (int i = 0; i < 4; i++) {
        const char *person = i % 2 ? "anna" : "bert";
        assert_int_equal(fm_trainer_add_image(trainer, in.photo, person, NULL, FM_ROLE_TRAIN, NULL),
                         FM_OK);
        assert_int_equal(fm_trainer_add_image(other, in.photo, person, NULL, FM_ROLE_TRAIN, NULL),
                         FM_OK);
    }
    REFUSED(fm_trainer_stats(NULL, &out.stats.head, err));
    REFUSED(fm_trainer_stats(trainer, NULL, err));
    OUTPUT_SIZES(stats, fm_trainer_stats(trainer, &out.stats.head, err));
    GIVES(FM_OK, fm_trainer_check(trainer, NULL, err));
    GIVES(FM_E_STATE, fm_trainer_checkpoint(trainer, path, err));
    GIVES(FM_E_STATE, fm_trainer_save(trainer, path, NULL, err));
    GIVES(FM_OK, fm_trainer_epoch(trainer, NULL, NULL, err)); /* three times */
    GIVES(FM_E_STATE, fm_trainer_epoch(trainer, NULL, NULL, err));
    GIVES(FM_E_STATE, fm_trainer_add_image(trainer, in.photo, "a", NULL, FM_ROLE_TRAIN, err));
    REFUSED(fm_trainer_checkpoint(NULL, path, err));
    REFUSED(fm_trainer_checkpoint(trainer, NULL, err));
    REFUSED(fm_trainer_checkpoint(trainer, "", err));
    GIVES(FM_OK, fm_trainer_checkpoint(trainer, test_path("run"), err));
    REFUSED(fm_trainer_resume(NULL, test_path("run"), err));
    REFUSED(fm_trainer_resume(other, NULL, err));
    REFUSED(fm_trainer_resume(other, "", err));
    GIVES(FM_E_NOT_FOUND, fm_trainer_resume(other, test_path("none"), err));
    GIVES(FM_E_STATE, fm_trainer_resume(trainer, test_path("run"), err));
    assert_int_equal(fm_trainer_resume(other, test_path("run"), NULL), FM_OK);
    REFUSED(fm_trainer_save(NULL, path, NULL, err));
    REFUSED(fm_trainer_save(trainer, NULL, NULL, err));
    REFUSED(fm_trainer_save(trainer, "", NULL, err));
    GIVES(FM_OK, fm_trainer_save(trainer, path, &again, err));
    GIVES(FM_E_EXISTS, fm_trainer_save(trainer, path, NULL, err));
    GIVES(FM_E_EXISTS, fm_trainer_save(other, path, NULL, err));
    remove(path);
    OPTION_SIZES(fm_trainer_save_options,
                 (remove(path), fm_trainer_save(trainer, path, options, err)));
    OPTION(FM_E_INVALID_ARGUMENT, fm_trainer_save_options, overwrite = 2,
           fm_trainer_save(trainer, path, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_trainer_save_options, name = "a\nb",
           fm_trainer_save(trainer, path, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_trainer_save_options, license = not_utf8[0],
           fm_trainer_save(trainer, path, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_trainer_save_options, source = not_utf8[1],
           fm_trainer_save(trainer, path, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_trainer_save_options, training_data = not_utf8[2],
           fm_trainer_save(trainer, path, options, err));
    OPTION(FM_E_INVALID_ARGUMENT, fm_trainer_save_options, dataset = not_utf8[3],
           fm_trainer_save(trainer, path, options, err));
    fm_trainer_free(trainer);
    fm_trainer_free(other);
    assert_int_equal(failures, 0);
}

/* Runs last: has every function of the map been in a row? */
static void test_all_functions_are_in_the_table(void **state)
{
    FILE *map = fopen(FM_MAP_FILE, "r");
    char line[256], name[64];
    size_t names = 0;
    (void)state;
    assert_non_null(map);
    while (fgets(line, sizeof line, map)) {
        size_t i = 0;
        if (sscanf(line, " fm_%60[a-z0-9_];", name + 3) != 1)
            continue;
        memcpy(name, "fm_", 3);
        while (i < called_count && strcmp(called[i], name) != 0)
            i++;
        if (i == called_count)
            complain(__LINE__, name, "is in no row");
        names++;
    }
    fclose(map);
    assert_int_equal(failures, 0);
    assert_int_equal(names, called_count);
}

#define TEST(name) cmocka_unit_test_setup(name, no_failures)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_version),
        TEST(test_inits),
        TEST(test_frees_take_null),
        TEST(test_image_load),
        TEST(test_image_load_memory),
        TEST(test_image_from_pixels),
        TEST(test_image_read),
        TEST(test_image_copy_tells_what_it_needs),
        TEST(test_image_draw_faces),
        TEST(test_model_load),
        TEST(test_model_load_memory),
        TEST(test_model_read),
        TEST(test_session_create),
        TEST(test_detect_and_align),
        TEST(test_embed),
        TEST(test_embed_counts_no_faces),
        TEST(test_embed_many),
        TEST(test_compare),
        TEST(test_verify),
        TEST(test_gallery_open),
        TEST(test_gate),
        TEST(test_liveness),
        TEST(test_liveness_batch),
        TEST(test_liveness_sequence),
        TEST(test_liveness_policies),
        TEST(test_liveness_calibrate),
        TEST(test_liveness_thresholds),
        TEST(test_gallery_keys),
        TEST(test_gallery_enroll),
        TEST(test_gallery_add),
        TEST(test_gallery_templates_are_limited),
        TEST(test_gallery_remove),
        TEST(test_gallery_look_up),
        TEST(test_gallery_look_inside),
        TEST(test_gallery_metadata_tells_what_it_needs),
        TEST(test_gallery_transfer),
        TEST(test_gallery_import_structs),
        TEST(test_identify),
        TEST(test_gallery_search),
        TEST(test_gallery_recall),
        TEST(test_verify_identity),
        TEST(test_evaluate),
        TEST(test_evaluation_new),
        TEST(test_evaluation_add),
        TEST(test_evaluation_read),
        TEST(test_calibrate),
        TEST(test_trainer_create),
        TEST(test_trainer_add_image),
        TEST(test_trainer_add_frame),
        TEST(test_trainer_run),
        TEST(test_all_functions_are_in_the_table),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
