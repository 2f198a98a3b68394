package socketio

import (
	"time"

	"github.com/gosocketio/sio/core/engineio"
)

// Trace is a set of hooks for metrics and tracing. A nil hook is skipped. Hooks
// are called synchronously and concurrently: they must be fast and must not
// block.
type Trace struct {
	// Engine has the hooks of the Engine.IO layer: sessions, upgrades, refused
	// requests, bytes.
	Engine *engineio.Trace

	// Connected is called for each socket that has connected to a namespace.
	Connected func(s *Socket)
	// Refused is called for each CONNECT that a middleware refused, or whose
	// namespace does not exist.
	Refused func(namespace string, err error)
	// Disconnected is called once for each socket that was Connected.
	Disconnected func(s *Socket, reason Reason)
	// EventReceived is called for each incoming event.
	EventReceived func(s *Socket, event string)
	// EventRefused is called for each event that an EventLimiter refused, after
	// EventReceived.
	EventRefused func(s *Socket, event string, err error)
	// EventHandled is called when the handler of an event has returned, with the
	// time that it took and its error. Events without a handler are not counted.
	EventHandled func(s *Socket, event string, d time.Duration, err error)
	// EventSent is called for each Emit, with the number of sockets of this node
	// to which it was queued. For an Emit to one socket s is that socket.
	EventSent func(namespace, event string, s *Socket, receivers int)
	// ClusterError is called for each event, or other message, that the other nodes of
	// the cluster did not get, some or all, and for each failed attempt to reach the
	// bus. The sockets of this node got theirs.
	ClusterError func(namespace string, err error)
	// Answered is called when a Call has its answer or has failed.
	Answered func(namespace, event string, d time.Duration, err error)
}
