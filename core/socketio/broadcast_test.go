package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/parser"
	"github.com/gosocketio/sio/core/socketio"
)

// room is a server with three clients: a in r1, b in r1 and r2, c in r2.
type room struct {
	*harness
	clients map[string]*client
	sockets map[string]*socketio.Socket
}

func newRoom(t testing.TB, opts *socketio.Options) *room {
	r := &room{serve(t, opts), map[string]*client{}, map[string]*socketio.Socket{}}
	barrier(r.sio)
	in := map[string][]string{"a": {"r1"}, "b": {"r1", "r2"}, "c": {"r2"}}
	for _, name := range []string{"a", "b", "c"} {
		c := r.dial()
		sid, _ := c.join("/", "")
		c.sync()
		s, ok := r.sio.Socket(sid)
		if !ok {
			t.Fatal("no socket")
		}
		s.Join(in[name]...)
		r.clients[name], r.sockets[name] = c, s
	}
	return r
}

// wantOnly checks that exactly the named clients get msg as their next message.
func (r *room) wantOnly(names, msg string) {
	r.Helper()
	for name, c := range r.clients {
		if strings.Contains(names, name) {
			c.want(msg)
		}
		c.sync() // anything else would come in between
	}
}

// MM1–MM5, N2, N15, AD3, SO5, U2
func TestBroadcast(t *testing.T) { synctest.Test(t, testBroadcast) }

func testBroadcast(t *testing.T) {
	r := newRoom(t, nil)
	io, a, b := r.sio, r.sockets["a"], r.sockets["b"]
	base := io.To("r1") // MM5, N2: modifiers do not change it
	base.To("r2").Except("r1").Volatile().Local().Compress(false)
	for _, c := range []struct {
		name string
		emit func(event string, args ...any) error
		want string
	}{
		{"all", io.Emit, "abc"},
		{"room", base.Emit, "ab"},
		{"in", io.In("r1").Emit, "ab"},
		{"two rooms, once each", io.To("r1", "r2").Emit, "abc"},
		{"two rooms in two steps", io.To("r1").To("r2").Emit, "abc"},
		{"except room", io.Except("r1").Emit, "c"},
		{"except socket", io.Except(a.ID()).Emit, "bc"},
		{"room except room", io.To("r1").Except("r2").Emit, "a"},
		{"own room", io.To(a.ID()).Emit, "a"},
		{"unknown room", io.To("r9").Emit, ""},
		{"empty list of rooms", io.To([]string{}...).Emit, ""},
		{"empty list and a room", io.To().To("r2").Emit, "bc"},
		{"local", io.Local().Emit, "abc"},
		{"compress", io.Compress(true).Emit, "abc"},
		{"broadcast", a.Broadcast().Emit, "bc"},
		{"socket to room", a.To("r1").Emit, "b"},
		{"socket in room", b.In("r2").Emit, "c"},
		{"socket except", a.Except("r2").Emit, ""},
		{"socket local", a.Local().Emit, "bc"},
		{"socket volatile to", a.Volatile().To("r1").Emit, "b"},
		{"socket compress broadcast", a.Compress(false).Broadcast().Emit, "bc"},
		{"socket", a.Emit, "a"},
		{"socket compress", a.Compress(false).Emit, "a"},
		{"volatile when nothing is queued", a.Volatile().Emit, "a"},
	} {
		synctest.Wait() // a volatile event needs an idle writer
		if err := c.emit("ev", c.name); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		r.wantOnly(c.want, fmt.Sprintf(`42["ev",%q]`, c.name))
	}
	io.To("r2").Send(1, nil)
	r.wantOnly("bc", `42["message",1,null]`)
	a.Send("hi")
	r.wantOnly("a", `42["message","hi"]`)

	// U2
	io.In("r1").SocketsJoin("r3", "r4")
	io.To("r3").Emit("joined")
	r.wantOnly("ab", `42["joined"]`)
	io.In(a.ID()).SocketsLeave("r3")
	io.To("r3").Emit("left")
	r.wantOnly("b", `42["left"]`)
	if got := a.Rooms(); !slices.Equal(got, []string{a.ID(), "r1", "r4"}) {
		t.Errorf("rooms = %q", got)
	}
	a.Leave("never joined")

	// MM1: binary, framed once for all
	data := []byte{1, 2, 3}
	io.Emit("bin", map[string]any{"d": data})
	for _, c := range r.clients {
		c.want(`451-["bin",{"d":{"_placeholder":true,"num":0}}]`, "b:\x01\x02\x03")
	}
	r.sio.Close()
}

