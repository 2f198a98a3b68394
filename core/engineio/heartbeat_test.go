package engineio_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/engineio"
)

const (
	interval = 300 * time.Millisecond
	timeout  = 200 * time.Millisecond
)

func pings() *engineio.Options {
	return &engineio.Options{PingInterval: interval, PingTimeout: timeout, AllowEIO3: true}
}

// open reports whether the session is still there, without waiting.
func isOpen(r *recorder) bool {
	synctest.Wait()
	select {
	case <-r.session.Done():
		return false
	default:
		return true
	}
}

func TestPingTimeoutC2C17SU4(t *testing.T) {
	for _, transport := range []string{"websocket", "polling"} {
		t.Run(transport, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, stop := startInMemory(t, pings())
				defer stop()
				var r *recorder
				var end func()
				if transport == "websocket" {
					c := f.dialPipe(t, "")
					defer c.Close()
					parseOpen(t, c.read(t))
					r = f.session(t)
					c.want(t, "2")
					end = func() { c.wantClosed(t) }
				} else {
					var sid string
					sid, r = f.open(t)
					f.poll(t, sid).want(t, 200, "2")
					poll := f.goPoll(t, sid)
					end = func() {
						wait(t, poll, "answer").want(t, 200, "1")
						f.poll(t, sid).want(t, 400, `{"code":1,"message":"Session ID unknown"}`)
					}
				}
				time.Sleep(timeout - time.Millisecond)
				if !isOpen(r) {
					t.Fatal("closed too early")
				}
				time.Sleep(time.Millisecond)
				if isOpen(r) {
					t.Fatal("still open")
				}
				r.wantClosed(t, engineio.PingTimeout)
				end()
			})
		})
	}
}

func TestPongKeepsOpenC20Need42(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, stop := startInMemory(t, pings())
		defer stop()
		c := f.dialPipe(t, "")
		defer c.Close()
		parseOpen(t, c.read(t))
		r := f.session(t)
		began := time.Now()
		for range 20 {
			c.want(t, "2")
			time.Sleep(timeout * 9 / 10)
			c.send(t, "3")
			synctest.Wait()
		}
		if d := time.Since(began); d != 20*(interval+timeout*9/10) {
			t.Errorf("20 rounds took %v", d)
		}
		if !isOpen(r) {
			t.Fatal("closed")
		}
	})
}

func TestPongKeepsPollingOpenNeed42(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, stop := startInMemory(t, pings())
		defer stop()
		sid, r := f.open(t)
		for range 20 {
			f.poll(t, sid).want(t, 200, "2")
			time.Sleep(timeout * 9 / 10)
			f.post(t, sid, "3").want(t, 200, "ok")
		}
		if !isOpen(r) {
			t.Fatal("closed")
		}
		f.poll(t, sid).want(t, 200, "2")
		time.Sleep(timeout * 11 / 10)
		f.post(t, sid, "3").want(t, 400, `{"code":1,"message":"Session ID unknown"}`)
		r.wantClosed(t, engineio.PingTimeout)
	})
}

func TestAnyPacketRefreshesTheDeadlineOnce(t *testing.T) { // 0.1 (b)
	synctest.Test(t, func(t *testing.T) {
		f, stop := startInMemory(t, pings())
		defer stop()
		c := f.dialPipe(t, "")
		defer c.Close()
		parseOpen(t, c.read(t))
		r := f.session(t)
		c.want(t, "2")
		time.Sleep(timeout / 2)
		c.send(t, "4first")
		synctest.Wait()
		time.Sleep(timeout / 2)
		c.send(t, "4second")
		if !isOpen(r) {
			t.Fatal("a packet did not refresh the deadline")
		}
		time.Sleep(timeout/2 - time.Millisecond)
		if !isOpen(r) {
			t.Fatal("closed too early")
		}
		time.Sleep(time.Millisecond)
		if isOpen(r) {
			t.Fatal("refreshed twice")
		}
		r.wantClosed(t, engineio.PingTimeout)
	})
}

func TestUnsolicitedPongsM13C14(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, stop := startInMemory(t, pings())
		defer stop()
		c := f.dialPipe(t, "")
		defer c.Close()
		parseOpen(t, c.read(t))
		began := time.Now()
		for range 100 {
			c.send(t, "3")
		}
		c.want(t, "2")
		if d := time.Since(began); d != interval {
			t.Errorf("the ping came after %v", d)
		}
	})
}

// blocking is a Handler whose first message blocks until told.
type blocking struct {
	*recorder
	entered, release chan struct{}
}

func (b *blocking) OnMessage(data []byte, binary bool) {
	if string(data) == "block" {
		close(b.entered)
		<-b.release
	}
	b.recorder.OnMessage(data, binary)
}

func blockingOptions() (*engineio.Options, *blocking, *fixture) {
	b := &blocking{entered: make(chan struct{}), release: make(chan struct{})}
	f := &fixture{sessions: make(chan *recorder, 1)}
	o := pings()
	o.OnConnection = func(s *engineio.Session) engineio.Handler {
		b.recorder = f.record(s)
		return b
	}
	return o, b, f
}

