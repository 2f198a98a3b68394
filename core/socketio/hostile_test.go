package socketio_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/socketio"
)

// heap returns the size of the live heap.
func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// C-02, C-03, C-04, C-06, C-29: what no client sends ends the connection that it
// came on. No handler runs, and nobody else notices.
func TestHostilePackets(t *testing.T) {
	long := strings.Repeat("9", 900_000)
	placeholder := func(num string) []string {
		return []string{`451-["x",{"_placeholder":true,"num":` + num + `}]`, "b:secret"}
	}
	for name, packets := range map[string][]string{
		"C-02 acknowledgement id":         {`42` + long + `["x"]`},
		"C-02 number of attachments":      {`45` + long + `-["x"]`},
		"C-03 -1":                         placeholder("-1"),
		"C-03 1e9":                        placeholder("1e9"),
		"C-03 1":                          placeholder("1"),
		"C-03 1.5":                        placeholder("1.5"),
		"C-03 string":                     placeholder(`"0"`),
		"C-03 object":                     placeholder("{}"),
		"C-03 prototype":                  placeholder(`"__proto__"`),
		"C-03 missing":                    {`451-["x",{"_placeholder":true}]`, "b:secret"},
		"C-03 twice":                      {`451-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]`, "b:secret"},
		"C-04 object":                     {`42[{"toString":"x"}]`},
		"C-04 array":                      {`42[[]]`},
		"C-04 null":                       {`42[null]`},
		"C-04 nothing":                    {`42[]`},
		"C-04 no array":                   {`42{}`},
		"C-04 disconnect":                 {`42["disconnect"]`},
		"C-04 connect":                    {`42["connect"]`},
		"C-04 connect in escapes":         {`42["\u0063onnect"]`},
		"C-06 no attachments":             {`450-["x"]`},
		"C-06 none, and binary":           {`42["ok"]`, "b:1"},
		"C-06 one too many":               {`451-["ok",{"_placeholder":true,"num":0}]`, "b:1", "b:2"},
		"C-06 text instead of attachment": {`451-["x",{"_placeholder":true,"num":0}]`, `42["x"]`},
		"C-29 arrays":                     {`42["x",` + strings.Repeat("[", 900_000)},
		"C-29 objects":                    {`42["x",` + strings.Repeat(`{"a":`, 180_000)},
		"C-29 closed":                     {`42["x",` + strings.Repeat("[", 450_000) + strings.Repeat("]", 450_000) + `]`},
	} {
		t.Run(name, func(t *testing.T) {
			reasons := make(chan socketio.Reason, 1)
			h := serve(t, &socketio.Options{ErrorHandler: func(*socketio.Socket, string, error) {}})
			barrier(h.sio)
			h.sio.OnAny(func(_ context.Context, e *socketio.Event) {
				if e.Name() != "barrier" && e.Name() != "ok" {
					t.Errorf("event %.20q was handled", e.Name())
				}
			})
			h.sio.OnDisconnect(func(_ *socketio.Socket, r socketio.Reason) { reasons <- r })
			attacker, other := h.connect(), h.connect()
			for _, p := range packets {
				kind := 1
				if rest, ok := strings.CutPrefix(p, "b:"); ok {
					kind, p = 2, rest
				}
				if attacker.write(kind, p) != nil {
					break // it is closed already
				}
			}
			attacker.wantClosed()
			if got := receive(t, reasons); got != socketio.ForcedClose {
				t.Errorf("reason %q", got)
			}
			other.sync()
		})
	}
}

// C-03, C-04: what is odd, but harms nobody, is no reason to close a connection.
func TestOddPacketsAreHarmless(t *testing.T) {
	h := serve(t, nil)
	barrier(h.sio)
	socketio.On(h.sio, "data", func(_ context.Context, s *socketio.Socket, v any) error {
		return s.Emit("back", fmt.Sprint(v))
	})
	c := h.connect()
	c.send(`42["error"]`, `42["__proto__"]`, `42["toString",1]`, `42["$any"]`, `42["*"]`, `42[""]`, `42[7]`)
	c.send(`42["data",{"_placeholder":true,"num":0}]`) // no attachments: an object like others
	c.want(`42["back","map[_placeholder:true num:0]"]`)
	c.send(`439999[]`, `4318446744073709551[]`, `43[]`) // answers to nothing
	c.sync()
}

