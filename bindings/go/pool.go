package facematch

import "context"

// Pool is several sessions of the same models, each of which serves one goroutine at a time.
type Pool struct {
	sessions []*Session
	free     chan *Session
}

// NewPool makes size sessions.
func NewPool(size int, embedder *Model, options *SessionOptions) (*Pool, error) {
	if size < 1 {
		return nil, refuse("a pool of %d sessions", size)
	}
	pool := &Pool{free: make(chan *Session, size)}
	for range size {
		session, err := NewSession(embedder, options)
		if err != nil {
			_ = pool.Close()
			return nil, err
		}
		pool.sessions = append(pool.sessions, session)
		pool.free <- session
	}
	return pool, nil
}

// Use waits for a session, or for the context's end, and calls work with it.
func (p *Pool) Use(ctx context.Context, work func(*Session) error) error {
	if err := ctx.Err(); err != nil {
		return canceled(err)
	}
	select {
	case session := <-p.free:
		defer func() { p.free <- session }()
		return work(session)
	case <-ctx.Done():
		return canceled(ctx.Err())
	}
}

// Close closes the sessions.
func (p *Pool) Close() error {
	for _, session := range p.sessions {
		_ = session.Close()
	}
	return nil
}
