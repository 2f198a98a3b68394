package engineio

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosocketio/sio/core/internal/packet"
	"github.com/gosocketio/sio/core/internal/ws"
)

// Handler receives what a session receives.
type Handler interface {
	// OnMessage gets the messages of the peer in order, one at a time, also
	// across an upgrade; the callee owns data, and may give them back with
	// Session.Reuse. It may block to exert back-pressure: while it blocks nothing
	// more is read, and the session is not closed for a missing pong. A panic ends
	// the session.
	OnMessage(data []byte, binary bool)
	// OnClose is called exactly once, after the last OnMessage returned. err holds
	// details for logs and may be nil.
	OnClose(reason Reason, err error)
}

// discard is the Handler of sessions that nobody listens to.
type discard struct{}

func (discard) OnMessage([]byte, bool) {}
func (discard) OnClose(Reason, error)  {}

type state uint8

const (
	stateOpening state = iota // OnConnection has not returned
	stateOpen
	stateClosing // Close was called; what is queued is being flushed
	stateEnded
)

// Session is one connection of a client, over polling, websocket, or first one
// and then the other. All methods may be called by any goroutine, also from
// inside the callbacks of its Handler.
type Session struct {
	server    *Server
	id        string
	protocol  int
	base64    bool   // the client takes no binary frames or payloads
	jsonp     bool   // polling answers are scripts
	jsonpCall string // index of the client's JSONP callback
	opening   *opening
	bound     *[sha256.Size]byte // nil unless Options.BindSession
	done      chan struct{}      // closed by end
	wake      chan struct{}      // capacity 1: the waiting poll should look again
	handler   Handler            // set once, before the state becomes open

	waitsSince atomic.Uint32        // the number of the last sweep when the reader began to wait last; 0 if it has left
	reuse      atomic.Pointer[byte] // where the data begin that Reuse was called with; or nil

	// mu guards what follows. It is never held across I/O or a callback, and no
	// other lock than the pool's and the flusher's is taken while it is held.
	mu          sync.Mutex
	state       state
	closeAsked  bool   // Close was called while opening
	receiving   bool   // OnMessage (or OnConnection) is running
	dispatching bool   // the packets of a POST are being handled
	writing     bool   // a batch is on its way to the peer
	peerClosed  bool   // the peer sent a close packet
	turn        bool   // a turn is in progress: see turn.go
	turnNumber  uint32 // of the last turn
	hasPosted   bool   // there was a POST
	talks       bool   // there was more than one
	turnPlace   uint32
	loans       uint64   // how many there were
	loan        uint64   // number of the one in progress; 0 if there is none
	unsent      []item   // a batch that the reader could not send to its end
	nextFlush   *Session // guarded by the flusher's mutex
	queue       outbox
	beat        heartbeat
	closeTimer  *time.Timer
	conn        *ws.Conn               // nil while the transport is polling
	poll        *request               // the poll that waits for an answer
	post        *request               // the POST that is being received
	posted      chan struct{}          // closed at the end of post, if someone waits for it
	probe       *probe                 // the upgrade in progress
	answers     [answerKinds]*response // what is being written
	reason      Reason
	err         error
}

// ID returns the session id. It is a secret between client and server: whoever
// knows it can read the client's messages.
func (s *Session) ID() string { return s.id }

// Protocol returns the Engine.IO protocol revision of the client, 3 or 4.
func (s *Session) Protocol() int { return s.protocol }

// Transport returns the current transport, "polling" or "websocket".
func (s *Session) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.transportLocked()
}

// current returns the transport, if the session is open to requests.
func (s *Session) current() (transport string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.transportLocked(), s.state == stateOpen || s.state == stateClosing
}

func (s *Session) transportLocked() string {
	if s.conn != nil {
		return transportWebSocket
	}
	return transportPolling
}

// Done is closed when the session has ended. Handler.OnClose may still be to come.
func (s *Session) Done() <-chan struct{} { return s.done }

// flushLocked sees to it that what is queued gets written: by the waiting poll, at the
// end of the turn, by those who flush, or by a writer that runs until the queue is empty.
func (s *Session) flushLocked() {
	switch {
	case s.state == stateOpening || s.state == stateEnded:
	case s.conn == nil:
		s.wakePollLocked()
	case s.writing || s.keepsBackLocked():
	default:
		s.writing = true
		if s.triesLocked() {
			s.server.flush(s)
		} else {
			s.goWriteLocked()
		}
	}
}

// goWriteLocked starts a writer, with the right to write.
func (s *Session) goWriteLocked() {
	s.server.running.Add(1)
	s.server.workers.Go((*writer)(s))
}

