package socketio_test

import (
	"fmt"
	"testing"

	"github.com/gosocketio/sio/core/parser"
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
		if each := (got - first) / float64(n-sizes[0]); each > 0.01 {
			t.Errorf("to %d: %.2f allocations for each receiver", n, each)
		}
	}
}
