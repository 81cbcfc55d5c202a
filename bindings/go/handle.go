package facematch

import (
	"runtime"
	"sync"
	"unsafe"
)

// handle is an object of C and who is using it. It is freed once, when it is closed and nobody uses it any more. No
// call waits for another here, so calls with several handles cannot lock each other out.
type handle struct {
	mu      sync.Mutex
	ptr     unsafe.Pointer
	free    func() // must not point to the handle
	users   int
	closed  bool
	cleanup runtime.Cleanup
}

func newHandle(ptr unsafe.Pointer, free func()) *handle {
	h := &handle{ptr: ptr, free: free}
	h.cleanup = runtime.AddCleanup(h, func(free func()) { free() }, free)
	return h
}

func (h *handle) acquire() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	h.users++
	return nil
}

func (h *handle) release() {
	h.mu.Lock()
	h.users--
	last := h.closed && h.users == 0
	h.mu.Unlock()
	if last {
		h.free()
	}
}

func (h *handle) close() {
	if h == nil {
		return
	}
	h.mu.Lock()
	first := !h.closed
	last := first && h.users == 0
	h.closed = true
	h.mu.Unlock()
	if first {
		h.cleanup.Stop()
	}
	if last {
		h.free()
	}
}

// held are the handles of one call.
type held []*handle

// hold takes all or none. A nil one is left to C, which says that it is missing.
func hold(handles ...*handle) (held, error) {
	if err := checkLibrary(); err != nil {
		return nil, err
	}
	taken := make(held, 0, len(handles))
	for _, h := range handles {
		if h == nil {
			continue
		}
		if err := h.acquire(); err != nil {
			taken.release()
			return nil, err
		}
		taken = append(taken, h)
	}
	return taken, nil
}

func (taken held) release() {
	for _, h := range taken {
		h.release()
	}
}

// confined is the handle of what does one thing at a time: goroutines that share it wait for each other.
type confined struct {
	h    *handle
	turn sync.Mutex
}

// begin takes the turn and what else the call uses; the function that it gives ends the call.
func (c *confined) begin(others ...*handle) (func(), error) {
	if c == nil {
		taken, err := hold(others...)
		return taken.release, err
	}
	taken, err := hold(append(others, c.h)...)
	if err != nil {
		return nil, err
	}
	c.turn.Lock()
	return func() {
		c.turn.Unlock()
		taken.release()
	}, nil
}

// run is one call without anything else.
func (c *confined) run(call func() error) error {
	end, err := c.begin()
	if err != nil {
		return err
	}
	defer end()
	return call()
}

func (c *confined) handle() *handle {
	if c == nil {
		return nil
	}
	return c.h
}

// pointer is valid while the handle is held.
func (h *handle) pointer() unsafe.Pointer {
	if h == nil {
		return nil
	}
	return h.ptr
}
