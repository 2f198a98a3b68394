package engineio_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/engineio"
)

func TestMaxPayloadM2M4(t *testing.T) {
	f := start(t, &engineio.Options{MaxPayload: 5})
	sid, r := f.open(t)
	for _, chunked := range []bool{false, true} {
		for _, c := range []struct {
			body   string
			status int
		}{{"4a", 200}, {"41234", 200}, {"412345", 413}, {"4" + strings.Repeat("x", 1<<20), 413}} {
			var body io.Reader = strings.NewReader(c.body)
			if chunked {
				body = io.MultiReader(body) // no Content-Length
			}
			req, _ := http.NewRequest("POST", f.url("polling", sid), body)
			resp, err := f.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			answer, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != c.status || c.status == 413 && len(answer) > 0 {
				t.Errorf("chunked %v, %d bytes: %d %q", chunked, len(c.body), resp.StatusCode, answer)
			}
			if c.status == 200 {
				r.wantMessage(t, c.body[1:])
			}
		}
	}
	if len(r.messages) != 0 { // never delivered, and the session lives
		t.Error("a refused body was delivered")
	}
	if logs := f.logs.String(); strings.Count(logs, "MaxPayload") != 1 {
		t.Errorf("log: %s", logs)
	}
}

// TestBodyIsNotReadPastTheLimitC01 counts what the handler reads.
func TestBodyIsNotReadPastTheLimitC01(t *testing.T) {
	f := start(t, &engineio.Options{MaxPayload: 1000})
	sid, _ := f.open(t)
	for _, length := range []int64{-1, 1001, 1 << 40} {
		body := &countingReader{}
		r, _ := http.NewRequest("POST", f.url("polling", sid), body)
		r.ContentLength = length
		w := &nullWriter{header: http.Header{}}
		f.engine.ServeHTTP(w, r)
		if w.status != 413 || body.n > 1001 {
			t.Errorf("Content-Length %d: status %d, %d bytes read", length, w.status, body.n)
		}
	}
}

func TestSmallPacketsC01(t *testing.T) {
	f := start(t, &engineio.Options{AllowEIO3: true, MaxPacketsPerPayload: -1})
	sid, r := f.open(t)
	r.discard()
	body := strings.TrimSuffix(strings.Repeat("4\x1e", 500_000), "\x1e")
	f.post(t, sid, body).want(t, 200, "ok")
	f.eio = 3
	sid, r3 := f.open(t)
	r3.discard()
	f.post(t, sid, strings.Repeat("1:4", 333_333)).want(t, 200, "ok")
	f.post(t, sid, "99999991:4222").want(t, 400, "")
}

func TestChunkedBodiesM6M7M10(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	body := newPipeBody()
	req, _ := http.NewRequest("POST", f.url("polling", sid), body)
	done := make(chan response, 1)
	go func() { done <- f.do(t, req) }()
	for _, chunk := range []string{"41", "2", "3"} {
		body.write(t, chunk)
	}
	body.w.Close()
	wait(t, done, "answer").want(t, 200, "ok")
	r.wantMessage(t, "123")

	big := strings.Repeat("€uro 中文 ", 50_000)
	f.post(t, sid, "4"+big).want(t, 200, "ok")
	r.wantMessage(t, big)
	send(t, r.session, big)
	f.poll(t, sid).want(t, 200, "4"+big)
	c, _, r := f.openWS(t)
	c.send(t, "4"+big)
	r.wantMessage(t, big)
	send(t, r.session, big)
	c.want(t, "4"+big)
}

func TestBinaryM5EP5(t *testing.T) {
	f := start(t, nil)
	data := []byte{0, 1, 2, 255}
	o := &engineio.Outgoing{Data: data, Binary: true}
	sid, r := f.open(t)
	r.session.Send(o)
	f.poll(t, sid).want(t, 200, "bAAEC/w==")
	f.post(t, sid, "bAAEC/w==").want(t, 200, "ok")
	if m := wait(t, r.messages, "message"); m != (message{string(data), true}) {
		t.Errorf("message %+v", m)
	}
	c, _, r := f.openWS(t)
	r.session.Send(o)
	if kind, got, err := c.ReadMessage(); kind != websocket.BinaryMessage || !bytes.Equal(got, data) {
		t.Errorf("%d %q %v", kind, got, err)
	}
	c.WriteMessage(websocket.BinaryMessage, data)
	if m := wait(t, r.messages, "message"); m != (message{string(data), true}) {
		t.Errorf("message %+v", m)
	}
}

