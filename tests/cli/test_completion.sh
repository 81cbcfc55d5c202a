#!/usr/bin/env bash
# test_completion.sh PROGRAM: the completion that the program prints for bash offers what it should.
set -euo pipefail
program=${1:?usage: test_completion.sh PROGRAM}
# shellcheck disable=SC1090 # made by the program
. <("$program" help --completion)
failed=0

# expect WORDS WORD...: after the words of the line, the last of which is being typed, these are offered.
expect() {
    local wanted
    read -ra COMP_WORDS <<<"$1"
    [[ $1 = *' ' ]] && COMP_WORDS+=("")
    shift
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _facematch
    wanted="$*"
    if [ "${COMPREPLY[*]-}" != "$wanted" ]; then
        echo "'${COMP_WORDS[*]}': offered '${COMPREPLY[*]-}', not '$wanted'" >&2
        failed=1
    fi
}

expect "facematch ver" verify version
expect "facematch gallery re" remove rekey
expect "facematch gallery info --rec" --recall
expect "facematch verify --fm" --fmr
expect "facematch verify --json a.jpg b.jpg --thre" --threshold --threads
expect "facematch --model fast ide" identify
expect "facematch embed --precision " float32 bfloat16
expect "facematch embed --precision b" bfloat16
expect "facematch verify photo" # files: bash's own completion
expect "facematch verify --model "
expect "facematch enroll --fold" --folder
expect "facematch detect --fold"
expect "facematch nonsense --"

# Each command that --help lists is offered, with its options.
commands=$("$program" help | sed -nE '/^Commands:/,/^$/ s/^  ([a-z-]+( [a-z-]+)?)  +.*/\1/p')
while read -r command; do
    expect "facematch $command" "${command##* }"
    # shellcheck disable=SC2046,SC2086 # several words
    expect "facematch $command --" $("$program" help $command | sed -nE 's/^  (--[a-z-]+).*/\1/p')
done <<<"$commands"
[ "$(wc -l <<<"$commands")" -gt 15 ] || {
    echo "the list of commands was not understood: $commands" >&2
    failed=1
}
exit $failed
