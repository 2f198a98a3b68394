package engineio_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/engineio"
)

func TestVerify(t *testing.T) {
	for _, c := range []struct {
		name, method, query string
		status, code        int
		message             string
		context             string
	}{
		{"V1", "GET", "?transport=tobi", 400, 0, "Transport unknown", "map[transport:tobi]"},
		{"V2 constructor", "GET", "?transport=constructor", 400, 0, "Transport unknown", "map[transport:constructor]"},
		{"V2 __proto__", "GET", "?transport=__proto__", 400, 0, "Transport unknown", "map[transport:__proto__]"},
		{"A2 O10 no transport", "GET", "", 400, 0, "Transport unknown", "map[transport:]"},
		{"V3", "GET", "?EIO=4&transport=polling&sid=test", 400, 1, "Session ID unknown", "map[sid:test]"},
		{"V3 O11 __proto__", "GET", "?EIO=4&transport=polling&sid=__proto__", 400, 1, "Session ID unknown", "map[sid:__proto__]"},
		{"C-08 empty sid", "GET", "?EIO=4&transport=polling&sid=", 400, 1, "Session ID unknown", "map[sid:]"},
		{"C-08 NUL", "GET", "?EIO=4&transport=polling&sid=%00", 400, 1, "Session ID unknown", "map[sid:\x00]"},
		{"V3 POST", "POST", "?EIO=4&transport=polling&sid=test", 400, 1, "Session ID unknown", "map[sid:test]"},
		{"V12 missing", "GET", "?transport=polling", 400, 5, "Unsupported protocol version", "map[protocol:3]"},
		{"V12 EI3 3", "GET", "?EIO=3&transport=polling", 400, 5, "Unsupported protocol version", "map[protocol:3]"},
		{"V12 5", "GET", "?EIO=5&transport=polling", 400, 5, "Unsupported protocol version", "map[protocol:3]"},
		{"V12 abc", "GET", "?EIO=abc&transport=polling", 400, 5, "Unsupported protocol version", "map[protocol:3]"},
		{"V13 OPTIONS", "OPTIONS", "?EIO=4&transport=polling", 400, 2, "Bad handshake method", "map[method:OPTIONS]"},
		{"V13 POST SU1", "POST", "?EIO=4&transport=polling", 400, 2, "Bad handshake method", "map[method:POST]"},
		{"V13 PUT SU1", "PUT", "?EIO=4&transport=polling", 400, 2, "Bad handshake method", "map[method:PUT]"},
		{"V13 O9 HEAD", "HEAD", "?EIO=4&transport=polling", 400, 2, "Bad handshake method", "map[method:HEAD]"},
		{"V14", "GET", "?EIO=4&transport=websocket", 400, 3, "Bad request", "map[name:TRANSPORT_HANDSHAKE_ERROR]"},
		{"V17", "GET", "?EIO=4&transport=webtransport", 400, 0, "Transport unknown", "map[transport:webtransport]"},
		{"C-11 repeated", "GET", "?EIO=5&EIO=4&transport=polling&transport=x", 400, 5, "Unsupported protocol version", "map[protocol:3]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused := make(chan *engineio.ConnectionError, 2)
			f := start(t, &engineio.Options{OnConnectionError: func(e *engineio.ConnectionError) { refused <- e }})
			resp := f.request(t, c.method, f.http.URL+"/any/path/"+c.query, "")
			body := fmt.Sprintf(`{"code":%d,"message":"%s"}`, c.code, c.message)
			if c.method == "HEAD" {
				body = ""
			}
			resp.want(t, c.status, body)
			if got := resp.header.Get("Content-Type"); got != "application/json" { // V10
				t.Errorf("Content-Type = %q", got)
			}
			e := wait(t, refused, "connection error")
			if e.Code != c.code || e.Message != c.message || fmt.Sprint(e.Context) != c.context || e.Status != c.status {
				t.Errorf("error %d %q %v %d", e.Code, e.Message, e.Context, e.Status)
			}
			if f.engine.Count() != 0 {
				t.Error("a session was made")
			}
		})
	}
}

func TestRefusedByAllowRequestV4V5V6V7(t *testing.T) {
	calls := 0
	var answer error
	refused := make(chan *engineio.ConnectionError, 2)
	f := start(t, &engineio.Options{
		AllowRequest:      func(*http.Request) error { calls++; return answer },
		OnConnectionError: func(e *engineio.ConnectionError) { refused <- e },
	})
	answer = errors.New("Thou shall not pass")
	f.request(t, "GET", f.url("polling", ""), "").want(t, 403, `{"code":4,"message":"Thou shall not pass"}`)
	e := wait(t, refused, "connection error")
	if e.Message != "Forbidden" || e.Context["message"] != "Thou shall not pass" {
		t.Errorf("error %q %v", e.Message, e.Context)
	}
	answer = errors.New("")
	f.request(t, "GET", f.url("polling", ""), "").want(t, 403, `{"code":4,"message":"Forbidden"}`)

	answer = errors.New("<b>no</b>")
	_, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", ""), "http"), nil)
	if err == nil || resp == nil || resp.StatusCode != 400 {
		t.Fatalf("V6: %v %v", resp, err)
	}
	body, _ := io.ReadAll(resp.Body)
	if string(body) != "&lt;b&gt;no&lt;/b&gt;" || resp.Header.Get("Content-Type") != "text/html" || !resp.Close {
		t.Errorf("V6: %q %v", body, resp.Header)
	}

	answer, calls = nil, 0
	sid, _ := f.open(t)
	f.post(t, sid, "4a")
	f.dial(t, sid)
	if calls != 1 {
		t.Errorf("V7: AllowRequest was called %d times", calls)
	}
}

