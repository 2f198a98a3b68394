package client_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/internal/leakcheck"
	"github.com/gosocketio/sio/core/internal/memnet"
	"github.com/gosocketio/sio/core/socketio"
)

func TestMain(m *testing.M) {
	if os.Getenv(serverVariable) != "" {
		serveParent()
		return
	}
	leakcheck.Main(m)
}

// patience is only waited for by tests that fail.
const patience = 20 * time.Second

// harness is a server, reached in memory.
type harness struct {
	testing.TB
	sio *socketio.Server
	ln  *tracked
	log *logBuffer
}

// logBuffer collects what both ends log.
type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve starts a server that ends with the test.
func serve(t testing.TB, opts *socketio.Options) *harness {
	t.Helper()
	h := &harness{TB: t, log: new(logBuffer)}
	if opts == nil {
		opts = &socketio.Options{}
	}
	opts.Logger = h.logger()
	h.sio = socketio.NewServer(opts)
	h.ln = listen(t, h.sio)
	t.Cleanup(func() { h.sio.Close() })
	return h
}

// listen serves handler in memory until the test ends.
func listen(t testing.TB, handler http.Handler) *tracked {
	ln := &tracked{Listener: memnet.Listen()}
	hs := &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		hs.Serve(ln)
	}()
	t.Cleanup(func() {
		hs.Close()
		ln.Close()
		<-done
	})
	return ln
}

func (h *harness) logger() *slog.Logger { return slog.New(slog.NewTextHandler(h.log, nil)) }

// options returns options that reach the server, with f's changes.
func (h *harness) options(change ...func(*client.Options)) *client.Options {
	o := &client.Options{DialContext: h.ln.Dial, Logger: h.logger()}
	for _, f := range change {
		f(o)
	}
	return o
}

const address = "http://server"

// new returns a socket that is closed at the end of the test.
func (h *harness) new(namespace string, change ...func(*client.Options)) *client.Socket {
	h.Helper()
	s, err := client.New(address+namespace, h.options(change...))
	if err != nil {
		h.Fatal(err)
	}
	closing(h, s)
	return s
}

func closing(t testing.TB, s *client.Socket) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Manager().Close(ctx); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
}

// dial returns a connected socket that is closed at the end of the test.
func (h *harness) dial(namespace string, change ...func(*client.Options)) *client.Socket {
	h.Helper()
	s := h.new(namespace, change...)
	ran := connects(s)
	s.Open()
	receive(h, ran)
	return s
}

// connects returns a channel that gets a value for each OnConnect.
func connects(s *client.Socket) <-chan struct{} {
	ran := make(chan struct{}, 1000)
	s.OnConnect(func(context.Context) { ran <- struct{}{} })
	return ran
}

func connect(t testing.TB, s *client.Socket) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Connect(ctx); err != nil {
		t.Fatalf("Connect = %v", err)
	}
}

// receive gets a value that a handler sends, within patience.
func receive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	default:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v := <-from:
		return v
	case <-timer.C:
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// want fails the test if the next values are not those.
func want[T comparable](t testing.TB, from <-chan T, values ...T) {
	t.Helper()
	for _, v := range values {
		if got := receive(t, from); got != v {
			t.Fatalf("got %v, want %v", got, v)
		}
	}
}

// soon returns a context that a passing test does not outlive.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// transports are the ways to connect.
var transports = map[string]func(*client.Options){
	"polling":   func(o *client.Options) { o.Transports = []string{"polling"} },
	"websocket": func(o *client.Options) { o.Transports = []string{"websocket"} },
	"upgrade":   func(*client.Options) {},
}

// eachTransport runs a test over each of them.
func eachTransport(t *testing.T, test func(t *testing.T, transport func(*client.Options))) {
	for name, change := range transports {
		t.Run(name, func(t *testing.T) { test(t, change) })
	}
}

// echo answers "echo" with its arguments, and sends "echo" back.
func echo(r socketio.Registrar) {
	r.Handle("echo", socketio.HandlerFunc(func(_ context.Context, e *socketio.Event) error {
		values := make([]any, e.Len())
		for i := range values {
			if err := e.Args().Decode(i, &values[i]); err != nil {
				return err
			}
		}
		if e.WantsReply() {
			return e.Reply(values...)
		}
		return e.Socket().Emit("echo", values...)
	}))
}

// tracked is a listener that knows its connections.
type tracked struct {
	*memnet.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func (l *tracked) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.conns = append(l.conns, c)
	}
	return c, err
}

// drop breaks the connections.
func (l *tracked) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
}
