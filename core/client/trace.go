package client

import "time"

// Trace is a set of hooks. A nil hook is skipped. Hooks are called synchronously and
// may be called concurrently: they must be fast and must not block, so they must not
// call Close or Connect. They may call everything else.
type Trace struct {
	// Opened is called when a connection is open, before the sockets are connected.
	Opened func(m *Manager, transport string)
	// Upgraded is called when a connection goes over to another transport.
	Upgraded func(m *Manager, transport string)
	// Closed is called when a connection that was open is closed.
	Closed func(m *Manager, reason Reason, err error)
	// Ping is called when the server's ping has been answered.
	Ping func(m *Manager)

	// ReconnectAttempt is called before each attempt to connect again; the first is 1.
	ReconnectAttempt func(m *Manager, attempt int)
	// Reconnected is called when one has succeeded.
	Reconnected func(m *Manager, attempt int)
	// ReconnectError is called when one has failed.
	ReconnectError func(m *Manager, err error)
	// ReconnectFailed is called when there were Reconnection.Attempts of them. No more
	// are made until a socket is opened again.
	ReconnectFailed func(m *Manager)

	// EventReceived is called for each event that came.
	EventReceived func(s *Socket, event string)
	// EventHandled is called when the handler of an event has returned, with the time
	// that it took and its error. Events without a handler are not counted.
	EventHandled func(s *Socket, event string, d time.Duration, err error)
	// EventSent is called for each event that Emit and Ask were given and could encode,
	// before it is sent, kept or, if there is no room for it, refused.
	EventSent func(s *Socket, event string)
	// Answered is called when an Ask or Call has its answer or has failed.
	Answered func(s *Socket, event string, d time.Duration, err error)
}
