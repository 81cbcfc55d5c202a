/* What was asked for. One table of options and one of commands are the only source of parsing,
 * of --help, of the manual page and of the completion. */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Commands as bits, so that an option can say which of them take it. */
enum {
    FOR_DETECT = 1 << 0,
    FOR_EMBED = 1 << 1,
    FOR_VERIFY = 1 << 2,
    FOR_ENROLL = 1 << 3,
    FOR_IDENTIFY = 1 << 4,
    FOR_GALLERY_INFO = 1 << 5,
    FOR_GALLERY_LIST = 1 << 6,
    FOR_GALLERY_SHOW = 1 << 7,
    FOR_GALLERY_REMOVE = 1 << 8,
    FOR_PAIRS = 1 << 9,
    FOR_MODELS = 1 << 10,
    FOR_BENCH = 1 << 11,
    FOR_VERSION = 1 << 12,
    FOR_HELP = 1 << 13,
    FOR_GALLERY_EXPORT = 1 << 14,
    FOR_GALLERY_IMPORT = 1 << 15,
    FOR_GALLERY_COMPACT = 1 << 16,
    FOR_GALLERY_REKEY = 1 << 17,
    FOR_GALLERY_SHARD = 1 << 18,
    FOR_ALL_PAIRS = 1 << 19,
    FOR_OPEN_SET = 1 << 20,
    FOR_CALIBRATE = 1 << 21,
    FOR_TRAIN = 1 << 22,
    FOR_LIVENESS = 1 << 23,
    FOR_PAD = 1 << 24,
    FOR_ALL = (1 << 25) - 1,
    FOR_MANY = FOR_PAIRS | FOR_ALL_PAIRS | FOR_OPEN_SET | FOR_CALIBRATE,
    FOR_EMBEDDING = FOR_EMBED | FOR_VERIFY | FOR_ENROLL | FOR_IDENTIFY | FOR_BENCH | FOR_MANY,
    FOR_DECISION = FOR_VERIFY | FOR_ENROLL | FOR_IDENTIFY,
    FOR_PHOTOGRAPHS = FOR_DETECT | FOR_EMBED | FOR_VERIFY | FOR_ENROLL | FOR_IDENTIFY |
                      FOR_LIVENESS | FOR_BENCH, /* as arguments */
    FOR_FACES = FOR_DETECT | FOR_EMBEDDING | FOR_LIVENESS | FOR_PAD
};

typedef struct command command;

/* The values of an option that can be given several times. */
typedef struct text_list {
    const char **items;
    size_t count;
} text_list;

/* Text and numbers that were not given are NULL, 0, or (threshold, scores of liveness, limits of
 * the gate) NaN. */
typedef struct options {
    const command *command;
    const char *const *args;
    size_t args_count;
    const char **words; /* the memory that args points into */
    bool json, help, man, completion, flip, aligned, quality, no_gate, recall, extrapolate,
        sequence, pad;
    const char *model, *detector, *models_dir;
    const char *gallery, *id, *folder, *name, *metadata, *label;
    const char *key_file, *passphrase_file, *new_key_file, *new_passphrase_file;
    const char *file_key, *file_passphrase;
    const char *draw, *images, *pairs, *people, *attributes, *embeddings, *report;
    const char *gallery_images, *known, *strangers, *dataset, *out;
    const char *liveness_model, *labels;
    int64_t precision, selection, on_existing, index, failures;
    int64_t threads, min_face, top, template_id, rounds;
    int64_t liveness, min_frames, folds;
    int64_t allow; /* reasons, as 1 << fm_refusal */
    double fmr, fpir, threshold;
    double apcer, bpcer, live_score, spoof_score;
    /* limits of the gate; 0 switches one off */
    double other_faces, min_size, min_score, min_sharpness, min_brightness, max_brightness;
    double max_yaw, max_pitch, max_roll;
    /* train; leave_out is -1 where it was not given */
    const char *arch, *from, *data, *list, *validation, *augment, *device, *checkpoint;
    text_list freeze;
    bool resume, force;
    int64_t loss, mining, reduction, optimizer, schedule;
    int64_t people_per_batch, photographs, epochs, steps, schedule_epochs, patience, head;
    int64_t leave_out, seed;
    double margin, rate, momentum, weight_decay;
} options;

struct command {
    uint32_t bit;
    const char *group; /* first word of a command of two words, or NULL */
    const char *name;
    size_t min_args, max_args;
    const char *synopsis; /* one form a line, without the program's and the command's name */
    const char *summary;
    const char *text;
    const char *examples; /* one a line, without the program's name */
    int (*run)(const options *opts);
};

extern const command COMMANDS[]; /* ends with a name of NULL */

typedef enum option_kind {
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_TEXTS, /* each time it is given, one more */
    OPTION_INTEGER,
    OPTION_RATE, /* a real number between min and max, both excluded */
    OPTION_REAL,
    OPTION_CHOICE,
    OPTION_SET /* choices with commas between; bits, of every time it is given */
} option_kind;

typedef struct option_choice {
    const char *name;
    int64_t value;
} option_choice;

typedef struct option_spec {
    const char *name;
    const char *argument; /* as --help shows it; NULL for a flag */
    option_kind kind;
    size_t offset; /* of its member in options */
    uint32_t commands;
    double min, max;
    const option_choice *choices; /* end with a name of NULL */
    const char *text;
} option_spec;

extern const option_spec OPTIONS[]; /* ends with a name of NULL */

/* Read the command line; false when it is wrong, and then that has been reported. With --help,
 * only `help` and `args` are set: the words that name what is asked about. */
bool options_parse(int argc, char **argv, options *out);

/* The command that the words begin with, and how many of them name it; or NULL. */
const command *options_find_command(const char *const *words, size_t count, size_t *used);

void options_free(options *opts);

/* Report that the words name no command. */
void options_unknown_command(const char *const *words, size_t count);

/* Report a wrong use of the command; always ANSWER_ERROR. */
int options_misuse(const options *opts, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
