// Package leakcheck fails a test binary that leaves goroutines behind.
package leakcheck

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Main runs the tests of m and exits. If they pass and goroutines other than
// the runtime's and the testing package's are still there once they had time to
// end, it prints their stacks and exits with status 1.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := Wait(10 * time.Second); len(left) > 0 {
			fmt.Fprintf(os.Stderr, "leakcheck: %d goroutines left:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
			code = 1
		}
	}
	os.Exit(code)
}

// Wait waits until no foreign goroutine is left, at most for d, and returns the
// stacks of those that are.
func Wait(d time.Duration) []string {
	deadline := time.Now().Add(d)
	for {
		left := Goroutines()
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Goroutines returns the stacks of all goroutines but the caller's, the
// runtime's, the testing package's and those of idle HTTP client connections.
func Goroutines() []string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	var left []string
	for i, stack := range strings.Split(string(buf), "\n\n") {
		if i > 0 && !expected(stack) {
			left = append(left, stack)
		}
	}
	return left
}

func expected(stack string) bool {
	for _, part := range []string{
		"testing.(*M).", "testing.(*T).Run(", "testing.tRunner.func", "testing.runFuzzing(", "testing.(*F).Fuzz",
		"testing.(*B).run", "runtime.goexit0", "created by runtime.", "os/signal.signal_recv", "os/signal.loop",
		"internal/fuzz.", "net/http.(*persistConn).", "runtime/trace.Start",
	} {
		if strings.Contains(stack, part) {
			return true
		}
	}
	return stack == ""
}
