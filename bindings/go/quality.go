package facematch

/*
#include <facematch/facematch.h>
*/
import "C"

// Quality is the figures behind the enrolment gate, as quality.h describes them; NaN where a crop made elsewhere does
// not tell.
type Quality struct {
	Quality       float32 // all in one, 0..1
	SizePx        float32
	EyeDistancePx float32
	Score         float32
	Sharpness     float32
	Brightness    float32
	Clipped       float32
	YawDeg        float32
	PitchDeg      float32
	RollDeg       float32
}

// Gate limits what may be enrolled. Zero means the default, a negative number switches a check off.
type Gate struct {
	Off           bool
	OtherFaces    float32
	MinSizePx     float32
	MinScore      float32
	MinSharpness  float32
	MinBrightness float32
	MaxBrightness float32
	MaxYawDeg     float32
	MaxPitchDeg   float32
	MaxRollDeg    float32
	UseScores     bool // AnotherScore and ItselfScore decide instead of the rates
	AnotherScore  float32
	ItselfScore   float32
	AnotherFPIR   float64
	ItselfFMR     float64
}

// GateReport is what the gate found, whether it let the photograph through or not.
type GateReport struct {
	Reason       Refusal
	Value, Limit float32 // what was measured, and what it was held against
	Faces        int
	Face         Face
	Quality      Quality
	OtherID      string // whom it looks like
}

func qualityOf(q *C.fm_face_quality) Quality {
	return Quality{
		float32(q.quality), float32(q.size_px), float32(q.eye_distance_px), float32(q.score), float32(q.sharpness),
		float32(q.brightness), float32(q.clipped), float32(q.yaw_deg), float32(q.pitch_deg), float32(q.roll_deg),
	}
}

func (g *Gate) c() C.fm_gate_options {
	var c C.fm_gate_options
	C.fm_gate_options_init(&c, C.sizeof_fm_gate_options)
	if g == nil {
		return c
	}
	c.off, c.use_scores = flag(g.Off), flag(g.UseScores)
	c.other_faces, c.min_size_px, c.min_score = C.float(g.OtherFaces), C.float(g.MinSizePx), C.float(g.MinScore)
	c.min_sharpness = C.float(g.MinSharpness)
	c.min_brightness, c.max_brightness = C.float(g.MinBrightness), C.float(g.MaxBrightness)
	c.max_yaw_deg, c.max_pitch_deg = C.float(g.MaxYawDeg), C.float(g.MaxPitchDeg)
	c.max_roll_deg = C.float(g.MaxRollDeg)
	c.another_score, c.itself_score = C.float(g.AnotherScore), C.float(g.ItselfScore)
	c.another_fpir, c.itself_fmr = C.double(g.AnotherFPIR), C.double(g.ItselfFMR)
	return c
}

func noReport() C.fm_gate_report { return C.fm_gate_report{struct_size: C.sizeof_fm_gate_report} }

func reportOf(r *C.fm_gate_report) GateReport {
	return GateReport{
		Reason: Refusal(r.reason), Value: float32(r.value), Limit: float32(r.limit), Faces: int(r.face_count),
		Face: faceOf(&r.face), Quality: qualityOf(&r.quality), OtherID: C.GoString(&r.other_id[0]),
	}
}

// Quality measures a face. A nil one is found and chosen by the session.
func (s *Session) Quality(photo *Image, face *Face) (Quality, error) {
	end, err := s.begin(photo.handle())
	if err != nil {
		return Quality{}, err
	}
	defer end()
	var out C.fm_face_quality
	failure := noError()
	status := C.fm_quality(s.c(), photo.c(), face.c(), &out, &failure)
	return qualityOf(&out), answer(status, &failure)
}

// Check tells whether a photograph is fit for enrolment, but for what needs a gallery. The error of one that is not is
// ErrRefused, or ErrNotFound without a face; the report then tells the reason.
func (s *Session) Check(photo *Image, gate *Gate) (GateReport, error) {
	end, err := s.begin(photo.handle())
	if err != nil {
		return GateReport{}, err
	}
	defer end()
	limits, report, failure := gate.c(), noReport(), noError()
	status := C.fm_gate_check(s.c(), photo.c(), &limits, &report, &failure)
	return reportOf(&report), answer(status, &failure)
}
