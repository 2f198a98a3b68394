package engineio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/engineio"
)

func TestServerClosesC5(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	poll := f.goPoll(t, sid)
	f.waitForPoll(t, r, poll)
	r.session.Close()
	r.session.Close()
	wait(t, poll, "answer").want(t, 200, "1")
	r.wantClosed(t, engineio.ForcedClose)

	c, _, r := f.openWS(t)
	r.session.Close()
	if err := c.wantClosed(t); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("websocket closed with %v", err)
	}
	if err := r.wantClosed(t, engineio.ForcedClose); err != nil {
		t.Errorf("error %v", err)
	}
	if f.engine.Count() != 0 {
		t.Error("sessions left")
	}
}

// waitForPoll returns when a poll is waiting: a volatile message then goes out.
func (f *fixture) waitForPoll(t *testing.T, r *recorder, poll <-chan response) {
	t.Helper()
	for !engineio.PollWaits(r.session) {
		select {
		case resp := <-poll:
			t.Fatalf("answered: %+v", resp)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestClientClosesC6C24C25SU5(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	poll := f.goPoll(t, sid)
	f.waitForPoll(t, r, poll)
	f.post(t, sid, "4last\x1e1").want(t, 200, "ok")
	wait(t, poll, "answer").want(t, 200, "6")
	r.wantMessage(t, "last")
	r.wantClosed(t, engineio.TransportClose)
	f.poll(t, sid).want(t, 400, `{"code":1,"message":"Session ID unknown"}`)
	if logs := f.logs.String(); logs != "" {
		t.Errorf("a poll that comes too late is logged: %s", logs)
	}

	c, _, r := f.openWS(t)
	c.send(t, "4last")
	c.send(t, "1") // C25: closed at once
	r.wantMessage(t, "last")
	r.wantClosed(t, engineio.TransportClose)
	c.wantClosed(t)

	for _, code := range []int{1000, 1001, 4000} { // C26
		c, _, r = f.openWS(t)
		c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(time.Second))
		r.wantClosed(t, engineio.TransportClose)
	}
	c, _, r = f.openWS(t)
	c.NetConn().(*net.TCPConn).SetLinger(0)
	c.NetConn().Close() // reset
	r.wantClosed(t, engineio.TransportClose)
}

func TestBrokenFramesC26M3V8(t *testing.T) {
	f := start(t, &engineio.Options{MaxPayload: 10})
	for name, break_ := range map[string]func(*conn){
		"invalid UTF-8": func(c *conn) { c.WriteMessage(websocket.TextMessage, []byte("4\xff")) },
		"too large":     func(c *conn) { c.WriteMessage(websocket.TextMessage, []byte("4123456789-")) },
		"garbage":       func(c *conn) { c.NetConn().Write([]byte("\xff\xff\xff\xff\xff")) },
		"RSV bits":      func(c *conn) { c.NetConn().Write([]byte{0xf1, 0x80, 0, 0, 0, 0}) },
		"unmasked":      func(c *conn) { c.NetConn().Write([]byte{0x81, 1, '3'}) },
	} {
		t.Run(name, func(t *testing.T) {
			c, _, r := f.openWS(t)
			break_(c)
			c.wantClosed(t)
			c.Close()
			r.wantClosed(t, engineio.TransportError)
			if len(r.messages) != 0 {
				t.Error("something was delivered")
			}
		})
	}
}

func TestParseErrorC18SU3(t *testing.T) {
	f := start(t, &engineio.Options{AllowEIO3: true})
	for _, data := range []string{"invalid", "", "x", "9"} {
		c, _, r := f.openWS(t)
		c.send(t, data)
		r.wantClosed(t, engineio.ParseError)
		c.wantClosed(t)
	}
	// M12, EP2, EP4; a deviation: 400, not "ok".
	for _, body := range []string{"", "4a\x1e", "invalid", "4good\x1exbad\x1e4never"} {
		sid, r := f.open(t)
		poll := f.goPoll(t, sid)
		f.waitForPoll(t, r, poll)
		f.post(t, sid, body).want(t, 400, "")
		r.wantClosed(t, engineio.ParseError)
		wait(t, poll, "answer").want(t, 200, "1")
		f.poll(t, sid).want(t, 400, `{"code":1,"message":"Session ID unknown"}`)
		for len(r.messages) > 0 {
			if m := <-r.messages; m.data == "never" {
				t.Error("a packet after a bad one was delivered")
			}
		}
	}
}

func TestBinaryContentTypeC14C07(t *testing.T) {
	f := start(t, nil)
	for range 50 {
		sid, r := f.open(t)
		f.request(t, "POST", f.url("polling", sid), "4a", "Content-Type", "application/octet-stream").want(t, 400, "")
		r.wantClosed(t, engineio.TransportError)
	}
	sid, r := f.open(t)
	f.request(t, "POST", f.url("polling", sid), "4a", "Content-Type", "application/octet-stream; charset=x").want(t, 200, "ok")
	r.wantMessage(t, "a")
}

func TestIgnoredPacketsM13(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	f.post(t, sid, "0\x1e5\x1e6\x1e3\x1e4a").want(t, 200, "ok")
	r.wantMessage(t, "a")
}

func TestPollConnectionDiesC10(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	req := newRequest(t, "GET", f.url("polling", sid), "").WithContext(ctx)
	failed := make(chan error, 1)
	go func() { _, err := f.client.Do(req); failed <- err }()
	f.waitForPoll(t, r, nil)
	cancel()
	wait(t, failed, "error")
	if err := r.wantClosed(t, engineio.TransportError); err == nil || err.Error() != "poll connection closed prematurely" {
		t.Errorf("error %v", err)
	}
	f.poll(t, sid).want(t, 400, `{"code":1,"message":"Session ID unknown"}`)
}

// failingWriter is a ResponseWriter whose client has gone.
type failingWriter struct{ nullWriter }

func (*failingWriter) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestAnswerCannotBeWrittenC10(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	send(t, r.session, "lost")
	f.engine.ServeHTTP(&failingWriter{nullWriter{header: http.Header{}}}, newRequest(t, "GET", f.url("polling", sid), ""))
	r.wantClosed(t, engineio.TransportError)
}

func TestOverlappingPollsSU3(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	first := f.goPoll(t, sid)
	f.waitForPoll(t, r, first)
	f.poll(t, sid).want(t, 400, `{"code":3,"message":"Bad request"}`)
	wait(t, first, "answer").want(t, 200, "1")
	r.wantClosed(t, engineio.TransportError)
	f.poll(t, sid).want(t, 400, `{"code":1,"message":"Session ID unknown"}`)
}

func TestOverlappingPostsO4Need31(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	body := newPipeBody()
	defer body.Close()
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
	body.write(t, "4never")
	f.waitForPost(t, sid)
	if got := wait(t, first, "answer"); got != 400 && got != 0 {
		t.Errorf("first POST: %d", got)
	}
	r.wantClosed(t, engineio.TransportError)
	for len(r.messages) > 0 {
		if m := <-r.messages; m.data == "never" {
			t.Error("half a body was delivered")
		}
	}
}

func TestPostAbortedC13(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	body := newPipeBody()
	defer body.Close()
	req, _ := http.NewRequest("POST", f.url("polling", sid), body)
	first := make(chan struct{}, 1)
	go func() {
		if resp, err := f.client.Do(req); err == nil {
			resp.Body.Close()
		}
		first <- struct{}{}
	}()
	body.write(t, "4never")
	for !engineio.PostWaits(r.session) {
		time.Sleep(time.Millisecond)
	}
	f.engine.Close()
	wait(t, first, "end of the POST")
	r.wantClosed(t, engineio.ForcedClose)
}

func TestClosedSessionRefusesMessages(t *testing.T) {
	f := start(t, nil)
	c, _, r := f.openWS(t)
	r.session.Abort(engineio.ServerShuttingDown, nil)
	if err := r.session.Send(&engineio.Outgoing{Data: []byte("x")}); err != engineio.ErrClosed {
		t.Errorf("Send: %v", err)
	}
	r.wantClosed(t, engineio.ServerShuttingDown)
	wait(t, r.session.Done(), "Done")
	if err := c.wantClosed(t); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("websocket closed with %v", err)
	}
}

func TestGracefulCloseFlushesM1C22(t *testing.T) {
	f := start(t, nil)
	for range 100 {
		c, _, r := f.openWS(t)
		for _, m := range []string{"a", "b", "c"} {
			send(t, r.session, m)
		}
		r.session.Close()
		if err := r.session.Send(&engineio.Outgoing{}); err != engineio.ErrClosed {
			t.Errorf("Send while closing: %v", err)
		}
		c.want(t, "4a")
		c.want(t, "4b")
		c.want(t, "4c")
		c.wantClosed(t)
		r.wantClosed(t, engineio.ForcedClose)
	}
	sid, r := f.open(t)
	for _, m := range []string{"a", "b", "c"} {
		send(t, r.session, m)
	}
	r.session.Close()
	f.poll(t, sid).want(t, 200, "4a\x1e4b\x1e4c") // with the close packet, JavaScript clients lose the messages
	f.poll(t, sid).want(t, 200, "6\x1e1")
	r.wantClosed(t, engineio.ForcedClose)
}

func TestServerCloseDiscardsC21(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	send(t, r.session, "hello")
	r.session.Close()
	f.engine.Close()
	r.wantClosed(t, engineio.ForcedClose)
	f.poll(t, sid).want(t, 400, `{"code":1,"message":"Session ID unknown"}`)
	f.engine.Close() // again
}

func TestCallbacksMayEndTheSession(t *testing.T) {
	for name, end := range map[string]func(*engineio.Session){
		"Close": (*engineio.Session).Close,
		"Abort": func(s *engineio.Session) { s.Abort(engineio.ForcedClose, nil) },
		"panic": func(*engineio.Session) { panic("no") },
	} {
		for _, transport := range []string{"polling", "websocket"} {
			t.Run(name+" "+transport, func(t *testing.T) {
				reason := engineio.ForcedClose
				if name == "panic" {
					reason = engineio.TransportError // need 6
				}
				var f *fixture
				f = start(t, &engineio.Options{OnConnection: func(s *engineio.Session) engineio.Handler {
					return &ender{f.record(s), end}
				}})
				if transport == "polling" {
					sid := parseOpen(t, f.request(t, "GET", f.url("polling", ""), "").body).SID
					f.post(t, sid, "4end")
					f.poll(t, sid)
				} else {
					c := f.dial(t, "")
					c.send(t, "4end")
					c.wantClosed(t)
				}
				f.session(t).wantClosed(t, reason)
			})
		}
	}
}

type ender struct {
	*recorder
	end func(*engineio.Session)
}

func (e *ender) OnMessage([]byte, bool) { e.end(e.session) }

// inside checks that OnClose comes after the last OnMessage.
type inside struct {
	*recorder
	entered, release chan struct{}
	busy             bool
}

func (h *inside) OnMessage([]byte, bool) {
	h.busy = true
	close(h.entered)
	<-h.release
	h.busy = false
}

func (h *inside) OnClose(reason engineio.Reason, err error) {
	if h.busy {
		reason = "OnClose during OnMessage"
	}
	h.recorder.OnClose(reason, err)
}

func TestOnCloseComesAfterOnMessage(t *testing.T) {
	for _, transport := range []string{"polling", "websocket"} {
		t.Run(transport, func(t *testing.T) {
			h := &inside{entered: make(chan struct{}), release: make(chan struct{})}
			var f *fixture
			f = start(t, &engineio.Options{OnConnection: func(s *engineio.Session) engineio.Handler {
				h.recorder = f.record(s)
				return h
			}})
			posted := make(chan int, 1)
			if transport == "polling" {
				sid := parseOpen(t, f.request(t, "GET", f.url("polling", ""), "").body).SID
				go func() { posted <- f.post(t, sid, "4x\x1e4never").status }()
			} else {
				posted <- 200
				f.dial(t, "").send(t, "4x")
			}
			wait(t, h.entered, "OnMessage")
			h.session.Abort(engineio.ServerShuttingDown, nil)
			wait(t, h.session.Done(), "Done")
			if len(h.closed) != 0 {
				t.Error("OnClose too early")
			}
			close(h.release)
			h.wantClosed(t, engineio.ServerShuttingDown)
			if got := wait(t, posted, "answer"); got != 200 {
				t.Errorf("POST answered %d", got)
			}
		})
	}
}

func TestStopAcceptingNeed47(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	f.engine.StopAccepting()
	resp := f.request(t, "GET", f.url("polling", ""), "")
	resp.want(t, 503, `{"code":3,"message":"Server shutting down"}`)
	if _, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", ""), "http"), nil); err == nil || resp.StatusCode != 503 {
		t.Errorf("websocket: %v", err)
	}
	f.post(t, sid, "4alive").want(t, 200, "ok")
	r.wantMessage(t, "alive")
}