// wakePollLocked wakes the waiting poll, if there is one. The next one looks itself.
func (s *Session) wakePollLocked() {
	if s.poll == nil {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// batchDone ends a batch that was written and lets the next one start.
func (s *Session) batchDone(batch []item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.releaseLocked(batch)
	s.writing = false
	if s.conn == nil || len(s.queue.items) > 0 || s.state == stateClosing {
		s.flushLocked()
	}
}

// open runs OnConnection and starts the session.
func (s *Session) open() {
	opened := false
	defer func() {
		if !opened { // OnConnection panicked; net/http reports it
			s.handler = discard{}
			s.opened()
			s.end(TransportError, errors.New("engineio: OnConnection panicked"))
		}
	}()
	s.handler = s.server.connect(s)
	opened = true
	s.opened()
}

func (s *Session) opened() {
	s.mu.Lock()
	s.receiving = false
	if s.state == stateEnded {
		s.mu.Unlock()
		s.finish()
		return
	}
	s.state = stateOpen
	s.startHeartbeatLocked()
	if s.conn != nil {
		s.server.running.Add(1)
		s.server.workers.Go((*firstReader)(s))
	}
	closing := s.closeAsked
	switch {
	case len(s.queue.items) == 0:
		s.mu.Unlock()
	case s.conn != nil && !s.writing: // the first one, with the response to the handshake
		s.writing = true
		s.writeNow(s.conn) // unlocks
	default:
		s.flushLocked()
		s.mu.Unlock()
	}
	if closing {
		s.Close()
	}
}

// verdict is what a packet means for who reads.
type verdict uint8

const (
	stop verdict = iota
	goOn
	replaced // another reader has taken over
)

func goOnIf(ok bool) verdict {
	if ok {
		return goOn
	}
	return stop
}

// receive handles one packet of the peer.
func (s *Session) receive(p packet.Packet) verdict {
	s.server.traceRead(s, len(p.Data))
	switch p.Type {
	case packet.Message:
		return s.deliver(p.Data, p.Binary)
	case packet.Ping:
		return goOnIf(s.onPing())
	case packet.Pong:
		return goOnIf(s.onPong())
	case packet.Close:
		s.mu.Lock()
		s.peerClosed = true
		s.mu.Unlock()
		s.end(TransportClose, nil)
		return stop
	default: // noops, and others that have no place here: ignored
		return goOnIf(s.onChatter())
	}
}

// deliver calls OnMessage, unless the session has ended. Only one goroutine
// receives at a time: the POST in progress, or the reader of the websocket.
func (s *Session) deliver(data []byte, binary bool) verdict {
	s.mu.Lock()
	if s.state == stateEnded {
		s.mu.Unlock()
		return stop
	}
	s.receiving = true
	s.aliveLocked()
	if s.beat.waiting && s.beat.since.IsZero() {
		s.beat.since = time.Now()
	}
	reads := s.conn != nil && !s.dispatching // we are the reader of the websocket
	if reads {
		s.beginTurnLocked()
	}
	loan := s.loans + 1 // the number of the next one
	s.mu.Unlock()

	panicked := s.onMessage(data, binary, reads, loan)

	s.mu.Lock()
	lent := s.loans >= loan
	mine := s.loan == loan
	if lent && mine {
		s.loan = 0
	}
	if !lent {
		s.receiving = false
		s.deliveredLocked()
	}
	ended := s.state == stateEnded
	s.mu.Unlock()
	switch {
	case ended && !lent:
		s.finish()
		return stop
	case panicked != nil:
		s.end(TransportError, panicked)
	}
	if lent && !mine {
		return replaced
	}
	return goOnIf(!ended && panicked == nil)
}

// Reuse says that data, which OnMessage was called with, is used no more when OnMessage has
// returned, nor any part of it, so that another message can be read into that memory. It
// must be called by OnMessage, in its goroutine. It does not block.
func (s *Session) Reuse(data []byte) {
	if len(data) > 0 {
		s.reuse.Store(&data[0])
	}
}

// reusable reports whether Reuse was called with data since it was called last.
func (s *Session) reusable(data []byte) bool {
	if s.reuse.Load() == nil { // as a rule
		return false
	}
	// Another reader may have taken the place of one that is still in OnMessage.
	first := s.reuse.Swap(nil)
	return len(data) > 0 && first == &data[0]
}

// onMessage calls the handler and turns a panic into an error: it would end the
// process, because the reader of a websocket is no goroutine of net/http.
func (s *Session) onMessage(data []byte, binary, reads bool, loan uint64) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		if v == nil { // the goroutine ends, as with the Fatal of package testing
			if reads {
				s.abandon(loan)
			}
			return
		}
		err = fmt.Errorf("engineio: OnMessage panicked: %v", v)
		s.server.opts.Logger.Error("engineio: panic in OnMessage", "panic", v, "stack", string(debug.Stack()))
	}()
	s.handler.OnMessage(data, binary)
	returned = true
	return nil
}

