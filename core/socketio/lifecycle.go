package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/gosocketio/sio/core/internal/serial"
	"github.com/gosocketio/sio/core/parser"
)

// taskKind says what an entry of a socket's queue is.
type taskKind uint8

const (
	taskEvent taskKind = iota
	taskConnect
	taskDisconnect
)

// handlerGrace is how long the handlers of events that arrived before a
// disconnect may run until the socket's context is cancelled: what a client
// sends just before it leaves is to be handled like everything else.
const handlerGrace = 10 * time.Second

var (
	errInvalidNamespace = &Error{Message: "Invalid namespace"}
	errInternal         = &Error{Message: "internal error"}

	errTooManyNamespaces = &Error{Message: "Too many namespaces"} // see Options.MaxNamespaces
	errStillLeaving      = &Error{Message: "The last connection is still being closed"}
)

func newSocket(c *conn, name string, auth json.RawMessage) *Socket {
	s := &Socket{conn: c, server: c.server, name: name, auth: auth}
	s.ctx, s.cancel = context.WithCancelCause(c.session.Context())
	s.queue = serial.Queue[*Event]{Run: s.run, Weigh: (*Event).weight, MaxWeight: c.server.opts.MaxInflightBytes, Pool: &c.server.workers}
	s.id = c.socketID(name)
	return s
}

// run is called by the queue, for one entry at a time.
func (s *Socket) run(e *Event) {
	switch e.kind {
	case taskConnect:
		e.free()
		s.connect()
	case taskEvent:
		s.handle(e)
	case taskDisconnect:
		e.free()
		s.finish()
	}
}

// connect takes the socket from its CONNECT packet to OnConnect. If the socket
// is ended meanwhile, nobody else cleans up: end leaves it to connect.
func (s *Socket) connect() {
	ns, err := s.resolve()
	if err != nil {
		s.refuse(err)
		s.done()
		return
	}
	s.ns = ns
	restored := s.restore()
	if !ns.index.Insert(s) { // clients of version 2 have one id for each namespace
		s.refuse(errStillLeaving)
		ns.release()
		s.done()
		return
	}
	if restored != nil {
		ns.index.Join(s.id, restored.Rooms...)
	}
	if err = s.middleware(); err == nil {
		err = s.makeLimiter()
	}
	if err != nil {
		s.abandon(err)
		return
	}
	if !s.activate(restored) {
		s.abandon(nil)
		return
	}
	s.conn.joined()
	if t := s.server.opts.Trace; t.Connected != nil {
		s.server.safely(func() { t.Connected(s) })
	}
	s.guard("connect", func() error { return s.onConnect() })
}

func (s *Socket) resolve() (ns *Namespace, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.server.opts.Logger.Error("socketio: panic in a namespace function", "namespace", s.name, "panic", p, "stack", string(debug.Stack()))
			ns, err = nil, errInternal
		}
	}()
	return s.server.resolve(s.ctx, s.name, s.auth)
}

// middleware runs the connect middleware. An error of it, or a panic, refuses the
// socket.
func (s *Socket) middleware() (err error) {
	if s.recovered && !s.server.opts.Recovery.RunMiddleware {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			s.failed("", &PanicError{Value: p, Stack: debug.Stack()})
			err = errInternal
		}
	}()
	s.ns.each(func(t *table) {
		for _, fn := range t.use {
			if err == nil {
				err = fn(s.ctx, s)
			}
		}
	})
	return err
}

