package engineio_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/engineio"
)

// actor is a Handler whose messages say what it is to do.
type actor struct {
	*recorder
	// How often Lend was granted, and how often not: the turn may have been cut short before,
	// if the machine is busy.
	lent, refused atomic.Int32
	gate          chan struct{}
	yield         bool
}

func (a *actor) OnMessage(data []byte, _ bool) {
	a.messages <- message{string(data), false}
	switch string(data) {
	case "answer":
		for _, m := range []string{"a", "b", "c"} {
			a.session.Send(&engineio.Outgoing{Data: []byte(m)})
		}
	case "block":
		a.session.Send(&engineio.Outgoing{Data: []byte("blocking")})
		<-a.gate
	case "lend", "lend and exit":
		slow := func() {
			a.session.Send(&engineio.Outgoing{Data: []byte("lent")})
			if a.yield {
				a.session.Yield()
			}
			<-a.gate
			if string(data) == "lend and exit" {
				runtime.Goexit()
			}
		}
		if a.session.Lend() {
			a.lent.Add(1)
			slow()
		} else {
			a.refused.Add(1)
			go slow()
		}
	case "exit":
		runtime.Goexit()
	case "abort and exit":
		a.session.Abort(engineio.ForcedClose, nil)
		runtime.Goexit()
	}
}

// startActor connects a client to a session that is an actor.
func startActor(t *testing.T) (*fixture, *conn, *actor) {
	t.Helper()
	a := &actor{gate: make(chan struct{})}
	var f *fixture
	f = start(t, &engineio.Options{OnConnection: func(s *engineio.Session) engineio.Handler {
		a.recorder = f.record(s)
		return a
	}})
	c, _, _ := f.openWS(t)
	return f, c, a
}

// eachActor runs a test over TCP, and in memory with a clock that stands still as long as
// anybody has something to do: there a turn lasts until Lend, so each loan is granted.
func eachActor(t *testing.T, test func(*testing.T, *fixture, *conn, *actor)) {
	t.Run("TCP", func(t *testing.T) {
		f, c, a := startActor(t)
		test(t, f, c, a)
	})
	t.Run("memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, c, a, stop := startActorInMemory(t)
			defer stop()
			test(t, f, c, a)
			if n := a.refused.Load(); n != 0 {
				t.Errorf("%d loans were refused", n)
			}
		})
	})
}

// startActorInMemory is startActor within a synctest bubble; call stop before it ends.
func startActorInMemory(t *testing.T) (f *fixture, c *conn, a *actor, stop func()) {
	t.Helper()
	a = &actor{gate: make(chan struct{})}
	f, stop = startInMemory(t, &engineio.Options{OnConnection: func(s *engineio.Session) engineio.Handler {
		a.recorder = f.record(s)
		return a
	}})
	c = f.dialPipe(t, "")
	c.read(t)
	return f, c, a, stop
}

func (a *actor) wantAnswer(t *testing.T, c *conn) {
	t.Helper()
	a.wantMessage(t, "answer")
	for _, m := range []string{"4a", "4b", "4c"} {
		c.want(t, m)
	}
}

func TestTurn(t *testing.T) {
	_, c, a := startActor(t)
	for range 3 {
		c.send(t, "4answer")
		c.send(t, "4answer")
		for range 2 {
			a.wantAnswer(t, c)
		}
	}
	// Who reads does not answer while it blocks, but nothing is kept back for long.
	c.send(t, "4block")
	c.send(t, "4behind")
	a.wantMessage(t, "block")
	c.want(t, "4blocking")
	if len(a.messages) != 0 {
		t.Error("a message was read in OnMessage")
	}
	close(a.gate)
	a.wantMessage(t, "behind")
}

// A lent reader is replaced: messages are read on, one at a time, whatever becomes of it.
func TestLend(t *testing.T) {
	for _, what := range []string{"lend", "lend and exit"} {
		t.Run(what, func(t *testing.T) {
			eachActor(t, func(t *testing.T, _ *fixture, c *conn, a *actor) {
				c.send(t, "4"+what)
				a.wantMessage(t, what)
				c.want(t, "4lent")
				for range 3 {
					c.send(t, "4answer")
					a.wantAnswer(t, c)
				}
				c.send(t, "4"+what) // a second one, while the first one has not returned
				a.wantMessage(t, what)
				c.want(t, "4lent")
				close(a.gate)
				for range 100 {
					c.send(t, "4x")
				}
				for range 100 {
					a.wantMessage(t, "x")
				}
				c.send(t, "4"+what) // the gate is open: nobody has to be replaced, or takes over at once
				a.wantMessage(t, what)
				c.want(t, "4lent")
				c.send(t, "4y")
				a.wantMessage(t, "y")
				if lent, refused := a.lent.Load(), a.refused.Load(); lent+refused != 3 {
					t.Errorf("%d loans, %d refused", lent, refused)
				}
				c.Close()
				a.wantClosed(t, engineio.TransportClose)
			})
		})
	}
}

// OnMessage that ends its goroutine ends the session, which could not be read from.
func TestGoexit(t *testing.T) {
	_, c, a := startActor(t)
	c.send(t, "4exit")
	a.wantMessage(t, "exit")
	a.wantClosed(t, engineio.TransportError)
	c.wantClosed(t)
}

// And if the session has ended before, it is told so.
func TestGoexitAfterTheEnd(t *testing.T) {
	_, c, a := startActor(t)
	c.send(t, "4abort and exit")
	a.wantMessage(t, "abort and exit")
	a.wantClosed(t, engineio.ForcedClose)
	c.wantClosed(t)
}

// Nobody waits for a reader that is lent.
func TestCloseWhileLent(t *testing.T) {
	for name, end := range map[string]func(*fixture, *actor){
		"close":    func(f *fixture, _ *actor) { f.engine.Close() },
		"shutdown": func(f *fixture, _ *actor) { f.engine.Shutdown(context.Background()) },
		"abort":    func(_ *fixture, a *actor) { a.session.Abort(engineio.TransportError, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			eachActor(t, func(t *testing.T, f *fixture, c *conn, a *actor) {
				c.send(t, "4lend")
				a.wantMessage(t, "lend")
				for a.lent.Load()+a.refused.Load() == 0 { // otherwise OnMessage would be waited for, as it should
					runtime.Gosched()
				}
				seen := make(chan error, 1)
				go func() {
					for {
						if _, _, err := c.ReadMessage(); err != nil {
							seen <- err
							return
						}
					}
				}()
				end(f, a)
				wait(t, a.closed, "OnClose")
				wait(t, seen, "end of the connection")
				f.engine.Close()
				close(a.gate)
			})
		})
	}
}

// Yield does not wait for the clock.
func TestYield(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c, a, stop := startActorInMemory(t)
		defer stop()
		a.yield = true
		begin := time.Now()
		c.send(t, "4lend")
		c.want(t, "4lent")
		c.send(t, "4x")
		a.wantMessage(t, "lend")
		a.wantMessage(t, "x")
		if d := time.Since(begin); d != 0 {
			t.Errorf("read on after %v", d)
		}
		close(a.gate)
	})
}

// A request cannot be lent: its answer is waited for.
func TestLendOnPolling(t *testing.T) {
	a := &actor{gate: make(chan struct{})}
	close(a.gate)
	var f *fixture
	f = start(t, &engineio.Options{OnConnection: func(s *engineio.Session) engineio.Handler {
		a.recorder = f.record(s)
		return a
	}})
	sid, _ := f.open(t)
	f.post(t, sid, "4lend").want(t, 200, "ok")
	if a.lent.Load() != 0 {
		t.Error("the goroutine of a request was lent")
	}
}
