#!/usr/bin/env bash
# Make the Python wheel in build/packages/: the package and the library of build/, for every Python 3 of this kind
# of machine. libtorch stays the system's (Debian's libtorch1.13).
. "$(dirname "$0")/common.sh"
make_test_venv
[ -e build/lib/libfacematch.so.0.1 ] || cmake --build build --target facematch >/dev/null
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp -r bindings/python/. "$folder/"
cp LICENSE "$folder/"
cp cmake/debian/copyright "$folder/NOTICE" # of what is compiled in, too
rm -rf "$folder/facematch/__pycache__" "$folder/tests" "$folder/tools"
mkdir "$folder/facematch/lib"
# As cmake --install does it: without the paths of this machine, and stripped.
cmake --install build --prefix "$folder/installed" --strip --component library >/dev/null
cp -L "$(find "$folder/installed" -name libfacematch.so.0.1)" "$folder/facematch/lib/"
rm -rf "$folder/installed"
mkdir -p build/packages
rm -f build/packages/facematch-*.whl
(cd "$folder" && "$root/.venv-tests/bin/python" -m pip wheel -q --no-deps --no-build-isolation --wheel-dir "$root/build/packages" .)
ls build/packages/facematch-*.whl
