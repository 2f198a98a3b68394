package eioclient_test

import (
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/internal/eioclient"
)

const (
	pingInterval = 300 * time.Millisecond
	pingTimeout  = 200 * time.Millisecond
)

func pings() *engineio.Options {
	return &engineio.Options{PingInterval: pingInterval, PingTimeout: pingTimeout}
}

// TestPings: pings are answered, and keep the connection open.
func TestPings(t *testing.T) {
	eachTransport(t, func(t *testing.T, opts *eioclient.Options) {
		synctest.Test(t, func(t *testing.T) {
			f := inMemory(t, pings())
			_, r := f.open(t, opts)
			p := f.peer(t)
			time.Sleep(20*pingInterval + pingInterval/2)
			if len(r.pings) != 20 || len(r.closed)+len(p.closed) != 0 {
				t.Errorf("%d pings, %d and %d closed", len(r.pings), len(r.closed), len(p.closed))
			}
		})
	})
}

// silence serves an open packet with the heartbeat of pings, and nothing after it.
func silence(t *testing.T) *fixture {
	release := make(chan struct{})
	const open = `0{"sid":"abc","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}`
	f := fakeInMemory(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" && !r.URL.Query().Has("sid") {
			io.WriteString(w, open)
			return
		}
		if r.Header.Get("Upgrade") != "" {
			answerWith(open)(w, r)
			return
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(release) })
	return f
}

// TestPingTimeout: a silent server is given up when interval and timeout are over,
// neither before nor after.
func TestPingTimeout(t *testing.T) {
	for _, opts := range []*eioclient.Options{polling(), websockets()} {
		synctest.Test(t, func(t *testing.T) {
			c, r := silence(t).open(t, opts)
			time.Sleep(pingInterval + pingTimeout - time.Millisecond)
			synctest.Wait()
			if len(r.closed) != 0 || c.PingExpired() {
				t.Fatal("too early")
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if len(r.closed) != 1 {
				t.Fatal("still open")
			}
			r.wantClosed(t, "ping timeout")
			wait(t, c.Done(), "Done")
		})
	}
}

// TestPingExpiredEC13: several calls, one end.
func TestPingExpiredEC13(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			c, r := silence(t).open(t, websockets())
			time.Sleep(pingInterval + pingTimeout - time.Nanosecond)
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					time.Sleep(2 * time.Nanosecond)
					c.PingExpired()
				})
			}
			wg.Wait()
			r.wantClosed(t, "ping timeout")
			wait(t, c.Done(), "Done")
			if len(r.closed) != 0 || c.PingExpired() {
				t.Error("again")
			}
		})
	}
}

// TestSlowHandlerTimesOut: a handler that takes longer than the heartbeat allows loses
// the connection, and is waited for.
func TestSlowHandlerTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inMemory(t, pings())
		r := record(t)
		r.hold = func() { time.Sleep(time.Minute) }
		c := f.openWith(t, websockets(), r)
		f.peer(t).send(t, "x")
		<-c.Closing()
		if len(r.closed) != 0 {
			t.Error("OnClose while OnMessage runs")
		}
		<-c.Done()
		r.wantClosed(t, "ping timeout")
	})
}
