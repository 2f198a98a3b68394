package sioredis_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	sioredis "github.com/gosocketio/sio/adapters/redis"
	"github.com/gosocketio/sio/adapters/redis/redistest"
	"github.com/gosocketio/sio/core/cluster"
)

// formats make a backend of each kind.
var formats = map[string]func(rdb redis.UniversalClient, timeout time.Duration, onError func(error)) cluster.Backend{
	"classic": func(rdb redis.UniversalClient, timeout time.Duration, onError func(error)) cluster.Backend {
		return sioredis.NewPubSub(rdb, &sioredis.PubSubOptions{Timeout: timeout, OnError: onError})
	},
	"sharded": func(rdb redis.UniversalClient, timeout time.Duration, onError func(error)) cluster.Backend {
		return sioredis.NewSharded(rdb, &sioredis.ShardedOptions{Timeout: timeout, OnError: onError})
	},
	"streams": func(rdb redis.UniversalClient, timeout time.Duration, onError func(error)) cluster.Backend {
		return sioredis.NewStreams(rdb, &sioredis.StreamsOptions{Timeout: timeout, OnError: onError, BlockTime: 100 * time.Millisecond})
	},
}

// hook counts what it is told.
type hook struct {
	mu   sync.Mutex
	errs []error
}

func (h *hook) report(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errs = append(h.errs, err)
}

func (h *hook) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.errs)
}

// ways for Redis to be away.
var ways = map[string]func(*redistest.Server) (back func()){
	"paused":    func(s *redistest.Server) func() { s.Pause(); return s.Resume },
	"restarted": func(s *redistest.Server) func() { s.Kill(); return s.Restart },
}

// TestRedisAway: while Redis is paused or gone, publishing fails, and at once after
// the first time; with Redis, all goes on by itself.
func TestRedisAway(t *testing.T) {
	for format, backend := range formats {
		for way, leave := range ways {
			t.Run(format+" "+way, func(t *testing.T) {
				server := redistest.Start(t)
				var errs hook
				testAway(t, backend(client(t, server), 500*time.Millisecond, errs.report), func() func() { return leave(server) })
				if errs.count() == 0 {
					t.Error("the hook was told nothing")
				}
			})
		}
	}
}

func testAway(t *testing.T, backend cluster.Backend, leave func() (back func())) {
	box := newInbox()
	a, b := open(t, backend, "/", "a", quietly), open(t, backend, "/", "b", box.receive)
	try(t, a, event("a", `["before"]`))
	box.waitEvent(t, `["before"]`)

	back := leave()
	if _, err := a.Publish(t.Context(), event("a", `["lost"]`)); !errors.Is(err, sioredis.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	began := time.Now()
	for range 100 {
		for _, m := range []*cluster.Message{event("a", `["lost"]`), ask("a", `["lost"]`)} {
			if _, err := a.Publish(t.Context(), m); !errors.Is(err, sioredis.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
		}
	}
	if _, err := a.(cluster.Counter).Peers(t.Context()); !errors.Is(err, sioredis.ErrUnavailable) {
		t.Errorf("peers: got %v, want ErrUnavailable", err)
	}
	if took := time.Since(began); took > 400*time.Millisecond {
		t.Errorf("201 commands took %v to fail", took)
	}

	back()
	waitPeers(t, b, 1) // the subscribers need a while
	try(t, a, event("a", `["after"]`))
	box.waitEvent(t, `["after"]`)
	try(t, a, ask("a", `["request"]`))
	box.waitEvent(t, `["request"]`)
}

// eventually waits for what nothing tells.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waits in vain: %s", what)
		}
	}
}

// waitPeers waits until a node knows of n others.
func waitPeers(t *testing.T, l cluster.Link, n int) {
	t.Helper()
	eventually(t, "other nodes", func() bool {
		got, err := l.(cluster.Counter).Peers(t.Context())
		return err == nil && got == n
	})
}

// TestConnectionsKilled: subscribers whose connections are cut make others.
func TestConnectionsKilled(t *testing.T) {
	for format, backend := range formats {
		t.Run(format, func(t *testing.T) {
			rdb := client(t, redistest.Start(t))
			box := newInbox()
			b := backend(rdb, 0, quiet)
			a, other := open(t, b, "/", "a", quietly), open(t, b, "/", "b", box.receive)
			for range 3 {
				for _, kind := range []string{"pubsub", "normal"} {
					if err := rdb.Do(t.Context(), "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes").Err(); err != nil {
						t.Fatal(err)
					}
				}
				waitPeers(t, other, 1)
			}
			try(t, a, ask("a", `["request"]`))
			box.waitEvent(t, `["request"]`)
		})
	}
}

// TestCloseWhileAway: neither Close nor Open waits for a Redis that does not answer
// for much longer than it may take.
func TestCloseWhileAway(t *testing.T) {
	for format, backend := range formats {
		t.Run(format, func(t *testing.T) {
			server := redistest.Start(t)
			testCloseWhileAway(t, backend(client(t, server), 200*time.Millisecond, quiet), server)
		})
	}
}

