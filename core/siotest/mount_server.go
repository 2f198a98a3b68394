package siotest

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/socketio"
)

// The tests of this file mount a Socket.IO server and talk to it.

// pageOrigin is the one foreign origin that the mounted server admits.
const pageOrigin = "https://page.example"

// serveSocketIO starts a server whose sockets greet with the value that was in the
// context of the request, and answer "echo". It returns the address of the mount.
// Both functions may be nil.
func (m mounted) serveSocketIO(t *testing.T, path string, tune func(*http.Server), options func(*socketio.Options)) string {
	t.Helper()
	o := &socketio.Options{
		CORS:   &socketio.CORS{Origins: []string{pageOrigin}, Credentials: true},
		Logger: slog.New(slog.DiscardHandler),
	}
	if options != nil {
		options(o)
	}
	sio := socketio.NewServer(o)
	sio.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
		return s.Emit("hello", ctx.Value(outerKey{}))
	})
	socketio.OnCall(sio, "echo", func(_ context.Context, _ *socketio.Socket, text string) (string, error) {
		return text, nil
	})
	address := m.serve(t, sio, path, tune) + path
	t.Cleanup(func() { // before the HTTP server, which waits for open polls
		if err := sio.Close(); err != nil {
			t.Errorf("closing the server: %v", err)
		}
	})
	return address
}

func (m mounted) testServer(t *testing.T) {
	for _, path := range mountPaths {
		t.Run(strings.ReplaceAll(strings.Trim(path, "/"), "/", "-"), func(t *testing.T) {
			address := m.serveSocketIO(t, path, nil, nil)
			base := strings.TrimSuffix(address, "/")
			for _, form := range []string{base, base + "/", base + "/below"} {
				t.Run("polling", func(t *testing.T) { converse(Polling(t, form, nil)) })
				t.Run("websocket", func(t *testing.T) { converse(WebSocket(t, form, nil)) })
			}
			t.Run("upgrade", func(t *testing.T) { testUpgrade(t, address) })
			t.Run("jsonp", func(t *testing.T) { testJSONP(t, address) })
			t.Run("errors", func(t *testing.T) { testErrors(t, address) })
			t.Run("preflight", func(t *testing.T) { testPreflight(t, address) })
		})
	}
	t.Run("origins", m.testOrigins)
	t.Run("limits", m.testLimits)
	t.Run("compression", m.testCompression)
	t.Run("timeouts", m.testTimeouts)
}

// converse connects, is greeted, and gets an answer.
func converse(p *Peer) {
	p.t.Helper()
	p.Connect("/", "")
	p.Expect(`42["hello","` + outerValue + `"]`)
	p.Send(`421["echo","täst"]`)
	p.Expect(`431["täst"]`)
}

func testUpgrade(t *testing.T, address string) {
	p := Polling(t, address, nil)
	if !slices.Contains(p.Handshake().Upgrades, "websocket") {
		t.Errorf("upgrades are %q, want websocket among them", p.Handshake().Upgrades)
	}
	p.Connect("/", "")
	p.Expect(`42["hello","` + outerValue + `"]`)
	p.Upgrade()
	p.Send(`422["echo","after"]`)
	p.Expect(`432["after"]`)
}

func testJSONP(t *testing.T, address string) {
	status, body, err := do(httpClient(t), request(t, "GET", address+"?EIO=4&transport=polling&j=7"))
	if err != nil {
		t.Fatal(err)
	}
	if status != 200 || !strings.HasPrefix(body, `___eio[7]("0{`) || !strings.HasSuffix(body, `");`) {
		t.Errorf("got %d %q", status, body)
	}
}

