#!/bin/sh
# The examples that people copy compile: every block of C and C++ in README and docs that is a whole program,
# and those in the comments of facematch.h and facematch.hpp.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

for page in "$root/README.md" "$root"/docs/*.md; do
    awk -v name="$folder/$(basename "$page" .md)" '
        /^```(c|cpp)$/ { on = 1; file = name "-" ++n "." substr($0, 4); next }
        /^```/ { on = 0; close(file) }
        on { print >file }' "$page"
done
for file in "$folder"/*; do
    grep -q 'int main' "$file" || rm "$file"
done
for page in README start-c start-cpp; do
    ls "$folder/$page"-* >/dev/null || { echo "$page: no example found"; exit 1; }
done

awk '/^ \*     #include/ {on = 1} on && /^ \* [A-Z]/ {exit} on {sub(/^ \* ?/, ""); print}' \
    "$root/include/facematch/facematch.h" >"$folder/header.c"
{
    echo '#include <facematch/facematch.hpp>'
    echo 'int main() {'
    awk '/^ \*     auto/ {on = 1} on && /^ \*$/ {exit} on {sub(/^ \* ?/, ""); print}' \
        "$root/include/facematch/facematch.hpp"
    echo 'return same; }'
} >"$folder/header.cpp"
grep -q 'int main' "$folder/header.c" && grep -q 'verify(a, b)' "$folder/header.cpp" ||
    { echo "a header has no example"; exit 1; }

for file in "$folder"/*.c; do
    ${CC:-cc} -std=c99 -Wall -Wextra -Werror -I"$root/include" -fsyntax-only "$file"
done
for file in "$folder"/*.cpp; do
    ${CXX:-c++} -std=c++17 -Wall -Wextra -Werror -I"$root/include" -fsyntax-only "$file"
done
