package engineio_test

import (
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/engineio"
)

func TestCompressionZ1Z2Z3(t *testing.T) {
	long := strings.Repeat("x", 2000)
	for _, c := range []struct {
		name       string
		threshold  int
		accept     string
		messages   []*engineio.Outgoing
		want, text string
	}{
		{"Z1 gzip", 0, "gzip, deflate", out(long), "gzip", "4" + long},
		{"Z1 deflate", 0, "deflate", out(long), "deflate", "4" + long},
		{"gzip refused", 0, "gzip;q=0, deflate;q=0.5", out(long), "deflate", "4" + long},
		{"not accepted", 0, "br", out(long), "", "4" + long},
		{"below", 0, "gzip", out("x"), "", "4x"},
		{"Z2 threshold", 1, "gzip", out("0123456789"), "gzip", "40123456789"},
		{"Z2 off", -1, "gzip", out(long), "", "4" + long},
		{"Z2 not this one", 0, "gzip", []*engineio.Outgoing{{Data: []byte(long), NoCompress: true}}, "", "4" + long},
		{"Z3 any", 0, "gzip", []*engineio.Outgoing{{Data: []byte(long), NoCompress: true}, {Data: []byte("y")}}, "gzip", "4" + long + "\x1e4y"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := start(t, &engineio.Options{HTTPCompressionThreshold: c.threshold})
			f.client.Transport.(*http.Transport).DisableCompression = true
			sid, r := f.open(t)
			for _, o := range c.messages {
				r.session.Send(o)
			}
			resp := f.request(t, "GET", f.url("polling", sid), "", "Accept-Encoding", c.accept)
			if got := resp.header.Get("Content-Encoding"); got != c.want {
				t.Fatalf("Content-Encoding %q", got)
			}
			if got := unpack(t, c.want, resp.body); got != c.text {
				t.Errorf("body %.50q", got)
			}
			if resp.header.Get("Content-Length") != fmt.Sprint(len(resp.body)) {
				t.Error("no Content-Length")
			}
		})
	}
}

func out(messages ...string) (o []*engineio.Outgoing) {
	for _, m := range messages {
		o = append(o, &engineio.Outgoing{Data: []byte(m)})
	}
	return o
}

func unpack(t *testing.T, encoding, body string) string {
	t.Helper()
	var r io.Reader = strings.NewReader(body)
	var err error
	switch encoding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "deflate":
		r, err = zlib.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWebSocketCompression(t *testing.T) {
	f := start(t, &engineio.Options{WebSocketCompressionThreshold: 100})
	dialer := websocket.Dialer{EnableCompression: true}
	long := strings.Repeat("x", 1000)
	o := &engineio.Outgoing{Data: []byte(long), Attachments: [][]byte{[]byte(long)}}
	for range 2 { // the second one from the cache
		c, resp, err := dialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", ""), "http"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(resp.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate") {
			t.Error("not negotiated")
		}
		ws := &conn{c}
		ws.read(t)
		f.session(t).session.Send(o)
		ws.want(t, "4"+long)
		ws.want(t, long)
		c.Close()
	}
	c, _, r := f.openWS(t) // a client without the extension
	r.session.Send(o)
	c.want(t, "4"+long)
	c.want(t, long)
}

func TestHeadersZ5Z6Z8Z11(t *testing.T) {
	calls := map[string]int{}
	f := start(t, &engineio.Options{OnHeaders: func(h http.Header, r *http.Request) {
		calls[r.Method]++
		h.Set("X-Test", r.Method)
	}})
	sid, r := f.open(t)
	resp := f.request(t, "POST", f.url("polling", sid), "4a", "User-Agent", "Mozilla/4.0 (compatible;MSIE 7.0; Trident/4.0)")
	h := resp.header
	if h.Get("Content-Type") != "text/html" || h.Get("Content-Length") != "2" || h.Get("X-XSS-Protection") != "0" ||
		h.Get("Cache-Control") != "no-store" || h.Get("X-Test") != "POST" {
		t.Errorf("POST: %v", h)
	}
	send(t, r.session, "a")
	if h = f.poll(t, sid).header; h.Get("Cache-Control") != "no-store" || h.Get("X-XSS-Protection") != "" || h.Get("X-Test") != "GET" {
		t.Errorf("GET: %v", h)
	}
	f.request(t, "GET", f.url("polling", "nope"), "") // Z9: not for refusals
	if calls["GET"] != 2 || calls["POST"] != 1 {
		t.Errorf("calls %v", calls)
	}
}

