package client

import (
	"context"
	"testing"

	"github.com/gosocketio/sio/core/internal/eioclient"
)

// stuckEngine takes its time to close.
type stuckEngine struct{ *nullEngine }

func (e stuckEngine) Close(ctx context.Context) error {
	<-e.closed
	return nil
}

// A server that goes on sending nonsense to a connection that is being given up gets
// no goroutine for each message.
func TestNonsenseGoesOn(t *testing.T) {
	s := fuzzed(t, 0)
	l := s.m.link
	l.conn = stuckEngine{l.conn.(*nullEngine)}
	for range 1000 {
		l.OnMessage([]byte("nonsense"), false)
	}
	s.m.tasks.mu.Lock()
	n := s.m.tasks.n
	s.m.tasks.mu.Unlock()
	if n != 1 {
		t.Errorf("%d goroutines", n)
	}
	l.conn.Abort("", nil)
	if err := s.m.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// endedEngine is a connection that has ended, which nobody knows yet.
type endedEngine struct{ *nullEngine }

func (e endedEngine) Send(...eioclient.Message) error { return eioclient.ErrClosed }

// Volatile events are lost with a connection that has just ended; others are kept.
func TestVolatileAtTheEnd(t *testing.T) {
	s := fuzzed(t, 0)
	l := s.m.link
	l.OnMessage([]byte(`0{"sid":"a"}`), false)
	l.conn = endedEngine{l.conn.(*nullEngine)}
	if err := s.Volatile().Emit("x"); err != nil {
		t.Error(err)
	}
	if _, err := s.Volatile().Ask(t.Context(), "x"); err != ErrDropped {
		t.Errorf("Ask = %v", err)
	}
	if err := s.Emit("y"); err != nil {
		t.Error(err)
	}
	if n := len(s.outbox.kept); n != 1 {
		t.Errorf("%d events are kept", n)
	}
	l.conn.Abort("", nil)
	if err := s.m.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
