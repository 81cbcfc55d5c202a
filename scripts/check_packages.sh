#!/usr/bin/env bash
# Install the Debian packages in a new Debian 12, run tests/package/in_debian/*.sh there, which build programs
# and run them on photographs, then remove the packages and see that nothing is left. As root; takes some
# minutes, and fetches about 300 MB, so scripts/test.sh does not do it.
# check_packages.sh [NAME...]: those of the scripts alone, such as go.
. "$(dirname "$0")/common.sh"
[ "$(id -u)" -eq 0 ] || die "debootstrap and chroot need root."
scripts=()
for name in "${@:-*}"; do
    for script in tests/package/in_debian/$name.sh; do
        [ -f "$script" ] || die "There is no $script."
        [ "$script" = tests/package/in_debian/expect.sh ] || scripts+=("$script")
    done
done
need_packages debootstrap ca-certificates
scripts/setup.sh
fetch_photos
scripts/package.sh
scripts/wheel.sh

debian=$(mktemp -d "${TMPDIR:-/tmp}/facematch-debian-XXXXXX")
chmod 755 "$debian"

# What is mounted in there must go before the folder does.
clean_up() {
    local mounted
    rm -f "$debian.log"
    awk -v folder="$debian/" 'index($2, folder) == 1 { print $2 }' /proc/mounts | sort -r |
        while read -r mounted; do umount "$mounted"; done
    if grep -qF " $debian/" /proc/mounts; then
        echo "$debian is left: something is still mounted there" >&2
    else
        rm -rf --one-file-system "$debian"
    fi
}
trap clean_up EXIT

inside() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive HOME=/root \
        FACEMATCH_MODELS=/srv/models PHOTOS=/srv/photos SOURCE=/srv/source SSL_CERT_FILE=/srv/certificates.crt \
        chroot "$debian" "$@"
}

install_inside() {
    inside apt-get install -y -qq --no-install-recommends "$@" >>"$debian/srv/apt.log" 2>&1 || {
        tail -30 "$debian/srv/apt.log" >&2
        die "apt-get install $* failed"
    }
}

# Every file, with what kind it is; caches, logs and backups of apt, dpkg, man-db, ldconfig and
# shadow are theirs.
list_files() {
    (cd "$debian" && find . -xdev \( -path ./srv -o -path ./proc -o -path ./dev -o -path ./tmp \
        -o -path ./var/cache -o -path ./var/log -o -path ./var/lib/apt -o -path ./var/lib/dpkg \
        -o -path ./run -o -path './etc/*shadow-' -o -path './etc/group-' -o -path './etc/passwd-' \) -prune -o -printf '%y %p -> %l\n' | sort)
    inside dpkg-query -W -f '${Package} ${Status}\n' | sort
}

say "a new Debian in $debian"
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    sed -nE 's/^(URIs: *|deb +)(https?:[^ ]*).*/\2/p' | sed -n 1p || true)
debootstrap --variant=minbase bookworm "$debian" "${mirror:-http://deb.debian.org/debian}" \
    >"$debian.log" 2>&1 || { tail "$debian.log" >&2; die "debootstrap failed"; }
# The same sources as here, and the certificates with which they are reached.
rm -f "$debian/etc/apt/sources.list"
cp -r /etc/apt/. "$debian/etc/apt/"
rm -f "$debian"/etc/apt/apt.conf.d/{20packagekit,50appstream}
mkdir -p "$debian/etc/ssl/certs" "$debian/srv/models" "$debian/srv/photos"
cp /etc/ssl/certs/ca-certificates.crt "$debian/etc/ssl/certs/"
cp /etc/ssl/certs/ca-certificates.crt "$debian/srv/certificates.crt" # ca-certificates makes the other one anew
cp /etc/resolv.conf "$debian/etc/resolv.conf"
mount -t proc proc "$debian/proc"
mount -t devpts devpts "$debian/dev/pts"
mount -t tmpfs tmpfs "$debian/dev/shm"

cp build/packages/*.deb build/packages/*.whl "$debian/srv/"
mkdir -p "$debian/srv/source/tests"
cp -r examples "$debian/srv/source/"
cp -r tests/package "$debian/srv/source/tests/"
[ ! -d bindings ] || cp -r bindings "$debian/srv/source/"
cp "$models/default.pt" "$models/mtcnn.pt" "$debian/srv/models/"
cp "$photos"/*.jpg "$debian/srv/photos/"
inside apt-get update -qq
mapfile -t needed < <(sed -n 's/^# needs: //p' "${scripts[@]}" | tr ' ' '\n' | sort -u)
install_inside "${needed[@]}"
list_files >"$debian/srv/before"

say "installing the packages"
inside sh -c 'apt-get install -y -qq --no-install-recommends /srv/*.deb' >>"$debian/srv/apt.log" 2>&1 || {
    tail -30 "$debian/srv/apt.log" >&2
    die "apt does not install the packages"
}
inside dpkg-query -W 'libfacematch*' facematch-tools

for script in "${scripts[@]}"; do
    name=$(basename "$script" .sh)
    say "$(sed -n '1s/^# //p' "$script")"
    mkdir "$debian/srv/$name"
    # shellcheck disable=SC2016 # expanded inside
    inside bash -c 'cd "/srv/$1" && bash "$SOURCE/tests/package/in_debian/$1.sh"' - "$name" ||
        die "$script fails"
done

say "removing the packages"
inside sh -c 'apt-get purge -y -qq libfacematch0.1 libfacematch-dev facematch-tools &&
    apt-get autoremove -y -qq --purge' >>"$debian/srv/apt.log" 2>&1
list_files >"$debian/srv/after"
if ! diff -u --label before --label after "$debian/srv/before" "$debian/srv/after"; then
    die "The packages leave something behind: the lines with + above."
fi
inside ldconfig -p | grep -q facematch && die "ldconfig still knows the library"
say "all is well, and nothing is left"
