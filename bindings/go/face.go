package facematch

/*
#include <facematch/facematch.h>
*/
import "C"

import "unsafe"

// Point is a place in an image, in pixels from its top left corner.
type Point struct{ X, Y float32 }

// The points of a face, by their place in Face.Points; left as seen in the image.
const (
	LeftEye    = C.FM_POINT_LEFT_EYE
	RightEye   = C.FM_POINT_RIGHT_EYE
	NoseTip    = C.FM_POINT_NOSE_TIP
	LeftMouth  = C.FM_POINT_LEFT_MOUTH
	RightMouth = C.FM_POINT_RIGHT_MOUTH
)

// Face is a face in an image. Its box may reach beyond the image.
type Face struct {
	X, Y, Width, Height float32
	Score               float32 // the detector's certainty, 0..1
	Points              [C.FM_POINT_COUNT]Point
}

// Face is laid out as fm_face, which is frozen: C reads and writes slices of it. Both lines fail to compile otherwise.
var (
	_ [unsafe.Sizeof(Face{}) - C.sizeof_fm_face]struct{}
	_ [C.sizeof_fm_face - unsafe.Sizeof(Face{})]struct{}
)

func (f *Face) c() *C.fm_face { return (*C.fm_face)(unsafe.Pointer(f)) }

func faceOf(c *C.fm_face) Face { return *(*Face)(unsafe.Pointer(c)) }
