package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/internal/serial"
	"github.com/gosocketio/sio/core/parser"
)

// Socket is a client's membership in a namespace. All methods may be called
// concurrently.
type Socket struct {
	conn   *conn
	server *Server
	ns     *Namespace // set before any user code sees the socket
	id     string
	pid    string // private id for recovery, known to the client alone
	name   string // of the namespace, as asked for
	auth   json.RawMessage
	ctx    context.Context
	cancel context.CancelCauseFunc
	queue  serial.Queue[*Event] // runs the handlers

	own       atomic.Pointer[registry] // handlers of this socket alone
	handshake atomic.Pointer[Handshake]
	state     atomic.Int32 // changes with mu held
	door      atomic.Int32 // of the queue: see arrive
	recovered bool         // set before connected
	merged    mergedHandlers
	limiter   EventLimiter // used by the reader alone; set before connected

	mu         sync.Mutex
	acks       map[uint64]pendingAck
	waits      map[*wait]struct{} // for room in the client's queue
	data       map[string]any
	places     map[*concurrentHandler]chan struct{} // see Concurrent; nil for most
	final      []string                             // the rooms at the time of the disconnect
	held       []heldEvent                          // events that came between activation and the CONNECT packet
	replayed   map[string]bool                      // offsets that recovery sent, to skip if they come again
	forgetting *time.Timer                          // forgets replayed; nil if there is nothing to forget
	finishing  bool                                 // the last entry of the queue runs
	grace      *time.Timer                          // cancels ctx while what was before that one runs; or nil

	reason *DisconnectError // set before ended
}

// The states of a socket.
const (
	connecting int32 = iota // middleware run
	activating              // is in its rooms, but the client has not been told yet
	connected
	ended
)

// The door of a socket's queue.
const (
	doorOpen int32 = iota
	doorBusy       // the reader is about to queue an event
	doorShut       // only the last entry is missing, and who finds it shut appends that
)

// heldEvent is an event that waits for its socket to be connected.
type heldEvent struct {
	out    *engineio.Outgoing
	offset string
}

// ID returns the public id of the socket: 20 characters. It is the name of a room
// that the socket is in. Clients of version 2 make their ids from that of their session,
// which is a secret: do not show it to others if you allow EIO3.
func (s *Socket) ID() string { return s.id }

// Namespace returns the namespace of the socket.
func (s *Socket) Namespace() *Namespace { return s.ns }

// Server returns the server of the socket.
func (s *Socket) Server() *Server { return s.server }

// Conn returns the connection, which other namespaces of the client may share.
func (s *Socket) Conn() *engineio.Session { return s.conn.session }

// Connected reports whether the client has been told that it is connected, and
// has not been disconnected since.
func (s *Socket) Connected() bool { return s.state.Load() == connected }

// Recovered reports whether the socket took over the id, rooms and values of an
// earlier one whose connection broke.
func (s *Socket) Recovered() bool { return s.recovered }

// Context returns the context of the socket. It has the values of the context of
// the HTTP request that opened the connection, and is cancelled when the socket
// is disconnected, with a [*DisconnectError] as cause. While handlers of events
// that arrived before the disconnect still run, cancelling waits for them, but no
// longer than 10 s.
func (s *Socket) Context() context.Context { return s.ctx }

// Auth decodes what the client gave as auth into the value that v points to. It
// does nothing if the client gave none.
func (s *Socket) Auth(v any) error {
	if len(s.auth) == 0 {
		return nil
	}
	if err := json.Unmarshal(s.auth, v); err != nil {
		return fmt.Errorf("socketio: auth: %w", err)
	}
	return nil
}

// Handshake returns what is known of how the client connected.
func (s *Socket) Handshake() *Handshake {
	if h := s.handshake.Load(); h != nil {
		return h
	}
	s.handshake.CompareAndSwap(nil, newHandshake(s.conn.session.Handshake(), s.auth))
	return s.handshake.Load()
}