func TestInitialHeadersZ7Z8Z9(t *testing.T) {
	var calls []string
	f := start(t, &engineio.Options{
		Cookie:           &http.Cookie{},
		OnInitialHeaders: func(h http.Header, _ *http.Request) { calls = append(calls, "initial"); h.Add("Set-Cookie", "a=b") },
		OnHeaders:        func(http.Header, *http.Request) { calls = append(calls, "headers") },
	})
	resp := f.request(t, "GET", f.url("polling", ""), "")
	if got := resp.header["Set-Cookie"]; len(got) != 2 || got[1] != "a=b" {
		t.Errorf("Set-Cookie %q", got)
	}
	f.post(t, parseOpen(t, resp.body).SID, "4a")
	f.request(t, "GET", f.url("polling", "nope"), "")
	if got := fmt.Sprint(calls); got != "[initial headers headers]" {
		t.Errorf("calls %s", got)
	}
	calls = nil
	_, wsResp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", ""), "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := wsResp.Header["Set-Cookie"]; len(got) != 2 { // Z10: not joined
		t.Errorf("Set-Cookie %q", got)
	}
	if got := fmt.Sprint(calls); got != "[initial headers]" {
		t.Errorf("calls %s", got)
	}
}

func TestCORSZ12Z13Z14Z15(t *testing.T) {
	all := &engineio.CORS{Origins: []string{"*"}, AllowedHeaders: []string{"my-header"}, Credentials: true}
	good := &engineio.CORS{Origins: []string{"http://good-domain.com"}}
	full := &engineio.CORS{Origins: []string{"*"}, Methods: []string{"GET", "PUT", "POST"}, AllowedHeaders: []string{"my-header"},
		ExposedHeaders: []string{"my-exposed-header"}, MaxAge: 123 * time.Second, OptionsSuccessStatus: 200}
	for _, c := range []struct {
		name, method, origin string
		cors                 *engineio.CORS
		status               int
		origins, methods     string
		headers, credentials string
		vary                 bool
	}{
		{"Z12", "OPTIONS", "http://engine.io", all, 204, "http://engine.io", "GET,HEAD,PUT,PATCH,POST,DELETE", "my-header", "true", true},
		{"Z13", "GET", "http://engine.io", all, 200, "http://engine.io", "", "", "true", true},
		{"Z14", "OPTIONS", "http://bad-domain.com", good, 204, "", "", "", "", true},
		{"bad GET", "GET", "http://bad-domain.com", good, 403, "", "", "", "", true},
		{"good GET", "GET", "http://good-domain.com", good, 200, "http://good-domain.com", "", "", "", true},
		{"no origin", "GET", "", good, 200, "", "", "", "", true},
		{"Z15", "OPTIONS", "http://engine.io", full, 200, "*", "GET,PUT,POST", "my-header", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := start(t, &engineio.Options{CORS: c.cors})
			var header []string
			if c.origin != "" {
				header = []string{"Origin", c.origin}
			}
			resp := f.request(t, c.method, f.url("polling", ""), "", header...)
			h := resp.header
			if resp.status != c.status || h.Get("Access-Control-Allow-Origin") != c.origins ||
				h.Get("Access-Control-Allow-Methods") != c.methods || h.Get("Access-Control-Allow-Headers") != c.headers ||
				h.Get("Access-Control-Allow-Credentials") != c.credentials || strings.Contains(h.Get("Vary"), "Origin") != c.vary {
				t.Errorf("%d %v", resp.status, h)
			}
			if c.cors == full && (h.Get("Access-Control-Expose-Headers") != "my-exposed-header" || h.Get("Access-Control-Max-Age") != "123") {
				t.Errorf("%v", h)
			}
		})
	}
}

