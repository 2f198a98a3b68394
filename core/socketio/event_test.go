package socketio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gosocketio/sio/core/parser"
	"github.com/gosocketio/sio/core/socketio"
)

// SU7, SU8, SO1, SO2, SO6
func TestEvents(t *testing.T) {
	h := serve(t, nil)
	h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Emit("auth", s.Handshake().Auth) })
	h.sio.Handle("message", socketio.HandlerFunc(func(_ context.Context, e *socketio.Event) error {
		args := make([]any, e.Len())
		for i := range args {
			if err := e.Args().Decode(i, &args[i]); err != nil {
				return err
			}
		}
		if e.WantsReply() {
			return e.Reply(args...)
		}
		return e.Socket().Emit("message-back", args...)
	}))
	c := h.dial()
	c.join("/", `{"token":"123"}`)
	c.want(`42["auth",{"token":"123"}]`)
	c.send(`42["message",1,"2",{"3":[true,null]}]`)
	c.want(`42["message-back",1,"2",{"3":[true,null]}]`)
	c.send(`42["message"]`)
	c.want(`42["message-back"]`)
	c.send(`452-["message",{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":1}}]`, "b:\x01\x02", "b:\x03")
	c.want(`452-["message-back",{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":1}}]`, "b:\x01\x02", "b:\x03")
	c.send(`42456["message",1,"héé€😀"]`)
	c.want(`43456[1,"héé€😀"]`)
	c.send(`451-789["message",{"_placeholder":true,"num":0}]`, "b:xyz")
	c.want(`461-789[{"_placeholder":true,"num":0}]`, "b:xyz")
	big := strings.Repeat("x", 100_000)
	c.send(`42["message","` + big + `"]`)
	c.want(`42["message-back","` + big + `"]`)
}

type move struct {
	X, Y int
	Raw  []byte `json:"raw,omitempty"`
}

func TestTypedHandlers(t *testing.T) {
	errs := make(chan error, 10)
	h := serve(t, &socketio.Options{ErrorHandler: func(_ *socketio.Socket, _ string, err error) { errs <- err }})
	socketio.On(h.sio, "move", func(_ context.Context, s *socketio.Socket, m move) error { return s.Emit("moved", m) })
	socketio.OnCall(h.sio, "sum", func(_ context.Context, s *socketio.Socket, v []int) (int, error) {
		if len(v) == 0 {
			return 0, socketio.Reject("nothing to add", []int{})
		}
		n := 0
		for _, x := range v {
			n += x
		}
		return n, nil
	})
	socketio.OnCall(h.sio, "boom", func(context.Context, *socketio.Socket, socketio.None) (socketio.None, error) {
		return socketio.None{}, errors.New("secret detail")
	})
	socketio.OnCall(h.sio, "ping", func(context.Context, *socketio.Socket, socketio.None) (socketio.None, error) {
		return socketio.None{}, nil
	})
	socketio.On(h.sio, "args", func(_ context.Context, s *socketio.Socket, a parser.Args) error {
		return s.Emit("count", a.Len())
	})
	c := h.connect()
	c.send(`42["move",{"X":1,"Y":2}]`, `4299["move",{"X":1,"Y":2},"ignored"]`)
	c.want(`42["moved",{"X":1,"Y":2}]`, `42["moved",{"X":1,"Y":2}]`, `4399[]`)
	c.send(`451-["move",{"X":1,"raw":{"_placeholder":true,"num":0}}]`, "b:abc")
	c.want(`451-["moved",{"X":1,"Y":0,"raw":{"_placeholder":true,"num":0}}]`, "b:abc")
	c.send(`421["sum",[1,2,3]]`, `422["ping"]`, `423["ping",1,2]`, `42["args",1,2,3]`)
	c.want(`431[6]`, `432[]`, `433[]`, `42["count",3]`)

	// Errors: the public message, and nothing else.
	c.send(`424["sum",[]]`, `425["boom"]`)
	c.want(`434[{"error":"nothing to add","data":[]}]`, `435[{"error":"internal error"}]`)
	for _, want := range []string{"nothing to add", "secret detail"} {
		if err := receive(t, errs); err.Error() != want {
			t.Errorf("ErrorHandler got %q, want %q", err, want)
		}
	}
	// Arguments of the wrong type: the connection stays.
	c.send(`426["sum","x"]`, `427["move"]`, `42["move",7]`)
	for _, id := range []string{"436", "437"} {
		if got := c.next(); !strings.HasPrefix(got, id+`[{"error":"`) || strings.Contains(got, "internal error") {
			t.Errorf("a wrong argument was answered by %s", got)
		}
	}
	for range 3 {
		var arg *socketio.ArgError
		if err := receive(t, errs); !errors.As(err, &arg) {
			t.Errorf("ErrorHandler got %v, want an ArgError", err)
		}
	}
	c.send(`428["ping"]`)
	c.want(`438[]`)
}

