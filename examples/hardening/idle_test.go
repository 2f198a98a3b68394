//go:build linux

package hardening_test

import (
	"testing"
	"time"
)

// offerCompression is the header of clients that take compressed messages.
const offerCompression = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover"

// idle is what a crowd of idle websockets costs a server, each.
type idle struct {
	goroutines, heap, resident float64
}

// TestIdle (needs 8, 58 and 64): an idle websocket costs no goroutine, and with
// compression no more than 1 KiB beside what it costs without.
func TestIdle(t *testing.T) {
	n := size(300, 10_000)
	plain := measureIdle(t, n, config{})
	compressed := measureIdle(t, n, config{Compression: 1024})
	for _, m := range []struct {
		name string
		idle
	}{{"plain", plain}, {"with compression", compressed}} {
		t.Logf("%d idle websockets, %s: %.2f goroutines, %.1f KiB live, %.1f KiB resident each", n, m.name, m.goroutines, m.heap/1024, m.resident/1024)
		if m.goroutines > 0.05 { // the runtime and net/http have some
			t.Errorf("%s: %.2f goroutines for each", m.name, m.goroutines)
		}
	}
	if more := compressed.heap - plain.heap; more > 1024 {
		t.Errorf("compression costs %.0f bytes for each idle connection", more)
	}
}

func measureIdle(t *testing.T, n int, c config) idle {
	p := start(t, c)
	if c.Compression > 0 {
		p.offer = []string{offerCompression}
	}
	before, resident := call[Counts](t, p, "Count", true), p.resident(t)
	clients := p.crowd(t, n, "", websocket)
	// One large message each, so that the compressors, and what else is made when it is
	// needed, have been there.
	call[time.Duration](t, p, "Broadcast", 4<<10)
	for i, c := range clients {
		op, payload, err := c.main.frame()
		if err != nil || op != opText || (len(payload) < 4<<10) != (p.offer != nil) {
			t.Fatalf("client %d got a frame %d of %d bytes, %v", i, op, len(payload), err)
		}
	}
	var after Counts
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) { // goroutines stay for a moment, to be used again
		after = call[Counts](t, p, "Count", true)
		if after.Goroutines-before.Goroutines <= n/20 || time.Now().After(deadline) {
			break
		}
	}
	if after.Sessions != n {
		t.Fatalf("%d sessions", after.Sessions)
	}
	each := func(total int) float64 { return float64(total) / float64(n) }
	figures := idle{
		goroutines: each(after.Goroutines - before.Goroutines),
		heap:       each(int(after.Heap - before.Heap)),
		resident:   each(int(p.resident(t) - resident)),
	}
	for _, c := range clients {
		c.leave()
	}
	p.settled(t)
	return figures
}

// TestHeartbeats (need 8): what the heartbeats of idle websockets cost. With -full they are
// the default ones.
func TestHeartbeats(t *testing.T) {
	t.Parallel()
	n, window, c := 300, 3*time.Second, config{PingInterval: time.Second}
	if *full {
		n, window, c = 10_000, time.Minute, config{PingInterval: 25 * time.Second} // the default
	}
	p := start(t, c)
	clients := p.crowd(t, n, "", websocket)
	for _, c := range clients {
		c.main.SetDeadline(time.Time{})
		go c.wait()
	}
	used := p.processor(t)
	time.Sleep(window) // is what is measured
	used = p.processor(t) - used
	t.Logf("%d idle websockets, heartbeat %v: %.2f %% of a processor", n, c.PingInterval, 100*used.Seconds()/window.Seconds())
	if got := p.counts(t).Sessions; got != n {
		t.Errorf("%d of %d are left", got, n)
	}
}
