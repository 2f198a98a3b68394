package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosocketio/sio/adapters/redis/redistest"
	"github.com/gosocketio/sio/core/siotest"
)

func TestMain(m *testing.M) {
	if os.Getenv(nodeEnv) != "" {
		main() // a node is this program, also when it is the tests'
		return
	}
	siotest.Main(m)
}

// waitTime is how long a test waits for what must happen. It is no measure of speed.
const waitTime = 30 * time.Second

// onEach runs a test on each bus; redis is empty for NATS.
func onEach(t *testing.T, test func(t *testing.T, redis string)) {
	t.Run("nats", func(t *testing.T) {
		t.Parallel()
		test(t, "")
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, redistest.Start(t).URL)
	})
}

// screen is where a program prints, and what is waited for there.
type screen struct {
	mu    sync.Mutex
	text  bytes.Buffer
	until string
	seen  func()
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(p)
	if strings.Contains(s.text.String(), s.until) {
		s.seen()
	}
	return len(p), nil
}

// TestDemo runs what a newcomer runs, until it invites to open a browser.
func TestDemo(t *testing.T) {
	onEach(t, func(t *testing.T, redis string) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*waitTime)
		defer cancel()
		out := &screen{until: "Ctrl-C", seen: cancel}
		if err := runCluster(ctx, config{addr: "127.0.0.1:0", nodes: 3, redis: redis, demo: true}, out); err != nil {
			t.Fatalf("%v\n%s", err, out.text.String())
		}
		for _, want := range []string{
			"ann is at node-", `cem, at node-`, `hears "hello"`, "counts 3 people",
			"is restarted", "is still the same to it: nothing is missed", "is killed", "Ctrl-C",
		} {
			if !strings.Contains(out.text.String(), want) {
				t.Errorf("it did not print %q:\n%s", want, out.text.String())
			}
		}
	})
}

// startTestCluster starts three nodes behind a load balancer.
func startTestCluster(t *testing.T, redis string) *theCluster {
	t.Helper()
	c, err := startCluster(t.Context(), config{addr: "127.0.0.1:0", nodes: 3, redis: redis})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	return c
}

// TestPasswordNotPrinted: the URL of the bus may have a password.
func TestPasswordNotPrinted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	if err := runCluster(ctx, config{addr: "127.0.0.1:0", redis: "redis://user:letmein@127.0.0.1:1"}, &out); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Contains(text, "letmein") || !strings.Contains(text, "127.0.0.1:1") {
		t.Errorf("it printed %s", text)
	}
}
