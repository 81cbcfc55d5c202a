#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <facematch/facematch.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "nearest.h"
#include "output.h"

static const option_choice PRECISIONS[] = {
    {"float32", FM_PRECISION_FLOAT32}, {"bfloat16", FM_PRECISION_BFLOAT16}, {NULL, 0}};

static const option_choice SELECTIONS[] = {{"prominent", FM_SELECT_PROMINENT},
                                           {"largest", FM_SELECT_LARGEST},
                                           {"central", FM_SELECT_MOST_CENTRAL},
                                           {"score", FM_SELECT_HIGHEST_SCORE},
                                           {NULL, 0}};

static const option_choice EXISTING[] = {{"refuse", FM_EXISTING_REFUSE},
                                         {"skip", FM_EXISTING_SKIP},
                                         {"merge", FM_EXISTING_MERGE},
                                         {NULL, 0}};
static const option_choice INDEXES[] = {
    {"exact", FM_INDEX_EXACT}, {"hnsw", FM_INDEX_HNSW}, {NULL, 0}};
static const option_choice REASONS[] = {
    {"several_faces", 1 << FM_REFUSAL_SEVERAL_FACES},
    {"face_too_small", 1 << FM_REFUSAL_FACE_TOO_SMALL},
    {"low_detection_score", 1 << FM_REFUSAL_LOW_DETECTION_SCORE},
    {"blurred", 1 << FM_REFUSAL_BLURRED},
    {"too_dark", 1 << FM_REFUSAL_TOO_DARK},
    {"too_bright", 1 << FM_REFUSAL_TOO_BRIGHT},
    {"extreme_pose", 1 << FM_REFUSAL_EXTREME_POSE},
    {"looks_like_another", 1 << FM_REFUSAL_LOOKS_LIKE_ANOTHER},
    {"unlike_itself", 1 << FM_REFUSAL_UNLIKE_ITSELF},
    {NULL, 0}};

static const option_choice LOSSES[] = {{"triplet", FM_LOSS_TRIPLET},
                                       {"softmax", FM_LOSS_SOFTMAX},
                                       {"siamese", FM_LOSS_SIAMESE},
                                       {"chi-squared", FM_LOSS_CHI_SQUARED},
                                       {NULL, 0}};
static const option_choice MININGS[] = {{"batch-hard", FM_MINING_BATCH_HARD},
                                        {"semi-hard", FM_MINING_SEMI_HARD},
                                        {"all", FM_MINING_ALL},
                                        {NULL, 0}};
static const option_choice REDUCTIONS[] = {
    {"mean", FM_REDUCTION_MEAN}, {"sum", FM_REDUCTION_SUM}, {NULL, 0}};
static const option_choice OPTIMIZERS[] = {{"adam", FM_OPTIMIZER_ADAM},
                                           {"sgd", FM_OPTIMIZER_SGD},
                                           {"adagrad", FM_OPTIMIZER_ADAGRAD},
                                           {NULL, 0}};
static const option_choice SCHEDULES[] = {{"cosine", FM_SCHEDULE_COSINE},
                                          {"constant", FM_SCHEDULE_CONSTANT},
                                          {"step", FM_SCHEDULE_STEP},
                                          {NULL, 0}};
static const option_choice POLICIES[] = {{"off", FM_LIVENESS_OFF},
                                         {"report", FM_LIVENESS_REPORT},
                                         {"require", FM_LIVENESS_REQUIRE},
                                         {NULL, 0}};

static const option_choice FAILURES[] = {{"leave-out", 0}, {"error", 1}, {NULL, 0}};

#define AT(member)      offsetof(options, member)
#define FOR_GALLERY_USE FOR_DECISION
#define FOR_LINES       (FOR_DECISION | FOR_LIVENESS | FOR_PAD)
#define FOR_KEYS                                                                                   \
    (FOR_GALLERY_USE | FOR_GALLERY_INFO | FOR_GALLERY_LIST | FOR_GALLERY_SHOW |                    \
     FOR_GALLERY_REMOVE | FOR_GALLERY_REKEY | FOR_GALLERY_EXPORT | FOR_GALLERY_IMPORT |            \
     FOR_GALLERY_COMPACT)

