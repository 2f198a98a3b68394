package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/internal/memnet"
	"github.com/gosocketio/sio/core/socketio"
)

// faultyNet is a network whose connections break, somewhere in the middle of what is
// sent, or fall silent.
type faultyNet struct {
	ln     *tracked
	mu     sync.Mutex
	rnd    *rand.Rand
	most   int64       // bytes until a fault, more or less
	repair atomic.Bool // no more faults
	cuts   int
	stalls int
}

func (n *faultyNet) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := n.ln.Dial(ctx, network, addr)
	if err != nil || n.repair.Load() {
		return c, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	dead, _ := memnet.Pipe()
	f := &faultyConn{Conn: c, net: n, dead: dead, stalls: n.rnd.IntN(4) == 0}
	f.left.Store(300 + n.rnd.Int64N(n.most))
	return f, nil
}

func (n *faultyNet) count(stall bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if stall {
		n.stalls++
	} else {
		n.cuts++
	}
}

// faultyConn breaks after some bytes.
type faultyConn struct {
	net.Conn
	net    *faultyNet
	dead   net.Conn // on which nothing ever comes
	stalls bool
	left   atomic.Int64
	once   sync.Once
}

func (c *faultyConn) broken() bool {
	if c.left.Load() > 0 || c.net.repair.Load() {
		return false
	}
	c.once.Do(func() {
		c.net.count(c.stalls)
		if !c.stalls {
			c.Conn.Close()
		}
	})
	return true
}

func (c *faultyConn) Read(p []byte) (int, error) {
	if c.broken() && c.stalls {
		return c.dead.Read(p)
	}
	n, err := c.Conn.Read(p)
	if left := c.left.Add(-int64(n)); left < 0 && !c.net.repair.Load() {
		if c.broken(); c.stalls { // what is too much is not there
			return max(n+int(left), 1), err
		}
	}
	return n, err
}

func (c *faultyConn) Write(p []byte) (int, error) {
	left := c.left.Add(-int64(len(p)))
	if left >= 0 || c.net.repair.Load() {
		return c.Conn.Write(p)
	}
	if part := len(p) + int(left); part > 0 {
		c.Conn.Write(p[:part]) // a frame is cut
	}
	if c.broken() && c.stalls {
		return len(p), nil
	}
	return 0, net.ErrClosed
}

func (c *faultyConn) Close() error {
	c.dead.Close()
	return c.Conn.Close()
}

func (c *faultyConn) SetReadDeadline(t time.Time) error {
	c.dead.SetReadDeadline(t)
	return c.Conn.SetReadDeadline(t)
}

func (c *faultyConn) SetDeadline(t time.Time) error {
	c.dead.SetDeadline(t)
	return c.Conn.SetDeadline(t)
}

// restartable is a handler whose server is killed now and then.
type restartable struct {
	current atomic.Pointer[socketio.Server]
	make    func() *socketio.Server
}

func (r *restartable) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.current.Load().ServeHTTP(w, req)
}

func (r *restartable) restart() {
	if old := r.current.Swap(r.make()); old != nil {
		old.Close()
	}
}

func (r *restartable) close() { r.current.Load().Close() }

// ledger is what servers have handled.
type ledger struct {
	mu      sync.Mutex
	handled []int
}

func (l *ledger) add(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.handled = append(l.handled, n)
}

// check fails the test if anything was handled twice (unless it may be), out of order,
// or is missing.
func (l *ledger) check(t *testing.T, acknowledged []int, twice bool) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.handled
	if twice {
		list = slices.Compact(list)
	}
	for i := 1; i < len(list); i++ {
		if list[i] <= list[i-1] {
			t.Fatalf("%d was handled after %d", list[i], list[i-1])
		}
	}
	for _, n := range acknowledged {
		if _, found := slices.BinarySearch(list, n); !found {
			t.Fatalf("%d was acknowledged, but not handled", n)
		}
	}
}

// Whatever happens to connections and servers: what was acknowledged was handled,
// nothing is handled twice, unless it is retried, and the order stays. That is so in
// both directions.
func TestFaults(t *testing.T) {
	for _, retries := range []int{0, 1000} {
		for name, transport := range transports {
			for seed := range uint64(4) {
				t.Run(fmt.Sprintf("%s/retries=%d/%d", name, retries, seed), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { testFaults(t, transport, retries, seed) })
				})
			}
		}
	}
}

func testFaults(t *testing.T, transport func(*client.Options), retries int, seed uint64) {
	x := newExchange(&socketio.Options{PingInterval: 2 * time.Second, PingTimeout: 2 * time.Second}, retries)
	defer x.server.close()
	network := &faultyNet{ln: listen(t, &x.server), rnd: rand.New(rand.NewPCG(seed, 1)), most: 2000}
	x.heal = func() {
		network.repair.Store(true)
		network.ln.drop()
	}
	o := &client.Options{
		DialContext: network.Dial, AckTimeout: 5 * time.Second, ConnectTimeout: 5 * time.Second,
		Reconnection: client.Reconnection{Delay: 100 * time.Millisecond, DelayMax: time.Second},
	}
	transport(o)
	x.run(t, address, o)
	if network.cuts < 5 || network.stalls < 1 {
		t.Errorf("%d cuts, %d stalls", network.cuts, network.stalls)
	}
}

