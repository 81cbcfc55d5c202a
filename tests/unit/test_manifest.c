/* facematch.json: what is read, what is refused and how, and the spelling that enters the model id.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/manifest.h"
#include "core/memory.h"
#include "helpers.h"
#include <facematch/status.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "\"format\":1,\"kind\":\"embedder\",\"family\":\"triplet\","
#define INPUT                                                                                      \
    "\"input\":{\"width\":150,\"height\":140,\"order\":\"RGB\",\"mean\":[1,2,3],"                  \
    "\"std\":[4,5,6]},"
#define POINTS "\"points\":[[1,2],[3,4],[5,6],[7,8],[9,10]]"
#define ALIGN  "\"alignment\":{" POINTS ",\"border\":\"zero\"},"
#define EMBED  "\"embedding\":{\"dim\":2,\"normalize\":true},"
#define METRIC "\"metric\":\"cosine\""
#define WHOLE  "{" HEAD INPUT ALIGN EMBED METRIC "}"

#define DETECTOR_WITH(detector)                                                                    \
    "{\"format\":1,\"kind\":\"detector\"," INPUT "\"detector\":{" detector "}}"
#define DETECTOR_TAIL "\"factor\":0.709,\"cell\":12,\"stride\":2,\"nms\":[0.5,0.7,0.7]"

#define CALIBRATION(points)                                                                        \
    "{" HEAD INPUT ALIGN EMBED METRIC                                                              \
    ",\"calibration\":{\"dataset\":\"d\",\"impostor_comparisons\":10,\"points\":" points "}}"
#define TWO_POINTS "[{\"fmr\":0.1,\"score\":1},{\"fmr\":0.01,\"score\":2}]"
#define WITH_TAIL(score, fmr, shape, scale, covariance)                                            \
    CALIBRATION(TWO_POINTS ",\"tail\":{\"exceedances\":9,\"score\":" score ",\"fmr\":" fmr         \
                           ",\"shape\":" shape ",\"scale\":" scale ",\"covariance\":" covariance   \
                           "}")
#define MISSES(list) CALIBRATION(TWO_POINTS ",\"genuine\":" list)
#define WEIGHTED(metric, weights)                                                                  \
    "{" HEAD INPUT ALIGN EMBED "\"metric\":\"" metric "\",\"metric_weights\":" weights "}"

#define SIAMESE_CALIBRATION(points, more)                                                          \
    "{" HEAD INPUT ALIGN EMBED "\"metric\":\"siamese\",\"metric_weights\":{\"weights\":[1,2],"     \
    "\"bias\":0},\"calibration\":{\"dataset\":\"d\",\"impostor_comparisons\":10,"                  \
    "\"points\":" points more "}}"
#define ODDS_TAIL(of)                                                                              \
    ",\"tail\":{" of "\"exceedances\":9,\"score\":-1,\"fmr\":0.1,\"shape\":-0.1,\"scale\":1,"      \
    "\"covariance\":[0,0,0,0,0,0]}"
#define TWO_ODDS "[{\"fmr\":0.1,\"score\":0.5},{\"fmr\":0.01,\"score\":0.8}]"

static fm_status parse(fmi_manifest *out, const char *text, fm_error *err)
{
    return fmi_manifest_parse(out, text, strlen(text), err);
}

static fmi_manifest parse_good(const char *text)
{
    fmi_manifest m;
    fm_error err = {sizeof err, 0, ""};
    memset(&m, 0, sizeof m);
    fm_assert_status(parse(&m, text, &err), FM_OK, &err);
    return m;
}

static void test_manifest_reads_an_embedder(void **state)
{
    fmi_manifest m = parse_good("{\"name\":\"n\",\"source\":\"s\",\"license\":\"l\","
                                "\"training_data\":\"t\",\"unknown\":[1,{}],"
                                "\"runtime\":{\"memory_format\":\"channels_last\","
                                "\"memory_format_bfloat16\":\"contiguous\",\"batch\":8},"
                                "\"calibration\":{\"dataset\":\"d\",\"impostor_comparisons\":77,"
                                "\"points\":[{\"fmr\":1,\"score\":-1},{\"fmr\":0.001,\"score\":2}]}"
                                "," HEAD INPUT "\"alignment\":{" POINTS
                                ",\"border\":\"replicate\"}," EMBED METRIC "}");
    (void)state;
    assert_int_equal(m.kind, FM_MODEL_EMBEDDER);
    assert_int_equal(m.family, FM_FAMILY_TRIPLET);
    assert_int_equal(m.metric, FM_METRIC_COSINE);
    assert_string_equal(m.name, "n");
    assert_string_equal(m.source, "s");
    assert_string_equal(m.license, "l");
    assert_string_equal(m.training_data, "t");
    assert_int_equal(m.input.width, 150);
    assert_int_equal(m.input.height, 140);
    assert_false(m.input.bgr);
    fm_assert_floats_near(m.input.mean, (const float[]){1, 2, 3}, 3, 0, 0);
    fm_assert_floats_near(m.input.std, (const float[]){4, 5, 6}, 3, 0, 0);
    for (int i = 0; i < 10; i++)
        assert_true(m.alignment.points[i] == i + 1);
    assert_true(m.alignment.present && m.alignment.replicate);
    assert_int_equal(m.embedding.dim, 2);
    assert_true(m.embedding.normalize);
    assert_true(m.runtime.channels_last && !m.runtime.channels_last_bfloat16);
    assert_int_equal(m.runtime.batch, 8);
    assert_string_equal(m.calibration_dataset, "d");
    assert_int_equal(m.calibration.impostor_comparisons, 77);
    assert_int_equal(m.calibration.count, 2);
    assert_true(m.calibration.points[1].fmr == 0.001 && m.calibration.points[1].score == 2);
    fmi_manifest_dispose(&m);
}

static void test_manifest_fills_what_is_not_stated(void **state)
{
    fmi_manifest m = parse_good(WHOLE);
    (void)state;
    assert_string_equal(m.name, "");
    assert_string_equal(m.license, "");
    assert_string_equal(m.calibration_dataset, "");
    assert_int_equal(m.calibration.count, 0);
    assert_null(m.metric_weights);
    assert_false(m.runtime.channels_last || m.runtime.channels_last_bfloat16);
    assert_int_equal(m.runtime.batch, 32);
    fmi_manifest_dispose(&m);
    m = parse_good("{" HEAD INPUT ALIGN EMBED METRIC
                   ",\"runtime\":{\"memory_format\":\"channels_last\"}}");
    assert_true(m.runtime.channels_last_bfloat16); /* as in float32 unless it says otherwise */
    fmi_manifest_dispose(&m);
}

