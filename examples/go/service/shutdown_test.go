package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
)

// TestShutdown asks a real server, and ends it while it works.
func TestShutdown(t *testing.T) {
	routes := opened(t, defaultLimits).routes()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	began, ended := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		ended <- serve(ctx, listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			once.Do(func() { close(began) })
			routes.ServeHTTP(w, r)
		}))
	}()
	go func() {
		<-began
		stop()
	}()
	response, err := http.Post("http://"+listener.Addr().String()+"/identify", "image/jpeg", bytes.NewReader(photo(t, "biden.jpg")))
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response, err)
	}
	_ = response.Body.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := http.Get("http://" + listener.Addr().String() + "/health"); err == nil {
		t.Error("it still answers")
	}
}
