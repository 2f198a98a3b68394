package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// OnAnyOutgoing may send, also with recovery, which orders what is sent.
func TestOnAnyOutgoingMaySend(t *testing.T) {
	h := serve(t, &socketio.Options{Recovery: &socketio.Recovery{}})
	h.sio.OnAnyOutgoing(func(s *socketio.Socket, event string, _ []any) {
		if event != "audit" {
			h.sio.To("auditors").Emit("audit", event)
			s.Emit("audit", event)
		}
	})
	socketio.On(h.sio, "go", func(_ context.Context, s *socketio.Socket, _ socketio.None) error {
		h.sio.Emit("all")
		return s.Emit("one")
	})
	c := h.connect()
	c.send(`42["go"]`)
	var got []string
	for range 4 {
		event, _ := offsetOf(t, c.next())
		got = append(got, event)
	}
	slices.Sort(got)
	if want := []string{`42["all"]`, `42["audit","all"]`, `42["audit","one"]`, `42["one"]`}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// A Call in a handler gets its answer also if the reader waited for room before
// the question was asked.
func TestCallWhileReaderWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{MaxInflight: 1})
		gate, result := make(chan struct{}), ""
		socketio.On(h.sio, "start", func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
			<-gate
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			answer, err := socketio.Call[string](ctx, s, "question")
			result = fmt.Sprint(answer, err)
			return nil
		})
		c := h.connect()
		go func() {
			for _, m := range []string{`42["start"]`, `42["n"]`, `42["n"]`, `42["n"]`, `431["tea"]`} {
				c.write(1, m) // the answer is on its way before the question
			}
		}()
		synctest.Wait()
		close(gate)
		c.want(`421["question"]`)
		synctest.Wait()
		time.Sleep(2 * time.Second)
		if result != "tea<nil>" {
			t.Errorf("Call: %q", result)
		}
		h.sio.Close()
	})
}

// A client that is asked and does not answer cannot make the server keep all
// that it sends.
func TestFloodWhileAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{MaxInflight: 2, ErrorHandler: func(*socketio.Socket, string, error) {}})
		var reason socketio.Reason
		h.sio.OnDisconnect(func(_ *socketio.Socket, r socketio.Reason) { reason = r })
		socketio.On(h.sio, "start", func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
			s.Ask(ctx, "question")
			return nil
		})
		c := h.connect()
		c.send(`42["start"]`)
		c.want(`421["question"]`)
		sent := 0
		for ; sent < 10_000 && c.write(1, `42["n"]`) == nil; sent++ {
		}
		if sent == 10_000 {
			t.Error("the server reads and keeps everything")
		}
		synctest.Wait()
		if reason != socketio.ForcedServerClose {
			t.Errorf("reason %q", reason)
		}
		h.sio.Close()
	})
}

// The event that the reader is about to queue when its socket is disconnected is
// handled before OnDisconnect.
func TestDisconnectComesLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{MaxInflight: 1})
		gate, got := make(chan struct{}), ""
		socketio.On(h.sio, "ev", func(_ context.Context, s *socketio.Socket, n int) error {
			if n == 1 {
				<-gate
				s.Disconnect(false)
			}
			got += fmt.Sprint(n, " ")
			return nil
		})
		h.sio.OnDisconnect(func(*socketio.Socket, socketio.Reason) { got += "disconnect" })
		c := h.connect()
		c.send(`42["ev",1]`)
		synctest.Wait()
		c.send(`42["ev",2]`, `42["ev",3]`)
		synctest.Wait()
		close(gate)
		synctest.Wait()
		if got != "1 2 3 disconnect" {
			t.Error(got)
		}
		h.sio.Close()
	})
}