// C-05, C-16: what a client may have the server collect for a packet is bounded in
// bytes, whatever number of attachments it announces and by whatever transport.
func TestAttachmentFlood(t *testing.T) {
	const limit, part = 1 << 20, 4 << 10
	for _, transport := range []string{"websocket", "polling"} {
		t.Run(transport, func(t *testing.T) {
			reasons := make(chan socketio.Reason, 1)
			h := serve(t, &socketio.Options{
				MaxAttachments: -1, MaxAttachmentBytes: limit, MaxPayload: 64 << 10,
				ErrorHandler: func(*socketio.Socket, string, error) {},
			})
			h.sio.OnDisconnect(func(_ *socketio.Socket, r socketio.Reason) { reasons <- r })
			var send func(n int) bool // n attachments of part bytes
			if transport == "websocket" {
				c := h.connect()
				c.send(`45100000000-["x"]`)
				send = func(n int) bool {
					for ; n > 0 && c.write(2, strings.Repeat("a", part)) == nil; n-- {
					}
					return n == 0
				}
			} else {
				p := h.poll("EIO=4")
				p.post("40")
				p.get()
				p.post(`45100000000-["x"]`)
				packet := "b" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a", part)))
				send = func(n int) bool {
					for ; n > 0; n -= 8 {
						if p.post(packet+strings.Repeat("\x1e"+packet, 7)) != "ok" {
							return false
						}
					}
					return true
				}
			}
			before := heap()
			if !send(limit / part) { // a multiple of 8
				t.Fatal("refused at the limit")
			}
			if grown := heap() - before; grown > limit+1<<20 {
				t.Errorf("%d bytes are kept for %d", grown, limit)
			}
			if len(reasons) > 0 {
				t.Error("closed at the limit")
			}
			send(8)
			if got := receive(t, reasons); got != socketio.ForcedClose {
				t.Errorf("reason %q", got)
			}
			if send(1000) && transport == "websocket" {
				t.Error("the connection is still read")
			}
			if grown := heap() - before; grown > limit/2 {
				t.Errorf("%d bytes are kept behind the limit", grown)
			}
		})
	}
}

// C-27: one connection cannot fill the server with namespaces, nor with sockets
// whose middleware does not end.
func TestNamespaceFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{MaxNamespaces: 10})
		gate := make(chan struct{})
		var running atomic.Int32
		h.sio.OfMatch(regexp.MustCompile("^/n")).Use(func(context.Context, *socketio.Socket) error {
			running.Add(1)
			<-gate
			return nil
		})
		c := h.dial()
		for i := range 1000 {
			c.send(fmt.Sprintf("40/n%d,", i))
		}
		for i := 10; i < 1000; i++ {
			c.want(fmt.Sprintf(`44/n%d,{"message":"Too many namespaces"}`, i))
		}
		c.send("41/n0,", "40/n0,") // a socket counts until its middleware has returned
		c.want(`44/n0,{"message":"Too many namespaces"}`)
		synctest.Wait()
		if n := running.Load(); n != 10 {
			t.Errorf("%d middleware run", n)
		}
		close(gate)
		synctest.Wait()
		c.send("40/n2000,")
		for range 9 {
			c.next()
		}
		c.joined("/n2000")
		c.close()
		synctest.Wait()
		if got := h.sio.Namespaces(); len(got) != 1 {
			t.Errorf("%d namespaces are left", len(got))
		}
		h.sio.Close()
	})
}

// C-17: attachments are for those who are connected.
func TestAttachmentsBeforeConnect(t *testing.T) {
	h := serve(t, nil)
	c := h.dial()
	c.send(`451-["x",{"_placeholder":true,"num":0}]`)
	c.wantClosed()
}

// C-05: an event whose attachments do not come ends the connection.
func TestAttachmentsThatDoNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		barrier(h.sio)
		a, b := h.connect(), h.connect()
		start := time.Now()
		a.send(`451-["x",{"_placeholder":true,"num":0}]`)
		b.send(`451-["barrier",{"_placeholder":true,"num":0}]`, "b:late but there")
		<-a.gone
		if d := time.Since(start); d > 2*time.Minute {
			t.Errorf("it took %v", d)
		}
		time.Sleep(5 * time.Minute)
		b.sync()
		h.sio.Close()
	})
}

