package engineio

import (
	"net/http"
	"net/url"
	"strings"
)

// request is one HTTP request and what its query says. The path plays no part:
// the server can be mounted anywhere.
type request struct {
	response
	r *http.Request

	// Of polling, see Session.
	waited bool // the poll was not answered at once
	read   bool // the body of the POST was read, and must not be any more

	upgrade   bool // a websocket upgrade
	hasSID    bool
	hasJSONP  bool
	base64    bool
	eio       string
	transport string
	sid       string
	jsonp     string

	// Of handshakes that admit has seen.
	registered bool // there is a session now, which counts itself
	opening    *opening
}

func newRequest(w http.ResponseWriter, r *http.Request) *request {
	q := &request{response: response{w: w}, r: r, upgrade: isWebSocket(r)}
	q.parseQuery(r.URL.RawQuery)
	return q
}

// parseQuery takes what it needs without building a map. As in url.Values.Get,
// the first of several values counts.
func (q *request) parseQuery(raw string) {
	var seen struct{ eio, transport bool }
	unescaped := unescaped
	if isPlain(raw) {
		unescaped = func(s string) string { return s }
	}
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		key, value, _ := strings.Cut(pair, "=")
		switch unescaped(key) {
		case "EIO":
			if !seen.eio {
				q.eio, seen.eio = unescaped(value), true
			}
		case "transport":
			if !seen.transport {
				q.transport, seen.transport = unescaped(value), true
			}
		case "sid":
			if !q.hasSID {
				q.sid, q.hasSID = unescaped(value), true
			}
		case "j":
			if !q.hasJSONP {
				q.jsonp, q.hasJSONP = unescaped(value), true
			}
		case "b64":
			q.base64 = q.base64 || value != ""
		}
	}
}

// isPlain reports whether nothing in a query is escaped.
func isPlain(s string) bool { return strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 }

func unescaped(s string) string {
	if isPlain(s) {
		return s
	}
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// protocol is the revision that the client speaks. Everything but "4" counts as
// 3, as in the reference server.
func (q *request) protocol() int {
	if q.eio == "4" {
		return 4
	}
	return 3
}

func isWebSocket(r *http.Request) bool {
	return hasToken(r.Header["Upgrade"], "websocket") && hasToken(r.Header["Connection"], "upgrade")
}

// hasToken reports whether one of the comma-separated lists contains token.
func hasToken(lists []string, token string) bool {
	for _, list := range lists {
		for list != "" {
			var t string
			t, list, _ = strings.Cut(list, ",")
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

// verify checks a request in the order of the reference server, with the check
// of the origin's policy after that of its form. It returns the session that
// the request names, if any.
func (s *Server) verify(q *request) (*Session, *ConnectionError) {
	if !s.hasTransport(q.transport) {
		return nil, q.refusal(codeUnknownTransport, "", map[string]any{"transport": q.transport})
	}
	if refused := s.checkOrigin(q); refused != nil {
		return nil, refused
	}
	if q.hasSID {
		return s.verifySession(q)
	}
	return nil, s.verifyHandshake(q)
}

func (s *Server) hasTransport(name string) bool {
	for _, t := range s.opts.Transports {
		if t == name {
			return true
		}
	}
	return false
}

func (s *Server) verifySession(q *request) (*Session, *ConnectionError) {
	session, ok := s.lookup(q.sid)
	if !ok {
		return nil, q.unknownSession()
	}
	current, ok := session.current()
	if !ok {
		return nil, q.unknownSession()
	}
	if !s.bindingHolds(session, q.r) {
		return nil, q.otherBinding()
	}
	if session.protocol != q.protocol() {
		return nil, q.refusal(codeBadRequest, "PROTOCOL_MISMATCH",
			map[string]any{"protocol": q.protocol(), "previousProtocol": session.protocol})
	}
	if q.transport != current && !q.upgrade || q.upgrade && q.transport != transportWebSocket {
		return nil, q.transportMismatch(current)
	}
	return session, nil
}

func (s *Server) verifyHandshake(q *request) *ConnectionError {
	switch {
	case q.r.Method != http.MethodGet:
		return q.refusal(codeBadMethod, "", map[string]any{"method": q.r.Method})
	case q.upgrade != (q.transport == transportWebSocket):
		return q.refusal(codeBadRequest, "TRANSPORT_HANDSHAKE_ERROR", nil)
	}
	return nil
}

// allow asks the user about a handshake that is in order and was admitted.
func (s *Server) allow(q *request) *ConnectionError {
	if s.opts.AllowRequest != nil {
		if err := s.opts.AllowRequest(q.r); err != nil {
			e := q.refusal(codeForbidden, "", map[string]any{"message": err.Error()})
			e.body = err.Error()
			return e
		}
	}
	if p := q.protocol(); p != 4 && (q.eio != "3" || !s.opts.AllowEIO3) {
		return q.unsupportedProtocol()
	}
	return nil
}

func (q *request) shuttingDown() *ConnectionError {
	e := q.refusal(codeBadRequest, "SERVER_SHUTTING_DOWN", nil)
	e.Message = "Server shutting down"
	e.Status = http.StatusServiceUnavailable
	// Another connection may end at another server.
	q.w.Header().Set("Connection", "close")
	return e
}
