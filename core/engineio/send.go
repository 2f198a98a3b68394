package engineio

import (
	"container/list"
	"context"
)

// Send queues o and returns at once. It fails with ErrClosed after Close or the
// end of the session, with ErrQueueFull if the limits of Options would be
// exceeded, and with ErrDropped for a volatile entry that cannot be written now.
func (s *Session) Send(o *Outgoing) error {
	n, dropped, policy := o.size(), 0, s.server.opts.QueuePolicy
	s.mu.Lock()
	if err := s.sendableLocked(o); err != nil {
		s.mu.Unlock()
		return err
	}
	full := s.fullLocked(n)
	if full && policy == QueueDropOldest {
		dropped = s.makeRoomLocked(n)
		full = s.fullLocked(n)
	}
	if !full {
		s.queue.push(o, n)
		s.flushLocked()
	}
	s.mu.Unlock()
	lost := full && policy == QueueDropOldest && !o.Keep // o itself is the oldest that may be lost
	if lost {
		dropped++
	}
	if trace := s.server.opts.Trace.QueueDropped; dropped > 0 && trace != nil {
		trace(s, dropped)
	}
	if !full {
		return nil
	}
	if !lost && policy != QueueReject {
		s.end(SlowConsumer, ErrQueueFull)
	}
	return ErrQueueFull
}

// SendWait queues o as Send does, but waits for room if the queue is full, whatever
// the QueuePolicy, until ctx ends: then o was not queued, and ctx.Err() is returned.
// Those who wait are served in the order of their calls. It returns ErrClosed if
// the session ends meanwhile, or Close is called. A volatile entry never waits. No
// room is made before OnConnection has returned, so SendWait should not be called
// there.
func (s *Session) SendWait(ctx context.Context, o *Outgoing) error {
	return s.waitTurn(ctx, waiter{out: o, size: o.size()})
}

// WaitRoom waits, in turn with SendWait, until a message of that many bytes has room
// in the queue, for those who have something to do between that and Send. It keeps no
// room: by the time of Send others may have taken it. The errors are those of
// SendWait.
func (s *Session) WaitRoom(ctx context.Context, bytes int) error {
	return s.waitTurn(ctx, waiter{size: memoryOf(bytes)})
}

// sendableLocked says why o, or anything if that is nil, cannot be sent, however
// much room there is.
func (s *Session) sendableLocked(o *Outgoing) error {
	switch {
	case s.state > stateOpen || s.closeAsked:
		return ErrClosed
	case o != nil && o.Volatile && !s.writableLocked():
		return ErrDropped
	default:
		return nil
	}
}

// writableLocked reports whether an entry would be written without waiting.
func (s *Session) writableLocked() bool {
	if s.state != stateOpen || s.writing || len(s.queue.items) > 0 {
		return false
	}
	return s.conn != nil || s.poll != nil
}

// fullLocked reports whether an entry of n bytes has no room.
func (s *Session) fullLocked(n int) bool {
	return s.queue.full(n, s.server.opts.MaxQueueBytes, s.server.opts.MaxQueueMessages)
}

// makeRoomLocked drops entries until one of n bytes has room, or there is nothing
// more to drop, and returns how many it dropped.
func (s *Session) makeRoomLocked(n int) (dropped int) {
	for s.fullLocked(n) && s.queue.dropOldest() {
		dropped++
	}
	return dropped
}

// waiter is a call of SendWait or WaitRoom.
type waiter struct {
	out  *Outgoing // nil: only waits
	size int
	done chan error // capacity 1: the result of the call, if it has to wait
}

// waitTurn waits until it is the turn of w and there is room for it.
func (s *Session) waitTurn(ctx context.Context, w waiter) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if err := s.sendableLocked(w.out); err != nil {
		s.mu.Unlock()
		return err
	}
	if s.queue.waiting == nil && !s.fullLocked(w.size) {
		s.grantLocked(w)
		s.flushLocked()
		s.mu.Unlock()
		return nil
	}
	w.done = make(chan error, 1)
	at := s.queue.enlist(w)
	s.cutShortLocked() // no room comes while the queue is kept back
	s.mu.Unlock()
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return s.giveUp(ctx, w, at)
	}
}

// grantLocked gives w the room that it waits for.
func (s *Session) grantLocked(w waiter) {
	if w.out != nil {
		s.queue.push(w.out, w.size)
	}
}

func (q *outbox) enlist(w waiter) *list.Element {
	if q.waiting == nil {
		q.waiting = list.New()
	}
	return q.waiting.PushBack(w)
}

// delist removes a waiter, and the list with the last one: few sessions ever have
// any. It may have been removed before.
func (q *outbox) delist(at *list.Element) {
	if q.waiting == nil {
		return
	}
	q.waiting.Remove(at)
	if q.waiting.Len() == 0 {
		q.waiting = nil
	}
}

// giveUp ends a wait whose ctx has ended, unless it was over before.
func (s *Session) giveUp(ctx context.Context, w waiter, at *list.Element) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case err := <-w.done:
		return err
	default:
	}
	s.queue.delist(at)
	s.serveWaitersLocked() // those behind it may need less room
	s.flushLocked()
	return ctx.Err()
}

// releaseLocked ends a batch, and gives the room to those who wait for it.
func (s *Session) releaseLocked(batch []item) {
	s.queue.release(batch)
	s.serveWaitersLocked()
}

// serveWaitersLocked queues the entries of those who wait, as far as there is room.
// The caller sees to it that they are written.
func (s *Session) serveWaitersLocked() {
	for s.queue.waiting != nil {
		at := s.queue.waiting.Front()
		w := at.Value.(waiter)
		if s.fullLocked(w.size) {
			return
		}
		s.grantLocked(w)
		s.queue.delist(at)
		w.done <- nil
	}
}

// dismissWaitersLocked ends all waits: nothing can be sent any more.
func (s *Session) dismissWaitersLocked() {
	if s.queue.waiting == nil {
		return
	}
	for at := s.queue.waiting.Front(); at != nil; at = at.Next() {
		at.Value.(waiter).done <- ErrClosed
	}
	s.queue.waiting = nil
}
