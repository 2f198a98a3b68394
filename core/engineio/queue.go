package engineio

import (
	"container/list"

	"github.com/gosocketio/sio/core/internal/packet"
)

// item is one entry of the outbox: an Outgoing, or a packet without data.
type item struct {
	out     *Outgoing   // nil for a control packet
	control packet.Type // Ping, Pong
}

func (it item) droppable() bool { return it.out != nil && !it.out.Keep }

// outbox is the outbound queue of a session. The session's mutex guards it.
type outbox struct {
	items []item
	spare []item // the slice of the previous batch, to be used again

	// Queued and not yet written, control packets excluded.
	messages int
	bytes    int

	kept int32 // at least so many items at the front may not be dropped
	pong bool  // a pong is queued: one answers any number of pings

	waiting *list.List // of waiter, in the order they came; nil: none
}

// maxSpare keeps a burst from pinning its slice for the life of the session.
const maxSpare = 64

// full reports whether another entry of n bytes exceeds the limits (negative:
// none). An empty outbox is never full.
func (q *outbox) full(n, maxBytes, maxMessages int) bool {
	if q.messages == 0 {
		return false
	}
	return maxMessages >= 0 && q.messages >= maxMessages || maxBytes >= 0 && q.bytes+n > maxBytes
}

func (q *outbox) push(o *Outgoing, n int) {
	q.items = append(q.items, item{out: o})
	q.messages++
	q.bytes += n
}

func (q *outbox) pushControl(t packet.Type) {
	if t == packet.Pong {
		if q.pong {
			return
		}
		q.pong = true
	}
	q.items = append(q.items, item{control: t})
}

// take removes and returns the entries at the front, up to about limit bytes
// and at least one. They count as queued until release.
func (q *outbox) take(limit int) []item {
	n, size := 0, 0
	for n < len(q.items) && (n == 0 || size < limit) {
		if o := q.items[n].out; o != nil {
			size += o.size()
		}
		n++
	}
	batch := q.items[:n:n]
	q.items = append(q.spare, q.items[n:]...)
	q.spare = nil
	q.kept = max(q.kept-int32(n), 0)
	q.pong = false
	return batch
}

// takeAll is take without a limit.
func (q *outbox) takeAll() []item {
	batch := q.items
	q.items, q.spare = q.spare, nil
	q.kept = 0
	q.pong = false
	return batch
}

// putBack undoes takeAll.
func (q *outbox) putBack(batch []item) {
	q.items = append(batch, q.items...)
}

// release ends a batch that take returned: it was written, or never will be.
func (q *outbox) release(batch []item) {
	for i := range batch {
		if o := batch[i].out; o != nil {
			q.messages--
			q.bytes -= o.size()
			o.written()
		}
		batch[i] = item{}
	}
	if q.spare == nil && cap(batch) <= maxSpare {
		q.spare = batch[:0]
	}
}

// dropOldest removes the oldest entry that may be lost and is not being written,
// and reports whether there was one.
func (q *outbox) dropOldest() bool {
	at := int(q.kept)
	for at < len(q.items) && !q.items[at].droppable() {
		at++
	}
	q.kept = int32(at)
	if at == len(q.items) {
		return false
	}
	q.messages--
	q.bytes -= q.items[at].out.size()
	// Few are kept, and most often none: they move up, not all that follows.
	copy(q.items[1:], q.items[:at])
	q.items[0] = item{}
	q.items = q.items[1:]
	return true
}

// discard empties the queue; batches still being written are released later.
func (q *outbox) discard() { q.release(q.takeAll()) }
