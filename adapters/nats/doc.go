// Package sionats connects the nodes of a cluster through NATS.
//
//	nc, err := nats.Connect("nats://127.0.0.1:4222")
//	sio := socketio.NewServer(&socketio.Options{Cluster: sionats.New(nc, nil)})
//
// Without more, messages go by core NATS: who is cut off misses them. With
// [Options.Recovery], events are kept for a while by JetStream, so that nodes that are
// cut off for a short time miss none, and clients are recovered on any node. An
// [Emitter] sends from processes that run no server.
//
// # NATS
//
// The connection that is given is not used itself. Each node has one of its own, made
// by the same options, since what is published must not be kept for later while NATS
// is away, the connection must be made anew for as long as it takes, and what comes
// must not wait behind the messages of others.
//
// When NATS is away, the clients of a node still get what that node sends; what is
// published fails with [ErrUnavailable], at once or, if NATS is only silent, at first
// after the Timeout of the options; and OnError is told. When NATS is back, all goes
// on by itself. What others published in between is lost with core NATS, and delivered
// late with JetStream. A node that handles messages more slowly than they come drops
// some, and OnError is told; the log of JetStream waits for it. Messages that cannot be
// read are dropped, and OnError is told.
//
// Publishing waits until the server has taken the messages. That is not yet all the
// way to the others: NATS promises no more.
//
// Messages larger than the max_payload of the NATS server travel in parts, up to 64
// MiB.
//
// Nodes believe what is published on their subjects: with the accounts and permissions
// of NATS, keep others from doing that. A node needs to publish on and subscribe to
// PREFIX.> and its inbox; with recovery, also to use the stream and the bucket, and
// unless they exist, to make them.
//
// # Subjects
//
// Each namespace has its subjects:
//
//	PREFIX.NAMESPACE.all       to all nodes
//	PREFIX.NAMESPACE.to.NODE   to one node
//	PREFIX.NAMESPACE.log       in the stream, with recovery: events that can be
//	                           recovered, and joins, leaves and disconnections
//
// In the names of namespaces and nodes, letters, digits and dashes stay as they are, a
// slash is written "_", any other byte "=" with two upper-case hexadecimal digits, no
// name at all "=", and a name of more than 256 bytes "=sha256-" with its hash in
// lower-case hexadecimal digits. So the subjects of "/chat" begin with "sio._chat.".
//
// # Messages
//
// A message begins with its version, 1, and its type, a byte each; types are those of
// [cluster.Type]. Fields follow in any order, each as its number, the length of its
// value and the value; empty ones are left out, and unknown ones ignored. Numbers and
// lengths are unsigned varints, as those of Protocol Buffers, in the values too.
//
//	1 sender                    9 payload: JSON text of an array
//	2 namespace                10 attachment *
//	3 id of a request          11 room to join or leave *
//	4 number of the message    12 socket *: fields 1 id, 2 handshake (JSON),
//	5 flags: 1 volatile,          3 room *, 4 data (JSON)
//	  2 not compressed,        13 how many clients were asked
//	  4 one answer is enough,  14 id of a client that was asked *
//	  8 close connections      15 id of the client that answers
//	6 timeout in nanoseconds   16 number in the stream of what the sender has added
//	7 room of the selector *      to it last: who receives the message handles that
//	8 excepted room *             before, if it comes within a second
//
// What has an asterisk is there once for each. Type 0 is a part of a larger message:
// fields 1 id, the same for all parts, 2 index, 3 how many, 4 data. The data of all
// parts is the message. They are published in order.
//
// The offset of an event is the time at which the stream was made, in nanoseconds, a
// dash, and its number in the stream; both to base 36. The sessions in the bucket are
// JSON with the keys id, rooms and data (in base64); their key is the namespace, a dot
// and the private id, written as in subjects.
package sionats

import "github.com/gosocketio/sio/core/cluster"

var _ cluster.Backend = (*Backend)(nil)
