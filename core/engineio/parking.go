package engineio

import (
	"time"

	"github.com/gosocketio/sio/core/internal/packet"
	"github.com/gosocketio/sio/core/internal/ws"
)

// A websocket that has nothing to say needs no reader: its goroutine ends, and the
// parker starts another one when there is something to read. That saves the stack,
// which is more than all else that an idle session has. Readers of busy connections
// stay: starting one costs some 2 µs.

// sweepInterval is how often the server looks for readers that have waited for that
// long at least.
const sweepInterval = 4 * time.Second

// reader is the state of one goroutine that reads from a websocket.
type reader struct {
	// fresh: the session has just begun. Most clients say one thing, and then nothing
	// for a while.
	fresh bool
	// quiet: woken, and has seen pongs only.
	quiet bool
}

// leaves reports whether the reader need not wait for what comes behind p.
func (r *reader) leaves(p packet.Packet) bool {
	leave := r.fresh || r.quiet && p.Type == packet.Pong
	r.fresh, r.quiet = false, r.quiet && p.Type == packet.Pong
	return leave
}

// park lets the reader of conn go. It reports false if it has to go on.
func (s *Session) park(conn *ws.Conn) bool {
	if s.server.opts.KeepReaders || !s.server.parker.Park(conn, s.resume) {
		return false
	}
	s.mu.Lock()
	ended := s.state == stateEnded
	s.mu.Unlock()
	if ended { // end may have been too early to unpark it
		s.server.parker.Unpark(conn)
	}
	return true
}

// resume starts a reader for a connection that was parked.
func (s *Session) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == stateEnded {
		return
	}
	s.server.running.Add(1)
	s.server.workers.Go((*wokenReader)(s))
}

// A session as the tasks that its goroutines have. Its connection stays the same once it
// has one.
type (
	writer      Session
	firstReader Session
	wokenReader Session
	nextReader  Session
)

// Work implements workers.Task.
func (w *writer) Work() { (*Session)(w).write(w.conn) }

// Work implements workers.Task.
func (r *firstReader) Work() { (*Session)(r).read(r.conn, reader{fresh: true}) }

// Work implements workers.Task.
func (r *wokenReader) Work() { (*Session)(r).read(r.conn, reader{quiet: true}) }

// Work implements workers.Task.
func (r *nextReader) Work() { (*Session)(r).read(r.conn, reader{}) }

// sweepLaterLocked sees to it that readers who wait for nothing are found. It is called with
// the server locked.
func (s *Server) sweepLaterLocked() {
	if ws.CanPark && !s.opts.KeepReaders && !s.sweeping {
		s.sweeping = true
		time.AfterFunc(sweepInterval, s.sweep)
	}
}

// sweep makes readers that have waited since the last sweep, at least, park their
// connections.
func (s *Server) sweep() {
	now := s.sweeps.Add(1)
	var idle []*Session
	s.mu.Lock()
	for _, session := range s.sessions {
		if since := session.waitsSince.Load(); since != 0 && since < now-1 {
			idle = append(idle, session)
		}
	}
	s.sweeping = false
	if len(s.sessions) > 0 {
		s.sweepLaterLocked()
	}
	s.mu.Unlock()
	for _, session := range idle {
		session.mu.Lock()
		conn := session.conn
		session.mu.Unlock()
		conn.Kick()
	}
}