// Close ends the session after what is queued was written. It returns at once;
// OnClose follows with ForcedClose, at the latest after Options.CloseTimeout.
// On polling the close packet is the answer to the poll after that. An upgrade
// under way goes on until then: its client may poll no more. Later calls do
// nothing.
func (s *Session) Close() {
	s.mu.Lock()
	if s.state != stateOpen {
		s.closeAsked = true
		s.dismissWaitersLocked()
		s.mu.Unlock()
		return
	}
	s.state = stateClosing
	s.dismissWaitersLocked()
	s.closeTimer = time.AfterFunc(s.server.opts.CloseTimeout, func() { s.end(ForcedClose, errCloseTimeout) })
	s.flushLocked()
	s.mu.Unlock()
}

// goodbyeTimeout bounds the close handshake of a session that was aborted.
const goodbyeTimeout = time.Second

// ExpectClose says that the peer has announced that it is leaving, so that its
// websocket close frame is answered at once. By default the session reads on for
// 100 ms behind an ordinary close frame, since some clients send that before
// messages that they wanted to send first.
func (s *Session) ExpectClose() {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		conn.ExpectClose()
	}
}

// endIfIdle ends a closing session whose client is between two polls, or gone,
// and for which nothing is queued: there is nothing to wait for. A client that
// polls again is told that its session is unknown, and reconnects.
func (s *Session) endIfIdle() {
	s.mu.Lock()
	idle := s.state == stateClosing && s.conn == nil && s.poll == nil && !s.writing && len(s.queue.items) == 0
	s.mu.Unlock()
	if idle {
		s.end(ForcedClose, nil)
	}
}

var errCloseTimeout = errors.New("engineio: queue not flushed within the close timeout")

// Abort ends the session now; what is queued is lost. It returns at once and
// may be called at any time; only the first end of a session counts.
func (s *Session) Abort(reason Reason, err error) { s.end(reason, err) }

// end ends the session. It does not block.
func (s *Session) end(reason Reason, err error) {
	if s.ends(reason, err) {
		// Not in the caller's goroutine: it may hold locks that OnClose needs.
		go s.finish()
	}
}

// ends is the only way a session ends. It reports whether finish is left to the caller.
// It does not block.
func (s *Session) ends(reason Reason, err error) (finish bool) {
	s.mu.Lock()
	if s.state == stateEnded {
		s.mu.Unlock()
		return false
	}
	farewell := polite(reason)
	if s.state == stateClosing {
		// The goodbye is on its way. If the peer has answered it, or was gone already,
		// it takes its course; else the peer has had its time.
		farewell = reason == TransportClose || reason == TransportError
		if farewell {
			reason, err = ForcedClose, nil
		}
	}
	s.state = stateEnded
	s.reason, s.err = reason, err
	s.queue.discard()
	s.dismissWaitersLocked()
	s.cutShortLocked()
	if s.beat.timer != nil {
		s.beat.timer.Stop()
	}
	if s.closeTimer != nil {
		s.closeTimer.Stop()
	}
	p := s.takeProbeLocked()
	busy, post, conn, parked := s.receiving, s.post, s.conn, s.conn
	if conn != nil && farewell {
		s.server.running.Add(1)
		go s.goodbye(conn)
		conn = nil
	}
	close(s.done)
	s.wakePollLocked()
	s.mu.Unlock()

	s.server.forget(s)
	p.close()
	post.cancelRead()
	s.limitAnswers()
	if parked != nil {
		s.server.parker.Unpark(parked)
	}
	if conn != nil {
		conn.CloseNow()
	}
	return !busy
}

// goodbye closes conn with a close frame. Nothing of value is on its way, so the
// peer has little time to answer.
func (s *Session) goodbye(conn *ws.Conn) {
	defer s.server.running.Done()
	timer := time.AfterFunc(goodbyeTimeout, func() { conn.CloseNow() })
	defer timer.Stop()
	conn.Close(closeNormal, "")
}

// polite reports whether a session that ends for reason says goodbye to its
// peer. Otherwise the peer is gone, or would not read it.
func polite(reason Reason) bool {
	return !slices.Contains([]Reason{TransportError, TransportClose, PingTimeout, SlowConsumer}, reason)
}

// finish tells the handler that the session has ended. Called once, by end or
// by the goroutine that was inside OnMessage at that moment.
func (s *Session) finish() {
	// What register took.
	defer s.server.running.Done()
	defer s.server.workers.Release()
	if trace := s.server.opts.Trace.SessionClosed; trace != nil {
		trace(s, s.reason)
	}
	defer func() {
		if v := recover(); v != nil {
			s.server.opts.Logger.Error("engineio: panic in OnClose", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	s.handler.OnClose(s.reason, s.err)
}
