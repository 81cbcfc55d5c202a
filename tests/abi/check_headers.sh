#!/bin/sh
# Every public header alone is valid C99 and C++11 (facematch.hpp: C++17 and 20), and layout.txt names every constant and struct.
set -u
here=$(cd "$(dirname "$0")" && pwd)
include=$(cd "$here/../../include" && pwd)
failed=0

for header in "$include"/facematch/*.h; do
    line="#include <facematch/${header##*/}>"
    for compiler in "${CC:-cc} -x c -std=c99" "${CXX:-c++} -x c++ -std=c++11"; do
        if ! printf '%s\ntypedef int not_empty;\n' "$line" | $compiler -Wall -Wextra -pedantic -Werror \
            -fsyntax-only -I"$include" -; then
            echo "${header##*/} does not compile alone with $compiler" >&2
            failed=1
        fi
    done
done

# The header for C++, with every warning that a program may ask for.
for compiler in "${CXX:-c++}" clang++; do
    command -v "$compiler" >/dev/null || continue
    for standard in c++17 "c++20 -fno-exceptions"; do
        if ! printf '#include <facematch/facematch.hpp>\n' | "$compiler" -x c++ -std=$standard -Wall -Wextra \
            -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror -fsyntax-only -I"$include" -; then
            echo "facematch.hpp does not compile as $standard with $compiler" >&2
            failed=1
        fi
    done
done

names=$(grep -ohE '\bFM_[A-Z0-9_]+ = |#define FM_[A-Z0-9_]+ +-?[0-9]+|typedef struct fm_[a-z_]+ \{' \
    "$include"/facematch/*.h | grep -oE '\bFM_[A-Z0-9_]+|fm_[a-z_]+')
for name in $names; do
    if ! grep -qE "^$name( |\$)" "$here/layout.txt"; then
        echo "$name is in a header, but not in layout.c and layout.txt" >&2
        failed=1
    fi
done

# Structs that grow are tried in all sizes.
for name in $(awk '/^typedef struct .* \{/ { name = $3 } /append below/ { print name }' "$include"/facematch/*.h); do
    if ! grep -qE "(GROWN|OPTION_SIZES)\($name\b" "$here/../api/test_arguments.c"; then
        echo "$name grows, but tests/api/test_arguments.c does not pass it in other sizes" >&2
        failed=1
    fi
done
exit $failed
