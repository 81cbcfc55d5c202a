package facematch

/*
#include <facematch/facematch.h>
*/
import "C"

import "unsafe"

// Session is the working memory around an embedder and, usually, a detector. It does one thing at a time: goroutines
// that share one wait for each other.
type Session struct {
	own confined
	dim int
}

// SessionOptions tells how faces are found and embedded.
type SessionOptions struct {
	Detector  *Model // nil: only calls that need no detection work
	Precision Precision
	Threads   int  // cores that one call may use; default 1
	Flip      bool // average each embedding with that of the mirrored face
	MinFacePx int  // smallest face looked for; default 40
	MaxFaces  int  // most faces kept per image; default 256
	Selection Selection
	MinScore  float32 // faces below this detection score are dropped
	Liveness  *Model  // nil: no call can check it
}

// Embedding is a face's vector, and the face.
type Embedding struct {
	Vector []float32
	Face   Face
	Faces  int // how many were found; 1 when the face was given
}

func (o *SessionOptions) c(s *scratch) C.fm_session_options {
	var c C.fm_session_options
	C.fm_session_options_init(&c, C.sizeof_fm_session_options)
	if o == nil {
		return c
	}
	c.detector, c.liveness = o.Detector.c(), o.Liveness.c()
	c.precision, c.selection = C.fm_precision(o.Precision), C.fm_selection(o.Selection)
	c.threads, c.flip = s.number(o.Threads, "threads"), flag(o.Flip)
	c.min_face_px, c.max_faces = s.number(o.MinFacePx, "min_face_px"), s.number(o.MaxFaces, "max_faces")
	c.min_score = C.float(o.MinScore)
	return c
}

// NewSession makes a session. The embedder is nil for one that only finds faces or checks liveness. It keeps its models:
// they may be closed.
func NewSession(embedder *Model, options *SessionOptions) (*Session, error) {
	var s scratch
	defer s.done()
	var detector, liveness *Model
	if options != nil {
		detector, liveness = options.Detector, options.Liveness
	}
	taken, err := hold(embedder.handle(), detector.handle(), liveness.handle())
	if err != nil {
		return nil, err
	}
	defer taken.release()
	dim := 0
	if embedder.c() != nil {
		info, err := embedder.Info()
		if err != nil {
			return nil, err
		}
		dim = info.Dim
	}
	given, failure := options.c(&s), noError()
	if s.err != nil {
		return nil, s.err
	}
	var out *C.fm_session
	if err := answer(C.fm_session_create(&out, embedder.c(), &given, &failure), &failure); err != nil {
		return nil, err
	}
	made := &Session{dim: dim}
	made.own.h = newHandle(unsafe.Pointer(out), func() { C.fm_session_free(out) })
	return made, nil
}

func (s *Session) confined() *confined {
	if s == nil {
		return nil
	}
	return &s.own
}

func (s *Session) c() *C.fm_session { return (*C.fm_session)(s.confined().handle().pointer()) }

func (s *Session) begin(others ...*handle) (func(), error) { return s.confined().begin(others...) }

// Close gives the session's memory back, wiped.
func (s *Session) Close() error {
	s.confined().handle().close()
	return nil
}

// Detect finds the faces, in the order of the session's selection rule.
func (s *Session) Detect(photo *Image) ([]Face, error) {
	end, err := s.begin(photo.handle())
	if err != nil {
		return nil, err
	}
	defer end()
	for room := 16; ; {
		faces, failure := make([]Face, room), noError()
		var count C.size_t
		status := C.fm_detect(s.c(), photo.c(), faces[0].c(), C.size_t(room), &count, &failure)
		if err := answer(status, &failure); err != nil {
			return nil, err
		}
		if int(count) <= room {
			return faces[:count:count], nil
		}
		room = int(count)
	}
}

// Align cuts out the crop that the embedder sees. A nil face is found and chosen by the session.
func (s *Session) Align(photo *Image, face *Face) (*Image, error) {
	end, err := s.begin(photo.handle())
	if err != nil {
		return nil, err
	}
	defer end()
	failure := noError()
	var out *C.fm_image
	if err := answer(C.fm_align(s.c(), photo.c(), face.c(), &out, &failure), &failure); err != nil {
		return nil, err
	}
	return newImage(out), nil
}

// Embed gives the vector of one face. A nil face is found and chosen by the session.
func (s *Session) Embed(photo *Image, face *Face) (Embedding, error) {
	end, err := s.begin(photo.handle())
	if err != nil {
		return Embedding{}, err
	}
	defer end()
	vector, failure := make([]float32, s.size()), noError()
	var used C.fm_face
	var count C.size_t
	status := C.fm_embed(s.c(), photo.c(), face.c(), floatsOf(vector), C.size_t(len(vector)), &used, &count, &failure)
	if err := answer(status, &failure); err != nil {
		return Embedding{Faces: int(count)}, err
	}
	return Embedding{vector, faceOf(&used), int(count)}, nil
}

func (s *Session) size() int {
	if s == nil {
		return 0
	}
	return s.dim
}

// Verify decides whether two photographs are of one person. Where liveness is asked for, it is that of the second. With
// ErrNotLive, the verification's Liveness alone is filled.
func (s *Session) Verify(a, b *Image, options *VerifyOptions) (Verification, error) {
	var texts scratch
	defer texts.done()
	end, err := s.begin(a.handle(), b.handle())
	if err != nil {
		return Verification{}, err
	}
	defer end()
	given, out, failure := options.c(&texts), noVerification(), noError()
	status := C.fm_verify(s.c(), a.c(), b.c(), &given, &out, &failure)
	return verificationOf(&out), answer(status, &failure)
}
