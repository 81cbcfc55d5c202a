#!/usr/bin/env bash
# The gate itself, tried on a copy of the source tree: it must refuse every change that breaks programs, even
# if whoever made it brought layout.txt up to date, and let additions pass.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
failed=0

# The baseline of this test is the tree as it is, not the last release.
fresh() {
    rm -rf "$tree"
    mkdir -p "$tree/tests"
    cp -r "$here/../../include" "$here/../../lib" "$tree/"
    cp -r "$here" "$tree/tests/abi"
    rm -rf "$tree/tests/abi/baseline"
    mkdir -p "$tree/tests/abi/baseline"
    cp "$work/abi.xml" "$work/layout.txt" "$tree/tests/abi/baseline/" 2>/dev/null || true
    header=$tree/include/facematch layout=$tree/tests/abi/layout.c map=$tree/lib/facematch.map
}

make_layout() {
    cc -std=c11 -I"$tree/include" "$layout" -o "$work/print_layout"
    "$work/print_layout" >"$tree/tests/abi/layout.txt"
}

# Which parts of the gate refuse the tree, in one line.
gate() {
    local refused=""
    bash "$tree/tests/abi/build.sh" "$tree" "$work/objects" >"$work/log" 2>&1 || refused+=" build"
    bash "$tree/tests/abi/check_symbols.sh" "$work/objects/lib.so" >>"$work/log" 2>&1 || refused+=" symbols"
    bash "$tree/tests/abi/check_abi.sh" "$work/objects/lib.so" >>"$work/log" 2>&1 || refused+=" abi"
    echo "$refused"
}

# passes NAME, refuses PART NAME: after a change to the tree.
passes() {
    local refused
    make_layout
    refused=$(gate)
    if [ -n "$refused" ]; then
        echo "WRONG: $1 was refused by$refused:"
        cat "$work/log"
        failed=1
    else
        echo "passes: $1"
    fi
    fresh
}
refuses() {
    local refused
    make_layout
    refused=$(gate)
    case "$refused " in
    *" build "*)
        echo "WRONG: $2 does not even build"
        cat "$work/log"
        failed=1
        ;;
    *" $1 "*) echo "refused by$refused: $2" ;;
    *)
        echo "WRONG: $2 was not refused by $1, but by:${refused:- nothing}"
        failed=1
        ;;
    esac
    fresh
}

# edit FILE PERL: the file must have changed.
edit() {
    cp "$1" "$work/old"
    perl -0pi -e "$2" "$1"
    if cmp -s "$work/old" "$1"; then
        echo "WRONG: nothing in ${1##*/} to change by $2"
        failed=1
    fi
}

fresh
bash "$here/build.sh" "$tree" "$work/objects"
bash "$here/dump.sh" "$work/objects/lib.so" >"$work/abi.xml"
make_layout
cp "$tree/tests/abi/layout.txt" "$work/layout.txt"
fresh
passes "no change"

added='FM_API FM_NODISCARD fm_status fm_added(int32_t x, fm_error *err);'
body='fm_status fm_added(int32_t x, fm_error *err) { (void)x; (void)err; return FM_OK; }'
edit "$header/evaluate.h" "s/(\n#ifdef __cplusplus\n\})/\n$added\n\$1/"
edit "$tree/lib/api/evaluate.c" "s/\$/\n$body\n/"
refuses symbols "a function that is not in the map"

edit "$header/evaluate.h" "s/(\n#ifdef __cplusplus\n\})/\n$added\n\$1/"
edit "$tree/lib/api/evaluate.c" "s/\$/\n$body\n/"
edit "$map" 's/global:/global:\n    fm_added;/'
passes "a function that is in header, map and library"

edit "$map" 's/ +fm_evaluate_pairs;\n//'
refuses symbols "a function that went from the map"
edit "$map" 's/ +fm_evaluate_pairs;\n//'
edit "$header/evaluate.h" 's/FM_API FM_NODISCARD fm_status fm_evaluate_pairs\(/fm_status fm_evaluate_pairs(/'
edit "$header/evaluate.h" 's/(fm_status fm_evaluate_pairs)/__attribute__((visibility("hidden"))) $1/'
refuses abi "a function that went from header, map and library"

edit "$header/evaluate.h" 's/(    double eer; [^\n]*\n)(    double eer_threshold; [^\n]*\n)/$2$1/'
refuses abi "a field that moved"
edit "$header/evaluate.h" 's/(    double accuracy; )/    double added;\n$1/'
edit "$layout" 's/(    FIELD\(fm_pairs_report, accuracy\);)/    FIELD(fm_pairs_report, added);\n$1/'
refuses abi "a field that was inserted"
edit "$header/evaluate.h" 's/int32_t folds;/int64_t folds;/'
refuses abi "a field of another size"
edit "$header/evaluate.h" 's/double accuracy; /int64_t accuracy; /'
refuses abi "a field of another type, of the same size"
edit "$header/evaluate.h" 's/double accuracy; /int64_t accuracy; /'
edit "$header/evaluate.h" 's/(    double threshold; [^\n]*\n)/$1    double added;\n/'
edit "$layout" 's/(    FIELD\(fm_pairs_report, accuracy\);)/    FIELD(fm_pairs_report, added);\n$1/'
refuses abi "a field of another type, beside one at the end"
edit "$header/evaluate.h" 's/FM_FAILURES_COUNT = 1/FM_FAILURES_COUNT = 2/'
refuses abi "a constant of another value"
edit "$header/evaluate.h" 's/const int32_t \*folds/const int64_t *folds/'
edit "$tree/lib/api/evaluate.c" 's/const int32_t \*folds/const int64_t *folds/g'
refuses abi "a parameter of another type"
edit "$header/evaluate.h" 's/(    double threshold; [^\n]*\n)/$1    double added;\n/'
edit "$layout" 's/(    FIELD\(fm_pairs_report, accuracy\);)/    FIELD(fm_pairs_report, added);\n$1/'
passes "a field at the end of a struct that grows"
edit "$header/version.h" 's/(    \/\* --- 0.1 ends here[^\n]*\n\} fm_build_info;)/    int32_t added;\n$1/'
edit "$layout" 's/(    FIELD\(fm_build_info, bfloat16\);)/    FIELD(fm_build_info, added);\n$1/'
refuses abi "a field in the padding of the old struct"
edit "$header/face.h" 's/(\n\} fm_face;)/\n    float added;$1/'
edit "$layout" 's/(    FIELD\(fm_face, points\);)/    FIELD(fm_face, added);\n$1/'
refuses abi "a field at the end of a struct that never grows"
edit "$header/status.h" 's/(FM_E_REFUSED = -19)/$1,\n    FM_E_ADDED = -99/'
edit "$layout" 's/(    CONSTANT\(FM_E_REFUSED\);)/$1\n    CONSTANT(FM_E_ADDED);/'
passes "a new constant"
exit $failed