func TestReply(t *testing.T) {
	h := serve(t, nil)
	errs := make(chan error, 3)
	later := make(chan *socketio.Event, 1)
	h.sio.Handle("twice", socketio.HandlerFunc(func(_ context.Context, e *socketio.Event) error {
		errs <- e.Reply(1)
		errs <- e.Reply(2)
		return errors.New("after the reply")
	}))
	h.sio.Handle("later", socketio.HandlerFunc(func(_ context.Context, e *socketio.Event) error { later <- e; return nil }))
	c := h.connect()
	c.send(`421["twice"]`)
	c.want(`431[1]`)
	if a, b := receive(t, errs), receive(t, errs); a != nil || b != socketio.ErrAlreadyReplied {
		t.Errorf("replies: %v, %v", a, b)
	}
	c.send(`42["twice"]`)
	if a := receive(t, errs); a != socketio.ErrNoReply {
		t.Errorf("unwanted reply: %v", a)
	}
	<-errs
	c.send(`422["later"]`)
	receive(t, later).Reply("done")
	c.want(`432["done"]`)
	c.send(`423["unhandled"]`, `424["later"]`) // an event without handler is not answered
	receive(t, later).Reply()
	c.want(`434[]`)
}

// Registration is checked like that of http.ServeMux.
func TestRegistrationPanics(t *testing.T) {
	h := serve(t, nil)
	nop := socketio.HandlerFunc(func(context.Context, *socketio.Event) error { return nil })
	h.sio.Handle("ev", nop)
	h.sio.HandleServerSide("ev", nil2)
	for name, f := range map[string]func(){
		"twice":                func() { h.sio.Handle("ev", nop) },
		"reserved":             func() { h.sio.Handle("disconnect", nop) },
		"nil Handle":           func() { h.sio.Handle("x", nil) },
		"nil HandlerFunc":      func() { h.sio.Handle("x", socketio.HandlerFunc(nil)) },
		"nil On":               func() { socketio.On[int](h.sio, "x", nil) },
		"nil OnCall":           func() { socketio.OnCall[int, int](h.sio, "x", nil) },
		"nil OnAny":            func() { h.sio.OnAny(nil) },
		"nil OnAnyOutgoing":    func() { h.sio.OnAnyOutgoing(nil) },
		"nil UseEvents":        func() { h.sio.UseEvents(nil) },
		"nil Use":              func() { h.sio.Use(nil) },
		"nil OnConnect":        func() { h.sio.OnConnect(nil) },
		"nil OnDisconnecting":  func() { h.sio.OnDisconnecting(nil) },
		"nil OnDisconnect":     func() { h.sio.OnDisconnect(nil) },
		"nil OnNewNamespace":   func() { h.sio.OnNewNamespace(nil) },
		"nil OfMatch":          func() { h.sio.OfMatch(nil) },
		"nil OfFunc":           func() { h.sio.OfFunc(nil) },
		"nil server-side":      func() { h.sio.HandleServerSide("x", nil) },
		"comma":                func() { h.sio.Of("/a,b") },
		"server-side twice":    func() { h.sio.HandleServerSide("ev", nil2) },
		"server-side reserved": func() { h.sio.HandleServerSide("new_namespace", nil2) },
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

func nil2(context.Context, parser.Args, func(...any) error) {}

// N13, SO16: reserved names are errors at run time.
func TestReservedNames(t *testing.T) {
	h := serve(t, nil)
	errs := make(chan error, 1)
	h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { errs <- s.Emit("disconnecting"); return nil })
	h.connect()
	if err := receive(t, errs); err == nil || !strings.Contains(err.Error(), `"disconnecting" is a reserved event name`) {
		t.Errorf("socket: %v", err)
	}
	if err := h.sio.Emit("connect"); err == nil || !strings.Contains(err.Error(), `"connect" is a reserved event name`) {
		t.Errorf("namespace: %v", err)
	}
	if err := h.sio.Emit("ev", make(chan int)); err == nil {
		t.Error("a channel was encoded")
	}
}

func TestEventMiddlewareAndCatchAll(t *testing.T) {
	h := serve(t, nil)
	var mu sync.Mutex
	var log []string
	note := func(s string) { mu.Lock(); log = append(log, s); mu.Unlock() }
	wrap := func(name string) func(socketio.Handler) socketio.Handler {
		return func(next socketio.Handler) socketio.Handler {
			return socketio.HandlerFunc(func(ctx context.Context, e *socketio.Event) error {
				note(name + ">" + e.Name())
				defer note(name + "<")
				if e.Name() == "forbidden" {
					return socketio.Reject("no", nil)
				}
				return next.HandleEvent(context.WithValue(ctx, ctxKey{}, name), e)
			})
		}
	}
	h.sio.UseEvents(wrap("a"))
	handle := socketio.HandlerFunc(func(ctx context.Context, e *socketio.Event) error {
		note(fmt.Sprint("handler ", ctx.Value(ctxKey{})))
		return e.Reply()
	})
	h.sio.Handle("ev", handle)
	h.sio.Handle("forbidden", handle)
	h.sio.UseEvents(wrap("b")) // holds for what was registered before, too
	h.sio.OnAny(func(_ context.Context, e *socketio.Event) { note("any " + e.Name()) })
	h.sio.OnAnyOutgoing(func(_ *socketio.Socket, event string, args []any) { note(fmt.Sprint("out ", event, args)) })
	h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		s.OnAny(func(_ context.Context, e *socketio.Event) { note("own any") })
		s.Handle("own", handle)
		return s.Emit("hi", 1)
	})
	c := h.connect()
	c.want(`42["hi",1]`)
	c.send(`421["ev"]`, `42["nobody"]`, `422["own"]`, `423["forbidden"]`)
	c.want(`431[]`, `432[]`, `433[{"error":"no"}]`)
	h.sio.Emit("all", "x")
	c.want(`42["all","x"]`)
	want := []string{"out hi[1]", "any ev", "own any", "a>ev", "b>ev", "handler b", "b<", "a<", "any nobody", "own any",
		"any own", "own any", "a>own", "b>own", "handler b", "b<", "a<", "any forbidden", "own any", "a>forbidden", "a<", "out all[x]"}
	mu.Lock()
	defer mu.Unlock()
	if !reflect.DeepEqual(log, want) {
		t.Errorf("log:\n%q\nwant:\n%q", log, want)
	}
}

