package siotest

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"testing"

	"github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/internal/memnet"
)

// Pair returns a client that is connected to the root namespace of a server, in
// memory: there is no port, and it works in a bubble of testing/synctest too. The
// server is a socketio.Server, or a router that has one at Options.Path. A client
// that cannot connect within ten seconds fails the test.
//
// The options are those of any client, nil for the defaults, but for a few: how the
// network is reached is Pair's affair, and unless Transports says otherwise the client
// begins with a websocket, so that nothing is going on once it is connected.
//
// The client is closed when the test ends, and the server left open. Each call makes
// another connection.
func Pair(t testing.TB, server http.Handler, o *client.Options) *client.Socket {
	t.Helper()
	s := Client(t, server, "/", o)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Connect(ctx); err != nil {
		t.Fatalf("siotest: %v", err)
	}
	return s
}

// Client is [Pair] for any namespace, and does not connect: register handlers, then
// call Connect, whose error says why a server refuses the client.
func Client(t testing.TB, server http.Handler, namespace string, o *client.Options) *client.Socket {
	t.Helper()
	var opts client.Options
	if o != nil {
		opts = *o
	}
	opts.DialContext = serve(t, server).Dial
	opts.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	if opts.Transports == nil {
		opts.Transports = []string{"websocket"}
	}
	root, err := client.New("http://server", &opts)
	if err != nil {
		t.Fatalf("siotest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := root.Manager().Close(ctx); err != nil {
			t.Errorf("siotest: closing the client: %v", err)
		}
	})
	return root.Of(namespace)
}

// serve serves in memory until the test ends.
func serve(t testing.TB, handler http.Handler) *memnet.Listener {
	ln := memnet.Listen()
	hs := &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelError)}
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
