package engineio

// PollWaits reports whether a poll of the session is waiting for an answer.
func PollWaits(s *Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.poll != nil && s.poll.waited
}

// PostWaits reports whether a POST of the session is in progress.
func PostWaits(s *Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.post != nil
}

// Probing reports whether an upgrade of the session is in progress.
func Probing(s *Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.probe != nil
}

// Admissions returns the handshakes under way, those of them without a session, and
// the networks that have sessions.
func Admissions(s *Server) (pending, opening, networks int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.admissions.pending, s.admissions.opening, len(s.admissions.clients)
}
