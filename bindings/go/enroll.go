package facematch

/*
#include <facematch/facematch.h>
*/
import "C"

// EnrollOptions is what to store beside a template.
type EnrollOptions struct {
	DisplayName string // of the identity; "" leaves it as it is
	Metadata    string // of the identity, one JSON object; "" leaves it
	Label       string // of the template
	Quality     *float32
	Aligned     bool  // the image already is the crop that the model sees
	Gate        *Gate // nil: by Enroll what is refused by default, by Add nothing
	Liveness    LivenessPolicy
	Limits      *LivenessOptions // of the liveness; nil: the defaults
}

// Enrollment is what an enrolment did. When it was refused, Report alone is filled; with ErrNotLive, Liveness, Faces and
// Face as well.
type Enrollment struct {
	NewIdentity bool
	TemplateID  int64
	Templates   int // of the identity
	Faces       int // found in the photograph
	Face        Face
	Report      GateReport
	Liveness    LivenessSummary
}

func (o *EnrollOptions) c(s *scratch) C.fm_enroll_options {
	var c C.fm_enroll_options
	C.fm_enroll_options_init(&c, C.sizeof_fm_enroll_options)
	if o == nil {
		return c
	}
	c.display_name, c.metadata_json = s.optional(o.DisplayName), s.optional(o.Metadata)
	c.label, c.aligned = s.optional(o.Label), flag(o.Aligned)
	if o.Quality != nil {
		c.has_quality, c.quality = 1, C.float(*o.Quality)
	}
	if o.Gate != nil {
		gate := pinned(s, new(C.fm_gate_options))
		*gate = o.Gate.c()
		c.gate = gate
	}
	c.liveness, c.liveness_options = C.fm_liveness_policy(o.Liveness), o.Limits.pinned(s)
	return c
}

func (g *Gallery) enroll(id string, options *EnrollOptions,
	call func(id *C.char, o *C.fm_enroll_options, out *C.fm_enrollment, failure *C.fm_error) C.fm_status) (
	Enrollment, error) {
	var s scratch
	defer s.done()
	given, out := options.c(&s), C.fm_enrollment{struct_size: C.sizeof_fm_enrollment}
	report := pinned(&s, new(C.fm_gate_report))
	*report = noReport()
	given.report = report
	if s.err != nil {
		return Enrollment{}, s.err
	}
	err := g.about(id, func(id *C.char, failure *C.fm_error) C.fm_status { return call(id, &given, &out, failure) })
	return Enrollment{
		NewIdentity: out.new_identity != 0, TemplateID: int64(out.template_id), Templates: int(out.templates),
		Faces: int(out.face_count), Face: faceOf(&out.face), Report: reportOf(report),
		Liveness: summaryOf(&out.liveness),
	}, err
}

// Enroll stores a photograph as a further template of an identity, which is made if it does not exist. The gate
// refuses, with ErrRefused, what would make identifications worse.
func (g *Gallery) Enroll(session *Session, id string, photo *Image, options *EnrollOptions) (Enrollment, error) {
	end, err := session.begin(photo.handle())
	if err != nil {
		return Enrollment{}, err
	}
	defer end()
	return g.enroll(id, options, func(id *C.char, o *C.fm_enroll_options, out *C.fm_enrollment,
		failure *C.fm_error) C.fm_status {
		return C.fm_gallery_enroll(g.c(), session.c(), id, photo.c(), o, out, failure)
	})
}

// Add stores an embedding as a further template of an identity.
func (g *Gallery) Add(id string, embedding []float32, options *EnrollOptions) (Enrollment, error) {
	return g.enroll(id, options, func(id *C.char, o *C.fm_enroll_options, out *C.fm_enrollment,
		failure *C.fm_error) C.fm_status {
		return C.fm_gallery_add(g.c(), id, floatsOf(embedding), C.size_t(len(embedding)), o, out, failure)
	})
}
