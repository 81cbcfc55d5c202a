# Sourced by the scripts beside it, which scripts/check_packages.sh runs in a new Debian, each in an empty
# folder, with the packages installed that its line "# needs:" names, the source tree's examples, tests/package
# and bindings in $SOURCE, photographs in $PHOTOS and models in $FACEMATCH_MODELS.
set -eu

fail() {
    echo "$*" >&2
    exit 1
}

# expect STATUS COMMAND...
expect() {
    local want=$1 status=0
    shift
    "$@" || status=$?
    [ "$status" -eq "$want" ] || fail "$*: exit status $status, not $want"
}

# A program that compares two photographs.
verifies() {
    expect 0 "$@" "$PHOTOS/obama.jpg" "$PHOTOS/obama2.jpg"
    expect 1 "$@" "$PHOTOS/obama.jpg" "$PHOTOS/biden.jpg"
}
