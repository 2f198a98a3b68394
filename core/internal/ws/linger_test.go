package ws_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/internal/ws"
)

// drain reads until the connection ends.
func (p *peer) drain() {
	for {
		if _, _, err := p.read(); err != nil {
			p.conn.Close()
			return
		}
	}
}

// The Python client sends its close frame while another of its threads still has
// messages to write.
func TestDataBehindTheCloseFrame(t *testing.T) {
	for name, c := range map[string]struct {
		close []byte
		split int // bytes of the stream in the first write; 0: each frame in one
		want  []string
	}{
		"code 1000":             {closeFrame(1000, ""), 0, []string{"a", "b"}},
		"code 1000 with reason": {closeFrame(1000, "bye"), 0, []string{"a", "b"}},
		"no code":               {frame(0x88, nil), 0, []string{"a", "b"}},
		"behind its header":     {closeFrame(1000, "bye"), 13, []string{"a", "b"}},
		"within its payload":    {closeFrame(1000, "bye"), 15, []string{"a", "b"}},
		"all at once":           {closeFrame(1000, ""), 1000, []string{"a", "b"}},
		"going away":            {closeFrame(1001, ""), 0, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, p := pipePair(t, &ws.Options{Linger: 100 * time.Millisecond}, "")
				go func() {
					if c.split > 0 {
						stream := append(append(textFrame("a"), c.close...), textFrame("b")...)
						n := min(c.split, len(stream))
						p.try(stream[:n])
						time.Sleep(time.Millisecond)
						p.try(stream[n:])
					} else {
						p.try(textFrame("a"))
						p.try(c.close)
						time.Sleep(50 * time.Millisecond)
						if len(c.want) > 1 { // otherwise nobody reads it
							p.try(textFrame("b"))
						}
					}
					p.drain()
				}()
				start := time.Now()
				for _, want := range c.want {
					wantMessage(t, conn, want, false)
				}
				_, _, err := conn.Read()
				var e *ws.CloseError
				if !errors.As(err, &e) || !e.Remote || e.Code == ws.CodeAbnormal {
					t.Errorf("error %v", err)
				}
				if d := time.Since(start); d > 110*time.Millisecond {
					t.Errorf("lingered for %v", d)
				}
				p.conn.Close()
			})
		})
	}
}

// A peer that has said goodbye is answered at once.
func TestExpectClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, p := pipePair(t, &ws.Options{Linger: time.Second}, "")
		go func() {
			p.try(append(textFrame("bye"), closeFrame(1000, "")...))
			p.drain()
		}()
		start := time.Now()
		wantMessage(t, conn, "bye", false)
		conn.ExpectClose()
		wantCloseError(t, conn, 1000, true)
		if time.Since(start) != 0 {
			t.Error("lingered")
		}
		p.conn.Close()
	})
}

// What comes behind a close frame is checked like everything else, and a second
// close frame ends it.
func TestBreachBehindTheCloseFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, p := pipePair(t, &ws.Options{Linger: time.Second}, "")
		go func() {
			p.try(closeFrame(1000, ""))
			p.try(closeFrame(1000, "again"))
			p.drain()
		}()
		start := time.Now()
		wantCloseError(t, conn, 1000, true)
		if time.Since(start) != 0 {
			t.Error("lingered after a second close frame")
		}
		p.conn.Close()
	})
	synctest.Test(t, func(t *testing.T) {
		conn, p := pipePair(t, &ws.Options{Linger: time.Second, MaxMessage: 10}, "")
		go func() {
			p.try(closeFrame(1000, ""))
			p.try(frame(0xc1, []byte("rsv1")))
			p.drain()
		}()
		wantCloseError(t, conn, ws.CodeProtocolError, false)
	})
}
