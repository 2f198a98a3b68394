package socketio_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/gosocketio/sio/core/parser"
	"github.com/gosocketio/sio/core/socketio"
)

// sampleArgs are boxed once: that is the caller's business.
var sampleArgs = []any{sample}

// Emit allocates nothing but what its encoder does.
func TestEmitAllocations(t *testing.T) {
	f := connectSinks(t, 1)
	p, header := new(parser.JSON), parser.Header{Type: parser.Event, Namespace: "/", Event: "message"}
	encoding := allocations(t, func() { p.Encode(header, sampleArgs...) })
	got := allocations(t, func() {
		f.meter.during(1, func() { f.sockets[0].Emit("message", sampleArgs...) })
	})
	t.Logf("%v allocations, %v of them by the encoder", got, encoding)
	if got > encoding {
		t.Errorf("Emit allocates %v times, its encoder %v times", got, encoding)
	}
}

// What a broadcast allocates does not depend on how many get it: it is encoded and framed
// once, and nothing is made for a receiver.
func TestBroadcastAllocations(t *testing.T) {
	sio, wait := connectTCP(t, 1000)
	var few float64
	for _, n := range []int{100, 1000} {
		to := sio.To(fmt.Sprint(n))
		got := allocations(t, func() {
			to.Emit("message", sampleArgs...)
			wait(n)
		})
		t.Logf("to %d: %v allocations", n, got)
		if n == 100 {
			few = got
		} else if each := (got - few) / 900; each > 0.01 {
			t.Errorf("%.2f allocations for each receiver", each)
		}
	}
}

// connectTCP returns a server with n clients over TCP: all are in room "1000", and 100 of
// them in room "100". The function waits until that many have got one more message.
func connectTCP(t *testing.T, n int) (*socketio.Server, func(int)) {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector allocates, and empties pools at random")
	}
	sio := socketio.NewServer(nil)
	var joined atomic.Int32
	connected := make(chan struct{}, n)
	sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		if joined.Add(1) <= 100 {
			s.Join("100")
		}
		connected <- struct{}{}
		return s.Join("1000")
	})
	hs := httptest.NewServer(sio)
	t.Cleanup(func() { sio.Close(); hs.Close() })
	got := make(chan struct{}, n)
	for range n {
		conn := askTCP(t, hs.Listener.Addr().String())
		conn.Write(clientFrame(1, "40"))
		go func() {
			buf := make([]byte, 4096)
			for {
				k, err := conn.Read(buf)
				if err != nil {
					return
				}
				if bytes.Contains(buf[:k], []byte(`"message"`)) { // each is waited for, and small
					got <- struct{}{}
				}
			}
		}()
	}
	for range n {
		<-connected
	}
	return sio, func(n int) {
		for range n {
			<-got
		}
	}
}

// Where a write can only be made by waiting for it, as here in memory or over TLS, each
// receiver has its writer; those are used again, as far as there are enough.
func TestBroadcastAllocationsOfWriters(t *testing.T) {
	sizes := []int{100, 1000, 10_000}
	f := connectSinks(t, sizes[len(sizes)-1])
	var first float64
	for _, n := range sizes {
		room := fmt.Sprint(n)
		f.join(room, n)
		to := f.sio.To(room)
		got := allocations(t, func() {
			f.meter.during(n, func() { to.Emit("message", sampleArgs...) })
		})
		t.Logf("to %d: %v allocations", n, got)
		if n == sizes[0] {
			first = got
			continue
		}
		if each := (got - first) / float64(n-sizes[0]); each > 1 {
			t.Errorf("to %d: %.2f allocations for each receiver", n, each)
		}
	}
}
