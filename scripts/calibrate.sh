#!/usr/bin/env bash
# Measure the calibrations of all our embedders anew on data/lfw, and that of minifasnet on
# data/liveness, and put them into the archives.
# Embeddings are kept in build/, where a second run finds them; another alignment, detector or
# preset means another model id or other settings: delete build/lfw-*.embeddings then.
. "$(dirname "$0")/common.sh"
data=${FACEMATCH_DATA:-$root/../shared/data}
for folder in lfw liveness; do
    [ -d "$data/$folder/images" ] || die "$data/$folder/images is absent: set FACEMATCH_DATA."
done
export FACEMATCH_MODELS=$models
for name in ${*:-mobilefacenet dlib-resnet-v1 fast default accurate minifasnet}; do
    say "calibrating $name"
    file=tools/models/facematch_models/calibrations/$name.json
    if [ "$name" = minifasnet ]; then
        build/bin/facematch calibrate --pad --images "$data/liveness" \
            --labels "$data/liveness/labels.csv" --out "$file" \
            --dataset "NUAA, training part: 500 frames of 9 people (printed photographs); mtcnn"
    else
        build/bin/facematch calibrate --model "$name" --images "$data/lfw/images" \
            --embeddings "build/lfw-$name.embeddings" \
            --dataset "LFW deep-funneled, photographs of View 2, folds 1 to 5" --out "$file"
    fi
    PYTHONPATH=tools/models "$python" -m facematch_models calibrate "$file" "$models/$name.pt"
done