static void test_manifest_reads_a_detector(void **state)
{
    fmi_manifest m =
        parse_good(DETECTOR_WITH("\"type\":\"mtcnn\",\"thresholds\":[0.6,0.7,0.8]," DETECTOR_TAIL));
    (void)state;
    assert_int_equal(m.kind, FM_MODEL_DETECTOR);
    assert_int_equal(m.family, 0);
    assert_int_equal(m.metric, 0);
    assert_false(m.alignment.present);
    assert_true(m.detector.thresholds[2] == 0.8 && m.detector.nms[0] == 0.5);
    assert_true(m.detector.factor == 0.709);
    assert_int_equal(m.detector.cell, 12);
    assert_false(m.detector.second_look);
    assert_int_equal(m.detector.stride, 2);
    fmi_manifest_dispose(&m);
}

static void test_manifest_reads_metric_weights(void **state)
{
    fmi_manifest m = parse_good(WEIGHTED("siamese", "{\"weights\":[0.5,-2],\"bias\":3}"));
    (void)state;
    assert_int_equal(m.metric, FM_METRIC_SIAMESE);
    fm_assert_floats_near(m.metric_weights, (const float[]){0.5F, -2}, 2, 0, 0);
    assert_true(m.metric_bias == 3);
    fmi_manifest_dispose(&m);
    m = parse_good(SIAMESE_CALIBRATION(TWO_ODDS, ODDS_TAIL("\"of\":\"log-odds\",")));
    assert_true(m.calibration.tail.present);
    fmi_manifest_dispose(&m);

    m = parse_good(WEIGHTED("weighted_chi_squared", "{\"weights\":[1,2]}"));
    assert_int_equal(m.metric, FM_METRIC_CHI_SQUARED);
    assert_true(m.metric_bias == 0);
    fmi_manifest_dispose(&m);
}