const option_spec OPTIONS[] = {
    {"json", NULL, OPTION_FLAG, AT(json), FOR_ALL, 0, 0, NULL,
     "Print one JSON object per result on standard output; errors become objects too, with the "
     "keys error and message."},
    {"model", "NAME|PATH", OPTION_TEXT, AT(model), FOR_ALL, 0, 0, NULL,
     "The embedder: a name that is looked up (fast, default, accurate, or another model's), or a "
     "path (with a slash, or ending in .pt). With `gallery`, refuse a gallery of another model; "
     "with `models`, show only this one."},
    {"detector", "NAME|PATH", OPTION_TEXT, AT(detector), FOR_ALL, 0, 0, NULL,
     "The face detector, looked up likewise. Default mtcnn."},
    {"models-dir", "DIR", OPTION_TEXT, AT(models_dir), FOR_ALL, 0, 0, NULL,
     "Look here for models first."},
    {"help", NULL, OPTION_FLAG, AT(help), FOR_ALL, 0, 0, NULL, "Explain the command."},

    {"gallery", "URI", OPTION_TEXT, AT(gallery), FOR_GALLERY_USE, 0, 0, NULL,
     "The gallery: a path, sqlite: and a path, or postgresql:// with a server's database."},
    {"id", "ID", OPTION_TEXT, AT(id), FOR_VERIFY, 0, 0, NULL,
     "The identity of the gallery that the person claims to be."},
    {"folder", "DIR", OPTION_TEXT, AT(folder), FOR_ENROLL, 0, 0, NULL,
     "Enrol every picture of every sub-folder of DIR; a sub-folder's name is the id."},
    {"name", "TEXT", OPTION_TEXT, AT(name), FOR_ENROLL, 0, 0, NULL,
     "The name to show for the identity, up to 255 bytes."},
    {"metadata", "JSON", OPTION_TEXT, AT(metadata), FOR_ENROLL, 0, 0, NULL,
     "One JSON object to keep with the identity, up to 65,536 bytes."},
    {"label", "TEXT", OPTION_TEXT, AT(label), FOR_ENROLL, 0, 0, NULL,
     "A label to keep with each new template, up to 63 bytes."},
    {"template", "N", OPTION_INTEGER, AT(template_id), FOR_GALLERY_REMOVE, 1, 9007199254740992.0,
     NULL, "Remove only the template with this number; the identity stays."},
    {"on-existing", "RULE", OPTION_CHOICE, AT(on_existing), FOR_GALLERY_IMPORT, 0, 0, EXISTING,
     "What to do with people that the gallery has already: refuse (import nobody; default), skip "
     "(leave them as they are) or merge (add their templates)."},

    {"key-file", "FILE", OPTION_TEXT, AT(key_file), FOR_KEYS, 0, 0, NULL,
     "The key of a sealed gallery: a file of 32 bytes or 64 hexadecimal digits. A gallery that is "
     "made is sealed with it."},
    {"passphrase-file", "FILE", OPTION_TEXT, AT(passphrase_file), FOR_KEYS, 0, 0, NULL,
     "The same with a passphrase: the first line of the file."},
    {"file-key", "FILE", OPTION_TEXT, AT(file_key), FOR_GALLERY_EXPORT | FOR_GALLERY_IMPORT, 0, 0,
     NULL,
     "The key of the exported file, which is sealed with it; a file like that of --key-file."},
    {"file-passphrase", "FILE", OPTION_TEXT, AT(file_passphrase),
     FOR_GALLERY_EXPORT | FOR_GALLERY_IMPORT, 0, 0, NULL,
     "The same with a passphrase: the first line of the file."},
    {"new-key-file", "FILE", OPTION_TEXT, AT(new_key_file), FOR_GALLERY_REKEY, 0, 0, NULL,
     "The key to seal the gallery with from now on."},
    {"new-passphrase-file", "FILE", OPTION_TEXT, AT(new_passphrase_file), FOR_GALLERY_REKEY, 0, 0,
     NULL, "The same with a passphrase: the first line of the file."},

    {"fmr", "RATE", OPTION_RATE, AT(fmr), FOR_VERIFY, 0, 1, NULL,
     "False match rate: the share of strangers that may be let through. Default 1e-4."},
    {"extrapolate", NULL, OPTION_FLAG, AT(extrapolate), FOR_VERIFY, 0, 0, NULL,
     "Take --fmr below what the calibration can vouch for: the model of its tail decides."},
    {"fpir", "RATE", OPTION_RATE, AT(fpir), FOR_IDENTIFY, 0, 1, NULL,
     "False positive identification rate: the share of strangers that may be given any name at "
     "all. Default 1e-2."},
    {"fpir", "RATE", OPTION_RATE, AT(fpir), FOR_ENROLL, 0, 1, NULL,
     "looks_like_another: the share of new people that may be taken for one who is enrolled. "
     "Default 1e-2."},
    {"fmr", "RATE", OPTION_RATE, AT(fmr), FOR_ENROLL, 0, 1, NULL,
     "unlike_itself: the share of strangers that may pass for the person. Default 1e-4."},
    {"threshold", "SCORE", OPTION_REAL, AT(threshold), FOR_VERIFY | FOR_IDENTIFY, -FLT_MAX, FLT_MAX,
     NULL, "Decide by this score instead of by a rate."},
    {"top", "K", OPTION_INTEGER, AT(top), FOR_IDENTIFY, 1, FM_LIMIT_MATCHES, NULL,
     "Tell at most K identities per photograph. Default 5."},
    {"index", "KIND", OPTION_CHOICE, AT(index), FOR_IDENTIFY, 0, 0, INDEXES,
     "How the gallery is searched: exact (default), or hnsw, which is faster in large galleries "
     "once "
     "its graph is built, and can miss somebody; gallery info --recall tells how often."},
    {"recall", NULL, OPTION_FLAG, AT(recall), FOR_GALLERY_INFO, 0, 0, NULL,
     "Tell which share of the 5 best people identify --index hnsw finds, measured with 200 "
     "searches. It takes the model that the gallery was made with."},
    {"draw", "OUT.png", OPTION_TEXT, AT(draw), FOR_DETECT, 0, 0, NULL,
     "Write a copy of the (one) photograph with boxes and points drawn into it."},

    {"quality", NULL, OPTION_FLAG, AT(quality), FOR_DETECT, 0, 0, NULL,
     "Tell how large, sharp, bright and turned each face is."},

    {"no-gate", NULL, OPTION_FLAG, AT(no_gate), FOR_ENROLL, 0, 0, NULL,
     "Refuse no photograph in which a face is found."},
    {"allow", "REASON,...", OPTION_SET, AT(allow), FOR_ENROLL, 0, 0, REASONS,
     "Do not refuse for this reason: several_faces, face_too_small, low_detection_score, blurred, "
     "too_dark, too_bright, extreme_pose, looks_like_another, unlike_itself."},
    {"other-faces", "SHARE", OPTION_REAL, AT(other_faces), FOR_ENROLL, 0, 1, NULL,
     "several_faces: the area from which on another face counts, as a share of the one that is "
     "meant. Default 0.5, and 0 (off) with --select. For this and the next limits, 0 switches the "
     "check off."},
    {"min-size", "PIXELS", OPTION_REAL, AT(min_size), FOR_ENROLL, 0, 1000000, NULL,
     "face_too_small: the shorter side of the face. Default 50."},
    {"min-score", "SCORE", OPTION_REAL, AT(min_score), FOR_ENROLL, 0, 1, NULL,
     "low_detection_score: how certain it must be that this is a face. Default 0.9."},
    {"min-sharpness", "FIGURE", OPTION_REAL, AT(min_sharpness), FOR_ENROLL, 0, 1000000, NULL,
     "blurred: default 0.015; detect --quality tells the figure."},
    {"min-brightness", "GREY", OPTION_REAL, AT(min_brightness), FOR_ENROLL, 0, 255, NULL,
     "too_dark: of 255. Default 30."},
    {"max-brightness", "GREY", OPTION_REAL, AT(max_brightness), FOR_ENROLL, 0, 255, NULL,
     "too_bright: of 255. Default 225."},
    {"max-yaw", "DEGREES", OPTION_REAL, AT(max_yaw), FOR_ENROLL, 0, 180, NULL,
     "extreme_pose: turned to the side. Default 45."},
    {"max-pitch", "DEGREES", OPTION_REAL, AT(max_pitch), FOR_ENROLL, 0, 180, NULL,
     "extreme_pose: turned up or down. Default 35."},
    {"max-roll", "DEGREES", OPTION_REAL, AT(max_roll), FOR_ENROLL, 0, 180, NULL,
     "extreme_pose: turned on its side. Default 45."},

    {"images", "DIR", OPTION_TEXT, AT(images), FOR_PAIRS, 0, 0, NULL,
     "The folder of photographs: DIR/NAME/NAME_0001.jpg (or .jpeg, .png, .pgm)."},
    {"images", "DIR", OPTION_TEXT, AT(images), FOR_ALL_PAIRS | FOR_CALIBRATE, 0, 0, NULL,
     "The folder of photographs: every picture of every sub-folder; a sub-folder is a person."},
    {"people", "FILE", OPTION_TEXT, AT(people), FOR_ALL_PAIRS | FOR_CALIBRATE, 0, 0, NULL,
     "Only the people named in this file, one sub-folder a line."},
    {"pairs", "FILE", OPTION_TEXT, AT(pairs), FOR_PAIRS, 0, 0, NULL,
     "The list of pairs: a first line FOLDS PAIRS, then for each fold PAIRS lines NAME I J of one "
     "person and PAIRS lines NAME1 I NAME2 J of two."},
    {"gallery-images", "DIR", OPTION_TEXT, AT(gallery_images), FOR_OPEN_SET, 0, 0, NULL,
     "Who is enrolled: every picture of every sub-folder; a sub-folder is a person."},
    {"known", "DIR", OPTION_TEXT, AT(known), FOR_OPEN_SET, 0, 0, NULL,
     "Other photographs of these people, in sub-folders of the same names."},
    {"strangers", "DIR", OPTION_TEXT, AT(strangers), FOR_OPEN_SET, 0, 0, NULL,
     "Photographs of people who are not enrolled, likewise."},
    {"images", "DIR", OPTION_TEXT, AT(images), FOR_PAD, 0, 0, NULL,
     "The folder that the paths of --labels begin at."},
    {"labels", "CSV", OPTION_TEXT, AT(labels), FOR_PAD | FOR_CALIBRATE, 0, 0, NULL,
     "What the photographs show. The first line names the columns: path; label, which is live or "
     "spoof; attack, the kind of attack; and, if it is there, person."},
    {"labels", "CSV", OPTION_TEXT, AT(labels), FOR_TRAIN, 0, 0, NULL,
     "For a liveness model: the photographs of --data and what they show, as for evaluate pad."},
    {"pad", NULL, OPTION_FLAG, AT(pad), FOR_CALIBRATE, 0, 0, NULL,
     "Measure a liveness model, on the photographs of --labels."},
    {"folds", "N", OPTION_INTEGER, AT(folds), FOR_PAD, 2, 1000, NULL,
     "Divide the people into N parts, and judge each with thresholds from the others: figures of "
     "people that the thresholds have not seen. Who is in a photograph is told by the column "
     "person, or else by the first digits of the file's name."},
    {"embeddings", "FILE", OPTION_TEXT, AT(embeddings), FOR_MANY, 0, 0, NULL,
     "Keep embeddings in this file, and take from it what it holds of photographs that have not "
     "changed. They are biometric data: only you may read it, and you should guard it."},
    {"failures", "RULE", OPTION_CHOICE, AT(failures), FOR_MANY & ~FOR_CALIBRATE, 0, 0, FAILURES,
     "Comparisons of a photograph in which no face is found: leave-out (only counted; the rates "
     "are "
     "FMR and FNMR; default) or error (they do not match; the rates are FAR and FRR)."},
    {"report", "OUT.html", OPTION_TEXT, AT(report), (FOR_MANY & ~FOR_CALIBRATE) | FOR_PAD, 0, 0,
     NULL,
     "Write a page with the figures as charts and the worst mistakes as pictures, and OUT.json "
     "beside it. It shows faces: only you may read it."},
    {"attributes", "CSV", OPTION_TEXT, AT(attributes), FOR_ALL_PAIRS, 0, 0, NULL,
     "Tell the rates of groups of people, too. The first line names the columns; the first column "
     "is the sub-folder, each other one an attribute."},
    {"fmr", "RATE", OPTION_RATE, AT(fmr), FOR_ALL_PAIRS, 0, 1, NULL,
     "Groups are compared at the threshold with this FMR over all comparisons. Default 1e-3."},
    {"threshold", "SCORE", OPTION_REAL, AT(threshold), FOR_ALL_PAIRS, -FLT_MAX, FLT_MAX, NULL,
     "Groups are compared at this threshold."},
    {"dataset", "TEXT", OPTION_TEXT, AT(dataset), FOR_CALIBRATE, 0, 0, NULL,
     "What the calibration shall say about the photographs. Default: the folder's name."},
    {"out", "FILE", OPTION_TEXT, AT(out), FOR_CALIBRATE, 0, 0, NULL,
     "Where to write the calibration. Default: standard output."},
    {"rounds", "N", OPTION_INTEGER, AT(rounds), FOR_BENCH, 1, 1000000, NULL,
     "Time every photograph N times. Default 5."},

    {"arch", "NAME", OPTION_TEXT, AT(arch), FOR_TRAIN, 0, 0, NULL,
     "Train this architecture from weights drawn anew; facematch-models build NAME "
     "makes it. A name that is looked up, or a path."},
    {"from", "MODEL", OPTION_TEXT, AT(from), FOR_TRAIN, 0, 0, NULL,
     "Go on from the weights of this model, an embedder or a liveness model; a name or a path."},
    {"data", "DIR", OPTION_TEXT, AT(data), FOR_TRAIN, 0, 0, NULL,
     "The photographs: every picture of every sub-folder; a sub-folder is a person. For a liveness "
     "model: sub-folders live, spoof and spoof-KIND, in them one for each person, or pictures "
     "whose "
     "first digits tell who it is; or any that --labels names."},
    {"list", "FILE", OPTION_TEXT, AT(list), FOR_TRAIN, 0, 0, NULL,
     "The photographs, one a line: PERSON, a tab or blanks, PATH. With a tab, PERSON may have "
     "blanks in it. A path is taken from the current folder unless it begins with a slash; empty "
     "lines and lines that begin with # are skipped."},
    {"leave-out", "N", OPTION_INTEGER, AT(leave_out), FOR_TRAIN, 0, 1000000, NULL,
     "Leave out N people, chosen by --seed among those with two photographs or more, to measure "
     "each epoch and to calibrate the model. Default: a fifth of them where there are 10 or more, "
     "else none; 0: none. For a liveness model: among those with live faces and attacks, from 5 "
     "on."},
    {"validation", "DIR", OPTION_TEXT, AT(validation), FOR_TRAIN, 0, 0, NULL,
     "Measure and calibrate on the people of this folder instead."},
    {"out", "MODEL", OPTION_TEXT, AT(out), FOR_TRAIN, 0, 0, NULL,
     "Where to write the model; ends in .pt."},
    {"force", NULL, OPTION_FLAG, AT(force), FOR_TRAIN, 0, 0, NULL,
     "Replace a model that is there already, and a checkpoint that is not resumed."},
    {"loss", "LOSS", OPTION_CHOICE, AT(loss), FOR_TRAIN, 0, 0, LOSSES,
     "What is made small: triplet (default), softmax, or siamese or chi-squared, which learn the "
     "metric that the model then has."},
    {"mining", "RULE", OPTION_CHOICE, AT(mining), FOR_TRAIN, 0, 0, MININGS,
     "Which triplets of a batch count: batch-hard (default), semi-hard or all."},
    {"margin", "DISTANCE", OPTION_REAL, AT(margin), FOR_TRAIN, 1e-6, 100, NULL,
     "By how much a negative must be farther than a positive, in squared distance. Default 0.2."},
    {"reduction", "RULE", OPTION_CHOICE, AT(reduction), FOR_TRAIN, 0, 0, REDUCTIONS,
     "How the losses of the mined triplets become one number: mean (default) or sum."},
    {"people", "P", OPTION_INTEGER, AT(people_per_batch), FOR_TRAIN, 2, 10000, NULL,
     "People in a batch. Default 8."},
    {"photographs", "K", OPTION_INTEGER, AT(photographs), FOR_TRAIN, 2, 1000, NULL,
     "Photographs of each of them. Default 4."},
    {"epochs", "N", OPTION_INTEGER, AT(epochs), FOR_TRAIN, 1, 100000, NULL,
     "How often all photographs are gone through. Default 30."},
    {"steps", "N", OPTION_INTEGER, AT(steps), FOR_TRAIN, 1, 1000000, NULL,
     "Batches of an epoch. Default: as many as show each photograph about once."},
    {"patience", "N", OPTION_INTEGER, AT(patience), FOR_TRAIN, 1, 100000, NULL,
     "End after N epochs without a lower EER on the people left out. Default: never."},
    {"optimizer", "NAME", OPTION_CHOICE, AT(optimizer), FOR_TRAIN, 0, 0, OPTIMIZERS,
     "adam (default), sgd or adagrad."},
    {"rate", "RATE", OPTION_REAL, AT(rate), FOR_TRAIN, 1e-12, 1000000, NULL,
     "The learning rate. Default 0.001, for a liveness model 0.0001."},
    {"momentum", "SHARE", OPTION_REAL, AT(momentum), FOR_TRAIN, 0, 1, NULL,
     "Of --optimizer sgd. Default 0.9; 0: none."},
    {"weight-decay", "RATE", OPTION_REAL, AT(weight_decay), FOR_TRAIN, 0, 1000, NULL,
     "How strongly weights are drawn to 0, those of a learned metric to each other. Default 0."},
    {"schedule", "RULE", OPTION_CHOICE, AT(schedule), FOR_TRAIN, 0, 0, SCHEDULES,
     "How the learning rate changes: cosine (down to 0 over all epochs; default), constant, or "
     "step (a tenth of it after each --schedule-epochs)."},
    {"schedule-epochs", "N", OPTION_INTEGER, AT(schedule_epochs), FOR_TRAIN, 1, 100000, NULL,
     "Of --schedule step. Default 10."},
    {"freeze", "LAYER", OPTION_TEXTS, AT(freeze), FOR_TRAIN, 0, 0, NULL,
     "A layer that stays as it is, with all below it, by its name in the network; all: the whole "
     "network, of a liveness model all but the last layer of each. Can be given several times."},
    {"head", "DIM", OPTION_INTEGER, AT(head), FOR_TRAIN, 1, 65536, NULL,
     "Put a new linear layer of DIM outputs behind the network."},
    {"augment", "HOW", OPTION_TEXT, AT(augment), FOR_TRAIN, 0, 0, NULL,
     "How much photographs are varied each time: none, light (default; none where all is frozen), "
     "strong, or a list of flip, shift, scale, brightness, contrast and blur, such as "
     "flip=0.5,shift=0.05,blur=1."},
    {"seed", "N", OPTION_INTEGER, AT(seed), FOR_TRAIN, 0, 9007199254740992.0, NULL,
     "All that is random follows from it. Default 0."},
    {"device", "NAME", OPTION_TEXT, AT(device), FOR_TRAIN, 0, 0, NULL, "cpu (default) or cuda:0."},
    {"checkpoint", "FILE", OPTION_TEXT, AT(checkpoint), FOR_TRAIN, 0, 0, NULL,
     "Keep in this file, after every epoch, all that is needed to go on."},
    {"resume", NULL, OPTION_FLAG, AT(resume), FOR_TRAIN, 0, 0, NULL,
     "Go on from --checkpoint where it exists; everything else must be as it was."},
    {"report", "OUT.html", OPTION_TEXT, AT(report), FOR_TRAIN, 0, 0, NULL,
     "Write a page with the curves after every epoch, and OUT.json beside it."},

    {"liveness", "POLICY", OPTION_CHOICE, AT(liveness), FOR_DECISION, 0, 0, POLICIES,
     "Whether the photograph that is presented (of two, the second) must show a live face and not "
     "a picture of one: off (default), report (tell, and decide as without) or require (what is "
     "not live is refused, whoever it is: exit status 1)."},
    {"liveness-model", "NAME|PATH", OPTION_TEXT, AT(liveness_model), FOR_LINES | FOR_CALIBRATE, 0,
     0, NULL, "The liveness model, looked up as --model is. Default minifasnet."},
    {"apcer", "RATE", OPTION_RATE, AT(apcer), FOR_LINES, 0, 1, NULL,
     "Liveness: the share of attacks that may be called live. Default 0.05."},
    {"bpcer", "RATE", OPTION_RATE, AT(bpcer), FOR_LINES, 0, 1, NULL,
     "Liveness: the share of live faces that may be called attacks. Default 0.05."},
    {"live-score", "SCORE", OPTION_REAL, AT(live_score), FOR_LINES, 0, 1, NULL,
     "Liveness: scores of at least this are live, whatever the calibration says. Goes with "
     "--spoof-score."},
    {"spoof-score", "SCORE", OPTION_REAL, AT(spoof_score), FOR_LINES, 0, 1, NULL,
     "Liveness: scores below this are attacks; between the two is uncertain."},
    {"sequence", NULL, OPTION_FLAG, AT(sequence), FOR_LIVENESS, 0, 0, NULL,
     "The photographs are frames of one attempt, in their order: one verdict for all. Needs an "
     "embedder, which tells whether they show one person."},
    {"min-frames", "N", OPTION_INTEGER, AT(min_frames), FOR_LIVENESS, 1, FM_LIMIT_LIVENESS_FRAMES,
     NULL, "With --sequence: frames that must count before there is a verdict. Default 3."},

    {"aligned", NULL, OPTION_FLAG, AT(aligned), FOR_EMBEDDING | FOR_TRAIN, 0, 0, NULL,
     "The pictures already are the crops the model sees: resize them, and detect nothing."},
    {"select", "RULE", OPTION_CHOICE, AT(selection), FOR_FACES, 0, 0, SELECTIONS,
     "Which of several faces is meant, and comes first: prominent (large and central; default), "
     "largest, central or score."},
    {"min-face", "PIXELS", OPTION_INTEGER, AT(min_face), FOR_FACES, 12, 10000, NULL,
     "The smallest face that is looked for. Default 40."},
    {"flip", NULL, OPTION_FLAG, AT(flip), FOR_EMBEDDING, 0, 0, NULL,
     "Average each embedding with that of the mirrored face; twice the work."},
    {"precision", "TYPE", OPTION_CHOICE, AT(precision), FOR_EMBEDDING, 0, 0, PRECISIONS,
     "Arithmetic of the embedder: float32 (default) or bfloat16."},
    {"threads", "N", OPTION_INTEGER, AT(threads), FOR_FACES & ~(FOR_MANY | FOR_PAD), 1, 256, NULL,
     "Cores that the networks may use. Default 1."},
    {"threads", "N", OPTION_INTEGER, AT(threads), FOR_TRAIN, 1, 256, NULL,
     "Cores that the network may use. Default: all of them; only with 1 are two runs sure to be "
     "the same to the last bit."},
    {"threads", "N", OPTION_INTEGER, AT(threads), FOR_MANY | FOR_PAD, 1, 256, NULL,
     "Photographs that are worked on at once. Default: the number of cores."},

    {"man", NULL, OPTION_FLAG, AT(man), FOR_HELP, 0, 0, NULL,
     "Print the manual page, facematch(1), as troff source."},
    {"completion", NULL, OPTION_FLAG, AT(completion), FOR_HELP, 0, 0, NULL,
     "Print the completion for bash: source <(facematch help --completion)."},
    {0}};

