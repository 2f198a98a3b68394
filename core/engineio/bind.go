package engineio

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
)

// binding returns what a session that r opens, or the session that r belongs to,
// is bound to; nil if sessions are not. The hash gives all values one length, and
// what may be a secret does not stay in memory.
func (s *Server) binding(r *http.Request) *[sha256.Size]byte {
	if s.opts.BindSession == nil {
		return nil
	}
	sum := sha256.Sum256([]byte(s.opts.BindSession(r)))
	return &sum
}

// bindingHolds reports whether r comes from the client that opened the session.
func (s *Server) bindingHolds(session *Session, r *http.Request) bool {
	if session.bound == nil {
		return true
	}
	now := s.binding(r)
	return subtle.ConstantTimeCompare(session.bound[:], now[:]) == 1
}
