package main

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"

	"libfacematch/facematch"
)

var errBusy = errors.New("too many requests at once")

// codes says what a failure is in HTTP. What is not here is the service's own fault.
var codes = map[facematch.Status]int{
	facematch.ErrInvalidArgument: http.StatusBadRequest,
	facematch.ErrCorrupt:         http.StatusUnsupportedMediaType,
	facematch.ErrUnsupported:     http.StatusUnsupportedMediaType,
	facematch.ErrLimit:           http.StatusRequestEntityTooLarge,
	facematch.ErrNotFound:        http.StatusUnprocessableEntity, // no face
	facematch.ErrRefused:         http.StatusUnprocessableEntity,
	facematch.ErrCanceled:        http.StatusServiceUnavailable,
}

func refuse(w http.ResponseWriter, err error) {
	code, message := http.StatusInternalServerError, "internal error"
	var failure *facematch.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errBusy):
		code, message = http.StatusServiceUnavailable, err.Error()
	case errors.As(err, &tooLarge):
		code, message = http.StatusRequestEntityTooLarge, err.Error()
	case errors.As(err, &failure) && codes[failure.Status] != 0:
		code, message = codes[failure.Status], failure.Message
	default:
		log.Print(err)
	}
	if code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	answer(w, code, map[string]string{"error": message})
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		log.Print(err)
	}
}
