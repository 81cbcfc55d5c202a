package facematch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"libfacematch/facematch"
)

// number is one of C's, as its hexadecimal text. Two are the same when their bits are, or both are NaN.
type number string

func hex(value float64) number {
	if math.IsNaN(value) {
		return "nan"
	}
	return number(strconv.FormatUint(math.Float64bits(value), 16))
}

func (n *number) UnmarshalJSON(text []byte) error {
	var written string
	if err := json.Unmarshal(text, &written); err != nil {
		return err
	}
	value, err := strconv.ParseFloat(written, 64)
	*n = hex(value)
	return err
}

func hexes[T float32 | float64](values ...T) []number {
	if values == nil {
		return nil
	}
	out := make([]number, len(values))
	for i, value := range values {
		out[i] = hex(float64(value))
	}
	return out
}

// floats are numbers read back, as input.
type floats []float64

func (f *floats) UnmarshalJSON(text []byte) error {
	var written []string
	if err := json.Unmarshal(text, &written); err != nil {
		return err
	}
	*f = make(floats, len(written))
	for i, one := range written {
		value, err := strconv.ParseFloat(one, 64)
		if err != nil {
			return err
		}
		(*f)[i] = value
	}
	return nil
}

type expectedFace struct {
	Box, Points, Quality, Embedding []number
	Score                           number
}

type expectedPhoto struct {
	File          string
	Width, Height int
	Pixels        string `json:"pixels_fnv1a"`
	Gate          struct {
		Status       int32
		Reason       string
		Value, Limit number
	}
	Faces []expectedFace
}

type expectedVerification struct {
	A, B                  string
	Match                 int
	Score, Threshold, FMR number
	FMRLow                number `json:"fmr_low"`
	FMRHigh               number `json:"fmr_high"`
	ThresholdFMR          number `json:"threshold_fmr"`
	ThresholdFMRLow       number `json:"threshold_fmr_low"`
	ThresholdFMRHigh      number `json:"threshold_fmr_high"`
	ThresholdFNMR         number `json:"threshold_fnmr"`
}

type expectedMatch struct {
	ID         string
	Rank       int
	TemplateID int64 `json:"template_id"`
	Score, FMR number
}

type expectedAnswer struct {
	File           string
	Identities     int64
	FaceCount      int `json:"face_count"`
	Threshold, FMR number
	Matches        []expectedMatch
}

type expectedRate struct {
	Value, Low, High number
	Hits, Trials     int64
}

type expectedEvaluation struct {
	Scores               floats
	Genuine              []int
	First, Second, Folds []int32
	Pairs                struct {
		Folds         int
		Undecided     int64
		Accuracy, EER number
		AccuracySEM   number `json:"accuracy_sem"`
		EERThreshold  number `json:"eer_threshold"`
		Threshold     number
		FARs          floats
		TARs          []number
	}
	People       int
	EER          number
	EERLow       number `json:"eer_low"`
	EERHigh      number `json:"eer_high"`
	EERThreshold number `json:"eer_threshold"`
	At           struct {
		Threshold number
		FMR, FNMR expectedRate
	} `json:"at_fmr_0.01"`
	Curve       [][]number
	Calibration string
}

type expectedNumbers struct {
	Version string
	Models  struct {
		Embedder struct {
			File, ID    string
			Dim, Metric int
		}
		Detector struct{ File, ID string }
	}
	Photographs []expectedPhoto
	Batch       []struct {
		File      string
		Status    int
		Embedding []number
	}
	Verify   []expectedVerification
	Identify struct {
		Enrolled []struct{ ID, File string }
		Most     int
		Asked    []expectedAnswer
	}
	Evaluate expectedEvaluation
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: another answer than in C\n got %.300s\nwant %.300s", what, fmt.Sprint(got), fmt.Sprint(want))
	}
}

