package socketio_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// Needs row 10: concurrent handlers are overtaken by other events, run n at a time for
// each socket, and hold up what comes behind the n.
func TestConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		barrier(h.sio)
		release := make(chan struct{})
		socketio.OnCall(socketio.Concurrent(h.sio, 2), "slow", func(_ context.Context, _ *socketio.Socket, n int) (int, error) {
			<-release
			return n, nil
		})
		a, b := h.connect(), h.connect()
		a.send(`421["slow",1]`)
		a.sync()
		a.send(`422["slow",2]`)
		a.sync()
		a.send(`423["slow",3]`, `424["barrier"]`)
		b.send(`421["slow",4]`) // another socket has places of its own
		b.sync()
		synctest.Wait()
		release <- struct{}{}
		if first := a.next(); first != `431[1]` && first != `432[2]` && first != `434[]` {
			t.Errorf("got %s", first)
		}
		close(release)
		rest := map[string]bool{}
		for range 3 {
			rest[a.next()] = true
		}
		if len(rest) != 3 {
			t.Errorf("got %v", rest)
		}
		b.want(`431[4]`)
		h.sio.Close()
	})
}

// Errors and panics of concurrent handlers are those of any handler.
func TestConcurrentFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failures := make(chan error, 2)
		h := serve(t, &socketio.Options{ErrorHandler: func(_ *socketio.Socket, event string, err error) {
			if event != "fail" {
				t.Errorf("the event is %q", event)
			}
			failures <- err
		}})
		socketio.On(socketio.Concurrent(h.sio, 1), "fail", func(_ context.Context, _ *socketio.Socket, panics bool) error {
			if panics {
				panic("oh")
			}
			return &socketio.Error{Message: "no"}
		})
		c := h.connect()
		c.send(`421["fail",false]`)
		c.want(`431[{"error":"no"}]`)
		if err := receive(t, failures); err.Error() != "no" {
			t.Errorf("failure: %v", err)
		}
		c.send(`422["fail","x"]`)
		if got := c.next(); got == `432[]` {
			t.Errorf("got %s", got)
		}
		receive(t, failures)
		c.send(`42["fail",true]`)
		var p *socketio.PanicError
		if err := receive(t, failures); !errors.As(err, &p) || p.Value != "oh" {
			t.Errorf("failure: %v", err)
		}
		c.want("41")
		h.sio.Close()
	})
}

// Shutdown waits for concurrent handlers, and their context ends with the socket.
func TestConcurrentShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		begun := make(chan bool, 3)
		done := 0
		socketio.On(socketio.Concurrent(h.sio, 1), "slow", func(ctx context.Context, _ *socketio.Socket, _ socketio.None) error {
			begun <- true
			<-ctx.Done()
			time.Sleep(time.Minute)
			done++
			return nil
		})
		c := h.connect()
		c.send(`42["slow"]`, `42["slow"]`)
		receive(t, begun)
		if err := h.sio.Shutdown(context.Background()); err != nil || done < 1 {
			t.Errorf("Shutdown: %v, %d handlers were done", err, done)
		}
	})
}

func TestConcurrentPanics(t *testing.T) {
	sio := socketio.NewServer(nil)
	for name, f := range map[string]func(){
		"n":   func() { socketio.Concurrent(sio, 0) },
		"nil": func() { socketio.Concurrent(sio, 1).Handle("x", nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}
