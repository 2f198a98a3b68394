package sionats

import (
	"context"
	"sort"
	"sync"
	"time"

	"github.com/gosocketio/sio/adapters/nats/internal/wire"
	"github.com/gosocketio/sio/core/cluster"
)

// recent is what a node has of the log: the messages that clients can have missed, so
// that it need not ask for them when many come back at once.
type recent struct {
	limits *Recovery

	mu      sync.Mutex
	epoch   string
	floor   uint64 // all that is in the log after this number is here
	pos     uint64 // of the latest message that was handed to the node
	bytes   int
	entries []recentEntry
	moved   chan struct{} // closed and replaced when pos changes; nil if nobody waits
}

type recentEntry struct {
	seq  uint64
	at   time.Time // when the server took it
	size int
	m    *cluster.Message
}

// overhead is what an entry takes besides its payload, about.
const overhead = 512

// restart forgets all: the log goes on after pos.
func (r *recent) restart(epoch string, pos uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch, r.floor, r.entries, r.bytes = epoch, pos, nil, 0
	r.moveLocked(pos)
}

// add keeps a message. That comes before it is handed to the node: a client that comes
// back meanwhile can get it twice, and knows, but not miss it.
func (r *recent) add(seq uint64, at time.Time, m *cluster.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	size := overhead + wire.Size(m.Payload)
	r.entries = append(r.entries, recentEntry{seq, at, size, m})
	r.bytes += size
	r.trimLocked()
}

// move notes that all messages up to pos were handed to the node.
func (r *recent) move(pos uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moveLocked(pos)
}

func (r *recent) moveLocked(pos uint64) {
	r.pos = pos
	if r.moved != nil {
		close(r.moved)
		r.moved = nil
	}
}

// trimLocked forgets the oldest entries until the limits hold.
func (r *recent) trimLocked() {
	oldest := time.Now().Add(-r.limits.MaxAge)
	for len(r.entries) > 0 {
		e := r.entries[0]
		if len(r.entries) <= r.limits.MaxMessages && r.bytes <= r.limits.MaxBytes && !e.at.Before(oldest) {
			return
		}
		r.floor, r.bytes = e.seq, r.bytes-e.size
		r.entries = r.entries[1:] // not cleared: after may be looking at them
	}
	r.entries = nil
}

// wait waits until the node has got as far as pos, or ctx ends.
func (r *recent) wait(ctx context.Context, pos uint64) {
	for {
		r.mu.Lock()
		if r.pos >= pos {
			r.mu.Unlock()
			return
		}
		if r.moved == nil {
			r.moved = make(chan struct{})
		}
		moved := r.moved
		r.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
}

// after returns the entries after a number, which must not be changed. It reports
// false if it cannot tell.
func (r *recent) after(epoch string, seq uint64) ([]recentEntry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trimLocked()
	if epoch != r.epoch || seq == 0 || seq < r.floor || seq > r.pos {
		return nil, false
	}
	i := sort.Search(len(r.entries), func(i int) bool { return r.entries[i].seq > seq })
	return r.entries[i:len(r.entries):len(r.entries)], true
}
