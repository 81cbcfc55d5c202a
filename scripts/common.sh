# Shared by the scripts beside it; sourced, not run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

python=${PYTHON:-/usr/bin/python3} # Debian's: the one that python3-torch belongs to
models=${FACEMATCH_MODELS:-$root/models}
photos=$root/build/photos

say() {
    printf '\n== %s\n' "$*" >&2
}

die() {
    printf '%s\n' "$*" >&2
    exit 2
}

# Install the Debian packages that are missing, or say which they are. COMMAND=PACKAGE asks for the
# package only where there is no such command: npm often comes from elsewhere than Debian.
need_packages() {
    local missing=() package
    for package in "$@"; do
        case $package in
        *=*)
            command -v "${package%%=*}" >/dev/null && continue
            package=${package#*=}
            ;;
        esac
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    if [ "$(id -u)" -ne 0 ]; then
        die "Packages are missing. As root: apt-get install --no-install-recommends ${missing[*]}"
    fi
    say "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# Python with what tests are checked by, and wheels are made with.
make_test_venv() {
    cmp -s tests/requirements.txt .venv-tests/requirements.installed && return
    "$python" -m venv --system-site-packages .venv-tests
    .venv-tests/bin/pip install -q -r tests/requirements.txt
    cp tests/requirements.txt .venv-tests/requirements.installed
}

# Python with what makes the site.
make_site_venv() {
    cmp -s scripts/site-requirements.txt .venv-site/requirements.installed && return
    "$python" -m venv .venv-site
    .venv-site/bin/pip install -q -r scripts/site-requirements.txt
    cp scripts/site-requirements.txt .venv-site/requirements.installed
}

# Public photographs (official portraits) from PyPI's face_recognition, for the demo and the tests.
fetch_photos() {
    [ -f "$photos/.complete" ] && return
    say "fetching photographs"
    local folder
    folder=$(mktemp -d)
    .venv/bin/pip download -q --no-deps --no-binary :all: -d "$folder" \
        -r scripts/photos-requirements.txt
    mkdir -p "$photos"
    tar -xzf "$folder"/face_recognition-*.tar.gz -C "$photos" --strip-components=3 \
        --wildcards '*/tests/test_images/*'
    rm -rf "$folder"
    touch "$photos/.complete"
}
