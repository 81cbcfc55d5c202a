package facematch_test

import (
	"context"
	"errors"
	"image"
	"path/filepath"
	"strings"
	"testing"

	"libfacematch/facematch"
)

// wants checks the status, and that the C library's text is in the message.
func wants(t *testing.T, err error, status facematch.Status, text string) {
	t.Helper()
	var failure *facematch.Error
	if !errors.As(err, &failure) || !errors.Is(err, status) || failure.Status != status {
		t.Fatalf("got %v, want %v", err, status)
	}
	if errors.Is(err, facematch.ErrTraining) || !strings.Contains(failure.Message, text) ||
		!strings.HasPrefix(err.Error(), "facematch: ") {
		t.Fatalf("%q does not say %q", err, text)
	}
}

func failure[T any](_ T, err error) error { return err }

func TestArguments(t *testing.T) {
	embedder, session := fakeSession(t)
	bare := closing(t, must(facematch.NewSession(embedder, nil)))
	picture, empty := drawn(t, 1, true), drawn(t, 1, false)
	gallery := closing(t, must(facematch.OpenGallery(filepath.Join(t.TempDir(), "people.fmg"), embedder, nil)))
	evaluation := closing(t, must(facematch.NewEvaluation(nil)))
	invalid := facematch.ErrInvalidArgument
	ctx := context.Background()
	for _, test := range []struct {
		name   string
		err    error
		status facematch.Status
		text   string
	}{
		{"no file", failure(facematch.LoadModel("/absent.pt", nil)), facematch.ErrNotFound, "/absent.pt"},
		{"no image file", failure(facematch.LoadImage("/absent.jpg", nil)), facematch.ErrNotFound, "/absent.jpg"},
		{"NUL in a path", failure(facematch.LoadImage("a\x00b", nil)), invalid, "NUL"},
		{"NUL in a model's path", failure(facematch.LoadModel("a\x00b", nil)), invalid, "NUL"},
		{"not an image", failure(facematch.DecodeImage([]byte("no picture"), nil)), facematch.ErrCorrupt, ""},
		{"no bytes", failure(facematch.DecodeImage(nil, nil)), invalid, "NULL"},
		{"no picture", failure(facematch.FromImage(nil)), invalid, "nil"},
		{"empty picture", failure(facematch.FromImage(image.NewGray(image.Rect(0, 0, 0, 9)))), invalid, "0x9"},
		{"not a model", failure(facematch.LoadModelBytes([]byte("no model"), nil)), facematch.ErrCorrupt, ""},
		{"model not allowed", failure(facematch.LoadModelBytes(fakeBytes(embedderManifest("x")),
			&facematch.ModelOptions{AllowedIDs: []string{strings.Repeat("0", 64), strings.Repeat("1", 64)}})),
			facematch.ErrPermission, ""},
		{"no models", failure(facematch.NewSession(nil, nil)), invalid, ""},
		{"threads", failure(facematch.NewSession(embedder, &facematch.SessionOptions{Threads: 999})), invalid, "999"},
		{"threads of 64 bits", failure(facematch.NewSession(embedder, &facematch.SessionOptions{Threads: 1 << 40})),
			invalid, "1099511627776"},
		{"nil image", failure(session.Detect(nil)), invalid, "image is NULL"},
		{"zero image", failure(session.Detect(&facematch.Image{})), invalid, "image is NULL"},
		{"nil session", failure((*facematch.Session)(nil).Detect(picture)), invalid, "session is NULL"},
		{"no face", failure(session.Embed(empty, nil)), facematch.ErrNotFound, "face"},
		{"no detector", failure(bare.Detect(picture)), facematch.ErrState, "detector"},
		{"nil in a batch", failure(session.EmbedBatch(ctx, []*facematch.Image{picture, nil})), invalid, "NULL"},
		{"which has no face", failure(session.Verify(picture, empty, nil)), facematch.ErrNotFound, "second"},
		{"fmr", failure(session.Verify(picture, picture, &facematch.VerifyOptions{FMR: 7})), invalid, "7"},
		{"dim", failure(embedder.Compare(make([]float32, 3), make([]float32, 3))), invalid, "3"},
		{"lengths", failure(embedder.Compare(axis(0), nil)), invalid, "16 and 0"},
		{"no calibration for it", failure(embedder.Threshold(1e-9)), facematch.ErrLimit, ""},
		{"NUL in an id", failure(gallery.Get("a\x00b")), invalid, "NUL"},
		{"empty id", failure(gallery.Get("")), invalid, ""},
		{"nobody", failure(gallery.Get("nobody")), facematch.ErrNotFound, "nobody"},
		{"add dim", failure(gallery.Add("anna", axis(0)[:5], nil)), invalid, "5"},
		{"add nothing", failure(gallery.Add("anna", nil, nil)), invalid, ""},
		{"metadata", failure(gallery.Add("anna", axis(0), &facematch.EnrollOptions{Metadata: "{"})), invalid, ""},
		{"ragged queries", failure(gallery.Search(ctx, [][]float32{axis(0), axis(1)[:4]}, nil)), invalid, "query 1"},
		{"most", failure(gallery.Identify(session, picture, &facematch.IdentifyOptions{Most: -1})), invalid, "-1"},
		{"short key", failure(facematch.OpenGallery(filepath.Join(t.TempDir(), "x.fmg"), embedder,
			&facematch.GalleryOptions{Key: &facematch.Key{Bytes: make([]byte, 5)}})), invalid, "5"},
		{"comparisons", evaluation.Add(facematch.Comparisons{Scores: make([]float32, 2)}), invalid, "2, 0"},
		{"nothing added", failure(evaluation.Report()), facematch.ErrState, ""},
		{"points", failure(evaluation.Curve(1 << 40)), invalid, ""},
		{"no liveness model", failure(session.Liveness(picture, nil, nil)), facematch.ErrState, "liveness"},
		{"policy", failure(session.Verify(picture, picture, &facematch.VerifyOptions{Liveness: 7})), invalid, "7"},
		{"frames", failure(facematch.NewLivenessSequence(session, &facematch.SequenceOptions{MinFrames: 1 << 40})), invalid,
			"1099511627776"},
		{"nil attempt", failure((*facematch.LivenessSequence)(nil).Result()), invalid, "NULL"},
		{"pool", failure(facematch.NewPool(0, embedder, nil)), invalid, "0 sessions"},
	} {
		t.Run(test.name, func(t *testing.T) { wants(t, test.err, test.status, test.text) })
	}
	if got := facematch.ErrNotFound.String(); got != "FM_E_NOT_FOUND" {
		t.Errorf("the status is called %s", got)
	}
}

