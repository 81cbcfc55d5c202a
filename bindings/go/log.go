package facematch

/*
#include "callbacks.h"
*/
import "C"

import (
	"context"
	"log/slog"
	"runtime/cgo"
	"sync"
)

var listening struct {
	sync.Mutex
	handle cgo.Handle
}

// SetLogger sends what the library has to say to a logger, from any thread; nil silences it, as it is at first.
// Messages below the level are not made. They never hold pixels, embeddings, or the names and ids of people. When
// SetLogger returns, the former logger is not called any more.
func SetLogger(logger *slog.Logger, level slog.Level) {
	listening.Lock()
	defer listening.Unlock()
	former := listening.handle
	listening.handle = 0
	if logger != nil {
		listening.handle = cgo.NewHandle(logger)
	}
	C.facematch_go_listen(C.uintptr_t(listening.handle), leastLevel(level))
	if former != 0 {
		former.Delete()
	}
}

func leastLevel(level slog.Level) C.int32_t {
	switch {
	case level <= slog.LevelDebug:
		return C.FM_LOG_DEBUG
	case level <= slog.LevelInfo:
		return C.FM_LOG_INFO
	case level <= slog.LevelWarn:
		return C.FM_LOG_WARNING
	}
	return C.FM_LOG_ERROR
}

var levels = map[C.int32_t]slog.Level{
	C.FM_LOG_DEBUG: slog.LevelDebug, C.FM_LOG_INFO: slog.LevelInfo,
	C.FM_LOG_WARNING: slog.LevelWarn, C.FM_LOG_ERROR: slog.LevelError,
}

//export facematchGoLogged
func facematchGoLogged(listener C.uintptr_t, level C.int32_t, module, message *C.char) {
	defer func() { _ = recover() }() // a panic must not unwind C
	logger := cgo.Handle(listener).Value().(*slog.Logger)
	logger.LogAttrs(context.Background(), levels[level], C.GoString(message), slog.String("module", C.GoString(module)))
}
