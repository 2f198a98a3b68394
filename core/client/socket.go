package client

import (
	"cmp"
	"context"

	"github.com/gosocketio/sio/core/internal/serial"
	"github.com/gosocketio/sio/core/parser"
)

// Socket is the membership in a namespace of a server. It outlives the connection:
// what is registered and what is kept for sending stays. All methods may be called
// concurrently.
type Socket struct {
	registry
	m         *Manager
	namespace string
	number    int // in the order of Of
	ctx       context.Context
	cancel    context.CancelCauseFunc
	queue     serial.Queue[task] // runs the handlers
	auths     tasks              // goroutines that ask AuthFunc

	// Guarded by m.mu.
	state     state
	closed    bool
	link      *link              // on which it is connected or connecting
	asked     *link              // on which a CONNECT was sent that has not been answered
	epoch     int                // of joins; the first is 1
	endAuth   context.CancelFunc // of the AuthFunc that runs; nil if there is none
	goodbye   parser.Encoded
	id        string
	pid       string // private id for recovery
	offset    offset
	recovered bool
	early     mailbox // events that came before the answer to CONNECT
	outbox    outbox
	acks      map[uint64]*ask
	connects  []chan error    // of those who wait in Connect; with room for one
	flushes   []chan struct{} // of those who wait until nothing is kept; closed then
	arriving  bool            // the reader is about to queue an event
	deferred  []task          // behind that event
}

// state is what a socket is about.
type state uint8

const (
	idle       state = iota // nobody wants it to be connected
	waiting                 // for a connection
	connecting              // there is one; the server has not answered yet
	connected
)

func newSocket(m *Manager, namespace string) *Socket {
	s := &Socket{m: m, namespace: namespace}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.queue.Run = s.run
	return s
}

// Namespace returns the name of the namespace.
func (s *Socket) Namespace() string { return s.namespace }

// Manager returns the connection, which sockets of other namespaces may share.
func (s *Socket) Manager() *Manager { return s.m }

// Of returns the socket of another namespace on the same connection. See Manager.Of.
func (s *Socket) Of(namespace string) *Socket { return s.m.Of(namespace) }

// ID returns the id of the socket, which the server gave it, or "" while it is not
// connected. It changes with each connection, unless that is Recovered.
func (s *Socket) ID() string {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	return s.id
}

// Connected reports whether the socket is connected.
func (s *Socket) Connected() bool {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	return s.state == connected
}

// Active reports whether the socket is connected or on its way to be: it was opened,
// and then neither disconnected nor refused, nor were the attempts given up.
func (s *Socket) Active() bool {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	return s.state != idle
}

// Recovered reports whether the server restored the state of the last connection:
// the id is the same, and the events that were missed have come.
func (s *Socket) Recovered() bool {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	return s.state == connected && s.recovered
}

// Open connects the socket in the background, and has it connected again whenever the
// connection breaks. Failed attempts are reported to OnConnectError. It does nothing
// if the socket is active already, or closed.
func (s *Socket) Open() {
	s.m.mu.Lock()
	j, ok := s.openLocked()
	s.m.mu.Unlock()
	if ok {
		j.start()
	}
}

// Connect is Open, but waits until the socket is connected. If the first attempt
// fails or ctx ends it returns an error, a [*ConnectError] if the server refused, and
// the socket is left disconnected (unless it was opened before). It returns nil at
// once if the socket is connected, and ErrClosed after Close. It must not be called in
// a handler of the same socket.
func (s *Socket) Connect(ctx context.Context) error {
	done := make(chan error, 1)
	s.m.mu.Lock()
	if s.closed || s.state == connected {
		defer s.m.mu.Unlock()
		if s.closed {
			return ErrClosed
		}
		return nil
	}
	mine := s.state == idle
	j, ok := s.openLocked()
	s.connects = append(s.connects, done)
	s.m.mu.Unlock()
	if ok {
		j.start()
	}
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil && mine {
		s.Disconnect()
	}
	return err
}

