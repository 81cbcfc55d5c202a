#!/usr/bin/env bash
# Install what is missing, build the library and the program in build/, fetch the weights into
# models/. Does only what has not been done yet.
. "$(dirname "$0")/common.sh"

need_packages ca-certificates git cmake ninja-build g++ pkg-config libtorch-dev libideep-dev libdnnl-dev \
    libstb-dev libjansson-dev libsodium-dev libexif-dev libsqlite3-dev libpq-dev libhnswlib-dev libcmocka-dev python3-venv \
    python3-numpy python3-torch npm=npm

say "building in build/"
cmake --preset release "$@" >build-configure.log 2>&1 || {
    cat build-configure.log >&2
    die "The configuration failed; build-configure.log has the text above."
}
rm -f build-configure.log
cmake --build build

if [ ! -x .venv/bin/pip ]; then
    say "making .venv"
    "$python" -m venv --system-site-packages .venv
fi
if ! cmp -s tools/models/requirements.txt .venv/requirements.installed; then
    .venv/bin/pip install -q -r tools/models/requirements.txt
    cp tools/models/requirements.txt .venv/requirements.installed
fi

say "building models in $models"
PYTHONPATH=tools/models .venv/bin/python -m facematch_models build mtcnn dlib-resnet-v1 \
    mobilefacenet fast default accurate --out "$models"
# From GitHub, which not every network lets through; MINIFASNET_WEIGHTS names a folder with copies.
PYTHONPATH=tools/models .venv/bin/python -m facematch_models build minifasnet --out "$models" \
    ${MINIFASNET_WEIGHTS:+--from "$MINIFASNET_WEIGHTS"} ||
    say "without minifasnet: liveness cannot be checked until it is built (docs/liveness.md)"
