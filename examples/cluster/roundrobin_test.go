package main

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gosocketio/sio/core/client"
)

// crowdSize is how many clients there are at a time.
const crowdSize = 200

// watched is a handler whose refusals are counted.
type watched struct {
	http.Handler
	requests atomic.Int64
	mu       sync.Mutex
	refusals []string
}

func (w *watched) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.requests.Add(1)
	w.Handler.ServeHTTP(&statusWriter{rw, w, r}, r)
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	w *watched
	r *http.Request
}

func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *statusWriter) WriteHeader(status int) {
	if status >= 400 {
		s.w.mu.Lock()
		s.w.refusals = append(s.w.refusals, fmt.Sprint(status, " ", s.r.Method, " ", s.r.URL.RawQuery))
		s.w.mu.Unlock()
	}
	s.ResponseWriter.WriteHeader(status)
}

// TestRoundRobin has many clients behind a load balancer that gives each request to
// another node: those that poll, those that begin so and go over to websocket, and
// those that use nothing else. None sees an error, and all get everything.
func TestRoundRobin(t *testing.T) {
	onEach(t, func(t *testing.T, redis string) {
		c := startTestCluster(t, redis)
		w := &watched{Handler: c.balancer}
		c.server.Handler = w
		transports := [][]string{{"polling"}, {"polling", "websocket"}, {"websocket"}}
		guests := make([]*guest, crowdSize)
		for i := range guests {
			guests[i] = newGuest(t, c.url(), fmt.Sprint("guest ", i), transports[i%len(transports)]...)
		}
		nodes := map[string]int{}
		for i, g := range guests {
			nodes[g.arrives(t, 1).node]++
			if len(transports[i%len(transports)]) == 2 {
				g.wait(t, "to be upgraded", func() bool { return g.upgraded })
			}
		}
		if len(nodes) != 3 {
			t.Errorf("the clients are at %v, want them at three nodes", nodes)
		}
		testTalk(t, guests)
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.refusals) > 0 {
			t.Errorf("%d of %d requests were refused, as %v", len(w.refusals), w.requests.Load(), w.refusals[:min(len(w.refusals), 10)])
		}
	})
}

// testTalk has every tenth client speak. All hear all of it, once, in the order of
// each.
func testTalk(t *testing.T, guests []*guest) {
	const each = 3
	var speakers sync.WaitGroup
	for i, g := range guests {
		if i%10 != 0 {
			continue
		}
		speakers.Go(func() {
			for n := range each {
				if _, err := client.Call[string](t.Context(), g.socket, "say", fmt.Sprintf("%03d %d", i, n)); err != nil {
					t.Errorf("%s: %v", g.name, err)
				}
			}
		})
	}
	speakers.Wait()
	var want []string
	for i := 0; i < len(guests); i += 10 {
		for n := range each {
			want = append(want, fmt.Sprintf("%03d %d", i, n))
		}
	}
	for _, g := range guests {
		g.wait(t, "all that is said", func() bool { return len(g.heard) >= len(want) })
		g.mu.Lock()
		got := slices.Clone(g.heard)
		faults := g.faults
		g.mu.Unlock()
		slices.SortStableFunc(got, func(a, b string) int { return slices.Compare([]byte(a[:3]), []byte(b[:3])) })
		if !slices.Equal(got, want) {
			t.Errorf("%s heard %v", g.name, got)
		}
		if len(faults) > 0 {
			t.Errorf("%s: %v", g.name, faults)
		}
	}
	if n, err := client.Call[int](t.Context(), guests[0].socket, "count", "everybody"); err != nil || n != len(guests) {
		t.Errorf("there are %d clients (%v), want %d", n, err, len(guests))
	}
}
