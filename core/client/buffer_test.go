package client_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gosocketio/sio/core/client"
)

// What waits for the connection is bounded, in messages and in bytes.
func TestBufferRejects(t *testing.T) {
	s, err := client.New(address, &client.Options{MaxBufferMessages: 3, MaxBufferBytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	if err := s.Emit("x", strings.Repeat("x", 1000)); err != client.ErrBufferFull {
		t.Errorf("Emit = %v", err)
	}
	if err := s.Emit("x", make([]byte, 1000)); err != client.ErrBufferFull {
		t.Errorf("Emit = %v", err)
	}
	for range 3 {
		if err := s.Emit("x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Emit("x"); err != client.ErrBufferFull {
		t.Errorf("Emit = %v", err)
	}
	if _, err := s.Ask(t.Context(), "x"); err != client.ErrBufferFull {
		t.Errorf("Ask = %v", err)
	}
}

// What is oldest makes room, if the options say so.
func TestBufferDropsOldest(t *testing.T) {
	for _, retries := range []int{0, 5} {
		t.Run(fmt.Sprint("retries ", retries), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sc := scripted(t)
				s := sc.new("/", func(o *client.Options) {
					o.MaxBufferMessages, o.MaxBufferBytes = 3, 1000
					o.BufferPolicy = client.BufferDropOldest
					o.Retries = retries
				})
				result := make(chan error, 1)
				go func() {
					_, err := s.Ask(t.Context(), "asked")
					result <- err
				}()
				synctest.Wait()
				for n := range 6 {
					if err := s.Emit("n", n); err != nil {
						t.Fatal(err)
					}
				}
				if err := receive(t, result); err != client.ErrBufferFull {
					t.Errorf("Ask = %v", err)
				}
				if err := s.Emit("x", strings.Repeat("x", 1000)); err != client.ErrBufferFull {
					t.Errorf("Emit = %v", err)
				}
				if err := s.Emit("x", strings.Repeat("x", 950)); err != nil {
					t.Errorf("Emit = %v", err)
				}
				s.Emit("n", 6)
				s.Open()
				p := sc.acceptSocket()
				id := func(n int) string {
					if retries == 0 {
						return ""
					}
					return fmt.Sprint(n)
				}
				for _, e := range []struct {
					id   int
					want string
				}{{6, `["n",5]`}, {8, `["x",`}, {9, `["n",6]`}} {
					if got := p.next(); !strings.HasPrefix(got, "42"+id(e.id)+e.want) {
						t.Errorf("got %.20s, want %s", got, e.want)
					}
					if retries > 0 {
						p.send("43" + id(e.id) + "[]")
					}
				}
				synctest.Wait()
			})
		})
	}
}

// A connection whose queue is full takes the rest later, in order; what was kept is
// sent before what comes after, and acknowledgements are not lost.
func TestQueueFull(t *testing.T) {
	eachTransport(t, func(t *testing.T, transport func(*client.Options)) {
		h := serve(t, nil)
		echo(h.sio)
		s := h.new("/", transport, func(o *client.Options) { o.MaxBufferMessages = 100 })
		got := make(chan int, 10_000)
		client.On(s, "echo", func(_ context.Context, n int) error { got <- n; return nil })
		other := s.Of("/")
		next := 0
		for ; next < 100; next++ {
			if err := s.Emit("echo", next); err != nil {
				t.Fatal(err)
			}
		}
		connect(t, other)
		for next < 3000 {
			if err := s.Emit("echo", next); err == nil {
				next++
			} else if err != client.ErrBufferFull {
				t.Fatal(err)
			} else if n, err := client.Call[int](soon(t), s, "echo", 5); err != client.ErrBufferFull && (n != 5 || err != nil) {
				t.Fatal(n, err)
			}
		}
		if err := s.Close(soon(t)); err != nil {
			t.Fatal(err)
		}
		for n := range next {
			select {
			case v := <-got:
				if v != n {
					t.Fatalf("%d comes after %d", v, n-1)
				}
			default:
				return // it was closed before the rest came back
			}
		}
	})
}

// The size of everything that is emitted while a slow server does not read is bounded.
func TestSlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s, p := sc.open(func(o *client.Options) { o.MaxBufferBytes = 100_000 })
		resume := p.stop()
		big := strings.Repeat("x", 10_000)
		full := 0
		for range 1000 {
			if s.Emit("x", big) == client.ErrBufferFull {
				full++
			}
		}
		if full < 960 { // besides the limit, twice, there is what is on its way
			t.Errorf("only %d of 1000 events were refused", full)
		}
		resume()
		for range 1000 - full {
			if got := p.next(); !strings.HasPrefix(got, `42["x"`) {
				t.Fatalf("got %.10s", got)
			}
		}
		synctest.Wait()
		if err := s.Emit("y"); err != nil {
			t.Error(err)
		}
		p.want(`42["y"]`)
	})
}
