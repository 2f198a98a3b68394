package engineio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/netip"
)

// Codes of refused requests, as in the reference server.
const (
	codeUnknownTransport = iota
	codeUnknownSession
	codeBadMethod
	codeBadRequest
	codeForbidden
	codeUnsupportedProtocol
)

var codeMessages = [...]string{
	codeUnknownTransport:    "Transport unknown",
	codeUnknownSession:      "Session ID unknown",
	codeBadMethod:           "Bad handshake method",
	codeBadRequest:          "Bad request",
	codeForbidden:           "Forbidden",
	codeUnsupportedProtocol: "Unsupported protocol version",
}

// ConnectionError describes a refused request.
type ConnectionError struct {
	// Request is the refused request. It must not be kept.
	Request *http.Request
	// Code is the code of the reference server: 0 unknown transport, 1 unknown
	// session, 2 bad handshake method, 3 bad request, 4 forbidden, 5 unsupported
	// protocol version.
	Code int
	// Message is the text that belongs to the code.
	Message string
	// Context holds details; the keys are those of the reference server.
	Context map[string]any
	// Status is the HTTP status of the answer.
	Status int

	body   string     // message in the answer, if it is not Message
	advice string     // what to do about it, for the log
	sid    string     // with code 1, unless the session is here
	client netip.Addr // for the log, where it is not the peer
}

// mayBeElsewhere reports whether another process may have the session.
func (e *ConnectionError) mayBeElsewhere() bool {
	return e.Code == codeUnknownSession && e.Context["name"] == nil
}

// Error returns the code and the message.
func (e *ConnectionError) Error() string {
	return fmt.Sprintf("engineio: request refused: %s (code %d)", e.Message, e.Code)
}

// refusal makes a ConnectionError. name may be empty.
func (q *request) refusal(code int, name string, context map[string]any) *ConnectionError {
	if context == nil {
		context = map[string]any{}
	}
	if name != "" {
		context["name"] = name
	}
	status := http.StatusBadRequest
	if code == codeForbidden && !q.upgrade {
		status = http.StatusForbidden
	}
	return &ConnectionError{Request: q.r, Code: code, Message: codeMessages[code], Context: context, Status: status}
}

func (q *request) unknownSession() *ConnectionError {
	e := q.refusal(codeUnknownSession, "", map[string]any{"sid": q.sid})
	e.sid = q.sid
	e.advice = "a request named a session that this process does not have: it expired, the server was restarted, or there are " +
		"several processes behind a load balancer without sticky sessions; make the sessions sticky, let the clients use websocket only, " +
		"or have the processes forward such requests to each other (Options.Forwarding of package socketio)"
	return e
}

// otherBinding is the answer of an unknown session, to the letter: who has only
// stolen an id is not to learn that it is one.
func (q *request) otherBinding() *ConnectionError {
	e := q.refusal(codeUnknownSession, "OTHER_BINDING", map[string]any{"sid": q.sid})
	e.advice = "a request named a session that another client has opened, as far as Options.BindSession can tell: the id was stolen, " +
		"or the client changed what the sessions are bound to, as by logging in"
	return e
}

func (q *request) transportMismatch(previous string) *ConnectionError {
	return q.refusal(codeBadRequest, "TRANSPORT_MISMATCH",
		map[string]any{"transport": q.transport, "previousTransport": previous})
}

func (q *request) unsupportedProtocol() *ConnectionError {
	e := q.refusal(codeUnsupportedProtocol, "", map[string]any{"protocol": q.protocol()})
	e.advice = "the client speaks another revision of the protocol: clients v3 and v4 (EIO=4) work; " +
		"set Options.AllowEIO3 to accept v2 clients (EIO=3)"
	return e
}

// refuse reports the refusal and answers the request with it.
func (s *Server) refuse(q *request, e *ConnectionError) {
	s.report(e)
	h := q.w.Header()
	if q.r.ContentLength != 0 {
		// The body is not read, by net/http neither.
		h.Set("Connection", "close")
	}
	body := e.body
	if body == "" {
		body = e.Message
	}
	if q.upgrade {
		h.Set("Connection", "close")
		h.Set("Content-Type", "text/html")
		q.w.WriteHeader(e.Status)
		fmt.Fprint(q.w, html.EscapeString(body))
		return
	}
	h.Set("Content-Type", "application/json")
	q.w.WriteHeader(e.Status)
	q.w.Write(errorBody(e.Code, body))
}

func errorBody(code int, message string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	// Two fields of basic types: cannot fail.
	e.Encode(struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}{code, message})
	return bytes.TrimRight(b.Bytes(), "\n")
}

// report tells the hooks and the log.
func (s *Server) report(e *ConnectionError) {
	if s.opts.OnConnectionError != nil {
		s.opts.OnConnectionError(e)
	}
	if s.opts.Trace.Refused != nil {
		s.opts.Trace.Refused(e)
	}
	if e.advice == "" || e.Code == codeUnknownSession && s.endedLately(e.sid) {
		return
	}
	cause := e.Message
	if name, ok := e.Context["name"].(string); ok {
		cause = name
	}
	s.warnings.warn(s.opts.Logger, cause, e)
}
