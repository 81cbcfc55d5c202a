# The program, its manual and its completion.
# needs: man-db bash-completion
. "$(dirname "$0")/expect.sh"
facematch version
verifies facematch verify
man facematch >page
grep -q 'facematch verify' page || fail "man facematch does not show facematch verify"
man facematch-models | grep -q venv || fail "there is no manual of facematch-models"
. /usr/share/bash-completion/bash_completion
_completion_loader facematch || true # 124: it is loaded, try again
COMP_WORDS=(facematch ver) COMP_CWORD=1
_facematch
[ "${COMPREPLY[*]}" = "verify version" ] || fail "facematch ver is not completed: ${COMPREPLY[*]}"
