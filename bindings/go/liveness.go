package facematch

/*
#include <facematch/facematch.h>
*/
import "C"

import (
	"context"
	"unsafe"
)

// MostLivenessFrames is how many frames one attempt may have.
const MostLivenessFrames = C.FM_LIMIT_LIVENESS_FRAMES

// LivenessOptions is where the lines are drawn. In Min... a negative number switches the check off.
type LivenessOptions struct {
	APCER, BPCER          float64 // shares of attacks called live and of live faces called attacks; default 0.05
	UseScores             bool    // LiveScore and SpoofScore decide instead of the rates
	LiveScore, SpoofScore float32 // live from the one on, an attack below the other
	MinSizePx             float32 // shorter side of the face's box; default 50
	MinInside             float32 // share of the box that lies in the frame; default 0.9
	MinCrop               float32 // of what the net wants to see around the face; default 0.3
	MinSharpness          float32 // default 0.015
}

// LivenessResult is what was found in one frame.
type LivenessResult struct {
	Verdict                       LivenessVerdict
	Reason                        LivenessReason // none unless uncertain
	Score                         float32        // grows with liveness, 0..1
	APCER, BPCER                  float64        // at this score; NaN without a calibration
	LiveThreshold, SpoofThreshold float32
	Value, Limit                  float32 // what was measured for the reason, and what it was held against
	Quality                       float32 // of the face
	Faces                         int     // found in the frame; 0 when the face was given
	Face                          Face
}

// LivenessSummary is what a decision tells about liveness.
type LivenessSummary struct {
	Verdict LivenessVerdict
	Reason  LivenessReason
	Score   float32
}

func summaryOf(s *C.fm_liveness_summary) LivenessSummary {
	return LivenessSummary{LivenessVerdict(s.verdict), LivenessReason(s.reason), float32(s.score)}
}

// pinned is nil for nil.
func (o *LivenessOptions) pinned(s *scratch) *C.fm_liveness_options {
	if o == nil {
		return nil
	}
	c := pinned(s, new(C.fm_liveness_options))
	C.fm_liveness_options_init(c, C.sizeof_fm_liveness_options)
	c.use_thresholds, c.apcer, c.bpcer = flag(o.UseScores), C.double(o.APCER), C.double(o.BPCER)
	c.live_score, c.spoof_score = C.float(o.LiveScore), C.float(o.SpoofScore)
	c.min_size_px, c.min_inside = C.float(o.MinSizePx), C.float(o.MinInside)
	c.min_crop, c.min_sharpness = C.float(o.MinCrop), C.float(o.MinSharpness)
	return c
}

func noLiveness() C.fm_liveness_result {
	return C.fm_liveness_result{struct_size: C.sizeof_fm_liveness_result}
}

func livenessOf(r *C.fm_liveness_result) LivenessResult {
	return LivenessResult{
		Verdict: LivenessVerdict(r.verdict), Reason: LivenessReason(r.reason), Score: float32(r.score),
		APCER: float64(r.apcer), BPCER: float64(r.bpcer),
		LiveThreshold: float32(r.live_threshold), SpoofThreshold: float32(r.spoof_threshold),
		Value: float32(r.value), Limit: float32(r.limit), Quality: float32(r.quality),
		Faces: int(r.face_count), Face: faceOf(&r.face),
	}
}

// Liveness tells whether a face is live: not a print, nor a screen. The frame is whole, as the camera gave it, since what
// is around the face counts. A nil face is found and chosen by the session.
func (s *Session) Liveness(frame *Image, face *Face, options *LivenessOptions) (LivenessResult, error) {
	var given scratch
	defer given.done()
	end, err := s.begin(frame.handle())
	if err != nil {
		return LivenessResult{}, err
	}
	defer end()
	out, failure := noLiveness(), noError()
	status := C.fm_liveness(s.c(), frame.c(), face.c(), options.pinned(&given), &out, &failure)
	if err := answer(status, &failure); err != nil {
		return LivenessResult{}, err
	}
	return livenessOf(&out), nil
}

