#!/usr/bin/env bash
# Verify and identify people in real photographs; prints each decision, and fails if one is wrong.
. "$(dirname "$0")/common.sh"
scripts/setup.sh
fetch_photos

facematch() {
    build/bin/facematch --models-dir "$models" "$@"
}
wrong=0
gallery=$(mktemp -d)/people.fmg
trap 'rm -rf "$(dirname "$gallery")"' EXIT

shorten() {
    local text=${1//$photos\//}
    printf '%s' "${text//$(dirname "$gallery")\//}"
}

# expect STATUS WHAT COMMAND...: run the command, and compare its exit status.
expect() {
    local want=$1 what=$2 status=0 answer
    shift 2
    printf '\n%s\n  $ facematch %s\n' "$what" "$(shorten "$*")"
    answer=$(facematch "$@" 2>&1) || status=$?
    printf '    %s\n' "$(shorten "$answer")"
    if [ "$status" -eq "$want" ]; then
        printf '  right\n'
    else
        printf '  WRONG: exit status %s, not %s\n' "$status" "$want"
        wrong=$((wrong + 1))
    fi
}

say "verify: is this the same person?"
expect 0 "Two photographs of one person" verify "$photos/obama.jpg" "$photos/obama2.jpg"
expect 1 "Two people" verify "$photos/obama.jpg" "$photos/biden.jpg"
expect 0 "The same with dlib's triplet net" verify --model dlib-resnet-v1 \
    "$photos/obama.jpg" "$photos/obama2.jpg"
expect 1 "Two people, dlib's triplet net" verify --model dlib-resnet-v1 \
    "$photos/obama.jpg" "$photos/biden.jpg"

say "identify: one reference photograph per person"
expect 0 "Enrol Obama" enroll --gallery "$gallery" obama "$photos/obama.jpg"
expect 0 "Enrol Biden" enroll --gallery "$gallery" biden "$photos/biden.jpg"
for photo in obama2.jpg obama3.jpg 32bit.png obama_partial_face.jpg obama_partial_face2.jpg; do
    expect 0 "Who is in $photo?" identify --gallery "$gallery" "$photos/$photo"
    named=$(facematch identify --json --gallery "$gallery" "$photos/$photo" | grep -c '"id": *"obama"' || true)
    if [ "$named" -ne 1 ]; then
        printf '  WRONG: the answer is not obama\n'
        wrong=$((wrong + 1))
    fi
done
expect 0 "Is this Obama, as he claims?" verify --gallery "$gallery" --id obama "$photos/obama2.jpg"
expect 1 "Is this Biden, as he claims?" verify --gallery "$gallery" --id biden "$photos/obama2.jpg"

say "a stranger is refused"
expect 0 "Forget Biden" gallery remove "$gallery" biden
expect 1 "Who is this, now that Biden is a stranger?" identify --gallery "$gallery" "$photos/biden.jpg"

say "boxes and points"
expect 0 "Draw what was found" detect --draw build/demo.png "$photos/obama3.jpg"
printf '\nThe picture is build/demo.png.\n'

if [ "$wrong" -ne 0 ]; then
    die "$wrong decisions are wrong."
fi
printf 'All decisions are right.\n'