func TestUseAfterClose(t *testing.T) {
	embedder, detector := fakeModels(t)
	session := must(facematch.NewSession(embedder, &facematch.SessionOptions{Detector: detector}))
	picture := must(facematch.FromImage(drawPicture(1, true)))
	gallery := must(facematch.OpenGallery(filepath.Join(t.TempDir(), "people.fmg"), embedder, nil))
	evaluation := must(facematch.NewEvaluation(nil))
	pool := must(facematch.NewPool(2, embedder, nil))
	judge := must(facematch.LoadModelBytes(fakeBytes(livenessManifest), nil))
	judging := closing(t, must(facematch.NewSession(embedder, &facematch.SessionOptions{Liveness: judge})))
	attempt := must(facematch.NewLivenessSequence(judging, nil))
	trainer := must(facematch.NewTrainer(embedder, nil))
	open := drawn(t, 1, true)
	for _, each := range []closer{embedder, detector, session, picture, gallery, evaluation, pool, judge, attempt,
		trainer} {
		for range 2 {
			if err := each.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx := context.Background()
	var listed error
	for _, listed = range gallery.All() {
	}
	var trained error
	for _, trained = range trainer.Run(ctx, nil) {
	}
	for i, err := range []error{
		failure(facematch.NewSession(nil, &facematch.SessionOptions{Liveness: judge})),
		failure(session.Liveness(open, nil, nil)), failure(session.LivenessBatch(ctx, []*facematch.Image{open}, nil, nil)),
		failure(facematch.NewLivenessSequence(session, nil)), failure(attempt.Add(judging, open, nil)),
		failure(attempt.Result()), failure(facematch.NewTrainer(embedder, nil)),
		failure(facematch.NewTrainer(nil, &facematch.TrainerOptions{Detector: detector})),
		trainer.AddFrame(open, facematch.FrameLive, "anna", "", facematch.RoleTrain),
		trainer.Add(open, "anna", "", facematch.RoleTrain), failure(trainer.Check(ctx, nil)), failure(trainer.Epoch(ctx, nil)), trained,
		failure(trainer.Stats()), trainer.Checkpoint("/nowhere/x"), trainer.Resume("/nowhere/x"), trainer.Save("/nowhere/x", nil),
		failure(embedder.Info()), failure(embedder.Threshold(0.1)), failure(embedder.FMR(0.1)),
		failure(embedder.Compare(axis(0), axis(0))), failure(embedder.Verify(axis(0), axis(0), nil)),
		failure(facematch.NewSession(embedder, nil)),
		failure(facematch.NewSession(nil, &facematch.SessionOptions{Detector: detector})),
		failure(session.Detect(open)), failure(session.Embed(open, nil)), failure(session.Align(open, nil)),
		failure(session.Quality(open, nil)), failure(session.Check(open, nil)), failure(session.Verify(open, open, nil)),
		failure(session.EmbedBatch(ctx, []*facematch.Image{open})),
		failure(session.EmbedAligned(ctx, []*facematch.Image{open})),
		failure(picture.Info()), failure(picture.RGB()), failure(picture.Picture()), failure(picture.Draw(nil)),
		picture.Save("/nowhere/x.png"), failure(gallery.Info()), failure(gallery.Get("anna")), listed,
		failure(gallery.Add("anna", axis(0), nil)), failure(gallery.Enroll(session, "anna", open, nil)),
		failure(gallery.Identify(session, open, nil)), failure(gallery.Search(ctx, [][]float32{axis(0)}, nil)),
		failure(gallery.Export(ctx, "/nowhere/x", nil)), failure(gallery.Import(ctx, "/nowhere/x", nil)),
		failure(gallery.Remove("anna")), gallery.Compact(), gallery.Rekey(&facematch.Key{Passphrase: "a passphrase"}),
		failure(evaluation.Report()), evaluation.Add(facematch.Comparisons{}),
		pool.Use(ctx, func(s *facematch.Session) error { return failure(s.Detect(open)) }),
	} {
		if !errors.Is(err, facematch.ErrClosed) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	var none *facematch.Model
	if err := none.Close(); err != nil {
		t.Error(err)
	}
}