// readExpected reads what tests/parity/expected.c printed for this machine.
func readExpected(t *testing.T) expectedNumbers {
	t.Helper()
	needReal(t)
	text, err := os.ReadFile(fromEnv("FACEMATCH_EXPECTED", "../../build/expected.json"))
	if err != nil {
		t.Skipf("%v: set FACEMATCH_EXPECTED to what parity_expected prints", err)
	}
	var expected expectedNumbers
	if err := json.Unmarshal(text, &expected); err != nil {
		t.Fatal(err)
	}
	if len(expected.Photographs) == 0 || len(expected.Verify) == 0 || len(expected.Evaluate.Scores) == 0 {
		t.Fatal("the expected numbers are incomplete")
	}
	return expected
}

func TestParityOfPhotographs(t *testing.T) {
	expected := readExpected(t)
	embedder, detector := realModels(t)
	session := closing(t, must(facematch.NewSession(embedder, &facematch.SessionOptions{Detector: detector})))
	info := must(embedder.Info())
	same(t, "version", facematch.Version(), expected.Version)
	same(t, "ids", []string{info.ID, must(detector.Info()).ID}, []string{expected.Models.Embedder.ID, expected.Models.Detector.ID})
	same(t, "dim and metric", []int{info.Dim, int(info.Metric)}, []int{expected.Models.Embedder.Dim, expected.Models.Embedder.Metric})
	pictures, byName := []*facematch.Image{}, map[string]*facematch.Image{}
	for _, want := range expected.Photographs {
		picture := photo(t, want.File)
		pictures, byName[want.File] = append(pictures, picture), picture
		same(t, want.File, describePhoto(t, session, picture, want.File), want)
	}
	rows := must(session.EmbedBatch(context.Background(), pictures))
	vectors := map[string][]float32{}
	for i, want := range expected.Batch {
		same(t, "batch "+want.File, hexes(rows[i]...), want.Embedding)
		vectors[want.File] = rows[i]
	}
	for _, want := range expected.Verify {
		v := must(session.Verify(byName[want.A], byName[want.B], nil))
		same(t, "verify", verified(v, want.A, want.B), want)
		same(t, "verify embeddings", verified(must(embedder.Verify(vectors[want.A], vectors[want.B], nil)), want.A, want.B).Match, want.Match)
	}
	gallery := closing(t, must(facematch.OpenGallery(filepath.Join(t.TempDir(), "people.fmg"), embedder, nil)))
	for _, person := range expected.Identify.Enrolled {
		must(gallery.Add(person.ID, vectors[person.File], nil))
	}
	for _, want := range expected.Identify.Asked {
		found := must(gallery.Identify(session, byName[want.File], &facematch.IdentifyOptions{Most: expected.Identify.Most}))
		same(t, "identify", answered(found, want.File), want)
	}
}

func describePhoto(t *testing.T, session *facematch.Session, picture *facematch.Image, name string) expectedPhoto {
	t.Helper()
	info, hash := must(picture.Info()), fnv.New64a()
	_, _ = hash.Write(must(picture.RGB()))
	got := expectedPhoto{File: name, Width: info.Width, Height: info.Height, Pixels: fmt.Sprintf("%016x", hash.Sum64()),
		Faces: []expectedFace{}}
	report, err := session.Check(picture, nil)
	if err != nil {
		got.Gate.Status = int32(err.(*facematch.Error).Status)
	}
	got.Gate.Reason = report.Reason.String()
	got.Gate.Value, got.Gate.Limit = hex(float64(report.Value)), hex(float64(report.Limit))
	for _, face := range must(session.Detect(picture)) {
		q := must(session.Quality(picture, &face))
		var points []float32
		for _, point := range face.Points {
			points = append(points, point.X, point.Y)
		}
		got.Faces = append(got.Faces, expectedFace{
			Box: hexes(face.X, face.Y, face.Width, face.Height), Points: hexes(points...), Score: hex(float64(face.Score)),
			Quality: hexes(q.Quality, q.SizePx, q.EyeDistancePx, q.Score, q.Sharpness, q.Brightness, q.Clipped, q.YawDeg,
				q.PitchDeg, q.RollDeg),
			Embedding: hexes(must(session.Embed(picture, &face)).Vector...),
		})
	}
	return got
}

