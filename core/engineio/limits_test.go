package engineio_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/engineio"
)

// handshake sends a handshake over polling past the network; tune may be nil.
func (f *fixture) handshake(tune func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/?EIO=4&transport=polling", nil)
	if tune != nil {
		tune(r)
	}
	w := httptest.NewRecorder()
	f.engine.ServeHTTP(w, r)
	return w
}

func from(addr string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = addr }
}

// wantRefused fails unless w is a refusal that may be none in a moment.
func wantRefused(t *testing.T, w *httptest.ResponseRecorder, status int, message string) {
	t.Helper()
	if want := `{"code":3,"message":"` + message + `"}`; w.Code != status || w.Body.String() != want {
		t.Fatalf("%d %s, want %d %s", w.Code, w.Body, status, want)
	}
	if after, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || after < 1 || after > 15 {
		t.Errorf("Retry-After: %q", w.Header().Get("Retry-After"))
	}
	if w.Header().Get("Connection") != "close" {
		t.Error("the connection is kept")
	}
}

// wantNothingPending fails if the handshakes that ended are still counted. The last
// one may still be about to return, although its client has the answer.
func (f *fixture) wantNothingPending(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		pending, opening, _ := engineio.Admissions(f.engine)
		if pending == 0 && opening == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d handshakes pending, %d opening", pending, opening)
		}
	}
}

func TestMaxSessionsNeed56(t *testing.T) {
	var refused *engineio.ConnectionError
	f := start(t, &engineio.Options{MaxSessions: 2, OnConnectionError: func(e *engineio.ConnectionError) { refused = e }})
	_, first := f.open(t)
	_, _, second := f.openWS(t)
	for range 10 {
		wantRefused(t, f.handshake(nil), 503, "Too many sessions")
	}
	if refused.Context["name"] != "TOO_MANY_SESSIONS" || refused.Code != 3 || refused.Status != 503 {
		t.Errorf("refusal %+v", refused)
	}
	_, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", ""), "http"), nil)
	if err == nil || resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Fatalf("websocket: %v, %v", resp, err)
	}
	for _, r := range []*recorder{first, second} {
		r.session.Abort(engineio.ForcedClose, nil)
		r.wantClosed(t, engineio.ForcedClose)
		f.open(t)
		wantRefused(t, f.handshake(nil), 503, "Too many sessions")
	}
	if logs := f.logs.String(); strings.Count(logs, "\n") != 1 || !strings.Contains(logs, "Options.MaxSessions") {
		t.Errorf("log: %s", logs)
	}
	f.wantNothingPending(t)
}

// A session that is being opened counts, and counts no more if it is refused.
func TestMaxSessionsCountsThoseBeingOpened(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan error)
	f := newFixture(&engineio.Options{MaxSessions: 1, AllowRequest: func(*http.Request) error {
		asked <- struct{}{}
		return <-answer
	}})
	defer f.engine.Close()
	for _, err := range []error{errors.New("no"), nil} {
		done := make(chan *httptest.ResponseRecorder)
		go func() { done <- f.handshake(nil) }()
		<-asked
		wantRefused(t, f.handshake(nil), 503, "Too many sessions")
		answer <- err
		if w := <-done; (w.Code == 200) != (err == nil) {
			t.Errorf("%v: %d", err, w.Code)
		}
	}
	wantRefused(t, f.handshake(nil), 503, "Too many sessions")
	f.wantNothingPending(t)
}

// Whatever a handshake ends by, it is no longer counted.
func TestFailedHandshakesAreNotCounted(t *testing.T) {
	var fail func(stage string) bool
	f := start(t, &engineio.Options{
		MaxSessions: 1, MaxPendingHandshakes: 1, MaxSessionsPerIP: 1,
		AllowRequest: func(*http.Request) error {
			if fail("AllowRequest panics") {
				panic(http.ErrAbortHandler)
			}
			return nil
		},
		GenerateID: func(*http.Request) (string, error) {
			if fail("no id") {
				return "", errors.New("no")
			}
			return "id", nil
		},
		OnConnection: func(*engineio.Session) engineio.Handler {
			if fail("OnConnection panics") {
				panic(http.ErrAbortHandler)
			}
			return nil
		},
		BindSession: func(*http.Request) string {
			if fail("BindSession panics") {
				panic(http.ErrAbortHandler)
			}
			return ""
		},
	})
	stages := []string{"AllowRequest panics", "no id", "OnConnection panics", "BindSession panics", "protocol", "connection cannot be taken"}
	for _, transport := range []string{"polling", "websocket"} {
		for _, stage := range stages {
			fail = func(s string) bool { return s == stage }
			u := f.url(transport, "")
			if stage == "protocol" {
				u = strings.Replace(u, "EIO=4", "EIO=5", 1)
			}
			r := httptest.NewRequest("GET", u, nil)
			if transport == "websocket" {
				for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
					"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
					r.Header.Set(name, value)
				}
			}
			func() {
				defer func() { recover() }()
				f.engine.ServeHTTP(httptest.NewRecorder(), r) // which cannot be hijacked
			}()
			for s := range f.engine.Sessions() { // of the handshake that did not fail
				s.Abort(engineio.ForcedClose, nil)
			}
			if pending, opening, networks := engineio.Admissions(f.engine); pending+opening+networks != 0 || f.engine.Count() != 0 {
				t.Fatalf("%s, %s: %d pending, %d opening, %d networks, %d sessions", transport, stage, pending, opening, networks, f.engine.Count())
			}
		}
	}
}