/* One option as it was typed. */
typedef struct given {
    const option_spec *spec;
    const char *value;
} given;

typedef struct command_line {
    given *given;
    size_t given_count;
    const char **items;
    size_t count;
} command_line;

static const option_spec *find_option(const char *name, size_t length, uint32_t commands)
{
    for (const option_spec *spec = OPTIONS; spec->name; spec++)
        if (strlen(spec->name) == length && memcmp(spec->name, name, length) == 0 &&
            (spec->commands & commands))
            return spec;
    return NULL;
}

static bool unknown_option(const char *typed)
{
    const char *name = typed + strspn(typed, "-");
    nearest best = nearest_begin(name, strcspn(name, "="));
    for (const option_spec *spec = OPTIONS; spec->name; spec++)
        nearest_offer(&best, spec->name);
    if (best.word)
        out_error(NULL, FM_E_INVALID_ARGUMENT, "there is no option %s; did you mean --%s?", typed,
                  best.word);
    else
        out_error(NULL, FM_E_INVALID_ARGUMENT, "there is no option %s; see facematch help", typed);
    return false;
}

/* Take argv[*at] as an option, and argv[*at + 1] too where that is its value. */
static bool take_option(int argc, char **argv, int *at, command_line *out)
{
    const char *typed = argv[*at];
    if (strcmp(typed, "-h") == 0)
        typed = "--help";
    const char *name = typed + 2;
    size_t length = strcspn(name, "=");
    const option_spec *spec = typed[1] == '-' ? find_option(name, length, FOR_ALL) : NULL;
    if (!spec)
        return unknown_option(typed);
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    if (spec->kind == OPTION_FLAG && value) {
        out_error(NULL, FM_E_INVALID_ARGUMENT, "--%s takes no value", spec->name);
        return false;
    }
    if (spec->kind != OPTION_FLAG && !value) {
        if (*at + 1 >= argc) {
            out_error(NULL, FM_E_INVALID_ARGUMENT, "--%s needs a value: --%s %s", spec->name,
                      spec->name, spec->argument);
            return false;
        }
        value = argv[++*at];
        /* Forgotten, rather than meant: no file is called like an option. */
        if (strncmp(value, "--", 2) == 0 &&
            find_option(value + 2, strcspn(value + 2, "="), FOR_ALL)) {
            out_error(NULL, FM_E_INVALID_ARGUMENT,
                      "--%s needs a value: --%s %s; %s is an option, and as a value is written "
                      "--%s=%s",
                      spec->name, spec->name, spec->argument, value, spec->name, value);
            return false;
        }
    }
    out->given[out->given_count++] = (given){spec, value};
    return true;
}

