package engineio_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/engineio"
)

// The numbers in the names of the tests (V2, C9 …) are those of the properties of
// the reference server. Here are those that no other file has a place for.

// refused dials a websocket that must be refused and returns the answer.
func (f *fixture) refused(t *testing.T, url string, header http.Header) response {
	t.Helper()
	ws, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(url, "http"), header)
	if err == nil {
		ws.Close()
		t.Fatalf("%s: a websocket", url)
	}
	if resp == nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Close { // the client has taken the header out
		resp.Header.Set("Connection", "close")
	}
	return response{resp.StatusCode, resp.Header, string(body)}
}

func TestRefusedWebSockets(t *testing.T) {
	for _, c := range []struct {
		name, query string
		code        int
		body        string
	}{
		{"V2 constructor", "?EIO=4&transport=constructor", 0, "Transport unknown"},
		{"V2 __proto__", "?EIO=4&transport=__proto__", 0, "Transport unknown"},
		{"C9 SU1 no transport", "?EIO=4", 0, "Transport unknown"},
		{"C9 no query", "", 0, "Transport unknown"},
		{"V17", "?EIO=4&transport=webtransport", 0, "Transport unknown"},
		{"V3 O11", "?EIO=4&transport=websocket&sid=constructor", 1, "Session ID unknown"},
		{"SU1 no EIO", "?transport=websocket", 5, "Unsupported protocol version"},
		{"SU1 wrong EIO", "?EIO=abc&transport=websocket", 5, "Unsupported protocol version"},
		{"O12 EIO=3", "?EIO=3&transport=websocket", 5, "Unsupported protocol version"}, // a deviation: no 101
	} {
		t.Run(c.name, func(t *testing.T) {
			refused := make(chan *engineio.ConnectionError, 2)
			f := start(t, &engineio.Options{OnConnectionError: func(e *engineio.ConnectionError) { refused <- e }})
			resp := f.refused(t, f.http.URL+"/engine.io/"+c.query, nil)
			resp.want(t, 400, c.body)
			h := resp.header
			if h.Get("Content-Type") != "text/html" || h.Get("Content-Length") != strconv.Itoa(len(c.body)) || h.Get("Connection") != "close" { // V6
				t.Errorf("headers %v", h)
			}
			if e := wait(t, refused, "connection error"); e.Code != c.code || e.Request == nil {
				t.Errorf("error %d, request %v", e.Code, e.Request)
			}
			if f.engine.Count() != 0 || len(f.sessions) != 0 {
				t.Error("a session was made")
			}
		})
	}
}

// TestPrecedenceV11 makes more than one mistake at a time.
func TestPrecedenceV11(t *testing.T) {
	allowed := 0
	f := start(t, &engineio.Options{AllowRequest: func(*http.Request) error { allowed++; return fmt.Errorf("no") }})
	for _, c := range []struct {
		name, method, query, origin string
		status, code                int
	}{
		{"transport before origin", "GET", "?EIO=5&transport=x&sid=y", "\xff", 400, 0},
		{"origin before sid", "GET", "?EIO=5&transport=polling&sid=y", "\xff", 400, 3},
		{"sid before method", "PUT", "?EIO=5&transport=polling&sid=y", "", 400, 1},
		{"method before upgrade", "POST", "?EIO=5&transport=websocket", "", 400, 2},
		{"upgrade before AllowRequest", "GET", "?EIO=5&transport=websocket", "", 400, 3},
		{"AllowRequest before EIO", "GET", "?EIO=5&transport=polling", "", 403, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			var headers []string
			if c.origin != "" {
				headers = []string{"Origin", c.origin}
			}
			resp := f.request(t, c.method, f.http.URL+"/"+c.query, "", headers...)
			if resp.status != c.status || !strings.HasPrefix(resp.body, fmt.Sprintf(`{"code":%d,`, c.code)) {
				t.Errorf("%d %s", resp.status, resp.body)
			}
		})
	}
	if allowed != 1 {
		t.Errorf("AllowRequest was asked %d times", allowed)
	}
}

