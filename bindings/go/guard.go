package facematch

import "context"

// guard keeps panics of the caller's functions, which C calls and they must not unwind, until the call is over.
type guard struct{ panicked any }

func (g *guard) run(told func()) {
	defer func() {
		if raised := recover(); raised != nil && g.panicked == nil {
			g.panicked = raised
		}
	}()
	told()
}

// goOn tells, unless the context has ended; false: stop, since it has or since what was told panicked.
func (g *guard) goOn(ctx context.Context, told func()) bool {
	going := false
	g.run(func() { // the context may be the caller's, too
		if ctx.Err() == nil {
			told()
			going = true
		}
	})
	return going
}

// raise goes on in Go with a panic that was kept.
func (g *guard) raise() {
	if raised := g.panicked; raised != nil {
		g.panicked = nil
		panic(raised)
	}
}
