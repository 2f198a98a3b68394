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

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/parser"
	"github.com/gosocketio/sio/core/socketio"
)

// offsetOf takes the offset off an event: the last argument.
func offsetOf(t testing.TB, msg string) (event, offset string) {
	t.Helper()
	i := strings.LastIndex(msg, `,"`)
	if i < 0 || !strings.HasSuffix(msg, `"]`) {
		t.Fatalf("no offset in %q", msg)
	}
	return msg[:i] + "]", msg[i+2 : len(msg)-2]
}

func (c *client) wantLogged(want string) (offset string) {
	c.Helper()
	event, offset := offsetOf(c, c.next())
	if event != want {
		c.Fatalf("got %q, want %q", event, want)
	}
	return offset
}

// CSR1, CSR2, CSR3, CSR4, CSR8, CSR9, CSR10
func TestRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		name := socketio.NewKey[string]("name")
		h := serve(t, &socketio.Options{Recovery: &socketio.Recovery{}})
		barrier(h.sio)
		runs := 0
		h.sio.Use(func(context.Context, *socketio.Socket) error { runs++; return nil })
		var recovered []string
		h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			n, _ := name.Get(s)
			recovered = append(recovered, fmt.Sprint(s.Recovered(), " ", n, " ", len(s.Rooms())))
			return nil
		})
		c := h.dial()
		sid, pid := c.join("/", "")
		if len(pid) != 20 || pid == sid {
			t.Fatalf("CSR1: pid %q", pid)
		}
		synctest.Wait()
		s, _ := h.sio.Socket(sid)
		s.Join("r1")
		name.Set(s, "ann")
		h.sio.Emit("a", 1)
		offset := c.wantLogged(`42["a",1]`) // CSR2
		synctest.Wait()
		s.Volatile().Emit("volatile")
		c.want(`42["volatile"]`) // CSR2: no offset
		synctest.Wait()
		h.sio.Volatile().Emit("volatile")
		c.want(`42["volatile"]`)
		c.close()
		synctest.Wait()

		h.sio.Emit("all")
		h.sio.To("r1").Emit("mine", []byte("bin"))
		h.sio.To("r2").Emit("not mine")
		h.sio.Except("r1").Emit("excepted")
		h.sio.Volatile().Emit("lost")
		h.sio.To(sid).Emit("direct")

		c = h.dial()
		c.send(fmt.Sprintf(`40{"pid":%q,"offset":%q}`, pid, offset))
		c.wantLogged(`42["all"]`) // CSR3: before the reply
		c.wantLogged(`451-["mine",{"_placeholder":true,"num":0}]`)
		c.want("b:bin")
		last := c.wantLogged(`42["direct"]`)
		if sid2, pid2 := c.joined("/"); sid2 != sid || pid2 != pid {
			t.Errorf("CSR3: ids %s %s", sid2, pid2)
		}
		c.sync()
		h.sio.To("r1").Emit("live")
		live := c.wantLogged(`42["live"]`)
		if live == last {
			t.Error("offsets repeat")
		}
		if want := []string{"false  1", "true ann 2"}; !slices.Equal(recovered, want) || runs != 1 { // CSR4
			t.Errorf("CSR4: %q, middleware ran %d times", recovered, runs)
		}

		// CSR8: at most once at a time. Who shows the private id is the client, come
		// back before the server noticed that it was gone.
		d := h.dial()
		d.send(fmt.Sprintf(`40{"pid":%q,"offset":%q}`, pid, live))
		if sid3, _ := d.joined("/"); sid3 != sid {
			t.Error("CSR8: not recovered while the old connection is there")
		}
		c.wantClosed()
		synctest.Wait()
		if n := h.sio.Count(); n != 1 {
			t.Errorf("CSR8: %d sockets", n)
		}
		c = d
		// Recovered again without traffic in between.
		for range 2 {
			c.close()
			synctest.Wait()
			c = h.dial()
			c.send(fmt.Sprintf(`40{"pid":%q,"offset":%q}`, pid, live))
			if again, _ := c.joined("/"); again != sid {
				t.Error("not recovered")
			}
			synctest.Wait()
		}
		h.sio.Close()
	})
}

