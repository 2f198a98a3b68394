// Package socketio is a Socket.IO server.
//
//	sio := socketio.NewServer(nil)
//	sio.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
//		return s.Emit("welcome", s.ID())
//	})
//	socketio.On(sio, "message", func(ctx context.Context, s *socketio.Socket, text string) error {
//		return s.To("lobby").Emit("message", text)
//	})
//	http.Handle("/socket.io/", sio)
//
// A [Server] is an [net/http.Handler] and also its main namespace, "/". Other
// namespaces come from [Server.Of], [Server.OfMatch] and [Server.OfFunc].
//
// # Handlers
//
// [On] and [OnCall] register typed handlers, and [EventType] and [CallType]
// declare an event once for all who use it. Handle registers an untyped
// [Handler], to which the typed ones come down.
//
// The handlers of one socket run one at a time and in the order in which its
// events arrived: first OnConnect, then the events, then OnDisconnecting and
// OnDisconnect, exactly once. Sockets run in parallel. An event that arrived
// before its socket was disconnected reaches its handler.
//
// The context of a handler is the socket's: it carries the values of the
// context of the HTTP request that opened the connection, and is cancelled when
// the socket is disconnected.
//
// An error that a handler returns goes to [Options.ErrorHandler]; the client
// sees it only if it is an [*Error] and the client asked for an acknowledgement.
// A panic disconnects the socket.
//
// # Sending
//
// Emit does not wait for clients: it encodes its arguments and appends them to the
// queue of each receiver. (With a cluster, a broadcast waits until the bus took it.) To, In, Except, Local, Volatile and Compress return a
// [Broadcaster], a value that can be kept and shared. [Call] and [CallAll] ask
// clients and wait for their answers.
//
// The package follows the Socket.IO protocol, revision 5, and with
// [Options.AllowEIO3] also revision 4, which clients of version 2 speak.
package socketio