static bool split(int argc, char **argv, command_line *out)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            while (++i < argc)
                out->items[out->count++] = argv[i];
        } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!take_option(argc, argv, &i, out))
                return false;
        } else {
            out->items[out->count++] = argv[i];
        }
    }
    return true;
}

static bool number_error(const option_spec *spec, const char *value)
{
    char low[32], high[32];
    if (spec->kind == OPTION_INTEGER) {
        out_count(low, sizeof low, (int64_t)spec->min);
        out_count(high, sizeof high, (int64_t)spec->max);
        out_error(NULL, FM_E_INVALID_ARGUMENT, "--%s takes a whole number from %s to %s, not '%s'",
                  spec->name, low, high, value);
    } else if (spec->kind == OPTION_RATE) {
        out_error(NULL, FM_E_INVALID_ARGUMENT,
                  "--%s takes a rate above %g and below %g, such as 1e-3, not '%s'", spec->name,
                  spec->min, spec->max, value);
    } else if (spec->max < FLT_MAX) {
        out_error(NULL, FM_E_INVALID_ARGUMENT, "--%s takes a number from %g to %.7g, not '%s'",
                  spec->name, spec->min, spec->max, value);
    } else {
        out_error(NULL, FM_E_INVALID_ARGUMENT, "--%s takes a finite number, not '%s'", spec->name,
                  value);
    }
    return false;
}