static void test_manifest_knows_the_metrics(void **state)
{
    static const struct {
        const char *text;
        fm_metric metric;
    } cases[] = {
        {"{" HEAD INPUT ALIGN EMBED "\"metric\":\"euclidean\"}", FM_METRIC_EUCLIDEAN},
        {"{" HEAD INPUT ALIGN EMBED "\"metric\":\"squared_euclidean\"}", FM_METRIC_SQEUCLIDEAN},
        {"{" HEAD INPUT ALIGN EMBED "\"metric\":\"inner_product\"}", FM_METRIC_INNER_PRODUCT},
        {WEIGHTED("weighted_chi_squared", "{\"weights\":[1,2]}"), FM_METRIC_CHI_SQUARED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fmi_manifest m = parse_good(cases[i].text);
        assert_int_equal(m.metric, cases[i].metric);
        fmi_manifest_dispose(&m);
    }
}

#define BUNDLE(dim, members)                                                                       \
    "{" HEAD INPUT ALIGN "\"embedding\":{\"dim\":" dim ",\"normalize\":true,\"members\":" members  \
    "}," METRIC "}"
#define MEMBER_A "{\"part\":\"a\",\"dim\":2,\"weight\":1}"
#define MEMBER_B                                                                                   \
    "{\"part\":\"b\",\"dim\":3,\"weight\":0.5,\"flip\":true,\"input\":{\"width\":8,\"height\":9,"  \
    "\"order\":\"BGR\",\"mean\":[0,0,0],\"std\":[1,1,1]}}"

static void test_manifest_reads_a_bundle(void **state)
{
    fmi_manifest m = parse_good(BUNDLE("5", "[" MEMBER_A "," MEMBER_B "]"));
    const fmi_member *a = m.embedding.members, *b = a + 1;
    (void)state;
    assert_int_equal(m.embedding.count, 2);
    assert_string_equal(a->part, "a");
    assert_int_equal(a->dim, 2);
    assert_true(a->weight == 1 && !a->flip);
    assert_memory_equal(&a->alignment, &m.alignment, sizeof m.alignment);
    assert_int_equal(a->input.width, 150);
    assert_string_equal(b->part, "b");
    assert_int_equal(b->dim, 3);
    assert_true(b->weight == 0.5 && b->flip && b->input.bgr);
    assert_int_equal(b->input.width, 8);
    assert_int_equal(b->input.height, 9);
    assert_memory_equal(&b->alignment.points, &m.alignment.points, sizeof m.alignment.points);
    fmi_manifest_dispose(&m);
    m = parse_good(WHOLE);
    assert_int_equal(m.embedding.count, 1);
    assert_string_equal(m.embedding.members->part, "");
    assert_int_equal(m.embedding.members->dim, 2);
    assert_true(m.embedding.members->weight == 0 && !m.embedding.members->flip);
    fmi_manifest_dispose(&m);
}

typedef struct bad_case {
    const char *text;
    fm_status status;
    const char *part; /* of the message */
} bad_case;

#define CORRUPT(text, part)                                                                        \
    {                                                                                              \
        text, FM_E_CORRUPT, part                                                                   \
    }
#define UNSUPPORTED(text, part)                                                                    \
    {                                                                                              \
        text, FM_E_UNSUPPORTED, part                                                               \
    }
#define WITH_INPUT(input) "{" HEAD "\"input\":" input "," ALIGN EMBED METRIC "}"
#define WITH_SIZE(width)                                                                           \
    WITH_INPUT("{\"width\":" width                                                                 \
               ",\"height\":1,\"order\":\"RGB\",\"mean\":[1,2,3],\"std\":[4,5,6]}")
#define WITH_MEAN_STD(mean, std)                                                                   \
    WITH_INPUT("{\"width\":1,\"height\":1,\"order\":\"RGB\",\"mean\":" mean ",\"std\":" std "}")
#define WITH_ALIGN(alignment) "{" HEAD INPUT "\"alignment\":" alignment "," EMBED METRIC "}"
#define WITH_POINTS(points)   WITH_ALIGN("{\"points\":" points ",\"border\":\"zero\"}")
#define WITH_EMBED(embedding) "{" HEAD INPUT ALIGN "\"embedding\":" embedding "," METRIC "}"
#define WITH_RUNTIME(runtime) "{" HEAD INPUT ALIGN EMBED METRIC ",\"runtime\":" runtime "}"

static const bad_case bad[] = {
    /* not JSON, or not an object */
    CORRUPT("", "not valid JSON"),
    CORRUPT("{", "not valid JSON"),
    CORRUPT("[]", "not a JSON object"),
    CORRUPT("7", "not valid JSON"),
    CORRUPT("null", "not valid JSON"),
    CORRUPT(WHOLE "x", "not valid JSON"),
    CORRUPT("{\"format\":1,\"format\":1}", "duplicate"),
    CORRUPT("{\"format\":NaN}", "not valid JSON"),
    CORRUPT("{\"format\":1e999}", "not valid JSON"),
    CORRUPT("{\"format\":99999999999999999999}", "not valid JSON"),
    CORRUPT("{\"name\":\"\xff\"}", "not valid JSON"),
    CORRUPT("{\"name\":\"a\\u0000b\"}", "not valid JSON"),
    /* format */
    CORRUPT("{}", "format is missing"),
    CORRUPT("{\"format\":\"1\"}", "format"),
    CORRUPT("{\"format\":0}", "format"),
    CORRUPT("{\"format\":-1}", "format"),
    CORRUPT("{\"format\":1.5}", "format"),
    {"{\"format\":2}", FM_E_VERSION, "format is 2"},
    {"{\"format\":2,\"kind\":[]}", FM_E_VERSION, "format is 2"},
    /* kind, family, texts */
    CORRUPT("{\"format\":1}", "kind is missing"),
    CORRUPT("{\"format\":1,\"kind\":3}", "kind must be a text"),
    UNSUPPORTED("{\"format\":1,\"kind\":\"oracle\"}", "kind is \"oracle\""),
    CORRUPT("{\"format\":1,\"kind\":\"embedder\"}", "family is missing"),
    UNSUPPORTED("{\"format\":1,\"kind\":\"embedder\",\"family\":\"vae\"}", "family is \"vae\""),
    CORRUPT("{" HEAD "\"name\":1}", "name must be a text"),
    CORRUPT("{" HEAD "\"license\":null}", "license must be a text"),
    /* input */
    CORRUPT("{" HEAD ALIGN EMBED METRIC "}", "input is missing"),
    CORRUPT(WITH_INPUT("[]"), "input must be an object"),
    CORRUPT(WITH_INPUT("{}"), "input.width is missing"),
    CORRUPT(WITH_SIZE("0"), "input.width"),
    CORRUPT(WITH_SIZE("-5"), "input.width"),
    CORRUPT(WITH_SIZE("4097"), "input.width"),
    CORRUPT(WITH_SIZE("2147483648"), "input.width"),
    CORRUPT(WITH_SIZE("4294967297"), "input.width"),
    CORRUPT(WITH_SIZE("112.0"), "input.width"),
    CORRUPT(WITH_SIZE("\"112\""), "input.width"),
    CORRUPT(WITH_SIZE("true"), "input.width"),
    CORRUPT(WITH_INPUT("{\"width\":1}"), "input.height is missing"),
    CORRUPT(WITH_INPUT("{\"width\":1,\"height\":1}"), "input.order is missing"),
    CORRUPT(WITH_INPUT("{\"width\":1,\"height\":1,\"order\":\"GBR\"}"), "input.order"),
    CORRUPT(WITH_INPUT("{\"width\":1,\"height\":1,\"order\":\"RGB\"}"), "input.mean is missing"),
    CORRUPT(WITH_MEAN_STD("7", "[1,1,1]"), "input.mean must be a list"),
    CORRUPT(WITH_MEAN_STD("[1,2]", "[1,1,1]"), "input.mean has 2 entries, not 3"),
    CORRUPT(WITH_MEAN_STD("[1,2,3,4]", "[1,1,1]"), "input.mean has 4 entries, not 3"),
    CORRUPT(WITH_MEAN_STD("[1,2,null]", "[1,1,1]"), "input.mean, entry 3"),
    CORRUPT(WITH_MEAN_STD("[1,1e300,1]", "[1,1,1]"), "input.mean, entry 2"),
    CORRUPT(WITH_MEAN_STD("[1,1,1]", "[1,0,1]"), "input.std, entry 2"),
    CORRUPT(WITH_MEAN_STD("[1,1,1]", "[-1,1,1]"), "input.std, entry 1"),
    CORRUPT(WITH_MEAN_STD("[1,1,1]", "[1,1,1e-300]"), "input.std, entry 3"),
    /* alignment */
    CORRUPT("{" HEAD INPUT EMBED METRIC "}", "alignment is missing"),
    CORRUPT(WITH_ALIGN("7"), "alignment must be an object"),
    CORRUPT(WITH_ALIGN("{}"), "alignment.points is missing"),
    CORRUPT(WITH_POINTS("{}"), "alignment.points must be a list"),
    CORRUPT(WITH_POINTS("[[1,2],[3,4],[5,6],[7,8]]"), "alignment.points has 4 entries, not 5"),
    CORRUPT(WITH_POINTS("[[1,2],[3,4],[5,6],[7,8],9]"), "alignment.points, entry 5"),
    CORRUPT(WITH_POINTS("[[1,2],[3,4],[5],[7,8],[9,9]]"), "alignment.points, entry 3"),
    CORRUPT(WITH_POINTS("[[1,2],[3,4,5],[5,6],[7,8],[9,9]]"), "alignment.points, entry 2"),
    CORRUPT(WITH_POINTS("[[\"1\",2],[3,4],[5,6],[7,8],[9,9]]"), "alignment.points, entry 1"),
    CORRUPT(WITH_POINTS("[[1,2],[3,4],[5,6],[7,1e200],[9,9]]"), "alignment.points, entry 4"),
    CORRUPT(WITH_POINTS("[[1,2],[1,2],[1,2],[1,2],[1,2]]"), "alignment.points are all in one"),
    CORRUPT(WITH_ALIGN("{" POINTS "}"), "alignment.border is missing"),
    CORRUPT(WITH_ALIGN("{" POINTS ",\"border\":\"wrap\"}"), "alignment.border"),
    /* embedding and metric */
    CORRUPT("{" HEAD INPUT ALIGN METRIC "}", "embedding is missing"),
    CORRUPT(WITH_EMBED("{\"normalize\":true}"), "embedding.dim is missing"),
    CORRUPT(WITH_EMBED("{\"dim\":0,\"normalize\":true}"), "embedding.dim"),
    CORRUPT(WITH_EMBED("{\"dim\":65537,\"normalize\":true}"), "embedding.dim"),
    CORRUPT(WITH_EMBED("{\"dim\":2147483648,\"normalize\":true}"), "embedding.dim"),
    CORRUPT(WITH_EMBED("{\"dim\":2}"), "embedding.normalize is missing"),
    CORRUPT(WITH_EMBED("{\"dim\":2,\"normalize\":1}"), "embedding.normalize must be true"),
    CORRUPT("{" HEAD INPUT ALIGN EMBED "\"x\":1}", "metric is missing"),
    UNSUPPORTED("{" HEAD INPUT ALIGN EMBED "\"metric\":\"manhattan\"}", "metric is \"manhattan\""),
    CORRUPT("{" HEAD INPUT ALIGN EMBED "\"metric\":\"siamese\"}", "metric_weights is missing"),
    CORRUPT(WEIGHTED("siamese", "7"), "metric_weights must be an object"),
    CORRUPT(WEIGHTED("siamese", "{}"), "metric_weights.weights is missing"),
    CORRUPT(WEIGHTED("siamese", "{\"weights\":[1]}"), "metric_weights.weights has 1"),
    CORRUPT(WEIGHTED("siamese", "{\"weights\":[1,2]}"), "metric_weights.bias is missing"),
    CORRUPT(WEIGHTED("siamese", "{\"weights\":[1,2],\"bias\":\"0\"}"), "metric_weights.bias"),
    CORRUPT(WEIGHTED("siamese", "{\"weights\":[1,2],\"bias\":1e39}"), "metric_weights.bias"),
    CORRUPT(WEIGHTED("weighted_chi_squared", "{\"weights\":[1,null]}"),
            "metric_weights.weights, entry 2"),
    CORRUPT(WEIGHTED("weighted_chi_squared", "{\"weights\":[1e39,1]}"),
            "metric_weights.weights, entry 1"),
    CORRUPT(WEIGHTED("weighted_chi_squared", "{\"weights\":[1,1],\"bias\":[]}"),
            "metric_weights.bias"),
    /* calibration */
    CORRUPT("{" HEAD INPUT ALIGN EMBED METRIC ",\"calibration\":[]}", "calibration must be"),
    CORRUPT("{" HEAD INPUT ALIGN EMBED METRIC ",\"calibration\":{}}",
            "calibration.impostor_comparisons is missing"),
    CORRUPT("{" HEAD INPUT ALIGN EMBED METRIC ",\"calibration\":{\"impostor_comparisons\":0}}",
            "calibration.impostor_comparisons"),
    CORRUPT(CALIBRATION(TWO_POINTS ",\"tail\":7"), "calibration.tail"),
    CORRUPT(CALIBRATION(TWO_POINTS ",\"tail\":{}"), "calibration.tail.exceedances"),
    CORRUPT(WITH_TAIL("1.5", "0", "0", "1", "[0,0,0,0,0,0]"), "calibration.tail.fmr"),
    CORRUPT(WITH_TAIL("1.5", "0.1", "11", "1", "[0,0,0,0,0,0]"), "calibration.tail.shape"),
    CORRUPT(WITH_TAIL("1.5", "0.1", "0", "0", "[0,0,0,0,0,0]"), "calibration.tail.scale"),
    CORRUPT(WITH_TAIL("1.5", "0.1", "0", "1", "[0,0,0,0,0]"), "calibration.tail.covariance"),
    CORRUPT(WITH_TAIL("2.5", "0.1", "0", "1", "[0,0,0,0,0,0]"), "does not reach"),
    CORRUPT(WITH_TAIL("1.5", "0.1", "-1", "0.5", "[0,0,0,0,0,0]"), "does not reach"),
    CORRUPT(SIAMESE_CALIBRATION(TWO_POINTS, ""), "score from 0 to 1"),
    CORRUPT(SIAMESE_CALIBRATION(TWO_ODDS, ",\"genuine\":[{\"fnmr\":0.1,\"score\":-0.1},"
                                          "{\"fnmr\":0.2,\"score\":0}]"),
            "score from 0 to 1"),
    CORRUPT(SIAMESE_CALIBRATION(TWO_ODDS, ODDS_TAIL("")), "not of log-odds"),
    CORRUPT(SIAMESE_CALIBRATION(TWO_ODDS, ODDS_TAIL("\"of\":7,")), "not of log-odds"),
    CORRUPT(CALIBRATION(TWO_POINTS ODDS_TAIL("\"of\":\"log-odds\",")), "is of log-odds"),
    CORRUPT(MISSES("[]"), "calibration.genuine has 0 entries"),
    CORRUPT(MISSES("[{\"fnmr\":0.1,\"score\":1},{\"fnmr\":0.1,\"score\":2}]"), "entry 2"),
    CORRUPT(MISSES("[{\"fnmr\":0.1,\"score\":1},{\"fnmr\":0.2,\"score\":1}]"), "entry 2"),
    CORRUPT(MISSES("[{\"fnmr\":0,\"score\":1},{\"fnmr\":0.2,\"score\":2}]"), "entry 1"),
    CORRUPT(CALIBRATION("[{\"fmr\":0.1,\"score\":1,\"low\":0.2,\"high\":0.3},"
                        "{\"fmr\":0.01,\"score\":2}]"),
            "must rise"),
    CORRUPT(CALIBRATION("7"), "calibration.points must be a list"),
    CORRUPT(CALIBRATION("[]"), "calibration.points has 0 entries"),
    CORRUPT(CALIBRATION("[{\"fmr\":0.1,\"score\":1}]"), "calibration.points has 1 entries"),
    CORRUPT(CALIBRATION("[{\"fmr\":0.1,\"score\":1},7]"), "calibration.points, entry 2"),
    CORRUPT(CALIBRATION("[{\"fmr\":0.1,\"score\":1},{\"fmr\":0.1,\"score\":2}]"), "entry 2"),
    CORRUPT(CALIBRATION("[{\"fmr\":0.1,\"score\":1},{\"fmr\":0.2,\"score\":2}]"), "entry 2"),
    CORRUPT(CALIBRATION("[{\"fmr\":0.1,\"score\":1},{\"fmr\":0.01,\"score\":1}]"), "entry 2"),
    CORRUPT(CALIBRATION("[{\"fmr\":0.1,\"score\":1},{\"fmr\":0.01,\"score\":0}]"), "entry 2"),
    CORRUPT(CALIBRATION("[{\"fmr\":1.1,\"score\":1},{\"fmr\":0.1,\"score\":2}]"), "entry 1"),
    CORRUPT(CALIBRATION("[{\"fmr\":0.1,\"score\":1},{\"fmr\":0,\"score\":2}]"), "entry 2"),
    CORRUPT(CALIBRATION("[{\"fmr\":0.1,\"score\":1},{\"fmr\":-1,\"score\":2}]"), "entry 2"),
    CORRUPT(CALIBRATION("[{\"fmr\":0.1},{\"fmr\":0.01,\"score\":2}]"), "entry 1"),
    CORRUPT(CALIBRATION("[{\"fmr\":0.1,\"score\":1},{\"fmr\":0.01,\"score\":1e39}]"), "entry 2"),
    /* detector */
    CORRUPT("{\"format\":1,\"kind\":\"detector\"," INPUT "\"x\":1}", "detector is missing"),
    CORRUPT(DETECTOR_WITH(""), "detector.type is missing"),
    UNSUPPORTED(DETECTOR_WITH("\"type\":\"haar\""), "detector.type is \"haar\""),
    CORRUPT(DETECTOR_WITH("\"type\":\"mtcnn\"," DETECTOR_TAIL), "detector.thresholds is missing"),
    CORRUPT(DETECTOR_WITH("\"type\":\"mtcnn\",\"thresholds\":[0.6,0.7]"), "detector.thresholds"),
    CORRUPT(DETECTOR_WITH("\"type\":\"mtcnn\",\"thresholds\":[0.6,0.7,1.1]," DETECTOR_TAIL),
            "detector.thresholds, entry 3"),
    CORRUPT(DETECTOR_WITH("\"type\":\"mtcnn\",\"thresholds\":[0,0,0],\"nms\":[1,1,-1]"),
            "detector.nms, entry 3"),
    CORRUPT(DETECTOR_WITH("\"type\":\"mtcnn\",\"thresholds\":[0,0,0],\"nms\":[1,1,1],"
                          "\"factor\":1"),
            "detector.factor"),
    CORRUPT(DETECTOR_WITH("\"type\":\"mtcnn\",\"thresholds\":[0,0,0],\"nms\":[1,1,1],"
                          "\"factor\":0"),
            "detector.factor"),
    CORRUPT(DETECTOR_WITH("\"type\":\"mtcnn\",\"thresholds\":[0,0,0],\"nms\":[1,1,1],"
                          "\"factor\":0.7,\"cell\":0"),
            "detector.cell"),
    UNSUPPORTED(DETECTOR_WITH("\"type\":\"mtcnn\",\"thresholds\":[0,0,0],\"nms\":[1,1,1],"
                              "\"factor\":0.7,\"cell\":16,\"stride\":2"),
                "detector.cell 16"),
    CORRUPT(DETECTOR_WITH("\"type\":\"mtcnn\",\"thresholds\":[0,0,0]," DETECTOR_TAIL
                          ",\"second_look\":1"),
            "detector.second_look"),
    /* bundles */
    CORRUPT(BUNDLE("2", "7"), "embedding.members must be a list"),
    CORRUPT(BUNDLE("2", "[]"), "embedding.members"),
    CORRUPT(BUNDLE("2", "[7]"), "embedding.members, entry 1"),
    CORRUPT(BUNDLE("4", "[" MEMBER_A ",{\"dim\":2,\"weight\":1}]"),
            "entry 2: facematch.json: part"),
    CORRUPT(BUNDLE("2", "[{\"part\":\"\",\"dim\":2,\"weight\":1}]"), "part must have"),
    CORRUPT(BUNDLE("2", "[{\"part\":\"a\",\"weight\":1}]"), "dim"),
    CORRUPT(BUNDLE("2", "[{\"part\":\"a\",\"dim\":2}]"), "weight"),
    CORRUPT(BUNDLE("2", "[{\"part\":\"a\",\"dim\":2,\"weight\":0}]"), "weight"),
    CORRUPT(BUNDLE("2", "[{\"part\":\"a\",\"dim\":2,\"weight\":1,\"flip\":1}]"), "flip"),
    CORRUPT(BUNDLE("2", "[{\"part\":\"a\",\"dim\":2,\"weight\":1,\"input\":{}}]"), "input.width"),
    CORRUPT(BUNDLE("4", "[" MEMBER_A "," MEMBER_B "]"), "its members have 5"),
    CORRUPT(BUNDLE("18", "[" MEMBER_A "," MEMBER_A "," MEMBER_A "," MEMBER_A "," MEMBER_A
                         "," MEMBER_A "," MEMBER_A "," MEMBER_A "," MEMBER_A "]"),
            "embedding.members"),
    CORRUPT("{" HEAD INPUT ALIGN "\"embedding\":{\"dim\":2,\"normalize\":true,\"flip\":0}," METRIC
            "}",
            "embedding.flip"),
    /* runtime */
    CORRUPT(WITH_RUNTIME("7"), "runtime must be an object"),
    CORRUPT(WITH_RUNTIME("{\"memory_format\":\"fast\"}"), "runtime.memory_format"),
    CORRUPT(WITH_RUNTIME("{\"memory_format_bfloat16\":1}"), "runtime.memory_format_bfloat16"),
    CORRUPT(WITH_RUNTIME("{\"batch\":0}"), "runtime.batch"),
    CORRUPT(WITH_RUNTIME("{\"batch\":2147483648}"), "runtime.batch"),
};

static void test_manifest_refuses_bad_fields_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fm_error err = {sizeof err, 0, ""};
        fmi_manifest m, untouched;
        memset(&m, 0x5A, sizeof m);
        memset(&untouched, 0x5A, sizeof untouched);
        fm_assert_status(parse(&m, bad[i].text, &err), bad[i].status, &err);
        fm_assert_message(&err, bad[i].part);
        assert_null(strchr(err.message, '\n'));
        assert_memory_equal(&m, &untouched, sizeof m);
        assert_int_equal(fmi_memory_live_blocks(), 0);
    }
}

