package facematch

/*
#cgo pkg-config: facematch
#include <facematch/facematch.h>
#include <stdlib.h>
#if FM_ABI_VERSION != 1
#error "this package is for version 1 of libfacematch's ABI"
#endif
*/
import "C"

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"
)

// The header's and the running library's interface must be one; asked wherever a handle is made.
var checkLibrary = sync.OnceValue(func() error {
	if got := int(C.fm_abi_version()); got != C.FM_ABI_VERSION {
		return fmt.Errorf("facematch: compiled for version %d of libfacematch's ABI, the library has %d",
			int(C.FM_ABI_VERSION), got)
	}
	return nil
})

// scratch is what one call borrows to C: texts in C's memory, wiped afterwards, and pins on Go's.
type scratch struct {
	pins  runtime.Pinner
	texts []string
	err   error
	c     []unsafe.Pointer
}

// text is a copy for C. One with a NUL inside is refused, since C would cut it.
func (s *scratch) text(text string) *C.char {
	for i := range len(text) {
		if text[i] == 0 {
			s.err = refuse("a text has a NUL inside")
			return nil
		}
	}
	copied := C.CString(text)
	s.texts, s.c = append(s.texts, text), append(s.c, unsafe.Pointer(copied))
	return copied
}

// optional is as text; nil for "".
func (s *scratch) optional(text string) *C.char {
	if text == "" {
		return nil
	}
	return s.text(text)
}

// pinned keeps what Go has in place while C's structs point to it.
func pinned[T any](s *scratch, value *T) *T {
	s.pins.Pin(value)
	return value
}

func (s *scratch) done() {
	s.pins.Unpin()
	for i, c := range s.c {
		clear(unsafe.Slice((*byte)(c), len(s.texts[i])))
		C.free(c)
	}
}

// buffer is what C writes a text of unknown length into.
type buffer struct {
	bytes  []byte
	needed C.size_t
}

func (b *buffer) c() *C.char { return (*C.char)(unsafe.Pointer(unsafe.SliceData(b.bytes))) }

func (b *buffer) size() C.size_t { return C.size_t(len(b.bytes)) }

// growing asks for a text, and again with more room where it did not fit.
func growing(size int, ask func(*buffer) error) (string, error) {
	for {
		b := &buffer{bytes: make([]byte, size)}
		err := ask(b)
		if err == nil {
			return string(b.bytes[:b.needed-1]), nil
		}
		if int(b.needed) <= size {
			return "", err
		}
		size = int(b.needed)
	}
}

func flag(on bool) C.int32_t {
	if on {
		return 1
	}
	return 0
}

// number refuses what would be cut.
func (s *scratch) number(value int, name string) C.int32_t {
	if int(int32(value)) != value {
		s.err = refuse("%s %d does not fit 32 bits", name, value)
	}
	return C.int32_t(value)
}

func floatsOf(values []float32) *C.float {
	return (*C.float)(unsafe.SliceData(values))
}