/* Whether all of the text was a number, without blanks around it. */
static bool is_whole(const char *text, const char *end)
{
    return end != text && *end == '\0' && !isspace((unsigned char)text[0]);
}

static bool store_integer(const option_spec *spec, const char *value, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (!is_whole(value, end) || errno != 0 || (double)number < spec->min ||
        (double)number > spec->max)
        return number_error(spec, value);
    *out = number;
    return true;
}

static bool store_real(const option_spec *spec, const char *value, double *out)
{
    char *end = NULL;
    double number = strtod(value, &end);
    bool inside = spec->kind == OPTION_RATE ? number > spec->min && number < spec->max
                                            : number >= spec->min && number <= spec->max;
    if (!is_whole(value, end) || !inside)
        return number_error(spec, value);
    *out = number;
    return true;
}

/* The choice that the first `length` bytes of value name; NULL: reported. */
static const option_choice *find_choice(const option_spec *spec, const char *value, size_t length)
{
    char known[256] = "";
    for (const option_choice *choice = spec->choices; choice->name; choice++) {
        if (strlen(choice->name) == length && memcmp(choice->name, value, length) == 0)
            return choice;
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", choice->name);
    }
    out_error(NULL, FM_E_INVALID_ARGUMENT, "--%s takes one of %s, not '%.*s'", spec->name, known,
              (int)length, value);
    return NULL;
}