/* Every prefix of a good manifest is refused: none of them crashes or passes. */
static void test_manifest_refuses_truncated_text(void **state)
{
    static const char whole[] =
        CALIBRATION("[{\"fmr\":0.1,\"score\":1},{\"fmr\":0.01,\"score\":2}]");
    (void)state;
    for (size_t cut = 0; cut + 1 < sizeof whole; cut++) {
        fm_error err = {sizeof err, 0, ""};
        fmi_manifest m;
        char *text = malloc(cut ? cut : 1); /* not terminated, so that ASan sees overreads */
        assert_non_null(text);
        memcpy(text, whole, cut);
        fm_assert_status(fmi_manifest_parse(&m, text, cut, &err), FM_E_CORRUPT, &err);
        free(text);
    }
}

static void test_manifest_survives_running_out_of_memory(void **state)
{
    static const char text[] = WEIGHTED("siamese", "{\"weights\":[1,2],\"bias\":0}");
    static const char calibrated[] =
        CALIBRATION("[{\"fmr\":0.1,\"score\":1},{\"fmr\":0.01,\"score\":2}]");
    const char *texts[] = {text, calibrated};
    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (long k = 0;; k++) {
            fm_error err = {sizeof err, 0, ""};
            fmi_manifest m;
            fm_status status;
            fmi_memory_fail_after(k);
            status = parse(&m, texts[i], &err);
            fmi_memory_fail_after(-1);
            if (status == FM_OK) {
                fmi_manifest_dispose(&m);
                assert_true(k >= 5);
                assert_int_equal(fmi_memory_live_blocks(), 0);
                break;
            }
            fm_assert_status(status, FM_E_NO_MEMORY, &err);
            assert_int_equal(fmi_memory_live_blocks(), 0);
        }
}

