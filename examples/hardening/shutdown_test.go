//go:build linux

package hardening_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// TestShutdown (need 47): with all clients connected, Shutdown sends what is queued, tells
// each that its connection ends, and returns; nothing of them is left, and the
// http.Server goes on.
func TestShutdown(t *testing.T) {
	t.Parallel()
	n := size(300, 10_000)
	p := start(t, config{})
	clients := p.crowd(t, n, "", transports...)
	before := p.counts(t)
	ended := make(chan error, n)
	for _, c := range clients {
		go func() { ended <- c.hearOut() }()
	}
	p.allPoll(t, clients)
	began := time.Now()
	result := call[ShutdownResult](t, p, "Shutdown", patience)
	t.Logf("%d clients, %d goroutines: the server needed %v for the shutdown, the last client %v to hear of it",
		n, before.Goroutines, result.Took.Round(time.Millisecond), untilAll(t, ended, n, began).Round(time.Millisecond))
	if result.Error != "" {
		t.Errorf("shutdown: %s", result.Error)
	}
	if result.Took > 10*time.Second {
		t.Errorf("shutdown took %v", result.Took)
	}
	for _, c := range clients {
		c.close()
	}
	p.refuses(t)
	c, _ := p.calm(t)
	if got := c.Reasons["server shutting down"]; got != n || c.Disconnecting != n {
		t.Errorf("of %d clients %d were told that the server shuts down: %v", n, got, c.Reasons)
	}
}

// allPoll waits until a poll of each polling client has come.
func (p *process) allPoll(t *testing.T, clients []*peer) {
	t.Helper()
	want := 0
	for _, c := range clients {
		if !c.ws {
			want++
		}
	}
	eventually(t, "that all poll", func() bool { return p.counts(t).Requests >= want })
}

// hearOut reads to the end of the session, and expects the server's last words.
func (c *peer) hearOut() error {
	want := []string{`42["last words",1]`, `42["last words",2]`, `42["last words",3]`}
	var got []string
	for {
		packet, err := c.next()
		if err == nil {
			got = append(got, packet)
			continue
		}
		if err != errClosed && err != errUnknown || !slices.Equal(got, want) {
			return fmt.Errorf("%s client got %q, %w", c.transport(), got, err)
		}
		return nil
	}
}

func (c *peer) transport() string {
	if c.ws {
		return websocket
	}
	return polling
}

// refuses proves that new clients are refused, and that other requests are not.
func (p *process) refuses(t *testing.T) {
	t.Helper()
	for _, transport := range []string{polling, websocket} {
		w, err := p.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer w.close()
		headers := upgradeHeaders
		if transport == polling {
			headers = nil
		}
		err = w.write(requestText("GET", "transport="+transport, "", headers...))
		status, _, e := w.response()
		if err != nil || e != nil || status != http.StatusServiceUnavailable {
			t.Errorf("a %s handshake gets status %d, %v, %v", transport, status, err, e)
		}
	}
	res, err := http.Get("http://" + p.addr + "/alive")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("another route has status %d", res.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestShutdownWaits (need 47): Shutdown waits for handlers that run, as long as its
// context allows, and then returns without them.
func TestShutdownWaits(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			p := start(t, config{})
			d := p.dying(t, transport, "busy")
			d.sends(`42["hold"]`)
			eventually(t, "for the handler", func() bool { return p.counts(t).Held == 1 })
			done := make(chan ShutdownResult, 1)
			go func() { done <- call[ShutdownResult](t, p, "Shutdown", 2*patience) }()
			eventually(t, "that new clients are refused", func() bool {
				c, err := p.open(polling)
				if err == nil {
					c.leave()
				}
				return err != nil
			})
			p.refuses(t)
			select {
			case result := <-done:
				t.Fatalf("shutdown returned after %v: %s", result.Took, result.Error)
			default:
			}
			call[bool](t, p, "Release", true)
			d.wait()
			if result := <-done; result.Error != "" {
				t.Errorf("shutdown: %s", result.Error)
			}
		})
	}
}

// TestShutdownGivesUp: a handler that does not return keeps Shutdown no longer than its
// context, a client that reads nothing neither.
func TestShutdownGivesUp(t *testing.T) {
	t.Parallel()
	p := start(t, config{})
	busy := p.dying(t, websocket, "busy")
	busy.sends(`42["hold"]`)
	deaf := p.dying(t, websocket, "deaf")
	deaf.does(Order{Tag: "deaf", What: "emit", Bytes: 12 << 20})
	eventually(t, "for the handler", func() bool { return p.counts(t).Held == 1 })
	result := call[ShutdownResult](t, p, "Shutdown", 300*time.Millisecond)
	t.Logf("it gave up after %v", result.Took.Round(time.Millisecond))
	// A client may take 5 s to answer a close frame, but not if the context says otherwise.
	if result.Error != "context deadline exceeded" || result.Took > 4*time.Second {
		t.Errorf("shutdown took %v: %q", result.Took, result.Error)
	}
	p.refuses(t)
	eventually(t, "for the end of all sessions", func() bool { return p.counts(t).Sessions == 0 })
	call[bool](t, p, "Release", true)
	p.judge(t, []verdict{{"busy", "server shutting down"}, {"deaf", "server shutting down"}})
}