static bool store_choice(const option_spec *spec, const char *value, int64_t *out)
{
    const option_choice *choice = find_choice(spec, value, strlen(value));
    if (choice)
        *out = choice->value;
    return choice != NULL;
}

static bool store_set(const option_spec *spec, const char *value, int64_t *out)
{
    for (;;) {
        size_t length = strcspn(value, ",");
        const option_choice *choice = find_choice(spec, value, length);
        if (!choice)
            return false;
        *out |= choice->value;
        if (!value[length])
            return true;
        value += length + 1;
    }
}

static void store_one_more(text_list *list, const char *value)
{
    const char **items = out_alloc(list->count + 1, sizeof *items);
    if (list->count)
        memcpy(items, list->items, list->count * sizeof *items);
    free(list->items);
    list->items = items;
    list->items[list->count++] = value;
}

static bool store(const given *option, options *out)
{
    const option_spec *spec = option->spec;
    void *member = (char *)out + spec->offset;
    switch (spec->kind) {
    case OPTION_FLAG:
        *(bool *)member = true;
        return true;
    case OPTION_TEXT:
        *(const char **)member = option->value;
        return true;
    case OPTION_TEXTS:
        store_one_more(member, option->value);
        return true;
    case OPTION_INTEGER:
        return store_integer(spec, option->value, member);
    case OPTION_CHOICE:
        return store_choice(spec, option->value, member);
    case OPTION_SET:
        return store_set(spec, option->value, member);
    case OPTION_RATE:
    case OPTION_REAL:
        break;
    }
    return store_real(spec, option->value, member);
}

