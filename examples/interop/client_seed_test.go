package interop_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gosocketio/sio/core/siotest"
)

// seedServers are the servers that examples/seed-client was written for, and our
// ports of them.
var seedServers = []struct {
	name  string
	start func(t *testing.T) *exampleLog
	msg   bool // it sends "msg" back to everybody
}{
	{"node", func(t *testing.T) *exampleLog { return startProgram(t, nodeCommand(t, "testdata/js/seed.js")) }, false},
	{"python", func(t *testing.T) *exampleLog {
		return startProgram(t, exec.Command(python(t), "-B", "testdata/python/seed_server.py"))
	}, true},
	{"seed-node", func(t *testing.T) *exampleLog { return startExample(t, "seed-node") }, false},
	{"seed-python", func(t *testing.T) *exampleLog { return startExample(t, "seed-python") }, true},
}

// TestSeedClient runs the Go port of the program that sends three messages and
// disconnects at once: every message must reach its handler, every time.
func TestSeedClient(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "seed-client")
	if out, err := exec.Command("go", "build", "-o", binary, "../seed-client").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, server := range seedServers {
		t.Run(server.name, func(t *testing.T) {
			log := server.start(t)
			url := "http://" + log.address(t)
			witness := siotest.WebSocket(t, url+"/socket.io/", nil)
			witness.Connect("/", "")
			for range seedRuns {
				log.seen = nil
				out, err := exec.Command(binary, "-url", url).CombinedOutput()
				if err != nil || string(out) != "connected\ndisconnected\n" {
					t.Fatalf("the program printed %q: %v", out, err)
				}
				log.until(t, "a disconnect", func() bool { return log.count("disconnect") > 0 })
				for _, message := range seedMessages {
					if n := log.count(message); n != 1 {
						t.Errorf("%q was logged %d times:\n%s", message, n, strings.Join(log.seen, "\n"))
					}
				}
			}
			for range seedRuns {
				if server.msg {
					witness.Expect(seedMsg)
				}
			}
		})
	}
}
