package engineio_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/engineio"
)

// bound starts a server whose sessions are bound to a cookie.
func bound(t *testing.T) (f *fixture, logs *logBuffer) {
	logs = &logBuffer{}
	f = start(t, &engineio.Options{
		Logger: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		BindSession: func(r *http.Request) string {
			c, err := r.Cookie("user")
			if err != nil {
				return ""
			}
			return c.Value
		},
		UnknownSession: func(_ http.ResponseWriter, _ *http.Request, sid string) bool {
			if sid != "nope" {
				t.Error("a request for a session that is here was passed on")
			}
			return false
		},
	})
	return f, logs
}

// openAs makes a polling session for a user.
func (f *fixture) openAs(t *testing.T, user string) (sid string, r *recorder) {
	t.Helper()
	body := f.request(t, "GET", f.url("polling", ""), "", "Cookie", "user="+user).body
	return parseOpen(t, body).SID, f.session(t)
}

// C-23: who knows the id of a session is not its owner yet. The answer is that of a
// session that does not exist, to the letter; the session does not notice.
func TestStolenIDC23(t *testing.T) {
	f, logs := bound(t)
	unknown := f.poll(t, "nope")
	logs.reset()
	sid, r := f.openAs(t, "ann")
	thieves := [][]string{nil, {"Cookie", "user=bob"}, {"Cookie", "user=an"}, {"Cookie", "user=annn"}, {"Cookie", "user="}, {"Cookie", "user=ANN"}}
	for _, cookie := range thieves {
		for _, method := range []string{"GET", "POST", "PUT"} {
			resp := f.request(t, method, f.url("polling", sid), strings.Repeat("4stolen", len(method)-3), cookie...)
			resp.want(t, 400, unknown.body)
			if got, want := len(resp.header), len(unknown.header); method == "GET" && got != want {
				t.Errorf("%d headers, an unknown session has %d: %v %v", got, want, resp.header, unknown.header)
			}
		}
		h := http.Header{}
		if cookie != nil {
			h.Set(cookie[0], cookie[1])
		}
		_, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", sid), "http"), h)
		if err == nil || resp.StatusCode != 400 {
			t.Errorf("upgrade as %v: %v", cookie, resp)
		}
	}
	f.request(t, "POST", f.url("polling", sid), "4mine", "Cookie", "user=ann").want(t, 200, "ok")
	r.wantMessage(t, "mine")
	send(t, r.session, "secret")
	f.request(t, "GET", f.url("polling", sid), "", "Cookie", "user=ann").want(t, 200, "4secret")
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", sid), "http"), http.Header{"Cookie": {"user=ann"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	c := &conn{ws}
	c.send(t, "2probe")
	c.want(t, "3probe")
	c.send(t, "5")
	c.send(t, "4upgraded")
	r.wantMessage(t, "upgraded")
	if got := logs.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "BindSession") || strings.Contains(got, sid[:4]) {
		t.Errorf("log: %s", got)
	}
}

// Also a session that a websocket handshake has opened.
func TestBindWebSocketC23(t *testing.T) {
	f, _ := bound(t)
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", ""), "http"), http.Header{"Cookie": {"user=ann"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	c := &conn{ws}
	sid := parseOpen(t, c.read(t)).SID
	r := f.session(t)
	f.poll(t, sid).want(t, 400, `{"code":1,"message":"Session ID unknown"}`)
	// Its owner is told what is wrong.
	f.request(t, "GET", f.url("polling", sid), "", "Cookie", "user=ann").want(t, 400, `{"code":3,"message":"Bad request"}`)
	c.send(t, "4alive")
	r.wantMessage(t, "alive")
}

func TestRefusalOfABoundSession(t *testing.T) {
	var refused *engineio.ConnectionError
	var user string
	f := newFixture(&engineio.Options{
		BindSession:       func(*http.Request) string { return user },
		OnConnectionError: func(e *engineio.ConnectionError) { refused = e },
	})
	defer f.engine.Close()
	user = "ann"
	sid := parseOpen(t, f.handshake(nil).Body.String()).SID
	user = "bob"
	f.handshake(func(r *http.Request) { r.URL.RawQuery += "&sid=" + sid })
	if refused == nil || refused.Code != 1 || refused.Status != 400 || refused.Context["name"] != "OTHER_BINDING" || refused.Context["sid"] != sid {
		t.Errorf("refusal %+v", refused)
	}
}

// Ids are in no log line, whatever happens to their sessions.
func TestIDsAreNotLoggedC23(t *testing.T) {
	logs := &logBuffer{}
	f := start(t, &engineio.Options{
		AllowEIO3: true, MaxPayload: 100, MaxQueueMessages: 1,
		Logger: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	var ids []string
	step := func(do func(sid string, r *recorder)) {
		sid, r := f.open(t)
		ids = append(ids, sid)
		do(sid, r)
	}
	step(func(sid string, r *recorder) { f.post(t, sid, "4"+strings.Repeat("x", 100)) })
	step(func(sid string, r *recorder) { f.post(t, sid, "bad") })
	step(func(sid string, r *recorder) { f.request(t, "PUT", f.url("polling", sid), "") })
	step(func(sid string, r *recorder) { f.request(t, "GET", f.url("websocket", sid), "") })
	step(func(sid string, r *recorder) {
		f.request(t, "GET", f.url("polling", sid), "", "Origin", "https://evil.com")
	})
	step(func(sid string, r *recorder) {
		f.request(t, "GET", strings.Replace(f.url("polling", sid), "EIO=4", "EIO=3", 1), "")
	})
	step(func(sid string, r *recorder) { send(t, r.session, "a"); r.session.Send(&engineio.Outgoing{}) })
	step(func(sid string, r *recorder) { // one that ended long ago, and one that was never here
		r.session.Abort(engineio.ForcedClose, nil)
		wait(t, r.closed, "OnClose")
		for range 100 {
			_, other := f.open(t)
			other.session.Abort(engineio.ForcedClose, nil)
			wait(t, other.closed, "OnClose")
		}
		f.poll(t, sid)
		ids = append(ids, "never-here-0123456789")
		f.post(t, ids[len(ids)-1], "4a")
	})
	c := f.dial(t, "")
	c.read(t)
	r := f.session(t)
	ids = append(ids, r.session.ID())
	close(r.messages) // OnMessage panics
	c.send(t, "4x")
	r.wantClosed(t, engineio.TransportError)
	got := logs.String()
	for _, line := range []string{"panic in OnMessage", "Session ID unknown", "MaxPayload", "CORS.Origins"} {
		if !strings.Contains(got, line) {
			t.Errorf("no %q in the log: %s", line, got)
		}
	}
	for _, id := range ids {
		if bytes.Contains([]byte(got), []byte(id)) {
			t.Errorf("%s is in the log:\n%s", id, got)
		}
	}
}
