#include "report.h"

#define CURVE                                                                                      \
    "Curve of misses over false matches, both axes logarithmic; the table below has the figures "  \
    "of the marked points."
#define ALIKE                                                                                      \
    "The highest scores between two names. Some may be one person under two names: worth a look "  \
    "before the figures are believed."
#define UNALIKE  "The lowest scores under one name."
#define LEFT_OUT "Comparisons with a photograph without a face are left out and only counted."
#define TWO_ERRORS(match, miss)                                                                    \
    match ": the share of comparisons between two people that score at least the threshold. " miss \
          ": the share of comparisons of one person's photographs that score less. "

#define VERIFICATION(match_rate, miss_rate, failures)                                              \
    {                                                                                              \
        .match = match_rate, .miss = miss_rate, .curve_key = "curve_threshold_fmr_fnmr",           \
        .match_axis = "strangers accepted (FMR)", .miss_axis = "genuine refused (FNMR)",           \
        .accepted = "of genuine pairs accepted at", .negative = "strangers",                       \
        .positive = "genuine", .curve = CURVE,                                                     \
        .histogram = "Histogram of scores: strangers to the left, photographs of one person to "   \
                     "the right; dashed lines are the thresholds of the table below.",             \
        .histogram_caption =                                                                       \
            "Each kind sums to 100 %. Dashed: thresholds with the FMR written on them.",           \
        .worst_negative = "Strangers most alike", .worst_negative_note = ALIKE,                    \
        .worst_positive = "Photographs of one person least alike", .worst_positive_note = UNALIKE, \
        .definitions = TWO_ERRORS(match_rate, miss_rate) failures, .standard = "ISO/IEC 19795-1"   \
    }

const report_words REPORT_VERIFICATION = VERIFICATION("FMR", "FNMR", LEFT_OUT);
const report_words REPORT_VERIFICATION_WITH_FAILURES =
    VERIFICATION("FAR", "FRR", "A photograph without a face counts as an error.");

const report_words REPORT_IDENTIFICATION = {
    .match = "FPIR",
    .miss = "FNIR",
    .curve_key = "curve_threshold_fmr_fnmr",
    .match_axis = "strangers given a name (FPIR)",
    .miss_axis = "known people missed (FNIR)",
    .accepted = "of known people named at",
    .negative = "strangers",
    .positive = "known",
    .curve = CURVE,
    .histogram = "Histogram of scores: strangers to the left, photographs of one person to the "
                 "right; dashed lines are the thresholds of the table below.",
    .histogram_caption = "Best score of each stranger, and score of each known person where they "
                         "are first. Dashed: thresholds with the FPIR written on them.",
    .worst_negative = "Strangers most like someone enrolled",
    .worst_negative_note = ALIKE,
    .worst_positive = "Known people least like their templates",
    .worst_positive_note = UNALIKE,
    .definitions =
        "FPIR: the share of strangers who are given a name. FNIR: the share of known people who "
        "are not found, or not first. " LEFT_OUT,
    .standard = "ISO/IEC 19795-1"};

const report_words REPORT_PAD = {
    .match = "APCER",
    .miss = "BPCER",
    .curve_key = "curve_threshold_apcer_bpcer",
    .match_axis = "attacks called live (APCER)",
    .miss_axis = "live faces refused (BPCER)",
    .accepted = "of live faces accepted at",
    .negative = "attacks",
    .positive = "live",
    .curve = "Curve of live faces refused over attacks called live, both axes logarithmic; the "
             "table below has the figures of the marked points.",
    .histogram = "Histogram of scores: attacks to the left, live faces to the right; dashed lines "
                 "are the thresholds of the table below.",
    .histogram_caption =
        "Each kind sums to 100 %. Dashed: thresholds with the APCER written on them.",
    .worst_negative = "Attacks that look most alive",
    .worst_negative_note = "The highest scores of attacks.",
    .worst_positive = "Live faces that look least alive",
    .worst_positive_note = "The lowest scores of live faces.",
    .definitions =
        "APCER: the share of attacks that are called live. BPCER: the share of live faces that are "
        "called attacks. In the curve and the operating points one threshold decides, over all "
        "kinds of attack together, and photographs without a usable score are left out; the "
        "verdicts are over all photographs.",
    .standard = "ISO/IEC 30107-3"};
