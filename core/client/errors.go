package client

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gosocketio/sio/core/internal/eioclient"
	"github.com/gosocketio/sio/core/parser"
)

// Reason says why a socket was disconnected.
type Reason string

// The reasons of the reference client.
const (
	ServerDisconnect Reason = "io server disconnect"         // the server disconnected the socket, which stays so until it is opened again
	ClientDisconnect Reason = "io client disconnect"         // Disconnect or Close was called
	PingTimeout      Reason = eioclient.ReasonPingTimeout    // the server sent no ping in time
	TransportClose   Reason = eioclient.ReasonTransportClose // the server closed the connection, or it broke
	TransportError   Reason = eioclient.ReasonTransportError // the connection broke
	ParseError       Reason = "parse error"                  // the server sent what is no Socket.IO packet
	ForcedClose      Reason = eioclient.ReasonForcedClose    // of connections only (Trace.Closed): no socket needs it any more
)

var (
	// ErrDisconnected is returned by a Call whose connection broke before the
	// acknowledgement came: the server may have handled the event or not.
	ErrDisconnected = errors.New("client: the socket has been disconnected")

	// ErrClosed is returned for a socket or manager that was closed.
	ErrClosed = errors.New("client: the socket is closed")

	// ErrBufferFull is returned if an event does not fit among those that wait to be
	// sent. See Options.BufferPolicy.
	ErrBufferFull = errors.New("client: too much waits to be sent")

	// ErrDropped is returned by Ask of a volatile sender if the event could not be
	// sent at once.
	ErrDropped = errors.New("client: the event could not be sent at once")

	errFlood    = errors.New("too many events wait for their handlers")
	errLegacy   = errors.New("client: the server seems to speak version 2 of Socket.IO, this client speaks version 3 and later")
	errNoBuffer = errors.New("too many events before the namespace was connected")
)

// ConnectError is how a server refuses a socket. The socket stays disconnected
// until it is opened again.
type ConnectError struct {
	Namespace string
	Message   string
	Data      json.RawMessage // what the server added; nil if nothing
}

// Error returns the server's message, and the namespace if it is not "/".
func (e *ConnectError) Error() string {
	if e.Namespace != "/" {
		return "client: connect " + e.Namespace + ": " + e.Message
	}
	return "client: connect: " + e.Message
}

// An Error is an error of a handler whose message, and data, the server may see:
// they are the acknowledgement of the event.
type Error struct {
	Message string
	Data    any // sent along with the message, if not nil
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// ArgError reports an argument of an event or an acknowledgement that does not
// fit the type that it was to be decoded into.
type ArgError = parser.ArgError

// AnswerError is what Call returns if the handler of the server has failed: the
// message, and data, of a *socketio.Error, or "internal error".
type AnswerError = parser.AnswerError

// PanicError is what Options.ErrorHandler gets for a handler that panicked.
type PanicError struct {
	Value any
	Stack []byte
}

// Error returns the value of the panic; the stack is in Stack.
func (e *PanicError) Error() string { return fmt.Sprintf("client: panic in a handler: %v", e.Value) }

// checkName refuses names that mean something to the protocol's clients.
func checkName(event string) error {
	if parser.ReservedEvent(event) {
		return fmt.Errorf("client: %q is a reserved event name", event)
	}
	return nil
}
