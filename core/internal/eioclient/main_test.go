package eioclient_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/internal/eioclient"
	"github.com/gosocketio/sio/core/internal/leakcheck"
	"github.com/gosocketio/sio/core/internal/memnet"
)

func TestMain(m *testing.M) {
	if os.Getenv(serverVariable) != "" {
		serveParent()
		return
	}
	leakcheck.Main(m)
}

// patience bounds how long a test waits for what must happen.
const patience = 10 * time.Second

type message struct {
	data   string
	binary bool
}

type closed struct {
	reason string
	err    error
}

// recorder is the handler of a client's connection. It hands everything to the
// test, and fails the test if two of its methods run at the same time, or any
// after OnClose.
type recorder struct {
	t        testing.TB
	messages chan message
	upgrades chan string
	pings    chan struct{}
	closed   chan closed

	// hold, if set, is called by OnMessage.
	hold func()

	running atomic.Int32
	ended   atomic.Bool
}

func record(t testing.TB) *recorder {
	return &recorder{
		t:        t,
		messages: make(chan message, 100_000),
		upgrades: make(chan string, 10),
		pings:    make(chan struct{}, 100_000),
		closed:   make(chan closed, 10),
	}
}

// enter is called first in each method, what it returns last.
func (r *recorder) enter(method string) func() {
	if r.running.Add(1) != 1 {
		r.t.Errorf("%s is called while another method runs", method)
	}
	if r.ended.Load() {
		r.t.Errorf("%s is called after OnClose", method)
	}
	return func() { r.running.Add(-1) }
}

func (r *recorder) OnMessage(data []byte, binary bool) {
	defer r.enter("OnMessage")()
	if r.hold != nil {
		r.hold()
	}
	r.messages <- message{string(data), binary}
}

func (r *recorder) OnUpgrade(transport string) {
	defer r.enter("OnUpgrade")()
	r.upgrades <- transport
}

func (r *recorder) OnPing() {
	defer r.enter("OnPing")()
	r.pings <- struct{}{}
}

func (r *recorder) OnClose(reason string, err error) {
	defer r.enter("OnClose")()
	r.ended.Store(true)
	r.closed <- closed{reason, err}
}

func (r *recorder) wantMessage(t testing.TB, data string) {
	t.Helper()
	if got := wait(t, r.messages, "message"); got.data != data {
		t.Fatalf("message = %q, want %q", got.data, data)
	}
}

func (r *recorder) wantUpgrade(t testing.TB) {
	t.Helper()
	if got := wait(t, r.upgrades, "upgrade"); got != eioclient.WebSocket {
		t.Fatalf("upgraded to %q", got)
	}
}

func (r *recorder) wantClosed(t testing.TB, reason string) error {
	t.Helper()
	got := wait(t, r.closed, "OnClose")
	if got.reason != reason {
		t.Fatalf("closed: %q (%v), want %q", got.reason, got.err, reason)
	}
	return got.err
}

// peer is the server's end of a session.
type peer struct {
	session  *engineio.Session
	messages chan message
	closed   chan engineio.Reason
	echo     bool
}

func (p *peer) OnMessage(data []byte, binary bool) {
	if p.echo {
		p.session.Send(&engineio.Outgoing{Data: data, Binary: binary})
		return
	}
	p.messages <- message{string(data), binary}
}

func (p *peer) OnClose(reason engineio.Reason, _ error) { p.closed <- reason }

func (p *peer) send(t testing.TB, data string) {
	t.Helper()
	if err := p.session.Send(&engineio.Outgoing{Data: []byte(data)}); err != nil {
		t.Fatalf("Send of the server: %v", err)
	}
}

func (p *peer) wantMessage(t testing.TB, data string) {
	t.Helper()
	if got := wait(t, p.messages, "message at the server"); got.data != data {
		t.Fatalf("message at the server = %q, want %q", got.data, data)
	}
}

func (p *peer) wantClosed(t testing.TB, reason engineio.Reason) {
	t.Helper()
	if got := wait(t, p.closed, "OnClose of the server"); got != reason {
		t.Fatalf("the server's session ended with %q, want %q", got, reason)
	}
}

