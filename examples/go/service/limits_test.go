package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"libfacematch/facematch"
)

func TestWhatIsSentAway(t *testing.T) {
	small := defaultLimits
	small.bytes, small.pixels = 400_000, 200_000
	s := opened(t, small)
	routes := s.routes()
	for _, test := range []struct {
		method, path string
		data         []byte
		code         int
	}{
		{"GET", "/health", nil, http.StatusOK},
		{"GET", "/identify", nil, http.StatusMethodNotAllowed},
		{"POST", "/people/a%00b", photo(t, "obama.jpg")[:10], http.StatusUnsupportedMediaType},
		{"POST", "/identify", []byte("not a picture"), http.StatusUnsupportedMediaType},
		{"POST", "/identify", nil, http.StatusUnsupportedMediaType},
		{"POST", "/identify", make([]byte, 400_001), http.StatusRequestEntityTooLarge},
		{"POST", "/identify", photo(t, "obama.jpg"), http.StatusRequestEntityTooLarge}, // pixels
		{"POST", "/identify", []byte("P6 64 64 255\n" + strings.Repeat("abc", 64*64)), http.StatusUnprocessableEntity},
	} {
		ask(t, routes, test.method, test.path, test.data, test.code, nil)
	}
	for range cap(s.line) {
		s.line <- struct{}{}
	}
	ask(t, routes, "POST", "/identify", nil, http.StatusServiceUnavailable, nil)
}

func TestNobodyWaitsForEver(t *testing.T) {
	impatient := defaultLimits
	impatient.patience = 20 * time.Millisecond
	s := opened(t, impatient)
	_ = s.pool.Use(context.Background(), func(*facematch.Session) error { // the only one
		ask(t, s.routes(), "POST", "/identify", photo(t, "obama.jpg"), http.StatusServiceUnavailable, nil)
		return nil
	})
}
