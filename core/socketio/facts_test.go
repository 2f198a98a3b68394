package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/core/socketio"
)

// The numbers in the names of the tests (CL4, N5 …) are those of the properties of
// the reference server. Here are those that no other file has a place for.

// one returns the only socket of the server.
func (h *harness) one() *socketio.Socket {
	h.Helper()
	var list []*socketio.Socket
	for s := range h.sio.Sockets() {
		list = append(list, s)
	}
	if len(list) != 1 {
		h.Fatalf("%d sockets", len(list))
	}
	return list[0]
}

// What breaks the protocol on polling is told by the next poll, behind what was
// queued before.
func TestViolationsOnPollingCL4CL5CL6(t *testing.T) {
	for name, packets := range map[string][]string{
		"CL4": {"40", "40"},
		"CL5": {`42["ev"]`},
		"CL6": {"4abc"},
	} {
		h := serve(t, nil)
		p := h.poll("EIO=4")
		for i, packet := range packets {
			if got := p.post(packet); got != "ok" {
				t.Errorf("%s: POST: %q", name, got)
			}
			if last := i == len(packets)-1; !last {
				if got := p.get(); !strings.HasPrefix(got, `40{"sid":"`) || strings.Contains(got, "\x1e") {
					t.Errorf("%s: CONNECT was answered by %q", name, got)
				}
			}
		}
		if got := p.get(); got != "6\x1e1" {
			t.Errorf("%s: poll = %q", name, got)
		}
		if got := p.get(); got != `400 {"code":1,"message":"Session ID unknown"}` {
			t.Errorf("%s: a later poll: %q", name, got)
		}
	}
}

// An event for a namespace that the server has taken the client out of closes the
// connection.
func TestLateEventCL7CL8(t *testing.T) {
	h := serve(t, nil)
	barrier(h.sio)
	reasons := make(chan socketio.Reason, 1)
	h.sio.Of("/b").OnDisconnect(func(_ *socketio.Socket, r socketio.Reason) { reasons <- r })
	c := h.connect("/", "/b")
	c.sync()
	h.one().Disconnect(false)
	c.want("41")
	c.send(`42["late"]`)
	c.wantClosed()
	if got := receive(t, reasons); got != socketio.ForcedServerClose {
		t.Errorf("reason %q", got)
	}
}

func TestEngineOptionsHS1HS2(t *testing.T) {
	allow := true
	h := serve(t, &socketio.Options{
		CORS: &socketio.CORS{Origins: []string{"https://example.com"}, AllowedHeaders: []string{"x-test"}, Credentials: true},
		AllowRequest: func(*http.Request) error {
			if !allow {
				return errors.New("")
			}
			return nil
		},
	})
	do := func(method string) *http.Response {
		req, err := http.NewRequest(method, "http://server/socket.io/?EIO=4&transport=polling", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", "https://example.com")
		resp, err := h.httpClient().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	r := do("OPTIONS")
	if r.StatusCode != 204 || r.Header.Get("Access-Control-Allow-Origin") != "https://example.com" ||
		r.Header.Get("Access-Control-Allow-Methods") == "" || r.Header.Get("Access-Control-Allow-Headers") != "x-test" ||
		r.Header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("HS1: preflight: %d %v", r.StatusCode, r.Header)
	}
	r = do("GET")
	if r.StatusCode != 200 || r.Header.Get("Access-Control-Allow-Origin") != "https://example.com" {
		t.Errorf("HS1, HS2: %d %v", r.StatusCode, r.Header)
	}
	allow = false
	if r = do("GET"); r.StatusCode != 403 {
		t.Errorf("HS2: %d", r.StatusCode)
	}
}

func TestHandlersOfANamespaceN3N5(t *testing.T) {
	h := serve(t, nil)
	var order []string
	n := h.sio.Of("/n")
	for _, name := range []string{"first", "second"} {
		n.OnConnect(func(context.Context, *socketio.Socket) error { order = append(order, name); return nil })
	}
	barrier(n)
	c := h.connect("/n")
	c.send(`42/n,1["barrier"]`)
	c.want(`43/n,1[]`)
	if !slices.Equal(order, []string{"first", "second"}) {
		t.Errorf("ran %q", order)
	}
}

// A namespace made by hand wins over a matcher, and is announced.
func TestStaticNamespacesN16N23(t *testing.T) {
	h := serve(t, nil)
	var created []string
	h.sio.OnNewNamespace(func(n *socketio.Namespace) { created = append(created, n.Name()) })
	h.sio.OfFunc(func(_ context.Context, name string, _ json.RawMessage) bool {
		if name == "/static" {
			t.Error("N23: the matcher was asked")
		}
		return true
	}).OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Emit("matched") })
	h.sio.Of("/static").OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Emit("static") })
	h.sio.Of("/static")
	h.sio.Of("/")
	c := h.connect("/static")
	c.want(`42/static,["static"]`)
	c.join("/other", "")
	c.want(`42/other,["matched"]`)
	if !slices.Equal(created, []string{"/static", "/other"}) {
		t.Errorf("N16: %q", created)
	}
}

