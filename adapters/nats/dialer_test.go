package sionats_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	sionats "github.com/gosocketio/sio/adapters/nats"
)

// TestConnectUntilContextEnds: who does not want to wait any longer for NATS to accept
// a connection need not.
func TestConnectUntilContextEnds(t *testing.T) {
	l := startLine(t, startServer(t).addr())
	emitter := sionats.NewEmitter(connect(t, l.url()), &sionats.Options{Timeout: time.Hour, OnError: quiet})
	defer emitter.Close()
	l.pause()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	sent := make(chan error, 1)
	go func() { sent <- emitter.Emit(ctx, "x") }()
	select {
	case err := <-sent:
		if !errors.Is(err, sionats.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	case <-time.After(patience):
		t.Error("it goes on waiting")
		l.cut()
		<-sent
	}
}

// slowDialer makes connections on which the first byte comes late, once delay is set.
type slowDialer struct{ delay atomic.Int64 }

func (d *slowDialer) Dial(network, addr string) (net.Conn, error) {
	c, err := net.Dial(network, addr)
	return &slowConn{Conn: c, delay: time.Duration(d.delay.Load())}, err
}

type slowConn struct {
	net.Conn
	delay time.Duration
}

func (c *slowConn) Read(p []byte) (int, error) {
	time.Sleep(c.delay)
	c.delay = 0
	return c.Conn.Read(p)
}

// TestReconnectPatience: that who connected first was in a hurry does not make all
// connections that follow be given up as soon.
func TestReconnectPatience(t *testing.T) {
	l := startLine(t, startServer(t).addr())
	var d slowDialer
	nc := connect(t, l.url(), nats.SetCustomDialer(&d), nats.NoReconnect())
	emitter := sionats.NewEmitter(nc, &sionats.Options{Timeout: patience, OnError: quiet})
	defer emitter.Close()
	const hurry = time.Second
	ctx, cancel := context.WithTimeout(t.Context(), hurry)
	defer cancel()
	if err := emitter.Emit(ctx, "x"); err != nil {
		t.Fatal(err)
	}
	d.delay.Store(int64(hurry + hurry/2))
	l.cut()
	eventually(t, "an event that is refused", func() bool { return emitter.Emit(t.Context(), "x") != nil })
	eventually(t, "an event that is sent", func() bool { return emitter.Emit(t.Context(), "x") == nil })
}