// CSR5, CSR6, CSR7, CSR11
func TestNotRecovered(t *testing.T) {
	for name, c := range map[string]struct {
		opts   *socketio.Recovery
		leave  string        // packet of the client, instead of a lost connection
		away   time.Duration // until it comes back
		auth   string        // %s: pid, offset
		events int           // sent meanwhile
		want   bool
	}{
		"recovered":            {away: time.Minute, auth: `{"pid":"%s","offset":"%s"}`, want: true},
		"away too long":        {away: 3 * time.Minute, auth: `{"pid":"%s","offset":"%s"}`},
		"shorter limit":        {opts: &socketio.Recovery{MaxDisconnection: time.Second}, away: 2 * time.Second, auth: `{"pid":"%s","offset":"%s"}`},
		"unknown pid":          {auth: `{"pid":"x%s","offset":"%s"}`},
		"unknown offset":       {auth: `{"pid":"%s","offset":"x%s"}`},
		"no offset":            {auth: `{"pid":"%s","x":"%s"}`},
		"types":                {auth: `{"pid":7,"offset":["%s%s"]}`},
		"left on purpose":      {leave: "41", auth: `{"pid":"%s","offset":"%s"}`},
		"missed too many":      {opts: &socketio.Recovery{MaxEvents: 3}, auth: `{"pid":"%s","offset":"%s"}`, events: 10},
		"missed too much":      {opts: &socketio.Recovery{MaxBytes: 1000}, auth: `{"pid":"%s","offset":"%s"}`, events: 10},
		"missed, but not much": {opts: &socketio.Recovery{MaxEvents: 30}, auth: `{"pid":"%s","offset":"%s"}`, events: 10, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if c.opts == nil {
					c.opts = &socketio.Recovery{}
				}
				h := serve(t, &socketio.Options{Recovery: c.opts})
				cl := h.dial()
				sid, pid := cl.join("/", "")
				synctest.Wait()
				h.sio.Emit("x")
				offset := cl.wantLogged(`42["x"]`)
				if c.leave != "" {
					cl.send(c.leave)
				}
				cl.close()
				synctest.Wait()
				for range c.events {
					h.sio.Emit("missed", strings.Repeat("x", 200))
				}
				time.Sleep(c.away)
				cl = h.dial()
				cl.send("40" + fmt.Sprintf(c.auth, pid, offset))
				got := cl.next()
				for strings.HasPrefix(got, `42["missed"`) {
					got = cl.next()
				}
				if strings.Contains(got, sid) != c.want || !strings.HasPrefix(got, "40{") {
					t.Errorf("recovered: %v (%s)", !c.want, got)
				}
				h.sio.Close()
			})
		})
	}
	h := serve(t, nil)
	if _, pid := h.dial().join("/", `{"pid":"x","offset":"y"}`); pid != "" {
		t.Error("CSR1: a pid without recovery")
	}
}

func TestRecoveryRunsMiddleware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{Recovery: &socketio.Recovery{RunMiddleware: true}})
		banned := false
		h.sio.Use(func(_ context.Context, s *socketio.Socket) error {
			if banned {
				return errors.New("banned")
			}
			return nil
		})
		c := h.dial()
		_, pid := c.join("/", "")
		synctest.Wait()
		h.sio.Emit("x")
		offset := c.wantLogged(`42["x"]`)
		c.close()
		synctest.Wait()
		banned = true
		c = h.dial()
		c.send(fmt.Sprintf(`40{"pid":%q,"offset":%q}`, pid, offset))
		c.want(`44{"message":"banned"}`)
		if h.sio.Count() != 0 {
			t.Error("a refused socket is there")
		}
		h.sio.Close()
	})
}

