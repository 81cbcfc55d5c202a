package facematch

/*
#include <facematch/facematch.h>
*/
import "C"

import "context"

// IdentifyOptions is the operating point of an identification.
type IdentifyOptions struct {
	FPIR      float64  // share of strangers that are answered with anybody; default 1e-2
	Threshold *float32 // if given, scores of at least this much match, and FPIR is ignored; see At
	Aligned   bool     // the image already is the crop that the model sees
	Score     ScoreRule
	Most      int // matches told; default 10
	Liveness  LivenessPolicy
	Limits    *LivenessOptions // of the liveness; nil: the defaults
}

// Match is one identity that matches.
type Match struct {
	ID         string
	Rank       int // 1 for the best
	Score      float32
	FMR        float64 // share of strangers that would score this high; NaN without a calibration
	TemplateID int64   // its best
}

// Identification is who was found, best first, and what that rests on. No match is "nobody of this gallery".
type Identification struct {
	Matches    []Match
	Threshold  float32
	FMR        float64 // per comparison; NaN without a calibration
	Identities int64   // that were compared with
	Faces      int     // found in the photograph
	Face       Face
	Liveness   LivenessSummary
}

const (
	mostMatches = 10
	// Queries are looked up this many at a time: what one reading of the gallery serves. In between the context is asked.
	queryBatch = 64
)

func (o *IdentifyOptions) c(s *scratch) C.fm_identify_options {
	var c C.fm_identify_options
	C.fm_identify_options_init(&c, C.sizeof_fm_identify_options)
	if o == nil {
		return c
	}
	c.fpir, c.aligned, c.score = C.double(o.FPIR), flag(o.Aligned), C.fm_score_rule(o.Score)
	if o.Threshold != nil {
		c.use_threshold, c.threshold = 1, C.float(*o.Threshold)
	}
	c.liveness, c.liveness_options = C.fm_liveness_policy(o.Liveness), o.Limits.pinned(s)
	return c
}

func (o *IdentifyOptions) most() (int, error) {
	if o == nil || o.Most == 0 {
		return mostMatches, nil
	}
	if o.Most < 1 || o.Most > C.FM_LIMIT_MATCHES {
		return 0, refuse("most %d must be 1..%d", o.Most, int(C.FM_LIMIT_MATCHES))
	}
	return o.Most, nil
}

func identificationOf(i *C.fm_identification, matches []C.fm_match) Identification {
	told := make([]Match, len(matches))
	for n := range matches {
		m := &matches[n]
		told[n] = Match{C.GoString(&m.id[0]), int(m.rank), float32(m.score), float64(m.fmr), int64(m.template_id)}
	}
	return Identification{
		told, float32(i.threshold), float64(i.fmr), int64(i.identities), int(i.face_count), faceOf(&i.face),
		summaryOf(&i.liveness),
	}
}

// Identify tells who is in a photograph. With ErrNotLive, Liveness, Faces and Face alone are filled.
func (g *Gallery) Identify(session *Session, photo *Image, options *IdentifyOptions) (Identification, error) {
	most, err := options.most()
	if err != nil {
		return Identification{}, err
	}
	end, err := session.begin(photo.handle(), g.handle())
	if err != nil {
		return Identification{}, err
	}
	defer end()
	var s scratch
	defer s.done()
	given, out := options.c(&s), C.fm_identification{struct_size: C.sizeof_fm_identification}
	matches, failure := make([]C.fm_match, most), noError()
	var count C.size_t
	status := C.fm_identify(g.c(), session.c(), photo.c(), &given, &matches[0], C.size_t(most), &count, &out, &failure)
	return identificationOf(&out, matches[:count]), answer(status, &failure)
}

// Search looks several embeddings up.
func (g *Gallery) Search(ctx context.Context, queries [][]float32, options *IdentifyOptions) ([]Identification, error) {
	most, err := options.most()
	if err != nil {
		return nil, err
	}
	found := make([]Identification, 0, len(queries))
	for from := 0; from < len(queries); from += queryBatch {
		if err := ctx.Err(); err != nil {
			return nil, canceled(err)
		}
		some, err := g.search(queries[from:min(from+queryBatch, len(queries))], options, most)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

func (g *Gallery) search(queries [][]float32, options *IdentifyOptions, most int) ([]Identification, error) {
	taken, err := hold(g.handle())
	if err != nil {
		return nil, err
	}
	defer taken.release()
	n, dim := len(queries), len(queries[0])
	matrix := make([]float32, 0, n*dim)
	defer func() { clear(matrix) }()
	for i, query := range queries {
		if len(query) != dim {
			return nil, refuse("query %d has %d floats, the first %d", i, len(query), dim)
		}
		matrix = append(matrix, query...)
	}
	var s scratch
	defer s.done()
	given, out := options.c(&s), C.fm_identification{struct_size: C.sizeof_fm_identification}
	matches, counts, failure := make([]C.fm_match, n*most), make([]C.size_t, n), noError()
	status := C.fm_gallery_search(g.c(), floatsOf(matrix), C.size_t(n), C.size_t(dim), &given, &matches[0],
		C.size_t(most), &counts[0], &out, &failure)
	if err := answer(status, &failure); err != nil {
		return nil, err
	}
	found := make([]Identification, n)
	for i := range found {
		found[i] = identificationOf(&out, matches[i*most:i*most+int(counts[i])])
	}
	return found, nil
}

// Verify tells whether a photograph is of the person with this id. With ErrNotLive, the verification's Liveness alone is
// filled.
func (g *Gallery) Verify(session *Session, id string, photo *Image, options *VerifyOptions) (Verification, error) {
	end, err := session.begin(photo.handle())
	if err != nil {
		return Verification{}, err
	}
	defer end()
	var s scratch
	defer s.done()
	given, out := options.c(&s), noVerification()
	err = g.about(id, func(id *C.char, failure *C.fm_error) C.fm_status {
		return C.fm_verify_identity(g.c(), session.c(), id, photo.c(), &given, &out, failure)
	})
	return verificationOf(&out), err
}
