package engineio_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/gosocketio/sio/core/engineio"
)

// pipeListener accepts in-memory connections, which a synctest bubble needs.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// startInMemory is start within a synctest bubble; call stop before it ends.
func startInMemory(t *testing.T, opts *engineio.Options) (f *fixture, stop func()) {
	return startInMemoryWith(t, opts, func(h http.Handler) http.Handler { return h })
}

// startInMemoryWith is startInMemory with a middleware.
func startInMemoryWith(t *testing.T, opts *engineio.Options, wrap func(http.Handler) http.Handler) (f *fixture, stop func()) {
	f = newFixture(opts)
	l := newPipeListener()
	srv := &http.Server{Handler: wrap(f.engine)}
	served := make(chan struct{})
	go func() { defer close(served); srv.Serve(l) }()
	transport := &http.Transport{DialContext: l.dial}
	f.client = &http.Client{Transport: transport}
	f.http = &httptest.Server{URL: "http://127.0.0.1:1"}
	f.dialer = &websocket.Dialer{NetDialContext: l.dial}
	return f, func() {
		f.engine.Close()
		transport.CloseIdleConnections()
		srv.Close()
		<-served
	}
}

// dialPipe opens a websocket without the test's clean-up, which would run
// outside the bubble.
func (f *fixture) dialPipe(t *testing.T, sid string) *conn {
	t.Helper()
	c, _, err := f.dialer.Dial("ws"+strings.TrimPrefix(f.url("websocket", sid), "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &conn{c}
}
