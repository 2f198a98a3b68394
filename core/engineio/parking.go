package engineio

import (
	"sync/atomic"
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

// mostLingering is how many sessions that have just begun keep their readers: those that
// began last. Clients most often say one thing to begin with, and then nothing for a
// while; but there may be more to come, and parking costs a tenth of what a client does
// that connects and leaves. Each keeps a stack of 8 KiB.
const mostLingering = 64

// lingering are the sessions that keep their readers although they may be silent.
type lingering struct {
	places [mostLingering]atomic.Pointer[Session]
	last   atomic.Uint32
}

// linger finds a place for the session, and has the one that was there park. It returns
// nil if readers are not parked.
func (s *Session) linger() *atomic.Pointer[Session] {
	if !ws.CanPark || s.server.opts.KeepReaders {
		return nil
	}
	l := &s.server.lingering
	place := &l.places[l.last.Add(1)%mostLingering]
	if before := place.Swap(s); before != nil {
		before.conn.Kick()
	}
	return place
}

// reader is the state of one goroutine that reads from a websocket.
type reader struct {
	// fresh: the session has just begun.
	fresh bool
	// place: it lingers, until the next message.
	place *atomic.Pointer[Session]
	// quiet: woken, and has seen pongs only.
	quiet bool
}

// stopLingering is called when there is something to read, or the session has ended.
func (r *reader) stopLingering(s *Session) {
	if r.place != nil {
		r.place.CompareAndSwap(s, nil)
		r.place = nil
	}
}

// leaves reports whether the reader need not wait for what comes behind p.
func (r *reader) leaves(s *Session, p packet.Packet) bool {
	if r.fresh {
		r.fresh = false
		r.place = s.linger()
	}
	r.quiet = r.quiet && p.Type == packet.Pong
	return r.quiet
}

// park lets the reader of conn go. It reports false if it has to go on.
func (s *Session) park(conn *ws.Conn) bool {
	s.waitsSince.Store(0)
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
// connections. Those that are busy with a message for that long do so after it, and come
// back if there is another one.
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