// C-27: what 100,000 events that ask for acknowledgements leave behind is nothing,
// and neither is what 100,000 rooms do once the client is gone.
func TestFloodsLeaveNothing(t *testing.T) {
	n := 100_000
	if raceEnabled {
		n = 20_000 // it takes ten times as long
	}
	h := serve(t, nil)
	barrier(h.sio)
	sockets := make(chan *socketio.Socket, 1)
	h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { sockets <- s; return nil })
	var refused atomic.Int32
	socketio.On(h.sio, "join", func(_ context.Context, s *socketio.Socket, room string) error {
		if s.Join(room) == socketio.ErrTooManyRooms {
			refused.Add(1)
		}
		return nil
	})
	c := h.connect()
	s := receive(t, sockets)
	flood := func(event string) {
		t.Helper()
		unanswered := make(chan struct{}, 1000) // fewer than MaxQueueMessages
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range n {
				unanswered <- struct{}{}
				c.write(1, fmt.Sprintf(event, i, i))
			}
		}()
		for i := range n {
			if got := c.next(); !strings.HasPrefix(got, fmt.Sprint("43", i, "[")) {
				t.Fatalf("answer %d: %q", i, got)
			}
			<-unanswered
		}
		<-done
	}
	before := heap()
	flood(`42%d["barrier",%d]`)
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("%d bytes are left of %d acknowledgements", grown, n)
	}
	flood(`42%d["join","room %d"]`)
	if rooms := len(s.Rooms()); rooms != 4097 || int(refused.Load()) != n-4096 {
		t.Errorf("in %d rooms, %d refused", rooms, refused.Load())
	}
	c.close()
	<-s.Context().Done()
	h.sio.Shutdown(context.Background())
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("%d bytes are left when the client has gone", grown)
	}
	runtime.KeepAlive(h)
}

// C-29: as deep as is possible at all, values are decoded without harm.
func TestDeepJSON(t *testing.T) {
	type node struct{ A *node }
	h := serve(t, &socketio.Options{MaxDepth: -1})
	h.sio.Handle("deep", socketio.HandlerFunc(func(_ context.Context, e *socketio.Event) error {
		var tree any
		var list node
		if err := errors.Join(e.Scan(&tree), e.Scan(&list)); err != nil {
			return err
		}
		depth := 0
		for n := &list; n != nil; n = n.A {
			depth++
		}
		return e.Reply(depth)
	}))
	c := h.connect()
	const depth = 9_990
	c.send(`421["deep",` + strings.Repeat(`{"A":`, depth) + "null" + strings.Repeat("}", depth) + `]`)
	c.want(fmt.Sprintf("431[%d]", depth))
}

