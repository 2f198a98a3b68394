package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// N4
func TestNamespaceNames(t *testing.T) {
	h := serve(t, nil)
	if h.sio.Of("") != h.sio.Of("/") || h.sio.Of("/") != h.sio.Namespace || h.sio.Of("abc") != h.sio.Of("/abc") {
		t.Error("names are not normalized")
	}
	if got := h.sio.Namespaces(); !slices.Equal(got, []string{"/", "/abc"}) {
		t.Error(got)
	}
}

// N8, N18, N24, N25, SU7, MI1
func TestRefused(t *testing.T) {
	h := serve(t, nil)
	h.sio.Of("/custom").OnConnect(func(_ context.Context, s *socketio.Socket) error {
		return s.Emit("auth", s.Handshake().Auth)
	})
	calls := 0
	h.sio.Of("/private").Use(func(_ context.Context, s *socketio.Socket) error {
		var auth struct{ Token string }
		if err := s.Auth(&auth); err != nil || auth.Token != "ok" {
			return socketio.Reject("unauthorized", map[string]int{"code": 7})
		}
		return nil
	})
	h.sio.Of("/private").Use(func(context.Context, *socketio.Socket) error { calls++; return nil })
	h.sio.Of("/plain").Use(func(context.Context, *socketio.Socket) error { return errors.New("just no") })
	h.sio.Of("/panic").Use(func(context.Context, *socketio.Socket) error { panic("ouch") })
	c := h.dial()
	c.send(`40/random`)
	c.want(`44/random,{"message":"Invalid namespace"}`)
	c.send(`40/unknown?token=1,`)
	c.want(`44/unknown?token=1,{"message":"Invalid namespace"}`)
	c.send(`40/private`, `40/plain,`, `40/panic,`)
	got := []string{c.next(), c.next(), c.next()}
	slices.Sort(got)
	want := []string{`44/panic,{"message":"internal error"}`, `44/plain,{"message":"just no"}`,
		`44/private,{"message":"unauthorized","data":{"code":7}}`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if calls != 0 {
		t.Error("a middleware ran after one had refused")
	}
	c.join("/custom", `{"a":1}`)
	c.want(`42/custom,["auth",{"a":1}]`)
	c.join("/private", `{"token":"ok"}`) // the same connection may try again
	if calls != 1 {
		t.Error("the second middleware did not run")
	}
}

// CL4, CL5, CL6, CL7, CL8, SO12, SO11: what breaks the protocol closes the connection.
func TestViolations(t *testing.T) {
	for name, packets := range map[string][]string{
		"CL4 second CONNECT":           {"40"},
		"CL5 EVENT before CONNECT":     {`42/other,["ev"]`},
		"CL6 undecodable":              {"4abc"},
		"CL7 CONNECT_ERROR":            {`44["handle me please"]`},
		"CL7 DISCONNECT of nobody":     {"41/other"},
		"SO12 attachments":             {"45woooot"},
		"SO12 no attachments":          {"45"},
		"SU8 object payload":           {"42{}"},
		"SU8 namespace in front of it": {`42abc["message-with-ack",1,"2"]`},
		"O5 unexpected binary":         {"b:\x01"},
		"O5 text amid attachments":     {`451-["x",{"_placeholder":true,"num":0}]`, `42["y"]`},
		"O5 too many attachments":      {`451001-["x"]`},
		"C-04 reserved name":           {`42["disconnect"]`},
		"C-04 name no string":          {`42[{"toString":"x"}]`},
		"event before the reply":       {"40/slow", `42/slow,["x"]`},
		"CONNECT while connecting":     {"40/slow", "40/slow"},
	} {
		t.Run(name, func(t *testing.T) {
			reasons := make(chan socketio.Reason, 1)
			h := serve(t, &socketio.Options{ErrorHandler: func(*socketio.Socket, string, error) {}})
			h.sio.Of("/slow").Use(func(ctx context.Context, _ *socketio.Socket) error { <-ctx.Done(); return ctx.Err() })
			h.sio.OnDisconnect(func(_ *socketio.Socket, r socketio.Reason) { reasons <- r })
			c := h.connect()
			c.send(packets...)
			c.wantClosed()
			want := socketio.ForcedServerClose
			if strings.Contains(name, "CL6") || strings.Contains(name, "SO12") || strings.Contains(name, "SU8") || strings.Contains(name, "O5") || strings.Contains(name, "C-04") || strings.Contains(name, "CL7 CONNECT_ERROR") {
				want = socketio.ForcedClose
			}
			if got := receive(t, reasons); got != want {
				t.Errorf("reason %q, want %q", got, want)
			}
		})
	}
}

// CL4, CL5, CL6 on polling: the next poll reads what was queued, then the close.
func TestViolationsOnPolling(t *testing.T) {
	for packet, want := range map[string]string{`42["ev"]`: "6\x1e1", "4abc": "6\x1e1", "40\x1e40": "CONNECT"} {
		h := serve(t, nil)
		p := h.poll("EIO=4")
		if got := p.post(packet); got != "ok" {
			t.Errorf("POST: %q", got)
		}
		got := p.get()
		if strings.HasPrefix(got, "40{") { // it may be there already, or not
			got = p.get()
		}
		if want == "CONNECT" {
			want = "6\x1e1"
		}
		if got != want && got != "1" {
			t.Errorf("%s: poll = %q, want %q", packet, got, want)
		}
	}
}

// MI2, MI3, MI4, MI5
func TestMiddleware(t *testing.T) {
	h := serve(t, nil)
	gate, entered := make(chan struct{}), make(chan *socketio.Socket, 2)
	h.sio.Use(func(ctx context.Context, s *socketio.Socket) error {
		s.Join("early")
		entered <- s
		select {
		case <-gate:
		case <-ctx.Done():
		}
		return nil
	})
	connected := make(chan *socketio.Socket, 2)
	h.sio.OnConnect(func(_ context.Context, s *socketio.Socket) error { connected <- s; return nil })
	h.sio.OnDisconnect(func(s *socketio.Socket, _ socketio.Reason) {
		if s.Context().Err() == nil {
			t.Error("the context is not cancelled")
		}
	})

	c := h.dial()
	c.send("40")
	s := receive(t, entered)
	if _, ok := h.sio.Socket(s.ID()); ok || s.Connected() || h.sio.Count() != 0 {
		t.Error("MI4: a socket is there before it is connected")
	}
	h.sio.To("early").Emit("too early")
	gate <- struct{}{}
	c.joined("/")
	if got := receive(t, connected); got != s || !s.Connected() || h.sio.Count() != 1 {
		t.Error("MI4: the socket is not there")
	}
	h.sio.To("early").Emit("now")
	c.want(`42["now"]`)

	gone := h.dial() // MI3: it leaves while the middleware runs
	gone.send("40")
	s2 := receive(t, entered)
	gone.close()
	<-s2.Context().Done()
	h.sio.Shutdown(context.Background())
	if len(connected) != 0 {
		t.Error("MI3: OnConnect ran for a client that had left")
	}
	if err := s2.Emit("x"); err != socketio.ErrDisconnected {
		t.Errorf("Emit to a socket that has left: %v", err)
	}
}

// N16, N17, N18, N20, N22, N23, MI1
func TestDynamicNamespaces(t *testing.T) {
	h := serve(t, nil)
	var mu sync.Mutex
	var created []string
	h.sio.OnNewNamespace(func(n *socketio.Namespace) { mu.Lock(); created = append(created, n.Name()); mu.Unlock() })
	dyn := h.sio.OfMatch(regexp.MustCompile(`^/dynamic-\d+$`))
	used := make(chan string, 10)
	dyn.Use(func(_ context.Context, s *socketio.Socket) error {
		used <- s.Namespace().Name()
		if s.Namespace().Name() == "/dynamic-13" {
			return errors.New("unlucky")
		}
		return nil
	})
	dyn.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Emit("hello", s.Namespace().Name()) })
	socketio.OnCall(dyn, "echo", func(_ context.Context, _ *socketio.Socket, v any) (any, error) { return v, nil })
	h.sio.OfFunc(func(_ context.Context, name string, auth json.RawMessage) bool {
		return name == "/fn" && string(auth) == `{"x":1}`
	}).OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Emit("fn") })
	h.sio.OfMatch(regexp.MustCompile(`^/dynamic-1$`)).OnConnect(func(context.Context, *socketio.Socket) error {
		t.Error("N23: the second matcher was asked first")
		return nil
	})

	c := h.connect("/dynamic-1")
	c.want(`42/dynamic-1,["hello","/dynamic-1"]`)
	c.send(`42/dynamic-1,1["echo",5]`)
	c.want(`43/dynamic-1,1[5]`)
	c.send("40/nope", "40/fn,")
	got := []string{c.next(), c.next()}
	slices.Sort(got)
	if !slices.Equal(got, []string{`44/fn,{"message":"Invalid namespace"}`, `44/nope,{"message":"Invalid namespace"}`}) {
		t.Errorf("N18: %q", got)
	}
	c.join("/fn", `{"x":1}`)
	c.want(`42/fn,["fn"]`)
	c.join("/dynamic-2", "")
	c.want(`42/dynamic-2,["hello","/dynamic-2"]`)
	if s := h.sio.Of("/dynamic-101"); s.Name() != "/dynamic-101" { // N22
		t.Error(s.Name())
	}
	c.join("/dynamic-101", "")
	c.want(`42/dynamic-101,["hello","/dynamic-101"]`)

	dyn.Emit("all", 1) // N17
	got = []string{c.next(), c.next(), c.next()}
	slices.Sort(got)
	if want := []string{`42/dynamic-1,["all",1]`, `42/dynamic-101,["all",1]`, `42/dynamic-2,["all",1]`}; !slices.Equal(got, want) {
		t.Errorf("N17: %q", got)
	}
	for n := range h.sio.Of("/dynamic-2").Sockets() { // pins it
		n.Join("r")
	}
	dyn.To("r").Emit("room")
	c.want(`42/dynamic-2,["room"]`)
	c.send("40/dynamic-13")
	c.want(`44/dynamic-13,{"message":"unlucky"}`)

	c.send("41/dynamic-1,", "41/dynamic-2,", "41/dynamic-101,")
	c.send("40/dynamic-2") // a static one stays
	c.joined("/dynamic-2")
	h.sio.Shutdown(context.Background())
	mu.Lock()
	defer mu.Unlock()
	want := []string{"/dynamic-1", "/fn", "/dynamic-2", "/dynamic-101", "/dynamic-13"}
	if !slices.Equal(created, want) {
		t.Errorf("N16: created %q, want %q", created, want)
	}
}

