package sioredis

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/gosocketio/sio/core/cluster"
)

// streamsLink is one node in one namespace.
type streamsLink struct {
	*link
	publisher
	b               *Streams
	stream          string
	reader          *streamReader
	public, private string // channels
}

// durable reports whether a message goes to the stream.
func durable(m *cluster.Message) bool {
	switch m.Type {
	case cluster.Broadcast:
		return m.RequestID == ""
	case cluster.SocketsJoin, cluster.SocketsLeave, cluster.DisconnectSockets:
		return true
	}
	return false
}

// command makes the command for a message. What is not kept, a request to all or a
// response, is published.
func (l *streamsLink) command(m *cluster.Message) *command {
	if durable(m) {
		return adding(l.stream, l.b.opts.MaxLen, m)
	}
	channel := l.public
	if m.To != "" {
		channel = channelOf(l.b.opts.ChannelPrefix, l.namespace, m.To)
	}
	payload, err := appendMessageMsgpack(nil, m)
	if err != nil {
		return failed(err)
	}
	return publishing(l.hub.sharded, channel, payload)
}

// Echoes implements [cluster.Echoer].
func (l *streamsLink) Echoes() bool { return true }

// echo tells the node that it is the turn of an entry that it has published itself.
func (l *streamsLink) echo(e *redis.XMessage) {
	if e.Values["type"] == broadcastType {
		l.pass(&cluster.Message{Type: cluster.Broadcast, From: l.node, Namespace: l.namespace, Offset: e.ID})
	}
}

// Peers implements [cluster.Counter].
func (l *streamsLink) Peers(ctx context.Context) (int, error) { return l.peers(ctx, l.public) }

// Close implements [cluster.Link].
func (l *streamsLink) Close() error {
	l.close(func() {
		l.ignore(channels, l.public, l.private)
		l.b.detach(l)
	})
	return nil
}

// take handles what was published. A request waits until the events that were added
// to the stream before it have been delivered.
func (l *streamsLink) take(p *redis.Message) {
	m, err := decodeMessage([]byte(p.Payload))
	if err != nil {
		l.malformed(p.Channel, err)
		return
	}
	if p.Channel == l.public && m.From != l.node {
		l.catchUp()
	}
	l.deliver(m)
}

// catchUp waits until all that is in the stream has been delivered.
func (l *streamsLink) catchUp() {
	ctx, cancel := context.WithTimeout(context.Background(), l.hub.timeout)
	defer cancel()
	var last entryID
	err := l.guard.do(ctx, func(ctx context.Context) (err error) {
		last, err = lastEntry(ctx, l.guard.client, l.stream)
		return err
	})
	if err == nil {
		l.reader.reach(ctx, last)
	}
}
