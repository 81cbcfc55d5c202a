#!/usr/bin/env bash
# test_deb_contents.sh FOLDER: the three Debian packages there hold what they should, and lintian finds
# no error in them.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "${1:?usage: test_deb_contents.sh FOLDER}"
status=0

complain() {
    echo "$*" >&2
    status=1
}

number() {
    sed -nE "s/^#define FM_VERSION_$1 ([0-9]+).*/\1/p" "$root/include/facematch/version.h"
}
soversion=$(number MAJOR).$(number MINOR)
version=$soversion.$(number PATCH)
library=libfacematch$soversion
folder=usr/lib/$(dpkg-architecture -q DEB_HOST_MULTIARCH)

deb() {
    local found=("$1"_*.deb)
    [ ${#found[@]} -eq 1 ] && [ -f "${found[0]}" ] || {
        echo "not exactly one package $1: ${found[*]}" >&2
        exit 1
    }
    echo "${found[0]}"
}

# holds PACKAGE PATTERN...: each extended regular expression matches a path (of a link, with its target),
# and each path is matched.
holds() {
    local package=$1 list pattern path
    list=$(dpkg-deb -c "$(deb "$package")" | sed -nE 's|^([^ ]+ +){5}\./(.*[^/])$|\2|p')
    shift
    set -- "$@" "usr/share/doc/$package/(copyright|changelog.gz|changelog.Debian.gz)"
    for pattern in "$@"; do
        grep -qxE "$pattern" <<<"$list" || complain "$package lacks $pattern"
    done
    while read -r path; do
        grep -qxE "$(printf '%s|' "$@")-" <<<"$path" || complain "$path of $package belongs nowhere"
    done <<<"$list"
}

# depends PACKAGE PATTERN...: on each of them, at some version.
depends() {
    local package=$1 list pattern
    list=$(dpkg-deb -f "$(deb "$package")" Depends)
    shift
    for pattern in "$@"; do
        grep -qE "(^|, )$pattern( |,|\$)" <<<"$list" || complain "$package does not depend on $pattern: $list"
    done
}

holds "$library" "$folder/libfacematch.so.$soversion -> libfacematch.so.$version" \
    "$folder/libfacematch.so.$version"
headers=$(cd "$root/include/facematch" && printf 'usr/include/facematch/%s\n' *.h *.hpp)
# shellcheck disable=SC2086 # names without blanks
holds libfacematch-dev $headers "$folder/libfacematch.so -> libfacematch.so.$soversion" \
    "$folder/pkgconfig/facematch.pc" \
    "$folder/cmake/facematch/facematch-(config|config-version|targets|targets-[a-z]+).cmake"
holds facematch-tools usr/bin/facematch usr/bin/facematch-models usr/share/man/man1/facematch.1.gz \
    usr/share/man/man1/facematch-models.1.gz usr/share/bash-completion/completions/facematch \
    'usr/share/facematch/(requirements.txt|facematch_models/.*)'

exact=$(dpkg-deb -f "$(deb "$library")" Version)
depends "$library" libc6 'libtorch[0-9.]+' libsqlite3-0 'libsodium[0-9]+' 'libjansson[0-9]+' 'libstdc\+\+6'
depends libfacematch-dev "$library \(= $exact\)"
depends facematch-tools libc6 "$library \(>= $exact\)" 'libjansson[0-9]+'
[ "$(dpkg-deb -I "$(deb "$library")" triggers)" = "activate-noawait ldconfig" ] ||
    complain "$library does not have ldconfig run"
dpkg-deb -I "$(deb "$library")" shlibs | grep -qF "libfacematch $soversion $library (>= $version)" ||
    complain "$library does not say what programs linked with it depend on"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dpkg-deb -x "$(deb "$library")" "$work"
dpkg-deb -x "$(deb facematch-tools)" "$work"
readelf -d "$work/$folder/libfacematch.so.$version" >"$work/dynamic"
grep -q "SONAME.*\[libfacematch.so.$soversion\]" "$work/dynamic" || complain "the SONAME is wrong"
readelf -d "$work/usr/bin/facematch" >>"$work/dynamic"
grep -E 'RPATH|RUNPATH' "$work/dynamic" && complain "a search path was left in"

# That no bug report asked for the packages is no fault of theirs.
lintian --allow-root --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs ./*.deb ||
    complain "lintian complains"
exit $status
