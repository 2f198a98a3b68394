package ws_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/internal/ws"
)

func parkable(t *testing.T) *ws.Parker {
	if runtime.GOOS != "linux" {
		t.Skip("connections are parked on Linux only")
	}
	return new(ws.Parker)
}

// idle kicks c until a Read that finds nothing returns.
func idle(t *testing.T, c *ws.Conn) {
	t.Helper()
	c.Kick()
	if _, _, err := c.Read(); err != ws.ErrIdle {
		t.Fatalf("Read after Kick: %v", err)
	}
}

func TestPark(t *testing.T) {
	p := parkable(t)
	for name, wakes := range map[string]func(*ws.Conn, *peer){
		"message": func(_ *ws.Conn, peer *peer) { peer.send(textFrame("x")) },
		"piece":   func(_ *ws.Conn, peer *peer) { peer.send(textFrame("x")[:1]) },
		"end":     func(_ *ws.Conn, peer *peer) { peer.conn.Close() },
		"half":    func(_ *ws.Conn, peer *peer) { peer.conn.(interface{ CloseWrite() error }).CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			c, peer := pair(t, nil)
			for range 3 { // the first time, and when the kernel knows it
				idle(t, c)
				woken := make(chan bool, 2)
				if !p.Park(c, func() { woken <- true }) {
					t.Fatal("not parked")
				}
				select {
				case <-woken:
					t.Fatal("woken for nothing")
				case <-time.After(5 * time.Millisecond):
				}
				if name == "message" {
					wakes(c, peer)
					<-woken
					wantMessage(t, c, "x", false)
					continue
				}
				wakes(c, peer)
				<-woken
				break
			}
		})
	}
}

// What comes between the last Read and Park is not missed.
func TestParkWithDataThere(t *testing.T) {
	p := parkable(t)
	c, peer := pair(t, nil)
	idle(t, c)
	peer.send(textFrame("a"))
	woken := make(chan bool, 1)
	if !p.Park(c, func() { woken <- true }) {
		t.Fatal("not parked")
	}
	<-woken
	wantMessage(t, c, "a", false)
}

// A Read that is in the middle of a message goes on; the kick may reach the next one.
func TestKickInMessage(t *testing.T) {
	parkable(t)
	c, peer := pair(t, nil)
	long := textFrame(strings.Repeat("x", 300))
	for _, cut := range []int{1, 2, 5, 40, len(long) - 1} {
		peer.send(long[:cut])
		read := make(chan error, 1)
		go func() {
			err := error(ws.ErrIdle)
			for err == ws.ErrIdle {
				_, _, err = c.Read()
			}
			read <- err
		}()
		for range 10 {
			c.Kick()
			runtime.Gosched()
		}
		peer.send(long[cut:])
		if err := <-read; err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
}

// Closing a parked connection is up to whoever closes it: its reader is not woken.
func TestUnpark(t *testing.T) {
	p := parkable(t)
	for range 3 {
		c, _ := pair(t, nil)
		idle(t, c)
		if !p.Park(c, func() { t.Error("woken") }) {
			t.Fatal("not parked")
		}
		p.Unpark(c)
		c.CloseNow()
		p.Unpark(c)
		if _, _, err := c.Read(); err != ws.ErrClosed {
			t.Errorf("Read: %v", err)
		}
		if p.Park(c, func() { t.Error("woken") }) {
			t.Error("a closed connection was parked")
		}
	}
}

// A close handshake works while nobody reads.
func TestCloseParked(t *testing.T) {
	p := parkable(t)
	c, peer := pair(t, nil)
	idle(t, c)
	p.Park(c, func() {})
	go io.Copy(peer.conn, peer.br) // sends our close frame back; it need not be masked to end the wait
	if err := c.Close(1000, ""); err != nil {
		t.Error(err)
	}
	p.Unpark(c)
}

// Connections without a descriptor of their own are read as ever.
func TestNotParkable(t *testing.T) {
	c, peer := pipePair(t, nil, "")
	c.Kick()
	go peer.send(textFrame("x"))
	wantMessage(t, c, "x", false)
	if new(ws.Parker).Park(c, func() {}) {
		t.Error("parked")
	}
}

// Numbered messages over connections that are kicked and parked all the time.
func TestParkStress(t *testing.T) {
	p := parkable(t)
	const conns, messages = 20, 300
	done := make(chan error, conns)
	addr, accepted := listen(t, nil, nil)
	for range conns {
		peer := dial(t, addr, "")
		c := <-accepted
		t.Cleanup(func() { c.CloseNow() })
		go func() {
			for i := range messages {
				if i%10 == 0 {
					time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
				}
				peer.try(textFrame(fmt.Sprint(i)))
			}
		}()
		next := 0
		var read func()
		read = func() {
			for next < messages {
				data, _, err := c.Read()
				switch {
				case err == ws.ErrIdle:
					if p.Park(c, func() { go read() }) {
						return
					}
				case err != nil || string(data) != fmt.Sprint(next):
					done <- fmt.Errorf("%q, %v instead of %d", data, err, next)
					return
				default:
					next++
				}
				if rand.IntN(4) == 0 {
					c.Kick()
				}
			}
			done <- nil
		}
		go read()
		go func() {
			for range 50 {
				time.Sleep(time.Millisecond)
				c.Kick()
			}
		}()
	}
	for range conns {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