const command *options_find_command(const char *const *items, size_t count, size_t *used)
{
    for (const command *c = COMMANDS; count > 0 && c->name; c++) {
        if (!c->group && strcmp(c->name, items[0]) == 0) {
            *used = 1;
            return c;
        }
        if (c->group && count > 1 && strcmp(c->group, items[0]) == 0 &&
            strcmp(c->name, items[1]) == 0) {
            *used = 2;
            return c;
        }
    }
    return NULL;
}

/* A group without its second word, or with a wrong one. */
static bool incomplete_command(const char *const *items, size_t count)
{
    char known[256] = "";
    for (const command *c = COMMANDS; c->name; c++) {
        if (!c->group || strcmp(c->group, items[0]) != 0)
            continue;
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", c->name);
    }
    if (!known[0])
        return false;
    if (count > 1)
        out_error(NULL, FM_E_INVALID_ARGUMENT, "facematch %s has no command '%s'; it has %s",
                  items[0], items[1], known);
    else
        out_error(NULL, FM_E_INVALID_ARGUMENT, "facematch %s needs one of %s", items[0], known);
    return true;
}

void options_unknown_command(const char *const *items, size_t count)
{
    if (count == 0) {
        out_error(NULL, FM_E_INVALID_ARGUMENT, "no command was given; see facematch help");
        return;
    }
    if (incomplete_command(items, count))
        return;
    nearest best = nearest_begin(items[0], strlen(items[0]));
    for (const command *c = COMMANDS; c->name; c++)
        nearest_offer(&best, c->group ? c->group : c->name);
    if (best.word)
        out_error(NULL, FM_E_INVALID_ARGUMENT, "there is no command '%s'; did you mean '%s'?",
                  items[0], best.word);
    else
        out_error(NULL, FM_E_INVALID_ARGUMENT, "there is no command '%s'; see facematch help",
                  items[0]);
}

