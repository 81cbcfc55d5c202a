package facematch_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"libfacematch/facematch"
)

// members are those of a struct of C that the expected numbers tell, by their names.
type members map[string]any

var newWord = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z]+)([A-Z][a-z])`)

// nameInC is that of a field: SpoofThreshold is spoof_threshold.
func nameInC(name string) string {
	if name == "Faces" {
		return "face_count"
	}
	return strings.ToLower(newWord.ReplaceAllString(name, "${1}${3}_${2}${4}"))
}

// membersOf tells a struct in the way of the JSON: flags as numbers, floats by their bits.
func membersOf(value any) members {
	out, fields := members{}, reflect.ValueOf(value)
	for i := range fields.NumField() {
		name, field := nameInC(fields.Type().Field(i).Name), fields.Field(i)
		switch {
		case field.Kind() == reflect.Bool:
			out[name] = 0.0
			if field.Bool() {
				out[name] = 1.0
			}
		case field.CanInt():
			out[name] = float64(field.Int())
		case field.CanFloat():
			out[name] = hex(field.Float())
		}
	}
	return out
}

// sameMembers compares all that is expected.
func sameMembers(t *testing.T, what string, got any, want map[string]any) {
	t.Helper()
	told := membersOf(got)
	for name, value := range want {
		if text, ok := value.(string); ok {
			var n number
			if err := n.UnmarshalJSON(must(json.Marshal(text))); err != nil {
				t.Fatal(err)
			}
			value = n
		}
		if told[name] != value {
			t.Errorf("%s: %s is %v, in C %v", what, name, told[name], value)
		}
	}
}

type expectedFrame struct {
	File   string
	Result map[string]any
}

type expectedLiveness struct {
	Model                   struct{ File, ID string }
	Frames, Batch, Sequence []expectedFrame
	Verify, Fusion          map[string]any
}

type expectedTraining struct {
	File    string
	Options struct {
		PeoplePerBatch       int `json:"people_per_batch"`
		PhotographsPerPerson int `json:"photographs_per_person"`
		Epochs               int
		StepsPerEpoch        int `json:"steps_per_epoch"`
		Seed                 uint64
		LearningRate         string `json:"learning_rate"`
		Freeze               []string
	}
	Augmentation struct{ Flip, Shift string }
	Photographs  []struct{ File, Person string }
	Run          []map[string]any
	Saved        struct {
		File, ID  string
		Embedding []number
	}
}

func (frame expectedFrame) check(t *testing.T, what string, got *facematch.LivenessResult) {
	t.Helper()
	if (got == nil) != (frame.Result == nil) {
		t.Errorf("%s of %s: %v, in C %v", what, frame.File, got, frame.Result)
	}
	if got == nil || frame.Result == nil {
		return
	}
	var box []number
	if err := json.Unmarshal(must(json.Marshal(frame.Result["box"])), &box); err != nil {
		t.Fatal(err)
	}
	same(t, what+" of "+frame.File, hexes(got.Face.X, got.Face.Y, got.Face.Width, got.Face.Height), box)
	want := map[string]any{}
	for name, value := range frame.Result {
		if name != "box" {
			want[name] = value
		}
	}
	sameMembers(t, what+" of "+frame.File, *got, want)
}

func readFurther[T any](t *testing.T, key string) T {
	t.Helper()
	readExpected(t) // or skips
	var all map[string]json.RawMessage
	if err := json.Unmarshal(must(os.ReadFile(fromEnv("FACEMATCH_EXPECTED", "../../build/expected.json"))), &all); err != nil {
		t.Fatal(err)
	}
	var told *T
	if err := json.Unmarshal(all[key], &told); err != nil {
		t.Fatal(key, err)
	}
	if told == nil {
		t.Skip("the expected numbers are without " + key)
	}
	return *told
}

func TestParityOfLiveness(t *testing.T) {
	told := readFurther[expectedLiveness](t, "liveness")
	embedder, detector := realModels(t)
	judge := closing(t, must(facematch.LoadModel(filepath.Join(models, told.Model.File), nil)))
	same(t, "id", must(judge.Info()).ID, told.Model.ID)
	session := closing(t, must(facematch.NewSession(embedder, &facematch.SessionOptions{Detector: detector, Liveness: judge})))
	for _, frame := range told.Frames {
		got, err := session.Liveness(photo(t, frame.File), nil, nil)
		if errors.Is(err, facematch.ErrNotFound) {
			frame.check(t, "frame", nil)
		} else {
			frame.check(t, "frame", &got)
		}
	}
	var photographs []*facematch.Image
	for _, frame := range told.Batch {
		photographs = append(photographs, photo(t, frame.File))
	}
	for i, got := range must(session.LivenessBatch(context.Background(), photographs, nil, nil)) {
		told.Batch[i].check(t, "batch", got)
	}
	v := must(session.Verify(photo(t, "obama.jpg"), photo(t, "obama2.jpg"), &facematch.VerifyOptions{Liveness: facematch.LivenessReport}))
	sameMembers(t, "verify", v.Liveness, told.Verify)
	attempt := closing(t, must(facematch.NewLivenessSequence(session, nil)))
	for _, frame := range told.Sequence {
		got := must(attempt.Add(session, photo(t, frame.File), nil))
		frame.check(t, "sequence", &got)
	}
	sameMembers(t, "fusion", must(attempt.Result()), told.Fusion)
}

// valueOf is a number of C's as a value.
func valueOf(t *testing.T, text string) float32 {
	t.Helper()
	var one floats
	if err := json.Unmarshal(must(json.Marshal([]string{text})), &one); err != nil {
		t.Fatal(err)
	}
	return float32(one[0])
}

func TestParityOfTraining(t *testing.T) {
	told := readFurther[expectedTraining](t, "training")
	_, detector := realModels(t)
	model := closing(t, must(facematch.LoadModel(filepath.Join(models, told.File), nil)))
	o := told.Options
	trainer := closing(t, must(facematch.NewTrainer(model, &facematch.TrainerOptions{
		PeoplePerBatch: o.PeoplePerBatch, PhotographsPerPerson: o.PhotographsPerPerson, Epochs: o.Epochs,
		StepsPerEpoch: o.StepsPerEpoch, Seed: o.Seed, LearningRate: valueOf(t, o.LearningRate), Freeze: o.Freeze, Detector: detector,
		Augmentation: facematch.Augmentation{Flip: valueOf(t, told.Augmentation.Flip), Shift: valueOf(t, told.Augmentation.Shift)},
	})))
	for _, shown := range told.Photographs {
		if err := trainer.Add(photo(t, shown.File), shown.Person, "", facematch.RoleTrain); err != nil {
			t.Fatal(err)
		}
	}
	var run []any
	for stats, err := range trainer.Run(context.Background(), func(s facematch.TrainingStep) { run = append(run, s) }) {
		if err != nil {
			t.Fatal(err)
		}
		run = append(run, stats)
	}
	if len(run) != len(told.Run) || len(run) == 0 {
		t.Fatalf("%d steps and epochs, in C %d", len(run), len(told.Run))
	}
	for i, want := range told.Run {
		sameMembers(t, "training", run[i], want)
	}
	path := filepath.Join(t.TempDir(), told.Saved.File)
	if err := trainer.Save(path, nil); err != nil {
		t.Fatal(err)
	}
	saved := closing(t, must(facematch.LoadModel(path, nil)))
	same(t, "the saved id", must(saved.Info()).ID, told.Saved.ID)
	session := closing(t, must(facematch.NewSession(saved, &facematch.SessionOptions{Detector: detector})))
	same(t, "the saved model's embedding", hexes(must(session.Embed(photo(t, "obama.jpg"), nil)).Vector...), told.Saved.Embedding)
}