func TestInvalidOriginV16(t *testing.T) {
	refused := make(chan *engineio.ConnectionError, 1)
	f := start(t, &engineio.Options{
		CORS:              &engineio.CORS{Origins: []string{"*"}},
		OnConnectionError: func(e *engineio.ConnectionError) { refused <- e },
	})
	resp := f.request(t, "GET", f.url("polling", ""), "", "Origin", "http://a\xe9.com")
	resp.want(t, 400, `{"code":3,"message":"Bad request"}`)
	if got := resp.header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("Access-Control-Allow-Origin: %q", got)
	}
	e := wait(t, refused, "connection error")
	if e.Context["name"] != "INVALID_ORIGIN" || e.Context["origin"] != "http://a\xe9.com" {
		t.Errorf("context %v", e.Context)
	}
}

func TestCORSOnARefusedHandshakeV14(t *testing.T) {
	f := start(t, &engineio.Options{CORS: &engineio.CORS{Origins: []string{"http://engine.io"}, Credentials: true}})
	resp := f.request(t, "GET", f.url("websocket", ""), "", "Origin", "http://engine.io")
	resp.want(t, 400, `{"code":3,"message":"Bad request"}`)
	if h := resp.header; h.Get("Access-Control-Allow-Origin") != "http://engine.io" || h.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("headers %v", h)
	}
}

func TestCookieOfTheHandshakeAloneH9Z7Z8(t *testing.T) {
	var initial, later int
	f := start(t, &engineio.Options{
		Cookie:           &http.Cookie{},
		OnInitialHeaders: func(http.Header, *http.Request) { initial++ },
		OnHeaders:        func(http.Header, *http.Request) { later++ },
	})
	sid, r := f.open(t)
	send(t, r.session, "a")
	if got := f.poll(t, sid).header.Get("Set-Cookie"); got != "" {
		t.Errorf("cookie on a poll: %q", got)
	}
	ws, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", sid), "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	if got := resp.Header.Get("Set-Cookie"); got != "" {
		t.Errorf("cookie on an upgrade: %q", got)
	}
	if initial != 1 || later != 3 { // handshake, poll, 101
		t.Errorf("OnInitialHeaders ran %d times, OnHeaders %d times", initial, later)
	}
}

func TestUserAgentsZ5(t *testing.T) {
	f := start(t, nil)
	for agent, want := range map[string]string{
		"Mozilla/4.0 (compatible;MSIE 8.0)":   "0",
		"Mozilla/5.0 (Trident/7.0; rv:11.0)":  "0",
		"Mozilla/5.0 (X11; Linux) Firefox/99": "",
	} {
		if got := f.request(t, "GET", f.url("polling", ""), "", "User-Agent", agent).header.Get("X-XSS-Protection"); got != want {
			t.Errorf("%s: %q", agent, got)
		}
	}
}

// An upgrade has no time-out once it is complete.
func TestUpgradedSessionStaysC20S6(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, stop := startInMemory(t, &engineio.Options{
			PingInterval: 200 * time.Millisecond, PingTimeout: 20 * time.Millisecond, UpgradeTimeout: 100 * time.Millisecond})
		defer stop()
		sid, r := f.open(t)
		c := f.dialPipe(t, sid)
		defer c.Close()
		c.send(t, "2probe")
		c.want(t, "3probe")
		c.send(t, "5")
		for range 3 {
			c.want(t, "2")
			c.send(t, "3")
		}
		if !isOpen(r) || r.session.Transport() != "websocket" {
			t.Fatal("the session ended after its upgrade")
		}
		if got := r.session.Handshake().Query.Get("transport"); got != "polling" {
			t.Errorf("S6: transport of the handshake: %q", got)
		}
		c.WriteControl(websocket.CloseMessage, nil, time.Now().Add(time.Second))
		c.wantClosed(t)
		r.wantClosed(t, engineio.TransportClose) // S6
	})
}

func TestCloseWithoutPongC12(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, stop := startInMemory(t, pings())
		defer stop()
		c := f.dialPipe(t, "")
		defer c.Close()
		parseOpen(t, c.read(t))
		r := f.session(t)
		c.want(t, "2")
		began := time.Now()
		r.session.Close()
		c.wantClosed(t)
		r.wantClosed(t, engineio.ForcedClose)

		sid, r := f.open(t)
		f.poll(t, sid).want(t, 200, "2")
		poll := f.goPoll(t, sid)
		f.waitForPoll(t, r, poll)
		r.session.Close()
		wait(t, poll, "answer").want(t, 200, "1")
		r.wantClosed(t, engineio.ForcedClose)
		if d := time.Since(began); d > interval+timeout {
			t.Errorf("took %v", d)
		}
	})
}

