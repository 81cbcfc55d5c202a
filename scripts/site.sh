#!/usr/bin/env bash
# The documents as one site in build/site: the pages of docs/, the command line, and the reference from the comments of the
# headers, with one search over all. Every warning is an error. Needs the program: scripts/setup.sh, or FACEMATCH_BIN.
. "$(dirname "$0")/common.sh"
need_packages doxygen
program=${FACEMATCH_BIN:-$root/build/bin/facematch}
site=${FACEMATCH_SITE:-$root/build/site}
[ -x "$program" ] || die "$program is not there: scripts/setup.sh builds it"
make_site_venv

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say "reading the headers"
FACEMATCH_INCLUDE=include FACEMATCH_REFERENCE=$work doxygen tools/site/Doxyfile
say "writing $site"
"$python" tools/site/pages.py "${FACEMATCH_DOCS:-docs}" "$work/xml" "$program" "$work/pages"
NO_MKDOCS_2_WARNING=1 FACEMATCH_PAGES=$work/pages FACEMATCH_SITE=$site \
    .venv-site/bin/mkdocs build --clean --strict --config-file tools/site/mkdocs.yml
