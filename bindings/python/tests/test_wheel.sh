#!/usr/bin/env bash
# The wheel, installed into an empty folder, is all that is needed beside numpy and the system's libtorch; and it
# works beside torch.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
cd "$root"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset FACEMATCH_LIBRARY

scripts/wheel.sh
wheel=$(ls build/packages/facematch-*.whl)
case $wheel in
*-py3-none-linux_*.whl) ;;
*) echo "$wheel: not for every Python 3 of this kind of machine" >&2; exit 1 ;;
esac
.venv-tests/bin/python -m pip install -q --no-deps --no-index --target "$folder/installed" "$wheel"
# What it needs, but for extras.
needs=$(sed -n 's/^Requires-Dist: //p' "$folder"/installed/facematch-*.dist-info/METADATA | grep -v extra)
[ "$needs" = "numpy>=1.21" ] || { echo "the wheel needs: $needs" >&2; exit 1; }
if grep -rlF --exclude=direct_url.json "$root" "$folder/installed"; then
    echo "the files above name the folder that they were built in" >&2
    exit 1
fi

export PYTHONPATH=$folder/installed FACEMATCH_INSTALLED=1
.venv-tests/bin/python -c '
import sys, facematch
assert facematch.library_path.startswith(sys.argv[1]), facematch.library_path
assert facematch.build_info().backend == "libtorch"
assert facematch.errors.__file__.startswith(sys.argv[1])' "$folder/installed"
.venv-tests/bin/python bindings/python/tests/test_real.py BesideTorch
