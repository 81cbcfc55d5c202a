# A program of Go and the HTTP service, from the module, with a Go that is new enough.
# needs: golang-go gcc libc6-dev pkg-config ca-certificates
. "$(dirname "$0")/expect.sh"
export HOME=$PWD GOFLAGS=-modcacherw FACEMATCH_PHOTOS=$PHOTOS # all that Go keeps is removed with this folder
go=$SOURCE/bindings/go/tools/go.sh

mkdir verify
cd verify
cat >main.go <<'END'
package main

import (
	"fmt"
	"os"

	"libfacematch/facematch"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return value
}

func main() {
	models := os.Getenv("FACEMATCH_MODELS")
	options := &facematch.SessionOptions{Detector: must(facematch.LoadModel(models+"/mtcnn.pt", nil))}
	session := must(facematch.NewSession(must(facematch.LoadModel(models+"/default.pt", nil)), options))
	a, b := must(facematch.LoadImage(os.Args[1], nil)), must(facematch.LoadImage(os.Args[2], nil))
	if !must(session.Verify(a, b, nil)).Match {
		os.Exit(1)
	}
}
END
sh "$go" mod init verify
sh "$go" mod edit -require=libfacematch/facematch@v0.0.0 -replace="libfacematch/facematch=$SOURCE/bindings/go"
sh "$go" build -o verify .
verifies ./verify
cd ..

cp -r "$SOURCE/examples/go/service" service
cd service
sh "$go" mod edit -replace="libfacematch/facematch=$SOURCE/bindings/go"
sh "$go" test .
sh "$go" build -o service .
expect 1 ./service -models /absent
