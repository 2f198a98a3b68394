package cluster

import (
	"context"
	"sync"
	"time"
)

const (
	// batchSize is how many messages are handed to a [Batcher] at once, at most, and
	// batchBytes how much payload, unless a single one has more.
	batchSize  = 256
	batchBytes = 1 << 20
	// maxQueueBytes bounds the payloads that wait to be sent.
	maxQueueBytes = 64 << 20
)

// outgoing is a message on its way to the bus.
type outgoing struct {
	m    *Message
	echo bool                           // it may come back before the bus is done with it
	ctx  context.Context                // of who waits for it; nil if nobody does
	done func(offset string, err error) // called once, on the outbox's goroutine; may be nil
	at   time.Time                      // when it was queued
}

func (o *outgoing) finish(offset string, err error) {
	if o.done != nil {
		o.done(offset, err)
	}
}

// outbox sends messages in order, without keeping those waiting who have them sent.
// Its own goroutine exists only while there is something to send. Messages that had
// to wait for too long, since the bus is slow or away, are dropped: what is old
// confuses more than it helps, and the others are not to wait for it.
type outbox struct {
	limit   int               // of messages
	maxAge  time.Duration     // of a message whose turn comes
	send    func([]*outgoing) // hands messages to the bus
	lost    func(*outgoing, error)
	batch   int // how many are sent at a time, at most
	wg      sync.WaitGroup
	drained chan struct{} // non-nil once closed; closed when nothing is left

	mu      sync.Mutex
	queue   []*outgoing
	bytes   int
	started bool // before, messages wait
	running bool
	closed  bool
	refusal error // why nothing is taken now; nil if it is
}

func (o *outbox) init(limit int, maxAge time.Duration, send func([]*outgoing), lost func(*outgoing, error)) {
	o.limit, o.maxAge, o.send, o.lost = limit, maxAge, send, lost
	o.drained = make(chan struct{})
}

// push queues a message. If it fails, done is not called.
func (o *outbox) push(out *outgoing) error {
	out.at = time.Now()
	size := out.m.Payload.size()
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
		return ErrClosed
	case o.refusal != nil:
		return o.refusal
	case len(o.queue) >= o.limit || o.bytes+size > maxQueueBytes && len(o.queue) > 0:
		return ErrQueueFull
	}
	o.queue = append(o.queue, out)
	o.bytes += size
	o.runLocked()
	return nil
}

// refuse has push fail, and what waits too, until start is called.
func (o *outbox) refuse(err error) {
	o.mu.Lock()
	dropped := o.takeLocked()
	o.refusal = err
	o.mu.Unlock()
	for _, out := range dropped {
		o.lost(out, err)
	}
}

// start begins to send, so many at a time.
func (o *outbox) start(batch int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.batch = batch
	o.started, o.refusal = true, nil
	o.runLocked()
}

func (o *outbox) runLocked() {
	if o.started && !o.running && len(o.queue) > 0 {
		o.running = true
		o.wg.Go(o.run)
	}
}

func (o *outbox) takeLocked() []*outgoing {
	batch := o.queue
	o.queue, o.bytes = nil, 0
	return batch
}

func (o *outbox) run() {
	for batch := o.take(); batch != nil; batch = o.take() {
		for len(batch) > 0 {
			n := o.fit(batch)
			o.sendFresh(batch[:n])
			batch = batch[n:]
		}
	}
}

// fit returns how many messages at the front of batch are sent at a time.
func (o *outbox) fit(batch []*outgoing) (n int) {
	for bytes := 0; n < min(len(batch), o.batch); n++ {
		if bytes += batch[n].m.Payload.size(); bytes > batchBytes && n > 0 {
			break
		}
	}
	return n
}

// take returns what is queued, or nil once there is nothing, which ends run.
func (o *outbox) take() []*outgoing {
	o.mu.Lock()
	defer o.mu.Unlock()
	batch := o.takeLocked()
	if batch == nil {
		o.running = false
		if o.closed {
			close(o.drained)
		}
	}
	return batch
}

// sendFresh sends those that have not waited for too long, and for which somebody
// still waits if anybody did.
func (o *outbox) sendFresh(batch []*outgoing) {
	oldest := time.Now().Add(-o.maxAge)
	fresh := batch[:0]
	for _, out := range batch {
		switch {
		case out.ctx != nil && out.ctx.Err() != nil:
			out.finish("", context.Cause(out.ctx))
		case out.at.Before(oldest):
			o.lost(out, errStale)
		default:
			fresh = append(fresh, out)
		}
	}
	if len(fresh) > 0 {
		o.send(fresh)
	}
}

// close refuses what comes from now on and waits until what is queued was sent, or
// until ctx ends. It reports whether all was.
func (o *outbox) close(ctx context.Context) bool {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return true
	}
	o.closed = true
	var dropped []*outgoing
	if !o.started {
		dropped = o.takeLocked()
	}
	if !o.running {
		close(o.drained)
	}
	o.mu.Unlock()
	for _, out := range dropped {
		o.lost(out, ErrClosed)
	}
	select {
	case <-o.drained:
		return true
	case <-ctx.Done():
		return false
	}
}