// LivenessBatch looks at one face of each of several frames. They are the faces given, or, for nil, chosen by the
// session: then the result of a frame without a face is nil. Each verdict is that of Liveness: for several frames of one
// attempt there is a LivenessSequence.
func (s *Session) LivenessBatch(ctx context.Context, frames []*Image, faces []Face, options *LivenessOptions) (
	[]*LivenessResult, error) {
	if faces != nil && len(faces) != len(frames) {
		return nil, refuse("%d frames and %d faces", len(frames), len(faces))
	}
	var given scratch
	defer given.done()
	limits, results := options.pinned(&given), make([]*LivenessResult, len(frames))
	err := s.inBatches(ctx, frames, func(from int, some []*C.fm_image) error {
		out, statuses, failure := make([]C.fm_liveness_result, len(some)), make([]C.fm_status, len(some)), noError()
		for i := range out {
			out[i] = noLiveness()
		}
		var meant *C.fm_face
		if faces != nil {
			meant = faces[from].c()
		}
		status := C.fm_liveness_batch(s.c(), &some[0], C.size_t(len(some)), meant, limits, &out[0],
			C.sizeof_fm_liveness_result, &statuses[0], &failure)
		for i := range some {
			if status == C.FM_OK && statuses[i] == C.FM_OK {
				result := livenessOf(&out[i])
				results[from+i] = &result
			}
		}
		return answer(status, &failure)
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// LivenessThresholds is what Liveness takes from a calibration, before that is in a model: live from the one on, an attack
// below the other. Of the options, APCER and BPCER count.
func LivenessThresholds(calibration string, options *LivenessOptions) (live, spoof float32, err error) {
	var s scratch
	defer s.done()
	if err := checkLibrary(); err != nil {
		return 0, 0, err
	}
	text, failure := s.text(calibration), noError()
	if s.err != nil {
		return 0, 0, s.err
	}
	var high, low C.float
	err = answer(C.fm_liveness_thresholds(text, options.pinned(&s), &high, &low, &failure), &failure)
	return float32(high), float32(low), err
}

// LivenessSequence is the frames of one person before one camera. It does one thing at a time.
type LivenessSequence struct{ own confined }

// SequenceOptions tells how frames become one verdict.
type SequenceOptions struct {
	MinFrames       int      // that count before there is a verdict; default 3
	MaxFrames       int      // after which there is one; default 10
	StillDifference float32  // two frames that differ no more are one picture shown again; default 0.5, negative: off
	SameFMR         float64  // of the match of each face with the first one; default 1e-3, negative: off
	SameScore       *float32 // if given, scores below this are another face, and SameFMR is ignored; see At
	Limits          *LivenessOptions
}

// LivenessFusion is what the frames of an attempt say together.
type LivenessFusion struct {
	Verdict                       LivenessVerdict // uncertain until it is decided
	Reason                        LivenessReason
	Score                         float32 // NaN while no frame counts
	APCER, BPCER                  float64 // of single frames with such a score
	LiveThreshold, SpoofThreshold float32
	Decided                       bool // the verdict is final, and no further frame is taken
	Frames                        int  // that were added and had a face
	Used                          int  // that count
	Unusable, Stills, OtherFaces  int  // that do not, and why
}

func (o *SequenceOptions) c(s *scratch) *C.fm_liveness_sequence_options {
	c := pinned(s, new(C.fm_liveness_sequence_options))
	C.fm_liveness_sequence_options_init(c, C.sizeof_fm_liveness_sequence_options)
	if o == nil {
		return c
	}
	c.min_frames, c.max_frames = s.number(o.MinFrames, "min_frames"), s.number(o.MaxFrames, "max_frames")
	c.still_difference, c.same_fmr = C.float(o.StillDifference), C.double(o.SameFMR)
	if o.SameScore != nil {
		c.use_same_score, c.same_score = 1, C.float(*o.SameScore)
	}
	c.liveness = o.Limits.pinned(s)
	return c
}

// NewLivenessSequence begins an attempt with the models of the session, which may be closed.
func NewLivenessSequence(session *Session, options *SequenceOptions) (*LivenessSequence, error) {
	var s scratch
	defer s.done()
	end, err := session.begin()
	if err != nil {
		return nil, err
	}
	defer end()
	given, failure := options.c(&s), noError()
	if s.err != nil {
		return nil, s.err
	}
	var out *C.fm_liveness_sequence
	if err := answer(C.fm_liveness_sequence_create(&out, session.c(), given, &failure), &failure); err != nil {
		return nil, err
	}
	made := &LivenessSequence{}
	made.own.h = newHandle(unsafe.Pointer(out), func() { C.fm_liveness_sequence_free(out) })
	return made, nil
}

func (q *LivenessSequence) confined() *confined {
	if q == nil {
		return nil
	}
	return &q.own
}

func (q *LivenessSequence) c() *C.fm_liveness_sequence {
	return (*C.fm_liveness_sequence)(q.confined().handle().pointer())
}

// Close lets go of what was kept of the frames, wiped.
func (q *LivenessSequence) Close() error {
	q.confined().handle().close()
	return nil
}

// Add takes a frame, and tells what it says alone, or why it does not count. One without a face is no frame of the
// attempt: ErrNotFound.
func (q *LivenessSequence) Add(session *Session, frame *Image, face *Face) (LivenessResult, error) {
	end, err := session.begin(frame.handle()) // always the session's turn first
	if err != nil {
		return LivenessResult{}, err
	}
	defer end()
	out, failure := noLiveness(), noError()
	err = q.confined().run(func() error {
		return answer(C.fm_liveness_sequence_add(q.c(), session.c(), frame.c(), face.c(), &out, &failure), &failure)
	})
	if err != nil {
		return LivenessResult{}, err
	}
	return livenessOf(&out), nil
}

// Result is what the frames so far say together.
func (q *LivenessSequence) Result() (LivenessFusion, error) {
	f, failure := C.fm_liveness_fusion{struct_size: C.sizeof_fm_liveness_fusion}, noError()
	err := q.confined().run(func() error {
		return answer(C.fm_liveness_sequence_result(q.c(), &f, &failure), &failure)
	})
	if err != nil {
		return LivenessFusion{}, err
	}
	return LivenessFusion{
		Verdict: LivenessVerdict(f.verdict), Reason: LivenessReason(f.reason), Score: float32(f.score),
		APCER: float64(f.apcer), BPCER: float64(f.bpcer),
		LiveThreshold: float32(f.live_threshold), SpoofThreshold: float32(f.spoof_threshold),
		Decided: f.decided != 0, Frames: int(f.frames), Used: int(f.used), Unusable: int(f.unusable),
		Stills: int(f.stills), OtherFaces: int(f.other_faces),
	}, nil
}