// U1, U3, AD13
func TestFetchAndDisconnect(t *testing.T) {
	user := socketio.NewKey[string]("user")
	r := newRoom(t, nil)
	reasons := make(chan socketio.Reason, 3)
	r.sio.OnDisconnect(func(_ *socketio.Socket, reason socketio.Reason) { reasons <- reason })
	user.Set(r.sockets["b"], "bea")
	list, err := r.sio.In("r2").Except(r.sockets["c"].ID()).FetchSockets(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("%v %v", list, err)
	}
	b := list[0]
	if name, ok, err := user.From(b); name != "bea" || !ok || err != nil {
		t.Errorf("data: %q %v %v", name, ok, err)
	}
	if s, ok := b.Local(); !ok || s != r.sockets["b"] || b.ID() != s.ID() || b.Handshake() != s.Handshake() || !slices.Contains(b.Rooms(), "r2") {
		t.Errorf("%+v", b)
	}
	b.Emit("you")
	r.clients["b"].want(`42["you"]`)
	b.Join("r7")
	b.Leave("r1")
	if got := r.sockets["b"].Rooms(); !slices.Equal(got, []string{b.ID(), "r7", "r2"}) && !slices.Equal(got, []string{b.ID(), "r2", "r7"}) {
		t.Errorf("rooms = %q", got)
	}
	go func() {
		r.clients["b"].want(`421["q",1]`)
		r.clients["b"].send(`431["yes"]`)
	}()
	if got, err := socketio.Call[string](t.Context(), b, "q", 1); got != "yes" || err != nil {
		t.Errorf("Call: %q %v", got, err)
	}
	r.sio.In("r2").Emit("bye")
	r.sio.In("r2").DisconnectSockets(true)
	r.clients["b"].want(`42["bye"]`, "41")
	r.clients["b"].wantClosed()
	r.clients["c"].want(`42["bye"]`, "41")
	r.clients["c"].wantClosed()
	for range 2 {
		if got := receive(t, reasons); got != socketio.ServerNamespaceDisconnect {
			t.Errorf("reason %q", got)
		}
	}
	r.sio.DisconnectSockets(false)
	r.clients["a"].want("41")
	receive(t, reasons)
	for late := time.Now().Add(patience); r.sio.Engine().Count() != 1 && time.Now().Before(late); {
		runtime.Gosched() // a client can see the close before its session has ended
	}
	if r.sio.Count() != 0 || r.sio.Engine().Count() != 1 {
		t.Errorf("%d sockets, %d connections", r.sio.Count(), r.sio.Engine().Count())
	}
	if err := r.sockets["a"].Emit("late"); !errors.Is(err, socketio.ErrDisconnected) {
		t.Errorf("Emit after the disconnect: %v", err)
	}
	r.sockets["a"].Join("r1") // SO13
	if got := r.sockets["a"].Rooms(); len(got) != 0 {
		t.Errorf("SO13: rooms %q", got)
	}
}

// MM6–MM8, T1–T3, SO19
func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, nil)
		a := r.clients["a"]
		type result struct {
			v   string
			err error
		}
		ask := func(ctx context.Context) <-chan result {
			ch := make(chan result, 1)
			go func() {
				v, err := socketio.Call[string](ctx, r.sockets["a"], "q", "x", 1)
				ch <- result{v, err}
			}()
			return ch
		}
		id := func(c *client) string {
			msg := c.next()
			return strings.TrimSuffix(strings.TrimPrefix(msg, "42"), `["q","x",1]`)
		}
		got := ask(t.Context())
		n := id(a)
		a.send("43"+n+`["yes","more"]`, "43"+n+`["again"]`, `439999["never asked"]`, `43["no id"]`)
		if res := <-got; res.v != "yes" || res.err != nil {
			t.Errorf("%+v", res)
		}
		a.sync() // SO19: further answers are ignored

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got = ask(ctx)
		n = id(a)
		if res := <-got; res.err != context.DeadlineExceeded { // T1
			t.Errorf("%+v", res)
		}
		a.send("43" + n + `["late"]`) // T3
		a.sync()

		got = ask(t.Context())
		n = id(a)
		a.send("43" + n + `[7]`)
		var arg *socketio.ArgError
		if res := <-got; !errors.As(res.err, &arg) {
			t.Errorf("%+v", res)
		}

		got = ask(t.Context())
		id(a)
		a.close()
		if res := <-got; res.err != socketio.ErrDisconnected {
			t.Errorf("%+v", res)
		}
		if _, err := socketio.Call[string](t.Context(), r.sockets["a"], "q"); err != socketio.ErrDisconnected {
			t.Error(err)
		}
		if _, err := socketio.Call[string](t.Context(), r.sockets["b"], "disconnect"); err == nil {
			t.Error("reserved name")
		}
		r.sio.Close()
	})
}

func TestAskAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, nil)
		collect := func(ctx context.Context, to socketio.Audience) (answers []string, errs []error) {
			for v, err := range socketio.CallAll[string](ctx, to, "q") {
				if err != nil {
					errs = append(errs, err)
				} else {
					answers = append(answers, v)
				}
			}
			slices.Sort(answers)
			return answers, errs
		}
		reply := func(name, payload string) {
			c := r.clients[name]
			msg := c.next()
			c.send("43" + strings.TrimSuffix(strings.TrimPrefix(msg, "42"), `["q"]`) + payload)
		}
		go reply("a", `["A"]`)
		go reply("b", `["B"]`)
		answers, errs := collect(t.Context(), r.sio.To("r1"))
		if !slices.Equal(answers, []string{"A", "B"}) || errs != nil { // MM6
			t.Errorf("%q %v", answers, errs)
		}
		if answers, errs := collect(t.Context(), r.sio.To("nowhere")); answers != nil || errs != nil { // MM8
			t.Errorf("%q %v", answers, errs)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go reply("a", `["A"]`)
		go reply("b", `[1]`)
		answers, errs = collect(ctx, r.sio) // MM7
		var missing *socketio.MissingError
		var arg *socketio.ArgError
		if !slices.Equal(answers, []string{"A"}) || len(errs) != 2 || !errors.As(errs[0], &arg) || !errors.As(errs[1], &missing) ||
			missing.Sockets != 1 || !errors.Is(errs[1], context.DeadlineExceeded) {
			t.Errorf("%q %v", answers, errs)
		}
		r.clients["c"].want(`423["q"]`)
		r.clients["c"].send(`433["too late"]`)
		r.clients["c"].sync()

		go func() { reply("a", `["A"]`); r.clients["b"].close(); r.clients["c"].close() }()
		answers, errs = collect(t.Context(), r.sio)
		if !slices.Equal(answers, []string{"A"}) || len(errs) != 1 || !errors.As(errs[0], &missing) || missing.Sockets != 2 {
			t.Errorf("%q %v", answers, errs)
		}
		for range socketio.CallAll[string](t.Context(), r.sio, "connect") {
		}
		go reply("a", `["A"]`)
		for range socketio.CallAll[string](t.Context(), r.sio, "q") {
			break
		}
		r.sio.Close()
	})
}

// N11, SO5: a volatile event is lost if the client is not ready.
func TestVolatile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		p := h.poll("EIO=4")
		p.post("40")
		p.get()
		for s := range h.sio.Sockets() {
			s.Volatile().Emit("lost") // no poll waits
			s.Emit("kept")
			s.Volatile().Emit("lost too")
		}
		if got := p.get(); got != `42["kept"]` {
			t.Errorf("poll = %q", got)
		}
		got := make(chan string)
		go func() { got <- p.get() }()
		synctest.Wait()
		h.sio.Volatile().Emit("ready")
		if got := <-got; got != `42["ready"]` {
			t.Errorf("poll = %q", got)
		}
		h.sio.Close()
	})
}

// Rows 1 and 5: everything at once, under -race.
func TestConcurrentUse(t *testing.T) {
	h := serve(t, &socketio.Options{MaxQueueMessages: -1, MaxQueueBytes: -1})
	barrier(h.sio)
	sockets := make(chan *socketio.Socket, 8)
	h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { sockets <- s; return nil })
	var list []*socketio.Socket
	var clients []*client
	for range 8 {
		clients = append(clients, h.connect())
		list = append(list, receive(t, sockets))
	}
	const workers, rounds = 16, 50
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			s := list[w%len(list)]
			for i := range rounds {
				s.Join("r", fmt.Sprint("r", i))
				s.Emit("direct", w, i)
				h.sio.To("r").Except(s.ID()).Emit("room", w, i)
				s.Rooms()
				h.sio.FetchSockets(context.Background())
				h.sio.In(fmt.Sprint("r", i)).SocketsLeave("r")
				s.Volatile().Emit("v")
				s.OnAny(func(context.Context, *socketio.Event) {})
			}
		})
	}
	wg.Wait()
	for _, c := range clients {
		c.send(`421["barrier"]`)
		last := map[string]int{}
		direct := 0
		for {
			msg := c.next()
			if msg == "431[]" {
				break
			}
			var w, i int
			if n, _ := fmt.Sscanf(msg, `42["direct",%d,%d]`, &w, &i); n == 2 {
				key := fmt.Sprint(w)
				if i != last[key] {
					t.Fatalf("worker %d: message %d came in place of %d", w, i, last[key])
				}
				last[key]++
				direct++
			}
		}
		if direct != rounds*workers/len(list) {
			t.Errorf("%d direct messages", direct)
		}
	}
	for i, s := range list {
		if i%2 == 0 {
			go s.Disconnect(true)
		}
		go h.sio.DisconnectSockets(false)
	}
	h.sio.Shutdown(context.Background())
}

func TestServerSideWithoutCluster(t *testing.T) {
	h := serve(t, nil)
	h.sio.HandleServerSide("ev", func(context.Context, parser.Args, func(...any) error) { t.Error("delivered to itself") })
	if err := h.sio.ServerSideEmit("ev", 1); err != nil {
		t.Error(err)
	}
	if err := h.sio.ServerSideEmit("connection"); err == nil {
		t.Error("reserved name")
	}
	for range socketio.ServerSideCallAll[int](t.Context(), h.sio.Namespace, "ev") {
		t.Error("an answer without nodes")
	}
}
