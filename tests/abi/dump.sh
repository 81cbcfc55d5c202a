#!/usr/bin/env bash
# dump.sh LIBRARY: what programs see of a library that has debug information, as libabigail's XML: the
# exported functions, and the types of the public headers. No line number and no place or name of the library is
# in it, so it is the same wherever it was built.
set -euo pipefail
library=${1:?usage: dump.sh LIBRARY}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Types from elsewhere are opaque to programs. libabigail's --headers-dir says so, but goes by the names of
# files without their folders, and lib/ has some of the same; this is what it makes of it inside.
cat >"$work/private" <<'TEXT'
[suppress_type]
  label = Artificial private types suppression specification
  source_location_not_regexp = include/facematch/
  drop = yes
TEXT
abidw --suppressions "$work/private" --exported-interfaces-only --type-id-style hash --no-corpus-path \
    --no-comp-dir-path --no-show-locs --no-elf-needed --no-architecture "$library" |
    sed -E "s/ soname='[^']*'//; s|path='[^']*/(lib/[^']*)'|path='\\1'|"
