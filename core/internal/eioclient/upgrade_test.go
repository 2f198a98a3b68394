package eioclient_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/internal/eioclient"
)

var upgrades = flag.Int("upgrades", 500, "upgrades of TestUpgradeLosesNothing")

// slowly delays whatever passes through the connections it makes.
type slowly struct {
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	mu   sync.Mutex
	rand *rand.Rand // guarded by mu
}

func (s *slowly) pause() {
	s.mu.Lock()
	d := time.Duration(s.rand.IntN(20)) * time.Millisecond
	if d > 10*time.Millisecond {
		d = 0
	}
	s.mu.Unlock()
	time.Sleep(d)
}

func (s *slowly) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := s.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	s.pause()
	return &slowConn{conn, s}, nil
}

type slowConn struct {
	net.Conn
	s *slowly
}

func (c *slowConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.s.pause()
	return n, err
}

func (c *slowConn) Write(p []byte) (int, error) {
	c.s.pause()
	return c.Conn.Write(p)
}

// TestUpgradeLosesNothing: of numbered messages in both directions during an upgrade
// none is lost, doubled or out of order, whatever the delays. The clock of each is
// that of a bubble, so no time passes.
func TestUpgradeLosesNothing(t *testing.T) {
	const messages = 60
	moved := 0
	for seed := range *upgrades {
		synctest.Test(t, func(t *testing.T) {
			f := inMemory(t, nil)
			slow := &slowly{dial: f.dial, rand: rand.New(rand.NewPCG(uint64(seed), 2))}
			c, r := f.open(t, &eioclient.Options{DialContext: slow.DialContext})
			p := f.peer(t)
			var wg sync.WaitGroup
			wg.Go(func() {
				for i := range messages {
					send(t, c, fmt.Sprint(i))
					slow.pause()
				}
			})
			wg.Go(func() {
				for i := range messages {
					p.send(t, fmt.Sprint(i))
					slow.pause()
				}
			})
			wg.Wait()
			for i := range messages {
				r.wantMessage(t, fmt.Sprint(i))
				p.wantMessage(t, fmt.Sprint(i))
			}
			r.wantUpgrade(t)
			closeConn(t, c)
			if len(r.messages)+len(p.messages) > 0 {
				t.Error("messages arrived twice")
			}
			r.wantClosed(t, "forced close")
			moved++
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d upgrades", moved)
}

// TestUpgradesOverTCP is the same with the real network, many at a time.
func TestUpgradesOverTCP(t *testing.T) {
	const messages, clients = 100, 60
	f := start(t, nil)
	var wg sync.WaitGroup
	slots := make(chan struct{}, 6)
	for range clients {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			r := record(t)
			c := f.openWith(t, nil, r)
			var p *peer
			for p == nil || p.session.ID() != c.SID() { // others take theirs at the same time
				if p != nil {
					f.peers <- p
				}
				p = f.peer(t)
			}
			var senders sync.WaitGroup
			senders.Go(func() {
				for i := range messages {
					send(t, c, fmt.Sprint(i))
				}
			})
			for i := range messages {
				p.send(t, fmt.Sprint(i))
			}
			senders.Wait()
			for i := range messages {
				r.wantMessage(t, fmt.Sprint(i))
				p.wantMessage(t, fmt.Sprint(i))
			}
			r.wantUpgrade(t)
			closeConn(t, c)
		})
	}
	wg.Wait()
}

// probe handles websocket handshakes of an upgrade in front of an engine.
func probe(handle func(c *websocket.Conn)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Upgrade") == "" {
				next.ServeHTTP(w, r)
				return
			}
			up := websocket.Upgrader{}
			c, err := up.Upgrade(w, r, nil)
			if err != nil {
				return
			}
			defer c.Close()
			handle(c)
		})
	}
}

