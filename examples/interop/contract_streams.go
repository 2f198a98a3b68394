package interop

import (
	"context"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

func (c *Contract) handleStreams(n socketio.Registrar) {
	socketio.On(n, "burst", func(_ context.Context, s *socketio.Socket, n int) error { return count(s, n) })
	socketio.On(n, "ticks", func(ctx context.Context, s *socketio.Socket, n int) error {
		c.tasks.Go(func() { tick(ctx, s, n) })
		return nil
	})
}

// count sends the numbers below n at once.
func count(s *socketio.Socket, n int) error {
	for i := range n {
		if err := s.Emit("n", i); err != nil {
			return err
		}
	}
	return nil
}

// tick sends the numbers below n at a steady pace.
func tick(ctx context.Context, s *socketio.Socket, n int) {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for i := range n {
		if s.Emit("n", i) != nil {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// recordSequence notes whether the numbers of a socket come in order. Handlers of
// one socket run one at a time, so nothing needs a lock.
func recordSequence(s *socketio.Socket) {
	seen, ordered := 0, true
	socketio.On(s, "seq", func(_ context.Context, _ *socketio.Socket, i int) error {
		ordered = ordered && i == seen
		seen++
		return nil
	})
	socketio.OnCall(s, "seq-report", func(context.Context, *socketio.Socket, socketio.None) (any, error) {
		return map[string]any{"count": seen, "ordered": ordered}, nil
	})
}