func TestMaxSessionsPerIPC31Need56(t *testing.T) {
	f := newFixture(&engineio.Options{MaxSessionsPerIP: 2, TrustedProxies: []string{"10.0.0.1"}})
	defer f.engine.Close()
	spoof := func(r *http.Request) {
		r.RemoteAddr = "1.2.3.4:1"
		r.Header.Set("X-Forwarded-For", "6.6.6.6")
	}
	behindProxy := func(r *http.Request) {
		r.RemoteAddr = "10.0.0.1:1"
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("6.6.6.%d, 1.2.3.4", time.Now().Nanosecond()%256))
	}
	for _, c := range []struct {
		name string
		same []func(*http.Request) // three clients that count as one
	}{
		{"IPv4", []func(*http.Request){from("1.2.3.4:1"), spoof, behindProxy}},
		{"IPv6", []func(*http.Request){from("[2001:db8:0:1::1]:1"), from("[2001:db8:0:1:ffff::2]:2"), from("[2001:db8:0:1:1:2:3:4]:3")}},
		{"Unix sockets", []func(*http.Request){from("@"), from(""), from("@")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 {
				var opened []*recorder
				for _, tune := range c.same[:2] {
					if w := f.handshake(tune); w.Code != 200 {
						t.Fatalf("%d %s", w.Code, w.Body)
					}
					opened = append(opened, f.session(t))
				}
				wantRefused(t, f.handshake(c.same[2]), 429, "Too many sessions")
				for _, other := range []string{"1.2.3.5:1", "[2001:db8:0:2::1]:1"} {
					if w := f.handshake(from(other)); w.Code != 200 {
						t.Fatalf("%s: %d", other, w.Code)
					}
					opened = append(opened, f.session(t))
				}
				for _, r := range opened {
					r.session.Abort(engineio.ForcedClose, nil)
					r.wantClosed(t, engineio.ForcedClose)
				}
				if _, _, networks := engineio.Admissions(f.engine); networks != 0 {
					t.Fatalf("%d networks are still counted", networks)
				}
			}
		})
	}
	if logs := f.logs.String(); strings.Count(logs, "\n") != 1 || !strings.Contains(logs, "TrustedProxies") || !strings.Contains(logs, "client=1.2.3.4") {
		t.Errorf("log: %s", logs)
	}
}

func TestMaxPendingHandshakesNeed46(t *testing.T) {
	for name, blockIn := range map[string]func(*engineio.Options, func()){
		"AllowRequest": func(o *engineio.Options, block func()) {
			o.AllowRequest = func(*http.Request) error { block(); return nil }
		},
		"OnConnection": func(o *engineio.Options, block func()) {
			o.OnConnection = func(*engineio.Session) engineio.Handler { block(); return nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			entered, release := make(chan struct{}), make(chan struct{})
			o := &engineio.Options{MaxPendingHandshakes: 2}
			blockIn(o, func() { entered <- struct{}{}; <-release })
			f := newFixture(o)
			defer f.engine.Close()
			var done sync.WaitGroup
			for range 2 {
				done.Go(func() { f.handshake(nil) })
				<-entered
			}
			wantRefused(t, f.handshake(nil), 503, "Too many handshakes")
			release <- struct{}{}
			for engineioPending(f) == 2 {
				runtime.Gosched()
			}
			done.Go(func() { f.handshake(nil) })
			<-entered
			close(release)
			done.Wait()
			f.wantNothingPending(t)
			if n := f.engine.Count(); n != 3 {
				t.Errorf("%d sessions", n)
			}
		})
	}
}

func engineioPending(f *fixture) int {
	pending, _, _ := engineio.Admissions(f.engine)
	return pending
}

