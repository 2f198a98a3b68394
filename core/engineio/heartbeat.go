package engineio

import (
	"errors"
	"time"

	"github.com/gosocketio/sio/core/internal/packet"
)

var (
	errNoPong             = errors.New("engineio: no pong in time")
	errSilence            = errors.New("engineio: no ping in time")
	errHeartbeatDirection = errors.New("engineio: invalid heartbeat direction")
	errChatter            = errors.New("engineio: too many packets that say nothing")
)

// blockedFrom is how long OnMessage has to run to count as blocking, so that
// the time does not count against the peer's pong.
const blockedFrom = time.Millisecond

// maxChatter is how many packets a peer may send in a PingInterval that say nothing
// and that nobody asked for: pongs without a ping, noops, pings of protocol 3. A
// client has no reason to send more than a few.
const maxChatter = 1000

// heartbeat is one timer per session that is reset in place. In protocol 4 it
// alternates between the next ping and the deadline of its pong; in protocol 3
// it is the deadline of the client's next ping. The session's mutex guards it.
type heartbeat struct {
	timer     *time.Timer
	waiting   bool      // a ping was sent, its pong has not arrived
	refreshed bool      // the deadline was moved once for this ping
	overdue   bool      // the deadline passed while OnMessage was running
	chatter   uint16    // packets that say nothing, within the interval
	interval  uint16    // number of that interval, since the handshake
	since     time.Time // when the running OnMessage began to matter
}

func (s *Session) startHeartbeatLocked() {
	d := s.server.opts.PingInterval
	if s.protocol == 3 {
		d += s.server.opts.PingTimeout
	}
	s.beat.timer = time.AfterFunc(d, s.onBeat)
}

// deadline is how long the peer may be silent once its answer is due.
func (s *Session) deadline() time.Duration {
	if s.protocol == 3 {
		return s.server.ioTimeout
	}
	return s.server.opts.PingTimeout
}

// onBeat runs in the timer's goroutine.
func (s *Session) onBeat() {
	s.mu.Lock()
	switch {
	case s.state == stateEnded:
		s.mu.Unlock()
	case s.protocol == 4 && !s.beat.waiting:
		s.pingLocked()
		s.mu.Unlock()
		s.limitAnswers()
	case s.receiving || s.dispatching:
		s.beat.overdue = true
		s.mu.Unlock()
	default:
		s.mu.Unlock()
		err := errNoPong
		if s.protocol == 3 {
			err = errSilence
		}
		s.end(PingTimeout, err)
	}
}

func (s *Session) pingLocked() {
	s.beat.waiting, s.beat.refreshed = true, false
	if s.receiving || s.dispatching {
		s.beat.since = time.Now()
	}
	if s.state == stateOpen {
		s.queue.pushControl(packet.Ping)
		s.flushLocked()
	}
	s.beat.timer.Reset(s.server.opts.PingTimeout)
}

// chatterLocked counts a packet that says nothing, and reports false if it is one
// too many. The time is looked at only here: ordinary traffic pays nothing for it.
func (s *Session) chatterLocked() bool {
	interval := uint16(time.Since(s.opening.time) / s.server.opts.PingInterval)
	if interval != s.beat.interval {
		s.beat.interval, s.beat.chatter = interval, 0
	}
	s.beat.chatter++
	return s.beat.chatter <= maxChatter
}

// onChatter handles a packet that says nothing.
func (s *Session) onChatter() bool {
	s.mu.Lock()
	ok := s.chatterLocked()
	s.mu.Unlock()
	if !ok {
		s.end(TransportError, errChatter)
	}
	return ok
}

// onPong handles a pong of the peer; an unsolicited one changes nothing.
func (s *Session) onPong() bool {
	if s.protocol == 3 {
		s.end(TransportError, errHeartbeatDirection)
		return false
	}
	s.mu.Lock()
	asked := s.beat.waiting
	if s.state != stateEnded && asked {
		s.beat.waiting = false
		s.beat.timer.Reset(s.server.opts.PingInterval)
	}
	s.mu.Unlock()
	return asked || s.onChatter()
}

// onPing answers the ping of a client of protocol 3.
func (s *Session) onPing() bool {
	if s.protocol == 4 {
		s.end(TransportError, errHeartbeatDirection)
		return false
	}
	if !s.onChatter() {
		return false
	}
	s.limitAnswers()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aliveLocked()
	if s.state == stateOpen {
		s.queue.pushControl(packet.Pong)
		s.flushLocked()
	}
	return true
}

// aliveLocked notes that a packet other than a pong has arrived.
func (s *Session) aliveLocked() {
	switch {
	case s.state == stateEnded || s.beat.timer == nil:
	case s.protocol == 3:
		s.beat.timer.Reset(s.server.ioTimeout)
	case s.beat.waiting:
		// Once per ping: a peer that never answers must not live for ever.
		if !s.beat.refreshed {
			s.beat.refreshed = true
			s.beat.timer.Reset(s.server.opts.PingTimeout)
		}
	}
}

// deliveredLocked gives the peer its time back that OnMessage took: while it
// blocked, a pong that lies in the connection could not be read.
func (s *Session) deliveredLocked() {
	if s.state == stateEnded || s.dispatching {
		return // the peer can send nothing before its POST is answered
	}
	since := s.beat.since
	s.beat.since = time.Time{}
	switch {
	case s.beat.overdue:
		s.beat.overdue = false
		s.beat.timer.Reset(s.deadline())
	case s.beat.waiting && !since.IsZero() && time.Since(since) >= blockedFrom:
		s.beat.timer.Reset(s.deadline())
	}
}
