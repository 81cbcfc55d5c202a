package facematch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"libfacematch/facematch"
)

func newGallery(t *testing.T, embedder *facematch.Model) *facematch.Gallery {
	t.Helper()
	return closing(t, must(facematch.OpenGallery(filepath.Join(t.TempDir(), "people.fmg"), embedder, nil)))
}

func TestPeople(t *testing.T) {
	embedder, session := fakeSession(t)
	gallery := newGallery(t, embedder)
	open := &facematch.Gate{Off: true}
	enrolled := must(gallery.Enroll(session, "anna", drawn(t, 1, true), &facematch.EnrollOptions{
		DisplayName: "Anna", Metadata: `{"since": 2020}`, Label: "front", Gate: open}))
	if !enrolled.NewIdentity || enrolled.Templates != 1 || enrolled.Faces != 1 || enrolled.Face.Width <= 0 {
		t.Errorf("enrolled %+v", enrolled)
	}
	identity := must(gallery.Get("anna"))
	if identity.ID != "anna" || identity.DisplayName != "Anna" || identity.Templates != 1 || identity.Created.Year() < 2020 {
		t.Errorf("the identity is %+v", identity)
	}
	if metadata := must(gallery.Metadata("anna")); metadata != `{"since": 2020}` && metadata != `{"since":2020}` {
		t.Errorf("the metadata is %s", metadata)
	}
	templates := must(gallery.Templates("anna"))
	if len(templates) != 1 || templates[0].ID != enrolled.TemplateID || templates[0].Label != "front" {
		t.Errorf("the templates are %+v", templates)
	}
	stored := must(gallery.Embedding("anna", enrolled.TemplateID))
	if !slices.Equal(stored, must(session.Embed(drawn(t, 1, true), nil)).Vector) {
		t.Error("the stored vector is another")
	}
	who := must(gallery.Identify(session, drawn(t, 1, true), nil))
	if len(who.Matches) != 1 || who.Matches[0].ID != "anna" || who.Matches[0].Rank != 1 || who.Faces != 1 {
		t.Errorf("identified %+v", who)
	}
	if v := must(gallery.Verify(session, "anna", drawn(t, 1, true), nil)); !v.Match || v.Score < 0.99 {
		t.Errorf("verified %+v", v)
	}
	if removed := must(gallery.Remove("anna")); removed != 1 {
		t.Errorf("%d removed", removed)
	}
	if err := gallery.Compact(); err != nil {
		t.Error(err)
	}
}

func TestRefusedTellsWhy(t *testing.T) {
	embedder, session := fakeSession(t)
	gallery := newGallery(t, embedder)
	strict := &facematch.Gate{MinSizePx: 500}
	enrolled, err := gallery.Enroll(session, "anna", drawn(t, 1, true), &facematch.EnrollOptions{Gate: strict})
	wants(t, err, facematch.ErrRefused, "")
	report, err := session.Check(drawn(t, 1, true), strict)
	wants(t, err, facematch.ErrRefused, "")
	for _, r := range []facematch.GateReport{enrolled.Report, report} {
		if r.Reason != facematch.RefusalFaceTooSmall || r.Reason.String() != "face_too_small" || r.Limit != 500 ||
			r.Value != r.Quality.SizePx {
			t.Errorf("the report is %+v", r)
		}
	}
}

func TestAll(t *testing.T) {
	embedder, _ := fakeModels(t)
	gallery := newGallery(t, embedder)
	const people = 600 // several pages
	for i := range people {
		must(gallery.Add(fmt.Sprintf("%04d", i), axis(i%fakeDim), nil))
	}
	count := 0
	for identity, err := range gallery.All() {
		if err != nil || identity.ID != fmt.Sprintf("%04d", count) {
			t.Fatal(identity, err)
		}
		if count%200 == 0 { // the body may use the gallery
			must(gallery.Get(identity.ID))
		}
		count++
	}
	if people, templates, err := gallery.Count(); count != 600 || people != 600 || templates != 600 || err != nil {
		t.Error(count, people, templates, err)
	}
	for range gallery.All() {
		break
	}
}

