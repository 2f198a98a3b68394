package engineio_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/engineio"
)

func TestCookies(t *testing.T) {
	for _, c := range []struct {
		name   string
		cookie *http.Cookie
		want   string
	}{
		{"H1", &http.Cookie{}, "io=SID; Path=/; HttpOnly; SameSite=Lax"},
		{"H2", &http.Cookie{Name: "woot"}, "woot=SID; Path=/; HttpOnly; SameSite=Lax"},
		{"H3", &http.Cookie{Path: "/custom"}, "io=SID; Path=/custom; HttpOnly; SameSite=Lax"},
		{"H6 strict", &http.Cookie{SameSite: http.SameSiteStrictMode}, "io=SID; Path=/; HttpOnly; SameSite=Strict"},
		{"H6 omitted", &http.Cookie{SameSite: http.SameSiteDefaultMode}, "io=SID; Path=/; HttpOnly"},
		{"H7", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := start(t, &engineio.Options{Cookie: c.cookie})
			resp := f.request(t, "GET", f.url("polling", ""), "")
			sid := parseOpen(t, resp.body).SID
			if got := strings.ReplaceAll(resp.header.Get("Set-Cookie"), sid, "SID"); got != c.want {
				t.Errorf("cookie %q, want %q", got, c.want)
			}
			if got := f.post(t, sid, "4a").header.Get("Set-Cookie"); got != "" { // H9
				t.Errorf("cookie on a POST: %q", got)
			}
			ws, wsResp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", ""), "http"), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer ws.Close()
			if got := wsResp.Header.Get("Set-Cookie") != ""; got != (c.want != "") { // a deviation from H9
				t.Errorf("cookie on the websocket handshake: %v", got)
			}
		})
	}
}

func TestCookieValueIsEncodedH8(t *testing.T) {
	f := start(t, &engineio.Options{Cookie: &http.Cookie{}, GenerateID: func(*http.Request) (string, error) { return "a b+c;", nil }})
	if got := f.request(t, "GET", f.url("polling", ""), "").header.Get("Set-Cookie"); !strings.HasPrefix(got, "io=a%20b%2Bc%3B;") {
		t.Errorf("cookie %q", got)
	}
}

func TestOpenPacketH13H14H15H16H18H21(t *testing.T) {
	for _, c := range []struct {
		name string
		opts *engineio.Options
		want string
	}{
		{"H13", nil, `0{"sid":"SID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`},
		{"H14", &engineio.Options{PingTimeout: 123 * time.Millisecond, MaxPayload: 7},
			`0{"sid":"SID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":123,"maxPayload":7}`},
		{"H16 polling only", &engineio.Options{Transports: []string{"polling"}},
			`0{"sid":"SID","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`},
		{"no upgrades", &engineio.Options{DisableUpgrades: true},
			`0{"sid":"SID","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`},
		{"H18", &engineio.Options{InitialPacket: []byte("faster!")},
			`0{"sid":"SID","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}` + "\x1e4faster!"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := start(t, c.opts)
			resp := f.request(t, "GET", f.url("polling", ""), "")
			if got := regexp.MustCompile(`"sid":"[^"]*"`).ReplaceAllString(resp.body, `"sid":"SID"`); got != c.want {
				t.Errorf("body %q\nwant %q", got, c.want)
			}
			h := resp.header
			if h.Get("Content-Type") != "text/plain; charset=UTF-8" || h.Get("Cache-Control") != "no-store" ||
				h.Get("Content-Length") == "" || h.Get("X-Accel-Buffering") != "no" {
				t.Errorf("H21: %v", h)
			}
			if n := f.engine.Count(); n != 1 { // H10
				t.Errorf("Count = %d", n)
			}
		})
	}
}

func TestWebSocketOnlyH15(t *testing.T) {
	f := start(t, &engineio.Options{Transports: []string{"websocket"}, InitialPacket: []byte("faster!")})
	f.request(t, "GET", f.url("polling", ""), "").want(t, 400, `{"code":0,"message":"Transport unknown"}`)
	c, o, _ := f.openWS(t)
	if len(o.Upgrades) != 0 {
		t.Errorf("upgrades %v", o.Upgrades)
	}
	c.want(t, "4faster!") // H18
}

func TestIDs(t *testing.T) { // H23, C-13
	f := start(t, nil)
	seen := map[string]bool{}
	for range 50 {
		sid, _ := f.open(t)
		if seen[sid] || !regexp.MustCompile(`^[A-Za-z0-9_-]{20}$`).MatchString(sid) {
			t.Errorf("sid %q", sid)
		}
		seen[sid] = true
	}
}

func TestGenerateIDH11H12(t *testing.T) {
	var id string
	var fail error
	refused := make(chan *engineio.ConnectionError, 10)
	f := start(t, &engineio.Options{
		GenerateID:        func(*http.Request) (string, error) { return id, fail },
		OnConnectionError: func(e *engineio.ConnectionError) { refused <- e },
	})
	id = "chosen"
	if sid, _ := f.open(t); sid != "chosen" {
		t.Errorf("sid %q", sid)
	}
	fail = errors.New("no ids left")
	try := func(name string) {
		t.Helper()
		f.request(t, "GET", f.url("polling", ""), "").want(t, 400, `{"code":3,"message":"Bad request"}`)
		e := wait(t, refused, name)
		if e.Context["name"] != "ID_GENERATION_ERROR" || e.Context["error"] == nil {
			t.Errorf("%s: context %v", name, e.Context)
		}
		if _, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", ""), "http"), nil); err == nil || resp.StatusCode != 400 {
			t.Errorf("%s: websocket %v", name, err)
		}
		wait(t, refused, name)
	}
	try("error")
	fail = nil
	try("an id in use")
	id = ""
	try("an empty id")
	if n := f.engine.Count(); n != 1 {
		t.Errorf("Count = %d", n)
	}
}

