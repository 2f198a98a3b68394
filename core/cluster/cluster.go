// Package cluster connects the nodes of a cluster: servers that share rooms,
// broadcasts and acknowledgements.
//
// The package has three layers.
//
//   - A [Backend] carries messages between the nodes of one namespace: a bus.
//     [NewMemory] is the one for servers of a single process; Redis, NATS and
//     others live in modules of their own.
//   - A [Node] is the membership of one server in one namespace. It is written
//     once, for all backends: it knows the other nodes, asks them, waits for their
//     answers and never waits forever.
//   - A [Local] is what a node does for the others: the namespace of the server.
//
// The message types are those of the cluster adapters of the Node.js server.
//
// # Writing a backend
//
// Implement [Backend] and [Link], and run clustertest.Run in the tests. What the
// two must do is said at their methods. In short:
//
//   - Carry all fields of a [Message] that belong to its type. Where the wire
//     format has no place for one of the fields that are marked optional, leave it
//     empty: a Node works without it, and says less in its errors.
//   - Deliver what one node publishes to every other node at most once, and in
//     order. A bus that can deliver twice carries [Message.Seq]; then a Node drops
//     what it has seen.
//   - Publish fails fast when the bus is away. It does not queue for later: the
//     caller has delivered to its own clients and reports the error. Receiving
//     resumes by itself when the bus is back.
//   - A message that cannot be decoded is dropped.
//
// A Link says more about itself by implementing one or more of [Lister], [Counter],
// [Recoverer], [Echoer], [RoomListener], [Loner] and [Batcher]. Without Lister and
// Counter, nodes find each other by heartbeats (types 1, 2 and 13), which the Node
// sends and answers. A Backend that works in memory says so with [Immediate].
package cluster

import "context"

// EmitterID is what processes that publish without being a node name as their
// sender. It is never counted as a node; neither is an empty sender.
const EmitterID = "emitter"

// Backend connects nodes. Its methods may be called concurrently.
type Backend interface {
	// Open connects the node named node to the other nodes of namespace. It may
	// block until the bus is reached, and fails if ctx ends before that. Once Open
	// has returned, ctx has no meaning for the Link.
	//
	// From then on (and even while Open runs, but on another goroutine) receive is
	// called with each message that another node publishes for this namespace,
	// whether to everybody or to this node: one at a time, and those of one sender
	// in the order in which it published them. Receive does not block for long and
	// does not panic. It is never called again once the Link's Close has returned.
	Open(ctx context.Context, namespace, node string, receive func(*Message)) (Link, error)
}

// Link is the connection of one node to the other nodes of one namespace. Its
// methods may be called concurrently.
type Link interface {
	// Publish hands m to the bus: to the node m.To if it is set, else to all other
	// nodes. It is never delivered back to its sender. It returns once the bus took
	// it, ctx ended or the bus turned out to be away; it fails fast rather than wait
	// for a bus that is away.
	//
	// The message, and all that it refers to, belongs to the Link from then on:
	// nobody changes it, and the Link may keep it. If the Link is a [Recoverer] and m
	// is to be replayed to those who missed it (see [Message.Recoverable]), offset is
	// the position of m among such messages, and the other nodes find it in
	// [Message.Offset]. Otherwise it is empty. It can come with an error too, if the
	// message was kept but did not get everywhere.
	Publish(ctx context.Context, m *Message) (offset string, err error)

	// Close disconnects the node. It waits for a running call of receive, so it
	// must not be called from there. Later calls of Publish fail with [ErrClosed];
	// a second Close does nothing.
	Close() error
}

// Lister is a [Link] that knows the names of the other nodes. The Node sends no
// heartbeats then. A Lister delivers a message of type [AdapterClose] when another
// node went away without a word.
type Lister interface {
	// Members returns the names of the other nodes. It may block until ctx ends.
	Members(ctx context.Context) ([]string, error)
}

