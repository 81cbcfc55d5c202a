package facematch_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"libfacematch/facematch"
)

func newTrainer(t *testing.T, change func(*facematch.TrainerOptions)) *facematch.Trainer {
	t.Helper()
	embedder, detector := fakeModels(t)
	options := facematch.TrainerOptions{Detector: detector, PeoplePerBatch: 4, PhotographsPerPerson: 2, Epochs: 2, Seed: 7,
		Fresh: true}
	if change != nil {
		change(&options)
	}
	return closing(t, must(facematch.NewTrainer(embedder, &options)))
}

// addPeople adds six people, two of whom are left out, each at three places of their picture.
func addPeople(t *testing.T, trainer *facematch.Trainer) {
	t.Helper()
	for person := range 6 {
		role := facematch.RoleTrain
		if person >= 4 {
			role = facematch.RoleValidation
		}
		for i := range 3 {
			picture := drawPicture(uint64(person), false)
			square := image.Rect(100+10*i, 80, 180+10*i, 160)
			draw.Draw(picture, square, drawPicture(0, true), image.Pt(120, 80), draw.Src)
			shown := must(facematch.FromImage(picture))
			if err := trainer.Add(shown, fmt.Sprintf("p%d", person), fmt.Sprintf("p%d/%d", person, i), role); err != nil {
				t.Fatal(err)
			}
			_ = shown.Close()
		}
	}
}

func TestTraining(t *testing.T) {
	trainer := newTrainer(t, nil)
	addPeople(t, trainer)
	var steps []facematch.TrainingStep
	epochs := 0
	for stats, err := range trainer.Run(context.Background(), func(s facematch.TrainingStep) { steps = append(steps, s) }) {
		if epochs++; err != nil || stats.Epoch != epochs || stats != must(trainer.Stats()) { // the body may use it
			t.Fatal(stats, err)
		}
	}
	last := must(trainer.Stats())
	if epochs != 2 || !last.Finished || last.People != 4 || last.Photographs != 12 || last.ValidationPeople != 2 ||
		last.ValidationPhotographs != 6 || !(last.BestEER <= last.FirstEER) || !(last.Loss >= 0) {
		t.Errorf("after %d epochs: %+v", epochs, last)
	}
	if end := steps[len(steps)-1]; len(steps) != 2*last.Steps || end.Step != end.Steps || end.Epoch != 2 || end.Epochs != 2 {
		t.Errorf("%d steps, the last %+v", len(steps), end)
	}
	path := filepath.Join(t.TempDir(), "mine.pt")
	if err := trainer.Save(path, &facematch.SaveOptions{Name: "mine", License: "none"}); err != nil {
		t.Fatal(err)
	}
	wants(t, trainer.Save(path, nil), facematch.ErrExists, "mine.pt")
	if err := trainer.Save(path, &facematch.SaveOptions{Overwrite: true, Name: "mine", License: "none"}); err != nil {
		t.Error(err)
	}
	model := closing(t, must(facematch.LoadModel(path, nil)))
	if info := must(model.Info()); info.Name != "mine" || info.License != "none" || info.Dim != fakeDim {
		t.Errorf("the model is %+v", info)
	}
}

func TestTrainingGoesOn(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "run.ckpt")
	whole, first, second := newTrainer(t, nil), newTrainer(t, nil), newTrainer(t, nil)
	for _, trainer := range []*facematch.Trainer{whole, first, second} {
		addPeople(t, trainer)
	}
	for range whole.Run(ctx, nil) {
	}
	for range first.Run(ctx, nil) {
		break
	}
	if err := first.Checkpoint(path); err != nil {
		t.Fatal(err)
	}
	if err := second.Resume(path); err != nil {
		t.Fatal(err)
	}
	if resumed, want := must(second.Epoch(ctx, nil)), must(whole.Stats()); resumed != want {
		t.Errorf("resumed %+v, in one go %+v", resumed, want)
	}
	wants(t, failure(second.Epoch(ctx, nil)), facematch.ErrState, "")
}

