package engineio_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/engineio"
)

// maxChatter packets that say nothing are tolerated in a PingInterval.
const maxChatter = 1000

// masked returns a complete text frame of a client.
func masked(data string) []byte {
	return append([]byte{0x81, 0x80 | byte(len(data)), 0, 0, 0, 0}, data...)
}

// C-14: 100,000 packets that nobody asked for, of every kind: the session ends after
// the first 1,000, and at no time costs a goroutine, a timer or an answer each.
func TestChatterFloodC14(t *testing.T) {
	const flood = 100_000
	for _, c := range []struct {
		eio  int
		data string
	}{{4, "3"}, {4, "3probe"}, {4, "6"}, {4, "5"}, {4, "0"}, {3, "2"}, {3, "2probe"}, {3, "6"}} {
		t.Run(fmt.Sprintf("websocket %d %s", c.eio, c.data), func(t *testing.T) {
			var packets atomic.Int64
			f := start(t, &engineio.Options{AllowEIO3: true, Trace: &engineio.Trace{
				PacketRead: func(string, int) { packets.Add(1) },
			}})
			f.eio = c.eio
			ws, _, r := f.openWS(t)
			ws.send(t, "4ready")
			r.wantMessage(t, "ready")
			goroutines := runtime.NumGoroutine()
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				ws.NetConn().Write(bytes.Repeat(masked(c.data), flood)) // fails, sooner or later
			}()
			if err := r.wantClosed(t, engineio.TransportError); err == nil || !strings.Contains(err.Error(), "say nothing") {
				t.Errorf("closed: %v", err)
			}
			ws.NetConn().Close()
			<-sent
			if n := packets.Load(); n != maxChatter+2 { // and "ready"
				t.Errorf("%d packets were read", n)
			}
			if n := runtime.NumGoroutine(); n > goroutines+5 {
				t.Errorf("%d goroutines, %d before", n, goroutines)
			}
		})
		t.Run(fmt.Sprintf("polling %d %s", c.eio, c.data), func(t *testing.T) {
			f := start(t, &engineio.Options{AllowEIO3: true})
			f.eio = c.eio
			body := func(n int) string {
				if c.eio == 3 {
					return strings.Repeat(fmt.Sprintf("%d:%s", len(c.data), c.data), n)
				}
				return strings.TrimSuffix(strings.Repeat(c.data+"\x1e", n), "\x1e")
			}
			sid, r := f.open(t)
			f.post(t, sid, body(maxChatter)).want(t, 200, "ok")
			f.post(t, sid, body(1)).want(t, 400, "")
			r.wantClosed(t, engineio.TransportError)
			sid, r = f.open(t)
			f.post(t, sid, body(100_000)).want(t, 400, "")
			r.wantClosed(t, engineio.TransportError)
		})
	}
}

// What a peer may do in one PingInterval it may do in each. Pongs that are asked for
// are no chatter.
func TestChatterIsCountedPerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, stop := startInMemory(t, pings())
		defer stop()
		c := f.dialPipe(t, "")
		defer c.Close()
		parseOpen(t, c.read(t))
		r := f.session(t)
		time.Sleep(interval / 2) // out of step with the pings
		for range 5 {
			for range maxChatter - 1 { // and the answer to the ping, which comes late
				c.send(t, "3")
			}
			c.want(t, "2")
			c.send(t, "3")
			if !isOpen(r) {
				t.Fatal("closed")
			}
			time.Sleep(interval)
		}
	})
}

// Thousands of messages are no chatter, nor are the pings between them.
func TestTrafficIsNoChatter(t *testing.T) {
	f := start(t, nil)
	c, _, r := f.openWS(t)
	r.discard()
	c.NetConn().Write(bytes.Repeat(masked("4x"), 20*maxChatter))
	c.send(t, "3")
	c.WriteMessage(websocket.PingMessage, nil)
	send(t, r.session, "alive")
	c.want(t, "4alive")
}

// C-14: probes without end on the websocket that is to take over: it is given up,
// and the session goes on.
func TestProbeFloodC14(t *testing.T) {
	f := start(t, nil)
	sid, r := f.open(t)
	c := f.dial(t, sid)
	go c.NetConn().Write(bytes.Repeat(masked("2probe"), 100_000))
	answers := 0
	c.SetReadDeadline(time.Now().Add(patience))
	for {
		_, data, err := c.ReadMessage()
		if err != nil {
			break
		}
		if string(data) != "3probe" {
			t.Fatalf("%q", data)
		}
		answers++
	}
	if answers > maxChatter {
		t.Errorf("%d probes were answered", answers)
	}
	f.waitForProbe(c, r)
	f.post(t, sid, "4alive").want(t, 200, "ok")
	r.wantMessage(t, "alive")
}

// C-14: pings of the WebSocket protocol. Whoever does not read the pongs costs no
// memory, and can go on once it has read them.
func TestWebSocketPingFloodC14(t *testing.T) {
	f := start(t, nil)
	c, _, r := f.openWS(t)
	ping := []byte{0x89, 0x80 | 4, 0, 0, 0, 0, 'p', 'i', 'n', 'g'}
	goroutines, before := runtime.NumGoroutine(), heap()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c.NetConn().Write(bytes.Repeat(ping, 100_000))
		c.NetConn().Write(masked("4behind"))
	}()
	go c.ReadMessage() // takes the pongs
	r.wantMessage(t, "behind")
	<-sent
	if grown := int64(heap()) - int64(before); grown > 2<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	if n := runtime.NumGoroutine(); n > goroutines+5 {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
}