type ctxKey struct{}

// The handlers of one socket run in order, one at a time; other sockets are not
// held up. (Row 10, SO7, SO18)
func TestOrder(t *testing.T) {
	h := serve(t, nil)
	gate, started := make(chan struct{}), make(chan struct{})
	var got []int
	socketio.On(h.sio, "n", func(_ context.Context, s *socketio.Socket, n int) error {
		if n == 0 {
			close(started)
			<-gate
		}
		got = append(got, n) // the race detector sees it if two handlers overlap
		return nil
	})
	barrier(h.sio)
	slow := h.connect()
	for i := range 1000 {
		slow.send(fmt.Sprintf(`42["n",%d]`, i))
	}
	receive(t, started)
	other := h.connect()
	other.sync()
	close(gate)
	slow.sync()
	for i, n := range got {
		if i != n {
			t.Fatalf("event %d came in place of %d", n, i)
		}
	}
	if len(got) != 1000 {
		t.Fatalf("%d events", len(got))
	}
}

func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{MaxInflight: 4})
		gate, handled := make(chan struct{}), 0
		socketio.On(h.sio, "n", func(context.Context, *socketio.Socket, int) error { <-gate; handled++; return nil })
		c := h.connect()
		sent := 0
		go func() {
			for range 50 {
				if c.write(1, `42["n",1]`) != nil {
					return
				}
				sent++
			}
		}()
		synctest.Wait()
		if sent > 8 {
			t.Errorf("%d events were read although only 4 may wait", sent)
		}
		close(gate)
		synctest.Wait()
		if sent != 50 || handled != 50 {
			t.Errorf("sent %d, handled %d", sent, handled)
		}
		h.sio.Close()
	})
}