// What OnNewNamespace registers, be it authentication, holds for the first client
// and for one that comes at the same time.
func TestOnNewNamespaceComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		gate := make(chan struct{})
		h.sio.OfMatch(regexp.MustCompile("^/x$"))
		h.sio.OnNewNamespace(func(n *socketio.Namespace) {
			<-gate
			n.Use(func(context.Context, *socketio.Socket) error { return errors.New("unauthorized") })
		})
		a, b := h.dial(), h.dial()
		a.send("40/x,")
		synctest.Wait()
		b.send("40/x,")
		synctest.Wait()
		close(gate)
		a.want(`44/x,{"message":"unauthorized"}`)
		b.want(`44/x,{"message":"unauthorized"}`)
		h.sio.Close()
	})
}

// A client that the server takes out of a namespace may come back at once.
func TestDisconnectedNamespace(t *testing.T) {
	h := serve(t, nil)
	n := h.sio.Of("/x")
	sockets := make(chan *socketio.Socket, 1)
	n.OnConnect(func(_ context.Context, s *socketio.Socket) error { sockets <- s; return nil })
	c := h.connect()
	for range 200 {
		c.join("/x", "")
		s := receive(t, sockets)
		go s.Disconnect(false)
		c.want("41/x,")
	}
}

func TestConcurrentDisconnectsSendOnePacket(t *testing.T) {
	h := serve(t, nil)
	barrier(h.sio)
	sockets := make(chan *socketio.Socket, 1)
	n := h.sio.Of("/x")
	n.OnConnect(func(_ context.Context, s *socketio.Socket) error { sockets <- s; return nil })
	c := h.connect()
	for range 100 {
		c.join("/x", "")
		s := receive(t, sockets)
		done := make(chan struct{})
		for range 4 {
			go func() { s.Disconnect(false); done <- struct{}{} }()
		}
		for range 4 {
			<-done
		}
		c.want("41/x,")
		c.sync()
	}
}

// With recovery in a single process, clients that are gone are not waited for.
func TestAskAllWithRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{Recovery: &socketio.Recovery{}})
		a, b := h.connect(), h.connect()
		go func() {
			a.next()
			a.send(`431["yes"]`)
			b.next()
			b.close()
		}()
		start, got, last := time.Now(), 0, error(nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for _, err := range socketio.CallAll[string](ctx, h.sio, "still here?") {
			if last = err; err == nil {
				got++
			}
		}
		var missing *socketio.MissingError
		if got != 1 || !errors.As(last, &missing) || missing.Sockets != 1 || time.Since(start) > time.Minute {
			t.Errorf("%d answers, %v after %v", got, last, time.Since(start))
		}
		h.sio.Close()
	})
}

// What the handlers of a socket do after it was recovered by another does not
// change the rooms of that one, which has the same id.
func TestLateHandlersLeaveTheRecoveredAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{Recovery: &socketio.Recovery{}})
		gate := make(chan struct{})
		socketio.On(h.sio, "slow", func(_ context.Context, s *socketio.Socket, _ socketio.None) error {
			<-gate
			s.Join("late")
			return nil
		})
		h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { s.Join("lobby"); return s.Emit("hi") })
		h.sio.OnDisconnect(func(s *socketio.Socket, _ socketio.Reason) { s.Leave("lobby") })
		c := h.dial()
		sid, pid := c.join("/", "")
		offset := c.wantLogged(`42["hi"]`)
		c.send(`42["slow"]`)
		c.close()
		synctest.Wait()
		c = h.dial()
		if again, _ := c.join("/", fmt.Sprintf(`{"pid":%q,"offset":%q}`, pid, offset)); again != sid {
			t.Fatal("not recovered")
		}
		close(gate)
		synctest.Wait()
		s, _ := h.sio.Socket(sid)
		if got := s.Rooms(); !slices.Contains(got, "lobby") || slices.Contains(got, "late") {
			t.Errorf("rooms %q", got)
		}
		h.sio.Close()
	})
}