// C-21: what comes from the bus is data. What is no event reaches no client, and what
// follows it does.
func TestBadMessagesOfTheBus(t *testing.T) {
	bus := cluster.NewMemory(nil)
	h := serve(t, &socketio.Options{Cluster: bus})
	barrier(h.sio)
	c := h.connect()
	if err := h.sio.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	evil, err := cluster.Join(t.Context(), bus, "/", "evil", struct{ cluster.Local }{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer evil.Close()
	post := func(m cluster.Message) {
		if err := evil.Post(&m); err != nil {
			t.Fatal(err)
		}
	}
	for _, payload := range []cluster.Payload{
		{}, {JSON: []byte("[")}, {JSON: []byte("[}")}, {JSON: []byte("[]")}, {JSON: []byte(`[{}]`)}, {JSON: []byte(`[""]`)},
		{JSON: []byte(`["x",1],["y"]`)}, {JSON: []byte("\x93\xa6kraken\x85")}, {JSON: []byte(`["x"` + strings.Repeat("\x00", 23984) + "]")},
		{JSON: []byte(`["x",` + strings.Repeat("[", 1<<20) + "]")},
		{JSON: []byte(`["x",{"_placeholder":true,"num":1}]`), Attachments: [][]byte{{1}}},
	} {
		post(cluster.Message{Type: cluster.Broadcast, Payload: payload})
		post(cluster.Message{Type: cluster.Broadcast, Payload: payload, RequestID: "r", From: "evil"})
		post(cluster.Message{Type: cluster.ServerSideEmit, Payload: payload, RequestID: "r", From: "evil"})
		post(cluster.Message{Type: cluster.BroadcastAck, Payload: payload, RequestID: "unknown", From: "evil"})
	}
	post(cluster.Message{Type: cluster.Type(99)})
	post(cluster.Message{Type: cluster.Type(-1)})
	post(cluster.Message{Type: cluster.SocketsJoin, Rooms: []string{strings.Repeat("r", 1<<20)}})
	post(cluster.Message{Type: cluster.Broadcast, Payload: cluster.Payload{JSON: []byte(`[7,"numbers are names"]`)}})
	post(cluster.Message{Type: cluster.Broadcast, Payload: cluster.Payload{JSON: []byte(`["good"]`)}})
	c.want(`42[7,"numbers are names"]`, `42["good"]`)
	c.sync()
	for s := range h.sio.Sockets() {
		if rooms := s.Rooms(); len(rooms) != 1 {
			t.Errorf("in %d rooms", len(rooms))
		}
	}
}

// C-30: what clients send can put no lines and no control characters into the log.
func TestLogInjection(t *testing.T) {
	const evil = "x\r\nlevel=ERROR msg=forged \x1b[2J\u2028\x00"
	log := new(logBuffer)
	h := serve(t, &socketio.Options{
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		EventLimiter: func(*socketio.Socket) socketio.EventLimiter {
			return limiter(func(event string) error {
				if strings.HasPrefix(event, "limited") {
					return errors.New("limited: " + event)
				}
				return nil
			})
		},
	})
	barrier(h.sio)
	h.sio.OfMatch(regexp.MustCompile("^/x")).Use(func(context.Context, *socketio.Socket) error { return nil })
	fail := socketio.HandlerFunc(func(_ context.Context, e *socketio.Event) error {
		if e.Len() > 1 {
			panic(string(e.Args().Raw(0)))
		}
		var text string
		e.Scan(&text)
		return errors.New(text)
	})
	h.sio.Handle("fail"+evil, fail)
	h.sio.OfMatch(regexp.MustCompile("^/x")).Handle("fail", fail)
	c := h.connect()
	quoted := `x\r\nlevel=ERROR msg=forged \u001b[2J\u2028\u0000`
	c.send(`42["unknown`+quoted+`"]`, `42["limited`+quoted+`"]`, `42["fail`+quoted+`","`+quoted+`"]`)
	c.send("40/" + strings.ReplaceAll(evil, ",", "") + ",")
	c.joined("/" + evil)
	c.send("42/"+evil+`,["fail","a"]`, "41/"+evil+",")
	c.sync()
	c.send("4" + evil)
	c.wantClosed()
	h.sio.Shutdown(context.Background())
	for _, line := range strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n") {
		if !strings.HasPrefix(line, "time=") || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == '\u2028' }) {
			t.Errorf("a line of the log: %q", line)
		}
	}
	for _, part := range []string{"no handler", "event refused", "handler failed", "packet refused"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("%q is not in the log:\n%s", part, log)
		}
	}
}

// C-13: the id of a session is a secret. Other clients get to see the ids of sockets,
// which have nothing in common with it.
func TestSessionIDStaysSecret(t *testing.T) {
	log := new(logBuffer)
	h := serve(t, &socketio.Options{Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	barrier(h.sio)
	h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		s.Join("all")
		return s.Broadcast().Emit("came", s.ID(), s.Rooms(), s.Handshake())
	})
	h.sio.OnDisconnect(func(s *socketio.Socket, r socketio.Reason) {
		h.sio.Emit("left", s.ID(), r, fmt.Sprint(context.Cause(s.Context())))
	})
	h.sio.Handle("who", socketio.HandlerFunc(func(ctx context.Context, e *socketio.Event) error {
		list, err := h.sio.FetchSockets(ctx)
		for _, s := range list {
			err = errors.Join(err, e.Socket().Emit("is there", s.ID(), s.Rooms(), s.Handshake()))
		}
		return err
	}))
	watcher := h.connect()
	victim := h.connect()
	until := func(event string) {
		for {
			m := watcher.next()
			if strings.Contains(m, victim.sid) || strings.Contains(m, victim.sid[:10]) {
				t.Errorf("the watcher got %s", m)
			}
			if strings.HasPrefix(m, `42["`+event+`"`) {
				return
			}
		}
	}
	until("came")
	watcher.send(`42["who"]`)
	until("is there")
	until("is there")
	victim.close()
	until("left")
	if strings.Contains(log.String(), victim.sid) {
		t.Errorf("in the log: %s", log)
	}
}