func TestNoTimeoutWhileOnMessageBlocksNeed10(t *testing.T) {
	for _, transport := range []string{"websocket", "polling", "v3"} {
		t.Run(transport, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, b, sessions := blockingOptions()
				f, stop := startInMemory(t, o)
				defer stop()
				var c *conn
				if transport == "polling" {
					sid := parseOpen(t, f.request(t, "GET", f.url("polling", ""), "").body).SID
					posted := make(chan response, 1)
					go func() { posted <- f.post(t, sid, "4block\x1e4after\x1e3") }()
					defer func() { (<-posted).want(t, 200, "ok") }()
				} else {
					if transport == "v3" {
						f.eio = 3
					}
					c = f.dialPipe(t, "")
					defer c.Close()
					parseOpen(t, c.read(t))
					c.send(t, "4block")
					go func() { // the pipe has no buffer
						c.WriteMessage(1, []byte("4after"))
						if transport != "v3" {
							c.WriteMessage(1, []byte("3"))
						}
					}()
					go func() {
						for {
							if _, _, err := c.ReadMessage(); err != nil {
								return
							}
						}
					}()
				}
				r := sessions.session(t)
				<-b.entered
				time.Sleep(10 * (interval + timeout))
				if !isOpen(r) {
					t.Fatal("closed while OnMessage was blocking")
				}
				close(b.release)
				r.wantMessage(t, "block")
				r.wantMessage(t, "after")
				if !isOpen(r) {
					t.Fatal("no time to answer after OnMessage had blocked")
				}
				time.Sleep(2 * (interval + timeout))
				if isOpen(r) {
					t.Fatal("no timeout after that")
				}
				r.wantClosed(t, engineio.PingTimeout)
			})
		})
	}
}

func TestHeartbeatV3EI8(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, stop := startInMemory(t, pings())
		defer stop()
		f.eio = 3
		c := f.dialPipe(t, "")
		defer c.Close()
		parseOpen(t, c.read(t))
		r := f.session(t)
		for range 5 {
			time.Sleep(interval + timeout - time.Millisecond)
			c.send(t, "2hello")
			c.want(t, "3")
		}
		time.Sleep(interval + timeout - time.Millisecond)
		if !isOpen(r) {
			t.Fatal("closed too early")
		}
		time.Sleep(time.Millisecond)
		if isOpen(r) {
			t.Fatal("still open")
		}
		r.wantClosed(t, engineio.PingTimeout)
	})
}

func TestHeartbeatDirectionM13EI10(t *testing.T) {
	for _, c := range []struct {
		eio  int
		data string
	}{{4, "2"}, {3, "3"}} {
		f := start(t, pings())
		f.eio = c.eio
		ws, _, r := f.openWS(t)
		ws.send(t, c.data)
		if err := r.wantClosed(t, engineio.TransportError); err == nil || err.Error() != "engineio: invalid heartbeat direction" {
			t.Errorf("protocol %d: %v", c.eio, err)
		}
		ws.wantClosed(t)

		sid, r := f.open(t)
		body := c.data
		if c.eio == 3 {
			body = "1:" + body
		}
		if got := f.post(t, sid, body).status; got != 400 {
			t.Errorf("protocol %d: POST answered %d", c.eio, got)
		}
		r.wantClosed(t, engineio.TransportError)
	}
}

func TestCloseWithoutPollC3(t *testing.T) {
	for _, c := range []struct {
		closeTimeout time.Duration
		reason       engineio.Reason
		after        time.Duration
	}{
		{time.Hour, engineio.PingTimeout, interval + timeout},
		{interval, engineio.ForcedClose, interval},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := pings()
			o.CloseTimeout = c.closeTimeout
			f, stop := startInMemory(t, o)
			defer stop()
			_, r := f.open(t)
			began := time.Now()
			r.session.Close()
			r.wantClosed(t, c.reason)
			if d := time.Since(began); d != c.after {
				t.Errorf("%s after %v, want %v", c.reason, d, c.after)
			}
		})
	}
}

func TestPollTimeoutNeed18(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, stop := startInMemory(t, &engineio.Options{PollTimeout: 4 * time.Second})
		defer stop()
		sid, _ := f.open(t)
		for range 3 {
			began := time.Now()
			f.poll(t, sid).want(t, 200, "6")
			if d := time.Since(began); d != 4*time.Second {
				t.Errorf("answered after %v", d)
			}
		}
	})
}

func TestUpgradeTimeoutC19(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, stop := startInMemory(t, &engineio.Options{UpgradeTimeout: time.Second})
		defer stop()
		sid, r := f.open(t)
		c := f.dialPipe(t, sid)
		defer c.Close()
		c.send(t, "2probe")
		c.want(t, "3probe")
		began := time.Now()
		c.wantClosed(t)
		if d := time.Since(began); d != time.Second {
			t.Errorf("closed after %v", d)
		}
		if !isOpen(r) {
			t.Fatal("the session went with it")
		}
		f.post(t, sid, "4alive").want(t, 200, "ok")
		again := f.dialPipe(t, sid) // the slot is free again
		defer again.Close()
		again.send(t, "2probe")
		again.want(t, "3probe")
	})
}

func TestNoopsArePaced(t *testing.T) { // O8
	synctest.Test(t, func(t *testing.T) {
		f, stop := startInMemory(t, nil)
		defer stop()
		sid, _ := f.open(t)
		c := f.dialPipe(t, sid)
		defer c.Close()
		c.send(t, "2probe")
		c.want(t, "3probe")
		synctest.Wait()
		for i, want := range []time.Duration{0, 0, 0, 100 * time.Millisecond, 100 * time.Millisecond} {
			began := time.Now()
			f.poll(t, sid).want(t, 200, "6")
			if d := time.Since(began); d != want {
				t.Errorf("noop %d after %v, want %v", i, d, want)
			}
		}
		poll := f.goPoll(t, sid)
		synctest.Wait()
		c.send(t, "5")
		wait(t, poll, "answer").want(t, 200, "1") // O8
	})
}