// A child namespace is kept for as long as its last session can be recovered.
func TestChildNamespaceIsKeptForRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{Recovery: &socketio.Recovery{MaxDisconnection: time.Minute}})
		h.sio.OfMatch(regexp.MustCompile("^/x$"))
		var made int
		h.sio.OnNewNamespace(func(*socketio.Namespace) { made++ })
		for range 5 {
			c := h.dial()
			c.join("/x", "")
			c.close()
			synctest.Wait()
			time.Sleep(59 * time.Second)
		}
		if made != 1 {
			t.Errorf("the namespace was made %d times", made)
		}
		time.Sleep(2 * time.Second)
		if got := h.sio.Namespaces(); len(got) != 1 {
			t.Errorf("it is never removed: %q", got)
		}
		h.sio.Close()
	})
}

// Clients come and go while their child namespace is removed and made again: each
// new one is part of the cluster.
func TestChildNamespaceComesBack(t *testing.T) {
	h := serve(t, &socketio.Options{Recovery: &socketio.Recovery{MaxDisconnection: time.Nanosecond}})
	h.sio.OfMatch(regexp.MustCompile("^/x$"))
	clients := []*client{h.dial(), h.dial(), h.dial()}
	done := make(chan struct{})
	for _, c := range clients {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 200 {
				c.write(1, "40/x,")
				c.next()
				c.write(1, "41/x,")
			}
		}()
	}
	for range clients {
		<-done
	}
	if strings.Contains(h.log.String(), "alone") {
		t.Error(h.log.String())
	}
}

// v2 clients have one id for each namespace and connection: a quick return while
// the middleware of the first try still runs must not make a socket without rooms.
func TestVersion2QuickReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{AllowEIO3: true})
		gate := make(chan struct{})
		n := h.sio.Of("/x")
		n.Use(func(context.Context, *socketio.Socket) error { <-gate; return nil })
		c := h.open("EIO=3")
		c.want("40")
		c.send("40/x,")
		synctest.Wait()
		c.send("41/x,", "40/x,")
		synctest.Wait()
		close(gate)
		if c.next() == "40/x," && n.Count() != 1 {
			t.Errorf("connected, but %d sockets", n.Count())
		}
		h.sio.Close()
	})
}

// A client that leaves right after an event is no failure of the handler, and an
// acknowledgement that cannot be sent any more is not sent.
func TestReplyToOneWhoLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failed []error
		h := serve(t, &socketio.Options{ErrorHandler: func(_ *socketio.Socket, _ string, err error) { failed = append(failed, err) }})
		gate := make(chan struct{})
		socketio.On(h.sio, "ev", func(context.Context, *socketio.Socket, socketio.None) error { <-gate; return nil })
		var reply error
		h.sio.Handle("raw", socketio.HandlerFunc(func(_ context.Context, e *socketio.Event) error {
			reply = e.Reply("x")
			return nil
		}))
		h.sio.Of("/b")
		c := h.connect("/b", "/")
		c.send(`421["ev"]`, `422["raw"]`, "41")
		synctest.Wait()
		close(gate)
		synctest.Wait()
		if len(failed) > 0 {
			t.Errorf("ErrorHandler got %v", failed)
		}
		if !errors.Is(reply, socketio.ErrDisconnected) {
			t.Errorf("Reply: %v", reply)
		}
		h.sio.Close()
	})
}

// Shutdown tells its reason also to sockets that are connecting when it begins.
func TestShutdownReasonOfConnecting(t *testing.T) {
	h := serve(t, nil)
	begun, ended := make(chan struct{}), make(chan error, 1)
	h.sio.Use(func(ctx context.Context, _ *socketio.Socket) error {
		close(begun)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return ctx.Err()
	})
	h.dial().send("40")
	receive(t, begun)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := h.sio.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	var d *socketio.DisconnectError
	if err := receive(t, ended); !errors.As(err, &d) || d.Reason != socketio.ServerShuttingDown {
		t.Errorf("cause %v", err)
	}
}