func testCloseWhileAway(t *testing.T, b cluster.Backend, server *redistest.Server) {
	t.Helper()
	l := open(t, b, "/", "a", quietly)
	server.Pause()
	defer server.Resume()
	began := time.Now()
	if _, err := l.Publish(t.Context(), event("a", `["lost"]`)); !errors.Is(err, sioredis.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := b.Open(ctx, "/", "b", quietly); !errors.Is(err, sioredis.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
	if _, err := l.Publish(t.Context(), event("a", `["late"]`)); !errors.Is(err, cluster.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

// TestOpenFails: without Redis, Open ends with its context, and nothing is left.
func TestOpenFails(t *testing.T) {
	for format, newBackend := range formats {
		t.Run(format, func(t *testing.T) {
			server := redistest.Start(t)
			server.Kill()
			backend := newBackend(client(t, server), 0, quiet)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := backend.Open(ctx, "/", "a", quietly); !errors.Is(err, sioredis.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want ErrUnavailable and the error of the context", err)
			}
			server.Restart()
			l := open(t, backend, "/", "a", quietly)
			if _, err := backend.Open(t.Context(), "/", "a", quietly); err == nil {
				t.Error("a node of the same name was let in")
			}
			if err := errors.Join(l.Close(), l.Close()); err != nil {
				t.Error(err)
			}
			open(t, backend, "/", "a", quietly)
		})
	}
}

func TestRing(t *testing.T) {
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"one": "127.0.0.1:1"}})
	defer ring.Close()
	if _, err := sioredis.NewPubSub(ring, nil).Open(t.Context(), "/", "a", quietly); err == nil {
		t.Error("a Ring, whose servers know nothing of each other, was taken")
	}
}

// TestPubSubGarbage: what others publish on the channels does no harm.
func TestPubSubGarbage(t *testing.T) {
	for format, test := range map[string]struct{ publish, events, requests, responses string }{
		"classic": {"PUBLISH", "socket.io#/#x#", "socket.io-request#/#", "socket.io-response#/#"},
		"sharded": {"SPUBLISH", "socket.io#/#", "socket.io#/#", "socket.io#/#b#"},
	} {
		t.Run(format, func(t *testing.T) {
			rdb := client(t, redistest.Start(t))
			var errs hook
			backend := formats[format](rdb, 0, errs.report)
			box := newInbox()
			b := open(t, backend, "/", "b", box.receive)
			b.(cluster.RoomListener).RoomOpened("x", false)
			channels := []string{test.events, test.requests, test.responses}
			garbage := []string{"", "x", "\xc1", "{}", "[]", "\x93", `{"type":3}`, `{"type":99}`, "\x93\xa1a\xc0\xc0", `{"type":3,"data":[],"nsp":"/"}`, "\x84"}
			for _, channel := range channels {
				for _, text := range garbage {
					if err := rdb.Do(t.Context(), test.publish, channel, text).Err(); err != nil {
						t.Fatal(err)
					}
				}
			}
			a := open(t, backend, "/", "a", quietly)
			try(t, a, event("a", `["fine"]`))
			try(t, a, ask("a", `["fine too"]`))
			box.waitEvent(t, `["fine"]`)
			box.waitEvent(t, `["fine too"]`)
			if errs.count() < 20 {
				t.Errorf("the hook was told of %d errors", errs.count())
			}
		})
	}
}

// TestSharedConnections: all namespaces of a node share a connection, and rooms and
// namespaces that come and go leave nothing behind.
func TestSharedConnections(t *testing.T) {
	for format, newBackend := range formats {
		t.Run(format, func(t *testing.T) {
			rdb := client(t, redistest.Start(t))
			backend := newBackend(rdb, 0, quiet)
			var links []cluster.Link
			for _, namespace := range []string{"/", "/a", "/b"} {
				l := open(t, backend, namespace, "node", quietly)
				links = append(links, l)
				if rooms, ok := l.(cluster.RoomListener); ok {
					for range 10 {
						rooms.RoomOpened("r", false)
						rooms.RoomClosed("r", false)
					}
				}
			}
			if n := subscriberCount(t, rdb); n != 1 {
				t.Errorf("%d connections listen, want 1", n)
			}
			for _, l := range links {
				l.Close()
			}
			eventually(t, "the end of the connections", func() bool { return subscriberCount(t, rdb) == 0 })
		})
	}
}

func subscriberCount(t *testing.T, rdb *redis.Client) int {
	t.Helper()
	list, err := rdb.Do(t.Context(), "CLIENT", "LIST", "TYPE", "pubsub").Text()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range list {
		if c == '\n' {
			n++
		}
	}
	return n
}

// BenchmarkPublish measures from Publish on one node to the receipt on the other,
// one message at a time.
func BenchmarkPublish(b *testing.B) {
	for format, newBackend := range formats {
		b.Run(format, func(b *testing.B) {
			backend := newBackend(client(b, redistest.Start(b)), 0, quiet)
			box := make(chan struct{}, 1)
			a := open(b, backend, "/", "a", quietly)
			open(b, backend, "/", "b", func(*cluster.Message) { box <- struct{}{} })
			m := event("a", `["message",{"text":"hello world","number":42}]`)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Publish(context.Background(), m); err != nil {
					b.Fatal(err)
				}
				<-box
			}
		})
	}
}
