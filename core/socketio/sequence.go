package socketio

import (
	"context"
	"sync"
	"sync/atomic"
)

// sequence keeps what a namespace sends in order while some of it waits for the bus:
// an event that can be recovered is sent to the sockets of this node only when its
// offset is known, and what is sent after it, to whichever socket, must not overtake
// it. As long as nothing waits it costs one atomic load, and everything is done at
// once by whoever wants it done. More than maxSteps do not wait, however: if the bus
// hangs for so long, order matters less than memory. The zero value is ready to use.
type sequence struct {
	length atomic.Int32 // of steps, and the one that runs

	mu      sync.Mutex
	steps   []*step
	running bool
}

// maxSteps is as many as a node of the cluster has waiting for the bus, at most.
const maxSteps = 1 << 16

// step is one thing to do in its turn. Its fields are guarded by the sequence's
// mutex.
type step struct {
	seq  *sequence
	run  func() // nil as long as the bus has not answered
	done chan struct{}
}

// idle reports whether nothing waits.
func (q *sequence) idle() bool { return q.length.Load() == 0 }

// full reports whether nothing more may wait.
func (q *sequence) full() bool { return q.length.Load() >= maxSteps }

// do runs f in its turn: at once, if nothing waits. F must not block.
func (q *sequence) do(f func()) {
	if q.idle() || q.full() {
		f()
		return
	}
	q.reserve().fill(f)
}

// reserve takes a place, to be filled later.
func (q *sequence) reserve() *step {
	s := &step{seq: q, done: make(chan struct{})}
	q.mu.Lock()
	q.steps = append(q.steps, s)
	q.length.Add(1)
	q.mu.Unlock()
	return s
}

// fill says what is to be done in the place s. It runs f and what waited for it,
// unless something before has not been filled or runs; f must not block.
func (s *step) fill(f func()) {
	q := s.seq
	q.mu.Lock()
	defer q.mu.Unlock()
	s.run = f
	if q.running {
		return // whoever runs them comes to this one
	}
	q.running = true
	for len(q.steps) > 0 && q.steps[0].run != nil {
		first := q.steps[0]
		q.steps[0] = nil
		q.steps = q.steps[1:]
		q.mu.Unlock()
		first.run()
		close(first.done)
		q.length.Add(-1)
		q.mu.Lock()
	}
	q.running = false
}

// wait waits until all that waits now has been done, or ctx ends.
func (q *sequence) wait(ctx context.Context) {
	if q.idle() {
		return
	}
	last := q.reserve()
	last.fill(func() {})
	select {
	case <-last.done:
	case <-ctx.Done():
	}
}

// inOrder runs f after what was sent to the socket before.
func (s *Socket) inOrder(f func()) {
	if state := s.state.Load(); state == activating || state == connected { // else it may have no namespace yet
		s.ns.sequence.do(f)
		return
	}
	f()
}
