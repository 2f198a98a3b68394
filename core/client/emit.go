package client

import (
	"context"

	"github.com/gosocketio/sio/core/parser"
)

// Emit sends an event. It does not block. While the socket is not connected, or the
// connection's queue is full, the event is kept and sent later. The arguments are
// encoded at once, as JSON; byte slices, wherever they are, are sent as binary and must
// not be changed afterwards. It returns an error if they cannot be encoded or the name
// is reserved, ErrBufferFull, or ErrClosed. That it returns nil does not mean that the
// server got the event: use [Call] or Options.Retries for that.
func (s *Socket) Emit(event string, args ...any) error { return s.emit(flags{}, event, args) }

// Send sends an event named "message".
func (s *Socket) Send(args ...any) error { return s.emit(flags{}, "message", args) }

func (s *Socket) emit(f flags, event string, args []any) error {
	if err := checkName(event); err != nil {
		return err
	}
	if s.retries(f) {
		_, err := s.emitAgain(f, event, args, false)
		return err
	}
	if f.volatile && !s.ready() {
		return nil
	}
	it, err := s.encode(parser.Header{Type: parser.Event, Event: event}, f, args)
	if err != nil {
		return err
	}
	s.sawOutgoing(event, args)
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if err := s.sendLocked(it); err != ErrDropped {
		return err
	}
	return nil // it is volatile, and the connection has just gone
}

func (s *Socket) encode(h parser.Header, f flags, args []any) (item, error) {
	h.Namespace = s.namespace
	enc, err := s.m.opts.Parser.Encode(h, args...)
	if err != nil {
		return item{}, err
	}
	return newItem(enc, f), nil
}

// ready reports whether an event can leave at once.
func (s *Socket) ready() bool {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	return s.state == connected && len(s.outbox.kept) == 0 && !s.link.conn.PingExpired() && s.link.conn.Writable()
}

// sawOutgoing tells of an event that is about to be sent or kept.
func (s *Socket) sawOutgoing(event string, args []any) {
	for _, fn := range s.load().anyOutgoing {
		fn(event, args)
	}
	if hook := s.m.opts.Trace.EventSent; hook != nil {
		hook(s, event)
	}
}

// Volatile returns a sender whose events are lost if they cannot leave at once.
func (s *Socket) Volatile() Sender { return Sender{s: s}.Volatile() }

// Compress returns a sender that compresses, or does not; by default all that is over
// Options.CompressionThreshold is compressed.
func (s *Socket) Compress(on bool) Sender { return Sender{s: s}.Compress(on) }

// Sender sends to the server, with modifiers. It is a value and can be kept. All
// methods may be called concurrently.
type Sender struct {
	s     *Socket
	flags flags
}

// Volatile returns a sender whose events are lost if they cannot leave at once:
// because the socket is not connected, or something else is being sent.
func (e Sender) Volatile() Sender {
	e.flags.volatile = true
	return e
}

// Compress returns a sender that compresses, or does not.
func (e Sender) Compress(on bool) Sender {
	e.flags.noCompress = !on
	return e
}

// Emit sends an event. See Socket.Emit. That a volatile one is dropped is no error.
func (e Sender) Emit(event string, args ...any) error { return e.s.emit(e.flags, event, args) }

// Send sends an event named "message".
func (e Sender) Send(args ...any) error { return e.s.emit(e.flags, "message", args) }

// Ask sends an event and waits for the acknowledgement. See Socket.Ask. It returns
// ErrDropped for a volatile one that is dropped.
func (e Sender) Ask(ctx context.Context, event string, args ...any) (parser.Args, error) {
	return e.s.ask(ctx, e.flags, event, args)
}