// exchange is a client and a server that send each other numbers over a bad network.
type exchange struct {
	server              restartable
	retries             int
	calls, events, back ledger // what handlers got
	restart, heal       func()
}

func newExchange(o *socketio.Options, retries int) *exchange {
	x := &exchange{retries: retries}
	x.server.make = func() *socketio.Server {
		sio := socketio.NewServer(o)
		socketio.OnCall(sio, "call", func(_ context.Context, _ *socketio.Socket, n int) (int, error) { x.calls.add(n); return n, nil })
		socketio.On(sio, "event", func(_ context.Context, s *socketio.Socket, n int) error {
			x.events.add(n)
			return s.Emit("back", n)
		})
		return sio
	}
	x.server.restart()
	x.restart = x.server.restart
	return x
}

const exchanged = 300

// run exchanges numbers, and checks what arrived.
func (x *exchange) run(t *testing.T, url string, o *client.Options) {
	o.Retries = x.retries
	s, err := client.New(url, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Manager().Close(context.Background())
	client.On(s, "back", func(_ context.Context, n int) error { x.back.add(n); return nil })
	s.Open()
	acknowledged := x.send(t, s)
	x.heal()
	x.recover(t, s)
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	again := x.retries > 0
	x.calls.check(t, acknowledged, again)
	if !again {
		x.events.check(t, nil, false)
		x.back.check(t, nil, false)
	} else {
		x.events.check(t, numbers(exchanged), true)
	}
	if len(acknowledged) < 50 {
		t.Errorf("%d of %d acknowledged", len(acknowledged), exchanged)
	}
}

// send sends events and calls, and returns which of these were answered.
func (x *exchange) send(t *testing.T, s *client.Socket) (acknowledged []int) {
	for n := range exchanged {
		if err := s.Emit("event", n); err != nil {
			t.Fatal(err)
		}
		got, err := client.Call[int](t.Context(), s, "call", n)
		switch {
		case err == nil && got == n:
			acknowledged = append(acknowledged, n)
		case err == nil:
			t.Fatalf("%d was answered %d", n, got)
		case x.retries > 0 || err != client.ErrDisconnected && !errors.Is(err, context.DeadlineExceeded):
			t.Fatal(err)
		}
		if n%60 == 59 {
			x.restart()
		}
	}
	return acknowledged
}

// recover calls until the first one that succeeds: a few may still meet a connection
// that broke.
func (x *exchange) recover(t *testing.T, s *client.Socket) {
	for n := exchanged; ; n++ {
		got, err := client.Call[int](t.Context(), s, "call", n)
		if got == n && err == nil {
			return
		}
		if err != client.ErrDisconnected || n == exchanged+10 {
			t.Fatalf("a call over a sound network = %d, %v", got, err)
		}
	}
}

func numbers(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// A server that refuses, as one does that is starting up, is tried again; a namespace
// that refuses is not, until it is opened again.
func TestRefusedThenAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests, sockets int
		h := serve(t, &socketio.Options{AllowRequest: func(*http.Request) error {
			if requests++; requests <= 3 {
				return errors.New("starting up")
			}
			return nil
		}})
		h.sio.Use(func(context.Context, *socketio.Socket) error {
			if sockets++; sockets == 1 {
				return socketio.Reject("expired", nil)
			}
			return nil
		})
		s := h.new("/")
		told := record(s)
		var refused *client.ConnectError
		s.OnConnectError(func(err error) {
			if errors.As(err, &refused) {
				s.Open() // with a new token, say
			}
		})
		s.Open()
		told.want(t, "error", "error", "error", "error", "connect")
		if refused == nil || refused.Message != "expired" {
			t.Error(refused)
		}
	})
}

// A session that the server does not know (any more) is replaced.
func TestUnknownSession(t *testing.T) {
	eachTransport(t, func(t *testing.T, transport func(*client.Options)) {
		synctest.Test(t, func(t *testing.T) {
			h := &restartable{make: func() *socketio.Server { return socketio.NewServer(nil) }}
			h.restart()
			defer func() { h.current.Load().Close() }()
			o := &client.Options{DialContext: listen(t, h).Dial}
			transport(o)
			s, err := client.New(address, o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close(t.Context())
			told := record(s)
			s.Open()
			told.want(t, "connect")
			synctest.Wait()
			h.current.Swap(h.make()) // the old one does not say that it is gone
			s.Emit("x")
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if !s.Connected() {
				t.Error("not connected")
			}
		})
	})
}
