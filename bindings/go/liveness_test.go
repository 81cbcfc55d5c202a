package facematch_test

import (
	"context"
	"errors"
	"image/color"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"libfacematch/facematch"
)

// What has much blue around the face is live.
var livenessManifest = object{
	"format": 1, "name": "blue", "source": "test", "license": "Apache-2.0", "training_data": "none", "kind": "liveness",
	"input": object{"width": 40, "height": 40, "order": "BGR", "mean": []int{0, 0, 0}, "std": []int{1, 1, 1}},
	"liveness": object{"classes": 3, "live": 1, "output": "logits",
		"nets": []object{{"part": "near", "scale": 2}, {"part": "far", "scale": 3}}},
	"calibration": object{"dataset": "drawn", "attacks": 1000, "live": 1000, "points": []object{
		{"score": 0, "apcer": 1, "bpcer": 0}, {"score": 0.3, "apcer": 0.2, "bpcer": 0.05},
		{"score": 0.6, "apcer": 0.05, "bpcer": 0.2}, {"score": 0.9, "apcer": 0, "bpcer": 0.4}}},
}

func livenessSession(t *testing.T) (*facematch.Model, *facematch.Session) {
	t.Helper()
	embedder, detector := fakeModels(t)
	judge := must(facematch.LoadModelBytes(fakeBytes(livenessManifest), nil))
	session := must(facematch.NewSession(embedder, &facematch.SessionOptions{Detector: detector, Liveness: judge}))
	if kind := must(judge.Info()).Kind; kind != facematch.LivenessModel || judge.Close() != nil {
		t.Error(kind)
	}
	return embedder, closing(t, session)
}

// frame is a person before a wall of so much blue.
func frame(t *testing.T, blue uint8) *facematch.Image {
	t.Helper()
	picture := drawPicture(1, true)
	for y := range 240 {
		for x := range 320 {
			if at := picture.RGBAAt(x, y); at.R == 0 {
				picture.SetRGBA(x, y, color.RGBA{0, at.G / 4, blue, 255})
			}
		}
	}
	return closing(t, must(facematch.FromImage(picture)))
}

func TestLiveness(t *testing.T) {
	_, session := livenessSession(t)
	live, spoof := must(session.Liveness(frame(t, 255), nil, nil)), must(session.Liveness(frame(t, 0), nil, nil))
	if live.Verdict != facematch.LivenessLive || live.Verdict.String() != "live" || live.Faces != 1 ||
		live.Reason != facematch.LivenessReasonNone || live.Score < live.LiveThreshold || live.Face.Width <= 0 {
		t.Errorf("a live face gives %+v", live)
	}
	if spoof.Verdict != facematch.LivenessSpoof || spoof.Score >= spoof.SpoofThreshold || spoof.BPCER > 0.05 {
		t.Errorf("an attack gives %+v", spoof)
	}
	given := must(session.Liveness(frame(t, 255), &live.Face, &facematch.LivenessOptions{MinSizePx: 200}))
	if given.Verdict != facematch.LivenessUncertain || given.Reason != facematch.LivenessReasonTooSmall ||
		given.Reason.String() != "too_small" || given.Limit != 200 || given.Value != live.Face.Width || given.Faces != 0 {
		t.Errorf("a small face gives %+v", given)
	}
	wants(t, failure(session.Liveness(frame(t, 255), nil, &facematch.LivenessOptions{APCER: 2})), facematch.ErrInvalidArgument,
		"2")
	between := must(session.Liveness(frame(t, 255), nil, &facematch.LivenessOptions{UseScores: true, LiveScore: 1}))
	if between.Reason != facematch.LivenessReasonBetween || between.LiveThreshold != 1 || between.SpoofThreshold != 0 {
		t.Errorf("between the scores it is %+v", between)
	}
}

