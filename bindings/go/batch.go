package facematch

/*
#include <facematch/facematch.h>
*/
import "C"

import "context"

// images are looked at this many at a time: a multiple of what networks take at once. Between them the context is
// asked, and others get the session's turn.
const batchSize = 128

// inBatches calls with some images after others, the first of which is images[from].
func (s *Session) inBatches(ctx context.Context, images []*Image, call func(from int, some []*C.fm_image) error) error {
	for from := 0; from < len(images); from += batchSize {
		if err := ctx.Err(); err != nil {
			return canceled(err)
		}
		some := images[from:min(from+batchSize, len(images))]
		if err := s.oneBatch(some, func(pointers []*C.fm_image) error { return call(from, pointers) }); err != nil {
			return err
		}
	}
	return nil
}

func canceled(cause error) error {
	return &Error{Status: ErrCanceled, Message: cause.Error(), cause: cause}
}

func (s *Session) oneBatch(images []*Image, call func([]*C.fm_image) error) error {
	handles := make([]*handle, len(images), len(images)+1)
	for i, image := range images {
		handles[i] = image.handle()
	}
	end, err := s.begin(handles...)
	if err != nil {
		return err
	}
	defer end()
	pointers := make([]*C.fm_image, len(images))
	for i, image := range images {
		pointers[i] = image.c()
	}
	return call(pointers)
}

// embedRows embeds some images into rows of out, and tells which have no face.
type embedRows func(images []*C.fm_image, out []float32, missing []bool) error

func (s *Session) rows(ctx context.Context, images []*Image, embed embedRows) ([][]float32, error) {
	dim, rows := s.size(), make([][]float32, len(images))
	values := make([]float32, dim*len(images))
	err := s.inBatches(ctx, images, func(from int, some []*C.fm_image) error {
		to := from + len(some)
		missing := make([]bool, len(some))
		if err := embed(some, values[dim*from:dim*to], missing); err != nil {
			return err
		}
		for i := from; i < to; i++ {
			if !missing[i-from] {
				rows[i] = values[dim*i : dim*(i+1) : dim*(i+1)]
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// EmbedBatch embeds one face of each photograph, chosen by the session. The row of a photograph without a face is nil.
func (s *Session) EmbedBatch(ctx context.Context, photos []*Image) ([][]float32, error) {
	return s.rows(ctx, photos, func(images []*C.fm_image, out []float32, missing []bool) error {
		statuses, failure := make([]C.fm_status, len(images)), noError()
		status := C.fm_embed_batch(s.c(), &images[0], C.size_t(len(images)), floatsOf(out), C.size_t(len(out)),
			&statuses[0], &failure)
		for i, of := range statuses {
			missing[i] = of != C.FM_OK
		}
		return answer(status, &failure)
	})
}

// EmbedAligned embeds crops that were made elsewhere: nothing is detected.
func (s *Session) EmbedAligned(ctx context.Context, crops []*Image) ([][]float32, error) {
	return s.rows(ctx, crops, func(images []*C.fm_image, out []float32, _ []bool) error {
		failure := noError()
		status := C.fm_embed_aligned(s.c(), &images[0], C.size_t(len(images)), floatsOf(out), C.size_t(len(out)),
			&failure)
		return answer(status, &failure)
	})
}