static void assert_canonical(const char *text, const char *want)
{
    fm_error err = {sizeof err, 0, ""};
    char *got = NULL;
    fm_assert_status(fmi_manifest_canonical(&got, text, strlen(text), &err), FM_OK, &err);
    assert_string_equal(got, want);
    fmi_free(got);
}

static void test_manifest_canonical_form_is_fixed(void **state)
{
    (void)state;
    assert_canonical("{}", "{}");
    assert_canonical("{\"name\":\"x\",\"calibration\":{}}", "{}");
    assert_canonical(
        "{\"metric_weights\":{\"weights\":[0.10,-2.0],\"bias\":3},\"metric\":\"siamese\"}",
        "{\"metric\":\"siamese\",\"metric_weights\":{\"bias\":3,\"weights\":[0.1,-2]}}");
    assert_canonical(
        " { \"metric\" : \"cosine\" ,\n\"input\":{\"width\":1, \"b\":[ 1, 2.0, -0.5 ],"
        "\"B\":true,\"a\":null,\"\xc3\xa4\":false} , \"license\":\"l\", \"embedding\":{\"dim\":2},"
        "\"alignment\":{}}",
        "{\"alignment\":{},\"embedding\":{\"dim\":2},\"input\":{\"B\":true,\"a\":null,"
        "\"b\":[1,2,-0.5],\"width\":1,\"\xc3\xa4\":false},\"metric\":\"cosine\"}");
    assert_canonical("{\"metric\":\"a\\\"b\\\\c\\u00e4\\n\\/\"}",
                     "{\"metric\":\"a\\\"b\\\\c\xc3\xa4\n/\"}");
    assert_canonical("{\"input\":[[],[[]],{}]}", "{\"input\":[[],[[]],{}]}");
}