// activate makes the socket part of its rooms and tells the client that it is
// connected. What is broadcast in between waits until it has been told. It
// reports false if the socket has ended.
func (s *Socket) activate(restored *restoredSession) bool {
	if !s.transition(connecting, activating) {
		return false
	}
	s.ns.index.Activate(s.id)
	missed := restored.missed(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() != activating {
		return false
	}
	for _, m := range missed {
		s.conn.session.Send(m.out)
	}
	s.conn.sendPacket(parser.Header{Type: parser.Connect, Namespace: s.name}, s.connectReply()...)
	for _, h := range s.held {
		if h.offset == "" || !s.replayed[h.offset] {
			s.conn.session.Send(h.out)
		}
	}
	s.held = nil
	s.state.Store(connected)
	if s.pid != "" {
		s.ns.pids.Store(s.pid, s)
	}
	return true
}

// isConnected is Connected for those who may know it from the client, which can
// be faster than the end of activate.
func (s *Socket) isConnected() bool {
	if s.state.Load() == activating {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	return s.state.Load() == connected
}

func (s *Socket) transition(from, to int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() != from {
		return false
	}
	s.state.Store(to)
	return true
}

// connectReply is the payload of the CONNECT packet; clients of version 2 know
// none.
type connectReply struct {
	SID string `json:"sid"`
	PID string `json:"pid,omitempty"`
}

func (s *Socket) connectReply() []any {
	if s.conn.session.Protocol() == 3 {
		return nil
	}
	return []any{connectReply{SID: s.id, PID: s.pid}}
}

// refuse tells the client why it may not connect, and forgets the socket.
func (s *Socket) refuse(err error) {
	s.conn.remove(s)
	s.server.refused(s.name, err)
	if s.transition(connecting, ended) {
		s.conn.sendRefusal(s.name, err)
	}
	s.cancel(&DisconnectError{Reason: ForcedServerClose, Err: err})
}

// abandon takes back what connect did: err is the reason, or nil if the socket
// has ended by itself.
func (s *Socket) abandon(err error) {
	rooms := s.ns.index.Delete(s.id)
	if s.recovered && err == nil {
		s.save(rooms) // the client may come back once more
	}
	if err != nil {
		s.refuse(err)
	}
	s.ns.release()
	s.done()
}

func (s *Socket) onConnect() (err error) {
	s.ns.each(func(t *table) {
		for _, fn := range t.connect {
			err = errors.Join(err, fn(s.ctx, s))
		}
	})
	return err
}

// end disconnects the socket; the first call counts, and only that reports true.
// Events that have arrived are still handled, then come the functions for the
// disconnect. It does not wait for them.
func (s *Socket) end(reason Reason, err error) bool {
	ends, first := s.endQueue(reason, err)
	if first {
		s.queue.Start(false)
	}
	return ends
}

// endQueue is end, but if no handler is running it leaves it to the caller to start the
// queue, as its Add does.
func (s *Socket) endQueue(reason Reason, err error) (ends, first bool) {
	s.mu.Lock()
	before := s.state.Load()
	if before == ended {
		s.mu.Unlock()
		return false, false
	}
	s.state.Store(ended)
	s.reason = &DisconnectError{Reason: reason, Err: err}
	acks, waits := s.acks, s.waits
	s.acks, s.waits, s.held = nil, nil, nil
	s.forgetReplayedLocked()
	s.queue.Lift(false)
	s.mu.Unlock()

	if s.conn.remove(s) && reason == ClientNamespaceDisconnect {
		s.conn.session.ExpectClose() // it has said all that it had to say
	}
	for _, ack := range acks {
		ack.fail(ErrDisconnected)
	}
	for w := range waits {
		w.end(s.reason)
	}
	if before != connected {
		s.cancel(s.reason)
		return true, false
	}
	s.leaveAll()
	if s.shut() {
		first = s.queue.Add(newTask(s, taskDisconnect))
	}
	if !first {
		s.startGrace()
	}
	return true, first
}

// startGrace cancels the handlers that are still running in a while.
func (s *Socket) startGrace() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.finishing {
		s.grace = time.AfterFunc(handlerGrace, func() { s.cancel(s.reason) })
	}
}

// endGrace cancels them now.
func (s *Socket) endGrace() {
	s.mu.Lock()
	s.finishing = true
	if s.grace != nil {
		s.grace.Stop()
	}
	s.mu.Unlock()
	s.cancel(s.reason)
}

// leaveAll takes the socket out of its namespace and keeps what recovery needs.
func (s *Socket) leaveAll() {
	final := s.ns.index.Delete(s.id)
	s.mu.Lock()
	s.final = final
	s.mu.Unlock()
	s.save(final)
}

// finish is the last entry of the queue.
func (s *Socket) finish() {
	defer s.done()
	defer s.ns.release()
	s.endGrace()
	reason := s.reason.Reason
	s.eachTable(func(t *table) { s.callAll("disconnecting", t.disconnecting, reason) })
	s.mu.Lock()
	s.final = []string{}
	s.mu.Unlock()
	s.eachTable(func(t *table) { s.callAll("disconnect", t.disconnect, reason) })
	if t := s.server.opts.Trace; t.Disconnected != nil {
		s.server.safely(func() { t.Disconnected(s, reason) })
	}
}

// callAll calls the functions for a disconnect. They clean up: none is left out
// because another panics.
func (s *Socket) callAll(event string, fns []func(*Socket, Reason), reason Reason) {
	for _, fn := range fns {
		s.guard(event, func() error { fn(s, reason); return nil })
	}
}

// eachTable calls f for the handlers of the dynamic namespace, of the namespace
// and of the socket.
func (s *Socket) eachTable(f func(*table)) {
	s.ns.each(f)
	if r := s.own.Load(); r != nil {
		f(r.load())
	}
}

// guard runs user code and hands its error, or panic, to the ErrorHandler. After
// a panic the socket is disconnected.
func (s *Socket) guard(event string, f func() error) {
	defer s.recover(event)
	if err := f(); err != nil {
		s.failed(event, err)
	}
}

// recover is to be deferred around user code.
func (s *Socket) recover(event string) {
	if p := recover(); p != nil {
		s.failed(event, &PanicError{Value: p, Stack: debug.Stack()})
		s.disconnect()
	}
}

// handle runs the handler of an event.
func (s *Socket) handle(e *Event) {
	defer s.recover(e.packet.Event)
	seen := false
	s.eachTable(func(t *table) {
		for _, fn := range t.any {
			seen = true
			fn(s.ctx, e)
		}
	})
	h := s.handler(e.packet.Event)
	if h == nil {
		s.unhandled(e)
		return
	}
	start, traced := time.Time{}, s.server.opts.Trace.EventHandled
	if traced != nil {
		start = time.Now()
	}
	err := h.HandleEvent(s.ctx, e)
	if traced != nil {
		traced(s, e.packet.Event, time.Since(start), err)
	}
	if err != nil {
		s.handlerFailed(e, err)
		return
	}
	if typed, ok := h.(typedHandler); ok && !seen {
		e.release(typed.copies)
	}
}

// unhandled tells those who look for it of an event that nothing handles: its name
// may be misspelt. For the protocol that is no error.
func (s *Socket) unhandled(e *Event) {
	log := s.server.opts.Logger
	if !log.Enabled(s.ctx, slog.LevelDebug) {
		return
	}
	seen := false
	s.eachTable(func(t *table) { seen = seen || len(t.any) > 0 })
	if !seen {
		log.Debug("socketio: no handler for the event", "namespace", s.ns.name, "socket", s.logID(), "event", e.packet.Event)
	}
}

func (s *Socket) handlerFailed(e *Event, err error) {
	ask := e.packet.HasID && !e.replied.Load()
	s.report(e.packet.Event, err, ask)
	if ask {
		e.Reply(s.server.opts.ErrorReply(err))
	}
}

// handler returns the handler of an event, nil if there is none: that of the
// socket, of the namespace or of the dynamic namespace.
func (s *Socket) handler(event string) Handler {
	outer, inner := s.ns.parentTable(), s.ns.load()
	if r := s.own.Load(); r != nil {
		own := r.load()
		if h := own.wrapped[event]; h != nil {
			return s.merged.of(event, h, outer, inner, own)
		}
	}
	if h := inner.wrapped[event]; h != nil {
		return s.ns.merged.of(event, h, outer, &emptyTable, inner)
	}
	return outer.wrapped[event]
}