func TestServerCloseDiscardsWithoutCloseC21(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	send(t, r.session, "hello")
	f.engine.Close()
	r.wantClosed(t, engineio.ForcedClose)
	f.poll(t, sid).want(t, 400, `{"code":1,"message":"Session ID unknown"}`)
}

func TestCloseCodesC26M3(t *testing.T) {
	f := start(t, &engineio.Options{MaxPayload: 10})
	for _, c := range []struct {
		data string
		code int
	}{{"4\xff", websocket.CloseInvalidFramePayloadData}, {"4123456789-", websocket.CloseMessageTooBig}} {
		ws, _, r := f.openWS(t)
		ws.send(t, c.data)
		if err := ws.wantClosed(t); !websocket.IsCloseError(err, c.code) {
			t.Errorf("%q: %v, want code %d", c.data, err, c.code)
		}
		r.wantClosed(t, engineio.TransportError)
	}
}

func TestBodyInManyPiecesM6(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	data := bytes.Repeat([]byte("0123456789"), 99_999)
	body := newPipeBody()
	req, _ := http.NewRequest("POST", f.url("polling", sid), body)
	req.ContentLength = int64(1 + len(data))
	done := make(chan response, 1)
	go func() { done <- f.do(t, req) }()
	body.write(t, "4")
	for chunk := data; len(chunk) > 0; chunk = chunk[min(7_001, len(chunk)):] {
		body.write(t, string(chunk[:min(7_001, len(chunk))]))
	}
	body.w.Close()
	wait(t, done, "answer").want(t, 200, "ok")
	r.wantMessage(t, string(data))
}

// Pings get through between many large messages, and the pongs count.
func TestPingsAmongLargeMessagesM9(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, stop := startInMemory(t, &engineio.Options{PingInterval: 200 * time.Millisecond, PingTimeout: 100 * time.Millisecond})
		defer stop()
		c := f.dialPipe(t, "")
		defer c.Close()
		parseOpen(t, c.read(t))
		r := f.session(t)
		o := &engineio.Outgoing{Data: make([]byte, 64<<10), Binary: true}
		began, answered := time.Now(), 0
		for range 10 {
			for range 100 {
				if err := r.session.Send(o); err != nil {
					t.Fatal(err)
				}
			}
			for messages := 0; messages < 100; {
				switch got := c.read(t); {
				case got == "2":
					answered++
					c.send(t, "3")
				case len(got) == 64<<10:
					messages++
					time.Sleep(900 * time.Microsecond) // a client that is not fast
				default:
					t.Fatalf("%.20q", got)
				}
			}
		}
		if !isOpen(r) {
			t.Fatal("closed")
		}
		if d := time.Since(began); answered < 3 || d < 800*time.Millisecond {
			t.Errorf("%d pings in %v", answered, d)
		}
	})
}

func TestDispatchedBeforeTheAnswerM14(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, b, sessions := blockingOptions()
		f, stop := startInMemory(t, &engineio.Options{OnConnection: o.OnConnection})
		defer stop()
		sid := parseOpen(t, f.request(t, "GET", f.url("polling", ""), "").body).SID
		posted := make(chan response, 1)
		go func() { posted <- f.post(t, sid, "4a\x1e4block\x1e4c") }()
		r := sessions.session(t)
		<-b.entered
		synctest.Wait()
		if len(posted) != 0 {
			t.Error("answered while OnMessage was running")
		}
		close(b.release)
		wait(t, posted, "answer").want(t, 200, "ok")
		if len(r.messages) != 3 {
			t.Errorf("%d messages were dispatched before the answer", len(r.messages))
		}
	})
}

