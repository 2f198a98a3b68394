package client

import (
	"context"
	"fmt"
	"time"

	"github.com/gosocketio/sio/core/parser"
)

// retry is an event that is sent until it is acknowledged. All tries have the same
// acknowledgement id: a late answer to an earlier one counts.
type retry struct {
	item
	event   string
	waited  bool // somebody waits for the answer
	tries   int
	pending bool // it was sent, and may still be answered in time
	timer   *time.Timer
}

func (r *retry) stop() {
	if r.timer != nil {
		r.timer.Stop()
	}
}

// errUnanswered is what became of a try. It is a timeout.
var errUnanswered = fmt.Errorf("client: no acknowledgement in time: %w", context.DeadlineExceeded)

// retries reports whether events with those modifiers are sent until they are
// acknowledged.
func (s *Socket) retries(f flags) bool { return s.m.opts.Retries > 0 && !f.volatile }

// emitAgain queues an event that is sent until it is acknowledged.
func (s *Socket) emitAgain(f flags, event string, args []any, waited bool) (*ask, error) {
	a := newAsk(s.m.ackID.Add(1) - 1)
	it, err := s.encode(parser.Header{Type: parser.Event, Event: event, ID: a.id, HasID: true}, f, args)
	if err != nil {
		return nil, err
	}
	it.ask = a
	s.sawOutgoing(event, args)
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if err := s.roomLocked(it.size); err != nil {
		return nil, err
	}
	b := &s.outbox
	b.retries = append(b.retries, &retry{item: it, event: event, waited: waited})
	b.count++
	b.bytes += it.size
	s.retryLocked()
	return a, nil
}

func (s *Socket) askAgain(ctx context.Context, f flags, event string, args []any) (parser.Args, error) {
	a, err := s.emitAgain(f, event, args, true)
	if err != nil {
		return parser.Args{}, err
	}
	return s.await(ctx, a)
}

// retryLocked sends the first event of the queue, if it is its turn.
func (s *Socket) retryLocked() {
	b := &s.outbox
	if s.state != connected || len(b.retries) == 0 || b.retries[0].pending {
		return
	}
	r := b.retries[0]
	r.pending = true
	r.tries++
	s.m.awaitLocked(1)
	try := item{messages: r.messages, size: r.size, epoch: s.epoch}
	s.sendLocked(try) // if that fails, no answer comes
	tries := r.tries
	r.timer = time.AfterFunc(s.m.opts.AckTimeout, func() { s.retryLate(r, tries) })
}

// settleLocked ends a try.
func (s *Socket) settleLocked(r *retry) {
	if r.pending {
		r.pending = false
		r.stop()
		s.m.awaitLocked(-1)
	}
}

// dropRetryLocked takes an event out of the queue.
func (s *Socket) dropRetryLocked(i int) {
	s.settleLocked(s.outbox.retries[i])
	s.outbox.removeRetry(i)
}

// retryAnsweredLocked takes an acknowledgement, if it is that of the first event.
func (s *Socket) retryAnsweredLocked(p *parser.Packet) {
	b := &s.outbox
	if len(b.retries) == 0 || b.retries[0].ask.id != p.ID || b.retries[0].tries == 0 {
		return
	}
	a := b.retries[0].ask
	s.dropRetryLocked(0)
	a.answer(p.Args)
	s.retryLocked()
	s.flushedLocked()
}

// retryLate is called when no answer came in time.
func (s *Socket) retryLate(r *retry, tries int) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if r.pending && r.tries == tries {
		s.retryFailedLocked(r, errUnanswered)
		s.retryLocked()
		s.flushedLocked()
	}
}

// retryLostLocked ends the try that was under way when the connection ended.
func (s *Socket) retryLostLocked() {
	if list := s.outbox.retries; len(list) > 0 && list[0].pending {
		s.retryFailedLocked(list[0], ErrDisconnected)
	}
}

// retryFailedLocked ends a try of the first event, and gives that up if it was the
// last one.
func (s *Socket) retryFailedLocked(r *retry, err error) {
	s.settleLocked(r)
	if r.tries <= s.m.opts.Retries {
		return
	}
	s.outbox.removeRetry(0)
	r.ask.fail(err)
	if !r.waited {
		s.pushLocked(task{kind: taskFailed, event: r.event, err: err})
	}
}
