#!/usr/bin/env bash
# Install the Debian packages in a new Debian 12, build programs with them and run those on photographs,
# then remove the packages and see that nothing is left. As root; takes some minutes, and fetches about
# 300 MB, so scripts/test.sh does not do it.
. "$(dirname "$0")/common.sh"
[ "$(id -u)" -eq 0 ] || die "debootstrap and chroot need root."
need_packages debootstrap ca-certificates
scripts/setup.sh
fetch_photos
scripts/package.sh

debian=$(mktemp -d "${TMPDIR:-/tmp}/facematch-debian-XXXXXX")
chmod 755 "$debian"

# What is mounted in there must go before the folder does.
clean_up() {
    local mounted
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
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        FACEMATCH_MODELS=/srv/models HOME=/root chroot "$debian" "$@"
}

# expect STATUS COMMAND...
expect() {
    local want=$1 status=0
    shift
    inside "$@" || status=$?
    [ "$status" -eq "$want" ] || die "$*: exit status $status, not $want"
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
rm -f "$debian.log"
# The same sources as here, and the certificates with which they are reached.
rm -f "$debian/etc/apt/sources.list"
cp -r /etc/apt/. "$debian/etc/apt/"
rm -f "$debian"/etc/apt/apt.conf.d/{20packagekit,50appstream}
mkdir -p "$debian/etc/ssl/certs" "$debian/srv/models" "$debian/srv/photos"
cp /etc/ssl/certs/ca-certificates.crt "$debian/etc/ssl/certs/"
cp /etc/resolv.conf "$debian/etc/resolv.conf"
mount -t proc proc "$debian/proc"
mount -t devpts devpts "$debian/dev/pts"
mount -t tmpfs tmpfs "$debian/dev/shm"

cp build/packages/*.deb examples/verify.c examples/verify.cpp examples/enroll_identify.c "$debian/srv/"
cp -r tests/package/consumer_c tests/package/consumer_cpp "$debian/srv/"
cp "$models/default.pt" "$models/mtcnn.pt" "$debian/srv/models/"
cp "$photos"/*.jpg "$debian/srv/photos/"
inside apt-get update -qq
install_inside gcc g++ libc6-dev make cmake pkg-config man-db bash-completion
list_files >"$debian/srv/before"

say "installing the packages"
inside sh -c 'apt-get install -y -qq --no-install-recommends /srv/*.deb' >>"$debian/srv/apt.log" 2>&1 || {
    tail -30 "$debian/srv/apt.log" >&2
    die "apt does not install the packages"
}
inside dpkg-query -W 'libfacematch*' facematch-tools

say "the program, its manual and completion"
expect 0 facematch version
inside man facematch | grep -q 'facematch verify' || die "man facematch does not show facematch verify"
inside man facematch-models | grep -q venv || die "there is no manual of facematch-models"
inside bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader facematch;
    COMP_WORDS=(facematch ver) COMP_CWORD=1; _facematch; echo "${COMPREPLY[*]}"' | grep -qx 'verify version' ||
    die "facematch ver is not completed"
photo=/srv/photos
expect 0 facematch verify $photo/obama.jpg $photo/obama2.jpg
expect 1 facematch verify $photo/obama.jpg $photo/biden.jpg

say "a program of C, by pkg-config"
for program in verify enroll_identify; do
    # shellcheck disable=SC2016 # expanded inside
    inside sh -c 'cc -std=c99 -Wall -Wextra -Werror /srv/$1.c $(pkg-config --cflags --libs facematch) -o /srv/$1' \
        - $program
done
expect 0 /srv/verify $photo/obama.jpg $photo/obama2.jpg
expect 1 /srv/verify $photo/obama.jpg $photo/biden.jpg
expect 0 /srv/enroll_identify /srv/people.fmg enroll obama $photo/obama.jpg
expect 0 /srv/enroll_identify /srv/people.fmg identify $photo/obama2.jpg
expect 1 /srv/enroll_identify /srv/people.fmg identify $photo/biden.jpg

say "programs of C and of C++, by CMake"
cp "$debian/srv/verify.c" "$debian/srv/consumer_c/"
cp "$debian/srv/verify.cpp" "$debian/srv/consumer_cpp/"
for consumer in consumer_c consumer_cpp; do
    inside cmake -S /srv/$consumer -B /srv/$consumer/build >/dev/null
    inside cmake --build /srv/$consumer/build >/dev/null
    expect 0 /srv/$consumer/build/verify $photo/obama.jpg $photo/obama2.jpg
    expect 1 /srv/$consumer/build/verify $photo/obama.jpg $photo/biden.jpg
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
