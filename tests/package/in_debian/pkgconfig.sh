# Programs of C, by pkg-config.
# needs: gcc libc6-dev pkg-config
. "$(dirname "$0")/expect.sh"
for program in verify enroll_identify; do
    # shellcheck disable=SC2046 # several words
    cc -std=c99 -Wall -Wextra -Werror "$SOURCE/examples/$program.c" $(pkg-config --cflags --libs facematch) -o $program
done
verifies ./verify
expect 0 ./enroll_identify people.fmg enroll obama "$PHOTOS/obama.jpg"
expect 0 ./enroll_identify people.fmg identify "$PHOTOS/obama2.jpg"
expect 1 ./enroll_identify people.fmg identify "$PHOTOS/biden.jpg"
