package engineio

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/gosocketio/sio/core/internal/ws"
)

// A message that is answered costs two switches to other goroutines if its handler and
// the writer have their own: a tenth of all its cost if it comes alone. So the reader of
// a websocket does it all in one turn. A turn begins with a message. In it
//   - what is sent to the session is kept back, so that all of it goes out with one
//     write, which the reader makes before it waits for the next message;
//   - the reader may be lent to what OnMessage has started (Session.Lend).
//
// Nobody must wait for long because of that: a turn that takes longer than turnLimit, or
// says so (Session.Yield), is cut short. What is queued goes to a writer then, and if the
// reader is lent, another one takes its place.

const (
	// turnLimit is the time after which, or after twice that, a turn is cut short.
	turnLimit = 2 * time.Millisecond
	// idleTurns is how many turnLimits without a turn the watch waits for another one.
	idleTurns = 3
	// maxTurns is how many turns there can be at a time; readers that find no place do
	// without. Those that wait for something are cut short and leave.
	maxTurns = 256
	// mostKept and mostKeptBytes are how much may be kept back in a turn, if the queue
	// has room for eight times that.
	mostKept      = 64
	mostKeptBytes = 64 << 10
)

// turns are the turns in progress.
type turns struct {
	places   [maxTurns]atomic.Pointer[Session]
	begun    atomic.Uint32 // sessions: where each looks first
	watching atomic.Bool

	// Of the watch alone.
	idle int // how often it has seen none
	seen [maxTurns]struct {
		session *Session
		number  uint32
	}
}

// begin finds a place for the session, most often the one it had before, and reports
// whether there was one. It is called with the session locked.
func (t *turns) begin(s *Session) bool {
	for range 4 {
		if t.places[s.turnPlace%maxTurns].CompareAndSwap(nil, s) {
			return true
		}
		s.turnPlace++
	}
	return false
}

// leave gives up the place of the session, if it still has it.
func (t *turns) leave(s *Session) { t.places[s.turnPlace%maxTurns].CompareAndSwap(s, nil) }

// beginTurnLocked begins a turn, unless there is one. It is called by the reader.
func (s *Session) beginTurnLocked() {
	if s.turn || !s.server.turns.begin(s) {
		return
	}
	s.turn = true
	s.turnNumber++
	if !s.server.turns.watching.Load() {
		s.server.watchTurns()
	}
}

// waiting is a session as the ws.Waiter of its connection.
type waiting Session

func (w *waiting) BeforeWait() { (*Session)(w).endTurn() }

// endTurn is called before the reader waits for more. It writes what was kept back, as
// far as that can be done without waiting.
func (s *Session) endTurn() {
	s.mu.Lock()
	if !s.turn || s.loan != 0 { // who closes a connection reads from it, too, while the reader is lent
		s.mu.Unlock()
		return
	}
	s.leaveTurnLocked()
	if s.writing || s.state != stateOpen || len(s.queue.items) == 0 {
		if len(s.queue.items) > 0 || s.state == stateClosing {
			s.flushLocked()
		}
		s.mu.Unlock()
		return
	}
	s.writing = true
	s.writeNow(s.conn) // unlocks
}

func (s *Session) leaveTurnLocked() {
	s.turn = false
	s.server.turns.leave(s)
}

// writeNow writes what is queued on the caller's goroutine. What that would have to wait
// for is left to a writer. It is called with the session locked and the right to write,
// and unlocks it.
func (s *Session) writeNow(conn *ws.Conn) {
	if len(s.queue.items) == 0 && s.state != stateClosing { // it has ended
		s.writing = false
		s.mu.Unlock()
		return
	}
	if !s.triesLocked() {
		s.goWriteLocked()
		s.mu.Unlock()
		return
	}
	batch := s.queue.takeAll()
	s.mu.Unlock()

	pooled := framePool.Get().(*[]ws.Frame)
	frames := s.appendFrames((*pooled)[:0], batch, conn.Compressed())
	taken, sent, err := conn.TryWrite(frames...)
	recycleFrames(pooled, frames)
	if taken {
		s.traceWritten(transportWebSocket, batch)
	}
	if err == ws.ErrClosed { // see write
		return
	}
	if err != nil {
		s.end(TransportError, err)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == stateEnded: // whoever counts for us in Server.running may be gone
		s.releaseLocked(batch)
		s.writing = false
	case !taken:
		s.queue.putBack(batch)
		s.goWriteLocked()
	case !sent:
		s.unsent = batch
		s.goWriteLocked()
	default:
		s.releaseLocked(batch)
		s.writing = false
		if len(s.queue.items) > 0 || s.state == stateClosing {
			s.flushLocked()
		}
	}
}