// Emit sends an event to the client. It does not block. The arguments are
// encoded as JSON; byte slices, wherever they are, are sent as binary and must
// not be changed afterwards. It returns an error if they cannot be encoded or the
// name is reserved, ErrDisconnected, or ErrQueueFull (see Options.QueuePolicy).
// That it returns nil does not mean that the client got the event: use [Call] for
// that.
func (s *Socket) Emit(event string, args ...any) error { return s.emit(flags{}, event, args) }

// Send sends an event named "message".
func (s *Socket) Send(args ...any) error { return s.emit(flags{}, "message", args) }

func (s *Socket) emit(f flags, event string, args []any) error {
	if err := checkName(event); err != nil {
		return err
	}
	if s.state.Load() == ended {
		return ErrDisconnected
	}
	if s.server.opts.Recovery != nil && !f.volatile && s.ns.cluster() != nil {
		return s.ns.emitLogged(Broadcaster{ns: s.ns, rooms: []string{s.id}, flags: f}, s, event, args)
	}
	out, err := s.ns.eventFor(f, event, args)
	if err != nil {
		return err
	}
	s.sawOutgoing(event, args)
	err = s.send(out)
	if err == nil {
		s.ns.sent(event, s, 1)
	}
	return err
}

// send queues a packet, behind what was sent before. That a volatile one is dropped
// is no error.
func (s *Socket) send(out *engineio.Outgoing) error {
	if s.ns.sequence.idle() {
		return s.sendNow(out)
	}
	s.ns.sequence.do(func() { s.sendNow(out) })
	return nil
}

func (s *Socket) sendNow(out *engineio.Outgoing) error {
	if s.state.Load() == activating && s.hold(out, "") {
		return nil
	}
	return sendError(s.conn.session.Send(out))
}

// sendError is what an error of the session means for who sends something. That a
// volatile event is dropped is none.
func sendError(err error) error {
	switch {
	case err == nil || errors.Is(err, engineio.ErrDropped):
		return nil
	case errors.Is(err, engineio.ErrClosed):
		return ErrDisconnected
	}
	return err
}

// deliverInOrder is deliver for an event that can wait for what was sent before. It
// reports false if the socket has not taken it.
func (s *Socket) deliverInOrder(out *engineio.Outgoing) bool {
	if s.ns.sequence.idle() {
		return s.deliver(out, "")
	}
	s.ns.sequence.do(func() { s.deliver(out, "") })
	return true
}

// deliver queues an event of a broadcast. It reports whether the socket took it.
func (s *Socket) deliver(out *engineio.Outgoing, offset string) bool {
	if s.state.Load() == activating && s.hold(out, offset) {
		return true
	}
	if s.state.Load() == ended || offset != "" && s.skips(offset) {
		return false
	}
	return s.conn.session.Send(out) == nil
}

// hold keeps an event for a socket that is in its rooms, but whose client has not
// been told yet that it is connected.
func (s *Socket) hold(out *engineio.Outgoing, offset string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() != activating {
		return false
	}
	s.held = append(s.held, heldEvent{out, offset})
	return true
}

// skips reports whether recovery has sent the event of that offset already.
func (s *Socket) skips(offset string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.replayed[offset] {
		return false
	}
	delete(s.replayed, offset)
	return true
}

// To returns a broadcaster to the sockets that are in any of rooms, except this
// one.
func (s *Socket) To(rooms ...string) Broadcaster { return s.Broadcast().To(rooms...) }

// In is To.
func (s *Socket) In(rooms ...string) Broadcaster { return s.Broadcast().To(rooms...) }

// Except returns a broadcaster to the sockets that are in none of rooms, except
// this one.
func (s *Socket) Except(rooms ...string) Broadcaster { return s.Broadcast().Except(rooms...) }

// Local returns a broadcaster to the sockets of this node, except this one.
func (s *Socket) Local() Broadcaster { return s.Broadcast().Local() }

// Broadcast returns a broadcaster to all sockets of the namespace except this
// one.
func (s *Socket) Broadcast() Broadcaster { return Broadcaster{ns: s.ns}.Except(s.id) }

// Volatile returns a sender whose events are lost if the client cannot take them
// at once.
func (s *Socket) Volatile() Sender { return Sender{s: s}.Volatile() }