// Nothing is lost, doubled or reordered while events are sent and the client comes
// and goes. (Row 44)
func TestRecoveryUnderTraffic(t *testing.T) {
	h := serve(t, &socketio.Options{Recovery: &socketio.Recovery{}})
	joined := make(chan struct{})
	h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		if !s.Recovered() {
			s.Join("r")
			close(joined)
		}
		return nil
	})
	const total = 3000
	var wg sync.WaitGroup
	wg.Go(func() {
		<-joined // all could be sent before
		for i := range total {
			h.sio.To("r").Emit("n", i)
		}
	})
	r := &numbered{harness: h}
	r.client = h.dial()
	_, r.pid = r.client.join("/", "")
	for reconnects := 0; r.next < total; {
		r.take(r.client.next())
		if r.next%97 == 0 && reconnects < 20 {
			reconnects++
			r.reconnect()
		}
	}
	wg.Wait()
}

// numbered is a client that gets numbered events and checks that none is missing,
// doubled or out of order, while it comes and goes.
type numbered struct {
	*harness
	client      *client
	pid, offset string
	next        int
}

func (r *numbered) take(msg string) {
	r.Helper()
	if strings.HasPrefix(msg, "40{") {
		if !strings.Contains(msg, r.pid) {
			r.Fatal("not recovered")
		}
		return
	}
	event, offset := offsetOf(r, msg)
	var n int
	fmt.Sscanf(event, `42["n",%d]`, &n)
	if n != r.next {
		r.Fatalf("event %d came in place of %d", n, r.next)
	}
	r.next, r.offset = n+1, offset
}

// reconnect drops the connection and recovers on a new one. What arrived until
// the old one was gone counts.
func (r *numbered) reconnect() {
	r.Helper()
	gone := make(chan struct{})
	for s := range r.sio.Sockets() {
		s.OnDisconnect(func(*socketio.Socket, socketio.Reason) { close(gone) })
	}
	r.client.close()
	for len(r.client.got) > 0 {
		r.take(<-r.client.got)
	}
	receive(r, gone)
	r.client = r.dial()
	r.client.send(fmt.Sprintf(`40{"pid":%q,"offset":%q}`, r.pid, r.offset))
}

// nodes starts n servers that share a cluster.
func nodes(t testing.TB, n int, opts socketio.Options, recovery *cluster.MemoryRecovery) []*harness {
	hub := cluster.NewMemory(&cluster.MemoryOptions{Recovery: recovery})
	list := make([]*harness, n)
	for i := range list {
		o := opts
		o.Cluster, o.NodeID = hub, fmt.Sprint("node", i)
		list[i] = serve(t, &o)
	}
	return list
}