// What is sent to a namespace, and asked of it, stays within it.
func TestNamespacesAreSeparateMM1N10(t *testing.T) {
	h := serve(t, nil)
	a, b := h.sio.Of("/a"), h.sio.Of("/b")
	for _, n := range []*socketio.Namespace{a, b} {
		n.OnConnect(func(_ context.Context, s *socketio.Socket) error { s.Join("r"); return nil })
		barrier(n)
	}
	both, onlyB := h.connect("/a", "/b"), h.connect("/b")
	both.send(`42/a,1["barrier"]`)
	both.want(`43/a,1[]`)
	both.send(`42/b,1["barrier"]`)
	both.want(`43/b,1[]`)
	onlyB.send(`42/b,1["barrier"]`)
	onlyB.want(`43/b,1[]`)
	a.Emit("x", 1)
	a.To("r").Emit("y", []byte{1})
	b.Emit("z")
	both.want(`42/a,["x",1]`, `451-/a,["y",{"_placeholder":true,"num":0}]`, "b:\x01", `42/b,["z"]`)
	onlyB.want(`42/b,["z"]`)
	h.sio.Emit("nobody is here")

	for _, c := range []struct {
		n    *socketio.Namespace
		room string
		want int
	}{{a, "r", 1}, {b, "r", 2}, {h.sio.Namespace, "r", 0}, {a, "s", 0}} {
		list, err := c.n.In(c.room).FetchSockets(t.Context())
		if len(list) != c.want || err != nil {
			t.Errorf("N10: %d sockets in %s of %s (%v)", len(list), c.room, c.n.Name(), err)
		}
	}
	if list, err := a.FetchSockets(t.Context()); len(list) != 1 || err != nil {
		t.Errorf("N10: %d sockets (%v)", len(list), err)
	}
}

func TestCompressN12(t *testing.T) {
	h := serve(t, nil)
	client := h.httpClient()
	client.Transport.(*http.Transport).DisableCompression = true
	p := h.poll("EIO=4")
	p.post("40")
	p.get()
	s, long := h.one(), strings.Repeat("x", 2000)
	for name, c := range map[string]struct {
		emit func(string, ...any) error
		want string
	}{
		"by default":        {s.Emit, "gzip"},
		"socket, on":        {s.Compress(true).Emit, "gzip"},
		"socket, off":       {s.Compress(false).Emit, ""},
		"namespace":         {h.sio.Emit, "gzip"},
		"namespace, off":    {h.sio.Compress(false).Emit, ""},
		"room, off":         {h.sio.To(s.ID()).Compress(false).Emit, ""},
		"off and on again":  {s.Compress(false).Compress(true).Emit, "gzip"},
		"volatile, then on": {h.sio.Compress(false).Compress(true).Emit, "gzip"},
	} {
		if err := c.emit("ev", long); err != nil {
			t.Fatal(err)
		}
		req, _ := http.NewRequest("GET", p.url, nil)
		req.Header.Set("Accept-Encoding", "gzip")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body(t, resp)
		if got := resp.Header.Get("Content-Encoding"); got != c.want {
			t.Errorf("%s: Content-Encoding %q, want %q", name, got, c.want)
		}
	}
}

