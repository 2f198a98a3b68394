package interop_test

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/siotest"
)

// seedRuns is how often the client program runs against each server.
const seedRuns = 20

// keptBack is the status of the client program when messages never left it.
const keptBack = 3

// seedMessages are what the program sends with "message". Both servers log it.
var seedMessages = []string{"Hello guys. ", "use message channel 2 send data"}

// seedMsg is what seed-python sends to everyone for the program's "msg".
const seedMsg = `42["message","resend use msg channel 2 send data"]`

// TestSeeds runs the Python program that sends three messages and disconnects at
// once: every message must reach its handler, every time.
func TestSeeds(t *testing.T) {
	for _, name := range []string{"seed-node", "seed-python"} {
		t.Run(name, func(t *testing.T) {
			interpreter := python(t)
			log := startExample(t, name)
			url := "http://" + log.address(t)
			witness := siotest.WebSocket(t, url+"/socket.io/", nil)
			witness.Connect("/", "")
			for good, runs := 0, 0; good < seedRuns; runs++ {
				if runs == 3*seedRuns {
					t.Fatalf("the client kept messages back in %d of %d runs", runs-good, runs)
				}
				if seedRun(t, interpreter, url, log) {
					good++
				}
			}
			if name == "seed-python" { // seed-node has no handler for "msg"
				for range seedRuns {
					witness.Expect(seedMsg)
				}
			}
		})
	}
}

// seedRun runs the program once, until the server has logged its disconnect,
// which comes after everything else. It reports whether the program sent all.
func seedRun(t *testing.T, interpreter, url string, log *exampleLog) bool {
	t.Helper()
	log.seen = nil
	out, err := exec.Command(interpreter, "testdata/python/seed.py", url).CombinedOutput()
	log.until(t, "a disconnect", func() bool { return log.count("disconnect") > 0 })
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == keptBack {
		t.Log("run again: the client kept messages back")
		return false
	}
	if err != nil {
		t.Fatalf("the client program: %v\n%s", err, out)
	}
	for _, message := range seedMessages {
		if n := log.count(message); n != 1 {
			t.Errorf("%q was logged %d times", message, n)
		}
	}
	return true
}

// exampleLog is what a running example prints.
type exampleLog struct {
	lines chan string // closed at the end of the output
	seen  []string
}

// startExample builds an example, and runs it.
func startExample(t *testing.T, name string) *exampleLog {
	t.Helper()
	binary := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", binary, "../"+name).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return startProgram(t, exec.Command(binary, "-addr", "127.0.0.1:0"))
}

// startProgram runs a program until the end of the test, when it is interrupted.
func startProgram(t *testing.T, cmd *exec.Cmd) *exampleLog {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	log := &exampleLog{lines: make(chan string)}
	go log.read(r)
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		for range log.lines { // until the process has ended
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", cmd, err)
		}
	})
	return log
}

func (l *exampleLog) read(r io.ReadCloser) {
	defer r.Close()
	defer close(l.lines)
	for lines := bufio.NewScanner(r); lines.Scan(); {
		l.lines <- lines.Text()
	}
}

// address waits until the example has told where it listens.
func (l *exampleLog) address(t *testing.T) string {
	t.Helper()
	pattern := regexp.MustCompile(`127\.0\.0\.1:[1-9]\d*`)
	var address string
	l.until(t, "an address", func() bool {
		address = pattern.FindString(strings.Join(l.seen, "\n"))
		return address != ""
	})
	return address
}

func (l *exampleLog) count(text string) int {
	return strings.Count(strings.Join(l.seen, "\n"), text)
}

// until reads what the example prints until done.
func (l *exampleLog) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	timeout := time.NewTimer(20 * time.Second)
	defer timeout.Stop()
	for !done() {
		select {
		case line, ok := <-l.lines:
			if !ok {
				t.Fatalf("the example ended without %q; it printed:\n%s", what, strings.Join(l.seen, "\n"))
			}
			l.seen = append(l.seen, line)
		case <-timeout.C:
			t.Fatalf("no %q in time; the example printed:\n%s", what, strings.Join(l.seen, "\n"))
		}
	}
}
