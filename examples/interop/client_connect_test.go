package interop_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"

	goclient "github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/socketio"
)

// person is what a server knows of a client.
type person struct {
	ID        string         `json:"id"`
	Namespace string         `json:"namespace"`
	Transport string         `json:"transport"`
	Probe     string         `json:"probe"`
	Query     string         `json:"query"`
	Auth      map[string]any `json:"auth"`
	Value     any            `json:"value"`
	Rooms     []string       `json:"rooms"`
}

// whoami is declared as servers and clients in Go share it.
var whoami = socketio.CallType[socketio.None, person]{Name: "whoami"}

func (r *rig) whoami(s *goclient.Socket) person {
	r.Helper()
	p, err := whoami.Call(r.ctx, s, socketio.None{})
	if err != nil {
		r.Fatal(err)
	}
	return p
}

var connectChecks = []check{
	{"connect/id and transport", func(r *rig) {
		s := r.connect("/custom")
		p := r.whoami(s)
		want := "websocket"
		if r.transport == "polling" {
			want = "polling"
		}
		r.equal([]any{p.ID, p.Namespace, p.Transport}, []any{s.ID(), "/custom", want})
		r.equal([]any{s.Connected(), s.Active(), s.Recovered(), s.Manager().Transport()}, []any{true, true, false, want})
	}},
	{"connect/what the server sends at once is not lost", func(r *rig) {
		s := r.create(r.to.URL+"/custom", r.options())
		welcome := listen(s, "welcome")
		r.ready(s)
		r.equal(next(r, welcome), []any{"/custom"})
	}},
	{"connect/auth of a struct", func(r *rig) {
		s := r.connect("/auth", func(o *goclient.Options) {
			o.Auth = struct {
				Token  string         `json:"token"`
				Nested map[string]any `json:"nested"`
			}{"secret", map[string]any{"list": []any{1, "ü", nil}}}
		})
		r.equal(r.whoami(s).Auth, map[string]any{"token": "secret", "nested": map[string]any{"list": []any{1, "ü", nil}}})
	}},
	{"connect/auth of a function, anew for each connection", func(r *rig) {
		var times atomic.Int64
		s := r.connect("/auth", func(o *goclient.Options) {
			o.AuthFunc = func(_ context.Context, namespace string) (any, error) {
				return map[string]any{"token": "secret", "for": namespace, "time": times.Add(1)}, nil
			}
		})
		back := connects(s)
		r.equal(r.whoami(s).Auth, map[string]any{"token": "secret", "for": "/auth", "time": 1})
		r.emit(s, "drop")
		next(r, back)
		r.equal(r.whoami(s).Auth, map[string]any{"token": "secret", "for": "/auth", "time": 2})
	}},
	{"connect/query and headers", func(r *rig) {
		s := r.connect("/?flavour=vanille+%26+%C3%BC", func(o *goclient.Options) {
			o.Header = http.Header{"X-Probe": {"here"}}
			o.Query = url.Values{"more": {"1"}}
		})
		p := r.whoami(s)
		r.equal([]any{p.Query, p.Probe}, []any{"vanille & ü", "here"})
	}},
	{"connect/cookies", checkCookies},
	{"connect/refused, with data, and then let in", func(r *rig) {
		var token atomic.Value
		token.Store("wrong")
		o := r.options()
		o.AuthFunc = func(context.Context, string) (any, error) { return map[string]any{"token": token.Load()}, nil }
		s := r.create(r.to.URL+"/auth", o)
		refusals := make(chan error, 10)
		s.OnConnectError(func(err error) { refusals <- err })
		var refused *goclient.ConnectError
		for range 2 {
			if err := s.Connect(r.ctx); !errors.As(err, &refused) {
				r.Fatalf("error %v", err)
			}
			var data any
			json.Unmarshal(refused.Data, &data)
			r.equal([]any{refused.Namespace, refused.Message, data}, []any{"/auth", "not authorized", map[string]any{"code": 401, "hint": "send the token"}})
			if err := next(r, refusals); !errors.As(err, &refused) {
				r.Errorf("OnConnectError got %v", err)
			}
			r.equal([]any{s.Connected(), s.Active()}, []any{false, false})
		}
		token.Store("secret")
		r.ready(s)
		r.equal(r.whoami(s).Auth, map[string]any{"token": "secret"})
	}},
	{"connect/unknown namespace", func(r *rig) {
		s := r.connect("/")
		err := s.Of("/nowhere").Connect(r.ctx)
		want := "Invalid namespace"
		if r.server == "python" { // its own words
			want = "Unable to connect"
		}
		var refused *goclient.ConnectError
		if !errors.As(err, &refused) || refused.Message != want {
			r.Errorf("error %v", err)
		}
		r.equal(r.ask(s, "ack", "others are left alone"), []any{"others are left alone"})
	}},
	{"connect/dynamic namespaces", func(r *rig) {
		s := r.connect("/dyn-101")
		r.equal(r.whoami(s).Namespace, "/dyn-101")
		var refused *goclient.ConnectError
		if err := s.Of("/dyn-x").Connect(r.ctx); !errors.As(err, &refused) {
			r.Errorf("error %v", err)
		}
	}},
	{"connect/namespaces share a connection", func(r *rig) {
		s := r.connect("/")
		sid := s.Manager().SessionID()
		ids := map[string]bool{s.ID(): true}
		sockets := []*goclient.Socket{s.Of("/custom"), s.Of("/slow")}
		for _, other := range sockets {
			other.Open()
		}
		for _, other := range sockets {
			r.ready(other)
			p := r.whoami(other)
			r.equal(p.Namespace, other.Namespace())
			ids[p.ID] = true
		}
		r.equal([]any{len(ids), s.Manager().SessionID()}, []any{3, sid})
		sockets[0].Disconnect()
		r.equal(r.ask(sockets[1], "ack", "still"), []any{"still"})
		r.equal(r.ask(s, "ack", "here"), []any{"here"})
		if err := sockets[0].Connect(r.ctx); err != nil {
			r.Errorf("coming back: %v", err)
		}
		r.equal(s.Manager().SessionID(), sid)
	}},
	{"connect/what is emitted before arrives once and in order", func(r *rig) {
		s := r.create(r.to.URL+"/slow", r.options())
		for i := range 20 {
			r.emit(s, "seq", i)
		}
		r.ready(s)
		r.equal(call[any](r, s, "seq-report"), map[string]any{"count": 20, "ordered": true})
	}},
}

