package socketio

import (
	"errors"
	"fmt"

	"github.com/gosocketio/sio/core/engineio"
	"github.com/gosocketio/sio/core/parser"
)

// Reason says why a socket was disconnected.
type Reason string

// The reasons of the Socket.IO protocol's reference server, and SlowConsumer.
const (
	TransportError                   = Reason(engineio.TransportError)     // the connection broke, or could not be written to
	TransportClose                   = Reason(engineio.TransportClose)     // the client closed the connection
	ForcedClose                      = Reason(engineio.ForcedClose)        // the server closed the connection after a packet that it could not decode
	PingTimeout                      = Reason(engineio.PingTimeout)        // the client did not answer a ping
	ParseError                       = Reason(engineio.ParseError)         // the client sent what is no Engine.IO packet
	ServerShuttingDown               = Reason(engineio.ServerShuttingDown) // Shutdown or Close was called
	SlowConsumer                     = Reason(engineio.SlowConsumer)       // the queue of what the client had not read was full
	ForcedServerClose         Reason = "forced server close"               // the client broke the protocol, or did not connect to a namespace in time
	ClientNamespaceDisconnect Reason = "client namespace disconnect"       // the client left the namespace
	ServerNamespaceDisconnect Reason = "server namespace disconnect"       // Disconnect was called
)

// recoverable reports whether a client that comes back after r may have its
// state restored (connection state recovery).
func (r Reason) recoverable() bool {
	switch r {
	case TransportError, TransportClose, ForcedClose, PingTimeout, ServerShuttingDown, ForcedServerClose, SlowConsumer:
		return true
	}
	return false
}

// Errors of sending.
var (
	// ErrDisconnected is returned for what is to be sent to a socket that is
	// disconnected, and by a Call whose socket is.
	ErrDisconnected = errors.New("socketio: the socket is disconnected")

	// ErrQueueFull is returned when a client does not read fast enough and
	// Options.QueuePolicy is QueueReject. Nothing was sent.
	ErrQueueFull = engineio.ErrQueueFull

	// ErrTooManyCalls is returned by Call and Ask if a client owes too many answers
	// already (see Options.MaxPendingAcks). Nothing was sent.
	ErrTooManyCalls = errors.New("socketio: too many acknowledgements of the client are awaited")

	// ErrAlreadyReplied is returned by the second reply to an event.
	ErrAlreadyReplied = errors.New("socketio: the event has been replied to")

	// ErrNoReply is returned by a reply to an event for which the client wants none.
	ErrNoReply = errors.New("socketio: the client asked for no acknowledgement")
)

// Errors of joining rooms. The socket has joined none of those that it was to join.
var (
	// ErrTooManyRooms is returned if the socket would be in more rooms than
	// Options.MaxRooms.
	ErrTooManyRooms = errors.New("socketio: the socket is in too many rooms")

	// ErrRoomNameTooLong is returned for a name longer than Options.MaxRoomLength.
	ErrRoomNameTooLong = errors.New("socketio: the name of a room is too long")
)

// An Error is an error that the client may see: as the connect_error of a
// middleware that returns it, and in the acknowledgement of an event whose
// handler returns it.
type Error struct {
	Message string
	Data    any // sent along with the message, if not nil
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Reject returns an [*Error], for a middleware that refuses a connection. The
// client gets connect_error with the message and, if data is not nil, the data.
func Reject(message string, data any) error { return &Error{Message: message, Data: data} }

// ArgError reports an argument of an event or an acknowledgement that does not
// fit the type that it was to be decoded into.
type ArgError = parser.ArgError

// AnswerError is what Call returns if the handler of the client has failed.
type AnswerError = parser.AnswerError

// DisconnectError is the cause ([context.Cause]) of a socket's cancelled context.
type DisconnectError struct {
	Reason Reason
	Err    error // what happened in detail; may be nil
}

// Error returns the reason and, if there is one, the error behind it.
func (e *DisconnectError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("socketio: disconnected: %s: %v", e.Reason, e.Err)
	}
	return "socketio: disconnected: " + string(e.Reason)
}

// Unwrap returns Err.
func (e *DisconnectError) Unwrap() error { return e.Err }

// Is reports whether target is ErrDisconnected.
func (e *DisconnectError) Is(target error) bool { return target == ErrDisconnected }

// MissingError is the last error of a [CallAll] and of a FetchSockets that did
// not get all answers in time.
type MissingError struct {
	Sockets int   // how many clients did not answer
	Nodes   int   // how many other nodes of the cluster did not answer
	Err     error // why the waiting ended: the error of the context
}

// Error says how many answers are missing, and why.
func (e *MissingError) Error() string {
	return fmt.Sprintf("socketio: missing the answers of %d clients and %d nodes: %v", e.Sockets, e.Nodes, e.Err)
}

// Unwrap returns Err.
func (e *MissingError) Unwrap() error { return e.Err }

// PanicError is what Options.ErrorHandler gets for a handler that panicked.
type PanicError struct {
	Value any
	Stack []byte
}

// Error returns the value of the panic; the stack is in Stack.
func (e *PanicError) Error() string { return fmt.Sprintf("socketio: panic in a handler: %v", e.Value) }

// reserved are the names that mean something to the protocol's clients and
// cannot be used for events.
var reserved = map[string]bool{
	"connect": true, "connect_error": true, "disconnect": true, "disconnecting": true,
	"newListener": true, "removeListener": true,
}

func checkName(event string) error {
	if len(event) >= 7 && reserved[event] {
		return fmt.Errorf("socketio: %q is a reserved event name", event)
	}
	return nil
}
