package client

import (
	"context"
	"errors"
	"time"

	"github.com/gosocketio/sio/core/parser"
)

// ask is an event that waits for its acknowledgement. Once it is out of all lists,
// under the manager's mu, exactly one of answer and fail is called, or none if nobody
// waits any more.
type ask struct {
	id   uint64
	kept bool // not sent yet; guarded by the manager's mu
	done chan struct{}
	args parser.Args
	err  error
}

func newAsk(id uint64) *ask { return &ask{id: id, done: make(chan struct{})} }

func (a *ask) answer(args parser.Args) { a.args = args; close(a.done) }
func (a *ask) fail(err error)          { a.err = err; close(a.done) }

// expectLocked registers a.
func (s *Socket) expectLocked(a *ask) {
	if s.acks == nil {
		s.acks = make(map[uint64]*ask, 1)
	}
	s.acks[a.id] = a
	s.m.awaitLocked(1)
}

// forgetLocked takes a back. It does nothing if that is not registered.
func (s *Socket) forgetLocked(a *ask) {
	if s.acks[a.id] != a {
		return
	}
	delete(s.acks, a.id)
	if len(s.acks) == 0 {
		s.acks = nil
	}
	s.m.awaitLocked(-1)
}

// onAckLocked takes an acknowledgement. One that nobody awaits (any more) is ignored,
// and so is one of what was not sent: it may be for a socket that was closed, on the
// same connection.
func (s *Socket) onAckLocked(p *parser.Packet) {
	if !p.HasID || s.state != connected {
		return
	}
	if a := s.acks[p.ID]; a != nil {
		if a.kept {
			return
		}
		s.forgetLocked(a)
		a.answer(p.Args)
		return
	}
	s.retryAnsweredLocked(p)
}

// Ask sends an event and waits for the acknowledgement of the server, whose arguments
// it returns undecoded; [Call] also decodes them. It blocks until the answer is there
// or ctx ends, whose error it returns; without a deadline Options.AckTimeout is one. An
// event that waits to be sent then is not sent any more.
//
// If the connection breaks after the event was sent it returns ErrDisconnected: then
// it is not known whether the server has handled the event. If Options.Retries is set
// the event is sent again instead. Other errors are those of Emit. It may be called in
// a handler.
func (s *Socket) Ask(ctx context.Context, event string, args ...any) (parser.Args, error) {
	return s.ask(ctx, flags{}, event, args)
}

func (s *Socket) ask(ctx context.Context, f flags, event string, args []any) (parser.Args, error) {
	hook := s.m.opts.Trace.Answered
	if hook == nil {
		return s.askNow(ctx, f, event, args)
	}
	start := time.Now()
	answer, err := s.askNow(ctx, f, event, args)
	hook(s, event, time.Since(start), err)
	return answer, err
}

func (s *Socket) askNow(ctx context.Context, f flags, event string, args []any) (parser.Args, error) {
	if err := checkName(event); err != nil {
		return parser.Args{}, err
	}
	if err := ctx.Err(); err != nil {
		return parser.Args{}, err
	}
	if s.retries(f) {
		return s.askAgain(ctx, f, event, args)
	}
	if f.volatile && !s.ready() {
		return parser.Args{}, ErrDropped
	}
	a := newAsk(s.m.ackID.Add(1) - 1)
	it, err := s.encode(parser.Header{Type: parser.Event, Event: event, ID: a.id, HasID: true}, f, args)
	if err != nil {
		return parser.Args{}, err
	}
	it.ask = a
	s.sawOutgoing(event, args)
	s.m.mu.Lock()
	s.expectLocked(a)
	if err := s.sendLocked(it); err != nil {
		s.forgetLocked(a)
		s.m.mu.Unlock()
		return parser.Args{}, err
	}
	s.m.mu.Unlock()
	if d := s.m.opts.AckTimeout; d > 0 {
		if _, has := ctx.Deadline(); !has {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, d)
			defer cancel()
		}
	}
	return s.await(ctx, a)
}

// await waits for the answer. If ctx ends the event is forgotten, and not sent if it
// was not yet.
func (s *Socket) await(ctx context.Context, a *ask) (parser.Args, error) {
	select {
	case <-a.done:
		return a.args, a.err
	case <-ctx.Done():
	}
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if isClosed(a.done) {
		return a.args, a.err
	}
	s.forgetLocked(a)
	s.unsendLocked(a)
	if errors.Is(context.Cause(ctx), ErrClosed) {
		return parser.Args{}, ErrClosed
	}
	return parser.Args{}, ctx.Err()
}

// unsendLocked takes the event of a out of the outbox.
func (s *Socket) unsendLocked(a *ask) {
	for i, it := range s.outbox.kept {
		if it.ask == a {
			s.outbox.removeKept(i)
			break
		}
	}
	for i, r := range s.outbox.retries {
		if r.ask == a {
			s.dropRetryLocked(i)
			s.retryLocked()
			break
		}
	}
	s.flushedLocked()
}
