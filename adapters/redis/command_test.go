package sioredis_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	sioredis "github.com/gosocketio/sio/adapters/redis"
	"github.com/gosocketio/sio/adapters/redis/redistest"
	"github.com/gosocketio/sio/core/cluster"
)

// TestPublishBatch: each message of a batch has its own result, and those that can be
// sent are, in order.
func TestPublishBatch(t *testing.T) {
	for format, backend := range formats {
		t.Run(format, func(t *testing.T) {
			server := redistest.Start(t)
			b := backend(client(t, server), 500*time.Millisecond, quiet)
			box := newInbox()
			a := open(t, b, "/", "a", quietly)
			open(t, b, "/", "b", box.receive)
			batch := []*cluster.Message{event("a", `["1"]`), event("a", `["bad"`), event("a", `["2"]`)}
			batch[1].Payload.Attachments = [][]byte{[]byte("x")} // so it has to be read
			batch = append(batch, ask("a", `["3"]`))
			results := a.(cluster.Batcher).PublishBatch(t.Context(), batch)
			for i, r := range results {
				if bad := i == 1; bad != (r.Err != nil) {
					t.Errorf("message %d: %v", i, r.Err)
				}
				if want := format == "streams" && (i == 0 || i == 2); want != (r.Offset != "") {
					t.Errorf("message %d has offset %q", i, r.Offset)
				}
			}
			box.waitEvent(t, `["2"]`)
			box.waitEvent(t, `["3"]`)
			if got := fmt.Sprintf("%s", box.list()[0].Payload.JSON); got != `["1"]` {
				t.Errorf("the first is %s", got)
			}

			server.Pause()
			for i, r := range a.(cluster.Batcher).PublishBatch(t.Context(), []*cluster.Message{event("a", `["4"]`), event("a", `["5"]`)}) {
				if !errors.Is(r.Err, sioredis.ErrUnavailable) || r.Offset != "" {
					t.Errorf("message %d while Redis is paused: %q, %v", i, r.Offset, r.Err)
				}
			}
			server.Resume()
			a.Close()
			for _, r := range a.(cluster.Batcher).PublishBatch(t.Context(), []*cluster.Message{event("a", `["6"]`)}) {
				if !errors.Is(r.Err, cluster.ErrClosed) {
					t.Errorf("after Close: %v", r.Err)
				}
			}
		})
	}
}

// BenchmarkPost measures what a node gets through a real Redis, where each message by
// itself would take a round trip.
func BenchmarkPost(b *testing.B) {
	for format, backend := range formats {
		b.Run(format, func(b *testing.B) {
			server := redistest.Start(b)
			node, err := cluster.Join(b.Context(), backend(client(b, server), time.Minute, quiet), "/", "a", nobody{}, &cluster.Options{RequestTimeout: time.Minute})
			if err != nil {
				b.Fatal(err)
			}
			defer node.Close()
			post := func() error {
				return node.Post(&cluster.Message{Type: cluster.Broadcast, Payload: payload(`["event"]`)})
			}
			b.ResetTimer()
			for range b.N { // not b.Loop: what waits at the end counts
				for post() != nil { // the queue is full
					if err := node.ServerSideEmit(b.Context(), payload(`["wait"]`)); err != nil && !errors.Is(err, cluster.ErrQueueFull) {
						b.Fatal(err)
					}
				}
			}
			if err := node.ServerSideEmit(b.Context(), payload(`["end"]`)); err != nil { // all before are out
				b.Fatal(err)
			}
		})
	}
}

// nobody is the local part of a node that has no sockets.
type nobody struct{ cluster.Local }
