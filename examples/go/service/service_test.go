package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func fromEnv(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}

var photos = fromEnv("FACEMATCH_PHOTOS", "../../../build/photos")

func opened(t *testing.T, limits limits) *service {
	t.Helper()
	models := fromEnv("FACEMATCH_MODELS", "../../../models")
	if _, err := os.Stat(filepath.Join(models, "default.pt")); err != nil {
		t.Skipf("%v: set FACEMATCH_MODELS and FACEMATCH_PHOTOS", err)
	}
	s, err := open(models, filepath.Join(t.TempDir(), "people.fmg"), limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func photo(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(photos, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// ask wants the code, and reads the answer into body.
func ask(t *testing.T, routes http.Handler, method, path string, data []byte, code int, body any) {
	t.Helper()
	w := httptest.NewRecorder()
	routes.ServeHTTP(w, httptest.NewRequest(method, path, bytes.NewReader(data)))
	if w.Code != code {
		t.Fatalf("%s %s: %d, not %d: %s", method, path, w.Code, code, w.Body)
	}
	if body != nil {
		if err := json.Unmarshal(w.Body.Bytes(), body); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPeople(t *testing.T) {
	routes := opened(t, defaultLimits).routes()
	obama, biden := photo(t, "obama.jpg"), photo(t, "biden.jpg")
	var done enrolled
	ask(t, routes, "POST", "/people/obama", obama, http.StatusCreated, &done)
	if done.ID != "obama" || done.Templates != 1 || done.Quality <= 0 {
		t.Error(done)
	}
	var found identified
	ask(t, routes, "POST", "/identify", photo(t, "obama2.jpg"), http.StatusOK, &found)
	if len(found.Matches) != 1 || found.Matches[0].ID != "obama" || found.Matches[0].Score < found.Threshold {
		t.Error(found)
	}
	ask(t, routes, "POST", "/identify", biden, http.StatusOK, &found)
	if len(found.Matches) != 0 || found.Faces != 1 {
		t.Error(found)
	}
	ask(t, routes, "POST", "/people/another", obama, http.StatusUnprocessableEntity, nil) // looks like obama
	ask(t, routes, "DELETE", "/people/obama", nil, http.StatusNoContent, nil)
	ask(t, routes, "DELETE", "/people/obama", nil, http.StatusNotFound, nil)
}
