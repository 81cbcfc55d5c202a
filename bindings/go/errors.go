package facematch

/*
#include <facematch/facematch.h>
*/
import "C"

import (
	"errors"
	"fmt"
)

// Status is what a call of the library answered. The statuses are errors, to be asked for with errors.Is.
type Status int32

// The statuses, as status.h describes them.
const (
	ErrInternal        Status = C.FM_E_INTERNAL
	ErrInvalidArgument Status = C.FM_E_INVALID_ARGUMENT
	ErrNoMemory        Status = C.FM_E_NO_MEMORY
	ErrBufferTooSmall  Status = C.FM_E_BUFFER_TOO_SMALL
	ErrNotFound        Status = C.FM_E_NOT_FOUND // no such file, identity or template; no face in the image
	ErrIO              Status = C.FM_E_IO
	ErrCorrupt         Status = C.FM_E_CORRUPT
	ErrVersion         Status = C.FM_E_VERSION // made by a newer library
	ErrUnsupported     Status = C.FM_E_UNSUPPORTED
	ErrBackend         Status = C.FM_E_BACKEND
	ErrDevice          Status = C.FM_E_DEVICE
	ErrLimit           Status = C.FM_E_LIMIT
	ErrCanceled        Status = C.FM_E_CANCELED
	ErrState           Status = C.FM_E_STATE // a detector, an embedder or a calibration is missing
	ErrModelMismatch   Status = C.FM_E_MODEL_MISMATCH
	ErrPermission      Status = C.FM_E_PERMISSION
	ErrExists          Status = C.FM_E_EXISTS
	ErrBusy            Status = C.FM_E_BUSY
	ErrRefused         Status = C.FM_E_REFUSED // by the enrolment gate, or as unfit to train on
	ErrTraining        Status = C.FM_E_TRAINING
	ErrNotLive         Status = C.FM_E_NOT_LIVE
)

// ErrClosed is the error of a call on what was closed.
var ErrClosed = errors.New("facematch: used after Close")

// String is the status's name in C, such as "FM_E_NOT_FOUND".
func (s Status) String() string { return C.GoString(C.fm_status_name(C.fm_status(s))) }

func (s Status) Error() string { return s.String() }

// Error is what a call failed with.
type Error struct {
	Status  Status
	Message string // one line, with concrete values
	cause   error
}

func (e *Error) Error() string { return "facematch: " + e.Message }

// Is tells whether target is the error's status.
func (e *Error) Is(target error) bool {
	status, ok := target.(Status)
	return ok && status == e.Status
}

// Unwrap gives the error of the context or of the caller's own function that stopped the call, if any.
func (e *Error) Unwrap() error { return e.cause }

func noError() C.fm_error {
	return C.fm_error{struct_size: C.sizeof_fm_error}
}

func answer(status C.fm_status, failure *C.fm_error) error {
	if status == C.FM_OK {
		return nil
	}
	return &Error{Status: Status(status), Message: C.GoString(&failure.message[0])}
}

// refuse is for what C cannot see, such as the lengths of Go's slices.
func refuse(format string, values ...any) error {
	return &Error{Status: ErrInvalidArgument, Message: fmt.Sprintf(format, values...)}
}

// caused adds why the caller's own code stopped the call.
func caused(err, cause error) error {
	var failure *Error
	if cause != nil && errors.As(err, &failure) {
		failure.cause = cause
		failure.Message += ": " + cause.Error()
	}
	return err
}
