package facematch

/*
#include "callbacks.h"
*/
import "C"

import (
	"context"
	"runtime/cgo"
)

// TransferOptions tells how galleries are moved.
type TransferOptions struct {
	OnExisting OnExisting              // of an import
	Progress   func(done, total int64) // must not use the gallery; a total of 0 is not known
	Key        *Key                    // of the file; nil: plain
}

// Transfer is what was moved.
type Transfer struct{ Identities, Templates, Skipped, Bytes int64 }

// moving is a transfer that runs: who stops it and who is told.
type moving struct {
	guard
	ctx      context.Context
	progress func(done, total int64)
}

//export facematchGoMoved
func facematchGoMoved(number C.uintptr_t, done, total C.int64_t) C.int32_t {
	m := cgo.Handle(number).Value().(*moving)
	return flag(!m.goOn(m.ctx, func() {
		if m.progress != nil {
			m.progress(int64(done), int64(total))
		}
	}))
}

// transfer runs a call with the options, and ends it with the context.
func (g *Gallery) transfer(ctx context.Context, s *scratch, options *TransferOptions,
	call func(*C.fm_transfer_options, *C.fm_transfer, *C.fm_error) C.fm_status) (Transfer, error) {
	taken, err := hold(g.handle())
	if err != nil {
		return Transfer{}, err
	}
	defer taken.release()
	if s.err != nil {
		return Transfer{}, s.err
	}
	var given C.fm_transfer_options
	C.fm_transfer_options_init(&given, C.sizeof_fm_transfer_options)
	var key *Key
	m := &moving{ctx: ctx}
	if options != nil {
		given.on_existing, m.progress, key = C.fm_existing(options.OnExisting), options.Progress, options.Key
	}
	number := cgo.NewHandle(m)
	defer number.Delete()
	C.facematch_go_progress(&given, C.uintptr_t(number))
	ckey, keyDone := key.c(s)
	given.key = ckey
	if s.err != nil {
		_ = keyDone()
		return Transfer{}, s.err
	}
	out, failure := C.fm_transfer{struct_size: C.sizeof_fm_transfer}, noError()
	err = answer(call(&given, &out, &failure), &failure)
	cause := keyDone()
	m.raise()
	if err != nil && Status(failure.status) == ErrCanceled {
		cause = ctx.Err()
	}
	if err != nil {
		return Transfer{}, caused(err, cause)
	}
	return Transfer{int64(out.identities), int64(out.templates), int64(out.skipped), int64(out.bytes)}, nil
}

// Export writes all of the gallery to a file of JSON lines; see docs/gallery-format.md. The file appears whole or not
// at all.
func (g *Gallery) Export(ctx context.Context, path string, options *TransferOptions) (Transfer, error) {
	var s scratch
	defer s.done()
	cpath := s.text(path)
	return g.transfer(ctx, &s, options, func(o *C.fm_transfer_options, out *C.fm_transfer, e *C.fm_error) C.fm_status {
		return C.fm_gallery_export(g.c(), cpath, o, out, e)
	})
}

// Import adds all people of a file that Export wrote, or none of them.
func (g *Gallery) Import(ctx context.Context, path string, options *TransferOptions) (Transfer, error) {
	var s scratch
	defer s.done()
	cpath := s.text(path)
	return g.transfer(ctx, &s, options, func(o *C.fm_transfer_options, out *C.fm_transfer, e *C.fm_error) C.fm_status {
		return C.fm_gallery_import(g.c(), cpath, o, out, e)
	})
}

// Shard spreads the templates of a gallery on PostgreSQL over other servers, for good; see docs/postgres.md.
func (g *Gallery) Shard(ctx context.Context, servers []string, options *TransferOptions) (Transfer, error) {
	var s scratch
	defer s.done()
	uris := make([]*C.char, len(servers)+1) // never empty
	for i, server := range servers {
		uris[i] = s.text(server)
	}
	return g.transfer(ctx, &s, options, func(o *C.fm_transfer_options, out *C.fm_transfer, e *C.fm_error) C.fm_status {
		return C.fm_gallery_shard(g.c(), &uris[0], C.size_t(len(servers)), o, out, e)
	})
}

// Compact gives unused room of the file back, and leaves nothing in it of what was removed.
func (g *Gallery) Compact() error {
	taken, err := hold(g.handle())
	if err != nil {
		return err
	}
	defer taken.release()
	failure := noError()
	return answer(C.fm_gallery_compact(g.c(), &failure), &failure)
}

// Rekey changes the gallery's key, or seals one that was plain. Other handles of it have to be opened anew.
func (g *Gallery) Rekey(key *Key) error {
	var s scratch
	defer s.done()
	taken, err := hold(g.handle())
	if err != nil {
		return err
	}
	defer taken.release()
	ckey, keyDone := key.c(&s)
	if s.err != nil {
		_ = keyDone()
		return s.err
	}
	failure := noError()
	err = answer(C.fm_gallery_rekey(g.c(), ckey, &failure), &failure)
	return caused(err, keyDone())
}
