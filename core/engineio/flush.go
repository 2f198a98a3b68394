package engineio

import "sync"

// Most writes need not wait: the kernel has room. Those that nobody is at hand for (see
// turn.go) are made by a few goroutines, one for each processor at most, however many
// sessions have something to write: a broadcast to 10,000 starts no 10,000 writers. What
// the kernel does not take at once is left to a writer of the session's own.

// flusher is the list of the sessions that wait for that, and those who work on it.
type flusher struct {
	mu          sync.Mutex // taken with a session's held
	first, last *Session   // linked by Session.nextFlush
	working     int
	most        int
}

// flush has somebody write what is queued. It is called with the session locked, and
// gives its right to write away.
func (s *Server) flush(session *Session) {
	f := &s.flusher
	f.mu.Lock()
	if f.last == nil {
		f.first = session
	} else {
		f.last.nextFlush = session
	}
	f.last = session
	more := f.working < f.most
	if more {
		f.working++
	}
	f.mu.Unlock()
	if more {
		s.running.Add(1)
		s.workers.Go((*flushing)(s))
	}
}

// next takes a session from the list. If there is none, who asks is to stop.
func (f *flusher) next() *Session {
	f.mu.Lock()
	defer f.mu.Unlock()
	session := f.first
	if session == nil {
		f.working--
		return nil
	}
	f.first, session.nextFlush = session.nextFlush, nil
	if f.first == nil {
		f.last = nil
	}
	return session
}

// flushing is a server as the task of flushing.
type flushing Server

// Work implements workers.Task.
func (w *flushing) Work() {
	s := (*Server)(w)
	defer s.running.Done()
	for session := s.flusher.next(); session != nil; session = s.flusher.next() {
		session.mu.Lock()
		session.writeNow(session.conn) // unlocks
	}
}

// triesLocked reports whether it is worth trying to write without a writer.
func (s *Session) triesLocked() bool {
	return s.state == stateOpen && s.server.opts.QueuePolicy != QueueDropOldest && s.conn.CanTry()
}
