package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/parser"
)

// CC11: leaving and coming back in the connect handler is one disconnect.
func TestLeaveAndComeBackInHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		s := h.new("/")
		told := record(s)
		var once sync.Once
		s.OnConnect(func(context.Context) {
			once.Do(func() {
				s.Disconnect()
				s.Open()
			})
		})
		s.Open()
		told.want(t, "connect", "disconnect: io client disconnect", "connect")
		time.Sleep(time.Minute)
		synctest.Wait()
		told.wantNone(t)
	})
}

// CC5: coming back to a namespace on a connection that is open takes one CONNECT, and
// being active none. CC25.
func TestPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s, p := sc.open()
		foo := s.Of("/foo")
		foo.Open()
		foo.Open()
		p.want("40/foo,")
		p.send(`40/foo,{"sid":"foo"}`)
		connect(t, foo)
		foo.Emit("x", 1, []byte{1})
		p.want(`451-/foo,["x",1,{"_placeholder":true,"num":0}]`, "b:\x01")
		foo.Disconnect()
		p.want("41/foo,")
		foo.Open()
		p.want("40/foo,")
		s.Disconnect()
		p.want("41")
		foo.Disconnect() // before the server answered: the connection is not needed any more
		p.want("closed")
	})
}

// A socket that leaves before the server has answered says so when it has, and one
// that is back by then does not ask again. (The reference client leaves the server with
// a socket that nobody has.)
func TestLeaveBeforeAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s, p := sc.open()
		foo := s.Of("/foo")
		told := record(foo)
		foo.Open()
		p.want("40/foo,")
		foo.Disconnect()
		p.send(`40/foo,{"sid":"1"}`)
		p.want("41/foo,")
		told.wantNone(t)
		foo.Open()
		p.want("40/foo,")
		foo.Disconnect()
		foo.Open()
		p.send(`40/foo,{"sid":"2"}`)
		told.want(t, "connect")
		if foo.ID() != "2" {
			t.Errorf("id %q", foo.ID())
		}
		foo.Emit("x")
		p.want(`42/foo,["x"]`)
	})
}

// CC9: a server of version 2 is recognized.
func TestLegacyServer(t *testing.T) {
	sc := scripted(t)
	s := sc.new("/")
	told := make(chan error, 1)
	s.OnConnectError(func(err error) { told <- err })
	s.Open()
	p := sc.accept()
	p.want("40")
	p.send("40")
	if err := receive(t, told); !strings.Contains(err.Error(), "version 2") {
		t.Error(err)
	}
	p.want("closed")
}

// CC10: a refusal by text alone, as old servers send it; the connection is closed.
func TestRefusalText(t *testing.T) {
	sc := scripted(t)
	s := sc.new("/")
	done := make(chan error, 1)
	go func() { done <- s.Connect(soon(t)) }()
	p := sc.accept()
	p.want("40")
	p.send(`44"Invalid namespace"`)
	var refused *client.ConnectError
	if err := receive(t, done); !errors.As(err, &refused) || refused.Message != "Invalid namespace" || refused.Data != nil {
		t.Errorf("Connect = %v", err)
	}
	p.want("closed")
}

// What reached the client before its CONNECT was answered is handled before OnConnect.
func TestEarlyEvents(t *testing.T) {
	sc := scripted(t)
	s := sc.new("/")
	got := make(chan string, 10)
	client.On(s, "early", func(_ context.Context, text string) error { got <- text; return nil })
	s.OnConnect(func(context.Context) { got <- "connect" })
	s.Open()
	p := sc.accept()
	p.want("40")
	p.send(`42["early","1"]`, `42["early","2"]`, `40{"sid":"x"}`, `42["early","3"]`)
	want(t, got, "1", "2", "connect", "3")
}

// Events that arrived before a disconnect reach their handlers, and those of a new
// connection come behind OnDisconnect.
func TestOrderAroundDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s := sc.new("/", func(o *client.Options) { o.MaxInflight = 2 })
		var got []string
		gate := make(chan struct{})
		client.On(s, "n", func(_ context.Context, n int) error {
			<-gate
			got = append(got, fmt.Sprint(n))
			return nil
		})
		s.OnConnect(func(context.Context) { got = append(got, "connect") })
		s.OnDisconnect(func(client.Reason, error) { got = append(got, "disconnect") })
		s.Open()
		p := sc.acceptSocket()
		for n := range 6 {
			p.send(fmt.Sprintf(`42["n",%d]`, n))
		}
		synctest.Wait() // the reader waits for room by now
		s.Disconnect()
		s.Open()
		p = sc.acceptSocket()
		p.send(`42["n",9]`)
		synctest.Wait()
		close(gate)
		synctest.Wait()
		if all := strings.Join(got, " "); all != "connect 0 1 2 3 disconnect connect 9" {
			t.Error(all)
		}
	})
}

