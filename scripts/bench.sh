#!/usr/bin/env bash
# Speed, as JSON: each embedder against ONNX Runtime in one run, then photograph to embedding, then what a
# binding costs beside C, a service in Go under load, then a step of training against PyTorch, then exact
# search in galleries against FAISS and usearch (up to 1,000,000 x 512, which takes 12 GB of memory and half an hour;
# BENCH_SIZES=10000x128,100000x128 asks for less), then approximate search, then opening, enrolling and
# removing in a gallery's file.
# Last, search in PostgreSQL (BENCH_POSTGRES_SIZES=100000; a million takes half an hour).
# The photographs are the first 200 of LFW in FACEMATCH_DATA, else those of the demo.
. "$(dirname "$0")/common.sh"
need_packages wrk go=golang-go
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
if [ -e "$models/minifasnet.pt" ]; then
    PYTHONPATH=tools/models .venv-bench/bin/python bench/liveness_vs_onnx.py --models "$models"
fi

say "photograph to embedding, and bfloat16"
if [ -d "$data/lfw/images" ]; then
    mapfile -t list < <(find "$data/lfw/images" -name '*.jpg' | sort | head -200)
else
    list=("$photos"/*.jpg)
fi
build/bin/bench_pipeline "$models" "${list[@]}"

say "what a binding costs beside C"
make_test_venv
export PKG_CONFIG_PATH=$root/build/go LD_LIBRARY_PATH=$root/build/lib
(cd bench/go_cost && ../../bindings/go/tools/go.sh build -o ../../build/bin/go_cost .)
.venv-tests/bin/python bench/binding_cost.py --go build/bin/go_cost

say "a service in Go under load, beside the bare library"
"$python" bench/go_service.py
unset PKG_CONFIG_PATH LD_LIBRARY_PATH

say "a step of training against PyTorch"
PYTHONPATH=tools/models .venv/bin/python -m facematch_models build facenet-small deepface-small \
    --out "$models" >&2
PYTHONPATH=tools/models .venv/bin/python bench/train_step.py --models "$models"

say "exact search against FAISS and usearch"
.venv-bench/bin/python bench/gallery.py ${BENCH_SIZES:+--sizes "$BENCH_SIZES"}

say "approximate search"
.venv-bench/bin/python bench/hnsw.py

say "the file of a million templates"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
build/bin/bench_gallery_file make "$folder/people.fmg" 1000000 128
build/bin/bench_gallery_file measure "$folder/people.fmg" 128

say "galleries in PostgreSQL, on one server and on three"
.venv-bench/bin/python bench/gallery_postgres.py \
    ${BENCH_POSTGRES_SIZES:+--sizes "$BENCH_POSTGRES_SIZES"}
