package socketio

import (
	"errors"
	"log/slog"
	"runtime/debug"
	"strings"

	"github.com/gosocketio/sio/core/parser"
)

// failed hands an error to the ErrorHandler.
func (s *Socket) failed(event string, err error) { s.report(event, err, false) }

// report hands an error to the ErrorHandler, whose own panic is logged. If told is
// true, the client gets to know about it.
func (s *Socket) report(event string, err error, told bool) {
	handler := s.server.opts.ErrorHandler
	if handler == nil {
		s.logFailure(event, err, told)
		return
	}
	defer func() {
		if p := recover(); p != nil {
			s.server.opts.Logger.Error("socketio: panic in Options.ErrorHandler", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	handler(s, event, err)
}

// logID is the id of the socket for the log. That of a client of version 2 holds the id
// of its session, which is a secret: of this only the beginning is told.
func (s *Socket) logID() string {
	secret := s.conn.session.ID()
	public, whole := strings.CutSuffix(s.id, secret)
	if !whole {
		return s.id
	}
	return public + secret[:min(4, len(secret))] + "…"
}

// logFailure is the default ErrorHandler. What any client can make happen is logged
// once a minute.
func (s *Socket) logFailure(event string, err error, told bool) {
	attrs := []any{slog.String("namespace", s.Namespace().Name()), slog.String("socket", s.logID()), slog.Any("error", err)}
	if event != "" {
		attrs = append(attrs, slog.String("event", event))
	}
	log := s.server.opts.Logger
	if p, ok := err.(*PanicError); ok {
		log.Error("socketio: panic in a handler", append(attrs, slog.String("stack", string(p.Stack)))...)
		return
	}
	public, arg := asError(err)
	var bad *parser.ProtocolError
	switch {
	case told && (public != nil || arg != nil):
		log.Debug("socketio: handler failed, and the client was told", attrs...)
	case arg != nil:
		if s.server.logged.due("argument of " + event) {
			log.Warn("socketio: argument of the wrong type; reported once a minute for each event", attrs...)
		}
	case errors.As(err, &bad):
		if s.server.logged.due("packet: " + bad.Reason) {
			log.Warn("socketio: packet refused, connection closed; reported once a minute for each cause", attrs...)
		}
	default:
		log.Warn("socketio: handler failed", attrs...)
	}
}

// errorReply is the default acknowledgement of a failed event.
type errorReply struct {
	Error string `json:"error"`
	Data  any    `json:"data,omitempty"`
}

func defaultErrorReply(err error) any {
	switch e, arg := asError(err); {
	case e != nil:
		return errorReply{Error: e.Message, Data: e.Data}
	case arg != nil:
		return errorReply{Error: arg.Public()}
	}
	return errorReply{Error: "internal error"}
}

// asError finds the errors in err that a client may see.
func asError(err error) (*Error, *ArgError) {
	var e *Error
	var arg *ArgError
	if errors.As(err, &e) {
		return e, nil
	}
	errors.As(err, &arg)
	return nil, arg
}