// The server has to wait while handlers are busy, but not for an answer that a handler
// waits for.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s := sc.new("/", func(o *client.Options) { o.MaxInflight = 2 })
		handled := 0
		gate, asked := make(chan struct{}), make(chan error, 1)
		client.On(s, "n", func(ctx context.Context, n int) error {
			if n == 0 {
				<-gate
				_, err := client.Call[int](ctx, s, "question")
				asked <- err
			}
			handled++
			return nil
		})
		received := 0
		s.Manager().Of("/") // the same
		s.Open()
		p := sc.acceptSocket()
		for n := range 100 {
			p.send(fmt.Sprintf(`42["n",%d]`, n))
		}
		p.send(`430["x"]`)
		synctest.Wait()
		if s.Manager().PingExpired() {
			t.Error("expired")
		}
		_ = received
		close(gate)
		synctest.Wait()
		p.want(`420["question"]`)
		if err := receive(t, asked); err == nil {
			t.Error("x is an int")
		}
		synctest.Wait()
		if handled != 100 {
			t.Errorf("%d handled", handled)
		}
	})
}

// CC18: calls end with the connection, unless they wait to be sent; what is sent after
// a Disconnect is kept and answered later.
func TestCallsAtDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s, p := sc.open()
		results := make(chan error, 2)
		ask := func(event string) {
			_, err := s.Ask(soon(t), event)
			results <- err
		}
		go ask("sent")
		p.want(`420["sent"]`)
		s.Disconnect()
		if err := receive(t, results); err != client.ErrDisconnected {
			t.Errorf("Ask = %v", err)
		}
		go ask("kept")
		synctest.Wait()
		s.Open()
		p = sc.acceptSocket()
		p.want(`421["kept"]`)
		p.send("430[]", "431[]") // the first is of nobody
		if err := receive(t, results); err != nil {
			t.Errorf("Ask = %v", err)
		}
		go ask("broken")
		p.want(`422["broken"]`)
		p.cut()
		if err := receive(t, results); err != client.ErrDisconnected {
			t.Errorf("Ask = %v", err)
		}
		sc.acceptSocket()
	})
}

// An answer to what has not been sent is none. It may be on its way to a socket of the
// same namespace that was closed: ids begin anew with each.
func TestAnswerTooSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s := sc.new("/")
		result := make(chan string, 1)
		go func() {
			answer, err := client.Call[string](t.Context(), s, "question")
			result <- fmt.Sprint(answer, " ", err)
		}()
		synctest.Wait()
		s.Open()
		p := sc.accept()
		p.want("40")
		p.send(`430["of another"]`, `40{"sid":"x"}`)
		p.want(`420["question"]`)
		p.send(`430["right"]`)
		want(t, result, "right <nil>")
	})
}

// CC17: an event whose call has timed out is not sent any more.
func TestCallTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s := sc.new("/", func(o *client.Options) { o.AckTimeout = 50 * time.Millisecond })
		start := time.Now()
		if _, err := s.Ask(t.Context(), "x"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 50*time.Millisecond {
			t.Errorf("Ask = %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Ask(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 1050*time.Millisecond {
			t.Errorf("Ask = %v after %v", err, time.Since(start))
		}
		s.Emit("y")
		s.Open()
		p := sc.acceptSocket()
		p.want(`42["y"]`)
		if _, err := s.Ask(t.Context(), "z"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Ask = %v", err)
		}
		p.want(`422["z"]`)
		p.send("432[]")
		synctest.Wait()
	})
}

// CC15: volatile events are lost unless they can leave at once.
func TestVolatile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s := sc.new("/")
		if err := s.Volatile().Emit("lost"); err != nil {
			t.Error(err)
		}
		if _, err := s.Volatile().Ask(t.Context(), "lost"); err != client.ErrDropped {
			t.Error(err)
		}
		s.Open()
		p := sc.acceptSocket()
		synctest.Wait()
		s.Volatile().Compress(false).Emit("sent")
		p.want(`42["sent"]`)
		synctest.Wait()
		s.Emit("big", strings.Repeat("x", 1<<20)) // fills the network, so that this is being written
		s.Volatile().Emit("lost")
		s.Emit("last")
		if got := p.next(); !strings.HasPrefix(got, `42["big"`) {
			t.Errorf("got %.20q", got)
		}
		p.want(`42["last"]`)
	})
}

// Handlers that see everything (CC16).
func TestCatchAll(t *testing.T) {
	sc := scripted(t)
	s, p := sc.open()
	seen := make(chan string, 10)
	s.OnAny(func(_ context.Context, event string, args parser.Args) { seen <- fmt.Sprint("1 ", event, args.Len()) })
	s.OnAny(func(_ context.Context, event string, args parser.Args) { seen <- fmt.Sprint("2 ", event, args.Len()) })
	client.On(s, "x", func(context.Context, client.None) error { seen <- "x"; return nil })
	s.OnAnyOutgoing(func(event string, args []any) { seen <- fmt.Sprint("out ", event, args) })
	p.send(`42["x",1]`, `451-["y",{"_placeholder":true,"num":0},2]`, "b:\x01")
	want(t, seen, "1 x1", "2 x1", "x", "1 y2", "2 y2")
	s.Emit("z", 1, "a")
	want(t, seen, "out z[1 a]")
	p.want(`42["z",1,"a"]`)
}