// Compress returns a sender that compresses, or does not; by default all that is
// over the thresholds of the options is compressed.
func (s *Socket) Compress(on bool) Sender { return Sender{s: s}.Compress(on) }

// Disconnect disconnects the client from the namespace, or, if closeConn is
// true, from all namespaces, and closes the connection. What was emitted before
// is sent first. Clients do not reconnect by themselves. It does nothing if the
// socket is disconnected already, and does not block: the handlers that follow
// run later.
func (s *Socket) Disconnect(closeConn bool) {
	if closeConn {
		s.conn.disconnect()
		return
	}
	s.disconnect()
}

func (s *Socket) disconnect() { s.inOrder(s.disconnectNow) }

func (s *Socket) disconnectNow() {
	// The packet comes last: when the client has it, it may come back at once.
	if s.end(ServerNamespaceDisconnect, nil) {
		s.conn.sendPacket(parser.Header{Type: parser.Disconnect, Namespace: s.name})
	}
}

// Handle registers a handler for an event of this socket alone. It goes before
// one of the namespace. See Registrar.
func (s *Socket) Handle(event string, h Handler) { s.reg().Handle(event, h) }

// OnAny registers a function that sees every event of this socket. See Registrar.
func (s *Socket) OnAny(fn func(context.Context, *Event)) { s.reg().OnAny(fn) }

// OnAnyOutgoing registers a function that sees every event that is sent to this
// socket. See Registrar.
func (s *Socket) OnAnyOutgoing(fn func(s *Socket, event string, args []any)) {
	s.reg().OnAnyOutgoing(fn)
}

// UseEvents wraps the handlers that are registered on this socket. See Registrar.
func (s *Socket) UseEvents(middleware func(Handler) Handler) { s.reg().UseEvents(middleware) }

// OnDisconnecting registers a function for this socket alone. See Registrar.
func (s *Socket) OnDisconnecting(fn func(*Socket, Reason)) { s.reg().OnDisconnecting(fn) }

// OnDisconnect registers a function for this socket alone. See Registrar.
func (s *Socket) OnDisconnect(fn func(*Socket, Reason)) { s.reg().OnDisconnect(fn) }

// reg returns the registry of the socket, which most have no use for.
func (s *Socket) reg() *registry {
	if r := s.own.Load(); r != nil {
		return r
	}
	s.own.CompareAndSwap(nil, new(registry))
	return s.own.Load()
}

// Sender sends to one socket, with modifiers. It is a value and can be kept. All
// methods may be called concurrently.
type Sender struct {
	s     *Socket
	flags flags
}

// Volatile returns a sender whose events are lost if the client cannot take them
// at once.
func (e Sender) Volatile() Sender {
	e.flags.volatile = true
	return e
}

// Compress returns a sender that compresses, or does not.
func (e Sender) Compress(on bool) Sender {
	e.flags.noCompress = !on
	return e
}

// Emit sends an event to the socket. See Socket.Emit.
func (e Sender) Emit(event string, args ...any) error { return e.s.emit(e.flags, event, args) }

// Send sends an event named "message".
func (e Sender) Send(args ...any) error { return e.s.emit(e.flags, "message", args) }

// To returns a broadcaster with the same modifiers. See Socket.To.
func (e Sender) To(rooms ...string) Broadcaster { return e.Broadcast().To(rooms...) }

// In is To.
func (e Sender) In(rooms ...string) Broadcaster { return e.Broadcast().To(rooms...) }

// Except returns a broadcaster with the same modifiers. See Socket.Except.
func (e Sender) Except(rooms ...string) Broadcaster { return e.Broadcast().Except(rooms...) }

// Local returns a broadcaster with the same modifiers. See Socket.Local.
func (e Sender) Local() Broadcaster { return e.Broadcast().Local() }

// Broadcast returns a broadcaster with the same modifiers. See Socket.Broadcast.
func (e Sender) Broadcast() Broadcaster {
	b := e.s.Broadcast()
	b.flags = e.flags
	return b
}