func wait[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v := <-c:
		return v
	case <-timer.C:
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

// fixture is a server, and how to reach it.
type fixture struct {
	url    *url.URL
	dial   func(ctx context.Context, network, addr string) (net.Conn, error) // nil: TCP
	engine *engineio.Server
	peers  chan *peer
	echo   bool

	mu       sync.Mutex
	requests []*http.Request // as they came; guarded by mu
	// wrap, if set, handles requests in front of the engine.
	wrap func(next http.Handler) http.Handler
}

func newFixture(opts *engineio.Options) *fixture {
	f := &fixture{peers: make(chan *peer, 10_000)}
	var o engineio.Options
	if opts != nil {
		o = *opts
	}
	o.OnConnection = func(s *engineio.Session) engineio.Handler {
		p := &peer{session: s, messages: make(chan message, 100_000), closed: make(chan engineio.Reason, 1), echo: f.echo}
		f.peers <- p
		return p
	}
	o.Logger = slog.New(slog.DiscardHandler)
	f.engine = engineio.NewServer(&o)
	return f
}

// start serves an engine over TCP, inMemory without the network, for bubbles.
func start(t testing.TB, opts *engineio.Options) *fixture {
	f := newFixture(opts)
	f.serveTCP(t, f)
	t.Cleanup(func() { f.engine.Close() })
	return f
}

func inMemory(t testing.TB, opts *engineio.Options) *fixture {
	f := newFixture(opts)
	f.serveMemory(t, f)
	t.Cleanup(func() { f.engine.Close() })
	return f
}

// fake is a server that is just a handler.
func fake(t testing.TB, h http.HandlerFunc) *fixture {
	f := new(fixture)
	f.serveTCP(t, h)
	return f
}

// fakeInMemory is fake without the network, for bubbles.
func fakeInMemory(t testing.TB, h http.HandlerFunc) *fixture {
	f := new(fixture)
	f.serveMemory(t, h)
	return f
}

func (f *fixture) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Clone(context.Background()))
	f.mu.Unlock()
	var h http.Handler = f.engine
	if f.wrap != nil {
		h = f.wrap(h)
	}
	h.ServeHTTP(w, r)
}

func (f *fixture) serveTCP(t testing.TB, h http.Handler) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.serve(t, l, h)
}

func (f *fixture) serveMemory(t testing.TB, h http.Handler) {
	t.Cleanup(func() { time.Sleep(time.Second) }) // of the bubble: for goroutines that sleep
	l := memnet.Listen()
	f.dial = l.Dial
	f.serve(t, l, h)
}

func (f *fixture) serve(t testing.TB, l net.Listener, h http.Handler) {
	f.url = address(l)
	server := &http.Server{Handler: h, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	served := make(chan struct{})
	go func() { defer close(served); server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-served })
}

func address(l net.Listener) *url.URL {
	return &url.URL{Scheme: "http", Host: l.Addr().String(), Path: "/engine.io/"}
}

// seen returns the requests so far.
func (f *fixture) seen() []*http.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*http.Request(nil), f.requests...)
}

func (f *fixture) options(opts *eioclient.Options) *eioclient.Options {
	var o eioclient.Options
	if opts != nil {
		o = *opts
	}
	if o.DialContext == nil {
		o.DialContext = f.dial
	}
	return &o
}

// open connects, and ends the connection when the test does.
func (f *fixture) open(t testing.TB, opts *eioclient.Options) (*eioclient.Conn, *recorder) {
	t.Helper()
	r := record(t)
	return f.openWith(t, opts, r), r
}

func (f *fixture) openWith(t testing.TB, opts *eioclient.Options, h eioclient.Handler) *eioclient.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := eioclient.Dial(ctx, f.url, f.options(opts))
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	c.Start(h)
	t.Cleanup(func() {
		c.Abort("end of test", nil)
		wait(t, c.Done(), "end of the connection")
	})
	return c
}

// openFails connects and wants an error.
func (f *fixture) openFails(t testing.TB, opts *eioclient.Options) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := eioclient.Dial(ctx, f.url, f.options(opts))
	if err == nil {
		c.Abort("end of test", nil)
		<-c.Done()
		t.Fatal("Dial succeeded")
	}
	if ctx.Err() != nil {
		t.Fatalf("Dial did not return by itself: %v", err)
	}
	return err
}

func (f *fixture) peer(t testing.TB) *peer {
	t.Helper()
	return wait(t, f.peers, "session")
}

func send(t testing.TB, c *eioclient.Conn, data ...string) {
	t.Helper()
	var msgs []eioclient.Message
	for _, d := range data {
		msgs = append(msgs, eioclient.Message{Data: []byte(d)})
	}
	if err := c.Send(msgs...); err != nil {
		t.Fatalf("Send: %v", err)
	}
}

func closeConn(t testing.TB, c *eioclient.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Close(ctx); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func flush(t testing.TB, c *eioclient.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Flush(ctx); err != nil {
		t.Fatalf("Flush: %v", err)
	}
}

// polling and websocket are the options that stay with one transport.
func polling() *eioclient.Options {
	return &eioclient.Options{Transports: []string{eioclient.Polling}}
}

func websockets() *eioclient.Options {
	return &eioclient.Options{Transports: []string{eioclient.WebSocket}}
}

// eachTransport runs test as a subtest over polling, websocket, and both with an upgrade.
func eachTransport(t *testing.T, test func(t *testing.T, opts *eioclient.Options)) {
	t.Run("polling", func(t *testing.T) { test(t, polling()) })
	t.Run("websocket", func(t *testing.T) { test(t, websockets()) })
	t.Run("upgrade", func(t *testing.T) { test(t, &eioclient.Options{}) })
}