func TestLivenessBatch(t *testing.T) {
	_, session := livenessSession(t)
	ctx, pictures := context.Background(), []*facematch.Image{frame(t, 255), drawn(t, 1, false), frame(t, 0)}
	live, spoof := must(session.Liveness(pictures[0], nil, nil)), must(session.Liveness(pictures[2], nil, nil))
	alone := []*facematch.LivenessResult{&live, nil, &spoof}
	given := make([]*facematch.LivenessResult, 3)
	for i := range given {
		one := must(session.Liveness(pictures[i], &live.Face, nil))
		given[i] = &one
	}
	for i, result := range must(session.LivenessBatch(ctx, pictures, nil, nil)) {
		if !reflect.DeepEqual(result, alone[i]) {
			t.Fatalf("frame %d gives %+v, alone %+v", i, result, alone[i])
		}
	}
	for len(pictures) < 130 { // more than one batch
		pictures = append(pictures, pictures[len(pictures)%3])
	}
	faces := slices.Repeat([]facematch.Face{live.Face}, len(pictures))
	for i, result := range must(session.LivenessBatch(ctx, pictures, faces, nil)) {
		if !reflect.DeepEqual(result, given[i%3]) {
			t.Fatalf("face %d gives %+v, alone %+v", i, result, given[i%3])
		}
	}
	ended := &fewTimes{Context: ctx, left: 1}
	if _, err := session.LivenessBatch(ended, pictures, nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	wants(t, failure(session.LivenessBatch(ctx, pictures, faces[:1], nil)), facematch.ErrInvalidArgument, "130 frames")
}

func TestDecisionsRequireLiveness(t *testing.T) {
	embedder, session := livenessSession(t)
	live, spoof := frame(t, 255), frame(t, 0)
	gallery := newGallery(t, embedder)
	const require = facematch.LivenessRequire
	if v := must(session.Verify(live, live, nil)); v.Liveness.Verdict != facematch.LivenessNotChecked {
		t.Errorf("without a check: %+v", v)
	}
	reported := must(session.Verify(live, spoof, &facematch.VerifyOptions{Liveness: facematch.LivenessReport}))
	if reported.Liveness.Verdict != facematch.LivenessSpoof || reported.Score != must(session.Verify(live, spoof, nil)).Score {
		t.Errorf("reported is %+v", reported)
	}
	enrolled := must(gallery.Enroll(session, "anna", live, &facematch.EnrollOptions{Liveness: require}))
	known := must(gallery.Identify(session, live, &facematch.IdentifyOptions{Liveness: require}))
	if enrolled.Liveness.Verdict != facematch.LivenessLive || known.Liveness != enrolled.Liveness ||
		known.Matches[0].ID != "anna" {
		t.Errorf("enrolled %+v, identified %+v", enrolled, known)
	}
	v1, err1 := session.Verify(live, spoof, &facematch.VerifyOptions{Liveness: require})
	v2, err2 := gallery.Verify(session, "anna", spoof, &facematch.VerifyOptions{Liveness: require})
	found, err3 := gallery.Identify(session, spoof, &facematch.IdentifyOptions{Liveness: require})
	refused, err4 := gallery.Enroll(session, "bert", spoof, &facematch.EnrollOptions{Liveness: require,
		Gate: &facematch.Gate{Off: true}})
	for i, told := range []facematch.LivenessSummary{v1.Liveness, v2.Liveness, found.Liveness, refused.Liveness} {
		wants(t, []error{err1, err2, err3, err4}[i], facematch.ErrNotLive, "")
		if told.Verdict != facematch.LivenessSpoof || told.Score >= 0.5 {
			t.Errorf("decision %d tells %+v", i, told)
		}
	}
	if found.Matches == nil || len(found.Matches) > 0 || found.Faces != 1 {
		t.Errorf("identified %+v", found)
	}
	limits := &facematch.LivenessOptions{MinSizePx: 200}
	v, err := session.Verify(live, live, &facematch.VerifyOptions{Liveness: require, Limits: limits})
	wants(t, err, facematch.ErrNotLive, "")
	if v.Liveness.Reason != facematch.LivenessReasonTooSmall {
		t.Errorf("with a limit: %+v", v)
	}
}

func TestLivenessSequence(t *testing.T) {
	_, session := livenessSession(t)
	attempt := closing(t, must(facematch.NewLivenessSequence(session, &facematch.SequenceOptions{
		MinFrames: 2, MaxFrames: 4, StillDifference: -1, SameScore: facematch.At(0.5)})))
	before := must(attempt.Result())
	if before.Reason != facematch.LivenessReasonTooFew || !math.IsNaN(float64(before.Score)) || before.Decided {
		t.Errorf("before the first frame: %+v", before)
	}
	wants(t, failure(attempt.Add(session, drawn(t, 1, false), nil)), facematch.ErrNotFound, "face")
	live := frame(t, 255)
	for result := before; !result.Decided; result = must(attempt.Result()) {
		if alone := must(attempt.Add(session, live, nil)); alone != must(session.Liveness(live, nil, nil)) {
			t.Fatalf("a frame says %+v", alone)
		}
	}
	fused := must(attempt.Result())
	if fused.Verdict != facematch.LivenessLive || fused.Used != fused.Frames || fused.Frames < 2 || fused.OtherFaces != 0 {
		t.Errorf("together: %+v", fused)
	}
	wants(t, failure(attempt.Add(session, live, nil)), facematch.ErrState, "")

	still := closing(t, must(facematch.NewLivenessSequence(session, nil)))
	must(still.Add(session, live, nil))
	must(still.Add(session, live, nil))
	if fused := must(still.Result()); fused.Stills != 1 || fused.Used != 1 {
		t.Errorf("with a still: %+v", fused)
	}
	together(t, func(int) error { // they take turns, with session and attempt alike
		if _, err := still.Add(session, live, nil); err != nil && !errors.Is(err, facematch.ErrState) {
			return err
		}
		return failure(still.Result())
	})
	if fused := must(still.Result()); fused.Frames != 10 || fused.Stills != 9 || !fused.Decided {
		t.Errorf("after ten frames: %+v", fused)
	}
}

func TestCalibrateLiveness(t *testing.T) {
	text := must(facematch.CalibrateLiveness([]float32{0.9, 0.8, 0.2, 0.1}, []int32{0, 0, 1, 2}, "drawn"))
	if !strings.Contains(text, `"dataset": "drawn"`) {
		t.Error(text)
	}
	_, _, err := facematch.LivenessThresholds(text, nil)
	wants(t, err, facematch.ErrLimit, "0.05")
	_, _, err = facematch.LivenessThresholds("{}", nil)
	wants(t, err, facematch.ErrCorrupt, "")
	scores, kinds := make([]float32, 100), make([]int32, 100) // live ones from 0.3 on, attacks up to 0.49
	for i := range scores {
		scores[i], kinds[i] = float32(i/2)/100+0.3*float32(1-i%2), int32(i%2)
	}
	text = must(facematch.CalibrateLiveness(scores, kinds, ""))
	live, spoof, err := facematch.LivenessThresholds(text, nil)
	if err != nil || !(0.45 < live && live < 0.5) || !(0.3 < spoof && spoof < 0.35) {
		t.Error(live, spoof, err)
	}
	wants(t, failure(facematch.CalibrateLiveness([]float32{0.9}, []int32{0}, "")), facematch.ErrState, "")
	wants(t, failure(facematch.CalibrateLiveness([]float32{0.9}, nil, "")), facematch.ErrInvalidArgument, "1 scores")
}

func TestLivenessReal(t *testing.T) {
	_, detector := realModels(t)
	judge, err := facematch.LoadModel(filepath.Join(models, "minifasnet.pt"), nil)
	if err != nil {
		t.Skip(err)
	}
	session := closing(t, must(facematch.NewSession(nil, &facematch.SessionOptions{Detector: detector, Liveness: closing(t, judge)})))
	picture := photo(t, "obama.jpg")
	one := must(session.Liveness(picture, nil, nil))
	if many := must(session.LivenessBatch(context.Background(), []*facematch.Image{picture}, nil, nil)); !reflect.DeepEqual(*many[0], one) {
		t.Errorf("in a batch %+v, alone %+v", *many[0], one)
	}
	if one.Verdict == facematch.LivenessNotChecked || !(one.Score >= 0 && one.Score <= 1) {
		t.Errorf("%+v", one)
	}
}