func TestSlowBodyC25(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, stop := startInMemory(t, &engineio.Options{PingInterval: time.Minute, PingTimeout: time.Second})
		defer stop()
		sid, r := f.open(t)
		began := time.Now()
		body := newPipeBody()
		req, _ := http.NewRequest("POST", f.url("polling", sid), body)
		fed := make(chan struct{})
		go func() {
			defer close(fed)
			for {
				if _, err := io.WriteString(body.w, "4"); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		resp, err := f.client.Do(req)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode != 408 && resp.StatusCode != 400 {
				t.Errorf("status %d", resp.StatusCode)
			}
		}
		body.Close()
		<-fed
		if reason := wait(t, r.closed, "OnClose").reason; reason != engineio.TransportError && reason != engineio.PingTimeout {
			t.Errorf("reason %q", reason)
		}
		if d := time.Since(began); d > time.Minute+2*time.Second {
			t.Errorf("ended after %v", d)
		}
	})
}

func TestConcurrentSendsNeed1(t *testing.T) {
	const senders, each = 64, 200
	f := start(t, &engineio.Options{QueuePolicy: engineio.QueueReject})
	for _, transport := range []string{"websocket", "upgrade"} {
		t.Run(transport, func(t *testing.T) {
			var c *conn
			var r *recorder
			if transport == "websocket" {
				c, _, r = f.openWS(t)
			} else {
				sid := ""
				sid, r = f.open(t)
				c = f.dial(t, sid)
			}
			var wg sync.WaitGroup
			for i := range senders {
				wg.Go(func() {
					for j := range each {
						o := &engineio.Outgoing{Data: fmt.Appendf(nil, "%d:%d", i, j), Attachments: [][]byte{{byte(i)}}}
						for r.session.Send(o) == engineio.ErrQueueFull {
						}
					}
				})
			}
			if transport == "upgrade" {
				c.send(t, "5") // O7: without a probe
			}
			next := make([]int, senders)
			for range senders * each {
				var i, j int
				if _, err := fmt.Sscanf(c.read(t), "4%d:%d", &i, &j); err != nil || next[i] != j {
					t.Fatalf("sender %d: %d, want %d (%v)", i, j, next[i], err)
				}
				next[i]++
				if att := c.read(t); att != string([]byte{byte(i)}) {
					t.Fatalf("attachment %q of another message", att)
				}
			}
			wg.Wait()
		})
	}
}

func TestCloseDuringSendsNeed3(t *testing.T) {
	f := start(t, nil)
	for range 20 {
		c, _, r := f.openWS(t)
		go func() {
			for {
				if _, _, err := c.ReadMessage(); err != nil {
					return
				}
			}
		}()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for r.session.Send(&engineio.Outgoing{Data: []byte("x")}) == nil {
				}
			})
		}
		c.NetConn().Close()
		wg.Wait()
		wait(t, r.closed, "OnClose")
	}
}

func TestQueueLimitsNeed9(t *testing.T) {
	big := &engineio.Outgoing{Data: make([]byte, 600), Attachments: [][]byte{make([]byte, 500)}}
	for _, c := range []struct {
		name string
		opts engineio.Options
		fits int
	}{
		{"bytes", engineio.Options{MaxQueueBytes: 2*1100 + 4*engineio.MessageOverhead, MaxQueueMessages: -1}, 2},
		{"messages", engineio.Options{MaxQueueBytes: -1, MaxQueueMessages: 3}, 3},
		{"one always fits", engineio.Options{MaxQueueBytes: 1}, 1},
	} {
		for _, policy := range []engineio.QueuePolicy{engineio.QueueDisconnect, engineio.QueueReject} {
			t.Run(fmt.Sprint(c.name, policy), func(t *testing.T) {
				opts := c.opts
				opts.QueuePolicy = policy
				f := start(t, &opts)
				sid, r := f.open(t)
				for range 3 {
					// The queue is empty again soon after a poll was answered.
					for r.session.Send(big) != nil {
						time.Sleep(time.Millisecond)
					}
					for range c.fits - 1 {
						if err := r.session.Send(big); err != nil {
							t.Fatal(err)
						}
					}
					if policy == engineio.QueueDisconnect {
						break
					}
					if err := r.session.Send(big); err != engineio.ErrQueueFull {
						t.Fatalf("Send: %v", err)
					}
					if n := strings.Count(f.poll(t, sid).body, "4"); n < c.fits {
						t.Errorf("%d messages", n)
					}
				}
				if policy == engineio.QueueDisconnect {
					if err := r.session.Send(big); err != engineio.ErrQueueFull {
						t.Errorf("Send: %v", err)
					}
					r.wantClosed(t, engineio.SlowConsumer)
				}
			})
		}
	}
}