// AD8, AD10–AD15, row 52: what a cluster does, with the contract alone.
func TestCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		user := socketio.NewKey[string]("user")
		list := nodes(t, 3, socketio.Options{}, nil)
		var clients []*client
		var sockets []*socketio.Socket
		for i, h := range list {
			c := h.dial()
			sid, _ := c.join("/", `{"n":1}`)
			synctest.Wait()
			s, _ := h.sio.Socket(sid)
			user.Set(s, fmt.Sprint("user", i))
			s.Join(fmt.Sprint("r", i), "all")
			clients, sockets = append(clients, c), append(sockets, s)
		}
		only := func(want string, which ...int) {
			t.Helper()
			synctest.Wait()
			for i, c := range clients {
				if slices.Contains(which, i) {
					c.want(want)
				}
				if len(c.got) != 0 {
					t.Errorf("client %d got %q", i, <-c.got)
				}
			}
		}
		io := list[0].sio
		io.Emit("a", 1)
		only(`42["a",1]`, 0, 1, 2)
		io.To("r1", "r2").Except("r2").Emit("b")
		only(`42["b"]`, 1)
		io.Local().Emit("c")
		only(`42["c"]`, 0)
		sockets[0].Broadcast().Emit("d", []byte("x"))
		for _, c := range clients[1:] {
			c.want(`451-["d",{"_placeholder":true,"num":0}]`, "b:x")
		}
		io.To(sockets[2].ID()).Emit("e")
		only(`42["e"]`, 2)
		io.Of("/other").Emit("elsewhere")
		io.Volatile().Emit("v")
		only(`42["v"]`, 0, 1, 2)
		io.In("r1").SocketsJoin("x")
		synctest.Wait()
		io.To("x").Emit("f")
		only(`42["f"]`, 1)
		io.In("all").SocketsLeave("x")
		synctest.Wait()
		io.To("x").Emit("g")
		only("")

		fetched, err := io.FetchSockets(t.Context())
		if err != nil || len(fetched) != 3 {
			t.Fatalf("AD14: %v %v", fetched, err)
		}
		for _, s := range fetched {
			i := slices.IndexFunc(sockets, func(l *socketio.Socket) bool { return l.ID() == s.ID() })
			name, ok, err := user.From(s)
			if name != fmt.Sprint("user", i) || !ok || err != nil || len(s.Rooms()) != 3 || string(s.Handshake().Auth) != `{"n":1}` {
				t.Errorf("AD14: socket %d: %q %v %v %v %s", i, name, ok, err, s.Rooms(), s.Handshake().Auth)
			}
			if i == 1 { // AD11
				go func() { clients[1].want(`421["q"]`); clients[1].send(`431["one"]`) }()
				if got, err := socketio.Call[string](t.Context(), s, "q"); got != "one" || err != nil {
					t.Errorf("AD11: %q %v", got, err)
				}
				s.Emit("direct")
				only(`42["direct"]`, 1)
			}
		}
		if here, _ := io.Local().FetchSockets(t.Context()); len(here) != 1 {
			t.Errorf("AD14: local: %d", len(here))
		}

		// AD10
		answer := func(i int, payload string) {
			msg := clients[i].next()
			clients[i].send("43" + strings.TrimSuffix(strings.TrimPrefix(msg, "42"), `["ask"]`) + payload)
		}
		for i := range clients {
			go answer(i, fmt.Sprintf(`["answer%d"]`, i))
		}
		var got []string
		for v, err := range socketio.CallAll[string](t.Context(), io, "ask") {
			got = append(got, fmt.Sprint(v, err))
		}
		slices.Sort(got)
		if !slices.Equal(got, []string{"answer0<nil>", "answer1<nil>", "answer2<nil>"}) {
			t.Errorf("AD10: %q", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go answer(0, `["x"]`)
		got = nil
		for v, err := range socketio.CallAll[string](ctx, io, "ask") {
			if m := (*socketio.MissingError)(nil); errors.As(err, &m) {
				got = append(got, fmt.Sprint("missing ", m.Sockets))
			} else {
				got = append(got, fmt.Sprint(v, err))
			}
		}
		if !slices.Equal(got, []string{"x<nil>", "missing 2"}) {
			t.Errorf("AD10: %q", got)
		}

		// AD15
		heard := make(chan string, 4)
		for i, h := range list {
			h.sio.HandleServerSide("hello", func(_ context.Context, args parser.Args, reply func(...any) error) {
				var v string
				args.Scan(&v)
				heard <- fmt.Sprint(i, v)
				if i != 2 {
					reply(fmt.Sprint("from ", i))
				}
			})
		}
		io.ServerSideEmit("hello", "w")
		synctest.Wait()
		if a, b := <-heard, <-heard; len(heard) != 0 || a == b || strings.HasPrefix(a+b, "0") {
			t.Errorf("AD15: %s %s", a, b)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got = nil
		for v, err := range socketio.ServerSideCallAll[string](ctx, io.Namespace, "hello", "q") {
			if m := (*socketio.MissingError)(nil); errors.As(err, &m) {
				got = append(got, fmt.Sprint("missing ", m.Nodes))
			} else {
				got = append(got, fmt.Sprint(v, err))
			}
		}
		if !slices.Equal(got, []string{"from 1<nil>", "missing 1"}) {
			t.Errorf("AD15: %q", got)
		}

		for _, c := range clients {
			for len(c.got) > 0 {
				<-c.got
			}
		}
		io.Emit("bye") // AD13
		io.DisconnectSockets(true)
		for _, c := range clients {
			c.want(`42["bye"]`, "41")
			c.wantClosed()
		}
		for _, h := range list {
			h.sio.Close()
		}
	})
}

