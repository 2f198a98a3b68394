package socketio

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/gosocketio/sio/core/parser"
)

// Handler handles the events of one name. The returned error goes to
// Options.ErrorHandler and, if the client asked for an acknowledgement and the
// event was not replied to, to the client as Options.ErrorReply says.
type Handler interface {
	HandleEvent(ctx context.Context, e *Event) error
}

// HandlerFunc makes a function a Handler.
type HandlerFunc func(ctx context.Context, e *Event) error

// HandleEvent calls f.
func (f HandlerFunc) HandleEvent(ctx context.Context, e *Event) error { return f(ctx, e) }

// Registrar is what handlers are registered on: a [*Server], a [*Namespace], a
// [*DynamicNamespace] or a [*Socket]. A socket's own handlers go before its
// namespace's. All methods panic if they are given nil.
type Registrar interface {
	// Handle registers h for an event. It panics if the event has a handler
	// already, or a reserved name.
	Handle(event string, h Handler)
	// OnAny registers a function that sees every incoming event before its handler
	// does, also those that have none.
	OnAny(fn func(context.Context, *Event))
	// OnAnyOutgoing registers a function that sees every event that is sent, once
	// for each socket that gets it. It must not block nor change args.
	OnAnyOutgoing(fn func(s *Socket, event string, args []any))
	// UseEvents wraps the handlers of all events, those registered later too. The
	// first middleware is the outermost.
	UseEvents(middleware func(Handler) Handler)
	// OnDisconnecting registers a function that runs when a socket has been
	// disconnected, while its Rooms still tell where it was.
	OnDisconnecting(fn func(*Socket, Reason))
	// OnDisconnect registers a function that runs last of all of a socket's
	// handlers.
	OnDisconnect(fn func(*Socket, Reason))

	reg() *registry
}

// Event is an event that came from a client. A handler may keep it.
type Event struct {
	socket  *Socket
	packet  *parser.Packet
	message uint64 // number of the one that the packet came in: see conn.spent
	kind    taskKind
	replied atomic.Bool
}

// typedHandler is the handler that On and OnCall make of a function that gets the argument
// of an event, and not the event. If nobody else has seen the event, it is used again.
type typedHandler struct {
	HandlerFunc
	copies bool // the argument shares no memory with the message
}

var events = sync.Pool{New: func() any { return new(Event) }}

func newEvent(s *Socket, p *parser.Packet) *Event {
	e := events.Get().(*Event)
	e.socket, e.packet, e.message = s, p, s.conn.message
	return e
}

// newTask returns an entry of the queue that is no event.
func newTask(s *Socket, kind taskKind) *Event {
	e := events.Get().(*Event)
	e.socket, e.kind = s, kind
	return e
}

// release gives an event back that nobody holds, and the message that it came in if
// nobody holds a part of that, either.
func (e *Event) release(copied bool) {
	if copied && len(e.packet.Args.Attachments) == 0 {
		e.socket.conn.spent.Store(e.message)
	}
	e.packet.Release()
	e.free()
}

// free gives an entry of the queue back that nobody holds.
func (e *Event) free() {
	e.socket, e.packet, e.kind = nil, nil, taskEvent
	e.replied.Store(false)
	events.Put(e)
}

// What an event takes besides its bytes, and each of its arguments and attachments.
const (
	eventOverhead    = 256
	argumentOverhead = 24
)

// weight is how many bytes of memory the event takes, about.
func (e *Event) weight() int {
	if e.packet == nil {
		return 0
	}
	args := &e.packet.Args
	n := eventOverhead + len(e.packet.Event) + argumentOverhead*(len(args.Values)+len(args.Attachments))
	for _, v := range args.Values {
		n += len(v)
	}
	for _, a := range args.Attachments {
		n += len(a)
	}
	return n
}

// Name returns the name of the event.
func (e *Event) Name() string { return e.packet.Event }

// Socket returns the socket that the event came from.
func (e *Event) Socket() *Socket { return e.socket }

// Len returns the number of arguments.
func (e *Event) Len() int { return e.packet.Args.Len() }

// Args returns the undecoded arguments. They must not be changed.
func (e *Event) Args() *parser.Args { return &e.packet.Args }

// Scan decodes the arguments, one into each of the pointers dst; a nil skips one.
// Arguments beyond them are ignored. An argument that is missing or of another
// type is an [*ArgError].
func (e *Event) Scan(dst ...any) error { return e.packet.Args.Scan(dst...) }

// WantsReply reports whether the client asked for an acknowledgement.
func (e *Event) WantsReply() bool { return e.packet.HasID }

// Reply sends the acknowledgement. It may be called from any goroutine, also
// after the handler has returned, and does not block. It returns ErrNoReply if
// the client asked for none, ErrAlreadyReplied for all calls but the first,
// ErrDisconnected if the socket is gone, or an encoding error.
func (e *Event) Reply(args ...any) error {
	if !e.packet.HasID {
		return ErrNoReply
	}
	if !e.replied.CompareAndSwap(false, true) {
		return ErrAlreadyReplied
	}
	s := e.socket
	if s.state.Load() == ended { // the client would take it for another event's
		return ErrDisconnected
	}
	out, err := s.server.entry(&parser.Header{Type: parser.Ack, Namespace: s.ns.name, ID: e.packet.ID, HasID: true}, args)
	if err != nil {
		e.replied.Store(false)
		return err
	}
	return s.send(out)
}

// answer is Reply for typed handlers: that a client has left without waiting for
// its answer is no failure of theirs.
func (e *Event) answer(args ...any) error {
	if err := e.Reply(args...); err != ErrDisconnected {
		return err
	}
	return nil
}