// A Call in a handler gets its answer although more events than may wait came
// before it.
func TestCallInHandlerUnderBackPressure(t *testing.T) {
	h := serve(t, &socketio.Options{MaxInflight: 2})
	result := make(chan string, 1)
	socketio.On(h.sio, "start", func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
		answer, err := socketio.Call[string](ctx, s, "question", "tea or coffee?")
		result <- fmt.Sprint(answer, err)
		return nil
	})
	socketio.On(h.sio, "n", func(context.Context, *socketio.Socket, int) error { return nil })
	c := h.connect()
	c.send(`42["start"]`)
	c.want(`421["question","tea or coffee?"]`)
	for i := range 100 {
		c.send(fmt.Sprintf(`42["n",%d]`, i))
	}
	c.send(`431["tea"]`)
	if got := receive(t, result); got != "tea<nil>" {
		t.Errorf("Call: %s", got)
	}
}

func TestPanicDisconnectsOnlyItsSocket(t *testing.T) {
	errs := make(chan error, 1)
	h := serve(t, &socketio.Options{ErrorHandler: func(_ *socketio.Socket, _ string, err error) { errs <- err }})
	socketio.On(h.sio, "boom", func(context.Context, *socketio.Socket, socketio.None) error { panic("ouch") })
	barrier(h.sio)
	a, b := h.connect(), h.connect()
	a.send(`42["boom"]`)
	a.want("41")
	var p *socketio.PanicError
	if err := receive(t, errs); !errors.As(err, &p) || p.Value != "ouch" || !bytes.Contains(p.Stack, []byte("event_test.go")) {
		t.Errorf("ErrorHandler got %v", err)
	}
	b.sync()
}

func TestEventTypes(t *testing.T) {
	type message struct{ Text string }
	posted := socketio.EventType[message]{Name: "message"}
	bye := socketio.EventType[socketio.None]{Name: "bye"}
	sum := socketio.CallType[[]int, int]{Name: "sum"}
	hello := socketio.CallType[socketio.None, string]{Name: "hello"}
	h := serve(t, nil)
	posted.On(h.sio, func(_ context.Context, s *socketio.Socket, m message) error {
		if err := posted.Emit(s, message{m.Text + "!"}); err != nil {
			return err
		}
		return bye.Emit(h.sio, socketio.None{})
	})
	sum.On(h.sio, func(_ context.Context, _ *socketio.Socket, v []int) (int, error) { return len(v), nil })
	answers := make(chan string, 1)
	bye.On(h.sio, func(ctx context.Context, s *socketio.Socket, _ socketio.None) error {
		go func() {
			n, err := sum.Call(context.Background(), s, []int{1})
			a, err2 := hello.Call(context.Background(), s, socketio.None{})
			answers <- fmt.Sprint(n, err, a, err2)
		}()
		return nil
	})
	c := h.connect()
	c.send(`42["message",{"Text":"hi"}]`, `421["sum",[4,5]]`)
	c.want(`42["message",{"Text":"hi!"}]`, `42["bye"]`, `431[2]`)
	c.send(`42["bye"]`)
	c.want(`421["sum",[1]]`)
	c.send(`431[7]`)
	c.want(`422["hello"]`)
	c.send(`432["ho"]`)
	if got := receive(t, answers); got != "7 <nil>ho<nil>" {
		t.Error(got)
	}
}