func TestMaxHandshakesPerSecondNeed46(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		f := newFixture(&engineio.Options{
			MaxHandshakesPerSecond: 10, MaxSessions: -1,
			AllowRequest: func(*http.Request) error { asked++; return nil },
		})
		defer f.engine.Close()
		admitted := func(tries int) (n int) {
			for range tries {
				if w := f.handshake(nil); w.Code == 200 {
					n++
				} else {
					wantRefused(t, w, 503, "Too many handshakes")
				}
			}
			return n
		}
		if n := admitted(100); n != 10 {
			t.Errorf("%d at once, want a second's worth", n)
		}
		for _, step := range []struct {
			wait time.Duration
			want int
		}{{100 * time.Millisecond, 1}, {99 * time.Millisecond, 0}, {time.Millisecond, 1}, {time.Second, 10}, {time.Minute, 10}} {
			time.Sleep(step.wait)
			if n := admitted(100); n != step.want {
				t.Errorf("%d after %v, want %d", n, step.wait, step.want)
			}
		}
		if asked != 32 {
			t.Errorf("AllowRequest was asked %d times", asked)
		}
	})
}

// Less than one in a second.
func TestMaxHandshakesPerSecondFraction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(&engineio.Options{MaxHandshakesPerSecond: 0.5})
		defer f.engine.Close()
		for _, want := range []int{200, 503} {
			if w := f.handshake(nil); w.Code != want {
				t.Errorf("%d, want %d", w.Code, want)
			}
		}
		time.Sleep(2 * time.Second)
		if w := f.handshake(nil); w.Code != 200 {
			t.Errorf("%d after two seconds", w.Code)
		}
	})
}

// Need 46: after a restart 10,000 clients come back at once, and again as they are
// told to. All are in soon, and the refusals leave nothing behind.
func TestReconnectStormNeed46(t *testing.T) {
	const clients, perSecond = 10_000, 1000
	synctest.Test(t, func(t *testing.T) {
		engine := engineio.NewServer(&engineio.Options{MaxHandshakesPerSecond: perSecond, Logger: discardLogger})
		defer engine.Close()
		began, before := time.Now(), heap()
		var refused, most int
		var mu sync.Mutex
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				for {
					w := httptest.NewRecorder()
					engine.ServeHTTP(w, httptest.NewRequest("GET", "/?EIO=4&transport=polling", nil))
					if w.Code == 200 {
						return
					}
					after, err := strconv.Atoi(w.Header().Get("Retry-After"))
					if w.Code != 503 || err != nil {
						t.Errorf("%d %v", w.Code, w.Header())
						return
					}
					pending, _, _ := engineio.Admissions(engine)
					mu.Lock()
					refused++
					most = max(most, pending)
					mu.Unlock()
					time.Sleep(time.Duration(after) * time.Second)
				}
			})
		}
		all.Wait()
		took := time.Since(began)
		if n := engine.Count(); n != clients {
			t.Errorf("%d sessions", n)
		}
		if took > 30*time.Second {
			t.Errorf("the last one was in after %v", took)
		}
		perSession := (heap() - before) / clients
		if perSession > 8<<10 {
			t.Errorf("%d bytes per session", perSession)
		}
		t.Logf("%v, %d refusals, at most %d handshakes pending, %d bytes per session", took, refused, most, perSession)
	})
}

func TestMaxHeaderBytesC19(t *testing.T) {
	// Of a request with these: the host, the path, the query with two parameters, and 2 headers.
	base := len("example.com") + len("/") + len("EIO=4&transport=polling") + 32 + len("Accept*/*") + 32 + len("Cookie") + 32
	for _, c := range []struct {
		limit, size, status int
	}{
		{1000, 1000, 200}, {1000, 1001, 431},
		{0, 16 << 10, 200}, {0, 16<<10 + 1, 431},
		{-1, 1 << 20, 200},
	} {
		f := newFixture(&engineio.Options{MaxHeaderBytes: c.limit})
		for name, tune := range map[string]func(*http.Request){
			"header": func(r *http.Request) { r.Header.Set("Cookie", strings.Repeat("x", c.size-base)) },
			"query": func(r *http.Request) {
				r.Header.Set("Cookie", "")
				r.URL.RawQuery += "&" + strings.Repeat("x", c.size-base-1-32)
			},
			"host": func(r *http.Request) {
				r.Header.Set("Cookie", "")
				r.Host += strings.Repeat("x", c.size-base)
			},
			"path": func(r *http.Request) {
				r.Header.Set("Cookie", "")
				r.URL.Path += strings.Repeat("x", c.size-base)
			},
		} {
			w := f.handshake(func(r *http.Request) { r.Header.Set("Accept", "*/*"); tune(r) })
			if w.Code != c.status {
				t.Errorf("limit %d, %s of %d bytes: %d, want %d", c.limit, name, c.size, w.Code, c.status)
			}
			if w.Code == 431 && w.Body.String() != `{"code":3,"message":"Request header fields too large"}` {
				t.Errorf("body %s", w.Body)
			}
		}
		f.engine.Close()
		f.wantNothingPending(t)
	}
}

