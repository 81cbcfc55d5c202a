#!/bin/sh
# check_hpp.sh PROGRAM [HEADER [MAP]]: every function of the C interface is called by facematch.hpp, and reaches
# PROGRAM (test_hpp) through it. The map's names are those of the headers: abi.symbols.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
program=${1:?the test program}
header=${2:-$root/include/facematch/facematch.hpp}
map=${3:-$root/lib/facematch.map}
failed=0

# Functions that C++ calls as they are.
is_exception()
{
    case $1 in
    *_init) return 0 ;;               # make<T>() does that
    *_name) return 0 ;;               # of a value: cannot fail, owns nothing
    fm_version | fm_abi_version) return 0 ;; # the same
    fm_log_set) return 0 ;;           # one function for the whole process
    *) return 1 ;;
    esac
}

complain()
{
    echo "$1" >&2
    failed=1
}

functions=$(grep -oE '^ +fm_[a-z_0-9]+;' "$map" | tr -d ' ;')
[ "$(echo "$functions" | wc -l)" -gt 50 ] || complain "$map: too few functions"
code=$(sed -e 's|//.*||' "$header" | awk '
    { line = $0
      while (1) {
          if (comment) { end = index(line, "*/"); if (!end) { line = ""; break }
                         line = substr(line, end + 2); comment = 0 }
          start = index(line, "/*"); if (!start) break
          printf "%s ", substr(line, 1, start - 1); line = substr(line, start + 2); comment = 1 }
      print line }')
# A call, or what a handle is freed by.
called=$(printf "%s\n" "$code" | grep -oE '\bfm_[a-z_0-9]+(\(|_free>|_close>)|, fm_[a-z_0-9]+>' | tr -d '(>, ' | sort -u)
run=$(nm --undefined-only "$program" | grep -oE '\bfm_[a-z_0-9]+' | sort -u)

for name in $functions; do
    is_called=$(echo "$called" | grep -cx "$name")
    if is_exception "$name"; then
        [ "$is_called" = 0 ] || complain "$name is called by facematch.hpp: no exception is needed"
    elif [ "$is_called" = 0 ]; then
        complain "$name has no wrapper in facematch.hpp"
    elif ! echo "$run" | grep -qx "$name"; then
        complain "test_hpp.cpp calls nothing that wraps $name"
    fi
done
exit $failed
