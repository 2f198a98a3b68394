package socketio

import (
	"context"

	"github.com/gosocketio/sio/core/engineio"
)

// EmitWait is Emit, but waits until there is room in the queue of what the client has
// not read yet, instead of what Options.QueuePolicy says. Thus what is sent flows as
// fast as the client reads. It returns ctx.Err() if ctx ends before that, and
// ErrDisconnected if the socket does; the event is not sent then. Those who wait are
// served in the order of their calls, but an Emit meanwhile, which does not wait, can
// take the room before them. It may be called in a handler, which then keeps the
// events that follow waiting.
//
// With Recovery an event gets its place among those of all clients when there is room
// for it, and is sent as by Emit then. If others have taken the room in between, what
// QueuePolicy says happens after all: leave some, or send to the client from one
// goroutine only.
func (s *Socket) EmitWait(ctx context.Context, event string, args ...any) error {
	return s.emitWait(ctx, flags{}, event, args)
}

// EmitWait sends an event to the socket when there is room for it. See
// Socket.EmitWait. A volatile event does not wait.
func (e Sender) EmitWait(ctx context.Context, event string, args ...any) error {
	return e.s.emitWait(ctx, e.flags, event, args)
}

func (s *Socket) emitWait(ctx context.Context, f flags, event string, args []any) error {
	if err := checkName(event); err != nil {
		return err
	}
	if s.state.Load() == ended {
		return ErrDisconnected
	}
	enc, err := s.ns.encode(event, args)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return gaveUp(ctx)
	}
	out := f.outgoing(enc)
	if s.server.opts.Recovery != nil && !f.volatile && s.ns.cluster() != nil {
		if err := s.waitRoom(ctx, out); err != nil {
			return err
		}
		return s.ns.emitLogged(Broadcaster{ns: s.ns, rooms: []string{s.id}, flags: f}, s, event, args)
	}
	s.sawOutgoing(event, args)
	if err := s.sendWait(ctx, out); err != nil {
		return err
	}
	s.ns.sent(event, s, 1)
	return nil
}

// waitRoom waits until the queue has room for what out becomes when it has its offset.
func (s *Socket) waitRoom(ctx context.Context, out *engineio.Outgoing) error {
	size := len(out.Data) + maxOffset
	for _, a := range out.Attachments {
		size += engineio.MessageOverhead + cap(a)
	}
	return s.whileConnected(ctx, func(ctx context.Context) error { return s.conn.session.WaitRoom(ctx, size) })
}

// maxOffset is how many bytes the offset of an event takes, about, that recovery adds.
const maxOffset = 64

// sendWait is sendNow for an entry that waits for room.
func (s *Socket) sendWait(ctx context.Context, out *engineio.Outgoing) error {
	if s.state.Load() == activating && s.hold(out, "") {
		return nil
	}
	return s.whileConnected(ctx, func(ctx context.Context) error { return s.conn.session.SendWait(ctx, out) })
}

// whileConnected calls f with a context that also ends when the socket does. (That of
// the socket ends later, after its handlers: one of them may be the one who waits.)
func (s *Socket) whileConnected(ctx context.Context, f func(context.Context) error) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	w := &wait{end}
	if !s.enlist(w) {
		return ErrDisconnected
	}
	defer s.delist(w)
	if err := f(ctx); err == nil || ctx.Err() == nil {
		return sendError(err)
	}
	return gaveUp(ctx)
}

// wait is somebody who waits for room.
type wait struct{ end context.CancelCauseFunc }

// enlist has w ended when the socket ends. It reports false if it has already.
func (s *Socket) enlist(w *wait) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() == ended {
		return false
	}
	if s.waits == nil {
		s.waits = make(map[*wait]struct{}, 1)
	}
	s.waits[w] = struct{}{}
	return true
}

func (s *Socket) delist(w *wait) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if delete(s.waits, w); len(s.waits) == 0 {
		s.waits = nil
	}
}
