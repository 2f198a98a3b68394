package engineio_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/engineio"
)

// sink is a Handler that keeps nothing.
type sink struct{}

func (sink) OnMessage([]byte, bool)         {}
func (sink) OnClose(engineio.Reason, error) {}

// C-01: the smallest packets there are, a megabyte of them. The time is proportional
// to the body (both measured here and now), and the memory a small
// multiple of it.
func TestSmallestPacketsC01(t *testing.T) {
	for _, c := range []struct{ name, query, contentType, unit string }{
		{"protocol 4", "EIO=4", "text/plain", "4\x1e"},
		{"protocol 4 base64", "EIO=4", "text/plain", "bAA\x1e"},
		{"protocol 3", "EIO=3", "text/plain", "1:4"},
		{"protocol 3 kill-engine-io", "EIO=3", "text/plain", "2:42"},
		{"protocol 3 nothing", "EIO=3", "text/plain", "0:"},
		{"protocol 3 binary", "EIO=3", "application/octet-stream", "\x00\x01\xff4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sid string
			engine := engineio.NewServer(&engineio.Options{
				AllowEIO3: true, MaxPayload: 1 << 20, MaxPacketsPerPayload: -1, Logger: discardLogger,
				OnConnection: func(s *engineio.Session) engineio.Handler { sid = s.ID(); return sink{} },
			})
			defer engine.Close()
			engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/?transport=polling&"+c.query, nil))
			post := func(size int) (took time.Duration, allocated uint64) {
				body := strings.TrimSuffix(strings.Repeat(c.unit, size/len(c.unit)), "\x1e")
				r := httptest.NewRequest("POST", "/?transport=polling&"+c.query+"&sid="+sid, io.MultiReader(strings.NewReader(body)))
				r.Header.Set("Content-Type", c.contentType)
				w := httptest.NewRecorder()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				began := time.Now()
				engine.ServeHTTP(w, r)
				took = time.Since(began)
				runtime.ReadMemStats(&after)
				if w.Code != 200 {
					t.Fatalf("status %d", w.Code)
				}
				return took, after.TotalAlloc - before.TotalAlloc
			}
			// Other processes may have the processor meanwhile: one good pair is enough.
			for try := 1; ; try++ {
				quarter, _ := post(250_000)
				whole, allocated := post(1_000_000)
				if c.name != "protocol 4 base64" && allocated > 4_000_000 {
					t.Errorf("%d bytes allocated", allocated)
				}
				if whole <= 8*quarter { // 4 times is linear, 16 times quadratic
					t.Logf("%v for 250 kB, %v for 1 MB", quarter, whole)
					return
				}
				if try == 10 {
					t.Fatalf("%v for 250 kB, %v for 1 MB", quarter, whole)
				}
			}
		})
	}
}

// C-07: POSTs that can never be right. Each is answered, each ends its session once,
// and no connection stays.
func TestBadPostsC07(t *testing.T) {
	const times = 1000
	conns := &connCounter{}
	f := newFixture(&engineio.Options{AllowEIO3: true})
	f.connState = conns.count
	f.serve(t, f.engine)
	for i, c := range []struct{ contentType, body string }{
		{"application/octet-stream", "4a"}, {"application/octet-stream", ""}, {"application/octet-stream", "\x00\x01\xff4"},
		{"text/plain", ""}, {"text/plain", "\x1e"}, {"text/plain", "4a\x1e"}, {"", "x"}, {"application/json", "{}"}, {"\x01", "9"},
		{"application/x-www-form-urlencoded", "d=4a"}, {"multipart/form-data", "--a"},
	} {
		for n := range times/11 + 1 {
			sid, r := f.open(t)
			req := newRequest(t, "POST", f.url("polling", sid), c.body)
			if c.contentType != "\x01" {
				req.Header.Set("Content-Type", c.contentType)
			}
			if n%2 == 0 { // chunked
				req.Body, req.ContentLength = io.NopCloser(strings.NewReader(c.body)), -1
			}
			f.do(t, req).want(t, 400, "")
			if got := wait(t, r.closed, "OnClose").reason; got != engineio.ParseError && got != engineio.TransportError {
				t.Fatalf("case %d: reason %q", i, got)
			}
		}
	}
	if n := f.engine.Count(); n != 0 {
		t.Errorf("%d sessions", n)
	}
	f.client.CloseIdleConnections()
	conns.waitForNone(t)
}

// connCounter counts the connections of an http.Server.
type connCounter struct {
	mu   sync.Mutex
	open map[net.Conn]bool
}

