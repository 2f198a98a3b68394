//go:build linux

package hardening_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// handlers are what the clients can have the server do.
func (a *app) handlers() {
	a.travelHandlers()
	socketio.OnCall(a.sio, "echo", func(_ context.Context, _ *socketio.Socket, n int) (int, error) { return n, nil })
	socketio.On(a.sio, "noise", func(context.Context, *socketio.Socket, int) error { return nil })
	socketio.On(a.sio, "say", func(_ context.Context, _ *socketio.Socket, n int) error {
		return a.sio.To("everybody").Emit("said", n)
	})
	socketio.OnCall(a.sio, "sleep", func(_ context.Context, _ *socketio.Socket, ms int) (int, error) {
		time.Sleep(time.Duration(ms) * time.Millisecond)
		return ms, nil
	})
	// hold keeps its socket busy until the test says so.
	socketio.On(a.sio, "hold", func(context.Context, *socketio.Socket, socketio.None) error {
		a.held.Add(1)
		defer a.held.Add(-1)
		<-a.release
		return nil
	})
	socketio.On(a.sio, "panic", func(context.Context, *socketio.Socket, socketio.None) error { panic("as asked") })
}

// Order is what the server is to do with the socket of a tag.
type Order struct {
	Tag   string
	What  string
	Bytes int           // of each event of a flood
	Pause time.Duration // between two of them
}

// Do does it. Filling goes on until the queue is full, a flood in the background until the
// socket has ended.
func (c *Control) Do(o Order, _ *bool) error {
	s, err := c.app.socket(o.Tag)
	if err != nil {
		return err
	}
	switch o.What {
	case "Disconnect(false)":
		s.Disconnect(false)
	case "Disconnect(true)":
		s.Disconnect(true)
	case "DisconnectSockets":
		return c.app.sio.To(roomOf(o.Tag)).DisconnectSockets(true)
	case "emit":
		return s.Emit("text", strings.Repeat("x", o.Bytes))
	case "farewell":
		for i := range farewells {
			s.Emit("down", i+1)
			time.Sleep(o.Pause)
		}
		s.Disconnect(true)
	case "fill":
		fill(s, strings.Repeat("x", o.Bytes))
	case "flood":
		go flood(s, o)
	default:
		return fmt.Errorf("unknown order %q", o.What)
	}
	return nil
}

// fill sends until the queue stays full: until the kernel takes no more, either.
func fill(s *socketio.Socket, text string) {
	for full := 0; full < 20; full++ {
		for s.Emit("fill", text) == nil {
			full = 0
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func flood(s *socketio.Socket, o Order) {
	text := strings.Repeat("x", o.Bytes)
	for s.Emit("flood", text) == nil {
		if o.Pause > 0 {
			time.Sleep(o.Pause)
		}
	}
}

// Broadcast sends all an event of that many bytes, and says how long that took.
func (c *Control) Broadcast(bytes int, took *time.Duration) error {
	text := strings.Repeat("x", bytes)
	began := time.Now()
	err := c.app.sio.Emit("text", text)
	*took = time.Since(began)
	return err
}

// Release lets the handlers that are held return.
func (c *Control) Release(_ bool, _ *bool) error {
	close(c.app.release)
	return nil
}

// lastWords is the event that goes before a shutdown.
const lastWords = "last words"

// Shutdown says some last words to all and shuts the server down within a time.
func (c *Control) Shutdown(within time.Duration, result *ShutdownResult) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for i := range 3 {
		c.app.sio.Emit(lastWords, i+1)
	}
	began := time.Now()
	if err := c.app.sio.Shutdown(ctx); err != nil {
		result.Error = err.Error()
	}
	result.Took = time.Since(began)
	return nil
}

// ShutdownResult is what came of a Shutdown.
type ShutdownResult struct {
	Error string
	Took  time.Duration
}