// checkCookies has a balancer in front of the server that knows its clients by a
// cookie.
func checkCookies(r *rig) {
	to, err := url.Parse(r.to.URL)
	if err != nil {
		r.Fatal(err)
	}
	var known, strangers, handshakes atomic.Int64
	pass := httputil.NewSingleHostReverseProxy(to)
	pass.ErrorLog = log.New(io.Discard, "", 0) // polls that the client gives up
	balancer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		cookie, err := req.Cookie("node")
		switch {
		case err == nil && cookie.Value == "a":
			known.Add(1)
		case req.URL.Query().Get("sid") == "":
			handshakes.Add(1)
			http.SetCookie(w, &http.Cookie{Name: "node", Value: "a", Path: "/"})
		default:
			strangers.Add(1)
		}
		pass.ServeHTTP(w, req)
	}))
	r.Cleanup(balancer.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.Fatal(err)
	}
	straight := r.to.URL
	r.to.URL = balancer.URL
	s := r.connect("/", func(o *goclient.Options) { o.Jar = jar })
	r.to.URL = straight
	back := connects(s)
	if r.transport == "websocket" { // which is one request: only the next one shows
		r.emit(s, "drop")
		next(r, back)
	}
	r.equal(r.ask(s, "ack", 1), []any{1})
	if known.Load() == 0 || strangers.Load() > 0 || handshakes.Load() != 1 {
		r.Errorf("%d requests with the cookie, %d without, %d handshakes without", known.Load(), strangers.Load(), handshakes.Load())
	}
}
