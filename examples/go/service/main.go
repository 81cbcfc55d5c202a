// Service enrols people and says who is in a photograph, over HTTP.
//
//	service -models models -gallery people.fmg &
//	curl --data-binary @anna.jpg localhost:8080/people/anna
//	curl --data-binary @somebody.jpg localhost:8080/identify
//
// It asks nobody who they are: put it behind something that does.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"libfacematch/facematch"
)

func main() {
	address := flag.String("listen", "localhost:8080", "where to listen")
	models := flag.String("models", "models", "folder with default.pt and mtcnn.pt")
	gallery := flag.String("gallery", "people.fmg", "the gallery: a path or a postgresql:// URI")
	limits := defaultLimits
	flag.IntVar(&limits.sessions, "sessions", runtime.NumCPU(), "photographs worked on at once")
	flag.DurationVar(&limits.patience, "patience", limits.patience, "how long a request may wait for its turn")
	flag.Parse()
	if err := run(*address, *models, *gallery, limits); err != nil {
		log.Fatal(err)
	}
}

func run(address, models, gallery string, limits limits) error {
	s, err := open(models, gallery, limits)
	if err != nil {
		return err
	}
	defer s.close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	log.Printf("listening on %s", listener.Addr())
	return serve(ctx, listener, s.routes())
}

// serve answers until the context ends, then lets the requests that run come to their end.
func serve(ctx context.Context, listener net.Listener, routes http.Handler) error {
	server := &http.Server{
		Handler:           routes,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    1 << 14,
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		stopped <- server.Shutdown(patience)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// open loads the models and opens the gallery.
func open(models, gallery string, limits limits) (*service, error) {
	embedder, err := facematch.LoadModel(filepath.Join(models, "default.pt"), nil)
	if err != nil {
		return nil, err
	}
	defer embedder.Close() // sessions and the gallery keep it
	detector, err := facematch.LoadModel(filepath.Join(models, "mtcnn.pt"), nil)
	if err != nil {
		return nil, err
	}
	defer detector.Close()
	pool, err := facematch.NewPool(limits.sessions, embedder, &facematch.SessionOptions{Detector: detector})
	if err != nil {
		return nil, err
	}
	people, err := facematch.OpenGallery(gallery, embedder, nil)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &service{pool, people, limits, make(chan struct{}, limits.sessions+limits.waiting)}, nil
}
