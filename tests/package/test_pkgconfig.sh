#!/usr/bin/env bash
# test_pkgconfig.sh BUILD: install the build, move what was installed, and build a program of C and one
# of C++ with it through pkg-config alone. The program must recognise real people.
set -euo pipefail
build=$(cd "${1:?usage: test_pkgconfig.sh BUILD}" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
photos=${FACEMATCH_PHOTOS:-$root/build/photos}
export FACEMATCH_MODELS=${FACEMATCH_MODELS:-$root/models}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "$*" >&2
    exit 1
}

cmake --install "$build" --prefix "$work/installed" >/dev/null
mv "$work/installed" "$work/moved"
pc=$(find "$work/moved" -name facematch.pc)
[ -n "$pc" ] || fail "no facematch.pc was installed"
library=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_PATH=${pc%/*} LD_LIBRARY_PATH=$library

flags=$(pkg-config --cflags --libs facematch)
for flag in $flags; do
    case $flag in
    -I"$work"/moved/* | -L"$work"/moved/* | -lfacematch) ;;
    *) fail "pkg-config gives $flag, which is none of ours" ;;
    esac
done
if grep -rl "$root" "$work/moved" --include='*.pc' --include='*.h' --include='*.cmake'; then
    fail "the files above name the source folder"
fi

# Run where no header of the source tree can be found.
cd "$work"
cp "$root/examples/verify.c" "$root/examples/enroll_identify.c" .
for program in verify enroll_identify; do
    # shellcheck disable=SC2086 # flags are several words
    ${CC:-cc} -std=c99 -Wall -Wextra -pedantic -Werror $program.c $flags -o $program
done
printf '#include <facematch/facematch.h>\nint main() { return fm_abi_version() != FM_ABI_VERSION; }\n' \
    >umbrella.cpp
# shellcheck disable=SC2086
${CXX:-c++} -std=c++11 -Wall -Wextra -pedantic -Werror umbrella.cpp $flags -o umbrella
./umbrella || fail "the ABI version of header and library differ"

if [ ! -f "$FACEMATCH_MODELS/default.pt" ] || [ ! -f "$photos/obama.jpg" ]; then
    echo "not run on photographs: set FACEMATCH_MODELS and FACEMATCH_PHOTOS"
    exit 0
fi

# expect STATUS PROGRAM ARGUMENT...
expect() {
    local want=$1 status=0
    shift
    "./$@" || status=$?
    [ "$status" -eq "$want" ] || fail "$*: exit status $status, not $want"
}
expect 0 verify "$photos/obama.jpg" "$photos/obama2.jpg"
expect 1 verify "$photos/obama.jpg" "$photos/biden.jpg"
expect 2 verify "$photos/obama.jpg" "$work/absent.jpg"
expect 0 enroll_identify people.fmg enroll obama "$photos/obama.jpg"
expect 0 enroll_identify people.fmg identify "$photos/obama2.jpg"
expect 1 enroll_identify people.fmg identify "$photos/biden.jpg"