// Counter is a [Link] that can tell how many other nodes there are, but not which,
// as subscriber counts do. The Node sends no heartbeats then. A format whose
// responses do not name their sender needs it, or answers cannot be told complete.
type Counter interface {
	// Peers returns the number of other nodes. It may block until ctx ends.
	Peers(ctx context.Context) (int, error)
}

// RoomListener is a [Link] that wants to know which rooms have local members, for
// buses with a channel for each room.
type RoomListener interface {
	// RoomOpened and RoomClosed tell that a room got its first local member, or
	// lost the last. Private says that the room is that of a socket's own id. They
	// are called in order for any one room, and do not block: it can take the bus a
	// moment until messages for a new room arrive.
	RoomOpened(room string, private bool)
	RoomClosed(room string, private bool)
}

// Echoer is a [Recoverer] that delivers messages back to the node that published
// them, if [Message.Echo] is set, at the place that their offset has in the order: all
// nodes receive such messages in the order of the offsets. So clients do, and none
// can miss an event, or get it twice, because those of its own node took another way.
// Of what comes back only From, Namespace and Offset matter, and it may do so before
// Publish has returned. Other messages may be delivered back too, and are ignored.
//
// Without it, a client that is recovered can miss an event, or get it twice, if two
// nodes sent at the same time.
type Echoer interface {
	// Echoes reports whether the link does that. It does not change.
	Echoes() bool
}

// Batcher is a [Link] that can publish several messages at the cost of one. A Node
// publishes one after the other, so that they stay in order; where each takes a
// round trip, this is what makes it fast.
type Batcher interface {
	// PublishBatch does what Publish does for each of messages, in order; what is said
	// there holds here. The results belong to the messages in turn, and are as many. It
	// may publish those behind one that failed.
	PublishBatch(ctx context.Context, messages []*Message) []PublishResult
}

// PublishResult is what Publish returns.
type PublishResult struct {
	Offset string
	Err    error
}

// Immediate is a [Backend] that never waits for anything: Open and the Publish of
// its Links return at once. What is sent through it is published by the caller; with
// other Backends that is left to a goroutine, so that sending does not block.
type Immediate interface{ Immediate() }

// Loner is a [Link] that knows when nobody listens, so that a broadcast need not
// even be encoded.
type Loner interface {
	// Alone reports that what is published now would reach nobody, and would not be
	// kept either. It does not block.
	Alone() bool
}

// Local is what the other nodes ask of a node: each method acts on the sockets of
// this process only. The methods are called one after the other, on the goroutine
// that receives from the bus (DeliverAck also by [Node.Call], on the caller's), so
// none may block for long; user code runs elsewhere. None of the arguments may be
// modified, but all may be kept.
type Local interface {
	// Deliver sends an event to the selected sockets. If offset is not empty, it is
	// the position of the event for connection state recovery, which becomes its
	// last argument.
	Deliver(sel Selector, flags Flags, payload Payload, offset string)

	// DeliverAck sends an event to the selected sockets and asks each for an
	// acknowledgement. It returns the ids of the sockets that it asked, and calls
	// answer once for each that answers before ctx ends, whether before or after it
	// returned; answer does not block and may be called concurrently. Once ctx has
	// ended, answers are of no use and can be forgotten.
	DeliverAck(ctx context.Context, sel Selector, flags Flags, payload Payload, answer func(client string, args Payload)) (clients []string)

	// Sockets describes the selected sockets.
	Sockets(sel Selector) []SocketInfo

	// JoinRooms makes the selected sockets join rooms.
	JoinRooms(sel Selector, rooms []string)

	// LeaveRooms makes the selected sockets leave rooms.
	LeaveRooms(sel Selector, rooms []string)

	// Disconnect disconnects the selected sockets, and their connections if
	// closeConn is true.
	Disconnect(sel Selector, closeConn bool)

	// ServerSide handles an event that another node sent to the servers. Reply is
	// nil if no answer is wanted; otherwise it takes the first answer and ignores
	// later ones, does not block and may be called from any goroutine at any time.
	ServerSide(payload Payload, reply func(args Payload))
}
