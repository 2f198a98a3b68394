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
// before its socket was disconnected reaches its handler. Handlers registered through
// [Concurrent] run beside the others.
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
// Emit does not wait, neither for clients nor for the bus of a cluster: it encodes its
// arguments and appends them to the queue of each receiver. [Socket.EmitWait] waits until
// the client has read enough to have room. To, In, Except, Local, Volatile and Compress
// return a [Broadcaster], a value that can be kept and shared. [Call] and [CallAll] ask
// clients and wait for their answers.
//
// # Limits
//
// What a client can make the server keep or do is bounded by [Options], whose defaults
// are safe. A packet that cannot be decoded, or is over a limit, closes its connection. A
// client that sends faster than its handlers work is read more slowly, one that does not
// read what it is sent is disconnected, and an [EventLimiter] refuses what comes too
// often. Handlers of one socket cannot hold up those of another.
//
// The package follows the Socket.IO protocol, revision 5, and with
// [Options.AllowEIO3] also revision 4, which clients of version 2 speak.
package socketio
