#!/usr/bin/env bash
# run.sh BUILD lint|test: bindings/go and examples/go with the library of the build. lint: gofmt, vet and staticcheck.
# test: the tests, once on the library's fake backend, once on libtorch and real photographs, with the race detector
# and the check of what cgo passes. 77: there is no Go.
set -euo pipefail
build=$(cd "${1:?usage: run.sh BUILD lint|test}" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
command -v go >/dev/null || { echo "no Go"; exit 77; }
go=$root/bindings/go/tools/go.sh
export FACEMATCH_MODELS=${FACEMATCH_MODELS:-$root/models} FACEMATCH_PHOTOS=${FACEMATCH_PHOTOS:-$root/build/photos}
export FACEMATCH_EXPECTED=$build/expected.json
export PKG_CONFIG_PATH=$build/go LD_LIBRARY_PATH=$build/lib
modules=("$root/bindings/go" "$root"/examples/go/* "$root/bench/go_cost")

# All that it builds and finds is kept in the user's cache: the first run takes a minute, others a second.
lint() {
    local module unformatted
    PATH=$("$go" env GOROOT)/bin:$PATH # for what asks the go command, too
    unformatted=$(gofmt -l "${modules[@]}")
    [ -z "$unformatted" ] || { echo "not as gofmt has it: $unformatted"; exit 1; }
    for module in "${modules[@]}"; do
        cd "$module"
        go vet ./...
        go run honnef.co/go/tools/cmd/staticcheck@v0.7.0 ./...
    done
}

test_all() {
    local example
    export GOFLAGS=-race GOEXPERIMENT=cgocheck2
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$build/go/fake"
    ln -sfn "$build"/lib/libfacematch_fake.so.0.? "$build/go/fake/$(basename "$build"/lib/libfacematch.so.0.?)"
    cd "$root/bindings/go"
    "$go" test -vet=off -c -o "$work/facematch.test" .
    LD_LIBRARY_PATH=$build/go/fake "$work/facematch.test"
    PATH=$("$go" env GOROOT)/bin:$PATH "$work/facematch.test" # runs go, for a program of the documents
    for example in "$root"/examples/go/*; do
        cd "$example"
        "$go" test -vet=off -count=1 ./...
    done
}

case ${2:-} in
lint) lint ;;
test) test_all ;;
*) echo "usage: run.sh BUILD lint|test" >&2; exit 2 ;;
esac
