package facematch_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
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
