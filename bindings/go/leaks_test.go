package facematch_test

import (
	"errors"
	"image"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"libfacematch/facematch"
	"libfacematch/facematch/internal/cmemory"
)

// inUse is the memory that C holds and that Go's live objects are.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // what the first one found unused is swept
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return cmemory.InUse() + int64(stats.HeapAlloc)
}

// TestForgotten leaves closing to the garbage collector.
func TestForgotten(t *testing.T) {
	const rounds, most = 50, 1 << 20 // the pictures alone are 15 MB
	embedder, detector := fakeModels(t)
	shown, picture := drawn(t, 1, true), drawPicture(2, true)
	before := inUse()
	for range rounds {
		session := must(facematch.NewSession(embedder, &facematch.SessionOptions{Detector: detector}))
		must(session.Embed(shown, nil))
		must(facematch.FromImage(picture))
	}
	grown := inUse() - before
	for end := time.Now().Add(20 * time.Second); grown > most && time.Now().Before(end); grown = inUse() - before {
		time.Sleep(time.Millisecond) // cleanups have a goroutine of their own
	}
	if grown > most {
		t.Errorf("grew by %d bytes", grown)
	}
}

// cycles makes and closes one of each kind of object, by turns.
func cycles(t *testing.T) func(i int) {
	embedder, detector := fakeModels(t)
	judge := closing(t, must(facematch.LoadModelBytes(fakeBytes(livenessManifest), nil)))
	options := &facematch.SessionOptions{Detector: detector, Liveness: judge}
	session := closing(t, must(facematch.NewSession(embedder, options)))
	archive, path := fakeBytes(embedderManifest("drawn")), filepath.Join(t.TempDir(), "people.fmg")
	small, open := drawPicture(1, true).SubImage(image.Rect(100, 100, 220, 140)), drawn(t, 1, true)
	face := &facematch.Face{Width: 80, Height: 80, Points: [5]facematch.Point{
		{X: 10, Y: 10}, {X: 40, Y: 10}, {X: 25, Y: 25}, {X: 12, Y: 40}, {X: 38, Y: 40}}}
	training := &facematch.TrainerOptions{Aligned: true, Fresh: true, OnFinding: func(facematch.Finding) {}}
	kinds := []func(i int) (closer, error){
		func(int) (closer, error) { return facematch.FromImage(small) },
		func(int) (closer, error) { return facematch.NewSession(embedder, options) },
		func(int) (closer, error) { return facematch.LoadModelBytes(archive, nil) },
		func(int) (closer, error) { return facematch.NewEvaluation(nil) },
		func(int) (closer, error) { return facematch.NewLivenessSequence(session, nil) },
		func(int) (closer, error) { return facematch.NewTrainer(embedder, training) },
		func(i int) (closer, error) {
			if i%1000 == 6 { // takes its time
				return facematch.OpenGallery(path, embedder, nil)
			}
			return session.Align(open, face)
		},
	}
	return func(i int) {
		if i%(len(kinds)+1) == len(kinds) {
			_, err := facematch.DecodeImage([]byte("no picture"), nil)
			if _, absent := facematch.LoadImage("/absent.jpg", nil); !errors.Is(absent, facematch.ErrNotFound) ||
				!errors.Is(err, facematch.ErrCorrupt) {
				t.Fatal(err, absent)
			}
			return
		}
		_ = must(kinds[i%(len(kinds)+1)](i)).Close()
	}
}

func TestLeaks(t *testing.T) {
	const times, warmUp, most = 100_000, 2_000, 256 << 10
	runtime.LockOSThread() // free blocks that C keeps at hand for a thread count as used
	defer runtime.UnlockOSThread()
	cycle := cycles(t)
	for i := range warmUp {
		cycle(i)
	}
	before := inUse()
	for i := range times {
		cycle(i)
	}
	grown := inUse() - before
	runtime.KeepAlive(cycle) // and what it makes objects of
	t.Logf("grew by %d bytes in %d cycles", grown, times)
	if grown > most {
		t.Errorf("grew by %d bytes in %d cycles", grown, times)
	}
}
