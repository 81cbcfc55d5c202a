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

# Fields at the end are no break; compare_layout.py has seen to which structs they are added to, and where.
bash "$here/dump.sh" "$library" >"$work/today.xml"
"$python" "$here/appended.py" "$here/baseline/abi.xml" "$work/today.xml" >"$work/appended"
abidiff --no-added-syms --fail-no-debug-info --suppressions "$work/appended" \
    "$here/baseline/abi.xml" "$work/today.xml" >&2 || status=1
exit $status
