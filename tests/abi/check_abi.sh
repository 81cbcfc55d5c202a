#!/usr/bin/env bash
# check_abi.sh LIBRARY: programs compiled with the last release (tests/abi/baseline) still work with this
# library, which has debug information. Additions are fine; what breaks a program is told.
set -euo pipefail
library=${1:?usage: check_abi.sh LIBRARY}
here=$(cd "$(dirname "$0")" && pwd)
include=$here/../../include/facematch
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

python=${PYTHON:-/usr/bin/python3}
"$python" "$here/compare_layout.py" "$here/baseline/layout.txt" "$here/layout.txt" "$include" || status=1

# Fields at the end of structs that grow are no break; compare_layout.py has seen to where they are.
growing=$(awk '/^typedef struct .* \{/ { name = $3 } /append below/ { print name }' "$include"/*.h | paste -sd'|')
cat >"$work/growth" <<TEXT
[suppress_type]
  type_kind = struct
  name_regexp = ^($growing)\$
  has_data_member_inserted_at = end
TEXT
bash "$here/dump.sh" "$library" >"$work/today.xml"
abidiff --no-added-syms --fail-no-debug-info --suppressions "$work/growth" \
    "$here/baseline/abi.xml" "$work/today.xml" >&2 || status=1
exit $status