// CE4: a client of a node that is gone recovers on another.
func TestRecoveryOnAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := nodes(t, 2, socketio.Options{Recovery: &socketio.Recovery{}}, &cluster.MemoryRecovery{})
		c := list[0].dial()
		sid, pid := c.join("/", "")
		synctest.Wait()
		list[1].sio.Emit("from the other")
		offset := c.wantLogged(`42["from the other"]`)
		list[0].sio.Shutdown(t.Context())
		list[1].sio.Emit("missed")
		c2 := list[1].dial()
		c2.send(fmt.Sprintf(`40{"pid":%q,"offset":%q}`, pid, offset))
		c2.wantLogged(`42["missed"]`)
		if sid2, _ := c2.joined("/"); sid2 != sid {
			t.Error("not recovered")
		}
		list[1].sio.Close()
	})
}

// roomBackend is a backend whose links want to know of rooms.
type roomBackend struct {
	cluster.Backend
	mu  sync.Mutex
	log []string
}

type roomLink struct {
	cluster.Link
	b         *roomBackend
	namespace string
}

func (b *roomBackend) Open(ctx context.Context, namespace, node string, receive func(*cluster.Message)) (cluster.Link, error) {
	link, err := b.Backend.Open(ctx, namespace, node, receive)
	return &roomLink{link, b, namespace}, err
}

func (b *roomBackend) note(parts ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log = append(b.log, fmt.Sprint(parts...))
}

func (l *roomLink) RoomOpened(room string, private bool) { l.b.note("+", l.namespace, room, private) }
func (l *roomLink) RoomClosed(room string, private bool) { l.b.note("-", l.namespace, room, private) }

// A backend with a channel for each room learns which it needs.
func TestRoomListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &roomBackend{Backend: cluster.NewMemory(nil)}
		h := serve(t, &socketio.Options{Cluster: b})
		h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { s.Join("r"); return nil })
		c, d := h.dial(), h.dial()
		sidC, _ := c.join("/", "")
		synctest.Wait()
		sidD, _ := d.join("/", "")
		synctest.Wait()
		c.send("41")
		synctest.Wait()
		d.send("41")
		synctest.Wait()
		want := []string{"+/" + sidC + "true", "+/rfalse", "+/" + sidD + "true", "-/" + sidC + "true", "-/rfalse", "-/" + sidD + "true"}
		if !slices.Equal(b.log, want) {
			t.Errorf("log %q, want %q", b.log, want)
		}
		h.sio.Close()
	})
}

// A recovered socket that has ended is not kept by what recovery noted for it.
func TestRecoveredSocketIsForgotten(t *testing.T) {
	h := serve(t, &socketio.Options{Recovery: &socketio.Recovery{}})
	collected := make(chan struct{})
	h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		if s.Recovered() {
			runtime.AddCleanup(s, func(done chan struct{}) { close(done) }, collected)
		}
		return s.Emit("hi")
	})
	gone := make(chan struct{}, 2)
	h.sio.OnDisconnect(func(*socketio.Socket, socketio.Reason) { gone <- struct{}{} })
	c := h.dial()
	sid, pid := c.join("/", "")
	offset := c.wantLogged(`42["hi"]`)
	c.close()
	receive(t, gone)
	c = h.dial()
	if again, _ := c.join("/", fmt.Sprintf(`{"pid":%q,"offset":%q}`, pid, offset)); again != sid {
		t.Fatal("not recovered")
	}
	c.close()
	receive(t, gone)
	deadline := time.After(patience)
	for {
		runtime.GC()
		select {
		case <-collected:
			return
		case <-deadline:
			t.Fatal("the socket is kept")
		case <-time.After(time.Millisecond):
		}
	}
}
