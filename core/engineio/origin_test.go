package engineio_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gosocketio/sio/core/engineio"
)

// originRequests are all kinds of requests there are.
func originRequests() map[string]func(sid string) *http.Request {
	request := func(method, query string, header ...string) *http.Request {
		r := httptest.NewRequest(method, "/?"+query, strings.NewReader(strings.Repeat("4stolen", len(method)-3)))
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return r
	}
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}
	return map[string]func(string) *http.Request{
		"polling handshake":   func(string) *http.Request { return request("GET", "EIO=4&transport=polling") },
		"protocol 3":          func(string) *http.Request { return request("GET", "EIO=3&transport=polling&b64=1") },
		"JSONP handshake":     func(string) *http.Request { return request("GET", "EIO=4&transport=polling&j=0") },
		"websocket handshake": func(string) *http.Request { return request("GET", "EIO=4&transport=websocket", upgrade...) },
		"handshake with POST": func(string) *http.Request { return request("POST", "EIO=4&transport=polling") },
		"preflight":           func(string) *http.Request { return request("OPTIONS", "EIO=4&transport=polling") },
		"poll":                func(sid string) *http.Request { return request("GET", "EIO=4&transport=polling&sid="+sid) },
		"JSONP poll":          func(sid string) *http.Request { return request("GET", "EIO=4&transport=polling&j=1&sid="+sid) },
		"POST":                func(sid string) *http.Request { return request("POST", "EIO=4&transport=polling&sid="+sid) },
		"HEAD":                func(sid string) *http.Request { return request("HEAD", "EIO=4&transport=polling&sid="+sid) },
		"PUT":                 func(sid string) *http.Request { return request("PUT", "EIO=4&transport=polling&sid="+sid) },
		"preflight of a POST": func(sid string) *http.Request { return request("OPTIONS", "EIO=4&transport=polling&sid="+sid) },
		"upgrade": func(sid string) *http.Request {
			return request("GET", "EIO=4&transport=websocket&sid="+sid, upgrade...)
		},
		"unknown session": func(string) *http.Request { return request("GET", "EIO=4&transport=polling&sid=nope") },
	}
}

// C-12, C-22, need 57: pages of other origins can send nothing, whatever the
// request, and also if they know the id of a session that a good page has opened. The
// session does not notice.
func TestOtherOriginsC12C22Need57(t *testing.T) {
	for name, c := range map[string]struct {
		cors *engineio.CORS
		good string
		evil []string
	}{
		"default": {nil, "https://example.com", []string{
			"https://evil.com", "null", "https://example.com.evil.com", "https://example.com:8443", "https://sub.example.com", "file://", "https://", "example.com", "*"}},
		"CORS": {&engineio.CORS{Origins: []string{"https://good.com"}, Credentials: true}, "https://good.com", []string{
			"https://evil.com", "null", "http://good.com", "https://good.com.evil.com", "https://good.com:8443", "https://evil.com/https://good.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(&engineio.Options{CORS: c.cors, AllowEIO3: true})
			defer f.engine.Close()
			good := func(r *http.Request) { r.Header.Set("Origin", c.good) }
			w := f.handshake(good)
			if w.Code != 200 {
				t.Fatalf("%s: %d", c.good, w.Code)
			}
			sid, r := parseOpen(t, w.Body.String()).SID, f.session(t)
			send(t, r.session, "secret")
			for kind, make := range originRequests() {
				for _, origin := range c.evil {
					request := make(sid)
					request.Header.Set("Origin", origin)
					w := httptest.NewRecorder()
					f.engine.ServeHTTP(w, request)
					preflight := c.cors != nil && request.Method == "OPTIONS"
					if preflight != (w.Code == 204) || !preflight && w.Code != 403 {
						t.Errorf("%s of %s: %d %s", kind, origin, w.Code, w.Body)
					}
					if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" {
						t.Errorf("%s of %s: Access-Control-Allow-Origin: %s", kind, origin, got)
					}
				}
			}
			if f.engine.Count() != 1 || len(r.messages) != 0 || len(r.closed) != 0 {
				t.Errorf("%d sessions, %d messages, %d closed", f.engine.Count(), len(r.messages), len(r.closed))
			}
			own := f.handshake(func(r *http.Request) { good(r); r.URL.RawQuery += "&sid=" + sid })
			if own.Body.String() != "4secret" {
				t.Errorf("poll of %s: %d %s", c.good, own.Code, own.Body)
			}
		})
	}
}

// C-30: an Origin with anything but printable characters is in no response header,
// and cannot end a line of the log.
func TestOriginInjectionC30(t *testing.T) {
	evil := []string{"https://a\r\nX-Evil: 1", "https://a\nX-Evil: 1", "https://a\x00", "https://a\x7f", "https://\xff", "https://ä.com", "https://a\x1b[31m"}
	for name, cors := range map[string]*engineio.CORS{
		"default":     nil,
		"list":        {Origins: []string{"https://good.com"}},
		"any":         {Origins: []string{"*"}},
		"credentials": {Origins: []string{"*"}, Credentials: true},
		"function":    {AllowOrigin: func(*http.Request, string) bool { return true }},
	} {
		t.Run(name, func(t *testing.T) {
			logs := &logBuffer{}
			f := newFixture(&engineio.Options{CORS: cors, Logger: slog.New(slog.NewTextHandler(logs, nil))})
			defer f.engine.Close()
			sid := parseOpen(t, f.handshake(nil).Body.String()).SID
			for kind, make := range originRequests() {
				for _, origin := range evil {
					r := make(sid)
					r.Header.Set("Origin", origin)
					r.Header.Set("Access-Control-Request-Headers", origin)
					w := httptest.NewRecorder()
					f.engine.ServeHTTP(w, r)
					if preflight := cors != nil && r.Method == "OPTIONS"; !preflight && w.Code != 400 {
						t.Errorf("%s of %q: %d", kind, origin, w.Code)
					}
					for name, values := range w.Header() {
						if v := strings.Join(values, ""); strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c > '~' }) || strings.Contains(v, "https://a") {
							t.Errorf("%s of %q: %s: %q", kind, origin, name, v)
						}
					}
				}
			}
			for line := range strings.Lines(logs.String()) {
				if !strings.HasPrefix(line, "time=") || strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(c rune) bool { return c < ' ' }) {
					t.Errorf("log: %q", line)
				}
			}
		})
	}
}

// C-30 on the wire.
func TestOriginInjectionOnTheWireC30(t *testing.T) {
	f := start(t, &engineio.Options{CORS: &engineio.CORS{Origins: []string{"*"}, Credentials: true}})
	for origin, status := range map[string]int{
		"https://a\rX-Evil: 1": 400, "https://\xffX-Evil: 1": 400, "https://ä.com/X-Evil: 1": 400,
		// A line that goes on is one line to net/http, with a space, and stays one.
		"https://a\n X-Evil: 1": 200, "https://a\r\n X-Evil: 1": 200,
	} {
		c, err := net.Dial("tcp", f.http.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "GET /?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOrigin: %s\r\n\r\n", origin)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		c.Close()
		if resp.StatusCode != status || resp.Header.Get("X-Evil") != "" {
			t.Errorf("%q: %d %v %s", origin, resp.StatusCode, resp.Header, body)
		}
	}
}
