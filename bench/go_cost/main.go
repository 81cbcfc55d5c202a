// Go_cost measures what calling through Go costs: crops are embedded by a loop of C and by the package, in turns, in one
// process on one thread.
//
//	go_cost -models models PHOTO
//
// It prints a JSON object: medians of wall clock and of the thread's processor time, in milliseconds a batch.
package main

/*
#cgo pkg-config: facematch
#include <facematch/facematch.h>
#include <stdlib.h>
#include <time.h>

static double clock_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double wall_ms(void) { return clock_ms(CLOCK_MONOTONIC); }
static double cpu_ms(void) { return clock_ms(CLOCK_THREAD_CPUTIME_ID); }

// As a program of C would do it; out is made and freed, as in Go.
static fm_status embed(fm_session *session, const fm_image *const *crops, size_t n, size_t dim, double *wall, double *cpu)
{
    double w = wall_ms(), c = cpu_ms();
    float *out = malloc(n * dim * sizeof *out);
    fm_status status = out ? fm_embed_aligned(session, crops, n, out, n * dim, NULL) : FM_E_NO_MEMORY;
    free(out);
    *wall = wall_ms() - w;
    *cpu = cpu_ms() - c;
    return status;
}
*/
import "C"

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"unsafe"

	"libfacematch/facematch"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// inC opens the same in C.
func inC(model, crop string, batch int) (*C.fm_session, []*C.fm_image, C.size_t) {
	var embedder *C.fm_model
	var session *C.fm_session
	info := C.fm_model_info{struct_size: C.sizeof_fm_model_info}
	crops := make([]*C.fm_image, batch)
	if C.fm_model_load(&embedder, C.CString(model), nil, nil) != C.FM_OK ||
		C.fm_model_describe(embedder, &info, nil) != C.FM_OK ||
		C.fm_session_create(&session, embedder, nil, nil) != C.FM_OK {
		log.Fatal("C does not open " + model)
	}
	for i := range crops {
		if C.fm_image_load_file(&crops[i], C.CString(crop), nil, nil) != C.FM_OK {
			log.Fatal("C does not load " + crop)
		}
	}
	return session, crops, C.size_t(info.dim)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func main() {
	models := flag.String("models", "models", "folder with default.pt and mtcnn.pt")
	batch := flag.Int("batch", 32, "crops in a call")
	runs := flag.Int("runs", 40, "of each")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: go_cost [-models FOLDER] PHOTO")
	}
	runtime.LockOSThread()
	path := filepath.Join(*models, "default.pt")
	embedder := must(facematch.LoadModel(path, nil))
	detector := must(facematch.LoadModel(filepath.Join(*models, "mtcnn.pt"), nil))
	finder := must(facematch.NewSession(embedder, &facematch.SessionOptions{Detector: detector}))
	crop := must(finder.Align(must(facematch.LoadImage(flag.Arg(0), nil)), nil))
	file := filepath.Join(must(os.MkdirTemp("", "facematch-")), "crop.png")
	if err := crop.Save(file); err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(filepath.Dir(file))
	session := must(facematch.NewSession(embedder, nil))
	crops := make([]*facematch.Image, *batch)
	for i := range crops {
		crops[i] = must(facematch.LoadImage(file, nil))
	}
	cSession, cCrops, dim := inC(path, file, *batch)

	var wall, cpu [2][]float64
	for run := range *runs + 3 {
		var w, c C.double
		if C.embed(cSession, (**C.fm_image)(unsafe.Pointer(&cCrops[0])), C.size_t(*batch), dim, &w, &c) != C.FM_OK {
			log.Fatal("C does not embed")
		}
		w0, c0 := C.wall_ms(), C.cpu_ms()
		must(session.EmbedAligned(context.Background(), crops))
		w1, c1 := C.wall_ms()-w0, C.cpu_ms()-c0
		if run < 3 { // warm-up
			continue
		}
		wall[0], wall[1] = append(wall[0], float64(w)), append(wall[1], float64(w1))
		cpu[0], cpu[1] = append(cpu[0], float64(c)), append(cpu[1], float64(c1))
	}
	c, g, cc, gc := median(wall[0]), median(wall[1]), median(cpu[0]), median(cpu[1])
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"batch": *batch, "runs": *runs, "c_ms": c, "go_ms": g, "more_percent": 100 * (g/c - 1),
		"c_cpu_ms": cc, "go_cpu_ms": gc, "more_cpu_percent": 100 * (gc/cc - 1),
	})
}
