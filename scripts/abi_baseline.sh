#!/usr/bin/env bash
# Make what programs see of the library as it is now the baseline that tests/abi holds later versions to: to
# be done at a release. Refused where it breaks programs that were compiled with the old baseline, unless
# --break is given, which is for a new minor release before 1.0 (docs/stability.md).
. "$(dirname "$0")/common.sh"
need_packages gcc libjansson-dev libsodium-dev abigail-tools

baseline=tests/abi/baseline
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say "reading headers and library"
bash tests/abi/build.sh "$root" "$work"
bash tests/abi/check_symbols.sh "$work/lib.so"
"${CC:-cc}" -std=c11 -Iinclude tests/abi/layout.c -o "$work/layout"
"$work/layout" >tests/abi/layout.txt
if [ "${1:-}" != --break ] && [ -f $baseline/abi.xml ]; then
    bash tests/abi/check_abi.sh "$work/lib.so" || die "This breaks programs. If it must: scripts/abi_baseline.sh --break"
fi

rm -rf $baseline
mkdir -p $baseline/facematch
cp include/facematch/*.h $baseline/facematch/
cp tests/api/test_flow.c tests/api/support.h tests/abi/layout.txt $baseline/
bash tests/abi/dump.sh "$work/lib.so" >$baseline/abi.xml
git status --short tests/abi
