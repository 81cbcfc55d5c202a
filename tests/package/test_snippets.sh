#!/bin/sh
# The C examples that people copy compile: README's, and the one in the umbrella header.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

awk '/^```c$/ {on = 1; next} /^```/ {on = 0} on' "$root/README.md" >"$folder/readme.c"
awk '/^ \*     #include/ {on = 1} on && /^ \* [A-Z]/ {exit} on {sub(/^ \* ?/, ""); print}' \
    "$root/include/facematch/facematch.h" >"$folder/header.c"
for name in readme header; do
    grep -q 'int main' "$folder/$name.c" || { echo "$name: no example found"; exit 1; }
    ${CC:-cc} -std=c99 -Wall -Wextra -Werror -I"$root/include" -fsyntax-only "$folder/$name.c"
done