func TestTwoEnginesS7(t *testing.T) {
	one, two := newFixture(nil), newFixture(nil)
	mux := http.NewServeMux()
	mux.Handle("/one/", one.engine)
	mux.Handle("/two/", two.engine)
	one.serve(t, mux)
	two.http, two.client = one.http, one.client
	t.Cleanup(func() { two.engine.Close() })
	for path, f := range map[string]*fixture{"one": one, "two": two} {
		u := one.http.URL + "/" + path + "/?EIO=4&transport="
		sid := parseOpen(t, f.request(t, "GET", u+"polling", "").body).SID
		r := f.session(t)
		ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(u, "http")+"websocket&sid="+sid, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close()
		c := &conn{ws}
		c.send(t, "2probe")
		c.want(t, "3probe")
		c.send(t, "5")
		c.send(t, "4"+path)
		r.wantMessage(t, path)
	}
	if one.engine.Count() != 1 || two.engine.Count() != 1 {
		t.Error("a session went to the wrong engine")
	}
}

func TestMiddlewareMW1MW3MW5(t *testing.T) {
	f := newFixture(&engineio.Options{MaxPayload: 5})
	var order []string
	wrap := func(name string, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			order = append(order, name)
			if r.URL.Query().Get("stop") == name {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	f.serve(t, wrap("a", wrap("b", f.engine)))
	f.request(t, "GET", f.http.URL+"/?transport=nonsense", "").want(t, 400, `{"code":0,"message":"Transport unknown"}`)
	if got := fmt.Sprint(order); got != "[a b]" { // MW1: before anything is checked
		t.Errorf("order %s", got)
	}
	f.query = "&stop=b"
	f.request(t, "GET", f.url("polling", ""), "").want(t, 503, "")
	f.refused(t, f.url("websocket", ""), nil).want(t, 503, "")
	if f.engine.Count() != 0 || len(f.sessions) != 0 {
		t.Error("MW3: a session was made")
	}
	f.query = ""
	sid, r := f.open(t)
	f.post(t, sid, "4too large").want(t, 413, "")
	f.post(t, sid, "4fits").want(t, 200, "ok")
	r.wantMessage(t, "fits")
}

func TestClientCertificatesM11(t *testing.T) {
	f := newFixture(nil)
	srv := httptest.NewUnstartedServer(f.engine)
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	srv.StartTLS()
	t.Cleanup(func() { f.engine.Close(); srv.CloseClientConnections(); srv.Close() })
	f.http, f.client = srv, srv.Client()
	t.Cleanup(f.client.CloseIdleConnections)
	config := f.client.Transport.(*http.Transport).TLSClientConfig
	config.Certificates = srv.TLS.Certificates
	_, polling := f.open(t)
	dialer := websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: config.RootCAs, Certificates: config.Certificates}}
	ws, _, err := dialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", ""), "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	parseOpen(t, (&conn{ws}).read(t))
	for _, r := range []*recorder{polling, f.session(t)} {
		if state := r.session.Handshake().TLS; state == nil || len(state.PeerCertificates) != 1 {
			t.Errorf("TLS state %+v", state)
		}
	}
}

// Nothing holds on to a session that has ended.
func TestEndedSessionsAreForgottenC23(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sessions []weak.Pointer[engineio.Session]
		f, stop := startInMemory(t, &engineio.Options{OnConnection: func(s *engineio.Session) engineio.Handler {
			sessions = append(sessions, weak.Make(s))
			return nil
		}})
		defer stop()
		open := func() string { return parseOpen(t, f.request(t, "GET", f.url("polling", ""), "").body).SID }
		open()
		poll := f.goPoll(t, open())
		ws := f.dialPipe(t, "")
		ws.read(t)
		upgraded, upgrading := f.dialPipe(t, open()), f.dialPipe(t, open())
		upgraded.send(t, "5")
		upgrading.send(t, "2probe")
		upgrading.want(t, "3probe")
		synctest.Wait()
		f.engine.Close()
		<-poll
		for _, c := range []*conn{ws, upgraded, upgrading} {
			c.Close()
		}
		if len(sessions) != 5 {
			t.Fatalf("%d sessions", len(sessions))
		}
		time.Sleep(time.Hour) // the runtime keeps stopped timers for a while
		for i, s := range sessions {
			for range 10 {
				runtime.GC()
			}
			if s.Value() != nil {
				t.Errorf("session %d is not garbage", i)
			}
		}
	})
}
