#!/usr/bin/env bash
# Measure the calibrations of all our embedders anew on data/lfw, and put them into the archives.
# Embeddings are kept in build/, where a second run finds them; another alignment, detector or
# preset means another model id or other settings: delete build/lfw-*.embeddings then.
. "$(dirname "$0")/common.sh"
data=${FACEMATCH_DATA:-$root/../shared/data}/lfw
[ -d "$data/images" ] || die "$data/images is absent: set FACEMATCH_DATA."
export FACEMATCH_MODELS=$models
for name in ${*:-mobilefacenet dlib-resnet-v1 fast default accurate}; do
    say "calibrating $name"
    file=tools/models/facematch_models/calibrations/$name.json
    build/bin/facematch calibrate --model "$name" --images "$data/images" \
        --embeddings "build/lfw-$name.embeddings" \
        --dataset "LFW deep-funneled, photographs of View 2, folds 1 to 5" --out "$file"
    PYTHONPATH=tools/models "$python" -m facematch_models calibrate "$file" "$models/$name.pt"
done
