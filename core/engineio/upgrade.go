package engineio

import (
	"time"

	"github.com/gosocketio/sio/core/internal/packet"
	"github.com/gosocketio/sio/core/internal/ws"
)

const (
	// noopsAtOnce polls are answered with a noop without delay during an upgrade:
	// the client may poll again before it has seen the answer to its probe.
	noopsAtOnce = 3
	// noopInterval paces the noops after that.
	noopInterval = 100 * time.Millisecond
)

// probe is an upgrade in progress. The session's mutex guards the fields.
type probe struct {
	session  *Session
	conn     *ws.Conn // nil until the 101 was sent
	timer    *time.Timer
	answered bool // "3probe" was sent: the client wants its poll back
	noops    int
	lastNoop time.Time
}

// close ends a probe that takeProbeLocked returned; nil is fine.
func (p *probe) close() {
	if p != nil && p.conn != nil {
		p.timer.Stop()
		p.conn.CloseNow()
	}
}

func (s *Session) takeProbeLocked() *probe {
	p := s.probe
	s.probe = nil
	return p
}

// noopWait says how long the waiting poll has to wait for its noop.
func (p *probe) noopWait() time.Duration {
	if p.noops < noopsAtOnce {
		return 0
	}
	return noopInterval - time.Since(p.lastNoop)
}

// serveUpgrade serves a websocket request for a session that is on polling.
func (s *Session) serveUpgrade(q *request) {
	p := &probe{session: s}
	if !s.beginProbe(p) {
		// A second one, parallel or late, gets its 101 and is closed.
		if conn, err := s.server.upgradeConn(q, ""); err == nil {
			conn.Close(closeNormal, "")
		}
		return
	}
	conn, err := s.server.upgradeConn(q, "")
	if err != nil {
		s.dropProbe(p)
		return
	}
	conn.SetWaiter((*waiting)(s))
	if err := conn.Write(); err != nil { // the response
		conn.CloseNow()
		s.dropProbe(p)
		return
	}
	if !s.startProbe(p, conn) { // the session ended or was closed meanwhile
		conn.CloseNow()
	}
}

func (s *Session) beginProbe(p *probe) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateOpen || s.conn != nil || s.probe != nil {
		return false
	}
	s.probe = p
	return true
}

func (s *Session) startProbe(p *probe, conn *ws.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probe != p {
		return false
	}
	p.conn = conn
	p.timer = time.AfterFunc(s.server.opts.UpgradeTimeout, func() { s.dropProbe(p) })
	s.server.running.Add(1)
	s.server.workers.Go(p)
	return true
}

// dropProbe gives the upgrade up; the session goes on over polling.
func (s *Session) dropProbe(p *probe) {
	s.mu.Lock()
	mine := s.probe == p
	if mine {
		s.probe = nil
	}
	s.mu.Unlock()
	if mine {
		p.close()
	}
}

// Work implements workers.Task. It reads from the new transport until it took over, and
// then goes on as its reader.
func (p *probe) Work() {
	s := p.session
	if s.probed(p) && s.switchTo(p) {
		s.read(p.conn, reader{place: s.linger()})
		return
	}
	s.dropProbe(p) // does nothing after the switch
	s.server.running.Done()
}

// probed answers probes until the client asks for the switch. It reports false
// if anything else happens.
func (s *Session) probed(p *probe) bool {
	for range maxChatter {
		data, binary, err := p.conn.Read()
		if err != nil {
			return false
		}
		in, err := s.decode(data, binary)
		switch {
		case err != nil:
			return false
		case in.Type == packet.Upgrade:
			return true
		case in.Type != packet.Ping || string(in.Data) != "probe":
			return false
		}
		p.conn.Reuse(data)
		if err := p.conn.Write(ws.Frame{Payload: []byte("3probe")}); err != nil {
			return false
		}
		s.probeAnswered(p)
	}
	return false
}

// probeAnswered makes polls return, so that the client can stop polling.
func (s *Session) probeAnswered(p *probe) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.answered = true
	s.wakePollLocked()
}

// switchTo makes the probe's connection the transport of the session. A batch
// that is being written to a poll is finished first: the writer starts when it
// is done. A POST in progress is waited for, so that its messages come first.
func (s *Session) switchTo(p *probe) bool {
	s.mu.Lock()
	if s.probe != p {
		s.mu.Unlock()
		return false
	}
	s.probe = nil
	s.conn = p.conn
	p.timer.Stop()
	s.wakePollLocked()
	if len(s.queue.items) > 0 || s.state == stateClosing {
		s.flushLocked()
	}
	var posted chan struct{}
	if s.post != nil {
		posted = make(chan struct{})
		s.posted = posted
	}
	s.mu.Unlock()
	if trace := s.server.opts.Trace.Upgraded; trace != nil {
		trace(s)
	}
	if posted != nil {
		select {
		case <-posted:
		case <-s.done:
		}
	}
	return true
}