// A refused socket leaves the rooms that a middleware had put it into.
func TestRefusedSocketLeavesItsRoomsMI5(t *testing.T) {
	h := serve(t, nil)
	var s *socketio.Socket
	h.sio.Use(func(_ context.Context, refused *socketio.Socket) error {
		s = refused
		s.Join("r")
		if rooms := s.Rooms(); !slices.Contains(rooms, "r") {
			t.Errorf("rooms %q", rooms)
		}
		return errors.New("no")
	})
	c := h.dial()
	c.send("40")
	c.want(`44{"message":"no"}`)
	s.Join("late")
	if rooms := s.Rooms(); len(rooms) != 0 || s.Connected() {
		t.Errorf("rooms %q", rooms)
	}
	for _, room := range []string{"r", "late", s.ID()} {
		if list, err := h.sio.In(room).FetchSockets(t.Context()); len(list) != 0 || err != nil {
			t.Errorf("%s: %d sockets (%v)", room, len(list), err)
		}
	}
}

func TestLargeBinarySO1SP14(t *testing.T) {
	h := serve(t, nil)
	got := make(chan []byte, 1)
	socketio.On(h.sio, "up", func(_ context.Context, s *socketio.Socket, v struct{ A []map[string][]byte }) error {
		got <- v.A[0]["b"]
		return nil
	})
	c := h.connect()
	big := strings.Repeat("0123456789", 90_000)
	c.send(`451-["up",{"a":[{"b":{"_placeholder":true,"num":0}}]}]`, "b:"+big)
	if b := receive(t, got); string(b) != big {
		t.Errorf("%d bytes", len(b))
	}
	value := map[string]any{"a": []any{nil, map[string]any{"b": []byte(big)}}, "n": nil}
	h.one().Emit("down", value)
	c.want(`451-["down",{"a":[null,{"b":{"_placeholder":true,"num":0}}],"n":null}]`, "b:"+big)
	want := map[string]any{"a": []any{nil, map[string]any{"b": []byte(big)}}, "n": nil}
	if !reflect.DeepEqual(value, want) {
		t.Error("SP14: Emit has changed its argument")
	}
}

// Every socket of a connection learns of a packet that cannot be decoded, before
// it is disconnected.
func TestDecodeErrorsSO4SO12O5(t *testing.T) {
	for _, c := range []struct {
		packets []string
		want    string
	}{
		{[]string{"4"}, "unknown packet type NaN"},
		{[]string{"4999"}, "unknown packet type 9"},
		{[]string{"45woooot"}, "Illegal attachments"},
		{[]string{"45"}, "Illegal attachments"},
		{[]string{"451001-[]"}, "too many attachments"},
		{[]string{"42{}"}, "invalid payload"},
		{[]string{"b:x"}, "got binary data when not reconstructing a packet"},
		{[]string{`451-["x",{"_placeholder":true,"num":0}]`, "42[]"}, "got plaintext data when reconstructing a packet"},
	} {
		t.Run(c.packets[0], func(t *testing.T) {
			log := make(chan string, 4)
			h := serve(t, &socketio.Options{ErrorHandler: func(s *socketio.Socket, event string, err error) {
				log <- fmt.Sprintf("%s error%s %v", s.Namespace().Name(), event, err)
			}})
			note := func(s *socketio.Socket, r socketio.Reason) {
				log <- fmt.Sprintf("%s %s", s.Namespace().Name(), r)
			}
			h.sio.OnDisconnect(note)
			h.sio.Of("/b").OnDisconnect(note)
			cl := h.connect("/", "/b")
			cl.send(c.packets...)
			cl.wantClosed()
			seen := map[string][]string{}
			for range 4 {
				ns, what, _ := strings.Cut(receive(t, log), " ")
				seen[ns] = append(seen[ns], what)
			}
			for _, ns := range []string{"/", "/b"} {
				if want := []string{"error " + c.want, "forced close"}; !slices.Equal(seen[ns], want) {
					t.Errorf("%s: %q, want %q", ns, seen[ns], want)
				}
			}
		})
	}
}

