#include "commands.h"

#define ANY SIZE_MAX

const command COMMANDS[] = {
    {FOR_DETECT, NULL, "detect", 1, ANY, "IMAGE...", "find faces",
     "Tells the box, five points and score of every face, the one that is meant first. Exit status "
     "1: at least one photograph has no face.",
     "detect group.jpg\ndetect --draw faces.png group.jpg\ndetect --quality --json anna.jpg\n"
     "detect - < anna.jpg",
     cmd_detect},
    {FOR_EMBED, NULL, "embed", 1, ANY, "IMAGE...", "turn faces into vectors",
     "Prints the vector of the face that is meant in each photograph. Vectors of one model can be "
     "compared with each other.",
     "embed --json anna.jpg", cmd_embed},
    {FOR_VERIFY, NULL, "verify", 1, 2, "A B\n--gallery URI --id ID IMAGE",
     "decide whether two photographs show one person",
     "Compares two photographs, or one with the templates of an identity. Exit status 0: the same "
     "person; 1: not, or not live where --liveness require asks for it.",
     "verify passport.jpg camera.jpg\nverify --fmr 1e-5 passport.jpg camera.jpg\n"
     "verify --liveness require passport.jpg camera.jpg\n"
     "verify --gallery people.fmg --id anna camera.jpg",
     cmd_verify},
    {FOR_ENROLL, NULL, "enroll", 0, ANY, "--gallery URI ID IMAGE...\n--gallery URI --folder DIR",
     "store people in a gallery",
     "Adds a template per photograph; one photograph per person is enough. The gallery is made "
     "when the first photograph passes. What would make later answers worse is rejected: bad "
     "photographs, people who are enrolled under another id, and photographs unlike the others of "
     "the id. A photograph that is rejected is told with its reason, the others are stored all the "
     "same, and the exit status is 2; 1 where all that was wrong is that --liveness require found "
     "no live face. A photograph that is enrolled under the id already is passed over, so an "
     "enrolment that was broken off can be repeated.",
     "enroll --gallery people.fmg anna anna.jpg\n"
     "enroll --gallery people.fmg --name 'Anna B.' anna anna1.jpg anna2.jpg\n"
     "enroll --gallery people.fmg --allow looks_like_another annas-twin twin.jpg\n"
     "enroll --gallery people.fmg --folder photographs",
     cmd_enroll},
    {FOR_IDENTIFY, NULL, "identify", 1, ANY, "--gallery URI IMAGE...",
     "tell who of a gallery is in a photograph",
     "Tells the identities that match, best first, or nobody. Exit status 1: nobody (or, with "
     "--liveness require, nobody live) in at least one photograph.",
     "identify --gallery people.fmg camera.jpg\n"
     "identify --gallery people.fmg --liveness require camera.jpg\n"
     "identify --gallery people.fmg --top 1 --fpir 1e-3 *.jpg",
     cmd_identify},
    {FOR_LIVENESS, NULL, "liveness", 1, ANY, "IMAGE...\n--sequence IMAGE...",
     "tell a live face from a picture of one",
     "Tells of the face that is meant in each photograph whether it is live, a spoof (a print or a "
     "screen held before the camera) or uncertain, and why. With --sequence one verdict for all: "
     "frames in which the face does not change, or is somebody else's, do not count. Masks and "
     "made-up video are not detected. Exit status 1: not all are live.",
     "liveness camera.jpg\nliveness --json --apcer 0.01 camera.jpg\n"
     "liveness --sequence frame1.jpg frame2.jpg frame3.jpg frame4.jpg",
     cmd_liveness},
    {FOR_GALLERY_INFO, "gallery", "info", 1, 1, "URI", "what a gallery says about itself",
     "Tells how many people and templates there are, and the model they were made with.",
     "gallery info people.fmg", cmd_gallery_info},
    {FOR_GALLERY_LIST, "gallery", "list", 1, 1, "URI", "list the people of a gallery",
     "Lists all identities in the order of their ids.",
     "gallery list people.fmg\ngallery list --json people.fmg", cmd_gallery_list},
    {FOR_GALLERY_SHOW, "gallery", "show", 2, 2, "URI ID", "show one person of a gallery",
     "Shows an identity with its metadata and templates.", "gallery show people.fmg anna",
     cmd_gallery_show},
    {FOR_GALLERY_REMOVE, "gallery", "remove", 2, 2, "URI ID", "forget a person",
     "Removes an identity with all its templates, or one template, for good. It asks nothing.",
     "gallery remove people.fmg anna\ngallery remove --template 7 people.fmg anna",
     cmd_gallery_remove},
    {FOR_GALLERY_EXPORT, "gallery", "export", 2, 2, "URI FILE", "write a gallery to a text file",
     "Writes everybody to a file of JSON lines, as they are at one moment. The file holds faces "
     "and names, and without --file-key in the clear, even if the gallery is sealed: only you may "
     "read it, and you should guard it. FILE may be - for a pipe.",
     "gallery export people.fmg people.jsonl\ngallery export people.fmg - | gzip > people.jsonl.gz",
     cmd_gallery_export},
    {FOR_GALLERY_IMPORT, "gallery", "import", 2, 2, "URI FILE",
     "add the people of an exported file",
     "Adds everybody, or, where anything is wrong with the file, nobody. A gallery that does not "
     "exist is made, if --model is given. FILE may be - for standard input.",
     "gallery import people.fmg people.jsonl\n"
     "gallery import --on-existing skip people.fmg people.jsonl\n"
     "gallery import --model default new.fmg people.jsonl",
     cmd_gallery_import},
    {FOR_GALLERY_COMPACT, "gallery", "compact", 1, 1, "URI", "give unused room back to the disk",
     "Rebuilds the file of a gallery, so that it is as small as can be and holds nothing of what "
     "was removed or replaced.",
     "gallery compact people.fmg", cmd_gallery_compact},
    {FOR_GALLERY_REKEY, "gallery", "rekey", 1, 1,
     "--new-key-file FILE URI\n--new-passphrase-file FILE URI", "change the key of a gallery",
     "Seals a gallery anew, under another key; one that was plain is sealed. The file is "
     "rebuilt, so that nothing is left in it that the old key opens. Copies of the file that were "
     "made before "
     "stay as they are.",
     "gallery rekey --new-key-file my.key people.fmg\n"
     "gallery rekey --key-file my.key --new-passphrase-file new.txt people.fmg",
     cmd_gallery_rekey},
    {FOR_GALLERY_SHARD, "gallery", "shard", 2, ANY, "URI SERVER...",
     "spread a gallery over servers",
     "Moves the templates of a gallery on PostgreSQL to other servers, each of which then searches "
     "its part; people stay where they are. SERVER is the URI of a database with the extension "
     "vector, which this computer and the gallery's server can both reach. It cannot be done "
     "twice. "
     "A gallery that does not exist is made, if --model is given. What is on a command line can be "
     "seen by others on the same computer, so mind the passwords.",
     "gallery shard postgresql://main/db postgresql://me:secret@one/db", cmd_gallery_shard},
    {FOR_PAIRS, "evaluate", "pairs", 0, 0, "--images DIR --pairs FILE",
     "measure a model on labelled pairs",
     "Computes accuracy by the protocol of LFW's View 2, the equal error rate, and the share of "
     "genuine pairs accepted at fixed false accept rates, each with a 95 % interval. For the "
     "accuracy, a pair with a photograph in which no face is found counts as not the same person.",
     "evaluate pairs --images lfw/images --pairs lfw/pairs.txt\n"
     "evaluate pairs --report page.html --images lfw/images --pairs lfw/pairs.txt\n"
     "evaluate pairs --json --aligned --images lfw/aligned --pairs lfw/pairs.txt",
     cmd_evaluate_pairs},
    {FOR_ALL_PAIRS, "evaluate", "all-pairs", 0, 0, "--images DIR",
     "measure a model on every pair of a folder",
     "Compares every photograph with every other one, which shows rates down to one in a million "
     "from a few thousand photographs: FMR and FNMR, at thresholds chosen on these comparisons and "
     "at those of the model's calibration. The 95 % intervals allow for people being in many "
     "comparisons.",
     "evaluate all-pairs --images people\n"
     "evaluate all-pairs --embeddings my.cache --report page.html --images people\n"
     "evaluate all-pairs --attributes groups.csv --images people",
     cmd_evaluate_all_pairs},
    {FOR_OPEN_SET, "evaluate", "identify", 0, 0, "--gallery-images DIR --known DIR --strangers DIR",
     "measure finding people among many",
     "Searches for photographs of enrolled people and of strangers: the share of strangers who are "
     "given a name (FPIR), that of known people who are not found first (FNIR), and the ranks "
     "without a threshold (CMC).",
     "evaluate identify --gallery-images staff --known later --strangers guests",
     cmd_evaluate_identify},
    {FOR_PAD, "evaluate", "pad", 0, 0, "--images DIR --labels CSV",
     "measure a liveness model on labelled photographs",
     "Tells, in the terms of ISO/IEC 30107-3, which share of attacks is called live (APCER, for "
     "each kind of attack), which share of live faces is called an attack (BPCER), what is left "
     "uncertain, and, by scores alone, the equal error rate and operating points, each with a 95 % "
     "interval. Where people are known, intervals allow for several photographs of one person.",
     "evaluate pad --images faces --labels labels.csv\n"
     "evaluate pad --folds 5 --report page.html --images faces --labels labels.csv",
     cmd_evaluate_pad},
    {FOR_CALIBRATE, NULL, "calibrate", 0, 0, "--images DIR\n--pad --images DIR --labels CSV",
     "measure what a model's scores mean",
     "Compares every photograph with every other one, and tells which share of strangers scores at "
     "least how high: the calibration of the model's manifest. The more people, the lower the "
     "rates "
     "it can vouch for: down to a tenth of one in as many as there are comparisons of two people. "
     "facematch-models calibrate writes it into a model file. With --pad, the same for "
     "a liveness model: which share of attacks scores at least how high, and of live faces below.",
     "calibrate --images people --dataset 'staff, 2026' --out calibration.json\n"
     "calibrate --model dlib-resnet-v1 --people first.txt --images lfw/images\n"
     "calibrate --pad --images faces --labels labels.csv --out pad.json",
     cmd_calibrate},
    {FOR_TRAIN, NULL, "train", 0, 0,
     "--arch NAME --data DIR --out MODEL\n--from MODEL --data DIR --out MODEL",
     "train a model, or adapt one",
     "Trains a network on labelled photographs and writes a model file that every other command "
     "takes; from a liveness model, on live faces and attacks. Some people are left out of "
     "training: they tell after each epoch how well faces never "
     "seen are told apart, the best epoch is the one that is saved, and the model is calibrated on "
     "them. What is wrong with the data or the run is told with what to do about it. Interrupted, "
     "it stops after the step at hand; with --checkpoint the same command goes on later.",
     "train --arch facenet-small --data people --report curves.html --out mine.pt\n"
     "train --arch deepface-small --loss softmax --data people --out mine.pt\n"
     "train --from dlib-resnet-v1 --freeze all --head 128 --data people --out m.pt\n"
     "train --from minifasnet --data faces --labels labels.csv --out mine.pt\n"
     "train --arch facenet-small --data people --checkpoint run --resume --out m.pt",
     cmd_train},
    {FOR_MODELS, NULL, "models", 0, 0, "", "list the models that are found",
     "Lists the model files of the folders in which models are looked for. Exit status 1: there "
     "is none.",
     "models\nmodels --models-dir build/models --json", cmd_models},
    {FOR_BENCH, NULL, "bench", 1, ANY, "IMAGE...", "time detection and embedding",
     "Times each step on the photographs, after one pass that is not counted, and tells the "
     "median and the 95th percentile in milliseconds.",
     "bench --json *.jpg\nbench --precision bfloat16 --threads 2 *.jpg", cmd_bench},
    {FOR_VERSION, NULL, "version", 0, 0, "", "tell which program and library this is",
     "Tells the version of the library, how it was built and what it computes with.", "version",
     cmd_version},
    {FOR_HELP, NULL, "help", 0, 2, "[COMMAND]", "explain the program or a command",
     "Without a command, lists all of them.", "help verify\nhelp --man | man -l -", cmd_help},
    {0}};