func TestUnreadClientC26Need9(t *testing.T) {
	f := start(t, &engineio.Options{MaxQueueBytes: 1 << 20})
	_, _, r := f.openWS(t)
	o := &engineio.Outgoing{Data: make([]byte, 64<<10), Binary: true}
	deadline := time.Now().Add(patience)
	for r.session.Send(o) == nil {
		if time.Now().After(deadline) {
			t.Fatal("never full")
		}
	}
	r.wantClosed(t, engineio.SlowConsumer)
}

func TestVolatile(t *testing.T) {
	f := start(t, nil)
	v := func(data string) *engineio.Outgoing { return &engineio.Outgoing{Data: []byte(data), Volatile: true} }
	sid, r := f.open(t)
	if err := r.session.Send(v("no poll")); err != engineio.ErrDropped {
		t.Errorf("Send: %v", err)
	}
	poll := f.goPoll(t, sid)
	f.waitForPoll(t, r, poll)
	if err := r.session.Send(v("sent")); err != nil {
		t.Errorf("Send: %v", err)
	}
	wait(t, poll, "answer").want(t, 200, "4sent")
	send(t, r.session, "queued")
	if err := r.session.Send(v("behind")); err != engineio.ErrDropped {
		t.Errorf("Send: %v", err)
	}
	f.poll(t, sid).want(t, 200, "4queued")

	c, _, r := f.openWS(t)
	for r.session.Send(v("ws")) == engineio.ErrDropped { // the open packet may still be on its way
	}
	c.want(t, "4ws")
}

func TestTraceAndSessions(t *testing.T) { // need 59
	type counts struct{ opened, closed, upgraded, refused, read, written int }
	var mu sync.Mutex
	var n counts
	count := func(field *int, by int) {
		mu.Lock()
		defer mu.Unlock()
		*field += by
	}
	f := start(t, &engineio.Options{Trace: &engineio.Trace{
		SessionOpened: func(*engineio.Session) { count(&n.opened, 1) },
		SessionClosed: func(*engineio.Session, engineio.Reason) { count(&n.closed, 1) },
		Upgraded:      func(*engineio.Session) { count(&n.upgraded, 1) },
		Refused:       func(*engineio.ConnectionError) { count(&n.refused, 1) },
		PacketRead:    func(_ string, b int) { count(&n.read, b) },
		PacketWritten: func(_ string, b int) { count(&n.written, b) },
	}})
	sid, r := f.open(t)
	f.poll(t, "nope")
	f.post(t, sid, "4abc").want(t, 200, "ok")
	send(t, r.session, "ab")
	f.poll(t, sid).want(t, 200, "4ab")
	c := f.dial(t, sid)
	c.send(t, "5")
	c.send(t, "4d")
	r.wantMessage(t, "abc")
	r.wantMessage(t, "d")
	for s := range f.engine.Sessions() {
		if got, ok := f.engine.Session(s.ID()); !ok || got != s || s.ID() != sid {
			t.Error("Session and Sessions differ")
		}
	}
	c.Close()
	r.wantClosed(t, engineio.TransportClose)
	f.engine.Close()
	mu.Lock()
	defer mu.Unlock()
	if n != (counts{1, 1, 1, 1, 4 + 2, 3}) {
		t.Errorf("%+v", n)
	}
}