func (c *connCounter) count(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		if c.open == nil {
			c.open = map[net.Conn]bool{}
		}
		c.open[conn] = true
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
	}
}

func (c *connCounter) waitForNone(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		c.mu.Lock()
		n := len(c.open)
		c.mu.Unlock()
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are left", n)
		}
	}
}

// C-07: content types that are fine, on either protocol.
func TestContentTypesC07(t *testing.T) {
	f := newFixture(&engineio.Options{AllowEIO3: true})
	defer f.engine.Close()
	for _, c := range []struct {
		eio         int
		contentType string
		body        string
	}{
		{4, "", "4a"}, {4, "text/plain", "4a"}, {4, "text/plain;charset=UTF-8", "4a"}, {4, "application/json", "4a"}, {4, "garbage", "4a"},
		{4, "application/x-www-form-urlencoded", "4a"}, {4, strings.Repeat("x", 10_000), "4a"},
		{3, "", "2:4a"}, {3, "text/plain", "2:4a"}, {3, "application/octet-stream", "\x00\x02\xff4a"}, {3, "application/json", "2:4a"},
	} {
		w := f.handshake(func(r *http.Request) { r.URL.RawQuery = fmt.Sprintf("EIO=%d&transport=polling", c.eio) })
		r := f.session(t)
		if w.Code != 200 {
			t.Fatalf("handshake: %d", w.Code)
		}
		w = httptest.NewRecorder()
		post := httptest.NewRequest("POST", fmt.Sprintf("/?EIO=%d&transport=polling&sid=%s", c.eio, r.session.ID()), strings.NewReader(c.body))
		post.Header.Set("Content-Type", c.contentType)
		f.engine.ServeHTTP(w, post)
		if w.Code != 200 || w.Body.String() != "ok" {
			t.Errorf("protocol %d, %.30q: %d %s", c.eio, c.contentType, w.Code, w.Body)
			continue
		}
		r.wantMessage(t, "a")
	}
}

// C-08, C-11: queries that nobody should send, in all combinations: an answer, of
// the expected form, and never a panic or a server's error.
func TestQueriesC08C11(t *testing.T) {
	f := newFixture(&engineio.Options{AllowEIO3: true, PollTimeout: time.Nanosecond, MaxSessions: -1})
	defer f.engine.Close()
	valid := parseOpen(t, f.handshake(nil).Body.String()).SID
	f.session(t).discard()
	huge := strings.Repeat("x", 10_000)
	values := func(name string, values ...string) (all []string) {
		all = append(all, "", "&"+name, "&"+name+"=", "&"+name+"[]=4", "&"+name+"="+huge, "&"+name+"=%00", "&"+name+"=%zz", "&"+name+"=a;b")
		for _, v := range values {
			all = append(all, "&"+name+"="+v, "&"+name+"="+v+"&"+name+"=x", "&"+name+"=x&"+name+"="+v)
		}
		return all
	}
	eios := values("EIO", "4", "3", "5", "-1", "4.0", "99999999999999999999")
	transports := values("transport", "polling", "websocket", "webtransport", "__proto__")
	sids := values("sid", "__proto__", "constructor", valid, valid[:19], valid+"x", "..%2f..%2f")
	rest := []string{"", "&j=0", "&j=-1", "&j=" + huge, "&j=%0a%3cscript%3e", "&b64", "&b64=1&b64=0", "&t=" + huge}
	n := 0
	for _, eio := range eios {
		for _, transport := range transports {
			for _, sid := range sids {
				extra := rest[n%len(rest)]
				for _, upgrade := range []bool{false, true} {
					method := []string{"GET", "POST"}[n/len(rest)%2]
					n++
					r := &http.Request{Method: method, Host: "x", URL: &url.URL{Path: "/", RawQuery: eio + transport + sid + extra}, Header: http.Header{}, Body: http.NoBody}
					if method == "POST" {
						r.Body = io.NopCloser(strings.NewReader("4a"))
						r.ContentLength = 2
					}
					if upgrade {
						r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}
					}
					w := httptest.NewRecorder()
					f.engine.ServeHTTP(w, r)
					checkAnswer(t, r, w, upgrade)
				}
			}
		}
	}
	if _, ok := f.engine.Session(valid); !ok {
		t.Error("the session did not live through it")
	}
	t.Logf("%d requests", n)
}

