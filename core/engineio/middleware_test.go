package engineio_test

import (
	"bytes"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/engineio"
)

// opaque hides everything but the three methods, as old middleware does.
type opaque struct{ w http.ResponseWriter }

func (o opaque) Header() http.Header         { return o.w.Header() }
func (o opaque) Write(p []byte) (int, error) { return o.w.Write(p) }
func (o opaque) WriteHeader(status int)      { o.w.WriteHeader(status) }

type unwrapping struct{ opaque }

func (u unwrapping) Unwrap() http.ResponseWriter { return u.w }

func TestWrappedWritersNeed17H22(t *testing.T) {
	for _, c := range []struct {
		name string
		wrap func(http.ResponseWriter) http.ResponseWriter
		ok   bool
	}{
		{"Unwrap", func(w http.ResponseWriter) http.ResponseWriter { return unwrapping{opaque{w}} }, true},
		{"opaque", func(w http.ResponseWriter) http.ResponseWriter { return opaque{w} }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(nil)
			f.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.engine.ServeHTTP(c.wrap(w), r) }))
			sid, r := f.open(t)
			ws, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", sid), "http"), nil)
			if c.ok != (err == nil) {
				t.Fatalf("dial: %v", err)
			}
			if err == nil {
				ws.Close()
				return
			}
			if resp.StatusCode != 500 || !strings.Contains(f.logs.String(), "engineio_test.opaque") {
				t.Errorf("status %d, log %s", resp.StatusCode, f.logs)
			}
			f.post(t, sid, "4stays").want(t, 200, "ok")
			r.wantMessage(t, "stays")
			send(t, r.session, "on polling")
			f.poll(t, sid).want(t, 200, "4on polling")
		})
	}
}

func TestTimeoutHandlerNeed18(t *testing.T) {
	const limit = 300 * time.Millisecond
	f := newFixture(&engineio.Options{PollTimeout: limit / 3})
	f.serve(t, http.TimeoutHandler(f.engine, limit, "too slow"))
	sid, r := f.open(t)
	for range 4 {
		f.poll(t, sid).want(t, 200, "6")
	}
	_, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", sid), "http"), nil)
	if err == nil || resp.StatusCode != 500 {
		t.Errorf("websocket: %v", err)
	}
	f.post(t, sid, "4a").want(t, 200, "ok")
	r.wantMessage(t, "a")
}

func TestServerTimeoutsNeed19(t *testing.T) {
	const limit = 100 * time.Millisecond
	f := newFixture(nil)
	srv := httptest.NewUnstartedServer(f.engine)
	srv.Config.ReadTimeout, srv.Config.WriteTimeout, srv.Config.IdleTimeout = limit, limit, limit
	srv.Start()
	t.Cleanup(func() { f.engine.Close(); srv.CloseClientConnections(); srv.Close() })
	f.http, f.client = srv, srv.Client()
	sid, r := f.open(t)
	c, _, w := f.openWS(t)
	for range 2 {
		poll := f.goPoll(t, sid)
		f.waitForPoll(t, r, poll)
		time.Sleep(3 * limit) // what is to be survived
		send(t, r.session, "still here")
		wait(t, poll, "answer").want(t, 200, "4still here")
	}
	send(t, w.session, "still here")
	c.want(t, "4still here")
	c.send(t, "4me too")
	w.wantMessage(t, "me too")
}

// logger wraps the writer, counts bytes, and writes an access line afterwards.
type logger struct {
	unwrapping
	status int
}

func (l *logger) WriteHeader(status int) {
	l.status = status
	l.w.WriteHeader(status)
}

func TestNothingIsWrittenAfterTheHijackNeed20(t *testing.T) {
	var mu sync.Mutex
	var errorLog bytes.Buffer
	f := newFixture(nil)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.engine.ServeHTTP(&logger{unwrapping: unwrapping{opaque{w}}}, r)
	}))
	srv.Config.ErrorLog = log.New(lockedWriter{&mu, &errorLog}, "", 0)
	srv.Start()
	t.Cleanup(func() { f.engine.Close(); srv.CloseClientConnections(); srv.Close() })
	f.http, f.client = srv, srv.Client()
	c, _, r := f.openWS(t)
	sid, _ := f.open(t)
	p := f.dial(t, sid)
	p.send(t, "2probe")
	p.want(t, "3probe")
	f.dial(t, sid).wantClosed(t) // refused after the 101
	c.send(t, "4a")
	r.wantMessage(t, "a")
	r.session.Close()
	c.wantClosed(t)
	mu.Lock()
	defer mu.Unlock()
	if errorLog.Len() > 0 {
		t.Errorf("net/http complains: %s", &errorLog)
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func TestMiddlewareEndsTheRequestMW3(t *testing.T) {
	f := newFixture(nil)
	f.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(503)
	}))
	if got := f.request(t, "GET", f.url("polling", ""), "").status; got != 503 {
		t.Errorf("status %d", got)
	}
	if f.engine.Count() != 0 {
		t.Error("a session was made")
	}
}

// TestLeaksNeed2C07 opens many sessions that vanish in different ways.
func TestNothingIsLeftNeed2(t *testing.T) {
	f := start(t, &engineio.Options{PingInterval: 100 * time.Millisecond, PingTimeout: 100 * time.Millisecond})
	var recorders []*recorder
	for i := range 60 {
		switch i % 4 {
		case 0: // never polls
			_, r := f.open(t)
			recorders = append(recorders, r)
		case 1: // reset
			c, _, r := f.openWS(t)
			c.NetConn().(*net.TCPConn).SetLinger(0)
			c.NetConn().Close()
			recorders = append(recorders, r)
		case 2: // vanishes during an upgrade
			sid, r := f.open(t)
			c := f.dial(t, sid)
			c.send(t, "2probe")
			c.NetConn().Close()
			recorders = append(recorders, r)
		case 3: // stays silent
			_, _, r := f.openWS(t)
			recorders = append(recorders, r)
		}
	}
	for _, r := range recorders {
		wait(t, r.closed, "OnClose")
	}
	if n := f.engine.Count(); n != 0 {
		t.Errorf("%d sessions left", n)
	}
}

func TestManyRefusedHandshakesLeaveNothing(t *testing.T) {
	f := start(t, &engineio.Options{AllowRequest: func(*http.Request) error { return fmt.Errorf("no") }})
	for range 100 {
		f.request(t, "GET", f.url("polling", ""), "")
		websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", ""), "http"), nil)
	}
	if n := f.engine.Count(); n != 0 {
		t.Errorf("%d sessions left", n)
	}
}
