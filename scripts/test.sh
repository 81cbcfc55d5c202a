#!/usr/bin/env bash
# Every test: torch-free ones with sanitizers and under valgrind, then all on libtorch and real
# photographs. Tests on data/lfw and its neighbours skip, and say so, where FACEMATCH_DATA is absent.
. "$(dirname "$0")/common.sh"
need_packages valgrind binutils chromium abigail-tools clang doxygen go=golang-go
export FACEMATCH_DATA=${FACEMATCH_DATA:-$root/../shared/data}
if [ -d "$FACEMATCH_DATA/weights" ]; then
    export MINIFASNET_WEIGHTS=${MINIFASNET_WEIGHTS:-$FACEMATCH_DATA/weights}
fi
scripts/setup.sh
make_test_venv
make_site_venv
if [ ! -d build/node/node_modules/axe-core ]; then
    npm install --silent --no-audit --no-fund --prefix build/node axe-core@4.10.2
fi
fetch_photos
export FACEMATCH_MODELS=$models FACEMATCH_PHOTOS=$photos

# Galleries wait for the disk at every change; it is not what is tested.
if [ -w /dev/shm ] && [ "$(df --output=avail -k /dev/shm | tail -1)" -gt 2000000 ]; then
    export TMPDIR=${TMPDIR:-/dev/shm}
fi

for preset in asan tsan-core; do
    say "building with $preset"
    cmake --preset "$preset" >/dev/null
done
cmake --build build-asan
cmake --build build-tsan --target threaded_tests

say "torch-free, with AddressSanitizer and UndefinedBehaviorSanitizer"
ctest --no-tests=error --test-dir build-asan --output-on-failure -j2

say "threads of the torch-free core, with ThreadSanitizer"
ctest --no-tests=error --test-dir build-tsan --output-on-failure -j2 -L threads

say "Debian packages"
scripts/package.sh

say "all, on libtorch and real photographs"
ctest --no-tests=error --test-dir build --output-on-failure -j2
