package main

import (
	"context"
	"io"
	"net/http"
	"time"

	"libfacematch/facematch"
)

// limits keep strangers from taking all memory and time.
type limits struct {
	sessions int           // photographs worked on at once
	waiting  int           // further requests that may wait; more are sent away
	patience time.Duration // how long one waits
	bytes    int64         // of a photograph's file
	pixels   uint64
}

var defaultLimits = limits{sessions: 1, waiting: 32, patience: 10 * time.Second, bytes: 10 << 20, pixels: 25_000_000}

type service struct {
	pool   *facematch.Pool
	people *facematch.Gallery
	limits limits
	line   chan struct{} // whoever is served or waits has a place in it
}

func (s *service) close() {
	s.pool.Close()
	s.people.Close()
}

func (s *service) routes() http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("POST /people/{id}", s.withPhoto(s.enroll))
	routes.HandleFunc("DELETE /people/{id}", s.remove)
	routes.HandleFunc("POST /identify", s.withPhoto(s.identify))
	routes.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "well") })
	return routes
}

type handler func(session *facematch.Session, photo *facematch.Image, r *http.Request) (status int, body any, err error)

// withPhoto reads the photograph and waits for a session, within the limits.
func (s *service) withPhoto(handle handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.line <- struct{}{}:
			defer func() { <-s.line }()
		default:
			refuse(w, errBusy)
			return
		}
		data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.limits.bytes))
		if err != nil {
			refuse(w, err)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.limits.patience)
		defer cancel()
		status, body := 0, any(nil)
		err = s.pool.Use(ctx, func(session *facematch.Session) error {
			// Decoded by those alone who have a session: so many pictures are in memory and no more.
			photo, err := facematch.DecodeImage(data, &facematch.ImageOptions{MaxPixels: s.limits.pixels})
			if err != nil {
				return err
			}
			defer photo.Close()
			status, body, err = handle(session, photo, r)
			return err
		})
		if err != nil {
			refuse(w, err)
			return
		}
		answer(w, status, body)
	}
}