func TestTrainingIsEnded(t *testing.T) {
	trainer := newTrainer(t, nil)
	addPeople(t, trainer)
	ctx, cancel := context.WithCancel(context.Background())
	told := 0
	_, err := trainer.Epoch(ctx, func(facematch.TrainingStep) {
		told++
		cancel()
	})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, facematch.ErrCanceled) || told != 1 {
		t.Error(err, told)
	}
	for _, err := range trainer.Run(ctx, nil) {
		if !errors.Is(err, context.Canceled) || !errors.Is(err, facematch.ErrCanceled) {
			t.Error(err)
		}
	}
	func() {
		defer func() {
			if got := recover(); got != "stop" {
				t.Errorf("recovered %v", got)
			}
		}()
		_, _ = trainer.Epoch(context.Background(), func(facematch.TrainingStep) { panic("stop") })
	}()
	untouched := newTrainer(t, nil)
	addPeople(t, untouched)
	if after, want := must(trainer.Epoch(context.Background(), nil)), must(untouched.Epoch(context.Background(), nil)); after != want {
		t.Errorf("after it was ended %+v, else %+v", after, want)
	}
}

func TestTrainingLiveness(t *testing.T) {
	_, detector := fakeModels(t)
	judge := closing(t, must(facematch.LoadModelBytes(fakeBytes(livenessManifest), nil)))
	trainer := closing(t, must(facematch.NewTrainer(judge, &facematch.TrainerOptions{Detector: detector, Epochs: 2, Seed: 7,
		Freeze: []string{"all"}, Optimizer: facematch.OptimizerSGD, LearningRate: 1e-6})))
	for person := range 4 {
		for i, blue := range []uint8{250, 30} {
			role, shows := facematch.RoleTrain, facematch.FrameLive
			if person >= 2 {
				role = facematch.RoleValidation
			}
			if i == 1 {
				shows = facematch.FrameAttack
			}
			if err := trainer.AddFrame(frame(t, blue), shows, fmt.Sprintf("p%d", person), "", role); err != nil {
				t.Fatal(err)
			}
		}
	}
	wants(t, trainer.AddFrame(frame(t, 0), 99, "p0", "", facematch.RoleTrain), facematch.ErrInvalidArgument, "99")
	wants(t, trainer.AddFrame(drawn(t, 1, false), 0, "p0", "", facematch.RoleTrain), facematch.ErrNotFound, "face")
	wants(t, trainer.Add(frame(t, 0), "p0", "", facematch.RoleTrain), facematch.ErrInvalidArgument, "")
	for stats, err := range trainer.Run(context.Background(), nil) {
		if err != nil || !(stats.ValidationLoss > 0 && stats.FirstValidationLoss > 0) || stats.Photographs != 4 {
			t.Fatal(stats, err)
		}
	}
	strict := closing(t, must(facematch.NewTrainer(judge, &facematch.TrainerOptions{Detector: detector,
		Limits: &facematch.LivenessOptions{MinSizePx: 200}})))
	wants(t, strict.AddFrame(frame(t, 0), facematch.FrameLive, "p0", "", facematch.RoleTrain), facematch.ErrRefused, "too_small")
	path := filepath.Join(t.TempDir(), "mine.pt")
	if err := trainer.Save(path, nil); err != nil {
		t.Fatal(err)
	}
	if info := must(closing(t, must(facematch.LoadModel(path, nil))).Info()); info.Kind != facematch.LivenessModel {
		t.Errorf("the model is %+v", info)
	}
}

func TestFindings(t *testing.T) {
	var told []facematch.Finding
	hear := func(o *facematch.TrainerOptions) {
		o.OnFinding = func(f facematch.Finding) { told = append(told, f) }
	}
	trainer := newTrainer(t, hear)
	addPeople(t, trainer)
	if err := trainer.Add(drawn(t, 40, true), "lonely", "lonely.jpg", facematch.RoleTrain); err != nil {
		t.Fatal(err)
	}
	must(trainer.Epoch(context.Background(), nil))
	if len(told) == 0 || told[0].Kind != facematch.FindingSingle || told[0].Person != "lonely" || told[0].Fatal ||
		told[0].Message == "" {
		t.Errorf("found %+v", told)
	}
	suspects := must(must(newTrainerWithStranger(t)).Check(context.Background(), nil))
	if !slices.ContainsFunc(suspects, func(f facematch.Finding) bool {
		return f.Kind == facematch.FindingWrongLabel && f.Image == "stranger.jpg" && f.Person == "p0" && f.Other == "p1"
	}) {
		t.Errorf("suspects are %+v", suspects)
	}
	overlap := newTrainer(t, hear)
	addPeople(t, overlap)
	if err := overlap.Add(drawn(t, 40, true), "p0", "", facematch.RoleValidation); err != nil {
		t.Fatal(err)
	}
	_, err := overlap.Epoch(context.Background(), nil)
	if last := told[len(told)-1]; !errors.Is(err, facematch.ErrTraining) || last.Kind != facematch.FindingOverlap || !last.Fatal {
		t.Error(err, last)
	}
	panics := newTrainer(t, func(o *facematch.TrainerOptions) { o.OnFinding = func(facematch.Finding) { panic("heard") } })
	addPeople(t, panics)
	_ = panics.Add(drawn(t, 40, true), "lonely", "", facematch.RoleTrain)
	func() {
		defer func() {
			if got := recover(); got != "heard" {
				t.Errorf("recovered %v", got)
			}
		}()
		_, _ = panics.Epoch(context.Background(), nil)
	}()
	must(panics.Stats()) // it is not left locked
}

