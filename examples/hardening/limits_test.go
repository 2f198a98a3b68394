//go:build linux

package hardening_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/client"
)

// TestFileLimit (need 66): a server that has no file descriptors left neither dies nor
// spins; those who are connected go on, and those who wait get in as others leave.
func TestFileLimit(t *testing.T) {
	t.Parallel()
	const limit, n = 64, 100
	p := start(t, config{Files: limit})
	in := make(chan *peer, n)
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			c, err := p.open(websocket)
			if err == nil {
				err = c.join(auth{})
			}
			if err != nil {
				t.Errorf("a client did not get in: %v", err)
			}
			in <- c
		})
	}
	defer group.Wait()
	eventually(t, "that no file is left", func() bool { return p.files(t) >= limit })
	began, used := time.Now(), p.processor(t)
	time.Sleep(time.Second) // is what is measured
	used = p.processor(t) - used
	t.Logf("without files left: %.0f %% of a processor", 100*used.Seconds()/time.Since(began).Seconds())
	if used > time.Since(began)/2 {
		t.Errorf("it used %v within %v", used, time.Since(began))
	}
	for range n {
		c := <-in
		if c == nil {
			continue
		}
		if err := c.echo(); err != nil {
			t.Errorf("one that got in: %v", err)
		}
		c.reset()
	}
	group.Wait()
	p.settled(t)
	p.alive(t)
}

// refusal does a handshake from an address, and returns the status and Retry-After.
func (p *process) refusal(t *testing.T, ip string) (status int, retry string) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: patience}
	c, err := dialer.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	req, err := http.NewRequest("GET", "http://"+p.addr+"/socket.io/?EIO=4&transport=polling", nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return c, nil },
	}
	res, err := (&http.Client{Transport: transport, Timeout: patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode, res.Header.Get("Retry-After")
}

// TestSessionLimits (need 56): beyond the limits clients are refused, and told to come
// back; when others have left they are let in.
func TestSessionLimits(t *testing.T) {
	t.Parallel()
	const perIP, all = 10, 25
	p := start(t, config{MaxSessions: all, MaxSessionsPerIP: perIP})
	crowd := p.crowd(t, perIP, "", transports...)
	if status, retry := p.refusal(t, "127.0.0.1"); status != http.StatusTooManyRequests || retry == "" {
		t.Errorf("beyond the limit of an address: status %d, Retry-After %q", status, retry)
	}
	for i := range all - perIP {
		if status, _ := p.refusal(t, fmt.Sprint("127.0.0.", 2+i%5)); status != http.StatusOK {
			t.Fatalf("another address gets status %d", status)
		}
	}
	if status, retry := p.refusal(t, "127.0.0.99"); status != http.StatusServiceUnavailable || retry == "" {
		t.Errorf("beyond the limit of all: status %d, Retry-After %q", status, retry)
	}
	crowd[1].leave()
	eventually(t, "that a client is let in again", func() bool {
		status, _ := p.refusal(t, "127.0.0.1")
		return status == http.StatusOK
	})
}

// TestReconnectStorm (need 46): clients that all come at once are let in one after the
// other, at the rate that the server allows for.
func TestReconnectStorm(t *testing.T) {
	t.Parallel()
	n, rate := size(100, 2000), size(50, 200)
	p := start(t, config{HandshakesPerSecond: float64(rate)})
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	began := time.Now()
	clients := make([]*client.Socket, n)
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() { clients[i] = p.storm(t, ctx) })
	}
	group.Wait()
	t.Logf("%d clients, %d handshakes per second: all are in after %.1f s", n, rate, time.Since(began).Seconds())
	if fastest := time.Duration(n-rate) * time.Second / time.Duration(rate) / 2; time.Since(began) < fastest {
		t.Errorf("they are in too early")
	}
	for _, c := range clients {
		if c != nil {
			group.Go(func() { c.Close(ctx) })
		}
	}
	group.Wait()
	p.settled(t)
}

// storm connects a client of ours, which goes on trying.
func (p *process) storm(t *testing.T, ctx context.Context) *client.Socket {
	c, err := client.New("http://"+p.addr, &client.Options{
		Transports: []string{"websocket"},
		Logger:     slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Error(err)
		return nil
	}
	connected := make(chan struct{})
	in := sync.OnceFunc(func() { close(connected) })
	c.OnConnect(func(context.Context) { in() })
	c.Open()
	select {
	case <-connected:
	case <-ctx.Done():
		t.Error("a client did not get in")
	}
	return c
}
