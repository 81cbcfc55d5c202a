package facematch_test

import (
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"libfacematch/facematch"
)

// The tests run twice: with the library whose backend is made up, which takes a red square for a face, and with
// libtorch on real models and photographs. Each says which of the two it is about.

func fromEnv(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}

var (
	models = fromEnv("FACEMATCH_MODELS", "../../models")
	photos = fromEnv("FACEMATCH_PHOTOS", "../../build/photos")
)

func backend(t testing.TB) string {
	t.Helper()
	info, err := facematch.Build()
	if err != nil {
		t.Fatal(err)
	}
	return info.Backend
}

func needFake(t testing.TB) {
	t.Helper()
	if backend(t) != "fake" {
		t.Skip("is about the library of the fake backend")
	}
}

func needReal(t testing.TB) {
	t.Helper()
	if backend(t) == "fake" {
		t.Skip("is about libtorch")
	}
	for _, path := range []string{filepath.Join(models, "default.pt"), filepath.Join(photos, "obama.jpg")} {
		if _, err := os.Stat(path); err != nil {
			t.Skipf("%v: set FACEMATCH_MODELS and FACEMATCH_PHOTOS", err)
		}
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

type closer interface{ Close() error }

func closing[T closer](t testing.TB, value T) T {
	t.Cleanup(func() {
		if err := value.Close(); err != nil {
			t.Error(err)
		}
	})
	return value
}

type object = map[string]any

const fakeDim = 16

func fakeBytes(manifest object) []byte {
	return append([]byte("FMFAKE1\n"), must(json.Marshal(manifest))...)
}

func embedderManifest(name string) object {
	return object{
		"format": 1, "name": name, "source": "test", "license": "Apache-2.0", "training_data": "none",
		"kind": "embedder", "family": "softmax", "metric": "cosine",
		"input":     object{"width": 32, "height": 32, "order": "RGB", "mean": []float64{127.5, 127.5, 127.5}, "std": []int{128, 128, 128}},
		"alignment": object{"points": [][]float64{{13.6, 14.2}, {18.4, 14.2}, {16, 16.6}, {14.2, 19}, {17.8, 19}}, "border": "zero"},
		"embedding": object{"dim": fakeDim, "normalize": true},
		"calibration": object{"dataset": "drawn", "impostor_comparisons": 100000, "points": []object{
			{"fmr": 1e-1, "score": 0.2}, {"fmr": 1e-2, "score": 0.4}, {"fmr": 1e-3, "score": 0.6}, {"fmr": 1e-4, "score": 0.8}}},
	}
}

var detectorManifest = object{
	"format": 1, "name": "detector", "source": "test", "license": "Apache-2.0", "training_data": "none", "kind": "detector",
	"input": object{"width": 48, "height": 48, "order": "RGB", "mean": []float64{127.5, 127.5, 127.5}, "std": []int{128, 128, 128}},
	"detector": object{"type": "mtcnn", "thresholds": []float64{0.6, 0.7, 0.7}, "nms": []float64{0.5, 0.7, 0.7},
		"factor": 0.709, "cell": 12, "stride": 2},
}

func fakeModels(t testing.TB) (embedder, detector *facematch.Model) {
	t.Helper()
	needFake(t)
	return closing(t, must(facematch.LoadModelBytes(fakeBytes(embedderManifest("drawn")), nil))),
		closing(t, must(facematch.LoadModelBytes(fakeBytes(detectorManifest), nil)))
}

func realModels(t testing.TB) (embedder, detector *facematch.Model) {
	t.Helper()
	needReal(t)
	return closing(t, must(facematch.LoadModel(filepath.Join(models, "default.pt"), nil))),
		closing(t, must(facematch.LoadModel(filepath.Join(models, "mtcnn.pt"), nil)))
}

func fakeSession(t testing.TB) (*facematch.Model, *facematch.Session) {
	t.Helper()
	embedder, detector := fakeModels(t)
	return embedder, closing(t, must(facematch.NewSession(embedder, &facematch.SessionOptions{Detector: detector})))
}

// drawPicture draws patches of blue and green, others for every person, and the red square that the fake detector
// takes for a face.
func drawPicture(person uint64, face bool) *image.RGBA {
	random := rand.New(rand.NewPCG(person, 1))
	picture := image.NewRGBA(image.Rect(0, 0, 320, 240))
	for y := 0; y < 240; y += 40 {
		for x := 0; x < 320; x += 40 {
			patch := color.RGBA{0, byte(random.UintN(256)), byte(random.UintN(256)), 255}
			draw.Draw(picture, image.Rect(x, y, x+40, y+40), image.NewUniform(patch), image.Point{}, draw.Src)
		}
	}
	for i := 0; face && i < 6400; i++ {
		red := byte(225)
		if (i%80/2+i/80/2)%4 > 0 {
			red = 255
		}
		picture.SetRGBA(120+i%80, 80+i/80, color.RGBA{red, 0, 0, 255})
	}
	return picture
}

func drawn(t testing.TB, person uint64, face bool) *facematch.Image {
	t.Helper()
	return closing(t, must(facematch.FromImage(drawPicture(person, face))))
}

func photo(t testing.TB, name string) *facematch.Image {
	t.Helper()
	return closing(t, must(facematch.LoadImage(filepath.Join(photos, name), nil)))
}

func axis(i int) []float32 {
	vector := make([]float32, fakeDim)
	vector[i] = 1
	return vector
}