// N20, N21
func TestEmptyChildNamespaces(t *testing.T) {
	for _, keep := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h := serve(t, &socketio.Options{KeepEmptyChildNamespaces: keep})
			h.sio.OfMatch(regexp.MustCompile(`^/d`)).Use(func(_ context.Context, s *socketio.Socket) error {
				if s.Namespace().Name() == "/d-refused" {
					return errors.New("no")
				}
				return nil
			})
			h.sio.Of("/static")
			a, b := h.connect("/d1"), h.connect("/d1")
			a.send("40/d-refused")
			a.want(`44/d-refused,{"message":"no"}`)
			a.send("41/d1,")
			synctest.Wait()
			if got := h.sio.Namespaces(); !slices.Contains(got, "/d1") || slices.Contains(got, "/d-refused") == !keep {
				t.Errorf("keep %v: %q", keep, got)
			}
			b.close()
			synctest.Wait()
			if got := h.sio.Namespaces(); slices.Contains(got, "/d1") == !keep || !slices.Contains(got, "/static") {
				t.Errorf("keep %v: %q", keep, got)
			}
			a.join("/d1", "")
			h.sio.Close()
		})
	}
}

// N19: two clients race for a namespace that an async matcher makes.
func TestDynamicNamespaceRace(t *testing.T) {
	h := serve(t, nil)
	created := make(chan string, 10)
	h.sio.OnNewNamespace(func(n *socketio.Namespace) { created <- n.Name() })
	both := make(chan struct{}, 2)
	gate := make(chan struct{})
	h.sio.OfFunc(func(context.Context, string, json.RawMessage) bool {
		both <- struct{}{}
		<-gate
		return true
	})
	a, b := h.dial(), h.dial()
	a.send("40/x")
	b.send("40/x")
	receive(t, both)
	receive(t, both)
	close(gate)
	a.joined("/x")
	b.joined("/x")
	if len(created) != 1 || h.sio.Of("/x").Count() != 2 {
		t.Errorf("%d namespaces, %d sockets", len(created), h.sio.Of("/x").Count())
	}
}

