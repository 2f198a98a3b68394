// Package client is a Socket.IO client.
//
//	s, err := client.New("http://localhost:8080/chat", nil)
//	if err != nil {
//		return err
//	}
//	client.On(s, "message", func(ctx context.Context, text string) error {
//		fmt.Println(text)
//		return nil
//	})
//	if err := s.Connect(ctx); err != nil {
//		return err
//	}
//	defer s.Close(context.Background())
//	s.Emit("message", "hello")
//	n, err := client.Call[int](ctx, s, "count", "lobby")
//
// The path of the URL is the namespace, "/" if there is none; where the server
// listens for connections says [Options.Path].
//
// # Connecting
//
// [New] makes a [Socket] and does nothing else: register handlers, then nothing is
// missed. [Socket.Open] connects in the background and goes on trying.
// [Socket.Connect] waits, and gives up when the first attempt fails. [Dial] is New
// and Connect. From then on a connection that breaks is made anew, with growing
// delays ([Reconnection]), until [Socket.Disconnect] or [Socket.Close] is called or
// the server refuses or disconnects the socket.
//
// Several namespaces share one connection: [Socket.Of] returns the socket of
// another one, [Socket.Manager] what the connection is about.
//
// # Handlers
//
// [On] and [OnCall] register typed handlers. [Socket.Handle] registers an untyped
// one, to which these come down. The events that package socketio declares
// (socketio.EventType, socketio.CallType) work at both ends.
//
// The handlers of one socket run one at a time and in the order in which things
// happened, those for connects and disconnects included. An event that arrived before
// a disconnect reaches its handler. While many events wait for a handler the client
// stops reading, so that the server has to wait too ([Options.MaxInflight]); a
// [Call] within a handler still gets its answer. The context of handlers ends when
// the socket is closed, not at each disconnect.
//
// An error of a handler goes to [Options.ErrorHandler], and a panic as a
// [*PanicError]; the connection stays. If the server asked for an acknowledgement it
// always gets one: what the handler returned, or {"error": message}, with the message
// of an [*Error] or [*ArgError] and "internal error" for all others. An event that
// has no handler is not acknowledged.
//
// # Sending
//
// [Socket.Emit] never waits for the network. While the socket is not connected it
// keeps events, within bounds, and sends them once it is, before OnConnect runs.
// That Emit returned nil does not mean that the server got the event: events that
// were on their way when a connection broke are lost. [Call] waits for the
// acknowledgement, and fails with [ErrDisconnected] if the connection breaks before
// that came. With [Options.Retries] events are sent one at a time and again until
// they are acknowledged, also over a new connection: at least once, in order.
//
// # Recovery
//
// If the server has connection state recovery on, a socket that comes back in time
// gets its id and the events that it missed, and [Socket.Recovered] says so. The
// place of an event in the server's order is its last argument, which looks like any
// other: handlers see it, as those of other clients do.
//
// The package follows the Socket.IO protocol, revision 5 (Engine.IO protocol 4):
// servers from version 3 on.
package client
