#!/usr/bin/env bash
# Speed, as JSON: each embedder against ONNX Runtime in one run, then photograph to embedding.
# The photographs are the first 200 of LFW in FACEMATCH_DATA, else those of the demo.
. "$(dirname "$0")/common.sh"
scripts/setup.sh
fetch_photos
if [ ! -x .venv-bench/bin/python ]; then
    say "making .venv-bench"
    "$python" -m venv --system-site-packages .venv-bench
    .venv-bench/bin/pip install -q -r bench/requirements.txt -r tools/models/requirements.txt
fi
data=${FACEMATCH_DATA:-$root/../shared/data}

say "each embedder against ONNX Runtime"
PYTHONPATH=tools/models .venv-bench/bin/python bench/embedder_vs_onnx.py --models "$models"

say "photograph to embedding, and bfloat16"
if [ -d "$data/lfw/images" ]; then
    mapfile -t list < <(find "$data/lfw/images" -name '*.jpg' | sort | head -200)
else
    list=("$photos"/*.jpg)
fi
build/bin/bench_pipeline "$models" "${list[@]}"