func TestUnknownSessionOnWebSocketO11(t *testing.T) {
	f := start(t, nil)
	for _, sid := range []string{"nope", "__proto__", strings.Repeat("x", 10_000)} {
		_, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", sid), "http"), nil)
		if err == nil || resp.StatusCode != 400 {
			t.Fatalf("%.10s: %v", sid, err)
		}
		if body, _ := io.ReadAll(resp.Body); string(body) != "Session ID unknown" {
			t.Errorf("body = %q", body)
		}
	}
}

func TestTransportMismatchV15(t *testing.T) {
	refused := make(chan *engineio.ConnectionError, 1)
	f := start(t, &engineio.Options{OnConnectionError: func(e *engineio.ConnectionError) { refused <- e }})
	sid, r := f.open(t)
	f.request(t, "GET", f.url("websocket", sid), "").want(t, 400, `{"code":3,"message":"Bad request"}`)
	e := wait(t, refused, "connection error")
	if got := fmt.Sprint(e.Context); got != "map[name:TRANSPORT_MISMATCH previousTransport:polling transport:websocket]" {
		t.Errorf("context %s", got)
	}
	f.post(t, sid, "4alive").want(t, 200, "ok")
	r.wantMessage(t, "alive")
}

func TestProtocolMismatch(t *testing.T) { // 0.1 (a)
	refused := make(chan *engineio.ConnectionError, 1)
	f := start(t, &engineio.Options{AllowEIO3: true, OnConnectionError: func(e *engineio.ConnectionError) { refused <- e }})
	sid, _ := f.open(t)
	f.eio = 3
	f.poll(t, sid).want(t, 400, `{"code":3,"message":"Bad request"}`)
	if got := fmt.Sprint(wait(t, refused, "connection error").Context); got != "map[name:PROTOCOL_MISMATCH previousProtocol:4 protocol:3]" {
		t.Errorf("context %s", got)
	}
}

func TestOtherMethodsV18(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	for _, method := range []string{"DELETE", "PUT", "OPTIONS", "PATCH"} {
		f.request(t, method, f.url("polling", sid), "").want(t, 500, "")
	}
	f.post(t, sid, "4alive").want(t, 200, "ok")
	r.wantMessage(t, "alive")
}

func TestWebSocketHandshakeO9(t *testing.T) {
	f := start(t, nil)
	u := f.url("websocket", "")
	r := f.request(t, "GET", u, "", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13")
	r.want(t, 400, "Missing or invalid Sec-WebSocket-Key header")
	r = f.request(t, "GET", u, "", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "7",
		"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	if r.status != 400 || !strings.Contains(r.header.Get("Sec-WebSocket-Version"), "13") {
		t.Errorf("wrong version: %d %v", r.status, r.header)
	}
	// An upgrade to something else is an ordinary request.
	f.request(t, "GET", u, "", "Connection", "Upgrade, HTTP2-Settings", "Upgrade", "h2c").
		want(t, 400, `{"code":3,"message":"Bad request"}`)
	if n := f.engine.Count(); n != 0 {
		t.Errorf("%d sessions", n)
	}
	// polling asked for over a websocket request
	f.request(t, "GET", f.url("polling", ""), "", "Connection", "Upgrade", "Upgrade", "websocket").want(t, 400, "Bad request")
}

func TestOriginRule(t *testing.T) { // needs 11, 12, 57; C-12, C-22, C-30, V16
	f := start(t, &engineio.Options{CORS: &engineio.CORS{Origins: []string{"https://good.com", "https://*.wild.com"}}})
	bare := start(t, nil)
	host := func(f *fixture) string { return f.http.URL }
	for _, c := range []struct {
		f      *fixture
		origin string
		ok     bool
	}{
		{bare, "", true},
		{bare, host(bare), true},
		{bare, strings.Replace(host(bare), "http:", "https:", 1), true},
		{bare, "https://evil.com", false},
		{bare, "null", false},
		{f, "", true},
		{f, host(f), true},
		{f, "https://good.com", true},
		{f, "HTTPS://GOOD.com", true},
		{f, "http://good.com", false},
		{f, "https://good.com.evil.com", false},
		{f, "https://a.wild.com", true},
		{f, "https://a.b.wild.com", true},
		{f, "https://wild.com", false},
		{f, "https://evil.com/.wild.com", false},
		{f, "null", false},
		{f, "https://evil.com", false},
	} {
		t.Run(c.origin, func(t *testing.T) {
			sid, _ := c.f.open(t)
			header := []string{}
			if c.origin != "" {
				header = []string{"Origin", c.origin}
			}
			h := http.Header{}
			if c.origin != "" {
				h.Set("Origin", c.origin)
			}
			got := map[string]int{
				"handshake": c.f.request(t, "GET", c.f.url("polling", ""), "", header...).status,
				"post":      c.f.request(t, "POST", c.f.url("polling", sid), "4a", header...).status,
			}
			for name, id := range map[string]string{"websocket": "", "upgrade": sid} {
				ws, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(c.f.url("websocket", id), "http"), h)
				got[name] = resp.StatusCode
				if err == nil {
					ws.Close()
				}
			}
			for name, status := range got {
				if c.ok == (status == 403) {
					t.Errorf("%s: status %d", name, status)
				}
			}
		})
	}
	if logs := bare.logs.String(); !strings.Contains(logs, "CORS.Origins") || !strings.Contains(logs, "https://evil.com") {
		t.Errorf("the log does not help: %s", logs)
	}
	bare.request(t, "GET", bare.url("polling", ""), "", "Origin", "https://evil.com").want(t, 403, `{"code":4,"message":"Forbidden"}`)
	resp := bare.request(t, "GET", bare.url("polling", ""), "", "Origin", "https://\xffx")
	resp.want(t, 400, `{"code":3,"message":"Bad request"}`) // V16
	if resp.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("invalid origin reflected")
	}
}