type contextKey struct{}

func TestContextOfTheRequest(t *testing.T) { // need 15
	f := newFixture(nil)
	f.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.engine.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, "user")))
	}))
	_, polling := f.open(t)
	_, _, ws := f.openWS(t)
	for _, r := range []*recorder{polling, ws} {
		ctx := r.session.Handshake().Context
		if ctx.Value(contextKey{}) != "user" || ctx.Err() != nil || ctx.Done() != nil {
			t.Errorf("context %v", ctx)
		}
	}
}

func TestSendInOnConnection(t *testing.T) { // EI9: after the handshake
	for _, transport := range []string{"polling", "websocket"} {
		t.Run(transport, func(t *testing.T) {
			var f *fixture
			f = start(t, &engineio.Options{OnConnection: func(s *engineio.Session) engineio.Handler {
				s.Send(&engineio.Outgoing{Data: []byte("early")})
				return f.record(s)
			}})
			if transport == "polling" {
				resp := f.request(t, "GET", f.url("polling", ""), "")
				f.poll(t, parseOpen(t, resp.body).SID).want(t, 200, "4early")
				return
			}
			c, _, _ := f.openWS(t)
			c.want(t, "4early")
		})
	}
}

func TestEndInOnConnection(t *testing.T) {
	for name, end := range map[string]func(*engineio.Session){
		"Close": (*engineio.Session).Close,
		"Abort": func(s *engineio.Session) { s.Abort(engineio.ForcedClose, nil) },
		"panic": func(*engineio.Session) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			var f *fixture
			f = start(t, &engineio.Options{OnConnection: func(s *engineio.Session) engineio.Handler {
				r := f.record(s)
				end(s)
				return r
			}})
			if name != "panic" {
				sid := parseOpen(t, f.request(t, "GET", f.url("polling", ""), "").body).SID
				if name == "Close" {
					f.poll(t, sid).want(t, 200, "6\x1e1")
				}
				f.poll(t, sid).want(t, 400, `{"code":1,"message":"Session ID unknown"}`)
				f.session(t).wantClosed(t, engineio.ForcedClose)
			}
			// After a panic the handshake may fail, as one over polling does.
			c, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", ""), "http"), nil)
			if err == nil {
				t.Cleanup(func() { c.Close() })
				(&conn{c}).wantClosed(t)
			} else if name != "panic" || resp != nil {
				t.Errorf("dial: %v, %v", resp, err)
			}
			r := f.session(t)
			wait(t, r.session.Done(), "end")
			if name != "panic" {
				r.wantClosed(t, engineio.ForcedClose)
			}
		})
	}
}

func TestHandlerMayBeNil(t *testing.T) {
	f := start(t, &engineio.Options{OnConnection: func(*engineio.Session) engineio.Handler { return nil }})
	sid := parseOpen(t, f.request(t, "GET", f.url("polling", ""), "").body).SID
	f.post(t, sid, "4a").want(t, 200, "ok")
}

func TestMountedTwice(t *testing.T) { // need 14, H19
	f := newFixture(nil)
	mux := http.NewServeMux()
	mux.Handle("/a/", f.engine)
	mux.Handle("/b", f.engine)
	f.serve(t, mux)
	sid := parseOpen(t, f.request(t, "GET", f.http.URL+"/a/x/y/?EIO=4&transport=polling", "").body).SID
	r := f.session(t)
	f.request(t, "POST", f.http.URL+"/b?EIO=4&transport=polling&sid="+sid, "4a").want(t, 200, "ok")
	r.wantMessage(t, "a")
}

func TestHTTP2(t *testing.T) { // need 24
	f := newFixture(nil)
	srv := httptest.NewUnstartedServer(f.engine)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(func() { f.engine.Close(); srv.CloseClientConnections(); srv.Close() })
	f.http, f.client = srv, srv.Client()
	t.Cleanup(f.client.CloseIdleConnections)
	sid, r := f.open(t)
	poll := f.goPoll(t, sid)
	f.post(t, sid, "4over h2").want(t, 200, "ok")
	r.wantMessage(t, "over h2")
	send(t, r.session, "answer")
	wait(t, poll, "answer").want(t, 200, "4answer")
	// An overlapping POST interrupts the first one, whose body is still being read.
	body := newPipeBody()
	req, _ := http.NewRequest("POST", f.url("polling", sid), body)
	first := make(chan int, 1)
	go func() {
		resp, err := f.client.Do(req)
		if err != nil {
			first <- 0
			return
		}
		resp.Body.Close()
		first <- resp.StatusCode
	}()
	body.write(t, "4")
	f.waitForPost(t, sid)
	wait(t, first, "answer")
	body.Close()
	r.wantClosed(t, engineio.TransportError)
}
