package engineio

import "errors"

// Reason says why a session ended. The texts are those of the reference server.
type Reason string

// The reasons a session ends for.
const (
	// TransportError: a write failed, a poll broke off, or the peer broke the protocol.
	TransportError Reason = "transport error"
	// TransportClose: the peer closed the session or its connection.
	TransportClose Reason = "transport close"
	// ForcedClose: Close was called, of the session or of the server.
	ForcedClose Reason = "forced close"
	// PingTimeout: the peer did not answer a ping in time.
	PingTimeout Reason = "ping timeout"
	// ParseError: the peer sent something that is no packet.
	ParseError Reason = "parse error"
	// ServerShuttingDown is for the layer above, to use with Abort.
	ServerShuttingDown Reason = "server shutting down"
	// SlowConsumer: the outbound queue was full.
	SlowConsumer Reason = "slow consumer"
)

// Errors of Session.Send.
var (
	// ErrClosed: the session has ended or is closing.
	ErrClosed = errors.New("engineio: session closed")
	// ErrQueueFull: the outbound queue is full; see Options.QueuePolicy.
	ErrQueueFull = errors.New("engineio: outbound queue full")
	// ErrDropped: a volatile message could not be written at once.
	ErrDropped = errors.New("engineio: volatile message dropped")
)
