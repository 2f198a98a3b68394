package engineio

import (
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// fieldOverhead is what a header field or a query parameter counts in addition to
// its bytes, as in RFC 9113, section 6.5.2: the memory of many small ones is not
// in their bytes.
const fieldOverhead = 32

// admissions are the handshakes under way, and what else is counted of sessions.
// The server's mutex guards it.
type admissions struct {
	pending int                // handshakes under way
	opening int                // those of them that have not become sessions
	clients map[netip.Addr]int // sessions of each network, those being opened included

	// A bucket of the handshakes that may begin now, which holds those of one second.
	tokens float64
	filled time.Time
}

// admit lets a handshake begin, if the limits allow it. Each one that began must
// be given back to dismiss.
func (s *Server) admit(q *request) *ConnectionError {
	if limit := s.opts.MaxHeaderBytes; limit >= 0 && !fits(q.r, limit) {
		return q.headersTooLarge()
	}
	q.opening = &opening{client: s.ClientIP(q.r)}
	s.mu.Lock()
	defer s.mu.Unlock()
	o, a := &s.opts, &s.admissions
	switch {
	case s.refusing:
		return q.shuttingDown()
	case over(a.pending, o.MaxPendingHandshakes):
		return q.tooManyPending()
	case over(len(s.sessions)+a.opening, o.MaxSessions):
		return q.tooManySessions()
	case o.MaxSessionsPerIP > 0 && a.clients[network(q.opening.client)] >= o.MaxSessionsPerIP:
		return q.tooManyOfClient()
	case o.MaxHandshakesPerSecond > 0 && !a.takeToken(o.MaxHandshakesPerSecond):
		return q.tooManyHandshakes()
	}
	a.pending++
	a.opening++
	if o.MaxSessionsPerIP > 0 {
		a.clients[network(q.opening.client)]++
	}
	return nil
}

// over reports whether one more would be too many. A negative limit is none.
func over(n, limit int) bool { return limit >= 0 && n >= limit }

// dismiss ends a handshake that admit let in.
func (s *Server) dismiss(q *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.admissions.pending--
	if !q.registered {
		s.admissions.opening--
		s.uncountLocked(q.opening.client)
	}
}

// uncountLocked takes a session of client out of the count of its network, and the
// network out of the table with its last one.
func (s *Server) uncountLocked(client netip.Addr) {
	if s.opts.MaxSessionsPerIP <= 0 {
		return
	}
	key := network(client)
	if n := s.admissions.clients[key]; n > 1 {
		s.admissions.clients[key] = n - 1
	} else {
		delete(s.admissions.clients, key)
	}
}

// takeToken takes a handshake out of the bucket, if there is one.
func (a *admissions) takeToken(perSecond float64) bool {
	now := time.Now()
	size := max(perSecond, 1)
	if a.filled.IsZero() {
		a.tokens = size
	} else {
		a.tokens = min(size, a.tokens+perSecond*now.Sub(a.filled).Seconds())
	}
	a.filled = now
	if a.tokens < 1 {
		return false
	}
	a.tokens--
	return true
}

// fits reports whether what a session keeps of its handshake is within limit.
func fits(r *http.Request, limit int) bool {
	size := len(r.Host) + len(r.URL.Path) + len(r.URL.RawQuery)
	size += fieldOverhead * strings.Count(r.URL.RawQuery, "&")
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + fieldOverhead
		}
	}
	return size <= limit
}

// tooMany is a refusal that may be none in a moment. Another connection may end at
// another server, and this one would only cost memory meanwhile.
func (q *request) tooMany(status int, name, message string, retryAfter int) *ConnectionError {
	e := q.refusal(codeBadRequest, name, nil)
	e.Message, e.Status = message, status
	h := q.w.Header()
	h.Set("Retry-After", strconv.Itoa(retryAfter))
	h.Set("Connection", "close")
	return e
}

// jitter returns a number of seconds that keeps those who were refused together
// from coming back together.
func jitter(from, to int) int { return from + rand.IntN(to-from+1) }

func (q *request) tooManySessions() *ConnectionError {
	e := q.tooMany(http.StatusServiceUnavailable, "TOO_MANY_SESSIONS", "Too many sessions", jitter(5, 15))
	e.advice = "the server has as many sessions as Options.MaxSessions allows: raise it together with the limit of open files, or add a server"
	return e
}

func (q *request) tooManyOfClient() *ConnectionError {
	e := q.tooMany(http.StatusTooManyRequests, "TOO_MANY_SESSIONS_PER_IP", "Too many sessions", jitter(5, 15))
	e.client = q.opening.client
	e.Context["address"] = e.client
	e.advice = "one address has as many sessions as Options.MaxSessionsPerIP allows: if it is that of a proxy, " +
		"list the proxy in Options.TrustedProxies and let it set X-Forwarded-For; if many people share it, raise the limit"
	return e
}

func (q *request) tooManyPending() *ConnectionError {
	e := q.tooMany(http.StatusServiceUnavailable, "TOO_MANY_PENDING_HANDSHAKES", "Too many handshakes", jitter(1, 3))
	e.advice = "as many handshakes are under way as Options.MaxPendingHandshakes allows: AllowRequest or OnConnection is slow, or hangs"
	return e
}

func (q *request) tooManyHandshakes() *ConnectionError {
	e := q.tooMany(http.StatusServiceUnavailable, "TOO_MANY_HANDSHAKES", "Too many handshakes", jitter(1, 3))
	e.advice = "more clients connect at a time than Options.MaxHandshakesPerSecond allows; they try again"
	return e
}

func (q *request) headersTooLarge() *ConnectionError {
	e := q.refusal(codeBadRequest, "HEADERS_TOO_LARGE", nil)
	e.Message, e.Status = "Request header fields too large", http.StatusRequestHeaderFieldsTooLarge
	e.advice = "the URL and the headers of a handshake are larger than Options.MaxHeaderBytes: large cookies are the usual reason"
	return e
}
