#!/usr/bin/env bash
# Make the Debian packages of what scripts/setup.sh built, in build/packages/, and check them: lintian
# finds no error, each file is in the right one, and what they depend on is stated.
. "$(dirname "$0")/common.sh"
need_packages dpkg-dev lintian file

say "packing"
rm -rf build/packages build/_CPack_Packages
cmake -S . -B build -D CMAKE_INSTALL_LIBDIR:STRING="lib/$(dpkg-architecture -q DEB_HOST_MULTIARCH)" >/dev/null
cmake --build build --target facematch facematch_program facematch_man >/dev/null
(cd build && cpack >packages.log 2>&1) || {
    cat build/packages.log >&2
    die "The packages could not be made."
}
ls build/packages/*.deb

say "checking"
bash tests/package/test_deb_contents.sh build/packages
