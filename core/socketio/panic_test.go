package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"runtime"
	"testing"

	"github.com/gosocketio/sio/core/socketio"
)

// bomb is a value that cannot even be looked at.
type bomb struct{}

func (bomb) MarshalJSON() ([]byte, error) { panic("bomb") }

// nilError is what a function returns that forgets that a nil pointer in an error
// is not nil.
type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

// Whatever user code panics while a socket connects or disconnects, the process
// and the other sockets live on.
func TestPanicsWhileConnecting(t *testing.T) {
	boom := func() { panic("boom") }
	middleware := func(f func() error) func(*socketio.Server, *socketio.Options) {
		return func(s *socketio.Server, _ *socketio.Options) {
			s.Of("/x").Use(func(context.Context, *socketio.Socket) error { return f() })
		}
	}
	for name, c := range map[string]struct {
		opts  socketio.Options
		setUp func(*socketio.Server, *socketio.Options)
		want  string
	}{
		"data of a refusal":      {setUp: middleware(func() error { return socketio.Reject("no", bomb{}) }), want: `44/x,{"message":"no"}`},
		"error in a nil pointer": {setUp: middleware(func() error { return (*nilError)(nil) }), want: `44/x,{"message":"internal error"}`},
		"nil *Error":             {setUp: middleware(func() error { return (*socketio.Error)(nil) }), want: `44/x,{"message":"internal error"}`},
		"ErrorHandler after a middleware": {
			opts:  socketio.Options{ErrorHandler: func(*socketio.Socket, string, error) { boom() }},
			setUp: middleware(func() error { boom(); return nil }), want: `44/x,{"message":"internal error"}`,
		},
		"Trace.Refused": {
			opts:  socketio.Options{Trace: &socketio.Trace{Refused: func(string, error) { boom() }}},
			setUp: middleware(func() error { return errors.New("no") }), want: `44/x,{"message":"no"}`,
		},
		"OnNewNamespace": {
			setUp: func(s *socketio.Server, _ *socketio.Options) {
				s.OfMatch(regexp.MustCompile("^/x$"))
				s.OnNewNamespace(func(*socketio.Namespace) { boom() })
			},
			want: `44/x,{"message":"internal error"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, &c.opts)
			barrier(h.sio)
			c.setUp(h.sio, &c.opts)
			cl := h.connect()
			for range 2 { // the second time nothing is left of the first
				cl.send("40/x,")
				cl.want(c.want)
			}
			cl.sync()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := h.sio.Shutdown(ctx); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		})
	}
}

func TestPanicsInTraceHooks(t *testing.T) {
	boom := func(*socketio.Socket) { panic("boom") }
	h := serve(t, &socketio.Options{Trace: &socketio.Trace{
		Connected:    boom,
		Disconnected: func(s *socketio.Socket, _ socketio.Reason) { boom(s) },
	}})
	done := make(chan struct{})
	h.sio.OnDisconnect(func(*socketio.Socket, socketio.Reason) { close(done) })
	c := h.connect()
	c.close()
	receive(t, done)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := h.sio.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// A panic in one function for the disconnect does not keep the others from
// cleaning up.
func TestPanicInOnDisconnect(t *testing.T) {
	h := serve(t, &socketio.Options{ErrorHandler: func(*socketio.Socket, string, error) {}})
	calls := make(chan string, 4)
	h.sio.OnDisconnecting(func(*socketio.Socket, socketio.Reason) { panic("boom") })
	h.sio.OnDisconnecting(func(*socketio.Socket, socketio.Reason) { calls <- "disconnecting" })
	h.sio.OnDisconnect(func(*socketio.Socket, socketio.Reason) { panic("boom") })
	h.sio.OnDisconnect(func(*socketio.Socket, socketio.Reason) { calls <- "disconnect" })
	h.connect().close()
	if a, b := receive(t, calls), receive(t, calls); a != "disconnecting" || b != "disconnect" {
		t.Errorf("%s, %s", a, b)
	}
}

// Values of sockets are encoded without a lock of the socket, and a panic there
// harms nobody.
func TestValuesWithCode(t *testing.T) {
	h := serve(t, &socketio.Options{Recovery: &socketio.Recovery{}})
	key := socketio.NewKey[any]("value")
	h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		key.Set(s, curious{s})
		socketio.NewKey[bomb]("bomb").Set(s, bomb{})
		return nil
	})
	done := make(chan struct{})
	h.sio.OnDisconnect(func(*socketio.Socket, socketio.Reason) { close(done) })
	barrier(h.sio)
	c := h.connect()
	c.sync()
	c.close()
	receive(t, done)
}

// curious is a value that looks at its socket when it is encoded.
type curious struct{ s *socketio.Socket }

func (c curious) MarshalJSON() ([]byte, error) { return json.Marshal(len(c.s.Rooms())) }

// A handler may end its goroutine, as t.Fatal does in a test.
func TestGoexitInHandlers(t *testing.T) {
	h := serve(t, nil)
	barrier(h.sio)
	socketio.On(h.sio, "exit", func(context.Context, *socketio.Socket, socketio.None) error { runtime.Goexit(); return nil })
	done := make(chan struct{})
	h.sio.OnDisconnect(func(*socketio.Socket, socketio.Reason) { close(done); runtime.Goexit() })
	c := h.connect()
	c.send(`42["exit"]`, `42["exit"]`)
	c.sync()
	c.close()
	receive(t, done)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := h.sio.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}