// Events of typed handlers are used again, but not those that somebody else has seen,
// whoever it is.
func TestKeptEvents(t *testing.T) {
	const many = 300
	h := serve(t, nil)
	var kept []*socketio.Event
	var args []parser.Args
	keep := func(_ context.Context, e *socketio.Event) { kept = append(kept, e) }
	typed := func(context.Context, *socketio.Socket, int) error { return nil }
	h.sio.Of("/any").OnAny(keep)
	socketio.On(h.sio.Of("/any"), "e", typed)
	h.sio.Of("/middleware").UseEvents(func(next socketio.Handler) socketio.Handler {
		return socketio.HandlerFunc(func(ctx context.Context, e *socketio.Event) error {
			keep(ctx, e)
			return next.HandleEvent(ctx, e)
		})
	})
	socketio.On(h.sio.Of("/middleware"), "e", typed)
	h.sio.Of("/untyped").Handle("e", socketio.HandlerFunc(func(ctx context.Context, e *socketio.Event) error {
		keep(ctx, e)
		return nil
	}))
	socketio.On(h.sio.Of("/args"), "e", func(_ context.Context, _ *socketio.Socket, a parser.Args) error {
		args = append(args, a)
		return nil
	})
	gate := make(chan struct{})
	answer := func(_ context.Context, _ *socketio.Socket, n int) (int, error) { return n, nil }
	socketio.OnCall(socketio.Concurrent(h.sio.Of("/concurrent"), many), "e", func(ctx context.Context, s *socketio.Socket, n int) (int, error) {
		<-gate
		return answer(ctx, s, n)
	})
	socketio.OnCall(h.sio.Of("/spent"), "e", answer)
	c := h.dial()
	c.join("/spent", "")
	for _, namespace := range []string{"/any", "/middleware", "/untyped", "/args"} {
		barrier(h.sio.Of(namespace))
		c.join(namespace, "")
		kept, args = nil, nil
		for i := range many {
			c.send(fmt.Sprintf(`42%s,["e",%d]`, namespace, i))
			c.send(fmt.Sprintf(`42/spent,%d["e",-1]`, i)) // takes what has been given back
			c.want(fmt.Sprintf(`43/spent,%d[-1]`, i))
		}
		c.send(`42` + namespace + `,99["barrier"]`)
		c.want(`43` + namespace + `,99[]`)
		if namespace == "/args" {
			for i, a := range args {
				if got := string(a.Raw(0)); got != fmt.Sprint(i) {
					t.Errorf("%s: argument %q of event %d", namespace, got, i)
				}
			}
			kept = nil
		} else if len(kept) < many {
			t.Errorf("%s: %d events", namespace, len(kept))
		}
		for i, e := range kept[:min(len(kept), many)] {
			if e.Socket() == nil || e.Name() != "e" || string(e.Args().Raw(0)) != fmt.Sprint(i) {
				t.Errorf("%s: event %d is %+v", namespace, i, e)
			}
		}
	}
	c.join("/concurrent", "")
	for i := range many {
		c.send(fmt.Sprintf(`42/concurrent,%d["e",%d]`, i, i))
		c.send(fmt.Sprintf(`42/spent,%d["e",-1]`, i))
		c.want(fmt.Sprintf(`43/spent,%d[-1]`, i))
	}
	close(gate)
	answers := make(map[string]bool)
	for range many {
		answers[c.next()] = true
	}
	for i := range many {
		if !answers[fmt.Sprintf(`43/concurrent,%d[%d]`, i, i)] {
			t.Errorf("no answer to %d", i)
		}
	}
}