func TestSearchAndContext(t *testing.T) {
	embedder, session := fakeSession(t)
	gallery := newGallery(t, embedder)
	for i := range fakeDim {
		must(gallery.Add(fmt.Sprintf("%04d", i), axis(i), nil))
	}
	queries := make([][]float32, 200)
	for i := range queries {
		queries[i] = axis(i % fakeDim)
	}
	found := must(gallery.Search(context.Background(), queries, &facematch.IdentifyOptions{Threshold: facematch.At(0.5), Most: 3}))
	for i, one := range found {
		if len(one.Matches) != 1 || one.Matches[0].ID != fmt.Sprintf("%04d", i%fakeDim) || one.Identities != fakeDim {
			t.Fatal(i, one)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	pictures := []*facematch.Image{drawn(t, 1, true)}
	path := filepath.Join(t.TempDir(), "people.jsonl")
	pool := closing(t, must(facematch.NewPool(1, embedder, nil)))
	for i, err := range []error{
		failure(gallery.Search(ctx, queries, nil)), failure(session.EmbedBatch(ctx, pictures)),
		failure(session.EmbedAligned(ctx, pictures)), failure(gallery.Export(ctx, path, nil)),
		failure(gallery.Import(ctx, path, nil)), pool.Use(ctx, func(*facematch.Session) error { return nil }),
	} {
		if i == 4 { // the file is looked for first
			continue
		}
		if !errors.Is(err, context.Canceled) || !errors.Is(err, facematch.ErrCanceled) {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

func TestBatchIsEndedBetween(t *testing.T) {
	_, session := fakeSession(t)
	crop := drawn(t, 1, true)
	crops := make([]*facematch.Image, 600)
	for i := range crops {
		crops[i] = crop
	}
	rows := must(session.EmbedAligned(context.Background(), crops))
	for i := range rows {
		if !slices.Equal(rows[i], rows[0]) {
			t.Fatalf("row %d is another", i)
		}
	}
	ctx := &fewTimes{Context: context.Background(), left: 2}
	if _, err := session.EmbedAligned(ctx, crops); !errors.Is(err, context.DeadlineExceeded) || ctx.left != -1 {
		t.Error(err, ctx.left)
	}
}

// fewTimes is a context that ends after it was asked a few times.
type fewTimes struct {
	context.Context
	left int
}

func (f *fewTimes) Err() error {
	f.left--
	if f.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

func TestTransfer(t *testing.T) {
	embedder, _ := fakeModels(t)
	gallery := newGallery(t, embedder)
	for i := range fakeDim {
		must(gallery.Add(fmt.Sprintf("%04d", i), axis(i), nil))
	}
	path, ctx, calls := filepath.Join(t.TempDir(), "people.jsonl"), context.Background(), 0
	key := &facematch.Key{Bytes: bytes.Repeat([]byte{7}, facematch.KeySize)}
	options := &facematch.TransferOptions{Key: key, Progress: func(done, total int64) { calls++ }}
	if moved := must(gallery.Export(ctx, path, options)); moved.Identities != fakeDim || calls < 2 {
		t.Error(moved, calls)
	}
	other := newGallery(t, embedder)
	if _, err := other.Import(ctx, path, nil); !errors.Is(err, facematch.ErrPermission) {
		t.Error(err)
	}
	if moved := must(other.Import(ctx, path, options)); moved.Templates != fakeDim {
		t.Error(moved)
	}
	_, err := other.Import(ctx, path, options)
	wants(t, err, facematch.ErrExists, "0000")
	options.OnExisting = facematch.SkipExisting
	if moved := must(other.Import(ctx, path, options)); moved.Skipped != fakeDim {
		t.Error(moved)
	}
	ended := &fewTimes{Context: ctx, left: 1}
	if _, err := gallery.Export(ended, path, nil); !errors.Is(err, facematch.ErrCanceled) {
		t.Error(err)
	}
	_, err = gallery.Shard(ctx, []string{"postgresql://nowhere"}, nil)
	wants(t, err, facematch.ErrUnsupported, "")
}

func TestPanicInProgress(t *testing.T) {
	embedder, _ := fakeModels(t)
	gallery := newGallery(t, embedder)
	path := filepath.Join(t.TempDir(), "people.jsonl")
	func() {
		defer func() {
			if got := recover(); got != "stop" {
				t.Errorf("recovered %v", got)
			}
		}()
		_, _ = gallery.Export(context.Background(), path, &facematch.TransferOptions{Progress: func(int64, int64) { panic("stop") }})
	}()
	must(gallery.Add("anna", axis(0), nil)) // it is not left locked
}

func TestKeys(t *testing.T) {
	embedder, _ := fakeModels(t)
	path := filepath.Join(t.TempDir(), "sealed.fmg")
	key := bytes.Repeat([]byte{9}, facematch.KeySize)
	var answer error
	ask := &facematch.GalleryOptions{Key: &facematch.Key{Func: func() ([]byte, error) { return key, answer }}}
	gallery := must(facematch.OpenGallery(path, embedder, ask))
	if !must(gallery.Info()).Sealed {
		t.Error("the gallery is not sealed")
	}
	other := bytes.Repeat([]byte{8}, facematch.KeySize)
	if err := gallery.Rekey(&facematch.Key{Bytes: other}); err != nil {
		t.Error(err)
	}
	_ = gallery.Close()
	if _, err := facematch.OpenGallery(path, embedder, ask); !errors.Is(err, facematch.ErrPermission) {
		t.Error(err)
	}
	answer = errors.New("the key ring is locked")
	if _, err := facematch.OpenGallery(path, embedder, ask); !errors.Is(err, answer) || !errors.Is(err, facematch.ErrPermission) {
		t.Error(err)
	}
	answer, key = nil, key[:4]
	if _, err := facematch.OpenGallery(path, embedder, ask); !errors.Is(err, facematch.ErrInvalidArgument) {
		t.Error(err)
	}
}

func TestImages(t *testing.T) {
	_, session := fakeSession(t)
	picture := drawPicture(5, true)
	image := closing(t, must(facematch.FromImage(picture)))
	if back := must(image.Picture()); !bytes.Equal(back.Pix, picture.Pix) {
		t.Error("the pixels are others")
	}
	path := filepath.Join(t.TempDir(), "drawn.png")
	faces := must(session.Detect(image))
	marked := closing(t, must(image.Draw(faces)))
	if err := marked.Save(path); err != nil {
		t.Fatal(err)
	}
	loaded := closing(t, must(facematch.LoadImage(path, nil)))
	if !bytes.Equal(must(loaded.RGB()), must(marked.RGB())) || bytes.Equal(must(loaded.RGB()), must(image.RGB())) {
		t.Error("what was drawn is not what was saved")
	}
	_, err := facematch.LoadImage(path, &facematch.ImageOptions{MaxPixels: 100})
	wants(t, err, facematch.ErrLimit, "100")
	crop := closing(t, must(session.Align(image, &faces[0])))
	if info := must(crop.Info()); info.Width != 32 || info.Height != 32 {
		t.Error(info)
	}
	if q := must(session.Quality(image, &faces[0])); !(q.SizePx > 0) || math.IsNaN(float64(q.Quality)) {
		t.Errorf("the quality is %+v", q)
	}
}

// TestLog listens to what libtorch says of a damaged model.
func TestLog(t *testing.T) {
	needReal(t)
	damaged := must(os.ReadFile(filepath.Join(models, "default.pt")))
	damaged = bytes.ReplaceAll(damaged, []byte("__torch__"), []byte("__lost__!"))
	var told bytes.Buffer
	facematch.SetLogger(slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug})), slog.LevelDebug)
	defer facematch.SetLogger(nil, 0)
	for _, logged := range []bool{true, false} {
		if _, err := facematch.LoadModelBytes(damaged, nil); err == nil {
			t.Fatal("a damaged model was loaded")
		}
		if text := told.String(); logged != (strings.Contains(text, "level=DEBUG") && strings.Contains(text, "module=torch")) {
			t.Errorf("told %q", text)
		}
		told.Reset()
		facematch.SetLogger(nil, 0)
	}
}
