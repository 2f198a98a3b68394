package sioredis_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	sioclient "github.com/gosocketio/sio/core/client"
	"github.com/gosocketio/sio/core/cluster"
	"github.com/gosocketio/sio/core/siotest"
	"github.com/gosocketio/sio/core/socketio"
)

// site is a node with one client.
type site struct {
	sio *socketio.Server
	mu  sync.Mutex
	got []string
}

func newSite(t *testing.T, backend cluster.Backend) *site {
	t.Helper()
	s := &site{sio: socketio.NewServer(&socketio.Options{Cluster: backend})}
	t.Cleanup(func() { s.sio.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.sio.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	sioclient.On(siotest.Pair(t, s.sio, nil), "news", func(_ context.Context, text string) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got = append(s.got, text)
		return nil
	})
	return s
}

func (s *site) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.got, text)
}

// exchange has each node and the emitter send to the clients of both, and each node
// ask the other for its sockets.
func exchange(t *testing.T, when string, a, b *site, emit func(text string) error) {
	t.Helper()
	sources := map[string]func(string) error{
		"a":       func(text string) error { return a.sio.EmitSync(t.Context(), "news", text) },
		"b":       func(text string) error { return b.sio.EmitSync(t.Context(), "news", text) },
		"emitter": emit,
	}
	for name, send := range sources {
		text := name + " " + when
		eventually(t, "a way out for "+name, func() bool { return send(text) == nil })
		eventually(t, text, func() bool { return a.has(text) && b.has(text) })
	}
	for _, s := range []*site{a, b} {
		if list, err := s.sio.FetchSockets(t.Context()); len(list) != 2 || err != nil {
			t.Errorf("%s: got %d sockets, %v, want 2", when, len(list), err)
		}
	}
}

// meet waits until two nodes know of each other.
func meet(t *testing.T, a, b *site) {
	t.Helper()
	eventually(t, "the other node", func() bool {
		one, err1 := a.sio.FetchSockets(t.Context())
		two, err2 := b.sio.FetchSockets(t.Context())
		return err1 == nil && err2 == nil && len(one) == 2 && len(two) == 2
	})
}

// testTogether connects two nodes and an emitter by clients of their own, and returns
// what tries whether they reach each other.
func testTogether(t *testing.T, format string, newClient func() redis.UniversalClient) func(when string) {
	t.Helper()
	own := func() redis.UniversalClient {
		rdb := newClient()
		t.Cleanup(func() { rdb.Close() })
		return rdb
	}
	a := newSite(t, formats[format](own(), 500*time.Millisecond, quiet))
	b := newSite(t, formats[format](own(), 500*time.Millisecond, quiet))
	e := emitters[format](own())
	t.Cleanup(func() { e.Close() })
	return func(when string) {
		t.Helper()
		meet(t, a, b)
		exchange(t, when, a, b, func(text string) error { return e.Emit(t.Context(), "news", text) })
	}
}