func TestShutdownNeed47(t *testing.T) {
	f := start(t, nil)
	const n = 50
	var recorders []*recorder
	var conns []*conn
	for range n {
		sid, r := f.open(t)
		send(t, r.session, "queued")
		f.poll(t, sid).want(t, 200, "4queued")
		c, _, w := f.openWS(t)
		send(t, w.session, "queued")
		conns = append(conns, c)
		recorders = append(recorders, r, w)
	}
	read := make(chan string, n)
	for _, c := range conns {
		go func() {
			_, data, _ := c.ReadMessage()
			c.ReadMessage()
			read <- string(data)
		}()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := f.engine.Shutdown(ctx) // the polling clients do not poll again
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	for range n {
		if got := wait(t, read, "message"); got != "4queued" {
			t.Errorf("message %q", got)
		}
	}
	for _, r := range recorders {
		select {
		case c := <-r.closed:
			if c.reason != engineio.ForcedClose {
				t.Errorf("reason %q", c.reason)
			}
		default:
			t.Fatal("Shutdown returned before OnClose")
		}
	}
	if f.engine.Count() != 0 {
		t.Error("sessions left")
	}
}

func TestShutdownIsQuickForIdleClients(t *testing.T) {
	f := start(t, nil)
	for range 20 {
		sid, r := f.open(t)
		f.waitForPoll(t, r, f.goPoll(t, sid))
		c, _, _ := f.openWS(t)
		go c.ReadMessage()
		f.open(t) // does not poll: it is between two polls, or gone
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := f.engine.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// Need 47: a peer that does not answer the close frame, or does not even read it, is
// given up when the time of whoever closes is over, not when the close handshake is.
func TestShutdownGivesUpNeed47(t *testing.T) {
	const patience = 300 * time.Millisecond
	for name, c := range map[string]struct {
		end  func(*fixture, *recorder) error
		want time.Duration
		err  error
	}{
		"Shutdown": {func(f *fixture, _ *recorder) error {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			return f.engine.Shutdown(ctx)
		}, patience, context.DeadlineExceeded},
		"Close of the server": {func(f *fixture, r *recorder) error {
			r.session.Close()
			synctest.Wait()
			return f.engine.Close()
		}, 0, nil},
		"Abort": {func(f *fixture, r *recorder) error {
			r.session.Close()
			synctest.Wait()
			r.session.Abort(engineio.ForcedClose, nil)
			return f.engine.Shutdown(context.Background())
		}, 0, nil},
	} {
		for _, reads := range []bool{true, false} {
			t.Run(fmt.Sprint(name, reads), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f, stop := startInMemory(t, nil)
					defer stop()
					ws := f.dialPipe(t, "")
					defer ws.Close()
					parseOpen(t, ws.read(t))
					r := f.session(t)
					if reads {
						go io.Copy(io.Discard, ws.NetConn())
					}
					began := time.Now()
					if err := c.end(f, r); err != c.err {
						t.Errorf("error %v, want %v", err, c.err)
					}
					if took := time.Since(began); took != c.want {
						t.Errorf("took %v, want %v", took, c.want)
					}
					r.wantClosed(t, engineio.ForcedClose)
				})
			})
		}
	}
}

func TestConnectionCloseC11(t *testing.T) {
	f := start(t, nil)
	f.client.Transport.(*http.Transport).DisableKeepAlives = true
	sid, r := f.open(t)
	poll := f.goPoll(t, sid)
	f.post(t, sid, "4a").want(t, 200, "ok")
	r.wantMessage(t, "a")
	send(t, r.session, "b")
	wait(t, poll, "answer").want(t, 200, "4b")
}
