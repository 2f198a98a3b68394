package ws

import (
	"sync"
	"sync/atomic"
)

// right is something that one goroutine has at a time. It is a channel rather than a
// mutex to those who wait, so that a test with a fake clock sees them. As long as nobody
// does there is no channel: that saves 0.1 µs for each message and 200 bytes for each
// connection. Its zero value is ready to use.
type right struct {
	claims atomic.Int32 // of the one who has it, and of those who wait

	mu   sync.Mutex
	next chan struct{} // takes one value for each who waits; nil before the first
}

// take waits for the right.
func (r *right) take() {
	if r.claims.Add(1) > 1 {
		<-r.queue()
	}
}

// try takes the right if nobody has it.
func (r *right) try() bool { return r.claims.CompareAndSwap(0, 1) }

// give gives the right up: to one of those who wait, if there are any. It does not block.
func (r *right) give() {
	if r.claims.Add(-1) > 0 {
		r.queue() <- struct{}{}
	}
}

func (r *right) queue() chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = make(chan struct{}, 1) // given to one at a time
	}
	return r.next
}
