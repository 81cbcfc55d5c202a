#!/usr/bin/env bash
# build.sh ROOT FOLDER: the public functions of the source tree ROOT as FOLDER/lib.so, with debug information.
# What they call is left undefined, so this takes seconds; what programs see is the same as in the library.
set -euo pipefail
root=${1:?usage: build.sh ROOT FOLDER} folder=${2:?usage: build.sh ROOT FOLDER}
mkdir -p "$folder"
rm -f "$folder"/*.o "$folder/lib.so"
export CC=${CC:-cc} root folder
# shellcheck disable=SC2016 # expanded by the inner shell
printf '%s\n' "$root"/lib/api/*.c "$root"/lib/core/log.c | xargs -P 2 -I{} sh -c '
    "$CC" -std=c11 -O0 -g -fPIC -fvisibility=hidden -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE \
        -I"$root/include" -I"$root/lib" -c "{}" -o "$folder/$(basename "{}").o"'
"$CC" -shared -Wl,--version-script="$root/lib/facematch.map" "$folder"/*.o -o "$folder/lib.so"