// newTrainerWithStranger has a photograph of p1 among those of p0.
func newTrainerWithStranger(t *testing.T) (*facematch.Trainer, error) {
	trainer := newTrainer(t, func(o *facematch.TrainerOptions) { o.Fresh = false })
	addPeople(t, trainer)
	return trainer, trainer.Add(drawn(t, 1, true), "p0", "stranger.jpg", facematch.RoleTrain)
}

func TestCheckIsFollowedAndEnded(t *testing.T) {
	trainer := must(newTrainerWithStranger(t))
	var last, most int64
	suspects := len(must(trainer.Check(context.Background(), func(done, total int64) { last, most = done, total })))
	if last != most || most == 0 {
		t.Errorf("ended at %d of %d", last, most)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err := trainer.Check(ctx, func(done, total int64) { cancel() })
	if !errors.Is(err, facematch.ErrCanceled) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	wants(t, failure(trainer.Check(ctx, nil)), facematch.ErrCanceled, "")
	func() {
		defer func() {
			if got := recover(); got != "checked" {
				t.Errorf("recovered %v", got)
			}
		}()
		_, _ = trainer.Check(context.Background(), func(int64, int64) { panic("checked") })
	}()
	if again := must(trainer.Check(context.Background(), nil)); len(again) != suspects || suspects == 0 {
		t.Errorf("%d suspects, then %d", suspects, len(again))
	}
}

func TestTrainerOptions(t *testing.T) {
	embedder, detector := fakeModels(t)
	for name, options := range map[string]facematch.TrainerOptions{
		"margin": {Margin: -1}, "loss": {Loss: 99}, "epochs": {Epochs: 1 << 40}, "nothing": {Freeze: []string{"nothing"}},
		"NUL": {Freeze: []string{"a\x00b"}}, "flip": {Augmentation: facematch.Augmentation{Flip: 2}},
		"threads": {Threads: 9999},
	} {
		wants(t, failure(facematch.NewTrainer(embedder, &options)), facematch.ErrInvalidArgument, name)
	}
	wants(t, failure(facematch.NewTrainer(detector, nil)), facematch.ErrInvalidArgument, "")
	wants(t, failure(facematch.NewTrainer(nil, nil)), facematch.ErrInvalidArgument, "NULL")
	trainer := newTrainer(t, nil)
	wants(t, trainer.Add(drawn(t, 1, false), "anna", "", facematch.RoleTrain), facematch.ErrNotFound, "face")
	wants(t, trainer.Add(nil, "anna", "", facematch.RoleTrain), facematch.ErrInvalidArgument, "NULL")
	wants(t, failure(trainer.Epoch(context.Background(), nil)), facematch.ErrState, "")
	wants(t, failure((&facematch.Trainer{}).Epoch(context.Background(), nil)), facematch.ErrInvalidArgument, "NULL")
	wants(t, failure((*facematch.Trainer)(nil).Check(context.Background(), nil)), facematch.ErrInvalidArgument, "NULL")
}

// TestForgottenTrainers leaves closing them to the garbage collector: what hears their findings must not keep them.
func TestForgottenTrainers(t *testing.T) {
	embedder, _ := fakeModels(t)
	gone := make(chan bool, 1)
	func() {
		trainer := must(facematch.NewTrainer(embedder, &facematch.TrainerOptions{Aligned: true, Fresh: true,
			OnFinding: func(facematch.Finding) {}}))
		runtime.AddCleanup(trainer, func(int) { gone <- true }, 0)
	}()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-time.After(time.Millisecond): // cleanups have a goroutine of their own
		}
	}
	t.Error("the trainer is kept")
}
