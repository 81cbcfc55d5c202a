#!/usr/bin/env bash
# run.sh BUILD: the tests of bindings/go and examples/go with the library of the build: once on its fake backend, once on
# libtorch and real photographs. With the race detector, and the check of what cgo passes. 77: there is no Go.
set -euo pipefail
build=$(cd "${1:?usage: run.sh BUILD}" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
command -v go >/dev/null || { echo "no Go"; exit 77; }
go=$root/bindings/go/tools/go.sh
export FACEMATCH_MODELS=${FACEMATCH_MODELS:-$root/models} FACEMATCH_PHOTOS=${FACEMATCH_PHOTOS:-$root/build/photos}
export FACEMATCH_EXPECTED=$build/expected.json
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.7.0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$build/go/fake"
ln -sfn "$build"/lib/libfacematch_fake.so.0.? "$build/go/fake/$(basename "$build"/lib/libfacematch.so.0.?)"
export PKG_CONFIG_PATH=$build/go LD_LIBRARY_PATH=$build/lib

cd "$root/bindings/go"
test -z "$(gofmt -l . ../../examples/go | tee /dev/stderr)" # of the Go before, if that is older: it knows enough
GOFLAGS='' "$go" run $staticcheck ./...
export GOFLAGS=-race GOEXPERIMENT=cgocheck2
"$go" vet ./...
"$go" test -c -o "$work/facematch.test" .
LD_LIBRARY_PATH=$build/go/fake "$work/facematch.test"
PATH=$("$go" env GOROOT)/bin:$PATH "$work/facematch.test"

for example in "$root"/examples/go/*; do
    cd "$example"
    "$go" vet ./...
    "$go" test -count=1 ./...
done