func TestVolatileSO5(t *testing.T) {
	for _, kind := range []string{"socket", "broadcast"} {
		for _, arg := range []any{"text", []byte("b")} {
			synctest.Test(t, func(t *testing.T) {
				h := serve(t, nil)
				p := h.poll("EIO=4")
				p.post("40")
				p.get()
				s := h.one()
				volatile := s.Volatile().Emit
				if kind == "broadcast" {
					volatile = h.sio.Volatile().Emit
				}
				waiting := func() <-chan string {
					got := make(chan string, 1)
					go func() { got <- p.get() }()
					synctest.Wait()
					return got
				}
				first := `42["v","text",1]`
				if _, ok := arg.([]byte); ok {
					first = `451-["v",{"_placeholder":true,"num":0},1]` + "\x1ebYg=="
				}
				got := waiting()
				volatile("v", arg, 1)
				volatile("v", arg, 2) // only the first of two
				synctest.Wait()
				s.Emit("regular", 1)
				volatile("v", arg, 3) // behind a regular one
				s.Emit("regular", 2)
				if got := <-got; got != first {
					t.Errorf("%s: %q, want %q", kind, got, first)
				}
				if got := p.get(); got != `42["regular",1]`+"\x1e"+`42["regular",2]` {
					t.Errorf("%s: %q", kind, got)
				}
				h.sio.Close()
			})
		}
	}
}

func TestBinaryAnswersSO6(t *testing.T) {
	h := serve(t, nil)
	c := h.connect()
	answers := make(chan string, 2)
	s := h.one()
	go func() {
		b, err := socketio.Call[[]byte](t.Context(), s, "q", []byte{7})
		answers <- fmt.Sprintf("%x %v", b, err)
	}()
	c.want(`451-1["q",{"_placeholder":true,"num":0}]`, "b:\x07")
	c.send(`461-1[{"_placeholder":true,"num":0}]`, "b:\x01\x02")
	if got := receive(t, answers); got != "0102 <nil>" {
		t.Errorf("Call: %s", got)
	}
}

// OnAnyOutgoing sees direct events and broadcasts, with the bytes as they are.
func TestOutgoingSO14(t *testing.T) {
	h := serve(t, nil)
	c := h.connect()
	var seen [][]any
	h.sio.OnAnyOutgoing(func(s *socketio.Socket, event string, args []any) {
		seen = append(seen, append([]any{s.ID(), event}, args...))
	})
	s, data := h.one(), []byte{1, 2}
	s.Emit("direct", data)
	h.sio.Emit("all", 1, data)
	s.Broadcast().Emit("others", data) // there are none
	c.want(`451-["direct",{"_placeholder":true,"num":0}]`, "b:\x01\x02", `451-["all",1,{"_placeholder":true,"num":0}]`, "b:\x01\x02")
	if want := [][]any{{s.ID(), "direct", data}, {s.ID(), "all", 1, data}}; !reflect.DeepEqual(seen, want) {
		t.Errorf("%v, want %v", seen, want)
	}
}

