// Package trial starts the programs under examples in their tests.
package trial

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gosocketio/sio/examples/internal/serve"
)

// Start runs app on a free port, and returns its URL. When the test ends it is
// shut down as by an interrupt, which must succeed.
func Start(t *testing.T, app serve.App, out io.Writer) (url string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve.Until(ctx, ln, app, out) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("shutting down: %v", err)
		}
	})
	return "http://" + ln.Addr().String()
}

// Request sends a request and returns the status and the body of the response.
func Request(t *testing.T, method, url, body string, header http.Header) (status int, answer string, h http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(all), res.Header
}

// Lines is a writer whose lines can be waited for. The zero value is not usable,
// see NewLines. It may be written to concurrently, a line at a time.
type Lines struct {
	lines chan string
}

// NewLines returns a Lines that holds up to a thousand lines.
func NewLines() *Lines { return &Lines{lines: make(chan string, 1000)} }

// Write implements io.Writer. It takes whole lines.
func (l *Lines) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		l.lines <- strings.TrimSuffix(line, "\n")
	}
	return len(p), nil
}

// Expect reads lines until all the wanted ones have come, in whatever order.
func (l *Lines) Expect(t *testing.T, wanted ...string) {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for missing := slices.Clone(wanted); len(missing) > 0; {
		select {
		case line := <-l.lines:
			if i := slices.Index(missing, line); i >= 0 {
				missing = slices.Delete(missing, i, i+1)
			}
		case <-timeout:
			t.Fatalf("not printed: %q", missing)
		}
	}
}