func TestCORSOnErrorsAndWebSocketsZ17V14(t *testing.T) {
	f := start(t, &engineio.Options{CORS: &engineio.CORS{Origins: []string{"http://engine.io"}}})
	h := f.request(t, "GET", f.url("polling", "nope"), "", "Origin", "http://engine.io").header
	if h.Get("Access-Control-Allow-Origin") != "http://engine.io" {
		t.Errorf("error: %v", h)
	}
	_, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", ""), "http"), http.Header{"Origin": {"http://engine.io"}})
	if err != nil {
		t.Fatal(err)
	}
	if resp.Header.Get("Access-Control-Allow-Origin") != "http://engine.io" {
		t.Errorf("101: %v", resp.Header)
	}
}

func TestMiddlewareHeadersMW2Need11(t *testing.T) {
	f := newFixture(&engineio.Options{CORS: &engineio.CORS{Origins: []string{"http://engine.io"}}})
	f.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Middleware", "yes")
		w.Header().Set("Access-Control-Allow-Origin", "http://engine.io")
		w.Header().Set("Vary", "Origin")
		f.engine.ServeHTTP(w, r)
	}))
	h := f.request(t, "GET", f.url("polling", ""), "", "Origin", "http://engine.io").header
	if len(h["Access-Control-Allow-Origin"]) != 1 || strings.Count(strings.Join(h["Vary"], ","), "Origin") != 1 || h.Get("X-Middleware") == "" {
		t.Errorf("%v", h)
	}
	_, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", ""), "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Header.Get("X-Middleware") != "yes" {
		t.Errorf("101: %v", resp.Header)
	}
}

// The Date header is that of the moment, unless a middleware has its own.
func TestDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var own func(http.Header)
		f, stop := startInMemoryWith(t, nil, func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if own != nil {
					own(w.Header())
				}
				h.ServeHTTP(w, r)
			})
		})
		defer stop()
		sid, r := f.open(t)
		for range 5 {
			time.Sleep(700 * time.Millisecond)
			send(t, r.session, "a")
			for _, resp := range []response{f.poll(t, sid), f.post(t, sid, "4b")} {
				if got, want := resp.header["Date"], time.Now().UTC().Format(http.TimeFormat); len(got) != 1 || got[0] != want {
					t.Errorf("Date %q, want %q", got, want)
				}
			}
		}
		const theirs = "Thu, 01 Jan 1970 00:00:00 GMT"
		own = func(h http.Header) { h.Set("Date", theirs) }
		if got := f.post(t, sid, "4c").header["Date"]; len(got) != 1 || got[0] != theirs {
			t.Errorf("Date %q, want that of the middleware", got)
		}
		own = func(h http.Header) { h["Date"] = nil }
		if got := f.post(t, sid, "4d").header["Date"]; len(got) != 0 {
			t.Errorf("Date %q, want none", got)
		}
	})
}

func TestRequestHeadersZ4(t *testing.T) {
	f := start(t, nil)
	r := newRequest(t, "GET", f.url("polling", ""), "", "Cookie", "a=b", "X-Extra", "yes")
	f.do(t, r)
	s := f.session(t).session
	if h := s.Handshake().Header; h.Get("X-Extra") != "yes" || h.Get("Cookie") != "a=b" {
		t.Errorf("headers %v", h)
	}
	_, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", ""), "http"), http.Header{"X-Extra": {"yes"}})
	if err != nil {
		t.Fatal(err)
	}
	if h := f.session(t).session.Handshake().Header; h.Get("X-Extra") != "yes" {
		t.Errorf("headers %v", h)
	}
}

// Row 17: middleware that compresses, and says so before it calls the handler, is
// left to do it.
func TestCompressionStepsAside(t *testing.T) {
	f := start(t, &engineio.Options{HTTPCompressionThreshold: 1})
	inner := f.engine
	f.http.Close() // the one without middleware
	f.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Accept-Encoding")
		inner.ServeHTTP(w, r)
	}))
	resp := f.request(t, http.MethodGet, f.url("polling", ""), "", "Accept-Encoding", "gzip")
	if got := resp.header.Get("Content-Encoding"); got != "" || !strings.HasPrefix(resp.body, "0{") {
		t.Errorf("Content-Encoding %q, body %q", got, resp.body)
	}
}
