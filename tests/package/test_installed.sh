#!/usr/bin/env bash
# test_installed.sh BUILD: install the build, move what was installed, and build programs of C and C++ with
# it, through pkg-config alone and through CMake alone. They must recognise real people.
set -euo pipefail
build=$(cd "${1:?usage: test_installed.sh BUILD}" && pwd)
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
cp "$root"/examples/*.c* .
for program in verify enroll_identify batch threads sealed_gallery; do
    # shellcheck disable=SC2086 # flags are several words
    ${CC:-cc} -std=c99 -Wall -Wextra -pedantic -Werror $program.c $flags -o $program
done
printf '#include <facematch/facematch.h>\nint main() { return fm_abi_version() != FM_ABI_VERSION; }\n' \
    >umbrella.cpp
# shellcheck disable=SC2086
${CXX:-c++} -std=c++11 -Wall -Wextra -pedantic -Werror umbrella.cpp $flags -o umbrella
# shellcheck disable=SC2086
${CXX:-c++} -std=c++17 -Wall -Wextra -pedantic -Wconversion -Werror verify.cpp $flags -o verify_cpp
./umbrella || fail "the ABI version of header and library differ"

for consumer in consumer_c consumer_cpp; do
    cp -r "$root/tests/package/$consumer" .
    cp verify.c verify.cpp $consumer/
    cmake -S $consumer -B $consumer/build -D CMAKE_PREFIX_PATH="$work/moved" >configure.log || {
        cat configure.log >&2
        fail "find_package does not serve $consumer"
    }
    cmake --build $consumer/build >/dev/null
done
if cmake -S consumer_c -B newer -D CMAKE_PREFIX_PATH="$work/moved" -D want=0.2 >/dev/null 2>&1; then
    fail "find_package takes this library for a 0.2"
fi

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
for verify in verify verify_cpp consumer_c/build/verify consumer_cpp/build/verify; do
    expect 0 $verify "$photos/obama.jpg" "$photos/obama2.jpg"
    expect 1 $verify "$photos/obama.jpg" "$photos/biden.jpg"
    expect 2 $verify "$photos/obama.jpg" "$work/absent.jpg"
done
expect 0 enroll_identify people.fmg enroll obama "$photos/obama.jpg"
expect 0 enroll_identify people.fmg identify "$photos/obama2.jpg"
expect 1 enroll_identify people.fmg identify "$photos/biden.jpg"
expect 0 batch "$photos"/obama*.jpg
expect 0 threads 4 "$photos"/obama*.jpg
FACEMATCH_PASSPHRASE="a long enough passphrase" expect 0 sealed_gallery sealed.fmg enroll obama "$photos/obama.jpg"
FACEMATCH_PASSPHRASE="a long enough passphrase" expect 0 sealed_gallery sealed.fmg identify "$photos/obama2.jpg"
FACEMATCH_PASSPHRASE="another passphrase" expect 2 sealed_gallery sealed.fmg identify "$photos/obama2.jpg"
