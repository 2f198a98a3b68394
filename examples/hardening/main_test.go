//go:build linux

// Package hardening_test attacks a server over real sockets, with everything that bad
// networks and bad people do: resets at each step, peers that vanish or never read,
// floods, upgrades that race with messages, shutdowns with everyone still there.
//
// The server runs in a process of its own, so that its goroutines, memory, file
// descriptors and processor time are nobody else's. The clients are made of bytes: they
// do one step at a time, and nothing by themselves. By default the numbers are small
// enough for every day (on Linux, whose /proc they read);
//
//	go test ./hardening -full -v
//
// attacks with thousands, and logs what was measured.
package hardening_test

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/siotest"
)

var full = flag.Bool("full", false, "attack with thousands of clients, and measure")

// patience is how long a test waits for what must happen. It is no measure of speed.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	if text := os.Getenv(serverEnv); text != "" {
		runServer(text) // a server is this program
		return
	}
	flag.Parse()
	parallel := "8" // most tests wait most of the time
	if *full {
		parallel = "1" // and some measure
	}
	flag.Set("test.parallel", parallel)
	raiseFileLimit()
	siotest.Main(m)
}

// size is how much of something a test does: few by default, many with -full.
func size(few, many int) int {
	if *full {
		return many
	}
	return few
}

// eventually waits until cond is true.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waits in vain: %s", what)
		}
	}
}
