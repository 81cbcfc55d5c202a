package facematch_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"libfacematch/facematch"
)

const goroutines = 32

// together runs work in all goroutines at once.
func together(t *testing.T, work func(n int) error) {
	t.Helper()
	var group sync.WaitGroup
	failed := make(chan error, goroutines)
	start := make(chan struct{})
	for n := range goroutines {
		group.Add(1)
		go func() {
			defer group.Done()
			<-start
			if err := work(n); err != nil {
				failed <- fmt.Errorf("goroutine %d: %w", n, err)
			}
		}()
	}
	close(start)
	group.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
}

// sameAsSerial embeds pictures in many goroutines, with a session each and with one for all.
func sameAsSerial(t *testing.T, embedder, detector *facematch.Model, pictures []*facematch.Image, rounds int) {
	t.Helper()
	options := &facematch.SessionOptions{Detector: detector}
	shared := closing(t, must(facematch.NewSession(embedder, options)))
	want := must(shared.EmbedBatch(context.Background(), pictures[:1]))
	for _, picture := range pictures[1:] {
		want = append(want, must(shared.EmbedBatch(context.Background(), []*facematch.Image{picture}))...)
	}
	together(t, func(n int) error {
		session := shared
		if n%4 > 0 {
			own, err := facematch.NewSession(embedder, options)
			if err != nil {
				return err
			}
			defer func() { _ = own.Close() }()
			session = own
		}
		for round := range rounds {
			i := (n + round) % len(pictures)
			got, err := session.Embed(pictures[i], nil)
			if want[i] == nil && errors.Is(err, facematch.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if !slices.Equal(got.Vector, want[i]) {
				return fmt.Errorf("picture %d: another embedding than in the serial run", i)
			}
		}
		return nil
	})
}

func TestGoroutinesFake(t *testing.T) {
	embedder, detector := fakeModels(t)
	pictures := make([]*facematch.Image, 8)
	for i := range pictures {
		pictures[i] = drawn(t, uint64(i), i != 3)
	}
	sameAsSerial(t, embedder, detector, pictures, 8)
}

func TestGoroutinesReal(t *testing.T) {
	embedder, detector := realModels(t)
	pictures := []*facematch.Image{photo(t, "obama2.jpg"), photo(t, "biden.jpg"), photo(t, "obama.jpg")}
	sameAsSerial(t, embedder, detector, pictures, 1)
}

func TestCloseBesideCalls(t *testing.T) {
	embedder, detector := fakeModels(t)
	for range 8 {
		session := must(facematch.NewSession(embedder, &facematch.SessionOptions{Detector: detector}))
		picture := must(facematch.FromImage(drawPicture(1, true)))
		gallery := must(facematch.OpenGallery(filepath.Join(t.TempDir(), "people.fmg"), embedder, nil))
		must(gallery.Add("anna", axis(0), nil))
		together(t, func(n int) error {
			for range 3 {
				if n == 7 {
					_, _, _ = session.Close(), picture.Close(), gallery.Close()
				}
				_, err := gallery.Identify(session, picture, nil)
				if err != nil && !errors.Is(err, facematch.ErrClosed) {
					return err
				}
				for _, err := range gallery.All() {
					if err != nil && !errors.Is(err, facematch.ErrClosed) {
						return err
					}
				}
			}
			return nil
		})
	}
}

// TestForgotten leaves closing to the garbage collector.
func TestForgotten(t *testing.T) {
	embedder, detector := fakeModels(t)
	picture := drawn(t, 1, true)
	before := resident(t)
	for range 200 {
		session := must(facematch.NewSession(embedder, &facematch.SessionOptions{Detector: detector}))
		must(session.Embed(picture, nil))
		must(facematch.FromImage(drawPicture(2, true)))
		runtime.GC()
	}
	if grown := resident(t) - before; grown > 16<<20 { // 200 pictures alone are 61 MB
		t.Errorf("grew by %d bytes", grown)
	}
}

func resident(t *testing.T) int64 {
	t.Helper()
	debug.FreeOSMemory()
	fields := strings.Fields(string(must(os.ReadFile("/proc/self/statm"))))
	return must(strconv.ParseInt(fields[1], 10, 64)) * int64(os.Getpagesize())
}

func TestLeaks(t *testing.T) {
	const cycles, warmUp, most = 100_000, 30_000, 4 << 20
	embedder, detector := fakeModels(t)
	archive, picture := fakeBytes(embedderManifest("drawn")), drawPicture(1, true)
	open := drawn(t, 1, true)
	path := filepath.Join(t.TempDir(), "people.fmg")
	session := closing(t, must(facematch.NewSession(embedder, &facematch.SessionOptions{Detector: detector})))
	small := picture.SubImage(picture.Bounds().Intersect(picture.Bounds().Inset(100)))
	cycle := func(i int) {
		var made closer
		switch i % 6 {
		case 0:
			made = must(facematch.FromImage(small))
		case 1:
			made = must(facematch.NewSession(embedder, &facematch.SessionOptions{Detector: detector}))
		case 2:
			made = must(facematch.LoadModelBytes(archive, nil))
		case 3:
			made = must(facematch.NewEvaluation(nil))
		case 4:
			if _, err := facematch.DecodeImage([]byte("no picture"), nil); !errors.Is(err, facematch.ErrCorrupt) {
				panic(err)
			}
			return
		case 5:
			if i%600 == 5 {
				made = must(facematch.OpenGallery(path, embedder, nil))
			} else {
				made = must(session.Align(open, &facematch.Face{Width: 80, Height: 80, Points: [5]facematch.Point{
					{X: 10, Y: 10}, {X: 40, Y: 10}, {X: 25, Y: 25}, {X: 12, Y: 40}, {X: 38, Y: 40}}}))
			}
		}
		_ = made.Close()
	}
	for i := range warmUp {
		cycle(i)
	}
	before := resident(t)
	for i := range cycles {
		cycle(i)
	}
	grown := resident(t) - before
	t.Logf("grew by %d KiB in %d cycles", grown>>10, cycles)
	if grown >= most {
		t.Errorf("grew by %d bytes in %d cycles", grown, cycles)
	}
}
