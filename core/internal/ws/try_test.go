package ws_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/internal/ws"
)

// TryWrite writes as Write does, until the kernel takes no more. What is left then
// comes before all else, and nothing is lost or torn.
func TestTryWrite(t *testing.T) {
	c, p := pair(t, nil)
	payload := bytes.Repeat([]byte("x"), 10_000)
	n := 0
	for {
		taken, sent, err := c.TryWrite(ws.Frame{Payload: []byte(fmt.Sprint(n))}, ws.Frame{Prefix: []byte("4"), Payload: payload, Binary: true})
		if err != nil || !taken {
			t.Fatalf("TryWrite: %v, %v", taken, err)
		}
		n++
		if !sent {
			break
		}
		if n > 10_000 {
			t.Fatal("the kernel takes everything")
		}
	}
	done := make(chan error, 1)
	go func() {
		err := c.Write() // what is left
		if err == nil {
			err = c.Write(ws.Frame{Payload: []byte("last")})
		}
		done <- err
	}()
	for i := range n {
		p.want(0x81, fmt.Sprint(i))
		p.want(0x82, "4"+string(payload))
	}
	p.want(0x81, "last")
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, sent, err := c.TryWrite(ws.Frame{Payload: []byte("again")}); !sent || err != nil {
		t.Errorf("TryWrite: %v, %v", sent, err)
	}
	p.want(0x81, "again")
}

// A pong that has become due meanwhile is left to who may wait: a peer that pings and
// reads nothing must not hold those who write to others.
func TestTryWriteLeavesPongs(t *testing.T) {
	c, p := pair(t, nil)
	full := 0
	for sent := true; sent; full++ {
		_, sent, _ = c.TryWrite(ws.Frame{Payload: make([]byte, 10_000)})
	}
	c.LeavePong("due")
	tried := make(chan bool)
	go func() {
		_, sent, _ := c.TryWrite(ws.Frame{Payload: []byte("last")})
		tried <- sent
	}()
	select {
	case sent := <-tried:
		if sent {
			t.Error("everything was sent, though the peer reads nothing")
		}
	case <-time.After(patience):
		t.Fatal("TryWrite waits")
	}
	go c.Write()
	for range full {
		p.want(0x81, string(make([]byte, 10_000)))
	}
	p.want(0x81, "last")
	p.want(0x8a, "due")
	c.LeavePong("due again")
	if _, sent, err := c.TryWrite(); sent || err != nil {
		t.Errorf("TryWrite with a pong due: %v, %v", sent, err)
	}
	c.Write()
	p.want(0x8a, "due again")
}

// What TryWrite does not take, it leaves as it is.
func TestTryWriteRefuses(t *testing.T) {
	c, p := pair(t, nil)
	if taken, _, _ := c.TryWrite(ws.Frame{Payload: make([]byte, 100_000)}); taken {
		t.Error("a large frame was taken")
	}
	if taken, sent, err := c.TryWrite(ws.Frame{Payload: []byte("a")}); !taken || !sent || err != nil {
		t.Errorf("%v, %v, %v", taken, sent, err)
	}
	p.want(0x81, "a")
	piped, _ := pipePair(t, nil, "")
	if taken, _, _ := piped.TryWrite(ws.Frame{Payload: []byte("a")}); taken {
		t.Error("a connection that can only wait has taken a frame")
	}
	piped.CloseNow()
	c.CloseNow()
	if taken, _, err := c.TryWrite(ws.Frame{Payload: []byte("a")}); !taken || err != ws.ErrClosed {
		t.Errorf("closed: %v, %v", taken, err)
	}
}

type waiter func()

func (w waiter) BeforeWait() { w() }

// BeforeWait is called when what was read has been returned, and not before.
func TestBeforeWait(t *testing.T) {
	waits := make(chan int, 100)
	returned := 0
	c, p := pair(t, nil)
	c.SetWaiter(waiter(func() { waits <- returned }))
	p.send(textFrame("a"), frame(0x82, []byte("b")), frame(0x01, []byte("c")), frame(0x80, []byte("d")), textFrame("é"))
	for i, want := range []string{"a", "b", "cd", "é"} {
		data, binary, err := c.Read()
		if err != nil || string(data) != want || binary != (i == 1) {
			t.Fatalf("%q, %v, %v", data, binary, err)
		}
		returned++
	}
	for len(waits) > 1 { // one for what was sent, or some, if it came in pieces
		if n := <-waits; n == 4 {
			t.Error("BeforeWait was called though there was more")
		}
	}
	go p.send(textFrame("e"))
	wantMessage(t, c, "e", false)
	if last := 0; len(waits) == 0 {
		t.Error("BeforeWait was not called")
	} else {
		for len(waits) > 0 {
			last = <-waits
		}
		if last != 4 {
			t.Errorf("BeforeWait was called last with %d messages returned", last)
		}
	}
}

// Frames that are wrong are refused with the same words wherever they lie.
func TestWholeFramesThatAreWrong(t *testing.T) {
	for name, b := range map[string][]byte{
		"not masked":     {0x81, 0x01, 'a'},
		"RSV1":           append([]byte{0xc1, 0x81, 0, 0, 0, 0}, 'a'),
		"not shortest":   append([]byte{0x81, 0xfe, 0, 1, 0, 0, 0, 0}, 'a'),
		"not UTF-8":      frame(0x81, []byte("\xff")),
		"cut in a rune":  frame(0x81, []byte("é")[:1]),
		"not UTF-8, end": frame(0x81, []byte("aaaaaaaaaaaaaaaaa\xc0")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each refusal waits for the peer to read it
			var errs [2]string
			for i := range errs {
				c, p := pair(t, nil)
				if i == 0 { // behind a message; a byte at a time goes to gorilla
					p.send(append(textFrame("before"), b...))
				} else {
					p.send(textFrame("before"))
					for j := range b {
						p.send(b[j : j+1])
					}
				}
				wantMessage(t, c, "before", false)
				_, _, err := c.Read()
				errs[i] = fmt.Sprint(err)
			}
			if errs[0] != errs[1] || errs[0] == "<nil>" {
				t.Errorf("%q, and in pieces %q", errs[0], errs[1])
			}
		})
	}
}
