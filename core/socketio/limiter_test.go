package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// Needs row 56: what comes too fast is refused, and told so if it asks, and the rest
// is handled in order.
func TestEventLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refused []string
		h := serve(t, &socketio.Options{
			EventLimiter: socketio.TokenBuckets(1, 3),
			Trace: &socketio.Trace{EventRefused: func(_ *socketio.Socket, event string, err error) {
				refused = append(refused, fmt.Sprint(event, " ", err))
			}},
		})
		barrier(h.sio)
		seen := 0
		h.sio.OnAny(func(context.Context, *socketio.Event) { seen++ })
		a, b := h.connect(), h.connect()
		for i := range 5 {
			a.send(fmt.Sprintf(`42%d["barrier"]`, i))
			if i < 3 {
				a.want(fmt.Sprintf(`43%d[]`, i))
			} else {
				a.want(fmt.Sprintf(`43%d[{"error":"rate limited"}]`, i))
			}
		}
		a.send(`42["barrier"]`)
		b.sync() // others have buckets of their own
		time.Sleep(999 * time.Millisecond)
		a.send(`426["barrier"]`)
		a.want(`436[{"error":"rate limited"}]`)
		time.Sleep(time.Millisecond)
		a.sync()
		time.Sleep(time.Hour) // no more than the burst is saved up
		for i := range 4 {
			a.send(fmt.Sprintf(`42%d["barrier"]`, i))
			want := fmt.Sprintf(`43%d[]`, i)
			if i == 3 {
				want = `433[{"error":"rate limited"}]`
			}
			a.want(want)
		}
		h.sio.Close()
		if want := 3 + 1 + 1 + 3; seen != want {
			t.Errorf("%d events were seen, want %d", seen, want)
		}
		if len(refused) != 5 || refused[0] != "barrier rate limited" {
			t.Errorf("Trace: %q", refused)
		}
		if n := strings.Count(h.log.String(), "event refused"); n != 2 { // an hour lies between them
			t.Errorf("%d lines in the log:\n%s", n, h.log)
		}
	})
}

// limiter is an EventLimiter of a test.
type limiter func(event string) error

func (l limiter) Allow(event string) error { return l(event) }

// A limiter sees what the middleware found out, decides by the event, and may
// disconnect the socket. Its errors are made public like those of handlers.
func TestEventLimiterDecides(t *testing.T) {
	role := socketio.NewKey[string]("role")
	h := serve(t, &socketio.Options{
		ErrorReply: func(err error) any { return "no: " + err.Error() },
		EventLimiter: func(s *socketio.Socket) socketio.EventLimiter {
			if who, _ := role.Get(s); who == "admin" {
				return nil
			}
			return limiter(func(event string) error {
				switch event {
				case "leave":
					s.Disconnect(true)
				case "barrier":
					return nil
				}
				return errors.New("not for you")
			})
		},
	})
	barrier(h.sio)
	h.sio.Use(func(_ context.Context, s *socketio.Socket) error {
		var auth struct{ Role string }
		if err := s.Auth(&auth); err != nil {
			return err
		}
		role.Set(s, auth.Role)
		return nil
	})
	handled := make(chan string, 10)
	for _, event := range []string{"secret", "leave"} {
		socketio.On(h.sio, event, func(_ context.Context, s *socketio.Socket, _ socketio.None) error {
			handled <- event
			return nil
		})
	}
	admin, guest := h.dial(), h.dial()
	admin.join("/", `{"role":"admin"}`)
	guest.join("/", `{"role":"guest"}`)
	admin.send(`421["secret"]`)
	admin.want(`431[]`)
	guest.send(`421["secret"]`)
	guest.want(`431["no: not for you"]`)
	guest.sync()
	guest.send(`42["leave"]`)
	guest.want("41")
	guest.wantClosed()
	if got := receive(t, handled); got != "secret" || len(handled) > 0 {
		t.Error("a refused event was handled")
	}
}

// A limiter that panics hurts its own socket only.
func TestEventLimiterPanics(t *testing.T) {
	errs := make(chan error, 2)
	h := serve(t, &socketio.Options{
		ErrorHandler: func(_ *socketio.Socket, _ string, err error) { errs <- err },
		EventLimiter: func(s *socketio.Socket) socketio.EventLimiter {
			if s.Handshake().Auth != nil {
				panic("ouch")
			}
			return limiter(func(event string) error {
				if event == "panic" {
					panic("ouch")
				}
				return nil
			})
		},
	})
	barrier(h.sio)
	a, b := h.connect(), h.connect()
	a.send(`42["panic"]`)
	a.want("41")
	c := h.dial()
	c.send(`40{"a":1}`)
	c.want(`44{"message":"internal error"}`)
	b.sync()
	for range 2 {
		if p := (*socketio.PanicError)(nil); !errors.As(receive(t, errs), &p) {
			t.Error("no PanicError")
		}
	}
}

func TestTokenBucketPanics(t *testing.T) {
	for _, make := range []func(){
		func() { socketio.NewTokenBucket(0, 1) },
		func() { socketio.NewTokenBucket(1, 0) },
		func() { socketio.TokenBuckets(-1, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			make()
		}()
	}
}

// One bucket serves many sockets, also at the same time.
func TestTokenBucketIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bucket := socketio.NewTokenBucket(10, 100)
		var done sync.WaitGroup
		var mu sync.Mutex
		n := 0
		for range 8 {
			done.Go(func() {
				for range 100 {
					if bucket.Allow("x") == nil {
						mu.Lock()
						n++
						mu.Unlock()
					}
				}
			})
		}
		done.Wait()
		if n != 100 {
			t.Errorf("%d of a burst of 100 were allowed", n)
		}
		time.Sleep(time.Second)
		for n = 0; bucket.Allow("x") == nil; n++ {
		}
		if n != 10 {
			t.Errorf("%d of 10 per second were allowed", n)
		}
	})
}

// Each user has one bucket, however many connections.
func ExampleTokenBuckets() {
	user := socketio.NewKey[string]("user")
	var buckets sync.Map // of name to bucket; forget those of users who are long gone
	sio := socketio.NewServer(&socketio.Options{
		EventLimiter: func(s *socketio.Socket) socketio.EventLimiter {
			name, _ := user.Get(s) // set by the middleware
			bucket, _ := buckets.LoadOrStore(name, socketio.NewTokenBucket(50, 100))
			return bucket.(*socketio.TokenBucket)
		},
	})
	sio.Use(func(_ context.Context, s *socketio.Socket) error {
		user.Set(s, "ann")
		return nil
	})
	fmt.Println(sio.Namespaces())
	// Output: [/]
}
