package main

import (
	"errors"
	"net/http"

	"libfacematch/facematch"
)

type enrolled struct {
	ID        string  `json:"id"`
	Templates int     `json:"templates"`
	Quality   float32 `json:"quality"`
}

func (s *service) enroll(session *facematch.Session, photo *facematch.Image, r *http.Request) (int, any, error) {
	id := r.PathValue("id")
	done, err := s.people.Enroll(session, id, photo, nil)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, enrolled{id, done.Templates, done.Report.Quality.Quality}, nil
}

type match struct {
	ID    string  `json:"id"`
	Score float32 `json:"score"`
	FMR   float64 `json:"false_match_rate"`
}

type identified struct {
	Matches   []match `json:"matches"` // none: nobody of this gallery
	Threshold float32 `json:"threshold"`
	Faces     int     `json:"faces"`
}

func (s *service) identify(session *facematch.Session, photo *facematch.Image, _ *http.Request) (int, any, error) {
	found, err := s.people.Identify(session, photo, nil)
	if err != nil {
		return 0, nil, err
	}
	told := identified{[]match{}, found.Threshold, found.Faces}
	for _, m := range found.Matches {
		told.Matches = append(told.Matches, match{m.ID, m.Score, m.FMR})
	}
	return http.StatusOK, told, nil
}

func (s *service) remove(w http.ResponseWriter, r *http.Request) {
	_, err := s.people.Remove(r.PathValue("id"))
	if errors.Is(err, facematch.ErrNotFound) {
		answer(w, http.StatusNotFound, map[string]string{"error": "no such person"})
	} else if err != nil {
		refuse(w, err)
	} else {
		w.WriteHeader(http.StatusNoContent)
	}
}