// C-19: very many headers or parameters, each of them small, on both transports.
func TestManyHeadersC19(t *testing.T) {
	f := start(t, nil)
	h := http.Header{}
	for i := range 2000 {
		h.Set(fmt.Sprintf("A%d", i), "")
	}
	r := newRequest(t, "GET", f.url("polling", ""), "")
	r.Header = h
	f.do(t, r).want(t, 431, `{"code":3,"message":"Request header fields too large"}`)
	for query, header := range map[string]http.Header{"": h, strings.Repeat("&a", 2000): nil} {
		_, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", "")+query, "http"), header)
		if err == nil || resp == nil || resp.StatusCode != 431 {
			t.Errorf("websocket: %v, %v", resp, err)
		}
	}
	if n := f.engine.Count(); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

func TestMaxPacketsPerPayloadC01(t *testing.T) {
	for _, c := range []struct {
		name    string
		opts    engineio.Options
		packets int
		status  int
	}{
		{"at the limit", engineio.Options{MaxPacketsPerPayload: 5}, 5, 200},
		{"one more", engineio.Options{MaxPacketsPerPayload: 5}, 6, 400},
		{"off", engineio.Options{MaxPacketsPerPayload: -1}, 500_000, 200},
		{"default", engineio.Options{}, 125_000, 200},
		{"default, one more", engineio.Options{}, 125_001, 400},
		{"default of a small payload", engineio.Options{MaxPayload: 4000}, 1000, 200},
		{"default of a small payload, one more", engineio.Options{MaxPayload: 4000}, 1001, 400},
	} {
		for eio, unit := range map[int]string{3: "1:4", 4: "4\x1e"} {
			if eio*c.packets > 1_000_000 {
				continue
			}
			t.Run(fmt.Sprint(c.name, eio), func(t *testing.T) {
				var got atomic.Int64
				closed := make(chan error, 1)
				c.opts.AllowEIO3 = true
				c.opts.OnConnection = func(*engineio.Session) engineio.Handler {
					return handlerFuncs{
						message: func([]byte) { got.Add(1) },
						close: func(reason engineio.Reason, err error) {
							if reason != engineio.ForcedClose {
								closed <- fmt.Errorf("%s: %w", reason, err)
							}
						},
					}
				}
				f := start(t, &c.opts)
				f.eio = eio
				f.request(t, "GET", f.url("polling", ""), "")
				var sid string
				for s := range f.engine.Sessions() {
					sid = s.ID()
				}
				resp := f.post(t, sid, strings.TrimSuffix(strings.Repeat(unit, c.packets), "\x1e"))
				if resp.status != c.status {
					t.Fatalf("status %d, want %d", resp.status, c.status)
				}
				if c.status == 200 {
					if n := got.Load(); n != int64(c.packets) {
						t.Errorf("%d of %d packets delivered", n, c.packets)
					}
					return
				}
				if err := wait(t, closed, "OnClose").Error(); !strings.Contains(err, "parse error: ") || !strings.Contains(err, "MaxPacketsPerPayload") {
					t.Errorf("closed: %s", err)
				}
				if n := got.Load(); n != int64(c.packets-1) {
					t.Errorf("%d packets delivered before the limit", n)
				}
			})
		}
	}
}

// handlerFuncs is a Handler of functions.
type handlerFuncs struct {
	message func([]byte)
	close   func(engineio.Reason, error)
}

func (h handlerFuncs) OnMessage(data []byte, _ bool)             { h.message(data) }
func (h handlerFuncs) OnClose(reason engineio.Reason, err error) { h.close(reason, err) }

// What an official client has kept while it was offline, it sends in one body, as
// far as maxPayload allows: the smallest event there is must fit as often.
func TestBurstOfAnOfficialClient(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	r.discard()
	n := 1_000_000 / len(`42["a"]`+"\x1e")
	f.post(t, sid, strings.TrimSuffix(strings.Repeat(`42["a"]`+"\x1e", n), "\x1e")).want(t, 200, "ok")
}
