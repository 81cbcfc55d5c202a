# The HTTP service of Go, from the module, with a Go that is new enough.
# needs: golang-go gcc libc6-dev pkg-config ca-certificates
. "$(dirname "$0")/expect.sh"
export HOME=$PWD GOFLAGS=-modcacherw FACEMATCH_PHOTOS=$PHOTOS # all that Go keeps is removed with this folder
cp -r "$SOURCE/examples/go/service" service
cd service
sh "$SOURCE/bindings/go/tools/go.sh" mod edit -replace="libfacematch/facematch=$SOURCE/bindings/go"
sh "$SOURCE/bindings/go/tools/go.sh" test .
sh "$SOURCE/bindings/go/tools/go.sh" build -o service .
expect 1 ./service -models /absent