func checkAnswer(t *testing.T, r *http.Request, w *httptest.ResponseRecorder, upgrade bool) {
	t.Helper()
	ok := w.Code == 200 || w.Code == 400 || w.Code == 431 || w.Code == 405 && upgrade
	var body struct {
		Code    *int
		Message string
	}
	if ok && w.Code >= 400 && !upgrade {
		ok = json.Unmarshal(w.Body.Bytes(), &body) == nil && body.Code != nil && body.Message != ""
	}
	if !ok {
		t.Errorf("%s %.200s, upgrade %v: %d %.200s", r.Method, r.URL.RawQuery, upgrade, w.Code, w.Body)
	}
}

// C-15: not a byte of the body of a request for an unknown session is read, nor of
// one that is refused for another reason.
func TestBodyOfARefusedRequestIsNotReadC15(t *testing.T) {
	f := newFixture(nil)
	defer f.engine.Close()
	sid := parseOpen(t, f.handshake(nil).Body.String()).SID
	f.session(t)
	for name, c := range map[string]struct {
		query, origin string
		length        int64
	}{
		"unknown session":          {"EIO=4&transport=polling&sid=nope", "", 10},
		"unknown session, chunked": {"EIO=4&transport=polling&sid=nope", "", -1},
		"handshake":                {"EIO=4&transport=polling", "", -1},
		"other origin":             {"EIO=4&transport=polling&sid=" + sid, "https://evil.com", -1},
		"other protocol":           {"EIO=3&transport=polling&sid=" + sid, "", -1},
		"other transport":          {"EIO=4&transport=websocket&sid=" + sid, "", -1},
		"announced too large":      {"EIO=4&transport=polling&sid=" + sid, "", 1_000_001},
	} {
		body := &countingReader{}
		r := httptest.NewRequest("POST", "/?"+c.query, body)
		r.ContentLength = c.length
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		f.engine.ServeHTTP(w, r)
		if w.Code < 400 || body.n != 0 {
			t.Errorf("%s: status %d, %d bytes read", name, w.Code, body.n)
		}
		if w.Header().Get("Connection") != "close" {
			t.Errorf("%s: net/http would read the body", name)
		}
	}
}

// C-25: 1,000 clients send their bodies a byte a second. All are cut at the deadline,
// none delays another client by anything.
func TestSlowBodiesC25(t *testing.T) {
	const slow = 1000
	synctest.Test(t, func(t *testing.T) {
		f, stop := startInMemory(t, &engineio.Options{PingInterval: time.Minute, PingTimeout: time.Second})
		defer stop()
		began := time.Now()
		dial := f.client.Transport.(*http.Transport).DialContext
		var all sync.WaitGroup
		for range slow {
			sid := parseOpen(t, f.handshake(nil).Body.String()).SID
			r := f.session(t)
			c, err := dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				defer c.Close()
				fmt.Fprintf(c, "POST /?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", sid)
				for {
					if _, err := io.WriteString(c, "4"); err != nil {
						break
					}
					time.Sleep(time.Second)
				}
			})
			all.Go(func() {
				if got := (<-r.closed).reason; got != engineio.TransportError && got != engineio.PingTimeout {
					t.Errorf("reason %q", got)
				}
				if d := time.Since(began); d > time.Minute+2*time.Second {
					t.Errorf("cut after %v", d)
				}
			})
			all.Go(func() { io.Copy(io.Discard, c) })
		}
		time.Sleep(10 * time.Second)
		for range 10 {
			now := time.Now()
			sid, r := f.open(t)
			f.post(t, sid, "4a").want(t, 200, "ok")
			r.wantMessage(t, "a")
			send(t, r.session, "b")
			f.poll(t, sid).want(t, 200, "4b")
			r.session.Abort(engineio.ForcedClose, nil)
			if d := time.Since(now); d != 0 {
				t.Errorf("another client was delayed by %v", d)
			}
		}
		all.Wait()
		if n := f.engine.Count(); n != 0 {
			t.Errorf("%d sessions", n)
		}
	})
}

// C-07: a body that comes in many small pieces is a body.
func TestTrickledBodyC07(t *testing.T) {
	f := newFixture(nil)
	defer f.engine.Close()
	sid := parseOpen(t, f.handshake(nil).Body.String()).SID
	r := f.session(t)
	data := bytes.Repeat([]byte("x"), 100_000)
	post := httptest.NewRequest("POST", "/?EIO=4&transport=polling&sid="+sid, iotest.OneByteReader(io.MultiReader(strings.NewReader("4"), bytes.NewReader(data))))
	w := httptest.NewRecorder()
	f.engine.ServeHTTP(w, post)
	if w.Code != 200 {
		t.Fatalf("status %d", w.Code)
	}
	r.wantMessage(t, string(data))
}