// Event middleware is made once for each handler, not for each event.
func TestEventMiddlewareIsMadeOnce(t *testing.T) {
	h := serve(t, nil)
	barrier(h.sio)
	made := 0
	count := func(next socketio.Handler) socketio.Handler { made++; return next }
	d := h.sio.OfMatch(regexp.MustCompile("^/x$"))
	d.UseEvents(count)
	reply := socketio.HandlerFunc(func(_ context.Context, e *socketio.Event) error { return e.Reply() })
	h.sio.OnNewNamespace(func(n *socketio.Namespace) {
		n.UseEvents(count)
		n.Handle("a", reply)
		n.OnConnect(func(_ context.Context, s *socketio.Socket) error { s.Handle("b", reply); return nil })
	})
	c := h.connect("/x")
	for range 10 {
		c.send(`42/x,1["a"]`, `42/x,2["b"]`)
		c.want("43/x,1[]", "43/x,2[]")
	}
	if made > 8 {
		t.Errorf("middleware was made %d times", made)
	}
}

// A client that missed more than fits its queue is not recovered, rather than
// disconnected for it again and again.
func TestMissedMoreThanFits(t *testing.T) {
	for _, opts := range []*socketio.Options{{MaxQueueMessages: 20}, {MaxQueueBytes: 10_000}} { // an event takes 256 bytes besides its own
		opts.Recovery = &socketio.Recovery{}
		synctest.Test(t, func(t *testing.T) { testMissedMoreThanFits(t, opts) })
	}
}

func testMissedMoreThanFits(t *testing.T, opts *socketio.Options) {
	h := serve(t, opts)
	h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Emit("hi") })
	c := h.dial()
	sid, pid := c.join("/", "")
	offset := c.wantLogged(`42["hi"]`)
	c.close()
	synctest.Wait()
	for range 100 {
		h.sio.Emit("missed")
	}
	p := h.poll("EIO=4")
	p.post(fmt.Sprintf(`40{"pid":%q,"offset":%q}`, pid, offset))
	synctest.Wait()
	if got := p.get(); !strings.HasPrefix(got, `40{"sid":`) || strings.Contains(got, sid) {
		t.Errorf("poll: %.100q", got)
	}
	h.sio.Close()
}

// User code may call back in from everywhere.
func TestCallsFromEveryHook(t *testing.T) {
	for _, recovery := range []*socketio.Recovery{nil, {}} {
		var sio *socketio.Server
		var depth atomic.Int32
		all := func(s *socketio.Socket) {
			if depth.Add(1) > 1000 { // hooks that send run hooks
				return
			}
			s.Join("r")
			s.Leave("r")
			s.Rooms()
			s.Emit("x")
			s.Broadcast().Emit("x")
			sio.To("r").Emit("x")
			sio.Of("/other").Emit("x")
			sio.FetchSockets(context.Background())
			sio.OnAny(func(context.Context, *socketio.Event) {})
			s.OnAny(func(context.Context, *socketio.Event) {})
			sio.Namespaces()
			sio.SocketsJoin("all")
		}
		opts := &socketio.Options{Recovery: recovery, ErrorHandler: func(s *socketio.Socket, _ string, _ error) { all(s) }}
		opts.Trace = &socketio.Trace{
			Connected:     all,
			Disconnected:  func(s *socketio.Socket, _ socketio.Reason) { all(s) },
			EventReceived: func(s *socketio.Socket, _ string) { all(s) },
			EventHandled:  func(s *socketio.Socket, _ string, _ time.Duration, _ error) { all(s) },
			EventSent: func(_, _ string, s *socketio.Socket, _ int) {
				if s != nil {
					s.Join("sent")
					sio.SocketsLeave("sent")
				}
			},
			Refused: func(string, error) { sio.Emit("refused"); sio.Of("/refused") },
		}
		h := serve(t, opts)
		sio = h.sio
		sio.Of("/no").Use(func(_ context.Context, s *socketio.Socket) error { all(s); return errors.New("no") })
		sio.Use(func(_ context.Context, s *socketio.Socket) error { all(s); return nil })
		sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { all(s); return errors.New("failed") })
		sio.OnAny(func(_ context.Context, e *socketio.Event) { all(e.Socket()) })
		sio.OnAnyOutgoing(func(s *socketio.Socket, _ string, _ []any) { s.Join("out"); sio.SocketsLeave("out") })
		sio.OnNewNamespace(func(n *socketio.Namespace) { sio.Of(n.Name()); sio.Of("/other2"); n.Emit("x") })
		sio.OnDisconnecting(func(s *socketio.Socket, _ socketio.Reason) { all(s); s.Disconnect(true) })
		done := make(chan error, 2)
		sio.OnDisconnect(func(s *socketio.Socket, _ socketio.Reason) { all(s); s.Disconnect(false) })
		socketio.On(sio, "ev", func(_ context.Context, s *socketio.Socket, _ socketio.None) error {
			all(s)
			go func() { done <- sio.Shutdown(context.Background()) }()
			return errors.New("failed")
		})
		c := h.dial()
		c.send("40", "40/no,", "40/nowhere,")
		for !strings.HasPrefix(c.next(), "40{") {
		}
		c.send(`421["ev"]`)
		if err := receive(t, done); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	}
}

