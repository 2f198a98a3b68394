package sionats

import (
	"github.com/nats-io/nats.go"

	"github.com/gosocketio/sio/adapters/nats/internal/wire"
	"github.com/gosocketio/sio/core/cluster"
)

// What the tests of the subjects and offsets need.
var (
	Token       = token
	ValidPrefix = validPrefix
	ParseOffset = parseOffset
)

const MaxMessage = wire.MaxMessage

// HoldPatience is how long a message waits for an entry of the log.
const HoldPatience = holdPatience

// ReceiveAfter has receive get messages of one namespace that were published after an
// entry of the log, which never comes. Stop ends that.
func ReceiveAfter(seq uint64, o Options, receive func(*cluster.Message), messages ...*cluster.Message) (stop func()) {
	o.Recovery = &Recovery{}
	o = o.withDefaults()
	in := startInbox(&o, &recent{limits: o.Recovery}, make(chan entry))
	namespace := messages[0].Namespace
	l := &link{
		outlet: &outlet{subjects: subjectsOf(o.Prefix, namespace)}, member: &member{node: "b"},
		namespace: namespace, receive: receive, ended: make(chan struct{}),
	}
	in.add(l)
	for _, m := range messages {
		in.ch <- &nats.Msg{Subject: l.all, Data: wire.Encode(wire.Frame{Message: m, After: seq})}
	}
	return in.close
}