// TestUpgradeFails: polling goes on as if nothing had been.
func TestUpgradeFails(t *testing.T) {
	say := func(packets ...string) func(c *websocket.Conn) {
		return func(c *websocket.Conn) {
			c.ReadMessage()
			time.Sleep(time.Second) // of the bubble: until the client polls
			for _, p := range packets {
				c.WriteMessage(websocket.TextMessage, []byte(p))
			}
			c.ReadMessage()
		}
	}
	for name, wrap := range map[string]func(http.Handler) http.Handler{
		"cut at once":   probe(func(*websocket.Conn) {}),
		"cut after 2":   probe(func(c *websocket.Conn) { c.ReadMessage() }),
		"no answer":     probe(say()),
		"wrong pong":    probe(say("3")),
		"message first": probe(say("4x", "3probe")),
		"nonsense":      probe(say("x")),
		"close":         probe(say("1")),
		"empty":         probe(say("")),
		"binary": probe(func(c *websocket.Conn) {
			c.WriteMessage(websocket.BinaryMessage, []byte("3probe"))
			c.ReadMessage()
		}),
		"refused": func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Upgrade") != "" {
					http.Error(w, "no", 502)
					return
				}
				next.ServeHTTP(w, r)
			})
		},
		// The server knows nothing of the probe and so keeps the poll: a pause that never ends.
		"someone else answers": probe(say("3probe")),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(nil)
				f.wrap = wrap
				f.serveMemory(t, f)
				t.Cleanup(func() { f.engine.Close() })
				c, r := f.open(t, &eioclient.Options{UpgradeTimeout: patience / 2})
				p := f.peer(t)
				synctest.Wait() // the upgrade has failed, or waits
				send(t, c, "one")
				flush(t, c) // waits for the end of the upgrade
				p.wantMessage(t, "one")
				for range 5 {
					send(t, c, "two")
					p.wantMessage(t, "two")
					p.send(t, "three")
					r.wantMessage(t, "three")
				}
				time.Sleep(time.Minute) // two pings
				if c.Transport() != eioclient.Polling || len(r.upgrades)+len(r.closed) != 0 || len(r.pings) != 2 {
					t.Errorf("transport %q, %d upgrades, %d pings, %d closed", c.Transport(), len(r.upgrades), len(r.pings), len(r.closed))
				}
				closeConn(t, c)
				r.wantClosed(t, "forced close")
			})
		})
	}
}

// TestUpgradeTimeout: a server that does not answer holds up nothing but the upgrade.
func TestUpgradeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(nil)
		g := newGate()
		f.wrap = g.wrap
		f.serveMemory(t, f)
		t.Cleanup(func() { f.engine.Close(); close(g.open) })
		c, r := f.open(t, &eioclient.Options{UpgradeTimeout: 3 * time.Second})
		p := f.peer(t)
		wait(t, g.arrived, "handshake")
		send(t, c, "during")
		p.wantMessage(t, "during")
		p.send(t, "back")
		r.wantMessage(t, "back")
		began := time.Now()
		flush(t, c)
		if d := time.Since(began); d != 3*time.Second {
			t.Errorf("the upgrade took %v", d)
		}
	})
}

// TestEndDuringUpgrade ends the connection at each step of an upgrade.
func TestEndDuringUpgrade(t *testing.T) {
	for _, how := range []string{"Abort", "server", "ping timeout"} {
		for delay := range 40 {
			synctest.Test(t, func(t *testing.T) {
				f := inMemory(t, nil)
				slow := &slowly{dial: f.dial, rand: rand.New(rand.NewPCG(uint64(delay), 3))}
				c, r := f.open(t, &eioclient.Options{DialContext: slow.DialContext})
				p := f.peer(t)
				send(t, c, "x")
				p.send(t, "y")
				time.Sleep(time.Duration(delay) * 2 * time.Millisecond)
				switch how {
				case "Abort":
					c.Abort("forced close", nil)
				case "server":
					p.session.Close()
				case "ping timeout":
					p.session.Abort(engineio.PingTimeout, nil)
				}
				wait(t, r.closed, "OnClose")
				wait(t, c.Done(), "Done")
			})
		}
	}
}

// TestSlowHandlerDuringUpgrade: a handler that is busy delays the upgrade, not what is sent.
func TestSlowHandlerDuringUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := inMemory(t, nil)
		r := record(t)
		release := make(chan struct{})
		r.hold = func() { <-release }
		c := f.openWith(t, nil, r)
		p := f.peer(t)
		p.send(t, "x")
		synctest.Wait()
		began := time.Now()
		send(t, c, "y")
		p.wantMessage(t, "y")
		if d := time.Since(began); d > 0 {
			t.Errorf("sending took %v", d)
		}
		close(release)
		r.wantMessage(t, "x")
		r.wantUpgrade(t)
	})
}

// TestHandshakeCut: the websocket breaks in the middle of the header of its answer.
func TestHandshakeCut(t *testing.T) {
	f := newFixture(nil)
	f.wrap = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Upgrade") == "" {
				next.ServeHTTP(w, r)
				return
			}
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
			conn.Close()
		})
	}
	f.serveTCP(t, f)
	t.Cleanup(func() { f.engine.Close() })
	c, r := f.open(t, nil)
	p := f.peer(t)
	flush(t, c)
	send(t, c, "x")
	p.wantMessage(t, "x")
	if c.Transport() != eioclient.Polling || len(r.closed) > 0 {
		t.Errorf("transport %q", c.Transport())
	}
}
