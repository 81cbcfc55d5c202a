#!/usr/bin/env bash
# check_symbols.sh LIBRARY: the functions of the headers, the names of lib/facematch.map and what the
# library exports are the same. Prints what differs.
set -euo pipefail
library=${1:?usage: check_symbols.sh LIBRARY}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for header in "$root"/include/facematch/*.h; do
    "${CC:-cc}" -x c -std=c99 -I"$root/include" -E -P "$header"
done | tr '\n' ' ' | tr ';' '\n' |
    sed -nE 's/.*visibility\("default"\).*[ *](fm_[a-z0-9_]+)\(.*/\1/p' | sort -u >"$work/headers"
sed -e 's|/\*.*\*/||' -nE -e 's/^[[:space:]]+(fm_[a-z0-9_]+);.*/\1/p' "$root/lib/facematch.map" |
    sort -u >"$work/map"
nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u \
    >"$work/library"

status=0
compare() {
    [ -s "$work/$1" ] || { echo "no names found in the $1" >&2; status=1; }
    if ! diff -u --label "$1" --label map "$work/$1" "$work/map"; then
        echo "the $1 and lib/facematch.map differ" >&2
        status=1
    fi
}
compare headers
compare library
exit $status