// Clients of version 2 are connected without asking, on polling too.
func TestVersion2OnPollingEI1EI9(t *testing.T) {
	h := serve(t, &socketio.Options{AllowEIO3: true})
	c := h.httpClient()
	u := "http://server/socket.io/?EIO=3&transport=polling"
	get := func() string {
		t.Helper()
		r, err := c.Get(u)
		if err != nil {
			t.Fatal(err)
		}
		return body(t, r)
	}
	_, open, _ := strings.Cut(get(), ":0")
	var hs struct{ SID string }
	if err := json.Unmarshal([]byte(open), &hs); err != nil {
		t.Fatalf("handshake %q: %v", open, err)
	}
	u += "&sid=" + hs.SID
	if got := get(); got != "2:40" {
		t.Errorf("poll = %q", got)
	}
	if got := h.one().ID(); got != hs.SID {
		t.Errorf("EI1: id %q, session %q", got, hs.SID)
	}
	h.sio.Emit("€", 1)
	if got := get(); got != `9:42["€",1]` {
		t.Errorf("poll = %q", got)
	}
}

func TestAddressZ18SO8(t *testing.T) {
	sio := socketio.NewServer(nil)
	sockets := make(chan *socketio.Socket, 2)
	sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { sockets <- s; return nil })
	srv := httptest.NewServer(sio)
	t.Cleanup(func() { sio.Close(); srv.CloseClientConnections(); srv.Close() })
	header := http.Header{"X-Extra": {"yes"}}
	for transport, open := range map[string]func(testing.TB, string, http.Header) *siotest.Peer{
		"polling": siotest.Polling, "websocket": siotest.WebSocket,
	} {
		p := open(t, srv.URL+"?token=abc", header)
		p.Connect("/", "")
		h := receive(t, sockets).Handshake()
		if h.Address != "127.0.0.1" || !strings.HasPrefix(h.RemoteAddr, "127.0.0.1:") || h.Header.Get("X-Extra") != "yes" ||
			h.Query.Get("token") != "abc" || h.Query.Get("transport") != transport {
			t.Errorf("%s: %+v", transport, h)
		}
		p.Close()
	}
}

// A broadcast is encoded once, whoever gets it.
func TestEncodedOnceMM9(t *testing.T) {
	h := serve(t, nil)
	var clients []*client
	for range 5 {
		clients = append(clients, h.connect())
	}
	v := &counted{}
	h.sio.Emit("ev", v)
	for _, c := range clients {
		c.want(`42["ev","x"]`)
	}
	if v.n != 1 {
		t.Errorf("encoded %d times", v.n)
	}
}

type counted struct{ n int }

func (c *counted) MarshalJSON() ([]byte, error) { c.n++; return []byte(`"x"`), nil }

// Close tells clients nothing: they are to reconnect.
func TestCloseCL9(t *testing.T) {
	h := serve(t, nil)
	h.sio.Of("/b")
	c := h.connect("/", "/b")
	p := h.poll("EIO=4")
	p.post("40")
	p.get()
	h.sio.Close()
	c.wantClosed()
	if got := p.get(); got != `400 {"code":1,"message":"Session ID unknown"}` {
		t.Errorf("poll = %q", got)
	}
}

// Nothing holds on to a socket that has ended.
func TestEndedSocketsAreForgottenCL3(t *testing.T) {
	for how, end := range map[string]func(*harness, *client){
		"gone":         func(_ *harness, c *client) { c.close() },
		"left":         func(_ *harness, c *client) { c.send("41") },
		"broke rules":  func(_ *harness, c *client) { c.send("4abc") },
		"sent away":    func(h *harness, _ *client) { h.sio.DisconnectSockets(false) },
		"server ended": func(h *harness, _ *client) { h.sio.Close() },
	} {
		synctest.Test(t, func(t *testing.T) {
			h := serve(t, &socketio.Options{ErrorHandler: func(*socketio.Socket, string, error) {}})
			barrier(h.sio)
			var socket weak.Pointer[socketio.Socket]
			h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
				s.Join("r")
				socket = weak.Make(s)
				return nil
			})
			c := h.connect()
			c.sync()
			end(h, c)
			time.Sleep(time.Hour) // the runtime keeps stopped timers for a while
			for range 10 {
				runtime.GC()
			}
			if socket.Value() != nil {
				t.Errorf("%s: the socket is not garbage", how)
			}
			h.sio.Close()
		})
	}
}
