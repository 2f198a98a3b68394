package eioclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/internal/eioclient"
	"github.com/gosocketio/sio/core/internal/memnet"
)

// slowEnd is a connection that takes a second to write the close frame.
type slowEnd struct{ net.Conn }

func (c slowEnd) Write(p []byte) (int, error) {
	if p[0] == 0x88 {
		time.Sleep(time.Second)
	}
	return c.Conn.Write(p)
}

// Start and Close may meet: a connection may be given up as soon as it is known.
func TestStartDuringClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inMemory(t, nil)
		opts := f.options(websockets())
		opts.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := f.dial(ctx, network, addr)
			return slowEnd{c}, err
		}
		c, err := eioclient.Dial(t.Context(), f.url, opts)
		if err != nil {
			t.Fatal(err)
		}
		r := record(t)
		time.AfterFunc(time.Second/2, func() { c.Start(r) })
		closeConn(t, c)
		r.wantClosed(t, "forced close")
	})
}

// Negative durations turn limits off, as for all options.
func TestNoLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inMemory(t, nil)
		c, r := f.open(t, &eioclient.Options{UpgradeTimeout: -1, CloseTimeout: -1})
		p := f.peer(t)
		r.wantUpgrade(t)
		closeConn(t, c)
		p.wantClosed(t, "transport close")
		c, _ = f.open(t, &eioclient.Options{Transports: []string{eioclient.Polling}, CloseTimeout: -1})
		p = f.peer(t)
		closeConn(t, c)
		p.wantClosed(t, "transport close")
	})
}

// Whoever gives up a websocket handshake need not wait for a server that says nothing.
func TestCancelHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen()
		defer l.Close()
		dial := func(context.Context, string, string) (net.Conn, error) {
			conn, server := memnet.Pipe()
			time.AfterFunc(time.Minute, func() { server.Close() })
			return conn, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		began := time.Now()
		opts := websockets()
		opts.DialContext = dial
		_, err := eioclient.Dial(ctx, address(l), opts)
		if !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
			t.Errorf("Dial = %v after %v", err, time.Since(began))
		}
	})
}

// A ping of the websocket is answered within a second or not at all. What is being
// written at that time has no such limit.
func TestWebSocketPingDuringSlowWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := make(chan struct{})
		got := make(chan string, 100)
		f := fakeInMemory(t, func(w http.ResponseWriter, r *http.Request) {
			up := websocket.Upgrader{}
			c, err := up.Upgrade(w, r, nil)
			if err != nil {
				return
			}
			defer c.Close()
			c.WriteMessage(websocket.TextMessage, []byte(`0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000}`))
			time.Sleep(time.Second)
			c.WriteControl(websocket.PingMessage, nil, time.Time{})
			<-read
			for {
				_, data, err := c.ReadMessage()
				if err != nil {
					return
				}
				got <- string(data[:2])
			}
		})
		c, r := f.open(t, websockets())
		padding := strings.Repeat("x", 12<<10)
		var messages []string
		for i := range 9 {
			messages = append(messages, fmt.Sprint(i)+padding)
		}
		send(t, c, messages[:4]...)
		send(t, c, messages[4:]...)
		time.Sleep(5 * time.Second)
		close(read)
		for i := range 9 {
			if m := wait(t, got, "message"); m != fmt.Sprint("4", i) {
				t.Errorf("message %d is %q", i, m)
			}
		}
		if len(r.closed) > 0 {
			t.Error("the connection has ended")
		}
	})
}

// deaf is a connection to a server that reads no frame of a websocket.
type deaf struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
	frames int // that it does read
}

func (c *deaf) Write(p []byte) (int, error) {
	if p[0] == 0x81 {
		if c.frames--; c.frames < 0 {
			<-c.closed
			return 0, net.ErrClosed
		}
	}
	return c.Conn.Write(p)
}

func (c *deaf) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// An upgrade ends in time also if the server takes no frame of the websocket.
func TestUpgradeWithoutReader(t *testing.T) {
	for frames := range 2 {
		synctest.Test(t, func(t *testing.T) {
			f := inMemory(t, nil)
			c, _ := f.open(t, &eioclient.Options{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := f.dial(ctx, network, addr)
				return &deaf{Conn: conn, closed: make(chan struct{}), frames: frames}, err
			}})
			f.peer(t)
			time.Sleep(11 * time.Second) // the upgrade has failed
			c.Abort("test", nil)
			wait(t, c.Done(), "Done")
		})
	}
}

// An answer to a poll that consists of many small packets takes no more memory than it
// has bytes, more or less.
func TestManyPackets(t *testing.T) {
	const count = 4 << 20
	body := strings.Repeat("6\x1e", count) + "4end"
	var polls atomic.Int32
	f := fake(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Query().Get("sid") == "":
			fmt.Fprint(w, `0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000}`)
		case polls.Add(1) == 1:
			io.WriteString(w, body)
		default:
			<-r.Context().Done()
		}
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, r := f.open(t, polling())
	r.wantMessage(t, "end")
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 20*uint64(len(body)) {
		t.Errorf("%d MiB for %d MiB", used>>20, len(body)>>20)
	}
}