// CC22: what cannot be decoded ends the connection, and another is made.
func TestParseError(t *testing.T) {
	for name, bad := range map[string]string{"type": "4abc", "json": `42["x"`, "binary": "b:\x01", "reserved": `42["connect"]`} {
		t.Run(name, func(t *testing.T) {
			sc := scripted(t)
			s, p := sc.open()
			told := record(s)
			p.send(bad)
			told.want(t, "disconnect: parse error")
			p.want("closed")
			sc.acceptSocket().send(`42["fine"]`)
			told.want(t, "connect")
		})
	}
}

// A server cannot make a client keep more than it wants to.
func TestFlood(t *testing.T) {
	t.Run("before the answer", func(t *testing.T) {
		sc := scripted(t)
		s := sc.new("/", func(o *client.Options) { o.MaxBufferMessages = 10 })
		told := record(s)
		s.Open()
		p := sc.accept()
		p.want("40")
		for range 11 {
			p.send(`42["x"]`)
		}
		told.want(t, "error")
		p.want("closed")
		sc.acceptSocket()
		told.want(t, "connect")
	})
	t.Run("while a handler asks", func(t *testing.T) {
		sc := scripted(t)
		s, p := sc.open(func(o *client.Options) { o.MaxInflight = 1 })
		told := record(s)
		client.On(s, "x", func(ctx context.Context, _ client.None) error {
			_, err := s.Ask(ctx, "question")
			if err == client.ErrDisconnected {
				return nil
			}
			return err
		})
		p.send(`42["x"]`)
		p.want(`420["question"]`)
		for range 5000 {
			if p.ws.WriteMessage(1, []byte(`42["y"]`)) != nil {
				break
			}
		}
		told.want(t, "disconnect: transport error")
		sc.acceptSocket()
		told.want(t, "connect")
	})
}

// Close sends what waits, tells the server and waits for handlers, whose context it
// ends.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s, p := sc.open()
		ended := false
		client.On(s, "long", func(ctx context.Context, _ client.None) error {
			<-ctx.Done()
			time.Sleep(time.Second)
			ended = context.Cause(ctx) == client.ErrClosed
			return nil
		})
		p.send(`42["long"]`)
		synctest.Wait()
		go s.Ask(context.Background(), "never answered")
		synctest.Wait()
		for i := range 100 {
			s.Emit("n", i)
		}
		if err := s.Close(t.Context()); err != nil || !ended {
			t.Errorf("Close = %v, handler ended: %t", err, ended)
		}
		p.want(`420["never answered"]`)
		for i := range 100 {
			p.want(fmt.Sprintf(`42["n",%d]`, i))
		}
		p.want("41", "closed")
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("second Close = %v", err)
		}
		s.Open()
		if s.Active() {
			t.Error("opened after Close")
		}
		if _, err := s.Ask(t.Context(), "x"); err != client.ErrClosed {
			t.Errorf("Ask = %v", err)
		}
	})
}

// Close gives up with its context.
func TestCloseInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s, p := sc.open()
		gate := make(chan struct{})
		defer close(gate)
		client.On(s, "stuck", func(context.Context, client.None) error { <-gate; return nil })
		p.send(`42["stuck"]`)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close = %v", err)
		}
	})
}

// Close in a handler does not wait for itself.
func TestCloseInHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s, p := sc.open()
		result := make(chan error, 1)
		client.On(s, "bye", func(ctx context.Context, _ client.None) error {
			result <- s.Close(ctx)
			return nil
		})
		p.send(`42["bye"]`)
		if err := receive(t, result); !errors.Is(err, context.Canceled) {
			t.Errorf("Close = %v", err)
		}
		p.want("41", "closed")
	})
}

// Connect waits for what Open began, and leaves that going.
func TestConnectAfterOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sc := scripted(t)
		s := sc.new("/")
		s.Open()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Connect(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Connect = %v", err)
		}
		if !s.Active() {
			t.Error("Connect ended what Open began")
		}
		sc.acceptSocket()
		connect(t, s)
		other := s.Of("/x")
		ctx2, cancel2 := context.WithTimeout(t.Context(), time.Second)
		defer cancel2()
		if err := other.Connect(ctx2); !errors.Is(err, context.DeadlineExceeded) || other.Active() {
			t.Errorf("Connect = %v, active: %t", err, other.Active())
		}
	})
}

func TestBadURLs(t *testing.T) {
	for _, url := range []string{"ftp://x", "http://", "http://x:port", "http://x/a,b", "http://[::1"} {
		if _, err := client.New(url, nil); err == nil {
			t.Errorf("%q is accepted", url)
		}
	}
	for name, o := range map[string]*client.Options{
		"two auths": {Auth: 1, AuthFunc: func(context.Context, string) (any, error) { return nil, nil }},
		"jitter":    {Reconnection: client.Reconnection{Jitter: 2}},
		"transport": {Transports: []string{"pigeon"}},
		"retries":   {Retries: 1, AckTimeout: -1},
	} {
		if _, err := client.New(address, o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