func TestScriptsOfOtherSites(t *testing.T) {
	f := start(t, nil)
	u := f.url("polling", "") + "&j=0"
	f.request(t, "GET", u, "", "Sec-Fetch-Site", "cross-site").want(t, 403, `{"code":4,"message":"Forbidden"}`)
	if got := f.request(t, "GET", u, "", "Sec-Fetch-Site", "same-origin").status; got != 200 {
		t.Errorf("same origin: %d", got)
	}
}

func TestUnknownSessionBodyNotReadC15(t *testing.T) {
	f := newFixture(nil)
	body := &countingReader{}
	r, _ := http.NewRequest("POST", "/?EIO=4&transport=polling&sid=nope", body)
	w := &nullWriter{header: http.Header{}}
	f.engine.ServeHTTP(w, r)
	if w.status != 400 || body.n != 0 {
		t.Errorf("status %d, %d bytes read", w.status, body.n)
	}
}

type countingReader struct{ n int }

func (c *countingReader) Read(p []byte) (int, error) {
	c.n += len(p)
	return len(p), nil
}

type nullWriter struct {
	header http.Header
	status int
}

func (w *nullWriter) Header() http.Header { return w.header }
func (w *nullWriter) WriteHeader(n int)   { w.status = n }
func (w *nullWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = 200
	}
	return len(p), nil
}

func TestLogIsLimitedAndDiscreet(t *testing.T) { // need 63
	f := start(t, nil)
	sid := "secretsecretsecret12"
	for range 20 {
		f.poll(t, sid)
		f.request(t, "GET", f.http.URL+"/?EIO=3&transport=polling", "")
	}
	logs := f.logs.String()
	if n := strings.Count(logs, "\n"); n != 2 {
		t.Errorf("%d lines: %s", n, logs)
	}
	if strings.Contains(logs, sid) {
		t.Error("a session id is in the log")
	}
	for _, advice := range []string{"sticky", "AllowEIO3"} {
		if !strings.Contains(logs, advice) {
			t.Errorf("no %q in %s", advice, logs)
		}
	}
}

func TestProgrammerErrorsPanic(t *testing.T) {
	for name, o := range map[string]*engineio.Options{
		"duration":  {PingInterval: -1},
		"transport": {Transports: []string{"carrier pigeon"}},
		"cookie":    {Cookie: &http.Cookie{Name: "a b"}},
		"origin":    {CORS: &engineio.CORS{Origins: []string{"good.com"}}},
		"payload":   {MaxPayload: -1},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			engineio.NewServer(o)
		}()
	}
	engineio.NewServer(nil)
}

func TestQueryOfHandshakeH17(t *testing.T) {
	f := start(t, nil)
	f.query = "&token=a%20b"
	_, r := f.open(t)
	h := r.session.Handshake()
	want := url.Values{"EIO": {"4"}, "transport": {"polling"}, "token": {"a b"}}
	if fmt.Sprint(h.Query) != fmt.Sprint(want) || h.Host == "" || h.RemoteAddr == "" || h.Time.IsZero() { // Z18
		t.Errorf("handshake %+v", h)
	}
}
