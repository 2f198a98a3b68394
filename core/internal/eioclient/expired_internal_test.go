package eioclient

import (
	"context"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/engineio"
)

type nothing struct{ closed chan string }

func (nothing) OnMessage([]byte, bool) {}
func (nothing) OnUpgrade(string)       {}
func (nothing) OnPing()                {}

func (n nothing) OnClose(reason string, _ error) { n.closed <- reason }

// TestSleepingMachine: the timer stood still while the wall clock went on.
func TestSleepingMachine(t *testing.T) {
	engine := engineio.NewServer(nil)
	server := httptest.NewServer(engine)
	t.Cleanup(func() { engine.Close(); server.Close() })
	u, _ := url.Parse(server.URL + "/engine.io/")
	c, err := Dial(context.Background(), u, &Options{Transports: []string{WebSocket}})
	if err != nil {
		t.Fatal(err)
	}
	h := nothing{make(chan string, 1)}
	c.Start(h)
	if c.PingExpired() {
		t.Fatal("expired at once")
	}
	c.mu.Lock()
	if c.deadline != c.deadline.Round(0) {
		t.Error("the deadline has a monotonic clock reading")
	}
	c.deadline = c.deadline.Add(-time.Hour)
	c.mu.Unlock()
	if !c.PingExpired() {
		t.Error("not expired")
	}
	if reason := <-h.closed; reason != ReasonPingTimeout {
		t.Errorf("closed with %q", reason)
	}
	<-c.Done()
}
