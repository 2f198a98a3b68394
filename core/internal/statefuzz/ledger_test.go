package statefuzz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/gosocketio/sio/core/socketio"
)

// ledger is what the handlers of the server see. They write it concurrently.
type ledger struct {
	mu        sync.Mutex // guards all that is in here, the witnesses included
	witnesses []*witness
	faults    []string
}

// witness is what became of one socket.
type witness struct {
	ledger *ledger
	sock   *socketio.Socket
	tag    string // of the client's connection

	busy          string // the handler that runs
	connected     int    // how often OnConnect ran
	disconnecting int
	gone          int // how often OnDisconnect ran
	reason        socketio.Reason
	events        []int // numbers of the events that were handled
	last          int
}

func (l *ledger) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faultLocked(format, args...)
}

func (l *ledger) faultLocked(format string, args ...any) {
	if len(l.faults) < 20 {
		l.faults = append(l.faults, fmt.Sprintf(format, args...))
	}
}

// connected is called by OnConnect.
func (l *ledger) connected(s *socketio.Socket) *witness {
	tag := s.Handshake().Query.Get("tag")
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.witnesses {
		if w.sock == s {
			w.connected++
			return w
		}
	}
	w := &witness{ledger: l, sock: s, tag: tag, connected: 1}
	l.witnesses = append(l.witnesses, w)
	return w
}

// of returns the witness of a socket; nil, and a fault, if it has not connected.
func (l *ledger) of(s *socketio.Socket, event string) *witness {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.witnesses {
		if w.sock == s {
			return w
		}
	}
	l.faultLocked("%s %s: %q without OnConnect", s.Namespace().Name(), s.ID(), event)
	return nil
}

// find returns the latest socket of a namespace with that id.
func (l *ledger) find(namespace, id string) *witness {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range slices.Backward(l.witnesses) {
		if w.sock.ID() == id && w.sock.Namespace().Name() == namespace {
			return w
		}
	}
	return nil
}

func (w *witness) nameLocked() string {
	return fmt.Sprintf("socket %s%s of %s", w.sock.Namespace().Name(), w.sock.ID(), w.tag)
}

// enter begins a handler: they run one at a time, between OnConnect and OnDisconnect.
func (w *witness) enter(event string) {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	if w.busy != "" {
		w.ledger.faultLocked("%s: %q while %q runs", w.nameLocked(), event, w.busy)
	}
	if w.gone > 0 {
		w.ledger.faultLocked("%s: %q after OnDisconnect", w.nameLocked(), event)
	}
	w.busy = event
}

func (w *witness) leave() {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	w.busy = ""
}

// handled notes an event. They are numbered, across all clients, in the order in which
// they were sent.
func (w *witness) handled(tag string, number int) {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	if tag != w.tag {
		w.ledger.faultLocked("%s got event %d of %s", w.nameLocked(), number, tag)
	}
	if number <= w.last {
		w.ledger.faultLocked("%s got event %d after %d", w.nameLocked(), number, w.last)
	}
	w.last = number
	w.events = append(w.events, number)
}

func (w *witness) onDisconnecting(s *socketio.Socket) {
	w.enter("disconnecting")
	defer w.leave()
	rooms := s.Rooms()
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	w.disconnecting++
	if !slices.Contains(rooms, s.ID()) {
		w.ledger.faultLocked("%s: rooms while disconnecting are %q", w.nameLocked(), rooms)
	}
}

func (w *witness) onDisconnect(s *socketio.Socket, reason socketio.Reason) {
	w.enter("disconnect")
	defer w.leave()
	rooms, cause := s.Rooms(), context.Cause(s.Context())
	there, _ := s.Namespace().Socket(s.ID()) // that may be one which has recovered s
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	w.gone++
	w.reason = reason
	if len(rooms) != 0 {
		w.ledger.faultLocked("%s: rooms when disconnected are %q", w.nameLocked(), rooms)
	}
	if there == s {
		w.ledger.faultLocked("%s: still in the namespace when disconnected", w.nameLocked())
	}
	var d *socketio.DisconnectError
	if !errors.As(cause, &d) || d.Reason != reason {
		w.ledger.faultLocked("%s: reason %q, but cause of the context %v", w.nameLocked(), reason, cause)
	}
}

// record is a copy of a witness.
type record struct {
	connected, disconnecting, gone int
	reason                         socketio.Reason
	events                         []int
}

func (w *witness) read() record {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	return record{w.connected, w.disconnecting, w.gone, w.reason, slices.Clone(w.events)}
}

func (l *ledger) all() []*witness {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.witnesses)
}

func (l *ledger) takeFaults() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.faults)
}