int options_misuse(const options *opts, const char *format, ...)
{
    char text[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    const command *c = opts->command;
    out_error(NULL, FM_E_INVALID_ARGUMENT, "%s; see facematch %s%s%s --help", text,
              c->group ? c->group : "", c->group ? " " : "", c->name);
    return ANSWER_ERROR;
}

/* Of a pipe, the first photograph would take all. */
static bool reads_input_twice(const options *opts)
{
    size_t times = 0;
    for (size_t i = opts->command->bit == FOR_ENROLL; i < opts->args_count; i++) /* past the id */
        times += input_is(opts->args[i]);
    return (opts->command->bit & FOR_PHOTOGRAPHS) && times > 1;
}

static bool check_arguments(const options *opts)
{
    const command *c = opts->command;
    if (opts->args_count < c->min_args)
        options_misuse(opts, "arguments are missing");
    else if (opts->args_count > c->max_args)
        options_misuse(opts, "'%s' is one argument too many", opts->args[c->max_args]);
    else if (reads_input_twice(opts))
        options_misuse(opts, "- is standard input, which can be read once");
    else
        return true;
    return false;
}

static bool apply(const command_line *line, options *out)
{
    size_t used = 0;
    out->command = options_find_command(line->items, line->count, &used);
    if (!out->command) {
        options_unknown_command(line->items, line->count);
        return false;
    }
    out->args += used;
    out->args_count -= used;
    for (size_t i = 0; i < line->given_count; i++) {
        given option = line->given[i];
        const char *name = option.spec->name;
        option.spec = find_option(name, strlen(name), out->command->bit);
        if (!option.spec) {
            options_misuse(out, "this command has no option --%s", name);
            return false;
        }
        if (!store(&option, out))
            return false;
    }
    return check_arguments(out);
}

bool options_parse(int argc, char **argv, options *out)
{
    command_line line = {out_alloc((size_t)argc, sizeof *line.given), 0,
                         out_alloc((size_t)argc, sizeof *line.items), 0};
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            out_begin(true);
    *out = (options){.threshold = NAN,
                     .live_score = NAN,
                     .spoof_score = NAN,
                     .other_faces = NAN,
                     .min_size = NAN,
                     .min_score = NAN,
                     .min_sharpness = NAN,
                     .min_brightness = NAN,
                     .max_brightness = NAN,
                     .max_yaw = NAN,
                     .max_pitch = NAN,
                     .max_roll = NAN,
                     .momentum = NAN,
                     .leave_out = -1};
    bool ok = split(argc, argv, &line);
    out->args = line.items;
    out->args_count = line.count;
    for (size_t i = 0; i < line.given_count; i++)
        out->help |= strcmp(line.given[i].spec->name, "help") == 0;
    if (ok && !out->help)
        ok = apply(&line, out);
    free(line.given);
    out->words = line.items;
    if (!ok)
        options_free(out);
    return ok;
}

void options_free(options *opts)
{
    free(opts->freeze.items);
    free(opts->words);
    opts->freeze = (text_list){0};
    opts->words = NULL;
}