// Lend is called by OnMessage, in its own goroutine, before it does what may take long
// and is of no concern to the order of the messages: for the session it has returned
// then. If that takes long indeed, another goroutine goes on reading. Lend reports false,
// and does nothing, if the goroutine cannot be lent: OnMessage was not called by the
// reader of a websocket, say.
func (s *Session) Lend() bool {
	s.mu.Lock()
	if !s.turn || !s.receiving || s.conn == nil {
		s.mu.Unlock()
		return false
	}
	s.loans++
	s.loan = s.loans
	s.receiving = false
	s.deliveredLocked()
	s.mu.Unlock()
	return true
}

// Yield says that the caller, in whose goroutine OnMessage may have been called, is going
// to wait for what the client sends. It cuts the turn of the session short: what is queued
// is written, and if the reader is lent, another one goes on. It does not block, and costs
// little if there is nothing to do.
func (s *Session) Yield() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cutShortLocked()
}

func (s *Session) cutShortLocked() {
	if !s.turn {
		return
	}
	s.leaveTurnLocked()
	if len(s.queue.items) > 0 || s.state == stateClosing {
		s.flushLocked()
	}
	if s.loan != 0 {
		s.replaceReaderLocked()
	}
}

// replaceReaderLocked ends a loan. The new reader takes over what the old one counts for
// in Server.running.
func (s *Session) replaceReaderLocked() {
	s.loan = 0
	if s.state == stateEnded {
		s.server.running.Done()
		return
	}
	s.server.workers.Go((*nextReader)(s))
}

// abandon is called when the reader's goroutine ends in OnMessage; loan is the number of
// the loan that it may have got there.
func (s *Session) abandon(loan uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.loan == loan:
		s.replaceReaderLocked()
	case s.loans < loan:
		s.receiving = false
		s.server.running.Done()
		if s.state == stateEnded {
			go s.finish() // end has left it to us
		} else {
			go s.end(TransportError, errGoexit)
		}
	}
}

var errGoexit = errors.New("engineio: OnMessage ended its goroutine")

// keptOf returns how much of a queue may be kept back; limit is that of the queue.
func keptOf(limit, most int) int {
	if limit < 0 {
		return most
	}
	return min(limit/8, most)
}

// keepsBackLocked reports whether what is queued can wait for the end of the turn.
func (s *Session) keepsBackLocked() bool {
	return s.turn && s.state == stateOpen && s.queue.waiting == nil &&
		s.queue.messages <= s.server.keptMessages && s.queue.bytes <= s.server.keptBytes
}

// watchTurns starts the watch, which cuts turns short that take too long. It is a timer
// that runs while there are turns, and idleTurns times more.
func (s *Server) watchTurns() {
	if s.turns.watching.CompareAndSwap(false, true) {
		s.turns.idle = 0
		time.AfterFunc(turnLimit, s.watch)
	}
}

func (s *Server) watch() {
	t := &s.turns
	t.idle++
	for i := range t.places {
		session, last := t.places[i].Load(), &t.seen[i]
		if session == nil {
			last.session = nil
			continue
		}
		t.idle = 0
		known := last.session == session
		last.session, last.number = session, session.cutShort(known, last.number)
	}
	if t.idle < idleTurns {
		time.AfterFunc(turnLimit, s.watch)
		return
	}
	t.watching.Store(false)
	if t.any() { // a turn that began meanwhile may have seen us watching
		s.watchTurns()
	}
}

func (t *turns) any() bool {
	for i := range t.places {
		if t.places[i].Load() != nil {
			return true
		}
	}
	return false
}

// cutShort cuts the turn short if known is true and it still is the one of that number. It
// returns the number of the last one.
func (s *Session) cutShort(known bool, number uint32) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known && s.turnNumber == number {
		s.cutShortLocked()
	}
	return s.turnNumber
}
