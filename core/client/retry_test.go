package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/client"
)

func retrying(n int) func(*client.Options) {
	return func(o *client.Options) {
		o.Retries = n
		o.AckTimeout = 50 * time.Millisecond
	}
}

// CC19: events leave one at a time, in order, each after the acknowledgement of the
// one before.
func TestRetriesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s := sc.new("/", retrying(10))
		s.Emit("a")
		s.Emit("b")
		answer := make(chan string, 1)
		go func() {
			v, err := client.Call[string](t.Context(), s, "c")
			answer <- fmt.Sprint(v, err)
		}()
		synctest.Wait()
		s.Open()
		p := sc.acceptSocket()
		p.want(`420["a"]`)
		synctest.Wait() // while "a" is being written it would be lost
		s.Volatile().Emit("volatile")
		p.want(`42["volatile"]`)
		p.send("430[]")
		p.want(`421["b"]`)
		p.send("431[]")
		p.want(`422["c"]`)
		p.send(`432["done"]`)
		want(t, answer, "done<nil>")
		time.Sleep(time.Second)
		s.Emit("d")
		p.want(`423["d"]`)
		p.send("433[]")
		synctest.Wait()
	})
}

// CC19: without an answer an event is sent Retries+1 times, then the next has its turn.
func TestRetriesGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failures := make(chan string, 10)
		sc := scripted(t)
		s, p := sc.open(retrying(3), func(o *client.Options) {
			o.ErrorHandler = func(_ *client.Socket, event string, err error) {
				failures <- fmt.Sprint(event, errors.Is(err, context.DeadlineExceeded))
			}
		})
		start := time.Now()
		s.Emit("a")
		p.want(`420["a"]`, `420["a"]`, `420["a"]`, `420["a"]`)
		want(t, failures, "atrue")
		if d := time.Since(start); d != 200*time.Millisecond {
			t.Errorf("it took %v", d)
		}
		_, err := s.Ask(t.Context(), "b")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Ask = %v", err)
		}
		p.want(`421["b"]`, `421["b"]`, `421["b"]`, `421["b"]`)
		go func() { // an answer that is late for its own try counts
			time.Sleep(75 * time.Millisecond)
			p.send("432[7]")
		}()
		if n, err := client.Call[int](t.Context(), s, "c"); n != 7 || err != nil {
			t.Errorf("Call = %d, %v", n, err)
		}
		p.want(`422["c"]`, `422["c"]`)
	})
}

// What was not acknowledged is sent again on the next connection, first of all, and
// nothing while there is none.
func TestRetriesReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s, p := sc.open(retrying(3))
		for n := range 3 {
			s.Emit("n", n)
		}
		p.want(`420["n",0]`)
		p.cut()
		s.OnConnect(func(context.Context) { s.Emit("connected") })
		p = sc.acceptSocket()
		p.want(`420["n",0]`)
		p.send("430[]")
		p.want(`421["n",1]`)
		s.Disconnect()
		p.want("41", "closed")
		time.Sleep(time.Minute)
		s.Open()
		p = sc.acceptSocket()
		p.want(`421["n",1]`)
		p.send("431[]")
		p.want(`422["n",2]`)
		p.send("432[]")
		p.want(`423["connected"]`)
		p.send("433[]")
		p.want(`424["connected"]`)
		p.send("434[]")
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		p.want("41", "closed")
	})
}

// A call that nobody waits for any more is not sent.
func TestRetryForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s, p := sc.open(retrying(100))
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
		defer cancel()
		go s.Ask(ctx, "first")
		synctest.Wait()
		sooner, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		go s.Ask(sooner, "second")
		synctest.Wait()
		s.Emit("third")
		p.want(`420["first"]`, `420["first"]`, `422["third"]`)
		p.send("432[]")
		synctest.Wait()
	})
}

// Close waits for the acknowledgements, as long as it may.
func TestCloseWithRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s, p := sc.open(retrying(3))
		s.Emit("a")
		s.Emit("b")
		go func() {
			p.want(`420["a"]`)
			time.Sleep(10 * time.Millisecond)
			p.send("430[]")
			p.want(`421["b"]`)
			p.send("431[]")
			p.want("41")
		}()
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := s.Ask(t.Context(), "c"); err != client.ErrClosed {
			t.Error(err)
		}
		if err := s.Emit("c"); err != client.ErrClosed {
			t.Error(err)
		}
	})
}