/* Each as tools/models/facematch_models/manifest.py spells it. */
static const char numbers[] = "{\"input\":[127.0,1e2,1e15,-0.0,0,-3,38.2946,122.782,0.1,"
                              "1e-7,123456789.125,1e16,9007199254740991,9007199254740992,"
                              "0.123456789012,-1.5e300,9223372036854775807]}";
static const char numbers_canonical[] =
    "{\"input\":[127,100,1000000000000000,0,0,-3,38.2946,122.782,0.1,"
    "1e-07,123456789,1e+16,9007199254740991,9.00719925e+15,"
    "0.123456789,-1.5e+300,9.22337204e+18]}";

static void test_manifest_canonical_numbers_have_one_form(void **state)
{
    (void)state;
    assert_canonical(numbers, numbers_canonical);
}

/* An application may have set a locale that writes "0,5". */
static void test_manifest_ignores_the_locale(void **state)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    const char *set = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names && !set; i++)
        set = setlocale(LC_NUMERIC, names[i]);
    if (!set)
        skip();
    assert_canonical(numbers, numbers_canonical);
    fmi_manifest m =
        parse_good(CALIBRATION("[{\"fmr\":0.5,\"score\":1},{\"fmr\":0.25,\"score\":2}]"));
    assert_true(m.calibration.points[1].fmr == 0.25);
    fmi_manifest_dispose(&m);
    setlocale(LC_NUMERIC, "C");
}

