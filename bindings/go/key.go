package facematch

/*
#include "callbacks.h"
*/
import "C"

import (
	"errors"
	"runtime/cgo"
	"unsafe"
)

// KeySize is the length of a key in bytes.
const KeySize = C.FM_GALLERY_KEY_SIZE

// Key opens a sealed gallery or file. Exactly one is given.
type Key struct {
	Bytes      []byte // KeySize of them, random
	Passphrase string
	Func       func() ([]byte, error) // gives the bytes; must not use the gallery
}

// keySource is a Key's Func during one call, and what it failed with.
type keySource struct {
	ask func() ([]byte, error)
	err error
}

// c is nil for no key. The function that it gives tells what Func failed with, and ends the key.
func (k *Key) c(s *scratch) (*C.fm_gallery_key, func() error) {
	if k == nil {
		return nil, func() error { return nil }
	}
	c := pinned(s, new(C.fm_gallery_key))
	C.fm_gallery_key_init(c, C.sizeof_fm_gallery_key)
	if len(k.Bytes) > 0 {
		c.bytes, c.size = (*C.uint8_t)(pinned(s, &k.Bytes[0])), C.size_t(len(k.Bytes))
	}
	c.passphrase = s.optional(k.Passphrase)
	if k.Func == nil {
		return c, func() error { return nil }
	}
	source := &keySource{ask: k.Func}
	number := cgo.NewHandle(source)
	C.facematch_go_key(c, C.uintptr_t(number))
	return c, func() error {
		number.Delete()
		return source.err
	}
}

//export facematchGoAsked
func facematchGoAsked(number C.uintptr_t, out *C.uint8_t) (status C.fm_status) {
	source := cgo.Handle(number).Value().(*keySource)
	status = C.FM_E_PERMISSION
	defer func() {
		if panicked := recover(); panicked != nil { // must not unwind C
			source.err = errors.New("the key's function panicked")
		}
	}()
	key, err := source.ask()
	if err == nil && len(key) != KeySize {
		err = refuse("the key's function gave %d bytes, not %d", len(key), KeySize)
	}
	if err != nil {
		source.err = err
		var failure *Error
		if errors.As(err, &failure) {
			status = C.fm_status(failure.Status)
		}
		return status
	}
	copy(unsafe.Slice((*byte)(out), KeySize), key)
	return C.FM_OK
}