func testErrors(t *testing.T, address string) {
	tests := []struct {
		name, method, query string
		status              int
		body                string
	}{
		{"V1 transport", "GET", "EIO=4&transport=tobi", 400, `{"code":0,"message":"Transport unknown"}`},
		{"V3 session", "GET", "EIO=4&transport=polling&sid=test", 400, `{"code":1,"message":"Session ID unknown"}`},
		{"V3 session, POST", "POST", "EIO=4&transport=polling&sid=test", 400, `{"code":1,"message":"Session ID unknown"}`},
		{"V13 method", "POST", "EIO=4&transport=polling", 400, `{"code":2,"message":"Bad handshake method"}`},
		{"V13 HEAD", "HEAD", "EIO=4&transport=polling", 400, ""},
		{"V14 websocket without upgrade", "GET", "EIO=4&transport=websocket", 400, `{"code":3,"message":"Bad request"}`},
		{"V12 protocol", "GET", "EIO=3&transport=polling", 400, `{"code":5,"message":"Unsupported protocol version"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, body, err := do(httpClient(t), request(t, tt.method, address+"?"+tt.query))
			if err != nil {
				t.Fatal(err)
			}
			if status != tt.status || body != tt.body {
				t.Errorf("got %d %q, want %d %q", status, body, tt.status, tt.body)
			}
		})
	}
}

func testPreflight(t *testing.T, address string) {
	req := request(t, "OPTIONS", address+"?EIO=4&transport=polling")
	req.Header.Set("Origin", pageOrigin)
	req.Header.Set("Access-Control-Request-Method", "POST")
	res, err := httpClient(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		t.Errorf("status %d, want 204", res.StatusCode)
	}
	if got := res.Header.Values("Access-Control-Allow-Origin"); !slices.Equal(got, []string{pageOrigin}) {
		t.Errorf("allowed origin %q, want %q", got, pageOrigin)
	}
	if got := res.Header.Get("Access-Control-Allow-Credentials"); got != "true" {
		t.Errorf("allow credentials %q, want true", got)
	}
}

// testOrigins proves that a page of an admitted origin gets through on both
// transports, and another one on none.
func (m mounted) testOrigins(t *testing.T) {
	address := m.serveSocketIO(t, mountPaths[0], nil, nil)
	page := http.Header{"Origin": {pageOrigin}}
	converse(Polling(t, address, page))
	converse(WebSocket(t, address, page))
	for _, transport := range []string{"polling", "websocket"} {
		req := request(t, "GET", address+"?EIO=4&transport="+transport)
		req.Header.Set("Origin", "https://evil.example")
		if transport == "websocket" {
			setUpgrade(req)
		}
		checkForbidden(t, transport+" from a refused origin", req)
	}
	testStolenID(t, address)
}

// setUpgrade makes req the opening handshake of a websocket.
func setUpgrade(req *http.Request) {
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "websocket")
	req.Header.Set("Sec-WebSocket-Version", "13")
	req.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
}

// testCompression proves that a body is compressed once at most, and says so: the
// server compresses what is long enough, and so does middleware.
func (m mounted) testCompression(t *testing.T) {
	address := m.serveSocketIO(t, mountPaths[0], nil, nil)
	text := strings.Repeat("a long text ", 1000)
	for _, header := range []http.Header{nil, {"Accept-Encoding": {"identity"}}} {
		p := Polling(t, address, header) // without the header, net/http accepts gzip and decodes it
		p.Connect("/", "")
		p.Expect(`42["hello","` + outerValue + `"]`)
		p.Send(`423["echo","` + text + `"]`)
		p.Expect(`433["` + text + `"]`)
	}
}

// testTimeouts proves that a session outlives the timeouts of its http.Server,
// which are meant for requests that are answered at once. The pings come after more
// than three times as long.
func (m mounted) testTimeouts(t *testing.T) {
	const timeout, pingInterval = 300 * time.Millisecond, time.Second
	address := m.serveSocketIO(t, mountPaths[0], func(s *http.Server) {
		s.ReadTimeout, s.ReadHeaderTimeout, s.WriteTimeout, s.IdleTimeout = timeout, timeout, timeout, timeout
	}, func(o *socketio.Options) { o.PingInterval = pingInterval })
	// A server with an IdleTimeout may close a connection in the very moment when
	// the client sends the next request on it. That is not what this is about.
	fresh := http.Header{"Connection": {"close"}}
	peers := map[string]*Peer{
		"polling": Polling(t, address, fresh), "websocket": WebSocket(t, address, nil), "upgraded": Polling(t, address, fresh),
	}
	for name, p := range peers {
		p.Connect("/", "")
		p.Expect(`42["hello","` + outerValue + `"]`)
		if name == "upgraded" {
			p.Upgrade()
		}
	}
	for name, p := range peers {
		t.Log(name)
		p.awaitPing()
		p.Send(`421["echo","still here"]`)
		p.Expect(`431["still here"]`)
	}
}

// awaitPing reads until the next ping and answers it.
func (p *Peer) awaitPing() {
	p.t.Helper()
	for p.next() != "2" {
	}
	p.Send("3")
}