// openLocked makes the socket active. The caller has to start what it returns, if
// that is true.
func (s *Socket) openLocked() (j join, ok bool) {
	if s.closed || s.state != idle {
		return join{}, false
	}
	s.state = waiting
	if l := s.m.link; l != nil {
		return s.joinLocked(l)
	}
	s.m.connectLocked(false)
	return join{}, false
}

// Disconnect leaves the namespace, with reason ClientDisconnect, and closes the
// connection when no other socket needs it, after what is queued on it was sent. Open
// connects again; what waits to be sent then is kept. It does not block, and does
// nothing if the socket is not active.
func (s *Socket) Disconnect() {
	s.m.mu.Lock()
	unused := s.leaveLocked(ErrDisconnected)
	s.m.mu.Unlock()
	unused.close()
}

// leaveLocked disconnects the socket. The caller has to close what it returns. Those
// who wait for something get err.
func (s *Socket) leaveLocked(err error) (unused *link) {
	if s.state == idle {
		return nil
	}
	if s.state == connected {
		s.sayGoodbyeLocked(s.link)
	}
	s.endLocked(idle, ClientDisconnect, nil, err)
	s.connectDoneLocked(err)
	return s.m.releaseLocked()
}

// Close sends what waits to be sent, waits until the server has it (over a websocket
// a second at most), disconnects the socket for good and waits until its handlers and
// goroutines have ended; their context is cancelled once everything was sent. It closes
// the connection if no other socket needs it. While the socket is not connected nothing
// can be sent, and is lost. Calls that wait get ErrClosed.
//
// If ctx ends before that, Close cuts the connection where it must, and returns the
// error of ctx. In a handler of the socket it has to be called with the handler's
// context, or else waits for itself; OnDisconnect, OnConnectError and
// Options.ErrorHandler, which have none, can start a goroutine for it, or call
// Disconnect.
func (s *Socket) Close(ctx context.Context) error {
	last, err := s.close(ctx)
	if last && err == nil {
		err = s.m.tasks.wait(ctx)
	}
	return err
}

// close is Close, but does not wait for goroutines of the manager. It reports whether
// no socket is active any more.
func (s *Socket) close(ctx context.Context) (last bool, err error) {
	m := s.m
	err = s.flush(ctx)
	m.mu.Lock()
	if l := s.link; l != nil && s.state == connected {
		// Servers in JavaScript drop events that they read together with the DISCONNECT
		// behind them.
		m.mu.Unlock()
		l.conn.Arrived(ctx)
		m.mu.Lock()
	}
	l := s.link
	s.closed = true
	unused := s.leaveLocked(ErrClosed)
	s.discardLocked(ErrClosed)
	if m.sockets[s.namespace] == s {
		delete(m.sockets, s.namespace)
		s.leftLocked()
	}
	last = !m.neededLocked()
	m.mu.Unlock()
	switch {
	case unused != nil:
		unused.cancel()
		unused.conn.Close(ctx)
	case l != nil:
		l.conn.Flush(ctx)
	}
	s.cancel(ErrClosed)
	return last, cmp.Or(err, ctx.Err(), s.awaitHandlers(ctx), s.auths.wait(ctx))
}

// awaitHandlers waits until everything that is in the queue now has run.
func (s *Socket) awaitHandlers(ctx context.Context) error {
	done := make(chan struct{})
	s.m.mu.Lock()
	s.pushLocked(task{kind: taskBarrier, done: done})
	s.m.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// flush waits until nothing is kept for sending, or cannot be sent now.
func (s *Socket) flush(ctx context.Context) error {
	done := make(chan struct{})
	s.m.mu.Lock()
	s.flushes = append(s.flushes, done)
	s.flushedLocked()
	s.m.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// flushedLocked wakes those who wait in flush, if they need not wait.
func (s *Socket) flushedLocked() {
	if s.state == connected && !s.outbox.empty() {
		return
	}
	for _, done := range s.flushes {
		close(done)
	}
	s.flushes = nil
}

// connectDoneLocked tells those who wait in Connect how it went.
func (s *Socket) connectDoneLocked(err error) {
	for _, done := range s.connects {
		done <- err
	}
	s.connects = nil
}