static void test_manifest_canonical_survives_running_out_of_memory(void **state)
{
    (void)state;
    for (long k = 0;; k++) {
        fm_error err = {sizeof err, 0, ""};
        char *text = NULL;
        fm_status status;
        fmi_memory_fail_after(k);
        status = fmi_manifest_canonical(&text, WHOLE, sizeof WHOLE - 1, &err);
        fmi_memory_fail_after(-1);
        if (status == FM_OK) {
            fmi_free(text);
            assert_true(k >= 4);
            break;
        }
        fm_assert_status(status, FM_E_NO_MEMORY, &err);
        assert_null(text);
        assert_int_equal(fmi_memory_live_blocks(), 0);
    }
    assert_int_equal(fmi_memory_live_blocks(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manifest_reads_an_embedder),
        cmocka_unit_test(test_manifest_fills_what_is_not_stated),
        cmocka_unit_test(test_manifest_reads_a_detector),
        cmocka_unit_test(test_manifest_reads_metric_weights),
        cmocka_unit_test(test_manifest_knows_the_metrics),
        cmocka_unit_test(test_manifest_reads_a_bundle),
        cmocka_unit_test(test_manifest_refuses_bad_fields_by_name),
        cmocka_unit_test(test_manifest_refuses_truncated_text),
        cmocka_unit_test(test_manifest_survives_running_out_of_memory),
        cmocka_unit_test(test_manifest_canonical_form_is_fixed),
        cmocka_unit_test(test_manifest_canonical_numbers_have_one_form),
        cmocka_unit_test(test_manifest_ignores_the_locale),
        cmocka_unit_test(test_manifest_canonical_survives_running_out_of_memory),
    };
    return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