func verified(v facematch.Verification, a, b string) expectedVerification {
	match := 0
	if v.Match {
		match = 1
	}
	return expectedVerification{
		A: a, B: b, Match: match, Score: hex(float64(v.Score)), Threshold: hex(float64(v.Threshold)), FMR: hex(v.FMR),
		FMRLow: hex(v.FMRLow), FMRHigh: hex(v.FMRHigh), ThresholdFMR: hex(v.ThresholdFMR),
		ThresholdFMRLow: hex(v.ThresholdFMRLow), ThresholdFMRHigh: hex(v.ThresholdFMRHigh), ThresholdFNMR: hex(v.ThresholdFNMR),
	}
}

func answered(found facematch.Identification, name string) expectedAnswer {
	got := expectedAnswer{File: name, Identities: found.Identities, FaceCount: found.Faces,
		Threshold: hex(float64(found.Threshold)), FMR: hex(found.FMR), Matches: []expectedMatch{}}
	for _, m := range found.Matches {
		got.Matches = append(got.Matches, expectedMatch{m.ID, m.Rank, m.TemplateID, hex(float64(m.Score)), hex(m.FMR)})
	}
	return got
}

func rated(r facematch.Rate) expectedRate {
	return expectedRate{hex(r.Value), hex(r.Low), hex(r.High), r.Hits, r.Trials}
}

func TestParityOfEvaluation(t *testing.T) {
	want := readExpected(t).Evaluate
	given := facematch.Comparisons{First: want.First, Second: want.Second}
	for i, score := range want.Scores {
		given.Scores = append(given.Scores, float32(score))
		given.Genuine = append(given.Genuine, want.Genuine[i] == 1)
	}
	got := expectedEvaluation{Scores: want.Scores, Genuine: want.Genuine, First: want.First, Second: want.Second, Folds: want.Folds}
	pairs := must(facematch.EvaluatePairs(given.Scores, given.Genuine, want.Folds, want.Pairs.FARs))
	p := &got.Pairs
	p.Folds, p.Undecided, p.Accuracy, p.AccuracySEM = pairs.Folds, pairs.Undecided, hex(pairs.Accuracy), hex(pairs.AccuracySEM)
	p.EER, p.EERThreshold, p.Threshold = hex(pairs.EER), hex(pairs.EERThreshold), hex(pairs.Threshold)
	p.FARs, p.TARs = want.Pairs.FARs, hexes(pairs.TARs...)
	evaluation := closing(t, must(facematch.NewEvaluation(nil)))
	if err := evaluation.Add(given); err != nil {
		t.Fatal(err)
	}
	report, point := must(evaluation.Report()), must(evaluation.AtFMR(0.01))
	got.People, got.EER, got.EERLow, got.EERHigh = report.People, hex(report.EER), hex(report.EERLow), hex(report.EERHigh)
	got.EERThreshold = hex(report.EERThreshold)
	got.At.Threshold, got.At.FMR, got.At.FNMR = hex(float64(point.Threshold)), rated(point.FMR), rated(point.FNMR)
	same(t, "at its threshold", must(evaluation.AtThreshold(point.Threshold)), point)
	for _, p := range must(evaluation.Curve(32)) {
		got.Curve = append(got.Curve, hexes(p.FMR, p.FNMR, float64(p.Threshold)))
	}
	got.Calibration = must(evaluation.Calibrate(0, ""))
	got.Scores, want.Scores = nil, nil // one is NaN
	got.Pairs.FARs, want.Pairs.FARs = nil, nil
	same(t, "evaluation", got, want)
	genuine, impostor, err := evaluation.Histogram(-1, 2, 10)
	sum := int64(0)
	for i := range genuine {
		sum += genuine[i] + impostor[i]
	}
	if err != nil || sum != 2999 {
		t.Error(sum, err)
	}
}