// C-13: in version 2 of the protocol the id of a socket is made from that of its
// session. The log keeps the secret.
func TestSessionIDOfVersion2IsNotLogged(t *testing.T) {
	log := new(logBuffer)
	h := serve(t, &socketio.Options{
		AllowEIO3: true, MaxRooms: 1,
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		EventLimiter: func(*socketio.Socket) socketio.EventLimiter {
			return limiter(func(event string) error {
				if event == "limited" {
					return socketio.ErrRateLimited
				}
				return nil
			})
		},
	})
	h.sio.Of("/b")
	fail := socketio.HandlerFunc(func(context.Context, *socketio.Event) error { panic("ouch") })
	h.sio.Handle("fail", fail)
	h.sio.Of("/b").Handle("fail", fail)
	c := h.open("EIO=3")
	c.want("40")
	c.send("40/b,")
	c.want("40/b,")
	h.sio.Of("/b").SocketsJoin("a", "b")
	c.send(`42/b,["unknown"]`, `42/b,["limited"]`, `42/b,["fail"]`)
	c.want("41/b,")
	c.send(`42["unknown"]`, `42["limited"]`, "4woooot")
	c.wantClosed()
	h.sio.Shutdown(context.Background())
	for _, part := range []string{"left out", "no handler", "panic in a handler", "event refused"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("%q is not in the log", part)
		}
	}
	if strings.Contains(log.String(), c.sid) || !strings.Contains(log.String(), "socket=/b#"+c.sid[:4]+"…") {
		t.Errorf("%s in the log:\n%s", c.sid, log)
	}
}

// C-32: a middleware that lets a client in which has left meanwhile does not bring it
// back, however it left.
func TestMiddlewareAfterTheDisconnect(t *testing.T) {
	for name, leave := range map[string]func(*harness, *client){
		"closed":  func(_ *harness, c *client) { c.close() },
		"left":    func(_ *harness, c *client) { c.send("41/x,"); c.sync() },
		"reset":   func(_ *harness, c *client) { c.ws.NetConn().Close() },
		"bad":     func(_ *harness, c *client) { c.send("4woooot"); c.wantClosed() },
		"removed": func(h *harness, _ *client) { h.sio.DisconnectSockets(true) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := serve(t, &socketio.Options{ErrorHandler: func(*socketio.Socket, string, error) {}})
				barrier(h.sio)
				n, gate := h.sio.Of("/x"), make(chan struct{})
				var late *socketio.Socket
				n.Use(func(_ context.Context, s *socketio.Socket) error {
					late = s
					s.Join("room")
					<-gate // whatever ctx says
					return nil
				})
				n.OnConnect(func(context.Context, *socketio.Socket) error { t.Error("OnConnect ran"); return nil })
				n.OnDisconnect(func(*socketio.Socket, socketio.Reason) { t.Error("OnDisconnect ran") })
				n.OnAny(func(context.Context, *socketio.Event) { t.Error("an event was handled") })
				c := h.connect()
				c.send("40/x,")
				stuck()
				leave(h, c)
				synctest.Wait()
				close(gate)
				synctest.Wait()
				n.To("room").Emit("secret")
				n.Emit("secret")
				n.To(late.ID()).Emit("secret")
				if late.Connected() || n.Count() != 0 || len(late.Rooms()) != 0 || late.Context().Err() == nil {
					t.Errorf("it came back: rooms %q", late.Rooms())
				}
				if err := late.Join("other"); err != socketio.ErrDisconnected {
					t.Errorf("Join: %v", err)
				}
				if err := late.Emit("secret"); err != socketio.ErrDisconnected {
					t.Errorf("Emit: %v", err)
				}
				synctest.Wait()
				for len(c.got) > 0 {
					if m := <-c.got; strings.Contains(m, "secret") {
						t.Errorf("it got %s", m)
					}
				}
				h.sio.Close()
			})
		})
	}
}

// C-32, needs row 16: who is refused gets nothing and reaches nothing, also with
// packets that it sends without waiting for the answer.
func TestRefusedReachesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, nil)
		n := h.sio.Of("/x")
		n.Use(func(_ context.Context, s *socketio.Socket) error {
			s.Join("room")
			time.Sleep(time.Second)
			n.To("room").Emit("secret")
			return errors.New("unauthorized")
		})
		n.OnConnect(func(context.Context, *socketio.Socket) error { t.Error("OnConnect ran"); return nil })
		n.OnAny(func(context.Context, *socketio.Event) { t.Error("an event was handled") })
		c := h.connect()
		c.send("40/x,")
		c.want(`44/x,{"message":"unauthorized"}`)
		n.To("room").Emit("secret")
		c.send(`42/x,["ev"]`) // it has not been let in
		c.wantClosed()
		eager := h.connect()
		eager.send("40/x,", `42/x,["ev"]`)
		eager.wantClosed()
		time.Sleep(2 * time.Second) // the middleware goes on
		if n.Count() != 0 {
			t.Error("it is connected")
		}
		h.sio.Close()
	})
}