// N14, SU7
func TestConnectTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := serve(t, &socketio.Options{ConnectTimeout: 3 * time.Second})
		idle, refused, ok := h.dial(), h.dial(), h.connect()
		refused.send("40/nope")
		refused.want(`44/nope,{"message":"Invalid namespace"}`)
		time.Sleep(2999 * time.Millisecond)
		synctest.Wait()
		if h.sio.Engine().Count() != 3 {
			t.Error("closed too early")
		}
		time.Sleep(2 * time.Millisecond)
		idle.wantClosed()
		refused.wantClosed()
		time.Sleep(time.Hour)
		if h.sio.Engine().Count() != 1 || h.sio.Count() != 1 {
			t.Errorf("%d connections, %d sockets", h.sio.Engine().Count(), h.sio.Count())
		}
		ok.close()
		h.sio.Close()
	})
}

// Row 15, SO8: the values of the request's context, the handshake, the auth of
// each namespace.
func TestHandshake(t *testing.T) {
	sio := socketio.NewServer(nil)
	h := &harness{TB: t, sio: sio, ln: newPipeListener()}
	hs := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sio.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), ctxKey{}, "user-7")))
	})}
	go hs.Serve(h.ln)
	t.Cleanup(func() { sio.Close(); hs.Close() })
	sockets := make(chan *socketio.Socket, 2)
	h.sio.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
		if ctx.Value(ctxKey{}) != "user-7" || ctx.Err() != nil {
			t.Error("the values of the request are not there")
		}
		sockets <- s
		return nil
	})
	h.sio.Of("/b").OnConnect(func(_ context.Context, s *socketio.Socket) error { sockets <- s; return nil })
	c := h.open("EIO=4&token=a%26b")
	c.join("/", "")
	c.join("/b", `{"z":1}`)
	a, b := receive(t, sockets), receive(t, sockets)
	hsA, hsB := a.Handshake(), b.Handshake()
	if hsA.Query.Get("token") != "a&b" || hsB.Query.Get("token") != "a&b" || string(hsB.Auth) != `{"z":1}` || hsA.Auth != nil {
		t.Errorf("%+v %+v", hsA, hsB)
	}
	if hsA.Secure || hsA.XDomain || hsA.Header.Get("Upgrade") == "" || hsA.URL.Path != "/socket.io/" || hsA.Time.IsZero() {
		t.Errorf("%+v", hsA)
	}
	if a.ID() == b.ID() || a.ID() == c.sid || a.Conn().ID() != c.sid || a.Conn() != b.Conn() {
		t.Error("ids")
	}
	if a.Context().Value(ctxKey{}) != "user-7" {
		t.Error("the socket's context has no values")
	}
	data, err := json.Marshal(hsB)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"sec-websocket-version":"13"`, `"host":"server"`, `"time":"` + hsB.Time.UTC().Format("Mon Jan 02 2006"),
		`GMT+0000 (Coordinated Universal Time)"`, `"url":"/socket.io/?transport=websocket`, `"query":{"EIO":"4"`, `"auth":{"z":1}}`} {
		if !strings.Contains(string(data), part) {
			t.Errorf("no %s in %s", part, data)
		}
	}
	var back socketio.Handshake
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(back.Query, hsB.Query) || back.Address != hsB.Address {
		t.Errorf("%+v %v", back, err)
	}
}

func ExampleReject() {
	sio := socketio.NewServer(nil)
	sio.Use(func(ctx context.Context, s *socketio.Socket) error {
		var auth struct{ Token string }
		if err := s.Auth(&auth); err != nil || auth.Token != "letmein" {
			return socketio.Reject("unauthorized", map[string]string{"hint": "log in first"})
		}
		return nil
	})
	fmt.Println(sio.Namespaces())
	// Output: [/]
}
