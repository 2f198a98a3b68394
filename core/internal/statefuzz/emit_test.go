package statefuzz

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/internal/memnet"
	"github.com/gosocketio/sio/core/socketio"
)

// dialer reaches a server, whatever the address.
type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// serve serves until the test ends, in memory or over TCP: the server reads from real
// connections in other ways.
func serve(t *testing.T, sio *socketio.Server, tcp bool) dialer {
	t.Helper()
	var ln net.Listener
	var dial dialer
	if tcp {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ln = l
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
		}
	} else {
		l := memnet.Listen()
		ln, dial = l, l.Dial
	}
	hs := &http.Server{Handler: sio}
	var wait sync.WaitGroup
	wait.Go(func() { hs.Serve(ln) })
	t.Cleanup(func() {
		sio.Close()
		hs.Close()
		ln.Close()
		wait.Wait()
	})
	return dial
}

// networks are what tests run over.
var networks = map[string]bool{"memory": false, "tcp": true}

// connectTo returns a client that is not connected yet, and is closed when the test ends.
func connectTo(t *testing.T, opts client.Options) *client.Socket {
	t.Helper()
	opts.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	c, err := client.New("http://server", &opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := c.Manager().Close(ctx); err != nil {
			t.Errorf("closing the client: %v", err)
		}
	})
	return c
}

// TestConcurrentEmitNeed1 has 64 goroutines send 1,000 events each to one socket, in
// every way, over a websocket, over polling, and across an upgrade, and then disconnect
// it: every event arrives whole, and those of each goroutine in order.
func TestConcurrentEmitNeed1(t *testing.T) {
	for name, transports := range map[string][]string{
		"websocket": {"websocket"},
		"polling":   {"polling"},
		"upgrade":   {"polling", "websocket"},
	} {
		t.Run(name, func(t *testing.T) { testConcurrentEmit(t, transports, name != "polling") })
	}
}

const (
	emitters = 64
	each     = 1000
)

func testConcurrentEmit(t *testing.T, transports []string, tcp bool) {
	sio := socketio.NewServer(&socketio.Options{MaxQueueMessages: -1, MaxQueueBytes: -1})
	dial := serve(t, sio, tcp)
	sio.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		if err := s.Join("room"); err != nil {
			return err
		}
		// It must not end before the handler, and the client must be able to answer.
		go flood(t, s)
		return nil
	})
	received := newTally()
	c := connectTo(t, client.Options{
		Transports: transports, DialContext: dial, Reconnection: client.Reconnection{Disable: true}, MaxInflight: -1,
	})
	client.OnCall(c, "event", func(_ context.Context, e numbered) (int, error) {
		return e.Number, received.add(e)
	})
	gone := make(chan struct{})
	c.OnDisconnect(func(client.Reason, error) { close(gone) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	select {
	case <-gone:
	case <-time.After(4 * patience):
		t.Fatalf("after %v: %s", 4*patience, received)
	}
	received.check(t)
}

// numbered is an event that can be checked for being whole.
type numbered struct {
	From, Number int
	Filling      string
	Data         []byte
}

func newNumbered(from, number int) numbered {
	return numbered{from, number, strings.Repeat("x", (from*number)%200), fillingOf(from, number)}
}

func fillingOf(from, number int) []byte {
	if number%5 != 0 {
		return nil
	}
	return fmt.Appendf(nil, "%d/%d", from, number)
}

// flood sends all events and disconnects the socket, several times at once.
func flood(t *testing.T, s *socketio.Socket) {
	var wait sync.WaitGroup
	for from := range emitters {
		wait.Go(func() {
			for number := range each {
				if err := emitSomehow(s, newNumbered(from, number)); err != nil {
					t.Errorf("event %d of %d: %v", number, from, err)
					return
				}
			}
		})
	}
	wait.Wait()
	for range emitters {
		wait.Go(func() { s.Disconnect(true) })
	}
	wait.Wait()
}

func emitSomehow(s *socketio.Socket, e numbered) error {
	switch e.Number % 8 {
	case 0:
		return s.Namespace().To("room").Emit("event", e)
	case 1:
		return s.Server().To(s.ID(), "room").Emit("event", e)
	case 2:
		return s.Compress(false).Emit("event", e)
	case 3:
		return s.Namespace().Except("nobody").Emit("event", e)
	case 4:
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		answer, err := socketio.Call[int](ctx, s, "event", e)
		if err == nil && answer != e.Number {
			err = fmt.Errorf("was acknowledged as %d", answer)
		}
		return err
	}
	return s.Emit("event", e)
}

// tally counts what a client receives. Handlers run one at a time.
type tally struct {
	mu    sync.Mutex
	next  map[int]int
	fault error
}

func newTally() *tally { return &tally{next: map[int]int{}} }

func (l *tally) add(e numbered) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	want := newNumbered(e.From, e.Number)
	switch {
	case l.fault != nil:
	case l.next[e.From] != e.Number:
		l.fault = fmt.Errorf("event %d of %d came instead of %d", e.Number, e.From, l.next[e.From])
	case e.Filling != want.Filling || string(e.Data) != string(want.Data):
		l.fault = fmt.Errorf("event %d of %d came with %q and %q", e.Number, e.From, e.Filling, e.Data)
	}
	l.next[e.From] = e.Number + 1
	return l.fault
}

func (l *tally) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("received of each: %v, fault: %v", l.next, l.fault)
}

func (l *tally) check(t *testing.T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault != nil {
		t.Error(l.fault)
	}
	for from := range emitters {
		if l.next[from] != each {
			t.Errorf("%d of %d events of goroutine %d arrived", l.next[from], each, from)
		}
	}
}
