// Package facematch matches faces: is this the person they claim to be, and who of the people I know is this?
//
// It is libfacematch for Go, by cgo, and finds the library through pkg-config. A program opens a model for faces and
// one that finds them, makes a session of both, and asks:
//
//	embedder, err := facematch.LoadModel("models/default.pt", nil)
//	detector, err := facematch.LoadModel("models/mtcnn.pt", nil)
//	session, err := facematch.NewSession(embedder, &facematch.SessionOptions{Detector: detector})
//	a, err := facematch.LoadImage("a.jpg", nil)
//	b, err := facematch.LoadImage("b.jpg", nil)
//	v, err := session.Verify(a, b, nil)
//	fmt.Println(v.Match, v.Score, v.FMR)
//
// Every options parameter may be nil, and a zero in it means the default.
//
// Image, Model, Session, LivenessSequence, Gallery, Evaluation and Trainer hold memory of C. Close gives it back at once;
// of what was forgotten the garbage collector does. Close may be called again and beside running calls, which go on to
// their end: the memory goes with the last of them. A call that begins after Close fails with ErrClosed.
//
// Any number of goroutines may share each of them. A Session, LivenessSequence, Evaluation or Trainer does one thing at
// a time, so that others wait; for work in parallel make several sessions of one model, which is cheap, or a Pool.
//
// Errors of the library are an *Error with its status and text: errors.Is(err, facematch.ErrNotFound).
//
// Embeddings are biometric data. The library wipes its own copies; a slice that it handed out is the caller's, whom
// clear helps.
package facematch
