#!/bin/sh
# go.sh ARGUMENT...: run a Go that is new enough, with the arguments. That of the system, where it is; else one that it
# fetches through the module proxy, which the checksum database vouches for. From Debian 12's 1.19 on.
set -eu
least=24       # runtime.AddCleanup
fetched=1.25.5

command -v go >/dev/null || {
    echo "There is no Go. As root: apt-get install --no-install-recommends golang-go" >&2
    exit 2
}
there() { # that of the system, which need not know the caller's experiments
    GOTOOLCHAIN=local GOEXPERIMENT='' go "$@"
}
version=$(there env GOVERSION)
minor=${version#go1.}
minor=${minor%%[!0-9]*}
if [ "$minor" -ge "$least" ]; then
    exec go "$@"
elif [ "$minor" -ge 21 ]; then # it fetches others itself
    GOTOOLCHAIN=go$fetched exec go "$@"
fi

# A Go before 1.21 takes the other for a module, whose programs may not be run.
toolchain=golang.org/toolchain@v0.0.1-go$fetched.$(there env GOOS)-$(there env GOARCH)
folder=$(there env GOMODCACHE)/$toolchain
if [ ! -x "$folder/bin/go" ]; then
    empty=$(mktemp -d)
    trap 'rm -rf "$empty"' EXIT
    (cd "$empty" && echo "module empty" >go.mod && there mod download "$toolchain") || {
        echo "$version is too old, and no other could be fetched: install Go 1.$least or newer." >&2
        exit 2
    }
    rm -rf "$empty" # no trap comes to it behind exec
    chmod a+x "$folder"/pkg/tool/*/* "$folder/bin/gofmt" "$folder/bin/go"
fi
unset GOROOT
exec "$folder/bin/go" "$@"