// Sockets of many clients come and go in every way at once; in the end nothing is
// left, and each OnConnect has had one OnDisconnect.
func TestStormLeavesNothing(t *testing.T) {
	for _, opts := range []socketio.Options{{}, {Recovery: &socketio.Recovery{MaxDisconnection: time.Millisecond}}} {
		h := serve(t, &opts)
		var connected, disconnected, refused atomic.Int64
		d := h.sio.OfMatch(regexp.MustCompile(`^/t\d$`))
		d.Use(func(_ context.Context, s *socketio.Socket) error {
			if s.Join("early"); s.Namespace().Name() == "/t9" {
				refused.Add(1)
				return errors.New("no")
			}
			return nil
		})
		d.OnConnect(func(_ context.Context, s *socketio.Socket) error { connected.Add(1); return s.Emit("hello") })
		d.OnDisconnect(func(*socketio.Socket, socketio.Reason) { disconnected.Add(1) })
		socketio.On(d, "leave", func(_ context.Context, s *socketio.Socket, all bool) error { s.Disconnect(all); return nil })
		done := make(chan struct{})
		for i := range 16 {
			c := h.dial()
			go func() {
				defer func() { c.ws.Close(); done <- struct{}{} }()
				for j := range 100 {
					n := fmt.Sprintf("/t%d,", (i+j)%10)
					if c.write(1, "40"+n) != nil {
						return
					}
					for m := c.next(); !strings.HasPrefix(m, "4"+"0"+n) && !strings.HasPrefix(m, "44"+n) && m != "closed"; m = c.next() {
					}
					if (i+j)%10 == 9 {
						continue
					}
					switch j % 4 {
					case 0:
						c.write(1, "41"+n)
					case 1:
						c.write(1, "42"+n+`["leave",false]`)
						for m := c.next(); m != "41"+n && m != "closed"; m = c.next() {
						}
					case 2:
						d.To("early").DisconnectSockets(false)
						return
					case 3:
						c.write(1, "42"+n+`["leave",true]`)
					}
				}
			}()
		}
		for range 16 {
			<-done
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := h.sio.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		cancel()
		if connected.Load() == 0 || connected.Load() != disconnected.Load() {
			t.Errorf("%d connected, %d disconnected", connected.Load(), disconnected.Load())
		}
		for _, n := range d.Children() {
			if n.Count() != 0 {
				t.Errorf("%s has %d sockets", n.Name(), n.Count())
			}
		}
	}
}
